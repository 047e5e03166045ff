"""Type I error of contrasts: two networks that are equally good, each trained with several seeds, on the same
patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from leukbench.evaluation.contrasts import Compared, compare
from leukbench.records import FloatArray, Predictions
from simulations.patients import CORRELATION, density

SEED = 20261130
METRICS: tuple[Compared, ...] = ("accuracy", "mcc", "auc")
DESIGNS = ((5, 5), (10, 10), (14, 14), (30, 30), (100, 100))
NOISES = (0.0, 0.014, 0.03)
_RESAMPLES, _SIZE, _ACCURACY = 20, 20, 0.85
"""Resamples make the percentiles alone, which are not looked at here."""


def arm(
    groups: Sequence[int], effect: FloatArray, noise: float, seeds: int, rng: np.random.Generator
) -> Predictions:  # fmt: skip
    """Return one network's runs: each seed shifts the latent score of all images by as much as ``noise`` is in
    accuracy."""
    total = sum(groups)
    codes = np.repeat(np.arange(total), _SIZE)
    label = np.repeat(np.repeat([0, 1], groups), _SIZE)
    own = np.sqrt(CORRELATION) * (np.sqrt(0.6) * effect + np.sqrt(0.4) * rng.normal(size=total))
    middle = float(ndtri(_ACCURACY))
    parts = []
    for seed in range(seeds):
        shift = rng.normal(0, noise / density(middle))
        latent = middle + shift + own[codes] + rng.normal(0, np.sqrt(1 - CORRELATION), len(codes))
        positive = ndtr(np.where(label == 1, latent, -latent))
        parts.append((latent > 0, np.stack([1 - positive, positive], axis=1), np.full(len(codes), seed)))
    right, scores, seed_of = (np.concatenate([part[i] for part in parts]) for i in range(3))
    names, ids = np.tile(codes, seeds).astype(np.str_), np.tile(np.arange(len(codes)), seeds).astype(np.str_)
    labels = np.tile(label, seeds).astype(np.int64)
    return Predictions(
        classes=("a", "b"), image_id=ids, label=labels, predicted=np.where(right, labels, 1 - labels), scores=scores,
        group=names, origin=ids, patient=names, fold=np.zeros(len(ids), dtype=np.int64),
        seed=seed_of.astype(np.int64),
    )  # fmt: skip


def rejected(groups: Sequence[int], noise: float, seeds: int, replicates: int) -> dict[str, float]:
    """Return metric -> share of replicates, in percent, in which two equal networks differ at 5 %."""
    count = dict.fromkeys(METRICS, 0)
    for replicate in range(replicates):
        rng = np.random.default_rng([SEED, replicate])
        effect = rng.normal(size=sum(groups))
        pair = [arm(groups, effect, noise, seeds, rng) for _ in range(2)]
        for metric in METRICS:
            count[metric] += compare(pair[0], pair[1], metric=metric, n_resamples=_RESAMPLES).p_value < 0.05
    return {metric: 100 * n / replicates for metric, n in count.items()}


def rows(replicates: int) -> list[str]:
    """Return the rows of the table."""
    out = ["| patients | noise between trainings, points | " + " | ".join(METRICS) + " |", "|---" * 5 + "|"]
    for groups in DESIGNS:
        for noise in NOISES:
            found = rejected(groups, noise, 3, replicates)
            shown = " | ".join(f"{found[metric]:.1f}" for metric in METRICS)
            out.append(f"| {groups[0]} + {groups[1]} | {100 * noise:g} | {shown} |")
    return out
