"""Made-up patients: how many of each class, how many images, how unlike they are, and what the truth about them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from leukbench.evaluation import metrics
from leukbench.evaluation.scoring import brier_terms
from leukbench.records import FloatArray, IntArray, Predictions

Mechanism = Literal["beta", "probit", "t3", "size", "easier"]
"""beta: beta-binomial rates; probit: normal effects on a latent score; t3: t effects with 3 df, of the same variance;
size, easier: normal effects, patients with many images harder or easier (correlation 0.6 with the log size)."""
CORRELATION = 0.2
"""Of the latent scores of two images of a patient; of their being right it is about 0.1."""
_LOG_SD = 0.6
_TRUTH_PATIENTS = 400_000

CNMC: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "73": (
        (9, 11, 19, 58, 73, 74, 76, 92, 92, 99, 103, 112, 113, 142, 155, 246, 253, 268, 402, 53, 84, 97, 145, 146, 181,
         190, 201, 212, 352, 757, 14, 31, 35, 74, 80, 89, 99, 111, 161, 178, 178, 197, 197, 218, 250, 267, 278),
        (18, 18, 47, 69, 108, 119, 162, 185, 404, 373, 385, 405, 9, 20, 28, 29, 30, 32, 36, 46, 50, 100, 112,
         137, 140, 327),
    ),
    "28": (
        (7, 10, 12, 18, 47, 69, 83, 96, 111, 139, 164, 201, 262),
        (5, 9, 13, 19, 20, 25, 29, 31, 35, 38, 47, 54, 77, 84, 162),
    ),
    "14": ((53, 84, 97, 145, 146, 181, 190, 201, 212, 352, 757), (373, 385, 405)),
}  # fmt: skip
"""Cells of each subject of C-NMC 2019, leukaemic and healthy: its training data, preliminary test part, and official
fold 1."""


def density(z: float) -> float:
    """Return the standard normal density."""
    return float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Cohort:
    """Patients of a study: ``per_class`` of each class, ``size`` images each on average, right at rate ``recalls``.

    ``shared`` further patients hold images of every class. ``fixed`` gives each patient's images instead (a real
    design). ``largest`` is the share of all images that the first patient has (0: whatever it draws).
    """

    per_class: tuple[int, ...]
    recalls: tuple[float, ...]
    mechanism: Mechanism = "probit"
    size: float = 40.0
    shared: int = 0
    largest: float = 0.0
    fixed: tuple[tuple[int, ...], ...] = ()
    correlation: float = CORRELATION

    def __post_init__(self) -> None:
        """Refuse patients of several classes whose effects would have to go with their sizes. Raises ValueError."""
        if self.shared and self.mechanism in ("size", "easier"):
            raise ValueError("patients of several classes have effects apart from their sizes")

    @property
    def n_classes(self) -> int:
        return len(self.recalls)


def effects(cohort: Cohort, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return n patients' effects on the latent score (variance: the correlation) and their sizes as multiples of the
    mean."""
    z, log = rng.normal(size=n), rng.normal(size=n)
    if cohort.mechanism == "t3":
        z = rng.standard_t(3, size=n) / np.sqrt(3.0)
    if cohort.mechanism in ("size", "easier"):
        z = (0.6 if cohort.mechanism == "easier" else -0.6) * log + 0.8 * z
    return np.sqrt(cohort.correlation) * z, np.exp(_LOG_SD * log - _LOG_SD**2 / 2)


def chances(cohort: Cohort, recall: float, effect: FloatArray) -> FloatArray:
    """Return the chance that an image of a patient with this effect is right."""
    if cohort.mechanism == "beta":
        sum_ = 1 / (cohort.correlation / 2) - 1
        return np.asarray(
            stats.beta.ppf(ndtr(effect / np.sqrt(cohort.correlation)), recall * sum_, (1 - recall) * sum_)
        )
    return np.asarray(ndtr((ndtri(recall) + effect) / np.sqrt(1 - cohort.correlation)))


def layout(cohort: Cohort, rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return every image's patient and class, and each (patient, class)'s images and effect: ``(n_patients,
    n_classes)``."""
    total, k = sum(cohort.per_class) + cohort.shared, cohort.n_classes
    own = np.concatenate([np.repeat(np.arange(k), cohort.per_class), np.full(cohort.shared, -1)])
    effect, factor = effects(cohort, total, rng)
    n = np.maximum(np.rint(cohort.size * factor), 1)
    if cohort.fixed:
        n = np.array([x for of_class in cohort.fixed for x in of_class], dtype=np.float64)
    if cohort.largest:
        n[0] = np.rint(cohort.largest / (1 - cohort.largest) * n[1:].sum())
    images = np.where(own[:, None] == np.arange(k), n[:, None], 0).astype(np.int64)
    mixed = np.flatnonzero(own < 0)
    images[mixed] = rng.multinomial(n[mixed].astype(np.int64), np.full(k, 1 / k))
    cells = np.repeat(np.arange(total * k), images.ravel())
    # a patient of several classes carries an effect of its own in each
    of_class = np.where(own[:, None] < 0, effects(cohort, total * k, rng)[0].reshape(total, k), effect[:, None])
    return cells // k, cells % k, images, of_class


def predictions(cohort: Cohort, rng: np.random.Generator) -> Predictions:
    """Return one run on one draw of patients; scores of two classes only."""
    patient, label, _, effect = layout(cohort, rng)
    k, n = cohort.n_classes, len(label)
    p = np.stack([chances(cohort, r, effect[:, c]) for c, r in enumerate(cohort.recalls)], axis=1)[patient, label]
    latent = ndtri(np.clip(p, 1e-9, 1 - 1e-9)) + rng.normal(size=n)
    wrong = (label + rng.integers(1, k, size=n)) % k
    scores = np.full((n, k), np.nan)
    if k == 2:
        positive = ndtr(np.where(label == 1, latent, -latent))
        scores = np.stack([1 - positive, positive], axis=1)
    names, ids = patient.astype(np.str_), np.arange(n).astype(np.str_)
    zeros = np.zeros(n, dtype=np.int64)
    return Predictions(
        classes=tuple("abcdefgh"[:k]), image_id=ids, label=label.astype(np.int64), predicted=np.where(latent > 0,
        label, wrong), scores=scores, group=names, origin=ids, patient=names, fold=zeros, seed=zeros,
    )  # fmt: skip


@cache
def truth(cohort: Cohort) -> dict[str, float]:
    """Return what each metric would be on endlessly many such patients, classes in the ratio of the design."""
    rng = np.random.default_rng(1)
    rates, draws = [], []
    for recall in cohort.recalls:
        effect, factor = effects(cohort, _TRUTH_PATIENTS, rng)
        weight = factor / factor.sum() if not cohort.fixed else np.full(len(factor), 1 / len(factor))
        p = chances(cohort, recall, effect)
        rates.append(float(weight @ p))
        chosen = rng.choice(len(p), size=_TRUTH_PATIENTS, p=weight)
        draws.append(ndtri(np.clip(p[chosen], 1e-9, 1 - 1e-9)) + rng.normal(size=_TRUTH_PATIENTS))
    share = np.array(cohort.per_class, dtype=np.float64) + cohort.shared / cohort.n_classes
    if cohort.fixed:
        share = np.array([sum(of_class) for of_class in cohort.fixed], dtype=np.float64)
    if cohort.largest:
        share[0] += cohort.largest / (1 - cohort.largest) * (share.sum() - 1) - 1
    share = share / share.sum()
    k = cohort.n_classes
    matrix = np.outer(share * (1 - np.array(rates)), np.full(k, 1 / (k - 1)))
    np.fill_diagonal(matrix, share * rates)
    found = {
        "accuracy": float(share @ rates), "balanced_accuracy": float(np.mean(rates)), "mcc": float(metrics.mcc(matrix)),
        "macro f1": float(metrics.f1(matrix, "macro")), "recall b": rates[1],
        "precision b": float(metrics.precision(matrix)[1]),
    }  # fmt: skip
    if k == 2:
        positive = ndtr(np.concatenate([-draws[0], draws[1]]))
        weight = np.repeat(share / _TRUTH_PATIENTS, _TRUTH_PATIENTS)
        label = np.repeat([0, 1], _TRUTH_PATIENTS)
        found["brier"] = float(weight @ brier_terms(label, np.stack([1 - positive, positive], axis=1)))
        found["auc"] = float(metrics.roc_auc(np.repeat([0, 1], _TRUTH_PATIENTS), np.concatenate([-draws[0], draws[1]])))
    return found
