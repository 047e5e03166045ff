"""A file of predictions: what is accepted, and that a bad cell is named by line, column and value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.tools.score.predictions import load_predictions

GOOD = """image_id,label,group,score_HEM,score_ALL
a,ALL,P1,0.2,0.8
b,HEM,P2,0.9,0.1
c,HEM,P2,0.4,0.6
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_scores_labels_groups_arrive_in_the_order_of_the_columns(tmp_path: Path) -> None:
    loaded = load_predictions(_file(tmp_path, GOOD))
    p = loaded.predictions
    assert p.classes == ("HEM", "ALL")
    assert p.label.tolist() == [1, 0, 0]
    assert p.predicted.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(p.scores, [[0.2, 0.8], [0.9, 0.1], [0.4, 0.6]])
    assert (p.group.tolist(), p.patient.tolist()) == (["P1", "P2", "P2"], ["", "", ""])
    assert (p.fold.tolist(), p.seed.tolist(), loaded.by_patient, loaded.unread) == ([0, 0, 0], [0, 0, 0], False, ())


def test_patient_stands_for_group_and_optional_columns_are_read(tmp_path: Path) -> None:
    text = "patient,seed,fold,image_id,origin,label,predicted,site\nP1,1,2,a#1,a,x,y,q\nP1,1,2,a#2,a,x,x,q\n\n"
    loaded = load_predictions(_file(tmp_path, "\ufeff" + text))  # Excel writes a byte order mark
    p = loaded.predictions
    assert (p.classes, loaded.by_patient, loaded.with_scores, loaded.unread) == (("x", "y"), True, False, ("site",))
    assert p.group.tolist() == p.patient.tolist() == ["P1", "P1"]
    assert (p.seed.tolist(), p.fold.tolist(), p.origin.tolist()) == ([1, 1], [2, 2], ["a", "a"])
    assert p.predicted.tolist() == [1, 0] and np.isnan(p.scores).all()


def test_given_prediction_wins_over_the_highest_score(tmp_path: Path) -> None:
    text = "image_id,label,group,score_A,score_B,predicted\na,A,1,0.7,0.3,B\n"
    assert load_predictions(_file(tmp_path, text)).predictions.predicted.tolist() == [1]


def test_same_image_in_two_folds_or_seeds_is_no_repeat(tmp_path: Path) -> None:
    text = "image_id,label,group,predicted,fold,seed\na,A,1,A,0,0\na,A,1,A,1,0\na,A,1,A,0,1\n"
    assert len(load_predictions(_file(tmp_path, text)).predictions) == 3


CELL = "line 3, column {}, image 'b'"


@pytest.mark.parametrize(
    ("old", "new", "what", "where", "found"),
    [
        ("0.9,0.1", "high,0.1", "a score is no number", CELL.format("score_HEM"), "'high'"),
        ("0.9,0.1", ",0.1", "a score is no number", CELL.format("score_HEM"), "''"),
        ("0.9,0.1", "0_9,0.1", "a score is no number", CELL.format("score_HEM"), "'0_9'"),
        ("0.9,0.1", '"0,9",0.1', "a score is no number", CELL.format("score_HEM"), "'0,9'"),
        ("0.9,0.1", "0.9,nan", "a score is not finite", CELL.format("score_ALL"), "'nan'"),
        ("0.9,0.1", "0.9,inf", "a score is not finite", CELL.format("score_ALL"), "'inf'"),
        ("0.9,0.1", "1.1,-0.1", "a score is outside [0, 1]", CELL.format("score_HEM"), "'1.1'"),
        ("0.9,0.1", "0.9,-0.1", "a score is outside [0, 1]", CELL.format("score_ALL"), "'-0.1'"),
        ("0.9,0.1", "90,10", "a score is outside [0, 1]", CELL.format("score_HEM"), "'90'"),
        ("0.9,0.1", "0.9,0.102", "do not sum to 1", "line 3, columns score_HEM, score_ALL, image 'b'", "= 1.002"),
        ("b,HEM", "b,AML", "an unknown class in column label", CELL.format("label"), "'AML'"),
        ("b,HEM", "b,", "a row has no label", CELL.format("label"), "''"),
        ("b,HEM", "b,nan", "a row has no label", CELL.format("label"), "'nan'"),
        ("HEM,P2,0.9", "HEM,NaN,0.9", "a row has no group", CELL.format("group"), "'NaN'"),
        ("HEM,P2,0.9", "HEM,,0.9", "a row has no group", CELL.format("group"), "''"),
        ("b,HEM", ",HEM", "a row has no image_id", "line 3, column image_id", "''"),
        ("b,HEM", "a,ALL", "an image stands twice", "lines 2 and 3", "image 'a'"),
        ("0.9,0.1", "0.9", "too few or too many cells", "line 3", "4: b,HEM,P2,0.9"),
        ("0.9,0.1", "0.9,0.1,7", "too few or too many cells", "line 3", "6: b,HEM,P2,0.9,0.1,7"),
        ("label,group", "lbl,group", "columns are missing: label", "line 1", "image_id, lbl, group"),
        ("score_HEM,score_ALL", "one,two", "columns are missing: score_<class>", "line 1", "one, two"),
        ("score_HEM,score_ALL", "score_ALL,score_ALL", "a column stands twice", "line 1", "'score_ALL'"),
    ],
)  # fmt: skip
def test_bad_cell_is_named(tmp_path: Path, old: str, new: str, what: str, where: str, found: str) -> None:
    assert old in GOOD
    path = _file(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(InputError) as raised:
        load_predictions(path)
    assert what in raised.value.what
    assert str(path) in raised.value.where and where in raised.value.where
    assert found in raised.value.found
    assert raised.value.expected


def test_sums_within_a_thousandth_pass(tmp_path: Path) -> None:
    assert len(load_predictions(_file(tmp_path, GOOD.replace("0.9,0.1", "0.9,0.1009"))).predictions) == 3


@pytest.mark.parametrize(("column", "value"), [("fold", "one"), ("fold", "-1"), ("seed", "0.5"), ("seed", "")])
def test_fold_and_seed_are_whole_numbers(tmp_path: Path, column: str, value: str) -> None:
    text = f"image_id,label,group,predicted,{column}\na,A,1,A,0\nb,A,1,A,{value}\n"
    with pytest.raises(InputError, match=f"a {column} is no whole number") as raised:
        load_predictions(_file(tmp_path, text))
    assert "line 3" in raised.value.where and raised.value.found == repr(value)


@pytest.mark.parametrize(("column", "values"), [("label", "B,1"), ("group", "A,2")])
def test_image_keeps_its_label_and_group_between_seeds(tmp_path: Path, column: str, values: str) -> None:
    text = f"image_id,label,group,predicted,seed\na,A,1,A,0\nb,B,1,B,0\na,{values},A,1\n"
    with pytest.raises(InputError, match=f"another {column} than in line 2") as raised:
        load_predictions(_file(tmp_path, text))
    assert f"line 4, column {column}" in raised.value.where


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_predictions(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="an empty file"):
        load_predictions(_file(tmp_path, ""))
    with pytest.raises(InputError, match="holds no predictions"):
        load_predictions(_file(tmp_path, GOOD.splitlines()[0] + "\n"))
    binary = tmp_path / "p.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_predictions(binary)


@pytest.mark.parametrize(
    ("raw", "where", "found"),
    [
        ("a,ALL,P\xe4,0.2,0.8\n".encode("latin-1"), "line 5", "a,ALL,P\\xe4,0.2,0.8"),
        (b"d,ALL,P\x00,0.2,0.8\n", "line 5", "no plain text"),
        (b'd,"ALL,P3,0.2,0.8\n', "line 5", "a quote that is not closed"),
    ],
)
def test_bytes_and_quotes_are_named_by_their_line(tmp_path: Path, raw: bytes, where: str, found: str) -> None:
    path = tmp_path / "predictions.csv"
    path.write_bytes(GOOD.encode() + raw)
    with pytest.raises(InputError) as raised:
        load_predictions(path)
    assert (raised.value.where, raised.value.found) == (f"{path}, {where}", found)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [(GOOD.encode("utf-16"), "UTF-16"), (b"PK\x03\x04\xff\xfe", "spreadsheet")],
)
def test_other_kinds_of_file_are_told(tmp_path: Path, raw: bytes, kind: str) -> None:
    path = tmp_path / "predictions.csv"
    path.write_bytes(raw)
    with pytest.raises(InputError, match="UTF-8") as raised:
        load_predictions(path)
    assert kind in raised.value.found


def test_windows_line_ends_and_quoted_commas_are_read(tmp_path: Path) -> None:
    text = GOOD.replace("P2", '"ward 2, bed 1"').replace("\n", "\r\n")
    assert load_predictions(_file(tmp_path, text)).predictions.group.tolist() == [
        "P1",
        "ward 2, bed 1",
        "ward 2, bed 1",
    ]
