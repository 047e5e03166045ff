"""A finished run as a whole: its receipt seals every file of its folder but weights, which may be deleted, and whoever
reads one holds all against it. No torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leukbench.errors import DataError
from leukbench.paths import sha256_of, write_text

SEALED = ("spec.json", "environment.json", "test.npy", "validation.npy", "rows.csv", "history.json")
_BEFORE_SEALS = frozenset(
    [
        "wall_s",
        "peak_memory_mib",
        "n_parameters",
        "n_parameters_trainable",
        "n_train_rows",
        "n_validation_rows",
        "n_test_rows",
        "key",
        "training_key",
        "scores_from",
    ]
)
"""The keys of a receipt from before receipts were sealed; no other unsealed receipt is taken."""
_DO = "put the files back as they were; or delete the folder: the run is then trained anew"


def seal(folder: Path, receipt: Mapping[str, Any]) -> None:
    """Write a run's receipt with the sha256 of every file beside it, and its own. Raises InputError, OSError."""
    files = {name: sha256_of(folder / name) for name in SEALED}
    whole = {**{k: v for k, v in receipt.items() if k not in {"files", "self_sha256"}}, "files": files}
    text = json.dumps({**whole, "self_sha256": _digest(whole)}, indent=1, sort_keys=True)
    write_text(folder / "receipt.json", text + "\n")


def is_finished(folder: Path) -> bool:
    """Say whether a run's folder has its receipt, which is written last."""
    return (folder / "receipt.json").is_file()


def read_receipt(folder: Path) -> dict[str, Any]:
    """Return the receipt of a finished run after holding every file of its folder against it.

    A run from before receipts were sealed passes unheld.

    Raises
    ------
    DataError
        Naming the file, where one is missing or has other bytes.
    """
    receipt = _receipt(folder)
    files = receipt.get("files", {})
    for name, expected in files.items():
        try:
            found = sha256_of(folder / name)
        except OSError as error:
            found = error.strerror or str(error)
        if found != expected:
            raise DataError(
                "a finished run is damaged",
                where=str(folder / name),
                expected=f"sha256 {expected}",
                found=found,
                do=_DO,
            )
    return receipt


def read_history(folder: Path) -> dict[str, list[float]]:
    """Return the series by epoch of a finished run.

    Raises
    ------
    DataError
        Where it is no object of lists.
    """
    plain = _object(folder / "history.json")
    if not all(isinstance(series, list) for series in plain.values()) or "train_loss" not in plain:
        raise DataError("a finished run is damaged", where=str(folder / "history.json"), do=_DO)
    return plain


def _receipt(folder: Path) -> dict[str, Any]:
    plain = _object(folder / "receipt.json")
    sealed = {k: v for k, v in plain.items() if k != "self_sha256"}
    if "self_sha256" in plain:
        right = plain["self_sha256"] == _digest(sealed) and set(plain.get("files", ())) == set(SEALED)
    else:
        right = plain.keys() <= _BEFORE_SEALS and plain.keys() | {"scores_from"} == _BEFORE_SEALS
    if not right:
        raise DataError(
            "a finished run is damaged",
            where=str(folder / "receipt.json"),
            expected="the text that it seals itself with",
            found="another",
            do=_DO,
        )
    return plain


def _object(file: Path) -> dict[str, Any]:
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("a finished run is damaged", where=str(file), found=str(error), do=_DO) from error
    if not isinstance(plain, dict):
        raise DataError(
            "a finished run is damaged", where=str(file), expected="an object", found=str(plain)[:60], do=_DO
        )
    return plain


def _digest(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
