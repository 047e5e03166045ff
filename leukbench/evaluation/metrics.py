"""Metrics of confusion matrices; those of scores come from :mod:`leukbench.evaluation.scoring` and are named here too.

Every function of a matrix takes one ``(n_classes, n_classes)`` matrix (rows true, columns predicted) or a stack ``(...,
n_classes, n_classes)`` and returns one value (or one per class, last axis) for each. All of them are functions of the
diagonal and the two margins alone, which :class:`Margins` holds with the class axis first, so that a bootstrap of
10,000 resamples runs over contiguous memory. Undefined is NaN: 0/0 is never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from leukbench.errors import InputError
from leukbench.evaluation.scoring import (
    OperatingPoint,
    Reliability,
    apply_temperature,
    brier,
    ece,
    fit_temperature,
    log_loss,
    npv,
    operating_point,
    ppv,
    reliability,
    roc_auc,
    roc_auc_macro,
    roc_auc_within,
    sensitivity_at_specificity,
)
from leukbench.records import FloatArray, IntArray

Average = Literal["none", "macro", "weighted", "micro", "positive"]


@dataclass(frozen=True)
class Margins:
    """What the metrics need of confusion matrices, each ``(n_classes, ...)``: diagonal, row sums, column sums."""

    diagonal: FloatArray
    actual: FloatArray
    predicted: FloatArray

    @property
    def total(self) -> FloatArray:
        """Number of images of each matrix, shape ``(...)``."""
        return np.asarray(self.actual.sum(axis=0), dtype=np.float64)

    def __add__(self, other: Margins) -> Margins:
        return Margins(self.diagonal + other.diagonal, self.actual + other.actual, self.predicted + other.predicted)

    def __sub__(self, other: Margins) -> Margins:
        return Margins(self.diagonal - other.diagonal, self.actual - other.actual, self.predicted - other.predicted)

    def sum(self, axis: int) -> Margins:
        """Return the margins of matrices added up over one of the axes after the class axis (0 is the first of them).

        A negative axis counts from the end.
        """
        at = axis + 1 if axis >= 0 else axis
        return Margins(self.diagonal.sum(axis=at), self.actual.sum(axis=at), self.predicted.sum(axis=at))


Matrices: TypeAlias = npt.NDArray[Any] | Margins


def confusion_matrix(label: npt.NDArray[Any], predicted: npt.NDArray[Any], n_classes: int) -> IntArray:
    """Return the ``(n_classes, n_classes)`` counts of images, rows true, columns predicted.

    Parameters
    ----------
    label, predicted
        ``(n_images,)``: class indices.
    n_classes
        How many there are.

    Returns
    -------
    ``(n_classes, n_classes)`` counts.

    Raises
    ------
    InputError
        Where an index lies outside ``0 … n_classes - 1`` or the lengths differ.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    label, predicted = np.asarray(label, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if label.shape != predicted.shape:
        raise InputError(
            "labels and predictions differ in length", expected=str(label.shape), found=str(predicted.shape)
        )
    for name, values in (("label", label), ("predicted", predicted)):
        if values.size and (values.min() < 0 or values.max() >= n_classes):
            raise InputError(
                "a class index is out of range", where=name, expected=f"0 to {n_classes - 1}",
                found=f"{values.min()} to {values.max()}", do="give indices into classes",
            )  # fmt: skip
    counts = np.bincount(label * n_classes + predicted, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


def margins(matrix: Matrices) -> Margins:
    """Return the margins of one matrix or a stack ``(..., n_classes, n_classes)``; margins pass through.

    >>> margins(np.array([[3, 1], [2, 4]])).predicted.tolist()
    [5.0, 5.0]
    """
    if isinstance(matrix, Margins):
        return matrix
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim < 2 or values.shape[-1] != values.shape[-2]:
        raise InputError(
            "not a confusion matrix", expected="shape (..., n_classes, n_classes)", found=str(values.shape)
        )
    diagonal = np.diagonal(values, axis1=-2, axis2=-1)
    first = [np.moveaxis(part, -1, 0) for part in (diagonal, values.sum(axis=-1), values.sum(axis=-2))]
    return Margins(*(np.ascontiguousarray(part) for part in first))


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = numerator / denominator
    return np.asarray(np.where(denominator == 0, np.nan, quotient), dtype=np.float64)


def _out(values: FloatArray) -> Any:
    """Return a float for one matrix, an array for a stack."""
    return float(values) if np.ndim(values) == 0 else values


def accuracy(matrix: Matrices) -> Any:
    """Return the share of images on the diagonal, in [0, 1]; NaN for an empty matrix.

    >>> accuracy(np.array([[3, 1], [2, 4]]))
    0.7
    """
    m = margins(matrix)
    return _out(_ratio(m.diagonal.sum(axis=0), m.total))


def balanced_accuracy(matrix: Matrices) -> Any:
    """Return the mean of the per-class recalls, in [0, 1]; NaN where a class has no image.

    >>> balanced_accuracy(np.array([[3, 1], [3, 3]]))  # (3/4 + 3/6) / 2
    0.625
    """
    m = margins(matrix)
    return _out(_ratio(m.diagonal, m.actual).mean(axis=0))


def mcc(matrix: Matrices) -> Any:
    """Return the Matthews correlation coefficient in [-1, 1] (Gorodkin 2004 for more than two classes).

    With n images, c right ones, t_k true and p_k predicted of class k: ``(c n - Σ t_k p_k) / sqrt((n² - Σ p_k²)(n² - Σ
    t_k²))``. NaN where all images are of one class or are given one class (scikit-learn returns 0 there).

    Parameters
    ----------
    matrix
        ``(..., n_classes, n_classes)`` counts, rows true, or their margins.

    Returns
    -------
    One value a matrix, in [-1, 1]; NaN where all images are of one class or are given one class.

    References
    ----------
    Matthews 1975, Biochim. Biophys. Acta 405:442; Gorodkin 2004, Comput. Biol. Chem. 28:367.

    Examples
    --------
    >>> round(mcc(np.array([[3, 1], [2, 4]])), 6)  # (3·4 - 1·2) / sqrt(4·6·5·5)
    0.408248
    """
    m = margins(matrix)
    n = m.total
    # sums of squares of single axes instead of einsum: the class axis is short, the others are long
    covariance = m.diagonal.sum(axis=0) * n - (m.actual * m.predicted).sum(axis=0)
    spread = (n * n - (m.predicted * m.predicted).sum(axis=0)) * (n * n - (m.actual * m.actual).sum(axis=0))
    return _out(_ratio(covariance, np.sqrt(np.maximum(spread, 0.0))))  # below 0 by rounding where all are of one class


def kappa(matrix: Matrices) -> Any:
    """Return Cohen's kappa, ``(p_o - p_e) / (1 - p_e)``, in [-1, 1]; NaN where chance agreement p_e is 1.

    >>> round(kappa(np.array([[3, 1], [2, 4]])), 6)  # p_o = 0.7, p_e = (4·5 + 6·5) / 100 = 0.5
    0.4
    """
    m = margins(matrix)
    n = m.total
    chance = (m.actual * m.predicted).sum(axis=0)
    return _out(_ratio(m.diagonal.sum(axis=0) * n - chance, n * n - chance))


def precision(matrix: Matrices, average: Average = "none", *, positive: int | None = None) -> Any:
    """Return TP / (TP + FP); NaN for a class that is never predicted, and so for the macro average.

    Parameters
    ----------
    matrix
        ``(..., n_classes, n_classes)`` counts, rows true, or their margins.
    average
        none (one value a class, last axis), macro (their mean), weighted (by true images; classes without any are
        left out), micro (counts of all classes added first), positive (the class with index ``positive``).

    Returns
    -------
    Fractions; NaN for a class that is never predicted, and so for the macro average.

    Examples
    --------
    >>> precision(np.array([[3, 1], [2, 4]])).tolist()
    [0.6, 0.8]
    """
    m = margins(matrix)
    return _averaged(m.diagonal, m.predicted, m, average, positive)


def recall(matrix: Matrices, average: Average = "none", *, positive: int | None = None) -> Any:
    """Return TP / (TP + FN), the sensitivity; NaN for a class without images. Averages as in :func:`precision`.

    >>> recall(np.array([[3, 1], [3, 3]])).tolist()
    [0.75, 0.5]
    """
    m = margins(matrix)
    return _averaged(m.diagonal, m.actual, m, average, positive)


def specificity(matrix: Matrices, average: Average = "none", *, positive: int | None = None) -> Any:
    """Return TN / (TN + FP), one class against the rest; NaN where every image is of the class.

    >>> specificity(np.array([[3, 1], [3, 3]])).tolist()  # of class 0 the recall of class 1, and the reverse
    [0.5, 0.75]
    """
    m = margins(matrix)
    others = m.total - m.actual
    return _averaged(others - m.predicted + m.diagonal, others, m, average, positive)


def f1(matrix: Matrices, average: Average = "none", *, positive: int | None = None) -> Any:
    """Return 2 TP / (2 TP + FP + FN); NaN for a class that is neither there nor predicted.

    >>> f1(np.array([[3, 1], [1, 5]])).round(6).tolist()  # 6/8 and 10/12
    [0.75, 0.833333]
    """
    m = margins(matrix)
    return _averaged(2 * m.diagonal, m.actual + m.predicted, m, average, positive)


def _averaged(
    numerator: FloatArray, denominator: FloatArray, m: Margins, average: Average, positive: int | None
) -> Any:
    """Average one-against-rest ratios, given with the class axis first."""
    if average == "micro":
        return _out(_ratio(numerator.sum(axis=0), denominator.sum(axis=0)))
    values = _ratio(numerator, denominator)
    if average == "none":
        return np.moveaxis(values, 0, -1)
    if average == "macro":
        return _out(values.mean(axis=0))
    if average == "weighted":
        weights = _ratio(m.actual, m.total)
        return _out(np.where(m.actual == 0, 0.0, values * weights).sum(axis=0) + 0.0 * _ratio(m.total, m.total))
    if average == "positive" and positive is not None:
        return _out(values[positive])
    raise InputError(
        "an average cannot be made", expected=f"one of {get_args(Average)}; 'positive' with positive=<class index>",
        found=f"average={average!r}, positive={positive!r}",
    )  # fmt: skip


__all__ = [
    "Average",
    "Margins",
    "Matrices",
    "OperatingPoint",
    "Reliability",
    "accuracy",
    "apply_temperature",
    "balanced_accuracy",
    "brier",
    "confusion_matrix",
    "ece",
    "f1",
    "fit_temperature",
    "kappa",
    "log_loss",
    "margins",
    "mcc",
    "npv",
    "operating_point",
    "ppv",
    "precision",
    "recall",
    "reliability",
    "roc_auc",
    "roc_auc_macro",
    "roc_auc_within",
    "sensitivity_at_specificity",
    "specificity",
]
