"""Two sources as one manifest, for training on the one and testing on the other. Pure: no disk, no clock.

A transfer is a challenge (``SplitRule.test_pool``) whose test pools are those of another source. Ids, groups, patients,
labels and pools of the tested source get its name in front,
so that nothing of it can be taken for something of the first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from leukbench.cohort.manifest import study_images
from leukbench.errors import InputError
from leukbench.records import SplitRule

_OF_SOURCE = ("image_id", "origin", "patient", "label", "pool", "official_fold")


@dataclass(frozen=True)
class CommonClasses:
    """How the classes of a study and the labels of another source meet."""

    common_of: Mapping[str, str]  # class of the study -> class in common
    tested_as: Mapping[str, str]  # label of the tested source -> class of the study that stands for its class in common


@dataclass(frozen=True)
class Joined:
    """A source and a tested one as one: what a split and its certificate are made from."""

    manifest: pd.DataFrame
    groups: pd.DataFrame
    rule: SplitRule
    classes: Mapping[str, tuple[str, ...]]
    n_left_out: int  # training images whose group shares a file or pixels with a tested image


def common_classes(
    classes: Mapping[str, Sequence[str]], *, source: Mapping[str, str], target: Mapping[str, str]
) -> CommonClasses:
    """Return which class in common each class of a study is, and what each label of the tested source is tested as.

    ``source`` and ``target`` are the cards' ``maps``. Where several classes of the study are one in common (three
    stages of leukaemia), the first stands for them in the split. Labels that no class of the study answers to are not
    tested.

    Raises
    ------
    InputError
        Unless two classes in common stand on both sides, or where a class of the study is several of them.
    """
    common_of: dict[str, str] = {}
    for name, labels in classes.items():
        found = sorted({source.get(label, "") for label in labels})
        if len(found) != 1 or not found[0]:
            raise InputError(
                "a class of the study is not one class in common",
                where=f"class {name}",
                expected="one entry of the card's maps",
                found=", ".join(f or "(none)" for f in found) or "(no label)",
                do="correct maps in the source's card",
            )
        common_of[name] = found[0]
    stands_for = {common: name for name, common in reversed(common_of.items())}
    tested_as = {label: stands_for[common] for label, common in target.items() if common in stands_for}
    if len(set(tested_as.values())) < 2:
        raise InputError(
            "the classes of two sources do not map", expected="two classes in common",
            found=f"{', '.join(sorted(stands_for))} against {', '.join(sorted(set(target.values())))}",
            do="transfer between sources whose cards' maps share two classes",
        )  # fmt: skip
    return CommonClasses(common_of, tested_as)


def named(source: str, ids: pd.Series) -> pd.Series:
    """Return ids of a tested source with its name in front; "" stays."""
    return ids.where(ids.eq(""), f"{source}:" + ids)


def _trained_here_tested_there(rule: SplitRule, here: pd.Series[str], there: pd.Series[str]) -> SplitRule:
    return dataclasses.replace(
        rule,
        unit="group",
        within=None,
        k=None,
        shares=None,
        class_size_test=None,
        pool=tuple(sorted(set(here))),
        test_pool=tuple(sorted(set(there))),
        augment="none" if rule.augment == "none" else "after_train",
    )


def join_sources(
    effective: pd.DataFrame,
    groups: pd.DataFrame,
    tested: pd.DataFrame,
    tested_groups: pd.DataFrame,
    *,
    target: str,
    rule: SplitRule,
    classes: Mapping[str, Sequence[str]],
    common: CommonClasses,
) -> Joined:
    """Return both sources as one, and the rule that trains on all of ``effective`` and tests on all of ``tested``.

    The pools, the validation share and the planned training copies of ``rule`` stay, its cut and its test copies go.
    Training images are left out, with their group, where a tested image has the same file or pixels.

    Parameters
    ----------
    effective, groups
        Rows of the training source that take part, and its groups.
    tested, tested_groups
        Rows of the tested source, and its groups.
    target
        The tested source's name, put before its ids, so that these cannot meet the training source's.
    rule
        The study's rule by patient.
    classes
        Class of the study -> labels of the training source.
    common
        The classes that both sources have, and as which of them each tested label counts.

    Returns
    -------
    Manifest and groups of both, the rule, the labels of each class, and how many training images were left out.
    """
    images = study_images(tested, {label: [label] for label in common.tested_as})
    kept, n_left_out = _without_shared(effective, groups, images)
    renamed = images.assign(**{column: named(target, images[column]) for column in _OF_SOURCE})
    their_groups = tested_groups[tested_groups["image_id"].isin(images["image_id"])]
    renamed_groups = their_groups.assign(
        **{column: named(target, their_groups[column]) for column in ("image_id", "group")}
    )
    ours = groups[groups["image_id"].isin(kept["image_id"])]
    return Joined(
        manifest=pd.concat([kept, renamed], ignore_index=True),
        groups=pd.concat([ours, renamed_groups], ignore_index=True),
        rule=_trained_here_tested_there(rule, kept["pool"], renamed["pool"]),
        classes={
            name: (*labels, *(f"{target}:{label}" for label, as_ in common.tested_as.items() if as_ == name))
            for name, labels in classes.items()
        },
        n_left_out=n_left_out,
    )


def _without_shared(effective: pd.DataFrame, groups: pd.DataFrame, tested: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the training images whose groups hold nothing that is tested, and how many were left out."""
    shared = pd.Series(False, index=effective.index)
    for column in ("sha256", "pixel_sha256"):
        shared |= effective[column].ne("") & effective[column].isin(set(tested[column]))
    group = effective["image_id"].map(groups.set_index("image_id")["group"])
    out = group.isin(set(group[shared]))
    return effective[~out].reset_index(drop=True), int(out.sum())
