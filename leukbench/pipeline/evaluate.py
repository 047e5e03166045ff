"""What the evaluate stage says of an experiment beside its metrics: thresholds, calibration, the patient probe, unknown
patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from leukbench.artefacts import is_trivial
from leukbench.evaluation.evaluated import ArmEvaluation, Evaluation, PatientSummary, SeedVariance, Unknown
from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import experiment_file
from leukbench.pipeline.results import PREDICTIONS, Result, as_predictions, classes_of
from leukbench.records import Estimate, Predictions, json_text

if TYPE_CHECKING:
    from leukbench.evaluation.controls import Probe
    from leukbench.evaluation.operating import Calibration, ChosenPoint
    from leukbench.evaluation.patients import PatientResults
    from leukbench.evaluation.tables import SeedScatter


def unit_probes(table: Any) -> dict[str, Probe]:
    """Return probe name -> how often it names the patient (or group); empty where nobody could be probed."""
    from leukbench.evaluation.controls import probe_result

    found: dict[str, Probe] = {}
    for name, rows in table.groupby("probe", sort=False):
        columns = (rows[c].to_numpy(dtype=str) for c in ("truth", "predicted", "label"))
        found[str(name)] = probe_result(*columns, unit=str(rows["unit"].iloc[0]))
    return found


def chosen_on_validation(
    test: Predictions, validation: Predictions
) -> tuple[tuple[ChosenPoint, ...], Calibration | None]:
    """Return a network's operating points and calibration, both chosen on validation images alone."""
    import numpy as np

    from leukbench.evaluation.operating import calibration, operating_points

    if np.isnan(test.scores).any():
        return (), None
    return operating_points(test, validation), calibration(test, validation)


def unknown_patients(params: Params, name: str, estimates: Sequence[Estimate]) -> Unknown | None:
    """Return the design-effect sensitivity of a network's accuracy where patient ids are absent or inferred.

    The number of patients is the one that the source's card states for the pools that take part. None where ids are
    published, or no number is stated.
    """
    from leukbench.evaluation.reservations import design_effect_sensitivity
    from leukbench.sources import load_source

    certificate = Result(params, name).certificate
    evidence, rule = certificate.evidence, certificate.rule
    of_pool = load_source(params.experiment(name).source).card.n_patients
    stated = sum(of_pool[pool] for pool in {*rule.pool, *rule.test_pool} or set(of_pool))
    if evidence == "verified" or stated < 2:
        return None
    accuracy = next(e for e in estimates if e.metric == "accuracy" and e.aggregation == "pooled")
    if accuracy.n_images < stated:
        note = f"{accuracy.n_images} images are fewer than the stated patients"
        return Unknown(n_patients=stated, evidence=evidence, rows=(), note=note)
    seeds = accuracy.seed_variance / max(accuracy.n_seeds, 1), accuracy.seed_df
    rows = design_effect_sensitivity(accuracy.value, accuracy.n_images, n_patients=stated, seeds=seeds)
    return Unknown(n_patients=stated, evidence=evidence, rows=rows)


BRIEF = frozenset({"accuracy", "balanced_accuracy", "mcc", "auc"})
"""The metrics of trivial models and of selections other than the last epoch."""


def evaluate(params: Params, name: str) -> str:
    """Write an experiment's estimates: all metrics of each network, the brief ones of trivial models and other
    selections.

    Beside them what was chosen on validation images (thresholds, temperatures), the patient probe, and how much wider
    an interval would be for patients that nobody can identify.

    Parameters
    ----------
    params
        Of the profile.
    name
        Of the experiment; its predictions must be there.

    Returns
    -------
    One line: how many models were evaluated.
    """
    from leukbench.evaluation.estimates import seed_scatter
    from leukbench.evaluation.likeness import likeness

    params.experiment(name)
    of = Result(params, name)
    table, validation, probed = (of.predicted(suffix) for suffix in PREDICTIONS)
    classes = classes_of(table)
    networks = table[(table["selection"] == "recipe") & ~table["arm"].map(is_trivial)]
    of_arms = [as_predictions(rows, classes) for _, rows in networks.groupby("arm", sort=False)]
    scatter = seed_scatter(of_arms)
    arms = {}
    for arm, rows in table.groupby("arm", sort=False):
        held_out = as_predictions(validation[validation["arm"] == arm], classes)
        arms[str(arm)] = _evaluated_arm(params, name, str(arm), rows, held_out, scatter)
    result = Evaluation(
        classes=classes,
        seed_variance=_seed_variances(scatter),
        likeness=likeness(of_arms),
        arms=arms,
        probes=unit_probes(probed),
        made_from=of.receipt_digest,
    )
    write_text(experiment_file(params, "estimates", name, ".json"), json_text(result), summed=True)
    return f"{name}: {len(arms)} models evaluated"


def _seed_variances(scatter: SeedScatter) -> tuple[SeedVariance, ...]:
    return tuple(
        SeedVariance(metric=metric, class_=class_, average=average, aggregation=aggregation, variance=s2, df=df)
        for (metric, class_, average, aggregation), (s2, df) in scatter.items()
    )


def _evaluated_arm(
    params: Params, name: str, arm: str, rows: Any, held_out: Predictions, scatter: SeedScatter
) -> ArmEvaluation:
    """Return what is said of one model; of a trivial one only the brief metrics."""
    from leukbench.evaluation.estimates import estimate_predictions, majority_accuracy
    from leukbench.evaluation.patients import patient_results

    of_selection = {str(s): as_predictions(part, held_out.classes) for s, part in rows.groupby("selection", sort=False)}
    chosen = of_selection["recipe"]
    if is_trivial(arm):
        selections = {s: _brief(estimate_predictions(p)) for s, p in of_selection.items()}
        patients = _summary(patient_results(chosen))
        return ArmEvaluation(selections=selections, majority_accuracy=majority_accuracy(chosen), patients=patients)
    estimates = estimate_predictions(chosen, scatter=scatter)
    selections = {
        s: estimates if s == "recipe" else _brief(estimate_predictions(p, scatter=None))
        for s, p in of_selection.items()
    }
    points, calibrated = chosen_on_validation(chosen, held_out)
    return ArmEvaluation(
        selections=selections,
        majority_accuracy=majority_accuracy(chosen),
        patients=_summary(patient_results(chosen)),
        operating=points,
        calibration=calibrated,
        unknown_patients=unknown_patients(params, name, estimates),
    )


def _brief(estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
    return tuple(e for e in estimates if e.metric in BRIEF and e.aggregation in {"pooled", "mean"})


def _summary(results: PatientResults) -> PatientSummary:
    """Return results a patient without the list of all patients."""
    return PatientSummary(
        n_patients=results.n_patients,
        n_right=results.n_right,
        accuracy=results.accuracy,
        interval=(results.interval.low, results.interval.high),
        worst=results.worst,
        note=results.note,
    )
