"""Influence: estimates with and without some images, so that one sees what a defect is worth. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from leukbench.errors import InputError
from leukbench.evaluation.estimates import estimate_predictions
from leukbench.records import Estimate, Predictions

METRICS = ("accuracy", "balanced_accuracy", "mcc", "auc")


@dataclass(frozen=True, kw_only=True)
class Influence:
    """A metric of all tested images, and of those that are left when some are taken out."""

    metric: str
    n_images: int
    n_left_out: int
    with_all: Estimate
    without: Estimate

    @property
    def difference(self) -> float:
        """Without minus with all."""
        return self.without.value - self.with_all.value


def concerned_rows(predictions: Predictions, images: Collection[str]) -> np.ndarray:
    """Return which rows ``(n_rows,)`` speak of one of the images: by id, by the id before ``#``, or by origin."""
    wanted = list(images)
    base = np.array([name.split("#")[0] for name in predictions.image_id.tolist()], dtype=np.str_)
    return np.asarray(np.isin(base, wanted) | np.isin(predictions.origin, wanted))


def influence_of(
    predictions: Predictions, images: Collection[str], *, metrics: Collection[str] = METRICS
) -> tuple[Influence, ...]:
    """Return each pooled metric of the predictions with and without the images; () where none of them is tested.

    The models stay as they are: only the test part is scored again.

    Parameters
    ----------
    predictions
        Of one arm.
    images
        The ids to leave out.
    metrics
        Names of pooled metrics.

    Returns
    -------
    Each metric with and without them.

    Raises
    ------
    InputError
        Where nothing would be left.
    """
    out = concerned_rows(predictions, images)
    if not out.any():
        return ()
    if out.all():
        raise InputError(
            "no tested image is left without those concerned", found=f"{len(predictions)} rows, all concerned"
        )
    whole, rest = _overall(predictions, metrics), _overall(predictions.take(~out), metrics)
    n_images = len(set(predictions.image_id.tolist()))
    n_left_out = len(set(predictions.image_id[out].tolist()))
    return tuple(
        Influence(metric=m, n_images=n_images, n_left_out=n_left_out, with_all=whole[m], without=rest[m])
        for m in metrics if m in whole and m in rest
    )  # fmt: skip


def _overall(predictions: Predictions, metrics: Collection[str]) -> dict[str, Estimate]:
    """Return the overall estimate of each metric: over all folds, of no single class."""
    found: dict[str, Estimate] = {}
    for e in estimate_predictions(predictions):
        if (
            e.metric in metrics
            and not e.class_
            and e.aggregation in {"pooled", "mean"}
            and e.average in {"none", "macro"}
        ):
            found.setdefault(e.metric, e)
    return found
