"""The patient probe: it finds patients that were planted, and none where there is nothing to find."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leukbench.pixels.features import small_pixels
from leukbench.training.probe import (
    CUTS,
    MOST_IMAGES,
    PROBE_COLUMNS,
    PROBES,
    probe_images,
    probe_patients,
)
from tests.support.tiny_world import SIDE, make_store

pytestmark = pytest.mark.trains


def cohort(n_patients: int = 6, each: int = 12, *, tint: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a split of one fold and its images: noise in which every patient has a tint of its own (0: none)."""
    rng = np.random.default_rng(seed)
    n = n_patients * each
    who = np.arange(n) % n_patients
    images = rng.integers(60, 160, (n, SIDE, SIDE, 3)) + (tint * rng.integers(0, 4, (n_patients, 1, 1, 3)))[who]
    split = pd.DataFrame(
        {
            "fold": 0,
            "role": np.where(np.arange(n) % 3 == 0, "test", "train"),
            "image_id": [f"i{k}" for k in range(n)],
            "origin": [f"i{k}" for k in range(n)],
            "copy": 0,
            "label": np.where(who % 2, "red", "blue"),
            "group": [f"g{k}" for k in who],
            "patient": [f"p{k}" for k in who],
        }
    )
    return split, images.astype(np.uint8)


def shares(table: pd.DataFrame) -> dict[str, float]:
    return {str(name): float((rows["truth"] == rows["predicted"]).mean()) for name, rows in table.groupby("probe")}


def test_patients_with_a_tint_of_their_own_are_named() -> None:
    split, images = cohort(tint=20)
    table = probe_patients(split, make_store(images), seed=0)
    assert tuple(table.columns) == PROBE_COLUMNS and set(table["unit"]) == {"patient"}
    assert set(shares(table)) == set(PROBES) and min(shares(table).values()) > 0.9
    per_cut = table.groupby(["probe", "cut", "truth"]).size()
    assert set(per_cut) == {4}  # every patient is in every cut


def test_patients_without_a_look_of_their_own_are_named_by_chance() -> None:
    split, images = cohort(each=30, tint=0)
    found = shares(probe_patients(split, make_store(images), seed=0))
    assert all(value < 1 / 6 + 4 * np.sqrt(5 / 36 / 180) for value in found.values()), found  # 4 standard errors


def test_copies_second_images_of_an_origin_and_rare_patients_are_left_out() -> None:
    split, _ = cohort(tint=0)
    split.loc[split["image_id"] == "i6", "origin"] = "i0"  # two images of one original
    split.loc[split["image_id"] == "i12", "copy"] = 1
    rare = split["patient"].eq("p5") & ~split["image_id"].isin(["i5", "i11"])
    kept = probe_images(split[~rare], seed=0)
    assert not {"i6", "i12"} & set(kept["image_id"]) and "p5" not in set(kept["truth"])
    assert kept["truth"].value_counts().to_dict() == {"p0": 10, "p1": 12, "p2": 12, "p3": 12, "p4": 12}


def test_a_patient_gives_at_most_so_many_images_whatever_the_order_of_rows() -> None:
    split, _ = cohort(n_patients=2, each=MOST_IMAGES + 10, tint=0)
    kept = probe_images(split, seed=0)
    assert kept["truth"].value_counts().to_dict() == {"p0": MOST_IMAGES, "p1": MOST_IMAGES}
    pd.testing.assert_frame_equal(kept, probe_images(split.iloc[::-1], seed=0))


def test_groups_stand_in_where_no_patient_is_known_and_are_called_so() -> None:
    split, images = cohort(tint=20)
    table = probe_patients(split.assign(patient=""), make_store(images), seed=0)
    assert set(table["unit"]) == {"group"} and set(table["truth"]) == {f"g{k}" for k in range(6)}


def test_nobody_is_probed_where_fewer_than_two_have_enough_images() -> None:
    split, images = cohort(tint=20)
    single = split.assign(patient="", group=split["image_id"])
    table = probe_patients(single, make_store(images), seed=0)
    assert table.empty and tuple(table.columns) == PROBE_COLUMNS
    assert CUTS > 1


def test_small_pixels_are_block_means() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:2, :2] = (8, 4, 0)
    image[:2, :1] = (0, 4, 0)
    features = small_pixels(image)
    assert features.shape == (192,) and features[:3].tolist() == [4, 4, 0] and features[3:].sum() == 0
