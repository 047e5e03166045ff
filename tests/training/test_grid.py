"""The grid: planned once, told beforehand what it costs, trained in workers; a failure,
a kill or another grid loses and repeats nothing."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from leukbench.artefacts import ResolvedStudy, from_plain
from leukbench.cohort.tables import read_split
from leukbench.errors import DataError
from leukbench.pixels.store import open_store
from leukbench.training.board import Board
from leukbench.training.cluster import _news
from leukbench.training.costs import Estimator, Speed, accelerators, measured_speeds
from leukbench.training.experiment import plan_experiment, train_experiment
from leukbench.training.grid import Cost, Event, cost_of, execute_task, last_words, missing, plan_grid
from leukbench.training.hardware import use_threads
from leukbench.training.locks import RunHeld, holding, owner_of
from leukbench.training.roofline import Device
from leukbench.training.run import epochs_done, find_run, run_folder
from leukbench.training.workers import run_locally
from tests.support.tiny_grid import ARMS, write_experiment

pytestmark = pytest.mark.trains

CPU = torch.device("cpu")
LIMITS = Device(flops=1e11, bytes_s=1e10)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))


class Killed(Exception):
    """Stands in for a kill: raised inside the progress callback."""


def stop_at_two(done: int, total: int) -> None:
    if done == 2:
        raise Killed


# ---------------------------------------------------------------------------------------------------- planning


def test_the_plan_is_arms_times_folds_times_seeds_under_the_keys_that_the_train_stage_uses(tmp_path: Path) -> None:
    inputs = write_experiment(tmp_path / "world", arms=ARMS, seeds=2)
    tasks = plan_grid([inputs])
    assert [(t.arm, t.fold, t.seed) for t in tasks] == [(a, f, s) for s in (0, 1) for a in ARMS for f in (0, 1)]
    study = from_plain(ResolvedStudy, json.loads(inputs.study.read_text()), where="study.json")
    plan = plan_experiment(
        study, inputs.experiment, read_split(inputs.split), store=open_store(inputs.store), limited_source=False
    )
    assert [t.key for t in tasks] == [spec.key for _, spec, _ in sorted(plan, key=lambda run: run[1].seed)]
    assert {(t.epoch_rows, t.scored_rows) for t in tasks} == {(16, 26)}


def test_two_experiments_that_need_the_same_run_plan_it_once(tmp_path: Path) -> None:
    one, other = (write_experiment(tmp_path / "world", name) for name in ("one", "other"))
    other = dataclasses.replace(other, experiment=dataclasses.replace(other.experiment, protocol="image"))
    assert [t.inputs.name for t in plan_grid([one, other])] == ["one", "one"]


def test_a_run_that_tests_fewer_rows_than_another_of_the_same_training_is_not_planned(tmp_path: Path) -> None:
    wide, narrow = (write_experiment(tmp_path / "world", name) for name in ("wide", "narrow"))
    rows = read_split(narrow.split)
    tested = rows.index[rows["role"].eq("test") & rows["fold"].astype(int).eq(1)]
    rows.drop(tested[::2]).to_csv(narrow.split, index=False)
    assert [(t.inputs.name, t.fold) for t in plan_grid([narrow, wide])] == [("narrow", 0), ("wide", 1)]


def test_oversampling_counts_the_rows_that_are_drawn_again(tmp_path: Path) -> None:
    task = plan_grid([write_experiment(tmp_path / "world", balance="oversample")])[0]
    assert task.epoch_rows == 16  # its classes are of one size
    inputs = write_experiment(tmp_path / "uneven", balance="oversample")
    split = read_split(inputs.split)
    drop = split[(split["fold"] == 0) & (split["role"] == "train") & (split["label"] == "red")].index[:5]
    split.drop(drop).to_csv(inputs.split, index=False)
    assert plan_grid([inputs])[0].epoch_rows == 16  # 8 blue + 3 red drawn up to 8


@pytest.mark.parametrize(("file", "stage"), [("study", "resolve"), ("split", "split"), ("store", "decode")])
def test_what_an_earlier_stage_did_not_make_is_named_with_its_stage(tmp_path: Path, file: str, stage: str) -> None:
    inputs = write_experiment(tmp_path / "world")
    getattr(inputs, file).unlink()
    with pytest.raises(DataError, match=f"run the {stage} stage"):
        plan_grid([inputs])


# ------------------------------------------------------------------------------------------------------- costs


def test_a_cost_is_what_like_runs_took_times_the_epochs_and_images_that_are_missing(tmp_path: Path) -> None:
    tasks = plan_grid([write_experiment(tmp_path / "world", arms={"quick": {}, "dry": {"dropout": 0.4}})])
    execute_task(tasks[0], device=CPU)
    folder = run_folder(tasks[0].key)
    history = json.loads((folder / "history.json").read_text())
    history |= {"train_s": [9.0, 0.5, 0.5], "scoring_s": [9.0, 0.25, 0.25]}
    (folder / "history.json").write_text(json.dumps(history))
    card = json.loads((folder / "environment.json").read_text())
    measured = measured_speeds(card["processor"])
    estimator = Estimator(CPU, measured, LIMITS)
    cost = cost_of(tasks[1], estimator)  # the other fold of the same arm
    assert cost.speed == Speed(train=32.0, score=104.0, basis="measured, 1 run(s)")
    assert cost.seconds == pytest.approx(3 * (16 / 32 + 26 / 104))
    assert "roofline" in cost_of(tasks[2], estimator).speed.basis  # dropout is another network
    assert measured_speeds("another processor") == {} and accelerators() == []
    (folder / "environment.json").write_text(json.dumps(card | {"accelerator": "a GPU"}))
    assert accelerators() == ["a GPU"] and measured_speeds(card["processor"]) == {}
    assert list(measured_speeds("a GPU").values()) == list(measured.values())


def test_an_estimate_is_half_of_the_roofline_of_the_step_at_its_batch_size(tmp_path: Path) -> None:
    """Counted by hand: with bandwidth for nothing, only the two convolutions and the dense layer cost."""
    (task, _) = plan_grid([write_experiment(tmp_path / "world")])
    forward = 2 * (30 * 30 * 8 * 27 + 5 * 5 * 8 * 72 + 8 * 2)
    backward = 2 * forward - 2 * 30 * 30 * 8 * 27  # the images need no gradient
    speed = Estimator(CPU, {}, Device(flops=1e9, bytes_s=1e30)).speed(task.load)
    assert speed.train == pytest.approx(0.5 * 1e9 / (forward + backward), rel=0.01)
    assert speed.score == pytest.approx(0.5 * 1e9 / forward, rel=0.01)


def test_a_network_that_cannot_be_built_costs_nobody_knows_what(tmp_path: Path) -> None:
    task = plan_grid([write_experiment(tmp_path / "world", arms=ARMS)])[-1]
    cost = cost_of(task, Estimator(CPU, {}, LIMITS))
    assert np.isnan(cost.seconds) and "dropout" in cost.speed.basis


def test_a_resumed_run_costs_only_its_missing_epochs(tmp_path: Path) -> None:
    (task, _) = plan_grid([write_experiment(tmp_path / "world", epochs=5)])
    estimator = Estimator(CPU, {}, LIMITS)
    whole = cost_of(task, estimator)
    with pytest.raises(Killed):
        execute_task(task, device=CPU, progress=stop_at_two)
    rest = cost_of(task, estimator)
    assert (whole.epochs, rest.epochs, epochs_done(task.key)) == (5, 3, 2)
    assert rest.seconds == pytest.approx(whole.seconds * 3 / 5)


# ------------------------------------------------------------------------------------------------------ training


def test_a_grid_trains_in_workers_resumes_and_goes_on_after_a_failed_run(tmp_path: Path) -> None:
    inputs = write_experiment(tmp_path / "world", arms=ARMS)
    tasks = plan_grid([inputs])
    threads = torch.get_num_threads()
    use_threads(tasks[3].recipe.input_px)  # sums over more threads differ in their last bit
    execute_task(tasks[3], device=CPU)
    whole = find_run(tasks[3].key)
    for file in run_folder(tasks[3].key).iterdir():
        file.unlink()
    with pytest.raises(Killed):
        execute_task(tasks[3], device=CPU, progress=stop_at_two)
    torch.set_num_threads(threads)
    events = list(run_locally([tasks[4], *tasks[:4]], jobs=1, device=CPU))  # the broken one first
    ends = {e.key: e for e in events if e.what in {"finished", "failed"}}
    assert [ends[t.key].what for t in tasks[:5]] == ["finished"] * 4 + ["failed"]
    assert "dropout probability has to be between 0 and 1" in ends[tasks[4].key].note
    assert "Traceback" in tasks[4].log.read_text() and not tasks[0].log.exists()
    assert [(e.what, e.epoch) for e in events if e.key == tasks[0].key] == [
        ("started", 0), ("epoch", 1), ("epoch", 2), ("epoch", 3), ("finished", 0),
    ]  # fmt: skip
    assert missing(tasks) == tasks[4:]
    assert [e.epoch for e in events if e.key == tasks[3].key and e.what == "epoch"] == [3]
    resumed = find_run(tasks[3].key)
    assert resumed is not None and whole is not None and np.array_equal(resumed.test, whole.test)

    collected = dataclasses.replace(inputs, experiment=dataclasses.replace(inputs.experiment, arms=("quick", "dry")))
    (tmp_path / "world" / "model.py").touch()

    def never(name: str, done: int, total: int) -> None:
        raise AssertionError(f"{name} is trained again")

    study = from_plain(ResolvedStudy, json.loads(inputs.study.read_text()), where="study.json")
    split, store = read_split(inputs.split), open_store(inputs.store)
    _, receipt = train_experiment(
        study, collected.experiment, split, store=store, device=CPU, limited_source=False, progress=never
    )
    assert [run["key"] for run in receipt["runs"]] == [t.key for t in tasks[:4]]


def test_a_worker_that_was_killed_while_it_had_nothing_to_do_is_replaced(tmp_path: Path) -> None:
    """As for want of memory: between two runs nobody listens to a worker."""
    tasks = plan_grid([write_experiment(tmp_path / "world", arms={"quick": {}, "dry": {"dropout": 0.4}})])
    ends = []
    for event in run_locally(tasks, jobs=1, device=CPU):
        if event.what == "finished":
            ends.append(event.key)
            for child in multiprocessing.active_children():
                child.kill()
                child.join()
    assert ends == [task.key for task in tasks]


def test_a_run_whose_folder_cannot_be_made_says_so_without_a_log(tmp_path: Path) -> None:
    (task, *_) = plan_grid([write_experiment(tmp_path / "world")])
    run_folder(task.key).parent.mkdir(parents=True)
    run_folder(task.key).write_text("no folder", encoding="utf-8")
    events = list(run_locally([task], jobs=1, device=CPU))
    assert events[-1].what == "failed" and "File exists" in events[-1].note and task.key in events[-1].note


GRID = """
import sys
from pathlib import Path
import torch
from tests.support.tiny_grid import write_experiment
from leukbench.training.grid import missing, plan_grid
from leukbench.training.workers import run_locally
if __name__ == "__main__":
    tasks = plan_grid([write_experiment(Path(sys.argv[1]), arms={"slow": {"pause_s": 0.05}}, seeds=2)])
    for event in run_locally(missing(tasks), jobs=2, device=torch.device("cpu")):
        print(event.key, event.what, event.epoch, flush=True)
"""


def start_grid(folder: Path) -> subprocess.Popen[str]:
    script = folder.parent / "grid.py"
    script.write_text(GRID, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.Popen(
        [sys.executable, str(script), str(folder)], env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_grids_at_once_train_every_run_once(tmp_path: Path) -> None:
    write_experiment(tmp_path / "world", arms={"slow": {"pause_s": 0.05}}, seeds=2)
    both = [start_grid(tmp_path / "world") for _ in range(2)]
    outputs = [child.communicate(timeout=500)[0].split("\n") for child in both]
    assert [child.returncode for child in both] == [0, 0]
    epochs = sorted(line for lines in outputs for line in lines if " epoch " in line)
    assert len(epochs) == 4 * 3 and len(set(epochs)) == len(epochs)
    for lines in outputs:
        assert sum(" finished " in line for line in lines) in {0, 4}  # 0: all was finished before it had begun


@pytest.mark.slow
def test_a_killed_grid_leaves_no_lock_and_its_workers_end(tmp_path: Path) -> None:
    (tmp_path / "world").mkdir()
    with start_grid(tmp_path / "world") as child:
        assert child.stdout is not None
        key = next(line for line in child.stdout if " epoch " in line).split()[0]
        child.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while owner_of(run_folder(key)) is not None and time.monotonic() < until:
        time.sleep(0.1)
    assert owner_of(run_folder(key)) is None and (find_run(key) is not None or epochs_done(key) > 0)


def test_a_run_held_elsewhere_is_not_trained_here(tmp_path: Path) -> None:
    (task, _) = plan_grid([write_experiment(tmp_path / "world")])
    with holding(run_folder(task.key)), pytest.raises(RunHeld):
        execute_task(task, device=CPU)
    assert epochs_done(task.key) == 0


def test_inputs_that_changed_since_the_plan_are_refused(tmp_path: Path) -> None:
    (task, _) = plan_grid([write_experiment(tmp_path / "world")])
    write_experiment(tmp_path / "world", epochs=4)
    with pytest.raises(DataError, match="not the one that was planned"):
        execute_task(task, device=CPU)


def test_a_slurm_job_has_failed_when_it_is_gone_twice_without_a_receipt_or_another_owner(tmp_path: Path) -> None:
    (task, _) = plan_grid([write_experiment(tmp_path / "world")])
    gone, log = set[str](), tmp_path / "job.err"
    assert _news(task, "PENDING", log, gone) is None
    assert _news(task, "RUNNING", log, gone) == Event(task.key, "started")
    assert _news(task, None, log, gone) is None
    assert _news(task, "PENDING", log, gone) is None and not gone  # it was requeued
    with holding(run_folder(task.key)):
        event = _news(task, None, log, gone)
    assert event is not None and event.what == "held" and str(os.getpid()) in event.note
    assert _news(task, None, log, gone) is None
    ended = _news(task, None, log, gone)
    assert ended is not None and ended.what == "failed" and str(log) in ended.note
    task.log.write_text("words\nTraceback (most recent call last):\n  File x\nValueError: no\nsubmitit INFO\n")
    assert last_words(task) == "ValueError: no"
    execute_task(task, device=CPU)
    assert _news(task, None, log, gone) == Event(task.key, "finished")


# ---------------------------------------------------------------------------------------------------- the board


def test_time_left_follows_the_pace_of_like_runs(tmp_path: Path) -> None:
    """By hand: 10 s planned a run; the first takes 30 s, so the one that waits is expected to take 30 s too."""
    first, second, third, fourth = plan_grid([write_experiment(tmp_path / "world", seeds=2)])
    cost = Cost(epochs=3, seconds=10.0, speed=Speed(1.0, 1.0, "measured"))
    board = Board(
        [first, second, third, fourth], dict.fromkeys([t.key for t in (first, second, third, fourth)], cost), at_once=1
    )
    assert board.left_s(now_s=0) == 40
    board.hear(Event(first.key, "started"), now_s=0)
    board.hear(Event(first.key, "epoch", 1), now_s=10)
    assert board.left_s(now_s=10) == pytest.approx(20 + 3 * 30)
    board.hear(Event(first.key, "finished"), now_s=30)
    board.hear(Event(second.key, "started"), now_s=30)
    board.hear(Event(second.key, "failed", note="why"), now_s=31)
    assert board.left_s(now_s=31) == pytest.approx(2 * 30)
    board.hear(Event(third.key, "held", note="another grid"), now_s=31)
    assert board.left_s(now_s=31) == pytest.approx(30)
    assert [len(board.in_state(s)) for s in ("finished", "failed", "elsewhere", "waiting")] == [1, 1, 1, 1]
