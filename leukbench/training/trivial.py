"""Models without a network, beside every network: what colour, corners and size alone can tell.

A study in which one of them comes close to the network has a shortcut; a network below the majority class has learned
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukbench.pixels.features import Feature, border, colour_histogram, foreground_size, mean_colour
from leukbench.records import FloatArray
from leukbench.seeds import seed_for
from leukbench.training.data import Pixels


def _logistic(seed: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=1.0))


def _trees(seed: int) -> Any:
    return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=seed % 2**31)


TRIVIAL_MODELS: dict[str, tuple[Feature, Callable[[int], Any]]] = {
    "mean_colour": (mean_colour, _logistic),
    "colour_histogram": (colour_histogram, _logistic),
    "colour_histogram_trees": (colour_histogram, _trees),
    "border": (border, _logistic),
    "foreground_size": (foreground_size, _logistic),
}
"""Name -> features of one image and the classifier over them; ``majority`` stands beside these."""


class Features:
    """Features of the rows of one experiment: an image or planned copy is looked at once, however many
    folds show it.
    """

    def __init__(self, wanted: Iterable[Feature]) -> None:
        self._seen: dict[Feature, dict[str, FloatArray]] = {feature: {} for feature in wanted}

    def of(self, pixels: Pixels) -> dict[Feature, FloatArray]:
        """Return ``(n_rows, n_features)`` of all rows for each feature, planned copies as the network sees them."""
        names, known = pixels.rows.image_id.tolist(), next(iter(self._seen.values()))
        new = np.array([row for row, name in enumerate(names) if name not in known], dtype=np.int64)
        for start in range(0, len(new), 256):
            index = new[start : start + 256]
            for row, image in zip(index, pixels.uint8_images(index), strict=True):
                for feature, seen in self._seen.items():
                    seen[names[row]] = feature(image)
        return {feature: np.stack([seen[name] for name in names]) for feature, seen in self._seen.items()}


def trivial_features() -> Features:
    """Return what remembers the features of all trivial models."""
    return Features(dict.fromkeys(feature for feature, _ in TRIVIAL_MODELS.values()))


def trivial_scores(
    train: Pixels, test: Pixels, *, n_classes: int, seed: int, features: Features | None = None
) -> dict[str, FloatArray]:
    """Return scores ``(n_test_rows, n_classes)`` of each trivial model, fitted on the training rows alone.

    ``features`` remembers what other folds of the same experiment have shown.
    """
    counts = np.bincount(train.rows.label, minlength=n_classes)
    scores = {"majority": np.repeat((counts / counts.sum())[None], len(test.rows), axis=0)}
    features = features or trivial_features()
    x_train, x_test = features.of(train), features.of(test)
    for name, (feature, classifier) in TRIVIAL_MODELS.items():
        model = classifier(seed_for(seed, "trivial", name)).fit(x_train[feature], train.rows.label)
        columns = np.zeros((len(test.rows), n_classes))
        columns[:, model.classes_] = model.predict_proba(x_test[feature])
        scores[name] = columns
    return scores
