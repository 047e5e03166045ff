"""Type I error of contrasts: two networks that are equally good, each trained with several seeds, on the same
patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np
from scipy.special import ndtr, ndtri

from leukbench.evaluation.contrasts import Compared, compare_runs
from leukbench.evaluation.resampling import GroupedRun, group_counts, rank_cell
from leukbench.records import FloatArray, IntArray, Predictions
from simulations.patients import Cohort, density, effects, layout

SEED = 20261130
METRICS: tuple[Compared, ...] = ("accuracy", "mcc", "auc")
NOISES = (0.0, 0.03)
ALPHA = 0.05
_EQUAL = {f"{n} + {n}": Cohort((n, n), (0.85, 0.85), fixed=((20,) * n, (20,) * n)) for n in (5, 10, 14, 30, 100)}
_OTHERS = {
    "11 + 3": Cohort((11, 3), (0.85, 0.85)),
    "14 + 14, t3": Cohort((14, 14), (0.85, 0.85), "t3"),
    "14 + 14, size": Cohort((14, 14), (0.85, 0.85), "size"),
    "47 + 26, size": Cohort((47, 26), (0.95, 0.95), "size"),
    "28 of both classes": Cohort((0, 0), (0.85, 0.85), shared=28),
    "30 + 30, one patient with 40 %": Cohort((30, 30), (0.85, 0.85), largest=0.4),
    "5 classes, 10 patients each": Cohort((10,) * 5, (0.8, 0.9, 0.7, 0.8, 0.85)),
}
CASES: tuple[tuple[str, Cohort, float], ...] = (
    *((name, cohort, noise) for name, cohort in _EQUAL.items() for noise in NOISES),
    *((name, cohort, 0.014) for name, cohort in _OTHERS.items()),
)
"""Designs with the noise between trainings, in accuracy at 85 %; the first ones have 20 images of each patient. Those
after them are of mechanisms that no method here was made for."""
_ALIKE = 0.6
"""Correlation of a patient's effects under two networks."""
_RESAMPLES = 2
"""Resamples make the percentiles alone, which are not looked at here."""


class Pair:
    """Runs of two equally good networks on one draw of patients: ``right`` and ``latent`` are ``(2, seeds, images)``.

    Each seed shifts the latent score of all images by as much as ``noise`` is in accuracy.
    """

    def __init__(self, cohort: Cohort, noise: float, seeds: int, rng: np.random.Generator) -> None:
        self.patient, self.label, images, common = layout(cohort, rng)
        self.n_patients, self.n_classes, n = len(images), cohort.n_classes, len(self.label)
        middle = ndtri(np.array(cohort.recalls))[self.label]
        shift = rng.normal(0, noise / density(float(ndtri(0.85))), (2, seeds, 1))
        own = [self._effect(cohort, common, rng)[self.patient, self.label] for _ in range(2)]
        deviation = (middle + shift + np.array(own)[:, None]) / np.sqrt(1 - cohort.correlation)
        self.latent: FloatArray = deviation + rng.normal(size=(2, seeds, n))
        wrong = (self.label + rng.integers(1, self.n_classes, size=self.latent.shape)) % self.n_classes
        self.predicted: IntArray = np.where(self.latent > 0, self.label, wrong)

    @staticmethod
    def _effect(cohort: Cohort, common: FloatArray, rng: np.random.Generator) -> FloatArray:
        own = effects(cohort, common.size, rng)[0].reshape(common.shape)
        return np.asarray(np.sqrt(_ALIKE) * common + np.sqrt(1 - _ALIKE) * own)

    @property
    def positive(self) -> FloatArray:
        """The score of the second of two classes."""
        return np.asarray(ndtr(np.where(self.label == 1, self.latent, -self.latent)))

    def runs(self) -> list[list[GroupedRun]]:
        """Return both networks' runs counted by patient."""
        names, shape = np.arange(self.n_patients).astype(np.str_), self.latent.shape[:2]
        scores = self.positive if self.n_classes == 2 else None
        found: list[list[GroupedRun]] = [[], []]
        for arm, seed in np.ndindex(*shape):
            counts = group_counts(
                self.label, self.predicted[arm, seed], self.patient, n_groups=self.n_patients, n_classes=self.n_classes
            )
            cells = (rank_cell(self.label == 1, scores[arm, seed], self.patient),) if scores is not None else ()
            found[arm].append(GroupedRun(names, counts, cells))
        return found

    def predictions(self, arm: int) -> Predictions:
        """Return one network's runs as predictions, as :func:`leukbench.evaluation.contrasts.compare` takes them."""
        seeds, n = self.latent.shape[1:]
        digits = len(str(self.n_patients))
        names = np.tile(np.char.zfill(self.patient.astype(np.str_), digits), seeds)
        ids, positive = np.tile(np.arange(n), seeds).astype(np.str_), self.positive[arm].ravel()
        return Predictions(
            classes=("a", "b"), image_id=ids, label=np.tile(self.label, seeds).astype(np.int64),
            predicted=self.predicted[arm].ravel().astype(np.int64), scores=np.stack([1 - positive, positive], axis=1),
            group=names, origin=ids, patient=names, fold=np.zeros(len(ids), dtype=np.int64),
            seed=np.repeat(np.arange(seeds), n).astype(np.int64),
        )  # fmt: skip


def rejected(
    cohort: Cohort, noise: float, replicates: int, *, seeds: int = 3, stream: int = 0
) -> Mapping[Compared, float]:
    """Return metric -> share of replicates, in percent, in which two equal networks differ at 5 %.

    The AUC of two classes only. ``stream`` keeps the chance of one design apart from that of another.
    """
    metrics: Sequence[Compared] = METRICS if cohort.n_classes == 2 else METRICS[:2]
    count = dict.fromkeys(metrics, 0)
    for replicate in range(replicates):
        runs = Pair(cohort, noise, seeds, np.random.default_rng([SEED, stream, replicate])).runs()
        for metric in metrics:
            count[metric] += compare_runs(runs, metric=metric, n_resamples=_RESAMPLES).p_value < ALPHA
    return {metric: 100 * n / replicates for metric, n in count.items()}


def rows(replicates: int) -> list[str]:
    """Return the rows of the table."""
    out = ["| patients | noise between trainings, points | " + " | ".join(METRICS) + " |", "|---" * 5 + "|"]
    for name, cohort, noise in CASES:
        found = rejected(cohort, noise, replicates, stream=crc32(f"{name} {noise}".encode()))
        shown = " | ".join(f"{found[metric]:.1f}" if metric in found else "–" for metric in METRICS)
        out.append(f"| {name} | {100 * noise:g} | {shown} |")
    return out
