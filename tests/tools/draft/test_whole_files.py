"""Whole files as honest authors print them: several networks, data and parts, none of whose figures is accused."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.findings import audit_papers
from leukbench.tools.draft.audit import draft_of
from leukbench.tools.draft.headers import read_header

SIZES = "HEM=648,ALL=1219"
VGG = ("Confusion matrix of VGG16", "|HEM|ALL", "HEM|591|57", "ALL|169|1050")
RESNET = ("Confusion matrix of ResNet50", "|HEM|ALL", "HEM|616|32", "ALL|80|1139")
OF_RESNET = ("Per-class results of ResNet50", "Class|Precision (%)|Recall (%)|F1 (%)", "HEM|88.51|95.06|91.67",
             "ALL|97.27|93.44|95.31")  # fmt: skip
SCORES = "Model|Accuracy (%)|Precision (%)|Sensitivity (%)|Specificity (%)|F1 (%)"
NAMED = "|VGG16: HEM|VGG16: ALL|ResNet50: HEM|ResNet50: ALL"


def _file(folder: Path, tables: list[tuple[str, ...]]) -> Path:
    parts = []
    for n, (caption, head, *rows) in enumerate(tables, start=1):
        bars = "|" + "---|" * (head.count("|") + 1)
        parts.append("\n".join([f"Table {n}. {caption}.", "", f"|{head}|", bars, *(f"|{row}|" for row in rows), ""]))
    file = folder / "t.md"
    file.write_text("\n".join(parts), encoding="utf-8")
    return file


def _accused(file: Path, classes: str) -> set[str]:
    findings = audit_papers([draft_of(file, classes).paper()])
    doubted = {"two_values", "class_sums", "split_sums", "spreads", "grid", "dataset_balance", "independence"}
    return {
        f.check for f in findings if f.status == "inconsistent" or (f.status == "implausible" and f.check in doubted)
    }


@pytest.mark.parametrize("classes", ["", SIZES])
@pytest.mark.parametrize(
    "tables",
    [
        [("Confusion matrices on the test cells", NAMED, "HEM|591|57|616|32", "ALL|169|1050|131|1088"),
         ("Results", "Model|Accuracy (%)", "VGG16|87.90")],
        [("Images", "Class|Images", "HEM|648", "ALL|1219", "Total|1867"),
         ("Report", "Class|Precision|Recall|F1-score|Support", "HEM|0.885|0.951|0.917|648",
          "ALL|0.973|0.934|0.953|1219", "Macro average|0.929|0.942|0.935|1867")],
        [OF_RESNET, VGG, RESNET],
        [("Ablation study", "Attention|TTA|Accuracy (%)|F1 (%)", "✗|✗|87.90|87.12", "✓|✓|94.00|93.49"),
         ("Confusion matrix of the full model", *RESNET[1:])],
        [("Results on the external test set of ALL-IDB2", SCORES, "DenseNet121|87.31|90.08|83.85|90.77|86.85"),
         ("Results on C-NMC", SCORES, "DenseNet121|94.00|97.27|93.44|95.06|95.31")],
        [("External validation on ALL-IDB2", SCORES, "DenseNet121|87.31|90.08|83.85|90.77|86.85")],
        [("Images", "Class|Train images (original)|Train images (augmented)|Test images", "HEM|2200|4400|648",
          "ALL|4834|4834|1219")],
        [("Images of each class", "Class|Images|Train (80%)|Test (20%)|After balancing", "HEM|3389|2741|648|4800",
          "ALL|7272|6053|1219|6053", "Total|10661|8794|1867|10853")],
        [("Correct and wrong images of each class", "Class|Correct|Misclassified", "HEM|591|57", "ALL|1050|169"),
         ("Results", "Model|Accuracy (%)", "VGG16|87.90")],
        [("Speed on the GPU", "Model|Images per second|Accuracy (%)", "VGG16|141|87.90"),
         ("Speed on the CPU", "Model|Images per second|Accuracy (%)", "VGG16|11|87.90")],
        [("Contingency table of McNemar's test", "|Correct|Wrong", "Correct|900|80", "Wrong|90|7"),
         ("Results", "Model|Accuracy (%)", "VGG16|87.90")],
        [("History", "Epoch|loss|accuracy|val_loss|val_accuracy", "1|0.51|0.8000|0.42|0.8790",
          "2|0.31|0.9010|0.4|0.8832")],
    ],
)  # fmt: skip
def test_honest_files_are_not_accused(tmp_path: Path, tables: list[tuple[str, ...]], classes: str) -> None:
    assert _accused(_file(tmp_path, tables), classes) == set()


def test_spreads_of_three_classes_are_not_doubted_and_of_two_are(tmp_path: Path) -> None:
    row = "Net|94.11 ± 1.76|94.15 ± 1.60|97.04 ± 0.80"
    table = ("Mean and standard deviation over five runs", "Model|Accuracy (%)|Sensitivity (%)|Specificity (%)", row)
    assert _accused(_file(tmp_path, [table]), "A,B,C") == set() == _accused(_file(tmp_path, [table]), "")
    two = (*table[:2], "Net|94.11 ± 9.00|94.15 ± 0.10|94.04 ± 0.10")
    assert _accused(_file(tmp_path, [two]), "A,B") == {"spreads"}


def test_the_matrix_of_a_network_is_held_against_its_own_scores(tmp_path: Path) -> None:
    wrong = (*OF_RESNET[:2], "HEM|88.51|91.06|91.67", OF_RESNET[3])
    assert "matrix_scores" in _accused(_file(tmp_path, [wrong, VGG, RESNET]), SIZES)


def test_counts_are_of_what_their_header_says(tmp_path: Path) -> None:
    table = ("Images", "Class|Original|Augmented", "HEM|2200|4400", "ALL|4834|4834")
    claims = draft_of(_file(tmp_path, [table])).paper().claims
    assert {(c.class_, c.condition, c.value) for c in claims} == {
        ("HEM", "Original", "2200"), ("HEM", "Augmented", "4400"), ("ALL", "Original", "4834"),
        ("ALL", "Augmented", "4834"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "metric"),
    [(r"Acc. $\uparrow$ (\%)", "accuracy"), (r"Sens.\ (\%)", "sensitivity"), (r"$F_1$ (\%)", "f1"), ("AUC ↑", "auc")],
)
def test_a_header_of_latex_is_its_words(text: str, metric: str) -> None:
    header = read_header(text)
    assert (header.metric, header.rest, header.percent) == (metric, "", "%" in text)
