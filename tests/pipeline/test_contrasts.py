"""Gaps between rungs, contrasts between arms with their corrections, shortcuts: from results made in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest

from leukbench.artefacts import FoldSizes, Receipt, RunReceipt, Sizes
from leukbench.evaluation.corrections import benjamini_hochberg, holm
from leukbench.evaluation.evaluated import ArmEvaluation, Evaluation
from leukbench.pipeline import contrasts as contrasting
from leukbench.pipeline.contrasts import arm_contrasts, protocol_gaps, shortcuts
from leukbench.pipeline.results import as_predictions
from leukbench.records import Estimate, Experiment, Predictions, Protocol

T = TypeVar("T")
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


@dataclass(frozen=True)
class Made:
    """What contrasts ask of a result."""

    name: str
    experiment: Experiment
    table: pd.DataFrame
    receipt: Receipt
    evaluation: Evaluation
    all_single: bool = False

    @property
    def predictions(self) -> dict[str, Predictions]:
        return {str(a): as_predictions(rows, ("a", "b")) for a, rows in self.table.groupby("arm", sort=False)}


def receipt_of(arms: Sequence[str], *, rows: int) -> Receipt:
    runs = tuple(
        RunReceipt(
            key="", arm=arm, fold=0, seed=0, epochs_selected={}, train_accuracy=1.0, n_train_rows=rows,
            n_validation_rows=0, n_test_rows=N,
        )
        for arm in arms
    )  # fmt: skip
    folds = (FoldSizes(fold=0, n_train_rows=rows, n_validation_rows=0, n_test_rows=N),)
    sizes = Sizes(n_images=N, n_images_published=N, complete=True, parts=())
    return Receipt(arms={}, runs=runs, folds=folds, sizes=sizes)


def made(name: str, protocol: Protocol, arms: tuple[str, ...], *, seed: int) -> Made:
    shares = {a: RIGHT[a] - (0.15 if protocol == "patient" else 0) for a in arms}
    low = {"trivial:colour_histogram": 0.84, "trivial:border": 0.47}
    evaluated = {
        a: ArmEvaluation(
            selections={"recipe": (Estimate(metric="accuracy", value=0.9, low=v, high=v + 0.08),)},
            majority_accuracy=0.5,
        )
        for a, v in low.items()
    }
    return Made(
        name=name,
        experiment=Experiment(
            paper="known_answer", study="cohort", protocol=protocol, source="known_answer", store="s", arms=arms
        ),
        table=table_of({**shares, "trivial:majority": 0.5, **{a: RIGHT[a] for a in TRIVIAL[1:]}}, seed=seed),
        receipt=receipt_of(arms, rows=400 if protocol == "as_published" else 300),
        evaluation=Evaluation(classes=("a", "b"), seed_variance=(), arms=evaluated, probes={}),
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Three experiments that say how many rows were trained on and how large the groups are."""
    monkeypatch.setattr(contrasting, "RESAMPLES", 500)
    three = ("net", "other", "third")
    return {
        "image": made("image", "image", three, seed=0),
        "published": made("published", "as_published", ("net",), seed=1),
        "patient": made("patient", "patient", three, seed=2),
    }


def of(rows: Sequence[T], **keys: str) -> list[T]:
    return [row for row in rows if all(getattr(row, k) == v for k, v in keys.items())]


def test_a_rung_of_the_same_size_is_inflation_and_the_published_one_of_its_own_is_not(world: Any) -> None:
    gaps = protocol_gaps(world)
    assert {(g.rung, g.arm, g.equal_size) for g in gaps} == {
        ("image", "net", True),
        ("image", "other", True),
        ("image", "third", True),
        ("image", "trivial:colour_histogram", True),
        ("published", "net", False),
        ("published", "trivial:colour_histogram", False),
    }
    found = of(gaps, rung="image", arm="net", metric="accuracy")[0]
    right = [
        (t["label"] == t["predicted"])[t["arm"] == "net"].mean() for t in (world["image"].table, world["patient"].table)
    ]
    assert found.difference == pytest.approx(right[0] - right[1]) and found.low > 0.05
    assert not any(g.same_as_image for g in gaps)
    alone = {**world, "patient": dataclasses.replace(world["patient"], all_single=True)}
    assert all(g.same_as_image for g in protocol_gaps(alone))


def test_networks_are_corrected_by_holm_over_the_study_and_all_else_is_descriptive(world: Any) -> None:
    rows = arm_contrasts(world)
    networks, rest = of(rows, family="network"), of(rows, family="descriptive")
    assert {(r.experiment, r.second_arm) for r in networks} == {
        (c, a) for c in ("image", "patient") for a in ("other", "third")
    }
    assert {r.metric for r in networks} == {"accuracy"} and len(rest) == 2 * 2 * 2 + 3 * (3 + 1)
    for family, correct in ((networks, holm), (rest, benjamini_hochberg)):
        raw, corrected = ([getattr(r, k) for r in family] for k in ("p_value", "p_corrected"))
        np.testing.assert_allclose(corrected, correct(raw))
        assert {r.family_size for r in family} == {len(family)}
        assert any(c > p for p, c in zip(raw, corrected, strict=True))
    worst = of(networks, experiment="image", second_arm="third")[0]
    assert worst.p_corrected < 0.01 and worst.low > 0.1 and worst.p_mcnemar < 0.01


def test_a_trivial_model_that_keeps_up_is_flagged_beside_every_network(world: Any) -> None:
    rows = shortcuts(world, margin=0.05)
    assert {r.model for r in rows} == set(TRIVIAL[1:])
    flagged = {(r.experiment, r.arm) for r in rows if r.flagged}
    assert {r.model for r in rows if r.flagged} == {"trivial:colour_histogram"}
    assert {("image", "net"), ("image", "third"), ("published", "net"), ("patient", "net")} <= flagged
    assert all(r.margin == 0.05 and r.majority == 0.5 for r in rows)
