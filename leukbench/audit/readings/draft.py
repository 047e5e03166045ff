"""What a check hands over: a finding before it has an id."""

from __future__ import annotations

from dataclasses import dataclass

from leukbench.papers.schema import Claim


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A finding before it gets its id: what a check hands over."""

    check: str
    status: str
    kind: str
    claims: tuple[Claim, ...]
    statement: str
    witness: str = ""
    repair: str = ""
    severity: int = 0
    accused: tuple[str, ...] = ()
    where: str = ""  # only for what belongs to no claim
    study: str = ""  # of what belongs to no claim
    topic: str = ""  # which of its check's facts this is, where one check tells several
    more: tuple[tuple[tuple[str, ...], ...], ...] = ()  # further minimal conflicts of the same kind
    members: tuple[
        tuple[str, ...], ...
    ] = ()  # of a minimal conflict: each block is one figure, by the claims that print it
