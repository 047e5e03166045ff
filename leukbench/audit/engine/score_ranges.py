"""What a score of several classes can be over a box of right answers and calls a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


Bounds = tuple[Array, Array]


SLACK = 1e-9


HARMONIC = ", harmonic F1"


@dataclass(frozen=True)
class Boxes:
    """Boxes of whole numbers, each array ``(n_boxes, n_classes)``: least and most h and c."""

    h_low: Array
    h_high: Array
    c_low: Array
    c_high: Array

    def take(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Boxes:
        return Boxes(self.h_low[which], self.h_high[which], self.c_low[which], self.c_high[which])

    def __len__(self) -> int:
        return len(self.h_low)


def joined_boxes(parts: Sequence[Boxes]) -> Boxes:
    fields = ("h_low", "h_high", "c_low", "c_high")
    return Boxes(*(np.concatenate([getattr(p, f) for p in parts]) for f in fields))


def class_ranges(boxes: Boxes, sizes: Array, metric: str) -> Bounds:
    """Return the least and most value of a per-class score in each box, ``(n_boxes, n_classes)``.

    A class that is never called has no precision: 0, 1 or left out of the mean are all allowed there, which [0, 1]
    covers.

    Parameters
    ----------
    boxes
        Ranges of right answers and of calls, ``(n_boxes, n_classes)`` each.
    sizes
        ``(n_classes,)`` images.
    metric
        precision, recall, specificity or f1.

    Returns
    -------
    The least and the most value, ``(n_boxes, n_classes)`` each.
    """
    h_low, h_high, c_low, c_high = boxes.h_low, boxes.h_high, boxes.c_low, boxes.c_high
    if metric == "recall":
        return h_low / sizes, h_high / sizes
    if metric == "specificity":
        others = sizes.sum() - sizes
        return 1 - (c_high - h_low) / others, 1 - np.maximum(c_low - h_high, 0) / others
    top = np.maximum(c_low, h_high)
    if metric == "precision":
        low, high = h_low / np.maximum(c_high, 1), h_high / np.maximum(top, 1)
    else:
        low, high = 2 * h_low / np.maximum(sizes + c_high, 1), 2 * h_high / np.maximum(sizes + top, 1)
    # an F1 without a right answer is left out of the mean by some, with the precision that is 0/0 or the recall
    return low, np.where((c_low == 0) | ((h_low == 0) & (metric == "f1")), 1.0, high)


def range_of(boxes: Boxes, sizes: Array, metric: str, reading: str) -> Bounds:
    """Return the least and most value of a score under a reading in each box.

    Parameters
    ----------
    boxes
        Least and most right and called images of each class, ``(n_boxes, n_classes)``.
    sizes
        Images of each class, ``(n_classes,)``.
    metric, reading
        Of the score.

    Returns
    -------
    Two arrays ``(n_boxes,)``, fractions.
    """
    n, k = sizes.sum(), len(sizes)
    right_low, right_high = boxes.h_low.sum(1), boxes.h_high.sum(1)
    if metric in {"mcc", "kappa"}:
        return _agreement_range(boxes, sizes, metric)
    if metric == "balanced_accuracy":
        metric, reading = "recall", "macro"
    if metric == "specificity" and reading == "micro":
        return 1 - (n - right_low) / ((k - 1) * n), 1 - (n - right_high) / ((k - 1) * n)
    if metric == "accuracy" or reading == "micro":
        return right_low / n, right_high / n
    if metric == "f1" and reading.endswith(HARMONIC):
        plain = reading.removesuffix(HARMONIC)
        p, r = range_of(boxes, sizes, "precision", plain), range_of(boxes, sizes, "recall", plain)
        return _harmonic(p[0], r[0]), _harmonic(p[1], r[1])
    if reading.startswith("rest:"):
        return _rest_range(boxes, sizes, metric, int(reading.removeprefix("rest:")))
    low, high = class_ranges(boxes, sizes, metric)
    if reading.startswith("class:"):
        i = int(reading.removeprefix("class:"))
        return low[:, i], high[:, i]
    weight = sizes / n if reading.startswith("weighted") else np.full(k, 1 / k)
    return low @ weight, high @ weight


def _rest_range(boxes: Boxes, sizes: Array, metric: str, i: int) -> Bounds:
    """Range of a score of all classes but one, taken together: with t = n − n_i − (c_i − h_i) of them called so,
    recall t/(n − n_i), precision t/(n − c_i), F1 2t/(2n − n_i − c_i), specificity h_i/n_i; all grow with h, and but
    for the last they fall with c."""
    n, size = sizes.sum(), sizes[i]

    def value(h: Array, c: Array) -> Array:
        t = n - size - (c - h)
        bottom = {"recall": n - size + 0 * c, "precision": n - c, "f1": (2 * n - size - c) / 2}
        found: Array = h / size if metric == "specificity" else t / np.maximum(bottom[metric], 1e-300)
        return found

    h_low, h_high, c_low, c_high = (a[:, i] for a in (boxes.h_low, boxes.h_high, boxes.c_low, boxes.c_high))
    low, high = value(h_low, np.maximum(c_high, h_low)), value(h_high, np.maximum(c_low, h_high))
    unsure = (c_high >= n) & (metric in {"precision", "f1"})  # then 0/0
    return np.where(unsure, 0.0, np.clip(low, 0, 1)), np.where(unsure, 1.0, np.clip(high, 0, 1))


def _harmonic(p: Array, r: Array) -> Array:
    return 2 * p * r / np.maximum(p + r, 1e-300)


def _agreement_range(boxes: Boxes, sizes: Array, metric: str) -> Bounds:
    """Range of MCC and kappa: both are (n·Σh − E)/D with E = Σ n_i c_i, D² = (n² − Σ n_i²)(n² − Σ c_i²) or D = n² −
    E."""
    n = sizes.sum()
    chance_low, chance_high = boxes.c_low @ sizes, boxes.c_high @ sizes
    top_low, top_high = n * boxes.h_low.sum(1) - chance_high, n * boxes.h_high.sum(1) - chance_low
    if metric == "kappa":
        least, most = n * n - chance_high, n * n - chance_low
    else:
        fixed = n * n - (sizes**2).sum()
        least = np.sqrt(np.maximum(fixed * (n * n - (boxes.c_high**2).sum(1)), 0))
        most = np.sqrt(np.maximum(fixed * (n * n - (boxes.c_low**2).sum(1)), 0))
    least, most = np.maximum(least, 1e-9), np.maximum(most, 1e-9)
    low = np.where(top_low >= 0, top_low / most, top_low / least)
    high = np.where(top_high >= 0, top_high / least, top_high / most)
    one_called = (boxes.c_high >= n).any(axis=1) & (metric == "mcc")  # then 0/0, printed as 0, 1, -1 or a limit
    return np.where(one_called, -1.0, np.clip(low, -1, 1)), np.where(one_called, 1.0, np.clip(high, -1, 1))


def inverted_boxes(boxes: Boxes, sizes: Array, metric: str, least: Array, most: Array) -> Boxes:
    """Return the boxes cut to where each class score can lie between ``least`` and ``most``, ``(n_boxes,
    n_classes)`` each.

    Parameters
    ----------
    boxes
        Ranges of right answers and of calls, ``(n_boxes, n_classes)`` each.
    sizes
        ``(n_classes,)`` images.
    metric
        precision, recall, specificity or f1.
    least, most
        ``(n_boxes, n_classes)``: bounds of each class score.

    Returns
    -------
    The boxes cut, those that become empty included.
    """
    h_low, h_high, c_low, c_high = boxes.h_low, boxes.h_high, boxes.c_low, boxes.c_high
    if metric == "recall":
        return _whole(h_low, h_high, c_low, c_high, least * sizes, most * sizes)
    if metric == "specificity":  # c − h lies between two bounds
        others = sizes.sum() - sizes
        fewest, largest = (1 - most) * others, (1 - least) * others
        return _whole(h_low, h_high, c_low, c_high, c_low - largest, c_high - fewest, h_low + fewest, h_high + largest)
    shift, factor = (0.0, 1.0) if metric == "precision" else (sizes, 2.0)
    floor, ceiling = np.maximum(least, 0), np.clip(most, 0, 2)  # no such score is above 1
    with np.errstate(divide="ignore"):
        c_most = np.where(floor > 0, factor * h_high / np.maximum(floor, 1e-300) - shift, np.inf)
        c_least = factor * h_low / np.maximum(ceiling, 1e-12) - shift
    at_least = floor * (shift + c_low) / factor
    at_most = np.where(most < 0, -1.0, ceiling * (shift + c_high) / factor)
    return _whole(h_low, h_high, c_low, c_high, at_least, at_most, c_least, c_most)


def not_empty(boxes: Boxes) -> Boxes:
    kept = np.logical_and(boxes.h_low <= boxes.h_high, boxes.c_low <= boxes.c_high).all(axis=1)
    return boxes.take(np.flatnonzero(kept))


def _whole(
    h_low: Array,
    h_high: Array,
    c_low: Array,
    c_high: Array,
    h_least: Array,
    h_most: Array,
    c_least: Array | None = None,
    c_most: Array | None = None,
) -> Boxes:
    """Return the boxes cut by real bounds, rounded inwards to whole numbers with a slack."""
    h_low, h_high = np.maximum(h_low, np.ceil(h_least - 1e-6)), np.minimum(h_high, np.floor(h_most + 1e-6))
    if c_least is not None and c_most is not None:
        c_low, c_high = np.maximum(c_low, np.ceil(c_least - 1e-6)), np.minimum(c_high, np.floor(c_most + 1e-6))
    return Boxes(h_low, h_high, c_low, c_high)
