"""Scores in fewer classes than were trained, and a whole experiment collected in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from leukbench.records import Limits
from leukbench.training.experiment import train_experiment
from leukbench.training.merging import merge_classes
from tests.support.tiny_experiment import make_experiment, make_split, make_study, store
from tests.support.tiny_world import CLASSES

pytestmark = pytest.mark.trains


def test_scores_of_classes_that_become_one_are_added() -> None:
    merged = merge_classes(("Benign", "Early", "Pre"), {"Benign": "healthy", "Early": "ill", "Pre": "ill"})
    assert merged.classes == ("healthy", "ill") and merged.places == (0, 1, 1)
    scores = np.array([[0.4, 0.3, 0.3], [0.6, 0.1, 0.3]], dtype=np.float32)
    assert np.allclose(merged.scores(scores), [[0.4, 0.6], [0.6, 0.4]])
    assert merged.scores(np.stack([scores, scores])).shape == (2, 2, 2)


def test_without_classes_in_common_nothing_is_touched() -> None:
    merged = merge_classes(CLASSES, None)
    scores = np.array([[0.1, np.nan]])
    assert merged.classes == CLASSES and merged.scores(scores) is scores


def test_a_experiment_is_collected_in_the_classes_in_common_from_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))
    study, experiment = make_study(tmp_path), make_experiment(arms=("wet",), limits=Limits(folds=1))
    options = {"store": store(), "device": torch.device("cpu"), "limited_source": False}
    plain, receipt = train_experiment(study, experiment, make_split(), **options)  # type: ignore[arg-type]
    names = {CLASSES[0]: "cold", CLASSES[1]: "warm"}
    named, again = train_experiment(study, experiment, make_split(), common_of=names, **options)  # type: ignore[arg-type]
    assert again["runs"] == receipt["runs"], "the run is found, not trained again"
    assert named["label"].tolist() == plain["label"].map(names).tolist()
    pd.testing.assert_series_equal(named["score_warm"], plain[f"score_{CLASSES[1]}"], check_names=False)
    one, _ = train_experiment(study, experiment, make_split(), common_of=dict.fromkeys(CLASSES, "any"), **options)  # type: ignore[arg-type]
    assert np.allclose(one["score_any"], 1, atol=1e-5) and set(one["label"]) == {"any"}
