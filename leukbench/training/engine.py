"""The one training loop. What a paper needs differently is a field of its recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from leukbench.errors import LeukbenchError
from leukbench.records import IntArray, Recipe
from leukbench.seeds import seed_for
from leukbench.training.data import Pixels, balanced_order
from leukbench.training.recipe import class_scores, freeze, learning_rate_at, make_loss, make_optimiser


class TrainingDiverged(LeukbenchError):
    """The loss became infinite or NaN."""


@dataclass
class Epochs:
    """What each finished epoch left: lists with one entry an epoch; ``test`` and ``validation`` are (n_rows, n_classes)."""

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    train_s: list[float] = field(default_factory=list)
    scoring_s: list[float] = field(default_factory=list)
    test: list[npt.NDArray[np.float32]] = field(default_factory=list)
    validation: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.train_loss)


@dataclass(frozen=True)
class State:
    """What must survive a kill: the model, its optimiser and the finished epochs."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    epochs: Epochs


def set_up(
    build: Callable[[], nn.Module], recipe: Recipe, *, seed: int, device: torch.device, precision: str = "fp32"
) -> State:
    """Return a freshly initialised model (channels-last, on the device) and its optimiser."""
    torch.manual_seed(seed_for(seed, "initial weights"))
    model = build().to(device).to(memory_format=torch.channels_last)
    freeze(model, recipe.trainable)
    if precision == "bf16" and device.type == "cpu":
        _keep_depthwise_in_fp32(model)
    return State(model, make_optimiser(model, recipe), Epochs())


def _keep_depthwise_in_fp32(model: nn.Module) -> None:
    """Take depthwise convolutions out of autocast: on a CPU their bf16 backward is so slow that bf16 would not pay.

    EfficientNet-B0 at 224 px, against fp32 in channels-last: 0.87 times with them in bf16, 1.39 times without.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1:
            layer.forward = _outside_autocast(layer.forward)  # type: ignore[method-assign,assignment]


def _outside_autocast(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def in_fp32(maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):
            return forward(maps.float())

    return in_fp32


def train(
    state: State,
    recipe: Recipe,
    *,
    train: Pixels,
    validation: Pixels,
    test: Pixels,
    n_classes: int,
    seed: int,
    precision: str,
    after_epoch: Callable[[State], None] = lambda state: None,
) -> None:
    """Run the epochs that ``state`` lacks, scoring validation and test rows after each.

    Random streams come from (seed, purpose, epoch), so a resumed run ends where an uninterrupted one does. Raises
    TrainingDiverged where the loss is no longer finite.
    """
    frozen = freeze(state.model, recipe.trainable)
    order = _training_order(train, recipe, n_classes, seed)
    loss_of = make_loss(recipe, _class_weights(train, recipe, n_classes))
    for epoch in range(len(state.epochs), recipe.epochs):
        monitored = state.epochs.validation_loss if len(validation.rows) else state.epochs.train_loss
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate_at(recipe, epoch, monitored)
        torch.manual_seed(seed_for(seed, "dropout", epoch))
        started = time.perf_counter()
        loss, accuracy = _train_epoch(state, train, order, loss_of, frozen, seed=seed, epoch=epoch, precision=precision)
        trained = time.perf_counter()
        if not math.isfinite(loss):
            raise TrainingDiverged(f"the training loss is {loss} after epoch {epoch + 1}")
        scores = {
            name: score(state.model, part, recipe, precision=precision)
            for name, part in (("validation", validation), ("test", test))
        }
        e = state.epochs
        e.scoring_s.append(time.perf_counter() - trained)
        e.train_s.append(trained - started)
        e.train_loss.append(loss)
        e.train_accuracy.append(accuracy)
        e.validation_loss.append(_cross_entropy(scores["validation"], validation.rows.label))
        e.validation.append(scores["validation"])
        e.test.append(scores["test"])
        after_epoch(state)


def _train_epoch(
    state: State,
    pixels: Pixels,
    order: IntArray,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    frozen: list[nn.Module],
    *,
    seed: int,
    epoch: int,
    precision: str,
) -> tuple[float, float]:
    """Train one epoch and return its mean loss and running accuracy; the device is read once, at the end."""
    model, device = state.model, pixels.device
    model.train()
    for layer in frozen:
        layer.eval()
    total = torch.zeros(3, dtype=torch.float64, device=device)
    for images, labels in pixels.training_batches(order, seed=seed, epoch=epoch):
        state.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            logits = model(images)
        loss = loss_of(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimiser.step()
        with torch.no_grad():
            n = len(labels)
            right = (logits.argmax(dim=1) == labels).sum()
            total += torch.stack([loss.detach().double() * n, right.double(), torch.full_like(right, n).double()])
    loss_sum, right_sum, n_rows = total.tolist()
    return loss_sum / n_rows, right_sum / n_rows


@torch.no_grad()
def score(model: nn.Module, pixels: Pixels, recipe: Recipe, *, precision: str) -> npt.NDArray[np.float32]:
    """Return scores ``(n_rows, n_classes)`` of all rows, in inference mode."""
    model.eval()
    parts: list[Tensor] = []
    for images, _ in pixels.scoring_batches():
        with torch.autocast(pixels.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            logits = model(images)
        parts.append(class_scores(logits, recipe.output))
    joined: npt.NDArray[Any] = torch.cat(parts).cpu().numpy() if parts else np.zeros((0, 0))
    return joined.astype(np.float32)


def _training_order(pixels: Pixels, recipe: Recipe, n_classes: int, seed: int) -> IntArray:
    if recipe.balance == "oversample":
        return balanced_order(pixels.rows, n_classes, seed=seed)
    return np.arange(len(pixels.rows), dtype=np.int64)


def _class_weights(pixels: Pixels, recipe: Recipe, n_classes: int) -> Tensor | None:
    """Return n / (n_classes · n_of_class), scikit-learn's balanced weights, or None."""
    if recipe.balance != "class_weights":
        return None
    counts = np.bincount(pixels.rows.label, minlength=n_classes)
    weights = len(pixels.rows) / (n_classes * np.maximum(counts, 1))
    return torch.as_tensor(weights, dtype=torch.float32, device=pixels.device)


def _cross_entropy(scores: npt.NDArray[np.float32], labels: IntArray) -> float:
    """Return the mean negative log score of the true class; 0 without rows, where nothing reads it."""
    if not len(labels):
        return 0.0
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), labels], 1e-7)).mean())
