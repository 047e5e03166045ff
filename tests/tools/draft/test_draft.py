"""What a reviewer has, read by header: figures with the right metric and place, and an audit of them at once."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report
from typer.testing import CliRunner

from leukbench.audit.findings import audit_papers
from leukbench.cli.app import app
from leukbench.errors import InputError
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper, read_paper
from leukbench.tools.draft.audit import draft_of, scores_of
from leukbench.tools.draft.figures import read_figures, sentence_figures
from leukbench.tools.draft.tables import read_tables
from leukbench.tools.draft.write import draft_file, read_classes, read_matrix

TEXTS = Path(__file__).resolve().parents[4] / "shared" / "papers"


def _file(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def _found(file: Path) -> dict[tuple[str, ...], str]:
    """Return (model, class, fold, split, metric) -> value and unit of every figure of a file."""
    figures = read_figures(read_tables(file)[0], "mine")
    keys = ("model", "class", "fold", "split", "metric")
    return {tuple(c.get(k, "") for k in keys): c["value"] + c.get("unit", "") for c in figures.claims}


def test_a_csv_of_metrics_is_read_by_header(tmp_path: Path) -> None:
    found = _found(
        _file(
            tmp_path,
            "t.csv",
            'Method,Test Acc. (%),Sens,AUC,F1-score,Note\nVGG16,91.2,0.88,0.95,0.9,x\nOurs [3],"95.0 ± '
            '0.4",0.93,0.98,0.94,y\n',
        )
    )
    assert found == {
        ("VGG16", "", "", "test", "accuracy"): "91.2%",
        ("VGG16", "", "", "unstated", "sensitivity"): "0.88fraction",
        ("VGG16", "", "", "unstated", "auc"): "0.95fraction",
        ("VGG16", "", "", "unstated", "f1"): "0.9fraction",
        ("Ours [3]", "", "", "test", "accuracy"): "95.0%",
        ("Ours [3]", "", "", "unstated", "sensitivity"): "0.93fraction",
        ("Ours [3]", "", "", "unstated", "auc"): "0.98fraction",
        ("Ours [3]", "", "", "unstated", "f1"): "0.94fraction",
    }
    turned = "metric,VGG16,Ours\nAccuracy,91.2%,95.0%\nRecall,88%,93%\n"
    assert _found(_file(tmp_path, "u.csv", turned))[("Ours", "", "", "unstated", "recall")] == "93%"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "Modell;Accuracy;F1;AUC;Parameters\nNet;94,6;95,8;0,988;10,661\n"),
        ("u.csv", "Modell;Accuracy;F1;AUC;Parameters\nNet;94,6;95,8;0,988;10.661\n"),
        (
            "t.html",
            "<table><tr><th>Modell</th><th>Accuracy</th><th>F1</th><th>AUC</th><th>Parameters</th></tr><tr><td>Net"
            "</td><td>94·6</td><td>95.8</td><td>0,988</td><td>10,661</td></tr></table>",
        ),
    ],
)
def test_decimal_commas_and_middle_dots_are_decimal_marks_and_thousands_stay_counts(
    tmp_path: Path, name: str, text: str
) -> None:
    assert _found(_file(tmp_path, name, text)) == {
        ("Net", "", "", "unstated", "accuracy"): "94.6%",
        ("Net", "", "", "unstated", "f1"): "95.8%",
        ("Net", "", "", "unstated", "auc"): "0.988fraction",
        ("Net", "", "", "", "params_total"): "10,661count",
    }


def test_an_honest_table_with_decimal_commas_is_not_accused(tmp_path: Path) -> None:
    file = _file(tmp_path, "t.csv", "Modell;Accuracy;Precision;Recall;F1\nNet;0,946;0,971;0,945;0,958\n")
    result = CliRunner().invoke(app, ["audit", str(file), "--strict"])
    assert result.exit_code == 0 and "decimal commas are read as points" in result.stdout


def test_bounds_and_broken_numbers_are_left_and_a_point_may_come_first(tmp_path: Path) -> None:
    file = _file(tmp_path, "t.csv", "Model,Accuracy,Recall,F1\nNet,.952,>95,0.9.5\n")
    assert _found(file) == {("Net", "", "", "unstated", "accuracy"): "0.952fraction"}
    assert [text.rsplit(": ", 1)[1] for text in read_figures(read_tables(file)[0], "mine").left] == [">95", "0.9.5"]
    sentence = "The accuracy was 95,2 % and the recall 93·5%."
    assert list(sentence_figures(sentence)) == [("accuracy", "95.2"), ("recall", "93.5")]


def test_numbered_folds_are_folds_and_spreads_are_no_models(tmp_path: Path) -> None:
    rows = ["1,VGG,95.0,0.2", "Fold 2,VGG,96.0,0.3", "Mean,VGG,95.5,0.1", "Std,VGG,0.7,0"]
    file = _file(tmp_path, "t.csv", "\n".join(["Fold,Model,Accuracy,Accuracy Std", *rows]))
    figures = read_figures(read_tables(file)[0], "mine")
    found = [(c["model"], c.get("fold", ""), c.get("aggregation", ""), c["value"]) for c in figures.claims]
    assert found == [("VGG", "1", "", "95.0"), ("VGG", "2", "", "96.0"), ("VGG", "", "mean", "95.5")]
    assert len(figures.left) == 5 and figures.left[-2] == "t.csv, Accuracy, Std, VGG: 0.7"
    plain = "Fold,Accuracy\n1,95.0\n2,96.0\nMean,95.5\nStd. Dev.,0.7\n"
    assert _found(_file(tmp_path, "u.csv", plain)) == {
        ("", "", "1", "unstated", "accuracy"): "95.0%",
        ("", "", "2", "unstated", "accuracy"): "96.0%",
        ("", "", "", "unstated", "accuracy"): "95.5%",
    }


MARKDOWN = """\
Some words; the accuracy was 91.3% on the test set.

Table 2. Results by fold

| Fold | Accuracy (%) | | Loss |
|------|:---:|:---:|---|
| | Training | Testing | Testing |
| Fold 1 | 99.1 | **92.0** | 0.2 |
| Average | 99.0 | 91.0 | 0.3 |
"""


def test_headers_of_two_rows_folds_and_means_are_read_from_markdown(tmp_path: Path) -> None:
    file = _file(tmp_path, "t.md", MARKDOWN)
    assert _found(file) == {
        ("", "", "1", "train", "accuracy"): "99.1%",
        ("", "", "1", "test", "accuracy"): "92.0%",
        ("", "", "1", "test", "loss"): "0.2",
        ("", "", "", "train", "accuracy"): "99.0%",
        ("", "", "", "test", "accuracy"): "91.0%",
        ("", "", "", "test", "loss"): "0.3",
    }
    text = draft_file(file, "mine").text
    assert "# To be confirmed" in text and "accuracy 91.3 %" in text and "where: Table 2  # Results by fold" in text


JATS = """\
<article xmlns:xlink="x"><body><p>Our model had a recall of 88 %. Nothing else.</p>
<table-wrap id="t1"><label>Table 1.</label><caption><p>Confusion matrix of the test set</p></caption>
<table><thead><tr><th>Actual</th><th>ALL</th><th>HEM</th></tr></thead>
<tbody><tr><td>ALL</td><td>752</td><td>339</td></tr><tr><td>HEM</td><td>361</td><td>148</td></tr></tbody></table></table-wrap>
<table-wrap><label>Table 2</label><caption><p>Scores</p></caption>
<table><tr><th rowspan="2">Model</th><th colspan="2">Precision (%)</th></tr><tr><th>ALL</th><th>HEM</th></tr>
<tr><td>Net</td><td>68</td><td>30</td></tr></table></table-wrap></body></article>
"""


def test_an_article_in_jats_gives_its_matrix_and_scores_by_class(tmp_path: Path) -> None:
    file = _file(tmp_path, "a.xml", JATS)
    figures = read_figures(read_tables(file)[0], "mine")
    assert figures.matrices == [{"id": "t1", "where": "Table 1", "rows": "unstated", "classes": ["ALL", "HEM"]}]
    cells = {(c["row"], c["column"]): c["value"] for c in figures.claims if c["metric"] == "matrix_cell"}
    assert cells == {("ALL", "ALL"): "752", ("ALL", "HEM"): "339", ("HEM", "ALL"): "361", ("HEM", "HEM"): "148"}
    scores = {(c["model"], c["class"]): c["value"] for c in figures.claims if c["metric"] == "precision"}
    assert scores == {("Net", "ALL"): "68", ("Net", "HEM"): "30"}
    assert "recall 88 %" in draft_file(file, "mine").text


def test_a_notebook_gives_its_report_its_matrix_and_its_frames(tmp_path: Path) -> None:
    report = (
        "              precision    recall  f1-score   support\n\n         ALL       0.68      0.69      "
        "0.68      1091\n         HEM       0.30      0.29      0.30       509\n\n    "
        "accuracy                           0.56      1600\n   macro avg       0.49      0.49      0.49      1600\n"
    )
    frame = (
        "<table><tr><th></th><th>model</th><th>accuracy</th></tr><tr><td>0</td><td>Net</td><td>0.56</td></tr></table>"
    )
    outputs = [
        {"text": [report]},
        {"data": {"text/plain": ["array([[752, 339],\n       [361, 148]])"]}},
        {"data": {"text/html": [frame]}},
    ]
    file = _file(tmp_path, "n.ipynb", json.dumps({"cells": [{"outputs": outputs}]}))
    found = _found(file)
    assert (
        found[("", "ALL", "", "unstated", "recall")] == "0.69fraction"
        and found[("", "HEM", "", "", "n_images")] == "509count"
    )
    assert found[("Net", "", "", "unstated", "accuracy")] == "0.56fraction"
    assert sum(k[-1] == "matrix_cell" for k in found) >= 1
    assert draft_file(file, "mine").paper().matrices[0].id.startswith("t")


def test_a_table_that_cannot_be_true_is_told_at_once(tmp_path: Path) -> None:
    bad = _file(tmp_path, "t.csv", "Model,Accuracy (%),Recall (%),Specificity (%)\nNet,95.0,80.0,90.0\n")
    good = _file(tmp_path, "u.csv", "Model,Accuracy (%),Recall (%),Specificity (%)\nNet,85.0,80.0,90.0\n")
    classes = ["--classes", "A=450,B=450", "--strict"]  # 360 and 405 of 450
    assert CliRunner().invoke(app, ["audit", str(bad), *classes]).exit_code == 1
    assert CliRunner().invoke(app, ["audit", str(good), *classes]).exit_code == 0


def test_figures_that_name_no_part_are_of_the_images_counted_in_classes(tmp_path: Path) -> None:
    text = "Model,Accuracy,Precision,Recall,F1\nResNet,97.93,98.20,98.60,98.40\n"  # 1828/1867: 97.91, 1829/1867: 97.97
    file = _file(tmp_path, "t.csv", text)
    result = CliRunner().invoke(app, ["audit", str(file), "--classes", "HEM=648,ALL=1219", "--strict"])
    assert result.exit_code == 0 and "No whole number of right images prints as accuracy 97.93" in result.stdout
    assert "unless they are averages over folds, runs or batches" in result.stdout  # so nothing is proved
    folds = draft_file(_file(tmp_path, "f.csv", "Fold,Accuracy\nFold 1,97.93\n"), "mine", classes={"HEM": 648}).paper()
    assert [c.split for c in folds.claims if c.metric == "accuracy"] == ["unstated"]


@pytest.mark.parametrize("text", ["HEM=648,ALL=1,219", "A=1,A=2"])
def test_counts_with_thousands_and_classes_named_twice_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no further class"):
        read_classes(text)
    assert read_classes("0,1") == {"0": 0, "1": 0} and read_classes("0=5,1=7") == {"0": 5, "1": 7}


def test_a_transposed_matrix_is_told_by_the_counts_of_its_classes() -> None:
    said = "rows and columns are exchanged"
    classes = ["--classes", "HEM=648,ALL=1219"]
    turned = CliRunner().invoke(app, ["audit", "--matrix", "600 30; 48 1189", *classes])
    assert "630 images of actual HEM; 648 are stated" in turned.stdout and said in turned.stdout
    assert said not in CliRunner().invoke(app, ["audit", "--matrix", "600 48; 30 1189", *classes]).stdout


def test_a_matrix_from_the_command_line_is_scored(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["audit", "--matrix", "752 339; 361 148", "--classes", "ALL,HEM"])
    assert result.exit_code == 0 and "1600 images; accuracy 0.562" in result.stdout and "| ALL " in result.stdout
    import numpy as np
    from sklearn.metrics import matthews_corrcoef

    label, called = np.repeat([0, 0, 1, 1], [5, 1, 2, 4]), np.repeat([0, 1, 0, 1], [5, 1, 2, 4])
    assert f"mcc {matthews_corrcoef(label, called):.3f}" in scores_of(np.array([[5, 1], [2, 4]]), ["A", "B"])


@pytest.mark.parametrize("corner", ["", "Actual / Predicted", "Predicted", "True class"])
@pytest.mark.parametrize("classes", ["", "ALL,HEM", "ALL=20,HEM=44"])
def test_a_matrix_is_held_against_the_scores_in_its_margins(tmp_path: Path, corner: str, classes: str) -> None:
    head, columns = "| ALL | HEM | Recall (%) |\n|---|---|---|---|\n", "| Precision (%) | {} | 89.1 | 87.5 |\n"
    for precision, told in (("83.3", []), ("85.3", ["matrix_scores"])):
        rows = f"|{corner} {head}| ALL | 15 | 5 | 75.0 |\n| HEM | 3 | 41 | 93.2 |\n{columns.format(precision)}"
        draft = draft_of(_file(tmp_path, "t.md", f"Table 1. Confusion matrix.\n\n{rows}"), classes)
        assert draft.n_left == 1 and "beside the matrix, Precision (%): 87.5" in draft.text
        assert [f.check for f in audit_papers([draft.paper()]) if f.status == "inconsistent"] == told


def test_sums_of_a_matrix_are_no_class_and_a_third_class_is_none(tmp_path: Path) -> None:
    said = "the last row and column are sums and no class"
    summed = "600 48 648; 30 1189 1219; 630 1237 1867"
    for more in ([], ["--classes", "HEM=648,ALL=1219"]):
        output = CliRunner().invoke(app, ["audit", "--matrix", summed, *more]).stdout
        assert said in output and "1867 images; accuracy 0.958" in output  # 1789 of 1867
    table = "".join(
        f"{line}\n" for line in (",HEM,ALL,Total", "HEM,600,48,648", "ALL,30,1189,1219", "Total,630,1237,1867")
    )
    figures = read_figures(read_tables(_file(tmp_path, "t.csv", table))[0], "mine")
    assert figures.matrices[0]["classes"] == ["HEM", "ALL"] and len(figures.claims) == 4 and said in figures.remarks[0]
    wrong = read_figures(read_tables(_file(tmp_path, "u.csv", table.replace("1867", "1868")))[0], "mine")
    assert len(wrong.claims) == 4 and "not the sums of the cells" in wrong.remarks[0]
    three = ",AML,CLL,ALL\nAML,5,1,6\nCLL,2,4,6\nALL,7,5,13\n"
    assert len(read_figures(read_tables(_file(tmp_path, "v.csv", three))[0], "mine").claims) == 9
    huge = table.replace("1867", "9" * 5000)  # more digits than Python turns into a number
    assert len(read_figures(read_tables(_file(tmp_path, "w.csv", huge))[0], "mine").claims) == 9
    for names in (["A", "B"], ["A", "B", "C", "D"]):
        with pytest.raises(InputError, match="do not fit"):
            read_matrix("5 1 6; 2 4 6; 7 5 13", names)


_REPORT = """\
,precision,recall,f1-score,support
HEM,0.96,0.91,0.93,648{0}
ALL,0.96,0.98,0.97,1219{0}
{1}
macro avg,0.96,0.94,0.95,1867{0}
weighted avg,0.96,0.96,0.95,1867{0}
"""


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("line", ["accuracy,,,0.86,1867", "accuracy,0.86,0.86,0.86,0.86"])
def test_the_line_accuracy_of_a_report_is_the_accuracy_of_all_classes(tmp_path: Path, line: str, turned: bool) -> None:
    rows = [text.split(",") for text in _REPORT.format("" if ",," in line else ".0", line).splitlines()]
    text = "".join(",".join(row) + "\n" for row in (zip(*rows, strict=True) if turned else rows))
    file = _file(tmp_path, "t.csv", text)
    claims = read_figures(read_tables(file)[0], "mine").claims
    found = {(c["metric"], c.get("class", ""), c.get("average", "")): c["value"] for c in claims if "model" not in c}
    printed = {
        ("HEM", ""): ("0.96", "0.91", "0.93", "648"),
        ("ALL", ""): ("0.96", "0.98", "0.97", "1219"),
        ("", "macro"): ("0.96", "0.94", "0.95"),
        ("", "weighted"): ("0.96", "0.96", "0.95"),
    }
    metrics = ("precision", "recall", "f1", "n_images")
    right = {(m, *whose): v for whose, values in printed.items() for m, v in zip(metrics, values, strict=False)}
    assert found == {**right, ("accuracy", "", ""): "0.86", ("n_images", "", ""): "1867"} and len(claims) == 17
    result = CliRunner().invoke(app, ["audit", str(file), "--classes", "HEM=648,ALL=1219", "--strict"])
    assert result.exit_code == 1 and "accuracy 0.86" in result.stdout


@pytest.mark.parametrize("text", ["1 2; 3", "5", "a b; c d", "1 2; 3 -4"])
def test_what_is_no_matrix_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no confusion matrix"):
        read_matrix(text, [])


def test_a_matrix_as_python_writes_it_is_read_and_one_without_images_is_refused() -> None:
    assert read_matrix("[[752, 339], [361, 148]]", []).rows == read_matrix("752 339; 361 148", []).rows
    assert read_matrix("[[752 339]\n [361 148]]", []).rows == read_matrix("752 339; 361 148", []).rows
    with pytest.raises(InputError, match="without images"):
        read_matrix("0 0; 0 0", [])


def test_files_without_figures_and_wrong_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no figure of any table is understood"):
        draft_file(_file(tmp_path, "t.csv", "a,b\n1,2\n"), "mine")
    with pytest.raises(InputError, match="no key"):
        draft_file(_file(tmp_path, "t.csv", "model,accuracy\nNet,90%\n"), "My Paper")
    with pytest.raises(InputError, match="cannot read tables"):
        draft_file(_file(tmp_path, "t.xml", "<a>"), "mine")
    with pytest.raises(InputError, match="no line of classes"):
        read_classes("A=many")


def _texts() -> list[str]:
    return [key for key in paper_keys() if (TEXTS / f"{key}.txt").is_file()]


@pytest.mark.real
def test_drafts_of_the_five_texts_find_four_fifths_of_the_table_figures_with_the_right_metric(tmp_path: Path) -> None:
    if not _texts():
        pytest.skip("the texts of the papers are not at ../shared/papers")
    found = printed = 0
    for key in _texts():
        have = Counter(
            (c["metric"], c["value"].replace(",", ""))
            for c in read_figures(read_tables(TEXTS / f"{key}.txt")[0], "mine").claims
        )
        for claim in load_paper(key).claims:
            if re.match(r"table\b", claim.where, re.IGNORECASE):
                name = (claim.metric, claim.value.replace(",", "").replace("%", ""))
                printed += 1
                found += have[name] > 0
                have[name] -= 1
    assert found >= 0.8 * printed, f"{found} of {printed}"


@pytest.mark.real
@pytest.mark.parametrize("key", ["alnet", "batool", "dscnet", "samhitha"])
def test_a_draft_of_a_real_text_is_a_paper_file_as_it_is(tmp_path: Path, key: str) -> None:
    if key not in _texts():
        pytest.skip("the texts of the papers are not at ../shared/papers")
    made = draft_file(TEXTS / f"{key}.txt", "mine", classes={"HEM": 0, "ALL": 0})
    assert len(read_paper(_file(tmp_path, "paper.yaml", made.text)).claims) == made.n_claims


def test_the_support_of_a_report_counts_its_classes(tmp_path: Path) -> None:
    text = _REPORT.format("", "accuracy,,,0.95,1867")
    honest = _file(tmp_path, "t.csv", text)  # of 648 and 1219: 590 and 1195 right print so
    claims = draft_file(honest, "mine").paper().claims
    assert {(c.class_, c.split, c.value) for c in claims if c.metric == "n_images" and c.class_} == {
        ("HEM", "test", "648"), ("ALL", "test", "1219"),
    }  # fmt: skip
    wrong = _file(tmp_path, "u.csv", text.replace("accuracy,,,0.95", "accuracy,,,0.86"))
    result = CliRunner().invoke(app, ["audit", str(wrong), "--strict"])
    assert result.exit_code == 1 and "accuracy 0.86" in result.stdout


def test_a_true_report_is_not_accused_by_its_support(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for n_classes in (2, 4):
        truth = generator.integers(0, n_classes, 300)
        called = np.where(generator.random(300) < 0.8, truth, generator.integers(0, n_classes, 300))
        report = classification_report(
            truth, called, output_dict=True, target_names=[f"c{i}" for i in range(n_classes)]
        )
        for digits in (2, 4, 16):
            file = tmp_path / f"r{n_classes}{digits}.csv"
            pd.DataFrame(report).T.round(digits).to_csv(file)
            result = CliRunner().invoke(app, ["audit", str(file), "--strict"])
            assert result.exit_code == 0, result.stdout


def test_a_report_and_a_matrix_are_read_as_they_were_printed(tmp_path: Path) -> None:
    """scikit-learn's text of 90 right of 100 in one class, 40 of 50 in the other, and the same with 0.97 for 0.87."""
    from sklearn.metrics import confusion_matrix

    truth, called = np.repeat([0, 1], [100, 50]), np.repeat([0, 1, 0, 1], [90, 10, 10, 40])
    report = classification_report(truth, called, target_names=["HEM", "ALL"], digits=4)
    matrix = str(confusion_matrix(truth, called))
    text = f"{report}\n{matrix}\n"
    for name, printed, read in (("r.txt", text, "100 HEM, 50 ALL"), ("m.txt", matrix, "class 0, class 1")):
        result = CliRunner().invoke(app, ["audit", str(_file(tmp_path, name, printed)), "--strict"])
        assert result.exit_code == 0 and "TODO" not in result.stdout and read in result.stdout, result.stdout
        assert result.stdout.count("a confusion matrix is left out") == (name == "r.txt")
    several = CliRunner().invoke(app, ["audit", str(_file(tmp_path, "s.txt", f"{text}{matrix}\n{matrix}\n"))])
    assert several.stdout.count("a confusion matrix is left out") == 1
    alone = draft_of(_file(tmp_path, "a.txt", f"{matrix}\n{matrix.replace('90', '91')}\n")).paper().claims
    assert len(alone) == 8, "two matrices of four cells"
    tabs = "\n".join(re.sub(r"\s{2,}", "\t", line) for line in report.splitlines())
    assert "\t0.9000\t" in tabs
    (first, second) = (draft_of(_file(tmp_path, "t.txt", way)).paper().claims for way in (report, tabs))
    assert first == second and len(first) == 17
    wrong = _file(tmp_path, "w.txt", text.replace("0.8667       150", "0.9667       150"))
    result = CliRunner().invoke(app, ["audit", str(wrong), "--strict"])
    assert result.exit_code == 1 and "0.9667" in result.stdout


def test_what_stands_after_a_report_or_is_no_line_of_it_is_no_class(tmp_path: Path) -> None:
    truth, called = np.repeat([0, 1], [1200, 100]), np.repeat([0, 1, 0, 1], [1000, 200, 10, 90])
    report = classification_report(truth, called, target_names=["HEM", "ALL"], digits=4)
    tabs = "\n".join(re.sub(r"\s{2,}", "\t", line) for line in report.splitlines())

    def classes(text: str) -> set[str]:
        drafted = draft_of(_file(tmp_path, "r.txt", text)).paper().claims
        return {c.class_ for c in drafted if c.class_}

    assert classes(f"{tabs}\n\n1000\t200\t0\n10\t90\t0\n7\t95.0\t93.0\t91.0\t300\n") == {"HEM", "ALL"}
    assert classes(report.replace("1300", "1,300").replace("1200", "1,200")) == {"HEM", "ALL"}
    undefined = draft_of(_file(tmp_path, "n.txt", report.replace("0.3103", "   nan"))).paper().claims
    assert "0.3103" in report and len(undefined) == 16 and {c.class_ for c in undefined} == {"", "HEM", "ALL"}
    with pytest.raises(InputError, match="0,9901"):
        classes(report.replace("0.", "0,"))


_FRAME = pd.DataFrame({"Model": ["ALNet", "VGG16"], "Accuracy": [91.13, 88.0], "F1": [0.96, 0.9]})


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        (str(np.array([[0.91, 0.09], [0.2, 0.8]])), "r.txt: an array that holds no counts"),
        (str(np.eye(3, dtype=int)), "r.txt: an array of zeros and ones"),
        ("Ours:\n" + _FRAME.rename(columns={"F1": ""}).to_string(), "lines 3 to 4: these lines look like a table"),
        (str(np.eye(4, dtype=int)[[0, 1, 1, 2, 3]]), "r.txt: an array of zeros and ones"),
        (str(np.arange(6).reshape(3, 2)), "r.txt: an array that is not square"),
        (str(np.arange(8).reshape(2, 2, 2)), "r.txt: an array of three dimensions"),
        ("[[50, 10], [5]]", "r.txt: an array that is not square"),
        ("[[50, 10], [5, 4]", "r.txt: an array without its last bracket"),
        (str(np.arange(2000).reshape(2, 1000)), "r.txt: an abbreviated array"),
        ("[[50 10]\n ...\n [5 40]]", "r.txt: an abbreviated array"),
        ("kernel = [[1, 2], [2, 1]]", "r.txt: an array called kernel is left out"),
        ("w: int = np.array(  # 3 x 3\n[[1, 2], [2, 1]])", "r.txt: an array called w is left out"),
        ("'kernel': [[1, 2], [2, 1]]", "r.txt: an array called kernel is left out"),
        ("rotation_matrix[:] = 2 * np.array([[1, 2], [2, 1]])", "r.txt: an array called rotation_matrix[:] is left"),
        ("config = [[1, 2], [2, 1]]", "r.txt: an array called config is left out"),
        ("[50 10 5 35].", "r.txt: counts in one row of brackets"),
        ("cm = array([50, 10, 5, 35])  # tn fp fn tp", "r.txt: counts in one row of brackets"),
        ("\n\n".join(f"Recall 0.{n}" for n in range(1, 8)), "7 sentences of running text name scores beside a number"),
    ],
)  # fmt: skip
def test_what_a_text_holds_and_is_not_read_is_told(tmp_path: Path, printed: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        draft_of(_file(tmp_path, "r.txt", f"{printed}\n"))
    drafted = draft_of(_file(tmp_path, "r.txt", f"{printed}\n\n| Model | Accuracy |\n|---|---|\n| Net | 0.9 |\n"))
    assert drafted.n_claims == 1 and [said in text for text in drafted.remarks] == [True]


@pytest.mark.parametrize(
    "name",
    ["", "Ours: ", "cm = ", "test_cm=", "conf_mat = np.array(", "fold1.confusion = ", "accuracy = 0.9\n", "cmTest = ",
     "cm: np.ndarray = np.array(", "results['cm'] = ", "Accuracy = 0.9, DenseNet121: ", '{"valcm": '],
)  # fmt: skip
def test_an_array_without_a_name_or_called_a_confusion_matrix_is_one(tmp_path: Path, name: str) -> None:
    (table,) = read_tables(_file(tmp_path, "r.txt", f"{name}[[50, 10], [5, 35]]\n"))[0]
    assert table.caption == "confusion matrix" and not table.left_out


def test_the_running_text_of_a_page_is_told_and_its_scripts_are_not(tmp_path: Path) -> None:
    page = (
        "<html><style>p {x: 0.5%}</style><script>accuracy = 0.4;</script><p>We reached an accuracy of\n\n91.3 %.</p>"
        "<table><tr><th>Model<th>Accuracy</th></tr><tr><td>A recall of 0.7</td><td>0.95</td></tr></table>"
        "<p>Fine.<p>A <b>recall</b> of 0.88"
    )
    (remark,) = draft_of(_file(tmp_path, "p.html", page)).remarks
    assert remark.startswith("2 sentences") and "'We reached an accuracy of 91.3 %' (paragraph " in remark


def test_a_cell_of_a_page_keeps_its_parts_apart_and_no_mark_of_a_footnote(tmp_path: Path) -> None:
    cells = (
        "90<br>91",
        "0.9<sup>8</sup>",
        "0.8<sup>a",
        "0.9<script>var a=5;</script>",
        "3 x 10<sup>-3</sup>",
        "0.<b>91</b>",
    )
    page = "<table><td>Model<td>Accuracy<tr>" + "<tr>".join(f"<td>N<td>{cell}" for cell in cells)
    (table,) = read_tables(_file(tmp_path, "p.html", page))[0]
    assert [row[1] for row in table.rows] == ["Accuracy", "90 91", "0.9", "0.8", "0.9", "3 x 10^-3", "0.91"]
    row = "<tr><td>N</td><td>0.9<sup>a</sup></td><td>10<sup>-3</sup></td><td>90<break/>91</td></tr>"
    jats = f"<article><table-wrap><label>Table 1</label><table>{row}</table></table-wrap></article>"
    (table,) = read_tables(_file(tmp_path, "p.xml", jats))[0]
    assert table.rows == (("N", "0.9", "10^-3", "90 91"),)
    powers = draft_of(_file(tmp_path, "q.csv", "Model,Accuracy,Learning rate\nNet,0.9,10^-3\n"))
    assert (powers.n_claims, powers.n_left) == (1, 1)


def test_a_table_within_a_cell_is_a_table_of_its_own(tmp_path: Path) -> None:
    inner = "<table><tr><th>Model<th>F1<th>Recall<tr><td>z<td>0.84<td>0.8</table>"
    page = f"<table><tr><th>Model<th>Recall<th>F1</tr><tr><td>A{inner}</td><td>0.8<td>0.84</tr><tr><td>B<td>.7<td>.78"
    outer, within = read_tables(_file(tmp_path, "p.html", page))[0]
    assert outer.rows == (("Model", "Recall", "F1"), ("A", "0.8", "0.84"), ("B", ".7", ".78"))
    assert within.rows == (("Model", "F1", "Recall"), ("z", "0.84", "0.8"))


def test_matrices_and_reports_of_a_page_are_read(tmp_path: Path) -> None:
    report = str(classification_report([0, 0, 1, 1], [0, 1, 1, 1], digits=4))
    tables, _ = read_tables(_file(tmp_path, "p.html", f"<p>Model A</p><pre>{report}</pre>"))
    assert [table.caption for table in tables] == ["classification report"]
    (matrix,) = read_tables(_file(tmp_path, "p.html", "<p>Confusion matrix:</p><pre>[[50 10]\n [ 5 35]]</pre>"))[0]
    assert matrix.rows[1:] == (("class 0", "50", "10"), ("class 1", "5", "35")) and not matrix.left_out


@pytest.mark.parametrize(
    ("header", "average"),
    [("Macro F1", "macro"), ("F1 (macro)", "macro"), ("Macro-F1", "macro"), ("f1_macro", "macro"), ("F1-W", "weighted"),
     ("Weighted avg. F1", "weighted"), ("F1 (micro-averaged) (%)", "micro"), ("F1", ""), ("Overall F1", "")],
)  # fmt: skip
def test_the_averaging_that_a_header_names_is_no_class(tmp_path: Path, header: str, average: str) -> None:
    """A matrix [[15, 5], [1, 43]] has a macro F1 of 0.8841 and a weighted and micro one of 0.9031 and 0.9062."""
    value = {"macro": "0.884", "weighted": "0.903", "micro": "0.906"}.get(average, "0.884")
    value = f"{float(value) * 100:.1f}" if "%" in header else value
    file = _file(tmp_path, "t.csv", f"Model,Accuracy,{header}\nOurs,0.906,{value}\n")
    paper = draft_of(file, "ALL=20,HEM=44").paper()
    (claim,) = [c for c in paper.claims if c.metric == "f1"]
    assert (claim.average, claim.class_) == (average, "")
    assert not [f for f in audit_papers([paper]) if f.status == "inconsistent"]
    other = "40.6" if "%" in header else "0.4"
    file = _file(tmp_path, "t.csv", f"Model,Accuracy,{header}\nOurs,0.906,{other}\n")
    false = draft_of(file, "ALL=20,HEM=44").paper()
    refuted = [f for f in audit_papers([false]) if f.check == "binary_rows" and f.status != "consistent"]
    assert len(refuted) == 1


def test_a_mean_in_a_header_and_averages_named_by_rows_are_no_classes(tmp_path: Path) -> None:
    table = "Class,Average recall,Recall\nALL,0.9,0.8\nMacro-average,0.9,0.85\nMean,0.7,0.8\n"
    claims = draft_of(_file(tmp_path, "t.csv", table), "ALL=20,HEM=44").paper().claims
    shown = [(c.class_, c.average, c.aggregation) for c in claims if c.metric == "recall"]
    assert shown == [("ALL", "", "mean"), ("ALL", "", ""), ("", "macro", "mean"), ("", "macro", ""), ("", "", "mean"),
                     ("", "", "mean")]  # fmt: skip


@pytest.mark.parametrize("classes", ["", "ALL=200,HEM=440", "A=200,B=440,C=100"])
def test_what_a_header_says_beside_a_score_and_is_no_class_refutes_nothing(tmp_path: Path, classes: str) -> None:
    """Macro averages of two networks in columns: their F1 are no harmonic means."""
    table = "Data,Early Recall,Net Precision,Net Recall,Net F1,Accuracy\nOurs,0.306,0.90,0.70,0.60,0.906\n"
    paper = draft_of(_file(tmp_path, "t.csv", table), classes).paper()
    assert not [f for f in audit_papers([paper]) if f.status == "inconsistent"]


def test_small_percentages_beside_large_ones_are_read_neither_way(tmp_path: Path) -> None:
    file = _file(tmp_path, "t.csv", "Model,Precision (%),Recall (%),F1 (%)\nOurs,0.60,99.00,1.19\n")
    drafted = draft_of(file, "ALL=20000,HEM=120")
    assert {c.value for c in drafted.paper().claims if c.metric != "n_images"} == {"99.00", "1.19"}
    assert "not read; write all as percentages" in drafted.remarks[0] and drafted.n_left == 1
    assert not [f for f in audit_papers([drafted.paper()]) if f.status == "inconsistent"]


def test_a_table_at_the_top_without_a_caption_is_named_by_its_line(tmp_path: Path) -> None:
    tables, _ = read_tables(_file(tmp_path, "r.md", "|  | A | B |\n|---|---|---|\n| A | 50 | 10 |\n| B | 5 | 35 |\n"))
    assert [table.where for table in tables] == ["line 1"]


@pytest.mark.parametrize(
    "said",
    ["Accuracy: 0.50", "The accuracy is 91.2 %", "val_accuracy: .91", "{'f1': 0.88", "accuracy was as high as 0.91",
     "Accuracy on the test set -> 0.95", "0.91 accuracy", "TP = 50", "50 true positives", "loss 0.3 recall 1.0"],
)  # fmt: skip
def test_a_score_in_running_text_is_told_as_it_stands(tmp_path: Path, said: str) -> None:
    (remark,) = draft_of(_file(tmp_path, "r.md", f"{said}\n\n| Model | Accuracy |\n|---|---|\n| Net | 0.9 |\n")).remarks
    assert remark.startswith("A sentence of running text names a score beside a number and is not read, the first: ")
    assert repr(said) in remark and "(paragraph 1)" in remark


def test_other_numbers_of_a_text_are_no_figures_and_those_of_its_tables_are_read(tmp_path: Path) -> None:
    prose = (
        "See [1, 2] and Table 3. We measured accuracy; p = 0.03, a rate of 0.001, runs of 0.5 GB in 2019.\n[0.1, 0.2]\n"
    )
    table = "Accuracy of all models\n| Model | Accuracy: 0.5 |\n|---|---|\n| Net | 0.9 |\n"
    assert draft_of(_file(tmp_path, "r.md", f"{prose}\n\n{table}")).remarks == ()


def test_the_outputs_of_a_notebook_are_running_text_too(tmp_path: Path) -> None:
    outputs = [{"output_type": "stream", "text": ["Test accuracy: 0.9123\n", "[[50 3]\n", " [4 60]]\n"]}]
    file = _file(tmp_path, "n.ipynb", json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]}))
    assert [text for text in draft_of(file).remarks if "'Test accuracy: 0.9123' (cell 1)" in text]


@pytest.mark.parametrize(
    "text", ["[" * 300_000, "x" * 50 + "\n", "\n" * 300_000, "lorem ipsum dolor\n" * 20_000, "[[1 " * 70_000]
)
def test_texts_of_one_kind_take_no_minutes(tmp_path: Path, text: str) -> None:
    """Each took time by the square of its length: minutes for a megabyte."""
    start = time.process_time()
    read_tables(_file(tmp_path, "r.txt", text))
    assert time.process_time() - start < 5


def test_a_page_of_marks_takes_no_minutes(tmp_path: Path) -> None:
    start = time.process_time()
    read_tables(_file(tmp_path, "p.html", "<table><tr><td>a" + "<sup>1<td>2<table>" * 20_000 + "<pre>3" * 50_000))
    assert time.process_time() - start < 5


def test_lines_too_long_for_a_table_are_not_searched_for_one(tmp_path: Path) -> None:
    """The search takes seconds for a line of 60,000 characters."""
    for n, said in ((100, "table between spaces"), (20_000, "1 tables")):
        with pytest.raises(InputError, match=said):
            draft_of(_file(tmp_path, "r.txt", f"a{'  1' * n}\nb{'  2' * n}\n\n|a|b|\n|c|d|\n"))


def test_a_report_and_a_diagonal_matrix_are_not_told_to_be_unread(tmp_path: Path) -> None:
    report = classification_report([0, 0, 1, 1], [0, 1, 1, 1], digits=4)
    assert draft_of(_file(tmp_path, "r.txt", report)).remarks == ()
    for counts in (np.diag([3, 4]), np.diag([3.0, 4.0])):
        claims = draft_of(_file(tmp_path, "m.txt", f"{counts}\n")).paper().claims
        assert [c.value for c in claims] == ["3", "0", "0", "4"]


def test_a_report_of_some_classes_is_left_out_and_accuses_nobody(tmp_path: Path) -> None:
    """With micro avg some classes are left out, and calls lie outside of them."""
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 3, 300)
    called = np.where(generator.random(300) < 0.8, truth, generator.integers(0, 3, 300))
    part = classification_report(truth, called, labels=[0, 1])
    assert "micro avg" in part
    with pytest.raises(InputError, match="some of the classes"):
        draft_of(_file(tmp_path, "r.txt", part))
    named = classification_report(truth, called, target_names=["accuracy cells", "b", "c"])
    with pytest.raises(InputError, match="accuracy cells"):
        draft_of(_file(tmp_path, "n.txt", named))


def test_support_says_nothing_of_scores_in_other_tables(tmp_path: Path) -> None:
    report = _REPORT.format("", "accuracy,,,0.95,1867").splitlines()
    markdown = "\n".join("|" + row.replace(",", "|") + "|" for row in [report[0], ",".join(["---"] * 5), *report[1:]])
    other = "| Model | Accuracy |\n|---|---|\n| Net | 0.9123 |\n"
    paper = draft_file(_file(tmp_path, "t.md", f"{markdown}\n\ntext\n\n{other}"), "mine").paper()
    assert not paper.studies and {c.split for c in paper.claims if c.metric == "accuracy"} == {"unstated"}


@pytest.mark.parametrize(
    ("cells", "unit", "said"),
    [(["0.9650", "0.71"], "fraction", "0.71 to 0.965"), (["0.9650"], "fraction", "0.965"),
     (["0.31", "0.2"], "%", "read as percentages"), (["96.50", "0.9"], "%", ""), (["0.965 %", "0.8 %"], "%", "")],
)  # fmt: skip
def test_fractions_under_a_percent_sign_are_never_read_in_silence(
    tmp_path: Path, cells: list[str], unit: str, said: str
) -> None:
    rows = "".join(f"Net{i},{cell}\n" for i, cell in enumerate(cells))
    drafted = draft_file(_file(tmp_path, "t.csv", f"Model,Accuracy (%)\n{rows}"), "mine")
    assert {c.unit for c in drafted.paper().claims} == {unit}
    assert [said in text for text in drafted.remarks] == ([True] if said else [])
