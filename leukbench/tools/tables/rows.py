"""A user's table as rows of text: its bytes, its header and its cells, and what is wrong with them."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

from leukbench.errors import InputError

SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
"""The first line by which Excel is told what separates the cells."""
NAMELESS = re.compile(r"|unnamed: ?\d+(_level_\d+)?|__index_level_\d+__", re.IGNORECASE)
"""What an index column is called that pandas or R wrote without a name."""


@dataclass(frozen=True)
class Line:
    """One row of the file: its line number and its cells by column, without outer blanks."""

    file: Path
    number: int
    cells: dict[str, str]

    def wrong(self, what: str, column: str, *, expected: str, do: str = "", image: str = "") -> InputError:
        """Return the error about one cell."""
        place = f"{self.file}, line {self.number}, column {column}" + (f", image {image!r}" if image else "")
        return InputError(what, where=place, expected=expected, found=repr(self.cells.get(column, "")), do=do)


@dataclass(frozen=True)
class Lines(Sequence[Line]):
    """The rows of a file, each made when it is asked for: a million of them at once would take 2 GiB.

    ``numbers`` holds their line numbers, ``columns`` their cells by column.
    """

    file: Path
    numbers: Sequence[int]
    columns: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Line: ...
    @overload
    def __getitem__(self, place: slice) -> Lines: ...
    def __getitem__(self, place: int | slice) -> Line | Lines:
        if isinstance(place, slice):
            return Lines(self.file, self.numbers[place], {name: c[place] for name, c in self.columns.items()})
        return Line(self.file, self.numbers[place], {name: cells[place] for name, cells in self.columns.items()})


@dataclass(frozen=True, kw_only=True)
class Table:
    """A file of rows: ``header`` without nameless columns, which ``index`` names; ``notes`` is what a reader should
    know.
    """

    file: Path
    header: tuple[str, ...]
    lines: Lines
    index: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def values(self, column: str) -> Sequence[str]:
        """Return the cells of a column in the order of the rows."""
        return self.lines.columns[column]


def read_table(file: Path) -> Table:
    """Return the rows of a CSV (separated by comma, semicolon, tab or bar) or parquet file, blank ones left out.

    Raises InputError, naming the line, for what is no table: other bytes, stray quotes, ragged rows, a column that
    stands twice.
    """
    if _starts(file, b"PAR1"):
        return _parquet(file)
    text = _text(file)
    lines = [*text.splitlines()[:2], "", ""]
    told = _SEPARATOR_LINE.fullmatch(lines[0])
    first = lines[1] if told else lines[0]
    if first.lstrip().startswith(("{", "[")):
        raise InputError("this looks like JSON", where=str(file), expected="a CSV or parquet file", found=first[:60],
                         do="export it as CSV, one row an image")  # fmt: skip
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=told[1] if told else _separator(first), strict=True)
    if told:
        _next(file, reader)
    header = [name.strip() for name in _next(file, reader) or []]
    named, nameless = _names(file, header)
    n_nameless = len(header) - len("\0".join(header).rstrip("\0").split("\0"))
    return _table(file, named, nameless, _lines(file, reader, named, n_nameless=n_nameless))


def of_frame(frame: Any, *, name: str = "the data frame") -> Table:
    """Return a pandas data frame as rows of text; what its index names comes first, an index without a name is left
    out.

    Raises InputError where a level of the index and a column bear one name and differ.
    """
    columns = [[_cell(value) for value in frame.iloc[:, i].tolist()] for i in range(frame.shape[1])]
    header = [str(column).strip() for column in frame.columns]
    levels = _levels(frame.index, dict(zip(header, columns, strict=True)), name)
    named, nameless = _names(Path(name), [*levels, *header])
    columns = [*levels.values(), *columns]
    lines = Lines(Path(name), range(len(frame)), dict(zip(named, columns, strict=True)))
    return _table(Path(name), named, nameless, lines)


def _levels(index: Any, columns: Mapping[str, list[str]], name: str) -> dict[str, list[str]]:
    """Return the named levels of a data frame's index as columns, but for those that stand among its columns as they
    are.
    """
    found: dict[str, list[str]] = {}
    for i, level in enumerate(index.names):
        title = "" if level is None else unicodedata.normalize("NFC", str(level).strip())
        cells = [_cell(value) for value in index.get_level_values(i).tolist()] if title else []
        beside = {**columns, **found}.get(title, cells)
        if beside != cells:
            raise InputError(
                "the index and a column bear one name and differ", where=f"{name}, index {title!r}",
                expected="each name once", found=f"{cells[0]!r} in the index, {beside[0]!r} in the column, and so on",
                do="rename one of them, or leave the index out: reset_index(drop=True)",
            )  # fmt: skip
        if title and title not in columns:
            found[title] = cells
    return found


def keep_rows(table: Table, column: str, value: str) -> Table:
    """Return the table with the rows alone that have a value in a column."""
    kept = [i for i, cell in enumerate(table.values(column)) if cell == value]
    columns = {c: [cells[i] for i in kept] for c, cells in table.lines.columns.items()}
    lines = Lines(table.file, [table.lines.numbers[i] for i in kept], columns)
    return replace(table, lines=lines)


def without_columns(table: Table, names: Collection[str]) -> Table:
    """Return the table without the columns of these names."""
    columns = {c: cells for c, cells in table.lines.columns.items() if c not in names}
    header = tuple(c for c in table.header if c not in names)
    return replace(table, header=header, lines=replace(table.lines, columns=columns))


def _table(file: Path, named: Sequence[str], nameless: Sequence[str], lines: Lines) -> Table:
    n = len(nameless)
    notes = (f"{n} index column{'s' if n > 1 else ''} without a name left out.",) if nameless else ()
    header = tuple(name for name in named if name not in nameless)
    return Table(file=file, header=header, lines=lines, index=tuple(nameless), notes=notes)


def _names(file: Path, header: list[str]) -> tuple[list[str], list[str]]:
    """Return every column's name, made up where it has none, and the made-up ones."""
    header = [unicodedata.normalize("NFC", name) for name in header]
    if not any(header):
        raise InputError(
            "this file has no header",
            where=f"{file}, line 1",
            expected="names of columns, then a row an image",
            found="an empty file",
            do="add a header, or give another file",
        )
    twice = sorted({c for c in header if header.count(c) > 1 and not NAMELESS.fullmatch(c)})
    if twice:
        raise InputError("a column stands twice", where=f"{file}, line 1", expected="each name once",
                         found=", ".join(map(repr, twice)), do="rename or remove one of them")  # fmt: skip
    named = [f"(column {i + 1})" if NAMELESS.fullmatch(c) else c for i, c in enumerate(header)]
    return named, [name for name, title in zip(named, header, strict=True) if NAMELESS.fullmatch(title)]


def _separator(first: str) -> str:
    """Return what separates the cells of the header.

    >>> _separator('image;label;"a,b"'), _separator("image,label"), _separator("image")
    (';', ',', ',')
    """

    def n_cells(separator: str) -> int:
        return len(next(csv.reader([first], delimiter=separator), []))

    return max(SEPARATORS, key=n_cells)


def _starts(file: Path, magic: bytes) -> bool:
    try:
        with file.open("rb") as handle:
            return handle.read(len(magic)) == magic
    except OSError as error:
        raise InputError("cannot read a table", where=str(file), expected="a CSV or parquet file",
                         found=error.strerror or str(error), do="give an existing file") from error  # fmt: skip


def _parquet(file: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        found = pyarrow.parquet.read_table(file)
        columns = [[_cell(value) for value in column.to_pylist()] for column in found.columns]
        header = [str(name).strip() for name in found.column_names]
    except (OSError, ValueError, OverflowError, pyarrow.ArrowException) as error:  # of damaged text and dates too
        raise InputError("cannot read a parquet file", where=str(file), expected="a whole parquet file",
                         found=str(error)[:200], do="write it again, or export it as CSV") from error  # fmt: skip
    named, nameless = _names(file, header)
    lines = Lines(file, range(2, found.num_rows + 2), dict(zip(named, columns, strict=True)))
    return _table(file, named, nameless, lines)


def _cell(value: Any) -> str:
    """Return a value as the text that a CSV file would hold."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).strip()


def _text(file: Path) -> str:
    """Return the file's text. Raises InputError where it is no text in UTF-8, naming the line."""
    expected = "a CSV file in UTF-8"
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        cells = raw.split(b"\n")[line - 1][:80].decode("ascii", errors="backslashreplace")
        raise InputError(
            "cannot read a table: it is no text in UTF-8", where=f"{file}, line {line}", expected=expected,
            found=_kind(raw) or cells, do="save or export it as CSV in UTF-8",
        ) from error  # fmt: skip
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(
            "cannot read a table: it holds a zero byte", where=f"{file}, line {line}", expected=expected,
            found=_kind(raw) or "no plain text", do="save or export it as CSV in UTF-8",
        )  # fmt: skip
    return text


def _kind(raw: bytes) -> str:
    """Return what a file that is no UTF-8 text begins like, or ""."""
    kinds = {
        b"PK": "a spreadsheet or another zip archive",
        b"\xff\xfe": "text in UTF-16",
        b"\xfe\xff": "text in UTF-16",
    }
    return next((name for start, name in kinds.items() if raw.startswith(start)), "")


def _next(file: Path, reader: Any) -> list[str] | None:
    """Return the next row, None after the last. Raises InputError, naming the line in which the row begins, for stray
    quotes.
    """
    begins = reader.line_num + 1
    try:
        row: list[str] | None = next(reader, None)
        return row
    except csv.Error as error:
        raise InputError(
            "a row cannot be read as CSV",
            where=f"{file}, line {begins}",
            expected="quotes in pairs, doubled inside a quoted cell",
            found="a quote that is not closed" if "end of data" in str(error) else str(error),
            do="mend the quotes in this line",
        ) from error


def _without_blank_end(row: list[str], n_columns: int, n_nameless: int) -> list[str]:
    """Return a row with as many cells as the header, where they differ in blank ones at the end alone.

    >>> _without_blank_end(["a", "b", ""], 2, 0), _without_blank_end(["a", "b"], 3, 1), _without_blank_end(["a"], 3, 1)
    (['a', 'b'], ['a', 'b', ''], ['a'])
    """
    if len(row) > n_columns and not any(row[n_columns:]):
        return row[:n_columns]
    if n_columns - n_nameless <= len(row) < n_columns:
        return row + [""] * (n_columns - len(row))
    return row


def _lines(file: Path, reader: Any, header: Sequence[str], *, n_nameless: int) -> Lines:
    numbers: list[int] = []
    columns: list[list[str]] = [[] for _ in header]
    while (row := _next(file, reader)) is not None:
        number, cells = reader.line_num, [cell.strip() for cell in row]
        if not any(cells):
            continue
        cells = _without_blank_end(cells, len(header), n_nameless)
        if len(cells) != len(header):
            raise InputError(
                "a row has too few or too many cells",
                where=f"{file}, line {number}",
                expected=f"{len(header)} cells, as in the header",
                found=f"{len(row)}: {','.join(row)[:80]}",
                do="put cells that hold the separator in double quotes; with commas as separators write "
                "decimals with a point",
            )
        numbers.append(number)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell)
    return Lines(file, numbers, dict(zip(header, columns, strict=True)))
