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
    at most MCC (Warrens 2008). What holds of every fold holds of means. It is proved where both classes are known to
    have images (:func:`_of_two_present`): of a class without, libraries print what they like for 0/0.
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
    expected = Interval(Fraction(-1), values[0].high)
    return _draft("agreement", row, claims, expected, values[1], "at most the other", proved=_of_two_present(row))


def _of_two_present(row: Row) -> bool:
    """Whether sensitivity and specificity are said to be of one class and lie inside of 0 and 1, so that no class is
    without images.
    """
    rates = [overall_of(row, m) for m in ("recall", "specificity")]
    values = [score_interval(c[0]) for c in rates if c is not None]
    inside = [v is not None and v.low > TIE and v.high < 1 - TIE for v in values]
    first, second = (c[0] if c is not None else None for c in rates)
    return first is not None and second is not None and same_positive(first, second) and all(inside)


def check_balanced_accuracy(ledger: Ledger) -> list[Draft]:
    """The balanced accuracy of two classes is the mean of sensitivity and specificity; linear, so that it is true of
    means as well. It is proved where both are said to be of one class, and both classes have images: otherwise one of
    them may be an average, or 0/0.
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
            words, proved = "the mean of sensitivity and specificity", _of_two_present(row)
            found.append(_draft("balanced_accuracy", row, known, mean, balanced, words, proved=proved))
    return found


def _draft(
    check: str, row: Row, claims: Printed, expected: Interval, value: Interval, words: str, *, proved: bool
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
        repair=""
        if good
        else "figures of different runs or parts"
        + ("." if proved else ", of another averaging, or of a class without images."),
        members=tuple(tuple(c.id for c in cs) for cs in claims) if not good and proved else (),
    )
