"""Columns that coincide or follow from a formula that is not theirs; perfect scores beside errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from leukbench.audit.engine.rounding import Interval, shown
from leukbench.audit.readings.claims import row_key, score_interval
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import Claims, overall_of
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim


@dataclass(frozen=True)
class _Formula:
    """By what a column may have been computed that is called otherwise, and what its name usually means."""

    ingredients: tuple[str, str]
    formula: Callable[..., Fraction]
    words: str
    usual: str


FORMULAS = {  # by the metric whose column is suspected
    "f1": _Formula(
        ("recall", "specificity"),
        lambda r, s: 2 * r * s / (r + s) if r + s else Fraction(0),
        "the harmonic mean of sensitivity and specificity",
        "F1 is the harmonic mean of precision and recall",
    ),
    "auc": _Formula(
        ("recall", "specificity"),
        lambda r, s: (r + s) / 2,
        "the mean of sensitivity and specificity",
        "that is the area under the curve of hard decisions at one threshold, not of scores",
    ),
    "accuracy": _Formula(
        ("recall", "specificity"),
        lambda r, s: (r + s) / 2,
        "the mean of sensitivity and specificity",
        "that is the balanced accuracy, equal to accuracy only when half of the images are positive",
    ),
}


FEW = 4


FINE = Fraction(1, 1000)  # coarser prints coincide by themselves


def check_coincidences(ledger: Ledger) -> list[Draft]:
    """Columns that coincide in every row, or that follow from other columns by a formula that is not theirs.

    AUC and F-score measure different things; equality to the printed digits in every row of several is no accident.
    """
    found = []
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in ledger.rows:
        groups.setdefault((row.key[0], row.key[2]), []).append(row)
    for members in groups.values():
        for pair in (("auc", "f1"), ("auc", "accuracy"), ("precision", "accuracy"), ("recall", "accuracy")):
            found += _equal_columns(members, pair)
        for metric, suspected in FORMULAS.items():
            found += _formula_column(members, metric, suspected)
    return found


def _middle(claims: Claims) -> Fraction:
    interval = score_interval(claims[0])
    assert interval is not None
    # the printed number itself: intervals reach further up (truncation) than down
    return (interval.low * 2 + interval.high) / 3


def _width(claims: Claims) -> Fraction:
    interval = score_interval(claims[0])
    assert interval is not None
    return (interval.high - interval.low) * 2 / 3


def _equal_columns(members: list[Row], pair: tuple[str, str]) -> list[Draft]:
    both = [(r, x, y) for r in members if (x := overall_of(r, pair[0])) and (y := overall_of(r, pair[1]))]
    both = [(r, x, y) for r, x, y in both if max(_width(x), _width(y)) <= FINE]
    if len(both) < FEW or pair == ("recall", "accuracy"):
        return []
    gaps = [abs(_middle(x) - _middle(y)) / max(_width(x), _width(y)) for _, x, y in both]
    if sum(g <= Fraction(6, 5) for g in gaps) < 0.9 * len(gaps):
        return []
    claims = tuple(c for _, x, y in both for c in (x[0], y[0]))
    exact = sum(g < Fraction(1, 2) for g in gaps)
    return [
        Draft(
            check="coincidences",
            status="implausible",
            kind="arithmetic",
            claims=claims,
            severity=2,
            statement=f"{pair[0]} and {pair[1]} are the same figure, up to one unit of the last digit, in nearly "
            f"all of {len(both)} rows.",
            witness=f"Equal in {exact} of {len(both)} rows, at most one last digit apart in "
            f"{sum(g <= Fraction(6, 5) for g in gaps)}; "
            f"e.g. {both[0][1][0].value} and {both[0][2][0].value} for {both[0][0].label}. The two measure "
            "different things.",
            repair="one column computed from the other's formula: see which formula fits.",
        )
    ]


def _formula_column(members: list[Row], metric: str, suspected: _Formula) -> list[Draft]:
    used = []
    for row in members:
        columns = [overall_of(row, m) for m in (metric, *suspected.ingredients)]
        if any(c is None or _width(c) > FINE for c in columns):
            continue
        target, *rest = [c for c in columns if c is not None]
        used.append(_Computed(row, target, rest, suspected.formula(*(_middle(c) for c in rest))))
    fits = sum(u.gap <= Fraction(3, 2) for u in used)
    # where the ingredients are nearly equal every mean of them is, and nothing can be read from it
    if len(used) < FEW or fits < 0.85 * len(used) or sum(u.telling for u in used) < len(used) / 2:
        return []
    first = used[0]
    return [
        Draft(
            check="coincidences",
            status="implausible" if metric != "accuracy" else "consistent",
            kind="arithmetic",
            claims=tuple(c for u in used for c in (u.target[0], *(x[0] for x in u.rest))),
            topic=metric,
            severity=2 if metric != "accuracy" else 0,
            statement=f"In {fits} of {len(used)} rows the printed {metric} is {suspected.words}.",
            witness=f"E.g. {first.row.label}: {', '.join(f'{c[0].metric} {c[0].value}' for c in first.rest)} give "
            f"{shown(100 * first.value, 2)}; printed {first.target[0].value}. Median distance "
            f"{shown(median(float(u.gap) for u in used), 2)} units of the last digit. Note: {suspected.usual}.",
            repair=f"call the column by what it is, or give {metric} by its usual definition.",
        )
    ]


@dataclass(frozen=True)
class _Computed:
    """A row's printed score, and its value by another formula from the scores beside it."""

    row: Row
    target: Claims
    rest: list[Claims]
    value: Fraction

    @property
    def gap(self) -> Fraction:
        """The distance of both, in units of the last printed digit."""
        return abs(self.value - _middle(self.target)) / _width(self.target)

    @property
    def telling(self) -> bool:
        """Whether the ingredients differ by enough to tell a formula from another."""
        return abs(_middle(self.rest[0]) - _middle(self.rest[1])) >= 5 * _width(self.target)


def _least_accuracy(score: Interval, classes: int) -> Fraction:
    """Return an accuracy below which no F1 of two classes and no MCC prints as such a score near 1.

    A macro F1 of two classes at least 1 − d leaves each class 1 − 2d, so at most 4d/(1 − 2d) of the images wrong; d
    is taken that much larger for every further class.
    """
    d = Fraction(classes, 2) * (1 - score.low)
    return max(Fraction(0), 1 - 4 * d / (1 - 2 * d)) if d < Fraction(1, 2) else Fraction(0)


def check_perfect_scores(ledger: Ledger) -> list[Draft]:
    """MCC = 1, in a binary problem F1 = 1 too, only without any error; an accuracy below 100 % of the same result
    means some.

    A 1 without decimals may be a rounded 0.5 to 1, which is possible and says little; that is named instead of
    alleged. A 1.00 is at least 0.995: then macro recall leaves each class at least 1 − 0.005 K, and F1 or MCC no
    accuracy below that either.
    """
    by_result: dict[tuple[str, str, str], list[Claim]] = {}
    for c in ledger.own:
        if c.split in {"test", "unstated", ""} and c.study in ledger.paper.studies and not c.of_fold:
            by_result.setdefault((c.study, c.model or c.arm, c.condition), []).append(c)
    drafts = (
        _perfect_draft(claims, model, len(ledger.paper.studies[study].classes))
        for (study, model, _), claims in by_result.items()
    )
    return [d for d in drafts if d is not None]


def _perfect_draft(claims: list[Claim], model: str, classes: int) -> Draft | None:
    """Return the finding on one result's scores of 1 beside accuracies below 1; None where these can stand together."""
    telling = {"mcc"} | ({"f1"} if classes == 2 else set())
    ones = [c for c in claims if _is_one(c)]
    accuracies = [(c, score_interval(c)) for c in claims if c.metric == "accuracy" and not c.class_]
    less = [(c, i) for c, i in accuracies if i is not None and i.high < 1]
    metrics = {c.metric for c in ones}
    if not less or not (metrics & telling or len(metrics) >= 3):
        return None
    whole = all("." not in c.value for c in ones)
    if not whole and all(i.high >= Fraction(99, 100) for _, i in less):
        return None  # a rounded 1.00 leaves room for a few errors
    proved = _exclude([c for c in ones if c.metric in telling and "." in c.value], less, classes)
    return Draft(
        check="perfect_scores",
        status="inconsistent" if proved else "implausible",
        kind="arithmetic",
        claims=(*ones, *(c for c, _ in less)),
        severity=3,
        statement=f"{', '.join(sorted(metrics))} of 1 for {model or 'the result'} stand beside an accuracy of "
        f"{', '.join(sorted({c.value for c, _ in less}))}.",
        witness="A value of exactly 1 means that no image is wrong, so that accuracy would be 100 %."
        + (" Printed without decimals, 1 could be anything rounded up from 0.5." if whole else ""),
        repair="give the scores with two decimals, from the confusion matrix.",
    )


def _exclude(ones: list[Claim], accuracies: list[tuple[Claim, Interval]], classes: int) -> bool:
    """Whether an accuracy lies below the least that a score of 1 of the same row leaves, with its rounding."""
    intervals = [(c, score_interval(c)) for c in ones]
    return any(
        one is not None and row_key(c) == row_key(d) and accuracy.high < _least_accuracy(one, classes)
        for c, one in intervals
        for d, accuracy in accuracies
    )


def _is_one(c: Claim) -> bool:
    """Whether a claim prints an overall score as the fraction 1, with or without decimals."""
    score = c.metric in {"mcc", "f1", "precision", "recall", "sensitivity"} and not c.class_
    return score and c.unit != "%" and c.value.strip().rstrip("0").rstrip(".") == "1"
