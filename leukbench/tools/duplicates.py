"""What a source's files really hold: whole or damaged, and which images stand there more than once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leukbench.paths import source_folder

_JOINED = {
    "patient_a": "patient",
    "patient_b": "joined with",
    "reason": "by",
    "n_pairs": "pairs",
    "example_a": "for example",
    "example_b": "and",
}


def verify(source: str, folder: Path | None) -> tuple[str, bool]:
    """Return what is wrong with a source's files and whether all that are here are intact."""
    from leukbench.sources.verify import verify_source

    report = verify_source(source, folder or source_folder(source))
    return report.summary(), report.intact


def duplicates(source: str, folder: Path | None) -> str:
    """Return a Markdown summary of equal and near-equal images and of photographs of one field: within and across
    patients, classes, official folds and pools; and of what habitual splits of an augmented release leak.

    Files that are not at hand take part by their published hashes.

    Parameters
    ----------
    source
        Its name.
    folder
        Where its images are; where ``leukbench fetch`` puts them if None.

    Returns
    -------
    The summary.
    """
    from leukbench.cohort.duplicates import find_duplicates, read_greys
    from leukbench.cohort.fields import field_pairs, shipped_fields, with_fields
    from leukbench.cohort.groups import make_groups, merges
    from leukbench.cohort.manifest import as_manifest
    from leukbench.report.format import table
    from leukbench.sources import load_source
    from leukbench.tools.origins import fields_text, leaks_text

    files = folder or source_folder(source)
    manifest = as_manifest(load_source(source).index(files))
    duplicates = find_duplicates(manifest, *read_greys(manifest, files))
    pairs = with_fields(duplicates, field_pairs(shipped_fields(source), manifest))
    groups = make_groups(manifest, pairs)
    present = int((manifest["present"] == "1").sum())
    patients = manifest.loc[manifest["patient"] != "", "patient"].nunique()
    head = (
        f"{source}: {len(manifest):,} images listed, {present:,} at hand with pixels; {len(pairs):,} pairs, "
        f"{patients} patients named, {groups['group'].nunique():,} groups"
    )
    merged = merges(groups, manifest, pairs).drop(columns="group").to_dict("records")
    named = [
        {title: row[name] for name, title in _JOINED.items()} | {"by": row["reason"].replace("_", " ")}
        for row in merged
    ]
    parts = [head, table(_crossings(pairs, manifest)) or "No pair of equal or near-equal images."]
    if len(pairs):
        parts.append(
            "Across: pairs on both sides of a boundary, of those whose images both have a value. Near-identical pairs "
            f"are sought among the {present:,} images at hand."
        )
    parts += ["Patients joined by pairs:\n\n" + table(named) if named else "No patients are joined."]
    parts += [fields_text(source, manifest, pairs), leaks_text(source, manifest, pairs)]
    return "\n\n".join(part for part in parts if part)


def duplicates_of_all() -> str:
    """Return the summaries of every published source that is here, and the defects of all: ``reports/data.md``.

    A source is here if it lies in the workspace, or in ``$LEUKBENCH_MIRROR``.
    """
    from leukbench.report.format import unpadded
    from leukbench.sources import load_source, source_names
    from leukbench.tools.defects import defects

    cards = [load_source(name).card for name in source_names()]
    here = {card.name: folder for card in cards if not card.synthetic and (folder := _folder_of(card)) is not None}
    sections = [f"## {load_source(name).card.title}\n\n{duplicates(name, folder)}" for name, folder in here.items()]
    if not sections:
        return "No published source is here."
    intro = (
        "What the published files hold more than once, from their hashes and, where the images are at "
        "hand, their pixels."
    )
    return unpadded("\n\n".join(["# The data", intro, *sections, "## Defects", defects("", None, "")]))


def _folder_of(card: Any) -> Path | None:
    """Return where a source's files lie, None where they are not here."""
    from leukbench.sources.fetching import mirror_of

    folder = source_folder(card.name)
    return folder if folder.is_dir() else mirror_of(card, from_dir=None)


def _crossings(pairs: Any, manifest: Any) -> list[dict[str, Any]]:
    """Return one row a kind of pair: how many there are, and how many cross each boundary, of those whose images both
    have a value; where all images at hand have one value, near-identical pairs cannot cross."""
    facts = manifest.set_index("image_id")[["patient", "label", "official_fold", "pool"]]
    here = manifest[manifest["present"] == "1"]
    a, b = (facts.loc[pairs[side]].reset_index(drop=True) for side in ("image_id_a", "image_id_b"))
    names = {"patient": "patients", "label": "classes", "official_fold": "official folds", "pool": "pools"}
    rows = []
    for kind in sorted(set(pairs["kind"])):
        of_kind = (pairs["kind"] == kind).to_numpy()
        row: dict[str, Any] = {"kind": kind.replace("_", " "), "pairs": int(of_kind.sum())}
        for column, name in names.items():
            both = ((a[column] != "") & (b[column] != "")).to_numpy() & of_kind
            one = kind == "near_identical" and here[column].nunique() == 1
            crossing = f"{int((a[column] != b[column]).to_numpy()[both].sum()):,} of {int(both.sum()):,}"
            row[f"across {name}"] = "–" if not both.any() else "one at hand" if one else crossing
        rows.append(row)
    return rows
