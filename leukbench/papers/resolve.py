"""A study without its claims: all that training needs of a paper, so that editing a claim never retrains."""

from __future__ import annotations

import dataclasses

from leukbench.artefacts import ResolvedArm, ResolvedStudy
from leukbench.errors import unknown_name
from leukbench.papers.schema import Arm, Paper, Study
from leukbench.records import Augmentation, NetworkSpec


def find_study(paper: Paper, key: str) -> Study:
    """Return a study of a paper. Raises InputError, naming the nearest, where there is none."""
    if key not in paper.studies:
        raise unknown_name("study", key, paper.studies, where=f"paper {paper.key}")
    return paper.studies[key]


def resolve_study(paper: Paper, key: str, *, folder: str = "") -> ResolvedStudy:
    """Return a study without its claims: classes in output order, protocols with their readings, arms with network
    and recipe.

    ``folder`` is that of a paper.yaml outside the suite, where its model.py lies.
    """
    study = find_study(paper, key)
    return ResolvedStudy(
        paper=paper.key,
        study=key,
        source=study.source,
        classes={name: tuple(labels) for name, labels in study.classes.items()},
        positive=study.positive,
        protocols={name: tuple(readings) for name, readings in study.protocols.items()},
        arms={name: _resolved_arm(paper, arm, study, folder) for name, arm in paper.arms.items() if arm.study == key},
    )


def _resolved_arm(paper: Paper, arm: Arm, study: Study, folder: str) -> ResolvedArm:
    network = paper.networks[arm.network]
    spec = NetworkSpec(paper=paper.key, name=network.builder, options=network.options, folder=folder)
    recipe = dataclasses.replace(paper.recipes[arm.recipe].recipe, copies=study.copies or Augmentation())
    return ResolvedArm(role=arm.role, printed_name=network.printed_name, network=spec, recipe=recipe)
