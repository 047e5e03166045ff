"""The reliability diagram: drawn only where a temperature was fitted, with the same bytes for the same data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from leukbench.evaluation.intervals import korn_graubard
from leukbench.evaluation.operating import calibration
from leukbench.records import Experiment, json_text
from leukbench.report.data import ReportData
from leukbench.report.reliability import draw_reliability, panels
from tests.support.made_predictions import make_predictions

STUDY = ("known_answer", "cohort")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def data() -> ReportData:
    """One network under two protocols, of which only ``image`` set images apart for validation."""
    test, validation = (make_predictions(n=400, n_groups=20, seed=s) for s in (1, 2))
    held_out = {"image": validation, "patient": validation.take(np.arange(0))}
    experiments = {
        name: Experiment(paper=STUDY[0], study=STUDY[1], protocol=name, source="known_answer", store="s", arms=("net",))  # type: ignore[arg-type]
        for name in held_out
    }
    made = {name: json.loads(json_text(calibration(test, part))) for name, part in held_out.items()}
    return ReportData(
        profile="made", papers={}, experiments=experiments, receipts={}, verdicts={}, findings=(), parameters=[], measured={}, times={},
        splits={n: {"certificate": {"evidence": "verified"}, "reading": {"name": "x"}} for n in experiments},
        estimates={n: {"arms": {"net": {"calibration": c}}} for n, c in made.items()}, predictions=[],
    )  # fmt: skip


def test_only_networks_with_a_temperature_are_drawn(data: ReportData, tmp_path: Path) -> None:
    assert [(experiment, arm) for experiment, arm, _ in panels(data, *STUDY)] == [("image", "net")]
    without = dataclasses.replace(data, experiments={"patient": data.experiments["patient"]})
    assert not draw_reliability(without, *STUDY, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_the_same_data_gives_the_same_bytes_and_other_data_others(data: ReportData, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    assert draw_reliability(data, *STUDY, files[0]) and draw_reliability(data, *STUDY, files[1])
    data.estimates["image"]["arms"]["net"]["calibration"]["bins_after"][0]["accuracy"] *= 0.5
    assert draw_reliability(data, *STUDY, files[2])
    first, again, other = (file.read_bytes() for file in files)
    assert first.startswith(PNG) and first == again != other


def test_a_bin_has_the_interval_of_the_groups_in_it() -> None:
    p = make_predictions(n=400, n_groups=20, seed=1)
    (*_, last) = calibration(p, p.take(np.arange(0))).bins_before
    rows = (p.scores.max(axis=1) > last.low) & (p.scores.max(axis=1) <= last.high)
    groups = sorted(set(p.group[rows].tolist()))
    right = [int((p.label == p.predicted)[rows & (p.group == g)].sum()) for g in groups]
    expected = korn_graubard(np.array(right), np.array([int((rows & (p.group == g)).sum()) for g in groups]))
    assert (last.n_images, last.accuracy) == (rows.sum(), pytest.approx(sum(right) / rows.sum()))
    assert (last.accuracy_low, last.accuracy_high) == pytest.approx((expected.low, expected.high))
