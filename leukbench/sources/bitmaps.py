"""The BMP files of C-NMC 2019, byte for byte, from their pixels.

Its training and final files have a plain header of 54 bytes, its preliminary files one of 138 (BITMAPV5), and nothing
in either header depends on the image but its size. So the published sha256 of an image can be told from its pixels
alone, whatever file they come in: a mirror's PNG, or a BMP that was written again with another header.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from leukbench.sources.hashing import Image

_PIXELS_PER_METRE = 3779  # 96 dpi, in every published file
_V5 = bytes.fromhex(
    "0000ff00" "00ff0000" "ff000000" "000000ff" "42475273"  # masks of the channels; sRGB
    "000000000000000054b81efc" "0000000000000000666666fc" "0000000000000000c4f528ff"  # end points
    "000000000000000000000000" "04000000" "000000000000000000000000"  # gamma; intent; no profile
)  # fmt: skip


def published_forms(image: Image) -> tuple[bytes, bytes]:
    """Return the two files that C-NMC would have published for RGB pixels ``(height, width, 3)``:
    plain and BITMAPV5."""
    height, width = image.shape[:2]
    stride = (3 * width + 3) // 4 * 4
    rows = np.zeros((height, stride), np.uint8)
    rows[:, : 3 * width] = image[::-1, :, ::-1].reshape(height, 3 * width)  # from the bottom up, BGR
    plain, v5 = (_header(width, height, stride, more) for more in (b"", _V5))
    pixels = rows.tobytes()
    return plain + pixels, v5 + pixels


def _header(width: int, height: int, stride: int, more: bytes) -> bytes:
    offset = 54 + len(more)
    start = struct.pack("<2sIHHI", b"BM", offset + stride * height, 0, 0, offset)
    sizes = struct.pack("<IiiHHII", 40 + len(more), width, height, 1, 24, 0, stride * height)
    return start + sizes + struct.pack("<iiII", _PIXELS_PER_METRE, _PIXELS_PER_METRE, 0, 0) + more


def form_hashes(image: Image) -> tuple[str, ...]:
    """Return the sha256 (hex) of both files of :func:`published_forms`."""
    return tuple(hashlib.sha256(data).hexdigest() for data in published_forms(image))
