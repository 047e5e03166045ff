"""Slips in a paper file: each is named with its claim and line, all of a file at once, and the file
without them loads.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.errors import InputError
from leukbench.papers.loader import load_paper

HEAD = """\
key: mine
citation: {authors: A, title: T, venue: V, year: "2024"}
studies:
  s: {title: t, source: none, classes: {ill: [ill], well: [well]}, positive: ill, protocols: {}, headline: mine.acc,
      where: Table 1}
"""
CLAIMS = """\
claims:
  - where: Table 1
    common: {study: s, model: net, split: test, unit: "%"}
    rows:
      - {id: mine.acc, metric: accuracy, value: "90.1"}
"""
MATRIX = """\
matrices: [{id: cm, where: Figure 1, rows: actual, classes: [ill, well]}]
"""


def cell(row: str, column: str, value: str = "7", ident: str = "") -> str:
    name = ident or f"mine.{row}.{column}"
    return (
        f"      - {{id: {name}, metric: matrix_cell, matrix: cm, row: {row}, column: {column}, value: "
        f'"{value}", unit: count}}\n'
    )


FOUR = cell("ill", "ill") + cell("ill", "well") + cell("well", "ill") + cell("well", "well")


def message(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        load_paper(file)
    return str(raised.value)


def test_a_file_without_slips_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(HEAD + MATRIX + CLAIMS + FOUR, encoding="utf-8")
    assert len(load_paper(file).claims) == 5


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('{id: mine.x, metric: f1, value: "99,31"}', "'99.31'"),
        ('{id: mine.x, metric: f1, value: "99.31 ± 0.12"}', 'spread: "0.12"'),
        ('{id: mine.x, metric: f1, value: "high"}', "no number"),
        ('{id: mine.x, metric: f1, value: "91.2", class: Ill}', "did you mean 'ill'?"),
        ('{id: mine.x, metric: f1, value: "91.2", average: marco}', "did you mean 'macro'?"),
        ('{id: mine.x, metric: n_images, value: "12.5", unit: count}', "no whole number"),
        ('{id: mine.x, metric: n_images, value: "1e400", unit: count}', "larger than any"),
        ('{id: mine.x, metric: f1, value: "91.2", n: "0"}', "no number of images"),
        ("{id: mine.x, metric: f1, value: 91.2}", 'put quotes around it, with every zero as printed: "91.2"'),
        ("{id: mine.x, metric: f1, value: yes}", 'put quotes around it: "yes"'),
    ],
)
def test_a_figure_that_would_be_dropped_or_misread_is_named_with_its_line(tmp_path: Path, row: str, words: str) -> None:
    found = message(tmp_path, HEAD + CLAIMS + f"      - {row}\n")
    assert "claim mine.x (line 11)" in found and words in found, found


def test_a_matrix_with_a_mistyped_missing_or_double_cell_is_refused(tmp_path: Path) -> None:
    start = HEAD + MATRIX + CLAIMS
    assert "'il' is no class of matrix cm" in message(
        tmp_path, start + FOUR.replace("row: ill, column: well", "row: il, column: well")
    )
    missing = message(tmp_path, start + FOUR.replace(cell("well", "ill"), ""))
    assert "1 of its 4 cells are missing: row well, column ill" in missing
    double = message(tmp_path, start + FOUR + cell("ill", "ill", "8", "mine.again"))
    assert "stands 2 times: mine.ill.ill, mine.again" in double
    assert "no count" in message(tmp_path, start + FOUR.replace('"7"', '"-7"', 1))


def test_a_fact_outside_its_list_and_a_mistyped_one_are_named(tmp_path: Path) -> None:
    facts = 'protocol_facts: {patient_level_split: maybe, selection_onn: test, test_labels_public.t: "no"}\n'
    found = message(tmp_path, HEAD + facts + CLAIMS)
    assert "'maybe' is none of yes, no, unstated" in found
    assert "selection_onn: unknown fact; did you mean 'selection_on'?" in found and "'t' is no study" in found


def test_all_slips_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    rows = "".join(f'      - {{id: mine.x{i}, metric: f1, value: "9{i},31"}}\n' for i in range(12))
    found = message(tmp_path, HEAD + CLAIMS + rows)
    assert all(f"claim mine.x{i} (line {11 + i})" in found for i in range(12)) and found.startswith("12 thing(s)")


def test_all_refusals_of_the_schema_are_named_at_once(tmp_path: Path) -> None:
    rows = "".join(f"      - {{id: mine.x{i}, metric: f{i}, value: 9{i}}}\n" for i in (2, 3, 4))
    found = message(tmp_path, HEAD + CLAIMS + rows)
    assert all(f"claim mine.x{i} (line {9 + i})" in found for i in (2, 3, 4)), found
