"""One arm's predictions counted by group and by image, and how a number about them becomes an estimate. Used by
estimates alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leukbench.evaluation import hierarchical
from leukbench.evaluation.design import PerClass, effective_groups
from leukbench.evaluation.grades import Family, grade_of, poorest_class, too_few
from leukbench.evaluation.intervals import NAN, Interval, join_notes, without_each
from leukbench.evaluation.metrics import Margins
from leukbench.evaluation.resampling import group_codes
from leukbench.records import Estimate, FloatArray, IntArray, Predictions

SeedKey = tuple[str, str, str, str]
"""(metric, class_, average, aggregation)"""
SeedScatter = Mapping[SeedKey, tuple[float, float]]
"""Key -> (s² between seeds, its df), pooled over the arms of a study."""


@dataclass(frozen=True)
class Table:
    """Averaged-copies predictions, counted twice: ``by_group`` and ``by_image`` hold margins ``(C,
    n_seeds, units)``.
    """

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

    @cached_property
    def units(self) -> PerClass:
        """The groups with their images of each class, mean over seeds."""
        return PerClass.of(self.by_group.actual.mean(axis=1))

    @cached_property
    def image_units(self) -> PerClass:
        """The images, each a unit of its own."""
        return PerClass.of(self.by_image.actual.mean(axis=1))

    @cached_property
    def without_group(self) -> Margins:
        """The margins without each group, for the jackknife of every metric."""
        return _without_each(self.by_group, self.units)

    @cached_property
    def without_image(self) -> Margins:
        """The margins without each image."""
        return _without_each(self.by_image, self.image_units)

    @cached_property
    def posterior(self) -> hierarchical.Posterior | None:
        """Draws of the classes' mean rates where the design asks for the model of few patients, else None."""
        if not hierarchical.applies(self.units):
            return None
        return hierarchical.posterior(self.by_group.diagonal.mean(axis=1), self.units.counts)

    @cached_property
    def names_one_class(self) -> bool:
        """Whether every seed gives all images one class, of several that are tested."""
        named, tested = (part.sum(axis=-1) > 0 for part in (self.by_group.predicted, self.by_group.actual))
        return bool((named.sum(axis=0) == 1).all() and (tested.sum(axis=0) > 1).all())

    def seed_variance(self, per_seed: FloatArray, metric: str, class_: str, average: str) -> tuple[float, float]:
        """Return s² between seeds and its degrees of freedom; (0, 0) for one seed without a pooled variance."""
        own = (float(np.var(per_seed, ddof=1)), self.n_seeds - 1.0) if self.n_seeds > 1 else (0.0, 0.0)
        return self.scatter.get((metric, class_, average, self.aggregation), own)


def table_of(p: Predictions, level: float, scatter: SeedScatter, aggregation: str, note: str) -> Table:
    """Return predictions (copies averaged) counted by group and by image."""
    (_, seeds), (_, groups), (_, images) = group_codes(p.seed.astype(np.str_)), group_codes(p.group), p.images
    by_group, by_image = (_margins(p, seeds, units) for units in (groups, images))
    return Table(p, seeds, groups, images, by_group, by_image, level, scatter, aggregation, note)


def _margins(p: Predictions, seeds: IntArray, units: IntArray) -> Margins:
    """Return margins ``(C, n_seeds, n_units)`` without ever making the matrices of single images."""
    shape = (len(p.classes), int(seeds.max()) + 1, int(units.max()) + 1)
    parts = []
    for values, kept in ((p.label, p.label == p.predicted), (p.label, slice(None)), (p.predicted, slice(None))):
        flat = np.ravel_multi_index((values[kept], seeds[kept], units[kept]), shape)
        parts.append(np.bincount(flat, minlength=math.prod(shape)).reshape(shape).astype(np.float64))
    return Margins(*parts)


def _without_each(margins: Margins, units: PerClass) -> Margins:
    parts = (margins.diagonal, margins.actual, margins.predicted)
    return Margins(*(without_each(part, units.strata) for part in parts))


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an estimate speaks of: the keys of its metric, its family of intervals, and the classes that decide it."""

    metric: str
    family: Family
    class_: str = ""
    average: str = "none"
    classes: Sequence[int] | None = None  # None: all of them

    @property
    def of_classes(self) -> bool:
        """Whether single classes decide it, so that it is no better known than the poorest of them."""
        return self.classes is not None or self.family in (Family.MEAN, Family.MATRIX, Family.RANKING)

    def extra(self, t: Table, per_seed: FloatArray) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return (s², its df), and what of it the mean over seeds keeps: (s²/S, df)."""
        s2, df = t.seed_variance(per_seed, self.metric, self.class_, self.average)
        return (s2, df), (s2 / t.n_seeds, df)


def made(
    t: Table,
    subject: Subject,
    value: float,
    by_group: Interval,
    by_image: Interval,
    seeds: tuple[float, float] = (0.0, 0.0),
) -> Estimate:
    """Return an estimate with its grade and its notes.

    Parameters
    ----------
    t
        Counts of one arm by run and group, and how many images and seeds these are.
    subject
        Which metric, of which class or average.
    value
        Of the metric, a fraction (in the metric's own unit where it is no share).
    by_group, by_image
        Intervals with groups, and with images, taken as independent.
    seeds
        Variance between seeds s² (in squared units of the metric) and its degrees of freedom.

    Returns
    -------
    The value with both intervals, the numbers of images, groups and seeds, grade and note.
    """
    n_groups, n_images = t.units.counts.shape[1], int(t.images.max()) + 1
    single = "every group is one image: same as image" if n_groups == n_images and n_images > 1 else ""
    effective = t.units.effective(subject.classes)
    grade = grade_of(subject.family, effective, by_group, method_of_few=hierarchical.METHOD, seed_df=seeds[1])
    few = too_few(t.p, t.units, subject.classes) if not math.isnan(by_group.low) else ""
    poorest, n_of_poorest = poorest_class(t.units, subject.classes) if subject.of_classes else (0, 0)
    return Estimate(
        metric=subject.metric,
        value=value,
        class_=subject.class_,
        average=subject.average,
        aggregation=t.aggregation,
        low=by_group.low,
        high=by_group.high,
        method=by_group.method,
        df=by_group.df,
        standard_error=by_group.standard_error,
        low_images=by_image.low,
        high_images=by_image.high,
        method_images=by_image.method.replace("group jackknife", "jackknife over images"),
        n_images=n_images,
        n_groups=n_groups,
        effective_groups=min(effective, default=effective_groups(t.units.sizes)),
        poorest_class=t.p.classes[poorest] if n_of_poorest else "",
        poorest_groups=n_of_poorest,
        n_seeds=t.n_seeds,
        df_groups=by_group.df_groups,
        seed_variance=seeds[0],
        seed_df=seeds[1],
        grade=grade.grade,
        note=join_notes(grade.note, few, by_group.note, single, t.note),
    )


def undefined(t: Table, subject: Subject, reason: str) -> Estimate:
    """Return the estimate of what has no value, with the reason."""
    return made(t, subject, NAN, Interval(note=reason), Interval())


def noted(interval: Interval, *notes: str) -> Interval:
    """Return an interval with more notes, those given here first."""
    return dataclasses.replace(interval, note=join_notes(*notes, interval.note))
