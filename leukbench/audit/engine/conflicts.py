"""Minimal conflict sets: the smallest sets of figures that cannot hold together, and who stands in every one of
them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


MOST_SUBSETS = 5000


def one_conflict(items: Sequence[Item], feasible: Callable[[tuple[Item, ...]], bool]) -> tuple[Item, ...]:
    """Return one subset of infeasible items of which none can be left out; the first items are kept where they can be.

    >>> one_conflict([1, 2, 3], lambda s: sum(s) < 5)
    (2, 3)
    """
    kept = tuple(items)
    for item in reversed(items):
        fewer = tuple(k for k in kept if k != item)
        if fewer and not feasible(fewer):
            kept = fewer
    return kept


def minimal_conflicts(
    items: Sequence[Item], feasible: Callable[[tuple[Item, ...]], bool], *, largest: int = 5
) -> list[tuple[Item, ...]]:
    """Return every subset of up to ``largest`` items that is infeasible while all its parts are feasible, smallest
    first; where there are more than ``MOST_SUBSETS`` subsets to try, those among the first, or one of all items.

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
    sizes = range(1, min(largest, len(items)) + 1)
    subsets = itertools.chain.from_iterable(itertools.combinations(items, size) for size in sizes)
    for subset in itertools.islice(subsets, MOST_SUBSETS):
        if any(set(conflict) <= set(subset) for conflict in found):
            continue
        if not feasible(subset):
            found.append(subset)
    return found or ([] if feasible(tuple(items)) else [one_conflict(items, feasible)])


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
