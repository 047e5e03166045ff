"""Where a figure comes from: training passed off as test, one figure under two names, test below the majority class."""

from __future__ import annotations

import re
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_number, shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import class_sizes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger, Sizes
from leukbench.audit.readings.row_scores import held_out_accuracy
from leukbench.papers.schema import Claim


def _accuracies(ledger: Ledger) -> dict[tuple[str, str], dict[str, list[Claim]]]:
    """Return accuracy claims by (study, model) and split."""
    found: dict[tuple[str, str], dict[str, list[Claim]]] = {}
    for c in ledger.own:
        if c.metric == "accuracy" and not c.class_ and printed_number(c.value) is not None:
            found.setdefault((c.study, c.model or c.arm), {}).setdefault(_part(c), []).append(c)
    return found


def _part(claim: Claim) -> str:
    """Return the part that the paper names for a figure, else ``unstated``."""
    return "unstated" if claim.split_assumed else claim.split or "unstated"


def _same(a: Claim, b: Claim) -> bool:
    return printed_number(a.value) == printed_number(b.value)


def check_training_as_headline(ledger: Ledger) -> list[Draft]:
    """A figure given without its part, or as test accuracy, that equals a training accuracy of the same network.

    An equal figure with at least three significant digits is taken as the same one; where a lower test or validation
    figure of the same network is printed too, that is named as the one to compare.
    """
    found = []
    heads = ledger.headlines
    for (_, model), by_split in _accuracies(ledger).items():
        suspects: dict[str, list[Claim]] = {}
        training = by_split.get("train", [])
        for split in ("unstated", "test"):
            for c in by_split.get(split, []):
                if len(c.value.replace(".", "").strip("%0 ")) >= 3 and any(_same(c, t) for t in training):
                    suspects.setdefault(str(printed_number(c.value)), []).append(c)
        for group in suspects.values():
            source = [t for t in training if _same(t, group[0])]
            found.append(_training_draft(model, group, source, by_split, heads, ledger))
        found += _training_beside_others(ledger, model, training, by_split)
    return found


def _training_beside_others(
    ledger: Ledger, model: str, training: list[Claim], by_split: dict[str, list[Claim]]
) -> list[Draft]:
    """Return a finding where a figure that is called a training accuracy stands alone beside the accuracies of
    other works."""
    held_out = {c.where for split, claims in by_split.items() if split != "train" for c in claims}
    others = [c for split in ("test", "validation", "unstated") for c in by_split.get(split, []) if not _partial(c)]
    found = []
    for c in training:
        quoted = [q for q in ledger.paper.claims if q.kind == "cited" and q.metric == "accuracy" and q.where == c.where]
        if quoted and c.where not in held_out:
            found.append(
                Draft(
                    check="training_as_headline",
                    status="implausible",
                    kind="protocol",
                    claims=(c, *quoted),
                    severity=3,
                    statement=f"The accuracy {c.value} of {model or 'the proposed network'} that is set beside "
                    "figures of other works is called a "
                    "training accuracy.",
                    witness=f"{c.where}: {c.value} (training) beside {', '.join(q.value for q in quoted)}."
                    + _behind([o for o in others if not _same(o, c)], quoted),
                    repair="the accuracy on unseen images.",
                )
            )
    return found


def _training_draft(
    model: str,
    group: list[Claim],
    source: list[Claim],
    by_split: dict[str, list[Claim]],
    heads: frozenset[str],
    ledger: Ledger,
) -> Draft:
    others = [
        c for s in ("test", "validation") for c in by_split.get(s, []) if not _same(c, group[0]) and not _partial(c)
    ]
    others.sort(key=lambda c: -len(c.value))
    wheres = {c.where for c in group}
    quoted = [c for c in ledger.paper.claims if c.kind == "cited" and c.where in wheres]
    figure = "as a test figure" if all(_part(c) == "test" for c in group) else "without saying on which images"
    lower = f" {_held_out_words(others)}" if others else ""
    return Draft(
        check="training_as_headline",
        status="implausible",
        kind="protocol",
        claims=(*group, *source, *others[:3]),
        severity=3 if any(c.id in heads for c in group) or quoted else 2,
        statement=f"The accuracy {group[0].value} given for {model or 'the proposed network'} {figure} "
        "is its training accuracy" + (", set beside figures that others measured on unseen images." if quoted else "."),
        witness=f"{group[0].value} stands at {_places(group)}; the same figure is the training accuracy at "
        f"{_places(source)}.{lower}"
        + (f" {len(quoted)} quoted figures of other works share its table." if quoted else ""),
        repair=f"quote {others[0].value} ({others[0].split}) instead."
        if others
        else "say on which images it was measured, and print the accuracy on unseen ones.",
    )


def _held_out_words(others: list[Claim]) -> str:
    values = ", ".join(dict.fromkeys(c.value for c in others))
    return f"{others[0].split.capitalize()} accuracy printed for it: {values}."


def _partial(claim: Claim) -> bool:
    """Whether a figure speaks of one fold or one epoch only."""
    return bool(claim.fold) or claim.aggregation.startswith("fold:") or claim.condition.startswith("epoch")


def _behind(others: list[Claim], quoted: list[Claim]) -> str:
    """Return, as a sentence, how many quoted figures lie above the best other accuracy that is printed, "" if there
    is none."""
    values = [(i, c) for c in others if (i := score_interval(c)) is not None]
    if not values:
        return ""
    best, claim = max(values, key=lambda v: v[0].low)
    above = [q for q in quoted if (i := score_interval(q)) is not None and i.low > best.high]
    part = "without a word on which images" if _part(claim) == "unstated" else claim.split
    larger = f"{len(above)} of the {len(quoted)} quoted figures are larger"
    return f" The best other accuracy printed for it is {claim.value} ({part}); {larger}."


def _places(claims: list[Claim]) -> str:
    return "; ".join(dict.fromkeys(c.where for c in claims))


def check_one_figure_two_parts(ledger: Ledger) -> list[Draft]:
    """The same accuracy of one network called validation in one place and test in another."""
    found = []
    for (_, model), by_split in _accuracies(ledger).items():
        for v in by_split.get("validation", []):
            same = [
                t for t in by_split.get("test", []) if _same(v, t) and len(v.value.replace(".", "").strip("0")) >= 3
            ]
            if same:
                found.append(
                    Draft(
                        check="one_figure_two_parts",
                        status="implausible",
                        kind="protocol",
                        claims=(v, *same),
                        severity=2,
                        statement=f"{v.value} of {model} is called a validation accuracy in one place and a test "
                        "accuracy in another.",
                        witness=f"Validation: {v.where}. Test: {_places(same)}.",
                        repair="one held-out part serves as both, so whatever was chosen on it is measured on it; "
                        "or one name is a slip.",
                    )
                )
    return list({d.claims[0].value + d.statement: d for d in found}.values())


def check_one_figure_two_studies(ledger: Ledger) -> list[Draft]:
    """The same accuracy, to at least four digits, printed for one network on two different datasets."""
    found: dict[tuple[str, str], dict[str, list[Claim]]] = {}
    for c in ledger.own:
        digits = len(re.sub(r"\D", "", c.value).strip("0"))
        if c.metric == "accuracy" and c.study and digits >= 4 and c.aggregation != "mean":
            found.setdefault((c.model, c.value.strip("%")), {}).setdefault(c.study, []).append(c)
    return [_twice_draft(*key, by_study) for key, by_study in found.items() if len(by_study) > 1]


def _twice_draft(model: str, value: str, by_study: dict[str, list[Claim]]) -> Draft:
    places = "; ".join(f"{s} ({', '.join(dict.fromkeys(map(_part, cs)))}): {_places(cs)}" for s, cs in by_study.items())
    return Draft(
        check="one_figure_two_studies",
        status="implausible",
        kind="arithmetic",
        claims=tuple(c for cs in by_study.values() for c in cs),
        severity=2,
        statement=f"{value} is printed as the accuracy of {model} on {len(by_study)} different datasets.",
        witness=f"{places}.",
        repair="say whether one figure was taken for the other.",
    )


def check_headline_above_test(ledger: Ledger) -> list[Draft]:
    """The largest accuracy printed for a network is not its test accuracy: how far the test figures lie below."""
    found = []
    for (_, model), by_split in _accuracies(ledger).items():
        plain = {split: [c for c in claims if _is_final(c)] for split, claims in by_split.items()}
        train, rest = plain.get("train", []), plain.get("test", []) or plain.get("validation", [])
        if not train or not rest:
            continue
        (a, best), (b, best_held_out) = _largest(train), _largest(rest)
        gap = 100 * (a - b)
        if gap >= 3:
            found.append(
                Draft(
                    check="headline_above_test",
                    status="consistent",
                    kind="protocol",
                    claims=(best, best_held_out),
                    severity=1,
                    statement=f"{model or 'The network'} is {shown(gap, 2)} points more accurate on its training "
                    f"images than on {best_held_out.split} images.",
                    witness=f"{best.value} (training) against {best_held_out.value} ({best_held_out.split}).",
                )
            )
    return found


def _is_final(c: Claim) -> bool:
    """Whether an accuracy is of the whole part after training, not of an epoch or a fold."""
    return not c.condition.startswith("epoch") and not c.fold and not c.aggregation.startswith("fold:")


def _largest(claims: list[Claim]) -> tuple[Fraction, Claim]:
    """Return the least value that the largest of these scores stands for, and its claim."""
    low, _, claim = max((i.low, c.id, c) for c in claims if (i := score_interval(c)) is not None)
    return low, claim


def check_below_majority(ledger: Ledger) -> list[Draft]:
    """A test accuracy, printed, counted from a matrix or implied by recalls, against the share of the largest class.

    Naming the largest class for every image has an accuracy equal to its share; a classifier at or below that has not
    shown that it learnt anything, however high a training or validation figure.
    """
    found = []
    printed = ledger.matrices
    tops = [i.high for c in ledger.own if c.metric == "accuracy" and (i := score_interval(c)) is not None]
    for row in ledger.rows:
        sizes = class_sizes(ledger, row.key)
        if sizes is None or row.key[2] not in {"test", "validation"} or not sizes.total or "epoch" in row.key[4]:
            continue
        accuracy, basis, claims = held_out_accuracy(row, sizes.counts, [p for p in printed if p.key == row.key])
        if accuracy is not None:
            of = f"The {row.key[2]} accuracy of {row.label} ({basis})"
            top = max(tops, default=accuracy.high)
            found.append(_majority_draft(of, accuracy, sizes, (*claims, *sizes.claims), top))
    return found


def _majority_draft(of: str, accuracy: Interval, sizes: Sizes, claims: tuple[Claim, ...], top: Fraction) -> Draft:
    """Return the finding on one accuracy (``of``, in words) beside the largest class; ``top``: the paper's largest."""
    name, most = max(sizes.counts.items(), key=lambda kv: kv[1])
    share = Fraction(most, sizes.total)
    below = accuracy.high < share
    where = "below" if below else "above" if accuracy.low > share else "about"
    return Draft(
        check="below_majority",
        status="implausible" if below else "consistent",
        kind="arithmetic",
        claims=claims,
        severity=(3 if top > Fraction(9, 10) else 2) if below else 0,
        statement=f"{of} is {where} what calling every image {name} would reach.",
        witness=f"{100 * float(accuracy.low):.2f} to {100 * float(accuracy.high):.2f} % against "
        f"{most}/{sizes.total} = {shown(100 * share, 2)} %."
        + (f" The largest accuracy printed in the paper is {shown(100 * top, 1)} %." if below else ""),
        repair="if predictions and labels were compared in a different order, the scores would look like "
        "this; recompute them."
        if below
        else "",
    )
