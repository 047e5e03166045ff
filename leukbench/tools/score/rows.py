"""A user's file of predictions as rows of text: its bytes, its header and its cells, and what is wrong with them."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leukbench.errors import InputError

KNOWN = ("image_id", "label", "group", "patient", "predicted", "fold", "seed", "origin")
SCORE = "score_"
LAYOUT = "columns image_id, label, group or patient, and score_<class> for every class or predicted; fold, seed, origin if any"


@dataclass(frozen=True)
class Line:
    """One row of the file: its line number and its cells by column, without outer blanks."""

    file: Path
    number: int
    cells: dict[str, str]

    def wrong(self, what: str, column: str, *, expected: str, do: str = "") -> InputError:
        """Return the error about one cell."""
        image = self.cells.get("image_id", "")
        place = f"{self.file}, line {self.number}, column {column}" + (f", image {image!r}" if image else "")
        return InputError(what, where=place, expected=expected, found=repr(self.cells.get(column, "")), do=do)


def read_rows(file: Path) -> tuple[list[str], list[Line]]:
    """Return the header, checked, and the rows, blank ones left out."""
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    header = [name.strip() for name in _next(file, reader) or []]
    _check_header(file, header)
    return header, list(_lines(file, reader, header))


def _text(file: Path) -> str:
    """Return the file's text. Raises InputError where it is no text in UTF-8, naming the line."""
    expected = "a CSV file in UTF-8, separated by commas"
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            "cannot read predictions", where=str(file), expected=expected, found=error.strerror or str(error),
            do=f"give a file with {LAYOUT}",
        ) from error  # fmt: skip
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        cells = raw.split(b"\n")[line - 1][:80].decode("ascii", errors="backslashreplace")
        raise InputError(
            "cannot read predictions: they are no text in UTF-8", where=f"{file}, line {line}", expected=expected,
            found=_kind(raw) or cells, do="save or export them as CSV in UTF-8",
        ) from error  # fmt: skip
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(
            "cannot read predictions: they hold a zero byte", where=f"{file}, line {line}", expected=expected,
            found=_kind(raw) or "no plain text", do="save or export them as CSV in UTF-8",
        )  # fmt: skip
    return text


def _kind(raw: bytes) -> str:
    """Return what a file that is no UTF-8 text begins like, or ""."""
    kinds = {b"PK": "a spreadsheet or another zip archive", b"PAR1": "a parquet file", b"\xff\xfe": "text in UTF-16", b"\xfe\xff": "text in UTF-16"}  # fmt: skip
    return next((name for start, name in kinds.items() if raw.startswith(start)), "")


def _next(file: Path, reader: Any) -> list[str] | None:
    """Return the next row, None after the last. Raises InputError, naming the line in which the row begins, for stray quotes."""
    begins = reader.line_num + 1
    try:
        row: list[str] | None = next(reader, None)
        return row
    except csv.Error as error:
        raise InputError(
            "a row cannot be read as CSV", where=f"{file}, line {begins}", expected='quotes in pairs, doubled inside a quoted cell',
            found="a quote that is not closed" if "end of data" in str(error) else str(error), do="mend the quotes in this line",
        ) from error  # fmt: skip


def _lines(file: Path, reader: Any, header: Sequence[str]) -> Iterator[Line]:
    while (row := _next(file, reader)) is not None:
        number = reader.line_num
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise InputError(
                "a row has too few or too many cells", where=f"{file}, line {number}",
                expected=f"{len(header)} cells, as in the header", found=f"{len(row)}: {','.join(row)[:80]}",
                do="put cells that hold a comma in double quotes; write decimals with a point",
            )  # fmt: skip
        yield Line(file, number, dict(zip(header, (cell.strip() for cell in row), strict=True)))


def _check_header(file: Path, header: list[str]) -> None:
    where = f"{file}, line 1"
    twice = sorted({c for c in header if header.count(c) > 1})
    if twice:
        raise InputError(
            "a column stands twice", where=where, expected="each name once", found=", ".join(map(repr, twice))
        )
    missing = [c for c in ("image_id", "label") if c not in header]
    missing += [] if {"group", "patient"} & set(header) else ["group (or patient)"]
    n_scores = sum(c.startswith(SCORE) and c != SCORE for c in header)
    missing += [] if n_scores or "predicted" in header else [f"{SCORE}<class> of every class (or predicted)"]
    if missing:
        raise InputError(
            f"columns are missing: {', '.join(missing)}", where=where, expected=LAYOUT,
            found=", ".join(header) or "an empty file", do=_header_hint(header, missing),
        )  # fmt: skip
    if n_scores == 1:
        raise InputError(
            "there is one column of scores", where=where, expected=f"a column {SCORE}<class> for every class, two at least",
            found=next(c for c in header if c.startswith(SCORE)), do="add the score of the other class, 1 minus this one",
        )  # fmt: skip


_ALSO_CALLED = {
    "image_id": ("filename", "file_name", "file", "image", "img", "id", "path", "name"),
    "label": ("y_true", "true", "true_label", "target", "truth", "class", "gt"),
    "group": ("patient_id", "subject", "subject_id", "case", "case_id", "slide", "group_id"),
    "predicted": ("prediction", "pred", "y_pred", "predicted_label"),
}


def _header_hint(header: list[str], missing: list[str]) -> str:
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        return "separate the columns by commas (this file has another separator), and write decimals with a point"
    if header and header[0].startswith(("{", "[")):
        return "this looks like JSON: give a CSV file"
    spare = {c.lower(): c for c in header if c not in KNOWN}
    for name in (m.split(" ")[0].removesuffix("<class>") for m in missing):
        if name == SCORE and spare.keys() & {"score", "prob", "probability", "y_score"}:
            return f"a single score does not say of which class: give one column {SCORE}<class> for each class, or predicted"
        near = [
            *difflib.get_close_matches(name, spare, n=1, cutoff=0.6),
            *(c for c in _ALSO_CALLED.get(name, ()) if c in spare),
        ]
        if name == SCORE:
            near += [c for c in _ALSO_CALLED["predicted"] if c in spare]
        if near:
            wanted = "predicted" if near[0] in _ALSO_CALLED["predicted"] else name
            wanted = "patient" if near[0].startswith(("patient", "subject", "case")) else wanted
            return f"is {spare[near[0]]!r} meant to be {wanted!r}? Rename it"
    if any(m.startswith("group") for m in missing):
        return (
            "add them; a group is what must not be torn apart: the patient, or else the smear, slide or original image"
        )
    return "add or rename them"
