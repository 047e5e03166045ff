"""Progress on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator


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
def run_progress(cell: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``advance(run, epoch, epochs)``: a bar on a terminal; elsewhere a line when a run ends or a minute has passed."""
    if sys.stderr.isatty():
        with bar(f"train {cell}") as advance:
            yield lambda run, epoch, epochs: advance(epoch, epochs)
        return
    last = time.monotonic()

    def line(run: str, epoch: int, epochs: int) -> None:
        nonlocal last
        now = time.monotonic()
        if epoch == epochs or now - last > 60:
            last = now
            print(f"train {cell}: {run}: epoch {epoch} of {epochs}", file=sys.stderr, flush=True)

    yield line
