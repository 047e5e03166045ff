"""Tables whose columns stand below one another between blanks, as pandas prints them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report

from leukbench.errors import InputError
from leukbench.tools.draft.audit import draft_of
from tests.support.drafts import doubts, text_file

CLASSES = ["ALL", "HEM"]


def _answers() -> tuple[np.ndarray, np.ndarray]:
    truth = np.repeat([0, 1], [61, 34])
    called = truth.copy()
    called[:5] = 1
    called[-8:] = 0
    return truth, called


def test_a_report_as_a_printed_data_frame_is_read_and_held(tmp_path: Path) -> None:
    truth, called = _answers()
    report = pd.DataFrame(classification_report(truth, called, target_names=CLASSES, output_dict=True)).T
    text = f"VGG\n{report}\n"
    file = text_file(tmp_path, "r.txt", text)
    claims = draft_of(file).paper().claims
    assert [(c.class_, c.value) for c in claims if c.metric == "n_images" and c.class_] == [
        ("ALL", "61"),
        ("HEM", "34"),
    ]
    assert [c.value for c in claims if c.metric == "accuracy"] == ["0.863158"]
    assert doubts(file) == [] and doubts(text_file(tmp_path, "s.txt", text.replace("0.863158", "0.883158")))


@pytest.mark.parametrize("margins", [False, True])
def test_a_crosstab_in_text_is_a_matrix_with_its_axes(tmp_path: Path, margins: bool) -> None:
    truth, called = (pd.Series(values).map(dict(enumerate(CLASSES))) for values in _answers())
    table = pd.crosstab(truth.rename("Actual"), called.rename("Predicted"), margins=margins)
    paper = draft_of(text_file(tmp_path, "m.txt", f"Counts:\n\n{table}\n\nThat is all.\n")).paper()
    assert [matrix.rows for matrix in paper.matrices] == ["actual"]
    assert [c.value for c in paper.claims if c.metric == "matrix_cell"] == ["56", "5", "8", "26"]


def test_a_data_frame_of_models_in_text_and_in_a_notebook_is_read_and_held(tmp_path: Path) -> None:
    rows = {"Model": ["VGG 16", "ResNet"], "F1 score": [0.9016, 0.8950], "Precision": [0.8606, 0.8817],
            "Recall": [0.9467, 0.9087]}  # fmt: skip
    for frame, n in ((pd.DataFrame(rows), 0), (pd.DataFrame(rows).set_index("Model"), 1)):
        text = f"Results of all models\n{frame}\n"
        cells = {"cells": [{"outputs": [{"output_type": "stream", "text": text}]}]}
        for file in (text_file(tmp_path, "t.txt", text), text_file(tmp_path, "t.ipynb", json.dumps(cells))):
            draft = draft_of(file)
            assert {(c.model, c.metric, c.value) for c in draft.paper().claims} >= {
                ("VGG 16", "f1", "0.9016"), ("ResNet", "recall", "0.9087")
            }, n  # fmt: skip
            assert doubts(file) == [] and draft.remarks == ()
        assert doubts(text_file(tmp_path, "s.txt", text.replace("0.9016", "0.9616")))


@pytest.mark.parametrize(
    "text",
    ["          Width  Height\na         3       4\nb         5       6\n",
     "Recall  F1\nA  0.9\nB  0.8 0.7\nC 0.8 0.7\n"],
)  # fmt: skip
def test_other_lines_between_blanks_are_told_and_not_read(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="table between spaces"):
        draft_of(text_file(tmp_path, "t.txt", text))
