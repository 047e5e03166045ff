"""Parameter counts of published networks in the usual libraries."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD_WIDTHS = (
    32,
    64,
    100,
    128,
    200,
    256,
    300,
    400,
    500,
    512,
    600,
    700,
    750,
    800,
    1000,
    1024,
    1280,
    1536,
    2048,
    2560,
    4096,
)


OUTPUTS = (1, 2, 3, 4, 5)


@functools.cache
def known_networks() -> dict[str, dict[str, Any]]:
    """Return the parameter counts of named networks in both conventions."""
    text = Path(__file__).with_name("known_networks.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return {k: v for k, v in facts.items() if not k.startswith("_")}


def known_network(name: str) -> dict[str, Any] | None:
    """Return the facts about the known network that a printed name means, None if it means none."""
    text = re.sub(r"[^a-z0-9]", "", name.lower())
    if "proposed" in text:
        return None
    hits = [v for v in known_networks().values() if any(n in text for n in v["names"])]
    return hits[-1] if hits else None


@dataclass(frozen=True)
class CountReading:
    """How a known network comes to a number of parameters: in words, with its 1000-class head or not, flattened at
    which side."""

    words: str
    thousand_classes: bool = False
    flattened_px: str = ""


def explain_count(network: dict[str, Any], count: int) -> CountReading | None:
    """Return the reading under which a known network has this many parameters, None if none of the usual heads does.

    >>> explain_count(known_networks()["vgg19"], 45716545).words
    'VGG19 without its head, flattened at 224 px (25088), dense 1024, dense 1'
    """
    label = str(network["title"])
    plain = {
        "weights": "weights with the 1000-class head",
        "keras": "all values of the Keras version with the 1000-class head",
        "keras_trainable": "trainable values with the 1000-class head",
        "headless_weights": "weights without the head",
        "headless_keras": "all values of the Keras version without the head",
    }
    for field, words in plain.items():
        if network.get(field) == count:
            return CountReading(f"{label}: {words}", thousand_classes="headless" not in field)
    for words, value in network.get("variants", {}).items():
        if value == count:
            return CountReading(f"{label}: {words}", thousand_classes=True)
    for field in ("headless_weights", "headless_keras"):
        if field in network and (head := _usual_head(network, count - network[field])):
            extra = (
                "" if field == "headless_weights" or network[field] == network["headless_weights"] else " (all values)"
            )
            return CountReading(f"{label} without its head{extra}, {head[0]}", flattened_px=head[1])
    return None


def _usual_head(network: dict[str, Any], rest: int) -> tuple[str, str] | None:
    """Return the usual head of this many parameters in words, and the input side in px where it is flattened; None
    without one."""
    inputs = {(f"pooled ({network['features']})", ""): network["features"]}
    inputs |= {
        (f"flattened at {px} px ({network['features'] * side**2})", px): network["features"] * side**2
        for px, side in network.get("sides", {}).items()
    }
    for (words, px), size in inputs.items():
        for norm, cost in (("", 0), ("batch norm, ", 2 * size), ("batch norm (with statistics), ", 4 * size)):
            for outputs in OUTPUTS:
                if cost + (size + 1) * outputs == rest:
                    return f"{words}, {norm}dense {outputs}", px
                for width in HEAD_WIDTHS:
                    if cost + (size + 1) * width + (width + 1) * outputs == rest:
                        return f"{words}, {norm}dense {width}, dense {outputs}", px
    return None
