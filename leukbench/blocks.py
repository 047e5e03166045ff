"""Layers that two papers share: pretrained backbones with a head of ours, and the defaults of Keras.

A network of a paper is a function ``<name>(n_classes, *, input_px, pretrained, **options)`` in its model.py that
returns a module mapping images ``(n, 3, input_px, input_px)`` to logits ``(n, n_classes)``; the recipe's output
function (softmax or sigmoid) and the loss come after it.
"""

from __future__ import annotations

import os
from pathlib import Path
from pickle import UnpicklingError  # what torch.load(weights_only=True) raises for a file that holds more than weights
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from leukbench.errors import WeightsUnavailable, unknown_name

KERAS_BN: dict[str, float] = {"momentum": 0.01, "eps": 1e-3}
"""Keras' batch-norm defaults (momentum 0.99, epsilon 1e-3) in PyTorch's convention, where momentum is 1 - Keras'."""

_TIMM = {
    "resnet18": "resnet18.tv_in1k",
    "resnet50": "resnet50.tv_in1k",
    "resnet101": "resnet101.tv_in1k",
    "vgg16": "vgg16.tv_in1k",
    "vgg19": "vgg19.tv_in1k",
    "efficientnet_b0": "tf_efficientnet_b0.in1k",
    "efficientnet_b3": "tf_efficientnet_b3.in1k",
    "inception_v3": "inception_v3.tf_in1k",
    "xception": "legacy_xception.tf_in1k",
}
_TORCHVISION = ("alexnet", "googlenet")
_KERAS_DROP_CONNECT = 0.2  # of keras.applications' EfficientNets: block b of B is left out at the rate 0.2 b / B
_UNREADABLE = (OSError, RuntimeError, EOFError, SafetensorError, UnpicklingError)


class Classifier(nn.Module):
    """A backbone and a head; ``trainable: head`` and ``last:N`` of a recipe speak of these two."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.backbone(images))
        return logits


def backbone_names() -> list[str]:
    """Return the names that :func:`make_backbone` knows."""
    return sorted([*_TIMM, *_TORCHVISION])


def make_backbone(name: str, *, pretrained: bool, features: str = "pooled") -> tuple[nn.Module, int]:
    """Return a named network without its classifier and the number of channels (or units) that it yields.

    ``features``: ``pooled`` gives ``(n, channels)`` by global average pooling; ``map`` gives ``(n, channels, h, w)``;
    ``penultimate`` keeps the network's own fully connected layers before the last (VGG and AlexNet: 4,096 units;
    elsewhere the same as ``pooled``). GoogLeNet has no ``map``. ImageNet weights come from
    ``LEUKBENCH_WEIGHTS/<name>.safetensors`` or ``.pth`` where that is set, else from timm's or torchvision's own
    download. Raises WeightsUnavailable where they cannot be had, InputError for an unknown name.
    """
    if name in _TIMM:
        return _timm_backbone(name, pretrained=pretrained, features=features)
    if name in _TORCHVISION and (name, features) != ("googlenet", "map"):
        return _torchvision_backbone(name, pretrained=pretrained, features=features)
    raise unknown_name("backbone", name, backbone_names())


def keras_backbone(name: str, *, pretrained: bool, features: str = "pooled") -> tuple[nn.Module, int]:
    """Return :func:`make_backbone`'s network as keras.applications trains it, and the number of channels that it
    yields.

    Its batch norms keep 0.99 of their statistics a step (their epsilon goes with the weights and stays), and whole
    blocks of an EfficientNet are left out at random. Without ImageNet's, weights are drawn as timm draws them: for
    EfficientNet normal with variance 2 / fan-out, which is Keras' variance too (Keras cuts the tails off); papers that
    use it list that as assumed.
    """
    if name in _TIMM and name.startswith("efficientnet"):
        backbone, width = _timm_backbone(
            name, pretrained=pretrained, features=features, drop_path_rate=_KERAS_DROP_CONNECT
        )
    else:
        backbone, width = make_backbone(name, pretrained=pretrained, features=features)
    for layer in backbone.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = KERAS_BN["momentum"]
    return backbone, width


def _timm_backbone(name: str, *, pretrained: bool, features: str, **more: float) -> tuple[nn.Module, int]:
    import timm

    options: dict[str, Any] = {"num_classes": 0, **more}
    if features == "map":
        options["global_pool"] = ""
    local = _local_weights(name) if pretrained else None
    try:
        if local is None:
            model: Any = timm.create_model(_TIMM[name], pretrained=pretrained, **options)
        else:
            overlay = {"file": str(local)}
            model = timm.create_model(_TIMM[name], pretrained=True, pretrained_cfg_overlay=overlay, **options)
            _check_complete(model, timm.models.load_state_dict(str(local)))
    except _UNREADABLE as error:
        raise _no_weights(name, error) from error
    if features == "map" and name.startswith("vgg"):
        model.pre_logits = nn.Identity()
        return model, 512
    if features == "pooled" and name.startswith("vgg"):
        return nn.Sequential(model.features, nn.AdaptiveAvgPool2d(1), nn.Flatten()), 512
    return model, int(model.head_hidden_size if features == "penultimate" else model.num_features)


def _check_complete(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Raise RuntimeError where a file lacks weights: without a classifier timm loads what fits and leaves the rest
    random.

    torchvision's VGG files name the two dense layers otherwise, and timm translates them.
    """
    missing = [name for name, _ in model.named_parameters() if name not in state]
    if "classifier.0.weight" in state:
        missing = [name for name in missing if not name.startswith("pre_logits.")]
    if missing:
        raise RuntimeError(f"the file lacks {len(missing)} of its weights, {missing[0]} among them")


def _torchvision_backbone(name: str, *, pretrained: bool, features: str) -> tuple[nn.Module, int]:
    import torchvision

    builder = getattr(torchvision.models, name)
    options: dict[str, Any] = {"init_weights": True, "aux_logits": pretrained} if name == "googlenet" else {}
    if name == "googlenet" and pretrained:
        options["transform_input"] = True
    model = builder(weights=None, **options)
    if pretrained:
        state = _torchvision_state(name)
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise _no_weights(name, error) from error
    if name == "googlenet":
        model.aux1 = model.aux2 = None
        model.aux_logits = False
        model.fc = nn.Identity()
        return model, 1024
    if features == "penultimate":
        model.classifier[-1] = nn.Identity()
        return model, 4096
    pool: list[nn.Module] = [] if features == "map" else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(model.features, *pool), 256


def _torchvision_state(name: str) -> dict[str, Tensor]:
    import torchvision

    local = _local_weights(name)
    try:
        if local is not None:
            if local.suffix == ".safetensors":
                from safetensors.torch import load_file

                return load_file(local)
            state: dict[str, Tensor] = torch.load(local, map_location="cpu", weights_only=True)
            return state
        weights = torchvision.models.get_model_weights(name).DEFAULT
        downloaded: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
            weights.url, map_location="cpu", check_hash=True, weights_only=True, progress=False
        )
        return downloaded
    except _UNREADABLE as error:
        raise _no_weights(name, error) from error


def _local_weights(name: str) -> Path | None:
    folder = os.environ.get("LEUKBENCH_WEIGHTS")
    if not folder:
        return None
    for suffix in (".safetensors", ".pth"):
        file = Path(folder) / f"{name}{suffix}"
        if file.is_file():
            return file
    raise WeightsUnavailable(
        f"no weights of {name!r} in LEUKBENCH_WEIGHTS",
        where=folder,
        expected=f"{name}.safetensors or {name}.pth",
        do="put the file there, or unset LEUKBENCH_WEIGHTS to download them",
    )


def _no_weights(name: str, error: BaseException) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"the ImageNet weights of {name!r} cannot be had",
        found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
        do="connect to the internet, set LEUKBENCH_WEIGHTS to a folder that holds them, or train from "
        "random weights by pretrained: false (which every report then says)",
    )


def keras_init_(module: nn.Module) -> nn.Module:
    """Initialise convolutions and dense layers as Keras does (Glorot uniform, biases zero), in place, and return it."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return module


def keras_batch_norm_(module: nn.Module) -> nn.Module:
    """Give every batch-norm layer Keras' momentum and epsilon, in place, and return the module."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.momentum, layer.eps = KERAS_BN["momentum"], KERAS_BN["eps"]
    return module
