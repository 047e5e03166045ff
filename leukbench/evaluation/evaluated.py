"""What the evaluate stage says of one experiment, as a record: estimates by model and selection, and what stands beside
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from leukbench.evaluation.controls import Probe
from leukbench.evaluation.likeness import Likeness
from leukbench.evaluation.operating import Calibration, ChosenPoint
from leukbench.evaluation.patients import PatientResult
from leukbench.evaluation.reservations import Sensitivity
from leukbench.records import Estimate


@dataclass(frozen=True, kw_only=True)
class PatientSummary:
    """Results a patient without the list of all patients; ``interval`` is a 95 % one."""

    n_patients: int
    n_right: float
    accuracy: float
    interval: tuple[float, float]
    worst: tuple[PatientResult, ...]
    note: str


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Patients that nobody can identify: how many the publisher states, and what the accuracy's interval would be."""

    n_patients: int
    evidence: str
    rows: tuple[Sensitivity, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ArmEvaluation:
    """One model's estimates by selection (``recipe``, ``last``, …); networks have the rest as well."""

    selections: dict[str, tuple[Estimate, ...]]
    majority_accuracy: float
    patients: PatientSummary | None = None
    operating: tuple[ChosenPoint, ...] = ()
    calibration: Calibration | None = None
    unknown_patients: Unknown | None = None

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """The estimates at the epoch that the recipe chooses."""
        return self.selections["recipe"]

    @property
    def n_groups(self) -> int:
        """How many groups the tested images make up: fewer than patients, where some of these are joined, whose own
        accuracy (``patient_accuracy``) is counted by patient.
        """
        return max(e.n_groups for e in self.estimates if e.metric != "patient_accuracy")


@dataclass(frozen=True, kw_only=True)
class SeedVariance:
    """The variance of a metric between seeds, pooled over the arms of an experiment."""

    metric: str
    class_: str
    average: str
    aggregation: str
    variance: float
    df: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """``<experiment>.json`` of the evaluate stage. ``made_from`` is the digest of the receipt of its predictions; "" in
    one from before it was kept.
    """

    classes: tuple[str, ...]
    seed_variance: tuple[SeedVariance, ...]
    likeness: Likeness = field(default_factory=Likeness)
    arms: dict[str, ArmEvaluation]
    probes: dict[str, Probe]
    made_from: str = ""


def pooled_seeds(evaluations: Sequence[Evaluation], metric: str) -> tuple[float, float] | None:
    """Return s² between seeds of a metric over all classes and folds and its df, pooled over experiments; None if
    unknown.

    Parameters
    ----------
    evaluations
        Of the experiments of a study.

    Returns
    -------
    (variance, df), or None.
    """
    found = [
        v
        for evaluation in evaluations
        for v in evaluation.seed_variance
        if v.metric == metric
        and not v.class_
        and v.average in ("none", "macro")
        and v.aggregation in ("pooled", "mean")
    ]
    df = sum(v.df for v in found)
    return (sum(v.variance * v.df for v in found) / df, df) if df > 0 else None


def overall(estimates: Sequence[Estimate], metric: str) -> Estimate:
    """Return the estimate of a metric over all classes and folds.

    Parameters
    ----------
    estimates
        Of one arm.
    metric
        Its name, as in :class:`leukbench.records.Estimate`.

    Returns
    -------
    The first that is over all classes and folds.

    Raises
    ------
    KeyError
        Where there is none.
    """
    for e in estimates:
        if e.metric == metric and not e.class_ and not e.fold:
            return e
    raise KeyError(metric)
