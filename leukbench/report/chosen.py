"""What was chosen on validation images and read on test images: thresholds and temperatures; and contrasts between models."""

from __future__ import annotations

from typing import Any

from leukbench.artefacts import TRIVIAL
from leukbench.report.data import ReportData
from leukbench.report.format import count, interval, number, percent, points, with_interval
from leukbench.report.sections import protocol_name


def _arms(data: ReportData, paper: str, study: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (experiment, arm, entry) of every network of a study."""
    return [
        (experiment, arm, data.arm(experiment, arm))
        for experiment in data.experiments_of(paper, study)
        for arm in data.experiments[experiment].arms
    ]


def operating_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return sensitivity, specificity and predictive values at thresholds from validation; the study's positive class, or all."""
    positive = data.papers[paper].studies[study].positive
    rows = []
    for experiment, arm, entry in _arms(data, paper, study):
        for point in entry["operating"]:
            if point["note"] == "no validation part" or positive not in {None, point["class_"]}:
                continue
            row = {"split": protocol_name(data, experiment), "arm": arm, "class": point["class_"]}
            row["chosen on"] = f"{point['n_validation']} images in {point['n_validation_groups']} groups"
            row["thresholds"] = ", ".join(number(t) for t in point["thresholds"]) or point["note"]
            row["sensitivity %"] = _percent(point["sensitivity"])
            row["specificity %"] = _percent(point["specificity"])
            for i, prevalence in enumerate(point["prevalences"]):
                pair = point["predictive"][2 * i : 2 * i + 2] or [None, None]
                for name, e in zip(("PPV", "NPV"), pair, strict=True):
                    row[f"{name} at {percent(prevalence, digits=0)} %"] = _percent(e)
            row["note"] = _note(point)
            rows.append(row)
    return rows


def without_validation(data: ReportData, paper: str, study: str) -> list[str]:
    """Return the splits that set nothing apart for validation: no threshold and no temperature can be chosen there."""
    found = [
        protocol_name(data, experiment) for experiment, _, entry in _arms(data, paper, study)
        if entry["calibration"] is not None and entry["calibration"]["note"] == "no validation part"
    ]  # fmt: skip
    return list(dict.fromkeys(found))


def _note(point: dict[str, Any]) -> str:
    """Return the reservations of an operating point, each once."""
    found = (point["sensitivity"], point["specificity"], *point["predictive"])
    notes = [part for e in found if e is not None for part in e["note"].split("; ") if part]
    return "; ".join(dict.fromkeys(notes))


def _percent(e: dict[str, Any] | None) -> str:
    if e is None or e["value"] is None:
        return "–"
    return f"{percent(e['value'])} [{interval(e['low'], e['high'], 'accuracy')}]"


def calibration_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return ECE, Brier score and log-loss of every network, before and after temperature scaling."""
    rows = []
    for experiment, arm, entry in _arms(data, paper, study):
        found = entry["calibration"]
        if found is None:
            continue
        row = {"split": protocol_name(data, experiment), "arm": arm}
        after = {e["metric"]: e for e in found["after"]}
        for e in found["before"]:
            name = {"ece": "ECE", "brier": "Brier", "log_loss": "log-loss"}[e["metric"]]
            row[name] = with_interval(e)
            row[f"{name} scaled"] = with_interval(after.get(e["metric"]))
        row["temperatures"] = ", ".join(number(t, digits=2) for t in found["temperatures"]) or "–"
        row["note"] = found["note"]
        rows.append(row)
    return rows


def reliability_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return how often the top class is right in each bin of its score, before and after temperature scaling."""
    rows = []
    for experiment, arm, entry in _arms(data, paper, study):
        found = entry["calibration"]
        for which in ("before", "after") if found is not None else ():
            for b in found[f"bins_{which}"]:
                rows.append(
                    {
                        "split": protocol_name(data, experiment),
                        "arm": arm,
                        "temperature": which,
                        "score": f"{b['low']:.1f} to {b['high']:.1f}",
                        "images": number(b["n_images"], digits=0),
                        "mean score %": percent(b["confidence"]),
                        "right %": f"{percent(b['accuracy'])} [{interval(b['accuracy_low'], b['accuracy_high'], 'accuracy')}]",
                    }
                )
    return rows


def contrast_rows(data: ReportData, paper: str, study: str, *, family: str) -> list[dict[str, str]]:
    """Return the first arm minus every other model of a study, per metric: ``network`` or ``descriptive`` family."""
    experiments = set(data.experiments_of(paper, study))
    correction = {"network": "Holm", "descriptive": "Benjamini-Hochberg"}[family]
    rows = []
    for c in data.verdicts["contrasts"]:
        if c["experiment"] not in experiments or c["family"] != family:
            continue
        shown = points if c["metric"] == "accuracy" else number
        limits = "no interval" if c["low"] is None else f"{shown(c['low'])} to {shown(c['high'])}"
        rows.append(
            {
                "split": protocol_name(data, c["experiment"]),
                "first − second": f"{c['first_arm']} − {c['second_arm'].removeprefix(TRIVIAL)}",
                "metric": c["metric"].upper() if c["metric"] != "accuracy" else "accuracy, points",
                "difference": f"{shown(c['difference'])} [{limits}]",
                "p": _p(c["p_value"]),
                f"p, {correction} over {c['family_size']}": _p(c["p_corrected"]),
                "p, McNemar": _p(c["p_mcnemar"]),
                "images, groups": f"{count(c['n_images'])}, {c['n_groups']}",
                "note": c["note"],
            }
        )
    return rows


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else number(value)


def curve_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return how the verdict on every tested claim of a study depends on the margin, neighbouring margins joined."""
    rows = []
    for verdict in data.verdicts["verdicts"]:
        if not verdict["curve"] or not verdict["claim"].startswith(paper + "."):
            continue
        if data.papers[paper].claim(verdict["claim"]).study == study:
            rows.append({"claim": verdict["claim"], "verdict at margins of (points)": _segments(verdict["curve"])})
    return rows


def _segments(curve: list[list[Any]]) -> str:
    """Return stretches of equal verdicts.

    >>> _segments([[0.01, "inconclusive"], [0.02, "inconclusive"], [0.05, "reproduced"]])
    '1.0 to 2.0: inconclusive; 5.0: reproduced'
    """
    stretches: list[tuple[list[float], str]] = []
    for margin, verdict in curve:
        if stretches and stretches[-1][1] == verdict:
            stretches[-1][0].append(margin)
        else:
            stretches.append(([margin], verdict))
    return "; ".join(
        f"{percent(m[0])}{f' to {percent(m[-1])}' if len(m) > 1 else ''}: {verdict}" for m, verdict in stretches
    )
