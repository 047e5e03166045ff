"""Where a network looks: mean heat of each class, its share in the cell and at the border, and panels of images."""

from __future__ import annotations

import itertools
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


def centre_mask(side: int) -> npt.NDArray[np.bool_]:
    """Return where the centre is: the middle half of each side, a quarter of the image."""
    mask, quarter = np.zeros((side, side), dtype=bool), side // 4
    mask[quarter : side - quarter, quarter : side - quarter] = True
    return mask


def corner_masks(side: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Return where each corner is: a square of a quarter of the side."""
    quarter = side // 4
    ends = {"upper": slice(0, quarter), "lower": slice(side - quarter, side)}
    sides = {"left": slice(0, quarter), "right": slice(side - quarter, side)}
    masks = {}
    for (vertical, rows), (horizontal, columns) in itertools.product(ends.items(), sides.items()):
        mask = np.zeros((side, side), dtype=bool)
        mask[rows, columns] = True
        masks[f"{vertical} {horizontal}"] = mask
    return masks


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
        right = str(int((mine.label == c).sum()))
        rows.append({"called": name, "images": str(len(mine.heat)), "right": right, **share_texts(mine)})
    return rows


def share_texts(looked: Looked) -> dict[str, str]:
    """Return the share of heat in the cell, in the centre, at the border and in the corner that has most, each with
    the share of pixels there: what a network that looks nowhere in particular would have.
    """
    side = looked.heat.shape[1]
    corners = {name: shares(looked, mask[None]) for name, mask in corner_masks(side).items()}
    most = max(corners, key=lambda name: corners[name][0])
    places = {
        "cell": shares(looked, np.stack([cell_mask(image) for image in looked.images])),
        "centre": shares(looked, centre_mask(side)[None]),
        "border": shares(looked, border_mask(side)[None]),
    }
    texts = {
        f"heat {'at' if place == 'border' else 'in'} the {place} %": f"{pct(share)} (its area {pct(area)})"
        for place, (share, area) in places.items()
    }
    share, area = corners[most]
    return texts | {"heat in one corner %": f"{pct(share)}, {most} (its area {pct(area)})"}


def maps_figure(file: str, looked: Looked) -> Figure:
    """Return the mean heat of the images that are called each class, of those that at least ``FEWEST`` are called."""
    rows = looked_rows(looked)
    listed = "; ".join(
        f"{row['called']} ({row['images']} images) {row['heat in the cell %']} in the cell, "
        f"{row['heat in the centre %']} in the centre, {row['heat at the border %']} at the border, at most "
        f"{row['heat in one corner %']} in one corner"
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
