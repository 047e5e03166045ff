"""Printed confusion matrices against their own totals and class sizes; which cell is misprinted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, shown
from leukbench.audit.readings.claims import count_of, score_interval
from leukbench.audit.readings.class_sizes import counted_elsewhere, stated_total
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.matrix_search import Counts, drawn, search_definition
from leukbench.audit.readings.printed_matrices import Printed, stated_sizes
from leukbench.papers.schema import Claim

MOST_DIVISIONS = 5000


def check_matrix_total(ledger: Ledger) -> list[Draft]:
    """The cells of a matrix add up to the stated number of images of that part (and a heat-map can be completed to
    it)."""
    stated = ((printed, stated_total(ledger, printed)) for printed in ledger.matrices)
    return [_total_draft(ledger, printed, *total) for printed, total in stated if total is not None]


def _total_draft(ledger: Ledger, printed: Printed, n: int, claim: Claim) -> Draft:
    low = sum((c.low for line in printed.cells for c in line), Fraction(0))
    high = sum((c.high for line in printed.cells for c in line), Fraction(0))
    fits = low <= n <= high
    other = counted_elsewhere(ledger, printed, "", int(low)) if low == high and not fits else ""
    sums = shown(low, 0) if low == high else f"between {shown(low, 0)} and {shown(high, 0)}"
    draft = Draft(
        check="matrix_total",
        status="consistent",
        kind="arithmetic",
        claims=(*printed.claims, claim),
        statement=f"The cells of {printed.matrix.where} can add up to the {n} images stated.",
        witness=f"{' + '.join(c.value for c in printed.claims)} = {sums}; stated: {n}.",
    )
    if fits:
        return draft
    draft = replace(
        draft, statement=f"The cells of {printed.matrix.where} add up to {sums}, but {n} images are stated."
    )
    if other:
        repair = f"the words that the matrix counts {other}."
        return replace(draft, status="implausible", severity=1, repair=repair)
    return replace(
        draft,
        status="inconsistent",
        severity=2,
        repair=_cell_repair(printed, n, ledger),
        members=(*suspects(ledger, printed), (claim.id,)),
    )


def _suspect(ledger: Ledger, printed: Printed) -> tuple[int, int, int] | None:
    """Return (row, column, value) of the one cell whose change alone gives the stated total, class sizes and
    scores, or None.

    Class sizes are those stated for the part, else the row sums of another matrix with that total. If no single
    cell gives all scores, it is the one cell that already for itself contradicts class sizes and accuracy. Where
    several cells would do, none is named.
    """
    stated = stated_total(ledger, printed)
    if stated is None or not printed.exact:
        return None
    counts = printed.counts()
    missing = stated[0] - sum(map(sum, counts))
    sums = _row_sums(ledger, printed, stated[0])
    if missing == 0 or sums is None:
        return None
    wrong = [i for i, line in enumerate(counts) if sum(line) != sums[i]]
    if len(wrong) != 1 or sum(counts[wrong[0]]) + missing != sums[wrong[0]]:
        return None
    i = wrong[0]
    options = [(i, j, v + missing) for j, v in enumerate(counts[i]) if v + missing >= 0]
    row = next((r for r in ledger.rows if r.key == printed.key), None)
    scores = [c[0] for name, c in row.scores.items() if name[0] != "auc"] if row else []
    explaining = [o for o in options if _explains(counts, o, scores, printed.matrix.classes)]
    if explaining:
        return explaining[0] if len(explaining) == 1 else None
    alone = [
        (k, j) for k, line in enumerate(counts) for j in range(len(line)) if not _possible(counts, (k, j), sums, scores)
    ]
    return next((o for o in options if [o[:2]] == alone), None)


def _possible(counts: Counts, cell: tuple[int, int], sums: Sequence[int], scores: Sequence[Claim]) -> bool:
    """Whether some matrix with these class sizes has this cell and prints as the accuracy, whatever its other cells."""
    i, j = cell
    value, n = counts[i][j], sum(sums)
    least, most = (value, n - sums[i] + value) if i == j else (0, n - value)  # right answers
    accuracies = [a for c in scores if c.metric == "accuracy" and not c.class_ and (a := score_interval(c)) is not None]
    return value <= sums[i] and all(a.meets(Interval(Fraction(least, n), Fraction(most, n))) for a in accuracies)


def _explains(counts: Counts, option: tuple[int, int, int], scores: list[Claim], classes: Sequence[str]) -> bool:
    i, j, value = option
    changed = [list(line) for line in counts]
    changed[i][j] = value
    return all(search_definition(c, [changed], classes) for c in scores)


def _twin(ledger: Ledger, printed: Printed, total: int) -> Counts | None:
    for m in ledger.matrices:
        if (
            m.exact
            and m.matrix.id != printed.matrix.id
            and m.matrix.classes == printed.matrix.classes
            and m.key[2:4] == printed.key[2:4]
        ):
            counts = m.counts()
            if sum(map(sum, counts)) == total:
                return counts
    return None


def _row_sums(ledger: Ledger, printed: Printed, total: int) -> list[int] | None:
    """Return the class sizes that a matrix of this total should have, in its order."""
    for model in (printed.key[1], ""):
        sizes = {
            c.class_: count_of(c) or 0
            for c in ledger.own
            if c.metric == "n_images"
            and c.class_
            and c.split == printed.key[2]
            and c.of_fold == printed.key[3]
            and c.model == model
            and c.condition == printed.key[4]
        }
        if set(sizes) == set(printed.matrix.classes) and sum(sizes.values()) == total:
            return [sizes[c] for c in printed.matrix.classes]
    twin = _twin(ledger, printed, total)
    return [sum(line) for line in twin] if twin else None


def suspects(ledger: Ledger, printed: Printed) -> tuple[tuple[str, ...], ...]:
    """Return the one cell that is misprinted, where totals and class sizes show it, else every cell, each as a
    block."""
    suspect = _suspect(ledger, printed)
    if suspect is not None:
        i, j, _ = suspect
        names = printed.matrix.classes
        wanted = (names[j], names[i]) if printed.matrix.rows == "predicted" else (names[i], names[j])
        cell = tuple((c.id,) for c in printed.claims if (c.row, c.column) == wanted)
        if cell:
            return cell
    return tuple((c.id,) for c in printed.claims)


def _cell_repair(printed: Printed, n: int, ledger: Ledger) -> str:
    suspect = _suspect(ledger, printed)
    counts = printed.counts()
    missing = n - sum(map(sum, counts))
    if suspect is not None:
        i, j, value = suspect
        names = printed.matrix.classes
        return (
            f"one cell misprinted: about {value} instead of {counts[i][j]} (actual {names[i]}, called {names[j]}) "
            "gives the total "
            f"{n} and the row sum {sum(counts[i]) + missing} that this class has elsewhere in the paper."
            + _still_open(ledger, printed, i, j, value)
        )
    return f"a cell that is off by {missing}, or another test set of {n - missing} images."


def _still_open(ledger: Ledger, printed: Printed, i: int, j: int, value: int) -> str:
    """Return which printed scores do not follow from the matrix with cell (i, j) set to ``value``, as a sentence,
    "" if all do.

    Of two classes, every other division of that row is tried too.
    """
    scores = [
        c[0] for r in ledger.rows if r.key == printed.key for (m, k, _), c in r.scores.items() if m != "auc" and not k
    ]
    counts, classes = printed.counts(), printed.matrix.classes
    counts[i][j] = value
    bad = [c for c in scores if not search_definition(c, [counts], classes)]
    if not bad:
        return ""
    words = f" With it {', '.join(f'{c.metric} {c.value}' for c in bad)} would still not follow"
    size, other = sum(counts[i]), 1 - j
    fitting = []
    for k in range(size + 1) if len(counts) == 2 and size <= MOST_DIVISIONS else ():
        counts[i][j], counts[i][other] = k, size - k
        if all(search_definition(c, [counts], classes) for c in scores):
            fitting.append((k, size - k))
    if not fitting:
        return words + ", nor from any other division of that row."
    nearest = min(fitting, key=lambda f: abs(f[0] - value))
    return words + f"; {nearest[0]} and {nearest[1]} in that row would give all scores."


def check_matrix_class_sizes(ledger: Ledger) -> list[Draft]:
    """The row sums of a printed matrix are the stated class sizes of that part; column sums are recognised."""
    found = []
    for printed in ledger.matrices:
        if not printed.exact or not printed.matrix.id:
            continue
        counts, classes = printed.counts(), printed.matrix.classes
        line = {name: sum(counts[i]) for i, name in enumerate(classes)}
        column = {name: sum(c[i] for c in counts) for i, name in enumerate(classes)}
        sizes = stated_sizes(printed, ledger.own)
        exchanged = all(column[claim.class_] == n for claim, n in sizes)
        for claim, n in sizes:
            good = line[claim.class_] == n
            other = "" if good else counted_elsewhere(ledger, printed, claim.class_, line[claim.class_])
            turned = exchanged and not good
            found.append(_class_size_draft(printed, claim, n, line, column, other, turned=turned))
    return found


def _class_size_draft(
    printed: Printed, claim: Claim, n: int, line: dict[str, int], column: dict[str, int], other: str, *, turned: bool
) -> Draft:
    """``other``: of which other images the row sum is the stated number, "" of none; ``turned``: all stated sizes are
    those of columns, and this one no row's.
    """
    name = claim.class_
    good = line[name] == n
    named = all(c.metric in ("tp", "fp", "fn", "tn") for c in printed.claims)
    proved = not good and not other and (named or printed.actual_known)
    counts = printed.counts()
    block = tuple((c.id,) for c in printed.claims if not (named and turned) or c.metric in ("fp", "fn"))
    what = "the counts named false positives and false negatives" if named else "rows and columns"
    return Draft(
        check="matrix_class_sizes",
        status="consistent" if good else ("inconsistent" if proved else "implausible"),
        kind="arithmetic",
        claims=(claim, *printed.claims),
        severity=0 if good else 1,
        statement=f"{printed.matrix.where} has {line[name]} images of actual {name}; {n} are stated."
        + (f" That is its column sum: {what} are exchanged." if turned else "")
        + (
            " Its rows, of which it does not say what they are, are taken as the predicted classes."
            if printed.turned
            else ""
        ),
        witness=f"{drawn(counts, printed.matrix.classes)}. Row of {name}: {line[name]}; column of {name}: "
        f"{column[name]}.",
        repair=""
        if good
        else f"exchange {what}."
        if turned
        else f"the words that the matrix counts {other}."
        if other
        else "a misprinted cell or count.",
        members=((claim.id,), *block) if proved else (),
    )
