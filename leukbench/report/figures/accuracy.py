"""Accuracy under each split: beside the printed figure (forest), and beside a model without a network (ladder)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leukbench.artefacts import COLOUR_HISTOGRAM, COLOUR_TREES
from leukbench.evaluation.views import ExperimentView, ModelView
from leukbench.papers.schema import Claim
from leukbench.records import Estimate, Experiment
from leukbench.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    Figure,
    axes,
    bare_rows,
    percent_axis,
    row_label,
)
from leukbench.report.figures.words import (
    counted,
    pct,
    sampled,
    sampling_unit,
    split_name,
    too_few,
    with_limits,
)
from leukbench.report.format import extents, one_answer


@dataclass(frozen=True)
class Row:
    """One experiment of a study with the network that is looked at."""

    spec: Experiment
    view: ExperimentView
    arm: str
    extent: str  # how much of the paper's experiment was run, in the pages' words
    answer: str = ""  # the one class that each training names for every image, as the pages' tables have it

    @property
    def network(self) -> ModelView:
        """The network's own figures."""
        return self.view.models[self.arm]

    @property
    def name(self) -> str:
        """What its split is called."""
        return split_name(self.spec, self.view)


def forest(file: str, printed: Claim, rows: Sequence[Row]) -> Figure:
    """Return the printed accuracy above the reproduced ones, each with its interval, images and patients.

    Parameters
    ----------
    printed
        The study's headline, an accuracy.
    rows
        Its experiments, at least one.
    """
    claimed = f"{printed.value} %" if printed.unit == "%" else printed.value
    results = [f"{row.name} {_result(row)}" for row in rows]
    results_text = f"Printed: {claimed} ({printed.where}). Reproduced: {'; '.join(results)}."
    caption = (
        f"{results_text} Accuracy in %, brackets and lines: 95 % with the "
        f"{sampling_unit(rows[0].network.accuracy, rows[0].view)} as the sampling unit."
        f"{_status_sentence(rows)}"
    )
    return Figure(file, caption, f"Printed accuracy beside the reproduced ones. {results_text}{_status_sentence(rows)}",
                  lambda: _draw_forest(printed, rows))  # fmt: skip


def _result(row: Row) -> str:
    """Return a network's accuracy with its interval; without one where it names one class for every image."""
    accuracy, one = row.network.accuracy, row.answer
    return f"{pct(accuracy.value)} ({one_answer(accuracy, one)})" if one else with_limits(accuracy, row.view)


def _status_sentence(rows: Sequence[Row]) -> str:
    found = extents([(row.name, row.extent) for row in rows])
    return f" Extent: {found}." if found else ""


def _draw_forest(printed: Claim, rows: Sequence[Row]) -> Any:
    with axes(1.0 + 0.54 * (len(rows) + 1)) as (fig, ax):
        bare_rows(ax, len(rows) + 1)
        percent_axis(ax, "accuracy in %")
        top = len(rows)
        row_label(ax, top, "printed", f"{printed.value}{' %' if printed.unit == '%' else ''}")
        if printed.fraction is not None:
            ax.axvline(100 * printed.fraction, color=BLACK, ls=(0, (4, 3)), lw=0.9, zorder=1)
            ax.plot(100 * printed.fraction, top, "D", color=BLACK, ms=6, zorder=3, clip_on=False)
        for y, row in zip(range(top - 1, -1, -1), rows, strict=True):
            accuracy = row.network.accuracy
            count = f"{counted(accuracy)}, {sampled(accuracy, row.view)}"
            row_label(ax, y, row.name, f"{count}: {pct(accuracy.value)}")
            _point(ax, y, accuracy, BLUE, "o", limits=not row.answer)
    return fig


def _point(ax: Any, y: float, e: Estimate, colour: str, marker: str, *, limits: bool = True) -> None:
    if limits and not too_few(e):
        ax.plot([100 * e.low, 100 * e.high], [y, y], color=colour, lw=2.0, zorder=2, solid_capstyle="butt")
    ax.plot(100 * e.value, y, marker, color=colour, ms=6, zorder=3, clip_on=False)


def ladder(file: str, rows: Sequence[Row]) -> Figure:
    """Return each split on one axis from 0 to 100: the network, a colour histogram, and the split's own
    majority class.
    """
    parts = []
    for row in rows:
        beside = f"colour histogram {pct(row.view.models[COLOUR_HISTOGRAM].accuracy.value)}"
        parts.append(
            f"{row.name}: network {pct(row.network.accuracy.value)}, {beside}, majority {pct(row.network.majority)}"
        )
    behind = [row.name for row in rows if _histogram(row).accuracy.value >= row.network.accuracy.value]
    ahead = " By these values "  # whatever the intervals are: what is shown of the two stands with the shortcuts
    ahead += (
        f"the histogram is level or ahead under: {', '.join(behind)}."
        if behind
        else f"the network is ahead of the histogram under {'every' if len(rows) > 1 else 'this'} split."
    )
    trees = [row.name for row in rows if _trees(row) >= row.network.accuracy.value]
    ahead += f" Trees on the same histogram are level or ahead under: {', '.join(trees)}." if trees else ""
    caption = f"{'; '.join(parts)} (accuracy in %).{ahead}"
    key = "Circle: network; square: colour histogram; tick: share of the most frequent class among the tested images."
    return Figure(file, f"{caption} {key}{_status_sentence(rows)}", f"{caption}{_status_sentence(rows)}",
                  lambda: _draw_ladder(rows))  # fmt: skip


def _trees(row: Row) -> float:
    model = row.view.models.get(COLOUR_TREES)
    return model.accuracy.value if model else math.nan


def _histogram(row: Row) -> ModelView:
    return row.view.models[COLOUR_HISTOGRAM]


def _draw_ladder(rows: Sequence[Row]) -> Any:
    with axes(1.35 + 0.62 * len(rows)) as (fig, ax):
        bare_rows(ax, len(rows))
        percent_axis(ax, "accuracy in %")
        for y, row in zip(range(len(rows) - 1, -1, -1), rows, strict=True):
            row_label(ax, y, row.name, f"{counted(row.network.accuracy)}, {sampled(row.network.accuracy, row.view)}")
            _point(ax, y + 0.09, row.network.accuracy, BLUE, "o", limits=not row.answer)
            _point(ax, y - 0.11, _histogram(row).accuracy, ORANGE, "s")
            ax.plot([100 * row.network.majority] * 2, [y - 0.3, y + 0.24], color=GREY, lw=2.2, zorder=1)
        for marker, colour, label in (
            ("o", BLUE, "network"),
            ("s", ORANGE, "colour histogram"),
            ("|", GREY, "majority"),
        ):
            ax.plot([], [], marker, color=colour, ms=7, mew=2 if marker == "|" else 1, label=label)
        fig.legend(loc="outside upper center", ncols=3, handletextpad=0.2, columnspacing=1.2)
    return fig
