"""Every image of a collection looked at once: its hashes, a small grey picture of it, and what colour, border and size
say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from leukbench.errors import DataError
from leukbench.records import FloatArray
from leukbench.tools.splits.collection import Collection

if TYPE_CHECKING:
    import pandas as pd

    from leukbench.cohort.duplicates import Greys

LEAST_PX = 3
SHORTEST_PX = 256
"""Features are taken from images shrunk to about this side: colour, border and size need no more."""


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What the files hold, in the order of the rows: the manifest, small greys, features, and what of the images is not
    seen.
    """

    manifest: pd.DataFrame
    greys: Greys
    features: FloatArray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Look:
    sha256: str
    pixel_sha256: str
    width_px: int
    height_px: int
    notes: tuple[str, ...]
    grey: np.ndarray
    features: FloatArray


def look_at(collection: Collection, *, advance: Callable[[int, int], None] | None = None, threads: int = 2) -> Looks:
    """Return what the images of a collection hold.

    Parameters
    ----------
    collection
        Images by their paths below its folder.
    advance
        Called with the images looked at so far, and all of them.
    threads
        How many read at once.

    Returns
    -------
    A manifest with hashes and sizes, small grey pictures ``(n, …)`` and features ``(n, …)`` in its order, and notes.

    Raises
    ------
    DataError
        Naming every file that is no whole image.
    """
    import cv2

    files = [collection.folder / path for path in collection.rows["path"]]
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the pool below is the parallelism
    try:
        with ThreadPoolExecutor(threads) as pool:
            found = []
            for n, look in enumerate(pool.map(_look, files), start=1):
                found.append(look)
                if advance is not None and (n % 32 == 0 or n == len(files)):
                    advance(n, len(files))
    finally:
        cv2.setNumThreads(before)
    _refuse_broken(collection, found)
    looks = [look for look in found if isinstance(look, _Look)]
    kinds = Counter(note for look in looks for note in look.notes)
    return Looks(
        manifest=_manifest(collection, looks),
        greys=np.stack([look.grey for look in looks]),
        features=np.stack([look.features for look in looks]),
        notes=tuple(f"{n} image{'s hold' if n > 1 else ' holds'} {note}." for note, n in sorted(kinds.items())),
    )


def _look(file: Path) -> _Look | DataError:
    from leukbench.cohort.duplicates import small_grey
    from leukbench.sources.hashing import read_facts

    try:
        facts, rgb = read_facts(file)
    except DataError as error:
        return error
    return _Look(
        facts.sha256, facts.pixel_sha256, facts.width_px, facts.height_px, facts.notes, small_grey(rgb),
        _features(rgb),
    )  # fmt: skip


def _features(rgb: np.ndarray) -> FloatArray:
    """Return colours, borders, share of foreground and size of an image, (164,)."""
    import cv2

    from leukbench.pixels.features import border, colour_histogram, foreground_size

    factor = SHORTEST_PX / max(1, min(rgb.shape[:2]))
    small = np.asarray(rgb, dtype=np.uint8)
    if factor < 0.75:
        small = np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    lacking = [max(0, LEAST_PX - side) for side in small.shape[:2]]  # a border needs something between two edges
    small = np.pad(small, ((0, lacking[0]), (0, lacking[1]), (0, 0)), mode="edge")
    size = np.log(np.array(rgb.shape[:2], dtype=np.float64))
    return np.concatenate([colour_histogram(small), border(small) / 255, foreground_size(small), size])


def _refuse_broken(collection: Collection, found: list[_Look | DataError]) -> None:
    broken = [error for error in found if isinstance(error, DataError)]
    if not broken:
        return
    shown = "\n    ".join(f"{error.where}: {error.found}" for error in broken[:20])
    more = f"\n    and {len(broken) - 20} more" if len(broken) > 20 else ""
    raise DataError(
        f"{len(broken)} of {len(found)} images are not whole",
        where=str(collection.folder),
        expected="whole image files",
        found=f"\n    {shown}{more}",
        do="get these files again, or take them out of the table and the folder",
    )


def _manifest(collection: Collection, looks: list[_Look]) -> pd.DataFrame:
    """Return the rows as a manifest, the part as pool; the user's patients are taken as published."""
    rows = collection.rows
    known_patient = rows["patient"].ne("")
    return rows[["image_id", "path", "label", "patient"]].assign(
        sha256=[look.sha256 for look in looks],
        pixel_sha256=[look.pixel_sha256 for look in looks],
        evidence=["verified" if known else "absent" for known in known_patient],
        origin=rows["origin"].where(rows["origin"].ne(""), rows["image_id"]),
        pool=rows["part"],
        official_fold="",
        present="1",
        width_px=[str(look.width_px) for look in looks],
        height_px=[str(look.height_px) for look in looks],
    )
