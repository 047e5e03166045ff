"""Honest tables as papers print them, by what says whose a figure is: none is accused, and a false figure still is."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.findings import audit_papers
from leukbench.papers.schema import Claim
from leukbench.tools.draft.audit import draft_of
from leukbench.tools.draft.figures import read_figures
from leukbench.tools.draft.tables import Printed
from tests.support.drafts import doubts

SIZES = "ALL=20,HEM=44"
"""A matrix [[15, 5], [3, 41]]: accuracy 87.5, recalls 75.0 and 93.2, precisions 83.3 and 89.1."""
MEANS = ("Avg.", "Average:", "Mean (SD)", "Mean ± SD", "Mean of folds", "CV mean", "5-fold mean", "All")


def audited(folder: Path, rows: list[str], classes: str = "") -> tuple[list[str], tuple[Claim, ...]]:
    """Return the checks that accuse a Markdown table of these rows, cells between bars, and its claims."""
    lines = [f"|{row}|" for row in rows]
    lines.insert(1, "|" + "---|" * (rows[0].count("|") + 1))
    (folder / "t.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    paper = draft_of(folder / "t.md", classes).paper()
    claims = tuple(c for c in paper.claims if c.metric != "n_images")
    return [f.check for f in audit_papers([paper]) if f.status == "inconsistent"], claims


OF_CLASSES = ["ALL|83.3|75.0|78.9|90|90|90", "HEM|89.1|93.2|91.1|95.5|95.5|95.5"]


@pytest.mark.parametrize("classes", ["", SIZES])
@pytest.mark.parametrize(
    "rows",
    [
        ["|Accuracy|Recall|Specificity", "Fold 1|95.3|90.0|97.7"],
        ["|R|||V||", "Class|Precision|Recall|F1|Precision|Recall|F1", *OF_CLASSES],
        ["Model|Class|Precision|Recall|F1", "R|ALL|83.3|75.0|78.9", "|HEM|89.1|93.2|91.1", "V|ALL|90.0|90.0|90.0",
         "|HEM|95.5|95.5|95.5"],
        ["Class|Model|Precision|Recall|F1", "ALL|R|83.3|75.0|78.9", "|V|90.0|90.0|90.0", "HEM|R|89.1|93.2|91.1",
         "|V|95.5|95.5|95.5"],
        ["Model|Augmentation|Accuracy", "R|no|87.5", "R|yes|90.6"],
        ["Model|Learning rate|Epochs|Accuracy", "R|0.01|5|87.5", "R|0.001|5|90.6"],
        ["Model|Set|Accuracy", "R|Train|96.9", "R|Test|90.6"],
        ["Model|Accuracy|Recall (all)|Recall HEM", "R|87.5|84.1|93.2"],
        ["|ALL||", "Model|Accuracy|Recall|F1", "R|87.5|84.1|84.8"],
        ["Class|Precision|Recall|F1", "ALL|83.3|75.0|78.9", "HEM|89.1|93.2|91.1", "All|87.3|87.5|87.3"],
        ["Model|Precision (95% CI)|Recall (95% CI)|F1 (95% CI)", "R|0.83|0.75|0.79"],
        ["Model|Precision (%)|Recall (%)|F1 (%)", "R|0.90|0.45|0.600"],
        ["Model|Accuracy (%)|Error rate (%)", "R|0.875|0.125"],
        ["Aug|SE|Accuracy|Recall|Specificity", "✓||87.5|75.0|93.2", "✓|✓|93.8|90.0|95.5", "✓||90.6|80.0|95.5"],
        ["Class|Accuracy|Precision|Recall|F1", "ALL||83.3|75.0|78.9", "HEM||89.1|93.2|91.1",
         "Macro avg|87.5|86.2|84.1|85.0", "Weighted|87.5|87.3|87.5|87.3"],
        ["Class|Precision|Recall|F1|Images", "ALL|83.3|75.0|78.9|20", "HEM|89.1|93.2|91.1|44", "All|87.3|87.5|87.3|64"],
        ["Class|Precision|Recall|F1", "ResNet50|||", "ALL|83.3|75.0|78.9", "HEM|89.1|93.2|91.1",
         "Macro avg|86.2|84.1|85.0", "VGG16|||", "ALL|90|90|90", "HEM|95.5|95.5|95.5",
         "Macro avg|92.7|92.7|92.7", "Weighted avg|93.8|93.8|93.8"],
        ["Model|Accuracy|Recall|Specificity", "R|87.5|75.0|93.2", "p-value|0.03|0.01|0.2",
         "95% CI|77–94|51–91|81–99",
         "Lower|77|51|81", "Improvement (%)|6.3|15.0|1.1"],
        ["Model|Precision|Recall|F1", "R|83.3|75.0|78.9", "p-value|0.04|0.01|0.2", "Min|90|80|77"],
        ["Model|Accuracy|Recall|Specificity|Kappa", "V|56/64|15/20|41/44|.70"],
        ["Class|Precision|Recall|F1|Support", "ALL|83.3|75.0|78.9|20", "HEM|89.1|93.2|91.1|44", "Kappa|0.70|||",
         "AUC|95.0|95.0|95.0|", "Overall accuracy|87.5|||"],
        ["Ensemble|Accuracy|Precision|Recall|F1", "Majority voting|87.5|83.3|75.0|78.9",
         "Weighted average|93.8|90.0|90.0|90.0"],
        ["Fold|Accuracy|Recall|Specificity", "1|87.5|75.0|93.2", "2|93.8|90.0|95.5", "3|92.2|80.0|97.7",
         "Median (IQR)|92.2|80.0|95.5", "Best|93.8|90.0|97.7"],
        ["Model|Accuracy|Recall|Specificity", "V (5-fold mean)|90.7|83.4|94.0", "V, 5-fold CV|90.7|83.4|94.0",
         "V (10 runs average)|90.7|83.4|94.0", "W|90.7 (2.2)|83.4 (5.0)|94.0 (1.0)"],
        ["Model|Dataset|Accuracy|Recall|Specificity", "V|C-NMC|87.5|75.0|93.2", "V|ALL-IDB|89.9|91.8|88.3"],
        ["Model|No. of classes|Accuracy|Recall|Specificity", "V|2|87.5|75.0|93.2", "V|4|91.5|92.2|97.1"],
        ["Model|Class|Precision|Recall|F1|Accuracy", "R|ALL|83.3|75.0|78.9|87.5", "|HEM|89.1|93.2|91.1|87.5"],
    ],
)  # fmt: skip
def test_an_honest_table_is_not_accused(tmp_path: Path, rows: list[str], classes: str) -> None:
    assert audited(tmp_path, rows, classes)[0] == []


def test_tables_of_different_captions_need_not_be_of_one_thing(tmp_path: Path) -> None:
    """As Table 1 of one network or dataset and Table 2 of another; the same figures twice stay together."""
    tables = [
        f"Table {n}. Results of {name}.\n\n|Class|Precision|Recall|F1|\n|---|---|---|---|\n|ALL|{a}|\n|HEM|{b}|\n"
        for n, name, a, b in ((1, "ResNet50", "83.3|75.0|78.9", "89.1|93.2|91.1"), (2, "VGG16", "90|90|90", "95|95|95"))
    ]
    (tmp_path / "t.md").write_text("\n".join(tables), encoding="utf-8")
    paper = draft_of(tmp_path / "t.md", SIZES).paper()
    assert not [f for f in audit_papers([paper]) if f.status == "inconsistent"]
    assert {c.condition for c in paper.claims if c.metric == "recall"} == {"Table 1", "Table 2"}
    (tmp_path / "t.md").write_text("\n".join([tables[0], tables[0].replace("Table 1", "Table 3")]), encoding="utf-8")
    assert {c.condition for c in draft_of(tmp_path / "t.md", SIZES).paper().claims} == {""}


def test_ticks_titles_and_differences_are_what_they_are(tmp_path: Path) -> None:
    _, claims = audited(tmp_path, ["Aug|SE|Accuracy", "✓||87.5", "✓|✓|93.8", "||81.2"])
    assert [(c.model, c.condition) for c in claims] == [("", "with Aug"), ("", "with Aug with SE"), ("", "with none")]
    _, claims = audited(tmp_path, ["|Accuracy|MCC", "ResNet50||", "ALL-IDB|87.5|−0.12", "VGG16||", "C-NMC|90.6|0.5"])
    assert [(c.model, c.condition, c.value) for c in claims] == [
        ("ALL-IDB", "ResNet50", "87.5"), ("ALL-IDB", "ResNet50", "-0.12"), ("C-NMC", "VGG16", "90.6"),
        ("C-NMC", "VGG16", "0.5"),
    ]  # fmt: skip
    _, claims = audited(tmp_path, ["Model|Accuracy|Params|Params (M)", "R|87.5|25.6M|25.6", "V|90.6|138,357,544|138"])
    assert [(c.metric, c.value) for c in claims if "params" in c.metric] == [("params_total", "138,357,544")]


@pytest.mark.parametrize("name", MEANS)
def test_a_row_of_means_is_no_fold_and_no_class(tmp_path: Path, name: str) -> None:
    for head, folds in (("", ("Fold 1", "Fold 2")), ("Fold", ("1", "2"))):
        rows = [f"{head}|Accuracy|Recall|Specificity", f"{folds[0]}|95.3|90.0|97.7", f"{folds[1]}|93.8|85.0|97.7",
                f"{name}|94.8|88.3|97.7"]  # fmt: skip
        accused, claims = audited(tmp_path, rows, SIZES)
        assert accused == [] and [c.aggregation for c in claims[-3:]] == ["mean"] * 3
    rows = ["Class|Precision|Recall|F1", "ALL|50.0|90.0|64.3", "HEM|90.0|50.0|64.3", f"{name}|75.7|64.3|64.3"]
    for classes in ("", "ALL=10,HEM=18"):
        accused, claims = audited(tmp_path, rows, classes)
        assert accused == [] and {c.class_ for c in claims} == {"ALL", "HEM", ""}


def test_names_of_classes_win_over_words_of_averaging(tmp_path: Path) -> None:
    for one, classes in (("W", "W=20,B=44"), ("macro", "Macro=20,B=44"), ("Mean", "Mean=20,B=44")):
        rows = [f"Model|Accuracy|Recall {one}|{one} precision|Recall of B", "R|87.5|75.0|83.3|93.2"]
        accused, claims = audited(tmp_path, rows, classes)
        name = classes.partition("=")[0]
        assert accused == [] and [c.class_ for c in claims] == ["", name, name, "B"]
        accused, _ = audited(tmp_path, [rows[0], "R|97.5|75.0|83.3|93.2"], classes)
        assert accused == ["class_averages"]
    _, claims = audited(tmp_path, ["|Precision|Recall|F1", "Mac|83.3|75.0|78.9", "B|89.1|93.2|91.1"], "Mac=20,B=44")
    assert [c.class_ for c in claims] == ["Mac"] * 3 + ["B"] * 3


def test_a_false_figure_under_these_labels_is_still_told(tmp_path: Path) -> None:
    rows = ["Model|Class|Precision|Recall|F1", "R|ALL|83.3|75.0|88.9", "|HEM|89.1|93.2|91.1"]
    accused, claims = audited(tmp_path, rows)
    assert accused == ["f1_of_precision_recall"] and {c.model for c in claims} == {"R"}
    rows = ["Model|Class|Precision|Recall|F1", "R|ALL|83.3|75.0|78.9", "|HEM|89.1|83.2|91.1"]
    assert set(audited(tmp_path, rows, SIZES)[0]) >= {"f1_of_precision_recall"}


def test_a_caption_of_means_and_numbers_of_images_beside_names_are_understood(tmp_path: Path) -> None:
    row = "|V|90.7|83.4|94.0|\n"
    text = "Table 2. Average results of five-fold cross-validation.\n\n|Model|Accuracy|Recall|Specificity|\n"
    text += "|---|---|---|---|\n"
    (tmp_path / "t.md").write_text(text + row, encoding="utf-8")
    paper = draft_of(tmp_path / "t.md", SIZES).paper()
    assert not [f for f in audit_papers([paper]) if f.status == "inconsistent"]
    assert {c.aggregation for c in paper.claims if c.metric == "recall"} == {"mean"}
    rows = ["Class|Recall|Accuracy (mean ± SD)", "ALL (n = 20)|77.0|", "HEM (n=44)|94.0|90"]
    accused, claims = audited(tmp_path, rows, SIZES)
    assert [(c.class_, c.condition) for c in claims] == [("ALL", ""), ("HEM", ""), ("HEM", "")]
    assert accused == [] and "binary_rows" in doubts(tmp_path / "t.md", SIZES)


def test_what_else_names_a_row_is_its_condition(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("Model,Dataset,Accuracy\nV,C-NMC,87.5\nV,ALL-IDB,89.9\n", encoding="utf-8")
    (remark,) = draft_of(tmp_path / "d.csv", SIZES).remarks
    assert "d.csv: the column Dataset has several values" in remark
    rows = ["Model|Dataset|Optimiser|Accuracy", "R|Aria|Adam|87.5", "R||SGD|90.6", "R|C-NMC|SGD|90.6", "R|C-NMC|SGD|89"]
    _, claims = audited(tmp_path, rows)
    assert {c.model for c in claims} == {"R"}
    assert [c.condition for c in claims] == ["Aria Adam", "Aria SGD", "C-NMC SGD", "C-NMC SGD row 4"]


@pytest.mark.parametrize(("scores", "found"), [("97.60,95.00,99.00", ["matrix_scores"]), ("93.60,90.00,96.00", [])])
def test_true_and_false_answers_beside_scores_are_held_together_without_names_of_classes(
    tmp_path: Path, scores: str, found: list[str]
) -> None:
    """180 of 200 and 288 of 300 right: accuracy 93.6, sensitivity 90, specificity 96."""
    head = "Model,TP,FP,FN,TN,Accuracy,Sensitivity,Specificity"
    file = tmp_path / "t.csv"
    file.write_text(f"{head}\nNet,180,12,20,288,{scores}\n", encoding="utf-8")
    findings = audit_papers([draft_of(file, "").paper()])
    assert [f.check for f in findings if f.status == "inconsistent"] == found
    scored = {f.check for f in findings if "consistent" in f.status}
    assert "matrix_scores" in scored


@pytest.mark.parametrize(
    ("rows", "left", "units"),
    [
        (["Class|Precision|Recall|F1", "Basophil|50.0|0.5|1.0", "Eosinophil|71.4|83.3|76.9", "Monocyte|66.7|80.0|72.7"],
         ["0.5", "1.0"], {"%"}),
        (["Class|Precision|Recall|F1", "a|33.3|0.8|1.6", "b|71.4|83.3|76.9"], ["0.8"], {"%"}),
        (["Model|Precision|Recall|F1", "a|33.3|0.8|1.6"], ["0.8"], {"%"}),
        (["Model|Accuracy|Sensitivity|Specificity", "a|91.36363636363636|98.79518072289157|0.7042253521126761"],
         ["0.7042253521126761"], {"%"}),
        (["epoch|val_accuracy", "1|0.6478", "2|35.558"], ["0.6478"], {"%"}),
        (["Model|Accuracy|F1|AUC|MCC", "a|95.1|0.948|0.98|0.91"], [], {"%", "fraction"}),
        (["Model|Accuracy (%)|F1|AUC", "a|95|0.94|0.98", "b|93|1|0.97"], [], {"%", "fraction"}),
        (["Model|Accuracy|F1", "a|95.1%|0.948", "b|0.9%|0.01"], [], {"%", "fraction"}),
        (["Model|Accuracy|Recall", "a|95.1|0.0", "b|93.2|12.0"], [], {"%", "fraction"}),
        (["Class|Precision (%)|Recall (%)|F1 (%)", "a|50.0|0.5|1.0", "b|71.4|83.3|76.9"], [], {"%"}),
        (["Model|Accuracy|Recall", "a|90.1|91.0", "SD|0.9|0.8"], ["0.9", "0.8"], {"%"}),
    ],
)  # fmt: skip
def test_a_small_figure_among_percentages_without_a_sign_is_not_guessed(
    tmp_path: Path, rows: list[str], left: list[str], units: set[str]
) -> None:
    accused, claims = audited(tmp_path, rows)
    printed = [cell for row in rows[1:] for cell in row.split("|")[1:]]
    assert accused == [] and {c.unit for c in claims if c.metric != "epochs"} == units
    assert sorted(left) == sorted({*printed} - {c.value for c in claims} - {c.value + "%" for c in claims})
    remarks = draft_of(tmp_path / "t.md").remarks
    assert any("beside percentages" in text for text in remarks) is (bool(left) and "SD|" not in rows[-1])


@pytest.mark.parametrize(
    ("rows", "read"),
    [
        (["rank|gene|f_score|p_value", "1|M1|147.27|0.001", "2|X2|41.97|0.002"], []),
        (["Feature|F-score|p-value", "area|51.3|0.001"], []),
        (["model|accuracy|f_score", "a|0.91|147.27", "b|0.92|41.97"], ["accuracy", "accuracy"]),
        (["Model|Precision|Recall|F-score|p-value", "a|83.3|75.0|78.9|0.001"], ["precision", "recall", "f1"]),
        (["Rank|Model|F-score|Accuracy", "1|a|78.9|80.0"], ["f1", "accuracy"]),
    ],
)
def test_the_f_of_an_analysis_of_variance_is_no_f1(rows: list[str], read: list[str]) -> None:
    found = read_figures([Printed(where="t", caption="", rows=tuple(tuple(row.split("|")) for row in rows))], "p")
    assert [claim["metric"] for claim in found.claims] == read
    assert any("analysis of variance" in text for text in found.remarks) is ("f1" not in read)
    assert any("core" in text for text in found.left) is ("f1" not in read)


@pytest.mark.parametrize("name", ["Total", "Sum", "Σ", "samples avg", "Samples average"])
def test_a_total_and_a_mean_over_samples_are_no_means_of_the_rows_above(name: str) -> None:
    rows = ["Class|Images|Precision|Recall|Accuracy", "ALL|20|83.3|75.0|87.5", "HEM|44|89.1|93.2|87.5",
            f"{name}|64|87.3|87.5|87.5"]  # fmt: skip
    found = read_figures([Printed(where="t", caption="", rows=tuple(tuple(row.split("|")) for row in rows))], "p")
    scores = [claim for claim in found.claims if claim["metric"] != "n_images"]
    assert len(scores) == 6 and not any(claim.get("aggregation") for claim in scores)
    assert [text.rsplit(", ")[-1] for text in found.left if "Images" not in text] == [
        f"{name}: 87.3", f"{name}: 87.5", f"{name}: 87.5"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "cell",
    ["0.68-0.72", "0.75–0.78", "0.68 − 0.72", "0.68 to 0.72", "68%-72%", "0.68..0.72", "0.68, 0.72", "0.68 → 0.72",
     ".68-.72", "0.68 and 0.72"],
)  # fmt: skip
def test_a_range_is_no_figure(cell: str) -> None:
    rows = (("Model", "Accuracy", "Recall"), ("V", cell, "0.7"))
    found = read_figures([Printed(where="t", caption="", rows=rows)], "p")
    assert [claim["value"] for claim in found.claims] == ["0.7"] and found.left == [f"t, Accuracy, V: {cell}"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [("0.70 (0.68-0.72)", "0.70"), ("0.70 [0.68, 0.72]", "0.70"), ("0.70 ± 0.02", "0.70"), ("70 %", "70"),
     ("0.70 -", "0.70"), ("0.70, best", "0.70")],
)  # fmt: skip
def test_what_stands_behind_a_figure_is_no_range(cell: str, value: str) -> None:
    rows = (("Model", "Accuracy"), ("V", cell))
    found = read_figures([Printed(where="t", caption="", rows=rows)], "p")
    assert [claim["value"] for claim in found.claims] == [value]
