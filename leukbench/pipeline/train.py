"""The train stage: what is missing of the runs of experiments and transfers, and their predictions collected."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from leukbench.errors import LeukbenchError
from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import experiment_file, read_plan, read_study, store_files, whole
from leukbench.records import json_text


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
    """
    from leukbench.cohort.tables import read_split
    from leukbench.paths import replacing
    from leukbench.pipeline.progress import run_progress
    from leukbench.pixels.joined import open_stores
    from leukbench.training.experiment import train_experiment
    from leukbench.training.hardware import choose_device, keep_pages, use_threads
    from leukbench.training.probe import probe_patients
    from leukbench.training.validation import validation_table

    experiment = params.experiment(name)
    study = read_study(params, experiment)
    table = read_split(whole(experiment_file(params, "splits", name, ".csv"), stage="split"))
    plan = read_plan(params, name)
    device = choose_device()
    for file in store_files(params, experiment):
        whole(file, stage="decode")
        whole(file.with_suffix(".json"), stage="decode")
    store = open_stores(store_files(params, experiment), test_source=experiment.test_source)
    if device.type == "cpu":
        use_threads(store.side_px)
        keep_pages()
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
    if (
        not plan.transfer
    ):  # nothing is chosen on validation images of another source, and its patients are nobody's shortcut
        tables[".validation.parquet"] = validation_table(receipt, table, classes=tuple(study.classes), store=store)
        tables[".probe.parquet"] = probe_patients(table, store, seed=0)
    for suffix, rows in tables.items():
        with replacing(experiment_file(params, "predictions", name, suffix), summed=True) as temporary:
            rows.to_parquet(temporary, index=False, compression="zstd")
    receipt["sizes"] = plan.sizes
    write_text(experiment_file(params, "predictions", name, ".receipt.json"), json_text(receipt), summed=True)
    return f"{name}: {len(receipt['runs'])} run(s), {len(predictions)} rows of predictions"
