"""The stages that do, but for training: fetch, index, group, split, decode, resolve. Each reads files, calls the parts, writes files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leukbench.cli.layout import cell_file, files_of, json_text, read_json, source_file, store_file, study_file
from leukbench.errors import unknown_name
from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.records import Cell, Limits, SplitRule


def fetch(params: Params, source: str, *, from_dir: str | None = None, portal: str = "") -> str:
    """Put a source's files in place and write its receipt; return a line that says what is there, and what a portal brought."""
    from pathlib import Path

    from leukbench.sources import load_source
    from leukbench.sources.fetching import write_receipt

    loaded, folder, brought = load_source(source), files_of(params, source), ""
    if portal:
        from leukbench.sources.portals import fetch_by

        brought = fetch_by(loaded, portal, folder, from_dir=Path(from_dir) if from_dir else None) + "\n"
    elif loaded.make is not None:
        wanted = params.sources[source]
        loaded.make(folder, images=wanted.images, seed=wanted.seed)
    else:
        assert loaded.fetch is not None
        loaded.fetch(folder, from_dir=Path(from_dir) if from_dir else None)
    receipt = write_receipt(source_file(params, source, "receipt.json"), name=source, folder=folder)
    return f"{brought}{source}: {receipt['n_files']} files, {receipt['n_bytes'] / 1e6:.1f} MB"


def index(params: Params, source: str) -> str:
    """Write a source's manifest."""
    from leukbench.cohort.manifest import as_manifest, write_manifest
    from leukbench.sources import load_source

    manifest = as_manifest(load_source(source).index(files_of(params, source)))
    write_manifest(manifest, source_file(params, source, "manifest.csv"))
    present = int((manifest["present"] == "1").sum())
    return f"{source}: {len(manifest)} images, {present} at hand"


def group(params: Params, source: str) -> str:
    """Write a source's duplicate pairs and groups."""
    from leukbench.cohort.duplicates import PAIR_COLUMNS, find_duplicates, read_greys
    from leukbench.cohort.fields import field_pairs, shipped_fields, with_fields
    from leukbench.cohort.groups import make_groups
    from leukbench.cohort.manifest import read_manifest
    from leukbench.cohort.tables import write_groups, write_table

    manifest = read_manifest(source_file(params, source, "manifest.csv"))
    duplicates = find_duplicates(manifest, *read_greys(manifest, files_of(params, source)))
    pairs = with_fields(duplicates, field_pairs(shipped_fields(source), manifest))
    groups = make_groups(manifest, pairs)
    write_table(pairs, source_file(params, source, "pairs.csv"), columns=PAIR_COLUMNS)
    write_groups(groups, source_file(params, source, "groups.csv"))
    return f"{source}: {groups['group'].nunique()} groups, {len(pairs)} pairs of images that are equal, near-equal or of one field"


def resolve(params: Params, name: str) -> str:
    """Write a study without its claims."""
    from leukbench.papers.loader import load_paper
    from leukbench.papers.resolve import resolve_study

    if name not in params.studies:
        raise unknown_name("study", name, params.studies, where="params.yaml")
    wanted = params.studies[name]
    study = resolve_study(load_paper(wanted.paper), wanted.study)
    write_text(study_file(params, wanted.paper, wanted.study), json_text(study))
    return f"{name}: {len(study['arms'])} arms, protocols {', '.join(study['protocols'])}"


def rule_of(study: dict[str, Any], cell: Cell) -> tuple[dict[str, Any], SplitRule]:
    """Return the reading of a cell's protocol and its rule. Raises InputError where the study has none of that name."""
    readings = study["protocols"].get(cell.protocol, [])
    by_name = {r["name"]: r for r in readings}
    if not readings:
        raise unknown_name("protocol", cell.protocol, study["protocols"], where=f"study {cell.paper}.{cell.study}")
    if cell.reading and cell.reading not in by_name:
        raise unknown_name("reading", cell.reading, by_name, where=f"study {cell.paper}.{cell.study}")
    reading = by_name[cell.reading] if cell.reading else readings[0]
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in reading["rule"].items()}
    return reading, SplitRule(**plain)


RUNGS = frozenset({"image", "augment_first", "patient", "challenge"})
"""The protocols that are compared with each other: they train on equally much (:func:`split`)."""


def split(params: Params, names: Sequence[str]) -> list[str]:
    """Write the splits of cells and their certificates; only images at hand take part. Return a line a cell.

    Rungs of one ladder (cells of one study, source and store) are cut down to the training rows of the smallest fold among
    them, so that none of them is better for having more to learn from; ``as_published`` keeps its own size.
    """
    planned = _PlannedSplits(params)
    return [_write_split(params, name, planned) for name in names]


def _write_split(params: Params, name: str, planned: _PlannedSplits) -> str:
    from leukbench.cohort.certificate import check_certificate, make_certificate
    from leukbench.cohort.splits import subsample_training, training_sizes
    from leukbench.cohort.tables import write_split
    from leukbench.errors import SplitError

    cell = params.cell(name)
    mine = planned.of(cell)
    table = mine.table
    if cell.protocol in RUNGS:
        rungs = [planned.of(other).table for other in params.cells.values() if _one_ladder(cell, other)]
        equal = min(size for rung in rungs for size in training_sizes(rung).values())
        table = subsample_training(table, equal, seed=params.seed)
    certificate = make_certificate(mine.effective, mine.groups, table, rule=mine.rule, protocol=cell.protocol)
    violations = check_certificate(certificate)
    if violations:
        raise SplitError(
            "this split breaks what its protocol promises", where=f"cell {name}", found="; ".join(violations)
        )
    write_split(table, cell_file(params, "splits", name, ".csv"))
    write_text(cell_file(params, "splits", name, ".certificate.json"), json_text(certificate))
    write_text(cell_file(params, "splits", name, ".plan.json"), json_text({**mine.plan, "cell": cell}))
    return f"{name}: {table['fold'].nunique()} fold(s), {table['image_id'].nunique()} rows"


def _one_ladder(cell: Cell, other: Cell) -> bool:
    """Say whether two cells are rungs of one ladder (a cell is one with itself)."""
    keys = ("paper", "study", "source", "store")
    return other.protocol in RUNGS and all(getattr(cell, key) == getattr(other, key) for key in keys)


@dataclass(frozen=True)
class _Planned:
    """A cell's split as its rule gives it, and what it was made from."""

    table: Any
    effective: Any
    groups: Any
    rule: SplitRule
    plan: dict[str, Any]


class _PlannedSplits:
    """The splits of cells as their rules give them, each made once."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self._made: dict[Cell, _Planned] = {}

    def of(self, cell: Cell) -> _Planned:
        """Return a cell's split; cells that differ in arms, epochs, folds or seeds share one."""
        limits = Limits(images=cell.limits.images, class_size=cell.limits.class_size)
        key = dataclasses.replace(cell, store="", arms=(), pretrained=None, precision="fp32", limits=limits)
        if key not in self._made:
            plan = _planned_transfer if cell.protocol == "transfer" else _planned_split
            self._made[key] = plan(self.params, cell)
        return self._made[key]


def _planned_split(params: Params, cell: Cell) -> _Planned:
    from leukbench.cohort.manifest import read_manifest
    from leukbench.cohort.splits import make_splits
    from leukbench.cohort.tables import read_groups

    study = read_json(study_file(params, cell.paper, cell.study), stage="resolve")
    reading, rule = rule_of(study, cell)
    manifest = read_manifest(source_file(params, cell.source, "manifest.csv"))
    groups = read_groups(source_file(params, cell.source, "groups.csv"))
    effective, rule = effective_rows(manifest, groups, study, rule, cell, seed=params.seed)
    table = make_splits(effective, groups, rule, seed=params.seed, classes=study["classes"])
    plan = {
        "reading": {k: reading[k] for k in ("name", "basis", "evidence")},
        "sizes": sizes_of(manifest, effective, study, rule, cell),
    }
    return _Planned(table, effective, groups, rule, plan)


def _planned_transfer(params: Params, cell: Cell) -> _Planned:
    from leukbench.cli.transferring import plan_transfer
    from leukbench.cohort.splits import make_splits

    planned = plan_transfer(params, cell)
    joined = planned.joined
    table = make_splits(joined.manifest, joined.groups, joined.rule, seed=params.seed, classes=planned.classes)
    return _Planned(table, joined.manifest, joined.groups, joined.rule, planned.plan)


def effective_rows(
    manifest: Any, groups: Any, study: dict[str, Any], rule: SplitRule, cell: Cell, *, seed: int
) -> tuple[Any, SplitRule]:
    """Return the rows that take part, and the rule with its planned class sizes scaled to what is published."""
    from leukbench.cohort.manifest import limit_manifest
    from leukbench.pixels.store import present_rows

    rows = _rows_of_rule(manifest, study, rule)
    effective = present_rows(rows).reset_index(drop=True)
    if cell.limits.images is not None and cell.limits.images < len(effective):
        least = max(2, rule.k or 2)
        effective = limit_manifest(effective, cell.limits.images, seed=seed, groups=groups, least=least)
    share = min(1.0, len(effective) / _published(rows, study, rule, cell))
    sizes = (_class_size(size, share, cell) for size in (rule.class_size, rule.class_size_test))
    return effective, dataclasses.replace(rule, class_size=next(sizes), class_size_test=next(sizes))


def _class_size(planned: int | None, share: float, cell: Cell) -> int | None:
    """Return a planned class size in proportion to the images that take part, and within the cell's limit."""
    if planned is None:
        return None
    return min(max(1, round(planned * share)), cell.limits.class_size or planned)


def _rows_of_rule(manifest: Any, study: dict[str, Any], rule: SplitRule) -> Any:
    """Return the manifest's rows of the study's classes in the rule's pools."""
    pools = set(rule.pool) | set(rule.test_pool) or set(manifest["pool"])
    labels = {label for of_class in study["classes"].values() for label in of_class}
    return manifest[manifest["pool"].isin(pools) & manifest["label"].isin(labels)]


def _published(rows: Any, study: dict[str, Any], rule: SplitRule, cell: Cell) -> int:
    """Return how many images of the study's classes the card of the cell's source states for the rule's pools."""
    from leukbench.sources import load_source

    counts = load_source(cell.source).card.counts
    pools = (set(rule.pool) | set(rule.test_pool)) or set(rows["pool"])
    labels = {label for of_class in study["classes"].values() for label in of_class}
    return sum(n for pool in pools for label, n in counts[pool].items() if label in labels)


def sizes_of(manifest: Any, effective: Any, study: dict[str, Any], rule: SplitRule, cell: Cell) -> dict[str, Any]:
    """Return effective beside original counts; ``complete`` says that no published image of these parts is missing.

    A rule that cuts ``within`` official folds speaks of the folds that take part, each for itself.
    """
    rows = _rows_of_rule(manifest, study, rule)
    published = _published(rows, study, rule, cell)
    if rule.within and len(rows) == published:
        published = len(rows[rows[rule.within].isin(set(effective[rule.within]))])
    parts = sorted(set(effective[rule.within])) if rule.within else sorted(set(effective["pool"]))
    return {
        "n_images": len(effective),
        "n_images_published": published,
        "complete": len(effective) == published,
        "parts": parts,
    }


def decode(params: Params, name: str) -> str:
    """Write a pixel store."""
    from leukbench.cli.progress import bar
    from leukbench.cohort.manifest import read_manifest
    from leukbench.pixels.store import build_store

    if name not in params.stores:
        raise unknown_name("store", name, params.stores, where="params.yaml")
    store = params.stores[name]
    manifest = read_manifest(source_file(params, store.source, "manifest.csv"))
    with bar(f"decode {name}") as advance:
        build_store(
            manifest, files_of(params, store.source), store_file(params, name), side_px=store.side_px, crop=store.crop, progress=advance
        )  # fmt: skip
    return f"{name}: {store.side_px} px"
