"""Results that a text prints without a table: lines of a name and a number each, and prints of R's caret."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leukbench.papers.slips import NAMED_CELLS
from leukbench.papers.vocabulary import SCORES
from leukbench.tools.draft.headers import Header, read_header

_PAIR = re.compile(
    r"(?:>\s*)?(?:[-*•+]\s+|\d+[.)]\s+)?(?P<name>[A-Za-z][\w ()/%'’.-]{0,45}?)\s*[:=]\s*"
    r"(?P<value>[≈~]?\s?(?:\d[\d,]*\.?\d*|\.\d+)\s*%?(?:\s*±\s*\d*\.?\d+\s*%?)?)(?:\s*\(\s*[\d.]+\s*%\s*\))?[,.;]?"
)
_UNREAD = re.compile(
    r"npv|negative predictive value|neg pred value|prevalence|f[pnd]r|fall[- ]out|(?:false \w+|f[pn]) rate|g-?mean|"
    r"jaccard|iou|dice(?: score| coefficient)?|average precision|f-?(?:2|0\.5|beta)(?:[ -]score)?|auprc|pr[- ]?auc|"
    r"log[- ]?loss|brier(?: score)?",
    re.IGNORECASE,
)
"""Names beside which a block goes on, though their figures are not read."""
_EPOCH = re.compile(r"\b(?:epoch|step|iter(?:ation)?|batch)\b\W*\d", re.IGNORECASE)
WIDEST = 600  # characters of a line of a table
_SPACED_LINE = re.compile(r"[^|\t\[\]]*\S(?: +[-+]?\d[\d.,]*%?){2,}\s*")
_COMMENTED = re.compile(r"\s{0,3}(#{1,2})(?!#)(?: |$)")
_CARET = {
    "sensitivity": "Sensitivity", "specificity": "Specificity", "pos pred value": "Precision", "precision": "Precision",
    "recall": "Recall", "f1": "F1", "accuracy": "Accuracy", "kappa": "Kappa",
}  # fmt: skip
_OF_CLASS = frozenset(["Sensitivity", "Specificity", "Precision", "Recall", "F1"])
WRAPPED = "a confusionMatrix print whose matrix is not square is left out; print it in lines wide enough"


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines ``start`` to ``end`` of a text as the rows of a table, () where it is ``left_out`` for a reason; whether it
    is a result ``alone``, or one of the text's tables.
    """

    start: int
    end: int
    rows: tuple[tuple[str, ...], ...] = ()
    left_out: str = ""
    alone: bool = True


def uncommented(text: str) -> str:
    """Return a text in which lines that are all commented out, as R Markdown prints output, have lost their ``#``.

    At least three in a row are: one is a heading.

    >>> uncommented("# Title\\n\\n## a  b\\n## 1  2\\n##\\n## 3  4")
    '# Title\\n\\na  b\\n1  2\\n\\n3  4'
    """
    if "#" not in text:
        return text
    lines = text.split("\n")
    marks = [m[1] if (m := _COMMENTED.match(line)) else "" for line in lines]
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and marks[end] == marks[start]:
            end += 1
        if marks[start] and end - start > 2:
            lines[start:end] = [_COMMENTED.sub("", line, count=1) for line in lines[start:end]]
        start = end
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------- names and numbers


def pairs(lines: Sequence[str]) -> Iterator[Block]:
    """Yield each run of neighbouring lines that are a known metric and one number each, as a table of one row.

    Not those of an epoch. A metric named again begins another one.

    >>> [block.rows for block in pairs(["Accuracy: 0.9", "- **F1**: 91 %", "Recall = .9", "and so on: 3"])]
    [(('', 'Accuracy', 'F1', 'Recall'), ('', '0.9', '91 %', '.9'))]
    """
    start, found, seen = 0, list[tuple[str, str]](), set[Header]()
    for n, line in enumerate([*lines, ""]):
        pair = _pair(line)
        head = _head(pair[0]) if pair else Header()
        if found and (pair is None or head in seen):
            yield from _block(lines, start, found)
            found, seen = [], set()
        if pair is not None:
            start = start if found else n
            found.append(pair)
            seen |= {head} if head.metric else set()


def _block(lines: Sequence[str], start: int, found: Sequence[tuple[str, str]]) -> Iterator[Block]:
    metrics = [metric for name, _ in found if (metric := _head(name).metric)]
    above = next((line for line in reversed(lines[max(0, start - 3) : start]) if line.strip()), "")
    if len(metrics) < 2 or not {*metrics} & {*SCORES, *NAMED_CELLS} or "epochs" in metrics or _EPOCH.search(above):
        return
    names, values = zip(*found, strict=True)
    yield Block(start=start, end=start + len(found), rows=(("", *names), ("", *values)))


@functools.lru_cache(maxsize=1024)
def _head(name: str) -> Header:
    return read_header(name)


def _pair(line: str) -> tuple[str, str] | None:
    """Return the metric and the number that a line alone consists of; None of any other line."""
    if len(line) > 120 or "\t" in line or "|" in line or not ("=" in line or ":" in line):
        return None
    match = _PAIR.fullmatch(re.sub(r"\*\*|__|`|['\"]", "", line).strip(" {}"))
    if match is None:
        return None
    name = known_name(match["name"])
    return (name, match["value"].strip()) if name else None


def known_name(text: str) -> str:
    """Return a name of a metric alone, or of one beside which a block goes on, as a header; "" of anything else.

    >>> [known_name(text) for text in ("Final Accuracy", "eval_f1_macro", "Recall (Sensitivity)", "F1 of ALL", "NPV")]
    ['Accuracy', 'f1_macro', 'Recall (Sensitivity)', '', 'NPV']
    """
    name = re.sub(r"(?<![A-Za-z])(?:final|overall|scores?|eval)(?![A-Za-z])", " ", text, flags=re.IGNORECASE)
    name = " ".join(name.split()).strip(" _")
    head = _head(name)
    return name if _UNREAD.fullmatch(name) or (head.metric in _KNOWN and not head.rest and not head.fold) else ""


_KNOWN = frozenset({*SCORES, *NAMED_CELLS, "loss", "n_images", "epochs"})

# ------------------------------------------------------------------------------------------------------------- caret


def caret(lines: Sequence[str]) -> Iterator[tuple[Block, Block]]:
    """Yield what each print of R's ``confusionMatrix`` says, as two tables: its matrix, whose rows are predicted, and
    its scores, in one row a class and one of all.
    """
    heads = [n for n, line in enumerate(lines) if line.strip() == "Reference"]
    for n, end in itertools.pairwise([*heads, len(lines)]):
        if n + 1 == len(lines) or not re.match(r"\s*Prediction\s+\S", lines[n + 1]):
            continue
        below = n + 2
        while below < end and re.search(r"\S\s+\d+\s*$", lines[below]) and ":" not in lines[below]:
            below += 1
        matrix = _caret_matrix(lines[n + 1 : below])
        end = _end_of_caret(lines, below, end)
        if not matrix:
            yield Block(start=n, end=end, left_out=WRAPPED), Block(start=end, end=end)
            continue
        scores = _caret_scores(lines[below:end])
        yield Block(start=n, end=below, rows=matrix), Block(start=below, end=end, rows=scores)


def _caret_matrix(lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return a matrix under its header; () where it is not square, as one that was too wide for its lines."""
    head, size = lines[0].split()[1:], len(lines) - 1
    rows = [line.rsplit(None, size) for line in lines[1:]]
    square = size > 1 and all(len(row) == size + 1 and all(c.isdigit() for c in row[1:]) for row in rows)
    names = [row[0].strip() for row in rows]
    if not square or " ".join(names).split() != head:
        return ()
    return (("", *names), *((name, *row[1:]) for name, row in zip(names, rows, strict=True)))


def _end_of_caret(lines: Sequence[str], start: int, end: int) -> int:
    """Return the line after the last that belongs to a print of caret's."""
    last = start
    for n in range(start, end):
        line = lines[n].strip()
        if re.search(r"\S\s:\s+\S|Class:|^\w[\w ]*\w(\s+(?:\d*\.\d+|\d|NA|NaN))+$", line) or line.endswith(
            "Statistics"
        ):
            last = n + 1
        elif line and line != "Statistics by Class:":
            break
    return last


def _caret_scores(lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the scores of a print, its classes below one another, and those of all in a last row."""
    said = {
        name.strip().lower(): value.strip() for name, value in re.findall(r"^(.*\S) : +(.*)$", "\n".join(lines), re.M)
    }
    positive = said.get("'positive' class", "")
    known = {title: said[name] for name, title in _CARET.items() if re.fullmatch(r"-?[\d.]+", said.get(name, ""))}
    rows = {positive: {k: v for k, v in known.items() if k in _OF_CLASS}} if positive else _by_class(lines)
    titles = [t for t in dict.fromkeys(_CARET.values()) if t in known or any(t in row for row in rows.values())]
    of_all = {k: v for k, v in known.items() if k not in _OF_CLASS}
    table = [(name, *(row.get(t, "") for t in titles)) for name, row in [*rows.items(), ("", of_all)]]
    return (("Class", *titles), *table) if titles else ()


def _by_class(lines: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the columns of "Statistics by Class", which may go on below."""
    found: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for line in lines:
        if line.strip().startswith("Class: "):
            names = [name.strip() for name in line.split("Class: ")[1:]]
            continue
        title, *values = line.rsplit(None, len(names)) if names else [""]
        title = _CARET.get(title.strip().lower(), "")
        for name, value in zip(names, values, strict=False):
            if title and re.fullmatch(r"[\d.]+", value):
                found.setdefault(name, {})[title] = value
    return found


# ------------------------------------------------------------------------------------------------- between blanks


def is_spaced(line: str) -> bool:
    """Whether a line ends with two figures and more between blanks."""
    return len(line) < WIDEST and _SPACED_LINE.fullmatch(line) is not None


def aligned(lines: Sequence[str]) -> Iterator[Block]:
    """Yield tables whose columns stand below one another, two blanks apart, as pandas prints data frames: those with a
    score in their header, and those of whole numbers that have the same names in it as in their rows.
    """
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and is_spaced(lines[end]):
            end += 1
        if end - start > 1:
            named = start > 1 and len(lines[start - 1].split()) == 1  # what the index is of has a line of its own
            top = start - 1 - named
            rows = _columns(lines[top:end]) if top >= 0 and lines[top].strip() else ()
            if rows and (_has_scores(rows) or _is_square(rows)):
                yield Block(start=top, end=end, rows=rows, alone=False)
        start = max(end, start + 1)


def _columns(lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of lines, () where a cell is empty but for the corner and the name of the index."""
    if max(map(len, lines)) > WIDEST or any(mark in line for line in lines for mark in "|[\t\\"):
        return ()
    width = max(map(len, lines))
    blank = "".join("x" if all(line[c : c + 1] in {" ", ""} for line in lines) else "." for c in range(width))
    ends = [0, *(gap.end() for gap in re.finditer("(?<=[.])xx+", blank)), width]
    rows = [tuple(line[a:b].strip() for a, b in itertools.pairwise(ends)) for line in lines]
    body = [row for row in rows[1:] if any(row[1:])]
    whole = all(all(row) for row in body) and all(rows[0][1:]) and len(rows[0]) > 2
    return tuple(rows) if whole and len(rows) - len(body) <= 2 else ()


def _has_scores(rows: Sequence[Sequence[str]]) -> bool:
    return any(read_header(text).metric in SCORES for text in rows[0][1:])


def _is_square(rows: Sequence[Sequence[str]]) -> bool:
    names = [row[0] for row in rows[1:] if any(row[1:])]
    return names == list(rows[0][1:]) and all(cell.isdigit() for row in rows[1:] for cell in row[1:] if cell)
