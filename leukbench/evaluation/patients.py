"""One prediction an origin, and results a patient."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from leukbench.errors import InputError
from leukbench.evaluation.intervals import NAN, Interval, korn_graubard
from leukbench.records import FloatArray, IntArray, Predictions, StringArray


def average_copies(predictions: Predictions) -> Predictions:
    """Return one prediction per origin and seed: scores averaged over its copies, image_id set to the origin.

    The predicted class is the highest mean score (the most frequent class, lowest index first, where scores are
    missing); fold, group and patient are those of the first copy in order of (fold, image_id). Rows without an origin
    stand for themselves. Predictions without copies come back as they are.

    Parameters
    ----------
    predictions
        Of one arm, any folds and seeds.

    Returns
    -------
    One row an origin and seed; predictions without copies as they are.

    Raises
    ------
    InputError
        Where copies differ in label.
    """
    if not predictions.has_copies:
        return predictions
    origin = np.where(predictions.origin == "", predictions.image_id, predictions.origin)
    order = np.lexsort((predictions.image_id, predictions.fold, origin, predictions.seed))
    keys = np.stack([predictions.seed[order].astype(np.str_), origin[order]])
    starts = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)]) if len(order) else order
    sizes = np.diff(np.r_[starts, len(order)])
    ordered = predictions.take(order)
    if (np.repeat(ordered.label[starts], sizes) != ordered.label).any():
        at = int(np.flatnonzero(np.repeat(ordered.label[starts], sizes) != ordered.label)[0])
        raise InputError(
            "copies of one origin have different labels", where=f"origin {keys[1, at]}", expected="one label",
            found=", ".join(predictions.classes[i] for i in np.unique(ordered.label[keys[1] == keys[1, at]])),
            do="mend origin or label in the predictions",
        )  # fmt: skip
    scores = np.add.reduceat(ordered.scores, starts, axis=0) / sizes[:, None]
    votes = np.add.reduceat(np.eye(len(predictions.classes))[ordered.predicted], starts, axis=0)
    several = sizes > 1
    best = np.where(np.isnan(scores).any(axis=1), votes.argmax(axis=1), np.nan_to_num(scores).argmax(axis=1))
    first = ordered.take(starts)
    return Predictions(
        classes=predictions.classes, image_id=keys[1, starts], label=first.label,
        predicted=np.where(several, best, first.predicted).astype(np.int64), scores=scores, group=first.group,
        origin=keys[1, starts], patient=first.patient, fold=first.fold, seed=first.seed,
    )  # fmt: skip


@dataclass(frozen=True)
class PatientResult:
    """One patient: images tested, share of them right, mean score of the true class, share of seeds that
    call it right.
    """

    patient: str
    label: str
    n_images: int
    images_right: float
    mean_score: float
    right: float


@dataclass(frozen=True)
class PatientResults:
    """Results a patient; ``accuracy`` is ``n_right`` of ``n_patients``, both means over seeds.

    ``worst`` holds up to five, lowest share of right images first. ``note`` says what stands for a patient.
    """

    n_patients: int
    n_right: float
    accuracy: float
    interval: Interval
    worst: tuple[PatientResult, ...]
    patients: tuple[PatientResult, ...]
    note: str
    seed_variance: float = 0.0
    seed_df: float = 0.0


def patient_results(predictions: Predictions, *, level: float = 0.95) -> PatientResults:
    """Return how many patients are called right by the mean score over their images, and the worst five.

    Copies are averaged first. Where scores are missing, predicted classes vote. Patients whose images have several
    labels are left out and counted in the note. Where no row names a patient, groups stand in and the note says so.

    Parameters
    ----------
    predictions
        Of one arm.
    level
        Of the interval, as a fraction.

    Returns
    -------
    The share of patients called right with its interval, and the worst five.
    """
    p = average_copies(predictions)
    named = bool((p.patient != "").any())
    ids = np.where(p.patient == "", p.group, p.patient) if named else p.group
    notes = [] if named else ["by group, no patient ids published"]
    if named and (p.patient == "").any():
        notes.append("images without a patient id stand by group")
    names, codes = np.unique(ids, return_inverse=True)
    codes = codes.astype(np.int64)
    labels = np.zeros((len(names), len(p.classes)), dtype=bool)
    labels[codes, p.label] = True
    kept = labels.sum(axis=1) == 1
    if not kept.all():
        notes.append(f"{int((~kept).sum())} with images of several classes left out")
    right = _right_by_seed(p, codes, labels.argmax(axis=1))
    rows = _rows(p, names, codes, right, kept)
    per_patient = np.nanmean(right, axis=0)[kept]
    tested = ~np.isnan(right[:, kept])
    spread = np.array([np.nanmean(s) for s, t in zip(right[:, kept], tested, strict=True) if t.any()])
    seeds = (float(np.var(spread, ddof=1)), len(spread) - 1.0) if len(spread) > 1 else (0.0, 0.0)
    extra = (seeds[0] / max(len(spread), 1), seeds[1])
    interval = korn_graubard(per_patient, np.ones(len(per_patient)), level=level, extra=extra)
    if not math.isnan(
        interval.low
    ):  # patients are independent and count once each: the reservations for groups do not apply
        interval = dataclasses.replace(interval, note="")
    worst = tuple(sorted(rows, key=lambda row: (row.images_right, row.mean_score, row.patient))[:5])
    return PatientResults(
        len(rows), float(per_patient.sum()), float(per_patient.mean()) if len(rows) else NAN, interval, worst, rows,
        "; ".join(notes), *seeds,
    )  # fmt: skip


def _right_by_seed(p: Predictions, codes: IntArray, label: IntArray) -> FloatArray:
    """Return 1 where a seed's mean score over a patient's images is highest for the label, ``(n_seeds,
    n_patients)``; NaN where a seed tested no image of the patient.
    """
    seeds = np.unique(p.seed)
    use = np.eye(len(p.classes))[p.predicted] if np.isnan(p.scores).any() else p.scores
    right = np.full((len(seeds), len(label)), np.nan)
    for s, seed in enumerate(seeds):
        rows = p.seed == seed
        sums = np.zeros((len(label), len(p.classes)))
        np.add.at(sums, codes[rows], use[rows])
        tested = np.bincount(codes[rows], minlength=len(label)) > 0
        right[s, tested] = (sums.argmax(axis=1) == label)[tested]
    return right


def _rows(
    p: Predictions,
    names: StringArray,
    codes: IntArray,
    right: FloatArray,
    kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> tuple[PatientResult, ...]:
    n = np.bincount(codes)
    hits = np.bincount(codes, weights=p.label == p.predicted) / n
    score = np.bincount(codes, weights=p.scores[np.arange(len(p)), p.label]) / n
    label = np.zeros(len(names), dtype=np.int64)
    label[codes] = p.label
    n_images = len(p.images[0])
    images = np.bincount(np.unique(codes * n_images + p.images[1]) // n_images)
    return tuple(
        PatientResult(
            str(names[i]),
            p.classes[label[i]],
            int(images[i]),
            float(hits[i]),
            float(score[i]),
            float(np.nanmean(right[:, i])),
        )
        for i in np.flatnonzero(kept)
    )
