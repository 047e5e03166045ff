"""The confusion matrix of a network, and what share of each patient's images it calls right."""

from __future__ import annotations

from typing import Any

import numpy as np

from leukbench.evaluation.patients import PatientResult
from leukbench.evaluation.views import NetworkView
from leukbench.report.figures.accuracy import Row
from leukbench.report.figures.style import CYCLE, Figure, axes
from leukbench.report.figures.words import pct, units


def confusion_figure(file: str, row: Row, network: NetworkView) -> Figure:
    """Return the confusion matrix above one point a patient: sensitivity of each class, image by image
    and by patient.
    """
    counts = np.array(network.confusion)
    totals = counts.sum(axis=1)
    recalls = [f"{c} {pct(counts[i, i] / t)} % of {t:,.0f}" for i, (c, t) in enumerate(_classes(row, totals)) if t]
    empty = counts.sum(axis=0) == 0
    one = (
        f" It calls no image {_or([c for c, e in zip(row.view.classes, empty, strict=True) if e])}."
        if empty.any()
        else ""
    )
    caption = (
        f"{row.arm.replace('_', ' ')}, {row.name}, images called right: {'; '.join(recalls)}.{one} "
        f"{_unit(row)}: {_by_patients(network, row)}."
    )
    extent = f" Extent: {row.extent}."
    key = _key(row, means=bool((counts % 1).any()))
    return Figure(
        file, caption + key + extent, f"Confusion matrix. {caption}{extent}", lambda: _draw(row, network, counts)
    )


def _key(row: Row, *, means: bool) -> str:
    cells = ", cells the means of several trainings" if means else ""
    points = f"one point a {row.view.unit}, its area by its images"
    return f" Matrix: originals, rows the true class, copies averaged{cells}. Below: {points}."


def _classes(row: Row, totals: np.ndarray[Any, Any]) -> list[tuple[str, float]]:
    return [(c, float(t)) for c, t in zip(row.view.classes, totals, strict=True)]


def _or(names: list[str]) -> str:
    return " or ".join(names)


def _unit(row: Row) -> str:
    return f"By {row.view.unit}"


def _of_class(network: NetworkView, label: str) -> list[PatientResult]:
    return [p for p in network.patients if p.label == label]


def _by_patients(network: NetworkView, row: Row) -> str:
    left = [words for words in network.patients_note.split("; ") if "left out" in words]  # of several classes
    return "; ".join([*filter(None, (_by_patient(c, network, row) for c in row.view.classes)), *left])


def _by_patient(label: str, network: NetworkView, row: Row) -> str:
    found = [p.images_right for p in _of_class(network, label)]
    if not found:
        return ""
    below = sum(share < 0.5 for share in found)
    return (
        f"{label}: mean {pct(float(np.mean(found)))} % of a {row.view.unit}'s images right, "
        f"{below} of {units(row.view, len(found))} below half"
    )


def _draw(row: Row, network: NetworkView, counts: np.ndarray[Any, Any]) -> Any:
    n = len(row.view.classes)
    with axes(3.2 + 0.55 * n + 0.3, rows=2, heights=[2.6, 0.5 * n + 0.5]) as (fig, (top, below)):
        _matrix(top, row.view.classes, counts)
        _strip(below, row, network)
    return fig


def _matrix(ax: Any, classes: tuple[str, ...], counts: np.ndarray[Any, Any]) -> None:
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
    for i in range(len(classes)):
        for j in range(len(classes)):
            colour = "white" if shares[i, j] > 0.7 else "black"
            digits = 1 if counts[i, j] % 1 else 0
            text = f"{counts[i, j]:,.{digits}f}\n{100 * shares[i, j]:.0f} %" if totals[i, 0] else "none tested"
            ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=9)
    names = [c.replace("_", " ") for c in classes]
    ax.set_xticks(range(len(classes)), names, rotation=20 if sum(map(len, names)) > 40 else 0)
    ax.set_yticks(range(len(classes)), names)
    ax.set_xlabel("called")
    ax.set_ylabel("true")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def _strip(ax: Any, row: Row, network: NetworkView) -> None:
    largest = max((p.n_images for p in network.patients), default=1)
    for i, label in enumerate(row.view.classes):
        found = sorted(_of_class(network, label), key=lambda p: (p.images_right, p.patient))
        y = len(row.view.classes) - 1 - i
        offsets = y + 0.16 * np.array([((k % 3) - 1) for k in range(len(found))])
        areas = [14 + 70 * p.n_images / largest for p in found]
        shares = [100 * p.images_right for p in found]
        ax.scatter(shares, offsets, s=areas, color=CYCLE[i % len(CYCLE)], alpha=0.65, lw=0, clip_on=False)
        if found:
            mean = float(np.mean(shares))
            ax.plot([mean, mean], [y - 0.36, y + 0.36], color="black", lw=2)
    ax.set_yticks(range(len(row.view.classes)), [c.replace("_", " ") for c in reversed(row.view.classes)])
    ax.set_ylim(-0.6, len(row.view.classes) - 0.4)
    ax.set_xlim(-2, 102)
    ax.set_xticks(range(0, 101, 20))
    ax.set_xlabel(f"share of a {row.view.unit}'s images called right, in %; bar: mean")
    ax.grid(axis="x", color="#dddddd", lw=0.6)
    ax.set_axisbelow(True)
