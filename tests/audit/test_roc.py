"""The AUC against the operating point beside it: what a ROC curve through one point can have under it."""

from __future__ import annotations

import pytest

from leukbench.audit.checks.scores.roc import check_auc_bounds
from leukbench.audit.readings.ledger import read
from tests.support.printed_papers import matrix, paper, score


@pytest.mark.parametrize(("auc", "status"), [("60.0", "consistent"), ("59.7", "inconsistent"), ("100", "consistent")])
def test_an_auc_is_at_least_sensitivity_and_specificity_less_one(auc: str, status: str) -> None:
    # 0.9 + 0.7 − 1 = 0.6; 0.8995 + 0.6995 − 1 = 0.599 where both were rounded up; over both outputs 0.8 of all are
    # right, so at least 0.7995² = 0.639
    rows = (score("auc", auc), score("sensitivity", "90.0"), score("specificity", "70.0"), score("accuracy", "80.0"))
    (draft,) = check_auc_bounds(read(paper(*rows)))
    assert draft.status == status and "0.599 to 1" in draft.witness


def test_an_auc_of_both_outputs_at_once_is_bounded_by_the_accuracy() -> None:
    """Sensitivity 0.99, specificity 0.60, 0.63 of all right: r + s − 1 = 0.59, but over both outputs 0.63² = 0.40."""
    rows = (score("sensitivity", "99.0"), score("specificity", "60.0"), score("accuracy", "63.0"))
    found = [check_auc_bounds(read(paper(score("auc", v), *rows)))[0].status for v in ("45.0", "35.0")]
    assert found == ["consistent", "inconsistent"]


def test_equal_scores_which_may_be_micro_averages_and_several_classes_are_not_asked() -> None:
    assert not check_auc_bounds(read(paper(score("auc", "50"), score("sensitivity", "90"), score("specificity", "90"))))
    rows = (score("auc", "50"), score("sensitivity", "95"), score("specificity", "90"))
    assert not check_auc_bounds(read(paper(*rows, classes=("a", "b", "c"))))


@pytest.mark.parametrize(("auc", "status"), [("70.9", "inconsistent"), ("72", "consistent"), ("98.9", "inconsistent")])
def test_a_matrix_bounds_the_auc_on_both_sides(auc: str, status: str) -> None:
    declared, cells = matrix("m1", [["90", "10"], ["20", "80"]])
    # recalls 0.9 and 0.8: from 0.9·0.8 = 0.72 to 1 − 0.1·0.2 = 0.98
    assert [d.status for d in check_auc_bounds(read(paper(score("auc", auc), *cells, matrices=[declared])))] == [status]
