"""What figures and tables call things, and how they print numbers."""

from __future__ import annotations

import math

from leukbench.evaluation.views import ExperimentView
from leukbench.records import COPIES_AVERAGED, Estimate, Experiment
from leukbench.report.format import why_no_interval, with_interval

PROTOCOLS = {
    "as_published": "as published",
    "image": "by image",
    "augment_first": "augmented before the split",
    "patient": "by patient",
    "challenge": "challenge",
}


def split_name(spec: Experiment, view: ExperimentView) -> str:
    """Return what a split is called; never "by patient" where no patient ids are published."""
    name = "by group" if spec.protocol == "patient" and view.unit == "group" else PROTOCOLS[spec.protocol]
    return f"{name} ({view.reading.replace('_', ' ')})" if spec.protocol == "as_published" else name


def counted(e: Estimate) -> str:
    """Return what an estimate was counted on: originals, where copies of one were averaged."""
    return f"{e.n_images:,} {'originals' if COPIES_AVERAGED in e.note else 'images'}"


def units(view: ExperimentView, n: int) -> str:
    """Return how many patients or groups, in words."""
    return f"{n:,} {view.unit}{'' if n == 1 else 's'}"


def sampling_unit(e: Estimate, view: ExperimentView) -> str:
    """Return what an estimate's groups are: no patients where patients are joined whose images are identical."""
    return view.unit if e.n_groups == view.n_patients else "group"


def sampled(e: Estimate, view: ExperimentView) -> str:
    """Return how many groups an estimate rests on, in words."""
    return f"{e.n_groups:,} {sampling_unit(e, view)}{'' if e.n_groups == 1 else 's'}"


def pct(fraction: float, digits: int = 1) -> str:
    """Return a share in percent without a sign; "–" where it is undefined."""
    return "–" if math.isnan(fraction) else f"{100 * fraction:.{digits}f}"


def too_few(e: Estimate) -> bool:
    """Say whether an interval is not shown, by the rule of the pages' tables."""
    return bool(why_no_interval(e))


def with_limits(e: Estimate, view: ExperimentView) -> str:
    """Return an estimate with its interval over groups, or why it has none, as the pages' tables have it."""
    return with_interval(e, sampling_unit(e, view))
