"""The cohort whose right answers are known, trained small: what a split by image adds,
and that nothing is added where nothing leaks.

Three seeds, three folds each, fewer epochs than the study's own: under a minute of one core. No classifier can be right
in more than Φ(1/2) of new patients' images (the class signal has d′ = 1).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from leukbench.cohort.duplicates import PAIR_COLUMNS
from leukbench.cohort.groups import make_groups
from leukbench.cohort.manifest import as_manifest
from leukbench.cohort.splits import make_splits
from leukbench.papers.loader import load_paper
from leukbench.pixels.store import Store, build_store, open_store
from leukbench.records import NetworkSpec
from leukbench.sources import load_source
from leukbench.training.data import Pixels
from leukbench.training.engine import set_up, train
from leukbench.training.experiment import fold_rows
from leukbench.training.network import build_network

pytestmark = pytest.mark.trains

CEILING = NormalDist().cdf(0.5)
SEEDS = (0, 1, 2)
EPOCHS = {"known_answer": 14, "known_answer_null": 6}
STUDIES = {"known_answer": "cohort", "known_answer_null": "no_effect"}


@dataclass(frozen=True)
class Made:
    """A cohort on disk: its rows, what must stay together, its pixels."""

    manifest: pd.DataFrame
    groups: pd.DataFrame
    store: Store


@dataclass(frozen=True)
class Outcome:
    """Every image tested once: whether it was right, and whose it is."""

    right: npt.NDArray[np.bool_]
    patient: npt.NDArray[np.str_]

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def standard_error(self) -> float:
        """Between patients, who have equally many images."""
        by_patient = pd.Series(self.right.astype(float)).groupby(self.patient).mean()
        return float(by_patient.std(ddof=1) / math.sqrt(len(by_patient)))


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Both cohorts at full size; patients are the groups, no search for look-alikes is needed here."""
    no_pairs = pd.DataFrame({c: pd.Series(dtype="str") for c in PAIR_COLUMNS})
    made = {}
    for name in STUDIES:
        source, folder = load_source(name), tmp_path_factory.mktemp(name)
        assert source.make is not None
        source.make(folder / "files", seed=0)
        manifest = as_manifest(source.index(folder / "files"))
        file: Path = folder / "store.npy"
        build_store(manifest, folder / "files", file, side_px=32, crop=1.0)
        made[name] = Made(manifest, make_groups(manifest, no_pairs), open_store(file))
    return made


def cross_validate(made: Made, source: str, protocol: str, *, seed: int) -> Outcome:
    """Train the study's network in every fold of a protocol and test each image once."""
    paper = load_paper("known_answer")
    study = paper.studies[STUDIES[source]]
    recipe = dataclasses.replace(paper.recipes["small_cnn"].recipe, epochs=EPOCHS[source])
    rule = study.protocols[protocol][0].rule  # type: ignore[index]
    split = make_splits(made.manifest, made.groups, rule, seed=seed, classes=study.classes, n_searched=1)
    classes, network, cpu = (
        tuple(study.classes),
        NetworkSpec(paper="known_answer", name="small_cnn"),
        torch.device("cpu"),
    )
    right, patient = [], []
    for fold in sorted(set(split["fold"])):
        rows = fold_rows(split, fold=fold, classes=classes, store=made.store)
        state = set_up(
            lambda: build_network(network, n_classes=2, input_px=32, pretrained=False), recipe, seed=seed, device=cpu
        )  # fmt: skip
        fit, validation, test = (
            Pixels(part, made.store, recipe, device=cpu) for part in (rows.train, rows.validation, rows.test)
        )
        train(state, recipe, train=fit, validation=validation, test=test, n_classes=2, seed=seed, precision="fp32")
        right.append(state.epochs.test[-1].argmax(axis=1) == rows.test.label)
        patient.append(rows.test.patient)
    return Outcome(np.concatenate(right), np.concatenate(patient))


Results = Callable[[str, str], tuple[Outcome, ...]]


@pytest.fixture(scope="module")
def results(cohorts: dict[str, Made]) -> Results:
    """A function (source, protocol) -> what each seed gave, computed when first asked for."""

    @cache
    def ask(source: str, protocol: str) -> tuple[Outcome, ...]:
        return tuple(cross_validate(cohorts[source], source, protocol, seed=seed) for seed in SEEDS)

    return ask


def mean_gap(results: Results, source: str) -> float:
    """Return accuracy by image minus accuracy by patient, averaged over seeds."""
    pairs = zip(results(source, "image"), results(source, "patient"), strict=True)
    return float(np.mean([image.accuracy - patient.accuracy for image, patient in pairs]))


def test_a_split_by_image_looks_at_least_25_points_better_where_patients_are_recognisable(results: Results) -> None:
    assert mean_gap(results, "known_answer") >= 0.25


def test_the_split_makes_no_difference_where_looks_are_drawn_anew_for_each_image(results: Results) -> None:
    assert abs(mean_gap(results, "known_answer_null")) <= 0.06


@pytest.mark.parametrize("source", STUDIES)
def test_new_patients_images_are_right_no_more_often_than_the_signal_allows(results: Results, source: str) -> None:
    tested = results(source, "patient")
    assert len(tested[0].right) == 768 and len(set(tested[0].patient)) == 24
    assert np.mean([t.accuracy for t in tested]) <= CEILING + 3 * np.mean([t.standard_error for t in tested])


def test_a_split_by_image_exceeds_what_the_signal_allows_because_it_leaks(results: Results) -> None:
    tested = results("known_answer", "image")
    assert np.mean([t.accuracy for t in tested]) > CEILING + 3 * np.mean([t.standard_error for t in tested])


def test_the_signal_itself_is_learned(results: Results) -> None:
    tested = results("known_answer_null", "patient")
    assert np.mean([t.accuracy for t in tested]) > 0.5 + 3 * np.mean([t.standard_error for t in tested])


def test_permuted_labels_give_chance(cohorts: dict[str, Made]) -> None:
    """Even by image: a label that belongs to nothing cannot be learned. Chance is 1/2 ± 3 binomial standard errors."""
    made = cohorts["known_answer"]
    manifest = made.manifest.copy()
    manifest["label"] = np.random.default_rng(7).permutation(manifest["label"].to_numpy())
    tested = cross_validate(dataclasses.replace(made, manifest=manifest), "known_answer", "image", seed=0)
    assert abs(tested.accuracy - 0.5) <= 3 * math.sqrt(0.25 / len(tested.right))
