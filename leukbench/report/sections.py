"""What the tables of all pages share, the claims and what was run: pure functions from results to rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from leukbench.audit.render import named_studies
from leukbench.evaluation.estimates import CONSTANT
from leukbench.evaluation.times import TimeEstimate, seconds_per_epoch
from leukbench.papers.schema import Claim, Paper
from leukbench.records import Deviation, Estimate, Finding
from leukbench.report.data import ExperimentResult, ReportData
from leukbench.report.format import FRACTIONS, anchor, count, number, one_answer, percent, score, seconds, with_interval
from leukbench.verdicts.differences import Reproduced

PROTOCOLS = {
    "as_published": "as published",
    "image": "by image",
    "augment_first": "augmented before the split",
    "patient": "by patient",
    "challenge": "challenge",
}
DEVIATIONS: dict[Deviation, str] = {
    "surrogate_data": "other images than the paper's",
    "weights_absent": "no pretrained weights",
    "frozen_layers_trained": "trains layers that the recipe freezes",
    "limited": "limited run",
}
STATUS_ORDER = ("inconsistent", "implausible")


def pick(
    estimates: Iterable[Estimate], metric: str, *, class_: str = "", average: str | None = None
) -> Estimate | None:
    """Return the estimate over all folds with this metric, or None."""
    for e in estimates:
        if not e.fold and (e.metric, e.class_) == (metric, class_) and average in {None, e.average}:
            return e
    return None


def protocol_name(data: ReportData, experiment: str) -> str:
    """Return how an experiment's protocol is called: never "by patient" where no patient ids are published."""
    spec, result = data.experiments[experiment], data.results[experiment]
    if spec.protocol == "patient" and result.certificate.evidence == "absent":
        return "by group (no patient ids published)"
    if spec.protocol == "patient" and result.certificate.evidence == "inferred":
        return "by group (patient ids inferred)"
    if spec.protocol == "as_published":
        return f"as published ({result.plan.reading.name.replace('_', ' ')})"
    return PROTOCOLS[spec.protocol]


def by_patient_or_group(data: ReportData, paper: str, study: str) -> str:
    """Return what a study's split by patient is called: by group where no patient ids are published, or only inferred.

    Where nothing was split so, the evidence of another split decides.
    """
    ran = data.experiments_of(paper, study)
    names = [n for n in ran if data.experiments[n].protocol == "patient"]
    if names:
        return protocol_name(data, names[0]).partition(" (")[0]
    known = all(data.results[n].certificate.evidence == "verified" for n in ran)
    return PROTOCOLS["patient"] if known else "by group"


def only_class(data: ReportData, experiment: str, arm: str) -> str:
    """Return the class that a model names for every tested image, or "": one recall is 1, all others are 0. Where each
    of several trainings names one of its own, these.
    """
    recalls = {
        e.class_: e.value
        for e in data.arm(experiment, arm).estimates
        if e.metric == "recall" and e.class_ and not e.fold and math.isfinite(e.value)
    }
    right = [name for name, value in recalls.items() if value > 0]
    if len(recalls) > 1 and len(right) == 1 and recalls[right[0]] >= 1:
        return right[0]
    constant = any(
        e.metric == "recall" and e.class_ and not e.fold and CONSTANT in e.note
        for e in data.arm(experiment, arm).estimates
    )
    return f"{' or '.join(right)} (each training one)" if constant and len(right) > 1 else ""


EARLIER_RECIPE = "earlier recipe"
"""What is said of a network that was trained before the papers' recipes were corrected; the glossary has it."""


def status(data: ReportData, experiment: str, arm: str) -> str:
    """Return in a layman's words how much of the paper's experiment was run: ``full`` only where nothing deviates;
    with ``one seed`` where one training (a fold) is all there is.
    """
    result, facts = data.results[experiment], data.results[experiment].receipt.arms[arm]
    if result.stand_in:
        return "made images"
    earlier = [EARLIER_RECIPE] if result.receipt.of_earlier_recipe(arm) else []
    half = ["bfloat16"] if facts.precision == "bf16" else []
    one = ["one seed"] if len({run.seed for run in result.receipt.runs if run.arm == arm}) == 1 else []
    if not facts.deviations:
        return ", ".join(["full", *one, *half, *earlier])
    parts = _rows_taken(data, result)
    if facts.epochs < facts.epochs_published:
        parts.append(f"{facts.epochs} of {facts.epochs_published} epochs")
    if 0 < (ran := len(folds_run(result))) < (planned := len(result.certificate.folds)):
        parts.append(f"{ran} of {planned} folds")
    parts += [DEVIATIONS[d] for d in facts.deviations if d != "limited"]
    return ", ".join([*(parts or ["limited run"]), *one, *half, *earlier])


def _rows_taken(data: ReportData, result: ExperimentResult) -> list[str]:
    """Return how many of the published images, of the planned copies and of the training rows took part, where some did
    not.
    """
    sizes, parts = result.plan.sizes, []
    if sizes.n_images < sizes.n_images_published:
        parts.append(f"{count(sizes.n_images)} of {count(sizes.n_images_published)} images{_of_fold(result)}")
    if planned_rows := _class_size(data, result):
        parts.append(planned_rows)
    if sizes.n_training_rows:
        ran = max(result.certificate.folds[k].roles["train"].rows for k in folds_run(result))
        parts.append(f"{count(ran)} of {count(sizes.n_training_rows)} training rows")
    return parts


def _class_size(data: ReportData, result: ExperimentResult) -> str:
    """Return how many of the copies that the paper's split plans for a class were made, where a limit made fewer."""
    experiment, limit = result.experiment, result.experiment.limits.class_size
    readings = data.papers[experiment.paper].studies[experiment.study].protocols.get(experiment.protocol, ())
    published = next((r.rule.class_size for r in readings if r.name == result.plan.reading.name), None)
    return f"{count(limit)} of {count(published)} files a class" if limit and published and limit < published else ""


def is_whole(data: ReportData, experiment: str, arm: str) -> bool:
    """Return whether all of the paper's experiment was run, on the publisher's images and with the recipe of now."""
    result = data.results[experiment]
    deviates = result.receipt.arms[arm].deviations or result.receipt.of_earlier_recipe(arm)
    return not (result.stand_in or deviates)


def _of_fold(result: ExperimentResult) -> str:
    """Return which of the paper's own folds a split is, where its plan holds that one and no other; else ""."""
    folds = [fold.fold for fold in result.certificate.folds]
    alone = result.experiment.protocol == "as_published" and len(folds) == 1 and folds[0] > 0
    return f" of fold {folds[0]} alone" if alone else ""


def printed(claim: Claim) -> str:
    """Return a claim as printed, with its metric and place, and in our unit too where it is printed in another."""
    unit = " %" if claim.unit == "%" else ""
    return f"{claim.metric.replace('_', ' ')} {claim.value}{unit}{_as_ours(claim)} ({claim.where})"


def _as_ours(claim: Claim) -> str:
    """Return a printed value in the unit of what stands beside it: shares in percent, all else as a coefficient."""
    if claim.fraction is None or (claim.metric in FRACTIONS) == (claim.unit == "%"):
        return ""
    if claim.metric in FRACTIONS:
        return f" = {percent(claim.fraction)} %"
    return f" = {score(claim.fraction, claim.metric, more=1)}"


def counted(result: ExperimentResult, e: Estimate) -> str:
    """Return what an estimate was counted on: originals, and how many tested images where copies are averaged."""
    tested = sum(result.certificate.folds[k].roles["test"].rows for k in folds_run(result))
    if tested > e.n_images:
        return f"{count(e.n_images)} originals ({count(tested)} images)"
    return f"{count(e.n_images)} images"


def folds_run(result: ExperimentResult) -> list[int]:
    """Return the places of the folds that were run among those of the certificate."""
    ran = {fold.fold for fold in result.receipt.folds}
    return [i for i, fold in enumerate(result.certificate.folds) if fold.fold in ran]


def shared(result: ExperimentResult) -> str:
    """Return what training and validation have in common with the test part, in the folds that were run only,
    beside how much is tested.
    """
    folds = [result.certificate.folds[i] for i in folds_run(result)]
    parts = []
    for what in dict.fromkeys(name for fold in folds for name, n in fold.shared.items() if n):
        here = [fold.shared.get(what, 0) for fold in folds]
        tested = [getattr(fold.roles["test"], what, 0) for fold in folds]
        worst = max(range(len(folds)), key=here.__getitem__)
        of = f" of {count(tested[worst])} tested" if tested[worst] else ""
        parts.append(f"{count(here[worst])}{of} {_SHARED.get(what, what).format('' if here[worst] == 1 else 's')}")
    worst_of_all = " (in the worst fold)" if parts and len(folds) > 1 else ""
    alone = result.certificate.unknown_origins if parts else 0
    unknown = f" ({count(alone)} of the split of unknown origin, each its own)" if alone else ""
    return ", ".join(parts) + worst_of_all + unknown or "nothing"


def training_side(result: ExperimentResult) -> str:
    """Return what the parts beside the test are called, of which :func:`shared` speaks: validation counts, if any."""
    parts = [result.certificate.folds[i].roles.get("validation") for i in folds_run(result)]
    validated = any(part is not None and part.rows for part in parts)
    return "training or validation" if validated else "training"


_SHARED = {"identical_pixels": "tested image{} with the pixels of another file"}
"""What a count of a certificate is of, where its name does not say it."""


def training_rows(data: ReportData, experiment: str) -> str:
    """Return how many rows the models of an experiment trained on: one number, or from least to most of its folds."""
    sizes = data.results[experiment].receipt.training_sizes()
    return count(min(sizes)) if len(sizes) == 1 else f"{count(min(sizes))} to {count(max(sizes))}"


def size_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return one row an experiment and network: how much of the paper's was run, and what its split shares."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        result = data.results[experiment]
        seeds = len({run.seed for run in result.receipt.runs})
        for arm in result.experiment.arms or ("",):
            rows.append(
                {
                    "split": protocol_name(data, experiment),
                    "network": arm or "none",
                    "run": status(data, experiment, arm) if arm else _images(result),
                    "folds × seeds": f"{_folds(result)} × {seeds or '–'}",
                    "training rows": training_rows(data, experiment),
                    "in training or validation, and in test": shared(result),
                }
            )
    return rows


def _folds(result: ExperimentResult) -> str:
    """Return how many folds were run, and of how many where some were not."""
    ran, all_ = len(result.receipt.folds), len(result.certificate.folds)
    return str(ran) if ran == all_ else f"{ran} of {all_}"


def _images(result: ExperimentResult) -> str:
    if result.stand_in:
        return "made images"
    sizes = result.plan.sizes
    return f"{count(sizes.n_images)} of {count(sizes.n_images_published)} images"


def reading_lines(data: ReportData, paper: str, study: str) -> list[str]:
    """Return one sentence a split: how it is understood, on what evidence, and what its certificate says."""
    lines = []
    for experiment in data.experiments_of(paper, study):
        reading, certificate = data.results[experiment].plan.reading, data.results[experiment].certificate
        line = f"{protocol_name(data, experiment)} ({reading.basis}): {reading.evidence.rstrip('.')}. "
        lines.append(f"{line}Groups: {certificate.sentence}; certificate {certificate.self_sha256[:12]}.")
    return lines


SELECTIONS = {
    "recipe": "as the recipe says",
    "last": "last epoch",
    "best_validation": "best on validation",
    "best_test": "best on test (a leak)",
}


def selection_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return accuracy at the last epoch, the best on validation and the best on test, side by side."""
    rows = []
    for experiment, arm in data.networks_of(paper, study):
        if only_class(data, experiment, arm):
            continue  # the ladder has its one line
        entry, row = data.arm(experiment, arm), {"split": protocol_name(data, experiment), "network": arm}
        for key, name in SELECTIONS.items():
            found = pick(entry.selections[key], "accuracy") if key in entry.selections else None
            row[name] = with_interval(found, data.unit(experiment)) if found else "no validation part"
        runs = [r for r in data.results[experiment].receipt.runs if r.arm == arm]
        row["training accuracy %"] = percent(sum(r.train_accuracy for r in runs) / len(runs))
        rows.append(row)
    return rows


def patient_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return, where patient ids are published, how many patients are called right by their mean score,
    and the worst.
    """
    rows = []
    for experiment, arm in data.networks_of(paper, study):
        p = data.arm(experiment, arm).patients
        known = p is not None and data.results[experiment].certificate.evidence != "absent"
        if p is None or not known or only_class(data, experiment, arm):
            continue
        worst = [
            f"{w.patient} ({percent(w.images_right, digits=0)} % of {w.n_images})" for w in p.worst if w.n_images > 1
        ]
        rows.append(
            {
                "split": protocol_name(data, experiment),
                "network": arm,
                "patients called right, by their mean score": f"{number(p.n_right, digits=int(p.n_right % 1 > 0))} "
                f"of {p.n_patients}",
                "the worst (share of their images right)": ", ".join(worst[:3]) or "–",
            }
        )
    return rows


def claim_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return claimed beside reproduced, with its verdict, for every claim of a study that has a run; of a network that
    calls every image one class the headline and what has a verdict all the same (:func:`of_one_answer` counts others).
    """
    rows, ledger, by_patient = [], data.papers[paper], by_patient_or_group(data, paper, study)
    silent = of_one_answer(data, paper, study)
    for verdict in data.comparison.verdicts:
        question = data.comparison.questions[verdict.claim]
        if not verdict.claim.startswith(f"{paper}.") or ledger.claim(verdict.claim).study != study:
            continue
        if not (question.faithful or question.honest):
            continue
        claim = ledger.claim(verdict.claim)
        if claim.id in silent:
            continue
        rows.append(
            {
                "claim": f"`{claim.id}`{' (headline)' if verdict.headline else ''}",
                "printed": printed_in_short(claim),
                "as published": reproduced(data, claim, question.faithful) or _silent(data, claim),
                by_patient: f"no such fold {by_patient}"
                if claim.of_fold
                else reproduced(data, claim, question.honest) or "not run",
                "verdict": verdict.verdict.replace("_", " ") + (f": {verdict.reason}" if verdict.reason else ""),
            }
        )
    return rows


def of_one_answer(data: ReportData, paper: str, study: str) -> set[str]:
    """Return the claims of a study that are held against nothing but a network that calls every image one class: all
    but its headline and those that have a verdict without a run.
    """
    found = set()
    for verdict in data.comparison.verdicts:
        claim = next((c for c in data.papers[paper].claims if c.id == verdict.claim and c.study == study), None)
        if claim is None or verdict.headline or verdict.verdict != "not testable":
            continue
        question = data.comparison.questions[claim.id]
        experiments = [_experiment_of(data, claim, r) for r in (*question.faithful, *question.honest)]
        if experiments and all(name and only_class(data, name, claim.arm) for name in experiments):
            found.add(claim.id)
    return found


def not_run(data: ReportData, paper: str, study: str) -> int:
    """Return how many compared claims of a study have no run at all."""
    ledger = data.papers[paper]
    mine = [c for c in data.comparison.questions if c.startswith(f"{paper}.") and ledger.claim(c).study == study]
    return sum(not (data.comparison.questions[c].faithful or data.comparison.questions[c].honest) for c in mine)


def printed_in_short(claim: Claim) -> str:
    """Return metric, class, fold and value of a claim; a share always in percent as well."""
    average = claim.average.removeprefix("positive:") if claim.average != "none" else ""
    fold = f"fold {claim.fold}" if claim.fold else ""
    of = " ".join(x for x in (claim.metric.replace("_", " "), claim.class_, average, fold) if x)
    return f"{of} {claim.value}{' %' if claim.unit == '%' else ''}{_as_ours(claim)}"


def reproduced(data: ReportData, claim: Claim, found: Sequence[Reproduced]) -> str:
    """Return one line a reading of the split: what a claim is held against, under every definition that is defined; ""
    where nothing answers it. A network that calls every image one class has one line that says so.

    Parameters
    ----------
    data
        Of one profile.
    claim
        A printed figure.
    found
        What its question holds of one split.

    Returns
    -------
    Values in the unit of the page, with their intervals; one reading stands without its name.
    """
    lines: dict[str, list[str]] = {}
    for r in found:
        experiment = _experiment_of(data, claim, r)
        one = only_class(data, experiment, claim.arm) if experiment else ""
        values = lines.setdefault(r.reading, [])
        if one:
            values[:] = [one_answer(r.estimate, one)]
        elif math.isfinite(r.estimate.value):
            unit = data.unit(experiment) if experiment else "group"
            values.append(with_interval(r.estimate, unit) + (f" ({r.definition})" if r.definition else ""))
    shown = {reading: "; ".join(values) or "undefined" for reading, values in lines.items()}
    if len(set(shown.values())) < 2:  # one reading, or all of them alike
        return next(iter(shown.values()), "")
    return "<br>".join(f"{reading.replace('_', ' ')}: {values}" for reading, values in shown.items())


def _silent(data: ReportData, claim: Claim) -> str:
    """Return why nothing answers a claim under the paper's split: its fold, or the split, was not run, or no such
    estimate is made of what was.
    """
    mine = [
        n
        for n in data.experiments_of(claim.id.partition(".")[0], claim.study)
        if data.experiments[n].protocol == "as_published" and claim.arm in data.experiments[n].arms
    ]
    folds = {str(fold.fold) for n in mine for fold in data.results[n].receipt.folds}
    return "not estimated" if mine and (not claim.of_fold or claim.of_fold in folds) else "not run"


def _experiment_of(data: ReportData, claim: Claim, r: Reproduced) -> str:
    """Return the experiment that a result is of, or "": of the claim's network, split and reading."""
    for name in data.experiments_of(claim.id.partition(".")[0], claim.study):
        spec, reading = data.experiments[name], data.results[name].plan.reading.name
        if spec.protocol == r.protocol and claim.arm in spec.arms and r.reading in {"", reading}:
            return name
    return ""


def assumed_rows(paper: Paper, arms: Iterable[str]) -> list[dict[str, str]]:
    """Return what the paper leaves open and what was chosen, for the networks and recipes of some arms."""
    sources: dict[str, Any] = {}
    for name in dict.fromkeys(arms):
        arm = paper.arms[name]
        sources[f"network {arm.network}"] = paper.networks[arm.network].assumed
        sources[f"recipe {arm.recipe}"] = paper.recipes[arm.recipe].assumed
    return [
        {"of": of, "open in the paper": a.field, "chosen": str(a.value), "why": a.reason}
        for of, assumed in sources.items()
        for a in assumed
    ]


def parameter_rows(data: ReportData) -> list[dict[str, str]]:
    """Return printed parameter counts beside ours; where a reading explains a count, the reading stands for the
    difference.
    """
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for row in data.parameters:
        if row["layer"]:
            continue
        explained = row["difference"] == "0"
        made = {
            "network": f"{row['network'] or row['model']}",
            "printed": f"{row['claimed']} ({row['where']})",
            "ours, PyTorch": count(row["pytorch_total"]),
            "ours, Keras": count(row["keras_total"]),
            "explained": f"yes: {row['reading']}"
            if explained
            else f"no: {str(row['difference']).replace('-', '−')} at best ({row['reading']})",
        }
        rows[row["paper"], *made.values()] = {"paper": row["paper"], **made}
    return list(rows.values())


def time_rows(data: ReportData) -> list[dict[str, str]]:
    """Return what was measured by network: the typical epoch with its interval, the mean of a run, and the most memory
    that the process of one held. All differ between machines.
    """
    rows = []
    for experiment, result in data.results.items():
        for arm in result.receipt.arms:
            runs = [data.measured[r.key] for r in result.receipt.runs if r.arm == arm and r.key in data.measured]
            if not runs:
                continue
            epoch = seconds_per_epoch([r.train_s for r in runs], warm_up=min(1, *(len(r.train_s) - 1 for r in runs)))
            rows.append(
                {
                    "experiment": f"`{experiment}`",
                    "network": arm,
                    "an epoch": _with_limits(epoch),
                    "images/s": number(sum(r.n_train_rows for r in runs) / len(runs) / epoch.value, digits=0),
                    "a run": seconds(sum(r.wall_s for r in runs) / len(runs)),
                    "most memory, MiB": count(round(max(r.peak_memory_mib for r in runs))),
                }
            )
    return rows


_WIDEST_TIMES = 10
"""How many times the value the upper limit of a time may be, above which its interval is not printed."""


def _with_limits(epoch: TimeEstimate) -> str:
    if math.isnan(epoch.low):
        return seconds(epoch.value)
    if epoch.high > _WIDEST_TIMES * epoch.value:
        return f"{seconds(epoch.value)} (too wide to help: {epoch.n_runs} run{'' if epoch.n_runs == 1 else 's'})"
    return f"{seconds(epoch.value)} [{seconds(epoch.low)} to {seconds(epoch.high)}]"


def finding_rows(findings: Iterable[Finding], paper: Paper) -> list[dict[str, str]]:
    """Return the serious findings on a paper, proved ones first and by falling severity, linked to their arithmetic."""
    rows = []
    for f in serious(findings, paper.key):
        link = f"[`{f.id}`](../audit.md#{heading_of(f, paper)})"
        rows.append({"what": named_studies(f.statement, paper), "status": f.status, "place": f.where, "finding": link})
    return rows


def heading_of(finding: Finding, paper: Paper) -> str:
    """Return the id of a finding's heading on the page of the audit."""
    return anchor(named_studies(finding.statement, paper))


def serious(findings: Iterable[Finding], paper: str) -> list[Finding]:
    """Return what is impossible or implausible in a paper's figures: by severity, proved ones first."""
    mine = [f for f in findings if f.paper == paper and f.status in STATUS_ORDER]
    return sorted(mine, key=lambda f: (-f.severity, STATUS_ORDER.index(f.status)))
