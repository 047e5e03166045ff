"""The contract of determinism: the same bits on one processor, and a stated bound across processors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.processors import PROCESSORS, Trained, train_on

pytestmark = pytest.mark.trains

BOUND = 0.05
"""How far a score of the tiny network may lie from another processor's after 30 epochs (docs/reliability.md); another
seed moves scores by 0.38."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The training on this processor as it is."""
    return train_on("this processor", tmp_path_factory.mktemp("first") / "run")


@pytest.mark.parametrize(
    "name",
    ["SSE4 alone", *(pytest.param(n, marks=pytest.mark.slow) for n in PROCESSORS if n not in {"SSE4 alone"})],
)
def test_scores_stay_within_the_stated_bound_of_another_processors(name: str, first: Trained, tmp_path: Path) -> None:
    other = train_on(name, tmp_path / "run")
    assert first.scores.shape == (30, 10, 2)
    if name.startswith("this processor"):
        assert np.array_equal(first.scores, other.scores)
    assert first.farthest(other) < BOUND
    assert abs(first.accuracy - other.accuracy) <= 0.1 + 1e-9  # one image of ten
