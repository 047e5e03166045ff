"""The area under the ROC curve against the operating point printed beside it."""

from __future__ import annotations

from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import n_classes, over_folds
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

NEITHER = {"micro"}
"""Averages under which sensitivity + specificity is not the sum of the two classes' recalls."""


def check_auc_bounds(ledger: Ledger) -> list[Draft]:
    """The AUC of a problem of two classes lies within what one point of its ROC curve allows.

    A curve that never falls from (0, 0) through (1 − specificity, sensitivity) to (1, 1) has an area of at least
    sensitivity·specificity and at most 1 − (1 − sensitivity)(1 − specificity). That is asked of a printed matrix.
    Of two printed scores only AUC ≥ sensitivity + specificity − 1 is asked, which is weaker: it is linear, so it
    holds for means over folds or runs as well, and it holds for macro and weighted averages, whose sum is that of
    the two recalls. An AUC over both outputs at once (Keras' of two softmax outputs, a micro average) has its point at
    the accuracy a instead, so that it lies from a² to 1 − (1 − a)²; what either allows is allowed.
    """
    found = []
    printed = ledger.matrices
    for row in ledger.rows:
        auc = row.scores.get(("auc", "", ""))
        if auc is None or n_classes(ledger, row.key) != 2 or (area := score_interval(auc[0])) is None:
            continue
        own_matrices = [m for m in printed if m.key == row.key and len(m.cells) == 2 and m.actual_known]
        if own_matrices and not row.key[3] and over_folds(ledger, row.key):
            continue  # a matrix of all folds, and an area that may be the mean over them
        found += [_of_matrix(row, auc[0], area, m) for m in own_matrices]
        if not own_matrices:
            found += _of_scores(row, auc[0], area)
    return found


def _of_matrix(row: Row, auc: Claim, area: Interval, printed: Printed) -> Draft:
    """Bounds from the recalls of both classes, each cell at whichever end of its interval is kinder to the figure."""
    wrong, right = [], []
    for i, line in enumerate(printed.cells):
        hit, miss = line[i], line[1 - i]
        least, most = _share(hit.low, miss.high), _share(hit.high, miss.low)
        right.append(Interval(least, most))
        wrong.append(Interval(1 - most, 1 - least))
    hits = [line[i] for i, line in enumerate(printed.cells)]
    misses = [line[1 - i] for i, line in enumerate(printed.cells)]
    least = _share(hits[0].low + hits[1].low, misses[0].high + misses[1].high)
    most = _share(hits[0].high + hits[1].high, misses[0].low + misses[1].low)
    low, high = right[0].low * right[1].low, 1 - wrong[0].low * wrong[1].low
    bounds = Interval(min(low, least**2), max(high, 1 - (1 - most) ** 2))
    recalls = " and ".join(f"{shown(r.low, 4)} to {shown(r.high, 4)}" for r in right)
    return _draft(
        row,
        (auc, *printed.claims),
        area,
        bounds,
        f"recalls of the two classes in {printed.matrix.where}: {recalls}",
        "r·s",
    )


def _share(part: Fraction, rest: Fraction) -> Fraction:
    return part / (part + rest) if part + rest else Fraction(0)


def _of_scores(row: Row, auc: Claim, area: Interval) -> list[Draft]:
    of_class = [a for (m, c, a) in row.scores if m == "recall" and not c and a.startswith("positive:")]
    pairs = ([row.scores.get((m, "", a)) for m in ("recall", "specificity")] for a in (auc.average, "", *of_class))
    recall, specificity = next((p for p in pairs if None not in p), (None, None))
    if recall is None or specificity is None or {c[0].average for c in (recall, specificity)} & NEITHER:
        return []
    r, s = score_interval(recall[0]), score_interval(specificity[0])
    one_class = recall[0].average.startswith("positive:")
    if r is None or s is None or (r.meets(s) and not one_class):  # equal ones may be micro averages
        return []
    accuracy = row.scores.get(("accuracy", "", ""))
    a = score_interval(accuracy[0]) if accuracy else None
    pooled = (a.low if a is not None else min(r.low, s.low)) ** 2
    bounds = Interval(min(r.low + s.low - 1, pooled), Fraction(1))
    words = f"{recall[0].metric} {recall[0].value}, specificity {specificity[0].value}"
    return [_draft(row, (auc, recall[0], specificity[0]), area, bounds, words, "r + s − 1")]


def _draft(row: Row, claims: tuple[Claim, ...], area: Interval, bounds: Interval, words: str, least: str) -> Draft:
    good = area.meets(bounds)
    most = "1 − (1 − r)(1 − s)" if least == "r·s" else "1"
    return Draft(
        check="auc_bounds",
        status="consistent" if good else "inconsistent",
        kind="arithmetic",
        claims=claims,
        severity=0 if good else 2,
        statement=f"The AUC {claims[0].value} of {row.label} is "
        + (
            "one that its sensitivity and specificity allow."
            if good
            else "not one that its sensitivity and specificity allow."
        ),
        witness=f"{words[:1].upper()}{words[1:]}. A curve through that point has an area from {least} to {most}, "
        f"one of both outputs from a² to 1 − (1 − a)² of the accuracy a: from {shown(bounds.low, 4)} to "
        f"{shown(bounds.high, 4)} in all.",
        repair=""
        if good
        else "an AUC of other scores, or another threshold, part or run than that of the scores beside it.",
        members=() if good else ((claims[0].id,), tuple(c.id for c in claims[1:])),
    )
