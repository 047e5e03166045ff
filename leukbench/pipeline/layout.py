"""Where each stage of a profile leaves its files, below ``out/<profile>/``; the paths of dvc.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from leukbench.artefacts import ResolvedStudy, SplitPlan, from_plain
from leukbench.errors import DataError
from leukbench.params import Params
from leukbench.paths import check_whole, out_folder, source_folder
from leukbench.records import Experiment
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


def store_files(params: Params, experiment: Experiment) -> tuple[Path, ...]:
    """Return the .npy file of an experiment's pixel store, and of a transfer's test store."""
    return tuple(store_file(params, name) for name in (experiment.store, experiment.test_store) if name)


def whole(file: Path, *, stage: str) -> Path:
    """Return a stage's output after holding its bytes against the sha256 that the stage left beside it.

    Raises
    ------
    DataError
        Naming the stage, where either is missing or they do not match.
    """
    check_whole(file, do=f"run the {stage} stage again")
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
    """Return an experiment's study as the resolve stage wrote it."""
    return read_record(ResolvedStudy, study_file(params, experiment.paper, experiment.study), stage="resolve")


def read_plan(params: Params, name: str) -> SplitPlan:
    """Return what an experiment's split was planned from."""
    return read_record(SplitPlan, experiment_file(params, "splits", name, ".plan.json"), stage="split")
