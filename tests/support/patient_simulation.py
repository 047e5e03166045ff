"""Patients with a known truth, for coverage: group counts, sizes and correlations as STATISTICS.md states them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from leukbench.evaluation import metrics
from leukbench.evaluation.contrasts import compare
from leukbench.evaluation.intervals import Interval, jackknife, korn_graubard
from leukbench.evaluation.metrics import Margins
from leukbench.evaluation.ranking import auc_interval, auc_parts
from leukbench.records import Predictions


@dataclass(frozen=True)
class Domain:
    """One cell of the simulation: ``groups`` patients whose sizes vary with ``cv`` about ``size`` images."""

    groups: int
    p: float
    icc: float
    cv: float = 0.3
    size: float = 70.0


def sizes(domain: Domain, rng: np.random.Generator) -> np.ndarray:
    """Images of each patient, gamma distributed, at least 1."""
    shape = 1 / domain.cv**2
    return np.maximum(np.rint(rng.gamma(shape, domain.size / shape, domain.groups)), 1).astype(int)


def rates(domain: Domain, n: int, rng: np.random.Generator) -> np.ndarray:
    """Each patient's own probability of a right image: beta with mean p and intra-class correlation icc."""
    if domain.icc == 0:
        return np.full(n, domain.p)
    total = 1 / domain.icc - 1
    return rng.beta(domain.p * total, (1 - domain.p) * total, n)


def matrices(domain: Domain, rng: np.random.Generator, *, n_classes: int = 2, mixed: bool = False) -> np.ndarray:
    """Confusion counts of each patient, ``(groups, C, C)``: one label a patient, or all classes equally if mixed."""
    n, out = sizes(domain, rng), np.zeros((domain.groups, n_classes, n_classes), dtype=int)
    for c in range(n_classes):
        if mixed:
            members, images = np.arange(domain.groups), rng.binomial(n, 1 / n_classes)
        else:
            members = np.arange(domain.groups)[np.arange(domain.groups) % n_classes == c]
            images = n[members]
        right = rng.binomial(images, rates(domain, len(members), rng))
        out[members, c, c] = right
        wrong = rng.multinomial(images - right, np.full(n_classes - 1, 1 / (n_classes - 1)))
        out[np.ix_(members, [c], [k for k in range(n_classes) if k != c])] = wrong[:, None, :]
    return out


def accuracy_interval(domain: Domain, rng: np.random.Generator) -> Interval:
    n = sizes(domain, rng)
    return korn_graubard(rng.binomial(n, rates(domain, domain.groups, rng)), n)


def matrix_interval(function: Callable[[Margins], np.ndarray], scale: str, counts: np.ndarray) -> Interval:
    """Exactly what estimates do for MCC and F1: delete one group, t on a scale."""
    units = metrics.margins(counts)
    whole = units.sum(0)
    without = Margins(
        *(getattr(whole, part)[..., None] - getattr(units, part) for part in ("diagonal", "actual", "predicted"))
    )
    held = counts.sum(axis=2) > 0
    strata = held.argmax(axis=1) if (held.sum(axis=1) == 1).all() else None
    return jackknife(float(function(whole)), function(without), scale=scale, sizes=units.total, strata=strata)  # type: ignore[arg-type]


def mcc_interval(domain: Domain, rng: np.random.Generator, **kinds: object) -> Interval:
    return matrix_interval(metrics.mcc, "fisher", matrices(domain, rng, **kinds))  # type: ignore[arg-type]


def f1_interval(domain: Domain, rng: np.random.Generator, **kinds: object) -> Interval:
    return matrix_interval(lambda m: metrics.f1(m, "macro"), "logit", matrices(domain, rng, **kinds))  # type: ignore[arg-type]


def f1_class_interval(domain: Domain, rng: np.random.Generator, **kinds: object) -> Interval:
    return matrix_interval(lambda m: metrics.f1(m)[..., 0], "logit", matrices(domain, rng, **kinds))  # type: ignore[arg-type]


def auc_of_patients(domain: Domain, rng: np.random.Generator, *, mixed: bool = False) -> Interval:
    """Scores are normal with a patient effect of variance icc; the AUC of images of different patients is p."""
    n = sizes(domain, rng)
    shift = np.sqrt(2) * stats.norm.ppf(domain.p)
    codes = np.repeat(np.arange(domain.groups), n)
    label = rng.integers(0, 2, len(codes)) if mixed else codes % 2
    # a patient who has both classes carries one effect in each, so that truth does not depend on who is compared
    effect = rng.normal(0, np.sqrt(domain.icc), (domain.groups, 2))[codes, label]
    score = shift * label + effect + rng.normal(0, np.sqrt(1 - domain.icc), len(codes))
    scores = np.stack([1 - stats.norm.cdf(score), stats.norm.cdf(score)], axis=1)
    part = auc_parts(label, scores, np.zeros(len(codes), dtype=int), codes, n_groups=domain.groups, classes=[1])
    of_group = np.full(domain.groups, -1) if mixed else np.arange(domain.groups) % 2
    return auc_interval([part], None, label_of_group=of_group, sizes=n.astype(float), folds_share_groups=False)[1]


def two_arms(
    groups: int, icc: float, aucs: tuple[float, float], rng: np.random.Generator, *, folds: int
) -> list[Predictions]:
    """Two arms on the same images of patients with one label, their patient effects correlated 0.7."""
    codes = np.repeat(np.arange(groups), 40)
    label, ids = codes % 2, np.arange(len(codes)).astype(str)
    shared = rng.normal(size=groups)
    arms = []
    for auc in aucs:
        shift, effect = np.sqrt(2) * stats.norm.ppf(auc), 0.7 * shared + np.sqrt(0.51) * rng.normal(size=groups)
        score = shift * (label - 0.5) + np.sqrt(icc) * effect[codes] + rng.normal(0, np.sqrt(1 - icc), len(codes))
        p = stats.norm.cdf(score)
        arms.append(
            Predictions(
                classes=("a", "b"), image_id=ids, label=label, predicted=(p > 0.5).astype(int), origin=ids,
                scores=np.stack([1 - p, p], axis=1), group=codes.astype(str), patient=codes.astype(str),
                fold=(codes // 2) % folds, seed=np.zeros(len(codes), dtype=int),
            )
        )  # fmt: skip
    return arms


def contrast_interval(metric: str, folds: int, rng: np.random.Generator) -> Interval:
    """The difference between two arms on 28 patients, correlation 0.1."""
    made = compare(*two_arms(28, 0.1, CONTRASTED, rng, folds=folds), metric=metric, n_resamples=500)  # type: ignore[arg-type]
    return Interval(low=made.low, high=made.high)


CONTRASTED = (0.85, 0.8)
_ACCURACIES = [float(stats.norm.cdf(stats.norm.ppf(auc) / np.sqrt(2))) for auc in CONTRASTED]
CONTRASTS = {
    "accuracy": _ACCURACIES[0] - _ACCURACIES[1],
    "mcc": 2 * (_ACCURACIES[0] - _ACCURACIES[1]),
    "auc": CONTRASTED[0] - CONTRASTED[1],
}
"""Metric -> true difference of the two arms."""


def covered(
    interval: Callable[[np.random.Generator], Interval], truth: float, *, replicates: int, seed: int
) -> tuple[float, float]:
    """Share of replicates whose interval holds the truth, and the mean width."""
    hits, widths = 0, []
    for replicate in range(replicates):
        made = interval(np.random.default_rng([seed, replicate]))
        hits += made.low <= truth <= made.high
        widths.append(made.high - made.low)
    return hits / replicates, float(np.mean(widths))


def mcc_truth(p: float, n_classes: int) -> float:
    """MCC of balanced classes, each with recall p and errors spread evenly."""
    matrix = np.full((n_classes, n_classes), (1 - p) / (n_classes - 1))
    np.fill_diagonal(matrix, p)
    return float(metrics.mcc(matrix))


Maker = Callable[[Domain, np.random.Generator], Interval]
ROUTINES: dict[str, tuple[Maker, Callable[[float], float], bool]] = {
    # name: interval, its truth for a recall of p, whether classes are told apart by patients (then groups count per class)
    "accuracy, recall": (accuracy_interval, float, False),
    "MCC, one label a patient": (mcc_interval, lambda p: mcc_truth(p, 2), True),
    "MCC, mixed labels": (partial(mcc_interval, mixed=True), lambda p: mcc_truth(p, 2), False),
    "F1 of a class, one label a patient": (f1_class_interval, float, True),
    "macro F1, one label a patient": (f1_interval, float, True),
    "F1 of a class, mixed labels": (partial(f1_class_interval, mixed=True), float, False),
    "AUC, one label a patient": (auc_of_patients, float, True),
    "AUC, mixed labels": (partial(auc_of_patients, mixed=True), float, False),
}
RATES = ((0.6, 0.2), (0.75, 0.1), (0.85, 0.05), (0.85, 0.2), (0.9, 0.2), (0.97, 0.05))
"""Pairs (p, intra-class correlation) of the domain in which STATISTICS.md promises 93 to 97 %."""
GROUPS = ((18, 0.3), (28, 0.3), (36, 1.0), (73, 0.3))
"""Pairs (groups, CV of their sizes) with at least 15 effective groups; doubled where groups count per class."""
OUTSIDE = ((8, 0.3, 0.85, 0.1), (14, 0.3, 0.85, 0.1), (28, 0.3, 0.97, 0.2), (73, 0.3, 0.97, 0.2), (28, 0.3, 0.99, 0.05))
SEED = 20260101


def cells(name: str) -> list[Domain]:
    """The simulated cells of a routine inside the promised domain."""
    factor, size = (2 if ROUTINES[name][2] else 1), (30.0 if name.startswith("AUC") else 70.0)
    return [Domain(factor * g, p, icc, cv, size) for g, cv in GROUPS for p, icc in RATES]


def outside(name: str) -> list[Domain]:
    """Cells beyond the domain, which the documentation tabulates."""
    factor, size = (2 if ROUTINES[name][2] else 1), (30.0 if name.startswith("AUC") else 70.0)
    return [Domain(factor * g, p, icc, cv, size) for g, cv, p, icc in OUTSIDE]


def coverage(name: str, domain: Domain, *, replicates: int) -> float:
    maker, truth, _ = ROUTINES[name]
    return covered(partial(maker, domain), truth(domain.p), replicates=replicates, seed=SEED)[0]


def main(replicates: int, names: list[str]) -> None:
    """Print the rows of the coverage tables of leukbench/evaluation/README.md; ``contrasts`` prints theirs."""
    if names == ["contrasts"]:
        for metric, truth in CONTRASTS.items():
            shares = [
                covered(partial(contrast_interval, metric, f), truth, replicates=replicates, seed=SEED)[0]
                for f in (1, 7)
            ]
            print(f"| {metric} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |", flush=True)
        return
    for name in names or list(ROUTINES):
        inside = np.array([coverage(name, d, replicates=replicates) for d in cells(name)]).reshape(len(GROUPS), -1)
        for (g, cv), row in zip(GROUPS, inside, strict=True):
            groups = f"{2 * g} ({g} a class)" if ROUTINES[name][2] else str(g)
            print(f"| {name} | {groups} | {cv} | " + " | ".join(f"{100 * x:.1f}" for x in row) + " |", flush=True)
        beyond = [coverage(name, d, replicates=replicates) for d in outside(name)]
        print(f"OUT | {name} | " + " | ".join(f"{100 * x:.1f}" for x in beyond) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
