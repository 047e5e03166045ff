"""``python -m benchmarks [pytest options]``: run the benchmarks and print one table of ratios."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from leukbench.process import limit_threads

if __name__ == "__main__":
    limit_threads()
    folder = str(Path(__file__).resolve().parent)
    options = ["-o", "addopts=", "-q", "--benchmark-quiet", "-p", "no:cacheprovider"]
    sys.exit(pytest.main([folder, *options, *sys.argv[1:]]))
