"""Reading back what earlier stages wrote; the one room that knows their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from leukbench.artefacts import Certificate, Receipt, SplitPlan, from_plain, is_trivial
from leukbench.errors import DataError
from leukbench.evaluation.evaluated import Evaluation
from leukbench.params import Params
from leukbench.paths import out_folder, sha256_of
from leukbench.pipeline.layout import (
    check_predicted,
    experiment_file,
    made_from,
    read_certificate,
    read_json,
    read_plan,
    read_record,
    whole,
)
from leukbench.records import Experiment, Finding, Predictions, digest
from leukbench.verdicts.questions import EvaluatedExperiment

T = TypeVar("T")

PREDICTIONS = (".parquet", ".validation.parquet", ".probe.parquet")
"""An experiment's predictions: of the test images, of the validation images, and of the patient probe. Estimates speak
of the first.
"""


@dataclass(frozen=True)
class Result:
    """Everything that the stages wrote of one experiment or transfer; each file is read once, when it is
    first wanted.
    """

    params: Params
    name: str

    @property
    def experiment(self) -> Experiment:
        """Its entry of the plan."""
        return self.params.experiment(self.name)

    @cached_property
    def plan(self) -> SplitPlan:
        """What its split was planned from."""
        return read_plan(self.params, self.name)

    @cached_property
    def certificate(self) -> Certificate:
        """What its split keeps apart."""
        return read_certificate(self.params, self.name)

    @cached_property
    def receipt(self) -> Receipt:
        """Its runs. Raises DataError where params.yaml or the split is another than the predictions were collected
        from, or where an arm has none.
        """
        receipt = self._read(Receipt, "predictions", ".receipt.json", stage="train")
        check_predicted(self.name, self.experiment, receipt.arms)
        _ = self.plan  # refused where params.yaml asks for another split
        if receipt.made_from and receipt.made_from != made_from(self.experiment, self.certificate):
            raise DataError(
                "params.yaml or the split is another than the predictions were collected from",
                where=f"experiment {self.name}",
                expected="predictions of this plan",
                found=str(experiment_file(self.params, "predictions", self.name, ".receipt.json")),
                do=f"run the train stage (leukbench train {self.name}), and what follows it; or put params.yaml back",
            )
        return receipt

    def check(self) -> None:
        """Raise DataError where its predictions are not of this plan."""
        _ = self.receipt

    @cached_property
    def evaluation(self) -> Evaluation:
        """Its estimates; a transfer has none. Raises DataError where they are of other predictions."""
        found = self._read(Evaluation, "estimates", ".json", stage="evaluate")
        if found.made_from and found.made_from != self.receipt_digest:
            raise DataError(
                "estimates are of other predictions than there are now",
                where=str(experiment_file(self.params, "estimates", self.name, ".json")),
                expected=f"estimates of the receipt with digest {self.receipt_digest}",
                found=f"of the one with digest {found.made_from}",
                do=f"run the evaluate stage (leukbench evaluate {self.name}), and what follows it",
            )
        return found

    @property
    def receipt_digest(self) -> str:
        """The digest of its receipt, which names the predictions by their sha256: what estimates are made from."""
        file = experiment_file(self.params, "predictions", self.name, ".receipt.json")
        return digest(read_json(file, stage="train"))

    @cached_property
    def table(self) -> Any:
        """Its predictions of test images, as a table."""
        return self.predicted(".parquet")

    def predicted(self, suffix: str) -> Any:
        """Return one of its :data:`PREDICTIONS` as a table, held against its receipt.

        Raises
        ------
        DataError
            Where it cannot be read, or is another than the receipt speaks of.
        """
        file = experiment_file(self.params, "predictions", self.name, suffix)
        receipt, table, found = self.receipt, read_predictions(file), sha256_of(file)
        expected = receipt.predictions.get(suffix, found)
        if found != expected:
            raise DataError(
                "predictions are others than their receipt speaks of", where=str(file), expected=f"sha256 {expected}",
                found=f"sha256 {found}", do=f"run the train stage (leukbench train {self.name}), and what follows it",
            )  # fmt: skip
        return table

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in output order."""
        return classes_of(self.table)

    @cached_property
    def predictions(self) -> Mapping[str, Predictions]:
        """The predictions of every model at the epoch that the recipe chooses, in the order of the table."""
        chosen = self.table[self.table["selection"] == "recipe"]
        return {str(arm): as_predictions(rows, self.classes) for arm, rows in chosen.groupby("arm", sort=False)}

    @property
    def all_single(self) -> bool:
        """Whether every group of the split is one image."""
        roles = self.certificate.folds[0].roles.values()
        return sum(r.groups for r in roles) == sum(r.images for r in roles)

    @cached_property
    def evaluated(self) -> EvaluatedExperiment:
        """What verdicts ask of it."""
        arms = {arm: entry for arm, entry in self.evaluation.arms.items() if not is_trivial(arm)}
        return EvaluatedExperiment(
            name=self.name,
            experiment=self.experiment,
            reading=self.plan.reading.name,
            evidence=self.certificate.evidence,
            estimates={arm: entry.estimates for arm, entry in arms.items()},
            deviations={arm: receipt.deviations for arm, receipt in self.receipt.arms.items()},
            fold_deviations={arm: receipt.fold_deviations for arm, receipt in self.receipt.arms.items()},
            likeness=self.evaluation.likeness,
        )

    def _read(self, kind: type[T], folder: str, suffix: str, *, stage: str) -> T:
        return read_record(kind, experiment_file(self.params, folder, self.name, suffix), stage=stage)


def results_of(params: Params) -> dict[str, Result]:
    """Return every experiment and transfer of the profile by name, in the order of params.yaml."""
    return {name: Result(params, name) for name in params.all_experiments}


def checked_results(params: Params) -> dict[str, Result]:
    """Return what :func:`results_of` does, each held against params.yaml (:meth:`Result.check`)."""
    results = results_of(params)
    for result in results.values():
        result.check()
    return results


def read_predictions(file: Path) -> Any:
    """Return an experiment's table of predictions (parquet).

    Raises
    ------
    DataError
        Where it is missing or not whole.
    """
    import pandas as pd

    try:
        return pd.read_parquet(whole(file, stage="train"))
    except (OSError, ValueError) as error:  # pyarrow's errors are these
        raise DataError(
            "an experiment's predictions cannot be read", where=str(file), found=str(error), do="run the train stage"
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


@dataclass(frozen=True)
class _Findings:
    findings: tuple[Finding, ...]


def read_findings(params: Params) -> tuple[Finding, ...]:
    """Return the findings of the audit stage."""
    file = out_folder(params.profile, "findings.json")
    plain = {"findings": read_json(file, stage="audit")}
    return from_plain(_Findings, plain, where=str(file), do="run the audit stage again").findings
