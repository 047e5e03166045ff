"""``leukbench origins`` on small folders in the layouts of the two sources that have something to find."""

from __future__ import annotations

import csv
import lzma
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from leukbench.errors import InputError
from leukbench.tools.origins import origins
from tests.support.cohorts import augmented, smear

pytestmark = pytest.mark.filterwarnings("ignore::leukbench.errors.LeukbenchWarning")


def crowded(seed: int, side: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return np.minimum.reduce([smear(rng, side=side) for _ in range(3)])


def put(file: Path, image: npt.NDArray[np.uint8]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), image)


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(lzma.open(file, "rt", encoding="utf-8")))


def test_two_photographs_of_one_field_are_found_and_the_table_is_written(tmp_path: Path) -> None:
    whole = crowded(1, 300)
    folder = tmp_path / "Original" / "Pro"
    put(folder / "WBC-Malignant-Pro-001.png", whole[:224, :224])
    put(folder / "WBC-Malignant-Pro-002.png", whole[40:264, 30:254])
    put(folder / "WBC-Malignant-Pro-003.png", crowded(2, 224))
    text = origins("aria_all_2021", tmp_path, tmp_path / "out")
    assert "1 pairs of 3 photographs show one field" in text
    (row,) = rows_of(tmp_path / "out" / "aria_all_2021_fields.csv.xz")
    assert (row["image_id_a"], row["image_id_b"]) == ("WBC-Malignant-Pro-001", "WBC-Malignant-Pro-002")
    assert float(row["overlap"]) == pytest.approx(184 * 194 / 224**2, abs=0.12)


def test_the_origin_of_a_copy_is_written_and_that_of_a_stranger_is_blank(tmp_path: Path) -> None:
    """Number 116 has no published file, so the made-up one is no altered one."""
    original, stranger = crowded(3, 320)[:240], crowded(4, 320)[:240]
    put(tmp_path / "Original_Images" / "BloodImage_00116.jpg", cv2.resize(original, (640, 480)))
    (tmp_path / "labels.csv").write_text(",Image,Category\n,116,MONOCYTE\n", encoding="utf-8")
    rng = np.random.default_rng(5)
    for number, image in enumerate((original, stranger)):
        put(tmp_path / "images_sample" / "TRAIN" / "MONOCYTE" / f"_0_made{number}.png", augmented(image, rng))
    text = origins("blood_cells", tmp_path, tmp_path / "out")
    assert "1 of 2 augmented images have one" in text and "1 of these have the label of their original" in text
    found = {row["image_id"]: row["origin"] for row in rows_of(tmp_path / "out" / "blood_cells_origins.csv.xz")}
    assert found == {"TRAIN_MONOCYTE_0_made0": "original_BloodImage_00116", "TRAIN_MONOCYTE_0_made1": ""}


def test_a_source_without_photographs_names_those_that_have_some() -> None:
    with pytest.raises(InputError, match=r"(?s)neither augmented copies.*aria_all_2021, blood_cells"):
        origins("cnmc_2019", None, None)
