"""Where each stage of a profile leaves its files, below ``out/<profile>/``; the paths of dvc.yaml."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from leukbench.errors import DataError
from leukbench.params import Params
from leukbench.paths import out_folder, source_folder
from leukbench.records import Cell, as_plain
from leukbench.sources import load_source


def files_of(params: Params, source: str) -> Path:
    """Return where a source's files lie: ``data/<source>``, with size and seed in the name of a synthetic one."""
    if not load_source(source).card.synthetic:
        return source_folder(source)
    wanted = params.sources[source]
    return source_folder(f"{source}-{wanted.images or 'full'}-{wanted.seed}")


def source_file(params: Params, source: str, name: str) -> Path:
    """Return ``out/<profile>/sources/<source>/<name>``."""
    return out_folder(params.profile, "sources", source, name)


def study_file(params: Params, paper: str, study: str) -> Path:
    """Return the resolved study's file."""
    return out_folder(params.profile, "studies", f"{paper}-{study}.json")


def cell_file(params: Params, kind: str, cell: str, suffix: str) -> Path:
    """Return ``out/<profile>/<kind>/<cell><suffix>``; kinds: splits, predictions, estimates."""
    return out_folder(params.profile, kind, f"{cell}{suffix}")


def store_file(params: Params, name: str) -> Path:
    """Return the .npy file of a pixel store."""
    return out_folder(params.profile, "stores", f"{name}.npy")


def store_files(params: Params, cell: Cell) -> tuple[Path, ...]:
    """Return the .npy file of a cell's pixel store, and of a transfer's test store."""
    return tuple(store_file(params, name) for name in (cell.store, cell.test_store) if name)


def read_json(file: Path, *, stage: str) -> Any:
    """Return a stage's JSON output. Raises DataError, naming the stage that makes it, where it cannot be read."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            "cannot read a stage's output", where=str(file), found=str(error), do=f"run the {stage} stage"
        ) from error


def json_text(value: Any) -> str:
    """Return readable JSON text of records and plain data, with a final newline.

    Numbers keep ten digits, so that a last bit does not change a file; what is not a finite number becomes null.
    """
    return json.dumps(_finite(as_plain(value)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    return value
