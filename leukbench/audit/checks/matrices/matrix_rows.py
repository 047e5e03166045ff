"""Rows of scores against the matrices of folds, and the definitions of one table against each other."""

from __future__ import annotations

from leukbench.audit.readings.class_sizes import stated_total
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.matrix_search import completions, drawn, search_definition, value_words
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.audit.readings.row_scores import Claims
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim


def check_row_is_one_fold(ledger: Ledger) -> list[Draft]:
    """A summary row whose precision, recall and F1 are those of one fold's matrix while its accuracy is another's.

    Compared with every fold's matrix of the same network, for each class as positive and macro; at least two of
    the three must follow from that one matrix, and the accuracy must not.
    """
    found = []
    printed = [m for m in ledger.matrices if m.key[3]]
    for row in ledger.rows:
        if row.key[3]:
            continue
        scores = {
            m: c for (m, k, _), c in row.scores.items() if m in {"precision", "recall", "f1", "accuracy"} and not k
        }
        if "accuracy" not in scores or len(scores) < 3:
            continue
        for m in printed:
            if (
                m.key[:2] == row.key[:2]
                and m.key[2] == row.key[2]
                and (draft := _one_fold(ledger, row, scores, m, len(printed)))
            ):
                found.append(draft)
    return found


def _one_fold(
    ledger: Ledger, row: Row, scores: dict[str, tuple[Claim, ...]], printed: Printed, folds: int
) -> Draft | None:
    stated = stated_total(ledger, printed)
    candidates = completions(printed, total=stated[0] if stated else None) or completions(printed)
    if not candidates or folds < 2:
        return None
    classes = printed.matrix.classes
    readings = [set(search_definition(c[0], candidates, classes)) for m, c in scores.items() if m != "accuracy"]
    shared = set.intersection(*readings)
    if not shared or "overall" in search_definition(scores["accuracy"][0], candidates, classes):
        return None
    names = ", ".join(f"{m} {c[0].value}" for m, c in scores.items() if m != "accuracy")
    return Draft(
        check="row_is_one_fold",
        status="implausible",
        kind="arithmetic",
        claims=(*(c[0] for c in scores.values()), *printed.claims),
        severity=2,
        statement=f"In the row of {row.label}, {names} are those of fold {printed.key[3]} alone, while the accuracy "
        f"{scores['accuracy'][0].value} is not.",
        witness=f"Fold {printed.key[3]}{_completed(printed, len(candidates))}: {drawn(candidates[0], classes)}; "
        f"read as {sorted(shared)[0]}: "
        + " ".join(
            value_words(c[0], candidates[0], classes, sorted(shared)[0]) for m, c in scores.items() if m != "accuracy"
        ),
        repair="all figures of a row over the same folds, by the same rule.",
    )


def _completed(printed: Printed, n: int) -> str:
    """Return that a matrix is none that is printed, where its cells are rounded and were completed, or ""."""
    if printed.exact:
        return ""
    which = f"one of the {n} matrices" if n > 1 else "the only matrix"
    return f", {which} that its rounded cells leave"


def check_mixed_definitions(ledger: Ledger) -> list[Draft]:
    """Rows of one table whose precision, recall and F1 follow from their matrices only under different definitions.

    For each network the readings shared by its scores are found from its own matrix, or from that of one of its folds.
    """
    tables: dict[str, dict[str, tuple[set[str], tuple[Claim, ...]]]] = {}
    for row in ledger.rows:
        scores = [
            c for (m, k, _), c in row.scores.items() if m in {"precision", "recall", "f1", "specificity"} and not k
        ]
        for m in ledger.matrices:
            if len(scores) < 2 or m.key[:3] != row.key[:3] or row.key[3] not in {"", m.key[3]} or not m.actual_known:
                continue
            shared = _shared_definitions(ledger, scores, m)
            if shared:
                name = f"{row.key[1]}{' (fold ' + m.key[3] + ')' if m.key[3] else ''}"
                where = next((c.where for cs in scores for c in cs if c.where.startswith("Table")), scores[0][0].where)
                tables.setdefault(where, {})[name] = (shared, tuple(c[0] for c in scores))
    return [
        _mixed_draft(where, members)
        for where, members in tables.items()
        if len(members) > 1 and not set.intersection(*(shared for shared, _ in members.values()))
    ]


def _shared_definitions(ledger: Ledger, scores: list[Claims], m: Printed) -> set[str]:
    """Return the definitions under which all of these scores follow from a matrix."""
    candidates = completions(m, total=(stated_total(ledger, m) or (None, None))[0]) or completions(m) or []
    # a harmonic mean of macro precision and macro recall is a macro average too
    found = (
        {r.removesuffix(", harmonic") for r in search_definition(c[0], candidates, m.matrix.classes)} for c in scores
    )
    return set.intersection(*found)


def _mixed_draft(where: str, members: dict[str, tuple[set[str], tuple[Claim, ...]]]) -> Draft:
    words = "; ".join(f"{name}: {', '.join(sorted(shared))}" for name, (shared, _) in members.items())
    return Draft(
        check="mixed_definitions",
        status="implausible",
        kind="arithmetic",
        severity=2,
        claims=tuple(c for _, cs in members.values() for c in cs),
        statement=f"Precision, recall and F1 in {where} follow from the matrices only under different definitions "
        "for different networks.",
        witness=f"Definitions that give the scores: {words}.",
        repair="one definition for all rows; scores of one class and averages over classes are not comparable.",
    )
