"""Differences between two sets of predictions on the same images or origins, with the group as the sampling unit."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from leukbench.errors import InputError, unknown_name
from leukbench.evaluation.design import PerClass, effective_groups
from leukbench.evaluation.grades import Family, grade_of
from leukbench.evaluation.intervals import (
    NAN,
    Interval,
    add_strata,
    jackknife_variance,
    join_notes,
    pooled_variance,
    satterthwaite,
    with_seeds,
    without_each,
)
from leukbench.evaluation.patients import average_copies
from leukbench.evaluation.resampling import (
    GroupedRun,
    bootstrap_runs,
    draw_weights,
    group_run,
    group_strata,
    sole_groups,
)
from leukbench.records import FloatArray, Grade, IntArray, Predictions, StringArray
from leukbench.seeds import generator_for

_MOST_DRAWS = 10_000_000  # groups × resamples held at once
_LEFT_OUT_UP_TO = 3_000  # groups; above, resampling tells the same and costs less
Compared = Literal["accuracy", "mcc", "auc", "balanced_accuracy", "macro_f1", "kappa"]


class Scope(StrEnum):
    """What a difference speaks of."""

    RUNS = "these runs only"  # nothing says how much another training would differ
    TRAININGS = "trainings"  # the variance between seeds is part of the error


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """``first`` - ``second`` of a metric with its group-level interval; NaN where undefined, with the reason in note.

    ``low_percentile`` and ``high_percentile`` are the bootstrap's own limits, known to be too narrow with few groups.
    ``p_mcnemar`` compares images and ignores groups: a cross-check, not a test to rely on. ``majority`` is the share of
    the most frequent class among the images that both were tested on, NaN where each was tested on others.
    """

    metric: str
    first: float
    second: float
    difference: float
    low: float = NAN
    high: float = NAN
    method: str = ""
    df: float = NAN
    standard_error: float = NAN
    p_value: float = NAN
    low_percentile: float = NAN
    high_percentile: float = NAN
    p_mcnemar: float = NAN
    n_images: int = 0
    n_groups: int = 0
    effective_groups: float = NAN  # of the poorest class
    majority: float = NAN
    scope: Scope = Scope.RUNS
    grade: Grade = Grade.NONE
    note: str = ""


def compare(
    first: Predictions,
    second: Predictions,
    *,
    metric: Compared = "accuracy",
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
    pooled: tuple[float, float] | None = None,
    second_trained: bool = True,
) -> Contrast:
    """Return the difference of a metric between two arms tested on the same images, the group as the sampling unit.

    Every seed of both arms loses the same group at once; the interval is the difference ± t √(V + v), V the jackknife
    variance over groups (within classes where every group has one label), v what trainings add to it
    (:func:`_with_trainings`), df by Satterthwaite. s² between seeds is ``pooled`` (value, df) over the arms of a study
    or, without it, over these two. With one seed and nothing pooled the ``scope`` is these runs only.
    ``second_trained`` false: the second is a model without training, to which s² does not apply. The percentiles of
    ``n_resamples`` draws of groups stand beside.

    Parameters
    ----------
    first, second
        Predictions of the two arms: the same images, labels and groups, any seeds.
    level
        Of the interval, as a fraction.
    n_resamples, seed
        Of the bootstrap of groups.
    pooled
        (variance between seeds, its df) of the study's arms; without it that of these two.
    second_trained
        False for a model without training, to which the variance between seeds does not apply.

    Returns
    -------
    The difference first - second as a fraction, with its interval.

    Raises
    ------
    InputError
        Where the arms were not tested on the same images, or where an image's label or group differs between them.

    References
    ----------
    Wolter 2007, Introduction to Variance Estimation (jackknife within strata); Satterthwaite 1946, Biometrics
    Bulletin 2:110; Gaylor & Hopper 1969, Technometrics 11:691 (degrees of freedom).
    """
    first, second = average_copies(first), average_copies(second)
    _same_images(first, second)
    return _contrast(first, second, metric, level, n_resamples, seed, pooled, (True, second_trained))


def inflation(
    rung: Predictions,
    patient: Predictions,
    *,
    metric: Compared = "accuracy",
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
    pooled: tuple[float, float] | None = None,
    trained: bool = True,
) -> Contrast:
    """Return by how much a rung of the ladder exceeds the ``patient`` rung, paired by origin, group-level interval.

    Copies of one origin are averaged; origins tested in only one of the two are left out and counted in the note;
    groups are those of ``patient``. Positive means that the rung flatters. ``pooled`` as in :func:`compare`;
    ``trained`` false: the model has no training in either, so that its scope is all there is to know.

    Parameters
    ----------
    rung, patient
        Predictions of one arm under the two protocols.
    level
        Of the interval, as a fraction.
    pooled
        As in :func:`compare`.
    trained
        False for a model that has no training in either, so that its scope is all there is to know.

    Returns
    -------
    The difference rung - patient as a fraction: positive means that the rung flatters.

    Raises
    ------
    InputError
        Where no origin is shared.
    """
    rung, patient = _by_origin(average_copies(rung)), _by_origin(average_copies(patient))
    shared = np.intersect1d(rung.image_id, patient.image_id)
    if not len(shared):
        raise InputError("the rungs share no test origin", expected="the same test origins", found="none in common")
    dropped = len(np.union1d(rung.image_id, patient.image_id)) - len(shared)
    rung, patient = (p.take(np.isin(p.image_id, shared)) for p in (rung, patient))
    names, at = np.unique(patient.image_id, return_index=True)
    group = patient.group[at][np.searchsorted(names, rung.image_id)]
    note = f"{dropped} origins tested in one rung only left out" if dropped else ""
    rung = _regrouped(rung, group)
    _same_labels(rung, patient)
    return _contrast(rung, patient, metric, level, n_resamples, seed, pooled, (trained, trained), note=note)


def _by_origin(p: Predictions) -> Predictions:
    origin = np.where(p.origin == "", p.image_id, p.origin)
    return dataclasses.replace(p, image_id=origin)


def _regrouped(p: Predictions, group: StringArray) -> Predictions:
    return dataclasses.replace(p, group=group)


def _same_images(first: Predictions, second: Predictions) -> None:
    ours, theirs = set(first.image_id.tolist()), set(second.image_id.tolist())
    if ours != theirs:
        odd = sorted(ours ^ theirs)
        raise InputError(
            "the two arms were not tested on the same images", expected=f"the same {len(ours)} images",
            found=f"{len(odd)} in one only, such as {', '.join(odd[:3])}", do="compare arms of the same split",
        )  # fmt: skip
    _same_labels(first, second)


def _same_labels(first: Predictions, second: Predictions) -> None:
    if first.classes != second.classes:
        raise InputError("the two have different classes", expected=str(first.classes), found=str(second.classes))
    names, at = np.unique(first.image_id, return_index=True)
    place = at[np.searchsorted(names, second.image_id)]
    for what, ours, theirs in (("label", first.label, second.label), ("group", first.group, second.group)):
        wrong = np.flatnonzero(ours[place] != theirs)
        if len(wrong):
            i = int(wrong[0])
            raise InputError(
                f"an image's {what} differs between the two", where=f"image {second.image_id[i]}",
                expected=str(ours[place][i]), found=str(theirs[i]), do="score both against one manifest",
            )  # fmt: skip


def _contrast(
    first: Predictions, second: Predictions, metric: Compared, level: float, n_resamples: int, seed: int,
    pooled: tuple[float, float] | None, trained: tuple[bool, bool], note: str = "",
) -> Contrast:  # fmt: skip
    groups = np.unique(first.group)
    found = compare_runs(
        [_runs(p, groups) for p in (first, second)], metric=metric, level=level, n_resamples=n_resamples, seed=seed,
        pooled=pooled, trained=trained, note=note,
    )  # fmt: skip
    tested, at = np.unique(first.image_id, return_index=True)
    return dataclasses.replace(
        found,
        n_images=len(tested),
        majority=float(np.bincount(first.label[at]).max() / len(tested)),
        p_mcnemar=mcnemar_p(first, second),
    )


def compare_runs(
    runs: Sequence[Sequence[GroupedRun]],
    *,
    metric: Compared = "accuracy",
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
    pooled: tuple[float, float] | None = None,
    trained: tuple[bool, bool] = (True, True),
    note: str = "",
) -> Contrast:
    """Return what :func:`compare` does, from two arms' runs counted by group; without what only images can tell.

    Parameters
    ----------
    runs
        Of both arms, on the same groups.
    level, n_resamples, seed, pooled
        As in :func:`compare`.
    trained
        Whether each of the two is the result of training.
    note
        To begin the note with.

    Returns
    -------
    The difference with its interval; ``n_images`` and ``p_mcnemar`` are not known.

    Raises
    ------
    InputError
        For a metric that is none of :data:`Compared`.
    """
    if metric not in get_args(Compared):
        raise unknown_name("metric of a contrast", metric, get_args(Compared))
    n_groups, strata = len(runs[0][0].groups), group_strata(runs[0][0])
    affordable = max(1_000, _MOST_DRAWS // n_groups)  # with many groups the standard error needs fewer resamples
    generator = generator_for(seed, "bootstrap", metric)
    weights = draw_weights(n_groups, min(n_resamples, affordable), generator=generator, strata=strata)
    observed, drawn, left_out = _weighted(runs, metric, weights, strata)
    units = PerClass.of(runs[0][0].counts.sum(axis=2).T.astype(np.float64))
    s2 = pooled or pooled_variance(
        *(values for values, of_training in zip(observed, trained, strict=True) if of_training)
    )
    a, b = (float(values.mean()) for values in observed)
    base = Contrast(
        metric=metric, first=a, second=b, difference=a - b, n_groups=n_groups, effective_groups=units.fewest,
        scope=Scope.TRAININGS if s2[1] > 0 or not any(trained) else Scope.RUNS,
    )  # fmt: skip
    if math.isnan(a - b) or n_groups < 2:
        reason = "one group only" if n_groups < 2 else "the metric is undefined for one of the two"
        return dataclasses.replace(base, note=join_notes(reason, note))
    spread = _Spread(drawn, left_out, strata, units)
    total = _with_trainings(spread, [i for i in (0, 1) if trained[i]], s2)
    return _interval(base, drawn[0].mean(axis=0) - drawn[1].mean(axis=0), (*total, s2[1]), level, units, note)


def _weighted(
    runs: Sequence[Sequence[GroupedRun]], metric: Compared, weights: IntArray, strata: IntArray | None
) -> tuple[list[FloatArray], list[FloatArray], list[FloatArray] | None]:
    """Return both arms' values for all groups ``(n_runs,)``, in each resample ``(n_runs, n_resamples)``, and without
    each group ``(n_runs, n_groups)``: None with more groups than is worth it.

    All of them at once, as the AUC's pairs of groups need counting only once then.
    """
    n_resamples, n_groups = weights.shape
    parts = [np.ones((1, n_groups)), weights]
    if n_groups <= _LEFT_OUT_UP_TO:
        parts.append(without_each(np.eye(n_groups), strata).T)
    weighted = np.concatenate(parts).astype(np.float64)
    values = bootstrap_runs([r for arm in runs for r in arm], weighted, names=[metric])[metric]
    arms = [values[: len(runs[0])], values[len(runs[0]) :]]
    drawn, rest = [arm[:, 1 : n_resamples + 1] for arm in arms], [arm[:, n_resamples + 1 :] for arm in arms]
    if n_groups > _LEFT_OUT_UP_TO:
        return [arm[:, 0] for arm in arms], drawn, None
    for run, values in zip([r for arm in runs for r in arm], itertools.chain(*rest), strict=True):
        values[sole_groups(run) if metric == "auc" else []] = np.nan
    return [arm[:, 0] for arm in arms], drawn, rest


@dataclass(frozen=True)
class _Spread:
    """How both arms' runs vary with the groups: ``drawn`` in resamples, ``left_out`` without each group (or None)."""

    drawn: list[FloatArray]
    left_out: list[FloatArray] | None
    strata: npt.NDArray[np.int64] | None
    units: PerClass

    def of(self, combine: Callable[[list[FloatArray]], FloatArray]) -> tuple[float, float]:
        """Return the variance between groups of what ``combine`` makes of both arms' runs, and its degrees of freedom.

        By the jackknife; where something is undefined without one of the groups, or with very many, by the bootstrap
        times G/(G-1) of the poorest class, which then speaks for all.
        """
        sizes = self.units.sizes
        if self.left_out is not None and not np.isnan(values := combine(self.left_out)).any():
            own = add_strata(jackknife_variance(values, sizes=sizes, strata=self.strata))
            few = self.strata is None and self.units.fewest >= 2
            return own[0], min(own[1], 2 * (self.units.fewest - 1)) if few else own[1]
        drawn = combine(self.drawn)
        kept = drawn[~np.isnan(drawn)]
        if len(kept) < 2:
            return NAN, NAN
        which = np.zeros(len(sizes), dtype=np.int64) if self.strata is None else self.strata
        count = int(np.unique(which, return_counts=True)[1].min())
        fewest = min(effective_groups(sizes[which == s]) for s in np.unique(which))
        return float(np.var(kept, ddof=1)) * count / (count - 1), fewest - 1


def _with_trainings(spread: _Spread, trained: list[int], s2: tuple[float, float]) -> tuple[float, float]:
    """Return the variance of the difference, and its degrees of freedom, given (s², df) between seeds.

    V + (s² - w)(1/S₁ + 1/S₂) over the arms that are trained. Runs on the same images differ for two reasons: another
    training, and how it happens to fare with these groups. V has the second already, so that it would count twice: w
    is what the runs of an arm differ by between groups. The df are Satterthwaite's of a sum with a part taken off
    (Gaylor & Hopper 1969): s² counts in full however little of it is left, as that little is no surer than s² itself.
    Where most is left, those of :func:`with_seeds` are fewer, and hold.
    """
    own, df = spread.of(lambda arms: np.asarray(arms[0].mean(axis=0) - arms[1].mean(axis=0)))
    runs = [len(spread.drawn[i]) for i in trained]
    several = [(i, n) for i, n in zip(trained, runs, strict=True) if n > 1]
    varied = [sum(spread.of(partial(_deviation, arm=i, run=r))[0] for r in range(n)) / (n - 1) for i, n in several]
    mean = sum(1 / n for n in runs)
    full = satterthwaite((own, df), (s2[0] * mean, s2[1]))
    added = max(s2[0] - float(np.mean(varied)), 0.0) * mean if varied else s2[0] * mean
    total, least = with_seeds((own, df), (added, s2[1]))
    return total, min(full[1] * (total / full[0]) ** 2, least) if full[0] > 0 else df


def _deviation(arms: list[FloatArray], *, arm: int, run: int) -> FloatArray:
    return np.asarray(arms[arm][run] - arms[arm].mean(axis=0))


def _runs(p: Predictions, groups: StringArray) -> list[GroupedRun]:
    return [group_run(p.take(p.seed == s), groups=groups) for s in np.unique(p.seed)]


def _interval(
    base: Contrast, drawn: FloatArray, total: tuple[float, float, float], level: float, units: PerClass, note: str
) -> Contrast:
    """Turn resampled differences and their (variance, df, df between seeds) into a t interval, with the percentile
    limits beside it.
    """
    kept, (variance, df, seed_df) = drawn[~np.isnan(drawn)], total
    lost = f"{len(drawn) - len(kept)} resamples without a class left out" if len(kept) < len(drawn) else ""
    if not variance > 1e-15 or not df > 0:
        reason = "the two never differ in a way that groups tell apart: no interval"
        return dataclasses.replace(base, note=join_notes(reason, note, lost))
    error = math.sqrt(variance)
    half = float(stats.t.isf((1 - level) / 2, df)) * error
    percentiles = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    low, high = max(base.difference - half, -2.0), min(base.difference + half, 2.0)
    graded = grade_of(Family.CONTRAST, units.effective(), Interval(low=low, high=high), seed_df=seed_df)
    return dataclasses.replace(
        base, low=low, high=high, method="paired group jackknife, t", df=df, standard_error=error,
        p_value=float(2 * stats.t.sf(abs(base.difference) / error, df)), low_percentile=float(percentiles[0]),
        high_percentile=float(percentiles[1]), grade=graded.grade, note=join_notes(note, lost, graded.note),
    )  # fmt: skip


def mcnemar_p(first: Predictions, second: Predictions) -> float:
    """Return McNemar's p-value over images, exact below 25 discordant ones; 1 where none is.

    With several seeds an image counts as right where more than half of them are. Images must be the same in both.
    Groups are ignored, so with groups it is too small.

    Parameters
    ----------
    first, second
        Predictions of the same images.

    Returns
    -------
    The p-value, in [0, 1].

    References
    ----------
    McNemar 1947, Psychometrika 12:153.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    ours, theirs = _mostly_right(first), _mostly_right(second)
    only_first, only_second = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    if only_first + only_second == 0:
        return 1.0
    table = [[int((ours & theirs).sum()), only_first], [only_second, int((~ours & ~theirs).sum())]]
    return float(mcnemar(table, exact=only_first + only_second < 25, correction=True).pvalue)


def _mostly_right(p: Predictions) -> npt.NDArray[np.bool_]:
    _, at = np.unique(p.image_id, return_inverse=True)
    return np.asarray(np.bincount(at, weights=p.label == p.predicted) * 2 > np.bincount(at))
