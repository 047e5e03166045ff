"""A true claim is not refuted more often than alpha where a class has two or three patients."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leukbench.evaluation.intervals import add_strata, korn_graubard
from leukbench.verdicts.rule import MARGIN_CURVE
from tests.support.few_patients import CLASSES, METRICS, RECALLS, UNLIKE, covered, refuted, without_bound

ALPHA = 0.05


def above(rate: float, replicates: int) -> bool:
    """Whether a share is above alpha by more than chance (three standard errors)."""
    return rate > ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / replicates)


def test_true_claims_are_seldom_refuted_with_three_healthy_patients() -> None:
    n = 60
    found = refuted((11, 3), (0.95, 0.6), replicates=n)
    assert {key: share for key, share in found.items() if above(share, n)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("recalls", RECALLS)
@pytest.mark.parametrize("per_class", CLASSES)
def test_true_claims_are_seldom_refuted(per_class: tuple[int, int], recalls: tuple[float, float]) -> None:
    n = 1000
    found = refuted(per_class, recalls, replicates=n)
    assert set(found) == {(metric, margin) for metric in METRICS for margin in MARGIN_CURVE}
    assert {key: share for key, share in found.items() if above(share, n)} == {}


@pytest.mark.slow
@pytest.mark.parametrize("per_class", UNLIKE)
def test_intervals_cover_where_a_class_has_few_patients(per_class: tuple[int, int]) -> None:
    n = 600
    error = 3 * (0.95 * 0.05 / n) ** 0.5
    for recalls in RECALLS:
        assert min(covered(per_class, recalls, replicates=n).values()) >= 0.93 - error


@pytest.mark.slow
def test_without_the_bound_two_patients_of_a_class_are_taken_for_many() -> None:
    n = 600
    with without_bound():
        assert covered((30, 2), RECALLS[0], replicates=n)["auc"] < 0.91
    assert covered((30, 2), RECALLS[0], replicates=n)["auc"] > 0.91


def test_the_poorest_class_bounds_the_degrees_of_freedom() -> None:
    assert add_strata([(1.0, 20.0), (1e-6, 2.0)]) == (pytest.approx(1.0), 4.0)
    assert add_strata([(1.0, 20.0), (1.0, 20.0)]) == (2.0, 40.0)  # of one size: Satterthwaite's own
    assert add_strata([(1.0, 7.0)]) == (1.0, 7.0)
    y, n = np.array([60, 64, 66, 58, 62, 65, 63, 61, 40, 41]), np.full(10, 70)  # the two of class 1 look alike
    strata = np.array([0] * 8 + [1] * 2)
    assert korn_graubard(y, n, strata=strata).df == 2.0
