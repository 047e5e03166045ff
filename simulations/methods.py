"""Four ways to put an interval on an accuracy, by how often they hold the truth, with beta-binomial patients."""

from __future__ import annotations

from itertools import product

import numpy as np

from leukbench.evaluation.intervals import Interval, korn_graubard, proportion_variance, t_interval, wilson
from leukbench.evaluation.resampling import draw_weights
from leukbench.records import FloatArray

SEED = 20261127
CASES = ((8, 0.85), (28, 0.85), (28, 0.97), (73, 0.97))
"""Groups and accuracy."""
CORRELATIONS = (0.05, 0.2)
SPREADS = (0.3, 1.0)
"""Coefficients of variation of group sizes."""
_SIZE, _RESAMPLES = 60, 500


def percentile_bootstrap(y: FloatArray, n: FloatArray, rng: np.random.Generator) -> Interval:
    """Return the middle 95 % of the accuracies of resampled groups."""
    drawn = draw_weights(len(n), _RESAMPLES, generator=rng)
    low, high = np.quantile((drawn @ y) / (drawn @ n), [0.025, 0.975])
    return Interval(low=float(low), high=float(high))


def logit_t(y: FloatArray, n: FloatArray) -> Interval:
    """Return the t interval on the logit, with the jackknife variance."""
    variance, df = proportion_variance(y, n)
    return t_interval(float(y.sum() / n.sum()), variance, df=df, scale="logit", groups=df + 1)


def covered(groups: int, p: float, correlation: float, spread: float, replicates: int) -> FloatArray:
    """Return the share of replicates, in percent, in which each of the four holds ``p``."""
    rng, held = np.random.default_rng([SEED, groups, int(100 * p)]), np.zeros(4)
    of_rates = 1 / correlation - 1
    for _ in range(replicates):
        n = np.maximum(np.rint(rng.gamma(1 / spread**2, _SIZE * spread**2, groups)), 1)
        y = rng.binomial(n.astype(int), rng.beta(p * of_rates, (1 - p) * of_rates, groups)).astype(np.float64)
        made = (percentile_bootstrap(y, n, rng), logit_t(y, n), korn_graubard(y, n), wilson(y.sum(), n.sum()))
        held += [interval.low <= p <= interval.high for interval in made]
    return 100 * held / replicates


def rows(replicates: int) -> list[str]:
    """Return the rows of the table: coverage from the lowest to the highest over correlations and spreads of sizes."""
    names = ("percentile bootstrap of groups", "logit, t", "Korn–Graubard", "Wilson over images")
    out = ["| groups | p | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]
    for groups, p in CASES:
        found = np.array([covered(groups, p, c, s, replicates) for c, s in product(CORRELATIONS, SPREADS)])
        cells = [f"{low:.0f}–{high:.0f}" for low, high in zip(found.min(axis=0), found.max(axis=0), strict=True)]
        out.append(f"| {groups} | {p:g} | " + " | ".join(cells) + " |")
    return out
