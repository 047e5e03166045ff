"""The ledger: every figure that the papers print, one row a claim, as CSV, JSON or a Markdown table.

Must answer at once, so the suite's own files, which tests validate, are expanded without pydantic (0.2 s to import, 0.1
s a paper to validate); ``test_claims_without_validation_are_those_of_the_schema`` holds the two ways equal.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from leukbench.papers.files import is_file_name, paper_file, paper_keys, read_mapping

if TYPE_CHECKING:
    from leukbench.papers.schema import Paper

FIRST = (
    "paper", "kind", "model", "dataset", "task", "split", "fold", "condition", "metric", "class", "value", "unit",
    "spread", "where",
)  # fmt: skip
COLUMNS = (
    *FIRST, "id", "study", "arm", "average", "aggregation", "n", "matrix", "row", "column", "split_assumed",
    "approximate", "derived_from", "note",
)  # fmt: skip
"""Columns of the ledger in order; the first fourteen are its fixed beginning."""
_FLAGS = ("split_assumed", "approximate")
SHOWN = (*FIRST, "note")
"""Columns of the Markdown table, which is for eyes; CSV and JSON hold them all."""

Row = dict[str, Any]


def claims_text(papers: Sequence[str], format: str) -> str:
    """Return the ledger of papers (keys or files; none named: all published ones) as ``csv``, ``json`` or ``md`` text.

    All values are text as printed, but for ``approximate`` and ``split_assumed`` (JSON: true or false; CSV: true or
    empty) and ``derived_from`` (JSON: a list of claim ids; else joined by blanks). Raises InputError for an unknown
    paper.
    """
    rows = [row for paper in papers or paper_keys() for row in ledger(paper)]
    return {"csv": _csv, "json": _json, "md": _markdown}[format](rows)


def ledger(paper: str) -> list[Row]:
    """Return the claims of one paper, by key or file, as rows with :data:`COLUMNS`. Raises InputError."""
    if not is_file_name(paper):
        raw = read_mapping(paper_file(paper))
        rows = _expanded(paper, raw.get("claims"))
        if rows is not None:
            return rows
    from leukbench.papers.loader import load_paper

    return validated_ledger(load_paper(paper))


def validated_ledger(paper: Paper) -> list[Row]:
    """Return a validated paper's claims as rows with :data:`COLUMNS`."""
    rows = []
    for claim in paper.claims:
        plain = {**claim.model_dump(by_alias=True), "paper": paper.key, "derived_from": list(claim.derived_from)}
        rows.append({column: plain[column] for column in COLUMNS})
    return rows


def _expanded(paper: str, blocks: Any) -> list[Row] | None:
    """Return the rows of the blocks of a paper.yaml; None where they are not as expected, for the schema to say why."""
    empty: Row = dict.fromkeys(COLUMNS, "") | dict.fromkeys(_FLAGS, False)
    empty |= {"paper": paper, "kind": "own", "derived_from": []}
    known = set(COLUMNS) - {"paper"}
    rows = []
    if not isinstance(blocks, list):
        return None
    for block in blocks:
        if not isinstance(block, dict) or not {"where", "rows"} <= set(block) <= {"where", "common", "rows"}:
            return None
        common, own = block.get("common", {}), block["rows"]
        if not isinstance(common, dict) or not isinstance(own, list):
            return None
        for entry in own:
            row = {"where": block["where"], **common, **entry} if isinstance(entry, dict) else {"": ""}
            if not (set(row) <= known and _is_plain(row)):
                return None
            rows.append({**empty, **row})
    return rows


def _is_plain(row: Row) -> bool:
    return all(
        isinstance(value, bool if key in _FLAGS else list if key == "derived_from" else str)
        for key, value in row.items()
    )


def _flat(row: Row) -> Row:
    flags = {key: "true" if row[key] else "" for key in _FLAGS}
    return {**row, **flags, "derived_from": " ".join(row["derived_from"])}


def _csv(rows: Iterable[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_flat, rows))
    return text.getvalue()


def _json(rows: list[Row]) -> str:
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _markdown(rows: Iterable[Row]) -> str:
    lines = ["| " + " | ".join(SHOWN) + " |", "|" + " --- |" * len(SHOWN)]
    for row in rows:
        cells = (str(row[column]).replace("|", "\\|").replace("\n", " ") for column in SHOWN)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
