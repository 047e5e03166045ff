"""Fields: different photographs that show one place of one smear, found by laying them on each other.

Each photograph is held against all others, or in a large set those with the most features in common. A pair shows one
field where an undistorted map (no turn, no zoom beyond a tenth) is agreed on by :data:`MIN_INLIERS` features and the
pixels of the overlap agree. Burnt-in scale bars are masked: every photograph has the same.
``cohort/README.md`` has the measured precision.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from leukbench.cohort.alignment import Alignment, Catalogue, align
from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.sources.base import has_facts, read_facts

N_NEIGHBOURS = 40
COMPARE_ALL = 500  # up to so many photographs every pair is compared
MIN_INLIERS = 10
MIN_AGREEMENT = 0.75
_TURN_OR_ZOOM = 0.1  # largest entry by which the linear part of a map may differ from the identity
KIND = "same_field"
FIELD_COLUMNS = ("image_id_a", "image_id_b", "n_inliers", "agreement", "overlap")
"""``agreement``: correlation of the greys in the overlap; ``overlap``:
share of the first image that the second shows too."""


def shows_one_field(found: Alignment) -> bool:
    """Return whether an alignment of two photographs is good enough to say that they show one field."""
    undistorted = bool(np.abs(found.matrix[:, :2] - np.eye(2)).max() <= _TURN_OR_ZOOM)
    return undistorted and found.n_inliers >= MIN_INLIERS and found.agreement >= MIN_AGREEMENT


def find_fields(names: Sequence[str], catalogue: Catalogue) -> pd.DataFrame:
    """Return the fields table (:data:`FIELD_COLUMNS`): the pairs of photographs that show one field.

    ``names`` are sorted and in the order of the catalogue. Above :data:`COMPARE_ALL` photographs, each is compared with
    the :data:`N_NEIGHBOURS` most like it only.
    """
    n_neighbours = len(names) if len(names) <= COMPARE_ALL else N_NEIGHBOURS
    rows = []
    for a, b in sorted(_neighbours(catalogue, n_neighbours)):
        found = align(catalogue.views[a], catalogue.views[b])
        if found is not None and shows_one_field(found):
            row = (names[a], names[b], found.n_inliers, round(found.agreement, 4), round(found.covered, 3))
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(FIELD_COLUMNS))
    numbers = {"n_inliers": "int64", "agreement": "float64", "overlap": "float64"}
    return table.astype({"image_id_a": "str", "image_id_b": "str", **numbers})


def _neighbours(catalogue: Catalogue, n: int) -> set[tuple[int, int]]:
    """Return the places of every photograph and the ``n`` most like it, each pair once."""
    found = set()
    for place, view in enumerate(catalogue.views):
        similarity = catalogue.similarities(view)
        similarity[place] = -1.0
        for other in np.argsort(-similarity, kind="stable")[:n].tolist():
            if other != place:
                found.add((min(place, other), max(place, other)))
    return found


def shipped_fields(source: str) -> pd.DataFrame:
    """Return the fields table that ships with the package for a source; empty where there is none."""
    facts = read_facts(f"{source}_fields") if has_facts(f"{source}_fields") else ()
    table = pd.DataFrame(list(facts), columns=list(FIELD_COLUMNS))
    numbers = {"n_inliers": "int64", "agreement": "float64", "overlap": "float64"}
    return table.astype({"image_id_a": "str", "image_id_b": "str", **numbers})


def field_pairs(fields: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Return a fields table as pairs table (``duplicates.PAIR_COLUMNS``) of the images that the manifest has.

    ``kind`` is ``same_field``, ``distance`` 1 − agreement; ``hamming`` means nothing here and is 0.
    """
    here = set(manifest["image_id"])
    known = fields[fields["image_id_a"].isin(here) & fields["image_id_b"].isin(here)]
    distance = (1 - known["agreement"]).round(4)
    return known.assign(kind=KIND, hamming=0, distance=distance).loc[:, list(PAIR_COLUMNS)].reset_index(drop=True)


def with_fields(pairs: pd.DataFrame, fields: pd.DataFrame) -> pd.DataFrame:
    """Return duplicate pairs and, after sorting, those of one field (:func:`field_pairs`) that
    are no duplicates already."""
    known = set(zip(pairs["image_id_a"], pairs["image_id_b"], strict=True))
    new = [pair not in known for pair in zip(fields["image_id_a"], fields["image_id_b"], strict=True)]
    if not any(new):
        return pairs
    both = pd.concat([pairs, fields[new]], ignore_index=True)
    return both.sort_values(["image_id_a", "image_id_b", "kind"], ignore_index=True)
