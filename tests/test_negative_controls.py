"""Negative controls, on the real path: leaks that are planted on purpose are caught.

Each control has its counterpart, the same path without the plant, so that none of them can pass by being blind. That
permuted labels give chance stands in ``tests/training/test_permuted_labels.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from leukbench.cohort import splits
from leukbench.errors import SplitError
from leukbench.params import Params, load_params
from leukbench.pipeline import split as split_stage
from leukbench.pixels.features import Feature
from leukbench.pixels.store import Store
from leukbench.records import FloatArray, Recipe, SplitRule
from leukbench.training import engine, trivial
from leukbench.training.data import Pixels, Rows
from tests.support.plans import known_experiment, known_plan, prepare, write_plan

pytestmark = pytest.mark.trains

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace of 144 images, indexed, grouped and resolved."""
    folder = tmp_path_factory.mktemp("controls")
    write_plan(folder, known_plan("controls", {"by-patient": known_experiment("patient")}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKBENCH_HOME", str(folder))
        prepare(load_params())
        yield folder


@pytest.fixture
def params(home: Path) -> Params:
    return load_params(home / "params.yaml")


# ------------------------------------------------------------------------------------------------------ planted leaks


def plant(monkeypatch: pytest.MonkeyPatch, spoil: Callable[..., pd.DataFrame]) -> None:
    """Have every split that is made pass through ``spoil(make, *arguments, **options)``."""
    make = splits.make_splits
    monkeypatch.setattr(splits, "make_splits", lambda *a, **k: spoil(make, *a, **k))


def test_a_patient_on_both_sides_is_caught_by_the_certificate(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3 fold(s)" in split_stage.split(params, ["by-patient"])[0]

    def one_patient_leaks(make: Callable[..., pd.DataFrame], *a: Any, **k: Any) -> pd.DataFrame:
        table = make(*a, **k)
        tested = table["fold"].eq(0) & table["role"].eq("test")
        own = table.index[tested & table["patient"].eq(table.loc[tested, "patient"].iloc[0])]
        table.loc[own[: len(own) // 2], "role"] = "train"
        return table

    plant(monkeypatch, one_patient_leaks)
    with pytest.raises(SplitError, match=r"keeps patients apart; 1 patients shared \(fold 0\)"):
        split_stage.split(params, ["by-patient"])


def test_an_augmentation_before_the_split_is_caught_by_its_shared_origins(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    def augmented_first(
        make: Callable[..., pd.DataFrame], manifest: Any, groups: Any, rule: SplitRule, **k: Any
    ) -> pd.DataFrame:
        return make(manifest, groups, dataclasses.replace(rule, unit="image", augment="before", copies=1), **k)

    plant(monkeypatch, augmented_first)
    with pytest.raises(SplitError, match=r"keeps origins apart; \d+ origins shared") as caught:
        split_stage.split(params, ["by-patient"])
    assert "augmented copies are tested" in str(caught.value)


# ------------------------------------------------------------------------ a normalisation that is fitted on test images

SIDE, N_TRAIN, N_TEST = 32, 40, 12


def pixels(images: np.ndarray, index: np.ndarray, recipe: Recipe) -> Pixels:
    names = np.array([f"i{k}" for k in index])
    rows = Rows(
        image_id=names, origin=names, copy=np.zeros(len(index), dtype=np.int64), label=index % 2, group=names,
        patient=names, pixel_row=index,
    )  # fmt: skip
    store = Store(
        images=images, row_of={f"i{k}": k for k in range(len(images))}, side_px=SIDE, crop=1.0, sha256="0" * 64
    )
    return Pixels(rows, store, recipe, device=CPU)


Score = Callable[[Pixels, Pixels], FloatArray]


def depends_on_other_test_images(score: Score, recipe: Recipe) -> bool:
    """Return whether the scores of six test images change when the six that are tested with them do.

    Whatever is fitted on the test part (a mean, a scaler, batch statistics) makes them change.
    """
    rng = np.random.default_rng(0)
    images = rng.integers(40, 160, (N_TRAIN + N_TEST, SIDE, SIDE, 3)).astype(np.uint8)
    images[np.arange(len(images)) % 2 == 1, :, :, 0] += 40
    other = images.copy()
    other[-6:] = 255 - other[-6:] // 2
    train, test = np.arange(N_TRAIN), np.arange(N_TRAIN, N_TRAIN + N_TEST)
    first, second = (score(pixels(i, train, recipe), pixels(i, test, recipe))[:6] for i in (images, other))
    return not np.allclose(first, second, atol=1e-6)


def network_scores(train: Pixels, test: Pixels) -> FloatArray:
    """Scores of a batch-normalised network after one epoch of the real loop."""

    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
        )

    state = engine.set_up(build, train.recipe, seed=0, device=CPU, precision="fp32")
    parts = {
        "train": train,
        "validation": pixels(np.asarray(train.store.images), np.arange(0), train.recipe),
        "test": test,
    }
    engine.train(state, train.recipe, **parts, n_classes=2, seed=0, precision="fp32", after_epoch=lambda s: None)
    return np.asarray(state.epochs.test[-1], dtype=np.float64)


def trivial_scores(train: Pixels, test: Pixels) -> FloatArray:
    return np.concatenate(list(trivial.trivial_scores(train, test, n_classes=2, seed=0).values()), axis=1)


def recipe(**changes: Any) -> Recipe:
    values = {"input_px": SIDE, "epochs": 1, "batch_size": 8, "learning_rate": 0.01, "optimiser": "adam"}
    return Recipe(**{**values, "loss": "categorical_cross_entropy", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("normalisation", ["unit", "imagenet", "minmax", "zscore"])
def test_no_normalisation_of_a_network_is_fitted_on_test_images(normalisation: str) -> None:
    assert not depends_on_other_test_images(network_scores, recipe(normalisation=normalisation))


def test_no_scaler_of_a_trivial_model_is_fitted_on_test_images() -> None:
    assert not depends_on_other_test_images(trivial_scores, recipe())


def test_a_planted_batch_statistic_of_the_test_part_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Module, "eval", lambda self: self.train())  # batch norm then normalises by the test batch
    assert depends_on_other_test_images(network_scores, recipe())


def test_a_planted_scaler_fitted_on_the_test_part_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = trivial.Features.of

    def scaled_by_their_own(self: trivial.Features, part: Pixels) -> dict[Feature, FloatArray]:
        return {f: (v - v.mean(axis=0)) / (v.std(axis=0) + 1e-9) for f, v in honest(self, part).items()}

    monkeypatch.setattr(trivial.Features, "of", scaled_by_their_own)
    assert depends_on_other_test_images(trivial_scores, recipe())
