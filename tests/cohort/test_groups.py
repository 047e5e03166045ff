from __future__ import annotations

import pandas as pd
import pytest

from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.cohort.groups import CHAIN, accept_near_pairs, make_groups, merges
from leukbench.errors import DataError
from leukbench.records import GROUP_COLUMNS
from tests.support.cohorts import manifest_of


def near(*ends: tuple[str, str]) -> pd.DataFrame:
    rows = [(a, b, "near_identical", 1, 0.01 + 0.001 * place) for place, (a, b) in enumerate(ends)]
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


def images(n: int) -> pd.DataFrame:
    manifest = manifest_of([("", "all", n)])
    names = [f"i{k:02d}" for k in range(n)]
    return manifest.assign(image_id=names, origin=names, path=names)


def test_what_joins_is_patient_origin_identical_and_near_identical_pixels_and_each_says_so() -> None:
    manifest = images(9)
    manifest.loc[[0, 1], ["patient", "evidence"]] = ["p", "verified"]
    manifest.loc[3, "origin"] = "i02"
    manifest.loc[[4, 5], "pixel_sha256"] = "same"
    groups = make_groups(manifest, near(("i06", "i07"))).set_index("image_id")
    assert tuple(groups.reset_index().columns) == GROUP_COLUMNS
    assert groups["group"].tolist() == ["p", "p", "i02", "i02", "i04", "i04", "i06", "i06", "i08"]
    reasons = ["patient", "origin", "identical_pixels", "near_identical"]
    assert groups["reason"].tolist() == [r for r in reasons for _ in range(2)] + ["alone"]
    assert groups["evidence"].tolist() == ["verified"] * 2 + ["absent"] * 7


def test_two_patients_joined_by_pixels_are_one_group_and_the_merge_is_named() -> None:
    manifest = manifest_of([("20", "all", 3), ("21", "all", 3), ("22", "all", 2)])
    manifest.loc[[0, 3], "sha256"] = "x"
    manifest.loc[[1, 4], "pixel_sha256"] = "y"
    pairs = near(("train_20_0_2.bmp", "train_21_1_2.bmp"))
    groups = make_groups(manifest, pairs)
    assert groups["group"].tolist() == ["20"] * 6 + ["22"] * 2
    assert groups["evidence"].tolist() == ["inferred"] * 6 + ["verified"] * 2
    named = merges(groups, manifest, pairs)
    assert named[["group", "patient_a", "patient_b", "reason", "n_pairs"]].to_numpy().tolist() == [
        ["20", "20", "21", "identical_pixels", 2],
        ["20", "20", "21", "near_identical", 1],
    ]


def test_a_chain_of_near_duplicates_is_capped_but_a_star_is_not() -> None:
    chain = near(*[(f"i{k:02d}", f"i{k + 1:02d}") for k in range(19)])
    largest = make_groups(images(20), chain)["group"].value_counts().max()
    assert largest == CHAIN
    kept, refused = accept_near_pairs(chain)
    assert len(kept) + len(refused) == 19
    assert len(refused) == 4
    star = near(*[("i00", f"i{k:02d}") for k in range(1, 20)])
    assert set(make_groups(images(20), star)["group"]) == {"i00"}


def test_groups_do_not_depend_on_the_order_of_the_pairs() -> None:
    chain = near(*[(f"i{k:02d}", f"i{k + 1:02d}") for k in range(19)])
    shuffled = chain.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(make_groups(images(20), chain), make_groups(images(20), shuffled))


def test_a_pair_that_names_an_unknown_image_is_refused() -> None:
    with pytest.raises(DataError, match="not in the manifest"):
        make_groups(images(2), near(("i00", "elsewhere")))
