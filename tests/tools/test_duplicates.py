"""verify and duplicates on a made cohort whose duplicates are known."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from leukbench.sources import load_source
from leukbench.tools import duplicates as data


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    make = load_source("synthetic_cells").make
    assert make is not None
    make(folder, images=160, seed=0)
    return folder


def test_every_planted_copy_is_counted_and_the_patients_that_share_one_are_named(cells: Path) -> None:
    truth = list(csv.DictReader((cells / "truth.csv").open(encoding="utf-8")))
    planted = [row for row in truth if row["duplicate_of"]]
    text = data.duplicates("synthetic_cells", cells)
    counted = next(line for line in text.splitlines() if line.startswith("| identical file"))
    assert int(counted.split("|")[2]) >= len(planted) > 0
    across, of = counted.split("|")[3].split(" of ")
    assert "across patients" in text and int(across) <= int(of) == int(counted.split("|")[2])
    assert ("Patients joined by pairs" in text) == (int(across) > 0)


def test_pairs_without_a_value_are_not_counted_on_either_side_of_a_boundary() -> None:
    images = pd.DataFrame(
        {"image_id": list("abcd"), "patient": ["1", "2", "2", ""], "label": ["x", "x", "y", "y"], "pool": "p"}
        | {"official_fold": ["f", "f", "", ""], "present": ["1", "1", "0", "0"]}
    )
    pairs = pd.DataFrame({"image_id_a": ["a", "b", "b"], "image_id_b": ["b", "c", "d"]})
    pairs["kind"] = ["near_identical", "near_identical", "same_field"]
    near, field = data._crossings(pairs, images)
    assert (near["across patients"], near["across classes"]) == ("1 of 2", "one at hand")
    assert near["across official folds"] == "one at hand" and field["across official folds"] == "–"
    assert (field["across patients"], field["across classes"]) == ("–", "1 of 1")


def test_an_altered_file_is_named_and_ends_the_check(cells: Path, tmp_path: Path) -> None:
    text, intact = data.verify("synthetic_cells", cells)
    assert intact and "intact, " in text
    image = next(cells.rglob("*.png"))
    kept = image.read_bytes()
    image.write_bytes(kept[: len(kept) // 2])
    try:
        text, intact = data.verify("synthetic_cells", cells)
    finally:
        image.write_bytes(kept)
    assert not intact and image.name in text
