"""Nobody is accused falsely: figures as libraries print them, and the conventions one by one."""

from __future__ import annotations

import pytest

from leukbench.audit.checks.matrices import matrix_scores
from leukbench.audit.checks.scores import feasible_rows, grim, identities
from leukbench.audit.engine.definitions import Definition, degenerate_mcc, usual_values
from leukbench.audit.engine.feasibility import Score, binary_shares
from leukbench.audit.engine.rounding import computed, printed_interval
from leukbench.audit.findings import every_finding
from leukbench.audit.power.conventions import printed, tally
from leukbench.audit.readings.ledger import read
from tests.support.printed_papers import images, matrix, paper, score


def test_no_set_of_honest_figures_is_called_inconsistent() -> None:
    found = tally(60, seed=11)  # ten thousand below
    assert found.sets == 60 and len(found.kinds) > 15
    assert not found.inconsistent, (found.inconsistent, found.inconsistent_sets)


@pytest.mark.slow
def test_of_ten_thousand_sets_of_honest_figures_none_is_called_inconsistent() -> None:
    found = tally(10_000, seed=2024)  # those of POWER.md
    assert not found.inconsistent, (found.inconsistent, found.inconsistent_sets)


def never_predicted() -> tuple[dict[str, object], list[dict[str, object]]]:
    """90 of c0 and 10 of c1, all called c0."""
    return matrix("m1", [["90", "0"], ["10", "0"]], classes=("c0", "c1"))


@pytest.mark.parametrize("value", ["45.00", "95.00", "90.00"])  # 0.9 with 0/0 as 0, as 1, and left out
def test_macro_precision_of_a_class_that_is_never_called_has_three_usual_values(value: str) -> None:
    declared, cells = never_predicted()
    p = paper(score("precision", value, average="macro"), *cells, classes=("c0", "c1"), matrices=[declared])
    assert [d.status for d in matrix_scores.check_matrix_scores(read(p))] == ["consistent"]


def test_a_precision_that_no_convention_gives_is_still_inconsistent() -> None:
    declared, cells = never_predicted()
    p = paper(score("precision", "60.00", average="macro"), *cells, classes=("c0", "c1"), matrices=[declared])
    assert [d.status for d in matrix_scores.check_matrix_scores(read(p))] == ["inconsistent"]


def test_an_absent_class_counts_as_nought_as_one_or_not_at_all() -> None:
    """Two of three classes occur and are called; recall 1 and 0.5."""
    values = usual_values([[4, 0, 0], [2, 2, 0], [0, 0, 0]], ["a", "b", "c"])
    macro = {round(float(v), 4) for d, v in values.items() if d.metric == "recall" and d.reading.startswith("macro")}
    assert macro == {0.5, 0.8333, 0.75}


def test_an_undefined_mcc_has_the_values_that_libraries_print() -> None:
    values = usual_values([[90, 0], [10, 0]], ["a", "b"])
    assert {round(float(v), 3) for d, v in values.items() if d.metric == "mcc"} == {0.0, 1.0, -1.0, 0.267}
    assert round(degenerate_mcc(90, 10), 3) == 0.267  # (90 − 10)/√(100·90·10)
    assert Definition("mcc", "overall") not in values


def test_a_fraction_printed_with_all_its_digits_is_compared_as_computed() -> None:
    """11/12 in double precision, and in single precision as Keras prints it."""
    for value in ("0.9166666666666666", "0.9166666865348816"):
        p = paper(score("accuracy", value, unit="fraction", n="12", aggregation="single"))
        assert [d.status for d in grim.check_grid(read(p))] == ["consistent"], value
    p = paper(score("accuracy", "0.9100000000000000", unit="fraction", n="12", aggregation="single"))
    assert [d.status for d in grim.check_grid(read(p))] == ["inconsistent"]


def test_a_single_precision_share_that_is_cut_off_keeps_its_count() -> None:
    import numpy as np

    assert printed(float(np.float32(0.7)), digits=2, percent=False, truncate=True) == "0.69"
    interval = printed_interval("0.69")
    assert interval is not None and not interval.high >= 0.7000000001 and computed(interval).high >= 0.7


def test_a_matrix_without_positives_is_no_witness() -> None:
    scores = [(m, printed_interval(v)) for m, v in (("precision", "0.9562"), ("recall", "0.98"), ("f1", "0.9935"))]
    assert binary_shares([Score(m, i) for m, i in scores if i is not None]) is None
    possible = [(m, printed_interval(v)) for m, v in (("precision", "0.90"), ("recall", "0.80"), ("f1", "0.847"))]
    shares = binary_shares([Score(m, i) for m, i in possible if i is not None])
    assert shares is not None and shares[0] > 0 and min(shares) >= 0


def test_an_f1_may_exceed_the_mean_only_by_what_left_out_classes_add() -> None:
    """Every image called c0 (90 of 100): P 0.9 (left out), weighted recall 0.9, F1 0.947 of the one class left."""
    average = {"average": "weighted"}
    fits, beyond = (
        paper(*(score(m, v, **average) for m, v in (("precision", "90.0"), ("recall", "90.0"), ("f1", f1))))
        for f1 in ("94.7", "96.0")
    )
    assert [d.status for d in identities.check_f1_of_precision_recall(read(fits))] == ["uncheckable"]
    assert [d.status for d in identities.check_f1_of_precision_recall(read(beyond))] == ["inconsistent"]


def test_equal_precision_and_recall_may_be_micro_averages_beside_a_macro_f1() -> None:
    p = paper(score("precision", "80.0"), score("recall", "80.0"), score("f1", "84.0"), classes=("a", "b", "c"))
    assert [d.status for d in identities.check_f1_of_precision_recall(read(p))] == ["uncheckable"]


def test_an_accuracy_of_several_classes_may_be_the_mean_of_their_recalls() -> None:
    """60 of 60, 15 of 20, 10 of 20: 85 % of the images, 75 % as the mean of the recalls."""
    declared, cells = matrix("m1", [["60", "0", "0"], ["5", "15", "0"], ["5", "5", "10"]], classes=("a", "b", "c"))
    for value, status in (("85.0", "consistent"), ("75.0", "consistent"), ("80.0", "inconsistent")):
        p = paper(score("accuracy", value), *cells, classes=("a", "b", "c"), matrices=[declared])
        assert [d.status for d in matrix_scores.check_matrix_scores(read(p))] == [status], value


def test_an_accuracy_of_one_class_is_its_recall_beside_counts_that_name_no_class() -> None:
    """235 of 294 are 79.932 %, 303 of 306 are 99.020 %: torchmetrics' accuracies of the two classes."""
    counts = [
        {"metric": m, "value": v, "matrix": "cm", "split": "test", "model": "m"}
        for m, v in (("tp", "235"), ("fn", "59"), ("fp", "3"), ("tn", "303"))
    ]
    figures = [score("accuracy", v, **{"class": c}) for c, v in (("c0", "79.932"), ("c1", "99.020"))]
    declared = {"id": "cm", "where": "Figure 1", "rows": "actual", "classes": ["c0", "c1"]}
    made = paper(*figures, *counts, classes=("c0", "c1"), matrices=[declared])
    made = made.model_copy(update={"studies": {"s": made.studies["s"].model_copy(update={"positive": None})}})
    assert [f.check for f in every_finding(made) if f.status == "inconsistent"] == []


def test_class_sizes_of_nought_end_in_no_traceback() -> None:
    sizes = [images(n, split="test", **{"class": c}) for c, n in (("ill", "40"), ("well", "0"))]
    p = paper(score("accuracy", "90"), score("recall", "90", **{"class": "ill"}), score("f1", "94"), *sizes)
    assert every_finding(p) and feasible_rows.check_binary_rows(read(p)) == []
