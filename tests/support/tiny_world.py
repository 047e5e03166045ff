"""A study of 42 coloured images of 32 px and a network of three layers, for tests of training;
the same in every process."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from leukbench.pixels.store import Store
from leukbench.records import NetworkSpec, Recipe, RunSpec
from leukbench.training.data import Rows, rows_digest
from leukbench.training.network import code_digest
from leukbench.training.run import FoldRows

SIDE = 32
CLASSES = ("blue", "red")
SIZES = {"train": 24, "validation": 8, "test": 10}
MODEL = """
from torch import nn


class Net(nn.Module):
    def __init__(self, n_classes, dropout):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(4), nn.Conv2d(8, 8, 3), nn.ReLU()
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(8, n_classes)
        )

    def forward(self, images):
        return self.head(self.backbone(images))


def net(n_classes, *, input_px, pretrained, dropout=0.2):
    return Net(n_classes, dropout)
"""


def make_images(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return images (42, 32, 32, 3) uint8 and labels: noise, a little bluer (0) or redder (1)."""
    n = sum(SIZES.values())
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = rng.integers(60, 180, (n, SIDE, SIDE, 3))
    images[labels == 0, :, :, 2] += 30
    images[labels == 1, :, :, 0] += 30
    return images.astype(np.uint8), labels.astype(np.int64)


def make_store(images: np.ndarray, sha256: str = "0" * 64) -> Store:
    row_of = {f"i{k}": k for k in range(len(images))}
    return Store(images=images, row_of=row_of, side_px=images.shape[1], crop=1.0, sha256=sha256)


def make_rows(labels: np.ndarray, pixel_row: np.ndarray, copy: np.ndarray | None = None) -> Rows:
    copy = np.zeros(len(labels), dtype=np.int64) if copy is None else copy
    origin = np.array([f"i{k}" for k in pixel_row])
    names = np.array([f"{o}#{k}" if k else str(o) for o, k in zip(origin, copy, strict=True)])
    return Rows(
        image_id=names, origin=origin, copy=copy, label=labels, group=origin, patient=origin, pixel_row=pixel_row
    )


def fold_rows(labels: np.ndarray) -> FoldRows:
    ends = np.cumsum([0, *SIZES.values()])
    parts = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
    return FoldRows(*(make_rows(labels[part], part) for part in parts))


def make_recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "input_px": SIDE,
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 0.01,
        "optimiser": "adam",
        "loss": "categorical_cross_entropy",
    }
    return Recipe(**{**values, **changes})


def make_spec(folder: Path, recipe: Recipe, rows: FoldRows, store: Store, **changes: Any) -> RunSpec:
    """Write the network into ``folder`` and return the spec of one run of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    network = NetworkSpec(paper="tiny", name="net", folder=str(folder))
    spec = RunSpec(
        study="tiny.study",
        arm="net",
        protocol="patient",
        reading="",
        fold=0,
        seed=0,
        network=network,
        recipe=recipe,
        classes=CLASSES,
        precision="fp32",
        rows_sha256=rows_digest(rows.train, rows.validation, rows.test),
        training_sha256=rows_digest(rows.train, rows.validation),
        store_sha256=store.sha256,
        code_sha256=code_digest(network),
    )
    return dataclasses.replace(spec, **changes)
