"""Published counts of the public datasets, to hold a paper's counts against."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from leukbench.audit.readings.ledger import Ledger


@functools.cache
def public_counts() -> dict[str, Any]:
    """Return the public facts about sources: pools, classes, subjects."""
    text = Path(__file__).with_name("public_counts.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


def facts_of(ledger: Ledger, study: str) -> tuple[str, dict[str, Any]] | None:
    if study in ledger.paper.studies:
        source = ledger.paper.studies[study].source
        return (source, public_counts()[source]) if source in public_counts() else None
    sources = {s.source for s in ledger.paper.studies.values()}
    if len(sources) == 1:
        (source,) = sources
        return (source, public_counts()[source]) if source in public_counts() else None
    return None


def public_quantities(facts: dict[str, Any], metric: str, class_: str) -> dict[int, str]:
    """Return the publicly known numbers of images (or subjects) of a class ("" for all) -> what they count."""
    field = "total" if metric == "n_images" else "subjects"
    if class_:
        field = class_ if metric == "n_images" else f"subjects_{class_}"
    found: dict[int, str] = {}
    pools: dict[str, dict[str, Any]] = facts["pools"]
    for name, members in ({n: [n] for n in pools} | facts.get("unions", {})).items():
        if all(field in pools[n] for n in members):
            found.setdefault(sum(pools[n][field] for n in members), name)
    if not class_ and metric == "n_images" and "images" in facts:
        found[facts["images"]] = "the whole release"
    if not class_ and metric == "n_subjects" and "subjects" in facts:
        found[facts["subjects"]] = "the whole release"
    for name, fold in facts.get("folds", {}).items():
        if metric == "n_images" and field in fold:
            found.setdefault(fold[field], f"official fold {name}")
    for name, derived in facts.get("derived", {}).items():
        if metric == "n_images" and field in derived:
            found.setdefault(derived[field], name)
    if not class_ and metric == "n_images":
        found |= {int(n): words for n, words in facts.get("stated_elsewhere", {}).items()}
    return found


def labelled_quantities(facts: dict[str, Any], metric: str, class_: str) -> dict[int, str]:
    """Return the public numbers of images (or subjects) of pools with labels, and of all of them together.

    >>> labelled_quantities(public_counts()["cnmc_2019"], "n_subjects", "")
    {73: 'training', 28: 'preliminary test', 101: 'all pools with labels'}
    """
    whole, prefix = ("total", "") if metric == "n_images" else ("subjects", "subjects_")
    field = prefix + class_ if class_ else whole
    pools = {p: facts["pools"][p][field] for p in facts.get("labelled", ()) if field in facts["pools"][p]}
    return {n: p for p, n in pools.items()} | ({sum(pools.values()): "all pools with labels"} if pools else {})


def public_class(facts: dict[str, Any], class_: str) -> str | None:
    names = {v.lower(): v for v in facts["classes"].values()} | {"basophil": "basophil"}
    return names.get(class_.lower())
