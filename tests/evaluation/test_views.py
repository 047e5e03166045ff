"""What figures are drawn from: curves, matrices and bins against oracles."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_curve

from leukbench.evaluation.operating import calibration
from leukbench.evaluation.scoring import roc_auc
from leukbench.evaluation.views import FEWEST_GROUPS, ROC_STEPS, confusion, mean_roc
from leukbench.records import Predictions
from tests.support.made_predictions import make_predictions


def test_the_curve_of_one_run_is_that_of_scikit_learn_and_its_band_holds_it() -> None:
    p = make_predictions(n=400, n_groups=20, seed=1)
    roc = mean_roc(p)
    false, hits, _ = roc_curve(p.label == 1, p.scores[:, 1], drop_intermediate=False)
    last = np.searchsorted(false, np.linspace(0, 1, ROC_STEPS) + 1e-9, side="right") - 1
    assert (np.array(roc.sensitivity) >= hits[last] - 1e-5).all(), "a step may rise between two points of the grid"
    area = np.trapezoid(roc.sensitivity, dx=1 / (ROC_STEPS - 1))
    assert area == pytest.approx(roc_auc(p.label == 1, p.scores[:, 1]), abs=0.01)
    assert all(low <= x <= high for low, x, high in zip(roc.low, roc.sensitivity, roc.high, strict=True))
    assert (roc.n_images, roc.n_groups, roc.n_curves) == (400, 20, 1)


def test_the_other_class_gives_the_mirrored_curve_and_chance_the_diagonal() -> None:
    p = make_predictions(n=2000, n_groups=400, seed=2, skill=0.0, nuisance=0.0)
    diagonal = np.linspace(0, 1, ROC_STEPS)
    assert np.abs(np.array(mean_roc(p, positive=0).sensitivity) - diagonal).max() < 0.06
    skilled = make_predictions(n=400, n_groups=20, seed=1)
    first, second = (np.trapezoid(mean_roc(skilled, positive=c).sensitivity) for c in (0, 1))
    assert first == pytest.approx(second, abs=0.5)


def test_folds_and_classes_are_averaged() -> None:
    p = make_predictions(n=600, n_groups=60, n_classes=3, n_folds=2, n_seeds=2, seed=3)
    assert mean_roc(p).n_curves == 2 * 2 * 3


def test_the_band_covers_the_population_curve() -> None:
    """Pointwise 95 %: over 40 draws of 40 groups, the curve of 40,000 images lies within at the middle of the axis."""
    truth = np.array(mean_roc(make_predictions(n=40_000, n_groups=4_000, seed=99)).sensitivity)
    at = ROC_STEPS // 5
    inside = 0
    for seed in range(40):
        roc = mean_roc(make_predictions(n=400, n_groups=40, seed=seed))
        inside += roc.low[at] <= truth[at] <= roc.high[at]
    assert inside >= 33, "33 of 40 or fewer have a chance below 1 % at 95 %"


def test_too_few_groups_have_no_curve() -> None:
    roc = mean_roc(make_predictions(n=80, n_groups=2 * FEWEST_GROUPS - 2))
    assert roc.sensitivity == () and roc.note.startswith(f"too few: {FEWEST_GROUPS - 1} groups")
    assert mean_roc(make_predictions(n=80, n_groups=2 * FEWEST_GROUPS)).sensitivity
    without = make_predictions()
    without = dataclasses.replace(without, scores=np.full_like(without.scores, np.nan))
    assert mean_roc(without).note == "no scores"


def test_the_matrix_counts_originals_once_and_takes_the_mean_over_seeds() -> None:
    p = make_predictions(n=120, n_groups=12, n_classes=3, n_seeds=2, seed=4)
    expected = confusion_matrix(p.label, p.predicted) / 2
    assert np.array(confusion(p)) == pytest.approx(expected)
    assert np.array(confusion(_copied(p))) == pytest.approx(expected)


def _copied(p: Predictions) -> Predictions:
    """Every image twice, as a copy of its origin with the same scores."""
    twice = p.take(np.tile(np.arange(len(p)), 2))
    return dataclasses.replace(twice, image_id=np.char.add(twice.image_id, np.repeat(["", "#1"], len(p))))


def test_a_bin_says_how_many_groups_it_holds() -> None:
    p = make_predictions(n=300, n_groups=10, seed=5)
    made = calibration(p, p.take(np.arange(0)))
    top = p.scores.max(axis=1)
    for b in made.bins_before:
        rows = (top > b.low) & (top <= b.high)
        assert b.n_groups == len(np.unique(p.group[rows])) and b.n_images == rows.sum()
