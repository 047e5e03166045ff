"""Losses against the accuracy beside them: what a mean squared error on softmax outputs can be."""

from __future__ import annotations

from fractions import Fraction

from leukbench.audit.engine.rounding import printed_interval, shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger


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
        scale = Fraction(1, 100) if c.unit == "%" else Fraction(1)
        accuracy = accuracies.get((c.study, c.model, c.split, c.condition))
        share = score_interval(accuracy) if accuracy is not None else None
        if interval.high < 0:
            found.append(
                Draft(
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
            )
        if losses != {"mean_squared_error"} or c.study not in ledger.paper.studies or accuracy is None or share is None:
            continue
        k = len(ledger.paper.studies[c.study].classes)
        low = share.low if not accuracy.approximate else max(Fraction(0), share.low - Fraction(2, 100))
        bound = (low * (1 - Fraction(1, k)) + (1 - low) * 2) / k
        fits = interval.low * scale <= bound
        found.append(
            Draft(
                check="loss_bounds",
                status="consistent" if fits else "implausible",
                kind="arithmetic",
                claims=(c, accuracy),
                severity=0 if fits else 1,
                statement=f"A loss of {c.value}{c.unit} at an accuracy of {accuracy.value}{accuracy.unit} is "
                + ("possible for" if fits else "larger than")
                + f" a mean squared error on {k} softmax outputs"
                + (" can be." if not fits else "."),
                witness=f"Right images cost at most (1 − 1/{k})/{k}, wrong ones 2/{k}: "
                f"{shown(low)}·{shown(Fraction(k - 1, k * k))} + "
                f"{shown(1 - low)}·{shown(Fraction(2, k))} = {shown(bound)}; printed {shown(interval.low * scale)} "
                "or more.",
                repair=""
                if fits
                else "the loss contains a penalty on the weights, is a sum over outputs, or is a cross-entropy.",
            )
        )
    return found
