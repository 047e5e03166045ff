"""Two pixel stores seen as one, without copying either."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from leukbench.errors import InputError
from leukbench.paths import check_whole
from leukbench.pixels.store import Store, open_store
from leukbench.records import digest

Images = npt.NDArray[np.uint8]


class JoinedImages:
    """The images of two stores, those of the second after those of the first, indexed by integer arrays."""

    def __init__(self, first: Images, second: Images) -> None:
        self.parts = (first, second)
        self.shape = (len(first) + len(second), *first.shape[1:])
        self.dtype = first.dtype

    def __len__(self) -> int:
        return len(self.parts[0]) + len(self.parts[1])

    def __getitem__(self, rows: npt.NDArray[Any]) -> Images:
        """Return images ``(n_rows, side, side, 3)``."""
        rows = np.asarray(rows, dtype=np.int64)
        n_first = len(self.parts[0])
        in_first = rows < n_first
        found = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        found[in_first] = self.parts[0][rows[in_first]]
        found[~in_first] = self.parts[1][rows[~in_first] - n_first]
        return found


def join_stores(first: Store, second: Store, *, name: str) -> Store:
    """Return one store of both; ids of the second have ``name:`` in front.

    The network of the first must see the images of the second as it saw its own: the same share, the same size.

    Raises
    ------
    InputError
        Where sides or crops differ.
    """
    if (first.side_px, first.crop) != (second.side_px, second.crop):
        raise InputError(
            "two pixel stores do not go together",
            where=f"test store of {name}",
            expected=f"side_px {first.side_px}, crop {first.crop}",
            found=f"side_px {second.side_px}, crop {second.crop}",
            do="name a test_store with the side and crop of the store",
        )
    n_first = len(first.images)
    rows = {**first.row_of, **{f"{name}:{image}": n_first + row for image, row in second.row_of.items()}}
    images = cast(Images, JoinedImages(first.images, second.images))
    return Store(
        images, rows, first.side_px, first.crop, digest({"first": first.sha256, "second": second.sha256, "name": name})
    )


def open_stores(files: Sequence[Path], *, test_source: str) -> Store:
    """Return the store of a cell, or of a transfer's two files those of ``test_source``
    joined to those it is trained on.

    Raises
    ------
    DataError
        For a store that cannot be read or is not as it was written.
    InputError
        Where two do not go together (:func:`join_stores`).
    """
    for file in files:
        for part in (file, file.with_suffix(".json")):
            check_whole(part, needed=False, do="delete both files of the store and run the decode stage again")
    first, *others = (open_store(file) for file in files)
    return join_stores(first, others[0], name=test_source) if others else first
