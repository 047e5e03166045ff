"""A report's data made by hand, of which every figure is known: three splits of the made-up study, one network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from leukbench.artefacts import (
    COLOUR_HISTOGRAM,
    ArmReceipt,
    Certificate,
    FoldCounts,
    FoldSizes,
    ReadingName,
    Receipt,
    RoleCounts,
    RunReceipt,
    Sizes,
    SplitPlan,
)
from leukbench.evaluation.contrasts import Scope
from leukbench.evaluation.controls import Standing
from leukbench.evaluation.evaluated import ArmEvaluation, Evaluation
from leukbench.evaluation.operating import calibration, operating_points
from leukbench.papers.loader import load_paper
from leukbench.records import Estimate, Experiment, Grade, Predictions, Role, SplitRule
from leukbench.report.data import ExperimentResult, ReportData
from leukbench.verdicts.comparison import ArmShortcut, Comparison, RungGap
from tests.support.made_predictions import make_predictions

PAPER, NAME = STUDY = ("known_answer", "cohort")
NET = "cohort_cnn"
BORDER = "trivial:border"
CLASSES = ("normal", "malignant")


def predictions(seed: int) -> Predictions:
    """Return 400 images of 20 groups in two classes."""
    return dataclasses.replace(make_predictions(n=400, n_groups=20, seed=seed), classes=CLASSES)


def estimate(metric: str, value: float, **changes: Any) -> Estimate:
    """Return an estimate with an interval of a tenth about it, from 400 images in 20 groups."""
    fields = {"low": value - 0.05, "high": value + 0.05, "n_images": 400, "n_groups": 20, **changes}
    return Estimate(metric=metric, value=value, **fields)


def gap(rung: str, metric: str, **changes: Any) -> RungGap:
    """Return 90 - 70 on 400 images of 20 groups, trained on equally many rows."""
    fields: dict[str, Any] = {
        "rung": rung, "patient": "patient", "arm": NET, "protocol": rung, "metric": metric, "first": 0.9, "second": 0.7,
        "difference": 0.2, "low": 0.1, "high": 0.3, "n_images": 400, "n_groups": 20, "equal_size": True, "paired": True,
        "same_as_image": False, "scope": Scope.TRAININGS, "grade": Grade.ASSURED,
    }  # fmt: skip
    return RungGap(**{**fields, **changes})


def shortcut(**changes: Any) -> ArmShortcut:
    """Return a border model that is two points behind the network by image, and flagged."""
    fields: dict[str, Any] = {
        "experiment": "image", "arm": NET, "model": BORDER, "network": 0.9, "trivial": 0.88, "trivial_low": 0.8,
        "trivial_high": 0.95, "majority": 0.5, "difference": 0.02, "low": -0.01, "high": 0.05, "margin": 0.1,
        "standing": Standing.WITHIN, "tells": True, "flagged": True, "scope": Scope.TRAININGS,
    }  # fmt: skip
    return ArmShortcut(**{**fields, **changes})


def _roles(train: int, test: int) -> dict[Role, RoleCounts]:
    def of(rows: int) -> RoleCounts:
        return RoleCounts(rows=rows, images=rows, copies=0, origins=rows, patients=20, groups=20, class_={})

    return {"train": of(train), "validation": of(0), "test": of(test)}


def certificate(
    *, evidence: str = "verified", shared: Sequence[dict[str, int]] = ({},), tested: int = 400
) -> Certificate:
    """Return a certificate with one fold for each dict of what it shares."""
    folds = [FoldCounts(fold=k, roles=_roles(250, tested), shared=dict(of)) for k, of in enumerate(shared)]
    return Certificate(
        format="1", protocol="image", rule=SplitRule(unit="image"), sha256={}, evidence=evidence, sentence="by patient",  # type: ignore[arg-type]
        unknown_origins=0, folds=tuple(folds), shared={}, declares="", verdicts={}, self_sha256="0" * 64,
    )  # fmt: skip


def receipt(n_train: int, *, validation: int = 0, **changes: Any) -> Receipt:
    """Return the receipt of one run of fold 0."""
    fields: dict[str, Any] = {
        "deviations": (), "fold_deviations": {}, "precision": "fp32", "epochs": 40, "epochs_published": 40,
        "n_parameters": 1000, "n_parameters_trainable": 1000,
    }  # fmt: skip
    sizes = {"fold": 0, "n_train_rows": n_train, "n_validation_rows": validation, "n_test_rows": 400}
    run = RunReceipt(key="k", arm=NET, seed=0, epochs_selected={"recipe": 39}, train_accuracy=1.0, **sizes)
    made = Sizes(n_images=400, n_images_published=400, complete=True, parts=())
    return Receipt(
        arms={NET: ArmReceipt(**{**fields, **changes})}, runs=(run,), folds=(FoldSizes(**sizes),), sizes=made
    )


def evaluation(accuracy: float, *, validated: bool) -> Evaluation:
    """Return a network of this accuracy and two models without one of 88 %; half of the images are of each class."""
    test, validation = predictions(1), predictions(2)
    chosen_on = validation if validated else validation.take(np.arange(0))
    network = ArmEvaluation(
        selections={"recipe": (estimate("accuracy", accuracy), estimate("mcc", 0.5), estimate("auc", 0.9))},
        majority_accuracy=0.5,
        operating=tuple(operating_points(test, chosen_on)),
        calibration=calibration(test, chosen_on),
    )
    trivial = ArmEvaluation(selections={"recipe": (estimate("accuracy", 0.88),)}, majority_accuracy=0.5)
    arms = {NET: network, BORDER: trivial, COLOUR_HISTOGRAM: trivial}
    return Evaluation(classes=CLASSES, seed_variance=(), arms=arms, probes={})


def made_experiment(protocol: str, accuracy: float, n_train: int) -> ExperimentResult:
    """Return one experiment of the made-up study on images that are no stand-in."""
    spec = Experiment(paper=PAPER, study=NAME, protocol=protocol, source="known_answer", store="s", arms=(NET,))  # type: ignore[arg-type]
    reading = ReadingName(name="random_images", basis="stated", evidence="Section 1")
    validated = protocol == "image"
    made = receipt(n_train, validation=400 if validated else 0)
    return ExperimentResult(
        experiment=spec,
        plan=SplitPlan(reading=reading, sizes=made.sizes, experiment=spec),
        certificate=certificate(),
        receipt=made,
        evaluation=evaluation(accuracy, validated=validated),
        stand_in=False,
    )


def report_data() -> ReportData:
    """Return three rungs of one study: right in 90, 90 and 70 % of images, the first trained on more rows."""
    results = {
        "as_published": made_experiment("as_published", 0.9, 300),
        "image": made_experiment("image", 0.9, 250),
        "patient": made_experiment("patient", 0.7, 250),
    }
    gaps = [gap(r, m, equal_size=r == "image") for r in ("as_published", "image") for m in ("accuracy", "mcc", "auc")]
    comparison = Comparison(
        margin=0.1, alpha=0.05, questions={}, verdicts=(), gaps=tuple(gaps), contrasts=(), shortcuts=(), transfers=()
    )
    return ReportData(profile="made", papers={PAPER: load_paper(PAPER)}, results=results, comparison=comparison)


def with_result(data: ReportData, name: str, **changes: Any) -> ReportData:
    """Return the data with something else in one experiment."""
    changed = dataclasses.replace(data.results[name], **changes)
    return dataclasses.replace(data, results={**data.results, name: changed})


def with_arm(data: ReportData, name: str, arm: str, **changes: Any) -> ReportData:
    """Return the data with something else in one model's estimates."""
    made = data.results[name].evaluation
    arms = {**made.arms, arm: dataclasses.replace(made.arms[arm], **changes)}
    return with_result(data, name, evaluation=dataclasses.replace(made, arms=arms))


def compared(data: ReportData, **changes: Any) -> ReportData:
    """Return the data with something else in its comparison."""
    return dataclasses.replace(data, comparison=dataclasses.replace(data.comparison, **changes))
