"""Classification reports as people print them: bold, by older versions of scikit-learn, several in one file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import classification_report

from leukbench.audit.findings import audit_papers
from leukbench.errors import InputError
from leukbench.tools.draft.audit import draft_of, drafts_of
from leukbench.tools.draft.tables import read_tables
from leukbench.tools.draft.write import draft_file
from tests.support.drafts import doubts, text_file

BOLD = """| Class | Precision | Recall | F1-Score | Support |
|---|---|---|---|---|
| **ALL** | 0.8606 | 0.9467 | 0.9016 | 1219 |
| *HEM* | 0.8764 | 0.7114 | 0.7853 | 648 |
| {} | {} | 1867 |
| **Macro Average** | **0.8685** | 0.8290 | 0.8435 | 1867 |
| __weighted avg__ | 0.8661 | `0.8650` | 0.8612 | 1867 |
"""
OLD = """              precision    recall  f1-score   support

         ALL     0.8606    0.9467    0.9016      1219
         HEM     0.8764    0.7114    0.7853       648

   micro avg     {}      1867
   macro avg     0.8685    0.8290    0.8435      1867
weighted avg     0.8661    0.8650    0.8612      1867
"""


def _report(seed: int, n: int = 400) -> str:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, n)
    called = np.where(generator.random(n) < 0.85, truth, 1 - truth)
    return str(classification_report(truth, called, target_names=["HEM", "ALL"], digits=4))


@pytest.mark.parametrize("label", ["**accuracy**", "**Accuracy**", "**Overall Accuracy**", "`accuracy`", "Accuracy:"])
@pytest.mark.parametrize("cells", ["| | {}", "- | - | **{}**", "{0} | {0} | {0}"])
def test_bold_reports_are_read_and_held(tmp_path: Path, label: str, cells: str) -> None:
    true, false = (BOLD.format(label, cells.format(value)) for value in ("0.8650", "0.8750"))
    claims = draft_of(text_file(tmp_path, "r.md", true)).paper().claims
    assert {(c.metric, c.class_, c.value) for c in claims} >= {
        ("accuracy", "", "0.8650"), ("recall", "ALL", "0.9467"), ("f1", "HEM", "0.7853"), ("n_images", "HEM", "648"),
    }  # fmt: skip
    assert {c.average for c in claims} == {"", "macro", "weighted"}
    assert doubts(text_file(tmp_path, "r.md", true)) == [] != doubts(text_file(tmp_path, "s.md", false))


def test_a_star_beside_a_figure_and_underscores_in_a_name_are_no_emphasis(tmp_path: Path) -> None:
    table = "| Model | Accuracy |\n|---|---|\n| my_net_a* | 0.91* |\n| a * b | 0.92 |\n"
    claims = draft_file(text_file(tmp_path, "t.md", table), "mine").paper().claims
    assert [c.value for c in claims] == ["0.91", "0.92"]
    rows = read_tables(tmp_path / "t.md")[0][0].rows
    assert rows[1:] == (("my_net_a*", "0.91*"), ("a * b", "0.92"))


def test_micro_avg_of_all_classes_is_the_accuracy(tmp_path: Path) -> None:
    file = text_file(tmp_path, "r.txt", OLD.format("0.8650    0.8650    0.8650"))
    draft = draft_of(file)
    (accuracy,) = [c for c in draft.paper().claims if c.metric == "accuracy"]
    assert accuracy.value == "0.8650" and "micro avg is read as the accuracy" in draft.remarks[0]
    assert doubts(file) == []
    with pytest.raises(InputError, match="of some of the classes alone, or its figures cannot hold together"):
        draft_of(text_file(tmp_path, "s.txt", OLD.format("0.8750    0.8750    0.8750")))


def test_a_report_of_some_classes_whose_micro_avg_has_one_value_by_chance_accuses_nobody(tmp_path: Path) -> None:
    generator, read = np.random.default_rng(7), 0
    for _ in range(60):
        truth = generator.integers(0, 3, 90)
        called = np.where(generator.random(90) < 0.8, truth, generator.integers(0, 3, 90))
        file = text_file(tmp_path, "r.txt", str(classification_report(truth, called, labels=[0, 1])))
        try:
            assert doubts(file) == []
            read += 1
        except InputError as error:
            assert "some of the classes" in str(error)
    assert read < 20


@pytest.mark.parametrize(
    ("text", "said"),
    [(OLD.format("0.8650    0.8700    0.8675"), "its micro avg is no accuracy"),
     (OLD.format("0.8650    0.8650    0.8650").replace("weighted", " samples"), "several labels an image"),
     (OLD.format("0.8650    0.8650    0.8650").replace("1219", "1319"), "its micro avg is no accuracy")],
)  # fmt: skip
def test_micro_avg_of_anything_else_is_left_out(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        draft_of(text_file(tmp_path, "r.txt", text))
    beside = f"{text}\n\n| Model | Accuracy |\n|---|---|\n| VGG | 0.91 |\n"
    draft = draft_of(text_file(tmp_path, "t.txt", beside))
    assert [c.value for c in draft.paper().claims] == ["0.91"] and any(said in text for text in draft.remarks)


def test_each_of_several_reports_is_a_result_of_its_own(tmp_path: Path) -> None:
    wrong = _report(2).splitlines()
    wrong[5] = wrong[5].replace(wrong[5].split()[1], "0.9911")
    table = "| Model | Accuracy |\n|---|---|\n| VGG | 0.91 |\n"
    text = f"## VGG16\n\n{_report(1)}\n{table}\n**ResNet-50:**\n```\n{_report(2)}\n```\n\n-----\n\n{_report(3, 300)}\n"
    drafts = drafts_of(text_file(tmp_path, "all.md", text))
    assert [draft.key for draft in drafts] == ["all_vgg16", "all_resnet_50", "all_report_3", "all"]
    assert doubts(text_file(tmp_path, "all.md", text)) == []
    papers = [
        draft.paper() for draft in drafts_of(text_file(tmp_path, "bad.md", text.replace(_report(2), "\n".join(wrong))))
    ]
    assert {f.paper for f in audit_papers(papers) if f.status == "inconsistent"} == {"bad_resnet_50"}
    drafted = draft_file(text_file(tmp_path, "all.md", text), "mine").paper()
    assert len({c.condition for c in drafted.claims if c.metric == "accuracy"}) == 4


def test_reports_of_a_notebook_are_named_by_the_line_above(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "stream", "text": f"Results for VGG16:\nClassification Report:\n{_report(1)}"},
        {"output_type": "stream", "text": _report(2)},
    ]
    file = text_file(tmp_path, "n.ipynb", json.dumps({"cells": [{"outputs": [output]} for output in outputs]}))
    assert [draft.key for draft in drafts_of(file)] == ["n_results_for_vgg16", "n_report_2"]
    assert doubts(file, "HEM,ALL") == []


@pytest.mark.parametrize("name", ["total", "micro", "mean", "support"])
def test_a_report_of_a_class_called_as_a_line_is_left_out(tmp_path: Path, name: str) -> None:
    text = classification_report([0] * 40 + [1] * 60, [0] * 33 + [1] * 67, target_names=[name, "none"])
    with pytest.raises(InputError, match=f"its class {name} is called as one of its lines"):
        draft_of(text_file(tmp_path, "r.txt", text))
