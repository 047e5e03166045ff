"""Where a network looks: mean heat of each class, its share in the cell and at the border, and panels of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from leukbench.records import FloatArray, IntArray
from leukbench.report.figures.style import Figure
from leukbench.report.figures.words import pct

BORDER = 8
"""The border is an eighth of the side wide, as that of the model that sees nothing else."""
FEWEST = 20
"""Images from which a mean map is drawn: of fewer, what one image shows could be made out."""
_PANELS = 3  # images of a class
_BLACK = 8  # grey levels up to which a pixel is background that was cut away
_CUT_AWAY = 0.3  # share of such pixels from which an image is a cell cut out on black; a rotated smear has fewer


@dataclass(frozen=True)
class Looked:
    """What was looked at: ``images`` (n, side, side, 3) uint8, ``heat`` (n, side, side) of sum 1 (or 0: nothing speaks
    for the class), indices of classes by label and as the network calls them.
    """

    title: str
    classes: tuple[str, ...]
    images: npt.NDArray[np.uint8]
    heat: FloatArray
    label: IntArray
    called: IntArray


def cell_mask(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Return where the cell is: what is not black; or in a smear, where red cells lie about, what is stained blue
    rather than red, by Otsu's threshold of saturation.
    """
    lit = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) > _BLACK
    if lit.mean() <= 1 - _CUT_AWAY:
        return np.asarray(lit)
    saturation = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[:, :, 1]
    threshold, _ = cv2.threshold(saturation[lit], 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return np.asarray(lit & (saturation > threshold) & (image[:, :, 2] > image[:, :, 0]))


def border_mask(side: int) -> npt.NDArray[np.bool_]:
    """Return where the border is, ``(side, side)``."""
    mask, width = np.ones((side, side), dtype=bool), max(1, side // BORDER)
    mask[width:-width, width:-width] = False
    return mask


def shares(looked: Looked, mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the share of heat in a mask, the mean over images that have any, and the share of pixels there."""
    total = looked.heat.sum(axis=(1, 2))
    inside = (looked.heat * mask).sum(axis=(1, 2))
    seen = total > 0
    return (float((inside[seen] / total[seen]).mean()) if seen.any() else float("nan")), float(mask.mean())


def of_class(looked: Looked, c: int) -> Looked | None:
    """Return the images that the network calls a class, or None where there are none."""
    of = looked.called == c
    if not of.any():
        return None
    parts = (looked.images[of], looked.heat[of], looked.label[of], looked.called[of])
    return Looked(looked.title, looked.classes, *parts)


def looked_rows(looked: Looked) -> list[dict[str, str]]:
    """Return one row a class that the network calls: how many images, and where its heat lies beside the area there."""
    rows = []
    for c, name in enumerate(looked.classes):
        mine = of_class(looked, c)
        if mine is None:
            continue
        (cell, cell_area), (border, border_area) = (shares(mine, mask) for mask in _masks(mine))
        rows.append(
            {
                "called": name,
                "images": str(len(mine.heat)),
                "right": str(int((mine.label == c).sum())),
                "heat in the cell %": f"{pct(cell)} (its area {pct(cell_area)})",
                "heat at the border %": f"{pct(border)} (its area {pct(border_area)})",
            }
        )
    return rows


def _masks(looked: Looked) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    return np.stack([cell_mask(image) for image in looked.images]), border_mask(looked.heat.shape[1])[None]


def maps_figure(file: str, looked: Looked) -> Figure:
    """Return the mean heat of the images that are called each class, of those that at least ``FEWEST`` are called."""
    rows = looked_rows(looked)
    listed = "; ".join(
        f"{row['called']} ({row['images']} images) {row['heat in the cell %']} in the cell, "
        f"{row['heat at the border %']} at the border"
        for row in rows
    )
    result = f"{looked.title}: share of heat in %, by class called: {listed}."
    key = (
        " Heat: what a place adds to the class called. Dark: most; each map has its own scale, and is the mean of at"
        f" least {FEWEST} images."
    )
    return Figure(file, result + key, f"Mean heat by class. {result}", lambda: _draw_maps(looked))


def _draw_maps(looked: Looked) -> Any:
    from matplotlib import pyplot as plt

    classes = [(name, of_class(looked, c)) for c, name in enumerate(looked.classes)]
    found = [(name, mine) for name, mine in classes if mine is not None and len(mine.heat) >= FEWEST]
    columns = max(1, min(2, len(found)))
    rows = max(1, -(-len(found) // columns))
    fig, axes = plt.subplots(rows, columns, figsize=(4.8, 2.6 * rows), layout="constrained", squeeze=False)
    for ax in axes.flat[len(found) :]:
        ax.remove()
    for ax, (name, mine) in zip(axes.flat, found, strict=False):
        ax.imshow(mine.heat.mean(axis=0), cmap="Blues")
        ax.set_title(f"called {name.replace('_', ' ')}, {len(mine.heat)} images", fontsize=9)
        ax.set_axis_off()
    return fig


def panels_figure(file: str, looked: Looked) -> Figure:
    """Return some images of each class with their heat over them. They are the publisher's: not to be published."""
    return Figure(file, looked.title, looked.title, lambda: _draw_panels(looked))


def _draw_panels(looked: Looked) -> Any:
    from matplotlib import pyplot as plt

    places = [np.flatnonzero(looked.label == c)[:_PANELS] for c in range(len(looked.classes))]
    fig, axes = plt.subplots(
        len(places), 2 * _PANELS, figsize=(9.6, 1.8 * len(places)), layout="constrained", squeeze=False
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for c, rows in enumerate(places):
        for k, i in enumerate(rows):
            axes[c, 2 * k].imshow(looked.images[i])
            axes[c, 2 * k + 1].imshow(looked.images[i])
            axes[c, 2 * k + 1].imshow(looked.heat[i], cmap="inferno", alpha=0.6)
            axes[c, 2 * k].set_title(f"is {looked.classes[c]}", fontsize=8)
            axes[c, 2 * k + 1].set_title(f"called {looked.classes[looked.called[i]]}", fontsize=8)
    return fig
