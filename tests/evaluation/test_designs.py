"""Intervals of designs that ask for care: two trainings, single images of few patients, hold-outs of other patients,
one class alone, folds without a class.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from leukbench.evaluation import hierarchical
from leukbench.evaluation.contrasts import compare
from leukbench.evaluation.design import PerClass
from leukbench.evaluation.estimates import FIXED, auc_estimates, estimate_predictions
from leukbench.evaluation.intervals import clopper_pearson, t_interval
from leukbench.evaluation.patients import patient_results
from leukbench.records import Estimate, Grade, Predictions
from tests.support.made_predictions import make_predictions


def by_metric(p: Predictions) -> dict[str, Estimate]:
    found = estimate_predictions(p)
    return {f"{e.metric} {e.class_}".strip(): e for e in found if e.aggregation in {"pooled", "mean"} and not (
        e.average not in {"", "none"} and e.metric not in {"auc"})}  # fmt: skip


def joined(first: Predictions, second: Predictions) -> Predictions:
    fields = {f.name: np.concatenate([getattr(first, f.name), getattr(second, f.name)])
              for f in dataclasses.fields(Predictions) if f.name not in {"classes"}}  # fmt: skip
    return Predictions(classes=first.classes, **fields)


def test_patients_that_a_seed_did_not_test_count_for_nothing_in_it() -> None:
    one = make_predictions(n=200, n_groups=20, skill=5.0, nuisance=0.0)
    early, late = (one.take((one.group < "p010") == side) for side in (True, False))
    both = joined(early, dataclasses.replace(late, seed=late.seed + 1))
    right = patient_results(both)
    assert (right.n_right, right.n_patients, right.accuracy) == (20, 20, 1.0)
    wrong = patient_results(dataclasses.replace(both, scores=both.scores[:, ::-1], predicted=1 - both.predicted))
    assert wrong.n_right == 0 and {row.right for row in wrong.patients} == {0.0}


@pytest.mark.parametrize(("n_seeds", "grade"), [(1, Grade.ASSURED), (2, Grade.OPTIMISTIC), (3, Grade.ASSURED)])
def test_two_trainings_assure_nothing_whatever_they_come_out_like(n_seeds: int, grade: Grade) -> None:
    found = by_metric(make_predictions(n=1200, n_groups=80, n_seeds=n_seeds, skill=0.2))["accuracy"]
    assert found.grade is grade, found.note
    assert ("two trainings" in found.note) is (n_seeds == 2)


def test_the_model_of_few_patients_asks_for_some_images_of_each() -> None:
    few = np.array([[1.0] * 4 + [0.0] * 4, [0.0] * 4 + [1.0] * 4])
    assert not hierarchical.applies(PerClass.of(few)) and not hierarchical.applies(PerClass.of(2 * few))
    assert hierarchical.applies(PerClass.of(10 * few))
    single = by_metric(make_predictions(n=8, n_groups=8, skill=5.0, nuisance=0.0))["recall a"]
    assert single.value == 1.0 and single.low == pytest.approx(clopper_pearson(1.0, 4)[0])


def test_trainings_widen_the_model_of_few_patients_as_they_do_all_others() -> None:
    units = PerClass.of(10.0 * np.array([[1.0] * 5 + [0.0] * 5, [0.0] * 5 + [1.0] * 5]))
    draws = 0.8 + 0.05 * np.random.default_rng(0).normal(size=hierarchical.DRAWS)
    limits = {"units": units, "limits": (0.0, 1.0)}
    alone = hierarchical.interval_from(draws, 0.8, **limits)  # type: ignore[arg-type]
    little = hierarchical.interval_from(draws, 0.8, extra=(0.0001, 1.0), **limits)  # type: ignore[arg-type]
    assert alone and little and alone.df == little.df_groups == hierarchical.SETTLED
    assert (
        1.0 < (little.high - little.low) / (alone.high - alone.low) < 1.1
    )  # a hundredth of a point is 4 % of the rest
    assert little.standard_error == pytest.approx(math.hypot(alone.standard_error, 0.01)) and little.df < 1000


def test_what_follows_from_the_tested_classes_alone_has_no_interval() -> None:
    p = make_predictions(n=200, n_groups=10, skill=0.2)
    found = by_metric(p.take(p.label == 1))
    assert math.isnan(found["kappa"].low) and FIXED in found["kappa"].note
    assert found["precision b"].value == 1.0 and FIXED in found["precision b"].note
    assert found["precision a"].value == 0.0 and FIXED in found["precision a"].note
    assert found["recall b"].low > 0 and found["f1 b"].low > 0  # how many are found is not fixed


def test_an_interval_of_everything_is_none() -> None:
    assert math.isnan(t_interval(0.8, 4.0, df=0.5, scale="log").high)
    p = make_predictions(n=40, n_groups=2, skill=0.3)
    losses = [e for e in estimate_predictions(p) if e.metric == "log_loss"]
    assert losses and all(not e.high > 1000 for e in losses)


def test_a_difference_of_aucs_is_that_of_the_aucs_printed_beside_it() -> None:
    p = make_predictions(n=600, n_groups=24, n_classes=3, n_folds=3, skill=0.2)
    lacking = p.take(~((p.fold == 1) & (p.label == 2)))  # one fold has two of the three classes
    other = dataclasses.replace(lacking, scores=np.roll(lacking.scores, 1, axis=0))
    found = compare(lacking, other, metric="auc", n_resamples=200)
    first, second = (next(auc_estimates(q).__iter__()) for q in (lacking, other))
    assert found.first == pytest.approx(first.value) and found.second == pytest.approx(second.value)
