"""Predictions become estimates."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from leukbench.errors import InputError
from leukbench.evaluation.estimates import (
    CONSTANT,
    calibration_estimates,
    estimate_predictions,
    majority_accuracy,
    matrix_estimates,
)
from leukbench.evaluation.patients import average_copies, patient_results
from leukbench.records import Estimate, Predictions
from simulations.patients import Cohort, predictions
from tests.support.made_predictions import make_predictions

Make = Callable[..., Predictions]


def by_key(estimates: tuple[Estimate, ...]) -> dict[tuple[str, str, str, str], Estimate]:
    keys = [(e.metric, e.class_, e.average, e.aggregation) for e in estimates]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, estimates, strict=True))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_every_metric_is_there_with_scikit_learns_value(predictions_of: Make, n_classes: int) -> None:
    p = predictions_of(n=400, n_groups=20, n_classes=n_classes, n_folds=2)
    found = by_key(estimate_predictions(p))
    y, q = p.label, p.predicted
    expected = {
        ("accuracy", "", "none"): sk.accuracy_score(y, q),
        ("balanced_accuracy", "", "none"): sk.balanced_accuracy_score(y, q),
        ("mcc", "", "none"): sk.matthews_corrcoef(y, q),
        ("kappa", "", "none"): sk.cohen_kappa_score(y, q),
        ("log_loss", "", "none"): sk.log_loss(y, p.scores),
        ("brier", "", "none"): sk.brier_score_loss(np.eye(n_classes)[y], p.scores, scale_by_half=False),
    }
    for name, function in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        for c, value in zip(p.classes, function(y, q, average=None), strict=True):
            expected[name, c, "none"] = value
        for average in ("macro", "weighted"):
            expected[name, "", average] = function(y, q, average=average)
    for (metric, class_, average), value in expected.items():
        assert found[metric, class_, average, "pooled"].value == pytest.approx(value, abs=1e-12), (
            metric,
            class_,
            average,
        )
    auc = found["auc", "", "none" if n_classes == 2 else "macro", "mean"].value
    folds = [
        np.mean([sk.roc_auc_score(y[p.fold == k] == c, p.scores[p.fold == k, c]) for c in range(n_classes)])
        for k in (0, 1)
    ]
    assert auc == pytest.approx(np.mean(folds), abs=1e-12)
    for k in (0, 1):
        assert found["accuracy", "", "none", f"fold:{k}"].value == pytest.approx((y == q)[p.fold == k].mean())


@pytest.mark.parametrize(
    "cohort", [Cohort((14, 14), (0.9, 0.9)), Cohort((5, 5), (0.9, 0.9)), Cohort((9, 9, 9), (0.9,) * 3)]
)
def test_a_model_that_always_names_one_class_has_an_interval_of_its_accuracy_alone(cohort: Cohort) -> None:
    p = predictions(cohort, np.random.default_rng(0))
    p = dataclasses.replace(p, predicted=np.ones_like(p.predicted))
    of_matrix = [e for e in matrix_estimates(p) if e.value == e.value]
    known = {(e.metric, e.class_, e.average): (e.value, e.note) for e in of_matrix if math.isnan(e.low)}
    share = (p.label == 1).mean()
    assert known["f1", "", "macro"] == (pytest.approx(2 * share / (1 + share) / len(p.classes)), CONSTANT)
    assert known["f1", "a", "none"] == (0.0, CONSTANT) and known["precision", "b", "none"][0] == pytest.approx(share)
    of_images = {("accuracy", "none"), ("recall", "weighted")}
    assert {(e.metric, e.average) for e in of_matrix if e.low == e.low} == of_images
    assert {(e.metric, e.average) for e in of_matrix if e.low_images == e.low_images} == of_images


@pytest.mark.parametrize(("patients", "low"), [(5, 0.187), (6, 0.211), (9, 0.260)])
def test_the_accuracy_of_a_constant_varies_as_its_patients_do(patients: int, low: float) -> None:
    """Clopper-Pearson of as many right patients as wrong ones, by hand; no step where patients become few."""
    cohort = Cohort((patients, patients), (0.9, 0.9), fixed=((40,) * patients,) * 2)
    p = predictions(cohort, np.random.default_rng(0))
    p = dataclasses.replace(p, predicted=np.ones_like(p.predicted))
    [accuracy] = [e for e in matrix_estimates(p) if e.metric == "accuracy"]
    assert (accuracy.value, accuracy.low, accuracy.high) == pytest.approx((0.5, low, 1 - low), abs=5e-4)


def test_what_single_classes_decide_names_the_poorest_of_them() -> None:
    p = predictions(Cohort((14, 3), (0.9, 0.9)), np.random.default_rng(0))
    found = {(e.metric, e.class_, e.average): (e.poorest_class, e.poorest_groups) for e in estimate_predictions(p)}
    for key in (("mcc", "", "none"), ("auc", "", "none"), ("balanced_accuracy", "", "none"), ("f1", "a", "none")):
        assert found[key] == ("b", 3)
    assert found["recall", "b", "none"] == found["specificity", "a", "none"] == ("b", 3)
    assert found["recall", "a", "none"] == found["specificity", "b", "none"] == ("a", 14)
    for key in (("accuracy", "", "none"), ("recall", "", "weighted"), ("brier", "", "none"), ("ece", "", "none")):
        assert found[key] == ("", 0)


def test_a_part_of_one_class_that_is_named_rightly_is_no_constant() -> None:
    p = predictions(Cohort((14, 14), (0.9, 0.9)), np.random.default_rng(0))
    p = p.take(p.label == 1)
    p = dataclasses.replace(p, predicted=p.label)
    [recall] = [e for e in matrix_estimates(p) if (e.metric, e.class_) == ("recall", "b")]
    assert recall.value == recall.high == 1.0 and 0.5 < recall.low < 1.0


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_seeds", [1, 3])
def test_intervals_hold_their_value_and_none_has_zero_width(predictions_of: Make, n_classes: int, n_seeds: int) -> None:
    for e in estimate_predictions(predictions_of(n=480, n_groups=24, n_classes=n_classes, n_folds=2, n_seeds=n_seeds)):
        assert e.low < e.high and e.low < e.value <= e.high, e
        assert e.value < e.high or e.value == 1.0, e
        assert e.n_groups and e.n_seeds == n_seeds and e.method and e.df > 0
        assert e.standard_error > 0 or e.value == 1.0
        if e.metric != "patient_accuracy":
            assert e.low_images < e.value < e.high_images and e.method_images, e


def test_rows_may_come_in_any_order(predictions_of: Make) -> None:
    p = predictions_of(n=240, n_groups=12, n_seeds=2, n_folds=2)
    shuffled = p.take(np.random.default_rng(5).permutation(len(p)))
    for a, b in zip(estimate_predictions(p), estimate_predictions(shuffled), strict=True):
        assert (a.value, a.low, a.high, a.low_images) == pytest.approx(
            (b.value, b.low, b.high, b.low_images), nan_ok=True
        ), a
        assert (a.metric, a.note) == (b.metric, b.note)


@given(seed=st.integers(0, 500))
@settings(max_examples=6, deadline=None)
def test_repeating_every_image_fools_the_image_interval_and_not_the_group_interval(seed: int) -> None:
    p = make_predictions(n=200, n_groups=10, seed=seed, skill=0.4, nuisance=0.6)  # patients differ a lot
    q = p.take(np.tile(np.arange(len(p)), 4))
    names = np.array([f"x{i}" for i in range(len(q))])
    q = dataclasses.replace(q, image_id=names, origin=names)
    for a, b in zip(estimate_predictions(p), estimate_predictions(q), strict=True):
        if a.metric in ("accuracy", "mcc", "f1", "auc") and a.aggregation in ("pooled", "mean"):
            # the model of few patients learns a little of how alike images are from their number: of seeds 0 to 500 the
            # most is 13.4 % by group and 11.1 % by image
            assert b.high - b.low == pytest.approx(a.high - a.low, rel=0.15), a.metric
            assert b.high_images - b.low_images == pytest.approx((a.high_images - a.low_images) / 2, rel=0.12), a.metric


def test_groups_of_one_image_say_same_as_image_and_are(predictions_of: Make) -> None:
    p = predictions_of(n=300)
    single = dataclasses.replace(p, group=p.image_id)
    for e in estimate_predictions(single, patient_level=False):
        assert "same as image" in e.note
        if e.metric in ("mcc", "auc", "brier", "f1", "precision"):
            assert (e.low, e.high) == pytest.approx((e.low_images, e.high_images))
        elif e.method == "Korn-Graubard":
            assert (e.low, e.high) == pytest.approx((e.low_images, e.high_images), abs=0.01)
    assert not any("same as image" in e.note for e in estimate_predictions(p))


def test_copies_of_an_origin_become_one_prediction(predictions_of: Make) -> None:
    p = predictions_of(n=4, n_groups=4)
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
    copies = dataclasses.replace(
        p,
        image_id=np.array(["o#1", "o#2", "u", "v"]),
        origin=np.array(["o", "o", "", "v"]),
        label=np.array([0, 0, 1, 1]),
        scores=scores,
        predicted=scores.argmax(1),
        group=np.array(["g", "g", "h", "k"]),
    )
    made = average_copies(copies)
    assert made.image_id.tolist() == ["o", "u", "v"]
    np.testing.assert_allclose(made.scores[0], [0.65, 0.35])
    assert made.predicted.tolist() == [0, 1, 0]  # one of the two copies alone was wrong
    assert average_copies(made) is made
    accuracy = estimate_predictions(copies)[0]
    assert accuracy.value == pytest.approx(2 / 3) and accuracy.n_images == 3 and "copies" in accuracy.note
    with pytest.raises(InputError, match="origin o"):
        average_copies(dataclasses.replace(copies, label=np.array([0, 1, 1, 1])))


def test_copies_without_scores_vote(predictions_of: Make) -> None:
    p = predictions_of(n=3, n_groups=3)
    made = average_copies(
        dataclasses.replace(
            p, origin=np.array(["o", "o", "o"]), label=np.zeros(3, dtype=np.int64), scores=np.full((3, 2), np.nan),
            predicted=np.array([1, 0, 1]),
        )
    )  # fmt: skip
    assert made.predicted.tolist() == [1] and np.isnan(made.scores).all()


def test_seeds_are_averaged_and_their_variance_added_once(predictions_of: Make) -> None:
    p = predictions_of(n=400, n_groups=20, n_seeds=3)
    accuracy = estimate_predictions(p)[0]
    each = [estimate_predictions(p.take(p.seed == s))[0] for s in range(3)]
    values = np.array([e.value for e in each])
    assert accuracy.value == pytest.approx(values.mean()) and accuracy.n_images == 400 and accuracy.n_seeds == 3
    assert accuracy.standard_error**2 > values.var(ddof=1) / 3
    pooled = estimate_predictions(p, scatter={("accuracy", "", "none", "pooled"): (0.05**2, 8.0)})[0]
    gained = pooled.standard_error**2 - accuracy.standard_error**2
    assert gained == pytest.approx((0.05**2 - values.var(ddof=1)) / 3)


def test_a_class_never_predicted_leaves_nan_with_the_reason(predictions_of: Make) -> None:
    p = predictions_of(n=200, n_groups=10)
    found = by_key(estimate_predictions(dataclasses.replace(p, predicted=np.zeros(200, dtype=np.int64))))
    for key in (
        ("precision", "b", "none", "pooled"),
        ("mcc", "", "none", "pooled"),
        ("precision", "", "macro", "pooled"),
    ):
        assert math.isnan(found[key].value) and math.isnan(found[key].low) and "never predicted: b" in found[key].note
    accuracy = found["accuracy", "", "none", "pooled"]
    assert accuracy.value == majority_accuracy(p) and "does not beat the majority class (0.500)" in accuracy.note
    assert "majority" not in estimate_predictions(p)[0].note


def test_predictions_without_scores_still_give_what_they_can(predictions_of: Make) -> None:
    p = predictions_of(n=200, n_groups=10)
    found = by_key(estimate_predictions(dataclasses.replace(p, scores=np.full((200, 2), np.nan))))
    assert found["accuracy", "", "none", "pooled"].value == pytest.approx((p.label == p.predicted).mean())
    for metric in ("auc", "brier", "log_loss", "ece"):
        e = next(e for key, e in found.items() if key[0] == metric)
        assert math.isnan(e.value) and "without scores" in e.note


def test_a_fold_with_one_group_of_a_class_makes_folds_the_units_of_the_auc(predictions_of: Make) -> None:
    p = predictions_of(n=600, n_groups=6, n_folds=3)
    auc = next(e for e in estimate_predictions(p) if e.metric == "auc")
    assert auc.method == "t over folds, on logit" and auc.df == 2 and auc.low < auc.value < auc.high
    spread = dataclasses.replace(p, fold=np.arange(600) // 200)  # every group in every fold
    auc = next(e for e in estimate_predictions(spread) if e.metric == "auc")
    assert auc.method == "group jackknife, t on logit"


def test_a_perfect_classifier_gets_intervals_and_the_warning(predictions_of: Make) -> None:
    p = predictions_of(n=300, n_groups=20)
    sure = dataclasses.replace(p, predicted=p.label, scores=0.8 * np.eye(2)[p.label] + 0.1)
    for e in estimate_predictions(sure, patient_level=False):
        if e.metric in ("accuracy", "mcc", "f1", "auc", "recall", "balanced_accuracy") and "fold" not in e.aggregation:
            assert e.value == 1.0 and e.low < 0.95 and e.high == 1.0, e
            assert "no method covers" in e.note or e.metric == "balanced_accuracy"


def test_patients_are_counted_by_their_mean_score(predictions_of: Make) -> None:
    p = predictions_of(n=6, n_groups=6)
    scores = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    q = dataclasses.replace(
        p, label=np.array([0, 0, 0, 1, 1, 1]), scores=scores, predicted=scores.argmax(1),
        patient=np.array(["u", "u", "u", "v", "w", "w"]), group=np.array(["u", "u", "u", "v", "w", "w"]),
    )  # fmt: skip
    found = patient_results(q)
    assert (found.n_patients, found.n_right) == (3, 2.0)
    worst = found.worst[0]
    assert (worst.patient, worst.n_images, worst.images_right, worst.right) == ("w", 2, 0.0, 0.0)
    u = next(r for r in found.patients if r.patient == "u")  # two of three images wrong, and yet right by mean score
    assert u.images_right == pytest.approx(1 / 3) and u.mean_score == pytest.approx(1.7 / 3) and u.right == 1.0
    anonymous = patient_results(dataclasses.replace(q, patient=np.full(6, "")))
    assert anonymous.note == "by group, no patient ids published" and anonymous.n_patients == 3
    mixed = patient_results(dataclasses.replace(q, patient=np.full(6, "u")))
    assert mixed.n_patients == 0 and "several classes" in mixed.note and math.isnan(mixed.accuracy)


def test_empty_or_misshapen_predictions_are_refused(predictions_of: Make) -> None:
    p = predictions_of(n=20)
    with pytest.raises(InputError, match="no predictions"):
        estimate_predictions(p.take(np.zeros(20, dtype=bool)))
    with pytest.raises(InputError, match="scores do not fit"):
        estimate_predictions(dataclasses.replace(p, scores=p.scores[:, :1]))
    with pytest.raises(InputError, match="class index"):
        estimate_predictions(dataclasses.replace(p, predicted=p.predicted + 1))


def test_a_brier_score_ends_at_its_most() -> None:
    rng = np.random.default_rng(2)
    p = predictions(Cohort((11, 2), (0.95, 0.6)), rng)
    made = next(e for e in calibration_estimates(p) if e.metric == "brier")
    assert 0 < made.low < made.value < made.high == 2.0
