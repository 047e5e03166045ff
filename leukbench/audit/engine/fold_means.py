"""Could printed scores be means (or a pooled value) over folds of known class sizes? Linear programs over the fold
counts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from leukbench.audit.engine.feasibility import MAX_CELLS, READINGS, BinaryGrid, Score, binary_matrix
from leukbench.audit.engine.multiclass import decide, usable
from leukbench.audit.engine.rounding import Interval
from leukbench.seeds import generator_for

Array = npt.NDArray[np.float64]


JOINT = ("positive:first", "positive:second", "macro", "weighted", "micro")


HARMONIC = "harmonic mean of the mean precision and recall"


VIOLATION = 1e-7


MIXTURES = 64


MOST_STEPS = 100
"""Steps of a linear program, each with new columns; its bound holds after any of them."""


Outcome = Literal["feasible", "impossible", "open"]


@dataclass(frozen=True)
class FoldAnswer:
    """What was found: the aggregation and reading that fit, with one matrix (pooled) or one a fold (rows actual)."""

    status: Outcome
    how: str = ""
    matrices: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()


class FoldMeans:
    """The means over folds of these class sizes that scores can have, each score read in one way."""

    def __init__(self, sizes: Sequence[dict[str, int]], *, by_size: bool = False) -> None:
        self.folds = [tuple(s.values()) for s in sizes]
        self.kinds = list(dict.fromkeys(self.folds))
        weights = np.array([sum(f) if by_size else 1 for f in self.folds], dtype=float)
        self.weights = weights / weights.sum()
        self.share = np.array([self.weights[[f == kind for f in self.folds]].sum() for kind in self.kinds])
        names = tuple(sizes[0])
        self.grids = [BinaryGrid(dict(zip(names, kind, strict=True))) for kind in self.kinds]

    def tables(self, scores: Sequence[Score], readings: Sequence[str]) -> list[list[Array]]:
        """Return per kind of fold and score its value for every matrix, ``(p + 1, q + 1)``; NaN where undefined."""
        return [[g.reading_of(s, r) for s, r in zip(scores, readings, strict=True)] for g in self.grids]

    def _loose_tables(self, scores: Sequence[Score], readings: Sequence[str]) -> list[list[Array]]:
        """Return the tables with an average F1 undefined wherever a class has no right answer: some leave it out there.

        Such a fold loses a whole class, which a high mean accuracy does not allow.
        """
        lost = min(w * min(fold) / sum(fold) for w, fold in zip(self.weights, self.folds, strict=True))
        accuracies = [float(s.interval.low) for s in scores if s.metric == "accuracy" and s.average != "macro"]
        if max(accuracies, default=0.0) > 1 - lost + VIOLATION:
            return self.tables(scores, readings)
        found = self.tables(scores, readings)
        for grid, tables in zip(self.grids, found, strict=True):
            none_right = (grid.a == 0) | (grid.b == 0)
            for i, score in enumerate(scores):
                if score.metric == "f1" and score.class_ not in grid.classes:
                    tables[i] = np.where(none_right, np.nan, tables[i])
        return found

    def violation(self, scores: Sequence[Score], readings: Sequence[str]) -> float:
        """Return the least total distance of a mean in the hull from the printed intervals; 0 where the hull meets
        them."""
        columns = [_defined(np.stack([t.ravel() for t in tables])) for tables in self._loose_tables(scores, readings)]
        low = np.array([float(s.interval.low) for s in scores])
        high = np.array([float(s.interval.high) for s in scores])
        used = [_first_columns(c) for c in columns]
        for last in reversed(range(MOST_STEPS)):
            value, up, down, level = self._master(columns, used, low, high)
            if value <= VIOLATION:
                return 0.0
            gap = 0.0
            for b, block in enumerate(columns):
                reduced = -self.share[b] * ((up - down) @ block) - level[b]
                best = int(np.argmin(reduced))
                gap += min(0.0, float(reduced[best]))
                if reduced[best] < -1e-10 and best not in used[b]:
                    used[b].append(best)
            # the bound of weak duality: the full program is no better
            if not last or gap > -1e-9 or value + gap > 100 * VIOLATION:
                return max(0.0, value + gap)
        raise AssertionError("the last step returns")

    def _master(
        self, columns: list[Array], used: list[list[int]], low: Array, high: Array
    ) -> tuple[float, Array, Array, Array]:
        """Solve min Σ u with low − u ≤ Σ λ·value ≤ high + u over the columns in use; return it with its dual prices."""
        from scipy.optimize import linprog

        chosen = np.concatenate([self.share[b] * columns[b][:, u] for b, u in enumerate(used)], axis=1)
        n, m = chosen.shape[1], len(low)
        slack = -np.eye(m)
        above = np.concatenate([np.concatenate([chosen, slack], axis=1), np.concatenate([-chosen, slack], axis=1)])
        total = np.zeros((len(used), n + m))
        at = 0
        for b, u in enumerate(used):
            total[b, at : at + len(u)] = 1
            at += len(u)
        answer = linprog(
            np.concatenate([np.zeros(n), np.ones(m)]),
            A_ub=above,
            b_ub=np.concatenate([high, -low]),
            A_eq=total,
            b_eq=np.ones(len(used)),
            bounds=(0, None),
            method="highs",
        )
        prices = np.asarray(answer.ineqlin.marginals)
        return float(answer.fun), prices[:m], prices[m:], np.asarray(answer.eqlin.marginals)

    def search(
        self, scores: Sequence[Score], readings: Sequence[str], *, rounds: int, herd: int = 128
    ) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
        """Return a matrix a fold whose mean scores print as all scores, nothing where none was found (which proves
        nothing).

        Random walkers step nearer to the printed means; the farther half starts again from the nearer one at times.

        Parameters
        ----------
        scores
            What the mean scores must print as.
        readings
            Of the averaging, one a score.
        rounds
            Steps before the search is given up.
        herd
            How many walkers.

        Returns
        -------
        A 2×2 matrix of counts a fold, rows actual; empty where none was found.
        """
        rng = generator_for(0, "audit.folds", *(n for fold in self.folds for n in fold), *readings)
        tables = [np.nan_to_num(np.stack(t)) for t in self.tables(scores, readings)]
        top = np.array(self.folds)
        aim = next((float(s.interval.low + s.interval.high) / 2 for s in scores if s.metric == "accuracy"), 0.85)
        right = rng.binomial(top[None], np.clip(aim + rng.normal(0, 0.03, (herd, *top.shape)), 0, 1))
        far = self._distance(right, tables, scores)
        for turn in range(rounds):
            if far.min() <= 0:
                best = right[int(np.argmin(far))]
                return tuple(
                    ((int(a), int(p - a)), (int(q - b), int(b))) for (a, b), (p, q) in zip(best, top, strict=True)
                )
            if turn % 20 == 19:
                order = np.argsort(far)
                right[order[herd // 2 :]], far[order[herd // 2 :]] = right[order[: herd // 2]], far[order[: herd // 2]]
            new = right.copy()
            for _ in range(2):
                fold, side = rng.integers(0, len(top), herd), rng.integers(0, 2, herd)
                step = np.ceil(top.min() * 0.1 * rng.random(herd) ** 4).astype(np.int64) * rng.choice([-1, 0, 1], herd)
                new[np.arange(herd), fold, side] += step
            new = np.clip(new, 0, top[None])
            new_far = self._distance(new, tables, scores)
            nearer = new_far <= far
            right[nearer], far[nearer] = new[nearer], new_far[nearer]
        return ()

    def _distance(self, right: npt.NDArray[np.int64], tables: Sequence[Array], scores: Sequence[Score]) -> Array:
        """Return how far the mean scores of states ``(n, n_folds, 2)`` lie outside what is printed, 0 where inside."""
        low = np.array([float(s.interval.low) for s in scores])[:, None]
        high = np.array([float(s.interval.high) for s in scores])[:, None]
        kind = [self.kinds.index(f) for f in self.folds]
        means = sum(self.weights[f] * tables[b][:, right[:, f, 0], right[:, f, 1]] for f, b in enumerate(kind))
        off = np.maximum(np.maximum(low - means, means - high) - 1e-12, 0) / np.maximum(high - low, 1e-9)
        found: Array = off.sum(0)
        return found


def _defined(columns: Array) -> Array:
    """Return the columns with every undefined score once as 0 and once as 1, between which any convention lies."""
    undefined = np.isnan(columns)
    if not undefined.any():
        return columns
    return np.concatenate(
        [np.where(undefined, 0.0, columns), np.where(undefined, 1.0, columns)[:, undefined.any(0)]], axis=1
    )


def _first_columns(columns: Array) -> list[int]:
    return sorted({int(f(row)) for row in columns for f in (np.argmin, np.argmax)})


def _own_reading(score: Score, classes: Sequence[str]) -> str:
    if score.class_ in classes:
        return f"positive:{score.class_}"
    return score.average


def decide_folds(
    sizes: Sequence[dict[str, int]], scores: Sequence[Score], *, pooled_only: bool = False, rounds: int = 400
) -> FoldAnswer:
    """Return whether folds with these class sizes (positive class first) can give all scores, as a mean of scores
    (plain, or weighted by the images of each fold) or pooled.

    Parameters
    ----------
    sizes
        Class -> test images, of each fold; the positive class first.
    scores
        Printed scores as intervals of fractions.
    pooled_only
        Whether only counting all folds together is meant.
    rounds
        Of the search for a witness.

    Returns
    -------
    Possible with a witness, impossible, or open.

    Examples
    --------
    >>> from leukbench.audit.engine.rounding import printed_interval as p
    >>> folds = [{"ill": 20, "well": 20}, {"ill": 20, "well": 20}]
    >>> decide_folds(folds, [Score(m, p("0.90"), "", "macro") for m in ("accuracy", "precision")]).how
    'all folds counted together, positive:ill'
    >>> decide_folds(folds, [Score("accuracy", p("0.90")), Score("f1", p("0.97"), "", "macro")]).status
    'impossible'
    """
    total = {c: sum(s[c] for s in sizes) for c in sizes[0]}
    pooled = _pooled(total, scores)
    if pooled.status == "feasible" or pooled_only:
        return pooled
    unequal = len({sum(s.values()) for s in sizes}) > 1
    answers = [
        _as_means(FoldMeans(sizes, by_size=w), scores, list(sizes[0]), rounds) for w in (False, *([True] * unequal))
    ]
    for answer in answers:
        if answer.status == "feasible":
            return answer
    if any(a == FoldAnswer("open") for a in (pooled, *answers)):
        return FoldAnswer("open")
    proved = all(a.status == "impossible" for a in (pooled, *answers))
    return FoldAnswer("impossible" if proved else "open", "mixed")


def _as_means(model: FoldMeans, scores: Sequence[Score], classes: Sequence[str], rounds: int) -> FoldAnswer:
    """Return whether means over the folds can give all scores; ``mixed`` where only by different readings."""
    outcomes: list[Outcome] = []
    for joint in JOINT:
        readings = [_own_reading(s, classes) or joint for s in scores]
        for kept, harmonic in _with_harmonic(scores):
            some, ways = [scores[i] for i in kept], [readings[i] for i in kept]
            if model.violation(some, ways) > VIOLATION:
                outcomes.append("impossible")
                continue
            found = model.search(some, ways, rounds=rounds)
            if found:
                return FoldAnswer("feasible", f"mean over the folds, {_named(joint, classes)}{harmonic}", found)
            outcomes.append("open")
    if "open" in outcomes:
        return FoldAnswer("open")
    return FoldAnswer("impossible") if _no_mixture(model, scores, classes) else FoldAnswer("open", "mixed")


def _pooled(total: dict[str, int], scores: Sequence[Score]) -> FoldAnswer:
    """Return whether one matrix with the summed class sizes gives all scores; ``mixed`` where only by different
    readings."""
    p, q = total.values()
    if (p + 1) * (q + 1) > MAX_CELLS:
        return _searched(total, scores)
    found = binary_matrix(total, scores)
    if found is not None:
        (a, b), (c, d) = found[1]
        return FoldAnswer("feasible", f"all folds counted together, {found[0]}", (((a, b), (c, d)),))
    grid = BinaryGrid(total)
    masks = [np.logical_or.reduce([grid.mask(s, r) for r in (*READINGS, "micro")]) for s in scores]
    return FoldAnswer("open", "mixed") if np.logical_and.reduce(masks).any() else FoldAnswer("impossible")


def _searched(total: dict[str, int], scores: Sequence[Score]) -> FoldAnswer:
    """Return what a search says of a matrix with class sizes of which not every matrix is tried."""
    answer = decide(list(total.values()), scores, names=list(total))
    if answer.status == "impossible":
        return FoldAnswer("impossible")
    if answer.status == "open" or answer.mixed or not all(usable(s) for s in scores):
        return FoldAnswer("open", "mixed" if answer.mixed else "")
    ((a, b), (c, d)) = answer.matrix
    accuracy = f", with the accuracy as {answer.accuracy}" if answer.accuracy else ""
    return FoldAnswer("feasible", f"all folds counted together, {answer.reading}{accuracy}", (((a, b), (c, d)),))


def _with_harmonic(scores: Sequence[Score]) -> list[tuple[list[int], str]]:
    """Return which scores are to be met, and again without an F1 that is the harmonic mean of the printed P and R."""
    every = list(range(len(scores)))
    place = {s.metric: i for i, s in enumerate(scores) if not s.class_}
    if not {"precision", "recall", "f1"} <= set(place):
        return [(every, "")]
    p, r, f = (scores[place[m]].interval for m in ("precision", "recall", "f1"))

    def mean(x: Fraction, y: Fraction) -> Fraction:
        return 2 * x * y / (x + y) if x + y else Fraction(0)

    if not f.meets(Interval(mean(p.low, r.low), mean(p.high, r.high))):
        return [(every, "")]
    return [(every, ""), ([i for i in every if i != place["f1"]], f", F1 as the {HARMONIC}")]


def _no_mixture(model: FoldMeans, scores: Sequence[Score], classes: Sequence[str]) -> bool:
    """Whether no combination of readings, one for each score, meets the printed means; False beyond ``MIXTURES`` of
    them."""
    base = [s for s in scores if s.metric == "accuracy"]
    ways: list[list[str]] = []
    for score in scores:
        stated = _own_reading(score, classes)
        free = not stated and score.metric in {"precision", "recall", "f1", "specificity"}
        every = JOINT if free else (stated or JOINT[0],)
        # most readings are refuted by the accuracy alone
        with_accuracy = {r: model.violation([*base, score], [*("macro" for _ in base), r]) for r in every}
        ways.append([r for r in every if with_accuracy[r] <= VIOLATION])
    for kept, _ in _with_harmonic(scores):
        some = [scores[i] for i in kept]
        if np.prod([len(ways[i]) for i in kept]) > MIXTURES:
            return False
        if any(model.violation(some, c) <= VIOLATION for c in itertools.product(*(ways[i] for i in kept))):
            return False
    return True


def _named(reading: str, classes: Sequence[str]) -> str:
    return reading.replace("first", classes[0]).replace("second", classes[1])
