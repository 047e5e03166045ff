"""The images and loops that the benchmarks share: cell-like pictures on disk, and what a user would write by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from leukbench.pixels.store import Store, fit_image
from leukbench.records import Augmentation, NetworkSpec, Recipe
from leukbench.training.data import Rows
from leukbench.training.network import build_network

CPU = torch.device("cpu")
OURS, OTHER = ("bf16", "fp32") if torch.cpu._is_avx512_bf16_supported() else ("fp32", "bf16")
"""The precision that pays: bf16 where the processor multiplies it (AVX512-BF16, with or without AMX)."""
ALNET = NetworkSpec(paper="alnet", name="alnet")
ALNET_BY_HAND = NetworkSpec(paper="alnet", name="alnet_as_printed")
B0 = NetworkSpec(paper="batool", name="efficientnet_b0")
AUGMENTATION = Augmentation(rotation_deg=15.0, flip_horizontal=True, zoom=(0.9, 1.1), contrast=(0.8, 1.2))


def cells(n: int, side: int, *, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return pictures (n, side, side, 3): a textured disc on black, as segmented blood cells are."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, side, side, 3), np.uint8)
    for image in images:
        texture = cv2.resize(rng.integers(60, 220, (12, 12, 3), dtype=np.uint8), (side, side))
        centre, radius = (side // 2 + rng.integers(-9, 9), side // 2), int(side * rng.uniform(0.2, 0.4))
        mask = cv2.circle(np.zeros((side, side), np.uint8), (int(centre[0]), int(centre[1])), radius, 255, -1)
        image[mask > 0] = texture[mask > 0]
    return images


def write_folder(folder: Path, images: npt.NDArray[np.uint8]) -> Path:
    """Write images as BMP files into two class folders, as torchvision's ImageFolder wants them."""
    for k, image in enumerate(images):
        file = folder / ("all" if k % 2 else "hem") / f"{k:05d}.bmp"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), image)
    return folder


def make_recipe(**changes: Any) -> Recipe:
    """Return ALNet's recipe for one epoch."""
    values: dict[str, Any] = {
        "input_px": 224,
        "epochs": 1,
        "batch_size": 16,
        "learning_rate": 1e-4,
        "optimiser": "rmsprop",
        "loss": "binary_cross_entropy",
        "output": "sigmoid",
        "augmentation": AUGMENTATION,
    }
    return Recipe(**{**values, **changes})


def make_store(images: npt.NDArray[np.uint8], side_px: int) -> Store:
    """Return the decoded images as a store in memory."""
    packed = np.stack([fit_image(image, side_px=side_px, crop=1.0) for image in images])
    row_of = {f"i{k}": k for k in range(len(images))}
    return Store(images=packed, row_of=row_of, side_px=side_px, crop=1.0, sha256="0" * 64)


def make_rows(first: int, last: int) -> Rows:
    """Return rows of images first to last - 1 with alternating labels."""
    k = np.arange(first, last)
    names = np.array([f"i{i}" for i in k], dtype=str)
    return Rows(
        image_id=names, origin=names, copy=np.zeros(len(k), dtype=np.int64), label=(k % 2).astype(np.int64),
        group=names, patient=names, pixel_row=k.astype(np.int64),
    )  # fmt: skip


def v2_transforms(side_px: int, *, bilinear: bool) -> Any:
    """Return the same augmentation as a chain of torchvision v2; its rotation defaults to nearest neighbours."""
    from torchvision.transforms import InterpolationMode, v2

    how = InterpolationMode.BILINEAR if bilinear else InterpolationMode.NEAREST
    return v2.Compose(
        [
            v2.ToImage(),
            v2.Resize((side_px, side_px)),
            v2.RandomRotation(15, interpolation=how),
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(0, scale=(0.9, 1.1), interpolation=how),
            v2.ColorJitter(contrast=0.2),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )


def image_folder_loader(folder: Path, side_px: int, *, bilinear: bool, batch_size: int, workers: int) -> Any:
    """Return a plain ImageFolder behind a plain DataLoader."""
    from torchvision.datasets import ImageFolder

    return torch.utils.data.DataLoader(
        ImageFolder(folder, v2_transforms(side_px, bilinear=bilinear)),
        batch_size=batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0,
    )  # fmt: skip


def timm_loader(folder: Path, side_px: int, *, batch_size: int, workers: int) -> Any:
    """Return timm's loader with its own training transforms (crop, flip, jitter)."""
    from timm.data import add_img_extensions, create_dataset, create_loader

    add_img_extensions(".bmp")  # type: ignore[no-untyped-call]
    return create_loader(
        create_dataset("", root=str(folder), is_training=True), input_size=(3, side_px, side_px), batch_size=batch_size,
        is_training=True, use_prefetcher=False, num_workers=workers, scale=(0.8, 1.0), color_jitter=0.2,
        interpolation="bilinear", persistent_workers=workers > 0, device=CPU,
    )  # fmt: skip


def drain(batches: Iterator[Any] | Any) -> int:
    """Use up batches and return the number of images."""
    return sum(len(images) for images, _ in batches)


def step_by_hand(network: NetworkSpec, *, batch_size: int, side_px: int, n_classes: int = 2) -> Callable[[], None]:
    """Return a training step as a tutorial writes it: fp32, NCHW, eager, Adam."""
    torch.manual_seed(0)
    model = build_network(network, n_classes=n_classes, input_px=side_px, pretrained=False).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
    images, labels = torch.rand(batch_size, 3, side_px, side_px), torch.arange(batch_size) % n_classes

    def step() -> None:
        train_step(model, optimiser, images, labels)

    return step


def train_step(model: nn.Module, optimiser: torch.optim.Optimizer, images: Any, labels: Any) -> None:
    """Do what every tutorial does."""
    optimiser.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    loss.item()  # they all print it
