"""Which claims speak of the same result: rows of scores, matrices, class sizes, selected by the keys of the ledger
alone."""

from __future__ import annotations

import functools
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, computed, printed_interval, printed_number
from leukbench.papers.schema import Claim, Paper

RowKey = tuple[str, str, str, str, str, str]
ScoreName = tuple[str, str, str]
SCORE_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auc", "mcc", "kappa")
CANONICAL = {"sensitivity": "recall"}


def own(paper: Paper) -> list[Claim]:
    """Return the claims about the paper's own experiments."""
    return [claim for claim in paper.claims if claim.kind == "own"]


def told_apart(paper: Paper) -> Paper:
    """Return a paper whose results on several datasets, of several tasks or by several arms under one model's name are
    told apart by their condition, as everything that is read of one result has it.

    Where a study names but one dataset (task, arm), a figure that names none is of the same result.
    """
    every = own(paper)
    for key in ("dataset", "task", "arm"):
        names: dict[tuple[str, ...], set[str]] = {}
        for c in every:
            names.setdefault(_named_for(c, key), set()).add(getattr(c, key))
        several = {place for place, found in names.items() if len(found - {""}) > 1}
        every = [
            c.model_copy(update={"condition": ", ".join(filter(None, (c.condition, getattr(c, key))))})
            if _named_for(c, key) in several and getattr(c, key)
            else c
            for c in every
        ]
    changed = {c.id: c for c in every}
    return paper.model_copy(update={"claims": tuple(changed.get(c.id, c) for c in paper.claims)})


def _named_for(claim: Claim, key: str) -> tuple[str, ...]:
    """Return within what a dataset, task or arm distinguishes results: a study; of arms those of one row."""
    return (claim.study,) if key != "arm" else (claim.model, *row_key(claim)) if claim.model else ("", claim.id)


def canonical(metric: str) -> str:
    """Return the metric's one name (sensitivity is recall)."""
    return CANONICAL.get(metric, metric)


def scale_of(claim: Claim) -> int:
    """Return 100 where the score is printed in percent, else 1; without a unit figures above 1 are percent."""
    number = printed_number(claim.value)
    if claim.unit == "%" or "%" in claim.value:
        return 100
    return 100 if not claim.unit and number is not None and number > 1 else 1


def score_interval(claim: Claim) -> Interval | None:
    """Return what a printed score can stand for, as a fraction; None where it is not one number.

    A mean over folds or runs may be that of figures that were rounded before, to as many decimals as it has itself.
    """
    low = -1 if canonical(claim.metric) in {"mcc", "kappa"} else 0
    mean = claim.aggregation == "mean" or bool(claim.spread)
    return _as_fraction(claim.value, scale_of(claim), low, claim.approximate, mean)


@functools.lru_cache(maxsize=16_384)
def _as_fraction(value: str, percent: int, low: int, approximate: bool, mean: bool) -> Interval | None:
    interval = printed_interval(value)
    if interval is None:
        return None
    if mean:  # each part is off by as much as the mean itself can be
        number = Fraction(printed_number(value) or 0)
        interval = Interval(2 * interval.low - number, 2 * interval.high - number)
    found = computed(interval.times(Fraction(1, percent)))
    if approximate:
        found = Interval(found.low - Fraction(2, 100), found.high + Fraction(2, 100))
    return found.clipped(low, 1)


def count_of(claim: Claim) -> int | None:
    """Return a printed count; None where it is not a whole number or only approximate."""
    number = printed_number(claim.value)
    if number is None or claim.approximate or number != number.to_integral_value() or "e" in claim.value.lower():
        return None
    return int(number)


def own_size(claim: Claim) -> int | None:
    """Return the number of images printed with a figure; None where there is none, or none that a figure can have."""
    text = claim.n.replace(",", "")
    n = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    return n or None


def row_key(claim: Claim) -> RowKey:
    """Return the key under which scores belong to one result."""
    aggregation = claim.aggregation if claim.aggregation in {"mean", "best", "pooled"} else ""
    return (claim.study, claim.model or claim.arm, claim.split, claim.of_fold, claim.condition, aggregation)
