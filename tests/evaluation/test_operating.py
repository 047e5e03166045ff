"""Thresholds and temperatures: chosen on validation images, read on test images;
calibrated where the truth is planted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from leukbench.evaluation.estimates import estimate_predictions, matrix_estimates
from leukbench.evaluation.operating import NO_VALIDATION, PREVALENCES, calibration, operating_points, predictive_values
from leukbench.evaluation.scoring import apply_temperature, sensitivity_at_specificity
from leukbench.records import Predictions

Make = Callable[..., Predictions]


def renamed(p: Predictions, letter: str) -> Predictions:
    """The same kind of predictions on other images of other patients."""
    names = {f: np.char.add(letter, getattr(p, f)) for f in ("image_id", "origin", "group", "patient")}
    return dataclasses.replace(p, **names)


@pytest.fixture
def pair(predictions_of: Make) -> tuple[Predictions, Predictions]:
    """Test and validation predictions of two folds and two seeds."""
    made = {"n": 800, "n_groups": 40, "n_folds": 2, "n_seeds": 2, "skill": 0.4}
    return predictions_of(**made, seed=1), renamed(predictions_of(**made, seed=2), "v")


def run(p: Predictions, fold: int, seed: int) -> Predictions:
    return p.take((p.fold == fold) & (p.seed == seed))


def test_each_run_has_the_threshold_of_its_own_validation_part(pair: tuple[Predictions, Predictions]) -> None:
    test, validation = pair
    point = operating_points(test, validation, specificity=0.9)[1]
    expected = []
    for fold, seed in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = run(validation, fold, seed)
        expected.append(sensitivity_at_specificity(part.label == 1, part.scores[:, 1], specificity=0.9).threshold)
    assert point.thresholds == tuple(expected) and len(set(expected)) > 1
    by_run = dict(zip(((0, 0), (0, 1), (1, 0), (1, 1)), expected, strict=True))
    called = np.array([s >= by_run[f, k] for s, f, k in zip(test.scores[:, 1], test.fold, test.seed, strict=True)])
    assert point.sensitivity is not None and point.specificity is not None
    assert point.sensitivity.value == pytest.approx(called[test.label == 1].mean())
    assert point.specificity.value == pytest.approx((~called)[test.label == 0].mean())
    assert point.sensitivity.low < point.sensitivity.value < point.sensitivity.high
    sens, spec = point.sensitivity.value, point.specificity.value
    for i, prevalence in enumerate(PREVALENCES):
        by_bayes = sens * prevalence / (sens * prevalence + (1 - spec) * (1 - prevalence))
        assert point.predictive[2 * i].value == pytest.approx(by_bayes)
        assert point.predictive[2 * i].low < by_bayes < point.predictive[2 * i].high
    assert (point.n_validation, point.n_validation_groups) == (800, 40)


def test_no_threshold_and_no_temperature_sees_a_test_image(pair: tuple[Predictions, Predictions]) -> None:
    test, validation = pair
    rng = np.random.default_rng(0)
    other = dataclasses.replace(test, scores=test.scores[rng.permutation(len(test))], label=1 - test.label)
    for kind in (operating_points, calibration):
        chosen = [kind(t, validation) for t in (test, other)]
        fields = [getattr(c[0], "thresholds", None) if isinstance(c, tuple) else c.temperatures for c in chosen]
        assert fields[0] == fields[1] and len(fields[0]) == 4
    moved = dataclasses.replace(validation, scores=apply_temperature(validation.scores, 5.0))
    assert operating_points(test, moved)[0].thresholds != operating_points(test, validation)[0].thresholds
    assert calibration(test, moved).temperatures != calibration(test, validation).temperatures


def test_without_validation_nothing_is_chosen_and_the_reason_is_said(pair: tuple[Predictions, Predictions]) -> None:
    test, validation = pair
    none = validation.take(np.zeros(len(validation), dtype=bool))
    points, made = operating_points(test, none), calibration(test, none)
    assert all(p.note == NO_VALIDATION and p.sensitivity is None and not p.thresholds for p in points)
    assert made.note == NO_VALIDATION and not made.after and not made.temperatures
    assert {e.value for e in made.before} <= {e.value for e in estimate_predictions(test)}
    assert [e.metric for e in made.before] == ["ece", "brier", "log_loss"] and made.before[1].low < made.before[1].value


def test_a_validation_part_of_one_class_gives_no_threshold(pair: tuple[Predictions, Predictions]) -> None:
    test, validation = pair
    points = operating_points(test, validation.take(validation.label == 0))
    assert all("one class only" in p.note and p.sensitivity is None for p in points)


def honest(n: int, *, seed: int, letter: str) -> Predictions:
    """Calibrated predictions: the label is drawn with the score as its probability."""
    rng = np.random.default_rng(seed)
    score = 1 / (1 + np.exp(-rng.normal(0, 1.5, n)))
    label = (rng.random(n) < score).astype(np.int64)
    names, group = np.array([f"{letter}{k}" for k in range(n)]), np.array([f"{letter}g{k % 50}" for k in range(n)])
    return Predictions(
        classes=("a", "b"), image_id=names, label=label, predicted=(score > 0.5).astype(np.int64),
        scores=np.stack([1 - score, score], axis=1), group=group, origin=names, patient=group,
        fold=np.zeros(n, dtype=np.int64), seed=np.zeros(n, dtype=np.int64),
    )  # fmt: skip


def test_planted_overconfidence_is_found_and_taken_away() -> None:
    test, validation = honest(4000, seed=1, letter="t"), honest(4000, seed=2, letter="v")
    sure = [dataclasses.replace(p, scores=apply_temperature(p.scores, 1 / 3)) for p in (test, validation)]
    made, true = calibration(*sure), calibration(test, validation)
    before, after, right = ({e.metric: e.value for e in part} for part in (made.before, made.after, true.before))
    assert made.temperatures[0] == pytest.approx(3.0, rel=0.1) and true.temperatures[0] == pytest.approx(1.0, rel=0.1)
    assert before["ece"] > 3 * after["ece"] and after["ece"] < 0.03
    assert after["brier"] == pytest.approx(right["brier"], rel=0.01) and after["brier"] < 0.95 * before["brier"]
    for bins in (made.bins_before, made.bins_after):
        assert sum(b.n_images for b in bins) == 4000
    tops = [b for b in made.bins_before if b.low >= 0.9]
    assert tops[0].confidence - tops[0].accuracy > 0.1  # says 97 % and more, is right less often
    assert all(abs(b.confidence - b.accuracy) < 0.05 for b in made.bins_after if b.n_images > 300)


def test_intervals_of_predictive_values_cover_the_planted_truth() -> None:
    """14 patients a class, 40 images each, correlation 0.1 within them; 300 replicates have an error of 1.3 points."""
    sens, spec, prevalence, rho = 0.8, 0.9, 0.1, 0.1
    truth = sens * prevalence / (sens * prevalence + (1 - spec) * (1 - prevalence))
    negative_truth = spec * (1 - prevalence) / (spec * (1 - prevalence) + (1 - sens) * prevalence)
    rng, inside = np.random.default_rng(20261125), np.zeros(2)
    label = np.repeat([0, 1], 14 * 40)
    group = np.array([f"p{k // 40}" for k in range(len(label))])
    base = dataclasses.replace(honest(len(label), seed=0, letter="i"), label=label, group=group)
    for _ in range(300):
        right = np.concatenate([rng.beta(p * (1 / rho - 1), (1 - p) * (1 / rho - 1), 14) for p in (spec, sens)])
        hit = rng.random(len(label)) < np.repeat(right, 40)
        called = dataclasses.replace(base, predicted=np.where(hit, label, 1 - label))
        found = predictive_values(called, prevalence=prevalence)
        inside += [e.low <= t <= e.high for e, t in zip(found, (truth, negative_truth), strict=True)]
    assert (inside / 300 > 0.91).all() and (inside / 300 < 0.99).all(), inside / 300


def test_nothing_called_positive_has_no_predictive_value(pair: tuple[Predictions, Predictions]) -> None:
    called = dataclasses.replace(pair[0], predicted=np.zeros(len(pair[0]), dtype=np.int64))
    found = predictive_values(called, prevalence=0.1)
    assert math.isnan(found[0].value) and "undefined" in found[0].note and found[1].value == pytest.approx(0.9)


def test_a_predictive_value_at_its_end_takes_its_limits_from_both_rates_by_bayes(
    pair: tuple[Predictions, Predictions],
) -> None:
    """As 0 of a share of groups its upper end would be that of the sensitivity, whatever the prevalence."""
    label = pair[0].label
    wrong = np.arange(len(label)) % 20 == 0  # of the class none is called so, of the rest every 20th image
    called = dataclasses.replace(pair[0], predicted=((label == 0) & wrong).astype(np.int64))
    rates = {e.metric: e for e in matrix_estimates(called) if e.class_ == called.classes[1]}
    sens, spec = rates["recall"], rates["specificity"]
    for prevalence in (0.1, 0.5):
        value = predictive_values(called, prevalence=prevalence)[0]
        of_called = sens.high * prevalence / (sens.high * prevalence + (1 - spec.high) * (1 - prevalence))
        assert (value.value, value.low) == (0.0, 0.0) and value.high == pytest.approx(of_called)
    none_missed = dataclasses.replace(pair[0], predicted=np.where((label == 1) | wrong, 1, 0))
    rates = {e.metric: e for e in matrix_estimates(none_missed) if e.class_ == called.classes[1]}
    sens, spec = rates["recall"], rates["specificity"]
    value = predictive_values(none_missed, prevalence=0.1)[1]
    assert (value.value, value.high) == (1.0, 1.0)
    assert value.low == pytest.approx(spec.low * 0.9 / (spec.low * 0.9 + (1 - sens.low) * 0.1))
