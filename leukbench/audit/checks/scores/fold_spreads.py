"""Folds that differ too much to be one process, and a ± beside the figures that it is said to spread over."""

from __future__ import annotations

import math
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_interval, printed_number, shown
from leukbench.audit.readings.claims import scale_of, score_interval
from leukbench.audit.readings.class_sizes import images_behind
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim

FAR = 0.001
"""p below which folds are called too different; with a few results a paper, hardly ever by chance."""


def check_fold_differences(ledger: Ledger) -> list[Draft]:
    """Do the accuracies of the folds differ by more than independent images of one process would?

    Pearson's χ² = Σ n_f (a_f − a)²/(a(1 − a)) of right and wrong images by fold, a the share of all, k − 1 degrees
    of freedom. Images of one patient are not independent, which makes folds differ more, and intervals of
    independent images too narrow.
    """
    groups: dict[tuple[str, ...], dict[str, tuple[Claim, int]]] = {}
    for c in ledger.own:
        if c.metric != "accuracy" or not c.of_fold or c.class_ or c.approximate or score_interval(c) is None:
            continue
        n = images_behind(ledger, c)
        if n is not None:
            groups.setdefault((c.study, c.model, c.split, c.condition), {}).setdefault(c.of_fold, (c, n[0]))
    drafts = (_differences(key[1], list(folds.values())) for key, folds in groups.items() if len(folds) > 1)
    return [d for d in drafts if d is not None]


def fold_chi2(folds: list[tuple[float, int]]) -> tuple[float, float] | None:
    """Return χ² and p of folds given as (accuracy, images); None where all images are right, or all wrong.

    >>> chi2, p = fold_chi2([(0.9, 1000), (0.8, 1000)])
    >>> round(chi2, 1), p < 1e-9
    (39.2, True)
    """
    from scipy.stats import chi2 as distribution

    total = sum(n for _, n in folds)
    pooled = sum(a * n for a, n in folds) / total
    if not 0 < pooled < 1:
        return None
    statistic = sum(n * (a - pooled) ** 2 for a, n in folds) / (pooled * (1 - pooled))
    return statistic, float(distribution.sf(statistic, len(folds) - 1))


def _differences(model: str, folds: list[tuple[Claim, int]]) -> Draft | None:
    values = [(float(printed_number(c.value) or 0) / scale_of(c), n) for c, n in folds]
    answer = fold_chi2(values) if all(0 <= a <= 1 for a, _ in values) else None
    if answer is None:
        return None
    chi2, p = answer
    far = p < FAR
    words = ", ".join(f"{c.value} on {n} images" for c, n in folds)
    return Draft(
        check="fold_differences",
        status="implausible" if far else "consistent",
        kind="arithmetic",
        claims=tuple(c for c, _ in folds),
        severity=1 if far else 0,
        statement=f"The folds of {model or 'the network'} are "
        + (
            "too far apart for independent images of one process."
            if far
            else "as far apart as independent images may be."
        ),
        witness=f"{words}: χ² = {chi2:.1f}, p = {p:.1g}."
        + (" An interval of independent images is too narrow then." if far else ""),
        repair="the patients of each fold; folds of unlike patients differ so." if far else "",
    )


def check_spread_of_parts(ledger: Ledger) -> list[Draft]:
    """Is the ± beside a mean a spread of the very figures that the mean is said to come from?

    Standard deviation with n or n − 1, standard error, half the range and 1.96 standard errors are tried, each with
    the parts anywhere within their rounding.
    """
    found = []
    for claim in ledger.own:
        parts = [ledger.by_id[i] for i in claim.derived_from]
        spread = printed_interval(claim.spread.replace("±", "").strip()) if claim.spread else None
        values = [i for p in parts if (i := score_interval(p)) is not None]
        if spread is None or len(values) < 3 or len(values) < len(parts) or score_interval(claim) is None:
            continue
        stated = spread.times(Fraction(1, scale_of(claim)))
        found.append(_spread_draft(claim, parts, values, stated))
    return found


def _spread_draft(claim: Claim, parts: list[Claim], values: list[Interval], stated: Interval) -> Draft:
    slack = max(float(i.high - i.low) for i in values)
    usual = _usual_spreads([float(i.low + i.high) / 2 for i in values])
    fitting = [n for n, v in usual.items() if float(stated.low) - slack <= v <= float(stated.high) + slack]
    listed = ", ".join(f"{name} {shown(100 * v, 2)}" for name, v in usual.items())
    k = len(values)
    return Draft(
        check="spread_of_parts",
        status="consistent" if fitting else "implausible",
        kind="arithmetic",
        claims=(claim, *parts),
        severity=0 if fitting else 1,
        statement=f"± {claim.spread.replace('±', '').strip()} beside {claim.value} "
        + (
            f"is the {fitting[0]} of its {k} parts."
            if fitting
            else f"is no usual spread of the {k} figures it comes from."
        ),
        witness=f"Parts {', '.join(p.value for p in parts)}; in points: {listed}.",
        repair="" if fitting else "what ± is, and over which figures.",
    )


def _usual_spreads(values: list[float]) -> dict[str, float]:
    """Return what ± beside a mean of k figures usually is, each by its name."""
    k, mean = len(values), sum(values) / len(values)
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / k)
    return {
        "standard deviation (n)": sd,
        "standard deviation (n − 1)": sd * math.sqrt(k / (k - 1)),
        "standard error": sd / math.sqrt(k - 1),
        "1.96 standard errors": 1.96 * sd / math.sqrt(k - 1),
        "half the range": (max(values) - min(values)) / 2,
    }
