"""Duplicates: identical files, identical pixels, and near-identical images under flips, rotations and small crops.

Two steps. *Search*: a 64-bit perceptual hash (signs of the lowest DCT coefficients of the grey image) of each of the 8
flips and quarter turns, and every pair within a Hamming radius, exactly, by bands (Norouzi et al. 2012, multi-index
hashing). *Confirmation*: such hashes are weak for single cells on black, where most low frequencies are the outline, so
each candidate is compared on pixels. ``cohort/README.md`` states the measured precision and recall.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

PAIR_COLUMNS = ("image_id_a", "image_id_b", "kind", "hamming", "distance")
"""``kind``: identical_file, identical_pixels, near_identical, or same_field (:mod:`leukbench.cohort.fields`);
``hamming`` 0-64 and ``distance`` 0-2, both 0 if identical."""

GREY_PX = 64
RADIUS = 7  # 4 bands of 16 bits and one flipped bit a band find every pair within 7
MAX_DISTANCE = 0.08
ZOOMS = (1.0, 0.98, 0.96, 0.94, 0.92)  # the central part of one image that the other is compared with
_FIRST_LOOKS = (
    (16, 0.1),
    (32, 0.1),
)  # side in pixels and distance: cheap looks that drop most candidates, no true pair
_BLUR = 2.0  # standard deviation, in pixels of the size compared, of the blur that is taken off before comparing
_BANDS = 4
_CHUNK = 1 << 18
_BLOCK = 8
_BLOCKS_PAY = 0.08  # comparing a pair in a block costs so much of looking one up
_FREQUENCIES = 9
_KEPT = sorted(
    ((u, v) for u in range(_FREQUENCIES) for v in range(_FREQUENCIES) if u + v),
    key=lambda p: (sum(p), abs(p[0] - p[1]), p),
)[:64]

Greys = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def small_grey(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return an RGB image ``(height, width, 3)`` as grey ``(64, 64)`` uint8, averaged over areas."""
    import cv2

    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (GREY_PX, GREY_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(grey, dtype=np.uint8)


def read_greys(
    manifest: pd.DataFrame, folder: Path, *, advance: Callable[[], object] | None = None
) -> tuple[list[str], Greys]:
    """Return the ids of the images at hand and their small greys ``(n, 64, 64)``; ``advance`` is called after each.

    Raises
    ------
    DataError
        For a missing or truncated file.
    """
    from leukbench.sources.hashing import read_rgb

    rows = manifest[manifest["present"].astype(str).eq("1")]
    greys = np.empty((len(rows), GREY_PX, GREY_PX), dtype=np.uint8)
    for place, path in enumerate(rows["path"]):
        greys[place] = small_grey(read_rgb(folder / path))
        if advance is not None:
            advance()
    return list(rows["image_id"]), greys


def hash_images(greys: Greys) -> Hashes:
    """Return the perceptual hashes ``(n, 8)`` of grey images ``(n, 64, 64)``: one for each flip and quarter turn.

    Bit b is the sign of the b-th lowest DCT coefficient of the image at 32 × 32 (the mean left out). A flip changes the
    sign of the odd frequencies and a transposition swaps the two, so one DCT gives all eight.
    Column 0 is the image itself.
    """
    import cv2

    small = np.empty((len(greys), 32, 32), dtype=np.float32)
    for place, grey in enumerate(greys):
        small[place] = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    frequency, place_px = np.arange(_FREQUENCIES)[:, None], np.arange(32)[None]
    cosines = np.cos(np.pi * (2 * place_px + 1) * frequency / 64).astype(np.float32)
    dct = cosines @ small @ cosines.T
    u, v = np.array(_KEPT).T
    hashes = np.empty((len(greys), 8), dtype=np.uint64)
    for number, (turned, down, across) in enumerate(_symmetries()):
        signs = np.where(u % 2 & down, -1.0, 1.0) * np.where(v % 2 & across, -1.0, 1.0)
        bits = (dct[:, v, u] if turned else dct[:, u, v]) * signs > 0
        hashes[:, number] = np.ascontiguousarray(np.packbits(bits, axis=1, bitorder="little")).view("<u8")[:, 0]
    return hashes


def _symmetries() -> Iterator[tuple[bool, bool, bool]]:
    """Yield (transpose first, then flip up-down, then flip left-right):
    the 8 symmetries of a square, identity first."""
    yield from itertools.product((False, True), repeat=3)


def find_pairs(hashes: Hashes, *, radius: int = RADIUS) -> tuple[Ints, Ints, Ints, Ints]:
    """Return every (i, j, symmetry, hamming) with i < j whose hashes ``(n, 8)`` are within ``radius`` bits, exactly.

    Two hashes within r bits agree in one of 4 bands of 16 bits up to r // 4 bits, so each band of each hash is looked
    up with so many bits flipped; nothing is missed. Where the buckets are so full that this would look at more pairs
    than there are (cells on black), all pairs are compared in blocks instead. A pair appears once for every symmetry
    under which it matches.

    Raises
    ------
    ValueError
        Unless 0 ≤ radius ≤ 11.
    """
    if not 0 <= radius <= 11:
        raise ValueError(f"radius must be 0 to 11, got {radius}")
    n = len(hashes)
    if n < 2:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, empty, empty
    bands = [_Band(hashes, band, radius) for band in range(_BANDS)]
    if sum(band.n_candidates for band in bands) > _BLOCKS_PAY * 4 * n * n:
        code = np.concatenate(list(_all_pairs(hashes, radius)))
    else:
        code = np.unique(np.concatenate([part for band in bands for part in band.matches(radius)]))
    symmetry, i, j = code // (n * n), code // n % n, code % n
    return i, j, symmetry, _popcount(hashes[i, symmetry] ^ hashes[j, 0]).astype(np.int64)


class _Band:
    """One band of 16 bits: the images by its value, and the values to look up."""

    def __init__(self, hashes: Hashes, band: int, radius: int) -> None:
        self.hashes = hashes
        keys = ((hashes >> np.uint64(16 * band)) & np.uint64(0xFFFF)).astype(np.int64)
        self.queries = keys.T.reshape(-1)
        self.order = np.argsort(keys[:, 0], kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(keys[:, 0], minlength=1 << 16))])
        counts = range(radius // _BANDS + 1)
        self.flips = [
            sum(1 << b for b in bits) for count in counts for bits in itertools.combinations(range(16), count)
        ]
        sizes = np.diff(self.starts)
        self.counts = [sizes[self.queries ^ flip] for flip in self.flips]
        self.n_candidates = sum(int(counts.sum()) for counts in self.counts)

    def matches(self, radius: int) -> Iterator[Ints]:
        """Yield codes (symmetry · n + i) · n + j of the pairs in equal buckets that are within the radius."""
        n = len(self.hashes)
        for flip, counts in zip(self.flips, self.counts, strict=True):
            ends = np.cumsum(counts)
            first_of = self.starts[self.queries ^ flip] - (ends - counts)
            for first in range(0, int(ends[-1]), _CHUNK):
                serial = np.arange(first, min(first + _CHUNK, int(ends[-1])))
                query = np.searchsorted(ends, serial, side="right")
                i, symmetry, j = query % n, query // n, self.order[first_of[query] + serial]
                near = (i < j) & (_popcount(self.hashes[i, symmetry] ^ self.hashes[j, 0]) <= radius)
                yield (symmetry[near] * n + i[near]) * n + j[near]


def _all_pairs(hashes: Hashes, radius: int) -> Iterator[Ints]:
    """Yield the same codes from comparing every pair, in blocks."""
    n = len(hashes)
    for symmetry in range(8):
        for first in range(0, n, _BLOCK):
            rows = hashes[first : first + _BLOCK, symmetry]
            differing = _popcount(rows[:, None] ^ hashes[None, first:, 0])
            i, j = np.nonzero(differing <= radius)
            kept = i < j
            yield (symmetry * n + i[kept] + first) * n + j[kept] + first


_BITS_SET = np.array([bin(value).count("1") for value in range(256)], dtype=np.uint8)


def _popcount(values: Hashes) -> npt.NDArray[np.integer[Any]]:
    """Return the number of bits set in each value."""
    if hasattr(np, "bitwise_count"):  # NumPy 2
        return np.asarray(np.bitwise_count(values))
    octets = np.ascontiguousarray(values).view(np.uint8).reshape(*values.shape, 8)
    return np.asarray(_BITS_SET[octets].sum(axis=-1, dtype=np.uint8))


def pixel_distances(greys: Greys, i: Ints, j: Ints, symmetry: Ints) -> npt.NDArray[np.float64]:
    """Return the normalised pixel distance ``(n_pairs,)`` in [0, 2] of images i, turned by a symmetry, and j.

    Greys of 64 × 64 px less their Gaussian blur (σ = 2 px), scaled to unit length: the distance is 1 − their cosine, so
    brightness and contrast do not count and texture does. The least over comparing one image with the central 100, 98,
    96, 94 and 92 % of the other, both ways, which allows for crops. A flat image is at distance 1 from everything.
    """
    return _distances(greys, i, j, symmetry, side=GREY_PX)


def _distances(greys: Greys, i: Ints, j: Ints, symmetry: Ints, *, side: int) -> npt.NDArray[np.float64]:
    """Return :func:`pixel_distances` at a side of 64, 32 or 16 px."""
    used, where = np.unique(np.concatenate([i, j]), return_inverse=True)
    first, second = where[: len(i)], where[len(i) :]
    whole = _features(greys[used], 1.0, side)
    best = np.full(len(i), -1.0, dtype=np.float64)
    places = np.arange(side * side).reshape(side, side)
    for zoom in ZOOMS:
        part = whole if zoom == 1.0 else _features(greys[used], zoom, side)
        for number, (turned, down, across) in enumerate(_symmetries()):
            rows = np.flatnonzero(symmetry == number)
            square = places.T if turned else places
            view = square[:: -1 if down else 1, :: -1 if across else 1].reshape(-1)
            for a, b in ((part, whole), (whole, part))[: 1 if zoom == 1.0 else 2]:
                best[rows] = np.maximum(best[rows], _cosines(a, b, first[rows], second[rows], view))
    return 1.0 - best


def _cosines(a: Floats, b: Floats, i: Ints, j: Ints, view: Ints) -> npt.NDArray[np.float64]:
    """Return the products of rows i of ``a``, their pixels in the order ``view``, and rows j of ``b``,
    in small chunks."""
    out = np.empty(len(i), dtype=np.float64)
    if len(i) > len(a):  # turn each image once rather than once a pair
        a = a[:, view]
    for chunk in np.array_split(np.arange(len(i)), max(1, len(i) // 256)):
        rows = a[i[chunk]]
        out[chunk] = np.einsum("ij,ij->i", rows if len(i) > len(a) else rows[:, view], b[j[chunk]])
    return out


def _features(greys: Greys, zoom: float, side: int) -> Floats:
    """Return unit vectors ``(n, side²)``: the central part of each image less its blur; zeros where it is flat."""
    import cv2

    out = np.zeros((len(greys), side * side), dtype=np.float32)
    centre = (GREY_PX - 1) / 2
    matrix: Any = np.array([[zoom, 0, centre * (1 - zoom)], [0, zoom, centre * (1 - zoom)]], dtype=np.float32)
    for place, grey in enumerate(greys.astype(np.float32)):
        image = grey
        if zoom != 1.0:
            image = cv2.warpAffine(
                grey,
                matrix,
                (GREY_PX, GREY_PX),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        if side != GREY_PX:
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        detail = image - cv2.GaussianBlur(image, (0, 0), _BLUR)
        length = float(np.linalg.norm(detail))
        if length > 0.25 * side:  # under a quarter grey level of detail there is nothing to compare
            out[place] = (detail / length).reshape(-1)
    return out


def identical_pairs(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs table of equal files and equal pixels, from hashes alone: each with the first of its set."""
    rows: dict[tuple[str, str], str] = {}
    ordered = manifest.sort_values("image_id")
    for column, kind in (("sha256", "identical_file"), ("pixel_sha256", "identical_pixels")):
        known = ordered[ordered[column].ne("")]
        known = known[known.duplicated(column, keep=False)]
        for _, ids in known.groupby(column, sort=True)["image_id"]:
            first, *others = list(ids)
            for other in others:
                rows.setdefault((first, other), kind)
    return _pairs_table([(a, b, kind, 0, 0.0) for (a, b), kind in rows.items()])


def near_identical_pairs(
    image_ids: list[str], greys: Greys, *, radius: int = RADIUS, max_distance: float = MAX_DISTANCE
) -> pd.DataFrame:
    """Return the pairs table of near-identical images; ``greys`` ``(n, 64, 64)`` in the order of ``image_ids``.

    A pair is within ``radius`` bits and ``max_distance`` (:func:`pixel_distances`) under the best of the 8 symmetries.
    """
    i, j, symmetry, hamming = find_pairs(hash_images(greys), radius=radius)
    for side, limit in _FIRST_LOOKS:
        kept = _distances(greys, i, j, symmetry, side=side) <= limit
        i, j, symmetry, hamming = i[kept], j[kept], symmetry[kept], hamming[kept]
    distance = pixel_distances(greys, i, j, symmetry)
    best: dict[tuple[str, str], tuple[float, int]] = {}
    for a, b, d, h in zip(i, j, distance, hamming, strict=True):
        if d <= max_distance:
            first, second = sorted((image_ids[a], image_ids[b]))
            best[first, second] = min(best.get((first, second), (9.0, 64)), (max(0.0, round(float(d), 4)), int(h)))
    return _pairs_table([(a, b, "near_identical", h, d) for (a, b), (d, h) in best.items()])


def find_duplicates(
    manifest: pd.DataFrame,
    image_ids: list[str],
    greys: Greys,
    *,
    radius: int = RADIUS,
    max_distance: float = MAX_DISTANCE,
) -> pd.DataFrame:
    """Return the pairs table of a source: identical ones from hashes, near-identical ones from small greys.

    ``image_ids`` and ``greys`` may be empty (no image at hand). A near-identical pair is left out where the images, or
    their identical twins, already are identical.
    """
    exact = identical_pairs(manifest)
    first = dict(zip(exact["image_id_b"], exact["image_id_a"], strict=True))
    near = near_identical_pairs(image_ids, greys, radius=radius, max_distance=max_distance)
    a, b = near["image_id_a"].map(lambda x: first.get(x, x)), near["image_id_b"].map(lambda x: first.get(x, x))
    both = pd.concat([exact, near[a.ne(b)]], ignore_index=True)
    return both.sort_values(["image_id_a", "image_id_b", "kind"], ignore_index=True)


def _pairs_table(rows: list[tuple[str, str, str, int, float]]) -> pd.DataFrame:
    table = pd.DataFrame(sorted(rows), columns=list(PAIR_COLUMNS))
    text = dict.fromkeys(PAIR_COLUMNS[:3], "str")
    return table.astype({**text, "hamming": "int64", "distance": "float64"})
