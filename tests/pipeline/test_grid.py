"""``leukbench grid``: which part of the plan, what it would cost, what is shown while it runs,
and what the exit code says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rich.console import Console

from leukbench import cli
from leukbench.errors import DataError, InputError
from leukbench.params import Params, load_params
from leukbench.pipeline import grid as gridding
from leukbench.pipeline.grid import Choice, names, slurm_options
from leukbench.pipeline.progress import summary, table
from leukbench.training import workers
from leukbench.training.board import Board
from leukbench.training.costs import Speed
from leukbench.training.grid import Cost, Event, Task, execute_task, logged, plan_grid
from tests.support.tiny_grid import ARMS, write_experiment

pytestmark = pytest.mark.trains

ROOT = Path(__file__).parents[2]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """The embedded profile in an empty workspace."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    (tmp_path / "params.yaml").write_text((ROOT / "profiles" / "embedded.yaml").read_text())
    return load_params()


def in_this_process(tasks: list[Task], *, jobs: int, device: torch.device) -> Iterator[Event]:
    """Stand in for the workers, which have tests of their own: the same events without a process."""
    for task in tasks:
        yield Event(task.key, "started")
        try:
            with logged(task):
                execute_task(task, device=device)
        except ValueError as error:
            yield Event(task.key, "failed", note=str(error))
        else:
            yield Event(task.key, "finished")


@pytest.fixture
def tiny(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The grid of one tiny experiment with a broken arm, trained in this process."""
    inputs = [write_experiment(tmp_path / "world", arms=ARMS)]
    monkeypatch.setattr(gridding, "inputs_of", lambda params, choice: inputs)
    monkeypatch.setattr(workers, "run_locally", in_this_process)
    return inputs


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["leukbench", "grid", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_studies_protocols_and_arms_choose_experiments_and_their_arms(params: Params) -> None:
    chosen = gridding._chosen(params, Choice(studies=("alnet-cnmc", "ddrnet-blood_cells"), protocols=("patient",)))
    assert list(chosen) == ["alnet-patient", "ddrnet-patient"]
    assert list(gridding._chosen(params, Choice(arms=("proposed",)))) == ["samhitha-image", "samhitha-patient"]
    assert list(gridding._chosen(params, Choice())) == list(params.all_experiments)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(studies=("alnet-cnm",)), "did you mean 'alnet-cnmc'"),
        (Choice(protocols=("pateint",)), "did you mean 'patient'"),
        (Choice(arms=("alnett",)), "did you mean 'alnet'"),
        (Choice(studies=("alnet-cnmc",), arms=("proposed",)), "no experiment of the plan"),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(params: Params, choice: Choice, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gridding._chosen(params, choice)


def test_an_empty_workspace_is_told_which_stage_to_run(
    params: Params, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with pytest.raises(DataError, match="run the split stage"):
        gridding.inputs_of(params, Choice())
    assert run(monkeypatch, "--dry-run") == 2
    assert "run the split stage" in capsys.readouterr().err


def test_a_dry_run_prints_every_missing_run_with_its_cost_and_trains_nothing(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run(monkeypatch, "--dry-run", "--jobs", "2") == 0
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith("| experiment ")][1:]
    assert len(rows) == 6 and all("3 × 16" in row for row in rows)
    assert sum("estimate: roofline" in row for row in rows) == 4 and sum("unknown" in row for row in rows) == 2
    assert "6 runs in the plan, 0 finished, 6 missing: 288 training images" in text and "2 at once" in text
    assert "2 of unknown cost" in text and "measured just now" in text
    assert not (tmp_path / "runs").exists()


def test_a_failed_run_is_told_at_the_end_with_its_log_and_by_the_exit_code(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run(monkeypatch) == 1
    printed = capsys.readouterr()
    assert "4 run(s) finished, 2 failed" in printed.out
    logs = [Path(line.removeprefix("  log: ")) for line in printed.out.splitlines() if line.startswith("  log: ")]
    assert len(logs) == 2 and all("dropout probability" in log.read_text() for log in logs)
    assert printed.err.count(": finished; ") == 4 and printed.err.count(": failed: dropout") == 2
    assert "4 finished, 2 failed of 6" in printed.err
    assert run(monkeypatch, "--dry-run") == 0
    assert "6 runs in the plan, 4 finished, 2 missing" in capsys.readouterr().out


def test_a_grid_for_a_clusters_gpus_is_estimated_for_a_gpu(
    tiny: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("LEUKBENCH_DEVICE", "cpu")
    assert run(monkeypatch, "--dry-run", "--executor", "slurm", "--gpus", "1") == 0
    text = capsys.readouterr().out
    assert "790,000 GFLOP/s" in text and "a modelled H200-class GPU, not measured" in text


def test_an_interrupted_grid_says_what_stays(tiny: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def interrupted(tasks: list[Task], *, jobs: int, device: torch.device) -> Iterator[Event]:
        yield Event(tasks[0].key, "started")
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "run_locally", interrupted)
    assert run(monkeypatch) == 2
    assert "the others resume" in capsys.readouterr().err


def test_an_unknown_executor_is_refused(tiny: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert run(monkeypatch, "--executor", "slrum") == 2
    assert "did you mean 'slurm'" in capsys.readouterr().err


def test_without_submitit_the_extra_is_named(tiny: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert run(monkeypatch, "--executor", "slurm") == 2
    assert "leukbench[slurm]" in capsys.readouterr().err


def test_options_of_slurm_are_passed_on() -> None:
    options = slurm_options(["account=mine", "--mem=8G"], time_limit=30, jobs=7, cpus=2, gpus=1, partition="gpu")
    from leukbench.training.cluster import _parameters

    assert _parameters(options, n_arrays=2) == {
        "name": "leukbench", "timeout_min": 30, "cpus_per_task": 2, "gpus_per_node": 1, "slurm_partition": "gpu",
        "slurm_array_parallelism": 3, "slurm_additional_parameters": {"requeue": True, "account": "mine", "mem": "8G"},
    }  # fmt: skip
    with pytest.raises(InputError, match="name=value"):
        slurm_options(["account"], time_limit=30, jobs=0, cpus=2, gpus=0, partition="")
    assert names(["a, b", "c"]) == ("a", "b", "c")


def test_the_live_table_shows_what_runs_what_failed_and_what_is_left(tmp_path: Path) -> None:
    tasks = plan_grid([write_experiment(tmp_path / "world", seeds=2)])
    cost = Cost(epochs=3, seconds=60.0, speed=Speed(1.0, 1.0, "measured"))
    board = Board(tasks, {t.key: cost for t in tasks}, at_once=1)
    board.hear(Event(tasks[0].key, "started"), now_s=0)
    board.hear(Event(tasks[0].key, "failed", note="ValueError: no"), now_s=1)
    board.hear(Event(tasks[1].key, "started"), now_s=1)
    board.hear(Event(tasks[1].key, "epoch", 1), now_s=21)
    console = Console(width=120, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    console.print(table(board, now_s=21))
    text = console.export_text()
    assert "experiment quick fold 0 seed 0" in text and "ValueError: no" in text
    assert "1 of 3" in text and "40 s" in text
    assert summary(board, now_s=21) in text.replace("\n", " ") and "1 failed, 1 running, 2 waiting of 4" in text


def test_slurm_is_an_extra_and_not_needed_otherwise() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(p.startswith("submitit") for p in project["optional-dependencies"]["slurm"])
    assert not any("submitit" in p for p in project["dependencies"])


def test_a_experiments_plan_holds_the_experiment_so_that_train_needs_no_parameter() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert "params" not in stages["train"]
    assert "out/${profile}/splits" in stages["train"]["deps"]
