"""A step of four networks at their papers' batch sizes, as a worker trains it: against the eager fp32 NCHW step."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.conftest import ROOFLINE, Compare, Way
from benchmarks.step_worker import ARMS, arm_of
from benchmarks.work import OTHER, OURS


@pytest.fixture
def worker() -> Iterator[Callable[[str, str], Callable[..., str]]]:
    """Start a process that makes a step for each call, or answers another question; all of them end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, way: str) -> Callable[..., str]:
        command = [sys.executable, "-m", "benchmarks.step_worker", name, way]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        )
        started.append(process)

        def ask(what: str = "step") -> str:
            assert process.stdin is not None and process.stdout is not None
            print(what, file=process.stdin, flush=True)
            answer = process.stdout.readline().strip()
            assert answer, f"{name}, {way}: the process ended"
            return answer

        return ask

    yield start
    for process in started:
        process.communicate()


@pytest.mark.parametrize("name", ARMS)
def test_a_step_in_a_worker(compare: Compare, worker: Callable[[str, str], Callable[..., str]], name: str) -> None:
    size, ours = arm_of(name)[1].batch_size, worker(name, OURS)
    others = {"eager fp32 NCHW": Way(worker(name, "eager"), size)}
    if OTHER == "fp32":  # bf16 where it is emulated takes ten times as long, and nobody trains so
        others["leukbench in fp32"] = Way(worker(name, OTHER), size)
    rows = compare(
        f"training step in a worker, {name}, batch {size}, {OURS}",
        Way(ours, size),
        others,
        unit="images",
        goals={"eager fp32 NCHW": 2.0, "leukbench in fp32": 1.0, ROOFLINE: 0.6},
        rounds=3,
        least_s=float(ours("roofline")),
    )
    assert rows[1].ratio > 1
    assert 0 < rows[-1].ratio < 1, "no step is faster than its own operations can be"
