"""What a file of predictions contradicts itself in is said,
and what contradicts a claim of a split by patient is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leukbench.errors import InputError
from leukbench.tools.score.predictions import load_predictions
from leukbench.tools.score.remarks import divided_groups, remarks_on
from leukbench.tools.score.score import score
from tests.support.made_up_paper import write_paper


def _remarks(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "p.csv"
    path.write_text(text, encoding="utf-8")
    return remarks_on(load_predictions(path))


PATIENTS = "".join(f"i{i},{'AB'[i % 2]},P{i % 4},0.7,0.3\n" for i in range(16))
HEADER = "image_id,label,patient,score_A,score_B"


def _with_folds(fold_of) -> str:  # type: ignore[no-untyped-def]
    rows = [f"{row},{fold_of(i)}" for i, row in enumerate(PATIENTS.splitlines())]
    return "\n".join([f"{HEADER},fold", *rows]) + "\n"


def test_a_file_without_contradictions_gets_no_remark(tmp_path: Path) -> None:
    assert _remarks(tmp_path, f"{HEADER}\n{PATIENTS}") == ()
    assert _remarks(tmp_path, _with_folds(lambda i: i % 4 // 2)) == ()


def test_patients_cut_by_folds_are_named_in_the_scores(tmp_path: Path) -> None:
    (text,) = _remarks(tmp_path, _with_folds(lambda i: i // 8))
    assert "4 of 4 patients have images in several folds, such as P0" in text
    assert json.loads(score(tmp_path / "p.csv", None, "json"))["remarks"] == [text]
    assert f"- {text}" in score(tmp_path / "p.csv", None, "md")


def test_repeated_tests_of_whole_patients_divide_nobody(tmp_path: Path) -> None:
    rows = [f"{row},{fold}" for row in PATIENTS.splitlines() for fold in (0, 1)]
    path = tmp_path / "p.csv"
    path.write_text("\n".join([f"{HEADER},fold", *rows]) + "\n")
    assert divided_groups(load_predictions(path).predictions) == []
    path.write_text("\n".join([f"{HEADER},fold", *rows[:-1]]) + "\n")  # one image of P3 is not tested again
    assert divided_groups(load_predictions(path).predictions) == ["P3"]


def test_seeds_may_cut_folds_differently(tmp_path: Path) -> None:
    rows = [f"{row},{seed},{(i % 4 + seed) % 2}" for i, row in enumerate(PATIENTS.splitlines()) for seed in (0, 1)]
    assert _remarks(tmp_path, "\n".join([f"{HEADER},seed,fold", *rows]) + "\n") == ()


@pytest.mark.parametrize("what", ["patient", "origin"])
def test_what_lies_in_several_groups_is_named(tmp_path: Path, what: str) -> None:
    rows = "a,A,g1,x,A\nb,A,g2,x,A\nc,B,g3,y,B\n"
    (text,) = _remarks(tmp_path, f"image_id,label,group,{what},predicted\n{rows}")
    assert f"1 {what} lies in several groups, such as x" in text and "too narrow" in text


def test_predictions_that_are_not_the_highest_score_are_counted(tmp_path: Path) -> None:
    rows = "a,A,1,0.7,0.3,B\nb,B,2,0.2,0.8,B\n"
    (text,) = _remarks(tmp_path, f"image_id,label,group,score_A,score_B,predicted\n{rows}")
    assert text.startswith("1 of 2 rows name another class")


def test_ties_say_which_class_is_taken(tmp_path: Path) -> None:
    rows = "a,A,1,0.5,0.5\nb,B,2,0.2,0.8\n"
    (text,) = _remarks(tmp_path, f"image_id,label,group,score_B,score_A\n{rows}")
    assert text.startswith("1 of 2 rows have several highest scores") and "(B, A)" in text


def test_folds_that_cut_patients_are_not_held_as_made_by_patient(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(_with_folds(lambda i: i // 8))
    paper = write_paper(tmp_path / "paper")
    with pytest.raises(InputError, match="these folds are not by patient") as raised:
        score(path, paper, "json", study="first")
    assert "4 patients" in raised.value.found and "--protocol as_published" in raised.value.do
    verdicts = json.loads(score(path, paper, "json", study="first", protocol="as_published"))["verdicts"]
    assert verdicts["protocol"] == "as_published"


def test_a_patient_written_as_a_decimal_is_the_one_written_whole(tmp_path: Path) -> None:
    rows = "".join(f"i{i},{'AB'[i % 2]},{i % 4}{'.0' if i < 8 else ''},0.7,0.3\n" for i in range(16))
    (tmp_path / "p.csv").write_text(f"{HEADER}\n{rows}", encoding="utf-8")
    assert sorted(set(load_predictions(tmp_path / "p.csv").predictions.patient)) == ["0", "1", "2", "3"]


def test_two_numbers_in_one_name_are_not_run_together(tmp_path: Path) -> None:
    rows = "".join(f"i{i},{'AB'[i % 2]},{('1-11', '11-1', '1_1_1')[i % 3]},0.7,0.3\n" for i in range(16))
    assert _remarks(tmp_path, f"{HEADER}\n{rows}") == ()
    spelled = "".join(f"i{i},{'AB'[i % 2]},{('P 1-07', 'p1_7')[i % 2]},0.7,0.3\n" for i in range(16))
    (text,) = _remarks(tmp_path, f"{HEADER}\n{spelled}")
    assert "'P 1-07' = 'p1_7'" in text


def test_labels_that_are_the_highest_score_throughout_may_be_the_calls(tmp_path: Path) -> None:
    """As in a public file whose column ``class`` holds the calls."""
    rows = [f"i{i},{'AB'[i % 2]},P{i},{0.9 - 0.8 * (i % 2)},{0.1 + 0.8 * (i % 2)}\n" for i in range(24)]
    (text,) = _remarks(tmp_path, f"{HEADER}\n{''.join(rows)}")
    assert "may hold the calls and not the true classes" in text
    rows[0] = "i0,A,P0,0.4,0.6\n"
    assert _remarks(tmp_path, f"{HEADER}\n{''.join(rows)}") == ()
