"""The leukaemia part of the multi-cancer collection: 20,000 fields in four classes,
made from those of Aria et al. (2021).

Each original stands there several times in altered form and no name says which, so every origin is unknown here; the
search for near-identical pixels joins what it can.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from leukbench.errors import DataError
from leukbench.sources import base
from leukbench.sources.base import Portal, Source, SourceCard
from leukbench.sources.dirt import clean_files

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"all_(benign|early|pre|pro)_\d+\.(?:jpg|jpeg)")

CARD = SourceCard(
    name="multi_cancer",
    title="Multi Cancer, folder ALL: altered copies of the set of Aria et al.",
    url="https://www.kaggle.com/datasets/obulisainaren/multi-cancer",
    doi="",
    licence="not verified; made from a set that asks to be cited",
    citation="Naren, Multi Cancer Dataset, Kaggle (2022); its leukaemia images from Aria et al. (2021)",
    classes=("Benign", "Early", "Pre", "Pro"),
    counts={"ALL": {"Benign": 5000, "Early": 5000, "Pre": 5000, "Pro": 5000}},
    n_patients={"ALL": 0},
    evidence={"ALL": "absent"},
    image_px=(512, 512),
    portals=(
        Portal(
            name="Kaggle",
            way="kaggle",
            handle="obulisainaren/multi-cancer",
            command="leukbench fetch multi_cancer --portal kaggle",
            account="none for public sets, else a free Kaggle token; needs the extra leukbench[portals]",
            url="https://www.kaggle.com/datasets/obulisainaren/multi-cancer",
            note="eight kinds of cancer come with it; only the folder ALL is used",
        ),
        Portal(name="folder", way="folder", command="leukbench fetch multi_cancer --from DIR"),
    ),
    maps={"Benign": "healthy", "Early": "leukaemia", "Pre": "leukaemia", "Pro": "leukaemia"},
    notes=(
        "Made from the 3,256 images of aria_all_2021: each original stands here five to ten times, and no name says "
        "which.",
        "No hashes are published: fetch records those of the files that came, and verify holds later looks against "
        "them.",
        "The layout is that of the collection's own description; no file of it was at hand when this was written.",
    ),
    made_from=("aria_all_2021",),
    needs=("ALL",),
)


def index(folder: Path) -> pd.DataFrame:
    """Return the manifest of ``ALL/all_<class>/all_<class>_<number>.jpg``; evidence is absent, origins are unknown.

    Raises InputError if the folder is not there, DataError for another folder or name below ALL,
    wrong counts or a broken file.
    """
    base.need_folder(CARD, folder)
    rows = []
    recorded = dict(base.recorded_files(folder)[["path", "sha256"]].itertuples(index=False, name=None))
    for file in clean_files(folder, below=(folder / "ALL").glob("*/*")):
        match = _NAME.fullmatch(file.name)
        if match is None or file.parent.name != f"all_{match[1]}":
            raise DataError(
                "this is no image of the set",
                where=str(file),
                expected="all_<class>/all_<class>_<number>.jpg",
                found=f"{file.parent.name}/{file.name}",
            )
        path = file.relative_to(folder).as_posix()
        rows.append({"image_id": file.stem, "path": path, "sha256": recorded.get(path, ""),
                     "label": match[1].capitalize(), "patient": "", "evidence": CARD.evidence["ALL"],
                     "origin": "", "pool": "ALL", "official_fold": ""})  # fmt: skip
    base.check_labels(CARD, rows, where=folder)
    base.check_counts(CARD, rows, where=folder)
    return base.manifest(base.with_pixels(folder, rows))


def listing(folder: Path) -> pd.DataFrame:
    """Return path, sha256, size_bytes as recorded when the files came (:func:`base.record_files`);
    empty before that."""
    return base.recorded_files(folder)


def fetch(folder: Path, *, from_dir: Path | None = None) -> None:
    """Link ``folder`` to the user's copy and record its hashes.
    Raises InputError with the portal's command where there is none."""
    from leukbench.sources.fetching import link_folder

    link_folder(CARD, folder, from_dir=from_dir)
    base.record_files(folder, below="ALL")


SOURCES = (Source(card=CARD, index=index, listing=listing, fetch=fetch, beside=True),)
