"""Somebody's images with what is known about each: from a table, a datalist, or folders named after
parts and classes.
"""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from leukbench.errors import InputError
from leukbench.sources.dirt import is_dirt
from leukbench.sources.pictures import SUFFIXES
from leukbench.tools.splits.shards import shards_below, unpack
from leukbench.tools.tables.columns import (
    find_columns,
    how_read,
    names_nobody,
    read_mapping,
    unread_patients,
    whole_number,
)
from leukbench.tools.tables.rows import Line, Lines, Table, read_table

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("image_id", "label", "patient", "split", "origin", "device", "site")
FACTS = ("part", "label", "patient", "origin", "device", "site")
COLUMNS = ("image_id", "path", *FACTS)
PARTS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing", "holdout", "external"})
_NOTHING = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>"})


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Images below ``folder``: ``rows`` with :data:`COLUMNS`, all text, "" where nothing is known; ids are unique.

    ``missing``: images of the table without a file. ``notes``: one sentence each for what was left out or read as what.
    """

    folder: Path
    rows: pd.DataFrame
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    kept: object = field(default=None, repr=False)  # what ``folder`` goes with, where it is a temporary one


def read_collection(table: Path, images: Path | None, mapping: Sequence[str] = ()) -> Collection:
    """Return the images of a CSV or parquet table, a MONAI datalist (JSON), a folder ``part/class/image``
    (torchvision, datasets), or parquet files that hold the images themselves (datasets).

    A table names its images by path, by file name with or without suffix, or by a longer path of another machine.
    Raises InputError where a name is nobody's file or that of several, and where no column names the image.
    """
    shards = shards_below(table) if table.is_dir() or table.suffix.lower() == ".parquet" else []
    if shards:
        return _of_shards(table, shards, mapping)
    if table.is_dir():
        return _of_folder(table)
    folder = images or table.parent
    if not folder.is_dir():
        raise InputError(
            "there is no folder of images", where=f"--images {folder}", expected="an existing folder", found="nothing"
        )
    rows = _datalist(table) if table.suffix.lower() == ".json" else read_table(table)
    return of_table(rows, folder, mapping)


def of_table(table: Table, folder: Path, mapping: Sequence[str] = ()) -> Collection:
    """Return the images of a table whose files lie below ``folder``.

    Parameters
    ----------
    table
        With a row an image.
    folder
        Of the images, at any depth.
    mapping
        ``role=COLUMN`` pairs for columns that do not speak for themselves.

    Returns
    -------
    Those images, which of the table's have no file, and notes on how the table was read.

    Raises
    ------
    InputError
        Where no column names the images, there are no rows, or none of the images is in the folder.
    """
    columns = find_columns(table, ROLES, read_mapping(mapping, ROLES))
    _refuse_without_images(table, columns)
    files = _Files(folder)
    rows, missing = [], []
    for line in table.lines:
        name = line.cells[columns["image_id"]]
        path = files.find(name, line)
        if path is None:
            missing.append(name)
        else:
            rows.append({"image_id": name, "path": path, **_facts(line.cells, columns)})
    if not rows:
        raise InputError(
            "none of the images of the table is in the folder",
            where=f"{table.file}; images in {folder}",
            expected=f"such as {missing[0] if missing else 'any'}",
            found=f"{len(files.paths)} images" + (f", such as {files.paths[0]}" if files.paths else ""),
            do="give the folder with --images",
        )
    unused = len(set(files.paths) - {row["path"] for row in rows})
    rows, of_parts = _with_parts(rows)
    notes = [
        how_read(columns),
        *_patients(table, columns),
        *table.notes,
        files.notes(),
        *of_parts,
        _count(unused, "image of the folder is in no row", "images of the folder are in no row"),
    ]
    return Collection(folder=folder, rows=frame(rows), missing=tuple(missing), notes=tuple(t for t in notes if t))


def _refuse_without_images(table: Table, columns: Mapping[str, str]) -> None:
    if "image_id" not in columns:
        raise InputError(
            "no column names the images",
            where=f"{table.file}, line 1",
            expected="a path, a file name or an id",
            found=", ".join(table.header),
            do="say which it is: --map image_id=COLUMN",
        )
    if not table.lines:
        raise InputError(
            "this table has no rows", where=str(table.file), expected="a row an image", found="a header alone"
        )


def _facts(cells: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for fact in FACTS:
        value = cells.get(columns.get("split" if fact == "part" else fact, ""), "")
        nothing = names_nobody(value) if fact in {"patient", "origin"} else value.lower() in _NOTHING
        found[fact] = "" if nothing else whole_number(value)
    return found


def _patients(table: Table, columns: Mapping[str, str]) -> list[str]:
    """Return what is to be said of the patients: cells that name nobody, and columns beside the one that is read."""
    if "patient" not in columns:
        return []
    column, others = columns["patient"], unread_patients(table, columns)
    nobody = Counter(name for name in table.values(column) if name and names_nobody(name))
    shown = ", ".join(f"{name!r} ({n} images)" for name, n in sorted(nobody.items()))
    return [
        f"Column {column!r} names nobody where it says {shown}: these images have no patient." if nobody else "",
        f"Patients are read from column {column!r}; not read: {', '.join(map(repr, others))}." if others else "",
    ]


def _with_parts(rows: list[dict[str, str]]) -> tuple[list[dict[str, str]], list[str]]:
    """Return the rows that are in a part, one part under one spelling, and what was done to them."""
    spellings: dict[str, Counter[str]] = {}
    for row in rows:
        spellings.setdefault(row["part"].casefold(), Counter())[row["part"]] += 1
    spelling = {part: max(of, key=lambda name: (of[name], name)) for part, of in spellings.items()}
    notes = [
        f"Parts written {', '.join(sorted(of))} are one: {spelling[part]}."
        for part, of in spellings.items()
        if len(of) > 1
    ]
    n = len(rows)
    if len(spelling) > 1:
        rows = [row for row in rows if row["part"]]
    one, several = "image has no part of the split; it is left out", "images have no part of the split and are left out"
    notes.append(_count(n - len(rows), one, several))
    return [{**row, "part": spelling[row["part"].casefold()]} for row in rows], notes


def frame(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return the rows as a table; an id that stands twice gets the place of its second row behind it."""
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=list(COLUMNS)).astype("str")
    again = table.groupby("image_id").cumcount()
    table["image_id"] = table["image_id"].where(
        again.eq(0), table["image_id"] + " (row " + (again + 1).astype(str) + ")"
    )
    table["image_id"] = table["image_id"].str.replace("#", "_", regex=False)
    return table


def _count(n: int, one: str, several: str) -> str:
    return "" if not n else f"{n} {one if n == 1 else several}."


def files_below(folder: Path) -> tuple[list[str], str]:
    """Return the image files below a folder, and a sentence on what of an operating system was left out, or ""."""
    files = _Files(folder)
    return files.paths, files.notes()


def _look(name: str) -> str:
    """Return a name as it is on systems that do not tell case, and whatever form of an umlaut they write."""
    return unicodedata.normalize("NFC", name).casefold()


def _is_no_text(name: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in name)  # how Python shows bytes that it cannot decode


class _Files:
    """The image files below a folder, by path, name and stem."""

    def __init__(self, folder: Path) -> None:
        everything = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
        unwritable = next((path for path in everything if not path.isascii() and _is_no_text(path)), None)
        if unwritable is not None:
            raise InputError(
                "the name of a file is no UTF-8", where=str(folder), expected="a name that can stand in a table",
                found=unwritable, do="rename it",
            )  # fmt: skip
        clean = [path for path in everything if not is_dirt(PurePosixPath(path))]
        self.folder, self.n_dirt = folder, len(everything) - len(clean)
        self.paths = [path for path in clean if PurePosixPath(path).suffix.lower() in SUFFIXES]
        self.known = set(self.paths)
        self.by_end: dict[str, list[str]] = {}
        for path in self.paths:
            pure = PurePosixPath(path)
            for name in {pure.name, pure.stem}:
                self.by_end.setdefault(name, []).append(path)
        self.by_look: dict[str, list[str]] = {}
        for name, paths in self.by_end.items():
            self.by_look.setdefault(_look(name), []).extend(paths)

    def find(self, name: str, line: Line) -> str | None:
        """Return the file that a table means. Raises InputError where several bear the name."""
        named = PurePosixPath(name.replace("\\", "/"))
        if named.as_posix() in self.known:
            return named.as_posix()
        ends = list(self.by_end.get(named.name) or dict.fromkeys(self.by_look.get(_look(named.name), ())))
        for n in range(1, len(named.parts)):  # as many of the last folders as it takes
            if len(ends) > 1:
                ends = self._alike(named, ends, n) or ends
        if len(ends) > 1:
            raise InputError(
                "several files of the folder bear one name",
                where=f"{line.file}, line {line.number}",
                expected="a path that one file has",
                found=f"{name}: {', '.join(ends[:3])}",
                do="write the paths below the folder into the table",
            )
        return ends[0] if ends else None

    @staticmethod
    def _alike(named: PurePosixPath, ends: Sequence[str], n: int) -> list[str]:
        wanted = [_look(part) for part in named.parts[-n - 1 : -1]]
        return [path for path in ends if [_look(p) for p in PurePosixPath(path).parts[-n - 1 : -1]] == wanted]

    def notes(self) -> str:
        return _count(
            self.n_dirt, "file of the operating system is left out", "files of the operating system are left out"
        )


def _of_shards(table: Path, shards: Sequence[Path], mapping: Sequence[str]) -> Collection:
    """Return the images that stand in parquet files, written into a folder that goes with the collection."""
    kept = tempfile.TemporaryDirectory(prefix="leukbench-")
    folder = Path(kept.name)
    found = of_table(_table_of(table, unpack(shards, folder)), folder, mapping)
    return replace(found, kept=kept)


def _of_folder(folder: Path) -> Collection:
    """Return the images of ``part/class/…`` or ``part/…``, with a ``metadata.csv`` of the datasets library where there
    is one.
    """
    files = _Files(folder)
    parts = {path.split("/")[0] for path in files.paths}
    if not {part.lower() for part in parts} & PARTS:
        raise InputError(
            "the folders do not say which part of a split they are",
            where=str(folder),
            expected="folders such as train, val, test",
            found=", ".join(sorted(parts)[:8]) or "no image",
            do="give a table with a column split, and the folder with --images",
        )
    described = _metadata(folder, sorted(parts))
    rows = []
    for path in files.paths:
        part, *between, _ = path.split("/")
        of_path = {"image_id": path, "path": path, **dict.fromkeys(FACTS, "")}
        rows.append({**of_path, "part": part, "label": between[0] if between else "", **described.get(path, {})})
    return Collection(folder=folder, rows=frame(rows), notes=tuple(t for t in (files.notes(),) if t))


def _metadata(folder: Path, parts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what ``metadata.csv`` or ``metadata.jsonl`` in the folder of a part say of its images, by path."""
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        for file in (folder / part / "metadata.csv", folder / part / "metadata.jsonl"):
            if not file.is_file():
                continue
            table = read_table(file) if file.suffix == ".csv" else _json_lines(file)
            columns = find_columns(
                table, ("image_id", "label", "patient", "origin", "device", "site"), read_mapping([], ())
            )
            for line in table.lines:
                facts = {fact: value for fact, value in _facts(line.cells, columns).items() if value}
                found[f"{part}/{line.cells[columns['image_id']]}"] = facts
    return found


def _json_lines(file: Path) -> Table:
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return _table_of(file, rows)


def _datalist(file: Path) -> Table:
    """Return a MONAI datalist as a table: lists of images under the names of the parts, with a fold where
    they say one.
    """
    try:
        plain = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("cannot read a datalist", where=str(file), expected="JSON", found=str(error)) from error
    lists: dict[str, list[Any]] = (
        {k: v for k, v in plain.items() if isinstance(v, list) and v and k != "labels"}
        if isinstance(plain, dict)
        else {"": plain if isinstance(plain, list) else []}
    )
    rows = []
    for part, entries in lists.items():
        for entry in entries:
            row = {"image": entry} if isinstance(entry, str) else dict(entry) if isinstance(entry, dict) else {}
            if isinstance(row.get("image"), str):
                fold = f" fold {row['fold']}" if "fold" in row and part.lower().startswith("train") else ""
                rows.append(
                    {**{k: v for k, v in row.items() if k != "fold"}, **({"split": part + fold} if part else {})}
                )
    if not rows:
        raise InputError(
            "this JSON lists no images",
            where=str(file),
            expected='{"training": [{"image": "a.png", "label": 0}], …}',
            found=str(plain)[:80],
            do="give a MONAI datalist or a table",
        )
    return _table_of(file, rows)


def _table_of(file: Path, rows: Sequence[Mapping[str, Any]]) -> Table:
    header = list(dict.fromkeys(key for row in rows for key in row))
    columns = {k: ["" if row.get(k) is None else str(row[k]) for row in rows] for k in header}
    return Table(file=file, header=tuple(header), lines=Lines(file, range(1, len(rows) + 1), columns))
