"""Hashes of files and of pixels, and reading an image without accepting half of one."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.errors import DataError

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What one image file is: hash of its bytes, hash of its pixels, size in pixels."""

    sha256: str
    pixel_sha256: str
    width_px: int
    height_px: int


def file_sha256(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes. Raises DataError if it cannot be read."""
    return hashlib.sha256(_read(path)).hexdigest()


def pixel_sha256(image: Image) -> str:
    """Return the sha256 (hex) over an image's shape and bytes; ``image`` is ``(height, width, 3)`` RGB uint8.

    Files that differ only in their headers, or in lossless format, have the same hash.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be (height, width, 3) uint8, got {image.shape} {image.dtype}")
    shape = ",".join(map(str, image.shape))
    return hashlib.sha256(shape.encode() + b"\x00" + np.ascontiguousarray(image).data).hexdigest()


def read_rgb(path: Path) -> Image:
    """Return the pixels ``(height, width, 3)``, RGB uint8, of a BMP, JPEG or PNG file.

    Raises DataError, with the path, for a missing, truncated, empty or unreadable file. Orientation tags are ignored,
    so that the pixels are those that are stored.
    """
    return decode(_read(path), where=str(path))


def file_facts(path: Path) -> FileFacts:
    """Return hashes and size of an image file, read once. Raises DataError as :func:`read_rgb` does."""
    data = _read(path)
    image = decode(data, where=str(path))
    return FileFacts(
        sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256=pixel_sha256(image),
        width_px=image.shape[1],
        height_px=image.shape[0],
    )


def decode(data: bytes, *, where: str) -> Image:
    """Return the RGB pixels in the bytes of an image file. Raises DataError if they are not a whole image."""
    import cv2

    reason = broken(data)
    if reason:
        raise DataError(
            "this is not a whole image", where=where, expected="a complete BMP, JPEG or PNG file", found=reason,
            do="fetch the file again",
        )  # fmt: skip
    image: Any = None
    found = "OpenCV returned no image"
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        found = str(error).strip()
    if image is None:
        raise DataError("cannot decode an image", where=where, expected="a BMP, JPEG or PNG file", found=found)
    rgb: Image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def broken(data: bytes) -> str:
    """Return why these bytes are no whole BMP, JPEG or PNG file; "" if they are.

    OpenCV decodes truncated files without complaint and leaves the rest grey or black, so the end is looked for here.
    """
    if not data:
        return "an empty file"
    if data.startswith(b"\xff\xd8\xff"):
        return "" if _jpeg_ends(data) else "a truncated JPEG file (no end-of-image marker)"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "" if b"IEND\xaeB`\x82" in data[-64:] else "a truncated PNG file (no IEND chunk)"
    if data.startswith(b"BM"):
        return _bmp_broken(data)
    return f"a file that starts with {data[:8]!r}, no BMP, JPEG or PNG"


def _jpeg_ends(data: bytes) -> bool:
    """Walk the segments to the first scan: an end marker before it would be that of a thumbnail."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0xDA:
            return b"\xff\xd9" in data[at:]
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False


def _bmp_broken(data: bytes) -> str:
    if len(data) < 30:
        return "a truncated BMP file (no header)"
    offset = struct.unpack_from("<I", data, 10)[0]
    width, height = struct.unpack_from("<ii", data, 18)
    bits, compression = struct.unpack_from("<H", data, 28)[0], struct.unpack_from("<I", data.ljust(34, b"\x00"), 30)[0]
    if compression not in (0, 3):
        return f"a compressed BMP file (method {compression})"
    needed = offset + (width * bits + 31) // 32 * 4 * abs(height)
    return "" if len(data) >= needed else f"a truncated BMP file ({len(data)} of {needed} bytes)"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            "cannot read an image file", where=str(path), expected="a readable file",
            found=error.strerror or str(error), do="fetch the source again",
        ) from error  # fmt: skip
