"""Prose arithmetic: stated gains, ratios and means against the figures they come from."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from statistics import median

from leukbench.audit.engine.rounding import Interval, printed_interval, printed_number, shown
from leukbench.audit.readings.claims import SCORE_METRICS, canonical, row_key, score_interval
from leukbench.audit.readings.class_sizes import images_behind
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import harmonic
from leukbench.audit.readings.texts import TIMES, plain_text, seconds
from leukbench.papers.schema import Claim

GAINS = ("improvement", "reduction")
_NOT_WEIGHTED = frozenset({"f1", "auc", "mcc", "kappa", "balanced_accuracy"})
"""Scores that, of counts added up, are no weighted mean of those of the parts, or that are means of other scores."""


def _quantity(claim: Claim) -> Interval | None:
    """Return what a figure stands for, scores in percent, times in seconds."""
    if claim.metric in TIMES:
        value = seconds(claim)
        return None if value is None else Interval(value, value)
    if canonical(claim.metric) in SCORE_METRICS or claim.metric == "detection_rate":
        interval = score_interval(claim)
        return None if interval is None else interval.times(100)
    return printed_interval(claim.value)


def _gain(claim: Claim) -> Interval | None:
    interval = printed_interval(claim.value.lstrip("+"))
    if interval is None:
        return None
    if claim.approximate:
        slack = abs(Fraction(printed_number(claim.value.lstrip("+")) or 0)) / 20
        interval = Interval(interval.low - slack, interval.high + slack)
    return interval.times(100) if claim.unit == "fraction" else interval


def _readings(a: Interval, b: Interval, *, shares: bool = False) -> dict[str, Interval]:
    """Return the gains that two figures allow, as points and as percentages of either; of shares, of their errors
    too."""
    found = {"difference": a - b, "difference, other way": b - a}
    if shares:
        errors = [Interval(100 - i.high, 100 - i.low) for i in (a, b)]
        for words, (x, y) in (("first", errors), ("second", errors[::-1])):
            if y.low > 0:
                low, high = (100 * (1 - e) for e in (x.high / y.low, x.low / y.high))
                found[f"reduction of the error to that of the {words}"] = Interval(low, high)
    if b.low > 0:
        found["relative to the second"] = Interval(100 * (a.low / b.high - 1), 100 * (a.high / b.low - 1))
        found["reduction relative to the second"] = Interval(100 * (1 - a.high / b.low), 100 * (1 - a.low / b.high))
        found["ratio in percent"] = Interval(100 * a.low / b.high, 100 * a.high / b.low)
        found["ratio"] = Interval(a.low / b.high, a.high / b.low)
    if a.low > 0:
        found["relative to the first"] = Interval(100 * (1 - b.high / a.low), 100 * (1 - b.low / a.high))
        found["ratio, other way"] = Interval(b.low / a.high, b.high / a.low)
    return found


def check_gains(ledger: Ledger) -> list[Draft]:
    """A stated gain, reduction or ratio follows from the two figures it names, as a difference or relative to one
    of them."""
    by_id = {c.id: c for c in ledger.paper.claims}
    found = []
    repeated: dict[tuple[str, ...], list[Claim]] = {}
    for claim in ledger.own:
        if claim.metric in (*GAINS, "time_ratio"):
            keys = (
                claim.metric,
                plain_text(claim),
                claim.unit,
                claim.study,
                claim.model,
                claim.condition,
                str(claim.approximate),
            )
            repeated.setdefault((*keys, *claim.derived_from), []).append(claim)
    for claim, *again in repeated.values():
        stated = _gain(claim)
        pair = [by_id[i] for i in claim.derived_from]
        if stated is None:
            continue
        values = [_quantity(c) for c in pair]
        if len(pair) == 2 and values[0] is not None and values[1] is not None:
            found.append(_with_repeats(_gain_draft(claim, stated, pair, (values[0], values[1])), claim, again))
        elif len(pair) < 2:
            found.append(_with_repeats(_search_gain(ledger, claim, stated, pair), claim, again))
    return found


def _with_repeats(draft: Draft, claim: Claim, again: list[Claim]) -> Draft:
    """Return a finding on a figure with its repetitions, which stand and fall with it."""
    members = tuple((*m, *(c.id for c in again)) if claim.id in m else m for m in draft.members)
    return replace(draft, claims=(claim, *again, *draft.claims[1:]), members=members)


def _gain_draft(claim: Claim, stated: Interval, pair: list[Claim], values: tuple[Interval, Interval]) -> Draft:
    readings = _readings(*values, shares=all(canonical(c.metric) in SCORE_METRICS for c in pair))
    hits = [r for r, i in readings.items() if i.meets(stated)]
    first = readings[hits[0]] if hits else readings["difference"]
    unit = claim.unit if claim.unit == "%" and "%" not in claim.value else ""
    how = f"{hits[0] if hits else 'difference'} {first.text(3)}"
    words = f"{pair[0].value} and {pair[1].value}: {how}; stated: {claim.value}{unit}"
    nearest = min(readings, key=lambda r: abs(readings[r].low + readings[r].high - stated.low - stated.high))
    status = "consistent" if hits else ("implausible" if claim.approximate else "inconsistent")
    return Draft(
        check="gains",
        status=status,
        kind="arithmetic",
        claims=(claim, *pair),
        severity=0 if hits else 1,
        statement=f"The stated {claim.metric.replace('_', ' ')} of {claim.value} ({claim.condition or claim.model}) "
        + (f"follows from its two figures as their {hits[0]}." if hits else "follows from its two figures in no way."),
        witness=words + ".",
        repair="" if hits else f"nearest: {nearest}, {readings[nearest].text(2)}.",
        members=() if status != "inconsistent" else ((claim.id,), *((c.id,) for c in pair)),
    )


Pool = list[tuple[Claim, Interval]]


def _metric_meant(claim: Claim) -> str:
    """Return the metric that a gain's condition or note names, else accuracy."""
    text = f"{claim.condition} {claim.note}".lower().replace("f-score", "f1")
    names = ("accuracy", "sensitivity", "recall", "specificity", "f1", "auc", "precision", "mcc", "time_s")
    return next((m for m in names if m.replace("_s", "") in text), "accuracy")


def _candidates(ledger: Ledger, claim: Claim, known: list[Claim]) -> tuple[Pool, Pool]:
    """Return the figures that a gain may start from, and all figures of its metric that it may be measured against."""
    wanted = canonical(_metric_meant(claim))
    pool = [
        (c, i)
        for c in ledger.own
        if canonical(c.metric) == wanted
        and c.study in {claim.study, ""}
        and not c.class_
        and (i := _quantity(c)) is not None
    ]
    if known:
        pool = [(c, i) for c, i in pool if canonical(c.metric) == canonical(known[0].metric)] or pool
    named = {k.id for k in known}
    heads = [(c, i) for c, i in pool if c.id in named]
    heads = heads or [(c, i) for c, i in pool if not claim.model or c.model == claim.model]
    return heads or pool, pool


def _nearest_difference(heads: Pool, pool: Pool, stated: Interval) -> str:
    """Return the two figures whose difference is nearest to a stated gain, in words; "" where there are none."""
    pairs = [
        (
            abs(i.low - j.low - stated.low),
            f"{c.value} − {d.value} ({d.model}, {d.condition}) = {shown(i.low - j.low, 2)}",
        )
        for c, i in heads
        for d, j in pool
    ]
    return f"; nearest difference: {min(pairs)[1]}." if pairs else "."


def _search_gain(ledger: Ledger, claim: Claim, stated: Interval, known: list[Claim]) -> Draft:
    """Look for a pair of printed figures of the same metric and part whose difference or ratio is the stated gain."""
    wanted = _metric_meant(claim)
    heads, pool = _candidates(ledger, claim, known)
    hits = []
    for c, i in heads:
        for d, j in pool:
            if c.model != d.model or c.condition != d.condition:
                readings = _readings(i, j)
                hits += [(c, d, r) for r in ("difference", "relative to the second") if readings[r].meets(stated)]
    means = _over_others(claim, stated, heads, pool)
    words = [
        f"{c.value} ({c.model}, {c.condition}) against {d.value} ({d.model}, {d.condition}), {r}"
        for c, d, r in hits[:3]
    ]
    return Draft(
        check="gains",
        status="uncheckable",
        kind="arithmetic",
        claims=(claim, *known),
        severity=1,
        statement=f"The stated {claim.metric.replace('_', ' ')} of {claim.value} "
        f"({claim.condition or claim.model or wanted}) does "
        "not say from which figures it comes"
        + ("." if hits or means else ", and no pair of printed figures gives it."),
        witness=f"What would give it: {'; '.join(words + means[:2])}."
        if hits or means
        else f"{len(heads)} × {len(pool)} pairs of {wanted}, and the mean and median of the other networks, tried "
        "as differences "
        f"and as ratios{_nearest_difference(heads, pool, stated)}",
        repair="the two figures that are compared.",
    )


def _over_others(
    claim: Claim, stated: Interval, heads: list[tuple[Claim, Interval]], pool: list[tuple[Claim, Interval]]
) -> list[str]:
    """Return in words where a figure exceeds the mean or median of the other networks' (all, or of one condition)
    by the gain."""
    found = []
    for name in ("", *dict.fromkeys(d.condition.split(", ")[-1] for d, _ in pool if d.condition)):
        for c, i in heads:
            rest = [j for d, j in pool if d.model != c.model and (not name or d.condition.endswith(name))]
            if len(rest) < 2:
                continue
            ends = [sorted(j.low for j in rest), sorted(j.high for j in rest)]
            kinds = {"mean": [sum(e, Fraction(0)) / len(e) for e in ends], "median": [median(e) for e in ends]}
            for kind, (low, high) in kinds.items():
                readings = _readings(i, Interval(low, high))
                if any(readings[r].meets(stated) for r in ("difference", "relative to the second")):
                    found.append(
                        f"{c.value} ({c.model}) against the {kind} of the other networks{', ' + name if name else ''}"
                    )
    return list(dict.fromkeys(found))


def check_means(ledger: Ledger) -> list[Draft]:
    """A stated mean is the mean of the figures it is said to come from (plain, or weighted by images where that
    fits; of F1 also the harmonic mean of mean precision and recall).

    Taken from counts that were added up, a score of :data:`_NOT_WEIGHTED` may lie outside of its parts.
    """
    by_id = {c.id: c for c in ledger.paper.claims}
    found = []
    for claim in ledger.own:
        parts = [by_id[i] for i in claim.derived_from]
        stated = _quantity(claim)
        values = [i for i in (_quantity(p) for p in parts) if i is not None]
        if claim.aggregation == "mean" and len(parts) >= 2 and len(values) == len(parts) and stated is not None:
            found.append(_mean_draft(ledger, claim, stated, parts, values))
    return found


def _mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def _mean_draft(ledger: Ledger, claim: Claim, stated: Interval, parts: list[Claim], values: list[Interval]) -> Draft:
    """Return the finding on one stated mean and the figures that it is of."""
    plain = Interval(*(_mean([getattr(i, end) for i in values]) for end in ("low", "high"))).meets(stated)
    weighted = not plain and _weighted_mean(ledger, parts, values, stated)
    of_means = _f1_of_means(ledger, claim) if claim.metric == "f1" else None
    of_scores = not plain and of_means is not None and of_means.meets(stated)
    good = plain or weighted is True or of_scores
    loose = claim.metric in _NOT_WEIGHTED and of_means is None
    proved = not good and weighted is False and not loose and not claim.approximate
    middle = _mean([Fraction(printed_number(p.value) or 0) for p in parts])
    return Draft(
        check="means",
        status="consistent" if good else "inconsistent" if proved else "implausible",
        kind="arithmetic",
        claims=(claim, *parts),
        severity=0 if good else (2 if claim.id in ledger.headlines else 1),
        statement=f"{claim.value} is {'' if plain or weighted else 'not '}the {'weighted ' if weighted else ''}mean of "
        f"{', '.join(p.value for p in parts)}{', but the F1 of mean precision and recall' if of_scores else ''}.",
        witness=f"({' + '.join(p.value for p in parts)})/{len(parts)} = {shown(middle, 4)}; printed: {claim.value}."
        + (" Weighted by numbers of images that are not stated it could be." if weighted is None else ""),
        repair="" if good else f"{shown(middle, 2)}, or other parts than these.",
        members=((claim.id,), *((p.id,) for p in parts)) if proved else (),
    )


def _f1_of_means(ledger: Ledger, claim: Claim) -> Interval | None:
    """Return the harmonic mean of the precision and recall beside an F1; None where they are not both printed."""
    key = row_key(claim)
    row = next((r for r in ledger.rows if r.key == key and any(claim in cs for cs in r.scores.values())), None)
    scores = {} if row is None else row.scores
    names = [(metric, claim.class_, claim.average) for metric in ("precision", "recall")]
    values = [i for name in names if name in scores and (i := score_interval(scores[name][0])) is not None]
    return harmonic(*values).times(100) if len(values) == 2 else None


def _weighted_mean(ledger: Ledger, parts: list[Claim], values: list[Interval], stated: Interval) -> bool | None:
    """Return whether a figure is the mean of its parts weighted by their images; None where these are not stated and
    some weights would give it."""
    within = min(v.low for v in values) <= stated.high and stated.low <= max(v.high for v in values)
    if not within:
        return False
    sizes = [n for p in parts if (n := images_behind(ledger, p)) is not None]
    if len(sizes) < len(parts):
        return None
    total = sum(n for n, _ in sizes)
    low, high = (sum(getattr(v, end) * n for v, (n, _) in zip(values, sizes, strict=True)) for end in ("low", "high"))
    return Interval(low / total, high / total).meets(stated)
