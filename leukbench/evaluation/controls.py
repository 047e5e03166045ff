"""What must be ruled out before a score means anything: a shortcut, and a patient that the image gives away."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from leukbench.errors import InputError
from leukbench.evaluation.contrasts import compare
from leukbench.evaluation.intervals import join_notes, korn_graubard, wilson
from leukbench.records import Estimate, Predictions, StringArray


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """A network beside a model without one. ``difference`` is network - trivial in accuracy, with its paired group interval.

    ``flagged``: the trivial model beats the majority class by more than its own error, and the network is ahead of it by less
    than the margin. What is beside the point (colour, corners, size) then tells as much as the network.
    """

    network: float
    trivial: float
    trivial_low: float
    majority: float
    difference: float
    low: float
    high: float
    margin: float
    flagged: bool = field(default=False)
    note: str = ""


def find_shortcut(
    network: Predictions, trivial: Predictions, *, trivial_low: float, majority: float, margin: float, n_resamples: int = 10_000
) -> Shortcut:  # fmt: skip
    """Return whether a model without a network comes within ``margin`` of a network on the same images.

    ``trivial_low`` is the lower group-level limit of the trivial model's accuracy, ``majority`` the accuracy of always naming the
    most frequent class: a trivial model that tells nothing is no shortcut, however weak the network.
    """
    if not 0 < margin < 1:
        raise InputError("a margin must be a fraction", where="find_shortcut", expected="in (0, 1)", found=str(margin))
    made = compare(network, trivial, metric="accuracy", n_resamples=n_resamples)
    return Shortcut(
        network=made.first, trivial=made.second, trivial_low=trivial_low, majority=majority, difference=made.difference,
        low=made.low, high=made.high, margin=margin,
        flagged=bool(trivial_low > majority and made.difference < margin), note=made.note,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How often a model without a network names the patient (or group) of an image.

    ``majority`` is the share right of always naming the patient with most images, ``by_class`` that of naming the largest patient
    of the image's class: what knowing the class alone would give. ``told``: the lower limit lies above both.
    """

    unit: str
    n_units: int
    n_images: int
    accuracy: Estimate
    majority: float
    by_class: float
    told: bool


def probe_result(truth: StringArray, predicted: StringArray, label: StringArray, *, unit: str) -> Probe:
    """Return a probe's accuracy beside chance, the patient (or group) as the sampling unit of its interval.

    Arrays have one entry an image: its patient, the patient named for it, its class. Raises InputError for fewer than two patients.
    """
    names, codes = np.unique(truth, return_inverse=True)
    if len(names) < 2:
        raise InputError(f"a probe needs two {unit}s", expected="at least 2", found=str(len(names)))
    right, totals = truth == predicted, np.bincount(codes)
    value = float(right.mean())
    made = korn_graubard(np.bincount(codes, weights=right), totals, value=value)
    by_image = wilson(float(right.sum()), len(right))
    best = {c: np.unique(truth[label == c], return_counts=True)[1].max() for c in np.unique(label)}
    majority, by_class = float(totals.max() / len(truth)), float(sum(best.values()) / len(truth))
    accuracy = Estimate(
        metric="accuracy", value=value, low=made.low, high=made.high, method=made.method, df=made.df,
        standard_error=made.standard_error, low_images=by_image.low, high_images=by_image.high, method_images=by_image.method,
        n_images=len(truth), n_groups=len(names), effective_groups=made.effective_groups, note=join_notes(made.note),
    )  # fmt: skip
    return Probe(
        unit=unit, n_units=len(names), n_images=len(truth), accuracy=accuracy, majority=majority, by_class=by_class,
        told=bool(made.low > max(majority, by_class)),
    )  # fmt: skip
