"""Report scores in fewer classes than were trained: three stages of leukaemia are one class for another source."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.training.data import Rows
from leukbench.training.run import Finished, FoldRows


@dataclass(frozen=True)
class Merged:
    """The classes that are reported, and the place of each trained class among them."""

    classes: tuple[str, ...]
    places: tuple[int, ...]

    def scores(self, scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return scores ``(..., n_trained)`` summed into ``(..., n_reported)``; untouched where no classes merge."""
        if len(self.places) == len(self.classes):
            return scores
        return np.asarray(scores @ np.eye(len(self.classes), dtype=scores.dtype)[list(self.places)])

    def applied(self, done: Finished, rows: FoldRows) -> tuple[Finished, FoldRows]:
        """Return a run and its rows with test scores and test labels in the reported classes; validation stays."""
        test = self.relabelled(rows.test)
        return dataclasses.replace(done, test=self.scores(done.test)), dataclasses.replace(rows, test=test)

    def relabelled(self, rows: Rows) -> Rows:
        """Return rows with their labels in the reported classes."""
        return dataclasses.replace(rows, label=np.array(self.places, dtype=np.int64)[rows.label])


def merge_classes(classes: tuple[str, ...], common_of: Mapping[str, str] | None) -> Merged:
    """Return how trained classes are reported: as they are, or as ``common_of`` names them, in order of appearance."""
    names = [common_of[name] if common_of else name for name in classes]
    reported = tuple(dict.fromkeys(names))
    return Merged(reported, tuple(reported.index(name) for name in names))
