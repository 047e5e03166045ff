"""Defects: a versioned registry of what is wrong or surprising in the published files,
each entry with evidence that is recounted.

The registry (``sources/defects.json``) says what, and what a named check finds; :func:`recount` runs the check on the
published tables that ship with the package (and on pixel hashes where the images are at hand) and gives the images
concerned. An entry whose evidence does not come out as registered is an error, not a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from leukbench.cohort.duplicates import identical_pairs
from leukbench.errors import DataError, unknown_name


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One entry of the registry."""

    id: str  # never reused
    source: str
    what: str
    check: str  # name of the check that counts the evidence
    finds: Mapping[str, int]  # what the check must count
    options: Mapping[str, Any] = field(default_factory=dict)
    since: int = 1  # version of the registry that brought it
    consequence: str = ""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known about a source. ``images``: image_id, path, sha256, size_bytes, label, patient, pool,
    official_fold, origin and, where a manifest is at hand, pixel_sha256; strings but for ``size_bytes``."""

    images: pd.DataFrame
    fields: pd.DataFrame  # pairs that show one field (cohort.fields.FIELD_COLUMNS)
    categories: Mapping[str, str] = field(default_factory=dict)  # image id -> label cell as published
    printed: Mapping[str, int] = field(default_factory=dict)  # claim id -> printed count
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # file name -> git blob id at another portal


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a check counted, and the images concerned."""

    counts: Mapping[str, int]
    images: tuple[str, ...]


def _evidence(images: set[str], **counts: int) -> Evidence:
    return Evidence(counts={**counts, "images": len(images)}, images=tuple(sorted(images)))


def _pairs(known: Known, pairs: pd.DataFrame, column: str, *, differ: bool = True) -> Evidence:
    """Count pairs of images, all or those that differ in a column that both have."""
    value = known.images.set_index("image_id")[column]
    a, b = (value.loc[pairs[side]].to_numpy() for side in ("image_id_a", "image_id_b"))
    kept = pairs[(a != b) & (a != "") & (b != "")] if differ else pairs
    return _evidence(set(kept["image_id_a"]) | set(kept["image_id_b"]), pairs=len(kept))


def identical_files(known: Known) -> Evidence:
    """Count pairs of equal files or pixels (each with the first of its set)."""
    return _pairs(known, identical_pairs(known.images), "label", differ=False)


def identical_across(known: Known, *, column: str) -> Evidence:
    """Count pairs of equal files or pixels that differ in a column: patient, official_fold, label, pool."""
    return _pairs(known, identical_pairs(known.images), column)


def field_across(known: Known, *, column: str, overlap: float) -> Evidence:
    """Count pairs of photographs of one field that differ in a column,
    where one shows at least so much of the other."""
    return _pairs(known, known.fields[known.fields["overlap"] >= overlap], column)


def one_field(known: Known) -> Evidence:
    """Count pairs of photographs that show one field."""
    return _pairs(known, known.fields, "label", differ=False)


def field_of_named(known: Known, *, pairs: list[list[str]]) -> Evidence:
    """Count which of the named pairs, seen to show one cell, are found as one field and have different labels."""
    found = {frozenset(pair) for pair in zip(known.fields["image_id_a"], known.fields["image_id_b"], strict=True)}
    cell = dict(zip(known.images["image_id"], known.images["label"], strict=True)) | dict(known.categories)
    kept = [pair for pair in pairs if frozenset(pair) in found and cell[pair[0]] != cell[pair[1]]]
    concerned = {image for pair in kept for image in pair}
    copies = known.images.loc[known.images["origin"].isin(concerned), "image_id"]
    return _evidence(concerned | set(copies), pairs=len(kept))


def spelled(known: Known, *, pattern: str) -> Evidence:
    """Count the images whose file name matches a pattern."""
    names = known.images["path"].str.rsplit("/", n=1).str[-1]
    return _evidence(set(known.images.loc[names.str.contains(pattern, regex=True), "image_id"]))


def numbers_in_both_classes(known: Known, *, pool: str, prefix: str) -> Evidence:
    """Count the numbers that name two subjects: one with the prefix and one without."""
    rows = known.images[known.images["pool"].eq(pool)]
    subjects = set(rows["patient"])
    both = {s for s in subjects if s and prefix + s in subjects}
    concerned = rows["patient"].isin(both | {prefix + s for s in both})
    return _evidence(set(rows.loc[concerned, "image_id"]), numbers=len(both))


def label_cells(known: Known, *, pattern: str, with_file: bool) -> Evidence:
    """Count the published label cells that match a pattern, of images with (or without) a file."""
    files = set(known.images.loc[known.images["sha256"].ne(""), "image_id"])
    return _evidence({
        image for image, cell in known.categories.items()
        if re.fullmatch(pattern, cell) and (image in files) == with_file
    })  # fmt: skip


def of_size(known: Known, *, pool: str, size_bytes: int) -> Evidence:
    """Count the files of a pool that have a size in bytes."""
    kept = known.images["pool"].eq(pool) & known.images["size_bytes"].eq(size_bytes)
    return _evidence(set(known.images.loc[kept, "image_id"]))


def without_patient(known: Known) -> Evidence:
    """Count the images whose patient is not published."""
    return _evidence(set(known.images.loc[known.images["patient"].eq(""), "image_id"]))


def field_in_training(known: Known, *, test: str, train: str) -> Evidence:
    """Count images of one pool whose original shows a field that an original of another pool's images shows too."""
    origin = {part: set(known.images.loc[known.images["pool"].eq(part), "origin"]) - {""} for part in (test, train)}
    touching = set()
    for a, b in zip(known.fields["image_id_a"], known.fields["image_id_b"], strict=True):
        touching |= {one for one, two in ((a, b), (b, a)) if one in origin[test] and two in origin[train]}
    rows = known.images["pool"].eq(test) & known.images["origin"].isin(touching)
    return _evidence(set(known.images.loc[rows, "image_id"]), originals=len(touching))


def printed_otherwise(known: Known, *, claims: Mapping[str, Mapping[str, list[str]]]) -> Evidence:
    """Count the claims whose printed number is not that of the published images with these values in these columns."""
    wrong = 0
    for claim, where in claims.items():
        rows = pd.Series(True, index=known.images.index)
        for column, values in where.items():
            rows &= known.images[column].isin(values)
        wrong += int(rows.sum()) != known.printed.get(claim, int(rows.sum()))
    return _evidence(set(), claims=wrong)


def missing_elsewhere(known: Known, *, folder: str) -> Evidence:
    """Count the images of a folder that another portal does not hold."""
    rows = known.images[known.images["path"].str.startswith(f"{folder}/") & known.images["sha256"].ne("")]
    names = rows["path"].str.rsplit("/", n=1).str[-1]
    return _evidence(set(rows.loc[~names.isin(set(known.elsewhere)), "image_id"]), elsewhere=len(known.elsewhere))


CHECKS: Mapping[str, Callable[..., Evidence]] = {
    check.__name__: check
    for check in (
        identical_files, identical_across, field_across, one_field, field_of_named, spelled, numbers_in_both_classes,
        label_cells, of_size, without_patient, field_in_training, printed_otherwise, missing_elsewhere,
    )
}  # fmt: skip


@cache
def read_registry() -> tuple[int, tuple[Defect, ...]]:
    """Return the registry's version and its entries.

    Raises
    ------
    DataError
        For an entry that is not well formed.
    """
    file = Path(__file__).parents[1] / "sources" / "defects.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    try:
        entries = tuple(Defect(**entry) for entry in raw["defects"])
    except TypeError as error:
        raise DataError(
            "an entry of the defect registry is not well formed", where=str(file), found=str(error)
        ) from None
    twice = sorted({e.id for e in entries if sum(o.id == e.id for o in entries) > 1})
    late = sorted(e.id for e in entries if not 1 <= e.since <= raw["version"])
    if twice or late:
        raise DataError(
            "the defect registry contradicts itself", where=str(file),
            expected=f"unique ids, versions from 1 to {raw['version']}", found=", ".join([*twice, *late]),
        )  # fmt: skip
    return int(raw["version"]), entries


def recount(defect: Defect, known: Known) -> Evidence:
    """Return the evidence of an entry, counted now.

    Raises
    ------
    DataError
        Where it is not what the registry says.
    """
    if defect.check not in CHECKS:
        raise unknown_name("check", defect.check, CHECKS, where=f"defect {defect.id}")
    found = CHECKS[defect.check](known, **defect.options)
    counted = {key: found.counts.get(key) for key in defect.finds}
    if counted != dict(defect.finds):
        raise DataError(
            f"the evidence of defect {defect.id!r} does not come out as registered",
            where=f"source {defect.source}, check {defect.check}",
            expected=", ".join(f"{n} {key}" for key, n in defect.finds.items()),
            found=", ".join(f"{n} {key}" for key, n in counted.items()),
            do="correct the registry, or find out which files changed",
        )
    return found
