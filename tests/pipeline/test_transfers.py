"""A transfer through the pipeline, on two made cohorts whose classes map; and that no claim is ever held against it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from leukbench.artefacts import TransferPlan
from leukbench.cohort.transfers import common_classes
from leukbench.errors import InputError
from leukbench.evaluation.transfer import Gap
from leukbench.papers.loader import load_paper
from leukbench.params import Params, load_params
from leukbench.pipeline import decode as decode_stage
from leukbench.pipeline import evaluate as evaluate_stage
from leukbench.pipeline import grid as gridding
from leukbench.pipeline import split as split_stage
from leukbench.pipeline import train as train_stage
from leukbench.pipeline.plan import refuse_copies
from leukbench.pipeline.report import collected
from leukbench.pipeline.results import Result, results_of
from leukbench.pipeline.transfers import transfer_results
from leukbench.report.transfer import gap_text, transfer_sections, why_no_gap
from leukbench.sources import load_source
from leukbench.tools.certify import certify
from leukbench.tools.profiles import load_profile
from leukbench.training.grid import missing, plan_grid
from leukbench.verdicts.comparison import Prevalence, TransferMetric, TransferResult
from tests.support.made_report import NET, compared, estimate, made_experiment, report_data, with_result
from tests.support.plans import known_experiment, known_plan, prepare, write_plan

ROOT = Path(__file__).parents[2]
BY_PATIENT = known_experiment("patient", store="own", limits={"epochs": 1, "folds": 2})
TO_OTHER = known_experiment(
    "transfer", store="own", test_source="known_answer_null", test_store="other", limits={"epochs": 1}
)
PLAN = known_plan(
    "transfer",
    {"by-patient": BY_PATIENT},
    sources={"known_answer": {"images": 192}, "known_answer_null": {"images": 64}},
    stores={
        "own": {"source": "known_answer", "side_px": 32},
        "other": {"source": "known_answer_null", "side_px": 32},
        "large": {"source": "known_answer_null", "side_px": 64},
    },
    transfers={"to-other": TO_OTHER},
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace in which everything up to the estimates has run once."""
    folder = tmp_path_factory.mktemp("transfer")
    write_plan(folder, PLAN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKBENCH_HOME", str(folder))
        params = load_params()
        prepare(params)
        for store in ("own", "other"):
            decode_stage.decode(params, store)
        split_stage.split(params, [*params.all_experiments])
        for experiment in params.all_experiments:
            train_stage.train(params, experiment)
        evaluate_stage.evaluate(params, "by-patient")
        yield folder


@pytest.fixture
def params(home: Path) -> Params:
    return load_params(home / "params.yaml")


@pytest.mark.trains
def test_the_grid_plans_the_runs_of_a_transfer_under_the_keys_that_were_trained(home: Path, params: Params) -> None:
    tasks = plan_grid(gridding.inputs_of(params, gridding.Choice(protocols=("transfer",))))
    receipt = json.loads((home / "out" / "transfer" / "predictions" / "to-other.receipt.json").read_text())
    assert [t.key for t in tasks] == [run["key"] for run in receipt["runs"]] and missing(tasks) == []


def predictions(home: Path, experiment: str) -> pd.DataFrame:
    table = pd.read_parquet(home / "out" / "transfer" / "predictions" / f"{experiment}.parquet")
    return table[(table["arm"] == "cohort_cnn") & (table["selection"] == "recipe")]


@pytest.mark.trains
def test_every_image_of_the_other_source_is_tested_once_under_its_own_name(home: Path) -> None:
    rows = predictions(home, "to-other")
    assert len(rows) == 64 and rows["image_id"].is_unique
    assert rows["image_id"].str.startswith("known_answer_null:").all()
    assert set(rows["label"]) == {"leukaemia", "healthy"} and {"score_leukaemia", "score_healthy"} <= set(rows)
    assert np.allclose(rows["score_leukaemia"] + rows["score_healthy"], 1, atol=1e-5)
    split = pd.read_csv(home / "out" / "transfer" / "splits" / "to-other.csv", dtype=str)
    side = split[split["role"] != "test"]
    assert len(set(side["origin"])) == 96 and not set(side["patient"]) & set(rows["patient"])


@pytest.mark.trains
def test_labels_are_those_of_the_other_source(home: Path) -> None:
    manifest = pd.read_csv(home / "out" / "transfer" / "sources" / "known_answer_null" / "manifest.csv", dtype=str)
    truth = manifest.set_index("image_id")["label"].map(load_source("known_answer_null").card.maps)
    rows = predictions(home, "to-other")
    assert (rows["label"].to_numpy() == truth[rows["image_id"].str.split(":").str[1]].to_numpy()).all()


def transfer_rows(params: Params) -> list[TransferResult]:
    results = results_of(params)
    return transfer_results(
        {name: results[name] for name in params.transfers}, {name: results[name] for name in params.experiments}
    )


@pytest.mark.trains
def test_results_stand_beside_the_in_domain_ones_and_are_those_of_the_predictions(home: Path, params: Params) -> None:
    (row,) = transfer_rows(params)
    assert row.within == "by-patient"
    there, here = (predictions(home, experiment) for experiment in ("to-other", "by-patient"))
    accuracy = row.metrics["accuracy"]
    assert accuracy.transferred.value == pytest.approx((there["label"] == there["predicted"]).mean())
    assert accuracy.within.value == pytest.approx((here["label"] == here["predicted"]).mean())
    assert accuracy.gap.difference == pytest.approx(accuracy.transferred.value - accuracy.within.value)
    assert row.prevalence.transferred == pytest.approx([(there["label"] == c).mean() for c in row.classes])
    assert row.metrics["ece"].transferred.value >= 0 and row.receipt.deviations == ("limited",)


@pytest.mark.trains
def test_what_compares_claims_never_sees_a_transfer(home: Path, params: Params) -> None:
    assert [*params.experiments] == ["by-patient"]
    sneaked = {**PLAN, "experiments": {"by-patient": BY_PATIENT, "sneaked": TO_OTHER}}
    with pytest.raises(ValueError, match="a transfer stands under transfers"):
        Params.model_validate(sneaked)


@pytest.mark.trains
def test_the_page_tells_source_target_classes_results_and_gap(home: Path, params: Params) -> None:
    within = collected(Result(params, "by-patient"))
    data = compared(report_data(), transfers=tuple(transfer_rows(params)))
    data = dataclasses.replace(data, results={**data.results, "by-patient": within})
    (section,) = transfer_sections(data, "known_answer", "cohort")
    assert section.title == "known_answer cohort_cnn: known_answer → known_answer_null"
    facts = " ".join(section.facts)
    assert "healthy (normal → normal); leukaemia (malignant → malignant)" in facts
    assert "tested on 64 images in 8 groups" in facts and "nothing is shared" in facts and "1 of 40 epochs" in facts
    accuracy = 100 * (predictions(home, "to-other")["label"] == predictions(home, "to-other")["predicted"]).mean()
    row = next(line for line in section.results.splitlines() if line.startswith("| accuracy %"))
    assert f" {accuracy:.1f} [" in row or f" {accuracy:.1f} (" in row
    assert "calibration error" in section.results and "| healthy " in section.prevalence
    longer = dataclasses.replace(within.receipt.arms["cohort_cnn"], epochs=40)
    receipt = dataclasses.replace(within.receipt, arms={"cohort_cnn": longer})
    unequal = with_result(data, "by-patient", receipt=receipt)
    (section,) = transfer_sections(unequal, "known_answer", "cohort")
    assert "No gap is printed: trained for 1 epoch here and 40 within the source." in section.facts
    assert "gap" not in section.results.splitlines()[0]


def made_transfer(*, accuracy: float) -> TransferResult:
    plan = TransferPlan(source="a", target="b", common_of={}, tested_as={}, n_left_out=0, test_store_sha256="")
    made = made_experiment("patient", 0.7, 250)
    return TransferResult(
        transfer="t", paper="known_answer", study="cohort", arm=NET, within="patient", plan=plan,
        sizes=made.receipt.sizes, receipt=made.receipt.arms[NET], n_train_rows=(250,), certificate=made.certificate,
        classes=("x", "y"), metrics={"accuracy": TransferMetric(transferred=estimate("accuracy", accuracy))},
        majority_accuracy=0.846, histogram=estimate("accuracy", 0.5), prevalence=Prevalence(transferred=(0.5, 0.5)),
    )  # fmt: skip


def test_an_accuracy_that_is_only_prevalence_makes_no_gap() -> None:
    """A network that calls everything the larger class is as right as that class is frequent."""
    gap, row = Gap(difference=0.3, low=0.2, high=1.4), made_transfer(accuracy=0.846)
    assert gap_text(row, "accuracy", gap) == "not shown: not above the majority class on the other source"
    assert gap_text(row, "balanced_accuracy", gap) == "+30.0 points [+20.0 to +100.0]"
    assert gap_text(made_transfer(accuracy=0.85), "accuracy", gap) == "+30.0 points [+20.0 to +100.0]"


def test_a_transfer_has_a_gap_only_beside_an_equal_budget_and_enough_groups() -> None:
    data, row = report_data(), made_transfer(accuracy=0.9)
    assert why_no_gap(data, row) == ""
    assert why_no_gap(data, dataclasses.replace(row, within="")) == "nothing was tested by patient within the source"
    short = dataclasses.replace(row, receipt=dataclasses.replace(row.receipt, epochs=1))
    assert why_no_gap(data, short) == "trained for 1 epoch here and 40 within the source"
    few = {"accuracy": TransferMetric(transferred=estimate("accuracy", 0.9, n_groups=4))}
    assert why_no_gap(data, dataclasses.replace(row, metrics=few)) == "too few: 4 groups on one side"


@pytest.mark.trains
def test_certify_keeps_a_transfer_and_finds_a_tested_image_that_was_moved(home: Path, params: Params) -> None:
    text, broken = certify(params, "to-other")
    assert not broken and "protocol transfer" in text and "nothing is shared" in text
    file = home / "out" / "transfer" / "splits" / "to-other.csv"
    kept = file.read_text(encoding="utf-8")
    moved = kept.replace(",test,known_answer_null:", ",train,known_answer_null:", 1)
    assert moved != kept
    file.write_text(moved, encoding="utf-8")
    try:
        text, broken = certify(params, "to-other")
    finally:
        file.write_text(kept, encoding="utf-8")
    assert broken and "tests another source" in text


@pytest.mark.trains
def test_training_a_transfer_again_finds_its_run(home: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **options: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("leukbench.training.stages.train", never)
    file = home / "out" / "transfer" / "predictions" / "to-other.parquet"
    before = file.read_bytes()
    train_stage.train(params, "to-other")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_source": "known_answer", "test_store": "own"}, "a test_source that is not its source"),
        ({"test_store": "own"}, "test_store 'own' is not a store of 'known_answer_null'"),
        ({"protocol": "patient"}, "needs protocol: transfer"),
    ],
)
def test_a_transfer_that_contradicts_itself_is_refused(change: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Params.model_validate({**PLAN, "transfers": {"to-other": {**TO_OTHER, **change}}})


@pytest.mark.trains
def test_a_test_store_of_another_size_is_refused(home: Path, params: Params) -> None:
    plain = params.model_dump(mode="python")
    plain["transfers"]["to-other"]["test_store"] = "large"
    large = Params.model_validate(plain)
    decode_stage.decode(large, "large")
    with pytest.raises(InputError, match="do not go together"):
        train_stage.train(large, "to-other")


def test_no_transfer_between_a_source_and_one_that_was_made_from_it() -> None:
    aria, copies, experiments = (load_source(name).card for name in ("aria_all_2021", "multi_cancer", "cnmc_2019"))
    refuse_copies(experiments, aria)
    for pair in ((aria, copies), (copies, aria)):
        with pytest.raises(InputError, match=r"(?s)made from the other's images.*multi_cancer"):
            refuse_copies(*pair)


@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "profiles").glob("*.yaml")))
def test_the_transfers_of_a_profile_map_and_show_both_sources_alike(name: str) -> None:
    params = load_profile(ROOT / "profiles" / f"{name}.yaml")
    text = (ROOT / "profiles" / f"{name}.yaml").read_text(encoding="utf-8")
    assert "transfers" in yaml.safe_load(text)  # DVC reads it
    for experiment in params.transfers.values():
        paper, own, other = (
            load_paper(experiment.paper),
            params.stores[experiment.store],
            params.stores[experiment.test_store],
        )
        assert (own.side_px, own.crop) == (other.side_px, other.crop)
        maps = [load_source(source).card.maps for source in (experiment.source, experiment.test_source)]
        common_classes(paper.studies[experiment.study].classes, source=maps[0], target=maps[1])
        refuse_copies(load_source(experiment.source).card, load_source(experiment.test_source).card)
        for arm in experiment.arms:
            recipe = paper.recipes[paper.arms[arm].recipe].recipe
            assert (own.side_px, own.crop) == (recipe.input_px, recipe.crop) and paper.arms[
                arm
            ].study == experiment.study
        assert "patient" in paper.studies[experiment.study].protocols
