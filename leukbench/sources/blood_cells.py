"""Blood cells: 367 smear fields (BCCD) and the release of augmented crops made from them, in four classes.

Pools: ``original`` (labels.csv), ``TRAIN`` and ``TEST`` (augmented), ``TEST_SIMPLE`` (71 originals at half size). Which
original each image was made from is not published; ``origin`` is inferred from the pixels
(``leukbench origins blood_cells`` makes the shipped table again). No patient ids anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.errors import DataError
from leukbench.sources import base
from leukbench.sources.base import Photographs, Portal, Source, SourceCard
from leukbench.sources.dirt import clean_files

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
        Portal(name="GitHub", way="github", command="leukbench fetch blood_cells", size_bytes=120_000_000, url=ARCHIVE),
        Portal(
            name="git",
            command="git clone https://github.com/dhruvp/wbc-classification DIR "
            "&& leukbench fetch blood_cells --from DIR",
            url="https://github.com/dhruvp/wbc-classification",
        ),
        Portal(
            name="Kaggle",
            way="kaggle",
            handle="paultimothymooney/blood-cells",
            partial=True,
            command="leukbench fetch blood_cells --portal kaggle",
            account="none for public sets, else a free Kaggle token; needs the extra leukbench[portals]",
            url="https://www.kaggle.com/datasets/paultimothymooney/blood-cells",
            note="the release itself, in other folders; files are known by their hashes",
        ),
        Portal(name="folder", way="folder", command="leukbench fetch blood_cells --from DIR"),
    ),
    maps={c: c.lower() for c in ("BASOPHIL", "EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")},
    notes=(
        "labels.csv names 411 images, 367 of which are there; image 116 has a label and no file.",
        "44 rows without a label and 15 with several have label '' here; the three basophils are in no augmented "
        "class.",
        "The number in a name like _12_345.jpeg is a position in the generator, not the number of an original.",
        "Origins of the augmented release are inferred by features, geometry and pixels, not published.",
        "images_sample/ in place of images/ marks a sample of the augmented pools, whose counts are not held to the "
        "card.",
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
        rows.append(_original(int(row["Image"]), row["Category"].strip()))
    return rows


def _original(number: int, label: str) -> dict[str, Any]:
    name = f"BloodImage_{number:05d}"
    path = f"Original_Images/{name}.jpg"
    return _row(f"original_{name}", path, "" if "," in label else label, "original", origin=f"original_{name}")


def published_categories() -> dict[str, str]:
    """Return the label cell of each image number in labels.csv as published: blank, one class, or several."""
    facts = base.read_facts(f"{CARD.name}_labels")
    return {f"original_BloodImage_{int(fact['Image']):05d}": fact["Category"].strip() for fact in facts}


def published_rows() -> list[dict[str, Any]]:
    """Return the images as published and the numbers of labels.csv without a file, without looking at any file."""
    rows = [_original(int(image[-5:]), cell) for image, cell in published_categories().items()]
    origins = inferred_origins()
    facts = {fact["path"]: fact["sha256"] for fact in base.read_facts(CARD.name)}
    for path in sorted(facts):
        if path.startswith("images/"):
            _, pool, label, name = path.split("/")
            image_id = f"{pool}_{label}{name.rsplit('.', 1)[0]}"
            rows.append(_row(image_id, path, label, pool, origin=origins.get(image_id, "")))
    return [{**row, "sha256": facts.get(row["path"], "")} for row in rows]


def _row(image_id: str, path: str, label: str, pool: str, *, origin: str) -> dict[str, Any]:
    return {"image_id": image_id, "path": path, "sha256": "", "label": label, "patient": "",
            "evidence": CARD.evidence[pool], "origin": origin, "pool": pool, "official_fold": ""}  # fmt: skip


def _pool(folder: Path, pool: str, origins: Mapping[str, str]) -> tuple[list[dict[str, Any]], bool]:
    """Return the rows of one augmented pool and whether they are a sample."""
    whole, sample = folder / "images" / pool, folder / "images_sample" / pool
    if whole.is_dir() and sample.is_dir():
        raise DataError(
            f"pool {pool} stands twice", where=str(folder), expected="images/ or images_sample/", found="both",
            do="move one of the two away",
        )  # fmt: skip
    top = whole if whole.is_dir() else sample
    rows = []
    for file in clean_files(top):
        if len(file.relative_to(top).parts) != 2:
            continue
        label = file.parent.name
        path = file.relative_to(folder).as_posix()
        image_id = f"{pool}_{label}{file.stem}"
        rows.append(_row(image_id, path, label, pool, origin=origins.get(image_id, "")))
    return rows, top is sample


def inferred_origins() -> dict[str, str]:
    """Return the original of each augmented image as inferred from its pixels; unknown ones are left out."""
    facts = base.read_facts(f"{CARD.name}_origins")
    return {fact["image_id"]: fact["origin"] for fact in facts if fact["origin"]}


def index(folder: Path) -> pd.DataFrame:
    """Return the manifest of the pools that are in the folder; ``origin`` is inferred for the augmented release.

    Raises InputError if the folder is not there, DataError for a broken or altered file or counts beyond the card.
    """
    base.need_folder(CARD, folder)
    published = {fact["path"]: fact["sha256"] for fact in base.read_facts(CARD.name)}
    rows, samples, origins = _originals(folder), set(), inferred_origins()
    for pool in _AUGMENTED:
        found, is_sample = _pool(folder, pool, origins)
        rows += found
        if is_sample:
            samples.add(pool)
    for row in rows:
        row["sha256"] = published.get(row["path"].replace("images_sample/", "images/", 1), "")
    base.check_labels(CARD, rows, where=folder)
    base.check_counts(CARD, rows, where=folder, samples=samples)
    return base.manifest(base.with_pixels(folder, rows))


def listing(folder: Path) -> pd.DataFrame:
    """Return the files of the pinned commit: path, sha256, size_bytes;
    below images_sample/ where the folder has that."""
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


PHOTOGRAPHS = Photographs(made_from_them=_AUGMENTED, longest_px=320)
SOURCES = (
    Source(
        card=CARD, index=index, listing=listing, fetch=fetch, optional=("original_split.csv",), photographs=PHOTOGRAPHS,
        published=published_rows,
    ),
)  # fmt: skip
