"""Is there a binary confusion matrix that gives all printed scores at once? Exact enumeration and linear programs."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from leukbench.audit.engine.definitions import degenerate_mcc
from leukbench.audit.engine.rounding import Interval
from leukbench.audit.engine.score_ranges import HARMONIC
from leukbench.errors import InputError

MAX_CELLS = 1_200_000
READINGS = ("positive:first", "positive:second", "macro", "weighted", f"macro{HARMONIC}", f"weighted{HARMONIC}")
LINEAR = ("accuracy", "precision", "recall", "specificity", "f1")
ONE_WAY = ("accuracy", "balanced_accuracy", "mcc", "kappa")
SLACK = 1e-9
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """A printed score to satisfy: its metric, what it can stand for (a fraction), and its class if it has one."""

    metric: str
    interval: Interval
    class_: str = ""
    average: str = ""
    name: str = ""

    def label(self) -> str:
        """A name for sentences."""
        return self.name or " ".join(p for p in (self.metric, self.class_, self.average) if p)


def of_known_class(score: Score, names: Collection[str]) -> bool:
    """Whether a score is of all classes or of one of these: another name may be that of several of them."""
    named = score.class_ or score.average.removeprefix("positive:") * score.average.startswith("positive:")
    return not named or named in names


class BinaryGrid:
    """All confusion matrices with p images of the first and q of the second class; masks of those that give a score."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        if len(sizes) != 2:
            raise InputError("a binary grid needs two classes", expected="2", found=str(len(sizes)))
        self.classes = tuple(sizes)
        self.p, self.q = sizes.values()
        if (self.p + 1) * (self.q + 1) > MAX_CELLS or min(self.p, self.q) < 1:
            raise InputError(
                "the grid of matrices is too large or empty",
                expected=f"at most {MAX_CELLS} matrices of classes with images",
                found=f"{self.p} and {self.q} images",
                do="use the linear programs instead",
            )
        self.masks: dict[tuple[Score, str], Mask] = {}
        self.a = np.arange(self.p + 1, dtype=np.float64)[:, None]  # right in the first class
        self.b = np.arange(self.q + 1, dtype=np.float64)[None, :]  # right in the second class

    @functools.lru_cache(maxsize=64)  # noqa: B019  the grid lives for one row of a table
    def values(self, metric: str, reading: str) -> npt.NDArray[np.float64]:
        """Return the metric of every matrix, shape ``(p + 1, q + 1)``; NaN where undefined."""
        n = self.p + self.q
        if metric == "accuracy" or (reading == "micro" and metric in {"recall", "precision", "f1", "specificity"}):
            return (self.a + self.b) / n
        if metric in {"mcc", "kappa"}:
            return self._agreement(metric)
        if metric == "balanced_accuracy":
            return self.values("recall", "macro")
        if reading.startswith("positive:"):
            return self._of_class(metric, first=reading in {"positive:first", f"positive:{self.classes[0]}"})
        average = reading.removesuffix(HARMONIC)
        if average != reading and metric == "f1":
            precision, recall = self.values("precision", average), self.values("recall", average)
            with np.errstate(invalid="ignore", divide="ignore"):
                return 2 * precision * recall / (precision + recall)
        parts = [self._of_class(metric, first=f) for f in (True, False)]
        weights = (0.5, 0.5) if average == "macro" else (self.p / n, self.q / n)
        return weights[0] * parts[0] + weights[1] * parts[1]

    def _of_class(self, metric: str, *, first: bool) -> npt.NDArray[np.float64]:
        tp, tn, fn, fp = (self.a, self.b, self.p - self.a, self.q - self.b)
        if not first:
            tp, tn, fn, fp = tn, tp, fp, fn
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio: npt.NDArray[np.float64] = {
                "recall": lambda: tp / (tp + fn) + 0 * fp,
                "specificity": lambda: tn / (tn + fp) + 0 * fn,
                "precision": lambda: tp / (tp + fp),
                "f1": lambda: 2 * tp / (2 * tp + fp + fn),
            }[metric]()
        return ratio

    def _agreement(self, metric: str) -> npt.NDArray[np.float64]:
        n = self.p + self.q
        called = self.a + (self.q - self.b)
        chance = self.p * called + self.q * (n - called)
        top = n * (self.a + self.b) - chance
        with np.errstate(invalid="ignore", divide="ignore"):
            if metric == "kappa":
                kappa: npt.NDArray[np.float64] = top / (n * n - chance)
                return kappa
            spread = (n * n - self.p**2 - self.q**2) * (n * n - called**2 - (n - called) ** 2)
            mcc: npt.NDArray[np.float64] = np.where(spread > 0, top / np.sqrt(np.maximum(spread, 1)), np.nan)
            return mcc

    def reading_of(self, score: Score, reading: str) -> npt.NDArray[np.float64]:
        """Return the score of every matrix, by its own class or averaging where it states one, else read as
        ``reading``; NaN where undefined."""
        return self.values(score.metric, self._own(score, reading))

    def _own(self, score: Score, reading: str) -> str:
        if score.class_ in self.classes:
            return f"positive:{score.class_}"
        stated = score.average.startswith("positive:") or score.average in {"macro", "weighted", "micro"}
        harmonic = score.metric == "f1" and reading == score.average + HARMONIC
        return score.average if stated and not harmonic else reading

    def usual_values(self, score: Score, reading: str) -> list[npt.NDArray[np.float64]]:
        """Return the score of every matrix under each usual convention: what is 0/0 as 0, as 1, or left out of the
        mean.

        See :func:`leukbench.audit.engine.definitions.usual_values`, whose binary case with both classes present
        this is.

        Parameters
        ----------
        score
            Its metric, and class and average as far as they are printed.
        reading
            Of the averaging, for a score that does not state its own.

        Returns
        -------
        One array a convention, with an entry a matrix of the grid, as fractions.
        """
        named = score.class_ or score.average.removeprefix("positive:") * score.average.startswith("positive:")
        if named and named not in self.classes:  # the matrix does not name its classes, so it may be either
            if score.metric == "accuracy":  # of a class its recall, or that of all
                return [self.values("accuracy", "macro"), *(self.values("recall", r) for r in READINGS[:2])]
            free = replace(score, class_="", average="")
            return [v for r in READINGS[:2] for v in self.usual_values(free, r)]
        metric, reading = score.metric, self._own(score, reading)
        if metric == "accuracy":
            overall = self.values("accuracy", reading)
            if score.class_ in self.classes:
                return [overall, self.values("recall", reading)]
            mean = self.values("recall", "macro")  # torchmetrics' accuracy of two outputs is that by default
            return [mean] if score.average == "macro" else [overall] if score.average else [overall, mean]
        if metric in {"mcc", "kappa"}:
            return self._usual_agreement(metric)
        if metric not in {"precision", "f1"} or reading == "micro":
            return [self.values(metric, reading)]
        average = reading.removesuffix(HARMONIC)
        if average != reading and metric == "f1":
            recall = self.values("recall", average)
            return [_harmonic(p, recall) for p in self._averaged("precision", average)]
        if reading.startswith("positive:"):
            values = self.values(metric, reading)
            return [np.nan_to_num(values, nan=0.0), np.nan_to_num(values, nan=1.0)]
        return self._averaged(metric, average)

    def _averaged(self, metric: str, reading: str) -> list[npt.NDArray[np.float64]]:
        n = self.p + self.q
        weights = (0.5, 0.5) if reading == "macro" else (self.p / n, self.q / n)
        parts = [self._of_class(metric, first=f) for f in (True, False)]
        if metric == "f1":  # defined wherever a class has images, but left out by some where nothing of it was found
            hits = (self.a + 0 * self.b, self.b + 0 * self.a)
            return [
                _weighed(parts, weights),
                _weighed([np.where(h == 0, np.nan, v) for h, v in zip(hits, parts, strict=True)], weights),
            ]
        filled = [_weighed([np.nan_to_num(v, nan=fill) for v in parts], weights) for fill in (0.0, 1.0)]
        return [*filled, _weighed(parts, weights)]

    def _usual_agreement(self, metric: str) -> list[npt.NDArray[np.float64]]:
        values = self._agreement(metric)
        undefined = np.isnan(values)
        if not undefined.any():
            return [values]
        right = self.a + self.b
        limit = np.array([[degenerate_mcc(x, self.p + self.q - x) for x in line] for line in right[undefined][None]])
        found = [np.where(undefined, fill, values) for fill in (0.0, 1.0, -1.0)]
        if metric == "mcc":
            with_limit = values.copy()
            with_limit[undefined] = limit.ravel()
            found.append(with_limit)
        return found

    def mask(self, score: Score, reading: str) -> Mask:
        """Return which matrices print as this score when overall scores are read as ``reading``, under any usual
        convention for 0/0."""
        plain = reading if score.metric == "f1" else reading.removesuffix(HARMONIC)
        key = (score, self._own(score, "macro" if score.metric in ONE_WAY else plain))
        if key not in self.masks:
            low, high = float(score.interval.low) - SLACK, float(score.interval.high) + SLACK
            found = np.zeros((self.p + 1, self.q + 1), dtype=bool)
            for values in self.usual_values(*key):
                with np.errstate(invalid="ignore"):
                    found |= (values >= low) & (values <= high)
            self.masks[key] = found
        return self.masks[key]

    def witness(self, mask: Mask) -> list[list[int]] | None:
        """Return one matrix of the mask (rows actual), or None."""
        if not mask.any():
            return None
        a, b = (int(x) for x in np.argwhere(mask)[len(np.argwhere(mask)) // 2])
        return [[a, self.p - a], [self.q - b, b]]


def _harmonic(p: npt.NDArray[np.float64], r: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the harmonic mean, 0 where both are 0."""
    found: npt.NDArray[np.float64] = 2 * p * r / np.where(p + r == 0, 1, p + r)
    return found


def _weighed(parts: Sequence[npt.NDArray[np.float64]], weights: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the weighted mean of the parts that are numbers; NaN where none is."""
    top = sum(np.nan_to_num(v) * w for v, w in zip(parts, weights, strict=True))
    bottom = sum(~np.isnan(v) * w for v, w in zip(parts, weights, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: npt.NDArray[np.float64] = np.asarray(top / bottom)
    return found


def binary_matrix(
    sizes: Mapping[str, int], scores: Sequence[Score], *, grid: BinaryGrid | None = None
) -> tuple[str, list[list[int]]] | None:
    """Return (reading, matrix) that gives all scores for these class sizes, None where no matrix does under any
    reading.

    Readings: either class positive, macro, weighted, and these two with F1 as the harmonic mean of the averaged
    precision and recall. Exact for counts: every matrix is tried.

    Parameters
    ----------
    sizes
        Class -> images, of two classes.
    scores
        Printed scores as intervals of fractions.
    grid
        The matrices of these class sizes, where they are at hand.

    Returns
    -------
    The reading and its matrix ``(2, 2)``, rows actual; None where no matrix does under any reading.

    Examples
    --------
    >>> from leukbench.audit.engine.rounding import printed_interval
    >>> s = [Score("accuracy", printed_interval("0.90")), Score("recall", printed_interval("0.75"))]
    >>> binary_matrix({"ill": 549, "well": 96}, s)[0]
    'positive:well'
    """
    grid = grid or BinaryGrid(sizes)
    for reading in READINGS:
        mask = np.ones((grid.p + 1, grid.q + 1), dtype=bool)
        for score in scores:
            mask &= grid.mask(score, reading)
        counts = grid.witness(mask)
        if counts is not None:
            return reading.replace("first", grid.classes[0]).replace("second", grid.classes[1]), counts
    return None


def binary_shares(
    scores: Sequence[Score], *, prevalence: Interval | None = None
) -> tuple[float, float, float, float] | None:
    """Return shares (tp, fn, fp, tn) of one confusion matrix of any size that give all scores, None where there are
    none.

    Accuracy, precision, recall, specificity and F1 within intervals are linear in the four shares, e.g. F1 ≥ a means
    2 tp ≥ a (2 tp + fp + fn), so a linear program decides. A score above 0 needs right answers of its class:
    without them its inequality holds for 0/0 too, which is no witness. Averages over folds with equal class sizes
    satisfy it too for accuracy, recall and specificity. Balanced accuracy, MCC, kappa and AUC are not used.

    Parameters
    ----------
    scores
        Printed scores as intervals of fractions.
    prevalence
        Of the positive class, where it is known.

    Returns
    -------
    Shares that sum to 1, or None.
    """
    from scipy.optimize import linprog

    upper: list[list[float]] = []
    least = np.zeros(4)  # all conditions are homogeneous, so that "above 0" can be "at least 1" of any scale
    for score in scores:
        if score.metric in LINEAR:
            upper += _half_planes(score.metric, float(score.interval.low) - SLACK, float(score.interval.high) + SLACK)
            if score.interval.low > 0 and score.metric != "accuracy":
                least[3 if score.metric == "specificity" else 0] = 1
    if prevalence is not None:
        low, high = float(prevalence.low), float(prevalence.high)
        upper += [[low - 1, low - 1, low, low], [1 - high, 1 - high, -high, -high]]
    answer = linprog(
        np.ones(4),
        A_ub=np.array([*upper, [-1, -1, -1, -1]]),
        b_ub=np.array([*(0.0 for _ in upper), -1.0]),
        bounds=[(x, None) for x in least],
        method="highs",
    )
    if answer.status != 0:
        return None
    total = float(answer.x.sum())
    tp, fn, fp, tn = (max(0.0, float(x) / total) for x in answer.x)
    return tp, fn, fp, tn


def _half_planes(metric: str, low: float, high: float) -> list[list[float]]:
    """Return the coefficients over (tp, fn, fp, tn), ≤ 0, of low · denominator ≤ numerator ≤ high · denominator."""
    top, bottom = {
        "accuracy": ((1, 0, 0, 1), (1, 1, 1, 1)),
        "precision": ((1, 0, 0, 0), (1, 0, 1, 0)),
        "recall": ((1, 0, 0, 0), (1, 1, 0, 0)),
        "specificity": ((0, 0, 0, 1), (0, 0, 1, 1)),
        "f1": ((2, 0, 0, 0), (2, 1, 1, 0)),
    }[metric]
    return [
        [low * b - t for t, b in zip(top, bottom, strict=True)],
        [t - high * b for t, b in zip(top, bottom, strict=True)],
    ]


def macro_shares(scores: Sequence[Score], *, steps: int = 400) -> tuple[float, float, float] | None:
    """Return (share of the first class, its recall, the second's recall) of a binary matrix whose *macro* averages fit.

    A search over the share and both recalls for matrices of any size; finding none proves nothing.

    Parameters
    ----------
    scores
        Printed macro averages as intervals of fractions.
    steps
        Of the grid, each way.

    Returns
    -------
    Fractions, or None.
    """
    wanted = [s for s in scores if s.metric in {"accuracy", "precision", "recall", "f1", "specificity"}]
    share = np.linspace(0.02, 0.98, 97)[:, None, None]
    by_metric = {s.metric: s.interval for s in wanted}
    recall = by_metric.get("recall") or by_metric.get("specificity")
    if recall is None:
        return None
    middle = np.linspace(float(recall.low), float(recall.high), 9)[None, None, :]
    first = np.linspace(0, 1, steps)[None, :, None]
    second = 2 * middle - first
    ok = (second >= 0) & (second <= 1) & (share > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        tp, fn, tn, fp = share * first, share * (1 - first), (1 - share) * second, (1 - share) * (1 - second)
        values = {
            "accuracy": tp + tn,
            "recall": middle + 0 * tp,
            "specificity": middle + 0 * tp,
            "precision": (tp / (tp + fp) + tn / (tn + fn)) / 2,
            "f1": tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn),
        }
        for score in wanted:
            v = values[score.metric]
            ok = ok & (v >= float(score.interval.low) - SLACK) & (v <= float(score.interval.high) + SLACK)
    if not ok.any():
        return None
    i, j, k = (int(x) for x in np.argwhere(ok)[0])
    return float(share[i, 0, 0]), float(first[0, j, 0]), float(second[0, j, k])


def averages_fit(scores: Sequence[Score], share: Fraction, *, play: float = 0.05, steps: int = 151) -> bool:
    """Return whether macro or weighted averages of a binary matrix with about this class share may print as all scores.

    A grid over the share (± ``play``) and the two recalls; a score is met when it is within its interval or within
    what one step of the grid can change it, so that True proves nothing and False is sure but for the grid's corners.

    Parameters
    ----------
    scores
        Printed scores as intervals of fractions.
    share
        Of the first class, about.
    play
        How far the share may be off.
    steps
        Of the grid, each way.

    Returns
    -------
    Whether they may fit.
    """
    shares = np.linspace(max(0.01, float(share) - play), min(0.99, float(share) + play), 11)[:, None, None]
    first, second = np.linspace(0, 1, steps)[None, :, None], np.linspace(0, 1, steps)[None, None, :]
    tp, tn = shares * first, (1 - shares) * second
    fn, fp = shares - tp, 1 - shares - tn
    with np.errstate(invalid="ignore", divide="ignore"):
        of_class = {
            "recall": (first + 0 * tn, second + 0 * tp),
            "specificity": (second + 0 * tp, first + 0 * tn),
            "precision": (tp / (tp + fp), tn / (tn + fn)),
            "f1": (2 * tp / (2 * tp + fp + fn), 2 * tn / (2 * tn + fp + fn)),
        }
        for weight in (0.5, shares):
            fits = np.ones((11, steps, steps), dtype=bool)
            for score in scores:
                a, b = of_class.get(score.metric, (tp + tn, tp + tn))
                value = a if score.metric == "accuracy" else weight * a + (1 - weight) * b
                slack = 2 / steps
                fits &= (value >= float(score.interval.low) - slack) & (value <= float(score.interval.high) + slack)
            if fits.any():
                return True
    return False


def fold_mean_is_possible(sizes: Sequence[int], mean: Interval) -> bool:
    """Return whether some numbers of right answers k_i of n_i have a mean of k_i/n_i within the interval.

    For folds of these sizes, accuracy as the mean of the folds' scores. Exact for folds of equal size (then the
    mean is K/(k·n)) and for two or three folds; with more unequal folds the sums are so dense that none is refused.

    Parameters
    ----------
    sizes
        Test images of each fold.
    mean
        The printed mean, an interval of fractions.

    Returns
    -------
    Whether it is possible.

    References
    ----------
    Brown & Heathers 2017, Soc. Psychol. Personal. Sci. 8:363 (GRIM, whose case of folds this is).

    Examples
    --------
    >>> fold_mean_is_possible([10, 10], Interval(Fraction("0.851"), Fraction("0.852")))
    False
    """
    k = len(sizes)
    if len(set(sizes)) == 1:
        wanted = mean.times(k * sizes[0])
        return -(-wanted.low.numerator // wanted.low.denominator) <= wanted.high.numerator // wanted.high.denominator
    if k > 3 or sizes[0] * sizes[1] > 4_000_000:
        return True
    sums = np.add.outer(np.arange(sizes[0] + 1) / sizes[0], np.arange(sizes[1] + 1) / sizes[1]).ravel()
    low, high = float(mean.low) * k - SLACK, float(mean.high) * k + SLACK
    if k == 2:
        return bool(((sums >= low) & (sums <= high)).any())
    first = np.ceil((low - sums) * sizes[2])
    last = np.floor((high - sums) * sizes[2])
    return bool((np.maximum(first, 0) <= np.minimum(last, sizes[2])).any())
