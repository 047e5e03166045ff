"""Confusion matrices of shares of rows or columns: their diagonal is the recall or the precision of each class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from leukbench.tools.draft.headers import decimal_points, plain_cell
from leukbench.tools.draft.tables import Printed

_SHARE = re.compile(r"(\d{1,3}(?:\.\d+)?|\.\d+) ?%?")
_UNSTATED = (
    "a confusion matrix of shares that does not say which axis is which is left out; name its rows or columns "
    "as Actual A, Actual B or Predicted A, Predicted B, or give counts"
)
_BOTH = "a confusion matrix of shares is left out, as both its rows and its columns come to a whole; give its counts"


def by_diagonal(table: Printed) -> Printed:
    """Return a confusion matrix of shares of its rows or columns as its diagonal, the recall of each class or its
    precision; left out where it may be either. Any other table as it is.

    >>> rows = (("", "A", "B"), ("A", "0.90", "0.10"), ("B", "0.24", "0.76"))
    >>> by_diagonal(Printed(where="t", caption="", rows=rows, rows_are="actual")).rows
    (('Class', 'Recall'), ('A', '0.90'), ('B', '0.76'))
    """
    names = [plain_cell(row[0]) for row in table.rows[1:]]
    if table.left_out or len(names) < 2 or [plain_cell(name) for name in table.rows[0][1:]] != names:
        return table
    cells = [
        [decimal_points(plain_cell(cell), counts=False, commas=True) for cell in row[1:]] for row in table.rows[1:]
    ]
    flat = [cell for row in cells for cell in row]
    if not all(map(_SHARE.fullmatch, flat)) or not any("." in cell or "%" in cell for cell in flat):
        return table
    rows, columns = _whole(cells), _whole([*zip(*cells, strict=True)])
    if rows == columns:
        return replace(table, left_out=_BOTH) if rows else table
    if table.rows_are == "unstated":
        return replace(table, left_out=_UNSTATED)
    title = "Recall" if rows == (table.rows_are == "actual") else "Precision"
    diagonal = ((name, row[i]) for i, (name, row) in enumerate(zip(names, cells, strict=True)))
    return replace(table, rows=(("Class", title), *diagonal), rows_are="unstated")


def _whole(lines: Sequence[Sequence[str]]) -> bool:
    """Whether each line comes to 1, or each to 100, but for what rounding its cells can make."""
    numbers = [[cell.rstrip(" %") for cell in line] for line in lines]
    digits = max(len(cell.partition(".")[2]) for line in numbers for cell in line)
    sums = [sum(map(float, line)) for line in numbers]
    room = 0.5 * len(lines) * 10.0**-digits + 1e-9
    return any(all(abs(total - whole) <= min(room, 0.05 * whole) for total in sums) for whole in (1, 100))
