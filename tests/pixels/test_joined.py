"""Two stores as one."""

from __future__ import annotations

import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.pixels.joined import join_stores
from leukbench.pixels.store import Store


def store(n: int, *, side: int = 4, crop: float = 1.0, first: int = 0) -> Store:
    images = np.broadcast_to(np.arange(first, first + n, dtype=np.uint8)[:, None, None, None], (n, side, side, 3))
    return Store(np.ascontiguousarray(images), {f"i{k}": k for k in range(n)}, side, crop, f"sha-{first}")


def test_every_id_shows_its_own_image() -> None:
    joined = join_stores(store(3), store(5, first=100), name="other")
    assert len(joined.row_of) == 8 and joined.images.shape == (8, 4, 4, 3) and joined.images.dtype == np.uint8
    ids = ["other:i4", "i0", "other:i0", "i2", "i2"]
    shown = joined.images[np.array([joined.row_of[i] for i in ids])]
    assert shown[:, 0, 0, 0].tolist() == [104, 0, 100, 2, 2] and shown.shape == (5, 4, 4, 3)
    assert joined.images[np.array([], dtype=np.int64)].shape == (0, 4, 4, 3)


def test_the_address_depends_on_both_stores_and_the_name() -> None:
    a, b, c = store(3), store(5, first=100), store(5, first=50)
    addresses = {
        join_stores(*pair, name=n).sha256 for pair, n in (((a, b), "x"), ((a, c), "x"), ((b, a), "x"), ((a, b), "y"))
    }
    assert len(addresses) == 4 and join_stores(a, b, name="x").sha256 in addresses


@pytest.mark.parametrize("other", [store(2, side=8), store(2, crop=0.5)])
def test_stores_of_another_side_or_crop_are_refused(other: Store) -> None:
    with pytest.raises(InputError, match=r"(?s)do not go together.*test_store with the side and crop"):
        join_stores(store(3), other, name="other")
