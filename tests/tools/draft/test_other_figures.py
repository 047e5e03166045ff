"""Figures whose headers name a score and are none of it: they are listed as not understood, and accuse nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.tools.draft.audit import draft_of, drafts_of
from tests.support.drafts import doubts, text_file

OTHERS = {
    "Accuracy (‰)": "951", "FP Rate": "5", "False negative rate (%)": "7", "TP (%)": "43", "Accuracy gain": "3.1",
    "Accuracy improvement (%)": "2.7", "Drop in accuracy": "1.3", "Top-5 accuracy": "99.1", "Accuracy rank": "2",
    "Spec@95% Sens": "71.0", "Sensitivity at 95% specificity": "64", "Average precision": "97.3", "AUC-PR": "0.91",
    "Recall@5": "99.9", "F-score (β=2)": "93.7", "Upper AUC": "0.99", "AUC p-value": "0.03", "Sens/Spec": "93.1",
}  # fmt: skip


@pytest.mark.parametrize("classes", ["", "HEM=100,ALL=100"])
@pytest.mark.parametrize("header", OTHERS)
def test_a_header_that_says_more_than_a_score_is_not_read_as_it(tmp_path: Path, header: str, classes: str) -> None:
    table = f"| Model | Accuracy | {header} | Loss |\n|---|---|---|---|\n| A | 92.5 | {OTHERS[header]} | 0.31 |\n"
    file = text_file(tmp_path, "t.md", table)
    claims = [c for c in draft_of(file, classes).paper().claims if c.metric != "n_images"]
    assert [(c.metric, c.value) for c in claims] == [("accuracy", "92.5"), ("loss", "0.31")]
    assert draft_of(file, classes).n_left == 1 and not doubts(file, classes)


def test_a_cell_in_thousandths_is_no_percentage(tmp_path: Path) -> None:
    file = text_file(tmp_path, "t.csv", "Model,Accuracy,Recall\nA,951‰,940 ‰\nB,95.1%,94.0 %\n")
    assert [c.model for c in draft_of(file).paper().claims] == ["B", "B"] and not doubts(file)


@pytest.mark.parametrize(
    ("header", "metric"),
    [
        ("Sensitivity (Recall)", "sensitivity"), ("Recall/Sensitivity", "recall"), ("PPV (Precision)", "precision"),
        ("TP rate", "recall"), ("True negative rate", "specificity"), ("Accuracy (noise reduction)", "accuracy"),
        ("Accuracy at 40x", "accuracy"), ("Mean precision", "precision"),
    ],
)  # fmt: skip
def test_a_second_name_or_a_condition_leaves_a_score_what_it_is(tmp_path: Path, header: str, metric: str) -> None:
    file = text_file(tmp_path, "t.md", f"| Model | {header} | Loss |\n|---|---|---|\n| A | 92.5 | 0.31 |\n")
    (claim, _) = draft_of(file).paper().claims
    assert (claim.metric, claim.condition in {"", header[10:-1], "at 40x"}) == (metric, True)


def test_a_score_of_two_names_is_held_against_its_row(tmp_path: Path) -> None:
    row = "| Net | {} | 0.90 | 0.97 |"
    head = "| Model | Sensitivity (Recall) | Precision (PPV) | F1 |\n|---|---|---|---|\n"
    assert doubts(text_file(tmp_path, "t.md", head + row.format("0.80")))
    assert not doubts(text_file(tmp_path, "t.md", head + row.format("1.00").replace("0.97", "0.95")))


def test_averages_of_all_three_are_means_of_classes(tmp_path: Path) -> None:
    file = text_file(tmp_path, "t.csv", "Model,Average precision,Average recall\nA,92.5,91.0\n")
    assert [c.metric for c in draft_of(file).paper().claims] == ["precision", "recall"]


LINES = (
    "Accuracy: {}\nPrecision: 90.91\nFalse Positive Rate: 10.00\nF2 Score: 98.04\nRecall: 100.00\nTP = 100\nFP = 10\n"
)


def test_a_rate_among_lines_is_no_count(tmp_path: Path) -> None:
    (draft,) = drafts_of(text_file(tmp_path, "r.txt", LINES.format("95.00") + "FN = 0\nTN = 90\n"))
    assert {c.metric: c.value for c in draft.paper().claims} == {
        "accuracy": "95.00", "precision": "90.91", "recall": "100.00", "tp": "100", "fp": "10", "fn": "0", "tn": "90",
    }  # fmt: skip
    assert not doubts(text_file(tmp_path, "r.txt", LINES.format("95.00") + "FN = 0\nTN = 90\n"))
    assert doubts(text_file(tmp_path, "r.txt", LINES.format("97.00") + "FN = 0\nTN = 90\n"))
