"""The fast group bootstrap: counts per group times how often each group was drawn.

One resample of whole groups is a vector of draws ``(n_groups,)``. Confusion counts add up, so all resamples are one
matrix product of draws with counts per group; the AUC needs the wins between each pair of groups, and a resample is
then a quadratic form. The tests hold both against really repeating the rows of each drawn group.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leukbench.errors import InputError
from leukbench.evaluation import metrics
from leukbench.evaluation.design import strata_of
from leukbench.evaluation.metrics import Margins
from leukbench.records import FloatArray, IntArray, Predictions

OF_MATRIX: Mapping[str, Callable[[Margins], FloatArray]] = {
    "accuracy": metrics.accuracy,
    "balanced_accuracy": metrics.balanced_accuracy,
    "mcc": metrics.mcc,
    "macro_f1": lambda m: metrics.f1(m, "macro"),
    "kappa": metrics.kappa,
}
"""Metrics that can be resampled, besides ``auc``."""
METRICS = ("accuracy", "mcc", "macro_f1", "balanced_accuracy", "auc")
_CHUNK = 4  # runs at a time: keeps the arrays of 10,000 resamples in cache
_BLOCK = 500  # resamples at a time where an array holds something per pair of groups or per image
_PAIRS_UP_TO = 100  # groups; above, ranks are cheaper than pairs unless the images are very many
_HELD = 2_500_000  # numbers of one array at a time


@dataclass(frozen=True)
class RankedCell:
    """The images of one fold and seed, one class against the rest, in rising order of score: what an AUC needs.

    ``owner`` is the group's index, ``lower`` and ``upper`` bound the places that share the image's score; all ``(n,)``.
    """

    owner: IntArray
    is_positive: npt.NDArray[np.bool_]
    lower: IntArray
    upper: IntArray


@dataclass(frozen=True)
class GroupedRun:
    """One run's predictions by group, made by :func:`group_run`; ``counts`` is ``(n_groups, n_classes, n_classes)``.

    ``cells`` is empty where scores are missing or no cell has both a positive and a negative.
    """

    groups: npt.NDArray[np.str_]
    counts: IntArray
    cells: tuple[RankedCell, ...]


def group_codes(group: npt.NDArray[np.str_]) -> tuple[npt.NDArray[np.str_], IntArray]:
    """Return the sorted group names and each row's index into them."""
    names, codes = np.unique(group, return_inverse=True)
    return names, codes.astype(np.int64)


def group_counts(label: IntArray, predicted: IntArray, codes: IntArray, *, n_groups: int, n_classes: int) -> IntArray:
    """Return each group's confusion counts, ``(n_groups, n_classes, n_classes)``, rows true.

    >>> group_counts(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0, 0, 1]), n_groups=2, n_classes=2).tolist()
    [[[1, 0], [0, 1]], [[0, 0], [1, 0]]]
    """
    flat = (codes * n_classes + label) * n_classes + predicted
    counts = np.bincount(flat, minlength=n_groups * n_classes * n_classes)
    return counts.reshape(n_groups, n_classes, n_classes).astype(np.int64)


def rank_cell(is_positive: npt.NDArray[np.bool_], score: FloatArray, codes: IntArray) -> RankedCell:
    """Return images in rising order of score, with the extent of each tie."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    return RankedCell(
        codes[order], is_positive[order], np.searchsorted(ordered, ordered, "left").astype(np.int64),
        np.searchsorted(ordered, ordered, "right").astype(np.int64),
    )  # fmt: skip


def pair_wins(cell: RankedCell, *, n_groups: int) -> FloatArray:
    """Return how often a positive of group g (row) scores above a negative of group h (column), ties one half.

    >>> cell = rank_cell(np.array([True, False, False]), np.array([0.5, 0.5, 0.2]), np.array([0, 0, 1]))
    >>> pair_wins(cell, n_groups=2).tolist()
    [[0.5, 1.0], [0.0, 0.0]]
    """
    rows = np.flatnonzero(cell.is_positive)
    rows = rows[np.argsort(cell.owner[rows], kind="stable")]  # by group
    winners, starts = np.unique(cell.owner[rows], return_index=True)
    losers, loser = np.unique(cell.owner[~cell.is_positive], return_inverse=True)
    below = np.zeros((len(loser) + 1, len(losers)))
    below[np.arange(1, len(loser) + 1), loser] = 1.0
    np.cumsum(below, axis=0, out=below)
    negatives = np.concatenate([[0], np.cumsum(~cell.is_positive)])  # among the images before each place
    won = below[negatives[cell.lower[rows]]] + below[negatives[cell.upper[rows]]]
    wins = np.zeros((n_groups, n_groups))
    if len(rows):
        wins[np.ix_(winners, losers)] = np.add.reduceat(won, starts, axis=0) / 2.0
    return wins


def group_run(predictions: Predictions, *, groups: npt.NDArray[np.str_] | None = None) -> GroupedRun:
    """Return predictions counted by group, over the groups named (all of them, sorted, unless given).

    The AUC's cells are (fold, seed) × class; two classes whose scores sum to 1 need only the second one's.

    Parameters
    ----------
    predictions
        Of one arm.
    groups
        The groups to count, in their order; all of them, sorted, where None.

    Returns
    -------
    Counts by group and the cells of the AUC.

    Raises
    ------
    InputError
        Where a row's group is not among those named.
    """
    own, codes = group_codes(predictions.group)
    names = own if groups is None else groups
    at = {name: i for i, name in enumerate(names.tolist())}
    missing = [name for name in own.tolist() if name not in at]
    if missing:
        raise InputError("a group is not among those resampled", found=", ".join(missing[:5]), do="name every group")
    codes = np.array([at[name] for name in own.tolist()], dtype=np.int64)[codes] if len(own) else codes
    n_groups, n_classes = len(names), len(predictions.classes)
    counts = group_counts(predictions.label, predictions.predicted, codes, n_groups=n_groups, n_classes=n_classes)
    cells = () if np.isnan(predictions.scores).any() else tuple(_cells(predictions, codes))
    return GroupedRun(names, counts, cells)


def auc_classes(scores: FloatArray) -> list[int]:
    """Return the classes whose one-against-rest AUCs make the macro AUC: of two that sum to 1 the second suffices."""
    n_classes = scores.shape[1]
    return [1] if n_classes == 2 and np.allclose(scores.sum(axis=1), 1.0, atol=1e-6) else list(range(n_classes))


def fold_seed_codes(predictions: Predictions) -> IntArray:
    """Return a number from 0 for each row's (fold, seed): scores are ranked only within one."""
    both = np.stack([predictions.fold, predictions.seed], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _cells(predictions: Predictions, codes: IntArray) -> list[RankedCell]:
    """Return what is ranked, by fold, seed and class; folds that lack a class are left out, as in estimates."""
    cells = []
    cell_of = fold_seed_codes(predictions)
    classes = auc_classes(predictions.scores)
    for k in range(int(cell_of.max()) + 1 if len(cell_of) else 0):
        rows = cell_of == k
        label, scores, owner = predictions.label[rows], predictions.scores[rows], codes[rows]
        if all(0 < int((label == c).sum()) < len(label) for c in classes):
            cells += [rank_cell(label == c, scores[:, c], owner) for c in classes]
    return cells


def sole_groups(run: GroupedRun) -> IntArray:
    """Return the groups that are alone on a side of one of the run's cells: without them its AUC would be of others."""
    sides = [np.unique(c.owner[c.is_positive == side]) for c in run.cells for side in (True, False)]
    return np.unique([groups[0] for groups in sides if len(groups) == 1]).astype(np.int64)


def group_strata(run: GroupedRun) -> IntArray | None:
    """Return the strata of the bootstrap: the groups' classes where (nearly) every group has one label, else None.

    None too where a class has fewer than two groups, as a stratum of one would never vary.

    Parameters
    ----------
    run
        Predictions counted by group.

    Returns
    -------
    ``(n_groups,)``, or None.
    """
    strata = strata_of(run.counts.sum(axis=2) > 0)
    return strata if strata is not None and (np.bincount(strata)[np.unique(strata)] >= 2).all() else None


def draw_weights(
    n_groups: int, n_resamples: int, *, generator: np.random.Generator, strata: npt.NDArray[np.int64] | None = None
) -> IntArray:
    """Return how often each group is drawn, ``(n_resamples, n_groups)``, each row summing to n_groups.

    With ``strata`` ``(n_groups,)`` groups are drawn within each stratum, as many as it has.

    Parameters
    ----------
    n_groups, n_resamples
        Of the result's shape.
    generator
        Where chance comes from.
    strata
        ``(n_groups,)``: groups are drawn within each stratum, as many as it has.

    Returns
    -------
    ``(n_resamples, n_groups)``: how often each is drawn.

    References
    ----------
    Efron & Tibshirani 1993, An Introduction to the Bootstrap.
    """
    weights = np.zeros((n_resamples, n_groups), dtype=np.int64)
    parts = [np.arange(n_groups)] if strata is None else [np.flatnonzero(strata == s) for s in np.unique(strata)]
    for members in parts:
        size = len(members)
        drawn = generator.integers(0, size, size=(n_resamples, size)) + np.arange(n_resamples)[:, None] * size
        weights[:, members] = np.bincount(drawn.ravel(), minlength=n_resamples * size).reshape(n_resamples, size)
    return weights


def bootstrap_runs(
    runs: Sequence[GroupedRun], weights: IntArray | FloatArray, *, names: Sequence[str] = METRICS
) -> dict[str, FloatArray]:
    """Return each metric of each run in each resample, ``(n_runs, n_resamples)``; the runs share the resamples.

    Weights need not be whole numbers: the jackknife leaves out a group and lets others count a little more.

    All runs must have the same groups and classes. AUC is averaged over the cells (folds, classes) in which a resample
    holds both sides; NaN where it holds none.

    Parameters
    ----------
    runs
        With the same groups and classes.
    weights
        ``(n_resamples, n_groups)``, as :func:`draw_weights` makes them.
    names
        Of the metrics.

    Returns
    -------
    Metric -> ``(n_runs, n_resamples)``.

    Raises
    ------
    InputError
        For an unknown metric or unequal groups.
    """
    unknown = [name for name in names if name not in OF_MATRIX and name != "auc"]
    if unknown or any(len(run.groups) != weights.shape[1] for run in runs):
        raise InputError(
            "these runs cannot be resampled together", expected=f"metrics of {[*OF_MATRIX, 'auc']}, one set of groups",
            found=f"{unknown or [len(run.groups) for run in runs]}",
        )  # fmt: skip
    draws = np.ascontiguousarray(weights.T, dtype=np.float64)
    out = {name: np.empty((len(runs), weights.shape[0])) for name in names}
    for start in range(0, len(runs), _CHUNK):
        chunk = slice(start, min(start + _CHUNK, len(runs)))
        resampled = resampled_margins(np.stack([run.counts for run in runs[chunk]]), draws)
        for name in names:
            if name != "auc":
                out[name][chunk] = OF_MATRIX[name](resampled)
    if "auc" in out:
        out["auc"] = (_auc_by_pairs if _pairs_are_few(runs, weights.shape[1]) else _auc_by_ranks)(runs, draws)
    return out


def resampled_margins(counts: npt.NDArray[np.int64], draws: FloatArray) -> Margins:
    """Return margins ``(n_classes, n_runs, n_resamples)`` from counts ``(n_runs, n_groups, C, C)`` and draws ``(G,
    R)``.
    """
    parts = (np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2))
    return Margins(*(_times(np.moveaxis(part, -1, 0), draws) for part in parts))


def _times(part: npt.NDArray[np.int64], draws: FloatArray) -> FloatArray:
    flat = np.ascontiguousarray(part, dtype=np.float64).reshape(-1, draws.shape[0])
    return np.asarray(flat @ draws).reshape(*part.shape[:-1], draws.shape[1])


def _pairs_are_few(runs: Sequence[GroupedRun], n_groups: int) -> bool:
    """Return whether pairs of groups cost less than ranks of images."""
    return n_groups <= _PAIRS_UP_TO or n_groups**2 <= 2 * sum(len(cell.owner) for run in runs for cell in run.cells)


def _auc_by_pairs(runs: Sequence[GroupedRun], draws: FloatArray) -> FloatArray:
    """Mean over cells of wᵀ W w / (w·m)(w·n) as one matrix product over the pairs of groups; NaN without cells."""
    n_groups, n_resamples = draws.shape
    cells = [cell for run in runs for cell in run.cells]
    per_group = (
        [
            np.stack([np.bincount(c.owner[c.is_positive == side], minlength=n_groups) for c in cells]).astype(
                np.float64
            )
            for side in (True, False)
        ]
        if cells
        else []
    )
    wins = np.stack([pair_wins(c, n_groups=n_groups) for c in cells]) if cells else np.zeros((0, n_groups, n_groups))
    first, second = np.triu_indices(n_groups)
    both = wins[:, first, second] + np.where(first == second, 0.0, wins[:, second, first])
    met = both.any(axis=0)  # groups of one class have no pairs with each other
    both, first, second = both[:, met], first[met], second[met]
    ends = np.cumsum([0] + [len(run.cells) for run in runs])
    out = np.full((len(runs), n_resamples), np.nan)
    block = max(1, min(_BLOCK, _HELD // max(1, len(first))))
    for start in range(0, n_resamples, block):
        w = draws[:, start : start + block]
        if cells:
            won, pairs = both @ (w[first] * w[second]), (per_group[0] @ w) * (per_group[1] @ w)
            ratios = _ratio(won, pairs)
            for r, (low, high) in enumerate(itertools.pairwise(ends)):
                if high > low:
                    out[r, start : start + block] = _mean_defined(ratios[low:high])
    return out


def _auc_by_ranks(runs: Sequence[GroupedRun], draws: FloatArray) -> FloatArray:
    """The same by running sums of the negatives' weights in order of score: for many groups, where pairs
    are too many.
    """
    out = np.full((len(runs), draws.shape[1]), np.nan)
    for r, run in enumerate(runs):
        for start in range(0, draws.shape[1] if run.cells else 0, _BLOCK):
            w = draws[:, start : start + _BLOCK]
            out[r, start : start + _BLOCK] = _mean_defined(np.stack([_ranked_auc(cell, w) for cell in run.cells]))
    return out


def _mean_defined(cells: FloatArray) -> FloatArray:
    """Return the mean over the cells that a resample leaves defined, NaN where it leaves none."""
    if len(cells) == 1:
        return np.asarray(cells[0], dtype=np.float64)
    known = ~np.isnan(cells)
    return _ratio(np.where(known, cells, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def _ranked_auc(cell: RankedCell, w: FloatArray) -> FloatArray:
    drawn, rows = w[cell.owner], cell.is_positive
    below = np.zeros((len(cell.owner) + 1, w.shape[1]))
    np.cumsum(np.where(rows[:, None], 0.0, drawn), axis=0, out=below[1:])
    positive = drawn[rows]
    won = (positive * (below[cell.lower[rows]] + below[cell.upper[rows]])).sum(axis=0) / 2.0
    return _ratio(won, positive.sum(axis=0) * below[-1])


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    out = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out
