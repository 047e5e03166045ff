"""Confusion matrices as papers, pandas and MATLAB print them: axes in the names, shares beside counts, long tables."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from leukbench.audit.findings import audit_papers
from leukbench.errors import InputError
from leukbench.tools.draft.audit import draft_of

SIZES = "HEM=648,ALL=1219"
CROSSTAB = (
    "<table><tr><th>{}<th>ALL<th>HEM<th>All</tr><tr><th>{}<th><th><th></tr><tr><th>ALL<td>1169<td>50<td>1219</tr>"
    "<tr><th>HEM<td>48<td>600<td>648</tr><tr><th>All<td>1217<td>650<td>1867</tr></table>"
)


def _statuses(file: Path, classes: str = SIZES) -> set[tuple[str, str]]:
    findings = audit_papers([draft_of(file, classes).paper()])
    return {(f.check, f.status) for f in findings if f.check in {"matrix_class_sizes", "matrix_scores"}}


def _rows(*rows: str) -> str:
    head, *body = rows
    return "\n".join(["|" + head + "|", "|" + "---|" * (head.count("|") + 1), *("|" + row + "|" for row in body)])


@pytest.mark.parametrize(
    ("text", "orientation"),
    [
        (_rows("|Predicted HEM|Predicted ALL", "Actual HEM|600|48", "Actual ALL|50|1169"), "actual"),
        (_rows("|HEM (pred.)|ALL (pred.)", "HEM|600|48", "ALL|50|1169"), "actual"),
        (_rows("|True: HEM|True: ALL", "Pred: HEM|600|50", "Pred: ALL|48|1169"), "predicted"),
        (_rows("|Predicted HEM|Predicted ALL", "HEM|600 (92.6%)|48 (7.4%)", "ALL|50 (4.1%)|1169 (95.9%)"), "actual"),
        (_rows("|HEM|ALL", "HEM|92.6% (600)|7.4% (48)", "ALL|4.1% (50)|95.9% (1169)"), "unstated"),
        (_rows("||HEM|ALL", "Actual|HEM|600|48", "|ALL|50|1169"), "actual"),
        (_rows("|Predicted HEM|Predicted ALL|Total", "Actual HEM|600|48|648", "Actual ALL|50|1169|1219",
               "Total|650|1217|1867"), "actual"),
        (CROSSTAB.format("Predicted", "Actual"), "actual"),
        (CROSSTAB.format("y_hat", "y"), "actual"),
        (CROSSTAB.format("col_0", "row_0"), "unstated"),
        (_rows("Predicted / Actual|HEM|ALL", "HEM|600|50", "ALL|48|1169"), "unstated"),
    ],
)  # fmt: skip
def test_a_matrix_is_read_by_its_axes_and_holds_its_class_sizes(tmp_path: Path, text: str, orientation: str) -> None:
    file = tmp_path / ("t.html" if "<table>" in text else "t.md")
    file.write_text(text + "\n", encoding="utf-8")
    paper = draft_of(file, SIZES).paper()
    assert [m.rows for m in paper.matrices] == [orientation]
    assert [sorted(m.classes) for m in paper.matrices] == [["ALL", "HEM"]]
    assert sum(int(c.value) for c in paper.claims if c.metric == "matrix_cell") == 1867
    assert _statuses(file) == {("matrix_class_sizes", "consistent")}


@pytest.mark.parametrize(
    ("names", "status"),
    [(("Actual", "Predicted"), "inconsistent"), (("Predicted", "Actual"), "consistent"), (("", ""), "consistent")],
)
def test_rows_that_are_said_to_be_actual_and_are_not_are_told(
    tmp_path: Path, names: tuple[str, str], status: str
) -> None:
    rows, columns = names
    file = tmp_path / "t.md"
    head = f"|{columns} HEM|{columns} ALL"
    file.write_text(_rows(head, f"{rows} HEM|600|50", f"{rows} ALL|48|1169") + "\n", encoding="utf-8")
    assert _statuses(file) == {("matrix_class_sizes", status)}


def test_a_size_that_neither_rows_nor_columns_have_stays_in_need_of_an_explanation(tmp_path: Path) -> None:
    file = tmp_path / "t.md"
    file.write_text(_rows("|HEM|ALL", "HEM|600|50", "ALL|48|1100") + "\n", encoding="utf-8")
    assert _statuses(file) == {("matrix_class_sizes", "implausible")}


@pytest.mark.parametrize(
    "rows",
    [
        ("Class|True positive|True negative", "X|9|8", "Y|8|9"),
        ("|Predicted A|B", "A|9|1", "B|2|8"),
    ],
)
def test_names_that_speak_of_no_two_axes_make_no_matrix(tmp_path: Path, rows: tuple[str, ...]) -> None:
    file = tmp_path / "t.md"
    file.write_text(_rows(*rows) + "\n\n" + _rows("Model|Accuracy", "V|91.2") + "\n", encoding="utf-8")
    assert draft_of(file).paper().matrices == ()


@pytest.mark.parametrize(("f1", "doubted"), [("91.5", set()), ("99.0", {"f1_of_precision_recall"})])
@pytest.mark.parametrize("head", ["Model|Metric|Value (%)", "Metric|Model|Score"])
def test_a_long_table_is_read_as_a_row_a_model(tmp_path: Path, f1: str, doubted: set[str], head: str) -> None:
    rows = [("V", "Accuracy", "91.4"), ("V", "Precision", "91.0"), ("V", "Recall", "92.0"), ("V", "F1", f1),
            ("R", "Accuracy", "81.4")]  # fmt: skip
    turned = [(m, n, v) if head.startswith("Metric") else (n, m, v) for n, m, v in rows]
    file = tmp_path / "t.md"
    file.write_text(_rows(head, *map("|".join, turned)) + "\n", encoding="utf-8")
    draft = draft_of(file)
    assert {(c.model, c.metric, c.value) for c in draft.paper().claims} == {(n, m.lower(), v) for n, m, v in rows}
    assert {f.check for f in audit_papers([draft.paper()]) if f.status in {"inconsistent", "implausible"}} == doubted


def test_a_long_table_that_repeats_a_metric_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "t.md"
    rows = ["Model|Metric|Value", "V|F1|90", "V|Recall|91", "V|F1|92", "R|Accuracy|93"]
    file.write_text(_rows(*rows) + "\n\n" + _rows("Model|Accuracy", "V|91.2") + "\n", encoding="utf-8")
    assert [c.value for c in draft_of(file).paper().claims] == ["91.2"]


HEAD = "|Predicted HEM|Predicted ALL"
OF_TEST = _rows(HEAD, "Actual HEM|600|48", "Actual ALL|50|1169")


@pytest.mark.parametrize(
    "text",
    [
        "Table 1. Confusion matrix on the training set\n\n" + _rows(HEAD, "Actual HEM|2400|189", "Actual ALL|200|5022"),
        "Table 1. Confusion matrix on the external set\n\n" + _rows(HEAD, "Actual HEM|57|2", "Actual ALL|1|48")
        + "\n\nTable 2. Confusion matrix\n\n" + OF_TEST,
        "".join(f"Table {k}. Confusion matrix, fold {k}\n\n" + _rows(HEAD, "Actual HEM|120|10", "Actual ALL|10|234")
                + "\n\n" for k in (1, 2, 3)),
        _rows(HEAD.replace("|", "Fold 1|", 1), "Actual HEM|120|10", "Actual ALL|10|234"),
        "Table 1. Labels of two experts\n\n" + _rows("Expert 1 / Expert 2|HEM|ALL", "HEM|300|20", "ALL|28|480"),
        "Table 1. Confusion matrix of VGG\n\n" + OF_TEST
        + "\n\nTable 2. Scores of ResNet\n\n" + _rows("Class|Precision|Recall", "HEM|90.8|91.0", "ALL|95.2|95.1"),
        _rows("Model|Metric|Value", "VGG|Accuracy|94.75", "|Recall|95.90", "Res|Accuracy|93.14", "|Precision|94.46",
              "Net|Accuracy|94.16", "|F1|95.58"),
        _rows("Training data|Test data|Metric|Value", "A|C-NMC|Accuracy|94.75", "A|C-NMC|Recall|95.90",
              "A|B|Accuracy|97.22", "A|B|Recall|97.96"),
        "Table 1. Validation confusion matrix\n\n" + _rows(HEAD, "Actual HEM|620|28", "Actual ALL|15|285"),
        "Table 1. Matrix, external centre\n\n" + _rows(HEAD, "Actual HEM|700|100", "Actual ALL|67|1000"),
        "Table 1. Validation confusion matrix\n\n" + OF_TEST + "\n\nTable 2. Test results\n\n"
        + _rows("Class|Precision (%)|Recall (%)", "HEM|95.4|95.7", "ALL|97.7|97.5"),
        _rows("Class|Metric|Value", "HEM|Recall|0.926", "ALL|Recall|0.959", "|Precision|0.942", "|Accuracy|0.948"),
        _rows("Class|Metric|Value", "HEM|Recall|0.926", "ALL|Recall|0.959", "N/A|Precision|0.942", "-|Accuracy|0.948"),
        _rows("Average|Metric|Value", "macro|precision|0.9418", "macro|recall|0.9425", "weighted|precision|0.9475",
              "weighted|recall|0.9475", "|f1|0.9597"),
        _rows("Model|Metric|Value|95% CI", "V|Accuracy|94.75|93.8-95.8", "V|Recall|95.90|94.7-97.0"),
    ],
)  # fmt: skip
def test_what_is_of_other_images_is_not_held_against_those_given(tmp_path: Path, text: str) -> None:
    file = tmp_path / "t.md"
    file.write_text(text + "\n", encoding="utf-8")
    checks = {f.check for f in audit_papers([draft_of(file, SIZES).paper()]) if f.status == "inconsistent"}
    assert checks == set()
    assert not any(check == "matrix_class_sizes" and status != "consistent" for check, status in _statuses(file))


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        (HEAD, ("Actual HEM|93|7", "Actual ALL|4|96")),
        ("|HEM|ALL", ("HEM|93|7", "ALL|4|96")),
        (HEAD, ("Actual HEM|93 (1.2)|7 (1.2)", "Actual ALL|4 (0.8)|96 (0.8)")),
        (HEAD, ("Actual HEM|120 (2.5)|10 (2.5)", "Actual ALL|10 (1.1)|234 (1.1)")),
    ],
)
def test_percentages_and_means_are_no_counts(tmp_path: Path, head: str, cells: tuple[str, str]) -> None:
    file = tmp_path / "t.md"
    file.write_text(_rows(head, *cells) + "\n\n" + _rows("Model|Accuracy", "V|91.2") + "\n", encoding="utf-8")
    assert [c.value for c in draft_of(file).paper().claims] == ["91.2"]


@pytest.mark.parametrize(
    ("first", "second", "held"),
    [
        ("VGG16 confusion matrix", "ResNet50 results", False),
        ("Confusion matrix (vgg)", "Scores of resnet", False),
        ("Confusion matrix of Model A", "Scores of Model B", False),
        ("Confusion matrix of ResNet 18", "Scores of ResNet 50", False),
        ("Confusion matrix of the baseline", "Scores of the proposed model", False),
        ("Confusion matrix on the internal test set", "Scores on the external test set", False),
        ("Confusion matrix before augmentation", "Scores after augmentation", False),
        ("Confusion matrix of ResNet50", "Results for C-NMC", True),
        ("Confusion matrix for C-NMC", "Results of ResNet50 on C-NMC", True),
        ("Confusion matrix of ResNet50", "Results of ResNet-50 with 95 % CI", True),
        ("Confusion matrix of ResNet50", "Scores of HEM and ALL", True),
        ("Confusion matrix of 1867 images", "Scores of ResNet50", True),
        ("Confusion matrix of the proposed model", "Results of DSCNet", True),
    ],
)
def test_scores_are_held_against_a_matrix_of_the_same_thing_alone(
    tmp_path: Path, first: str, second: str, held: bool
) -> None:
    file = tmp_path / "t.md"
    scores = _rows("Class|Recall (%)|Specificity (%)", "HEM|96.6|95.9", "ALL|95.9|96.6")
    file.write_text(f"Table 1. {first}\n\n{OF_TEST}\n\nTable 2. {second}\n\n{scores}\n", encoding="utf-8")
    assert (("matrix_scores", "inconsistent") in _statuses(file)) == held
    assert any("held against no matrix" in remark for remark in draft_of(file, SIZES).remarks) != held


def test_a_hundred_images_a_class_are_counts_where_so_many_are_given(tmp_path: Path) -> None:
    file = tmp_path / "t.md"
    file.write_text(_rows("|HEM|ALL", "HEM|93|7", "ALL|4|96") + "\n", encoding="utf-8")
    assert _statuses(file, "HEM=100,ALL=100") == {("matrix_class_sizes", "consistent")}
    file.write_text(_rows("|HEM|ALL", "HEM|94|7", "ALL|5|96") + "\n", encoding="utf-8")
    assert _statuses(file, "HEM=100,ALL=100") == {("matrix_class_sizes", "implausible")}
    file.write_text(_rows("|HEM|ALL|Recall (%)", "HEM|93|7|98.0", "ALL|4|96|96.0") + "\n", encoding="utf-8")
    assert ("matrix_scores", "inconsistent") in _statuses(file, "HEM=100,ALL=100")


ROUNDED = ("|A|B|C|D", "A|93|3|3|3", "B|2|92|2|2", "C|1|1|97|1", "D|0|4|0|96")


def test_rounded_percentages_come_to_a_hundred_but_for_half_a_unit_a_cell(tmp_path: Path) -> None:
    """Rows of 102, 98, 100 and 100: percentages, unless these are the numbers of images."""
    file = tmp_path / "t.md"
    file.write_text(_rows(*ROUNDED) + "\n\n" + _rows("Model|Accuracy", "V|91.2") + "\n", encoding="utf-8")
    for classes in ("", "A=400,B=400,C=400,D=400"):
        drafted = draft_of(file, classes)
        assert not drafted.paper().matrices and any("taken for percentages" in text for text in drafted.remarks)
    assert draft_of(file, "A=102,B=98,C=100,D=100").paper().matrices
    support = [f"{name}|.9|.9|.9|{n}" for name, n in zip("ABCD", (102, 98, 100, 100), strict=True)]
    report = _rows("Class|Precision|Recall|F1|Support", *support)
    file.write_text(_rows(*ROUNDED) + "\n\n" + report + "\n", encoding="utf-8")
    assert draft_of(file).paper().matrices
    file.write_text(_rows(ROUNDED[0], "A|120|3|3|3", *ROUNDED[2:]) + "\n", encoding="utf-8")
    assert draft_of(file).paper().matrices, "129 is no hundred"


def test_a_share_that_is_not_that_of_its_count_is_named(tmp_path: Path) -> None:
    file = tmp_path / "t.md"
    file.write_text(_rows(HEAD, "Actual HEM|600 (52.6%)|48 (7.4%)", "Actual ALL|50 (4.1%)|1169 (95.9%)"), "utf-8")
    assert any(
        "HEM and HEM: 600 (52.6%): that count has another share" in remark for remark in draft_of(file, SIZES).remarks
    )


@pytest.mark.parametrize(
    "rows",
    [
        ("|Predicted class 1|Predicted class 2", "Actual class 1|600|{}", "Actual class 2|50|1169"),
        ("|Output: class 2|Output: class 1", "Target: class 1 (n=648)|{}|600", "Target: class 2 (n=1,219)|1169|50"),
    ],
)
def test_numbered_classes_keep_their_names_and_a_wrong_cell_is_found(tmp_path: Path, rows: tuple[str, ...]) -> None:
    file = tmp_path / "t.md"
    for wrong, status in (("48", "consistent"), ("58", "inconsistent")):
        file.write_text(_rows(*(row.format(wrong) for row in rows)) + "\n", encoding="utf-8")
        assert ("matrix_class_sizes", status) in _statuses(file, "class 1=648,class 2=1219")


def test_scores_that_fit_only_the_other_axes_than_the_class_sizes_are_told(tmp_path: Path) -> None:
    file = tmp_path / "t.md"
    rows = ["|HEM|ALL|{} (%)", "HEM|600|50|92.3", "ALL|48|1169|96.1"]
    for score, status in (("Precision", "consistent"), ("Recall", "inconsistent")):
        file.write_text(_rows(rows[0].format(score), *rows[1:]) + "\n", encoding="utf-8")
        assert ("matrix_scores", status) in _statuses(file)


def test_a_header_of_thousands_of_dashes_takes_no_time(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"{'-' * 20_000},Predicted A,{'-' * 20_000}\nA,1,2\nB,3,4\n", encoding="utf-8")
    start = time.monotonic()
    with pytest.raises(InputError, match="no figure of any table"):
        draft_of(file)
    assert time.monotonic() - start < 5
