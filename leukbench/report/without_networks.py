"""The ladder of models without a network, where a profile runs nothing else: what a split alone gives away."""

from __future__ import annotations

from typing import Any

from leukbench.artefacts import COLOUR_HISTOGRAM, COLOUR_TREES, MAJORITY, model_name
from leukbench.evaluation.reservations import NOT_ASSURED
from leukbench.report.data import ReportData
from leukbench.report.format import count, percent, points, with_interval
from leukbench.report.sections import pick, protocol_name, training_rows


def control_rows(data: ReportData) -> list[dict[str, str]]:
    """Return one row a study and split of the experiments without a network: accuracy of colours, and what the split adds.

    In percent and points with 95 % intervals, groups as the sampling unit. Empty where every experiment has a network.
    """
    return [
        _row(data, paper, study, experiment)
        for paper, study in data.studies()
        for experiment in data.experiments_of(paper, study)
        if not data.experiments[experiment].arms
    ]


def _row(data: ReportData, paper: str, study: str, experiment: str) -> dict[str, str]:
    row = {
        "study": f"{paper}: {study}",
        "split": protocol_name(data, experiment),
        "majority %": percent(data.arm(experiment, MAJORITY)["majority_accuracy"]),
    }
    notes: list[str] = []
    for arm in (COLOUR_HISTOGRAM, COLOUR_TREES):
        row[f"{model_name(arm)} %"] = with_interval(_accuracy(data, experiment, arm))
        row[f"{model_name(arm)} − by patient"], note = _excess(data, experiment, arm)
        notes += note
    accuracy = _accuracy(data, experiment, COLOUR_HISTOGRAM)
    row["training rows"] = training_rows(data, experiment)
    row["tested"] = f"{count(accuracy['n_images'])} in {accuracy['n_groups']} groups"
    row["reservations"] = ", ".join(dict.fromkeys(notes))
    return row


def _accuracy(data: ReportData, experiment: str, arm: str) -> dict[str, Any]:
    found = pick(data.arm(experiment, arm)["selections"]["recipe"], "accuracy")
    assert found is not None
    return found


def _excess(data: ReportData, experiment: str, arm: str) -> tuple[str, list[str]]:
    """Return rung - patient of a model's accuracy, and what keeps it from being the inflation of the split alone."""
    if data.experiments[experiment].protocol == "patient":
        return "reference", []
    keys = (experiment, arm, "accuracy")
    gap = next((g for g in data.verdicts["gaps"] if (g["rung"], g["arm"], g["metric"]) == keys), None)
    if gap is None:
        return "–", ["no test image in common"]
    limits = "no interval" if gap["low"] is None else f"{points(gap['low'])} to {points(gap['high'])}"
    reserved = {
        "own size": not gap["equal_size"],
        "other patients": not gap["paired"],
        "the same as by image": gap["same_as_image"],
        NOT_ASSURED: NOT_ASSURED in gap["note"],
    }
    return f"{points(gap['difference'])} [{limits}]", [name for name, holds in reserved.items() if holds]
