"""Confusion matrices of shares: their diagonal is read where it is said of what, and left out elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.findings import audit_papers
from leukbench.errors import InputError
from leukbench.tools.draft.audit import draft_of

OTHER = "\n| Class | Precision | F1 |\n|---|---|---|\n| ALL | {} | 0.9016 |\n| HEM | 0.8764 | 0.7853 |\n"


def _matrix(folder: Path, names: str, rows: tuple[str, str], more: str = "") -> Path:
    across, down = names.split("/")
    lines = [f"| |{across}ALL|{across}HEM|", "|---|---|---|", f"|{down}ALL|{rows[0]}|", f"|{down}HEM|{rows[1]}|"]
    file = folder / "m.md"
    file.write_text("\n".join([*lines, "", more]), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("names", "rows", "metric"),
    [("Predicted /Actual ", ("0.9467|0.0533", "0.2886|0.7114"), "recall"),
     ("Predicted /Actual ", ("94.67%|5.33%", "28.86%|71.14%"), "recall"),
     ("Actual /Predicted ", ("94.67|28.86", "5.33|71.14"), "recall"),
     ("Predicted /Actual ", ("0.8606|0.1236", "0.1394|0.8764"), "precision"),
     ("Actual /Predicted ", ("86%|14%", "12%|88%"), "precision")],
)  # fmt: skip
def test_the_diagonal_is_a_score_of_each_class(tmp_path: Path, names: str, rows: tuple[str, str], metric: str) -> None:
    claims = draft_of(_matrix(tmp_path, names, rows)).paper().claims
    diagonal = [row.split("|")[i].rstrip("%") for i, row in enumerate(rows)]
    assert [(c.metric, c.class_, c.value) for c in claims] == [
        (metric, "ALL", diagonal[0]), (metric, "HEM", diagonal[1])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "rows", "said"),
    [("/", ("0.9467|0.0533", "0.2886|0.7114"), "which axis is which"),
     ("Predicted /Actual ", ("0.9|0.1", "0.1|0.9"), "both"),
     ("Predicted /Actual ", ("0.9|0.3", "0.2|0.9"), "ALL: 0.9")],
)  # fmt: skip
def test_a_matrix_of_shares_of_unknown_kind_is_left_out(
    tmp_path: Path, names: str, rows: tuple[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        draft_of(_matrix(tmp_path, names, rows))


@pytest.mark.parametrize(("precision", "bad"), [("0.8606", False), ("0.9606", True)])
def test_recalls_of_a_matrix_of_shares_are_held_against_other_scores(tmp_path: Path, precision: str, bad: bool) -> None:
    rows = ("0.9467|0.0533", "0.2886|0.7114")
    findings = audit_papers([draft_of(_matrix(tmp_path, "Predicted /Actual ", rows, OTHER.format(precision))).paper()])
    assert any(f.status == "inconsistent" for f in findings) == bad
