"""The split as a map: which patients stand in which part, by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leukbench.records import Role
from leukbench.report.figures.accuracy import Row
from leukbench.report.figures.style import BLACK, CYCLE, Figure, axes

_PARTS: tuple[Role, ...] = ("train", "validation", "test")
_NAMES = {"train": "training", "validation": "validation", "test": "test"}


def split_figure(file: str, rows: Sequence[Row]) -> Figure:
    """Return one panel a split: a column a patient (or group), a line a part, a mark where it has images there.

    The first fold is shown; patients on both sides are marked.
    """
    listed = "; ".join(f"{row.name}: {_shared_words(row)}" for row in rows)
    unit = rows[0].view.unit
    caption = f"{listed}."
    key = (
        f" One column a {unit}, by class; a bar where it has images in that part of the first fold, its height by the"
        f" logarithm of their number; triangles mark {unit}s on both sides of the split."
    )
    return Figure(file, caption + key, f"Map of the split, {unit}s by part and class. {caption}", lambda: _draw(rows))


def _fold(row: Row) -> int:
    return min((share.fold for share in row.view.split), default=0)


def _units(row: Row) -> list[tuple[str, str]]:
    """Return (label, unit) of the first fold's patients, by class, those of the test part last."""
    fold, order = _fold(row), {c: i for i, c in enumerate(row.view.classes)}
    tested = {s.unit for s in row.view.split if s.fold == fold and s.role == "test"}
    found = {(s.label, s.unit) for s in row.view.split if s.fold == fold}
    return sorted(found, key=lambda pair: (order.get(pair[0], len(order)), pair[1] in tested, pair[1]))


def _shared(row: Row) -> set[str]:
    fold = _fold(row)
    sides: dict[bool, set[str]] = {True: set(), False: set()}
    for share in row.view.split:
        if share.fold == fold:
            sides[share.role == "test"].add(share.unit)
    return sides[True] & sides[False]


def _shared_words(row: Row) -> str:
    fold = _fold(row)
    tested = {s.unit for s in row.view.split if s.fold == fold and s.role == "test"}
    both = len(_shared(row))
    return f"{both:,} of {len(tested):,} tested {row.view.unit}s also train or validate"


def _draw(rows: Sequence[Row]) -> Any:
    with axes(0.7 + 1.75 * len(rows), rows=len(rows)) as (fig, found):
        for row, ax in zip(rows, found if len(rows) > 1 else [found], strict=True):
            _panel(ax, row)
        labels = list(dict.fromkeys(label for row in rows for label, _ in _units(row)))
        for i, label in enumerate(labels):
            fig.axes[0].bar(0, 0, color=CYCLE[i % len(CYCLE)], label=label.replace("_", " "))
        fig.axes[0].plot([], [], "v", color=BLACK, ms=5, label="both sides")
        fig.legend(loc="outside upper left", ncols=3, columnspacing=1.0, handlelength=1.0)
    return fig


def _panel(ax: Any, row: Row) -> None:
    fold, units, shared = _fold(row), _units(row), _shared(row)
    place = {pair: x for x, pair in enumerate(units)}
    labels = list(dict.fromkeys(label for label, _ in units))
    largest = max((s.n_images for s in row.view.split if s.fold == fold), default=1)
    for y, part in enumerate(reversed(_PARTS)):
        shares = [s for s in row.view.split if s.fold == fold and s.role == part]
        x = [place[s.label, s.unit] for s in shares]
        heights = [0.15 + 0.65 * np.log1p(s.n_images) / np.log1p(largest) for s in shares]
        colours = [CYCLE[labels.index(s.label) % len(CYCLE)] for s in shares]
        ax.bar(x, heights, bottom=y, width=0.9, color=colours, lw=0)
    both = [x for (_, unit), x in place.items() if unit in shared]
    ax.plot(both, [len(_PARTS) + 0.08] * len(both), "v", color=BLACK, ms=3, clip_on=False)
    ax.set_yticks([0.4, 1.4, 2.4], [_NAMES[p] for p in reversed(_PARTS)])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(0, len(_PARTS) + 0.2)
    ax.set_xlim(-0.8, max(len(units), 1) - 0.2)
    ax.set_xticks([])
    ax.set_title(f"{row.name}:\n{_shared_words(row)}", fontsize=9, loc="left")
