"""Predictions become estimates: every metric with its group-level interval beside the image-level one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from leukbench.errors import InputError
from leukbench.evaluation import hierarchical, metrics
from leukbench.evaluation.grades import Family
from leukbench.evaluation.intervals import (
    NAN,
    Interval,
    Scale,
    jackknife,
    korn_graubard,
    mean_of_proportions,
    no_interval,
    pooled_variance,
    wilson,
)
from leukbench.evaluation.metrics import Margins
from leukbench.evaluation.patients import average_copies, patient_results
from leukbench.evaluation.score_estimates import auc, ece, mean_term, of_scores
from leukbench.evaluation.scoring import brier_terms, log_loss_terms
from leukbench.evaluation.tables import SeedKey, SeedScatter, Subject, Table, made, noted, table_of, undefined
from leukbench.records import COPIES_AVERAGED, Estimate, FloatArray, Grade, Predictions


def estimate_predictions(
    predictions: Predictions,
    *,
    level: float = 0.95,
    patient_level: bool = True,
    scatter: SeedScatter | None = None,
) -> tuple[Estimate, ...]:
    """Return every metric of one arm's predictions (all folds and seeds) with group-level and image-level intervals.

    Copies of one origin are averaged first (:func:`average_copies`). Each metric is computed for each seed, pooled over
    folds (aggregation ``pooled``; ``auc`` within folds, then averaged: ``mean``), and averaged over seeds; the group
    variance gets s²/S added, with Satterthwaite degrees of freedom; ``scatter`` replaces this arm's s² by the one
    pooled over a study. The metrics of confusion matrices also come for each fold (``fold:k``). ``patient_level=False``
    leaves out ``patient_accuracy``. Undefined values and intervals are NaN, with the reason in ``note``. Methods:
    docs/statistics.md.

    Parameters
    ----------
    predictions
        Of one arm, all folds and seeds.
    level
        Of the intervals, as a fraction.
    patient_level
        False leaves out ``patient_accuracy``.
    scatter
        (metric, class, average, aggregation) -> (variance between seeds, df) of the study, in place of this arm's.

    Returns
    -------
    One estimate a metric, class, average and aggregation; fractions but for MCC and kappa in [-1, 1] and log-loss
    in nats.

    Raises
    ------
    InputError
        Where there is no row, or a class index out of range.

    References
    ----------
    docs/statistics.md names the method of each metric.
    """
    _check(predictions)
    p, pooled = average_copies(predictions), scatter or {}
    note = COPIES_AVERAGED if len(p) < len(predictions) else ""
    table = table_of(p, level, pooled, "pooled", note)
    found = [*_of_matrix(table), *of_scores(table)]
    for k in np.unique(p.fold):
        rows = p.take(p.fold == k)
        found += _of_matrix(table_of(rows, level, pooled, f"fold:{k}", note))
    if patient_level:
        found.append(_patient_accuracy(p, level))
    return tuple(found)


def seed_scatter(arms: list[Predictions]) -> dict[SeedKey, tuple[float, float]]:
    """Return (metric, class, average, aggregation) -> (variance between seeds, its degrees of freedom), pooled over
    arms.

    It is the error that a single run has for its seed alone. Empty where no arm has two seeds.

    Parameters
    ----------
    arms
        Predictions of the arms of a study.

    Returns
    -------
    The pooled variances, in squared units of the metric.
    """
    series: dict[SeedKey, list[FloatArray]] = {}
    for p in arms:
        seeds = np.unique(p.seed)
        values: dict[SeedKey, list[float]] = {}
        for seed in seeds if len(seeds) > 1 else ():
            for e in estimate_predictions(p.take(p.seed == seed), patient_level=False):
                if e.value == e.value:
                    values.setdefault((e.metric, e.class_, e.average, e.aggregation), []).append(e.value)
        for key, found in values.items():
            series.setdefault(key, []).append(np.array(found))
    return {key: pooled for key, arrays in series.items() if (pooled := pooled_variance(*arrays))[1] > 0}


def matrix_estimates(predictions: Predictions, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Return the metrics of the confusion matrix over all folds alone, as :func:`estimate_predictions` makes them."""
    _check(predictions)
    return tuple(_of_matrix(table_of(average_copies(predictions), level, {}, "pooled", "")))


def auc_estimates(predictions: Predictions, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Return the AUCs alone, as :func:`estimate_predictions` makes them: over all classes first. Scores must not be
    NaN.

    Parameters
    ----------
    predictions
        With scores ``(n_images, n_classes)``, none of them NaN.

    Returns
    -------
    AUCs as fractions, that over all classes first.
    """
    _check(predictions)
    return tuple(auc(table_of(average_copies(predictions), level, {}, "pooled", "")))


def calibration_estimates(predictions: Predictions, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Return ECE, Brier score and log-loss alone, as :func:`estimate_predictions` makes them. Scores must
    not be NaN.

    Parameters
    ----------
    predictions
        With scores ``(n_images, n_classes)``, none of them NaN.

    Returns
    -------
    ECE in [0, 1], Brier score in [0, 2], log-loss in nats.
    """
    _check(predictions)
    p = average_copies(predictions)
    table = table_of(p, level, {}, "pooled", "")
    terms = {"brier": brier_terms, "log_loss": log_loss_terms}
    return (ece(table), *(mean_term(table, name, of(p.label, p.scores)) for name, of in terms.items()))


def majority_accuracy(predictions: Predictions) -> float:
    """Return the accuracy of always naming the most frequent class of the tested images, after averaging copies.

    NaN for no images. It is what a network must beat before its other figures mean anything.
    """
    p = average_copies(predictions)
    rows = p.seed == p.seed.min() if len(p) else slice(None)
    counts = np.bincount(p.label[rows])
    return float(counts.max() / counts.sum()) if counts.sum() else NAN


def _check(predictions: Predictions) -> None:
    if not len(predictions):
        raise InputError("there are no predictions", expected="at least one row", found="0 rows")
    n_classes = len(predictions.classes)
    if predictions.scores.shape != (len(predictions), n_classes):
        raise InputError(
            "scores do not fit",
            expected=f"shape ({len(predictions)}, {n_classes})",
            found=str(predictions.scores.shape),
        )
    metrics.confusion_matrix(predictions.label, predictions.predicted, n_classes)


# ------------------------------------------------------------------------------------------------ confusion matrices

CONSTANT = "one class is always named: a constant has no interval"
FIXED = "fixed by which classes have images here: a constant has no interval"
_Counts = Callable[[Margins], tuple[FloatArray, FloatArray]]
_Metric = Callable[[Margins], Any]


def _of_matrix(t: Table) -> Iterator[Estimate]:
    every = range(len(t.p.classes))
    yield _proportion(t, Subject(metric="accuracy", family=Family.PROPORTION), metrics.accuracy, _right)
    yield _mean_of_parts(t, "balanced_accuracy", "none", _recall_counts)
    yield _jackknifed(t, Subject(metric="mcc", family=Family.MATRIX), metrics.mcc, "fisher")
    yield _jackknifed(t, Subject(metric="kappa", family=Family.MATRIX), metrics.kappa, "fisher")
    for c, name in enumerate(t.p.classes):
        for metric, counts in (("recall", _recall_counts), ("specificity", _specificity_counts)):
            deciding = [k for k in every if (k == c) == (metric == "recall")]
            subject = Subject(metric=metric, family=Family.PROPORTION, class_=name, classes=deciding)
            yield _proportion(t, subject, _of_class(getattr(metrics, metric), c), partial(_one_class, counts, c))
        for metric in ("precision", "f1"):
            subject = Subject(metric=metric, family=Family.MATRIX, class_=name)
            yield _jackknifed(t, subject, _of_class(getattr(metrics, metric), c), "logit")
    for average in ("macro", "weighted"):
        yield from _averaged(t, average)


def _averaged(t: Table, average: str) -> Iterator[Estimate]:
    for metric in ("precision", "recall", "specificity", "f1"):
        subject = Subject(metric=metric, family=Family.MATRIX, average=average)
        if metric in ("recall", "specificity") and average == "macro":
            yield _mean_of_parts(t, metric, average, _recall_counts if metric == "recall" else _specificity_counts)
        elif metric == "recall":  # weighted by support it is accuracy, and gets its interval
            weighted = Subject(metric=metric, family=Family.PROPORTION, average=average)
            yield _proportion(t, weighted, partial(metrics.recall, average="weighted"), _right)
        else:
            yield _jackknifed(t, subject, partial(getattr(metrics, metric), average=average), "logit")


def _of_class(metric: _Metric, c: int) -> _Metric:
    return lambda m: metric(m)[..., c]


def _right(m: Margins) -> tuple[FloatArray, FloatArray]:
    return np.asarray(m.diagonal.sum(axis=0)), m.total


def _recall_counts(m: Margins) -> tuple[FloatArray, FloatArray]:
    return m.diagonal, m.actual


def _specificity_counts(m: Margins) -> tuple[FloatArray, FloatArray]:
    return m.total - m.actual - m.predicted + m.diagonal, m.total - m.actual


def _one_class(counts: _Counts, c: int, m: Margins) -> tuple[FloatArray, FloatArray]:
    numerator, denominator = counts(m)
    return numerator[c], denominator[c]


def _per_seed(t: Table, function: _Metric) -> FloatArray:
    return np.atleast_1d(np.asarray(function(t.by_group.sum(axis=-1)), dtype=np.float64))


def _by_model(t: Table, function: _Metric, value: float, floor: float, extra: tuple[float, float]) -> Interval | None:
    """Return the interval of the model of few patients where the design asks for it, and the classes'
    recalls suffice.
    """
    if t.posterior is None:
        return None
    draws = np.asarray(function(t.posterior.margins()), dtype=np.float64)
    return hierarchical.interval_from(draws, value, units=t.units, limits=(floor, 1.0), level=t.level, extra=extra)


def _proportion(t: Table, subject: Subject, function: _Metric, counts: _Counts) -> Estimate:
    """A share of images: Korn-Graubard by group (or the model of few patients), Wilson by image."""
    per_seed = _per_seed(t, function)
    value = float(np.mean(per_seed))
    successes, totals = (part.mean(axis=0) for part in counts(t.by_group))
    if math.isnan(value):
        return undefined(t, subject, _why_undefined(subject, t))
    seeds, extra = subject.extra(t, per_seed)
    if t.names_one_class and subject.class_:
        return _constant(t, subject, value, seeds)
    by_image = wilson(value * totals.sum(), float(totals.sum()), level=t.level)
    majority = _majority_note(t, value) if subject.metric == "accuracy" else ""
    one_class = subject.classes is not None and len(subject.classes) == 1
    strata = None if one_class else t.units.strata
    # a constant's accuracy is how many patients are of its class, whatever their images: no model of rates within them
    by_group = _by_model(t, function, value, 0.0, extra) if _poor(t, subject) and not t.names_one_class else None
    by_group = by_group or korn_graubard(successes, totals, level=t.level, value=value, extra=extra, strata=strata)
    return made(t, subject, value, noted(by_group, majority), by_image, seeds)


def _constant(t: Table, subject: Subject, value: float, seeds: tuple[float, float], why: str = CONSTANT) -> Estimate:
    return made(t, subject, value, no_interval(why), no_interval(why), seeds)


def _is_fixed(t: Table, subject: Subject) -> bool:
    """Whether the value follows from which classes are tested alone: nothing called a class without images is right,
    all is that is called the only one, and nobody agrees beyond chance with one class.
    """
    tested = t.by_group.actual.sum(axis=(1, 2)) > 0
    if subject.class_ and not tested[t.p.classes.index(subject.class_)]:
        return True
    return int(tested.sum()) == 1 and subject.metric in {"precision", "mcc", "kappa"}


def _poor(t: Table, subject: Subject) -> bool:
    """Return whether a class that decides the metric has few patients."""
    return min(t.units.effective(subject.classes), default=math.inf) < hierarchical.FEW


def _majority_note(t: Table, value: float) -> str:
    best = majority_accuracy(t.p)
    return f"does not beat the majority class ({best:.3f})" if value <= best else ""


def _mean_of_parts(t: Table, metric: str, average: str, counts: _Counts) -> Estimate:
    """A mean over classes of shares: MOVER over Korn-Graubard parts by group, jackknife by image."""
    subject = Subject(metric=metric, family=Family.MEAN, average=average)
    recalls = counts is _recall_counts
    function: _Metric = metrics.balanced_accuracy if recalls else partial(metrics.specificity, average="macro")
    per_seed = _per_seed(t, function)
    value = float(np.mean(per_seed))
    if math.isnan(value):
        return undefined(t, subject, _why_undefined(subject, t))
    seeds, extra = subject.extra(t, per_seed)
    if t.names_one_class:
        return _constant(t, subject, value, seeds)
    by_image = _jackknife(t, function, "logit", by_image=True)
    by_group = _by_model(t, function, value, 0.0, extra)
    if by_group is None:
        successes, totals = (part.mean(axis=1) for part in counts(t.by_group))
        values = np.asarray(np.divide(*counts(t.by_group.sum(axis=-1))).mean(axis=1))
        by_group = mean_of_proportions(
            successes, totals, level=t.level, values=values, extra=extra, strata=t.units.strata, one_class=recalls
        )
    return made(t, subject, value, by_group, by_image, seeds)


def _jackknife(
    t: Table, function: _Metric, scale: Scale, *, by_image: bool = False, extra: tuple[float, float] = (0.0, 0.0)
) -> Interval:
    margins, units = (t.by_image, t.image_units) if by_image else (t.by_group, t.units)
    value = float(np.mean(function(margins.sum(axis=-1))))
    left_out = np.atleast_2d(function(t.without_image if by_image else t.without_group)).mean(axis=0)
    return jackknife(value, left_out, scale=scale, units=units, level=t.level, extra=extra)


def _jackknifed(t: Table, subject: Subject, function: _Metric, scale: Scale) -> Estimate:
    """Any other function of the confusion matrix: jackknife by group (or the model of few patients) and by image."""
    per_seed = _per_seed(t, function)
    value = float(np.mean(per_seed))
    if math.isnan(value):
        return undefined(t, subject, _why_undefined(subject, t))
    seeds, extra = subject.extra(t, per_seed)
    if t.names_one_class:  # known from the images of each class alone
        return _constant(t, subject, value, seeds)
    if _is_fixed(t, subject):
        return _constant(t, subject, value, seeds, FIXED)
    by_image = _jackknife(t, function, scale, by_image=True)
    by_group = _by_model(t, function, value, -1.0 if scale == "fisher" else 0.0, extra)
    return made(t, subject, value, by_group or _jackknife(t, function, scale, extra=extra), by_image, seeds)


def _why_undefined(subject: Subject, t: Table) -> str:
    total = t.by_group.sum(axis=-1)
    never = [c for c, name in zip(t.p.classes, total.predicted, strict=True) if not name.all()]
    absent = [c for c, name in zip(t.p.classes, total.actual, strict=True) if not name.all()]
    if subject.class_:
        never, absent = [c for c in never if c == subject.class_], [c for c in absent if c == subject.class_]
    of_recalls = subject.metric in ("recall", "balanced_accuracy")
    reasons = [f"never predicted: {', '.join(never)}"] if never and not of_recalls else []
    reasons += [f"no image of: {', '.join(absent)}"] if absent else []
    return "undefined: " + ("; ".join(reasons) or "0/0")


def _patient_accuracy(p: Predictions, level: float) -> Estimate:
    found = patient_results(p, level=level)
    return Estimate(
        metric="patient_accuracy", value=found.accuracy, low=found.interval.low, high=found.interval.high,
        method=found.interval.method, df=found.interval.df, standard_error=found.interval.standard_error,
        n_images=len(p.images[0]), n_groups=found.n_patients, effective_groups=float(found.n_patients),
        n_seeds=len(np.unique(p.seed)), df_groups=found.interval.df_groups, seed_variance=found.seed_variance,
        seed_df=found.seed_df, grade=Grade.NONE if math.isnan(found.interval.low) else Grade.ASSURED, note=found.note,
    )  # fmt: skip


__all__ = [
    "SeedScatter",
    "average_copies",
    "estimate_predictions",
    "majority_accuracy",
    "patient_results",
    "seed_scatter",
]
