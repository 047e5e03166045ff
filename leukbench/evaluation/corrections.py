"""Corrections of p-values for their number.

Not statsmodels' ``multipletests``, which runs the garbage collector (50 to 100 ms a call, and a curve of verdicts needs
many); the tests hold both against it. References: Holm 1979, Scand. J. Stat. 6:65; Benjamini & Hochberg 1995, JRSS B
57:289.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm, which holds the family-wise error, in the order of ``p_values``.

    NaN (not tested) stays NaN and does not count.

    Parameters
    ----------
    p_values
        Of one family; NaN where nothing was tested.

    Returns
    -------
    The adjusted p-values, at most 1.

    Examples
    --------
    >>> holm([0.01, float("nan"), 0.04, 0.03])
    [0.03, nan, 0.06, 0.06]
    """
    adjusted, highest = [math.nan] * len(p_values), 0.0
    order = _ascending(p_values)
    for rank, i in enumerate(order):
        highest = max(highest, min((len(order) - rank) * p_values[i], 1.0))
        adjusted[i] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Benjamini and Hochberg, which holds the false discovery rate, in the same order.

    NaN (not tested) stays NaN and does not count.

    Parameters
    ----------
    p_values
        Of one family; NaN where nothing was tested.

    Returns
    -------
    The adjusted p-values, at most 1.

    Examples
    --------
    >>> benjamini_hochberg([0.04, float("nan"), 0.01])
    [0.04, nan, 0.02]
    """
    adjusted, lowest = [math.nan] * len(p_values), 1.0
    order = _ascending(p_values)
    for rank, i in reversed(list(enumerate(order, start=1))):
        lowest = min(lowest, p_values[i] * len(order) / rank)
        adjusted[i] = lowest
    return adjusted


def _ascending(p_values: Sequence[float]) -> list[int]:
    return sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=p_values.__getitem__)
