"""Verdicts on true claims where a class has few patients: patients of one label, metrics as the evaluation makes them.

``python -m tests.support.few_patients 1000 verdicts`` prints the table of leukbench/verdicts/README.md, ``… 600 coverage`` that of
leukbench/evaluation/README.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from scipy import stats

from leukbench.evaluation import intervals, metrics, ranking
from leukbench.evaluation.estimates import auc_estimates, matrix_estimates
from leukbench.records import Estimate, Predictions
from leukbench.verdicts.differences import Question, Reproduced
from leukbench.verdicts.rule import MARGIN_CURVE, decide

METRICS = ("accuracy", "mcc", "auc")
CLASSES = ((2, 1), (3, 2), (4, 4), (11, 2), (11, 3), (20, 3))
"""Patients of each class; 3, 5, 8 patients in all, then the few healthy subjects of a part of C-NMC 2019."""
UNLIKE = ((11, 2), (30, 2), (11, 3), (20, 3))
"""Classes of unlike size, for coverage."""
RECALLS = ((0.85, 0.85), (0.95, 0.6))
MARGINS = (0.02, 0.05, 0.10)
SIZE, CV, ICC, SEED = 40.0, 0.3, 0.1, 20260103


def patients(per_class: Sequence[int], recalls: Sequence[float], rng: np.random.Generator) -> Predictions:
    """Images of patients of one label: a normal score with a patient effect, above 0 with the recall of the class."""
    total = sum(per_class)
    of_patient = np.repeat([0, 1], per_class)
    n = np.maximum(np.rint(rng.gamma(1 / CV**2, SIZE * CV**2, total)), 1).astype(int)
    codes = np.repeat(np.arange(total), n)
    label = of_patient[codes]
    effect = rng.normal(0, np.sqrt(ICC), total)[codes] + rng.normal(0, np.sqrt(1 - ICC), len(codes))
    score = np.where(label == 1, 1, -1) * stats.norm.ppf(np.asarray(recalls))[label] + effect
    p = stats.norm.cdf(score)
    ids, names = np.arange(len(codes)).astype(str), codes.astype(str)
    return Predictions(
        classes=("a", "b"), image_id=ids, label=label, predicted=(score > 0).astype(int), scores=np.stack([1 - p, p], axis=1),
        group=names, origin=ids, patient=names, fold=np.zeros(len(codes), dtype=int), seed=np.zeros(len(codes), dtype=int),
    )  # fmt: skip


def estimates(p: Predictions) -> dict[str, Estimate]:
    """The overall estimate of each metric, as the evaluation makes it."""
    found = {e.metric: e for e in matrix_estimates(p) if e.class_ == "" and e.average == "none"}
    return {"accuracy": found["accuracy"], "mcc": found["mcc"], "auc": auc_estimates(p)[0]}


def printed(p: Predictions) -> dict[str, float]:
    """What a paper would print of the same metrics."""
    matrix = metrics.confusion_matrix(p.label, p.predicted, 2)
    auc = metrics.roc_auc(p.label == 1, p.scores[:, 1])
    return {"accuracy": metrics.accuracy(matrix), "mcc": metrics.mcc(matrix), "auc": auc}


def refuted(
    per_class: Sequence[int], recalls: Sequence[float], *, replicates: int
) -> dict[tuple[str, float], float]:  # fmt: skip
    """Share of replicates in which a true claim, counted on as many patients of its own, is called not reproduced.

    Keys are (metric, margin); the verdicts at all margins are those of a verdict's curve.
    """
    count = {(metric, margin): 0 for metric in METRICS for margin in MARGIN_CURVE}
    for replicate in range(replicates):
        rng = np.random.default_rng([SEED, *per_class, replicate])
        ours, theirs = (patients(per_class, recalls, rng) for _ in range(2))
        claimed = printed(theirs)
        for metric, e in estimates(ours).items():
            if np.isnan(claimed[metric]):
                continue
            q = Question(
                claim="x", metric=metric, value=round(claimed[metric], 4), half_unit=0.00005, n=len(theirs), headline=True,
                faithful=(Reproduced(estimate=e, protocol="as_published"),),
            )  # fmt: skip
            for margin, verdict in decide([q], margin=MARGINS[0])[0].curve:
                count[metric, margin] += verdict.startswith("not reproduced")
    return {key: n / replicates for key, n in count.items()}


def truths(per_class: Sequence[int], recalls: Sequence[float]) -> dict[str, float]:
    """What each metric would be on infinitely many images of infinitely many such patients, in this ratio."""
    share = np.asarray(per_class) / sum(per_class)
    right = share * recalls
    matrix = np.array([[right[0], share[0] - right[0]], [share[1] - right[1], right[1]]])
    auc = stats.norm.cdf(stats.norm.ppf(np.asarray(recalls)).sum() / np.sqrt(2))
    return {"accuracy": float(right.sum()), "mcc": float(metrics.mcc(matrix)), "auc": float(auc)}


def covered(per_class: Sequence[int], recalls: Sequence[float], *, replicates: int) -> dict[str, float]:
    """Share of replicates in which a metric's interval holds its truth; no interval counts as one that holds everything."""
    true, count = truths(per_class, recalls), dict.fromkeys(METRICS, 0)
    for replicate in range(replicates):
        rng = np.random.default_rng([SEED, *per_class, replicate])
        for metric, e in estimates(patients(per_class, recalls, rng)).items():
            count[metric] += not (e.low > true[metric] or e.high < true[metric])
    return {metric: n / replicates for metric, n in count.items()}


def main(replicates: int, what: str) -> None:
    """Print the rows of a table: of refuted true claims, or of coverage with and without the bound of ``add_strata``."""
    for per_class in CLASSES if what == "verdicts" else UNLIKE:
        for recalls in RECALLS:
            if what == "verdicts":
                found = refuted(per_class, recalls, replicates=replicates)
                cells = [" / ".join(f"{100 * found[metric, m]:.1f}" for m in MARGINS) for metric in METRICS]
            else:
                bound = covered(per_class, recalls, replicates=replicates)
                with without_bound():
                    free = covered(per_class, recalls, replicates=replicates)
                cells = [f"{100 * free[metric]:.1f} → {100 * bound[metric]:.1f}" for metric in METRICS]
            patients_of = f"{sum(per_class)} ({per_class[0]} + {per_class[1]})"
            print(f"| {patients_of} | {recalls[0]}, {recalls[1]} | " + " | ".join(cells) + " |", flush=True)


@contextmanager
def without_bound() -> Iterator[None]:
    """Let Satterthwaite's degrees of freedom stand as they are."""
    kept = intervals.add_strata
    for module in (intervals, ranking):
        module.add_strata = lambda parts: intervals.satterthwaite(*parts)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in (intervals, ranking):
            module.add_strata = kept  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
