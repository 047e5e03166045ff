from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leukbench.cohort.cuts import Units, cut_folds
from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.cohort.groups import make_groups
from leukbench.cohort.splits import make_splits, subsample_training, training_sizes
from leukbench.errors import SplitError
from leukbench.records import SPLIT_COLUMNS, SplitRule
from tests.support.cohorts import CLASSES, manifest_of

NO_PAIRS = pd.DataFrame(columns=list(PAIR_COLUMNS))
FOLD_1 = [(f"{n}", "all", 20 + 3 * n) for n in range(11)] + [("H10", "hem", 60), ("H14", "hem", 40), ("H22", "hem", 30)]


def split_of(manifest: pd.DataFrame, rule: SplitRule, *, seed: int = 0, n_searched: int = 4) -> pd.DataFrame:
    groups = make_groups(manifest, NO_PAIRS)
    return make_splits(manifest, groups, rule, seed=seed, classes=CLASSES, n_searched=n_searched)


sizes = st.lists(st.integers(1, 9), min_size=4, max_size=9)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(all_sizes=sizes, hem_sizes=sizes, k=st.integers(2, 4), seed=st.integers(0, 99))
def test_no_group_is_in_two_roles_and_each_image_is_tested_once(
    all_sizes: list[int], hem_sizes: list[int], k: int, seed: int
) -> None:
    patients = [(f"a{i}", "all", n) for i, n in enumerate(all_sizes)]
    manifest = manifest_of(patients + [(f"h{i}", "hem", n) for i, n in enumerate(hem_sizes)])
    split = split_of(manifest, SplitRule(unit="group", k=k), seed=seed, n_searched=2)
    assert (split.groupby(["fold", "group"])["role"].nunique() == 1).all()
    tested = split.loc[split["role"].eq("test"), "image_id"]
    assert sorted(tested) == sorted(manifest["image_id"])
    for _, part in split.groupby(["fold", "role"]):
        assert set(part["label"]) == set(CLASSES)


def test_validation_is_cut_by_the_same_unit() -> None:
    split = split_of(manifest_of(FOLD_1), SplitRule(unit="group", k=3, validation=0.2))
    assert (split.groupby(["fold", "group"])["role"].nunique() == 1).all()
    assert set(split["role"]) == {"train", "validation", "test"}


def test_three_folds_of_three_hem_subjects_test_one_each() -> None:
    split = split_of(manifest_of(FOLD_1), SplitRule(unit="group", k=3))
    tested = split[split["role"].eq("test") & split["label"].eq("HEM")]
    assert sorted(tested.groupby("fold")["group"].unique().map(lambda g: "+".join(g))) == ["H10", "H14", "H22"]


def test_the_split_depends_on_the_seed_but_neither_on_the_order_of_rows_nor_on_the_day() -> None:
    manifest = manifest_of([(f"a{i}", "all", 5) for i in range(20)] + [(f"h{i}", "hem", 5) for i in range(20)])
    rule = SplitRule(unit="group", k=4, validation=0.2)
    one = split_of(manifest, rule)
    pd.testing.assert_frame_equal(one, split_of(manifest.sample(frac=1, random_state=3).reset_index(drop=True), rule))
    assert not one.equals(split_of(manifest, rule, seed=1))
    assert tuple(one.columns) == SPLIT_COLUMNS
    assert one["fold"].dtype == one["copy"].dtype == np.int64


def test_folds_by_group_are_balanced_where_groups_are_equal() -> None:
    manifest = manifest_of([(f"a{i}", "all", 6) for i in range(20)] + [(f"h{i}", "hem", 3) for i in range(10)])
    split = split_of(manifest, SplitRule(unit="group", k=5))
    tested = split[split["role"].eq("test")].groupby(["fold", "label"])["group"].nunique().unstack()
    assert tested["ALL"].tolist() == [4] * 5
    assert tested["HEM"].tolist() == [2] * 5


def test_group_folds_are_no_worse_balanced_than_scikit_learns_own() -> None:
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(30), rng.integers(2, 80, 30))
    label = (group % 3 == 0).astype(np.int64)
    units = Units(label=label, group=group, groups=np.arange(30), classes=("a", "b"), where="test", what="group")

    def imbalance(masks: list[np.ndarray]) -> float:
        images = (
            max(abs(label[m].sum() / label.sum() - 0.2) for m in masks),
            max(abs((1 - label[m]).sum() / (1 - label).sum() - 0.2) for m in masks),
        )
        counts = [
            max(abs(len(np.unique(group[m & (label == c)])) / n - 0.2) for m in masks) for c, n in ((1, 10), (0, 20))
        ]
        return max(images) + max(counts)

    ours = imbalance(cut_folds(units, 5, seed=0, n_searched=20))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = []
        for _, test in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(label, label, group):
            mask = np.zeros(len(label), bool)
            mask[test] = True
            theirs.append(mask)
    assert ours <= imbalance(theirs) + 0.05


@pytest.mark.parametrize(
    ("shares", "validation", "n_all", "n_hem", "expected"),
    [
        ((0.8, 0.2), 0.0, 2418, 1163, {"train": 2864, "test": 717}),  # ALNet, official fold 1: 2,864 and 717 cells
        ((0.85, 0.15), 0.17647, 7272, 3389, {"train": 7462, "validation": 1599, "test": 1600}),  # Samhitha's notebook
    ],
)
def test_image_shares_give_the_papers_counts(
    shares: tuple[float, float], validation: float, n_all: int, n_hem: int, expected: dict[str, int]
) -> None:
    manifest = manifest_of([("a", "all", n_all), ("h", "hem", n_hem)])
    split = split_of(manifest, SplitRule(unit="image", shares=shares, validation=validation))
    assert split["role"].value_counts().to_dict() == expected
    share = split.groupby("role")["label"].apply(lambda x: (x == "ALL").mean())
    assert np.allclose(share, n_all / (n_all + n_hem), atol=0.001)


def test_within_official_folds_part_p_is_fold_p() -> None:
    manifest = manifest_of(
        [("a", "all", 30), ("b", "hem", 20), ("c", "all", 40), ("d", "hem", 20)],
        fold=["fold_0", "fold_0", "fold_2", "fold_2"],
    )
    split = split_of(manifest, SplitRule(unit="image", within="official_fold", shares=(0.8, 0.2)))
    assert split.groupby("fold")["patient"].agg(lambda p: "".join(sorted(set(p)))).to_dict() == {0: "ab", 2: "cd"}
    assert split[split["role"].eq("test")].groupby("fold").size().to_dict() == {0: 10, 2: 12}


def test_a_challenge_trains_on_one_pool_and_tests_another_without_shared_groups() -> None:
    train = manifest_of([("a", "all", 5), ("b", "hem", 5), ("c", "hem", 5)])
    test = manifest_of([("c", "hem", 2), ("d", "all", 3)], pool="prelim")
    manifest = pd.concat([train, test], ignore_index=True)
    split = split_of(manifest, SplitRule(unit="group", pool=("train",), test_pool=("prelim",)))
    roles = split.groupby("role")["patient"].agg(lambda p: "".join(sorted(set(p)))).to_dict()
    assert roles == {"test": "cd", "train": "ab"}


def test_across_official_folds_each_part_is_tested_once_by_what_the_others_teach() -> None:
    manifest = manifest_of(
        [("a", "all", 30), ("b", "hem", 20), ("c", "all", 40), ("d", "hem", 20), ("d", "hem", 3)],
        fold=["fold_0", "fold_0", "fold_2", "fold_2", "fold_0"],
    )
    split = split_of(manifest, SplitRule(unit="group", across="official_fold", augment="after_train", copies=1))
    roles = split.groupby(["fold", "role"])["patient"].agg(lambda p: "".join(sorted(set(p)))).to_dict()
    assert roles == {  # patient d is in both folds: its cells are tested with each, and teach nobody
        (0, "test"): "abd", (0, "train"): "c", (2, "test"): "cd", (2, "train"): "ab",
    }  # fmt: skip
    assert split.groupby(["fold", "role"]).size().to_dict() == {
        (0, "test"): 53, (0, "train"): 80, (2, "test"): 60, (2, "train"): 100,
    }  # fmt: skip


def test_across_a_single_official_fold_there_is_nothing_to_learn_from() -> None:
    with pytest.raises(SplitError, match="there are no others"):
        split_of(manifest_of([("a", "all", 3)], fold=["fold_0"]), SplitRule(unit="group", across="official_fold"))


def test_copies_planned_before_the_cut_fall_on_both_sides_and_keep_their_origin() -> None:
    manifest = manifest_of([("a", "all", 40), ("h", "hem", 30)])
    split = split_of(manifest, SplitRule(unit="image", shares=(0.8, 0.2), augment="before", class_size=100))
    assert split["label"].value_counts().to_dict() == {"ALL": 100, "HEM": 100}
    assert split.groupby("origin")["role"].nunique().gt(1).sum() > 20
    copies = split[split["copy"].gt(0)]
    assert (copies["image_id"] == copies["origin"] + "#" + copies["copy"].astype(str)).all()
    assert copies.groupby("origin").size().max() - copies[copies["label"].eq("ALL")].groupby("origin").size().min() <= 2


@pytest.mark.parametrize(("augment", "tested"), [("after_train", 12), ("after_both", 24)])
def test_copies_planned_after_the_cut_stay_on_their_side(augment: str, tested: int) -> None:
    manifest = manifest_of([(f"a{i}", "all", 3) for i in range(10)] + [(f"h{i}", "hem", 3) for i in range(10)])
    split = split_of(manifest, SplitRule(unit="group", shares=(0.8, 0.2), augment=augment, copies=1))  # type: ignore[arg-type]
    assert split.groupby("origin")["role"].nunique().max() == 1
    assert split["role"].value_counts().to_dict() == {"train": 96, "test": tested}


@pytest.mark.parametrize(
    ("patients", "rule", "reason"),
    [
        (
            [("a", "all", 9), ("b", "all", 9), ("h", "hem", 9)],
            SplitRule(unit="group", k=2),
            "'HEM' is in too few groups",
        ),
        ([("a", "all", 9), ("b", "all", 9)], SplitRule(unit="group", k=2), "no image of the class"),
        ([("a", "all", 9), ("h", "hem", 2)], SplitRule(unit="image", k=3), "'HEM' is in too few images"),
        (
            [("a", "all", 9), ("h", "hem", 9)],
            SplitRule(unit="group", shares=(0.8, 0.2)),
            "too few groups for two sides",
        ),
    ],
)
def test_a_degenerate_fold_is_refused_with_its_reason(
    patients: list[tuple[str, str, int]], rule: SplitRule, reason: str
) -> None:
    with pytest.raises(SplitError, match=reason):
        split_of(manifest_of(patients), rule)


def test_classes_that_share_a_group_are_cut_where_possible_and_refused_where_not() -> None:
    """Group b holds both classes: in two folds it stands against a and c; three folds cannot be."""
    manifest = manifest_of([("a", "all", 5), ("b", "hem", 5), ("b", "all", 5), ("c", "hem", 5)])
    split = split_of(manifest, SplitRule(unit="group", k=2))
    assert set(split[split["role"].eq("test")].groupby("fold")["label"].nunique()) == {2}
    three = manifest_of([("a", "all", 5), ("a", "hem", 5), ("b", "all", 5), ("c", "hem", 5)])
    with pytest.raises(SplitError, match=r"too few groups|degenerate"):
        split_of(three, SplitRule(unit="group", k=3))


@pytest.mark.parametrize(
    "rule",
    [
        SplitRule(unit="image"),
        SplitRule(unit="image", k=3, shares=(0.8, 0.2)),
        SplitRule(unit="group", k=3, across="official_fold"),
        SplitRule(unit="group", within="official_fold", across="official_fold"),
        SplitRule(unit="image", shares=(0.8, 0.1)),
        SplitRule(unit="image", k=3, augment="before"),
        SplitRule(unit="image", k=3, copies=2),
        SplitRule(unit="image", k=3, augment="before", copies=2, class_size=50),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule: SplitRule) -> None:
    with pytest.raises(SplitError, match="contradicts itself"):
        split_of(manifest_of(FOLD_1), rule)


def test_rungs_can_be_made_of_equal_training_size() -> None:
    split = split_of(manifest_of(FOLD_1), SplitRule(unit="group", k=3))
    n = min(training_sizes(split).values()) - 50
    small = subsample_training(split, n, seed=0)
    assert set(training_sizes(small).values()) == {n}
    assert small[small["role"].eq("test")].equals(
        split[split["role"].eq("test")].set_axis(small[small["role"].eq("test")].index)
    )
    whole, part = (
        s[s["role"].eq("train")].groupby("fold")["label"].apply(lambda x: (x == "ALL").mean()) for s in (split, small)
    )
    assert np.allclose(whole, part, atol=0.01)
    with pytest.raises(SplitError, match="fewer training rows"):
        subsample_training(split, 10_000, seed=0)
    for too_few in (-5, 0, 1):
        with pytest.raises(SplitError, match="too few training rows to keep every class"):
            subsample_training(split, too_few, seed=0)


def test_a_rule_keeps_a_share_of_each_folds_training_rows_by_class_and_leaves_the_others() -> None:
    rule = SplitRule(unit="image", k=3, validation=0.1, augment="before", copies=1)
    whole = split_of(manifest_of(FOLD_1), rule)
    half = split_of(manifest_of(FOLD_1), dataclasses.replace(rule, keep_train=0.5))
    plain = split_of(manifest_of(FOLD_1), SplitRule(unit="image", k=3, validation=0.1))
    rest = [s[s["role"].ne("train")].reset_index(drop=True) for s in (whole, half)]
    pd.testing.assert_frame_equal(*rest)
    kept, all_of_it = (set(zip(s["fold"], s["image_id"], strict=True)) for s in (half, whole))
    assert kept < all_of_it
    sizes = [training_sizes(s) for s in (half, plain)]
    assert all(abs(sizes[0][fold] - sizes[1][fold]) <= 2 for fold in range(3))
    shares = [s[s["role"].eq("train")]["label"].eq("ALL").mean() for s in (whole, half)]
    assert shares[0] == pytest.approx(shares[1], abs=0.001)
    for share in (0.0, 1.5):
        with pytest.raises(SplitError, match="keep_train must lie in"):
            split_of(manifest_of(FOLD_1), dataclasses.replace(rule, keep_train=share))
