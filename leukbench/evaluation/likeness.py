"""How alike patients fare under two trainings: what errors on the same patients have in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leukbench.evaluation.design import PerClass
from leukbench.evaluation.intervals import without_each
from leukbench.evaluation.patients import average_copies
from leukbench.records import FloatArray, Predictions

ASSUMED = 0.5
"""Where a study has one arm only, so that nothing shows how alike its patients fare under another network."""
MOST = 0.9
"""A paper's training is not ours: the correlation is taken to be no higher."""


@dataclass(frozen=True)
class Likeness:
    """The correlation of the patients' effects on accuracy between trainings, and how many arms it was told from (1:
    assumed).
    """

    correlation: float = ASSUMED
    n_arms: int = 1


def likeness(arms: Sequence[Predictions]) -> Likeness:
    """Return the mean correlation over pairs of arms tested on the same images, between 0 and :data:`MOST`.

    Correlated are the shifts that leaving out each group gives, within classes where groups have one label. Other
    networks are less alike than a network and its own reproduction, so that this errs on the side of less in common.
    Arms of which a group gives no variation are left out; with fewer than two left it is :data:`ASSUMED`.

    Parameters
    ----------
    arms
        Predictions of the same images.

    Returns
    -------
    The mean correlation, and over how many arms.
    """
    shifts = [found for p in arms if (found := _shifts(average_copies(p))) is not None and found.any()]
    same = [x for x in shifts if len(x) == len(shifts[0])]
    if len(same) < 2 or len(same[0]) < 3:
        return Likeness()
    pairs = [float(a @ b / np.sqrt((a @ a) * (b @ b))) for a, b in itertools.combinations(same, 2)]
    return Likeness(float(np.clip(np.mean(pairs), 0.0, MOST)), len(same))


def _shifts(p: Predictions) -> FloatArray | None:
    """Return how far accuracy moves without each group ``(n_groups,)``, about the mean of its class; None for one
    group.
    """
    _, codes = np.unique(p.group, return_inverse=True)
    n = int(codes.max()) + 1
    if n < 2:
        return None
    totals, right = np.bincount(codes), np.bincount(codes, weights=p.label == p.predicted)
    counts = np.stack([np.bincount(codes[p.label == c], minlength=n) for c in range(len(p.classes))]).astype(np.float64)
    strata = PerClass.of(counts).strata
    left_out = without_each(right, strata) / without_each(totals, strata)
    which = np.zeros(n, dtype=np.int64) if strata is None else strata
    means = np.bincount(which, weights=left_out) / np.maximum(np.bincount(which), 1)
    return np.asarray(left_out - means[which])
