"""Means of drafted figures: of which folds of its table a printed mean is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leukbench.papers.vocabulary import SCORES

_OF = ("where", "model", "condition", "metric", "class", "average", "split", "unit", "kind", "other_data")
"""What a mean and its folds have alike."""


def with_folds(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return figures with the ids of the folds that a mean is of, where its table prints all of them.

    That is folds 1 to k, or 0 to k − 1, each once, and one mean that is said to be of these. Scores alone: of a count a
    total may be meant; and not where each fold's images stand beside them, by which the mean may be weighted.

    >>> folds = [{"id": f"t.{k}", "metric": "accuracy", "fold": str(k)} for k in (1, 2)]
    >>> with_folds([*folds, {"id": "t.mean", "metric": "accuracy", "mean_of": "folds"}])[-1]["derived_from"]
    ['t.1', 't.2']
    """
    results: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    counted = {row["where"] for row in rows if row["metric"] == "n_images" and row.get("fold")}
    for row in rows:
        if row["metric"] in SCORES and row.get("where") not in counted:
            results.setdefault(tuple(row.get(key, "") for key in _OF), []).append(row)
    parts: dict[str, list[str]] = {}
    for found in results.values():
        folds = {row["fold"]: row["id"] for row in found if row.get("fold")}
        means = [row["id"] for row in found if row.get("mean_of") == "folds" and not row.get("fold")]
        whole = {*folds} in ({str(i + start) for i in range(len(folds))} for start in (0, 1))
        if whole and len(folds) > 1 and len(means) == 1 and len(found) == len(folds) + 1:
            parts[means[0]] = list(folds.values())
    return [{**row, "derived_from": parts[row["id"]]} if row["id"] in parts else row for row in rows]
