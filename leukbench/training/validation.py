"""Validation scores of an experiment's finished runs: what thresholds and temperatures are chosen on, kept apart from
the tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukbench.errors import DataError
from leukbench.pixels.store import Store
from leukbench.training.data import rows_of
from leukbench.training.experiment import prediction_table
from leukbench.training.run import Finished, find_run


def validation_table(
    receipt: dict[str, Any], split: pd.DataFrame, *, classes: tuple[str, ...], store: Store
) -> pd.DataFrame:
    """Return the scores of the validation rows of every run in an experiment's receipt, at the epoch that the recipe
    chooses.

    Columns as those of the predictions, ``selection`` always ``recipe``; no row where the split sets nothing apart for
    validation, and none where the experiment has no runs.

    Raises
    ------
    DataError
        Where a run of the receipt is not there.
    """
    if not receipt["runs"]:
        none = rows_of(split.head(0), fold=0, role="validation", classes=classes, store=store)
        return prediction_table(none, np.zeros((0, len(classes))), classes, arm="", selection="recipe", fold=0, seed=0)
    tables = []
    for run in receipt["runs"]:
        rows = rows_of(split, fold=run["fold"], role="validation", classes=classes, store=store)
        done = _finished(run["key"], n_rows=len(rows))
        scores = done.validation[run["epochs_selected"]["recipe"]].reshape(len(rows), len(classes))
        tables.append(
            prediction_table(
                rows, scores, classes, arm=run["arm"], selection="recipe", fold=run["fold"], seed=run["seed"]
            )
        )
    return pd.concat(tables, ignore_index=True)


def _finished(key: str, *, n_rows: int) -> Finished:
    """Return a finished run, after holding the number of its validation rows against the split's."""
    done = find_run(key)
    if done is None:
        raise DataError("a finished run is gone", where=f"run {key}", do="run the train stage again")
    if n_rows != done.receipt["n_validation_rows"]:
        raise DataError(
            "a run was validated on other rows than the split's",
            where=f"run {key}",
            expected=f"{n_rows} rows",
            found=str(done.receipt["n_validation_rows"]),
            do="run the train stage again",
        )
    return done
