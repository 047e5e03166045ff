"""What a process is told about the machine it trains on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from leukbench.training import hardware

FAULTS = """
import resource, sys
import torch
from leukbench.training.hardware import keep_pages
assert sys.argv[1] == "as it is" or keep_pages()
for _ in range(12):
    torch.ones(16 * 2**20)  # 64 MiB, freed at once
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(16 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


PEAKS = """
import mmap, torch
from leukbench.training.hardware import peak_memory_mib, reset_peak_memory
cpu = torch.device("cpu")
held = mmap.mmap(-1, 2**28)
held.write(bytes(2**28))
held.close()
before = peak_memory_mib(cpu)
reset_peak_memory(cpu)
after = peak_memory_mib(cpu)
held = mmap.mmap(-1, 2**27)
held.write(bytes(2**27))
print(before, after, peak_memory_mib(cpu))
"""


@pytest.mark.long
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="this system counts from a process' start")
def test_the_peak_of_a_run_is_counted_from_its_start_and_not_from_earlier_runs_of_its_process() -> None:
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    before, after, then = map(float, done.stdout.split())
    assert after < before - 200 and after + 100 < then


def test_where_the_system_cannot_start_anew_the_peak_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_STATUS", "_CLEAR"):
        monkeypatch.setattr(hardware, name, Path("/nowhere/at/all"))
    cpu = torch.device("cpu")
    hardware.reset_peak_memory(cpu)
    assert hardware.peak_memory_mib(cpu) > 10


def faults(how: str) -> int:
    """Return the page faults of ten tensors of 64 MiB, one after the other, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.long
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told")
def test_tensors_that_follow_each_other_share_their_pages_once_the_process_keeps_them() -> None:
    assert 10 * faults("kept") < faults("as it is")
