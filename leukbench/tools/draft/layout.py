"""Printed tables laid out with a row a result and its metrics in the header, as figures are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from leukbench.papers.vocabulary import SCORES
from leukbench.tools.draft.headers import average_of, header_rows, is_figure, joined_headers, read_header
from leukbench.tools.draft.tables import Printed

_BESIDE_VALUES = re.compile(
    r"(?:95 ?%? ?)?(?:ci|confidence interval)s?(?: ?\(?95 ?%\)?)?|"
    r"(?:ci )?(?:lower|upper|low|high)(?: (?:ci|bound|limit))?|"
    r"std\.?(?: ?dev(?:iation)?\.?)?|sd|s\.?e\.?|n|±|#|no\.?|index|unnamed: 0|units?",
    re.IGNORECASE,
)
"""Headers of a long table's columns that are neither values nor what these are of."""
_VALUES = re.compile(r"(?:values?|scores?|results?|estimates?)?[ (%)]*", re.IGNORECASE)
_OF_ALL = re.compile(r"(?:class|label|categor|averag|subtype|type)\w*", re.IGNORECASE)
"""Headers of columns in which an empty cell stands for all."""
_NONE = re.compile(r"n/?a|nan|none|[-–—]+", re.IGNORECASE)


def by_metric(table: Printed) -> list[Printed]:
    """Return a table of folds in columns with a column of metrics as one table a metric, its caption naming it; any
    other table as it is.

    >>> rows = (("Model", "Metric", "Fold 1", "Fold 2"), ("V", "F1", "90", "91"), ("V", "Recall", "92", "93"))
    >>> [(part.caption, part.rows[1:]) for part in by_metric(Printed(where="t", caption="", rows=rows))]
    [('F1', (('V', '90', '91'),)), ('Recall', (('V', '92', '93'),))]
    """
    head, *body = table.rows or ((),)
    if sum(bool(read_header(text).fold) for text in head) < 2:
        return [table]
    for c in range(1, len(head)):
        names = dict.fromkeys(row[c] for row in body)
        if all(read_header(name).metric in SCORES for name in names) and names:
            rows = {name: [row[:c] + row[c + 1 :] for row in body if row[c] == name] for name in names}
            return [replace(table, caption=n, rows=(head[:c] + head[c + 1 :], *of)) for n, of in rows.items()]
    return [table]


def wide(table: Printed) -> Printed:
    """Return a long table, of one column of metrics and one of values, with a column a metric; any other as it is.

    A cell left empty stands for the one above, but for a class or an average, without which a score is of all; what
    stands beside the values, as an interval or a deviation, is left out.

    >>> rows = (("Model", "Metric", "Value"), ("V", "F1", "90"), ("V", "Recall", "92"), ("R", "F1", "91"))
    >>> wide(Printed(where="t", caption="", rows=rows)).rows
    (('Model', 'F1', 'Recall'), ('V', '90', '92'), ('R', '91', ''))
    """
    head, *lines = table.rows or ((),)
    body = [tuple("" if _NONE.fullmatch(cell) else cell for cell in line) for line in lines]
    counted = [str(n) for n in range(len(body))]
    columns = [
        c for c, name in enumerate(head)
        if not _BESIDE_VALUES.fullmatch(name) and (name or [row[c] for row in body] != counted)
    ]  # fmt: skip
    values = [c for c in columns if _VALUES.fullmatch(head[c]) and any(is_figure(row[c]) for row in body)]
    texts = [c for c in columns if c not in values]
    body = _filled_down(body, [c for c in texts if head[c] and not _OF_ALL.fullmatch(head[c])])
    metrics = [c for c in texts if body and all(read_header(row[c]).metric for row in body)]
    if (len(metrics), len(values)) != (1, 1) or any(row[values[0]] and not is_figure(row[values[0]]) for row in body):
        return table
    keys = [c for c in texts if c not in metrics]
    if not keys or any(all(is_figure(row[c]) for row in body) for c in keys):
        return table
    return replace(table, rows=_pivoted(head, body, keys, metrics[0], values[0]) or table.rows)


def _pivoted(
    head: Sequence[str], body: Sequence[Sequence[str]], keys: Sequence[int], metric: int, value: int
) -> tuple[tuple[str, ...], ...]:
    """Return a header and a row for each key, with a column a metric; () where a key has a metric twice, or there is
    one metric alone.
    """
    names = list(dict.fromkeys(row[metric] for row in body))
    cells: dict[tuple[str, ...], dict[str, str]] = {}
    for row in body:
        key = tuple(row[c] or ("overall" if _OF_ALL.fullmatch(head[c]) else "") for c in keys)
        cells.setdefault(key, {}).setdefault(row[metric], row[value])
    if sum(map(len, cells.values())) != len(body) or len(names) < 2:
        return ()
    percent = " (%)" if "%" in head[value] else ""
    header = (*(head[c] for c in keys), *(name + percent for name in names))
    return (header, *((*key, *(of.get(name, "") for name in names)) for key, of in cells.items()))


def _filled_down(body: Sequence[tuple[str, ...]], columns: Sequence[int]) -> list[tuple[str, ...]]:
    """Return rows in which an empty cell of these columns holds what stands above it."""
    filled: list[tuple[str, ...]] = []
    for row in body:
        above = filled[-1] if filled else row
        filled.append(tuple(cell or (above[c] if c in columns else "") for c, cell in enumerate(row)))
    return filled


def turned(table: Printed) -> Printed:
    """Return a table with the metrics in its header: turned where they stand in the first column."""
    heads = [read_header(text) for text in joined_headers(table.rows, header_rows(table.rows))]
    first = [read_header(row[0]) for row in table.rows[1:] if row]
    averages = any(average_of(h.rest) for h in heads)  # a report of classes has a column "accuracy" too
    folds = sum(bool(h.fold) for h in heads) > 1
    if (any(h.metric for h in heads[1:]) and not averages) or sum(bool(h.metric) for h in first) < (1 if folds else 2):
        return table
    return replace(table, rows=tuple(zip(*table.rows, strict=True)))
