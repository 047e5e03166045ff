"""Networks of Batool & Byun (2023): EfficientNet-B3 in two readings and four baselines.

All take images ``(n, 3, input_px, input_px)`` and return logits ``(n, n_classes)``; the softmax comes after them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from leukbench.blocks import KERAS_BN, Classifier, keras_backbone, keras_init_
from leukbench.errors import InputError


class SigmoidAsTwoLogits(nn.Module):
    """Make the logits ``(n, 2)`` whose softmax is that of one sigmoid unit: ``(n, 1)`` z becomes ``[-z, 0]``.

    The unit then stands for the second class, as Keras' binary generators number the classes.
    """

    def forward(self, logit: Tensor) -> Tensor:
        return torch.cat([-logit, torch.zeros_like(logit)], dim=1)


def efficientnet_b3_table2(n_classes: int, *, input_px: int, pretrained: bool, dropout: float = 0.5) -> nn.Module:
    """Return EfficientNet-B3 with the head of Table 2: global average pool, flatten, dropout, dense.

    With two outputs it has 10,786,609 parameters as Keras counts, with the five that Table 2 prints 10,791,220.
    """
    backbone, width = keras_backbone("efficientnet_b3", pretrained=pretrained)  # pooled: (n, 1536)
    head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_classes))
    return Classifier(backbone, keras_init_(head))


def efficientnet_b3_table7(
    n_classes: int, *, input_px: int, pretrained: bool, units: int = 256, dropout: float = 0.45
) -> nn.Module:
    """Return EfficientNet-B3 with the head that Table 7's 11,093,290 implies: pool, batch norm, dense, dropout, dense.

    The dropout of 0.45 is printed after Table 2; batch norm and the 256 units are inferred from the count. With two
    outputs it has 11,093,290 trainable and 11,183,665 parameters as Keras counts.
    """
    backbone, width = keras_backbone("efficientnet_b3", pretrained=pretrained)  # pooled: (n, 1536)
    head = nn.Sequential(
        nn.BatchNorm1d(width, momentum=KERAS_BN["momentum"], eps=KERAS_BN["eps"]),
        nn.Linear(width, units),  # (n, 256)
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(units, n_classes),
    )
    return Classifier(backbone, keras_init_(head))


def efficientnet_b3_flatten(n_classes: int, *, input_px: int, pretrained: bool, units: int = 1024) -> nn.Module:
    """Return EfficientNet-B3 with a flattened head: what Table 7's row for EfficientNet-B0 counts, 167,984,681.

    The head is that of :func:`vgg19`, and so are the outputs and the errors.
    """
    backbone, channels = keras_backbone("efficientnet_b3", pretrained=pretrained, features="map")
    side = math.ceil(input_px / 32)  # padded at each halving: (n, 1536, 10, 10) at 300 px
    return Classifier(backbone, _flattened_head(channels, side=side, units=units, n_classes=n_classes))


def vgg19(n_classes: int, *, input_px: int, pretrained: bool, units: int = 1024) -> nn.Module:
    """Return VGG19 with the head that Table 7's 45,716,545 implies at 224 px: flatten, dense 1024, one sigmoid unit.

    A binary study keeps the single unit, given as two logits; more classes get one unit each. Raises InputError below
    32 px, where no pixel is left to flatten.
    """
    backbone, channels = keras_backbone("vgg19", pretrained=pretrained, features="map")  # (n, 512, 7, 7) at 224 px
    return Classifier(backbone, _flattened_head(channels, side=input_px // 32, units=units, n_classes=n_classes))


def _flattened_head(channels: int, *, side: int, units: int, n_classes: int) -> nn.Module:
    if side < 1:
        raise InputError("nothing is left to flatten", expected="input_px of at least 32", found="less")
    outputs = 1 if n_classes == 2 else n_classes
    head = nn.Sequential(
        nn.Flatten(),  # (n, channels * side * side)
        nn.Linear(channels * side * side, units),  # (n, 1024)
        nn.ReLU(),
        nn.Linear(units, outputs),
    )
    if outputs == 1:
        head.append(SigmoidAsTwoLogits())
    return keras_init_(head)


def xception(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return Xception with global average pool and a dense layer; the paper describes no head."""
    return _pooled("xception", n_classes, pretrained=pretrained)  # pooled: (n, 2048)


def resnet50(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return ResNet-50 with global average pool and a dense layer; the paper describes no head."""
    return _pooled("resnet50", n_classes, pretrained=pretrained)  # pooled: (n, 2048)


def efficientnet_b0(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return EfficientNet-B0 with global average pool and a dense layer; the paper describes no head."""
    return _pooled("efficientnet_b0", n_classes, pretrained=pretrained)  # pooled: (n, 1280)


def _pooled(name: str, n_classes: int, *, pretrained: bool) -> nn.Module:
    backbone, width = keras_backbone(name, pretrained=pretrained)
    return Classifier(backbone, keras_init_(nn.Linear(width, n_classes)))
