from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from leukbench.errors import InputError
from leukbench.evaluation.estimates import estimate_predictions
from leukbench.evaluation.influence import concerned_rows, influence_of
from tests.support.made_predictions import make_predictions


def test_without_the_images_the_estimates_are_those_of_the_remaining_rows() -> None:
    p = make_predictions(n_seeds=2)
    out = [f"i{k:05d}" for k in range(0, 600, 7)]
    rest = p.take(~np.isin(p.image_id, out))
    alone = {e.metric: e for e in estimate_predictions(rest) if e.aggregation in {"pooled", "mean"} and not e.class_}
    found = influence_of(p, out)
    assert [one.metric for one in found] == ["accuracy", "balanced_accuracy", "mcc", "auc"]
    for one in found:
        assert one.n_left_out == len(out) and one.n_images == 600
        assert one.without.value == alone[one.metric].value and one.without.low == alone[one.metric].low
        assert one.difference == one.without.value - one.with_all.value


def test_leaving_out_what_was_called_wrong_makes_the_accuracy_one() -> None:
    p = make_predictions()
    wrong = set(p.image_id[p.predicted != p.label].tolist())
    accuracy = influence_of(p, wrong)[0]
    assert accuracy.without.value == 1.0 > accuracy.with_all.value


def test_copies_are_concerned_through_their_origin_and_nothing_is_said_where_no_image_is() -> None:
    p = make_predictions(n=6, n_groups=2)
    p = dataclasses.replace(
        p, image_id=np.array(["a#1", "a#2", "b", "c", "d", "e"]), origin=np.array(["a", "a", "a", "c", "d", "e"])
    )
    assert concerned_rows(p, ["a"]).tolist() == [True, True, True, False, False, False]
    assert influence_of(p, ["elsewhere"]) == ()
    with pytest.raises(InputError, match="no tested image is left"):
        influence_of(p, p.origin.tolist())
