"""Hashes of files and of pixels, and reading an image without accepting half of one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.errors import DataError
from leukbench.sources.pictures import Image, broken, picture

__all__ = [
    "FileFacts",
    "Image",
    "broken",
    "decode",
    "file_facts",
    "file_sha256",
    "pixel_sha256",
    "read_facts",
    "read_rgb",
]


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What one image file is: hash of its bytes, hash of its pixels, size in pixels, and what of it is not seen."""

    sha256: str
    pixel_sha256: str
    width_px: int
    height_px: int
    notes: tuple[str, ...] = ()


def file_sha256(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes. Raises DataError if it cannot be read."""
    return hashlib.sha256(_read(path)).hexdigest()


def pixel_sha256(image: Image) -> str:
    """Return the sha256 (hex) over an image's shape and bytes; ``image`` is ``(height, width, 3)`` RGB uint8.

    Files that differ only in their headers, or in lossless format, have the same hash.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"image must be (height, width, 3) uint8, got {image.shape} {image.dtype}")
    return values_sha256(image)


def values_sha256(values: npt.NDArray[Any]) -> str:
    """Return the sha256 (hex) over the shape and bytes of an image as stored; of 8 bits :func:`pixel_sha256`."""
    shape = ",".join(map(str, values.shape)) + ("" if values.dtype == np.uint8 else f" {values.dtype}")
    return hashlib.sha256(shape.encode() + b"\x00" + np.ascontiguousarray(values).data).hexdigest()


def read_rgb(path: Path) -> Image:
    """Return the pixels ``(height, width, 3)``, RGB uint8, of an image file (:data:`leukbench.sources.pictures.KINDS`).

    Raises DataError, with the path, for a missing, truncated, empty or unreadable file. Orientation tags are ignored,
    so that the pixels are those that are stored.
    """
    return decode(_read(path), where=str(path))


def file_facts(path: Path) -> FileFacts:
    """Return hashes and size of an image file, read once. Raises DataError as :func:`read_rgb` does."""
    return read_facts(path)[0]


def read_facts(path: Path) -> tuple[FileFacts, Image]:
    """Return hashes and size of an image file and its RGB pixels, read once.
    Raises DataError as :func:`read_rgb` does."""
    data = _read(path)
    found = picture(data, where=str(path))
    height, width = found.rgb.shape[:2]
    facts = FileFacts(
        sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256=values_sha256(found.values),
        width_px=width,
        height_px=height,
        notes=found.notes,
    )
    return facts, found.rgb


def decode(data: bytes, *, where: str) -> Image:
    """Return the RGB pixels in the bytes of an image file. Raises DataError if they are not a whole image."""
    return picture(data, where=where).rgb


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            "cannot read an image file", where=str(path), expected="a readable file",
            found=error.strerror or str(error), do="fetch the source again",
        ) from error  # fmt: skip
