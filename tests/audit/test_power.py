"""Simulation with known truth: honest experiments raise no alarm, planted errors are found, nobody innocent is accused."""

from __future__ import annotations

import pytest

from leukbench.audit.power import CORRUPTIONS, corrupted_row, honest_row, power_table
from leukbench.audit.render import render_power


def test_honest_experiments_raise_no_alarm() -> None:
    row = honest_row(60, seed=11)
    assert (row.found, row.checks) == (0, ())


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("accuracy off by 3 to 12 points", 0.9),
        ("a matrix cell off by 1 to 29", 0.9),
        ("the whole dataset off by 1 to 29", 0.9),
        ("a layer's parameters off by 1 to 29", 0.9),
        ("training accuracy quoted", 0.9),
        ("F1 off by 3 to 12 points", 0.3),
    ],
)
def test_planted_errors_are_found_and_nothing_else_is_accused(name: str, at_least: float) -> None:
    row = corrupted_row(name, 10, seed=5)
    assert row.experiments == 10 and row.rate >= at_least and row.wrongly_accused == 0


@pytest.mark.slow
def test_two_thousand_honest_experiments_raise_no_alarm() -> None:
    row = honest_row(2000, seed=2024)
    assert (row.found, row.checks) == (0, ())


@pytest.mark.slow
def test_detection_rates_of_every_corruption() -> None:
    rows = power_table(60, seed=3)
    assert rows[0].found == 0
    assert {r.corruption for r in rows[1:]} == set(CORRUPTIONS)
    assert all(r.rate >= 0.3 for r in rows[1:]) and sum(r.wrongly_accused for r in rows) == 0
    assert "nothing (false alarms)" in render_power(rows)
