"""Models without a network, beside every network: what colour, corners and size alone can tell.

A study in which one of them comes close to the network has a shortcut; a network below the majority class has learned nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukbench.pixels.features import Image, border, colour_histogram, foreground_size, mean_colour
from leukbench.records import FloatArray
from leukbench.seeds import seed_for
from leukbench.training.data import Pixels


def _logistic(seed: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=1.0))


def _trees(seed: int) -> Any:
    return HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=seed % 2**31)


TRIVIAL_MODELS: dict[str, tuple[Callable[[Image], FloatArray], Callable[[int], Any]]] = {
    "mean_colour": (mean_colour, _logistic),
    "colour_histogram": (colour_histogram, _logistic),
    "colour_histogram_trees": (colour_histogram, _trees),
    "border": (border, _logistic),
    "foreground_size": (foreground_size, _logistic),
}
"""Name -> features of one image and the classifier over them; ``majority`` stands beside these."""


def features_of(pixels: Pixels, feature: Callable[[Image], FloatArray]) -> FloatArray:
    """Return features ``(n_rows, n_features)`` of all rows, planned copies rendered as the network sees them."""
    chunks = []
    for start in range(0, len(pixels.rows), 256):
        index = np.arange(start, min(start + 256, len(pixels.rows)))
        chunks.append(np.stack([feature(image) for image in pixels.uint8_images(index)]))
    return np.concatenate(chunks)


def trivial_scores(train: Pixels, test: Pixels, *, n_classes: int, seed: int) -> dict[str, FloatArray]:
    """Return scores ``(n_test_rows, n_classes)`` of each trivial model, fitted on the training rows alone."""
    counts = np.bincount(train.rows.label, minlength=n_classes)
    scores = {"majority": np.repeat((counts / counts.sum())[None], len(test.rows), axis=0)}
    cache: dict[Any, tuple[FloatArray, FloatArray]] = {}
    for name, (feature, classifier) in TRIVIAL_MODELS.items():
        if feature not in cache:
            cache[feature] = features_of(train, feature), features_of(test, feature)
        x_train, x_test = cache[feature]
        model = classifier(seed_for(seed, "trivial", name)).fit(x_train, train.rows.label)
        columns = np.zeros((len(test.rows), n_classes))
        columns[:, model.classes_] = model.predict_proba(x_test)
        scores[name] = columns
    return scores
