"""``leukbench grid``: train what is missing of the plan, here or on a cluster; afterwards the train stages only
collect.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leukbench.errors import InputError, LeukbenchError, unknown_name
from leukbench.params import Params
from leukbench.pipeline.layout import certified_split, read_plan, store_files, study_file
from leukbench.pipeline.progress import duration, shown, speed_text

if TYPE_CHECKING:
    from leukbench.records import Experiment
    from leukbench.training.board import Board
    from leukbench.training.cluster import SlurmOptions
    from leukbench.training.costs import Estimator
    from leukbench.training.grid import Cost, ExperimentInputs, Task


@dataclass(frozen=True)
class Choice:
    """Which part of the plan; empty: all. Studies by their name in params.yaml."""

    studies: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()


def names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Return names that were given one by one or with commas between.

    >>> names(["a,b", "c"])
    ('a', 'b', 'c')
    """
    return tuple(part.strip() for text in texts or () for part in text.split(",") if part.strip())


def slurm_options(
    more: Sequence[str], *, time_limit: int, jobs: int, cpus: int, gpus: int, partition: str
) -> SlurmOptions:
    """Return what to ask of Slurm.

    Raises
    ------
    InputError
        For an option that is not ``name=value``.
    """
    from leukbench.training.cluster import SlurmOptions

    pairs = []
    for text in more:
        name, equals, value = text.lstrip("-").partition("=")
        if not (name and equals):
            raise InputError(
                "an option of sbatch is not as it should be", where="--slurm", expected="name=value", found=text
            )
        pairs.append((name, value))
    return SlurmOptions(
        time_limit_min=time_limit, jobs=jobs, cpus=cpus, gpus=gpus, partition=partition, more=tuple(pairs)
    )


def inputs_of(params: Params, choice: Choice) -> list[ExperimentInputs]:
    """Return the chosen experiments and transfers with their files.

    Raises
    ------
    InputError
        For a name that is not in the plan.
    DataError
        For a missing file.
    """
    from leukbench.training.grid import ExperimentInputs

    found = []
    for name, experiment in _chosen(params, choice).items():
        store, *test_store = (file.absolute() for file in store_files(params, experiment, read_plan(params, name)))
        found.append(
            ExperimentInputs(
                name=name,
                experiment=experiment,
                study=study_file(params, experiment.paper, experiment.study).absolute(),
                split=certified_split(params, name).absolute(),
                store=store,
                limited_source=not read_plan(params, name).sizes.complete,
                test_store=next(iter(test_store), None),
            )
        )
    return found


def _check_names(params: Params, choice: Choice) -> None:
    experiments = params.all_experiments.values()
    for kind, names, known in (
        ("study", choice.studies, set(params.studies)),
        ("protocol", choice.protocols, {experiment.protocol for experiment in experiments}),
        ("arm", choice.arms, {arm for experiment in experiments for arm in experiment.arms}),
    ):
        for name in names:
            if name not in known:
                raise unknown_name(kind, name, known, where="params.yaml")


def _chosen(params: Params, choice: Choice) -> dict[str, Experiment]:
    """Return the chosen experiments, each with its chosen arms."""
    _check_names(params, choice)
    pairs = {(params.studies[s].paper, params.studies[s].study) for s in choice.studies or params.studies}
    found = {}
    for name, experiment in params.all_experiments.items():
        arms = tuple(arm for arm in experiment.arms if not choice.arms or arm in choice.arms)
        of_protocol = not choice.protocols or experiment.protocol in choice.protocols
        if (experiment.paper, experiment.study) in pairs and arms and of_protocol:
            found[name] = dataclasses.replace(experiment, arms=arms)
    if not found:
        raise InputError(
            "no experiment of the plan is all of this",
            where="params.yaml",
            found=str(choice),
            do="choose less narrowly",
        )
    return found


def grid(
    params: Params,
    choice: Choice,
    *,
    executor: str = "local",
    jobs: int = 0,
    slurm: SlurmOptions | None = None,
    dry: bool = False,
) -> tuple[str, bool]:
    """Train what is missing; return what came of it, and whether a run failed.

    Parameters
    ----------
    params
        Of the profile.
    choice
        Which part of the plan.
    executor
        ``local`` or ``slurm``.
    jobs
        Runs at once; 0 for as many as the machine carries, on a cluster all.
    slurm
        What is asked of the cluster.
    dry
        Only say what it would cost.

    Returns
    -------
    A text, and whether a run failed.

    Raises
    ------
    InputError
        For another executor.
    """
    from leukbench.training.grid import cost_of, missing, plan_grid

    if executor not in {"local", "slurm"}:
        raise unknown_name("executor", executor, ["local", "slurm"], where="--executor")
    tasks = plan_grid(inputs_of(params, choice))
    todo = missing(tasks)
    estimator, device = _estimator(executor, slurm)
    costs = {task.key: cost_of(task, estimator) for task in todo}
    at_once = _at_once(executor, jobs, len(todo))
    if dry or not todo:
        return _dry_text(tasks, todo, costs, device=device, at_once=at_once, estimator=estimator), False
    return _run(todo, costs, executor=executor, at_once=at_once, slurm=slurm)


def _estimator(executor: str, slurm: SlurmOptions | None) -> tuple[Estimator, str]:
    """Return who knows the speeds, and the device that they are for."""
    from leukbench.training.costs import MODELLED_GPU, Estimator, accelerators, device_name, measured_speeds
    from leukbench.training.hardware import choose_device, hardware_card

    device = choose_device()
    name = device_name(hardware_card(device))
    gpus = slurm.gpus if executor == "slurm" and slurm is not None else 0
    if gpus and device.type == "cpu":  # submitted from a machine without
        there = next(iter(accelerators()), "")
        measured = measured_speeds(there) if there else {}
        modelled = Estimator(device, measured, MODELLED_GPU, "a modelled H200-class GPU, not measured")
        return modelled, there or "the cluster's GPUs"
    return Estimator(device, measured_speeds(name)), name


def _at_once(executor: str, jobs: int, n_runs: int) -> int:
    from leukbench.training.hardware import choose_device
    from leukbench.training.workers import default_jobs

    if executor == "slurm":
        return jobs or n_runs
    return jobs or default_jobs(choose_device())


def _dry_text(
    tasks: Sequence[Task],
    todo: Sequence[Task],
    costs: dict[str, Cost],
    *,
    device: str,
    at_once: int,
    estimator: Estimator,
) -> str:
    """Return the runs, what each costs, and the total."""
    lines = _run_table(todo, costs)
    seconds = [costs[t.key].seconds for t in todo]
    known = [s for s in seconds if not math.isnan(s)]
    images = sum(costs[t.key].epochs * t.epoch_rows for t in todo)
    lines += [
        "",
        f"{len(tasks)} runs in the plan, {len(tasks) - len(todo)} finished, {len(todo)} missing: {images:,} "
        "training images, "
        f"{duration(sum(known))} of run time on {device}, "
        f"{duration(max(sum(known) / max(1, at_once), max(known, default=0.0)))} with {at_once} at once"
        + (f"; {len(seconds) - len(known)} of unknown cost" if len(known) < len(seconds) else ""),
    ]
    return "\n".join([*lines, *_roofline_note(costs, estimator)]).lstrip("\n")


def _run(
    todo: Sequence[Task], costs: dict[str, Cost], *, executor: str, at_once: int, slurm: SlurmOptions | None
) -> tuple[str, bool]:
    """Train, show how it goes, and return the end: what failed, with its log."""
    from leukbench.training.board import Board
    from leukbench.training.cluster import SlurmOptions, run_on_slurm
    from leukbench.training.hardware import choose_device
    from leukbench.training.workers import run_locally

    board, started = Board(todo, costs, at_once=at_once), time.monotonic()
    if executor == "slurm":
        events = run_on_slurm(todo, slurm or SlurmOptions())
    else:
        events = run_locally(todo, jobs=at_once, device=choose_device())
    try:
        with shown(board) as show, contextlib.closing(events):
            for event in events:
                show(board.hear(event, now_s=time.monotonic()))
    except KeyboardInterrupt:
        jobs = "; the jobs go on: scancel --name leukbench ends them" if executor == "slurm" else ""
        raise LeukbenchError(f"stopped: finished runs stay, the others resume from their last epoch{jobs}") from None
    return _end_text(board, took_s=time.monotonic() - started)


def _end_text(board: Board, *, took_s: float) -> tuple[str, bool]:
    failed = board.in_state("failed")
    lines = [f"{len(board.in_state('finished'))} run(s) finished, {len(failed)} failed, in {duration(took_s)}"]
    for line in failed:
        log = line.task.log if line.task.log.is_file() else "none; it ended before it began"
        lines += [f"failed: {line.task.name}: {line.note}", f"  log: {log}"]
    return "\n".join(lines), bool(failed)


# ------------------------------------------------------------------------------------------------------ showing


def _run_table(todo: Sequence[Task], costs: dict[str, Cost]) -> list[str]:
    from tabulate import tabulate

    rows = [
        (
            t.inputs.name, t.arm, t.fold, t.seed, t.key[:12],
            f"{costs[t.key].epochs} × {t.epoch_rows:,}", speed_text(costs[t.key].speed.train), costs[t.key].speed.basis,
            duration(costs[t.key].seconds),
        )
        for t in todo
    ]  # fmt: skip
    headers = ("experiment", "arm", "fold", "seed", "run", "epochs × images", "images/s", "how known", "time")
    return [tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)] if rows else []


def _roofline_note(costs: dict[str, Cost], estimator: Estimator) -> list[str]:
    limits = estimator.limits
    if limits is None or not any("roofline" in c.speed.basis for c in costs.values()):
        return []
    return [
        f"estimate: half of the eager roofline at {limits.flops / 1e9:,.0f} GFLOP/s and "
        f"{limits.bytes_s / 1e9:,.0f} GB/s ({estimator.limits_source}); a first run of each "
        "network replaces it by what it measures"
    ]
