"""A recipe's words turned into torch: loss, output, optimiser, schedule, what is trainable, normalisation of pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leukbench.errors import InputError
from leukbench.records import Recipe

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_EPS = 1e-7  # Keras' fuzz factor, in optimisers and in clipped probabilities


def normalise(images: Tensor, how: str) -> Tensor:
    """Return float images ``(n, 3, h, w)`` from grey levels 0..255.

    unit: x/255 · imagenet: unit, then torchvision's mean and deviation · minmax: each image to [0, 1] · zscore: each image to
    mean 0 and deviation 1.
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

    Cross-entropy, its sparse form and the Kullback-Leibler divergence from one-hot labels are one function of the logits
    (the entropy of a one-hot label is 0). Binary cross-entropy and squared error are means over units, as in Keras. Raises
    InputError where the loss does not go with the output function.
    """
    name, output = recipe.loss, recipe.output
    distribution = {"categorical_cross_entropy", "sparse_categorical_cross_entropy", "kl_divergence"}
    if (name in distribution and output != "softmax") or (name == "binary_cross_entropy" and output != "sigmoid"):
        raise InputError(f"loss {name!r} does not go with output {output!r}", where="recipe")

    def weighted(per_image: Tensor, labels: Tensor) -> Tensor:
        return per_image.mean() if class_weights is None else (per_image * class_weights[labels]).mean()

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logits = logits.float()
        target = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        if name == "binary_cross_entropy":
            per_image = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=1)
        elif name == "mean_squared_error":
            units = logits.softmax(dim=1) if output == "softmax" else logits.sigmoid()
            per_image = (units - target).square().mean(dim=1)
        elif name == "kl_divergence":
            per_image = F.kl_div(logits.log_softmax(dim=1), target, reduction="none").sum(dim=1)
        elif name == "categorical_cross_entropy":
            per_image = -(target * logits.log_softmax(dim=1)).sum(dim=1)
        else:
            per_image = F.cross_entropy(logits, labels, reduction="none")
        return weighted(per_image, labels)

    return loss


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser over the trainable parameters, with Keras' defaults where the recipe is silent.

    The penalty λ·Σw² (``l2``) is over weights with two or more dimensions; its gradient 2λw enters before the adaptive scaling,
    as the gradient of a loss term does.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups: Iterable[dict[str, object]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 2 * recipe.l2},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    lr = recipe.learning_rate
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=recipe.momentum)
    if recipe.optimiser == "rmsprop":
        return torch.optim.RMSprop(groups, lr=lr, alpha=0.9, eps=_EPS, momentum=recipe.momentum)
    if recipe.optimiser == "adam":
        return torch.optim.Adam(groups, lr=lr, eps=_EPS, fused=True)
    return torch.optim.Adamax(groups, lr=lr, eps=_EPS)


def learning_rate_at(recipe: Recipe, epoch: int, monitored: list[float]) -> float:
    """Return the rate of an epoch (from 0), a pure function of the monitored losses of the epochs before it.

    ``reduce_on_plateau`` follows Keras: after ``plateau_patience`` epochs without a loss lower by 1e-4 than the best, the
    rate is multiplied by ``plateau_factor`` and the wait starts again.
    """
    if recipe.schedule == "step":
        return recipe.learning_rate * (recipe.step_factor if epoch >= recipe.step_epoch else 1.0)
    rate = recipe.learning_rate
    if recipe.schedule == "reduce_on_plateau":
        best, waited = float("inf"), 0
        for value in monitored[:epoch]:
            best, waited = (value, 0) if value < best - 1e-4 else (best, waited + 1)
            if waited >= recipe.plateau_patience:
                rate, waited = rate * recipe.plateau_factor, 0
    return rate


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
