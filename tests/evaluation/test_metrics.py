"""Metrics against scikit-learn, against hand arithmetic, and their undefined cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from leukbench.errors import InputError
from leukbench.evaluation import metrics

AVERAGES = ("macro", "weighted", "micro")


def labelled(n_classes: int, seed: int, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.r_[np.arange(n_classes), rng.integers(0, n_classes, n)]
    return label, np.where(
        rng.random(len(label)) < 0.5, label, np.r_[np.arange(n_classes), rng.integers(0, n_classes, n)]
    )


@given(n_classes=st.integers(2, 5), seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_metrics_of_matrices_are_those_of_scikit_learn(n_classes: int, seed: int) -> None:
    y, q = labelled(n_classes, seed)
    m = metrics.confusion_matrix(y, q, n_classes)
    np.testing.assert_array_equal(m, sk.confusion_matrix(y, q, labels=range(n_classes)))
    assert metrics.accuracy(m) == pytest.approx(sk.accuracy_score(y, q), abs=1e-12)
    assert metrics.balanced_accuracy(m) == pytest.approx(sk.balanced_accuracy_score(y, q), abs=1e-12)
    assert metrics.mcc(m) == pytest.approx(sk.matthews_corrcoef(y, q), abs=1e-12)
    assert metrics.kappa(m) == pytest.approx(sk.cohen_kappa_score(y, q), abs=1e-12)
    for ours, theirs in (
        (metrics.precision, sk.precision_score),
        (metrics.recall, sk.recall_score),
        (metrics.f1, sk.f1_score),
    ):
        np.testing.assert_allclose(ours(m), theirs(y, q, average=None, zero_division=np.nan), atol=1e-12)
        for average in AVERAGES:
            if not (average == "macro" and np.isnan(ours(m)).any()):
                assert ours(m, average) == pytest.approx(theirs(y, q, average=average), abs=1e-12)  # type: ignore[arg-type]
        assert ours(m, "positive", positive=1) == ours(m)[1]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_specificity_is_recall_of_the_rest(seed: int) -> None:
    y, q = labelled(4, seed)
    expected = [sk.recall_score(y != c, q != c) for c in range(4)]
    np.testing.assert_allclose(metrics.specificity(metrics.confusion_matrix(y, q, 4)), expected, atol=1e-12)


def test_a_stack_of_matrices_gives_what_each_matrix_gives() -> None:
    rng = np.random.default_rng(0)
    stack = rng.integers(1, 9, (2, 5, 3, 3))
    for function in (metrics.accuracy, metrics.balanced_accuracy, metrics.mcc, metrics.kappa):
        assert function(stack).shape == (2, 5)
        assert function(stack)[1, 3] == pytest.approx(function(stack[1, 3]), abs=1e-15)
    assert metrics.f1(stack).shape == (2, 5, 3)
    np.testing.assert_allclose(metrics.f1(stack, "weighted")[0, 2], metrics.f1(stack[0, 2], "weighted"))


@given(seed=st.integers(0, 10_000), data=st.data())
@settings(max_examples=20, deadline=None)
def test_renaming_classes_changes_no_average(seed: int, data: st.DataObject) -> None:
    y, q = labelled(4, seed)
    order = np.array(data.draw(st.permutations(range(4))))
    m, renamed = (metrics.confusion_matrix(a, b, 4) for a, b in ((y, q), (order[y], order[q])))
    for function in (metrics.accuracy, metrics.mcc, metrics.kappa, lambda x: metrics.f1(x, "weighted")):
        assert function(m) == pytest.approx(function(renamed), abs=1e-12, nan_ok=True)


def test_undefined_is_nan_and_never_zero() -> None:
    never_b = np.array([[5, 0], [3, 0]])  # class b is never predicted
    assert math.isnan(metrics.precision(never_b)[1]) and metrics.precision(never_b)[0] == 0.625
    assert math.isnan(metrics.precision(never_b, "macro")) and math.isnan(metrics.precision(never_b, "weighted"))
    assert math.isnan(metrics.mcc(never_b))
    assert metrics.kappa(never_b) == 0.0  # defined: agreement is exactly chance
    no_b = np.array([[5, 1], [0, 0]])  # class b has no image
    assert math.isnan(metrics.balanced_accuracy(no_b)) and math.isnan(metrics.recall(no_b)[1])
    assert metrics.recall(no_b, "weighted") == pytest.approx(5 / 6)  # a class without images has no weight
    assert metrics.f1(never_b)[1] == 0.0  # 2 TP / (2 TP + FP + FN) = 0/3 is defined
    assert all(math.isnan(f(np.zeros((2, 2)))) for f in (metrics.accuracy, metrics.mcc, metrics.kappa))
    assert math.isnan(metrics.f1(np.zeros((2, 2)), "weighted"))


def test_wrong_input_says_what_is_wrong() -> None:
    with pytest.raises(InputError, match="expected: 0 to 1"):
        metrics.confusion_matrix(np.array([0, 2]), np.array([0, 0]), 2)
    with pytest.raises(InputError, match="differ in length"):
        metrics.confusion_matrix(np.array([0, 1]), np.array([0]), 2)
    with pytest.raises(InputError, match="average"):
        metrics.f1(np.eye(2), "positive")
    with pytest.raises(InputError, match="shape"):
        metrics.accuracy(np.ones((2, 3)))


@given(n_classes=st.integers(2, 4), seed=st.integers(0, 10_000), digits=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_metrics_of_scores_are_those_of_scikit_learn(n_classes: int, seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(n_classes), rng.integers(0, n_classes, 60)]
    scores = rng.dirichlet(np.ones(n_classes), len(y))
    np.testing.assert_allclose(metrics.log_loss(y, scores), sk.log_loss(y, scores), atol=1e-12)
    truth = np.eye(n_classes)[y]
    np.testing.assert_allclose(
        metrics.brier(y, scores), sk.brier_score_loss(truth, scores, scale_by_half=False), atol=1e-12
    )
    tied = np.round(scores, digits)
    expected = [sk.roc_auc_score(y == c, tied[:, c]) for c in range(n_classes)]
    np.testing.assert_allclose([metrics.roc_auc(y == c, tied[:, c]) for c in range(n_classes)], expected, atol=1e-12)
    np.testing.assert_allclose(
        metrics.roc_auc_macro(y, scores), np.mean([sk.roc_auc_score(y == c, scores[:, c]) for c in range(n_classes)])
    )


def test_the_binary_brier_score_is_half_of_ours() -> None:
    y, p = np.array([0, 1, 1]), np.array([0.2, 0.7, 0.4])
    ours = metrics.brier(y, np.stack([1 - p, p], axis=1))
    assert ours == pytest.approx(2 * sk.brier_score_loss(y, p))


def test_one_certain_mistake_costs_36_nats_and_not_infinity() -> None:
    assert metrics.log_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-math.log(np.finfo(float).eps))


def test_auc_ranks_within_folds_only() -> None:
    y = np.array([0, 1, 0, 1])
    scores = np.array([0.6, 0.7, 0.1, 0.2])
    both = np.stack([1 - scores, scores], axis=1)
    assert metrics.roc_auc_within(y, both, np.array([0, 0, 1, 1])) == 1.0
    assert metrics.roc_auc_within(y, both, np.zeros(4, dtype=int)) == 0.75
    assert metrics.roc_auc_within(y, both, np.array([0, 0, 1, 2])) == 1.0  # folds 1 and 2 lack a class
    assert math.isnan(metrics.roc_auc_within(y, both, np.array([0, 1, 2, 3])))


def test_reliability_counts_every_image_once_and_gives_the_ece() -> None:
    rng = np.random.default_rng(1)
    y, scores = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3), 200)
    table = metrics.reliability(y, scores, bins=10)
    assert table.n_images.sum() == 200
    by_hand = 0.0
    for low, high in zip(table.edges[:-1], table.edges[1:], strict=True):
        inside = (scores.max(1) > low) & (scores.max(1) <= high)
        if inside.any():
            by_hand += inside.sum() / 200 * abs((scores.argmax(1) == y)[inside].mean() - scores.max(1)[inside].mean())
    assert metrics.ece(y, scores, bins=10) == pytest.approx(by_hand, abs=1e-12)


def test_temperature_recovers_the_factor_by_which_logits_were_too_large() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.5, (20_000, 3))
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    y = (honest.cumsum(1) > rng.random((20_000, 1))).argmax(1)
    sure = metrics.apply_temperature(honest, 1 / 3)
    found = metrics.fit_temperature(y, sure)
    assert found == pytest.approx(3.0, abs=0.1)
    assert metrics.ece(y, metrics.apply_temperature(sure, found)) < 0.02 < metrics.ece(y, sure)
    np.testing.assert_array_equal(sure.argmax(1), metrics.apply_temperature(sure, found).argmax(1))


@given(seed=st.integers(0, 1000), wanted=st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]))
@settings(max_examples=25, deadline=None)
def test_the_operating_point_is_the_best_that_keeps_its_specificity(seed: int, wanted: float) -> None:
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, rng.integers(0, 2, 40)]
    score = np.round(rng.random(42) + 0.4 * y, 1)
    point = metrics.sensitivity_at_specificity(y, score, specificity=wanted)
    every = [metrics.operating_point(y, score, threshold=t) for t in [*np.unique(score), 9.0]]
    assert point.specificity >= wanted - 1e-9
    assert point.sensitivity == max(p.sensitivity for p in every if p.specificity >= wanted - 1e-9)


def test_predictive_values_follow_bayes() -> None:
    assert metrics.ppv(1.0, 1.0, prevalence=0.01) == 1.0 and metrics.npv(1.0, 1.0, prevalence=0.01) == 1.0
    assert metrics.ppv(0.8, 0.95, prevalence=0.01) == pytest.approx(0.008 / (0.008 + 0.0495))
    assert math.isnan(metrics.ppv(0.0, 1.0, prevalence=0.3))
