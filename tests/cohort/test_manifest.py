from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leukbench.cohort.manifest import limit_manifest, manifest_sha256, read_manifest, write_manifest
from leukbench.cohort.tables import read_split
from leukbench.errors import DataError
from tests.support.cohorts import manifest_of

PATIENTS = [(f"a{i}", "all", 30) for i in range(12)] + [(f"h{i}", "hem", 15) for i in range(6)]
FOLDS = [str(i % 3) for i in range(18)]


def test_a_manifest_survives_the_disk_byte_by_byte(tmp_path: Path) -> None:
    manifest = manifest_of([("NA", "all", 2), ("", "hem", 1)])  # "NA" is a patient, not a missing value
    write_manifest(manifest, tmp_path / "a.csv")
    again = read_manifest(tmp_path / "a.csv", classes=("all", "hem"))
    assert again.to_numpy().tolist() == manifest.to_numpy().tolist()
    write_manifest(again, tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    import hashlib

    assert manifest_sha256(manifest) == hashlib.sha256((tmp_path / "a.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("image_id", "train_a_0_1.bmp", "stands twice"),
        ("label", "blast", "outside the source's card"),
        ("present", "yes", "at hand"),
        ("evidence", "certain", "unknown evidence"),
        ("patient", "", "evidence for a patient id that is not there"),
    ],
)
def test_a_bad_value_is_refused_with_line_column_and_image(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    manifest = manifest_of([("a", "all", 3)])
    manifest.loc[2, column] = value
    manifest.to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(DataError, match=message) as caught:
        read_manifest(tmp_path / "m.csv", classes=("all", "hem"))
    assert f"line 4, column {'evidence' if column == 'patient' else column}" in str(caught.value)


def test_missing_columns_and_files_are_refused_by_name(tmp_path: Path) -> None:
    manifest_of([("a", "all", 3)]).drop(columns="origin").to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(DataError, match="missing: origin"):
        read_manifest(tmp_path / "m.csv")
    with pytest.raises(DataError, match="cannot read a table"):
        read_manifest(tmp_path / "no.csv")
    (tmp_path / "s.csv").write_text("fold,role,image_id,origin,copy,label,group,patient\nx,train,a,a,0,all,g,p\n")
    with pytest.raises(DataError, match="column fold, line 2"):
        read_split(tmp_path / "s.csv")


def test_a_limit_keeps_classes_folds_and_enough_groups() -> None:
    manifest = manifest_of(PATIENTS, fold=FOLDS)
    limited = limit_manifest(manifest, 48, seed=0)
    assert len(limited) == 48
    assert set(zip(limited["official_fold"], limited["label"], strict=True)) == {
        (f, c) for f in "012" for c in ("all", "hem")
    }
    assert (limited.groupby(["official_fold", "label"])["patient"].nunique() >= 2).all()
    assert limited["label"].eq("all").sum() == 39  # 48 × 120 / 450 = 12.8 in each of three folds
    assert limited.equals(limit_manifest(manifest, 48, seed=0))
    assert not limited.equals(limit_manifest(manifest, 48, seed=1))


def test_a_limited_patient_still_has_several_images() -> None:
    limited = limit_manifest(manifest_of(PATIENTS), 120, seed=0)
    assert limited.groupby("patient").size().median() >= 5


def test_copies_follow_their_origins_and_are_not_counted() -> None:
    manifest = manifest_of(PATIENTS)
    copies = manifest.assign(image_id="copy_" + manifest["image_id"])
    both = pd.concat([manifest, copies], ignore_index=True)
    limited = limit_manifest(both, 40, seed=0)
    assert len(limited) == 80
    assert limited.groupby("origin").size().eq(2).all()


def test_a_limit_too_small_for_every_fold_and_class_is_refused() -> None:
    with pytest.raises(DataError, match="at least 12"):
        limit_manifest(manifest_of(PATIENTS, fold=FOLDS), 11, seed=0)
