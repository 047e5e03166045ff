"""Corrections for many tests: by their definitions worked by hand, and beside statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from leukbench.evaluation.corrections import benjamini_hochberg, holm

probabilities = st.lists(
    st.sampled_from([0.0, 1e-12, 0.001, 0.01, 0.02, 0.05, 0.3, 1.0]) | st.floats(0, 1), min_size=1, max_size=9
)


@given(ps=probabilities)
@settings(max_examples=12, deadline=None)
def test_corrections_are_those_of_statsmodels(ps: list[float]) -> None:
    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]), abs=1e-12)
    assert benjamini_hochberg(ps) == pytest.approx(list(multipletests(ps, method="fdr_bh")[1]), abs=1e-12)


def test_holm_and_benjamini_hochberg_follow_their_definitions() -> None:
    p = [0.04, float("nan"), 0.001, 0.03, 0.9]
    np.testing.assert_allclose(holm(p), [0.09, np.nan, 0.004, 0.09, 0.9])  # 4, 3, 2, 1 times the sorted, made monotone
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04 * 4 / 3, np.nan, 0.004, 0.04 * 4 / 3, 0.9])
    assert len(holm([])) == 0
