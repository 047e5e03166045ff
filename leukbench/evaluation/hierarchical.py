"""Few patients of a class: intervals from a beta-binomial model of each class, for patients of one label.

A class's images are right at a rate of their own in each patient, beta distributed with intra-class correlation ρ about
a mean whose logit is linear in the logarithm of the patient's number of images: patients with many images are often
called right more often (a random split trains on most of them), and a mean over patients is then not what a share of
images estimates. Priors: Jeffreys' (Beta(1/2, 1/2)) for the mean in the middle of the images, normal with
:data:`SLOPE` for the slope, Beta(1, 3) for ρ, in each class apart, because two or three patients cannot say how much
they differ and a correlation shared with the other class would be an assumption that fails where it matters.
``leukbench/evaluation/README.md`` tabulates the coverage. Gelman et al., Bayesian Data Analysis (2013), ch. 5; Kleinman
1973, JASA 68:46; Rubin 1981, Ann. Stat. 9:130 (Bayesian bootstrap).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import betaln, expit, logit

from leukbench.evaluation.design import PerClass
from leukbench.evaluation.intervals import Interval, t_quantile, with_seeds
from leukbench.evaluation.metrics import Margins
from leukbench.records import FloatArray
from leukbench.seeds import generator_for

FEW = 8.0
"""Below so many effective patients of a class, all of one label, the model stands in for the jackknife."""
MANY = 15
"""With more patients than this in the class, few of them effective, one patient weighs most: there the jackknife stays.
"""
IMAGES = 5.0
"""With fewer images a patient the model's intervals are too short (measured: 80 to 89 % with one or two), and those of
Korn and Graubard hold.
"""
DRAWS = 4000
METHOD = "beta-binomial by class"
SETTLED = 1e6
"""Degrees of freedom: how little is known of ρ is in the spread itself, so that tails are a normal's."""
SLOPE = 1.0
"""Standard deviation of the slope's prior, in logits for e times as many images of a patient."""
_MEANS, _SLOPES, _CORRELATIONS = 120, 13, 15
_AT_ONCE, _BEHIND = 40, 30.0  # patients, nats
_SURE = 1e-9  # a rate of 0 or 1 itself has no beta distribution about it


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
    each, and some images of each patient.
    """
    if units.strata is None or not ((units.counts > 0).sum(axis=0) == 1).all():
        return False
    patients = np.array([units.n_units_of(c) for c in range(len(units.counts))])
    enough = patients.min() >= 2 and bool((units.counts.sum(axis=1) >= IMAGES * patients).all())
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
        generator = generator_for(0, "hierarchical", str(c))
        rates.append(_rates(right[c][there], totals[c][there], generator))
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


def _rates(right: FloatArray, totals: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Return draws of the share of right images, of patients whose sizes are drawn as these by the Bayesian
    bootstrap.
    """
    order = generator.permutation(len(totals))
    logs = np.log(totals)
    centred = logs - np.average(logs, weights=totals)
    slopes = np.linspace(-2.5, 2.5, _SLOPES) * SLOPE
    weights = _weights(right[order], totals[order], centred[order], slopes)
    u = generator.permutation((np.arange(DRAWS) + 0.5) / DRAWS)
    cells = np.searchsorted(np.cumsum(weights), u)
    middle = logit(_mean(cells // _SLOPES + generator.random(DRAWS)))
    drawn = []
    for part in np.array_split(np.arange(DRAWS), 1 + len(totals) // 100):  # a class may have thousands of patients
        chances = expit(middle[part, None] + slopes[cells[part] % _SLOPES][:, None] * centred)
        images = generator.exponential(size=chances.shape) * totals
        drawn.append((images * chances).sum(axis=1) / images.sum(axis=1))
    return np.concatenate(drawn)


def _mean(step: npt.NDArray[Any]) -> FloatArray:
    """Return the mean rate at a step (0 to _MEANS), steps being equally likely by Jeffreys' prior."""
    return np.asarray(np.sin(step / _MEANS * np.pi / 2) ** 2)


def _weights(right: FloatArray, totals: FloatArray, centred: FloatArray, slopes: FloatArray) -> FloatArray:
    """Return the posterior's weight of every mean and slope, ``(_MEANS * _SLOPES,)``, of patients in random order.

    What fell behind after a part of the patients is left out for the others: with hundreds of them that is nearly all.
    """
    correlations = 1 - (1 - (np.arange(_CORRELATIONS) + 0.5) / _CORRELATIONS) ** (1 / 3)  # quantiles of Beta(1, 3)
    middles = logit(_mean(np.arange(_MEANS) + 0.5))
    grid = np.meshgrid(middles, slopes, 1 / correlations - 1, indexing="ij")
    middle, slope, size = (axis.ravel() for axis in grid)
    log = -((slope / SLOPE) ** 2) / 2
    kept = np.arange(len(log))
    for part in np.array_split(np.arange(len(totals)), 1 + len(totals) // _AT_ONCE):
        for i in part:
            chance = np.clip(expit(middle[kept] + slope[kept] * centred[i]), _SURE, 1 - _SURE)
            a, b = chance * size[kept], (1 - chance) * size[kept]
            log[kept] += betaln(right[i] + a, totals[i] - right[i] + b) - betaln(a, b)
        kept = kept[log[kept] > log[kept].max() - _BEHIND]
    weights = np.zeros(len(log))
    weights[kept] = np.exp(log[kept] - log[kept].max())
    weights = weights.reshape(_MEANS * _SLOPES, _CORRELATIONS).sum(axis=1)
    return np.asarray(weights / weights.sum())


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
    low, high = _densest(known, level)
    spread = float(np.diff(np.quantile(known, stats.norm.cdf([-1, 1])))[0]) / 2
    variance, df = with_seeds((spread**2, SETTLED), extra)
    error = math.sqrt(variance)
    wider = t_quantile(df, level) * error / (t_quantile(SETTLED, level) * spread) if spread > 0 else 1.0
    return Interval(
        low=max(value - max(value - low, 0.0) * wider, limits[0]),
        high=min(value + max(high - value, 0.0) * wider, limits[1]),
        method=METHOD,
        df=df,
        df_groups=SETTLED,
        standard_error=error,
        effective_groups=units.fewest,
    )
