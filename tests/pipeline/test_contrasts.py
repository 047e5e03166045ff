"""Gaps between rungs, contrasts between arms with their corrections, shortcuts: from files as the stages leave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukbench.evaluation.contrasts import benjamini_hochberg, holm
from leukbench.params import Params, load_params
from leukbench.pipeline import contrasts as contrasting
from leukbench.pipeline.contrasts import arm_contrasts, protocol_gaps, shortcuts
from leukbench.pipeline.layout import experiment_file

PARAMS = """\
profile: made
papers: [known_answer]
verdicts: {margin: 0.05}
sources: {known_answer: {images: 144}}
stores: {s: {source: known_answer, side_px: 32}}
studies: {cohort: {paper: known_answer, study: cohort}}
experiments:
  image: {paper: known_answer, study: cohort, protocol: image, source: known_answer, store: s, arms: [net, other, third]}
  published: {paper: known_answer, study: cohort, protocol: as_published, source: known_answer, store: s, arms: [net]}
  patient: {paper: known_answer, study: cohort, protocol: patient, source: known_answer, store: s, arms: [net, other, third]}
"""
N, GROUPS = 480, 24
TRIVIAL = ("trivial:majority", "trivial:colour_histogram", "trivial:border")
RIGHT = {"net": 0.9, "other": 0.89, "third": 0.7, "trivial:colour_histogram": 0.88, "trivial:border": 0.52}


def table_of(shares: dict[str, float], *, seed: int) -> pd.DataFrame:
    """Predictions of every arm on the same 480 images of 24 patients, right in so many of them."""
    rng, label = np.random.default_rng(seed), np.arange(N) % GROUPS % 2
    parts = []
    for arm, share in shares.items():
        predicted = np.where(rng.random(N) < share, label, 1 - label)
        high = 0.5 + 0.5 * rng.random(N)
        score = np.where(predicted == 1, high, 1 - high)
        parts.append(
            pd.DataFrame(
                {
                    "arm": arm, "selection": "recipe", "fold": 0, "seed": 0, "image_id": [f"i{k}" for k in range(N)],
                    "origin": [f"i{k}" for k in range(N)], "group": [f"g{k % GROUPS}" for k in range(N)], "patient": "",
                    "label": np.where(label, "b", "a"), "predicted": np.where(predicted, "b", "a"),
                    "score_a": 1 - score, "score_b": score,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Params, dict[str, pd.DataFrame]]:
    """Three experiments whose files say how many rows were trained on and how large the groups are."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(contrasting, "RESAMPLES", 500)
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    params = load_params()
    tables = {}
    for i, (name, experiment) in enumerate(params.experiments.items()):
        arms = {a: RIGHT[a] - (0.15 if experiment.protocol == "patient" else 0) for a in experiment.arms}
        tables[name] = table_of({**arms, "trivial:majority": 0.5, **{a: RIGHT[a] for a in TRIVIAL[1:]}}, seed=i)
        write_experiment(params, name, rows=400 if experiment.protocol == "as_published" else 300, groups=GROUPS)
    return params, tables


def write_experiment(params: Params, name: str, *, rows: int, groups: int) -> None:
    runs = [{"arm": arm, "n_train_rows": rows} for arm in params.experiments[name].arms]
    roles = {"train": {"groups": groups - 4, "images": N - 80}, "test": {"groups": 4, "images": 80}}
    low = {"trivial:colour_histogram": 0.84, "trivial:border": 0.47}
    estimates = {
        a: {
            "majority_accuracy": 0.5,
            "recipe": {
                "estimates": [{"metric": "accuracy", "class_": "", "aggregation": "pooled", "low": v, "high": v + 0.08}]
            },
        }
        for a, v in low.items()
    }
    for kind, suffix, value in (
        ("predictions", ".receipt.json", {"runs": runs}),
        ("splits", ".certificate.json", {"folds": [{"roles": roles}]}),
        ("estimates", ".json", {"arms": estimates, "seed_variance": []}),
    ):
        file = experiment_file(params, kind, name, suffix)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")


def of(rows: list[dict[str, Any]], **keys: str) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[k] == v for k, v in keys.items())]


def test_a_rung_of_the_same_size_is_inflation_and_the_published_one_of_its_own_is_not(world: Any) -> None:
    params, tables = world
    gaps = protocol_gaps(params, tables)
    assert {(g["rung"], g["arm"], g["equal_size"]) for g in gaps} == {
        ("image", "net", True),
        ("image", "other", True),
        ("image", "third", True),
        ("image", "trivial:colour_histogram", True),
        ("published", "net", False),
        ("published", "trivial:colour_histogram", False),
    }
    found = of(gaps, rung="image", arm="net", metric="accuracy")[0]
    right = [(t["label"] == t["predicted"])[t["arm"] == "net"].mean() for t in (tables["image"], tables["patient"])]
    assert found["difference"] == pytest.approx(right[0] - right[1]) and found["low"] > 0.05
    assert not any(g["same_as_image"] for g in gaps)
    write_experiment(params, "patient", rows=300, groups=N)
    assert all(g["same_as_image"] for g in protocol_gaps(params, tables))


def test_networks_are_corrected_by_holm_over_the_study_and_all_else_is_descriptive(world: Any) -> None:
    rows = arm_contrasts(*world)
    networks, rest = of(rows, family="network"), of(rows, family="descriptive")
    assert {(r["experiment"], r["second_arm"]) for r in networks} == {
        (c, a) for c in ("image", "patient") for a in ("other", "third")
    }
    assert {r["metric"] for r in networks} == {"accuracy"} and len(rest) == 2 * 2 * 2 + 3 * (3 + 1)
    for family, correct in ((networks, holm), (rest, benjamini_hochberg)):
        raw, corrected = ([r[k] for r in family] for k in ("p_value", "p_corrected"))
        np.testing.assert_allclose(corrected, correct(raw))
        assert {r["family_size"] for r in family} == {len(family)}
        assert any(c > p for p, c in zip(raw, corrected, strict=True))
    worst = of(networks, experiment="image", second_arm="third")[0]
    assert worst["p_corrected"] < 0.01 and worst["low"] > 0.1 and worst["p_mcnemar"] < 0.01


def test_a_trivial_model_that_keeps_up_is_flagged_beside_every_network(world: Any) -> None:
    rows = shortcuts(*world)
    assert {r["model"] for r in rows} == set(TRIVIAL[1:])
    flagged = {(r["experiment"], r["arm"]) for r in rows if r["flagged"]}
    assert {r["model"] for r in rows if r["flagged"]} == {"trivial:colour_histogram"}
    assert {("image", "net"), ("image", "third"), ("published", "net"), ("patient", "net")} <= flagged
    assert all(r["margin"] == 0.05 and r["majority"] == 0.5 for r in rows)
