"""Decode once: a source's images, cropped and resized, in one memory-mapped uint8 file with its index.

A store is two files: ``<name>.npy`` of shape ``(n_images, side, side, 3)`` RGB uint8 and ``<name>.json`` with the
side, the crop, the image ids in row order and a digest of what went in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from leukbench.errors import DataError
from leukbench.paths import replacing, write_text
from leukbench.records import digest
from leukbench.sources.hashing import pixel_sha256, read_rgb

_RESAMPLING = "centre crop, then area when shrinking, bilinear when enlarging; aspect ratio not kept"


@dataclass(frozen=True)
class Store:
    """An open store: ``images`` (n_images, side, side, 3) uint8 memory map; ``row_of`` image id -> row."""

    images: npt.NDArray[np.uint8]
    row_of: dict[str, int]
    side_px: int
    crop: float
    sha256: str


def fit_image(image: npt.NDArray[np.uint8], *, side_px: int, crop: float) -> npt.NDArray[np.uint8]:
    """Return an RGB image ``(h, w, 3)`` cropped to the centre share of each side and resized to ``(side, side, 3)``."""
    h, w = image.shape[:2]
    ch, cw = max(1, round(h * crop)), max(1, round(w * crop))
    top, left = (h - ch) // 2, (w - cw) // 2
    part = image[top : top + ch, left : left + cw]
    shrinking = ch >= side_px and cw >= side_px
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (side_px, side_px), interpolation=method), dtype=np.uint8)


def present_rows(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose files are at hand."""
    return manifest[manifest["present"].astype(str) == "1"]


def store_digest(manifest: pd.DataFrame, *, side_px: int, crop: float) -> str:
    """Return the content address of the store that these rows make."""
    rows = present_rows(manifest)
    pairs = list(zip(rows["image_id"], rows["pixel_sha256"], strict=True))
    return digest({"side_px": side_px, "crop": crop, "resampling": _RESAMPLING, "images": pairs})


def build_store(
    manifest: pd.DataFrame,
    folder: Path,
    file: Path,
    *,
    side_px: int,
    crop: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
    threads: int = 2,
) -> None:
    """Write ``file`` (.npy) and its index (.json) from the present rows of a manifest, in manifest order.

    Raises DataError, naming the image, where a file is missing, cannot be decoded, or has other pixels than the
    manifest says; nothing is left half written.
    """
    rows = present_rows(manifest)
    if rows.empty:
        raise DataError("no image of this manifest is at hand", where=str(folder), do="fetch the source first")
    paths, hashes = [folder / p for p in rows["path"]], list(rows["pixel_sha256"])
    with replacing(file) as temporary:
        shape = (len(paths), side_px, side_px, 3)
        packed = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)

        def decode(i: int) -> None:
            image = read_rgb(paths[i])
            if hashes[i] and pixel_sha256(image) != hashes[i]:
                raise DataError(
                    "an image has changed since the source was indexed",
                    where=str(paths[i]),
                    expected=f"pixels with sha256 {hashes[i]}",
                    found=pixel_sha256(image),
                    do="fetch and index the source again",
                )
            packed[i] = fit_image(image, side_px=side_px, crop=crop)

        with ThreadPoolExecutor(threads) as pool:
            for done, _ in enumerate(pool.map(decode, range(len(paths)), chunksize=16), start=1):
                if done % 256 == 0 or done == len(paths):
                    progress(done, len(paths))
        packed.flush()
        file.with_suffix(".json").unlink(missing_ok=True)  # never an old index beside new pixels
    index: dict[str, Any] = {
        "side_px": side_px,
        "crop": crop,
        "resampling": _RESAMPLING,
        "sha256": store_digest(manifest, side_px=side_px, crop=crop),
        "image_id": list(rows["image_id"]),
    }
    write_text(file.with_suffix(".json"), json.dumps(index, indent=0) + "\n")


def open_store(file: Path) -> Store:
    """Open a store for reading. Raises DataError where it is missing or its two files do not belong together."""
    try:
        index = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        images = np.load(file, mmap_mode="r", allow_pickle=False)
        side, ids = int(index["side_px"]), index["image_id"]
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise DataError(
            "cannot open a pixel store", where=str(file), found=str(error), do="run the decode stage"
        ) from error
    if images.dtype != np.uint8 or images.shape != (len(ids), side, side, 3):
        raise DataError(
            "a pixel store and its index do not belong together",
            where=str(file),
            expected=f"uint8 {(len(ids), side, side, 3)}",
            found=f"{images.dtype} {images.shape}",
            do="delete both files and run the decode stage again",
        )
    return Store(
        images, {image_id: row for row, image_id in enumerate(ids)}, side, float(index["crop"]), index["sha256"]
    )
