"""Metrics of scores: ranking, calibration, operating points. ``leukbench.evaluation.metrics`` names them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from leukbench.errors import InputError
from leukbench.records import FloatArray, IntArray

# ------------------------------------------------------------------------------------------------------------ ranking


def placements(positive: FloatArray, negative: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return for each positive score the share of negatives below it, for each negative the share of positives above.

    Ties count one half. Both means are the area under the ROC curve (DeLong et al. 1988).

    Parameters
    ----------
    positive, negative
        ``(n_positive,)`` and ``(n_negative,)`` scores.

    Returns
    -------
    Arrays of the same lengths, in [0, 1].

    References
    ----------
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837.

    Examples
    --------
    >>> [part.tolist() for part in placements(np.array([0.9, 0.4]), np.array([0.4, 0.1]))]
    [[1.0, 0.75], [0.75, 1.0]]
    """
    sorted_negative, sorted_positive = np.sort(negative), np.sort(positive)
    below = np.searchsorted(sorted_negative, positive, "left") + np.searchsorted(sorted_negative, positive, "right")
    under = np.searchsorted(sorted_positive, negative, "left") + np.searchsorted(sorted_positive, negative, "right")
    return below / (2.0 * len(negative)), 1.0 - under / (2.0 * len(positive))


def roc_auc(is_positive: npt.NDArray[Any], score: FloatArray) -> float:
    """Return the probability that a positive image scores above a negative one, ties one half; in [0, 1].

    NaN where one of the two is missing or a score is NaN.

    Parameters
    ----------
    is_positive, score
        ``(n_images,)``.

    Returns
    -------
    The AUC in [0, 1]; NaN where a side is missing or a score is NaN.

    Examples
    --------
    >>> roc_auc(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.4, 0.1]))  # 3.5 of 4 pairs
    0.875
    """
    is_positive = np.asarray(is_positive, dtype=bool)
    positive, negative = score[is_positive], score[~is_positive]
    if not len(positive) or not len(negative) or np.isnan(score).any():
        return float("nan")
    return float(placements(positive, negative)[0].mean())


def roc_auc_macro(label: IntArray, scores: FloatArray) -> float:
    """Return the mean over classes of the one-against-rest AUC of ``scores`` ``(n_images, n_classes)``.

    For two classes whose scores sum to 1 it is the binary AUC. NaN where a class has no image.

    Parameters
    ----------
    label
        ``(n_images,)`` class indices.
    scores
        ``(n_images, n_classes)``.

    Returns
    -------
    The AUC in [0, 1]; NaN where a class has no image.

    Examples
    --------
    >>> roc_auc_macro(np.array([0, 1, 1]), np.array([[0.8, 0.2], [0.9, 0.1], [0.3, 0.7]]))
    0.5
    """
    return float(np.mean([roc_auc(label == c, scores[:, c]) for c in range(scores.shape[1])]))


def roc_auc_within(label: IntArray, scores: FloatArray, fold: IntArray) -> float:
    """Return the mean over folds of the macro AUC within the fold (Forman & Scholz 2010; Airola et al. 2011).

    Scores of different folds come from different models and are never ranked against each other. Folds where a class is
    missing are left out; NaN if none is left.

    Parameters
    ----------
    label, fold
        ``(n_images,)``: class indices, and the fold that tests the image.
    scores
        ``(n_images, n_classes)``.

    Returns
    -------
    The AUC in [0, 1]; NaN where no fold has all classes.

    References
    ----------
    Forman & Scholz 2010, SIGKDD Explor. 12:49; Airola et al. 2011, Comput. Stat. Data Anal. 55:1828.

    Examples
    --------
    >>> roc_auc_within(np.array([0, 1, 0, 1]), np.array([[0.8, 0.2], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9]]),
    ...                np.array([0, 0, 1, 1]))  # each fold ranks perfectly, though pooled they do not
    1.0
    """
    values = [roc_auc_macro(label[fold == k], scores[fold == k]) for k in np.unique(fold)]
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


# -------------------------------------------------------------------------------------------------------- calibration


def brier(label: IntArray, scores: FloatArray) -> float:
    """Return Brier's (1950) score: the mean over images of Σ over classes (score - truth)², in [0, 2].

    For two classes it is twice the binary score that some software prints. NaN for no images.

    Parameters
    ----------
    label
        ``(n_images,)`` class indices.
    scores
        ``(n_images, n_classes)`` probabilities.

    Returns
    -------
    The score in [0, 2]; NaN for no images.

    References
    ----------
    Brier 1950, Mon. Weather Rev. 78:1.

    Examples
    --------
    >>> round(brier(np.array([0, 1]), np.array([[0.8, 0.2], [0.6, 0.4]])), 6)  # (0.08 + 0.72) / 2
    0.4
    """
    return _mean(brier_terms(label, scores))


def brier_terms(label: IntArray, scores: FloatArray) -> FloatArray:
    """Return each image's part of :func:`brier`, ``(n_images,)``."""
    truth = np.eye(scores.shape[1])[label]
    return np.asarray(((scores - truth) ** 2).sum(axis=1), dtype=np.float64)


def log_loss(label: IntArray, scores: FloatArray) -> float:
    """Return the mean of -log(score of the true class), in nats; a score is clipped to [2.2e-16, 1].

    The clip (float64's epsilon, as in scikit-learn) makes one certain mistake cost 36 nats instead of infinity.

    Parameters
    ----------
    label
        ``(n_images,)`` class indices.
    scores
        ``(n_images, n_classes)`` probabilities.

    Returns
    -------
    The loss in nats.

    Examples
    --------
    >>> round(log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.75, 0.25]])), 6)  # (log 2 + log 4) / 2
    1.039721
    """
    return _mean(log_loss_terms(label, scores))


def log_loss_terms(label: IntArray, scores: FloatArray) -> FloatArray:
    """Return each image's part of :func:`log_loss`, ``(n_images,)``."""
    of_truth = scores[np.arange(len(label)), label]
    return np.asarray(-np.log(np.clip(of_truth, np.finfo(np.float64).eps, 1.0)), dtype=np.float64)


def _mean(terms: FloatArray) -> float:
    return float(terms.mean()) if len(terms) else float("nan")


@dataclass(frozen=True)
class Reliability:
    """Equal-width bins of the top score: edges ``(n_bins + 1,)``, images, their mean score and accuracy ``(n_bins,)``.

    Score and accuracy are NaN in an empty bin.
    """

    edges: FloatArray
    n_images: IntArray
    confidence: FloatArray
    accuracy: FloatArray


def reliability_bin(scores: FloatArray, *, bins: int = 15) -> IntArray:
    """Return the bin of each image's top score; bin b holds (b / bins, (b + 1) / bins]."""
    top = scores.max(axis=1)
    return np.asarray(np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1), dtype=np.int64)


def reliability(label: IntArray, scores: FloatArray, *, bins: int = 15) -> Reliability:
    """Return how often the top class is right in each bin of its score.

    >>> table = reliability(np.array([0, 1]), np.array([[0.8, 0.2], [0.7, 0.3]]), bins=2)
    >>> table.n_images.tolist(), table.confidence[1].item(), table.accuracy[1].item()
    ([0, 2], 0.75, 0.5)
    """
    where = reliability_bin(scores, bins=bins)
    right = scores.argmax(axis=1) == label
    n = np.bincount(where, minlength=bins)
    empty = np.where(n == 0, np.nan, 1.0)
    per_bin = [np.bincount(where, weights=w, minlength=bins) / np.maximum(n, 1) * empty for w in (scores.max(1), right)]
    return Reliability(np.linspace(0.0, 1.0, bins + 1), n.astype(np.int64), *per_bin)


def ece(label: IntArray, scores: FloatArray, *, bins: int = 15) -> float:
    """Return the expected calibration error: Σ over bins (n_b / n) |accuracy_b - confidence_b|, in [0, 1].

    Top-label, equal-width bins (Guo et al. 2017). Biased upwards for few images. NaN for no images.

    Parameters
    ----------
    label
        ``(n_images,)`` class indices.
    scores
        ``(n_images, n_classes)`` probabilities.
    bins
        Of equal width.

    Returns
    -------
    The error in [0, 1]; NaN for no images.

    References
    ----------
    Guo et al. 2017, ICML.

    Examples
    --------
    >>> round(ece(np.array([0, 1]), np.array([[0.8, 0.2], [0.7, 0.3]]), bins=2), 6)
    0.25
    """
    if not len(label) or np.isnan(scores).any():
        return float("nan")
    table = reliability(label, scores, bins=bins)
    gaps = np.abs(np.nan_to_num(table.accuracy - table.confidence))
    return float((gaps * table.n_images).sum() / len(label))


def fit_temperature(label: IntArray, scores: FloatArray) -> float:
    """Return the temperature T > 0 that minimises the log-loss of softmax(log(scores) / T) (Guo et al. 2017).

    Fit it on validation images, apply it to test images. T > 1 means that the scores were too sure. Searched in [0.02,
    50].

    Parameters
    ----------
    label
        ``(n_images,)`` class indices of validation images.
    scores
        ``(n_images, n_classes)`` probabilities.

    Returns
    -------
    The temperature; above 1 where scores are too sure.

    Raises
    ------
    InputError
        Where there is nothing to fit on.

    References
    ----------
    Guo et al. 2017, ICML.

    Examples
    --------
    >>> sure = np.array([[0.99, 0.01]] * 4)
    >>> round(fit_temperature(np.array([0, 0, 0, 1]), sure), 3)  # log 99 / log 3: three of four are right
    4.183
    """
    if not len(label) or np.isnan(scores).any():
        raise InputError(
            "a temperature cannot be fitted", expected="at least one image with scores", found=f"{len(label)}"
        )
    found = minimize_scalar(
        lambda log_t: log_loss(label, apply_temperature(scores, float(np.exp(log_t)))),
        bounds=(np.log(0.02), np.log(50.0)), method="bounded", options={"xatol": 1e-7},
    )  # fmt: skip
    return float(np.exp(found.x))


def apply_temperature(scores: FloatArray, temperature: float) -> FloatArray:
    """Return softmax(log(scores) / temperature), ``(n_images, n_classes)``; the order of classes never changes.

    >>> apply_temperature(np.array([[0.9, 0.1]]), 2.0).round(4).tolist()  # 3 : 1
    [[0.75, 0.25]]
    """
    if not temperature > 0:
        raise InputError("a temperature must be positive", expected="> 0", found=str(temperature))
    logits = np.log(np.clip(scores, np.finfo(np.float64).tiny, None)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


# --------------------------------------------------------------------------------------------------- operating points


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold (an image is called positive at or above it) and what it gives; NaN where undefined."""

    threshold: float
    sensitivity: float
    specificity: float


def operating_point(is_positive: npt.NDArray[Any], score: FloatArray, *, threshold: float) -> OperatingPoint:
    """Return sensitivity and specificity of calling images positive whose score is at least ``threshold``.

    >>> operating_point(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1]), threshold=0.5)
    OperatingPoint(threshold=0.5, sensitivity=0.5, specificity=0.5)
    """
    is_positive, called = np.asarray(is_positive, dtype=bool), score >= threshold
    return OperatingPoint(float(threshold), _share(called[is_positive]), _share(~called[~is_positive]))


def sensitivity_at_specificity(
    is_positive: npt.NDArray[Any], score: FloatArray, *, specificity: float = 0.95
) -> OperatingPoint:
    """Return the operating point with the highest sensitivity whose specificity is at least the one demanded.

    The threshold is the lowest score that qualifies. Choose it on validation images and read its effect on test images
    with :func:`operating_point`; chosen and read on the same images it is optimistic. NaN where a class is missing.

    Parameters
    ----------
    is_positive, score
        ``(n_images,)``.
    specificity
        The least share of negatives to be called negative.

    Returns
    -------
    The threshold, and what it gives on these images; NaN where a class is missing.

    Examples
    --------
    >>> sensitivity_at_specificity(np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.6, 0.1]), specificity=1.0)
    OperatingPoint(threshold=0.9, sensitivity=0.5, specificity=1.0)
    """
    is_positive = np.asarray(is_positive, dtype=bool)
    if not is_positive.any() or is_positive.all() or np.isnan(score).any():
        return OperatingPoint(float("nan"), float("nan"), float("nan"))
    negative = np.sort(score[~is_positive])
    candidates = np.unique(score)
    reached = np.searchsorted(negative, candidates, "left") / len(negative)
    good = candidates[reached >= specificity - 1e-12]
    threshold = float(good[0]) if len(good) else float(np.nextafter(candidates[-1], np.inf))
    return operating_point(is_positive, score, threshold=threshold)


def _share(values: npt.NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def ppv(sensitivity: float, specificity: float, *, prevalence: float) -> float:
    """Return the positive predictive value at a prevalence (Bayes); NaN where nothing would be called positive.

    >>> round(ppv(0.9, 0.9, prevalence=0.1), 6)  # 0.09 / (0.09 + 0.09)
    0.5
    """
    called = sensitivity * prevalence + (1 - specificity) * (1 - prevalence)
    return sensitivity * prevalence / called if called else float("nan")


def npv(sensitivity: float, specificity: float, *, prevalence: float) -> float:
    """Return the negative predictive value at a prevalence (Bayes); NaN where nothing would be called negative.

    >>> round(npv(0.9, 0.9, prevalence=0.1), 6)  # 0.81 / (0.81 + 0.01)
    0.987805
    """
    called = specificity * (1 - prevalence) + (1 - sensitivity) * prevalence
    return specificity * (1 - prevalence) / called if called else float("nan")
