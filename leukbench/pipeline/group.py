"""The stage ``group``: duplicates of a source, and what must stay together."""

from __future__ import annotations

from leukbench.params import Params
from leukbench.pipeline.layout import files_of, source_file, whole


def group(params: Params, source: str) -> str:
    """Write a source's duplicate pairs and groups."""
    from leukbench.cohort.duplicates import PAIR_COLUMNS, find_duplicates, read_greys
    from leukbench.cohort.fields import field_pairs, shipped_fields, with_fields
    from leukbench.cohort.groups import make_groups
    from leukbench.cohort.manifest import read_manifest
    from leukbench.cohort.tables import write_groups, write_table

    manifest = read_manifest(whole(source_file(params, source, "manifest.csv"), stage="index"))
    duplicates = find_duplicates(manifest, *read_greys(manifest, files_of(params, source)))
    pairs = with_fields(duplicates, field_pairs(shipped_fields(source), manifest))
    groups = make_groups(manifest, pairs)
    write_table(pairs, source_file(params, source, "pairs.csv"), columns=PAIR_COLUMNS)
    write_groups(groups, source_file(params, source, "groups.csv"), summed=True)
    return (
        f"{source}: {groups['group'].nunique()} groups, {len(pairs)} pairs of images that are equal, "
        "near-equal or of one field"
    )
