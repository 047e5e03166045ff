"""Losses against the accuracy beside them: what a mean squared error on softmax outputs can be."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_interval, shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim


def check_loss_bounds(ledger: Ledger) -> list[Draft]:
    """A mean squared error on softmax outputs is bounded by the accuracy beside it.

    Summed over K outputs a wrongly classified image costs at most 2, a rightly classified one at most 1 − 1/K (its
    largest probability p ≥ 1/K, and (1 − p)² + Σ q² ≤ 1 − p); the mean over outputs divides by K. No loss that a recipe
    can name is negative; where none is named, a cosine similarity or a negative Dice score could be.
    """
    known = {r.recipe.loss for r in ledger.paper.recipes.values()}
    losses = {r.recipe.loss for r in ledger.paper.recipes.values() if r.recipe.output == "softmax"}
    found = []
    accuracies = {
        (c.study, c.model, c.split, c.condition): c for c in ledger.own if c.metric == "accuracy" and not c.class_
    }
    for c in ledger.own:
        interval = printed_interval(c.value)
        if c.metric != "loss" or interval is None:
            continue
        if interval.high < 0:
            found.append(_negative_draft(c, known))
        accuracy = accuracies.get((c.study, c.model, c.split, c.condition))
        share = score_interval(accuracy) if accuracy is not None else None
        study = ledger.paper.studies.get(c.study)
        if losses == {"mean_squared_error"} and study is not None and accuracy is not None and share is not None:
            found.append(_bound_draft(c, interval, accuracy, share, len(study.classes)))
    return found


def _negative_draft(c: Claim, known: Collection[str]) -> Draft:
    return Draft(
        check="loss_bounds",
        status="inconsistent" if known else "implausible",
        kind="arithmetic",
        claims=(c,),
        severity=1,
        statement=f"A loss of {c.value} is negative.",
        witness=f"{', '.join(sorted(known)).replace('_', ' ') or 'Most usual losses'} cannot be.",
        repair="the sign, or the loss that was computed.",
        accused=(c.id,),
    )


def _bound_draft(c: Claim, loss: Interval, accuracy: Claim, share: Interval, k: int) -> Draft:
    """Return the finding on a mean squared error over k softmax outputs beside the accuracy of the same images."""
    scale = Fraction(1, 100) if c.unit == "%" else Fraction(1)
    low = share.low if not accuracy.approximate else max(Fraction(0), share.low - Fraction(2, 100))
    bound = (low * (1 - Fraction(1, k)) + (1 - low) * 2) / k
    fits = loss.low * scale <= bound
    beside = f"A loss of {c.value}{c.unit} at an accuracy of {accuracy.value}{accuracy.unit} is"
    outputs = f"a mean squared error on {k} softmax outputs"
    return Draft(
        check="loss_bounds",
        status="consistent" if fits else "implausible",
        kind="arithmetic",
        claims=(c, accuracy),
        severity=0 if fits else 1,
        statement=f"{beside} possible for {outputs}." if fits else f"{beside} larger than {outputs} can be.",
        witness=f"Right images cost at most (1 − 1/{k})/{k}, wrong ones 2/{k}: "
        f"{shown(low)}·{shown(Fraction(k - 1, k * k))} + "
        f"{shown(1 - low)}·{shown(Fraction(2, k))} = {shown(bound)}; printed {shown(loss.low * scale)} "
        "or more.",
        repair=""
        if fits
        else "the loss contains a penalty on the weights, is a sum over outputs, or is a cross-entropy.",
    )
