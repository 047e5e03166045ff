"""Rows of a study of several classes that no averaging over classes explains: which binary problem would they come
from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import TIE, harmonic, implied_share
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

METRICS = ("accuracy", "recall", "specificity")
Share = Callable[[Interval, Interval, Interval], "Interval | None"]


@dataclass(frozen=True)
class Triple:
    """Accuracy, sensitivity and specificity of a row, with the F1 beside them if there is one."""

    label: str
    claims: tuple[Claim, Claim, Claim]
    values: tuple[Interval, Interval, Interval]
    f1: Interval | None


def share_if_precision(accuracy: Interval, recall: Interval, precision: Interval) -> Interval | None:
    """Return the shares of positives that accuracy, recall and *precision* of a binary problem need; None where it
    is open.

    Of all images π(1 − r) are missed and π·r(1 − p)/p called by mistake, so 1 − accuracy = π(1 − r + r(1 − p)/p);
    with p above one half the bracket falls with r and with p.

    >>> I = lambda a: Interval(Fraction(a), Fraction(a))
    >>> float(share_if_precision(I("0.9"), I("0.9"), I("0.9")).low)
    0.5
    """
    if precision.low <= Fraction(1, 2):
        return None

    def wrong(r: Fraction, p: Fraction) -> Fraction:
        return 1 - r + r * (1 - p) / p

    least, most = wrong(recall.high, precision.high), wrong(recall.low, precision.low)
    if least <= 0:
        return None
    low, high = (1 - accuracy.high) / most, (1 - accuracy.low) / least
    return Interval(low, min(high, Fraction(1))) if low <= 1 else None


def common_share(shares: Sequence[Interval]) -> tuple[Interval, frozenset[int]]:
    """Return the share that most intervals contain (the first such stretch) and which they are.

    >>> I = lambda a, b: Interval(Fraction(a), Fraction(b))
    >>> common_share([I(0, 2), I(1, 3), I(5, 6)])[1]
    frozenset({0, 1})
    """
    best: tuple[Interval, frozenset[int]] = (shares[0], frozenset())
    for start in sorted({s.low for s in shares}):
        within = frozenset(i for i, s in enumerate(shares) if s.contains(start))
        if len(within) > len(best[1]):
            best = (Interval(start, min(shares[i].high for i in within)), within)
    return best


def _triples(ledger: Ledger) -> dict[tuple[str, str], list[Triple]]:
    """Return, by study and part, the rows whose specificity lies below their accuracy, each printed triple once.

    Macro specificity is 1 − Σ f_c/(K(1 − w_c)) with false positives of sum 1 − accuracy; it is below the accuracy
    only where one class makes more than 1 − 1/K of all images. Rows that averages explain are left alone.
    """
    found: dict[tuple[str, str], dict[tuple[str, ...], Triple]] = {}
    for row in ledger.rows:
        overall = {m: c for (m, class_, _), c in row.scores.items() if not class_}
        if (n_classes(ledger, row.key) or 0) < 3 or row.key[3] or not set(METRICS) <= set(overall):
            continue
        claims = tuple(overall[m][0] for m in METRICS)
        values = tuple(i for c in claims if (i := score_interval(c)) is not None)
        if len(values) == 3 and values[2].high < values[0].low - TIE:
            f1 = score_interval(overall["f1"][0]) if "f1" in overall else None
            triple = Triple(_name(row), claims, values, f1)  # type: ignore[arg-type]
            found.setdefault((row.key[0], row.key[2]), {}).setdefault((_name(row), *(c.value for c in claims)), triple)
    return {key: list(triples.values()) for key, triples in found.items()}


def _name(row: Row) -> str:
    return ", ".join(p for p in (row.key[1] or "the result", row.key[4]) if p)


def check_binary_reading(ledger: Ledger) -> list[Draft]:
    """Which share of positives a binary reading of such rows needs, and whether one share fits all rows of a study.

    As printed, accuracy = π·sensitivity + (1 − π)·specificity. Where the column called specificity is a precision,
    1 − accuracy = π(1 − r + r(1 − p)/p). One test set has one π; one class against the rest of a balanced set has
    1/K or 1 − 1/K.
    """
    return [_draft(ledger, study, triples) for (study, _), triples in _triples(ledger).items() if len(triples) >= 2]


def _fits(triples: Sequence[Triple], share: Share) -> tuple[list[int], list[Interval]]:
    pairs = [(i, s) for i, t in enumerate(triples) if (s := share(*t.values)) is not None]
    return [i for i, _ in pairs], [s for _, s in pairs]


def _draft(ledger: Ledger, study: str, triples: list[Triple]) -> Draft:
    places, shares = _fits(triples, implied_share)
    one = not shares or max(s.low for s in shares) <= min(s.high for s in shares)
    by_id = {c.id: c for t in triples for c in t.claims}
    first = shares[0] if shares else Interval(Fraction(0), Fraction(1))
    words = (
        f"Share of positives = (accuracy − specificity)/(sensitivity − specificity), e.g. {_percent(first)} for "
        f"{triples[places[0] if places else 0].label}. "
    )
    other = ""
    if not one:
        other = _precision_words(triples)
        words += _apart_words([triples[i].label for i in places], shares)
    k = len(ledger.paper.studies[study].classes) if study in ledger.paper.studies else 0
    if k and shares and not any(all(s.contains(p) for s in shares) for p in (Fraction(1, k), Fraction(k - 1, k))):
        words += f"One class against the rest of {k} equal classes would be {shown(Fraction(100, k), 1)} % or "
        words += f"{shown(100 - Fraction(100, k), 1)} %, which not all rows allow. "
    return Draft(
        check="binary_reading",
        status="consistent" if one else "implausible",
        kind="arithmetic",
        claims=tuple(by_id.values()),
        severity=0 if one else 2,
        statement=f"Read as one pooled binary problem, all {len(triples)} rows fit a common share of positives."
        if one
        else f"No single binary test set explains all {len(triples)} rows of accuracy, sensitivity and specificity.",
        witness=words + other,
        repair=("a column called specificity that is a precision, on a test set of two classes; else " if other else "")
        + "the definition of sensitivity and specificity for several classes, and the test set of each row.",
    )


def _apart_words(labels: list[str], shares: list[Interval]) -> str:
    """Return which row needs the fewest and which the most positives, where no share fits both."""
    most, least = max(shares, key=lambda s: s.low), min(shares, key=lambda s: s.high)
    return (
        f"{labels[shares.index(least)]} needs at most {shown(100 * least.high, 1)} %, "
        f"{labels[shares.index(most)]} at least {shown(100 * most.low, 1)} % positives. "
    )


def _precision_words(triples: list[Triple]) -> str:
    """Return what reading the specificity as a precision explains; nothing unless it explains at least four rows in
    five.

    It must also make the printed F1, where there is one, the harmonic mean of precision and recall in those rows.
    """
    places, shares = _fits(triples, share_if_precision)
    if len(places) < 4:
        return ""
    share, within = common_share(shares)
    good = [triples[places[i]] for i in sorted(within)]
    as_f1 = [t for t in good if t.f1 is None or t.f1.meets(harmonic(t.values[2], t.values[1]))]
    if len(within) < 0.8 * len(triples) or len(as_f1) < 0.9 * len(good):
        return ""
    rest = [t for i, t in enumerate(triples) if i not in {places[j] for j in within}]
    out = "; ".join(
        f"{t.label} ({t.claims[0].value}; it would be {_accuracy(t, share)})" for t in itertools.islice(rest, 3)
    )
    return (
        "If the figures called specificity were precisions, F1 would be their harmonic mean with the sensitivity "
        f"and {len(good)} of "
        f"{len(triples)} rows would fit one binary test set with {_percent(share, 2)} positives"
        + (f"; not so the accuracy of {out}." if rest else ".")
    )


def _accuracy(t: Triple, share: Interval) -> str:
    def right(r: Fraction, p: Fraction, s: Fraction) -> Fraction:
        return 1 - s * (1 - r + r * (1 - p) / p)

    low = right(t.values[1].low, t.values[2].low, share.high)
    high = right(t.values[1].high, t.values[2].high, share.low)
    return f"{shown(100 * low, 2)} to {shown(100 * high, 2)}"


def _percent(interval: Interval, digits: int = 1) -> str:
    low, high = shown(100 * interval.low, digits), shown(100 * interval.high, digits)
    return f"{low} %" if low == high else f"{low} to {high} %"
