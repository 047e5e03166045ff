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
    found = _remarks(tmp_path, "\n".join([f"{HEADER},seed,fold", *rows]) + "\n")
    assert [text for text in found if not text.startswith("The AUC is computed within")] == []


def test_seeds_that_say_the_same_of_every_image_are_told(tmp_path: Path) -> None:
    def remarks(of_seed: dict[int, float]) -> list[str]:
        rows = [
            f"i{i},{'AB'[i % 2]},P{i // 4},{(0.3 + 0.01 * i) % 1:.2f},{1 - (0.3 + 0.01 * i) % 1:.2f},{seed}"
            if shift == 0
            else f"i{i},{'AB'[i % 2]},P{i // 4},{0.5 + shift},{0.5 - shift},{seed}"
            for seed, shift in of_seed.items()
            for i in range(24)
        ]
        text = "image,label,patient,score_A,score_B,seed\n" + "\n".join(rows) + "\n"
        return [remark for remark in _remarks(tmp_path, text) if remark.startswith("Seeds")]

    assert remarks({0: 0, 3: 0, 4: 0.1})[0].startswith("Seeds 0, 3 say the same of every image")
    assert not remarks({0: 0, 3: 0.2, 4: 0.1}) and not remarks({0: 0})


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


def _called(folder: Path, counts: list[list[int]], fold: list[int] | None = None) -> list[str]:
    """Return the remarks on mixed-up classes for a matrix (of each fold, where rows are folds times classes)."""
    rows: list[str] = []
    names = "ABCDE"[: len(counts[0])]
    for i, row in enumerate(counts):
        for call, n in zip(names, row, strict=True):
            at = 0 if fold is None else fold[i]
            rows += [f"i{len(rows) + k},{names[i % len(names)]},P{len(rows) + k},{call},{at}\n" for k in range(n)]
    text = f"image_id,label,patient,predicted,fold\n{''.join(rows)}"
    return [t for t in _remarks(folder, text) if "mixed up" in t]


def test_two_of_five_exchanged_classes_are_named_though_most_are_right(tmp_path: Path) -> None:
    counts = [[40, 0, 0, 0, 0], [0, 36, 0, 2, 0], [0, 0, 1, 39, 0], [1, 0, 41, 0, 0], [0, 1, 0, 0, 39]]
    (text,) = _called(tmp_path, counts)  # 156 of 200 would be right otherwise than 40 + 36 + 1 + 39 = 116
    assert "58.0 % are right" in text and "97.5 % would be if it writes D for C, C for D" in text


def test_a_class_that_is_called_as_another_is_no_exchange(tmp_path: Path) -> None:
    """Only one direction is wrong, or each class is right as often as not."""
    assert _called(tmp_path, [[40, 0, 0], [0, 40, 0], [0, 38, 2]]) == []
    assert _called(tmp_path, [[100, 0, 0], [0, 10, 11], [0, 11, 10]]) == []
    assert _called(tmp_path, [[100, 0, 0], [0, 0, 9], [0, 9, 0]]) == []  # 18 rows say little


def test_a_fold_whose_classes_are_exchanged_is_named(tmp_path: Path) -> None:
    good, inverted = [[30, 2], [3, 45]], [[5, 25], [48, 2]]
    (text,) = _called(tmp_path, [*good, *good, *inverted], fold=[0, 0, 1, 1, 2, 2])
    assert text == (
        "The classes of fold 2 may be mixed up: 8.8 % are right as the file names them, 91.2 % would be if it writes "
        "B for A, A for B."
    )
    alone = [[0, 30], [0, 0]]  # a fold that tests one class, all wrong: nothing says that names are exchanged
    assert _called(tmp_path, [*good, *good, *alone], fold=[0, 0, 1, 1, 2, 2]) == []


@pytest.mark.parametrize("other", ["I0.PNG", "./i0.png", ".\\i0.png"])
def test_ids_that_may_be_one_image_are_named(tmp_path: Path, other: str) -> None:
    (text,) = _remarks(tmp_path, f"{HEADER}\ni0.png,A,P0,0.7,0.3\n{other},A,P0,0.7,0.3\nb.png,B,P1,0.2,0.8\n")
    assert text.startswith("1 image has several ids") and repr(other) in text and "'i0.png'" in text


def test_probabilities_are_no_logits(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"{HEADER}\n{PATIENTS}", encoding="utf-8")
    with pytest.raises(InputError, match="probabilities and no logits"):
        load_predictions(path, logits=True)
    path.write_text(f"{HEADER}\ni0,A,P0,0.7,0.3\ni1,B,P1,0.2,0.9\n", encoding="utf-8")
    scores = load_predictions(path, logits=True).predictions.scores
    assert scores[1, 1] == pytest.approx(0.6681877722)  # 1 / (1 + exp(-0.7))


def test_one_column_of_logits_within_0_and_1_is_doubted(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    for score_of_b, doubted in (("0.7", True), ("1.7", False)):
        path.write_text(f"image_id,label,patient,logit\na,0,P0,0.2\nb,1,P1,{score_of_b}\n", encoding="utf-8")
        notes = load_predictions(path, logits=True).notes
        assert any("as probabilities do" in note for note in notes) is doubted


@pytest.mark.parametrize("nobody", ["unknown", "Unknown", "-", "-1", "-1.0", "none", "?", "n/a", "nan", ""])
def test_who_is_nobody_is_no_patient(tmp_path: Path, nobody: str) -> None:
    with pytest.raises(InputError, match="a row has no patient") as raised:
        _remarks(tmp_path, f"{HEADER}\ni0,A,{nobody},0.7,0.3\n{PATIENTS.replace('i0,', 'i99,')}")
    assert "line 2" in str(raised.value)


def test_a_patient_of_each_image_beside_another_who_has_several_is_refused(tmp_path: Path) -> None:
    rows = [f"i{i},{'AB'[i % 2]},u{i},S{i % 4},0.7,0.3\n" for i in range(16)]
    text = f"image_id,label,patient,subject,score_A,score_B\n{''.join(rows)}"
    with pytest.raises(InputError, match="another one names fewer") as raised:
        _remarks(tmp_path, text)
    assert "patient (16 names), subject (4 names)" in raised.value.found
    for column, n in (("patient", 16), ("subject", 4)):
        loaded = load_predictions(tmp_path / "p.csv", mapping=[f"patient={column}"])
        assert len(set(loaded.predictions.patient)) == n
