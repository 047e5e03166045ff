"""Ladder, flags, thresholds and contrasts: each sentence and figure beside its condition, from known results."""

from __future__ import annotations

import csv
import dataclasses
import json
import lzma
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from leukbench.artefacts import COLOUR_HISTOGRAM, Sizes, from_plain
from leukbench.evaluation.contrasts import Scope
from leukbench.evaluation.controls import Standing, probe_result
from leukbench.evaluation.estimates import CONSTANT
from leukbench.evaluation.evaluated import Evaluation, Unknown
from leukbench.evaluation.grades import DOUBTED
from leukbench.evaluation.reservations import design_effect_sensitivity
from leukbench.evaluation.times import seconds_per_epoch
from leukbench.evaluation.views import ExperimentView
from leukbench.papers.loader import load_paper
from leukbench.records import Estimate, Grade, Limits
from leukbench.report import chosen, controls, ladder, sections, tables
from leukbench.report.data import ReportData
from leukbench.report.format import difference, with_interval
from leukbench.report.pages import study_run
from leukbench.verdicts.comparison import ArmContrast
from leukbench.verdicts.differences import Question, Reproduced
from leukbench.verdicts.rule import Verdict
from tests.support.made_report import (
    BORDER,
    NAME,
    NET,
    PAPER,
    STUDY,
    certificate,
    compared,
    estimate,
    gap,
    receipt,
    report_data,
    shortcut,
    with_arm,
    with_result,
)

LAST = "minus by patient, on the same images"
REPORTS = Path(__file__).parents[2] / "reports"


@pytest.fixture
def data() -> ReportData:
    return report_data()


def committed_estimates(profile: str) -> Iterator[Estimate]:
    """Every estimate of a committed record, of every model and selection."""
    with lzma.open(REPORTS / profile / "record.json.xz", "rt", encoding="utf-8") as file:
        files = json.load(file)["files"]
    for name in (name for name in files if name.startswith("estimates/")):
        evaluation = from_plain(Evaluation, files[name], where=name)
        for entry in evaluation.arms.values():
            for estimates in entry.selections.values():
                yield from estimates


def rows_of(data: ReportData, model: str = NET) -> dict[str, dict[str, str]]:
    name = model.replace("_", " ").removeprefix("trivial:")
    return {row["split"]: row for row in ladder.ladder_rows(data, *STUDY) if row["model"] == name}


def test_a_difference_stands_beside_its_two_levels_and_what_each_trained_on(data: ReportData) -> None:
    rows = rows_of(data)
    published = "90.0 − 70.0 = +20.0 [+10.0 to +30.0]; trained on 300, not 250 rows"
    assert rows["as published (random images)"][LAST] == published
    assert rows["by image"][LAST] == "90.0 − 70.0 = +20.0 [+10.0 to +30.0]"
    assert rows["by patient"][LAST] == "the reference"
    assert any("unequally many" in note for note in ladder.ladder_notes(data, *STUDY))
    equal = compared(data, gaps=(gap("image", "accuracy"),))
    assert ladder.ladder_notes(equal, *STUDY) == ["The two sides of every difference trained on equally many rows."]


def test_notes_speak_of_the_differences_that_are_printed_and_of_no_others(data: ReportData) -> None:
    doubted = {"equal_size": False, "scope": Scope.RUNS, "grade": Grade.UNKNOWN}
    assert ladder.ladder_notes(compared(data, gaps=(gap("image", "accuracy", n_groups=4, **doubted),)), *STUDY) == []
    assert ladder.ladder_notes(compared(data, gaps=(gap("image", "accuracy", arm=BORDER, **doubted),)), *STUDY) == []
    assert len(ladder.ladder_notes(compared(data, gaps=(gap("image", "accuracy", **doubted),)), *STUDY)) == 2
    alone = compared(data, gaps=(gap("image", "accuracy", arm=COLOUR_HISTOGRAM, scope=Scope.RUNS),))
    assert not any("One seed" in note for note in ladder.ladder_notes(alone, *STUDY)), "no network is compared"


def test_a_difference_says_how_many_images_it_is_of_where_that_is_fewer_than_its_row(data: ReportData) -> None:
    few = compared(data, gaps=(gap("image", "accuracy", n_images=18, n_groups=17),))
    assert rows_of(few)["by image"][LAST] == "90.0 − 70.0 = +20.0 [+10.0 to +30.0] on 18 images of 17 patients"


def test_a_difference_of_networks_trained_for_unequally_many_epochs_says_so(data: ReportData) -> None:
    short = with_result(data, "image", receipt=receipt(250, epochs=5))
    assert rows_of(short)["by image"][LAST].endswith("; trained for 5, not 40 epochs")
    notes = ladder.ladder_notes(compared(short, gaps=(gap("image", "accuracy"),)), *STUDY)
    assert len(notes) == 1 and "unequally many epochs" in notes[0]


def test_a_gap_is_not_shown_where_the_network_has_learned_nothing(data: ReportData) -> None:
    silent = with_arm(data, "image", NET, majority_accuracy=0.95)
    row = rows_of(silent)["by image"]
    assert (row[LAST], row["majority %"]) == ("not shown: no better than the majority", "95.0")
    auc = gap("image", "auc")
    assert ladder.why_silent(silent, auc) == "" and ladder.why_silent(silent, gap("image", "mcc")) != ""
    unsure = with_arm(data, "image", NET, selections={"recipe": (estimate("auc", 0.5),)})
    assert ladder.why_silent(unsure, auc) == "not shown: no better than chance"


def test_a_gap_is_not_shown_where_the_network_is_no_better_than_the_majority_of_the_images_it_is_of(
    data: ReportData,
) -> None:
    below = gap("image", "accuracy", majority=0.9, n_images=18)
    assert rows_of(compared(data, gaps=(below,)))["by image"][LAST] == (
        "not shown: no better than the majority (90.0) of the 18 images that both test"
    )
    assert ladder.why_silent(data, gap("image", "accuracy", majority=0.89)) == ""


def test_a_class_of_too_few_groups_is_named_also_where_there_is_no_interval_at_all() -> None:
    one = estimate("mcc", 0.6, low=math.nan, high=math.nan, n_groups=8, poorest_class="ALL", poorest_groups=1)
    assert with_interval(one, "group") == "0.600 (too few: 1 group of ALL)"


def test_one_rule_for_too_few_holds_for_levels_and_differences_of_every_metric(data: ReportData) -> None:
    for metric in ("accuracy", "mcc", "auc", "ece", "f1"):
        assert with_interval(estimate(metric, 0.5, n_groups=4), "patient").endswith("(too few: 4 patients)")
        assert "[" in with_interval(estimate(metric, 0.5, n_groups=5), "patient")
    for metric in ("accuracy", "mcc", "auc"):
        assert difference(gap("image", metric, n_groups=4), "patient") == "too few: 4 patients"
        assert "[" in difference(gap("image", metric, n_groups=5), "patient")
    assert with_interval(estimate("accuracy", 0.5, low=0.0, high=1.0)) == "50.0 (too wide to help: 20 groups)"
    wide = estimate("accuracy", 0.5, low=0.0, high=1.0, n_seeds=2, seed_variance=0.01, standard_error=0.08)
    assert with_interval(wide) == "50.0 (too wide to help: 2 trainings)"
    # 0.049 beside a standard error of 0.117 of the groups, yet 12.7 times it beside twice it
    wide = estimate("accuracy", 0.74, low=0.06, high=1.0, n_seeds=2, seed_variance=0.0048, standard_error=0.126)
    assert with_interval(wide) == "74.0 (too wide to help: 2 trainings)"
    wide = estimate("accuracy", 0.74, low=0.06, high=1.0, n_seeds=2, seed_variance=0.0001, standard_error=0.24)
    assert with_interval(wide) == "74.0 (too wide to help: 20 groups)"
    assert with_interval(estimate("accuracy", 0.5, low=float("nan"), high=float("nan"))) == "50.0 (no interval)"
    few = compared(data, gaps=(gap("image", "accuracy", n_groups=4),))
    assert rows_of(few)["by image"][LAST] == "too few: 4 patients"


def test_what_a_class_decides_is_known_no_better_than_that_class() -> None:
    for metric in ("auc", "mcc", "kappa", "recall", "specificity", "precision", "f1", "balanced_accuracy"):
        few = estimate(metric, 0.5, poorest_class="HEM", poorest_groups=4)
        assert with_interval(few, "patient").endswith("(too few: 4 patients of HEM)"), metric
        assert "[" in with_interval(dataclasses.replace(few, poorest_groups=5))
    assert "[" in with_interval(estimate("accuracy", 0.5, poorest_groups=0)), "a mean over all images"


@pytest.mark.parametrize("profile", ["real-cpu", "controls"])
def test_every_committed_estimate_that_four_patients_of_a_class_decide_has_no_interval(profile: str) -> None:
    decided, shown = 0, 0
    for e in committed_estimates(profile):
        held, text = 0 < e.poorest_groups < 5, with_interval(e)
        assert "[0.0 to 100.0]" not in text and "[0.000 to 1.000]" not in text
        if held and e.metric in {"auc", "mcc", "balanced_accuracy"}:
            decided += 1
            shown += "[" in text
    assert decided > 30 and not shown


def test_no_difference_lies_beyond_what_a_difference_can_be() -> None:
    beyond = gap("image", "accuracy", difference=0.6, low=-0.1, high=1.2)
    assert difference(beyond) == "+60.0 [−10.0 to +100.0]"
    assert difference(gap("image", "auc", difference=-0.5, low=-1.3, high=0.1)) == "−0.500 [−1.000 to +0.100]"
    assert difference(gap("image", "mcc", difference=1.5, low=0.9, high=2.1)) == "+1.500 [+0.900 to +2.000]"
    assert difference(gap("image", "accuracy", low=-1.1, high=1.1)) == "too few: 20 groups differ too much"
    by_trainings = gap("image", "accuracy", low=-1.1, high=1.1, low_percentile=-0.05, high_percentile=0.05)
    assert difference(by_trainings) == "too few: the trainings differ too much"


def test_the_tables_hold_no_difference_that_cannot_be_and_say_whose_groups_are_effective() -> None:
    row = tables._contrast_row(gap("image", "accuracy", low=-1.3, high=1.2), "split")
    assert (row["low"], row["high"]) == (-1.0, 1.0)
    assert tables._contrast_row(gap("image", "mcc", low=-1.3, high=2.2), "split")["high"] == 2.0
    assert math.isnan(tables._contrast_row(gap("image", "auc", low=math.nan), "split")["low"])
    (line,) = (line for line in tables._ESTIMATE.splitlines() if line.startswith("effective_groups"))
    assert "poorest class" in line, "of 14 patients with 3 of a class, 3 are effective"


def test_groups_of_one_image_are_said_to_be_the_same_as_images(data: ReportData) -> None:
    same = compared(data, gaps=tuple(dataclasses.replace(g, same_as_image=True) for g in data.comparison.gaps))
    assert any("No group holds two images" in note for note in ladder.ladder_notes(same, *STUDY))
    assert not any("No group holds two images" in note for note in ladder.ladder_notes(data, *STUDY))


def test_a_network_with_one_answer_is_a_line_that_says_so(data: ReportData) -> None:
    recalls = (estimate("recall", 1.0, class_="malignant"), estimate("recall", 0.0, class_="normal"))
    one = with_arm(
        data, "image", NET, selections={"recipe": (estimate("accuracy", 0.5), estimate("auc", 0.7), *recalls)}
    )
    assert sections.only_class(one, "image", NET) == "malignant" and sections.only_class(data, "image", NET) == ""
    assert rows_of(one)["by image"]["MCC"] == "calls all malignant" and rows_of(one)["by image"]["accuracy %"] == "50.0"
    assert [row["split"] for row in chosen.calibration_rows(one, *STUDY)] == [
        "as published (random images)",
        "by patient",
    ]
    halves = (estimate("recall", 0.5, class_="malignant"), estimate("recall", 0.5, class_="normal"))
    constant = tuple(dataclasses.replace(e, note=CONSTANT) for e in halves)
    each = sections.only_class(with_arm(data, "image", NET, selections={"recipe": constant}), "image", NET)
    assert each == "malignant or normal (each training one)"
    assert sections.only_class(with_arm(data, "image", NET, selections={"recipe": halves}), "image", NET) == ""
    nearly = (estimate("recall", 0.99, class_="malignant"), estimate("recall", 0.0, class_="normal"))
    assert sections.only_class(with_arm(data, "image", NET, selections={"recipe": nearly}), "image", NET) == ""


def test_a_row_counts_originals_and_says_how_many_images_were_tested(data: ReportData) -> None:
    assert rows_of(data)["by image"]["tested"] == "400 images of 20 patients"
    copies = with_result(data, "image", certificate=certificate(tested=1313))
    assert rows_of(copies)["by image"]["tested"] == "400 originals (1,313 images) of 20 patients"


def test_copies_are_counted_image_by_image_too_as_papers_do(data: ReportData) -> None:
    pooled = dataclasses.replace(data, by_image={("image", NET): 0.248})
    (note,) = (note for note in ladder.ladder_notes(pooled, *STUDY) if "averaged" in note)
    assert note.startswith("Where a row counts originals") and "which by patient were one image's" in note
    both = dataclasses.replace(data, by_image={("image", NET): 0.248, ("patient", NET): 0.3})
    for other in (data, both):
        assert not any("averaged" in note for note in ladder.ladder_notes(other, *STUDY))
    assert rows_of(pooled)["by image"]["accuracy %"] == "90.0 [85.0 to 95.0]; image by image 24.8"
    assert rows_of(pooled)["by patient"]["accuracy %"] == "70.0 [65.0 to 75.0]"


def test_patients_that_are_joined_are_called_groups_and_counted_once(data: ReportData) -> None:
    view = ExperimentView(
        classes=(), unit="patient", n_patients=27, reading="", n_images=400, n_images_published=400, models={}, split=()
    )
    joined = dataclasses.replace(data, views={"image": view})
    assert rows_of(joined)["by image"]["tested"] == "400 images of 20 groups"
    assert rows_of(joined)["by patient"]["tested"] == "400 images of 20 patients"
    assert "27 patients at hand are 20 groups" in ladder.ladder_notes(joined, *STUDY)[0]
    assert not any("groups" in note for note in ladder.ladder_notes(data, *STUDY))
    by_patient = estimate("patient_accuracy", 0.7, n_groups=27)  # of patients, which are more than the groups
    both = with_arm(joined, "image", NET, selections={"recipe": (*data.arm("image", NET).estimates, by_patient)})
    assert both.joined("image") == (27, 20) and rows_of(both)["by image"]["tested"] == "400 images of 20 groups"
    alone = dataclasses.replace(data, views={"image": dataclasses.replace(view, n_patients=20)})
    assert rows_of(alone)["by image"]["tested"] == "400 images of 20 patients"


def test_a_claim_says_which_reading_of_its_split_gave_what() -> None:
    def of(reading: str, value: float, definition: str = "") -> Reproduced:
        made = estimate("f1", value)
        return Reproduced(estimate=made, protocol="as_published", reading=reading, definition=definition)

    one = [of("random_images", 0.5, "macro average"), of("random_images", math.nan, "micro average")]
    data = report_data()
    claim = data.headline(*STUDY)
    assert sections.reproduced(data, claim, one) == "50.0 [45.0 to 55.0] (macro average)"
    two = [*one, of("by_slide", 0.6, "macro average"), of("by_slide", 0.7, "micro average")]
    assert sections.reproduced(data, claim, two) == (
        "random images: 50.0 [45.0 to 55.0] (macro average)<br>"
        "by slide: 60.0 [55.0 to 65.0] (macro average); 70.0 [65.0 to 75.0] (micro average)"
    )
    assert sections.reproduced(data, claim, [of("a", math.nan)]) == "undefined"
    assert sections.reproduced(data, claim, []) == ""


def test_a_claim_is_held_against_patients_and_a_network_with_one_answer_is_one_line(data: ReportData) -> None:
    claim = data.headline(*STUDY)
    few = Reproduced(estimate=estimate("accuracy", 0.7, n_groups=4), protocol="patient")
    assert sections.reproduced(data, claim, [few]) == "70.0 (too few: 4 patients)"
    absent = with_result(data, "patient", certificate=certificate(evidence="absent"))
    assert sections.reproduced(absent, claim, [few]) == "70.0 (too few: 4 groups)"
    recalls = (estimate("recall", 1.0, class_="malignant"), estimate("recall", 0.0, class_="normal"))
    one = with_arm(data, "patient", NET, selections={"recipe": (estimate("accuracy", 0.5), *recalls)})
    several = [dataclasses.replace(few, definition=f"{name} average") for name in ("macro", "weighted")]
    assert sections.reproduced(one, claim, several) == "calls every image malignant"
    other = next(c for c in data.papers[STUDY[0]].claims if c.id == "known_answer.cohort.mcc")
    for name, verdict, left_out in (
        (other.id, "not testable", True), (other.id, "inconsistent as printed", False),
        (claim.id, "not testable", False),
    ):  # fmt: skip
        question = Question(claim=name, metric="mcc", value=0.9, half_unit=0.005, n=None, honest=(few,))
        told = Verdict(claim=name, verdict=verdict, reason="", headline=name == claim.id, margin=0.1)
        asked = {"verdicts": (told,), "questions": {name: question}}
        assert sections.of_one_answer(compared(one, **asked), *STUDY) == ({name} if left_out else set())
        assert len(sections.claim_rows(compared(one, **asked), *STUDY)) == (not left_out)
        assert sections.of_one_answer(compared(data, **asked), *STUDY) == set(), "here it tells classes apart"
    assert [row["split"] for row in sections.selection_rows(one, *STUDY)] == [
        "as published (random images)",
        "by image",
    ]


def test_a_claim_stands_in_the_unit_of_what_stands_beside_it() -> None:
    claims = {claim.id: claim for key in ("alnet", "dscnet", "samhitha") for claim in load_paper(key).claims}
    shown = {name: sections.printed_in_short(claims[name]) for name in claims}
    assert shown["alnet.s313.sensitivity"] == "sensitivity 0.86 = 86.0 %"
    assert shown["dscnet.s442.dscnet_kl_aug.auc"] == "auc 99.37 % = 0.9937"
    assert shown["samhitha.t4.proposed.precision.ALL"] == "precision ALL 68 %"
    assert shown["alnet.t7.f0.auc"] == "auc fold 0 0.972"


def test_a_split_of_one_of_the_papers_folds_says_which_and_folds_that_were_left_out_are_counted(
    data: ReportData,
) -> None:
    one = with_result(data, "as_published", certificate=certificate())
    only = dataclasses.replace(one.results["as_published"].certificate.folds[0], fold=1)
    made = dataclasses.replace(one.results["as_published"].certificate, folds=(only,))
    sizes = Sizes(n_images=480, n_images_published=3581, complete=False, parts=())
    plan = dataclasses.replace(data.results["as_published"].plan, sizes=sizes)
    limited = receipt(300, deviations=("limited",))
    alone = with_result(data, "as_published", certificate=made, plan=plan, receipt=limited)
    assert sections.status(alone, "as_published", NET) == "480 of 3,581 images of fold 1 alone, one seed"
    ours = with_result(data, "image", certificate=made, plan=plan, receipt=limited)
    assert sections.status(ours, "image", NET) == "480 of 3,581 images, one seed", "our folds are no paper's"
    left = with_result(data, "image", certificate=certificate(shared=({}, {}, {})))
    rows = {row["split"]: row["folds × seeds"] for row in sections.size_rows(left, *STUDY)}
    assert (rows["by image"], rows["by patient"]) == ("1 of 3 × 1", "1 × 1")
    one_fold = with_result(left, "image", receipt=receipt(300, deviations=("limited",), precision="bf16"))
    assert sections.status(one_fold, "image", NET) == "1 of 3 folds, one seed, bfloat16"
    parted = study_run(one_fold, *STUDY)["status"]
    assert "by image: 1 of 3 folds, one seed, bfloat16" in parted.split("; ")
    assert study_run(data, *STUDY)["status"] == "full, one seed"


def test_a_status_says_how_many_of_the_planned_copies_were_made(data: ReportData) -> None:
    result = data.results["image"]
    experiment = dataclasses.replace(result.experiment, limits=Limits(class_size=1000))
    study = data.papers[PAPER].studies[NAME]
    reading = study.protocols["image"][0]
    larger = dataclasses.replace(reading, rule=dataclasses.replace(reading.rule, class_size=5000))
    studies = {NAME: study.model_copy(update={"protocols": {**study.protocols, "image": (larger,)}})}
    made = dataclasses.replace(data, papers={PAPER: data.papers[PAPER].model_copy(update={"studies": studies})})
    plan = dataclasses.replace(result.plan, reading=dataclasses.replace(result.plan.reading, name=reading.name))
    few = with_result(
        made, "image", experiment=experiment, plan=plan, receipt=receipt(300, deviations=("limited",), epochs=8)
    )
    assert sections.status(few, "image", NET) == "1,000 of 5,000 files a class, 8 of 40 epochs, one seed"


def test_a_status_says_on_how_many_of_the_training_rows_a_network_was_trained(data: ReportData) -> None:
    plan = data.results["image"].plan
    fewer = dataclasses.replace(plan, sizes=dataclasses.replace(plan.sizes, n_training_rows=6000))
    few = with_result(data, "image", plan=fewer, receipt=receipt(300, deviations=("limited",)))
    rows = few.results["image"].certificate.folds[0].roles["train"].rows
    assert sections.status(few, "image", NET) == f"{rows} of 6,000 training rows, one seed"


@pytest.mark.parametrize(
    ("runs", "shown"),
    [([[9.0, 2.0, 2.0, 2.1]], "2 s [1.9 s to 2.2 s]"), ([[9.0, 2.0], [9.0, 3.0]], "2.4 s (too wide to help: 2 runs)"),
     ([[9.0, 2.0]], "2 s")],
)  # fmt: skip
def test_a_time_of_two_runs_has_no_limits_of_microseconds_and_years(runs: list[list[float]], shown: str) -> None:
    assert sections._with_limits(seconds_per_epoch(runs)) == shown


def test_images_of_other_files_with_the_same_pixels_are_called_images(data: ReportData) -> None:
    twins = with_result(data, "image", certificate=certificate(shared=({"identical_pixels": 2},)))
    assert sections.shared(twins.results["image"]) == "2 tested images with the pixels of another file"


def test_what_is_shared_is_counted_in_the_folds_that_were_run(data: ReportData) -> None:
    shared = with_result(data, "image", certificate=certificate(shared=({"patients": 14}, {"patients": 20}, {})))
    assert sections.shared(shared.results["image"]) == "14 of 20 tested patients"
    assert sections.shared(data.results["image"]) == "nothing"
    lost = dataclasses.replace(shared.results["image"].certificate, unknown_origins=2)
    told = sections.shared(with_result(shared, "image", certificate=lost).results["image"])
    assert told == "14 of 20 tested patients (2 of the split of unknown origin, each its own)"


def test_a_constant_has_no_line_of_what_unknown_patients_would_do_to_its_interval(data: ReportData) -> None:
    unknown = Unknown(n_patients=89, evidence="absent", rows=tuple(design_effect_sensitivity(0.9, 890, n_patients=89)))
    asked = with_arm(data, "image", NET, unknown_patients=unknown)
    assert [row["network"] for row in controls.unknown_rows(asked, *STUDY)] == [NET]
    recalls = (estimate("recall", 1.0, class_="malignant"), estimate("recall", 0.0, class_="normal"))
    one = with_arm(asked, "image", NET, selections={"recipe": (estimate("accuracy", 0.5), *recalls)})
    assert controls.unknown_rows(one, *STUDY) == []


def test_a_status_is_full_only_where_nothing_deviates(data: ReportData) -> None:
    assert sections.status(data, "image", NET) == "full, one seed"
    limited = with_result(data, "image", receipt=receipt(250, deviations=("limited", "weights_absent"), epochs=5))
    assert sections.status(limited, "image", NET) == "5 of 40 epochs, no pretrained weights, one seed"
    assert sections.status(with_result(data, "image", stand_in=True), "image", NET) == "made images"
    before = data.results["image"].receipt
    kept = dataclasses.replace(before, runs=tuple(dataclasses.replace(r, epochs_selected={}) for r in before.runs))
    assert sections.status(with_result(data, "image", receipt=kept), "image", NET) == "full, one seed, earlier recipe"
    two = dataclasses.replace(before, runs=(*before.runs, dataclasses.replace(before.runs[0], seed=1)))
    assert sections.status(with_result(data, "image", receipt=two), "image", NET) == "full"
    assert sections.is_whole(data, "image", NET)
    for less in (limited, with_result(data, "image", stand_in=True), with_result(data, "image", receipt=kept)):
        assert not sections.is_whole(less, "image", NET)


def test_nothing_is_called_by_patient_where_no_ids_are_published(data: ReportData) -> None:
    absent = with_result(data, "patient", certificate=certificate(evidence="absent"))
    row = rows_of(absent)["by group (no patient ids published)"]
    assert row["tested"] == "400 images of 20 groups"
    assert sections.patient_rows(absent, *STUDY) == []
    assert "minus by group, on the same images" in row and not any("patient" in head for head in row)
    question = Question(claim=absent.headline(*STUDY).id, metric="accuracy", value=0.9, half_unit=0.005, n=None,
        honest=(Reproduced(estimate=estimate("accuracy", 0.7), protocol="patient"),))  # fmt: skip
    under = "reproduced only under as_published, random_images"
    verdict = Verdict(claim=question.claim, verdict=under, reason="", headline=True, margin=0.1)
    for held, head in ((absent, "by group"), (data, "by patient")):
        asked = compared(held, verdicts=(verdict,), questions={question.claim: question})
        (claim,) = sections.claim_rows(asked, *STUDY)
        assert claim[head] == "70.0 [65.0 to 75.0]" and claim["as published"] == "not estimated"
        assert claim["verdict"] == "reproduced only under as published, random images"


def test_a_shortcut_is_flagged_with_its_model_and_what_was_run(data: ReportData) -> None:
    assert controls.flags(data, *STUDY) == []
    flagged = compared(data, shortcuts=(shortcut(),))
    assert controls.flags(flagged, *STUDY) == [
        f"`shortcut` by image: border 88.0 [80.0 to 95.0] %, against {NET} 90.0 % (full, one seed)"
    ]
    rows = {row["split"]: row for row in controls.trivial_rows(flagged, *STUDY) if row["model"] == "border"}
    assert rows["by image"]["flag"] == "`shortcut`" and rows["by patient"]["flag"] == ""
    assert rows["by image"]["shown"] == "network not ahead by the margin"
    assert rows["by image"]["networks ahead by, points"] == f"{NET} +2.0"
    four = with_arm(flagged, "image", BORDER, selections={"recipe": (estimate("accuracy", 0.88, n_groups=4),)})
    rows = {row["split"]: row for row in controls.trivial_rows(four, *STUDY) if row["model"] == "border"}
    assert rows["by image"]["networks ahead by, points"] == "too few: 4 patients"


def test_the_words_beside_the_table_of_shortcuts_hold_of_every_committed_row() -> None:
    """A row that comes close and is not flagged must not contradict what the page says of flags."""
    seen = set()
    with (REPORTS / "real-cpu" / "tables" / "controls.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            shown_to_tell = row["tells"] == "true"
            shown_close = row["standing"] == Standing.WITHIN.value
            assert (row["flagged"] == "true") == (shown_to_tell and shown_close)
            seen.add((float(row["difference"]) < float(row["margin"]), shown_to_tell, row["flagged"] == "true"))
    assert {flagged for *_, flagged in seen} == {True, False}
    text = (Path(controls.__file__).parent / "templates" / "paper.md.j2").read_text(encoding="utf-8")
    assert "is shown to beat the majority class" in text and "is shown not to be ahead of it by" in text


def test_no_flag_says_that_every_network_is_ahead_only_where_all_are_shown_to_be(data: ReportData) -> None:
    ahead = shortcut(difference=0.3, flagged=False, standing=Standing.AHEAD)
    words = controls.no_flag(compared(data, shortcuts=(ahead,)), *STUDY)
    assert words == "No flag: every network is shown to be ahead of every model without one by more than 10 points."
    untold = shortcut(difference=0.02, flagged=False, standing=Standing.UNDECIDED)
    both = controls.no_flag(compared(data, shortcuts=(ahead, untold)), *STUDY)
    assert "no network is shown to be 10 points ahead of border." in both and "every network" not in both
    assert "None of these models" not in both
    useless = shortcut(difference=-0.27, flagged=False, tells=False)
    assert "None of these models" in controls.no_flag(compared(data, shortcuts=(useless,)), *STUDY)
    assert controls.no_flag(data, *STUDY) == "No network was run, so nothing could come close to one."


def test_what_one_seed_and_doubted_intervals_cannot_say_is_said_only_where_they_are(data: ReportData) -> None:
    assert not any("One seed" in note or "intervals" in note for note in ladder.ladder_notes(data, *STUDY))
    once = compared(data, gaps=(gap("image", "accuracy", scope=Scope.RUNS, grade=Grade.UNKNOWN),))
    notes = ladder.ladder_notes(once, *STUDY)
    assert any("these runs only" in note for note in notes)
    assert rows_of(once)["by image"][LAST].endswith(f"; {DOUBTED[Grade.UNKNOWN]}")


def test_a_patient_that_is_told_is_a_flag_and_a_group_of_look_alikes_is_not(data: ReportData) -> None:
    truth = np.repeat([f"p{k:02d}" for k in range(20)], 20)
    label = np.repeat(["normal", "malignant"], 200)
    hit = np.random.default_rng(0).random(400) < 0.6
    named = np.where(hit, truth, "p00")

    def probed(unit: str) -> ReportData:
        made = data
        for name in ("image", "patient"):
            probes = {"small_pixels": probe_result(truth, named, label, unit=unit)}
            with_probes = dataclasses.replace(made.results[name].evaluation, probes=probes)
            made = with_result(made, name, evaluation=with_probes)
        return made

    assert [f.split(":")[0] for f in controls.flags(probed("patient"), *STUDY)] == [
        "`shortcut` to the patient, in the images split by image"
    ]
    rows = controls.probe_rows(probed("patient"), *STUDY)
    assert len(rows) == 1 and rows[0]["split"] == "by image, by patient" and rows[0]["above chance"] == "yes"
    assert (rows[0]["chance %"], rows[0]["the class alone %"]) == ("5.0", "10.0")
    assert controls.flags(probed("group"), *STUDY) == []
    assert "No patient ids are published" in controls.probe_note(probed("group"), *STUDY)


def test_thresholds_of_the_positive_class_are_shown_and_splits_without_validation_named(data: ReportData) -> None:
    (row,) = chosen.operating_rows(data, *STUDY)
    assert (row["split"], row["class"], row["chosen on"]) == ("by image", "malignant", "400 images in 20 patients")
    assert {"sensitivity %", "specificity %", "PPV % at 10 %", "NPV % at 10 %"} <= set(row)
    assert "[" in row["sensitivity %"] and "[" in row["PPV % at 10 %"]
    assert chosen.without_validation(data, *STUDY) == ["as published (random images)", "by patient"]


def test_calibration_stands_before_and_after_where_there_is_a_temperature(data: ReportData) -> None:
    rows = {row["split"]: row for row in chosen.calibration_rows(data, *STUDY)}
    assert (rows["by patient"]["ECE scaled"], rows["by patient"]["temperature"]) == ("–", "–")
    assert rows["by image"]["ECE scaled"] != "–" and float(rows["by image"]["temperature"]) > 0


def test_unknown_patients_widen_what_is_printed(data: ReportData) -> None:
    unknown = Unknown(n_patients=89, evidence="absent", rows=tuple(design_effect_sensitivity(0.9, 890, n_patients=89)))
    (row,) = controls.unknown_rows(with_arm(data, "patient", NET, unknown_patients=unknown), *STUDY)
    assert row["patients stated"] == "89" and "design effect 2.8" in row["correlation 0.2"]
    spans = [text.split(" ") for key, text in row.items() if key.startswith("correlation")]
    widths = [float(span[2]) - float(span[0]) for span in spans]
    assert widths == sorted(widths) and widths[0] < widths[-1]
    fewer_images = Unknown(n_patients=89, evidence="absent", rows=(), note="66 images are fewer")
    last = with_arm(data, "patient", NET, unknown_patients=unknown)
    both = with_arm(last, "image", NET, unknown_patients=fewer_images)
    assert controls.unknown_rows(both, *STUDY) == [row], "a split that has none must not take the columns of others"


def test_networks_are_compared_and_models_without_one_are_not_in_that_table(data: ReportData) -> None:
    def contrast(second: str, family: str) -> ArmContrast:
        return ArmContrast(
            experiment="image", first_arm=NET, second_arm=second, family=family, metric="accuracy",  # type: ignore[arg-type]
            first=0.9, second=0.88, difference=0.02, low=-0.01, high=0.05, p_corrected=0.09, family_size=6,
            n_images=400, n_groups=20,
        )  # fmt: skip

    both = compared(data, contrasts=(contrast("other_cnn", "network"), contrast(BORDER, "descriptive")))
    (row,) = chosen.contrast_rows(both, *STUDY)
    assert row["first − second"] == f"{NET} − other cnn" and row["accuracy, points"] == "+2.0 [−1.0 to +5.0]"
    assert row["p, Holm over 6"] == "0.090"


def test_every_tested_claim_says_at_which_margins_its_verdict_turns(data: ReportData) -> None:
    curve = ((0.01, "inconclusive"), (0.02, "inconclusive"), (0.05, "not reproduced (lower)"))
    verdicts = [
        Verdict(claim=claim, verdict="inconclusive", reason="", headline=False, margin=0.1, curve=points)
        for claim, points in (("cohort.accuracy", curve), ("no_effect.accuracy", curve), ("cohort.mcc", ()))
        for claim in (f"known_answer.{claim}",)
    ]
    (row,) = chosen.curve_rows(compared(data, verdicts=tuple(verdicts)), *STUDY)
    assert [*row.values()] == [
        "`known_answer.cohort.accuracy`",
        "1.0 to 2.0: inconclusive; 5.0: not reproduced (lower)",
    ]


def test_the_histogram_stands_beside_the_network_under_every_split(data: ReportData) -> None:
    rows = rows_of(data, COLOUR_HISTOGRAM)
    assert [row["accuracy %"] for row in rows.values()] == ["88.0 [83.0 to 93.0]"] * 3
    assert rows["by image"][LAST] == "–", "nothing was compared of it"
