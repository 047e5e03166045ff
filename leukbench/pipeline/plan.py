"""Planning: who takes part in an experiment, under which rule, at what size; and the same of a transfer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leukbench.artefacts import ReadingName, ResolvedStudy, Sizes, SplitPlan, TransferPlan
from leukbench.errors import InputError, unknown_name
from leukbench.params import Params
from leukbench.pipeline.layout import read_study, source_file, sources_now, whole
from leukbench.records import Experiment, Limits, Reading, SplitRule

if TYPE_CHECKING:
    from leukbench.sources.base import SourceCard


def rule_of(study: ResolvedStudy, experiment: Experiment) -> tuple[Reading, SplitRule]:
    """Return the reading of an experiment's protocol and its rule.

    Raises
    ------
    InputError
        Where the study has none of that name.
    """
    readings = study.protocols.get(experiment.protocol, ())
    by_name = {r.name: r for r in readings}
    where = f"study {experiment.paper}.{experiment.study}"
    if not readings:
        raise unknown_name("protocol", experiment.protocol, study.protocols, where=where)
    if experiment.reading and experiment.reading not in by_name:
        raise unknown_name("reading", experiment.reading, by_name, where=where)
    reading = by_name[experiment.reading] if experiment.reading else readings[0]
    return reading, reading.rule


RUNGS = frozenset({"image", "augment_first", "patient", "challenge"})
"""The protocols that are compared with each other: they train on equally much (:func:`split`)."""


def one_ladder(experiment: Experiment, other: Experiment) -> bool:
    """Say whether two experiments are rungs of one ladder (an experiment is one with itself)."""
    keys = ("paper", "study", "source", "store")
    return other.protocol in RUNGS and all(getattr(experiment, key) == getattr(other, key) for key in keys)


@dataclass(frozen=True)
class _Planned:
    """An experiment's split as its rule gives it, and what it was made from."""

    table: Any
    effective: Any
    groups: Any
    rule: SplitRule
    plan: SplitPlan


class PlannedSplits:
    """The splits of experiments as their rules give them, each made once."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self._made: dict[Experiment, _Planned] = {}
        self._stores: dict[str, str] = {}

    def of(self, experiment: Experiment) -> _Planned:
        """Return an experiment's split; experiments that differ in arms, epochs, folds or seeds share one."""
        own = experiment.limits
        limits = Limits(images=own.images, class_size=own.class_size, training_rows=own.training_rows)
        key = dataclasses.replace(experiment, store="", arms=(), pretrained=None, precision="fp32", limits=limits)
        if key not in self._made:
            plan = _planned_transfer if experiment.protocol == "transfer" else _planned_split
            self._made[key] = _within_training_rows(plan(self.params, experiment), seed=self.params.seed)
        return self._made[key]

    def made_from(self, experiment: Experiment) -> dict[str, str]:
        """Return the sha256 of each file of an experiment's sources, and the digest of each store that decode makes of
        them.
        """
        stores = [store for store in (experiment.store, experiment.test_store) if store]
        return {**sources_now(self.params, experiment), **{f"store {store}": self._store(store) for store in stores}}

    def _store(self, name: str) -> str:
        from leukbench.pixels.store import store_digest

        if name not in self._stores:
            store = self.params.stores[name]
            manifest, _ = _tables_of(self.params, store.source)
            self._stores[name] = store_digest(manifest, side_px=store.side_px, crop=store.crop)
        return self._stores[name]


def _within_training_rows(planned: _Planned, *, seed: int) -> _Planned:
    """Return a split with no more training rows a fold than its experiment's limit; what is tested stays."""
    from leukbench.cohort.splits import training_sizes, trim_training

    limit, sizes = planned.plan.experiment.limits.training_rows, training_sizes(planned.table)
    if limit is None or limit >= max(sizes.values()):
        return planned
    table = trim_training(planned.table, {fold: min(n, limit) for fold, n in sizes.items()}, seed=seed)
    return dataclasses.replace(planned, table=table)


def _planned_split(params: Params, experiment: Experiment) -> _Planned:
    from leukbench.cohort.splits import make_splits

    study = read_study(params, experiment)
    reading, rule = rule_of(study, experiment)
    manifest, groups = _tables_of(params, experiment.source)
    effective, rule = effective_rows(manifest, groups, study, rule, experiment, seed=params.seed)
    table = make_splits(effective, groups, rule, seed=params.seed, classes=study.classes)
    sizes = sizes_of(manifest, effective, study, rule, experiment)
    plan = SplitPlan(
        reading=ReadingName(name=reading.name, basis=reading.basis, evidence=reading.evidence),
        sizes=dataclasses.replace(sizes, whole_folds=whole_folds(manifest, effective, study, rule, table)),
        experiment=experiment,
    )
    return _Planned(table, effective, groups, rule, plan)


def _planned_transfer(params: Params, experiment: Experiment) -> _Planned:
    from leukbench.cohort.splits import make_splits

    planned = plan_transfer(params, experiment)
    joined = planned.joined
    table = make_splits(joined.manifest, joined.groups, joined.rule, seed=params.seed, classes=planned.classes)
    return _Planned(table, joined.manifest, joined.groups, joined.rule, planned.plan)


def effective_rows(
    manifest: Any, groups: Any, study: ResolvedStudy, rule: SplitRule, experiment: Experiment, *, seed: int
) -> tuple[Any, SplitRule]:
    """Return the rows that take part, and the rule with its planned class sizes scaled to what is published.

    Where official folds are tested by each other only those take part of which no image is missing.
    """
    from leukbench.cohort.manifest import limit_manifest
    from leukbench.pixels.store import present_rows

    rows = _rows_of_rule(manifest, study, rule)
    effective = present_rows(rows).reset_index(drop=True)
    if rule.across:
        effective = effective[effective[rule.across].isin(_whole_parts(rows, effective, rule.across))]
        effective = effective.reset_index(drop=True)
    if experiment.limits.images is not None and experiment.limits.images < len(effective):
        least = max(2, rule.k or 2)
        effective = limit_manifest(effective, experiment.limits.images, seed=seed, groups=groups, least=least)
    share = min(1.0, len(effective) / _published(rows, study, rule, experiment))
    sizes = (_class_size(size, share, experiment) for size in (rule.class_size, rule.class_size_test))
    return effective, dataclasses.replace(rule, class_size=next(sizes), class_size_test=next(sizes))


def _class_size(planned: int | None, share: float, experiment: Experiment) -> int | None:
    """Return a planned class size in proportion to the images that take part, and within the experiment's limit."""
    if planned is None:
        return None
    return min(max(1, round(planned * share)), experiment.limits.class_size or planned)


def _rows_of_rule(manifest: Any, study: ResolvedStudy, rule: SplitRule) -> Any:
    """Return the manifest's rows of the study's classes in the rule's pools."""
    pools = set(rule.pool) | set(rule.test_pool) or set(manifest["pool"])
    labels = {label for of_class in study.classes.values() for label in of_class}
    return manifest[manifest["pool"].isin(pools) & manifest["label"].isin(labels)]


def _published(rows: Any, study: ResolvedStudy, rule: SplitRule, experiment: Experiment) -> int:
    """Return how many images of the study's classes the card of the experiment's source states for the rule's pools."""
    from leukbench.sources import load_source

    counts = load_source(experiment.source).card.counts
    pools = (set(rule.pool) | set(rule.test_pool)) or set(rows["pool"])
    labels = {label for of_class in study.classes.values() for label in of_class}
    return sum(n for pool in pools for label, n in counts[pool].items() if label in labels)


def sizes_of(manifest: Any, effective: Any, study: ResolvedStudy, rule: SplitRule, experiment: Experiment) -> Sizes:
    """Return effective beside original counts; ``complete`` says that no published image of the rule's pools is
    missing.
    """
    published = _published(_rows_of_rule(manifest, study, rule), study, rule, experiment)
    parts = sorted(set(effective[rule.within or rule.across or "pool"]))
    return Sizes(
        n_images=len(effective),
        n_images_published=published,
        complete=len(effective) == published,
        parts=tuple(map(str, parts)),
    )


def _whole_parts(rows: Any, effective: Any, column: str) -> set[str]:
    """Return the official folds whose published images all take part. ``rows`` are those of the manifest, at hand or
    not.
    """
    published, here = (table[column].value_counts() for table in (rows, effective))
    return {str(part) for part, n in here.items() if part and n == published[part]}


def whole_folds(manifest: Any, effective: Any, study: ResolvedStudy, rule: SplitRule, table: Any) -> tuple[int, ...]:
    """Return the folds of a split that test an official fold, or a part of one, of which no image is missing."""
    column = rule.within or rule.across
    if column is None:
        return ()
    whole = _whole_parts(_rows_of_rule(manifest, study, rule), effective, column)
    tested = table[table["role"].eq("test") & table["copy"].eq(0)].drop_duplicates("fold")
    part_of = effective.set_index("image_id")[column]
    return tuple(sorted(int(t.fold) for t in tested.itertuples() if part_of[t.image_id] in whole))


@dataclass(frozen=True)
class PlannedTransfer:
    """What a transfer's split is made from: both sources as one, the rule, the classes, and what the page
    tells of it.
    """

    joined: Any
    classes: Any
    plan: SplitPlan


def plan_transfer(params: Params, experiment: Experiment) -> PlannedTransfer:
    """Return a transfer's joined manifest, groups and rule: the study's rule by patient without its cut.

    Raises
    ------
    InputError
        Where the study has no rule by patient, the classes of the two sources do not map, or one is made from the
        other.
    """
    from leukbench.cohort.transfers import common_classes, join_sources
    from leukbench.pixels.store import present_rows, store_digest
    from leukbench.sources import load_source

    study = read_study(params, experiment)
    by_patient = dataclasses.replace(experiment, protocol="patient", reading="")
    _reading, rule = rule_of(study, by_patient)
    names = (experiment.source, experiment.test_source)
    manifests, groups = zip(*(_tables_of(params, name) for name in names), strict=True)
    cards = [load_source(name).card for name in names]
    refuse_copies(*cards)
    effective, rule = effective_rows(manifests[0], groups[0], study, rule, by_patient, seed=params.seed)
    common = common_classes(study.classes, source=cards[0].maps, target=cards[1].maps)
    joined = join_sources(
        effective, groups[0], present_rows(manifests[1]), groups[1], target=experiment.test_source, rule=rule,
        classes=study.classes, common=common,
    )  # fmt: skip
    store = params.stores[experiment.test_store]
    plan = SplitPlan(
        reading=_reading_of_transfer(*names),
        sizes=sizes_of(manifests[0], effective, study, rule, by_patient),
        experiment=experiment,
        transfer=TransferPlan(
            source=experiment.source,
            target=experiment.test_source,
            common_of=dict(common.common_of),
            tested_as=dict(common.tested_as),
            n_left_out=joined.n_left_out,
            test_store_sha256=store_digest(manifests[1], side_px=store.side_px, crop=store.crop),
        ),
    )
    return PlannedTransfer(joined, {name: tuple(labels) for name, labels in joined.classes.items()}, plan)


def _reading_of_transfer(source: str, target: str) -> ReadingName:
    evidence = f"all of {source} trains, all of {target} is tested; else the study's rule by patient"
    return ReadingName(name="transfer", basis="stated", evidence=evidence)


def _tables_of(params: Params, source: str) -> tuple[Any, Any]:
    """Return a source's manifest and groups as the index and group stages wrote them."""
    from leukbench.cohort.manifest import read_manifest
    from leukbench.cohort.tables import read_groups

    manifest = read_manifest(whole(source_file(params, source, "manifest.csv"), stage="index"))
    return manifest, read_groups(whole(source_file(params, source, "groups.csv"), stage="group"))


def refuse_copies(source: SourceCard, target: SourceCard) -> None:
    """Raise InputError where one source was made from the images of the other: equal pixels would not tell."""
    if source.name in target.made_from or target.name in source.made_from:
        raise InputError(
            "one of two sources was made from the other's images", where=f"transfer {source.name} → {target.name}",
            expected="sources that share no image", found="made_from in a card", do="transfer to another source",
        )  # fmt: skip
