"""Minimal conflict sets: the smallest sets of figures that cannot hold together, and who stands in every one of
them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def minimal_conflicts(
    items: Sequence[Item], feasible: Callable[[tuple[Item, ...]], bool], *, largest: int = 5
) -> list[tuple[Item, ...]]:
    """Return every subset of up to ``largest`` items that is infeasible while all its parts are feasible, smallest
    first.

    Parameters
    ----------
    items
        What is claimed together.
    feasible
        Whether a subset can hold; monotone: a part of a feasible set is feasible.
    largest
        Size of the largest subset that is tried.

    Returns
    -------
    Conflicts, smallest first.

    Examples
    --------
    >>> minimal_conflicts([1, 2, 3], lambda s: sum(s) < 5)
    [(2, 3)]
    """
    found: list[tuple[Item, ...]] = []
    for size in range(1, min(largest, len(items)) + 1):
        for subset in itertools.combinations(items, size):
            if any(set(conflict) <= set(subset) for conflict in found):
                continue
            if not feasible(subset):
                found.append(subset)
    return found


def accused(conflicts: Sequence[tuple[Item, ...]]) -> tuple[Item, ...]:
    """Return the items that are impossible alone, or the only one that stands in every one of several minimal
    conflicts.

    The members of a single larger conflict are only flagged, and so are several that stand in every conflict together:
    nothing says which of them is wrong.

    Parameters
    ----------
    conflicts
        Minimal ones, as :func:`minimal_conflicts` finds them.

    Returns
    -------
    The items that must be wrong, or are the simplest to be so.

    Examples
    --------
    >>> accused([("a", "b"), ("a", "c")]), accused([("a", "b")]), accused([("a",), ("b", "c")])
    (('a',), (), ('a',))
    >>> accused([("a", "b", "c"), ("a", "b", "d")])
    ()
    """
    alone = tuple(conflict[0] for conflict in conflicts if len(conflict) == 1)
    if alone:
        return alone
    if len(conflicts) < 2:
        return ()
    common = tuple(item for item in conflicts[0] if all(item in conflict for conflict in conflicts))
    return common if len(common) == 1 else ()
