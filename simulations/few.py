"""True claims where a class has few patients: how often they are refuted. Patients differ here, trainings do not."""

from __future__ import annotations

import dataclasses

import numpy as np

from leukbench.evaluation import metrics
from leukbench.evaluation.estimates import auc_estimates, matrix_estimates
from leukbench.records import Estimate, Predictions
from leukbench.verdicts.differences import Question, Reproduced
from leukbench.verdicts.rule import decide
from simulations.patients import Cohort, predictions

SEED = 20260103
METRICS = ("accuracy", "mcc", "auc")
CLASSES = ((2, 1), (3, 2), (4, 4), (11, 2), (11, 3), (20, 3))
"""Patients of each class; the last like the few healthy subjects of a part of C-NMC 2019."""
RECALLS = ((0.85, 0.85), (0.95, 0.6))
MARGINS = (0.02, 0.05, 0.10)


def estimates(p: Predictions) -> dict[str, Estimate]:
    """Return the overall estimate of each metric, as the evaluation makes it, trainings being known not to vary."""
    found = {e.metric: e for e in matrix_estimates(p) if not e.class_ and e.average == "none"}
    found["auc"] = auc_estimates(p)[0]
    return {metric: dataclasses.replace(found[metric], seed_df=1e6) for metric in METRICS}


def printed(p: Predictions) -> dict[str, float]:
    """Return what a paper would print of the same metrics."""
    matrix = metrics.confusion_matrix(p.label, p.predicted, 2)
    auc = metrics.roc_auc(p.label == 1, p.scores[:, 1])
    return {"accuracy": metrics.accuracy(matrix), "mcc": metrics.mcc(matrix), "auc": auc}


def refuted(cohort: Cohort, replicates: int) -> dict[tuple[str, float], float]:
    """Return (metric, margin) -> share of replicates in which a true claim of as many patients is called not
    reproduced."""
    count = {(metric, margin): 0 for metric in METRICS for margin in MARGINS}
    for replicate in range(replicates):
        rng = np.random.default_rng([SEED, replicate])
        ours, theirs = predictions(cohort, rng), predictions(cohort, rng)
        claimed = printed(theirs)
        for metric, e in estimates(ours).items():
            if np.isnan(claimed[metric]):
                continue
            q = Question(
                claim="x", metric=metric, value=round(claimed[metric], 4), half_unit=0.00005, n=len(theirs),
                headline=True, faithful=(Reproduced(estimate=e, protocol="as_published"),),
            )  # fmt: skip
            curve = dict(decide([q], margin=MARGINS[0])[0].curve)
            for margin in MARGINS:
                count[metric, margin] += curve.get(margin, "").startswith("not reproduced")
    return {key: n / replicates for key, n in count.items()}


def rows(replicates: int) -> list[str]:
    """Return the rows of the table: refuted true claims at margins of 2, 5 and 10 points, in percent."""
    out = ["| patients | recalls | " + " | ".join(METRICS) + " |", "|---" * (2 + len(METRICS)) + "|"]
    for per_class in CLASSES:
        for recalls in RECALLS:
            found = refuted(Cohort(per_class, recalls), replicates)
            cells = [" / ".join(f"{100 * found[metric, m]:.1f}" for m in MARGINS) for metric in METRICS]
            out.append(f"| {per_class[0]} + {per_class[1]} | {recalls[0]}, {recalls[1]} | " + " | ".join(cells) + " |")
    return out
