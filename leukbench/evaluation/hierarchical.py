"""Few patients of a class: intervals from a beta-binomial model of each class, for patients of one label.

A class's images are right at a rate of their own in each patient, beta distributed with mean μ and intra-class
correlation ρ. Priors: Jeffreys' for μ (Beta(1/2, 1/2)), Beta(1, 3) for ρ, in each class apart, because two or three
patients cannot say how much they differ and a correlation shared with the other class would be an assumption that fails
where it matters. ``leukbench/evaluation/README.md`` tabulates the coverage beside that of the jackknife. Gelman et al.,
Bayesian Data Analysis (2013), ch. 5; Kleinman 1973, JASA 68:46.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import betaln

from leukbench.evaluation.design import PerClass
from leukbench.evaluation.intervals import Interval
from leukbench.evaluation.metrics import Margins
from leukbench.records import FloatArray
from leukbench.seeds import generator_for

FEW = 8.0
"""Below so many effective patients of a class, all of one label, the model stands in for the jackknife."""
MANY = 15
"""With more patients than this in the class, few of them effective, one patient weighs most: there the jackknife stays.
"""
DRAWS = 4000
METHOD = "beta-binomial by class"
SETTLED = 1e6
"""Degrees of freedom: how little is known of ρ is in the spread itself, so that tails are a normal's."""
_MEANS, _CORRELATIONS = 120, 30


@dataclass(frozen=True)
class Posterior:
    """Draws of every class's mean rate and of its images, ``(n_classes, DRAWS)``.

    New patients bring other numbers of images: without that, precision covers 75 to 85 % (measured).
    """

    rates: FloatArray
    images: FloatArray

    def margins(self) -> Margins:
        """Return the confusion matrices that the draws stand for; of more than two classes what is predicted
        stays NaN.
        """
        right = self.rates * self.images
        two = len(right) == 2
        return Margins(right, self.images, right + (self.images - right)[::-1] if two else np.full_like(right, np.nan))


def applies(units: PerClass) -> bool:
    """Return whether the model stands in, by design alone: few patients of a class, two at least in each, one label
    each.
    """
    if units.strata is None or not ((units.counts > 0).sum(axis=0) == 1).all():
        return False
    enough = min(units.n_units_of(c) for c in range(len(units.counts))) >= 2
    return enough and units.fewest < FEW and units.n_units_of(units.poorest) <= MANY


def posterior(right: FloatArray, totals: FloatArray) -> Posterior:
    """Return draws of the mean rates, given right images and images of each patient and class
    ``(n_classes, n_units)``.

    Parameters
    ----------
    right, totals
        ``(n_classes, n_units)``: right images and images of each patient and class.

    Returns
    -------
    Draws of the mean rate of each class.
    """
    rates, images = [], []
    for c in range(len(totals)):
        there = totals[c] > 0
        grid, weights = _marginal(right[c][there], totals[c][there])
        generator = generator_for(0, "hierarchical", str(c))
        u = generator.permutation((np.arange(DRAWS) + 0.5) / DRAWS)
        rates.append(np.interp(u, np.cumsum(weights) - weights / 2, grid))
        images.append(_images(totals[c][there], generator))
    return Posterior(np.array(rates), np.array(images))


def _images(totals: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return how many images as many patients of the class would have: lognormal, with the error of the mean that sizes
    show.
    """
    spread = float(np.std(totals, ddof=1) / np.mean(totals)) / math.sqrt(len(totals))
    sigma = math.sqrt(math.log1p(spread**2))
    z = stats.t.ppf(generator.permutation((np.arange(DRAWS) + 0.5) / DRAWS), len(totals) - 1)
    return np.asarray(totals.sum() * np.exp(np.clip(sigma * z, -2, 2)))


def _marginal(right: FloatArray, totals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return a grid of mean rates, at equal steps of Jeffreys' prior, and the posterior's weight of each."""
    mean = np.sin((np.arange(_MEANS) + 0.5) / _MEANS * np.pi / 2) ** 2
    correlation = 1 - (1 - (np.arange(_CORRELATIONS) + 0.5) / _CORRELATIONS) ** (1 / 3)  # quantiles of Beta(1, 3)
    a = mean[:, None] * (1 / correlation - 1)
    b = (1 - mean)[:, None] * (1 / correlation - 1)
    log = np.zeros_like(a)
    for y, n in zip(right, totals, strict=True):
        log += betaln(y + a, n - y + b) - betaln(a, b)
    weights = np.exp(log - log.max()).sum(axis=1)
    return mean, weights / weights.sum()


def _densest(draws: FloatArray, level: float) -> tuple[float, float]:
    ordered = np.sort(draws)
    kept = int(np.ceil(level * len(ordered)))
    start = int(np.argmin(ordered[kept - 1 :] - ordered[: len(ordered) - kept + 1]))
    return float(ordered[start]), float(ordered[start + kept - 1])


def interval_from(
    draws: FloatArray, value: float, *, units: PerClass, limits: tuple[float, float], level: float = 0.95,
    extra: tuple[float, float] = (0.0, 0.0),
) -> Interval | None:  # fmt: skip
    """Return the shortest interval that holds ``level`` of a metric's draws; ``extra`` is a further (variance, df),
    that of seeds.

    Equal tails lie too low, as draws trail off downwards: all misses are on one side then (measured). The interval
    always holds the value itself. None where the metric cannot be told from the draws.

    Parameters
    ----------
    draws
        ``(n_draws,)`` of the metric.
    value
        The estimate itself, which the interval always holds.
    limits
        The ends of the metric's scale.
    level
        Of the interval, as a fraction.
    extra
        A further (variance, df), that of seeds.

    Returns
    -------
    The interval, or None where the metric does not follow from the draws.
    """
    known = draws[~np.isnan(draws)]
    if len(known) < DRAWS / 2:
        return None
    if extra[0] > 0:
        u = generator_for(0, "hierarchical", "seeds").permutation((np.arange(len(known)) + 0.5) / len(known))
        known = known + np.sqrt(extra[0]) * stats.t.ppf(u, extra[1])
    low, high = _densest(known, level)
    spread = float(np.diff(np.quantile(known, stats.norm.cdf([-1, 1])))[0]) / 2  # t's tails have no variance at df 2
    return Interval(
        low=max(min(float(low), value), limits[0]),
        high=min(max(float(high), value), limits[1]),
        method=METHOD,
        df=SETTLED,
        df_groups=SETTLED,
        standard_error=spread,
        effective_groups=units.fewest,
    )
