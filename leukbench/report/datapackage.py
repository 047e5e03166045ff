"""Tables on disk: CSV with a description of every column (Data Package) and of the folder (RO-Crate).

Data Package: specs.frictionlessdata.io, version 1. RO-Crate: Soiland-Reyes et al. 2022, Data Science 5:97, version 1.1.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leukbench.paths import write_text
from leukbench.report.tables import Cell, Table

DESCRIPTION = "datapackage.json"
CRATE = "ro-crate-metadata.json"
_LICENCE = {"name": "MIT", "title": "MIT License", "path": "https://opensource.org/license/mit"}
_PUBLISHED = "2026-11-28"
"""Of this form of the tables: RO-Crate asks for a day, and one of the clock would change files that hold the same."""

_ABOUT = {
    "@id": CRATE,
    "@type": "CreativeWork",
    "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    "about": {"@id": "./"},
}
_BESIDE_TABLES = (
    {
        "@id": f"tables/{DESCRIPTION}",
        "@type": "File",
        "name": "Columns of the tables",
        "encodingFormat": "application/json",
    },
    {
        "@id": "predictions/",
        "@type": "Dataset",
        "name": "Predictions, one row an image",
        "encodingFormat": "application/vnd.apache.parquet",
    },
)


def write_tables(tables: Sequence[Table], folder: Path, *, profile: str) -> None:
    """Write ``tables/*.csv``, ``tables/datapackage.json`` and ``ro-crate-metadata.json`` below a profile's folder.

    The same tables give the same bytes.
    """
    texts = {table.name: csv_text(table) for table in tables}
    for name, text in texts.items():
        write_text(folder / "tables" / f"{name}.csv", text)
    write_text(folder / "tables" / DESCRIPTION, _json(package(tables, texts, profile)))
    write_text(folder / CRATE, _json(crate(tables, texts, profile)))


def csv_text(table: Table) -> str:
    """Return a table as CSV: a header, ``\\n`` at line ends, empty where there is no value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in table.fields])
    writer.writerows([_text(row[field.name]) for field in table.fields] for row in table.rows)
    return out.getvalue()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _json(plain: Any) -> str:
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def package(tables: Sequence[Table], texts: dict[str, str], profile: str) -> dict[str, Any]:
    """Return the Data Package that describes the tables, column by column."""
    return {
        "profile": "tabular-data-package",
        "name": f"leukbench-{profile.lower().replace('_', '-')}",
        "title": f"leukbench: claimed and reproduced figures, profile {profile}",
        "licenses": [_LICENCE],
        "resources": [_resource(table, texts[table.name]) for table in tables],
    }


def _resource(table: Table, text: str) -> dict[str, Any]:
    raw = text.encode()
    return {
        "profile": "tabular-data-resource",
        "name": table.name,
        "title": table.title,
        "path": f"{table.name}.csv",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(raw),
        "hash": f"sha256:{hashlib.sha256(raw).hexdigest()}",
        "schema": {
            "fields": [{"name": f.name, "type": f.type, "description": f.description} for f in table.fields],
            "missingValues": [""],
            "primaryKey": list(table.key),
            "foreignKeys": [
                {"fields": of, "reference": {"resource": other, "fields": named}}
                for of, (other, named) in table.refers.items()
            ],
        },
    }


def crate(tables: Sequence[Table], texts: dict[str, str], profile: str) -> dict[str, Any]:
    """Return the RO-Crate of a profile's folder: the tables, their description, the record and the predictions.

    Parameters
    ----------
    tables
        Of the data package.
    texts
        Each table's CSV text by its name, for its size in bytes.
    profile
        Whose results these are.

    Returns
    -------
    The JSON-LD of ``ro-crate-metadata.json``.
    """
    files = [
        {
            "@id": f"tables/{table.name}.csv",
            "@type": "File",
            "name": table.title,
            "encodingFormat": "text/csv",
            "contentSize": str(len(texts[table.name].encode())),
        }
        for table in tables
    ]
    files += _BESIDE_TABLES
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"leukbench: claimed and reproduced figures, profile {profile}",
        "description": "Figures that publications print, and what came of the same experiments made again.",
        "datePublished": _PUBLISHED,
        "license": {"@id": _LICENCE["path"]},
        "hasPart": [{"@id": file["@id"]} for file in files],
    }
    licence = {"@id": _LICENCE["path"], "@type": "CreativeWork", "name": _LICENCE["title"]}
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": [_ABOUT, root, licence, *files]}
