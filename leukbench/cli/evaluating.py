"""What the evaluate stage says of a cell beside its metrics: thresholds, calibration, the patient probe, unknown patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leukbench.cli.layout import cell_file, read_json
from leukbench.params import Params
from leukbench.records import Estimate, Predictions


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

    certificate = read_json(cell_file(params, "splits", name, ".certificate.json"), stage="split")
    evidence, rule = certificate["evidence"], certificate["rule"]
    of_pool = load_source(params.cell(name).source).card.n_patients
    stated = sum(of_pool[pool] for pool in {*rule["pool"], *rule["test_pool"]} or set(of_pool))
    if evidence == "verified" or stated < 2:
        return None
    accuracy = next(e for e in estimates if e.metric == "accuracy" and e.aggregation == "pooled")
    if accuracy.n_images < stated:
        note = f"{accuracy.n_images} images are fewer than the stated patients"
        return Unknown(n_patients=stated, evidence=evidence, rows=(), note=note)
    rows = design_effect_sensitivity(accuracy.value, accuracy.n_images, n_patients=stated)
    return Unknown(n_patients=stated, evidence=evidence, rows=rows)
