"""The chance check has an answer where a class is never called, and its MCC interval covers."""

from __future__ import annotations

import numpy as np

from leukbench.audit.checks.scores import chance
from leukbench.audit.readings.ledger import read
from tests.support.printed_papers import matrix, paper, score


def draft_of(counts: list[list[str]]) -> chance.Draft:
    declared, cells = matrix("m1", counts)
    (draft,) = chance.check_independence(read(paper(score("accuracy", "90"), *cells, matrices=[declared])))
    return draft


def test_calling_everything_one_class_is_chance_and_never_nan() -> None:
    draft = draft_of([["90", "0"], ["10", "0"]])
    assert draft.status == "implausible" and "every image is called ill" in draft.statement
    assert "nan" not in draft.statement + draft.witness


def test_images_of_one_class_cannot_tell_skill_from_chance() -> None:
    draft = draft_of([["90", "10"], ["0", "0"]])
    assert draft.status == "uncheckable" and "All images" in draft.statement


def test_a_class_of_three_that_is_never_called_leaves_the_test_to_the_others() -> None:
    assert chance.independence_p([[40, 2, 0], [3, 41, 0], [10, 9, 0]]) < 1e-10


def test_the_mcc_interval_covers_near_one_and_in_the_middle() -> None:
    """Of 300 matrices from a known truth at least 92 % and not all of their intervals hold it (nominal 95 %)."""
    rng = np.random.default_rng(3)
    truths = [
        np.array([[0.315, 0.003], [0.001, 0.681]]),
        np.array([[0.42, 0.08], [0.10, 0.40]]),
        np.array([[0.30, 0.02, 0.01], [0.02, 0.30, 0.02], [0.01, 0.02, 0.30]]),
    ]
    for truth in truths:
        truth = truth / truth.sum()
        true = float(chance._mcc_of_shares(truth[None])[0])
        n_covered = 0
        for counts in rng.multinomial(800, truth.ravel(), size=100).reshape(-1, *truth.shape):
            low, high = chance.mcc_interval(counts.tolist())
            n_covered += low <= true <= high
        assert 89 <= n_covered <= 100, (truth, n_covered)


def test_the_mcc_interval_near_one_is_that_of_the_multinomial() -> None:
    """672/6/0/1455: Fisher's z would say 0.993 to 0.994; a multinomial bootstrap 0.988 to 0.998."""
    low, high = chance.mcc_interval([[672, 6], [0, 1455]])
    assert abs(low - 0.988) < 0.004 and abs(high - 0.998) < 0.002


def test_skill_that_the_images_only_do_not_tell_is_not_called_absent() -> None:
    few = draft_of([["12", "8"], ["10", "10"]])  # χ² = 40 (12·10 - 8·10)² / (20·20·22·18) = 0.404, p = 0.53
    assert (few.status, few.severity) == ("implausible", 2)
    assert few.statement.endswith(
        "not told from chance: 53 % of matrices of independent classes depart from independence as far."
    )
    many = draft_of([["752", "339"], ["361", "148"]])  # MCC = -0.02, its interval ends below 0.2
    assert many.severity == 3 and many.statement.endswith("no better than chance: their MCC is -0.02.")
    assert draft_of([["2", "18"], ["18", "2"]]).severity == 3  # told, and the wrong way round
    assert draft_of([["18", "2"], ["2", "18"]]).severity == 0


def test_a_matrix_with_nearly_all_images_in_one_cell_has_an_interval_in_numbers() -> None:
    low, high = chance.mcc_interval([[10**18, 1], [1, 1]])
    assert 0 <= low <= high <= 1
