"""Learning rates far from what their optimiser is usually given."""

from __future__ import annotations

from leukbench.audit.engine.rounding import printed_number
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger

ADAPTIVE = frozenset(["adam", "adamax", "rmsprop"])
USUAL = {"adaptive": (1e-6, 1e-2), "sgd": (1e-5, 1.0)}
"""Rates from the smallest used for fine-tuning to the largest that usually still trains."""


def check_learning_rates(ledger: Ledger) -> list[Draft]:
    """A learning rate ten times beyond the usual range of the paper's optimisers is a misprint, or trains nothing."""
    optimisers = {r.recipe.optimiser for r in ledger.paper.recipes.values()}
    kinds = {"adaptive" if o in ADAPTIVE else "sgd" for o in optimisers} or set(USUAL)
    low, high = min(USUAL[k][0] for k in kinds), max(USUAL[k][1] for k in kinds)
    found = []
    for c in ledger.own:
        rate = printed_number(c.value) if c.metric == "learning_rate" else None
        if rate is None or low / 10 <= rate <= high * 10:
            continue
        found.append(
            Draft(
                check="learning_rates",
                status="implausible",
                kind="arithmetic",
                claims=(c,),
                severity=1,
                statement=f"A learning rate of {c.value}{' of ' + c.model if c.model else ''} is far from usual.",
                witness=f"Usual for {', '.join(sorted(optimisers)) or 'any optimiser'}: {low:g} to {high:g}.",
                repair="a misplaced decimal point, or another quantity than the learning rate.",
            )
        )
    return found
