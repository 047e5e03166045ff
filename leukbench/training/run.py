"""One run: a content-addressed folder that ends in scores, survives a kill, and is found again by whoever needs it.

``runs/<key>/`` holds ``spec.json`` and ``environment.json`` from the start, ``lock`` and ``checkpoint.safetensors``
while it runs, and at the end ``test.npy``, ``validation.npy`` (n_epochs, n_rows, n_classes), ``rows.csv``,
``history.json`` and, last of all, ``receipt.json``; of small networks also ``weights.safetensors``, for who looks at
where they look. That file may be deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from leukbench.errors import DataError, InputError, SplitError
from leukbench.paths import replacing, runs_folder, write_text
from leukbench.pixels.store import Store
from leukbench.records import RunSpec, as_plain
from leukbench.training.data import Pixels, Rows, rows_digest
from leukbench.training.engine import Epochs, State
from leukbench.training.finished import is_finished, read_history, read_receipt, seal
from leukbench.training.hardware import hardware_card, peak_memory_mib, reset_peak_memory
from leukbench.training.locks import holding
from leukbench.training.network import build_network
from leukbench.training.stages import set_up_stage, train_stages

WEIGHTS = "weights.safetensors"
KEPT_BYTES = 1 << 24
"""Weights up to this size stay with a finished run: those of ALNet, DDRNet and DSCNet are 1 to 2 MiB each."""
_LOG = logging.getLogger(__name__)
_SERIES = ("train_loss", "train_accuracy", "validation_loss", "train_s", "scoring_s")
_OF_RUN = ("key", "environment")
"""What a checkpoint's notes say besides: of which run it is, and what it was made with; earlier ones say neither."""


@dataclass(frozen=True)
class FoldRows:
    """The three roles of one fold."""

    train: Rows
    validation: Rows
    test: Rows

    @cached_property
    def sha256(self) -> str:
        """The digest of which rows stand where, in order."""
        return rows_digest(self.train, self.validation, self.test)

    @cached_property
    def training_sha256(self) -> str:
        """The digest of the rows that decide the weights, the choice of an epoch included."""
        return rows_digest(self.train, self.validation)


@dataclass(frozen=True)
class Finished:
    """A finished run: scores of every epoch ``(n_epochs, n_rows, n_classes)`` and what was recorded beside them."""

    key: str
    test: npt.NDArray[np.float32]
    validation: npt.NDArray[np.float32]
    history: dict[str, list[float]]
    receipt: dict[str, Any]


def run_folder(key: str) -> Path:
    """Return the folder of a run key."""
    return runs_folder() / key


def find_run(key: str) -> Finished | None:
    """Return a finished run, or None.

    Raises
    ------
    DataError
        Where a finished run's files are damaged.
    """
    folder = run_folder(key)
    if not is_finished(folder):
        return None
    try:
        found = Finished(
            key=key,
            receipt=read_receipt(folder),
            test=np.load(folder / "test.npy", allow_pickle=False),
            validation=np.load(folder / "validation.npy", allow_pickle=False),
            history=read_history(folder),
        )
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            "a finished run is damaged", where=str(folder), found=str(error), do="delete the folder"
        ) from error
    if found.receipt["key"] != key:
        raise DataError(
            "a folder holds another run than it is named after",
            where=str(folder),
            expected=f"the run {key}",
            found=f"the run {found.receipt['key']}",
            do="give the folder the name of its run",
        )
    expected = (len(found.history["train_loss"]), found.receipt["n_test_rows"])
    if found.test.shape[:2] != expected or len(found.validation) != expected[0]:
        raise DataError(
            "a finished run's files do not belong together",
            where=str(folder),
            expected=f"test scores of {expected[0]} epochs and {expected[1]} rows",
            found=str(found.test.shape),
            do="delete the folder",
        )
    return found


def execute_run(
    spec: RunSpec,
    rows: FoldRows,
    store: Store,
    *,
    device: torch.device,
    progress: Callable[[int, int], None] = lambda done, total: None,
    patience_s: float = math.inf,
) -> Finished:
    """Return the finished run of a spec, training only what is missing of it, one process at a time.

    Where a finished run has the same weights and tested these rows and more, nothing is trained: its scores are taken.
    Where another process trains it, waits ``patience_s`` for that to end. Raises RunHeld, SplitError where a class has
    no training image, TrainingDiverged, WeightsUnavailable.
    """
    found = find_run(spec.key)
    if found is not None:
        return found
    _check_rows(spec, rows)
    with holding(run_folder(spec.key), patience_s=patience_s):
        return find_run(spec.key) or _take_scores(spec, rows) or _train_run(spec, rows, store, device, progress)


def _take_scores(spec: RunSpec, rows: FoldRows) -> Finished | None:
    """Return the run made out of a finished one with the same weights that tested these rows and others, or None."""
    wanted = _names(rows.test.image_id, rows.test.label)
    for receipt in _receipts_of(spec.training_key):
        folder, found = run_folder(receipt["key"]), find_run(receipt["key"])  # refused where its rows.csv is damaged
        tested = pd.read_csv(folder / "rows.csv", dtype=str, keep_default_na=False)
        tested = tested[tested["role"].eq("test")]
        place = {name: n for n, name in enumerate(_names(tested["image_id"], tested["label"]))}
        if found is None or not place.keys() >= set(wanted):
            continue
        write_text(run_folder(spec.key) / "spec.json", json.dumps(as_plain(spec), indent=1, sort_keys=True) + "\n")
        write_text(run_folder(spec.key) / "environment.json", (folder / "environment.json").read_text(encoding="utf-8"))
        scores = {"test": found.test[:, [place[name] for name in wanted]], "validation": found.validation}
        taken = {**receipt, "scores_from": receipt["key"]}
        return _write_results(spec, rows, scores=scores, history=found.history, receipt=taken)
    return None


def _receipts_of(training_key: str) -> Iterator[dict[str, Any]]:
    """Yield the receipts of finished runs that ended in the same weights; one that cannot be read is passed over."""
    for file in sorted(runs_folder().glob("*/receipt.json")):
        try:
            receipt = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(receipt, dict) and receipt.get("training_key") == training_key:
            yield receipt


def _names(image_id: Iterable[str], label: Iterable[object]) -> list[tuple[str, str]]:
    return [(str(image), str(of)) for image, of in zip(image_id, label, strict=True)]


def _check_rows(spec: RunSpec, rows: FoldRows) -> None:
    missing = sorted(set(range(len(spec.classes))) - set(rows.train.label.tolist()))
    if missing or not len(rows.test):
        raise SplitError(
            "a fold cannot be trained" if missing else "a fold has no test image",
            where=f"study {spec.study}, protocol {spec.protocol}, fold {spec.fold}",
            expected="training images of every class, and test images",
            found="no training image of " + ", ".join(spec.classes[c] for c in missing) if missing else "none",
            do="use another split rule, more images or fewer folds",
        )


def _train_run(
    spec: RunSpec, rows: FoldRows, store: Store, device: torch.device, progress: Callable[[int, int], None]
) -> Finished:
    folder = run_folder(spec.key)
    reset_peak_memory(device)
    for half_written in folder.glob(".*"):  # of a process that was killed, safetensors' own too; this one holds the run
        half_written.unlink()
    write_text(folder / "spec.json", json.dumps(as_plain(spec), indent=1, sort_keys=True) + "\n")
    started = time.perf_counter()
    state, earlier_s, made_with = _start_or_resume(spec, folder, device)
    _write_environment(folder / "environment.json", hardware_card(device), done=len(state.epochs), before=made_with)
    parts = {
        role: Pixels(getattr(rows, role), store, spec.recipe, device=device) for role in ("train", "validation", "test")
    }

    def after_epoch(state: State) -> None:
        spent_s = earlier_s + time.perf_counter() - started
        _save_checkpoint(folder / "checkpoint.safetensors", state, key=spec.key, wall_s=spent_s)
        progress(len(state.epochs), spec.recipe.epochs)

    state = train_stages(
        state,
        spec.recipe,
        **parts,
        n_classes=len(spec.classes),
        seed=spec.seed,
        precision=spec.precision,
        after_epoch=after_epoch,
    )
    wall_s = earlier_s + time.perf_counter() - started
    return _finish(spec, state, rows, device, wall_s=wall_s)


def _write_environment(file: Path, card: dict[str, Any], *, done: int, before: Any = None) -> None:
    """Write what a run goes on with; what its first epochs were made with, where that was another, stays beside it:
    ``before`` as their checkpoint says, else what the file says.
    """
    if done and before is None:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            before = json.loads(file.read_text(encoding="utf-8"))
    if done and not (isinstance(before, dict) and before):
        _LOG.warning("%s cannot be read: what the first %d epochs were made with is lost", file, done)
    before = before if done and isinstance(before, dict) else {}
    earlier = before.pop("earlier", [])
    earlier = earlier if isinstance(earlier, list) else []
    if before and before != card:
        earlier = [*earlier, {"until_epoch": done, **before}]
    whole = {**card, "earlier": earlier} if earlier else card
    write_text(file, json.dumps(whole, indent=1, sort_keys=True) + "\n")


def epochs_done(key: str) -> int:
    """Return how many epochs of an unfinished run its checkpoint holds; 0 where there is none that can be read."""
    file = run_folder(key) / "checkpoint.safetensors"
    if not file.is_file():
        return 0
    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            return len(json.loads(opened.metadata()["series"])["train_loss"])
    except (
        OSError,
        SafetensorError,
        ValueError,
        TypeError,
        KeyError,
    ):  # just replaced, or damaged: who resumes it says so
        return 0


def _start_or_resume(spec: RunSpec, folder: Path, device: torch.device) -> tuple[State, float, Any]:
    """Return the state that a run goes on from, the seconds spent on it, and what it was made with where its checkpoint
    says so.
    """

    def build() -> nn.Module:
        size, pretrained = spec.recipe.input_px, spec.recipe.pretrained
        return build_network(spec.network, n_classes=len(spec.classes), input_px=size, pretrained=pretrained)

    def fresh(done: int = 0) -> State:
        return set_up_stage(build, spec.recipe, done, seed=spec.seed, device=device, precision=spec.precision)

    file = folder / "checkpoint.safetensors"
    if file.is_file():
        try:
            return (state := fresh(epochs_done(spec.key))), *_load_checkpoint(file, state, key=spec.key)
        except DataError as error:
            aside = file.with_name(f"damaged-{file.name}")
            file.replace(aside)
            _LOG.warning("%s\n  done: set aside as %s, and the run starts anew", error, aside.name)
    return fresh(), 0.0, None


def _save_checkpoint(file: Path, state: State, *, key: str, wall_s: float) -> None:
    """Write the state as plain tensors: ``model.<name>``, ``optimiser.<i>.<key>``, ``scores.<role>``. Its notes say of
    which run it is and what it was made with, as it may be copied away from the files beside it.
    """
    of_run = {"key": key}
    with contextlib.suppress(OSError):
        of_run["environment"] = (file.parent / "environment.json").read_text(encoding="utf-8")
    tensors: dict[str, Tensor] = {f"model.{k}": v for k, v in state.model.state_dict().items()}
    for i, values in state.optimiser.state_dict()["state"].items():
        for key, value in values.items():
            tensors[f"optimiser.{i}.{key}"] = torch.as_tensor(value)
    for role in ("test", "validation"):
        tensors[f"scores.{role}"] = torch.from_numpy(np.stack(getattr(state.epochs, role)))
    _write_tensors(file, tensors, state.epochs, wall_s=wall_s, of_run=of_run)


def _keep_weights(file: Path, state: State, *, wall_s: float) -> None:
    """Keep the weights after the last epoch where they are small; a disk that takes no more fails no finished run."""
    tensors = {f"model.{k}": v for k, v in state.model.state_dict().items()}
    if sum(v.nbytes for v in tensors.values()) > KEPT_BYTES:
        return
    try:
        _write_tensors(file, tensors, state.epochs, wall_s=wall_s)
    except (InputError, OSError) as error:
        _LOG.warning("the weights of a finished run are not kept: %s", error)


def _write_tensors(
    file: Path, tensors: Mapping[str, Tensor], epochs: Epochs, *, wall_s: float, of_run: Mapping[str, str] | None = None
) -> None:
    series = {name: getattr(epochs, name) for name in _SERIES}
    flat = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    notes = {"series": json.dumps(series), "wall_s": repr(wall_s), **(of_run or {})}
    with replacing(file) as temporary:
        try:
            save_file(flat, temporary, metadata={**notes, "sha256": _checkpoint_digest(flat, notes)})
        except SafetensorError as error:  # the disk takes no more
            raise InputError(
                "cannot write a checkpoint", where=str(file), expected="a disk with room", found=str(error),
                do="make room; then run the same command again: it goes on from the epoch before",
            ) from error  # fmt: skip


def _checkpoint_digest(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    """Return the sha256 of all that a checkpoint holds: safetensors files have no checksum of their own."""
    said = [notes[name] for name in ("series", "wall_s", *_OF_RUN) if name in notes]
    made = hashlib.sha256(json.dumps(said).encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        made.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        made.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return made.hexdigest()


def _read_checkpoint(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a checkpoint's tensors and notes. Raises DataError where it is not as it was written."""
    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            notes = dict(opened.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError("a checkpoint is damaged", where=str(file), found=str(error)) from error
    unsealed = notes.keys() == {"series", "wall_s"}  # from before checkpoints were sealed
    complete = notes.keys() - set(_OF_RUN) == {"series", "wall_s", "sha256"}
    sealed = complete and notes["sha256"] == _checkpoint_digest(tensors, notes)
    if not (unsealed or sealed):
        raise DataError(
            "a checkpoint is damaged", where=str(file), expected="the sha256 that it names", found="another"
        )
    return tensors, notes


def kept_weights(folder: Path) -> tuple[dict[str, Tensor], int]:
    """Return the network's weights, by name, and after how many epochs, from a run's folder or a copy of it.

    A run that is not finished has them in its checkpoint, a finished one of a small network in ``weights.safetensors``.

    Raises
    ------
    DataError
        Where there are none, or where they are damaged.
    """
    files = [folder / name for name in ("checkpoint.safetensors", WEIGHTS)]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise DataError(
            "no weights here", where=str(folder), expected=" or ".join(file.name for file in files),
            found="neither: a run deletes its checkpoint when it ends, and keeps weights of at most "
            f"{KEPT_BYTES // 2**20} MiB", do="copy the run's folder while it trains",
        )  # fmt: skip
    tensors, notes = _read_checkpoint(file)
    weights = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    return weights, len(json.loads(notes["series"])["train_loss"])


def _load_checkpoint(file: Path, state: State, *, key: str) -> tuple[float, Any]:
    """Fill the state from a checkpoint; return the seconds already spent, and what it was made with where it says so.
    Raises DataError where it is damaged, or of another run.
    """
    tensors, notes = _read_checkpoint(file)
    if (of := notes.get("key", key)) != key:
        raise DataError("a checkpoint is not of this run", where=str(file), expected=f"run {key}", found=f"run {of}")
    try:
        spent_s = _fill(state, tensors, notes)
        return spent_s, json.loads(notes["environment"]) if "environment" in notes else None
    except (KeyError, ValueError, RuntimeError) as error:
        raise DataError("a checkpoint is not of this run", where=str(file), found=str(error)[:200]) from error


def _fill(state: State, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> float:
    state.model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    fresh = state.optimiser.state_dict()
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            slots.setdefault(int(index), {})[key] = value
    state.optimiser.load_state_dict({"state": slots, "param_groups": fresh["param_groups"]})
    _restore_layout(state.optimiser)
    for name, values in json.loads(notes["series"]).items():
        getattr(state.epochs, name).extend(values)
    for role in ("test", "validation"):
        getattr(state.epochs, role).extend(tensors[f"scores.{role}"].numpy())
    return float(notes["wall_s"])


def _restore_layout(optimiser: torch.optim.Optimizer) -> None:
    """Give each slot the memory layout of its parameter, which a file does not keep.

    Fused optimisers walk parameter and slots by address: with different layouts they would pair the wrong elements.
    """
    for parameter, slots in optimiser.state.items():
        for key, value in slots.items():
            if value.shape == parameter.shape:
                slots[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _finish(spec: RunSpec, state: State, rows: FoldRows, device: torch.device, *, wall_s: float) -> Finished:
    epochs: Epochs = state.epochs
    scores = {role: np.stack(getattr(epochs, role)) for role in ("test", "validation")}
    history = {name: getattr(epochs, name) for name in _SERIES}
    receipt = {
        "wall_s": wall_s,
        "peak_memory_mib": peak_memory_mib(device),
        "n_parameters": sum(p.numel() for p in state.model.parameters()),
        "n_parameters_trainable": sum(p.numel() for p in state.model.parameters() if p.requires_grad),
    }
    _keep_weights(run_folder(spec.key) / WEIGHTS, state, wall_s=wall_s)
    return _write_results(spec, rows, scores=scores, history=history, receipt=receipt)


def _write_results(
    spec: RunSpec,
    rows: FoldRows,
    *,
    scores: dict[str, npt.NDArray[np.float32]],
    history: dict[str, list[float]],
    receipt: dict[str, Any],
) -> Finished:
    """Write what a run ends in, the receipt last, and return it."""
    folder = run_folder(spec.key)
    for role, values in scores.items():
        with replacing(folder / f"{role}.npy") as temporary, temporary.open("wb") as out:
            np.save(out, values, allow_pickle=False)
    table = pd.concat([_row_table(rows.validation, "validation"), _row_table(rows.test, "test")])
    write_text(folder / "rows.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "history.json", json.dumps(history) + "\n")
    sizes = {f"n_{role}_rows": len(getattr(rows, role)) for role in ("train", "validation", "test")}
    whole = {**receipt, **sizes, "key": spec.key, "training_key": spec.training_key}
    seal(folder, whole)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    done = find_run(spec.key)
    assert done is not None
    return done


def _row_table(rows: Rows, role: str) -> pd.DataFrame:
    columns = {name: getattr(rows, name) for name in ("image_id", "origin", "copy", "label", "group", "patient")}
    return pd.DataFrame({"role": role, **columns})
