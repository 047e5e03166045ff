"""What stands beside an experiment's metrics: patients that nobody can identify, probes, what validation chose."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leukbench.artefacts import Certificate
from leukbench.params import Params, load_params
from leukbench.paths import write_text
from leukbench.pipeline.evaluate import unit_probes, unknown_patients
from leukbench.pipeline.layout import experiment_file
from leukbench.records import Estimate, Evidence, SplitRule, json_text
from tests.support.plans import write_plan

ARIA = {"paper": "dscnet", "study": "aria"}
SMEARS = {"paper": "ddrnet", "study": "blood_cells"}
PLAN = {
    "profile": "made",
    "papers": ["dscnet", "ddrnet"],
    "verdicts": {"margin": 0.05},
    "sources": {"aria_all_2021": {}, "blood_cells": {}},
    "stores": {
        "aria": {"source": "aria_all_2021", "side_px": 224},
        "smears": {"source": "blood_cells", "side_px": 224},
    },
    "studies": {"aria": ARIA, "smears": SMEARS},
    "experiments": {
        "aria": {**ARIA, "protocol": "patient", "source": "aria_all_2021", "store": "aria", "arms": ["dscnet_kl"]},
        "smears": {**SMEARS, "protocol": "patient", "source": "blood_cells", "store": "smears", "arms": ["ddrnet"]},
    },
}


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    return load_params(write_plan(tmp_path, PLAN))


def certify(params: Params, experiment: str, evidence: Evidence) -> None:
    file = experiment_file(params, "splits", experiment, ".certificate.json")
    certificate = Certificate(
        format="", protocol="patient", rule=SplitRule(unit="group"), sha256={}, evidence=evidence, sentence="",
        unknown_origins=0, folds=(), shared={}, declares="", verdicts={},
    )  # fmt: skip
    write_text(file, json_text(certificate), summed=True)


def accuracy(n: int) -> list[Estimate]:
    return [Estimate(metric="recall", value=0.5), Estimate(metric="accuracy", value=0.95, n_images=n)]


def test_the_interval_widens_with_correlation_for_the_89_patients_that_the_publisher_states(params: Params) -> None:
    certify(params, "aria", "absent")
    found = unknown_patients(params, "aria", accuracy(3256))
    assert found is not None and found.n_patients == 89 and found.note == ""
    assert [r.correlation for r in found.rows] == [0.0, 0.05, 0.1, 0.2]
    assert found.rows[-1].design_effect == pytest.approx(1 + (3256 / 89 - 1) * 0.2)
    widths = [r.high - r.low for r in found.rows]
    assert widths == sorted(widths) and widths[-1] > 2 * widths[0]


def test_fewer_images_than_patients_are_said_to_be_and_published_ids_need_nothing(params: Params) -> None:
    certify(params, "aria", "inferred")
    few = unknown_patients(params, "aria", accuracy(48))
    assert few is not None and few.rows == () and "48 images are fewer" in few.note
    certify(params, "aria", "verified")
    assert unknown_patients(params, "aria", accuracy(3256)) is None


def test_a_source_that_states_no_patients_gets_none(params: Params) -> None:
    certify(params, "smears", "absent")
    assert unknown_patients(params, "smears", accuracy(367)) is None


def test_probes_are_read_by_name_and_none_is_made_up() -> None:
    columns = {"probe": "p", "unit": "group", "cut": 0, "image_id": list("abcd"), "label": list("xxyy")}
    table = pd.DataFrame({**columns, "truth": list("1122"), "predicted": list("1121")})
    found = unit_probes(table)
    assert list(found) == ["p"] and (found["p"].unit, found["p"].accuracy.value) == ("group", 0.75)
    assert unit_probes(table.head(0)) == {}
