"""Intervals whose sampling unit is the group: proportions, jackknife, AUC, seeds, design effects.

Pure functions of counts per group. A result is an :class:`Interval`; where none can be given its ends are NaN and
``note`` says why. No interval has zero width. ``leukbench/evaluation/README.md`` tabulates the measured coverage.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri, stdtrit

from leukbench.errors import InputError
from leukbench.evaluation.design import PerClass, effective_groups
from leukbench.records import FloatArray

Scale = Literal["identity", "log", "logit", "fisher"]
NAN = float("nan")
FLAT = "exact binomial, one observation a group"
"""The method where groups show no variation."""
HEAVY_TAILS = "one group makes up most of the error: with heavy tails less is covered"
_OUTLIER_FROM, _OUTLIER_SHARE = 10, 0.5
_WHOLE_SCALE = 20.0
"""An interval that reaches so far on a logit, Fisher or log scale holds everything."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval and how it was made; ``note`` carries reasons and reservations.

    ``df_groups`` are the degrees of freedom of the variance between groups, before that of seeds was added.
    """

    low: float = NAN
    high: float = NAN
    method: str = ""
    df: float = NAN
    standard_error: float = NAN
    effective_groups: float = NAN
    df_groups: float = NAN
    note: str = ""


def no_interval(reason: str, *, effective_groups: float = NAN) -> Interval:
    """Return the interval of what has none, with the reason."""
    return Interval(note=reason, effective_groups=effective_groups)


def join_notes(*notes: str) -> str:
    """Return the notes that say something, each once, joined by '; '."""
    return "; ".join(dict.fromkeys(note for note in notes if note))


# -------------------------------------------------------------------------------------------------------- ingredients


def t_quantile(df: float, level: float = 0.95) -> float:
    """Return the t quantile of a two-sided interval; df may be infinite. (scipy.stats costs twenty times as much a
    call.)

    Parameters
    ----------
    df
        Degrees of freedom, may be infinite.
    level
        Of the two-sided interval, as a fraction.

    Returns
    -------
    The quantile at (1 + level) / 2.

    Examples
    --------
    >>> round(t_quantile(2.0), 3), round(t_quantile(math.inf), 3)
    (4.303, 1.96)
    """
    upper = (1 + level) / 2
    return float(stdtrit(df, upper)) if math.isfinite(df) else float(ndtri(upper))


def satterthwaite(*parts: tuple[float, float]) -> tuple[float, float]:
    """Return the sum of independent variances, each given as (variance, degrees of freedom), and its effective df.

    df = (ΣV)² / Σ(V² / df) (Satterthwaite 1946). Parts that are 0 do not count; with none left df is infinite.

    Parameters
    ----------
    parts
        (variance, degrees of freedom) of each independent part; parts that are 0 do not count.

    Returns
    -------
    The sum of the variances and its df, infinite where no part is left.

    References
    ----------
    Satterthwaite 1946, Biometrics Bulletin 2:110.

    Examples
    --------
    >>> satterthwaite((1.0, 10.0), (1.0, 10.0))
    (2.0, 20.0)
    """
    kept = [(variance, df) for variance, df in parts if variance > 0]
    total = sum(variance for variance, _ in kept)
    below = sum(variance**2 / df if df > 0 else math.inf for variance, df in kept)
    return total, (total**2 / below if below else math.inf)


def with_seeds(groups: tuple[float, float], seeds: tuple[float, float]) -> tuple[float, float]:
    """Return the sum of the variance between groups and that between seeds, each given as (variance, degrees of
    freedom), and its effective df.

    Satterthwaite's, but s² counts (k + 2) / k times in its k df: with three seeds of one arm (k = 2) it often comes out
    small by chance, and the sum would then pass for one of many degrees of freedom just where its error is too small.
    E(s⁴) is σ⁴ (k + 2) / k. ``leukbench/verdicts/README.md`` tabulates what it mends.

    Parameters
    ----------
    groups, seeds
        (variance, df) between groups, and of what seeds add; a part that is 0 does not count.

    Returns
    -------
    The sum of the variances and its df.

    References
    ----------
    Satterthwaite 1946, Biometrics Bulletin 2:110.

    Examples
    --------
    >>> with_seeds((1.0, 10.0), (1.0, 2.0))  # (1 + 2)² / (1/10 + 4/2), where Satterthwaite has 4 / (1/10 + 1/2) = 6.7
    (2.0, 4.285714285714286)
    """
    (between, df), (added, k) = groups, seeds
    weighed = (added * (k + 2) / k, k) if k > 0 else seeds
    return between + added, satterthwaite((between, df), weighed)[1]


def add_strata(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the variance over all strata and its degrees of freedom: Satterthwaite's, at most twice those of the
    poorest.

    A stratum of two or three groups often looks as if its groups did not differ; Satterthwaite's df then come from the
    other strata alone, and the interval is too narrow just where it is least known. ``leukbench/evaluation/README.md``
    tabulates what the bound mends. It binds only where strata are of unlike size.

    Parameters
    ----------
    parts
        (variance, df) of each stratum.

    Returns
    -------
    (variance, df) over all.

    Examples
    --------
    >>> add_strata([(1.0, 10.0), (0.1, 1.0)])  # 1.21 / (0.1 + 0.01) = 11 without the bound
    (1.1, 2.0)
    """
    variance, df = satterthwaite(*parts)
    return variance, min(df, 2 * min(part[1] for part in parts)) if len(parts) > 1 else df


def pooled_variance(*series: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the variance s² between seeds pooled over the arms of a study, and its degrees of freedom.

    Each series holds one arm's values, one a seed; s² = Σ(x - mean of its arm)² / Σ(S - 1). (0, 0) where no arm has
    two.

    Parameters
    ----------
    series
        ``(n_seeds,)`` each: one arm's values, one a seed.

    Returns
    -------
    (s², df); (0, 0) where no arm has two seeds.

    Examples
    --------
    >>> pooled_variance(np.array([0.8, 0.9]), np.array([0.5, 0.5, 0.8]))  # (0.005 + 0.06) / (1 + 2)
    (0.02166666666666667, 3.0)
    """
    df = float(sum(max(len(s) - 1, 0) for s in series))
    squares = float(sum(((np.asarray(s) - np.mean(s)) ** 2).sum() for s in series if len(s)))
    return (squares / df, df) if df else (0.0, 0.0)


def without_each(values: npt.NDArray[Any], strata: npt.NDArray[Any] | None = None) -> FloatArray:
    """Return sums over units (the last axis) without each unit, the others of its stratum counting n/(n-1) in its
    place.

    So a stratum keeps its share of the whole (Wolter 2007); without that the variance of what is pooled over strata is
    too small by ((n-1)/n)² (G/(G-1))², a fifth with five units in each of two. Without strata, or where one has a
    single unit, sums are simply those of the others.

    >>> without_each(np.array([1.0, 2.0, 6.0, 8.0]), np.array([0, 0, 1, 1]))  # 2·2 + 14, 2·1 + 14, 3 + 2·8, 3 + 2·6
    array([18., 16., 19., 15.])
    """
    values = np.asarray(values, dtype=np.float64)
    whole = values.sum(axis=-1, keepdims=True)
    names, counts = np.unique(strata, return_counts=True) if strata is not None else (np.zeros(0), np.zeros(0))
    if strata is None or counts.min() < 2:
        return np.asarray(whole - values)
    left = np.empty_like(values)
    for name, n in zip(names, counts, strict=True):
        own = values[..., strata == name]
        total = own.sum(axis=-1, keepdims=True)
        left[..., strata == name] = whole - total + (total - own) * n / (n - 1)
    return left


def jackknife_variance(
    left_out: npt.NDArray[Any], *, sizes: npt.NDArray[Any], strata: npt.NDArray[Any] | None = None, cuts: int = 1
) -> list[tuple[float, float]]:
    """Return the delete-one-group jackknife variance of a statistic as (variance, df), one for each stratum.

    ``left_out`` ``(n_groups,)`` are its values without each group (:func:`without_each`); a stratum of G groups gives
    (G-1)/G Σ(x_(g) - mean of the stratum)² (Efron & Stein 1981; Wolter 2007 for strata) with df = effective groups - 1
    (less the number of ``cuts``, where each of several folds has a mean of its own).
    Strata are the classes where every group has one label, because the number of patients of each class is the study's
    choice; :func:`add_strata` adds them up. A stratum of one group says nothing: then all groups are taken together.
    Empty with fewer than two groups.

    Parameters
    ----------
    left_out
        ``(n_groups,)``: the statistic without each group.
    sizes
        ``(n_groups,)``: images of each group.
    strata
        ``(n_groups,)``: the class of each group where every group has one label, else None.
    cuts
        Folds with a mean of their own, which the df pay for.

    Returns
    -------
    (variance, df) of each stratum; empty with fewer than two groups.

    References
    ----------
    Efron & Stein 1981, Ann. Stat. 9:586; Wolter 2007, Introduction to Variance Estimation (strata).

    Examples
    --------
    >>> jackknife_variance(np.array([1.0, 3.0]), sizes=np.array([5, 5]))
    [(1.0, 1.0)]
    """
    values, n = np.asarray(left_out, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    if len(values) < 2:
        return []
    which = np.zeros(len(values), dtype=np.int64) if strata is None else np.asarray(strata)
    names, counts = np.unique(which, return_counts=True)
    if counts.min() < 2:
        which, names = np.zeros(len(values), dtype=np.int64), np.zeros(1, dtype=np.int64)
    parts = []
    for name in names:
        x, own = values[which == name], n[which == name]
        parts.append(
            (float((len(x) - 1) / len(x) * ((x - x.mean()) ** 2).sum()), max(effective_groups(own) - cuts, 0.5))
        )
    return parts


def proportion_variance(
    successes: npt.NDArray[Any], totals: npt.NDArray[Any], *, strata: npt.NDArray[Any] | None = None
) -> tuple[float, float]:
    """Return the jackknife variance of Σy / Σn over groups and its degrees of freedom; NaN with fewer than 2 groups.

    For groups of one size it is the linearised G/(G-1) Σ(y - p n)² / (Σn)², summed over strata.

    Parameters
    ----------
    successes, totals
        ``(n_groups,)``: right images and images of each group.
    strata
        As in :func:`jackknife_variance`.

    Returns
    -------
    (variance of the fraction, df).

    Examples
    --------
    >>> proportion_variance(np.array([4, 2]), np.array([4, 4]))  # 2 · (1 + 1) / 64
    (0.0625, 1.0)
    >>> proportion_variance(np.array([4, 2, 1, 3]), np.full(4, 4), strata=np.array([0, 0, 1, 1]))  # 2 · 4 / 256
    (0.03125, 2.0)
    """
    there = np.asarray(totals) > 0
    y, n = np.asarray(successes, dtype=np.float64)[there], np.asarray(totals, dtype=np.float64)[there]
    if len(n) < 2:
        return NAN, NAN
    which = None if strata is None else np.asarray(strata)[there]
    left_out = without_each(y, which) / without_each(n, which)
    return add_strata(jackknife_variance(left_out, sizes=n, strata=which))


def design_effect(successes: npt.NDArray[Any], totals: npt.NDArray[Any]) -> float:
    """Return how many times larger the variance of a proportion is than if images were independent (Kish 1965).

    NaN where it cannot be told: fewer than two groups, or every image right, or none.

    Parameters
    ----------
    successes, totals
        ``(n_groups,)``: right images and images of each group.

    Returns
    -------
    The ratio of variances; NaN with fewer than two groups, or where every image or none is right.

    References
    ----------
    Kish 1965, Survey Sampling.

    Examples
    --------
    >>> design_effect(np.array([4, 2]), np.array([4, 4]))  # 0.0625 / (0.75 · 0.25 / 8)
    2.6666666666666665
    """
    n = float(np.sum(totals))
    p = float(np.sum(successes)) / n if n else NAN
    return proportion_variance(successes, totals)[0] / (p * (1 - p) / n) if 0 < p < 1 else NAN


# -------------------------------------------------------------------------------------------------------- proportions


def wilson(successes: float, total: float, *, level: float = 0.95) -> Interval:
    """Return Wilson's (1927) score interval of a proportion of independent images; NaN for no images.

    Parameters
    ----------
    successes, total
        Numbers of images; fractions are allowed (means over seeds, effective numbers).
    level
        Of the interval, as a fraction.

    Returns
    -------
    The interval of the proportion, NaN where ``total`` is not above 0.

    References
    ----------
    Wilson 1927, J. Am. Stat. Assoc. 22:209.

    Examples
    --------
    >>> interval = wilson(8, 10)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.4902, 0.9433)
    """
    if not total > 0:
        return no_interval("no images")
    z, p = float(ndtri((1 + level) / 2)), successes / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(max(p * (1 - p), 0.0) / total + z * z / (4 * total * total))
    return Interval(
        low=max(centre - half, 0.0), high=min(centre + half, 1.0), method="Wilson", df=math.inf,
        standard_error=math.sqrt(max(p * (1 - p), 0.0) / total),
    )  # fmt: skip


def clopper_pearson(value: float, total: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the exact binomial limits of a proportion; ``value * total`` and ``total`` need not be whole numbers."""
    x, alpha = value * total, 1 - level
    low = float(betaincinv(x, total - x + 1, alpha / 2)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, total - x, 1 - alpha / 2)) if x < total else 1.0
    return low, high


def korn_graubard(
    successes: npt.NDArray[Any], totals: npt.NDArray[Any], *, level: float = 0.95, value: float | None = None,
    extra: tuple[float, float] = (0.0, 0.0), strata: npt.NDArray[Any] | None = None,
) -> Interval:  # fmt: skip
    """Return Korn and Graubard's (1998) interval of a proportion whose images come in groups.

    The variance V (:func:`proportion_variance`) gives an effective sample n* = p(1-p)/V, shrunk by (t_{n-1} / t_df)²,
    to which the exact binomial limits apply; df = effective groups - 1. Without variation between groups each group
    counts as one observation, which is conservative.

    By hand: p = 0.85, V = 4/3 · 5 / 1600, n* = 30.6, shrunk by (2.023 / 3.182)² to 12.36.

    Parameters
    ----------
    successes, totals
        ``(n_groups,)``: right images and images of each group, those without images left out; means over seeds may be
        fractions.
    level
        Of the interval, as a fraction.
    value
        The proportion, where it is not Σy / Σn.
    extra
        A further (variance, df) of the proportion, that of seeds.
    strata
        As in :func:`jackknife_variance`.

    Returns
    -------
    The interval as fractions, NaN with a note where there is none.

    References
    ----------
    Korn & Graubard 1998, Survey Methodology 24:193.

    Examples
    --------
    >>> interval = korn_graubard(np.array([9, 8, 10, 7]), np.array([10, 10, 10, 10]))
    >>> round(interval.low, 3), round(interval.high, 3), interval.df
    (0.54, 0.983, 3.0)
    """
    there = np.asarray(totals) > 0
    y, n = np.asarray(successes, dtype=np.float64)[there], np.asarray(totals, dtype=np.float64)[there]
    strata = None if strata is None else np.asarray(strata)[there]
    _check_counts(y, n)
    count, kish = len(n), effective_groups(n)
    if count < 2:
        return no_interval(_too_few(count), effective_groups=kish)
    p = float(y.sum() / n.sum()) if value is None else value
    own = proportion_variance(y, n, strata=strata)
    variance, df = with_seeds(own, extra)
    if variance < 1e-15 or not 0 < p < 1:
        return flat_interval(p, kish, level=level, scale="logit")
    images = float(n.sum())
    shrink = (t_quantile(images - 1, level) / t_quantile(df, level)) ** 2
    low, high = clopper_pearson(p, min(p * (1 - p) / variance * shrink, images), level=level)
    return Interval(
        low=low, high=high, method="Korn-Graubard", df=df, standard_error=math.sqrt(variance), effective_groups=kish,
        df_groups=own[1], note=join_notes(boundary_note(n - y, n), boundary_note(y, n, what="right ones")),
    )  # fmt: skip


def _too_few(groups: int) -> str:
    return "no groups" if groups == 0 else "one group only: nothing says how much groups differ"


def _check_counts(y: FloatArray, n: FloatArray) -> None:
    if (y < -1e-9).any() or (y > n + 1e-9).any():
        raise InputError(
            "more successes than images in a group", expected="0 <= successes <= totals", found=f"{y}, {n}"
        )


def boundary_note(errors: npt.NDArray[Any], totals: npt.NDArray[Any], *, what: str = "errors") -> str:
    """Return the reservation for a proportion near its end whose few errors lie in a few groups; "" elsewhere.

    It applies below 5 % errors where fewer than five effective groups hold them: no method covers there.

    Parameters
    ----------
    errors, totals
        ``(n_groups,)``: wrong images and images of each group.
    what
        What is counted, for the sentence.

    Returns
    -------
    The reservation, or "".
    """
    share = float(np.sum(errors)) / float(np.sum(totals))
    spread = effective_groups(np.asarray(errors))
    if not 0 < share < 0.05 or spread >= 5:
        return ""
    holding = int((np.asarray(errors) > 0).sum())
    return (
        f"near the end of the scale with the {what} in {holding} of {len(errors)} groups: no interval covers reliably"
    )


def flat_interval(value: float, groups: float, *, level: float = 0.95, scale: Scale = "logit") -> Interval:
    """Return the interval where groups show no variation at all: each group counts as one binomial observation.

    With every group perfect this is the one-group-in-G bound, low = (α/2)^(1/G). On the Fisher scale the value in
    [-1, 1] is mapped to [0, 1] and back.

    Parameters
    ----------
    value
        The estimate, on its own scale.
    groups
        How many of them, or effective ones.
    level
        Of the interval, as a fraction.
    scale
        ``fisher`` for metrics in [-1, 1].

    Returns
    -------
    A conservative interval.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26:404.
    """
    shrunk = (value + 1) / 2 if scale == "fisher" else value
    if not groups >= 1 or not 0 <= shrunk <= 1:
        return no_interval("groups show no variation: no interval can be given", effective_groups=groups)
    low, high = clopper_pearson(shrunk, groups, level=level)
    if scale == "fisher":
        low, high = 2 * low - 1, 2 * high - 1
    return Interval(
        low=low, high=high, method=FLAT, df=groups, effective_groups=groups,
        df_groups=groups,
        note="groups show no variation: no method covers reliably, a conservative bound is given",
    )  # fmt: skip


def mover(
    values: npt.NDArray[Any], lows: npt.NDArray[Any], highs: npt.NDArray[Any], *,
    weights: npt.NDArray[Any], correlation: npt.NDArray[Any] | None = None,
) -> tuple[float, float]:  # fmt: skip
    """Return the limits of Σ w v from the limits of each v (MOVER, Zou & Donner 2008), independent unless correlated.

    Parameters
    ----------
    values, lows, highs
        ``(n_parts,)``: the estimates and their limits.
    weights
        ``(n_parts,)``, negative for what is taken off.
    correlation
        ``(n_parts, n_parts)``; None where the parts are independent.

    Returns
    -------
    The lower and the upper limit.

    References
    ----------
    Zou & Donner 2008, Stat. Med. 27:1693.

    Examples
    --------
    >>> values, low = np.array([0.9, 0.5]), np.array([0.8, 0.4])
    >>> [round(x, 4) for x in mover(values, low, np.array([0.95, 0.6]), weights=np.array([0.5, 0.5]))]
    [0.6293, 0.7559]
    """
    v, w = np.asarray(values, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    r = np.eye(len(v)) if correlation is None else np.asarray(correlation, dtype=np.float64)
    down = np.where(w >= 0, v - np.asarray(lows), np.asarray(highs) - v) * w
    up = np.where(w >= 0, np.asarray(highs) - v, v - np.asarray(lows)) * w
    centre = float(w @ v)
    return centre - math.sqrt(max(float(down @ r @ down), 0.0)), centre + math.sqrt(max(float(up @ r @ up), 0.0))


def mean_of_proportions(
    successes: FloatArray, totals: FloatArray, *, level: float = 0.95, values: FloatArray | None = None,
    extra: tuple[float, float] = (0.0, 0.0), strata: npt.NDArray[Any] | None = None, one_class: bool = False,
) -> Interval:  # fmt: skip
    """Return the interval of a mean of proportions, such as balanced accuracy: MOVER over Korn-Graubard parts.

    Correlations between the parts come from their jackknife over groups (zero between recalls where every group has one
    label).

    Parameters
    ----------
    successes, totals
        ``(n_classes, n_groups)``: right images and images.
    level
        Of the interval, as a fraction.
    values
        ``(n_classes,)``: the proportions, where they are not Σy / Σn.
    extra
        A further (variance, df) of the mean, that of seeds, added on both sides.
    strata
        As in :func:`jackknife_variance`.
    one_class
        Each part speaks of one class alone, as a recall does, so that its groups need no strata.

    Returns
    -------
    The interval of the unweighted mean, as fractions.

    References
    ----------
    Zou & Donner 2008, Stat. Med. 27:1693; Korn & Graubard 1998, Survey Methodology 24:193.
    """
    classes, kish = len(totals), min(effective_groups(n) for n in totals)
    within = None if one_class else strata
    parts = [korn_graubard(y, n, level=level, strata=within) for y, n in zip(successes, totals, strict=True)]
    if any(math.isnan(part.low) for part in parts):
        return no_interval(join_notes(*(part.note for part in parts if math.isnan(part.low))), effective_groups=kish)
    left_out, correlation = _without_groups(successes, totals, strata)
    own = (successes.sum(axis=1) / totals.sum(axis=1)) if values is None else np.asarray(values)
    low, high = mover(
        own, np.array([part.low for part in parts]), np.array([part.high for part in parts]),
        weights=np.full(classes, 1 / classes), correlation=correlation,
    )  # fmt: skip
    mean = left_out.mean(axis=0)
    own_variance = add_strata(jackknife_variance(mean, sizes=totals.sum(axis=0), strata=strata))
    variance, df = with_seeds(own_variance, extra)
    widen = t_quantile(extra[1], level) * math.sqrt(extra[0]) if extra[0] > 0 else 0.0
    centre = float(own.mean())
    return Interval(
        low=max(centre - math.hypot(centre - low, widen), 0.0),
        high=min(centre + math.hypot(high - centre, widen), 1.0),
        method="MOVER of Korn-Graubard parts",
        df=df,
        standard_error=math.sqrt(variance),
        effective_groups=kish,
        df_groups=own_variance[1],
        note=join_notes(*(part.note for part in parts)),
    )


# --------------------------------------------------------------------------------------------- t on a scale, jackknife


def to_scale(value: Any, scale: Scale) -> Any:
    """Return a metric on the scale where a t interval is made: logit, atanh (fisher), log or identity."""
    value = np.asarray(value, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "logit":
            return np.log(value) - np.log1p(-value)
        if scale == "fisher":
            return np.arctanh(value)
        return np.log(value) if scale == "log" else value


def from_scale(value: float, scale: Scale) -> float:
    """Return the inverse of :func:`to_scale`."""
    if scale == "logit":
        return float(1 / (1 + math.exp(-value))) if value > -700 else 0.0
    if scale == "fisher":
        return math.tanh(value)
    return math.exp(min(value, 700.0)) if scale == "log" else value


def slope(value: float, scale: Scale) -> float:
    """Return d(scale) / d(value), which carries a variance onto the scale (delta method)."""
    below = {"logit": value * (1 - value), "fisher": 1 - value * value, "log": value, "identity": 1.0}[scale]
    return 1 / below if below > 0 else math.inf


def _without_groups(
    successes: FloatArray, totals: FloatArray, strata: npt.NDArray[Any] | None
) -> tuple[FloatArray, FloatArray]:
    """Return the proportions without each group ``(n_classes, n_groups)``, and how their shifts go together
    ``(n_classes, n_classes)``.
    """
    left_out = without_each(successes, strata) / without_each(totals, strata)
    shifts = left_out - successes.sum(axis=1, keepdims=True) / totals.sum(axis=1, keepdims=True)
    length = np.sqrt(np.diag(shifts @ shifts.T))
    scale = np.outer(length, length)
    return left_out, np.divide(shifts @ shifts.T, scale, out=np.eye(len(totals)), where=scale > 0)


def t_interval(
    value: float, variance: float, *, df: float, scale: Scale = "identity", level: float = 0.95,
    on_scale: bool = False, method: str = "t", groups: float = NAN,
) -> Interval:  # fmt: skip
    """Return value ± t_df · √variance made on a scale and brought back.

    ``variance`` is of the value itself unless ``on_scale``. With no variance, or at the end of the scale, each group
    counts as one binomial observation (:func:`flat_interval`). NaN where value, variance or df is undefined.

    Parameters
    ----------
    value, variance
        The estimate, and its variance (on the scale where ``on_scale``).
    df
        Of the variance.
    scale
        Where the interval is symmetric: identity, logit, log or fisher.
    level
        Of the interval, as a fraction.
    method, groups
        Its name, and the effective groups it rests on.

    Returns
    -------
    The interval in the estimate's own units; NaN where value, variance or df is undefined.
    """
    if math.isnan(value) or math.isnan(variance):
        return no_interval("the value or its variance is undefined", effective_groups=groups)
    if not df > 0:
        return no_interval("too few groups for an interval", effective_groups=groups)
    steep = slope(value, scale)
    if not variance > 1e-15 or math.isinf(steep):
        if scale in ("logit", "fisher"):
            return flat_interval(value, groups, level=level, scale=scale)
        return no_interval("groups show no variation", effective_groups=groups)
    spread = math.sqrt(variance) if on_scale else math.sqrt(variance) * steep
    half, centre = t_quantile(df, level) * spread, float(to_scale(value, scale))
    if half > _WHOLE_SCALE and scale != "identity":
        return no_interval("too few groups for an interval", effective_groups=groups)
    return Interval(
        low=from_scale(centre - half, scale), high=from_scale(centre + half, scale), method=method, df=df,
        standard_error=spread / steep, effective_groups=groups,
    )  # fmt: skip


def jackknife(
    value: float, left_out: npt.NDArray[Any], *, scale: Scale, units: PerClass, cuts: int = 1, level: float = 0.95,
    extra: tuple[float, float] = (0.0, 0.0),
) -> Interval:  # fmt: skip
    """Return the delete-one-group jackknife interval with t on a scale (Fisher z for MCC, logit for F1 and AUC).

    Variance and df by :func:`jackknife_variance` on the scale, within the strata of ``units``. Where units have several
    labels their classes bound the df as strata do (:func:`add_strata`): a class of four patients stays one of four.
    ``effective_groups`` is the poorest class's.

    Parameters
    ----------
    value
        The metric over all units.
    left_out
        ``(n_units,)``: the metric without each unit.
    scale
        Where t applies: fisher for MCC, logit for F1 and AUC.
    units
        The units' classes and sizes.
    cuts
        Folds with a mean of their own.
    level
        Of the interval, as a fraction.
    extra
        A further (variance, df) of the value, that of seeds.

    Returns
    -------
    The interval in the metric's own units; NaN where it is undefined without one of the units.

    References
    ----------
    Efron & Stein 1981, Ann. Stat. 9:586.
    """
    label = {"fisher": "Fisher z", "logit": "logit", "log": "log", "identity": "own scale"}[scale]
    groups = units.fewest
    if why := _undefined(value, left_out):
        return no_interval(why, effective_groups=groups)
    z, steep = to_scale(left_out, scale), slope(value, scale)
    if math.isinf(steep):
        return t_interval(value, 0.0, df=1.0, scale=scale, level=level, groups=groups)
    if not np.isfinite(z).all():
        z = np.asarray(left_out, dtype=np.float64) * steep  # without one group there is no error left: delta method
    own = add_strata(jackknife_variance(z, sizes=units.sizes, strata=units.strata, cuts=cuts))
    if units.strata is None and groups >= 2:
        own = own[0], min(own[1], 2 * (groups - 1))
    variance, df = with_seeds(own, (extra[0] * steep**2, extra[1]))
    made = t_interval(
        value, variance, df=df, scale=scale, level=level, on_scale=True,
        method=f"group jackknife, t on {label}", groups=groups,
    )  # fmt: skip
    return dataclasses.replace(
        made,
        df_groups=own[1] if math.isnan(made.df_groups) else made.df_groups,
        note=join_notes(made.note, outlier_note(z, units)),
    )


def _undefined(value: float, left_out: npt.NDArray[Any]) -> str:
    if math.isnan(value):
        return "undefined"
    if len(left_out) < 2:
        return _too_few(len(left_out))
    missing = int(np.isnan(left_out).sum())
    return f"undefined without one of the groups ({missing} of {len(left_out)})" if missing else ""


def outlier_note(z: FloatArray, units: PerClass) -> str:
    """Return the warning that one unit makes up most of a metric's variance; "" elsewhere.

    Asked of the values without each unit, within strata of ten or more. Where it speaks, patients may have heavy tails,
    and intervals then cover less than their grade says.

    Parameters
    ----------
    z
        ``(n_units,)``: the metric without each unit, on the scale of its interval.
    units
        The units' classes and sizes.

    Returns
    -------
    The warning, or "".
    """
    strata = np.zeros(len(z), dtype=np.int64) if units.strata is None else units.strata
    for s in np.unique(strata):
        squares = (z[strata == s] - z[strata == s].mean()) ** 2
        if len(squares) >= _OUTLIER_FROM and squares.max() > _OUTLIER_SHARE * squares.sum() > 0:
            return HEAVY_TAILS
    return ""
