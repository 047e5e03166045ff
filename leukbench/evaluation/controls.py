"""What must be ruled out before a score means anything: a shortcut, and a patient that the image gives away."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from scipy import stats

from leukbench.errors import InputError
from leukbench.evaluation.contrasts import Contrast, Scope, compare
from leukbench.evaluation.intervals import join_notes, korn_graubard, wilson
from leukbench.records import Estimate, Predictions, StringArray


class Standing(StrEnum):
    """How a network stands to a model without one, by the interval of their difference."""

    WITHIN = "within the margin"  # the network is shown not to be ahead by the margin
    AHEAD = "network ahead"  # it is shown to be ahead by more
    UNDECIDED = "not told apart"


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """A network beside a model without one. ``difference`` is network - trivial in accuracy, with its paired group
    interval.

    ``standing`` is by one-sided tests at 5 % of the difference against the margin. ``tells``: the trivial model's lower
    limit lies above the majority class. ``flagged``: it tells, and the network is within the margin of it. What is
    beside the point (colour, corners, size) then tells as much as the network. ``scope`` says whether that speaks of
    trainings.
    """

    network: float
    trivial: float
    trivial_low: float
    trivial_high: float
    majority: float
    difference: float
    low: float
    high: float
    margin: float
    standing: Standing
    tells: bool
    flagged: bool
    scope: Scope
    note: str = ""


def standing(made: Contrast, margin: float, *, alpha: float = 0.05) -> Standing:
    """Return which of three a difference is shown to be against a margin, one-sided at ``alpha``.

    >>> made = Contrast(
    ...     metric="accuracy", first=0.8, second=0.81, difference=-0.01, standard_error=0.02, df=1e6
    ... )
    >>> standing(made, 0.05).value
    'within the margin'
    >>> made = Contrast(
    ...     metric="accuracy", first=0.8, second=0.81, difference=-0.01, standard_error=0.05, df=1e6
    ... )
    >>> standing(made, 0.05).value
    'not told apart'
    """
    if math.isnan(made.standard_error) or not made.df > 0:
        return Standing.UNDECIDED
    reach = float(stats.t.isf(alpha, made.df)) * made.standard_error
    if made.difference + reach < margin:
        return Standing.WITHIN
    return Standing.AHEAD if made.difference - reach > margin else Standing.UNDECIDED


def find_shortcut(
    network: Predictions,
    trivial: Predictions,
    *,
    limits: tuple[float, float],
    majority: float,
    margin: float,
    n_resamples: int = 10_000,
    pooled: tuple[float, float] | None = None,
) -> Shortcut:
    """Return how a network stands to a model without one on the same images.

    ``limits`` are the group-level ones of the trivial model's accuracy, ``majority`` the accuracy of always naming the
    most frequent class: a trivial model that tells nothing is no shortcut, however weak the network. ``pooled`` is s²
    between seeds of the study's networks and its df.

    Parameters
    ----------
    network, trivial
        Predictions of the same images.
    limits
        Group-level limits of the trivial model's accuracy, fractions.
    majority
        Accuracy of always naming the most frequent class: a trivial model that tells nothing is no shortcut.
    margin
        How far ahead a network must be, as a fraction.
    pooled
        (variance between seeds, its df) of the study's networks.

    Returns
    -------
    Their difference, its interval, and whether it is flagged.
    """
    if not 0 < margin < 1:
        raise InputError("a margin must be a fraction", where="find_shortcut", expected="in (0, 1)", found=str(margin))
    made = compare(network, trivial, metric="accuracy", n_resamples=n_resamples, pooled=pooled, second_trained=False)
    found, tells = standing(made, margin), bool(limits[0] > majority)
    return Shortcut(
        network=made.first, trivial=made.second, trivial_low=limits[0], trivial_high=limits[1], majority=majority,
        difference=made.difference, low=made.low, high=made.high, margin=margin, standing=found, tells=tells,
        flagged=tells and found is Standing.WITHIN, scope=made.scope, note=made.note,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How often a model without a network names the patient (or group) of an image.

    ``majority`` is the share right of always naming the patient with most images, ``by_class`` that of naming the
    largest patient of the image's class: what knowing the class alone would give. ``above_chance``: the lower limit
    lies above both.
    """

    unit: str
    n_units: int
    n_images: int
    accuracy: Estimate
    majority: float
    by_class: float
    above_chance: bool = field(metadata={"key": "told"})  # as the records of earlier versions name it


def probe_result(truth: StringArray, predicted: StringArray, label: StringArray, *, unit: str) -> Probe:
    """Return a probe's accuracy beside chance, the patient (or group) as the sampling unit of its interval.

    Arrays have one entry an image: its patient, the patient named for it, its class.

    Parameters
    ----------
    truth, predicted, label
        ``(n_images,)`` each: the patient of an image, the patient named for it, its class.
    unit
        What is named: patient or group.

    Returns
    -------
    The accuracy with its interval, beside what chance and the class alone would give.

    Raises
    ------
    InputError
        For fewer than two patients.
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
        metric="accuracy",
        value=value,
        low=made.low,
        high=made.high,
        method=made.method,
        df=made.df,
        standard_error=made.standard_error,
        low_images=by_image.low,
        high_images=by_image.high,
        method_images=by_image.method,
        n_images=len(truth),
        n_groups=len(names),
        effective_groups=made.effective_groups,
        note=join_notes(made.note),
    )
    return Probe(
        unit=unit, n_units=len(names), n_images=len(truth), accuracy=accuracy, majority=majority, by_class=by_class,
        above_chance=bool(made.low > max(majority, by_class)),
    )  # fmt: skip
