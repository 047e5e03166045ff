"""Merging classes, gaps between sources and what prevalence alone changes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from leukbench.evaluation.transfer import accuracy_at_prevalence, merge_predictions, prevalence, transfer_gap
from leukbench.records import Estimate
from tests.support.made_predictions import make_predictions

STAGES = {"a": "healthy", "b": "ill", "c": "ill"}


def test_merged_classes_are_right_where_any_of_them_was_right_for_any_of_them() -> None:
    p = make_predictions(n=300, n_groups=15, n_classes=3)
    merged = merge_predictions(p, STAGES, ("healthy", "ill"))
    assert np.allclose(merged.scores[:, 1], p.scores[:, 1] + p.scores[:, 2]) and np.allclose(merged.scores.sum(1), 1)
    assert (merged.label == (p.label > 0)).all()
    assert (merged.predicted == merged.scores.argmax(1)).all()


def test_without_scores_the_predicted_class_is_merged() -> None:
    p = make_predictions(n=30, n_groups=6, n_classes=3)
    p = dataclasses.replace(p, scores=np.full_like(p.scores, np.nan))
    assert (merge_predictions(p, STAGES, ("healthy", "ill")).predicted == (p.predicted > 0)).all()


def test_prevalence_counts_an_image_once_however_often_it_is_tested() -> None:
    p = make_predictions(n=90, n_groups=9, n_classes=3, n_seeds=4)
    assert np.allclose(prevalence(p), [1 / 3] * 3)


def test_at_its_own_prevalence_accuracy_stays_and_at_another_it_is_the_mean_of_recalls() -> None:
    p = make_predictions(n=400, n_groups=20)
    assert accuracy_at_prevalence(p, prevalence(p)) == pytest.approx((p.label == p.predicted).mean())
    recalls = [(p.predicted[p.label == c] == c).mean() for c in (0, 1)]
    assert accuracy_at_prevalence(p, np.array([0.1, 0.9])) == pytest.approx(0.1 * recalls[0] + 0.9 * recalls[1])
    assert math.isnan(accuracy_at_prevalence(p.take(p.label == 0), np.array([0.5, 0.5])))


def _estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(metric="accuracy", value=value, low=low, high=high)


def test_the_gap_of_normal_limits_is_that_of_the_sum_of_variances() -> None:
    gap = transfer_gap(_estimate(0.8, 0.8 - 0.03, 0.8 + 0.03), _estimate(0.5, 0.5 - 0.04, 0.5 + 0.04))
    assert (gap.difference, gap.low, gap.high) == pytest.approx((-0.3, -0.35, -0.25))


def test_a_gap_without_limits_says_so() -> None:
    gap = transfer_gap(_estimate(0.8, float("nan"), float("nan")), _estimate(0.5, 0.4, 0.6))
    assert gap.difference == pytest.approx(-0.3) and math.isnan(gap.low) and "undefined" in gap.note


def test_the_gap_covers_a_known_difference_as_often_as_it_says() -> None:
    """Planted truth: accuracies 0.85 and 0.65 of two independent samples, Wilson limits;
    95 % within 3 standard errors."""
    from leukbench.evaluation.intervals import wilson

    rng, hits, n_trials = np.random.default_rng(0), 0, 2000
    for right, wrong in zip(rng.binomial(120, 0.85, n_trials), rng.binomial(90, 0.65, n_trials), strict=True):
        sides = []
        for k, n in ((right, 120), (wrong, 90)):
            interval = wilson(float(k), float(n), level=0.95)
            sides.append(_estimate(k / n, interval.low, interval.high))
        gap = transfer_gap(*sides)
        hits += gap.low <= 0.65 - 0.85 <= gap.high
    assert abs(hits / n_trials - 0.95) < 3 * math.sqrt(0.95 * 0.05 / n_trials)
