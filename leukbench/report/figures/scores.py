"""What the scores of a network are worth: ROC curves with bands, and reliability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from leukbench.evaluation.operating import Bin
from leukbench.evaluation.views import ROC_STEPS, NetworkView
from leukbench.report.figures.accuracy import Row
from leukbench.report.figures.style import BLUE, CYCLE, GREY, VERMILION, Figure, axes
from leukbench.report.figures.words import pct, too_few, with_limits
from leukbench.report.format import FEWEST_GROUPS, extents

FEWEST_IMAGES = 20
"""Images a bin must hold, in ``FEWEST_GROUPS`` groups, to be drawn."""
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), "-.", (0, (8, 2, 1, 2)))

Pair = tuple[Row, NetworkView]


def roc_figure(file: str, pairs: Sequence[Pair]) -> Figure | None:
    """Return the mean ROC curve of a network under each split with its band, or None where no split has one."""
    shown = [(row, network) for row, network in pairs if network.roc.sensitivity]
    if not shown:
        return None
    listed = "; ".join(f"{row.name} {_auc(network, row)}" for row, network in shown)
    left = "; ".join(f"{row.name}: {_why(network)}" for row, network in pairs if not network.roc.sensitivity)
    several = len(shown[0][0].view.classes) > 2
    caption = f"AUC of {shown[0][0].arm.replace('_', ' ')}{', mean over classes' if several else ''}: {listed}."
    missing = f" Not drawn: {left}." if left else ""
    key = " Curves: mean over folds and seeds; bands: pointwise 95 %, groups resampled as wholes"
    key += ", which hold nothing of what trainings differ by" if any(_trained_again(net) for _, net in shown) else ""
    bare = "; no band where the AUC has no interval." if any(not _banded(net) for _, net in shown) else "."
    told = f"{caption}{missing}", _extent(shown)
    return Figure(file, f"{told[0]}{key}{bare}{told[1]}", f"ROC curves. {''.join(told)}", lambda: _draw_roc(shown))


def _trained_again(network: NetworkView) -> bool:
    return network.auc is not None and network.auc.n_seeds > 1


def _banded(network: NetworkView) -> bool:
    """Say whether a curve has a band: not where the AUC below it has no interval, or one too wide to help."""
    return network.auc is None or not too_few(network.auc)


def _extent(pairs: Sequence[Pair]) -> str:
    return f" Extent: {extents([(row.name, row.extent) for row, _ in pairs])}."


def _why(network: NetworkView) -> str:
    return network.roc.note.replace(" 1 groups hold", " 1 group holds")


def _auc(network: NetworkView, row: Row) -> str:
    e = network.auc
    return "undefined" if e is None or math.isnan(e.value) else with_limits(e, row.view)


def _draw_roc(shown: Sequence[Pair]) -> Any:
    grid = 100 * np.linspace(0, 1, ROC_STEPS)
    with axes(4.5 + 0.18 * len(shown)) as (fig, ax):
        ax.plot([0, 100], [0, 100], color=GREY, lw=0.8, ls=":")
        for i, (row, network) in enumerate(shown):
            roc, colour = network.roc, CYCLE[i % len(CYCLE)]
            if _banded(network):
                ax.fill_between(grid, 100 * np.array(roc.low), 100 * np.array(roc.high), color=colour, alpha=0.14, lw=0)
            dashes = _DASHES[i % len(_DASHES)]
            auc = "–" if network.auc is None else f"{network.auc.value:.2f}"
            label = f"{row.name}: AUC {auc}, {roc.n_groups} groups"
            ax.plot(grid, 100 * np.array(roc.sensitivity), color=colour, ls=dashes, lw=1.8, label=label)
        ax.set_xlim(0, 100)
        ax.set_ylim(0, 101)
        ax.set_xlabel("false positive rate in %")
        ax.set_ylabel("sensitivity in %")
        fig.legend(loc="outside upper left", ncols=1)
    return fig


def reliability_figure(file: str, row: Row, network: NetworkView) -> Figure | None:
    """Return how often the top score is right before and after temperature scaling, or None where no bin of both
    holds ``FEWEST_IMAGES`` images in ``FEWEST_GROUPS`` groups.
    """
    made = network.calibration
    if made is None:
        return None
    series = [(name, _enough(bins)) for name, bins in (("as they are", made.bins_before), ("scaled", made.bins_after))]
    if not any(len(bins) > 1 for _, bins in series):
        return None
    listed = "; ".join(
        f"{name}: {_worst(bins)}, {_dropped(bins, all_)}"
        for (name, bins), all_ in zip(series, (made.bins_before, made.bins_after), strict=True)
        if bins
    )
    caption = f"Scores of {row.arm.replace('_', ' ')}, {row.name}. {listed}."
    key = f" Bars: 95 % over groups; bins of fewer than {FEWEST_IMAGES} images or {FEWEST_GROUPS} groups are left out."
    extent = f" Extent: {row.extent}."
    return Figure(file, caption + key + extent, f"Reliability. {caption}{extent}", lambda: _draw_reliability(series))


def _enough(bins: Sequence[Bin]) -> list[Bin]:
    return [b for b in bins if b.n_images >= FEWEST_IMAGES and b.n_groups >= FEWEST_GROUPS]


def _worst(bins: Sequence[Bin]) -> str:
    worst = max(bins, key=lambda b: abs(b.accuracy - b.confidence))
    return f"furthest off where the mean score is {pct(worst.confidence, 0)} % and {pct(worst.accuracy, 0)} % are right"


def _dropped(bins: Sequence[Bin], every: Sequence[Bin]) -> str:
    return f"{len(bins)} of {len(every)} bins hold enough"


def _draw_reliability(series: Sequence[tuple[str, Sequence[Bin]]]) -> Any:
    with axes(4.6) as (fig, ax):
        ax.plot([0, 100], [0, 100], color=GREY, lw=0.8, ls=":")
        for (name, bins), colour, marker, shift in zip(series, (VERMILION, BLUE), ("o", "s"), (-0.5, 0.5), strict=True):
            if not bins:
                continue
            x = [100 * b.confidence + shift for b in bins]
            for at, b in zip(x, bins, strict=True):
                if not math.isnan(b.accuracy_low):
                    ax.plot([at, at], [100 * b.accuracy_low, 100 * b.accuracy_high], color=colour, lw=1.4)
            ax.plot(x, [100 * b.accuracy for b in bins], marker, color=colour, ms=6, label=name)
        ax.set_xlim(0, 102)
        ax.set_ylim(0, 102)
        ax.set_xlabel("mean score of the class called, in %")
        ax.set_ylabel("right, in %")
        fig.legend(loc="outside upper left", ncols=2)
    return fig
