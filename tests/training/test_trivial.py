"""What models without a network can tell, on images whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from leukbench.pixels.features import border, colour_histogram, foreground_size, mean_colour
from leukbench.records import Augmentation
from leukbench.training.data import Pixels
from leukbench.training.trivial import TRIVIAL_MODELS, Features, trivial_scores
from tests.support.tiny_world import make_recipe, make_rows, make_store

CPU = torch.device("cpu")
SIDE = 32


def pixels(images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> Pixels:
    return Pixels(make_rows(labels[rows], rows), make_store(images), make_recipe(), device=CPU)


def accuracies(images: np.ndarray, labels: np.ndarray, n_train: int) -> dict[str, float]:
    train, test = np.arange(n_train), np.arange(n_train, len(labels))
    scores = trivial_scores(
        pixels(images, labels, train), pixels(images, labels, test), n_classes=int(labels.max()) + 1, seed=0
    )
    assert set(scores) == {"majority", *TRIVIAL_MODELS}
    for values in scores.values():
        assert values.shape == (len(test), labels.max() + 1) and np.allclose(values.sum(1), 1)
    return {name: float((s.argmax(1) == labels[test]).mean()) for name, s in scores.items()}


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)


def test_the_majority_model_gives_the_prior_of_the_training_rows() -> None:
    images, labels = noise(12), np.array([0] * 6 + [1] * 2 + [0, 1, 1, 1])
    scores = trivial_scores(
        pixels(images, labels, np.arange(8)), pixels(images, labels, np.arange(8, 12)), n_classes=2, seed=0
    )
    assert (scores["majority"] == [0.75, 0.25]).all()


def test_colour_models_separate_coloured_images_and_size_does_not() -> None:
    images, labels = noise(60) // 2, np.arange(60) % 3
    for k in range(60):
        images[k, :, :, labels[k]] += 100
    found = accuracies(images, labels, 40)
    assert found["mean_colour"] == found["colour_histogram"] == found["border"] == 1.0
    assert found["majority"] < 0.5


def test_a_class_told_by_its_size_is_told_by_the_foreground_alone() -> None:
    images, labels = np.zeros((40, SIDE, SIDE, 3), np.uint8), np.arange(40) % 2
    rng = np.random.default_rng(0)
    for k in range(40):
        half = (6 if labels[k] else 10) + rng.integers(-1, 2)
        images[k, 16 - half : 16 + half, 16 - half : 16 + half] = 120
    found = accuracies(images, labels, 28)
    assert found["foreground_size"] == 1.0


def test_a_mark_in_one_corner_is_told_by_the_border() -> None:
    images, labels = noise(60), np.arange(60) % 2
    images[labels == 1, -4:, -4:] = 250
    found = accuracies(images, labels, 40)
    assert found["border"] == 1.0 and found["foreground_size"] < 0.9


def test_nothing_is_told_where_nothing_is_to_be_told() -> None:
    labels = np.random.default_rng(1).permutation(np.arange(240) % 2)
    found = accuracies(noise(240), labels, 120)
    assert all(0.35 < value < 0.65 for value in found.values())  # 120 tests: ± 3 standard errors of 0.5


def test_the_classifiers_never_see_the_test_labels() -> None:
    images, labels = noise(40), np.arange(40) % 2
    train = pixels(images, labels, np.arange(30))
    a = trivial_scores(train, pixels(images, labels, np.arange(30, 40)), n_classes=2, seed=0)
    b = trivial_scores(train, pixels(images, 1 - labels, np.arange(30, 40)), n_classes=2, seed=0)
    assert all((a[name] == b[name]).all() for name in a)


def test_features_by_hand() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, :4] = (200, 100, 50)
    assert mean_colour(image) == pytest.approx([100, 50, 25, 100, 50, 25])
    histogram = colour_histogram(image)
    assert histogram.shape == (112,)
    assert histogram[:48].reshape(3, 16).sum(1) == pytest.approx([1, 1, 1]) and histogram[48:].sum() == pytest.approx(1)
    assert histogram[0] == histogram[200 // 16] == 0.5 and histogram[48 + 0] == 0.5
    assert histogram[48 + 3 * 16 + 1 * 4 + 0] == 0.5  # red 200 in bin 3 of 4, green 100 in 1, blue 50 in 0
    assert border(image).shape == (48,)
    assert border(image)[:3] == pytest.approx([200, 100, 50]) and border(image)[6:9] == pytest.approx([0, 0, 0])
    size = foreground_size(image)
    assert size[0] == 0.5


def test_planned_copies_are_seen_as_the_network_sees_them() -> None:
    images = noise(1)
    recipe = make_recipe(copies=Augmentation(brightness=(0.5, 0.5)))
    rows = make_rows(np.array([0, 0]), np.array([0, 0]), np.array([0, 1]))
    features = Features([mean_colour]).of(Pixels(rows, make_store(images), recipe, device=CPU))[mean_colour]
    assert features[1, :3] == pytest.approx(features[0, :3] / 2, abs=0.6)


def test_what_several_folds_show_is_looked_at_once() -> None:
    images, labels = noise(20), np.arange(20) % 2
    looked: list[float] = []

    def brightness(image: np.ndarray) -> np.ndarray:
        looked.append(float(image.mean()))
        return np.array([image.mean()])

    features = Features([brightness])
    parts = [np.arange(12), np.arange(8, 20), np.array([19, 3])]
    for rows in parts:
        found = features.of(pixels(images, labels, rows))[brightness]
        assert found[:, 0] == pytest.approx(images[rows].mean(axis=(1, 2, 3)))
    assert len(looked) == 20


def test_scores_are_the_same_each_time() -> None:
    images, labels = noise(40), np.arange(40) % 2
    train, test = pixels(images, labels, np.arange(30)), pixels(images, labels, np.arange(30, 40))
    a, b = (trivial_scores(train, test, n_classes=2, seed=0) for _ in range(2))
    assert all((a[name] == b[name]).all() for name in a)
