"""Reliability diagrams: how often the top class is right for each score, before and after temperature scaling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leukbench.report.data import ReportData
from leukbench.report.figures import label_of
from leukbench.report.format import number

_SERIES = (("before", "#D55E00", -0.6), ("after", "#0072B2", 0.6))
"""What is drawn, its colour and its shift along the axis in points, so that intervals do not cover each other."""
_COLUMNS = 4


def panels(data: ReportData, paper: str, study: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (experiment, arm, calibration) of every network of a study that has a temperature: validation images are needed for one."""
    found = [
        (experiment, arm, data.arm(experiment, arm)["calibration"]) for experiment in data.experiments_of(paper, study) for arm in data.experiments[experiment].arms
    ]  # fmt: skip
    return [(experiment, arm, made) for experiment, arm, made in found if made is not None and made["bins_after"]]


def draw_reliability(data: ReportData, paper: str, study: str, file: Path) -> bool:
    """Draw one panel a network: share right against mean score in ten bins, before and after scaling, the diagonal as a dashed line.

    Bars are group-level 95 % intervals of the share right (none where a bin holds one group); areas of points go with the
    images in the bin. Returns whether there was anything to draw. The same data gives the same bytes.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = panels(data, paper, study)
    if not shown:
        return False
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(2.9 * columns + 0.3, 2.9 * rows + 0.3), layout="constrained", squeeze=False, sharey=True
    )  # fmt: skip
    for ax, (experiment, arm, made) in zip(axes.flat, shown, strict=False):
        _draw_panel(ax, made)
        ax.set_title(label_of(data, experiment, arm), fontsize=8)
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    fig.supxlabel("mean score of the top class in %", fontsize=8)
    fig.supylabel("right in %, with 95 % over groups", fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(file, dpi=130, metadata={"Software": None})
    plt.close(fig)
    return True


def _draw_panel(ax: Any, made: dict[str, Any]) -> None:
    ax.plot([0, 100], [0, 100], color="#999999", ls="--", lw=1, zorder=1)
    temperatures = ", ".join(number(t, digits=2) for t in made["temperatures"][:3])
    more = ", …" if len(made["temperatures"]) > 3 else ""
    names = {"before": "as they are", "after": f"T = {temperatures}{more}"}
    for which, colour, shift in _SERIES:
        bins = made[f"bins_{which}"]
        total = sum(b["n_images"] for b in bins)
        for b in bins:
            x = 100 * b["confidence"] + shift
            if b["accuracy_low"] is not None:
                ax.plot([x, x], [100 * b["accuracy_low"], 100 * b["accuracy_high"]], color=colour, lw=1.2, zorder=2)
            ax.scatter(
                x, 100 * b["accuracy"], s=12 + 120 * b["n_images"] / total, color=colour, lw=0, alpha=0.85, zorder=3
            )
        ax.plot([], [], "o", color=colour, ms=4, label=names[which])
    ax.legend(fontsize=6, frameon=False, loc="upper left")
    ax.set_xlim(0, 102)
    ax.set_ylim(-2, 102)
    ax.tick_params(labelsize=7)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
