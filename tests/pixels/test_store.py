"""Decoding once: what is stored, what is refused, and that nothing half written is left."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from leukbench.errors import DataError
from leukbench.pixels.store import build_store, fit_image, open_store, store_digest
from leukbench.sources.hashing import pixel_sha256


@pytest.fixture
def source(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """Three BMPs of 12 x 16 (height x width), and a manifest that lists a fourth, absent one."""
    folder, rng = tmp_path / "source", np.random.default_rng(0)
    folder.mkdir()
    rows = []
    for k in range(4):
        image = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        if k < 3:
            cv2.imwrite(str(folder / f"{k}.bmp"), image[:, :, ::-1])
        rows.append(
            {
                "image_id": f"image{k}",
                "path": f"{k}.bmp",
                "pixel_sha256": pixel_sha256(image) if k < 3 else "",
                "present": str(int(k < 3)),
            }
        )
    return folder, pd.DataFrame(rows)


def stored(source: tuple[Path, pd.DataFrame], file: Path, **options: object) -> None:
    folder, manifest = source
    build_store(manifest, folder, file, **{"side_px": 12, "crop": 1.0, **options})  # type: ignore[arg-type]


def left_behind(file: Path) -> list[str]:
    return sorted(p.name for p in file.parent.iterdir()) if file.parent.is_dir() else []


def test_rows_are_the_present_images_in_manifest_order(source: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    file = tmp_path / "out" / "pixels.npy"
    stored(source, file)
    store = open_store(file)
    assert store.images.shape == (3, 12, 12, 3) and store.images.dtype == np.uint8
    assert store.row_of == {"image0": 0, "image1": 1, "image2": 2}
    assert store.sha256 == store_digest(source[1], side_px=12, crop=1.0)
    assert left_behind(file) == ["pixels.json", "pixels.npy"]


def test_an_image_of_the_stored_size_is_kept_byte_for_byte() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    assert (fit_image(image, side_px=20, crop=1.0) == image).all()
    assert (fit_image(image, side_px=10, crop=0.5) == image[5:15, 5:15]).all()


def test_shrinking_by_two_averages_blocks_of_four() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[0, 0], image[0, 1], image[1, 0], image[1, 1] = 40, 80, 120, 160
    assert (fit_image(image, side_px=2, crop=1.0)[0, 0] == 100).all()


def test_colours_are_stored_as_red_green_blue(tmp_path: Path) -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[:, :, 0] = 250
    cv2.imwrite(str(tmp_path / "red.bmp"), red[:, :, ::-1])
    manifest = pd.DataFrame([{"image_id": "red", "path": "red.bmp", "pixel_sha256": "", "present": "1"}])
    build_store(manifest, tmp_path, tmp_path / "s.npy", side_px=4, crop=1.0)
    assert (open_store(tmp_path / "s.npy").images[0, 0, 0] == [250, 0, 0]).all()


def test_the_digest_follows_pixels_size_and_crop_but_not_absent_rows(source: tuple[Path, pd.DataFrame]) -> None:
    _, manifest = source
    digest = store_digest(manifest, side_px=12, crop=1.0)
    assert digest == store_digest(manifest[:3], side_px=12, crop=1.0)
    assert digest != store_digest(manifest, side_px=13, crop=1.0)
    assert digest != store_digest(manifest, side_px=12, crop=0.9)
    assert digest != store_digest(manifest.assign(pixel_sha256="0" * 64), side_px=12, crop=1.0)


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "text"])
def test_a_bad_image_is_named_and_nothing_is_left(
    source: tuple[Path, pd.DataFrame], tmp_path: Path, damage: str
) -> None:
    bad, file = source[0] / "1.bmp", tmp_path / "out" / "pixels.npy"
    if damage == "missing":
        bad.unlink()
    else:
        data = bad.read_bytes()
        bad.write_bytes({"truncated": data[: len(data) // 2], "empty": b"", "text": b"no image"}[damage])
    with pytest.raises(DataError, match=r"1\.bmp"):
        stored(source, file)
    assert left_behind(file) == []


def test_a_failed_build_leaves_the_earlier_store_usable(source: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    file = tmp_path / "out" / "pixels.npy"
    stored(source, file)
    before = open_store(file).images.copy()
    (source[0] / "2.bmp").unlink()
    with pytest.raises(DataError):
        stored(source, file)
    assert (open_store(file).images == before).all()


def test_pixels_that_changed_after_indexing_are_refused(source: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    cv2.imwrite(str(source[0] / "0.bmp"), np.zeros((12, 16, 3), np.uint8))
    with pytest.raises(DataError, match=r"changed since the source was indexed(.|\n)*0\.bmp"):
        stored(source, tmp_path / "out" / "pixels.npy")


def test_a_manifest_without_files_says_to_fetch(source: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="fetch the source first"):
        build_store(source[1].assign(present="0"), source[0], tmp_path / "s.npy", side_px=12, crop=1.0)


@pytest.mark.parametrize("damage", ["no pixels", "no index", "other index", "cut pixels", "empty pixels", "cut index"])
def test_a_damaged_store_is_refused(source: tuple[Path, pd.DataFrame], tmp_path: Path, damage: str) -> None:
    file = tmp_path / "out" / "pixels.npy"
    stored(source, file)
    index = file.with_suffix(".json")
    if damage == "no pixels":
        file.unlink()
    elif damage == "no index":
        index.unlink()
    elif damage == "other index":
        index.write_text(json.dumps({**json.loads(index.read_text()), "image_id": ["image0"]}))
    elif damage == "cut pixels":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "empty pixels":
        file.write_bytes(b"")
    else:
        index.write_text("{}")
    with pytest.raises(DataError, match=r"pixels\.npy"):
        open_store(file)


def test_progress_ends_at_the_number_of_images(source: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    stored(source, tmp_path / "out" / "p.npy", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)


def test_the_number_of_threads_does_not_change_a_byte(source: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    stored(source, tmp_path / "a.npy", threads=1)
    stored(source, tmp_path / "b.npy", threads=4)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
