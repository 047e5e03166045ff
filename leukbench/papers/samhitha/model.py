"""Networks of samhitha: EfficientNet-B0 with multi-head self-attention in two readings, and the three baselines."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from leukbench.blocks import Classifier, keras_backbone, keras_batch_norm_, keras_init_

NEGATIVE_SLOPE = 0.1  # Section IV.F, derivation 8: "e.g."; item 3 allows 0.01 to 0.1; the notebook has 0.1


class MultiHeadSelfAttention(nn.Module):
    """Keras' MultiHeadAttention with query = key = value: ``(n, length, channels)`` to the same shape.

    Each head has ``key_dim`` units whatever ``channels`` is, so the inner width is ``heads * key_dim``; projections
    have biases. Weights: 3 (channels * inner + inner) + inner * channels + channels. ``dropout`` falls on the
    attention weights. Formula: softmax(Q K^T / sqrt(key_dim)) V, heads concatenated, times W_o (Section IV.F,
    derivation 7).
    """

    def __init__(self, channels: int, *, heads: int, key_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.key_dim = heads, key_dim
        inner = heads * key_dim
        self.query, self.key, self.value = (nn.Linear(channels, inner) for _ in range(3))
        self.output = nn.Linear(inner, channels)
        self.dropout = nn.Dropout(dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights as Keras does: Glorot uniform over its three-dimensional kernels, biases zero.

        Keras counts all but the last two axes as a receptive field, (channels, heads, key_dim) for the projections and
        (heads, key_dim, channels) for the output, so its limits are smaller than those of the same matrix.
        """
        channels, heads, key_dim = self.output.out_features, self.heads, self.key_dim
        for layer in (self.query, self.key, self.value):
            nn.init.uniform_(layer.weight, *_glorot_limits(channels * (heads + key_dim)))
            nn.init.zeros_(layer.bias)
        nn.init.uniform_(self.output.weight, *_glorot_limits(heads * (key_dim + channels)))
        nn.init.zeros_(self.output.bias)

    def weights(self, sequence: Tensor) -> Tensor:
        """Return the attention weights ``(n, heads, length, length)`` before dropout; each row sums to 1."""
        query, key = self._split(self.query(sequence)), self._split(self.key(sequence))
        return torch.softmax(query @ key.transpose(-2, -1) / math.sqrt(self.key_dim), dim=-1)

    def forward(self, sequence: Tensor) -> Tensor:
        value = self._split(self.value(sequence))  # (n, heads, length, key_dim)
        heads = self.dropout(self.weights(sequence)) @ value
        joined: Tensor = self.output(heads.transpose(1, 2).flatten(2))
        return joined

    def _split(self, projected: Tensor) -> Tensor:
        return projected.reshape(*projected.shape[:-1], self.heads, self.key_dim).transpose(1, 2)


class AttentionOverPositions(nn.Module):
    """Self-attention over the positions of a feature map, then their mean: ``(n, channels, h, w)`` to ``(n,
    channels)``."""

    def __init__(self, channels: int, *, heads: int, key_dim: int) -> None:
        super().__init__()
        self.attention = MultiHeadSelfAttention(channels, heads=heads, key_dim=key_dim)

    def forward(self, feature_map: Tensor) -> Tensor:
        sequence = feature_map.flatten(2).transpose(1, 2)  # 7 x 7 positions at 224 px: (n, 49, 1280)
        attended: Tensor = self.attention(sequence)
        return attended.mean(dim=1)  # global average pooling comes after the attention (Section IV.F, item 1)


class AttentionOverOne(nn.Module):
    """Self-attention over a sequence of length 1 (the notebook's reshape): ``(n, channels)`` to ``(n, channels)``.

    The attention weights are then 1 by construction, so the layer is linear; in training its dropout takes out or
    scales whole heads.
    """

    def __init__(self, channels: int, *, heads: int, key_dim: int, dropout: float) -> None:
        super().__init__()
        self.attention = MultiHeadSelfAttention(channels, heads=heads, key_dim=key_dim, dropout=dropout)

    def forward(self, pooled: Tensor) -> Tensor:
        attended: Tensor = self.attention(pooled[:, None, :])  # (n, 1, 1280)
        return attended[:, 0]


def efficientnet_b0_attention(
    n_classes: int, *, input_px: int, pretrained: bool, heads: int = 4, key_dim: int = 320
) -> nn.Module:
    """Return the proposed model as printed (Section IV.F): B0, attention over the feature map, mean, dense 128, dense
    256.

    ``input_px`` decides the number of positions (49 at 224). Raises WeightsUnavailable where ImageNet weights are
    missing.
    """
    del input_px  # any size: attention takes every length
    backbone, channels = keras_backbone("efficientnet_b0", pretrained=pretrained, features="map")
    head = nn.Sequential(
        AttentionOverPositions(channels, heads=heads, key_dim=key_dim),
        *_dense(
            channels, 128, dropout=0.5
        ),  # item 6: "128 and 256"; item 5: "0.5 and 0.3", paired in the printed order
        *_dense(128, 256, dropout=0.3),
        nn.Linear(256, n_classes),
    )
    return Classifier(backbone, _keras_head(head))


def efficientnet_b0_as_coded(n_classes: int, *, input_px: int, pretrained: bool) -> nn.Module:
    """Return the proposed model as an author's public notebook builds it: pooled, attention over one, dense 256,
    dense 128.

    Four heads of key dimension 1280, so an inner width of 5,120 and 26,231,040 weights in the attention alone.
    Raises WeightsUnavailable where ImageNet weights are missing.
    """
    del input_px
    backbone, channels = keras_backbone("efficientnet_b0", pretrained=pretrained)
    head = nn.Sequential(
        AttentionOverOne(channels, heads=4, key_dim=1280, dropout=0.3),
        *_dense(channels, 256, dropout=0.5),
        *_dense(256, 128, dropout=0.3),
        nn.Linear(128, n_classes),
    )
    return Classifier(backbone, _keras_head(head))


def baseline(n_classes: int, *, input_px: int, pretrained: bool, backbone: str, features: str = "map") -> nn.Module:
    """Return a baseline: backbone, dense 256 ReLU, dropout 0.5, dense ``n_classes`` (the notebook's head).

    ``backbone``: resnet50, efficientnet_b0 or inception_v3. ``features``: ``map`` flattens the feature map, so that
    the dense layer's inputs follow from ``input_px`` (ResNet-50 at 224: 7 x 7 x 2048 = 100,352), ``pooled`` averages
    it first. Raises WeightsUnavailable where ImageNet weights are missing.
    """
    body, _ = keras_backbone(backbone, pretrained=pretrained, features=features)
    head = nn.Sequential(
        nn.Flatten(), nn.Linear(_units(body, input_px), 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, n_classes)
    )
    return Classifier(body, keras_init_(head))


def _dense(inputs: int, units: int, *, dropout: float) -> list[nn.Module]:
    """Return dense, LeakyReLU, batch norm, dropout: norm stands after each dense layer and its activation (items 3 to
    5)."""
    return [nn.Linear(inputs, units), nn.LeakyReLU(NEGATIVE_SLOPE), nn.BatchNorm1d(units), nn.Dropout(dropout)]


def _keras_head(head: nn.Module) -> nn.Module:
    """Give a head Keras' initial weights and batch norm, in place, and return it."""
    keras_batch_norm_(keras_init_(head))
    for layer in head.modules():
        if isinstance(layer, MultiHeadSelfAttention):
            layer.reset_parameters()
    return head


def _glorot_limits(fans: int) -> tuple[float, float]:
    limit = math.sqrt(6 / fans)
    return -limit, limit


def _units(body: nn.Module, input_px: int) -> int:
    """Return the number of values that a backbone yields for one image."""
    training = body.training
    with torch.no_grad():
        units = body.eval()(torch.zeros(1, 3, input_px, input_px)).numel()
    body.train(training)
    return int(units)
