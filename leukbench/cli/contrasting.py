"""Differences worth a row: between the protocols of one arm, and between the arms of one cell."""

from __future__ import annotations

from typing import Any

from leukbench.evaluation.contrasts import Compared, Contrast, compare, inflation
from leukbench.params import Params
from leukbench.records import as_plain

METRICS: tuple[Compared, ...] = ("accuracy", "mcc", "auc")
RESAMPLES = 10_000


def protocol_gaps(params: Params, tables: dict[str, Any]) -> list[dict[str, Any]]:
    """Return inflation = rung - patient for every arm that has both, paired by test origin, per metric."""
    rows: list[dict[str, Any]] = []
    for honest, cell in params.cells.items():
        if cell.protocol != "patient":
            continue
        for rung, other in params.cells.items():
            same = (other.paper, other.study, other.source) == (cell.paper, cell.study, cell.source)
            if not same or other.protocol in {"patient", "challenge"}:
                continue
            for arm in sorted(set(cell.arms) & set(other.arms)):
                rows += [
                    {"rung": rung, "patient": honest, "arm": arm, "protocol": other.protocol, **as_plain(c)}
                    for c in _gap(tables[rung], tables[honest], arm)
                ]
    return rows


def _gap(rung: Any, patient: Any, arm: str) -> list[Contrast]:
    from leukbench.cli.judging import as_predictions, classes_of

    pair = [as_predictions(t[(t["arm"] == arm) & (t["selection"] == "recipe")], classes_of(t)) for t in (rung, patient)]
    shared = set(_origins(pair[0])) & set(_origins(pair[1]))
    if not shared:
        return []
    return [inflation(pair[0], pair[1], metric=metric, n_resamples=RESAMPLES) for metric in METRICS]


def _origins(predictions: Any) -> list[str]:
    return [o or i for o, i in zip(predictions.origin.tolist(), predictions.image_id.tolist(), strict=True)]


def arm_contrasts(params: Params, tables: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the first arm of each cell minus every other model tested on the same images, per metric."""
    from leukbench.cli.judging import as_predictions, classes_of

    rows: list[dict[str, Any]] = []
    for name, cell in params.cells.items():
        table = tables[name][tables[name]["selection"] == "recipe"]
        classes = classes_of(table)
        first = as_predictions(table[table["arm"] == cell.arms[0]], classes)
        others = [*cell.arms[1:], "trivial:colour_histogram", "trivial:majority"]
        for arm in others:
            second = as_predictions(table[table["arm"] == arm], classes)
            rows += [
                {"cell": name, "first_arm": cell.arms[0], "second_arm": arm, **as_plain(c)}
                for c in (compare(first, second, metric=metric, n_resamples=RESAMPLES) for metric in METRICS)
            ]
    return rows
