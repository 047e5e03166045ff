"""The first figure of a study: accuracy under each protocol with its interval, beside what is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leukbench.report.data import ReportData
from leukbench.report.format import percent

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")  # Okabe and Ito
_NAMES = {
    "as_published": "as published",
    "image": "by image",
    "augment_first": "augmented first",
    "patient": "by patient",
    "challenge": "challenge",
}


def draw_study(data: ReportData, paper: str, study: str, file: Path) -> None:
    """Draw accuracy of every arm and of the colour histogram under every protocol of a study, the claim as a dashed line.

    Thick bars are group-level 95 % intervals; the thin grey bar is the image-level one. The file has the same bytes for the
    same data (PNG without metadata).
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    experiments = data.experiments_of(paper, study)
    rows = [
        (experiment, arm)
        for experiment in experiments
        for arm in (*data.experiments[experiment].arms, "trivial:colour_histogram")
    ]
    fig, ax = plt.subplots(figsize=(8.0, 0.9 + 0.42 * len(rows)), layout="constrained")
    arms = list(dict.fromkeys(arm for _, arm in rows))
    for y, (experiment, arm) in enumerate(reversed(rows)):
        e = _accuracy(data, experiment, arm)
        colour = "#999999" if arm.startswith("trivial:") else _COLOURS[arms.index(arm) % (len(_COLOURS) - 1)]
        if e["low_images"] is not None:
            ax.plot(
                [100 * e["low_images"], 100 * e["high_images"]],
                [y, y],
                color="#bbbbbb",
                lw=7,
                solid_capstyle="butt",
                zorder=1,
            )
        if e["low"] is not None:
            ax.plot([100 * e["low"], 100 * e["high"]], [y, y], color=colour, lw=2.2, zorder=2)
        ax.plot(100 * e["value"], y, "o", color=colour, ms=6, zorder=3)
        ax.annotate(
            percent(e["value"]),
            (100 * e["value"], y),
            textcoords="offset points",
            xytext=(0, 6),
            ha="center",
            fontsize=7,
        )
    ax.set_yticks(range(len(rows)), [label_of(data, experiment, arm) for experiment, arm in reversed(rows)], fontsize=8)
    _reference_lines(ax, data, paper, study, experiments)
    ax.set_xlabel("accuracy in %: line = 95 % interval over groups, grey band = over images")
    ax.set_ylim(-0.6, len(rows) - 0.2)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    fig.savefig(file, dpi=130, metadata={"Software": None})
    plt.close(fig)


def _reference_lines(ax: Any, data: ReportData, paper: str, study: str, experiments: list[str]) -> None:
    headline = data.papers[paper].claim(data.papers[paper].studies[study].headline)
    if headline.metric == "accuracy" and headline.fraction is not None:
        ax.axvline(100 * headline.fraction, color="black", ls="--", lw=1)
        ax.annotate(
            f"printed {headline.value}",
            (100 * headline.fraction, 1),
            xycoords=("data", "axes fraction"),
            ha="right",
            va="bottom",
            fontsize=7,
            rotation=0,
        )
    majority = data.arm(experiments[-1], data.experiments[experiments[-1]].arms[0])["majority_accuracy"]
    ax.axvline(100 * majority, color="#999999", ls=":", lw=1)
    ax.annotate(
        "majority class",
        (100 * majority, 0),
        xycoords=("data", "axes fraction"),
        xytext=(2, 2),
        textcoords="offset points",
        fontsize=7,
        color="#666666",
    )


def _accuracy(data: ReportData, experiment: str, arm: str) -> dict[str, Any]:
    for e in data.arm(experiment, arm)["recipe"]["estimates"]:
        if e["metric"] == "accuracy" and e["aggregation"] == "pooled":
            found: dict[str, Any] = e
            return found
    raise KeyError((experiment, arm))


def label_of(data: ReportData, experiment: str, arm: str) -> str:
    """Return what a figure calls an arm under a protocol; the reading of a published split stands on a line of its own."""
    spec = data.experiments[experiment]
    protocol = _NAMES[spec.protocol]
    if spec.protocol == "patient" and data.splits[experiment]["certificate"]["evidence"] == "absent":
        protocol = "by group"
    reading = data.splits[experiment]["reading"]["name"].replace("_", " ") if spec.protocol == "as_published" else ""
    return f"{arm.removeprefix('trivial:').replace('_', ' ')}, {protocol}" + (f"\n({reading})" if reading else "")
