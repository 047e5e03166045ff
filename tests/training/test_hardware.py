"""What a process is told about the machine it trains on."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

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


def faults(how: str) -> int:
    """Return the page faults of ten tensors of 64 MiB, one after the other, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told")
def test_tensors_that_follow_each_other_share_their_pages_once_the_process_keeps_them() -> None:
    assert 10 * faults("kept") < faults("as it is")
