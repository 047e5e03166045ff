"""Which claims speak of the same result: rows of scores, matrices, class sizes, selected by the keys of the ledger alone."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from leukbench.audit.rounding import Interval, heat_map_interval, printed_interval, printed_number
from leukbench.papers.schema import Claim, Matrix, Paper

RowKey = tuple[str, str, str, str, str, str]
ScoreName = tuple[str, str, str]
SCORE_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auc", "mcc", "kappa")
CANONICAL = {"sensitivity": "recall"}
CELLS = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A finding before it gets its id: what a check hands over."""

    check: str
    status: str
    kind: str
    claims: tuple[Claim, ...]
    statement: str
    witness: str = ""
    repair: str = ""
    severity: int = 0
    accused: tuple[str, ...] = ()
    where: str = ""  # only for what belongs to no claim
    more: tuple[tuple[tuple[str, ...], ...], ...] = ()  # further minimal conflicts of the same kind
    members: tuple[
        tuple[str, ...], ...
    ] = ()  # of a minimal conflict: each block is one figure, by the claims that print it


@dataclass(frozen=True)
class Row:
    """The scores of one result: (metric, class, average) -> its claims, the most precise first."""

    key: RowKey
    scores: dict[tuple[str, str, str], tuple[Claim, ...]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """A name for sentences."""
        _, model, split, fold, condition, aggregation = self.key
        parts = [model or "the result", f"fold {fold}" if fold else "", condition, split, aggregation]
        return ", ".join(p for p in parts if p)

    def claims(self) -> tuple[Claim, ...]:
        """Return one claim a score."""
        return tuple(claims[0] for claims in self.scores.values())


def own(paper: Paper) -> list[Claim]:
    """Return the claims about the paper's own experiments."""
    return [claim for claim in paper.claims if claim.kind == "own"]


def canonical(metric: str) -> str:
    """Return the metric's one name (sensitivity is recall)."""
    return CANONICAL.get(metric, metric)


def scale_of(claim: Claim) -> int:
    """Return 100 where the score is printed in percent, else 1; without a unit figures above 1 are percent."""
    number = printed_number(claim.value)
    if claim.unit == "%" or "%" in claim.value:
        return 100
    return 100 if not claim.unit and number is not None and number > 1 else 1


def score_interval(claim: Claim) -> Interval | None:
    """Return what a printed score can stand for, as a fraction; None where it is not one number or only approximate."""
    low = -1 if canonical(claim.metric) in {"mcc", "kappa"} else 0
    return _as_fraction(claim.value, scale_of(claim), low, claim.approximate)


@functools.lru_cache(maxsize=16_384)
def _as_fraction(value: str, percent: int, low: int, approximate: bool) -> Interval | None:
    interval = printed_interval(value)
    if interval is None:
        return None
    found = interval.times(Fraction(1, percent))
    if approximate:
        found = Interval(found.low - Fraction(2, 100), found.high + Fraction(2, 100))
    return found.clipped(low, 1)


def count_of(claim: Claim) -> int | None:
    """Return a printed count; None where it is not a whole number or only approximate."""
    number = printed_number(claim.value)
    if number is None or claim.approximate or number != number.to_integral_value() or "e" in claim.value.lower():
        return None
    return int(number)


def fold_of(claim: Claim) -> str:
    """Return the fold that a claim speaks of, from ``fold`` or ``aggregation: fold:k``."""
    if claim.fold:
        return claim.fold
    return claim.aggregation.removeprefix("fold:") if claim.aggregation.startswith("fold:") else ""


def row_key(claim: Claim) -> RowKey:
    """Return the key under which scores belong to one result."""
    aggregation = claim.aggregation if claim.aggregation in {"mean", "best", "pooled"} else ""
    return (claim.study, claim.model or claim.arm, claim.split, fold_of(claim), claim.condition, aggregation)


def rows(paper: Paper) -> list[Row]:
    """Return the results of a paper in ledger order, each with its printed scores.

    Where one key has a score with several values, it holds several results, which are told apart by their places.
    """
    found: dict[RowKey, dict[ScoreName, list[Claim]]] = {}
    for claim in own(paper):
        if canonical(claim.metric) in SCORE_METRICS and score_interval(claim) is not None:
            name = (canonical(claim.metric), claim.class_, claim.average)
            found.setdefault(row_key(claim), {}).setdefault(name, []).append(claim)
    return [
        Row(key, scores)
        for key, lists in found.items()
        for scores in _by_place({n: _sets(c) for n, c in lists.items()})
    ]


def _by_place(sets: dict[ScoreName, list[tuple[Claim, ...]]]) -> list[dict[ScoreName, tuple[Claim, ...]]]:
    """Return the scores of each result under one key: one where every score has one value, else one a value of the most divided score.

    Another score belongs to the values beside which it stands; if it stands beside none, to the value with most company (the first such).
    """
    divided = max(sets, key=lambda name: len(sets[name]))
    if len(sets[divided]) == 1:
        return [{name: options[0] for name, options in sets.items()}]
    company = [
        sum(_together(value, o) for n, os in sets.items() if n != divided for o in os) for value in sets[divided]
    ]
    main = company.index(max(company))
    found: list[dict[ScoreName, tuple[Claim, ...]]] = [{divided: value} for value in sets[divided]]
    for name, options in sets.items():
        for option in options if name != divided else []:
            beside = [i for i, value in enumerate(sets[divided]) if _together(value, option)] or [main]
            for i in beside:
                found[i].setdefault(name, option)
    return [found[main], *(scores for i, scores in enumerate(found) if i != main)]


def _together(a: tuple[Claim, ...], b: tuple[Claim, ...]) -> bool:
    return bool({c.where for c in a} & {c.where for c in b})


def _sets(claims: list[Claim]) -> list[tuple[Claim, ...]]:
    """Return the claims in sets that can each be one value, the largest (else first printed) set first, in it the most precise first."""
    sets: list[list[Claim]] = []
    for claim in sorted(claims, key=_coarseness):
        interval = score_interval(claim)
        home = next((g for g in sets if interval and (i := score_interval(g[0])) and i.meets(interval)), None)
        if home is None:
            sets.append([claim])
        else:
            home.append(claim)
    order = {c.id: i for i, c in enumerate(claims)}
    return [tuple(g) for g in sorted(sets, key=lambda g: (-len(g), min(order[c.id] for c in g)))]


def _coarseness(claim: Claim) -> tuple[bool, int]:
    number = printed_number(claim.value)
    exponent = number.as_tuple().exponent if number is not None else 0
    return (claim.approximate, (exponent if isinstance(exponent, int) else 0) + (-2 if scale_of(claim) == 100 else 0))


# ------------------------------------------------------------------------------------------------------- matrices


@dataclass(frozen=True)
class Printed:
    """A printed confusion matrix, rows actual: cell intervals, claims, and the row key of its result."""

    matrix: Matrix
    key: RowKey
    cells: tuple[tuple[Interval, ...], ...]
    claims: tuple[Claim, ...]
    actual_known: bool

    @property
    def exact(self) -> bool:
        """Whether every cell is one count."""
        return all(c.low == c.high for line in self.cells for c in line)

    def counts(self) -> list[list[int]]:
        """Return the cells as counts (midpoints where printed with an exponent)."""
        return [[round((c.low + c.high) / 2) for c in line] for line in self.cells]


def matrices(paper: Paper) -> list[Printed]:
    """Return the printed matrices whose every cell is in the ledger, with rows as actual classes.

    Four counts tp, fp, fn, tn that only the text gives make a matrix too (id ""), with the positive class of the study first.
    """
    found = []
    for matrix in paper.matrices:
        claims = [c for c in own(paper) if c.matrix == matrix.id]
        grid = _grid(matrix, claims)
        if grid is not None:
            lines = list(zip(*grid, strict=True)) if matrix.rows == "predicted" else [tuple(line) for line in grid]
            found.append(Printed(matrix, row_key(claims[0]), tuple(lines), tuple(claims), matrix.rows != "unstated"))
    found = [_known_by_twins(m, found) for m in found]
    keys = {m.key for m in found}
    return found + [m for m in _matrices_in_prose(paper) if m.key not in keys]


def _known_by_twins(printed: Printed, others: list[Printed]) -> Printed:
    """Return the matrix with its orientation settled where matrices of several networks on one part settle it.

    One test set has one set of class sizes: if two matrices have equal row sums and unequal column sums, rows are actual.
    """
    if printed.actual_known or not printed.exact or all(c.metric in CELLS for c in printed.claims):
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


def _sums(counts: list[list[int]]) -> list[int]:
    return [sum(line) for line in counts]


def _turned(counts: list[list[int]]) -> list[list[int]]:
    return [list(line) for line in zip(*counts, strict=True)]


def _matrices_in_prose(paper: Paper) -> list[Printed]:
    groups: dict[RowKey, dict[str, Claim]] = {}
    for c in own(paper):
        if c.metric in CELLS and not c.matrix and count_of(c) is not None:
            groups.setdefault(row_key(c), {}).setdefault(c.metric, c)
    found = []
    for key, named in groups.items():
        study = paper.studies.get(key[0])
        if len(named) == 4 and study is not None and len(study.classes) == 2:
            # which class the text takes as positive is not certain, so the classes keep the text's words
            classes = ("positive", "negative")
            matrix = Matrix(
                id="",
                where=f"the counts at {named['tp'].where}",
                rows="actual",
                classes=classes,
                positive="positive",
            )
            claims = [named[m] for m in CELLS]
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
        elif claim.metric in CELLS and size == 2:
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


# ----------------------------------------------------------------------------------------------------- class sizes


@dataclass(frozen=True)
class Sizes:
    """How many images of each class a result was counted on, and the claims that say so."""

    counts: dict[str, int]
    claims: tuple[Claim, ...]
    basis: str

    @property
    def total(self) -> int:
        """All images."""
        return sum(self.counts.values())


def class_sizes(paper: Paper, key: RowKey, printed: Iterable[Printed]) -> Sizes | None:
    """Return the class sizes behind a result: its exact matrix, stated counts, or the matrix of another network on that part.

    A matrix whose total is not the stated number of images of its part is not used.
    """
    printed = list(printed)
    every = [m for m in printed if m.exact and m.actual_known and total_is_stated(paper, m)]
    for matrix in every:
        if matrix.key == key:
            return _from_matrix(matrix, "the row sums of its matrix")
    _, model, split, fold, condition, _ = key
    stated = [
        c for c in own(paper) if c.metric == "n_images" and c.class_ and c.split == split and count_of(c) is not None
    ]
    if over_folds(paper, key):
        return None  # one stated part is not what its folds are
    for wanted in ((model, condition), (model, ""), None, ("", condition), ("", "")):
        if wanted is None:
            if key[5] == "mean" or any(m.key[1] == model and m.key[2:4] != (split, fold) for m in printed):
                continue  # it has matrices of its own, on other images
            twin = [m for m in every if (m.key[0], m.key[2], m.key[3], m.key[4]) == (key[0], split, fold, condition)]
            if twin:
                return _from_matrix(twin[0], "the row sums of another network's matrix on the same part")
            continue
        group = [
            c for c in stated if (c.model, c.condition) == wanted and fold_of(c) == fold and c.study in {key[0], ""}
        ]
        counts = {c.class_: count_of(c) or 0 for c in group}
        if all(counts[c.class_] == count_of(c) for c in group) and _complete(paper, key[0], counts):
            return Sizes(counts, tuple(group), "the stated class counts of this part")
    return None


def over_folds(paper: Paper, key: RowKey) -> bool:
    """Whether a mean or pooled row is one over folds: the paper says something of single folds of the same network."""
    return key[5] in {"mean", "pooled"} and any(fold_of(c) and c.model == key[1] for c in own(paper))


def _from_matrix(matrix: Printed, basis: str) -> Sizes:
    lines = zip(matrix.matrix.classes, matrix.cells, strict=True)
    return Sizes({n: int(sum((c.low for c in line), Fraction(0))) for n, line in lines}, matrix.claims, basis)


def total_is_stated(paper: Paper, matrix: Printed) -> bool:
    """Whether the cells add up to the stated number of images of their part, if one is stated."""
    stated = stated_total(paper, matrix)
    return stated is None or stated[0] == sum(map(sum, matrix.counts()))


def stated_total(paper: Paper, printed: Printed) -> tuple[int, Claim] | None:
    """Return the number of images that the paper states for a matrix' part, if it does.

    Of the totals stated for that part the one that the cells add up to is taken; else that of the same network, fold and
    condition; else the one nearest to a twin matrix' total; else the only one.
    """
    study, model, split, fold, condition, _ = printed.key
    sizes = [
        c
        for c in own(paper)
        if c.metric == "n_images"
        and not c.class_
        and count_of(c) is not None
        and c.split == split
        and fold_of(c) == fold
        and c.study in {study, ""}
        and c.model in {model, ""}
    ]
    totals = {count_of(c) or 0: c for c in reversed(sizes)}
    low = sum((c.low for line in printed.cells for c in line), Fraction(0))
    high = sum((c.high for line in printed.cells for c in line), Fraction(0))
    fitting = [n for n in totals if low <= n <= high]
    if fitting:
        return fitting[0], totals[fitting[0]]
    for wanted in ((model, condition), (model, ""), ("", condition), ("", "")):
        group = {count_of(c): c for c in sizes if (c.model, c.condition) == wanted}
        if len(group) == 1 and (wanted[0] or len(totals) == 1):
            ((n, claim),) = group.items()
            return (n or 0, claim)
    twins = {
        _cell_sum(paper, m, printed)
        for m in {c.matrix for c in own(paper) if c.matrix and c.matrix != printed.matrix.id}
    }
    known = [n for n in totals if n in twins]
    if len(known) == 1:
        return known[0], totals[known[0]]
    return None


def _cell_sum(paper: Paper, matrix: str, like: Printed) -> int | None:
    """Return the sum of the cells of another matrix of the same part, where they are whole numbers."""
    cells = [c for c in own(paper) if c.matrix == matrix]
    keys = {row_key(c)[2:4] for c in cells}
    values = [count_of(c) for c in cells]
    return sum(v for v in values if v) if keys == {like.key[2:4]} and None not in values else None


def _complete(paper: Paper, study: str, counts: dict[str, int]) -> bool:
    """Whether the counts cover every class of the study, whatever the classes are called there."""
    if len(counts) < 2:
        return False
    return len(counts) == len(paper.studies[study].classes) if study in paper.studies else True


def n_classes(paper: Paper, key: RowKey) -> int | None:
    """Return the number of classes of a result's study."""
    if key[0] in paper.studies:
        return len(paper.studies[key[0]].classes)
    return len(next(iter(paper.studies.values())).classes) if len(paper.studies) == 1 else None


def headlines(paper: Paper) -> frozenset[str]:
    """Return the ids of the headline claims and of those that print the same figure of the same result."""
    chosen = {study.headline for study in paper.studies.values()}
    heads = [c for c in paper.claims if c.id in chosen]
    same = {
        c.id
        for c in paper.claims
        for h in heads
        if c.metric == h.metric
        and printed_number(c.value) == printed_number(h.value)
        and c.model == h.model
        and c.kind == "own"
    }
    return frozenset(chosen | same)
