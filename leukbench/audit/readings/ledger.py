"""A paper parsed once: what every check reads."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from leukbench.audit.engine.effort import Effort
from leukbench.audit.readings.claims import RowKey, own, own_size, told_apart
from leukbench.audit.readings.printed_matrices import Printed, matrices
from leukbench.audit.readings.rows import Row, headlines, rows
from leukbench.papers.schema import Claim, Paper


@dataclass(frozen=True)
class Sizes:
    """How many images of each class a result was counted on, and the claims that say so.

    ``presumed``: taken from another network's test part, on which this result was only presumably counted too.
    ``of_matrix``: the row sums of its own matrix, which is of one pass over them.
    """

    counts: dict[str, int]
    claims: tuple[Claim, ...]
    basis: str
    presumed: bool = False
    of_matrix: bool = False

    @property
    def total(self) -> int:
        """All images."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Ledger:
    """The readings of one paper, made once and handed to all checks.

    ``sizes`` fills as class sizes are asked for (:func:`leukbench.audit.readings.class_sizes.class_sizes`), so that
    each is worked out once. ``effort`` is what is left to all searches of this paper together.
    """

    paper: Paper
    own: tuple[Claim, ...]
    by_id: Mapping[str, Claim]
    rows: tuple[Row, ...]
    matrices: tuple[Printed, ...]
    headlines: frozenset[str]
    sizes: dict[RowKey, Sizes | None] = field(default_factory=dict, compare=False, repr=False)
    effort: Effort = field(default_factory=Effort, compare=False, repr=False)

    @functools.cached_property
    def counted(self) -> tuple[Claim, ...]:
        """Own claims that say a number of images: as such, or beside a score."""
        return tuple(c for c in self.own if c.metric == "n_images" or own_size(c) is not None)


def read(paper: Paper) -> Ledger:
    """Return the readings of a paper: its own claims, its rows of scores, its matrices, its headline figures."""
    paper = told_apart(paper)
    return Ledger(
        paper=paper,
        own=tuple(own(paper)),
        by_id={c.id: c for c in paper.claims},
        rows=tuple(rows(paper)),
        matrices=tuple(matrices(paper)),
        headlines=headlines(paper),
    )
