"""A recipe's words turned into torch: loss, output, optimiser, schedule, what is trainable, normalisation of pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leukbench.errors import InputError
from leukbench.records import Recipe

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_EPS = 1e-7  # Keras' fuzz factor


def normalise(images: Tensor, how: str) -> Tensor:
    """Return float images ``(n, 3, h, w)`` from grey levels 0..255.

    unit: x/255 · imagenet: unit, then torchvision's mean and deviation · minmax: each image to [0, 1] · zscore: each
    image to mean 0 and deviation 1.
    """
    x = (
        images / 255.0 if images.is_floating_point() else images.float().div_(255.0)
    )  # in place: one pass over memory less
    if how == "unit":
        return x
    if how == "imagenet":
        mean, std = _imagenet(x.device)
        return (x - mean) / std
    if how == "minmax":
        low, high = x.amin(dim=(1, 2, 3), keepdim=True), x.amax(dim=(1, 2, 3), keepdim=True)
        return (x - low) / (high - low).clamp_min(_EPS)
    if how == "zscore":
        deviation = x.std(dim=(1, 2, 3), keepdim=True).clamp_min(
            1e-4
        )  # else a constant image becomes its rounding error
        return (x - x.mean(dim=(1, 2, 3), keepdim=True)) / deviation
    raise InputError(f"unknown normalisation {how!r}", expected="unit, imagenet, minmax or zscore")


@cache
def _imagenet(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return mean and deviation (1, 3, 1, 1), moved to a device once: a transfer a batch would stall it."""
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in (_IMAGENET_MEAN, _IMAGENET_STD))
    return mean, std


def class_scores(logits: Tensor, output: str) -> Tensor:
    """Return scores ``(n, n_classes)`` in [0, 1] with rows that sum to 1; sigmoid units are divided by their sum.

    The division leaves their order, hence the predicted class, as it is.
    """
    logits = logits.float()
    if output == "softmax":
        return logits.softmax(dim=1)
    return F.logsigmoid(logits).softmax(dim=1)  # units / their sum, also where all of them are tiny


def make_loss(recipe: Recipe, class_weights: Tensor | None = None) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of logits ``(n, n_classes)`` and class indices ``(n,)`` as a mean over images.

    Cross-entropy, its sparse form and the Kullback-Leibler divergence from one-hot labels are one function of the
    logits (the entropy of a one-hot label is 0). Binary cross-entropy and squared error are means over units, as in
    Keras. Raises InputError where loss, output function, smoothing and focus do not go together.

    References
    ----------
    Szegedy et al. 2016 (label smoothing; for sigmoids as Keras' BinaryCrossentropy does it); Lin et al. 2017 (focal
    loss).
    """
    name, output = recipe.loss, recipe.output
    _check_loss(recipe)

    def weighted(per_image: Tensor, labels: Tensor) -> Tensor:
        return per_image.mean() if class_weights is None else (per_image * class_weights[labels]).mean()

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        target = _target(labels, logits.shape[1], recipe)
        if name == "binary_cross_entropy":
            of_units = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
            missed = (target - logits.sigmoid()).abs()
            per_image = (of_units * missed**recipe.focal_gamma if recipe.focal_gamma else of_units).mean(dim=1)
        elif name == "mean_squared_error":
            units = logits.softmax(dim=1) if output == "softmax" else logits.sigmoid()
            per_image = (units - target).square().mean(dim=1)
        elif name == "kl_divergence":
            per_image = F.kl_div(logits.log_softmax(dim=1), target, reduction="none").sum(dim=1)
        else:
            per_image = _cross_entropy(logits, target, recipe)
        return weighted(per_image, labels)

    return loss


def _check_loss(recipe: Recipe) -> None:
    name, output = recipe.loss, recipe.output
    distribution = {"categorical_cross_entropy", "sparse_categorical_cross_entropy", "kl_divergence"}
    if (name in distribution and output != "softmax") or (name == "binary_cross_entropy" and output != "sigmoid"):
        raise InputError(f"loss {name!r} does not go with output {output!r}", where="recipe")
    if name == "mean_squared_error" and recipe.label_smoothing:
        raise InputError("label_smoothing does not go with a squared error", where="recipe", do="leave it 0")
    if recipe.focal_gamma and not name.endswith("cross_entropy"):
        raise InputError(f"focal_gamma does not go with loss {name!r}", where="recipe", expected="a cross-entropy")


def _target(labels: Tensor, n_classes: int, recipe: Recipe) -> Tensor:
    """Return the labels ``(n,)`` as ``(n, n_classes)``, smoothed where the recipe says so."""
    target = F.one_hot(labels, n_classes).float()
    if not recipe.label_smoothing:
        return target
    even = 1 / 2 if recipe.output == "sigmoid" else 1 / n_classes
    return target * (1 - recipe.label_smoothing) + recipe.label_smoothing * even


def _cross_entropy(logits: Tensor, target: Tensor, recipe: Recipe) -> Tensor:
    log_shares = logits.log_softmax(dim=1)
    if recipe.focal_gamma:
        return -(target * (1 - log_shares.exp()) ** recipe.focal_gamma * log_shares).sum(dim=1)
    return -(target * log_shares).sum(dim=1)


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser over the trainable parameters, with Keras' defaults where the recipe is silent.

    The penalty λ·Σw² (``l2``) is over weights with two or more dimensions; its gradient 2λw enters before the adaptive
    scaling, as the gradient of a loss term does. AdamW's ``weight_decay`` shrinks the same weights beside the step
    instead. Raises InputError where a recipe asks for the wrong one.
    """
    decoupled = recipe.optimiser == "adamw"
    if (decoupled and recipe.l2) or (recipe.weight_decay and not decoupled):
        raise InputError(
            f"optimiser {recipe.optimiser!r} does not take this penalty",
            where="recipe",
            expected="weight_decay with adamw, l2 with the others",
        )
    parameters = [p for p in model.parameters() if p.requires_grad]
    decay = recipe.weight_decay if decoupled else 2 * recipe.l2
    groups: Iterable[dict[str, object]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    lr, eps = recipe.learning_rate, recipe.epsilon
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=recipe.momentum)
    if recipe.optimiser == "rmsprop":
        return torch.optim.RMSprop(groups, lr=lr, alpha=0.9, eps=eps, momentum=recipe.momentum)
    if recipe.optimiser == "adam":
        return torch.optim.Adam(groups, lr=lr, eps=eps, fused=True)
    if decoupled:
        return torch.optim.AdamW(groups, lr=lr, eps=eps, fused=True)
    return torch.optim.Adamax(groups, lr=lr, eps=eps)


def learning_rate_at(recipe: Recipe, epoch: int, monitored: list[float]) -> float:
    """Return the rate of an epoch (from 0), a pure function of the monitored losses of the epochs before it.

    ``reduce_on_plateau`` follows Keras: after ``plateau_patience`` epochs without a loss lower by 1e-4 than the best,
    the rate is multiplied by ``plateau_factor`` and the wait starts again. ``cosine`` falls from the full rate towards
    0 over the epochs after the warm-up (Loshchilov & Hutter 2017, without restarts), ``exponential`` by ``decay`` an
    epoch.
    """
    if epoch < recipe.warmup_epochs:
        return recipe.learning_rate * (epoch + 1) / recipe.warmup_epochs
    rate, since = recipe.learning_rate, epoch - recipe.warmup_epochs
    if recipe.schedule == "step":
        return rate * (recipe.step_factor if epoch >= recipe.step_epoch else 1.0)
    if recipe.schedule == "cosine":
        return rate * (1 + math.cos(math.pi * since / max(1, recipe.epochs - recipe.warmup_epochs))) / 2
    if recipe.schedule == "exponential":
        return rate * recipe.decay**since
    if recipe.schedule == "reduce_on_plateau":
        best, waited = float("inf"), 0
        for value in monitored[recipe.warmup_epochs : epoch]:
            best, waited = (value, 0) if value < best - 1e-4 else (best, waited + 1)
            if waited >= recipe.plateau_patience:
                rate, waited = rate * recipe.plateau_factor, 0
    return rate


def stops_before(recipe: Recipe, epoch: int, monitored: list[float]) -> bool:
    """Say whether a run ends before an epoch (from 0): ``stop_patience`` epochs in a row without a lower monitored
    loss.

    As Keras' EarlyStopping with its default ``min_delta`` of 0; the checkpoint of the recipe says which epoch is taken.
    """
    if not recipe.stop_patience:
        return False
    losses = monitored[:epoch]
    return len(losses) > recipe.stop_patience and min(losses[-recipe.stop_patience :]) >= min(
        losses[: -recipe.stop_patience]
    )


def freeze(model: nn.Module, trainable: str) -> list[nn.Module]:
    """Freeze what the recipe leaves untrained and return the frozen layers, which stay in inference mode.

    ``all``: nothing is frozen; ``head``: the backbone is; ``last:N``: the backbone but for its last N layers that hold
    parameters. Raises InputError for another word or a network without a backbone.
    """
    if trainable == "all":
        return []
    backbone = getattr(model, "backbone", None)
    count = trainable.removeprefix("last:")
    if backbone is None or not (trainable == "head" or (trainable.startswith("last:") and count.isdigit())):
        raise InputError(
            f"cannot freeze by trainable: {trainable!r}",
            where="recipe",
            expected="all, head or last:N, and a network with a backbone",
            found=type(model).__name__,
        )
    layers = [m for m in backbone.modules() if next(m.parameters(recurse=False), None) is not None]
    frozen = layers if trainable == "head" else layers[: max(0, len(layers) - int(count))]
    for layer in frozen:
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)
    return frozen
