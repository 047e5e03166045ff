"""Cut a set of images in two or in k, by image or by group: searched, judged for balance, refused where degenerate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leukbench.errors import SplitError
from leukbench.seeds import generator_for, seed_for

Labels = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

GOOD_ENOUGH = 0.01
"""The search ends early at this imbalance (see :func:`cut_folds`)."""


@dataclass(frozen=True, kw_only=True)
class Units:
    """What is cut: ``label`` ``(n,)`` indexes ``classes``; ``group`` ``(n,)`` numbers what stays together from 0.

    ``groups`` are the names of the groups; ``where`` names the place in errors; ``what`` is image, origin or group.
    """

    label: Labels
    group: Labels
    groups: npt.NDArray[Any]
    classes: tuple[str, ...]
    where: str
    what: str
    stratified: bool = True

    def __len__(self) -> int:
        return len(self.label)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the images of each group and class, ``(n_groups, n_classes)``."""
        shape = (len(self.groups), len(self.classes))
        counts = np.zeros(shape, dtype=np.int64)
        np.add.at(counts, (self.group, self.label), 1)
        return counts

    def groups_per_class(self) -> npt.NDArray[np.int64]:
        """Return in how many groups each class occurs, ``(n_classes,)``."""
        return np.asarray(np.count_nonzero(self.counts(), axis=0), dtype=np.int64)


def cut_folds(units: Units, k: int, *, seed: int, n_searched: int) -> list[Mask]:
    """Return k masks ``(n,)``, the test part of each fold; every unit is in exactly one.

    Images: StratifiedKFold (KFold where not stratified). Groups: the best balanced of ``n_searched`` draws of
    StratifiedGroupKFold (GroupKFold) and as many dealt ones. *Balance*: the largest distance, over folds and classes,
    of the share of a class's images that a fold tests from 1/k, plus the same for its groups; ties go to the earlier
    draw.

    Raises
    ------
    SplitError
        Where a class is in fewer groups than k, or no draw has every class on both sides of each fold.
    """
    if k < 2:
        raise SplitError("a cut into folds needs two", where=units.where, expected="k of at least 2", found=str(k))
    _refuse_few(units, k, f"{k} folds")
    if _singletons(units):
        return _image_folds(units, k, seed)
    search = _Search(units, 1 / k)
    for fold_of in _draws(units, k, seed=seed, n_searched=n_searched):
        search.offer(fold_of, [_one_hot([fold], k) for fold in range(k)])
        if search.score <= GOOD_ENOUGH:
            break
    return search.best()


def cut_once(units: Units, share: float, *, seed: int, n_searched: int) -> Mask:
    """Return the mask ``(n,)`` of the part that holds about ``share`` (of the images, and of each class's).

    Images: exactly ceil(share · n), as scikit-learn's train_test_split rounds. Groups: j of the m folds of a draw of
    :func:`cut_folds`, with m ≤ 10 the smallest that has j/m within 0.01 of the share (0.2: one of five); parts that
    leave a class out of one side are passed over; the best balanced about the share is kept.

    Raises
    ------
    SplitError
        Where a class is in fewer than two groups, or no draw keeps every class on both sides.
    """
    if not 0 < share < 1:
        raise SplitError(
            "a share must lie between 0 and 1", where=units.where, expected="0 < share < 1", found=str(share)
        )
    _refuse_few(units, 2, "two sides")
    if _singletons(units):
        return _image_share(units, share, seed)
    m, j = _as_folds(share)
    search = _Search(units, share)
    for fold_of in _draws(units, m, seed=seed, n_searched=n_searched):
        for start in range(m):
            search.offer(fold_of, [_one_hot([(start + step) % m for step in range(j)], m)])
        if search.score <= GOOD_ENOUGH:
            break
    return search.best()[0]


class _Search:
    """The best balanced of the cuts offered; works on counts of groups × classes, not on images."""

    def __init__(self, units: Units, share: float) -> None:
        self.units, self.share = units, share
        self.counts = units.counts()
        self.score = math.inf
        self.found: list[Mask] = []
        self.reason = ""

    def offer(self, fold_of: Labels, parts: list[Mask]) -> None:
        """Judge a cut: ``fold_of`` ``(n_groups,)``, and for each part of it the mask of the folds that it tests."""
        worst = 0.0
        for number, part in enumerate(parts):
            inside = part[fold_of]
            name = f"fold {number}" if len(parts) > 1 else "the cut"
            why = _why_degenerate(
                self.counts[inside].sum(axis=0), self.counts[~inside].sum(axis=0), self.units.classes, name
            )
            if why:
                self.reason = why
                return
            worst = max(worst, self._imbalance(inside))
        if worst < self.score - 1e-12:
            self.score, self.found = worst, [part[fold_of][self.units.group] for part in parts]

    def _imbalance(self, inside: Mask) -> float:
        images = self.counts if self.units.stratified else self.counts.sum(axis=1, keepdims=True)
        return sum(
            float(np.abs(of[inside].sum(axis=0) / of.sum(axis=0) - self.share).max()) for of in (images, images > 0)
        )

    def best(self) -> list[Mask]:
        """Return the masks over images; raises SplitError where every cut offered was degenerate."""
        if not self.found:
            raise _degenerate(self.units, self.reason)
        return self.found


def _one_hot(places: list[int], n: int) -> Mask:
    mask = np.zeros(n, dtype=bool)
    mask[places] = True
    return mask


def _why_degenerate(test: Labels, train: Labels, classes: tuple[str, ...], name: str) -> str:
    """Return why a cut is of no use, from the images of each class on its sides; "" where it is fine."""
    for side, counts in (("test", test), ("train", train)):
        for index, here in enumerate(counts):
            if here == 0:
                return f"{name} has no {classes[index]!r} on its {side} side"
    return ""


def _check_images(units: Units, masks: list[Mask]) -> None:
    """Raise SplitError where a cut of single images leaves a class out of a side."""
    for fold, mask in enumerate(masks):
        sides = [np.bincount(units.label[side], minlength=len(units.classes)) for side in (mask, ~mask)]
        if why := _why_degenerate(sides[0], sides[1], units.classes, f"fold {fold}"):
            raise _degenerate(units, why)


def _refuse_few(units: Units, least: int, purpose: str) -> None:
    """Raise SplitError, naming the groups, if a class is in fewer groups than the cut has parts."""
    for index, count in enumerate(units.groups_per_class()):
        if count < least:
            names = units.groups[np.unique(units.group[units.label == index])]
            raise SplitError(
                f"class {units.classes[index]!r} is in too few {units.what}s for {purpose}",
                where=units.where,
                expected=f"at least {least} {units.what}s of each class",
                found=f"{count}" + (f": {', '.join(map(str, names[:6]))}" if count else " (no image of the class)"),
                do=f"use fewer folds, more images, or a split whose unit is smaller than the {units.what}",
            )


def _degenerate(units: Units, reason: str) -> SplitError:
    return SplitError(
        "every cut that was tried is degenerate",
        where=units.where,
        expected="every class on both sides of each fold",
        found=f"e.g. {reason}; groups per class: "
        + ", ".join(f"{c} {n}" for c, n in zip(units.classes, units.groups_per_class(), strict=True)),
        do="use fewer folds, more groups, or more images",
    )


def _singletons(units: Units) -> bool:
    return len(units.groups) == len(units)


def _as_folds(share: float) -> tuple[int, int]:
    """Return (m, j): j of m folds are close to a share.

    >>> _as_folds(0.2), _as_folds(0.3), _as_folds(0.5), _as_folds(0.06)
    ((5, 1), (10, 3), (2, 1), (17, 1))
    """
    for m in range(2, 11):
        j = round(share * m)
        if 0 < j < m and abs(j / m - share) <= 0.01:
            return m, j
    m = round(1 / min(share, 1 - share))
    return (m, 1) if share < 0.5 else (m, m - 1)


def _image_folds(units: Units, k: int, seed: int) -> list[Mask]:
    """Return the test masks of StratifiedKFold or KFold over single images."""
    from sklearn.model_selection import KFold, StratifiedKFold

    splitter = StratifiedKFold if units.stratified else KFold
    random_state = seed_for(seed, "split.folds", 0) % 2**32
    folds = splitter(n_splits=k, shuffle=True, random_state=random_state).split(np.zeros(len(units)), units.label)
    masks = [_mask(test, len(units)) for _, test in folds]
    _check_images(units, masks)
    return masks


def _image_share(units: Units, share: float, seed: int) -> Mask:
    """Return the mask of ceil(share · n) single images, stratified by label where asked."""
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    n_test = math.ceil(share * len(units) - 1e-6)
    splitter = StratifiedShuffleSplit if units.stratified else ShuffleSplit
    smallest = min(n_test, len(units) - n_test)
    if smallest < len(units.classes):
        raise SplitError(
            "too few images for a cut with every class on both sides",
            where=units.where,
            expected=f"at least {len(units.classes)} images on the smaller side",
            found=str(smallest),
            do="use more images",
        )
    random_state = seed_for(seed, "split.share", 0) % 2**32
    _, test = next(
        splitter(n_splits=1, test_size=n_test, random_state=random_state).split(np.zeros(len(units)), units.label)
    )
    mask = _mask(test, len(units))
    _check_images(units, [mask])
    return mask


def _mask(rows: npt.NDArray[Any], n: int) -> Mask:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask


def _draws(units: Units, k: int, *, seed: int, n_searched: int) -> Iterator[Labels]:
    """Yield candidate fold numbers of the groups ``(n_groups,)``: scikit-learn's and dealt ones in turn.

    StratifiedGroupKFold shuffles only groups whose class counts vary alike, so that with patients of different sizes
    all its seeds give one partition; dealing gives the search something to choose from. Once it repeats itself it is
    not asked again.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    splitter = StratifiedGroupKFold if units.stratified else GroupKFold
    possible = k <= len(units.groups) and (not units.stratified or k <= np.bincount(units.label).max())
    previous: Labels | None = None
    for draw in range(n_searched):
        if possible:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # about classes smaller than k; what matters is checked
                cuts = splitter(n_splits=k, shuffle=True, random_state=seed_for(seed, "split.groups", draw) % 2**32)
                fold_of = np.empty(len(units.groups), dtype=np.int64)
                for fold, (_, test) in enumerate(cuts.split(np.zeros(len(units)), units.label, units.group)):
                    fold_of[units.group[test]] = fold
            possible = previous is None or not np.array_equal(previous, fold_of)
            previous = fold_of
            yield fold_of
        yield _deal(units, k, generator_for(seed, "split.deal", draw))


def _deal(units: Units, k: int, rng: np.random.Generator) -> Labels:
    """Return fold numbers ``(n_groups,)`` from dealing groups out, rarest class first,
    each to the fold with least of it.

    A group counts for its class that the fewest groups have; within a class the larger groups go first, noisily.
    """
    counts = units.counts()
    rarity = units.groups_per_class()
    own = np.where(counts > 0, rarity, np.iinfo(np.int64).max).argmin(axis=1)
    size = counts.sum(axis=1) * rng.lognormal(0.0, 0.3, len(counts))
    fold_counts = np.zeros((k, len(units.classes)))
    fold_of = np.empty(len(counts), dtype=np.int64)
    for group in np.lexsort((-size, rarity[own])):
        order = rng.permutation(k)
        fold = order[np.lexsort((fold_counts[order].sum(axis=1), fold_counts[order, own[group]]))[0]]
        fold_of[group] = fold
        fold_counts[fold] += counts[group]
    return fold_of
