"""Differences of two sets of predictions on the same images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.evaluation.contrasts import Scope, compare, inflation, mcnemar_p
from leukbench.records import Grade, Predictions

Make = Callable[..., Predictions]


def worse(p: Predictions, *, share: float, seed: int = 0) -> Predictions:
    """The same images with a share of the scores turned round."""
    turned = np.random.default_rng(seed).random(len(p)) < share
    scores = np.where(turned[:, None], p.scores[:, ::-1], p.scores)
    return dataclasses.replace(p, scores=scores, predicted=scores.argmax(axis=1))


@pytest.mark.parametrize("metric", ["accuracy", "mcc", "auc"])
def test_a_planted_difference_is_found_and_its_sign_turns_with_the_order(predictions_of: Make, metric: str) -> None:
    good = predictions_of(n=1200, n_groups=28)
    bad = worse(good, share=0.15)
    ahead, behind = (compare(*pair, metric=metric, n_resamples=2000) for pair in ((good, bad), (bad, good)))  # type: ignore[arg-type]
    assert ahead.low > 0 > behind.high and ahead.p_value < 0.01 and ahead.p_mcnemar < 0.01
    assert ahead.difference == pytest.approx(ahead.first - ahead.second) == -behind.difference
    assert (ahead.low, ahead.high) == pytest.approx((-behind.high, -behind.low), abs=1e-9)


def test_a_t_interval_is_wider_than_the_percentiles_which_are_too_narrow(predictions_of: Make) -> None:
    p = predictions_of(n=600, n_groups=10)
    made = compare(p, worse(p, share=0.1))
    assert made.high - made.low > 1.1 * (made.high_percentile - made.low_percentile)
    assert (made.effective_groups, made.grade, made.scope) == (5.0, Grade.WIDE, Scope.RUNS)


def test_the_standard_error_of_an_accuracy_difference_is_that_of_group_sums(predictions_of: Make) -> None:
    p = predictions_of(n=1400, n_groups=28)
    q = worse(p, share=0.1)
    made = compare(p, q, n_resamples=100)
    gap = np.bincount(
        np.unique(p.group, return_inverse=True)[1], (p.label == p.predicted) * 1.0 - (q.label == q.predicted)
    )
    labels = np.arange(28) % 2  # all groups have 50 images: per class the mean of 14 group means
    by_hand = sum(14 * gap[labels == c].var(ddof=1) for c in (0, 1)) / 1400**2
    assert made.standard_error == pytest.approx(math.sqrt(by_hand)) and 24 < made.df < 26


def test_equal_arms_get_no_made_up_interval(predictions_of: Make) -> None:
    p = predictions_of()
    made = compare(p, p, n_resamples=500)
    assert made.difference == 0 and math.isnan(made.low) and "never differ" in made.note and made.p_mcnemar == 1


def test_arms_on_other_images_are_refused_with_an_example(predictions_of: Make) -> None:
    p = predictions_of()
    with pytest.raises(InputError, match="i00000"):
        compare(p, p.take(np.arange(1, len(p))))
    with pytest.raises(InputError, match="group differs"):
        compare(p, dataclasses.replace(p, group=np.roll(p.group, 1)))
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        compare(p, p, metric="acuracy")  # type: ignore[arg-type]


def test_mcnemar_counts_discordant_images(predictions_of: Make) -> None:
    from scipy.stats import binomtest

    p = predictions_of(n=60)
    right = np.where(p.label == p.predicted)[0]
    q = dataclasses.replace(p, predicted=np.where(np.isin(np.arange(60), right[:6]), 1 - p.predicted, p.predicted))
    assert mcnemar_p(p, q) == pytest.approx(binomtest(0, 6).pvalue)


def test_inflation_pairs_by_origin_averages_copies_and_takes_the_patients_groups(predictions_of: Make) -> None:
    patient = predictions_of(n=400, n_groups=20)
    flattered = dataclasses.replace(
        patient,
        scores=np.where(np.arange(400)[:, None] % 3 == 0, np.eye(2)[patient.label], patient.scores),
        group=patient.image_id,
    )
    flattered = dataclasses.replace(flattered, predicted=flattered.scores.argmax(axis=1))
    doubled = flattered.take(np.repeat(np.arange(380), 2))
    copies = dataclasses.replace(doubled, image_id=np.char.add(doubled.image_id, np.tile(["#1", "#2"], 380)))
    made = inflation(copies, patient, n_resamples=2000)
    kept = np.arange(400) < 380
    expected = (flattered.predicted == patient.label)[kept].mean() - (patient.predicted == patient.label)[kept].mean()
    assert made.difference == pytest.approx(expected)
    assert made.n_groups == 20 and made.n_images == 380 and made.low > 0
    assert "20 origins tested in one rung only left out" in made.note
    with pytest.raises(InputError, match="share no test origin"):
        inflation(patient.take(np.arange(10)), patient.take(np.arange(10, 20)))


def test_auc_contrasts_survive_folds_with_one_group_of_a_class(predictions_of: Make) -> None:
    p = predictions_of(n=300, n_groups=6, n_folds=3)  # one group of each class in each fold
    made = compare(p, worse(p, share=0.2), metric="auc", n_resamples=1000)
    assert made.low < made.difference < made.high


def test_seeds_add_their_own_variance(predictions_of: Make) -> None:
    p = predictions_of(n=600, n_groups=20, n_seeds=3)
    q = worse(p, share=0.1)
    made = compare(p, q, n_resamples=4000)
    accuracies = [[float(np.mean((a.label == a.predicted)[a.seed == s])) for s in range(3)] for a in (p, q)]
    assert made.first == pytest.approx(np.mean(accuracies[0]))
    assert made.scope is Scope.TRAININGS
    s2 = np.mean([np.var(a, ddof=1) for a in accuracies])
    groups_alone = compare(p, q, n_resamples=4000, pooled=(1e-12, 4.0)).standard_error ** 2
    # runs differ between groups by chance: what that makes of s² is taken off, as the variance over groups has it too
    runs = [[a.take((a.seed == s) & (a.group == g)) for g in np.unique(a.group)] for a in (p, q) for s in range(3)]
    gaps = np.array([[np.mean(r.label == r.predicted) for r in of_groups] for of_groups in runs]).reshape(2, 3, 20)
    own = (gaps - gaps.mean(axis=1, keepdims=True)).reshape(6, 2, 10, order="F")  # groups take turns between classes
    by_chance = own.var(axis=2, ddof=1).sum() / 10 / 4 / 4  # 10 groups a class, half the images each, 2 df an arm
    expected = groups_alone + max(s2 - by_chance, 0) * 2 / 3
    assert made.standard_error**2 == pytest.approx(expected)


def test_what_trainings_add_is_no_surer_than_the_variance_between_seeds(predictions_of: Make) -> None:
    p = predictions_of(n=600, n_groups=20, n_seeds=3)
    q = worse(p, share=0.1)
    alone, pooled = (compare(p, q, n_resamples=100, pooled=given) for given in ((1e-12, 4.0), (0.04, 4.0)))
    assert 12 < alone.df < 18 and 3.8 < pooled.df < 4  # less than those of s², as a part of it is taken off
