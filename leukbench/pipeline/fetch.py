"""The stage ``fetch``: a source's files in place, and their receipt."""

from __future__ import annotations

from leukbench.params import Params, SourceParams
from leukbench.pipeline.layout import files_of, source_file


def fetch(params: Params, source: str, *, from_dir: str | None = None, portal: str = "") -> str:
    """Put a source's files in place and write its receipt; return a line that says what is there, and what a portal
    brought.
    """
    from pathlib import Path

    from leukbench.sources import load_source
    from leukbench.sources.fetching import fetch_source, write_receipt

    loaded, folder, brought = load_source(source), files_of(params, source), ""
    if portal:
        from leukbench.sources.portals import fetch_by

        brought = fetch_by(loaded, portal, folder, from_dir=Path(from_dir) if from_dir else None) + "\n"
    else:
        made = params.sources[source] if loaded.card.synthetic else SourceParams()
        fetch_source(source, folder, from_dir=Path(from_dir) if from_dir else None, images=made.images, seed=made.seed)
        if from_dir and not loaded.card.synthetic:
            from leukbench.sources.portals import verified

            brought = verified(loaded, folder) + "\n"
    receipt = write_receipt(source_file(params, source, "receipt.json"), name=source, folder=folder)
    return f"{brought}{source}: {receipt['n_files']} files, {receipt['n_bytes'] / 1e6:.1f} MB"
