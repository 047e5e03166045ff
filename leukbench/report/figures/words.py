"""What figures and tables call things, and how they print numbers."""

from __future__ import annotations

import math

from leukbench.evaluation.views import ExperimentView, NetworkView
from leukbench.records import COPIES_AVERAGED, Estimate, Experiment

PROTOCOLS = {
    "as_published": "as published",
    "image": "by image",
    "augment_first": "augmented, then split",
    "patient": "by patient",
    "challenge": "challenge",
}
FEWEST_UNITS = 5
"""Patients or groups below which no interval is shown: the number stands there instead."""
WIDEST = 0.8
"""An interval of a share wider than this says next to nothing and is not shown either."""


def split_name(spec: Experiment, view: ExperimentView) -> str:
    """Return what a split is called; never "by patient" where no patient ids are published."""
    name = "by group" if spec.protocol == "patient" and view.unit == "group" else PROTOCOLS[spec.protocol]
    return f"{name} ({view.reading.replace('_', ' ')})" if spec.protocol == "as_published" else name


def counted(e: Estimate) -> str:
    """Return what an estimate was counted on: originals, where copies of one were averaged."""
    return f"{e.n_images:,} {'originals' if COPIES_AVERAGED in e.note else 'images'}"


def units(view: ExperimentView, n: int | None = None) -> str:
    """Return how many patients or groups, in words."""
    n = view.n_patients if n is None else n
    return f"{n:,} {view.unit}{'' if n == 1 else 's'}"


def pct(fraction: float, digits: int = 1) -> str:
    """Return a share in percent without a sign; "–" where it is undefined."""
    return "–" if math.isnan(fraction) else f"{100 * fraction:.{digits}f}"


def too_few(e: Estimate, view: ExperimentView) -> bool:
    """Say whether an interval of a share is not shown: too few patients, none, or one that excludes next to nothing."""
    return view.n_patients < FEWEST_UNITS or not e.high - e.low <= WIDEST


def with_limits(e: Estimate, view: ExperimentView) -> str:
    """Return a share in percent with its interval over groups, or why it has none."""
    if too_few(e, view):
        return f"{pct(e.value)} (too few: {units(view)})"
    return f"{pct(e.value)} [{pct(e.low)} to {pct(e.high)}]"


def status(network: NetworkView | None, view: ExperimentView) -> str:
    """Return how much of the published experiment a run is, as a layman reads it.

    The images come first: a made image says nothing about a publication's result.
    """
    if network is None:
        return ""
    if "surrogate_data" in network.deviations:
        return "made images: shows only that it runs"
    short = [
        f"{ours:,} of {theirs:,} {what}"
        for ours, theirs, what in (
            (view.n_images, view.n_images_published, "images"),
            (network.epochs, network.epochs_published, "epochs"),
        )
        if ours < theirs
    ]
    if short:
        return ", ".join(short)
    return "limited run" if "limited" in network.deviations else "full"
