"""The record of a profile: all that its pages are made from, committed beside them in one compressed file.

``reports/<profile>/record.json.xz`` holds the stages' JSON outputs by their paths below ``out/<profile>/`` and the
params.yaml of the profile; the predictions lie beside it. :mod:`leukbench.pipeline.remake` makes every page again from
that folder alone, in a workspace of its own.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leukbench.artefacts import from_plain
from leukbench.errors import DataError
from leukbench.evaluation.views import ExperimentView
from leukbench.params import Params
from leukbench.paths import (
    out_folder,
    replacing,
    reports_folder,
    sha256_of,
    workspace,
    write_sum,
    write_text,
)
from leukbench.pipeline.layout import experiment_file, read_json
from leukbench.pipeline.results import PREDICTIONS

FORMAT = "leukbench-record-1"
RECORD = "record.json.xz"
_OF_EXPERIMENT = (
    "splits/{}.plan.json",
    "splits/{}.certificate.json",
    "predictions/{}.receipt.json",
    "estimates/{}.json",
    "views/{}.json",
)
_OF_TRANSFER = _OF_EXPERIMENT[:3]
_OF_PROFILE = ("verdicts.json", "findings.json", "parameters.json")


@dataclass(frozen=True, kw_only=True)
class Record:
    """``papers``: the digest of each ledger that the results were held against; ``files``: path -> JSON value;
    ``predictions``: name -> sha256 of each file beside it, none in a record from before they were held.
    """

    format: str
    profile: str
    params: str
    papers: dict[str, str]
    files: dict[str, Any]
    predictions: dict[str, str] = field(default_factory=dict)


def write_record(params: Params) -> None:
    """Write the record of a profile from its stages' outputs."""
    files = {path: read_json(out_folder(params.profile, path), stage="report") for path in _paths(params)}
    made = Record(
        format=FORMAT,
        profile=params.profile,
        params=(workspace() / "params.yaml").read_text(encoding="utf-8"),
        papers={key: ledger_digest(key) for key in params.papers},
        files=files,
        predictions={file.name: sha256_of(file) for file in _predictions(params)},
    )
    plain = {name: getattr(made, name) for name in Record.__dataclass_fields__}
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    with replacing(reports_folder(params.profile) / RECORD) as temporary:
        temporary.write_bytes(lzma.compress(text.encode(), preset=9))


def _paths(params: Params) -> Iterator[str]:
    for name in params.experiments:
        yield from (path.format(name) for path in _OF_EXPERIMENT)
    for name in params.transfers:
        yield from (path.format(name) for path in _OF_TRANSFER)
    yield from _OF_PROFILE


def _predictions(params: Params) -> Iterator[Path]:
    for name in params.experiments:
        yield from (experiment_file(params, "predictions", name, suffix) for suffix in PREDICTIONS)
    yield from (experiment_file(params, "predictions", name, ".parquet") for name in params.transfers)


def ledger_digest(paper: str) -> str:
    """Return the digest of a paper's ledger as it is now."""
    import hashlib

    from leukbench.papers.files import paper_file

    return hashlib.sha256(paper_file(paper).read_bytes()).hexdigest()


def read_record(folder: Path) -> Record:
    """Return the record of a folder of reports.

    Raises
    ------
    DataError
        Where it has none that can be read.
    """
    file = folder / RECORD
    try:
        plain = json.loads(lzma.decompress(file.read_bytes()))
    except (OSError, lzma.LZMAError, ValueError) as error:
        raise DataError(
            "no record of results here", where=str(file), found=str(error), expected="a profile's folder of reports/",
            do="run `leukbench report` in that profile, or name another folder",
        ) from error  # fmt: skip
    record = from_plain(Record, plain, where=str(file), do="make it again with `leukbench report`")
    if record.format != FORMAT:
        raise DataError("a record of another format", where=str(file), expected=FORMAT, found=record.format)
    return record


def kept_view(params: Params, experiment: str) -> ExperimentView | None:
    """Return what figures showed of an experiment when the report was last made, or None."""
    path = f"views/{experiment}.json"
    file = out_folder(params.profile, path)
    plain = None
    if file.is_file():
        with contextlib.suppress(DataError):  # damaged: it is about to be made again, and the record has it too
            plain = read_json(file, stage="report")
    if plain is None and (reports_folder(params.profile) / RECORD).is_file():
        file = reports_folder(params.profile) / RECORD
        plain = read_record(file.parent).files.get(path)
    return None if plain is None else from_plain(ExperimentView, plain, where=str(file))


def unpack(record: Record, folder: Path, home: Path) -> None:
    """Lay a record out below ``home`` as a workspace: params.yaml, ``out/<profile>/`` and the folder as committed."""
    shutil.copytree(folder, home / "reports" / record.profile)
    out = home / "out" / record.profile
    write_text(home / "params.yaml", record.params)
    for path, plain in record.files.items():
        write_text(out / path, json.dumps(plain, ensure_ascii=False) + "\n", summed=True)
    for file in sorted((folder / "predictions").glob("*.parquet")):
        expected, found = record.predictions.get(file.name), sha256_of(file)
        if record.predictions and found != expected:
            raise DataError(
                "predictions are not those that the report was made from",
                where=str(file),
                expected=f"sha256 {expected}",
                found=f"sha256 {found}",
                do="take the file from the repository again",
            )
        shutil.copyfile(file, out / "predictions" / file.name)
        write_sum(out / "predictions" / file.name)
