"""An image file as pixels: whole or refused, and what of it is not seen (more than 8 bits, transparency, further
frames).
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from leukbench.errors import DataError

Image = npt.NDArray[np.uint8]
KINDS = "BMP, JPEG, PNG, TIFF, GIF or WebP"
SUFFIXES = frozenset({".bmp", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".gif", ".webp"})
UNREAD = frozenset({
    ".dcm", ".dicom", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".exr",
    ".svs", ".ndpi", ".mrxs", ".scn", ".vsi", ".czi", ".lif", ".nd2", ".oib", ".nii", ".npy", ".raw", ".dng", ".cr2",
    ".nef", ".psd",
})  # fmt: skip
"""Endings of images that are not read."""
_DAMAGE = re.compile(
    rb"(?:Corrupt JPEG data|Premature end of JPEG|Invalid SOS|Inconsistent progression|Invalid JPEG|libpng "
    rb"error|Unsupported marker type)[^\n]*"
)
_LOCK = threading.Lock()
_CAUGHT: list[IO[bytes]] = []


@dataclass(frozen=True)
class Picture:
    """The pixels of an image file.

    ``rgb`` is ``(height, width, 3)`` uint8; ``values`` is what tells it from other images: the same array, or the
    stored one where it holds more than 8 bits. ``notes``: kinds of things that are stored and not in ``rgb``.
    """

    rgb: Image
    values: npt.NDArray[Any]
    notes: tuple[str, ...] = ()


DEEP = "more than 8 bits: scaled by what they hold"
SEE_THROUGH = "transparency, which is left out"
FRAMES = "several frames, of which the first is read"


def picture(data: bytes, *, where: str) -> Picture:
    """Return the pixels in the bytes of an image file. Raises DataError if they are not a whole image."""
    import cv2

    reason = broken(data)
    if reason:
        raise _refused("this is not a whole image", where, reason)
    as_stored = _is_deep(data) or _is_see_through(data)
    flags = cv2.IMREAD_UNCHANGED if as_stored else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    raw = np.frombuffer(data, np.uint8)
    if data.startswith((b"\xff\xd8\xff", b"\x89PNG")):
        stored, damage = _listening(lambda: _decoded(raw, flags))
        if damage:
            raise _refused("this is not a whole image", where, damage)
    else:
        stored = _decoded(raw, flags)
    if isinstance(stored, str):
        raise _refused("cannot decode an image", where, stored)
    frames = (FRAMES,) if _n_frames_differ(data) else ()
    return _plain(stored, frames) if as_stored else _same(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), frames)


def _refused(what: str, where: str, found: str) -> DataError:
    return DataError(
        what, where=where, expected=f"a complete {KINDS} file", found=found, do="fetch the file again, or leave it out"
    )


def _same(rgb: Image, notes: tuple[str, ...]) -> Picture:
    return Picture(rgb, rgb, notes)


def _decoded(raw: Image, flags: int) -> Any:
    """Return the decoded array, or why there is none."""
    import cv2

    try:
        found = cv2.imdecode(raw, flags)
    except cv2.error as error:
        return str(error).strip()
    return "OpenCV returned no image" if found is None else found


def _listening(work: Callable[[], Any]) -> tuple[Any, str]:
    """Return what ``work`` returns and what libjpeg or libpng said about damage meanwhile.

    Both write warnings to the standard error of the process and decode on: half a file comes back grey. Other lines
    that came meanwhile are passed on.
    """
    with _LOCK:
        if not _CAUGHT:
            _CAUGHT.append(tempfile.TemporaryFile())  # noqa: SIM115 kept open: one for all images
        caught = _CAUGHT[0]
        saved = os.dup(2)
        try:
            os.dup2(caught.fileno(), 2)
            try:
                result = work()
            finally:
                os.dup2(saved, 2)
            stderr = b""
            if os.lseek(caught.fileno(), 0, os.SEEK_CUR):
                os.lseek(caught.fileno(), 0, os.SEEK_SET)
                stderr = os.read(caught.fileno(), 1 << 16)
                os.ftruncate(caught.fileno(), 0)
                os.lseek(caught.fileno(), 0, os.SEEK_SET)
            rest = re.sub(_DAMAGE.pattern + rb"\n?", b"", stderr)
            if rest:
                os.write(saved, rest)
        finally:
            os.close(saved)
    damage = _DAMAGE.search(stderr)
    return result, damage.group().decode(errors="replace") if damage else ""


# ------------------------------------------------------------------------------------------------- what is not in RGB


def _plain(stored: npt.NDArray[Any], notes: tuple[str, ...]) -> Picture:
    """Return an array as stored, grey, BGR or BGRA of 8 or more bits, as RGB of 8 bits."""
    import cv2

    if stored.ndim == 3 and stored.shape[2] == 4:
        opaque = np.iinfo(stored.dtype).max if stored.dtype.kind == "u" else 1
        notes = notes if (stored[..., 3] == opaque).all() else (*notes, SEE_THROUGH)
        stored = stored[..., :3]
    values = np.ascontiguousarray(stored[..., ::-1] if stored.ndim == 3 else np.repeat(stored[..., None], 3, axis=2))
    if values.dtype == np.uint8:
        return Picture(values, values, notes)
    top = _highest(values)
    rgb = cv2.convertScaleAbs(values.astype(np.float32), alpha=255.0 / top)
    return Picture(np.asarray(rgb, dtype=np.uint8), values, (*notes, DEEP))


def _highest(values: npt.NDArray[Any]) -> float:
    """Return the largest value of the depth that an image uses: 4095 of 12 bits; of fractions 1, or the largest there
    is.

    >>> [_highest(np.array([high], dtype=np.uint16)) for high in (700, 60000)], _highest(np.array([0.5]))
    ([1023.0, 65535.0], 1.0)
    """
    largest = float(values.max(initial=0))
    if values.dtype.kind == "f":
        return max(1.0, largest)
    return float((1 << max(8, int(largest).bit_length())) - 1)


def _is_deep(data: bytes) -> bool:
    if data.startswith(b"\x89PNG"):
        return data[24] == 16
    return data.startswith((b"II*\x00", b"MM\x00*"))  # TIFF: whatever it holds


def _is_see_through(data: bytes) -> bool:
    if data.startswith(b"\x89PNG"):
        return data[25] in (4, 6) or b"tRNS" in data[: data.find(b"IDAT")]
    return data[12:16] == b"VP8X" and bool(data[20] & 0x10) if data.startswith(b"RIFF") else False


def _n_frames_differ(data: bytes) -> bool:
    """Say whether a file holds more frames or pages than one."""
    if data.startswith(b"GIF8"):
        return _gif_frames(data) > 1
    if data.startswith(b"\x89PNG"):
        return b"acTL" in data[: data.find(b"IDAT")]
    if data.startswith(b"RIFF"):
        return b"ANIM" in data[:64]
    if data.startswith((b"II*\x00", b"MM\x00*")):
        order = "<" if data.startswith(b"II") else ">"
        first = struct.unpack_from(order + "I", data, 4)[0]
        if first + 2 > len(data):
            return False
        after = first + 2 + 12 * struct.unpack_from(order + "H", data, first)[0]
        return after + 4 <= len(data) and bool(struct.unpack_from(order + "I", data, after)[0])
    return False


def _gif_frames(data: bytes) -> int:
    """Return how many images a GIF file holds, by walking its blocks."""

    def table(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    at, n = 13 + table(data[10]) if len(data) > 13 else len(data), 0
    while at < len(data) and data[at] in (0x21, 0x2C):
        n += data[at] == 0x2C
        at += 2 if data[at] == 0x21 else 11 + table(data[at + 9] if at + 9 < len(data) else 0)
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return n


# -------------------------------------------------------------------------------------------------------------- whole


def begins_as_image(start: bytes) -> bool:
    """Say whether the first 132 bytes of a file are those of an image of a kind that is read, or of DICOM.

    >>> begins_as_image(b"GIF89a"), begins_as_image(b"image,label"), begins_as_image(b"\\0" * 128 + b"DICM")
    (True, False, True)
    """
    known = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"GIF8", b"II*\x00", b"MM\x00*")
    return start.startswith(known) or start[8:12] == b"WEBP" or start[128:132] == b"DICM"


def broken(data: bytes) -> str:
    """Return why these bytes are no whole image file, as far as their structure says; "" if they seem to be.

    OpenCV decodes truncated files without complaint and leaves the rest grey or black, so the end is looked for here.
    What is cut within and still has an end is found while decoding (:func:`picture`).
    """
    if not data:
        return "an empty file"
    if data.startswith(b"\xff\xd8\xff"):
        return "" if _jpeg_ends(data) else "a truncated JPEG file (no end-of-image marker)"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "" if b"IEND\xaeB`\x82" in data[-64:] and len(data) > 32 else "a truncated PNG file (no IEND chunk)"
    if data.startswith(b"BM"):
        return _bmp_broken(data)
    if data.startswith(b"GIF8"):
        return "" if data.rstrip(b"\x00").endswith(b";") else "a truncated GIF file (no trailer)"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        needed = 8 + int.from_bytes(data[4:8], "little")
        return "" if len(data) >= needed else f"a truncated WebP file ({len(data)} of {needed} bytes)"
    if data.startswith((b"II*\x00", b"MM\x00*")):
        return ""
    return f"a file that starts with {data[:8]!r}, no {KINDS}"


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
