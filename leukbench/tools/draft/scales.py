"""Which columns of a printed table hold fractions, which percentages, and which cells may be either or no score."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from leukbench.papers.vocabulary import SCORES
from leukbench.tools.draft.headers import FIGURE, Header, is_figure
from leukbench.tools.draft.labels import SPREAD, Label
from leukbench.tools.draft.tables import Printed

_SHARES = frozenset(
    {"accuracy", "error_rate", "balanced_accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "auc"}
)
_F_STATISTIC = re.compile(r"f[ _-]?(?:scores?|values?|stat\w*)?", re.IGNORECASE)
_OF_TESTS = re.compile(
    r"(?:adj\w*[ ._-]?)?[pq][ ._-]?(?:val(?:ue)?s?)?|(?:gene|probe|feature|variable|marker)s?(?:[ _-]\w+)?|rank",
    re.IGNORECASE,
)
"""Headers of columns beside which an F-score without a precision, recall or accuracy is one of an analysis of
variance."""
_MOST_ROUNDED = 4
"""Decimals of a percentage beyond which it is taken for one that was not rounded."""
Columns = Mapping[int, Sequence[str]]
Cells = set[tuple[int, int]]


def without_spreads(columns: Columns, heads: Sequence[Header], labels: Sequence[Label]) -> dict[int, list[str]]:
    """Return the columns of scores with the cells of rows that are no result left empty."""
    return {
        c: ["" if label.spread else cell for cell, label in zip(cells, labels, strict=True)]
        for c, cells in columns.items()
        if heads[c].metric in SCORES and not SPREAD.fullmatch(heads[c].rest)
    }


def scales_of(
    table: Printed, headers: Sequence[str], heads: Sequence[Header], columns: Columns
) -> tuple[set[int], Cells, list[str]]:
    """Return the columns that are said to be percentages and hold fractions, the (row, column)s that are not to be
    read, rows counted from 1, and a remark on each column of either.

    ``columns``: the plain cells of each column of scores, "" for those of no result.
    """
    said = {c for c in columns if heads[c].percent or "percentage" in table.caption.lower()}
    small = {c: _small_values(columns[c]) for c in columns if c in said and heads[c].metric in _SHARES}
    statistics = _f_statistics(headers, heads, columns)
    fractions, unsure, remarks = _fractions_of_percent(table.where, headers, small)
    mixed = _among_percentages(heads, {c: cells for c, cells in columns.items() if c not in said | statistics})
    for c in sorted(statistics):
        remarks.append(f"{table.where}, {headers[c]}: taken for the F of an analysis of variance, no F1; not read.")
    for c in dict.fromkeys(c for _, c in sorted(mixed)):
        shown = ", ".join(columns[c][r - 1] for r, column in sorted(mixed) if column == c)
        remarks.append(
            f"{table.where}, {headers[c]}: {shown} beside percentages can be meant as fractions or as percentages; not "
            "read; write the % with each percentage, or all as fractions."
        )
    whole = unsure | statistics
    return fractions, mixed | {(r, c) for c in whole for r in range(1, len(columns[c]) + 1)}, remarks


def _among_percentages(heads: Sequence[Header], columns: Columns) -> Cells:
    """Return the (row, column)s of scores up to 1 that may be percentages as well: in a column that has larger ones,
    and beside a column of percentages of which nothing says that they are, unless they have more decimals than these.

    ``columns``: those that no header says to be percentages. A zero is one on either scale; an AUC, MCC or kappa is
    often a fraction beside percentages. Who prints 95.1 means no 0.951 per cent, but a recall may be 0.7; of unrounded
    figures those below 1 always have more decimals.
    """
    numbers = {c: [_bare_number(cell) for cell in cells] for c, cells in columns.items()}
    large = {c: [n for n in of if n and _size(n) > 1] for c, of in numbers.items()}
    decimals = {c: max((len(n.partition(".")[2]) for n in of if n), default=0) for c, of in numbers.items()}
    most = max((decimals[c] for c in columns if large[c] and heads[c].metric in _SHARES), default=-1)
    found: Cells = set()
    for c, of in numbers.items():
        signs = any("%" in cell for cell in columns[c])
        beside = heads[c].metric in _SHARES - {"auc"} and (decimals[c] <= most or most > _MOST_ROUNDED)
        if signs or large[c] or beside:
            found |= {(r, c) for r, n in enumerate(of, start=1) if n and 0 < _size(n) <= 1}
    return found


def _bare_number(cell: str) -> str:
    """Return the number that a cell begins with, "" where there is none or a percent sign stands in the cell."""
    match = None if "%" in cell else FIGURE.match(cell)
    return match.group().lstrip("<>≤≥≈~ ") if match is not None else ""


def _size(number: str) -> float:
    return abs(float(number.replace("−", "-").replace(",", "")))


def _f_statistics(headers: Sequence[str], heads: Sequence[Header], columns: Columns) -> set[int]:
    """Return the columns called F-score that hold none: those above 100, and those beside a p-value, a gene or such and
    no precision, recall or accuracy.

    >>> heads = [Header(), Header(metric="f1"), Header()]
    >>> _f_statistics(["gene", "f_score", "p_value"], heads, {1: ["41.97", "3.1"]})
    {1}
    """
    named = {c for c in columns if heads[c].metric == "f1" and _F_STATISTIC.fullmatch(headers[c].strip())}
    others = {head.metric for head in heads} & (SCORES - {"f1", "auc"})
    of_tests = not others and any(_OF_TESTS.fullmatch(text.strip()) for text in headers)
    return {c for c in named if of_tests or any(n and _size(n) > 100 for n in map(_bare_number, columns[c]))}


def _fractions_of_percent(
    where: str, headers: Sequence[str], small: Mapping[int, list[float] | None]
) -> tuple[set[int], set[int], list[str]]:
    """Return the columns that are said to be percentages and hold fractions, and those of which either can be meant,
    each with a remark; ``small``: column -> its values, as :func:`_small_values` gives them.

    All of these columns lie in [0, 1] and one figure is a half at least: nobody prints an accuracy of 0.97 per cent.
    With none that large either may be meant, and percentages are read, which is said as well. Beside a column of
    percentages above 1 a small one may be either, and is not read: a precision may be 0.6 per cent where a recall is
    99.
    """
    fractions, unsure, remarks = set(), set(), []
    most = max((value for values in small.values() for value in values or ()), default=0.0)
    for c, values in small.items():
        if not values:
            continue
        said = "they are read as percentages; write fractions without the %"
        if None in small.values():
            said = "other columns do not, so that they are not read; write all as percentages"
            unsure.add(c)
        elif most >= 0.5:
            said = "they are read as fractions"
            fractions.add(c)
        shown = f"{min(values):g} to {max(values):g}" if len(values) > 1 else f"{values[0]:g}"
        remarks.append(f"{where}, {headers[c]}: {shown} under a percent sign look like fractions; {said}.")
    return fractions, unsure, remarks


def _small_values(cells: Sequence[str]) -> list[float] | None:
    """Return the decimals of a column whose figures all lie in [0, 1] and bear no percent sign; None of another one."""
    small = re.compile(r"[≈~ ]*(0?\.\d+|[01](\.0*)?)(?![\d.,])")
    if any("%" in cell or (is_figure(cell) and not small.match(cell)) for cell in cells):
        return None
    return [float(m.group().strip("≈~ ")) for cell in cells if (m := re.match(r"[≈~ ]*\d*\.\d+", cell))]
