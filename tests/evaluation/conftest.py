"""Fixtures of the evaluation tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from leukbench.records import Predictions
from tests.support.made_predictions import make_predictions


@pytest.fixture
def predictions_of() -> Callable[..., Predictions]:
    """The maker of made-up predictions."""
    return make_predictions
