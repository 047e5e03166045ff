"""Scores of k folds: could they be the mean of the folds' scores, or the score of the folds' counts taken together?

*Score of means* (pooled): one 2×2 matrix with the folds' class sizes added up. *Mean of scores*: x = Σ_f m(M_f)/k
for a matrix M_f in each fold. Precision, F1, MCC are no linear functions of the counts, but the means x that are
possible lie in the Minkowski mean of the convex hulls of what single folds can give, so a linear program over all
matrices of every fold decides it from outside: when its least violation is positive, no matrices give the printed
means. Columns (matrices) are made as they are needed, priced over all of them, so the optimum is that of the full
program (Fazekas & Kovács 2024 do this for the linear scores only). From inside, a herd search looks for whole matrices.
"""

from __future__ import annotations

from dataclasses import replace

from leukbench.audit.engine.effort import FOLD_VALUES, SEARCH, Effort
from leukbench.audit.engine.feasibility import MAX_CELLS, Score, of_known_class
from leukbench.audit.engine.fold_means import FoldAnswer, decide_folds
from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.class_sizes import n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.matrix_search import drawn
from leukbench.audit.readings.row_scores import row_scores
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim


def fold_class_sizes(ledger: Ledger, row: Row) -> tuple[list[dict[str, int]], tuple[Claim, ...]] | None:
    """Return the stated class sizes of every fold of a row's part, None unless each fold has all classes of the
    study."""
    study, model, split, _, condition, _ = row.key
    for wanted in ((model, condition), (model, ""), ("", condition), ("", "")):
        found: dict[str, dict[str, Claim]] = {}
        for c in ledger.own:
            if (
                c.metric == "n_images"
                and c.class_
                and c.of_fold
                and c.split == split
                and count_of(c)
                and c.study in {study, ""}
                and (c.model, c.condition) == wanted
            ):
                found.setdefault(c.of_fold, {}).setdefault(c.class_, c)
        classes = list(ledger.paper.studies[study].classes) if study in ledger.paper.studies else []
        if len(found) >= 2 and all(set(f) == set(classes) for f in found.values()):
            sizes = [{name: count_of(f[name]) or 0 for name in classes} for f in found.values()]
            return sizes, tuple(c for f in found.values() for c in f.values())
    return None


def check_fold_scores(ledger: Ledger) -> list[Draft]:
    """Can the scores of a binary row over folds come from matrices with the folds' class sizes: as means, or
    counted together.

    Both aggregations are tried under every reading of the averaging, F1 also as the harmonic mean of the mean
    precision and recall.
    """
    found = []
    heads = ledger.headlines
    for row in ledger.rows:
        pairs = [(s, c) for s, c in row_scores(row) if not (s.class_ and s.metric == "accuracy")]
        if row.key[5] not in {"mean", "pooled"} or row.key[3] or n_classes(ledger, row.key) != 2 or len(pairs) < 2:
            continue
        sizes = fold_class_sizes(ledger, row)
        if sizes is None:
            found += _sizes_missing(ledger, row, pairs)
            continue
        pairs = [p for p in pairs if of_known_class(p[0], sizes[0][0])]
        if len(pairs) < 2 or not all(min(s.values()) for s in sizes[0]):
            continue
        answer = _decided(ledger.effort, row, [s for s, _ in pairs], sizes[0])
        found.append(_draft(row, pairs, sizes, answer, head=any(c.id in heads for _, cs in pairs for c in cs)))
    return found


def _decided(effort: Effort, row: Row, scores: list[Score], folds: list[dict[str, int]]) -> FoldAnswer:
    """Return whether scores can be those of the folds; where their matrices are too many, whether they can be those of
    the counts taken together, and "untried" if not.
    """
    kinds = dict.fromkeys(tuple(s.values()) for s in folds)
    cells = [(a + 1) * (b + 1) for a, b in kinds]
    units = sum(cells) * (1 + (len({sum(k) for k in kinds}) > 1)) * len(scores) // FOLD_VALUES
    pooled = row.key[5] == "pooled"
    if not pooled and max(cells) <= MAX_CELLS and effort.take(units):
        return decide_folds(folds, scores)
    together = FoldAnswer("open", "untried")
    if effort.take(SEARCH * len(scores)):
        together = decide_folds(folds, scores, pooled_only=True)
    return together if pooled or together.status == "feasible" else FoldAnswer("open", "untried")


def _sizes_missing(ledger: Ledger, row: Row, pairs: list[tuple[Score, tuple[Claim, ...]]]) -> list[Draft]:
    """Name the missing class sizes where the paper speaks of the folds of this row at all."""
    folds = {c.of_fold for c in ledger.own if c.of_fold and c.study == row.key[0] and c.split == row.key[2]}
    if len(folds) < 2:
        return []
    return [
        Draft(
            check="fold_scores",
            status="uncheckable",
            kind="arithmetic",
            claims=tuple(c for _, cs in pairs for c in cs),
            statement=f"Whether the scores of {row.label} can hold together on its {len(folds)} folds depends on "
            "class sizes that are not stated.",
            witness=f"{', '.join(s.label() for s, _ in pairs)}.",
            repair="the number of images of each class in each fold.",
        )
    ]


def _draft(
    row: Row,
    pairs: list[tuple[Score, tuple[Claim, ...]]],
    sizes: tuple[list[dict[str, int]], tuple[Claim, ...]],
    answer: FoldAnswer,
    *,
    head: bool,
) -> Draft:
    listed = ", ".join(s.label() for s, _ in pairs)
    folds = sizes[0]
    draft = Draft(
        check="fold_scores",
        status="consistent",
        kind="arithmetic",
        claims=(*(c for _, cs in pairs for c in cs), *sizes[1]),
        statement=f"The scores of {row.label} can hold together on its {len(folds)} folds ({answer.how}).",
    )
    if answer.status == "feasible":
        matrices = "; ".join(drawn([list(line) for line in m], list(folds[0])) for m in answer.matrices)
        return replace(draft, witness=f"{matrices} prints as {listed}.")
    draft = replace(
        draft,
        severity=1,
        witness=_tried_words(answer, row, listed, folds),
        repair="the matrix of each fold, and how the scores were averaged.",
    )
    if answer.status == "impossible":
        return replace(
            draft,
            status="inconsistent",
            severity=3 if head else 2,
            statement=f"The scores of {row.label} cannot hold together on its {len(folds)} folds, neither as means "
            "nor counted together.",
            members=(*(tuple(c.id for c in cs) for _, cs in pairs), *((c.id,) for c in sizes[1])),
        )
    return _open_draft(draft, answer, f"{row.label} on its {len(folds)} folds")


def _tried_words(answer: FoldAnswer, row: Row, listed: str, folds: list[dict[str, int]]) -> str:
    stated = "; ".join(" + ".join(f"{n} {c}" for c, n in fold.items()) for fold in folds)
    if answer.how == "untried":
        return f"{listed}; folds of {stated}. Matrices of each fold were not tried: they are too many."
    refuted = answer.status != "open" or answer.how
    means = ", and a linear program over all matrices of each fold" + (
        " leaves a distance from the printed means under every reading" if refuted else ""
    )
    return (
        f"{listed}; folds of {stated}. The matrices of the summed sizes were searched"
        f"{'' if row.key[5] == 'pooled' else means}."
    )


def _open_draft(draft: Draft, answer: FoldAnswer, of: str) -> Draft:
    """Return the draft of a row without matrices or a proof that there are none, at most that no one averaging fits."""
    if answer.how == "mixed":
        return replace(draft, status="implausible", statement=f"No one averaging gives all scores of {of}.")
    return replace(
        draft,
        status="uncheckable",
        statement=f"Neither matrices for the scores of {of} nor a proof that there are none were found (search "
        "budget).",
    )
