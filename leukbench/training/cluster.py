"""Train tasks as Slurm array jobs through submitit, one job a run; a job near its time limit is requeued and resumes.

Whether a run is finished, and how far it is, is read from its folder, which the cluster must share with the machine
that submits; whether its job is still there, from ``squeue``, which every Slurm has (``sacct`` needs an accounting
database).
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leukbench.errors import InputError, LeukbenchError
from leukbench.paths import workspace
from leukbench.training.grid import Event, Task, execute_task, is_finished, last_words, logged
from leukbench.training.hardware import choose_device, use_threads
from leukbench.training.locks import RunHeld, owner_of
from leukbench.training.run import epochs_done, run_folder

_ARRAY = 500  # Slurm refuses arrays of more than MaxArraySize, 1001 by default
_REQUEUES = 1000  # a run may take as many time limits as it needs
_TRIES = 20  # of squeue, one after the other, before giving up


@dataclass(frozen=True)
class SlurmOptions:
    """What to ask of Slurm. ``more``: any other option of sbatch, by its long name."""

    time_limit_min: int = 240
    jobs: int = 0  # at once; 0: as many as Slurm lets
    cpus: int = 2
    gpus: int = 0
    partition: str = ""
    more: tuple[tuple[str, str], ...] = ()


class Job:
    """What runs in a Slurm job; submitit calls ``checkpoint`` when the time limit is near and requeues
    what it returns.
    """

    def __call__(self, task: Task) -> str:
        use_threads(task.recipe.input_px, most=min(2, int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))))
        try:
            with logged(task):
                execute_task(task, device=choose_device())
        except RunHeld as refused:
            return f"held by {refused.owner}"
        return "finished"

    def checkpoint(self, task: Task) -> Any:
        """Return the same work: what is done of it lies in the run's own checkpoint."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, task)


def run_on_slurm(tasks: Sequence[Task], options: SlurmOptions, *, poll_s: float = 5.0) -> Generator[Event, None, None]:
    """Submit tasks and yield what happens until none is left. Closing the iterator leaves the jobs alone.

    Raises
    ------
    InputError
        Where submitit or Slurm is not there.
    LeukbenchError
        Where squeue does not answer any more.
    """
    jobs = _submit(tasks, options)
    epochs = dict.fromkeys(jobs, 0)
    running, gone = set[str](), set[str]()
    by_key = {task.key: task for task in tasks}
    while jobs:
        states = _states()
        for key, (job, log) in list(jobs.items()):
            event = _news(by_key[key], states.get(job), log, gone)
            if event is None:
                continue
            if event.what == "started" and key not in running:
                running.add(key)
                yield event
            done = epochs_done(key)
            if done > epochs[key]:
                epochs[key] = done
                yield Event(key, "epoch", done)
            if event.what in {"finished", "failed"}:
                del jobs[key]
            if event.what != "started":
                yield event
        if jobs:
            time.sleep(poll_s)


def _news(task: Task, state: str | None, log: Path, gone: set[str]) -> Event | None:
    """Return what a run's folder and its job's state say. A job must be missing twice: it may have ended between two
    looks.
    """
    if is_finished(task.key):
        return Event(task.key, "finished")
    if state is not None:
        gone.discard(task.key)
        return Event(task.key, "started") if state == "RUNNING" else None
    owner = owner_of(run_folder(task.key))
    if owner is not None:
        return Event(task.key, "held", note=owner)
    if task.key not in gone:
        gone.add(task.key)
        return None
    return Event(task.key, "failed", note=last_words(task) or f"its job ended without a word; see {log}")


def _submit(tasks: Sequence[Task], options: SlurmOptions) -> dict[str, tuple[str, Path]]:
    """Submit tasks as array jobs; return key -> job id and the log of the job itself."""
    try:
        import submitit
    except ImportError as error:
        raise InputError(
            "submitit is not installed", where="--executor slurm", do="pip install 'leukbench[slurm]'"
        ) from error
    folder = (workspace() / "runs" / ".slurm").absolute()
    parts = [tasks[k : k + _ARRAY] for k in range(0, len(tasks), _ARRAY)]
    try:
        executor = submitit.AutoExecutor(folder, cluster="slurm", slurm_max_num_timeout=_REQUEUES)
        executor.update_parameters(**_parameters(options, n_arrays=len(parts)))
        submitted = [job for part in parts for job in executor.map_array(Job(), part)]
    except (RuntimeError, submitit.core.utils.FailedJobError, subprocess.CalledProcessError) as error:
        raise InputError("Slurm does not take the jobs", where="--executor slurm", found=str(error)) from error
    return {task.key: (job.job_id, job.paths.stderr) for task, job in zip(tasks, submitted, strict=True)}


def _parameters(options: SlurmOptions, *, n_arrays: int) -> dict[str, Any]:
    """Return submitit's names for the options."""
    parameters: dict[str, Any] = {
        "name": "leukbench",
        "timeout_min": options.time_limit_min,
        "cpus_per_task": options.cpus,
        "slurm_additional_parameters": {"requeue": True, **dict(options.more)},
    }
    if options.gpus:
        parameters["gpus_per_node"] = options.gpus
    if options.partition:
        parameters["slurm_partition"] = options.partition
    if options.jobs:
        parameters["slurm_array_parallelism"] = max(1, options.jobs // n_arrays)
    return parameters


def _states() -> dict[str, str]:
    """Return job id -> state (PENDING, RUNNING, COMPLETING, ...) of the user's jobs that Slurm still has."""
    command = ["squeue", "-h", "-r", "-u", str(os.getuid()), "-o", "%i %T"]  # a user need not have a name here
    for _ in range(_TRIES):
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        except (OSError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
            time.sleep(3)
            continue
        return dict(line.split(maxsplit=1) for line in answer.stdout.splitlines() if line.strip())
    raise LeukbenchError("squeue does not answer; the jobs go on, and the next grid finds what they trained")
