"""Each loss, optimiser and schedule of a recipe against a few lines of numpy, written from its formula alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from leukbench.errors import InputError
from leukbench.training.recipe import learning_rate_at, make_loss, make_optimiser, stops_before
from tests.support.tiny_world import make_recipe

Array = np.ndarray
LOGITS = np.random.default_rng(0).normal(scale=3, size=(40, 4))
LABELS = np.arange(40) % 4


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def one_hot(smoothing: float = 0.0, even: float = 0.25) -> Array:
    return np.eye(4)[LABELS] * (1 - smoothing) + smoothing * even


def binary(target: Array) -> Array:
    p = sigmoid(LOGITS)
    return np.asarray(-(target * np.log(p) + (1 - target) * np.log(1 - p)))


def focal_binary() -> float:
    p, y = sigmoid(LOGITS), one_hot()
    p_true = np.where(y == 1, p, 1 - p)
    return float((-((1 - p_true) ** 2) * np.log(p_true)).mean())


def focal() -> float:
    p_true = softmax(LOGITS)[np.arange(40), LABELS]
    return float((-((1 - p_true) ** 2) * np.log(p_true)).mean())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"loss": "categorical_cross_entropy"}, lambda: -(one_hot() * np.log(softmax(LOGITS))).sum(1).mean()),
        ({"loss": "sparse_categorical_cross_entropy"}, lambda: -np.log(softmax(LOGITS)[np.arange(40), LABELS]).mean()),
        (
            {"loss": "kl_divergence", "label_smoothing": 0.1},
            lambda: (one_hot(0.1) * np.log(one_hot(0.1) / softmax(LOGITS))).sum(1).mean(),
        ),
        ({"loss": "kl_divergence"}, lambda: -np.log(softmax(LOGITS)[np.arange(40), LABELS]).mean()),
        ({"loss": "mean_squared_error"}, lambda: ((softmax(LOGITS) - one_hot()) ** 2).mean()),
        ({"loss": "mean_squared_error", "output": "sigmoid"}, lambda: ((sigmoid(LOGITS) - one_hot()) ** 2).mean()),
        ({"loss": "binary_cross_entropy", "output": "sigmoid"}, lambda: binary(one_hot()).mean()),
        (
            {"loss": "binary_cross_entropy", "output": "sigmoid", "label_smoothing": 0.2},
            lambda: binary(one_hot(0.2, even=0.5)).mean(),
        ),
        (
            {"loss": "categorical_cross_entropy", "label_smoothing": 0.1},
            lambda: -(one_hot(0.1) * np.log(softmax(LOGITS))).sum(1).mean(),
        ),
        ({"loss": "categorical_cross_entropy", "focal_gamma": 2.0}, focal),
        ({"loss": "binary_cross_entropy", "output": "sigmoid", "focal_gamma": 2.0}, focal_binary),
    ],
)
def test_losses_are_their_formulas(fields: dict[str, Any], expected: Callable[[], float]) -> None:
    value = make_loss(make_recipe(**fields))(torch.tensor(LOGITS), torch.tensor(LABELS))
    assert value.item() == pytest.approx(float(expected()), rel=1e-5)


@pytest.mark.parametrize(
    "fields",
    [
        {"loss": "mean_squared_error", "label_smoothing": 0.1},
        {"loss": "mean_squared_error", "focal_gamma": 2.0},
        {"loss": "kl_divergence", "focal_gamma": 2.0},
    ],
)
def test_what_does_not_go_with_a_loss_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="does not go with"):
        make_loss(make_recipe(**fields))


LR, EPS = 0.01, 1e-3  # an epsilon that shows


def sgd(w: Array, gradients: list[Array]) -> Array:
    v = np.zeros_like(w)
    for g in gradients:
        v = 0.9 * v + g
        w = w - LR * v
    return w


def rmsprop(w: Array, gradients: list[Array]) -> Array:
    s = np.zeros_like(w)
    for g in gradients:
        s = 0.9 * s + 0.1 * g**2
        w = w - LR * g / (np.sqrt(s) + EPS)
    return w


def adam(w: Array, gradients: list[Array], decay: float = 0.0) -> Array:
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        w = w * (1 - LR * decay)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - LR * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + EPS)
    return w


def adamw(w: Array, gradients: list[Array]) -> Array:
    return adam(w, gradients, decay=0.1)


def adamax(w: Array, gradients: list[Array]) -> Array:
    m, u = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, start=1):
        m, u = 0.9 * m + 0.1 * g, np.maximum(0.999 * u, np.abs(g) + EPS)
        w = w - LR / (1 - 0.9**t) * m / u
    return w


@pytest.mark.parametrize(
    ("name", "fields", "by_hand"),
    [
        ("sgd", {"momentum": 0.9}, sgd),
        ("rmsprop", {}, rmsprop),
        ("adam", {}, adam),
        ("adamw", {"weight_decay": 0.1}, adamw),
        ("adamax", {}, adamax),
    ],
)
def test_optimisers_are_their_formulas(
    name: str, fields: dict[str, Any], by_hand: Callable[[Array, list[Array]], Array]
) -> None:
    model = nn.Linear(5, 3, bias=False)
    start = model.weight.detach().numpy().astype(np.float64).copy()
    optimiser = make_optimiser(model, make_recipe(optimiser=name, learning_rate=LR, epsilon=EPS, **fields))
    gradients = [np.random.default_rng(k).normal(scale=0.1, size=(3, 5)) for k in range(6)]
    for gradient in gradients:
        model.weight.grad = torch.tensor(gradient, dtype=torch.float32)
        optimiser.step()
    assert np.allclose(model.weight.detach().numpy(), by_hand(start, gradients), atol=1e-5)


def test_the_epsilon_of_the_recipe_is_the_optimisers() -> None:
    for name in ("rmsprop", "adam", "adamax", "adamw"):
        for epsilon in (1e-7, 1e-8):
            optimiser = make_optimiser(nn.Linear(2, 2), make_recipe(optimiser=name, epsilon=epsilon))
            assert {group["eps"] for group in optimiser.param_groups} == {epsilon}


def test_a_penalty_that_the_optimiser_does_not_take_is_refused() -> None:
    for fields in ({"optimiser": "adam", "weight_decay": 0.1}, {"optimiser": "adamw", "l2": 0.1}):
        with pytest.raises(InputError, match="does not take this penalty"):
            make_optimiser(nn.Linear(2, 2), make_recipe(**fields))


def test_cosine_exponential_and_warm_up_are_their_formulas() -> None:
    cosine = make_recipe(schedule="cosine", epochs=10, learning_rate=1.0)
    assert [learning_rate_at(cosine, e, []) for e in range(10)] == pytest.approx(
        [(1 + math.cos(math.pi * e / 10)) / 2 for e in range(10)]
    )
    warm = make_recipe(schedule="cosine", epochs=12, warmup_epochs=4, learning_rate=1.0)
    rates = [learning_rate_at(warm, e, []) for e in range(12)]
    assert rates[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert rates[4:] == pytest.approx([(1 + math.cos(math.pi * e / 8)) / 2 for e in range(8)])
    falling = make_recipe(schedule="exponential", decay=0.5, learning_rate=1.0, warmup_epochs=2)
    assert [learning_rate_at(falling, e, []) for e in range(6)] == [0.5, 1.0, 1.0, 0.5, 0.25, 0.125]


def test_a_run_stops_after_the_patience_without_a_lower_loss_by_hand() -> None:
    recipe = make_recipe(stop_patience=2)
    losses = [1.0, 0.8, 0.9, 0.7, 0.7, 0.71, 0.1]
    assert [stops_before(recipe, e, losses) for e in range(7)] == [False, False, False, False, False, False, True]
    assert not any(stops_before(make_recipe(), e, losses) for e in range(7))
