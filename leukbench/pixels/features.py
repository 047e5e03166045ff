"""What of an image needs no network: its colours, its borders, the size of what it shows."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from leukbench.records import FloatArray

Image = npt.NDArray[np.uint8]
Feature = Callable[[Image], FloatArray]


def mean_colour(image: Image) -> FloatArray:
    """Return the mean and deviation of each channel, (6,)."""
    mean, deviation = cv2.meanStdDev(image)
    return np.concatenate([mean.ravel(), deviation.ravel()])


def colour_histogram(image: Image) -> FloatArray:
    """Return 16 bins of each channel and 4×4×4 joint bins as shares, (112,)."""
    single = [cv2.calcHist([image], [c], None, [16], [0, 256]).ravel() for c in range(3)]
    joint = cv2.calcHist([image], [0, 1, 2], None, [4, 4, 4], [0, 256] * 3).ravel()
    shares: FloatArray = np.concatenate([*single, joint]).astype(np.float64) / (image.shape[0] * image.shape[1])
    return shares


def border(image: Image) -> FloatArray:
    """Return mean and deviation of the four corners and four edges, an eighth of the side wide, (48,)."""
    h, w = image.shape[:2]
    dy, dx = max(1, h // 8), max(1, w // 8)
    rows, columns = (slice(0, dy), slice(h - dy, h)), (slice(0, dx), slice(w - dx, w))
    parts = [image[r, c] for r in rows for c in columns]
    parts += [image[rows[0], dx:-dx], image[rows[1], dx:-dx], image[dy:-dy, columns[0]], image[dy:-dy, columns[1]]]
    return np.concatenate([mean_colour(np.ascontiguousarray(part)) for part in parts])


def foreground_size(image: Image) -> FloatArray:
    """Return the share of pixels that are not black and the share on the dark side of Otsu's threshold, (2,)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    lit = grey > 8
    dark = (grey <= threshold) & lit
    return np.array([lit.mean(), dark.mean()])


def small_pixels(image: Image) -> FloatArray:
    """Return the image shrunk to 8 × 8 pixels, (192,)."""
    return np.asarray(cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA), dtype=np.float64).ravel()
