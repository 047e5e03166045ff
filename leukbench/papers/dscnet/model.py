"""DSCNet (Algorithm 1 of Kaur et al. 2023) in its readings, and the three baselines of Figures 5 and 6.

What Algorithm 1 fixes: the order of the layers and what is concatenated with what. What it leaves open (kernel, widths,
down-sampling, filter) is an option here and an ``assumed`` entry in paper.yaml.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from leukbench.blocks import Classifier, keras_init_, make_backbone
from leukbench.errors import InputError, WeightsUnavailable

N_DENSE_BLOCKS = 5  # Algorithm 1, layers 2, 4, 6, 8, 10
DROPOUT = (0.3, 0.2)  # Section 3.2, item 5
KERNEL = 3  # assumed
SHARPEN = ((0.0, -1.0, 0.0), (-1.0, 5.0, -1.0), (0.0, -1.0, 0.0))

ImageFilter = Literal["learnable", "sharpen", "identity"]
Head = Literal["plain", "literal"]


class FixedFilter(nn.Module):
    """Convolves each colour channel with one constant 3x3 kernel; no parameters; ``(n, 3, h, w)`` in and out."""

    kernel: Tensor

    def __init__(self, kernel: tuple[tuple[float, ...], ...]) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.tensor(kernel).expand(3, 1, -1, -1).clone(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        padded = nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
        return nn.functional.conv2d(padded, self.kernel, groups=3)


class SkipBackbone(nn.Module):
    """Layers 0 to 11 of Algorithm 1: filter, five times (convolution, dense block), convolution.

    Images ``(n, 3, s, s)`` become ``(n, filters, s / 32, s / 32)`` with a 2x2 max-pool after each dense block and
    ``(n, filters, s, s)`` without.
    """

    def __init__(self, *, filters: int, image_filter: nn.Module, pool: bool) -> None:
        super().__init__()
        self.image_filter = image_filter
        widths = [3 + filters * i for i in range(N_DENSE_BLOCKS + 1)]  # 3, 35, 67, 99, 131, 163 for 32 filters
        self.convolutions = nn.ModuleList(nn.Conv2d(width, filters, KERNEL, padding="same") for width in widths)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        z: Tensor = self.image_filter(images)  # line 2
        for convolution in self.convolutions[:-1]:
            new = torch.relu(convolution(z))  # layers 1, 3, 5, 7, 9
            z = self.pool(torch.relu(torch.cat([new, z], dim=1)))  # layers 2, 4, 6, 8, 10
        return torch.relu(self.convolutions[-1](z))  # layer 11


def dscnet(
    n_classes: int,
    *,
    input_px: int,
    pretrained: bool,
    filters: int = 32,
    units: int = 128,
    image_filter: ImageFilter = "learnable",
    pool: bool = True,
    head: Head = "plain",
) -> nn.Module:
    """Return DSCNet for images ``(n, 3, input_px, input_px)``; logits ``(n, n_classes)``.

    ``image_filter``: ``learnable`` is a linear 3 -> 3 3x3 convolution (Algorithm 2, line 2: 84 parameters),
    ``sharpen`` a constant sharpening kernel, ``identity`` none. ``pool`` False is Algorithm 1 to the letter. ``head``:
    ``plain`` drops the inputs of the two dense layers and leaves the last one linear; ``literal`` puts σ and dropout
    behind both (lines 15 and 16), on the class scores too. Raises InputError for an image too small to be halved five
    times and WeightsUnavailable for ``pretrained``, as no weights were published.
    """
    if pretrained:
        raise WeightsUnavailable("no pretrained weights of DSCNet were published", do="set pretrained: false")
    side = input_px // 2**N_DENSE_BLOCKS if pool else input_px
    if side < 1:
        raise InputError("the image is too small for DSCNet", expected="input_px of at least 32", found=str(input_px))
    backbone = SkipBackbone(filters=filters, image_filter=_image_filter(image_filter), pool=pool)
    flat = filters * side**2  # 7 · 7 · 32 = 1568 at 224 px with pooling
    network = Classifier(backbone, _head(head, flat, units=units, n_classes=n_classes))
    return keras_init_(network)  # Glorot uniform, zero biases: MATLAB's default too


def _image_filter(name: ImageFilter) -> nn.Module:
    if name == "learnable":
        return nn.Conv2d(3, 3, KERNEL, padding="same")
    return FixedFilter(SHARPEN) if name == "sharpen" else nn.Identity()


def _head(name: Head, flat: int, *, units: int, n_classes: int) -> nn.Sequential:
    hidden, scores = nn.Linear(flat, units), nn.Linear(units, n_classes)
    first, second = nn.Dropout(DROPOUT[0]), nn.Dropout(DROPOUT[1])
    if name == "plain":
        return nn.Sequential(nn.Flatten(), first, hidden, nn.ReLU(), second, scores)
    return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), first, scores, nn.ReLU(), second)


def vgg16(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return VGG-16 with its last dense layer replaced; 134,276,932 weights for four classes."""
    return _baseline("vgg16", n_classes, pretrained=pretrained)


def resnet50(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return ResNet-50 with its last dense layer replaced; 23,516,228 weights for four classes."""
    return _baseline("resnet50", n_classes, pretrained=pretrained)


def alexnet(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return AlexNet (torchvision's) with its last dense layer replaced; 57,020,228 weights for four classes."""
    return _baseline("alexnet", n_classes, pretrained=pretrained)


def _baseline(name: str, n_classes: int, *, pretrained: bool) -> nn.Module:
    backbone, width = make_backbone(name, pretrained=pretrained, features="penultimate")
    return Classifier(backbone, nn.Linear(width, n_classes))
