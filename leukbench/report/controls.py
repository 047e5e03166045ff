"""What must be ruled out: models without a network that come close, patients that the image gives away, unknown
patients.
"""

from __future__ import annotations

from leukbench.artefacts import MAJORITY, is_trivial, model_name
from leukbench.evaluation.contrasts import Scope
from leukbench.evaluation.controls import Probe, Standing
from leukbench.report.data import ReportData
from leukbench.report.format import count, interval, number, percent, points, too_few, with_interval
from leukbench.report.sections import only_class, pick, protocol_name, status
from leukbench.verdicts.comparison import ArmShortcut

SHOWN = {
    Standing.WITHIN: "network not ahead by the margin",
    Standing.AHEAD: "network ahead by more",
    Standing.UNDECIDED: Standing.UNDECIDED.value,
}
"""What a page says of a standing: "within the margin" holds of a network 80 points behind too, and reads otherwise."""


def flags(data: ReportData, paper: str, study: str) -> list[str]:
    """Return the study's ``shortcut`` flags, one sentence each: of models without a network, and of the probe."""
    found = []
    experiments = data.experiments_of(paper, study)
    for experiment in experiments:
        if flagged := _flagged(data, experiment):
            models = {model_name(s.model): _own(s) for s in flagged}
            listed = ", ".join(f"{model} {own} %" for model, own in models.items())
            only = f"; {Scope.RUNS.value}" if any(s.scope is Scope.RUNS for s in flagged) else ""
            name = protocol_name(data, experiment)
            found.append(f"`shortcut` {name}: {listed}, against {_networks(flagged)} ({_of(data, flagged)}{only})")
    for experiment, probe in _patient_probe(data, experiments):
        name = protocol_name(data, experiment)
        found.append(f"`shortcut` to the {probe.unit}, in the images split {name}: {probe_sentence(probe)}")
    return found


def no_flag(data: ReportData, paper: str, study: str) -> str:
    """Return what the absence of a flag means here: every network is ahead, or nothing is shown either way."""
    mine = [s for s in data.comparison.shortcuts if s.experiment in set(data.experiments_of(paper, study))]
    margin = percent(data.comparison.margin, digits=0)
    if not mine:
        return "No network was run, so nothing could come close to one."
    behind = [s for s in mine if s.standing is not Standing.AHEAD]
    if not behind:
        return f"No flag: every network is shown to be ahead of every model without one by more than {margin} points."
    names = ", ".join(sorted({model_name(s.model) for s in behind}))
    telling = (
        "" if any(s.tells for s in behind) else " None of these models is shown to know more than the majority class."
    )
    return (
        f"No flag, and no proof of learning either: no network is shown to be {margin} points ahead of "
        f"{names}.{telling}"
    )


def _own(s: ArmShortcut) -> str:
    """Return the accuracy of a model without a network with its own interval, in percent."""
    return f"{percent(s.trivial)} [{percent(s.trivial_low)} to {percent(s.trivial_high)}]"


def _flagged(data: ReportData, experiment: str) -> list[ArmShortcut]:
    return [s for s in data.comparison.shortcuts if s.experiment == experiment and s.flagged]


def _networks(flagged: list[ArmShortcut]) -> str:
    """Return the networks that a model without one keeps up with: each with its accuracy, or of many the best."""
    accuracies = {s.arm: s.network for s in flagged}
    best = max(accuracies, key=lambda arm: accuracies[arm])
    if len(accuracies) > 3:
        return f"{len(accuracies)} networks (the best of them {best}, {percent(accuracies[best])} %)"
    return ", ".join(f"{arm} {percent(share)} %" for arm, share in accuracies.items())


def _of(data: ReportData, flagged: list[ArmShortcut]) -> str:
    return "; ".join(dict.fromkeys(status(data, s.experiment, s.arm) for s in flagged))


def _patient_probe(data: ReportData, experiments: list[str]) -> list[tuple[str, Probe]]:
    """Return the best probe of the study that tells the patient, and its split; groups joined by likeness are none."""
    probes = [
        (experiment, p)
        for experiment in experiments
        for p in data.results[experiment].evaluation.probes.values()
        if p.above_chance and p.unit == "patient"
    ]
    return sorted(probes, key=lambda found: -found[1].accuracy.value)[:1]


def probe_sentence(probe: Probe) -> str:
    """Return a probe's accuracy beside what chance and the class alone would give."""
    return (
        f"named right for {with_interval(probe.accuracy, probe.unit)} % of {count(probe.n_images)} images of "
        f"{probe.n_units} {probe.unit}s, where chance gives {percent(probe.majority)} % and the class alone "
        f"{percent(probe.by_class)} %"
    )


def best_without_network(data: ReportData, experiment: str) -> tuple[str, float] | None:
    """Return the name and accuracy of the best model without a network that is more than the majority, or None."""
    found = {
        name: accuracy.value
        for name, entry in data.results[experiment].evaluation.arms.items()
        if is_trivial(name) and name != MAJORITY and (accuracy := pick(entry.estimates, "accuracy")) is not None
    }
    if not found:
        return None
    best = max(found, key=lambda name: found[name])
    return model_name(best), found[best]


def trivial_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return every model without a network under every split: scores, and how far the networks are ahead of it."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        unit, arms = data.unit(experiment), data.results[experiment].evaluation.arms
        for model in (a for a in arms if is_trivial(a) and a != MAJORITY):
            row = {"split": protocol_name(data, experiment), "model": model_name(model)}
            for metric, title in (("accuracy", "accuracy %"), ("balanced_accuracy", "balanced %"), ("auc", "AUC")):
                row[title] = with_interval(pick(arms[model].estimates, metric), unit)
            beside = [s for s in data.comparison.shortcuts if (s.experiment, s.model) == (experiment, model)]
            row |= _beside(beside, few=too_few(data.arm(experiment, model).n_groups, unit))
            rows.append(row)
    return rows


def _beside(beside: list[ArmShortcut], *, few: str) -> dict[str, str]:
    """Return how far networks are ahead of one model without one; of too few patients no difference is printed."""
    ahead = "<br>".join(f"{s.arm} {points(s.difference)}" for s in beside[:5])
    return {
        "networks ahead by, points": few if few and beside else ahead or "–",
        "shown": "<br>".join(dict.fromkeys(SHOWN[s.standing] for s in beside)) or "–",
        "flag": "`shortcut`" if any(s.flagged for s in beside) else "",
    }


def probe_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return the patient probes of a study; splits of the same images stand in one row."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for experiment in data.experiments_of(paper, study):
        for name, probe in data.results[experiment].evaluation.probes.items():
            row = {
                "from": name.replace("_", " "),
                "who": f"{probe.n_units} {probe.unit}s",
                "images": count(probe.n_images),
                "named right %": with_interval(probe.accuracy, probe.unit),
                "chance %": percent(probe.majority),
                "the class alone %": percent(probe.by_class),
                "above chance": "yes" if probe.above_chance else "no",
            }
            kept = rows.setdefault(tuple(row.values()), {"split": "", **row})
            kept["split"] = ", ".join(filter(None, (kept["split"], protocol_name(data, experiment))))
    return list(rows.values())


def probe_note(data: ReportData, paper: str, study: str) -> str:
    """Return what the probes of a study do and do not say, or why there are none."""
    experiments = data.experiments_of(paper, study)
    units = {p.unit for experiment in experiments for p in data.results[experiment].evaluation.probes.values()}
    if not units:
        return "Nobody could be probed: fewer than two patients (or groups) have three images here."
    if units == {"group"}:
        return (
            "No patient ids are published: the probe names groups, which hold images that look alike or come "
            "from one original. That"
            " look-alikes look alike says nothing about patients, and raises no flag."
        )
    return (
        "Each patient's images are cut into three parts, two to learn from and one to name; no network is "
        "used. Where patients are"
        " named well above what the class alone gives, a split by image lets any model recognise them. Shots "
        "that look alike help."
    )


def unknown_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return the accuracy's interval for patients that nobody can identify, for several correlations
    within a patient.
    """
    rows: list[dict[str, str]] = []
    for experiment, arm in data.networks_of(paper, study):
        unknown = data.arm(experiment, arm).unknown_patients
        if unknown is None or not unknown.rows or only_class(data, experiment, arm):
            continue  # fewer images than patients: the note of it stays with the estimates; a constant has no interval
        accuracy = pick(data.arm(experiment, arm).estimates, "accuracy")
        row = {"split": protocol_name(data, experiment), "network": arm, "patients stated": str(unknown.n_patients)}
        row["as groups have it"] = with_interval(accuracy)
        for r in unknown.rows:
            effect = f"design effect {number(r.design_effect, digits=1)}"
            row[f"correlation {r.correlation:g}"] = f"{interval(r.low, r.high, 'accuracy')} ({effect})"
        rows.append(row)
    return rows
