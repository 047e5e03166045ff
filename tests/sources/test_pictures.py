"""What real folders hold: images cut within, of 16 bits, with transparency, of several frames. Nothing is read by half
in silence.
"""

from __future__ import annotations

import resource
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from leukbench.errors import DataError
from leukbench.sources.hashing import file_facts, pixel_sha256
from leukbench.sources.pictures import DEEP, FRAMES, SEE_THROUGH, picture


def _coded(suffix: str, image: np.ndarray, *options: int) -> bytes:
    ok, data = cv2.imencode(suffix, image, list(options))
    assert ok
    return bytes(data)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_half_a_jpeg_is_refused_though_it_ends_as_one(
    noise: np.ndarray, progressive: int, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    data = _coded(".jpg", noise, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    assert picture(data, where="whole.jpg").rgb.shape == (96, 128, 3)
    for end in (b"", b"\xff\xd9"):
        with pytest.raises(DataError) as raised:
            picture(data[: int(len(data) * share)] + end, where="folder/half.jpg")
        assert raised.value.where == "folder/half.jpg" and raised.value.found
    assert "Corrupt" not in capfd.readouterr().err  # the library's own words are caught, not printed


def test_what_others_write_to_standard_error_meanwhile_is_passed_on(
    noise: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    import os

    from leukbench.sources.pictures import _listening

    result, damage = _listening(lambda: os.write(2, b"a bar\n"))
    assert (result, damage) == (6, "")
    assert capfd.readouterr().err == "a bar\n"


def test_a_flipped_byte_in_a_png_is_refused(noise: np.ndarray) -> None:
    data = bytearray(_coded(".png", noise))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(DataError):
        picture(bytes(data), where="flipped.png")


@pytest.mark.parametrize("suffix", [".tiff", ".webp", ".gif"])
def test_other_kinds_are_read_whole_and_refused_cut(noise: np.ndarray, suffix: str) -> None:
    data = _coded(suffix, noise)
    assert picture(data, where="a").rgb.shape == (96, 128, 3)
    with pytest.raises(DataError):
        picture(data[: len(data) // 2], where="a")


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_scaled_by_what_they_hold_and_tell_images_apart(tmp_path: Path, suffix: str) -> None:
    twelve_bits = (np.arange(64 * 64, dtype=np.uint16) % 4096).reshape(64, 64)
    other = twelve_bits.copy()
    other[0, 0] = 3  # the same in the upper eight bits
    found = [picture(_coded(suffix, image), where="a") for image in (twelve_bits, other)]
    assert all(DEEP in f.notes for f in found)
    assert found[0].rgb.min() == 0 and found[0].rgb.max() == 255  # 4095 is white: not 15, as of 16 bits
    for name, image in (("a", twelve_bits), ("b", other)):
        (tmp_path / f"{name}{suffix}").write_bytes(_coded(suffix, image))
    facts = [file_facts(tmp_path / f"{name}{suffix}") for name in "ab"]
    assert facts[0].pixel_sha256 != facts[1].pixel_sha256


def test_transparency_is_left_out_and_said_only_where_there_is_some(noise: np.ndarray) -> None:
    opaque = np.dstack([noise, np.full(noise.shape[:2], 255, np.uint8)])
    half = np.dstack([noise, np.full(noise.shape[:2], 128, np.uint8)])
    plain, without, with_some = (picture(_coded(".png", image), where="a") for image in (noise, opaque, half))
    assert (plain.notes, without.notes, with_some.notes) == ((), (), (SEE_THROUGH,))
    np.testing.assert_array_equal(plain.rgb, with_some.rgb)
    assert pixel_sha256(plain.rgb) == pixel_sha256(without.rgb)


def test_further_frames_and_pages_are_said(tmp_path: Path, noise: np.ndarray) -> None:
    from PIL import Image

    frames = [Image.fromarray(noise), Image.fromarray(255 - noise)]
    for suffix in (".gif", ".png", ".webp", ".tiff"):
        file = tmp_path / f"two{suffix}"
        frames[0].save(file, save_all=True, append_images=frames[1:])
        assert FRAMES in file_facts(file).notes, suffix
        frames[0].save(file)
        assert FRAMES not in file_facts(file).notes, suffix


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    """A picture of 20,000 x 20,000 pixels in a kilobyte: its header is enough to refuse it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"bomb\.png"):
        picture(data, where="bomb.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB; its pixels would be 1.2 GB
