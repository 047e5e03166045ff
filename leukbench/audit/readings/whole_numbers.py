"""Claims that are whole numbers of images or subjects."""

from __future__ import annotations

from collections.abc import Iterable

from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim

COUNTED = ("n_images", "n_subjects")


def counted(ledger: Ledger, *metrics: str) -> list[Claim]:
    """Return the paper's own counts that are exact whole numbers."""
    return [c for c in ledger.own if c.metric in (metrics or COUNTED) and count_of(c) is not None]


def number_of(claim: Claim) -> int:
    value = count_of(claim)
    assert value is not None
    return value


Key = tuple[str, ...]


def claim_groups(claims: Iterable[Claim], *, without: str) -> dict[Key, dict[str, list[Claim]]]:
    """Group counts by all keys but one; the values of that one lead to the claims."""
    found: dict[Key, dict[str, list[Claim]]] = {}
    for c in claims:
        parts = {
            "metric": c.metric,
            "study": c.study,
            "model": c.model,
            "condition": c.condition,
            "split": c.split,
            "fold": c.of_fold,
            "class": c.class_,
        }
        free = parts.pop(without)
        found.setdefault(tuple(parts.values()), {}).setdefault(free, []).append(c)
    return found
