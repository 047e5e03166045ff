"""``leukbench duplicates DIR``: which images of any folder are equal or nearly so, and what they join into groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from leukbench.errors import InputError
from leukbench.paths import write_text
from leukbench.tools.splits.collection import FACTS, Collection, missing_text, read_collection

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Twins:
    """Equal and near-equal pairs of a folder with their distance, and the groups that they and the patients make."""

    pairs: pd.DataFrame
    groups: pd.DataFrame
    merges: pd.DataFrame
    notes: tuple[str, ...]


def find_twins(
    folder: Path,
    *,
    patients: Path | None = None,
    mapping: Sequence[str] = (),
    advance: Callable[[int, int], None] | None = None,
) -> Twins:
    """Return the duplicates of the images below a folder; ``patients``: a table of images and patients, which join
    them.

    Raises InputError for a folder without images, DataError naming images that are not whole.
    """
    from leukbench.cohort.duplicates import find_duplicates
    from leukbench.cohort.groups import make_groups, merges
    from leukbench.tools.splits.crossings import with_facts
    from leukbench.tools.splits.looks import look_at

    collection = read_collection(patients, folder, mapping) if patients else _of_any(folder)
    looks = look_at(collection, advance=advance)
    pairs = find_duplicates(looks.manifest, list(collection.rows["image_id"]), looks.greys)
    groups = make_groups(looks.manifest, pairs)
    named = with_facts(pairs, collection.rows)
    kept = [c for c in named.columns if not c.startswith(("part_", "label_", "patient_")) or named[c].ne("").any()]
    return Twins(
        pairs=named[kept],
        groups=groups,
        merges=merges(groups, looks.manifest, pairs),
        notes=tuple(t for t in (*collection.notes, missing_text(collection.missing), *looks.notes) if t),
    )


def _of_any(folder: Path) -> Collection:
    """Return every image below a folder, with nothing known about it."""
    from leukbench.tools.splits.collection import files_below, frame

    paths, notes = files_below(folder)
    if not paths:
        raise InputError(
            "this folder holds no images", where=str(folder), expected="image files in it or below", found="none"
        )
    rows = [{"image_id": path, "path": path, **dict.fromkeys(FACTS, "")} for path in paths]
    return Collection(folder=folder, rows=frame(rows), notes=tuple(notes))


def page(twins: Twins) -> str:
    """Return the pairs, the closest first, and which patients they join, as Markdown."""
    from leukbench.report.format import table

    n_images, n_groups = len(twins.groups), twins.groups["group"].nunique()
    kinds = ", ".join(f"{n} {str(kind).replace('_', ' ')}" for kind, n in twins.pairs["kind"].value_counts().items())
    head = (
        f"{n_images:,} images, {len(twins.pairs):,} pairs"
        + (f" ({kinds})" if kinds else "")
        + f", {n_groups:,} groups."
    )
    closest = twins.pairs.sort_values(["distance", "image_id_a", "image_id_b"])
    rows = [{str(k).replace("_", " "): v for k, v in row.items()} for row in closest.head(_SHOWN).to_dict("records")]
    joined = [{str(k): v for k, v in row.items()} for row in twins.merges.drop(columns="group").to_dict("records")]
    parts = [head, *twins.notes, table(rows) or "No two images are equal or nearly so."]
    parts += [f"and {len(closest) - _SHOWN:,} more (--out writes all)."] if len(closest) > _SHOWN else []
    parts += ["Patients joined by pairs:\n\n" + table(joined)] if joined else []
    return "\n\n".join(parts)


def write_twins(twins: Twins, folder: Path) -> None:
    """Write pairs and groups as CSV."""
    for name, rows in (("pairs", twins.pairs), ("groups", twins.groups)):
        write_text(folder / f"{name}.csv", rows.to_csv(index=False, lineterminator="\n"))
