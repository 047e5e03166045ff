"""Groups: what must stay together, as connected components, with the reason for every one.

Joined are images of one patient, of one origin, with identical pixels, near-identical ones, and photographs of one
field. Near-identity is not transitive: a long row of images, each close to the next, would melt a smear into one group.
So near-identical pairs may form a cluster of up to :data:`CHAIN` images freely; a larger one must have a centre that
every member matches directly. Photographs that overlap in a row do show one smear, so their cap is only against a wrong
pair: :data:`FIELD_CHAIN`. Pairs that would break this are refused and reported (:func:`accept_near_pairs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from leukbench.cohort.components import components
from leukbench.cohort.duplicates import identical_pairs
from leukbench.cohort.manifest import origin_of
from leukbench.errors import DataError
from leukbench.records import GROUP_COLUMNS, IntArray

CHAIN = 4
FIELD_CHAIN = 16
_CHAINS = {"near_identical": CHAIN, "same_field": FIELD_CHAIN}
_REASONS = ("patient", "origin", "identical_pixels", *_CHAINS)
_EVIDENCE = ("absent", "inferred", "verified")
MERGE_COLUMNS = ("group", "patient_a", "patient_b", "reason", "n_pairs", "example_a", "example_b")


def make_groups(manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the groups table (``records.GROUP_COLUMNS``), one row an image, in the manifest's order.

    ``pairs`` is the table of :mod:`leukbench.cohort.duplicates`; equal hashes in the manifest join even where it is
    empty. A group is named after its smallest patient id (smallest image id where it has none). ``reason`` says what
    joins this image to others; ``evidence`` is the weakest in the group: of its patient ids (absent where one has
    none), at most inferred where near-identical images or a common field joined it.

    Raises
    ------
    DataError
        Where a pair names an unknown image.
    """
    edges = _edges(manifest, pairs)
    component = _components(manifest["image_id"].tolist(), [(a, b) for a, b, _ in edges])
    reasons = _image_reasons(manifest, edges)
    table = pd.DataFrame(
        {
            "image_id": manifest["image_id"].to_numpy(),
            "component": component,
            "patient": manifest["patient"].to_numpy(),
            "reason": reasons,
            "rank": manifest["evidence"].map({e: i for i, e in enumerate(_EVIDENCE)}).to_numpy(),
        }
    )
    table.loc[table["patient"].eq(""), "rank"] = 0
    table.loc[table["reason"].str.contains("|".join(_CHAINS)), "rank"] = table["rank"].clip(upper=1)
    weakest = table.groupby("component")["rank"].transform("min")
    table["evidence"] = [_EVIDENCE[int(rank)] for rank in weakest]
    table["group"] = _names(table)
    return table.loc[:, list(GROUP_COLUMNS)]


def accept_near_pairs(pairs: pd.DataFrame, *, kind: str = "near_identical") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pairs of a kind (near_identical, same_field) that join, and those refused as they would make a chain.

    Pairs are taken from the closest on; identical images count as one. Two clusters join if together they have at most
    :data:`CHAIN` (of a field: :data:`FIELD_CHAIN`) members, or a member that is directly paired with all others.

    Parameters
    ----------
    pairs
        Of two images each, with kind and distance.
    kind
        Which of them are looked at.

    Returns
    -------
    Two tables with the columns of ``pairs``: those that join, those refused.
    """
    same = _twins(pairs)
    near = pairs[pairs["kind"].eq(kind)].sort_values(["distance", "image_id_a", "image_id_b"])
    ends = [(same.get(a, a), same.get(b, b)) for a, b in zip(near["image_id_a"], near["image_id_b"], strict=True)]
    direct: dict[str, set[str]] = {}
    for a, b in ends:
        direct.setdefault(a, {a}).add(b)
        direct.setdefault(b, {b}).add(a)
    cluster = {image: {image} for image in direct}
    kept = []
    for a, b in ends:
        both = cluster[a] | cluster[b]
        allowed = (
            cluster[a] is cluster[b] or len(both) <= _CHAINS[kind] or any(both <= direct[centre] for centre in both)
        )
        kept.append(allowed)
        if allowed and cluster[a] is not cluster[b]:
            for image in both:
                cluster[image] = both
    mask = np.array(kept, dtype=bool)
    return near[mask].reset_index(drop=True), near[~mask].reset_index(drop=True)


def merges(groups: pd.DataFrame, manifest: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each two patients that pairs or origins join directly, with reason, pair count and an example.

    Columns :data:`MERGE_COLUMNS`. Empty where no group holds more than one patient.
    """
    patient = manifest.set_index("image_id")["patient"]
    group = groups.set_index("image_id")["group"]
    rows = []
    for a, b, reason in _edges(manifest, pairs):
        one, two = sorted((patient[a], patient[b]))
        if reason != "patient" and one and one != two:
            first, second = (a, b) if patient[a] == one else (b, a)
            rows.append((group[a], one, two, reason, first, second))
    table = pd.DataFrame(
        rows, columns=["group", "patient_a", "patient_b", "reason", "example_a", "example_b"], dtype=str
    )
    keys = ["group", "patient_a", "patient_b", "reason"]
    counted = table.groupby(keys, sort=True).agg(
        n_pairs=("example_a", "size"), example_a=("example_a", "first"), example_b=("example_b", "first")
    )
    return counted.reset_index().loc[:, list(MERGE_COLUMNS)]


def _twins(pairs: pd.DataFrame) -> dict[str, str]:
    """Return for each image with identical ones the smallest id of its set."""
    same = list(_ids(pairs[~pairs["kind"].isin(list(_CHAINS))]))
    images = sorted({image for pair in same for image in pair})
    numbers = _components(images, same)
    smallest: dict[int, str] = {}
    for image, number in zip(images, numbers.tolist(), strict=True):
        smallest.setdefault(number, image)
    return {image: smallest[number] for image, number in zip(images, numbers.tolist(), strict=True)}


def _ids(pairs: pd.DataFrame) -> Iterator[tuple[str, str]]:
    yield from zip(pairs["image_id_a"].astype(str), pairs["image_id_b"].astype(str), strict=True)


def _edges(manifest: pd.DataFrame, pairs: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return (image, image, reason): every image with the first of its patient and of its origin, and the pairs."""
    unknown = (set(pairs["image_id_a"]) | set(pairs["image_id_b"])) - set(manifest["image_id"])
    if unknown:
        raise DataError(
            "a duplicate pair names an image that is not in the manifest", where="pairs table", found=min(unknown),
            do="search duplicates again in this manifest",
        )  # fmt: skip
    edges: list[tuple[str, str, str]] = []
    for reason, key in (("patient", manifest["patient"]), ("origin", origin_of(manifest))):
        first: dict[str, str] = {}
        for image, value in sorted(zip(manifest["image_id"], key, strict=True)):
            if value and first.setdefault(value, image) != image:
                edges.append((first[value], image, reason))
    alike = pairs["kind"].isin(list(_CHAINS))
    exact = pd.concat([identical_pairs(manifest), pairs[~alike]], ignore_index=True)
    exact = exact.drop_duplicates(["image_id_a", "image_id_b"])
    edges += [(a, b, "identical_pixels") for a, b in _ids(exact)]
    both = pd.concat([exact, pairs[alike]], ignore_index=True)
    for kind in _CHAINS:
        edges += [(a, b, kind) for a, b in _ids(accept_near_pairs(both, kind=kind)[0])]
    return edges


def _components(images: Sequence[str], pairs: Sequence[tuple[str, str]]) -> IntArray:
    """Return the number of each image's connected component, ``(n_images,)``."""
    place = {image: i for i, image in enumerate(images)}
    ends = np.array([(place[a], place[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)
    return components(len(place), ends[:, 0], ends[:, 1])


def _image_reasons(manifest: pd.DataFrame, edges: list[tuple[str, str, str]]) -> list[str]:
    """Return what joins each image to others, in the order of ``_REASONS``, or ``alone``."""
    found: dict[str, set[str]] = {}
    for a, b, reason in edges:
        found.setdefault(a, set()).add(reason)
        found.setdefault(b, set()).add(reason)
    return ["+".join(r for r in _REASONS if r in found[i]) if i in found else "alone" for i in manifest["image_id"]]


def _names(table: pd.DataFrame) -> pd.Series:
    """Return the name of each row's group; an image id that is also somebody's patient id gets ``image:`` before it."""
    patients = table["patient"].where(table["patient"].ne(""))
    by_patient = patients.groupby(table["component"]).transform("min")
    by_image = table.groupby("component")["image_id"].transform("min")
    clash = by_image.isin(set(table["patient"]))
    return by_patient.where(by_patient.notna(), by_image.where(~clash, "image:" + by_image))
