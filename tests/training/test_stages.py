"""Frozen first, trained later: the stages of a recipe are those that its words say, and survive a kill anywhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leukbench.errors import InputError
from leukbench.records import RunSpec
from leukbench.training.data import Pixels
from leukbench.training.engine import State, set_up, train
from leukbench.training.network import build_network
from leukbench.training.recipe import make_optimiser
from leukbench.training.run import FoldRows, execute_run
from leukbench.training.stages import stages_of
from tests.support.tiny_world import CLASSES, fold_rows, make_images, make_recipe, make_spec, make_store

CPU = torch.device("cpu")
WORDS = "head until 2, then last:1 at 3e-3 until 4, then all at 0.001"
RECIPE = make_recipe(epochs=6, trainable=WORDS)


class Killed(Exception):
    """Stands in for a kill: raised inside the progress callback."""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))


def world(tmp_path: Path) -> tuple[RunSpec, FoldRows, Any]:
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)
    return make_spec(tmp_path / "paper", RECIPE, rows, store), rows, store


def test_words_become_stages_with_their_rates_and_ends() -> None:
    found = [(s.recipe.trainable, s.recipe.learning_rate, s.until) for s in stages_of(RECIPE)]
    assert found == [("head", 0.01, 2), ("last:1", 0.003, 4), ("all", 0.001, 6)]
    assert {s.recipe.epochs for s in stages_of(RECIPE)} == {6}  # so that a schedule goes on over all of them
    assert [s.until for s in stages_of(dataclasses.replace(RECIPE, epochs=3))] == [2, 3]
    assert [s.until for s in stages_of(dataclasses.replace(RECIPE, epochs=2))] == [2]


@pytest.mark.parametrize("words", ["all", "head", "last:3"])
def test_a_recipe_of_one_stage_is_left_as_it_is(words: str) -> None:
    recipe = make_recipe(trainable=words)
    (stage,) = stages_of(recipe)
    assert stage.recipe is recipe and stage.until == recipe.epochs


@pytest.mark.parametrize(
    "words",
    [
        "head until 2", "head, then all", "head until 2, then all until 4", "head until 4, then all until 4, then all",
        "head until 0, then all", "heads until 2, then all", "head until 2 at 0.1, then all", "head until 2, all",
    ],
)  # fmt: skip
def test_other_words_are_refused_with_an_example(words: str) -> None:
    with pytest.raises(InputError, match="head until 5, then last:20 at 1e-4") as raised:
        stages_of(make_recipe(trainable=words))
    assert raised.value.found == words


@pytest.mark.trains
def test_stages_are_the_runs_of_each_one_after_the_other(tmp_path: Path) -> None:
    """By hand: the engine over each stage's epochs, the layers freed and the optimiser made anew in between."""
    spec, rows, store = world(tmp_path)
    done = execute_run(spec, rows, store, device=CPU)

    def build() -> torch.nn.Module:
        return build_network(spec.network, n_classes=2, input_px=32, pretrained=False)

    plain = dataclasses.replace(RECIPE, trainable="head", epochs=2)
    state = set_up(build, plain, seed=0, device=CPU)
    first = [p.detach().clone() for p in state.model.backbone.parameters()]  # type: ignore[union-attr]
    parts = {role: Pixels(getattr(rows, role), store, RECIPE, device=CPU) for role in ("train", "validation", "test")}
    options: dict[str, Any] = {**parts, "n_classes": len(CLASSES), "seed": 0, "precision": "fp32"}
    train(state, plain, **options)
    backbone = list(state.model.backbone.parameters())  # type: ignore[union-attr]
    assert all(torch.equal(a, b) for a, b in zip(first, backbone, strict=True))
    for what, rate, until in (("last:1", 0.003, 4), ("all", 0.001, 6)):
        for parameter in backbone[-2:] if what == "last:1" else backbone:
            parameter.requires_grad_(True)
        stage = dataclasses.replace(RECIPE, trainable=what, learning_rate=rate, epochs=until)
        state = State(state.model, make_optimiser(state.model, stage), state.epochs)
        train(state, stage, **options)
        assert torch.equal(first[0], backbone[0]) == (what != "all") and not torch.equal(first[-2], backbone[-2])
    assert np.array_equal(done.test, np.stack(state.epochs.test))
    assert done.receipt["n_parameters_trainable"] == done.receipt["n_parameters"]


@pytest.mark.trains
@pytest.mark.parametrize("killed_after", [1, 2, 3, 4, 5])
def test_a_killed_run_ends_where_an_uninterrupted_one_does(tmp_path: Path, killed_after: int) -> None:
    spec, rows, store = world(tmp_path)

    def progress(done: int, total: int) -> None:
        if done == killed_after:
            raise Killed

    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=progress)
    resumed = execute_run(spec, rows, store, device=CPU)
    again = dataclasses.replace(spec, rows_sha256="1" * 64, training_sha256="2" * 64)  # the same run under another key
    whole = execute_run(again, rows, store, device=CPU)
    assert np.array_equal(resumed.test, whole.test) and len(resumed.test) == 6
    assert resumed.history["train_loss"] == whole.history["train_loss"]
