"""What crosses the parts of a split: patients, origins, and images that are equal or nearly so. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.tools.tables.columns import spelled_alike

PAIR_FACTS = ("part", "label", "patient")
CROSSING_COLUMNS = (*PAIR_COLUMNS, *(f"{fact}_{side}" for fact in PAIR_FACTS for side in "ab"))
SHARED_COLUMNS = ("what", "name", "parts", "images")
SHARED = ("patient", "origin")
SPELLING = "spelling"
"""Patients whose names differ only in case, blanks, dashes or leading zeros: perhaps one person."""


@dataclass(frozen=True, kw_only=True)
class Crossings:
    """``pairs`` (:data:`CROSSING_COLUMNS`): every equal or near-equal pair; ``crossing``: those of them in two parts.

    ``shared`` (:data:`SHARED_COLUMNS`): patients and origins with images in several parts. ``conflicts``: pairs of
    equal pixels whose labels differ. ``touched``: images of each part that share a patient, an origin or their picture
    with an image of another part.
    """

    pairs: pd.DataFrame
    crossing: pd.DataFrame
    shared: pd.DataFrame
    conflicts: pd.DataFrame
    touched: pd.DataFrame

    @property
    def any(self) -> bool:
        """Whether something crosses."""
        return bool(len(self.crossing) or len(self.shared))


def find_crossings(rows: pd.DataFrame, pairs: pd.DataFrame) -> Crossings:
    """Return what crosses the parts of ``rows`` (``collection.COLUMNS``), given its duplicate pairs
    (``PAIR_COLUMNS``).
    """
    named = with_facts(pairs, rows)
    crossing = named[named["part_a"].ne(named["part_b"])].reset_index(drop=True)
    differ = named["label_a"].ne(named["label_b"]) & named["label_a"].ne("") & named["label_b"].ne("")
    conflicts = named[differ & named["kind"].str.startswith("identical")].reset_index(drop=True)
    shared = pd.concat(
        [*(_shared(rows, what) for what in SHARED), _shared(_spelled(rows), SPELLING)], ignore_index=True
    )
    return Crossings(
        pairs=named, crossing=crossing, shared=shared, conflicts=conflicts, touched=_touched(rows, crossing, shared)
    )


def with_facts(pairs: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return pairs with part, label and patient of both images."""
    facts = rows.set_index("image_id")
    named = pairs.copy()
    for fact in PAIR_FACTS:
        for side in "ab":
            named[f"{fact}_{side}"] = facts[fact].reindex(pairs[f"image_id_{side}"]).to_numpy()
    return named.loc[:, list(CROSSING_COLUMNS)]


def _shared(rows: pd.DataFrame, what: str) -> pd.DataFrame:
    """Return the patients (origins) that have images in several parts, with the number in each."""
    known = rows[rows[what].ne("")]
    counts = known.groupby([what, "part"], sort=True).size().unstack(fill_value=0)
    several = counts[counts.gt(0).sum(axis=1).gt(1)] if len(counts) else counts
    found = [
        (what, str(name), ", ".join(f"{part}: {n}" for part, n in row.items() if n), int(row.sum()))
        for name, row in several.iterrows()
    ]
    return pd.DataFrame(found, columns=list(SHARED_COLUMNS))


def _spelled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of patients that another is spelled like, each under all of its spellings."""
    several = spellings(rows["patient"])
    return rows.assign(**{SPELLING: [several.get(name, "") for name in rows["patient"]]})


def spellings(patients: Iterable[str]) -> dict[str, str]:
    """Return the patients that another is spelled like, each with all of its spellings.

    >>> spellings(["P1", "p01", "P2", ""])
    {'P1': 'P1 = p01', 'p01': 'P1 = p01'}
    """
    names: dict[str, list[str]] = {}
    for name in sorted(set(patients) - {""}):
        names.setdefault(spelled_alike(name), []).append(name)
    return {name: " = ".join(of) for of in names.values() if len(of) > 1 for name in of}


def _touched(rows: pd.DataFrame, crossing: pd.DataFrame, shared: pd.DataFrame) -> pd.DataFrame:
    """Return for each image and reason whether another part shares it: columns image_id, part, patient, origin,
    identical, near.
    """
    table = rows[["image_id", "part", "label"]].copy()
    spelled = _spelled(rows)
    for what in (*SHARED, SPELLING):
        names = set(shared.loc[shared["what"].eq(what), "name"])
        table[what] = spelled[what].isin(names).to_numpy()
    table["patient"] |= table.pop(SPELLING)
    for column, near in (("identical", False), ("near", True)):
        kind = crossing[crossing["kind"].eq("near_identical").eq(near)]
        table[column] = table["image_id"].isin({*kind["image_id_a"], *kind["image_id_b"]}).to_numpy()
    table["any"] = table[[*SHARED, "identical", "near"]].any(axis=1)
    return table
