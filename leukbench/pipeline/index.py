"""The stage ``index``: a source's manifest."""

from __future__ import annotations

from leukbench.params import Params
from leukbench.pipeline.layout import files_of, source_file


def index(params: Params, source: str) -> str:
    """Write a source's manifest."""
    from leukbench.cohort.manifest import as_manifest, write_manifest
    from leukbench.sources import load_source
    from leukbench.sources.dirt import count_dirt

    folder = files_of(params, source)
    manifest = as_manifest(load_source(source).index(folder))
    write_manifest(manifest, source_file(params, source, "manifest.csv"), summed=True)
    present = int((manifest["present"] == "1").sum())
    n_dirt = count_dirt(folder)
    left = f"; {n_dirt} files of an operating system left out" if n_dirt else ""
    return f"{source}: {len(manifest)} images, {present} at hand{left}"
