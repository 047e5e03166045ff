"""Order and identity: what scores of one result must satisfy among themselves, whatever the matrix behind them."""

from __future__ import annotations

from collections.abc import Sequence

from leukbench.audit.engine.conflicts import accused
from leukbench.audit.engine.rounding import Interval, shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.row_scores import TIE, Claims, as_percent, harmonic, implied_share, is_mean, overall_of
from leukbench.audit.readings.rows import Row, headlines, rows
from leukbench.papers.schema import Paper


def _triples(row: Row) -> list[tuple[str, dict[str, Claims]]]:
    """Return, per class and averaging, the claims of precision, recall, F1 where all three are printed."""
    found = []
    for class_, average in dict.fromkeys((c, a) for _, c, a in row.scores):
        triple = {
            m: row.scores[(m, class_, average)]
            for m in ("precision", "recall", "f1")
            if (m, class_, average) in row.scores
        }
        if len(triple) == 3:
            found.append((class_, triple))
    return found


def check_f1_of_precision_recall(paper: Paper) -> list[Draft]:
    """F1 lies between precision and recall of one class, as their harmonic mean, and never above their plain mean.

    For one class F1 = 2PR/(P+R). The harmonic mean is at most the arithmetic one, so macro and weighted F1, and means over folds,
    are at most (P+R)/2 of the macro or weighted P and R as well; micro values are all equal. Only the last bound is used
    where the averaging is unstated or the figures are means.
    """
    found = []
    heads = headlines(paper)
    for row in rows(paper):
        for class_, triple in _triples(row):
            value = {m: score_interval(c[0]) for m, c in triple.items()}
            p, r, f = value["precision"], value["recall"], value["f1"]
            if p is None or r is None or f is None:
                continue
            found.append(_f1_draft(row, class_, triple, (p, r, f), heads))
    return found


def _f1_draft(
    row: Row, class_: str, triple: dict[str, Claims], values: tuple[Interval, Interval, Interval], heads: frozenset[str]
) -> Draft:
    p, r, f = values
    claims = tuple(c for cs in triple.values() for c in cs)
    named = f"{row.label}{', ' + class_ if class_ else ''}"
    expected, ceiling = harmonic(p, r), (p.high + r.high) / 2
    printed = ", ".join(f"{m} {cs[0].value}" for m, cs in triple.items())
    words = f"{printed}. Harmonic mean of precision and recall: {as_percent(expected)}; printed F1 stands for {as_percent(f)}."
    members = tuple(tuple(c.id for c in cs) for cs in triple.values())
    one_class = (bool(class_) or all(c.average.startswith("positive:") for c in claims)) and not is_mean(row)
    if f.meets(Interval(expected.low - TIE, expected.high + TIE)):
        return Draft(
            check="f1_of_precision_recall",
            status="consistent",
            kind="arithmetic",
            claims=claims,
            statement=f"The F1 of {named} is the harmonic mean of its precision and recall.",
            witness=words,
        )
    head = any(c.id in heads for c in claims) or (
        not class_ and any(c.id in heads for cs in row.scores.values() for c in cs)
    )
    if f.low > ceiling + TIE:
        above = " It is above both." if f.low > max(p.high, r.high) else ""
        conflicts = _f1_conflicts(members, values)
        return Draft(
            check="f1_of_precision_recall",
            status="inconsistent",
            kind="arithmetic",
            claims=claims,
            members=conflicts[0],
            more=conflicts[1:],
            accused=tuple(i for block in accused(conflicts) for i in block),
            severity=3 if head else 2,
            statement=f"The F1 of {named} is larger than its precision and recall allow under any averaging.{above}",
            witness=f"{words} Any averaging gives F1 ≤ (precision + recall)/2 = at most {100 * float(ceiling):.3f} %.",
            repair="an F1 of another result, class or part of the data than the precision and recall beside it; "
            f"from these it would be {shown(100 * (expected.low + expected.high) / 2, 2)} %.",
        )
    if one_class:
        return Draft(
            check="f1_of_precision_recall",
            status="inconsistent",
            kind="arithmetic",
            claims=claims,
            members=members,
            severity=2,
            statement=f"The F1 of {named} is not the harmonic mean of its precision and recall.",
            witness=words,
            repair=f"F1 {shown(100 * (expected.low + expected.high) / 2, 2)} %, or figures of different results.",
        )
    return Draft(
        check="f1_of_precision_recall",
        status="uncheckable",
        kind="arithmetic",
        claims=claims,
        severity=1,
        statement=f"The F1 of {named} is not the harmonic mean of its precision and recall; only a mean over classes, folds or "
        "runs could differ so.",
        witness=words,
        repair="which averaging was used, or the confusion matrix.",
    )


def _f1_conflicts(
    members: tuple[tuple[str, ...], ...], values: tuple[Interval, Interval, Interval]
) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return the minimal conflicts: with one of precision and recall alone (the other at most 1), else with both."""
    p, r, f = values
    alone = tuple(
        (block, members[2]) for block, v in ((members[0], p), (members[1], r)) if f.low > (v.high + 1) / 2 + TIE
    )
    return alone or (members,)


def check_accuracy_between(paper: Paper) -> list[Draft]:
    """In a binary problem accuracy = π·sensitivity + (1 − π)·specificity, so it lies between the two.

    Linear, hence true of means over folds and runs on the same test set. π is the share of positives that follows.
    """
    found = []
    for row in rows(paper):
        triple = [overall_of(row, m) for m in ("accuracy", "recall", "specificity")]
        if n_classes(paper, row.key) != 2 or any(t is None for t in triple):
            continue
        (a, r, s), claims = _intervals(triple)
        low, high = min(r.low, s.low), max(r.high, s.high)
        words = f"accuracy {claims[0][0].value}, sensitivity {claims[1][0].value}, specificity {claims[2][0].value}"
        flat = tuple(c for cs in claims for c in cs)
        # equal recall and specificity can be macro averages, and accuracy need not lie between these
        if not r.meets(s) and (a.high < low - TIE or a.low > high + TIE):
            found.append(
                Draft(
                    check="accuracy_between",
                    status="inconsistent",
                    kind="arithmetic",
                    claims=flat,
                    severity=2,
                    members=tuple(tuple(c.id for c in cs) for cs in claims),
                    statement=f"The accuracy of {row.label} does not lie between sensitivity and specificity.",
                    witness=f"{words}; accuracy is their weighted mean.",
                    repair="figures of different runs or parts.",
                )
            )
            continue
        share = implied_share(a, r, s)
        found.append(
            Draft(
                check="accuracy_between",
                status="consistent",
                kind="arithmetic",
                claims=flat,
                statement=f"The accuracy of {row.label} lies between its sensitivity and specificity"
                + (
                    f", which needs {shown(100 * share.low, 1)} to {shown(100 * share.high, 1)} % positives."
                    if share
                    else "."
                ),
                witness=f"{words}; share of positives = (accuracy − specificity)/(sensitivity − specificity).",
            )
        )
    return found


def _intervals(triple: Sequence[Claims | None]) -> tuple[list[Interval], list[Claims]]:
    claims = [t for t in triple if t is not None]
    return [i for i in (score_interval(c[0]) for c in claims) if i is not None], claims
