"""What was chosen on validation images and read on test images: thresholds and temperatures; and contrasts between
models.
"""

from __future__ import annotations

import math

from leukbench.artefacts import model_name
from leukbench.report.data import ReportData
from leukbench.report.format import count, difference, number, percent, too_few, with_interval
from leukbench.report.sections import only_class, protocol_name


def operating_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return sensitivity, specificity and predictive values at thresholds from validation; the study's positive class,
    or all.
    """
    positive = data.papers[paper].studies[study].positive
    rows = []
    for experiment, arm in data.networks_of(paper, study):
        unit = data.unit(experiment)
        for point in data.arm(experiment, arm).operating:
            if not point.n_validation or positive not in {None, point.class_}:
                continue
            row = {"split": protocol_name(data, experiment), "network": arm, "class": point.class_}
            row["chosen on"] = f"{point.n_validation} images in {point.n_validation_groups} {unit}s"
            row["sensitivity %"] = with_interval(point.sensitivity, unit) if point.thresholds else point.note
            row["specificity %"] = with_interval(point.specificity, unit)
            for i, prevalence in enumerate(point.prevalences[:1]):
                for name, e in zip(("PPV", "NPV"), point.predictive[2 * i : 2 * i + 2] or (None, None), strict=True):
                    row[f"{name} % at {percent(prevalence, digits=0)} %"] = with_interval(e, unit)
            rows.append(row)
    return rows


def without_validation(data: ReportData, paper: str, study: str) -> list[str]:
    """Return the splits that set nothing apart for validation: no threshold and no temperature can be chosen there."""
    return [
        protocol_name(data, experiment)
        for experiment in data.experiments_of(paper, study)
        if data.experiments[experiment].arms
        and not any(fold.n_validation_rows for fold in data.results[experiment].receipt.folds)
    ]


def calibration_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return ECE and log-loss of every network that tells classes apart, before and after temperature scaling."""
    rows = []
    for experiment, arm in data.networks_of(paper, study):
        found = data.arm(experiment, arm).calibration
        if found is None or only_class(data, experiment, arm) or too_few(data.arm(experiment, arm).n_groups, "group"):
            continue
        row = {"split": protocol_name(data, experiment), "network": arm}
        after = {e.metric: e for e in found.after}
        for metric, name in (("ece", "ECE"), ("log_loss", "log-loss")):
            before = next((e for e in found.before if e.metric == metric), None)
            row[name] = with_interval(before, data.unit(experiment))
            row[f"{name} scaled"] = with_interval(after.get(metric), data.unit(experiment))
        row["temperature"] = ", ".join(number(t, digits=2) for t in found.temperatures[:3]) or "–"
        rows.append(row)
    return rows


def contrast_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return the first network minus every other of a study, p-values corrected by Holm over the study."""
    experiments = set(data.experiments_of(paper, study))
    return [
        {
            "split": protocol_name(data, c.experiment),
            "first − second": f"{c.first_arm} − {model_name(c.second_arm)}",
            "accuracy, points": difference(c, data.unit(c.experiment)),
            f"p, Holm over {c.family_size}": p_text(c.p_corrected),
            "images, groups": f"{count(c.n_images)}, {c.n_groups}",
        }
        for c in data.comparison.contrasts
        if c.experiment in experiments and c.family == "network"
    ]


def p_text(value: float) -> str:
    """Return a p-value.

    >>> p_text(0.0002), p_text(0.2), p_text(float("nan"))
    ('< 0.001', '0.200', '–')
    """
    if math.isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else number(value)


def curve_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return how the verdict on every tested claim of a study depends on the margin, neighbouring margins joined."""
    return [
        {"claim": f"`{verdict.claim}`", "verdict at margins of (points)": _segments(verdict.curve)}
        for verdict in data.comparison.verdicts
        if verdict.curve and verdict.claim.startswith(f"{paper}.")
        and data.papers[paper].claim(verdict.claim).study == study
    ]  # fmt: skip


def _segments(curve: tuple[tuple[float, str], ...]) -> str:
    """Return stretches of equal verdicts.

    >>> _segments(((0.01, "inconclusive"), (0.02, "inconclusive"), (0.05, "reproduced")))
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
