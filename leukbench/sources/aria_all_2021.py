"""ALL set of Aria et al. (2021): smear fields of 89 patients in four classes, without any patient id."""

from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from leukbench.errors import DataError
from leukbench.sources import base
from leukbench.sources.base import Photographs, Portal, Source, SourceCard
from leukbench.sources.dirt import clean_files

if TYPE_CHECKING:
    import pandas as pd

COPY = "d2042158b69d023dcdea96661ae7d476b01509c0"

CARD = SourceCard(
    name="aria_all_2021",
    title="Acute lymphoblastic leukaemia image dataset (Aria et al.)",
    url="https://www.kaggle.com/datasets/mehradaria/leukemia",
    doi="10.34740/KAGGLE/DSV/2175623",
    licence="not verified; asks to be cited",
    citation="Aria, Ghaderzadeh, Bashash et al., Acute Lymphoblastic Leukemia (ALL) image dataset, Kaggle (2021)",
    classes=("Benign", "Early", "Pre", "Pro"),
    counts={"original": {"Benign": 504, "Early": 985, "Pre": 963, "Pro": 804}},
    n_patients={"original": 89},
    evidence={"original": "absent"},
    image_px=(224, 224),
    portals=(
        Portal(
            name="Kaggle",
            way="kaggle",
            handle="mehradaria/leukemia",
            command="leukbench fetch aria_all_2021 --portal kaggle",
            account="none for public sets, else a free Kaggle token; needs the extra leukbench[portals]",
            url="https://www.kaggle.com/datasets/mehradaria/leukemia",
        ),
        Portal(
            name="GitHub copy",
            way="github",
            command="leukbench fetch aria_all_2021 --portal github",
            url=f"https://github.com/mikeacquaviva/APS360-Leukaemia-Classification/archive/{COPY}.tar.gz",
            note="its files are those of the shipped hashes",
        ),
        Portal(name="folder", way="folder", command="leukbench fetch aria_all_2021 --from DIR"),
    ),
    maps={"Benign": "healthy", "Early": "leukaemia", "Pre": "leukaemia", "Pro": "leukaemia"},
    notes=(
        "89 patients are stated, no file says whose it is.",
        "Many fields were photographed more than once.",
        "A scale bar is burnt into the lower right corner.",
        "The hashes shipped with the package were read from a public copy, not from the publisher.",
    ),
    needs=("Original",),
)


def index(folder: Path) -> pd.DataFrame:
    """Return the manifest of ``Original/<class>/*.jpg``; evidence is absent and every image its own origin.

    Raises InputError if the folder is not there, DataError for an unknown class folder, wrong counts or a broken file.
    """
    base.need_folder(CARD, folder)
    rows = []
    published = {fact["path"]: fact["sha256"] for fact in base.read_facts(CARD.name)}
    for file in clean_files(folder, below=(folder / "Original").glob("*/*")):
        if file.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
            raise DataError("this is no image of the set", where=str(file), expected="a .jpg file", found=file.name)
        path = file.relative_to(folder)
        rows.append(_row(path, published.get(path.as_posix(), "")))
    base.check_labels(CARD, rows, where=folder)
    base.check_counts(CARD, rows, where=folder)
    return base.manifest(base.with_pixels(folder, rows, pixels=pixel_list()))


def _row(path: PurePath, sha256: str) -> dict[str, Any]:
    return {
        "image_id": path.stem,
        "path": path.as_posix(),
        "sha256": sha256,
        "label": path.parent.name,
        "patient": "",
        "evidence": CARD.evidence["original"],
        "origin": path.stem,
        "pool": "original",
        "official_fold": "",
    }


def published_rows() -> list[dict[str, Any]]:
    """Return the 3,256 images as published, without looking at any file: ids, paths, sha256, labels."""
    return [_row(PurePosixPath(fact["path"]), fact["sha256"]) for fact in base.read_facts(CARD.name)]


def listing(folder: Path) -> pd.DataFrame:
    """Return path, sha256, size_bytes of the 3,256 files, as read from a public copy."""
    return base.listing_of(base.read_facts(CARD.name))


def fetch(folder: Path, *, from_dir: Path | None = None) -> None:
    """Link ``folder`` to the user's copy. Raises InputError with the portals' commands where there is none."""
    from leukbench.sources.fetching import link_folder

    link_folder(CARD, folder, from_dir=from_dir)


def pixel_list() -> dict[str, str]:
    """Return path -> pixel_sha256 of the 3,256 images: a JPEG whose metadata were stripped,
    or its PNG, has the same."""
    return {fact["path"]: fact["pixel_sha256"] for fact in base.read_facts(CARD.name)}


PHOTOGRAPHS = Photographs(burnt_in=(0.84, 0.84, 1.0, 1.0))  # two forms of scale bar, both from 194 of 224 px on
SOURCES = (
    Source(
        card=CARD, index=index, listing=listing, fetch=fetch, optional=("Segmented",), photographs=PHOTOGRAPHS,
        published=published_rows, pixel_list=pixel_list,
    ),
)  # fmt: skip
