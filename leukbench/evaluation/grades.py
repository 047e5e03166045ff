"""How far an interval can be trusted, from the design: a grade, and how few patients there are in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from leukbench.evaluation.design import PerClass
from leukbench.evaluation.intervals import FLAT, Interval
from leukbench.records import Grade, Predictions


class Family(StrEnum):
    """Metrics whose intervals behave alike."""

    PROPORTION = "proportion"
    MEAN = "mean of proportions"
    MATRIX = "function of the confusion matrix"
    RANKING = "ranking"
    TERMS = "mean of terms"
    BINNED = "binned"
    CONTRAST = "paired difference"


@dataclass(frozen=True)
class Graded:
    """A grade, and how it is said of an estimate ("" where there is nothing to say)."""

    grade: Grade
    note: str = ""


FEW = 8.0
"""Fewer effective groups of a class than this are few."""
SCARCE = 3.0
"""With no more than so many, few degrees of freedom make intervals so wide that the end of the scale costs nothing."""
ENOUGH = 30.0
"""From so many on, the end of the scale costs no coverage."""
NEAR = 0.97
"""An interval that reaches beyond this share of its scale, or below 1 minus it, is near the end."""
_SIGNED_METHOD = "Fisher z"


def grade_of(
    family: Family, effective: Sequence[float], interval: Interval, *, method_of_few: str = "",
    seed_df: float = 0.0,
) -> Graded:  # fmt: skip
    """Return the grade of an interval from its design: effective groups of each class that decides the metric, the end
    of the scale.

    How near the end is asked of the interval's limit, not of the value: estimates that came out high by chance are near
    it too, and a flag that spares the others would leave out just those that miss. ``method_of_few`` names the model of
    few patients, which is measured to hold where the jackknife does not. ``README.md`` beside this module has the
    coverage of each case.

    Parameters
    ----------
    family
        Which kind of metric the interval is of.
    effective
        Effective groups of each class that decides the metric.
    interval
        Whose limits say how near the end of the scale it is.
    method_of_few
        The name of the model of few patients, where it made the interval.
    seed_df
        Degrees of freedom of the variance between seeds: two trainings, which have one, often look alike by chance.

    Returns
    -------
    The grade, with its reason.
    """
    if math.isnan(interval.low):
        return Graded(Grade.NONE)
    fewest = min(effective, default=0.0)
    if family is Family.BINNED:
        return Graded(Grade.UNKNOWN, "coverage unknown")
    if fewest < 1.5:
        return Graded(Grade.UNKNOWN, "coverage unknown: one group of a class says nothing about others")
    if interval.method == FLAT:
        return Graded(Grade.WIDE)
    if 0 < seed_df < 2:
        return Graded(Grade.OPTIMISTIC, "optimistic: of two trainings about 92 % is covered")
    if family is Family.CONTRAST:
        return Graded(Grade.WIDE if fewest < FEW else Grade.ASSURED)
    if interval.method == method_of_few:
        return Graded(Grade.ASSURED)
    few, near = fewest < FEW, family is not Family.TERMS and _near(interval)
    if near and SCARCE < fewest < ENOUGH:
        return Graded(Grade.OPTIMISTIC, "optimistic: near the end of the scale about 92 % is covered")
    return Graded(Grade.WIDE if few else Grade.ASSURED)


def _near(interval: Interval) -> bool:
    """Return whether an interval comes near an end of its scale."""
    low, high = interval.low, interval.high
    if _SIGNED_METHOD in interval.method:
        low, high = (1 + low) / 2, (1 + high) / 2
    return max(high, 1 - low) > NEAR


def worst_grade(*grades: Grade) -> Grade:
    """Return the grade of what rests on several intervals: none or unknown if one is, else optimistic,
    wide, assured.
    """
    order = [Grade.NONE, Grade.UNKNOWN, Grade.OPTIMISTIC, Grade.WIDE, Grade.ASSURED]
    return min(grades, key=order.index)


DOUBTED = {Grade.OPTIMISTIC: "interval optimistic", Grade.UNKNOWN: "coverage unknown"}
"""What a table says of a grade that a reader should know of."""
FEW_IN_WORDS = 8
"""Fewer groups of a class than this are named in an estimate's note."""


def poorest_class(units: PerClass, classes: Sequence[int] | None = None) -> tuple[int, int]:
    """Return which of some classes (all of them) has the fewest groups, and how many; 0 groups where none has any."""
    chosen = [c for c in (range(len(units.counts)) if classes is None else classes) if units.n_units_of(c)]
    c = min(chosen, key=units.n_units_of, default=0)
    return c, units.n_units_of(c)


def too_few(p: Predictions, units: PerClass, classes: Sequence[int] | None = None) -> str:
    """Return how many patients (or groups) the poorest class has, in words; "" where it has enough."""
    c, count = poorest_class(units, classes)
    if not 0 < count < FEW_IN_WORDS:
        return ""
    rows = p.label == c
    named = p.patient[rows]
    patients = bool((named != "").all()) and len(np.unique(named)) == count
    return f"{count} {'patient' if patients else 'group'}{'s' if count > 1 else ''} of {p.classes[c]}"
