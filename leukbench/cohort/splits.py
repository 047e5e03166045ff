"""Splits: which image is in which role of which fold, from a rule that is data. Pure: no disk, no clock.

The images are cut first, augmented copies are planned after, on the side that the rule names. The one exception,
``augment: before``, exists to measure the habit: it plans copies as rows before the cut, so that copies of one origin
fall on both sides, and their origin is never lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukbench.cohort.cuts import Mask, Units, cut_folds, cut_once
from leukbench.cohort.manifest import origin_of, study_images
from leukbench.errors import SplitError
from leukbench.records import SPLIT_COLUMNS, SplitRule
from leukbench.seeds import generator_for, seed_for

_ROLES = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """One fold before copies are planned after it: its number, what it holds, and which rows it tests."""

    number: int
    rows: pd.DataFrame
    test: Mask
    where: str


def make_splits(
    manifest: pd.DataFrame,
    groups: pd.DataFrame,
    rule: SplitRule,
    *,
    seed: int,
    classes: Mapping[str, Sequence[str]],
    n_searched: int = 20,
) -> pd.DataFrame:
    """Return the split table (``records.SPLIT_COLUMNS``) of a rule; ``fold`` and ``copy`` are int64, the rest text.

    ``classes`` maps each class of the study to the labels of the source that it holds; ``label`` of the split is the
    class of the study, other images are left out. ``origin`` is the image itself where the manifest does not know it.
    Fold numbers count from 0; with ``within`` and ``across`` they are the number at the end of the official fold's name
    where each has one (with k besides: part × k + fold). The table does not depend on the order of the manifest's rows.
    With ``test_pool`` or ``across`` and unit ``group`` (or ``origin``) the training images that share one with the test
    part are left out.

    Raises
    ------
    SplitError
        Where the rule contradicts itself, or where a fold would be degenerate (see ``cohort.cuts``).
    """
    check_rule(rule)
    rows = _rows(study_images(manifest, classes, pool=rule.pool), groups, classes)
    if rule.augment == "before":
        rows = plan_copies(rows, copies=rule.copies, class_size=rule.class_size, seed=seed)
    if rule.test_pool:
        folds = iter(
            [_challenge(rows, _rows(study_images(manifest, classes, pool=rule.test_pool), groups, classes), rule)]
        )
    elif rule.across:
        folds = _left_out(rows, rule)
    else:
        folds = _cut(rows, rule, seed=seed, classes=tuple(classes), n_searched=n_searched)
    parts = [_with_roles(fold, rule, seed=seed, classes=tuple(classes), n_searched=n_searched) for fold in folds]
    table = _ordered(pd.concat([_with_copies(part, rule, seed=seed) for part in parts], ignore_index=True))
    kept = {fold: round(n * rule.keep_train) for fold, n in training_sizes(table).items()}
    return table if rule.keep_train == 1 else trim_training(table, kept, seed=seed)


def check_rule(rule: SplitRule) -> None:
    """Raise SplitError where the fields of a split rule contradict each other.

    Parameters
    ----------
    rule
        As a paper.yaml states it.

    Raises
    ------
    SplitError
        With every contradiction at once.
    """
    problems = []
    cuts = [name for name in ("k", "shares", "test_pool", "across") if getattr(rule, name)]
    if len(cuts) != 1:
        problems.append(f"exactly one of k, shares, test_pool, across must be given, found {', '.join(cuts) or 'none'}")
    if rule.across and rule.within:
        problems.append("across tests whole parts, within cuts each by itself: only one of them can be meant")
    if rule.shares and (abs(sum(rule.shares) - 1) > 1e-9 or min(rule.shares) <= 0):
        problems.append(f"shares must be positive and sum to 1, found {rule.shares}")
    if rule.k is not None and rule.k < 2:
        problems.append(f"k must be at least 2, found {rule.k}")
    if not 0 <= rule.validation < 1:
        problems.append(f"validation must lie in [0, 1), found {rule.validation}")
    if rule.test_pool and (rule.within or set(rule.test_pool) & set(rule.pool)):
        problems.append("test_pool goes neither with within nor with the same pool on the training side")
    planned = [name for name in ("copies", "class_size", "class_size_test") if getattr(rule, name)]
    if rule.augment == "none" and planned:
        problems.append(f"augment is none, but {', '.join(planned)} is given")
    if rule.augment != "none" and not planned:
        problems.append(f"augment is {rule.augment}, but neither copies nor class_size is given")
    if rule.copies and (rule.class_size or rule.class_size_test):
        problems.append("copies and class_size exclude each other")
    if not 0 < rule.keep_train <= 1:
        problems.append(f"keep_train must lie in (0, 1], found {rule.keep_train}")
    if rule.class_size_test and rule.augment != "after_both":
        problems.append("class_size_test needs augment: after_both")
    if problems:
        raise SplitError(
            "a split rule contradicts itself", found="; ".join(problems), do="correct the rule in paper.yaml"
        )


def _rows(manifest: pd.DataFrame, groups: pd.DataFrame, classes: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the study's images, sorted by id, with the split's columns but fold and role."""
    class_of = {label: name for name, labels in classes.items() for label in labels}
    if len(class_of) < sum(map(len, classes.values())):
        raise SplitError("a label belongs to two classes of the study", where="classes", found=str(dict(classes)))
    manifest = manifest.sort_values("image_id", ignore_index=True)
    group = manifest["image_id"].map(groups.set_index("image_id")["group"])
    if group.isna().any():
        raise SplitError(
            "an image of the manifest is in no group",
            where="groups table",
            found=repr(manifest["image_id"][group.isna()].iloc[0]),
            do="make the groups again from this manifest",
        )
    return pd.DataFrame(
        {
            "image_id": manifest["image_id"],
            "origin": origin_of(manifest),
            "copy": np.zeros(len(manifest), dtype=np.int64),
            "label": manifest["label"].map(class_of),
            "group": group,
            "patient": manifest["patient"],
            "official_fold": manifest["official_fold"],
        }
    )


def plan_copies(rows: pd.DataFrame, *, copies: int, class_size: int | None, seed: int) -> pd.DataFrame:
    """Return the rows and, after them, the planned copies: ``copies`` of each, or until each class has ``class_size``.

    The k-th copy of an image is a row with image_id ``<image_id>#k`` and ``copy`` k. With ``class_size`` the images
    of a class get as equal numbers of copies as can be, the odd ones drawn; a class that has so many rows gets none.
    """
    if class_size is None:
        wanted = np.full(len(rows), copies, dtype=np.int64)
    else:
        wanted = np.zeros(len(rows), dtype=np.int64)
        for label, part in rows.reset_index(drop=True).groupby("label", sort=True):
            each, odd = divmod(max(0, class_size - len(part)), len(part))
            wanted[part.index] = each
            wanted[generator_for(seed, "split.copies", label).permutation(part.index)[:odd]] += 1
    planned = rows.iloc[np.repeat(np.arange(len(rows)), wanted)].copy()
    number = np.concatenate([np.arange(1, n + 1) for n in wanted]) if len(planned) else np.empty(0, dtype=np.int64)
    planned["copy"] = number.astype(np.int64)
    planned["image_id"] = planned["image_id"] + "#" + planned["copy"].astype(str)
    return pd.concat([rows, planned], ignore_index=True)


def _units(rows: pd.DataFrame, rule: SplitRule, classes: tuple[str, ...], *, where: str) -> Units:
    """Return what the rule cuts; origins are cut as one image each, by their most frequent label."""
    column = {"image": "image_id", "origin": "origin", "group": "group"}[rule.unit]
    names, group = np.unique(rows[column].to_numpy(dtype=str), return_inverse=True)
    label = pd.Categorical(rows["label"], categories=list(classes)).codes
    return Units(
        label=label.astype(np.int64),
        group=group.astype(np.int64),
        groups=names,
        classes=classes,
        where=where,
        what=rule.unit,
        stratified=rule.stratified,
    )


def _collapsed(units: Units) -> tuple[Units, npt.NDArray[np.int64]]:
    """Return one unit per group, labelled by majority, and the group of each row."""
    single = Units(
        label=units.counts().argmax(axis=1),
        group=np.arange(len(units.groups)),
        groups=units.groups,
        classes=units.classes,
        where=units.where,
        what=units.what,
        stratified=units.stratified,
    )
    return single, units.group


def _cut(
    rows: pd.DataFrame, rule: SplitRule, *, seed: int, classes: tuple[str, ...], n_searched: int
) -> Iterator[_Fold]:
    """Yield the folds of a rule that cuts the pool, part by part where it says ``within``."""
    for part, (number, name, inside) in enumerate(_parts(rows, rule)):
        where = f"the pool, {len(inside)} images" if not name else f"official fold {name!r}, {len(inside)} images"
        units = _units(inside, rule, classes, where=where)
        part_seed = seed_for(seed, "split.part", name)
        masks = _masks(units, rule, seed=part_seed, n_searched=n_searched)
        for fold, mask in enumerate(masks):
            serial = number if rule.k is None else (number if rule.within else part) * rule.k + fold
            yield _Fold(number=serial, rows=inside, test=mask, where=f"{where}, fold {serial}")


def _masks(units: Units, rule: SplitRule, *, seed: int, n_searched: int) -> list[Mask]:
    """Return the test masks of one part, one a fold."""
    cut, back = _collapsed(units) if rule.unit == "origin" else (units, np.arange(len(units)))
    if rule.k is not None:
        return [mask[back] for mask in cut_folds(cut, rule.k, seed=seed, n_searched=n_searched)]
    assert rule.shares is not None
    return [cut_once(cut, rule.shares[1], seed=seed, n_searched=n_searched)[back]]


def _parts(rows: pd.DataFrame, rule: SplitRule) -> list[tuple[int, str, pd.DataFrame]]:
    """Return (fold number, official fold, rows) of each part that is cut by itself, or tested whole."""
    column = rule.within or rule.across
    if column is None:
        return [(0, "", rows)]
    names = sorted(set(rows[column]))
    if "" in names:
        raise SplitError(
            "a rule names official folds, but not every image has one",
            where=f"{'within' if rule.within else 'across'}: {column}",
            found=f"{int(rows[column].eq('').sum())} images of the pool without",
            do="name a pool that has official folds",
        )
    digits = [re.search(r"(\d+)$", name) for name in names]
    numbers = [int(d.group(1)) for d in digits if d]
    if len(set(numbers)) < len(names):
        numbers = list(range(len(names)))
    return [
        (number, name, rows[rows[column].eq(name)].reset_index(drop=True))
        for number, name in zip(numbers, names, strict=True)
    ]


def _left_out(rows: pd.DataFrame, rule: SplitRule) -> Iterator[_Fold]:
    """Yield a fold for each official fold, tested by a network that learns from all the others."""
    parts = _parts(rows, rule)
    if len(parts) < 2:
        raise SplitError(
            "a rule tests each official fold by the others, and there are no others",
            where=f"across: {rule.across}",
            expected="images of two official folds",
            found=", ".join(name for _, name, _ in parts) or "none",
            do="get the missing part of the source",
        )
    for number, name, tested in parts:
        yield _tested(rows, tested, rule, number=number, where=f"official fold {name!r} left out")


def _challenge(rows: pd.DataFrame, tested: pd.DataFrame, rule: SplitRule) -> _Fold:
    """Return the one fold that tests the test pool."""
    return _tested(rows, tested, rule, number=0, where="the challenge")


def _tested(rows: pd.DataFrame, tested: pd.DataFrame, rule: SplitRule, *, number: int, where: str) -> _Fold:
    """Return the fold that tests these rows; by group, training images that share one with them are left out."""
    rows = rows[~rows["image_id"].isin(tested["image_id"])]
    if rule.unit != "image":
        rows = rows[~rows[rule.unit].isin(set(tested[rule.unit]))]
    for side, part in (("train", rows), ("test", tested)):
        if part.empty:
            raise SplitError(
                f"a fold has no image on its {side} side",
                where=f"{where}: pool {rule.pool}, test_pool {rule.test_pool}",
                do="correct the pools, or get the missing part of the source",
            )
    both = pd.concat([rows, tested], ignore_index=True)
    return _Fold(number=number, rows=both, test=np.arange(len(both)) >= len(rows), where=where)


def _with_roles(fold: _Fold, rule: SplitRule, *, seed: int, classes: tuple[str, ...], n_searched: int) -> pd.DataFrame:
    """Return a fold's rows with fold and role; validation is cut from the training side by the same unit.

    Its share is larger than the rule's where a class has too few units for it.
    """
    role = np.where(fold.test, "test", "train").astype(object)
    if rule.validation:
        side = np.flatnonzero(~fold.test)
        units = _units(fold.rows.iloc[side], rule, classes, where=f"{fold.where}, validation")
        cut, back = _collapsed(units) if rule.unit == "origin" else (units, np.arange(len(units)))
        # a class in g groups cannot put less than one of them, 1/g of it, aside
        share = max(rule.validation, 1 / max(2, int(cut.groups_per_class().min())))
        in_validation = cut_once(
            cut, share, seed=seed_for(seed, "split.validation", fold.number), n_searched=n_searched
        )
        role[side[in_validation[back]]] = "validation"
    return fold.rows.assign(fold=fold.number, role=pd.Series(role, index=fold.rows.index, dtype="str"))


def _with_copies(rows: pd.DataFrame, rule: SplitRule, *, seed: int) -> pd.DataFrame:
    """Return a fold's rows with the copies that the rule plans after the cut."""
    if rule.augment not in {"after_train", "after_both"}:
        return rows
    out = []
    for role in _ROLES:
        part = rows[rows["role"].eq(role)].reset_index(drop=True)
        size = {"train": rule.class_size, "test": rule.class_size_test}.get(role)
        if role == "train" or (role == "test" and rule.augment == "after_both"):
            part = plan_copies(part, copies=rule.copies, class_size=size, seed=seed_for(seed, "split.side", role))
        out.append(part)
    return pd.concat(out, ignore_index=True)


def _ordered(split: pd.DataFrame) -> pd.DataFrame:
    """Return the split's columns in order, sorted by fold, role (train, validation, test), origin's id and copy."""
    base = split["image_id"].str.split("#").str[0]
    order = split.assign(_role=split["role"].map({r: i for i, r in enumerate(_ROLES)}), _base=base)
    order = order.sort_values(["fold", "_role", "_base", "copy"], kind="stable", ignore_index=True)
    return order.loc[:, list(SPLIT_COLUMNS)].astype({"fold": "int64", "copy": "int64"})


def training_sizes(split: pd.DataFrame) -> dict[int, int]:
    """Return the number of training rows of each fold, planned copies included."""
    train = split[split["role"].eq("train")]
    return {int(str(fold)): int(n) for fold, n in train.groupby("fold").size().items()}


def subsample_training(split: pd.DataFrame, n: int, *, seed: int) -> pd.DataFrame:
    """Return the split with ``n`` training rows in every fold, drawn by class in proportion; other roles stay.

    So the rungs of a ladder train on equally much.

    Raises
    ------
    SplitError
        Where a fold has fewer, or a class would vanish.
    """
    few = {fold: size for fold, size in training_sizes(split).items() if size < n}
    if few:
        raise SplitError(
            "a fold has fewer training rows than the rungs are to have",
            expected=f"at least {n}",
            found=", ".join(f"fold {fold}: {size}" for fold, size in few.items()),
            do="take the smallest of training_sizes",
        )
    kept: list[npt.NDArray[Any]] = [np.flatnonzero(split["role"].ne("train"))]
    for fold in training_sizes(split):
        rows = np.flatnonzero(split["role"].eq("train") & split["fold"].eq(fold))
        labels = split["label"].to_numpy(dtype=str)[rows]
        names, counts = np.unique(labels, return_counts=True)
        quotas = _proportional(counts, n)
        if (quotas < 1).any():
            raise SplitError(
                "too few training rows to keep every class, drawn in proportion", where=f"fold {fold}",
                expected=f"a row at least of each of {len(names)} classes",
                found=f"{n} rows, none of {', '.join(names[quotas < 1])}",
                do="raise limits.training_rows, limits.images or limits.class_size",
            )  # fmt: skip
        for name, quota in zip(names, quotas, strict=True):
            kept.append(generator_for(seed, "split.subsample", fold, name).permutation(rows[labels == name])[:quota])
    return split.iloc[np.sort(np.concatenate(kept))].reset_index(drop=True)


def trim_training(split: pd.DataFrame, sizes: Mapping[int, int], *, seed: int) -> pd.DataFrame:
    """Return the split with ``sizes`` training rows by fold, drawn by class in proportion; other roles stay.

    Raises
    ------
    SplitError
        Where a fold has fewer, or a class would vanish.
    """
    kept = [subsample_training(split[split["fold"].eq(fold)], n, seed=seed) for fold, n in sizes.items()]
    return pd.concat(kept, ignore_index=True)


def _proportional(counts: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Return whole numbers in proportion to ``counts`` that sum to ``n``: largest remainders.

    >>> _proportional(np.array([5, 3, 2]), 5).tolist()
    [3, 1, 1]
    """
    exact = counts * n / counts.sum()
    quotas: npt.NDArray[np.int64] = np.floor(exact).astype(np.int64)
    quotas[np.argsort(quotas - exact, kind="stable")[: n - quotas.sum()]] += 1
    return quotas
