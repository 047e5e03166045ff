"""``leukbench make-split``: folds that keep patients and copies of images together, with the certificate of what they
keep apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.errors import InputError
from leukbench.paths import write_text
from leukbench.records import SplitRule, json_text
from leukbench.tools.splits.collection import Collection, missing_text, read_collection

if TYPE_CHECKING:
    import pandas as pd

CERTIFICATE = "certificate.json"
_FILES = {"manifest": "manifest.csv", "groups": "groups.csv", "split": "split.csv"}


@dataclass(frozen=True, kw_only=True)
class MadeSplit:
    """A split with all that its certificate rests on; ``table``: the collection's rows with what each image is used
    for.
    """

    manifest: pd.DataFrame
    groups: pd.DataFrame
    split: pd.DataFrame
    certificate: dict[str, Any]
    table: pd.DataFrame
    notes: tuple[str, ...]


def _refuse_spellings(collection: Collection, table: Path) -> None:
    """Raise InputError where two patients may be one: they would stand on both sides."""
    from leukbench.tools.splits.crossings import spellings

    several = sorted(set(spellings(collection.rows["patient"]).values()))
    if several:
        raise InputError(
            f"{len(several)} patients are written in several ways",
            where=str(table),
            expected="names that differ in more than case, blanks, dashes or leading zeros",
            found="; ".join(several[:5]),
            do="write one who is one in one way, two who are two in two",
        )


def make_split(
    table: Path,
    images: Path | None = None,
    *,
    k: int | None = 5,
    test: float | None = None,
    validation: float = 0.0,
    seed: int = 0,
    mapping: Sequence[str] = (),
    advance: Callable[[int, int], None] | None = None,
) -> MadeSplit:
    """Return a split by group of somebody's images: ``k`` folds, or once with a share to ``test``; stratified, searched
    and frozen.

    A group is what must stay together: a patient, an origin, equal and near-equal pictures. The parts that the table
    may name are not looked at.

    Parameters
    ----------
    table
        A CSV or parquet file with a row an image, a MONAI datalist, or a folder ``part/class/image`` or
        ``class/image``.
    images
        The folder of the images; None where they lie beside the table.
    k
        How many folds; left out of account where ``test`` is given.
    test, validation
        Shares of all images, as fractions; ``test`` None where there are folds.
    seed
        Of the search among splits.
    mapping
        ``role=COLUMN`` pairs for columns that do not speak for themselves.
    advance
        Called with the images looked at so far, and all of them.

    Returns
    -------
    Manifest, groups, split, certificate, and the table with the parts beside its own columns.

    Raises
    ------
    InputError
        For a table without labels, with one patient in several spellings, or a share outside (0, 1).
    SplitError
        Where a fold would lack a class.
    """
    from leukbench.cohort.certificate import make_certificate
    from leukbench.cohort.duplicates import find_duplicates
    from leukbench.cohort.groups import make_groups
    from leukbench.cohort.manifest import as_manifest
    from leukbench.cohort.splits import make_splits
    from leukbench.tools.splits.looks import look_at

    rule = _rule(k=k, test=test, validation=validation)
    collection = read_collection(table, images, mapping, parts=False)
    classes = _classes(collection, table)
    _refuse_spellings(collection, table)
    looks = look_at(collection, advance=advance)
    manifest = as_manifest(looks.manifest.assign(pool=""))
    groups = make_groups(manifest, find_duplicates(manifest, list(manifest["image_id"]), looks.greys))
    split = make_splits(manifest, groups, rule, seed=seed, classes={name: (name,) for name in classes})
    certificate = make_certificate(manifest, groups, split, rule=rule, protocol="patient")
    return MadeSplit(
        manifest=manifest,
        groups=groups,
        split=split,
        certificate=certificate,
        table=_used_for(collection, split),
        notes=tuple(text for text in (*collection.notes, *_left_out(collection), *looks.notes) if text),
    )


def _rule(*, k: int | None, test: float | None, validation: float) -> SplitRule:
    if test is not None and not 0 < test < 1:
        raise InputError(
            "a share of 0 or of all tests nothing that was not trained on", where="--test",
            expected="a fraction between 0 and 1", found=f"{test:g}", do="as in --test 0.2; leave it out for folds",
        )  # fmt: skip
    shares = (1 - test, test) if test is not None else None
    return SplitRule(unit="group", k=k if test is None else None, shares=shares, validation=validation)


def _left_out(collection: Collection) -> list[str]:
    """Return what is to be said of images that are not split, and of classes that may be one."""
    from leukbench.tools.splits.crossings import spellings

    label = collection.rows["label"]
    n, several = int(label.eq("").sum()), sorted(set(spellings(label).values()))
    said = "image has no label and is in no fold" if n == 1 else "images have no label and are in no fold"
    alike = f"Classes that may be one in several spellings, counted as different: {'; '.join(several[:5])}."
    return [missing_text(collection.missing), f"{n} {said}." if n else "", alike if several else ""]


def _classes(collection: Collection, table: Path) -> list[str]:
    classes = sorted(set(collection.rows["label"]) - {""})
    if len(classes) < 2:
        raise InputError(
            "a stratified split needs classes",
            where=str(table),
            expected="a column label with two classes at least",
            found=", ".join(classes) or "none",
            do="say which column it is: --map label=COLUMN",
        )
    return classes


def _used_for(collection: Collection, split: pd.DataFrame) -> pd.DataFrame:
    """Return the collection's rows with a column ``split`` (one cut) or ``fold`` (the one that tests the image)."""
    rows = collection.rows.drop(columns="part")
    if split["fold"].nunique() == 1:
        role = split.set_index("image_id")["role"]
        return rows.assign(split=rows["image_id"].map(role).fillna(""))
    tested = split[split["role"].eq("test")].set_index("image_id")["fold"].astype(str)
    return rows.assign(fold=rows["image_id"].map(tested).fillna(""))


def write_made(made: MadeSplit, folder: Path) -> None:
    """Write the split, its certificate and what they rest on. Raises InputError where other files of a split are there
    already.
    """
    from leukbench.cohort.manifest import write_manifest
    from leukbench.cohort.tables import write_groups, write_split

    if (folder / CERTIFICATE).exists():
        raise InputError(
            "there is a split already: a frozen split is not made anew",
            where=str(folder / CERTIFICATE),
            expected="a new folder",
            found="a certificate",
            do="give another --out, or remove this folder",
        )
    write_manifest(made.manifest, folder / _FILES["manifest"])
    write_groups(made.groups, folder / _FILES["groups"])
    write_split(made.split, folder / _FILES["split"])
    write_text(folder / "images.csv", made.table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / CERTIFICATE, json_text(made.certificate))


def summary(made: MadeSplit) -> str:
    """Return what each fold tests, as Markdown, and what keeps together."""
    from leukbench.report.format import table

    rows = [
        {
            "fold": f["fold"],
            **{f"{role} images": r["images"] for role, r in f["roles"].items()},
            "tested groups": f["roles"]["test"]["groups"],
            **{f"tested {name}": n for name, n in f["roles"]["test"]["class"].items()},
        }
        for f in made.certificate["folds"]
    ]
    n_groups, n_images = made.groups["group"].nunique(), len(made.groups)
    head = f"{n_images} images in {n_groups} groups; {_whose(made.manifest, made.certificate)}."
    return "\n\n".join([head, *made.notes, table(rows)])


def _whose(manifest: pd.DataFrame, certificate: dict[str, Any]) -> str:
    """Return the certificate's sentence about patients, or where only some images have one, of how many that is so."""
    named, n = int(manifest["patient"].ne("").sum()), len(manifest)
    if named in {0, n}:
        return str(certificate["sentence"])
    return f"by group, patients named for {named} of {n} images, the other {n - named} grouped by their pictures alone"


def check_made(folder: Path) -> tuple[str, bool]:
    """Return whether a split made here still keeps its word, counted again from its tables, and whether it does not."""
    import json

    from leukbench.cohort.certificate import check_certificate
    from leukbench.cohort.manifest import read_manifest
    from leukbench.cohort.tables import read_groups, read_split

    file = folder / CERTIFICATE
    try:
        certificate = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "cannot read a certificate", where=str(file), expected="what make-split wrote", found=str(error)
        ) from error
    manifest = read_manifest(folder / _FILES["manifest"])
    problems = check_certificate(
        certificate, manifest=manifest, groups=read_groups(folder / _FILES["groups"]),
        split=read_split(folder / _FILES["split"]),
    )  # fmt: skip
    if problems:
        return "\n".join([f"{folder}: BROKEN", *(f"  - {problem}" for problem in problems)]), True
    n = len(certificate["folds"])
    shares = certificate["declares"] or "nothing is shared between training side and test"
    return f"{folder}: kept; {n} fold{'s' if n > 1 else ''}, {_whose(manifest, certificate)}; {shares}", False
