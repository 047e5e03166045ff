"""Scores against the printed matrix beside them: which definition gives each, and which orientation; what rounded
cells leave."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from leukbench.audit.checks.matrices.matrix_sums import suspects
from leukbench.audit.engine.rounding import shown
from leukbench.audit.readings.class_sizes import stated_total
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.matrix_search import (
    Counts,
    completions,
    drawn,
    nearest_value,
    search_definition,
    value_words,
)
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.audit.readings.row_scores import may_be_mean
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

_UNLESS_MEAN = ", unless means over folds or runs are meant, which that matrix adds up."


def check_matrix_scores(ledger: Ledger) -> list[Draft]:
    """Each score printed for the result of a matrix equals the matrix' value under some definition; which one is named.

    A score that no definition gives, for no completion of rounded cells, cannot stand beside that matrix; of one that
    is a mean, or may be as the paper has folds, that is implausible only. Where it is not said whether rows are actual
    or predicted, the orientation that explains more of the scores is taken and named.
    """
    found = []
    heads = ledger.headlines
    for printed, row in itertools.product(ledger.matrices, ledger.rows):
        candidates = _candidates(ledger, printed) if row.key == printed.key else None
        if not candidates:
            continue
        printed, candidates, turned = _oriented(printed, candidates, row)
        if turned is not None:
            found.append(turned)
        block = suspects(ledger, printed)
        drafts = [
            _score_draft(printed, candidates, claims, block, bool({c.id for c in claims} & heads), may_be_mean(row))
            for name, claims in row.scores.items()
            if name[0] != "auc"
        ]
        failing = [d for d in drafts if d.status != "consistent" and not d.claims[0].approximate]
        found += [d for d in drafts if d not in failing] if len(failing) > 1 else drafts
        if len(failing) > 1:
            found.append(
                _several(printed, candidates[0], failing, [c for d in drafts if d not in failing for c in d.claims[:1]])
            )
    return found


def _several(printed: Printed, counts: Counts, failing: list[Draft], fitting: list[Claim]) -> Draft:
    """Return one finding for several scores that do not follow from one matrix."""
    names = ", ".join(f"{d.claims[0].metric} {d.claims[0].value}" for d in failing)
    classes = printed.matrix.classes
    nearest = []
    for d in failing:
        near = nearest_value(d.claims[0], counts, classes)
        nearest += [f"{d.claims[0].metric} {shown(near[1])} ({near[0]})"] if near else []
    good = ", ".join(f"{c.metric} {c.value}" for c in fitting)
    return Draft(
        check="matrix_scores",
        status=failing[0].status,
        kind="arithmetic",
        claims=tuple({c.id: c for d in failing for c in d.claims}.values()),
        severity=max(d.severity for d in failing),
        statement=f"{names} do not follow from {printed.matrix.where} under any usual definition"
        + ("." if failing[0].status == "inconsistent" else _UNLESS_MEAN),
        witness=f"{drawn(counts, classes)}. Tried: each class as positive, macro, weighted, micro. Nearest values: "
        f"{', '.join(nearest)}." + (f" {good} do follow." if good else ""),
        repair=_common_repair(failing, counts, classes),
        members=failing[0].members,
        more=tuple(d.members for d in failing[1:] if d.members),
    )


def _common_repair(failing: list[Draft], counts: Counts, classes: Sequence[str]) -> str:
    """Return the exchange that explains one of the scores, the first that has one, else what may be wrong."""
    exchanges = (_exchange_repair(d.claims[0], counts, classes) for d in failing)
    return next(filter(None, exchanges), "a misprinted cell, or another part of the data behind the printed scores.")


def _oriented(printed: Printed, candidates: list[Counts], row: Row) -> tuple[Printed, list[Counts], Draft | None]:
    """Return the matrix turned, with a finding, where its rows are not known to be actual and turning explains more
    scores."""
    if printed.actual_known or printed.turned:
        return printed, candidates, None
    classes = printed.matrix.classes
    claims = [c[0] for name, c in row.scores.items() if name[0] != "auc"]
    turned = [[list(line) for line in zip(*counts, strict=True)] for counts in candidates]
    plain = sum(bool(search_definition(c, candidates, classes)) for c in claims)
    other = sum(bool(search_definition(c, turned, classes)) for c in claims)
    named = all(c.metric in ("tp", "fp", "fn", "tn") for c in printed.claims)
    if other <= plain or (named and other < len(claims)):
        return printed, candidates, None  # an exchange that leaves scores unexplained proves nothing
    what = (
        "the counts named false positives and false negatives are exchanged"
        if named
        else "its rows are the predicted classes"
    )
    draft = Draft(
        check="matrix_orientation",
        status="inconsistent" if named else "consistent",
        kind="arithmetic",
        claims=(*printed.claims, *claims),
        severity=2 if named else 1,
        statement=f"{printed.matrix.where} explains the printed scores only if {what}.",
        witness=f"As printed {plain} of {len(claims)} scores follow, turned {other}. Turned: "
        f"{drawn(turned[0], classes)}.",
        repair="exchange the two counts." if named else "say what rows and columns are.",
        members=(*((c.id,) for c in printed.claims if c.metric in ("fp", "fn")), *((c.id,) for c in claims))
        if named
        else (),
    )
    cells = tuple(zip(*printed.cells, strict=True))
    return Printed(printed.matrix, printed.key, cells, printed.claims, False), turned, draft


def _candidates(ledger: Ledger, printed: Printed) -> list[list[list[int]]] | None:
    stated = stated_total(ledger, printed)
    every = completions(printed)
    if every is None or stated is None or printed.exact:
        return every
    fitting = completions(printed, total=stated[0])
    # the total may be the wrong one: only if nothing fits it, all completions stand
    return [printed.counts(), *(fitting or every)]


def _score_draft(
    printed: Printed,
    candidates: list[list[list[int]]],
    claims: tuple[Claim, ...],
    block: tuple[tuple[str, ...], ...],
    head: bool,
    mean: bool,
) -> Draft:
    classes, claim = printed.matrix.classes, claims[0]
    unsure = claim.approximate or mean
    draft = Draft(
        check="matrix_scores",
        status="implausible" if unsure else "inconsistent",
        kind="arithmetic",
        claims=(*claims, *printed.claims),
        statement=f"No usual definition gives {claim.metric} {claim.value} from {printed.matrix.where}"
        + (_UNLESS_MEAN if mean else "."),
    )
    readings = search_definition(claim, candidates, classes)
    if readings:
        counts = next(c for c in candidates if search_definition(claim, [c], classes))
        return replace(
            draft,
            status="consistent",
            statement=f"{claim.metric} {claim.value} follows from {printed.matrix.where}, read as "
            f"{' or '.join(readings)}.",
            witness=f"{drawn(counts, classes)}. {value_words(claim, counts, classes, readings[0])}",
        )
    repair = _exchange_repair(claim, candidates[0], classes)
    return replace(
        draft,
        severity=3 if head else 2,
        members=() if unsure else (tuple(c.id for c in claims), *block),
        witness=_tried_words(claim, candidates[0], classes),
        repair=repair or "another matrix or another part of the data behind the printed score.",
    )


def _tried_words(claim: Claim, counts: list[list[int]], classes: Sequence[str]) -> str:
    near = nearest_value(claim, counts, classes)
    return (
        f"{drawn(counts, classes)}. Tried: each class as positive, macro, weighted, micro; both orientations are "
        "covered because turning the matrix exchanges precision and recall, which are both tried by name. "
        + (f"The nearest is {shown(near[1])} ({near[0]})." if near else "")
    )


def _exchange_repair(claim: Claim, counts: Counts, classes: Sequence[str]) -> str:
    """Return which exchange of cells would give a score, in words; "" where none does."""
    turned = [list(line) for line in zip(*counts, strict=True)]
    if readings := search_definition(claim, [turned], classes):
        return f"rows and columns exchanged: then it is {claim.metric} ({readings[0]})."
    if len(classes) == 2:
        for words, swapped in _swaps(counts):
            if readings := search_definition(claim, [swapped], classes):
                return f"{words}: then it is {claim.metric} ({readings[0]})."
    return ""


def _swaps(counts: list[list[int]]) -> list[tuple[str, list[list[int]]]]:
    (a, b), (c, d) = counts
    return [
        ("the two error cells exchanged", [[a, c], [b, d]]),
        ("the two correct cells exchanged", [[d, b], [c, a]]),
        ("both exchanged (the other class positive)", [[d, c], [b, a]]),
    ]


def check_completed_heat_map(ledger: Ledger) -> list[Draft]:
    """Cells printed with two significant digits are completed from the stated total and the printed accuracy.

    Where exactly one sum of correct cells fits both, the exact accuracy follows; the number of matrices left is stated.
    """
    found = []
    by_key = {row.key: row for row in ledger.rows}
    for printed in ledger.matrices:
        stated = stated_total(ledger, printed)
        if printed.exact or stated is None:
            continue
        fitting = completions(printed, total=stated[0])
        if fitting:
            row = by_key.get(printed.key, Row(printed.key))
            found.append(_completed_draft(printed, row, fitting, *stated))
    return found


def _completed_draft(printed: Printed, row: Row, fitting: list[Counts], n: int, claim: Claim) -> Draft:
    """Return what the matrices that fit the rounded cells and the stated total n leave of the accuracy."""
    scores = [c[0] for name, c in row.scores.items() if name[0] != "auc"]
    left = [m for m in fitting if all(search_definition(c, [m], printed.matrix.classes) for c in scores)]
    right = sorted({sum(m[i][i] for i in range(len(m))) for m in fitting})
    values = ", ".join(f"{r}/{n} = {shown(100 * Fraction(r, n), 2)} %" for r in right[:4])
    return Draft(
        check="completed_heat_map",
        status="consistent",
        kind="arithmetic",
        claims=(*printed.claims, claim, *scores),
        statement=f"The rounded cells of {printed.matrix.where} and the total {n} leave "
        + (f"the accuracy {values}" if len(right) <= 4 else f"{len(right)} values of the accuracy")
        + f"; {len(fitting)} exact matrices fit, {len(left)} of them with the other printed scores too.",
        witness="Cells without an exponent are exact; those with one carry two digits. "
        + drawn((left or fitting)[0], printed.matrix.classes)
        + " is one of them.",
    )
