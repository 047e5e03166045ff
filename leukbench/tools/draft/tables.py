"""The tables that a file prints: CSV, Markdown or plain text, LaTeX, JSON, JATS XML, HTML, outputs of a notebook."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from leukbench.errors import InputError, visible
from leukbench.tools.draft.blocks import WIDEST, Block, aligned, caret, is_spaced, pairs, uncommented
from leukbench.tools.draft.latex import paragraphs, tabulars, with_environments, without_comments
from leukbench.tools.draft.objects import results

_CAPTION = re.compile(r"(?:\*\*)?(table|tab\.)\s+([0-9]+|[IVX]+)\b\.?:?\s*(.*)", re.IGNORECASE)
_SCORE, _COUNT = r"(?:\d*\.\d+|\d+\.?|nan)", r"(?:\d{1,3}(?:,\d{3})+|\d+)"
_REPORT_LINE = re.compile(
    rf"\s*(?:(accuracy)\s+({_SCORE}\s+{_COUNT}|{_SCORE}(?:\s+{_SCORE}){{3}})"  # the latter of a data frame
    rf"|(\S+(?: \S+)*)(?:\s{{2,}}|\t)({_SCORE}(?:\s+{_SCORE}){{2}}\s+{_COUNT}(?:\.0+)?))\s*"
)
_LAST_LINES = frozenset(["weighted avg", "samples avg"])
_BESIDE_A_REPORT = "a confusion matrix is left out, as a report stands beside it; audit it by itself"
_ONE_HOT = "an array of zeros and ones with at most one in a row is left out: labels of images, no confusion matrix"
_SHARES = "an array that holds no counts is left out; give a confusion matrix as counts of images"
_NOT_SQUARE = "an array that is not square is left out: no confusion matrix"
_DEEP = "an array of three dimensions is left out; give one confusion matrix"
_FLAT = "counts in one row of brackets are left out; give a confusion matrix, a row in brackets each"
_SHORT = "an abbreviated array is left out; print all of it"
_OPEN = "an array without its last bracket is left out"
_OTHER = "an array called {name} is left out; call a confusion matrix cm, conf or confusion, or give it without a name"
_CALLED = re.compile(
    r"([A-Za-z_][\w.]*(?:\[[^\]\n]*\])*)(?:[\"']?\s*(:)\s*|\s*(?::\s*[\w.\[\], ]+)?[+*/-]?=\s*"
    r"(?:[\w.*+/ -]*\(\s*(?:#[^\n]*\s*)?|[\w.*+/ -]*))\Z"
)
_OF_CALLS = re.compile(r"conf|cnf|conting|crosstab|matri[xz]|(?:^|[^a-z])(?:cm|cf|mat)(?![a-z])|cm$|^cm", re.IGNORECASE)
_OF_OTHERS = re.compile(
    r"kernel|filter|weight|rotat|transl|affine|transf|homogr|project|intrins|calib|distan|simil|adjac|corr|cov|cost|"
    r"loss|penalt|shape|coord|bbox|box|label|image|config|confid",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\[[-+.e\d\s,\[\]]*+")  # possessive: no text is searched twice
_NAMED_ROW = re.compile(r"(?:[A-Za-z_]\w*\s*[:=]\s*)?(?:[\w.]*array\()?(\[[\d\s,]+\])[\s,.)]*(?:#.*)?")
_SPACED = "these lines look like a table between spaces, which is not read; give it as CSV or with bars"
_BLOCKS = frozenset(
    ["p", "div", "li", "br", "pre", "section", "article", "figcaption", *(f"h{n}" for n in range(1, 7))]
)
_OF_TABLES = frozenset(["table", "tr", "td", "th"])
_MARKED = frozenset(["caption", "script", "style", "sup", "pre"])
_EMPHASIS = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|`)(?=\S)([^*`]*\S)\1(?!\w)")
_SAYS_NOTHING = re.compile(
    r"(?:(?:the|full|detailed|final) )?(?:classification )?(?:report|results?|metrics|output|evaluation|text|python)|"
    r"confusion matrix(?: and statistics)?",
    re.IGNORECASE,
)
_OF_BOXES = {n: "-" if chr(n) in "─━═" else "|" for n in range(0x2500, 0x2580)}
"""The lines of which tables are drawn, as PyTorch Lightning's, as bars and dashes."""
_FAR = 12  # lines by which a caption may stand above its table


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A table as printed: ``where`` it stands, its caption, and its cells row by row, all of one width; ``left_out``
    says why none of them is taken as a figure, where that is so; ``rows_are``: of a confusion matrix, "actual",
    "predicted" or "unstated"; ``above``: the line of text above it, where there is one; ``alone``: the result that
    it is held together with and nothing else, "" where it is one of the file's tables.
    """

    where: str
    caption: str
    rows: tuple[tuple[str, ...], ...]
    left_out: str = ""
    rows_are: str = "unstated"
    above: str = ""
    alone: str = ""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence that may hold figures, and where it stands."""

    where: str
    text: str


def read_tables(file: Path) -> tuple[list[Printed], list[Sentence]]:
    """Return the tables and the sentences with figures of a file, by its suffix.

    Raises InputError where it cannot be read.
    """
    suffix = file.suffix.lower()
    try:
        text = file.read_text(encoding="utf-8-sig")
        if suffix in {".csv", ".tsv"}:
            return [_of_csv(file, text)], []
        if suffix == ".ipynb":
            return _of_notebook(_notebook(json.loads(text), file))
        if suffix == ".json" and (found := list(_of_json(text, file.name))):
            return found, []
        if suffix in {".xml", ".nxml"}:
            return _of_jats(ElementTree.fromstring(text))  # nosec B314 # expat bounds what entities multiply
        if suffix in {".html", ".htm"}:
            return _of_html(text, file.name)
    except (OSError, ValueError, RecursionError, ElementTree.ParseError, csv.Error) as error:
        raise InputError(
            "cannot read tables",
            where=str(file),
            expected="CSV, Markdown, text, LaTeX, JSON, JATS XML, HTML or a notebook, in UTF-8",
            found=str(error)[:200],
        ) from error
    return _of_tex(text) if suffix == ".tex" else _of_plain(text, file.name)


def _of_tex(text: str) -> tuple[list[Printed], list[Sentence]]:
    tables, text = _of_latex(without_comments(text))
    bare, text = _of_latex(with_environments(text))
    tables += bare
    return tables, list(_sentences(paragraphs(text), ""))


def _of_plain(text: str, name: str) -> tuple[list[Printed], list[Sentence]]:
    """Return what Markdown or plain text holds."""
    of_latex, text = _of_latex(text)
    blocks, text = _of_blocks(uncommented(text), name)
    running, sentences = _of_running(text, name)
    return [*of_latex, *blocks, *of_text(_without_tabs(text)), *running, *_spaced(text)], sentences


def _printed(where: str, caption: str, rows: Sequence[Sequence[str]]) -> Printed:
    width = max((len(row) for row in rows), default=0)
    whole = tuple(tuple(visible(cell.strip()) for cell in row) + ("",) * (width - len(row)) for row in rows)
    return Printed(where=visible(where), caption=visible(caption.strip()), rows=whole)


def _of_csv(file: Path, text: str) -> Printed:
    first = next(iter(text.splitlines()), "")
    separator = max("\t;,", key=first.count)
    return _printed(file.name, "", [row for row in csv.reader(text.splitlines(), delimiter=separator) if any(row)])


# ---------------------------------------------------------------------------------------------------------------- text


def of_text(text: str) -> Iterator[Printed]:
    """Yield the tables of plain text: lines of cells between bars or tabs, under the last caption above them."""
    lines = text.splitlines()
    caption, number, at = "", "", -_FAR - 1
    start = 0
    while start < len(lines):
        match = _CAPTION.match(lines[start].strip())
        if match is not None and len(lines[start]) < 400:
            number, caption, at = f"Table {match[2]}", match[3], start
        cells = _cells(lines[start])
        end = start
        rows: list[list[str]] = []
        while end < len(lines) and (cells := _cells(lines[end])) is not None:
            if not all(re.fullmatch(r":?-*:?", cell.strip()) for cell in cells):
                rows.append(cells)
            end += 1
        if len(rows) > 1:
            near = start - at <= _FAR
            where = number if near else f"line {start + 1}"
            at = end if near else at
            yield replace(_printed(where, caption if near else "", rows), above=_above(lines, start))
        start = max(end, start + 1)


def _above(lines: Sequence[str], start: int) -> str:
    """Return the line of text that stands above a table and may say of what it is; "" where none is near."""
    for line in reversed(lines[max(0, start - 6) : start]):
        plain = line.strip(" \t#*=-_`~:>|+.")
        if _cells(line) is not None or is_spaced(line) or "[" in line:
            return ""
        if plain and not _SAYS_NOTHING.fullmatch(plain):
            return visible(plain[:60]) if re.search("[A-Za-z]", plain) else ""
    return ""


def _cells(line: str) -> list[str] | None:
    """Return the cells of a line of a table, None where it is none."""
    line = line.translate(_OF_BOXES)
    if line.strip().startswith("|") and line.count("|") > 2:
        cells = re.split(r"(?<!\\)\|", re.sub(r"^\||\|$", "", line.strip()))
        return [_EMPHASIS.sub(r"\2", cell.strip()) for cell in cells]
    return line.split("\t") if "\t" in line and len(line) < WIDEST else None


def _of_json(text: str, name: str) -> Iterator[Printed]:
    for result in results(text):
        for n, (caption, rows) in enumerate(result.tables, start=1):
            where = f"{name}, {result.path or 'the whole'}" + (f", {n}" if n > 1 else "")
            table = _printed(where, caption, rows)
            yield replace(table, above=visible(result.path[-60:]), alone=f"{name}, {result.path}")


def _of_latex(text: str) -> tuple[list[Printed], str]:
    """Return the tables of LaTeX in a text, and the text without them."""
    if "\\begin" not in text:
        return [], text
    tables = list(tabulars(without_comments(text)))
    found: list[Printed] = []
    for table in tables:
        place = table.number or f"line {text.count(chr(10), 0, table.start) + 1}"
        again = sum(other.where.partition(",")[0] == place for other in found)
        found.append(_printed(f"{place}, part {again + 1}" if again else place, table.caption, table.rows))
    for table in reversed(tables):
        text = text[: table.start] + "\n" * text.count("\n", table.start, table.end) + text[table.end :]
    return found, text


def _sentences(paragraphs: Sequence[str], where: str) -> Iterator[Sentence]:
    for n, paragraph in enumerate(paragraphs, start=1):
        running = " ".join(line for line in paragraph.splitlines() if _cells(line) is None and not is_spaced(line))
        for text in re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(running.split())):
            if re.search(r"\d", text):
                yield Sentence(where=where or f"paragraph {n}", text=visible(text))


# -------------------------------------------------------------------------------------------------------- XML and HTML


def _of_jats(root: ElementTree.Element) -> tuple[list[Printed], list[Sentence]]:
    """Return the tables of an article in JATS, as journals and PMC give it, and its sentences with figures."""
    for element in root.iter():  # journals differ in namespaces
        element.tag = str(element.tag).rpartition("}")[2]
    tables = []
    for wrap in root.iter("table-wrap"):
        label, caption = (_words(wrap.find(tag)) for tag in ("label", "caption"))
        for table in wrap.iter("table"):
            rows = [[(_words(c), c.get("colspan", "1"), c.get("rowspan", "1")) for c in row if c.tag in {"td", "th"}]
                    for row in table.iter("tr")]  # fmt: skip
            tables.append(_printed(label.rstrip(".:") or "a table", caption, _spread(rows)))
    paragraphs = [_words(p) for p in root.iter("p")]
    return tables, list(_sentences(paragraphs, ""))


def _words(element: ElementTree.Element | None) -> str:
    """Return the text of an element, its blocks apart and without marks of footnotes; a power of ten with a ``^``."""
    return " ".join("".join(_pieces(element)).split()) if element is not None else ""


def _pieces(element: ElementTree.Element) -> Iterator[str]:
    said = element.text or ""
    yield said
    for child in element:
        text = "".join(_pieces(child))
        if child.tag == "sup" or "fn" in child.get("ref-type", ""):
            text = f"^{text}" if said.rstrip().endswith("10") else ""
        said = f"{text}{child.tail or ''}"
        yield f" {said}" if child.tag in {"break", "p"} else said


def _spread(rows: Sequence[Sequence[tuple[str, str, str]]]) -> list[list[str]]:
    """Return cells (text, colspan, rowspan) as a grid in which a cell over several columns or rows stands in each."""
    grid: dict[tuple[int, int], str] = {}
    for r, row in enumerate(rows):
        c = 0
        for text, wide, high in row:
            while (r, c) in grid:
                c += 1
            for down in range(_whole(high)):
                for right in range(_whole(wide)):
                    grid[r + down, c + right] = text
            c += _whole(wide)
    width = max((c for _, c in grid), default=-1) + 1
    return [[grid.get((r, c), "") for c in range(width)] for r in range(len(rows))]


def _whole(text: str) -> int:
    return min(int(text), 100) if text.isdigit() and int(text) else 1


class _Page(HTMLParser):
    """Collects the cells of every table of an HTML page, and its running text with blocks apart."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[str, str, str]]]] = []
        self.captions: dict[int, str] = {}
        self.running: list[str] = []
        self.open: list[tuple[list[list[tuple[str, str, str]]], list[str] | None, tuple[str, str]]] = []
        self.table: list[list[tuple[str, str, str]]] = []
        self.cell: list[str] | None = None
        self.spans = ("1", "1")
        self.inside: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in _MARKED:
            self.inside.add(tag)
        if tag in _BLOCKS:
            self.handle_data(" ") if self.cell is not None else self.running.append("\n\n")
        if tag == "table":
            self.open.append((self.table, self.cell, self.spans))
            self.table, self.cell = [], None
            self.tables.append(self.table)
        elif tag in _OF_TABLES and self.open:
            self._end_cell()
            if tag == "tr" or not self.table:
                self.table.append([])
            if tag != "tr":
                values = dict(attrs)
                self.cell, self.spans = [], (values.get("colspan") or "1", values.get("rowspan") or "1")

    def handle_endtag(self, tag: str) -> None:
        self.inside.discard(tag)
        if tag in _OF_TABLES:
            self._end_cell()
        if tag == "table" and self.open:
            self.table, self.cell, self.spans = self.open.pop()
        if tag in _BLOCKS:
            self.handle_data(" ") if self.cell is not None else self.running.append("\n\n")

    def handle_data(self, data: str) -> None:
        if {"script", "style"} & self.inside:
            return
        if "caption" in self.inside and self.open and self.cell is None:
            self.captions[id(self.table)] = self.captions.get(id(self.table), "") + data
        elif self.cell is None:
            self.running.append(data if "pre" in self.inside else " ".join(data.split("\n")))
        elif "sup" not in self.inside or "".join(self.cell).rstrip().endswith("10"):
            self.cell.append(f"^{data}" if "sup" in self.inside else data)

    def close(self) -> None:
        super().close()
        self._end_cell()

    def _end_cell(self) -> None:
        """Keep the cell that is open, whose own end need not be written, nor that of a footnote's mark in it."""
        self.inside.discard("sup")
        if self.cell is not None:
            self.table[-1].append((" ".join("".join(self.cell).split()), *self.spans))
            self.cell = None


def _of_html(text: str, name: str) -> tuple[list[Printed], list[Sentence]]:
    page = _page(text)
    blocks, running = _of_blocks("".join(page.running), name)
    found, sentences = _of_running(running, name)
    return [*_of_page(page, ""), *blocks, *found], sentences


def _of_running(text: str, name: str) -> tuple[list[Printed], list[Sentence]]:
    """Return the classification reports and arrays of a text, which are not held against each other, and its sentences
    with figures.
    """
    reports, arrays = list(_report(text, name)), list(_arrays(text, name))
    if reports:
        arrays = [replace(array, left_out=array.left_out or _BESIDE_A_REPORT) for array in arrays]
    return [*reports, *arrays], list(_sentences(_without_reports(text).split("\n\n"), ""))


def _page(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    page.close()
    return page


def _of_page(page: _Page, where: str) -> Iterator[Printed]:
    for n, rows in enumerate(page.tables, start=1):
        caption = " ".join(page.captions.get(id(rows), "").split())
        yield _printed(f"{where or 'table'} {n}".strip(), caption, _spread(rows))


# ----------------------------------------------------------------------------------------------------------- notebooks


def _notebook(plain: Any, file: Path) -> list[list[Any]]:
    """Return the outputs of each cell of a notebook. Raises InputError where a file is none."""
    cells = plain.get("cells") if isinstance(plain, dict) else None
    if not isinstance(cells, list):
        raise InputError(
            "this is no notebook", where=str(file), expected="an object with a list of cells", found=str(plain)[:60]
        )
    found = [cell.get("outputs", []) if isinstance(cell, dict) else None for cell in cells]
    for n, outputs in enumerate(found, start=1):
        if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
            raise InputError(
                "a cell of a notebook is none", where=f"{file}, cell {n}", expected="a list of outputs",
                found=str(outputs)[:60],
            )  # fmt: skip
    return [outputs or [] for outputs in found]


def _text(value: Any) -> str:
    """Return what a notebook gives as text or as a list of lines; "" for anything else."""
    lines = value if isinstance(value, list) else [value]
    return "".join(line for line in lines if isinstance(line, str))


def _of_notebook(cells: Sequence[Sequence[Any]]) -> tuple[list[Printed], list[Sentence]]:
    """Return the tables among a notebook's outputs: data frames, classification reports, confusion matrices; and the
    sentences of its other output.
    """
    tables, said = [], []
    for n, outputs in enumerate(cells, start=1):
        for output in outputs:
            page, text = _shown(output)
            blocks, text = _of_blocks(uncommented(text), f"cell {n}")
            tables += [
                *blocks,
                *_of_page(_page(page), f"cell {n}, table"),
                *_report(text, f"cell {n}"),
                *_arrays(text, f"cell {n}"),
            ]
            said += list(_sentences(_without_reports(text).splitlines(), f"cell {n}"))
    return tables, said


def _shown(output: Any) -> tuple[str, str]:
    """Return what an output of a notebook shows: a page, or else text."""
    data = output.get("data")
    data = data if isinstance(data, dict) else {}
    if "text/html" in data:
        return _text(data["text/html"]), ""
    return "", _text(data.get("text/plain", output.get("text", "")))


def _report(text: str, where: str) -> Iterator[Printed]:
    """Yield scikit-learn's classification report as a table; a score that is not defined is an empty cell.

    Raises InputError where a line within a report is none of its lines.
    """
    lines = text.splitlines()
    reports = list(_reports(lines))
    for start, end in reports:
        rows = [["class", *lines[start].split()]]
        for name, values in filter(None, map(_report_line, lines[start + 1 : end])):
            rows.append([name, *([""] * (4 - len(values))), *("" if v == "nan" else v for v in values)])
        odd = lines[end].strip() if end < len(lines) else ""
        if rows[-1][0] not in _LAST_LINES and re.search(r"\d\s+\S*\d", odd) and not odd.startswith("["):
            raise InputError(
                "a line of a classification report is not understood", where=f"{where}, line {end + 1}",
                expected="a class, three scores and a whole number of images, between spaces or tabs", found=odd[:60],
                do="print the report as scikit-learn does without sample weights, or give the table as CSV",
            )  # fmt: skip
        place = f"{where}, line {start + 1}" if len(reports) > 1 else where
        yield replace(_printed(place, "classification report", rows), above=_above(lines, start))


def _report_line(line: str) -> tuple[str, list[str]] | None:
    match = _REPORT_LINE.fullmatch(line)
    return (match[1] or match[3], (match[2] or match[4]).split()) if match else None


def _reports(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first line of each classification report and that after its last: its averages end it."""
    for start, line in enumerate(lines):
        if line.split() == ["precision", "recall", "f1-score", "support"]:
            end, last = start + 1, ""
            while end < len(lines):
                read = _report_line(lines[end])
                if lines[end].strip() and (read is None or (last in _LAST_LINES and read[0] not in _LAST_LINES)):
                    break
                last, end = read[0] if read else last, end + 1
            yield start, end


def _of_blocks(text: str, where: str) -> tuple[list[Printed], str]:
    """Return the results that a text prints in lines of names and numbers, each alone, and the text without them."""
    if re.search(r"\d", text) is None:
        return [], text
    lines = text.split("\n")
    found: list[Printed] = []
    left = list(lines)
    for pair in caret(lines):
        for block, caption in zip(pair, ("confusion matrix", "statistics"), strict=True):
            table = _of_block(block, lines, where, pair[0].start)
            found += [replace(table, caption=caption, rows_are="predicted")] if block.rows or block.left_out else []
            left[block.start : block.end] = [""] * (block.end - block.start)
    reports = {n for start, end in _reports(left) for n in range(start, end)}
    others = ["" if n in reports else line for n, line in enumerate(left)]
    for block in [*pairs(others), *aligned(others)]:
        table = _of_block(block, lines, where, block.start)
        found.append(table if block.alone else replace(table, alone=""))
        left[block.start : block.end] = [""] * (block.end - block.start)
    return found, "\n".join(left)


def _of_block(block: Block, lines: Sequence[str], where: str, result: int) -> Printed:
    table = replace(_printed(f"{where}, line {block.start + 1}", "", block.rows), left_out=block.left_out)
    return replace(table, above=_above(lines, block.start), alone=f"{where}, line {result + 1}")


def _without_tabs(text: str) -> str:
    """Return a text whose classification reports are no tables of cells between tabs: they are read as reports."""
    lines = text.splitlines()
    for start, end in _reports(lines):
        lines[start:end] = [line.replace("\t", "  ") for line in lines[start:end]]
    return "\n".join(lines)


def _without_reports(text: str) -> str:
    """Return a text with the lines of its classification reports emptied."""
    lines = text.splitlines()
    for start, end in _reports(lines):
        lines[start:end] = [""] * (end - start)
    return "\n".join(lines)


def _arrays(text: str, where: str) -> Iterator[Printed]:
    """Yield square arrays of counts as confusion matrices; other arrays are left out."""
    for depth, start, end in _bracketed(text):
        found, other = text[start:end], _other_name(text[max(0, start - 120) : start])
        if depth != 2 or "..." in found or other:
            why = other or {0: _OPEN, 2: _SHORT}.get(depth, _DEEP)
            yield Printed(where=where, caption="", rows=(), left_out=why)
            continue
        cells = [re.findall(r"[^\s,]+", row) for row in re.findall(r"\[([^\[\]]+)\]", found)]
        if all(re.fullmatch(r"\d+\.?0*", cell) for row in cells for cell in row):  # counts, perhaps in floats
            cells = [[cell.partition(".")[0] for cell in row] for row in cells]
        names = [f"class {i}" for i in range(len(cells))]
        rows = [[name, *row] for name, row in zip(names, cells, strict=True)]
        yield replace(_printed(where, "confusion matrix", [["", *names], *rows]), left_out=_no_matrix(cells))
    lines = _BRACKETS.sub(lambda run: " " if re.search(r"\[\s*\[", run[0]) else run[0], text).splitlines()
    rows_alone = (match[1] for line in lines if (match := _NAMED_ROW.fullmatch(line.strip())))
    if any(n > 3 and math.isqrt(n) ** 2 == n for n in (len(re.findall(r"\d+", row)) for row in rows_alone)):
        yield Printed(where=where, caption="", rows=(), left_out=_FLAT)


def _other_name(before: str) -> str:
    """Return the remark on an array whose name, in what stands before it, is that of something else than a confusion
    matrix; "" where it has no name or may be one. What stands before a colon may be any name of a network.
    """
    match = _CALLED.search(before)
    if match is None or (match[2] and not _OF_OTHERS.search(match[1])):
        return ""
    matrix = _OF_CALLS.search(match[1]) and not _OF_OTHERS.search(match[1])
    return "" if matrix else _OTHER.format(name=match[1][:40])


def _bracketed(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the dimensions of each array of numbers of a text, from two on and 0 for one that does not end, its place
    and its end.
    """
    for run in _BRACKETS.finditer(text):
        start = depth = deepest = 0
        for at, sign in enumerate(run[0], start=run.start()):
            if sign == "[":
                start, deepest = (at, 0) if depth == 0 else (start, deepest)
                depth += 1
                deepest = max(deepest, depth)
            elif sign == "]" and depth:
                depth -= 1
                if depth == 0 and deepest > 1 and re.search(r"\d", text[start:at]):
                    yield deepest, start, at + 1
        if depth and deepest > 1 and re.search(r"\d", text[start : run.end()]):
            yield 0, start, run.end()


def _no_matrix(cells: Sequence[Sequence[str]]) -> str:
    """Return why an array is no confusion matrix of counts; "" where it can be one."""
    if all({*row} <= {"0", "1"} and row.count("1") <= 1 for row in cells):
        return _ONE_HOT
    if len(cells) < 2 or any(len(row) != len(cells) for row in cells):
        return _NOT_SQUARE
    return "" if all(cell.isdigit() for row in cells for cell in row) else _SHARES


def _spaced(text: str) -> Iterator[Printed]:
    """Yield what is left out of a text: lines with two figures and more between spaces, outside of its reports."""
    lines = _without_reports(text).splitlines()
    like = "".join("x" if is_spaced(line) else " " for line in lines)
    places = [f"lines {found.start() + 1} to {found.end()}" for found in re.finditer("xx+", like)]
    if places:
        where = ", ".join(places[:3]) + (" and more" if len(places) > 3 else "")
        yield Printed(where=where, caption="", rows=(), left_out=_SPACED)
