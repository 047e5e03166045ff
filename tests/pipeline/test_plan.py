"""Which rows take part in a split, and which of its folds lack nothing of the published one."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from leukbench.artefacts import ResolvedStudy
from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.cohort.groups import make_groups
from leukbench.cohort.splits import make_splits
from leukbench.pipeline.plan import effective_rows, sizes_of, whole_folds
from leukbench.records import Experiment, SplitRule
from leukbench.sources import load_source

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
