"""The scripts for a bare GPU machine import nothing that it lacks;
what is trained there is found at home by its key."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.gpu.trainings import _archive, by_importance, collect, pack, unpack
from leukbench.cohort.tables import read_split
from leukbench.errors import DataError
from leukbench.papers.loader import load_paper
from leukbench.papers.resolve import resolve_study
from leukbench.params import load_params
from leukbench.pipeline import decode as decode_stage
from leukbench.pipeline import split as split_stage
from leukbench.pipeline import train as train_stage
from leukbench.pipeline.grid import Choice, grid, inputs_of
from leukbench.pixels.store import open_store
from leukbench.training import run as running
from leukbench.training.data import copied_images
from leukbench.training.finished import seal
from leukbench.training.grid import execute_task, plan_grid
from leukbench.training.run import run_folder
from tests.support.blocked_imports import NEVER, ROOT, allowed_modules, environment
from tests.support.plans import known_experiment, known_plan, prepare, write_plan
from tests.support.tiny_grid import write_experiment

pytestmark = pytest.mark.trains


def there(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a machine does that has only torch and its like."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command,
        env=environment(tmp_path / "site"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_what_the_blocker_allows_is_enough_and_no_more() -> None:
    allowed = set(allowed_modules())
    assert {"torch", "timm", "torchvision", "cv2", "sklearn", "pandas", "pyarrow", "safetensors"} <= allowed
    assert not allowed & NEVER


@pytest.mark.parametrize("module", ["pydantic", "rich", "leukbench.params", "leukbench.papers.schema"])
def test_the_blocker_hides_what_is_installed_here(tmp_path: Path, module: str) -> None:
    __import__(module)
    result = there(tmp_path, "-c", f"import {module}")
    assert result.returncode == 1 and "ModuleNotFoundError" in result.stderr


def test_packed_here_trained_there_collected_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    experiments = {"there": known_experiment("patient", limits={"epochs": 2, "folds": 1, "seeds": 2})}
    write_plan(home, known_plan("there", experiments))
    monkeypatch.setenv("LEUKBENCH_HOME", str(home))
    params = load_params()
    prepare(params)
    split_stage.split(params, ["there"])
    decode_stage.decode(params, "s")
    message = pack(inputs_of(params, Choice()), tmp_path / "bundle", part_mib=0.05)
    assert "1 experiments with missing runs, 1 stores in " in message
    assert len(list((tmp_path / "bundle" / "parts").iterdir())) > 1
    (packed,) = json.loads((tmp_path / "bundle" / "plan.json").read_text())["stores"].values()
    assert len(packed["rows"]) == 72 and len(packed["index"]["image_id"]) == 144  # the other half is in no split

    script = str(ROOT / "benchmarks" / "gpu" / "trainings.py")
    options = [
        "run", "bundle", "--home", "work", "--results", "out", "--device", "cpu", "--jobs", "1", "--budget-s", "300",
        "--part-mib", "0.001",
    ]  # fmt: skip
    result = there(tmp_path, script, *options)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 of 2 runs finished, 0 failed, 0 left" in result.stdout
    # a run is never cut in two, and a machine that gives back few files gives back these
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["runs-000.zip", "runs-001.zip"]

    assert collect(tmp_path / "out").startswith("2 new runs")
    assert collect(tmp_path / "out").startswith("0 new runs")

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(running, "_train_run", never)
    assert train_stage.train(params, "there").startswith("there: 2 run(s)")
    text, failed = grid(params, Choice())
    assert "2 runs in the plan, 2 finished, 0 missing" in text and not failed
    assert (
        pack(inputs_of(params, Choice()), tmp_path / "empty", part_mib=1)
        == f"{tmp_path / 'empty'}: 0 experiments with missing runs, 0 stores in 0 parts, 0.0 MiB"
    )


def test_a_bundle_gives_back_the_same_pixels_and_the_same_keys(tmp_path: Path) -> None:
    inputs = write_experiment(tmp_path / "world", seeds=2)
    pack([inputs], tmp_path / "bundle", part_mib=0.02)
    (unpacked,) = unpack(tmp_path / "bundle", tmp_path / "work")
    assert unpacked.experiment == inputs.experiment and unpacked.store != inputs.store
    here, carried = open_store(inputs.store), open_store(unpacked.store)
    split = read_split(inputs.split)
    needed = sorted(
        {here.row_of[name] for name in copied_images(split["image_id"].to_numpy(dtype=str), split["copy"].to_numpy())}
    )
    assert np.array_equal(carried.images[needed], here.images[needed]) and len(needed) > 1
    assert [t.key for t in plan_grid([unpacked])] == [t.key for t in plan_grid([inputs])]


def test_a_missing_or_altered_part_is_named(tmp_path: Path) -> None:
    pack([write_experiment(tmp_path / "world")], tmp_path / "bundle", part_mib=0.02)
    parts = sorted((tmp_path / "bundle" / "parts").iterdir())
    shutil.copyfile(parts[0], parts[1])
    with pytest.raises(DataError, match="not those that were packed"):
        unpack(tmp_path / "bundle", tmp_path / "work")
    parts[1].unlink()
    with pytest.raises(DataError, match=parts[1].name):
        unpack(tmp_path / "bundle", tmp_path / "work")
    assert not list((tmp_path / "work" / "stores").glob("*.npy"))


def test_proposed_networks_and_first_seeds_come_first(tmp_path: Path) -> None:
    experiments = [
        write_experiment(tmp_path / n, n, arms={"a": {}, "b": {"dropout": 0.3 + k / 10}}, seeds=2)
        for k, n in enumerate("xy")
    ]
    order = [(t.seed, t.arm, t.inputs.name) for t in by_importance(plan_grid(experiments)) if t.fold == 0]
    assert order == [
        (0, "a", "x"), (0, "b", "x"), (0, "b", "y"), (1, "a", "x"), (1, "b", "x"), (1, "b", "y"),
    ]  # fmt: skip


def test_a_run_under_another_runs_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))
    (tmp_path / "out").mkdir()
    with zipfile.ZipFile(tmp_path / "out" / "runs-000.zip", "w") as packed:
        packed.writestr(f"runs/{'0' * 64}/receipt.json", "{}")
        packed.writestr(f"runs/{'0' * 64}/spec.json", json.dumps({"network": {"folder": ""}, "seed": 0}))
    with pytest.raises(DataError, match="not the one that its folder names"):
        collect(tmp_path / "out")
    (tmp_path / "out" / "runs-001.zip").write_bytes(b"half a file")
    with pytest.raises(DataError, match="damaged") as raised:
        collect(tmp_path / "out")
    assert raised.value.where.endswith("runs-001.zip")


def test_what_is_collected_is_there_whole_and_no_other_than_what_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))
    with pytest.raises(DataError, match="no runs to collect"):
        collect(tmp_path / "out")
    (task, _) = plan_grid([write_experiment(tmp_path / "world")])
    execute_task(task, device=torch.device("cpu"))
    here, away = run_folder(task.key), tmp_path / "away" / task.key
    shutil.copytree(here, away)
    _archive([away], [], tmp_path / "out", part_mib=1.0)
    assert collect(tmp_path / "out").startswith("0 new runs") and "1 that were here" in collect(tmp_path / "out")

    scores = np.load(away / "test.npy")
    np.save(away / "test.npy", scores[:, ::-1])
    _archive([away], [], tmp_path / "out", part_mib=1.0)
    with pytest.raises(DataError, match="damaged"):  # by its own receipt
        collect(tmp_path / "out")
    seal(away, json.loads((away / "receipt.json").read_text()))
    _archive([away], [], tmp_path / "out", part_mib=1.0)
    with pytest.raises(DataError, match="here already, with other predictions") as refused:
        collect(tmp_path / "out")
    assert refused.value.where == str(here / "test.npy") and np.array_equal(np.load(here / "test.npy"), scores)

    (away / "history.json").write_text("{}", encoding="utf-8")
    _archive([away], [], tmp_path / "out", part_mib=1.0)
    shutil.rmtree(here)
    with pytest.raises(DataError, match="damaged"):
        collect(tmp_path / "out")
    assert not here.exists()  # nothing of it is left for a later stage to stumble over


@pytest.mark.parametrize("name", ["plan.json", "studies/study.json", "splits/experiment.csv"])
def test_a_digit_changed_in_a_bundle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Another row of a store's plan would put an image in another's place, under the key of the right run."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))
    pack([write_experiment(tmp_path / "world")], tmp_path / "bundle", part_mib=1.0)
    file = tmp_path / "bundle" / name
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("1", "2", 1), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != text
    with pytest.raises(DataError, match="not as it was written") as refused:
        plan_grid(unpack(tmp_path / "bundle", tmp_path / "work"))
    assert refused.value.where.endswith(name)
    with pytest.raises(DataError, match="has not run"):
        unpack(tmp_path / "nowhere", tmp_path / "work")


def test_an_unpacked_store_that_was_damaged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))
    pack([write_experiment(tmp_path / "world")], tmp_path / "bundle", part_mib=1.0)
    (inputs,) = unpack(tmp_path / "bundle", tmp_path / "work")
    data = bytearray(inputs.store.read_bytes())
    data[-1] ^= 1
    inputs.store.write_bytes(bytes(data))
    with pytest.raises(DataError, match="not as it was written"):
        plan_grid(unpack(tmp_path / "bundle", tmp_path / "work"))


def test_the_timing_script_goes_on_from_results_of_the_same_code_alone(tmp_path: Path) -> None:
    from benchmarks.gpu.run import earlier

    card = {"commit": "1" * 12, "python": "3.12", "versions": {"torch": "2"}, "processor": "any"}
    file = tmp_path / "device.json"
    assert earlier(file, card) == {}
    file.write_text(json.dumps({"hardware": card, "parts": {}}), encoding="utf-8")
    assert earlier(file, {**card, "processor": "another"})["parts"] == {}
    with pytest.raises(DataError, match="of other code"):
        earlier(file, {**card, "commit": "2" * 12})
    for text in ('{"hardw', "[]", "{}", '{"hardware": {}}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="cannot be read"):
            earlier(file, card)


def time_there(tmp_path: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any], str]:
    """Run the timing script at its smallest size; return how it ended, its parts and its page."""
    script = str(ROOT / "benchmarks" / "gpu" / "run.py")
    result = there(tmp_path, script, "--device", "cpu", "--quick", "--out", "out", *options)
    (file,) = (tmp_path / "out").glob("*.json")
    return result, json.loads(file.read_text())["parts"], file.with_suffix(".md").read_text()


def test_the_timing_script_runs_where_nothing_else_is_installed(tmp_path: Path) -> None:
    result, parts, page = time_there(tmp_path, "--only", "DSCNet")
    assert result.returncode == 0, result.stdout + result.stderr
    assert set(parts) == {f"{what}: DSCNet" for what in ("engine bf16", "step bf16", "by hand", "engine fp32")}
    assert all(part["status"] == "done" and part["images_s"] > 0 for part in parts.values())
    assert "| DSCNet | " in page and "28.0 million images): not all networks were measured" in page


def test_the_headline_grid_is_the_papers_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "training"))
    from benchmarks.gpu.run import EPOCHS_AND_IMAGES, headline

    arms = {
        "ALNet": ("alnet", "cnmc", "alnet"),
        "DDRNet": ("ddrnet", "blood_cells", "ddrnet"),
        "DSCNet": ("dscnet", "aria", "dscnet_kl_aug"),
        "EfficientNet-B3": ("batool", "cnmc", "cnmc_b3_table7"),
        "EfficientNet-B0 + attention": ("samhitha", "cnmc", "proposed"),
    }
    for name, (paper, study, arm) in arms.items():
        recipe = resolve_study(load_paper(paper), study).arms[arm].recipe
        assert EPOCHS_AND_IMAGES[name][0] == recipe.epochs, name
    # by hand: 9 · (140 · 10661 + 30 · 20000 + 50 · 3256 + 20 · 10661 + 60 · 10661) =
    # 27,973,980 images at 10,000 a second
    rates = {f"engine bf16: {name}": {"images_s": 10_000.0} for name in EPOCHS_AND_IMAGES}
    assert "28.0 million images): 47 minutes" in headline(rates)


@pytest.mark.slow
def test_the_timing_script_stops_in_time_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    wrong = there(
        tmp_path, str(ROOT / "benchmarks" / "gpu" / "run.py"), "--device", "cpu", "--quick", "--only", "nosuch"
    )
    assert wrong.returncode == 2 and "no part has 'nosuch' in its name" in wrong.stderr
    first, none, _ = time_there(tmp_path, "--budget-s", "0")
    assert first.returncode == 3 and none == {}
    _, some, _ = time_there(tmp_path, "--only", "engine bf16: DSCNet")
    assert list(some) == ["engine bf16: DSCNet"]
    last, parts, _ = time_there(tmp_path, "--only", "DSCNet")
    assert last.returncode == 0, last.stdout + last.stderr
    assert len(parts) == 4 and {part["status"] for part in parts.values()} == {"done"}
    assert {name: parts[name] for name in some} == some
