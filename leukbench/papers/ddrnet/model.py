"""DDRNet in the smallest reading that uses every stated fact, its ablation rows, and the residual networks beside it.

The results section, the only part of the text at hand, gives no layer table. What it says: the first layer has 32
filters of 3 × 3, a later one 64 maps; the base block is a convolution, a max-pool and a group normalisation; DRDB is a
residual block of dilated convolutions; GLFEB joins global and local features by global average pooling; CSAB weighs
channels, then places, from average and maximum; dropout 0.2, a dense layer. The tanh of GLFEB and the sigmoid of the
head come from the published abstract. Everything else is listed as assumed in paper.yaml.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from leukbench.blocks import Classifier, keras_init_, make_backbone

_FIRST, _LATER = 32, 64  # "DDRNet model feature analysis"
_KERNEL = 3
_GROUPS = 8  # assumed
_REDUCTION = 8  # assumed: of the channel attention's hidden layer
_SPATIAL_KERNEL = 7  # assumed


def _normed(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(_GROUPS, width)


class DilatedResidual(nn.Module):
    """DRDB: dilated 3 × 3 convolutions around an identity, ``(n, width, h, w)`` to the same shape; undilated where
    all are 1."""

    def __init__(self, width: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for dilation in dilations:
            layers += [nn.Conv2d(width, width, _KERNEL, padding=dilation, dilation=dilation), _normed(width), nn.ReLU()]
        self.residual = nn.Sequential(*layers[:-1])  # the last ReLU comes after the sum

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(maps + self.residual(maps))


class GlobalLocal(nn.Module):
    """GLFEB: local maps ``(n, width, h, w)`` plus tanh of the globally averaged first maps ``(n, first, H, W)``."""

    def __init__(self, first: int, width: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(width, width, _KERNEL, padding=1)
        self.project = nn.Linear(first, width)
        self.norm = _normed(width)

    def forward(self, maps: Tensor, first: Tensor) -> Tensor:
        whole = torch.tanh(self.project(first.mean(dim=(2, 3))))  # (n, width)
        joined: Tensor = self.norm(torch.relu(self.local(maps)) + whole[:, :, None, None])
        return joined


class ChannelSpatialAttention(nn.Module):
    """CSAB: weights in (0, 1) for channels, then for places, from average and maximum; the shape stays."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = width // _REDUCTION
        self.channel = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.place = nn.Conv2d(2, 1, _SPATIAL_KERNEL, padding=_SPATIAL_KERNEL // 2)

    def forward(self, maps: Tensor) -> Tensor:
        mean, peak = maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))
        maps = maps * torch.sigmoid(self.channel(mean) + self.channel(peak))[:, :, None, None]
        seen = torch.cat([maps.mean(dim=1, keepdim=True), maps.amax(dim=1, keepdim=True)], dim=1)  # (n, 2, h, w)
        return maps * torch.sigmoid(self.place(seen))


class Features(nn.Module):
    """Images ``(n, 3, input_px, input_px)`` to ``(n, 64)``; each of the three blocks may be absent (Table 6)."""

    def __init__(self, *, drdb: bool, glfeb: bool, csab: bool, residual: bool, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, _FIRST, _KERNEL, padding=1), nn.ReLU())
        self.base = nn.Sequential(nn.MaxPool2d(2), _normed(_FIRST))
        self.later = nn.Sequential(
            nn.Conv2d(_FIRST, _LATER, _KERNEL, padding=1), nn.ReLU(), nn.MaxPool2d(2), _normed(_LATER)
        )
        self.drdb = DilatedResidual(_LATER, dilations) if drdb else None
        self.residual = DilatedResidual(_LATER, (1, 1)) if residual else None
        self.glfeb = GlobalLocal(_FIRST, _LATER) if glfeb else None
        self.csab = ChannelSpatialAttention(_LATER) if csab else None

    def forward(self, images: Tensor) -> Tensor:
        first = self.first(images)  # (n, 32, 224, 224)
        maps: Tensor = self.later(self.base(first))  # (n, 32, 112, 112), (n, 64, 56, 56)
        if self.drdb is not None:
            maps = self.drdb(maps)
        if self.residual is not None:
            maps = self.residual(maps)
        if self.glfeb is not None:
            maps = self.glfeb(maps, first)
        if self.csab is not None:
            maps = self.csab(maps)
        return maps.mean(dim=(2, 3))  # (n, 64)


def ddrnet(
    n_classes: int,
    *,
    input_px: int,
    pretrained: bool = False,
    drdb: bool = True,
    glfeb: bool = True,
    csab: bool = True,
    residual: bool = False,
    dilations: tuple[int, ...] = (2, 4),
    dropout: float = 0.2,
) -> nn.Module:
    """Return DDRNet with or without each of its blocks (the rows of Table 6). ``input_px`` is free; ``pretrained``
    changes nothing.

    The switches are part of the paper's experiment (an ablation), not of ours. ``residual`` puts a conventional,
    undilated residual block behind DRDB, as the Ablation study may be read.
    """
    features = Features(drdb=drdb, glfeb=glfeb, csab=csab, residual=residual, dilations=tuple(dilations))
    return keras_init_(Classifier(features, nn.Sequential(nn.Dropout(dropout), nn.Linear(_LATER, n_classes))))


def resnet18(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return ResNet-18 with its last layer replaced (Tables 4 and 5); ``input_px`` is free."""
    return _residual("resnet18", n_classes, pretrained=pretrained)


def resnet50(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return ResNet-50 with its last layer replaced (Tables 4 and 5); ``input_px`` is free."""
    return _residual("resnet50", n_classes, pretrained=pretrained)


def resnet101(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return ResNet-101 with its last layer replaced (Tables 4 and 5); ``input_px`` is free."""
    return _residual("resnet101", n_classes, pretrained=pretrained)


def _residual(name: str, n_classes: int, *, pretrained: bool) -> nn.Module:
    backbone, n_features = make_backbone(name, pretrained=pretrained)
    return Classifier(backbone, nn.Linear(n_features, n_classes))
