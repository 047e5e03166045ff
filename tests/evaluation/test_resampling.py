"""The fast group bootstrap against really repeating rows, and its speed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from leukbench.errors import InputError
from leukbench.evaluation import resampling
from leukbench.evaluation.resampling import METRICS, bootstrap_runs, draw_weights, group_run, group_strata
from leukbench.evaluation.scoring import roc_auc_within
from leukbench.records import FloatArray, IntArray, Predictions
from tests.support.made_predictions import make_predictions

Make = Callable[..., Predictions]
LOOP: dict[str, Callable[[Predictions], float]] = {
    "accuracy": lambda p: sk.accuracy_score(p.label, p.predicted),
    "mcc": lambda p: sk.matthews_corrcoef(p.label, p.predicted),
    "macro_f1": lambda p: sk.f1_score(p.label, p.predicted, average="macro"),
    "balanced_accuracy": lambda p: sk.balanced_accuracy_score(p.label, p.predicted),
    "auc": lambda p: float(np.mean([sk.roc_auc_score(p.label == c, p.scores[:, c]) for c in range(p.scores.shape[1])])),
}


def _by_loop(p: Predictions, weights: IntArray, metric: Callable[[Predictions], float]) -> FloatArray:
    """Return ``metric`` of each resample by really repeating the rows of each drawn group, these in sorted order."""
    _, codes = np.unique(p.group, return_inverse=True)
    values = [metric(p.take(np.repeat(np.arange(len(codes)), row[codes]))) for row in weights]
    return np.array(values, dtype=np.float64)


@given(seed=st.integers(0, 1000), n_classes=st.integers(2, 4), one_label=st.booleans())
@settings(max_examples=8, deadline=None)
def test_resamples_agree_with_scikit_learn_to_1e_12(seed: int, n_classes: int, one_label: bool) -> None:
    p = make_predictions(n=200, n_groups=12, n_classes=n_classes, seed=seed, one_label=one_label)
    run = group_run(p)
    weights = draw_weights(12, 8, generator=np.random.default_rng(seed), strata=np.arange(12) % n_classes)
    fast = bootstrap_runs([run], weights)
    for name in METRICS:
        slow = _by_loop(p, weights, LOOP[name])
        np.testing.assert_allclose(fast[name][0], slow, atol=1e-12, rtol=0, err_msg=name)


def test_many_groups_take_another_path_to_the_same_auc(predictions_of: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [group_run(predictions_of(n_classes=3, n_folds=2, n_groups=18, seed=s)) for s in (1, 2)]
    weights = draw_weights(18, 50, generator=np.random.default_rng(0))
    by_pairs = bootstrap_runs(runs, weights, names=["auc"])["auc"]
    monkeypatch.setattr(resampling, "_PAIRS_UP_TO", 5)
    np.testing.assert_allclose(bootstrap_runs(runs, weights, names=["auc"])["auc"], by_pairs, atol=1e-12)


def test_drawing_every_group_once_gives_the_observed_value_within_folds(predictions_of: Make) -> None:
    p = predictions_of(n_classes=2, n_folds=3, n_groups=18)
    observed = bootstrap_runs([group_run(p)], np.ones((1, 18), dtype=np.int64), names=["auc"])["auc"][0, 0]
    assert observed == pytest.approx(roc_auc_within(p.label, p.scores, p.fold), abs=1e-12)


def test_several_runs_at_once_give_what_each_gives_alone(predictions_of: Make) -> None:
    runs = [group_run(predictions_of(seed=s)) for s in range(7)]
    weights = draw_weights(14, 40, generator=np.random.default_rng(1))
    together = bootstrap_runs(runs, weights)
    for r, run in enumerate(runs):
        alone = bootstrap_runs([run], weights)
        for name in METRICS:
            np.testing.assert_allclose(together[name][r], alone[name][0], atol=1e-13)


def test_each_resample_draws_as_many_groups_as_there_are_in_every_stratum() -> None:
    strata = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])
    weights = draw_weights(9, 500, generator=np.random.default_rng(2), strata=strata)
    for s, size in ((0, 3), (1, 2), (2, 4)):
        assert (weights[:, strata == s].sum(axis=1) == size).all()
    plain = draw_weights(9, 20_000, generator=np.random.default_rng(3))
    assert (plain.sum(axis=1) == 9).all()
    assert plain.mean() == pytest.approx(1.0) and plain.var() == pytest.approx(1 - 1 / 9, rel=0.02)


def test_groups_are_strata_only_where_each_has_one_label_and_company(predictions_of: Make) -> None:
    assert group_strata(group_run(predictions_of())) is not None
    assert group_strata(group_run(predictions_of(one_label=False))) is None
    p = predictions_of(n_groups=5)  # classes of 3 and 2 groups
    assert group_strata(group_run(p.take(p.group != "p001"))) is None  # now one class has one group


def test_a_resample_without_a_class_is_nan_and_not_zero(predictions_of: Make) -> None:
    run = group_run(predictions_of(n_groups=4))
    weights = np.array([[2, 0, 2, 0], [1, 1, 1, 1]])
    for name in ("mcc", "balanced_accuracy", "auc"):
        values = bootstrap_runs([run], weights, names=[name])[name][0]
        assert np.isnan(values[0]) and np.isfinite(values[1]), name


def test_runs_over_other_groups_and_unknown_metrics_are_refused(predictions_of: Make) -> None:
    run = group_run(predictions_of())
    with pytest.raises(InputError, match="resampled together"):
        bootstrap_runs([run], np.ones((1, 3), dtype=np.int64))
    with pytest.raises(InputError, match="specificity"):
        bootstrap_runs([run], np.ones((1, 14), dtype=np.int64), names=["specificity"])
    with pytest.raises(InputError, match="not among those"):
        group_run(predictions_of(), groups=np.array(["p000"]))
