"""The one loop and the batches that feed it: what an epoch sees, what it changes and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from leukbench.errors import DataError, SplitError
from leukbench.pixels.augmentation import draw_copy, render
from leukbench.records import Augmentation, Recipe
from leukbench.training.data import Pixels, balanced_order, rows_digest, rows_of
from leukbench.training.engine import State, TrainingDiverged, score, set_up, train
from leukbench.training.recipe import normalise
from tests.support.tiny_world import CLASSES, MODEL, fold_rows, make_images, make_recipe, make_rows, make_store

CPU = torch.device("cpu")
TURNING = Augmentation(rotation_deg=30.0, flip_horizontal=True)


def network(dropout: float = 0.2) -> nn.Module:
    names: dict[str, object] = {}
    exec(MODEL, names)
    built = names["net"](2, input_px=32, pretrained=False, dropout=dropout)  # type: ignore[operator]
    assert isinstance(built, nn.Module)
    return built


def run(recipe: Recipe, *, seed: int = 0, precision: str = "fp32", validation: bool = True) -> State:
    images, labels = make_images()
    rows, store = fold_rows(labels), make_store(images)
    none = np.zeros(0, dtype=np.int64)
    parts = {
        "train": rows.train,
        "validation": rows.validation if validation else make_rows(none, none),
        "test": rows.test,
    }
    pixels = {name: Pixels(part, store, recipe, device=CPU) for name, part in parts.items()}
    state = set_up(network, recipe, seed=seed, device=CPU)
    train(state, recipe, **pixels, n_classes=2, seed=seed, precision=precision)
    return state


# ------------------------------------------------------------------------------------------------------------ batches


def test_an_epoch_shows_every_row_once_in_an_order_of_its_own() -> None:
    images, labels = make_images()
    pixels = Pixels(fold_rows(labels).train, make_store(images), make_recipe(batch_size=7), device=CPU)
    order = np.arange(24)

    def seen(epoch: int, seed: int = 0) -> list[bytes]:
        batches = pixels.training_batches(order, seed=seed, epoch=epoch)
        return [image.numpy().tobytes() for x, _ in batches for image in x]

    plain = {normalise(torch.from_numpy(im), "unit").permute(2, 0, 1).numpy().tobytes() for im in images[:24]}
    assert set(seen(0)) == plain and len(seen(0)) == 24
    assert seen(0) == seen(0) != seen(1)
    assert seen(0) != seen(0, seed=1)


def test_labels_stay_with_their_images() -> None:
    images, labels = make_images()
    pixels = Pixels(fold_rows(labels).train, make_store(images), make_recipe(), device=CPU)
    for x, y in pixels.training_batches(np.arange(24), seed=0, epoch=3):
        redder = x[:, 0].mean(dim=(1, 2)) > x[:, 2].mean(dim=(1, 2))
        assert (redder.long() == y).all()


def test_a_last_batch_of_one_image_is_left_out() -> None:
    images, _ = make_images()
    labels = np.array([0, 1] * 4 + [0])
    pixels = Pixels(make_rows(labels, np.arange(9)), make_store(images), make_recipe(batch_size=4), device=CPU)
    assert [len(y) for _, y in pixels.training_batches(np.arange(9), seed=0, epoch=0)] == [4, 4]


def test_augmentation_is_drawn_anew_each_epoch_and_never_when_scoring() -> None:
    images, labels = make_images()
    pixels = Pixels(fold_rows(labels).test, make_store(images), make_recipe(augmentation=TURNING), device=CPU)
    a, b = (pixels.draws_for_epoch(0, epoch).matrices for epoch in (0, 1))
    assert (a == pixels.draws_for_epoch(0, 0).matrices).all() and (a != b).any()
    (x, _), *rest = list(pixels.scoring_batches())
    assert not rest
    assert torch.equal(x, normalise(torch.from_numpy(images[-10:]).permute(0, 3, 1, 2), "unit"))


def test_planned_copies_are_rendered_from_their_seed_whatever_else_is_in_the_batch() -> None:
    images, _ = make_images()
    copy, pixel_row = np.array([0, 1, 2, 0]), np.array([5, 5, 5, 6])
    recipe = make_recipe(augmentation=Augmentation(when="copies_only", rotation_deg=30.0))
    rows = make_rows(np.array([0, 0, 0, 1]), pixel_row, copy)
    assert list(rows.image_id) == ["i5", "i5#1", "i5#2", "i6"]
    shown = Pixels(rows, make_store(images), recipe, device=CPU).uint8_images(np.arange(4))
    for k in (1, 2):
        draws = draw_copy(recipe.augmentation, "i5", k, side_px=32)
        assert (shown[k] == render(images[5:6], draws, fill="constant")[0]).all()
    assert (shown[0] == images[5]).all() and (shown[3] == images[6]).all() and (shown[1] != shown[2]).any()
    alone = Pixels(rows.take(np.array([2])), make_store(images), recipe, device=CPU)
    assert (alone.uint8_images(np.array([0]))[0] == shown[2]).all()
    epochs = Pixels(rows, make_store(images), recipe, device=CPU)
    assert (epochs.draws_for_epoch(0, 0).matrices == epochs.draws_for_epoch(1, 9).matrices).all()


def test_oversampling_gives_every_class_the_size_of_the_largest() -> None:
    labels = np.array([0] * 20 + [1] * 7 + [2] * 1)
    rows = make_rows(labels, np.arange(28))
    order = balanced_order(rows, 3, seed=0)
    assert np.bincount(labels[order]).tolist() == [20, 20, 20]
    assert (order[:28] == np.arange(28)).all()  # nobody is lost
    assert (order == balanced_order(rows, 3, seed=0)).all() and (order != balanced_order(rows, 3, seed=1)).any()
    with pytest.raises(SplitError, match="no training image"):
        balanced_order(rows, 4, seed=0)


def split_table() -> pd.DataFrame:
    rows = [(0, "train", f"i{k}", f"i{k}", 0, CLASSES[k % 2]) for k in range(4)]
    rows += [(0, "test", "i4#1", "i4", 1, "blue"), (1, "train", "i5", "i5", 0, "red")]
    table = pd.DataFrame(rows, columns=["fold", "role", "image_id", "origin", "copy", "label"])
    return table.assign(group=table["origin"], patient="")


def test_rows_of_a_fold_and_role_point_at_their_origin_in_the_store() -> None:
    store = make_store(make_images()[0])
    rows = rows_of(split_table(), fold=0, role="train", classes=CLASSES, store=store)
    assert list(rows.image_id) == ["i0", "i1", "i2", "i3"] and rows.label.tolist() == [0, 1, 0, 1]
    copied = rows_of(split_table(), fold=0, role="test", classes=CLASSES, store=store)
    assert copied.pixel_row.tolist() == [4] and copied.copy.tolist() == [1]
    assert len(rows_of(split_table(), fold=1, role="test", classes=CLASSES, store=store)) == 0


def test_unknown_labels_and_missing_pixels_are_refused_by_name() -> None:
    store = make_store(make_images()[0])
    with pytest.raises(DataError, match="blue"):
        rows_of(split_table(), fold=0, role="train", classes=("red", "green"), store=store)
    with pytest.raises(DataError, match="i4"):
        rows_of(split_table(), fold=0, role="test", classes=CLASSES, store=make_store(make_images()[0][:4]))


def test_the_digest_of_rows_sees_order_copies_labels_and_roles() -> None:
    labels = np.array([0, 1])
    a, b = make_rows(labels, np.array([0, 1])), make_rows(labels[::-1].copy(), np.array([1, 0]))
    copied = make_rows(labels, np.array([0, 1]), np.array([0, 1]))
    other = make_rows(labels[::-1].copy(), np.array([0, 1]))
    digests = {rows_digest(a), rows_digest(b), rows_digest(copied), rows_digest(other), rows_digest(a, b)}
    assert len(digests | {rows_digest(b, a)}) == 6 and rows_digest(a) == rows_digest(a.take(np.arange(2)))


# --------------------------------------------------------------------------------------------------------- the loop


def test_it_learns_what_can_be_learned() -> None:
    state = run(make_recipe(epochs=12, learning_rate=0.02))
    _, labels = make_images()
    assert (state.epochs.test[-1].argmax(1) == labels[-10:]).all()
    assert state.epochs.train_loss[-1] < 0.5 * state.epochs.train_loss[0]
    assert len(state.epochs) == 12 and all(len(s) == 12 for s in (state.epochs.validation, state.epochs.train_s))


def test_permuted_labels_cannot_be_learned() -> None:
    images, labels = make_images()
    shuffled = np.random.default_rng(3).permutation(labels[:32])
    rows = fold_rows(np.concatenate([shuffled, labels[32:]]))
    recipe = make_recipe(epochs=3)
    pixels = {
        r: Pixels(getattr(rows, r), make_store(images), recipe, device=CPU) for r in ("train", "validation", "test")
    }
    state = set_up(network, recipe, seed=0, device=CPU)
    train(state, recipe, **pixels, n_classes=2, seed=0, precision="fp32")
    spread = np.abs(state.epochs.test[-1][:, 0] - 0.5).max()
    assert spread < 0.4  # no certainty about anything; learned labels are above 0.49 after twelve epochs


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop", "adam", "adamax"])
def test_the_same_seed_gives_the_same_scores_bit_for_bit_and_another_does_not(optimiser: str) -> None:
    recipe = make_recipe(epochs=2, optimiser=optimiser, augmentation=TURNING)
    first, again, other = run(recipe), run(recipe), run(recipe, seed=1)
    assert (np.stack(first.epochs.test) == np.stack(again.epochs.test)).all()
    assert first.epochs.train_loss == again.epochs.train_loss != other.epochs.train_loss


@pytest.mark.parametrize(("trainable", "moving"), [("head", "head."), ("last:1", ("head.", "backbone.4."))])
def test_frozen_layers_do_not_move_nor_do_their_batch_norms(trainable: str, moving: str | tuple[str, ...]) -> None:
    before = set_up(network, make_recipe(trainable=trainable), seed=0, device=CPU).model.state_dict()
    after = run(make_recipe(epochs=2, trainable=trainable, l2=0.1)).model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name.startswith(moving)}
    assert "backbone.1.running_mean" not in changed and "backbone.1.num_batches_tracked" not in changed


def test_without_freezing_everything_moves() -> None:
    before = set_up(network, make_recipe(), seed=0, device=CPU).model.state_dict()
    after = run(make_recipe(epochs=2)).model.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in before)


def test_scoring_changes_nothing_and_does_not_depend_on_the_batch() -> None:
    images, labels = make_images()
    recipe = make_recipe()
    pixels = Pixels(fold_rows(labels).train, make_store(images), recipe, device=CPU)
    model = set_up(network, recipe, seed=0, device=CPU).model
    before = {k: v.clone() for k, v in model.state_dict().items()}
    scores = score(model, pixels, recipe, precision="fp32")
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert scores.shape == (24, 2) and np.allclose(scores.sum(1), 1, atol=1e-6)
    some = Pixels(pixels.rows.take(np.array([3, 9])), make_store(images), recipe, device=CPU)
    assert np.allclose(score(model, some, recipe, precision="fp32"), scores[[3, 9]], atol=1e-6)


def test_the_rate_of_the_recipe_reaches_the_optimiser() -> None:
    state = run(make_recipe(epochs=3, schedule="step", step_epoch=2, step_factor=0.1))
    assert state.optimiser.param_groups[0]["lr"] == pytest.approx(0.001)


def test_without_validation_rows_the_plateau_watches_the_training_loss() -> None:
    recipe = make_recipe(epochs=3, schedule="reduce_on_plateau", plateau_patience=1, learning_rate=0.003)
    state = run(recipe, seed=1, validation=False)
    first, second, _ = state.epochs.train_loss
    assert second < first - 1e-4
    assert state.epochs.validation[0].size == 0 and state.epochs.validation_loss == [0.0] * 3
    assert state.optimiser.param_groups[0]["lr"] == 0.003  # falling training losses; the zeros would have cut it


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    with pytest.raises(TrainingDiverged, match="after epoch 1"):
        run(make_recipe(optimiser="sgd", learning_rate=1e30))


def test_bf16_trains_and_agrees_with_fp32_within_its_precision() -> None:
    recipe = make_recipe(epochs=3)
    fp32, bf16 = run(recipe), run(recipe, precision="bf16")
    assert np.isfinite(bf16.epochs.test[-1]).all() and bf16.epochs.test[-1].dtype == np.float32
    assert np.abs(fp32.epochs.test[0] - bf16.epochs.test[0]).max() < 0.05
    assert all(p.dtype == torch.float32 for p in bf16.model.parameters())


@pytest.mark.parametrize(
    ("loss", "output"),
    [
        ("sparse_categorical_cross_entropy", "softmax"),
        ("kl_divergence", "softmax"),
        ("mean_squared_error", "softmax"),
        ("mean_squared_error", "sigmoid"),
        ("binary_cross_entropy", "sigmoid"),
    ],
)
def test_every_loss_lowers_itself(loss: str, output: str) -> None:
    losses = run(make_recipe(epochs=4, loss=loss, output=output)).epochs.train_loss
    assert losses[-1] < losses[0]


class Separable(nn.Module):
    """A depthwise and a pointwise convolution that remember what they were given."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.depthwise = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=8)
        self.pointwise, self.head = nn.Conv2d(8, 4, 1), nn.Linear(4, 2)
        self.seen: dict[str, torch.dtype] = {}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen["depthwise in"] = (maps := self.first(images)).dtype
        self.seen["depthwise out"] = (maps := self.depthwise(maps)).dtype
        self.seen["pointwise out"] = (maps := self.pointwise(maps)).dtype
        logits: torch.Tensor = self.head(maps.mean(dim=(2, 3)))
        return logits


def test_in_bf16_on_a_cpu_depthwise_convolutions_alone_stay_in_fp32() -> None:
    images = torch.rand(2, 3, 8, 8)
    state = set_up(Separable, make_recipe(), seed=0, device=CPU, precision="bf16")
    plain = set_up(Separable, make_recipe(), seed=0, device=CPU)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        kept, cast = state.model(images), plain.model(images)
    assert state.model.seen == {
        "depthwise in": torch.bfloat16,
        "depthwise out": torch.float32,
        "pointwise out": torch.bfloat16,
    }
    assert plain.model.seen["depthwise out"] == torch.bfloat16
    assert torch.allclose(kept.float(), cast.float(), atol=0.02)
    assert torch.allclose(state.model(images), plain.model(images))  # without autocast nothing differs
    assert state.model.state_dict().keys() == plain.model.state_dict().keys()
    kept.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in state.model.parameters())
