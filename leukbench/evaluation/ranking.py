"""Clustered AUC: within folds, averaged, and what it becomes without each group; its interval by the jackknife on the
logit.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.evaluation.design import PerClass
from leukbench.evaluation.intervals import (
    Interval,
    Scale,
    flat_interval,
    jackknife,
    join_notes,
    no_interval,
    t_interval,
    with_seeds,
)
from leukbench.evaluation.scoring import placements
from leukbench.records import FloatArray, IntArray

NAN = float("nan")
LOGIT: Scale = "logit"


@dataclass(frozen=True)
class AucParts:
    """AUCs of one seed: ``values`` ``(n_folds, n_aucs)``, and their mean over folds without each unit.

    ``without`` is ``(n_aucs, n_units)``; NaN where a fold would lack a side without the unit. ``lacking`` folds lack a
    class and are left out. ``constant``: in every fold all images have one score, so that nothing is ranked.
    """

    values: FloatArray
    without: FloatArray
    lacking: int
    constant: bool


def auc_without(
    is_positive: npt.NDArray[np.bool_], score: FloatArray, codes: IntArray, n_units: int
) -> tuple[float, FloatArray]:
    """Return the AUC and its values without each unit ``(n_units,)``; NaN where a side is missing.

    With W the pairs that positives win (ties one half), P_g and N_g those of unit g's positives and against its
    negatives and W_gg those within it, the AUC without g is (W - P_g - N_g + W_gg) / ((m - m_g)(n - n_g)).

    Parameters
    ----------
    is_positive, score, codes
        ``(n_images,)``: the side, the score and the unit of each image.
    n_units
        How many units there are.

    Returns
    -------
    The AUC and ``(n_units,)`` without each unit; NaN where a side is missing.

    Examples
    --------
    >>> auc_without(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.5, 0.1]), np.array([0, 1, 2, 3]), 4)
    (0.75, array([0.5, 1. , 1. , 0.5]))
    """
    m, n = int(is_positive.sum()), int((~is_positive).sum())
    if not m or not n or np.isnan(score).any():
        return NAN, np.full(n_units, NAN)
    of_positive, of_negative = placements(score[is_positive], score[~is_positive])
    won = np.bincount(codes[is_positive], weights=of_positive * n, minlength=n_units)
    against = np.bincount(codes[~is_positive], weights=of_negative * m, minlength=n_units)
    per_unit = [np.bincount(codes[is_positive == side], minlength=n_units) for side in (True, False)]
    within = np.zeros(n_units)
    for g in np.flatnonzero((per_unit[0] > 0) & (per_unit[1] > 0)):
        rows = codes == g
        positive = is_positive[rows]
        within[g] = float(placements(score[rows][positive], score[rows][~positive])[0].sum()) * per_unit[1][g]
    pairs = ((m - per_unit[0]) * (n - per_unit[1])).astype(np.float64)
    left = np.full(n_units, NAN)
    np.divide(won.sum() - won - against + within, pairs, out=left, where=pairs > 0)
    return float(of_positive.mean()), left


def auc_parts(
    label: IntArray, scores: FloatArray, fold: IntArray, codes: IntArray, *, n_units: int, classes: list[int]
) -> AucParts:
    """Return the one-against-rest AUCs of ``classes`` within each fold, and the fold means without each unit."""
    values, withouts, lacking, constant = [], [], 0, True
    for k in np.unique(fold):
        rows = fold == k
        parts = [auc_without(label[rows] == c, scores[rows, c], codes[rows], n_units) for c in classes]
        constant &= bool((scores[rows] == scores[rows][:1]).all())
        if any(math.isnan(value) for value, _ in parts):
            lacking += 1
            continue
        values.append([value for value, _ in parts])
        withouts.append(np.stack([without for _, without in parts]))
    if not values:
        return AucParts(np.full((0, len(classes)), NAN), np.full((len(classes), n_units), NAN), lacking, constant)
    return AucParts(np.array(values), np.mean(withouts, axis=0), lacking, constant)


def auc_interval(
    parts: list[AucParts], auc: int | None, *, units: PerClass, folds_share_units: bool, level: float = 0.95,
    extra: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, Interval]:  # fmt: skip
    """Return the AUC (mean over seeds, folds and, with ``auc=None``, classes) and its interval.

    The leave-one-unit-out jackknife on the logit with t, within classes where units have one label, plus ``extra``
    (variance, df) for seeds; the df of a class are its effective units minus the number of folds that cut it. Where a
    fold has one unit on a side, the folds' AUCs are t-averaged if no unit is in two folds; otherwise there is no
    interval.

    Parameters
    ----------
    parts
        The AUCs of folds and classes, and what each is without each unit.
    auc
        The index of the class, or None for the mean over classes.
    units
        The units' classes and sizes.
    folds_share_units
        Whether a unit is tested in two folds.
    level
        Of the interval, as a fraction.
    extra
        A further (variance, df), that of seeds.

    Returns
    -------
    The AUC and its interval, fractions.

    References
    ----------
    LeDell, Petersen & van der Laan 2015, Electron. J. Stat. 9:1583 (AUC within folds); Efron & Stein 1981.
    """
    folds = [_pick(part.values, auc) for part in parts]
    if not all(len(f) for f in folds):
        return NAN, no_interval("undefined: no fold holds images of every class")
    value = float(np.mean([f.mean() for f in folds]))
    if all(part.constant for part in parts):
        return value, no_interval("every image has the same score: a constant has no interval")
    without = np.mean([_pick(part.without.T, auc) for part in parts], axis=0)
    if np.isnan(without).any():
        interval = _over_folds(folds, value, folds_share_units, units.fewest, level, extra)
    else:
        cuts = 1 if folds_share_units else len(folds[0])
        interval = jackknife(value, without, scale=LOGIT, units=units, cuts=cuts, level=level, extra=extra)
    lacking = f"{parts[0].lacking} folds without every class left out" if parts[0].lacking else ""
    return value, dataclasses.replace(interval, note=join_notes(interval.note, lacking))


def _pick(values: FloatArray, auc: int | None) -> FloatArray:
    return np.asarray(values.mean(axis=-1) if auc is None else values[..., auc])


def _over_folds(
    folds: list[Any], value: float, folds_share_units: bool, groups: float, level: float, extra: tuple[float, float]
) -> Interval:
    """Return the t interval over folds that share no unit, each an independent draw of patients."""
    means = np.mean(folds, axis=0) if len({len(f) for f in folds}) == 1 else folds[0]
    if folds_share_units or len(means) < 2:
        return no_interval(
            "one side of a fold has one group: nothing says how much groups differ", effective_groups=groups
        )
    if not 0 < value < 1:
        return flat_interval(value, len(means), level=level)
    own = (float(np.var(means, ddof=1)) / len(means), len(means) - 1.0)
    variance, df = with_seeds(own, extra)
    made = t_interval(value, variance, df=df, scale=LOGIT, level=level, method="t over folds, on logit", groups=groups)
    note = join_notes(made.note, "a fold has one group on a side: folds are the units")
    return dataclasses.replace(made, df_groups=own[1], note=note)
