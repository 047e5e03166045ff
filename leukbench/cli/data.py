"""What a source's files really hold: whole or damaged, and which images stand there more than once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leukbench.paths import source_folder


def verify(source: str, folder: Path | None) -> tuple[str, bool]:
    """Return what is wrong with a source's files and whether all that are here are intact."""
    from leukbench.sources.verify import verify_source

    report = verify_source(source, folder or source_folder(source))
    return report.summary(), report.intact


def duplicates(source: str, folder: Path | None) -> str:
    """Return a Markdown summary of equal and near-equal images: across patients, classes, official folds and pools.

    Files that are not at hand take part by their published hashes.
    """
    from leukbench.cohort.duplicates import find_duplicates, read_greys
    from leukbench.cohort.groups import make_groups, merges
    from leukbench.cohort.manifest import as_manifest
    from leukbench.report.format import table
    from leukbench.sources import load_source

    files = folder or source_folder(source)
    manifest = as_manifest(load_source(source).index(files))
    pairs = find_duplicates(manifest, *read_greys(manifest, files))
    groups = make_groups(manifest, pairs)
    present = int((manifest["present"] == "1").sum())
    patients = manifest.loc[manifest["patient"] != "", "patient"].nunique()
    head = (
        f"{source}: {len(manifest):,} images listed, {present:,} at hand with pixels; {len(pairs)} pairs, "
        f"{patients} patients named, {groups['group'].nunique():,} groups"
    )
    merged = merges(groups, manifest, pairs).drop(columns="group").to_dict("records")
    named: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in merged]
    parts = [head, table(_crossings(pairs, manifest)) or "No pair of equal or near-equal images."]
    return "\n\n".join([*parts, "Patients joined by pairs:\n\n" + table(named) if named else "No patients are joined."])


def duplicates_of_all() -> str:
    """Return the summaries of every published source that lies in the workspace, one section each: ``reports/data.md``."""
    from leukbench.sources import load_source, source_names

    cards = [load_source(name).card for name in source_names()]
    here = [card for card in cards if not card.synthetic and source_folder(card.name).is_dir()]
    sections = [f"## {card.title}\n\n{duplicates(card.name, None)}" for card in here]
    intro = "What the published files hold more than once, from their hashes and, where the images are at hand, their pixels."
    return "\n\n".join(["# The data", intro, *sections]) if sections else "No published source is here."


def _crossings(pairs: Any, manifest: Any) -> list[dict[str, Any]]:
    """Return one row a kind of pair: how many there are, and how many cross each boundary."""
    facts = manifest.set_index("image_id")[["patient", "label", "official_fold", "pool"]]
    a, b = (facts.loc[pairs[side]].reset_index(drop=True) for side in ("image_id_a", "image_id_b"))
    names = {"patient": "patients", "label": "classes", "official_fold": "official folds", "pool": "pools"}
    rows = []
    for kind in sorted(set(pairs["kind"])):
        of_kind = (pairs["kind"] == kind).to_numpy()
        row: dict[str, Any] = {"kind": kind.replace("_", " "), "pairs": int(of_kind.sum())}
        for column, name in names.items():
            both = (a[column] != "") & (b[column] != "")
            row[f"across {name}"] = int(((a[column] != b[column]) & both).to_numpy()[of_kind].sum())
        rows.append(row)
    return rows
