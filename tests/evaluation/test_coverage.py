"""What the simulations promise, held on a few cohorts quickly and on more of them slowly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leukbench.evaluation import hierarchical
from leukbench.evaluation.contrasts import compare, compare_runs
from leukbench.evaluation.intervals import korn_graubard, proportion_variance, wilson
from leukbench.records import Grade
from leukbench.verdicts.differences import Overlap
from simulations import contrasts, coverage, few, verdicts
from simulations.patients import CNMC, Cohort
from simulations.verdicts import Study

CAUTIOUS = ("5 + 5", "11 + 3", "30 + 30, one patient with 40 %")
"""Designs of contrasts in which equal networks differ in fewer than 3 % of studies."""


def mostly(share: float, at_least: float, n: int) -> bool:
    """Whether a share is not below a bound by more than chance (three standard errors)."""
    return share >= at_least - 3 * (at_least * (1 - at_least) / n) ** 0.5


def test_accuracy_is_covered_by_groups_and_not_by_images() -> None:
    rng, right = np.random.default_rng(7), {"group": 0, "image": 0}
    for _ in range(400):
        n = rng.poisson(70, 28) + 1
        y = rng.binomial(n, stats.beta.rvs(0.85 * 9, 0.15 * 9, size=28, random_state=rng))
        for unit, made in (("group", korn_graubard(y, n)), ("image", wilson(y.sum(), n.sum()))):
            right[unit] += made.low <= 0.85 <= made.high
    assert 0.92 <= right["group"] / 400 <= 0.98
    assert right["image"] / 400 < 0.75


def test_few_patients_of_a_class_are_covered_by_the_model_of_few() -> None:
    n = 60
    found = list(coverage.shots("x", Cohort((11, 3), (0.85, 0.85)), n))
    for metric in ("accuracy", "balanced_accuracy", "mcc", "recall b"):
        of = [s for s in found if s.metric == metric]
        assert len(of) == n and {s.grade for s in of} == {Grade.ASSURED}
        assert mostly(coverage.covered(of) / 100, 0.95, n), metric


def test_few_patients_are_covered_where_those_with_many_images_are_called_right_more_often() -> None:
    """A model of rates that do not depend on the number of images covers 66 to 76 % here, all misses above it."""
    n = 60
    found = list(coverage.shots("x", Cohort((30, 5), (0.92, 0.8), "easier"), n))
    for metric in ("accuracy", "balanced_accuracy", "recall b"):
        assert mostly(coverage.covered([s for s in found if s.metric == metric]) / 100, 0.92, n), metric


def test_the_model_of_few_follows_the_images_and_not_the_mean_of_patients() -> None:
    """Healthy subjects of a random split, which trains on most images of the large ones: 56 % of the images are right,
    39 % of a subject's on average.
    """
    images = np.array([158, 87, 79, 49, 32, 25, 25, 23, 13, 9, 7, 7, 5, 4, 1], dtype=np.float64)
    right = np.array([104, 44, 59, 24, 7, 16, 12, 19, 7, 1, 1, 0, 1, 1, 0], dtype=np.float64)
    rates = hierarchical.posterior(right[None], images[None]).rates[0]
    low, high = np.quantile(rates, [0.025, 0.975])
    assert abs(np.median(rates) - right.sum() / images.sum()) < 0.03
    assert low < 0.5 and high > 0.6 and (right / images).mean() < low + 0.05
    for one_sided in ([1.0, 57_000.0], [1.0, 60_000.0]):  # a slope that leaves no chance of an error to the small one
        drawn = hierarchical.posterior(np.array([one_sided]), np.array([[1.0, 60_000.0]])).rates[0]
        assert np.isfinite(drawn).all() and 0.8 < np.median(drawn) < 1
    alike = np.full(15, 40.0)
    plain = hierarchical.posterior(np.round(alike * 0.8)[None], alike[None]).rates[0]
    assert abs(np.median(plain) - 0.8) < 0.01


def test_a_class_of_many_patients_beside_one_of_few_is_drawn_as_the_jackknife_has_it() -> None:
    rng = np.random.default_rng(1)
    images = np.maximum(np.rint(np.exp(rng.normal(3, 0.6, 800))), 1)
    right = rng.binomial(images.astype(int), rng.beta(8, 2, 800)).astype(np.float64)
    drawn = hierarchical.posterior(right[None], images[None]).rates[0]
    error = np.sqrt(proportion_variance(right, images)[0])
    assert abs(np.median(drawn) - right.sum() / images.sum()) < error and 0.8 < np.std(drawn) / error < 1.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["11 + 3, recalls 0.95, 0.95, probit", "5 + 5, recalls 0.85, 0.85, t3", "14 + 14, recalls 0.85, 0.85, beta"]
)
def test_assured_intervals_cover_what_they_say(name: str) -> None:
    n = 300
    found = [s for s in coverage.shots(name, coverage.COHORTS[name], n) if s.grade is Grade.ASSURED]
    for metric in coverage.METRICS:
        of = [s for s in found if s.metric == metric]
        if len(of) > 100:
            assert mostly(coverage.covered(of) / 100, 0.93, len(of)), metric


def test_one_seed_refuted_true_claims_and_three_do_not() -> None:
    n = 150
    found = verdicts.shares(Study(groups=60, noise=0.02), (0.02, 0.05), n)
    assert all(mostly(1 - refuted, 0.95, n) for _, refuted in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("off", [-0.05, 0.05])
@pytest.mark.parametrize("groups", verdicts.GROUPS)
def test_false_claims_are_seldom_reproduced(groups: int, off: float) -> None:
    n = 600
    for noise in verdicts.NOISES:
        reproduced, refuted = verdicts.shares(Study(groups=groups, noise=noise, off=off), (0.05,), n)[0.05]
        assert mostly(1 - reproduced, 0.95, n) and mostly(1 - refuted, 0.95, n)


@pytest.mark.slow
def test_the_same_patients_counted_once_show_more() -> None:
    sizes = CNMC["73"][0] + CNMC["73"][1]
    once, twice = (
        verdicts.shares(Study(sizes=sizes, arms=5, shared=Overlap.IMAGES, pairing=pairing), (0.05,), 400)[0.05][0]
        for pairing in ("the same images", "two samples")
    )
    assert once > 0.74 and once - twice > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("per_class", few.CLASSES)
def test_true_claims_are_seldom_refuted_with_few_patients(per_class: tuple[int, int]) -> None:
    n = 300
    for recalls in few.RECALLS:
        found = few.refuted(Cohort(per_class, recalls), n)
        assert {key: share for key, share in found.items() if not mostly(1 - share, 0.95, n)} == {}


@pytest.mark.parametrize("name", ["14 + 14", "5 + 5", "28 of both classes"])
def test_runs_counted_by_patient_compare_as_their_predictions_do(name: str) -> None:
    cohort = next(cohort for own, cohort, _ in contrasts.CASES if own == name)
    pair = contrasts.Pair(cohort, 0.014, 3, np.random.default_rng(1))
    for metric in contrasts.METRICS:
        counted = compare_runs(pair.runs(), metric=metric, n_resamples=10)
        whole = compare(pair.predictions(0), pair.predictions(1), metric=metric, n_resamples=10)
        assert whole.p_value == pytest.approx(counted.p_value, rel=1e-9) and 0 < whole.p_value < 1
        assert (whole.difference, whole.df) == pytest.approx((counted.difference, counted.df), rel=1e-9)


@pytest.mark.parametrize("name", ["10 + 10", "30 + 30"])
def test_two_equal_networks_seldom_differ(name: str) -> None:
    n, cohort = 150, next(cohort for own, cohort, _ in contrasts.CASES if own == name)
    assert all(mostly(1 - share / 100, 0.95, n) for share in contrasts.rejected(cohort, 0.014, n).values())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cohort", "noise"), contrasts.CASES)
def test_two_equal_networks_differ_in_three_to_seven_percent(name: str, cohort: Cohort, noise: float) -> None:
    n = 1000
    for share in contrasts.rejected(cohort, noise, n, stream=3).values():
        assert mostly(1 - share / 100, 0.93, n) and (name in CAUTIOUS or mostly(share / 100, 0.03, n))
