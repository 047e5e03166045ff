"""Collect what a report prints from the stages' outputs: plain data, nothing computed but intervals of measured times."""

from __future__ import annotations

import json
import math
from typing import Any

from leukbench.params import Params
from leukbench.paths import out_folder, reports_folder, runs_folder
from leukbench.pipeline.layout import experiment_file, read_json
from leukbench.pipeline.results import PREDICTIONS, Result
from leukbench.pipeline.views import read_views, write_views
from leukbench.records import as_plain, json_text
from leukbench.report.data import ReportData


def gather(params: Params) -> ReportData:
    """Return everything that the pages of a profile show. Raises DataError, naming the stage, where something is missing."""
    from leukbench.papers.loader import load_paper

    papers = {key: load_paper(key) for key in params.papers}
    results = {name: Result(params, name) for name in params.experiments}
    receipts = {name: as_json(result.receipt) for name, result in results.items()}
    measured = _measured(params, receipts)
    verdicts = read_json(out_folder(params.profile, "verdicts.json"), stage="compare")
    return ReportData(
        profile=params.profile,
        papers=papers,
        experiments=dict(params.experiments),
        splits={
            n: {**as_json(result.plan), "certificate": as_json(result.certificate)} for n, result in results.items()
        },
        estimates={n: as_json(result.evaluation) for n, result in results.items()},
        receipts=receipts,
        verdicts=verdicts,
        findings=tuple(read_json(out_folder(params.profile, "findings.json"), stage="audit")),
        parameters=read_json(out_folder(params.profile, "parameters.json"), stage="count"),
        measured=measured,
        times=_times(params, receipts, measured),
        views=read_views(params),
        predictions=[
            *(experiment_file(params, "predictions", n, suffix) for n in params.experiments for suffix in PREDICTIONS),
            *(experiment_file(params, "predictions", n, ".parquet") for n in params.transfers),
        ],
    )


def as_json(record: Any) -> Any:
    """Return a record as the pages read it: plain data, null for what is no number."""
    return json.loads(json_text(record))


def _measured(params: Params, receipts: dict[str, Any]) -> dict[str, Any]:
    """Return what was measured of each run (times, memory, hardware), from runs/ or else from the committed report."""
    kept_file = reports_folder(params.profile) / "measured.json"
    kept = json.loads(kept_file.read_text(encoding="utf-8")) if kept_file.is_file() else {}
    keys = [run["key"] for receipt in receipts.values() for run in receipt["runs"]]
    return {key: measured for key in keys if (measured := _of_run(key) or kept.get(key))}


def _of_run(key: str) -> dict[str, Any] | None:
    folder = runs_folder() / key
    if not (folder / "receipt.json").is_file():
        return None
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    receipt = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
    return {
        "train_s": [round(s, 4) for s in history["train_s"]],
        "scoring_s": [round(s, 4) for s in history["scoring_s"]],
        "wall_s": round(receipt["wall_s"], 2),
        "peak_memory_mib": round(receipt["peak_memory_mib"], 1),
        "n_train_rows": receipt["n_train_rows"],
        "hardware": json.loads((folder / "environment.json").read_text(encoding="utf-8")),
    }


def _times(params: Params, receipts: dict[str, Any], measured: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return experiment -> arm -> measured times with intervals, for the runs whose measurements are at hand."""
    times: dict[str, dict[str, dict[str, Any]]] = {}
    for experiment in params.experiments:
        for arm in receipts[experiment]["arms"]:
            runs = [
                measured[r["key"]] for r in receipts[experiment]["runs"] if r["arm"] == arm and r["key"] in measured
            ]
            if runs:
                times.setdefault(experiment, {})[arm] = _time_of(runs)
    return times


def _time_of(runs: list[dict[str, Any]]) -> dict[str, Any]:
    per_epoch = seconds_per_epoch_of(runs)
    rows = sum(r["n_train_rows"] for r in runs) / len(runs)
    card = runs[0]["hardware"]
    device = card["accelerator"] if card["accelerator"] != "none" else f"{card['processor']}, {card['threads']} threads"
    return {
        "per_epoch": per_epoch,
        "images_per_s": rows / per_epoch["value"] if per_epoch["value"] else None,
        "wall_s": sum(r["wall_s"] for r in runs) / len(runs),
        "peak_memory_mib": max(r["peak_memory_mib"] for r in runs),
        "hardware": device,
    }


def seconds_per_epoch_of(measured: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the typical seconds of an epoch over runs of one arm, with its interval, as plain data."""
    from leukbench.evaluation.times import seconds_per_epoch

    runs = [m["train_s"] for m in measured]
    warm_up = 1 if min(map(len, runs)) > 1 else 0
    value = as_plain(seconds_per_epoch(runs, warm_up=warm_up))
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in value.items()}


def report(params: Params) -> str:
    """Write the profile's pages, with the predictions and the record behind them."""
    from leukbench.pipeline.record import write_record

    write_views(params)
    write_record(params)
    return write_pages(params)


def write_pages(params: Params) -> str:
    """Write all that a record is turned into: pages, figures, tables."""
    from leukbench.pipeline.tables import table_data
    from leukbench.report.datapackage import write_tables
    from leukbench.report.pages import write_report
    from leukbench.report.tables import tables_of

    folder = reports_folder(params.profile)
    data = gather(params)
    write_report(data, folder)
    write_tables(tables_of(table_data(params, data.measured)), folder, profile=params.profile)
    return f"{folder}/report.md"
