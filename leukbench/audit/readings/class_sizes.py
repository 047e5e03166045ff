"""How many test images of each class stand behind a printed score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from leukbench.audit.readings.claims import RowKey, canonical, count_of, fold_of, own, row_key
from leukbench.audit.readings.printed_matrices import Printed, matrices
from leukbench.papers.schema import Claim, Paper


def stated_sizes(paper: Paper, claim: Claim) -> dict[int, tuple[str, Claim | None]]:
    """Return every n that the paper states for the part of a claim: its own n, its part's images, by class for recall.

    A recall or specificity that names no class may be an average, which is no k/n; a specificity of one class is a share of
    the others' images. None of them is tested.
    """
    found: dict[int, tuple[str, Claim | None]] = {}
    counted_on_all = canonical(claim.metric) in {"accuracy", "error_rate"}
    if not counted_on_all and (not _class_counted(claim) or canonical(claim.metric) == "specificity"):
        return {}
    if (own_n := claim.n.replace(",", "")).isdigit():
        return {int(own_n): ("the number printed with the figure", None)}
    for c in own(paper):
        n = count_of(c)
        parts = {claim.split} if claim.split != "unstated" else {"test", "validation", "unstated"}
        if c.metric != "n_images" or not n or c.study not in {claim.study, ""} or c.split not in parts:
            continue
        if c.class_ == _class_counted(claim) and (fold_of(c) == fold_of(claim)) and c.model in {claim.model, ""}:
            found.setdefault(n, (f"{n} images stated ({c.where})", c))
    printed = matrices(paper)
    sizes = class_sizes(paper, row_key(claim), printed)
    if sizes is not None:
        n = sizes.counts.get(_class_counted(claim), 0) if _class_counted(claim) else sizes.total
        if n:
            found.setdefault(n, (f"{n} from {sizes.basis}", None))
    return found


def _class_counted(claim: Claim) -> str:
    """Return the class whose images a figure is a share of: its own, or the one it calls positive; "" for all images."""
    if not claim.class_ and claim.average.startswith("positive:"):
        return claim.average.removeprefix("positive:")
    return claim.class_


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
