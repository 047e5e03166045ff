"""Hashes are of bytes and of pixels; half an image is never accepted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from leukbench.errors import DataError
from leukbench.sources.hashing import broken, file_facts, file_sha256, pixel_sha256, read_rgb


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (31, 45, 3), dtype=np.uint8)


def _write(file: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(file), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return file


def test_pixel_hash_is_sha256_of_shape_and_bytes_by_hand() -> None:
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert pixel_sha256(image) == hashlib.sha256(b"1,2,3\x00\x00\x01\x02\x03\x04\x05").hexdigest()


def test_pixel_hash_tells_shapes_apart_that_have_equal_bytes() -> None:
    assert pixel_sha256(np.zeros((2, 3, 3), np.uint8)) != pixel_sha256(np.zeros((3, 2, 3), np.uint8))


def test_pixel_hash_refuses_grey_and_float_images() -> None:
    for wrong in (np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 4), np.uint8)):
        with pytest.raises(ValueError, match="must be"):
            pixel_sha256(wrong)


def test_equal_pixels_in_bmp_and_png_have_equal_pixel_hashes_and_other_file_hashes(
    tmp_path: Path, image: np.ndarray
) -> None:
    bmp, png = file_facts(_write(tmp_path / "a.bmp", image)), file_facts(_write(tmp_path / "a.png", image))
    assert bmp.pixel_sha256 == png.pixel_sha256 == pixel_sha256(image)
    assert bmp.sha256 != png.sha256
    assert (bmp.width_px, bmp.height_px) == (45, 31)


def test_pixels_are_read_in_rgb_order(tmp_path: Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    for suffix in ("bmp", "png"):
        np.testing.assert_array_equal(read_rgb(_write(tmp_path / f"red.{suffix}", red)), red)
    jpeg = read_rgb(_write(tmp_path / "red.jpg", red))
    assert jpeg[..., 0].min() > 190 and jpeg[..., 1:].max() < 10


def test_a_bmp_of_another_header_size_has_the_same_pixel_hash(tmp_path: Path, image: np.ndarray) -> None:
    """C-NMC's preliminary files carry a longer header than its training files."""
    file = _write(tmp_path / "a.bmp", image)
    data = bytearray(file.read_bytes())
    longer = bytes(data[:54]) + b"\x00" * 84 + bytes(data[54:])
    changed = bytearray(longer)
    changed[10:14] = (54 + 84).to_bytes(4, "little")
    other = tmp_path / "b.bmp"
    other.write_bytes(bytes(changed))
    assert file_sha256(other) != file_sha256(file)
    assert file_facts(other).pixel_sha256 == file_facts(file).pixel_sha256


@pytest.mark.parametrize("suffix", ["bmp", "png", "jpg"])
def test_every_truncation_is_found(suffix: str, tmp_path: Path, image: np.ndarray) -> None:
    data = _write(tmp_path / f"a.{suffix}", image).read_bytes()
    assert broken(data) == ""
    for kept in range(0, len(data) - 1, max(1, len(data) // 97)):
        assert broken(data[:kept]), f"{kept} of {len(data)} bytes"
    assert broken(data[:-1])


def test_a_jpeg_that_lost_its_last_rows_is_refused_whatever_the_decoder_makes_of_it(
    tmp_path: Path, image: np.ndarray
) -> None:
    """Some releases of OpenCV fill the lost rows with grey and say nothing, others return no image."""
    file = _write(tmp_path / "a.jpg", image)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(DataError, match=r"(?s)not a whole image.*a\.jpg.*truncated JPEG"):
        read_rgb(file)


def test_the_end_marker_of_a_thumbnail_does_not_pass_for_the_end_of_the_image(
    tmp_path: Path, image: np.ndarray
) -> None:
    data = _write(tmp_path / "a.jpg", image).read_bytes()
    thumbnail = b"\xff\xe1" + (2 + 20).to_bytes(2, "big") + b"Exif\x00\x00" + b"\xff\xd8 thumb \xff\xd9" + b"  \x00"
    whole = data[:2] + thumbnail + data[2:]
    assert broken(whole) == ""
    assert "truncated" in broken(whole[: len(whole) // 2])


@pytest.mark.parametrize("data", [b"", b"GIF89a....", b"not an image at all", b"BM"])
def test_other_files_are_refused_with_what_they_are(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "odd.bmp"
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"(?s)not a whole image.*odd\.bmp"):
        read_rgb(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)cannot read.*gone\.png"):
        file_facts(tmp_path / "gone.png")


def test_a_damaged_body_is_refused_or_decodes_to_other_pixels(tmp_path: Path, image: np.ndarray) -> None:
    """A PNG whose middle is zeroed must not have the hash of the intact one."""
    file = _write(tmp_path / "a.png", image)
    before = file_facts(file).pixel_sha256
    data = bytearray(file.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    file.write_bytes(bytes(data))
    try:
        assert file_facts(file).pixel_sha256 != before
    except DataError as error:
        assert "a.png" in str(error)
