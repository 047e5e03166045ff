"""Confusion matrices as papers, pandas and MATLAB print them: axes in the names, shares beside counts, long tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.findings import audit_papers
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
        (CROSSTAB.format("y_hat", "y"), "unstated"),
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


@pytest.mark.parametrize(("f1", "accused"), [("91.5", set()), ("99.0", {"f1_of_precision_recall"})])
@pytest.mark.parametrize("head", ["Model|Metric|Value (%)", "Metric|Model|Score"])
def test_a_long_table_is_read_as_a_row_a_model(tmp_path: Path, f1: str, accused: set[str], head: str) -> None:
    rows = [("V", "Accuracy", "91.4"), ("V", "Precision", "91.0"), ("V", "Recall", "92.0"), ("V", "F1", f1),
            ("R", "Accuracy", "81.4")]  # fmt: skip
    turned = [(m, n, v) if head.startswith("Metric") else (n, m, v) for n, m, v in rows]
    file = tmp_path / "t.md"
    file.write_text(_rows(head, *map("|".join, turned)) + "\n", encoding="utf-8")
    draft = draft_of(file)
    assert {(c.model, c.metric, c.value) for c in draft.paper().claims} == {(n, m.lower(), v) for n, m, v in rows}
    assert {f.check for f in audit_papers([draft.paper()]) if f.status == "inconsistent"} == accused


def test_a_long_table_that_repeats_a_metric_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "t.md"
    rows = ["Model|Metric|Value", "V|F1|90", "V|Recall|91", "V|F1|92", "R|Accuracy|93"]
    file.write_text(_rows(*rows) + "\n\n" + _rows("Model|Accuracy", "V|91.2") + "\n", encoding="utf-8")
    assert [c.value for c in draft_of(file).paper().claims] == ["91.2"]
