"""What a paper's fact sheet must cover: printed figures of its experiment, settings not said to be assumed."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from leukbench.papers.facts import FactSheet, claims_of
from leukbench.papers.files import paper_file, read_mapping
from leukbench.papers.schema import Paper
from leukbench.records import Recipe

ROOT = Path(__file__).resolve().parents[2]

# Metrics of claims that describe the experiment, not its outcome: each such figure of a paper's own is a stated fact.
STATED = frozenset(
    [
        "n_images",
        "n_subjects",
        "n_classes",
        "n_folds",
        "n_runs",
        "share",
        "image_size",
        "n_channels",
        "epochs",
        "iterations",
        "batch_size",
        "learning_rate",
        "dropout",
        "momentum",
        "regularisation",
        "negative_slope",
        "augmentation_range",
        "frozen_layers",
        "threshold",
        "params_total",
        "params_trainable",
        "params_nontrainable",
        "params_layer",
        "output_shape",
        "n_layers",
        "n_filters",
        "n_units",
        "n_heads",
        "n_blocks",
        "kernel_size",
        "stride",
        "scaling_factor",
    ]
)
SETTINGS = frozenset(f.name for f in dataclasses.fields(Recipe))
EVERYTHING = frozenset({"all", "all else"})  # fields of assumed entries that speak of a whole recipe


def figures_without_fact(paper: Paper, sheet: FactSheet) -> list[str]:
    """Return the ids of a paper's own claims about data, network and recipe that no fact rests on."""
    named = {claim.id for _, fact in sheet.facts() for claim in claims_of(fact, paper)}
    return [c.id for c in paper.claims if c.kind == "own" and c.metric in STATED and c.id not in named]


def settings_without_fact(paper: Paper, sheet: FactSheet) -> list[str]:
    """Return the paths of settings written in paper.yaml that neither a check nor an assumed entry of theirs covers.

    Settings are: the source, the classes and the positive class of each study; each key of the split rules of published
    readings and of others that the paper states; each key of the network options and of the recipe of each arm, and of
    the planned copies where a published reading plans any.
    """
    raw = read_mapping(paper_file(paper.key))
    checked = [path.split(".") for _, fact in sheet.facts() for path in fact.checks]
    settings = [*_of_studies(raw), *_of_arms(raw, paper)]
    return [at for at in settings if not any(_covers(path, at.split(".")) for path in checked)]


def _covers(pattern: list[str], at: list[str]) -> bool:
    """Say whether a check's path finds a setting or what holds it."""
    return len(pattern) <= len(at) and all(
        any(fnmatchcase(name, one) for one in names.split("|")) for names, name in zip(pattern, at, strict=False)
    )


def _of_studies(raw: dict[str, Any]) -> Iterator[str]:
    for name, study in raw["studies"].items():
        yield f"{name}.source"
        yield from (f"{name}.classes.{c}" for c in study["classes"])
        if "positive" in study:
            yield f"{name}.positive"
        for protocol, readings in study["protocols"].items():
            for reading in readings:
                if protocol == "as_published" or reading["basis"] == "stated":
                    yield from (f"{name}.protocols.{protocol}.{reading['name']}.rule.{key}" for key in reading["rule"])


def _of_arms(raw: dict[str, Any], paper: Paper) -> Iterator[str]:
    for name, arm in paper.arms.items():
        network, recipe = paper.networks[arm.network], paper.recipes[arm.recipe]
        options = {a.field for a in network.assumed}
        yield from (f"{arm.study}.arms.{name}.network.options.{o}" for o in network.options if o not in options)
        assumed = {name for a in recipe.assumed for name in _named(a.field)}
        if assumed & EVERYTHING:
            continue
        for key in _leaves(raw["recipes"][arm.recipe]["recipe"] | _copies(raw["studies"][arm.study])):
            if key not in assumed and key.split(".")[0] not in assumed:
                yield f"{arm.study}.arms.{name}.recipe.{key}"


def _named(field: str) -> list[str]:
    """Return the settings that the field of an assumed entry lists; none where it says anything besides."""
    names = re.split(r", | and ", field)
    return names if all(name in EVERYTHING or name.split(".")[0] in SETTINGS for name in names) else []


def _copies(study: dict[str, Any]) -> dict[str, Any]:
    """Return how planned copies look, where a published reading plans any."""
    planned = any(r["rule"].get("augment", "none") != "none" for r in study["protocols"]["as_published"])
    return {"copies": study["copies"]} if planned else {}


def _leaves(recipe: dict[str, Any]) -> Iterator[str]:
    for key, value in recipe.items():
        yield from (f"{key}.{inner}" for inner in value) if isinstance(value, dict) else [key]


def missing_tests(sheet: FactSheet) -> list[str]:
    """Return the test ids of a sheet that no test file has."""
    ids = {test for _, fact in sheet.facts() for test in fact.tests}
    return sorted(i for i in ids if i.partition("::")[2] not in _tests_in(i.partition("::")[0]))


@cache
def _tests_in(file: str) -> frozenset[str]:
    """Return the names of the test functions of a file, parsed and not imported."""
    path = ROOT / file
    if not (file.startswith("tests/") and path.is_file()):
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))
