"""Results without a table: lines of a name and a number, and what caret prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leukbench.errors import InputError
from leukbench.tools.draft.audit import draft_of, drafts_of
from leukbench.tools.draft.blocks import pairs
from leukbench.tools.draft.write import draft_file
from tests.support.drafts import doubts, text_file

COUNTS = "TP: 1154\nTrue Negatives: 461\nFalse Positives: 187\nFN = 65\n"
SCORES = """- **Accuracy**: {}
- **Precision (PPV):** 86.06%
- Sensitivity (Recall) = 94.67 % ± 0.40
- NPV: 87.64 %
- `Specificity`: 71.14 %,
* F1 Score: 90.16 %.
"""
CARET = """Confusion Matrix and Statistics

          Reference
Prediction  ALL  HEM
       ALL 1154  187
       HEM   65  461

               Accuracy : {}
                 95% CI : (0.8487, 0.8802)
    No Information Rate : 0.6529
    P-Value [Acc > NIR] : < 2.2e-16

                  Kappa : 0.6885

 Mcnemar's Test P-Value : 2.4e-14

            Sensitivity : 0.9467
            Specificity : 0.7114
         Pos Pred Value : 0.8606
         Neg Pred Value : 0.8764
             Prevalence : 0.6529
      Balanced Accuracy : 0.8290

       'Positive' Class : ALL
"""
CARET_OF_THREE = """Confusion Matrix and Statistics

          Reference
Prediction  A  B  C
         A 40  3  2
         B  6 50  4
         C  4  7 34

Overall Statistics

               Accuracy : 0.8267
                  Kappa : 0.7374

Statistics by Class:

                     Class: A Class: B Class: C
Sensitivity            0.8000   0.8333   0.8500
Specificity            0.9500   {}   0.9000
Pos Pred Value         0.8889   0.8333   0.7556
Balanced Accuracy      0.8750   0.8611   0.8750
"""


def _claims(file: Path) -> set[tuple[str, str, str]]:
    return {(c.metric, c.class_, c.value) for draft in drafts_of(file) for c in draft.paper().claims}


def test_neighbouring_lines_of_a_name_and_a_number_are_one_result(tmp_path: Path) -> None:
    file = text_file(tmp_path, "r.md", f"## The test cells\n\n{SCORES.format('86.50%')}{COUNTS}")
    assert _claims(file) == {
        ("accuracy", "", "86.50"), ("precision", "", "86.06"), ("sensitivity", "", "94.67"), ("f1", "", "90.16"),
        ("specificity", "", "71.14"), ("tp", "", "1154"), ("tn", "", "461"), ("fp", "", "187"), ("fn", "", "65"),
    }  # fmt: skip
    draft = draft_of(file)
    assert draft.n_left == 1 and draft.remarks == () and "NPV" in draft.text
    assert doubts(file) == [] and doubts(text_file(tmp_path, "s.md", SCORES.format("88.50%") + COUNTS))


def test_blocks_apart_are_not_held_against_each_other(tmp_path: Path) -> None:
    """The second is of other images; a table, a report or a line that is no pair stands between them."""
    table = "| Model | Accuracy |\n|---|---|\n| VGG | 0.91 |\n"
    for between in ("\n", "-----\n", f"\n{table}\n", "Results on the other cells:\n"):
        file = text_file(tmp_path, "r.md", f"Train\n{SCORES.format('86.50%')}{between}{COUNTS.replace('1154', '1054')}")
        assert len(drafts_of(file)) == 2 + ("|" in between) and doubts(file) == []
        claims = draft_file(file, "mine").paper().claims
        assert len({c.condition for c in claims}) == 2 + ("|" in between)
    again = [block.rows[1][1:] for block in pairs(["Accuracy: 1", "F1: 2", "Accuracy: 3", "F1: 4"])]
    assert again == [("1", "2"), ("3", "4")]


@pytest.mark.parametrize(
    "lines",
    [["Epoch 3/10", "loss: 0.31", "accuracy: 0.88"], ["Epoch: 3", "loss: 0.31", "accuracy: 0.88"],
     ["Epoch 3/10 loss: 0.31 - accuracy: 0.88 - val_accuracy: 0.85"] * 2, ["Accuracy: 0.9"],
     ["Accuracy: 0.9 on the test cells", "Recall: up to 0.9"], ["Epochs: 30", "Batch size: 32", "Learning rate: 0.001"],
     ["Accuracy: 0.9", "", "Recall: 0.9"], ["Best accuracy at epoch 3: 0.9", "Recall of ALL: 0.9"]],
)  # fmt: skip
def test_logs_and_sentences_are_no_blocks(lines: list[str]) -> None:
    assert not list(pairs(lines))


def test_a_dictionary_of_a_notebook_is_read(tmp_path: Path) -> None:
    text = "{'accuracy': 0.8650,\n 'macro_precision': 0.8685,\n 'macro_recall': 0.8290}\n"
    cells = {"cells": [{"outputs": [{"output_type": "stream", "text": text}]}]}
    claims = draft_of(text_file(tmp_path, "n.ipynb", json.dumps(cells))).paper().claims
    assert {(c.metric, c.average, c.value) for c in claims} == {
        ("accuracy", "", "0.8650"), ("precision", "macro", "0.8685"), ("recall", "macro", "0.8290"),
    }  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "## ", "# "])
def test_a_print_of_caret_is_read_and_held(tmp_path: Path, prefix: str) -> None:
    def printed(accuracy: str) -> str:
        return "".join(f"{prefix}{line}\n" for line in CARET.format(accuracy).splitlines())

    file = text_file(tmp_path, "r.txt", printed("0.865"))
    (draft,) = drafts_of(file)
    (matrix,) = draft.paper().matrices
    assert (matrix.rows, list(matrix.classes)) == ("predicted", ["ALL", "HEM"])
    assert _claims(file) >= {
        ("sensitivity", "ALL", "0.9467"), ("specificity", "ALL", "0.7114"), ("precision", "ALL", "0.8606"),
        ("accuracy", "", "0.865"), ("kappa", "", "0.6885"), ("matrix_cell", "", "187"),
    }  # fmt: skip
    assert doubts(file) == [] and doubts(text_file(tmp_path, "s.txt", printed("0.875")))


def test_statistics_by_class_are_read_and_held(tmp_path: Path) -> None:
    file = text_file(tmp_path, "r.txt", CARET_OF_THREE.format("0.8889"))
    assert _claims(file) >= {("specificity", "B", "0.8889"), ("precision", "C", "0.7556"), ("accuracy", "", "0.8267")}
    assert doubts(file) == [] and doubts(text_file(tmp_path, "s.txt", CARET_OF_THREE.format("0.9889")))


def test_two_prints_of_caret_are_two_results_and_a_wrapped_one_is_left_out(tmp_path: Path) -> None:
    file = text_file(tmp_path, "r.txt", f"VGG\n{CARET.format('0.865')}\nDenseNet\n{CARET_OF_THREE.format('0.8889')}")
    assert len(drafts_of(file)) == 2 and doubts(file) == []
    wrapped = CARET_OF_THREE.replace("Prediction  A  B  C", "Prediction  A  B")
    with pytest.raises(InputError, match="not square"):
        draft_of(text_file(tmp_path, "w.txt", wrapped))


def test_scores_of_caret_whose_class_is_called_as_another_row_are_left_out(tmp_path: Path) -> None:
    text = CARET.replace("ALL", "total").format("0.8650")
    (draft,) = drafts_of(text_file(tmp_path, "r.txt", text))
    assert any("total is called as one of its lines" in remark for remark in draft.remarks)


BOX = """┏━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┓
┃  Test metric  ┃ DataLoader 0 ┃
┡━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━┩
│   test_acc    │ 0.7692307829 │
│    test_f1    │ 0.7258147001 │
└───────────────┴──────────────┘
"""


def test_a_drawn_table_is_read(tmp_path: Path) -> None:
    (draft,) = drafts_of(text_file(tmp_path, "r.txt", BOX))
    assert [(c.metric, c.split) for c in draft.paper().claims] == [("accuracy", "test"), ("f1", "test")]
