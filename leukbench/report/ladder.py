"""The ladder of a study: what each rung gives, and by how much it exceeds the split by patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leukbench.artefacts import COLOUR_HISTOGRAM, COLOUR_TREES, model_name
from leukbench.evaluation.contrasts import Scope
from leukbench.evaluation.grades import DOUBTED, worst_grade
from leukbench.records import Grade
from leukbench.report.data import ReportData
from leukbench.report.format import count, number, percent, points, with_interval
from leukbench.report.sections import pick, protocol_name, training_rows

_HISTOGRAM = COLOUR_HISTOGRAM
_WITHOUT_NETWORK = frozenset({COLOUR_HISTOGRAM, COLOUR_TREES})
_FEWEST_GROUPS = 8
"""With fewer groups a model without a network gets no sentence: its interval says nothing, whatever it is."""
_METRICS = (("accuracy", "accuracy %"), ("mcc", "MCC"), ("auc", "AUC"))


def beats_majority(data: ReportData, experiment: str, arm: str) -> bool:
    """Return whether a network is right more often than always naming the most frequent class."""
    entry = data.arm(experiment, arm)
    accuracy = pick(entry["selections"]["recipe"], "accuracy")
    return accuracy is not None and bool(accuracy["value"] > entry["majority_accuracy"])


def better_than_chance(data: ReportData, experiment: str, arm: str, metric: str) -> bool:
    """Return whether a difference of this metric says anything: the AUC's interval lies above 0.5; else :func:`beats_majority`.

    Naming one class always has an AUC of 0.5 whatever the threshold, so ranking is judged by itself.
    """
    if metric != "auc":
        return beats_majority(data, experiment, arm)
    auc = pick(data.arm(experiment, arm)["selections"]["recipe"], "auc")
    return auc is not None and auc["low"] is not None and bool(auc["low"] > 0.5)


def ladder_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return one row a rung and arm: training rows, scores, and rung - patient with its group-level interval."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        for arm in data.experiments[experiment].arms:
            estimates = data.arm(experiment, arm)["selections"]["recipe"]
            row = {
                "split": protocol_name(data, experiment),
                "arm": arm,
                "training rows": training_rows(data, experiment),
            }
            row |= {title: with_interval(pick(estimates, metric)) for metric, title in _METRICS}
            row |= {
                f"{title.removesuffix(' %')} − by patient": _excess(data, experiment, arm, m) for m, title in _METRICS
            }
            rows.append(row)
    return rows


def _excess(data: ReportData, experiment: str, arm: str, metric: str) -> str:
    """Return rung - patient of a metric, or why it is not shown."""
    if data.experiments[experiment].protocol == "patient":
        same = any(g["patient"] == experiment and g["same_as_image"] for g in data.verdicts["gaps"])
        return "same as image" if same else "reference"
    gap = next(_gaps(data, experiment, arm, metric), None)
    if gap is None:
        return "–"
    if not better_than_chance(data, experiment, arm, metric):
        return "not shown (chance)" if metric == "auc" else "not shown (majority class)"
    text = _with_limits(gap)
    return text if gap["equal_size"] else f"({text}; own size)"


def _gaps(data: ReportData, experiment: str, arm: str, metric: str) -> Iterator[dict[str, Any]]:
    for gap in data.verdicts["gaps"]:
        if (gap["rung"], gap["arm"], gap["metric"]) == (experiment, arm, metric):
            yield gap


def _with_limits(gap: dict[str, Any]) -> str:
    """Return a difference with its interval: points for accuracy, plain numbers for coefficients."""
    shown = points if gap["metric"] == "accuracy" else number
    limits = "no interval" if gap["low"] is None else f"{shown(gap['low'])} to {shown(gap['high'])}"
    return f"{shown(gap['difference'])} [{limits}]"


def summary_rows(data: ReportData) -> list[dict[str, str]]:
    """Return one row a study and rung: what the split adds to the accuracy of the headline's network, and of a colour histogram.

    In percentage points with their 95 % intervals, groups as the sampling unit; the sentences of :func:`gap_lines` have the rest.
    """
    rows = []
    for paper, study in data.studies():
        headline = data.papers[paper].claim(data.papers[paper].studies[study].headline)
        for experiment in data.experiments_of(paper, study):
            gaps = {arm: gap for arm in (headline.arm, _HISTOGRAM) for gap in _gaps(data, experiment, arm, "accuracy")}
            if not gaps or headline.arm not in data.experiments[experiment].arms:
                continue
            either = next(iter(gaps.values()))
            rows.append(
                {
                    "study": f"{paper}: {study}",
                    "split": protocol_name(data, experiment),
                    "network": _summary(data, gaps.get(headline.arm)),
                    "colour histogram": _summary(data, gaps.get(_HISTOGRAM)),
                    "images": count(either["n_images"]),
                    "groups": str(either["n_groups"]),
                    "reservations": ", ".join(_in_short(list(gaps.values()))),
                }
            )
    return rows


def _summary(data: ReportData, gap: dict[str, Any] | None) -> str:
    if gap is None or _too_few_groups(gap):
        return "–"
    return _with_limits(gap) if beats_majority(data, gap["rung"], gap["arm"]) else "no better than the majority"


def _too_few_groups(gap: dict[str, Any]) -> bool:
    return bool(gap["n_groups"] < (_FEWEST_GROUPS if gap["arm"] in _WITHOUT_NETWORK else 2))


def _in_short(gaps: list[dict[str, Any]]) -> Iterator[str]:
    """Yield, in a few words, what keeps a row's differences from being the inflation of the split alone, or an interval of them from being trusted."""
    if not gaps[0]["equal_size"]:
        yield "own size"
    if not gaps[0]["paired"]:
        yield "other patients"
    if gaps[0]["same_as_image"]:
        yield "the same as by image"
    if any(gap["scope"] == Scope.RUNS for gap in gaps):
        yield Scope.RUNS.value
    grade = worst_grade(*(Grade(gap["grade"]) for gap in gaps))
    if grade in DOUBTED:
        yield DOUBTED[grade]


def gap_lines(data: ReportData, paper: str, study: str) -> list[str]:
    """Return a sentence per gap between a protocol and ``patient``, only where the model is better than chance.

    Models of which nothing can be said share one sentence, at the end.
    """
    experiments = set(data.experiments_of(paper, study))
    shown = [g for g in data.verdicts["gaps"] if g["rung"] in experiments and g["metric"] == "accuracy"]
    lines: list[str] = []
    silent: dict[tuple[str, str], list[str]] = {}
    for gap in shown:
        if gap["arm"] in _WITHOUT_NETWORK and _too_few_groups(gap):
            continue
        why = _why_silent(data, gap)
        if why:
            silent.setdefault((_between(data, gap), why), []).append(_model(gap))
        else:
            lines.append(_line(data, gap))
    return lines + [f"{', '.join(models)}, {between}: not shown, {why}." for (between, why), models in silent.items()]


def _model(gap: dict[str, Any]) -> str:
    return f"{model_name(gap['arm'])} (no network)" if gap["arm"] in _WITHOUT_NETWORK else str(gap["arm"])


def _between(data: ReportData, gap: dict[str, Any]) -> str:
    return f"{protocol_name(data, gap['rung'])} minus {protocol_name(data, gap['patient'])}"


def _others(data: ReportData, gap: dict[str, Any]) -> str:
    """Return the gaps in MCC and AUC that say anything."""
    return ", ".join(
        f"{g['metric'].upper()} {_with_limits(g)}"
        for g in data.verdicts["gaps"]
        if (g["rung"], g["patient"], g["arm"]) == (gap["rung"], gap["patient"], gap["arm"])
        and g["metric"] != "accuracy"
        and better_than_chance(data, gap["rung"], gap["arm"], g["metric"])
    )


def _why_silent(data: ReportData, gap: dict[str, Any]) -> str:
    if _too_few_groups(gap):
        return "both test one group alone"
    if beats_majority(data, gap["rung"], gap["arm"]) or _others(data, gap):
        return ""
    return f"no better than the majority class ({percent(data.arm(gap['rung'], gap['arm'])['majority_accuracy'])} %)"


def _line(data: ReportData, gap: dict[str, Any]) -> str:
    rung, arm = gap["rung"], gap["arm"]
    name, others = f"{_model(gap)}, {_between(data, gap)}", _others(data, gap)
    if not beats_majority(data, rung, arm):
        majority = percent(data.arm(rung, arm)["majority_accuracy"])
        which = "it" if arm in _WITHOUT_NETWORK else "the network"
        silent = f"accuracy not shown, {which} does not beat the majority class ({majority} %)"
        return f"{name}: {silent}; {others}.{_reservation(data, gap)}"
    difference, limits = _with_limits(gap).split(" ", 1)
    note = f" ({gap['note']})" if gap["note"] else ""
    tested = (
        f"{count(gap['n_images'])} {'shared test origins' if gap['paired'] else 'images of other patients, unpaired'}"
    )
    return (
        f"**{name}: {difference} percentage points {limits}** on {tested}"
        f" in {gap['n_groups']} groups{'; ' if others else ''}{others}.{note}{_reservation(data, gap)}"
    )


def _reservation(data: ReportData, gap: dict[str, Any]) -> str:
    """Return what keeps a difference from being the inflation of the split alone, or ""."""
    text = ""
    if not gap["equal_size"]:
        sizes = [training_rows(data, experiment) for experiment in (gap["rung"], gap["patient"])]
        text += f" Each was trained at its own size ({sizes[0]} against {sizes[1]} rows), so this is not the split's inflation alone."
    if gap["scope"] == Scope.RUNS:
        text += f" It speaks of {Scope.RUNS.value}: one seed does not tell how much another training would differ."
    if gap["same_as_image"]:
        text += " No group holds two images: the split by group is the same as one by image."
    return text
