"""Intervals of times and of ratios of times; measured times only, no clock here."""

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
    """A geometric mean of times (seconds) or of ratios, with its interval; NaN where undefined, the reason in note."""

    value: float
    low: float = NAN
    high: float = NAN
    df: float = NAN
    n_epochs: int = 0
    n_runs: int = 0
    note: str = ""

    def times(self, factor: float) -> TimeEstimate:
        """Return the estimate multiplied by a constant, such as the number of epochs for a total."""
        return TimeEstimate(
            value=self.value * factor, low=self.low * factor, high=self.high * factor, df=self.df,
            n_epochs=self.n_epochs, n_runs=self.n_runs, note=self.note,
        )  # fmt: skip


def seconds_per_epoch(runs: Sequence[Sequence[float]], *, warm_up: int = 1, level: float = 0.95) -> TimeEstimate:
    """Return the typical seconds of an epoch after warm-up, t on the log scale over epochs and seeds.

    ``runs`` holds one series of seconds a seed, in order. The value is the geometric mean. With several seeds the seed
    is the unit if seeds differ by more than their epochs do: V = max(pooled within / n, between / S), df likewise.
    Raises InputError where a time is not positive.

    >>> estimate = seconds_per_epoch([[9.0, 2.0, 2.0, 2.0, 2.1]])
    >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3), estimate.df
    (2.025, 1.947, 2.105, 3.0)
    """
    logs = [_logs(run)[warm_up:] for run in runs]
    return _over(logs, level, f"first {warm_up} of each run left out as warm-up" if warm_up else "")


def ratio_of_times(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], *, warm_up: int = 1, level: float = 0.95
) -> TimeEstimate:
    """Return first / second of two networks' epoch times taken in turn (A B A B …), paired so that drift cancels.

    Each holds one series a run; series are paired in order and must have equal lengths; t on the log scale of the
    pairwise ratios. Raises InputError where the series do not pair or a time is not positive.

    >>> estimate = ratio_of_times([[9.0, 2.0, 4.0, 6.3]], [[9.0, 1.0, 2.0, 3.0]])  # ratios 2, 2, 2.1
    >>> round(estimate.value, 3), estimate.df
    (2.033, 2.0)
    """
    if [len(run) for run in first] != [len(run) for run in second]:
        raise InputError(
            "two series of times do not pair", expected=str([len(run) for run in second]),
            found=str([len(run) for run in first]), do="time both networks in turn, in one job",
        )  # fmt: skip
    logs = [(_logs(a) - _logs(b))[warm_up:] for a, b in zip(first, second, strict=True)]
    return _over(logs, level, "")


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
