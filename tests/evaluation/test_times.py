"""Times: log scale, warm-up, pairing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from leukbench.errors import InputError
from leukbench.evaluation.times import seconds_per_epoch


def test_one_run_is_the_t_interval_of_log_times() -> None:
    x = np.log([2.0, 2.2, 1.9, 2.1])
    made = seconds_per_epoch([[50.0, 2.0, 2.2, 1.9, 2.1]])
    expected = np.exp(stats.t.interval(0.95, 3, loc=x.mean(), scale=stats.sem(x)))
    assert (made.low, made.high) == pytest.approx(tuple(expected))
    assert made.value == pytest.approx(math.exp(x.mean())) and made.n_epochs == 4


def test_runs_that_differ_more_than_their_epochs_are_the_units() -> None:
    made = seconds_per_epoch([[9, 1.0, 1.01], [9, 2.0, 2.01], [9, 4.0, 4.01]])
    assert made.df == 2 and made.high / made.low > 10


def test_coverage_of_the_mean_of_log_times_over_seeds() -> None:
    rng, hits = np.random.default_rng(1), 0
    for _ in range(400):
        runs = np.exp(rng.normal(0, 0.05, (4, 1)) + rng.normal(0, 0.05, (4, 6)))
        made = seconds_per_epoch(runs.tolist(), warm_up=0)
        hits += made.low <= 1.0 <= made.high
    assert 0.93 <= hits / 400 <= 0.99


def test_too_little_or_impossible_input_is_named() -> None:
    assert "one epoch" in seconds_per_epoch([[9.0, 2.0]]).note and math.isnan(seconds_per_epoch([[9.0, 2.0]]).low)
    assert math.isnan(seconds_per_epoch([[9.0]]).value)
    assert seconds_per_epoch([[1.0, 2.0, 2.0, 2.0]]).low < 2.0  # identical readings: still no zero width
    with pytest.raises(InputError, match="positive"):
        seconds_per_epoch([[1.0, 0.0]])
