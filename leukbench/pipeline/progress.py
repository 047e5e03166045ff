"""Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leukbench.training.board import Board, Line


@contextlib.contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield ``advance(done, total)``."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextlib.contextmanager
def run_progress(experiment: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``advance(run, epoch, epochs)``: a bar on a terminal; elsewhere a line when a run ends or a minute has
    passed.
    """
    if sys.stderr.isatty():
        with bar(f"train {experiment}") as advance:
            yield lambda run, epoch, epochs: advance(epoch, epochs)
        return
    last = time.monotonic()

    def line(run: str, epoch: int, epochs: int) -> None:
        nonlocal last
        now = time.monotonic()
        if epoch == epochs or now - last > 60:
            last = now
            print(f"train {experiment}: {run}: epoch {epoch} of {epochs}", file=sys.stderr, flush=True)

    yield line


def duration(seconds: float) -> str:
    """Return seconds as people say them.

    >>> duration(4.2), duration(75), duration(7260), duration(float("nan"))
    ('4 s', '1 min 15 s', '2 h 1 min', 'unknown')
    """
    if math.isnan(seconds):
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def speed_text(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


@contextlib.contextmanager
def shown(board: Board) -> Iterator[Callable[[Line], None]]:
    """Yield what to call after each event: a live table on a terminal; elsewhere a line when a run ends, and one a
    minute.
    """
    if not sys.stderr.isatty():
        yield _Printer(board)
        return
    from rich.console import Console
    from rich.live import Live

    class Table:
        """Draws itself anew at each refresh, so that times go on between events."""

        def __rich__(self) -> Any:
            return table(board, now_s=time.monotonic())

    with Live(Table(), console=Console(stderr=True), refresh_per_second=2):
        yield lambda line: None


class _Printer:
    def __init__(self, board: Board) -> None:
        self.board, self.last_s = board, time.monotonic()
        self.reported: dict[str, str] = {}

    def __call__(self, line: Line) -> None:
        now_s = time.monotonic()
        if line.state in {"finished", "failed", "elsewhere"} and self.reported.get(line.task.key) != line.state:
            self.reported[line.task.key] = line.state
            note = f": {line.note}" if line.note else ""
            print(
                f"grid: {line.task.name}: {line.state}{note}; {summary(self.board, now_s=now_s)}",
                file=sys.stderr,
                flush=True,
            )
        elif now_s - self.last_s > 60:
            print(f"grid: {summary(self.board, now_s=now_s)}", file=sys.stderr, flush=True)
        else:
            return
        self.last_s = now_s


def summary(board: Board, *, now_s: float) -> str:
    """Return the counts and the time left in one line."""
    counts = {state: len(board.in_state(state)) for state in ("finished", "failed", "running", "elsewhere", "waiting")}
    text = ", ".join(f"{n} {state}" for state, n in counts.items() if n or state == "finished")
    return f"{text} of {len(board.lines)}, {duration(board.left_s(now_s=now_s))} left"


def table(board: Board, *, now_s: float) -> Any:
    """Return the live table: the runs that go on, those that failed, and the counts below."""
    from rich.table import Table

    columns = ("run", "state", "epoch", "time left")
    made = Table(*columns, caption=summary(board, now_s=now_s), caption_justify="left", expand=False)
    for line in [*board.in_state("failed")[-8:], *board.in_state("elsewhere")[-4:], *board.in_state("running")[:24]]:
        left = duration(board.line_left_s(line, now_s=now_s)) if line.state == "running" else line.note[:60]
        colour = {"failed": "red", "elsewhere": "yellow"}.get(line.state, "")
        made.add_row(line.task.name, line.state, f"{line.epoch} of {line.task.recipe.epochs}", left, style=colour)
    return made
