"""Reading back what earlier stages wrote; the one room that knows their files."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leukbench.evaluation.likeness import Likeness
from leukbench.params import Params
from leukbench.paths import out_folder
from leukbench.pipeline.layout import experiment_file, read_json
from leukbench.records import Estimate, Finding, Grade, Predictions
from leukbench.verdicts.questions import EvaluatedExperiment


def estimate_from_plain(plain: Mapping[str, Any]) -> Estimate:
    """Return an estimate from its JSON data, where null stands for what is no finite number."""
    values: dict[str, Any] = {k: math.nan if v is None else v for k, v in plain.items()}
    return Estimate(**{**values, "grade": Grade(values.get("grade", Grade.NONE))})


def split_of(params: Params, name: str) -> dict[str, Any]:
    certificate = read_json(experiment_file(params, "splits", name, ".certificate.json"), stage="split")
    plan = read_json(experiment_file(params, "splits", name, ".plan.json"), stage="split")
    return {"certificate": certificate, **plan}


PREDICTIONS = (".parquet", ".validation.parquet", ".probe.parquet")
"""An experiment's predictions: of the test images, of the validation images, and of the patient probe. Estimates speak of the first."""


def read_predictions(file: Path) -> Any:
    """Return an experiment's table of predictions (parquet). Raises DataError where it is missing."""
    import pandas as pd

    from leukbench.errors import DataError

    try:
        return pd.read_parquet(file)
    except OSError as error:
        raise DataError(
            "an experiment has no predictions", where=str(file), found=str(error), do="run the train stage"
        ) from error


def as_predictions(table: Any, classes: Sequence[str]) -> Predictions:
    """Return rows of one arm and selection as Predictions."""
    import numpy as np

    text = {c: table[c].to_numpy(dtype=str) for c in ("image_id", "group", "origin", "patient")}
    codes = {c: i for i, c in enumerate(classes)}
    return Predictions(
        classes=tuple(classes),
        label=table["label"].map(codes).to_numpy(dtype=np.int64),
        predicted=table["predicted"].map(codes).to_numpy(dtype=np.int64),
        scores=np.stack([table[f"score_{c}"].to_numpy(dtype=np.float64) for c in classes], axis=1),
        fold=table["fold"].to_numpy(dtype=np.int64),
        seed=table["seed"].to_numpy(dtype=np.int64),
        **text,
    )


def classes_of(table: Any) -> tuple[str, ...]:
    """Return the study's classes in output order, from the score columns."""
    return tuple(c.removeprefix("score_") for c in table.columns if c.startswith("score_"))


def evaluated_experiments(params: Params) -> list[EvaluatedExperiment]:
    """Return every experiment of the profile with its estimates, in the order of params.yaml."""
    return [_evaluated(params, name) for name in params.experiments]


def _evaluated(params: Params, name: str) -> EvaluatedExperiment:
    experiment = params.experiments[name]
    plain = read_json(experiment_file(params, "estimates", name, ".json"), stage="evaluate")
    receipt = read_json(experiment_file(params, "predictions", name, ".receipt.json"), stage="train")
    certificate = read_json(experiment_file(params, "splits", name, ".certificate.json"), stage="split")
    plan = read_json(experiment_file(params, "splits", name, ".plan.json"), stage="split")
    arms = {a: e for a, e in plain["arms"].items() if not a.startswith("trivial:")}
    estimates = {a: tuple(estimate_from_plain(p) for p in e["recipe"]["estimates"]) for a, e in arms.items()}
    return EvaluatedExperiment(
        name=name,
        experiment=experiment,
        reading=plan["reading"]["name"],
        evidence=certificate["evidence"],
        estimates=estimates,
        deviations={a: tuple(r["deviations"]) for a, r in receipt["arms"].items()},
        likeness=Likeness(**plain["likeness"]),
    )


def read_findings(params: Params) -> list[Finding]:
    """Return the findings of the audit stage."""
    plain = read_json(out_folder(params.profile, "findings.json"), stage="audit")
    tuples = ("claims", "accused")
    rows: list[dict[str, Any]] = [{k: tuple(v) if k in tuples else v for k, v in f.items()} for f in plain]
    return [Finding(**row) for row in rows]


def estimates_of(params: Params, name: str) -> dict[str, Any]:
    """Return what the evaluate stage wrote of an experiment, by arm."""
    found: dict[str, Any] = read_json(experiment_file(params, "estimates", name, ".json"), stage="evaluate")["arms"]
    return found


def seed_variance_of(params: Params, names: Sequence[str], metric: str) -> tuple[float, float] | None:
    """Return s² between seeds of a metric over all folds and its df, pooled over the arms of some experiments; None if unknown."""
    found = [
        (v["variance"], v["df"])
        for name in names
        for v in read_json(experiment_file(params, "estimates", name, ".json"), stage="evaluate")["seed_variance"]
        if v["key"][0] == metric
        and not v["key"][1]
        and v["key"][2] in ("none", "macro")
        and v["key"][3] in ("pooled", "mean")
    ]
    df = sum(part[1] for part in found)
    return (sum(variance * own for variance, own in found) / df, df) if df > 0 else None


def overall(estimates: list[dict[str, Any]], metric: str) -> dict[str, Any]:
    """Return the estimate of a metric over all classes and folds."""
    return next(
        e for e in estimates if e["metric"] == metric and not e["class_"] and not e["aggregation"].startswith("fold:")
    )


def training_sizes(params: Params, name: str) -> set[int]:
    """Return the numbers of training rows of an experiment's runs, which are the same for all its models."""
    receipt = read_json(experiment_file(params, "predictions", name, ".receipt.json"), stage="train")
    return {run["n_train_rows"] for run in receipt["runs"]}


def all_single(params: Params, name: str) -> bool:
    """Return whether every group of a split is one image."""
    certificate = read_json(experiment_file(params, "splits", name, ".certificate.json"), stage="split")
    roles = certificate["folds"][0]["roles"].values()
    return bool(sum(r["groups"] for r in roles) == sum(r["images"] for r in roles))
