"""The rules of a tabular Data Package (specs.frictionlessdata.io, version 1), held against a folder of tables."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PATTERNS = {
    "string": re.compile(r".*", re.DOTALL),
    "integer": re.compile(r"-?\d+"),
    "number": re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?"),
    "boolean": re.compile(r"true|false"),
}


def package_faults(folder: Path) -> list[str]:
    """Return what of the tables of a folder is not as its datapackage.json says."""
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    tables = {resource["name"]: _rows(folder / resource["path"]) for resource in package["resources"]}
    faults = [] if re.fullmatch(r"[a-z0-9._-]+", package["name"]) else [f"name {package['name']}"]
    for resource in package["resources"]:
        faults += [f"{resource['name']}: {fault}" for fault in _of_resource(folder, resource, tables)]
    described = {resource["path"] for resource in package["resources"]}
    return faults + [f"{file.name} is not described" for file in folder.glob("*.csv") if file.name not in described]


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _of_resource(folder: Path, resource: dict[str, Any], tables: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    raw, rows, schema = (folder / resource["path"]).read_bytes(), tables[resource["name"]], resource["schema"]
    if hashlib.sha256(raw).hexdigest() != resource["hash"].removeprefix("sha256:") or len(raw) != resource["bytes"]:
        yield "sha256 or bytes differ"
    names = [field["name"] for field in schema["fields"]]
    if raw.decode().split("\n", 1)[0].split(",") != names:
        yield "the header is not the fields"
        return
    for field in schema["fields"]:
        pattern = _PATTERNS[field["type"]]
        wrong = [v for row in rows if (v := row[field["name"]]) and not pattern.fullmatch(v)]
        if wrong or not field["description"]:
            yield f"{field['name']} is no {field['type']}: {wrong[:1]}"
    keys = [tuple(row[name] for name in schema["primaryKey"]) for row in rows]
    if len(keys) != len(set(keys)):
        yield "a primary key stands twice"
    for foreign in schema["foreignKeys"]:
        known = {row[foreign["reference"]["fields"]] for row in tables[foreign["reference"]["resource"]]}
        missing = {row[foreign["fields"]] for row in rows} - known
        if missing:
            yield f"{foreign['fields']} refers to nothing: {sorted(missing)[:2]}"
