"""``leukbench check-split``: what is planted is named, what is honest passes, and real layouts are read as they are."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from leukbench.cli.app import app
from leukbench.errors import DataError, InputError
from leukbench.tools.splits.check import check_split
from leukbench.tools.splits.make import make_split
from tests.support.pictures_folder import made_up, write_images, write_table


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_images(folder)
    return folder


ROWS = [
    (f"img_{i:03d}.png", "test" if i // 4 % 3 == 0 else "train", "AB"[i // 4 % 2], f"P{i // 4:02d}") for i in range(48)
]


def test_images_beside_a_folder_that_holds_its_own_are_refused(images: Path, tmp_path: Path) -> None:
    for name, part, label, _ in ROWS:
        target = tmp_path / "data" / part / label / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(images / name, target)
    data = tmp_path / "data"
    for call in (check_split, make_split):
        with pytest.raises(InputError, match="no other folder can hold them") as caught:
            call(data, images)
        assert (caught.value.where, caught.value.found) == (f"--images {images}", str(data))
    assert check_split(data, data).facts == check_split(data).facts


def test_an_honest_split_passes_with_code_0_and_names_nothing(images: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", ROWS)
    found = check_split(table, images)
    assert not found.crosses and not found.facts["shared"] and not found.facts["conflicts"]
    result = CliRunner().invoke(
        app, ["check-split", str(table), "--images", str(images), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0 and "Nothing was found that crosses" in result.stdout
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pairs_across.csv").write_text("of an earlier check", encoding="utf-8")
    assert found.write(tmp_path / "out") == [] and not [*(tmp_path / "out").iterdir()]


def test_planted_patients_copies_and_conflicts_are_named_and_written(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    shutil.copytree(images, folder)
    shutil.copy(folder / "img_000.png", folder / "same.png")
    cv2.imwrite(str(folder / "pixels.bmp"), cv2.imread(str(folder / "img_001.png")))
    cv2.imwrite(str(folder / "flip.jpg"), cv2.flip(made_up(2), 1), [cv2.IMWRITE_JPEG_QUALITY, 85])
    planted = [
        ("same.png", "train", "B", "P20"),
        ("pixels.bmp", "train", "A", "P21"),
        ("flip.jpg", "train", "A", "P22"),
    ]
    rows = [*ROWS, *planted, ("img_047.png", "test", "B", "P11")]
    table = write_table(tmp_path / "t.csv", rows)
    result = CliRunner().invoke(
        app, ["check-split", str(table), "--images", str(folder), "--format", "json", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 1
    facts = json.loads(result.stdout)
    assert [s["name"] for s in facts["shared"] if s["what"] == "patient"] == ["P11"]
    across = pd.read_csv(tmp_path / "out" / "pairs_across.csv")
    found = {
        frozenset((a, b)): kind
        for a, b, kind in zip(across["image_id_a"], across["image_id_b"], across["kind"], strict=True)
    }
    assert found == {
        frozenset(("img_000.png", "same.png")): "identical_file",
        frozenset(("img_001.png", "pixels.bmp")): "identical_pixels",
        frozenset(("img_002.png", "flip.jpg")): "near_identical",
        frozenset(("img_047.png", "img_047.png (row 2)")): "identical_file",
    }
    conflicts = pd.read_csv(tmp_path / "out" / "label_conflicts.csv")
    assert conflicts[["image_id_a", "label_a", "image_id_b", "label_b"]].to_numpy().tolist() == [
        ["img_000.png", "A", "same.png", "B"]
    ]
    touched = {t["part"]: t for t in facts["touched"]}
    assert (touched["test"]["identical"], touched["test"]["near"], touched["test"]["patient"]) == (3, 1, 1)


def test_a_device_that_decides_the_class_is_said(images: Path, tmp_path: Path) -> None:
    rows = [(*row, "zeiss" if row[2] == "A" else "leica", "here") for row in ROWS]
    table = write_table(
        tmp_path / "t.csv", rows, ("Image Name", "Subset", "Diagnosis", "Patient ID", "scanner", "hospital")
    )
    found = check_split(table, images)
    assert {"one": "device", "other": "label", "cramers_v": 1.0} in found.facts["confounded"]
    assert "Device goes with label" in found.text("md")


def test_a_class_that_colour_tells_is_told_and_noise_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    rows = write_images(folder, 72)
    for name, _, label, _ in rows:
        if label == "A":
            image = cv2.imread(str(folder / name))
            cv2.imwrite(str(folder / name), cv2.add(image, (60, 0, 0, 0)))
    probes = {p["what"]: p for p in check_split(write_table(tmp_path / "t.csv", rows), folder).facts["probes"]}
    assert probes["class"]["above_chance"] and probes["class"]["value"] > 0.8
    assert not probes["part of the split"]["above_chance"]


@pytest.mark.parametrize("layout", ["torchvision", "datasets", "monai", "stems", "windows", "parquet"])
def test_layouts_as_people_have_them_give_the_same_answer(images: Path, tmp_path: Path, layout: str) -> None:
    rows = [("img_000.png", "train", "A", "P00") if row[0] == "img_000.png" else row for row in ROWS]
    folder = images
    if layout in {"torchvision", "datasets"}:
        table = tmp_path / "data"
        for name, part, label, _ in rows:
            place = table / part / (label if layout == "torchvision" else "")
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(images / name, place / name)
        if layout == "datasets":
            for part in ("train", "test"):
                of_part = [(n, la, pa) for n, pt, la, pa in rows if pt == part]
                write_table(table / part / "metadata.csv", of_part, ("file_name", "label", "patient"))
        folder = None
    elif layout == "monai":
        table = tmp_path / "list.json"
        lists = {
            key: [{"image": n, "label": la, "patient": pa} for n, pt, la, pa in rows if pt == part]
            for key, part in (("training", "train"), ("testing", "test"))
        }
        table.write_text(json.dumps({"name": "mine", "labels": {"0": "A"}, **lists}))
    elif layout == "parquet":
        table = tmp_path / "t.parquet"
        pd.DataFrame(rows, columns=["image_path", "split", "label", "patient_id"]).to_parquet(table)
    else:
        names = [row[0].removesuffix(".png") if layout == "stems" else f"D:\\data\\set\\{row[0]}" for row in rows]
        table = write_table(
            tmp_path / "t.csv",
            [(n, *row[1:]) for n, row in zip(names, rows, strict=True)],
            ("id", "subset", "class", "case"),
        )
    found = check_split(table, folder)
    assert found.facts["n_images"] == 48
    assert {p["part"][:4]: p["n_images"] for p in found.facts["parts"]} == {"test": 15, "trai": 33}
    if layout != "torchvision":
        assert [s["name"] for s in found.facts["shared"]] == ["P00"]


def test_folds_are_parts_too(images: Path, tmp_path: Path) -> None:
    rows = [(name, str(i % 3), label, patient) for i, (name, _, label, patient) in enumerate(ROWS)]
    found = check_split(write_table(tmp_path / "t.csv", rows, ("filename", "fold", "label", "patient")), images)
    assert [p["part"] for p in found.facts["parts"]] == ["0", "1", "2"] and len(found.facts["shared"]) == 12


def test_dirt_is_left_out_and_counted_and_broken_images_are_all_named(images: Path, tmp_path: Path) -> None:
    table = tmp_path / "data"
    for name, part, label, _ in ROWS:
        (table / part / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(images / name, table / part / label / name)
    for dirt in (
        ".DS_Store",
        "train/A/._img_004.png",
        "train/Thumbs.db",
        "__MACOSX/train/A/img_004.png",
        "test/desktop.ini",
    ):
        (table / dirt).parent.mkdir(parents=True, exist_ok=True)
        (table / dirt).write_bytes(b"dirt")
    found = check_split(table)
    assert found.facts["n_images"] == 48
    assert any("5 files of the operating system are left out" in text for text in found.facts["notes"])
    for name in ("img_000.png", "img_003.png"):
        file = table / "test" / "A" / name
        file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(DataError) as raised:
        check_split(table)
    assert raised.value.what == "2 of 48 images are not whole"
    assert "img_000.png" in raised.value.found and "img_003.png" in raised.value.found


def test_html_page_escapes_what_names_hold(images: Path, tmp_path: Path) -> None:
    rows = [(name, part, label, "<b>" if i < 8 else patient) for i, (name, part, label, patient) in enumerate(ROWS)]
    text = check_split(write_table(tmp_path / "t.csv", rows), images).text("html")
    assert text.startswith("<!doctype html>") and "&lt;b&gt;" in text and "<b>" not in text and "http" not in text


@pytest.mark.parametrize(
    ("header", "rows", "words"),
    [
        (("filename", "label"), [("img_000.png", "A")], "one part only"),
        (("who", "split"), [("img_000.png", "A")], "no column names the images"),
        (("filename", "split"), [("nowhere.png", "train"), ("gone.png", "test")], "none of the images"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    images: Path, tmp_path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        check_split(write_table(tmp_path / "t.csv", rows, header), images)


def test_images_that_are_not_there_are_counted_and_two_of_one_name_refused(images: Path, tmp_path: Path) -> None:
    found = check_split(write_table(tmp_path / "t.csv", [*ROWS, ("gone.png", "train", "A", "P30")]), images)
    assert found.facts["missing"] == ["gone.png"]
    folder = tmp_path / "twice"
    for part in ("a", "b"):
        (folder / part).mkdir(parents=True)
        cv2.imwrite(str(folder / part / "x.png"), made_up(1 if part == "a" else 2))
    table = write_table(tmp_path / "x.csv", [("x.png", "train"), ("x.png", "test")], ("filename", "split"))
    with pytest.raises(InputError, match="several files of the folder bear one name"):
        check_split(table, folder)
    write_table(table, [("a/x.png", "train"), ("/home/me/b/x.png", "test")], ("filename", "split"))
    assert check_split(table, folder).facts["n_images"] == 2


# ------------------------------------------------------------------------------------------ tables as people write them


def _facts(images: Path, folder: Path, rows: list[tuple[str, ...]]) -> dict[str, Any]:
    return check_split(write_table(folder / "t.csv", rows), images).facts


def test_a_patient_written_as_a_decimal_is_the_one_written_whole(images: Path, tmp_path: Path) -> None:
    rows = [(n, p, c, f"{i // 4}.0" if i % 2 else f"{i // 4}") for i, (n, p, c, _) in enumerate(ROWS)]
    assert _facts(images, tmp_path, rows)["n_patients"] == 12
    crossing = [("img_001.png", "train", "A", "0.0"), *[row for row in rows if row[0] != "img_001.png"]]
    assert _facts(images, tmp_path, crossing)["shared"] == [
        {"what": "patient", "name": "0", "parts": "test: 3, train: 1", "images": 4}
    ]


@pytest.mark.parametrize("other", ["p00", "P 0", "P-00", "P0"])
def test_a_patient_under_another_spelling_on_the_other_side_is_never_passed_over(
    images: Path, tmp_path: Path, other: str
) -> None:
    rows = [("img_001.png", "train", "A", other), *[row for row in ROWS if row[0] != "img_001.png"]]
    found = check_split(write_table(tmp_path / "t.csv", rows), images)
    assert found.crosses
    assert [s["what"] for s in found.facts["shared"]] == ["spelling"]
    assert f"P00 = {other}" in found.text("md") or f"{other} = P00" in found.text("md")
    assert {t["part"]: t["patient"] for t in found.facts["touched"]} == {"test": 3, "train": 1}
    with pytest.raises(InputError, match="1 patients are written in several ways"):
        make_split(tmp_path / "t.csv", images, k=3)


def test_one_of_a_kind_is_told_as_one(images: Path, tmp_path: Path) -> None:
    rows = [(n, "train" if i else "test", c, "p01" if i else "P1") for i, (n, _, c, _) in enumerate(ROWS)]
    rows.append((ROWS[0][0], "test", "B" if ROWS[0][2] == "A" else "A", "P1"))
    page = check_split(write_table(tmp_path / "t.csv", rows), images).text("md")
    assert "1 patient in spellings that differ in case, blanks, dashes or leading zeros alone is in several" in page
    assert "1 pair of equal pixels has two labels" in page


def test_spellings_on_one_side_are_said_and_cross_nothing(images: Path, tmp_path: Path) -> None:
    rows = [("img_001.png", "test", "A", "p00"), *[row for row in ROWS if row[0] != "img_001.png"]]
    facts = _facts(images, tmp_path, rows)
    assert not facts["crosses"] and any("P00 = p00" in text for text in facts["notes"])


def test_images_without_a_patient_are_counted_beside_the_verdict(images: Path, tmp_path: Path) -> None:
    rows = [(n, p, c, q if i % 3 else "nan") for i, (n, p, c, q) in enumerate(ROWS)]
    found = check_split(write_table(tmp_path / "t.csv", rows), images)
    assert found.facts["n_without_patient"] == 16
    assert "Whose 16 of the 48 images are is not said" in found.text("md")


def test_one_part_in_two_spellings_is_one_and_an_image_without_a_part_takes_none(images: Path, tmp_path: Path) -> None:
    rows = [(n, {0: p, 1: p.upper(), 2: "", 3: f" {p} "}[i % 4], c, q) for i, (n, p, c, q) in enumerate(ROWS)]
    facts = _facts(images, tmp_path, rows)
    assert not facts["crosses"] and [(p["part"], p["n_images"]) for p in facts["parts"]] == [
        ("test", 12),
        ("train", 24),
    ]
    assert "Parts written TEST, test are one: test." in facts["notes"]
    assert "12 images have no part of the split and are left out." in facts["notes"]


def test_names_in_another_case_or_form_of_umlaut_are_found_unless_two_files_fit(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Bilder mit Ä"
    folder.mkdir()
    for name, *_ in ROWS:
        shutil.copy(images / name, folder / unicodedata.normalize("NFD", f"Größe {name[4:7]}.PNG"))
    rows = [(f"größe {name[4:7]}.png", *rest) for name, *rest in ROWS]
    assert _facts(folder, tmp_path, rows)["n_images"] == 48
    windows = [(rf"C:\Users\Me\Bilder\{name}", *rest) for name, *rest in rows]
    assert _facts(folder, tmp_path, windows)["n_images"] == 48
    shutil.copy(images / ROWS[0][0], folder / "GRÖSSE 000.png")
    with pytest.raises(InputError, match="several files of the folder bear one name"):
        _facts(folder, tmp_path, rows)


def test_a_table_with_a_header_alone_says_so(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this table has no rows"):
        _facts(images, tmp_path, [])


def test_images_inside_parquet_files_are_checked_by_the_parts_in_their_names(images: Path, tmp_path: Path) -> None:
    """As the datasets library writes them: labels as numbers with their names in the metadata, images as bytes."""
    import pyarrow
    import pyarrow.parquet

    features = {"features": {"label": {"names": ["A", "B"], "_type": "ClassLabel"}, "image": {"_type": "Image"}}}
    for part, shard in (("train", 0), ("train", 1), ("test", 0)):
        rows = [row for i, row in enumerate(ROWS) if row[1] == part and (part == "test" or i % 2 == shard)]
        table = pyarrow.table(
            {
                "image": [{"bytes": (images / name).read_bytes(), "path": name} for name, *_ in rows],
                "label": ["AB".index(label) for _, _, label, _ in rows],
                "patient": [patient for *_, patient in rows],
            }
        ).replace_schema_metadata({"huggingface": json.dumps({"info": features})})
        (tmp_path / "data").mkdir(exist_ok=True)
        n = 2 if part == "train" else 1
        pyarrow.parquet.write_table(table, tmp_path / "data" / f"{part}-{shard:05d}-of-{n:05d}.parquet")
    found = check_split(tmp_path / "data")
    assert [(p["part"], p["n_images"], p["label"]) for p in found.facts["parts"]] == [
        ("test", 16, {"A": 8, "B": 8}), ("train", 32, {"A": 16, "B": 16})
    ]  # fmt: skip
    assert found.facts["n_patients"] == 12 and not found.crosses
    shutil.copy(tmp_path / "data" / "test-00000-of-00001.parquet", tmp_path / "data" / "validation.parquet")
    assert check_split(tmp_path / "data").facts["pairs"][0]["across_parts"] == 16
    # one shard alone: its rows are all of one part
    with pytest.raises(InputError, match="there is one part only"):
        check_split(tmp_path / "data" / "test-00000-of-00001.parquet")


@pytest.mark.parametrize("nobody", ["unknown", "-", "-1", "None", "?", "n/a"])
def test_who_is_nobody_crosses_nothing_and_joins_nobody(images: Path, tmp_path: Path, nobody: str) -> None:
    rows: list[tuple[str, ...]] = [
        (*row[:3], nobody if i % 4 == 0 else row[3]) for i, row in enumerate(ROWS)
    ]  # in train and in test
    table = write_table(tmp_path / "t.csv", rows)
    found = check_split(table, images)
    assert not found.crosses and found.facts["n_without_patient"] == 12 and found.facts["n_patients"] == 12
    assert (
        f"Column 'patient' names nobody where it says {nobody!r} (12 images): these images have no patient."
        in (found.facts["notes"])
    )
    made = make_split(table, images, k=2)
    assert made.groups["group"].nunique() == 24


@pytest.mark.parametrize("other", ["subject", "patient_id"])
def test_a_patient_of_each_image_beside_the_person_is_asked_about(images: Path, tmp_path: Path, other: str) -> None:
    rows: list[tuple[str, ...]] = [(*row[:3], f"u{i}", "P00" if i in (0, 47) else row[3]) for i, row in enumerate(ROWS)]
    table = write_table(tmp_path / "t.csv", rows, ("filename", "split", "label", "patient", other))
    for command in (check_split, make_split):
        with pytest.raises(InputError, match="another one names fewer") as raised:
            command(table, images)
        assert f"--map patient={other}" in raised.value.do
    found = check_split(table, images, mapping=[f"patient={other}"])
    assert [s["name"] for s in found.facts["shared"]] == ["P00"]
    assert "Patients are read from column " + repr(other) + "; not read: 'patient'." in found.facts["notes"]


# ------------------------------------------------------------------------------ files, links and lists as they come


def _names(found: Any) -> list[tuple[str, str]]:
    return [(p["kind"], p["across_parts"]) for p in found.facts["pairs"]]


def test_a_row_whose_file_is_missing_takes_no_file_of_another_folder(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    paths = [f"p{patient}/{i}.png" for patient in (1, 2) for i in range(6)]
    for seed, path in enumerate(paths[:-1]):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / path), made_up(seed))
    rows = [(path, "train" if path.startswith("p1") else "test") for path in paths]
    for before in ("", "/home/me/set/"):
        named = [(before + path, part) for path, part in rows]
        found = check_split(write_table(tmp_path / "t.csv", named, ("filename", "split")), folder)
        assert found.facts["missing"] == [f"{before}p2/5.png"] and not found.crosses
        assert f"1 listed image is not in the folder: {before}p2/5.png; it takes no part." in found.text("md")


def test_a_row_whose_file_is_missing_takes_no_file_that_no_row_names_either(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for i, name in enumerate(("P0/5.png", "P1/5.png", "P3/7.png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(images / ROWS[i][0], folder / name)
    rows = [("P0/5.png", "train", "A", "P0"), ("P1/5.png", "test", "B", "P1"), ("P9/7.png", "test", "B", "P9")]
    facts = check_split(write_table(tmp_path / "t.csv", rows), folder).facts
    assert facts["missing"] == ["P9/7.png"] and facts["n_images"] == 2
    assert "1 image of the folder is in no row." in facts["notes"]


def test_two_images_of_a_table_that_may_be_one_file_are_refused(images: Path, tmp_path: Path) -> None:
    rows = [(f"{part}/img_00{i}.png", part) for part in ("train", "test") for i in range(3)]
    with pytest.raises(InputError, match="two images of the table may be one file") as raised:
        check_split(write_table(tmp_path / "t.csv", rows, ("filename", "split")), images)
    assert raised.value.where.endswith("t.csv, lines 2 and 5") and "test/img_000.png" in raised.value.found
    rows = [("img_000.png", "train"), (f"{images}/img_000.png", "test"), ("img_001.png", "test")]
    found = check_split(write_table(tmp_path / "t.csv", rows, ("filename", "split")), images)
    assert _names(found) == [("identical_file", 1)]  # one file under a short and a long name


def _parts_of(images: Path, folder: Path, parts: tuple[str, ...] = ("train", "test")) -> Path:
    for name, part, label, _ in ROWS:
        if part in parts:
            (folder / part / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(images / name, folder / part / label / name)
    return folder


def test_linked_folders_are_followed_and_links_that_lead_back_or_nowhere_told(images: Path, tmp_path: Path) -> None:
    data, other = _parts_of(images, tmp_path / "data"), tmp_path / "other"
    shutil.copytree(data / "train" / "A", other / "A")
    (data / "val").symlink_to(other)
    (data / "train" / "again").symlink_to(data)
    (data / "train" / "A" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (other / "up").symlink_to(tmp_path)
    found = check_split(data)
    assert {p["part"]: p["n_images"] for p in found.facts["parts"]} == {"test": 16, "train": 32, "val": 16}
    assert _names(found) == [("identical_file", 16)] and found.crosses
    assert any(text.startswith("3 links lead nowhere or back to a folder above") for text in found.facts["notes"])


def test_an_image_beside_the_folders_of_the_parts_is_told_and_in_none(images: Path, tmp_path: Path) -> None:
    data = _parts_of(images, tmp_path / "data")
    shutil.copy(images / "img_000.png", data / "overview.png")
    found = check_split(data)
    assert found.facts["n_images"] == 48 and not found.crosses
    assert "1 image lies in no folder and is left out." in found.facts["notes"]


def test_names_with_a_hash_stay_apart(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    shutil.copytree(images, folder)
    shutil.copy(folder / "img_000.png", folder / "img#001.png")
    rows = [*ROWS, ("img#001.png", "train", "A", "P30")]
    found = check_split(write_table(tmp_path / "t.csv", rows), folder)
    assert found.facts["n_images"] == 49 and _names(found) == [("identical_file", 1)]
    assert list(found.tables["pairs_across"][["image_id_a", "image_id_b"]].iloc[0]) == [
        "img_000.png", "img_001.png (row 2)"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "where", "words"),
    [
        ("metadata.csv", "picture of,label\nimg_000.png,A\n", "metadata.csv, line 1", "no column names the images"),
        (
            "metadata.jsonl",
            '{"file_name": "img_000.png"}\n{"file_name": \n',
            "metadata.jsonl, line 2",
            "no JSON object",
        ),
        ("metadata.jsonl", '["img_000.png"]\n', "jsonl, line 1", "no JSON object"),
    ],
)
def test_metadata_that_cannot_be_read_are_refused_by_file_and_line(
    images: Path, tmp_path: Path, name: str, text: str, where: str, words: str
) -> None:
    data = _parts_of(images, tmp_path / "data")
    (data / "train" / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as raised:
        check_split(data)
    assert raised.value.where.endswith(where)


def test_metadata_may_have_a_column_that_is_mapped_and_name_images_that_are_not_there(
    images: Path, tmp_path: Path
) -> None:
    data = _parts_of(images, tmp_path / "data")
    (data / "train" / "metadata.csv").write_text("picture of,who\nB/img_004.png,P9\nA/gone.png,P8\n", encoding="utf-8")
    (data / "test" / "metadata.csv").write_text("picture of,who\nA/img_000.png,P9\n", encoding="utf-8")
    found = check_split(data, mapping=["image_id=picture of", "patient=who"])
    assert [s["name"] for s in found.facts["shared"]] == ["P9"] and found.facts["missing"] == ["train/A/gone.png"]
    shutil.rmtree(data)
    with pytest.raises(InputError, match="no table is read"):
        check_split(_parts_of(images, data), mapping=["patient=who"])


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_metadata_in_the_folder_itself_are_read(images: Path, tmp_path: Path, name: str) -> None:
    data = _parts_of(images, tmp_path / "data")
    rows = [(f"{part}/{label}/{image}", patient) for image, part, label, patient in ROWS]
    first = {path.split("/")[0]: path for path, _ in reversed(rows)}.values()
    rows = [(path, "P00" if path in first else patient) for path, patient in rows]
    if name.endswith("csv"):
        write_table(data / name, rows, ("file_name", "Patient ID"))
    else:
        lines = [json.dumps({"file_name": image, "Patient ID": patient}) for image, patient in rows]
        (data / name).write_text("\n".join(lines), encoding="utf-8")
    found = check_split(data)
    assert [s["name"] for s in found.facts["shared"]] == ["P00"]
    assert f"Read from {name}: patient." in found.facts["notes"]
    (data / name).write_text("who,age\nP00,5\n" if name.endswith("csv") else '{"who": "P00"}', encoding="utf-8")
    assert any(text.startswith(f"{name} names no images") for text in check_split(data).facts["notes"])


def test_metadata_may_name_the_parts_of_folders_of_classes(images: Path, tmp_path: Path) -> None:
    for image, _, label, _ in ROWS:
        (tmp_path / label).mkdir(exist_ok=True)
        shutil.copy(images / image, tmp_path / label / image)
    rows = [(f"{label}/{image}", part if i else "", patient) for i, (image, part, label, patient) in enumerate(ROWS)]
    write_table(tmp_path / "metadata.csv", rows, ("file_name", "split", "patient"))
    facts = check_split(tmp_path).facts
    assert {p["part"]: p["n_images"] for p in facts["parts"]} == {"test": 15, "train": 32}
    assert "1 image has no part of the split; it is left out." in facts["notes"] and facts["n_without_patient"] == 0


def test_what_of_a_folder_or_table_says_nothing_is_told(images: Path, tmp_path: Path) -> None:
    data = _parts_of(images, tmp_path / "data")
    for i, part in enumerate(("train", "test")):
        (data / part / "A" / "P07").mkdir()
        shutil.copy(images / ROWS[i * 2][0], data / part / "A" / "P07" / "more.png")
    for name in ("scan.dcm", "photo.HEIC", "notes.txt", "labels.csv"):
        (data / "train" / name).write_bytes(b"something")
    shutil.copy(images / ROWS[0][0], data / "train" / "A" / "without")
    notes = check_split(data).facts["notes"]
    left = "3 images are of kinds that are not read and left out ("
    assert any(text.startswith(left) and "without an ending: 1" in text and ".heic: 1" in text for text in notes)
    assert any(text.startswith("Folders below those of the classes (1, as P07) say nothing") for text in notes)
    assert any(text.startswith("Not read: train/labels.csv; give a table") for text in notes)
    rows = [(*row[:3], "s1", row[3]) for row in ROWS]
    table = write_table(tmp_path / "t.csv", rows, ("image", "split", "label", "slide", "Pat-Nr"))
    told = "Columns not read: 'slide', 'Pat-Nr'; if one of them names the person: --map patient=COLUMN."
    assert told in check_split(table, images).facts["notes"]
    assert "Columns not read: 'slide'." in check_split(table, images, mapping=["patient=Pat-Nr"]).facts["notes"]


def test_a_datalist_names_images_in_lists_of_one_and_what_names_several_is_told(images: Path, tmp_path: Path) -> None:
    lists = {
        key: [{"image": [n], "label": la, "patient": pa} for n, pt, la, pa in ROWS if pt == part]
        for key, part in (("training", "train"), ("validation", "test"))
    }
    lists["training"].append({"image": ["img_000.png", "img_001.png"], "label": "A", "patient": "P00"})
    table = tmp_path / "list.json"
    table.write_text(json.dumps(lists))
    found = check_split(table, images)
    assert found.facts["n_images"] == 48
    assert any(text.startswith("1 entry of the datalist names no single image") for text in found.facts["notes"])
    assert any("training[32]" in text for text in found.facts["notes"])


@pytest.mark.parametrize("n_groups", [1, 2])
def test_few_groups_leave_the_verdict_and_only_the_probe_away(images: Path, tmp_path: Path, n_groups: int) -> None:
    rows = [(n, "test" if i % 2 else "train", c, f"P{i % n_groups}") for i, (n, _, c, _) in enumerate(ROWS)]
    found = check_split(write_table(tmp_path / "t.csv", rows), images)
    assert found.crosses is (n_groups == 1)
    assert {p["what"] for p in found.facts["probes"]} <= {"patient"}


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (40, 2), (1, 300)])
def test_an_image_of_a_pixel_or_two_is_looked_at(images: Path, tmp_path: Path, shape: tuple[int, int]) -> None:
    folder = tmp_path / "images"
    shutil.copytree(images, folder)
    cv2.imwrite(str(folder / "small.png"), np.full((*shape, 3), 90, np.uint8))
    rows = [*ROWS, ("small.png", "train", "A", "P30")]
    found = check_split(write_table(tmp_path / "t.csv", rows), folder)
    assert found.facts["n_images"] == 49 and not found.crosses


def test_parts_whose_names_mean_the_same_are_told(images: Path, tmp_path: Path) -> None:
    rows = [(n, ("val" if i % 8 else "valid") if p == "test" else p, c, q) for i, (n, p, c, q) in enumerate(ROWS)]
    assert "Parts val and valid may be one; they count as 2." in _facts(images, tmp_path, rows)["notes"]


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [("M\u00fcller", "Mu\u0308ller", "patient"), ("P\u20110", "P-0", "spelling"), ("P\u22120", "P\u20130", "spelling")],
)
def test_a_patient_in_another_form_of_unicode_or_with_another_dash_is_never_passed_over(
    images: Path, tmp_path: Path, one: str, other: str, kind: str
) -> None:
    rows = [(n, p, c, (other if i == 1 else one) if i < 4 else q) for i, (n, p, c, q) in enumerate(ROWS)]
    rows[1] = (rows[1][0], "train", *rows[1][2:])
    found = check_split(write_table(tmp_path / "t.csv", rows), images)
    assert [s["what"] for s in found.facts["shared"]] == [kind]
    assert {t["part"]: t["patient"] for t in found.facts["touched"]} == {"test": 3, "train": 1}
