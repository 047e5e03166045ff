"""Clustered AUC: how much each group moves the area under the ROC curve (Obuchowski 1997), over classes and folds."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.evaluation.intervals import (
    Interval,
    Scale,
    add_strata,
    effective_groups,
    fewest_effective_groups,
    flat_interval,
    join_notes,
    no_interval,
    satterthwaite,
    t_interval,
)
from leukbench.evaluation.scoring import placements
from leukbench.records import FloatArray, IntArray

NAN = float("nan")
LOGIT: Scale = "logit"


@dataclass(frozen=True)
class AucParts:
    """AUCs of one seed: ``values`` ``(n_folds, n_aucs)`` and the groups' contributions to their fold mean.

    ``influence`` is ``(n_aucs, n_groups)``; the variance of AUC a is Σ influence[a]². It is NaN where a fold has fewer
    than two groups on one side, because nothing then says how much groups differ. ``left_out`` folds lack a class.
    """

    values: FloatArray
    influence: FloatArray
    left_out: int


def obuchowski(is_positive: npt.NDArray[Any], score: FloatArray, codes: IntArray) -> tuple[float, float]:
    """Return the AUC and its variance where images come in groups (Obuchowski 1997, Biometrics 53:567).

    With placements V of positives and negatives summed by group, m positives in I₁₀ groups, n negatives in I₀₁:
    S₁₀ = I₁₀/((I₁₀-1) m) Σ(V_g - m_g A)², S₀₁ alike, S₁₁ = I/(I-1) Σ(V_g - m_g A)(U_g - n_g A), and
    Var = S₁₀/m + S₀₁/n + 2 S₁₁/(m n). ``codes`` number the groups from 0. NaN where one side is missing; the variance
    also where it lies in one group only. Groups of one image give DeLong's (1988) variance.
    """
    value, positive, negative = _by_group(np.asarray(is_positive, dtype=bool), score, codes, int(codes.max()) + 1)
    groups = [len(np.unique(codes[np.asarray(is_positive, dtype=bool) == side])) for side in (True, False)]
    everything = len(np.unique(codes))
    if math.isnan(value) or min(groups) < 2:
        return value, NAN
    squares = [
        _correction(count) * float((part**2).sum()) for count, part in zip(groups, (positive, negative), strict=True)
    ]
    return value, sum(squares) + 2 * _correction(everything) * float((positive * negative).sum())


def _correction(count: int) -> float:
    return count / (count - 1) if count > 1 else NAN


def _by_group(
    is_positive: npt.NDArray[np.bool_], score: FloatArray, codes: IntArray, n_groups: int
) -> tuple[float, FloatArray, FloatArray]:
    """Return the AUC and each group's (V_g - m_g A)/m from positives, (U_g - n_g A)/n from negatives."""
    if not is_positive.any() or is_positive.all() or np.isnan(score).any():
        return NAN, np.full(n_groups, NAN), np.full(n_groups, NAN)
    of_positive, of_negative = placements(score[is_positive], score[~is_positive])
    value = float(of_positive.mean())
    sides = ((codes[is_positive], of_positive), (codes[~is_positive], of_negative))
    positive, negative = (np.bincount(c, weights=v - value, minlength=n_groups) / len(v) for c, v in sides)
    return value, positive, negative


def auc_parts(
    label: IntArray, scores: FloatArray, fold: IntArray, codes: IntArray, *, n_groups: int, classes: list[int]
) -> AucParts:
    """Return the one-against-rest AUCs of ``classes`` within each fold and the groups' contributions to their fold mean.

    Contributions of both sides are scaled by √(I/(I-1)) of the groups on that side in that fold, so that for one fold
    and groups of one label Σ influence² is :func:`obuchowski`'s variance exactly. A fold that lacks a class is left out.
    """
    folds = np.unique(fold)
    values, influences, left_out = [], [], 0
    for k in folds:
        rows = fold == k
        parts = [_scaled(label[rows] == c, scores[rows, c], codes[rows], n_groups) for c in classes]
        if any(math.isnan(value) for value, _ in parts):
            left_out += 1
            continue
        values.append([value for value, _ in parts])
        influences.append(np.stack([influence for _, influence in parts]))
    if not values:
        return AucParts(np.full((0, len(classes)), NAN), np.full((len(classes), n_groups), NAN), left_out)
    return AucParts(np.array(values), np.mean(influences, axis=0), left_out)


def _scaled(
    is_positive: npt.NDArray[np.bool_], score: FloatArray, codes: IntArray, n_groups: int
) -> tuple[float, FloatArray]:
    value, positive, negative = _by_group(is_positive, score, codes, n_groups)
    up, down = (math.sqrt(_correction(len(np.unique(codes[is_positive == side])))) for side in (True, False))
    return value, up * positive + down * negative


def auc_interval(
    parts: list[AucParts],
    auc: int | None,
    *,
    label_of_group: IntArray,
    sizes: FloatArray,
    folds_share_groups: bool,
    level: float = 0.95,
    extra: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, Interval]:
    """Return the AUC (mean over seeds, folds and, with ``auc=None``, classes) and its group-level interval.

    t on the logit; V = Σ over groups of the squared mean influence over seeds, plus ``extra`` (variance, df) for seeds;
    Satterthwaite over the labels where every group has one (``label_of_group`` -1 where it has several), df of a label =
    its effective groups minus the number of folds that cut it. Where a fold has one group on a side, the folds' AUCs
    are t-averaged if no group is in two folds; otherwise there is no interval. ``sizes`` are images per group.
    """
    folds = [_pick(part.values, auc) for part in parts]
    if not all(len(f) for f in folds):
        return NAN, no_interval("undefined: no fold holds images of every class")
    value = float(np.mean([f.mean() for f in folds]))
    notes = f"{parts[0].left_out} folds without every class left out" if parts[0].left_out else ""
    groups = fewest_effective_groups(sizes, None if (label_of_group < 0).any() else label_of_group)
    influence = np.mean([_pick(part.influence.T, auc) for part in parts], axis=0)
    if np.isnan(influence).any():
        interval = _over_folds(folds, value, folds_share_groups, groups, level, extra)
    else:
        cuts = 1 if folds_share_groups else len(folds[0])
        shares = _shares(influence, label_of_group, sizes, cuts)
        variance, df = satterthwaite(add_strata(shares), extra)
        interval = t_interval(
            value, variance, df=df, scale=LOGIT, level=level, method="Obuchowski, t on logit", groups=groups
        )
    return value, dataclasses.replace(interval, note=join_notes(interval.note, notes))


def _pick(values: FloatArray, auc: int | None) -> FloatArray:
    return np.asarray(values.mean(axis=-1) if auc is None else values[..., auc])


def _shares(influence: FloatArray, label_of_group: IntArray, sizes: FloatArray, cuts: int) -> list[tuple[float, float]]:
    """Return (variance, df) of each label's groups, or of all groups together where some have several labels."""
    labels = np.zeros_like(label_of_group) if (label_of_group < 0).any() else label_of_group
    parts = []
    for c in np.unique(labels):
        member = labels == c
        parts.append((float((influence[member] ** 2).sum()), max(effective_groups(sizes[member]) - cuts, 0.5)))
    return parts


def _over_folds(
    folds: list[Any], value: float, folds_share_groups: bool, groups: float, level: float, extra: tuple[float, float]
) -> Interval:
    """Return the t interval over folds that share no group, each an independent draw of patients."""
    means = np.mean(folds, axis=0) if len({len(f) for f in folds}) == 1 else folds[0]
    if folds_share_groups or len(means) < 2:
        return no_interval(
            "one side of a fold has one group: nothing says how much groups differ", effective_groups=groups
        )
    if not 0 < value < 1:
        return flat_interval(value, len(means), level=level)
    variance, df = satterthwaite((float(np.var(means, ddof=1)) / len(means), len(means) - 1.0), extra)
    made = t_interval(value, variance, df=df, scale=LOGIT, level=level, method="t over folds, on logit", groups=groups)
    return dataclasses.replace(made, note=join_notes(made.note, "a fold has one group on a side: folds are the units"))
