"""Reproduced minus claimed: one difference with the errors of both sides, and what it says about a margin.

Goeman, Solari & Stijnen 2010, Stat. Med. 29:2117 (three-sided test); Zou & Donner 2008, Stat. Med. 27:1693 (MOVER); Rao
& Scott 1992, Biometrics 48:577 (design effect of a printed n); Korn & Graubard 1998 (few groups).
``leukbench/verdicts/README.md`` explains the choices. Pure: no disk, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from scipy.special import ndtri, stdtr, stdtrit

from leukbench.evaluation.intervals import wilson, with_seeds
from leukbench.records import COPIES_AVERAGED, Estimate

Outcome = Literal["lower", "within", "higher", "unresolved"]
PROPORTIONS = frozenset({"accuracy", "recall", "specificity", "precision", "patient_accuracy"})
SIGNED = frozenset({"mcc", "kappa"})
"""Metrics on [-1, 1]; all others lie on [0, 1]."""
_SETTLED = 1e6  # degrees of freedom beyond which t is the normal distribution


class Overlap(StrEnum):
    """What a claim's test part shares with ours."""

    NONE = "none"  # other patients, or nobody knows
    PATIENTS = "patients"  # other images of the same patients
    IMAGES = "images"  # the very images


@dataclass(frozen=True, kw_only=True)
class Reproduced:
    """One estimate that a claim is held against, with what decides how far it can be trusted."""

    estimate: Estimate
    protocol: str
    reading: str = ""
    definition: str = ""  # which definition of the metric, where the claim does not say
    deviations: tuple[str, ...] = ()
    evidence: str = "verified"
    overlap: Overlap = Overlap.NONE
    likeness: float = 0.0  # correlation of the patients' effects of two trainings, where patients are shared
    overlap_reason: str = ""

    @property
    def trained_once(self) -> bool:
        """Whether nothing says how much one training differs from the next: one seed, and no s² of the study's other
        arms."""
        return not self.estimate.seed_df > 0


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
    share: float = math.nan  # ours, mapped to [0, 1]
    width: float = 1.0  # of the metric's scale
    training: float = 0.0  # s² between trainings at ours
    training_counted: float = 0.0  # what of it the claim's single run was given

    def error_at(self, d: float, se: float) -> float:
        """Return a one-sided standard error as it would be if the true difference were ``d``.

        The claim would then be right at ours minus ``d``. Where that lies farther from the end of the scale, its
        training varies more than the claim as printed lets expect, as one that came out high by chance looks sure of
        itself.
        """
        theirs = min(max(self.share - d / self.width, 0.0), 1.0)
        if not 0 < self.share < 1:
            return se
        there = self.training * (_slope(theirs) / _slope(self.share)) ** 2
        return math.sqrt(se**2 + max(there - self.training_counted, 0.0))

    def smallest_margin(self, *, alpha: float = 0.05, power: float = 0.8) -> float:
        """Return the smallest margin within which a true difference of 0 would be shown with this power.

        With the standard error 0.031 of docs/statistics.md and many degrees of freedom, 0.031 · (1.645 + 1.282):

        >>> d = Difference(value=0, low=-0.06, high=0.06, se_low=0.031, se_high=0.031, df=1e6)
        >>> round(d.smallest_margin(), 3)
        0.091
        """
        steps = float(stdtrit(self.df, 1 - alpha)) + float(stdtrit(self.df, (1 + power) / 2))
        return max(self.se_low * steps + self.slack_low, self.se_high * steps + self.slack_high)


# ---------------------------------------------------------------------------------------------- difference and its test


def _claim_seeds(question: Question, reproduced: Reproduced) -> float:
    """Return s² of the claim's single run: ours, and more where the claim lies farther from the end of the scale."""
    own, theirs = map(_slope, _shares(question, reproduced))
    return reproduced.estimate.seed_variance * (max(theirs / own, 1.0) ** 2 if own > 0 else 1.0)


def claim_variances(question: Question, reproduced: Reproduced) -> tuple[float, float] | None:
    """Return the variance of a printed figure between groups, below and above it; None where the claim has no usable n.

    Wilson's limits on :func:`_claim_size` images, but no shorter than the normal ones: near 100 % Wilson's upper side
    is so short that a claim that came out low by chance looks sure of itself (``README.md`` here has the measured
    difference).

    Parameters
    ----------
    question, reproduced
        The claim, and one result beside it.

    Returns
    -------
    Variances in squared fractions, or None where the claim has no usable n.

    References
    ----------
    Wilson 1927, J. Am. Stat. Assoc. 22:209.
    """
    n = _claim_size(question, reproduced)
    if n is None:
        return None
    floor, value = _on_scale(question, reproduced)
    printed = wilson((value - floor) / (1 - floor) * n, n)
    low, high = (floor + (1 - floor) * x for x in (printed.low, printed.high))
    share = (value - floor) / (1 - floor)
    moved = _toward_the_middle(share, n) if reproduced.overlap is Overlap.NONE else share
    z, normal = float(ndtri(0.975)), (1 - floor) ** 2 * moved * (1 - moved) / n
    if reproduced.overlap is not Overlap.NONE and normal > 0:
        return normal, normal  # the skewness of both sides is mostly the same patients', and leaves with them
    return max(((value - low) / z) ** 2, normal), max(((high - value) / z) ** 2, normal)


def _claim_size(question: Question, reproduced: Reproduced) -> float | None:
    """Return how many independent images a claim is worth.

    Of other patients: n over our design effect, as if it had our images per patient (Rao & Scott 1992). Of our own
    patients: they vary as ours do, whatever n is, and only the images' share of the error goes with n: 1 / ((DE -
    1)/N + 1/n). Where the paper's protocol tests copies of originals, ours averages them and counts originals, for
    which the design effect is told: a claim that counted copies is then worth no more originals than ours, also
    beside a run by patient.
    """
    e, inflation = reproduced.estimate, design_effect(reproduced)
    if question.n is None or question.n <= 0 or inflation is None:
        return None
    tested = (e, *(r.estimate for r in question.faithful))
    n = min([question.n, *(x.n_images for x in tested if COPIES_AVERAGED in x.note)])
    inflation = max(1 + (inflation - 1) * _unlikeness(question, reproduced, n / inflation), inflation)
    if reproduced.overlap is Overlap.NONE or inflation <= 1:
        return n / inflation
    return 1 / ((inflation - 1) / e.n_images + 1 / n)


def _slope(share: float) -> float:
    """Return how far a share moves with a small shift of a normal latent score: the density at its quantile, 0 at the
    ends."""
    z = float(ndtri(share))
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) if math.isfinite(z) else 0.0


def _unlikeness(question: Question, reproduced: Reproduced, n: float) -> float:
    """Return by what factor patients correlate more at the claim than at ours, if they differ alike on a latent score.

    Near an end of the scale patients are more alike: a claim farther from it must not borrow our likeness (measured:
    up to 8 % of claims that are off by the margin were called reproduced). ``n`` are the images that the claim is
    worth; of other patients it is taken one standard error nearer the middle.
    """
    own, theirs = _shares(question, reproduced)
    theirs = _toward_the_middle(theirs, n) if reproduced.overlap is Overlap.NONE else theirs
    if not (0 < own < 1 and 0 < theirs < 1):
        return 1.0
    return (_slope(theirs) / _slope(own)) ** 2 * own * (1 - own) / (theirs * (1 - theirs))


def _shares(question: Question, reproduced: Reproduced) -> tuple[float, float]:
    """Return our value and the claim, mapped to [0, 1]."""
    floor, value = _on_scale(question, reproduced)
    return (reproduced.estimate.value - floor) / (1 - floor), (value - floor) / (1 - floor)


def _toward_the_middle(share: float, n: float) -> float:
    """Return a claim moved by one standard error towards one half: a claim that came out high by chance looks surer
    than it is."""
    error = math.sqrt(share * (1 - share) / n) if math.isfinite(n) else 0.0
    return max(share - error, 0.5) if share > 0.5 else min(share + error, 0.5)


def _on_scale(question: Question, reproduced: Reproduced) -> tuple[float, float]:
    """Return the lower end of the metric's scale, and the claim on it."""
    floor = -1.0 if reproduced.estimate.metric in SIGNED else 0.0
    return floor, min(max(question.value, floor), 1.0)


def design_effect(reproduced: Reproduced) -> float | None:
    """Return the variance of an estimate over p(1 - p) / n_images, seeds set aside; None where that cannot be told.

    For proportions it is at least 1. As the image count of all classes stands below even for the recall of one class,
    it must be applied to a claim's n of all classes too. Where groups show no variation (or the value is at the end of
    its scale) each group counts as one observation: n_images / effective groups. MCC and kappa are mapped to [0, 1].

    Parameters
    ----------
    reproduced
        A result with its standard error and its image count.

    Returns
    -------
    The ratio of variances, or None.

    References
    ----------
    Kish 1965, Survey Sampling; Rao & Scott 1992, Biometrics 48:577.

    Examples
    --------
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
    ratio = _group_share(e) * e.standard_error**2 / width**2 * e.n_images / (share * (1 - share))
    return max(ratio, 1.0) if e.metric in PROPORTIONS or ratio <= 0 else ratio


def _group_share(e: Estimate) -> float:
    """Return which share of an estimate's variance is between groups, the rest being s²/S between seeds."""
    if not e.standard_error > 0:
        return 1.0
    return max(1 - e.seed_variance / max(e.n_seeds, 1) / e.standard_error**2, 0.0)


def _groups(e: Estimate) -> float:
    return e.effective_groups if e.effective_groups > 0 else float(e.n_groups)


def _df(e: Estimate) -> float | None:
    """Return an estimate's degrees of freedom; those of its groups where it has none of its own or no variance."""
    if e.standard_error > 0:
        df = e.df if e.df > 0 else _groups(e) - 1
    else:
        df = min(_groups(e), e.df) if e.df > 0 else _groups(e)
    return min(df, _SETTLED) if df > 0 else None


def _df_groups(e: Estimate) -> float | None:
    """Return the degrees of freedom of an estimate's variance between groups."""
    return min(e.df_groups, _SETTLED) if e.df_groups > 0 and e.standard_error > 0 else _df(e)


def difference(question: Question, reproduced: Reproduced) -> Difference | None:
    """Return reproduced minus claimed by MOVER, or None where the claim or the estimate has no error.

    Each side's variance has two parts: between groups (ours, the claim's, less twice what they share where the paper
    tested our images or our patients), with the degrees of freedom of our groups, as both are told by one estimate;
    and between trainings, s²(1 + 1/S), with those of s² (the claim's share as :func:`_claim_seeds` has it). The
    printed figure may have been rounded by up to half a unit, but not from beyond the end of the scale.

    Parameters
    ----------
    question, reproduced
        The claim, and one result beside it.

    Returns
    -------
    Reproduced minus claimed as a fraction with the error of each side, or None.

    References
    ----------
    Zou & Donner 2008, Stat. Med. 27:1693; Satterthwaite 1946, Biometrics Bulletin 2:110.
    """
    e, df, total = reproduced.estimate, _df_groups(reproduced.estimate), _df(reproduced.estimate)
    claimed = claim_variances(question, reproduced)
    if claimed is None or df is None or total is None or not all(map(math.isfinite, (e.value, e.low, e.high))):
        return None
    share, t = _group_share(e), float(stdtrit(total, 0.975))
    own = [share * (half / t) ** 2 for half in (e.value - e.low, e.high - e.value)]
    if reproduced.overlap is not Overlap.NONE and e.standard_error > 0:
        own = [share * e.standard_error**2] * 2
    groups = [a + b - 2 * _covariance(a, b, reproduced) for a, b in zip(own, reversed(claimed), strict=True)]
    seeds = (_claim_seeds(question, reproduced) + e.seed_variance / max(e.n_seeds, 1), e.seed_df)
    sides = [with_seeds((max(v, 0.0), df), seeds) for v in groups]
    common = min(min(side[1] for side in sides), _SETTLED)
    errors, quantile = [math.sqrt(variance) for variance, _ in sides], float(stdtrit(common, 0.975))
    floor, value = _on_scale(question, reproduced)
    slack_low, slack_high = min(question.half_unit, 1 - value), min(question.half_unit, value - floor)
    d = e.value - value
    return Difference(
        value=d, low=d - quantile * errors[0] - slack_low, high=d + quantile * errors[1] + slack_high, se_low=errors[0],
        se_high=errors[1], df=common, slack_low=slack_low, slack_high=slack_high, share=(e.value - floor) / (1 - floor),
        width=1 - floor, training=e.seed_variance, training_counted=_claim_seeds(question, reproduced),
    )  # fmt: skip


def _covariance(own: float, claimed: float, reproduced: Reproduced) -> float:
    """Return what the errors of both sides share between groups.

    The very images: correlation ``likeness``. Other images of the same patients: only the patients' part of the
    variance, 1 - 1/DE of ours, can go together.
    """
    if reproduced.overlap is Overlap.NONE:
        return 0.0
    most = math.sqrt(own * claimed)
    if reproduced.overlap is Overlap.PATIENTS:
        most = min(most, own * (1 - 1 / max(design_effect(reproduced) or 1.0, 1.0)))
    return reproduced.likeness * most


def three_sided_p(d: Difference, margin: float) -> dict[Outcome, float]:
    """Return the p-values of the three conclusions.

    ``within`` rejects d < -margin and d > margin, each one-sided; ``lower`` (``higher``) rejects -margin ≤ d ≤ margin
    towards one side of a two-sided test, hence the factor 2. Just one of the three hypotheses is true, so none corrects
    for the others. The claim's rounding is taken at its worst. Lower sides have their own standard error,
    upper sides theirs.

    By hand, d = 0.01, se 0.02, margin 0.05, normal: Φ(-0.04/0.02) = 0.0228 for within, 2·Φ(0.06/0.02) > 1 for lower.

    Parameters
    ----------
    d
        The difference with its errors.
    margin
        Of equivalence, as a fraction.

    Returns
    -------
    ``within``, ``lower``, ``higher`` -> p-value.

    References
    ----------
    Goeman, Solari & Stijnen 2010, Stat. Med. 29:2117.

    Examples
    --------
    >>> d = Difference(value=0.01, low=-0.03, high=0.05, se_low=0.02, se_high=0.02, df=1e6)
    >>> {k: round(p, 4) for k, p in three_sided_p(d, 0.05).items()}
    {'within': 0.0228, 'lower': 1.0, 'higher': 1.0}
    """
    low, high = d.value - d.slack_low, d.value + d.slack_high
    above_minus = _tail(-(low + margin), d.error_at(-margin, d.se_low), d.df)
    below_plus = _tail(high - margin, d.error_at(margin, d.se_high), d.df)
    lower = _tail(high + margin, d.se_high, d.df)
    higher = _tail(margin - low, d.se_low, d.df)
    return {"within": max(above_minus, below_plus), "lower": min(1.0, 2 * lower), "higher": min(1.0, 2 * higher)}


def not_lower_p(d: Difference, margin: float) -> float:
    """Return the one-sided p-value of "within or above": it rejects d < -margin."""
    return _tail(-(d.value - d.slack_low + margin), d.error_at(-margin, d.se_low), d.df)


def _tail(x: float, se: float, df: float) -> float:
    """Return P(T ≤ x / se), small where x is far below 0."""
    return float(stdtr(df, x / max(se, 1e-12)))


def conclude(d: Difference, margin: float, *, alpha: float) -> tuple[Outcome, float]:
    """Return the conclusion with the smallest p-value, and that p-value; unresolved where it exceeds alpha."""
    return conclusion(three_sided_p(d, margin), alpha)


def conclusion(ps: Mapping[Outcome, float], level: float) -> tuple[Outcome, float]:
    """Return the outcome with the smallest of several p-values, and that p-value;
    unresolved where it exceeds the level.

    Parameters
    ----------
    ps
        Outcome -> p-value.
    level
        Above which nothing is concluded.

    Returns
    -------
    The outcome and its p-value.
    """
    outcome, p = min(ps.items(), key=lambda item: item[1])
    return (outcome if p <= level else "unresolved"), p
