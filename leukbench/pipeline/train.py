"""The train stage: what is missing of the runs of experiments and transfers, and their predictions collected."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TYPE_CHECKING, Any

from leukbench.artefacts import SplitPlan
from leukbench.errors import LeukbenchError
from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import (
    certified_split,
    experiment_file,
    made_from,
    read_certificate,
    read_plan,
    read_study,
    store_files,
    whole,
)
from leukbench.records import Experiment, json_text

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from leukbench.pixels.store import Store


def train_all(params: Params) -> Iterator[str]:
    """Train every experiment and transfer, and yield a line for each: first those with tiny images on a CPU, one a
    core, then the others.

    One process for all, as loading torch takes longer than most of what the embedded profile trains.
    """
    from leukbench.training.hardware import TINY_PX, choose_device
    from leukbench.training.workers import environment

    device = choose_device()
    sides = {name: params.stores[experiment.store].side_px for name, experiment in params.all_experiments.items()}
    tiny = [name for name, side in sides.items() if device.type == "cpu" and side <= TINY_PX]
    if tiny:
        with environment(0, device, threads=1):
            yield from _each_in_a_process(params, tiny)
    for name in sides:
        if name not in tiny:
            yield train(params, name)


def _each_in_a_process(params: Params, names: Sequence[str]) -> Iterator[str]:
    from leukbench.training.workers import end_with_parent

    workers, spawned = min(os.cpu_count() or 1, len(names)), multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned, initializer=end_with_parent) as pool:
        try:
            yield from pool.map(partial(train, params), names)
        except BrokenProcessPool as error:
            raise LeukbenchError(
                "a process that trains was ended from outside, perhaps for want of memory; run the command again: "
                "it goes on from the last epoch"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def train(params: Params, name: str) -> str:
    """Train what is missing of an experiment's runs; write its predictions, of validation images too, its patient probe
    and its receipt.

    Parameters
    ----------
    params
        Of the profile: where things lie, its experiments, seeds and devices.
    name
        Of the experiment; it must have been split.

    Returns
    -------
    One line: how many runs and rows of predictions there are now.
    """
    from leukbench.cohort.tables import read_split
    from leukbench.pipeline.progress import run_progress
    from leukbench.training.experiment import train_experiment

    experiment = params.experiment(name)
    study, plan = read_study(params, experiment), read_plan(params, name)
    experiment = as_split(experiment, plan)
    table = read_split(certified_split(params, name))
    device, store = _ready(params, name)
    with run_progress(name) as progress:
        predictions, receipt = train_experiment(
            study,
            experiment,
            table,
            store=store,
            device=device,
            limited_source=not plan.sizes.complete,
            whole_folds=plan.sizes.whole_folds,
            common_of=plan.transfer.common_of if plan.transfer else None,
            progress=progress,
        )
    tables = {".parquet": predictions}
    if not plan.transfer:  # of a transfer nothing is chosen on images of another source, nor a patient's shortcut asked
        tables |= _beside(receipt, table, store, classes=tuple(study.classes))
    of = {"sizes": plan.sizes, "made_from": made_from(params.experiment(name), read_certificate(params, name))}
    _write(params, name, tables, {**receipt, **of})
    return f"{name}: {len(receipt['runs'])} run(s), {len(predictions)} rows of predictions"


def as_split(experiment: Experiment, plan: SplitPlan) -> Experiment:
    """Return an experiment with a limit of training rows where it has fewer than a fold holds, be it by the limit of
    another rung of its ladder: so its runs are limited.
    """
    if not plan.sizes.n_training_rows:
        return experiment
    limits = dataclasses.replace(experiment.limits, training_rows=plan.sizes.n_training_rows)
    return dataclasses.replace(experiment, limits=limits)


def _ready(params: Params, name: str) -> tuple[torch.device, Store]:
    """Return the device, set up for the images' size, and the experiment's pixels, held against their sha256."""
    from leukbench.pixels.joined import open_stores
    from leukbench.training.hardware import choose_device, keep_pages, use_threads

    files = store_files(params, params.experiment(name), read_plan(params, name))
    for file in files:
        whole(file, stage="decode")
        whole(file.with_suffix(".json"), stage="decode")
    device, store = choose_device(), open_stores(files, test_source=params.experiment(name).test_source)
    if device.type == "cpu":
        use_threads(store.side_px)
        keep_pages()
    return device, store


def _beside(
    receipt: dict[str, Any], table: pd.DataFrame, store: Store, *, classes: tuple[str, ...]
) -> dict[str, pd.DataFrame]:
    """Return the predictions of validation images, and the patient probe, by the suffixes of their files."""
    from leukbench.training.probe import probe_patients
    from leukbench.training.validation import validation_table

    return {
        ".validation.parquet": validation_table(receipt, table, classes=classes, store=store),
        ".probe.parquet": probe_patients(table, store, seed=0),
    }


def _write(params: Params, name: str, tables: dict[str, pd.DataFrame], receipt: dict[str, Any]) -> None:
    from leukbench.paths import replacing, sha256_of

    predictions = {}
    for suffix, rows in tables.items():
        with replacing(experiment_file(params, "predictions", name, suffix), summed=True) as temporary:
            rows.to_parquet(temporary, index=False, compression="zstd")
            predictions[suffix] = sha256_of(temporary)
    whole = json_text({**receipt, "predictions": predictions})
    write_text(experiment_file(params, "predictions", name, ".receipt.json"), whole, summed=True)
