"""``leukbench origins``: which original each augmented image came from, and which photographs show one field, from
pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from leukbench.errors import InputError
from leukbench.paths import source_folder

if TYPE_CHECKING:
    import pandas as pd

    from leukbench.cohort.alignment import Catalogue
    from leukbench.cohort.leaks import Leak
    from leukbench.sources.base import Photographs, Source


def origins(name: str, folder: Path | None, write: Path | None) -> str:
    """Return what is found in a source's files beside what ships with the package; write the tables where asked.

    Raises InputError where the source has nothing to find.
    """
    from leukbench.cohort.manifest import as_manifest
    from leukbench.sources import load_source, source_names

    source = load_source(name)
    if source.photographs is None:
        able = [n for n in source_names() if load_source(n).photographs is not None]
        raise InputError(
            "this source has neither augmented copies of its own images nor photographs of smear fields",
            where=name, expected="one of: " + ", ".join(able),
        )  # fmt: skip
    files = folder or source_folder(name)
    manifest = as_manifest(source.index(files))
    lines = []
    tables: dict[str, pd.DataFrame] = {"fields": find_source_fields(source, manifest, files)}
    if source.photographs.made_from_them:
        tables["origins"] = find_source_origins(source, manifest, files)
        lines.append(_origins_line(tables["origins"], manifest))
    n_photographs = int((manifest["pool"].eq(source.photographs.pool) & manifest["present"].eq("1")).sum())
    lines.append(f"fields: {len(tables['fields'])} pairs of {n_photographs:,} photographs show one field")
    lines += [f"{kind}: {_compared(name, kind, table)}" for kind, table in tables.items()]
    if write is not None:
        lines += [_write(write / f"{name}_{kind}.csv.xz", table) for kind, table in tables.items()]
    return "\n".join(f"{name}: {line}" for line in lines)


def find_source_origins(source: Source, manifest: pd.DataFrame, files: Path) -> pd.DataFrame:
    """Return the origins table of the augmented images at hand, looked for among all photographs of the source."""
    from leukbench.cohort.alignment import read_view
    from leukbench.cohort.origins import WORKING_PX, find_origins

    assert source.photographs is not None
    names, catalogue = _photographs(source.photographs, manifest, files, longest_px=WORKING_PX)
    copies = manifest[manifest["pool"].isin(source.photographs.made_from_them) & manifest["present"].eq("1")]
    copies = copies.sort_values("image_id")
    images = zip(copies["image_id"], copies["path"], strict=True)
    return find_origins(((i, read_view(files / p, longest_px=WORKING_PX)) for i, p in images), catalogue, names)


def find_source_fields(source: Source, manifest: pd.DataFrame, files: Path) -> pd.DataFrame:
    """Return the fields table of a source's photographs: the pairs that show one field."""
    from leukbench.cohort.fields import find_fields

    assert source.photographs is not None
    names, catalogue = _photographs(
        source.photographs, manifest, files, longest_px=source.photographs.longest_px
    )  # fmt: skip
    return find_fields(names, catalogue)


def _photographs(
    photographs: Photographs, manifest: pd.DataFrame, files: Path, *, longest_px: int
) -> tuple[list[str], Catalogue]:
    import numpy as np

    from leukbench.cohort.alignment import Catalogue, read_view

    rows = manifest[manifest["pool"].eq(photographs.pool) & manifest["present"].eq("1")].sort_values("image_id")
    views = [read_view(files / path, longest_px=longest_px, burnt_in=photographs.burnt_in) for path in rows["path"]]
    return list(rows["image_id"]), Catalogue(views, rng=np.random.default_rng(0))


def _origins_line(table: pd.DataFrame, manifest: pd.DataFrame) -> str:
    facts = manifest.set_index("image_id")["label"]
    known = table[table["origin"].ne("")]
    same = facts.loc[known["origin"]].to_numpy() == facts.loc[known["image_id"]].to_numpy()
    return (
        f"origins: {len(known):,} of {len(table):,} augmented images have one ({known['origin'].nunique()} originals); "
        f"{int(same.sum()):,} of these have the label of their original"
    )


def _compared(name: str, kind: str, table: pd.DataFrame) -> str:
    """Return whether the found table is the shipped one, in the rows that could be found."""
    from leukbench.sources.base import has_facts, read_facts

    if not has_facts(f"{name}_{kind}"):
        return "no table ships with the package"
    keys = ("image_id", "origin") if kind == "origins" else ("image_id_a", "image_id_b")
    shipped = {tuple(fact[key] for key in keys) for fact in read_facts(f"{name}_{kind}")}
    found = set(table.loc[:, list(keys)].itertuples(index=False, name=None))
    return (
        f"{len(found & shipped):,} of {len(found):,} rows found now are those that ship with the package "
        f"({len(shipped):,})"
    )


def _write(file: Path, table: pd.DataFrame) -> str:
    import lzma

    from leukbench.paths import replacing

    text: str = table.to_csv(index=False, lineterminator="\n")
    with replacing(file) as temporary:
        temporary.write_bytes(lzma.compress(text.encode(), preset=9))
    return f"wrote {file}"


def fields_text(source: str, manifest: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """Return how many photographs are joined to others of their field, and what a cut by image does with them; "" if
    none.

    Parameters
    ----------
    source
        Its name.
    manifest
        Of the source.
    pairs
        Of duplicates, those of one field among them.

    Returns
    -------
    A paragraph of Markdown; "" where no pair is of one field.
    """
    from leukbench.cohort.fields import KIND
    from leukbench.cohort.groups import accept_near_pairs, make_groups
    from leukbench.cohort.leaks import leak_of_rule
    from leukbench.records import SplitRule
    from leukbench.sources import load_source

    if not pairs["kind"].eq(KIND).any():
        return ""
    loaded = load_source(source)
    assert loaded.photographs is not None
    pool = loaded.photographs.pool
    groups = make_groups(manifest, pairs)
    photographs = groups[groups["image_id"].isin(set(manifest.loc[manifest["pool"].eq(pool), "image_id"]))]
    sizes = photographs["group"].value_counts()
    refused = len(accept_near_pairs(pairs, kind=KIND)[1])
    rule = SplitRule(unit="image", pool=(pool,), shares=(0.8, 0.2))
    classes = [label for label, n in loaded.card.counts[pool].items() if label and n >= 10]
    leak = leak_of_rule("", manifest, groups, rule, classes=classes)
    return (
        f"Fields: {int(sizes[sizes > 1].sum()):,} of {len(photographs):,} photographs are joined to others, by "
        "overlap or as "
        f"duplicates, into {int((sizes > 1).sum()):,} groups of up to {int(sizes.max())}; {refused} pairs "
        "refused as chains. "
        f"Cut 80/20 by image, {leak.same_group:,} of {leak.n_test:,} test images are in a group of a training image."
    )


def leaks_text(source: str, manifest: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """Return how many origins of an augmented release are known, and what its habitual splits leak; "" where there is
    none.
    """
    from leukbench.cohort.leaks import release_leaks
    from leukbench.report.format import table
    from leukbench.sources import load_source

    photographs = load_source(source).photographs
    pools = photographs.made_from_them if photographs is not None else ()
    copies = manifest[manifest["pool"].isin(pools)]
    if copies.empty or not {"TRAIN", "TEST"} <= set(copies["pool"]):
        return ""
    known = copies[copies["origin"].ne("")]
    classes = sorted(set(copies["label"]))
    here = tuple(pool for pool in pools if pool in set(copies["pool"]))
    leaks = release_leaks(manifest, pairs, parts=("TRAIN", "TEST"), pool=here, classes=classes)
    head = (
        f"Origins (inferred from pixels): {len(known):,} of {len(copies):,} augmented images come from "
        f"{known['origin'].nunique()} known originals, {len(copies) - len(known)} are unknown. What splits of "
        "the release leak:"
    )
    return f"{head}\n\n{table([_leak_row(leak) for leak in leaks])}"


def _leak_row(leak: Leak) -> dict[str, str | int]:
    return {
        "split": leak.split,
        "training images": f"{leak.n_train:,}",
        "test images": f"{leak.n_test:,}",
        "of unknown origin": leak.n_unknown,
        "original is also in training": f"{leak.same_origin:,} ({100 * leak.same_origin / leak.n_test:.1f} %)",
        "original or field is": f"{leak.same_group:,} ({100 * leak.same_group / leak.n_test:.1f} %)",
    }
