"""What to say where an interval cannot be trusted: no patient ids, few groups, proportions near their end."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import stats

from leukbench.errors import InputError
from leukbench.evaluation.intervals import clopper_pearson

NAN = float("nan")
NOT_ASSURED = "coverage not assured"
"""How the note of an interval outside the domain of STATISTICS.md begins."""


@dataclass(frozen=True)
class Sensitivity:
    """What the interval of a proportion would be if images correlated so much within a stated number of patients."""

    correlation: float
    design_effect: float
    low: float
    high: float


def design_effect_sensitivity(
    value: float, n_images: int, *, n_patients: int, correlations: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2), level: float = 0.95
) -> tuple[Sensitivity, ...]:  # fmt: skip
    """Return the interval of a proportion for each within-patient correlation, for patients that nobody can identify.

    The publisher states ``n_patients``; with equal sizes m = n_images / n_patients the design effect is
    1 + (m - 1)·correlation (Kish 1965), and Korn-Graubard's limits follow with n_patients - 1 degrees of freedom.

    >>> [round(row.design_effect, 2) for row in design_effect_sensitivity(0.9, 890, n_patients=89)]
    [1.0, 1.45, 1.9, 2.8]
    """
    if not 2 <= n_patients <= n_images:
        raise InputError(
            "patients cannot hold these images", expected=f"2 to {n_images} patients", found=str(n_patients)
        )
    shrink = (stats.t.isf((1 - level) / 2, n_images - 1) / stats.t.isf((1 - level) / 2, n_patients - 1)) ** 2
    rows = []
    for correlation in correlations:
        effect = 1 + (n_images / n_patients - 1) * correlation
        low, high = clopper_pearson(value, n_images / effect * shrink, level=level)
        rows.append(Sensitivity(correlation, effect, low, high))
    return tuple(rows)


def domain_note(groups: float, *, value: float = NAN, correlation: float = NAN) -> str:
    """Return "" inside the domain where coverage is required to be 93 to 97 %, else what lies outside.

    The domain (STATISTICS.md): effective groups >= 15; proportions whose larger side is at most 0.9 with correlation
    <= 0.2, or at most 0.97 with correlation <= 0.05. Pass ``value`` for proportions only.
    """
    reasons = []
    if groups < 15:
        reasons.append(f"{groups:.1f} effective groups (fewer than 15)")
    side = max(value, 1 - value)
    if side > 0.97:
        reasons.append("a proportion within 3 % of its end")
    elif side > 0.9 and correlation > 0.05:
        reasons.append(f"a proportion within 10 % of its end with correlation {correlation:.2f}")
    elif correlation > 0.2:
        reasons.append(f"correlation {correlation:.2f} within groups (above 0.2)")
    return f"{NOT_ASSURED}: {', '.join(reasons)}" if reasons else ""
