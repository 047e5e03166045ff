"""One training step of a paper's network, over and over, in a process of its own: a line on standard input asks for it,
or for the least seconds that its operations need at the limits of the machine.

``python -m benchmarks.step_worker NETWORK WAY``; ways: ``eager`` (fp32, NCHW, as a tutorial writes it), ``fp32`` and
``bf16`` (a worker of leukbench, which keeps the pages that tensors free). A process each, because how memory is kept
holds for a whole process.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks.work import ALNET_BY_HAND, CPU, cells, make_rows, make_store, step_by_hand
from leukbench.papers.loader import load_paper
from leukbench.records import NetworkSpec, Recipe
from leukbench.training.data import Pixels
from leukbench.training.engine import _train_epoch, set_up
from leukbench.training.hardware import keep_pages, use_threads
from leukbench.training.network import build_network
from leukbench.training.recipe import make_loss
from leukbench.training.roofline import Work, measure_device

ARMS = {
    "alnet": ("alnet", "alnet"),
    "ddrnet": ("ddrnet", "ddrnet"),
    "dscnet": ("dscnet", "dscnet_kl_aug"),
    "efficientnet_b0": ("samhitha", "efficientnet_b0"),
}


class _OneBatch(Pixels):
    """Serves the same ready batch, so that the step alone is measured."""

    def training_batches(self, order: object, *, seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        yield self._ready

    def prepare(self) -> _OneBatch:
        self._ready = self.batch(np.arange(len(self.rows)))
        return self


def arm_of(name: str) -> tuple[NetworkSpec, Recipe, int]:
    """Return a network with its recipe, from random weights, and its number of classes."""
    key, arm_name = ARMS[name]
    paper = load_paper(key)
    arm = paper.arms[arm_name]
    recipe = dataclasses.replace(paper.recipes[arm.recipe].recipe, pretrained=False, trainable="all")
    network = paper.networks[arm.network]
    spec = NetworkSpec(paper=key, name=network.builder, options=dict(network.options))
    return spec, recipe, len(paper.studies[arm.study].classes)


def make_step(name: str, way: str) -> Callable[[], object]:
    """Return the step of a network at the batch size of its paper."""
    spec, recipe, n_classes = arm_of(name)
    size, side = recipe.batch_size, recipe.input_px
    if way == "eager":
        by_hand = ALNET_BY_HAND if name == "alnet" else spec
        return step_by_hand(by_hand, batch_size=size, side_px=side, n_classes=n_classes)
    keep_pages()

    def build() -> torch.nn.Module:
        return build_network(spec, n_classes=n_classes, input_px=side, pretrained=False)

    pixels = _OneBatch(make_rows(0, size), make_store(cells(size, side), side), recipe, device=CPU).prepare()
    state, loss_of = set_up(build, recipe, seed=0, device=CPU, precision=way), make_loss(recipe)
    return lambda: _train_epoch(state, pixels, np.arange(size), loss_of, [], seed=0, epoch=0, precision=way)


def least_s(step: Callable[[], object], way: str) -> float:
    """Return the eager roofline of a step: for each operation the slower of computing and moving, as measured now."""
    step()
    with Work() as work:
        step()
    kind = torch.bfloat16 if way == "bf16" else torch.float32
    return float(work.least_s(measure_device(CPU, side=2048, kind=kind)))


def main(name: str, way: str) -> None:
    """Answer each line: ``roofline`` with seconds, any other with a step."""
    use_threads(224)
    step = make_step(name, way)
    for line in sys.stdin:
        print(least_s(step, way) if line.strip() == "roofline" else step() or "done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
