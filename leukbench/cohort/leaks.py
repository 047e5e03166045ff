"""Leaks: how many test images share an original, or a field, with a training image. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from leukbench.cohort.groups import make_groups
from leukbench.cohort.manifest import origin_of
from leukbench.cohort.splits import make_splits
from leukbench.records import SplitRule


@dataclass(frozen=True, kw_only=True)
class Leak:
    """What the test part of one split shares with its training part."""

    split: str
    n_train: int
    n_test: int
    n_unknown: int  # test images whose origin is not known; they count as sharing nothing
    same_origin: int  # test images whose original some training image was made from
    same_group: int  # test images in a group (origin, equal or near-equal pixels, field) of a training image


def leak_between(name: str, train: pd.DataFrame, test: pd.DataFrame, groups: pd.DataFrame) -> Leak:
    """Return the leak between two parts of a manifest; ``groups`` is the groups table of the source."""
    group = groups.set_index("image_id")["group"]
    trained, tested = set(group.loc[train["image_id"]]), group.loc[test["image_id"]]
    return Leak(
        split=name,
        n_train=len(train),
        n_test=len(test),
        n_unknown=int(test["origin"].eq("").sum()),
        same_origin=int(origin_of(test).isin(set(origin_of(train))).sum()),
        same_group=int(tested.isin(trained).sum()),
    )


def leak_of_rule(
    name: str, manifest: pd.DataFrame, groups: pd.DataFrame, rule: SplitRule, *, classes: Sequence[str], seed: int = 0
) -> Leak:
    """Return the leak of a rule that cuts the manifest once (one fold)."""
    split = make_splits(manifest, groups, rule, seed=seed, classes={label: (label,) for label in classes})
    role = manifest["image_id"].map(split.set_index("image_id")["role"])
    return leak_between(name, manifest[role.eq("train")], manifest[role.eq("test")], groups)


def release_leaks(
    manifest: pd.DataFrame, pairs: pd.DataFrame, *, parts: tuple[str, str], pool: Sequence[str], classes: Sequence[str]
) -> list[Leak]:
    """Return what the habitual splits of an augmented release leak.

    The publisher's own ``parts`` (training, test); validation of 20 % cut by image from its training part; the whole
    ``pool`` cut by image, 80/20.
    """
    groups = make_groups(manifest, pairs)
    train, test = (manifest[manifest["pool"].eq(part)] for part in parts)
    leaks = [leak_between(f"the release's {parts[0]} and {parts[1]}", train, test, groups)]
    cuts: Mapping[str, tuple[str, ...]] = {
        f"20 % of {parts[0]} at random as validation": (parts[0],),
        "the pooled release, 80/20 at random": tuple(pool),
    }
    for name, pools in cuts.items():
        rule = SplitRule(unit="image", pool=pools, shares=(0.8, 0.2))
        leaks.append(leak_of_rule(name, manifest, groups, rule, classes=classes))
    return leaks
