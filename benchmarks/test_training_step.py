"""One training step and one epoch, against what a tutorial writes: fp32, NCHW, eager, files through a DataLoader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.conftest import Compare, Way
from benchmarks.work import (
    ALNET,
    ALNET_BY_HAND,
    B0,
    CPU,
    OTHER,
    OURS,
    cells,
    image_folder_loader,
    make_recipe,
    make_rows,
    make_store,
    step_by_hand,
    train_step,
    write_folder,
)
from leukbench.records import NetworkSpec, Recipe
from leukbench.training.data import Pixels
from leukbench.training.engine import _train_epoch, set_up, train
from leukbench.training.network import build_network
from leukbench.training.recipe import make_loss

BATCH, SIDE = 16, 224
ALNET_RECIPE = make_recipe()
B0_RECIPE = make_recipe(optimiser="adam", loss="categorical_cross_entropy", output="softmax")
NETWORKS = [
    pytest.param("ALNet@224", ALNET, ALNET_BY_HAND, ALNET_RECIPE, 2.5, 2.5, id="alnet"),
    pytest.param("EfficientNet-B0@224", B0, B0, B0_RECIPE, 1.4, 1.8, id="b0"),
]


def built(network: NetworkSpec) -> Callable[[], nn.Module]:
    return lambda: build_network(network, n_classes=2, input_px=SIDE, pretrained=False)


class OneBatch(Pixels):
    """Serves the same ready batch, so that the step alone is measured."""

    def training_batches(self, order, *, seed, epoch):  # type: ignore[no-untyped-def]
        yield self._ready

    def prepare(self) -> OneBatch:
        self._ready = self.batch(np.arange(BATCH))
        return self


def engine_step(network: NetworkSpec, recipe: Recipe, *, precision: str) -> Callable[[], object]:
    pixels = OneBatch(make_rows(0, BATCH), make_store(cells(BATCH, SIDE), SIDE), recipe, device=CPU).prepare()
    state = set_up(built(network), recipe, seed=0, device=CPU, precision=precision)
    loss_of, order = make_loss(recipe), np.arange(BATCH)
    return lambda: _train_epoch(state, pixels, order, loss_of, [], seed=0, epoch=0, precision=precision)


@pytest.mark.parametrize(("name", "network", "by_hand", "recipe", "goal", "goal_of_an_epoch"), NETWORKS)
def test_a_step(
    compare: Compare,
    name: str,
    network: NetworkSpec,
    by_hand: NetworkSpec,
    recipe: Recipe,
    goal: float,
    goal_of_an_epoch: float,
) -> None:
    rows = compare(
        f"training step, {name}, {OURS}",
        Way(engine_step(network, recipe, precision=OURS), BATCH),
        {
            "eager fp32 NCHW": Way(step_by_hand(by_hand, batch_size=BATCH, side_px=SIDE), BATCH),
            f"leukbench in {OTHER}": Way(engine_step(network, recipe, precision=OTHER), BATCH),
        },
        unit="images",
        goals={"eager fp32 NCHW": goal, f"leukbench in {OTHER}": 1.0},
        rounds=4,
    )
    assert rows[1].ratio > 1


@pytest.mark.parametrize(("name", "network", "by_hand", "recipe", "goal", "goal_of_an_epoch"), NETWORKS)
def test_an_epoch_from_end_to_end(
    tmp_path: Path,
    compare: Compare,
    name: str,
    network: NetworkSpec,
    by_hand: NetworkSpec,
    recipe: Recipe,
    goal: float,
    goal_of_an_epoch: float,
) -> None:
    n = 32
    images = cells(n, 450)
    loader = image_folder_loader(
        write_folder(tmp_path / "files", images), SIDE, bilinear=True, batch_size=BATCH, workers=2
    )
    torch.manual_seed(0)
    model = built(by_hand)().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

    def naive() -> None:
        for batch, labels in loader:
            train_step(model, optimiser, batch, labels)

    store = make_store(images, SIDE)
    rows, none = Pixels(make_rows(0, n), store, recipe, device=CPU), Pixels(make_rows(0, 0), store, recipe, device=CPU)

    def ours() -> None:
        state = set_up(built(network), recipe, seed=0, device=CPU, precision=OURS)
        train(state, recipe, train=rows, validation=none, test=none, n_classes=2, seed=0, precision=OURS)

    measured = compare(
        f"an epoch from files to weights, {name}, {OURS}",
        Way(ours, n),
        {"ImageFolder, fp32, NCHW, eager": Way(naive, n)},
        unit="images",
        goals={"ImageFolder, fp32, NCHW, eager": goal_of_an_epoch},
        rounds=2,
    )
    assert measured[1].ratio > 1
