"""Every stage of a small pipeline as a command that can be killed, starved or doubled, and what it must leave behind.

A command runs in a fork of a process that has imported everything, which costs milliseconds instead of seconds. Nothing
but imports happens in that process, so that no thread is lost in a fork.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leukbench.paths import SUM, sha256_of
from tests.support.plans import known_experiment, known_plan, write_plan

PROFILE = "faults"
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "fetch": (("fetch", "known_answer"),),
    "index": (("index", "known_answer"),),
    "group": (("group", "known_answer"),),
    "decode": (("decode", "s"),),
    "resolve": (("resolve",),),
    "split": (("split",),),
    "train": (("train", "one"), ("train", "other")),
    "count": (("count",),),
    "audit": (("audit", "--stage"),),
    "evaluate": (("evaluate",),),
    "compare": (("compare",),),
    "report": (("report",),),
    "site": (("site", "--to", "site"),),
}
"""Stage -> its commands, in the order of the pipeline."""
_TIMED = frozenset({"wall_s", "peak_memory_mib", "train_s", "scoring_s", "seconds", "files", "self_sha256", "hardware"})
"""What of a JSON file says how long a run took, or follows from it."""


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table.

    >>> markdown(["fault", "tried"], [("two", 3)])
    '| fault | tried |\\n|---|---|\\n| two | 3 |'
    """
    lines = [f"| {' | '.join(map(str, cells))} |" for cells in (header, *rows)]
    return "\n".join([lines[0], "|---" * len(header) + "|", *lines[1:]])


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (negative: the signal), its standard error, how long it took, and how much
    of that was processor time.
    """

    code: int
    said: str
    seconds: float
    processor_s: float = 0.0

    @property
    def traceback(self) -> bool:
        """Whether it ended as no deliberate error does."""
        return "Traceback (most recent call last)" in self.said or self.code not in {0, 1, 2, -signal.SIGKILL}


@dataclass
class Child:
    """A command that runs in a process group of its own."""

    pid: int
    log: Path
    started: float = field(default_factory=time.monotonic)

    def kill(self) -> None:
        """End it as nothing can be caught, without its children."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """Return how it ended."""
        _, status, used = os.wait4(self.pid, 0)
        said = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        self.log.unlink(missing_ok=True)
        seconds, processor_s = time.monotonic() - self.started, used.ru_utime + used.ru_stime
        return Ended(os.waitstatus_to_exitcode(status), said, seconds, processor_s)


def warm() -> None:
    """Import what the commands import, and nothing more."""
    import cv2  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import timm  # noqa: F401

    import leukbench.audit.findings
    import leukbench.papers.loader
    import leukbench.report.pages
    import leukbench.tools.score.score
    import leukbench.training.experiment
    import leukbench.training.probe
    import leukbench.training.workers  # noqa: F401
    from leukbench.cli import app  # noqa: F401
    from leukbench.pipeline import (  # noqa: F401
        audit,
        compare,
        count,
        decode,
        evaluate,
        fetch,
        grid,
        group,
        index,
        report,
        resolve,
        site,
        split,
        train,
    )  # fmt: skip


def start(home: Path, *arguments: str, first: Callable[[], object] = lambda: None) -> Child:
    """Start ``leukbench`` with these arguments in the workspace; ``first`` is called in its process before."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = Path(tempfile.gettempdir()) / f"leukbench-{os.getpid()}-{time.monotonic_ns()}.log"
    pid = os.fork()
    if pid:
        return Child(pid, log)
    code = 70
    try:
        os.setsid()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(handle, 2)
        os.chdir(home)
        os.environ["LEUKBENCH_HOME"] = str(home)
        first()
        code = _call(arguments)
    except BaseException:  # noqa: BLE001 - the end of this process is what is looked at
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _call(arguments: tuple[str, ...]) -> int:
    from leukbench import cli

    sys.argv = ["leukbench", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def run(home: Path, *arguments: str, first: Callable[[], object] = lambda: None) -> Ended:
    """Run ``leukbench`` with these arguments to its end."""
    return start(home, *arguments, first=first).wait()


def content(home: Path) -> dict[str, str]:
    """Return path -> digest of what all stages left, without times and the sums that follow from them.

    Half-written files and locks count: who leaves one leaves something to be mended.
    """
    found = {}
    for top in ("data", "out", "runs", "reports", "site"):
        for file in sorted((home / top).rglob("*")):
            name = file.relative_to(home).as_posix()
            if file.is_file() and not name.endswith(SUM):
                found[name] = _timeless(file)
    return found


def _timeless(file: Path) -> str:
    if file.suffix == ".safetensors":
        return _tensors(file.read_bytes())
    if not file.name.endswith((".json", ".json.xz")):
        return sha256_of(file)
    if file.suffix == ".json":
        return json.dumps(_without_times(json.loads(file.read_bytes())), sort_keys=True)
    record = json.loads(lzma.decompress(file.read_bytes()))  # its files are the stages' outputs and no sums
    return json.dumps(_without_times({"outputs": record.pop("files"), **record}), sort_keys=True)


def _tensors(data: bytes) -> str:
    """Return the digest of a safetensors file without its notes, which hold times."""
    start = 8 + int.from_bytes(data[:8], "little")
    places = {name: of for name, of in json.loads(data[8:start]).items() if name != "__metadata__"}
    return hashlib.sha256(json.dumps(places, sort_keys=True).encode() + data[start:]).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in _TIMED}
    return [_without_times(v) for v in value] if isinstance(value, list) else value


@dataclass
class Pipeline:
    """A workspace in which every stage ran undisturbed: what each wrote (``made``), its ``seconds``, and of these
    ``processor_s``, which other work on the machine does not change.
    """

    home: Path
    made: dict[str, list[str]]
    seconds: dict[str, float]
    processor_s: dict[str, float]
    whole: dict[str, str]

    def before(self, stage: str) -> None:
        """Put the workspace back to just before a stage: all else is there, what that stage makes is not."""
        for name in self.made[stage]:
            (self.home / name).unlink(missing_ok=True)
        for folder in sorted((f for f in self.home.rglob("*") if f.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()

    def differs(self) -> list[str]:
        """Return which files are not as undisturbed: other content, missing, or left behind.

        A finished run may lack the weights that it keeps for who looks at them: a full disk fails no finished run.
        """
        now = content(self.home)
        different = {name for name in now.keys() | self.whole.keys() if now.get(name) != self.whole.get(name)}
        return sorted(name for name in different if name in now or not name.endswith("/weights.safetensors"))

    def difference(self) -> str:
        """Return which files are not as undisturbed, in words; "" where none is."""
        different = self.differs()
        return f"differs: {', '.join(different[:4])}" if different else ""

    def problem(self, again: list[Ended]) -> str:
        """Return what is wrong after a stage was run again: how it failed, else which files differ."""
        failed = next((end.said.strip()[-300:] or f"exit code {end.code}" for end in again if end.code), "")
        return failed or self.difference()

    def restore(self, kept: Path) -> None:
        """Take the whole workspace back from a copy."""
        shutil.rmtree(self.home)
        shutil.copytree(kept, self.home, symlinks=True)


def make_pipeline(home: Path, *, until: str = "site") -> Pipeline:
    """Run the stages of the small pipeline up to ``until`` undisturbed in ``home``."""
    from leukbench.papers.loader import load_paper
    from leukbench.verdicts.frozen import frozen_digest

    home.mkdir(parents=True)
    experiments = {
        "one": known_experiment("image", limits={"epochs": 3, "folds": 1}),
        "other": known_experiment("patient", limits={"epochs": 3, "folds": 1}),
    }
    frozen = frozen_digest(0.05, 0.05, load_paper("known_answer").headlines())
    verdicts = {"margin": 0.05, "alpha": 0.05, "sha256": frozen}
    write_plan(home, known_plan(PROFILE, experiments, images=96, verdicts=verdicts))
    made, seconds, processor_s = {}, {}, {}
    for stage, commands in COMMANDS.items():
        before = _files(home)
        ends = [run(home, *command) for command in commands]
        if any(end.code for end in ends):
            raise RuntimeError(f"{stage} failed undisturbed: {ends}")
        made[stage], seconds[stage] = sorted(_files(home) - before), sum(end.seconds for end in ends)
        processor_s[stage] = sum(end.processor_s for end in ends)
        if stage == until:
            break
    return Pipeline(home, made, seconds, processor_s, content(home))


def _files(home: Path) -> set[str]:
    return {f.relative_to(home).as_posix() for f in home.rglob("*") if f.is_file() and f.name != "params.yaml"}


def below(pid: int) -> Iterator[int]:
    """Yield the processes that a process started, and those that they did."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from below(child)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
