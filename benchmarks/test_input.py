"""Images a second from 450 px files to an augmented 224 px batch; ours from the store that was decoded once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.conftest import Compare, Way
from benchmarks.work import (
    CPU,
    cells,
    drain,
    image_folder_loader,
    make_recipe,
    make_rows,
    make_store,
    timm_loader,
    write_folder,
)
from leukbench.training.data import Pixels

N, SIDE, BATCH = 192, 224, 32


@pytest.mark.parametrize("workers", [2])
def test_an_epoch_of_batches(tmp_path: Path, compare: Compare, workers: int) -> None:
    images = cells(N, 450)
    folder = write_folder(tmp_path / "files", images)
    pixels = Pixels(make_rows(0, N), make_store(images, SIDE), make_recipe(batch_size=BATCH), device=CPU)
    nearest, bilinear = (
        image_folder_loader(folder, SIDE, bilinear=b, batch_size=BATCH, workers=workers) for b in (False, True)
    )
    timms = timm_loader(folder, SIDE, batch_size=BATCH, workers=workers)
    rows = compare(
        "input, 450 to 224 px augmented",
        Way(lambda: drain(pixels.training_batches(np.arange(N), seed=0, epoch=0)), N),
        {
            f"ImageFolder + torchvision v2, {workers} workers": Way(lambda: drain(nearest), N),
            f"the same, bilinear rotation, {workers} workers": Way(lambda: drain(bilinear), N),
            f"timm's loader, {workers} workers": Way(lambda: drain(timms), len(timms) * BATCH),
        },
        unit="images",
        goals={
            f"ImageFolder + torchvision v2, {workers} workers": 5.0,
            f"the same, bilinear rotation, {workers} workers": 9.0,
        },
    )
    assert rows[1].ratio > 1
