"""Operating points and calibration: chosen on validation images, read on test images, never the other way round.

Each run (fold, seed) has its own threshold and its own temperature, chosen on its own validation part.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from leukbench.evaluation.design import PerClass
from leukbench.evaluation.estimates import calibration_estimates, matrix_estimates
from leukbench.evaluation.grades import Family, grade_of, poorest_class, too_few
from leukbench.evaluation.intervals import NAN, Interval, jackknife, join_notes, korn_graubard, no_interval
from leukbench.evaluation.patients import average_copies
from leukbench.evaluation.resampling import group_codes
from leukbench.evaluation.scoring import (
    apply_temperature,
    fit_temperature,
    npv,
    ppv,
    reliability,
    reliability_bin,
    sensitivity_at_specificity,
)
from leukbench.records import Estimate, Predictions

SPECIFICITY = 0.95
PREVALENCES = (0.1, 0.5)
"""Shares of the class among those tested at which predictive values are stated: they mean nothing without one."""
NO_VALIDATION = "no validation part"
_REST = "rest"
_BINS = 10


@dataclass(frozen=True, kw_only=True)
class ChosenPoint:
    """One class against the rest at the threshold that kept ``wanted`` specificity on validation images.

    ``thresholds`` has one value a run, in order of fold and seed. Estimates are of the test images; ``predictive``
    holds PPV and NPV at each of ``prevalences``, one after the other. ``note`` says why there is none where there is
    none.
    """

    class_: str
    wanted: float = SPECIFICITY
    thresholds: tuple[float, ...] = ()
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None
    prevalences: tuple[float, ...] = PREVALENCES
    predictive: tuple[Estimate, ...] = ()
    n_validation: int = 0
    n_validation_groups: int = 0
    note: str = ""


@dataclass(frozen=True)
class Bin:
    """A bin of the top score: its limits, images, mean score, share of images called right and its group-level 95 %
    limits.

    The last two are NaN where the bin's images are of one group.
    """

    low: float
    high: float
    n_images: float
    confidence: float
    accuracy: float
    accuracy_low: float = NAN
    accuracy_high: float = NAN
    n_groups: int = field(default=0, kw_only=True)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration of the test scores as they are, and after one temperature a run, fitted on its validation images."""

    before: tuple[Estimate, ...]
    bins_before: tuple[Bin, ...]
    after: tuple[Estimate, ...] = ()
    bins_after: tuple[Bin, ...] = ()
    temperatures: tuple[float, ...] = ()
    note: str = ""


def _runs(p: Predictions) -> Iterator[tuple[int, int]]:
    """Yield (fold, seed) of every run, in order."""
    yield from sorted(set(zip(p.fold.tolist(), p.seed.tolist(), strict=True)))


def _of_run(p: Predictions, run: tuple[int, int]) -> Predictions:
    return p.take((p.fold == run[0]) & (p.seed == run[1]))


# --------------------------------------------------------------------------------------------------- operating points


def operating_points(
    test: Predictions, validation: Predictions, *, specificity: float = SPECIFICITY
) -> tuple[ChosenPoint, ...]:
    """Return the operating point of every class against the rest.

    A run's threshold is the lowest score that keeps ``specificity`` on its validation images; an image is called
    positive at or above it. What it gives on test images may be more or less. Copies of one origin are averaged first.

    Parameters
    ----------
    test, validation
        Predictions of the same runs.
    specificity
        The share of negatives that must be called negative on validation images.

    Returns
    -------
    A point a class.
    """
    test, validation = average_copies(test), average_copies(validation)
    return tuple(_operating_point(test, validation, c, specificity) for c in range(len(test.classes)))


def _operating_point(test: Predictions, validation: Predictions, c: int, wanted: float) -> ChosenPoint:
    name = test.classes[c]
    if not len(validation):
        return ChosenPoint(class_=name, wanted=wanted, note=NO_VALIDATION)
    found = {}
    for run in _runs(test):
        part = _of_run(validation, run)
        found[run] = sensitivity_at_specificity(part.label == c, part.scores[:, c], specificity=wanted).threshold
    base = ChosenPoint(
        class_=name, wanted=wanted, n_validation=len(np.unique(validation.image_id)),
        n_validation_groups=len(np.unique(validation.group)),
    )  # fmt: skip
    if np.isnan(list(found.values())).any():
        return dataclasses.replace(base, note="a validation part holds one class only")
    threshold = np.array([found[run] for run in zip(test.fold.tolist(), test.seed.tolist(), strict=True)])
    called = _against_the_rest(test, c, test.scores[:, c] >= threshold)
    estimates = {e.metric: e for e in matrix_estimates(called) if e.class_ == name}
    return dataclasses.replace(
        base, thresholds=tuple(found.values()), sensitivity=estimates["recall"], specificity=estimates["specificity"],
        predictive=tuple(e for p in PREVALENCES for e in predictive_values(called, prevalence=p)),
    )  # fmt: skip


def _against_the_rest(p: Predictions, c: int, called: np.ndarray) -> Predictions:
    """Return the images as ``rest`` (0) or the class (1), with what they are called and no scores."""
    return dataclasses.replace(
        p, classes=(_REST, p.classes[c]), label=(p.label == c).astype(np.int64), predicted=called.astype(np.int64),
        scores=np.full((len(p), 2), np.nan),
    )  # fmt: skip


def predictive_values(called: Predictions, *, prevalence: float) -> tuple[Estimate, Estimate]:
    """Return PPV and NPV of a two-class call (``predicted`` 1: called positive) at a prevalence, by Bayes from both
    rates.

    Intervals: group jackknife, t on the logit, within classes where every group has one label; s² between seeds is
    added. A value of 0 or 1 has one rate at its end: its limits are Bayes' of both rates' lower and of both upper
    limits, as both values rise with either rate.

    Parameters
    ----------
    called
        Predictions of two classes, ``predicted`` 1 for what is called positive.
    prevalence
        The share of positives to assume.

    Returns
    -------
    PPV and NPV as fractions.
    """
    return (
        _predictive(called, "ppv", lambda sens, spec: ppv(sens, spec, prevalence=prevalence)),
        _predictive(called, "npv", lambda sens, spec: npv(sens, spec, prevalence=prevalence)),
    )


def _predictive(called: Predictions, metric: str, value_of: Callable[[float, float], float]) -> Estimate:
    names, codes = group_codes(called.group)
    n = len(names)
    right = called.label == called.predicted
    cells = [(called.label == c) & kept for c in (1, 0) for kept in (right, np.ones(len(called), dtype=bool))]
    counts = np.stack([np.bincount(codes[cell], minlength=n) for cell in cells]).astype(np.float64)

    def of(tp: float, positives: float, tn: float, negatives: float) -> float:
        return value_of(tp / positives, tn / negatives) if positives and negatives else NAN

    whole = counts.sum(axis=1)
    value = of(*whole)
    per_seed = [
        of(*(float((cell & (called.seed == s)).sum()) for cell in cells)) for s in np.unique(called.seed).tolist()
    ]
    seeds = (float(np.var(per_seed, ddof=1)), len(per_seed) - 1.0) if len(per_seed) > 1 else (0.0, 0.0)
    units = PerClass.of(np.stack([counts[3], counts[1]]) / len(per_seed))
    poorest, n_of_poorest = poorest_class(units)
    base = Estimate(
        metric=metric, value=value, class_=called.classes[1], n_images=len(np.unique(called.image_id)), n_groups=n,
        effective_groups=units.fewest, poorest_class=called.classes[poorest].replace(_REST, "other classes"),
        poorest_groups=n_of_poorest,
        n_seeds=len(per_seed), seed_variance=seeds[0], seed_df=seeds[1],
    )  # fmt: skip
    if math.isnan(value):
        return dataclasses.replace(base, note="undefined: nothing would be called so")
    left_out = np.array([of(*(whole - counts[:, g])) for g in range(n)])
    made = no_interval("one group only")
    if n > 1 and not math.isnan(seeds[0]):
        made = jackknife(value, left_out, scale="logit", units=units, extra=(seeds[0] / len(per_seed), seeds[1]))
        if value in (0.0, 1.0):
            made = _from_rates(called, made, value_of)
    graded = grade_of(Family.MATRIX, units.effective(), made, seed_df=seeds[1])
    return dataclasses.replace(
        base, low=made.low, high=made.high, method=made.method, df=made.df, standard_error=made.standard_error,
        df_groups=made.df_groups, grade=graded.grade, note=join_notes(graded.note, too_few(called, units), made.note),
    )  # fmt: skip


def _from_rates(called: Predictions, made: Interval, value_of: Callable[[float, float], float]) -> Interval:
    """Return an interval with the limits that the rates' own give: no group shows how a value at its end varies."""
    rates = {e.metric: e for e in matrix_estimates(called) if e.class_ == called.classes[1]}
    sensitivity, specificity = rates["recall"], rates["specificity"]
    if any(math.isnan(limit) for e in (sensitivity, specificity) for limit in (e.low, e.high)):
        return no_interval("one of its two rates has no interval", effective_groups=made.effective_groups)
    low, high = value_of(sensitivity.low, specificity.low), value_of(sensitivity.high, specificity.high)
    return dataclasses.replace(made, low=low, high=high, method="Bayes of both rates' limits")


# -------------------------------------------------------------------------------------------------------- calibration


def calibration(test: Predictions, validation: Predictions) -> Calibration:
    """Return ECE, Brier score, log-loss and reliability of the test scores, before and after temperature scaling.

    A run's temperature minimises the log-loss of its validation images (Guo et al. 2017). Copies are averaged first.

    Parameters
    ----------
    test, validation
        Predictions of the same runs.

    Returns
    -------
    ECE, Brier score and log-loss (nats) before and after, with the bins of both.

    References
    ----------
    Guo et al. 2017, ICML (temperature scaling); Brier 1950, Mon. Weather Rev. 78:1.
    """
    test, validation = average_copies(test), average_copies(validation)
    before = Calibration(before=calibration_estimates(test), bins_before=_bins(test))
    if not len(validation):
        return dataclasses.replace(before, note=NO_VALIDATION)
    scores, temperatures = test.scores.copy(), []
    for run in _runs(test):
        part = _of_run(validation, run)
        if not len(part):
            return dataclasses.replace(before, note="a run has no validation images")
        temperatures.append(fit_temperature(part.label, part.scores))
        rows = (test.fold == run[0]) & (test.seed == run[1])
        scores[rows] = apply_temperature(test.scores[rows], temperatures[-1])
    scaled = dataclasses.replace(test, scores=scores)
    at_limit = any(not 0.021 < t < 49 for t in temperatures)
    return dataclasses.replace(
        before, after=calibration_estimates(scaled), bins_after=_bins(scaled), temperatures=tuple(temperatures),
        note="a temperature lies at the end of its search: the validation part says only which way" if at_limit else "",
    )  # fmt: skip


def _bins(p: Predictions) -> tuple[Bin, ...]:
    """Return the bins that hold images, images counted as the mean over seeds."""
    table, seeds = reliability(p.label, p.scores, bins=_BINS), len(np.unique(p.seed))
    where, right, codes = (
        reliability_bin(p.scores, bins=_BINS),
        p.scores.argmax(axis=1) == p.label,
        group_codes(p.group)[1],
    )
    found = []
    for b in np.flatnonzero(table.n_images):
        rows = where == b
        counts = [np.bincount(codes[rows], weights=w) / seeds for w in (right[rows], np.ones(int(rows.sum())))]
        made = korn_graubard(*counts)
        edges, n_images = table.edges[b : b + 2], table.n_images[b] / seeds
        values = map(float, (*edges, n_images, table.confidence[b], table.accuracy[b], made.low, made.high))
        found.append(Bin(*values, n_groups=len(np.unique(codes[rows]))))
    return tuple(found)
