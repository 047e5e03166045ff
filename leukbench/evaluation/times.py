"""Intervals of measured times; no clock here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from leukbench.errors import InputError
from leukbench.records import FloatArray

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class TimeEstimate:
    """A geometric mean of times (seconds) with its interval; NaN where undefined, the reason in note."""

    value: float
    low: float = NAN
    high: float = NAN
    df: float = NAN
    n_epochs: int = 0
    n_runs: int = 0
    note: str = ""


def seconds_per_epoch(runs: Sequence[Sequence[float]], *, warm_up: int = 1, level: float = 0.95) -> TimeEstimate:
    """Return the typical seconds of an epoch after warm-up, t on the log scale over epochs and seeds.

    ``runs`` holds one series of seconds a seed, in order. The value is the geometric mean. With several seeds the seed
    is the unit if seeds differ by more than their epochs do: V = max(pooled within / n, between / S), df likewise.

    Parameters
    ----------
    runs
        One series of seconds a seed, in order.
    warm_up
        How many first epochs of each run to leave out.
    level
        Of the interval, as a fraction.

    Returns
    -------
    The geometric mean in seconds, with its interval.

    Raises
    ------
    InputError
        Where a time is not positive.

    Examples
    --------
    >>> estimate = seconds_per_epoch([[9.0, 2.0, 2.0, 2.0, 2.1]])
    >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3), estimate.df
    (2.025, 1.947, 2.105, 3.0)
    """
    logs = [_logs(run)[warm_up:] for run in runs]
    return _over(logs, level, f"first {warm_up} of each run left out as warm-up" if warm_up else "")


def _logs(run: Sequence[float]) -> FloatArray:
    values = np.asarray(run, dtype=np.float64)
    if not (values > 0).all():
        raise InputError(
            "a time must be positive", expected="seconds > 0", found=str(values[~(values > 0)][:3].tolist())
        )
    return np.asarray(np.log(values), dtype=np.float64)


def _over(logs: list[FloatArray], level: float, note: str) -> TimeEstimate:
    logs = [series for series in logs if len(series)]
    n = sum(len(series) for series in logs)
    if n < 2:
        value = math.exp(float(logs[0][0])) if n else NAN
        reason = "one epoch after warm-up: no interval" if n else "no epoch after warm-up"
        return TimeEstimate(value=value, n_epochs=n, n_runs=len(logs), note="; ".join(x for x in (reason, note) if x))
    means = np.array([series.mean() for series in logs])
    centre = float(np.concatenate(logs).mean())
    candidates = []
    if n > len(logs):
        within = sum(float(((series - series.mean()) ** 2).sum()) for series in logs) / (n - len(logs))
        candidates.append((within / n, float(n - len(logs))))
    if len(logs) > 1:
        candidates.append((float(np.var(means, ddof=1)) / len(logs), len(logs) - 1.0))
    variance, df = max(candidates)
    # a clock has ticks: identical readings still do not make the time known exactly
    half = float(stats.t.isf((1 - level) / 2, df)) * max(math.sqrt(variance), 1e-4 / math.sqrt(n))
    return TimeEstimate(
        value=math.exp(centre), low=math.exp(centre - half), high=math.exp(centre + half), df=df, n_epochs=n,
        n_runs=len(logs), note=note,
    )  # fmt: skip
