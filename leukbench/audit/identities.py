"""Order and identity: what scores of one result must satisfy among themselves, whatever the matrix behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from statistics import median

from leukbench.audit.conflicts import accused
from leukbench.audit.rounding import Interval, shown
from leukbench.audit.selection import (
    Draft,
    Row,
    canonical,
    count_of,
    fold_of,
    headlines,
    n_classes,
    own,
    row_key,
    rows,
    score_interval,
)
from leukbench.audit.together import is_mean
from leukbench.papers.schema import Claim, Paper

Claims = tuple[Claim, ...]
TIE = Fraction(1, 10**9)


def _percent(interval: Interval) -> str:
    return f"{100 * float(interval.low):.3f} to {100 * float(interval.high):.3f} %"


def harmonic(precision: Interval, recall: Interval) -> Interval:
    """Return the harmonic mean of two positive intervals; it grows with both."""

    def mean(p: Fraction, r: Fraction) -> Fraction:
        return 2 * p * r / (p + r) if p + r else Fraction(0)

    return Interval(mean(precision.low, recall.low), mean(precision.high, recall.high))


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
    words = (
        f"{printed}. Harmonic mean of precision and recall: {_percent(expected)}; printed F1 stands for {_percent(f)}."
    )
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


def _overall(row: Row, metric: str) -> Claims | None:
    found = [claims for (m, class_, _), claims in row.scores.items() if m == metric and not class_]
    return found[0] if found else None


def check_accuracy_between(paper: Paper) -> list[Draft]:
    """In a binary problem accuracy = π·sensitivity + (1 − π)·specificity, so it lies between the two.

    Linear, hence true of means over folds and runs on the same test set. π is the share of positives that follows.
    """
    found = []
    for row in rows(paper):
        triple = [_overall(row, m) for m in ("accuracy", "recall", "specificity")]
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


def implied_share(accuracy: Interval, recall: Interval, specificity: Interval) -> Interval | None:
    """Return the shares of positives π for which accuracy = π·recall + (1 − π)·specificity is possible; None where it is open.

    >>> I = lambda a: Interval(Fraction(a), Fraction(a))
    >>> float(implied_share(I("0.95"), I("0.98"), I("0.94")).low)
    0.25
    """
    corners = []
    for r in (recall.low, recall.high):
        for s in (specificity.low, specificity.high):
            if (r - s) * (recall.low - specificity.high) <= 0:
                return None  # the order of the two is not certain
            corners += [(a - s) / (r - s) for a in (accuracy.low, accuracy.high)]
    low, high = max(min(corners), Fraction(0)), min(max(corners), Fraction(1))
    return Interval(low, high) if low <= high else None


# ------------------------------------------------------------------------------------------- several classes, balanced


def balance(paper: Paper, row: Row) -> tuple[int, Claims, bool] | None:
    """Return (images a class, claims, whether of this very part) where all classes of a row's part or dataset are equal.

    A fold is not judged by what is said of the whole.
    """
    k = n_classes(paper, row.key)
    for split in dict.fromkeys((row.key[2], "all", "")):
        by_condition: dict[tuple[str, str], dict[str, Claim]] = {}
        for c in own(paper):
            if (
                c.metric == "n_images"
                and c.class_
                and c.split == split
                and count_of(c)
                and c.study in {row.key[0], ""}
                and fold_of(c) == row.key[3]
                and c.model in {row.key[1], ""}
            ):
                by_condition.setdefault((c.model, c.condition), {})[c.class_] = c
        for group in by_condition.values():
            counts = {count_of(c) for c in group.values()}
            if len(group) == k and len(counts) == 1:
                return counts.pop() or 0, tuple(group.values()), split == row.key[2] and split not in {"", "unstated"}
    return None


def check_balanced_classes(paper: Paper) -> list[Draft]:
    """With equally large classes top-1 accuracy = macro recall, and macro specificity = 1 − (1 − accuracy)/(K − 1).

    Weighted and micro recall are the accuracy for any class sizes. All three are linear in the matrix, so they hold for means
    over runs. The largest class share that would be needed instead is stated: with recall deficits d_c ≥ 0 of sum D = K(1 − macro
    recall), 1 − accuracy = Σ w_c d_c ≤ w_max·D; with false positives of sum 1 − accuracy,
    K(1 − macro specificity) ≤ (1 − accuracy)/(1 − w_max).
    """
    found = []
    heads = headlines(paper)
    for row in _told_once(rows(paper)):
        k = n_classes(paper, row.key)
        equal = balance(paper, row)
        accuracy, recall, spec = (_overall(row, m) for m in ("accuracy", "recall", "specificity"))
        if k is None or k < 3 or equal is None or accuracy is None or (recall is None and spec is None):
            continue
        found += _balanced_row(paper, row, k, equal, accuracy, recall, spec, heads)
    return _gathered(found)


def _two_values(draft: Draft) -> tuple[str, str]:
    """Return the two figures of a draft as printed: the first claim's, and that of the next metric with its rivals."""
    first = draft.claims[0]
    other = next(c.metric for c in draft.claims if c.metric != first.metric)
    return first.value, " or ".join(dict.fromkeys(c.value for c in draft.claims if c.metric == other))


def _either(claims: Claims, rivals: Claims) -> str:
    return " or ".join(dict.fromkeys([claims[0].value, *(c.value for c in rivals)]))


def _told_once(found: list[Row]) -> list[Row]:
    """Return the rows with those joined that are one result under two names of its aggregation: equal keys else, equal figures."""
    joined: dict[tuple[object, ...], Row] = {}
    for row in found:
        overall = {m: c for (m, class_, _), c in row.scores.items() if not class_}
        values = [
            tuple(f"{float(i.low):.6f}" for c in overall.get(m, ())[:1] if (i := score_interval(c)))
            for m in ("accuracy", "recall", "specificity")
        ]
        key = (*row.key[:5], *values)
        if key in joined:
            first = joined[key]
            joined[key] = Row(first.key, {n: (*c, *row.scores.get(n, ())) for n, c in first.scores.items()})
        else:
            joined[key] = row
    return list(joined.values())


def _rivals(paper: Paper, row: Row, metric: str, chosen: Claims) -> Claims:
    """Return the other overall values that the paper prints for a score of this row."""
    return tuple(
        c
        for c in own(paper)
        if row_key(c) == row.key
        and canonical(c.metric) == metric
        and not c.class_
        and c.id not in {d.id for d in chosen}
    )


def _gathered(drafts: list[Draft]) -> list[Draft]:
    """Return the drafts with the rows that are no headline told together, kind by kind, once there are more than three."""
    # a row with two rival values is judged once, with both
    drafts = list({(d.status, d.statement): d for d in reversed(drafts)}.values())[::-1]
    kept = [d for d in drafts if d.status == "consistent" or d.severity >= 3]
    groups: dict[str, list[Draft]] = {}
    for d in drafts:
        if d not in kept:
            groups.setdefault(d.status + d.statement.split(" of ")[0], []).append(d)
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


def _balanced_row(
    paper: Paper,
    row: Row,
    k: int,
    equal: tuple[int, Claims, bool],
    accuracy: Claims,
    recall: Claims | None,
    spec: Claims | None,
    heads: frozenset[str],
) -> list[Draft]:
    found = []
    a = score_interval(accuracy[0])
    head = any(c.id in heads for c in accuracy)
    for name, claims in (("recall", recall), ("specificity", spec)):
        value = score_interval(claims[0]) if claims else None
        if a is None or value is None or claims is None:
            continue
        must = a if name == "recall" else Interval(1 - (1 - a.low) / (k - 1), 1 - (1 - a.high) / (k - 1))
        rivals = _rivals(paper, row, name, claims)
        words = (
            f"accuracy {accuracy[0].value}, {claims[0].metric} {_either(claims, rivals)}, {k} classes of {equal[0]}. Then macro {name} "
            + (
                f"= accuracy = {_percent(must)}"
                if name == "recall"
                else f"= 1 − (1 − accuracy)/{k - 1} = {_percent(must)}"
            )
            + f"; printed: {_percent(value)}."
        )
        allowed = Interval(must.low - TIE, must.high + TIE)
        if rivals and any((i := score_interval(c)) is None or i.meets(allowed) for c in rivals):
            continue  # printed with two values, of which one fits
        flat = (*accuracy, *claims, *rivals, *equal[1])
        if value.meets(allowed):
            found.append(
                Draft(
                    check="balanced_classes",
                    status="consistent",
                    kind="arithmetic",
                    claims=flat,
                    statement=f"The {claims[0].metric} of {row.label} is what {k} equal classes and the accuracy demand.",
                    witness=words,
                )
            )
            continue
        share = _needed_share(a, value, k, name)
        # of the whole dataset only: a test part drawn from it can be somewhat unequal, but not by half
        proved = equal[2] or (share is not None and (share >= Fraction(3, 2 * k) or share <= Fraction(1, 2 * k)))
        # each of two rival values is a conflict of its own, so that being printed twice makes neither of them guilty
        values = (tuple(c.id for c in claims), *((c.id,) for c in rivals))
        conflicts = tuple((tuple(c.id for c in accuracy), v, *((c.id,) for c in equal[1])) for v in values)
        uneven = share is not None and (share >= Fraction(6, 5 * k) or share <= Fraction(4, 5 * k))
        if not proved and not uneven:
            continue
        found.append(
            Draft(
                check="balanced_classes",
                status="inconsistent" if proved else "implausible",
                kind="arithmetic",
                claims=flat,
                severity=(3 if head else 2) if proved else 1,
                statement=f"Accuracy and {claims[0].metric} of {row.label} cannot both be averages over {k} "
                "equally large classes" + ("." if proved else ", only over somewhat unequal ones."),
                witness=words + (" Weighted and micro recall equal the accuracy as well." if name == "recall" else ""),
                repair=_share_words(share, k)
                + "a binary reading (some classes pooled against the others), with the averaging stated.",
                members=conflicts[0] if proved else (),
                more=conflicts[1:] if proved else (),
            )
        )
    r, s = (score_interval(c[0]) if c else None for c in (recall, spec))
    doubled = any(_rivals(paper, row, n, c) for n, c in (("recall", recall), ("specificity", spec)) if c)
    if r is not None and s is not None and recall and spec and not doubled:
        must = Interval(1 - (1 - r.low) / (k - 1), 1 - (1 - r.high) / (k - 1))
        if (equal[2] and not s.meets(Interval(must.low - TIE, must.high + TIE))) or (
            not equal[2] and s.high < r.low - (1 - r.low) * k
        ):
            found.append(
                Draft(
                    check="balanced_classes",
                    status="inconsistent",
                    kind="arithmetic",
                    claims=(*recall, *spec, *equal[1]),
                    severity=1,
                    statement=f"Sensitivity and specificity of {row.label} cannot both be macro averages over {k} equally large classes.",
                    witness=f"Macro specificity = 1 − (1 − macro sensitivity)/{k - 1} = {_percent(must)} for sensitivity {recall[0].value}; "
                    f"printed {spec[0].value}. It is never below the macro sensitivity.",
                    repair="a binary reading, with the averaging stated.",
                    members=(tuple(c.id for c in recall), tuple(c.id for c in spec), *((c.id,) for c in equal[1])),
                )
            )
    return found


def _needed_share(a: Interval, value: Interval, k: int, name: str) -> Fraction | None:
    """Return the share that one class must at least (above 1/K) or at most (below 1/K) have for both figures to be true.

    Recall: 1 − accuracy = Σ w_c d_c lies between w_min·D and w_max·D. Specificity: false positives f_c ≥ 0 of sum 1 − accuracy,
    K(1 − macro specificity) = Σ f_c/(1 − w_c) lies between (1 − accuracy)/(1 − w_min) and (1 − accuracy)/(1 − w_max).
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
    bound = "at least" if share > Fraction(1, k) else "at most"
    return f"a test part of which one class makes {bound} {shown(100 * share, 0)} %, or "


# --------------------------------------------------------------------------------------------------------- coincidences

FORMULAS: dict[str, tuple[tuple[str, ...], Callable[..., Fraction], str, str]] = {
    # metric whose column is suspected: (its ingredients, formula, words, usual definition)
    "f1": (
        ("recall", "specificity"),
        lambda r, s: 2 * r * s / (r + s) if r + s else Fraction(0),
        "the harmonic mean of sensitivity and specificity",
        "F1 is the harmonic mean of precision and recall",
    ),
    "auc": (
        ("recall", "specificity"),
        lambda r, s: (r + s) / 2,
        "the mean of sensitivity and specificity",
        "that is the area under the curve of hard decisions at one threshold, not of scores",
    ),
    "accuracy": (
        ("recall", "specificity"),
        lambda r, s: (r + s) / 2,
        "the mean of sensitivity and specificity",
        "that is the balanced accuracy, equal to accuracy only when half of the images are positive",
    ),
}
FEW = 4
FINE = Fraction(1, 1000)  # coarser prints coincide by themselves


def check_coincidences(paper: Paper) -> list[Draft]:
    """Columns that coincide in every row, or that follow from other columns by a formula that is not theirs.

    AUC and F-score measure different things; equality to the printed digits in every row of several is no accident.
    """
    found = []
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows(paper):
        groups.setdefault((row.key[0], row.key[2]), []).append(row)
    for members in groups.values():
        for pair in (("auc", "f1"), ("auc", "accuracy"), ("precision", "accuracy"), ("recall", "accuracy")):
            found += _equal_columns(members, pair)
        for metric, (ingredients, formula, words, usual) in FORMULAS.items():
            found += _formula_column(members, metric, ingredients, formula, words, usual)
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
    both = [(r, x, y) for r in members if (x := _overall(r, pair[0])) and (y := _overall(r, pair[1]))]
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
            statement=f"{pair[0]} and {pair[1]} are the same figure, up to one unit of the last digit, in nearly all of {len(both)} rows.",
            witness=f"Equal in {exact} of {len(both)} rows, at most one last digit apart in {sum(g <= Fraction(6, 5) for g in gaps)}; "
            f"e.g. {both[0][1][0].value} and {both[0][2][0].value} for {both[0][0].label}. The two measure different things.",
            repair="one column computed from the other's formula: see which formula fits.",
        )
    ]


def _formula_column(
    members: list[Row],
    metric: str,
    ingredients: tuple[str, ...],
    formula: Callable[..., Fraction],
    words: str,
    usual: str,
) -> list[Draft]:
    fits, telling, used = 0, 0, []
    gaps: list[float] = []
    for row in members:
        columns = [_overall(row, m) for m in (metric, *ingredients)]
        if any(c is None or _width(c) > FINE for c in columns):
            continue
        target, *rest = [c for c in columns if c is not None]
        telling += abs(_middle(rest[0]) - _middle(rest[1])) >= 5 * _width(target)
        value = formula(*(_middle(c) for c in rest))
        gap = abs(value - _middle(target)) / _width(target)
        gaps.append(float(gap))
        fits += gap <= Fraction(3, 2)
        used.append((row, target, rest, value))
    # where the ingredients are nearly equal every mean of them is, and nothing can be read from it
    if len(used) < FEW or fits < 0.85 * len(used) or telling < len(used) / 2:
        return []
    row, target, rest, value = used[0]
    claims = tuple(c for _, t, r, _ in used for c in (t[0], *(x[0] for x in r)))
    return [
        Draft(
            check="coincidences",
            status="implausible" if metric != "accuracy" else "consistent",
            kind="arithmetic",
            claims=claims,
            severity=2 if metric != "accuracy" else 0,
            statement=f"In {fits} of {len(used)} rows the printed {metric} is {words}.",
            witness=f"E.g. {row.label}: {', '.join(f'{c[0].metric} {c[0].value}' for c in rest)} give {shown(100 * value, 2)}; printed "
            f"{target[0].value}. Median distance {shown(median(gaps), 2)} units of the last digit. Note: {usual}.",
            repair=f"call the column by what it is, or give {metric} by its usual definition.",
        )
    ]


def check_perfect_scores(paper: Paper) -> list[Draft]:
    """MCC = 1, in a binary problem F1 = 1 too, only without any error; an accuracy below 100 % of the same result means some.

    A 1 without decimals may be a rounded 0.5 to 1, which is possible and says little; that is named instead of alleged. A 1.00
    is at least 0.995: then macro recall leaves each class at least 1 − 0.005 K, and F1 or MCC no accuracy below that either.
    """
    found = []
    by_result: dict[tuple[str, str, str], list[Claim]] = {}
    for c in own(paper):
        if c.split in {"test", "unstated", ""} and c.study in paper.studies and not fold_of(c):
            by_result.setdefault((c.study, c.model or c.arm, c.condition), []).append(c)
    for (study, model, _), claims in by_result.items():
        classes = len(paper.studies[study].classes)
        telling = {"mcc"} | ({"f1"} if classes == 2 else set())
        ones = [
            c
            for c in claims
            if c.metric in {"mcc", "f1", "precision", "recall", "sensitivity"}
            and not c.class_
            and c.unit != "%"
            and c.value.strip().rstrip("0").rstrip(".") == "1"
        ]
        less = [
            c
            for c in claims
            if c.metric == "accuracy" and not c.class_ and (i := score_interval(c)) is not None and i.high < 1
        ]
        if not less or not ({c.metric for c in ones} & telling or len({c.metric for c in ones}) >= 3):
            continue
        whole = all("." not in c.value for c in ones)
        if not whole and all(i.high >= Fraction(99, 100) for c in less if (i := score_interval(c)) is not None):
            continue  # a rounded 1.00 leaves room for a few errors
        sharp = [c for c in ones if c.metric in telling and "." in c.value]
        proved = any(
            row_key(c) == row_key(d) and i.high < 1 - Fraction(classes, 50)
            for c in sharp
            for d in less
            if (i := score_interval(d)) is not None
        )
        found.append(
            Draft(
                check="perfect_scores",
                status="inconsistent" if proved else "implausible",
                kind="arithmetic",
                claims=(*ones, *less),
                severity=3,
                statement=f"{', '.join(sorted({c.metric for c in ones}))} of 1 for {model or 'the result'} stand beside an accuracy of "
                f"{', '.join(sorted({c.value for c in less}))}.",
                witness="A value of exactly 1 means that no image is wrong, so that accuracy would be 100 %."
                + (" Printed without decimals, 1 could be anything rounded up from 0.5." if whole else ""),
                repair="give the scores with two decimals, from the confusion matrix.",
            )
        )
    return found
