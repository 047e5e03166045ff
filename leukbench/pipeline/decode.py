"""The stage ``decode``: a source decoded once into a packed pixel store."""

from __future__ import annotations

from leukbench.errors import unknown_name
from leukbench.params import Params
from leukbench.pipeline.layout import files_of, source_file, store_file


def decode(params: Params, name: str) -> str:
    """Write a pixel store."""
    from leukbench.cohort.manifest import read_manifest
    from leukbench.pipeline.progress import bar
    from leukbench.pixels.store import build_store

    if name not in params.stores:
        raise unknown_name("store", name, params.stores, where="params.yaml")
    store = params.stores[name]
    manifest = read_manifest(source_file(params, store.source, "manifest.csv"))
    with bar(f"decode {name}") as advance:
        build_store(
            manifest, files_of(params, store.source), store_file(params, name), side_px=store.side_px, crop=store.crop, progress=advance
        )  # fmt: skip
    return f"{name}: {store.side_px} px"
