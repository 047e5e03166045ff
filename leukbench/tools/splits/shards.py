"""Images that stand in parquet files, as the datasets library writes them: ``train-00000-of-00002.parquet``, each row
with a struct of bytes and path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from leukbench.errors import InputError
from leukbench.sources.dirt import walk

_NAME = re.compile(r"(?P<part>.+?)(-\d+-of-\d+)?\.parquet")
_ROWS = 256
"""Rows that are in memory at once."""


def shards_below(path: Path) -> list[Path]:
    """Return the parquet files with image bytes that a path names, itself or below it; none where there is none."""
    files = [path] if path.is_file() else sorted(walk(path))
    return [file for file in files if file.suffix.lower() == ".parquet" and _image_column(file)]


def unpack(shards: Sequence[Path], folder: Path) -> list[dict[str, str]]:
    """Write the images of the shards below ``folder`` as they are and return a row for each: image, split and the other
    columns, labels by their names.

    Raises InputError for a row without bytes, and for a shard whose name does not say its part where no column does.
    """
    rows: list[dict[str, str]] = []
    for file in shards:
        match = _NAME.fullmatch(file.name)
        part = match["part"] if match else file.stem
        for number, row in enumerate(_rows_of(file)):
            data, path = row.pop(""), row.pop("path")
            place = PurePosixPath(part, f"{file.stem}-{number:06d}", PurePosixPath(path.replace("\\", "/")).name)
            if not isinstance(data, bytes):
                raise InputError(
                    "a row holds no image", where=f"{file}, row {number}", expected="bytes", found=path or "nothing",
                    do="write the shards with the images in them, or give a table and the folder of files",
                )  # fmt: skip
            target = folder / place.with_suffix(place.suffix or ".png")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            rows.append({"image": target.relative_to(folder).as_posix(), "split": part, **row})
    return rows


def _image_column(file: Path) -> str:
    """Return the name of the column of images, a struct with bytes; "" where there is none."""
    import pyarrow
    import pyarrow.parquet

    try:
        schema = pyarrow.parquet.read_schema(file)
    except (OSError, pyarrow.ArrowException):
        return ""
    structs = [field for field in schema if pyarrow.types.is_struct(field.type)]
    return next((f.name for f in structs if {f.type.field(i).name for i in range(f.type.num_fields)} >= {"bytes"}), "")


def _rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """Yield each row as text, with the bytes of its image under "" and their name under ``path``."""
    import pyarrow.parquet

    opened, column = pyarrow.parquet.ParquetFile(file), _image_column(file)
    names = _names_of_labels(opened.schema_arrow.metadata or {})
    for batch in opened.iter_batches(batch_size=_ROWS):
        for row in batch.to_pylist():
            image = row.pop(column) or {}
            plain = {k: _text(v, names.get(k, ())) for k, v in row.items() if not isinstance(v, dict | list | bytes)}
            yield {**plain, "": image.get("bytes"), "path": str(image.get("path") or "")}


def _text(value: Any, names: Sequence[str]) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    return "" if value is None else str(value)


def _names_of_labels(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of the classes of each column that the datasets library knows as labels."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    except ValueError:
        return {}
    return {name: list(f["names"]) for name, f in features.items() if isinstance(f, dict) and f.get("names")}
