"""What a run will cost: images a second, measured by earlier runs of the same network on the same device, else
estimated by roofline.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from leukbench.errors import LeukbenchError
from leukbench.paths import runs_folder
from leukbench.records import NetworkSpec, Recipe, as_plain, canonical_json
from leukbench.training.network import build_network
from leukbench.training.recipe import freeze, make_loss
from leukbench.training.roofline import Device, Work, measure_device
from leukbench.training.stages import stages_of

SHARE_OF_ROOFLINE = 0.5
"""What part of the eager roofline an estimate takes for granted; the benchmarks' goal for every network."""
MODELLED_GPU = Device(flops=790e12, bytes_s=3.84e12, launch_s=6e-6)
"""An H200-class GPU: bf16 peak, 80 % of 4.8 TB/s, a kernel launch. Modelled, not measured."""


_UNCOUNTABLE = (LeukbenchError, RuntimeError, ValueError, TypeError, AttributeError, LookupError, OSError)


@dataclass(frozen=True)
class Load:
    """What decides a run's speed: network, recipe but for its epochs, precision."""

    network: NetworkSpec
    recipe: Recipe
    n_classes: int
    precision: str

    @cached_property
    def key(self) -> str:
        """The same for runs of the same speed."""
        return _speed_key(as_plain(self.network), as_plain(self.recipe), self.n_classes, self.precision)


def _speed_key(network: dict[str, Any], recipe: dict[str, Any], n_classes: int, precision: str) -> str:
    names = ("input_px", "batch_size", "optimiser", "trainable", "balance", "augmentation")
    kept = {name: recipe[name] for name in names}
    return canonical_json([{**network, "folder": ""}, kept, n_classes, precision])


@dataclass(frozen=True)
class Speed:
    """Rows a second in training and in scoring, and where they come from."""

    train: float
    score: float
    basis: str


def device_name(card: dict[str, Any]) -> str:
    """Return what must be equal for two times to be comparable: accelerator, or processor, of a hardware card."""
    return str(card["accelerator"] if card["accelerator"] != "none" else card["processor"])


def accelerators(folder: Path | None = None) -> list[str]:
    """Return the accelerators that made runs in ``runs/``, the busiest first."""
    cards = [_read(file.with_name("environment.json")) for file in (folder or runs_folder()).glob("*/receipt.json")]
    counts = Counter(str(card["accelerator"]) for card in cards if card and card["accelerator"] != "none")
    return [name for name, _ in counts.most_common()]


def measured_speeds(device: str, folder: Path | None = None) -> dict[str, Speed]:
    """Return speed key -> median speed over the finished runs in ``runs/`` that this device made."""
    found: dict[str, list[tuple[float, float]]] = {}
    for receipt in sorted((folder or runs_folder()).glob("*/receipt.json")):
        plain = {name: _read(receipt.parent / f"{name}.json") for name in ("receipt", "spec", "history", "environment")}
        if any(value is None for value in plain.values()) or device_name(plain["environment"]) != device:
            continue
        spec, history, counts = plain["spec"], plain["history"], plain["receipt"]
        key = _speed_key(spec["network"], spec["recipe"], len(spec["classes"]), spec["precision"])
        scored = counts["n_validation_rows"] + counts["n_test_rows"]
        found.setdefault(key, []).append(
            (counts["n_train_rows"] / _typical(history["train_s"]), scored / _typical(history["scoring_s"]))
        )
    return {
        key: Speed(*(statistics.median(v) for v in zip(*runs, strict=True)), basis=f"measured, {len(runs)} run(s)")  # type: ignore[misc]
        for key, runs in found.items()
    }


def _typical(seconds: list[float]) -> float:
    """Return the median of the epochs after the first, which also warms up."""
    return max(statistics.median(seconds[1:] or seconds), 1e-9)


def _read(file: Path) -> Any:
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return plain if isinstance(plain, dict) else None


@dataclass
class Estimator:
    """Speeds of runs: measured ones, and rooflines made when first asked for.

    ``limits`` of the device are measured at the first estimate where they are not given.
    """

    device: torch.device
    measured: dict[str, Speed]
    limits: Device | None = None
    limits_source: str = ""
    _estimated: dict[str, Speed] = field(default_factory=dict)

    def speed(self, work: Load) -> Speed:
        """Return the speed of a run: measured, else :data:`SHARE_OF_ROOFLINE` of the eager roofline."""
        if work.key in self.measured:
            return self.measured[work.key]
        if work.key not in self._estimated:
            self._estimated[work.key] = self._roofline(work)
        return self._estimated[work.key]

    def _roofline(self, work: Load) -> Speed:
        if self.limits is None:
            self.limits = measure_device(self.device, side=1024 if self.device.type == "cpu" else 8192, seconds=0.3)
            self.limits_source = "measured just now"
        try:
            train_s, score_s = least_seconds(work, self.limits)
        except _UNCOUNTABLE as error:  # the run itself will say it in full
            return Speed(float("nan"), float("nan"), f"unknown: {str(error).splitlines()[0][:80]}")
        return Speed(SHARE_OF_ROOFLINE / train_s, SHARE_OF_ROOFLINE / score_s, "estimate: roofline")


def least_seconds(work: Load, limits: Device) -> tuple[float, float]:
    """Return the least seconds an image of an eager training step and of scoring, counted on a batch without data.

    The networks are built on torch's meta device, where nothing is computed: shapes and operations are what they will
    be.

    Parameters
    ----------
    work
        The network, its recipe and precision.
    limits
        Of the device: what it computes and moves in a second.

    Returns
    -------
    Seconds an image, of a training step and of scoring.
    """
    recipe, size = work.recipe, work.recipe.batch_size
    kind = torch.bfloat16 if work.precision == "bf16" else torch.float32
    with torch.device("meta"):
        model = build_network(work.network, n_classes=work.n_classes, input_px=recipe.input_px, pretrained=False).to(
            kind
        )
        images = torch.empty(size, 3, recipe.input_px, recipe.input_px, dtype=kind)
        labels = torch.zeros(size, dtype=torch.int64)
    frozen = freeze(model, stages_of(recipe)[-1].recipe.trainable)  # the last stage trains the most
    model.train()
    for layer in frozen:
        layer.eval()
    loss_of = make_loss(recipe)
    with Work() as training:
        loss_of(model(images), labels).backward()  # type: ignore[no-untyped-call]
    model.eval()
    with torch.no_grad(), Work() as scoring:
        model(images)
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    update_s = 5 * 4 * weights / limits.bytes_s  # gradient, two moments and the weight, read or written in fp32
    return (training.least_s(limits) + update_s) / size, scoring.least_s(limits) / size


def planned_seconds(speed: Speed, *, train_rows: int, scored_rows: int, epochs: int) -> float:
    """Return the seconds of so many epochs."""
    return epochs * (train_rows / speed.train + (scored_rows / speed.score if scored_rows else 0.0))


def work_of(network: NetworkSpec, recipe: Recipe, *, n_classes: int, precision: str) -> Load:
    """Return what decides the speed of a run."""
    return Load(network, dataclasses.replace(recipe, epochs=1), n_classes, precision)
