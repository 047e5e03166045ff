"""A study without its claims: all that training needs of a paper, as plain data, so that editing a claim never
retrains."""

from __future__ import annotations

import dataclasses
from typing import Any

from leukbench.errors import unknown_name
from leukbench.papers.schema import Paper, Study
from leukbench.records import Augmentation, NetworkSpec, as_plain


def find_study(paper: Paper, key: str) -> Study:
    """Return a study of a paper. Raises InputError, naming the nearest, where there is none."""
    if key not in paper.studies:
        raise unknown_name("study", key, paper.studies, where=f"paper {paper.key}")
    return paper.studies[key]


def resolve_study(paper: Paper, key: str, *, folder: str = "") -> dict[str, Any]:
    """Return a study as plain JSON data: classes in output order, protocols with their readings, arms with network
    and recipe.

    ``folder`` is that of a paper.yaml outside the suite, where its model.py lies.
    """
    study = find_study(paper, key)
    copies = study.copies or Augmentation()
    arms = {
        name: {
            "role": arm.role,
            "printed_name": paper.networks[arm.network].printed_name,
            "network": as_plain(
                NetworkSpec(
                    paper=paper.key,
                    name=paper.networks[arm.network].builder,
                    options=paper.networks[arm.network].options,
                    folder=folder,
                )
            ),
            "recipe": as_plain(dataclasses.replace(paper.recipes[arm.recipe].recipe, copies=copies)),
        }
        for name, arm in paper.arms.items()
        if arm.study == key
    }
    return {
        "paper": paper.key,
        "study": key,
        "source": study.source,
        "classes": {name: list(labels) for name, labels in study.classes.items()},
        "positive": study.positive,
        "protocols": {p: [as_plain(r) for r in readings] for p, readings in study.protocols.items()},
        "arms": arms,
    }
