"""The committed real results: how many of their intervals are doubted."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leukbench.records import Grade

REPORTS = Path(__file__).parents[2] / "reports"


def grades(plain: Any) -> Iterator[str]:
    """Every grade below a place of a record, whatever holds it, but those of two trainings: all are optimistic."""
    if isinstance(plain, dict):
        if isinstance(plain.get("grade"), str) and plain.get("seed_df") != 1:
            yield plain["grade"]
        for value in plain.values():
            yield from grades(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from grades(value)


@pytest.mark.parametrize("profile", ["real-cpu", "controls"])
def test_at_most_one_in_four_intervals_is_optimistic_or_unknown(profile: str) -> None:
    with lzma.open(REPORTS / profile / "record.json.xz", "rt", encoding="utf-8") as file:
        files = json.load(file)["files"]
    found = Counter(grades([files[name] for name in files if name.startswith("estimates/")]))
    assert set(found) <= {grade.value for grade in Grade}
    with_interval = sum(found.values()) - found[Grade.NONE]
    doubted = found[Grade.OPTIMISTIC] + found[Grade.UNKNOWN]
    assert with_interval > 1000 and doubted <= with_interval / 4, found
