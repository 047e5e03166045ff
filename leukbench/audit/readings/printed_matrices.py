"""Confusion matrices as printed: in tables cell by cell, or in prose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from leukbench.audit.engine.rounding import Interval, heat_map_interval
from leukbench.audit.readings.claims import RowKey, count_of, own, row_key
from leukbench.papers.schema import Claim, Matrix, Paper
from leukbench.papers.slips import NAMED_CELLS

UNNAMED = ("positive", "negative")
"""Classes of counts whose positive class is not known: they keep the text's words."""


@dataclass(frozen=True)
class Printed:
    """A printed confusion matrix, rows actual: cell intervals, claims, and the row key of its result; ``turned`` where
    only the stated class sizes say that its printed rows are the predicted classes.
    """

    matrix: Matrix
    key: RowKey
    cells: tuple[tuple[Interval, ...], ...]
    claims: tuple[Claim, ...]
    actual_known: bool
    turned: bool = False

    @property
    def exact(self) -> bool:
        """Whether every cell is one count."""
        return all(c.low == c.high for line in self.cells for c in line)

    def counts(self) -> list[list[int]]:
        """Return the cells as counts (midpoints where printed with an exponent)."""
        return [[round((c.low + c.high) / 2) for c in line] for line in self.cells]


def matrices(paper: Paper) -> list[Printed]:
    """Return the printed matrices whose every cell is in the ledger, with rows as actual classes.

    Four counts tp, fp, fn, tn that only the text gives make a matrix too (id ""), with the positive class of the study
    first. The positive class of a matrix given as tp, fp, fn, tn is its own or that of its study; where neither
    says, its classes are called positive and negative, under which every reading is tried.
    """
    found = []
    for matrix in paper.matrices:
        claims = [c for c in own(paper) if c.matrix == matrix.id]
        named = bool(claims) and all(c.metric in NAMED_CELLS for c in claims)
        if named and matrix.positive is None and len(matrix.classes) == 2:
            study = paper.studies.get(claims[0].study)
            positive = study.positive if study is not None and study.positive in matrix.classes else None
            change = {"positive": positive} if positive else {"positive": UNNAMED[0], "classes": UNNAMED}
            matrix = matrix.model_copy(update=change)
        grid = _grid(matrix, claims)
        if grid:
            lines = list(zip(*grid, strict=True)) if matrix.rows == "predicted" else [tuple(line) for line in grid]
            known = matrix.rows != "unstated"
            found.append(Printed(matrix, row_key(claims[0]), tuple(lines), tuple(claims), known))
    found = [_turned_by_sizes(_known_by_twins(m, found), own(paper)) for m in found]
    keys = {m.key for m in found}
    return found + [m for m in _matrices_in_prose(paper) if m.key not in keys]


def _known_by_twins(printed: Printed, others: list[Printed]) -> Printed:
    """Return the matrix with its orientation settled where matrices of several networks on one part settle it.

    One test set has one set of class sizes: if two matrices have equal row sums and unequal column sums, rows are
    actual.
    """
    if printed.actual_known or not printed.exact or all(c.metric in NAMED_CELLS for c in printed.claims):
        return printed
    twins = [
        m.counts()
        for m in others
        if m.exact
        and m.matrix.classes == printed.matrix.classes
        and m.key[2:5] == printed.key[2:5]
        and m.matrix.where == printed.matrix.where
    ]
    pairs = [(a, b) for i, a in enumerate(twins) for b in twins[i + 1 :]]
    rows_agree = any(_sums(a) == _sums(b) and _sums(_turned(a)) != _sums(_turned(b)) for a, b in pairs)
    columns_agree = any(_sums(_turned(a)) == _sums(_turned(b)) and _sums(a) != _sums(b) for a, b in pairs)
    return replace(printed, actual_known=True) if rows_agree and not columns_agree else printed


def stated_sizes(printed: Printed, claims: Iterable[Claim]) -> list[tuple[Claim, int]]:
    """Return the claims that say how many tested images a class of the matrix has, each with its number."""
    study, model, split, fold, condition, *_ = printed.key
    return [
        (claim, n)
        for claim in claims
        if claim.metric == "n_images"
        and claim.class_ in printed.matrix.classes
        and (claim.split, claim.of_fold) == (split, fold)
        and claim.study in {study, ""}
        and claim.model in {model, ""}
        and claim.condition in {condition, ""}
        and (n := count_of(claim)) is not None
    ]


def _turned_by_sizes(printed: Printed, claims: Iterable[Claim]) -> Printed:
    """Return the matrix with rows and columns exchanged where it does not say what its rows are, and every stated class
    size is a sum of a column, not all of them sums of rows: its rows are the predicted classes.
    """
    if printed.actual_known or not printed.exact or all(c.metric in NAMED_CELLS for c in printed.claims):
        return printed
    sizes = {claim.class_: n for claim, n in stated_sizes(printed, claims)}
    rows, columns = (
        {name: sums[name] for name in sizes}
        for sums in (
            dict(zip(printed.matrix.classes, _sums(counts), strict=True))
            for counts in (printed.counts(), _turned(printed.counts()))
        )
    )
    if rows == sizes or columns != sizes:
        return printed
    return replace(printed, cells=tuple(zip(*printed.cells, strict=True)), turned=True)


def _sums(counts: list[list[int]]) -> list[int]:
    return [sum(line) for line in counts]


def _turned(counts: list[list[int]]) -> list[list[int]]:
    return [list(line) for line in zip(*counts, strict=True)]


def _matrices_in_prose(paper: Paper) -> list[Printed]:
    groups: dict[RowKey, dict[str, Claim]] = {}
    for c in own(paper):
        if c.metric in NAMED_CELLS and not c.matrix and count_of(c) is not None:
            groups.setdefault(row_key(c), {}).setdefault(c.metric, c)
    found = []
    for key, named in groups.items():
        study = paper.studies.get(key[0])
        if len(named) == 4 and study is not None and len(study.classes) == 2:
            where = f"the counts at {named['tp'].where}"
            matrix = Matrix(id="", where=where, rows="actual", classes=UNNAMED, positive=UNNAMED[0])
            claims = [named[m] for m in NAMED_CELLS]
            grid = _grid(matrix, claims)
            assert grid is not None
            found.append(Printed(matrix, key, tuple(tuple(line) for line in grid), tuple(claims), True))
    return found


def _grid(matrix: Matrix, claims: list[Claim]) -> list[list[Interval]] | None:
    places = {name: i for i, name in enumerate(matrix.classes)}
    size = len(places)
    grid: list[list[Interval | None]] = [[None] * size for _ in range(size)]
    for claim in claims:
        interval = heat_map_interval(claim.value)
        if claim.metric == "matrix_cell" and claim.row in places and claim.column in places:
            # a matrix printed with predicted classes in rows is turned by the caller
            grid[places[claim.row]][places[claim.column]] = interval
        elif claim.metric in NAMED_CELLS and size == 2:
            i, j = _binary_place(claim.metric, matrix)
            grid[i][j] = interval
    if any(cell is None for line in grid for cell in line):
        return None
    return [[cell for cell in line if cell is not None] for line in grid]


def _binary_place(metric: str, matrix: Matrix) -> tuple[int, int]:
    positive = matrix.classes.index(matrix.positive) if matrix.positive in matrix.classes else 0
    negative = 1 - positive
    actual, predicted = {
        "tp": (positive, positive),
        "fn": (positive, negative),
        "fp": (negative, positive),
        "tn": (negative, negative),
    }[metric]
    return (predicted, actual) if matrix.rows == "predicted" else (actual, predicted)
