"""Duplicates planted in made-up images are found, distinct images are not; the search is exact."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import leukbench.cohort.duplicates as duplicates
from leukbench.cohort.duplicates import find_duplicates, find_pairs, hash_images, near_identical_pairs, small_grey
from tests.support.cohorts import cell, manifest_of, smear

Image = npt.NDArray[np.uint8]


def _crop(image: Image, share: float) -> Image:
    cut = int(image.shape[0] * share)
    return cv2.resize(image[cut:-cut, cut:-cut], image.shape[1::-1])


def _jpeg(image: Image, quality: int) -> Image:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


EDITS: dict[str, Callable[[Image], Image]] = {
    "flip": lambda x: x[:, ::-1],
    "flip down": lambda x: x[::-1],
    "quarter turn": lambda x: np.rot90(x),
    "turn and flip": lambda x: np.rot90(x, 3)[:, ::-1],
    "re-encode 60": lambda x: _jpeg(x, 60),
    "brightness": lambda x: cv2.convertScaleAbs(x, alpha=0.85, beta=8),
    "half size": lambda x: cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "crop 1 %": lambda x: _crop(x, 0.01),
    "crop 2 %": lambda x: _crop(x, 0.02),
    "crop 4 %": lambda x: _crop(x, 0.04),
}
LEAST_RECALL = {"crop 2 %": 0.85, "crop 4 %": 0.15}  # the others: every one


def planted(make: Callable[[np.random.Generator], Image], n: int, seed: int = 0) -> tuple[list[str], Image]:
    """Return ids and greys of n originals and one edit of each, edits in turn; ids tell which belong together."""
    rng = np.random.default_rng(seed)
    ids, greys = [], []
    for number in range(n):
        image = make(rng)
        edit = list(EDITS)[number % len(EDITS)]
        for name, pixels in ((f"{number:04d}|", image), (f"{number:04d}|{edit}", EDITS[edit](image))):
            ids.append(name)
            greys.append(small_grey(np.ascontiguousarray(pixels)))
    return ids, np.stack(greys)


@pytest.mark.parametrize("make", [smear, cell])
def test_planted_duplicates_are_found_and_distinct_images_are_not(make: Callable[[np.random.Generator], Image]) -> None:
    ids, greys = planted(make, 200)
    pairs = near_identical_pairs(ids, greys)
    true = pairs["image_id_a"].str[:4].eq(pairs["image_id_b"].str[:4])
    assert true.mean() >= 0.99, pairs[~true]
    found = set(pairs.loc[true, "image_id_b"]) | set(pairs.loc[true, "image_id_a"])
    for edit in EDITS:
        copies = [i for i in ids if i.endswith("|" + edit)]
        recall = np.mean([i in found for i in copies])
        assert recall >= LEAST_RECALL.get(edit, 1.0), (edit, recall)


def test_without_confirmation_cells_on_black_would_be_joined_wrongly() -> None:
    ids, greys = planted(cell, 200)
    i, j, _, _ = find_pairs(hash_images(greys))
    wrong = sum(ids[a][:4] != ids[b][:4] for a, b in zip(i, j, strict=True))
    assert wrong > 20


def test_the_search_finds_exactly_what_comparing_every_pair_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, (400, 8)).astype(np.uint64)
    for copy in range(200):  # close ones at every distance up to 12 bits
        bits = rng.permutation(64)[: copy % 13]
        hashes[copy + 200, 0] = hashes[copy, copy % 8] ^ np.bitwise_or.reduce(
            np.uint64(1) << bits.astype(np.uint64), initial=0
        )
    far = np.array(
        [[[bin(x ^ y).count("1") for y in hashes[:, 0].tolist()] for x in hashes[:, t].tolist()] for t in range(8)]
    )
    for radius in (0, 3, 6, 7, 9):
        expected = {(a, b, t) for t, a, b in np.argwhere(far <= radius).tolist() if a < b}
        for pay in (0.0, 1e9):  # in blocks, by bands
            monkeypatch.setattr(duplicates, "_BLOCKS_PAY", pay)
            i, j, symmetry, hamming = find_pairs(hashes, radius=radius)
            assert set(zip(i.tolist(), j.tolist(), symmetry.tolist(), strict=True)) == expected
            assert (hamming == far[symmetry, i, j]).all()
    assert len(expected) > 100


def test_the_hashes_of_an_image_are_those_of_its_flips_and_turns() -> None:
    grey = small_grey(smear(np.random.default_rng(3)))
    turned = [np.rot90(g, k) for g in (grey, grey[:, ::-1]) for k in range(4)]
    own = {int(h[0]) for h in hash_images(np.stack(turned))}
    assert own == {int(h) for h in hash_images(grey[None])[0]}
    assert len(own) == 8


def test_identical_files_and_pixels_are_found_from_hashes_alone() -> None:
    manifest = manifest_of([("a", "all", 3), ("b", "all", 3)])
    manifest.loc[[0, 4], "sha256"] = "same"
    manifest.loc[[1, 5], "pixel_sha256"] = "equal"
    pairs = find_duplicates(manifest, [], np.empty((0, 64, 64), np.uint8))
    assert pairs[["image_id_a", "image_id_b", "kind"]].to_numpy().tolist() == [
        ["train_a_0_0.bmp", "train_b_1_1.bmp", "identical_file"],
        ["train_a_0_1.bmp", "train_b_1_2.bmp", "identical_pixels"],
    ]


def test_blank_images_are_near_nothing() -> None:
    assert near_identical_pairs(["a", "b", "c"], np.full((3, 64, 64), 200, np.uint8)).empty
