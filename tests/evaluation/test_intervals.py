"""Intervals against other software, hand arithmetic, and what must never happen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from leukbench.errors import InputError
from leukbench.evaluation import intervals, ranking, reservations
from leukbench.evaluation.design import PerClass
from leukbench.evaluation.grades import Family, grade_of
from leukbench.evaluation.intervals import korn_graubard, wilson
from leukbench.records import Grade
from simulations import seeds

counts_of_groups = st.lists(st.tuples(st.integers(1, 40), st.floats(0, 1)), min_size=2, max_size=12)


def split_counts(rows: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    n = np.array([size for size, _ in rows])
    return np.floor(n * np.array([share for _, share in rows])).astype(int), n


@given(right=st.integers(0, 300), wrong=st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_wilson_is_that_of_statsmodels(right: int, wrong: int) -> None:
    if right + wrong:
        expected = proportion_confint(right, right + wrong, method="wilson")
        made = wilson(right, right + wrong)
        assert (made.low, made.high) == pytest.approx(expected, abs=1e-12)


def test_korn_graubard_follows_the_paper_step_by_step() -> None:
    y, n = np.array([9.0, 8, 10, 7, 18]), np.array([10.0, 10, 10, 10, 20])
    p = y.sum() / n.sum()
    left = (y.sum() - y) / (n.sum() - n)
    variance = 4 / 5 * ((left - left.mean()) ** 2).sum()
    df = n.sum() ** 2 / (n**2).sum() - 1
    size = p * (1 - p) / variance * (stats.t.ppf(0.975, n.sum() - 1) / stats.t.ppf(0.975, df)) ** 2
    x = p * size
    v1, v2, v3, v4 = 2 * x, 2 * (size - x + 1), 2 * (x + 1), 2 * (size - x)  # with F quantiles, as printed there
    low = v1 * stats.f.ppf(0.025, v1, v2) / (v2 + v1 * stats.f.ppf(0.025, v1, v2))
    high = v3 * stats.f.ppf(0.975, v3, v4) / (v4 + v3 * stats.f.ppf(0.975, v3, v4))
    made = korn_graubard(y, n)
    assert (made.low, made.high, made.df) == pytest.approx((low, high, df), abs=1e-9)


@given(rows=counts_of_groups)
@settings(max_examples=80, deadline=None)
def test_no_interval_has_zero_width_or_leaves_zero_to_one(rows: list[tuple[int, float]]) -> None:
    y, n = split_counts(rows)
    made = korn_graubard(y, n)
    assert 0 <= made.low < made.high <= 1
    assert made.low - 1e-9 <= y.sum() / n.sum() <= made.high + 1e-9


@given(rows=counts_of_groups, data=st.data())
@settings(max_examples=30, deadline=None)
def test_the_order_of_groups_does_not_matter(rows: list[tuple[int, float]], data: st.DataObject) -> None:
    y, n = split_counts(rows)
    order = np.array(data.draw(st.permutations(range(len(n)))))
    a, b = korn_graubard(y, n), korn_graubard(y[order], n[order])
    assert (a.low, a.high) == pytest.approx((b.low, b.high), abs=1e-9)


def test_copying_every_image_narrows_the_image_interval_but_not_the_group_interval() -> None:
    y, n = np.array([9, 8, 10, 7, 5, 9]), np.full(6, 10)
    by_group, copied = korn_graubard(y, n), korn_graubard(10 * y, 10 * n)
    by_image, copied_images = wilson(y.sum(), n.sum()), wilson(10 * y.sum(), 10 * n.sum())
    assert copied_images.high - copied_images.low < 0.5 * (by_image.high - by_image.low)
    assert copied.high - copied.low == pytest.approx(by_group.high - by_group.low, rel=0.05)


def test_all_right_gives_each_group_one_observation_and_says_so() -> None:
    made = korn_graubard(np.full(28, 70), np.full(28, 70))
    assert made.high == 1.0 and made.low == pytest.approx(0.025 ** (1 / 28))
    assert "no method covers" in made.note


def test_few_errors_in_few_patients_are_marked() -> None:
    n = np.full(28, 70)
    crowded, spread = n.copy(), n.copy()
    crowded[0] -= 20
    spread[:20] -= 1
    assert "errors in 1 of 28 groups" in korn_graubard(crowded, n).note
    assert korn_graubard(spread, n).note == ""


def test_one_group_gives_a_reason_and_no_interval() -> None:
    made = korn_graubard(np.array([7, 0]), np.array([10, 0]))
    assert math.isnan(made.low) and "one group only" in made.note
    with pytest.raises(InputError, match="more successes"):
        korn_graubard(np.array([11, 1]), np.array([10, 10]))


def test_strata_take_out_what_differs_between_classes_and_a_lone_group_is_not_a_stratum() -> None:
    y, n = np.array([9, 8, 9, 5, 6, 5]), np.full(6, 10)
    strata = np.array([0, 0, 0, 1, 1, 1])
    assert korn_graubard(y, n, strata=strata).standard_error < 0.5 * korn_graubard(y, n).standard_error
    alone = np.array([0, 0, 0, 0, 0, 1])
    assert korn_graubard(y, n, strata=alone).low == korn_graubard(y, n).low


def test_design_effect_is_one_over_independent_images_and_the_size_over_identical_ones() -> None:
    rng = np.random.default_rng(0)
    n = np.full(2000, 10)
    assert intervals.design_effect(rng.binomial(10, 0.8, 2000), n) == pytest.approx(1, abs=0.1)
    assert intervals.design_effect(10 * rng.binomial(1, 0.8, 2000), n) == pytest.approx(10, rel=0.01)
    total = 1 / 0.2 - 1
    correlated = rng.binomial(10, rng.beta(0.8 * total, 0.2 * total, 2000))
    assert intervals.design_effect(correlated, n) == pytest.approx(1 + 9 * 0.2, rel=0.1)


def test_seeds_widen_by_their_own_variance_over_their_number() -> None:
    y, n = np.array([9, 8, 10, 7, 5, 9]), np.full(6, 10)
    alone, seeded = korn_graubard(y, n), korn_graubard(y, n, extra=(0.1**2 / 3, 2.0))
    assert seeded.standard_error**2 == pytest.approx(alone.standard_error**2 + 0.1**2 / 3)
    assert seeded.high - seeded.low > alone.high - alone.low
    # by hand: two degrees of freedom of s² make it count twice, V²/(V_g²/df + V_s²/2)
    a, b = alone.standard_error**2, 2 * 0.1**2 / 3
    assert seeded.df == pytest.approx((a + b) ** 2 / (a**2 / alone.df + b**2 / 2))


def test_mover_of_one_part_is_that_part_and_perfect_correlation_adds_widths() -> None:
    v, low, high = np.array([0.8, 0.6]), np.array([0.7, 0.5]), np.array([0.85, 0.72])
    one = intervals.mover(v[:1], low[:1], high[:1], weights=np.ones(1))
    assert one == pytest.approx((0.7, 0.85))
    both = intervals.mover(v, low, high, weights=np.full(2, 0.5), correlation=np.ones((2, 2)))
    assert both == pytest.approx((low.mean(), high.mean()))
    difference = intervals.mover(v, low, high, weights=np.array([1.0, -1.0]))  # Newcombe's interval
    assert difference == pytest.approx((0.2 - math.hypot(0.1, 0.12), 0.2 + math.hypot(0.05, 0.1)))


def test_jackknife_of_a_mean_on_its_own_scale_is_the_t_interval() -> None:
    x = np.array([0.2, 0.5, 0.4, 0.9, 0.6])
    made = intervals.jackknife(float(x.mean()), (x.sum() - x) / 4, scale="identity", units=units_of(5))
    expected = stats.t.interval(0.95, 4, loc=x.mean(), scale=stats.sem(x))
    assert (made.low, made.high) == pytest.approx(expected, abs=1e-9)


def test_jackknife_stays_inside_the_scale_and_explains_what_it_cannot_do() -> None:
    perfect = intervals.jackknife(1.0, np.ones(10), scale="fisher", units=units_of(10))
    assert -1 < perfect.low < 1.0 == perfect.high and "no method covers" in perfect.note
    almost = intervals.jackknife(0.98, np.r_[1.0, np.full(9, 0.978)], scale="fisher", units=units_of(10))
    assert -1 < almost.low < 0.98 < almost.high <= 1
    lost = intervals.jackknife(0.5, np.r_[np.nan, np.full(9, 0.5)], scale="fisher", units=units_of(10))
    assert math.isnan(lost.low) and "undefined without one of the groups" in lost.note


def naive_without(y: np.ndarray, s: np.ndarray, codes: np.ndarray) -> list[float]:
    """The AUC of the rows that are left without each group, from all pairs."""

    def area(keep: np.ndarray) -> float:
        pos, neg = s[keep & (y == 1)], s[keep & (y == 0)]
        return float(np.mean((pos[:, None] > neg) + 0.5 * (pos[:, None] == neg)))

    return [area(codes != g) for g in range(int(codes.max()) + 1)]


@pytest.mark.parametrize("one_label", [True, False])
def test_the_auc_without_each_group_is_that_of_the_rows_that_are_left(one_label: bool) -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 9, 90)
    y = codes % 2 if one_label else rng.integers(0, 2, 90)
    s = np.round(rng.random(90) + 0.3 * y + rng.normal(0, 0.2, 9)[codes], 1)
    value, without = ranking.auc_without(y == 1, s, codes, 9)
    assert without == pytest.approx(naive_without(y, s, codes), abs=1e-12)
    part = ranking.auc_parts(y, np.stack([1 - s, s], 1), np.zeros(90, dtype=int), codes, n_units=9, classes=[1])
    assert part.values[0, 0] == value and part.without[0] == pytest.approx(without)


def test_groups_of_one_image_give_delongs_standard_error_nearly() -> None:
    rng = np.random.default_rng(4)
    y = np.r_[np.ones(300, dtype=int), np.zeros(400, dtype=int)]
    s = rng.normal(y, 1.0)
    v10 = np.array([np.mean(a > s[y == 0]) for a in s[y == 1]])
    v01 = np.array([np.mean(s[y == 1] > b) for b in s[y == 0]])
    delong = v10.var(ddof=1) / 300 + v01.var(ddof=1) / 400
    part = ranking.auc_parts(
        y, np.stack([1 - s, s], 1), np.zeros(700, dtype=int), np.arange(700), n_units=700, classes=[1]
    )
    units = PerClass.of(np.stack([y == 0, y == 1]).astype(float))
    _, made = ranking.auc_interval([part], None, units=units, folds_share_units=False)
    assert made.standard_error**2 == pytest.approx(delong, rel=0.01)


def test_a_constant_score_has_no_interval() -> None:
    y, codes = np.repeat([0, 1], 20), np.arange(40) // 4
    part = ranking.auc_parts(y, np.full((40, 2), 0.5), np.zeros(40, dtype=int), codes, n_units=10, classes=[1])
    value, made = ranking.auc_interval([part], None, units=PerClass.of(np.ones((2, 10))), folds_share_units=False)
    assert value == 0.5 and math.isnan(made.low) and "constant" in made.note


def test_a_class_of_four_patients_stays_one_of_four_when_one_of_them_has_both_labels() -> None:
    counts = np.zeros((2, 30))
    counts[0, :26], counts[1, 25:] = 10, 10  # 25 of a alone, one of both, 4 of b alone
    units = PerClass.of(counts)
    assert units.strata is not None and np.bincount(units.strata).tolist() == [25, 5]
    assert units.effective() == pytest.approx((26.0, 5.0)) and units.fewest == 5.0
    mixed = PerClass.of(np.array([[10.0] * 20, [10.0] * 4 + [0.1] * 16]))  # of b four hold nearly all
    assert mixed.strata is None
    x = np.random.default_rng(0).normal(0.7, 0.01, 20)
    assert intervals.jackknife(0.7, x, scale="logit", units=mixed).df <= 2 * (mixed.fewest - 1) + 1e-9


def units_of(n: int) -> PerClass:
    """Return n units of one image and one class."""
    return PerClass.of(np.ones((1, n)))


def test_sensitivity_to_unknown_patients_widens_with_correlation() -> None:
    rows = reservations.design_effect_sensitivity(0.98, 3256, n_patients=89)
    widths = [row.high - row.low for row in rows]
    assert widths == sorted(widths) and rows[0].design_effect == 1
    assert rows[2].design_effect == pytest.approx(1 + (3256 / 89 - 1) * 0.1)
    trained = reservations.design_effect_sensitivity(0.98, 3256, n_patients=89, seeds=(0.01**2, 2.0))
    assert all(t.low < row.low and row.high < t.high for t, row in zip(trained, rows, strict=True))
    with pytest.raises(InputError, match="2 to 10 patients"):
        reservations.design_effect_sensitivity(0.9, 10, n_patients=11)


def graded(family: Family, *groups: float, low: float, high: float, method: str = "") -> Grade:
    return grade_of(family, groups, intervals.Interval(low=low, high=high, method=method), method_of_few="few").grade


def test_a_grade_comes_from_groups_of_each_class_and_the_end_of_the_scale() -> None:
    p = Family.PROPORTION
    assert graded(p, 40.0, 20.0, low=0.8, high=0.9) is Grade.ASSURED
    assert graded(p, 40.0, 20.0, low=0.9, high=0.98) is Grade.OPTIMISTIC  # the limit, not the value, comes near the end
    assert graded(p, 40.0, 20.0, low=0.02, high=0.1) is Grade.OPTIMISTIC
    assert graded(p, 40.0, 35.0, low=0.9, high=0.98) is Grade.ASSURED
    assert graded(p, 40.0, 5.0, low=0.5, high=0.9) is Grade.WIDE
    assert graded(Family.RANKING, 11.0, 2.8, low=0.5, high=0.99) is Grade.WIDE  # three patients: measured to cover 98 %
    assert graded(Family.RANKING, 11.0, 3.5, low=0.5, high=0.99) is Grade.OPTIMISTIC
    assert graded(p, 40.0, 1.0, low=0.5, high=0.9) is Grade.UNKNOWN
    assert graded(Family.MATRIX, 11.0, 3.0, low=0.2, high=0.99, method="few") is Grade.ASSURED
    assert graded(Family.MATRIX, 20.0, low=0.5, high=0.93, method="t on Fisher z") is Grade.ASSURED  # 0.965 of [-1, 1]
    assert graded(Family.BINNED, 40.0, low=0.01, high=0.1) is Grade.UNKNOWN
    assert graded(p, 40.0, low=math.nan, high=math.nan) is Grade.NONE


def test_the_standard_error_of_a_proportion_is_statsmodels_cluster_robust_one() -> None:
    """Least squares on a constant, clustered by group, with statsmodels' own correction taken off;
    groups of one size."""
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(4)
    right = (rng.random((12, 30)) < rng.beta(8, 2, (12, 1))).astype(float)
    fitted = OLS(right.ravel(), np.ones(right.size)).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(12), 30), "use_correction": False}
    )
    made = korn_graubard(right.sum(axis=1), np.full(12, 30))
    assert made.standard_error == pytest.approx(float(fitted.bse[0]) * np.sqrt(12 / 11), rel=1e-12)


@pytest.mark.parametrize("k", [2, 4, 10])
def test_few_seeds_do_not_let_errors_pass_that_satterthwaites_degrees_of_freedom_would(k: int) -> None:
    plain, ours = seeds.wrong(k, 4.0, 20_000)
    assert ours < min(plain, 5.5) and (k > 2 or plain > 5.7)
