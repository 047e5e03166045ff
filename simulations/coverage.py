"""Coverage of nominal 95 % intervals by design, metric and mechanism, and by the grade that each estimate carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from leukbench.evaluation.estimates import auc_estimates, matrix_estimates
from leukbench.evaluation.intervals import HEAVY_TAILS
from leukbench.evaluation.score_estimates import mean_term
from leukbench.evaluation.scoring import brier_terms
from leukbench.evaluation.tables import table_of
from leukbench.records import Estimate, Grade, Predictions
from simulations.patients import Cohort, Mechanism, predictions, truth

SEED = 20261128
METRICS = ("accuracy", "balanced_accuracy", "recall b", "precision b", "mcc", "macro f1", "auc", "brier")
_MECHANISMS: tuple[Mechanism, ...] = ("probit", "t3", "size", "easier")
_MADE_FOR: dict[str, Cohort] = {
    f"{a} + {b}, recalls {p:g}, {q:g}, {mechanism}": Cohort((a, b), (p, q), mechanism)
    for (a, b), (p, q), mechanism in product(
        ((11, 3), (5, 5), (14, 14), (47, 26)), ((0.85, 0.85), (0.95, 0.95)), _MECHANISMS
    )
}  # fmt: skip
COHORTS: dict[str, Cohort] = {
    **_MADE_FOR,
    "11 + 2, recalls 0.95, 0.6, probit": Cohort((11, 2), (0.95, 0.6)),
    "30 + 5, recalls 0.92, 0.8, probit": Cohort((30, 5), (0.92, 0.8)),
    "14 + 14, recalls 0.85, 0.85, beta": Cohort((14, 14), (0.85, 0.85), "beta"),
    "36 + 36, recalls 0.97, 0.97, probit": Cohort((36, 36), (0.97, 0.97)),
    "40 of a, 4 of them of b too": Cohort((36, 0), (0.85, 0.85), shared=4),
    "30 + 4, and 1 of both": Cohort((30, 4), (0.85, 0.85), shared=1),
    "28 of both classes": Cohort((0, 0), (0.85, 0.85), shared=28),
    "30 + 30, one patient with 40 %": Cohort((30, 30), (0.85, 0.85), largest=0.4),
    "5 classes, 28 patients of all": Cohort((0,) * 5, (0.8, 0.9, 0.7, 0.8, 0.85), shared=28, size=60),
    "5 classes, 10 patients each": Cohort((10,) * 5, (0.8, 0.9, 0.7, 0.8, 0.85)),
    "4 classes, 3 + 13 + 6 + 6": Cohort((3, 13, 6, 6), (0.7, 0.8, 0.6, 0.7)),
}
"""Designs and mechanisms; ``probit``, ``t3``, ``size`` and ``easier`` are none that an interval here was made for."""


@dataclass(frozen=True)
class Shot:
    """One interval of one replicate: whether it holds the truth, its width, its grade, and whether it warned of heavy
    tails."""

    cohort: str
    metric: str
    holds: bool
    width: float
    grade: Grade
    heavy: bool


def name_of(e: Estimate) -> str:
    """Return the name of the metrics that are followed, "" for others."""
    if e.class_:
        return f"{e.metric} b" if e.class_ == "b" and e.metric in ("recall", "precision") else ""
    if (e.metric, e.average) == ("f1", "macro"):
        return "macro f1"
    return e.metric if e.average == "none" and e.metric in METRICS else ""


def shots(name: str, cohort: Cohort, replicates: int, *, seed: int = SEED) -> Iterator[Shot]:
    """Yield every followed estimate of each replicate that has an interval."""
    true = truth(cohort)
    for replicate in range(replicates):
        p = predictions(cohort, np.random.default_rng([seed, replicate]))
        scored = cohort.n_classes == 2
        found = [*matrix_estimates(p), *((*auc_estimates(p), _brier(p)) if scored else ())]
        for e in found:
            metric = name_of(e)
            if metric and e.low == e.low:
                holds = e.low <= true[metric] <= e.high
                yield Shot(name, metric, holds, e.high - e.low, e.grade, HEAVY_TAILS in e.note)


def _brier(p: Predictions) -> Estimate:
    """Return the Brier score alone: the calibration error's bootstrap beside it would take most of the time."""
    return mean_term(table_of(p, 0.95, {}, "pooled", ""), "brier", brier_terms(p.label, p.scores))


def all_shots(replicates: int) -> list[Shot]:
    """Return the shots of all cohorts."""
    return [shot for name, cohort in COHORTS.items() for shot in shots(name, cohort, replicates)]


def covered(found: Sequence[Shot]) -> float:
    """Return the share of intervals that hold the truth, in percent; NaN for none."""
    return 100 * float(np.mean([s.holds for s in found])) if found else float("nan")


def by_design(found: Sequence[Shot]) -> list[str]:
    """Return the rows of the table: coverage and mean width by cohort and metric."""
    rows = ["| patients | " + " | ".join(METRICS) + " |", "|---" * (len(METRICS) + 1) + "|"]
    for name in dict.fromkeys(s.cohort for s in found):
        cells = []
        for metric in METRICS:
            of = [s for s in found if s.cohort == name and s.metric == metric]
            cells.append(f"{covered(of):.1f} / {np.mean([s.width for s in of]):.3f}" if of else "–")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return rows


def by_grade(found: Sequence[Shot]) -> list[str]:
    """Return the rows of the table: coverage of each grade, over all cohorts and the lowest of a cohort and metric."""
    rows = [
        "| grade | intervals | covered % | lowest tenth of cohorts and metrics | highest tenth |",
        "|---|---|---|---|---|",
    ]
    for grade in (Grade.ASSURED, Grade.WIDE, Grade.OPTIMISTIC, Grade.UNKNOWN):
        of = [s for s in found if s.grade is grade]
        cells: dict[tuple[str, str], list[Shot]] = {}
        for s in of:
            cells.setdefault((s.cohort, s.metric), []).append(s)
        each = [covered(part) for part in cells.values() if len(part) >= 50]
        tenths = [f"{x:.1f}" for x in np.quantile(each, [0.1, 0.9])] if each else ["–", "–"]
        shown = f"{covered(of):.1f}" if of else "–"
        rows.append(f"| {grade.value} | {len(of)} | {shown} | {tenths[0]} | {tenths[1]} |")
    return rows


def by_warning(found: Sequence[Shot]) -> list[str]:
    """Return the rows of the table: how often heavy tails are warned of, by mechanism, for designs of one."""
    rows = ["| mechanism | warned % | covered where warned | where not |", "|---|---|---|---|"]
    for mechanism in _MECHANISMS:
        of = [
            s
            for s in found
            if s.cohort in _MADE_FOR and s.cohort.endswith(mechanism) and s.metric in ("mcc", "macro f1", "auc")
        ]
        warned, others = [s for s in of if s.heavy], [s for s in of if not s.heavy]
        rows.append(
            f"| {mechanism} | {100 * len(warned) / len(of):.1f} | {covered(warned):.1f} | {covered(others):.1f} |"
        )
    return rows
