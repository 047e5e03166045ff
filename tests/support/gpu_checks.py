"""What must hold on an accelerator, as functions of a device that return what they measured; no pytest, so that
``benchmarks/gpu/run.py`` can run them where nothing can be installed. ``test_gpu.py`` runs them under pytest.

Tolerances: on CUDA convolutions use TF32 (10 bits of mantissa) and sums are not always taken in the same order, so that
nothing here is bit for bit; the CPU is the reference.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from leukbench.pixels.augmentation import draw_augmentation, draws_to_device, render, render_on_device
from leukbench.records import Augmentation, NetworkSpec, Recipe
from leukbench.training.data import Pixels
from leukbench.training.network import build_network
from leukbench.training.run import Finished, execute_run, run_folder
from tests.support.tiny_world import fold_rows, make_images, make_recipe, make_rows, make_spec, make_store

CPU = torch.device("cpu")
TURNING = Augmentation(rotation_deg=20.0, flip_horizontal=True, zoom=(0.9, 1.1), contrast=(0.8, 1.2))
PROPOSED = {
    "ALNet": (NetworkSpec(paper="alnet", name="alnet"), 224),
    "DDRNet": (NetworkSpec(paper="ddrnet", name="ddrnet"), 224),
    "DSCNet": (NetworkSpec(paper="dscnet", name="dscnet"), 224),
    "EfficientNet-B3": (NetworkSpec(paper="batool", name="efficientnet_b3_table2"), 300),
    "EfficientNet-B0 + attention": (NetworkSpec(paper="samhitha", name="efficientnet_b0_attention"), 224),
}


class Stopped(Exception):
    """Raised inside the progress callback, as a kill would."""


def _run(
    device: torch.device, recipe: Recipe, *, precision: str = "fp32", stop_at: int = 0, dropout: float = 0.2
) -> Finished:
    """Return a run of the tiny world made from nothing, or stopped after an epoch and resumed."""
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)

    def stop(done: int, total: int) -> None:
        if done == stop_at:
            raise Stopped

    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("LEUKBENCH_HOME")
        os.environ["LEUKBENCH_HOME"] = folder
        try:
            spec = make_spec(Path(folder) / "paper", recipe, rows, store, precision=precision)
            spec = dataclasses.replace(spec, network=dataclasses.replace(spec.network, options={"dropout": dropout}))
            if stop_at:
                try:
                    execute_run(spec, rows, store, device=device, progress=stop)
                except Stopped:
                    assert (run_folder(spec.key) / "checkpoint.safetensors").is_file()
            return execute_run(spec, rows, store, device=device)
        finally:
            os.environ.pop("LEUKBENCH_HOME")
            if before is not None:
                os.environ["LEUKBENCH_HOME"] = before


def _apart(a: Finished, b: Finished) -> float:
    """Return the largest difference of any test score of any epoch."""
    return float(np.abs(a.test - b.test).max())


def rendering_agrees_with_the_cpu(device: torch.device) -> dict[str, Any]:
    """One map, two renderers: means within a grey level, away from borders within three."""
    side, found = 224, {}
    y, x = np.mgrid[0:side, 0:side] / side
    one = 127 + 100 * np.stack([np.sin(2 * np.pi * (a * x + b * y)) for a, b in ((1, 2), (2, 1), (2, 2))], -1)
    images = np.repeat(one[None].astype(np.uint8), 8, axis=0)
    draws = draw_augmentation(TURNING, 8, side_px=side, rng=np.random.default_rng(0))
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)
    for fill in ("constant", "nearest", "reflect"):
        there = render_on_device(tensor, draws_to_device(draws, device), fill=fill).cpu().permute(0, 2, 3, 1).numpy()
        apart = np.abs(render(images, draws, fill=fill) - there)
        assert np.median(apart) < 1 and apart[:, 64:160, 64:160].max() <= 3, fill
        found[fill] = float(apart.mean())
        assert found[fill] < 1, fill
    return found


def batches_agree_with_the_cpu(device: torch.device) -> dict[str, Any]:
    """The resident store serves the same rows, copies and labels in the same order as the CPU path."""
    images, labels = make_images()
    rows = make_rows(labels, np.arange(42), np.where(np.arange(42) % 3 == 0, 1, 0))
    recipe, worst = make_recipe(augmentation=TURNING, copies=TURNING, batch_size=8), 0.0
    here, there = (Pixels(rows, make_store(images // 8 * 8), recipe, device=d) for d in (CPU, device))
    there.on_device = there._resident()  # so that the path is taken on any device
    both = zip(
        [*here.training_batches(np.arange(42), seed=0, epoch=1), *here.scoring_batches()],
        [*there.training_batches(np.arange(42), seed=0, epoch=1), *there.scoring_batches()],
        strict=True,
    )
    for (a, labels_a), (b, labels_b) in both:
        assert torch.equal(labels_a, labels_b.cpu())
        assert b.device.type == device.type and b.is_contiguous(memory_format=torch.channels_last)
        worst = max(worst, float((a - b.cpu()).abs().mean()))
    assert worst < 2 / 255  # noise images: sharp edges, half of the levels are rounded
    return {"worst mean difference": worst}


def a_first_epoch_agrees_with_the_cpu(device: torch.device) -> dict[str, Any]:
    """One epoch of fp32 from the same weights (drawn on the CPU), without dropout, whose stream is the device's own."""
    recipe = make_recipe(epochs=1, learning_rate=1e-3)
    apart = _apart(_run(CPU, recipe, dropout=0.0), _run(device, recipe, dropout=0.0))
    assert apart < 0.01, apart
    return {"largest difference of a score": apart}


def bf16_agrees_with_fp32(device: torch.device) -> dict[str, Any]:
    """Three epochs; bf16 has 8 bits of mantissa."""
    recipe = make_recipe(epochs=3, learning_rate=1e-3)
    apart = _apart(_run(device, recipe), _run(device, recipe, precision="bf16"))
    assert apart < 0.05, apart
    return {"largest difference of a score": apart}


def it_learns_in_both_precisions(device: torch.device) -> dict[str, Any]:
    """Final accuracy on the tiny world, where the answer is known: 1.0."""
    _, labels = make_images()
    found = {}
    for precision in ("fp32", "bf16"):
        done = _run(device, make_recipe(epochs=25, learning_rate=0.02), precision=precision)
        found[precision] = float((done.test[-1].argmax(1) == labels[-10:]).mean())
        assert found[precision] == 1.0, found
    return found


def a_run_repeats_and_resumes(device: torch.device) -> dict[str, Any]:
    """Same seed again, and stopped then resumed: bit for bit on the CPU, within 1e-3 on an accelerator."""
    recipe = make_recipe(epochs=4, learning_rate=1e-3, augmentation=TURNING)
    first, again, resumed = _run(device, recipe), _run(device, recipe), _run(device, recipe, stop_at=2)
    found = {"again": _apart(first, again), "resumed": _apart(first, resumed)}
    bound = 0.0 if device.type == "cpu" else 1e-3
    assert max(found.values()) <= bound, found
    return found


def every_optimiser_resumes(device: torch.device) -> dict[str, Any]:
    """Moments come back in their parameters' memory order."""
    bound, found = 0.0 if device.type == "cpu" else 1e-3, {}
    for optimiser in ("sgd", "rmsprop", "adam", "adamax"):
        recipe = make_recipe(epochs=3, learning_rate=1e-3, optimiser=optimiser, momentum=0.9)
        found[optimiser] = _apart(_run(device, recipe), _run(device, recipe, stop_at=1))
    assert max(found.values()) <= bound, found
    return found


def every_proposed_network_agrees_with_the_cpu(device: torch.device) -> dict[str, Any]:
    """Logits of two images in inference mode, as a share of their size."""
    found = {}
    for name, (network, side) in PROPOSED.items():
        torch.manual_seed(0)
        model = build_network(network, n_classes=4, input_px=side, pretrained=False).eval()
        images = torch.rand(2, 3, side, side)
        with torch.no_grad():
            here = model(images)
            there = model.to(device)(images.to(device)).cpu()
        found[name] = float((here - there).abs().max() / here.abs().max().clamp_min(1e-6))
        assert found[name] < 0.05, found
    return found


def every_proposed_network_trains_in_bf16(device: torch.device) -> dict[str, Any]:
    """One step each gives finite gradients for every parameter."""
    found = {}
    for name, (network, side) in PROPOSED.items():
        torch.manual_seed(0)
        model = build_network(network, n_classes=4, input_px=side, pretrained=False)
        model = model.to(device).to(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            logits = model(torch.rand(4, 3, side, side, device=device))
        loss = torch.nn.functional.cross_entropy(logits.float(), torch.arange(4, device=device))
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter, value in model.named_parameters():
            assert value.grad is not None and torch.isfinite(value.grad).all(), (name, parameter)
        found[name] = float(torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm())
    return found


CHECKS: tuple[Callable[[torch.device], dict[str, Any]], ...] = (
    rendering_agrees_with_the_cpu,
    batches_agree_with_the_cpu,
    a_first_epoch_agrees_with_the_cpu,
    bf16_agrees_with_fp32,
    it_learns_in_both_precisions,
    a_run_repeats_and_resumes,
    every_optimiser_resumes,
    every_proposed_network_agrees_with_the_cpu,
    every_proposed_network_trains_in_bf16,
)
