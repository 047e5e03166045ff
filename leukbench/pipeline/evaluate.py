"""What the evaluate stage says of an experiment beside its metrics: thresholds, calibration, the patient probe, unknown patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import experiment_file, read_json
from leukbench.pipeline.results import PREDICTIONS, as_predictions, classes_of, read_predictions
from leukbench.records import Estimate, Predictions, as_plain, json_text


def unit_probes(table: Any) -> dict[str, Any]:
    """Return probe name -> how often it names the patient (or group); empty where nobody could be probed."""
    from leukbench.evaluation.controls import probe_result

    found: dict[str, Any] = {}
    for name, rows in table.groupby("probe", sort=False):
        columns = (rows[c].to_numpy(dtype=str) for c in ("truth", "predicted", "label"))
        found[str(name)] = probe_result(*columns, unit=str(rows["unit"].iloc[0]))
    return found


def chosen_on_validation(test: Predictions, validation: Predictions) -> dict[str, Any]:
    """Return a network's operating points and calibration, both chosen on validation images alone."""
    import numpy as np

    from leukbench.evaluation.operating import calibration, operating_points

    if np.isnan(test.scores).any():
        return {"operating": [], "calibration": None}
    return {"operating": list(operating_points(test, validation)), "calibration": calibration(test, validation)}


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Patients that nobody can identify: how many the publisher states, and what the accuracy's interval would be."""

    n_patients: int
    evidence: str
    rows: tuple[Any, ...]
    note: str = ""


def unknown_patients(params: Params, name: str, estimates: Sequence[Estimate]) -> Unknown | None:
    """Return the design-effect sensitivity of a network's accuracy where patient ids are absent or inferred.

    The number of patients is the one that the source's card states for the pools that take part. None where ids are published, or
    no number is stated.
    """
    from leukbench.evaluation.reservations import design_effect_sensitivity
    from leukbench.sources import load_source

    certificate = read_json(experiment_file(params, "splits", name, ".certificate.json"), stage="split")
    evidence, rule = certificate["evidence"], certificate["rule"]
    of_pool = load_source(params.experiment(name).source).card.n_patients
    stated = sum(of_pool[pool] for pool in {*rule["pool"], *rule["test_pool"]} or set(of_pool))
    if evidence == "verified" or stated < 2:
        return None
    accuracy = next(e for e in estimates if e.metric == "accuracy" and e.aggregation == "pooled")
    if accuracy.n_images < stated:
        note = f"{accuracy.n_images} images are fewer than the stated patients"
        return Unknown(n_patients=stated, evidence=evidence, rows=(), note=note)
    rows = design_effect_sensitivity(accuracy.value, accuracy.n_images, n_patients=stated)
    return Unknown(n_patients=stated, evidence=evidence, rows=rows)


BRIEF = frozenset({"accuracy", "balanced_accuracy", "mcc", "auc"})
"""The metrics of trivial models and of selections other than the last epoch."""


def evaluate(params: Params, name: str) -> str:
    """Write an experiment's estimates: all metrics of each network, the brief ones of trivial models and other selections.

    Beside them what was chosen on validation images (thresholds, temperatures), the patient probe, and how much wider an interval
    would be for patients that nobody can identify.
    """
    from leukbench.evaluation.estimates import estimate_predictions, majority_accuracy, seed_scatter
    from leukbench.evaluation.likeness import likeness
    from leukbench.evaluation.patients import patient_results

    params.experiment(name)
    table, validation, probed = (read_predictions(experiment_file(params, "predictions", name, s)) for s in PREDICTIONS)
    classes = classes_of(table)
    networks = table[(table["selection"] == "recipe") & ~table["arm"].str.startswith("trivial:")]
    of_arms = [as_predictions(rows, classes) for _, rows in networks.groupby("arm", sort=False)]
    scatter = seed_scatter(of_arms)
    variances = [{"key": list(key), "variance": s2, "df": df} for key, (s2, df) in scatter.items()]
    result: dict[str, Any] = {
        "classes": list(classes),
        "seed_variance": variances,
        "likeness": likeness(of_arms),
        "arms": {},
    }
    result["probes"] = unit_probes(probed)
    for (arm, selection), rows in table.groupby(["arm", "selection"], sort=False):
        predictions = as_predictions(rows, classes)
        trivial = str(arm).startswith("trivial:")
        estimates = estimate_predictions(predictions, scatter=None if trivial or selection != "recipe" else scatter)
        if trivial or selection != "recipe":
            estimates = tuple(e for e in estimates if e.metric in BRIEF and e.aggregation in {"pooled", "mean"})
        entry = result["arms"].setdefault(str(arm), {})
        entry[str(selection)] = {"estimates": list(estimates)}
        if selection == "recipe":
            entry["majority_accuracy"] = majority_accuracy(predictions)
            if not trivial:
                entry["patients"] = _patients(patient_results(predictions))
                held_out = as_predictions(validation[validation["arm"] == arm], classes)
                entry.update(chosen_on_validation(predictions, held_out))
                entry["unknown_patients"] = unknown_patients(params, name, estimates)
    write_text(experiment_file(params, "estimates", name, ".json"), json_text(result))
    return f"{name}: {len(result['arms'])} models evaluated"


def _patients(results: Any) -> dict[str, Any]:
    """Return results a patient without the list of all patients."""
    plain: dict[str, Any] = as_plain(results)
    plain.pop("patients")
    return {**plain, "interval": [results.interval.low, results.interval.high]}
