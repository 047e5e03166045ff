"""Injuries of every kind of artefact, each followed by the stage that reads it: refused, survived, silent, traceback?

``python -m tests.support.injuries 1000`` makes a small pipeline in a temporary folder, does so many injuries and prints
the table of docs/reliability.md.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leukbench.errors import LeukbenchError
from leukbench.params import Params, load_params
from leukbench.paths import SUM, sha256_of, workspace_at
from leukbench.pipeline import audit, compare, count, decode, evaluate, remake, report, split, train, views
from leukbench.verdicts.frozen import frozen_digest
from tests.support.plans import known_experiment, known_plan, prepare, write_plan
from tests.support.stages import markdown

KINDS = ("flipped bit", "changed digit", "cut", "zeros", "emptied")
OUTCOMES = ("refused", "survived", "silent", "traceback")
Stage = Callable[[Params], object]


def _split(params: Params) -> object:
    return split.split(params, [*params.all_experiments])


def _decode(params: Params) -> object:
    return [decode.decode(params, name) for name in params.stores]


def _train(params: Params) -> object:
    return [train.train(params, name) for name in params.all_experiments]


def _evaluate(params: Params) -> object:
    return [evaluate.evaluate(params, name) for name in params.experiments]


def _from_record(params: Params) -> object:
    folder = Path("reports") / params.profile
    with tempfile.TemporaryDirectory() as trial:
        copied = Path(trial) / "from" / params.profile
        shutil.copytree(folder, copied)
        return remake.report_from(copied, Path(trial) / "to")


READ_BY: dict[str, tuple[Stage, ...]] = {
    "out/*/sources/*/manifest.csv": (_split, _decode),
    "out/*/sources/*/groups.csv": (_split,),
    "out/*/studies/*.json": (_split, _train),
    "out/*/splits/*.csv": (_train,),
    "out/*/splits/*.plan.json": (_train, compare.compare),
    "out/*/splits/*.certificate.json": (_evaluate, compare.compare),
    "out/*/stores/*.npy": (_train,),
    "out/*/stores/*.json": (_train,),
    "runs/*/test.npy": (_train,),
    "runs/*/validation.npy": (_train,),
    "runs/*/rows.csv": (_train, views.write_views),
    "runs/*/history.json": (_train, views.write_views),
    "runs/*/receipt.json": (_train,),
    "runs/*/spec.json": (_train,),
    "runs/*/environment.json": (_train, report.gather),
    "out/*/predictions/*.parquet": (_evaluate,),
    "out/*/predictions/*.receipt.json": (compare.compare, report.gather),
    "out/*/estimates/*.json": (compare.compare, report.gather),
    "out/*/findings.json": (compare.compare, report.gather),
    "out/*/parameters.json": (report.gather,),
    "out/*/verdicts.json": (report.gather,),
    "out/*/views/*.json": (views.write_views, report.gather),
    "reports/*/measured.json": (report.gather,),
    "reports/*/record.json.xz": (_from_record,),
    "reports/*/predictions/*.parquet": (_from_record,),
}
"""Which stages read what: a path pattern below the workspace -> the stages."""
UNUSED_BY = {"out/*/views/*.json": views.write_views}
"""Where a stage is asked that makes the file again and may go on."""


@dataclass(frozen=True)
class Injury:
    """A kind of injury of a kind of artefact, and what came of it; ``notes``: the first line of the error."""

    artefact: str
    kind: str
    file: str
    outcome: str
    message: str = ""


def make_workspace(home: Path) -> Params:
    """Run the pipeline of a small plan in a workspace, which must be the current folder, and return its params."""
    from leukbench.papers.loader import load_paper

    experiments = {
        "one": known_experiment("image", limits={"epochs": 2}),
        "other": known_experiment("patient", limits={"epochs": 2, "folds": 1}),
    }
    frozen = frozen_digest(0.05, 0.05, load_paper("known_answer").headlines())
    verdicts = {"margin": 0.05, "alpha": 0.05, "sha256": frozen}
    params = load_params(write_plan(home, known_plan("injured", experiments, images=96, verdicts=verdicts)))
    prepare(params)
    audit.audit_stage(params)
    for stage in (_split, _decode, _train, _evaluate, count.count_stage, compare.compare, report.report):
        stage(params)
    return params


def injured(data: bytes, kind: str, rng: np.random.Generator) -> bytes | None:
    """Return damaged bytes that differ from ``data``; None where this kind cannot be done to them."""
    if not data:
        return None
    made, place = bytearray(data), int(rng.integers(len(data)))
    if kind == "flipped bit":
        made[place] ^= 1 << int(rng.integers(8))
    elif kind == "changed digit":
        digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
        if not digits:
            return None
        at = digits[int(rng.integers(len(digits)))]
        made[at] = 48 + (made[at] - 48 + int(rng.integers(1, 10))) % 10
    elif kind == "cut":
        made = made[:place]
    elif kind == "zeros":
        made[place : place + 512] = bytes(len(made[place : place + 512]))
    else:
        made = bytearray()
    return bytes(made) if bytes(made) != data else None


def injuries(home: Path, params: Params, n: int, *, seed: int = 0) -> Iterator[Injury]:
    """Injure ``n`` artefacts, one at a time and in turn over kinds, and yield what a stage that reads it made of it."""
    rng = np.random.default_rng(seed)
    turns = [(artefact, stage, kind) for kind in KINDS for artefact, stages in READ_BY.items() for stage in stages]
    done = 0
    while done < n:
        for artefact, stage, kind in turns:
            files = sorted(home.glob(artefact))
            file = files[int(rng.integers(len(files)))]
            beside = file.with_name(file.name + SUM)
            if beside.is_file() and rng.integers(8) == 0:
                file = beside
            damaged = injured(file.read_bytes(), kind, rng)
            if damaged is not None and done < n:
                done += 1
                yield injure(home, params, artefact, stage, kind, file, damaged)


def injure(home: Path, params: Params, artefact: str, stage: Stage, kind: str, file: Path, damaged: bytes) -> Injury:
    """Put damaged bytes into a file, run a stage that reads it, put the file back, and return what came of it."""
    before, data = _state(home), file.read_bytes()
    outcome, message = "survived", ""
    file.write_bytes(damaged)
    try:
        stage(params)
    except LeukbenchError as error:
        outcome, message = "refused", str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
        outcome, message = "traceback", f"{type(error).__name__}: {error}"
    changed = {name for name, digest in _state(home).items() if before.get(name) != digest}
    if outcome != "refused" and changed - {file.relative_to(home).as_posix()}:
        outcome = "silent" if outcome == "survived" else outcome
    if outcome == "survived" and UNUSED_BY.get(artefact) is not stage:
        outcome = "silent"  # what a stage reads and says nothing of may have gone into what it shows
    file.write_bytes(data)
    return Injury(artefact, kind, file.relative_to(home).as_posix(), outcome, message)


def _state(home: Path) -> dict[str, str]:
    files = (f for top in ("out", "runs", "reports") for f in (home / top).rglob("*") if f.is_file())
    return {file.relative_to(home).as_posix(): sha256_of(file) for file in files}


def table(found: list[Injury]) -> str:
    """Return the Markdown table of injuries by artefact."""
    counts: dict[str, Counter[str]] = {artefact: Counter() for artefact in READ_BY}
    for injury in found:
        counts[injury.artefact][injury.outcome] += 1
    named = [*((f"`{artefact}`", by) for artefact, by in counts.items()), ("all", Counter(i.outcome for i in found))]
    header = ("artefact", "tried", "refused by name", "made again", "silent", "traceback")
    return markdown(header, [(name, by.total(), *(by[o] for o in OUTCOMES)) for name, by in named])


def main(n: int) -> None:
    """Print the table of ``n`` injuries, and what was not refused."""
    import os

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.chdir(home)
        with workspace_at(home):
            found = list(injuries(home, make_workspace(home), n))
    print(table(found))
    for injury in found:
        if injury.outcome in {"silent", "traceback"}:
            print(injury, file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]))
