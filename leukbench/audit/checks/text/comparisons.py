"""Orders: what the text says is larger, against the figures; who is ahead on the test images; gaps that grow."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_number, shown, spread_of_share
from leukbench.audit.readings.claims import scale_of, score_interval
from leukbench.audit.readings.class_sizes import class_sizes, stated_sizes, total_is_stated
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.audit.readings.row_scores import held_out_accuracy
from leukbench.audit.readings.rows import Row
from leukbench.audit.readings.texts import epoch_of
from leukbench.papers.schema import Claim

ORDERS = ("stated_order", "implied_order")
_Side = tuple[Interval, Fraction, str, tuple[Claim, ...]]


def _side(text: str, by_id: Mapping[str, Claim]) -> _Side | None:
    """Return what one figure, or the distance of two, stands for: interval, printed value, words, claims; in
    percent for scores."""
    names = [name.strip() for name in re.split(r"\s-\s", text.strip())]
    claims = [by_id[name] for name in names if name in by_id]
    intervals = [i.times(100) for c in claims if (i := score_interval(c)) is not None and not c.approximate]
    if len(intervals) != len(names) or len(names) not in {1, 2}:
        return None
    values = [Fraction(printed_number(c.value) or 0) * 100 / scale_of(c) for c in claims]
    words = " − ".join(c.value for c in claims)
    if len(names) == 1:
        return intervals[0], values[0], words, tuple(claims)
    value = values[0] - values[1]
    return intervals[0] - intervals[1], value, f"{words} = {shown(value, 2)}", tuple(claims)


def check_stated_orders(ledger: Ledger) -> list[Draft]:
    """A figure (or the distance of two) that the text calls larger than another is larger.

    Read from the facts ``stated_order.<subject>`` ("larger", "best") and ``implied_order.<subject>`` (words that
    mean it, such as "overfits" for a training score above the validation score). Contradicted beyond rounding and
    truncation, a stated order is inconsistent; an implied one, or one that only the printed decimals contradict, is
    implausible.
    """
    by_id = {c.id: c for c in ledger.paper.claims}
    found = []
    for key, text in ledger.paper.protocol_facts.items():
        head, _, subject = key.partition(".")
        match = re.fullmatch(r"([^>(]+)>([^>(]+?)\s*(?:\((.*)\))?", text.strip())
        if head not in ORDERS or match is None:
            continue
        larger, smaller = _side(match.group(1), by_id), _side(match.group(2), by_id)
        if larger is not None and smaller is not None:
            place = match.group(3) or "place not given"
            found.append(_order_draft(larger, smaller, subject, place, stated=head == "stated_order"))
    return found


def _order_draft(larger: _Side, smaller: _Side, subject: str, place: str, *, stated: bool) -> Draft:
    """Return the finding on two sides of an order that the text states, or (not ``stated``) implies."""
    (high, a, a_words, first), (low, b, b_words, second) = larger, smaller
    good, beyond_rounding = a > b, high.high < low.low
    proved = not good and beyond_rounding and stated
    if len(first) == len(second) == 1 and first[0].model != second[0].model:
        a_words, b_words = f"{a_words} ({first[0].model})", f"{b_words} ({second[0].model})"
    relation = "is larger than" if good else "is not larger than"
    return Draft(
        check="stated_orders",
        status="consistent" if good else "inconsistent" if proved else "implausible",
        kind="arithmetic",
        claims=(*first, *second),
        severity=0 if good else 1,
        statement=f"{subject.replace('_', ' ')}: the figures {'agree with' if good else 'contradict'} the text "
        f"({place}).",
        witness=f"{a_words} {relation} {b_words}"
        + ("." if good or beyond_rounding else "; the printed decimals alone would leave it open."),
        repair="" if good else "other figures than these, or other words.",
        members=tuple((c.id,) for c in (*first, *second)) if proved else (),
    )


CLOSE = Fraction(3)
"""Points beyond which two scores are not close, equal or the same in any usual sense of these words."""


def check_stated_close(ledger: Ledger) -> list[Draft]:
    """Figures that the text calls close, equal or without a gap lie within three points of each other.

    Read from ``stated_close.<subject>: claim ~ claim (place)``.
    """
    found = []
    for key, text in ledger.paper.protocol_facts.items():
        head, _, subject = key.partition(".")
        match = re.fullmatch(r"([^~(]+)~([^~(]+?)\s*(?:\((.*)\))?", text.strip())
        if head != "stated_close" or match is None:
            continue
        left, right = _side(match.group(1), ledger.by_id), _side(match.group(2), ledger.by_id)
        if left is not None and right is not None:
            found.append(_close_draft(left, right, subject, match.group(3) or "place not given"))
    return found


def _close_draft(left: _Side, right: _Side, subject: str, place: str) -> Draft:
    (first, a, a_words, claims), (second, b, b_words, others) = left, right
    far = max(first.low - second.high, second.low - first.high, Fraction(0)) > CLOSE
    return Draft(
        check="stated_close",
        status="implausible" if far else "consistent",
        kind="arithmetic",
        claims=(*claims, *others),
        severity=1 if far else 0,
        statement=f"{subject.replace('_', ' ')}: the text calls two figures close ({place}); they are "
        f"{shown(abs(a - b), 2)} points apart.",
        witness=f"{a_words} and {b_words}.",
        repair="other figures than these, or other words." if far else "",
    )


def check_rank_on_test(ledger: Ledger) -> list[Draft]:
    """Is the proposed network ahead where its right images can be counted: by its matrix, or by its recalls and
    class sizes?

    Accuracy = right images/n. The rivals are the paper's other networks on the same test part, and quoted results
    of other works in a table that also holds the proposed network's printed accuracy. Only a rival whose whole
    rounding interval lies above is named.
    """
    found = []
    for study, members in _test_results(ledger).items():
        for model, ours, value, basis, claims in members:
            if not ours or basis == "printed":
                continue
            rivals = [(m, v, c) for m, o, v, _, c in members if not o]
            rivals += [
                (c.model, i, (c,)) for c in _quoted(ledger, study, model) if (i := score_interval(c)) is not None
            ]
            above = [r for r in rivals if r[1].low > value.high]
            if above:
                found.append(_rank_draft(model, value, basis, claims, above, len(rivals)))
    return found


def _test_results(ledger: Ledger) -> dict[str, list[tuple[str, bool, Interval, str, tuple[Claim, ...]]]]:
    """Return the test accuracies of each study: network, whether the paper proposes it, value, basis, claims."""
    proposed = {
        (a.study, ledger.paper.networks[a.network].printed_name)
        for a in ledger.paper.arms.values()
        if a.role == "proposed"
    }
    by_arm = {(a.study, name) for name, a in ledger.paper.arms.items() if a.role == "proposed"}
    results: dict[str, list[tuple[str, bool, Interval, str, tuple[Claim, ...]]]] = {}
    for row in ledger.rows:
        study, model, split, fold, condition, _ = row.key
        if split != "test" or condition or fold:
            continue
        value, basis, claims = _counted(ledger, row, ledger.matrices)
        if value is not None and claims:
            ours = (study, model) in proposed or (study, claims[0].arm) in by_arm
            results.setdefault(study, []).append((model, ours, value, basis, claims))
    return results


def _counted(ledger: Ledger, row: Row, printed: Sequence[Printed]) -> tuple[Interval | None, str, tuple[Claim, ...]]:
    """Return a row's accuracy as :func:`held_out_accuracy` does, but counted from its matrix where there is one."""
    sizes = class_sizes(ledger, row.key)
    mine = [p for p in printed if p.key == row.key and p.exact and total_is_stated(ledger, p)]
    unprinted = {name: c for name, c in row.scores.items() if name[0] != "accuracy"}
    if mine or (sizes is not None and ("accuracy", "", "") not in row.scores):
        return held_out_accuracy(Row(row.key, unprinted), sizes.counts if sizes else {}, list(mine))
    return held_out_accuracy(row, {}, []) if ("accuracy", "", "") in row.scores else (None, "", ())


def _quoted(ledger: Ledger, study: str, model: str) -> list[Claim]:
    tables = {c.where for c in ledger.own if (c.study, c.model, c.metric) == (study, model, "accuracy")}
    return [
        c
        for c in ledger.paper.claims
        if c.kind == "cited" and c.metric == "accuracy" and c.where in tables and not c.approximate
    ]


def _rank_draft(
    model: str,
    value: Interval,
    basis: str,
    claims: tuple[Claim, ...],
    above: list[tuple[str, Interval, tuple[Claim, ...]]],
    n_rivals: int,
) -> Draft:
    words = "; ".join(f"{m}: {_printed(cs) or _percent(v)}" for m, v, cs in above)
    return Draft(
        check="rank_on_test",
        status="implausible",
        kind="arithmetic",
        claims=(*claims, *(c for _, _, cs in above for c in cs[:1])),
        severity=2,
        statement=f"Counted {basis}, the test accuracy of {model} is {_percent(value)}; "
        f"{len(above)} of the {n_rivals} results that it is compared with {'is' if len(above) == 1 else 'are'} "
        "above that.",
        witness=f"{words}.",
        repair="a comparison of test accuracies, each counted on stated images.",
    )


def _printed(claims: tuple[Claim, ...]) -> str:
    return f"{claims[0].value} printed" if claims[0].metric == "accuracy" else ""


def _percent(value: Interval) -> str:
    low, high = shown(100 * value.low, 2), shown(100 * value.high, 2)
    return f"{low} %" if low == high else f"{low} to {high} %"


def check_growing_gap(ledger: Ledger) -> list[Draft]:
    """Training less validation accuracy at the first and the last epoch printed for both.

    Where the text denies overfitting (``overfitting_denied``), a gap that has at least doubled and exceeds three
    standard errors √(p(1 − p)/n) of the validation score, or 3 points where n is unknown, is implausible.
    """
    curves: dict[tuple[str, str], dict[str, dict[int, Claim]]] = {}
    for c in ledger.own:
        e = epoch_of(c)
        usable = c.metric == "accuracy" and not c.class_ and not c.approximate
        if e is not None and usable and score_interval(c) is not None:
            curves.setdefault((c.study, c.model), {}).setdefault(c.split, {}).setdefault(e, c)
    found = []
    for (_, model), by_split in curves.items():
        train, validation = by_split.get("train", {}), by_split.get("validation", {})
        both = [(e, train[e], validation[e]) for e in sorted(set(train) & set(validation))]
        if len(both) >= 2:
            found.append(_gap_draft(ledger, model, both))
    return found


def _gap_draft(ledger: Ledger, model: str, both: list[tuple[int, Claim, Claim]]) -> Draft:
    """Return the finding on a network's training and validation accuracies at the epochs printed for both."""
    denied = ledger.paper.protocol_facts.get("overfitting_denied", "no").startswith("yes")
    gaps = [_points(train) - _points(validation) for _, train, validation in both]
    (first, train, validation), (last, last_train, last_validation) = both[0], both[-1]
    n = next(iter(stated_sizes(ledger, last_validation.model_copy(update={"condition": ""}))), None)
    error = 100 * math.sqrt(spread_of_share(float(_points(last_validation)) / 100) / n) if n else None
    large = gaps[-1] >= 2 * gaps[0] and gaps[-1] > (3 * error if error else 3)
    rising = all(b >= a for a, b in itertools.pairwise(gaps))
    return Draft(
        check="growing_gap",
        status="implausible" if large and denied else "consistent",
        kind="arithmetic",
        claims=(train, validation, last_train, last_validation),
        severity=1 if large else 0,
        statement=f"The gap between training and validation accuracy of {model} goes from "
        f"{shown(gaps[0], 1)} to {shown(gaps[-1], 1)} points"
        + (", although the text says that it does not overfit." if large and denied else "."),
        witness=f"Epoch {first}: {train.value} − {validation.value}; epoch {last}: {last_train.value} − "
        f"{last_validation.value}; {len(both)} epochs are printed for both"
        + (", and the gap never shrinks" if rising else "")
        + (f"; one standard error of the validation accuracy at n = {n} is {error:.2f} points." if n else "."),
        repair="the epoch that was kept, and its gap." if large and denied else "",
    )


def _points(claim: Claim) -> Fraction:
    return Fraction(printed_number(claim.value) or 0) * 100 / scale_of(claim)
