"""Score a user's predictions: all metrics with group-level and image-level intervals, and verdicts on
a paper's claims.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from leukbench.errors import InputError
from leukbench.evaluation.estimates import majority_accuracy
from leukbench.evaluation.patients import average_copies, patient_results
from leukbench.records import Estimate, Predictions, json_text
from leukbench.tools.score.estimates import by_patient, confusion, estimates_of, remark_on_trainings, tied_patients
from leukbench.tools.score.predictions import LoadedPredictions, load_predictions
from leukbench.tools.score.remarks import remarks_on
from leukbench.tools.tables.rows import Table, read_table

Plain = dict[str, Any]
PROTOCOL, MARGIN = "patient", 0.02
"""How predictions that are held against claims were made, and the margin, where nobody says otherwise."""
_OF_CLAIMS = {
    "study": "is whose claims the predictions are held against",
    "protocol": "says as what the predictions are held against claims",
    "margin": "is of the differences from claims",
}
_OF_PATIENTS = frozenset({"accuracy", "balanced_accuracy", "mcc", "recall", "specificity", "auc"})


def score(
    file: Path, claims: str | Path | None, format: str, *,
    protocol: str = "", study: str = "", arm: str = "", margin: float | None = None, selection: str = "",
    mapping: Sequence[str] = (), logits: bool = False, where: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return the scores of a CSV or parquet file of predictions, as ``json`` or ``md`` text; nothing leaves this
    machine.

    JSON: ``metrics`` (name -> ``value, ci95, ci95_images, method, grade, note``, fractions; null where undefined),
    ``n_images, n_groups, n_rows, classes, grouped_by, majority_accuracy, folds`` (fold -> metrics, where there are
    several), ``patients``, ``confusion_matrix`` (``rows`` actual, in the order of ``classes``), ``by_patient``
    (``confusion_matrix`` and ``metrics`` of patients called by their mean score), ``unread_columns``, ``remarks`` (what
    was done to the file, and what it contradicts itself in) and, with ``claims`` (a paper's key or file), ``verdicts``:
    these predictions held against the paper's claims about ``arm`` as results under ``protocol`` (``patient`` or
    ``as_published``).

    Parameters
    ----------
    file
        CSV or parquet, a row an image.
    claims
        A paper's key or file whose claims to hold the predictions against, or None.
    format
        ``json`` or ``md``.
    protocol
        How the predictions were made: ``patient`` (also where it is "") or ``as_published``.
    study, arm
        Whose claims; "" where there is one.
    margin
        Of equivalence, as a fraction; None for 0.02.
    selection, mapping, logits, where
        As in :func:`leukbench.tools.score.predictions.load_predictions`.

    Returns
    -------
    The text.

    Raises
    ------
    InputError
        With line, column and value for a file that cannot be used.
    """
    result = results(
        file,
        claims,
        protocol=protocol,
        study=study,
        arm=arm,
        margin=margin,
        selection=selection,
        mapping=mapping,
        logits=logits,
        where=where,
    )
    if format == "json":
        return json_text(result).rstrip("\n")
    from leukbench.tools.score.page import page

    return page(result, file.name)


def results(
    file: Path | Table, claims: str | Path | None = None, *,
    protocol: str = "", study: str = "", arm: str = "", margin: float | None = None, selection: str = "",
    mapping: Sequence[str] = (), logits: bool = False, where: Sequence[str] = (),
) -> Plain:  # fmt: skip
    """Return the scores of predictions as JSON data (:func:`score` names its keys)."""
    if claims is None:
        _refuse_without_claims(study=study, protocol=protocol, margin="" if margin is None else f"{margin:g}")
    table = file if isinstance(file, Table) else read_table(file)
    of_file = arm if claims is None or "arm" in table.header else ""
    loaded = load_predictions(table, mapping=mapping, logits=logits, arm=of_file, selection=selection, where=where)
    estimates = estimates_of(loaded.predictions)
    result = scored(loaded, estimates)
    if claims is not None:
        from leukbench.tools.score.claims import hold

        result["verdicts"] = hold(
            str(claims), loaded, estimates, protocol=protocol or PROTOCOL, study=study, arm=arm,
            margin=MARGIN if margin is None else margin,
        )  # fmt: skip
    return result


def _refuse_without_claims(**given: str) -> None:
    """Raise InputError for an option that speaks of claims where none are given."""
    for name, value in given.items():
        if value:
            raise InputError(
                f"a {name} {_OF_CLAIMS[name]}", where=f"--{name} {value}",
                expected="--claims with a paper's key or file", found="no --claims",
                do=f"add --claims, or leave --{name} out",
            )  # fmt: skip


def scored(loaded: LoadedPredictions, estimates: Sequence[Estimate]) -> Plain:
    """Return everything that is said about the predictions, as JSON data."""
    p = average_copies(loaded.predictions)
    folds = sorted(set(p.fold.tolist()))
    return {
        "metrics": {metric_name(e): _plain(e) for e in estimates if not e.aggregation.startswith("fold:")},
        "n_images": len(p.images[0]),
        "n_groups": len(set(p.group.tolist())),
        "n_rows": len(loaded.predictions),
        "n_seeds": len(set(p.seed.tolist())),
        "grouped_by": loaded.unit,
        "classes": _class_sizes(p),
        "majority_accuracy": _number(majority_accuracy(loaded.predictions)),
        "folds": _folds(estimates, folds) if len(folds) > 1 else {},
        "confusion_matrix": confusion(p),
        "patients": _patients(loaded.predictions),
        "by_patient": _by_patient(loaded.predictions),
        "unread_columns": list(loaded.unread),
        "remarks": [*remarks_on(loaded), *remark_on_trainings(estimates)],
    }


def metric_name(estimate: Estimate) -> str:
    """Return the key of a metric: ``accuracy``, ``macro_f1``, ``recall:<class>``; an AUC over all classes
    is ``auc``.
    """
    if estimate.class_:
        return f"{estimate.metric}:{estimate.class_}"
    if estimate.metric == "auc" or estimate.average == "none":
        return estimate.metric
    return f"{estimate.average}_{estimate.metric}"


def _plain(e: Estimate) -> Plain:
    return {
        "value": _number(e.value),
        "ci95": [_number(e.low), _number(e.high)],
        "ci95_images": [_number(e.low_images), _number(e.high_images)],
        "method": e.method,
        "method_images": e.method_images,
        "class": e.class_,
        "average": e.average,
        "aggregation": e.aggregation,
        "effective_groups": _number(e.effective_groups),
        "grade": e.grade,
        "note": e.note,
    }


def _number(value: float) -> float | None:
    return float(f"{value:.10g}") if math.isfinite(value) else None


def _folds(estimates: Sequence[Estimate], folds: Sequence[int]) -> dict[str, dict[str, Plain]]:
    return {
        str(fold): {metric_name(e): _plain(e) for e in estimates if e.aggregation == f"fold:{fold}"} for fold in folds
    }


def _class_sizes(p: Predictions) -> dict[str, Plain]:
    """Return images and groups per class."""
    return {
        name: {
            "n_images": len(set(p.image_id[p.label == c].tolist())),
            "n_groups": len(set(p.group[p.label == c].tolist())),
        }
        for c, name in enumerate(p.classes)
    }


def _by_patient(predictions: Predictions) -> Plain:
    """Return the confusion matrix and the metrics of patients as called by their mean score; {} where none can be."""
    called = by_patient(predictions)
    if called is None:
        return {}
    metrics = {metric_name(e): _plain(e) for e in estimates_of(called) if not e.aggregation.startswith("fold:")}
    wanted = {name: m for name, m in metrics.items() if name.split(":")[0] in _OF_PATIENTS}
    return {"confusion_matrix": confusion(called), "metrics": wanted}


def _patients(predictions: Predictions) -> Plain:
    results, tied = patient_results(predictions), tied_patients(predictions)
    ties = f"{tied} with a tie between classes, taken as the one named first" if tied else ""
    return {
        "by": "vote of calls" if np.isnan(predictions.scores).any() else "mean score",
        "n_patients": results.n_patients,
        "n_right": _number(results.n_right),
        "accuracy": _number(results.accuracy),
        "ci95": [_number(results.interval.low), _number(results.interval.high)],
        "worst": [
            {"patient": w.patient, "label": w.label, "n_images": w.n_images, "images_right": _number(w.images_right)}
            for w in results.worst
        ],
        "note": "; ".join(filter(None, (results.note, ties))),
    }
