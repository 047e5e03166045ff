"""GRIM: is there a whole number of right images out of n that prints as this percentage?

The test of granularity-related inconsistency of means (Brown & Heathers 2017), asked of proportions: k/n has only n
+ 1 values.

References
----------
N. J. L. Brown and J. A. J. Heathers (2017). The GRIM test: a simple technique detects numerous anomalies in the
reporting of results in psychology. Social Psychological and Personality Science 8(4), 363-369.
"""

from __future__ import annotations

from fractions import Fraction

from leukbench.audit.engine.feasibility import fold_mean_is_possible
from leukbench.audit.engine.rounding import (
    Interval,
    computed,
    counts_printing_as,
    printed_interval,
    rounded_interval,
    shown,
)
from leukbench.audit.readings.claims import canonical, count_of, own_size, row_key, scale_of, score_interval
from leukbench.audit.readings.class_sizes import class_sizes, n_classes, over_folds, stated_sizes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim

CORRELATIONS = {"mcc", "kappa"}
SHARES = {"accuracy", "balanced_accuracy", "error_rate", "precision", "recall", "specificity", "f1", "auc"}
SINGLE_COUNT = {"accuracy", "recall", "specificity", "error_rate"}


def coverage(interval: Interval, n: int) -> Fraction:
    """Return how often a figure of these decimals hits the grid by accident: interval width × n, at most 1."""
    return min(Fraction(1), (interval.high - interval.low) * n)


def check_grid(ledger: Ledger) -> list[Draft]:
    """GRIM: a proportion of n images is k/n for a whole k; decimals finer than 1/n show which n is possible.

    Accuracies, recalls and specificities only, over every n that the paper states for the part. Only where the
    figure carries its own n and is a single count can the pair be called inconsistent; otherwise the mismatch says
    that the figure is another average or another n, and is reported as implausible. Figures too coarse for their n
    (accidental hit ≥ 60 %) are left out.
    """
    found = []
    for claims in _distinct_figures(ledger):
        claim = claims[0]
        interval = score_interval(claim)
        sizes = stated_sizes(ledger, claim)
        if interval is None or not sizes or claim.approximate:
            continue
        fine = {n: v for n, v in sizes.items() if coverage(interval, n) < Fraction(3, 5)}
        if not fine or len(fine) < len(sizes):
            continue
        found.append(_grid_draft(ledger, claims, interval, fine))
    return found


def check_range(ledger: Ledger) -> list[Draft]:
    """A share lies in [0, 1], a correlation in [-1, 1]; a figure whose rounding interval lies outside is impossible
    alone."""
    found = []
    for claim in ledger.own:
        metric = canonical(claim.metric)
        interval = printed_interval(claim.value)
        if metric in SHARES | CORRELATIONS and interval is not None:
            value, low = interval.times(Fraction(1, scale_of(claim))), -1 if metric in CORRELATIONS else 0
            if computed(value).low > 1 or computed(value).high < low:
                found.append(_range_draft(claim, value, low))
    return found


def _range_draft(claim: Claim, value: Interval, low: int) -> Draft:
    least_or_most = f"at least {shown(value.low, 4)}" if value.low > 1 else f"at most {shown(value.high, 4)}"
    return Draft(
        check="range",
        status="inconsistent",
        kind="arithmetic",
        claims=(claim,),
        severity=2,
        members=((claim.id,),),
        statement=f"{claim.metric} {claim.value} of {claim.model or 'the result'} lies outside the metric's range.",
        witness=f"{claim.metric} lies between {low} and 1; {claim.value} {claim.unit} is {least_or_most}.",
        repair="another unit, or a misplaced decimal point",
    )


def _distinct_figures(ledger: Ledger) -> list[list[Claim]]:
    groups: dict[tuple[object, ...], list[Claim]] = {}
    for c in ledger.own:
        if (
            canonical(c.metric) in SINGLE_COUNT
            and (c.split in {"test", "validation"} or (c.split == "unstated" and c.metric == "accuracy"))
            and not any(d.aggregation == "mean" and d.value == c.value and d.model == c.model for d in ledger.own)
            and not c.spread
            and not over_folds(ledger, row_key(c))
        ):
            groups.setdefault((row_key(c), canonical(c.metric), c.class_, c.value.strip("%"), c.n), []).append(c)
    return list(groups.values())


def _grid_draft(
    ledger: Ledger, claims: list[Claim], interval: Interval, sizes: dict[int, tuple[str, Claim | None]]
) -> Draft:
    claim = claims[0]
    good = {n: int(ks[0]) for n in sizes if len(ks := counts_printing_as(interval, n))}
    involved = (*claims, *(c for _, c in sizes.values() if c is not None))
    if good:
        return _whole_draft(claim, involved, sizes, good)
    proved = own_size(claim) is not None and _is_one_count(ledger, claim) and not _mean_of_two(ledger, claim, interval)
    return Draft(
        check="grid",
        status="inconsistent" if proved else "implausible",
        kind="arithmetic",
        claims=involved,
        severity=1,
        statement=f"No whole number of right images prints as {claim.metric} {claim.value} of "
        f"{claim.model or 'the result'} ({claim.split}) "
        f"on {_the_parts(claim)} stated.",
        witness="; ".join(_neighbours(interval, n, basis) for n, (basis, _) in sizes.items())
        + f"; the print allows {100 * float(interval.low):.3f} to {100 * float(interval.high):.3f} %.",
        repair=_other_n(interval, sizes) + _of_training(ledger, claim, interval),
        members=((claim.id,),) if proved else (),
    )


def _whole_draft(
    claim: Claim, involved: tuple[Claim, ...], sizes: dict[int, tuple[str, Claim | None]], good: dict[int, int]
) -> Draft:
    """Return the finding on a figure that is a whole count of some stated n; ``good``: n -> count."""
    n, k = next(iter(good.items()))
    rounded = rounded_interval(claim.value)
    note = "" if rounded and rounded.contains(Fraction(k, n) * scale_of(claim)) else " (truncated, not rounded)"
    others = ", ".join(str(m) for m in sizes if m not in good)
    return Draft(
        check="grid",
        status="consistent",
        kind="arithmetic",
        claims=involved,
        statement=f"{claim.metric} {claim.value} of {claim.model or 'the result'} ({claim.split}) is {k} of "
        f"{n} images{note}.",
        witness=f"{k}/{n} = {shown(100 * Fraction(k, n), 3)} %; {sizes[n][0]}."
        + (f" The stated {others} would not give it." if others else ""),
    )


def _neighbours(interval: Interval, n: int, basis: str) -> str:
    """Return the two whole counts of n between which a figure falls, in words."""
    k = int(interval.low * n)
    values = [f"{i}/{n} = {shown(100 * Fraction(i, n), 3)} %" for i in (k, k + 1)]
    return f"{basis}: {', '.join(values)}"


def _is_one_count(ledger: Ledger, claim: Claim) -> bool:
    """Whether a figure is one k/n whatever was meant: no mean over folds, and no accuracy that may be one over classes.

    An accuracy of several classes may be the mean of their recalls, and one of a single class its recall or that of
    the rest.
    """
    once = claim.aggregation in {"single", "pooled"} or claim.aggregation.startswith("fold:")
    if canonical(claim.metric) not in {"accuracy", "error_rate"}:
        return once and bool(claim.class_)
    plain = n_classes(ledger, row_key(claim)) == 2 or claim.average in {"micro", "weighted"}
    return once and plain and not claim.class_ and claim.average != "macro"


MOST_TRIED = 60
"""Images up to which every pair of class sizes is tried where they are not stated."""


def _mean_of_two(ledger: Ledger, claim: Claim, interval: Interval) -> bool:
    """Whether an accuracy of two classes, of no said averaging, can be the mean of both recalls: with the class sizes
    stated, else with any that add up to its n."""
    if claim.average or claim.class_ or canonical(claim.metric) != "accuracy":
        return False
    n, sizes = own_size(claim) or 0, class_sizes(ledger, row_key(claim))
    if sizes is not None and sizes.total == n and min(sizes.counts.values()) > 0:
        return fold_mean_is_possible(list(sizes.counts.values()), interval)
    return n > MOST_TRIED or any(fold_mean_is_possible([p, n - p], interval) for p in range(1, n))


def _the_parts(claim: Claim) -> str:
    part = "test or validation images" if claim.split == "unstated" else f"{claim.split} images"
    return f"any number of {part}" + (f" of {claim.class_}" if claim.class_ else "")


def _of_training(ledger: Ledger, claim: Claim, interval: Interval) -> str:
    """Return which stated numbers of training images would give a figure that does not say its part, as a sentence."""
    if claim.split != "unstated":
        return ""
    sizes = {
        count_of(c) or 0: c.split
        for c in ledger.own
        if c.metric == "n_images"
        and c.split.startswith("train")
        and c.class_ == claim.class_
        and not c.of_fold
        and c.study == claim.study
    }
    hits = [f"{ks[0]} of the {n} for {s}" for n, s in sizes.items() if n and len(ks := counts_printing_as(interval, n))]
    return f" A figure of training images would fit: {'; '.join(hits)}." if hits else ""


def _other_n(interval: Interval, sizes: dict[int, tuple[str, Claim | None]]) -> str:
    n = next(iter(sizes))
    near = next(
        (m for d in range(1, 60) for m in (n - d, n + d) if m > 0 and len(counts_printing_as(interval, m))), None
    )
    return "an average over classes, folds, runs or batches, or another number of images" + (
        f" (the nearest that gives it: {near})." if near else "."
    )
