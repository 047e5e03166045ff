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
from leukbench.tools.splits.make import check_made, make_split, write_made
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
