"""Another implementation's answer to whether printed scores can hold together, for tests of the audit's own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mlscorecheck.check.binary import check_1_testset_no_kfold

NAMES = {
    "accuracy": "acc",
    "recall": "sens",
    "specificity": "spec",
    "precision": "ppv",
    "f1": "f1",
    "mcc": "mcc",
    "kappa": "kappa",
    "balanced_accuracy": "bacc",
}


def mlscorecheck_agrees(p: int, n: int, scores: Mapping[str, float], *, eps: float) -> bool:
    """Return mlscorecheck's answer (Fazekas & Kovács 2024) for one binary test set: True where the scores can hold
    together.

    ``p`` positives, ``n`` negatives; scores as fractions under our names (KeyError for one that the library would
    ignore); ``eps`` the largest numerical deviation.
    """
    logging.getLogger("mlscorecheck").setLevel(logging.WARNING)
    named = {NAMES[name]: float(value) for name, value in scores.items()}
    answer: dict[str, Any] = check_1_testset_no_kfold(testset={"p": p, "n": n}, scores=named, eps=eps)
    return not bool(answer["inconsistency"])
