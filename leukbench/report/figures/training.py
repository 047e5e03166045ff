"""Training curves, the paper's own epoch table over them; accuracy against parameters and time."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from leukbench.artefacts import model_name
from leukbench.evaluation.views import ModelView, NetworkView, RunCurve
from leukbench.papers.schema import Claim
from leukbench.report.figures.accuracy import Row
from leukbench.report.figures.scores import Pair
from leukbench.report.figures.style import BLUE, CYCLE, GREEN, GREY, MARKERS, VERMILION, Figure, axes
from leukbench.report.figures.words import pct
from leukbench.report.format import extents

_PARTS: tuple[tuple[str, str, str, Any, str], ...] = (
    ("train", "training", BLUE, "-", "o"),
    ("validation", "validation", VERMILION, (0, (4, 2)), "s"),
    ("test", "test", GREEN, (0, (1, 1.3)), "^"),
)
_FEWEST_EPOCHS = 2
_FEWEST_NETWORKS = 3


def epoch_table(claims: Sequence[Claim], study: str, arm: str) -> dict[str, list[tuple[int, float, str]]]:
    """Return part -> (epoch, share, id) of the accuracies that a paper prints for epochs of an arm, in order."""
    found: dict[str, list[tuple[int, float, str]]] = {"train": [], "validation": []}
    for claim in claims:
        epoch = re.fullmatch(r"epoch (\d+)", claim.condition)
        named = (claim.kind, claim.study, claim.arm, claim.metric) == ("own", study, arm, "accuracy")
        if epoch and named and claim.split in found and claim.fraction is not None:
            found[claim.split].append((int(epoch[1]), claim.fraction, claim.id))
    return {part: sorted(points) for part, points in found.items() if points}


def training_figure(file: str, pairs: Sequence[Pair], claims: Sequence[Claim]) -> Figure | None:
    """Return accuracy by epoch, a panel a split, each run a line, and the epochs that the paper prints as points over
    the first; None where the runs have one epoch, or none was kept.
    """
    panels = [(row, runs) for row, network in pairs if (runs := _curves(network))]
    if not panels:
        return None
    (first, _), printed = panels[0], epoch_table(claims, panels[0][0].spec.study, panels[0][0].arm)
    table = "; ".join(f"{part} {_printed_range(points)}" for part, points in printed.items())
    ends = ". ".join(
        f"{row.name}, after the last of {len(runs[0].train)} epochs: {_ends(runs)}" for row, runs in panels
    )
    caption = f"{first.arm.replace('_', ' ')}, accuracy {ends}."
    beside = f" The paper prints {table}." if table else ""
    extent = f" Extent: {extents([(row.name, row.extent) for row, _ in panels])}."
    key = f" One line a run ({', '.join(str(len(runs)) for _, runs in panels)})" + (
        "; points: as printed." if table else "."
    )
    return Figure(file, caption + beside + key + extent, f"Training curves. {caption}{beside}{extent}",
                  lambda: _draw_training(panels, printed))  # fmt: skip


def _curves(network: NetworkView) -> list[RunCurve]:
    return [run for run in network.runs if len(run.train) >= _FEWEST_EPOCHS]


def _ends(runs: Sequence[RunCurve]) -> str:
    """Return the last accuracy of each part, over the runs."""
    found = []
    for part, name, *_ in _PARTS:
        if values := [getattr(run, part)[-1] for run in runs if getattr(run, part)]:
            low, high = pct(min(values)), pct(max(values))
            found.append(f"{name} {low} %" if low == high else f"{name} {low} to {high} %")
    return "; ".join(found)


def _printed_range(points: Sequence[tuple[int, float, str]]) -> str:
    (first, low, _), (last, high, _) = points[0], points[-1]
    return f"{pct(low)} % at epoch {first}" + (f", {pct(high)} % at epoch {last}" if last != first else "")


def _draw_training(
    panels: Sequence[tuple[Row, Sequence[RunCurve]]], printed: dict[str, list[tuple[int, float, str]]]
) -> Any:
    with axes(0.9 + 3.0 * len(panels), rows=len(panels)) as (fig, found):
        for i, ((row, runs), ax) in enumerate(zip(panels, np.atleast_1d(found), strict=True)):
            _draw_curves(ax, runs, printed if i == 0 else {})
            ax.set_title(row.name, loc="left", fontsize=9)
        ax.set_xlabel("epoch")
        fig.legend(*np.atleast_1d(found)[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return fig


def _draw_curves(ax: Any, runs: Sequence[RunCurve], printed: dict[str, list[tuple[int, float, str]]]) -> None:
    for part, name, colour, dashes, marker in _PARTS:
        for i, run in enumerate(r for r in runs if getattr(r, part)):
            y = [100 * v for v in getattr(run, part)]
            label = f"{name}, ours" if i == 0 else None
            ax.plot(range(1, len(y) + 1), y, color=colour, ls=dashes, lw=1.3, alpha=0.8, label=label)
        if part in printed:
            x, y = [e for e, _, _ in printed[part]], [100 * v for _, v, _ in printed[part]]
            ax.plot(x, y, marker, color=colour, ms=4.5, mfc="white", mew=1.3, label=f"{name}, printed")
    ax.set_ylim(0, 101)
    ax.locator_params(axis="x", integer=True)  # there is no epoch 1.25
    ax.set_ylabel("accuracy in %")
    ax.grid(axis="y", color="#dddddd", lw=0.6)


# -------------------------------------------------------------------------------------------------------------- costs


def costs_figure(file: str, row: Row) -> Figure | None:
    """Return accuracy against parameters and against seconds an epoch, or None for fewer than three networks."""
    networks = [(arm, model, model.network) for arm, model in row.view.models.items() if model.network is not None]
    if len(networks) < _FEWEST_NETWORKS:
        return None
    best = max(networks, key=lambda n: n[1].accuracy.value)
    small = min(networks, key=lambda n: n[2].n_parameters)
    caption = (
        f"{len(networks)} networks, {row.name}: most accurate {model_name(best[0])} ({pct(best[1].accuracy.value)} %, "
        f"{_millions(best[2].n_parameters)} parameters); smallest {model_name(small[0])} "
        f"({pct(small[1].accuracy.value)} %, {_millions(small[2].n_parameters)})."
    )
    timed = [(model, s) for _, model, network in networks if (s := _seconds(network)) is not None]
    key = " Lines: 95 % over groups. Seconds were measured on one machine and differ on others."
    extent = f" Extent: {row.extent}."
    return Figure(file, caption + key + extent, f"Accuracy against size and time. {caption}{extent}",
                  lambda: _draw_costs(networks, timed))  # fmt: skip


def _millions(n: int) -> str:
    return f"{n / 1e6:.1f} million" if n >= 100_000 else f"{n:,}"


def _seconds(network: NetworkView) -> float | None:
    seconds = [s for run in network.runs for s in run.seconds]
    return statistics.median(seconds) if seconds else None


def _draw_costs(
    networks: Sequence[tuple[str, ModelView, NetworkView]], timed: Sequence[tuple[ModelView, float]]
) -> Any:
    rows = 2 if timed else 1
    with axes(2.3 * rows + 0.35 * -(-len(networks) // 2), rows=rows) as (fig, found):
        top = found[0] if rows == 2 else found
        for (arm, model, network), (colour, marker) in zip(networks, _styles(), strict=False):
            _with_bar(top, network.n_parameters, model, colour, marker, model_name(arm))
        top.set_xlabel("parameters")
        if timed:
            for (model, seconds), (colour, marker) in zip(timed, _styles(), strict=False):
                _with_bar(found[1], seconds, model, colour, marker, None)
            found[1].set_xlabel("seconds an epoch (measured)")
        for ax in found if rows == 2 else [found]:
            ax.set_xscale("log")
            ax.set_ylim(0, 101)
            ax.set_ylabel("accuracy in %")
            ax.grid(axis="y", color="#dddddd", lw=0.6)
        fig.legend(loc="outside upper left", ncols=2, columnspacing=1.0, handletextpad=0.2)
    return fig


def _styles() -> Iterator[tuple[str, str]]:
    """Yield pairs of colour and marker, none twice before all were used."""
    for marker in MARKERS:
        for colour in CYCLE:
            yield colour, marker


def _with_bar(ax: Any, x: float, model: ModelView, colour: str, marker: str, label: str | None) -> None:
    e = model.accuracy
    if e.low == e.low:
        ax.plot([x, x], [100 * e.low, 100 * e.high], color=GREY, lw=0.8, zorder=1)
    ax.plot(x, 100 * e.value, marker, color=colour, ms=6, label=label, zorder=2, ls="")
