from __future__ import annotations

import json

import pandas as pd
import pytest

from leukbench.cohort.certificate import check_certificate, make_certificate
from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.cohort.groups import make_groups
from leukbench.cohort.splits import make_splits
from leukbench.records import Protocol, SplitRule
from tests.support.cohorts import CLASSES, manifest_of

NO_PAIRS = pd.DataFrame(columns=list(PAIR_COLUMNS))
PATIENTS = [(f"a{i}", "all", 6) for i in range(8)] + [(f"h{i}", "hem", 5) for i in range(8)]
BY_GROUP = SplitRule(unit="group", k=4)


def made(
    manifest: pd.DataFrame, rule: SplitRule, protocol: Protocol
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    groups = make_groups(manifest, NO_PAIRS)
    split = make_splits(manifest, groups, rule, seed=0, classes=CLASSES, n_searched=3)
    return groups, split, make_certificate(manifest, groups, split, rule=rule, protocol=protocol)


def test_an_honest_split_is_certified_and_survives_json() -> None:
    manifest = manifest_of(PATIENTS)
    groups, split, certificate = made(manifest, BY_GROUP, "patient")
    again = json.loads(json.dumps(certificate))
    assert check_certificate(again, manifest=manifest, groups=groups, split=split) == []
    assert certificate["shared"] == dict.fromkeys(("images", "origins", "identical_pixels", "patients", "groups"), 0)
    assert certificate["sentence"] == "by patient, ids published"
    test = certificate["folds"][0]["roles"]["test"]  # type: ignore[index]
    assert (test["images"], test["patients"], test["groups"], test["class"]) == (22, 4, 4, {"ALL": 12, "HEM": 10})


def test_an_image_split_under_the_patient_protocol_is_refused_with_the_count() -> None:
    _, _, certificate = made(manifest_of(PATIENTS), SplitRule(unit="image", k=4), "patient")
    problems = check_certificate(certificate)
    assert any("keeps patients apart" in p and "shared (fold 0, 1, 2, 3)" in p for p in problems)
    assert any("must be cut by group" in p for p in problems)


def test_a_patient_under_two_names_joined_by_identical_pixels_is_caught() -> None:
    manifest = manifest_of(PATIENTS)
    twins = manifest["image_id"].isin(["train_a0_0_0.bmp", "train_a1_1_0.bmp"])
    manifest.loc[twins, "pixel_sha256"] = "same"
    naive = pd.DataFrame(
        {"image_id": manifest["image_id"], "group": manifest["patient"], "reason": "patient", "evidence": "verified"}
    )
    caught = []
    for seed in range(8):  # some seed puts a0 and a1 on different sides
        split = make_splits(manifest, naive, BY_GROUP, seed=seed, classes=CLASSES, n_searched=1)
        certificate = make_certificate(manifest, naive, split, rule=BY_GROUP, protocol="patient")
        apart = (
            split[split["role"].eq("test") & split["patient"].isin(["a0", "a1"])]
            .groupby("fold")["patient"]
            .nunique()
            .max()
            == 1
        )
        assert bool(check_certificate(certificate)) == apart
        assert certificate["shared"]["identical_pixels"] == (2 if apart else 0)
        caught.append(apart)
    assert any(caught)
    groups, split, certificate = made(manifest, BY_GROUP, "patient")
    assert check_certificate(certificate, manifest=manifest, groups=groups, split=split) == []
    assert groups.set_index("image_id")["group"].loc["train_a1_1_3.bmp"] == "a0"


def test_augmentation_before_the_split_is_caught_and_may_be_declared() -> None:
    manifest = manifest_of(PATIENTS)
    rule = SplitRule(unit="image", shares=(0.75, 0.25), augment="before", copies=3)
    _, _, as_patient = made(manifest, rule, "patient")
    assert any("origins apart" in p for p in check_certificate(as_patient))
    assert any("no copies" in p for p in check_certificate(as_patient))
    _, _, declared = made(manifest, rule, "augment_first")
    assert check_certificate(declared) == []
    assert "origins" in str(declared["declares"])


def test_a_tested_image_copied_into_training_is_caught_under_every_protocol_that_forbids_it() -> None:
    manifest = manifest_of(PATIENTS)
    groups, split, _ = made(manifest, BY_GROUP, "patient")
    row = split[split["role"].eq("test")].head(1).assign(role="train")
    leaky = pd.concat([split, row], ignore_index=True)
    for protocol in ("patient", "image", "augment_first"):
        certificate = make_certificate(manifest, groups, leaky, rule=BY_GROUP, protocol=protocol)  # type: ignore[arg-type]
        assert any("keeps images apart" in p for p in check_certificate(certificate)), protocol


def test_augmented_copies_in_an_honest_test_part_are_caught() -> None:
    rule = SplitRule(unit="group", k=4, augment="after_both", copies=1)
    _, _, certificate = made(manifest_of(PATIENTS), rule, "patient")
    assert any("88 augmented copies are tested" in p for p in check_certificate(certificate))


@pytest.mark.parametrize("what", ["split", "group column", "certificate", "manifest", "groups"])
def test_tampering_after_certification_is_detected(what: str) -> None:
    manifest = manifest_of(PATIENTS)
    groups, split, certificate = made(manifest, BY_GROUP, "patient")
    certificate = json.loads(json.dumps(certificate))
    if what == "split":
        first = split.index[split["role"].eq("test")][0]
        split.loc[first, "role"] = "train"
    elif what == "group column":
        split.loc[0, "group"] = "somebody else"
    elif what == "certificate":
        certificate["shared"]["patients"] = 1
    elif what == "manifest":
        manifest.loc[0, "patient"] = "h0"
    else:
        groups.loc[0, "group"] = "h0"
    assert check_certificate(certificate, manifest=manifest, groups=groups, split=split)


def test_a_certificate_made_for_an_edited_split_does_not_vouch_for_it() -> None:
    manifest = manifest_of(PATIENTS)
    groups, split, _ = made(manifest, BY_GROUP, "patient")
    split.loc[split["group"].eq("a0"), ["group", "patient"]] = "a0-renamed"
    certificate = make_certificate(manifest, groups, split, rule=BY_GROUP, protocol="patient")
    problems = check_certificate(certificate)
    assert any("agrees with groups" in p for p in problems)
    assert any("agrees with manifest" in p for p in problems)


def test_without_patient_ids_nothing_is_called_patient_level() -> None:
    manifest = manifest_of([("", label, 1) for label in ["all"] * 20 + ["hem"] * 20])
    _, _, certificate = made(manifest, SplitRule(unit="group", k=4), "patient")
    assert certificate["sentence"] == "by group, no patient ids published"
    assert certificate["verdicts"]["keeps_patients_apart"] is None  # type: ignore[index]
    assert check_certificate(certificate) == []


def test_as_published_that_shares_without_saying_so_is_a_violation() -> None:
    _, _, certificate = made(manifest_of(PATIENTS), SplitRule(unit="image", shares=(0.8, 0.2)), "as_published")
    assert check_certificate(certificate) == []
    assert any("does not say so" in p for p in check_certificate(certificate | {"declares": ""}))
