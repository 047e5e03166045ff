"""Transfers: train on all of one source, test on all of another. Splits, stores, and the results beside the in-domain ones."""

from __future__ import annotations

from typing import Any

from leukbench.params import Params
from leukbench.pipeline.layout import experiment_file, read_json
from leukbench.records import Experiment, as_plain

GAPS = ("accuracy", "balanced_accuracy", "mcc", "auc", "ece")


# ------------------------------------------------------------------------------------------------- what comes of it


def transfer_results(params: Params) -> list[dict[str, Any]]:
    """Return one row a transfer and arm: results on the other source beside those under ``patient``, and the shift."""
    return [row for name in params.transfers for row in _results(params, name)]


def _results(params: Params, name: str) -> list[dict[str, Any]]:
    experiment = params.transfers[name]
    plan = read_json(experiment_file(params, "splits", name, ".plan.json"), stage="split")["transfer"]
    certificate = read_json(experiment_file(params, "splits", name, ".certificate.json"), stage="split")
    receipt = read_json(experiment_file(params, "predictions", name, ".receipt.json"), stage="train")
    rows = []
    for arm in experiment.arms:
        within = _in_domain(params, experiment, arm)
        rows.append(
            {
                "transfer": name,
                "paper": experiment.paper,
                "study": experiment.study,
                "arm": arm,
                "in_domain_experiment": within,
                "plan": plan,
                "sizes": receipt["sizes"],
                "receipt": receipt["arms"][arm],
                "n_train_rows": sorted({run["n_train_rows"] for run in receipt["runs"] if run["arm"] == arm}),
                "certificate": {k: certificate[k] for k in ("sentence", "declares", "evidence", "self_sha256")},
                **_compared(params, name, arm, within, plan["common_of"]),
            }
        )
    return rows


def _in_domain(params: Params, experiment: Experiment, arm: str) -> str:
    """Return the experiment that tests an arm by patient within the source, one with the same limits first; "" if none does."""
    same = [
        name
        for name, other in params.experiments.items()
        if other.protocol == "patient" and arm in other.arms
        and (other.paper, other.study, other.source) == (experiment.paper, experiment.study, experiment.source)
    ]  # fmt: skip
    return min(same, key=lambda name: params.experiments[name].limits != experiment.limits, default="")


def _compared(params: Params, name: str, arm: str, within: str, common_of: dict[str, str]) -> dict[str, Any]:
    from leukbench.evaluation.estimates import estimate_predictions, majority_accuracy
    from leukbench.evaluation.transfer import accuracy_at_prevalence, merge_predictions, prevalence, transfer_gap

    classes, there = _predictions(params, name, arm)
    _, histogram = _predictions(params, name, "trivial:colour_histogram")
    estimates = _main(estimate_predictions(there, patient_level=False))
    result: dict[str, Any] = {
        "classes": list(classes),
        "metrics": {m: {"transferred": estimates[m], "within": None, "gap": None} for m in GAPS},
        "majority_accuracy": majority_accuracy(there),
        "histogram": _main(estimate_predictions(histogram, patient_level=False))["accuracy"],
        "prevalence": {"transferred": prevalence(there).tolist(), "within": None},
        "accuracy_at_source_prevalence": None,
    }
    if within:
        _, own = _predictions(params, within, arm)
        here = merge_predictions(own, common_of, classes)
        of_source = _main(estimate_predictions(here, patient_level=False))
        for metric, row in result["metrics"].items():
            row["within"] = of_source[metric]
            row["gap"] = transfer_gap(of_source[metric], estimates[metric])
        shares = prevalence(here)
        result["prevalence"]["within"] = shares.tolist()
        result["accuracy_at_source_prevalence"] = accuracy_at_prevalence(there, shares)
    plain: dict[str, Any] = as_plain(result)
    return plain


def _predictions(params: Params, name: str, arm: str) -> tuple[tuple[str, ...], Any]:
    from leukbench.pipeline.results import as_predictions, classes_of, read_predictions

    table = read_predictions(experiment_file(params, "predictions", name, ".parquet"))
    rows = table[(table["arm"] == arm) & (table["selection"] == "recipe")]
    return classes_of(table), as_predictions(rows, classes_of(table))


def _main(estimates: Any) -> dict[str, Any]:
    """Return the estimates over all classes and folds by metric."""
    found: dict[str, Any] = {}
    for e in estimates:
        if not e.class_ and not e.aggregation.startswith("fold:"):
            found.setdefault(e.metric, e)
    return found
