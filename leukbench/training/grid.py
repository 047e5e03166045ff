"""The grid: every run of the plan that is missing, one task each, planned once and trained by whoever has time.

A task names its experiment's files and its arm, fold and seed, so that it can be trained in another process or on
another machine that sees the same folders. Nothing is handed back but events: what was trained lies in ``runs/<key>/``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pandas as pd
import torch

from leukbench.artefacts import ResolvedStudy, from_plain
from leukbench.cohort.tables import read_split
from leukbench.errors import DataError
from leukbench.paths import check_whole
from leukbench.pixels.joined import open_stores
from leukbench.pixels.store import Store
from leukbench.records import Experiment, NetworkSpec, Recipe
from leukbench.training.costs import Estimator, Load, Speed, planned_seconds, work_of
from leukbench.training.experiment import epoch_rows, fold_rows, make_spec, plan_arm, plan_experiment
from leukbench.training.finished import read_receipt
from leukbench.training.run import epochs_done, execute_run, run_folder


@dataclass(frozen=True)
class ExperimentInputs:
    """An experiment and the files that earlier stages made for it."""

    name: str
    experiment: Experiment
    study: Path
    split: Path
    store: Path
    limited_source: bool
    test_store: Path | None = None  # of a transfer: the pixels of the source that it is tested on

    @property
    def stores(self) -> tuple[Path, ...]:
        """Every pixel store that it needs."""
        return (self.store,) if self.test_store is None else (self.store, self.test_store)


@dataclass(frozen=True)
class Task:
    """One run of the plan."""

    inputs: ExperimentInputs
    arm: str
    fold: int
    seed: int
    key: str
    network: NetworkSpec
    recipe: Recipe  # after limits
    n_classes: int
    epoch_rows: int  # rows of one training epoch, those drawn again by oversampling included
    scored_rows: int

    @property
    def name(self) -> str:
        """Experiment, arm, fold and seed, for people."""
        return f"{self.inputs.name} {self.arm} fold {self.fold} seed {self.seed}"

    @property
    def load(self) -> Load:
        """What decides its speed."""
        return work_of(self.network, self.recipe, n_classes=self.n_classes, precision=self.inputs.experiment.precision)

    @property
    def log(self) -> Path:
        """The file that holds what the run printed, its traceback included."""
        return run_folder(self.key) / "log.txt"


@dataclass(frozen=True)
class Cost:
    """What is missing of a run: epochs, and their seconds at a speed (NaN where none is known)."""

    epochs: int
    seconds: float
    speed: Speed


@dataclass(frozen=True)
class Event:
    """Something that happened to a run. ``held``: another process trains it; ``note``: who holds it, or
    why it failed.
    """

    key: str
    what: Literal["started", "epoch", "finished", "failed", "held"]
    epoch: int = 0
    note: str = ""


def plan_grid(experiments: Iterable[ExperimentInputs]) -> list[Task]:
    """Return the runs of experiments in the plan's order, first seeds first, each key once, without those that another
    one holds.

    The headline seed of every experiment comes before anybody's second. A run that differs from another in testing
    fewer rows takes its scores from it (:func:`leukbench.training.run.execute_run`).

    Raises
    ------
    DataError
        Naming the stage, where a file is missing.
    """
    tasks: dict[str, Task] = {}
    tested: dict[str, dict[str, frozenset[str]]] = {}  # training key -> run key -> test rows
    for inputs in experiments:
        study, split, store = _opened(inputs)
        plan = plan_experiment(study, inputs.experiment, split, store=store, limited_source=inputs.limited_source)
        for arm, spec, rows in plan:
            tested.setdefault(spec.training_key, {})[spec.key] = frozenset(map(str, rows.test.image_id))
            tasks.setdefault(
                spec.key,
                Task(
                    inputs=inputs,
                    arm=arm.name,
                    fold=spec.fold,
                    seed=spec.seed,
                    key=spec.key,
                    network=arm.network,
                    recipe=arm.recipe,
                    n_classes=len(spec.classes),
                    epoch_rows=epoch_rows(rows, arm.recipe),
                    scored_rows=len(rows.validation) + len(rows.test),
                ),
            )
    superseded = {
        key for same in tested.values() for key, rows in same.items() if any(rows < others for others in same.values())
    }
    return sorted((task for key, task in tasks.items() if key not in superseded), key=lambda task: task.seed)


def is_finished(key: str) -> bool:
    """Say whether a run has ended with a receipt that all of its folder still is as sealed by; who trains one that is
    damaged says what is wrong.
    """
    if not (run_folder(key) / "receipt.json").is_file():
        return False
    with contextlib.suppress(DataError):
        return bool(read_receipt(run_folder(key))["key"] == key)
    return False


def missing(tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks whose runs are not finished."""
    return [task for task in tasks if not is_finished(task.key)]


def cost_of(task: Task, estimator: Estimator) -> Cost:
    """Return what is missing of a run at the speed that is known or estimated."""
    speed = estimator.speed(task.load)
    epochs = max(0, task.recipe.epochs - epochs_done(task.key))
    seconds = planned_seconds(speed, train_rows=task.epoch_rows, scored_rows=task.scored_rows, epochs=epochs)
    return Cost(epochs, seconds, speed)


def execute_task(
    task: Task,
    *,
    device: torch.device,
    progress: Callable[[int, int], None] = lambda done, total: None,
    patience_s: float = 0.0,
) -> None:
    """Train what is missing of a task's run; what it prints, and its traceback, go to the task's log.

    Raises
    ------
    RunHeld
        Where another process trains it for longer than ``patience_s``.
    DataError
        Where the inputs have changed since the plan was made, and whatever training raises.
    """
    study, split, store = _opened(task.inputs)
    arm = plan_arm(study, task.arm, task.inputs.experiment, limited_source=task.inputs.limited_source)
    classes = tuple(study.classes)
    rows = fold_rows(split, fold=task.fold, classes=classes, store=store)
    spec = make_spec(task.inputs.experiment, arm, rows, classes=classes, store=store, fold=task.fold, seed=task.seed)
    if spec.key != task.key:
        raise DataError(
            "a run is not the one that was planned",
            where=task.name,
            expected=f"key {task.key}",
            found=f"key {spec.key}",
            do="code or inputs changed meanwhile: start the grid again",
        )
    execute_run(spec, rows, store, device=device, progress=progress, patience_s=patience_s)


def _opened(inputs: ExperimentInputs) -> tuple[ResolvedStudy, pd.DataFrame, Store]:
    """Return an experiment's study, split and store; those of the last few experiments are kept open as long as their
    files are as they were.
    """
    files = {inputs.study: "resolve", inputs.split: "split", **dict.fromkeys(inputs.stores, "decode")}
    for file, stage in files.items():
        if not file.is_file():
            raise DataError(
                "the grid lacks what an earlier stage makes",
                where=f"experiment {inputs.name}",
                expected=str(file),
                found="no such file",
                do=f"run the {stage} stage: dvc repro {stage}",
            )
    return _open(inputs, tuple(file.stat().st_mtime_ns for file in files))


@lru_cache(maxsize=2)
def _open(inputs: ExperimentInputs, changed: tuple[int, ...]) -> tuple[ResolvedStudy, pd.DataFrame, Store]:
    for file, stage in ((inputs.study, "resolve"), (inputs.split, "split")):
        check_whole(file, needed=False, do=f"run the {stage} stage")
    plain = json.loads(inputs.study.read_text(encoding="utf-8"))
    study = from_plain(ResolvedStudy, plain, where=str(inputs.study), do="run the resolve stage again")
    return study, read_split(inputs.split), open_stores(inputs.stores, test_source=inputs.experiment.test_source)


@contextlib.contextmanager
def logged(task: Task) -> Iterator[None]:
    """Send what this process prints, other libraries' C code included, to the task's log, and the traceback of what
    fails inside.
    """
    task.log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with task.log.open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception:
            traceback.print_exc(file=log)
            raise
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, handle in zip((1, 2), kept, strict=True):
                os.dup2(handle, number)
                os.close(handle)
    if not task.log.stat().st_size:
        task.log.unlink()


def last_words(task: Task) -> str:
    """Return what the last traceback in a task's log ends in; "" where there is none."""
    try:
        text = task.log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    _, found, after = text.rpartition("Traceback (most recent call last):")
    return next((line[:200] for line in after.splitlines() if line and not line.startswith(" ")), "") if found else ""
