"""One look for every figure: colours, sizes, axes, and files that have the same bytes for the same data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leukbench.paths import replacing

# Okabe and Ito 2008: told apart with every common colour vision
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY, BLACK = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#767676", "#000000",
)  # fmt: skip
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "^", "D", "v", "P")
WIDTH_IN = 4.8
"""At 390 pixels a screen has 81 pixels an inch: 9 points are then 10 pixels high."""
_DPI = 200
_RC: dict[Any, Any] = {
    "font.size": 9.0,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "leukbench",
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn when it is written: a file name without suffix, and its result in words.

    ``caption`` says what is shown, in which unit, and what came out; ``alt`` what somebody who cannot see it must know.
    """

    file: str
    caption: str
    alt: str
    draw: Callable[[], Any] = field(repr=False, compare=False)


def write_figure(figure: Figure, folder: Path) -> tuple[Path, Path]:
    """Write ``<file>.svg`` and ``<file>.png`` below ``folder`` and return both paths; no date stands in them."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    made = folder / f"{figure.file}.svg", folder / f"{figure.file}.png"
    with mpl.rc_context(_RC):
        drawn = figure.draw()
        for path, metadata in zip(made, ({"Date": None, "Creator": None}, {"Software": None}), strict=True):
            with replacing(path) as temporary:
                drawn.savefig(temporary, dpi=_DPI, metadata=metadata)
        plt.close(drawn)
    return made


@contextmanager
def axes(height_in: float, *, rows: int = 1, heights: list[float] | None = None) -> Iterator[tuple[Any, Any]]:
    """Yield a figure of the common width and its axes, one above the other."""
    from matplotlib import pyplot as plt

    fig, found = plt.subplots(
        rows, 1, figsize=(WIDTH_IN, height_in), layout="constrained", squeeze=False, height_ratios=heights
    )
    yield fig, (found[0, 0] if rows == 1 else found[:, 0])


def percent_axis(ax: Any, label: str) -> None:
    """Give an axis of accuracies its whole range, the same in every figure."""
    ax.set_xlim(0, 100)
    ax.set_xticks(range(0, 101, 20))
    ax.set_xlabel(label)
    ax.grid(axis="x", color="#dddddd", lw=0.6)
    ax.set_axisbelow(True)


def bare_rows(ax: Any, n: int) -> None:
    """Take the vertical axis away where each row carries its own label."""
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.6, n - 0.1)


def row_label(ax: Any, y: float, text: str, right: str = "") -> None:
    """Write a row's label above its line, so that the axis keeps the full width on a telephone."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    ax.text(0, y + 0.24, text, fontsize=8.5, va="bottom", ha="left", bbox=box)
    if right:
        ax.text(100, y + 0.24, right, fontsize=8.5, va="bottom", ha="right", color="#333333", bbox=box)
