"""Impossible rows and what would explain them, spreads, equal losses, quoted rows: planted and honest cases."""

from __future__ import annotations

from fractions import Fraction

import pytest

from leukbench.audit.checks.scores import balanced, binary_reading, coincidences, spreads
from leukbench.audit.checks.scores import grim as grid
from leukbench.audit.checks.text import prose
from leukbench.audit.checks.training import plausibility
from leukbench.audit.engine.rounding import Interval
from leukbench.audit.findings import every_finding
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import read
from leukbench.papers.loader import load_paper
from tests.support.printed_papers import Row, images, paper, score

FOUR = ("a", "b", "c", "d")


def statuses(drafts: list[Draft]) -> list[str]:
    return [d.status for d in drafts]


def binary_rows(n: int, share: float, *, precision: bool) -> list[Row]:
    """Rows of one binary test set with this share of positives; the third figure a precision instead of a
    specificity."""
    found: list[Row] = []
    for i in range(n):
        r, s = 0.99 - 0.002 * i, 0.95 - 0.006 * i
        fp = (1 - share) * (1 - s)
        p = share * r / (share * r + fp)
        third = p if precision else s
        values = {
            "accuracy": share * r + (1 - share) * s,
            "sensitivity": r,
            "specificity": third,
            "f1": 2 * p * r / (p + r),
        }
        found += [score(m, f"{100 * v:.2f}", model=f"m{i}", id=f"p.m{i}.{m}") for m, v in values.items()]
    return found


def test_a_precision_called_specificity_is_recognised_with_its_odd_row() -> None:
    rows = binary_rows(6, 0.6, precision=True)
    next(r for r in rows if r["id"] == "p.m5.accuracy")["value"] = "95.10"
    (draft,) = binary_reading.check_binary_reading(read(paper(*rows, classes=FOUR)))
    assert draft.status == "implausible" and "If the figures called specificity were precisions" in draft.witness
    assert "5 of 6 rows" in draft.witness and "m5 (95.10; it would be" in draft.witness and "60" in draft.witness


def test_rows_of_one_pooled_test_set_share_their_positives() -> None:
    (draft,) = binary_reading.check_binary_reading(read(paper(*binary_rows(5, 0.6, precision=False), classes=FOUR)))
    assert draft.status == "consistent"


def test_averages_over_classes_are_not_read_as_binary() -> None:
    """Accuracy 90 over 4 equal classes: macro specificity 96.67, above it."""
    rows = [score(m, v, model=f"m{i}", id=f"p.m{i}.{m}") for i in range(4) for m, v in AVERAGES]
    assert binary_reading.check_binary_reading(read(paper(*rows, classes=FOUR))) == []


AVERAGES = (("accuracy", "90.00"), ("sensitivity", "90.00"), ("specificity", "96.67"))


def test_the_share_that_a_precision_needs_by_hand() -> None:
    """π = 0.4, r = 0.9, 10 false among 360 + 10 called of 1000: p = 360/370, accuracy = 1 − (40 + 10)/1000."""
    exact = [Interval(v, v) for v in (Fraction(95, 100), Fraction(9, 10), Fraction(360, 370))]
    share = binary_reading.share_if_precision(*exact)
    assert share is not None and share.low == share.high == Fraction(2, 5)


def test_a_row_with_two_specificities_is_accused_only_if_both_are_impossible() -> None:
    sizes = [images("5000", split="all", **{"class": c}) for c in FOUR]
    macro = {"average": "macro"}
    rows = (score("accuracy", "97.36"), score("specificity", "96.69", **macro), score("specificity", "98.71", **macro))
    (draft,) = balanced.check_balanced_classes(read(paper(*rows, *sizes, classes=FOUR)))
    assert draft.status == "inconsistent" and "96.69 or 98.71" in draft.witness
    assert ("p.q1",) in draft.members and ("p.q2",) in draft.more[0]
    whole = every_finding(paper(*rows, *sizes, classes=FOUR))
    assert {f.check for f in whole if f.status == "inconsistent"} == {"balanced_classes", "two_values"}
    assert not any(f.accused for f in whole)  # either value may be the slip, or the accuracy
    fitting = (*rows[:2], score("specificity", "99.12", **macro))  # 1 − 0.0264/3
    assert set(statuses(balanced.check_balanced_classes(read(paper(*fitting, *sizes, classes=FOUR))))) <= {"consistent"}


def test_rows_told_together_show_the_two_figures_of_each() -> None:
    sizes = [images("5000", split="all", **{"class": c}) for c in FOUR]
    rows = [
        score(m, v, model=f"m{i}", id=f"p.m{i}.{m}{n}")
        for i in range(6)
        for n, (m, v) in enumerate((("accuracy", "95.00"), ("accuracy", "95.00"), ("specificity", f"9{i}.11")))
        if i < 5
    ]
    drafts = balanced.check_balanced_classes(read(paper(score("auc", "1.00"), *rows, *sizes, classes=FOUR)))
    draft = next(d for d in drafts if "other rows" in d.statement)
    assert "95.00, 91.11" in draft.witness and "95.00, 95.00" not in draft.witness


def test_slightly_unequal_classes_are_only_implausible() -> None:
    sizes = [images("5000", split="all", **{"class": c}) for c in FOUR]
    (draft,) = balanced.check_balanced_classes(
        read(paper(score("accuracy", "98.70"), score("recall", "98.98"), *sizes, classes=FOUR))
    )
    assert draft.status == "implausible" and not draft.members


@pytest.mark.parametrize(
    ("width", "status"), [("0.40", "consistent"), ("0.90", "implausible"), ("0.01", "implausible")]
)
def test_the_spread_of_accuracy_lies_between_what_its_parts_allow(width: str, status: str) -> None:
    """Means 96.00 of 98.00 and 94.00: π = ½, so the spread of accuracy is ½·0.5 ± ½·0.3, from 0.10 to 0.40."""
    rows = [
        score(m, v, spread=s)
        for m, v, s in (
            ("accuracy", "96.00", width),
            ("sensitivity", "98.00", "0.50"),
            ("specificity", "94.00", "0.30"),
        )
    ]
    assert statuses(spreads.check_spreads(read(paper(*rows)))) == [status]


def test_losses_that_are_one_function_are_named_with_what_differs() -> None:
    (draft,) = spreads.check_equivalent_losses(read(load_paper("dscnet")))
    assert "8 groups" in draft.statement and "1.88 points" in draft.statement  # 97.39 − 95.51
    assert spreads.check_equivalent_losses(read(load_paper("alnet"))) == []


def test_quoted_rows_are_asked_about_and_not_accused() -> None:
    def quoted(accuracy: str) -> list[Row]:
        values = (("accuracy", accuracy), ("sensitivity", "95.91"), ("specificity", "95.81"))
        return [score(m, v, kind="cited", model="N. N. [34]", split="") for m, v in values]

    own = score("accuracy", "90.00")
    assert statuses(spreads.check_cited_rows(read(paper(own, *quoted("95.54"))))) == ["uncheckable"]
    assert spreads.check_cited_rows(read(paper(own, *quoted("95.90")))) == []


def test_the_same_result_printed_twice_is_no_rival_of_itself() -> None:
    rows = (
        score("accuracy", "99.37", spread="0.40"),
        score("accuracy", "99.37", aggregation="mean"),
        score("accuracy", "99.06", model="n"),
    )
    (draft,) = plausibility.check_close_race(read(paper(*rows)))
    assert draft.status == "implausible" and "0.31 points" in draft.statement


def test_a_recall_without_a_class_is_no_share_of_all_images() -> None:
    n = images("214", split="test")
    assert grid.check_grid(read(paper(score("recall", "80.95"), n))) == []
    assert statuses(grid.check_grid(read(paper(score("accuracy", "80.95"), n)))) == ["implausible"]
    ill = images("214", split="test", **{"class": "ill"})
    assert statuses(grid.check_grid(read(paper(score("recall", "80.95", **{"class": "ill"}), ill)))) == ["implausible"]


def test_coarse_columns_coincide_without_meaning() -> None:
    def table(digits: int) -> list[Row]:
        lines = ((0.951, 0.902), (0.934, 0.893), (0.967, 0.921), (0.945, 0.911), (0.973, 0.942))
        found: list[Row] = []
        for i, (r, s) in enumerate(lines):
            values = {"recall": r, "specificity": s, "f1": 2 * r * s / (r + s)}
            found += [
                score(m, f"{v:.{digits}f}", unit="fraction", model=f"m{i}", id=f"p.m{i}.{m}") for m, v in values.items()
            ]
        return found

    assert coincidences.check_coincidences(read(paper(*table(2)))) == []
    assert any(
        "harmonic mean of sensitivity" in d.statement for d in coincidences.check_coincidences(read(paper(*table(4))))
    )


@pytest.mark.parametrize(
    ("gain", "words"),
    [("5.00", "against the mean of the other networks"), ("4.10", "mean and median of the other networks, tried")],
)
def test_a_gain_over_competitors_that_are_not_named_is_looked_for_in_their_mean(gain: str, words: str) -> None:
    """95.00 over 88.00, 90.60 and 91.40, whose mean is 90.00; no pair has 5 or 4.1 points, nor that ratio."""
    rows = [score("accuracy", v, model=m) for m, v in (("m", "95.00"), ("x", "88.00"), ("y", "90.60"), ("z", "91.40"))]
    gained = {"metric": "improvement", "value": gain, "unit": "%", "model": "m", "condition": "accuracy over others"}
    (draft,) = prose.check_gains(read(paper(*rows, gained)))
    assert draft.status == "uncheckable" and words in draft.witness
