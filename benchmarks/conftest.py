"""Measuring alternatives in turn (A B A B ...), so that a drifting machine cancels, and the one table of ratios."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

_ROWS = pytest.StashKey[list["Row"]]()
ROOFLINE = "its operations one by one at the machine's measured limits"


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to do the work: a call and how many units of it (images, resamples, pairs) one call does."""

    call: Callable[[], object]
    units: float = 1.0


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table. ``ratio``: how many times faster ours is,
    median of the rounds' paired ratios; 1 for ours."""

    what: str
    way: str
    unit: str
    rate: float  # units a second, median
    ratio: float
    goal: float  # NaN where none is set
    rounds: int
    limit_s: float = math.nan  # of one call, where a goal is absolute
    call_s: float = math.nan


class Compare(Protocol):
    """The fixture's type."""

    def __call__(
        self,
        what: str,
        ours: Way,
        others: dict[str, Way],
        *,
        unit: str,
        goals: dict[str, float] | None = None,
        rounds: int = 5,
        limit_s: float = math.nan,
        least_s: float = math.nan,
    ) -> list[Row]: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ratios", default="", help="also write the table of ratios to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ROWS] = []


@pytest.fixture
def compare(request: pytest.FixtureRequest, benchmark: Any) -> Compare:
    """Time ours by pytest-benchmark and each other way just before it, round by round; record the ratios."""

    def measure(
        what: str,
        ours: Way,
        others: dict[str, Way],
        *,
        unit: str,
        goals: dict[str, float] | None = None,
        rounds: int = 5,
        limit_s: float = math.nan,
        least_s: float = math.nan,  # of one call of ours, which no way undercuts
    ) -> list[Row]:
        taken: dict[str, list[float]] = {name: [] for name in others}

        def time_others() -> None:
            for name, way in others.items():
                started = time.perf_counter()
                way.call()
                taken[name].append(time.perf_counter() - started)

        benchmark.group = what
        benchmark.pedantic(ours.call, setup=time_others, rounds=rounds, iterations=1, warmup_rounds=1)
        own = list(benchmark.stats.stats.data) if benchmark.stats else [math.nan] * rounds
        call_s = statistics.median(own)
        rows = [Row(what, "leukbench", unit, ours.units / call_s, 1.0, math.nan, rounds, limit_s, call_s)]
        for name, way in others.items():
            times = taken[name][-rounds:]  # the first was the warm-up
            paired = [(t / way.units) / (o / ours.units) for t, o in zip(times, own, strict=True)]
            rate, goal = way.units / statistics.median(times), (goals or {}).get(name, math.nan)
            rows.append(Row(what, name, unit, rate, statistics.median(paired), goal, rounds))
        if not math.isnan(least_s):
            share, goal = least_s / call_s, (goals or {}).get(ROOFLINE, math.nan)
            rows.append(Row(what, ROOFLINE, unit, ours.units / least_s, share, goal, rounds))
        benchmark.extra_info["ratios"] = {row.way: row.ratio for row in rows}
        request.config.stash[_ROWS].extend(rows)
        return rows

    return measure


@pytest.fixture
def growth(request: pytest.FixtureRequest) -> Callable[..., float]:
    """Time a call at several sizes and record the exponent of its cost: the slope of log time on log size."""

    def measure(what: str, make: Callable[[int], Callable[[], object]], sizes: Sequence[int], *, unit: str) -> float:
        seconds = []
        for size in sizes:
            call = make(size)
            best = math.inf
            for _ in range(3):
                started = time.perf_counter()
                call()
                best = min(best, time.perf_counter() - started)
            seconds.append(best)
        x, y = [math.log(s) for s in sizes], [math.log(t) for t in seconds]
        slope = statistics.linear_regression(x, y).slope
        way = f"cost grows as size^{slope:.2f} over {', '.join(map(str, sizes))}"
        request.config.stash[_ROWS].append(Row(what, way, unit, sizes[-1] / seconds[-1], math.nan, math.nan, 3))
        return slope

    return measure


def table(rows: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | way | units/s | leukbench is | goal |", "|---|---|---:|---:|---|"]
    for row in rows:
        if math.isnan(row.ratio) or row.way == "leukbench":
            ratio = ""
        elif row.way == ROOFLINE:
            ratio = f"{row.ratio:.0%} of it"
        else:
            ratio = f"{row.ratio:.2f} times faster" if row.ratio >= 1 else f"{1 / row.ratio:.2f} times slower"
        if not math.isnan(row.limit_s):
            goal = f"≤ {row.limit_s:g} s: {row.call_s:.2f} s, {'met' if row.call_s <= row.limit_s else 'missed'}"
        else:
            goal = "" if math.isnan(row.goal) else f"≥ {row.goal:g}: {'met' if row.ratio >= row.goal else 'missed'}"
        lines.append(f"| {row.what} | {row.way} | {row.rate:,.4g} {row.unit} | {ratio} | {goal} |")
    return "\n".join(lines)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = config.stash[_ROWS]
    if not rows:
        return
    import torch

    from leukbench.training.hardware import hardware_card

    card = hardware_card(torch.device("cpu"))
    load = os.getloadavg()[0]
    terminalreporter.write_line("")
    terminalreporter.write_line(table(rows))
    terminalreporter.write_line("")
    busy = " (a busy machine: only the ratios mean something)" if load > card["cores"] + 0.5 else ""
    terminalreporter.write_line(f"{card['processor']}, {card['threads']} threads, load {load:.1f}{busy}")
    if config.getoption("--ratios"):
        plain = {"hardware": card, "load": load, "rows": [dataclasses.asdict(row) for row in rows]}
        Path(config.getoption("--ratios")).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
