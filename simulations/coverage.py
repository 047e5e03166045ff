"""Coverage of nominal 95 % intervals by design, metric and mechanism, and by the grade that each estimate carries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from leukbench.evaluation.estimates import auc_estimates, matrix_estimates
from leukbench.evaluation.intervals import HEAVY_TAILS
from leukbench.records import Estimate, Grade
from simulations.patients import Cohort, predictions, truth

SEED = 20261128


@dataclass(frozen=True)
class Shot:
    """One interval of one replicate: whether it holds the truth, its width and its grade; ``side`` -1 where it lies too low."""

    metric: str
    holds: bool
    side: int
    width: float
    grade: Grade
    value: float
    groups: float
    end: float  # how near its limits come to an end of the scale
    method: str
    heavy: bool


def name_of(e: Estimate) -> str:
    """Return the name of the metrics that are followed, "" for others."""
    if e.class_ == "b" and e.metric in ("recall", "precision"):
        return f"{e.metric} b"
    if e.class_:
        return ""
    if (e.metric, e.average) == ("f1", "macro"):
        return "macro f1"
    return e.metric if e.average == "none" and e.metric in ("accuracy", "balanced_accuracy", "mcc", "auc") else ""


def shots(cohort: Cohort, replicates: int, *, seed: int = SEED) -> Iterator[Shot]:
    """Yield every followed estimate of each replicate that has an interval."""
    true = truth(cohort)
    for replicate in range(replicates):
        p = predictions(cohort, np.random.default_rng([seed, replicate]))
        found = [*matrix_estimates(p), *(auc_estimates(p) if cohort.n_classes == 2 else ())]
        for e in found:
            name = name_of(e)
            if name and e.low == e.low:
                side = -1 if e.high < true[name] else int(e.low > true[name])
                low, high = ((1 + e.low) / 2, (1 + e.high) / 2) if name == "mcc" else (e.low, e.high)
                yield Shot(name, side == 0, side, e.high - e.low, e.grade, e.value, e.effective_groups, max(high, 1 - low), e.method, HEAVY_TAILS in e.note)
