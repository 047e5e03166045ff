"""An experiment of the plan: every arm × fold × seed of a study under one protocol, collected into one table of
predictions.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from leukbench.artefacts import TRIVIAL, ResolvedStudy
from leukbench.errors import InputError, unknown_name
from leukbench.pixels.store import Store
from leukbench.records import Experiment, NetworkSpec, Recipe, RunSpec
from leukbench.training.data import Pixels, Rows, rows_in_batches, rows_of
from leukbench.training.merging import Merged, merge_classes
from leukbench.training.network import code_digest
from leukbench.training.run import Finished, FoldRows, execute_run

SELECTIONS = ("recipe", "last", "best_validation", "best_test")
"""Which epoch's scores: the recipe's checkpoint, which all estimates speak of; beside it the last, the one with the
best validation accuracy, and the one with the best test accuracy (a leak)."""


@dataclass(frozen=True, kw_only=True)
class Lacks:
    """What an experiment's runs lack of the paper's experiment: of every fold (``budget``), of the whole, of the folds
    that are not whole.
    """

    budget: bool = False  # fewer epochs, images, planned copies or training rows
    source: bool = False  # of the published images some are not at hand
    folds: bool = False  # fewer folds than the split has
    whole_folds: frozenset[int] = (
        frozenset()
    )  # whose published images are all at hand, where those of the source are not

    @property
    def of_study(self) -> bool:
        """Whether a claim over all folds was measured on more."""
        return self.budget or self.source or self.folds

    def of_fold(self, fold: int) -> bool:
        """Whether a claim of one fold was measured on more: what other folds lack does not matter to it."""
        return self.budget or (self.source and fold not in self.whole_folds)


@dataclass(frozen=True)
class ArmPlan:
    """An arm as it will be trained: its recipe after limits, and how that differs from the paper's."""

    name: str
    network: NetworkSpec
    recipe: Recipe
    replaced: tuple[str, ...]  # what stands in for the paper's data or weights, the same in every fold
    lacks: Lacks

    @property
    def deviations(self) -> tuple[str, ...]:
        """How its runs together differ from the paper's experiment."""
        return self.replaced + (("limited",) if self.lacks.of_study else ())

    def deviations_of(self, fold: int) -> tuple[str, ...]:
        """How the runs of one fold differ from that fold of the paper's experiment."""
        return self.replaced + (("limited",) if self.lacks.of_fold(fold) else ())

    @cached_property
    def code_sha256(self) -> str:
        """The digest of the code that decides its predictions, read once."""
        return code_digest(self.network)


def plan_arm(
    study: ResolvedStudy, arm: str, experiment: Experiment, *, limited_source: bool, whole_folds: Collection[int] = ()
) -> ArmPlan:
    """Return how an arm of a resolved study is trained in an experiment.

    ``whole_folds``: the folds that lack no published image, where the source as a whole does (``limited_source``).

    Raises
    ------
    InputError
        For an arm that does not exist.
    """
    if arm not in study.arms:
        raise unknown_name("arm", arm, study.arms, where=f"study {experiment.paper}.{experiment.study}")
    recipe = study.arms[arm].recipe
    limits, replaced = experiment.limits, []
    if experiment.source != study.source:
        replaced.append("surrogate_data")
    if recipe.pretrained and experiment.pretrained is False:
        replaced.append("weights_absent")
        if recipe.trainable != "all":  # what a recipe freezes are ImageNet's weights; random ones must learn
            replaced.append("frozen_layers_trained")
        recipe = dataclasses.replace(recipe, pretrained=False, trainable="all")
    fewer_epochs = limits.epochs is not None and limits.epochs < recipe.epochs
    if fewer_epochs:
        assert limits.epochs is not None
        recipe = dataclasses.replace(recipe, epochs=limits.epochs)
    lacks = Lacks(
        budget=fewer_epochs or (limits.images, limits.class_size, limits.training_rows) != (None,) * 3,
        source=limited_source,
        folds=limits.folds is not None,
        whole_folds=frozenset(whole_folds),
    )
    return ArmPlan(arm, study.arms[arm].network, recipe, tuple(replaced), lacks)


def folds_of(split: pd.DataFrame, experiment: Experiment) -> list[int]:
    """Return the folds to run: all, or the first so many."""
    folds = sorted({int(f) for f in split["fold"]})
    return folds[: experiment.limits.folds] if experiment.limits.folds else folds


def fold_rows(split: pd.DataFrame, *, fold: int, classes: tuple[str, ...], store: Store) -> FoldRows:
    """Return the three roles of a fold."""
    train, validation, test = (
        rows_of(split, fold=fold, role=role, classes=classes, store=store) for role in ("train", "validation", "test")
    )
    return FoldRows(train, validation, test)


def make_spec(
    experiment: Experiment,
    arm: ArmPlan,
    rows: FoldRows,
    *,
    classes: tuple[str, ...],
    store: Store,
    fold: int,
    seed: int,
) -> RunSpec:
    """Return the spec of one run.

    Parameters
    ----------
    experiment
        One of the plan's: protocol, reading, limits, precision.
    arm
        Its network and recipe, with what deviates from the paper's.
    rows
        Of the fold, by role.
    classes
        In the order of the network's outputs.
    store
        The packed pixels.
    fold, seed
        Which run of the arm it is.

    Returns
    -------
    All that decides the run's predictions, which its key is the digest of.
    """
    return RunSpec(
        study=f"{experiment.paper}.{experiment.study}",
        arm=arm.name,
        protocol=experiment.protocol,
        reading=experiment.reading,
        fold=fold,
        seed=seed,
        network=arm.network,
        recipe=arm.recipe,
        classes=classes,
        precision=experiment.precision,
        rows_sha256=rows.sha256,
        training_sha256=rows.training_sha256,
        store_sha256=store.sha256,
        code_sha256=arm.code_sha256,
    )


def plan_experiment(
    study: ResolvedStudy,
    experiment: Experiment,
    split: pd.DataFrame,
    *,
    store: Store,
    limited_source: bool,
    whole_folds: Collection[int] = (),
) -> Iterator[tuple[ArmPlan, RunSpec, FoldRows]]:
    """Yield the runs of an experiment in a fixed order: arms, folds, seeds."""
    classes = tuple(study.classes)
    rows_of_folds: dict[int, FoldRows] = {}
    for name in experiment.arms:
        arm = plan_arm(study, name, experiment, limited_source=limited_source, whole_folds=whole_folds)
        _check_store(arm, store)
        for fold in folds_of(split, experiment):
            if fold not in rows_of_folds:
                rows_of_folds[fold] = fold_rows(split, fold=fold, classes=classes, store=store)
            rows = rows_of_folds[fold]
            for seed in range(experiment.limits.seeds):
                yield arm, make_spec(experiment, arm, rows, classes=classes, store=store, fold=fold, seed=seed), rows


def _check_store(arm: ArmPlan, store: Store) -> None:
    if (store.side_px, store.crop) != (arm.recipe.input_px, arm.recipe.crop):
        raise InputError(
            "a pixel store does not serve this arm",
            where=f"arm {arm.name}",
            expected=f"side_px {arm.recipe.input_px}, crop {arm.recipe.crop}",
            found=f"side_px {store.side_px}, crop {store.crop}",
            do="name another store for this experiment in params.yaml, or put arms of another input size into "
            "an experiment of their own",
        )


def train_experiment(
    study: ResolvedStudy,
    experiment: Experiment,
    split: pd.DataFrame,
    *,
    store: Store,
    device: torch.device,
    limited_source: bool,
    whole_folds: Collection[int] = (),
    common_of: Mapping[str, str] | None = None,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the predictions of all runs of an experiment, then those of the models without a network, and a receipt
    without times.

    An experiment without arms has only the latter.

    Parameters
    ----------
    study
        Resolved, without its claims.
    experiment
        One of the plan's.
    split
        Its rows with fold and role.
    store
        The packed pixels.
    device
        To train on.
    limited_source
        Whether fewer images are at hand than published, which is noted as a deviation.
    whole_folds
        Folds of which all images are at hand nevertheless.
    common_of
        Class of the study -> class in common with another source, in which a transfer's predictions are given.
    progress
        Called with a run's name, its epochs done, and all its epochs.

    Returns
    -------
    predictions
        One row per run, selection and test row; columns arm, selection, fold, seed, image_id, origin, group, patient,
        label, predicted and ``score_<class>``.
    receipt
        What was run: networks, deviations, epochs chosen, folds.
    """
    shown = merge_classes(tuple(study.classes), common_of)
    tables: list[pd.DataFrame] = []
    receipt: dict[str, Any] = {"arms": {}, "runs": []}
    plan = plan_experiment(
        study, experiment, split, store=store, limited_source=limited_source, whole_folds=whole_folds
    )
    for arm, spec, rows in plan:
        name = f"{arm.name} fold {spec.fold} seed {spec.seed}"
        done = execute_run(spec, rows, store, device=device, progress=lambda e, n, name=name: progress(name, e, n))  # type: ignore[misc]
        done, rows = shown.applied(done, rows)
        chosen = selected_epochs(done, rows, spec.recipe.checkpoint)
        for selection, epoch in chosen.items():
            keys: dict[str, Any] = {"arm": arm.name, "selection": selection, "fold": spec.fold, "seed": spec.seed}
            tables.append(prediction_table(rows.test, done.test[epoch], shown.classes, **keys))
        facts = receipt["arms"].setdefault(
            arm.name, _arm_receipt(arm, study.arms[arm.name].recipe, done, precision=spec.precision)
        )
        facts["fold_deviations"][str(spec.fold)] = list(arm.deviations_of(spec.fold))
        receipt["runs"].append(_run_receipt(arm, spec, rows, done, chosen))
    controls, receipt["folds"] = _controls(study, experiment, split, store=store, shown=shown)
    return pd.concat([*tables, *controls], ignore_index=True), receipt


def _run_receipt(
    arm: ArmPlan, spec: RunSpec, rows: FoldRows, done: Finished, chosen: dict[str, int]
) -> dict[str, Any]:  # fmt: skip
    return {
        "key": spec.key,
        "arm": arm.name,
        "fold": spec.fold,
        "seed": spec.seed,
        "epochs_selected": chosen,
        "train_accuracy": done.history["train_accuracy"][-1],
        "n_steps": len(done.test) * math.ceil(epoch_rows(rows, spec.recipe) / spec.recipe.batch_size),
        **_sizes(rows),
    }


def epoch_rows(rows: FoldRows, recipe: Recipe) -> int:
    """Return how many rows one training epoch shows, those drawn again by oversampling included."""
    if recipe.balance != "oversample":
        return rows_in_batches(len(rows.train), recipe)
    counts = np.bincount(rows.train.label)
    return rows_in_batches(int(counts.max() * len(counts)), recipe)


def _sizes(rows: FoldRows) -> dict[str, int]:
    return {
        "n_train_rows": len(rows.train),
        "n_validation_rows": len(rows.validation),
        "n_test_rows": len(rows.test),
    }


def _controls(
    study: ResolvedStudy, experiment: Experiment, split: pd.DataFrame, *, store: Store, shown: Merged
) -> tuple[list[pd.DataFrame], list[dict[str, int]]]:
    """Return the predictions of models without a network, and how many rows each fold has.

    They see what the experiment's first arm sees; without one, what the study's first arm would.
    """
    from leukbench.training.trivial import (  # a worker that trains needs no scikit-learn
        trivial_features,
        trivial_scores,
    )

    classes, cpu, features = tuple(study.classes), torch.device("cpu"), trivial_features()
    first = next(iter(experiment.arms or study.arms))
    arm = plan_arm(study, first, experiment, limited_source=False)
    _check_store(arm, store)
    tables, sizes = [], []
    for fold in folds_of(split, experiment):
        rows = fold_rows(split, fold=fold, classes=classes, store=store)
        sizes.append({"fold": fold, **_sizes(rows)})
        train, test = (Pixels(part, store, arm.recipe, device=cpu) for part in (rows.train, rows.test))
        made = trivial_scores(train, test, n_classes=len(classes), seed=0, features=features)
        for name, scores in made.items():
            keys: dict[str, Any] = {"arm": f"{TRIVIAL}{name}", "selection": "recipe", "fold": fold, "seed": 0}
            tables.append(prediction_table(shown.relabelled(rows.test), shown.scores(scores), shown.classes, **keys))
    return tables, sizes


def selected_epochs(done: Finished, rows: FoldRows, checkpoint: str) -> dict[str, int]:
    """Return the epoch (from 0) of each selection; the first of equals; no best_validation without validation rows.

    A recipe that asks for the best on validation gets the last epoch where nothing was set apart for validation.
    """
    chosen = {"recipe": len(done.test) - 1, "last": len(done.test) - 1}
    if len(rows.validation):
        chosen["best_validation"] = int(np.argmax((done.validation.argmax(2) == rows.validation.label).mean(1)))
        if checkpoint == "best_validation_accuracy":
            chosen["recipe"] = chosen["best_validation"]
        elif checkpoint == "best_validation_loss":
            chosen["recipe"] = int(np.argmin(done.history["validation_loss"]))
    chosen["best_test"] = int(np.argmax((done.test.argmax(2) == rows.test.label).mean(1)))
    return chosen


def _arm_receipt(arm: ArmPlan, published: Recipe, done: Finished, *, precision: str) -> dict[str, Any]:
    return {
        "deviations": list(arm.deviations),
        "fold_deviations": {},
        "precision": precision,
        "epochs": arm.recipe.epochs,
        "epochs_published": published.epochs,
        "n_parameters": done.receipt["n_parameters"],
        "n_parameters_trainable": done.receipt["n_parameters_trainable"],
    }


def prediction_table(
    rows: Rows, scores: Any, classes: tuple[str, ...], *, arm: str, selection: str, fold: int, seed: int
) -> pd.DataFrame:
    """Return one row an image with its scores ``(n_rows, n_classes)``, as float32, and the class that
    scores highest.
    """
    columns: dict[str, Any] = {
        "arm": arm,
        "selection": selection,
        "fold": fold,
        "seed": seed,
        "image_id": rows.image_id,
        "origin": rows.origin,
        "group": rows.group,
        "patient": rows.patient,
        "label": [classes[i] for i in rows.label],
        "predicted": [classes[i] for i in np.asarray(scores).argmax(axis=1)],
    }
    for i, name in enumerate(classes):
        columns[f"score_{name}"] = np.asarray(scores)[:, i].astype(np.float32)
    return pd.DataFrame(columns)
