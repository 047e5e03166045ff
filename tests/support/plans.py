"""Plans for tests, as params.yaml holds them: small, of the known-answer study unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from leukbench.params import Params
from leukbench.pipeline import fetch, group, index, resolve

SIDE_PX = 32


def known_experiment(
    protocol: str, *, store: str = "s", arms: Sequence[str] = ("cohort_cnn",), **more: object
) -> dict[str, Any]:
    """Return an experiment of the known-answer cohort; ``more``: limits, or the tested source of a transfer."""
    return {
        "paper": "known_answer",
        "study": "cohort",
        "protocol": protocol,
        "source": "known_answer",
        "store": store,
        "arms": [*arms],
        **more,
    }


def known_plan(
    profile: str, experiments: Mapping[str, object], *, images: int = 144, **changed: object
) -> dict[str, Any]:
    """Return a plan of the known-answer cohort, one store of 32 px; ``changed`` replaces whole keys."""
    return {
        "profile": profile,
        "papers": ["known_answer"],
        "verdicts": {"margin": 0.05},
        "sources": {"known_answer": {"images": images}},
        "stores": {"s": {"source": "known_answer", "side_px": SIDE_PX}},
        "studies": {"cohort": {"paper": "known_answer", "study": "cohort"}},
        "experiments": dict(experiments),
        **changed,
    }


def write_plan(folder: Path, plan: Mapping[str, object]) -> Path:
    """Write a plan as the params.yaml of a workspace and return the file."""
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(dict(plan), sort_keys=False, default_flow_style=None), encoding="utf-8")
    return file


def prepare(params: Params) -> None:
    """Make the sources of a plan, index and group them, and resolve its studies: all that a split needs."""
    for source in params.sources:
        for stage in (fetch.fetch, index.index, group.group):
            stage(params, source)
    for study in params.studies:
        resolve.resolve(params, study)
