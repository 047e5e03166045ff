"""Alignment of two photographs: do they show the same thing, and by which affine map?

*Features*: SIFT (Lowe 2004), square roots of their shares (Arandjelović & Zisserman 2012). *Retrieval*: words that are
a random sample of the candidates' own descriptors, weighted by rarity (Sivic & Zisserman 2003). *Geometry*: mutual
nearest neighbours that pass the ratio test, an affine map by RANSAC. *Pixels*: the one image warped onto the other,
their correlation where both are. A mirror image has the same features with their rows turned,
so it needs no second look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

N_FEATURES = 300
N_WORDS = 2048
_CONTRAST = 0.01  # stained cells are smooth: at OpenCV's 0.04 an image of 320 px has 80 features, at 0.01 there are 290
_RATIO = 0.8  # Lowe's: the nearest descriptor must be so much nearer than the next
_REPROJECTION_PX = 3.0
_STRETCH = (0.7, 1.4)  # singular values of a map that is believed
_FILL_GREY = 12  # darker is the constant fill beside a turned image, not a cell
_MIRROR = np.array([((3 - r) * 4 + c) * 8 + (8 - o) % 8 for r in range(4) for c in range(4) for o in range(8)])

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class View:
    """An image to align: grey at working size, where it shows something, its feature points (x, y) and descriptors."""

    grey: Grey  # (height, width)
    shown: Mask  # (height, width); False on constant fill and on what is burnt in
    points: Floats  # (n, 2)
    descriptors: Floats  # (n, 128), unit length
    mirrored: Floats  # (n, 128): the descriptors that the mirror image has


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How one image lies on another."""

    matrix: npt.NDArray[np.float64]  # (2, 3): pixels of the candidate to pixels of the image
    n_inliers: int  # features that agree with the map
    agreement: float  # correlation of the greys where both show something, -1 to 1
    covered: float  # share of what the image shows that the candidate covers
    common: float  # share of what the candidate shows that lies in the image

    @property
    def confidence(self) -> float:
        """Agreement times covered share: 1 where the candidate explains all of the image."""
        return max(0.0, self.agreement * self.covered)


def view_of(rgb: npt.NDArray[np.uint8], *, longest_px: int, burnt_in: Mask | None = None) -> View:
    """Return the view of an RGB image ``(height, width, 3)``, reduced so that its longer side has ``longest_px``.

    ``burnt_in`` ``(height, width)`` marks what is no part of the photograph, e.g. a scale bar.
    """
    import cv2

    height, width = rgb.shape[:2]
    scale = longest_px / max(height, width)
    size = (round(width * scale), round(height * scale))
    grey = np.asarray(cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA), np.uint8)
    shown = grey > _FILL_GREY
    if burnt_in is not None:
        shown &= cv2.resize(burnt_in.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) == 0
    shown = cv2.erode(shown.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    opencv: Any = cv2  # its stubs lack SIFT
    sift = opencv.SIFT_create(nfeatures=N_FEATURES, contrastThreshold=_CONTRAST)
    keypoints, found = sift.detectAndCompute(grey, shown.astype(np.uint8))
    raw = np.zeros((0, 128), np.float32) if found is None else found
    descriptors = np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
    points = np.array([k.pt for k in keypoints], np.float32).reshape(-1, 2)
    return View(grey=grey, shown=shown, points=points, descriptors=descriptors, mirrored=descriptors[:, _MIRROR])


def read_view(file: Path, *, longest_px: int, burnt_in: tuple[float, float, float, float] | None = None) -> View:
    """Return the view of an image file; ``burnt_in`` is a box (left, top, right, bottom) as shares of the sides.

    Raises
    ------
    DataError
        For a missing or truncated file.
    """
    from leukbench.sources.hashing import read_rgb

    rgb = read_rgb(file)
    mask = None
    if burnt_in is not None:
        height, width = rgb.shape[:2]
        left, top, right, bottom = burnt_in
        mask = np.zeros((height, width), dtype=bool)
        mask[int(top * height) : round(bottom * height), int(left * width) : round(right * width)] = True
    return view_of(rgb, longest_px=longest_px, burnt_in=mask)


class Catalogue:
    """Candidates, searchable by what words their features are; ``rng`` draws the words from their descriptors."""

    def __init__(self, views: Sequence[View], *, rng: np.random.Generator) -> None:
        self.views = tuple(views)
        known = np.concatenate([v.descriptors for v in views]) if views else np.zeros((0, 128), np.float32)
        self._words = known[rng.permutation(len(known))[:N_WORDS]]
        nothing = np.zeros((0, len(self._words)), np.float32)
        counts = np.stack([self._counts(v.descriptors) for v in views]) if views else nothing
        self._rarity = np.log(max(2, len(views)) / np.maximum(1, (counts > 0).sum(axis=0))).astype(np.float32)
        self._weights = self._unit(counts)

    def similarities(self, view: View, *, mirrored: bool = False) -> Floats:
        """Return the cosine ``(n_candidates,)`` between the words of a view, or of its mirror image,
        and the candidates'."""
        descriptors = view.mirrored if mirrored else view.descriptors
        return np.asarray(self._weights @ self._unit(self._counts(descriptors)[None])[0], dtype=np.float32)

    def _counts(self, descriptors: Floats) -> Floats:
        if not len(descriptors) or not len(self._words):
            return np.zeros(len(self._words), np.float32)
        nearest = (descriptors @ self._words.T).argmax(axis=1)
        return np.sqrt(np.bincount(nearest, minlength=len(self._words))).astype(np.float32)

    def _unit(self, counts: Floats) -> Floats:
        weighted = counts * self._rarity
        return np.asarray(weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-9), np.float32)


def align(image: View, candidate: View, *, mirrored: bool = False) -> Alignment | None:
    """Return how a candidate, or its mirror image, lies on an image;
    None where no map is found or it distorts too much."""
    import cv2

    here, there = _matches(image.mirrored if mirrored else image.descriptors, candidate.descriptors)
    if len(here) < 4:
        return None
    matrix: Any
    matrix, inliers = cv2.estimateAffine2D(
        candidate.points[there], image.points[here], method=cv2.RANSAC,
        ransacReprojThreshold=_REPROJECTION_PX, maxIters=500, confidence=0.99,
    )  # fmt: skip
    if matrix is None:
        return None
    stretch = np.linalg.svd(matrix[:, :2], compute_uv=False)
    if stretch[1] < _STRETCH[0] or stretch[0] > _STRETCH[1]:
        return None
    agreement, covered, common = _compare(image, candidate, matrix)
    return Alignment(
        matrix=matrix, n_inliers=int(inliers.sum()), agreement=agreement, covered=covered, common=common
    )  # fmt: skip


def _matches(a: Floats, b: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the places in a and b of descriptors that are each other's nearest and clearly nearer than the next."""
    if len(a) < 2 or len(b) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cosine = a @ b.T
    rows = np.arange(len(a))
    nearest = cosine.argmax(axis=1)
    best = cosine[rows, nearest].copy()
    mutual = cosine.argmax(axis=0)[nearest] == rows
    cosine[rows, nearest] = -1.0
    clear = 1 - best < _RATIO**2 * (1 - cosine.max(axis=1))  # squared distance of unit vectors: 2 - 2 cosine
    kept = np.flatnonzero(mutual & clear)
    return kept, nearest[kept]


def _compare(image: View, candidate: View, matrix: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the correlation where both show something, and the shares of either that this is."""
    import cv2

    size: Any = image.grey.shape[::-1]
    warped = cv2.warpAffine(candidate.grey, matrix, size, flags=cv2.INTER_LINEAR)
    both = cv2.warpAffine(candidate.shown.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    both &= image.shown
    n_both = int(both.sum())
    if n_both < 100:
        return 0.0, 0.0, 0.0
    a, b = image.grey[both].astype(np.float32), warped[both].astype(np.float32)
    a, b = a - a.mean(), b - b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    area = abs(float(np.linalg.det(matrix[:, :2]))) * int(candidate.shown.sum())
    return float(a @ b) / length if length else 0.0, n_both / int(image.shown.sum()), min(1.0, n_both / area)
