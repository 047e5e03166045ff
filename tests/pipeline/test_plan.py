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
from leukbench.params import Params, load_params
from leukbench.pipeline.plan import PlannedSplits, effective_rows, sizes_of, whole_folds
from leukbench.records import Experiment, SplitRule
from leukbench.sources import load_source
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


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """A plan with a split as it is, two with fewer training rows, and one whose limit is above what there is."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    limited = {
        f"{protocol}-{rows}": known_experiment(protocol, limits={"training_rows": rows})
        for protocol, rows in (("patient", 40), ("as_published", 30), ("patient", 1000))
    }
    write_plan(tmp_path, known_plan("rows", {"patient": known_experiment("patient"), **limited}))
    params = load_params()
    prepare(params)
    return params


def test_fewer_training_rows_leave_all_that_is_tested(cohort: Params) -> None:
    splits = PlannedSplits(cohort)
    whole, few, published, all_of_it = (splits.of(experiment) for experiment in cohort.experiments.values())
    assert set(training_sizes(few.table).values()) == {40} and set(training_sizes(published.table).values()) == {30}
    rest = [s.table[s.table["role"].ne("train")].reset_index(drop=True) for s in (whole, few)]
    pd.testing.assert_frame_equal(*rest)
    most = max(training_sizes(whole.table).values())
    assert most > 40 and few.plan.sizes.n_training_rows == most
    assert few.plan.sizes.n_images == whole.plan.sizes.n_images
    pd.testing.assert_frame_equal(whole.table, all_of_it.table)
    assert whole.plan.sizes.n_training_rows == all_of_it.plan.sizes.n_training_rows == 0
