"""A full disk at every write of every stage, read-only outputs, two processes on one stage, little memory, odd clocks.

``python -m tests.support.full_disk`` makes a small pipeline, copies it onto a small file system in memory (which only
root can mount) and runs each stage with 0, 1, 2 … pages of 4 KiB free, until it has room enough; then it frees the
disk, runs the stage again and compares. It prints the tables of docs/reliability.md. Names of faults and of stages may
follow (``disk train evaluate``); ``table FILE …`` adds up what several of these wrote to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import stages
from tests.support.stages import COMMANDS, Ended, Pipeline

PAGE = 4096
MOST, MOST_S, LEAST = 40, 40.0, 8
"""Free sizes that are tried of one stage at most, undisturbed seconds of processor time of it, and sizes at least:
where it writes more pages, or is slow, fewer are tried, evenly spread."""


@dataclass(frozen=True)
class Tried:
    """A fault of a stage, and what came of it: ``problem`` is "" where it ended in a sentence and lost nothing."""

    fault: str
    stage: str
    outcome: str  # sentence, went on, traceback
    problem: str = ""


def _outcome(end: Ended) -> str:
    return "traceback" if end.traceback else "went on" if end.code == 0 else "sentence"


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a file system of ``size`` bytes in memory at ``folder`` until the block ends."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(disk: Path, free: int) -> None:
    """Leave ``free`` bytes of a disk, within a page."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    state = os.statvfs(disk)
    size = state.f_bavail * state.f_frsize - free
    if size > 0:
        with filler.open("wb") as opened:
            os.posix_fallocate(opened.fileno(), 0, size)


def _again(pipeline: Pipeline, stage: str) -> str:
    """Run a stage undisturbed after a fault; return what is not as it was without."""
    return pipeline.problem([stages.run(pipeline.home, *command) for command in COMMANDS[stage]])


def full_disk(pipeline: Pipeline, disk: Path, stage: str) -> Iterator[Tried]:
    """Run a stage with 0, 1, 2 … free pages of its disk until it ends well."""
    pages = sum(-(-(pipeline.home / name).stat().st_size // PAGE) + 1 for name in pipeline.made[stage]) + 8
    most = max(LEAST, min(MOST, int(MOST_S / pipeline.processor_s[stage])))
    for free in range(0, pages, max(1, pages // most)):
        pipeline.before(stage)
        _fill(disk, free * PAGE)
        ends = []
        for command in COMMANDS[stage]:
            ends.append(stages.run(pipeline.home, *command))
            if ends[-1].code:
                break
        (disk / "filler").unlink(missing_ok=True)
        half = [n for n, d in stages.content(pipeline.home).items() if n in pipeline.whole and d != pipeline.whole[n]]
        problem = f"half a file under its name: {half[0]}" if half else _again(pipeline, stage)
        yield Tried("full disk", stage, _outcome(ends[-1]), problem or _said(ends[-1]))
        if not ends[-1].code:
            return


def _said(end: Ended) -> str:
    return end.said.strip()[-400:] if end.traceback else ""


def read_only(pipeline: Pipeline, stage: str) -> Iterator[Tried]:
    """Run a stage that may not write into the folders of its outputs."""
    pipeline.before(stage)
    folders = sorted({(pipeline.home / name).parent for name in pipeline.made[stage]})
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o555)
    ends = [stages.run(pipeline.home, *command, first=_obeying_modes) for command in COMMANDS[stage]]
    for folder in folders:
        if folder.is_dir():
            folder.chmod(0o755)
    worst = next((end for end in ends if end.traceback), ends[0])
    yield Tried("read-only outputs", stage, _outcome(worst), _again(pipeline, stage) or _said(worst))


def _obeying_modes() -> None:
    """Go on without root's right to write where modes forbid it."""
    libc, override = ctypes.CDLL(None, use_errno=True), 1 << 1  # CAP_DAC_OVERRIDE, linux/capability.h
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~override
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def two_at_once(pipeline: Pipeline, stage: str) -> Iterator[Tried]:
    """Run a stage in two processes at once."""
    pipeline.before(stage)
    children = [stages.start(pipeline.home, *command) for command in COMMANDS[stage] for _ in range(2)]
    ends = [child.wait() for child in children]
    worst = next((end for end in ends if end.traceback or end.code), ends[0])
    problem = _said(worst) or pipeline.difference()
    yield Tried("two at once", stage, _outcome(worst), problem)
    for command in COMMANDS[stage]:
        stages.run(pipeline.home, *command)


def odd_clock(pipeline: Pipeline, stage: str) -> Iterator[Tried]:
    """Run a stage while the clock is set back by a year at its third question, on files of the future."""
    pipeline.before(stage)
    ends = [stages.run(pipeline.home, *command, first=_set_back) for command in COMMANDS[stage]]
    worst = next((end for end in ends if end.code), ends[0])
    problem = _said(worst) or pipeline.difference()
    yield Tried("clock set back", stage, _outcome(worst), problem)


def _set_back() -> None:
    asked, real, real_ns = [0], time.time, time.time_ns

    def seconds() -> float:
        asked[0] += 1
        return real() - (365 * 86400 if asked[0] > 2 else 0)

    time.time = seconds
    time.time_ns = lambda: real_ns() - 365 * 86400 * 10**9
    for file in Path.cwd().rglob("*"):
        if file.is_file():
            os.utime(file, (real() + 86400, real() + 86400))


def little_memory(pipeline: Pipeline, stage: str) -> Iterator[Tried]:
    """Run a stage with less and less address space beyond what its process has."""
    for mib in (256, 128, 100, 64, 16):
        pipeline.before(stage)
        ends = [stages.run(pipeline.home, *command, first=_limit(mib << 20)) for command in COMMANDS[stage]]
        worst = next((end for end in ends if end.traceback), next((end for end in ends if end.code), ends[0]))
        yield Tried("little memory", stage, _outcome(worst), _again(pipeline, stage) or _said(worst))


def _limit(more: int) -> Callable[[], None]:
    def install() -> None:
        used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * PAGE
        resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))

    return install


FAULTS: dict[str, Callable[[Pipeline, str], Iterator[Tried]]] = {
    "read-only": read_only,
    "two": two_at_once,
    "clock": odd_clock,
    "memory": little_memory,
}


def tried(folder: Path, wanted: list[str], of: list[str]) -> Iterator[Tried]:
    """Try the wanted faults of stages."""
    folder.chmod(0o755)
    stages.warm()
    with small_disk(folder / "disk", 256 << 20) as disk:
        pipeline = stages.make_pipeline(disk / "home")
        kept = folder / "kept"
        shutil.copytree(pipeline.home, kept, symlinks=True)
        for fault in wanted:
            for stage in of:
                found = full_disk(pipeline, disk, stage) if fault == "disk" else FAULTS[fault](pipeline, stage)
                yield from found
                if stage == "train" or pipeline.differs():
                    pipeline.restore(kept)


def table(found: list[Tried]) -> str:
    """Return the Markdown table of faults by kind."""
    rows = []
    for fault in dict.fromkeys(t.fault for t in found):
        of = [t for t in found if t.fault == fault]
        by, wrong = Counter(t.outcome for t in of), sum(bool(t.problem) and t.outcome != "traceback" for t in of)
        rows.append((fault, len(of), by["sentence"], by["went on"], by["traceback"], wrong))
    header = ("fault", "tried", "in a sentence", "went on", "traceback", "otherwise wrong")
    return stages.markdown(header, rows)


def by_stage(found: list[Tried]) -> str:
    """Return the Markdown table of how often each fault was tried of each stage."""
    faults = dict.fromkeys(t.fault for t in found)
    counts = Counter((t.stage, t.fault) for t in found)
    rows = [(stage, *(counts[stage, fault] for fault in faults)) for stage in dict.fromkeys(t.stage for t in found)]
    return stages.markdown(("stage", *faults), rows)


def main(arguments: list[str]) -> None:
    """Print the tables of faults; each is told on standard error as it was tried."""
    if arguments[:1] == ["table"]:
        lines = [line for file in arguments[1:] for line in Path(file).read_text(encoding="utf-8").splitlines()]
        found = [Tried(**json.loads(line)) for line in lines if line.startswith("{")]
    else:
        found = []
        wanted = [a for a in arguments if a not in COMMANDS] or ["disk", *FAULTS]
        with tempfile.TemporaryDirectory() as folder:
            for one in tried(Path(folder), wanted, [a for a in arguments if a in COMMANDS] or [*COMMANDS]):
                found.append(one)
                print(json.dumps(dataclasses.asdict(one)), file=sys.stderr, flush=True)
    print(f"{table(found)}\n\n{by_stage(found)}")
    sys.exit(any(one.problem for one in found))


if __name__ == "__main__":
    main(sys.argv[1:])
