"""What is estimated of a user's predictions: of their images, and of their patients called by the mean score."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from leukbench.evaluation.estimates import auc_estimates, estimate_predictions
from leukbench.evaluation.intervals import join_notes, t_quantile
from leukbench.evaluation.patients import average_copies
from leukbench.records import Estimate, FloatArray, IntArray, Predictions, StringArray


def estimates_of(predictions: Predictions) -> tuple[Estimate, ...]:
    """Return the estimates of predictions, the AUC over those classes that are there.

    Where every group is one image, both intervals are the same one: by image there is nothing else to count.

    Parameters
    ----------
    predictions
        As they were loaded.

    Returns
    -------
    Estimates as :func:`leukbench.evaluation.estimates.estimate_predictions` makes them.
    """
    p = average_copies(predictions)
    found = list(estimate_predictions(predictions))
    if not np.isnan(p.scores).any():
        found = _with_auc(found, p)
    if len(np.unique(p.group)) == len(p.images[0]):
        found = [
            dataclasses.replace(e, low_images=e.low, high_images=e.high, method_images=e.method)
            if e.metric != "patient_accuracy"
            else e
            for e in found
        ]
    return tuple(found)


def _with_auc(found: list[Estimate], p: Predictions) -> list[Estimate]:
    """Return the estimates with the AUC of the classes that some image has, where others have none."""
    there = np.unique(p.label)
    if len(there) == len(p.classes) or len(there) < 2:
        return found
    place = np.zeros(len(p.classes), dtype=np.int64)
    place[there] = np.arange(len(there))
    kept = dataclasses.replace(
        p,
        classes=tuple(p.classes[c] for c in there),
        label=place[p.label],
        predicted=place[p.predicted],
        scores=p.scores[:, there],
    )
    absent = ", ".join(name for c, name in enumerate(p.classes) if c not in there)
    partial = [
        dataclasses.replace(e, note=join_notes(e.note, f"without {absent}, of which there is no image"))
        for e in auc_estimates(kept)
    ]
    return [*(e for e in found if e.metric != "auc"), *partial]


def share_of_trainings(e: Estimate) -> float:
    """Return which share of an interval's width is there for the trainings: the width without s²/S is the rest.

    Parameters
    ----------
    e
        An estimate over several seeds.

    Returns
    -------
    A fraction; 0 where seeds or their error are not there.

    Examples
    --------
    >>> e = Estimate(metric="accuracy", value=0.9, n_seeds=2, seed_variance=0.0128, standard_error=0.1, df=1e9,
    ...              df_groups=1e9)  # s²/S = 0.0064 of 0.01: the rest is 0.06 of 0.1
    >>> round(share_of_trainings(e), 6)
    0.4
    """
    if e.n_seeds < 2 or not (e.standard_error > 0 and e.df > 0 and e.df_groups > 0):
        return 0.0
    groups = max(1 - e.seed_variance / e.n_seeds / e.standard_error**2, 0.0)
    return max(1 - t_quantile(e.df_groups) / t_quantile(e.df) * math.sqrt(groups), 0.0)


def remark_on_trainings(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    """Return a sentence where most of an interval is there for how trainings differ, and few were seen."""
    wide = {
        e.metric.replace("_", " ") if e.metric != "mcc" else "MCC": share_of_trainings(e)
        for e in estimates
        if e.metric in {"accuracy", "balanced_accuracy", "mcc", "auc"} and not (e.class_ or e.fold)
    }
    shown = [f"{name} {100 * share:.0f} %" for name, share in wide.items() if share > 0.5]
    if not shown:
        return ()
    return (
        f"{estimates[0].n_seeds} trainings say little about how trainings differ, and that is most of the width of "
        f"these intervals: {', '.join(shown)}. More seeds make them narrower; more patients hardly do.",
    )


def by_patient(predictions: Predictions) -> Predictions | None:
    """Return one row a patient and seed, with the mean of the scores of its images (of calls, where there are no
    scores).

    The class with the highest mean is called, the first of equals. Patients whose images have several labels are left
    out; groups stand in for those without a name. None where every patient is one image, or none is left.

    Parameters
    ----------
    predictions
        As they were loaded.

    Returns
    -------
    One row a patient and seed, or None.
    """
    p = average_copies(predictions)
    found = _means_of_patients(p)
    if len(found.label) == 0 or found.n_patients == len(p.images[0]):
        return None
    who = found.patient
    return Predictions(
        classes=p.classes,
        image_id=who,
        label=found.label,
        predicted=found.means.argmax(axis=1).astype(np.int64),
        scores=np.full_like(found.means, np.nan) if found.of_calls else found.means,
        group=who,
        origin=who,
        patient=who,
        fold=np.zeros(len(who), dtype=np.int64),
        seed=found.seed,
    )


class _Means(NamedTuple):
    """Mean scores (or calls) of the images of patients with one label, one row a patient and seed."""

    patient: StringArray
    label: IntArray
    seed: IntArray
    means: FloatArray  # (n_rows, n_classes)
    of_calls: bool
    n_patients: int  # those of several labels too


def _means_of_patients(p: Predictions) -> _Means:
    names, codes = np.unique(np.where(p.patient == "", p.group, p.patient), return_inverse=True)
    labels = np.zeros((len(names), len(p.classes)), dtype=bool)
    labels[codes, p.label] = True
    of_calls = bool(np.isnan(p.scores).any())
    seeds, of_seed = np.unique(p.seed, return_inverse=True)
    keys, rows = np.unique(of_seed * len(names) + codes, return_inverse=True)
    seed, patient = seeds[keys // len(names)], keys % len(names)
    means = np.zeros((len(keys), len(p.classes)))
    np.add.at(means, rows, np.eye(len(p.classes))[p.predicted] if of_calls else p.scores)
    means /= np.bincount(rows)[:, None]
    use = labels.sum(axis=1)[patient] == 1
    label = labels.argmax(axis=1)[patient[use]].astype(np.int64)
    return _Means(names[patient[use]], label, seed[use].astype(np.int64), means[use], of_calls, len(names))


def tied_patients(predictions: Predictions) -> int:
    """Return how many patients of one label have no one class ahead of the others, in one training at least.

    Parameters
    ----------
    predictions
        As they were loaded.

    Returns
    -------
    A count. Such patients are taken as the class that is named first.
    """
    found = _means_of_patients(average_copies(predictions))
    tied = (found.means > found.means.max(axis=1, keepdims=True) - 1e-9).sum(axis=1) > 1
    return len(set(found.patient[tied].tolist()))


def confusion(p: Predictions) -> dict[str, Any]:
    """Return the confusion matrix as JSON data: ``rows`` are the actual classes, mean over seeds."""
    n = len(p.classes)
    counts = np.bincount(p.label * n + p.predicted, minlength=n * n).reshape(n, n)
    n_seeds = len(np.unique(p.seed))
    return {"classes": list(p.classes), "rows": (counts / n_seeds).tolist() if n_seeds > 1 else counts.tolist()}
