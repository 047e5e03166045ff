"""The one training loop. What a paper needs differently is a field of its recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from leukbench.errors import InputError
from leukbench.records import IntArray, Recipe
from leukbench.seeds import generator_for, seed_for
from leukbench.training.data import Pixels, balanced_order
from leukbench.training.recipe import class_scores, freeze, learning_rate_at, make_loss, make_optimiser, stops_before

PART = 32
"""Images of a batch that a processor takes at once where the network has no batch statistics: the gradient is the
same."""


class TrainingDiverged(InputError):
    """The loss became infinite or NaN."""


@dataclass
class Epochs:
    """What each finished epoch left: lists with one entry an epoch; ``test`` and ``validation`` are (n_rows,
    n_classes)."""

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
    TrainingDiverged, naming the batch, where the loss is no longer finite.
    """
    frozen = freeze(state.model, recipe.trainable)
    loss_of = make_loss(recipe, _class_weights(train, recipe, n_classes))
    for epoch in range(len(state.epochs), recipe.epochs):
        monitored = state.epochs.validation_loss if len(validation.rows) else state.epochs.train_loss
        if stops_before(recipe, epoch, monitored):
            break
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate_at(recipe, epoch, monitored)
        torch.manual_seed(seed_for(seed, "dropout", epoch))
        started = time.perf_counter()
        order = _training_order(train, recipe, n_classes, seed=seed, epoch=epoch)
        loss, accuracy = _train_epoch(state, train, order, loss_of, frozen, seed=seed, epoch=epoch, precision=precision)
        trained = time.perf_counter()
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
    """Train one epoch and return its mean loss and running accuracy.

    An accelerator is read once, at the end; on a processor each loss is looked at before it moves a weight.
    """
    model, device = state.model, pixels.device
    model.train()
    for layer in frozen:
        layer.eval()
    batches = pixels.training_batches(order, seed=seed, epoch=epoch)
    mix = generator_for(seed, "mixup", epoch)
    in_parts = device.type == "cpu" and not _has_batch_statistics(model)
    seen: list[Tensor] = []
    for images, labels in batches:
        mixed = _mixed(images, labels, loss_of, alpha=pixels.recipe.mixup, rng=mix)
        state.optimiser.zero_grad(set_to_none=True)
        seen.append(_gradient(model, *mixed, size=PART if in_parts else len(labels), precision=precision))
        if device.type == "cpu":
            _refuse_divergence(seen[-1:], first=len(seen), epoch=epoch)
        state.optimiser.step()
    _refuse_divergence(seen, first=1, epoch=epoch)
    loss, right, n_rows = torch.stack(seen).sum(dim=0).tolist()
    return loss / n_rows, right / n_rows


def _mixed(
    images: Tensor,
    labels: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    *,
    alpha: float,
    rng: np.random.Generator,
) -> tuple[Tensor, tuple[Tensor, ...], Callable[[Tensor, Sequence[Tensor]], Tensor]]:
    """Return a batch's images, its labels (for mixup two sets) and their loss.

    References
    ----------
    Zhang et al. 2018, *mixup*: one share a batch from Beta(alpha, alpha), partners by permutation.
    """
    if alpha == 0:
        return images, (labels,), lambda logits, of: loss_of(logits, of[0])
    share = float(rng.beta(alpha, alpha))
    partner = torch.from_numpy(rng.permutation(len(labels))).to(labels.device)
    return (
        share * images + (1 - share) * images[partner],
        (labels, labels[partner]),
        lambda logits, of: share * loss_of(logits, of[0]) + (1 - share) * loss_of(logits, of[1]),
    )


def _gradient(
    model: nn.Module,
    images: Tensor,
    labels: Sequence[Tensor],
    loss_of: Callable[[Tensor, Sequence[Tensor]], Tensor],
    *,
    size: int,
    precision: str,
) -> Tensor:
    """Add a batch's gradient to the model's, ``size`` images at a time, and return its summed loss, hits and images
    ``(3,)``.

    The loss is a mean over images, so that its parts, weighted by their sizes, add up to it.
    """
    n, total = len(images), torch.zeros(3, dtype=torch.float64, device=images.device)
    for start in range(0, n, size):
        here = [of[start : start + size] for of in labels]
        with torch.autocast(images.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            logits = model(images[start : start + size])
        loss = loss_of(logits, here) * (len(logits) / n)
        loss.backward()  # type: ignore[no-untyped-call]
        total[0] += loss.detach().double() * n
        total[1] += (logits.detach().argmax(dim=1) == here[0]).sum()
        total[2] += len(logits)
    return total


def _has_batch_statistics(model: nn.Module) -> bool:
    return any(isinstance(layer, _BatchNorm) and layer.training for layer in model.modules())


def _refuse_divergence(seen: Sequence[Tensor], *, first: int, epoch: int) -> None:
    """Raise TrainingDiverged for the first batch without a finite loss; ``seen`` starts with batch ``first`` of the
    epoch."""
    for number, loss in enumerate(torch.stack(list(seen))[:, 0].tolist(), start=first):
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the training loss is {loss}",
                where=f"epoch {epoch + 1}, batch {number}",
                expected="a finite loss",
                do="look at that batch's images and at the learning rate",
            )


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


def _training_order(pixels: Pixels, recipe: Recipe, n_classes: int, *, seed: int, epoch: int) -> IntArray:
    if recipe.balance == "oversample":
        return balanced_order(pixels.rows, n_classes, seed=seed, epoch=epoch)
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
