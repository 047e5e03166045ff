"""Facts of the three published sources, from their shipped file lists and small folders in their layouts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from leukbench.errors import DataError, InputError, LeukbenchWarning
from leukbench.sources import aria_all_2021, base, blood_cells, cnmc_2019
from tests.support.real_images import real_folder

# ------------------------------------------------------------------------------------------------------- cnmc_2019


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return pd.DataFrame(cnmc_2019.published_rows())


def test_c_nmc_has_its_published_counts_without_any_pixel(rows: pd.DataFrame) -> None:
    assert len(rows) == 15_114 and rows["image_id"].is_unique and rows["path"].is_unique
    counted = rows.groupby(["pool", "label"]).size().to_dict()
    assert counted == {
        ("train", "ALL"): 7272, ("train", "HEM"): 3389, ("prelim", "ALL"): 1219, ("prelim", "HEM"): 648,
        ("final", ""): 2586,
    }  # fmt: skip
    assert rows[rows["pool"] == "train"].groupby("official_fold").size().to_dict() == {
        "fold_0": 3527, "fold_1": 3581, "fold_2": 3553,
    }  # fmt: skip


def test_c_nmc_has_73_and_28_subjects_and_none_in_the_final_set(rows: pd.DataFrame) -> None:
    subjects = rows.groupby("pool")["patient"].agg(lambda p: set(p) - {""})
    assert {pool: len(s) for pool, s in subjects.items()} == {"final": 0, "prelim": 28, "train": 73}
    assert not subjects["train"] & subjects["prelim"]
    assert {"11", "H11"} <= subjects["train"]
    assert (rows["evidence"] == "absent").sum() == 2586


def test_the_36_names_with_a_small_h_belong_to_one_subject_in_capitals(rows: pd.DataFrame) -> None:
    small = rows[rows["path"].str.contains("UID_h")]
    assert len(small) == 36 and set(small["patient"]) == {"H3"} and set(small["label"]) == {"HEM"}
    assert not rows["patient"].str.contains("h").any()


def test_fold_1_has_the_subjects_of_the_reading_notes(rows: pd.DataFrame) -> None:
    fold = rows[rows["official_fold"] == "fold_1"]
    assert fold.groupby("label").size().to_dict() == {"ALL": 2418, "HEM": 1163}
    assert set(fold[fold["label"] == "HEM"]["patient"]) == {"H10", "H14", "H22"}
    assert fold[fold["label"] == "ALL"]["patient"].nunique() == 11


def test_ids_are_stems_with_the_pool_before_the_numbers_that_two_pools_share(rows: pd.DataFrame) -> None:
    by_path = rows.set_index("path")["image_id"]
    assert by_path["training_data/fold_0/all/UID_1_1_1_all.bmp"] == "UID_1_1_1_all"
    assert by_path["validation_data/C-NMC_test_prelim_phase_data/1.bmp"] == "prelim_1"
    assert by_path["testing_data/C-NMC_test_final_phase_data/1.bmp"] == "final_1"


@pytest.mark.parametrize(
    "name", ["UID_H1_1_1_all.bmp", "UID_1_1_1_hem.bmp", "UID_1_1_all.bmp", "1.bmp", "UID_1_1_1_all.png"]
)
def test_names_that_contradict_themselves_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="no file name of C-NMC"):
        cnmc_2019.read_name(name)


def test_an_unpublished_image_in_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "training_data" / "fold_0" / "all"
    folder.mkdir(parents=True)
    (folder / "UID_1_1_999_all.bmp").write_bytes(b"")
    with pytest.raises(DataError, match=r"(?s)not among the published.*UID_1_1_999_all"):
        cnmc_2019.index(tmp_path)


def test_an_image_under_a_published_name_with_other_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "training_data" / "fold_0" / "all" / "UID_1_1_1_all.bmp"
    file.parent.mkdir(parents=True)
    cv2.imwrite(str(file), np.zeros((450, 450, 3), np.uint8))
    with pytest.raises(DataError, match=r"(?s)not the published one.*UID_1_1_1_all\.bmp.*expected: sha256"):
        cnmc_2019.index(tmp_path)


@pytest.mark.real
def test_the_real_cells_have_their_published_hashes_and_450_px() -> None:
    manifest = cnmc_2019.index(real_folder("cnmc_2019"))
    here = manifest[manifest["present"] == 1]
    assert len(manifest) == 15_114 and len(here) > 0
    assert set(here["width_px"]) == set(here["height_px"]) == {450}


@pytest.mark.real
def test_the_shipped_subjects_and_labels_are_those_of_the_original_label_table(rows: pd.DataFrame) -> None:
    name = "C-NMC_test_prelim_phase_data_labels.csv"
    table = pd.read_csv(real_folder("cnmc_2019", name) / name)
    prelim = rows[rows["pool"] == "prelim"].set_index("image_id")
    ids = "prelim_" + table["new_names"].str.removesuffix(".bmp")
    assert (prelim.loc[ids, "label"].to_numpy() == np.where(table["labels"] == 1, "ALL", "HEM")).all()
    assert (prelim.loc[ids, "patient"].to_numpy() == table["Patient_ID"].str.split("_").str[1].to_numpy()).all()


def test_images_in_any_folders_are_put_in_their_official_places_by_name_and_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The final and the preliminary set share the name 1.bmp: only the hash tells them apart."""
    data = {
        "training_data/fold_1/hem/UID_H10_1_1_hem.bmp": b"a",
        "testing_data/C-NMC_test_final_phase_data/1.bmp": b"b",
        "validation_data/C-NMC_test_prelim_phase_data/1.bmp": b"c",
    }
    facts = tuple({"path": p, "sha256": hashlib.sha256(d).hexdigest(), "size_bytes": "1"} for p, d in data.items())
    monkeypatch.setattr(base, "read_facts", lambda name: facts)
    for place, content in (("x/healthy/UID_H10_1_1_hem.bmp", b"a"), ("x/p/1.bmp", b"c"), ("x/other.bmp", b"z")):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(content)
    cnmc_2019.fetch(tmp_path / "data", from_dir=tmp_path / "x")
    placed = {f.relative_to(tmp_path / "data").as_posix(): f.read_bytes() for f in (tmp_path / "data").rglob("*.bmp")}
    assert placed == {path: content for path, content in data.items() if content != b"b"}
    with pytest.raises(InputError, match=r"(?s)cannot be put in place.*no folder there"):
        cnmc_2019.arrange(tmp_path / "data", from_dir=tmp_path / "x")
    (tmp_path / "x" / "p" / "1.bmp").write_bytes(b"altered")
    with pytest.raises(DataError, match=r"(?s)not the published one.*1\.bmp"):
        cnmc_2019.arrange(tmp_path / "again", from_dir=tmp_path / "x")
    (tmp_path / "y").mkdir()
    with pytest.raises(InputError, match="leukbench fetch cnmc_2019 --from DIR"):
        cnmc_2019.fetch(tmp_path / "again", from_dir=tmp_path / "y")
    assert not (tmp_path / "again").exists()


# ----------------------------------------------------------------------------------------------------- blood_cells


def _blood(folder: Path, *, labels: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.csv").write_text(",Image,Category\n" + labels, encoding="utf-8")
    return folder


def _jpeg(file: Path, *, grey: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), np.full((24, 32, 3), grey, np.uint8))


@pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")
def test_several_labels_or_none_are_no_label_and_a_missing_file_is_a_row(tmp_path: Path) -> None:
    folder = _blood(tmp_path / "b", labels=',8,BASOPHIL\n,10,"NEUTROPHIL, EOSINOPHIL"\n,25,\n,116,MONOCYTE\n')
    manifest = blood_cells.index(folder).set_index("image_id")
    assert manifest["label"].to_dict() == {
        "original_BloodImage_00008": "BASOPHIL", "original_BloodImage_00010": "", "original_BloodImage_00025": "",
        "original_BloodImage_00116": "MONOCYTE",
    }  # fmt: skip
    assert (manifest["present"] == 0).all() and (manifest["origin"] == manifest.index).all()


@pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")
def test_augmented_images_have_unknown_origin_and_ids_with_pool_and_class(tmp_path: Path) -> None:
    folder = _blood(tmp_path / "b", labels="")
    for pool in ("TRAIN", "TEST"):
        _jpeg(folder / "images_sample" / pool / "MONOCYTE" / "_0_7.jpeg", grey=40)
    _jpeg(folder / "images" / "TEST_SIMPLE" / "MONOCYTE" / "_0_7.jpeg", grey=80)
    manifest = blood_cells.index(folder).set_index("image_id")
    assert sorted(manifest.index) == ["TEST_MONOCYTE_0_7", "TEST_SIMPLE_MONOCYTE_0_7", "TRAIN_MONOCYTE_0_7"]
    assert set(manifest["origin"]) == {""}


@pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")
def test_a_class_folder_outside_the_card_and_an_unknown_label_are_refused(tmp_path: Path) -> None:
    folder = _blood(tmp_path / "b", labels=",0,NEUTROFIL\n")
    with pytest.raises(DataError, match=r"(?s)outside the card.*found: NEUTROFIL"):
        blood_cells.index(folder)
    folder = _blood(tmp_path / "c", labels="")
    _jpeg(folder / "images_sample" / "TRAIN" / "PLATELET" / "_0_7.jpeg")
    with pytest.raises(DataError, match=r"(?s)outside the card.*found: PLATELET"):
        blood_cells.index(folder)
    with pytest.raises(DataError, match=r"(?s)not as expected.*Category"):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "labels.csv").write_text("Image,Kind\n1,NEUTROPHIL\n", encoding="utf-8")
        blood_cells.index(tmp_path / "d")


def test_the_shipped_list_has_the_published_counts() -> None:
    listed = pd.Series([fact["path"] for fact in base.read_facts("blood_cells")])
    images = listed[listed.str.startswith("images/")].str.split("/", expand=True)
    counted = {pool: of_pool[2].value_counts().to_dict() for pool, of_pool in images.groupby(1)}
    assert counted == {pool: dict(n) for pool, n in blood_cells.CARD.counts.items() if pool != "original"}
    assert listed.str.match(r"Original_Images/BloodImage_\d{5}\.jpg").sum() == 367


@pytest.mark.real
def test_the_real_originals_are_351_with_one_label_and_a_file_and_no_sample_is_short_of_it() -> None:
    manifest = blood_cells.index(real_folder("blood_cells"))
    originals = manifest[manifest["pool"] == "original"]
    usable = originals[(originals["label"] != "") & (originals["present"] == 1)]
    assert len(originals) == 411 and (originals["present"] == 1).sum() == 367 and len(usable) == 351
    assert manifest[manifest["image_id"] == "original_BloodImage_00116"][["label", "present"]].values.tolist() == [
        ["MONOCYTE", 0]
    ]
    found = manifest.groupby("pool").size().to_dict()
    assert all(found.get(pool, 0) <= blood_cells.CARD.n_images(pool) for pool in found)


# --------------------------------------------------------------------------------------------------- aria_all_2021


@pytest.mark.real
def test_the_real_aria_set_has_3256_images_and_no_patient() -> None:
    manifest = aria_all_2021.index(real_folder("aria_all_2021"))
    if len(manifest) < 3256:
        pytest.skip(f"{len(manifest)} of the 3,256 images are here")
    assert manifest.groupby("label").size().to_dict() == {"Benign": 504, "Early": 985, "Pre": 963, "Pro": 804}
    assert set(manifest["patient"]) == {""} and set(manifest["evidence"]) == {"absent"}
    assert set(manifest["width_px"]) == set(manifest["height_px"]) == {224}


# ----------------------------------------------------------------------------------------------------- base checks


def _counted(**labels: int) -> list[dict[str, str]]:
    return [{"pool": "original", "label": label} for label, n in labels.items() for _ in range(n)]


def test_counts_beyond_the_card_are_errors_and_fewer_are_a_warning(tmp_path: Path) -> None:
    card = aria_all_2021.CARD
    base.check_counts(card, _counted(Benign=504, Early=985, Pre=963, Pro=804), where=tmp_path)
    for wrong in (
        {"Benign": 505, "Early": 985, "Pre": 963, "Pro": 804},
        {"Benign": 503, "Early": 986, "Pre": 963, "Pro": 804},
        {"Benign": 505},
    ):
        with pytest.raises(DataError, match=r"(?s)not what its card states.*504 Benign"):
            base.check_counts(card, _counted(**wrong), where=tmp_path)
    with pytest.warns(LeukbenchWarning, match="incomplete"):
        base.check_counts(card, _counted(Benign=503, Early=985, Pre=963, Pro=804), where=tmp_path)


# ---------------------------------------------------------------------------------------------------- what is published


@pytest.mark.real
def test_an_altered_image_of_aria_is_named_when_it_is_indexed_and_the_same_pixels_pass(tmp_path: Path) -> None:
    real = real_folder("aria_all_2021")
    names = sorted((real / "Original" / "Benign").iterdir())[:3]
    folder = tmp_path / "Original" / "Benign"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name.name).write_bytes(name.read_bytes())
    (folder / "._x.jpg").write_bytes(b"?")
    with pytest.warns(LeukbenchWarning, match="incomplete"):
        whole = aria_all_2021.index(tmp_path)
    assert list(whole["sha256"]) == [hashlib.sha256(name.read_bytes()).hexdigest() for name in names]
    data = names[0].read_bytes()
    (folder / names[0].name).write_bytes(
        data[:2] + b"\xff\xfe\x00\x04hi" + data[2:]
    )  # a comment: other bytes, the same pixels
    with pytest.warns(LeukbenchWarning, match="incomplete"):
        assert len(aria_all_2021.index(tmp_path)) == 3
    image = cv2.imread(str(folder / names[1].name))
    cv2.imwrite(str(folder / names[1].name), image[::-1])
    with (
        pytest.warns(LeukbenchWarning, match="incomplete"),
        pytest.raises(DataError, match="not the published one") as raised,
    ):
        aria_all_2021.index(tmp_path)
    assert names[1].name in raised.value.where
