"""Which estimate answers which claim: a join on study, arm, metric, class, average and fold, and on nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leukbench.papers.schema import Claim, Paper
from leukbench.papers.vocabulary import SCORES
from leukbench.records import Cell, Estimate
from leukbench.verdicts import Question, Reproduced

_SAME = {"sensitivity": "recall"}
_AVERAGED = frozenset({"precision", "recall", "specificity", "f1"})


@dataclass(frozen=True, kw_only=True)
class EvaluatedCell:
    """A cell with its estimates by arm (of the last epoch, or the recipe's checkpoint) and what its runs deviate in."""

    name: str
    cell: Cell
    reading: str
    evidence: str
    estimates: Mapping[str, tuple[Estimate, ...]]
    deviations: Mapping[str, tuple[str, ...]]
    seed_variance: Mapping[tuple[str, str, str], float]


def definitions(claim: Claim, classes: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the (name, class, average) under which a claim's metric may be meant; several where the paper does not say.

    A two-class precision without more may be that of either class, or their macro or weighted mean.
    """
    metric = _SAME.get(claim.metric, claim.metric)
    if claim.class_:
        return [("", claim.class_, "none")]
    if claim.average.startswith("positive:"):
        return [("", claim.average.removeprefix("positive:"), "none")]
    if claim.average in {"macro", "weighted"}:
        return [("", "", claim.average)]
    if claim.average == "micro":
        return [("", "", "weighted")] if metric == "recall" else []
    if metric == "auc":
        return [("", "", "none" if len(classes) == 2 else "macro")]
    if metric not in _AVERAGED:
        return [("", "", "none")]
    averaged = [(f"{average} average", "", average) for average in ("macro", "weighted")]
    return averaged + ([(f"positive: {c}", c, "none") for c in classes] if len(classes) == 2 else [])


def find_estimate(estimates: Sequence[Estimate], claim: Claim, class_: str, average: str) -> Estimate | None:
    """Return the estimate with these keys: of the claim's fold where it names one, else over all folds."""
    metric = _SAME.get(claim.metric, claim.metric)
    fold = claim.fold or (claim.aggregation.removeprefix("fold:") if claim.aggregation.startswith("fold:") else "")
    wanted = {f"fold:{fold}"} if fold else {"pooled", "mean", "single"}
    for e in estimates:
        if (e.metric, e.class_, e.average) == (metric, class_, average) and e.aggregation in wanted:
            return e
    return None


def counted_on(claim: Claim, paper: Paper) -> int | None:
    """Return the number of images a claim was counted on: its own n, else the test images that the paper prints.

    The latter are those with the same study and fold, no class and no condition; None where there is not exactly one figure.
    """
    if claim.n:
        return int(claim.n.replace(",", ""))
    sizes = {
        int(c.number)
        for c in paper.claims
        if (c.metric, c.kind, c.split, c.class_, c.condition) == ("n_images", "own", "test", "", "")
        and (c.study, c.fold) == (claim.study, claim.fold)
        and c.number is not None
    }
    return sizes.pop() if len(sizes) == 1 else None


def comparable(claim: Claim) -> bool:
    """Say whether a claim is a score of the paper's own on its test part that an estimate can be held against."""
    return bool(
        claim.kind == "own"
        and claim.study
        and claim.arm
        and claim.metric in SCORES
        and claim.metric not in {"error_rate", "detection_rate"}
        and claim.split in {"test", "unstated"}
        and claim.number is not None
    )


def question_of(claim: Claim, paper: Paper, cells: Sequence[EvaluatedCell], *, accused: bool) -> Question:
    """Return a claim with everything that the evaluated cells have to say about it."""
    study = paper.studies[claim.study]
    found: dict[str, list[Reproduced]] = {"as_published": [], "patient": []}
    for evaluated in cells:
        cell = evaluated.cell
        if (cell.paper, cell.study) != (paper.key, claim.study) or cell.protocol not in found:
            continue
        estimates = evaluated.estimates.get(claim.arm, ())
        for name, class_, average in definitions(claim, tuple(study.classes)):
            whole = (
                claim if cell.protocol == "as_published" else claim.model_copy(update={"fold": "", "aggregation": ""})
            )
            e = find_estimate(estimates, whole, class_, average)
            if e is not None:
                found[cell.protocol].append(_reproduced(e, evaluated, claim.arm, name))
    assert claim.fraction is not None and claim.half_unit is not None
    return Question(
        claim=claim.id,
        metric=_SAME.get(claim.metric, claim.metric),
        value=claim.fraction,
        half_unit=float(claim.half_unit / claim.scale),
        n=counted_on(claim, paper),
        headline=claim.id == study.headline,
        faithful=tuple(found["as_published"]),
        honest=tuple(found["patient"]),
        accused=accused,
    )


def _reproduced(e: Estimate, evaluated: EvaluatedCell, arm: str, definition: str) -> Reproduced:
    return Reproduced(
        estimate=e,
        protocol=evaluated.cell.protocol,
        reading=evaluated.reading if evaluated.cell.protocol == "as_published" else "",
        definition=definition,
        deviations=evaluated.deviations.get(arm, ()),
        evidence=evaluated.evidence,
        seed_variance=evaluated.seed_variance.get((e.metric, e.class_, e.average), 0.0),
    )


def questions_of(paper: Paper, cells: Sequence[EvaluatedCell], accused: frozenset[str]) -> list[Question]:
    """Return the questions of all comparable claims of the studies that some cell runs, in the order of the ledger."""
    run = {cell.cell.study for cell in cells if cell.cell.paper == paper.key}
    return [
        question_of(c, paper, cells, accused=c.id in accused) for c in paper.claims if comparable(c) and c.study in run
    ]


def estimate_from_plain(plain: Mapping[str, Any]) -> Estimate:
    """Return an estimate from its JSON data."""
    return Estimate(**{k: float("nan") if v is None else v for k, v in plain.items()})
