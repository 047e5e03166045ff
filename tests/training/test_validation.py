"""Validation scores of an experiment: those of the epoch that the recipe chooses, of validation images alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from leukbench.errors import DataError
from leukbench.records import Limits
from leukbench.training.experiment import train_experiment
from leukbench.training.run import find_run, run_folder
from leukbench.training.validation import validation_table
from tests.support.tiny_experiment import CPU, collect, make_experiment, make_split, make_study, store
from tests.support.tiny_world import CLASSES

pytestmark = pytest.mark.trains


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))


def test_it_holds_every_runs_scores_at_the_chosen_epoch_and_no_tested_image(tmp_path: Path) -> None:
    study = make_study(tmp_path, checkpoint="best_validation_accuracy")
    tested, receipt = collect(study, make_experiment(limits=Limits(seeds=2)))
    table = validation_table(receipt, make_split(), classes=CLASSES, store=store())
    assert list(table.columns) == list(tested.columns) and set(table["selection"]) == {"recipe"}
    assert table.groupby(["arm", "fold", "seed"]).size().to_dict() == {
        (a, f, s): 10 for a in ("wet", "dry") for f in (0, 1) for s in (0, 1)
    }
    split = make_split()
    validated = split[split["role"] == "validation"]
    assert set(table["image_id"]) == set(validated["image_id"])
    assert not set(table["image_id"]) & set(tested["image_id"])
    for run in receipt["runs"]:
        done = find_run(run["key"])
        assert done is not None
        epoch = run["epochs_selected"]["best_validation"]
        rows = table[(table["arm"] == run["arm"]) & (table["fold"] == run["fold"]) & (table["seed"] == run["seed"])]
        np.testing.assert_array_equal(rows[["score_blue", "score_red"]].to_numpy(), done.validation[epoch])


def test_a_split_without_validation_gives_an_empty_table_with_the_same_columns(tmp_path: Path) -> None:
    split = make_split()
    split.loc[split["role"] == "validation", "role"] = "train"
    tested, receipt = train_experiment(
        make_study(tmp_path), make_experiment(arms=("wet",)), split, store=store(), device=CPU, limited_source=False
    )
    table = validation_table(receipt, split, classes=CLASSES, store=store())
    assert table.empty and list(table.columns) == list(tested.columns)


def test_an_experiment_without_runs_gives_an_empty_table_with_the_same_columns(tmp_path: Path) -> None:
    tested, receipt = collect(make_study(tmp_path), make_experiment(arms=()))
    table = validation_table(receipt, make_split(), classes=CLASSES, store=store())
    assert table.empty and list(table.columns) == list(tested.columns)


def test_runs_that_are_gone_or_were_validated_on_other_rows_are_refused(tmp_path: Path) -> None:
    _, receipt = collect(make_study(tmp_path), make_experiment(arms=("wet",), limits=Limits(folds=1)))
    split = make_split()
    fewer = split.drop(split.index[split["role"] == "validation"][0])
    with pytest.raises(DataError, match="other rows"):
        validation_table(receipt, fewer, classes=CLASSES, store=store())
    shutil.rmtree(run_folder(receipt["runs"][0]["key"]))
    with pytest.raises(DataError, match="is gone"):
        validation_table(receipt, split, classes=CLASSES, store=store())
