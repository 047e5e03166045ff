"""The regression check passes on this code and fails on what it is there for: a leak,
and training that no longer learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leukbench.errors import InputError
from leukbench.tools.check import ALPHA, FRESH_SEEDS, REFERENCE, hold, prediction_interval, regression_check

VALUES: dict[str, list[float]] = json.loads(REFERENCE.read_text(encoding="utf-8"))["values"]
PATIENT, IMAGE = "known_answer by patient: accuracy", "known_answer by image: accuracy"


def runs_like(**changed: list[float]) -> list[dict[str, float]]:
    """Return as many runs as the check makes, each like one of the reference."""
    return [
        {**{k: v[i] for k, v in VALUES.items()}, **{k: v[i] for k, v in changed.items()}}
        for i in range(len(FRESH_SEEDS))
    ]


@pytest.mark.trains
def test_this_code_trains_as_the_reference_did() -> None:
    page, failed = regression_check(update=False)
    assert not failed and page.count("within") == len(VALUES) and "OUTSIDE" not in page


def test_every_interval_can_be_left_on_both_sides() -> None:
    for values in VALUES.values():
        low, high, shift = prediction_interval(values, further=len(FRESH_SEEDS), alpha=ALPHA / len(VALUES))
        assert 0 < low < high < 1 and shift < 0.4


def test_a_leak_is_seen() -> None:
    """Patients on both sides: the split by patient then scores as the one by image does."""
    assert hold(runs_like(), VALUES)[1] is False
    page, failed = hold(runs_like(**{PATIENT: VALUES[IMAGE]}), VALUES)
    (row,) = (line for line in page.splitlines() if "OUTSIDE" in line)
    assert failed and PATIENT in row


def test_training_that_does_not_learn_is_seen() -> None:
    page, failed = hold(runs_like(**{k: [0.5] * 20 for k in VALUES}), VALUES)
    assert failed and page.count("OUTSIDE") == 4  # all but those whose right answer is chance


def test_a_reference_of_other_metrics_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="other metrics"):
        hold([{"another": 0.5}], VALUES)
    with pytest.raises(InputError, match="--update"):
        regression_check(update=False, reference=tmp_path / "none.json")
