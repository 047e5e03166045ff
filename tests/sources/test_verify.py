"""Every kind of damage is named as what it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.sources import base, load_source
from leukbench.sources.bitmaps import published_forms
from leukbench.sources.verify import VerifyReport, verify_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make = load_source("known_answer").make
    assert make is not None
    make(tmp_path / "x", images=12, seed=0)
    return tmp_path / "x"


def test_a_cohort_as_made_is_intact_and_complete(folder: Path) -> None:
    report = verify_source("known_answer", folder)
    assert report == VerifyReport(
        source="known_answer", n_listed=12, n_checked=12, missing=(), extra=(), truncated=(), altered=()
    )
    assert report.intact and report.complete
    assert report.summary().startswith("known_answer: what is here is intact, 12 of 12 listed files are here")


def test_missing_extra_truncated_and_altered_files_are_told_apart(folder: Path) -> None:
    missing, truncated, altered, *_ = (f.relative_to(folder).as_posix() for f in sorted(folder.rglob("*.png")))
    (folder / missing).unlink()
    (folder / truncated).write_bytes((folder / truncated).read_bytes()[:100])
    cv2.imwrite(str(folder / altered), np.zeros((32, 32, 3), np.uint8))
    (folder / "cells" / "stray.png").write_bytes(b"?")
    report = verify_source("known_answer", folder)
    assert (report.missing, report.truncated, report.altered) == ((missing,), (truncated,), (altered,))
    assert report.extra == ("cells/stray.png",) and report.n_checked == 11
    assert not report.intact and not report.complete
    text = report.summary()
    assert "NOT intact" in text and f"truncated: 1 ({truncated})" in text and f"missing: 1 ({missing})" in text


def test_a_long_list_is_shortened_with_its_rest_counted() -> None:
    report = VerifyReport(source="s", n_listed=9, n_checked=3, missing=tuple(map(str, range(9))), extra=(),
                          truncated=(), altered=())  # fmt: skip
    assert "missing: 9 (0, 1, and 7 more)" in report.summary(n_shown=2)
    assert report.intact and not report.complete


def test_a_folder_without_any_listed_file_is_not_intact(folder: Path) -> None:
    for file in folder.rglob("*.png"):
        file.unlink()
    report = verify_source("known_answer", folder)
    assert not report.intact and report.summary().startswith("known_answer: NOT here, 0 of 12")


def test_what_an_operating_system_left_is_counted_and_no_extra_file(folder: Path) -> None:
    image = next(folder.rglob("*.png"))
    for dirt in (
        folder / ".DS_Store",
        image.with_name("._" + image.name),
        folder / "__MACOSX" / image.name,
        folder / "Thumbs.db",
    ):
        dirt.parent.mkdir(exist_ok=True)
        dirt.write_bytes(b"?")
    report = verify_source("known_answer", folder)
    assert report.intact and report.complete and report.extra == () and report.n_dirt == 4
    assert "left by an operating system, not looked at: 4" in report.summary()


def test_the_same_bytes_with_one_flipped_bit_are_altered_or_truncated(folder: Path) -> None:
    file = sorted(folder.rglob("*.png"))[0]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    report = verify_source("known_answer", folder)
    assert report.truncated + report.altered == (file.relative_to(folder).as_posix(),)


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[np.ndarray]]:
    """A folder with four cells in the layout of C-NMC, which are all that is published here."""
    images = [np.random.default_rng(i).integers(0, 256, (20, 21, 3), dtype=np.uint8) for i in range(4)]
    rows = []
    for i, image in enumerate(images):
        path = f"training_data/fold_1/all/UID_1_{i}_1_all.bmp"
        data = published_forms(image)[0]
        (tmp_path / "c" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "c" / path).write_bytes(data)
        rows.append({"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size_bytes": str(len(data))})
    monkeypatch.setattr(base, "read_facts", lambda name: tuple(rows))
    return tmp_path / "c" / "training_data" / "fold_1" / "all", images


def test_other_headers_and_pngs_with_the_published_pixels_are_told_from_altered_files(
    cells: tuple[Path, list[np.ndarray]],
) -> None:
    folder, images = cells
    top = folder.parents[2]
    (folder / "UID_1_0_1_all.bmp").write_bytes(published_forms(images[0])[1])  # the header of the preliminary set
    (folder / "UID_1_1_1_all.bmp").unlink()
    cv2.imwrite(str(folder / "UID_1_1_1_all.png"), images[1][:, :, ::-1])
    changed = images[2].copy()
    changed[0, 0, 0] ^= 1
    (folder / "UID_1_2_1_all.bmp").write_bytes(published_forms(changed)[0])
    cv2.imwrite(str(folder / "stray.png"), changed)
    report = verify_source("cnmc_2019", top)
    at = "training_data/fold_1/all/"
    assert report.same_pixels == (
        (at + "UID_1_0_1_all.bmp", at + "UID_1_0_1_all.bmp"), (at + "UID_1_1_1_all.png", at + "UID_1_1_1_all.bmp"),
    )  # fmt: skip
    assert report.altered == (at + "UID_1_2_1_all.bmp",) and report.extra == (at + "stray.png",)
    assert not report.missing and report.complete and not report.intact
    assert (
        f"same pixels, other file: 2 ({at}UID_1_0_1_all.bmp, {at}UID_1_1_1_all.png for {at}UID_1_1_1_all.bmp)"
        in report.summary()
    )


def test_the_same_pixels_alone_keep_a_folder_intact(cells: tuple[Path, list[np.ndarray]]) -> None:
    folder, images = cells
    (folder / "UID_1_0_1_all.bmp").write_bytes(published_forms(images[0])[1])
    report = verify_source("cnmc_2019", folder.parents[2])
    assert report.intact and report.complete and len(report.same_pixels) == 1


def test_a_copy_of_an_image_that_is_there_stays_an_extra_file(cells: tuple[Path, list[np.ndarray]]) -> None:
    folder, images = cells
    cv2.imwrite(str(folder / "copy.png"), images[0][:, :, ::-1])
    report = verify_source("cnmc_2019", folder.parents[2])
    assert report.extra == ("training_data/fold_1/all/copy.png",) and not report.same_pixels


def test_one_file_stands_for_one_missing_file_and_that_of_its_name(
    cells: tuple[Path, list[np.ndarray]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two published names may share pixels (subjects 20 and 21 do): one PNG is not both of them."""
    folder, images = cells
    rows = list(base.read_facts("cnmc_2019"))
    rows[1] = {**rows[1], "sha256": rows[0]["sha256"]}
    monkeypatch.setattr(base, "read_facts", lambda name: tuple(rows))
    for i in (0, 1):
        (folder / f"UID_1_{i}_1_all.bmp").unlink()
    cv2.imwrite(str(folder / "UID_1_1_1_all.png"), images[0][:, :, ::-1])
    report = verify_source("cnmc_2019", folder.parents[2])
    at = "training_data/fold_1/all/"
    assert report.same_pixels == ((at + "UID_1_1_1_all.png", at + "UID_1_1_1_all.bmp"),)
    assert report.missing == (at + "UID_1_0_1_all.bmp",)


@pytest.mark.real
def test_a_jpeg_without_its_metadata_or_as_png_is_known_by_its_listed_pixels(tmp_path: Path) -> None:
    real = Path(__file__).resolve().parents[3] / "shared" / "data" / "aria_all_2021"
    if not real.is_dir():
        pytest.skip("the real images of aria_all_2021 are not at ../shared/data")
    first, second = "Original/Benign/WBC-Benign-001.jpg", "Original/Benign/WBC-Benign-002.jpg"
    (tmp_path / first).parent.mkdir(parents=True)
    data = (real / first).read_bytes()
    (tmp_path / first).write_bytes(data[:2] + b"\xff\xfe\x00\x06note" + data[2:])  # a comment segment
    cv2.imwrite(str((tmp_path / second).with_suffix(".png")), cv2.imread(str(real / second)))  # type: ignore[arg-type]
    report = verify_source("aria_all_2021", tmp_path)
    assert report.same_pixels == ((first, first), (second.replace("jpg", "png"), second))
    assert not report.altered and len(report.missing) == 3254


def test_no_folder_and_no_source_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not here"):
        verify_source("known_answer", tmp_path / "nothing")
    with pytest.raises(InputError, match="did you mean 'known_answer'"):
        verify_source("known_anwser", tmp_path)
