"""Where each stage of a profile leaves its files, below ``out/<profile>/``; the paths of dvc.yaml."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

from leukbench.artefacts import Certificate, ResolvedStudy, SplitPlan, from_plain
from leukbench.errors import DataError, unknown_name
from leukbench.params import Params
from leukbench.paths import check_whole, out_folder, sha256_of, source_folder, sum_file
from leukbench.records import Experiment, as_plain, digest
from leukbench.sources import load_source

T = TypeVar("T")


def files_of(params: Params, source: str) -> Path:
    """Return where a source's files lie: ``data/<source>``, with size and seed in the name of a synthetic one."""
    if not load_source(source).card.synthetic:
        return source_folder(source)
    wanted = params.sources[source]
    return source_folder(f"{source}-{wanted.images or 'full'}-{wanted.seed}")


def source_file(params: Params, source: str, name: str) -> Path:
    """Return ``out/<profile>/sources/<source>/<name>``."""
    return out_folder(params.profile, "sources", source, name)


def study_file(params: Params, paper: str, study: str) -> Path:
    """Return the resolved study's file."""
    return out_folder(params.profile, "studies", f"{paper}-{study}.json")


def experiment_file(params: Params, kind: str, experiment: str, suffix: str) -> Path:
    """Return ``out/<profile>/<kind>/<experiment><suffix>``; kinds: splits, predictions, estimates."""
    return out_folder(params.profile, kind, f"{experiment}{suffix}")


def store_file(params: Params, name: str) -> Path:
    """Return the .npy file of a pixel store."""
    return out_folder(params.profile, "stores", f"{name}.npy")


def store_files(params: Params, experiment: Experiment, plan: SplitPlan | None = None) -> tuple[Path, ...]:
    """Return the .npy file of an experiment's pixel store, and of a transfer's test store.

    Raises
    ------
    DataError
        Where one that is there has another size or crop than params.yaml, or was decoded from another manifest than the
        split that is planned was made from.
    """
    made_from = plan.made_from if plan else {}
    stores = [store for store in (experiment.store, experiment.test_store) if store]
    for store in stores:
        if store_file(params, store).with_suffix(".json").is_file():
            _check_store(params, store, made_from.get(f"store {store}", ""))
    return tuple(store_file(params, store) for store in stores)


def _check_store(params: Params, store: str, planned: str) -> None:
    index, wanted = store_file(params, store).with_suffix(".json"), params.stores[store]
    made = read_json(index, stage="decode")
    if (made["side_px"], made["crop"]) != (wanted.side_px, wanted.crop):
        raise DataError(
            "a pixel store is another than params.yaml asks for",
            where=f"store {store}",
            expected=f"side_px {wanted.side_px}, crop {wanted.crop}",
            found=f"side_px {made['side_px']}, crop {made['crop']} in {index}",
            do=f"run the decode stage: leukbench decode {store}",
        )
    if planned and planned != made["sha256"]:
        raise DataError(
            "a pixel store was decoded from another manifest than the split was made from", where=f"store {store}",
            expected=f"images with the digest {planned}", found=f"{made['sha256']} in {index}",
            do=f"run the decode stage (leukbench decode {store}); where the split is the older one, the split stage",
        )  # fmt: skip


def whole(file: Path, *, stage: str) -> Path:
    """Return a stage's output after holding its bytes against the sha256 that the stage left beside it.

    Raises
    ------
    DataError
        Naming the stage, where either is missing or they do not match.
    """
    check_whole(file, do=f"run the {stage} stage")
    return file


def read_json(file: Path, *, stage: str) -> Any:
    """Return a stage's JSON output, held against its sha256.

    Raises
    ------
    DataError
        Naming the stage, where it is not whole.
    """
    return as_read(whole(file, stage=stage), stage=stage)


def as_read(file: Path, *, stage: str) -> Any:
    """Return what a JSON file says, whoever wrote it.

    Raises
    ------
    DataError
        Naming the stage, where it cannot be read.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            "cannot read a stage's output", where=str(file), found=str(error), do=f"run the {stage} stage"
        ) from error


def read_record(kind: type[T], file: Path, *, stage: str) -> T:
    """Return a stage's JSON output as a record.

    Raises
    ------
    DataError
        Naming file, key and stage, where it is not one.
    """
    return from_plain(kind, read_json(file, stage=stage), where=str(file), do=f"run the {stage} stage again")


def read_study(params: Params, experiment: Experiment) -> ResolvedStudy:
    """Return an experiment's study as the resolve stage wrote it. Raises InputError for an arm that it lacks."""
    study = read_record(ResolvedStudy, study_file(params, experiment.paper, experiment.study), stage="resolve")
    for arm in experiment.arms:
        if arm not in study.arms:
            where = f"params.yaml, arms of an experiment of study {experiment.paper}.{experiment.study}"
            raise unknown_name("arm", arm, study.arms, where=where)
    return study


def check_predicted(name: str, experiment: Experiment, predicted: Collection[str]) -> None:
    """Raise DataError where an arm of an experiment is not among the models that have predictions: a name that is
    wrong, or an arm that was added since.
    """
    lacking = [arm for arm in experiment.arms if arm not in predicted]
    if lacking:
        raise DataError(
            "an arm has no predictions", where=f"params.yaml, experiment {name}",
            expected=f"one of: {', '.join(sorted(predicted))}", found=", ".join(lacking),
            do="mend its name, or run the split, train and evaluate stages for it",
        )  # fmt: skip


def read_plan(params: Params, name: str) -> SplitPlan:
    """Return what an experiment's split was planned from.

    Raises
    ------
    DataError
        Where params.yaml now asks for another split.
    """
    file = experiment_file(params, "splits", name, ".plan.json")
    plan = read_record(SplitPlan, file, stage="split")
    now, then = (_split_keys(e, s) for e, s in ((params.experiment(name), params.seed), (plan.experiment, plan.seed)))
    changed = [key for key in now if then[key] is not None and now[key] != then[key]]
    if changed:
        raise DataError(
            "params.yaml asks for another split than was made",
            where=f"experiment {name}",
            expected=", ".join(f"{key} {now[key]!r}" for key in changed),
            found=", ".join(f"{key} {then[key]!r}" for key in changed) + f" in {file}",
            do=f"run the split stage (leukbench split {name}), and what follows it; or put params.yaml back",
        )
    for what, found in sources_now(params, plan.experiment).items():
        if found != (expected := plan.made_from.get(what, found)):
            raise DataError(
                "a source is another than the split was made from", where=f"experiment {name}, {what}",
                expected=f"sha256 {expected}, as {file} says", found=f"sha256 {found}",
                do=f"run the split stage (leukbench split {name}), and what follows it; or put the source back",
            )  # fmt: skip
    return plan


def sources_now(params: Params, experiment: Experiment) -> dict[str, str]:
    """Return the sha256 that index and group left of each file of an experiment's sources, by its path below sources/;
    of those that are here: pages are made again where no source is.
    """
    sources = [source for source in (experiment.source, experiment.test_source) if source]
    files = {f"{s}/{name}": source_file(params, s, name) for s in sources for name in ("manifest.csv", "groups.csv")}
    left = {what: sum_file(file) for what, file in files.items()}
    return {what: file.read_bytes()[:64].decode("ascii", "replace") for what, file in left.items() if file.is_file()}


def certified_split(params: Params, name: str) -> Path:
    """Return the file of an experiment's split, held against its certificate.

    Raises
    ------
    DataError
        Where the certificate speaks of another split, or of another protocol than params.yaml.
    """
    file = whole(experiment_file(params, "splits", name, ".csv"), stage="split")
    certificate, protocol = read_certificate(params, name), params.experiment(name).protocol
    now, then = (protocol, sha256_of(file)), (certificate.protocol, certificate.sha256["split"])
    if now != then:
        raise DataError(
            "a split is another than its certificate speaks of", where=str(file),
            expected=f"protocol {then[0]}, sha256 {then[1]}", found=f"protocol {now[0]}, sha256 {now[1]}",
            do=f"run the split stage (leukbench split {name}), and what follows it",
        )  # fmt: skip
    return file


def read_certificate(params: Params, name: str) -> Certificate:
    """Return the certificate of an experiment's split."""
    return read_record(Certificate, experiment_file(params, "splits", name, ".certificate.json"), stage="split")


def made_from(experiment: Experiment, certificate: Certificate) -> str:
    """Return the digest of an experiment's entry in params.yaml and of its split: what predictions are made from."""
    return digest({"experiment": as_plain(experiment), "certificate": certificate.self_sha256})


def _split_keys(experiment: Experiment, seed: int | None) -> dict[str, Any]:
    """Return what a split depends on of an experiment's entry, by key; the rest decides training alone."""
    own = {key: getattr(experiment, key) for key in ("paper", "study", "protocol", "reading", "source", "test_source")}
    limits = {key: getattr(experiment.limits, key) for key in ("images", "class_size", "training_rows")}
    return {**own, **{f"limits.{key}": value or 0 for key, value in limits.items()}, "seed": seed}
