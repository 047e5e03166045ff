"""Figures that their unit makes a hundred times too small or too large."""

from __future__ import annotations

from leukbench.audit.engine.rounding import printed_number
from leukbench.audit.readings.claims import canonical
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim

SHARES = frozenset(["accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auc"])


def check_units(ledger: Ledger) -> list[Draft]:
    """A score below one per cent, or a fraction above one, is probably printed (or noted) in the other unit.

    It is read as it stands, so that what the figure contradicts may be the unit alone.
    """
    return [
        Draft(
            check="units",
            status="uncheckable",
            kind="arithmetic",
            claims=(c,),
            severity=1,
            statement=f"{c.metric} {c.value}{_unit(c)}{' of ' + c.model if c.model else ''} is probably {words}.",
            witness="It is read as it stands.",
            repair="the unit that is meant.",
        )
        for c in ledger.own
        if (words := _other_unit(c))
    ]


def _unit(claim: Claim) -> str:
    return " %" if claim.unit == "%" and "%" not in claim.value else ""


def _other_unit(claim: Claim) -> str:
    """Return what the figure probably is instead, "" where its unit can be right."""
    number = printed_number(claim.value)
    if canonical(claim.metric) not in SHARES or number is None:
        return ""
    percent = claim.unit == "%" or "%" in claim.value
    if percent and 0 < number < 1:
        return f"the fraction {claim.value.strip('% ')}"
    return f"{claim.value} %" if claim.unit == "fraction" and not percent and 2 < number <= 100 else ""
