"""Two sources as one: what is trained, what is tested,
and that nothing of the one is taken for something of the other."""

from __future__ import annotations

import pandas as pd
import pytest

from leukbench.cohort.certificate import check_certificate, make_certificate
from leukbench.cohort.groups import make_groups
from leukbench.cohort.splits import make_splits
from leukbench.cohort.transfers import CommonClasses, Joined, common_classes, join_sources
from leukbench.errors import InputError
from leukbench.records import MANIFEST_COLUMNS, SplitRule
from leukbench.sources import load_source

CELLS = {"ALL": ("ALL",), "HEM": ("HEM",)}
STAGES = {"Benign": ("Benign",), "Early": ("Early",), "Pre": ("Pre",), "Pro": ("Pro",)}
RULE = SplitRule(unit="group", pool=("train",), k=3, validation=0.25, augment="after_both", copies=1)


def source(labels: dict[str, int], *, pool: str, patients: bool, pixels: str) -> pd.DataFrame:
    """Return a manifest of ``n`` images a label, two images a patient where there are patients; ids are i0, i1, ..."""
    rows = []
    for label, n in labels.items():
        for _ in range(n):
            k = len(rows)
            patient = f"p{k // 2}" if patients else ""
            rows.append((f"i{k}", f"i{k}.png", f"{pixels}{k}", f"{pixels}{k}", label, patient,
                         "verified" if patients else "absent", f"i{k}", pool, "", "1", "4", "4"))  # fmt: skip
    return pd.DataFrame(rows, columns=list(MANIFEST_COLUMNS), dtype=str)


def no_pairs() -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series(dtype=str) for c in ("image_id_a", "image_id_b", "kind", "hamming", "distance")})


def join(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[Joined, CommonClasses]:
    common = common_classes(
        CELLS, source=load_source("cnmc_2019").card.maps, target=load_source("aria_all_2021").card.maps
    )
    groups = [make_groups(manifest, no_pairs()) for manifest in (ours, theirs)]
    return join_sources(
        ours, groups[0], theirs, groups[1], target="aria_all_2021", rule=RULE, classes=CELLS, common=common
    ), common


@pytest.fixture
def cells() -> pd.DataFrame:
    return source({"ALL": 12, "HEM": 8}, pool="train", patients=True, pixels="a")


@pytest.fixture
def smears() -> pd.DataFrame:
    return source({"Benign": 3, "Early": 2, "Pre": 2, "Pro": 2}, pool="original", patients=False, pixels="b")


def split_of(joined: Joined) -> pd.DataFrame:
    return make_splits(joined.manifest, joined.groups, joined.rule, seed=0, classes=joined.classes)


# -------------------------------------------------------------------------------------------------------- the classes


def test_three_stages_are_one_class_in_common_in_both_directions() -> None:
    cnmc, aria = (load_source(name).card.maps for name in ("cnmc_2019", "aria_all_2021"))
    there = common_classes(CELLS, source=cnmc, target=aria)
    assert there.common_of == {"ALL": "leukaemia", "HEM": "healthy"}
    assert there.tested_as == {"Benign": "HEM", "Early": "ALL", "Pre": "ALL", "Pro": "ALL"}
    back = common_classes(STAGES, source=aria, target=cnmc)
    assert back.common_of == {"Benign": "healthy", "Early": "leukaemia", "Pre": "leukaemia", "Pro": "leukaemia"}
    assert back.tested_as == {"ALL": "Early", "HEM": "Benign"}


def test_blood_cells_share_no_two_classes_with_leukaemia() -> None:
    blood, aria = (load_source(name).card for name in ("blood_cells", "aria_all_2021"))
    classes = {c: (c,) for c in blood.classes}
    with pytest.raises(
        InputError, match=r"(?s)do not map.*two classes in common.*neutrophil against healthy, leukaemia"
    ):
        common_classes(classes, source=blood.maps, target=aria.maps)


def test_a_class_of_several_common_ones_is_refused() -> None:
    aria = load_source("aria_all_2021").card.maps
    with pytest.raises(InputError, match="not one class in common"):
        common_classes({"any": ("Benign", "Pro"), "Pre": ("Pre",)}, source=aria, target=aria)


# ---------------------------------------------------------------------------------------------------------- the split


def test_all_of_the_source_trains_and_all_of_the_other_is_tested(cells: pd.DataFrame, smears: pd.DataFrame) -> None:
    joined, _ = join(cells, smears)
    split = split_of(joined)
    assert split["fold"].unique().tolist() == [0]
    tested, side = split[split["role"] == "test"], split[split["role"] != "test"]
    assert set(tested["image_id"]) == {f"aria_all_2021:i{k}" for k in range(9)} and (tested["copy"] == 0).all()
    assert set(side["origin"]) == set(cells["image_id"]) and joined.n_left_out == 0
    validation = side[side["role"] == "validation"]
    assert 0 < len(validation) < len(side) and not set(validation["patient"]) & set(
        side[side["role"] == "train"]["patient"]
    )
    assert side[side["role"] == "train"]["copy"].value_counts().to_dict() == {
        0: len(cells) - len(validation), 1: len(cells) - len(validation)
    }  # fmt: skip
    assert tested.groupby("label").size().to_dict() == {"ALL": 6, "HEM": 3}


def test_equal_ids_patients_and_groups_of_two_sources_do_not_collide(cells: pd.DataFrame) -> None:
    theirs = source({"Benign": 4, "Pro": 4}, pool="train", patients=True, pixels="b")  # the very same ids and patients
    joined, _ = join(cells, theirs)
    assert joined.manifest["image_id"].is_unique and len(joined.manifest) == 28
    certificate = make_certificate(
        joined.manifest, joined.groups, split_of(joined), rule=joined.rule, protocol="transfer"
    )
    assert not any(certificate["shared"].values()) and certificate["verdicts"]["keeps_patients_apart"] is True
    assert len(split_of(joined).query("role == 'test'")) == 8


def test_a_tested_image_that_the_source_holds_too_takes_its_group_out_of_training(
    cells: pd.DataFrame, smears: pd.DataFrame
) -> None:
    smears.loc[0, "pixel_sha256"] = cells.loc[4, "pixel_sha256"]
    joined, _ = join(cells, smears)
    assert joined.n_left_out == 2  # both images of that patient
    split = split_of(joined)
    assert (
        "i4" not in set(split["origin"])
        and "i5" not in set(split["origin"])
        and len(split[split["role"] == "test"]) == 9
    )
    certificate = make_certificate(joined.manifest, joined.groups, split, rule=joined.rule, protocol="transfer")
    assert check_certificate(certificate) == []


def test_images_of_no_class_in_common_are_not_tested(cells: pd.DataFrame) -> None:
    theirs = source({"Benign": 2, "Early": 2, "": 3, "Other": 2}, pool="original", patients=False, pixels="b")
    joined, _ = join(cells, theirs)
    assert (joined.manifest["image_id"].str.startswith("aria_all_2021:")).sum() == 4


# ---------------------------------------------------------------------------------------------------- the certificate


def test_the_certificate_speaks_of_the_tested_source(cells: pd.DataFrame, smears: pd.DataFrame) -> None:
    joined, _ = join(cells, smears)
    certificate = make_certificate(
        joined.manifest, joined.groups, split_of(joined), rule=joined.rule, protocol="transfer"
    )
    assert certificate["evidence"] == "absent"
    assert certificate["sentence"] == "by source; the tested groups: by group, no patient ids published"
    assert certificate["verdicts"]["tests_another_source"] is True and certificate["declares"] == ""
    tables = {"manifest": joined.manifest, "groups": joined.groups, "split": split_of(joined)}
    assert check_certificate(certificate, **tables) == []


@pytest.mark.parametrize(("image", "role"), [("aria_all_2021:i0", "train"), ("i0", "test")])
def test_an_image_on_the_wrong_side_breaks_the_promise(
    image: str, role: str, cells: pd.DataFrame, smears: pd.DataFrame
) -> None:
    joined, _ = join(cells, smears)
    split = split_of(joined)
    split.loc[split["image_id"] == image, "role"] = role
    certificate = make_certificate(joined.manifest, joined.groups, split, rule=joined.rule, protocol="transfer")
    assert any("tests another source" in problem for problem in check_certificate(certificate))


def test_certificates_of_other_protocols_are_as_they_were(cells: pd.DataFrame) -> None:
    groups = make_groups(cells, no_pairs())
    rule = SplitRule(unit="group", k=2)
    split = make_splits(cells, groups, rule, seed=0, classes=CELLS)
    certificate = make_certificate(cells, groups, split, rule=rule, protocol="patient")
    assert "tests_another_source" not in certificate["verdicts"] and check_certificate(certificate) == []
