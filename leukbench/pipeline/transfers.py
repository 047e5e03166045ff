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
    from leukbench.evaluation.transfer import accuracy_at_prevalence, merge_predictions, prevalence, transfer_gap

    plan = result.plan.transfer
    if plan is None:
        raise DataError("a transfer was split as something else", where=result.name, do="run the split stage again")
    there = result.predictions[arm]
    transferred = _overall(there, GAPS)
    metrics = {m: TransferMetric(transferred=e) for m, e in transferred.items()}
    shares, at_source = None, None
    if within is not None:
        here = merge_predictions(within.predictions[arm], plan.common_of, result.classes)
        of_source = _overall(here, GAPS)
        metrics = {
            m: TransferMetric(transferred=e, within=of_source[m], gap=transfer_gap(of_source[m], e))
            for m, e in transferred.items()
        }
        shares = prevalence(here)
        at_source = accuracy_at_prevalence(there, shares)
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
        metrics=metrics,
        majority_accuracy=majority_accuracy(there),
        histogram=_overall(result.predictions[COLOUR_HISTOGRAM], ("accuracy",))["accuracy"],
        prevalence=Prevalence(
            transferred=tuple(prevalence(there).tolist()), within=None if shares is None else tuple(shares.tolist())
        ),
        accuracy_at_source_prevalence=at_source,
    )


def _overall(predictions: Predictions, metrics: Sequence[str]) -> dict[str, Estimate]:
    """Return estimates over all classes and folds by metric."""
    from leukbench.evaluation.estimates import estimate_predictions
    from leukbench.evaluation.evaluated import overall

    estimates = estimate_predictions(predictions, patient_level=False)
    return {metric: overall(estimates, metric) for metric in metrics}
