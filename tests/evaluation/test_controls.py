"""A shortcut is flagged where a trivial model keeps up;
a patient is told only beyond what chance and the class give."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.evaluation.controls import Standing, find_shortcut, probe_result
from leukbench.evaluation.estimates import estimate_predictions, majority_accuracy
from leukbench.records import Predictions

Make = Callable[..., Predictions]


def right_in(p: Predictions, share: float, *, seed: int) -> Predictions:
    """The same images, called right in a share of them."""
    hit = np.random.default_rng(seed).random(len(p)) < share
    return dataclasses.replace(p, predicted=np.where(hit, p.label, 1 - p.label))


def limits(p: Predictions) -> tuple[float, float]:
    return next((e.low, e.high) for e in estimate_predictions(p, patient_level=False) if e.metric == "accuracy")


@pytest.mark.parametrize(
    ("network", "trivial", "flagged"),
    [
        (0.90, 0.88, True),  # as good as the network
        (0.70, 0.90, True),  # better than it
        (0.95, 0.75, False),  # tells something, far behind
        (0.52, 0.51, False),  # neither tells anything
        (0.97, 0.51, False),
    ],
)
def test_a_model_without_a_network_that_keeps_up_is_a_shortcut(
    predictions_of: Make, network: float, trivial: float, flagged: bool
) -> None:
    p = predictions_of(n=1200, n_groups=30)
    a, b = right_in(p, network, seed=1), right_in(p, trivial, seed=2)
    made = find_shortcut(a, b, limits=limits(b), majority=majority_accuracy(b), margin=0.05, n_resamples=1000)
    assert made.flagged is flagged
    assert made.difference == pytest.approx(made.network - made.trivial) and made.low < made.difference < made.high


def test_a_model_that_comes_close_is_no_shortcut_until_that_is_shown(predictions_of: Make) -> None:
    p = predictions_of(n=120, n_groups=12)
    a, b = right_in(p, 0.86, seed=1), right_in(p, 0.86, seed=2)
    made = find_shortcut(a, b, limits=limits(b), majority=majority_accuracy(b), margin=0.05, n_resamples=1000)
    assert made.difference < 0.05 and made.tells
    assert made.standing is Standing.UNDECIDED and not made.flagged


def test_the_margin_decides_how_close_is_close(predictions_of: Make) -> None:
    p = predictions_of(n=1200, n_groups=30)
    a, b = right_in(p, 0.95, seed=1), right_in(p, 0.85, seed=2)
    found = [
        find_shortcut(a, b, limits=limits(b), majority=0.5, margin=m, n_resamples=500).flagged for m in (0.05, 0.2)
    ]
    assert found == [False, True]
    with pytest.raises(InputError, match="margin"):
        find_shortcut(a, b, limits=(0.5, 0.6), majority=0.5, margin=5.0)


def test_a_probe_stands_beside_chance_and_the_class_alone() -> None:
    truth = np.array(["a"] * 40 + ["b"] * 30 + ["c"] * 30)
    label = np.array(["x"] * 40 + ["y"] * 60)
    made = probe_result(truth, truth, label, unit="patient")
    assert (made.n_units, made.n_images, made.accuracy.value) == (3, 100, 1.0)
    assert not made.above_chance  # all right, but three patients settle nothing
    assert made.majority == pytest.approx(0.40) and made.by_class == pytest.approx(0.70)
    assert 0 < made.accuracy.low < 1


def test_knowing_the_class_is_not_knowing_the_patient() -> None:
    """Thirty patients of two classes: a probe that sees the class alone is right for one patient in fifteen."""
    truth = np.repeat([f"p{k:02d}" for k in range(30)], 20)
    label = np.repeat(["x", "y"], 300)
    by_class = np.where(label == "x", "p00", "p15")
    blind = probe_result(truth, by_class, label, unit="patient")
    assert blind.accuracy.value == blind.by_class == pytest.approx(1 / 15) and blind.majority == pytest.approx(1 / 30)
    assert not blind.above_chance
    hit = np.random.default_rng(0).random(600) < 0.5
    assert probe_result(truth, np.where(hit, truth, by_class), label, unit="patient").above_chance


def test_one_patient_cannot_be_probed() -> None:
    with pytest.raises(InputError, match="two patients"):
        probe_result(np.array(["a", "a"]), np.array(["a", "a"]), np.array(["x", "x"]), unit="patient")
