"""The small convolutional network of the known-answer study."""

from __future__ import annotations

from torch import Tensor, nn


class SmallCNN(nn.Module):
    """Two convolutions with batch norm and ReLU, one 4×4 max-pool, a dense head: ``(n, 3, s, s)`` -> ``(n,
    n_classes)``."""

    def __init__(self, n_classes: int, *, input_px: int, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 5, stride=2, padding=2), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(), nn.MaxPool2d(4),
            nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(2 * width * (input_px // 8) ** 2, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images))
        return logits


def small_cnn(n_classes: int, *, input_px: int, pretrained: bool, width: int = 16) -> nn.Module:
    """Return the network; there are no pretrained weights, whatever ``pretrained`` says."""
    return SmallCNN(n_classes, input_px=input_px, width=width)
