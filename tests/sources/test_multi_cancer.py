"""The multi-cancer card on a made folder in its layout; none of its files is at hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from leukbench.errors import DataError, LeukbenchWarning
from leukbench.sources import load_source, multi_cancer
from leukbench.sources.verify import verify_source

CLASSES = ("benign", "early", "pre", "pro")


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Two images a class below ALL, as the portal wraps them, beside another kind of cancer."""
    top = tmp_path / "versions" / "3" / "Multi Cancer"
    for k, name in enumerate((*CLASSES, "glioma")):
        part = "ALL" if name in CLASSES else "Brain Cancer"
        folder = top / part / (f"all_{name}" if part == "ALL" else f"brain_{name}")
        folder.mkdir(parents=True)
        for number in (1, 2):
            cv2.imwrite(
                str(folder / f"{folder.name}_{number:04d}.jpg"), np.full((16, 16, 3), 40 * k + number, np.uint8)
            )
    return tmp_path


@pytest.fixture
def folder(collection: Path) -> Path:
    fetch = load_source("multi_cancer").fetch
    assert fetch is not None
    fetch(collection / "data" / "multi_cancer", from_dir=collection / "versions")
    return collection / "data" / "multi_cancer"


@pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")
def test_images_are_indexed_by_class_and_their_origins_are_unknown(folder: Path) -> None:
    manifest = multi_cancer.index(folder)
    assert manifest.groupby("label").size().to_dict() == {"Benign": 2, "Early": 2, "Pre": 2, "Pro": 2}
    assert (
        set(manifest["origin"]) == {""} and set(manifest["evidence"]) == {"absent"} and set(manifest["pool"]) == {"ALL"}
    )
    assert (
        manifest["image_id"].iloc[0] == "all_benign_0001"
        and manifest["path"].iloc[0] == "ALL/all_benign/all_benign_0001.jpg"
    )
    with pytest.warns(LeukbenchWarning, match="2 Benign"):
        multi_cancer.index(folder)


def test_hashes_are_recorded_when_the_files_come_and_later_changes_are_found(folder: Path) -> None:
    listed = multi_cancer.listing(folder)
    assert len(listed) == 8 and set(listed["path"].str.split("/").str[0]) == {"ALL"}
    report = verify_source("multi_cancer", folder)
    assert report.intact and report.complete and report.n_checked == 8 and not report.extra
    changed = folder / "ALL" / "all_pro" / "all_pro_0001.jpg"
    cv2.imwrite(str(changed), np.full((16, 16, 3), 255, np.uint8))
    assert verify_source("multi_cancer", folder).altered == ("ALL/all_pro/all_pro_0001.jpg",)


def test_without_a_record_the_images_are_still_decoded(folder: Path) -> None:
    folder.with_name("multi_cancer.sha256").unlink()
    report = verify_source("multi_cancer", folder)
    assert report.intact and report.n_listed == 0
    assert "no list of hashes is published or recorded, 8 images decoded" in report.summary()
    broken = folder / "ALL" / "all_pre" / "all_pre_0002.jpg"
    broken.write_bytes(broken.read_bytes()[:-30])
    assert verify_source("multi_cancer", folder).truncated == ("ALL/all_pre/all_pre_0002.jpg",)


@pytest.mark.parametrize(
    "stray", ["ALL/all_pro/all_pre_0009.jpg", "ALL/all_late/all_late_0001.jpg", "ALL/all_pro/notes.txt"]
)
@pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")
def test_a_stray_file_is_refused(stray: str, folder: Path) -> None:
    (folder / stray).parent.mkdir(exist_ok=True)
    (folder / stray).write_bytes(b"")
    with pytest.raises(DataError, match=r"(?s)no image of the set.*" + stray.rsplit("/", 1)[1]):
        multi_cancer.index(folder)
