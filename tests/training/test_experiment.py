"""An experiment of the plan: which runs it holds, how limits and stand-ins are told, which epochs are selected, what is
collected.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leukbench.artefacts import from_plain
from leukbench.errors import InputError
from leukbench.records import Augmentation, Experiment, Limits, Recipe, as_plain
from leukbench.training.experiment import (
    folds_of,
    plan_arm,
    plan_experiment,
    selected_epochs,
    train_experiment,
)
from leukbench.training.run import Finished, FoldRows
from leukbench.training.trivial import TRIVIAL_MODELS
from tests.support.tiny_experiment import CPU, collect, make_experiment, make_split, make_study, store
from tests.support.tiny_world import CLASSES, fold_rows, make_images, make_recipe

pytestmark = pytest.mark.trains


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path / "home"))


def test_a_recipe_survives_its_json_form() -> None:
    recipe = make_recipe(augmentation=Augmentation(zoom=(0.8, 1.2)), copies=Augmentation(contrast=(1.0, 1.5)))
    assert from_plain(Recipe, as_plain(recipe), where="recipe") == recipe


def test_an_arm_run_as_published_deviates_in_nothing(tmp_path: Path) -> None:
    arm = plan_arm(make_study(tmp_path), "wet", make_experiment(), limited_source=False)
    assert arm.deviations == () and arm.recipe == make_recipe(epochs=3)


@pytest.mark.parametrize(
    ("experiment", "recipe", "limited_source", "expected"),
    [
        (make_experiment(source="stand_in"), {}, False, ("surrogate_data",)),
        (make_experiment(pretrained=False), {"pretrained": True}, False, ("weights_absent",)),
        (make_experiment(pretrained=False), {}, False, ()),  # it never wanted weights
        (
            make_experiment(pretrained=False),
            {"pretrained": True, "trainable": "last:20"},
            False,
            ("weights_absent", "frozen_layers_trained"),
        ),
        (make_experiment(pretrained=None), {"pretrained": True, "trainable": "head"}, False, ()),
        (make_experiment(pretrained=None), {"pretrained": True}, False, ()),
        (make_experiment(limits=Limits(epochs=1)), {}, False, ("limited",)),
        (make_experiment(limits=Limits(epochs=99)), {}, False, ()),
        (make_experiment(limits=Limits(images=9)), {}, False, ("limited",)),
        (make_experiment(limits=Limits(folds=1)), {}, False, ("limited",)),
        (make_experiment(limits=Limits(seeds=3)), {}, False, ()),
        (make_experiment(), {}, True, ("limited",)),
        (
            make_experiment(source="x", pretrained=False, limits=Limits(epochs=1)),
            {"pretrained": True},
            True,
            ("surrogate_data", "weights_absent", "limited"),
        ),
    ],
)
def test_deviations_say_how_a_run_differs_from_the_paper(
    tmp_path: Path, experiment: Experiment, recipe: dict[str, Any], limited_source: bool, expected: tuple[str, ...]
) -> None:
    arm = plan_arm(make_study(tmp_path, **recipe), "wet", experiment, limited_source=limited_source)
    assert arm.deviations == expected
    assert arm.recipe.pretrained is (bool(recipe) and "weights_absent" not in expected)
    assert arm.recipe.epochs == min(3, experiment.limits.epochs or 3)
    frozen = recipe.get("trainable", "all") if "weights_absent" not in expected else "all"
    assert arm.recipe.trainable == frozen  # random weights are never frozen


@pytest.mark.parametrize(
    ("limits", "limited_source", "whole_folds", "of_study", "of_folds"),
    [
        (Limits(), False, (), (), ((), ())),
        (Limits(), True, (), ("limited",), (("limited",), ("limited",))),
        (Limits(), True, (1,), ("limited",), (("limited",), ())),  # fold 1 as published, the mean of the folds not
        (Limits(folds=1), False, (), ("limited",), ((), ())),
        (Limits(epochs=1), True, (0, 1), ("limited",), (("limited",), ("limited",))),
        (Limits(class_size=9), False, (), ("limited",), (("limited",), ("limited",))),
        (Limits(training_rows=9), False, (), ("limited",), (("limited",), ("limited",))),
    ],
)
def test_a_run_is_limited_for_a_claim_not_as_such(
    tmp_path: Path, limits: Limits, limited_source: bool, whole_folds: tuple[int, ...], of_study: tuple[str, ...],
    of_folds: tuple[tuple[str, ...], ...],
) -> None:  # fmt: skip
    experiment, study = make_experiment(limits=limits), make_study(tmp_path)
    arm = plan_arm(study, "wet", experiment, limited_source=limited_source, whole_folds=whole_folds)
    assert arm.deviations == of_study
    assert tuple(map(arm.deviations_of, (0, 1))) == of_folds


def test_limits_never_lengthen_training(tmp_path: Path) -> None:
    arm = plan_arm(make_study(tmp_path), "wet", make_experiment(limits=Limits(epochs=50)), limited_source=False)
    assert arm.recipe.epochs == 3


def test_an_unknown_arm_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'wet'"):
        plan_arm(make_study(tmp_path), "wett", make_experiment(), limited_source=False)


def test_runs_are_planned_over_arms_folds_and_seeds_in_order(tmp_path: Path) -> None:
    experiment = make_experiment(limits=Limits(seeds=2))
    runs = list(plan_experiment(make_study(tmp_path), experiment, make_split(), store=store(), limited_source=False))
    found = [(arm.name, spec.fold, spec.seed) for arm, spec, _ in runs]
    assert found == [(a, f, s) for a in ("wet", "dry") for f in (0, 1) for s in (0, 1)]
    assert len({spec.key for _, spec, _ in runs}) == 8
    assert folds_of(make_split(), make_experiment(limits=Limits(folds=1))) == [0]
    for _, spec, rows in runs:
        assert not set(rows.train.origin) & set(rows.test.origin)
        assert spec.study == "tiny.s" and len(rows.train) + len(rows.validation) + len(rows.test) == 42


@pytest.mark.parametrize("recipe", [{"input_px": 64}, {"crop": 0.5}])
def test_a_store_of_another_size_or_crop_is_refused(tmp_path: Path, recipe: dict[str, Any]) -> None:
    study = make_study(tmp_path, **recipe)
    with pytest.raises(InputError, match="does not serve this arm"):
        list(plan_experiment(study, make_experiment(), make_split(), store=store(), limited_source=False))


def finished(test: list[list[int]], validation: list[list[int]]) -> Finished:
    """Return a run whose scores are 1 for the given predicted class of each epoch and row."""
    scores = [np.eye(2, dtype=np.float32)[np.array(p, dtype=int)] for p in (test, validation)]
    history = {"validation_loss": [0.9, 0.5, 0.4, 0.3, 0.8]}
    return Finished(key="k", test=scores[0], validation=scores[1], history=history, receipt={})


def test_selection_takes_the_last_the_best_validated_and_the_best_tested_epoch() -> None:
    _, labels = make_images()
    rows = fold_rows(labels)
    v, t = rows.validation.label, rows.test.label

    def wrong(right: np.ndarray, n: int) -> list[int]:
        return [int(1 - y) if i < n else int(y) for i, y in enumerate(right)]

    done = finished([wrong(t, n) for n in (5, 4, 1, 1, 3)], [wrong(v, n) for n in (4, 2, 3, 2, 6)])
    assert selected_epochs(done, rows, "last") == {"recipe": 4, "last": 4, "best_validation": 1, "best_test": 2}
    assert selected_epochs(done, rows, "best_validation_accuracy")["recipe"] == 1
    assert selected_epochs(done, rows, "best_validation_loss")["recipe"] == 3
    bare = FoldRows(rows.train, rows.validation.take(np.arange(0)), rows.test)
    done = Finished(key="k", test=done.test, validation=np.zeros((5, 0, 0), np.float32), history={}, receipt={})
    assert selected_epochs(done, bare, "best_validation_accuracy") == {"recipe": 4, "last": 4, "best_test": 2}


def test_a_experiment_is_collected_into_one_table_of_predictions(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    table, receipt = collect(
        make_study(tmp_path),
        make_experiment(limits=Limits(seeds=2)),
        progress=lambda name, e, n: seen.append((name, e, n)),
    )
    n_test = (make_split().query("role == 'test'").groupby("fold").size()).to_dict()
    assert n_test == {0: 16, 1: 16}
    networks, trivial = table[~table["arm"].str.startswith("trivial:")], table[table["arm"].str.startswith("trivial:")]
    assert networks.groupby(["arm", "selection", "fold", "seed"]).size().to_dict() == {
        (a, s, f, k): 16
        for a in ("wet", "dry")
        for s in ("recipe", "last", "best_validation", "best_test")
        for f in (0, 1)
        for k in (0, 1)
    }
    assert set(trivial["arm"]) == {f"trivial:{name}" for name in ("majority", *TRIVIAL_MODELS)}
    assert len(trivial) == 6 * 32 and set(trivial["selection"]) == {"recipe"} and set(trivial["seed"]) == {0}
    scores = table[["score_blue", "score_red"]].to_numpy()
    assert np.allclose(scores.sum(1), 1, atol=1e-5)
    assert (table["predicted"] == np.array(CLASSES)[scores.argmax(1)]).all()
    truth = make_split().drop_duplicates("image_id").set_index("image_id")["label"]
    assert (table["label"].to_numpy() == truth[table["image_id"]].to_numpy()).all()
    assert seen[0] == ("wet fold 0 seed 0", 1, 3) and len(seen) == 2 * 2 * 2 * 3
    assert len(receipt["runs"]) == 8 and set(receipt["arms"]) == {"wet", "dry"}
    assert {(run["n_train_rows"], run["n_steps"]) for run in receipt["runs"]} == {(16, 3 * 2)}  # 3 epochs in eights
    assert receipt["arms"]["wet"]["epochs"] == receipt["arms"]["wet"]["epochs_published"] == 3


def test_the_receipt_says_of_each_fold_what_it_lacks_of_the_published_one(tmp_path: Path) -> None:
    options: dict[str, Any] = {"store": store(), "device": CPU, "limited_source": True, "whole_folds": (1,)}
    _, receipt = train_experiment(
        make_study(tmp_path, epochs=1), make_experiment(arms=("wet",)), make_split(), **options
    )
    assert receipt["arms"]["wet"]["deviations"] == ["limited"]
    assert receipt["arms"]["wet"]["fold_deviations"] == {"0": ["limited"], "1": []}
    assert receipt["folds"] == [
        {"fold": fold, "n_train_rows": 16, "n_validation_rows": 10, "n_test_rows": 16} for fold in (0, 1)
    ]


def test_an_experiment_without_arms_has_the_models_without_a_network_that_any_other_has(tmp_path: Path) -> None:
    study = make_study(tmp_path, epochs=1)
    bare, receipt = collect(study, make_experiment(arms=()))
    assert receipt["arms"] == {} and receipt["runs"] == [] and len(receipt["folds"]) == 2
    table, _ = collect(study, make_experiment(arms=("wet",)))
    beside = table[table["arm"].str.startswith("trivial:")].reset_index(drop=True)
    assert len(bare) == 6 * 32
    pd.testing.assert_frame_equal(bare, beside)


def test_an_experiment_collected_again_trains_nothing_and_is_the_same(tmp_path: Path) -> None:
    experiment = make_experiment(arms=("wet",), limits=Limits(folds=1))
    first, receipt = collect(make_study(tmp_path), experiment)
    trained: list[str] = []
    again, receipt_again = collect(make_study(tmp_path), experiment, progress=lambda name, e, n: trained.append(name))
    assert not trained and receipt == receipt_again
    pd.testing.assert_frame_equal(first, again)


def test_a_wider_grid_trains_only_what_is_missing(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    collect(study, make_experiment(arms=("wet",), limits=Limits(folds=1)))
    trained: set[str] = set()
    collect(study, make_experiment(arms=("wet",)), progress=lambda name, e, n: trained.add(name))
    assert trained == {"wet fold 1 seed 0"}


def test_the_receipt_holds_no_time(tmp_path: Path) -> None:
    _, receipt = collect(make_study(tmp_path), make_experiment(arms=("wet",), limits=Limits(folds=1)))
    words = str(receipt)
    assert "_s'" not in words and "time" not in words and "memory" not in words
