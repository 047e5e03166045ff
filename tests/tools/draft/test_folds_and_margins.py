"""Folds with their mean, and matrices with scores in their margins, as frames and papers print them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.findings import audit_papers
from leukbench.tools.draft.audit import draft_of

BARS = {2: "---|---", 3: "---|---|---", 4: "---|---|---|---", 5: "---|---|---|---|---", 7: "---|" * 6 + "---"}


def told(folder: Path, rows: list[str], classes: str = "", caption: str = "") -> set[str]:
    """Return the checks that accuse Markdown tables of these rows; a row without a bar is a heading above the next."""
    lines, new = [f"Table 1. {caption}\n"] if caption else [], True
    for row in rows:
        lines.append(f"|{row}|" if "|" in row else f"\n## {row}\n")
        if new and "|" in row:
            lines.append(f"|{BARS[row.count('|') + 1]}|")
        new = "|" not in row
    (folder / "t.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    findings = audit_papers([draft_of(folder / "t.md", classes).paper()])
    return {f.check for f in findings if f.status == "inconsistent"}


LONG = ["Model|Fold|Accuracy|F1", "A|1|90.1|88.0", "A|2|91.3|89.0", "A|Mean|90.7|88.5", "B|1|80.1|78.0",
        "B|2|81.3|79.0", "B|Mean|80.7|78.5"]  # fmt: skip
INDEX = ["|accuracy|f1", "0|0.901|0.88", "1|0.913|0.89", "2|0.92|0.90", "mean|0.911|0.89"]
SCORES = ["|fit_time|test_accuracy", "0|1.2|0.90", "1|1.2|0.92", "mean|1.2|0.91"]
TWO = ["A", "|X|Y|Recall", "X|9|1|90.0", "Y|2|8|80.0", "B", "|X|Y|Recall", "X|8|2|80.0", "Y|3|7|70.0"]
THREE = ["|X|Y|Z|Recall", "X|9|1|0|90.0", "Y|2|6|2|60", "Z|1|0|9|90", "Precision|75.0|85.7|81.8|"]
COLUMN = [
    "Model|Metric|Fold 1|Fold 2|Mean",
    "V|Accuracy|90.0|91.0|90.5",
    "V|F1|90.0|91.0|90.5",
    "R|Accuracy|80|81|80.5",
]
MATLAB = ["|X|Y|TPR (%)|FNR (%)", "X|10|1|90.9|9.1", "Y|2|8|80.0|20.0", "PPV (%)|83.3|88.9||", "FDR (%)|16.7|11.1||"]
MATRIX = ["|X|Y|Z", "X|9|1|0", "Y|2|6|2", "Z|1|0|9"]


@pytest.mark.parametrize(
    ("rows", "true", "false", "check"),
    [
        (LONG, "90.7|88.5", "95.7|88.5", "means"),
        (INDEX, "mean|0.911", "mean|0.951", "means"),
        (SCORES, "1.2|0.91", "1.2|0.95", "means"),
        (TWO, "X|8|2|80.0", "X|8|2|84.0", "matrix_scores"),
        (THREE, "85.7", "88.7", "matrix_scores"),
        (COLUMN, "V|Accuracy|90.0|91.0|90.5", "V|Accuracy|90.0|91.0|95.0", "means"),
        (MATLAB, "90.9", "70.9", "matrix_scores"),
    ],
)
@pytest.mark.parametrize("classes", ["", "X=10,Y=10"])
def test_a_false_mean_or_score_is_told_and_a_true_one_is_not(
    tmp_path: Path, rows: list[str], true: str, false: str, check: str, classes: str
) -> None:
    classes = classes if rows not in (THREE, MATLAB) else ""
    assert told(tmp_path, rows, classes) == set()
    assert told(tmp_path, [row.replace(true, false) for row in rows], classes) == {check}


@pytest.mark.parametrize("classes", ["", "X=10,Y=10"])
@pytest.mark.parametrize(
    "rows",
    [
        ["Fold|Accuracy", "1|90.1", "2|91.3", "1|94.1", "2|95.3", "Mean|92.7"],
        ["Fold|Accuracy", "Run 1|", "1|90.1", "2|91.3", "Run 2|", "1|94.1", "2|95.3", "Mean|92.7"],
        ["Repeat|Fold|Accuracy|F1", "1|1|90.1|88.0", "1|2|91.3|89.0", "2|1|94.1|88.0", "2|2|95.3|89.0",
         "Mean||92.7|88.5"],
        ["|precision|recall|f1", "count|5|5|5", "mean|0.90|0.90|0.90", "std|0.01|0.01|0.01", "min|0.88|0.87|0.89",
         "25%|0.89|0.89|0.895", "50%|0.88|0.88|0.91", "75%|0.91|0.91|0.92", "max|0.93|0.93|0.93"],
        ["Fold|Set|Accuracy", "1|Train|99.1", "1|Test|91.0", "2|Train|99.3", "2|Test|92.0"],
        ["Patient|Accuracy|Recall", "P1|90.33|88.31", "P2|92.67|90.00"],
        ["Magnification|Accuracy|Recall", "40X|90.33|88.31", "100X|92.67|90.00"],
        ["Class|Precision|Recall|F1-score|Support", "X|.90|.90|.90|10", "Y|.90|.90|.90|10", "Average|.90|.90|.90|10"],
        ["|A|B|Recall", "A|9|1|0", "B|2|6|2", "Recall|1|0|9"],
        ["Fold|Images|Accuracy", "1|100|90.00", "2|400|95.00", "Average||94.00"],
        ["Model|Accuracy", "VGG16 Fold 1|91.0", "VGG16 Fold 2|92.0"],
        ["|X|Y|Total|Recall", "X|9|1|10|90.0", "Y|2|8|10|80.0", "Total|11|9|20|85.0"],
        ["|X|Y|Recall|Precision|F1-Score|Support", "X|9|1|90.0|81.8|85.7|10", "Y|2|8|80.0|88.9|84.2|10"],
    ],
)  # fmt: skip
def test_repeated_folds_descriptions_and_totals_are_not_accused(tmp_path: Path, rows: list[str], classes: str) -> None:
    assert told(tmp_path, rows, classes) == set()


@pytest.mark.parametrize(
    "margins",
    [
        ["Precision|80.3|80.3|80.3", "Recall|80.0|80.0|80.0"],  # one macro average each, in merged cells
        ["Precision|80.3||"],
        ["Specificity||95.0|"],
        ["Accuracy|80.0||"],
    ],
)
def test_what_is_no_score_of_every_class_is_not_held_against_a_matrix(tmp_path: Path, margins: list[str]) -> None:
    assert told(tmp_path, [*MATRIX, *margins]) == set()


@pytest.mark.parametrize(
    "caption",
    ["Images in each fold of the cross-validation whose accuracy is given in Table 3",
     "Best epoch by accuracy per fold", "Accuracy and number of images per fold"],
)  # fmt: skip
def test_folds_are_scores_only_where_the_caption_speaks_of_nothing_else(tmp_path: Path, caption: str) -> None:
    rows = ["Model|Fold 1|Fold 2|Accuracy", "V|311|290|90.0"]
    assert told(tmp_path, rows, caption=caption) == set()
    file = tmp_path / "t.md"
    file.write_text(f"Table 1. {caption}\n\n|Model|Fold 1|Fold 2|Mean|F1|\n|---|---|---|---|---|\n|V|311|290|95|0.9|\n")
    assert [c.metric for c in draft_of(file).paper().claims if c.metric == "accuracy"] == []


def test_a_page_tells_what_its_captions_say(tmp_path: Path) -> None:
    file = tmp_path / "t.html"
    row = "<tr><td>V<td>91.1<td>92.1<td>{}</tr>"
    head = "<table><caption>Table 2. Accuracy (%) per fold</caption><tr><th>Model<th>Fold 1<th>Fold 2<th>Mean</tr>"
    for mean, accused in (("91.6", []), ("95.0", ["means"])):
        file.write_text(f"<p>Text.</p>{head}{row.format(mean)}</table>", encoding="utf-8")
        findings = audit_papers([draft_of(file).paper()])
        assert [f.check for f in findings if f.status == "inconsistent"] == accused
