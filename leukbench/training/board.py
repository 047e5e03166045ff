"""What a grid knows of its runs while they go on: who is where, and how much time is left. Touches neither disk nor
clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leukbench.training.grid import Cost, Event, Task


@dataclass
class Line:
    """One run. ``state``: waiting, running, elsewhere (another process trains it), finished, failed."""

    task: Task
    cost: Cost
    state: str = "waiting"
    epoch: int = 0  # of all its epochs
    first_epoch: int = 0  # from which it resumed
    since_s: float = 0.0
    took_s: float = 0.0  # finished or failed
    note: str = ""

    @property
    def share(self) -> float:
        """What part of the missing epochs is done."""
        return min(1.0, (self.epoch - self.first_epoch) / max(1, self.cost.epochs))


class Board:
    """The runs of a grid by key, in order."""

    def __init__(self, tasks: Iterable[Task], costs: Mapping[str, Cost], *, at_once: int) -> None:
        self.lines = {t.key: Line(t, costs[t.key], first_epoch=t.recipe.epochs - costs[t.key].epochs) for t in tasks}
        for line in self.lines.values():
            line.epoch = line.first_epoch
        self.at_once = max(1, at_once)

    def hear(self, event: Event, *, now_s: float) -> Line:
        """Take in an event and return the run's line."""
        line = self.lines[event.key]
        if event.what == "started":
            line.state, line.since_s = "running", now_s
        elif event.what == "epoch":
            line.state, line.epoch = "running", event.epoch
        else:
            line.state = {"held": "elsewhere", "finished": "finished", "failed": "failed"}[event.what]
            line.took_s, line.note = now_s - line.since_s, event.note
        if event.what == "finished":
            line.epoch = line.task.recipe.epochs
        return line

    def in_state(self, state: str) -> list[Line]:
        """Return the runs that are waiting, running, elsewhere, finished or failed."""
        return [line for line in self.lines.values() if line.state == state]

    def line_left_s(self, line: Line, *, now_s: float) -> float:
        """Return a run's seconds left: by its own pace once it has finished an epoch, else by its cost; NaN where none
        is known.
        """
        if line.state == "running" and line.share > 0:
            return (now_s - line.since_s) * (1 - line.share) / line.share
        return line.cost.seconds * (1 - line.share)

    def left_s(self, *, now_s: float) -> float:
        """Return the seconds left for all: what runs at its own pace, what waits at its cost, corrected by
        like runs.
        """
        running, waiting = self.in_state("running"), self.in_state("waiting")
        left = [self.line_left_s(line, now_s=now_s) for line in running]
        pace = self._pace(now_s)
        later = [line.cost.seconds * pace.get(line.task.load.key, 1.0) for line in waiting]
        known = [s for s in [*left, *later] if s == s]
        if not known:
            return 0.0 if not running and not waiting else float("nan")
        return max(sum(known) / self.at_once, max(known))

    def _pace(self, now_s: float) -> dict[str, float]:
        """Return measured over planned seconds of what is done, for each network and recipe by itself."""
        spent: dict[str, list[float]] = {}
        for line in [*self.in_state("running"), *self.in_state("finished")]:
            if line.share > 0 and line.cost.seconds > 0:
                took_s = line.took_s if line.state == "finished" else now_s - line.since_s
                sums = spent.setdefault(line.task.load.key, [0.0, 0.0])
                sums[0] += took_s
                sums[1] += line.cost.seconds * line.share
        return {key: took_s / planned_s for key, (took_s, planned_s) in spent.items()}
