"""The tiny world as an experiment in memory: two arms that differ in dropout, two folds; for tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from leukbench.artefacts import ResolvedArm, ResolvedStudy
from leukbench.pixels.store import Store
from leukbench.records import Experiment, NetworkSpec
from leukbench.training.experiment import train_experiment
from tests.support.tiny_world import CLASSES, MODEL, make_images, make_recipe, make_store

CPU = torch.device("cpu")


def make_study(folder: Path, **recipe: Any) -> ResolvedStudy:
    """Return a resolved study with two arms that differ in dropout."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    arms = {
        name: ResolvedArm(
            role="proposed",
            printed_name=name,
            network=NetworkSpec(paper="tiny", name="net", folder=str(folder), options={"dropout": p}),
            recipe=make_recipe(**{"epochs": 3, **recipe}),
        )
        for name, p in (("wet", 0.0), ("dry", 0.4))
    }
    return ResolvedStudy(
        paper="tiny", study="s", source="experiments", classes={c: (c,) for c in CLASSES}, positive=None, protocols={},
        arms=arms,
    )  # fmt: skip


def make_experiment(**changes: Any) -> Experiment:
    """Return an experiment of both arms by patient; ``changes`` replaces its fields."""
    values: dict[str, Any] = {
        "paper": "tiny",
        "study": "s",
        "protocol": "patient",
        "source": "experiments",
        "store": "experiments",
        "arms": ("wet", "dry"),
    }
    return Experiment(**{**values, **changes})


def make_split() -> pd.DataFrame:
    """Return a split into two folds, the first ten images of each for validation."""
    _, labels = make_images()
    rows = []
    for fold in (0, 1):
        for k, label in enumerate(labels):
            role = ("test" if k % 4 // 2 == fold else "train") if k >= 10 else "validation"
            rows.append((fold, role, f"i{k}", f"i{k}", 0, CLASSES[label], f"g{k // 2}", f"p{k // 2}"))
    columns = ["fold", "role", "image_id", "origin", "copy", "label", "group", "patient"]
    return pd.DataFrame(rows, columns=columns)


def store() -> Store:
    """Return the pixels of the world."""
    return make_store(make_images()[0])


def collect(study: ResolvedStudy, experiment: Experiment, **options: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train what is missing of an experiment and return its predictions and receipt."""
    return train_experiment(study, experiment, make_split(), store=store(), device=CPU, limited_source=False, **options)
