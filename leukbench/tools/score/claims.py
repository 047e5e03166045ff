"""Hold a user's predictions against a paper's claims: the verdicts of ``leukbench score --claims``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from leukbench.errors import InputError, unknown_name
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Arm, Claim, Paper, Study
from leukbench.records import Estimate, Experiment, Protocol
from leukbench.tools.score.predictions import LoadedPredictions
from leukbench.tools.score.remarks import divided_groups
from leukbench.verdicts.differences import Difference, Question
from leukbench.verdicts.questions import EvaluatedExperiment, comparable, question_of
from leukbench.verdicts.rule import Verdict, decide

PROTOCOLS = ("patient", "as_published")
_ONLY = "all"
_BY_PATIENT = {  # what the verdict on a paper's own protocol means where the predictions were made by patient
    "reproduced as published, unresolved by patient": (
        "holds by patient",
        "within the margin with no patient on both sides",
    ),
    "not reproduced (lower)": (
        "lower by patient",
        "lower than printed by more than the margin with no patient on both sides",
    ),
    "not reproduced (higher)": (
        "higher by patient",
        "higher than printed by more than the margin with no patient on both sides",
    ),
}


def hold(
    claims: str,
    loaded: LoadedPredictions,
    estimates: Sequence[Estimate],
    *,
    protocol: str,
    study: str,
    arm: str,
    margin: float,
) -> dict[str, Any]:
    """Return the verdict on each comparable claim about one arm of one study, as JSON data.

    Parameters
    ----------
    claims
        A paper's key, or its file.
    loaded, estimates
        The predictions, and what was estimated from them.
    protocol
        The user's word for how they were made: ``as_published`` gives the verdicts of docs/statistics.md,
        ``patient`` the same test against the same margin, its outcome named for what it is.
    study, arm
        Whose claims; "" where there is one.
    margin
        Of equivalence, as a fraction.

    Returns
    -------
    JSON data: paper, study, arm, protocol, margin, claims.

    Raises
    ------
    InputError
        For an unknown protocol, study or arm, a choice that is open, other classes, a margin outside (0, 1), or
        folds that were not cut by patient though the protocol is said to be.
    """
    if protocol not in PROTOCOLS:
        raise unknown_name("protocol", protocol, PROTOCOLS, where="--protocol")
    if not 0 < margin < 1:
        raise InputError("a margin must be a fraction", where="--margin", expected="in (0, 1)", found=str(margin))
    if protocol == "patient":
        _check_folds(loaded)
    written = load_paper(claims)
    paper = written if written.studies else _with_study(written, loaded.predictions.classes)
    study = _study(paper, study, loaded.predictions.classes)
    arm = _arm(paper, study, arm)
    wanted = [c for c in paper.claims if comparable(c) and (c.study, c.arm) == (study, arm)]
    accused = _accused(written) if wanted else frozenset()
    experiment = _experiment(paper, study, arm, protocol, estimates, by_patient=loaded.by_patient)
    questions = [_question(claim, paper, experiment, accused=claim.id in accused) for claim in wanted]
    verdicts = decide(questions, margin=margin)
    rows = [_row(c, q, v, experiment) for c, q, v in zip(wanted, questions, verdicts, strict=True)]
    return {"paper": paper.key, "study": study, "arm": arm, "protocol": protocol, "margin": margin, "claims": rows}


def _with_study(paper: Paper, classes: Sequence[str]) -> Paper:
    """Return a paper file of claims alone with the one study and arm that the predictions make it: theirs.

    Raises InputError for claims about a class that the predictions do not have.
    """
    wrong = sorted({c.class_ for c in paper.claims if c.class_ and c.class_ not in classes})
    if wrong:
        raise InputError(
            "a claim speaks of a class that the predictions do not have",
            where=f"paper {paper.key}",
            expected=", ".join(classes),
            found=", ".join(wrong),
            do="write the class in the claims as in the predictions",
        )
    study = Study(
        title=paper.citation.title,
        source="",
        classes={name: (name,) for name in classes},
        protocols={},
        where="",
        headline=_ONLY,
    )
    arm = Arm(study=_ONLY, network="", recipe="", role="proposed")
    named = [
        c.model_copy(update={"study": _ONLY, "arm": c.arm or _ONLY, "split": c.split or "unstated"})
        for c in paper.claims
    ]
    return paper.model_copy(update={"studies": {_ONLY: study}, "arms": {_ONLY: arm}, "claims": tuple(named)})


def _check_folds(loaded: LoadedPredictions) -> None:
    """Raise InputError where the file itself shows that its folds were not cut by patient."""
    if loaded.unit == "image":
        raise InputError(
            "these predictions name no patients, so they cannot be held against a claim as made by patient",
            where="--protocol patient",
            expected="a column patient or group",
            found="none",
            do="add one; or add --protocol as_published",
        )
    divided = divided_groups(loaded.predictions)
    if divided:
        unit = loaded.unit
        raise InputError(
            f"these folds are not by {unit}, so their scores cannot be held against a claim as made by patient",
            where="column fold",
            expected=f"all images of a {unit} in one fold",
            found=f"{len(divided)} {unit}s in several folds, such as {divided[0]}",
            do="add --protocol as_published; or leave out column fold if no model was trained on those whom it tests",
        )


def _study(paper: Paper, name: str, classes: Sequence[str]) -> str:
    """Return the study meant: the one named, or the only one that has these classes."""
    if name and name not in paper.studies:
        raise unknown_name("study", name, paper.studies, where="--study")
    candidates = [name] if name else list(paper.studies)
    fitting = [key for key in candidates if set(paper.studies[key].classes) == set(classes)]
    if not fitting:
        raise InputError(
            "the classes of the predictions are not those of the paper's study", where=f"paper {paper.key}",
            expected="; ".join(f"{key}: {', '.join(paper.studies[key].classes)}" for key in candidates),
            found=", ".join(classes), do="rename labels and score columns to the study's classes",
        )  # fmt: skip
    if len(fitting) > 1:
        raise InputError(
            "the paper has several studies with these classes",
            where=f"paper {paper.key}",
            expected="--study with one name",
            found=", ".join(fitting),
            do=f"add --study {fitting[0]}, for example",
        )
    return fitting[0]


def _arm(paper: Paper, study: str, name: str) -> str:
    """Return the arm meant: the one named, or the only proposed one of the study."""
    arms = {key: arm for key, arm in paper.arms.items() if arm.study == study}
    if name and name not in arms:
        raise unknown_name("arm", name, arms, where=f"--arm, study {study}")
    proposed = [key for key, arm in arms.items() if arm.role == "proposed"]
    if not name and len(proposed) != 1:
        raise InputError(
            "the study has not exactly one proposed arm",
            where=f"paper {paper.key}, study {study}",
            expected="--arm with one name",
            found=", ".join(proposed or arms),
            do="say which network these predictions are of",
        )
    return name or proposed[0]


def _accused(paper: Paper) -> frozenset[str]:
    from leukbench.audit.findings import audit_paper

    return frozenset(c for f in audit_paper(paper) if f.status == "inconsistent" for c in f.accused)


def _experiment(
    paper: Paper, study: str, arm: str, protocol: str, estimates: Sequence[Estimate], *, by_patient: bool
) -> EvaluatedExperiment:  # fmt: skip
    """Return the user's predictions as an experiment; question_of looks for the claim's fold only under
    ``as_published``.
    """
    named: Protocol = "patient" if protocol == "patient" else "as_published"
    experiment = Experiment(
        paper=paper.key, study=study, protocol=named, source=paper.studies[study].source, store="", arms=(arm,)
    )  # fmt: skip
    return EvaluatedExperiment(
        name="your predictions",
        experiment=experiment,
        reading="",
        evidence="verified" if by_patient else "inferred",
        estimates={arm: tuple(estimates)},
        deviations={},
    )


def _question(claim: Claim, paper: Paper, experiment: EvaluatedExperiment, *, accused: bool) -> Question:
    """Return the claim as a question put to the predictions; made by patient, they take the place of a faithful run."""
    question = question_of(claim, paper, [experiment], accused=accused)
    if experiment.experiment.protocol == "patient":
        question = dataclasses.replace(question, faithful=question.honest, honest=())
    if not question.faithful:
        return dataclasses.replace(question, untestable="these predictions have no such metric or fold")
    return question


def _row(claim: Claim, question: Question, v: Verdict, experiment: EvaluatedExperiment) -> dict[str, Any]:
    verdict, reason = v.verdict, v.reason
    if experiment.experiment.protocol == "patient" and verdict in _BY_PATIENT:
        verdict, reason = _BY_PATIENT[verdict]
        reason += "" if experiment.evidence == "verified" else ", as far as your groups are patients"
    elif verdict == "reproduced as published, unresolved by patient":
        reason = "these predictions say nothing about new patients; score ones made by patient too"
    return {
        "claim": claim.id,
        "headline": v.headline,
        "metric": claim.metric,
        "class": claim.class_,
        "average": claim.average,
        "where": claim.where,
        "printed": claim.value + claim.unit if claim.unit == "%" else claim.value,
        "unit": claim.unit,
        "printed_fraction": question.value,
        "verdict": verdict,
        "reason": reason,
        "yours": _yours(question, v),
        "difference": _difference(v.faithful, question.value),
        "definition": v.faithful_by,
        "meant": _meant(question, v),
        "p": _finite(v.p),
        "correction": v.correction,
        "smallest_margin": _smallest_margin(v, question.value),
    }


def _yours(question: Question, v: Verdict) -> float | None:
    """Return the estimate that the verdict speaks of, else the first that was found."""
    if v.faithful is not None:
        return _finite(question.value + v.faithful.value)
    return _finite(question.faithful[0].estimate.value) if question.faithful else None


def _meant(question: Question, v: Verdict) -> str:
    """Return the definition of the metric that ``yours`` has, where the claim leaves open which is meant; else ""."""
    named = [r.definition for r in question.faithful if r.definition]
    shown = [name for name in named if v.faithful_by.endswith(name)]
    return max(shown, key=len) if v.faithful is not None and shown else next(iter(named), "")


def _difference(d: Difference | None, printed: float) -> Mapping[str, float | None] | None:
    """Return a difference with its interval, no farther than the metric's scale lets a result lie from the printed."""
    if d is None:
        return None
    lowest, highest = _possible(d, printed)
    return {"value": _finite(d.value), "low": _finite(max(d.low, lowest)), "high": _finite(min(d.high, highest))}


def _smallest_margin(v: Verdict, printed: float) -> float | None:
    """Return the smallest margin, or None where every possible difference lies within it."""
    if v.faithful is None or v.smallest_margin < max(map(abs, _possible(v.faithful, printed))):
        return _finite(v.smallest_margin)
    return None


def _possible(d: Difference, printed: float) -> tuple[float, float]:
    return 1 - d.width - printed, 1 - printed


def _finite(value: float) -> float | None:
    return float(f"{value:.10g}") if value == value and abs(value) != float("inf") else None
