"""Estimates + claims + findings -> verdicts: does the printed figure hold, under which protocol, and how sure are we.

The rule is a three-sided test (Goeman, Solari & Stijnen 2010, Stat. Med. 29:2117) of the difference between the reproduced
and the printed figure against a margin that is fixed before results exist; intervals of the difference by MOVER (Zou & Donner
2008, Stat. Med. 27:1693). Pure: no disk, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from scipy.stats import norm, t
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from leukbench.records import Estimate

Outcome = Literal["lower", "within", "higher", "unresolved"]
PROPORTIONS = frozenset({"accuracy", "recall", "sensitivity", "specificity", "precision"})
MARGIN_CURVE = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.10, 0.15, 0.20)
"""Margins, as fractions, for which each verdict is also given."""


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


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Reproduced minus claimed, as a fraction: the value, its 95 % interval and one-sided standard errors."""

    value: float
    low: float
    high: float
    se_low: float  # of the lower side
    se_high: float
    df: float

    def smallest_margin(self, *, alpha: float = 0.05, power: float = 0.8) -> float:
        """Return the smallest margin within which a true difference of 0 would be shown with this power."""
        se = max(self.se_low, self.se_high)
        return float(se * (t.ppf(1 - alpha, self.df) + norm.ppf((1 + power) / 2)))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a claim comes to. ``p`` is corrected; ``curve`` gives the verdict at other margins."""

    claim: str
    verdict: str
    reason: str
    headline: bool
    margin: float
    p: float = float("nan")
    correction: str = ""
    faithful: Difference | None = None
    faithful_by: str = ""
    honest: Difference | None = None
    smallest_margin: float = float("nan")
    curve: tuple[tuple[float, str], ...] = field(default=())


# ---------------------------------------------------------------------------------------------- difference and its test


def claim_interval(question: Question, reproduced: Reproduced) -> tuple[float, float] | None:
    """Return the 95 % interval of a printed figure, or None where no error can be attached to it.

    Proportions: Wilson on the printed n, divided by the design effect of our estimate (Rao & Scott 1992). Other metrics: our
    standard error, scaled from our number of images to the printed one. Both are widened by the variance between seeds of the
    claim's single run and by half a unit of the last printed digit.
    """
    estimate = reproduced.estimate
    if question.n is None or not math.isfinite(estimate.standard_error) or estimate.n_images <= 0:
        return None
    if question.metric in PROPORTIONS:
        n_effective = question.n / design_effect(estimate)
        count = min(max(question.value, 0.0), 1.0) * n_effective
        low, high = proportion_confint(count, n_effective, alpha=0.05, method="wilson")
    else:
        half = norm.ppf(0.975) * estimate.standard_error * math.sqrt(estimate.n_images / question.n)
        low, high = question.value - half, question.value + half
    seed = norm.ppf(0.975) ** 2 * reproduced.seed_variance
    below = math.hypot(question.value - low, math.sqrt(seed)) + question.half_unit
    above = math.hypot(high - question.value, math.sqrt(seed)) + question.half_unit
    return question.value - below, question.value + above


def design_effect(estimate: Estimate) -> float:
    """Return by how much grouping inflates the variance of a proportion: (group-level SE / image-level SE)², at least 1.

    Where the image-level standard error is 0 (all right or all wrong) it is 1.
    """
    p = estimate.value
    independent = p * (1 - p) / estimate.n_images
    return max(1.0, estimate.standard_error**2 / independent) if independent > 0 else 1.0


def difference(question: Question, reproduced: Reproduced) -> Difference | None:
    """Return reproduced minus claimed by MOVER, or None where the claim or the estimate has no error."""
    claimed, e = claim_interval(question, reproduced), reproduced.estimate
    if claimed is None or not all(map(math.isfinite, (e.value, e.low, e.high))):
        return None
    df = e.df if math.isfinite(e.df) and e.df > 0 else 1e6
    below = math.hypot(e.value - e.low, claimed[1] - question.value)
    above = math.hypot(e.high - e.value, question.value - claimed[0])
    d, quantile = e.value - question.value, float(t.ppf(0.975, df))
    return Difference(value=d, low=d - below, high=d + above, se_low=below / quantile, se_high=above / quantile, df=df)


def three_sided_p(d: Difference, margin: float) -> dict[Outcome, float]:
    """Return the p-values of the three conclusions.

    ``within`` rejects d ≤ -margin and d ≥ margin, each one-sided; ``lower`` (``higher``) rejects -margin ≤ d ≤ margin towards
    one side of a two-sided test, hence the factor 2. The hypotheses exclude each other, so none corrects for the others.
    """
    above_minus = float(t.sf((d.value + margin) / max(d.se_low, 1e-12), d.df))  # small: d is above -margin
    below_plus = float(t.cdf((d.value - margin) / max(d.se_high, 1e-12), d.df))  # small: d is below +margin
    lower = float(t.cdf((d.value + margin) / max(d.se_high, 1e-12), d.df))
    higher = float(t.sf((d.value - margin) / max(d.se_low, 1e-12), d.df))
    return {"within": max(above_minus, below_plus), "lower": min(1.0, 2 * lower), "higher": min(1.0, 2 * higher)}


def conclude(d: Difference, margin: float, *, alpha: float, factor: float = 1.0) -> tuple[Outcome, float]:
    """Return the conclusion with the smallest p-value and that p-value × ``factor``; unresolved where it exceeds alpha."""
    outcome, p = min(three_sided_p(d, margin).items(), key=lambda item: item[1])
    corrected = min(1.0, p * factor)
    return (outcome if corrected <= alpha else "unresolved"), corrected


# --------------------------------------------------------------------------------------------------------- the decision


def decide(questions: Sequence[Question], *, margin: float, alpha: float = 0.05) -> list[Verdict]:
    """Return one verdict per question, in order.

    Headline claims are corrected by Holm over all headlines that can be tested, the others by Benjamini-Hochberg.
    """
    factors = {True: _factors(questions, True, margin), False: _factors(questions, False, margin)}
    return [
        _decide_one(q, margin=margin, alpha=alpha, factor=factors[q.headline].get(q.claim, 1.0), curve=True)
        for q in questions
    ]


def _factors(questions: Sequence[Question], headline: bool, margin: float) -> dict[str, float]:
    """Return by what each claim's p-values are multiplied: its Holm or Benjamini-Hochberg adjusted p over its own."""
    raw: dict[str, float] = {}
    for q in questions:
        if q.headline == headline and not q.accused and not _untestable(q):
            ps = [min(three_sided_p(d, margin).values()) for r in q.faithful if (d := difference(q, r)) is not None]
            if ps:
                raw[q.claim] = max(min(ps), 1e-300)
    if not raw:
        return {}
    adjusted = multipletests(list(raw.values()), method="holm" if headline else "fdr_bh")[1]
    return {claim: max(1.0, float(a / p)) for (claim, p), a in zip(raw.items(), adjusted, strict=True)}


def _untestable(q: Question) -> str:
    """Return why a claim cannot be tested, or ""."""
    if q.untestable:
        return q.untestable
    if not q.faithful:
        return "no run under the paper's protocol"
    deviations = sorted({d for r in (*q.faithful, *q.honest) for d in r.deviations})
    if deviations:
        words = {
            "surrogate_data": "surrogate data",
            "weights_absent": "pretrained weights absent",
            "limited": "limited run",
        }
        return ", ".join(words[d] for d in deviations)
    if q.n is None:
        return "no error can be attached (no n printed)"
    if all(difference(q, r) is None for r in q.faithful):
        reasons = sorted({r.estimate.note for r in q.faithful if r.estimate.note})
        return "the estimate has no interval" + (f" ({'; '.join(reasons)})" if reasons else "")
    return ""


def _decide_one(q: Question, *, margin: float, alpha: float, factor: float, curve: bool) -> Verdict:
    base = Verdict(claim=q.claim, verdict="", reason="", headline=q.headline, margin=margin)
    if q.accused:
        return replace(base, verdict="inconsistent as printed", reason="see the findings on this claim")
    untestable = _untestable(q)
    if untestable:
        best = _closest(q, q.faithful)
        return replace(base, verdict="not testable", reason=untestable, faithful=best[1] if best else None)
    outcomes = [(r, d, *conclude(d, margin, alpha=alpha, factor=factor)) for r in q.faithful if (d := difference(q, r))]
    r, d, outcome, p = min(outcomes, key=lambda o: (o[2] != "within", abs(o[1].value)))
    definitions = {o[0].definition: o[2] for o in outcomes}
    verdict, reason = _faithful_verdict(outcome, outcomes, definitions)
    honest = _closest(q, [h for h in q.honest if h.definition == r.definition])
    if not verdict:
        verdict, reason = _honest_verdict(q, r, honest, margin=margin, alpha=alpha, factor=factor)
    result = replace(
        base, verdict=verdict, reason=reason, p=p, correction="Holm" if q.headline else "Benjamini-Hochberg (descriptive)",
        faithful=d, faithful_by=_name(r), honest=honest[1] if honest else None, smallest_margin=d.smallest_margin(alpha=alpha),
    )  # fmt: skip
    if not curve:
        return result
    points = [(m, _decide_one(q, margin=m, alpha=alpha, factor=factor, curve=False).verdict) for m in MARGIN_CURVE]
    return replace(result, curve=tuple(points))


def _faithful_verdict(
    outcome: Outcome, outcomes: list[tuple[Reproduced, Difference, Outcome, float]], definitions: dict[str, Outcome]
) -> tuple[str, str]:
    """Return the verdict that the paper's own protocol already gives, or ("", "") where it holds there."""
    found = {o[2] for o in outcomes}
    if len(definitions) > 1 and len(set(definitions.values())) > 1:
        named = "; ".join(f"{name}: {result}" for name, result in sorted(definitions.items()))
        return "inconclusive", f"the definition is unstated and its readings disagree ({named})"
    if outcome == "within":
        return "", ""
    if found == {"lower"} or found == {"higher"}:
        side = found.pop()
        return (
            f"not reproduced ({side})",
            f"{side} than printed by more than the margin, under every reading of the split",
        )
    return "inconclusive", "the interval of the difference crosses the margin"


def _honest_verdict(
    q: Question,
    r: Reproduced,
    honest: tuple[Reproduced, Difference] | None,
    *,
    margin: float,
    alpha: float,
    factor: float,
) -> tuple[str, str]:
    unresolved = "reproduced as published, honest value unresolved"
    if honest is None:
        return unresolved, "no run under the patient protocol"
    h, d = honest
    if h.evidence == "absent":
        return unresolved, "no patient ids are published"
    outcome, _ = conclude(d, margin, alpha=alpha, factor=factor)
    if outcome == "lower":
        return f"reproduced only under {_name(r)}", "lower by more than the margin when no patient stands on both sides"
    if outcome == "unresolved":
        return unresolved, "the interval under the patient protocol crosses the margin"
    return "reproduced", "within the margin under the paper's protocol, and not lower by patient"


def _closest(q: Question, candidates: Sequence[Reproduced]) -> tuple[Reproduced, Difference] | None:
    pairs = [(r, d) for r in candidates if (d := difference(q, r)) is not None]
    return min(pairs, key=lambda pair: abs(pair[1].value)) if pairs else None


def _name(r: Reproduced) -> str:
    return ", ".join(part for part in (r.protocol, r.reading, r.definition) if part)


def frozen_digest(margin: float, alpha: float, headlines: Sequence[str]) -> str:
    """Return the hash that locks margin, alpha and headline claims before results exist."""
    from leukbench.records import digest

    return digest({"margin": margin, "alpha": alpha, "headlines": sorted(headlines)})


__all__ = [
    "Difference",
    "Question",
    "Reproduced",
    "Verdict",
    "conclude",
    "decide",
    "difference",
    "frozen_digest",
    "three_sided_p",
]
