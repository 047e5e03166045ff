"""Which estimate answers which claim: a join on study, arm, metric, class, average and fold, and on nothing else.

A claim's condition needs no key of its own: ledgers give figures under different conditions different arms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from leukbench.evaluation.likeness import Likeness
from leukbench.papers.schema import Claim, Paper
from leukbench.papers.vocabulary import AUGMENTED, SCORES
from leukbench.records import Estimate, Experiment
from leukbench.verdicts.differences import Overlap, Question, Reproduced

_SAME = {"sensitivity": "recall"}
_AVERAGED = frozenset({"precision", "recall", "specificity", "f1"})
_MICRO_IS_ACCURACY = frozenset({"accuracy", "precision", "recall", "f1"})
"""Averaged over all decisions, these are the share of right images where each image has one class."""


class Definition(NamedTuple):
    """One way to understand a claim's metric, as the keys of an estimate; ``name`` is "" where there is only one."""

    name: str
    metric: str
    class_: str
    average: str


@dataclass(frozen=True, kw_only=True)
class EvaluatedExperiment:
    """An experiment with its estimates by arm (of the epoch that its recipe chooses) and what its runs deviate in.

    ``deviations`` of all runs of an arm together from the paper's experiment, ``fold_deviations`` of each fold from the
    same fold.
    """

    name: str
    experiment: Experiment
    reading: str
    evidence: str
    estimates: Mapping[str, tuple[Estimate, ...]]
    deviations: Mapping[str, tuple[str, ...]]
    fold_deviations: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    likeness: Likeness = field(default_factory=Likeness)


def definitions(claim: Claim, classes: Sequence[str]) -> list[Definition]:
    """Return the definitions under which a claim's metric may be meant; several where the paper does not say.

    A precision, recall, specificity or F1 without more may be the macro, weighted or micro mean, in a two-class study
    also that of either class. The AUC of two classes is one whichever is positive; that of more is their macro mean.
    Empty where no estimate is made of what the claim names.

    Parameters
    ----------
    claim
        A printed figure.
    classes
        Of its study, in output order.

    Returns
    -------
    One definition a reading, empty where no estimate is made of what the claim names.
    """
    metric = _SAME.get(claim.metric, claim.metric)
    class_ = claim.class_ or (claim.average.removeprefix("positive:") if claim.average.startswith("positive:") else "")
    if metric == "auc" and len(classes) == 2:
        return [Definition("", "auc", "", "none")]
    if class_:
        return [Definition("", metric, class_, "none")]
    if claim.average == "micro":
        return [Definition("", "accuracy", "", "none")] if metric in _MICRO_IS_ACCURACY else []
    if claim.average in {"macro", "weighted"}:
        return [Definition("", metric, "", claim.average)]
    if metric == "auc":
        return [Definition("", "auc", "", "macro")]
    if metric not in _AVERAGED:
        return [Definition("", metric, "", "none")]
    found = [Definition(f"{average} average", metric, "", average) for average in ("macro", "weighted")]
    if metric in _MICRO_IS_ACCURACY - {"recall"}:  # recall weighted by support is accuracy already
        found.append(Definition("micro average", "accuracy", "", "none"))
    return found + ([Definition(f"positive: {c}", metric, c, "none") for c in classes] if len(classes) == 2 else [])


def find_estimate(estimates: Sequence[Estimate], definition: Definition, *, fold: str = "") -> Estimate | None:
    """Return the estimate with these keys: of one fold, or over all folds (``fold=""``); None where there is none."""
    wanted = {f"fold:{fold}"} if fold else {"pooled", "mean", "single"}
    for e in estimates:
        if (e.metric, e.class_, e.average) == definition[1:] and e.aggregation in wanted:
            return e
    return None


def counted_on(claim: Claim, paper: Paper) -> int | None:
    """Return the number of images a claim was counted on: its own n, else the test images that the paper prints.

    The latter are those with the same study and fold and no condition, else those after augmentation: the one figure of
    all classes, or the sum of one figure for each class. None where there is not exactly one. Also a claim about one
    class gets the images of all classes: design effects are told for these
    (:func:`leukbench.verdicts.differences.design_effect`).

    Parameters
    ----------
    claim, paper
        A printed figure, and the ledger it stands in.

    Returns
    -------
    A number of images, or None where there is not exactly one.
    """
    if claim.n:
        return int(claim.n.replace(",", ""))
    sizes = _test_sizes(claim, paper, "") or _test_sizes(claim, paper, AUGMENTED)
    if "" in sizes:
        return sizes[""].pop() if len(sizes[""]) == 1 else None
    classes = [sizes.get(c, set()) for c in paper.studies[claim.study].classes]
    return sum(found.pop() for found in classes) if all(len(found) == 1 for found in classes) else None


def _test_sizes(claim: Claim, paper: Paper, condition: str) -> dict[str, set[int]]:
    """Return the test images printed for a claim's study and fold under a condition: class, "" for all -> numbers."""
    sizes: dict[str, set[int]] = {}
    for c in paper.claims:
        test_size = (c.metric, c.kind, c.split, c.condition) == ("n_images", "own", "test", condition)
        if test_size and (c.study, c.of_fold) == (claim.study, claim.of_fold) and c.number is not None:
            sizes.setdefault(c.class_, set()).add(int(c.number))
    return sizes


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


def question_of(claim: Claim, paper: Paper, experiments: Sequence[EvaluatedExperiment], *, accused: bool) -> Question:
    """Return a claim with everything that the evaluated experiments have to say about it.

    Under the paper's protocol a claim of one fold is held against that fold, by patient against all folds.

    Parameters
    ----------
    claim, paper
        A printed figure, and the ledger it stands in.
    experiments
        What was evaluated of its study.
    accused
        Whether the audit calls the figure impossible.

    Returns
    -------
    The claim with each result that answers it.
    """
    study, fold = paper.studies[claim.study], claim.of_fold
    wanted = definitions(claim, tuple(study.classes))
    found: dict[str, list[Reproduced]] = {"as_published": [], "patient": []}
    for evaluated in _experiments_of(claim, paper, experiments):
        if evaluated.experiment.protocol not in found:
            continue
        for definition in wanted:
            of_fold = fold if evaluated.experiment.protocol == "as_published" else ""
            e = find_estimate(evaluated.estimates[claim.arm], definition, fold=of_fold)
            if e is not None:
                shared = overlap_of(claim, paper, evaluated)
                found[evaluated.experiment.protocol].append(
                    _reproduced(e, evaluated, claim.arm, definition.name, shared, fold=of_fold)
                )
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
        untestable=_untestable(claim, paper, experiments, answered=bool(found["as_published"])),
    )


def _experiments_of(
    claim: Claim, paper: Paper, experiments: Sequence[EvaluatedExperiment]
) -> list[EvaluatedExperiment]:
    """Return the experiments of a claim's study that ran its arm."""
    of_study = [c for c in experiments if (c.experiment.paper, c.experiment.study) == (paper.key, claim.study)]
    return [c for c in of_study if claim.arm in c.estimates]


def _untestable(claim: Claim, paper: Paper, experiments: Sequence[EvaluatedExperiment], *, answered: bool) -> str:
    """Return why no estimate can answer a claim, or ""."""
    if claim.approximate:
        return "printed as approximate"
    if claim.aggregation == "best":
        return "printed for the best of several; no such estimate is made"
    if not answered and any(
        c.experiment.protocol == "as_published" for c in _experiments_of(claim, paper, experiments)
    ):
        keys = (claim.metric, claim.class_, claim.average, claim.of_fold and f"fold {claim.of_fold}")
        return f"no such estimate is made: {', '.join(key for key in keys if key)}"
    return ""


def overlap_of(claim: Claim, paper: Paper, evaluated: EvaluatedExperiment) -> tuple[Overlap, str]:
    """Return what a claim's test part shares with ours under a reading of its split, and why.

    A publisher's own test part, or every fold of a pool, is the same for everybody: the very images. A random part of
    a pool that we cut too is other images; where patients are known it is of the same patients. By patient nothing is
    shared that could be told: the models have not seen whom they test, and how alike patients then fare is another
    matter.

    Parameters
    ----------
    claim, paper
        A printed figure, and the ledger it stands in.
    evaluated
        An experiment under a reading of its split.

    Returns
    -------
    What is shared, and a sentence why.
    """
    study, mine = paper.studies[claim.study], evaluated.experiment
    if mine.source != study.source:
        return Overlap.NONE, f"we test {mine.source}, which stands in for {study.source}"
    if mine.protocol != "as_published":
        return Overlap.NONE, "by patient: how alike patients fare in models that have not seen them is not known"
    readings = study.protocols.get("as_published", ())
    rule = next((r.rule for r in readings if r.name == evaluated.reading), None)
    if rule is None:
        return Overlap.NONE, "the reading of the split is not known"
    pool = ", ".join(rule.test_pool or rule.pool) or "the source"
    if rule.test_pool:
        return Overlap.IMAGES, f"the reading tests the publisher's part {pool}, as we do"
    if rule.k and not claim.of_fold:
        return Overlap.IMAGES, f"the reading tests every image of {pool} once, as we do"
    if rule.unit == "group":
        return Overlap.NONE, f"the reading tests a random part of the groups of {pool}, others than we do"
    if evaluated.evidence != "verified":
        return Overlap.NONE, f"the reading tests a random part of {pool}, and which patients that holds is not known"
    return Overlap.PATIENTS, f"the reading tests a random part of {pool}: other images of the same patients"


def _deviations(evaluated: EvaluatedExperiment, arm: str, *, fold: str) -> tuple[str, ...]:
    """Return what an arm's runs lack of what a claim was measured on: of one fold (``fold``) or of the study.

    By patient nothing was measured by the paper. There the runs lack what any of them lacks, but not the folds that
    were not run: how few patients were tested, the interval says.
    """
    of_fold = evaluated.fold_deviations.get(arm, {})
    if evaluated.experiment.protocol == "patient" and of_fold:
        return tuple(dict.fromkeys(name for names in of_fold.values() for name in names))
    return of_fold.get(fold, evaluated.deviations.get(arm, ()))


def _reproduced(
    e: Estimate, evaluated: EvaluatedExperiment, arm: str, definition: str, shared: tuple[Overlap, str], *, fold: str
) -> Reproduced:  # fmt: skip
    return Reproduced(
        estimate=e,
        protocol=evaluated.experiment.protocol,
        reading=evaluated.reading if evaluated.experiment.protocol == "as_published" else "",
        definition=definition,
        deviations=_deviations(evaluated, arm, fold=fold),
        evidence=evaluated.evidence,
        overlap=shared[0],
        likeness=evaluated.likeness.correlation,
        overlap_reason=shared[1],
    )


def questions_of(paper: Paper, experiments: Sequence[EvaluatedExperiment], accused: frozenset[str]) -> list[Question]:
    """Return the questions of all comparable claims of the studies that some experiment runs,
    in the order of the ledger.

    Readings of the paper's split that no experiment ran for the claim's arm are named:
    they may not be held against the paper.

    Parameters
    ----------
    paper
        Its ledger.
    experiments
        What was evaluated.
    accused
        Ids of claims that the audit calls impossible.

    Returns
    -------
    One question a claim, in the order of the ledger.
    """
    run = {experiment.experiment.study for experiment in experiments if experiment.experiment.paper == paper.key}
    claims = [c for c in paper.claims if comparable(c) and c.study in run]
    return [
        dataclasses.replace(
            question_of(c, paper, experiments, accused=c.id in accused), not_run=_not_run(c, paper, experiments)
        )
        for c in claims
    ]


def _not_run(claim: Claim, paper: Paper, experiments: Sequence[EvaluatedExperiment]) -> tuple[str, ...]:
    tried = {c.reading for c in _experiments_of(claim, paper, experiments) if c.experiment.protocol == "as_published"}
    readings = paper.studies[claim.study].protocols.get("as_published", ())
    return tuple(reading.name for reading in readings if reading.name not in tried)
