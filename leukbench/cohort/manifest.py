"""The manifest of a source: read, write, check, hash, and draw fewer images from it for a limited run."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukbench.cohort.tables import check_columns, read_table, table_sha256, write_table
from leukbench.errors import DataError
from leukbench.records import MANIFEST_COLUMNS
from leukbench.seeds import generator_for

GROUPS_WANTED = 5
"""A limited draw takes from at least so many groups of each pool, official fold and class, where there are as many."""


def check_manifest(manifest: pd.DataFrame, *, where: str = "manifest", classes: Collection[str] | None = None) -> None:
    """Raise DataError unless this is a manifest: its columns, unique ids, known values, labels of ``classes`` or "".

    Parameters
    ----------
    manifest
        One row an image.
    where
        What the error calls the table.
    classes
        The labels that may stand there beside ""; any where None.

    Raises
    ------
    DataError
        Naming the first row that is wrong, its column, and what should stand there.
    """
    check_columns(manifest, MANIFEST_COLUMNS, where=where)
    ids = manifest["image_id"]
    _refuse(
        manifest, ids.duplicated(), "image_id", "an image id stands twice", "ids that are unique in a source", where
    )
    _refuse(manifest, ids.eq(""), "image_id", "a row has no image id", "a non-empty id", where)
    _refuse(
        manifest,
        ids.str.contains("#"),
        "image_id",
        "an image id holds '#'",
        "ids without '#', which marks planned copies",
        where,
    )
    _refuse(manifest, manifest["path"].eq(""), "path", "a row has no path", "a path below the source's folder", where)
    present = manifest["present"].astype(str).isin(["0", "1"])
    _refuse(manifest, ~present, "present", "a row does not say whether its file is at hand", "0 or 1", where)
    evidence = manifest["evidence"].isin(["verified", "inferred", "absent"])
    _refuse(manifest, ~evidence, "evidence", "unknown evidence", "verified, inferred or absent", where)
    unfounded = manifest["patient"].eq("") & manifest["evidence"].ne("absent")
    _refuse(manifest, unfounded, "evidence", "evidence for a patient id that is not there", "absent", where)
    if classes is not None:
        known = manifest["label"].isin([*classes, ""])
        _refuse(manifest, ~known, "label", "a label outside the source's card", f"one of: {', '.join(classes)}", where)


def _refuse(manifest: pd.DataFrame, wrong: pd.Series, column: str, what: str, expected: str, where: str) -> None:
    """Raise DataError that names the first wrong rows, if there are any."""
    rows = np.flatnonzero(wrong.to_numpy())
    if not len(rows):
        return
    first = manifest.iloc[rows[0]]
    raise DataError(
        what,
        where=f"{where}, line {rows[0] + 2}, column {column}, image {first['image_id']!r}",
        expected=expected,
        found=f"{first[column]!r}; {len(rows)} such row(s)",
        do="index the source again, or correct the file that the manifest came from",
    )


def as_manifest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the manifest's columns in order, every value as text, a fresh index.

    Raises
    ------
    DataError
        Where a column is missing or too many.
    """
    check_columns(table, MANIFEST_COLUMNS, where="manifest")
    return table.loc[:, list(MANIFEST_COLUMNS)].astype(str).reset_index(drop=True)


def read_manifest(path: Path, *, classes: Collection[str] | None = None) -> pd.DataFrame:
    """Return the checked manifest in a CSV file, all columns text, "" where nothing is known. Raises DataError."""
    manifest = read_table(path, MANIFEST_COLUMNS)
    check_manifest(manifest, where=str(path), classes=classes)
    return manifest


def write_manifest(manifest: pd.DataFrame, path: Path, *, summed: bool = False) -> None:
    """Check and write a manifest as CSV; the same values give the same bytes. Raises DataError, InputError."""
    table = as_manifest(manifest)
    check_manifest(table, where=str(path))
    write_table(table, path, columns=MANIFEST_COLUMNS, summed=summed)


def manifest_sha256(manifest: pd.DataFrame) -> str:
    """Return the sha256 (hex) of a manifest, which is that of the file that ``write_manifest`` makes."""
    return table_sha256(manifest, MANIFEST_COLUMNS)


def origin_of(manifest: pd.DataFrame) -> pd.Series:
    """Return each row's origin, with the image itself where its origin is not known."""
    return manifest["origin"].where(manifest["origin"].ne(""), manifest["image_id"])


def study_images(
    manifest: pd.DataFrame, classes: Mapping[str, Collection[str]], *, pool: Collection[str] = ()
) -> pd.DataFrame:
    """Return the rows whose label belongs to a class of the study, in the pools named (all of them if none is).

    ``classes`` maps a class of the study to the labels of the source that it holds.

    Raises
    ------
    DataError
        Where a pool does not exist.
    """
    unknown = set(pool) - set(manifest["pool"])
    if unknown:
        raise DataError(
            "a split rule names a pool that the manifest does not have",
            expected=f"one of: {', '.join(sorted(set(manifest['pool'])))}",
            found=", ".join(sorted(unknown)),
            do="correct pool or test_pool of the rule, or get the missing part of the source",
        )
    kept = manifest["label"].isin([label for labels in classes.values() for label in labels])
    if pool:
        kept &= manifest["pool"].isin(list(pool))
    return manifest[kept].reset_index(drop=True)


def limit_manifest(
    manifest: pd.DataFrame, images: int, *, seed: int, groups: pd.DataFrame | None = None, least: int = 2
) -> pd.DataFrame:
    """Return the manifest of about ``images`` labelled originals, drawn by pool, official fold, class and group.

    Every stratum (pool × official fold × class) keeps a share in proportion to its size and at least ``least`` images
    of different groups, where it has them (so many as there will be folds); within a stratum groups come in random
    order and give several images each, so that a limited study still has patients with more than one image, but from at
    least :data:`GROUPS_WANTED` groups where there are as many. All copies of a drawn original stay with it and are not
    counted. ``groups`` is the table of the source; without it the patient (or the origin, where there is none) is the
    group. Unlabelled rows are left out.

    Raises
    ------
    DataError
        If ``images`` is too small for ``least`` images a stratum.
    """
    rows = manifest[manifest["label"].ne("")].assign(_origin=lambda t: origin_of(t))
    group_of = _groups_of(rows, groups)
    originals = rows.assign(_group=group_of, _copy=rows["image_id"].ne(rows["_origin"]))
    originals = originals.sort_values(["_copy", "image_id"]).drop_duplicates("_origin").sort_values("image_id")
    strata = [part for _, part in originals.groupby(["pool", "official_fold", "label"], sort=True)]
    if images >= len(originals):
        drawn = set(originals["_origin"])
    else:
        quotas = _quotas(np.array([len(part) for part in strata]), images, least)
        drawn = set()
        for place, (part, quota) in enumerate(zip(strata, quotas, strict=True)):
            drawn |= _draw(part, int(quota), generator_for(seed, "limit", place))
    return manifest.loc[rows.index[rows["_origin"].isin(drawn)]].reset_index(drop=True)


def _groups_of(rows: pd.DataFrame, groups: pd.DataFrame | None) -> pd.Series:
    """Return the group of each row: from the table, or patient, or origin."""
    if groups is None:
        return rows["patient"].where(rows["patient"].ne(""), rows["_origin"])
    group = rows["image_id"].map(groups.set_index("image_id")["group"])
    if group.isna().any():
        raise DataError(
            "an image of the manifest is in no group",
            where="groups table",
            found=f"{int(group.isna().sum())} image(s), e.g. {rows['image_id'][group.isna()].iloc[0]!r}",
            do="make the groups again from this manifest",
        )
    return group


def _quotas(sizes: npt.NDArray[np.int64], images: int, wanted: int) -> npt.NDArray[np.int64]:
    """Return how many to draw of each stratum: ``wanted`` or all, the rest in proportion, summing to ``images``."""
    least = np.minimum(sizes, wanted)
    if images < least.sum():
        raise DataError(
            "too few images for this source",
            where="limits.images",
            expected=f"at least {int(least.sum())}, so that every pool, official fold and class keeps {wanted}",
            found=str(images),
            do="raise limits.images",
        )
    quotas: npt.NDArray[np.int64] = np.minimum(
        sizes, np.maximum(least, np.floor(sizes * images / sizes.sum()).astype(int))
    )
    while quotas.sum() != images:
        step = 1 if quotas.sum() < images else -1
        room = (quotas < sizes) if step > 0 else (quotas > least)
        gap = np.where(room, step * (sizes * images / sizes.sum() - quotas), -np.inf)
        quotas[int(np.argmax(gap))] += step
    return quotas


def _draw(part: pd.DataFrame, quota: int, rng: np.random.Generator) -> set[str]:
    """Return the origins drawn from one stratum: groups in random order, several images of each, then what is left."""
    several = max(1, min(math.ceil(math.sqrt(quota)), quota // GROUPS_WANTED))
    order = part.iloc[rng.permutation(len(part))]
    order = order.assign(_place=order.groupby("_group").cumcount() // several, _turn=pd.factorize(order["_group"])[0])
    return set(order.sort_values(["_place", "_turn"], kind="stable")["_origin"].head(quota))
