"""The registry of defects: every entry's evidence is counted again here, from the tables that ship with the package."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from leukbench.cohort.defects import CHECKS, Defect, Known, read_registry, recount
from leukbench.errors import DataError, InputError
from leukbench.sources import base
from leukbench.tools.defects import defects, known_of
from tests.support.real_images import real_folder

VERSION, ENTRIES = read_registry()


@pytest.fixture(scope="module")
def known() -> dict[str, Known]:
    return {source: known_of(source) for source in {entry.source for entry in ENTRIES}}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_the_evidence_of_every_entry_comes_out_as_registered(entry: Defect, known: dict[str, Known]) -> None:
    evidence = recount(entry, known[entry.source])
    assert entry.finds and entry.what and entry.consequence
    assert set(evidence.images) <= set(known[entry.source].images["image_id"])
    assert len(evidence.images) == evidence.counts["images"]


def test_every_check_is_used_by_an_entry() -> None:
    assert {entry.check for entry in ENTRIES} == set(CHECKS)


def test_evidence_that_does_not_hold_is_an_error_that_shows_both_counts(known: dict[str, Known]) -> None:
    entry = next(e for e in ENTRIES if e.id == "cnmc.small_h")
    wrong = dataclasses.replace(entry, finds={"images": 35})
    with pytest.raises(DataError, match=r"(?s)'cnmc.small_h' does not come out.*expected: 35 images.*found: 36 images"):
        recount(wrong, known["cnmc_2019"])
    with pytest.raises(InputError, match="did you mean 'spelled'"):
        recount(dataclasses.replace(entry, check="speled"), known["cnmc_2019"])


def test_a_changed_table_of_files_breaks_the_evidence(known: dict[str, Known]) -> None:
    """If two copies of one file were no longer equal, the registry would say so."""
    entry = next(e for e in ENTRIES if e.id == "cnmc.identical_across_folds")
    found = recount(entry, known["cnmc_2019"])
    images = known["cnmc_2019"].images.copy()
    images.loc[images["image_id"].eq(found.images[0]), "sha256"] = "changed"
    with pytest.raises(DataError, match="expected: 94 pairs"):
        recount(entry, dataclasses.replace(known["cnmc_2019"], images=images))


def test_the_conflicting_labels_of_one_cell_reach_all_copies_made_of_it(known: dict[str, Known]) -> None:
    entry = next(e for e in ENTRIES if e.id == "blood.one_cell_two_labels")
    images = pd.Series(recount(entry, known["blood_cells"]).images)
    assert images.str.startswith("original_").sum() == 2
    assert images.str.startswith("TRAIN_LYMPHOCYTE").sum() > 20 and images.str.startswith("TRAIN_MONOCYTE").sum() > 20


def test_the_page_says_that_it_was_counted_and_names_images_on_request() -> None:
    page = defects("cnmc_2019", None, "")
    assert f"Registry version {VERSION}" in page and "counted again just now" in page
    assert "| cnmc.small_h " in page and "36 images" in page and "blood." not in page
    assert len(defects("", None, "cnmc.small_h").splitlines()) == 36
    with pytest.raises(InputError, match="did you mean 'cnmc_2019'"):
        defects("cnmc2019", None, "")


def test_predictions_are_scored_with_and_without_the_images_of_a_defect(
    tmp_path: Path, known: dict[str, Known]
) -> None:
    """All 36 images with a small h are called wrong, all others right: without them the accuracy is 1."""
    images = known["cnmc_2019"].images
    rows = images[images["official_fold"].eq("fold_0")].iloc[::9]
    rows = pd.concat([rows, images[images["path"].str.contains("UID_h")]]).drop_duplicates("image_id")
    wrong = rows["path"].str.contains("UID_h")
    called = rows["label"].where(~wrong, "ALL")
    table = rows[["image_id", "label", "patient"]].assign(predicted=called)
    table.to_csv(tmp_path / "p.csv", index=False)
    page = defects("cnmc_2019", tmp_path / "p.csv", "cnmc.small_h")
    line = next(line for line in page.splitlines() if "cnmc.small_h" in line and "accuracy" in line)
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[2] == f"36 of {len(rows)}" and cells[5].startswith("100.0")
    assert cells[4].startswith(f"{100 * (1 - 36 / len(rows)):.1f}")
    table.assign(image_id="x" + table["image_id"]).to_csv(tmp_path / "q.csv", index=False)
    with pytest.raises(InputError, match="no tested image is among those"):
        defects("cnmc_2019", tmp_path / "q.csv", "")


@pytest.mark.real
def test_the_originals_are_the_same_bytes_at_the_other_portal() -> None:
    there = {fact["name"]: fact["git_blob"] for fact in base.read_facts("blood_cells_bccd")}
    files = sorted((real_folder("blood_cells", "Original_Images") / "Original_Images").glob("*.jpg"))
    data = {file.name: file.read_bytes() for file in files}
    blobs = {name: hashlib.sha1(b"blob %d\0" % len(b) + b).hexdigest() for name, b in data.items()}
    assert {name: blob for name, blob in blobs.items() if name in there} == there
    assert sorted(set(blobs) - set(there)) == [f"BloodImage_{n:05d}.jpg" for n in (96, 280, 329)]


@pytest.mark.real
def test_the_shipped_label_cells_are_those_of_the_file() -> None:
    with (real_folder("blood_cells", "labels.csv") / "labels.csv").open(encoding="utf-8") as handle:
        cells = {line["Image"]: line["Category"] for line in csv.DictReader(handle)}
    assert {fact["Image"]: fact["Category"] for fact in base.read_facts("blood_cells_labels")} == cells
