"""Somebody's images with what is known about each: from a table, a datalist, or folders named after
parts and classes.
"""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from leukbench.errors import InputError
from leukbench.sources.dirt import is_dirt, walk
from leukbench.sources.pictures import SUFFIXES, UNREAD, begins_as_image
from leukbench.tools.splits.shards import shards_below, unpack
from leukbench.tools.tables.columns import (
    NO_CLASS,
    ONE_PART,
    PARTS,
    find_columns,
    how_read,
    names_nobody,
    not_read,
    plain_id,
    read_mapping,
    unread_patients,
)
from leukbench.tools.tables.rows import Line, Lines, Table, read_table

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("image_id", "label", "patient", "split", "origin", "device", "site")
FACTS = ("part", "label", "patient", "origin", "device", "site")
COLUMNS = ("image_id", "path", *FACTS)
_NO_LABEL = NO_CLASS | {"null", "na", "n/a"}
_NOTHING = _NO_LABEL | {"none"}
_METADATA = ("metadata.csv", "metadata.jsonl")
"""What the datasets library calls the table of a folder of images."""
_TABLES = frozenset({".csv", ".tsv", ".jsonl", ".xlsx", ".xls", ".ods", ".parquet"})


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


def missing_text(missing: Sequence[str]) -> str:
    """Return a sentence about listed images without a file, "" where every image has one."""
    n = len(missing)
    said = f"listed image is not in the folder: {missing[0]}; it takes" if n == 1 else (
        f"listed images are not in the folder, such as {missing[0]}; they take" if n else ""
    )  # fmt: skip
    return f"{n} {said} no part." if n else ""


def read_collection(
    table: Path, images: Path | None, mapping: Sequence[str] = (), *, parts: bool = True
) -> Collection:  # fmt: skip
    """Return the images of a CSV or parquet table, a MONAI datalist (JSON), a folder ``part/class/image``
    (torchvision, datasets), or parquet files that hold the images themselves (datasets).

    A table names its images by path, by file name with or without suffix, or by a longer path of another machine.
    Raises InputError where a name is nobody's file or that of several, and where no column names the image; with
    ``parts``, where folders name none: without, those of ``class/image`` are classes.
    """
    shards = shards_below(table) if table.is_dir() or table.suffix.lower() == ".parquet" else []
    if shards or table.is_dir():
        _refuse_another_folder(table, images)
    if shards:
        return _of_shards(table, shards, mapping)
    if table.is_dir():
        return _of_folder(table, mapping, parts=parts)
    folder = images or table.parent
    if not folder.is_dir():
        raise InputError(
            "there is no folder of images", where=f"--images {folder}", expected="an existing folder", found="nothing"
        )
    rows = _datalist(table) if table.suffix.lower() == ".json" else read_table(table)
    return of_table(rows, folder, mapping)


def _refuse_another_folder(table: Path, images: Path | None) -> None:
    """Raise InputError for a folder of images beside what holds its own, where it would never be looked at."""
    if images is not None and images.resolve() != table.resolve():
        raise InputError(
            "these images lie in what is split itself, so no other folder can hold them", where=f"--images {images}",
            expected="--images beside a table alone", found=str(table), do="leave --images out, or give a table",
        )  # fmt: skip


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
    names = table.values(columns["image_id"])
    paths = files.find_all(names, table.lines)
    missing = [name for name, path in zip(names, paths, strict=True) if path is None]
    rows = [
        {"image_id": line.cells[columns["image_id"]], "path": path, **_facts(line.cells, columns)}
        for line, path in zip(table.lines, paths, strict=True)
        if path is not None
    ]
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
        not_read(table, columns),
        *_patients(table, columns),
        *_labels(table, columns),
        *table.notes,
        *files.notes(),
        *of_parts,
        _count(unused, "image of the folder is in no row", "images of the folder are in no row"),
    ]
    return Collection(folder=folder, rows=frame(rows), missing=tuple(missing), notes=tuple(t for t in notes if t))


def _refuse_without_images(table: Table, columns: Mapping[str, str]) -> None:
    _need_images(table, columns)
    if not table.lines:
        raise InputError(
            "this table has no rows", where=str(table.file), expected="a row an image", found="a header alone"
        )


def _need_images(table: Table, columns: Mapping[str, str]) -> None:
    if "image_id" not in columns:
        raise InputError(
            "no column names the images",
            where=f"{table.file}, line 1",
            expected="a path, a file name or an id",
            found=", ".join(table.header),
            do="say which it is: --map image_id=COLUMN",
        )


def _facts(cells: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for fact in FACTS:
        value = cells.get(columns.get("split" if fact == "part" else fact, ""), "")
        if fact in {"patient", "origin"}:
            nothing = names_nobody(value)
        else:
            nothing = value.lower() in (_NO_LABEL if fact == "label" else _NOTHING)
        found[fact] = "" if nothing else plain_id(value)
    return found


def _labels(table: Table, columns: Mapping[str, str]) -> list[str]:
    """Return what is to be said of labels: cells that name no class though they are not empty, and a class None."""
    column = columns.get("label", "")
    if not column:
        return []
    n_none = sum(name.lower() == "none" for name in table.values(column))
    nothing = Counter(name for name in table.values(column) if name and name.lower() in _NO_LABEL)
    shown = ", ".join(f"{name!r} ({n} images)" for name, n in sorted(nothing.items()))
    return [
        f"Column {column!r} names no class where it says {shown}: these images have no label." if nothing else "",
        f"None is taken as a class of its own in column {column!r} ({n_none} images)." if n_none else "",
    ]


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
    notes += _maybe_one(spelling)
    n = len(rows)
    if len(spelling) > 1:
        rows = [row for row in rows if row["part"]]
    one, several = "image has no part of the split; it is left out", "images have no part of the split and are left out"
    notes.append(_count(n - len(rows), one, several))
    return [{**row, "part": spelling[row["part"].casefold()]} for row in rows], notes


def _maybe_one(parts: Iterable[str]) -> list[str]:
    """Return a sentence each for parts whose names mean the same, of names in lower case."""
    several = [sorted(names & set(parts)) for names in ONE_PART]
    return [f"Parts {' and '.join(names)} may be one; they count as {len(names)}." for names in several if names[1:]]


def frame(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return the rows as a table, ``#`` in an id as ``_``; an id that stands twice gets the place of its second row
    behind it.
    """
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=list(COLUMNS)).astype("str")
    taken: set[str] = set()
    again: Counter[str] = Counter()
    ids = []
    for name in table["image_id"].str.replace("#", "_", regex=False):
        again[name] += 1
        unique = name
        while unique in taken:
            unique = f"{name} (row {again[name]})"
            again[name] += unique in taken
        taken.add(unique)
        ids.append(unique)
    return table.assign(image_id=ids)


def _count(n: int, one: str, several: str) -> str:
    return "" if not n else f"{n} {one if n == 1 else several}."


def files_below(folder: Path) -> tuple[list[str], list[str]]:
    """Return the image files below a folder, and a sentence each on what was left out."""
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
        self.lost: list[Path] = []
        everything = sorted(file.relative_to(folder).as_posix() for file in walk(folder, lost=self.lost))
        unwritable = next((path for path in everything if not path.isascii() and _is_no_text(path)), None)
        if unwritable is not None:
            raise InputError(
                "the name of a file is no UTF-8", where=str(folder), expected="a name that can stand in a table",
                found=unwritable, do="rename it",
            )  # fmt: skip
        clean = [path for path in everything if not is_dirt(PurePosixPath(path))]
        self.folder, self.n_dirt = folder, len(everything) - len(clean)
        self.paths = [path for path in clean if PurePosixPath(path).suffix.lower() in SUFFIXES]
        self.tables = [path for path in clean if PurePosixPath(path).suffix.lower() in _TABLES]
        self.unread = Counter(kind for path in clean if (kind := _unread_kind(folder / path)))
        self.known = set(self.paths)
        self.by_end: dict[str, list[str]] = {}
        for path in self.paths:
            pure = PurePosixPath(path)
            for name in {pure.name, pure.stem}:
                self.by_end.setdefault(name, []).append(path)
        self.by_look: dict[str, list[str]] = {}
        for name, paths in self.by_end.items():
            self.by_look.setdefault(_look(name), []).extend(paths)

    def find_all(self, names: Sequence[str], lines: Sequence[Line]) -> list[str | None]:
        """Return the files that the rows of a table mean, None where a file is not there or is that of another row.

        Raises InputError where several files bear a name, or several names may be one file.
        """
        pures = [_pure(name) for name in names]
        claimed = {pure.as_posix() for pure in pures} & self.known
        found = _of_own_folders(pures, [self.find(pure, lines[i], claimed) for i, pure in enumerate(pures)])
        rivals: dict[str, dict[PurePosixPath, int]] = {}
        for i, path in enumerate(found):
            if path is not None:
                rivals.setdefault(path, {}).setdefault(pures[i], i)
        lost = {
            (path, pure)
            for path, rows in rivals.items()
            if len(rows) > 1
            for pure in _losers(PurePosixPath(path), {pure: lines[i] for pure, i in rows.items()})
        }
        return [None if (path, pure) in lost else path for path, pure in zip(found, pures, strict=True)]

    def find(self, named: PurePosixPath, line: Line, claimed: Set[str]) -> str | None:
        """Return the file that a table means. Raises InputError where several bear the name.

        ``claimed``: paths that the table writes out, which no other folder's image can be.
        """
        if named.as_posix() in self.known:
            return named.as_posix()
        ends = list(self.by_end.get(named.name) or dict.fromkeys(self.by_look.get(_look(named.name), ())))
        ends = [path for path in ends if path not in claimed or not _apart(named, PurePosixPath(path))]
        for n in range(1, len(named.parts)):  # as many of the last folders as it takes
            if len(ends) > 1:
                ends = self._alike(named, ends, n) or ends
        if len(ends) > 1:
            raise InputError(
                "several files of the folder bear one name",
                where=f"{line.file}, line {line.number}",
                expected="a path that one file has",
                found=f"{named}: {', '.join(ends[:3])}",
                do="write the paths below the folder into the table",
            )
        return ends[0] if ends else None

    @staticmethod
    def _alike(named: PurePosixPath, ends: Sequence[str], n: int) -> list[str]:
        wanted = [_look(part) for part in named.parts[-n - 1 : -1]]
        return [path for path in ends if [_look(p) for p in PurePosixPath(path).parts[-n - 1 : -1]] == wanted]

    def notes(self) -> list[str]:
        """Return a sentence each on files that are left out."""
        dirt = "file of the operating system is left out", "files of the operating system are left out"
        lost = "link leads nowhere or back to a folder above it", "links lead nowhere or back to a folder above them"
        first = f", as {self.lost[0].relative_to(self.folder)}, and " if self.lost else ""
        followed = (f"{first}is not followed", f"{first}are not followed")
        kinds = ", ".join(f"{kind}: {n}" for kind, n in self.unread.most_common())
        unread = (
            "image is of a kind that is not read and left out",
            "images are of kinds that are not read and left out",
        )
        found = [
            _count(self.n_dirt, *dirt),
            _count(len(self.lost), *(w + f for w, f in zip(lost, followed, strict=True))),
            _count(self.unread.total(), *(f"{words} ({kinds})" for words in unread)),
        ]
        return [text for text in found if text]


def _unread_kind(file: Path) -> str:
    """Return of what kind an image is that is not read, "" for other files."""
    suffix = file.suffix.lower()
    if suffix:
        return suffix if suffix in UNREAD else ""
    with file.open("rb") as handle:
        return "without an ending" if begins_as_image(handle.read(132)) else ""


def _pure(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def _agreement(one: PurePosixPath, other: PurePosixPath) -> int:
    """Return how many folders two paths share from their end on, the files themselves left out.

    >>> _agreement(PurePosixPath("/data/p1/5.png"), PurePosixPath("p1/5.png"))
    1
    """
    pairs = zip(reversed(one.parts[:-1]), reversed(other.parts[:-1]), strict=False)
    least = min(len(one.parts), len(other.parts)) - 1
    return next((n for n, (a, b) in enumerate(pairs) if _look(a) != _look(b)), least)


def _apart(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Say whether two paths cannot be one, as they name different folders.

    >>> path = PurePosixPath("p1/5.png")
    >>> _apart(path, PurePosixPath("p2/5.png")), _apart(path, PurePosixPath("/data/p1/5.png"))
    (True, False)
    """
    return _agreement(one, other) < min(len(one.parts), len(other.parts)) - 1


def _of_own_folders(named: Sequence[PurePosixPath], found: Sequence[str | None]) -> list[str | None]:
    """Return the files without those that lie in another folder than their row names, where the folders of another row
    are those of its file.

    >>> named = [PurePosixPath("p1/5.png"), PurePosixPath("p9/7.png")]
    >>> _of_own_folders(named, ["p1/5.png", "p3/7.png"]), _of_own_folders(named, ["a/5.png", "b/7.png"])
    (['p1/5.png', None], ['a/5.png', 'b/7.png'])
    """
    pairs = [(pure, PurePosixPath(path or "")) for pure, path in zip(named, found, strict=True)]
    agreed = [_agreement(*pair) if pair[1].parts else 0 for pair in pairs]
    most = max(agreed, default=0)
    own = [
        n >= min(most, len(pure.parts) - 1, len(path.parts) - 1) for n, (pure, path) in zip(agreed, pairs, strict=True)
    ]
    return [path if is_own else None for path, is_own in zip(found, own, strict=True)]


def _losers(path: PurePosixPath, rows: Mapping[PurePosixPath, Line]) -> list[PurePosixPath]:
    """Return which names of one file name it in fewer of its folders than another name that cannot be the same.

    Raises InputError where two that cannot be the same name it equally well.
    """
    agreement = {named: _agreement(named, path) for named in rows}
    longest = sorted(rows, key=lambda named: -len(named.parts))
    best = [named for named in longest if agreement[named] == max(agreement.values())]
    rival = next((named for named in best[1:] if _apart(best[0], named)), None)
    if rival is not None:
        raise InputError(
            "two images of the table may be one file of the folder",
            where=f"{rows[rival].file}, lines {rows[best[0]].number} and {rows[rival].number}",
            expected="a file for each",
            found=f"{best[0]} and {rival}: {path}",
            do="write the paths below the folder into the table",
        )
    return [named for named in rows if any(named not in best and _apart(named, one) for one in best)]


def _of_shards(table: Path, shards: Sequence[Path], mapping: Sequence[str]) -> Collection:
    """Return the images that stand in parquet files, written into a folder that goes with the collection."""
    kept = tempfile.TemporaryDirectory(prefix="leukbench-")
    folder = Path(kept.name)
    found = of_table(_table_of(table, unpack(shards, folder)), folder, mapping)
    return replace(found, kept=kept)


def _of_folder(folder: Path, mapping: Sequence[str], *, parts: bool) -> Collection:
    """Return the images of ``part/class/…`` or ``part/…``, with the ``metadata.csv`` of the datasets library, in
    the folder itself or in that of a part, where there is one; where ``parts`` need not be told, those of ``class/…``.
    """
    files = _Files(folder)
    tops = sorted({path.split("/")[0] for path in files.paths if "/" in path})
    are_parts = bool({top.lower() for top in tops} & PARTS)
    described, missing, of_tables = _metadata(files, tops, mapping, are_parts=are_parts)
    told = any(facts.get("part") for facts in described.values())
    if not are_parts and not told and (parts or not (tops or described)):
        raise _unnamed_folders(folder, tops, len(files.paths), parts=parts)
    below = [path for path in files.paths if "/" in path or path in described]
    rows = [{**_of_path(path, are_parts=are_parts), **described.get(path, {})} for path in below]
    rows, of_parts = _with_parts(rows) if told else (rows, [])
    one, several = "image lies in no folder and is left out", "images lie in no folder and are left out"
    labelled = are_parts or any("label" in facts for facts in described.values())
    named = [] if labelled or not tops else [f"Folders are classes: {', '.join(tops)}."]
    notes = [
        *files.notes(),
        *(_maybe_one(top.casefold() for top in tops) if are_parts else named),
        *of_tables,
        *of_parts,
        _count(len(files.paths) - len(below), one, several),
        _unread_folders(rows, are_parts=are_parts),
        _unread_tables(files),
    ]
    return Collection(folder=folder, rows=frame(rows), missing=missing, notes=tuple(t for t in notes if t))


def _of_path(path: str, *, are_parts: bool) -> dict[str, str]:
    """Return what the folders of an image say of it."""
    *folders, _ = path.split("/")
    part, classes = (folders[:1], folders[1:]) if are_parts else ([], folders)
    named = {"part": "".join(part), "label": "".join(classes[:1])}
    return {"image_id": path, "path": path, **dict.fromkeys(FACTS, ""), **named}


def _unread_folders(rows: Sequence[Mapping[str, str]], *, are_parts: bool) -> str:
    """Return a doubt about folders below those of the classes, which often are patients."""
    deep = 2 if are_parts else 1
    below = [row["path"].split("/")[deep] for row in rows if row["path"].count("/") > deep and not row["patient"]]
    if not below:
        return ""
    n, first = len(set(below)), min(below)
    return f"Folders below those of the classes ({n}, as {first}) say nothing here; if they are patients, give a table."


def _unread_tables(files: _Files) -> str:
    """Return which tables lie in the folder or in those of its parts and are not read."""
    found = [path for path in files.tables if path.count("/") < 2 and PurePosixPath(path).name not in _METADATA]
    shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    return f"Not read: {shown}; give a table in place of the folder, and the folder with --images." if found else ""


def _unnamed_folders(folder: Path, tops: Sequence[str], n_images: int, *, parts: bool) -> InputError:
    return InputError(
        "the folders do not say which part of a split they are" if parts else "there are no folders of classes",
        where=str(folder),
        expected="folders such as train, val, test" if parts else "folders of classes, with images in them",
        found=", ".join(tops[:8]) or (f"{n_images} images in no folder" if n_images else "no image"),
        do=f"give a table with a column {'split' if parts else 'label'}, and the folder with --images",
    )


def _places(folder: Path, tops: Sequence[str]) -> list[str]:
    places = [f"{top}{name}" for top in ("", *(f"{top}/" for top in tops)) for name in _METADATA]
    return [place for place in places if (folder / place).is_file()]


def _metadata(
    files: _Files, tops: Sequence[str], mapping: Sequence[str], *, are_parts: bool
) -> tuple[dict[str, dict[str, str]], tuple[str, ...], list[str]]:
    """Return what ``metadata.csv`` or ``metadata.jsonl`` in the folder, or in one below it, say of its images, by path;
    which of these are not there; and how the tables were read.
    """
    found: dict[str, dict[str, str]] = {}
    missing: list[str] = []
    notes: list[str] = []
    roles = tuple(role for role in ROLES if role != "split" or not are_parts)
    for place in _places(files.folder, tops):
        table = read_table(files.folder / place) if place.endswith(".csv") else _json_lines(files.folder / place)
        columns = find_columns(table, roles, read_mapping(mapping, roles))
        if "image_id" not in columns and "/" not in place:  # a table of the patients alone, it may be
            notes.append(f"{place} names no images and is not read; say which column does: --map image_id=COLUMN.")
            continue
        _need_images(table, columns)
        names = [(PurePosixPath(place).parent / _pure(n)).as_posix() for n in table.values(columns["image_id"])]
        for name, path, line in zip(names, files.find_all(names, table.lines), table.lines, strict=True):
            if path is None:
                missing.append(name)
            else:
                found[path] = found.get(path, {}) | {k: v for k, v in _facts(line.cells, columns).items() if v}
        read = ", ".join(role for role in columns if role != "image_id")
        notes += [f"Read from {place}: {read or 'nothing but names'}.", not_read(table, columns)]
    if mapping and not notes:
        raise _no_table(files.folder, mapping)
    return found, tuple(missing), notes


def _no_table(folder: Path, mapping: Sequence[str]) -> InputError:
    return InputError(
        "--map names columns, and no table is read", where=f"--map {mapping[0]}, {folder}",
        expected="a table, or metadata.csv in the folder or in that of a part", found="folders of images alone",
        do="leave --map out, or give a table, and the folder with --images",
    )  # fmt: skip


def _json_lines(file: Path) -> Table:
    rows = []
    for number, line in enumerate(file.read_bytes().decode("utf-8-sig", errors="replace").split("\n"), start=1):
        try:
            row = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            row = str(error)
        if not isinstance(row, dict):
            raise InputError(
                "a line is no JSON object", where=f"{file}, line {number}", expected='such as {"file_name": "a.png"}',
                found=line[:80], do="mend this line, or write the file again",
            )  # fmt: skip
        rows += [row] if row else []
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
    rows, other = [], []
    for part, entries in lists.items():
        for number, entry in enumerate(entries):
            row = _entry(entry)
            if not row:
                other.append(f"{part or 'entry'}[{number}]: {str(entry)[:60]}")
                continue
            fold = f" fold {row['fold']}" if "fold" in row and part.lower().startswith("train") else ""
            rows.append({**{k: v for k, v in row.items() if k != "fold"}, **({"split": part + fold} if part else {})})
    if not rows:
        raise InputError(
            "this JSON lists no images",
            where=str(file),
            expected='{"training": [{"image": "a.png", "label": 0}], …}',
            found=str(plain)[:80],
            do="give a MONAI datalist or a table",
        )
    told = "entry of the datalist names", "entries of the datalist name"
    left = _count(len(other), *(f"{words} no single image and takes no part, as {other[:1]}" for words in told))
    return replace(_table_of(file, rows), notes=(left,) if left else ())


def _entry(entry: Any) -> dict[str, Any]:
    """Return an entry of a datalist with the one image that it names, {} where it names none or several.

    >>> _entry("a.png"), _entry({"image": ["a.png"], "label": 1}), _entry({"image": ["a.png", "b.png"]})
    ({'image': 'a.png'}, {'image': 'a.png', 'label': 1}, {})
    """
    row = {"image": entry} if not isinstance(entry, dict) else entry
    image = row.get("image")
    if isinstance(image, list) and len(image) == 1:
        image = image[0]
    return {**row, "image": image} if isinstance(image, str) else {}


def _table_of(file: Path, rows: Sequence[Mapping[str, Any]]) -> Table:
    header = list(dict.fromkeys(key for row in rows for key in row))
    columns = {k: ["" if row.get(k) is None else str(row[k]) for row in rows] for k in header}
    return Table(file=file, header=tuple(header), lines=Lines(file, range(1, len(rows) + 1), columns))
