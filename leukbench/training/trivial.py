"""Models without a network, beside every network: what colour, corners and size alone can tell.

A study in which one of them comes close to the network has a shortcut; a network below the majority class has learned nothing.
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


def features_of(pixels: Pixels, features: Iterable[Feature]) -> dict[Feature, FloatArray]:
    """Return ``(n_rows, n_features)`` of all rows for each feature, planned copies rendered once, as the network sees them."""
    found: dict[Feature, list[FloatArray]] = {feature: [] for feature in features}
    for start in range(0, len(pixels.rows), 256):
        images = pixels.uint8_images(np.arange(start, min(start + 256, len(pixels.rows))))
        for feature, rows in found.items():
            rows += [feature(image) for image in images]
    return {feature: np.stack(rows) for feature, rows in found.items()}


def trivial_scores(train: Pixels, test: Pixels, *, n_classes: int, seed: int) -> dict[str, FloatArray]:
    """Return scores ``(n_test_rows, n_classes)`` of each trivial model, fitted on the training rows alone."""
    counts = np.bincount(train.rows.label, minlength=n_classes)
    scores = {"majority": np.repeat((counts / counts.sum())[None], len(test.rows), axis=0)}
    wanted = dict.fromkeys(feature for feature, _ in TRIVIAL_MODELS.values())
    seen, shown = features_of(train, wanted), features_of(test, wanted)
    for name, (feature, classifier) in TRIVIAL_MODELS.items():
        model = classifier(seed_for(seed, "trivial", name)).fit(seen[feature], train.rows.label)
        columns = np.zeros((len(test.rows), n_classes))
        columns[:, model.classes_] = model.predict_proba(shown[feature])
        scores[name] = columns
    return scores
