"""C-NMC 2019: single cells of leukaemia patients and healthy subjects, segmented, on black (TCIA).

Indexed from the published file names and hashes, which ship with the package: every image is a row, whether its file
is at hand or not. Names: ``UID_<subject>_<image>_<cell>_all.bmp``, ``UID_H<subject>_<image>_<cell>_hem.bmp``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.errors import DataError, InputError
from leukbench.sources import base
from leukbench.sources.base import Portal, Source, SourceCard
from leukbench.sources.dirt import clean_files, walk

if TYPE_CHECKING:
    import pandas as pd

    from leukbench.sources.hashing import Image
    from leukbench.sources.placing import Places

_PACKAGE = (
    "https://faspex.cancerimagingarchive.net/aspera/faspex/public/package?context=eyJyZXNvdXJjZSI6InBhY2thZ2VzIiwidHlwZSI6"
    "ImV4dGVybmFsX2Rvd25sb2FkX3BhY2thZ2UiLCJpZCI6IjczNCIsInBhc3Njb2RlIjoiNDM3ZmMzM2RkMzQ1ZmMzZjNjM2FlY2JmZWQ0MThlY2NjYTkz"
    "M2RmMiIsInBhY2thZ2VfaWQiOiI3MzQiLCJlbWFpbCI6ImhlbHBAY2FuY2VyaW1hZ2luZ2FyY2hpdmUubmV0In0="
)
_NAME = re.compile(r"UID_(?P<subject>[Hh]?\d+)_(?P<image>\d+)_(?P<cell>\d+)_(?P<label>all|hem)\.bmp")

CARD = SourceCard(
    name="cnmc_2019",
    title="C-NMC 2019: classification of normal versus malignant cells",
    url="https://doi.org/10.7937/tcia.2019.dc64i46r",
    doi="10.7937/tcia.2019.dc64i46r",
    licence="CC BY 3.0 (by most accounts)",
    citation="Gupta & Gupta, ALL Challenge dataset of ISBI 2019 (C-NMC 2019), The Cancer Imaging Archive (2019)",
    classes=("ALL", "HEM"),
    counts={"train": {"ALL": 7272, "HEM": 3389}, "prelim": {"ALL": 1219, "HEM": 648}, "final": {"": 2586}},
    n_patients={"train": 73, "prelim": 28, "final": 17},
    evidence={"train": "verified", "prelim": "verified", "final": "absent"},
    image_px=(450, 450),
    portals=(
        Portal(
            name="TCIA",
            command="gem install aspera-cli && ascli conf ascp install && "
            f"ascli faspex5 packages receive --url='{_PACKAGE}' --to-folder=DIR && "
            "leukbench fetch cnmc_2019 --from DIR",
            url="https://doi.org/10.7937/tcia.2019.dc64i46r",
            note="Ruby 3.1 and Linux; the address of the package as it is quoted in public: the page of the doi has "
            "the present one",
        ),
        Portal(
            name="Kaggle",
            way="kaggle",
            handle="andrewmvd/leukemia-classification",
            command="leukbench fetch cnmc_2019 --portal kaggle",
            account="none for public sets, else a free Kaggle token; needs the extra leukbench[portals]",
            size_bytes=867_000_000,
            url="https://www.kaggle.com/datasets/andrewmvd/leukemia-classification",
        ),
        Portal(
            name="Hugging Face",
            way="huggingface",
            handle="dwb2023/cnmc-leukemia-2019@38b2e27ffce1e3396f17612da973231e1467f110",
            wanted="data/*.parquet",
            command="leukbench fetch cnmc_2019 --portal huggingface",
            account="none; needs the extra leukbench[portals]",
            url="https://huggingface.co/datasets/dwb2023/cnmc-leukemia-2019",
            note="a mirror of the training pool by others; "
            "every image is held against the published hashes and counted",
        ),
        Portal(
            name="GitHub copy",
            way="github",
            partial=True,
            wanted=".bmp",
            command="leukbench fetch cnmc_2019 --portal github",
            unpacked_bytes=3581 * 608_454,
            url="https://github.com/sanchitc05/leukemia_detection/archive/deeb1ce5f4150fa61164436ea6505654ae1cea50.tar.gz",
            note="all 3,581 cells of the official fold_1, nothing else",
        ),
        Portal(name="folder", way="folder", command="leukbench fetch cnmc_2019 --from DIR"),
    ),
    maps={"ALL": "leukaemia", "HEM": "healthy"},
    notes=(
        "The ALL subject 11 and the HEM subject H11 are different people.",
        "36 files of one HEM subject are written with a small h.",
        "The preliminary files have other BMP headers than the training files: only pixel hashes compare across pools.",
        "The final test set has no public labels; its 17 subjects are stated but not identifiable.",
        "Subjects 20 (fold 0) and 21 (fold 2) share identical files: the official folds are not disjoint in pixels.",
    ),
    needs=("training_data", "validation_data", "testing_data"),
)


def read_name(name: str) -> tuple[str, str]:
    """Return (subject, label) of a published file name; HEM subjects keep their H. Raises DataError for other names.

    >>> read_name("UID_h3_10_1_hem.bmp"), read_name("UID_11_2_1_all.bmp")
    (('H3', 'HEM'), ('11', 'ALL'))
    """
    match = _NAME.fullmatch(name)
    if match is None or (match["label"] == "hem") != match["subject"].upper().startswith("H"):
        raise DataError(
            "this is no file name of C-NMC 2019",
            where=name,
            expected="UID_<subject>_<image>_<cell>_all.bmp or UID_H<subject>_<image>_<cell>_hem.bmp",
            found=name,
        )
    return match["subject"].upper(), match["label"].upper()


def _row(fact: dict[str, str]) -> dict[str, Any]:
    part, *_, name = fact["path"].split("/")
    stem = name.removesuffix(".bmp")
    pool = {"training_data": "train", "validation_data": "prelim", "testing_data": "final"}[part]
    published = fact["published_name"] if pool == "prelim" else name
    subject, label = ("", "") if pool == "final" else read_name(published)
    image_id = stem if pool == "train" else f"{pool}_{stem}"
    return {
        "image_id": image_id,
        "path": fact["path"],
        "sha256": fact["sha256"],
        "label": label,
        "patient": subject,
        "evidence": CARD.evidence[pool],
        "origin": image_id,
        "pool": pool,
        "official_fold": fact["path"].split("/")[1] if pool == "train" else "",
    }


def published_rows() -> list[dict[str, Any]]:
    """Return the 15,114 images as published, without looking at any file: ids, paths, sha256, labels, subjects."""
    return [_row(fact) for fact in base.read_facts(CARD.name) if fact["path"].endswith(".bmp")]


def index(folder: Path) -> pd.DataFrame:
    """Return the manifest: a row for each of the 15,114 published images, with pixels where the file is at hand.

    Raises InputError if the folder is not there, DataError for a file that is truncated, altered or not published.
    """
    base.need_folder(CARD, folder)
    rows = published_rows()
    base.check_labels(CARD, rows, where=folder)
    base.check_counts(CARD, rows, where=folder)
    known = {row["path"] for row in rows}
    for file in clean_files(folder, below=(file for file in walk(folder) if file.suffix == ".bmp")):
        path = file.relative_to(folder).as_posix()
        if path not in known:
            if _NAME.fullmatch(file.name) is None and not file.stem.isdigit():
                read_name(file.name)
            raise DataError(
                "an image is not among the published ones",
                where=path,
                expected="a path of the 15,114 published images",
                found=path,
                do="move it out of the folder",
            )
    return base.manifest(base.with_pixels(folder, rows))


def listing(folder: Path) -> pd.DataFrame:
    """Return the published files: path, sha256, size_bytes of all 15,114 images and of the label table."""
    return base.listing_of(base.read_facts(CARD.name))


def fetch(folder: Path, *, from_dir: Path | None = None) -> None:
    """Link ``folder`` to the user's copy, or to its single files where they lie in another layout (:func:`arrange`).

    Raises InputError with the portals' commands where there is no copy.
    """
    from leukbench.sources import fetching

    mirror = fetching.mirror_of(CARD, from_dir=from_dir)
    if mirror is not None and fetching.find_top(CARD, mirror) is None:
        arrange(folder, from_dir=mirror)
    else:
        fetching.link_folder(CARD, folder, from_dir=from_dir)


def arrange(folder: Path, *, from_dir: Path) -> int:
    """Put every published image found anywhere below ``from_dir`` into its official place in ``folder``;
    return how many.

    Images are known by name and by sha256 or pixels (:mod:`leukbench.sources.placing`), so any sorting into folders
    will do, and so will PNGs. Raises InputError where none is found or ``folder`` is in the way, DataError for a file
    with a published name and other pixels.
    """
    from leukbench.sources import placing

    with placing.new_folder(folder) as trial:
        tally = placing.link_or_restore(trial, from_dir=from_dir, places=places())
        if not tally.paths:
            raise InputError(
                "a source cannot be put in place", where=str(from_dir),
                expected="BMP or PNG files with published names", found="none", do=base.how_to_get(CARD),
            )  # fmt: skip
    return len(tally.paths)


def places() -> Places:
    """Return where the published images belong."""
    from leukbench.sources.placing import Places

    return Places(fact for fact in base.read_facts(CARD.name) if fact["path"].endswith(".bmp"))


def forms(image: Image) -> tuple[str, ...]:
    """Return the sha256 of the published files that would hold these pixels."""
    from leukbench.sources.bitmaps import form_hashes

    return form_hashes(image)


def restore(folder: Path, shards: Path) -> str:
    """Write the published images that a mirror's shards hold into ``folder`` and return how many there are."""
    from leukbench.sources.mirrors import restore_mirror

    training = {row["path"] for row in published_rows() if row["pool"] == "train"}
    return restore_mirror(folder, shards, places=places(), published=training)


_BESIDE = ("manifest.csv", "C-NMC_test_prelim_phase_data_labels.csv")  # may stand at the top, in some copies

SOURCES = (
    Source(
        card=CARD,
        index=index,
        listing=listing,
        fetch=fetch,
        optional=_BESIDE,
        forms=forms,
        restore=restore,
        published=published_rows,
    ),
)
