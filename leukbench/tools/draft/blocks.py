"""Results that a text prints without a table: lines of a name and a number each, and prints of R's caret."""

from __future__ import annotations

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
    r"npv|negative predictive value|neg pred value|prevalence|f[pnd]r|fall[- ]out|false \w+ rate|g-?mean|jaccard|iou|"
    r"log[- ]?loss|brier(?: score)?",
    re.IGNORECASE,
)
"""Names beside which a block goes on, though their figures are not read."""
_EPOCH = re.compile(r"\b(?:epoch|step|iter(?:ation)?|batch)\b\W*\d", re.IGNORECASE)
_SYNONYMS = ({"recall", "sensitivity"}, {"precision"}, {"specificity"}, {"auc"}, {"f1"}, {"mcc"}, {"kappa"})
_COMMENTED = re.compile(r"\s{0,3}(#{1,2})(?!#)(?: |$)")
_CARET = {
    "sensitivity": "Sensitivity", "specificity": "Specificity", "pos pred value": "Precision", "precision": "Precision",
    "recall": "Recall", "f1": "F1", "accuracy": "Accuracy", "kappa": "Kappa",
}  # fmt: skip
_OF_CLASS = frozenset(["Sensitivity", "Specificity", "Precision", "Recall", "F1"])
WRAPPED = "a confusionMatrix print whose matrix is not square is left out; print it in lines wide enough"


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines ``start`` to ``end`` of a text as the rows of a table, () where it is ``left_out`` for a reason."""

    start: int
    end: int
    rows: tuple[tuple[str, ...], ...] = ()
    left_out: str = ""


def uncommented(text: str) -> str:
    """Return a text in which lines that are all commented out, as R Markdown prints output, have lost their ``#``.

    At least three in a row are: one is a heading.

    >>> uncommented("# Title\\n\\n## a  b\\n## 1  2\\n##\\n## 3  4")
    '# Title\\n\\na  b\\n1  2\\n\\n3  4'
    """
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
        head = read_header(pair[0]) if pair else Header()
        if found and (pair is None or head in seen):
            yield from _block(lines, start, found)
            found, seen = [], set()
        if pair is not None:
            start = start if found else n
            found.append(pair)
            seen |= {head} if head.metric else set()


def _block(lines: Sequence[str], start: int, found: Sequence[tuple[str, str]]) -> Iterator[Block]:
    metrics = [metric for name, _ in found if (metric := read_header(name).metric)]
    above = next((line for line in reversed(lines[max(0, start - 3) : start]) if line.strip()), "")
    if len(metrics) < 2 or not {*metrics} & {*SCORES, *NAMED_CELLS} or "epochs" in metrics or _EPOCH.search(above):
        return
    names, values = zip(*found, strict=True)
    yield Block(start=start, end=start + len(found), rows=(("", *names), ("", *values)))


def _pair(line: str) -> tuple[str, str] | None:
    """Return the metric and the number that a line alone consists of; None of any other line."""
    if len(line) > 120 or "\t" in line or "|" in line:
        return None
    match = _PAIR.fullmatch(re.sub(r"\*\*|__|`|['\"]", "", line).strip(" {}"))
    if match is None:
        return None
    name = re.sub(r"\b(?:final|overall|scores?)\b", " ", match["name"], flags=re.IGNORECASE)
    name = " ".join(name.split())
    head = read_header(name)
    if _UNREAD.fullmatch(name) or (head.metric in _KNOWN and not head.rest and not head.fold):
        return name, match["value"].strip()
    first, _, second = name.rstrip(")").partition("(")
    metrics = {read_header(first).metric, read_header(second).metric}
    if any("" not in metrics and metrics <= same for same in _SYNONYMS) and not read_header(first).rest:
        return first.strip(), match["value"].strip()  # as Recall (Sensitivity)
    return None


_KNOWN = frozenset({*SCORES, *NAMED_CELLS, "loss", "n_images", "epochs"})

# ------------------------------------------------------------------------------------------------------------- caret


def caret(lines: Sequence[str]) -> Iterator[tuple[Block, Block]]:
    """Yield what each print of R's ``confusionMatrix`` says, as two tables: its matrix, whose rows are predicted, and
    its scores, in one row a class and one of all.
    """
    heads = [n for n, line in enumerate(lines) if re.fullmatch(r"\s*Reference\s*", line)]
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
