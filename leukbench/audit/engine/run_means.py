"""Means over several trainings that were tested on the same images: what such means cannot be, no single pass can."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from leukbench.audit.engine.feasibility import SLACK, Score

Weights = tuple[float, ...]
"""The weight of each class's recall in a score, and a constant."""


def run_means_fit(sizes: Mapping[str, int], scores: Sequence[Score]) -> bool:
    """Whether recalls of the classes give all scores of a row that are linear in them: accuracy, recall and, of two
    classes, specificity.

    A mean over trainings keeps what is linear in the recalls, and nothing else of one matrix: neither whole counts nor
    the F1 or precision that belong to a recall. So False refutes such a mean too; True refutes nothing. Trainings may
    have been rounded before, which moves their mean by a unit of the last digit at most.

    >>> from fractions import Fraction
    >>> from leukbench.audit.engine.rounding import Interval
    >>> def score(metric, value, class_=""):
    ...     v, half = Fraction(value), Fraction(1, 2000)
    ...     return Score(metric, Interval(v - half, v + half), class_)
    >>> rest = [score("recall", "0.9", "ill"), score("recall", "0.8", "well")]
    >>> [run_means_fit({"ill": 50, "well": 50}, [score("accuracy", a), *rest]) for a in ("0.85", "0.87")]
    [True, False]
    """
    from scipy.optimize import linprog

    linear = [(s, options) for s in scores if (options := _weights(s, sizes))]
    for weights in itertools.product(*(options for _, options in linear)):
        rows = [row for *w, _ in weights for row in (w, [-x for x in w])]
        bounds = [b for (s, _), (*_, constant) in zip(linear, weights, strict=True) for b in _bounds(s, constant)]
        if not rows or linprog([0] * len(sizes), A_ub=rows, b_ub=bounds, bounds=(0, 1), method="highs").status != 2:
            return True
    return False


def _bounds(score: Score, constant: float) -> tuple[float, float]:
    low, high = float(score.interval.low) - constant, float(score.interval.high) - constant
    return high + (high - low) + SLACK, (high - low) - low + SLACK


def _weights(score: Score, sizes: Mapping[str, int]) -> set[Weights]:
    """Return the weights of the classes' recalls in a score, once for each way to read it; none of one that is not
    linear in them.
    """
    k = len(sizes)
    shares, equal = tuple(n / sum(sizes.values()) for n in sizes.values()), (1 / k,) * k
    own = {name: tuple(float(i == c) for i in range(k)) for c, name in enumerate(sizes)}
    named = score.class_ or score.average.removeprefix("positive:")
    averages = {"macro": equal, "weighted": shares, "micro": shares, **own}
    if score.metric in {"accuracy", "balanced_accuracy"} and named not in own:
        each_against_rest = (*(2 * share / k for share in shares), 1 - 2 / k)
        return {(*shares, 0.0), (*equal, 0.0), each_against_rest}
    if score.metric == "recall" and (named in averages or k == 2):  # of several classes, some may be taken together
        return {(*way, 0.0) for way in ([averages[named]] if named in averages else averages.values())}
    if score.metric == "specificity" and k == 2:
        ways = [averages[named]] if named in own else [*averages.values()]
        return {(*way[::-1], 0.0) for way in ways} | ({(*shares, 0.0)} if named not in own else set())
    return set()
