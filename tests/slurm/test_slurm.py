"""A real Slurm of one node: the grid's jobs run there, a failure is told with its log,
a job at its time limit resumes."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from leukbench.training.board import Board
from leukbench.training.cluster import SlurmOptions, run_on_slurm
from leukbench.training.costs import Estimator
from leukbench.training.grid import cost_of, execute_task, missing, plan_grid
from leukbench.training.run import find_run, run_folder
from tests.support.tiny_grid import write_experiment

HERE = Path(__file__).parent
_NEEDED = ("slurmctld", "slurmd", "sbatch", "munged")
_ABSENT = [name for name in _NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]

pytestmark = [
    pytest.mark.trains,
    pytest.mark.slow,
    pytest.mark.skipif(bool(_ABSENT), reason=f"no Slurm here: {', '.join(_ABSENT)} not installed"),
    pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="submitit is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="starting Slurm needs root"),
]
EPOCHS = 200  # of 0.8 s each: more than the two minutes that a job gets


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("slurm")
    try:
        subprocess.run([str(HERE / "start.sh"), str(folder)], check=True, timeout=120)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
            yield folder
    finally:
        subprocess.run([str(HERE / "stop.sh"), str(folder)], check=False, timeout=60)


@pytest.fixture
def home(slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEUKBENCH_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


def test_a_grid_runs_as_array_jobs_and_a_failed_run_does_not_stop_the_others(home: Path) -> None:
    tasks = plan_grid(
        [write_experiment(home / "world", arms={"quick": {}, "broken": {"dropout": 2.0}, "dry": {"dropout": 0.4}})]
    )
    estimator = Estimator(torch.device("cpu"), {})
    board = Board(tasks, {t.key: cost_of(t, estimator) for t in tasks}, at_once=2)
    for event in run_on_slurm(tasks, SlurmOptions(time_limit_min=5, cpus=1, jobs=2, partition="main"), poll_s=1.0):
        board.hear(event, now_s=0.0)
    failed = board.in_state("failed")
    assert [line.task.arm for line in failed] == ["broken", "broken"] and len(board.in_state("finished")) == 4
    assert all("dropout probability" in line.note for line in failed)
    assert all("Traceback" in line.task.log.read_text() for line in failed)
    assert [t.arm for t in missing(tasks)] == ["broken", "broken"]  # a second grid has nothing else to do
    scripts = list((home / "home" / "runs" / ".slurm").glob("*submission.sh"))
    assert len(scripts) == 1 and "--array=0-5%2" in scripts[0].read_text()


def test_a_job_at_its_time_limit_is_requeued_and_ends_as_an_uninterrupted_run_does(home: Path) -> None:
    arms = {"slow": {"pause_s": 0.2}, "straight": {}}
    slow, straight = (
        t for t in plan_grid([write_experiment(home / "world", arms=arms, epochs=EPOCHS)]) if t.fold == 0
    )  # fmt: skip
    # Slurm sends the signal up to a minute early: with a shorter limit it could come before anything listens
    options = SlurmOptions(time_limit_min=2, cpus=1, more=(("signal", "USR2@20"),))
    events = list(run_on_slurm([slow], options, poll_s=0.5))
    assert events[-1].what == "finished", events[-1]
    log = slow.log.read_text()
    assert "Caught signal SIGUSR2" in log and "Requeued job" in log
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        execute_task(straight, device=torch.device("cpu"))
    finally:
        torch.set_num_threads(threads)
    interrupted, whole = find_run(slow.key), find_run(straight.key)
    assert interrupted is not None and whole is not None
    assert len(interrupted.test) == EPOCHS and interrupted.receipt["wall_s"] > 0.7 * EPOCHS
    assert np.array_equal(interrupted.test, whole.test) and np.array_equal(interrupted.validation, whole.validation)
    assert interrupted.history["train_loss"] == whole.history["train_loss"]
    assert not (run_folder(slow.key) / "lock").exists()
