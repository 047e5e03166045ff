"""The pipeline around the training: a no-op ``dvc repro`` of a whole profile, and how planning and an epoch grow."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.conftest import Compare, Way
from benchmarks.work import CPU, cells, make_recipe, make_rows, make_store
from leukbench.cohort.duplicates import hash_images
from leukbench.records import Experiment, Limits, NetworkSpec, as_plain
from leukbench.training.data import Pixels
from leukbench.training.engine import set_up, train
from leukbench.training.grid import ExperimentInputs, plan_grid
from leukbench.training.network import build_network

ROOT = Path(__file__).resolve().parents[1]
SMALL = NetworkSpec(paper="known_answer", name="small_cnn")
_COMMIT = """
from pathlib import Path
from dvc.repo import Repo
repo = Repo(".")
files = {d.fs_path for s in repo.index.stages for d in s.deps} | {o.fs_path for s in repo.index.stages for o in s.outs}
for file in sorted(map(Path, files), key=lambda f: len(f.parts), reverse=True):
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"made: {file.name}")
repo.commit(force=True)
print(len(repo.index.stages))
"""


def dvc(folder: Path, *arguments: str) -> Callable[[], str]:
    def call() -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(
            command, cwd=folder, env=environment, check=True, capture_output=True, text=True, timeout=300
        )
        return done.stdout

    return call


@pytest.mark.parametrize("profile", ["embedded", "full"])
def test_a_no_op_of_the_whole_plan(tmp_path: Path, compare: Compare, profile: str) -> None:
    """All outputs are made up and recorded as they are: what DVC then does is read the plan and look at each file."""
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")
    shutil.copyfile(ROOT / "profiles" / f"{profile}.yaml", tmp_path / "params.yaml")
    shutil.copytree(ROOT / "leukbench", tmp_path / "leukbench", ignore=shutil.ignore_patterns("__pycache__"))
    dvc(tmp_path, "init", "--no-scm", "-q")()
    made = subprocess.run([sys.executable, "-c", _COMMIT], cwd=tmp_path, check=True, capture_output=True, text=True)
    repro = dvc(tmp_path, "repro")
    assert "Data and pipelines are up to date" in repro()
    n = int(made.stdout.split()[-1])
    compare(
        f"no-op dvc repro, profile {profile}, {n} stages",
        Way(repro, n),
        {"dvc --version": Way(dvc(tmp_path, "--version"), n)},
        unit="stages",
        limit_s=3.0,
        rounds=3,
    )


def write_experiment(folder: Path, *, images: int, seeds: int = 1) -> ExperimentInputs:
    """Write an experiment of the known-answer network over made images of 8 px in five folds."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"i{k}" for k in range(images)]
    recipe = as_plain(make_recipe(input_px=8))
    study = {
        "source": "s", "classes": {"hem": ["hem"], "all": ["all"]},
        "arms": {"a": {"network": as_plain(SMALL), "recipe": recipe}},
    }  # fmt: skip
    (folder / "study.json").write_text(json.dumps(study))
    rows: list[dict[str, Any]] = [
        {
            "fold": fold, "role": "test" if k % 5 == fold else "train", "image_id": name, "origin": name, "copy": 0,
            "label": ("hem", "all")[k % 2], "group": name, "patient": "",
        }
        for fold in range(5) for k, name in enumerate(names)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "split.csv", index=False)
    np.save(folder / "store.npy", np.zeros((images, 8, 8, 3), np.uint8))
    index = {"side_px": 8, "crop": 1.0, "sha256": "0" * 64, "image_id": names}
    (folder / "store.json").write_text(json.dumps(index))
    experiment = Experiment(
        paper="p", study="s", protocol="image", source="s", store="store", arms=("a",), limits=Limits(seeds=seeds)
    )
    return ExperimentInputs(
        "experiment", experiment, folder / "study.json", folder / "split.csv", folder / "store.npy", False
    )


def test_how_planning_grows_by_runs(tmp_path: Path, growth: Callable[..., float]) -> None:
    def make(runs: int) -> Callable[[], object]:
        inputs = write_experiment(tmp_path / str(runs), images=500, seeds=runs // 5)
        return lambda: plan_grid([inputs])

    assert growth("planning the grid by runs", make, (50, 200, 800), unit="runs") < 1.3


def test_how_planning_grows_by_images(tmp_path: Path, growth: Callable[..., float]) -> None:
    def make(images: int) -> Callable[[], object]:
        inputs = write_experiment(tmp_path / str(images), images=images)
        return lambda: plan_grid([dataclasses.replace(inputs, name="again")])

    assert growth("planning the grid by images, 5 folds", make, (1000, 4000, 16000), unit="images") < 1.3


def test_how_an_epoch_grows(growth: Callable[..., float]) -> None:
    recipe = make_recipe(input_px=32, optimiser="adam", loss="categorical_cross_entropy", output="softmax")

    def make(n: int) -> Callable[[], object]:
        store = make_store(cells(n, 32), 32)
        rows, none = (Pixels(make_rows(0, k), store, recipe, device=CPU) for k in (n, 0))

        def epoch() -> None:
            state = set_up(
                lambda: build_network(SMALL, n_classes=2, input_px=32, pretrained=False), recipe, seed=0, device=CPU
            )
            train(state, recipe, train=rows, validation=none, test=none, n_classes=2, seed=0, precision="fp32")

        return epoch

    assert growth("a training epoch by images", make, (256, 1024, 4096), unit="images") < 1.3


def test_how_hashing_grows(growth: Callable[..., float]) -> None:
    def make(n: int) -> Callable[[], object]:
        pictures = np.random.default_rng(0).integers(0, 256, (n, 64, 64), dtype=np.uint8)
        return lambda: hash_images(pictures)

    assert growth("perceptual hashes by images", make, (1000, 4000, 16000), unit="images") < 1.3
