"""Confusion matrices among printed tables: their cells, names and axes without what stands beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from leukbench.papers.vocabulary import SCORES
from leukbench.tools.draft.captions import of_no_matrix
from leukbench.tools.draft.headers import WHOLE, header_rows, joined_headers, plain_cell, read_header
from leukbench.tools.draft.labels import RUNS
from leukbench.tools.draft.tables import Printed

TOTAL = re.compile(r"(sub|grand |row |column )?totals?|sums?|Σ|∑", re.IGNORECASE)
_RATES = re.compile(r"(?:f[npdo]r|npv|(?:miss|error) rate|false .* rate)(?: ?\(%\))?|\(?%\)?", re.IGNORECASE)
"""What else may stand beside or below a matrix, as MATLAB prints it, and is not read."""
_SHARE = r"\d+(?:[.,]\d+)?"
_COUNTED = re.compile(
    rf"(?P<n>\d[\d,]*)(?: ?[(\[] ?(?P<a>{_SHARE}) ?%? ?[)\]]| ?/? ?(?P<b>{_SHARE}) ?%)"
    rf"|(?P<c>{_SHARE}) ?% ?[(\[] ?(?P<m>\d[\d,]*) ?[)\]]"
)
"""A count beside its share, as ``50 (90.9%)``, ``50 90.9%`` or ``90.9% (50)``."""
_AXES = {
    "actual": r"(?:actual|true|truth|real|ground[ -]?truth|gt|gold|reference|observed|target)",
    "predicted": r"(?:pred(?:icted|iction|\.)?(?: as)?|(?:classified|assigned|identified) as|estimated|output)",
}
_OF_FRAMES = {"actual": r"y_true|y_test|true_labels?", "predicted": r"y_pred|y_hat|pred_labels?|preds?|predictions?"}
"""Names that data frames give the axes."""


def is_matrix(table: Printed, headers: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Say whether rows and columns bear the same names over whole numbers, or the caption says so of a square; not
    where it speaks of two networks or experts against each other.
    """
    size = len(body)
    if size < 2 or len(headers) < size + 1 or of_no_matrix(table.caption):
        return False
    whole = all(WHOLE.fullmatch(plain_cell(cell)) for row in body for cell in row[1 : size + 1])
    names = [plain_cell(row[0]).lower() for row in body]
    same = [h.lower() for h in headers[1 : size + 1]] == names
    if {*names} <= {"correct", "incorrect", "wrong", "right"}:  # of two networks against each other
        return False
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
    sums = [*lines, [sum(column) for column in zip(*lines, strict=True)]]
    wrong = sum(a != b for row, line in zip(counts, sums, strict=True) for a, b in zip(row, line, strict=True))
    fit = not wrong and last[-1] > 0
    ends = [plain_cell(cell) for cell in (table.rows[0][-1], table.rows[-1][0])]
    named = all(map(TOTAL.fullmatch, ends)) or (ends == ["All", "All"] and wrong <= len(counts))  # as pandas writes it
    if not fit and not named:
        return table, ""
    rows = tuple(row[:-1] for row in table.rows[:-1])
    said = "are sums and no class" if fit else "are called totals, yet are not the sums of the cells"
    return replace(table, rows=rows), f"{table.where}: the last row and column {said}; they are left out."


def without_scores(table: Printed) -> tuple[Printed, list[Sequence[str]]]:
    """Return a confusion matrix without the scores beside and below it, and these, each with its name first; any other
    table as it is. Its cells are whole numbers of one test, not of several folds together.

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
    if not scores or not is_matrix(table, inner[0], inner[1:]):
        return table, []
    totals = any(TOTAL.fullmatch(plain_cell(row[0])) for row in inner) or without_totals(replace(table, rows=inner))[1]
    named = all(_is_rate(line[0]) for line in scores)
    return (table, []) if totals or not named else (replace(table, rows=inner), scores)


def _is_rate(text: str) -> bool:
    return read_header(text).metric in SCORES or _RATES.fullmatch(text) is not None


def with_axes(table: Printed) -> tuple[Printed, list[str]]:
    """Return a confusion matrix with classes alone as the names of rows and columns, in one order, counts alone as
    cells, and ``rows_are`` where the names say which axis is which; and what of it does not fit. Any other table as
    it is.

    >>> rows = [("", "Predicted A", "Predicted B"), ("True A", "5 (83%)", "1 (17%)"), ("True B", "2 (33%)", "4 (67%)")]
    >>> matrix, remarks = with_axes(Printed(where="t", caption="", rows=tuple(rows)))
    >>> matrix.rows, matrix.rows_are, remarks
    ((('', 'A', 'B'), ('A', '5', '1'), ('B', '2', '4')), 'actual', [])
    """
    if len(table.rows) < 3:
        return table, []
    heads, body, (columns, rows) = _headed(table)
    of_columns, names = _classes(heads[1:])
    of_rows, labels = _classes([row[0] for row in body])
    columns, rows = of_columns or columns, of_rows or rows
    if rows and rows == columns:
        return table, []
    names, lines = _in_order(names, labels, [row[1:] for row in body])
    counts, remarks = _counts(table.where, names, labels, lines)
    cells = tuple((label, *line) for label, line in zip(labels, counts, strict=True))
    rows_are = rows or {"actual": "predicted", "predicted": "actual"}.get(columns, table.rows_are)
    found = replace(table, rows=((heads[0], *names), *cells), rows_are=rows_are)
    inner = without_totals(without_scores(found)[0])[0].rows
    square = [row[0].lower() for row in inner[1:]] == [name.lower() for name in inner[0][1:]]
    return (found, remarks) if square else (table, [])


def _in_order(
    names: list[str], labels: Sequence[str], lines: Sequence[Sequence[str]]
) -> tuple[list[str], Sequence[Sequence[str]]]:
    """Return the columns of a matrix in the order of its rows, where both are the same classes."""
    n = len(labels)
    order = [names.index(label) for label in labels] if sorted(names[:n]) == sorted(labels) else []
    if not order or len({*labels}) < n:
        return names, lines
    order += range(n, len(names))
    return [names[i] for i in order], [[line[i] for i in order] for line in lines]


def _counts(
    where: str, names: Sequence[str], labels: Sequence[str], lines: Sequence[Sequence[str]]
) -> tuple[Sequence[Sequence[str]], list[str]]:
    """Return cells that hold a count beside its share as counts alone, and the shares that are not those of a row, of
    a column or of all, whichever most of them are; cells whose second number is no share, as they are.
    """
    n = sum(not _is_rate(label) and not TOTAL.fullmatch(label) for label in labels)
    plain = [[plain_cell(cell) for cell in line] for line in lines]
    found = [[_COUNTED.fullmatch(cell) for cell in line] for line in plain]
    inner = [(r, c, m) for r in range(n) for c, m in enumerate(found[r][:n]) if m]
    if not inner or len(inner) < n * n:
        return plain, []
    count = {(r, c): int((m["n"] or m["m"]).replace(",", "")) for r, c, m in inner}
    share = {(r, c): (m["a"] or m["b"] or m["c"]).replace(",", ".") for r, c, m in inner}
    bad = _bad_shares(count, share)
    if len(bad) > n:  # more than one wrong count can make
        return plain, []
    counts = [
        [(m["n"] or m["m"]) if m else cell for m, cell in zip(ms, line, strict=True)]
        for ms, line in zip(found, plain, strict=True)
    ]
    return counts, [
        f"{where}, {labels[r]} and {names[c]}: {plain[r][c]}: that count has another share in row, column and all."
        for r, c in bad
    ]


def _bad_shares(count: dict[tuple[int, int], int], share: dict[tuple[int, int], str]) -> list[tuple[int, int]]:
    """Return the cells whose shares are not those of their rows, columns, or all, of which fewest are."""
    of_rows, of_columns = Counter[int](), Counter[int]()
    for (r, c), n in count.items():
        of_rows[r] += n
        of_columns[c] += n
    wholes = [
        {at: of_rows[at[0]] for at in count},
        {at: of_columns[at[1]] for at in count},
        dict.fromkeys(count, of_rows.total()),
    ]
    return min(([at for at in count if not _is_share(share[at], count[at], sums[at])] for sums in wholes), key=len)


def _is_share(printed: str, n: int, whole: int) -> bool:
    """Whether a count's share of a whole, in per cent or as a fraction, is what is printed, rounded or cut off."""
    step = 10.0 ** -len(printed.partition(".")[2])
    share = n / max(whole, 1)
    return min(abs(100 * share - float(printed)), abs(share - float(printed))) < step


def _headed(table: Printed) -> tuple[Sequence[str], Sequence[Sequence[str]], tuple[str, str]]:
    """Return the header and the rows below it of what may be a matrix, its name of the axis left out, and what the
    names of columns and of rows are where pandas' crosstab says it.
    """
    head, second, *body = table.rows
    axes = "", ""
    if second[0] and not any(second[1:]):
        axes = axis_of(head[0]), axis_of(second[0])
    else:
        n = header_rows(table.rows)
        head, body = tuple(joined_headers(table.rows, n)), list(table.rows[n:])
    beside = {row[0] for row in body} - {""}
    if len(beside) == 1 and axis_of(word := beside.pop()) and len(head) > 2:
        head, body = head[1:], [(f"{word} {row[1]}", *row[2:]) for row in body]
    return head, body, axes


def axis_of(text: str) -> str:
    """Return which axis a text is the name of, "" where of none."""
    name = plain_cell(text).lower()
    plain = re.sub(r"[ _]*(?:class|label|value)(?:e?s)?$", "", name)
    frames = (axis for axis, words in _OF_FRAMES.items() if re.fullmatch(words, text.strip().lower()))
    return next((axis for axis, words in _AXES.items() if re.fullmatch(words, plain)), next(frames, ""))


def _classes(texts: Sequence[str]) -> tuple[str, list[str]]:
    """Return the axis that all names speak of, and the names without it and without their numbers of images; "" and the
    names where they speak of none.

    >>> _classes(["Actual: HEM", "Actual: ALL (n=12)", "Total"]), _classes(["True", "False"])
    (('actual', ['HEM', 'ALL', 'Total']), ('', ['True', 'False']))
    """
    plain = [re.sub(r" ?[(\[]n ?= ?[\d,]+[)\]]$", "", plain_cell(text)) for text in texts]
    label = r"(?:[ _]*(?:class|label)(?![ _:=-]*\w{1,2}$))?"  # the class "class 1" keeps its name
    for axis, words in _AXES.items():
        named = re.compile(
            rf"{words}{label}[ _:=-]+(?P<a>\S.*)|(?P<b>\S(?:.*?[^ _(-])?)[ _(-]++{words}\)?", re.IGNORECASE
        )
        found = [named.fullmatch(text) for text in plain]
        left = [m["a"] or m["b"] if m else text for m, text in zip(found, plain, strict=True)]
        others = [text for m, text in zip(found, plain, strict=True) if not m]
        if any(found) and not any(text and not _is_rate(text) and not TOTAL.fullmatch(text) for text in others):
            return axis, left
    return "", plain
