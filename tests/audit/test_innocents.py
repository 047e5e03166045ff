"""Nobody is accused falsely: true figures in ways that were once called inconsistent; and searches that end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from leukbench.audit.checks.counts import count_sums
from leukbench.audit.checks.networks import architecture
from leukbench.audit.checks.scores import feasible_rows
from leukbench.audit.engine.conflicts import MOST_SUBSETS, minimal_conflicts
from leukbench.audit.engine.effort import Effort
from leukbench.audit.engine.feasibility import Score
from leukbench.audit.engine.multiclass import decide
from leukbench.audit.engine.rounding import printed_interval
from leukbench.audit.findings import every_finding
from leukbench.audit.readings.layers import layer_kind
from leukbench.audit.readings.ledger import read
from leukbench.papers.schema import Paper
from leukbench.seeds import generator_for
from tests.support.innocents import KINDS
from tests.support.printed_papers import Row, images, matrix, paper, score

Kind = Callable[[np.random.Generator], Paper]


def accused(kind: Kind, n: int, seed: int) -> list[tuple[int, str, str]]:
    made = ((i, kind(generator_for(seed, "innocents", kind.__name__, i))) for i in range(n))
    return [(i, f.check, f.statement) for i, p in made for f in every_finding(p) if f.status == "inconsistent"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_true_figures_are_not_called_inconsistent(kind: Kind) -> None:
    assert accused(kind, 4 if kind.__name__ == "cross_validation" else 12, seed=8) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_hundreds_of_true_papers_are_not_called_inconsistent(kind: Kind) -> None:
    assert accused(kind, 300, seed=9) == []


def statuses(p: Paper) -> set[str]:
    return {f.status for f in every_finding(p)}


def test_a_matrix_of_a_cross_validation_counts_all_images() -> None:
    """Five folds of 100 test images, one matrix of all 500."""
    declared, cells = matrix("cm", [["280", "20"], ["30", "170"]])
    of_all = paper(
        score("accuracy", "90"), *cells, images("100", split="test"), images("500", split="all"), matrices=[declared]
    )
    nowhere = paper(score("accuracy", "90"), *cells, images("100", split="test"), matrices=[declared])
    found = {f.check: f.status for f in every_finding(of_all)}
    assert (
        found["matrix_total"] == "implausible"
        and {f.check: f.status for f in every_finding(nowhere)}["matrix_total"] == "inconsistent"
    )


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        ((("train", "800"), ("test", "200")), "consistent"),
        ((("train", "800"), ("validation", "80"), ("test", "200")), "consistent"),  # within the training part
        ((("train", "800"), ("validation", "200"), ("test", "200")), "consistent"),  # the test part by another name
        ((("train", "720"), ("test", "200")), "implausible"),  # the validation part is not printed
        ((("train", "820"), ("test", "200")), "inconsistent"),
        ((("train", "700"), ("validation", "80"), ("test", "200")), "inconsistent"),
    ],
)
def test_parts_of_1000_images_in_the_usual_ways(counts: tuple[tuple[str, str], ...], status: str) -> None:
    p = paper(score("accuracy", "90"), images("1000", split="all"), *(images(n, split=s) for s, n in counts))
    assert [d.status for d in count_sums.check_split_sums(read(p))] == [status]


def test_training_parts_of_folds_overlap() -> None:
    folds = [images("800", split="train", fold=str(i)) for i in range(5)]
    p = paper(score("accuracy", "90"), images("1000", split="train"), *folds)
    assert count_sums.check_fold_sums(read(p)) == []


def layer(position: int, name: str, shape: str, count: str) -> list[Row]:
    common = {"model": "net", "condition": f"{position:02d} {name}"}
    return [{**common, "metric": "output_shape", "value": shape}, {**common, "metric": "params_layer", "value": count}]


def test_batch_norm_totals_in_both_conventions_and_an_optimisers_values() -> None:
    """27·8 + 8 = 224 and 2·8 = 16 in PyTorch, all trained: 240; 4·8 in Keras, 16 of 32 trained."""
    pool, start = layer(3, "MaxPooling2D", "(15, 15, 8)", "0"), layer(1, "Conv2D", "(30, 30, 8)", "224")
    for norm, total, trained, status in (
        ("16", "240", "240", ["consistent", "consistent"]),
        ("32", "256", "240", ["consistent", "consistent"]),
        ("32", "738", "240", ["consistent", "consistent"]),  # 256 + 2·240 + 2 of Adam
        ("32", "739", "240", ["inconsistent", "consistent"]),
        ("32", "256", "16", ["consistent", "implausible"]),  # the convolution may be frozen
        ("32", "256", "257", ["consistent", "inconsistent"]),
    ):
        counts = [
            {"metric": m, "model": "net", "value": v}
            for m, v in (("params_total", total), ("params_trainable", trained))
        ]
        p = paper(score("accuracy", "90"), *start, *layer(2, "BatchNormalization", "(30, 30, 8)", norm), *pool, *counts)
        assert [d.status for d in architecture.check_layer_totals(read(p))] == status, (norm, total, trained)


def test_a_layer_fed_from_elsewhere_is_odd_and_only_a_count_of_no_input_is_impossible() -> None:
    start = [*layer(1, "Conv2D", "(30, 30, 8)", "224"), *layer(2, "MaxPooling2D", "(15, 15, 8)", "0")]
    for count, status in (("1168", "consistent"), ("2752", "implausible"), ("1169", "inconsistent")):
        p = paper(score("accuracy", "90"), *start, *layer(3, "Conv2D", "(13, 13, 16)", count))  # (9·8 + 1)·16 = 1168
        assert [d.status for d in architecture.check_layer_parameters(read(p))] == [status]
    assert [layer_kind(n) for n in ("Conv + dropout", "Residual block conv", "Conv2D_3")] == ["other", "other", "conv"]


def test_forty_scores_of_one_row_are_decided_within_a_bounded_number_of_trials() -> None:
    """Any 30 of 40 hold together, no 31: so many subsets that one minimal conflict is found by leaving out."""
    trials = []

    def feasible(subset: tuple[int, ...]) -> bool:
        trials.append(len(subset))
        return len(subset) <= 30

    (conflict,) = minimal_conflicts(range(40), feasible)
    assert len(conflict) == 31 and len(trials) <= MOST_SUBSETS + 41


def test_without_effort_left_a_row_is_not_decided_and_says_why() -> None:
    sizes = [images(n, split="test", **{"class": c}) for c, n in (("ill", "900"), ("well", "900"))]
    rows = [
        score(m, v, model=f"m{i}", id=f"p.{m}{i}")
        for i in range(8)
        for m, v in (("accuracy", "90.1"), ("recall", "88.2"), ("precision", "91.3"), ("f1", "99.9"))
    ]
    drafts = feasible_rows.check_binary_rows(read(paper(*rows, *sizes)))
    undecided = [d for d in drafts if d.status == "uncheckable"]
    assert len(drafts) == 8 and 0 < len(undecided) < 8 and all("budget" in d.statement for d in undecided)
    assert all(d.status == "implausible" for d in drafts if d not in undecided)


def test_a_mean_over_trainings_may_have_an_accuracy_of_each_class_against_the_rest() -> None:
    """Recalls 0.8013 and an accuracy of 1 - 2(1 - 0.8013)/3 = 0.8675; classes taken together have other recalls."""
    sizes = [images("50", split="test", **{"class": c}) for c in "abc"]
    for scores in (("86.75", "80.13", "macro"), ("80.13", "91.57", "")):
        rows = [score("accuracy", scores[0]), score("recall", scores[1], average=scores[2])]
        drafts = feasible_rows.check_multiclass_rows(read(paper(*rows, *sizes, classes=tuple("abc"))))
        assert {d.status for d in drafts} <= {"implausible", "consistent"}
    (refuted,) = feasible_rows.check_multiclass_rows(
        read(paper(score("accuracy", "80.13"), score("recall", "91.57", average="macro"), *sizes, classes=tuple("abc")))
    )
    assert refuted.status == "inconsistent"


def test_a_search_of_several_classes_without_effort_says_nothing() -> None:
    row = [Score(m, i) for m, v in (("accuracy", "0.90"), ("balanced_accuracy", "0.99")) if (i := printed_interval(v))]
    assert decide([50, 50, 50], row).status == "impossible"
    assert decide([50, 50, 50], row, effort=Effort(0)).status == "open"


@pytest.mark.parametrize("n", ["999999999", "1000000", "50000"])
def test_huge_counts_end_soon(n: str) -> None:
    declared, cells = matrix("cm", [[n, "6"], ["5", "165"]])
    sizes = [images(n, split="test", **{"class": c}) for c in ("ill", "well")]
    figures = [score(m, v) for m, v in (("accuracy", "97.94"), ("recall", "98.4"), ("f1", "98.5"), ("mcc", "0.95"))]
    p = paper(*figures, *cells, *sizes, images(f"{int(n) + 500}", split="test"), matrices=[declared])
    assert every_finding(p)


def test_figures_above_one_hundred_per_cent_end_in_findings_not_in_a_traceback() -> None:
    sizes = [images(n, split="test", **{"class": c}) for c, n in (("ill", "60"), ("well", "40"))]
    rows = [
        score("accuracy", "9120"),
        score("accuracy", "880", model="other"),
        score("accuracy", "970", split="validation"),
        *(score("recall", v, **{"class": c}) for c, v in (("ill", "9100"), ("well", "130"))),
    ]
    parts = ("train", "validation")
    curve = [
        score("accuracy", str(900 + i), condition=f"epoch {i}", split=s, id=f"p.{s}{i}")
        for i in range(9)
        for s in parts
    ]
    found = every_finding(paper(*rows, *sizes, *curve))
    assert {f.check for f in found if f.status == "inconsistent"} >= {"range"}


def test_a_heat_map_cell_of_any_size_is_read() -> None:
    declared, cells = matrix("cm", [["1.8e+25", "6"], ["5", "165"]])
    assert every_finding(paper(score("accuracy", "97.94"), *cells, images("534", split="test"), matrices=[declared]))
