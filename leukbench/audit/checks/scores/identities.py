"""Order and identity: what scores of one result must satisfy among themselves, whatever the matrix behind them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from leukbench.audit.engine.conflicts import accused
from leukbench.audit.engine.rounding import Interval, shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import (
    TIE,
    Claims,
    as_percent,
    harmonic,
    implied_share,
    may_be_mean,
    overall_of,
    same_positive,
)
from leukbench.audit.readings.rows import Row


@dataclass(frozen=True)
class _Triple:
    """Precision, recall and F1 of one class or average of a row: the claims of each, and what they stand for."""

    class_: str
    scores: dict[str, Claims]
    values: tuple[Interval, Interval, Interval]
    known: bool

    @property
    def claims(self) -> Claims:
        return tuple(c for claims in self.scores.values() for c in claims)

    @property
    def members(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(c.id for c in claims) for claims in self.scores.values())

    @property
    def one_class(self) -> bool:
        return (bool(self.class_) and self.known) or all(c.average.startswith("positive:") for c in self.claims)


def _triples(row: Row, classes: Collection[str]) -> list[_Triple]:
    """Return the triples of a row, per class and averaging, where all three scores are printed as numbers.

    ``classes``: the study's, if it names them; what is called otherwise may be an average.
    """
    found = []
    for class_, average in dict.fromkeys((c, a) for _, c, a in row.scores):
        names = [(m, class_, average) for m in ("precision", "recall", "f1")]
        scores = {name[0]: row.scores[name] for name in names if name in row.scores}
        values = [i for claims in scores.values() if (i := score_interval(claims[0])) is not None]
        if len(scores) == len(values) == 3:
            found.append(_Triple(class_, scores, (values[0], values[1], values[2]), not classes or class_ in classes))
    return found


def check_f1_of_precision_recall(ledger: Ledger) -> list[Draft]:
    """F1 lies between precision and recall of one class, as their harmonic mean, and never above their plain mean.

    An average that leaves out classes whose ratio is 0/0 may exceed that mean a little: :func:`largest_mean_f1`.

    For one class F1 = 2PR/(P+R). The harmonic mean is at most the arithmetic one, so macro and weighted F1, and
    means over folds, are at most (P+R)/2 of the macro or weighted P and R as well; micro values are all equal. Only
    the last bound is used where the averaging is unstated or the figures are means.

    The bounds are of one averaging of all three. A weighted F1 beside P and R of the positive class, or macro ones, may
    have any value where the classes are of other sizes, so that nothing is proved where the averaging is not said; it
    is said by a class or an average, and for two classes by printed formulas.
    """
    studies = ledger.paper.studies
    return [
        _f1_draft(ledger, row, triple)
        for row in ledger.rows
        for triple in _triples(row, studies[row.key[0]].classes if row.key[0] in studies else ())
    ]


def _f1_ceiling(triple: _Triple, k: int, *, mean: bool) -> Fraction:
    """Return the largest F1 that precision and recall allow, over k classes and, with ``mean``, over folds or runs."""
    p, r, f = triple.values
    averages = {c.average for c in triple.claims}
    if not triple.one_class and p.meets(r) and (len(averages) > 1 or "" in averages):
        return Fraction(1)  # equal ones may be micro averages (Keras'), beside an F1 that is averaged otherwise
    if triple.one_class and not mean:
        return (p.high + r.high) / 2
    return largest_mean_f1(p, r, f, k, over_runs=mean)


def _of_one_averaging(ledger: Ledger, row: Row, triple: _Triple) -> str:
    """Return what says that all three are of one class or averaging, "" where nothing does."""
    if triple.class_ or triple.claims[0].average:
        return "its class or averaging"
    printed = {key.removeprefix("formula.") for key in ledger.paper.protocol_facts if key.startswith("formula.")}
    of_all = {"precision", "f1"} <= printed and bool({"recall", "sensitivity"} & printed)
    return "the printed formulas" if of_all and n_classes(ledger, row.key) == 2 else ""


def _f1_draft(ledger: Ledger, row: Row, triple: _Triple) -> Draft:
    p, r, f = triple.values
    k = n_classes(ledger, row.key) or max(2, len({c for _, c, _ in row.scores if c}))
    named = f"{row.label}{', ' + triple.class_ if triple.class_ else ''}"
    mean = may_be_mean(row)
    expected = harmonic(p, r)
    ceiling = _f1_ceiling(triple, k, mean=mean)
    printed = ", ".join(f"{m} {cs[0].value}" for m, cs in triple.scores.items())
    draft = Draft(
        check="f1_of_precision_recall",
        status="consistent",
        kind="arithmetic",
        claims=triple.claims,
        statement=f"The F1 of {named} is the harmonic mean of its precision and recall.",
        witness=f"{printed}. Harmonic mean of precision and recall: {as_percent(expected)}; printed F1 stands for "
        f"{as_percent(f)}.",
    )
    if f.meets(Interval(expected.low - TIE, expected.high + TIE)):
        return draft
    if f.low > ceiling + TIE:
        return _above_one_averaging(ledger, draft, row, triple, ceiling, named)
    return _not_harmonic(draft, row, triple, f"The F1 of {named} is not the harmonic mean of its precision and recall")


def _not_harmonic(draft: Draft, row: Row, triple: _Triple, said: str) -> Draft:
    """Return the finding on an F1 that is no harmonic mean, as is ``said``."""
    p, r, f = triple.values
    mean = may_be_mean(row)
    if triple.one_class and not mean and not f.contains(0):  # an F1 of 0 may be a 0/0
        repair = f"F1 {_would_be(p, r)}, or figures of different results."
        return replace(
            draft, status="inconsistent", members=triple.members, severity=2, statement=f"{said}.", repair=repair
        )
    status, why, missing = _why_not_harmonic(row, triple, mean=mean)
    severity = 0 if status == "consistent" else 1
    return replace(draft, status=status, severity=severity, statement=f"{said}; {why}.", repair=missing)


def _would_be(p: Interval, r: Interval) -> str:
    expected = harmonic(p, r)
    return f"{shown(100 * (expected.low + expected.high) / 2, 2)} %"


def _why_not_harmonic(row: Row, triple: _Triple, *, mean: bool) -> tuple[str, str, str]:
    """Return the status of an F1 that is no harmonic mean and need not be, why it need not, and what is missing."""
    average = triple.claims[0].average
    if triple.one_class:
        if mean:
            return "uncheckable", "only means over folds or runs could differ so", "the figures of each fold or run."
        return "uncheckable", "an F1 of 0 may stand for 0/0", "the confusion matrix."
    if average in {"macro", "weighted"}:
        why = f"a {average} average need not be, and it is no larger than they allow"
        if len({c for m, c, _ in row.scores if m == "f1" and c}) > 1:
            return "consistent", why, ""  # its classes stand beside it: check_class_averages
        return "uncheckable", why, "the figures of each class, or the confusion matrix."
    why = "only means over classes, folds or runs, or an F1 averaged otherwise than these, could differ so"
    return "uncheckable", why, "which averaging was used, or the confusion matrix."


_OTHER_AVERAGING = (
    "an F1 of another averaging or class than its precision and recall (a weighted one beside those of the positive "
    "class, or macro ones), which must be said; "
)


def _above_one_averaging(
    ledger: Ledger, draft: Draft, row: Row, triple: _Triple, ceiling: Fraction, named: str
) -> Draft:
    """Return the finding on an F1 that lies above ``ceiling``, the most that its precision and recall allow."""
    heads, (p, r, f) = ledger.headlines, triple.values
    in_row = any(c.id in heads for cs in row.scores.values() for c in cs)
    head = any(c.id in heads for c in draft.claims) or (not triple.class_ and in_row)
    above = " It is above both." if f.low > max(p.high, r.high) else ""
    said = _of_one_averaging(ledger, row, triple)
    conflicts = _f1_conflicts(triple.members, triple.values) if said else ()
    bound = "" if ceiling == (p.high + r.high) / 2 else " but for what leaving out classes of 0/0 can add"
    other = "" if said else _OTHER_AVERAGING
    return replace(
        draft,
        status="inconsistent" if said else "implausible",
        topic="above",
        members=conflicts[0] if said else (),
        more=conflicts[1:],
        accused=tuple(i for block in accused(conflicts) for i in block),
        severity=(3 if head else 2) - (not said),
        statement=f"The F1 of {named} is larger than its precision and recall allow under one averaging of all three."
        f"{above}",
        witness=f"{draft.witness} Any averaging of all three gives F1 ≤ (precision + recall)/2{bound}, at most "
        f"{100 * float(ceiling):.3f} %{f', by {said} they are of one' if said else ''}.",
        repair=f"{other}an F1 of another result, class or part of the data than the precision and recall beside it; "
        f"from these it would be {_would_be(p, r)}.",
    )


def largest_mean_f1(p: Interval, r: Interval, f: Interval, k: int, *, over_runs: bool = False) -> Fraction:
    """Return the largest macro or weighted F1 over k classes beside such a precision and recall.

    Σ F1 ≤ Σ (P + R)/2 over the same classes. A mean that leaves out classes without a right answer has fewer of them:
    each left out for its recall costs 1/k of a macro recall, each left out for its precision 1/k of a macro precision,
    so that at most q = ⌊k(1 − recall)⌋ + ⌊k(1 − precision)⌋ are. In a weighted mean they weigh 1 − recall at most; of
    two classes only the F1 of the other is left, 2·recall/(1 + recall), so that nothing else is allowed. Over runs or
    folds each can leave out others.
    """
    one, precision, recall = Fraction(1), p.high, r.high
    if over_runs:
        return max((1 + precision) / 2, (1 + recall) / 2)
    q = min(k - 1, math.floor(k * (1 - recall)) + math.floor(k * (1 - precision)))
    macro = sum((min(one, x * Fraction(k, k - q)) for x in (precision, recall)), Fraction(0)) / 2
    other = Interval(2 * r.low / (1 + r.low), 2 * recall / (1 + recall))
    if k > 2:
        weighted = (min(one, precision / recall) + 1) / 2 if recall else one
    else:
        weighted = other.high if other.meets(f) else Fraction(0)
    return max(macro, weighted, (precision + recall) / 2)


def _f1_conflicts(
    members: tuple[tuple[str, ...], ...], values: tuple[Interval, Interval, Interval]
) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return the minimal conflicts: with one of precision and recall alone (the other at most 1), else with both."""
    p, r, f = values
    alone = tuple(
        (block, members[2]) for block, v in ((members[0], p), (members[1], r)) if f.low > (v.high + 1) / 2 + TIE
    )
    return alone or (members,)


def check_accuracy_between(ledger: Ledger) -> list[Draft]:
    """In a binary problem accuracy = π·sensitivity + (1 − π)·specificity, so it lies between the two.

    Linear, hence true of means over runs on the same test set; over folds π may differ, so that of means nothing is
    proved. One of the two may be the mean of both classes (macro), the other that of one class: then the second class'
    own value, 2·mean − other, is the other end. π is the share of positives that follows.
    """
    found = []
    for row in ledger.rows:
        triple = [overall_of(row, m) for m in ("accuracy", "recall", "specificity")]
        if n_classes(ledger, row.key) != 2 or any(t is None for t in triple):
            continue
        (a, r, s), claims = _intervals(triple)
        words = f"accuracy {claims[0][0].value}, sensitivity {claims[1][0].value}, specificity {claims[2][0].value}"
        one_class = same_positive(claims[1][0], claims[2][0])
        # equal recall and specificity can be macro averages, and accuracy need not lie between these
        if (r.meets(s) and not one_class) or _within(a, r, s):
            flat = tuple(c for cs in claims for c in cs)
            found.append(_between(row, flat, words, implied_share(a, r, s)))
            continue
        of_both = _within(a, _other_class(r, s), s) or _within(a, r, _other_class(s, r)) or _within_weighted(a, r, s)
        found.append(_not_between(row, claims, words, of_both and not one_class))
    return found


def _between(row: Row, claims: Claims, words: str, share: Interval | None) -> Draft:
    needs = f", which needs {shown(100 * share.low, 1)} to {shown(100 * share.high, 1)} % positives" if share else ""
    return Draft(
        check="accuracy_between",
        status="consistent",
        kind="arithmetic",
        claims=claims,
        statement=f"The accuracy of {row.label} lies between its sensitivity and specificity{needs}.",
        witness=f"{words}; share of positives = (accuracy − specificity)/(sensitivity − specificity).",
    )


def _within(a: Interval, r: Interval, s: Interval) -> bool:
    return min(r.low, s.low) - TIE <= a.high and a.low <= max(r.high, s.high) + TIE


def _other_class(mean: Interval, one: Interval) -> Interval:
    """Return the second class' value where ``mean`` is that of both; the mean itself where no share has that value."""
    low, high = 2 * mean.low - one.high, 2 * mean.high - one.low
    return mean if high < 0 or low > 1 else Interval(max(low, Fraction(0)), min(high, Fraction(1)))


def _within_weighted(a: Interval, r: Interval, s: Interval) -> bool:
    """Whether a accuracy lies between both recalls if s is the specificities weighted by class size.

    a = π·r + (1 − π)·q and s = (1 − π)·r + π·q, so that the second recall q is a + s − r.
    """
    q = a + s - r
    return q.high >= 0 and q.low <= 1 and _within(a, r, q.clipped(0, 1))


def _not_between(row: Row, claims: list[Claims], words: str, of_both: bool) -> Draft:
    """Return the finding on an accuracy outside the two; ``of_both``: inside if one is an average."""
    mean = may_be_mean(row)
    status = "uncheckable" if of_both else "implausible" if mean else "inconsistent"
    return Draft(
        check="accuracy_between",
        status=status,
        kind="arithmetic",
        claims=tuple(c for cs in claims for c in cs),
        severity=1 if status == "uncheckable" else 2,
        members=tuple(tuple(c.id for c in cs) for cs in claims) if status == "inconsistent" else (),
        statement=f"The accuracy of {row.label} does not lie between sensitivity and specificity"
        + (", unless one of these is an average over both classes." if of_both else "."),
        witness=f"{words}; accuracy is their weighted mean.",
        repair="the averaging of each."
        if of_both
        else "the class sizes of each fold; figures of different runs or parts."
        if mean
        else "figures of different runs or parts.",
    )


def _intervals(triple: Sequence[Claims | None]) -> tuple[list[Interval], list[Claims]]:
    claims = [t for t in triple if t is not None]
    return [i for i in (score_interval(c[0]) for c in claims) if i is not None], claims
