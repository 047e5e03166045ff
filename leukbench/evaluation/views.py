"""What figures show of an experiment besides its estimates: curves, matrices and shares, computed from predictions.

Pure: no disk, no clock. The intervals of single figures stay with :mod:`leukbench.evaluation.estimates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leukbench.evaluation.metrics import confusion_matrix
from leukbench.evaluation.operating import Calibration
from leukbench.evaluation.patients import PatientResult, average_copies, patient_results
from leukbench.evaluation.resampling import auc_classes, draw_weights, fold_seed_codes, group_codes, group_strata
from leukbench.evaluation.resampling import group_run as grouped
from leukbench.records import Estimate, FloatArray, IntArray, Predictions, Role
from leukbench.seeds import generator_for

ROC_STEPS = 51
"""Points of the false positive rate from 0 to 1 at which a curve is stated."""
RESAMPLES = 500
FEWEST_GROUPS = 5
"""Groups on each side of a class below which no curve is stated."""


@dataclass(frozen=True, kw_only=True)
class Roc:
    """Sensitivity at each false positive rate i / (``ROC_STEPS`` - 1), with a pointwise 95 % band over groups.

    Empty, with the reason in ``note``, where too few groups hold a class.
    """

    sensitivity: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    n_images: int = 0
    n_groups: int = 0
    n_curves: int = 0  # folds × seeds × classes that the curve is the mean of
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RunCurve:
    """One run by epoch: shares right, empty for a part that is not there, and measured seconds of training."""

    key: str
    fold: int
    seed: int
    seconds: tuple[float, ...]
    train: tuple[float, ...]
    validation: tuple[float, ...]
    test: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class SplitShare:
    """Images of one patient (or group, where no ids are published) of one class in one part of one fold."""

    fold: int
    role: Role
    unit: str
    label: str
    n_images: int


@dataclass(frozen=True, kw_only=True)
class NetworkView:
    """What only networks have: ``confusion[i][j]`` counts originals of class i called j, the mean over seeds.

    No figure asks for the epochs and deviations any more; they stay for the records of reports that hold them.
    """

    confusion: tuple[tuple[float, ...], ...]
    patients: tuple[PatientResult, ...]
    patients_note: str
    roc: Roc
    auc: Estimate | None
    calibration: Calibration | None
    runs: tuple[RunCurve, ...]
    n_parameters: int
    epochs: int
    epochs_published: int
    deviations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelView:
    """One model, at the epoch that its recipe chooses. ``majority``: the share of the most frequent class tested."""

    accuracy: Estimate
    majority: float
    network: NetworkView | None = None


@dataclass(frozen=True, kw_only=True)
class ExperimentView:
    """One experiment; ``n_patients`` of the tested images, ``unit`` what stands for a patient.

    The numbers of images and folds stay for the records of reports that hold them.
    """

    classes: tuple[str, ...]
    unit: str  # patient or group
    n_patients: int
    reading: str
    n_images: int
    n_images_published: int
    models: dict[str, ModelView]
    split: tuple[SplitShare, ...]
    folds: tuple[int, int] = (1, 1)  # run, of so many that the split has


def confusion(predictions: Predictions) -> tuple[tuple[float, ...], ...]:
    """Return counts of originals ``(n_classes, n_classes)``, rows true, copies averaged, the mean over seeds."""
    p = average_copies(predictions)
    seeds = max(1, len(np.unique(p.seed)))
    counts = confusion_matrix(p.label, p.predicted, len(p.classes)) / seeds
    return tuple(tuple(float(x) for x in row) for row in counts)


def mean_roc(predictions: Predictions, *, positive: int | None = None) -> Roc:
    """Return the mean curve over folds and seeds (Fawcett 2006, vertical averaging), over all classes where there
    are more than two, with a percentile band from a bootstrap of whole groups.

    Parameters
    ----------
    positive
        Index of the positive class of a study of two; without one the second. All classes count where there are more.
    """
    p = average_copies(predictions)
    if np.isnan(p.scores).any():
        return Roc(note="no scores")
    names, codes = group_codes(p.group)
    classes = auc_classes(p.scores)
    if len(p.classes) == 2:
        classes = [1 if positive is None else positive]
    few = min((_fewest(p, codes, c) for c in classes), default=0)
    if few < FEWEST_GROUPS:
        return Roc(note=f"too few: {few} groups hold one of the sides", n_groups=len(names), n_images=_images(p))
    generator = generator_for(0, "roc")
    draws = draw_weights(len(names), RESAMPLES, generator=generator, strata=group_strata(grouped(p)))
    weights = np.vstack([np.ones(len(names), dtype=np.int64), draws]).astype(np.float64)
    curves = list(_curves(p, codes, classes, weights))
    with np.errstate(invalid="ignore"):
        mean = np.nanmean(np.stack(curves), axis=0)
    low, high = np.nanpercentile(mean[1:], [2.5, 97.5], axis=0)
    return Roc(
        sensitivity=_floats(mean[0]),
        low=_floats(np.minimum(low, mean[0])),
        high=_floats(np.maximum(high, mean[0])),
        n_images=_images(p),
        n_groups=len(names),
        n_curves=len(curves),
    )


def _images(p: Predictions) -> int:
    return len(np.unique(p.image_id))


def _fewest(p: Predictions, codes: IntArray, c: int) -> int:
    return min(len(np.unique(codes[p.label == c])), len(np.unique(codes[p.label != c])))


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in values)


def _curves(p: Predictions, codes: IntArray, classes: list[int], weights: FloatArray) -> Iterator[FloatArray]:
    """Yield ``(n_weights, ROC_STEPS)`` sensitivities of each run and class that holds both sides."""
    cells = fold_seed_codes(p)
    for cell in np.unique(cells):
        rows = np.flatnonzero(cells == cell)
        for c in classes:
            positive = p.label[rows] == c
            if positive.any() and not positive.all():
                yield _curve(positive, p.scores[rows, c], weights[:, codes[rows]])


def _curve(positive: npt.NDArray[np.bool_], score: FloatArray, weights: FloatArray) -> FloatArray:
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    w = weights[:, order]
    sums = [np.cumsum(w * side, axis=1)[:, ends] for side in (positive[order], ~positive[order])]
    grid = np.linspace(0, 1, ROC_STEPS) + 1e-9  # a hair beyond, so that a vertical step counts in full
    out = np.full((len(weights), ROC_STEPS), np.nan)
    for i, (hits, false) in enumerate(zip(*sums, strict=True)):
        if hits[-1] and false[-1]:
            out[i] = np.interp(grid, np.r_[0, false / false[-1]], np.r_[0, hits / hits[-1]])
    return out


def patients_of(predictions: Predictions) -> tuple[tuple[PatientResult, ...], str]:
    """Return every patient's result, and what stands for a patient."""
    found = patient_results(predictions)
    return found.patients, found.note
