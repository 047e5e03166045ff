"""How long the command line takes to answer; beside it the import that it must avoid."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from benchmarks.conftest import Compare, Way


def process(*arguments: str) -> Callable[[], None]:
    def call() -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True, timeout=120)

    return call


@pytest.mark.parametrize("command", [("--help",), ("claims", "--format", "csv"), ("score", "--help")], ids=" ".join)
def test_the_command_line_answers(compare: Compare, command: tuple[str, ...]) -> None:
    rows = compare(
        f"leukbench {' '.join(command)}",
        Way(process("-m", "leukbench", *command)),
        {"python -c pass": Way(process("-c", "pass")), "python -c 'import torch'": Way(process("-c", "import torch"))},
        unit="starts",
        limit_s=0.3,
    )
    assert rows[2].ratio > 1
