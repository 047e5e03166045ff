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
from leukbench.training.engine import (
    State,
    TrainingDiverged,
    _gradient,
    _has_batch_statistics,
    _mixed,
    _refuse_divergence,
    score,
    set_up,
    train,
)
from leukbench.training.recipe import make_loss, normalise
from tests.support.tiny_world import CLASSES, MODEL, fold_rows, make_images, make_recipe, make_rows, make_store

pytestmark = pytest.mark.trains

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
    a, b = (pixels.draws_for_epoch(10, seed=0, epoch=epoch).matrices for epoch in (0, 1))
    assert (a == pixels.draws_for_epoch(10, seed=0, epoch=0).matrices).all() and (a != b).any()
    (x, _), *rest = list(pixels.scoring_batches())
    assert not rest
    assert torch.equal(x, normalise(torch.from_numpy(images[-10:]).permute(0, 3, 1, 2), "unit"))


def test_planned_copies_are_rendered_from_their_seed_whatever_else_is_in_the_batch() -> None:
    images, _ = make_images()
    copy, pixel_row = np.array([0, 1, 2, 0]), np.array([5, 5, 5, 6])
    recipe = make_recipe(copies=Augmentation(rotation_deg=30.0))
    rows = make_rows(np.array([0, 0, 0, 1]), pixel_row, copy)
    assert list(rows.image_id) == ["i5", "i5#1", "i5#2", "i6"]
    shown = Pixels(rows, make_store(images), recipe, device=CPU).uint8_images(np.arange(4))
    for k in (1, 2):
        draws = draw_copy(recipe.copies, "i5", k, side_px=32)
        assert (shown[k] == render(images[5:6], draws, fill="constant")[0]).all()
    assert (shown[0] == images[5]).all() and (shown[3] == images[6]).all() and (shown[1] != shown[2]).any()
    alone = Pixels(rows.take(np.array([2])), make_store(images), recipe, device=CPU)
    assert (alone.uint8_images(np.array([0]))[0] == shown[2]).all()


def training_images(pixels: Pixels, order: np.ndarray, epoch: int) -> dict[int, list[bytes]]:
    """Return what an epoch shows, by label: rows are told apart by a label of their own."""
    seen: dict[int, list[bytes]] = {}
    for images, labels in pixels.training_batches(order, seed=0, epoch=epoch):
        for image, label in zip(images, labels.tolist(), strict=True):
            seen.setdefault(label, []).append(image.numpy().tobytes())
    return seen


def test_arms_of_a_study_are_tested_on_the_same_pixels_and_train_on_their_own_augmentation_of_the_same_files() -> None:
    images, _ = make_images()
    rows = make_rows(np.arange(4), np.array([5, 5, 5, 6]), np.array([0, 1, 2, 0]))
    copies = Augmentation(rotation_deg=30.0, contrast=(0.5, 0.9))
    mirrored = Augmentation(combination="one", flip_horizontal=True)  # each image is mirrored, in every epoch
    plain, turned = (
        Pixels(rows, make_store(images), make_recipe(copies=copies, augmentation=a), device=CPU)
        for a in (Augmentation(), mirrored)
    )
    tested = [torch.cat([x for x, _ in p.scoring_batches()]) for p in (plain, turned)]
    assert torch.equal(*tested)
    assert (plain.uint8_images(np.arange(4)) == turned.uint8_images(np.arange(4))).all()
    order = np.arange(4)
    for epoch in (0, 1):
        files, shown = training_images(plain, order, epoch), training_images(turned, order, epoch)
        for row in range(4):
            assert files[row] == [tested[0][row].numpy().tobytes()]  # a training copy is the file, in every epoch
            assert shown[row] == [
                tested[0][row].flip(-1).contiguous().numpy().tobytes()
            ]  # and the arm's augmentation is done to it


def test_a_row_that_oversampling_repeats_has_an_augmentation_of_its_own_drawn_anew_each_epoch() -> None:
    images, _ = make_images()
    labels = np.array([0] * 12 + [1] * 2)
    pixels = Pixels(make_rows(labels, np.arange(14)), make_store(images), make_recipe(augmentation=TURNING), device=CPU)
    first, second = (training_images(pixels, balanced_order(pixels.rows, 2, seed=0, epoch=e), e)[1] for e in (0, 1))
    assert len(first) == len(set(first)) == 12 and len(set(second)) == 12  # two images, twelve pictures
    assert not set(first) & set(second)
    orders = [balanced_order(pixels.rows, 2, seed=0, epoch=e) for e in range(4)]
    assert len({tuple(order) for order in orders}) > 1  # and which row is repeated is drawn anew too


@pytest.mark.parametrize(
    ("n", "last", "expected"),
    [
        (8710, "dropped", [128] * 68), (12_515, "dropped", [128] * 97), (8710, "kept", [128] * 68 + [6]),
        (129, "kept", [128]), (128, "dropped", [128]), (100, "dropped", [100]), (1, "kept", [1]),
    ],
)  # fmt: skip
def test_the_last_batch_is_dropped_where_the_recipe_says_so_but_never_the_only_one(
    n: int, last: str, expected: list[int]
) -> None:
    rows = make_rows(np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64))
    store = make_store(np.zeros((1, 1, 1, 3), np.uint8))
    pixels = Pixels(rows, store, make_recipe(batch_size=128, last_batch=last), device=CPU)
    assert [len(y) for _, y in pixels.training_batches(np.arange(n), seed=0, epoch=0)] == expected


def test_oversampling_gives_every_class_the_size_of_the_largest() -> None:
    labels = np.array([0] * 20 + [1] * 7 + [2] * 1)
    rows = make_rows(labels, np.arange(28))
    order = balanced_order(rows, 3, seed=0, epoch=0)
    assert np.bincount(labels[order]).tolist() == [20, 20, 20]
    assert (order[:28] == np.arange(28)).all()  # nobody is lost
    assert (order == balanced_order(rows, 3, seed=0, epoch=0)).all()
    assert all((order != balanced_order(rows, 3, seed=s, epoch=e)).any() for s, e in ((1, 0), (0, 1)))
    with pytest.raises(SplitError, match="no training image"):
        balanced_order(rows, 4, seed=0, epoch=0)


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
    with pytest.raises(TrainingDiverged, match=r"the training loss is (nan|inf)\n  where: epoch 1, batch 2"):
        run(make_recipe(optimiser="sgd", learning_rate=1e30))


def test_the_first_batch_whose_loss_is_not_finite_is_named_also_where_an_epoch_is_read_once() -> None:
    finite, broken = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([float("nan"), 0.0, 4.0])
    _refuse_divergence([finite, finite], first=1, epoch=2)
    with pytest.raises(TrainingDiverged, match="epoch 3, batch 2"):
        _refuse_divergence([finite, broken, broken], first=1, epoch=2)


class Plain(nn.Module):
    """A network without batch statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.head = nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(images))
        return logits


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 1.0, 3.0])])
def test_a_batch_in_parts_has_the_gradient_and_the_loss_of_the_whole(weights: torch.Tensor | None) -> None:
    torch.manual_seed(0)
    model, images, labels = Plain().double(), torch.rand(37, 3, 8, 8, dtype=torch.float64), torch.arange(37) % 3
    loss_of = make_loss(make_recipe(), weights)
    found = []
    for size in (37, 10, 1):
        model.zero_grad()
        total = _gradient(model, images, (labels,), lambda x, y: loss_of(x, y[0]), size=size, precision="fp32")
        found.append((total, torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])))
    for total, gradient in found[1:]:
        assert torch.allclose(total, found[0][0]) and torch.allclose(gradient, found[0][1], atol=1e-7)
    assert found[0][0][2] == 37 and found[0][0][0].item() == pytest.approx(
        37 * loss_of(model(images), labels).item(), rel=1e-5
    )


def test_only_networks_without_batch_statistics_are_taken_in_parts() -> None:
    frozen = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).eval()
    assert _has_batch_statistics(network()) and not _has_batch_statistics(Plain()) and not _has_batch_statistics(frozen)


def test_mixup_mixes_images_and_their_losses_by_one_share_a_batch() -> None:
    images, labels = torch.rand(6, 3, 2, 2), torch.tensor([0, 1, 0, 1, 2, 2])
    mixed, (own, other), loss = _mixed(
        images, labels, lambda logits, of: of.double().mean(), alpha=0.4, rng=np.random.default_rng(1)
    )
    draw = np.random.default_rng(1)
    share, partner = draw.beta(0.4, 0.4), draw.permutation(6)
    assert torch.allclose(mixed, share * images + (1 - share) * images[partner])
    assert torch.equal(own, labels) and torch.equal(other, labels[partner])
    assert loss(images, (torch.ones(2), torch.zeros(2))).item() == pytest.approx(share)
    assert np.isfinite(run(make_recipe(mixup=0.2)).epochs.train_loss).all()


def test_a_run_stops_when_its_validation_loss_no_longer_falls() -> None:
    losses = run(make_recipe(epochs=60, learning_rate=0.1, stop_patience=2)).epochs.validation_loss
    assert len(losses) < 60 and min(losses[-2:]) >= min(losses[:-2])
    best_before = [min(losses[: k - 2]) for k in range(3, len(losses))]
    assert all(min(losses[k - 2 : k]) < best for k, best in zip(range(3, len(losses)), best_before, strict=True))


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
