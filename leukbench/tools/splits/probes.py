"""How much colour, border and size alone tell: the class, the patient, and the part of a split that an image is in."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leukbench.evaluation.controls import probe_result
from leukbench.evaluation.estimates import matrix_estimates
from leukbench.evaluation.patients import average_copies
from leukbench.records import Estimate, FloatArray, IntArray, Predictions, StringArray
from leukbench.seeds import generator_for, seed_for

CUTS = 3
MOST_IMAGES = 3000
MOST_PATIENTS = 40
MOST_OF_A_PATIENT = 30


@dataclass(frozen=True, kw_only=True)
class ProbeScore:
    """How often a model without a network is right: about ``what``, against ``chance``, with its 95 % interval by
    group.

    ``value``: balanced accuracy of class and part (chance 1 / number of them), share of images of patients.
    ``above_chance``: the lower limit lies above chance.
    """

    what: str
    value: float
    low: float
    high: float
    chance: float
    n_images: int
    n_groups: int
    above_chance: bool
    note: str = ""


def probe_collection(
    rows: pd.DataFrame, features: FloatArray, groups: StringArray, *, seed: int = 0
) -> list[ProbeScore]:
    """Return what a logistic regression over ``features`` ``(n_images, n_features)`` tells of label, part and patient.

    Label and part are cross-validated by ``groups`` (patient, origin, pictures alike): no group is on both sides.
    Patients are named within patients, each on both sides. At most :data:`MOST_IMAGES` images and :data:`MOST_PATIENTS`
    patients take part.
    """
    found = []
    for what, column in (("class", "label"), ("part of the split", "part")):
        score = _by_group(
            rows[column].to_numpy(dtype=str), features, groups, what=what, seed=seed_for(seed, "probe", column)
        )
        found += [score] if score is not None else []
    named = _patients(rows, features, seed=seed)
    return [*found, *([named] if named is not None else [])]


def _by_group(
    truth: StringArray, features: FloatArray, groups: StringArray, *, what: str, seed: int
) -> ProbeScore | None:
    from sklearn.model_selection import StratifiedGroupKFold

    use = np.flatnonzero(truth != "")
    names, counts = np.unique(truth[use], return_counts=True)
    enough = {name for name, n in zip(names.tolist(), counts.tolist(), strict=True) if n >= 2 * CUTS}
    use = use[[truth[i] in enough for i in use]]
    use = np.sort(generator_for(seed, "probe sample").permutation(use)[:MOST_IMAGES])
    classes, label = np.unique(truth[use], return_inverse=True)
    if len(np.unique(groups[use])) < CUTS or len(classes) < 2:
        return None
    folds = StratifiedGroupKFold(CUTS, shuffle=True, random_state=seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class in fewer groups than folds
        cuts = list(folds.split(features[use], label, groups[use]))
    predicted = _cross_predicted(features[use], label, cuts)
    e = _balanced_accuracy(label.astype(np.int64), predicted, [str(c) for c in classes], groups[use])
    chance = 1 / len(classes)
    return ProbeScore(
        what=what, value=e.value, low=e.low, high=e.high, chance=chance, n_images=len(use), n_groups=e.n_groups,
        above_chance=bool(e.low > chance), note=e.note,
    )  # fmt: skip


def _balanced_accuracy(
    label: IntArray, predicted: IntArray, classes: Sequence[str], groups: StringArray
) -> Estimate:  # fmt: skip
    n = len(label)
    zeros, ids = np.zeros(n, dtype=np.int64), np.array([str(i) for i in range(n)])
    p = Predictions(
        classes=tuple(classes),
        image_id=ids,
        label=label,
        predicted=predicted,
        scores=np.full((n, len(classes)), np.nan),
        group=groups,
        origin=ids,
        patient=groups,
        fold=zeros,
        seed=zeros,
    )
    return next(e for e in matrix_estimates(average_copies(p)) if e.metric == "balanced_accuracy")


def _patients(rows: pd.DataFrame, features: FloatArray, *, seed: int) -> ProbeScore | None:
    """Return how often the patient of an image is named, the images cut within patients."""
    from sklearn.model_selection import StratifiedKFold

    rng = generator_for(seed, "probe patients")
    counts = rows.loc[rows["patient"].ne(""), "patient"].value_counts()
    able = np.sort(counts[counts >= CUTS].index.to_numpy(dtype=str))
    if len(able) < 2:
        return None
    chosen = set(rng.permutation(able)[:MOST_PATIENTS].tolist())
    order = rng.permutation(len(rows))
    kept = rows.iloc[order][rows.iloc[order]["patient"].isin(chosen)]
    use = np.sort(kept.groupby("patient", sort=True).head(MOST_OF_A_PATIENT).index.to_numpy())
    truth, label = rows.loc[use, "patient"].to_numpy(dtype=str), rows.loc[use, "label"].to_numpy(dtype=str)
    names, codes = np.unique(truth, return_inverse=True)
    folds = StratifiedKFold(CUTS, shuffle=True, random_state=seed_for(seed, "probe", "patient") % 2**32)
    predicted = names[_cross_predicted(features[use], codes, list(folds.split(features[use], codes)))]
    found = probe_result(truth, predicted, label, unit="patient")
    return ProbeScore(
        what="patient", value=found.accuracy.value, low=found.accuracy.low, high=found.accuracy.high,
        chance=max(found.majority, found.by_class), n_images=found.n_images, n_groups=found.n_units,
        above_chance=found.above_chance, note=found.accuracy.note,
    )  # fmt: skip


def _cross_predicted(
    features: FloatArray, label: np.ndarray, cuts: Sequence[tuple[np.ndarray, np.ndarray]]
) -> IntArray:
    """Return the class called for each row by a model of the other cuts; classes count alike."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted = np.zeros(len(label), dtype=np.int64)
    for train, test in cuts:
        if len(np.unique(label[train])) < 2:
            predicted[test] = label[train][0] if len(train) else 0
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200, C=0.1, class_weight="balanced"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            predicted[test] = model.fit(features[train], label[train]).predict(features[test])
    return predicted
