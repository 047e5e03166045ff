"""Origins: which original an augmented image was made from, with a confidence, or unknown.

The nearest originals by their features are laid on the image, mirrored or not (:mod:`leukbench.cohort.alignment`). An
origin is one that agrees in many features, explains nearly all pixels of the image, and does so better than any other:
another photograph of the same field explains only a part, or explains it worse. ``cohort/README.md`` has the measured
accuracy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leukbench.cohort.alignment import Catalogue, View, align

WORKING_PX = 224
N_LOOKED_AT = 5
MIN_INLIERS = 12
MIN_CONFIDENCE = 0.93
MIN_LEAD = 0.003
ORIGIN_COLUMNS = ("image_id", "origin", "confidence", "n_inliers", "second", "second_confidence")
"""``origin`` "" where unknown; ``confidence`` of the best candidate and ``second`` the next best,
known or not; 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An original that may be the one, and how well it explains the image."""

    name: str
    confidence: float
    n_inliers: int


def rank_originals(view: View, catalogue: Catalogue, names: Sequence[str]) -> list[Candidate]:
    """Return the candidates that can be laid on an image, the best first; ``names`` in the order of the catalogue."""
    similarity = np.stack([catalogue.similarities(view, mirrored=mirrored) for mirrored in (False, True)])
    ranked = []
    for place in np.argsort(-similarity.max(axis=0), kind="stable")[:N_LOOKED_AT]:
        mirrored = bool(similarity[1, place] > similarity[0, place])
        found = align(view, catalogue.views[place], mirrored=mirrored)
        if found is not None:
            ranked.append(Candidate(name=names[place], confidence=found.confidence, n_inliers=found.n_inliers))
    return sorted(ranked, key=lambda c: (-c.confidence, c.name))


def decide(ranked: Sequence[Candidate]) -> str:
    """Return the name of the origin, "" where no candidate is good enough or two are equally good.

    >>> near = Candidate(name="a", confidence=0.99, n_inliers=120)
    >>> far = Candidate(name="b", confidence=0.3, n_inliers=5)
    >>> decide([near, far]), decide([far]), decide([near, Candidate(name="c", confidence=0.99, n_inliers=110)])
    ('a', '', '')
    """
    if not ranked or ranked[0].confidence < MIN_CONFIDENCE or ranked[0].n_inliers < MIN_INLIERS:
        return ""
    if len(ranked) > 1 and ranked[0].confidence - ranked[1].confidence < MIN_LEAD:
        return ""
    return ranked[0].name


def find_origins(images: Iterable[tuple[str, View]], catalogue: Catalogue, names: Sequence[str]) -> pd.DataFrame:
    """Return the origins table (:data:`ORIGIN_COLUMNS`) of (image id, view) pairs, one row an image, in their order."""
    nothing = Candidate(name="", confidence=0.0, n_inliers=0)
    rows = []
    for image_id, view in images:
        ranked = rank_originals(view, catalogue, names)
        first, second = [*ranked, nothing, nothing][:2]
        rows.append((image_id, decide(ranked), round(first.confidence, 4), first.n_inliers, second.name,
                     round(second.confidence, 4)))  # fmt: skip
    table = pd.DataFrame(rows, columns=list(ORIGIN_COLUMNS))
    text = dict.fromkeys(("image_id", "origin", "second"), "str")
    return table.astype({**text, "confidence": "float64", "n_inliers": "int64", "second_confidence": "float64"})
