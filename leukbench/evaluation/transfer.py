"""In-domain and transferred results side by side: the same classes, the gap, what prevalence alone would change."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from leukbench.evaluation.intervals import NAN, mover
from leukbench.evaluation.patients import average_copies
from leukbench.records import Estimate, FloatArray, Predictions


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A metric on other patients (another source, a challenge) minus the same metric by patient, a fraction; NaN where
    undefined.
    """

    difference: float
    low: float = NAN
    high: float = NAN
    note: str = ""


def merge_predictions(predictions: Predictions, common_of: Mapping[str, str], classes: tuple[str, ...]) -> Predictions:
    """Return predictions in the classes in common: scores of classes that become one are added, the highest is
    predicted.

    Where scores are missing, the predicted class is the one in common of what was predicted.

    Parameters
    ----------
    predictions
        In the study's classes.
    common_of
        Class of the study -> class in common.
    classes
        The classes in common, in output order.

    Returns
    -------
    Predictions in these.
    """
    places = np.array([classes.index(common_of[name]) for name in predictions.classes], dtype=np.int64)
    scores = predictions.scores @ np.eye(len(classes))[places]
    known = ~np.isnan(scores).any(axis=1)
    predicted = np.where(known, np.nan_to_num(scores).argmax(axis=1), places[predictions.predicted])
    return dataclasses.replace(
        predictions,
        classes=classes,
        label=places[predictions.label],
        predicted=predicted.astype(np.int64),
        scores=scores,
    )


def transfer_gap(within: Estimate, transferred: Estimate) -> Gap:
    """Return the gap between two estimates of independent test groups, interval by MOVER (Zou & Donner 2008).

    L = d - √((t - l_t)² + (u_w - w)²), U = d + √((u_t - t)² + (w - l_w)²), with t, w the estimates and l, u their
    limits. Here √(0.04² + 0.03²) = 0.05 below and √(0.04² + 0.04²) = 0.057 above.

    Parameters
    ----------
    within, transferred
        Estimates of one metric on independent test groups, fractions.

    Returns
    -------
    transferred - within, with its interval.

    References
    ----------
    Zou & Donner 2008, Stat. Med. 27:1693.

    Examples
    --------
    >>> gap = transfer_gap(Estimate(metric="accuracy", value=0.9, low=0.86, high=0.93),
    ...                    Estimate(metric="accuracy", value=0.6, low=0.56, high=0.64))
    >>> round(gap.difference, 3), round(gap.low, 3), round(gap.high, 3)
    (-0.3, -0.35, -0.243)
    """
    t, w = transferred, within
    difference = t.value - w.value
    if any(math.isnan(v) for v in (difference, t.low, t.high, w.low, w.high)):
        return Gap(difference=difference, note="an interval of one side is undefined")
    values, lows, highs = np.array([(e.value, e.low, e.high) for e in (t, w)]).T
    low, high = mover(values, lows, highs, weights=np.array([1.0, -1.0]))
    return Gap(difference=difference, low=low, high=high)


def prevalence(predictions: Predictions) -> FloatArray:
    """Return the share of each class among the tested images ``(n_classes,)``, copies of one origin counted once."""
    p = average_copies(predictions)
    first = p.take(p.seed == p.seed.min())
    return np.bincount(first.label, minlength=len(p.classes)) / len(first)


def accuracy_at_prevalence(predictions: Predictions, shares: FloatArray) -> float:
    """Return the accuracy that the same recalls would give at another prevalence: Σ share_c × recall_c.

    It takes the shift of prevalence out of the comparison of two sources. NaN where a class with a share has no image.

    Parameters
    ----------
    predictions
        Of one arm.
    shares
        ``(n_classes,)``: the prevalence to assume.

    Returns
    -------
    The accuracy in [0, 1]; NaN where a class with a share has no image.

    Examples
    --------
    >>> p = Predictions(classes=("a", "b"), image_id=np.array(["1", "2", "3"]), label=np.array([0, 0, 1]),
    ...     predicted=np.array([0, 1, 1]), scores=np.eye(2)[[0, 1, 1]], group=np.array(["1", "2", "3"]),
    ...     origin=np.array(["1", "2", "3"]), patient=np.array(["", "", ""]), fold=np.zeros(3, int),
    ...     seed=np.zeros(3, int))
    >>> accuracy_at_prevalence(p, np.array([0.2, 0.8]))  # 0.2 × 1/2 + 0.8 × 1
    0.9
    """
    p = average_copies(predictions)
    right = np.bincount(p.label[p.label == p.predicted], minlength=len(p.classes))
    counts = np.bincount(p.label, minlength=len(p.classes))
    if ((shares > 0) & (counts == 0)).any():
        return NAN
    recall = right / np.maximum(counts, 1)
    return float((shares * recall).sum())
