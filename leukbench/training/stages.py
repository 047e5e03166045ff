"""Training in stages: what is frozen at first is trained later, with a fresh optimiser and perhaps at another rate.

A recipe says it in ``trainable``: ``head until 5, then last:20 at 1e-4 until 10, then all at 1e-5``. Without ``then``
there is one stage. The engine trains each as if it were the whole recipe, and is told when one ends.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from leukbench.errors import InputError
from leukbench.records import Recipe
from leukbench.training.engine import State, set_up, train
from leukbench.training.recipe import freeze, make_optimiser

_STAGE = re.compile(
    r"(?P<what>all|head|last:\d+)( at (?P<rate>\d+(\.\d*)?([eE][+-]?\d+)?))?( until (?P<until>[1-9]\d*))?"
)


@dataclasses.dataclass(frozen=True)
class Stage:
    """A recipe that freezes one thing throughout, and the epoch (counted from 1) after which the next stage begins."""

    recipe: Recipe
    until: int


class _StageEnds(Exception):
    """Leaves the engine's loop between two epochs."""


def stages_of(recipe: Recipe) -> list[Stage]:
    """Return the stages of a recipe, as many of them as its epochs reach.

    Raises InputError where several are not written as they should be.

    >>> recipe = Recipe(input_px=32, epochs=9, batch_size=8, learning_rate=0.1, optimiser="sgd",
    ...                 loss="kl_divergence", trainable="head until 5, then all at 0.01")
    >>> [(s.recipe.trainable, s.recipe.learning_rate, s.until) for s in stages_of(recipe)]
    [('head', 0.1, 5), ('all', 0.01, 9)]
    """
    parts = recipe.trainable.split(", then ")
    if len(parts) == 1 and " " not in recipe.trainable:
        return [Stage(recipe, recipe.epochs)]
    stages: list[Stage] = []
    rate, before = recipe.learning_rate, 0
    for part in parts:
        match = _STAGE.fullmatch(part)
        last = part is parts[-1]
        if match is None or last == bool(match["until"]) or (not last and int(match["until"]) <= before):
            raise InputError(
                "cannot train in these stages", where="recipe, trainable",
                expected="such as: head until 5, then last:20 at 1e-4 until 10, then all at 1e-5",
                found=recipe.trainable,
            )  # fmt: skip
        rate = float(match["rate"]) if match["rate"] else rate
        until = recipe.epochs if last else min(int(match["until"]), recipe.epochs)
        if before < recipe.epochs:
            stages.append(Stage(dataclasses.replace(recipe, trainable=match["what"], learning_rate=rate), until))
        before = until
    return stages


def set_up_stage(build: Callable[[], nn.Module], recipe: Recipe, done: int, **options: Any) -> State:
    """Return a fresh state whose optimiser is that of the stage in which epoch ``done`` (from 1; 0: none) was trained.

    ``options`` are those of :func:`leukbench.training.engine.set_up`.
    """
    stages = stages_of(recipe)
    return set_up(build, stages[_stage_at(stages, done)].recipe, **options)


def train_stages(state: State, recipe: Recipe, *, after_epoch: Callable[[State], None], **options: Any) -> State:
    """Run the epochs that ``state`` lacks, stage by stage, and return the state that they end in.

    ``options`` are those of :func:`leukbench.training.engine.train`. The schedule goes on over all epochs, from the
    rate of the stage. A run that stops early ends, whatever its stage.
    """
    stages = stages_of(recipe)
    number = _stage_at(stages, len(state.epochs))

    def at_end(state: State) -> None:
        after_epoch(state)
        if len(state.epochs) == stages[number].until < recipe.epochs:
            raise _StageEnds

    while True:
        if len(state.epochs) == stages[number].until < recipe.epochs:
            state = _unfrozen(state, stages[number].recipe, stages[number + 1].recipe)
            number += 1
        try:
            train(state, stages[number].recipe, after_epoch=at_end, **options)
        except _StageEnds:
            continue
        return state


def _stage_at(stages: Sequence[Stage], done: int) -> int:
    """Return the number of the stage in which epoch ``done`` was trained."""
    return next(n for n, stage in enumerate(stages) if done <= stage.until)


def _unfrozen(state: State, before: Recipe, after: Recipe) -> State:
    """Return the state at the beginning of the next stage: what the one before froze learns unless this one freezes it.

    What a network keeps fixed itself, outside its backbone, stays so.
    """
    for layer in freeze(state.model, before.trainable):
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(True)
    freeze(state.model, after.trainable)
    return State(state.model, make_optimiser(state.model, after), state.epochs)
