"""Simulation with known truth: honest experiments raise no alarm, planted errors are found, nobody innocent is
accused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from leukbench.audit.findings import CHECKS
from leukbench.audit.power import rates as power
from leukbench.audit.power.corruptions import CORRUPTIONS
from leukbench.audit.power.rates import PowerRow, check_rates, corrupted_row, corruption, honest_row, power_table
from leukbench.audit.render import render_power
from leukbench.errors import LeukbenchError
from leukbench.pipeline.audit import audit_power


def test_honest_experiments_raise_no_alarm() -> None:
    row = honest_row(10, seed=11)  # two thousand below
    assert (row.found, row.checks) == (0, ())


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("accuracy of two classes off by 3 to 12 points", 0.7),
        ("a matrix cell off by 1 to 29", 0.7),
        ("the whole dataset off by 1 to 29", 0.7),
        ("a layer's parameters off by 1 to 29", 0.7),
        ("training accuracy quoted", 0.7),
        ("F1 over folds off by 3 to 12 points", 0.3),
        ("pooled classes in rows of several", 0.7),
    ],
)
def test_planted_errors_are_found_and_nothing_else_is_accused(name: str, at_least: float) -> None:
    row = corrupted_row(name, 4, seed=5)
    assert row.experiments == 4 and row.rate >= at_least and row.wrongly_accused == 0


def test_every_aimed_check_exists_and_has_a_rate() -> None:
    known = {check.__name__.removeprefix("check_") for check in CHECKS}
    aimed = {name for c in CORRUPTIONS for name in c.aimed}
    assert aimed <= known | {"matrix_scores", "matrix_class_sizes", "matrix_total"} and len(aimed) >= 40
    rows = (PowerRow("x", 10, 7, ("grid",), 0, (("grid", 6),)), PowerRow("y", 10, 2, ("grid",), 0, (("grid", 2),)))
    rates = {r.check: r for r in check_rates(rows)}
    assert rates["grid"].rate == 0.4 and math.isnan(rates["assumed"].rate) and set(rates) == known
    page = render_power(rows, seed=7)
    assert "--experiments 10 --honest 10 --seed 7" in page and "| x | 10 | 7 | 0.70 | [0.35, 0.93] |" in page
    assert "| grid | 20 | 8 | 0.40 |" in page and "Nothing is planted for" in page


def test_a_wrong_corruption_names_the_right_ones() -> None:
    with pytest.raises(LeukbenchError, match="training accuracy quoted"):
        corruption("training accuracy qoted")


def test_the_command_makes_the_page_with_its_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "CORRUPTIONS", CORRUPTIONS[:1])
    page = audit_power(2, honest=3, seed=1)
    assert "--experiments 2 --honest 3 --seed 1" in page and "| nothing (false alarms) | 3 | 0 | 0.00 |" in page
    assert f"| {CORRUPTIONS[0].name} | 2 | 2 | 1.00 |" in page


def test_the_kept_page_has_every_corruption_and_accuses_nobody() -> None:
    """A corruption that is added or renamed makes the page stale: make it again with the command that it names."""
    lines = (Path(power.__file__).with_name("POWER.md")).read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    planted = {r[0]: r for r in rows if len(r) == 7 and r[1].isdigit()}
    assert set(planted) == {"nothing (false alarms)", *(c.name for c in CORRUPTIONS)}
    assert int(planted["nothing (false alarms)"][1]) >= 2000 and planted["nothing (false alarms)"][2] == "0"
    assert all(r[6] == "0" and float(r[3]) >= 0.3 for name, r in planted.items() if not name.startswith("nothing"))


@pytest.mark.slow
def test_two_thousand_honest_experiments_raise_no_alarm() -> None:
    row = honest_row(2000, seed=2024)
    assert (row.found, row.checks) == (0, ())


@pytest.mark.slow
def test_detection_rates_of_every_corruption_and_check() -> None:
    rows = power_table(20, seed=2024)  # those of leukbench/audit/POWER.md
    assert rows[0].found == 0
    assert {r.corruption for r in rows[1:]} == {c.name for c in CORRUPTIONS}
    assert all(r.rate >= 0.3 for r in rows[1:]) and sum(r.wrongly_accused for r in rows) == 0
    assert all(r.found > 0 for r in check_rates(rows) if r.experiments)
    assert "nothing (false alarms)" in render_power(rows)
