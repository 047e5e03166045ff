"""Two classes of more matrices than are tried one by one: a search says what trying them all would."""

from __future__ import annotations

import functools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from leukbench.audit.checks.scores import feasible_rows, fold_scores
from leukbench.audit.engine import multiclass
from leukbench.audit.engine.feasibility import READINGS, BinaryGrid, Score, binary_matrix
from leukbench.audit.engine.rounding import Interval, printed_interval
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import read
from leukbench.tools.draft.audit import draft_of
from tests.support.printed_papers import images, paper, score

WAYS = ("macro", "weighted", "positive:first", "positive:second")
METRICS = ("accuracy", "precision", "recall", "f1", "specificity", "mcc", "kappa", "balanced_accuracy")


def row_of(grid: BinaryGrid, rng: np.random.Generator) -> list[Score]:
    """Return scores of a random matrix of the grid in one way or several, a fifth of them off by a little or much."""
    a, b = int(grid.p * (1 - rng.random() ** 2)), int(grid.q * (1 - rng.random() ** 2))
    ways, digits = rng.choice(WAYS, size=rng.choice([1, 3])), int(rng.integers(2, 5))
    found = []
    for metric in rng.choice(METRICS, size=rng.integers(2, 6), replace=False):
        way = str(rng.choice(ways))
        off = rng.choice([-1, 1]) * 10.0**-digits * rng.choice([1, 3, 30]) if rng.random() < 0.2 else 0.0
        value = grid.values(str(metric), way)[a, b] + off
        interval = printed_interval(f"{value:.{digits}f}") if 0 <= value <= 1 else None
        if interval is not None:
            found.append(Score(str(metric), interval, "", way if way in WAYS[:2] and rng.random() < 0.3 else ""))
    return found


def agree(seed: int, least: int, most: int, n: int) -> tuple[int, int]:
    """Hold the search against trying every matrix; return how many rows it refused and how many it left open."""
    rng = np.random.default_rng(seed)
    refused = left = 0
    for _ in range(n):
        grid = BinaryGrid({"ill": int(rng.integers(least, most)), "well": int(rng.integers(least, most))})
        scores = row_of(grid, rng)
        masks = [functools.reduce(np.logical_or, [grid.mask(s, r) for r in (*READINGS, "micro")]) for s in scores]
        some = not masks or bool(functools.reduce(np.logical_and, masks).any())
        answer = multiclass.decide([grid.p, grid.q], scores, names=grid.classes)
        assert answer.status != "impossible" or not some, (grid.p, grid.q, scores)
        if scores and binary_matrix({"ill": grid.p, "well": grid.q}, scores, grid=grid):
            assert answer.status == "feasible" and not answer.mixed
        refused, left = refused + (answer.status == "impossible"), left + (answer.status == "open")
    return refused, left


def test_the_search_refuses_what_no_matrix_gives_and_nothing_else() -> None:
    refused, left = agree(3, 5, 60, 25)
    assert refused >= 6 and left == 0


@pytest.mark.slow
def test_the_search_agrees_with_every_matrix_tried_on_hundreds_of_rows() -> None:
    refused, left = agree(4, 5, 300, 600)
    assert refused >= 150 and left == 0


REPORT = """              precision    recall  f1-score   support

         all       0.90      0.91      0.91      1495
         hem       0.91      0.90      0.91      1505

    accuracy                           {accuracy}      3000
   macro avg       0.91      0.91      0.91      3000
weighted avg       0.91      0.91      0.91      3000
"""


@pytest.mark.parametrize(("accuracy", "status"), [("0.91", "consistent"), ("0.71", "inconsistent")])
def test_a_report_of_three_thousand_images_is_decided(tmp_path: Path, accuracy: str, status: str) -> None:
    (tmp_path / "report.txt").write_text(REPORT.format(accuracy=accuracy))
    (found,) = feasible_rows.check_binary_rows(read(draft_of(tmp_path / "report.txt").paper()))
    assert found.status == status and found.check == "binary_rows"
    assert ("1495 all" in found.statement) and ("pooled against" not in found.repair)


def test_scores_of_the_cells_of_c_nmc_need_a_matrix_of_their_class_sizes() -> None:
    """2,182 and 1,017 cells: an accuracy of 0.95 with a recall of 0.99 for leukaemia leaves 138 healthy cells missed
    or fewer, so a precision of 0.93 at least.
    """
    sizes = [images("2182", split="test", **{"class": "ill"}), images("1017", split="test", **{"class": "well"})]

    def row(precision: str, aggregation: str = "single") -> str:
        said = {"aggregation": aggregation}
        scores = (score("accuracy", "95.0", **said), score("recall", "99.0", **said, **{"class": "ill"}))
        third = score("precision", precision, **said, **{"class": "ill"})
        (found,) = feasible_rows.check_binary_rows(read(paper(*scores, third, *sizes)))
        return found.status

    assert (row("94.0"), row("97.0")) == ("consistent", "inconsistent")
    assert row("97.0", "") == "implausible"  # a mean over trainings, it may be


def test_a_score_of_what_is_no_class_refutes_nothing() -> None:
    """A recall of "early" may be that of a class under another name, or of several."""
    for classes in (("A", "B", "C"), ("A", "B")):
        low = Interval(Fraction("0.09"), Fraction("0.11"))
        scores = [Score("accuracy", Interval(Fraction("0.89"), Fraction("0.91"))), Score("recall", low, "early")]
        of_class = Score("recall", low, "", "positive:early")
        answer = multiclass.decide([1500] * len(classes), [*scores, of_class], names=classes)
        assert answer.status == "feasible"


def test_folds_of_many_images_counted_together_are_decided_and_their_means_said_to_be_untried() -> None:
    sizes = [
        images("1456" if c == "ill" else "678", split="test", fold=f, id=f"p.n{f}{c}", **{"class": c})
        for f in ("1", "2", "3", "4", "5")
        for c in ("ill", "well")
    ]

    def row(f1: str, aggregation: str) -> Draft:
        scores = (score("accuracy", "90.0", aggregation=aggregation),
                  score("f1", f1, aggregation=aggregation, average="macro"))  # fmt: skip
        (found,) = fold_scores.check_fold_scores(read(paper(*scores, *sizes)))
        return found

    assert row("88.0", "pooled").status == "consistent"
    bad = row("97.0", "pooled")
    assert bad.status == "inconsistent" and "linear program" not in bad.witness
    assert row("88.0", "mean").status == "consistent"  # as the counts taken together
    mean = row("97.0", "mean")
    assert mean.status == "uncheckable" and "not tried" in mean.witness
