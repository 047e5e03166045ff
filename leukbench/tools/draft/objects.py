"""Results in a JSON file: scikit-learn's report as a dictionary, and scores beside a confusion matrix and its names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from leukbench.tools.draft.blocks import known_name

_REPORT = ("precision", "recall", "f1-score", "support")
_MATRIX = re.compile(r"(?:.*_)?(?:confusion|conf|cnf)(?:usion)?_?(?:mat(?:rix)?)|cm", re.IGNORECASE)
_NAMES = ("class_names", "classes", "labels", "target_names", "label_names", "categories")
_LOGS = frozenset(["epoch", "step", "iteration", "global_step"])


class _Number(str):
    """A number as the file writes it."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one object of a file holds: its path, and the tables that are of one result, each with its caption."""

    path: str
    tables: tuple[tuple[str, Sequence[Sequence[str]]], ...]


def results(text: str) -> list[Result]:
    """Return the results of a JSON file. Raises ValueError where it is none.

    >>> results('{"VGG": {"accuracy": 0.90, "f1": 0.88, "labels": ["A", "B"], "cm": [[5, 1], [0, 4]]}}')[0].tables[1]
    ('confusion matrix', [['', 'A', 'B'], ['A', '5', '1'], ['B', '0', '4']])
    """
    return list(_walk(json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=lambda _: ""), []))


def _walk(node: Any, path: list[str]) -> Iterator[Result]:
    if isinstance(node, list):
        node = {str(n): part for n, part in enumerate(node, start=1) if isinstance(part, dict)}
    if not isinstance(node, dict) or len(path) > 20 or _LOGS & {str(key).lower() for key in node}:
        return
    report = _report(node)
    tables = [("classification report", report)] if report else [*_scores(node), *_matrices(node)]
    if len(tables) > 1 or any(len(rows) > 2 or len(rows[0]) > 2 for _, rows in tables):  # one score alone is none
        yield Result(path=" ".join(path), tables=tuple(tables))
    for key, value in node.items() if not report else ():
        yield from _walk(value, [*path, str(key)])


def _report(node: dict[str, Any]) -> list[list[str]]:
    """Return ``classification_report(..., output_dict=True)`` as its lines; [] of anything else."""
    lines = {name: v for name, v in node.items() if isinstance(v, dict) and {*_REPORT} <= {*v}}
    others = {name for name in node if name not in lines}
    if len(lines) < 3 or not others <= {"accuracy"} or not {"macro avg", "weighted avg"} & {*lines}:
        return []
    rows = [
        [name, *(str(value[key]) for key in _REPORT)] if name in lines else [name, "", "", str(value), ""]
        for name, value in node.items()
    ]
    return [["class", *_REPORT], *rows]


def _scores(node: dict[str, Any]) -> Iterator[tuple[str, Sequence[Sequence[str]]]]:
    found = {name: str(v) for key, v in node.items() if isinstance(v, _Number) and (name := known_name(str(key)))}
    if found:
        yield "", [["", *found], ["", *found.values()]]


def _matrices(node: dict[str, Any]) -> Iterator[tuple[str, Sequence[Sequence[str]]]]:
    """Yield the square arrays of whole numbers that are called confusion matrices, with the names beside them."""
    for key, value in node.items():
        rows = value if _MATRIX.fullmatch(str(key)) and isinstance(value, list) else []
        whole = all(isinstance(row, list) and all(isinstance(c, _Number) for c in row) for row in rows)
        cells = [[re.sub(r"\.0+$", "", cell) for cell in row] for row in rows] if whole else []
        n = len(cells)
        if n < 2 or not all(len(row) == n and all(cell.isdigit() for cell in row) for row in cells):
            continue
        names = next(
            (found for name in _NAMES if (found := _names(node.get(name), n))), [f"class {i}" for i in range(n)]
        )
        yield "confusion matrix", [["", *names], *([name, *row] for name, row in zip(names, cells, strict=True))]


def _names(value: Any, n: int) -> list[str]:
    """Return the names of n classes that a list, or an object from their numbers, gives; [] where it gives none."""
    if isinstance(value, dict):
        value = [value.get(str(i)) for i in range(n)]
    alone = isinstance(value, list) and len(value) == n and all(isinstance(name, str) and name for name in value)
    return [str(name) for name in value] if alone and len({*value}) == n else []
