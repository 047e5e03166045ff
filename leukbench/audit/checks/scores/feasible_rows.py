"""Could the scores of one row be true together? The checks on top of :mod:`leukbench.audit.engine.feasibility`."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np

from leukbench.audit.engine.conflicts import accused, minimal_conflicts, one_conflict
from leukbench.audit.engine.effort import SCORE_VALUES, Effort
from leukbench.audit.engine.feasibility import (
    LINEAR,
    MAX_CELLS,
    READINGS,
    BinaryGrid,
    Mask,
    Score,
    averages_fit,
    binary_matrix,
    binary_shares,
    fold_mean_is_possible,
    macro_shares,
    of_known_class,
)
from leukbench.audit.engine.multiclass import Answer, decide, usable
from leukbench.audit.engine.rounding import Interval, shown
from leukbench.audit.engine.run_means import run_means_fit
from leukbench.audit.readings.claims import count_of, score_interval
from leukbench.audit.readings.class_sizes import class_sizes, n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger, Sizes
from leukbench.audit.readings.matrix_search import drawn
from leukbench.audit.readings.row_scores import is_mean, row_scores
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

_REPAIR_OF_MANY = (
    "another class balance in the test set, a binary reading (some classes pooled against the others), or an accuracy "
    "that is a mean of one-against-rest accuracies."
)
_POINT = Fraction(1, 100)
_UNLESS = {
    "": "", "near": ", unless they are averages over folds, runs or batches",
    "far": ", unless they are averages over folds or runs that differ widely",
}  # fmt: skip
_ONCE = frozenset({"single", "pooled"})
MOST_IMAGES = 1_000_000
"""Test images beyond which no search for a matrix is begun."""


def check_binary_rows(ledger: Ledger) -> list[Draft]:
    """Is there a 2×2 matrix that gives all scores of a row: with the class sizes by enumeration, else for any size.

    With class sizes every integer matrix is tried under every reading (either class positive, macro, weighted);
    without, a linear program decides for one positive class, and a macro reading is searched.
    """
    found = []
    heads = ledger.headlines
    for row in ledger.rows:
        pairs = row_scores(row)
        if n_classes(ledger, row.key) != 2 or len(pairs) < 2 or is_mean(row):
            continue
        sizes = class_sizes(ledger, row.key)
        head = any(c.id in heads for _, claims in pairs for c in claims)
        counted = sizes is not None and len(sizes.counts) == 2 and min(sizes.counts.values()) > 0
        if sizes is not None and counted and sizes.total <= MOST_IMAGES:
            found += _counted_row(ledger.effort, row, pairs, sizes, head)
        elif len([p for p in pairs if p[0].metric in LINEAR and not p[0].class_]) >= 3:
            draft = _any_size(row, [p for p in pairs if p[0].metric in LINEAR and not p[0].class_])
            found += [draft] if draft is not None else []
    return found


def _counted_row(
    effort: Effort, row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], sizes: Sizes, head: bool
) -> list[Draft]:
    """Return the finding on a row of two classes of these sizes: every matrix tried, or a search where they are many;
    [] where too few scores are of a known class.
    """
    pairs = [p for p in pairs if of_known_class(p[0], sizes.counts)]
    cells = math.prod(n + 1 for n in sizes.counts.values())
    if len(pairs) > 1 and cells <= MAX_CELLS:
        enough = effort.take(cells * len(pairs) // SCORE_VALUES)
        return [_with_sizes(effort, row, pairs, sizes, head) if enough else _not_tried(row, pairs, sizes)]
    known = [p for p in pairs if usable(p[0])]
    return [_searched("binary_rows", effort, row, known, sizes, head)] if len(known) > 1 else []


def _with_sizes(
    effort: Effort, row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], sizes: Sizes, head: bool
) -> Draft:
    grid = BinaryGrid(sizes.counts)
    # a score may be read in any way here, even another way than its neighbours: what is refused then is proved
    masks = [functools.reduce(np.logical_or, [grid.mask(score, r) for r in (*READINGS, "micro")]) for score, _ in pairs]
    together = functools.reduce(np.logical_and, masks)
    if together.any():
        one = binary_matrix(sizes.counts, [s for s, _ in pairs], grid=grid)
        return _matrix_draft(row, pairs, sizes, one, one[1] if one else grid.witness(together) or [])
    joint = _patterns(masks)
    conflicts = minimal_conflicts(tuple(range(len(pairs))), lambda subset: bool(joint[list(subset)].all(axis=0).any()))
    return _conflict_draft(
        "binary_rows",
        row,
        pairs,
        conflicts,
        sizes,
        f"All {(grid.p + 1) * (grid.q + 1)} matrices with these class sizes were tried, with either class as "
        "positive, macro and weighted",
        head,
        _fit_repair(pairs),
        averaged=_as_average(effort, row, pairs, sizes),
    )


def _on(sizes: Sizes) -> str:
    """Return class sizes, whence they are, and whether they are presumed, in words."""
    stated = ", ".join(f"{v} {k}" for k, v in sizes.counts.items())
    return f"on {stated} ({sizes.basis})" + (", if it was tested on these" if sizes.presumed else "")


def _matrix_draft(
    row: Row,
    pairs: list[tuple[Score, tuple[Claim, ...]]],
    sizes: Sizes,
    one: tuple[str, Sequence[Sequence[int]]] | None,
    counts: Sequence[Sequence[int]],
) -> Draft:
    """Return the finding on scores that a matrix gives; ``one``: under one reading of all, and which."""
    stated = ", ".join(f"{v} {k}" for k, v in sizes.counts.items())
    reading = f"read as {one[0]}." if one else "but only if some are of one class and others averages."
    return Draft(
        check="binary_rows",
        status="consistent",
        kind="arithmetic",
        claims=tuple(c for _, cs in pairs for c in cs) + sizes.claims,
        severity=0 if one else 1,
        statement=f"The scores of {row.label} can hold together on {stated}, {reading}",
        witness=f"{drawn(counts, list(sizes.counts))} prints as {_list(pairs, tuple(range(len(pairs))))}.",
        repair="" if one else "the averaging of each score.",
    )


def _patterns(masks: list[Mask]) -> Mask:
    """Return which scores a matrix gives, ``(n_scores, n_kinds)``, once for all matrices that give the same ones."""
    flat = np.stack([m.ravel() for m in masks])
    codes = np.zeros(flat.shape[1], dtype=np.uint64)
    for i, line in enumerate(flat):
        if i % 32 == 31:  # numbered anew before 64 bits are full
            codes = np.unique(codes, return_inverse=True)[1].astype(np.uint64)
        codes = 2 * codes + line.astype(np.uint64)
    _, first = np.unique(codes, return_index=True)
    found: Mask = flat[:, first]
    return found


def _not_tried(row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], sizes: Sizes) -> Draft:
    """Return what is said of a row for which no searching is left."""
    return Draft(
        check="binary_rows",
        status="uncheckable",
        kind="arithmetic",
        claims=(*(c for _, cs in pairs for c in cs), *sizes.claims),
        severity=1,
        statement=f"Whether the scores of {row.label} can hold together was not decided: the searches of this paper "
        "ended at their budget.",
        witness=f"{_list(pairs, tuple(range(len(pairs))))} on "
        f"{', '.join(f'{v} {k}' for k, v in sizes.counts.items())}.",
        repair="the confusion matrix.",
    )


def _fit_repair(pairs: list[tuple[Score, tuple[Claim, ...]]]) -> str:
    scores = [s for s, _ in pairs if s.metric in LINEAR and not s.class_]
    shares = binary_shares(scores) if len(scores) >= 2 else None
    if shares is None:
        return "figures of different runs, parts or definitions in one row."
    tp, fn, fp, tn = shares
    return (
        f"a test set with other class sizes: a share of positives of about {shown(100 * (tp + fn), 1)} % would "
        "allow it "
        f"(TP {shown(100 * tp, 1)}, FN {shown(100 * fn, 1)}, FP {shown(100 * fp, 1)}, TN {shown(100 * tn, 1)} of "
        "100 images)."
    )


def _any_size(row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]]) -> Draft | None:
    scores = [s for s, _ in pairs]
    everything = tuple(range(len(pairs)))
    shares = binary_shares(scores)
    if shares is None and (macro := macro_shares(scores)) is not None:
        return _macro_draft(row, pairs, *macro)
    if shares is None and _beyond_averages(pairs):
        return None  # said by check_f1_of_precision_recall
    draft = Draft(
        check="binary_rows",
        status="uncheckable",
        kind="arithmetic",
        claims=tuple(c for _, cs in pairs for c in cs),
        severity=1,
        statement=f"The scores of {row.label} fit no single positive class; whether macro or weighted averages fit was "
        "not decided (search budget).",
        repair="the class sizes of this test set and the averaging used.",
    )
    if shares is None:
        conflict = one_conflict(everything, lambda subset: binary_shares([scores[i] for i in subset]) is not None)
        return replace(draft, witness=_conflict_words(pairs, conflict))
    tp, fn, fp, tn = (shown(100 * x, 2) for x in shares)
    return replace(
        draft,
        status="consistent",
        severity=0,
        statement=f"The scores of {row.label} can come from one confusion matrix with one positive class.",
        witness=f"For example of 100 images TP {tp}, FN {fn}, FP {fp}, TN {tn}: {_list(pairs, everything)}.",
        repair="The class sizes of this test set would allow a sharper check.",
    )


def _macro_draft(
    row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], share: float, first: float, second: float
) -> Draft:
    """Return the finding on scores that are macro averages, with one class's share and both recalls as an example."""
    return Draft(
        check="binary_rows",
        status="consistent",
        kind="arithmetic",
        claims=tuple(c for _, cs in pairs for c in cs),
        severity=1,
        statement=f"The scores of {row.label} fit no single positive class, but they can be macro averages.",
        witness=f"With {shown(100 * share, 0)} % of one class, recalls {shown(first)} and {shown(second)}: "
        f"{_list(pairs, tuple(range(len(pairs))))}.",
        repair="say that precision, recall and F1 are macro averages.",
    )


def _beyond_averages(pairs: list[tuple[Score, tuple[Claim, ...]]]) -> bool:
    value = {s.metric: s.interval for s, _ in pairs}
    if not {"f1", "precision", "recall"} <= set(value):
        return False
    return value["f1"].low > (value["precision"].high + value["recall"].high) / 2


def _conflict_words(pairs: list[tuple[Score, tuple[Claim, ...]]], conflict: tuple[int, ...]) -> str:
    parts = [
        f"{pairs[i][0].label()} ({100 * float(pairs[i][0].interval.low):.2f} to "
        f"{100 * float(pairs[i][0].interval.high):.2f} %)"
        for i in conflict
    ]
    return f"Smallest set that cannot hold together: {', '.join(parts)}."


def _list(pairs: list[tuple[Score, tuple[Claim, ...]]], which: Sequence[int]) -> str:
    return ", ".join(pairs[i][0].label() for i in which)


def _conflict_draft(
    check: str,
    row: Row,
    pairs: list[tuple[Score, tuple[Claim, ...]]],
    conflicts: list[tuple[int, ...]],
    sizes: Sizes,
    how: str,
    head: bool,
    repair: str,
    *,
    averaged: Literal["", "near", "far"],
) -> Draft:
    """Return the draft of a conflict, which rests on the class sizes too; ``averaged``: how the row may be a mean over
    trainings or folds (:func:`_as_average`), of which one matrix proves nothing.
    """
    proved = not (sizes.presumed or row.unstated_folds or averaged)
    background = tuple((c.id,) for c in sizes.claims)
    blocks = [(*(tuple(c.id for c in pairs[i][1]) for i in conflict), *background) for conflict in conflicts]
    guilty = accused(blocks) if proved else ()
    others = f" {len(conflicts)} such smallest sets exist." if len(conflicts) > 1 else ""
    names = [s.label() for s, cs in pairs if tuple(c.id for c in cs) in guilty]
    blame = (" In every one of them stands " + ", ".join(names) + ".") if names else ""
    return Draft(
        check=check,
        status="inconsistent" if proved else "implausible",
        kind="arithmetic",
        claims=tuple(c for _, cs in pairs for c in cs) + sizes.claims,
        severity=(3 if head else 2) if proved or averaged == "far" else 1,
        statement=f"The scores of {row.label} cannot hold together {_on(sizes)}{_UNLESS[averaged]}.",
        witness=f"{_conflict_words(pairs, conflicts[0])} {how}; none prints as these.{others}{blame}",
        repair=f"an average over folds, runs or batches, or {repair}" if averaged == "near" else repair,
        members=blocks[0] if proved else (),
        more=tuple(blocks[1:]) if proved else (),
        accused=tuple(i for block in guilty for i in block),
    )


def check_fold_means(ledger: Ledger) -> list[Draft]:
    """Is there a number of right images in each fold whose mean of fold accuracies prints as the stated mean."""
    found = []
    for claim in ledger.own:
        interval = score_interval(claim)
        if (
            claim.metric != "accuracy"
            or claim.aggregation != "mean"
            or claim.split != "test"
            or interval is None
            or claim.condition
        ):
            continue
        sizes = _fold_sizes(ledger, claim)
        if len(sizes) >= 2 and min(n for n, _ in sizes) >= 1:
            found.append(_mean_draft(claim, interval, sizes))
    return found


def _fold_sizes(ledger: Ledger, claim: Claim) -> list[tuple[int, Claim]]:
    """Return the images of each fold's test part of a claim's result, with the claims that state them."""
    sizes = {
        c.of_fold: (count_of(c) or 0, c)
        for c in ledger.own
        if c.metric == "n_images"
        and c.split == "test"
        and c.of_fold
        and not c.class_
        and c.condition in {"", "before augmentation"}
        and c.study in {claim.study, ""}
        and c.model in {claim.model, ""}
    }
    return list(sizes.values())


def _mean_draft(claim: Claim, interval: Interval, sizes: list[tuple[int, Claim]]) -> Draft:
    ns = [n for n, _ in sizes]
    good = fold_mean_is_possible(ns, interval)
    return Draft(
        check="fold_means",
        status="consistent" if good else "implausible",
        kind="arithmetic",
        claims=(claim, *(c for _, c in sizes)),
        severity=0 if good else 1,
        statement=f"{claim.value} is {'a' if good else 'no'} possible mean of accuracies on folds of "
        f"{', '.join(map(str, ns))} images.",
        witness="Mean of k/n over the folds, each k a whole number"
        + ("." if good else "; no choice of them prints so."),
        repair="" if good else "another aggregation or other fold sizes.",
    )


def check_dataset_balance(ledger: Ledger) -> list[Draft]:
    """Scores of a binary row without class sizes, on a test part with the class shares of the whole dataset (± 5
    points).

    One fold, and what is counted over folds, is left out: its shares are its own.
    """
    found = []
    for row in ledger.rows:
        study = ledger.paper.studies.get(row.key[0])
        pairs = [(s, c) for s, c in row_scores(row) if s.metric in LINEAR and not s.class_]
        if (
            study is None
            or len(study.classes) != 2
            or len(pairs) < 3
            or is_mean(row)
            or row.key[3]
            or row.key[5]
            or class_sizes(ledger, row.key)
        ):
            continue
        share, basis = _dataset_share(ledger, row.key[0], study.positive or next(iter(study.classes)))
        if share is not None and not _fit_shares([s for s, _ in pairs], share):
            found.append(_balance_draft(row, pairs, share, basis))
    return found


def _fit_shares(scores: list[Score], share: Fraction) -> bool:
    """Whether scores are possible with about this share of either class, or with no one positive class at all."""
    if binary_shares(scores) is None:
        return True
    play = Fraction(1, 20)
    shares = (share, 1 - share)
    if any(binary_shares(scores, prevalence=Interval(p - play, p + play)) for p in shares):
        return True
    return any(averages_fit(scores, p) for p in shares)


def _balance_draft(
    row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], share: Fraction, basis: tuple[Claim, ...]
) -> Draft:
    return Draft(
        check="dataset_balance",
        status="implausible",
        kind="arithmetic",
        claims=(*(c[0] for _, c in pairs), *basis),
        severity=2,
        statement=f"The scores of {row.label} fit no test part with the class shares of the dataset.",
        witness=f"{', '.join(s.label() for s, _ in pairs)}; the dataset has {shown(100 * share, 1)} % of one class; "
        "with 5 points of play neither class as positive (a linear program over TP, FN, FP, TN) nor macro or weighted "
        "averages (a search) allow them.",
        repair=_fit_repair(pairs),
    )


def _dataset_share(ledger: Ledger, study: str, positive: str) -> tuple[Fraction | None, tuple[Claim, ...]]:

    groups: dict[tuple[str, str, str], dict[str, Claim]] = {}
    for c in ledger.own:
        if c.metric == "n_images" and c.class_ and count_of(c) and c.study in {study, ""} and not c.fold:
            groups.setdefault((c.split, c.condition, c.model), {})[c.class_] = c
    for group in sorted(
        (g for g in groups.values() if len(g) == 2 and positive in g),
        key=lambda g: -sum(count_of(c) or 0 for c in g.values()),
    ):
        total = sum(count_of(c) or 0 for c in group.values())
        return Fraction(count_of(group[positive]) or 0, total), tuple(group.values())
    return None, ()


def check_multiclass_rows(ledger: Ledger) -> list[Draft]:
    """Is there a K×K matrix with the stated class sizes that gives all scores of a row at once.

    Top-1 accuracy with macro, weighted, micro or one class' precision, recall, F1, specificity, with MCC, kappa and
    per-class scores: :func:`leukbench.audit.engine.multiclass.decide` finds a matrix, proves that there is none, or
    ends at its budget.
    """
    found = []
    heads = ledger.headlines
    for row in ledger.rows:
        k = n_classes(ledger, row.key)
        sizes = class_sizes(ledger, row.key)
        pairs = [(s, c) for s, c in row_scores(row) if usable(s) and (sizes is None or of_known_class(s, sizes.counts))]
        if k is None or k < 3 or len(pairs) < 2 or is_mean(row):
            continue
        head = any(c.id in heads for _, cs in pairs for c in cs)
        if sizes is None:
            found.append(_sizes_missing(row, pairs))
        elif min(sizes.counts.values()) < 1 or sizes.total > MOST_IMAGES:
            continue  # averages over a class without images are defined in too many ways to search
        else:
            found.append(_searched("multiclass_rows", ledger.effort, row, pairs, sizes, head))
    return found


def _sizes_missing(row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]]) -> Draft:
    return Draft(
        check="multiclass_rows",
        status="uncheckable",
        kind="arithmetic",
        claims=tuple(c for _, cs in pairs for c in cs),
        statement=f"Whether the scores of {row.label} can hold together depends on class sizes that are not stated.",
        witness=f"{_list(pairs, tuple(range(len(pairs))))}.",
        repair="the number of test images of each class, and the averaging used.",
    )


def _searched(
    check: str, effort: Effort, row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], sizes: Sizes, head: bool
) -> Draft:
    """Return the finding on a row whose matrices are too many to try each."""
    scores, counts = [s for s, _ in pairs], list(sizes.counts.values())
    answer = decide(counts, scores, names=list(sizes.counts), effort=effort)
    if answer.status == "feasible" and len(counts) == 2:
        one = None if answer.mixed else (answer.reading, answer.matrix)
        return _matrix_draft(row, pairs, sizes, one, answer.matrix)
    if answer.status != "impossible":
        return replace(_multiclass_open(row, pairs, sizes, answer), check=check)
    return _conflict_draft(
        check,
        row,
        pairs,
        [_smallest_conflict(effort, sizes, scores)],
        sizes,
        "Right answers and calls of each class were searched whole, with macro, weighted, micro and one-class "
        "readings of each",
        head,
        _fit_repair(pairs) if len(counts) == 2 else _REPAIR_OF_MANY,
        averaged=_as_average(effort, row, pairs, sizes),
    )


def _smallest_conflict(effort: Effort, sizes: Sizes, scores: list[Score]) -> tuple[int, ...]:
    """Return the places of scores that cannot hold together and of which none can be left out, as far as the budget
    shows."""

    def feasible(subset: tuple[int, ...]) -> bool:
        return _feasible(effort, sizes, [scores[i] for i in subset])

    return one_conflict(range(len(scores)), feasible)  # what stands first, the accuracy, is kept if it can be


def _feasible(effort: Effort, sizes: Sizes, scores: list[Score]) -> bool:
    counts, names = list(sizes.counts.values()), list(sizes.counts)
    return decide(counts, scores, names=names, budget=4000, effort=effort).status != "impossible"


def _as_average(
    effort: Effort, row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], sizes: Sizes
) -> Literal["", "near", "far"]:
    """Return whether a row can be a mean over several trainings, or over folds: "" where it is said to be one pass over
    its images, or all counts together, or where its scores refute a mean too; "near" where every score is within a
    point of what one pass gives, as means of trainings alike are; else "far".

    The images of each class may say it in the row's place, as those of a classification report do, and its own matrix.
    "" too where nothing is proved for another reason.
    """
    claims, scores = [claim for _, of_score in pairs for claim in of_score], [score for score, _ in pairs]
    once = [of for of in (claims, sizes.claims) if of and all(c.aggregation in _ONCE or c.of_fold for c in of)]
    if once or sizes.of_matrix or sizes.presumed or row.unstated_folds or not run_means_fit(sizes.counts, scores):
        return ""
    wider = [replace(s, interval=Interval(s.interval.low - _POINT, s.interval.high + _POINT)) for s in scores]
    return "near" if _feasible(effort, sizes, wider) else "far"


def _multiclass_open(row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]], sizes: Sizes, answer: Answer) -> Draft:
    """Return the draft of a row that has a matrix, or for which neither a matrix nor a proof was found."""
    stated = ", ".join(f"{v} {n}" for n, v in sizes.counts.items())
    listed = _list(pairs, tuple(range(len(pairs))))
    draft = Draft(
        check="multiclass_rows",
        status="uncheckable",
        kind="arithmetic",
        claims=tuple(c for _, cs in pairs for c in cs) + sizes.claims,
        severity=1,
        statement=f"Neither a matrix for the scores of {row.label} on {stated} nor a proof that there is none was "
        "found (search budget).",
        witness=f"{listed}; macro, weighted, micro and one-class readings were searched.",
        repair="the confusion matrix.",
    )
    if answer.status == "feasible":
        one_class = answer.reading.startswith("positive:") and not all(s.class_ or s.average for s, _ in pairs)
        matrix = drawn([list(line) for line in answer.matrix], list(sizes.counts))
        draft = replace(draft, witness=f"{matrix} prints as {listed}.")
        return _readable(draft, answer, f"{row.label} can hold together on {stated}", one_class=one_class)
    if answer.mixed or answer.left_out:
        return _half_decided(draft, answer, f"gives all scores of {row.label} on {stated}", listed)
    return draft


def _half_decided(draft: Draft, answer: Answer, gives: str, listed: str) -> Draft:
    """Return the draft of a row without a matrix under the usual reading, where another was not decided."""
    if answer.left_out:
        statement = f"No matrix {gives}, unless {answer.left_out} is an average over classes or has weights."
        refuted = "without it they can hold together; with it in its usual sense"
        repair = "how it was averaged or weighted."
    else:
        statement = f"No one averaging {gives}; whether different averagings do was not decided (search budget)."
        refuted, repair = "", "the averaging of each score, and the confusion matrix."
    readings = "macro, weighted, micro and one-class readings were refuted one by one."
    witness = f"{listed}; {refuted}{' ' if refuted else ''}{readings}"
    return replace(draft, status="implausible", statement=statement, witness=witness, repair=repair)


def _readable(draft: Draft, answer: Answer, can: str, *, one_class: bool) -> Draft:
    """Return the draft of a row that has a matrix: plainly consistent only under a usual reading of the averaging."""
    unusual = one_class or answer.mixed or bool(answer.accuracy)
    return replace(
        draft,
        status="implausible" if one_class else "consistent",
        severity=int(unusual),
        statement=f"The scores of {can}, {_read_how(answer, one_class)}.",
        repair="the averaging of each score." if unusual else "",
    )


def _read_how(answer: Answer, one_class: bool) -> str:
    """Return under which reading of the averaging a matrix gives the scores, in words."""
    if one_class:
        how = f"only as scores of one class, {answer.reading.removeprefix('positive:')}, against the rest"
    elif answer.reading == "different":
        how = "only if they are averaged in different ways"
    else:
        how = f"as {answer.reading} averages"
    return how + (f", with the accuracy as {answer.accuracy}" if answer.accuracy else "")
