"""The ladder, the flags, thresholds and contrasts as the page shows them: from made results whose reading is known."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from leukbench.evaluation.controls import probe_result
from leukbench.evaluation.evaluated import Unknown
from leukbench.evaluation.operating import calibration, operating_points
from leukbench.evaluation.reservations import design_effect_sensitivity
from leukbench.papers.loader import load_paper
from leukbench.records import COPIES_AVERAGED, Experiment, Predictions, json_text
from leukbench.report import chosen, controls, ladder, sections
from leukbench.report.data import ReportData
from tests.support.made_predictions import make_predictions

STUDY = ("known_answer", "cohort")
NET = "cohort_cnn"


def plain(value: Any) -> Any:
    return json.loads(json_text(value))


def predictions(seed: int) -> Predictions:
    p = make_predictions(n=400, n_groups=20, seed=seed)
    return dataclasses.replace(p, classes=("normal", "malignant"))


def estimate(metric: str, value: float) -> dict[str, Any]:
    return {
        "metric": metric, "class_": "", "average": "none", "aggregation": "pooled", "value": value,
        "low": value - 0.05, "high": value + 0.05, "low_images": value - 0.02, "high_images": value + 0.02,
    }  # fmt: skip


def experiment_of(protocol: str) -> Experiment:
    return Experiment(paper=STUDY[0], study=STUDY[1], protocol=protocol, source="known_answer", store="s", arms=(NET,))  # type: ignore[arg-type]


def gap(rung: str, metric: str, **changes: Any) -> dict[str, Any]:
    values = {
        "rung": rung, "patient": "patient", "arm": NET, "metric": metric, "difference": 0.2, "low": 0.1, "high": 0.3,
        "equal_size": True, "paired": True, "same_as_image": False, "n_images": 400, "n_groups": 20, "note": "",
        "scope": "trainings", "grade": "assured",
    }  # fmt: skip
    return {**values, **changes}


@pytest.fixture
def data() -> ReportData:
    """Three rungs of one study: the network is right in 90, 90 and 70 % of images, half of which are of each class."""
    experiments = {name: experiment_of(name) for name in ("as_published", "image", "patient")}
    accuracies = {"as_published": 0.9, "image": 0.9, "patient": 0.7}
    test, validation = predictions(1), predictions(2)
    arms = {
        name: {
            NET: {
                "selections": {"recipe": [estimate("accuracy", a), estimate("mcc", 0.5), estimate("auc", 0.9)]},
                "majority_accuracy": 0.5,
                "operating": plain(
                    operating_points(test, validation if name == "image" else validation.take(np.arange(0)))
                ),
                "calibration": plain(
                    calibration(test, validation if name == "image" else validation.take(np.arange(0)))
                ),
                "unknown_patients": None,
            },
            "trivial:border": {"selections": {"recipe": [estimate("accuracy", 0.88)]}, "majority_accuracy": 0.5},
        }
        for name, a in accuracies.items()
    }
    sizes = {"as_published": (300, 300), "image": (250, 250), "patient": (250, 250)}
    receipts = {
        name: {
            "runs": [{"arm": NET, "n_train_rows": n} for n in sizes[name]],
            "folds": [{"n_train_rows": n} for n in sizes[name]],
            "arms": {NET: {"deviations": ["limited"] if name == "image" else []}},
        }
        for name in experiments
    }
    splits = {n: {"certificate": {"evidence": "verified"}, "reading": {"name": "random_images"}} for n in experiments}
    verdicts = {
        "gaps": [
            gap(r, m, equal_size=r == "image") for r in ("as_published", "image") for m in ("accuracy", "mcc", "auc")
        ],
        "shortcuts": [],
        "contrasts": [],
        "verdicts": [],
    }
    return ReportData(
        profile="made",
        papers={STUDY[0]: load_paper(STUDY[0])},
        experiments=experiments,
        splits=splits,
        receipts=receipts,
        estimates={n: {"arms": a, "probes": {}} for n, a in arms.items()},
        verdicts=verdicts,
        findings=(),
        parameters=[],
        measured={},
        times={},
        predictions=[],
    )


def test_the_ladder_sets_the_published_split_apart_where_it_trained_on_more(data: ReportData) -> None:
    published, image, patient = ladder.ladder_rows(data, *STUDY)
    assert (published["training rows"], image["training rows"]) == ("300", "250")
    assert published["accuracy − by patient"] == "(+20.0 [+10.0 to +30.0]; own size)"
    assert (
        image["accuracy − by patient"] == "+20.0 [+10.0 to +30.0]"
        and image["MCC − by patient"] == "0.200 [0.100 to 0.300]"
    )
    assert patient["accuracy − by patient"] == "reference"
    lines = ladder.gap_lines(data, *STUDY)
    assert "300 against 250 rows" in lines[0] and "own size" not in lines[1]


def test_a_gap_is_not_shown_where_the_network_has_learned_nothing(data: ReportData) -> None:
    data.estimates["image"]["arms"][NET]["majority_accuracy"] = 0.95
    assert ladder.ladder_rows(data, *STUDY)[1]["accuracy − by patient"] == "not shown (majority class)"
    line = ladder.gap_lines(data, *STUDY)[1]
    assert "accuracy not shown" in line and "does not beat the majority class (95.0 %); AUC 0.200" in line
    assert "MCC" not in line  # a threshold decides it, as it does the accuracy
    data.estimates["image"]["arms"][NET]["selections"]["recipe"][2]["low"] = 0.45
    assert ladder.ladder_rows(data, *STUDY)[1]["AUC − by patient"] == "not shown (chance)"
    assert "AUC" not in ladder.gap_lines(data, *STUDY)[1]


def test_groups_of_one_image_are_said_to_be_the_same_as_images(data: ReportData) -> None:
    gaps = [{**g, "same_as_image": True} for g in data.verdicts["gaps"]]
    same = dataclasses.replace(data, verdicts={**data.verdicts, "gaps": gaps})
    assert ladder.ladder_rows(same, *STUDY)[2]["accuracy − by patient"] == "same as image"
    assert "No group holds two images" in ladder.gap_lines(same, *STUDY)[1]


def test_the_first_screen_says_what_the_split_adds_and_what_to_hold_against_it(data: ReportData) -> None:
    published, image = ladder.summary_rows(data)
    assert (published["split"], published["network"]) == ("as published (random images)", "+20.0 [+10.0 to +30.0]")
    assert (published["reservations"], image["reservations"]) == ("own size", "")
    assert (image["colour histogram"], image["images"], image["groups"]) == ("–", "400", "20")
    data.estimates["image"]["arms"][NET]["majority_accuracy"] = 0.95
    assert ladder.summary_rows(data)[1]["network"] == "no better than the majority"
    few = {
        **gap("image", "accuracy", arm="trivial:colour_histogram", n_groups=7),
        "grade": "unknown",
        "scope": "these runs only",
    }
    data.verdicts["gaps"] = [gap("image", "accuracy"), few]
    [row] = ladder.summary_rows(data)
    assert (row["colour histogram"], row["reservations"]) == ("–", "these runs only, coverage unknown")


def test_several_readings_of_the_published_split_are_told_apart(data: ReportData) -> None:
    [one] = sections.headline_rows(data)
    assert one["as published"] == "90.0 [85.0 to 95.0]"
    experiments = {**data.experiments, "other": data.experiments["as_published"]}
    splits = {**data.splits, "other": {**data.splits["image"], "reading": {"name": "plain_test"}}}
    estimates = {**data.estimates, "other": data.estimates["patient"]}
    [two] = sections.headline_rows(
        dataclasses.replace(data, experiments=experiments, splits=splits, estimates=estimates)
    )
    assert two["as published"] == "90.0 [85.0 to 95.0] (random images)<br>70.0 [65.0 to 75.0] (plain test)"


def shortcut(**changes: Any) -> dict[str, Any]:
    values = {
        "experiment": "image", "arm": NET, "model": "trivial:border", "network": 0.9, "trivial": 0.88,
        "difference": 0.02, "low": -0.01, "high": 0.05, "flagged": True, "trivial_low": 0.85, "trivial_high": 0.91,
        "scope": "these runs only", "standing": "within the margin",
    }  # fmt: skip
    return {**values, **changes}


def test_a_shortcut_is_flagged_with_its_model_and_what_the_run_deviates_in(data: ReportData) -> None:
    assert controls.flags(data, *STUDY) == [] and controls.flag_words(data, *STUDY) == "none"
    data.verdicts["shortcuts"].append(shortcut())
    assert controls.flag_words(data, *STUDY) == "`shortcut` by image (limited run)"
    assert controls.flags(data, *STUDY) == [
        f"`shortcut` by image: border 88.0 [85.0 to 91.0] %, against {NET} 90.0 % (limited run), these runs only"
    ]
    rows = {row["split"]: row for row in controls.trivial_rows(data, *STUDY)}
    assert rows["by image"]["flag"] == "`shortcut`" and rows["by patient"]["flag"] == ""
    assert rows["by image"]["networks ahead by, points"] == f"{NET} +2.0 [−1.0 to +5.0]"
    assert rows["by image"]["shown"] == f"{NET}: within the margin (these runs only)"


def test_a_patient_that_is_told_is_a_flag_and_a_group_of_look_alikes_is_not(data: ReportData) -> None:
    truth = np.repeat([f"p{k:02d}" for k in range(20)], 20)
    label = np.repeat(["normal", "malignant"], 200)
    hit = np.random.default_rng(0).random(400) < 0.6
    named = np.where(hit, truth, "p00")
    for name in ("image", "patient"):
        data.estimates[name]["probes"] = {"small_pixels": plain(probe_result(truth, named, label, unit="patient"))}
    assert [f.split(":")[0] for f in controls.flags(data, *STUDY)] == ["`shortcut` by the patient"]
    rows = controls.probe_rows(data, *STUDY)
    assert len(rows) == 1 and rows[0]["split"] == "by image, by patient" and rows[0]["told"] == "yes"
    assert (rows[0]["chance %"], rows[0]["the class alone %"]) == ("5.0", "10.0")
    for name in ("image", "patient"):
        data.estimates[name]["probes"] = {"small_pixels": plain(probe_result(truth, named, label, unit="group"))}
    assert controls.flags(data, *STUDY) == []
    assert "No patient ids are published" in controls.probe_note(data, *STUDY)


def test_thresholds_of_the_positive_class_are_shown_and_splits_without_validation_named(data: ReportData) -> None:
    rows = chosen.operating_rows(data, *STUDY)
    assert [(r["split"], r["class"], r["chosen on"]) for r in rows] == [
        ("by image", "malignant", "400 images in 20 groups")
    ]
    assert {"sensitivity %", "specificity %", "PPV at 10 %", "NPV at 10 %", "PPV at 50 %", "NPV at 50 %"} <= set(
        rows[0]
    )
    assert all("[" in rows[0][c] for c in ("sensitivity %", "PPV at 10 %"))
    assert chosen.without_validation(data, *STUDY) == ["as published (random images)", "by patient"]


def test_calibration_stands_before_and_after_where_there_is_a_temperature(data: ReportData) -> None:
    rows = {row["split"]: row for row in chosen.calibration_rows(data, *STUDY)}
    assert rows["by patient"]["ECE scaled"] == "–" and rows["by patient"]["note"] == "no validation part"
    assert rows["by image"]["ECE scaled"] != "–" and float(rows["by image"]["temperatures"]) > 0
    bins = chosen.reliability_rows(data, *STUDY)
    assert {(b["split"], b["temperature"]) for b in bins} >= {("by image", "before"), ("by image", "after")}
    assert ("by patient", "after") not in {(b["split"], b["temperature"]) for b in bins}


def test_unknown_patients_widen_what_is_printed(data: ReportData) -> None:
    unknown = Unknown(n_patients=89, evidence="absent", rows=design_effect_sensitivity(0.9, 890, n_patients=89))
    data.estimates["patient"]["arms"][NET]["unknown_patients"] = plain(unknown)
    (row,) = controls.unknown_rows(data, *STUDY)
    assert row["patients stated"] == "89" and "design effect 2.8" in row["correlation 0.2"]
    widths = [
        float(b) - float(a)
        for a, b in ((w.split(" ")[0], w.split(" ")[2]) for k, w in row.items() if k.startswith("correlation"))
    ]
    assert widths == sorted(widths) and widths[0] < widths[-1]


def test_contrasts_show_their_family_and_what_the_correction_leaves(data: ReportData) -> None:
    made = {
        "experiment": "image",
        "first_arm": NET,
        "second_arm": "trivial:border",
        "family": "descriptive",
        "metric": "accuracy",
        "difference": 0.02,
        "low": -0.01,
        "high": 0.05,
        "p_value": 0.03,
        "p_corrected": 0.09,
        "p_mcnemar": 0.0001,
        "family_size": 6,
        "n_images": 400,
        "n_groups": 20,
        "note": "",
    }
    data.verdicts["contrasts"].append(made)
    assert chosen.contrast_rows(data, *STUDY, family="network") == []
    (row,) = chosen.contrast_rows(data, *STUDY, family="descriptive")
    assert row["first − second"] == f"{NET} − border" and row["difference"] == "+2.0 [−1.0 to +5.0]"
    assert (row["p"], row["p, Benjamini-Hochberg over 6"], row["p, McNemar"]) == ("0.030", "0.090", "< 0.001")


def test_every_tested_claim_says_at_which_margins_its_verdict_turns(data: ReportData) -> None:
    curve = [[0.01, "inconclusive"], [0.02, "inconclusive"], [0.05, "not reproduced (lower)"]]
    for claim, points in (
        ("known_answer.cohort.accuracy", curve),
        ("known_answer.no_effect.accuracy", curve),
        ("known_answer.cohort.mcc", []),
    ):
        data.verdicts["verdicts"].append({"claim": claim, "curve": points})
    (row,) = chosen.curve_rows(data, *STUDY)
    assert list(row.values()) == [
        "known_answer.cohort.accuracy",
        "1.0 to 2.0: inconclusive; 5.0: not reproduced (lower)",
    ]


def test_a_claim_held_against_originals_says_that_their_copies_are_averaged() -> None:
    copies = {**estimate("accuracy", 0.9), "n_images": 351, "note": f"few groups; {COPIES_AVERAGED}"}
    images = {**estimate("accuracy", 0.9), "n_images": 351, "note": ""}
    rows = [{"estimate": e, "definition": d} for e, d in ((copies, "macro average"), (copies, ""), (images, ""))]
    assert sections._reproduced(rows).split("<br>") == [
        "90.0 [85.0 to 95.0] (macro average; 351 originals, their copies averaged)",
        "90.0 [85.0 to 95.0] (351 originals, their copies averaged)",
        "90.0 [85.0 to 95.0]",
    ]
