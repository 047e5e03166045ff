"""A step of four networks at their papers' batch sizes, as a worker trains it: against the eager fp32 NCHW step."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.conftest import Compare, Way
from benchmarks.step_worker import ARMS, arm_of
from benchmarks.work import OTHER, OURS


@pytest.fixture
def worker() -> Iterator[Callable[[str, str], Callable[[], object]]]:
    """Start a process that makes a step for each call; all of them end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, way: str) -> Callable[[], object]:
        command = [sys.executable, "-m", "benchmarks.step_worker", name, way]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )
        started.append(process)

        def step() -> None:
            assert process.stdin is not None and process.stdout is not None
            print("step", file=process.stdin, flush=True)
            assert process.stdout.readline() == "done\n", f"{name}, {way}: the process ended"

        return step

    yield start
    for process in started:
        process.communicate()


@pytest.mark.parametrize("name", ARMS)
def test_a_step_in_a_worker(compare: Compare, worker: Callable[[str, str], Callable[[], object]], name: str) -> None:
    size = arm_of(name)[1].batch_size
    rows = compare(
        f"training step in a worker, {name}, batch {size}, {OURS}",
        Way(worker(name, OURS), size),
        {
            "eager fp32 NCHW": Way(worker(name, "eager"), size),
            f"leukbench in {OTHER}": Way(worker(name, OTHER), size),
        },
        unit="images",
        goals={"eager fp32 NCHW": 2.0, f"leukbench in {OTHER}": 1.0},
        rounds=3,
    )
    assert rows[1].ratio > 1
