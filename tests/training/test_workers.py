"""Processes that train: none outlives whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PARENT = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor

def name_itself(number):
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(600)

if __name__ == "__main__":
    from leukbench.training.workers import end_with_parent
    spawned = multiprocessing.get_context("spawn")
    start = end_with_parent if sys.argv[1] == "watched" else None
    with ProcessPoolExecutor(2, mp_context=spawned, initializer=start) as pool:
        list(pool.map(name_itself, range(2)))
"""


def alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for init does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.trains
@pytest.mark.parametrize("kind", ["watched", "left alone"])
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path, kind: str) -> None:
    """Left alone they live on, which is why they are watched."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    parent = subprocess.Popen([sys.executable, str(script), kind], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + (60 if kind == "watched" else 2)
    while any(map(alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    left = [pid for pid in workers if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert bool(left) == (kind == "left alone")
