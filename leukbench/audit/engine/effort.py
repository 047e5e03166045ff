"""What the searches of one paper may cost, so that no paper keeps the audit: what is left undecided then is said."""

from __future__ import annotations

from dataclasses import dataclass

UNITS = 800
"""Hundredths of a second, roughly, on a core of 2024: the same paper always gets the same answers."""
SEARCH = 12
"""One search for a matrix of several classes."""
SCORE_VALUES = 16_000
"""Values of a score over all matrices of a row that are worked out in a unit."""
FOLD_VALUES = 800
"""Values of a score over all matrices of a fold that a linear program goes through in a unit."""


@dataclass
class Effort:
    """Units that are left."""

    left: int = UNITS

    def take(self, units: int) -> bool:
        """Return whether so many units are left, and take them if they are."""
        enough = units <= self.left
        self.left -= units if enough else 0
        return enough
