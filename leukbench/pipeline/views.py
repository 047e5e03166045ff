"""What the figures of a profile are drawn from: predictions, splits and runs, brought into one record a experiment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from leukbench.artefacts import RunReceipt, is_trivial
from leukbench.evaluation.evaluated import overall
from leukbench.evaluation.views import (
    ExperimentView,
    ModelView,
    NetworkView,
    RunCurve,
    SplitShare,
    confusion,
    mean_roc,
    patients_of,
)
from leukbench.params import Params
from leukbench.paths import runs_folder, write_text
from leukbench.pipeline.layout import experiment_file, read_record, read_study, whole
from leukbench.pipeline.record import kept_view
from leukbench.pipeline.results import Result
from leukbench.records import Estimate, json_text
from leukbench.training.finished import is_finished, read_history, read_receipt

if TYPE_CHECKING:
    from leukbench.evaluation.evaluated import ArmEvaluation


def write_views(params: Params) -> None:
    """Write ``out/<profile>/views/<experiment>.json`` for every experiment of the profile.

    Where ``runs/`` no longer has a run, its curve is the one that the file had before, or else the committed record;
    so is the map of a split whose table is not here, as in a workspace laid out from a record.
    """
    for name in params.experiments:
        view = _view(params, Result(params, name), kept_view(params, name))
        write_text(experiment_file(params, "views", name, ".json"), json_text(view), summed=True)


def read_views(params: Params) -> dict[str, ExperimentView]:
    """Return what :func:`write_views` wrote, by experiment."""
    return {
        name: read_record(ExperimentView, experiment_file(params, "views", name, ".json"), stage="report")
        for name in params.experiments
    }


def _view(params: Params, result: Result, kept: ExperimentView | None) -> ExperimentView:
    unit = "group" if result.certificate.evidence == "absent" else "patient"
    tested = result.table[result.table["selection"] == "recipe"]
    return ExperimentView(
        classes=result.classes,
        unit=unit,
        n_patients=int(tested[unit].nunique()),
        reading=result.plan.reading.name,
        n_images=result.plan.sizes.n_images,
        n_images_published=result.plan.sizes.n_images_published,
        models={arm: _model(params, result, arm, entry, kept) for arm, entry in result.evaluation.arms.items()},
        split=_split(params, result.name, unit, kept),
        folds=(len(result.receipt.folds), len(result.certificate.folds)),
    )


def _model(params: Params, result: Result, arm: str, entry: ArmEvaluation, kept: ExperimentView | None) -> ModelView:
    network = None if is_trivial(arm) else _network(params, result, arm, entry, kept)
    return ModelView(accuracy=overall(entry.estimates, "accuracy"), majority=entry.majority_accuracy, network=network)


def _network(
    params: Params, result: Result, arm: str, entry: ArmEvaluation, kept: ExperimentView | None
) -> NetworkView:
    predictions, receipt = result.predictions[arm], result.receipt.arms[arm]
    patients, note = patients_of(predictions)
    runs = [run for run in result.receipt.runs if run.arm == arm]
    return NetworkView(
        confusion=confusion(predictions),
        patients=patients,
        patients_note=note,
        roc=mean_roc(predictions, positive=_positive(params, result)),
        auc=_auc(entry),
        calibration=entry.calibration,
        runs=_curves(runs, kept, arm),
        n_parameters=receipt.n_parameters,
        epochs=receipt.epochs,
        epochs_published=receipt.epochs_published,
        deviations=receipt.deviations,
    )


def _auc(entry: ArmEvaluation) -> Estimate | None:
    try:
        return overall(entry.estimates, "auc")
    except KeyError:
        return None


def _positive(params: Params, result: Result) -> int | None:
    positive = read_study(params, result.experiment).positive
    return result.classes.index(positive) if positive in result.classes else None


def _split(params: Params, name: str, unit: str, kept: ExperimentView | None) -> tuple[SplitShare, ...]:
    """Return how many originals of each patient or group and class stand in each part of each fold."""
    import pandas as pd

    file = experiment_file(params, "splits", name, ".csv")
    if not file.exists() and kept is not None:
        return kept.split
    rows = pd.read_csv(whole(file, stage="split"), dtype=str, keep_default_na=False)
    keys = ["fold", "role", unit, "label"]
    counts = rows.groupby(keys, as_index=False)["origin"].nunique()
    columns = [counts.loc[:, name].tolist() for name in (*keys, "origin")]
    return tuple(
        SplitShare(fold=int(fold), role=role, unit=of, label=label, n_images=int(n))
        for fold, role, of, label, n in zip(*columns, strict=True)
    )


# ----------------------------------------------------------------------------------------------------------- the runs


def _curves(runs: list[RunReceipt], kept: ExperimentView | None, arm: str) -> tuple[RunCurve, ...]:
    """Return runs by epoch from ``runs/``, or else as the committed record keeps them; those that neither has are
    left out.
    """
    network = kept.models[arm].network if kept is not None and arm in kept.models else None
    known = {curve.key: curve for curve in network.runs} if network is not None else {}
    return tuple(curve for run in runs if (curve := _curve(run) or known.get(run.key)) is not None)


def _curve(run: RunReceipt) -> RunCurve | None:
    folder = runs_folder() / run.key
    if not is_finished(folder):
        return None
    read_receipt(folder)
    history = read_history(folder)
    return RunCurve(
        key=run.key,
        fold=run.fold,
        seed=run.seed,
        seconds=_rounded(history["train_s"]),
        train=_rounded(history["train_accuracy"]),
        validation=_shares_right(folder, "validation"),
        test=_shares_right(folder, "test"),
    )


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in values)


def _shares_right(folder: Path, role: str) -> tuple[float, ...]:
    """Return the share of rows of a part that each epoch calls right; empty where the part is."""
    import numpy as np
    import pandas as pd

    rows = pd.read_csv(folder / "rows.csv", dtype=str, keep_default_na=False)
    label = rows.loc[rows["role"] == role, "label"].to_numpy(dtype=np.int64)
    if not len(label):
        return ()
    scores = np.load(folder / f"{role}.npy", allow_pickle=False)
    return _rounded((scores.argmax(axis=2) == label).mean(axis=1))
