"""Ambiguities that a re-implementer must resolve, from what the ledger marks as assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Assumed


def check_assumed(ledger: Ledger) -> list[Draft]:
    """Each thing that the paper leaves open: what was assumed, what else it could be, and why."""
    found: dict[tuple[str, str, str], tuple[str, list[str], Assumed]] = {}
    for where, owner, assumed in _all(ledger):
        slot = found.setdefault((assumed.field, str(assumed.value), assumed.reason), (where, [], assumed))
        slot[1].append(owner)
    drafts = []
    for where, owners, assumed in found.values():
        owned = list(dict.fromkeys(o for o in owners if o))
        names = ", ".join(owned) if len(owned) < 4 else f"{owned[0]} and {len(owned) - 1} others"
        other = ", ".join(str(a) for a in assumed.alternatives)
        drafts.append(
            Draft(
                check="assumed",
                status="uncheckable",
                kind="ambiguity",
                claims=(),
                where=where,
                severity=0,
                statement=f"Not settled by the paper: {_words(assumed.field)}{' of ' + names if names else ''}.",
                witness=f"Taken: {assumed.value} ({assumed.reason.rstrip('.')}).",
                repair=f"Also possible: {other}." if other else "the paper's own value.",
            )
        )
    return drafts


def _words(field: str) -> str:
    """Return a field's name for a sentence: ``augmentation.rotation_deg`` becomes "augmentation, rotation in
    degrees"."""
    text = field.replace("_", " ").replace(".", ", ")
    return re.sub(r"\bpx$", "in px", re.sub(r"\bdeg$", "in degrees", text))


def _all(ledger: Ledger) -> Iterable[tuple[str, str, Assumed]]:
    for network in ledger.paper.networks.values():
        for a in network.assumed:
            yield network.where, network.printed_name, a
    for name, recipe in ledger.paper.recipes.items():
        for a in recipe.assumed:
            yield recipe.where, f"recipe {name}", a
    for a in ledger.paper.ambiguities:
        yield "whole paper", "", a


def check_split_readings(ledger: Ledger) -> list[Draft]:
    """Studies whose published split has several readings, or only an inferred one."""
    found = []
    for name, study in ledger.paper.studies.items():
        readings = study.protocols.get("as_published", ())
        if len(readings) < 2 and all(r.basis == "stated" for r in readings):
            continue
        words = "; ".join(f"{r.name.replace('_', ' ')} ({r.basis}): {r.evidence.rstrip('.')}" for r in readings)
        found.append(
            Draft(
                check="split_readings",
                status="uncheckable",
                kind="ambiguity",
                claims=tuple(c for c in ledger.paper.claims if c.id == study.headline),
                severity=1,
                where=study.where,
                statement=f"The split of study {name} "
                + (f"has {len(readings)} readings." if len(readings) > 1 else "is not stated, only inferred."),
                witness=f"{words}.",
                repair="the list of training and test images.",
            )
        )
    return found
