"""What can explain a difference between two runs, and how far apart they end."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from leukbench import cli
from leukbench.errors import DataError, InputError
from leukbench.paths import sha256_of
from leukbench.records import RunSpec
from leukbench.tools.runs import compare_runs, diff_runs, find_folder
from leukbench.training.finished import seal
from leukbench.training.run import execute_run, run_folder
from tests.support.tiny_world import fold_rows, make_images, make_recipe, make_spec, make_store

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two finished runs that differ in seed and learning rate, in a workspace of their own."""
    home = tmp_path_factory.mktemp("runs")
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKBENCH_HOME", str(home))
        specs = [
            make_spec(home / "paper", make_recipe(epochs=2, learning_rate=rate), rows, store, seed=seed)
            for seed, rate in ((0, 0.01), (1, 0.02))
        ]
        for spec in specs:
            execute_run(spec, rows, store, device=torch.device("cpu"))
        yield specs


def altered(spec: RunSpec, to: Path, change: dict[str, Any], scores: float = 0.0) -> Path:
    """Return a copy of a run whose environment says something else, and one of whose scores is another."""
    folder = Path(shutil.copytree(run_folder(spec.key), to))
    card = folder / "environment.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    values = np.load(folder / "test.npy")
    values[-1, 3, 0] += scores
    np.save(folder / "test.npy", values)
    seal(folder, json.loads((folder / "receipt.json").read_text()))
    return folder


def test_what_differs_is_named_by_its_kind_and_what_does_not_is_left_out(trained: list[RunSpec]) -> None:
    found = compare_runs(*(run_folder(spec.key) for spec in trained))
    told = {(d.kind, d.what): (d.first, d.second) for d in found.differing}
    assert told == {("seed", "seed"): ("0", "1"), ("recipe", "learning rate"): ("0.01", "0.02")}
    one, other = (np.load(run_folder(spec.key) / "test.npy")[-1] for spec in trained)
    assert found.n_images == 10 and found.farthest == pytest.approx(float(np.abs(one - other).max()))
    assert found.n_called == int((one.argmax(axis=1) != other.argmax(axis=1)).sum())


def test_another_environment_is_named_with_its_threads_its_commit_and_its_versions(
    trained: list[RunSpec], tmp_path: Path
) -> None:
    own = json.loads((run_folder(trained[0].key) / "environment.json").read_text())
    versions = own["versions"] | {"torch": "1.0"}
    change = {"threads": 8, "commit": "0123456789ab+changes", "versions": versions, "processor": "another"}
    other = altered(trained[0], tmp_path / "other", change, scores=0.25)
    found = compare_runs(run_folder(trained[0].key), other)
    told = {(d.kind, d.what): d.second for d in found.differing}
    assert told == {
        ("threads", "threads"): "8",
        ("commit", "commit"): "0123456789ab+changes",
        ("environment", "torch"): "1.0",
        ("environment", "processor"): "another",
    }
    assert found.farthest == pytest.approx(0.25)


def test_runs_that_share_everything_are_said_to_and_scores_that_differ_nonetheless_are_told(
    trained: list[RunSpec], tmp_path: Path
) -> None:
    own = run_folder(trained[0].key)
    assert "the scores are the same bits" in diff_runs(own, own, "md")
    other = altered(trained[0], tmp_path / "other", {}, scores=0.25)
    assert "though the scores do" in diff_runs(own, other, "md")
    assert json.loads(diff_runs(own, other, "json"))["farthest"] == pytest.approx(0.25)


def test_a_run_is_found_by_the_beginning_of_its_key_and_refused_where_it_is_damaged(
    trained: list[RunSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["leukbench", "diff", *(spec.key[:12] for spec in trained)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code and "learning rate" in capsys.readouterr().out
    assert find_folder("nothing-like-it") is None
    other = Path(shutil.copytree(run_folder(trained[0].key), tmp_path / "other"))
    assert sha256_of(other / "test.npy") == sha256_of(run_folder(trained[0].key) / "test.npy")
    (other / "test.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"test\.npy"):
        compare_runs(run_folder(trained[0].key), other)
    twin = run_folder(trained[0].key[:20] + "0" * 44)
    shutil.copytree(run_folder(trained[0].key), twin)
    with pytest.raises(InputError, match="several runs"):
        find_folder(trained[0].key[:12])
    shutil.rmtree(twin)
