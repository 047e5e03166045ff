"""Several classes: is there a confusion matrix for all printed scores? An exact search over right answers and
column sums.

Accuracy, per-class and averaged precision, recall, F1, specificity, MCC and kappa depend on a matrix only through
the right answers h_i of each class and the number c_i of images called by it (row sums n_i are known). So not K²
but 2K whole numbers are searched. (h, c) belong to a matrix exactly if Σ c_i = n, 0 ≤ h_i ≤ min(n_i, c_i) and, with
r_i = n_i − h_i errors to place outside column i, r_i + (c_i − h_i) ≤ Σ r_j for every class (a transportation
problem with forbidden diagonal).

Boxes of (h, c) are split until each is refuted or is one point. A box is refuted when the range that a score takes
in it misses the printed interval; the ranges follow from monotony: recall h/n, precision h/c, F1 2h/(n + c) and
specificity 1 − (c − h)/(n − n_i) grow with h and fall with c. When every box is refuted there is no matrix: that is
a proof, by interval arithmetic in floating point with a slack far above its error. When the budget of boxes runs
out first, nothing is said.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from leukbench.audit.engine.effort import SEARCH, Effort
from leukbench.audit.engine.feasibility import Score, of_known_class
from leukbench.audit.engine.rounding import Interval
from leukbench.audit.engine.score_ranges import (
    HARMONIC,
    SLACK,
    Array,
    Boxes,
    class_ranges,
    inverted_boxes,
    joined_boxes,
    not_empty,
    range_of,
)
from leukbench.seeds import generator_for

BATCH = 512


ROUNDS = 2


MIXTURES = 64


AVERAGED = ("precision", "recall", "f1", "specificity")


AGREEMENT = ("mcc", "kappa")
"""Of several classes they may also be the mean of each class against the rest, and kappa weighted by the classes'
order; the search knows their usual sense alone."""


USED = (*AVERAGED, "accuracy", "balanced_accuracy", *AGREEMENT)


@dataclass(frozen=True)
class Answer:
    """What a search found: a matrix (rows actual) under a reading, a proof that there is none, or nothing within
    the budget."""

    status: Literal["feasible", "impossible", "open"]
    reading: str = ""
    matrix: tuple[tuple[int, ...], ...] = ()
    mixed: bool = False  # not under one averaging for all; the status speaks of scores averaged in different ways
    accuracy: str = ""  # how the accuracy is read, where not as the share of right answers
    left_out: str = ""  # impossible with these scores in their usual sense only, which is not said to be meant


class _Search:
    """Splits boxes until all are refuted, one point is found, or the budget is spent."""

    def __init__(self, sizes: Sequence[int], targets: Sequence[tuple[Score, tuple[str, ...]]]) -> None:
        self.sizes = np.asarray(sizes, dtype=np.float64)
        self.targets = targets
        accuracy = [s.interval for s, _ in targets if s.metric == "accuracy"]
        n = self.sizes.sum()
        self.right_low = max([np.ceil(float(i.low) * n - 1e-6) for i in accuracy], default=0.0)
        self.right_high = min([np.floor(float(i.high) * n + 1e-6) for i in accuracy], default=n)
        self.joint = {s.metric: (s, r[0]) for s, r in targets if len(r) == 1 and r[0] in {"macro", "weighted"}}

    def run(self, budget: int) -> tuple[str, tuple[list[int], list[int]] | None]:
        k, n = len(self.sizes), float(self.sizes.sum())
        start = Boxes(*(np.full((1, k), 0.0) for _ in range(4)))
        pool = Boxes(start.h_low, self.sizes[None, :].copy(), start.c_low, np.full((1, k), n))
        spent = 0
        while len(pool):
            chosen, rest = pool.take(np.arange(len(pool)) >= len(pool) - BATCH), pool.take(slice_to(len(pool) - BATCH))
            spent += len(chosen)
            kept, distance = self._survivors(chosen)
            points = self._widths(kept).max(1, initial=0) == 0
            if points.any():
                i = int(np.argmax(points))
                return "feasible", ([int(v) for v in kept.h_low[i]], [int(v) for v in kept.c_low[i]])
            if spent > budget:
                return "open", None
            order = np.argsort(-distance, kind="stable")  # the nearest last: it is split next
            pool = joined_boxes([rest, *self._split(kept.take(order))]) if len(kept) else rest
        return "impossible", None

    def climb(self, rng: np.random.Generator, *, rounds: int, herd: int = 192) -> tuple[list[int], list[int]] | None:
        """Return one point found by a herd of random walkers that only step nearer to the printed scores; None
        proves nothing.

        Parameters
        ----------
        rng
            Where chance comes from.
        rounds
            Steps before the search is given up.
        herd
            How many walkers.

        Returns
        -------
        Right and called images of each class, or None.
        """
        h, c = self._herd(rng, herd)
        far = self._distance(h, c)
        line = np.arange(herd)
        for turn in range(rounds):
            if far.min() <= 0:
                best = int(np.argmin(far))
                return [int(v) for v in h[best]], [int(v) for v in c[best]]
            if turn % 20 == 19:  # the farther half starts again from the nearer one
                order = np.argsort(far)
                worse, better = order[herd // 2 :], order[: herd - herd // 2]
                h[worse], c[worse], far[worse] = (
                    h[better[: len(worse)]],
                    c[better[: len(worse)]],
                    far[better[: len(worse)]],
                )
            new_h, new_c = h.copy(), c.copy()
            for moved, chance in ((new_h, 0.6), (new_c, 0.6)):
                step = np.ceil(self.sizes.min() * 0.1 * rng.random(herd) ** 4) * (rng.random(herd) < chance)
                i, j = rng.integers(0, len(self.sizes), (2, herd))
                moved[line, i] += step
                moved[line, j] -= step
            lone = rng.random(herd) < 0.2  # the number of right answers may change within the printed accuracy
            new_h[line[lone], rng.integers(0, len(self.sizes), lone.sum())] += rng.choice([-1, 1], lone.sum())
            new_far = self._distance(new_h, new_c)
            nearer = new_far <= far
            h[nearer], c[nearer], far[nearer] = new_h[nearer], new_c[nearer], new_far[nearer]
        return None

    def _herd(self, rng: np.random.Generator, herd: int) -> tuple[Array, Array]:
        """Return random right answers with the printed accuracy and column sums that a matrix can have."""
        n, k = int(self.sizes.sum()), len(self.sizes)
        most = min(self.right_high, n)
        right = (self.right_low + most) / 2 if self.right_low > 0 else 0.9 * n
        errors = np.stack([rng.multinomial(int(n - right), p) for p in rng.dirichlet(np.full(k, 3.0), herd)])
        errors = np.minimum(errors, self.sizes - 1)
        into = np.stack(
            [
                rng.multinomial(int(e), p)
                for e, p in zip(errors.sum(1), rng.dirichlet(np.full(k, 3.0), herd), strict=True)
            ]
        )
        return self.sizes - errors, self.sizes - errors + into

    def _distance(self, h: Array, c: Array) -> Array:
        """Return how many intervals the scores of points are off in all, ``(n_points,)``; infinite where no matrix
        exists."""
        out, into, wrong = self.sizes - h, c - h, (self.sizes - h).sum(1, keepdims=True)
        legal = ((h >= 0) & (out >= 0) & (into >= 0) & (out + into <= wrong)).all(1) & (c.sum(1) == self.sizes.sum())
        boxes, total = Boxes(h, h, c, c), np.zeros(len(h))
        for score, readings in self.targets:
            low_wanted, high_wanted = float(score.interval.low), float(score.interval.high)
            nearest = np.full(len(h), np.inf)
            for reading in readings:
                low, high = range_of(boxes, self.sizes, score.metric, reading)
                off = np.maximum(np.maximum(low_wanted - SLACK - high, low - high_wanted - SLACK), 0)
                nearest = np.minimum(nearest, off / max(high_wanted - low_wanted, 1e-6))
            total += nearest
        return np.where(legal, total, np.inf)

    def _widths(self, boxes: Boxes) -> Array:
        return np.concatenate([(boxes.h_high - boxes.h_low), (boxes.c_high - boxes.c_low)], axis=1)

    def _weighed_widths(self, boxes: Boxes) -> Array:
        """Return the widths of the sides, each by how much it moves the scores; a side that moves none keeps a
        trifle."""
        k, n = len(self.sizes), self.sizes.sum()
        h, c = (boxes.h_low + boxes.h_high) / 2, np.maximum((boxes.c_low + boxes.c_high) / 2, 1)
        by_h, by_c = np.full(h.shape, 1e-6 / n), np.full(h.shape, 1e-6 / n)
        for score, readings in self.targets:
            for reading in readings:
                weight = self._weights(score.metric, reading.removesuffix(HARMONIC))
                if weight is None:
                    by_h, by_c = by_h + 1 / n, by_c + (self.sizes / n**2 if score.metric in AGREEMENT else 0.0)
                    continue
                if score.metric in {"recall", "balanced_accuracy"}:
                    by_h = by_h + weight / self.sizes
                elif score.metric == "specificity":
                    by_h, by_c = by_h + weight / (n - self.sizes), by_c + weight / (n - self.sizes)
                elif score.metric == "precision":
                    by_h, by_c = by_h + weight / c, by_c + weight * h / c**2
                else:
                    by_h = by_h + 2 * weight / (self.sizes + c)
                    by_c = by_c + 2 * weight * h / (self.sizes + c) ** 2
        widths = self._widths(boxes)
        return np.concatenate([widths[:, :k] * by_h, widths[:, k:] * by_c], axis=1)

    def _split(self, boxes: Boxes) -> list[Boxes]:
        """Halve each box along its widest side, measured in class sizes; halves of one box stay neighbours."""
        k = len(self.sizes)
        side = np.argmax(self._weighed_widths(boxes), axis=1)
        line = np.arange(len(boxes))
        lower = [a.copy() for a in (boxes.h_low, boxes.h_high, boxes.c_low, boxes.c_high)]
        upper = [a.copy() for a in lower]
        for offset, (a, b) in ((0, (0, 1)), (k, (2, 3))):
            mine = (side >= offset) & (side < offset + k)
            at = line[mine], side[mine] - offset
            middle = np.floor((lower[a][at] + lower[b][at]) / 2)
            lower[b][at], upper[a][at] = middle, middle + 1
        pairs = [np.stack([x, y], axis=1).reshape(-1, k) for x, y in zip(lower, upper, strict=True)]
        return [Boxes(*pairs)]

    def _survivors(self, boxes: Boxes) -> tuple[Boxes, Array]:
        """Return the boxes that are not refuted, tightened, and how far their middle is from the printed scores."""
        for _ in range(ROUNDS):
            boxes = not_empty(self._tightened(boxes))
            for score, readings in self.targets:
                if len(readings) == 1:
                    boxes = not_empty(self._narrowed(boxes, score, readings[0]))
        boxes = not_empty(self._tightened(boxes))
        alive = np.ones(len(boxes), dtype=bool)
        distance = np.zeros(len(boxes))
        for score, readings in self.targets:
            low_wanted, high_wanted = float(score.interval.low) - SLACK, float(score.interval.high) + SLACK
            possible = np.zeros(len(boxes), dtype=bool)
            nearest = np.full(len(boxes), np.inf)
            for reading in readings:
                low, high = range_of(boxes, self.sizes, score.metric, reading)
                possible |= (high >= low_wanted) & (low <= high_wanted)
                middle = (low + high) / 2
                nearest = np.minimum(nearest, np.maximum(0, np.maximum(low_wanted - middle, middle - high_wanted)))
            alive &= possible
            distance += nearest
        alive &= self._gap_is_possible(boxes)
        return boxes.take(alive), distance[alive]

    def _tightened(self, boxes: Boxes) -> Boxes:
        """Shrink boxes by Σ c = n, h ≤ c, the number of right answers, and the condition that a matrix exists."""
        n = self.sizes.sum()
        h_low = np.maximum(boxes.h_low, self.right_low - (boxes.h_high.sum(1, keepdims=True) - boxes.h_high))
        h_high = np.minimum(boxes.h_high, self.right_high - (boxes.h_low.sum(1, keepdims=True) - boxes.h_low))
        h_high = np.minimum(h_high, boxes.c_high)
        c_low = np.maximum(boxes.c_low, n - (boxes.c_high.sum(1, keepdims=True) - boxes.c_high))
        c_low = np.maximum(c_low, h_low)
        c_high = np.minimum(boxes.c_high, n - (boxes.c_low.sum(1, keepdims=True) - boxes.c_low))
        # errors of class i and images wrongly called i lie in different cells: (n_i − h_i) + (c_i − h_i) ≤ n − Σ h
        others_low = h_low.sum(1, keepdims=True) - h_low
        c_high = np.minimum(c_high, n - others_low + h_high - self.sizes)
        h_low = np.maximum(h_low, c_low + self.sizes - n + others_low)
        return Boxes(h_low, h_high, c_low, c_high)

    def _narrowed(self, boxes: Boxes, score: Score, reading: str) -> Boxes:
        """Shrink boxes by one averaged score: what the other classes leave for a class bounds its value, and so its
        h and c."""
        weight = self._weights(score.metric, reading)
        if weight is None:
            return boxes
        metric = "recall" if score.metric == "balanced_accuracy" else score.metric
        low, high = class_ranges(boxes, self.sizes, metric)
        wanted_low, wanted_high = float(score.interval.low) - SLACK, float(score.interval.high) + SLACK
        with np.errstate(divide="ignore", invalid="ignore"):
            least = (wanted_low - ((high @ weight)[:, None] - high * weight)) / weight
            most = (wanted_high - ((low @ weight)[:, None] - low * weight)) / weight
        active = (weight > 0) & ((boxes.c_low > 0) | (metric in {"recall", "specificity"}))
        if metric == "f1":
            active &= boxes.h_low > 0
        least, most = np.where(active, least, -np.inf), np.where(active, most, np.inf)
        return inverted_boxes(boxes, self.sizes, metric, least, most)

    def _weights(self, metric: str, reading: str) -> Array | None:
        """Return the class weights of an averaged score; None where it is no plain average of class scores."""
        k = len(self.sizes)
        if metric == "balanced_accuracy":
            return np.full(k, 1 / k)
        if metric not in AVERAGED or reading == "micro" or reading.endswith(HARMONIC) or reading.startswith("rest:"):
            return None
        if reading.startswith("class:"):
            one = np.zeros(k)
            one[int(reading.removeprefix("class:"))] = 1
            return one
        return np.full(k, 1 / k) if reading == "macro" else self.sizes / self.sizes.sum()

    def _gap_is_possible(self, boxes: Boxes) -> npt.NDArray[np.bool_]:
        """Refute by F1 = (P + R)/2 − (P − R)²/(2(P + R)) of each class, averaged, where the three are averaged
        alike."""
        ok = np.ones(len(boxes), dtype=bool)
        if not {"precision", "recall", "f1"} <= set(self.joint):
            return ok
        (p, a), (r, b), (f, c) = (self.joint[m] for m in ("precision", "recall", "f1"))
        if not a == b == c:
            return ok
        weight = self.sizes / self.sizes.sum() if a == "weighted" else np.full(len(self.sizes), 1 / len(self.sizes))
        gap_low = float(p.interval.low + r.interval.low) / 2 - float(f.interval.high) - SLACK
        gap_high = float(p.interval.high + r.interval.high) / 2 - float(f.interval.low) + SLACK
        p_low, p_high = class_ranges(boxes, self.sizes, "precision")
        r_low, r_high = class_ranges(boxes, self.sizes, "recall")
        apart = np.maximum(0, np.maximum(p_low - r_high, r_low - p_high))
        widest = np.maximum(np.abs(p_high - r_low), np.abs(r_high - p_low))
        least = apart**2 / (2 * np.maximum(p_high + r_high, 1e-300))
        most = np.minimum(widest / 2, widest**2 / (2 * np.maximum(p_low + r_low, 1e-300)))
        unsure = (boxes.c_low == 0) | (boxes.h_low == 0)  # what is 0/0 may be anything
        least, most = np.where(unsure, -1.0, least), np.where(unsure, 1.0, most)
        found: npt.NDArray[np.bool_] = (most @ weight >= gap_low) & (least @ weight <= gap_high)
        return found


def slice_to(stop: int) -> npt.NDArray[np.intp]:
    """Return the places before ``stop``, none where it is negative."""
    return np.arange(max(0, stop))


def matrix_with_margins(
    sizes: Sequence[int], right: Sequence[int], called: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Return a matrix (rows actual) with these row sums, diagonal and column sums; they must fit (see the module's
    first lines).

    Each error goes from the row to the column that are together most in need, which never leaves a rest that only
    fits the diagonal.

    Parameters
    ----------
    sizes
        ``(n_classes,)`` row sums.
    right
        ``(n_classes,)`` diagonal.
    called
        ``(n_classes,)`` column sums.

    Returns
    -------
    ``(n_classes, n_classes)`` counts.

    Examples
    --------
    >>> matrix_with_margins([3, 3, 3], [2, 2, 1], [4, 3, 2])
    ((2, 1, 0), (0, 2, 1), (2, 0, 1))
    """
    k = len(sizes)
    counts = [[right[i] if i == j else 0 for j in range(k)] for i in range(k)]
    out = [sizes[i] - right[i] for i in range(k)]
    into = [called[i] - right[i] for i in range(k)]
    while sum(out):
        pressed = max(range(k), key=lambda i: (out[i] + into[i], out[i]))
        if out[pressed]:
            i, j = pressed, max((j for j in range(k) if j != pressed), key=lambda j: (into[j] > 0, out[j] + into[j]))
        else:
            i, j = max((i for i in range(k) if i != pressed), key=lambda i: (out[i] > 0, out[i] + into[i])), pressed
        counts[i][j] += 1
        out[i] -= 1
        into[j] -= 1
    return tuple(tuple(line) for line in counts)


def usable(score: Score) -> bool:
    """Whether the search knows the score: a class' accuracy has no settled meaning, and an MCC or kappa of a class or
    averaged over classes is another score than that of them all.
    """
    of_all = not score.class_ and (score.metric not in AGREEMENT or score.average in {"", "none", "micro"})
    return score.metric in USED and (of_all or score.metric in AVERAGED)


def _readings(score: Score, names: Sequence[str], joint: str) -> tuple[str, ...]:
    """Return the readings of a score when the row is read as ``joint`` ("any": every way)."""
    if score.class_ in names and score.metric in AVERAGED:
        return (f"class:{list(names).index(score.class_)}",)
    if score.average.removeprefix("positive:") in names:
        return (f"class:{list(names).index(score.average.removeprefix('positive:'))}",)
    every = ("macro", "weighted", "micro", *(f"{part}:{i}" for part in ("class", "rest") for i in range(len(names))))
    harmonic = ("macro" + HARMONIC, "weighted" + HARMONIC) if score.metric == "f1" else ()
    if score.average in {"macro", "weighted", "micro"}:
        return (score.average, *(h for h in harmonic if h.startswith(score.average)))
    if joint == "any":
        return (*every, *harmonic)
    return (joint if score.metric == "f1" else joint.removesuffix(HARMONIC),)


def decide(
    sizes: Sequence[int],
    scores: Sequence[Score],
    *,
    names: Sequence[str] = (),
    budget: int = 10_000,
    tries: int = 300,
    effort: Effort | None = None,
) -> Answer:
    """Return whether a matrix with these class sizes (all ≥ 1) prints as all scores.

    Scores of a class that is none of ``names`` are left out. First the row is read in one way: macro, weighted, micro,
    F1 from the averaged precision and recall, one class against the rest, or all classes but one against it; a quick
    local search, then the exact one with ``budget`` boxes a reading. If all these are refuted, each score may be read
    in a way of its own (``mixed``). What of several classes only an MCC or kappa in its usual sense forbids is left
    open (``left_out``). Each search takes from ``effort``; without any left nothing is said.

    Parameters
    ----------
    sizes
        Images of each class, all at least 1.
    scores
        Printed scores as intervals of fractions.
    names
        Of the classes, where scores name them.
    budget
        Boxes a reading that the exact search may open.
    tries
        Of the local search.

    Returns
    -------
    Feasible with a matrix, impossible, or open where the budget ran out.

    Examples
    --------
    >>> from leukbench.audit.engine.rounding import printed_interval as p
    >>> row = [Score("accuracy", p("0.90")), Score("recall", p("0.97"))]
    >>> macro = Score("recall", p("0.97"), "", "macro")
    >>> decide([50, 50, 50], row).reading, decide([50, 50, 50], [macro, row[0]]).status
    ('positive:0', 'impossible')
    """
    names = names or [str(i) for i in range(len(sizes))]
    scores = [_plain(s) for s in scores if usable(s) and of_known_class(s, names)]
    effort = effort or Effort()
    answer = _decide(sizes, scores, names, budget, tries, effort)
    if answer.status != "impossible":
        return answer
    for words, others in _other_accuracies(len(sizes), scores):
        other = _decide(sizes, others, names, budget, tries, effort)
        if other.status != "impossible":
            return replace(other, accuracy=words)
    rest, loose = ([s for s in scores if (s.metric in AGREEMENT) == of] for of in (False, True))
    if len(sizes) > 2 and loose and rest:
        other = decide(sizes, rest, names=names, budget=budget, tries=tries, effort=effort)
        if other.status != "impossible":
            return Answer("open", left_out=" and ".join(s.label() for s in loose))
    return answer


def _plain(score: Score) -> Score:
    """Return a macro accuracy under its other name."""
    macro = (score.metric, score.average) == ("accuracy", "macro")
    return replace(score, metric="balanced_accuracy") if macro else score


def _other_accuracies(k: int, scores: Sequence[Score]) -> list[tuple[str, list[Score]]]:
    """Return the scores with an accuracy of unstated averaging read otherwise: as the mean of class recalls
    (torchmetrics), or
    as the mean of each class against the rest, 1 − 2(1 − a)/K of the share of right answers a."""
    if not any(s.metric == "accuracy" and not s.average for s in scores):
        return []
    mean, rest = [], []
    for s in scores:
        if s.metric == "accuracy" and not s.average:
            mean.append(replace(s, metric="balanced_accuracy"))
            low, high = (1 - Fraction(k, 2) * (1 - x) for x in (s.interval.low, s.interval.high))
            rest.append(replace(s, interval=Interval(max(low, Fraction(0)), max(high, Fraction(0)))))
        else:
            mean.append(s)
            rest.append(s)
    of_rest = [("the mean accuracy of each class against the rest", rest)]  # of two classes the accuracy itself
    return [("the mean of the class recalls", mean), *(of_rest if k > 2 else [])]


def _decide(
    sizes: Sequence[int], scores: Sequence[Score], names: Sequence[str], budget: int, tries: int, effort: Effort
) -> Answer:
    """Return what :func:`decide` does with every accuracy read as the share of right answers."""
    joints = ["macro", "weighted", "macro" + HARMONIC, "weighted" + HARMONIC, "micro"]
    joints += [f"{part}:{i}" for part in ("class", "rest") for i in range(len(sizes))]
    free = [s for s in scores if s.metric in AVERAGED and not s.class_ and not s.average]
    if not free:
        joints = ["macro"]
    elif not any(s.metric == "f1" for s in free):
        joints = [j for j in joints if not j.endswith(HARMONIC)]
    open_ = False
    for joint in joints:
        if open_ and joint.startswith(("class:", "rest:")) and len(sizes) > 2:
            break  # an average may still give the scores, so nothing is said of one class
        search = _Search(sizes, [(s, _readings(s, names, joint)) for s in scores])
        status, point = search.run(BATCH) if effort.take(1) else ("open", None)  # most wrong ones are refuted at once
        if status == "open" and not effort.take(2 * SEARCH):
            return Answer("open")
        if status == "open":
            point = search.climb(generator_for(0, "audit.multiclass", *sizes, joint), rounds=tries)
        if status == "open" and point is None:
            status, point = search.run(budget)
        if point is not None:
            return Answer("feasible", _named(joint, names), matrix_with_margins(sizes, *point))
        open_ |= status == "open"
    if open_:
        return Answer("open")
    if not free:
        return Answer("impossible")
    return _mixed(sizes, scores, names, budget, effort)


def _mixed(sizes: Sequence[int], scores: Sequence[Score], names: Sequence[str], budget: int, effort: Effort) -> Answer:
    """Return whether the scores can hold together when each is averaged in a way of its own: all ways at once, and
    where that ends at its bound each mixture alone, at most ``MIXTURES``.
    """
    ways = _ways(sizes, scores, names, effort)
    if ways is None or not effort.take(SEARCH):
        return Answer("open", mixed=True)
    answer = _read_so(sizes, scores, ways, budget)
    mixtures = math.prod(map(len, ways))
    if answer.status != "open" or mixtures > MIXTURES or not effort.take(SEARCH * mixtures // 2):
        return answer
    answers = (_read_so(sizes, scores, [(way,) for way in chosen], budget) for chosen in itertools.product(*ways))
    left = Answer("impossible")
    for answer in answers:
        if answer.status == "feasible":
            return answer
        left = answer if answer.status == "open" else left
    return left


def _ways(
    sizes: Sequence[int], scores: Sequence[Score], names: Sequence[str], effort: Effort
) -> list[tuple[str, ...]] | None:
    """Return the readings of each score that are not refuted beside the accuracy; None without effort left."""
    ways = []
    base = [(s, _readings(s, names, "macro")) for s in scores if s.metric == "accuracy" or s.class_]
    for score in scores:
        every = _readings(score, names, "any")
        if not effort.take(len(every)):
            return None
        alone = [r for r in every if _Search(sizes, [*base, (score, (r,))]).run(BATCH)[0] != "impossible"]
        ways.append(tuple(alone) if len(every) > 1 else every)
    return ways


def _read_so(sizes: Sequence[int], scores: Sequence[Score], ways: Sequence[tuple[str, ...]], budget: int) -> Answer:
    """Return whether the scores can hold together with each read in one of its ways."""
    if not all(ways):
        return Answer("impossible")
    found, point = _Search(sizes, list(zip(scores, ways, strict=True))).run(budget)
    if point is not None:
        return Answer("feasible", "different", matrix_with_margins(sizes, *point), mixed=True)
    return Answer("open", mixed=True) if found == "open" else Answer("impossible")


def _named(reading: str, names: Sequence[str]) -> str:
    if reading.startswith("class:"):
        return f"positive:{names[int(reading.removeprefix('class:'))]}"
    if reading.startswith("rest:"):
        return f"positive:all but {names[int(reading.removeprefix('rest:'))]}"
    return reading
