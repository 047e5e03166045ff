"""The tiny world as an experiment on disk, as earlier stages leave one: study, split and pixel store;
for tests of the grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from leukbench.artefacts import ResolvedArm, ResolvedStudy
from leukbench.records import Experiment, Limits, NetworkSpec, json_text
from leukbench.training.grid import ExperimentInputs
from tests.support.tiny_experiment import make_split
from tests.support.tiny_world import CLASSES, MODEL, make_images, make_recipe

PAUSING = MODEL.replace("from torch import nn", "import time\nfrom torch import nn").replace(
    "    return Net(n_classes, dropout)", "    return Net(n_classes, dropout, pause_s)"
).replace("dropout=0.2)", "dropout=0.2, pause_s=0.0)").replace(
    "def __init__(self, n_classes, dropout):\n        super().__init__()",
    "def __init__(self, n_classes, dropout, pause_s):\n        super().__init__()\n        self.pause_s = pause_s",
).replace("def forward(self, images):", "def forward(self, images):\n        time.sleep(self.pause_s)")  # fmt: skip
"""The tiny network that takes its time: ``pause_s`` a batch, without a difference to what it computes."""
ARMS: dict[str, dict[str, Any]] = {"quick": {}, "dry": {"dropout": 0.4}, "broken": {"dropout": 2.0}}


def write_experiment(
    folder: Path,
    name: str = "experiment",
    *,
    arms: dict[str, dict[str, Any]] | None = None,
    seeds: int = 1,
    **recipe: Any,
) -> ExperimentInputs:
    """Write an experiment of the tiny world into ``folder`` and return its inputs. ``arms``:
    options of the network by name."""
    arms = arms or {"quick": {}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.py").write_text(PAUSING, encoding="utf-8")
    made = make_recipe(**{"epochs": 3, **recipe})
    resolved = {
        arm: ResolvedArm(
            role="proposed",
            printed_name=arm,
            network=NetworkSpec(paper="tiny", name="net", folder=str(folder), options=options),
            recipe=made,
        )
        for arm, options in arms.items()
    }
    study = ResolvedStudy(
        paper="tiny", study="s", source="experiments", classes={c: (c,) for c in CLASSES}, positive=None, protocols={},
        arms=resolved,
    )  # fmt: skip
    (folder / "study.json").write_text(json_text(study), encoding="utf-8")
    images, _ = make_images()
    make_split().to_csv(folder / f"{name}.csv", index=False)
    np.save(folder / "store.npy", images)
    index = {"side_px": 32, "crop": 1.0, "sha256": "0" * 64, "image_id": [f"i{k}" for k in range(len(images))]}
    (folder / "store.json").write_text(json.dumps(index), encoding="utf-8")
    experiment = Experiment(
        paper="tiny",
        study="s",
        protocol="patient",
        source="experiments",
        store="store",
        arms=tuple(arms),
        limits=Limits(seeds=seeds),
    )
    return ExperimentInputs(
        name, experiment, folder / "study.json", folder / f"{name}.csv", folder / "store.npy", False
    )
