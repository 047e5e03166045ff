"""``leukbench certify``: what the pipeline wrote is kept, and every way to tamper with it is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from leukbench.cli.app import app
from leukbench.errors import DataError, InputError
from leukbench.params import load_params
from leukbench.records import digest
from leukbench.tools.certify import certify
from tests.support.plans import known_experiment, known_plan, write_plan

EXPERIMENTS = {
    "by-image": known_experiment("image"),
    "by-patient": known_experiment("patient", limits={"images": 64}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace in which the stages up to split have run."""
    home = tmp_path_factory.mktemp("workspace")
    write_plan(home, known_plan("small", EXPERIMENTS, images=96))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKBENCH_HOME", str(home))
        for stage, name in (
            ("fetch", "known_answer"), ("index", "known_answer"), ("group", "known_answer"), ("resolve", "cohort"),
            ("split", "by-image"), ("split", "by-patient"),
        ):  # fmt: skip
            result = CliRunner().invoke(app, [stage, name], catch_exceptions=False)
            assert result.exit_code == 0, result.output
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of that workspace to break."""
    copy = tmp_path / "workspace"
    shutil.copytree(made, copy, ignore=shutil.ignore_patterns("data"))
    monkeypatch.setenv("LEUKBENCH_HOME", str(copy))
    return copy


def _splits(home: Path) -> Path:
    return home / "out" / "small" / "splits"


def _edit_certificate(home: Path, experiment: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a certificate and renew its own hash, as somebody who cheats would."""
    file = _splits(home) / f"{experiment}.certificate.json"
    certificate = json.loads(file.read_text(encoding="utf-8"))
    edit(certificate)
    certificate["self_sha256"] = digest({k: v for k, v in certificate.items() if k != "self_sha256"})
    file.write_text(json.dumps(certificate), encoding="utf-8")


def test_untouched_splits_are_kept_and_say_what_they_share(home: Path) -> None:
    result = CliRunner().invoke(app, ["certify"])
    assert result.exit_code == 0
    image, patient = result.stdout.splitlines()
    assert image.startswith("by-image: kept; protocol image, 3 folds")
    assert "patients" in image.split("summed over folds")[1]
    assert patient.startswith("by-patient: kept; protocol patient, 3 folds")
    assert patient.endswith("nothing is shared between training side and test")


def test_one_experiment_can_be_named(home: Path) -> None:
    text, broken = certify(load_params(), "by-patient")
    assert (broken, text.count("\n")) == (False, 0)
    with pytest.raises(InputError, match="did you mean 'by-image'"):
        certify(load_params(), "by-imag")


def test_patient_moved_to_the_other_side_is_found(home: Path) -> None:
    file = _splits(home) / "by-patient.csv"
    split = pd.read_csv(file, dtype=str, keep_default_na=False)
    tested = split.index[(split["fold"] == "0") & (split["role"] == "test")][0]
    split.loc[tested, "role"] = "train"
    split.to_csv(file, index=False)
    result = CliRunner().invoke(app, ["certify"])
    assert result.exit_code == 1
    assert "by-image: kept" in result.stdout and "by-patient: BROKEN" in result.stdout
    assert "the split is not the one that was certified" in result.stdout


def test_other_manifest_or_groups_are_found(home: Path) -> None:
    file = home / "out" / "small" / "sources" / "known_answer" / "groups.csv"
    groups = pd.read_csv(file, dtype=str, keep_default_na=False)
    groups["group"] = groups["image_id"]
    groups.to_csv(file, index=False)
    text, broken = certify(load_params(), "by-image")
    assert broken and "the groups is not the one that was certified" in text


@pytest.mark.parametrize(
    ("experiment", "edit", "words"),
    [
        (
            "by-image",
            lambda c: c.update(protocol="as_published"),
            "it certifies protocol as_published, the experiment is image",
        ),
        ("by-image", lambda c: c["rule"].update(k=5), "another split rule"),
        ("by-image", lambda c: c["shared"].update(patients=0), "counting again gives another certificate"),
        (
            "by-patient",
            lambda c: c["verdicts"].update(keeps_patients_apart=False),
            "promises that it keeps patients apart",
        ),
        ("by-patient", lambda c: c.pop("verdicts"), "it lacks verdicts"),
        ("by-patient", lambda c: c.update(format="leukbench-certificate-0"), "this is not a certificate"),
    ],
)
def test_cheated_certificate_is_found(
    home: Path, experiment: str, edit: Callable[[dict[str, Any]], None], words: str
) -> None:
    _edit_certificate(home, experiment, edit)
    text, broken = certify(load_params(), experiment)
    assert broken
    assert words in text


def test_edit_without_a_new_hash_is_found(home: Path) -> None:
    file = _splits(home) / "by-image.certificate.json"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"sentence": "', '"sentence": "not '), encoding="utf-8")
    text, broken = certify(load_params(), "by-image")
    assert broken and "edited after it was made" in text


def test_missing_output_names_the_stage(home: Path) -> None:
    (_splits(home) / "by-image.certificate.json").unlink()
    with pytest.raises(DataError, match="run the split stage"):
        certify(load_params(), "")
