"""Type I error of contrasts: two networks that are equally good, each trained with several seeds, on the same
patients."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from leukbench.evaluation.contrasts import Compared, compare
from leukbench.records import FloatArray, Predictions
from simulations.patients import CORRELATION, density

SEED = 20261130
METRICS: tuple[Compared, ...] = ("accuracy", "mcc", "auc")
DESIGNS = ((5, 5), (10, 10), (14, 14), (30, 30), (100, 100))
NOISES = (0.0, 0.014, 0.03)
_RESAMPLES, _SIZE, _ACCURACY = 20, 20, 0.85
"""Resamples make the percentiles alone, which are not looked at here."""
_MANY = 4000


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


def _between(x: FloatArray, groups: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """Return the variance over groups of the mean of ``(replicates, groups)``, and its df, for groups of one size."""
    ends = np.cumsum([0, *groups])
    parts = [x[:, a:b].var(axis=1, ddof=1) * (b - a) / sum(groups) ** 2 for a, b in pairwise(ends)]
    whole = np.sum(parts, axis=0)
    df = whole**2 / np.sum([v**2 / (n - 1) for v, n in zip(parts, groups, strict=True)], axis=0)
    return whole, np.minimum(df, 2 * (min(groups) - 1))


def rejected_by_group(groups: Sequence[int], noise: float, seeds: int, replicates: int) -> float:
    """Return the same for accuracy alone, from right images a group: what ``compare`` does, for thousands at once."""
    rng, middle = np.random.default_rng(SEED), float(ndtri(_ACCURACY))
    effect, runs = rng.normal(size=(replicates, sum(groups))), []
    for _ in range(2):
        own = np.sqrt(CORRELATION) * (np.sqrt(0.6) * effect + np.sqrt(0.4) * rng.normal(size=effect.shape))
        shift = rng.normal(0, noise / density(middle), (replicates, seeds, 1))
        chance = ndtr((middle + shift + own[:, None]) / np.sqrt(1 - CORRELATION))
        runs.append(rng.binomial(_SIZE, chance) / _SIZE)
    means = [run.mean(axis=1) for run in runs]
    own, df = _between(means[0] - means[1], groups)
    s2 = np.mean([run.mean(axis=2).var(axis=1, ddof=1) for run in runs], axis=0)
    apart = [_between(run[:, s] - mean, groups)[0] for run, mean in zip(runs, means, strict=True) for s in range(seeds)]
    added = np.maximum(s2 - np.sum(apart, axis=0) / (2 * (seeds - 1)), 0) * 2 / seeds
    total = (own + added) ** 2 / (own**2 / df + (s2 * 2 / seeds) ** 2 / (2 * (seeds - 1)))
    t = np.abs((means[0] - means[1]).mean(axis=1)) / np.sqrt(own + added)
    return 100 * float(np.mean(2 * stdtr(total, -t) < 0.05))


def rows(replicates: int) -> list[str]:
    """Return the rows of the table."""
    out = [
        "| patients | noise between trainings, points | " + " | ".join(METRICS) + f" | accuracy, {_MANY} replicates |",
        "|---" * 6 + "|",
    ]
    for groups in DESIGNS:
        for noise in NOISES:
            found = rejected(groups, noise, 3, replicates)
            shown = " | ".join(f"{found[metric]:.1f}" for metric in METRICS)
            many = rejected_by_group(groups, noise, 3, _MANY)
            out.append(f"| {groups[0]} + {groups[1]} | {100 * noise:g} | {shown} | {many:.1f} |")
    return out
