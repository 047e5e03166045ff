"""What must be ruled out: models without a network that come close, patients that the image gives away, unknown patients."""

from __future__ import annotations

from typing import Any

from leukbench.artefacts import is_trivial, model_name
from leukbench.evaluation.contrasts import Scope
from leukbench.report.data import ReportData
from leukbench.report.format import interval, number, percent, points, with_interval
from leukbench.report.sections import DEVIATIONS, pick, protocol_name


def _model(name: str) -> str:
    return model_name(name)


def flags(data: ReportData, paper: str, study: str) -> list[str]:
    """Return the study's ``shortcut`` flags, one sentence each: by trivial models under a split, and by the patient."""
    found = []
    experiments = data.experiments_of(paper, study)
    for experiment in experiments:
        flagged = _flagged(data, experiment)
        if flagged:
            models = {_model(s["model"]): _own(s) for s in flagged}
            told = ", ".join(f"{model} {own} %" for model, own in models.items())
            only = f", {Scope.RUNS.value}" if any(s["scope"] == Scope.RUNS for s in flagged) else ""
            found.append(
                f"`shortcut` {protocol_name(data, experiment)}: {told}, against {_networks(flagged)}{_of(data, experiment)}{only}"
            )
    for probe in _told(data, experiments):
        found.append(f"`shortcut` by the {probe['unit']}: {probe_sentence(probe)}")
    return found


def flag_words(data: ReportData, paper: str, study: str) -> str:
    """Return the flags of a study in a few words, "none" where there is none."""
    experiments = data.experiments_of(paper, study)
    splits: dict[str, list[str]] = {}
    for experiment in experiments:
        if _flagged(data, experiment):
            splits.setdefault(_of(data, experiment), []).append(protocol_name(data, experiment))
    words = [f"`shortcut` {', '.join(names)}{deviations}" for deviations, names in splits.items()]
    words += ["`shortcut` by the patient" for _ in _told(data, experiments)]
    return "<br>".join(words) or "none"


def _flagged(data: ReportData, experiment: str) -> list[dict[str, Any]]:
    return [s for s in data.verdicts["shortcuts"] if s["experiment"] == experiment and s["flagged"]]


def _own(s: dict[str, Any]) -> str:
    """Return a trivial model's accuracy with its own interval, in percent."""
    return f"{percent(s['trivial'])} [{percent(s['trivial_low'])} to {percent(s['trivial_high'])}]"


def _networks(flagged: list[dict[str, Any]]) -> str:
    """Return the networks that a trivial model keeps up with: each with its accuracy, or of many the best."""
    accuracies = {s["arm"]: s["network"] for s in flagged}
    best = max(accuracies, key=lambda arm: accuracies[arm])
    if len(accuracies) > 3:
        return f"{len(accuracies)} networks (the best of them {best}, {percent(accuracies[best])} %)"
    return ", ".join(f"{arm} {percent(share)} %" for arm, share in accuracies.items())


def _of(data: ReportData, experiment: str) -> str:
    """Return what the runs of an experiment deviate in, in brackets, or ""."""
    found = dict.fromkeys(d for arm in data.receipts[experiment]["arms"].values() for d in arm["deviations"])
    return f" ({', '.join(DEVIATIONS[d] for d in found)})" if found else ""


def _told(data: ReportData, experiments: list[str]) -> list[dict[str, Any]]:
    """Return the best probe of the study that tells the patient; groups joined by likeness are no flag."""
    probes = [
        p
        for experiment in experiments
        for p in data.estimates[experiment]["probes"].values()
        if p["told"] and p["unit"] == "patient"
    ]
    return sorted(probes, key=lambda p: -p["accuracy"]["value"])[:1]


def probe_sentence(probe: dict[str, Any]) -> str:
    """Return a probe's accuracy beside what chance and the class alone would give."""
    return (
        f"named right for {with_interval(probe['accuracy'])} % of {probe['n_images']} images of {probe['n_units']} {probe['unit']}s,"
        f" where chance gives {percent(probe['majority'])} % and the class alone {percent(probe['by_class'])} %"
    )


def trivial_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return every model without a network under every split: scores, and how far the networks are ahead of it."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        for model in (a for a in data.estimates[experiment]["arms"] if is_trivial(a)):
            estimates = data.arm(experiment, model)["selections"]["recipe"]
            row = {"split": protocol_name(data, experiment), "model": _model(model)}
            for metric, title in (
                ("accuracy", "accuracy %"),
                ("balanced_accuracy", "balanced %"),
                ("mcc", "MCC"),
                ("auc", "AUC"),
            ):
                row[title] = with_interval(pick(estimates, metric))
            beside = [s for s in data.verdicts["shortcuts"] if (s["experiment"], s["model"]) == (experiment, model)]
            row["networks ahead by, points"] = "<br>".join(map(_ahead, beside)) or "–"
            row["shown"] = "<br>".join(map(_shown, beside)) or "–"
            row["flag"] = "`shortcut`" if any(s["flagged"] for s in beside) else ""
            rows.append(row)
    return rows


def _ahead(s: dict[str, Any]) -> str:
    limits = "no interval" if s["low"] is None else f"{points(s['low'])} to {points(s['high'])}"
    return f"{s['arm']} {points(s['difference'])} [{limits}]"


def _shown(s: dict[str, Any]) -> str:
    """Return which of three is shown of a network beside a model without one, and of what it speaks."""
    only = f" ({Scope.RUNS.value})" if s["scope"] == Scope.RUNS else ""
    return f"{s['arm']}: {s['standing']}{only}"


def probe_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return the patient probes of a study; splits of the same images stand in one row."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for experiment in data.experiments_of(paper, study):
        for name, probe in data.estimates[experiment]["probes"].items():
            row = {
                "from": name.replace("_", " "),
                "who": f"{probe['n_units']} {probe['unit']}s",
                "images": str(probe["n_images"]),
                "named right %": with_interval(probe["accuracy"]),
                "chance %": percent(probe["majority"]),
                "the class alone %": percent(probe["by_class"]),
                "told": "yes" if probe["told"] else "no",
            }
            kept = rows.setdefault(tuple(row.values()), {"split": "", **row})
            kept["split"] = ", ".join(filter(None, (kept["split"], protocol_name(data, experiment))))
    return list(rows.values())


def probe_note(data: ReportData, paper: str, study: str) -> str:
    """Return what the probes of a study do and do not say, or why there are none."""
    units = {
        p["unit"]
        for experiment in data.experiments_of(paper, study)
        for p in data.estimates[experiment]["probes"].values()
    }
    if not units:
        return "Nobody could be probed: fewer than two patients (or groups) have three images here."
    if units == {"group"}:
        return (
            "No patient ids are published: the probe names groups, which hold images that look alike or come from one original. That"
            " look-alikes look alike says nothing about patients, and raises no flag."
        )
    return (
        "Each patient's images are cut into three parts, two to learn from and one to name; no network is used. Where patients are"
        " named well above what the class alone gives, a split by image lets any model recognise them. Shots that look alike help."
    )


def unknown_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return the accuracy's interval for patients that nobody can identify, for several correlations within a patient."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        for arm in data.experiments[experiment].arms:
            unknown = data.arm(experiment, arm)["unknown_patients"]
            if unknown is None:
                continue
            accuracy = pick(data.arm(experiment, arm)["selections"]["recipe"], "accuracy")
            row = {"split": protocol_name(data, experiment), "arm": arm, "patients stated": str(unknown["n_patients"])}
            row["as groups have it"] = with_interval(accuracy)
            for r in unknown["rows"]:
                effect = f"design effect {number(r['design_effect'], digits=1)}"
                row[f"correlation {r['correlation']:g}"] = f"{interval(r['low'], r['high'], 'accuracy')} ({effect})"
            row["note"] = unknown["note"]
            rows.append(row)
    return rows
