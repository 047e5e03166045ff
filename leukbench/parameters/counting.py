"""Parameter counts of a network in the conventions of PyTorch and Keras, with and without its head,
and layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@dataclass(frozen=True, kw_only=True)
class ParameterCount:
    """How many numbers a network holds.

    PyTorch counts weights and biases. Keras adds the running mean and variance of batch normalisation (never trainable)
    and the values of a normalisation layer inside the network (EfficientNet: 7). Keras' networks often keep a bias in
    convolutions before batch normalisation, where torchvision and timm leave it out:
    ``bias_free_channels`` is how many numbers that adds.
    """

    pytorch_total: int
    pytorch_trainable: int
    batch_norm_statistics: int
    normalisation_values: int
    bias_free_channels: int  # output channels of convolutions without a bias

    @property
    def keras_total(self) -> int:
        """All weights as Keras' summary counts them."""
        return self.pytorch_total + self.batch_norm_statistics + self.normalisation_values

    @property
    def keras_trainable(self) -> int:
        """Trainable weights as Keras' summary counts them; the same as PyTorch's."""
        return self.pytorch_trainable

    @property
    def keras_nontrainable(self) -> int:
        """Frozen weights, batch-norm statistics and normalisation values."""
        return self.keras_total - self.keras_trainable

    @property
    def keras_total_with_biases(self) -> int:
        """``keras_total`` if every convolution had a bias,
        as in Keras' own ResNet-50 (25,636,712 with 1,000 classes)."""
        return self.keras_total + self.bias_free_channels


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer as a table of a paper lists it: Keras' order of axes, batch axis ``None``,
    Keras' count of parameters."""

    name: str
    type: str
    output_shape: tuple[int | None, ...]
    parameters: int


def count_parameters(network: nn.Module, *, normalisation_values: int = 0) -> ParameterCount:
    """Return the counts of a whole network.

    ``normalisation_values``: what Keras counts for normalisation layers inside the network (its EfficientNets: mean 3,
    variance 3, count 1 = 7); they do not exist in PyTorch's.

    >>> count_parameters(nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))).keras_total  # 108 + 16
    124
    """
    return _count([network], normalisation_values=normalisation_values)


def count_head_parameters(network: nn.Module) -> ParameterCount | None:
    """Return the counts of the network's ``head``; None where it has none (it is no ``Classifier``)."""
    head = getattr(network, "head", None)
    return _count([head]) if isinstance(head, nn.Module) else None


def count_backbone_parameters(network: nn.Module, *, normalisation_values: int = 0) -> ParameterCount:
    """Return the counts of everything but the network's ``head``; of all of it where it has none."""
    parts = [child for name, child in network.named_children() if name != "head"]
    return _count(parts or [network], normalisation_values=normalisation_values)


def _count(parts: list[nn.Module], *, normalisation_values: int = 0) -> ParameterCount:
    group = nn.ModuleList(parts)  # counts what two parts share once
    weights = list(group.parameters())
    return ParameterCount(
        pytorch_total=sum(w.numel() for w in weights),
        pytorch_trainable=sum(w.numel() for w in weights if w.requires_grad),
        batch_norm_statistics=sum(_statistics(m) for m in group.modules()),
        normalisation_values=normalisation_values,
        bias_free_channels=sum(_bias_free_channels(m) for m in group.modules()),
    )


def _bias_free_channels(module: nn.Module) -> int:
    return module.out_channels if isinstance(module, nn.Conv2d) and module.bias is None else 0


def _statistics(module: nn.Module) -> int:
    if not isinstance(module, _BatchNorm) or module.running_mean is None:
        return 0
    return 2 * module.num_features  # running mean and variance; num_batches_tracked has no counterpart in Keras


def layer_table(network: nn.Module, input_px: int) -> list[LayerRow]:
    """Return the leaf layers in the order in which they run on an image ``(3, input_px, input_px)``.

    Shapes are in Keras' order (batch, height, width, channels). Layers that only pass values through an element-wise
    function (activations) are listed too. A layer that runs twice is listed twice, its parameters the first time only.
    The network's mode and statistics are left as they were.

    Parameters
    ----------
    network
        On any device; it is run once, without gradients.
    input_px
        Side of the image, in pixels.

    Returns
    -------
    One row a run of a leaf layer: its name, kind, output shape and values, counted as Keras does.
    """
    rows: list[LayerRow] = []
    seen: set[int] = set()

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                parameters = 0 if id(module) in seen else _keras_parameters(module)
                rows.append(_row(name, module, output, parameters))
                seen.add(id(module))

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in _leaves(network)]
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()
        with torch.no_grad():
            network(torch.zeros(1, 3, input_px, input_px, device=_device(network)))
    finally:
        for handle in hooks:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    return rows


def _row(name: str, module: nn.Module, output: Tensor, parameters: int) -> LayerRow:
    sizes = list(output.shape[1:])
    keras_order = [*sizes[1:], sizes[0]] if output.ndim == 4 else sizes
    return LayerRow(name=name, type=type(module).__name__, output_shape=(None, *keras_order), parameters=parameters)


def _keras_parameters(module: nn.Module) -> int:
    return sum(w.numel() for w in module.parameters()) + _statistics(module)


def _leaves(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in network.named_modules():
        if not any(True for _ in module.children()):
            yield name, module


def _device(network: nn.Module) -> torch.device:
    weight = next(network.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device


__all__ = [
    "LayerRow",
    "ParameterCount",
    "count_backbone_parameters",
    "count_head_parameters",
    "count_parameters",
    "layer_table",
]
