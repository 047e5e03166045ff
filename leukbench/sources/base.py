"""What every source has: a card that states facts, and functions that make, fetch and index its files."""

from __future__ import annotations

import csv
import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from leukbench.errors import DataError, InputError, LeukbenchWarning
from leukbench.records import MANIFEST_COLUMNS, Evidence
from leukbench.sources.dirt import clean_files

if TYPE_CHECKING:
    import pandas as pd

    from leukbench.sources.hashing import Image

Way = Literal["github", "kaggle", "huggingface", "folder", "by_hand"]
INTEGER_COLUMNS = ("present", "width_px", "height_px")


@dataclass(frozen=True, kw_only=True)
class Portal:
    """One way to get a source: what it needs and the command that gets it."""

    name: str
    command: str  # ready to run; DIR stands for a folder of the user's choice
    way: Way = "by_hand"  # what ``leukbench fetch --portal`` calls it; by_hand: the command is all that there is
    handle: str = ""  # Kaggle: owner/dataset; Hugging Face: owner/dataset@revision
    wanted: str = ""  # of what is downloaded: the end of the paths that are kept (GitHub), their pattern (Hugging Face)
    partial: bool = (
        False  # holds files of the source, perhaps not all, in folders of its own: they are known by their hashes
    )
    account: str = "none"
    size_bytes: int = 0  # of the download; 0 where it is not known or nothing is downloaded
    unpacked_bytes: int = 0  # of the files that are kept; 0: of all listed files
    url: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class SourceCard:
    """What is published about a dataset. ``counts`` hold every row of the manifest, label "" where there is none."""

    name: str
    title: str
    url: str
    doi: str
    licence: str
    citation: str
    classes: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]  # pool -> label -> images
    n_patients: Mapping[str, int]  # pool -> patients as published; 0 where nothing is published
    evidence: Mapping[str, Evidence]  # pool -> evidence of the patient id
    image_px: tuple[int, int]  # width, height of most images
    portals: tuple[Portal, ...]
    maps: Mapping[str, str]  # label -> class in common with other sources, for transfer
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    made_from: tuple[str, ...] = ()  # sources whose images these are copies of: no transfer between them
    needs: tuple[str, ...] = ()  # the folder holds at least one of these if it is in the publisher's layout

    def n_images(self, pool: str | None = None) -> int:
        """Return how many images the card states, of one pool or of all."""
        pools = self.counts if pool is None else {pool: self.counts[pool]}
        return sum(sum(labels.values()) for labels in pools.values())


class Index(Protocol):
    """``index(folder)`` -> manifest with :data:`records.MANIFEST_COLUMNS`, one row per image."""

    def __call__(self, folder: Path) -> pd.DataFrame: ...


class Make(Protocol):
    """Write the files of a synthetic source, ``images`` of them or all."""

    def __call__(self, folder: Path, *, images: int | None = None, seed: int = 0) -> None: ...


class Fetch(Protocol):
    """Put a real source's files in place, from the user's folder or from the public archive."""

    def __call__(self, folder: Path, *, from_dir: Path | None = None) -> None: ...


class Listing(Protocol):
    """``listing(folder)`` -> the files that should be there: columns path, sha256, size_bytes."""

    def __call__(self, folder: Path) -> pd.DataFrame: ...


class Published(Protocol):
    """The images as published: dicts with the columns of a manifest that files are not needed for."""

    def __call__(self) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, kw_only=True)
class Photographs:
    """What of a source can be laid on each other: photographs that may show one field, images made from them."""

    pool: str = "original"
    made_from_them: tuple[str, ...] = ()  # pools of augmented images whose originals are in ``pool``
    longest_px: int = 224  # side at which photographs are compared
    burnt_in: tuple[float, float, float, float] | None = None  # left, top, right, bottom, as shares of the sides


@dataclass(frozen=True, kw_only=True)
class Source:
    """A dataset: its card, how its files become rows, what files it should hold, and how they get here."""

    card: SourceCard
    index: Index
    listing: Listing
    make: Make | None = None  # synthetic sources
    fetch: Fetch | None = None  # real sources
    optional: tuple[str, ...] = field(default=())  # first parts of paths that may stand beside the listed files
    photographs: Photographs | None = None  # where `leukbench origins` has something to find
    published: Published | None = None  # the rows as published, without looking at any file
    beside: bool = False  # anything may: the source is a part of a larger collection
    forms: Callable[[Image], tuple[str, ...]] | None = (
        None  # pixels -> sha256 of the files that would hold them as published
    )
    pixel_list: Callable[[], Mapping[str, str]] | None = (
        None  # path -> published pixel_sha256, where the format is lossy
    )
    restore: Callable[[Path, Path], str] | None = None  # (folder, shards of a mirror) -> what came

    @property
    def name(self) -> str:
        """The name under which it is asked for, and its folder below ``data/``."""
        return self.card.name


def need_folder(card: SourceCard, folder: Path) -> None:
    """Raise InputError, with the commands that get the data, unless ``folder`` holds the source in its layout."""
    if not folder.is_dir():
        raise InputError(
            f"the images of source {card.name!r} are not here",
            where=str(folder),
            expected="a folder in the publisher's layout",
            found="nothing" if not folder.exists() else "no folder",
            do=how_to_get(card),
        )
    if card.needs and not any((folder / part).exists() for part in card.needs):
        raise InputError(
            f"this folder does not hold source {card.name!r} in the publisher's layout",
            where=str(folder),
            expected="one of: " + ", ".join(card.needs),
            found=", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "an empty folder",
            do=how_to_get(card),
        )


def how_to_get(card: SourceCard) -> str:
    """Return the commands that obtain a source, one line each."""
    lines = [f"{p.name} (account: {p.account}): {p.command}" for p in card.portals]
    return "run one of\n    " + "\n    ".join(lines)


def manifest(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a manifest: exactly MANIFEST_COLUMNS, strings but for the three integer columns."""
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=list(MANIFEST_COLUMNS))
    kinds = {c: ("int64" if c in INTEGER_COLUMNS else "str") for c in MANIFEST_COLUMNS}
    return table.astype(kinds)


def with_pixels(
    folder: Path, rows: list[dict[str, Any]], *, pixels: Mapping[str, str] | None = None, threads: int = 2
) -> list[dict[str, Any]]:
    """Return the rows with sha256, pixel_sha256 and size filled in from the files that are there.

    Warns (LeukbenchWarning) of what of the images is not seen.

    Parameters
    ----------
    folder
        Where the rows' paths start.
    rows
        Of a manifest; a row that already has a sha256 must match its file, in bytes or in pixels.
    pixels
        path -> pixel_sha256 of files that may have other bytes than published.
    threads
        How many read at once.

    Returns
    -------
    The rows, in their order; ``present`` is 0 and the rest empty where there is no file.

    Raises
    ------
    DataError
        For a truncated, unreadable or altered file.
    """
    import cv2

    notes: list[str] = []
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the pool below is the parallelism; OpenCV's own threads would spin against it
    try:
        with ThreadPoolExecutor(threads) as pool:
            filled = list(pool.map(lambda row: _with_facts(folder, row, pixels or {}, notes), rows))
    finally:
        cv2.setNumThreads(before)
    for note in sorted(set(notes)):
        warnings.warn(f"{notes.count(note)} images in {folder} hold {note}", LeukbenchWarning, stacklevel=2)
    return filled


def _with_facts(folder: Path, row: dict[str, Any], pixels: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    """Return a row with what its file holds, and add to ``notes`` what of the image is not seen."""
    from leukbench.sources.hashing import file_facts

    file = folder / str(row["path"])
    if not file.is_file():
        return {**row, "pixel_sha256": "", "present": 0, "width_px": 0, "height_px": 0}
    facts = file_facts(file)
    notes.extend(facts.notes)
    same = pixels.get(str(row["path"])) == facts.pixel_sha256
    if row.get("sha256") and row["sha256"] != facts.sha256 and not same:
        raise DataError(
            "a file is not the published one",
            where=str(file),
            expected=f"sha256 {row['sha256']}",
            found=f"sha256 {facts.sha256}",
            do="fetch it again; `leukbench verify` lists every altered file",
        )
    return {**row, "sha256": facts.sha256, "pixel_sha256": facts.pixel_sha256, "present": 1,
            "width_px": facts.width_px, "height_px": facts.height_px}  # fmt: skip


def check_labels(card: SourceCard, rows: Iterable[Mapping[str, Any]], *, where: Path) -> None:
    """Raise DataError for a label or pool outside the card, or for an image id that stands twice.

    Parameters
    ----------
    card
        Of the source: its classes and pools.
    rows
        Of the manifest, with ``label`` ("" where unknown), ``pool`` and ``image_id``.
    where
        The folder or file that they come from, for the error.

    Raises
    ------
    DataError
        Naming the first such row.
    """
    seen: set[str] = set()
    for row in rows:
        label, pool, image_id = str(row["label"]), str(row["pool"]), str(row["image_id"])
        if label and label not in card.classes:
            raise DataError(
                "a label is outside the card",
                where=f"{where}, image {image_id}",
                expected="one of: " + ", ".join(card.classes),
                found=label,
                do="correct the label, or the card in leukbench/sources",
            )
        if pool not in card.counts:
            raise DataError(
                "a pool is outside the card",
                where=f"{where}, image {image_id}",
                expected="one of: " + ", ".join(card.counts),
                found=pool,
            )
        if image_id in seen:
            raise DataError(
                "an image id stands twice", where=str(where), expected="one row per image", found=image_id,
                do="remove one of the two files or rows",
            )  # fmt: skip
        seen.add(image_id)


def check_counts(
    card: SourceCard, rows: Iterable[Mapping[str, Any]], *, where: Path, samples: Iterable[str] = ()
) -> None:
    """Hold the rows against the card's counts, pool by pool.

    Warns (LeukbenchWarning) where a pool has fewer images than published.

    Parameters
    ----------
    card
        Of the source, with the published counts by pool and class.
    rows
        Of the manifest, with ``pool`` and ``label``.
    where
        The folder or file that they come from, for the message.
    samples
        Pools that are known to be incomplete, of which nothing is said.

    Raises
    ------
    DataError
        Where a pool has more images than published, or as many with other labels.
    """
    found: dict[str, dict[str, int]] = {pool: {} for pool in card.counts}
    for row in rows:
        of_pool = found[row["pool"]]
        of_pool[row["label"]] = of_pool.get(row["label"], 0) + 1
    for pool, stated in card.counts.items():
        counted = {label: n for label, n in found[pool].items() if n}
        expected = {label: n for label, n in stated.items() if n}
        if counted == expected or (pool in samples and all(n <= expected.get(k, 0) for k, n in counted.items())):
            continue
        if sum(counted.values()) >= sum(expected.values()) or any(n > expected.get(k, 0) for k, n in counted.items()):
            raise DataError(
                f"pool {pool!r} of source {card.name!r} is not what its card states",
                where=str(where),
                expected=_spell(expected),
                found=_spell(counted),
                do="fetch the source again, or say in its card what this release holds",
            )
        warnings.warn(
            f"{card.name}: pool {pool!r} in {where} is incomplete: {_spell(counted)} of {_spell(expected)}",
            LeukbenchWarning,
            stacklevel=2,
        )


def _spell(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {label or '(no label)'}" for label, n in sorted(counts.items())) or "no image"


def read_csv_rows(file: Path, *, columns: Iterable[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dicts. Raises DataError if it cannot be read or lacks a column."""
    try:
        with file.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            rows = list(reader)
            names = list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError("cannot read a table of a source", where=str(file), found=str(error)) from error
    missing = [column for column in columns if column not in names]
    if missing or any(None in row or None in row.values() for row in rows):
        raise DataError(
            "a table of a source is not as expected",
            where=str(file),
            expected="columns " + ", ".join(columns) + " in every row",
            found="columns " + ", ".join(names) + (f"; missing {', '.join(missing)}" if missing else "; ragged rows"),
        )
    return rows


@functools.cache
def read_facts(name: str) -> tuple[dict[str, str], ...]:
    """Return a fact table that is shipped with the package; under a source's name: path, sha256,
    size_bytes and more."""
    import lzma

    with lzma.open(_facts_file(name), "rt", encoding="utf-8", newline="") as handle:
        return tuple(csv.DictReader(handle))


def has_facts(name: str) -> bool:
    """Return whether a fact table of this name is shipped."""
    return _facts_file(name).is_file()


def _facts_file(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.csv.xz")


def listing_of(rows: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """Return a file list as a table: path, sha256 (strings), size_bytes (integer)."""
    import pandas as pd

    columns = ["path", "sha256", "size_bytes"]
    table = pd.DataFrame([{k: row[k] for k in columns} for row in rows], columns=columns)
    return table.astype({"path": "str", "sha256": "str", "size_bytes": "int64"})


def record_files(folder: Path, *, below: str) -> Path:
    """Write the hashes of the files below ``folder/below`` beside ``folder`` (``<folder>.sha256``), once,
    and return that file.

    For sources without a published list: what came is then at least known not to have changed since.
    """
    from leukbench.paths import write_text
    from leukbench.sources.hashing import file_sha256

    record = _record_of(folder)
    if not record.is_file():
        files = list(clean_files(folder / below))
        lines = [f"{file_sha256(f)}  {f.stat().st_size}  {f.relative_to(folder).as_posix()}\n" for f in files]
        write_text(record, "".join(lines))
    return record


def recorded_files(folder: Path) -> pd.DataFrame:
    """Return what :func:`record_files` wrote as a file list; without rows where nothing was recorded."""
    record = _record_of(folder)
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    rows = [dict(zip(("sha256", "size_bytes", "path"), line.split("  ", 2), strict=True)) for line in lines]
    return listing_of(rows)


def _record_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.sha256")
