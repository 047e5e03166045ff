"""Several equally large classes: top-1 accuracy is macro recall, and what follows for the other scores."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_number
from leukbench.audit.readings.claims import canonical, count_of, row_key, scale_of, score_interval
from leukbench.audit.readings.class_sizes import n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import TIE, Claims, as_percent, overall_of
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim


def balance(ledger: Ledger, row: Row) -> tuple[int, Claims, bool] | None:
    """Return (images a class, claims, whether of this very part) where all classes of a row's part or dataset are
    equal.

    A fold is not judged by what is said of the whole.
    """
    k = n_classes(ledger, row.key)
    for split in dict.fromkeys((row.key[2], "all", "")):
        by_condition: dict[tuple[str, str], dict[str, Claim]] = {}
        for c in ledger.own:
            if (
                c.metric == "n_images"
                and c.class_
                and c.split == split
                and count_of(c)
                and c.study in {row.key[0], ""}
                and c.of_fold == row.key[3]
                and c.model in {row.key[1], ""}
            ):
                by_condition.setdefault((c.model, c.condition), {})[c.class_] = c
        for group in by_condition.values():
            counts = {count_of(c) for c in group.values()}
            if len(group) == k and len(counts) == 1:
                return counts.pop() or 0, tuple(group.values()), split == row.key[2] and split not in {"", "unstated"}
    return None


def check_balanced_classes(ledger: Ledger) -> list[Draft]:
    """With equally large classes top-1 accuracy = macro recall, and macro specificity = 1 − (1 − accuracy)/(K − 1).

    Weighted and micro recall are the accuracy for any class sizes. All three are linear in the matrix, so they hold
    for means over runs. The largest class share that would be needed instead is stated: with recall deficits d_c ≥
    0 of sum D = K(1 − macro recall), 1 − accuracy = Σ w_c d_c ≤ w_max·D; with false positives of sum 1 − accuracy,
    K(1 − macro specificity) ≤ (1 − accuracy)/(1 − w_max).
    """
    found = []
    for row in _distinct_rows(ledger.rows):
        k = n_classes(ledger, row.key)
        equal = balance(ledger, row)
        accuracy, recall, spec = (_average_of(row, m) for m in ("accuracy", "recall", "specificity"))
        if k is None or k < 3 or equal is None or accuracy is None or (recall is None and spec is None):
            continue
        b = _Balanced(ledger, row, k, *equal, accuracy)
        drafts = [_against_accuracy(b, n, c) for n, c in (("recall", recall), ("specificity", spec)) if c]
        drafts += [_recall_against_specificity(b, recall, spec)] if recall and spec else []
        found += [d for d in drafts if d is not None]
    return _gathered(found)


def _average_of(row: Row, metric: str) -> Claims | None:
    """Return the row's score that can be an average over classes, not one that is said to be of one class."""
    claims = overall_of(row, metric)
    return None if claims is None or claims[0].average.startswith("positive:") else claims


def _other_metric(draft: Draft) -> str:
    """Return the second metric that a draft speaks of."""
    first = draft.claims[0].metric
    return next(c.metric for c in draft.claims if c.metric != first)


def _two_values(draft: Draft) -> tuple[str, str]:
    """Return the two figures of a draft as printed: the first claim's, and that of the next metric with its rivals."""
    first = draft.claims[0]
    other = _other_metric(draft)
    return first.value, " or ".join(dict.fromkeys(c.value for c in draft.claims if c.metric == other))


def _either(claims: Claims, rivals: Claims) -> str:
    return " or ".join(dict.fromkeys([claims[0].value, *(c.value for c in rivals)]))


def _distinct_rows(found: Iterable[Row]) -> list[Row]:
    """Return the rows with those joined that are one result under two names of its aggregation: equal keys else,
    equal figures."""
    joined: dict[tuple[object, ...], Row] = {}
    for row in found:
        overall = {m: c for (m, class_, _), c in row.scores.items() if not class_}
        values = [
            tuple(f"{float(printed_number(c.value) or 0) / scale_of(c):.6f}" for c in overall.get(m, ())[:1])
            for m in ("accuracy", "recall", "specificity")
        ]
        key = (*row.key[:5], *values)
        if key in joined:
            first = joined[key]
            joined[key] = Row(first.key, {n: (*c, *row.scores.get(n, ())) for n, c in first.scores.items()})
        else:
            joined[key] = row
    return list(joined.values())


def _rivals(ledger: Ledger, row: Row, metric: str, chosen: Claims) -> Claims:
    """Return the other overall values that the paper prints for a score of this row."""
    return tuple(
        c
        for c in ledger.own
        if row_key(c) == row.key
        and canonical(c.metric) == metric
        and not c.class_
        and c.id not in {d.id for d in chosen}
    )


def _gathered(drafts: list[Draft]) -> list[Draft]:
    """Return the drafts with the rows that are no headline told together, kind by kind, once there are more than
    three."""
    # a row with two rival values is judged once, with both
    drafts = list({(d.status, d.statement): d for d in reversed(drafts)}.values())[::-1]
    kept = [d for d in drafts if d.status == "consistent" or d.severity >= 3]
    groups: dict[tuple[str, str, str], list[Draft]] = {}
    for d in drafts:
        if d not in kept:
            groups.setdefault((d.status, d.claims[0].metric, _other_metric(d)), []).append(d)
    for group in groups.values():
        if len(group) <= 3:
            kept += group
            continue
        first = group[0]
        others = "; ".join(", ".join(_two_values(d)) for d in group[1:])
        kept.append(
            replace(
                first,
                claims=tuple({c.id: c for d in group for c in d.claims}.values()),
                more=(*first.more, *(m for d in group[1:] for m in (d.members, *d.more) if m)),
                statement=f"{first.statement[:-1]}; the same is true of {len(group) - 1} other rows.",
                witness=f"{first.witness} The pairs of the other rows: {others}.",
            )
        )
    return kept


@dataclass(frozen=True)
class _Balanced:
    """A row over equally large classes: its accuracy, what else it prints, and the claims that say that the classes
    are equal."""

    ledger: Ledger
    row: Row
    k: int
    images: int
    basis: Claims
    of_this_part: bool
    accuracy: Claims

    def rivals(self, metric: str, chosen: Claims) -> Claims:
        return _rivals(self.ledger, self.row, metric, chosen)

    @property
    def head(self) -> bool:
        return any(c.id in self.ledger.headlines for c in self.accuracy)


def _macro_specificity(value: Interval, k: int) -> Interval:
    """Return the macro specificity that an accuracy (or macro recall) over k equally large classes means."""
    return Interval(1 - (1 - value.low) / (k - 1), 1 - (1 - value.high) / (k - 1))


def _against_accuracy(b: _Balanced, name: str, claims: Claims) -> Draft | None:
    """Return the finding on one macro score beside the accuracy; None where nothing can be said."""
    a, value = score_interval(b.accuracy[0]), score_interval(claims[0])
    if a is None or value is None:
        return None
    s = _Beside(b, name, claims, b.rivals(name, claims), a, value)
    allowed = Interval(s.must.low - TIE, s.must.high + TIE)
    against_rest = _from_each_against_rest(a, name, b.k)
    if b.accuracy[0].average in {"", "macro"} and value.meets(against_rest):
        return _each_against_rest(b, claims, s.words, against_rest)
    if s.rivals and any((i := score_interval(c)) is None or i.meets(allowed) for c in s.rivals):
        return None  # printed with two values, of which one fits
    if value.meets(allowed):
        return Draft(
            check="balanced_classes",
            status="consistent",
            kind="arithmetic",
            claims=s.involved,
            statement=f"The {claims[0].metric} of {b.row.label} is what {b.k} equal classes and the accuracy demand.",
            witness=s.words,
        )
    return _unequal_draft(s)


@dataclass(frozen=True)
class _Beside:
    """One macro score of a row over equally large classes beside the row's accuracy, both as intervals too."""

    b: _Balanced
    name: str
    claims: Claims
    rivals: Claims
    accuracy: Interval
    value: Interval

    @property
    def must(self) -> Interval:
        """What the score is if the accuracy is over equally large classes."""
        return self.accuracy if self.name == "recall" else _macro_specificity(self.accuracy, self.b.k)

    @property
    def words(self) -> str:
        b, name = self.b, self.name
        formula = "= accuracy" if name == "recall" else f"= 1 − (1 − accuracy)/{b.k - 1}"
        return (
            f"accuracy {b.accuracy[0].value}, {self.claims[0].metric} {_either(self.claims, self.rivals)}, {b.k} "
            f"classes of {b.images}. Then macro {name} {formula} = {as_percent(self.must)}; printed: "
            f"{as_percent(self.value)}."
        )

    @property
    def involved(self) -> Claims:
        return (*self.b.accuracy, *self.claims, *self.rivals, *self.b.basis)

    @property
    def conflicts(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """Each of two rival values is a conflict of its own, so that being printed twice makes neither guilty."""
        values = (tuple(c.id for c in self.claims), *((c.id,) for c in self.rivals))
        return tuple((tuple(c.id for c in self.b.accuracy), v, *((c.id,) for c in self.b.basis)) for v in values)


_UNEQUAL = {
    "never": ".",
    "one class": "; the scores beside the accuracy can be those of one class against the rest, or of all but one.",
    "uneven": ", only over somewhat unequal ones.",
}


def _unequal_draft(s: _Beside) -> Draft | None:
    """Return the finding that accuracy and score are no averages over equally large classes; None where it says
    nothing."""
    b, k = s.b, s.b.k
    share = _needed_share(s.accuracy, s.value, k, s.name)
    possible = _possible_if(s, share)
    if possible is None:
        return None
    proved = possible == "never"
    return Draft(
        check="balanced_classes",
        status="inconsistent" if proved else "implausible",
        kind="arithmetic",
        claims=s.involved,
        severity=(3 if b.head else 2) if proved else 1,
        statement=f"Accuracy and {s.claims[0].metric} of {b.row.label} cannot both be averages over {k} "
        f"equally large classes{_UNEQUAL[possible]}",
        witness=s.words + (" Weighted and micro recall equal the accuracy as well." if s.name == "recall" else ""),
        repair=_share_words(share, k)
        + "a binary reading (some classes pooled against the others), with the averaging stated.",
        members=s.conflicts[0] if proved else (),
        more=s.conflicts[1:] if proved else (),
    )


def _possible_if(s: _Beside, share: Fraction | None) -> str | None:
    """Return the key of :data:`_UNEQUAL` for a score that equal classes forbid; None where slightly unequal ones do
    not."""
    k = s.b.k
    # of the whole dataset only: a test part drawn from it can be somewhat unequal, but not by half
    if s.b.of_this_part or (share is not None and (share >= Fraction(3, 2 * k) or share <= Fraction(1, 2 * k))):
        one_class = not s.claims[0].average and fits_one_class(_others(s.b.row), s.accuracy, k)
        return "one class" if one_class else "never"
    return "uneven" if share is not None and (share >= Fraction(6, 5 * k) or share <= Fraction(4, 5 * k)) else None


def _others(row: Row) -> dict[str, Interval]:
    """Return what the row prints beside its accuracy of the scores that one class has, as intervals."""
    found = {m: overall_of(row, m) for m in ("recall", "specificity", "precision", "f1")}
    return {m: i for m, c in found.items() if c and (i := score_interval(c[0])) is not None}


def fits_one_class(scores: dict[str, Interval], accuracy: Interval, k: int) -> bool:
    """Whether scores can be those of one of k equal classes against the rest, or of all classes but one, beside the
    accuracy over all of them.

    With n images a class, m·n of the one class missed and i·n images of others called it, m + i ≤ E = k(1 − accuracy).
    One class: recall 1 − m, specificity 1 − i/(k − 1), precision (1 − m)/(1 − m + i), F1 2(1 − m)/(2 − m + i). All but
    it: recall 1 − i/(k − 1), specificity 1 − m, and with t = k − 1 − i precision t/(t + m), F1 2t/(2t + i + m). All
    fall with m and with i.

    >>> I = lambda a: Interval(Fraction(a), Fraction(a))
    >>> fits_one_class({"recall": I("0.9")}, I("0.95"), 4), fits_one_class({"recall": I("0.7")}, I("0.95"), 4)
    (True, False)
    """
    errors, free = k * (1 - accuracy.low), Interval(Fraction(0), Fraction(1))
    for missed, other in (("recall", "specificity"), ("specificity", "recall")):
        whole, rest = scores.get(missed, free), scores.get(other, free)
        m = Interval(1 - whole.high, min(1 - whole.low, errors))
        i = Interval((k - 1) * (1 - rest.high), min((k - 1) * (1 - rest.low), errors))
        if m.low + i.low > errors + TIE or m.low > m.high or i.low > i.high:
            continue
        least, most = _one_class_scores(m.high, i.high, k, missed), _one_class_scores(m.low, i.low, k, missed)
        ranges = {name: Interval(least[name] - TIE, most[name] + TIE) for name in least}
        if all(scores[name].meets(r) for name, r in ranges.items() if name in scores):
            return True
    return False


def _one_class_scores(m: Fraction, i: Fraction, k: int, missed: str) -> dict[str, Fraction]:
    hit, wrong = (1 - m, (m, i)) if missed == "recall" else (k - 1 - i, (i, m))
    precision = hit / (hit + wrong[1]) if hit + wrong[1] else Fraction(0)
    bottom = 2 * hit + wrong[0] + wrong[1]
    return {"precision": precision, "f1": 2 * hit / bottom if bottom else Fraction(0)}


def _from_each_against_rest(a: Interval, name: str, k: int) -> Interval:
    """Return the macro score of k equal classes if the accuracy is the mean of each class against the rest, 1 −
    2·wrong/k."""
    share = Fraction(k, 2) if name == "recall" else Fraction(k, 2 * (k - 1))
    return Interval(1 - (1 - a.low) * share - TIE, 1 - (1 - a.high) * share + TIE)


def _each_against_rest(b: _Balanced, claims: Claims, words: str, value: Interval) -> Draft:
    return Draft(
        check="balanced_classes",
        status="consistent",
        kind="arithmetic",
        claims=(*b.accuracy, *claims, *b.basis),
        severity=1,
        statement=f"Accuracy and {claims[0].metric} of {b.row.label} fit {b.k} equally large classes only if the "
        "accuracy is the "
        "mean of each class against the rest.",
        witness=f"{words} With that accuracy it would be {as_percent(value)}.",
        repair="the definition of the accuracy: of all answers, or of each class against the rest.",
    )


def _recall_against_specificity(b: _Balanced, recall: Claims, spec: Claims) -> Draft | None:
    """Return the finding that both cannot be macro averages, None where they can or are printed with several values."""
    r, s, k = score_interval(recall[0]), score_interval(spec[0]), b.k
    if r is None or s is None or b.rivals("recall", recall) or b.rivals("specificity", spec):
        return None
    must = _macro_specificity(r, k)
    apart = not s.meets(Interval(must.low - TIE, must.high + TIE))
    if not (apart if b.of_this_part else s.high < r.low - (1 - r.low) * k):
        return None
    a = score_interval(b.accuracy[0])
    unsaid = not recall[0].average and not spec[0].average
    if unsaid and a is not None and fits_one_class(_others(b.row), a, k):
        return None  # those of one class against the rest, or of all but one
    return Draft(
        check="balanced_classes",
        status="inconsistent",
        kind="arithmetic",
        claims=(*recall, *spec, *b.basis),
        severity=1,
        statement=f"Sensitivity and specificity of {b.row.label} cannot both be macro averages over {k} equally "
        "large classes.",
        witness=f"Macro specificity = 1 − (1 − macro sensitivity)/{k - 1} = {as_percent(must)} for sensitivity "
        f"{recall[0].value}; "
        f"printed {spec[0].value}. It is never below the macro sensitivity.",
        repair="a binary reading, with the averaging stated.",
        members=(tuple(c.id for c in recall), tuple(c.id for c in spec), *((c.id,) for c in b.basis)),
    )


def _needed_share(a: Interval, value: Interval, k: int, name: str) -> Fraction | None:
    """Return the share that one class must at least (above 1/K) or at most (below 1/K) have for both figures to be
    true.

    Recall: 1 − accuracy = Σ w_c d_c lies between w_min·D and w_max·D. Specificity: false positives f_c ≥ 0 of sum 1
    − accuracy, K(1 − macro specificity) = Σ f_c/(1 − w_c) lies between (1 − accuracy)/(1 − w_min) and (1 −
    accuracy)/(1 − w_max).
    """
    wrong = Interval(1 - a.high, 1 - a.low)
    deficit = Interval(k * (1 - value.high), k * (1 - value.low))
    if name == "recall":
        if deficit.high > 0 and wrong.low / deficit.high > Fraction(1, k):
            return wrong.low / deficit.high
        return wrong.high / deficit.low if deficit.low > 0 else None
    if deficit.low > 0 and 1 - wrong.high / deficit.low > Fraction(1, k):
        return 1 - wrong.high / deficit.low
    return max(Fraction(0), 1 - wrong.low / deficit.high) if deficit.high > 0 else None


def _share_words(share: Fraction | None, k: int) -> str:
    if share is None:
        return ""
    more = share > Fraction(1, k)
    bound = math.floor(100 * share) if more else math.ceil(100 * share)  # never stricter than what was proved
    return f"a test part of which one class makes {'at least' if more else 'at most'} {bound} %, or "
