"""Runs are addressed by content, survive a kill at any epoch, and end bit for bit where an uninterrupted run does."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from leukbench.errors import DataError, InputError, SplitError
from leukbench.records import NetworkSpec, Recipe, RunSpec
from leukbench.training import grid
from leukbench.training import run as run_module
from leukbench.training.data import Pixels
from leukbench.training.network import build_network
from leukbench.training.run import Finished, FoldRows, execute_run, find_run, kept_weights, run_folder
from tests.support.tiny_world import fold_rows, make_images, make_recipe, make_rows, make_spec, make_store

pytestmark = pytest.mark.trains

CPU = torch.device("cpu")
TURNING = {"augmentation": dataclasses.replace(make_recipe().augmentation, rotation_deg=20.0, flip_horizontal=True)}


class Killed(Exception):
    """Stands in for a kill: raised inside the progress callback."""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))


def world(tmp_path: Path, recipe: Recipe, **changes: Any) -> tuple[RunSpec, FoldRows, Any]:
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)
    return make_spec(tmp_path / "paper", recipe, rows, store, **changes), rows, store


def stopping_at(epoch: int) -> Any:
    def progress(done: int, total: int) -> None:
        if done == epoch:
            raise Killed

    return progress


def forget(spec: RunSpec) -> None:
    for file in run_folder(spec.key).iterdir():
        file.unlink()


def same(a: Finished, b: Finished) -> bool:
    scores = (a.test == b.test).all() and (a.validation == b.validation).all()
    series = ("train_loss", "train_accuracy", "validation_loss")
    return bool(scores) and all(a.history[name] == b.history[name] for name in series)


def test_a_run_leaves_scores_of_every_epoch_and_a_receipt(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe())
    seen: list[tuple[int, int]] = []
    done = execute_run(spec, rows, store, device=CPU, progress=lambda e, n: seen.append((e, n)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert done.test.shape == (4, 10, 2) and done.validation.shape == (4, 8, 2) and done.test.dtype == np.float32
    assert np.allclose(done.test.sum(2), 1, atol=1e-6)
    names = {p.name for p in run_folder(spec.key).iterdir()}
    assert names == {
        "spec.json",
        "environment.json",
        "test.npy",
        "validation.npy",
        "rows.csv",
        "history.json",
        "receipt.json",
        "weights.safetensors",
    }
    table = pd.read_csv(run_folder(spec.key) / "rows.csv")
    assert list(table["role"]) == ["validation"] * 8 + ["test"] * 10
    assert list(table["image_id"][8:]) == list(rows.test.image_id)
    assert done.receipt["n_parameters"] == (27 + 1) * 8 + 16 + (72 + 1) * 8 + 18
    assert (done.receipt["n_train_rows"], done.receipt["n_validation_rows"], done.receipt["n_test_rows"]) == (24, 8, 10)
    assert done.receipt["wall_s"] > 0 and done.receipt["peak_memory_mib"] > 10
    assert json.loads((run_folder(spec.key) / "environment.json").read_text())["versions"]["torch"]


def test_a_finished_run_keeps_its_last_weights_where_they_are_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=2))
    scores = execute_run(spec, rows, store, device=CPU).test[-1]
    weights, epochs = kept_weights(run_folder(spec.key))
    network = build_network(spec.network, n_classes=2, input_px=spec.recipe.input_px, pretrained=False)
    network.load_state_dict(weights)
    with torch.no_grad():
        logits = network.eval()(Pixels(rows.test, store, spec.recipe, device=CPU).batch(np.arange(10))[0])
    assert epochs == 2 and np.allclose(torch.softmax(logits, 1).numpy(), scores, atol=1e-6)
    monkeypatch.setattr("leukbench.training.run.KEPT_BYTES", 100)
    large = dataclasses.replace(spec, seed=1)
    execute_run(large, rows, store, device=CPU)
    with pytest.raises(DataError, match="no weights here"):
        kept_weights(run_folder(large.key))


def test_a_disk_that_takes_no_weights_fails_no_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=1))
    write = run_module._write_tensors

    def full(file: Path, *given: Any, **named: Any) -> None:
        if file.name == run_module.WEIGHTS:
            raise InputError("cannot write a checkpoint", found="no space left")
        write(file, *given, **named)

    monkeypatch.setattr(run_module, "_write_tensors", full)
    assert execute_run(spec, rows, store, device=CPU).receipt["key"] == spec.key
    assert not (run_folder(spec.key) / run_module.WEIGHTS).exists()


def test_a_finished_run_is_found_and_not_trained_again(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=2))
    assert find_run(spec.key) is None
    first = execute_run(spec, rows, store, device=CPU)
    (tmp_path / "paper" / "model.py").unlink()  # nothing could be built any more
    renamed = dataclasses.replace(spec, study="another.name", arm="b", protocol="image", reading="r")
    again = execute_run(renamed, rows, store, device=CPU, progress=stopping_at(1))
    assert same(first, again) and first.receipt == again.receipt


def test_a_run_tested_on_fewer_rows_of_another_takes_its_scores_and_trains_nothing(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=2))
    whole = execute_run(spec, rows, store, device=CPU)
    chosen = np.array([7, 2, 4])
    fewer = FoldRows(rows.train, rows.validation, rows.test.take(chosen))
    narrow = make_spec(tmp_path / "paper", spec.recipe, fewer, store)
    assert narrow.key != spec.key and narrow.training_key == spec.training_key
    (damaged := run_folder("0" * 64)).mkdir()
    (damaged / "receipt.json").write_text("{", encoding="utf-8")  # somebody else's, and passed over
    taken = execute_run(narrow, fewer, store, device=CPU, progress=stopping_at(1))
    assert (taken.test == whole.test[:, chosen]).all() and (taken.validation == whole.validation).all()
    assert taken.receipt["scores_from"] == spec.key and taken.receipt["n_test_rows"] == 3
    assert list(pd.read_csv(run_folder(narrow.key) / "rows.csv")["image_id"][8:]) == list(fewer.test.image_id)
    assert find_run(narrow.key) is not None
    forget(narrow)
    forget(spec)
    trained = execute_run(narrow, fewer, store, device=CPU)  # what was taken is what training would have given
    assert np.allclose(trained.test, taken.test, atol=1e-6) and "scores_from" not in trained.receipt
    with pytest.raises(Killed):  # more rows than were tested: it has to be trained
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(1))


def test_runs_with_other_weights_lend_no_scores(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=2))
    execute_run(spec, rows, store, device=CPU)
    fewer = FoldRows(rows.train, rows.validation, rows.test.take(np.arange(3)))
    less = FoldRows(rows.train.take(np.arange(20)), rows.validation, fewer.test)
    for other in (
        make_spec(tmp_path / "paper", spec.recipe, fewer, store, seed=1),
        make_spec(tmp_path / "paper", make_recipe(epochs=2, learning_rate=0.02), fewer, store),
        make_spec(tmp_path / "paper", spec.recipe, fewer, store, precision="bf16"),
        make_spec(tmp_path / "paper", spec.recipe, less, store),
    ):
        with pytest.raises(Killed):
            execute_run(other, fewer, store, device=CPU, progress=stopping_at(1))


def test_the_same_run_gives_the_same_scores_when_made_anew(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(**TURNING))
    first = execute_run(spec, rows, store, device=CPU)
    forget(spec)
    assert same(first, execute_run(spec, rows, store, device=CPU))


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop", "adam", "adamax"])
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_run_stopped_after_an_epoch_resumes_from_it_to_the_same_bits(
    tmp_path: Path, optimiser: str, epoch: int
) -> None:
    """Channels-last weights make the slots' layout matter; dropout and augmentation make the random streams matter."""
    spec, rows, store = world(tmp_path, make_recipe(optimiser=optimiser, momentum=0.9, **TURNING))
    whole = execute_run(spec, rows, store, device=CPU)
    forget(spec)
    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(epoch))
    assert find_run(spec.key) is None and (run_folder(spec.key) / "checkpoint.safetensors").is_file()
    seen: list[int] = []
    resumed = execute_run(spec, rows, store, device=CPU, progress=lambda done, total: seen.append(done))
    assert seen == list(range(epoch + 1, 5)) and same(whole, resumed)
    assert not (run_folder(spec.key) / "checkpoint.safetensors").exists()


def as_before_notes(file: Path, *, sealed: bool = False) -> None:
    """Write a checkpoint as it was before its notes named the run and its machine, or before it was sealed at all."""
    tensors, notes = run_module._read_checkpoint(file)
    kept = {name: notes[name] for name in ("series", "wall_s")}
    save_file(
        tensors, file, metadata=kept | ({"sha256": run_module._checkpoint_digest(tensors, kept)} if sealed else {})
    )


@pytest.mark.parametrize("found", ["another", "same", "damaged"])
def test_a_run_that_goes_on_elsewhere_says_what_its_first_epochs_were_made_with(
    tmp_path: Path, found: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a checkpoint that does not say so itself the file beside it does."""
    spec, rows, store = world(tmp_path, make_recipe())
    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(2))
    as_before_notes(run_folder(spec.key) / "checkpoint.safetensors", sealed=True)
    file = run_folder(spec.key) / "environment.json"
    here = json.loads(file.read_text())
    texts = {"another": json.dumps(here | {"processor": "another"}), "same": json.dumps(here), "damaged": "[1]"}
    file.write_text(texts[found])
    execute_run(spec, rows, store, device=CPU)
    earlier = {"earlier": [here | {"processor": "another", "until_epoch": 2}]} if found == "another" else {}
    assert json.loads(file.read_text()) == here | earlier
    assert ("cannot be read" in caplog.text) == (found == "damaged")


@pytest.mark.parametrize("beside", ["this machine's", "[1]", ""])
def test_a_checkpoint_copied_from_another_machine_says_itself_what_its_epochs_were_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: str
) -> None:
    spec, rows, store = world(tmp_path, make_recipe())
    card = run_module.hardware_card(CPU)
    with monkeypatch.context() as there:
        there.setattr(run_module, "hardware_card", lambda device: card | {"processor": "another"})
        with pytest.raises(Killed):
            execute_run(spec, rows, store, device=CPU, progress=stopping_at(2))
    file = run_folder(spec.key) / "environment.json"
    file.write_text(json.dumps(card) if beside == "this machine's" else beside)
    execute_run(spec, rows, store, device=CPU)
    assert json.loads(file.read_text()) == card | {"earlier": [card | {"processor": "another", "until_epoch": 2}]}


def test_a_checkpoint_of_another_run_is_set_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, rows, store = world(tmp_path, make_recipe())
    second = dataclasses.replace(first, seed=first.seed + 1)
    whole = execute_run(second, rows, store, device=CPU)
    forget(second)
    for spec in (first, second):
        with pytest.raises(Killed):
            execute_run(spec, rows, store, device=CPU, progress=stopping_at(2))
    shutil.copy(run_folder(first.key) / "checkpoint.safetensors", run_folder(second.key))
    assert same(whole, execute_run(second, rows, store, device=CPU))
    assert "not of this run" in caplog.text
    assert (run_folder(second.key) / "damaged-checkpoint.safetensors").is_file()


def test_a_finished_run_in_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    first, rows, store = world(tmp_path, make_recipe())
    second = dataclasses.replace(first, seed=first.seed + 1)
    execute_run(first, rows, store, device=CPU)
    shutil.copytree(run_folder(first.key), run_folder(second.key))
    with pytest.raises(DataError, match="another run than it is named after"):
        execute_run(second, rows, store, device=CPU)
    assert grid.is_finished(first.key) and not grid.is_finished(second.key)


def test_a_run_stopped_after_its_last_epoch_only_finishes(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=2))
    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(2))
    done = execute_run(spec, rows, store, device=CPU, progress=stopping_at(2))
    assert len(done.test) == 2


@pytest.mark.parametrize(
    "changes",
    [{"balance": "oversample"}, {"trainable": "last:1"}, {"schedule": "reduce_on_plateau", "plateau_patience": 1}],
)
def test_whatever_a_recipe_asks_for_survives_a_resume(tmp_path: Path, changes: dict[str, Any]) -> None:
    spec, rows, store = world(tmp_path, make_recipe(**changes))
    whole = execute_run(spec, rows, store, device=CPU)
    forget(spec)
    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(2))
    assert same(whole, execute_run(spec, rows, store, device=CPU))


def test_a_run_without_validation_rows_resumes(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=3))
    none = np.zeros(0, dtype=np.int64)
    rows = FoldRows(rows.train, make_rows(none, none), rows.test)
    whole = execute_run(spec, rows, store, device=CPU)
    forget(spec)
    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(1))
    assert same(whole, execute_run(spec, rows, store, device=CPU)) and whole.validation.shape[0] == 3


CHILD = """
import sys, time
from pathlib import Path
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
torch.set_num_threads(1)
from leukbench.training.run import execute_run
from tests.support.tiny_world import fold_rows, make_images, make_recipe, make_spec, make_store
images, labels = make_images()
rows, store = fold_rows(labels), make_store(images)
spec = make_spec(Path(sys.argv[1]), make_recipe(epochs=6), rows, store)
def progress(done, total):
    print(done, flush=True)
    time.sleep(0.2 if sys.argv[2] == "slow" else 0.0)
execute_run(spec, rows, store, device=torch.device("cpu"), progress=progress)
"""


def test_a_process_killed_by_sigkill_resumes_from_its_last_epoch_to_the_same_bits(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=6))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(tmp_path / "paper"), "slow"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 3:
                time.sleep(0.05)
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL and find_run(spec.key) is None
    seen: list[int] = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        resumed = execute_run(spec, rows, store, device=CPU, progress=lambda done, total: seen.append(done))
        forget(spec)
        whole = execute_run(spec, rows, store, device=CPU)
    finally:
        torch.set_num_threads(before)
    assert seen[-1] == 6 and seen[0] >= 4 and same(whole, resumed)
    leftovers = [p.name for p in run_folder(spec.key).iterdir() if p.name.startswith(".")]
    assert not leftovers


@pytest.mark.parametrize(
    "damage", ["cut scores", "empty scores", "no scores", "other scores", "cut history", "cut receipt"]
)
def test_a_damaged_run_is_refused_by_its_folder(tmp_path: Path, damage: str) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=2))
    execute_run(spec, rows, store, device=CPU)
    folder = run_folder(spec.key)
    test = folder / "test.npy"
    if damage == "cut scores":
        test.write_bytes(test.read_bytes()[:-20])
    elif damage == "empty scores":
        test.write_bytes(b"")
    elif damage == "no scores":
        test.unlink()
    elif damage == "other scores":
        np.save(test, np.zeros((2, 9, 2), np.float32))
    else:
        file = folder / ("history.json" if damage == "cut history" else "receipt.json")
        file.write_text(file.read_text()[:20])
    with pytest.raises(DataError, match=spec.key):
        execute_run(spec, rows, store, device=CPU)


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "zeros", *(f"bit {share}" for share in (0.001, 0.02, 0.3, 0.8, 0.99))]
)
def test_a_damaged_checkpoint_is_set_aside_and_the_run_starts_anew(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=3))
    whole = execute_run(spec, rows, store, device=CPU)
    shutil.rmtree(run_folder(spec.key))
    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(1))
    file = run_folder(spec.key) / "checkpoint.safetensors"
    data = bytearray(file.read_bytes())
    if damage.startswith("bit"):
        data[int(float(damage.split()[1]) * len(data))] ^= 4
    file.write_bytes({"cut": data[:500], "empty": b"", "zeros": bytes(len(data))}.get(damage, data))
    assert same(execute_run(spec, rows, store, device=CPU), whole)
    assert "checkpoint is damaged" in caplog.text and (file.parent / "damaged-checkpoint.safetensors").is_file()


def test_a_checkpoint_from_before_they_were_sealed_is_still_resumed(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=3))
    with pytest.raises(Killed):
        execute_run(spec, rows, store, device=CPU, progress=stopping_at(2))
    as_before_notes(run_folder(spec.key) / "checkpoint.safetensors")
    epochs: list[int] = []
    execute_run(spec, rows, store, device=CPU, progress=lambda done, total: epochs.append(done))
    assert epochs == [3]


def test_a_run_from_before_receipts_were_sealed_is_still_found(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe(epochs=2))
    execute_run(spec, rows, store, device=CPU)
    file = run_folder(spec.key) / "receipt.json"
    plain = {k: v for k, v in json.loads(file.read_text()).items() if k not in {"files", "self_sha256"}}
    file.write_text(json.dumps(plain))
    assert find_run(spec.key) is not None
    file.write_text(json.dumps({**plain, "filos": {}}))  # a damaged name does not unseal a receipt
    with pytest.raises(DataError, match="damaged"):
        find_run(spec.key)


def test_a_fold_without_a_class_or_without_test_images_is_refused(tmp_path: Path) -> None:
    spec, rows, store = world(tmp_path, make_recipe())
    blue = FoldRows(rows.train.take(rows.train.label == 0), rows.validation, rows.test)
    with pytest.raises(SplitError, match="no training image of red"):
        execute_run(spec, blue, store, device=CPU)
    with pytest.raises(SplitError, match="no test image"):
        execute_run(spec, FoldRows(rows.train, rows.validation, rows.test.take(np.arange(0))), store, device=CPU)
    assert not run_folder(spec.key).exists()


def test_the_key_ignores_names_and_places_and_follows_whatever_changes_predictions(tmp_path: Path) -> None:
    spec, _, _ = world(tmp_path, make_recipe())
    same_key = [
        dataclasses.replace(spec, study="x", arm="y", protocol="image", reading="z"),
        dataclasses.replace(spec, network=dataclasses.replace(spec.network, folder="/elsewhere")),
        dataclasses.replace(spec, training_sha256="1"),  # part of rows_sha256
    ]
    assert {s.key for s in same_key} == {spec.key}
    other = [
        dataclasses.replace(spec, recipe=make_recipe(learning_rate=0.02)),
        dataclasses.replace(spec, recipe=make_recipe(**TURNING)),
        dataclasses.replace(spec, rows_sha256="1"),
        dataclasses.replace(spec, store_sha256="1"),
        dataclasses.replace(spec, code_sha256="1"),
        dataclasses.replace(spec, fold=1),
        dataclasses.replace(spec, seed=1),
        dataclasses.replace(spec, precision="bf16"),
        dataclasses.replace(spec, classes=("red", "blue")),
        dataclasses.replace(spec, network=NetworkSpec(paper="tiny", name="net", options={"dropout": 0.5})),
    ]
    assert len({s.key for s in other} | {spec.key}) == len(other) + 1
