"""Scores of one result that fix or bound each other, whatever the class sizes."""

from __future__ import annotations

from fractions import Fraction

from leukbench.audit.engine.rounding import Interval
from leukbench.audit.readings.claims import row_key, score_interval
from leukbench.audit.readings.class_sizes import n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import TIE, as_percent, overall_of, same_positive
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

Printed = list[tuple[Claim, ...]]


def check_error_rates(ledger: Ledger) -> list[Draft]:
    """The error rate of a result is 1 − its accuracy; linear, so that it is true of means as well.

    Another averaging of one of the two could explain a difference, so that it proves nothing.
    """
    found = []
    rows = {row.key: row for row in ledger.rows}
    for claim in ledger.own:
        if claim.metric != "error_rate" or claim.class_ or (error := score_interval(claim)) is None:
            continue
        row = rows.get(row_key(claim))
        accuracy = overall_of(row, "accuracy") if row is not None else None
        if row is None or accuracy is None or (a := score_interval(accuracy[0])) is None:
            continue
        expected = Interval(1 - a.high, 1 - a.low)
        found.append(_draft("error_rates", row, [accuracy, (claim,)], expected, error, "1 − accuracy", proved=False))
    return found


def check_agreement(ledger: Ledger) -> list[Draft]:
    """MCC and kappa of two classes are at most the accuracy, and at most the balanced accuracy.

    MCC² = (r + s − 1)(p + q − 1) with the two recalls and the two precisions; the accuracy lies between r and s and
    between p and q, so neither factor is above it; MCC² ≤ 2b − 1 ≤ b² of the balanced accuracy b = (r + s)/2; kappa is
    at most MCC (Warrens 2008). What holds of every fold holds of means.
    """
    found = []
    for row in ledger.rows:
        if n_classes(ledger, row.key) != 2:
            continue
        for metric in ("mcc", "kappa"):
            for other in ("accuracy", "balanced_accuracy"):
                claims = [overall_of(row, other), overall_of(row, metric)]
                draft = _most(row, [c for c in claims if c is not None])
                found += [draft] if draft is not None else []
    return found


def _most(row: Row, claims: Printed) -> Draft | None:
    values = [score_interval(c[0]) for c in claims]
    if len(claims) < 2 or values[0] is None or values[1] is None:
        return None
    return _draft("agreement", row, claims, Interval(Fraction(-1), values[0].high), values[1], "at most the other")


def check_balanced_accuracy(ledger: Ledger) -> list[Draft]:
    """The balanced accuracy of two classes is the mean of sensitivity and specificity; linear, so that it is true of
    means as well. It is proved where both are said to be of one class: otherwise one of them may be an average.
    """
    found = []
    for row in ledger.rows:
        claims = [overall_of(row, m) for m in ("recall", "specificity", "balanced_accuracy")]
        if n_classes(ledger, row.key) != 2 or any(c is None for c in claims):
            continue
        known = [c for c in claims if c is not None]
        values = [v for c in known if (v := score_interval(c[0])) is not None]
        if len(values) == 3:
            r, s, balanced = values
            mean = Interval((r.low + s.low) / 2, (r.high + s.high) / 2)
            proved = same_positive(known[0][0], known[1][0])
            words = "the mean of sensitivity and specificity"
            found.append(_draft("balanced_accuracy", row, known, mean, balanced, words, proved=proved))
    return found


def _draft(
    check: str, row: Row, claims: Printed, expected: Interval, value: Interval, words: str, *, proved: bool = True
) -> Draft:
    """Return the finding on the last of some scores, which the others fix to ``expected``, in words."""
    good = value.meets(Interval(expected.low - TIE, expected.high + TIE))
    printed = ", ".join(f"{c[0].metric.replace('_', ' ')} {c[0].value}" for c in claims)
    bad = "inconsistent" if proved else "implausible"
    name = claims[-1][0].metric.replace("_", " ")
    return Draft(
        check=check,
        status="consistent" if good else bad,
        kind="arithmetic",
        claims=tuple(c for cs in claims for c in cs),
        severity=0 if good else 2 if proved else 1,
        statement=f"The {name} of {row.label} is {'' if good else 'not '}what its other scores make it.",
        witness=f"{printed}. By {words}: {as_percent(expected)}; printed: {as_percent(value)}.",
        repair="" if good else "figures of different runs or parts" + ("." if proved else ", or of another averaging."),
        members=tuple(tuple(c.id for c in cs) for cs in claims) if not good and proved else (),
    )
