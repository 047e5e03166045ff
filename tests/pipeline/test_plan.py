"""Which rows take part in a split, and which of its folds lack nothing of the published one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from leukbench.artefacts import ResolvedStudy
from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.cohort.groups import make_groups
from leukbench.cohort.splits import make_splits, training_sizes
from leukbench.cohort.tables import read_split
from leukbench.params import Params, load_params
from leukbench.pipeline.layout import experiment_file, read_plan, read_study
from leukbench.pipeline.plan import PlannedSplits, effective_rows, sizes_of, whole_folds
from leukbench.pipeline.split import split
from leukbench.pipeline.train import as_split
from leukbench.records import Experiment, Limits, SplitRule
from leukbench.sources import load_source
from leukbench.training.experiment import plan_arm
from tests.support.plans import known_experiment, known_plan, prepare, write_plan

STUDY = ResolvedStudy(
    paper="alnet", study="cnmc", source="cnmc_2019", classes={"HEM": ("HEM",), "ALL": ("ALL",)}, positive="ALL",
    protocols={}, arms={},
)  # fmt: skip
EXPERIMENT = Experiment(
    paper="alnet", study="cnmc", protocol="as_published", source="cnmc_2019", store="s", arms=()
)  # fmt: skip
WITHIN = SplitRule(unit="image", pool=("train",), within="official_fold", shares=(0.8, 0.2))
ACROSS = SplitRule(unit="group", pool=("train",), across="official_fold")


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    """C-NMC's manifest as published, of which folds 0 and 1 are at hand and every fourth cell of fold 2."""
    source = load_source("cnmc_2019")
    assert source.published is not None
    rows = pd.DataFrame(source.published())
    part = rows["official_fold"].eq("fold_2") & (rows.index % 4 > 0)
    here = rows["pool"].eq("train") & ~part
    return rows.assign(present=here.astype(int), pixel_sha256=rows["sha256"], width_px=450, height_px=450)


def planned(published: pd.DataFrame, rule: SplitRule) -> tuple[pd.DataFrame, pd.DataFrame]:
    groups = make_groups(published, pd.DataFrame(columns=list(PAIR_COLUMNS)))
    rows, rule = effective_rows(published, groups, STUDY, rule, EXPERIMENT, seed=0)
    return rows, make_splits(rows, groups, rule, seed=0, classes=STUDY.classes, n_searched=1)


def test_a_fold_of_which_a_part_is_missing_is_cut_but_not_whole(published: pd.DataFrame) -> None:
    rows, table = planned(published, WITHIN)
    assert set(table["fold"]) == {0, 1, 2}
    assert whole_folds(published, rows, STUDY, WITHIN, table) == (0, 1)
    sizes = sizes_of(published, rows, STUDY, WITHIN, EXPERIMENT)
    assert not sizes.complete and sizes.n_images_published == 10_661 and sizes.n_images == len(rows)


def test_official_folds_are_tested_by_each_other_only_where_they_are_whole(published: pd.DataFrame) -> None:
    rows, table = planned(published, ACROSS)
    assert set(rows["official_fold"]) == {"fold_0", "fold_1"} and len(rows) == 3527 + 3581
    assert table[table["role"].eq("test")].groupby("fold").size().to_dict() == {0: 3527, 1: 3581}
    assert table[table["role"].eq("train")].groupby("fold").size().to_dict() == {0: 3581, 1: 3527}
    assert whole_folds(published, rows, STUDY, ACROSS, table) == (0, 1)


def test_where_no_official_fold_is_named_none_is_whole_by_itself(published: pd.DataFrame) -> None:
    rule = dataclasses.replace(WITHIN, within=None)
    rows, table = planned(published, rule)
    assert whole_folds(published, rows, STUDY, rule, table) == ()


def cohort(home: Path, monkeypatch: pytest.MonkeyPatch, **limits: dict[str, int]) -> Params:
    """Return a plan of experiments ``<protocol>`` or ``<protocol>_few`` with their limits, ready to be split."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(home))
    experiments = {n: known_experiment(n.removesuffix("_few"), limits=of) for n, of in limits.items()}
    write_plan(home, known_plan("rows", experiments))
    params = load_params()
    prepare(params)
    return params


def test_fewer_training_rows_leave_all_that_is_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"patient": {}, "patient_few": {"training_rows": 40}, "as_published": {"training_rows": 30}}
    params = cohort(tmp_path, monkeypatch, **limits, image={"training_rows": 1000})
    splits = PlannedSplits(params)
    whole, few, published, image = (splits.of(experiment) for experiment in params.experiments.values())
    assert set(training_sizes(few.table).values()) == {40} and set(training_sizes(published.table).values()) == {30}
    rest = [s.table[s.table["role"].ne("train")].reset_index(drop=True) for s in (whole, few)]
    pd.testing.assert_frame_equal(*rest)
    assert min(training_sizes(image.table).values()) > 40


def test_a_rung_that_anothers_limit_cuts_down_is_limited_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rungs train on equally many rows: the whole one has as few as the other, and says of how many."""
    for limit in ({"training_rows": 20}, {"images": 48}):
        params = cohort(tmp_path, monkeypatch, patient={}, image=limit, as_published={"seeds": 2})
        most = min(n for p in ("patient", "image") for n in _rows_of(params, p))
        said = split(params, [*params.experiments])
        ran = training_sizes(read_split(experiment_file(params, "splits", "patient", ".csv")))[0]
        assert ran < most and f", {ran} of {most} training rows" in said[0]
        told = {name: read_plan(params, name).sizes.n_training_rows for name in params.experiments}
        as_run = as_split(params.experiments["patient"], read_plan(params, "patient"))
        study = read_study(params, as_run)
        assert plan_arm(study, "cohort_cnn", as_run, limited_source=False).deviations == ("limited",)
        assert told == {"patient": most, "image": most if "training_rows" in limit else 0, "as_published": 0}


def _rows_of(params: Params, protocol: str) -> list[int]:
    whole = dataclasses.replace(params.experiments[protocol], limits=Limits())
    return list(training_sizes(PlannedSplits(params).of(whole).table).values())
