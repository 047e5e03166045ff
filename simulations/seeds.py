"""What few degrees of freedom between seeds do to a test: Satterthwaite's against :func:`with_seeds`, normal parts."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtr

from leukbench.evaluation.intervals import satterthwaite, with_seeds

SEED = 20261201
GROUPS = 60.0
"""Degrees of freedom of the variance between groups."""
RATIOS = (0.3, 1.0, 4.0, 10.0)
"""Variance between seeds over that between groups."""


def wrong(k: int, ratio: float, replicates: int) -> tuple[float, float]:
    """Return how often, in percent, a one-sided test at 5 % rejects what is true: by Satterthwaite's df, and by
    ours. ``k``: degrees of freedom of s²."""
    rng = np.random.default_rng(SEED)
    groups, seeds = rng.chisquare(GROUPS, replicates) / GROUPS, ratio * rng.chisquare(k, replicates) / k
    t = rng.normal(size=replicates) * np.sqrt((1 + ratio) / (groups + seeds))
    found = []
    for add in (satterthwaite, with_seeds):
        df = np.array([add((v, GROUPS), (s, float(k)))[1] for v, s in zip(groups, seeds, strict=True)])
        found.append(100 * float(np.mean(stdtr(df, -t) < 0.05)))
    return found[0], found[1]


def rows(replicates: int) -> list[str]:
    """Return the rows of the table."""
    out = ["| degrees of freedom of s² | " + " | ".join(f"{r:g} times" for r in RATIOS) + " |", "|---" * 5 + "|"]
    for k in (1, 2, 4, 10):
        cells = [" / ".join(f"{x:.1f}" for x in wrong(k, ratio, replicates)) for ratio in RATIOS]
        out.append(f"| {k} | " + " | ".join(cells) + " |")
    return out
