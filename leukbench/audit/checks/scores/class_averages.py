"""Averages over classes beside the scores of all classes: what these allow, whatever the sizes of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import class_names
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import TIE, Claims, as_percent, harmonic, may_be_mean
from leukbench.audit.readings.rows import Row

_METRICS = ("accuracy", "precision", "recall", "specificity", "f1")


def check_class_averages(ledger: Ledger) -> list[Draft]:
    """An average over classes lies between its least and its largest class; a macro average is their plain mean.

    So it does under any weights: macro, weighted by images, micro (precision by the predicted, recall by the actual,
    F1 by both together, specificity by the other classes' images). An F1 may be the harmonic mean of averaged precision
    and recall instead, and an accuracy the mean recall, that of each class against the rest, 1 − (2/K)(1 − accuracy) on
    average, or an average of what is printed as the classes' accuracies. A macro average may leave out a class whose
    ratio is 0/0, which is printed as 0. Means over folds weigh the classes anew in each, so of them nothing is proved,
    nor where the classes are not known, nor of several whose averaging is not stated: all but one may have been taken
    together.

    Tells conflicts alone: an average in its range is no support for it.
    """
    found = [
        _outside(ledger, row, metric, average, claims)
        for row in ledger.rows
        for (metric, class_, average), claims in row.scores.items()
        if metric in _METRICS and not class_ and not average.startswith("positive:")
    ]
    return [draft for draft in found if draft is not None]


def _of_classes(row: Row, metric: str) -> dict[str, Claims]:
    """Return the claims of each class of a row for a metric."""
    return {class_: claims for (name, class_, _), claims in row.scores.items() if name == metric and class_}


def _outside(ledger: Ledger, row: Row, metric: str, average: str, claims: Claims) -> Draft | None:
    """Return the finding on an average that its classes do not allow; None where they do, or are not all printed."""
    names = class_names(ledger, row.key)
    metrics = ("recall", "accuracy") if metric == "accuracy" else (metric,)
    of = [found for name in metrics if (found := _of_classes(row, name))]
    stated = score_interval(claims[0])
    if stated is None or not of or any({*found} != {*(names or of[0])} for found in of) or len(of[0]) < 2:
        return None
    parts = [part for found in of for part in found.values()]
    k = len(of[0])
    allowed = _allowed(row, metric, average, parts, k)
    if stated.meets(Interval(allowed.low - TIE, allowed.high + TIE)):
        return None
    one_kind = bool(average) or k == 2 or (metric == "accuracy" and stated.high < allowed.low)
    proved = one_kind and names is not None and not may_be_mean(row)
    named = f"{average} average" if average else "average"
    return Draft(
        check="class_averages",
        status="inconsistent" if proved else "implausible",
        kind="arithmetic",
        claims=(*claims, *(c for part in parts for c in part)),
        severity=2 if claims[0].id not in ledger.headlines else 3,
        statement=f"{claims[0].metric} {claims[0].value} of {row.label} can be no {named} over "
        f"{', '.join(f'{part[0].value} ({part[0].class_})' for part in parts)}"
        + ("." if names else ", if these are all classes."),
        witness=f"These allow {as_percent(allowed)}; printed: {as_percent(stated)}.",
        repair="a figure of another result, or of other classes; how it was averaged.",
        members=tuple(tuple(c.id for c in block) for block in (claims, *parts)) if proved else (),
    )


def _allowed(row: Row, metric: str, average: str, parts: Sequence[Claims], k: int) -> Interval:
    """Return what an average of these classes can be."""
    values = [i for part in parts if (i := score_interval(part[0])) is not None]
    low, high = min(i.low for i in values), max(i.high for i in values)
    if average == "macro" and low > 0 and metric != "accuracy":  # no class is left out
        low, high = (sum((getattr(i, end) for i in values), Fraction(0)) / len(values) for end in ("low", "high"))
    if metric == "accuracy":
        of_recall = bool(_of_classes(row, "recall"))
        return Interval(
            low if of_recall else 1 - Fraction(k, 2) * (1 - low),
            max(high, 1 - Fraction(2, k) * (1 - high)) if of_recall else high,
        )
    if metric != "f1":
        return Interval(low, high)
    precision, recall = (_average_or_classes(row, name, average) for name in ("precision", "recall"))
    if precision is None or recall is None:
        return Interval(low, Fraction(1))  # the harmonic mean of two means is no less than the mean of harmonic means
    of_means = harmonic(precision, recall)
    return Interval(min(low, of_means.low), max(high, of_means.high))


def _average_or_classes(row: Row, metric: str, average: str) -> Interval | None:
    """Return the average of a metric, else what lies between its classes; None where neither is printed."""
    printed = row.scores.get((metric, "", average))
    parts = [printed] if printed else _of_classes(row, metric).values()
    values = [i for part in parts if (i := score_interval(part[0])) is not None]
    return Interval(min(i.low for i in values), max(i.high for i in values)) if values else None
