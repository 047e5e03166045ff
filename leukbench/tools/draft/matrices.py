"""Confusion matrices among printed tables: their cells, names and axes without what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from leukbench.papers.vocabulary import SCORES
from leukbench.tools.draft.headers import WHOLE, header_rows, joined_headers, plain_cell, read_header
from leukbench.tools.draft.labels import RUNS
from leukbench.tools.draft.tables import Printed

_TOTAL = re.compile(r"(sub|grand |row |column )?totals?|sums?|Σ|∑", re.IGNORECASE)
_RATES = re.compile(r"(?:f[npdo]r|npv|(?:miss|error) rate|false .* rate)(?: ?\(%\))?|\(?%\)?", re.IGNORECASE)
"""What else may stand beside or below a matrix, as MATLAB prints it, and is not read."""
_SHARE = r"\d+(?:\.\d+)? ?%"
_COUNTED = re.compile(
    rf"(\d[\d,]*)(?: ?[(\[] ?(?:{_SHARE}|\d+\.\d+) ?[)\]]| ?/? ?{_SHARE})|{_SHARE} ?[(\[] ?(\d[\d,]*) ?[)\]]"
)
"""A count beside its share, as ``50 (90.9%)``, ``50 90.9%`` or ``90.9% (50)``."""
_AXES = {
    "actual": r"(?:actual|true|real|ground[ -]?truth|gt|gold|reference|observed)",
    "predicted": r"(?:pred(?:icted|iction|\.)?(?: as)?|(?:classified|assigned|identified) as|estimated)",
}


def is_matrix(table: Printed, headers: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Say whether rows and columns bear the same names over whole numbers, or the caption says so of a square."""
    size = len(body)
    if size < 2 or len(headers) < size + 1:
        return False
    whole = all(WHOLE.fullmatch(plain_cell(cell)) for row in body for cell in row[1 : size + 1])
    names = [plain_cell(row[0]).lower() for row in body]
    same = [h.lower() for h in headers[1 : size + 1]] == names
    return whole and len(headers) <= size + 2 and (same or "confusion" in table.caption.lower())


def without_totals(table: Printed) -> tuple[Printed, str]:
    """Return a table of counts without a last row and column that are the sums of the others, and what was left out.

    >>> table = Printed(where="t", caption="", rows=(("", "A", "B", "All"), *(tuple(r.split()) for r in
    ...     ("A 5 1 6", "B 2 4 6", "All 7 5 12"))))
    >>> without_totals(table)[0].rows
    (('', 'A', 'B'), ('A', '5', '1'), ('B', '2', '4'))
    """
    cells = [[plain_cell(cell) for cell in row[1:]] for row in table.rows[1:]]
    if len(cells) < 3 or any(
        len(r) != len(cells) or not all(WHOLE.fullmatch(c) and len(c) < 20 for c in r) for r in cells
    ):
        return table, ""
    counts = [[int(cell.replace(",", "")) for cell in row] for row in cells]
    *lines, last = [[*row[:-1], sum(row[:-1])] for row in counts[:-1]] + [counts[-1]]
    fit = lines == counts[:-1] and last == [sum(column) for column in zip(*lines, strict=True)] and last[-1] > 0
    named = all(_TOTAL.fullmatch(plain_cell(cell)) for cell in (table.rows[0][-1], table.rows[-1][0]))
    if not fit and not named:
        return table, ""
    rows = tuple(row[:-1] for row in table.rows[:-1])
    said = "are sums and no class" if fit else "are called totals, yet are not the sums of the cells"
    return replace(table, rows=rows), f"{table.where}: the last row and column {said}; they are left out."


def without_scores(table: Printed) -> tuple[Printed, list[Sequence[str]]]:
    """Return a confusion matrix without the scores beside and below it, and these, each with its name first; any other
    table as it is. Its cells are counts of one test, no percentages and not several folds together.

    >>> rows = [("", "A", "B", "Recall"), ("A", "5", "1", "83.3"), ("B", "2", "4", "66.7"), ("PPV", "71.4", "80", "")]
    >>> matrix, scores = without_scores(Printed(where="t", caption="", rows=tuple(rows)))
    >>> matrix.rows
    (('', 'A', 'B'), ('A', '5', '1'), ('B', '2', '4'))
    >>> scores
    [('Recall', '83.3', '66.7'), ('PPV', '71.4', '80', '')]
    """
    rows = table.rows
    square = [row[0] for row in rows[1:]] == list(rows[0][1:]) if rows else True
    if square or len({len(row) for row in rows}) > 1 or RUNS.search(table.caption):
        return table, []
    size = 1 + sum(not _is_rate(row[0]) for row in rows[1:])
    inner = tuple(row[:size] for row in rows[:size])
    scores: list[Sequence[str]] = [*(column[:size] for column in [*zip(*rows, strict=True)][size:]), *rows[size:]]
    if not scores or not is_matrix(table, inner[0], inner[1:]) or _of_percent(inner):
        return table, []
    totals = any(_TOTAL.fullmatch(plain_cell(row[0])) for row in inner) or without_totals(replace(table, rows=inner))[1]
    named = all(_is_rate(line[0]) for line in scores)
    return (table, []) if totals or not named else (replace(table, rows=inner), scores)


def _is_rate(text: str) -> bool:
    return read_header(text).metric in SCORES or _RATES.fullmatch(text) is not None


def _of_percent(matrix: Sequence[Sequence[str]]) -> bool:
    """Whether all rows or all columns of whole cells come to about a hundred."""
    counts = [[float(plain_cell(cell).replace(",", "")) for cell in row[1:]] for row in matrix[1:]]
    return any(all(99 <= sum(line) <= 101 for line in lines) for lines in (counts, [*zip(*counts, strict=True)]))


def with_axes(table: Printed) -> Printed:
    """Return a confusion matrix with classes alone as the names of rows and columns, counts alone as cells, and
    ``rows_are`` where the names say which axis is which; any other table as it is.

    >>> rows = [("", "Predicted A", "Predicted B"), ("True A", "5 (83%)", "1 (17%)"), ("True B", "2 (33%)", "4 (67%)")]
    >>> matrix = with_axes(Printed(where="t", caption="", rows=tuple(rows)))
    >>> matrix.rows, matrix.rows_are
    ((('', 'A', 'B'), ('A', '5', '1'), ('B', '2', '4')), 'actual')
    """
    if len(table.rows) < 3:
        return table
    heads, body, (columns, rows) = _headed(table)
    of_columns, names = _classes(heads[1:])
    of_rows, labels = _classes([row[0] for row in body])
    columns, rows = of_columns or columns, of_rows or rows
    counts = [[_count(plain_cell(cell)) for cell in row[1:]] for row in body]
    cells = tuple((label, *line) for label, line in zip(labels, counts, strict=True))
    rows_are = rows or {"actual": "predicted", "predicted": "actual"}.get(columns, table.rows_are)
    found = replace(table, rows=(("", *names), *cells), rows_are=rows_are)
    inner = without_totals(without_scores(found)[0])[0].rows
    square = [plain_cell(row[0]).lower() for row in inner[1:]] == [plain_cell(n).lower() for n in inner[0][1:]]
    return found if square and not (rows and rows == columns) else table


def _headed(table: Printed) -> tuple[Sequence[str], Sequence[Sequence[str]], tuple[str, str]]:
    """Return the header and the rows below it of what may be a matrix, its name of the axis left out, and what the
    names of columns and of rows are where pandas' crosstab says it.
    """
    head, second, *body = table.rows
    axes = "", ""
    if second[0] and not any(second[1:]):
        axes = _axis(head[0]), _axis(second[0])
    else:
        n = header_rows(table.rows)
        head, body = tuple(joined_headers(table.rows, n)), list(table.rows[n:])
    beside = {row[0] for row in body} - {""}
    if len(beside) == 1 and _axis(word := beside.pop()) and len(head) > 2:
        head, body = head[1:], [(f"{word} {row[1]}", *row[2:]) for row in body]
    return head, body, axes


def _count(cell: str) -> str:
    match = _COUNTED.fullmatch(cell)
    return match[1] or match[2] if match is not None else cell


def _axis(text: str) -> str:
    """Return which axis a text is the name of, "" where of none."""
    plain = re.sub(r"[ _]*(?:class|label|value)(?:e?s)?$", "", plain_cell(text).lower())
    return next((axis for axis, words in _AXES.items() if re.fullmatch(words, plain)), "")


def _classes(texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the axis that all names speak of, and the names without it; "" and the names where they do not.

    >>> _classes(["Actual: HEM", "Actual: ALL", "Total"]), _classes(["True", "False"])
    (('actual', ['HEM', 'ALL', 'Total']), ('', ['True', 'False']))
    """
    plain = [plain_cell(text) for text in texts]
    for axis, words in _AXES.items():
        named = re.compile(rf"{words}(?:[ _]*(?:class|label))?[ _:=-]+(?P<a>\S.*)|(?P<b>\S.*?)[ _(-]+{words}\)?", re.I)
        found = [named.fullmatch(text) for text in plain]
        left = [m["a"] or m["b"] if m else text for m, text in zip(found, plain, strict=True)]
        others = [text for m, text in zip(found, plain, strict=True) if not m]
        if any(found) and not any(text and not _is_rate(text) and not _TOTAL.fullmatch(text) for text in others):
            return axis, left
    return "", plain
