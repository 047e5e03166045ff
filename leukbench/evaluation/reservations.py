"""What the interval of a proportion would be for patients that nobody can identify."""

from __future__ import annotations

from dataclasses import dataclass

from leukbench.errors import InputError
from leukbench.evaluation.intervals import clopper_pearson, t_quantile, with_seeds


@dataclass(frozen=True)
class Sensitivity:
    """What the interval of a proportion would be if images correlated so much within a stated number of patients."""

    correlation: float
    design_effect: float
    low: float
    high: float


def design_effect_sensitivity(
    value: float,
    n_images: int,
    *,
    n_patients: int,
    correlations: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2),
    level: float = 0.95,
    seeds: tuple[float, float] = (0.0, 0.0),
) -> tuple[Sensitivity, ...]:
    """Return the interval of a proportion for each within-patient correlation, for patients that nobody can identify.

    The publisher states ``n_patients``; with equal sizes m = n_images / n_patients the design effect is
    1 + (m - 1)·correlation (Kish 1965), and Korn-Graubard's limits follow with n_patients - 1 degrees of freedom.

    Parameters
    ----------
    value
        The proportion, a fraction.
    n_images, n_patients
        How many it is of, as the publisher states them.
    correlations
        Between the errors of a patient's images.
    level
        Of the intervals, as a fraction.
    seeds
        What several trainings add: a further (variance, df) of the proportion, no part of the design effect.

    Returns
    -------
    A row a correlation.

    References
    ----------
    Kish 1965, Survey Sampling; Korn & Graubard 1998, Survey Methodology 24:193.

    Examples
    --------
    >>> [round(row.design_effect, 2) for row in design_effect_sensitivity(0.9, 890, n_patients=89)]
    [1.0, 1.45, 1.9, 2.8]
    """
    if not 2 <= n_patients <= n_images:
        raise InputError(
            "patients cannot hold these images", expected=f"2 to {n_images} patients", found=str(n_patients)
        )
    rows, one_image = [], max(value * (1 - value), 1e-12)  # of a value at its end: the df of patients, exact limits
    for correlation in correlations:
        effect = 1 + (n_images / n_patients - 1) * correlation
        variance, df = with_seeds((one_image * effect / n_images, n_patients - 1), seeds)
        shrink = (t_quantile(n_images - 1, level) / t_quantile(df, level)) ** 2
        low, high = clopper_pearson(value, one_image / variance * shrink, level=level)
        rows.append(Sensitivity(correlation, effect, low, high))
    return tuple(rows)
