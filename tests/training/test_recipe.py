"""A recipe's words against hand arithmetic: losses, scores, normalisation, schedules, L2, optimisers, freezing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from leukbench.errors import InputError
from leukbench.training.recipe import class_scores, freeze, learning_rate_at, make_loss, make_optimiser, normalise
from tests.support.tiny_world import make_recipe

ONE_FUNCTION = ("categorical_cross_entropy", "sparse_categorical_cross_entropy", "kl_divergence")


def gradient(loss: str, logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, torch.Tensor]:
    logits = logits.clone().requires_grad_()
    value = make_loss(make_recipe(loss=loss))(logits, labels)
    value.backward()
    assert logits.grad is not None
    return value.item(), logits.grad


def test_kl_cross_entropy_and_its_sparse_form_have_identical_gradients_on_one_hot_labels() -> None:
    torch.manual_seed(0)
    logits, labels = 3 * torch.randn(64, 4), torch.arange(64) % 4
    values, gradients = zip(*(gradient(name, logits, labels) for name in ONE_FUNCTION), strict=True)
    assert max(values) - min(values) < 1e-6
    expected = (logits.softmax(1) - nn.functional.one_hot(labels, 4)) / 64
    for g in gradients:
        assert torch.allclose(g, expected, atol=1e-8, rtol=1e-5)


def test_binary_cross_entropy_on_two_sigmoids_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])  # sigmoids 0.75 and 0.5
    value = make_loss(make_recipe(loss="binary_cross_entropy", output="sigmoid"))(logits, torch.tensor([0]))
    assert value.item() == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2, abs=1e-6)


def test_mean_squared_error_on_softmax_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])  # softmax 0.75, 0.25
    value = make_loss(make_recipe(loss="mean_squared_error"))(logits, torch.tensor([1]))
    assert value.item() == pytest.approx((0.75**2 + 0.75**2) / 2, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "output"),
    [*((name, "sigmoid") for name in ONE_FUNCTION), ("binary_cross_entropy", "softmax")],
)
def test_a_loss_that_does_not_go_with_the_output_is_refused(loss: str, output: str) -> None:
    with pytest.raises(InputError, match="does not go with output"):
        make_loss(make_recipe(loss=loss, output=output))


def test_class_weights_multiply_each_images_loss() -> None:
    logits, labels = torch.zeros(2, 2), torch.tensor([0, 1])
    value = make_loss(make_recipe(), torch.tensor([0.5, 3.0]))(logits, labels)
    assert value.item() == pytest.approx((0.5 + 3.0) / 2 * math.log(2), abs=1e-6)


def test_scores_sum_to_one_and_keep_the_order_of_the_units() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0], [-200.0, -150.0]])
    assert torch.allclose(class_scores(logits, "softmax")[0], torch.tensor([0.75, 0.25]))
    assert torch.allclose(class_scores(logits, "sigmoid")[0], torch.tensor([0.6, 0.4]))  # 0.75 and 0.5 over 1.25
    torch.manual_seed(0)
    many = 2 * torch.randn(50, 3)
    for output in ("softmax", "sigmoid"):
        scores = class_scores(many, output)
        assert torch.allclose(scores.sum(1), torch.ones(50)) and (scores.argmax(1) == many.argmax(1)).all()


def test_sigmoids_that_are_all_tiny_still_give_shares() -> None:
    scores = class_scores(torch.tensor([[-30.0, -31.0]]), "sigmoid")
    assert scores.sum().item() == pytest.approx(1.0)
    assert scores[0, 0].item() == pytest.approx(math.e / (1 + math.e), abs=1e-4)


def test_normalisations_by_hand() -> None:
    images = torch.tensor([[[[0, 51], [102, 255]]] * 3, [[[51, 51], [51, 51]]] * 3], dtype=torch.uint8)
    assert torch.allclose(normalise(images, "unit")[0, 0], torch.tensor([[0.0, 0.2], [0.4, 1.0]]))
    imagenet = normalise(images, "imagenet")[0, :, 1, 1]
    expected = [(1 - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert imagenet.tolist() == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(normalise(images[:1] // 2 + 20, "minmax").amax(), torch.tensor(1.0))
    assert normalise(images, "minmax")[1].abs().max() == 0  # a constant image is all zeros, not NaN
    scored = normalise(images, "zscore")
    assert scored[0].mean().item() == pytest.approx(0, abs=1e-6)
    assert scored[0].std().item() == pytest.approx(1, abs=1e-5)
    assert scored[1].abs().max().item() < 1e-3
    with pytest.raises(InputError, match="unknown normalisation"):
        normalise(images, "caffe")


def test_constant_and_step_schedules_by_hand() -> None:
    constant, step = make_recipe(), make_recipe(schedule="step", step_epoch=5, step_factor=0.1, learning_rate=1e-3)
    assert [learning_rate_at(constant, e, []) for e in (0, 50)] == [0.01, 0.01]
    assert [learning_rate_at(step, e, []) for e in (0, 4, 5, 19)] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_the_plateau_schedule_follows_keras_by_hand() -> None:
    recipe = make_recipe(schedule="reduce_on_plateau", plateau_patience=2, plateau_factor=0.5, learning_rate=1.0)
    losses = [1.0, 0.9, 0.9, 0.89995, 0.8, 0.85, 0.81, 0.9, 0.9]
    # best 1.0 | 0.9 | wait 1 | wait 2: halve (0.00005 is no progress) | best 0.8 | wait 1 | wait 2:
    # halve | 1 | 2: halve
    rates = [learning_rate_at(recipe, e, losses) for e in range(len(losses) + 1)]
    assert rates == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_the_rate_of_an_epoch_ignores_what_came_after_it() -> None:
    recipe = make_recipe(schedule="reduce_on_plateau", plateau_patience=1, plateau_factor=0.5)
    assert learning_rate_at(recipe, 2, [1.0, 0.5, 9.0, 9.0, 9.0]) == recipe.learning_rate


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop", "adam", "adamax"])
def test_l2_is_the_gradient_of_the_penalty_on_weights_alone(optimiser: str) -> None:
    """One model with l2 in its recipe, its twin with λ·Σw² written into the loss, a few steps each."""
    torch.manual_seed(0)
    # no bias before the batch norm: its gradient is rounding noise, which adaptive steps blow up
    decayed = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 9, 2))
    penalised = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 9, 2))
    penalised.load_state_dict(decayed.state_dict())
    first = make_optimiser(decayed, make_recipe(optimiser=optimiser, l2=0.05))
    second = make_optimiser(penalised, make_recipe(optimiser=optimiser))
    images = torch.randn(6, 3, 5, 5)
    for _ in range(3):
        for model, step, penalty in ((decayed, first, 0.0), (penalised, second, 0.05)):
            step.zero_grad()
            squares = sum(p.square().sum() for p in model.parameters() if p.ndim > 1)
            (model(images).square().mean() + penalty * squares).backward()
            step.step()
    for a, b in zip(decayed.parameters(), penalised.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    plain = make_optimiser(decayed, make_recipe(optimiser=optimiser))
    assert all(g["weight_decay"] == 0 for g in plain.param_groups)


@pytest.mark.parametrize(
    ("optimiser", "first_step"),
    # gradient 1: sgd lr; rmsprop lr / sqrt(0.1); adam and adamax lr, their bias corrected
    [("sgd", 0.01), ("rmsprop", 0.01 / math.sqrt(0.1)), ("adam", 0.01), ("adamax", 0.01)],
)
def test_the_first_step_of_each_optimiser_by_hand(optimiser: str, first_step: float) -> None:
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    step = make_optimiser(model, make_recipe(optimiser=optimiser))
    model(torch.ones(1, 1)).sum().backward()
    step.step()
    assert before - model.weight.item() == pytest.approx(first_step, rel=1e-4)


def test_momentum_reaches_the_optimisers_that_have_it() -> None:
    for name in ("sgd", "rmsprop"):
        step = make_optimiser(nn.Linear(2, 2), make_recipe(optimiser=name, momentum=0.9))
        assert all(g["momentum"] == 0.9 for g in step.param_groups)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3))
        self.head = nn.Linear(4, 2)


def trained_names(trainable: str) -> list[str]:
    model = Net()
    freeze(model, trainable)
    return [name for name, p in model.named_parameters() if p.requires_grad]


def test_freezing_keeps_the_head_and_the_last_layers_that_hold_parameters() -> None:
    head = ["head.weight", "head.bias"]
    assert len(trained_names("all")) == 8
    assert trained_names("head") == head
    assert trained_names("last:1") == ["backbone.3.weight", "backbone.3.bias", *head]
    assert trained_names("last:2") == [
        "backbone.1.weight",
        "backbone.1.bias",
        "backbone.3.weight",
        "backbone.3.bias",
        *head,
    ]
    assert len(trained_names("last:99")) == 8
    assert trained_names("last:0") == head


def test_frozen_parameters_never_reach_the_optimiser() -> None:
    model = Net()
    freeze(model, "head")
    optimised = {id(p) for g in make_optimiser(model, make_recipe()).param_groups for p in g["params"]}
    assert optimised == {id(p) for p in model.head.parameters()}


@pytest.mark.parametrize("word", ["last", "last:", "last:x", "none", "backbone"])
def test_other_words_for_freezing_are_refused(word: str) -> None:
    with pytest.raises(InputError, match="all, head or last:N"):
        freeze(Net(), word)
    with pytest.raises(InputError, match="a network with a backbone"):
        freeze(nn.Linear(2, 2), "head")


def test_balanced_weights_of_the_engine_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    from leukbench.training.data import Pixels
    from leukbench.training.engine import _class_weights
    from tests.support.tiny_world import make_images, make_rows, make_store

    images, _ = make_images()
    labels = np.array([0] * 10 + [1] * 3)
    recipe = make_recipe(balance="class_weights")
    pixels = Pixels(make_rows(labels, np.arange(13)), make_store(images), recipe, device=torch.device("cpu"))
    weights = _class_weights(pixels, recipe, 2)
    assert weights is not None
    assert weights.numpy() == pytest.approx(compute_class_weight("balanced", classes=np.arange(2), y=labels))
