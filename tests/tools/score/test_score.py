"""``leukbench score``: metrics against scikit-learn, intervals against the library's own,
verdicts against planted truths."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from typer.testing import CliRunner

from leukbench.cli.app import app
from leukbench.errors import InputError
from leukbench.evaluation.estimates import estimate_predictions
from leukbench.records import Finding
from leukbench.seeds import generator_for
from leukbench.tools.score.estimates import tied_patients
from leukbench.tools.score.predictions import load_predictions
from leukbench.tools.score.score import score
from tests.support.made_up_paper import write_paper


def _write(
    path: Path,
    *,
    n_groups: int = 30,
    size: int = 20,
    right: float = 0.85,
    classes: str = "AB",
    spread: float = 0.0,
    seeds: int = 1,
) -> Path:
    """Write predictions: one label a group, each image right with a probability that varies between groups by
    ``spread``.

    Further seeds are right as often in every group, on other images of it.
    """
    rng = generator_for(0, "score test", n_groups, size, right, classes)
    lines = [",".join(["image_id", "label", "patient", "seed", *(f"score_{c}" for c in classes)])]
    for g in range(n_groups):
        label = g % len(classes)
        p = float(np.clip(right + spread * rng.standard_normal(), 0.02, 0.98))
        calls = [label if rng.random() < p else (label + 1) % len(classes) for _ in range(size)]
        for seed in range(seeds):
            for i in range(size):
                scores = np.full(len(classes), 0.3 / (len(classes) - 1))
                scores[calls[i - seed]] = 0.7
                lines.append(",".join([f"g{g}i{i}", classes[label], f"P{g}", str(seed), *(f"{s:.6f}" for s in scores)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write(tmp_path_factory.mktemp("scores") / "p.csv", spread=0.05)


def test_json_has_the_promised_form_and_the_values_of_scikit_learn(file: Path) -> None:
    result = json.loads(score(file, None, "json"))
    p = load_predictions(file).predictions
    found = result["metrics"]
    oracle = {
        "accuracy": sk.accuracy_score(p.label, p.predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(p.label, p.predicted),
        "mcc": sk.matthews_corrcoef(p.label, p.predicted),
        "kappa": sk.cohen_kappa_score(p.label, p.predicted),
        "macro_f1": sk.f1_score(p.label, p.predicted, average="macro"),
        "weighted_f1": sk.f1_score(p.label, p.predicted, average="weighted"),
        "recall:A": sk.recall_score(p.label, p.predicted, pos_label=0),
        "precision:B": sk.precision_score(p.label, p.predicted, pos_label=1),
        "auc": sk.roc_auc_score(p.label, p.scores[:, 1]),
        "log_loss": sk.log_loss(p.label, p.scores),
    }
    for name, value in oracle.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-9), name
        (low, high), (low_images, high_images) = found[name]["ci95"], found[name]["ci95_images"]
        assert low < found[name]["value"] < high
        assert low_images < found[name]["value"] < high_images
        assert found[name]["method"]
    assert (result["n_images"], result["n_groups"], result["grouped_by"]) == (600, 30, "patient")
    assert result["classes"]["A"] == {"n_images": 300, "n_groups": 15}
    assert result["majority_accuracy"] == 0.5


def test_intervals_are_those_of_the_library(file: Path) -> None:
    found = json.loads(score(file, None, "json"))["metrics"]["accuracy"]
    e = next(
        e
        for e in estimate_predictions(load_predictions(file).predictions)
        if e.metric == "accuracy" and e.aggregation == "pooled"
    )
    assert found["ci95"] == pytest.approx([e.low, e.high], abs=1e-9)
    assert found["ci95_images"] == pytest.approx([e.low_images, e.high_images], abs=1e-9)
    assert (found["method"], found["method_images"]) == (e.method, e.method_images)


def test_row_order_changes_nothing(file: Path, tmp_path: Path) -> None:
    header, *rows = file.read_text().splitlines()
    turned = tmp_path / "p.csv"
    turned.write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert json.loads(score(turned, None, "json")) == json.loads(score(file, None, "json"))


def test_predicted_alone_gives_no_auc_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "image_id,label,group,predicted\n" + "".join(f"i{i},{'AB'[i % 2]},g{i // 4},A\n" for i in range(24))
    )
    result = json.loads(score(path, None, "json"))
    assert result["metrics"]["accuracy"]["value"] == 0.5
    assert result["metrics"]["auc"]["value"] is None
    assert "without scores" in result["metrics"]["auc"]["note"]
    assert (
        result["metrics"]["precision:B"]["value"] is None
        and "never predicted" in result["metrics"]["precision:B"]["note"]
    )
    assert "–" in score(path, None, "md")


def test_copies_of_an_origin_count_once(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    rows = [
        f"{o}#{k},{'AB'[o % 2]},g{o // 2},{o},{s:.2f},{1 - s:.2f}" for o in range(20) for k, s in ((1, 0.9), (2, 0.4))
    ]
    path.write_text("image_id,label,group,origin,score_A,score_B\n" + "\n".join(rows) + "\n")
    result = json.loads(score(path, None, "json"))
    assert (result["n_rows"], result["n_images"]) == (40, 20)
    assert result["metrics"]["accuracy"]["value"] == 0.5  # the mean score 0.65 calls every origin A
    assert "copies of one origin averaged" in result["metrics"]["accuracy"]["note"]


def test_folds_and_worst_patients_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    rows = [f"i{i},{'AB'[i % 2]},P{i % 10},{'A' if i % 10 == 3 else 'AB'[i % 2]},{i // 50}" for i in range(100)]
    path.write_text("image_id,label,patient,predicted,fold\n" + "\n".join(rows) + "\n")
    result = json.loads(score(path, None, "json"))
    assert set(result["folds"]) == {"0", "1"}
    assert result["folds"]["0"]["accuracy"]["value"] == 0.9
    worst = result["patients"]["worst"][0]
    assert (worst["patient"], worst["images_right"], worst["n_images"]) == ("P3", 0.0, 10)
    assert (result["patients"]["n_patients"], result["patients"]["n_right"]) == (10, 9.0)
    page = score(path, None, "md")
    assert "| P3 " in page and "## By fold" in page


def test_page_says_what_to_read(file: Path) -> None:
    page = score(file, None, "md")
    assert page.startswith("# Scores of p.csv\n")
    assert "600 images of 30 patients" in page
    assert "**by patient**" in page and "95 % by image" in page
    assert "| accuracy " in page and "## By class" in page
    assert "nan" not in page.lower().replace("nan0", "")


# ----------------------------------------------------------------------------------------------------------- claims


def _verdicts(path: Path, **options: Any) -> dict[str, dict[str, Any]]:
    claims = write_paper(path.parent / "paper")
    result = json.loads(score(path, claims, "json", study="first", **options))
    return {row["claim"]: row for row in result["verdicts"]["claims"]}


def test_true_and_false_claims_end_as_planted(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", n_groups=120, size=20, right=0.965, seeds=3)
    found = _verdicts(path, margin=0.02)
    assert set(found) == {"planted.true", "planted.false", "planted.impossible", "planted.without_n"}
    accuracy = found["planted.true"]  # printed 96.5 of 20,000
    assert (accuracy["verdict"], accuracy["headline"], accuracy["printed"]) == ("holds by patient", True, "96.5%")
    assert accuracy["yours"] == pytest.approx(0.965, abs=0.01)
    assert accuracy["difference"]["low"] < accuracy["difference"]["value"] < accuracy["difference"]["high"]
    assert found["planted.false"]["verdict"] == "higher by patient"  # printed 75.0
    assert found["planted.without_n"]["verdict"] == "not testable"
    assert "no n" in found["planted.without_n"]["reason"]
    assert found["planted.without_n"]["yours"] == pytest.approx(0.93, abs=0.03)


def test_one_seed_is_no_training_and_gives_no_verdict(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", n_groups=120, size=20, right=0.965)
    row = _verdicts(path)["planted.true"]
    assert (row["verdict"], "one seed is not a training" in row["reason"]) == ("not testable", True)
    assert "say nothing of another one with the same recipe" in score(path, None, "md")


@pytest.mark.parametrize(
    ("status", "verdict"), [("inconsistent", "inconsistent as printed"), ("implausible", "inconclusive")]
)
def test_claim_that_the_audit_accuses_is_not_held(
    status: Any, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    finding = Finding(
        id="planted.grid.1",
        paper="planted",
        check="grid",
        status=status,
        kind="arithmetic",
        claims=("planted.impossible",),
        where="Table 1",
        statement="97.7 % of 20 images",
        accused=("planted.impossible",),
    )
    monkeypatch.setattr("leukbench.audit.findings.audit_paper", lambda paper: (finding,))
    found = _verdicts(_write(tmp_path / "p.csv", n_groups=120, size=20, right=0.965, seeds=3))
    assert found["planted.impossible"]["verdict"] == verdict
    assert found["planted.true"]["verdict"] == "holds by patient"


def test_as_published_leaves_the_honest_value_open(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", n_groups=120, size=20, right=0.965, seeds=3)
    row = _verdicts(path, protocol="as_published")["planted.true"]
    assert row["verdict"] == "reproduced as published, unresolved by patient"
    lower = _verdicts(_write(path, n_groups=120, size=20, right=0.7, seeds=3), protocol="as_published")
    assert lower["planted.true"]["verdict"] == "not reproduced (lower)"
    assert _verdicts(path)["planted.true"]["verdict"] == "lower by patient"


def test_few_patients_resolve_nothing_and_the_page_says_what_they_could(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", n_groups=8, size=20, right=0.97, spread=0.02, seeds=3)
    row = _verdicts(path)["planted.true"]
    assert row["verdict"] == "inconclusive"
    assert row["smallest_margin"] > 0.02
    page = score(path, write_paper(tmp_path), "md", study="first")
    assert "## Beside the claims of planted (first, net)" in page
    assert "accuracy (Table 1) *" in page and "| inconclusive " in page and "| 96.5% " in page


def test_groups_that_are_no_patients_are_said_to_be_taken_for_them(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", n_groups=120, size=20, right=0.7, seeds=3)
    path.write_text(path.read_text().replace(",patient,", ",group,", 1))
    row = _verdicts(path)["planted.true"]
    assert (row["verdict"], "as far as your groups are patients" in row["reason"]) == ("lower by patient", True)


def test_claims_of_another_arm_are_held_when_it_is_named(tmp_path: Path) -> None:
    found = _verdicts(_write(tmp_path / "p.csv"), arm="other")
    assert set(found) == {"planted.baseline"}
    page = score(tmp_path / "p.csv", write_paper(tmp_path), "md", study="second", arm="left")
    assert "prints no score of this network" in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "several studies"),
        ({"study": "frst"}, "did you mean 'first'"),
        ({"study": "third"}, "the classes of the predictions are not those"),
        ({"study": "first", "arm": "othr"}, "did you mean 'other'"),
        ({"study": "second"}, "not exactly one proposed arm"),
        ({"study": "first", "protocol": "patients"}, "did you mean 'patient'"),
        ({"study": "first", "margin": 2.0}, "a margin must be a fraction"),
    ],
)
def test_open_or_wrong_choices_are_refused(file: Path, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        score(file, write_paper(tmp_path), "json", **options)


def test_unknown_paper_is_refused_with_the_nearest(file: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'alnet'"):
        score(file, "alnett", "json")


# ---------------------------------------------------------------------------------------------------------- command


def test_command_prints_json_and_refuses_other_formats(file: Path) -> None:
    result = CliRunner().invoke(app, ["score", str(file), "--format", "json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["n_groups"] == 30
    assert "unknown format 'csv'" in str(CliRunner().invoke(app, ["score", str(file), "--format", "csv"]).exception)
    wrong = CliRunner().invoke(app, ["score", str(file), "--claims", "known_answer", "--margin", "2%"])
    assert "a margin must be a fraction" in str(wrong.exception)


def test_bad_file_ends_with_code_2_and_a_message_without_traceback(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("image_id,label,group,score_A,score_B\na,A,1,0.7,0.7\n")
    command = [sys.executable, "-m", "leukbench", "score", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("leukbench: the scores of a row do not sum to 1\n")
    assert f"{path}, line 2, columns score_A, score_B, image 'a'" in result.stderr
    assert "0.7 + 0.7 = 1.4" in result.stderr and "Traceback" not in result.stderr


def _with_seeds(path: Path, right: tuple[int, ...]) -> Path:
    """Write 40 patients of 10 images, of which each seed calls the last ones of every patient wrong."""
    rows = [
        f"i{p}_{i},{'AB'[p % 2]},P{p},{'AB'[p % 2 if i < n else 1 - p % 2]},{seed}"
        for seed, n in enumerate(right)
        for p in range(40)
        for i in range(10)
    ]
    path.write_text("image_id,label,patient,predicted,seed\n" + "\n".join(rows) + "\n")
    return path


def test_few_trainings_that_make_the_interval_wide_are_named(tmp_path: Path) -> None:
    result = json.loads(score(_with_seeds(tmp_path / "p.csv", (10, 9, 7)), None, "json"))
    (text,) = (remark for remark in result["remarks"] if "trainings" in remark)
    # every patient is alike, so all of the width is the trainings'
    assert text.startswith("3 trainings say little") and "accuracy 100 %" in text and "MCC 100 %" in text
    same = json.loads(score(_with_seeds(tmp_path / "p.csv", (9, 9, 9)), None, "json"))
    assert not any("trainings" in remark for remark in same["remarks"])


def test_a_difference_ends_where_the_scale_does(tmp_path: Path) -> None:
    path = _with_seeds(tmp_path / "p.csv", (10, 9, 4))
    row = _verdicts(path)["planted.true"]  # 96.5 %: a result can be 3.5 points above it and 96.5 below
    assert row["difference"]["value"] == pytest.approx(23 / 30 - 0.965)
    assert row["difference"]["high"] == pytest.approx(0.035)
    assert row["difference"]["low"] >= -0.965
    assert row["smallest_margin"] is None
    assert "none within the scale" in score(path, write_paper(tmp_path), "md", study="first")


@pytest.mark.parametrize(("name", "right"), [("A", "1 of 3"), ("Z", "3 of 3")])
def test_patients_whose_calls_tie_are_counted_as_the_answer_hangs_on_a_name(
    tmp_path: Path, name: str, right: str
) -> None:
    rows = [("p1", "B", name), ("p1", "B", "B"), ("p2", "B", name), ("p2", "B", "B"), ("p3", name, name)]
    text = "image,patient,label,predicted\n" + "\n".join(f"i{i},{','.join(row)}" for i, row in enumerate(rows))
    (tmp_path / "p.csv").write_text(text + "\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["score", str(tmp_path / "p.csv")])
    assert f"{right} are called right by the vote of calls" in result.stdout
    assert "(2 with a tie between classes, taken as the one named first)" in result.stdout


def test_a_patient_of_two_labels_or_of_one_training_alone_does_not_tie(tmp_path: Path) -> None:
    rows = ["p1,B,B,0", "p1,B,B,0", "p1,B,B,1", "p1,B,B,1", "p2,A,A,0", "p2,A,A,0", "p3,A,A,1", "p3,B,B,1"]
    text = "image,patient,label,predicted,seed\n" + "\n".join(f"i{i % 2}{row[:2]},{row}" for i, row in enumerate(rows))
    (tmp_path / "p.csv").write_text(text + "\n", encoding="utf-8")
    assert tied_patients(load_predictions(tmp_path / "p.csv").predictions) == 0
