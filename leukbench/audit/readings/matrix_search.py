"""Searching the matrices that a partly printed one can be."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

from leukbench.audit.engine.definitions import Definition, Value, usual_values
from leukbench.audit.engine.rounding import integers_in, shown
from leukbench.audit.readings.claims import canonical, score_interval
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.papers.schema import Claim

MAX_COMPLETIONS = 4096


def completions(
    printed: Printed, *, total: int | None = None, limit: int = MAX_COMPLETIONS
) -> list[list[list[int]]] | None:
    """Return every integer matrix that the printed cells can stand for, with the given total if there is one.

    None where there are more than ``limit``. An exact matrix has itself as the only completion.
    """
    size = len(printed.cells)
    flat = [integers_in(cell) for line in printed.cells for cell in line]
    if math.prod(max(0, r.stop - r.start) for r in flat) > limit * 16:
        return None
    found = [
        [list(cells[i * size : (i + 1) * size]) for i in range(size)]
        for cells in itertools.product(*flat)
        if total is None or sum(cells) == total
    ]
    return None if len(found) > limit else found


def search_definition(claim: Claim, candidates: Sequence[Sequence[Sequence[int]]], classes: Sequence[str]) -> list[str]:
    """Return the readings under which some candidate matrix gives the printed score, most usual first."""
    interval = score_interval(claim)
    if interval is None:
        return []
    slack = Fraction(1, 10**12)
    found: dict[str, None] = {}
    for counts in candidates:
        for reading, value in _readings_of(claim, counts, classes).items():
            if interval.low - slack <= value <= interval.high + slack:
                found[reading] = None
    return list(found)


@functools.lru_cache(maxsize=64)
def _usual_values(counts: tuple[tuple[int, ...], ...], classes: tuple[str, ...]) -> dict[Definition, Value]:
    return usual_values(counts, classes)


def _readings_of(claim: Claim, counts: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[str, Fraction | float]:
    """Return the values that a score can have for a matrix, by reading: those that its class or averaging leave
    open."""
    metric = canonical(claim.metric)
    found = _usual_values(tuple(map(tuple, counts)), tuple(classes))
    values = {d.reading: v for d, v in found.items() if d.metric == metric}
    wanted = f"positive:{claim.class_}" if claim.class_ else claim.average
    if wanted.startswith("positive:") and wanted.removeprefix("positive:") not in classes:
        return {
            r: v for r, v in values.items() if r.startswith("positive:")
        }  # counts in prose do not name their classes
    if metric == "accuracy" and not claim.class_:
        values = {r: v for r, v in values.items() if not r.startswith("positive:")}
        if wanted in {"micro", "weighted"}:
            return {r: v for r, v in values.items() if r == "overall"}
    if not wanted or wanted == "none" or metric in {"mcc", "kappa", "balanced_accuracy"}:
        return values
    return {r: v for r, v in values.items() if r == wanted or r.startswith(f"{wanted}, ")}


def nearest_value(claim: Claim, counts: Sequence[Sequence[int]], classes: Sequence[str]) -> tuple[str, float] | None:
    """Return the reading whose value is nearest to the printed score, and that value."""
    interval = score_interval(claim)
    values = {r: float(v) for r, v in _readings_of(claim, counts, classes).items()}
    if interval is None or not values:
        return None
    middle = float(interval.low + interval.high) / 2
    reading = min(values, key=lambda r: abs(values[r] - middle))
    return reading, values[reading]


def drawn(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Return a matrix in words: each actual class with where its images went."""
    return "; ".join(
        f"actual {name}: " + ", ".join(f"{v} called {other}" for v, other in zip(line, classes, strict=True))
        for name, line in zip(classes, counts, strict=True)
    )


Counts = list[list[int]]


def value_words(claim: Claim, counts: list[list[int]], classes: Sequence[str], reading: str) -> str:
    metric = canonical(claim.metric)
    value = usual_values(counts, classes).get(Definition(metric, reading))
    if value is None:
        return ""
    ratio = f"{value.numerator}/{value.denominator} = " if isinstance(value, Fraction) and "positive" in reading else ""
    if metric == "accuracy" and reading == "overall":
        right, n = sum(counts[i][i] for i in range(len(classes))), sum(map(sum, counts))
        ratio = f"{right}/{n} = "
    return f"{claim.metric} ({reading}) = {ratio}{shown(value)}."
