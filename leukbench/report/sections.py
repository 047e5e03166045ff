"""The parts of a report page, each a pure function from data to Markdown."""

from __future__ import annotations

from typing import Any

from leukbench.artefacts import COLOUR_HISTOGRAM, MAJORITY, model_name
from leukbench.papers.schema import Claim
from leukbench.records import COPIES_AVERAGED, fold_of
from leukbench.report.data import ReportData
from leukbench.report.format import count, interval, number, percent, seconds, with_interval

PROTOCOLS = {
    "as_published": "as published",
    "image": "by image",
    "augment_first": "augmented before the split",
    "patient": "by patient",
    "challenge": "challenge",
}
DEVIATIONS = {
    "surrogate_data": "surrogate data",
    "weights_absent": "no pretrained weights",
    "frozen_layers_trained": "trains layers that the recipe freezes",
    "limited": "limited run",
}


def pick(
    estimates: list[dict[str, Any]], metric: str, *, class_: str = "", average: str | None = None
) -> dict[str, Any] | None:
    """Return the estimate over all folds with this metric, or None."""
    for e in estimates:
        overall = not fold_of(e["aggregation"])
        if overall and (e["metric"], e["class_"]) == (metric, class_) and average in {None, e["average"]}:
            return e
    return None


def protocol_name(data: ReportData, experiment: str) -> str:
    """Return how an experiment's protocol is called: never "by patient" where no patient ids are published."""
    spec, certificate = data.experiments[experiment], data.splits[experiment]["certificate"]
    if spec.protocol == "patient" and certificate["evidence"] == "absent":
        return "by group (no patient ids published)"
    if spec.protocol == "patient" and certificate["evidence"] == "inferred":
        return "by group (patient ids inferred)"
    if spec.protocol == "as_published":
        return f"as published ({data.splits[experiment]['reading']['name'].replace('_', ' ')})"
    return PROTOCOLS[spec.protocol]


def headline_rows(data: ReportData) -> list[dict[str, str]]:
    """Return one row a study: what is printed, what came out under each protocol, the verdict."""
    rows = []
    for paper, study in data.studies():
        claim = data.papers[paper].claim(data.papers[paper].studies[study].headline)
        row = {"study": f"{paper}: {study}", "printed": printed(claim)}
        for name, protocols in (
            ("as published", ("as_published",)),
            ("by image", ("image",)),
            ("by patient or group", ("patient",)),
        ):
            row[name] = "<br>".join(_experiment_scores(data, paper, study, claim, protocols)) or "not run"
        verdict = verdict_of(data, claim.id)
        row["verdict"] = f"**{verdict['verdict']}**: {verdict['reason']}" if verdict else "not compared"
        rows.append(row)
    return rows


def _experiment_scores(data: ReportData, paper: str, study: str, claim: Claim, protocols: tuple[str, ...]) -> list[str]:
    found: list[tuple[str, str]] = []
    for experiment in data.experiments_of(paper, study):
        if data.experiments[experiment].protocol in protocols and claim.arm in data.experiments[experiment].arms:
            average = {"auc": None, "f1": "macro", "precision": "macro", "recall": "macro"}.get(claim.metric)
            e = pick(
                data.arm(experiment, claim.arm)["selections"]["recipe"],
                claim.metric,
                class_=claim.class_,
                average=None if claim.class_ else average,
            )
            found.append((with_interval(e), data.splits[experiment]["reading"]["name"].replace("_", " ")))
    return [f"{score} ({reading})" if len(found) > 1 else score for score, reading in found]


def printed(claim: Claim) -> str:
    """Return a claim as printed, with its metric and place."""
    unit = " %" if claim.unit == "%" else ""
    return f"{claim.metric.replace('_', ' ')} {claim.value}{unit} ({claim.where})"


def verdict_of(data: ReportData, claim_id: str) -> dict[str, Any] | None:
    """Return the verdict on a claim, or None where it was not compared."""
    for verdict in data.verdicts["verdicts"]:
        if verdict["claim"] == claim_id:
            found: dict[str, Any] = verdict
            return found
    return None


def protocol_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return one row an experiment and model: scores, sizes, deviations; networks first, then trivial models."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        for arm in (*data.experiments[experiment].arms, MAJORITY, COLOUR_HISTOGRAM):
            estimates = data.arm(experiment, arm)["selections"]["recipe"]
            accuracy = pick(estimates, "accuracy")
            assert accuracy is not None
            rows.append(
                {
                    "split": protocol_name(data, experiment),
                    "model": model_name(arm),
                    "accuracy %": with_interval(accuracy),
                    "by image only": interval(accuracy["low_images"], accuracy["high_images"], "accuracy"),
                    "balanced %": with_interval(pick(estimates, "balanced_accuracy")),
                    "MCC": with_interval(pick(estimates, "mcc")),
                    "AUC": with_interval(pick(estimates, "auc")),
                    "images": count(accuracy["n_images"]),
                    "patients": _patients(data, experiment),
                    "groups": f"{accuracy['n_groups']} (effective {number(accuracy['effective_groups'], digits=1)})",
                    "seeds": str(accuracy["n_seeds"]),
                }
            )
    return rows


def _patients(data: ReportData, experiment: str) -> str:
    if data.splits[experiment]["certificate"]["evidence"] == "absent":
        return "not published"
    return count(data.arm(experiment, MAJORITY)["patients"]["n_patients"])


def size_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return one row an experiment and arm: effective beside original sizes, what the split shares, deviations."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        split, receipt = data.splits[experiment], data.receipts[experiment]
        shared = {k: v for k, v in split["certificate"]["shared"].items() if v}
        for arm, facts in receipt["arms"].items() or [("no network", None)]:
            runs = [run for run in receipt["runs"] if run["arm"] == arm]
            seeds = len({run["seed"] for run in runs}) or 1
            rows.append(
                {
                    "split": protocol_name(data, experiment),
                    "arm": arm,
                    "source": data.experiments[experiment].source,
                    "images of the publisher's": f"{count(split['sizes']['n_images'])} of {count(split['sizes']['n_images_published'])}",
                    "epochs of the paper's": f"{facts['epochs']} of {facts['epochs_published']}" if facts else "–",
                    "folds × seeds": f"{len(receipt['folds'])} × {seeds}",
                    "training rows": training_rows(data, experiment),
                    "shared by training and test": ", ".join(f"{v:,} {k.replace('_', ' ')}" for k, v in shared.items())
                    or "nothing",
                    "deviations": _deviations(facts) if facts else "–",
                }
            )
    return rows


def _deviations(facts: dict[str, Any]) -> str:
    """Return how an arm's runs together differ from the paper's, and which folds do not differ from the paper's own."""
    if not facts["deviations"]:
        return "none"
    named = ", ".join(DEVIATIONS[d] for d in facts["deviations"])
    whole = [fold for fold, deviations in facts["fold_deviations"].items() if not deviations]
    return f"{named}; none in fold {', '.join(whole)} by itself" if whole else named


def training_rows(data: ReportData, experiment: str) -> str:
    """Return how many rows the models of an experiment were trained on: one number, or from least to most of its folds."""
    sizes = [fold["n_train_rows"] for fold in data.receipts[experiment]["folds"]]
    low, high = min(sizes), max(sizes)
    return count(low) if low == high else f"{count(low)} to {count(high)}"


def metric_rows(data: ReportData) -> list[dict[str, Any]]:
    """Return every estimate of every network and experiment, per class, per fold and averaged: shares as fractions, null where undefined."""
    kept = (
        "metric",
        "class_",
        "average",
        "aggregation",
        "value",
        "low",
        "high",
        "low_images",
        "high_images",
        "method",
        "note",
    )
    return [
        {
            "study": f"{spec.paper}.{spec.study}",
            "experiment": experiment,
            "split": protocol_name(data, experiment),
            "arm": arm,
        }
        | {key.removesuffix("_"): e[key] for key in kept}
        for experiment, spec in data.experiments.items()
        for arm in spec.arms
        for e in data.arm(experiment, arm)["selections"]["recipe"]
    ]


def selection_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return accuracy at the last epoch, the best on validation and the best on test, side by side."""
    rows = []
    names = {
        "recipe": "as the recipe says",
        "last": "last epoch",
        "best_validation": "best on validation",
        "best_test": "best on test (a leak)",
    }
    for experiment in data.experiments_of(paper, study):
        for arm in data.experiments[experiment].arms:
            entry = data.arm(experiment, arm)
            row = {"split": protocol_name(data, experiment), "arm": arm}
            for key, name in names.items():
                row[name] = (
                    with_interval(pick(entry["selections"][key], "accuracy"))
                    if key in entry["selections"]
                    else "no validation part"
                )
            runs = [r for r in data.receipts[experiment]["runs"] if r["arm"] == arm]
            row["training accuracy %"] = percent(sum(r["train_accuracy"] for r in runs) / len(runs))
            rows.append(row)
    return rows


def patient_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return results a patient: how many are called right by the mean score, and the worst."""
    rows = []
    for experiment in data.experiments_of(paper, study):
        for arm in data.experiments[experiment].arms:
            p = data.arm(experiment, arm)["patients"]
            worst = ", ".join(
                f"{w['patient']} ({percent(w['images_right'], digits=0)} % of {w['n_images']})" for w in p["worst"]
            )
            rows.append(
                {
                    "split": protocol_name(data, experiment),
                    "arm": arm,
                    "right of all": f"{number(p['n_right'], digits=1)} of {p['n_patients']}",
                    "%": f"{percent(p['accuracy'])} [{interval(p['interval'][0], p['interval'][1], 'accuracy')}]",
                    "worst (images right)": worst,
                    "note": p["note"],
                }
            )
    return rows


def claim_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return claimed beside reproduced for every compared claim of a study, with its verdict and findings."""
    rows = []
    ledger = data.papers[paper]
    for verdict in data.verdicts["verdicts"]:
        question = data.verdicts["questions"][verdict["claim"]]
        if not verdict["claim"].startswith(paper + ".") or ledger.claim(verdict["claim"]).study != study:
            continue
        claim = ledger.claim(verdict["claim"])
        findings = [f for f in data.findings if claim.id in f["claims"] and f["status"] != "consistent"]
        rows.append(
            {
                "claim": f"{claim.id}{' (headline)' if verdict['headline'] else ''}",
                "model": claim.model,
                "metric": " ".join(
                    x
                    for x in (
                        claim.metric,
                        claim.class_,
                        claim.average,
                        claim.fold and f"fold {claim.fold}",
                        claim.condition,
                    )
                    if x
                ),
                "printed": f"{claim.value}{' %' if claim.unit == '%' else ''} ({claim.where})",
                "reproduced as published": _reproduced(question["faithful"]),
                "reproduced honestly": _reproduced(question["honest"]),
                "verdict": f"{verdict['verdict']}: {verdict['reason']}",
                "smallest margin": f"{percent(verdict['smallest_margin'])} points"
                if verdict["smallest_margin"] is not None and verdict["verdict"] != "inconsistent as printed"
                else "–",
                "findings": ", ".join(f"{f['id']} ({f['status']})" for f in findings) or "none",
            }
        )
    return rows


def _reproduced(found: list[dict[str, Any]]) -> str:
    return "<br>".join(with_interval(r["estimate"]) + _how(r) for r in found) or "not run"


def _how(reproduced: dict[str, Any]) -> str:
    """Return the definition where the claim states none, and that originals are counted where the claim counts their copies."""
    originals = f"{count(reproduced['estimate']['n_images'])} originals, their copies averaged"
    parts = [reproduced["definition"], originals if COPIES_AVERAGED in reproduced["estimate"]["note"] else ""]
    told = "; ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def assumed_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return what the paper leaves open and what was chosen, for the arms that ran."""
    ledger = data.papers[paper]
    names = dict.fromkeys(
        a for experiment in data.experiments_of(paper, study) for a in data.experiments[experiment].arms
    )
    sources: dict[str, Any] = {}
    for name in names:
        arm = ledger.arms[name]
        sources[f"network {arm.network}"] = ledger.networks[arm.network].assumed
        sources[f"recipe {arm.recipe}"] = ledger.recipes[arm.recipe].assumed
    return [
        {
            "of": of,
            "open in the paper": a.field,
            "chosen": a.value,
            "could also be": "; ".join(map(str, a.alternatives)) or "–",
            "why": a.reason,
        }
        for of, assumed in sources.items()
        for a in assumed
    ]


def parameter_rows(data: ReportData) -> list[dict[str, str]]:
    """Return claimed parameter counts beside ours."""
    return [
        {
            "paper": row["paper"],
            "network": row["network"],
            "printed": f"{row['claimed']} ({row['where']})",
            "ours, PyTorch": count(row["pytorch_total"]),
            "ours, Keras": count(row["keras_total"]),
            "trainable": count(row["pytorch_trainable"]),
            "difference": row["difference"],
            "reading": row["reading"],
        }
        for row in data.parameters
    ]


def time_rows(data: ReportData) -> list[dict[str, str]]:
    """Return measured times by experiment and arm. Everything here is measured and differs between machines."""
    rows = []
    for experiment, arms in data.times.items():
        for arm, t in arms.items():
            per_epoch = t["per_epoch"]
            rows.append(
                {
                    "experiment": experiment,
                    "arm": arm,
                    "one epoch (measured)": seconds(per_epoch["value"]),
                    "95 %": f"{seconds(per_epoch['low'])} to {seconds(per_epoch['high'])}"
                    if per_epoch["low"] is not None
                    else per_epoch["note"],
                    "images/s": number(t["images_per_s"], digits=0),
                    "a run in all": seconds(t["wall_s"]),
                    "peak memory": f"{t['peak_memory_mib']:,.0f} MiB",
                    "hardware": t["hardware"],
                }
            )
    return rows


def finding_rows(data: ReportData, paper: str) -> list[dict[str, str]]:
    """Return the serious findings on a paper, most serious first."""
    serious = [f for f in data.findings if f["paper"] == paper and f["status"] in {"inconsistent", "implausible"}]
    return [{"finding": f["id"], "status": f["status"], "place": f["where"], "what": f["statement"]} for f in serious]
