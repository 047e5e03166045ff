"""Columns that public files of predictions have under names of their own: found where they are certain, else offered,
and what the file itself says of its rows.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.tools.score.predictions import LoadedPredictions, load_predictions
from leukbench.tools.score.remarks import remarks_on
from leukbench.tools.tables.rows import read_table


def _load(folder: Path, text: str, **options: Any) -> LoadedPredictions:
    path = folder / "p.csv"
    path.write_text(text, encoding="utf-8")
    return load_predictions(path, **options)


def _names(loaded: LoadedPredictions) -> tuple[list[str], list[str]]:
    p = loaded.predictions
    return [p.classes[c] for c in p.label], [p.classes[c] for c in p.predicted]


def _offered(error: InputError, number: int = 1) -> list[str]:
    words = shlex.split(str(error).split("what to do:")[1])
    return [words[i + 1].rstrip(";") for i, word in enumerate(words) if word == "--map"][:number]


@pytest.mark.parametrize(
    "header",
    ["true_genre,predicted_genre", "Ground_Truth_Group,Predicted_Group", "stage_true,stage_pred",
     "actual_stage,y_pred_stage", "tumour_gt,tumour_prediction"],
)  # fmt: skip
def test_one_thing_named_true_and_predicted_is_label_and_call(tmp_path: Path, header: str) -> None:
    loaded = _load(tmp_path, f"image,{header}\na,rock,rock\nb,pop,rock\n")
    assert _names(loaded) == (["rock", "pop"], ["rock", "rock"])
    assert any(header.split(",")[0] in text for text in loaded.notes)


def test_numbers_that_were_estimated_are_no_classes(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        "true_score,predicted_score,true_group,predicted_group\n8.0,6.59,1,0\n7.5,7.61,1,1\n3.0,3.2,0,0\n",
    )
    assert _names(loaded) == (["1", "1", "0"], ["0", "1", "0"])


def test_two_things_named_true_and_predicted_are_asked_about(tmp_path: Path) -> None:
    text = "true_sex,predicted_sex,true_race,predicted_race\nm,m,a,b\nf,m,b,b\n"
    with pytest.raises(InputError) as caught:
        _load(tmp_path, text)
    assert _offered(caught.value, 2) == ["label=true_sex", "predicted=predicted_sex"]
    assert _names(_load(tmp_path, text, mapping=_offered(caught.value, 2))) == (["m", "f"], ["m", "m"])


def test_the_calls_of_one_model_are_the_calls_and_those_of_several_are_asked_about(tmp_path: Path) -> None:
    one = _load(tmp_path, "image,label,cnn_pred,prediction_changed\na,1,1,0\nb,0,1,0\n")
    assert _names(one) == (["1", "0"], ["1", "1"])
    several = "image,label,cnn_prediction,tta_prediction,prediction_changed\na,1,1,1,0\nb,0,1,0,1\n"
    with pytest.raises(InputError, match="several columns may be 'predicted'") as caught:
        _load(tmp_path, several)
    assert _offered(caught.value) == ["predicted=cnn_prediction"]
    assert "(or tta_prediction)" in str(caught.value)


def test_calls_named_after_a_model_do_not_stand_before_scores(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "image,label,score_A,score_B,old_pred\na,A,0.9,0.1,B\nb,B,0.2,0.8,A\n")
    assert _names(loaded) == (["A", "B"], ["A", "B"])


def test_columns_that_may_be_scores_or_labels_are_offered(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        _load(tmp_path, "pos,label,p_logreg,p_boosted\n1,0,0.1,0.2\n2,1,0.4,0.9\n")
    assert _offered(caught.value) == ["score=p_logreg"]
    assert "(or p_boosted)" in str(caught.value)
    with pytest.raises(InputError) as caught:
        _load(tmp_path, "variant,expert_label,pred_class\nA1,Benign,benign\nB2,Pathogenic,pathogenic\n")
    assert _offered(caught.value) == ["label=expert_label"]


@pytest.mark.parametrize(
    "header", ["prob_class0,prob_class1", "Probability_Group_0,Probability_Group_1", "p0,p1", "prob0,prob1", "p_0,p_1"]
)
@pytest.mark.parametrize("zero", ["0", "0.0"])
def test_scores_named_after_the_number_of_a_class_are_its_scores(tmp_path: Path, header: str, zero: str) -> None:
    one = zero.replace("0", "1", 1)
    loaded = _load(tmp_path, f"slide_id,Y,Y_hat,{header}\nS1,{zero},{one},0.3,0.7\nS2,{one},{one},0.1,0.9\n")
    assert loaded.with_scores
    assert loaded.predictions.classes == (zero, one)
    np.testing.assert_array_equal(loaded.predictions.scores, [[0.3, 0.7], [0.1, 0.9]])


def test_ranges_of_a_score_are_no_scores(tmp_path: Path) -> None:
    header = "label,predicted,prob_group_0,prob_group_1,score_range_group_0,score_range_group_1"
    loaded = _load(tmp_path, f"{header}\n1,0,0.9,0.1,3.5-6.5,7.0-10.0\n0,0,0.8,0.2,3.5-6.5,7.0-10.0\n")
    np.testing.assert_array_equal(loaded.predictions.scores, [[0.9, 0.1], [0.8, 0.2]])


def test_scores_named_as_the_classes_are_read_beside_the_confidence_of_the_call(tmp_path: Path) -> None:
    header = "filename,ground_truth,pred,pred_prob,bcc,mel,nv"
    rows = "a,mel,mel,0.7,0.1,0.7,0.2\nb,nv,mel,0.5,0.3,0.5,0.2\nc,bcc,bcc,1,1,0,0\n"
    loaded = _load(tmp_path, f"{header}\n{rows}")
    assert loaded.with_scores and loaded.predictions.classes == ("bcc", "mel", "nv")
    np.testing.assert_array_equal(loaded.predictions.scores[:2], [[0.1, 0.7, 0.2], [0.3, 0.5, 0.2]])
    assert loaded.unread == ("pred_prob",)
    assert not any("pred_prob" in text for text in loaded.notes)


def test_marks_of_the_true_class_are_no_scores(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "image,label,pred,bcc,mel,nv\na,mel,nv,0,1,0\nb,nv,nv,0,0,1\nc,bcc,bcc,1,0,0\n")
    assert not loaded.with_scores


def _numbered(tested: list[int], called: dict[int, int]) -> str:
    return "image,actual,predicted\n" + "".join(f"i{n},{c},{called.get(c, c)}\n" for n, c in enumerate(tested))


def test_numbers_of_one_numbering_may_lack_some_on_both_sides(tmp_path: Path) -> None:
    loaded = _load(tmp_path, _numbered([c for c in range(20) if c != 7], {3: 7}))
    assert (loaded.predictions.label == loaded.predictions.predicted).mean() == pytest.approx(18 / 19)
    assert any("No image is of 7" in text for text in remarks_on(loaded))


@pytest.mark.parametrize(
    ("tested", "called"),
    [(list(range(20)), {c: c + 1 for c in range(20)}), ([0, 2, 4], {0: 1}), ([*range(12)], {11: 99})],
)
def test_numbers_that_may_be_of_two_numberings_are_refused(
    tmp_path: Path, tested: list[int], called: dict[int, int]
) -> None:
    with pytest.raises(InputError, match="do not name the same classes"):
        _load(tmp_path, _numbered(tested, called))


def test_names_that_mostly_repeat_are_no_images_where_the_name_of_their_column_is_not_certain(tmp_path: Path) -> None:
    rows = "".join(f"{n % 3},{'A' if n % 2 else 'B'},A\n" for n in range(12))
    loaded = _load(tmp_path, "key,label,predicted\n" + rows)
    assert len(set(loaded.predictions.image_id.tolist())) == 12
    assert any("'key' is not read as the image" in text for text in loaded.notes)
    with pytest.raises(InputError, match="stands twice"):
        _load(tmp_path, "image_id,label,predicted\n" + rows)


def test_two_images_of_one_name_are_told_apart_by_their_path_or_by_their_row(tmp_path: Path) -> None:
    text = "image_id,image_path,label,predicted\n1.jpg,a/1.jpg,A,A\n1.jpg,b/1.jpg,B,A\n"
    for file in (text, text.replace("image_path", "place")):
        with pytest.raises(InputError, match="stands twice") as caught:
            _load(tmp_path, file)
        (wish,) = _offered(caught.value)
        assert wish.rstrip(",") == ("image_id=image_path" if file is text else "image_id=none")
        assert len(_load(tmp_path, file, mapping=[wish.rstrip(",")]).predictions) == 2


def test_blank_cells_at_the_end_of_a_line_are_no_cells(tmp_path: Path) -> None:
    for text in (
        "image,label,pred,\na,A,A\nb,B,B\n",
        "image,label,pred\na,A,A,\nb,B,B,\n",
        "image,label,pred,\na,A,A,\nb,B,B,\n",
    ):
        assert _names(_load(tmp_path, text)) == (["A", "B"], ["A", "B"])
    for text in ("image,label,pred,\na,A\n", "image,label,pred\na,A,A,B\n"):
        (tmp_path / "p.csv").write_text(text)
        with pytest.raises(InputError, match="too few or too many cells"):
            read_table(tmp_path / "p.csv")


def test_a_column_that_says_otherwise_which_calls_are_right_is_named(tmp_path: Path) -> None:
    rows = "image,label,predicted,correct\na,A,A,True\nb,B,A,{}\nc,B,B,True\n"
    assert not any("says otherwise" in text for text in _load(tmp_path, rows.format("False")).notes)
    assert any("In 1 of 3 rows column 'correct'" in text for text in _load(tmp_path, rows.format("True")).notes)


def test_a_list_of_the_errors_alone_is_doubted(tmp_path: Path) -> None:
    rows = "".join(f"i{n},{'AB'[n % 2]},{'BA'[n % 2] if n else 'BC'[n]}\n" for n in range(20))
    assert any("Not one row is right" in text for text in remarks_on(_load(tmp_path, "image,label,predicted\n" + rows)))
    one_right = "image,label,predicted\n" + rows.replace("i1,B,A", "i1,B,B")
    assert not any("Not one row is right" in text for text in remarks_on(_load(tmp_path, one_right)))


def test_several_questions_below_one_another_are_named(tmp_path: Path) -> None:
    rows = [
        (g, f"P{n}", int((n + k) % 3 == 0), 0.1 * (n % 9)) for k, g in enumerate(("TP53", "NF2")) for n in range(30)
    ]
    text = "gene,patient_id,y_true,oof_proba\n" + "".join(f"{g},{p},{y},{s:.2f}\n" for g, p, y, s in rows)
    loaded = _load(tmp_path, text)
    assert any("--where gene=TP53" in note for note in loaded.notes)
    one = _load(tmp_path, text, where=["gene=TP53"])
    assert len(one.predictions) == 30 and not any("--where" in note for note in one.notes)


def test_views_of_a_patient_with_one_label_are_one_question(tmp_path: Path) -> None:
    rows = "".join(f"{v},P{n},{n % 2},0.{n % 9}\n" for v in ("left", "right") for n in range(30))
    assert not any("--where" in note for note in _load(tmp_path, "view,patient_id,y_true,y_prob\n" + rows).notes)


def test_an_auc_within_folds_says_what_it_is_over_all_rows(tmp_path: Path) -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(1)
    fold, label = np.arange(200) % 2, generator.integers(0, 2, 200)
    scores = np.round(generator.uniform(0, 0.5, 200) + 0.2 * label + 0.3 * fold, 3)
    rows = "".join(f"i{n},{label[n]},{scores[n]},{fold[n]}\n" for n in range(200))
    loaded = _load(tmp_path, "image,label,prob,fold\n" + rows)
    (said,) = [text for text in remarks_on(loaded) if "AUC is computed within" in text]
    assert said.endswith(f"over all rows at once it is {roc_auc_score(label, scores):.3f}.")
    one = _load(tmp_path, "image,label,prob,fold\n" + rows.replace(",1\n", ",0\n"))
    assert not any("AUC is computed within" in text for text in remarks_on(one))


@pytest.mark.parametrize(("labels", "first"), [("123", 0), ("012", 1)])
def test_numbers_that_begin_elsewhere_are_not_mapped_by_halves(tmp_path: Path, labels: str, first: int) -> None:
    rows = "\n".join(
        f"i{i},{label},{','.join('0.8' if i == k else '0.1' for k in range(3))}" for i, label in enumerate(labels)
    )
    header = ",".join(f"prob_class{first + k}" for k in range(3))
    with pytest.raises(InputError, match="from another number") as error:
        _load(tmp_path, f"image,true_label,{header}\n{rows}\n")
    assert "--map" not in str(error.value)


@pytest.mark.parametrize("pair", [("label", "true_label"), ("predicted", "predicted_label")])
def test_two_columns_of_labels_or_calls_that_differ_are_asked_for(tmp_path: Path, pair: tuple[str, str]) -> None:
    other = "predicted" if pair[0] == "label" else "label"
    text = f"image,{pair[0]},{pair[1]},{other}\n" + "\n".join(f"i{i},{i % 2},{i % 3 % 2},{i % 2}" for i in range(6))
    with pytest.raises(InputError, match=f"several columns may be '{pair[0]}'"):
        _load(tmp_path, text + "\n")
    same = f"image,{pair[0]},{pair[1]},{other}\n" + "\n".join(f"i{i},{i % 2},{'ab'[i % 2]},{i % 2}" for i in range(6))
    assert _names(_load(tmp_path, same + "\n"))[0] == ["0", "1"] * 3
