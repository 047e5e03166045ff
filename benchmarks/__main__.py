"""``python -m benchmarks [pytest options]``: run the benchmarks and print one table of ratios."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    folder = str(Path(__file__).resolve().parent)
    options = ["-o", "addopts=", "-q", "--benchmark-quiet", "-p", "no:cacheprovider"]
    sys.exit(pytest.main([folder, *options, *sys.argv[1:]]))
