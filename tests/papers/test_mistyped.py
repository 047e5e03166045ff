"""Fifty slips of somebody who types in a paper: each is an error, or a remark, that names its claim and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.findings import audit_paper
from leukbench.errors import InputError
from leukbench.papers.loader import load_paper

FILE = """\
key: mine
citation: {authors: A, title: T, venue: V, year: "2024"}
studies:
  s: {title: blasts, source: elsewhere, classes: {ill: [ill], well: [well]}, positive: ill, protocols: {},
      headline: mine.acc, where: Table 2}
matrices:
  - {id: cm, where: Figure 3, rows: actual, classes: [ill, well]}
protocol_facts:
  selection_on: validation
claims:
  - where: Table 2
    common: {study: s, model: Net, split: test, unit: "%"}
    rows:
      - {id: mine.acc, metric: accuracy, value: "90.00"}
      - {id: mine.rec, metric: recall, class: ill, value: "88.00"}
      - {id: mine.f1, metric: f1, value: "89.10", average: macro}
  - where: Figure 3
    common: {study: s, model: Net, split: test, metric: matrix_cell, matrix: cm}
    rows:
      - {id: mine.c00, row: ill, column: ill, value: "88"}
      - {id: mine.c01, row: ill, column: well, value: "12"}
      - {id: mine.c10, row: well, column: ill, value: "8"}
      - {id: mine.c11, row: well, column: well, value: "92"}
  - where: Section 2
    common: {study: s, metric: n_images, unit: count}
    rows:
      - {id: mine.n, split: test, value: "200"}
      - {id: mine.ni, split: test, class: ill, value: "100"}
"""
ACC, REC, F1, N = (
    "claim mine.acc (line 14)",
    "claim mine.rec (line 15)",
    "claim mine.f1 (line 16)",
    "claim mine.n (line 27)",
)
VALUE = '"90.00"'
ENTRY = "{field: head, value: plain, reason: unstated}"
TWICE = f"{{builder: b, where: Table 1, printed_name: Net, assumed: [{ENTRY}, {ENTRY}]}}"


def refused(tmp_path: Path, *changes: tuple[str, str]) -> str:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_paper(file)
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (VALUE, '"90,00"', (ACC, "decimal comma", "'90.00'")),
        (VALUE, '"9.000,1"', (ACC, "'9,000.1'")),
        (VALUE, '"90.00 ± 0.12"', (ACC, 'spread: "0.12"')),
        (VALUE, '"90.00 +/- 0.12"', (ACC, 'value: "90.00"')),
        (VALUE, "90.00", (ACC, "put quotes around it", "every zero")),
        (VALUE, '"90.00%%"', (ACC, "per cent")),
        (VALUE, '"n/a"', (ACC, "no number")),
        (VALUE, '""', (ACC, "no number")),
        (VALUE, '"90.00/91.2"', (ACC, "no number")),
        (VALUE, '"90-92"', (ACC, "no number")),
        (VALUE, '"90.00", note: yes', (ACC, 'quotes around it: "yes"')),
        (VALUE, '"90.00", unit: percent', (ACC, "unit must be one of")),
        (VALUE, '"90.00", spread: "about 1"', (ACC, "spread 'about 1'")),
        (VALUE, '"90.00", aggregation: avg', (ACC, "aggregation 'avg'", "mean")),
        (VALUE, '"90.00", n: "about 200"', (ACC, "n 'about 200'")),
        (VALUE, '"90.00", metrc: x', (ACC, "metrc")),
        ("class: ill, value", "class: il, value", (REC, "did you mean 'ill'?")),
        ("class: ill, value", "class: ILL, value", (REC, "did you mean 'ill'?")),
        ("class: ill, value", "class: benign, value", (REC, "none of study s")),
        ("average: macro", 'average: "positive:sick"', (F1, "'sick'")),
        ("average: macro", "average: marco", (F1, "did you mean 'macro'?")),
        ("average: macro", "average: macro, derived_from: [mine.zz]", (F1, "'mine.zz' is no claim")),
        ("metric: f1", "metric: f1_score", (F1, "f1_score")),
        ("id: mine.rec", "id: mine.acc", (ACC.replace("claim", "claim id"), "stands twice")),
        ("id: mine.rec", "id: other.rec", ("claim id other.rec (line 15)", "must start with 'mine'")),
        ("split: test, value", "split: tests, value", (N, "split must be one of")),
        ("split: test, value", "split: test, split_assumed: true, value", ("'split of ...'", "ambiguities")),
        ('"200"', '"2.000"', (N, "point of thousands", "'2,000'")),
        ('"200"', '"2 000"', (N, "digits")),
        ('"200"', '"200.5"', (N, "whole number")),
        ('"200"', '"two hundred"', (N, "digits")),
        ('"200"', '"2k"', (N, "digits")),
        ('"200"', '"2OO"', (N, "digits")),
        ("study: s, metric: n_images", "study: t, metric: n_images", (N, "study 't' does not exist")),
        ("matrix: cm}", "matrix: cmm}", ("claim mine.c00 (line 20)", "'cmm' does not exist")),
        ("mine.c10, row: well", "mine.c10, row: wel", ("claim mine.c10 (line 22)", "did you mean 'well'?")),
        ('well, value: "12"', 'wll, value: "12"', ("claim mine.c01 (line 21)", "did you mean 'well'?")),
        ('"88"}', '"0.88"}', ("claim mine.c00 (line 20)", "whole number")),
        ('"88"}', '"88%"}', ("claim mine.c00 (line 20)", "per cent")),
        ('"88"}', '"-88"}', ("claim mine.c00 (line 20)", "no count")),
        ('column: well, value: "92"', 'column: ill, value: "92"', ("mine.c10, mine.c11", "1 of its 4 cells")),
        ('      - {id: mine.c11, row: well, column: well, value: "92"}\n', "", ("row well, column well",)),
        ("classes: [ill, well]}", "classes: [ill, well], positive: il}", ("matrix cm", "did you mean 'ill'?")),
        ("classes: [ill, well]}", "classes: [ill, ill]}", ("matrix cm", "different names")),
        ("rows: actual", "rows: true", ("rows", "'actual', 'predicted' or 'unstated'")),
        ("headline: mine.acc", "headline: mine.accc", ("study s", "'mine.accc' is no claim")),
        ("positive: ill", "positive: sick", ("study s", "'sick' is no class")),
        ("selection_on: validation", "selection_on: valdation", ("selection_on", "did you mean 'validation'?")),
        ("selection_on: validation", "test_set_augmented: yes", ("test_set_augmented", 'quotes around it: "yes"')),
        ("selection_on: validation", "selection_onn: validation", ("selection_onn", "did you mean 'selection_on'?")),
        ("selection_on: validation", "selection_on.t: validation", ("selection_on.t", "no study")),
        ("claims:\n", f"networks: {{n: {TWICE}}}\nclaims:\n", ("networks", "head")),
    ],
)
def test_a_slip_is_refused_with_its_place(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    message = refused(tmp_path, (old, new))
    assert all(w in message for w in words), message


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        (VALUE, '"0.9000"', "units"),
        (VALUE, '"90.00", unit: fraction', "range"),
        (VALUE, '"190.00"', "range"),
        (VALUE, '"9000"', "range"),
    ],
)
def test_a_figure_of_another_unit_is_remarked(tmp_path: Path, old: str, new: str, check: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(FILE.replace(old, new, 1), encoding="utf-8")
    (found,) = [f for f in audit_paper(load_paper(file)) if f.check == check]
    assert found.claims == ("mine.acc",)


def test_all_slips_of_a_file_are_named_at_once(tmp_path: Path) -> None:
    message = refused(tmp_path, (VALUE, '"90,00"'), ("average: macro", "average: marco"), ('"200"', '"2.000"'))
    assert all(place in message for place in (ACC, F1, N))


def test_the_file_without_a_slip_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(FILE, encoding="utf-8")
    assert len(load_paper(file).claims) == 9
