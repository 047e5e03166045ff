"""Can the patient be told from the image? A probe without a network, which explains a gap between splits.

The same images that an experiment tests, cut within patients: every patient stands in training and test, and the
question is whose an image is. Where no patient ids are published the groups stand in; these were joined because their
images look alike or come from one original, so that naming them says much less.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukbench.pixels.features import Image, colour_histogram, small_pixels
from leukbench.pixels.store import Store
from leukbench.records import FloatArray, StringArray
from leukbench.seeds import generator_for, seed_for

PROBE_COLUMNS = ("probe", "unit", "cut", "image_id", "label", "truth", "predicted")
"""``unit``: patient or group; ``truth`` and ``predicted`` are their ids; ``cut`` is the part of the probe's own
cross-validation.
"""
CUTS = 3
MOST_IMAGES = 30
"""Images of a patient that take part: more would cost minutes and let a few patients speak for all."""


PROBES: dict[str, Callable[[Image], FloatArray]] = {"colour_histogram": colour_histogram, "small_pixels": small_pixels}
"""Name -> features of one image; a logistic regression stands over each."""


def probe_images(split: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Return the images that take part: columns image_id, label, unit, truth.

    Copies are left out and of images of one origin the first stays. A patient (a group, where no row has a patient)
    needs ``CUTS`` images and gives at most ``MOST_IMAGES``, drawn at random. No row where fewer than two qualify.
    """
    images = split[split["copy"].astype(int) == 0].sort_values("image_id").drop_duplicates("origin")
    unit = "patient" if images["patient"].ne("").any() else "group"
    images = images[images[unit].ne("")]
    images = images.assign(unit=unit, truth=images[unit])[["image_id", "label", "unit", "truth"]]
    sizes = images["truth"].map(images["truth"].value_counts())
    images = images[sizes >= CUTS]
    order = generator_for(seed, "probe").permutation(len(images))
    images = images.iloc[order].groupby("truth", sort=True).head(MOST_IMAGES).sort_values("image_id", ignore_index=True)
    return images if images["truth"].nunique() > 1 else images.head(0)


def probe_patients(split: pd.DataFrame, store: Store, *, seed: int) -> pd.DataFrame:
    """Return who each image was taken to be by each probe (``PROBE_COLUMNS``), cross-validated within patients.

    Images whose patient cannot be probed are left out (:func:`probe_images`); no row where nobody can.
    """
    images = probe_images(split, seed=seed)
    if images.empty:
        return pd.DataFrame(columns=list(PROBE_COLUMNS), dtype=str)
    truth = images["truth"].to_numpy(dtype=str)
    shown = [np.asarray(store.images[store.row_of[name]]) for name in images["image_id"]]
    tables = []
    for probe, feature in PROBES.items():
        predicted, cut = _named(
            np.stack([feature(image) for image in shown]), truth, seed=seed_for(seed, "probe", probe)
        )
        tables.append(images.assign(probe=probe, cut=cut, predicted=predicted)[list(PROBE_COLUMNS)])
    return pd.concat(tables, ignore_index=True)


def _named(features: FloatArray, truth: StringArray, *, seed: int) -> tuple[StringArray, np.ndarray]:
    """Return whom the model names for each image, each predicted from the other cuts, and the image's cut."""
    predicted, cut = truth.copy(), np.zeros(len(truth), dtype=np.int64)
    folds = StratifiedKFold(CUTS, shuffle=True, random_state=seed % 2**32)
    for k, (train, test) in enumerate(folds.split(features, truth)):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, C=0.1))
        predicted[test] = model.fit(features[train], truth[train]).predict(features[test])
        cut[test] = k
    return predicted, cut
