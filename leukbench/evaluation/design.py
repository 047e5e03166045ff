"""Who is in the test part: groups of each class, strata, and what a design says of an interval before any result is
seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.records import FloatArray, IntArray

MOSTLY_ONE_LABEL = 0.8
"""Where at least so many of the groups have one label, classes are strata and the others count for their rarest class.
"""


def effective_groups(sizes: npt.NDArray[Any]) -> float:
    """Return Kish's effective number of groups, (Σn)² / Σn²; 0 where no group has an image.

    >>> effective_groups(np.array([10, 10, 10])), effective_groups(np.array([20, 10, 10, 0]))
    (3.0, 2.6666666666666665)
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    squares = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / squares if squares else 0.0


def strata_of(present: npt.NDArray[np.bool_]) -> IntArray | None:
    """Return each group's stratum from which classes it holds ``(n_groups, n_classes)``, or None where groups are
    mixed.

    A group of one label stands in its class. Where few groups (a fifth at most) hold several, each of these counts for
    the rarest class that it holds, so that four patients of a class stay four however many labels one of them has.

    Parameters
    ----------
    present
        ``(n_groups, n_classes)``: whether a group has images of a class.

    Returns
    -------
    ``(n_groups,)``, or None where groups are mixed.

    Examples
    --------
    >>> strata_of(np.array([[True, False]] * 4 + [[True, True]])).tolist()
    [0, 0, 0, 0, 1]
    >>> strata_of(np.array([[True, True], [True, False]])) is None
    True
    """
    several = present.sum(axis=1) > 1
    if not present.any(axis=1).all() or (~several).mean() < MOSTLY_ONE_LABEL:
        return None
    rarity = np.where(present, present.sum(axis=0), len(present) + 1)
    return np.asarray(np.where(several, rarity.argmin(axis=1), present.argmax(axis=1)), dtype=np.int64)


@dataclass(frozen=True)
class PerClass:
    """The units (groups, or images) of a test part: images of each in each class, ``(n_classes, n_units)``.

    ``counts`` may be means over seeds. ``strata`` is each unit's class where (nearly) every unit has one label.
    """

    counts: FloatArray
    strata: IntArray | None

    @classmethod
    def of(cls, counts: FloatArray) -> PerClass:
        """Return the design of units with these images of each class."""
        return cls(counts, strata_of((counts > 0).T))

    @property
    def sizes(self) -> FloatArray:
        """Images of each unit."""
        return np.asarray(self.counts.sum(axis=0))

    def effective(self, classes: Sequence[int] | None = None) -> tuple[float, ...]:
        """Return the effective units of each class that has images (of those named)."""
        chosen = range(len(self.counts)) if classes is None else classes
        return tuple(effective_groups(self.counts[c]) for c in chosen if self.counts[c].any())

    def n_units_of(self, c: int) -> int:
        """Return how many units hold images of a class."""
        return int((self.counts[c] > 0).sum())

    @property
    def fewest(self) -> float:
        """The effective units of the poorest class."""
        return min(self.effective(), default=0.0)

    @property
    def poorest(self) -> int:
        """The class of the fewest effective units."""
        found = [effective_groups(row) if row.any() else np.inf for row in self.counts]
        return int(np.argmin(found))
