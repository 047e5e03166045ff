"""How many test images of each class stand behind a printed score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from leukbench.audit.readings.claims import RowKey, canonical, count_of, own_size, row_key
from leukbench.audit.readings.ledger import Ledger, Sizes
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.papers.schema import Claim


def stated_sizes(ledger: Ledger, claim: Claim) -> dict[int, tuple[str, Claim | None]]:
    """Return every n that the paper states for the part of a claim: its own n, its part's images, by class for recall.

    A recall or specificity that names no class may be an average, which is no k/n; a specificity of one class is a
    share of the others' images. None of them is tested.
    """
    found: dict[int, tuple[str, Claim | None]] = {}
    counted_on_all = canonical(claim.metric) in {"accuracy", "error_rate"}
    if not counted_on_all and (not _class_counted(claim) or canonical(claim.metric) == "specificity"):
        return {}
    if (n := own_size(claim)) is not None:
        return {n: ("the number printed with the figure", None)}
    for c in ledger.counted:
        n = count_of(c)
        parts = {claim.split} if claim.split != "unstated" else {"test", "validation", "unstated"}
        if c.metric != "n_images" or not n or c.study not in {claim.study, ""} or c.split not in parts:
            continue
        if c.class_ == _class_counted(claim) and (c.of_fold == claim.of_fold) and c.model in {claim.model, ""}:
            found.setdefault(n, (f"{n} images stated ({c.where})", c))
    sizes = class_sizes(ledger, row_key(claim))
    if sizes is not None:
        of_class = sizes.counts.get(_class_counted(claim), 0) if _class_counted(claim) else 0
        against_rest = counted_on_all or not _class_counted(claim)  # an accuracy of a class may be over all images
        for n in filter(None, (of_class, sizes.total if against_rest else 0)):
            found.setdefault(n, (f"{n} from {sizes.basis}", None))
    return found


def _class_counted(claim: Claim) -> str:
    """Return the class whose images a figure is a share of: its own, or the one it calls positive; "" for all
    images."""
    if not claim.class_ and claim.average.startswith("positive:"):
        return claim.average.removeprefix("positive:")
    return claim.class_


def class_sizes(ledger: Ledger, key: RowKey) -> Sizes | None:
    """Return the class sizes behind a result: its exact matrix, stated counts, or the matrix of another network on
    that part.

    A matrix whose total is not the stated number of images of its part is not used, nor are counts of no network of
    their own where another number is printed for this one.
    """
    if key not in ledger.sizes:
        ledger.sizes[key] = _class_sizes(ledger, key)
    return ledger.sizes[key]


def _class_sizes(ledger: Ledger, key: RowKey) -> Sizes | None:
    every = [m for m in ledger.matrices if m.exact and m.actual_known and total_is_stated(ledger, m)]
    own_matrix = next((m for m in every if m.key == key), None)
    if own_matrix is not None:
        return replace(_from_matrix(own_matrix, "the row sums of its matrix"), of_matrix=True)
    if over_folds(ledger, key):
        return None  # one stated part is not what its folds are
    _, model, _, _, condition, _ = key
    own_sizes = _stated(ledger, key, ((model, condition), (model, "")))
    if own_sizes is not None:
        return own_sizes
    totals = own_totals(ledger, key)
    shared = (_of_twin(ledger, key, every), sizes_of_part(ledger, key))
    return next((s for s in shared if s is not None and (not totals or s.total in totals)), None)


def sizes_of_part(ledger: Ledger, key: RowKey) -> Sizes | None:
    """Return the class counts that are stated for the part of a result without naming a network."""
    return _stated(ledger, key, (("", key[4]), ("", "")))


def own_totals(ledger: Ledger, key: RowKey) -> dict[int, Claim]:
    """Return the numbers of images that are printed for a result's own network, or with its accuracy -> where."""
    study, model = key[:2]
    found: dict[int, Claim] = {}
    for c in ledger.counted:
        if row_key(c) == key and canonical(c.metric) == "accuracy" and not c.class_:
            n = own_size(c)
        elif c.metric == "n_images" and not c.class_ and (c.model or c.arm, c.split, c.of_fold) == key[1:4]:
            n = count_of(c) if model and c.study in {study, ""} else None
        else:
            n = None
        if n:
            found.setdefault(n, c)
    return found


def _stated(ledger: Ledger, key: RowKey, wanted: Iterable[tuple[str, str]]) -> Sizes | None:
    """Return the stated class counts of a part, for the first (model, condition) that has one for every class."""
    study, _, split, fold, _, _ = key
    stated = [
        c
        for c in ledger.counted
        if c.metric == "n_images" and c.class_ and c.split == split and c.of_fold == fold and c.study in {study, ""}
    ]
    for pair in wanted:
        group = [c for c in stated if (c.model, c.condition) == pair and count_of(c) is not None]
        counts = {c.class_: count_of(c) or 0 for c in group}
        if all(counts[c.class_] == count_of(c) for c in group) and _complete(ledger, study, counts):
            return Sizes(counts, tuple(group), "the stated class counts of this part")
    return None


def _of_twin(ledger: Ledger, key: RowKey, every: Iterable[Printed]) -> Sizes | None:
    """Return the row sums of another network's matrix on the same part; None where this one has matrices on other
    images."""
    study, model, split, fold, condition, aggregation = key
    if aggregation == "mean" or any(m.key[1] == model and m.key[2:4] != (split, fold) for m in ledger.matrices):
        return None
    twin = [m for m in every if (m.key[0], *m.key[2:5]) == (study, split, fold, condition)]
    basis = "the row sums of another network's matrix on the same part"
    return _from_matrix(twin[0], basis, presumed=True) if twin else None


def over_folds(ledger: Ledger, key: RowKey) -> bool:
    """Whether a mean or pooled row is one over folds: the paper says something of single folds of the same network."""
    return key[5] in {"mean", "pooled"} and any(c.of_fold and c.model == key[1] for c in ledger.own)


def _from_matrix(matrix: Printed, basis: str, *, presumed: bool = False) -> Sizes:
    lines = zip(matrix.matrix.classes, matrix.cells, strict=True)
    counts = {n: int(sum((c.low for c in line), Fraction(0))) for n, line in lines}
    return Sizes(counts, matrix.claims, basis, presumed)


def total_is_stated(ledger: Ledger, matrix: Printed) -> bool:
    """Whether the cells add up to the stated number of images of their part, if one is stated."""
    stated = stated_total(ledger, matrix)
    return stated is None or stated[0] == sum(map(sum, matrix.counts()))


def stated_total(ledger: Ledger, printed: Printed) -> tuple[int, Claim] | None:
    """Return the number of images that the paper states for a matrix' part, if it does.

    Of the totals stated for that part the one that the cells add up to is taken; else that of the same network,
    fold and condition; else the one nearest to a twin matrix' total; else the only one.

    Parameters
    ----------
    ledger
        Of the paper.
    printed
        One of its matrices.

    Returns
    -------
    The number of images and the claim that states it; None where no one total is this matrix' own.
    """
    sizes = _stated_for(ledger, printed)
    totals = {count_of(c) or 0: c for c in reversed(sizes)}
    low = sum((c.low for line in printed.cells for c in line), Fraction(0))
    high = sum((c.high for line in printed.cells for c in line), Fraction(0))
    fitting = [n for n in totals if low <= n <= high]
    if fitting:
        return fitting[0], totals[fitting[0]]
    _, model, _, _, condition, _ = printed.key
    for wanted in ((model, condition), (model, ""), ("", condition), ("", "")):
        group = {count_of(c): c for c in sizes if (c.model, c.condition) == wanted}
        if len(group) == 1 and (wanted[0] or len(totals) == 1):
            ((n, claim),) = group.items()
            return (n or 0, claim)
    others = {c.matrix for c in ledger.own if c.matrix and c.matrix != printed.matrix.id}
    twins = {_cell_sum(ledger, m, printed) for m in others}
    known = [n for n in totals if n in twins]
    return (known[0], totals[known[0]]) if len(known) == 1 else None


def _stated_for(ledger: Ledger, printed: Printed) -> list[Claim]:
    """Return the claims that state a number of images of all classes for a matrix' part."""
    study, model, split, fold, _, _ = printed.key
    return [
        c
        for c in ledger.counted
        if c.metric == "n_images"
        and not c.class_
        and count_of(c) is not None
        and c.split == split
        and c.of_fold == fold
        and c.study in {study, ""}
        and c.model in {model, ""}
    ]


def counted_elsewhere(ledger: Ledger, printed: Printed, class_: str, n: int) -> str:
    """Return what else than its own part a matrix' images can be: a stated number of images of its study (of a class)
    in another part, of all folds or of all parts together, in words; "" where none is n.

    The matrix of a cross-validation counts every image once.
    """
    study, _, split, fold, _, _ = printed.key
    sizes: dict[tuple[str, str, str], int] = {}
    for c in ledger.own:
        k = count_of(c)
        if c.metric == "n_images" and c.class_ == class_ and c.study in {study, ""} and k is not None:
            sizes.setdefault((c.split, c.of_fold, c.condition), k)
    for (s, f, con), k in sizes.items():
        if k == n and (s, f) != (split, fold):
            return ", ".join(w for w in (s.replace("all", "all images") or "all images", f and f"fold {f}", con) if w)
    for con in dict.fromkeys(key[2] for key in sizes):
        parts = [k for (s, f, c), k in sizes.items() if c == con and not f and s in {"train", "validation", "test"}]
        folds = [k for (s, f, c), k in sizes.items() if c == con and f and s == split]
        if n in {sum(parts), sum(folds)}:
            return "all parts together" if n == sum(parts) else "all folds together"
    return ""


def _cell_sum(ledger: Ledger, matrix: str, like: Printed) -> int | None:
    """Return the sum of the cells of another matrix of the same part, where they are whole numbers."""
    cells = [c for c in ledger.own if c.matrix == matrix]
    keys = {row_key(c)[2:4] for c in cells}
    values = [count_of(c) for c in cells]
    return sum(v for v in values if v) if keys == {like.key[2:4]} and None not in values else None


def _complete(ledger: Ledger, study: str, counts: dict[str, int]) -> bool:
    """Whether the counts cover every class of the study, whatever the classes are called there."""
    if len(counts) < 2:
        return False
    return len(counts) == len(ledger.paper.studies[study].classes) if study in ledger.paper.studies else True


def class_names(ledger: Ledger, key: RowKey) -> tuple[str, ...] | None:
    """Return the classes of a result's study."""
    studies = ledger.paper.studies
    study = studies.get(key[0]) or (next(iter(studies.values())) if len(studies) == 1 else None)
    return None if study is None else tuple(study.classes)


def n_classes(ledger: Ledger, key: RowKey) -> int | None:
    """Return the number of classes of a result's study."""
    names = class_names(ledger, key)
    return None if names is None else len(names)


def images_behind(ledger: Ledger, claim: Claim) -> tuple[int, tuple[Claim, ...]] | None:
    """Return how many images a figure was counted on, and the claims that say so; None where it is not said."""
    sizes = class_sizes(ledger, row_key(claim))
    if (own_n := own_size(claim)) is not None:
        return own_n, ()
    stated = [
        c
        for c in ledger.counted
        if c.metric == "n_images"
        and not c.class_
        and c.split == claim.split
        and c.of_fold == claim.of_fold
        and c.study in {claim.study, ""}
        and c.model in {claim.model, ""}
        and count_of(c)
    ]
    if sizes is not None and not (sizes.presumed and any(c.model == claim.model for c in stated)):
        return sizes.total, sizes.claims
    # what the paper tested on before what its publisher offers
    stated.sort(key=lambda c: (c.condition.startswith("public release"), c.condition not in {claim.condition, ""}))
    return (count_of(stated[0]) or 0, (stated[0],)) if stated else None
