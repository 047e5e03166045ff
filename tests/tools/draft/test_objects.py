"""Results in JSON files: reports as dictionaries, and scores beside a confusion matrix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import classification_report, f1_score

from leukbench.tools.draft.audit import drafts_of
from tests.support.drafts import doubts, text_file

CLASSES = ["ALL", "HEM"]


def _file(folder: Path, name: str, plain: Any) -> Path:
    return text_file(folder, name, json.dumps(plain, indent=1))


def _answers(wrong: int = 5) -> tuple[np.ndarray, np.ndarray]:
    truth = np.repeat([0, 1], [61, 34])
    called = truth.copy()
    called[:wrong] = 1
    called[-8:] = 0
    return truth, called


def _report(wrong: int = 5) -> Any:
    return classification_report(*_answers(wrong), target_names=CLASSES, output_dict=True)


def test_reports_as_dictionaries_are_read_each_by_itself_and_held(tmp_path: Path) -> None:
    file = _file(tmp_path, "r.json", _report())
    (draft,) = drafts_of(file)
    assert {(c.metric, c.class_, c.value) for c in draft.paper().claims} >= {
        ("n_images", "HEM", "34"), ("accuracy", "", str(82 / 95)), ("recall", "ALL", str(56 / 61))
    }  # fmt: skip
    assert doubts(file) == [] != doubts(_file(tmp_path, "s.json", _report() | {"accuracy": 0.8831578947368421}))
    two = _file(tmp_path, "t.json", {"models": [{"VGG": _report()}, {"ResNet": _report(9)}]})
    assert [draft.key for draft in drafts_of(two)] == ["t_models_1_vgg", "t_models_2_resnet"] and doubts(two) == []


@pytest.mark.parametrize("names", [{"class_names": CLASSES}, {"labels": {"0": "ALL", "1": "HEM"}}])
def test_scores_beside_a_matrix_are_held_against_it_under_its_names(tmp_path: Path, names: dict[str, Any]) -> None:
    truth, called = _answers()
    plain = {
        "best_val_acc": 0.99, "train_accuracy": 0.9875, "accuracy": 82 / 95, "threshold": 0.5,
        "macro_f1": f1_score(truth, called, average="macro"),
        **names, "confusion_matrix": [[56, 5], [8, 26]], "history": [{"epoch": 1, "accuracy": 0.5}],
    }  # fmt: skip
    file = _file(tmp_path, "metrics.json", plain)
    (draft,) = drafts_of(file)
    paper = draft.paper()
    assert list(paper.matrices[0].classes) == CLASSES
    assert {(c.metric, c.split) for c in paper.claims} == {
        ("accuracy", "train"), ("accuracy", "test"), ("f1", "test"), ("matrix_cell", "test")
    }  # fmt: skip
    assert doubts(file) == [] != doubts(_file(tmp_path, "s.json", plain | {"accuracy": 0.91}))


def test_other_objects_are_no_results(tmp_path: Path) -> None:
    plain = {"config": {"lr": 0.1, "accuracy": "high"}, "log": [{"step": 3, "accuracy": 0.9, "f1": 0.8}]}
    file = _file(tmp_path, "c.json", {**plain, "VGG": {"accuracy": 0.9, "f1": 0.88}})
    assert [len(draft.paper().claims) for draft in drafts_of(file)] == [2]
