"""How a synthetic cohort is planned as rows, written as files, and read again.

A cohort is planned first (who, which class, which cell, repeated shot of which), then each row is drawn from the seed
of its own place, so that the files are the same byte for byte whatever else is made. ``rows.csv`` in the folder holds
what a publisher would give (path, label, patient, pool, official fold, hash); ``truth.csv`` what only the maker knows.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from leukbench import paths
from leukbench.errors import DataError, InputError
from leukbench.records import digest
from leukbench.seeds import generator_for
from leukbench.sources import base
from leukbench.sources.base import SourceCard
from leukbench.sources.rendering import Image

if TYPE_CHECKING:
    import pandas as pd

ROW_COLUMNS = ("path", "label", "patient", "pool", "official_fold", "sha256", "size_bytes")
TRUTH_COLUMNS = ("path", "cell", "repeat_of", "duplicate_of", "signal")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Images of one class in one pool and fold, shared out among patients."""

    pool: str
    fold: str
    label: str
    n_patients: int
    n_images: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One planned image. ``repeat_of`` is an earlier shot of the same cell,
    ``duplicate_of`` the same file once more."""

    image_id: str
    part: Part
    patient: str
    cell: str
    repeat_of: str = ""
    duplicate_of: str = ""

    @property
    def path(self) -> str:
        """Below the folder: ``pool/fold/label/image.png``."""
        return "/".join(p for p in (self.part.pool, self.part.fold, self.part.label, f"{self.image_id}.png") if p)


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """How a synthetic source is planned and drawn."""

    parts: tuple[Part, ...]
    draw: Callable[..., tuple[Image, float]]  # (row, seed=) -> pixels, class signal
    repeats: float = 0.0  # share of images that are another shot of the patient's previous cell
    duplicates: float = 0.0  # share of images that are the same file as an earlier one of the patient
    strangers: float = 0.0  # share of the second patient's images, in parts of five or more, that are the first one's
    images_per_patient: int = 8  # at least this many where only some of the images are made


# ------------------------------------------------------------------------------------------------------------ planning


def shrink(parts: tuple[Part, ...], images: int | None, *, per_patient: int) -> tuple[Part, ...]:
    """Return the parts cut down to about ``images`` images in proportion, each with at least 2 images and 1 patient.

    Parameters
    ----------
    parts
        Of a cohort: each a class of a pool and fold.
    images
        How many in all; None for all.
    per_patient
        Images a patient in the result.

    Returns
    -------
    The parts, in their order.

    Raises
    ------
    InputError
        Where ``images`` is less than two a part.
    """
    total = sum(part.n_images for part in parts)
    if images is None or images >= total:
        return parts
    if images < 2 * len(parts):
        raise InputError(
            "too few images for a synthetic cohort",
            where="images",
            expected=f"at least {2 * len(parts)} (two for each of {len(parts)} classes and folds)",
            found=str(images),
            do="ask for more images",
        )
    shares = np.array([part.n_images / total * images for part in parts])
    sizes = np.maximum(np.floor(shares).astype(int), 2)
    for position in np.argsort(sizes - shares, kind="stable"):
        sizes[position] += sizes.sum() < images
    while sizes.sum() > images:  # the least of two a part took more than there was
        sizes[np.argmax(sizes)] -= 1
    return tuple(
        replace(part, n_images=int(n), n_patients=int(np.clip(n // per_patient, 1, part.n_patients)))
        for part, n in zip(parts, sizes, strict=True)
    )


def plan(cohort: Cohort, *, images: int | None, seed: int) -> list[Row]:
    """Return every image of a cohort as a row, without drawing one.

    Patients get equal numbers, but for a rest. Repeats and duplicates are drawn per image, at the cohort's rates. At
    most one pair of patients a part shares files, so that planted duplicates never join all of a small class.
    """
    rows: list[Row] = []
    n_before: dict[str, int] = {}
    for number, part in enumerate(shrink(cohort.parts, images, per_patient=cohort.images_per_patient)):
        first = n_before.get(part.label, 0)
        n_before[part.label] = first + part.n_patients
        generator = generator_for(seed, "plan", number)
        of_part: list[Row] = []
        for place in range(part.n_patients):
            patient = f"{part.label}{first + place + 1:03d}"
            n = part.n_images // part.n_patients + (place < part.n_images % part.n_patients)
            others = of_part[:] if place == 1 and part.n_patients >= 5 else []
            of_part += _plan_patient(cohort, part, patient=patient, n_images=n, others=others, generator=generator)
        rows += of_part
    return rows


def _plan_patient(
    cohort: Cohort, part: Part, *, patient: str, n_images: int, others: list[Row], generator: np.random.Generator
) -> list[Row]:
    rows: list[Row] = []
    shown = "" if not part.pool else f"{part.pool}_"
    for k in range(n_images):
        image_id = f"{shown}{patient}_{k + 1:03d}"
        row = Row(image_id=image_id, part=part, patient=patient, cell=image_id)
        chance = generator.random()
        own = [r for r in rows if not r.duplicate_of]
        strange = [r for r in others if not r.duplicate_of]
        if chance < cohort.repeats and own:
            row = replace(row, cell=own[-1].cell, repeat_of=own[-1].image_id)
        elif cohort.repeats <= chance < cohort.repeats + cohort.duplicates and own:
            twin = own[int(generator.integers(len(own)))]
            row = replace(row, cell=twin.cell, duplicate_of=twin.image_id)
        elif chance >= 1.0 - cohort.strangers and strange:
            twin = strange[int(generator.integers(len(strange)))]
            row = replace(row, cell=twin.cell, duplicate_of=twin.image_id)
        rows.append(row)
    return rows


# ------------------------------------------------------------------------------------------------------------- writing


def make_cohort(name: str, cohort: Cohort, folder: Path, *, images: int | None = None, seed: int = 0) -> None:
    """Write the PNG files, rows.csv, truth.csv and made.json of a cohort into ``folder``, the same bytes every time.

    A folder that already holds this cohort is left alone.

    Parameters
    ----------
    name
        Of the source, in made.json.
    cohort
        What to draw.
    folder
        An empty one, one that is not there yet, or one that holds (part of) this cohort.
    images
        How many images at most; None for all of the cohort.
    seed
        Of the drawing.

    Raises
    ------
    InputError
        Where ``folder`` is a file or holds something else.
    """
    planned = plan(cohort, images=images, seed=seed)
    rows_sha256 = digest([[row.path, row.cell, row.repeat_of, row.duplicate_of] for row in planned])
    made = {"source": name, "images": images, "seed": seed, "rows_sha256": rows_sha256}
    receipt = json.dumps(made, sort_keys=True) + "\n"
    made_file = folder / "made.json"
    _refuse_other_things(folder, made_file, receipt)
    if (folder / "rows.csv").is_file() and _read(made_file) == receipt:
        return
    paths.write_text(made_file, receipt)
    rows, truths = [], []
    for row, data, signal in _drawn(planned, cohort, seed=seed):
        file = folder / row.path
        file.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(file, data)
        rows.append([row.path, row.part.label, row.patient, row.part.pool, row.part.fold,
                     hashlib.sha256(data).hexdigest(), len(data)])  # fmt: skip
        truths.append([row.path, row.cell, row.repeat_of, row.duplicate_of, f"{signal:.6f}"])
    paths.write_text(folder / "truth.csv", _csv(TRUTH_COLUMNS, truths))
    paths.write_text(folder / "rows.csv", _csv(ROW_COLUMNS, rows))  # last: its presence says that all is there


def _write_whole(file: Path, data: bytes) -> None:
    """Write a file, or leave none where the disk takes no more. It is not synced: rows.csv, which is, comes last."""
    try:
        file.write_bytes(data)
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _refuse_other_things(folder: Path, made_file: Path, receipt: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(
            "this is no folder", where=str(folder), expected="a folder to write images into", found="a file"
        )
    others = any(file.is_file() and not paths.is_half_written(file, made_file) for file in folder.rglob("*"))
    if others and _read(made_file) != receipt:
        raise InputError(
            "this folder holds something else",
            where=str(folder),
            expected=f"an empty folder, or {receipt.strip()} in made.json",
            found=_read(made_file).strip() or "no made.json",
            do="remove the folder or give another one",
        )


def _drawn(rows: list[Row], cohort: Cohort, *, seed: int) -> Iterator[tuple[Row, bytes, float]]:
    by_id = {row.image_id: row for row in rows}

    def draw(row: Row) -> tuple[Row, bytes, float]:
        image, signal = cohort.draw(by_id[row.duplicate_of] if row.duplicate_of else row, seed=seed)
        return row, _png(image), signal

    with ThreadPoolExecutor() as threads:
        yield from threads.map(draw, rows)


def _png(image: Image) -> bytes:
    import cv2

    ok, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not ok:
        raise DataError("OpenCV could not write a PNG", expected="an image that can be encoded", found=str(image.shape))
    return bytes(data)


def _csv(columns: tuple[str, ...], rows: list[list[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


# ------------------------------------------------------------------------------------------------------------ indexing


def index_cohort(card: SourceCard, folder: Path) -> pd.DataFrame:
    """Return the manifest of a cohort that was made; counts are held to the card where all of it was made.

    Raises InputError if it was not made yet, DataError for a missing,
    truncated or altered file or a label outside the card.
    """
    base.need_folder(card, folder)
    file = folder / "rows.csv"
    rows = [
        {**{k: r[k] for k in ("path", "label", "patient", "pool", "official_fold", "sha256")},
         "image_id": Path(r["path"]).stem, "origin": Path(r["path"]).stem, "evidence": "verified"}
        for r in base.read_csv_rows(file, columns=ROW_COLUMNS)
    ]  # fmt: skip
    base.check_labels(card, rows, where=file)
    for row in rows:
        if not (folder / row["path"]).is_file():
            raise DataError("an image of a synthetic cohort is missing", where=str(folder / row["path"]),
                            expected="every file that rows.csv names", found="no file",
                            do=f"remove {folder} and make it again: leukbench fetch {card.name}")  # fmt: skip
    if json.loads(_read(folder / "made.json") or "{}").get("images") is None:
        base.check_counts(card, rows, where=file)
    return base.manifest(base.with_pixels(folder, rows))


def list_cohort(card: SourceCard, folder: Path) -> pd.DataFrame:
    """Return path, sha256, size_bytes of the files that were made."""
    base.need_folder(card, folder)
    return base.listing_of(base.read_csv_rows(folder / "rows.csv", columns=ROW_COLUMNS))
