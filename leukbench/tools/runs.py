"""What can explain a difference between two runs: data, seeds, network, recipe, precision, code, environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukbench.errors import DataError, InputError
from leukbench.paths import runs_folder
from leukbench.records import json_text
from leukbench.report.format import number, percent, table
from leukbench.training.finished import is_finished, read_receipt

_OF = {
    "rows_sha256": ("data", "which images are trained and tested on"),
    "training_sha256": ("data", "which images decide the weights"),
    "store_sha256": ("data", "the pixels"),
    "classes": ("data", "classes"),
    "seed": ("seed", "seed"),
    "fold": ("data", "fold"),
    "precision": ("precision", "precision"),
    "code_sha256": ("code", "code of the network or of the training path"),
}
_ENVIRONMENT = {"threads": "threads", "commit": "commit"}
"""Entries of a run's environment that are a kind of their own; the others are the environment."""


@dataclass(frozen=True, kw_only=True)
class Differing:
    """One thing that two runs do not share. ``kind``: data, seed, network, recipe, precision, code, threads, commit,
    environment.
    """

    kind: str
    what: str
    first: str
    second: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Two runs side by side. ``farthest``: the largest difference of a score of the last epoch over the images that
    both tested, ``n_called`` how many of these ``n_images`` they call otherwise; NaN and 0 where they share none.
    """

    differing: tuple[Differing, ...]
    n_images: int
    farthest: float
    n_called: int
    accuracy: tuple[float, float]


def find_folder(name: str) -> Path | None:
    """Return the folder of a run: a folder that holds one, or the beginning of a key below ``runs/``; else None.

    Raises InputError where several keys begin so.
    """
    if (Path(name) / "spec.json").is_file():
        return Path(name)
    found = sorted(runs_folder().glob(f"{name}*/spec.json")) if name.isalnum() and len(name) >= 4 else []
    if len(found) > 1:
        keys = ", ".join(file.parent.name[:16] for file in found[:4])
        raise InputError("several runs begin so", where=str(runs_folder()), found=keys, do="write more of the key")
    return found[0].parent if found else None


def diff_runs(first: Path, second: Path, format: str) -> str:
    """Return what two finished runs do not share and how far apart they end, as Markdown or JSON.

    Raises DataError where a run is not finished or not whole.
    """
    compared = compare_runs(first, second)
    return json_text(compared) if format == "json" else _markdown(compared, first.name[:12], second.name[:12])


def compare_runs(first: Path, second: Path) -> Compared:
    """Return what two finished runs do not share, and how far apart they end."""
    for folder in (first, second):
        if not is_finished(folder):
            raise DataError("a run is not finished", where=str(folder), expected="receipt.json", do="train it first")
        read_receipt(folder)
    specs, cards = ([_read(f / name) for f in (first, second)] for name in ("spec.json", "environment.json"))
    differing = (*_of_specs(*specs), *_of_cards(*cards))
    one, other = (_scores(folder, spec["classes"]) for folder, spec in zip((first, second), specs, strict=True))
    accuracy = (_accuracy(one), _accuracy(other))
    shared = one.index.intersection(other.index)
    if specs[0]["classes"] != specs[1]["classes"] or not len(shared):
        return Compared(differing=differing, n_images=0, farthest=float("nan"), n_called=0, accuracy=accuracy)
    a, b = (table.loc[shared].drop(columns="label").to_numpy() for table in (one, other))
    return Compared(
        differing=differing,
        n_images=len(shared),
        farthest=float(np.abs(a - b).max()),
        n_called=int((a.argmax(axis=1) != b.argmax(axis=1)).sum()),
        accuracy=accuracy,
    )


def _read(file: Path) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))  # held against the receipt before
    return plain


def _of_specs(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Differing]:
    for key, (kind, what) in _OF.items():
        yield from _one(kind, what, a[key], b[key])
    for part in ("network", "recipe"):
        for key in dict.fromkeys((*a[part], *b[part])):
            if key != "folder":  # where the code lies does not matter: code_sha256 says what it is
                yield from _one(part, key.replace("_", " "), a[part].get(key), b[part].get(key))


def _of_cards(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Differing]:
    for key in dict.fromkeys((*a, *b)):
        if key == "versions":
            for name in dict.fromkeys((*a[key], *b.get(key, {}))):
                yield from _one("environment", name, a[key].get(name), b.get(key, {}).get(name))
        else:
            yield from _one(_ENVIRONMENT.get(key, "environment"), key, a.get(key), b.get(key))


def _one(kind: str, what: str, a: Any, b: Any) -> Iterator[Differing]:
    if a != b:
        first, second = (str(v)[:12] if "sha256" in what or len(str(v)) == 64 else str(v) for v in (a, b))
        yield Differing(kind=kind, what=what, first=first, second=second)


def _scores(folder: Path, classes: list[str]) -> pd.DataFrame:
    """Return label and scores of the last epoch by tested image."""
    values: npt.NDArray[np.float32] = np.load(folder / "test.npy", allow_pickle=False)[-1]
    rows = pd.read_csv(folder / "rows.csv", dtype=str, keep_default_na=False)
    rows = rows[rows["role"].eq("test")]
    found = pd.DataFrame(values, index=rows["image_id"], columns=range(len(classes)))
    return found.assign(label=rows["label"].astype(int).to_numpy())


def _accuracy(table: pd.DataFrame) -> float:
    return float((table.drop(columns="label").to_numpy().argmax(axis=1) == table["label"]).mean())


def _markdown(c: Compared, first: str, second: str) -> str:
    rows = [{"kind": d.kind, "what": d.what, first: d.first, second: d.second} for d in c.differing]
    ends = f"Accuracy after the last epoch: {percent(c.accuracy[0])} % and {percent(c.accuracy[1])} %."
    if c.n_images:
        ends += (
            f" On the {c.n_images} images that both tested, scores differ by {number(c.farthest, digits=6)} at most, "
            f"and {c.n_called} are called otherwise."
        )
    if c.differing:
        head = "What can explain a difference:"
    elif c.farthest == 0:
        head = "Nothing that is recorded differs, and the scores are the same bits."
    else:
        head = "Nothing that is recorded differs, though the scores do: look for what no run records."
    return "\n\n".join(part for part in (f"## {first} → {second}", head, table(rows), ends) if part) + "\n"
