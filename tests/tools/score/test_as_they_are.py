"""Files of predictions as people have them: read as they are where it is certain, asked about where it is not, never
scored wrongly.
"""

from __future__ import annotations

import io
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import leukbench
from leukbench.errors import InputError
from leukbench.records import Predictions
from leukbench.tools.score.predictions import load_predictions
from leukbench.tools.score.remarks import remarks_on
from leukbench.tools.score.score import results, score

ROOT = Path(__file__).resolve().parents[3]


def _file(folder: Path, text: str, name: str = "p.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _read(folder: Path, text: str, **options: Any) -> Predictions:
    return load_predictions(_file(folder, text), **options).predictions


@pytest.mark.parametrize(
    "header",
    ["image_id,label,patient,predicted", "Filename,y_true,PatientID,y_pred", "img,Target,subject,Pred",
     "image,true_label,case_id,Predicted Label", "path,class,pid,prediction"],
)  # fmt: skip
def test_columns_are_known_by_the_usual_names_in_any_case(tmp_path: Path, header: str) -> None:
    p = _read(tmp_path, f"{header}\na.png,A,P1,A\nb.png,B,P2,A\n")
    assert (p.image_id.tolist(), p.patient.tolist()) == (["a.png", "b.png"], ["P1", "P2"])
    assert ([p.classes[c] for c in p.label], [p.classes[c] for c in p.predicted]) == (["A", "B"], ["A", "A"])


@pytest.mark.parametrize(
    "header",
    [
        "score_A,score_B",
        "prob_A,prob_B",
        "A_prob,B_prob",
        "Probability A,Probability B",
        "p(A),p(B)",
        "A,B",
        "proba.A,proba.B",
    ],
)
def test_scores_are_known_by_the_usual_names(tmp_path: Path, header: str) -> None:
    p = _read(tmp_path, f"image,label,patient,{header}\na,A,1,0.8,0.2\nb,B,2,0.3,0.7\n")
    assert p.classes == ("A", "B")
    np.testing.assert_array_equal(p.scores, [[0.8, 0.2], [0.3, 0.7]])


def test_a_nameless_index_is_left_out_and_said(tmp_path: Path) -> None:
    for name in ("", "Unnamed: 0"):
        loaded = load_predictions(_file(tmp_path, f"{name},image,label,patient,pred\n0,a,A,1,A\n1,b,B,2,B\n"))
        assert loaded.predictions.image_id.tolist() == ["a", "b"]
        assert any("1 index column without a name left out" in text for text in loaded.notes)
    loaded = load_predictions(_file(tmp_path, ",label,pred\nimg7,A,A\nimg9,B,B\n"))
    assert loaded.predictions.image_id.tolist() == ["img7", "img9"]


@pytest.mark.parametrize(("separator", "comma"), [(";", ","), (";", "."), ("\t", ","), ("|", ".")])
def test_other_separators_and_decimal_commas(tmp_path: Path, separator: str, comma: str) -> None:
    rows = ["image label patient score_A score_B", f"a A 1 0{comma}75 0{comma}25", f"b B 2 0{comma}5 0{comma}5"]
    p = _read(tmp_path, "\n".join(row.replace(" ", separator) for row in rows) + "\n")
    np.testing.assert_array_equal(p.scores, [[0.75, 0.25], [0.5, 0.5]])


@pytest.mark.parametrize("n_classes", [3, 8, 20])
@pytest.mark.parametrize("decimals", [2, 3])
def test_rounded_probabilities_are_divided_by_their_sum_and_it_is_said(
    tmp_path: Path, n_classes: int, decimals: int
) -> None:
    exact = np.random.default_rng(0).dirichlet(np.ones(n_classes), 200)
    printed = np.round(exact, decimals)
    assert np.abs(printed.sum(axis=1) - 1).max() > 1e-6
    names = [f"c{i:02d}" for i in range(n_classes)]
    rows = [
        f"i{k},{names[k % n_classes]},P{k}," + ",".join(f"{v:.{decimals}f}" for v in row)
        for k, row in enumerate(printed)
    ]
    text = "image,label,patient," + ",".join(f"prob_{n}" for n in names) + "\n" + "\n".join(rows) + "\n"
    loaded = load_predictions(_file(tmp_path, text))
    np.testing.assert_allclose(loaded.predictions.scores.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(loaded.predictions.scores, printed / printed.sum(axis=1, keepdims=True))
    assert any("divided by their sum" in text for text in remarks_on(loaded))


def test_logits_are_softmaxed_when_asked_and_refused_when_not(tmp_path: Path) -> None:
    text = "image,label,patient,logit_A,logit_B\na,A,1,2.0,-1.0\nb,B,2,0.5,0.5\n"
    with pytest.raises(InputError, match="add --logits"):
        _read(tmp_path, text)
    p = _read(tmp_path, text, logits=True)
    np.testing.assert_allclose(p.scores, [[1 / (1 + np.exp(-3)), 1 / (1 + np.exp(3))], [0.5, 0.5]])
    single = _read(tmp_path, "image,label,patient,logit\na,1,1,2.0\nb,0,2,-1.0\n", logits=True)
    np.testing.assert_allclose(single.scores[:, 1], [1 / (1 + np.exp(-2)), 1 / (1 + np.exp(1))])


@pytest.mark.parametrize("column", ["score_ALL", "prob_ALL", "ALL_probability"])
def test_a_single_score_named_after_its_class_needs_no_question(tmp_path: Path, column: str) -> None:
    p = _read(tmp_path, f"image,label,patient,{column}\na,ALL,1,0.9\nb,HEM,2,0.4\n")
    assert p.classes == ("HEM", "ALL")
    assert p.predicted.tolist() == [1, 0]
    np.testing.assert_allclose(p.scores[:, 1], [0.9, 0.4])


def test_a_single_score_of_nobody_knows_which_class_is_asked_about(tmp_path: Path) -> None:
    text = "image,label,patient,score\na,ALL,1,0.9\nb,HEM,2,0.4\n"
    with pytest.raises(InputError, match="does not say of which class") as raised:
        _read(tmp_path, text)
    options = shlex.split(raised.value.do.removeprefix("add ").split("  ")[0])
    assert options == ["--map", "positive=HEM"]
    assert _read(tmp_path, text, mapping=["positive=ALL"]).predicted.tolist() == [1, 0]
    assert _read(tmp_path, "image,label,prob\na,1,0.9\nb,0,0.4\n").predicted.tolist() == [1, 0]  # 1 is positive
    assert _read(tmp_path, "image,label,y_pred\na,1,0.9\nb,0,0.4\n").predicted.tolist() == [
        1,
        0,
    ]  # fractions are no classes


DIFFERENT = [
    ("1.0,0.0", "1,0"),
    ("ALL,HEM", "all,hem"),
    ("HEM,ALL", "0,1"),
    ("Pre-B,Benign", "pre b,benign"),
    ("0,1", "1,2"),
]


@pytest.mark.parametrize(("labels", "calls"), DIFFERENT)
def test_labels_and_calls_of_other_names_are_refused_with_the_mapping_to_give(
    tmp_path: Path, labels: str, calls: str
) -> None:
    pairs = list(zip(labels.split(","), calls.split(","), strict=True))
    text = "image,label,patient,pred\n" + "".join(f"i{k},{a},{k},{b}\n" for k, (a, b) in enumerate(pairs * 4))
    with pytest.raises(InputError, match="do not name the same classes") as raised:
        _read(tmp_path, text)
    if labels == "0,1":  # 1 means one thing in either column: only the file's author can write it anew
        assert "--map" not in raised.value.do and "another number" in raised.value.do
        return
    assert "--map" in raised.value.do and "class:" in raised.value.do
    mapping = [f"class:{b}={a}" for a, b in pairs]
    p = _read(tmp_path, text, mapping=mapping)
    assert (p.label == p.predicted).all()


def test_the_printed_mapping_can_be_pasted(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "image,label,pred\n"
        + "".join(f"i{k},{'ALL' if k % 2 else 'HEM'},{'all' if k % 2 else 'hem'}\n" for k in range(8)),
    )
    with pytest.raises(InputError) as raised:
        load_predictions(path)
    words = shlex.split(raised.value.do[raised.value.do.index("--map") :])
    p = load_predictions(path, mapping=[word for word in words if word != "--map"]).predictions
    assert (p.label == p.predicted).all() and set(p.classes) == {"ALL", "HEM"}


def test_scores_of_other_names_than_the_labels_are_refused(tmp_path: Path) -> None:
    text = "image,label,prob_0,prob_1\na,HEM,0.9,0.1\nb,ALL,0.2,0.8\n"
    with pytest.raises(InputError, match="do not name the same classes") as raised:
        _read(tmp_path, text)
    assert "--map class:0=ALL --map class:1=HEM" in raised.value.do or "--map class:0=HEM" in raised.value.do
    p = _read(tmp_path, text, mapping=["class:0=HEM", "class:1=ALL"])
    assert (p.label == p.predicted).all()


def test_a_class_that_only_one_side_has_is_no_fault(tmp_path: Path) -> None:
    result = json.loads(
        score(
            _file(tmp_path, "image,label,pred\n" + "".join(f"i{k},{'AB'[k % 2]},A\n" for k in range(9))), None, "json"
        )
    )
    assert result["metrics"]["recall:B"]["value"] == 0.0
    _read(tmp_path, "image,label,pred\na,A,A\nb,A,C\n")


@pytest.mark.parametrize(("one", "two"), [("P1", "p1"), ("P1", "P 1"), ("007", "7"), ("P-01", "P1")])
def test_patients_that_differ_only_in_writing_are_named(tmp_path: Path, one: str, two: str) -> None:
    loaded = load_predictions(_file(tmp_path, f"image,label,patient,pred\na,A,{one},A\nb,B,{two},B\nc,B,P9,B\n"))
    (text,) = [t for t in remarks_on(loaded) if "differ only in" in t]
    assert repr(one) in text and repr(two) in text and "1 patient is" in text
    fine = load_predictions(_file(tmp_path, "image,label,patient,pred\na,A,P1,A\nb,B,P10,B\nc,B,P100,B\n"))
    assert not [t for t in remarks_on(fine) if "differ only in" in t]


@pytest.mark.parametrize("word", ["nan", "NaN", "None", "NULL", "<NA>", "n/a"])
def test_the_word_nan_is_no_patient(tmp_path: Path, word: str) -> None:
    with pytest.raises(InputError, match="a row has no patient") as raised:
        _read(tmp_path, f"image,label,patient,pred\na,A,P1,A\nb,B,{word},B\n")
    assert "line 3, column patient" in raised.value.where


def test_two_columns_that_fit_are_asked_about_and_the_answer_is_taken(tmp_path: Path) -> None:
    text = "filename,image_name,label,pred\na.png,x,A,A\nb.png,y,B,B\nb.png,z,B,B\n"
    with pytest.raises(InputError, match="several columns may be 'image_id'") as raised:
        _read(tmp_path, text)
    assert "--map image_id=filename" in raised.value.do
    assert _read(tmp_path, text, mapping=["image_id=image_name"]).image_id.tolist() == ["x", "y", "z"]
    with pytest.raises(InputError, match="did you mean 'filename'"):
        _read(tmp_path, text, mapping=["image_id=filenam"])
    with pytest.raises(InputError, match="unknown part 'img'"):
        _read(tmp_path, text, mapping=["img=filename"])


def test_without_patients_every_image_stands_alone_and_it_is_said(tmp_path: Path) -> None:
    path = _file(tmp_path, "y_true,y_pred\n" + "".join(f"{'AB'[k % 2]},{'AB'[k % 3 % 2]}\n" for k in range(60)))
    result = json.loads(score(path, None, "json"))
    assert (result["grouped_by"], result["n_images"], result["n_groups"]) == ("image", 60, 60)
    assert any("No column names a patient" in text for text in result["remarks"])
    for name in ("balanced_accuracy", "accuracy", "mcc"):
        assert result["metrics"][name]["ci95"] == result["metrics"][name]["ci95_images"]
    page = score(path, None, "md")
    assert (
        "95 % by image" in page
        and "by patient" not in page.split("## By class")[0].split("intervals are too narrow")[1]
    )
    with pytest.raises(InputError, match="name no patients"):
        score(path, "known_answer", "json")


def test_auc_is_given_for_the_classes_that_are_there(tmp_path: Path) -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    label = np.arange(90) % 3
    scores = rng.dirichlet(np.ones(4), 90) + 0.4 * np.eye(4)[label]
    scores /= scores.sum(axis=1, keepdims=True)
    rows = [
        f"i{k},{'ABCD'[c]},P{k // 3}," + ",".join(f"{v:.9f}" for v in row)
        for k, (c, row) in enumerate(zip(label, scores, strict=True))
    ]
    result = json.loads(score(_file(tmp_path, "image,label,patient,A,B,C,D\n" + "\n".join(rows) + "\n"), None, "json"))
    each = [roc_auc_score(label == c, scores[:, c]) for c in range(3)]
    assert result["metrics"]["auc"]["value"] == pytest.approx(np.mean(each), abs=1e-7)
    assert result["metrics"]["auc:B"]["value"] == pytest.approx(each[1], abs=1e-7)
    assert "without D" in result["metrics"]["auc"]["note"] and "auc:D" not in result["metrics"]
    assert any("No image is of D" in text for text in result["remarks"])


def test_confusion_matrices_and_sensitivity_by_patient_are_on_the_page(tmp_path: Path) -> None:
    calls = {"P1": "AAB", "P2": "ABB", "P3": "BBB", "P4": "AAB"}
    rows = [f"{p}-{i},{'A' if p in 'P1P2' else 'B'},{p},{c}" for p, found in calls.items() for i, c in enumerate(found)]
    path = _file(tmp_path, "image,label,patient,pred\n" + "\n".join(rows) + "\n")
    result = json.loads(score(path, None, "json"))
    assert result["confusion_matrix"] == {"classes": ["A", "B"], "rows": [[3, 3], [2, 4]]}
    assert result["by_patient"]["confusion_matrix"]["rows"] == [[1, 1], [1, 1]]  # by the most frequent call
    assert result["by_patient"]["metrics"]["recall:A"]["value"] == 0.5
    page = score(path, None, "md")
    assert "Confusion matrix, images:" in page and "Confusion matrix, patients:" in page and "sensitivity" in page


@pytest.mark.skipif(
    not (ROOT / "reports/real-cpu/predictions/alnet-patient.parquet").is_file(), reason="no committed predictions"
)
def test_the_suites_own_parquet_is_scored_with_arm_and_selection() -> None:
    path = ROOT / "reports/real-cpu/predictions/alnet-patient.parquet"
    table = pd.read_parquet(path)
    for selection in ("recipe", "last"):
        rows = table[(table["arm"] == "alnet") & (table["selection"] == selection)]
        found = json.loads(score(path, None, "json", arm="alnet", selection=selection))
        by_seed = (rows["label"] == rows["predicted"]).groupby(rows["seed"]).mean()
        assert found["metrics"]["accuracy"]["value"] == pytest.approx(by_seed.mean(), abs=1e-9)
    assert any("Selection 'recipe'" in text for text in json.loads(score(path, None, "json"))["remarks"])
    with pytest.raises(InputError, match="unknown arm 'alnett'"):
        score(path, None, "json", arm="alnett")


def test_a_file_of_several_arms_asks_which(tmp_path: Path) -> None:
    text = "arm,image,label,pred\n" + "".join(f"{arm},i{k},A,{'AB'[k % 2]}\n" for arm in ("x", "y") for k in range(4))
    with pytest.raises(InputError, match="several arms") as raised:
        _read(tmp_path, text)
    assert "--arm x" in raised.value.do
    assert len(_read(tmp_path, text, arm="y")) == 4


SMALLEST = """\
key: mine
citation: {authors: a, title: t, venue: v, year: "2026"}
studies: {}
claims:
  - where: Table 1
    rows:
      - {id: mine.accuracy, metric: accuracy, value: "90.0", unit: "%", n: "20000"}
      - {id: mine.recall, metric: recall, class: B, value: "0.50", n: "20000"}
"""


def test_claims_alone_are_enough_to_be_held_against(tmp_path: Path) -> None:
    paper = _file(tmp_path, SMALLEST, "paper.yaml")
    rows = [
        f"i{k},{'AB'[k // 20 % 2]},P{k // 20},{seed},{'AB'[(k // 20 + (k % 10 == seed)) % 2]}"
        for seed in range(3)
        for k in range(4000)
    ]
    path = _file(tmp_path, "image,label,patient,seed,pred\n" + "\n".join(rows) + "\n")
    found = {row["claim"]: row for row in json.loads(score(path, paper, "json", margin=0.05))["verdicts"]["claims"]}
    assert found["mine.accuracy"]["verdict"] == "holds by patient"
    assert found["mine.recall"]["verdict"] == "higher by patient"
    wrong = _file(tmp_path, SMALLEST.replace("class: B", "class: C"), "paper.yaml")
    with pytest.raises(InputError, match="a class that the predictions do not have"):
        score(path, wrong, "json")


def test_a_name_and_a_path_of_one_image_are_no_question(tmp_path: Path) -> None:
    p = _read(tmp_path, "Image Name,image_path,label,pred\na.png,x/a.png,A,A\nb.png,x/b.png,B,B\n")
    assert p.image_id.tolist() == ["a.png", "b.png"]


def test_the_confidence_of_the_call_is_no_score_of_a_class(tmp_path: Path) -> None:
    rows = "".join(f"i{k},{'AB'[k % 2]},{'AB'[k % 2]},{0.6 + k % 4 / 10:.1f}\n" for k in range(8))
    loaded = load_predictions(_file(tmp_path, "image,label,pred,pred_prob\n" + rows))
    assert not loaded.with_scores and any("'pred_prob' is not read" in text for text in loaded.notes)
    of_one = "".join(f"i{k},{k % 2},{k % 2},{0.2 + 0.6 * (k % 2):.1f}\n" for k in range(8))
    assert load_predictions(_file(tmp_path, "image,label,pred,pred_prob\n" + of_one)).with_scores


def test_other_scores_beside_the_calls_are_left_out(tmp_path: Path) -> None:
    loaded = load_predictions(
        _file(
            tmp_path, "image,label,raw_probability,cal_probability,risk_score,pred\na,0,0.1,0.2,9,0\nb,1,0.9,0.8,7,1\n"
        )
    )
    assert not loaded.with_scores and set(loaded.unread) == {"raw_probability", "cal_probability", "risk_score"}


def test_training_rows_are_not_scored_with_the_tested_ones(tmp_path: Path) -> None:
    text = "image,split,label,pred\na,train,A,A\nb,test,B,A\nc,test,B,B\n"
    with pytest.raises(InputError, match="what was trained on beside what was tested") as raised:
        _read(tmp_path, text)
    assert raised.value.do == "add --where split=test"
    assert _read(tmp_path, text, where=["split=test"]).image_id.tolist() == ["b", "c"]
    with pytest.raises(InputError, match="unknown split 'tst'"):
        _read(tmp_path, text, where=["split=tst"])


def test_classes_that_seem_mixed_up_are_said(tmp_path: Path) -> None:
    rows = "".join(f"i{k},{'ABC'[k % 3]},{'BCA'[k % 3]}\n" for k in range(30))
    assert any(
        "100.0 % would be" in text
        for text in remarks_on(load_predictions(_file(tmp_path, "image,label,pred\n" + rows)))
    )
    poor = "".join(f"i{k},{'ABC'[k % 3]},{'ABC'[k // 3 % 3]}\n" for k in range(30))
    assert not any(
        "mixed up" in text for text in remarks_on(load_predictions(_file(tmp_path, "image,label,pred\n" + poor)))
    )


def test_with_a_positive_class_the_mapping_that_is_offered_takes_1_for_it(tmp_path: Path) -> None:
    """As in a public file whose labels are GON+ and GON- and whose calls are 1 and 0."""
    rows = "".join(f"i{i},{'GON+' if i % 2 else 'GON-'},P{i},{i % 2},{0.1 + 0.8 * (i % 2)}\n" for i in range(8))
    (tmp_path / "p.csv").write_text(f"image,label,patient,prediction,probability\n{rows}", encoding="utf-8")
    with pytest.raises(InputError, match="do not name the same classes") as raised:
        load_predictions(tmp_path / "p.csv", mapping=["positive=GON+"])
    assert "--map class:0=GON- --map class:1=GON+" in raised.value.do
    mapping = ["positive=GON+", "class:0=GON-", "class:1=GON+"]
    p = load_predictions(tmp_path / "p.csv", mapping=mapping).predictions
    assert (p.label == p.predicted).all() and p.classes == ("GON-", "GON+")


def test_the_page_names_the_average_that_stands_beside_a_claim_without_one(tmp_path: Path) -> None:
    paper = _file(tmp_path, SMALLEST.replace("metric: recall, class: B", "metric: f1"), "paper.yaml")
    rows = [
        f"i{k},{'AB'[k // 20 % 3 == 0]},P{k // 20},{seed},{'AB'[(k // 20 % 3 == 0) ^ (k % 10 == seed)]}"
        for seed in range(3)
        for k in range(4000)
    ]
    path = _file(tmp_path, "image,label,patient,seed,pred\n" + "\n".join(rows) + "\n")
    found = {row["claim"]: row for row in json.loads(score(path, paper, "json", margin=0.05))["verdicts"]["claims"]}
    assert found["mine.accuracy"]["meant"] == ""
    metrics = json.loads(score(path, None, "json"))["metrics"]
    of = {"macro average": "macro_f1", "weighted average": "weighted_f1", "micro average": "accuracy",
          "positive: A": "f1:A", "positive: B": "f1:B"}  # fmt: skip
    meant = found["mine.recall"]["meant"]
    assert metrics[of[meant]]["value"] == pytest.approx(found["mine.recall"]["yours"])
    page = score(path, paper, "md", margin=0.05)
    assert f"({meant})" in page and "does not say which average" in page
    assert "does not say which average" not in score(path, _file(tmp_path, SMALLEST, "q.yaml"), "md", margin=0.05)


# ---------------------------------------------------------------------------- what would be scored wrongly is refused


def _numbers(n: int = 60, right: int = 42) -> list[tuple[str, str]]:
    """Return labels ALL, HEM in turn and calls 1, 0, of which the first are right."""
    truth = [("ALL", "1"), ("HEM", "0")]
    return [(truth[i % 2][0], truth[(i + (i >= right)) % 2][1]) for i in range(n)]


def _calls_file(folder: Path) -> Path:
    rows = [f"i{i},{label},P{i // 4},{call}" for i, (label, call) in enumerate(_numbers())]
    return _file(folder, "image,label,patient,predicted\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (["class:0=HEM", "class:l=ALL"], "unknown class 'l'"),
        (["class:1=ALL", "class:0=HAM"], "do not name the same classes"),
    ],
)
def test_a_slip_in_the_mapping_of_classes_is_refused(tmp_path: Path, mapping: list[str], words: str) -> None:
    file = _calls_file(tmp_path)
    with pytest.raises(InputError, match=words):
        load_predictions(file, mapping=mapping)
    p = load_predictions(file, mapping=["class:0=HEM", "class:1=ALL", "class:2=CML"]).predictions
    assert (p.label == p.predicted).mean() == 0.7 and p.classes == ("ALL", "HEM")


def test_a_mapping_for_several_files_may_name_classes_that_one_of_them_lacks(tmp_path: Path) -> None:
    text = "image,label,patient,predicted\na,A,1,A\nb,B,2,A\n"
    loaded = load_predictions(_file(tmp_path, text), mapping=["class:Cc=C", "class:bb=B"])
    assert loaded.predictions.classes == ("A", "B")
    taken = load_predictions(_file(tmp_path, text.replace("b,B,2,A", "b,B,2,C")), mapping=["class:C=C"])
    assert taken.predictions.classes == ("A", "B", "C")


def test_a_mapping_that_makes_one_class_of_two_says_so(tmp_path: Path) -> None:
    loaded = load_predictions(_calls_file(tmp_path), mapping=["class:0=ALL", "class:1=ALL"])
    assert "--map makes one class of 0 and 1 in column 'predicted': ALL." in loaded.notes
    text = "image,label,patient,prob_0,prob_1\na,A,1,0.8,0.2\nb,B,2,0.3,0.7\n"
    with pytest.raises(InputError, match="two columns of scores are mapped to one class"):
        _read(tmp_path, text, mapping=["class:0=A", "class:1=A"])


@pytest.mark.parametrize(
    "column", ["stage", "split_name", "train_test", "role", "dataset_split", "usage", "part", "fold_type"]
)
def test_training_rows_beside_tested_ones_are_asked_about_whatever_the_column_is_called(
    tmp_path: Path, column: str
) -> None:
    text = f"image,label,pred,{column}\na,A,A,train\nb,B,B,train\nc,A,B,test\nd,B,B,test\n"
    with pytest.raises(InputError, match="trained on beside") as caught:
        _read(tmp_path, text)
    assert f"--where {column}=test" in caught.value.do
    assert len(_read(tmp_path, text, where=[f"{column}=test"])) == 2
    loaded = load_predictions(_file(tmp_path, text.replace("train\n", "val\n")))
    assert f"Rows of several parts (val, test) are scored together; of one: --where {column}=val." in loaded.notes


def _single_score(folder: Path, *, called: str = "", name: str = "prob") -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(40):
        p = rng.uniform(0.55, 0.95) if rng.random() < (0.75 if i % 2 else 0.25) else rng.uniform(0.05, 0.45)
        call = called or str(int(p > 0.5))
        shown = (1 - p if p > 0.5 else p) if called else 1 - p
        rows.append(f"i{i},{i % 2},P{i},{call},{shown:.4f}")
    return _file(folder, f"image,label,patient,predicted,{name}\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize("called", ["", "1"])
def test_a_score_that_the_calls_contradict_in_every_row_is_refused(tmp_path: Path, called: str) -> None:
    file = _single_score(tmp_path, called=called)
    with pytest.raises(InputError, match="the calls contradict a score in every row") as caught:
        load_predictions(file)
    assert "--map positive=0" in caught.value.do
    other = load_predictions(file, mapping=["positive=0"])
    assert other.with_scores and other.predictions.classes == ("1", "0")
    assert not load_predictions(file, mapping=["score=none"]).with_scores
    assert load_predictions(file, mapping=["predicted=none"]).with_scores


def test_scores_of_a_sigmoid_each_are_left_out_beside_calls_when_asked(tmp_path: Path) -> None:
    text = "image,label,patient,pred,prob_A,prob_B,prob_C\n" + "".join(
        f"i{i},{'ABC'[i % 3]},P{i},{'ABC'[i * 2 % 3]},0.7,0.6,0.{i}\n" for i in range(1, 10)
    )
    with pytest.raises(InputError, match="do not sum to 1") as caught:
        load_predictions(_file(tmp_path, text))
    assert "leave the scores out: --map score=none" in caught.value.do
    found = load_predictions(_file(tmp_path, text), mapping=["score=none"])
    assert not found.with_scores and found.with_predicted and "prob_A" in found.unread
    assert "No scores are read, as --map score=none says." in found.notes


def test_images_that_several_models_called_ask_for_one_of_them(tmp_path: Path) -> None:
    rows = [f"i{i},{'AB'[i % 2]},P{i},A,{model}" for model in ("a net", "vgg") for i in range(6)]
    file = _file(tmp_path, "image,label,patient,pred,model\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match="stands twice") as caught:
        load_predictions(file)
    assert "--where 'model=a net'" in caught.value.do and "none" not in caught.value.do
    assert len(load_predictions(file, where=["model=a net"]).predictions) == 6


@pytest.mark.parametrize("lost", ["1.23457E+11", "2,1E+05", "1E+08"])
def test_ids_that_a_spreadsheet_cut_off_are_refused(tmp_path: Path, lost: str) -> None:
    rows = [f"i{i};{'AB'[i % 2]};{lost if i else '12E5'};A" for i in range(6)]
    with pytest.raises(InputError, match="a spreadsheet has cut an id off") as caught:
        load_predictions(_file(tmp_path, "image;label;patient;pred\n" + "\n".join(rows) + "\n"))
    assert "line 3, column patient" in caught.value.where


def test_the_auc_of_a_score_of_the_other_class_is_not_turned_round(tmp_path: Path) -> None:
    file = _single_score(tmp_path)
    auc = json.loads(score(file, None, "json", mapping=["positive=0"]))["metrics"]["auc"]["value"]
    turned = json.loads(score(file, None, "json", mapping=["predicted=none"]))["metrics"]["auc"]["value"]
    assert auc > 0.5 > turned and auc + turned == pytest.approx(1)


def _runs(folder: Path, column: str, *, shuffled: bool = False, patients: bool = True) -> Path:
    rows = [(label, f"P{i // 4}", "HEM" if i % 5 else "ALL") for i, (label, _) in enumerate(_numbers(20, 20))]
    lines = []
    for run in "012":
        of_run = rows[::-1] if shuffled and run == "1" else rows
        lines += [",".join([label, *([patient] if patients else []), call, run]) for label, patient, call in of_run]
    header = ",".join(["label", *(["patient"] if patients else []), "predicted", column])
    return _file(folder, header + "\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("patients", [True, False])
def test_rows_of_seeds_that_are_alike_are_the_same_images(tmp_path: Path, patients: bool) -> None:
    loaded = load_predictions(_runs(tmp_path, "seed", patients=patients))
    assert len(loaded.predictions.images[0]) == 20 and len(loaded.predictions) == 60
    assert any("taken as the same 20 images" in text for text in loaded.notes)


@pytest.mark.parametrize(("column", "shuffled"), [("seed", True), ("model", False), ("epoch", True), ("fold", False)])
def test_images_without_a_name_that_may_stand_several_times_are_asked_about(
    tmp_path: Path, column: str, shuffled: bool
) -> None:
    file = _runs(tmp_path, column, shuffled=shuffled)
    with pytest.raises(InputError, match="may be the same ones several times") as caught:
        load_predictions(file)
    assert f"--where {column}=0" in caught.value.do and "--map image_id=none" in caught.value.do
    assert len(load_predictions(file, where=[f"{column}=0"]).predictions.images[0]) == 20
    assert len(load_predictions(file, mapping=["image_id=none"]).predictions.images[0]) == 60


def test_folds_of_other_images_need_no_name(tmp_path: Path) -> None:
    lines = [f"{'AB'[i % 2]},P{i // 2},A,{i // 12}" for i in range(60)]
    text = "label,patient,predicted,fold\n" + "\n".join(lines) + "\n"
    assert len(_read(tmp_path, text).images[0]) == 60


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"arm": "foo"}, "unknown column 'arm'"),
        ({"selection": "foo"}, "unknown column 'selection'"),
        ({"mapping": ["positive=7"]}, "unknown class '7'"),
        ({"study": "foo"}, "whose claims"),
        ({"protocol": "as_published"}, "a protocol says as what"),
        ({"protocol": "patient"}, "add --claims, or leave --protocol out"),
        ({"margin": 0.02}, "--margin 0.02"),
        ({"margin": 0.0}, "add --claims, or leave --margin out"),
        ({"margin": float("nan")}, "--margin nan"),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    file = _file(tmp_path, "image,label,patient,predicted\na,0,1,0\nb,1,2,1\n")
    with pytest.raises(InputError, match=words):
        score(file, None, "json", **options)


def test_a_positive_class_that_changes_nothing_is_told(tmp_path: Path) -> None:
    text = "image,label,patient,prob_0,prob_1\na,0,1,0.8,0.2\nb,1,2,0.3,0.7\n"
    loaded = load_predictions(_file(tmp_path, text), mapping=["positive=0"])
    assert "--map positive=0 changes nothing: the scores of all classes are read." in loaded.notes


def test_one_patient_and_one_class_in_two_forms_of_unicode_are_one(tmp_path: Path) -> None:
    rows = ["a,Bl\u00e4schen,M\u00fcller,Bla\u0308schen", "b,Bla\u0308schen,Mu\u0308ller,X", "c,X,P\u20131,X"]
    rows.append("d,X,P-1,X")
    loaded = load_predictions(_file(tmp_path, "image,label,patient,predicted\n" + "\n".join(rows) + "\n"))
    p = loaded.predictions
    assert p.classes == ("Bl\u00e4schen", "X") and (p.label == p.predicted).tolist() == [True, False, True, True]
    assert len(set(p.group.tolist())) == 3
    assert any("1 patient is written in several ways" in text for text in remarks_on(loaded))


def test_two_columns_of_calls_that_are_the_contrary_are_asked_about(tmp_path: Path) -> None:
    text = "image,label,patient,pred,prediction\na,0,1,0,1.0\nb,1,2,1,0.0\nc,1,3,0,1.0\n"
    with pytest.raises(InputError, match="several columns may be 'predicted'"):
        _read(tmp_path, text)
    same = text.replace("0,1.0", "0,0.0").replace("1,0.0", "1,1.0").replace("b,1,2,1,0.0", "b,1,2,1,1.0")
    assert len(_read(tmp_path, same)) == 3
    words = text.replace("1.0", "HEM").replace("0.0", "ALL")
    assert len(_read(tmp_path, words, mapping=["class:HEM=0", "class:ALL=1"])) == 3


def test_folds_as_decimals_are_whole(tmp_path: Path) -> None:
    text = "image,label,patient,predicted,fold,seed\na,A,1,A,0.0,7.0\nb,B,2,B,1.0,7.0\n"
    p = _read(tmp_path, text)
    assert (p.fold.tolist(), p.seed.tolist()) == ([0, 1], [7, 7])
    with pytest.raises(InputError, match="a fold is no whole number"):
        _read(tmp_path, text.replace("1.0", "1.5"))


def test_the_line_by_which_excel_is_told_the_separator_is_no_header(tmp_path: Path) -> None:
    p = _read(tmp_path, "sep=;\nimage;label;patient;predicted\na,1;A;P1;A\nb,2;B;P2;A\n")
    assert (p.image_id.tolist(), p.predicted.tolist()) == (["a,1", "b,2"], [0, 0])


def _of_two_patients(extra: str = "", cell: str = "") -> str:
    """Return ten images of two patients each, with calls of which one in five is wrong."""
    rows = [f"i{k},{'AB'[k % 2]},{'BA'[k % 2] if k % 5 == 0 else 'AB'[k % 2]},p{k // 10}{cell}" for k in range(20)]
    return f"image,label,pred,patient{extra}\n" + "\n".join(rows) + "\n"


def test_the_patient_that_where_asks_for_stays_the_patient(tmp_path: Path) -> None:
    path = _file(tmp_path, _of_two_patients())
    loaded = load_predictions(path, where=["patient=p1"])
    assert (loaded.unit, set(loaded.predictions.group.tolist()), loaded.unread) == ("patient", {"p1"}, ())
    found = results(path, where=["patient=p1"])
    accuracy = found["metrics"]["accuracy"]
    assert (found["grouped_by"], found["n_groups"], found["n_images"]) == ("patient", 1, 10)
    assert (accuracy["value"], accuracy["ci95"]) == (0.8, [None, None])
    assert not any("No column names a patient" in remark for remark in found["remarks"])


@pytest.mark.parametrize(
    ("column", "unit", "n_groups"),
    [("group", "patient", 2), ("fold", "patient", 2), ("seed", "patient", 2), ("model", "patient", 2)],
)
def test_a_column_that_where_makes_one_value_takes_no_patient_away(
    tmp_path: Path, column: str, unit: str, n_groups: int
) -> None:
    path = _file(tmp_path, _of_two_patients(f",{column}", ",7"))
    loaded = load_predictions(path, where=[f"{column}=7"])
    assert (loaded.unit, len(set(loaded.predictions.group.tolist())), loaded.unread) == (unit, n_groups, ())


@pytest.mark.parametrize("name", ["patient", "group"])
def test_a_group_that_where_asks_for_is_one_group(tmp_path: Path, name: str) -> None:
    path = _file(tmp_path, _of_two_patients().replace("patient", name))
    assert set(load_predictions(path, where=[f"{name}=p0"]).predictions.group.tolist()) == {"p0"}


def test_a_fold_that_is_a_part_may_still_be_asked_for(tmp_path: Path) -> None:
    text = "image,label,pred,fold\na,A,A,test\nb,B,A,test\nc,A,A,train\n"
    assert _read(tmp_path, text, where=["fold=test"]).fold.tolist() == [0, 0]
    numbered = text.replace("test", "3").replace("train", "4")
    assert _read(tmp_path, numbered, where=["fold=3"]).fold.tolist() == [3, 3]


def test_a_label_that_where_asks_for_is_not_replaced_by_another_column(tmp_path: Path) -> None:
    text = "image,label,class,pred\na,A,x,A\nb,A,y,B\nc,B,y,B\n"
    p = _read(tmp_path, text, where=["label=A"])
    assert [p.classes[c] for c in p.label] == ["A", "A"]


def _frame(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


@pytest.mark.parametrize("levels", [["patient"], ["image"], ["patient", "image"]])
def test_what_the_index_of_a_frame_names_is_read(levels: list[str]) -> None:
    frame = _frame(_of_two_patients())
    plain, indexed = leukbench.score(frame), leukbench.score(frame.set_index(levels))
    assert plain["grouped_by"] == "patient" and plain["n_groups"] == 2
    assert indexed == plain


def test_an_index_without_a_name_is_left_out_and_one_beside_its_column_is_one() -> None:
    frame = _frame(_of_two_patients())
    plain = leukbench.score(frame)
    assert leukbench.score(frame.set_index(pd.Index(range(100, 120)))) == plain
    assert leukbench.score(frame.set_index("patient", drop=False)) == plain
    frame.index = pd.Index([f"q{k}" for k in range(20)], name="patient")
    with pytest.raises(InputError, match="the index and a column bear one name and differ") as caught:
        leukbench.score(frame)
    assert "'q0' in the index, 'p0' in the column" in caught.value.found


@pytest.mark.parametrize(
    ("table", "found"),
    [
        (np.zeros((2, 2)), "ndarray: [[0. 0.] [0. 0.]]"),
        ({"image": ["a"]}, "dict: {'image': ['a']}"),
        ([1, 2], "list: [1, 2]"),
        (None, "NoneType: None"),
        (pd.Series([1, 2], name="y"), "Series: "),
    ],
)
def test_what_is_no_table_is_refused_with_what_it_is(table: Any, found: str, tmp_path: Path) -> None:
    for call in (leukbench.score, lambda t: leukbench.check_split(t, tmp_path)):
        with pytest.raises(InputError, match="the table is of a type") as caught:
            call(table)
        assert caught.value.found.startswith(found) and "data frame" in caught.value.expected


@pytest.mark.parametrize("option", [{"margin": "a"}, {"margin": True}, {"margin": [0.1]}, {"where": 1}, {"where": [1]},
                                    {"mapping": {"label": "y"}}, {"logits": "no"}, {"arm": 3}, {"study": ["s"]},
                                    {"protocol": 1}, {"selection": b"x"}, {"claims": 5}])  # fmt: skip
def test_an_option_of_another_type_is_named(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(InputError, match=f"{name} is of a type") as caught:
        leukbench.score(_frame(_of_two_patients()), **{"claims": "known_answer", **option})
    assert caught.value.where == f"leukbench.score, {name}"
    assert caught.value.found.startswith(type(option[name]).__name__)


@pytest.mark.parametrize(("margin", "claims"), [(2, "known_answer"), (float("nan"), "known_answer"), (2, None)])
def test_a_margin_that_is_no_fraction_or_of_nothing_is_refused(margin: float, claims: str | None) -> None:
    with pytest.raises(InputError, match="margin"):
        leukbench.score(_frame(_of_two_patients()), claims, margin=margin)


def test_an_unknown_option_names_those_that_there_are() -> None:
    with pytest.raises(InputError, match="unknown option 'were'") as caught:
        leukbench.score(_frame(_of_two_patients()), were=["split=test"])
    assert "did you mean 'where'" in caught.value.do and "results" not in str(caught.value)


def test_one_text_is_a_list_of_one_and_none_is_no_option() -> None:
    frame = _frame(_of_two_patients(",truth", ",A"))
    one = leukbench.score(frame, where="patient=p1", mapping="label=truth", arm=None, margin=None)
    assert one == leukbench.score(frame, where=["patient=p1"], mapping=("label=truth",), logits=np.bool_(False))
    assert (one["n_images"], list(one["classes"])) == (10, ["A", "B"])
    assert one["metrics"]["accuracy"]["value"] == 0.5  # against truth, where every image is A


@pytest.mark.parametrize("path", [None, pd.DataFrame({"a": [1]}), 3])
def test_only_a_path_is_audited(path: Any) -> None:
    with pytest.raises(InputError, match="path is of a type") as caught:
        leukbench.audit(path)
    assert caught.value.where == "leukbench.audit, path"
    with pytest.raises(InputError, match="classes is of a type"):
        leukbench.audit("table.csv", classes=["A=5"])
