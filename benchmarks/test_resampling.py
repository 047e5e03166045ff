"""Group bootstrap of five metrics against scikit-learn in a loop, and how both resampling and duplicate search grow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

from benchmarks.conftest import Compare, Way
from leukbench.cohort.duplicates import find_pairs, hash_images
from leukbench.evaluation.resampling import METRICS, bootstrap_runs, draw_weights, group_run
from leukbench.records import Predictions

RESAMPLES = 10_000


def predictions(n: int, n_groups: int, *, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    score = 1 / (1 + np.exp(-(2.0 * label - 1 + rng.normal(0, 1.2, n))))
    group = np.array([f"g{k:05d}" for k in rng.integers(0, n_groups, n)])
    names = np.array([f"i{k}" for k in range(n)])
    return Predictions(
        classes=("hem", "all"), image_id=names, label=label, predicted=(score > 0.5).astype(np.int64),
        scores=np.stack([1 - score, score], axis=1), group=group, origin=names, patient=group,
        fold=np.zeros(n, dtype=np.int64), seed=np.zeros(n, dtype=np.int64),
    )  # fmt: skip


def test_ten_thousand_group_resamples(compare: Compare) -> None:
    p, names = predictions(2000, 28), METRICS
    some = 20

    def ours() -> object:
        run = group_run(p)
        weights = draw_weights(len(run.groups), RESAMPLES, generator=np.random.default_rng(0))
        return bootstrap_runs([run], weights, names=names)

    def loop() -> None:
        groups, codes = np.unique(p.group, return_inverse=True)
        rows, rng = [np.flatnonzero(codes == g) for g in range(len(groups))], np.random.default_rng(0)
        for _ in range(some):
            drawn = np.concatenate([rows[g] for g in rng.integers(0, len(groups), len(groups))])
            label, predicted, score = p.label[drawn], p.predicted[drawn], p.scores[drawn, 1]
            accuracy_score(label, predicted)
            balanced_accuracy_score(label, predicted)
            matthews_corrcoef(label, predicted)
            f1_score(label, predicted, average="macro")
            roc_auc_score(label, score)

    rows = compare(
        f"group bootstrap of {len(names)} metrics, 2,000 predictions, 28 groups",
        Way(ours, RESAMPLES),
        {"scikit-learn in a loop": Way(loop, some)},
        unit="resamples",
        goals={"scikit-learn in a loop": 1000.0},
    )
    assert rows[1].ratio > 10


def test_three_hundred_runs_together(compare: Compare) -> None:
    runs = [group_run(predictions(2000, 28, seed=seed)) for seed in range(10)] * 30
    weights = draw_weights(28, RESAMPLES, generator=np.random.default_rng(0))
    ours = Way(lambda: bootstrap_runs(runs, weights), len(runs))
    compare("10,000 group resamples of 300 runs", ours, {}, unit="runs", rounds=3, limit_s=5.0)


def test_how_resampling_grows(growth: Callable[..., float]) -> None:
    def make(n: int) -> Callable[[], object]:
        run = group_run(predictions(n, 28))
        weights = draw_weights(28, 1000, generator=np.random.default_rng(0))
        return lambda: bootstrap_runs([run], weights, names=METRICS)

    assert growth("group bootstrap by images", make, (2000, 8000, 32000), unit="images") < 1.9


def test_how_resampling_of_many_runs_grows(growth: Callable[..., float]) -> None:
    def make(n: int) -> Callable[[], object]:
        runs = [group_run(predictions(1000, 28, seed=1))] * n
        weights = draw_weights(28, 1000, generator=np.random.default_rng(0))
        return lambda: bootstrap_runs(runs, weights, names=METRICS)

    assert growth("group bootstrap by runs", make, (4, 16, 64), unit="runs") < 1.9


def greys(n: int, *, seed: int = 0) -> np.ndarray:
    """Return textured pictures (n, 64, 64); a hundredth of them are near copies of another."""
    import cv2

    rng = np.random.default_rng(seed)
    out = np.stack([cv2.resize(rng.integers(0, 256, (9, 9), dtype=np.uint8), (64, 64)) for _ in range(n)])
    for k in range(0, n // 100):
        out[-k - 1] = np.clip(out[k].astype(int) + rng.integers(-2, 3, (64, 64)), 0, 255)
    return out


def test_duplicate_search(compare: Compare) -> None:
    n, few = 10_661, 300
    pictures = greys(n)
    hashes = hash_images(pictures[:few])[:, 0]
    numbers, bits = (
        hashes.tolist(),
        np.unpackbits(hashes[:, None].view(np.uint8), axis=1).astype(bool).reshape(few, 8, 8),
    )

    def loop() -> list[tuple[int, int]]:
        return [(i, j) for i in range(few) for j in range(i) if (numbers[i] ^ numbers[j]).bit_count() <= 6]

    def loop_over_arrays() -> list[tuple[int, int]]:
        """What subtracting two imagehash objects does."""
        flat = [np.count_nonzero(bits[i].flatten() != bits[j].flatten()) for i in range(few) for j in range(i)]
        return [(0, int(d)) for d in flat if d <= 6]

    rows = compare(
        f"duplicate search, {n:,} decoded images, hashed and searched in 8 symmetries",
        Way(lambda: find_pairs(hash_images(pictures), radius=6), n * (n - 1) / 2),
        {
            "pairwise loop as imagehash compares, ready hashes, 1 symmetry": Way(loop_over_arrays, few * (few - 1) / 2),
            "pairwise loop over integers, ready hashes, 1 symmetry": Way(loop, few * (few - 1) / 2),
        },
        unit="pairs",
        goals={"pairwise loop as imagehash compares, ready hashes, 1 symmetry": 500.0},
        limit_s=2.0,
        rounds=3,
    )
    assert rows[0].rate > 0


def test_how_duplicate_search_grows(growth: Callable[..., float]) -> None:
    def make(n: int) -> Callable[[], object]:
        hashes = hash_images(greys(n))
        return lambda: find_pairs(hashes, radius=6)

    assert growth("duplicate search by images, hashed before", make, (1000, 4000, 16000), unit="images") < 1.6
