"""The stage ``decode``: a source decoded once into a packed pixel store."""

from __future__ import annotations

from leukbench.errors import unknown_name
from leukbench.params import Params
from leukbench.paths import write_sum
from leukbench.pipeline.layout import files_of, source_file, store_file, whole


def decode(params: Params, name: str) -> str:
    """Write a pixel store."""
    from leukbench.cohort.manifest import read_manifest
    from leukbench.pipeline.progress import bar
    from leukbench.pixels.store import build_store, present_rows
    from leukbench.sources.fetching import check_space

    if name not in params.stores:
        raise unknown_name("store", name, params.stores, where="params.yaml")
    store = params.stores[name]
    manifest = read_manifest(whole(source_file(params, store.source, "manifest.csv"), stage="index"))
    file = store_file(params, name)
    # a memory map on a full disk ends the process without a word
    check_space(file.parent, needed_bytes=len(present_rows(manifest)) * store.side_px**2 * 3)
    with bar(f"decode {name}") as advance:
        build_store(
            manifest, files_of(params, store.source), file, side_px=store.side_px, crop=store.crop, progress=advance
        )  # fmt: skip
    for part in (file, file.with_suffix(".json")):
        write_sum(part)
    return f"{name}: {store.side_px} px"
