"""Reproduced minus claimed: one difference with the errors of both sides, and what it says about a margin.

Goeman, Solari & Stijnen 2010, Stat. Med. 29:2117 (three-sided test); Zou & Donner 2008, Stat. Med. 27:1693 (MOVER); Rao
& Scott 1992, Biometrics 48:577 (design effect of a printed n); Korn & Graubard 1998 (few groups).
``leukbench/verdicts/README.md`` explains the choices. Pure: no disk, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scipy.special import ndtri, stdtr, stdtrit
from statsmodels.stats.proportion import proportion_confint

from leukbench.records import COPIES_AVERAGED, Estimate

Outcome = Literal["lower", "within", "higher", "unresolved"]
PROPORTIONS = frozenset({"accuracy", "recall", "specificity", "precision", "patient_accuracy"})
SIGNED = frozenset({"mcc", "kappa"})
"""Metrics on [-1, 1]; all others lie on [0, 1]."""
_SETTLED = 1e6  # degrees of freedom beyond which t is the normal distribution


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """One estimate that a claim is held against, with what decides how far it can be trusted."""

    estimate: Estimate
    protocol: str
    reading: str = ""
    definition: str = ""  # which definition of the metric, where the claim does not say
    deviations: tuple[str, ...] = ()
    evidence: str = "verified"
    seed_variance: float = 0.0  # s² between seeds of one run, pooled over the study's arms


@dataclass(frozen=True, kw_only=True)
class Question:
    """One claim with all that it is to be held against. ``value`` and ``half_unit`` are fractions."""

    claim: str
    metric: str
    value: float
    half_unit: float
    n: int | None  # images that the claim was counted on
    headline: bool = False
    faithful: tuple[Reproduced, ...] = ()  # under the paper's protocol, one per reading and definition
    honest: tuple[Reproduced, ...] = ()  # under `patient`, one per definition
    accused: bool = False  # inconsistent as printed, by the audit
    untestable: str = ""  # a reason known beforehand
    not_run: tuple[str, ...] = ()  # readings of the paper's split that nobody has run


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Reproduced minus claimed, as a fraction: the value, its 95 % interval and one-sided standard errors.

    ``slack_low`` and ``slack_high`` say how far the claim's rounding alone may have moved the value down or up. They
    bound an error, they are no variance: the interval holds them in full, the standard errors not at all.
    """

    value: float
    low: float
    high: float
    se_low: float  # of the lower side
    se_high: float
    df: float
    slack_low: float = 0.0
    slack_high: float = 0.0

    def smallest_margin(self, *, alpha: float = 0.05, power: float = 0.8) -> float:
        """Return the smallest margin within which a true difference of 0 would be shown with this power.

        With the standard error 0.031 of docs/statistics.md and many degrees of freedom, 0.031 · (1.645 + 1.282):

        >>> d = Difference(value=0, low=-0.06, high=0.06, se_low=0.031, se_high=0.031, df=1e6)
        >>> round(d.smallest_margin(), 3)
        0.091
        """
        steps = float(stdtrit(self.df, 1 - alpha)) + float(ndtri((1 + power) / 2))
        return max(self.se_low * steps + self.slack_low, self.se_high * steps + self.slack_high)


# ---------------------------------------------------------------------------------------------- difference and its test


def claim_interval(question: Question, reproduced: Reproduced) -> tuple[float, float] | None:
    """Return the 95 % interval of a printed figure before rounding, or None where no error can be attached to it.

    Wilson on the printed n, divided by the design effect of our estimate (Rao & Scott 1992) and, as that is estimated
    from the same few groups, shrunk by (z / t_df)² as Korn and Graubard do; MCC and kappa are mapped to [0, 1] and
    back. Widened by the variance between seeds of the claim's single run. Both errors count in full, as of independent
    test images: where the paper used the very images that we use, the true error of the difference is smaller.
    """
    n, t = _claim_size(question, reproduced), _quantile(reproduced.estimate)
    if n is None or t is None:
        return None
    floor, value = _on_scale(question, reproduced)
    low, high = proportion_confint((value - floor) / (1 - floor) * n, n, alpha=0.05, method="wilson")
    seeds = t * math.sqrt(reproduced.seed_variance)
    low, high = (floor + (1 - floor) * x for x in (low, high))
    return value - math.hypot(value - low, seeds), value + math.hypot(high - value, seeds)


def _claim_size(question: Question, reproduced: Reproduced) -> float | None:
    """Return how many independent images a claim is worth: n over the design effect, shrunk for its few groups.

    Where the paper's protocol tests copies of originals, ours averages them and counts originals, for which the design
    effect is told: a claim that counted copies is then worth no more originals than ours, also beside a run by patient.
    """
    e = reproduced.estimate
    inflation, t = design_effect(reproduced), _quantile(e)
    if question.n is None or question.n <= 0 or inflation is None or t is None:
        return None
    tested = (e, *(r.estimate for r in question.faithful))
    n = min([question.n, *(x.n_images for x in tested if COPIES_AVERAGED in x.note)])
    return n / inflation * (float(ndtri(0.975)) / t) ** 2


def _on_scale(question: Question, reproduced: Reproduced) -> tuple[float, float]:
    """Return the lower end of the metric's scale, and the claim on it."""
    floor = -1.0 if reproduced.estimate.metric in SIGNED else 0.0
    return floor, min(max(question.value, floor), 1.0)


def _claim_errors(question: Question, reproduced: Reproduced) -> tuple[float, float] | None:
    """Return how far a claim's limits lie below and above it, for MOVER: Wilson's, but no shorter than the normal ones.

    Near 100 % Wilson's upper side is so short that a claim that came out low by chance looks sure of itself. With
    Wilson's alone 5.5 to 7.4 % of claims that are off by exactly the margin are called within it,
    with both 4.7 to 6.4 % (VERDICTS.md).
    """
    limits, n = claim_interval(question, reproduced), _claim_size(question, reproduced)
    if limits is None or n is None:
        return None
    floor, value = _on_scale(question, reproduced)
    t = _quantile(reproduced.estimate) or math.nan
    normal = math.hypot(
        float(ndtri(0.975)) * math.sqrt((value - floor) * (1 - value) / n), t * math.sqrt(reproduced.seed_variance)
    )
    return max(value - limits[0], normal), max(limits[1] - value, normal)


def design_effect(reproduced: Reproduced) -> float | None:
    """Return the variance of an estimate over p(1 - p) / n_images, seeds set aside; None where that cannot be told.

    For proportions it is at least 1. As the image count of all classes stands below even for the recall of one class,
    it must be applied to a claim's n of all classes too. Where groups show no variation (or the value is at the end of
    its scale) each group counts as one observation: n_images / effective groups. MCC and kappa are mapped to [0, 1].

    >>> e = Estimate(metric="accuracy", value=0.8, standard_error=0.04, n_images=400)  # 0.0016 / 0.0004
    >>> round(design_effect(Reproduced(estimate=e, protocol="image")), 9)
    4.0
    """
    e, groups = reproduced.estimate, _groups(reproduced.estimate)
    width = 2.0 if e.metric in SIGNED else 1.0
    share = (e.value + width - 1) / width
    if e.n_images <= 0 or not 0 <= share <= 1:
        return None
    if not e.standard_error > 0 or not 0 < share < 1:
        return e.n_images / groups if groups > 0 else None
    own = e.standard_error**2 - reproduced.seed_variance / max(e.n_seeds, 1)
    ratio = max(own, 0.0) / width**2 * e.n_images / (share * (1 - share))
    return max(ratio, 1.0) if e.metric in PROPORTIONS or ratio <= 0 else ratio


def _groups(e: Estimate) -> float:
    return e.effective_groups if e.effective_groups > 0 else float(e.n_groups)


def _df(e: Estimate) -> float | None:
    """Return an estimate's degrees of freedom; those of its groups where it has none of its own or no variance."""
    if e.standard_error > 0:
        df = e.df if e.df > 0 else _groups(e) - 1
    else:
        df = min(_groups(e), e.df) if e.df > 0 else _groups(e)
    return min(df, _SETTLED) if df > 0 else None


def _quantile(e: Estimate) -> float | None:
    df = _df(e)
    return None if df is None else float(stdtrit(df, 0.975))


def difference(question: Question, reproduced: Reproduced) -> Difference | None:
    """Return reproduced minus claimed by MOVER, or None where the claim or the estimate has no error.

    Both sides share the t quantile and the degrees of freedom of our estimate, from which the claim's error is scaled:
    the two variances are one estimate times two known numbers. The printed figure may have been rounded by up to half a
    unit, but not from beyond the end of the scale.
    """
    claimed, t, e = _claim_errors(question, reproduced), _quantile(reproduced.estimate), reproduced.estimate
    df = _df(e)
    if claimed is None or t is None or df is None or not all(map(math.isfinite, (e.value, e.low, e.high))):
        return None
    floor, value = _on_scale(question, reproduced)
    below, above = math.hypot(e.value - e.low, claimed[1]), math.hypot(e.high - e.value, claimed[0])
    slack_low, slack_high = min(question.half_unit, 1 - value), min(question.half_unit, value - floor)
    d = e.value - value
    return Difference(
        value=d, low=d - below - slack_low, high=d + above + slack_high, se_low=below / t, se_high=above / t, df=df,
        slack_low=slack_low, slack_high=slack_high,
    )  # fmt: skip


def three_sided_p(d: Difference, margin: float) -> dict[Outcome, float]:
    """Return the p-values of the three conclusions.

    ``within`` rejects d < -margin and d > margin, each one-sided; ``lower`` (``higher``) rejects -margin ≤ d ≤ margin
    towards one side of a two-sided test, hence the factor 2. Just one of the three hypotheses is true, so none corrects
    for the others. The claim's rounding is taken at its worst. Lower sides have their own standard error,
    upper sides theirs.

    By hand, d = 0.01, se 0.02, margin 0.05, normal: Φ(-0.04/0.02) = 0.0228 for within, 2·Φ(0.06/0.02) > 1 for lower.

    >>> d = Difference(value=0.01, low=-0.03, high=0.05, se_low=0.02, se_high=0.02, df=1e6)
    >>> {k: round(p, 4) for k, p in three_sided_p(d, 0.05).items()}
    {'within': 0.0228, 'lower': 1.0, 'higher': 1.0}
    """
    low, high = d.value - d.slack_low, d.value + d.slack_high
    above_minus = _tail(-(low + margin), d.se_low, d.df)
    below_plus = _tail(high - margin, d.se_high, d.df)
    lower = _tail(high + margin, d.se_high, d.df)
    higher = _tail(margin - low, d.se_low, d.df)
    return {"within": max(above_minus, below_plus), "lower": min(1.0, 2 * lower), "higher": min(1.0, 2 * higher)}


def not_lower_p(d: Difference, margin: float) -> float:
    """Return the one-sided p-value of "within or above": it rejects d < -margin."""
    return _tail(-(d.value - d.slack_low + margin), d.se_low, d.df)


def _tail(x: float, se: float, df: float) -> float:
    """Return P(T ≤ x / se), small where x is far below 0."""
    return float(stdtr(df, x / max(se, 1e-12)))


def conclude(d: Difference, margin: float, *, alpha: float) -> tuple[Outcome, float]:
    """Return the conclusion with the smallest p-value, and that p-value; unresolved where it exceeds alpha."""
    return conclusion(three_sided_p(d, margin), alpha)


def conclusion(ps: Mapping[Outcome, float], level: float) -> tuple[Outcome, float]:
    """Return the outcome with the smallest of several p-values, and that p-value;
    unresolved where it exceeds the level."""
    outcome, p = min(ps.items(), key=lambda item: item[1])
    return (outcome if p <= level else "unresolved"), p
