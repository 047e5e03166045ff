"""Predictions become estimates: every metric with its group-level interval beside the image-level one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from leukbench.errors import InputError
from leukbench.evaluation import metrics
from leukbench.evaluation.intervals import (
    NAN,
    Interval,
    Scale,
    effective_groups,
    fewest_effective_groups,
    intraclass_correlation,
    jackknife,
    join_notes,
    korn_graubard,
    mean_of_proportions,
    no_interval,
    satterthwaite,
    t_interval,
    wilson,
)
from leukbench.evaluation.metrics import Margins
from leukbench.evaluation.patients import average_copies, patient_results
from leukbench.evaluation.ranking import auc_interval, auc_parts
from leukbench.evaluation.resampling import auc_classes, draw_weights, group_codes
from leukbench.evaluation.reservations import domain_note
from leukbench.evaluation.scoring import brier_terms, log_loss_terms, reliability_bin
from leukbench.records import COPIES_AVERAGED, Estimate, FloatArray, IntArray, Predictions
from leukbench.seeds import generator_for

SeedScatter = Mapping[tuple[str, str, str], tuple[float, float]]
"""(metric, class_, average) -> (s² between seeds, its df), pooled over the arms of a study."""
ECE_BINS = 15
ECE_RESAMPLES = 2000


@dataclass(frozen=True)
class _Table:
    """Averaged-copies predictions, counted twice: ``by_group`` and ``by_image`` hold margins ``(C, n_seeds, units)``."""

    p: Predictions
    seeds: IntArray  # index of each row's seed
    groups: IntArray  # index of each row's group
    images: IntArray  # index of each row's image
    by_group: Margins
    by_image: Margins
    level: float
    scatter: SeedScatter
    aggregation: str
    note: str

    @property
    def n_seeds(self) -> int:
        return int(self.seeds.max()) + 1

    @property
    def sizes(self) -> FloatArray:
        """Images per group, mean over seeds."""
        return np.asarray(self.by_group.total.mean(axis=0), dtype=np.float64)

    @property
    def strata(self) -> IntArray | None:
        """Each group's class where every group has one label, else None."""
        return _strata(self.by_group)

    def extra(self, per_seed: FloatArray, key: tuple[str, str, str]) -> tuple[float, float]:
        """Return s²/S and its degrees of freedom; (0, 0) for one seed without a pooled scatter."""
        own = (float(np.var(per_seed, ddof=1)), self.n_seeds - 1.0) if self.n_seeds > 1 else (0.0, 0.0)
        s2, df = self.scatter.get(key, own)
        return s2 / self.n_seeds, df


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
    variance gets s²/S added, with Satterthwaite degrees of freedom; ``scatter`` replaces this arm's s² by the one pooled
    over a study. The metrics of confusion matrices also come for each fold (``fold:k``). ``patient_level=False`` leaves
    out ``patient_accuracy``. Undefined values and intervals are NaN, with the reason in ``note``. Methods: STATISTICS.md.
    Raises InputError where there is no row, or a class index out of range.
    """
    _check(predictions)
    p = average_copies(predictions)
    note = COPIES_AVERAGED if len(p) < len(predictions) else ""
    table = _table(p, level, scatter or {}, "pooled", note)
    found = [*_of_matrix(table), *_of_scores(table)]
    for k in np.unique(p.fold):
        rows = p.take(p.fold == k)
        found += _of_matrix(_table(rows, level, {}, f"fold:{k}", note))
    if patient_level:
        found.append(_patient_accuracy(p, level))
    return tuple(found)


def matrix_estimates(predictions: Predictions, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Return the metrics of the confusion matrix over all folds alone, as :func:`estimate_predictions` makes them."""
    _check(predictions)
    return tuple(_of_matrix(_table(average_copies(predictions), level, {}, "pooled", "")))


def auc_estimates(predictions: Predictions, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Return the AUCs alone, as :func:`estimate_predictions` makes them: over all classes first. Scores must not be NaN."""
    _check(predictions)
    return tuple(_auc(_table(average_copies(predictions), level, {}, "pooled", "")))


def calibration_estimates(predictions: Predictions, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Return ECE, Brier score and log-loss alone, as :func:`estimate_predictions` makes them. Scores must not be NaN."""
    _check(predictions)
    p = average_copies(predictions)
    table = _table(p, level, {}, "pooled", "")
    terms = {"brier": brier_terms, "log_loss": log_loss_terms}
    return (_ece(table), *(_mean_term(table, name, of(p.label, p.scores)) for name, of in terms.items()))


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


def _table(p: Predictions, level: float, scatter: SeedScatter, aggregation: str, note: str) -> _Table:
    seeds, groups, images = (group_codes(a.astype(np.str_))[1] for a in (p.seed, p.group, p.image_id))
    by_group, by_image = (_margins(p, seeds, units) for units in (groups, images))
    return _Table(p, seeds, groups, images, by_group, by_image, level, scatter, aggregation, note)


def _margins(p: Predictions, seeds: IntArray, units: IntArray) -> Margins:
    """Return margins ``(C, n_seeds, n_units)`` without ever making the matrices of single images."""
    shape = (len(p.classes), int(seeds.max()) + 1, int(units.max()) + 1)
    parts = []
    for values, kept in ((p.label, p.label == p.predicted), (p.label, slice(None)), (p.predicted, slice(None))):
        flat = np.ravel_multi_index((values[kept], seeds[kept], units[kept]), shape)
        parts.append(np.bincount(flat, minlength=math.prod(shape)).reshape(shape).astype(np.float64))
    return Margins(*parts)


# ------------------------------------------------------------------------------------------------ confusion matrices


def _of_matrix(t: _Table) -> Iterator[Estimate]:
    total = t.by_group.sum(axis=-1)
    yield _proportion(t, "accuracy", metrics.accuracy(total), lambda m: (m.diagonal.sum(axis=0), m.total))
    yield _mean_of_parts(t, "balanced_accuracy", "none", _recall_counts)
    yield _jackknifed(t, "mcc", metrics.mcc, "fisher")
    yield _jackknifed(t, "kappa", metrics.kappa, "fisher")
    for c, name in enumerate(t.p.classes):
        for metric, counts in (("recall", _recall_counts), ("specificity", _specificity_counts)):
            per_seed = getattr(metrics, metric)(total)[..., c]
            yield _proportion(t, metric, per_seed, _one_class(counts, c), class_=name)
        yield _jackknifed(t, "precision", _of_class(metrics.precision, c), "logit", class_=name)
        yield _jackknifed(t, "f1", _of_class(metrics.f1, c), "logit", class_=name)
    yield _jackknifed(t, "precision", lambda m: metrics.precision(m, "macro"), "logit", average="macro")
    yield _mean_of_parts(t, "recall", "macro", _recall_counts)
    yield _mean_of_parts(t, "specificity", "macro", _specificity_counts)
    yield _jackknifed(t, "f1", lambda m: metrics.f1(m, "macro"), "logit", average="macro")
    yield _jackknifed(t, "precision", lambda m: metrics.precision(m, "weighted"), "logit", average="weighted")
    # recall weighted by support is accuracy, and gets its interval
    whole = lambda m: (m.diagonal.sum(axis=0), m.total)  # noqa: E731
    yield _proportion(t, "recall", metrics.recall(total, "weighted"), whole, average="weighted")
    yield _jackknifed(t, "specificity", lambda m: metrics.specificity(m, "weighted"), "logit", average="weighted")
    yield _jackknifed(t, "f1", lambda m: metrics.f1(m, "weighted"), "logit", average="weighted")


def _of_class(metric: Callable[[Margins], Any], c: int) -> Callable[[Margins], Any]:
    return lambda m: metric(m)[..., c]


_Counts = Callable[[Margins], tuple[FloatArray, FloatArray]]


def _recall_counts(m: Margins) -> tuple[FloatArray, FloatArray]:
    return m.diagonal, m.actual


def _specificity_counts(m: Margins) -> tuple[FloatArray, FloatArray]:
    return m.total - m.actual - m.predicted + m.diagonal, m.total - m.actual


def _one_class(counts: _Counts, c: int) -> _Counts:
    def of_class(m: Margins) -> tuple[FloatArray, FloatArray]:
        numerator, denominator = counts(m)
        return numerator[c], denominator[c]

    return of_class


def _proportion(
    t: _Table, metric: str, per_seed: FloatArray, counts: _Counts, *, class_: str = "", average: str = "none"
) -> Estimate:
    """A share of images: Korn-Graubard by group, Wilson by image."""
    value = float(np.mean(per_seed))
    successes, totals = (part.mean(axis=0) for part in counts(t.by_group))
    if math.isnan(value):
        return _made(t, metric, value, no_interval(_why_undefined(metric, class_, t)), Interval(), class_, average)
    extra = t.extra(per_seed, (metric, class_, average))
    by_group = korn_graubard(successes, totals, level=t.level, value=value, extra=extra, strata=t.strata)
    by_image = wilson(value * totals.sum(), float(totals.sum()), level=t.level)
    groups = fewest_effective_groups(totals[totals > 0], None if t.strata is None else t.strata[totals > 0])
    doubt = domain_note(groups, value=value, correlation=intraclass_correlation(successes, totals))
    majority = _majority_note(t, value) if metric == "accuracy" else ""
    by_group = dataclasses.replace(by_group, note=join_notes(majority, by_group.note, doubt))
    return _made(t, metric, value, by_group, by_image, class_, average)


def _majority_note(t: _Table, value: float) -> str:
    best = majority_accuracy(t.p)
    return f"does not beat the majority class ({best:.3f})" if value <= best else ""


def _mean_of_parts(t: _Table, metric: str, average: str, counts: _Counts) -> Estimate:
    """A mean over classes of shares: MOVER over Korn-Graubard parts by group, jackknife by image."""
    successes, totals = (part.mean(axis=1) for part in counts(t.by_group))
    function = metrics.balanced_accuracy if counts is _recall_counts else lambda m: metrics.specificity(m, "macro")
    per_seed = np.atleast_1d(function(t.by_group.sum(axis=-1)))
    value = float(np.mean(per_seed))
    if math.isnan(value):
        return _made(t, metric, value, no_interval(_why_undefined(metric, "", t)), Interval(), "", average)
    extra = t.extra(per_seed, (metric, "", average))
    by_group = mean_of_proportions(
        successes, totals, level=t.level, values=_per_class(t, counts), extra=extra, strata=t.strata
    )
    doubt = domain_note(by_group.effective_groups)
    by_group = dataclasses.replace(by_group, note=join_notes(by_group.note, doubt))
    return _made(t, metric, value, by_group, _jackknife(t, t.by_image, function, "logit", (0.0, 0.0)), "", average)


def _per_class(t: _Table, counts: _Counts) -> FloatArray:
    successes, totals = counts(t.by_group.sum(axis=-1))
    return np.asarray((successes / totals).mean(axis=1))


def _jackknife(
    t: _Table, units: Margins, function: Callable[[Margins], Any], scale: Scale, extra: tuple[float, float]
) -> Interval:
    whole = units.sum(axis=-1)
    value = float(np.mean(function(whole)))
    without = Margins(
        *(getattr(whole, part)[..., None] - getattr(units, part) for part in ("diagonal", "actual", "predicted"))
    )
    left_out = np.atleast_2d(function(without)).mean(axis=0)
    sizes = units.total.mean(axis=0)
    return jackknife(value, left_out, scale=scale, sizes=sizes, strata=_strata(units), level=t.level, extra=extra)


def _strata(units: Margins) -> IntArray | None:
    """Return each unit's class where every unit (group or image) has one label, else None."""
    held = units.actual.sum(axis=1) > 0
    return held.argmax(axis=0).astype(np.int64) if (held.sum(axis=0) == 1).all() else None


def _jackknifed(
    t: _Table, metric: str, function: Callable[[Margins], Any], scale: Scale, *, class_: str = "", average: str = "none"
) -> Estimate:
    """Any other function of the confusion matrix: jackknife by group and by image."""
    per_seed = np.atleast_1d(function(t.by_group.sum(axis=-1)))
    value = float(np.mean(per_seed))
    if math.isnan(value):
        return _made(t, metric, value, no_interval(_why_undefined(metric, class_, t)), Interval(), class_, average)
    by_group = _jackknife(t, t.by_group, function, scale, t.extra(per_seed, (metric, class_, average)))
    by_group = dataclasses.replace(by_group, note=join_notes(by_group.note, domain_note(by_group.effective_groups)))
    by_image = _jackknife(t, t.by_image, function, scale, (0.0, 0.0))
    return _made(t, metric, value, by_group, by_image, class_, average)


def _why_undefined(metric: str, class_: str, t: _Table) -> str:
    total = t.by_group.sum(axis=-1)
    never = [c for c, name in zip(t.p.classes, total.predicted, strict=True) if not name.all()]
    absent = [c for c, name in zip(t.p.classes, total.actual, strict=True) if not name.all()]
    if class_:
        never, absent = [c for c in never if c == class_], [c for c in absent if c == class_]
    reasons = (
        [f"never predicted: {', '.join(never)}"] if never and metric not in ("recall", "balanced_accuracy") else []
    )
    reasons += [f"no image of: {', '.join(absent)}"] if absent else []
    return "undefined: " + ("; ".join(reasons) or "0/0")


def _made(
    t: _Table, metric: str, value: float, by_group: Interval, by_image: Interval, class_: str, average: str
) -> Estimate:
    """Assemble an estimate and its notes."""
    n_groups, n_images = len(t.sizes), int(t.images.max()) + 1
    single = "every group is one image: same as image" if n_groups == n_images and n_images > 1 else ""
    return Estimate(
        metric=metric, value=value, class_=class_, average=average, aggregation=t.aggregation,
        low=by_group.low, high=by_group.high, method=by_group.method, df=by_group.df,
        standard_error=by_group.standard_error, low_images=by_image.low, high_images=by_image.high,
        method_images=by_image.method.replace("group jackknife", "jackknife over images"),
        n_images=n_images, n_groups=n_groups,
        effective_groups=effective_groups(t.sizes) if math.isnan(by_group.effective_groups) else by_group.effective_groups,
        n_seeds=t.n_seeds, note=join_notes(by_group.note, single, t.note),
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- scores


def _of_scores(t: _Table) -> Iterator[Estimate]:
    if np.isnan(t.p.scores).any():
        reason = no_interval("undefined: predictions without scores")
        for metric in ("auc", "brier", "log_loss", "ece"):
            yield _made(t, metric, NAN, reason, Interval(), "", "none")
        return
    yield from _auc(t)
    yield _mean_term(t, "brier", brier_terms(t.p.label, t.p.scores))
    yield _mean_term(t, "log_loss", log_loss_terms(t.p.label, t.p.scores))
    yield _ece(t)


def _auc(t: _Table) -> Iterator[Estimate]:
    """AUC within folds, averaged: one for two classes; the macro mean and one a class for more."""
    t = dataclasses.replace(t, aggregation="mean")
    classes = auc_classes(t.p.scores)
    by_group, by_image = (_auc_parts(t, units, classes) for units in (t.groups, t.images))
    wanted: list[tuple[int | None, str, str]] = [(None, "", "none" if len(t.p.classes) == 2 else "macro")]
    if len(classes) > 1:
        wanted += [(i, t.p.classes[c], "none") for i, c in enumerate(classes)]
    for which, class_, average in wanted:
        pick = _picker(which)
        per_seed = np.array([pick(part.values).mean() if len(part.values) else NAN for part in by_group])
        extra = t.extra(per_seed, ("auc", class_, average))
        value, interval = _auc_interval(t, by_group, t.groups, which, extra)
        _, images = _auc_interval(t, by_image, t.images, which, (0.0, 0.0))
        interval = dataclasses.replace(interval, note=join_notes(interval.note, domain_note(interval.effective_groups)))
        images = dataclasses.replace(images, method=images.method.replace("Obuchowski", "DeLong"))
        yield _made(t, "auc", value, interval, images, class_, average)


def _picker(which: int | None) -> Callable[[FloatArray], FloatArray]:
    return lambda values: np.asarray(values.mean(axis=-1) if which is None else values[..., which])


def _auc_parts(t: _Table, units: IntArray, classes: list[int]) -> list[Any]:
    n_units = int(units.max()) + 1
    parts = []
    for s in range(t.n_seeds):
        rows = t.seeds == s
        parts.append(
            auc_parts(t.p.label[rows], t.p.scores[rows], t.p.fold[rows], units[rows], n_groups=n_units, classes=classes)
        )
    return parts


def _auc_interval(
    t: _Table, parts: list[Any], units: IntArray, which: int | None, extra: tuple[float, float]
) -> tuple[float, Interval]:
    n_units = int(units.max()) + 1
    held = np.zeros((n_units, len(t.p.classes)), dtype=bool)
    held[units, t.p.label] = True
    label_of_unit = np.where(held.sum(axis=1) == 1, held.argmax(axis=1), -1)
    pairs = np.unique(np.stack([units, t.p.fold]), axis=1)
    shared = bool((np.bincount(pairs[0]) > 1).any())
    sizes = np.bincount(units, minlength=n_units) / t.n_seeds
    return auc_interval(
        parts, which, label_of_group=label_of_unit.astype(np.int64), sizes=sizes, folds_share_groups=shared,
        level=t.level, extra=extra,
    )  # fmt: skip


def _mean_term(t: _Table, metric: str, terms: FloatArray) -> Estimate:
    """A mean over images of something positive: jackknife, t on the log."""
    per_seed = np.array([terms[t.seeds == s].mean() for s in range(t.n_seeds)])
    value = float(per_seed.mean())
    extra = t.extra(per_seed, (metric, "", "none"))
    by_group = _log_t(t, terms, t.groups, t.by_group, value, extra)
    by_image = _log_t(t, terms, t.images, t.by_image, value, (0.0, 0.0))
    by_group = dataclasses.replace(by_group, note=join_notes(by_group.note, domain_note(by_group.effective_groups)))
    return _made(t, metric, value, by_group, by_image, "", "none")


def _log_t(
    t: _Table, terms: FloatArray, units: IntArray, counts: Margins, value: float, extra: tuple[float, float]
) -> Interval:
    sums, sizes = np.bincount(units, weights=terms), counts.total.sum(axis=0)
    if len(sizes) < 2:
        return no_interval("one group only: nothing says how much groups differ", effective_groups=float(len(sizes)))
    left_out = (sums.sum() - sums) / (sizes.sum() - sizes)
    return jackknife(value, left_out, scale="log", sizes=sizes, strata=_strata(counts), level=t.level, extra=extra)


def _ece(t: _Table) -> Estimate:
    """Calibration error: group bootstrap standard error, t on the logit; by image the same over images (jackknife)."""
    gap = t.p.scores.max(axis=1) - (t.p.scores.argmax(axis=1) == t.p.label)
    bins = reliability_bin(t.p.scores, bins=ECE_BINS)
    per_seed = np.array(
        [metrics.ece(t.p.label[t.seeds == s], t.p.scores[t.seeds == s], bins=ECE_BINS) for s in range(t.n_seeds)]
    )
    value = float(per_seed.mean())
    by_group = _ece_bootstrap(t, gap, bins, value, t.extra(per_seed, ("ece", "", "none")))
    by_image = _ece_jackknife(t, gap, bins, value)
    by_group = dataclasses.replace(
        by_group,
        note=join_notes(by_group.note, "biased upwards; interval indicative", domain_note(by_group.effective_groups)),
    )
    return _made(t, "ece", value, by_group, by_image, "", "none")


def _ece_bootstrap(t: _Table, gap: FloatArray, bins: IntArray, value: float, extra: tuple[float, float]) -> Interval:
    n_groups = len(t.sizes)
    if n_groups < 2:
        return no_interval("one group only: nothing says how much groups differ", effective_groups=float(n_groups))
    resamples = int(np.clip(4e6 // n_groups, 200, ECE_RESAMPLES))
    generator = generator_for(0, "bootstrap", "ece")
    weights = draw_weights(n_groups, resamples, generator=generator, strata=t.strata).astype(np.float64)
    resampled = np.zeros(resamples)
    for s in range(t.n_seeds):
        rows = t.seeds == s
        sums = np.zeros((n_groups, ECE_BINS))
        np.add.at(sums, (t.groups[rows], bins[rows]), gap[rows])
        images = np.bincount(t.groups[rows], minlength=n_groups)
        resampled += np.abs(weights @ sums).sum(axis=1) / np.maximum(weights @ images, 1)
    strata = np.zeros(n_groups, dtype=np.int64) if t.strata is None else t.strata
    members = [strata == c for c in np.unique(strata)]
    smallest = max(min(int(m.sum()) for m in members), 2)
    own = float(np.var(resampled / t.n_seeds, ddof=1)) * smallest / (smallest - 1)
    variance, df = satterthwaite((own, sum(effective_groups(t.sizes[m]) - 1 for m in members)), extra)
    method, groups = "group bootstrap standard error, t on logit", fewest_effective_groups(t.sizes, t.strata)
    return t_interval(value, variance, df=df, scale="logit", level=t.level, method=method, groups=groups)


def _ece_jackknife(t: _Table, gap: FloatArray, bins: IntArray, value: float) -> Interval:
    n_images = int(t.images.max()) + 1
    left_out = np.zeros(n_images)
    for s in range(t.n_seeds):
        rows = t.seeds == s
        sums = np.bincount(bins[rows], weights=gap[rows], minlength=ECE_BINS)
        n = int(rows.sum())
        own = np.full(n_images, np.abs(sums).sum() / n)  # images that this seed did not test change nothing
        after = sums[bins[rows]] - gap[rows]
        own[t.images[rows]] = (np.abs(sums).sum() - np.abs(sums[bins[rows]]) + np.abs(after)) / max(n - 1, 1)
        left_out += own / t.n_seeds
    sizes, strata = t.by_image.total.mean(axis=0), _strata(t.by_image)
    return jackknife(value, left_out, scale="logit", sizes=sizes, strata=strata, level=t.level)


def _patient_accuracy(p: Predictions, level: float) -> Estimate:
    found = patient_results(p, level=level)
    return Estimate(
        metric="patient_accuracy", value=found.accuracy, low=found.interval.low, high=found.interval.high,
        method=found.interval.method, df=found.interval.df, standard_error=found.interval.standard_error,
        n_images=len(np.unique(p.image_id)), n_groups=found.n_patients, effective_groups=float(found.n_patients),
        n_seeds=len(np.unique(p.seed)), note=join_notes(found.interval.note, found.note),
    )  # fmt: skip


__all__ = ["SeedScatter", "average_copies", "estimate_predictions", "majority_accuracy", "patient_results"]
