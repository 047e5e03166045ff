"""What is planted into honest experiments, one error at a time, and which checks it is aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from leukbench.audit.power import planting


@dataclass(frozen=True)
class Corruption:
    """A planted error: its name, how it is planted (returning the ids touched, "" where it cannot be), the checks
    that should see it.

    ``milder`` names the (check, status) that count beside ``inconsistent``, where a check says no more than that.
    """

    name: str
    plant: planting.Plant
    aimed: tuple[str, ...]
    milder: tuple[tuple[str, str], ...] = ()


def _read() -> tuple[Corruption, ...]:
    entries = yaml.safe_load(Path(__file__).with_name("corruptions.yaml").read_text(encoding="utf-8"))
    return tuple(
        Corruption(entry["name"], _plant(entry), tuple(entry["aimed"]), tuple(entry.get("milder", {}).items()))
        for entry in entries
    )


def _plant(entry: dict[str, Any]) -> planting.Plant:
    function = getattr(planting, entry["plant"])
    plant: planting.Plant = function(**entry["with"]) if "with" in entry else function
    return plant


CORRUPTIONS = _read()
"""What is planted, one at a time, into an honest experiment in which it can be: the entries of corruptions.yaml."""
