"""Blood cells: 367 smear fields (BCCD) and the release of augmented crops made from them, in four classes.

Pools: ``original`` (labels.csv), ``TRAIN`` and ``TEST`` (augmented; which original each was made from is not published),
``TEST_SIMPLE`` (71 originals at half size, which ones is not published either). No patient ids anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.errors import DataError
from leukbench.sources import base
from leukbench.sources.base import Portal, Source, SourceCard

if TYPE_CHECKING:
    import pandas as pd

COMMIT = "0b22eb2084b1004d464fb5ab87adc85ab94b2079"
ARCHIVE = f"https://github.com/dhruvp/wbc-classification/archive/{COMMIT}.tar.gz"
_AUGMENTED = ("TRAIN", "TEST", "TEST_SIMPLE")

CARD = SourceCard(
    name="blood_cells",
    title="Blood cell images: originals and their augmented release",
    url="https://github.com/dhruvp/wbc-classification",
    doi="",
    licence="MIT (Shenggan/BCCD_Dataset)",
    citation="Shenggan, BCCD Dataset; augmented by P. Mooney, Blood Cell Images, Kaggle (2018)",
    classes=("BASOPHIL", "EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"),
    counts={
        "original": {"": 59, "BASOPHIL": 3, "EOSINOPHIL": 88, "LYMPHOCYTE": 33, "MONOCYTE": 21, "NEUTROPHIL": 207},
        "TRAIN": {"EOSINOPHIL": 2497, "LYMPHOCYTE": 2483, "MONOCYTE": 2478, "NEUTROPHIL": 2499},
        "TEST": {"EOSINOPHIL": 623, "LYMPHOCYTE": 620, "MONOCYTE": 620, "NEUTROPHIL": 624},
        "TEST_SIMPLE": {"EOSINOPHIL": 13, "LYMPHOCYTE": 6, "MONOCYTE": 4, "NEUTROPHIL": 48},
    },
    n_patients={"original": 0, "TRAIN": 0, "TEST": 0, "TEST_SIMPLE": 0},
    evidence={"original": "absent", "TRAIN": "absent", "TEST": "absent", "TEST_SIMPLE": "absent"},
    image_px=(320, 240),
    portals=(
        Portal(name="GitHub", command="leukbench fetch blood_cells", size_bytes=120_000_000, url=ARCHIVE),
        Portal(
            name="git",
            command="git clone https://github.com/dhruvp/wbc-classification DIR "
            "&& leukbench fetch blood_cells --from DIR",
            url="https://github.com/dhruvp/wbc-classification",
        ),
        Portal(name="folder", command="leukbench fetch blood_cells --from DIR"),
    ),
    maps={c: c.lower() for c in ("BASOPHIL", "EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")},
    notes=(
        "labels.csv names 411 images, 367 of which are there; image 116 has a label and no file.",
        "44 rows without a label and 15 with several have label '' here; the three basophils are in no augmented class.",
        "The number in a name like _12_345.jpeg is a position in the generator, not the number of an original.",
        "images_sample/ in place of images/ marks a sample of the augmented pools, whose counts are not held to the card.",
    ),
    needs=("labels.csv", "images", "images_sample"),
)


def _originals(folder: Path) -> list[dict[str, Any]]:
    file = folder / "labels.csv"
    if not file.exists():
        return []
    rows = []
    for row in base.read_csv_rows(file, columns=("Image", "Category")):
        if not row["Image"].isdigit():
            raise DataError("an image number is no number", where=str(file), expected="a number", found=row["Image"])
        name = f"BloodImage_{int(row['Image']):05d}"
        label = row["Category"].strip()
        path = f"Original_Images/{name}.jpg"
        rows.append(
            _row(f"original_{name}", path, "" if "," in label else label, "original", origin=f"original_{name}")
        )
    return rows


def _row(image_id: str, path: str, label: str, pool: str, *, origin: str) -> dict[str, Any]:
    return {"image_id": image_id, "path": path, "sha256": "", "label": label, "patient": "",
            "evidence": CARD.evidence[pool], "origin": origin, "pool": pool, "official_fold": ""}  # fmt: skip


def _pool(folder: Path, pool: str) -> tuple[list[dict[str, Any]], bool]:
    """Return the rows of one augmented pool and whether they are a sample."""
    whole, sample = folder / "images" / pool, folder / "images_sample" / pool
    if whole.is_dir() and sample.is_dir():
        raise DataError(
            f"pool {pool} stands twice", where=str(folder), expected="images/ or images_sample/", found="both",
            do="move one of the two away",
        )  # fmt: skip
    top = whole if whole.is_dir() else sample
    files = sorted(file for file in top.glob("*/*") if file.is_file())
    rows = []
    for file in files:
        label = file.parent.name
        path = file.relative_to(folder).as_posix()
        rows.append(_row(f"{pool}_{label}{file.stem}", path, label, pool, origin=""))
    return rows, top is sample


def index(folder: Path) -> pd.DataFrame:
    """Return the manifest of the pools that are in the folder; ``origin`` is "" for the augmented release.

    Raises InputError if the folder is not there, DataError for a broken or altered file or counts beyond the card.
    """
    base.need_folder(CARD, folder)
    published = {fact["path"]: fact["sha256"] for fact in base.read_facts(CARD.name)}
    rows, samples = _originals(folder), set()
    for pool in _AUGMENTED:
        found, is_sample = _pool(folder, pool)
        rows += found
        if is_sample:
            samples.add(pool)
    for row in rows:
        row["sha256"] = published.get(row["path"].replace("images_sample/", "images/", 1), "")
    base.check_labels(CARD, rows, where=folder)
    base.check_counts(CARD, rows, where=folder, samples=samples)
    return base.manifest(base.with_pixels(folder, rows))


def listing(folder: Path) -> pd.DataFrame:
    """Return the files of the pinned commit: path, sha256, size_bytes; below images_sample/ where the folder has that."""
    facts = [dict(fact) for fact in base.read_facts(CARD.name)]
    for fact in facts:
        pool = fact["path"].split("/")[1] if fact["path"].startswith("images/") else ""
        if pool and (folder / "images_sample" / pool).is_dir():
            fact["path"] = fact["path"].replace("images/", "images_sample/", 1)
    return base.listing_of(facts)


def fetch(folder: Path, *, from_dir: Path | None = None) -> None:
    """Link ``folder`` to the user's copy, or download the pinned public archive into it and verify every file.

    A link that is already there stays: the user's copy may hold only a part of the release.
    """
    from leukbench.sources import fetching

    if folder.is_symlink() and folder.is_dir() and from_dir is None:
        return
    if fetching.mirror_of(CARD, from_dir=from_dir) is not None:
        fetching.link_folder(CARD, folder, from_dir=from_dir)
        return
    facts = base.read_facts(CARD.name)
    fetching.download_archive(
        ARCHIVE,
        folder,
        expected={fact["path"]: fact["sha256"] for fact in facts},
        size_bytes=sum(int(fact["size_bytes"]) for fact in facts),
    )


SOURCES = (Source(card=CARD, index=index, listing=listing, fetch=fetch, optional=("original_split.csv",)),)
