"""Transfers: trained on all of one source, tested on all of another; what came of it, beside the results within the
source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from leukbench.artefacts import COLOUR_HISTOGRAM
from leukbench.records import Estimate, Predictions
from leukbench.verdicts.comparison import Prevalence, TransferMetric, TransferResult

if TYPE_CHECKING:
    from leukbench.pipeline.results import Result

GAPS = ("accuracy", "balanced_accuracy", "mcc", "auc", "ece")


def transfer_results(transfers: Mapping[str, Result], experiments: Mapping[str, Result]) -> list[TransferResult]:
    """Return one row a transfer and arm: results on the other source beside those under ``patient``, and the shift."""
    return [
        _compared(result, arm, _within(result, arm, experiments))
        for result in transfers.values()
        for arm in result.experiment.arms
    ]


def _within(transfer: Result, arm: str, experiments: Mapping[str, Result]) -> Result | None:
    """Return the experiment that tests an arm by patient within the source, one with the same limits first."""
    wanted = transfer.experiment
    same = [
        other
        for other in experiments.values()
        if other.experiment.protocol == "patient"
        and arm in other.experiment.arms
        and (other.experiment.paper, other.experiment.study, other.experiment.source)
        == (wanted.paper, wanted.study, wanted.source)
    ]
    return min(same, key=lambda other: other.experiment.limits != wanted.limits, default=None)


def _compared(result: Result, arm: str, within: Result | None) -> TransferResult:
    from leukbench.errors import DataError
    from leukbench.evaluation.estimates import majority_accuracy
    from leukbench.evaluation.transfer import accuracy_at_prevalence, merge_predictions, prevalence

    plan = result.plan.transfer
    if plan is None:
        raise DataError("a transfer was split as something else", where=result.name, do="run the split stage again")
    there = result.predictions[arm]
    here = merge_predictions(within.predictions[arm], plan.common_of, result.classes) if within else None
    shares = None if here is None else prevalence(here)
    return TransferResult(
        transfer=result.name,
        paper=result.experiment.paper,
        study=result.experiment.study,
        arm=arm,
        within=within.name if within else "",
        plan=plan,
        sizes=result.receipt.sizes,
        receipt=result.receipt.arms[arm],
        n_train_rows=tuple(sorted({run.n_train_rows for run in result.receipt.runs if run.arm == arm})),
        certificate=result.certificate,
        classes=result.classes,
        metrics=_metrics(there, here),
        majority_accuracy=majority_accuracy(there),
        histogram=_overall(result.predictions[COLOUR_HISTOGRAM], ("accuracy",))["accuracy"],
        prevalence=Prevalence(
            transferred=tuple(prevalence(there).tolist()), within=None if shares is None else tuple(shares.tolist())
        ),
        accuracy_at_source_prevalence=None if shares is None else accuracy_at_prevalence(there, shares),
    )


def _metrics(there: Predictions, here: Predictions | None) -> dict[str, TransferMetric]:
    """Return what was reached on the other source, beside what the same arm reaches on its own where that was run."""
    from leukbench.evaluation.transfer import transfer_gap

    transferred = _overall(there, GAPS)
    if here is None:
        return {m: TransferMetric(transferred=e) for m, e in transferred.items()}
    within = _overall(here, GAPS)
    return {
        m: TransferMetric(transferred=e, within=within[m], gap=transfer_gap(within[m], e))
        for m, e in transferred.items()
    }


def _overall(predictions: Predictions, metrics: Sequence[str]) -> dict[str, Estimate]:
    """Return estimates over all classes and folds by metric."""
    from leukbench.evaluation.estimates import estimate_predictions
    from leukbench.evaluation.evaluated import overall

    estimates = estimate_predictions(predictions, patient_level=False)
    return {metric: overall(estimates, metric) for metric in metrics}
