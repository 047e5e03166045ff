"""Estimates of scores: AUC within folds, Brier score, log-loss, calibration error."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from leukbench.evaluation import metrics
from leukbench.evaluation.design import PerClass, effective_groups
from leukbench.evaluation.grades import Family
from leukbench.evaluation.intervals import Interval, jackknife, no_interval, t_interval, with_seeds, without_each
from leukbench.evaluation.ranking import AucParts, auc_interval, auc_parts
from leukbench.evaluation.resampling import auc_classes, draw_weights
from leukbench.evaluation.scoring import brier_terms, log_loss_terms, reliability_bin
from leukbench.evaluation.tables import Subject, Table, made, noted, undefined
from leukbench.records import Estimate, FloatArray, IntArray
from leukbench.seeds import generator_for

ECE_BINS = 15
ECE_RESAMPLES = 2000
_FAMILIES = {"auc": Family.RANKING, "brier": Family.TERMS, "log_loss": Family.TERMS, "ece": Family.BINNED}


def of_scores(t: Table) -> Iterator[Estimate]:
    """Yield AUCs, Brier score, log-loss and calibration error; NaN with the reason where predictions have no scores."""
    if np.isnan(t.p.scores).any():
        for metric, family in _FAMILIES.items():
            yield undefined(t, Subject(metric=metric, family=family), "undefined: predictions without scores")
        return
    yield from auc(t)
    yield mean_term(t, "brier", brier_terms(t.p.label, t.p.scores))
    yield mean_term(t, "log_loss", log_loss_terms(t.p.label, t.p.scores))
    yield ece(t)


def auc(t: Table) -> Iterator[Estimate]:
    """Yield the AUCs within folds, averaged: one for two classes; the macro mean and one a class for more."""
    t = dataclasses.replace(t, aggregation="mean")
    classes = auc_classes(t.p.scores)
    by_group, by_image = (_auc_parts(t, units, classes) for units in (t.groups, t.images))
    shared = _folds_share(t.groups, t.p.fold)
    wanted: list[tuple[int | None, str, str]] = [(None, "", "none" if len(t.p.classes) == 2 else "macro")]
    if len(classes) > 1:
        wanted += [(i, t.p.classes[c], "none") for i, c in enumerate(classes)]
    for which, class_, average in wanted:
        subject = Subject(metric="auc", family=Family.RANKING, class_=class_, average=average)
        per_seed = np.array([_pick(part.values, which).mean() if len(part.values) else np.nan for part in by_group])
        seeds, extra = subject.extra(t, per_seed)
        value, interval = auc_interval(
            by_group, which, units=t.units, folds_share_units=shared, level=t.level, extra=extra
        )
        _, images = auc_interval(by_image, which, units=t.image_units, folds_share_units=False, level=t.level)
        yield made(t, subject, value, interval, images, seeds)


def _pick(values: FloatArray, which: int | None) -> FloatArray:
    return np.asarray(values.mean(axis=-1) if which is None else values[..., which])


def _auc_parts(t: Table, units: IntArray, classes: list[int]) -> list[AucParts]:
    n_units = int(units.max()) + 1
    parts = []
    for s in range(t.n_seeds):
        rows = t.seeds == s
        parts.append(
            auc_parts(t.p.label[rows], t.p.scores[rows], t.p.fold[rows], units[rows], n_units=n_units, classes=classes)
        )
    return parts


def _folds_share(units: IntArray, fold: IntArray) -> bool:
    """Return whether a unit is tested in two folds."""
    _, folds = np.unique(fold, return_inverse=True)
    n_folds = int(folds.max()) + 1
    return n_folds > 1 and bool((np.bincount(np.unique(units * n_folds + folds) // n_folds) > 1).any())


def mean_term(t: Table, metric: str, terms: FloatArray) -> Estimate:
    """Return the estimate of a mean over images of something positive: jackknife, t on the log."""
    subject = Subject(metric=metric, family=Family.TERMS)
    per_seed = np.array([terms[t.seeds == s].mean() for s in range(t.n_seeds)])
    value, most = float(per_seed.mean()), 2.0 if metric == "brier" else np.inf  # all on the wrong one of the classes
    seeds, extra = subject.extra(t, per_seed)
    by_group = _log_t(t, terms, t.groups, t.units, value, extra, most)
    return made(t, subject, value, by_group, _log_t(t, terms, t.images, t.image_units, value, (0.0, 0.0), most), seeds)


def _log_t(
    t: Table, terms: FloatArray, codes: IntArray, units: PerClass, value: float, extra: tuple[float, float],
    most: float,
) -> Interval:  # fmt: skip
    sums, sizes = np.bincount(codes, weights=terms), units.sizes * t.n_seeds
    if len(sizes) < 2:
        return no_interval("one group only: nothing says how much groups differ", effective_groups=float(len(sizes)))
    left_out = without_each(sums, units.strata) / without_each(sizes, units.strata)
    made_ = jackknife(value, left_out, scale="log", units=units, level=t.level, extra=extra)
    return dataclasses.replace(made_, high=most) if made_.high > most else made_


def ece(t: Table) -> Estimate:
    """Return calibration error: group bootstrap standard error, t on the logit; by image the same over images
    (jackknife).
    """
    subject = Subject(metric="ece", family=Family.BINNED)
    gap = t.p.scores.max(axis=1) - (t.p.scores.argmax(axis=1) == t.p.label)
    bins = reliability_bin(t.p.scores, bins=ECE_BINS)
    per_seed = np.array(
        [metrics.ece(t.p.label[t.seeds == s], t.p.scores[t.seeds == s], bins=ECE_BINS) for s in range(t.n_seeds)]
    )
    value = float(per_seed.mean())
    seeds, extra = subject.extra(t, per_seed)
    by_group = noted(_ece_bootstrap(t, gap, bins, value, extra), "biased upwards; interval indicative")
    return made(t, subject, value, by_group, _ece_jackknife(t, gap, bins, value), seeds)


def _ece_bootstrap(t: Table, gap: FloatArray, bins: IntArray, value: float, extra: tuple[float, float]) -> Interval:
    sizes = t.units.sizes
    n_groups = len(sizes)
    if n_groups < 2:
        return no_interval("one group only: nothing says how much groups differ", effective_groups=float(n_groups))
    resamples = int(np.clip(4e6 // n_groups, 200, ECE_RESAMPLES))
    generator = generator_for(0, "bootstrap", "ece")
    weights = draw_weights(n_groups, resamples, generator=generator, strata=t.units.strata).astype(np.float64)
    resampled = np.zeros(resamples)
    for s in range(t.n_seeds):
        rows = t.seeds == s
        sums = np.zeros((n_groups, ECE_BINS))
        np.add.at(sums, (t.groups[rows], bins[rows]), gap[rows])
        images = np.bincount(t.groups[rows], minlength=n_groups)
        resampled += np.abs(weights @ sums).sum(axis=1) / np.maximum(weights @ images, 1)
    strata = np.zeros(n_groups, dtype=np.int64) if t.units.strata is None else t.units.strata
    members = [strata == c for c in np.unique(strata)]
    smallest = max(min(int(m.sum()) for m in members), 2)
    own = float(np.var(resampled / t.n_seeds, ddof=1)) * smallest / (smallest - 1)
    df_groups = sum(effective_groups(sizes[m]) - 1 for m in members)
    variance, df = with_seeds((own, df_groups), extra)
    method = "group bootstrap standard error, t on logit"
    made_ = t_interval(value, variance, df=df, scale="logit", level=t.level, method=method, groups=t.units.fewest)
    return dataclasses.replace(made_, df_groups=df_groups)


def _ece_jackknife(t: Table, gap: FloatArray, bins: IntArray, value: float) -> Interval:
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
    return jackknife(value, left_out, scale="logit", units=t.image_units, level=t.level)
