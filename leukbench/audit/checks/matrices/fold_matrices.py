"""Scores of one fold that are given for the whole, and one network's scores of two positive classes."""

from __future__ import annotations

from leukbench.audit.readings.claims import canonical, score_interval
from leukbench.audit.readings.class_sizes import stated_total
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.matrix_search import completions, drawn, search_definition
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

SHARES = ("accuracy", "precision", "recall", "specificity", "f1")


def _scores(row: Row) -> list[Claim]:
    return [claims[0] for (metric, class_, _), claims in row.scores.items() if metric in SHARES and not class_]


def _readings(ledger: Ledger, scores: list[Claim], printed: Printed) -> set[str]:
    """Return the readings under which one matrix gives all scores but the accuracy, which has one reading."""
    stated = stated_total(ledger, printed)
    candidates = completions(printed, total=stated[0] if stated else None) or completions(printed) or []
    found = [set(search_definition(c, candidates, printed.matrix.classes)) for c in scores if c.metric != "accuracy"]
    return set.intersection(*found) if found else set()


def _of_fold(ledger: Ledger, scores: list[Claim], printed: Printed) -> set[str]:
    stated = stated_total(ledger, printed)
    candidates = completions(printed, total=stated[0] if stated else None) or completions(printed) or []
    accuracy = [c for c in scores if c.metric == "accuracy"]
    fits = all("overall" in search_definition(c, candidates, printed.matrix.classes) for c in accuracy)
    return _readings(ledger, scores, printed) if fits else set()


def check_unnamed_fold(ledger: Ledger) -> list[Draft]:
    """Accuracy and two or more other scores, given for a network without a fold, that are those of one fold's
    matrix alone.

    Every fold's matrix of the network is tried; all scores must follow from exactly one of them under one reading.
    """
    found = []
    for row in ledger.rows:
        scores = _scores(row)
        folds = [
            m for m in ledger.matrices if m.key[3] and m.key[:2] == row.key[:2] and m.key[2] in {row.key[2], "test"}
        ]
        if (
            row.key[3]
            or row.key[5]
            or len(folds) < 2
            or len(scores) < 3
            or not any(c.metric == "accuracy" for c in scores)
        ):
            continue
        fits = {m.key[3]: (m, readings) for m in folds if (readings := _of_fold(ledger, scores, m))}
        if len(fits) == 1:
            ((fold, (printed, readings)),) = fits.items()
            found.append(_fold_draft(ledger, row, scores, printed, fold, sorted(readings)[0], len(folds)))
    return found


def _fold_draft(
    ledger: Ledger, row: Row, scores: list[Claim], printed: Printed, fold: str, reading: str, folds: int
) -> Draft:
    accuracy = next(c for c in scores if c.metric == "accuracy")
    others = {
        c.of_fold: i.low
        for c in ledger.own
        if c.metric == "accuracy"
        and c.of_fold
        and c.split == printed.key[2]
        and c.model == row.key[1]
        and (i := score_interval(c))
    }
    best = fold in others and others[fold] == max(others.values()) and len(others) > 1
    names = ", ".join(f"{c.metric} {c.value}" for c in scores)
    return Draft(
        check="unnamed_fold",
        status="implausible",
        kind="protocol",
        claims=(*scores, *printed.claims),
        severity=2 if best else 1,
        statement=f"{names}, given for {row.key[1] or 'the network'} without a fold, are those of fold {fold}"
        + (f", the best of {len(others)}." if best else "."),
        witness=f"{printed.matrix.where}, fold {fold}: {drawn(printed.counts(), printed.matrix.classes)}, read as "
        f"{reading}; none of the other "
        f"{folds - 1} folds' matrices gives them." + (f" Accuracy {accuracy.value} is that fold's." if best else ""),
        repair="scores over all folds, or the fold's name beside them.",
    )


def check_two_positive_classes(ledger: Ledger) -> list[Draft]:
    """Recall (or sensitivity) of one network that is one class' in one place and the other class' in another."""
    found: dict[str, dict[str, tuple[Claim, Printed]]] = {}
    printed = [m for m in ledger.matrices if len(m.matrix.classes) == 2 and m.actual_known and m.matrix.id]
    for row in ledger.rows:
        recall = next((c[0] for (m, k, _), c in row.scores.items() if m == "recall" and not k), None)
        others = [c for c in _scores(row) if canonical(c.metric) != "accuracy"]
        if recall is None or len(others) < 2:
            continue
        for m in printed:
            same = m.key[:2] == row.key[:2] and row.key[3] in {"", m.key[3]}
            readings = _readings(ledger, others, m) if same else set()
            if len(readings) == 1 and (reading := next(iter(readings))).startswith("positive:"):
                found.setdefault(row.key[1], {})[reading.removeprefix("positive:")] = (recall, m)
    return [_two_classes_draft(model, by_class) for model, by_class in found.items() if len(by_class) == 2]


def _two_classes_draft(model: str, by_class: dict[str, tuple[Claim, Printed]]) -> Draft:
    """Return the finding on a network's two recalls, each of which is another class's."""
    (a, (first, m)), (b, (second, _)) = by_class.items()
    return Draft(
        check="two_positive_classes",
        status="implausible",
        kind="arithmetic",
        claims=(first, second, *m.claims),
        severity=2,
        statement=f"{first.metric} {first.value} of {model} is that of {a} at {first.where}; "
        f"{second.metric} {second.value} is that of {b} at {second.where}.",
        witness=f"{drawn(m.counts(), m.matrix.classes)}. Only with {a} as the positive class do the "
        f"scores at {first.where} follow together, only with {b} those at {second.where}.",
        repair="one positive class throughout; what is called sensitivity in one place is specificity in the other.",
    )
