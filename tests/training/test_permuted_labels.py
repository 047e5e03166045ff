"""The first negative control: what is learned from true labels is gone when they are permuted,
on the whole path of an experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leukbench.training.experiment import train_experiment
from tests.support.tiny_experiment import CPU, make_experiment, make_study
from tests.support.tiny_world import CLASSES, SIDE, make_store

pytestmark = pytest.mark.trains

N = 160
CHANCE = (0.5 - 4 * np.sqrt(0.25 / N), 0.5 + 4 * np.sqrt(0.25 / N))  # four standard errors


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))


def accuracies(folder: Path, label: np.ndarray, images: np.ndarray) -> dict[str, float]:
    """Train a network and the trivial models on two folds of 160 images and return everyone's
    accuracy on those tested."""
    rows = [
        (
            fold,
            "test" if k // 2 % 2 == fold else "train",
            f"i{k}",
            f"i{k}",
            0,
            CLASSES[label[k]],
            f"g{k // 4}",
            f"p{k // 4}",
        )
        for fold in (0, 1)
        for k in range(N)
    ]
    split = pd.DataFrame(rows, columns=["fold", "role", "image_id", "origin", "copy", "label", "group", "patient"])
    study = make_study(folder, epochs=8)
    table, _ = train_experiment(
        study, make_experiment(arms=("wet",)), split, store=make_store(images), device=CPU, limited_source=False
    )
    tested = table[table["selection"] == "recipe"]
    right = (tested["label"] == tested["predicted"]).groupby(tested["arm"])
    assert set(right.size()) == {N}
    return {str(arm): float(share) for arm, share in right.mean().items()}


def test_permuted_labels_give_chance_where_true_ones_are_learned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = np.arange(N) % 2
    images = rng.integers(60, 180, (N, SIDE, SIDE, 3))
    images[label == 0, :, :, 2] += 30
    images[label == 1, :, :, 0] += 30
    learned = accuracies(tmp_path / "true", label, images.astype(np.uint8))
    assert learned["wet"] > 0.9 and learned["trivial:mean_colour"] > 0.9
    found = accuracies(tmp_path / "permuted", rng.permutation(label), images.astype(np.uint8))
    assert len(found) == 7 and all(CHANCE[0] < value < CHANCE[1] for value in found.values()), found
