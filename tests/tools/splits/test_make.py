"""``leukbench make-split`` and ``duplicates DIR``: groups stay whole, the certificate is counted again,
pairs are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from leukbench.cli.app import app
from leukbench.errors import InputError
from leukbench.tools.splits.check import check_split
from leukbench.tools.splits.collection import missing_text
from leukbench.tools.splits.make import check_made, make_split, summary, write_made
from leukbench.tools.splits.twins import find_twins
from tests.support.pictures_folder import write_images, write_table


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("world")
    rows = write_images(folder / "images", 96)
    shutil.copy(folder / "images" / "img_000.png", folder / "images" / "copy.png")
    rows.append(("copy.png", "train", "A", "P90"))  # of another patient: both must stay together
    return write_table(folder / "t.csv", rows), folder / "images"


@pytest.mark.parametrize(
    ("options", "column"),
    [(["--k", "4"], "fold"), (["--test", "0.25"], "split"), (["--test", "0.25", "--validation", "0.2"], "split")],
)
def test_made_split_passes_its_own_check_and_certify(
    world: tuple[Path, Path], tmp_path: Path, options: list[str], column: str
) -> None:
    table, images = world
    out = tmp_path / "split"
    result = CliRunner().invoke(app, ["make-split", str(table), "--images", str(images), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    made = pd.read_csv(out / "images.csv", dtype=str)
    assert made.groupby("patient")[column].nunique().max() == 1
    by_name = made.set_index("image_id")[column]
    assert by_name["copy.png"] == by_name["img_000.png"]
    assert not check_split(out / "images.csv", images).crosses
    certified = CliRunner().invoke(app, ["certify", str(out)])
    assert certified.exit_code == 0 and "kept" in certified.stdout
    again = CliRunner().invoke(app, ["make-split", str(table), "--images", str(images), "--out", str(out), *options])
    assert "a frozen split is not made anew" in str(again.exception)


def test_a_split_that_was_edited_is_told(world: tuple[Path, Path], tmp_path: Path) -> None:
    table, images = world
    write_made(make_split(table, images, k=3), tmp_path)
    assert check_made(tmp_path)[1] is False
    split = pd.read_csv(tmp_path / "split.csv", dtype=str, keep_default_na=False)
    row = split.index[split["role"].eq("train")][0]
    split.loc[row, "role"] = "test"
    split.to_csv(tmp_path / "split.csv", index=False, lineterminator="\n")
    text, broken = check_made(tmp_path)
    assert broken and "not the one that was certified" in text


def test_the_same_table_gives_the_same_split_and_another_seed_another(world: tuple[Path, Path]) -> None:
    table, images = world
    one, two, other = (make_split(table, images, k=3, seed=seed).certificate["sha256"] for seed in (0, 0, 1))
    assert one == two and one["split"] != other["split"]


def test_a_table_without_classes_is_refused(world: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [(f"img_{i:03d}.png", f"P{i // 4}") for i in range(8)]
    with pytest.raises(InputError, match="needs classes"):
        make_split(write_table(tmp_path / "t.csv", rows, ("filename", "patient")), world[1])


def test_duplicates_of_any_folder_are_named_with_their_distance_and_joined_by_patients(
    world: tuple[Path, Path], tmp_path: Path
) -> None:
    table, images = world
    twins = find_twins(images)
    assert twins.pairs[["image_id_a", "image_id_b", "kind", "distance"]].to_numpy().tolist() == [
        ["copy.png", "img_000.png", "identical_file", 0.0]
    ]
    result = CliRunner().invoke(app, ["duplicates", str(images), "--patients", str(table), "--out", str(tmp_path)])
    assert result.exit_code == 0 and "Patients joined by pairs" in result.stdout and "P90" in result.stdout
    groups = pd.read_csv(tmp_path / "groups.csv").set_index("image_id")["group"]
    assert groups["copy.png"] == groups["img_001.png"] == "P00"
    assert len(pd.read_csv(tmp_path / "pairs.csv")) == 1


def _rows(n: int = 96) -> list[tuple[str, str, str, str]]:
    return [(f"img_{i:03d}.png", "train", "AB"[i // 4 % 2], f"P{i // 4:02d}") for i in range(n)]


def test_a_class_called_none_is_one_and_images_without_a_label_or_file_are_told(
    world: tuple[Path, Path], tmp_path: Path
) -> None:
    labels = {"A": "None", "B": "ALL"}
    rows = [(n, p, "" if i < 8 else "NA" if i < 12 else labels[c], q) for i, (n, p, c, q) in enumerate(_rows())]
    table = write_table(tmp_path / "t.csv", [*rows, ("gone.png", "train", "ALL", "P50")])
    made = make_split(table, world[1], k=2)
    assert set(made.split["label"]) == {"None", "ALL"} and len(made.table[made.table["fold"] == ""]) == 12
    assert "12 images have no label and are in no fold." in made.notes
    assert "Column 'label' names no class where it says 'NA' (4 images): these images have no label." in made.notes
    assert any(text.startswith("None is taken as a class") for text in made.notes)
    assert "1 listed image is not in the folder: gone.png; it takes no part." in made.notes
    assert missing_text(["gone.png"]) in find_twins(world[1], patients=table).notes


def test_folders_of_classes_need_no_parts(world: tuple[Path, Path], tmp_path: Path) -> None:
    for name, _, label, _ in _rows(32):
        (tmp_path / label).mkdir(exist_ok=True)
        shutil.copy(world[1] / name, tmp_path / label / name)
    made = make_split(tmp_path, k=2)
    assert (
        made.table["label"].value_counts().to_dict() == {"A": 16, "B": 16}
        and "Folders are classes: A, B." in made.notes
    )
    with pytest.raises(InputError, match="do not say which part"):
        check_split(tmp_path)


def test_images_with_and_without_a_patient_are_counted(world: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [(*row[:3], row[3] if i < 84 else "") for i, row in enumerate(_rows())]
    made = make_split(write_table(tmp_path / "t.csv", rows), world[1], k=2)
    words = "by group, patients named for 84 of 96 images, the other 12 grouped by their pictures alone"
    assert words in summary(made)
    write_made(made, tmp_path / "out")
    assert words in check_made(tmp_path / "out")[0]


def test_classes_that_may_be_one_are_told(world: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [(n, p, "a" if c == "A" and i < 48 else c, q) for i, (n, p, c, q) in enumerate(_rows())]
    notes = make_split(write_table(tmp_path / "t.csv", rows), world[1], k=2).notes
    assert "Classes that may be one in several spellings, counted as different: A = a." in notes


@pytest.mark.parametrize("share", ["0", "0.0"])
def test_a_share_of_nothing_to_test_is_refused_and_makes_no_folds(
    world: tuple[Path, Path], tmp_path: Path, share: str
) -> None:
    table, images = world
    options = ["--images", str(images), "--out", str(tmp_path / "split"), "--test", share]
    result = CliRunner().invoke(app, ["make-split", str(table), *options])
    assert isinstance(result.exception, InputError) and "--test" in result.exception.where
    assert not (tmp_path / "split").exists()


def test_one_patient_in_two_forms_of_unicode_is_kept_together(world: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [(*row[:3], ("Mu\u0308ller", "M\u00fcller")[i % 2] if i < 4 else row[3]) for i, row in enumerate(_rows())]
    made = make_split(write_table(tmp_path / "t.csv", rows), world[1], k=2)
    assert made.table["patient"].nunique() == 24 and made.groups["group"].nunique() == 24
