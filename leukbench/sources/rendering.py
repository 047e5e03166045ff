"""Draw stained cells: pure numpy, everything decided by a look (how the slide was stained) and a shape (the cell)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from leukbench.records import FloatArray

Image = npt.NDArray[np.uint8]
NUISANCES = ("hue", "strength", "plasm", "background", "blur", "texture")
"""The six dimensions in which slides differ: stain hue and strength, plasm tint, background tint, blur, texture."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One cell: areas and places as fractions of the image side."""

    ratio: float  # area of the nucleus / area of the cell, the class signal
    radius: float  # of the cell
    centre: tuple[float, float] = (0.5, 0.5)
    elongation: float = 1.0  # axis ratio of the cell, 1 is round
    angle: float = 0.0  # radian
    offset: tuple[float, float] = (0.0, 0.0)  # of the nucleus, in units of the room it has
    lobes: int = 1  # of the nucleus
    granules: float = 0.0  # strength of granules in the cytoplasm
    outline: tuple[tuple[float, float], ...] = ()  # (amplitude, phase) of the waves 2, 3, … around the edge


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a slide was stained and photographed. Colours are RGB in 0 to 255."""

    nucleus: tuple[float, float, float]
    cytoplasm: tuple[float, float, float]
    background: tuple[float, float, float]
    blur: float  # standard deviation as a fraction of the side
    texture: float  # amplitude, grey levels
    grain: float  # period of the texture as a fraction of the side
    noise: float = 3.0  # standard deviation of the camera's noise, grey levels


def look_of(nuisance: FloatArray, *, black: bool = False) -> Look:
    """Return the look at six coordinates, each in [-1, 1], in the order of :data:`NUISANCES`."""
    hue, strength, plasm, background, blur, texture = (float(v) for v in nuisance)
    nucleus = (
        np.array([110.0, 55.0, 130.0]) + hue * np.array([60.0, 0.0, -60.0]) - strength * np.array([35.0, 40.0, 35.0])
    )
    cytoplasm = (
        np.array([190.0, 165.0, 200.0]) + plasm * np.array([45.0, -5.0, -45.0]) - strength * np.array([20.0] * 3)
    )
    field = np.zeros(3) if black else np.array([215.0, 210.0, 215.0]) + background * np.array([-10.0, 35.0, -35.0])
    if black:  # a cell cut out of its field shows the field's tint only in its plasm
        cytoplasm = cytoplasm + background * np.array([-8.0, 25.0, -8.0])
    return Look(
        nucleus=_rgb(nucleus),
        cytoplasm=_rgb(cytoplasm),
        background=_rgb(field),
        blur=0.020 * (1.1 + blur),
        texture=12.0 + 10.0 * texture,
        grain=0.16 - 0.06 * texture,
    )


def _rgb(values: FloatArray) -> tuple[float, float, float]:
    red, green, blue = np.clip(values, 0.0, 255.0)
    return float(red), float(green), float(blue)


def smooth_noise(generator: np.random.Generator, *, width_px: int, height_px: int, period_px: float) -> FloatArray:
    """Return smooth noise of mean about 0 and standard deviation 1 whose blobs are about ``period_px`` wide."""
    import cv2

    coarse = (max(2, round(height_px / period_px)) + 2, max(2, round(width_px / period_px)) + 2)
    field = generator.standard_normal(coarse).astype(np.float32)
    fine = cv2.resize(field, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    scaled: FloatArray = (fine - fine.mean()) / max(float(fine.std()), 1e-6)
    return scaled


def paint_cell(canvas: FloatArray, shape: Shape, look: Look, *, texture: FloatArray) -> None:
    """Paint one cell into ``canvas`` ``(height, width, 3)``, in place; ``texture`` is ``(height, width)``, sd 1."""
    side = canvas.shape[0]
    reach = shape.radius * float(np.sqrt(shape.elongation)) * (1.0 + sum(abs(a) for a, _ in shape.outline))
    (left, right), (top, bottom) = (
        (max(0, int((c - reach) * side) - 2), min(size, int((c + reach) * side) + 3))
        for c, size in zip(shape.centre, (canvas.shape[1], side), strict=True)
    )
    if left >= right or top >= bottom:
        return
    part, grain = canvas[top:bottom, left:right], texture[top:bottom, left:right, None]
    inside = partial(_disc, range(left, right), range(top, bottom), side, shape=shape)
    cell = inside(centre=shape.centre, radius=shape.radius)
    nucleus = np.zeros_like(cell)
    for centre, radius in _lobes(shape):
        nucleus = np.maximum(nucleus, inside(centre=centre, radius=radius))
    plasm = np.asarray(look.cytoplasm) + shape.granules * 40.0 * grain * np.array([0.6, -1.0, -0.6])
    core = np.asarray(look.nucleus) + look.texture * grain
    part += cell[..., None] * (plasm - part)
    part += (nucleus * cell)[..., None] * (core - part)


def _lobes(shape: Shape) -> list[tuple[tuple[float, float], float]]:
    """Return centre and radius of each lobe of the nucleus; one lobe has exactly the area that ``ratio`` says."""
    inner = shape.radius * float(np.sqrt(shape.ratio))
    room = (shape.radius - inner) * 0.6
    x, y = shape.centre[0] + shape.offset[0] * room, shape.centre[1] + shape.offset[1] * room
    if shape.lobes == 1:
        return [((x, y), inner)]
    turns = shape.angle + 2.0 * np.pi * np.arange(shape.lobes) / shape.lobes
    spread = inner * 0.55
    return [((x + spread * float(np.cos(t)), y + spread * float(np.sin(t))), inner * 0.6) for t in turns]


def _disc(xs: range, ys: range, side: int, *, shape: Shape, centre: tuple[float, float], radius: float) -> FloatArray:
    """Return an ellipse's coverage of the pixels, ``(len(ys), len(xs))`` in [0, 1], with an edge one pixel wide."""
    x = (np.asarray(xs) + 0.5) / side - centre[0]
    y = ((np.asarray(ys) + 0.5) / side - centre[1])[:, None]
    along = (x * np.cos(shape.angle) + y * np.sin(shape.angle)) / np.sqrt(shape.elongation)
    across = (-x * np.sin(shape.angle) + y * np.cos(shape.angle)) * np.sqrt(shape.elongation)
    edge: FloatArray | float = radius
    if shape.outline:
        turn = np.arctan2(across, along)
        edge = radius * (1.0 + sum(a * np.cos(k * turn + phase) for k, (a, phase) in enumerate(shape.outline, start=2)))
    inside: FloatArray = np.clip((edge - np.hypot(along, across)) * side + 0.5, 0.0, 1.0)
    return inside


def photograph(canvas: FloatArray, look: Look, *, noise: FloatArray | None = None) -> Image:
    """Return the canvas as a camera sees it: blurred, with noise ``(height, width, 3)`` of sd 1, as RGB uint8."""
    import cv2

    sigma = look.blur * canvas.shape[0]
    seen = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), sigma) if sigma > 0.15 else canvas
    if noise is not None:
        seen = seen + look.noise * noise
    image: Image = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    return image
