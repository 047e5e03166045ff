"""What the real data holds: facts read from the published images, as many as are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukbench.cohort.certificate import check_certificate, make_certificate
from leukbench.cohort.duplicates import find_duplicates, identical_pairs, near_identical_pairs, small_grey
from leukbench.cohort.groups import accept_near_pairs, make_groups, merges
from leukbench.cohort.splits import make_splits
from leukbench.records import MANIFEST_COLUMNS, SplitRule
from leukbench.sources.hashing import read_rgb
from tests.support.cohorts import CLASSES
from tests.support.real_images import real_folder

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def cnmc() -> pd.DataFrame:
    """The manifest of C-NMC's training part, from names and hashes alone."""
    listing = pd.read_csv(real_folder("cnmc_2019", "manifest.csv") / "manifest.csv", dtype=str, keep_default_na=False)
    listing = listing[listing["path"].str.startswith("training_data/")].reset_index(drop=True)
    parts = listing["path"].str.extract(r"fold_(\d)/(all|hem)/UID_([Hh]?\d+)_")
    image = listing["path"].str.split("/").str[-1]
    table = pd.DataFrame("", index=listing.index, columns=list(MANIFEST_COLUMNS), dtype=str)
    return table.assign(
        image_id=image,
        path=listing["path"],
        sha256=listing["sha256"],
        label=parts[1],
        patient=parts[2].str.upper(),
        evidence="verified",
        origin=image,
        pool="train",
        official_fold=parts[0],
        present="0",
        width_px="0",
        height_px="0",
    )


def test_cnmc_official_folds_share_identical_files_and_subjects_merge(cnmc: pd.DataFrame) -> None:
    pairs = identical_pairs(cnmc)
    assert len(cnmc) == 10_661
    assert len(pairs) == 104
    fold, patient = (cnmc.set_index("image_id")[c] for c in ("official_fold", "patient"))
    across = fold.loc[pairs["image_id_a"]].to_numpy() != fold.loc[pairs["image_id_b"]].to_numpy()
    assert across.sum() == 94
    groups = make_groups(cnmc, pairs)
    named = merges(groups, cnmc, pairs)
    counted = {(r.patient_a, r.patient_b): r.n_pairs for r in named.itertuples()}
    assert counted == {
        ("20", "21"): 71,
        ("51", "75"): 10,
        ("51", "78"): 11,
        ("H10", "H3"): 1,
        ("H2", "H4"): 3,
        ("H2", "H5"): 2,
        ("H2", "H6"): 1,
    }
    assert patient.nunique() == 73
    assert groups["group"].nunique() == 66


def test_cnmc_split_by_subject_id_alone_leaks_and_by_group_does_not(cnmc: pd.DataFrame) -> None:
    rule = SplitRule(unit="group", k=5)
    naive = pd.DataFrame(
        {"image_id": cnmc["image_id"], "group": cnmc["patient"], "reason": "patient", "evidence": "verified"}
    )
    for groups, honest in ((naive, False), (make_groups(cnmc, identical_pairs(cnmc)), True)):
        split = make_splits(cnmc, groups, rule, seed=0, classes=CLASSES)
        certificate = make_certificate(cnmc, groups, split, rule=rule, protocol="patient")
        assert (check_certificate(certificate) == []) == honest


def test_cnmc_fold_1_can_be_cut_with_one_hem_subject_a_fold(cnmc: pd.DataFrame) -> None:
    one = cnmc[cnmc["official_fold"].eq("1")].reset_index(drop=True)
    groups = make_groups(one, identical_pairs(one))
    split = make_splits(one, groups, SplitRule(unit="group", k=3), seed=0, classes=CLASSES)
    tested = split[split["role"].eq("test")].groupby(["fold", "label"])["group"].nunique().unstack()
    assert tested["HEM"].tolist() == [1, 1, 1]
    assert tested["ALL"].sum() == 11
    assert len(one) == 3581


def _greys(folder: Path) -> tuple[list[str], np.ndarray]:
    return _greys_of(sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".bmp"}))


def _greys_of(files: list[Path]) -> tuple[list[str], np.ndarray]:
    return [p.stem for p in files], np.stack([small_grey(read_rgb(p)) for p in files])


def test_aria_fields_photographed_twice_are_neighbours_in_number() -> None:
    ids, greys = _greys(real_folder("aria_all_2021", "Original") / "Original")
    if len(ids) < 3256:
        pytest.skip(f"{len(ids)} of the 3,256 images are here")
    pairs = near_identical_pairs(ids, greys)
    number = [pairs[c].str.extract(r"(\D+)-(\d+)$") for c in ("image_id_a", "image_id_b")]
    assert len(pairs) > 70
    assert (number[0][0] == number[1][0]).all()  # none across classes
    assert ((number[0][1].astype(int) - number[1][1].astype(int)).abs() <= 4).mean() > 0.95
    assert len(accept_near_pairs(pairs)[1]) == 0


def test_blood_cell_originals_hold_no_near_identical_pair() -> None:
    ids, greys = _greys(real_folder("blood_cells", "Original_Images") / "Original_Images")
    assert near_identical_pairs(ids, greys).empty


def test_real_cells_that_are_near_identical_are_of_one_subject() -> None:
    files = sorted((real_folder("cnmc_2019", "training_data") / "training_data").rglob("*.bmp"))
    if len(files) != 228:
        pytest.skip(
            f"a fact of a sample of 228 cells; {len(files)} are here, and larger sets hold pairs of two subjects"
        )
    ids, greys = _greys_of(files)
    pairs = near_identical_pairs(ids, greys)
    assert len(pairs) == 5
    subject = [pairs[c].str.extract(r"UID_(H?\d+)_", expand=False) for c in ("image_id_a", "image_id_b")]
    assert (subject[0] == subject[1]).all()
    assert (
        find_duplicates(pd.DataFrame("", index=range(0), columns=list(MANIFEST_COLUMNS)), ids, greys).shape
        == pairs.shape
    )
