"""Made-up predictions whose every property is chosen."""

from __future__ import annotations

import numpy as np

from leukbench.records import Predictions


def make_predictions(
    *, n: int = 600, n_groups: int = 14, n_classes: int = 2, n_folds: int = 1, n_seeds: int = 1, seed: int = 0,
    one_label: bool = True, skill: float = 0.5, nuisance: float = 0.15,
) -> Predictions:  # fmt: skip
    """Predictions of ``n`` images in groups; groups have one label each unless told otherwise, and lie in one fold."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % n_groups
    label = group % n_classes if one_label else rng.integers(0, n_classes, n)
    lean = rng.normal(0, nuisance, (n_groups, n_classes))[group]
    parts = []
    for _ in range(n_seeds):
        scores = np.clip(rng.dirichlet(np.ones(n_classes), n) + skill * np.eye(n_classes)[label] + lean, 1e-3, None)
        parts.append(np.round(scores / scores.sum(axis=1, keepdims=True), 3))  # rounded: there are ties
    scores = np.concatenate(parts)
    scores[:, -1] = 1 - scores[:, :-1].sum(axis=1)

    def tile(values: np.ndarray) -> np.ndarray:
        return np.tile(values, n_seeds)

    names = np.array([f"i{k:05d}" for k in range(n)])
    groups = np.array([f"p{k:03d}" for k in group])
    return Predictions(
        classes=tuple("abcdefgh"[:n_classes]), image_id=tile(names), label=tile(label), predicted=scores.argmax(axis=1),
        scores=scores, group=tile(groups), origin=tile(names), patient=tile(groups),
        fold=tile((group // n_classes) % n_folds), seed=np.repeat(np.arange(n_seeds), n),
    )  # fmt: skip
