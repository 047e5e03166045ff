"""The whole pipeline at a size that takes less than a minute: every stage of dvc.yaml in order,
and what bad input comes to."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import pytest
import yaml

from leukbench.artefacts import is_trivial
from leukbench.cli import main
from leukbench.errors import DataError, InputError
from leukbench.papers.files import paper_file, paper_keys
from leukbench.papers.loader import load_paper, read_paper
from leukbench.papers.resolve import resolve_study
from leukbench.params import Params, load_params
from leukbench.pipeline import audit as audit_stage
from leukbench.pipeline import compare as compare_stage
from leukbench.pipeline import count as count_stage
from leukbench.pipeline import decode as decode_stage
from leukbench.pipeline import evaluate as evaluate_stage
from leukbench.pipeline import fetch as fetch_stage
from leukbench.pipeline import group as group_stage
from leukbench.pipeline import index as index_stage
from leukbench.pipeline import plan as plan_stage
from leukbench.pipeline import report as report_stage
from leukbench.pipeline import resolve as resolve_stage
from leukbench.pipeline import results as results_stage
from leukbench.pipeline import split as split_stage
from leukbench.pipeline import train as train_stage
from leukbench.pipeline.record import RECORD
from leukbench.pipeline.remake import report_from
from leukbench.pipeline.report import gather
from leukbench.pipeline.site import write_site
from leukbench.records import Limits, json_text
from leukbench.report.pages import Site, site_pages, study_run
from leukbench.report.transfer import transfer_sections
from leukbench.sources import load_source, source_names
from leukbench.tools.diff import diff
from leukbench.tools.explain import explain
from leukbench.tools.profiles import load_profile
from leukbench.verdicts.frozen import frozen_digest
from tests.support.package_rules import package_faults
from tests.support.plans import known_experiment, known_plan, prepare, write_plan

ROOT = Path(__file__).parents[2]
PAPERS = ("known_answer", "alnet")
PROFILES = sorted(file.stem for file in (ROOT / "profiles").glob("*.yaml"))
KNOWN_STORE = "known_answer-32"


def smoke_plan() -> dict[str, Any]:
    """Return the plan of the whole run: the known-answer study under four protocols, one arm of ALNet, a transfer."""
    headlines = {k: v for key in PAPERS for k, v in load_paper(key).headlines().items()}
    protocols = ("as_published", "image", "patient", "challenge")
    known = {f"known-{p}": known_experiment(p, store=KNOWN_STORE, limits={"epochs": 4}) for p in protocols}
    alnet = {
        **{"paper": "alnet", "study": "cnmc", "protocol": "patient", "source": "synthetic_cells"},
        **{"store": "cells-224-crop", "arms": ["alnet"], "limits": {"images": 24, "epochs": 1, "folds": 1}},
    }
    other = {"test_source": "known_answer_null", "test_store": "known_answer_null-32", "limits": {"epochs": 1}}
    return known_plan(
        "smoke",
        {**known, "alnet-patient": alnet},
        seed=0,
        papers=[*PAPERS],
        verdicts={"margin": 0.05, "alpha": 0.05, "sha256": frozen_digest(0.05, 0.05, headlines)},
        sources={
            "known_answer": {"images": 288},
            "known_answer_null": {"images": 48},
            "synthetic_cells": {"images": 72},
        },
        stores={
            KNOWN_STORE: {"source": "known_answer", "side_px": 32},
            "known_answer_null-32": {"source": "known_answer_null", "side_px": 32},
            "cells-224-crop": {"source": "synthetic_cells", "side_px": 224, "crop": 0.6667},
        },
        studies={
            "known_answer-cohort": {"paper": "known_answer", "study": "cohort"},
            "alnet-cnmc": {"paper": "alnet", "study": "cnmc"},
        },
        transfers={"known-to-null": known_experiment("transfer", store=KNOWN_STORE, **other)},
    )


def run_stages(params: Params, *, until: str = "report") -> None:
    """Run the stages one after the other, as dvc.yaml orders them."""
    stages: list[tuple[str, Callable[[str], str], list[str]]] = [
        ("fetch", lambda name: fetch_stage.fetch(params, name), [*params.sources]),
        ("index", lambda name: index_stage.index(params, name), [*params.sources]),
        ("group", lambda name: group_stage.group(params, name), [*params.sources]),
        ("audit", lambda name: audit_stage.audit_stage(params), [""]),
        ("resolve", lambda name: resolve_stage.resolve(params, name), [*params.studies]),
        ("split", lambda name: "\n".join(split_stage.split(params, [name])), [*params.all_experiments]),
        ("decode", lambda name: decode_stage.decode(params, name), [*params.stores]),
        ("train", lambda name: "\n".join(train_stage.train_all(params)), [""]),
        ("evaluate", lambda name: evaluate_stage.evaluate(params, name), [*params.experiments]),
        ("count", lambda name: count_stage.count_stage(params), [""]),
        ("compare", lambda name: compare_stage.compare(params), [""]),
        ("report", lambda name: report_stage.report(params), [""]),
    ]
    for stage, run, names in stages:
        for name in names:
            assert run(name)
        if stage == until:
            return


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace in which the whole pipeline has run once."""
    folder = tmp_path_factory.mktemp("home")
    write_plan(folder, smoke_plan())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKBENCH_HOME", str(folder))
        run_stages(load_params())
        yield folder


@pytest.fixture
def params(home: Path) -> Params:
    return load_params(home / "params.yaml")


def dvc_stages() -> dict[str, Any]:
    plain = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    stages: dict[str, Any] = plain["stages"]
    return stages


def instances(stage: dict[str, Any], params: Params) -> Iterator[dict[str, Any]]:
    """Yield a stage of dvc.yaml once for each name of its heading, with ``${...}`` filled in as DVC does."""
    plain = params.model_dump(mode="json")
    if "foreach" not in stage:
        yield json.loads(json.dumps(stage).replace("${profile}", params.profile))
        return
    heading = re.fullmatch(r"\$\{(\w+)\}", stage["foreach"])
    assert heading
    for key, item in plain[heading[1]].items():
        text = json.dumps(stage["do"]).replace("${profile}", params.profile).replace("${key}", key)
        yield json.loads(re.sub(r"\$\{item\.(\w+)\}", lambda m, item=item: str(item[m[1]]), text))  # type: ignore[misc]


def outs(stage: dict[str, Any]) -> list[str]:
    listed = [*stage.get("outs", ()), *stage.get("metrics", ())]
    return [next(iter(out)) if isinstance(out, dict) else out for out in listed]


# --------------------------------------------------------------------------------------------------- what comes out


@pytest.fixture(scope="module")
def self_test(home: Path) -> dict[str, Any]:
    """The made-up study as pages show it: tables and sentences by name."""
    return study_run(gather(load_params(home / "params.yaml")), "known_answer", "cohort")


@pytest.mark.trains
def test_the_page_holds_claimed_beside_reproduced(self_test: dict[str, Any]) -> None:
    claim = load_paper("known_answer").claim("known_answer.cohort.accuracy")
    row = next(row for row in rows_of(self_test["claims"]) if row["claim"].startswith(f"`{claim.id}`"))
    assert claim.value in row["printed"]
    for column in ("as published", "by patient"):
        low, high = map(float, re.findall(r"\[([\d.]+) to ([\d.]+)\]", row[column])[0])
        assert low < float(row[column].split()[0]) < high


def rows_of(table: str) -> list[dict[str, str]]:
    """Return the rows of a Markdown table."""
    header, _, *rows = (line[1:-1].split("|") for line in table.splitlines())
    return [{h.strip(): cell.strip() for h, cell in zip(header, row, strict=True)} for row in rows]


@pytest.mark.trains
def test_the_page_shows_ladder_trivial_models_probe_and_calibration(self_test: dict[str, Any]) -> None:
    ladder = [row for row in rows_of(self_test["ladder"]) if row["model"] == "cohort cnn"]
    assert [row["split"] for row in ladder] == ["as published (random images)", "by image", "by patient", "challenge"]
    excess = [row["minus by patient, on the same images"] for row in ladder]
    assert excess[2] == "the reference" and "–" not in excess
    assert {row["model"] for row in rows_of(self_test["trivial"])} == {
        "mean colour", "colour histogram", "colour histogram trees", "border", "foreground size"
    }  # fmt: skip
    probes = rows_of(self_test["probes"])
    assert {row["from"] for row in probes} == {"colour histogram", "small pixels"}
    assert all("patients" in row["who"] and float(row["chance %"]) < 50 for row in probes)
    assert len(self_test["without_validation"]) == 4
    assert all(row["ECE scaled"] == "–" for row in rows_of(self_test["calibration"]))


@pytest.mark.trains
def test_a_page_of_made_images_shows_no_accuracy_and_no_publication_has_one(home: Path, params: Params) -> None:
    data = gather(params)
    papers = {"alnet": load_paper("alnet")}
    pages = site_pages(Site(profiles=(data,), papers=papers, findings=data.findings))
    assert rows_of(pages["smoke.md"].split("\n\n")[-1].strip())[0]["outcome"] == "ran"
    accuracy = data.arm("alnet-patient", "alnet").estimates[0].value
    for path in ("smoke.md", "index.md", "papers/alnet.md", "runs.md"):
        assert f"{100 * accuracy:.1f} [" not in pages[path] and f"{100 * accuracy:.1f} (" not in pages[path]
    assert "not run | not run" in pages["index.md"]
    assert "known_answer.cohort.accuracy" in pages["selftest.md"]


@pytest.mark.trains
def test_the_site_is_made_from_the_folder_of_reports_alone_and_holds_its_figures(home: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert "pages" in write_site(tmp_path / folder, html=True)
    made = files_below(tmp_path / "one")
    assert made == files_below(tmp_path / "two")
    assert {"index.html", "selftest.html", "smoke.html", "audit.html", "papers/alnet.html"} <= made.keys()
    assert b"data:image/svg+xml;base64," in made["selftest.html"]
    write_site(tmp_path / "markdown", html=False)
    pages = files_below(tmp_path / "markdown")
    assert "audit.md" not in pages, "other commands write it"
    assert b"known_answer.cohort.accuracy" in pages["selftest.md"] and b"![" not in pages["selftest.md"]


@pytest.mark.slow
def test_the_committed_pages_are_made_again_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the two pages of made images, whose results are not committed."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(ROOT))
    write_site(tmp_path, html=False)
    for path, text in files_below(tmp_path).items():
        if path not in {"selftest.md", "smoke.md"}:
            assert (ROOT / "reports" / path).read_bytes() == text, f"{path} is old: run make pages and commit it"


@pytest.mark.trains
def test_validation_and_probe_predictions_are_kept_apart_from_those_of_test_images(home: Path) -> None:
    folder = home / "reports" / "smoke" / "predictions"
    assert {file.name for file in folder.iterdir()} == {
        f"{experiment}{suffix}"
        for experiment in ("known-as_published", "known-image", "known-patient", "known-challenge", "alnet-patient")
        for suffix in results_stage.PREDICTIONS
    } | {"known-to-null.parquet"}
    assert pd.read_parquet(folder / "known-patient.validation.parquet").empty  # this study sets nothing apart
    probe = pd.read_parquet(folder / "known-patient.probe.parquet")
    assert set(probe["unit"]) == {"patient"} and set(probe["probe"]) == {"colour_histogram", "small_pixels"}


@pytest.mark.trains
def test_the_page_has_a_section_a_transfer_and_keeps_its_predictions(home: Path) -> None:
    (section,) = transfer_sections(gather(load_params()), "known_answer", "cohort")
    assert section.title == "known_answer cohort_cnn: known_answer → known_answer_null"
    assert len(pd.read_parquet(home / "reports" / "smoke" / "predictions" / "known-to-null.parquet")) > 48
    verdicts = json.loads((home / "out" / "smoke" / "verdicts.json").read_text(encoding="utf-8"))
    assert len(verdicts["transfers"]) == 1 and "transfer" not in json.dumps(verdicts["questions"])


@pytest.mark.trains
def test_reproduced_figures_are_those_of_the_predictions(home: Path) -> None:
    table = pd.read_parquet(home / "reports" / "smoke" / "predictions" / "known-patient.parquet")
    rows = table[(table["arm"] == "cohort_cnn") & (table["selection"] == "recipe")]
    assert len(rows) == 144 and rows["image_id"].is_unique
    metrics = json.loads((home / "reports" / "smoke" / "metrics.json").read_text(encoding="utf-8"))
    right = (rows["label"] == rows["predicted"]).mean()
    assert metrics["known-patient"]["cohort_cnn"]["accuracy"] == pytest.approx(right, abs=1e-6)


@pytest.mark.trains
def test_a_challenge_is_a_rung_of_equal_size_that_tests_new_patients_unpaired(home: Path) -> None:
    tables = [pd.read_csv(home / "out" / "smoke" / "splits" / f"known-{name}.csv") for name in ("challenge", "patient")]
    trained = [{len(part) for _, part in t[t["role"] == "train"].groupby("fold")} for t in tables]
    assert trained[0] == trained[1] and len(trained[0]) == 1
    challenge = tables[0]
    patients = [set(challenge.loc[challenge["role"] == role, "patient"]) for role in ("train", "test")]
    assert not patients[0] & patients[1] and set(tables[1]["patient"]).isdisjoint(patients[1])

    gaps = json.loads((home / "out" / "smoke" / "verdicts.json").read_text(encoding="utf-8"))["gaps"]
    mine = [
        g for g in gaps if g["rung"] == "known-challenge" and g["metric"] == "accuracy" and g["arm"] == "cohort_cnn"
    ]
    assert len(mine) == 1 and not mine[0]["paired"] and mine[0]["equal_size"]
    metrics = json.loads((home / "reports" / "smoke" / "metrics.json").read_text(encoding="utf-8"))
    there, here = (metrics[f"known-{name}"]["cohort_cnn"]["accuracy"] for name in ("challenge", "patient"))
    assert mine[0]["difference"] == pytest.approx(there - here, abs=2e-6)
    assert mine[0]["low"] < there - here < mine[0]["high"]


@pytest.mark.trains
def test_every_estimate_stands_in_a_table_beside_the_page(home: Path) -> None:
    table = pd.read_csv(home / "reports" / "smoke" / "tables" / "estimates.csv", keep_default_na=False)
    metrics = json.loads((home / "reports" / "smoke" / "metrics.json").read_text(encoding="utf-8"))
    networks = table[~table["arm"].map(is_trivial)]
    found = networks[(networks["metric"] == "mcc") & (networks["aggregation"] == "pooled")].set_index("experiment")[
        "value"
    ]
    printed = {name: arm["mcc"] for name, arms in metrics.items() for arm in arms.values() if "mcc" in arm}
    assert {name: float(value) for name, value in found.items() if value} == pytest.approx(printed, abs=2e-6)
    assert {"recall", "f1", "auc", "brier"} <= set(table["metric"]) and {"low", "high", "low_images"} <= set(table)


@pytest.mark.trains
def test_limited_runs_and_stand_ins_get_no_verdict_but_arithmetic_still_speaks(home: Path) -> None:
    verdicts = json.loads((home / "out" / "smoke" / "verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    by_claim = {v["claim"]: v["verdict"] for v in verdicts}
    assert by_claim["known_answer.cohort.impossible"] == "inconsistent as printed"
    assert by_claim["known_answer.cohort.accuracy"] == "not testable"
    assert set(by_claim.values()) <= {"not testable", "inconsistent as printed"}
    receipt = json.loads((home / "out" / "smoke" / "predictions" / "alnet-patient.receipt.json").read_text())
    assert set(receipt["arms"]["alnet"]["deviations"]) == {"surrogate_data", "limited"}


@pytest.mark.trains
def test_no_patient_of_a_patient_experiment_is_on_both_sides(home: Path) -> None:
    for experiment in ("known-patient", "alnet-patient"):
        split = pd.read_csv(home / "out" / "smoke" / "splits" / f"{experiment}.csv", dtype=str)
        for _, fold in split.groupby("fold"):
            sides = fold.groupby(fold["role"] == "test")["patient"].agg(set)
            assert not sides[True] & sides[False] and sides[True]


@pytest.mark.trains
def test_the_rungs_of_a_ladder_train_on_equally_many_rows(home: Path, params: Params) -> None:
    plain = params.model_dump(mode="python")
    plain["experiments"]["alnet-image"] = {**plain["experiments"]["alnet-patient"], "protocol": "image"}
    ladder = Params.model_validate(plain)
    names = ("alnet-patient", "alnet-image")
    sizes: dict[str, set[int]] = {}
    for name in names:
        split_stage.split(ladder, [name])
        split = pd.read_csv(home / "out" / "smoke" / "splits" / f"{name}.csv", dtype=str)
        train = split[split["role"] == "train"]
        sizes[name] = set(train.groupby("fold").size())
        assert set(train.groupby("fold")["label"].nunique()) == {2}
    split_stage.split(params, ["alnet-patient"])  # the ladder of one rung, as it was
    assert sizes["alnet-image"] == sizes["alnet-patient"] and len(sizes["alnet-image"]) == 1
    tested = [
        set(pd.read_csv(home / "out" / "smoke" / "splits" / f"{n}.csv", dtype=str).query("role == 'test'")["origin"])
        for n in names
    ]
    assert tested[0] == tested[1]


# ------------------------------------------------------------------------------------------- what is not done twice


@pytest.mark.trains
def test_training_again_finds_the_runs(home: Path, params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **options: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("leukbench.training.stages.train", never)
    for experiment in params.experiments:
        file = home / "out" / "smoke" / "predictions" / f"{experiment}.parquet"
        before = file.read_bytes(), file.with_suffix(".receipt.json").read_bytes()
        train_stage.train(params, experiment)
        assert (file.read_bytes(), file.with_suffix(".receipt.json").read_bytes()) == before


@pytest.mark.trains
def test_another_budget_trains_anew(params: Params, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The counterpart of the test above: what changes the predictions is not found."""
    plain = params.model_dump(mode="python")
    plain["experiments"]["known-patient"]["limits"] = {"epochs": 3, "folds": 1}

    def trains(*args: object, **options: object) -> None:
        raise AssertionError("trains")

    monkeypatch.setattr("leukbench.training.stages.train", trains)
    with pytest.raises(AssertionError, match="trains"):
        train_stage.train(Params.model_validate(plain), "known-patient")


@pytest.mark.trains
@pytest.mark.parametrize("stage", ["split", "evaluate", "compare", "report"])
def test_an_arm_that_does_not_exist_is_refused_and_what_was_written_stays(
    home: Path, params: Params, stage: str
) -> None:
    plain = params.model_dump(mode="python")
    plain["experiments"]["known-patient"]["arms"] = ["zzz"]
    wrong, before = Params.model_validate(plain), files_below(home / "reports") | files_below(home / "out")
    stages: dict[str, Callable[[], object]] = {
        "split": lambda: split_stage.split(wrong, ["known-patient"]),
        "evaluate": lambda: evaluate_stage.evaluate(wrong, "known-patient"),
        "compare": lambda: compare_stage.compare(wrong),
        "report": lambda: report_stage.report(wrong),
    }
    with pytest.raises(InputError, match="zzz") as caught:
        stages[stage]()
    assert "cohort_cnn" in caught.value.expected and "params.yaml" in caught.value.where
    assert files_below(home / "reports") | files_below(home / "out") == before


@pytest.mark.trains
def test_a_second_report_has_the_same_bytes(home: Path, params: Params) -> None:
    folder = home / "reports" / "smoke"
    files = [folder / name for name in ("report.md", "metrics.json", "measured.json")]
    before = [file.read_bytes() for file in files]
    compare_stage.compare(params)
    report_stage.report(params)
    assert [file.read_bytes() for file in files] == before


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.trains
@pytest.mark.trains
def test_every_page_can_be_made_again_from_what_is_committed(home: Path, tmp_path: Path) -> None:
    """Without ``out/``, ``runs/`` or ``data/``: the folder of reports alone, elsewhere."""
    committed = shutil.copytree(home / "reports" / "smoke", tmp_path / "smoke")
    assert "made again" in report_from(committed, tmp_path / "again")
    again = files_below(tmp_path / "again" / "smoke")
    assert again == files_below(home / "reports" / "smoke")
    assert {"tables/datapackage.json", "ro-crate-metadata.json", "measured.json"} < again.keys()
    for name in ("tables/estimates.csv", "metrics.json"):
        (committed / name).unlink()
    (committed / "figures").mkdir(exist_ok=True)
    (committed / "figures" / "of_an_earlier_report.svg").touch()
    report_from(committed)
    assert files_below(committed) == again


@pytest.mark.trains
@pytest.mark.trains
def test_a_page_is_not_made_again_beside_another_ledger(home: Path, tmp_path: Path) -> None:
    committed = shutil.copytree(home / "reports" / "smoke", tmp_path / "smoke")
    plain = json.loads(lzma.decompress((committed / RECORD).read_bytes()))
    plain["papers"]["alnet"] = "0" * 64
    (committed / RECORD).write_bytes(lzma.compress(json.dumps(plain).encode()))
    with pytest.raises(InputError, match="alnet"):
        report_from(committed)
    (committed / RECORD).write_bytes(b"no xz")
    with pytest.raises(DataError, match="no record"):
        report_from(committed)


@pytest.mark.trains
@pytest.mark.trains
def test_the_tables_are_as_their_package_says(home: Path) -> None:
    folder = home / "reports" / "smoke" / "tables"
    assert package_faults(folder) == []
    estimates = pd.read_csv(folder / "estimates.csv", keep_default_na=False)
    runs = pd.read_csv(folder / "runs.csv")
    assert {key[:12] for key in runs["run"]} >= {key for cell in estimates["runs"] for key in cell.split()}
    assert (estimates["images"] > 0).all() and (estimates["groups"] > 0).all()
    text = (folder / "estimates.csv").read_text(encoding="utf-8")
    (folder / "estimates.csv").write_text(text.replace("accuracy", "accurac", 1), encoding="utf-8")
    try:
        assert any("estimates: sha256" in fault for fault in package_faults(folder))
    finally:
        (folder / "estimates.csv").write_text(text, encoding="utf-8")


@pytest.mark.trains
@pytest.mark.trains
def test_a_claim_is_explained_down_to_its_runs(home: Path) -> None:
    plain = json.loads(explain("known_answer.cohort.accuracy", None, "json"))
    receipt = json.loads((home / "out/smoke/predictions/known-patient.receipt.json").read_text(encoding="utf-8"))
    honest = [link for link in plain["estimates"] if link["protocol"] == "patient"]
    assert [[run["run"] for run in link["runs"]] for link in honest] == [[run["key"] for run in receipt["runs"]]]
    verdicts = json.loads((home / "out/smoke/verdicts.json").read_text(encoding="utf-8"))["verdicts"]
    assert plain["verdict"] == next(v for v in verdicts if v["claim"] == "known_answer.cohort.accuracy")
    text = explain("alnet.t9.test.mean", home / "reports" / "smoke", "md")
    assert "91.13" in text and "instead of made ones" in text and "not testable" in text
    with pytest.raises(InputError, match=r"alnet\.t9\.test\.mean"):
        explain("alnet.t9.test.men", None, "md")


@pytest.mark.trains
@pytest.mark.trains
def test_a_moved_verdict_flag_and_headline_are_told_and_an_unmoved_report_is_quiet(home: Path, tmp_path: Path) -> None:
    first = home / "reports" / "smoke"
    assert "Nothing moved" in diff(str(first), str(first), "", "md")
    second = shutil.copytree(first, tmp_path / "smoke")
    plain = json.loads(lzma.decompress((second / RECORD).read_bytes()))
    verdicts = plain["files"]["verdicts.json"]
    verdicts["verdicts"][0]["verdict"] = "reproduced"
    question = verdicts["questions"]["known_answer.cohort.accuracy"]
    was = question["honest"][0]["estimate"]["value"]
    question["honest"][0]["estimate"]["value"] = was + 0.05
    question["honest"][0]["estimate"]["seed_variance"] = 0.02**2
    verdicts["shortcuts"][0]["flagged"] = not verdicts["shortcuts"][0]["flagged"]
    plain["files"]["findings.json"] = plain["files"]["findings.json"][1:]
    (second / RECORD).write_bytes(lzma.compress(json.dumps(plain).encode()))
    within = json.loads(diff(str(first), str(second), "", "json"))[0]
    assert [change["kind"] for change in within["changes"]].count("verdict") == 1
    assert {change["kind"] for change in within["changes"]} == {"verdict", "finding", "flag"}
    assert within["within_noise"] == 1, "5 points are within 1.96 x sqrt(2) x 2 = 5.5"
    question["honest"][0]["estimate"]["seed_variance"] = 0.015**2
    (second / RECORD).write_bytes(lzma.compress(json.dumps(plain).encode()))
    beyond = diff(str(first), str(second), "", "md")
    assert "1 headlines beyond" in beyond and "±4.2 points" in beyond and f"{100 * (was + 0.05):.1f} %" in beyond


@pytest.mark.trains
@pytest.mark.trains
def test_two_commits_are_compared_by_the_records_that_they_hold(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(home / "reports", repository / "reports")

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=repository, check=True)

    git("init", "-q")
    for message in ("one", "two"):
        (repository / "note").write_text(message, encoding="utf-8")
        git("add", ".")
        git("commit", "-qm", message)
    monkeypatch.setenv("LEUKBENCH_HOME", str(repository))
    assert "smoke: HEAD~1 → HEAD" in diff("HEAD~1", "HEAD", "", "md")
    for wrong in ("nowhere", "--output=x"):
        with pytest.raises(InputError, match="neither a folder"):
            diff(wrong, "HEAD", "", "md")


@pytest.mark.trains
def test_editing_a_claim_changes_no_file_that_training_reads(home: Path, tmp_path: Path) -> None:
    text = paper_file("known_answer").read_text(encoding="utf-8")
    value = load_paper("known_answer").claim("known_answer.cohort.accuracy").value
    assert text.count(f'value: "{value}"') == 1
    edited = tmp_path / "paper.yaml"
    edited.write_text(text.replace(f'value: "{value}"', 'value: "12.3"'), encoding="utf-8")
    paper = read_paper(edited)
    assert paper.claim("known_answer.cohort.accuracy").value == "12.3"
    written = (home / "out" / "smoke" / "studies" / "known_answer-cohort.json").read_text(encoding="utf-8")
    assert json_text(resolve_study(paper, "cohort")) == written
    train = dvc_stages()["train"]["deps"]
    assert not any("paper.yaml" in dep or dep == "leukbench/papers" for dep in train)


# ------------------------------------------------------------------------------------------------------ dvc.yaml


def test_every_command_of_the_pipeline_exists_and_takes_its_name() -> None:
    from leukbench.cli.app import app

    commands = {c.name or c.callback.__name__ for c in app.registered_commands}  # type: ignore[union-attr]
    for name, stage in dvc_stages().items():
        words = (stage.get("do") or stage)["cmd"].split()
        assert words[0] == "leukbench" and words[1] == name and name in commands
        assert words[2:] in ([], ["${key}"], ["--stage"])


@pytest.mark.trains
def test_a_changed_claim_runs_only_audit_compare_and_the_pages_again(home: Path, params: Params) -> None:
    """They alone depend on whole paper.yaml files; what the audit writes for the others does not hold the claim."""
    inner = {name: stage.get("do") or stage for name, stage in dvc_stages().items()}
    reads_claims = {name for name, stage in inner.items() if "leukbench/papers" in stage["deps"]}
    assert reads_claims == {"audit", "compare", "report", "site"}
    file = home / "out" / "smoke" / "papers" / "known_answer.json"
    before, paper = file.read_text(encoding="utf-8"), load_paper("known_answer")
    for changed, same in (("known_answer.cohort.accuracy", True), ("known_answer.params", False)):
        claims = [c.model_copy(update={"value": "12"}) if c.id == changed else c for c in paper.claims]
        assert (
            json_text(audit_stage.without_claims(paper.model_copy(update={"claims": tuple(claims)}))) == before
        ) is same
    recipes = {name: r.model_copy(update={"where": "elsewhere"}) for name, r in paper.recipes.items()}
    assert json_text(audit_stage.without_claims(paper.model_copy(update={"recipes": recipes}))) != before


@pytest.mark.trains
def test_every_output_that_the_pipeline_declares_was_written(home: Path, params: Params) -> None:
    write_site(home / "site", html=True)
    written = [home / out for stage in dvc_stages().values() for one in instances(stage, params) for out in outs(one)]
    assert len(written) > 10
    for out in written:
        assert out.is_file() or any(file.is_file() for file in out.glob("*")), out


@pytest.mark.trains
def test_every_dependency_is_code_of_the_project_or_made_by_a_stage_before(home: Path, params: Params) -> None:
    made = {out for stage in dvc_stages().values() for one in instances(stage, params) for out in outs(one)}
    for stage in dvc_stages().values():
        for one in instances(stage, params):
            for dep in one.get("deps", ()):
                is_code = dep.startswith("leukbench/") and (ROOT / dep).exists()
                is_made = any(f"{dep}/".startswith(f"{out}/") or out.startswith(f"{dep}/") for out in made)
                assert is_code or is_made, dep
                assert not dep.startswith(("runs", "data"))


@pytest.mark.trains
def test_dvc_itself_accepts_the_pipeline(home: Path) -> None:
    from dvc.repo import Repo

    with Repo(str(ROOT)) as repo:
        names = {stage.addressing for stage in repo.index.stages}
    params = load_params(ROOT / "params.yaml")
    wanted = {f"group@{source}" for source in params.sources} | {f"decode@{store}" for store in params.stores}
    assert wanted | {"split", "train", "audit", "compare", "report"} <= names


def test_training_depends_on_the_networks_of_every_paper_and_on_no_claim() -> None:
    """dvc.yaml names no paper: what the audit stage sets apart of each, its claims left out, holds the hash of its
    model.py."""
    from leukbench.pipeline.audit import without_claims

    deps = set(dvc_stages()["train"]["deps"])
    assert "out/${profile}/papers" in deps and not any(dep.startswith("leukbench/papers") for dep in deps)
    assert "leukbench/papers" in dvc_stages()["audit"]["deps"]
    assert "out/${profile}/papers" in outs(dvc_stages()["audit"])
    for key in paper_keys(made_up=True):
        model = (ROOT / "leukbench" / "papers" / key / "model.py").read_bytes()
        assert without_claims(load_paper(key))["model_sha256"] == hashlib.sha256(model).hexdigest()


def test_no_stage_names_a_paper_or_a_source() -> None:
    """A sixth paper, and a dataset, need no edit of dvc.yaml."""
    deps = " ".join(dep for stage in dvc_stages().values() for dep in stage.get("do", stage)["deps"])
    names = [*paper_keys(made_up=True), *source_names()]
    assert [name for name in names if re.search(rf"\b{name}\b", deps)] == []


# ------------------------------------------------------------------------------------------------------- profiles


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_names_only_what_exists_and_serves_its_arms(name: str) -> None:
    params = load_profile(ROOT / "profiles" / f"{name}.yaml")
    assert params.profile == name
    papers = {key: load_paper(key) for key in params.papers}
    for experiment_name, experiment in params.experiments.items():
        paper, store = papers[experiment.paper], params.stores[experiment.store]
        study = paper.studies[experiment.study]
        resolved = resolve_study(paper, experiment.study)
        plan_stage.rule_of(resolved, experiment)  # raises where the reading does not exist
        assert experiment.source in {study.source, study.stand_in}
        for arm in experiment.arms:
            assert paper.arms[arm].study == experiment.study, (experiment_name, arm)
            recipe = paper.recipes[paper.arms[arm].recipe].recipe
            assert (store.side_px, store.crop) == (recipe.input_px, recipe.crop), (experiment_name, arm)


@pytest.mark.parametrize("name", PROFILES)
def test_margin_and_headlines_of_a_profile_are_frozen(name: str) -> None:
    params = load_profile(ROOT / "profiles" / f"{name}.yaml")
    headlines = {k: v for key in params.papers for k, v in load_paper(key).headlines().items()}
    assert params.verdicts.sha256 == frozen_digest(params.verdicts.margin, params.verdicts.alpha, headlines)


def test_baselines_and_full_hold_every_arm_of_every_paper() -> None:
    papers = {key: load_paper(key) for key in paper_keys()}
    for name in ("baselines", "full"):
        every = {
            (key, arm)
            for key, paper in papers.items()
            for arm, of in paper.arms.items()
            if name == "full" or paper.studies[of.study].stand_in
        }
        experiments = load_profile(ROOT / "profiles" / f"{name}.yaml").experiments.values()
        for protocol in ("image", "patient"):
            assert {(c.paper, arm) for c in experiments if c.protocol == protocol for arm in c.arms} == every


def test_full_holds_every_protocol_and_reading_that_has_labels() -> None:
    experiments = load_profile(ROOT / "profiles" / "full.yaml").experiments.values()
    run = {(c.paper, c.study, c.protocol, c.reading) for c in experiments}
    assert not any(
        (c.limits.images, c.limits.class_size, c.limits.epochs, c.limits.folds) != (None,) * 4 for c in experiments
    )
    for key in paper_keys():
        for name, study in load_paper(key).studies.items():
            counts = load_source(study.source).card.counts
            for protocol, readings in study.protocols.items():
                rungs = readings if protocol == "as_published" else readings[:1]  # others stand beside the ladder
                for reading in rungs:
                    labelled = all(set(counts[pool]) != {""} for pool in reading.rule.test_pool)
                    shown = reading.name if protocol == "as_published" else ""
                    assert ((key, name, protocol, shown) in run) == labelled, (key, name, protocol, reading.name)


# ------------------------------------------------------------------------------------------------------ bad input

Command = Callable[..., str]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with 16 images of two patients, indexed, grouped and resolved."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    write_plan(tmp_path, known_plan("small", {"by-patient": known_experiment("patient")}, images=16))
    prepare(load_params())
    return tmp_path


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line as a user does; it must end with exit code 2 and a message, which is returned."""

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["leukbench", *words])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        assert end.value.code == 2
        assert printed.err.startswith("leukbench: ") and "Traceback" not in printed.err
        return printed.err

    return run


def made_image(home: Path) -> Path:
    return sorted((home / "data").rglob("*.png"))[0]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("images: 16", "images: sixteen", "sources.known_answer.images"),
        ("side_px: 32", "side_px: large", "stores.s.side_px"),
        ("    arms:", "    limits: {epochs: [1]}\n    arms:", "experiments.by-patient.limits.epochs"),
        ("    arms:", "    limits: {training_rows: 0}\n    arms:", "training_rows is 0 and must be at least 1"),
        ("    arms:", "    limits: {folds: -1}\n    arms:", "folds is -1 and must be at least 1"),
        ("    arms:", "    limits: {folds: true}\n    arms:", "by-patient.limits.folds is True and must be"),
        ("    arms:", "    limits: {epochs: '10'}\n    arms:", "by-patient.limits.epochs is '10' and must be"),
        ("    arms:", "    pretrained: 0\n    arms:", "by-patient.pretrained is 0 and must be true or false"),
        ("side_px: 32", "side_px: '32'", "stores.s.side_px"),
        ("profile: small", "seed: true\nprofile: small", "seed: Input should be a valid integer"),
        ("margin: 0.05", "margin: 5", "verdicts.margin"),
        ("profile: small", "profil: small", "profil"),
        ("protocol: patient", "protocol: patients", "experiments.by-patient.protocol"),
        ("store: s\n", "store: t\n", "experiment by-patient: store 't'"),
        ("[cohort_cnn]", "[cohort_cnn, cohort_cnn]", "experiment by-patient: arm 'cohort_cnn' stands twice"),
        ("[known_answer]", "[known_answer, known_answer]", "papers: 'known_answer' stands twice"),
        ("    arms:", "    limits: {seeds: 100000000}\n    arms:", "seeds is 100000000 and must be at most 1000"),
    ],
)
def test_a_params_value_of_the_wrong_type_is_named(small: Path, refused: Command, old: str, new: str, key: str) -> None:
    file = small / "params.yaml"
    file.write_text(file.read_text().replace(old, new, 1), encoding="utf-8")
    message = refused("index", "known_answer")
    assert key in message and "params.yaml" in message


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("claims", "--paper", "alnett"), "did you mean 'alnet'"),
        (("audit", "--paper", "dscnett"), "did you mean 'dscnet'"),
        (("index", "known_anwser"), "did you mean 'known_answer'"),
        (("split", "by-patients"), "did you mean 'by-patient'"),
        (("resolve", "cohorts"), "did you mean 'cohort'"),
    ],
)
def test_a_name_that_does_not_exist_names_the_nearest(
    small: Path, refused: Command, words: tuple[str, ...], nearest: str
) -> None:
    assert nearest in refused(*words)


@pytest.mark.parametrize("stage", ["split", "train", "evaluate", "compare", "report", "certify", "grid"])
def test_a_plan_without_experiments_is_refused_by_each_stage_that_runs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Command, stage: str
) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    write_plan(tmp_path, known_plan("small", {}))
    assert "params.yaml has no experiments" in refused(stage)


def test_a_thousand_seeds_are_within_the_limit() -> None:
    assert Limits(seeds=1000).seeds == 1000
    with pytest.raises(ValueError, match="seeds is 1001 and must be at most 1000"):
        Limits(seeds=1001)


def test_an_arm_that_the_study_lacks_is_refused_before_anything_is_split(small: Path, refused: Command) -> None:
    file = small / "params.yaml"
    file.write_text(file.read_text().replace("[cohort_cnn]", "[cohort_cn]"), encoding="utf-8")
    message = refused("split")
    assert "unknown arm 'cohort_cn'" in message and "did you mean 'cohort_cnn'" in message
    assert not (small / "out" / "small" / "splits").exists()


def test_an_output_folder_that_cannot_be_written_is_named(small: Path, refused: Command) -> None:
    shutil.rmtree(small / "out" / "small" / "studies")
    (small / "out" / "small" / "studies").write_text("a file where the folder should be")
    message = refused("resolve", "cohort")
    assert "cannot write an output" in message and "studies" in message and "LEUKBENCH_HOME" in message


def test_a_fold_with_one_class_is_refused_with_its_reason(small: Path, refused: Command) -> None:
    message = refused("split", "by-patient")  # three folds cannot each hold both classes with one patient a class
    assert "normal" in message and "1" in message
    assert not (small / "out" / "small" / "splits").exists()


def test_a_label_outside_the_card_is_refused_and_the_old_manifest_stays(small: Path, refused: Command) -> None:
    rows = next((small / "data").rglob("rows.csv"))
    rows.write_text(rows.read_text().replace(",normal,", ",Martian,", 1), encoding="utf-8")
    manifest = small / "out" / "small" / "sources" / "known_answer" / "manifest.csv"
    before = manifest.read_bytes()
    message = refused("index", "known_answer")
    assert "label is outside the card" in message and "Martian" in message and "normal" in message
    assert manifest.read_bytes() == before


def test_a_truncated_image_is_refused_with_its_path(small: Path, refused: Command) -> None:
    image = made_image(small)
    image.write_bytes(image.read_bytes()[:-40])
    message = refused("index", "known_answer")
    assert image.name in message and "truncated" in message


def test_an_image_with_another_hash_is_refused_with_its_path(small: Path, refused: Command) -> None:
    image = made_image(small)
    cv2.imwrite(str(image), 255 - cv2.imread(str(image)))  # type: ignore[operator]
    message = refused("index", "known_answer")
    assert image.name in message and "expected" in message and "found" in message


def test_a_missing_image_is_refused_with_its_path(small: Path, refused: Command) -> None:
    image = made_image(small)
    image.unlink()
    assert image.name in refused("index", "known_answer")


def test_images_that_change_after_indexing_are_not_decoded(small: Path, refused: Command) -> None:
    image = made_image(small)
    shutil.copyfile(sorted((small / "data").rglob("*.png"))[-1], image)
    message = refused("decode", "s")
    assert image.stem in message
    assert not (small / "out" / "small" / "stores" / "s.npy").exists()


def test_a_stage_before_its_turn_names_the_one_to_run(small: Path, refused: Command) -> None:
    assert "run the split stage" in refused("certify", "by-patient")
    assert "train" in refused("evaluate", "by-patient")


# --------------------------------------------------------------------------------------------------------- README


PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("commands", "running", "your_own", "limits")))


def test_the_pages_name_every_command_and_none_that_does_not_exist() -> None:
    from leukbench.cli.app import app

    commands = {c.name or c.callback.__name__ for c in app.registered_commands}  # type: ignore[union-attr]
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    rows = re.findall(r"^\| `leukbench ([^|]+)\|", text, re.MULTILINE)
    assert {word for row in rows for word in re.findall(r"[\w-]+", row)} == commands
    shown = "\n".join(re.findall(r"^    leukbench .*$", text, re.MULTILINE))
    assert set(re.findall(r"leukbench ([a-z-]+)", shown)) <= commands
    assert {f"`{name}`" for name in PROFILES} <= set(re.findall(r"^\| (`[\w-]+`) \|", text, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_readme_and_its_pages_lead_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")) if "://" not in link]
    assert links and [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []
