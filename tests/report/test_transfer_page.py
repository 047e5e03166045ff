"""The part on transfers: what a model with one answer gets, and when a gap is printed."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import pytest

from leukbench.evaluation.transfer import Gap
from leukbench.records import Estimate
from leukbench.report import transfer
from leukbench.report.data import ReportData
from leukbench.verdicts.comparison import Prevalence, TransferMetric
from tests.support.made_report import NAME, PAPER, certificate, estimate, report_data, with_result

WITHIN, THERE = "within the source, by patient", "on the other source"


@pytest.fixture
def data() -> ReportData:
    return report_data()


def one_answer(accuracy: float) -> dict[str, Estimate]:
    return {
        "accuracy": estimate("accuracy", accuracy),
        "balanced_accuracy": estimate("balanced_accuracy", 0.5, low=math.nan, high=math.nan),
        "mcc": estimate("mcc", math.nan),
        "auc": estimate("auc", 0.4),
        "ece": estimate("ece", 0.3),
    }


def several_answers(accuracy: float) -> dict[str, Estimate]:
    return {name: estimate(name, accuracy) for name in ("accuracy", "balanced_accuracy", "mcc", "auc", "ece")}


def row(within: dict[str, Estimate], there: dict[str, Estimate], **changes: Any) -> Any:
    gap = Gap(difference=-0.2, low=-1.4, high=0.1)
    fields = {
        "paper": PAPER,
        "study": NAME,
        "within": "patient",
        "certificate": certificate(),
        "metrics": {m: TransferMetric(transferred=there[m], within=within[m], gap=gap) for m in there},
        "prevalence": Prevalence(transferred=(0.4, 0.6), within=(0.3, 0.7)),
        "majority_accuracy": 0.6,
    }
    return SimpleNamespace(**{**fields, **changes})


def rows_of(data: ReportData, made: Any) -> dict[str, dict[str, str]]:
    return {r["metric"]: r for r in transfer._result_rows(data, made, gaps=False)}


def test_a_model_with_one_answer_has_its_accuracy_and_no_score_of_it_on_either_side(data: ReportData) -> None:
    rows = rows_of(data, row(one_answer(0.838), several_answers(0.7)))
    assert rows["accuracy %"][WITHIN] == "83.8 (calls every image one class)"
    assert rows["balanced accuracy %"][WITHIN] == rows["MCC"][WITHIN] == "–"
    assert rows["AUC"][WITHIN].startswith("0.400 ["), "scores rank whatever the threshold"
    assert rows["accuracy %"][THERE] == "70.0 [65.0 to 75.0]"
    other = rows_of(data, row(several_answers(0.7), one_answer(0.6)))
    assert other["accuracy %"][THERE] == "60.0 (calls every image one class)"


def test_no_side_is_called_by_patient_where_no_ids_are_published(data: ReportData) -> None:
    absent = with_result(data, "patient", certificate=certificate(evidence="absent"))
    few = {m: dataclasses.replace(e, n_groups=4) for m, e in several_answers(0.7).items()}
    rows = rows_of(absent, row(few, few))
    assert rows["accuracy %"]["within the source, by group"] == "70.0 (too few: 4 groups)"
    assert rows["accuracy %"][THERE] == "70.0 (too few: 4 patients)"


def test_a_gap_lies_within_what_a_metric_allows_and_is_not_shown_below_either_majority() -> None:
    good = row(several_answers(0.9), several_answers(0.8))
    gap = good.metrics["accuracy"].gap
    assert transfer.gap_text(good, "accuracy", gap) == "−20.0 points [−100.0 to +10.0]"
    assert transfer.gap_text(good, "mcc", gap) == "−0.200 [−1.400 to +0.100]", "MCC can differ by 2"
    below = row(several_answers(0.7), several_answers(0.8))
    assert transfer.gap_text(below, "accuracy", gap) == "not shown: not above the majority class within the source"
    there = row(several_answers(0.9), several_answers(0.6))
    assert "majority class on the other source" in transfer.gap_text(there, "accuracy", gap)
