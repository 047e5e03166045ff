"""What is established of a paper before any verdict on its accuracy: proved of its figures, of its
data, of the split.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from leukbench.audit.render import named_studies
from leukbench.papers.schema import Claim, Paper
from leukbench.records import Estimate, Finding, Protocol
from leukbench.report.briefly import briefly
from leukbench.report.controls import best_without_network
from leukbench.report.data import ExperimentResult, ReportData
from leukbench.report.format import count, one_answer, percent, points, too_few, with_interval
from leukbench.report.ladder import image_by_image
from leukbench.report.sections import (
    by_patient_or_group,
    folds_run,
    heading_of,
    is_whole,
    only_class,
    pick,
    protocol_name,
    serious,
    shared,
    status,
    training_side,
)
from leukbench.verdicts.questions import counted_on
from leukbench.verdicts.rule import Verdict

_NOTHING = "nothing speaks against it"
FIRST = ("as_published", "patient")
_LAST = 5
"""Epochs at the end of a run that tell whether it has come to rest."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """One study in the lines of a first screen; each is Markdown, "" where there is nothing to say."""

    paper: str
    study: str
    printed: str
    could_be_true: str  # the finding's sentence
    finding: str  # the same in a few words, linked to its arithmetic from the first page
    as_published: str
    by_patient: str
    by_class: str  # share of each class's images called right, by patient or group
    same_test: str  # what the test as published shares with training, and what colours alone reach on the same images
    last_epochs: str  # of runs that ended before the paper's: how much their accuracy still moved
    without_network: str
    status: str
    verdict: str = ""  # of its runs, with the difference from what is printed
    held: str = "not run"  # its name, or the whole of it, before how much was run


def tested_verdict(reports: Sequence[ReportData], paper: Paper, study: str) -> Verdict | None:
    """Return the verdict on a study's headline from runs on a publisher's images, None where it could not be tested."""
    for data in real(reports, paper.key, study):
        verdict = data.verdict(paper.studies[study].headline)
        if verdict is not None and verdict.verdict not in {"not testable", "inconsistent as printed"}:
            return verdict
    return None


def worst_finding(findings: Sequence[Finding], paper: Paper, headline: Claim | None = None) -> Finding | None:
    """Return the gravest serious finding that speaks of a claim, or, where none does, of its study or of the whole
    paper; none that speaks rather of another study, whose figures it would be held against wrongly.
    """
    mine = serious(findings, paper.key)
    if headline is not None and headline.study:
        mine = [f for f in mine if _of_study(f, paper, headline.study)]
    of_claim = [f for f in mine if headline is not None and headline.id in (*f.claims, *f.accused)]
    proved = [f for f in of_claim if f.status == "inconsistent"]
    return next(iter(proved or of_claim or mine), None)


def _linked(finding: Finding, paper: Paper) -> str:
    return f"[**{finding.status}**](audit.md#{heading_of(finding, paper)}): {briefly(finding, paper)}"


def _of_study(finding: Finding, paper: Paper, study: str) -> bool:
    """Say whether no other study has more of a finding's claims than this one has."""
    known = {claim.id: claim.study for claim in paper.claims}
    counted = Counter(of for name in finding.claims if (of := known.get(name)))
    return counted[study] == max(counted.values(), default=0)


def real(reports: Sequence[ReportData], paper: str, study: str, *, networks: bool = True) -> list[ReportData]:
    """Return the profiles that ran a study on a publisher's images, those with networks before those without."""
    found = []
    for data in reports:
        names = [n for n in data.experiments_of(paper, study) if not data.results[n].stand_in]
        if names and (not networks or any(data.experiments[n].arms for n in names)):
            found.append(data)
    return sorted(found, key=lambda d: not any(d.experiments[n].arms for n in d.experiments_of(paper, study)))


def headline(reports: Sequence[ReportData], paper: Paper, study: str, findings: Sequence[Finding]) -> Headline:
    """Return a study's lines for the first screen, from the first profile that ran its network on real images.

    Parameters
    ----------
    reports
        Of the profiles, in the order in which they are looked through.
    paper
        Whose study it is.
    study
        Its key.
    findings
        Of the audit of this paper.

    Returns
    -------
    What is printed, whether it could be true, what was reproduced as published and by patient, and without a network.
    """
    claim = paper.claim(paper.studies[study].headline)
    worst = worst_finding(findings, paper, claim)
    unit = " %" if claim.unit == "%" else ""
    made = Headline(
        paper=paper.key,
        study=study,
        printed=f"{claim.metric.replace('_', ' ')} {claim.value}{unit}",
        could_be_true=f"**{worst.status}**: {named_studies(worst.statement, paper)}" if worst else _NOTHING,
        finding=f"[**{worst.status}**](audit.md#{heading_of(worst, paper)}): {briefly(worst, paper)}"
        if worst
        else _NOTHING,
        as_published="not run",
        by_patient="not run",
        by_class="",
        same_test="",
        last_epochs="",
        without_network=_without(reports, paper.key, study),
        status="not run",
    )
    ran = real(reports, paper.key, study)
    if not ran:
        return made
    data = ran[0]
    shown = [names[0] for protocol in FIRST if (names := _experiments(data, paper.key, study, claim, protocol))]
    states = [status(data, name, claim.arm) for name in shown]
    extent, found = how_much(states) or "not run", data.verdict(claim.id)
    outcome = f"{found.verdict}: " if found else ""
    verdict = _verdict(data, claim, tested_verdict(reports, paper, study), shown[:1])
    return Headline(
        paper=made.paper, study=study, printed=made.printed, could_be_true=made.could_be_true, finding=made.finding,
        as_published=_level(data, paper.key, study, claim, "as_published"),
        by_patient=_level(data, paper.key, study, claim, "patient"),
        by_class=_by_class(data, paper.key, study, claim),
        same_test=_same_test(data, paper.key, study, claim),
        last_epochs="; ".join(filter(None, (_last_epochs(data, name, claim.arm) for name in shown))),
        without_network=made.without_network, status=extent, verdict=verdict,
        held=f"{verdict}. Run: {extent}" if verdict else f"{outcome}{extent}",
    )  # fmt: skip


def _verdict(data: ReportData, claim: Claim, verdict: Verdict | None, experiments: Sequence[str]) -> str:
    """Return a verdict with its difference; where copies of originals were tested, with what a paper counts too."""
    if verdict is None or verdict.faithful is None or claim.fraction is None:
        return ""
    d = verdict.faithful
    shares = [data.by_image[name, claim.arm] for name in experiments if (name, claim.arm) in data.by_image]
    counted = [f" by original, {points(share - claim.fraction)} image by image" for share in shares]
    return (
        f"**{verdict.verdict}**: {points(d.value)} points from what is printed [{points(d.low)} to {points(d.high)}]"
        f"{''.join(counted)}, at a margin of {100 * verdict.margin:g}"
    )


def how_much(states: Sequence[str]) -> str:
    """Return how much was run, once for all splits that are shown; what differs with an arrow, as their results.

    >>> how_much(["480 of 3,581 images, 40 of 140 epochs", "480 of 10,661 images, 40 of 140 epochs"])
    '480 of 3,581 images → 480 of 10,661 images, 40 of 140 epochs'
    >>> how_much(["full, bfloat16", "1 of 5 folds, bfloat16"])
    'full → 1 of 5 folds; both bfloat16'
    """
    parts = [state.split(", ") for state in dict.fromkeys(states)]
    if len({tuple(re.sub(r"[\d,]+", "", part) for part in one) for one in parts}) > 1:
        return _of_both(parts)
    columns = [list(dict.fromkeys(column)) for column in zip(*parts, strict=True)]
    return ", ".join(" → ".join(column) for column in columns)


def _of_both(parts: Sequence[Sequence[str]]) -> str:
    """Return what splits were run with, each its own and then, once, what they have in common."""
    common = [part for part in parts[0] if all(part in one for one in parts)]
    own = [", ".join(part for part in one if part not in common) for one in parts]
    if not (common and all(own)):
        return " → ".join(", ".join(one) for one in parts)
    return f"{' → '.join(own)}; both {', '.join(common)}"


def _experiments(data: ReportData, paper: str, study: str, claim: Claim, protocol: str) -> list[str]:
    """Return the experiments that ran the claim's network under a protocol, in order."""
    names = data.experiments_of(paper, study)
    return [n for n in names if data.experiments[n].protocol == protocol and claim.arm in data.experiments[n].arms]


def _level(data: ReportData, paper: str, study: str, claim: Claim, protocol: Protocol) -> str:
    """Return the headline metric of the claim's network under a protocol: of several readings the first, how many there
    are, and what the others that ran came to.
    """
    names = _experiments(data, paper, study, claim, protocol)
    if not names:
        return "not run"
    name = names[0]
    e = _estimate(data, name, claim)
    one = only_class(data, name, claim.arm)
    result = f"{one_answer(e, one)}{_after_steps(data, name, claim.arm)}" if one else with_interval(e, data.unit(name))
    result += _trainings(e) if e is not None and not one else ""
    groups = f", {e.n_groups} {data.unit(name)}s" if e is not None and not too_few(e.n_groups, "") else ""
    if groups and not one:
        groups += _seen_in_training(data.results[name], data.unit(name))
    copies = image_by_image(data, name, claim.arm) if claim.metric == "accuracy" else ""
    readings = data.papers[paper].studies[study].protocols.get(protocol, ())
    others = "".join(_other_reading(data, other, name, claim) for other in names[1:])
    more = f" (1 of {len(readings)} readings{others})" if len(readings) > 1 else ""
    return f"{result}{groups}{copies}{more}"


def _other_reading(data: ReportData, experiment: str, first: str, claim: Claim) -> str:
    """Return what the claim's network came to by another reading of a split, and how much was run if that differs from
    the first.
    """
    name = data.results[experiment].plan.reading.name.replace("_", " ")
    e, one = _estimate(data, experiment, claim), only_class(data, experiment, claim.arm)
    if one:
        alike = one == only_class(data, first, claim.arm)
        return f"; by {name} {'alike' if alike else one_answer(e, one)}"
    result = with_interval(e, data.unit(experiment))
    ran, of_first = (status(data, n, claim.arm).split(", ") for n in (experiment, first))
    return f"; by {name} {', '.join([result, *(part for part in ran if part not in of_first)])}"


def _estimate(data: ReportData, experiment: str, claim: Claim) -> Estimate | None:
    """Return the headline's metric of its network in an experiment."""
    average = None if claim.class_ or claim.metric in {"accuracy", "auc", "mcc", "kappa"} else "macro"
    return pick(data.arm(experiment, claim.arm).estimates, claim.metric, class_=claim.class_, average=average)


def _trainings(e: Estimate) -> str:
    """Return how much the trainings differ whose mean an estimate is: with two of them that decides its limits."""
    spread = percent(math.sqrt(e.seed_variance))
    return f", mean of {e.n_seeds} trainings (SD {spread})" if e.n_seeds > 1 else ""


def _after_steps(data: ReportData, experiment: str, arm: str) -> str:
    """Return after how many updates of its weights a network has learned no more than that; "" where that was not
    counted.
    """
    steps = [run.n_steps for run in data.results[experiment].receipt.runs if run.arm == arm]
    counted = [n for n in steps if n is not None]
    return f" after {count(max(counted))} steps" if counted else ""


def _seen_in_training(result: ExperimentResult, unit: str) -> str:
    """Return how many of the tested patients (or groups) have images in training or validation too, of several folds in
    the worst; "" where none has.
    """
    folds = [result.certificate.folds[i] for i in folds_run(result)]
    seen, tested = max((fold.shared.get(f"{unit}s", 0), getattr(fold.roles["test"], f"{unit}s")) for fold in folds)
    if not seen:
        return ""
    known = " known to be" if seen < tested and result.certificate.unknown_origins else ""
    return f" ({'all' if seen == tested else count(seen)}{known} in {training_side(result)} too)"


def _by_class(data: ReportData, paper: str, study: str, claim: Claim) -> str:
    """Return the share of each class's images that the claim's network calls right, split by patient; "" where it calls
    every image one class, or did not run.
    """
    names = _experiments(data, paper, study, claim, "patient")
    if not names or only_class(data, names[0], claim.arm):
        return ""
    recalls = [e for e in data.arm(names[0], claim.arm).estimates if e.metric == "recall" and e.class_ and not e.fold]
    return "; ".join(f"{e.class_} {with_interval(e, data.unit(names[0]))}" for e in recalls)


def _last_epochs(data: ReportData, experiment: str, arm: str) -> str:
    """Return between which accuracies, of every tested image, runs lay in their last epochs where these were not the
    paper's last; "" where they were, or where a run kept no curve.
    """
    receipt = data.results[experiment].receipt.arms[arm]
    model = data.views[experiment].models.get(arm) if experiment in data.views else None
    curves = [run.test[-_LAST:] for run in model.network.runs if run.test] if model and model.network else []
    if receipt.epochs >= receipt.epochs_published or only_class(data, experiment, arm) or not curves:
        return ""
    low, high = min(map(min, curves)), max(map(max, curves))
    split = protocol_name(data, experiment).partition(" (no ")[0]
    return f"{split} {percent(low)} to {percent(high)}" if len(curves[0]) == _LAST else ""


def _same_test(data: ReportData, paper: str, study: str, claim: Claim) -> str:
    """Return what the network's test as published shares with its training, and the best model without a network on the
    same images, also by patient; of several readings the first, as in the network's own result.
    """
    names = _experiments(data, paper, study, claim, "as_published")
    if not names:
        return ""
    result = data.results[names[0]]
    reading = result.plan.reading
    parts = [
        f"split read as {reading.name.replace('_', ' ')} ({reading.basis})",
        f"of its test images, in {training_side(result)} too: {shared(result)}",
    ]
    if (best := best_without_network(data, names[0])) is not None:
        parts.append(f"without a network, on the same split, {best[0]} {percent(best[1])}")
    for name in _experiments(data, paper, study, claim, "patient")[:1]:
        if (best := best_without_network(data, name)) is not None:
            split = by_patient_or_group(data, paper, study)
            parts.append(f"{split}, on the network's images, {best[0]} {percent(best[1])}")
    return "; ".join(parts)


def _without(reports: Sequence[ReportData], paper: str, study: str) -> str:
    """Return the best model without a network by patient, from the profile that tested most images."""
    found = []
    for data in real(reports, paper, study, networks=False):
        for name in data.experiments_of(paper, study):
            if data.experiments[name].protocol == "patient" and (best := best_without_network(data, name)):
                majority = next(iter(data.results[name].evaluation.arms.values())).majority_accuracy
                accuracy = max(e.n_images for a in data.results[name].evaluation.arms.values() for e in a.estimates)
                groups = max(a.n_groups for a in data.results[name].evaluation.arms.values())
                found.append((accuracy, best, majority, groups, data.unit(name)))
    if not found:
        return "not run"
    n, (model, value), majority, groups, unit = max(found)
    if few := too_few(groups, unit):
        return few
    return f"{model} {percent(value)} (majority {percent(majority)}; {count(n)} images)"


def to_settle(reports: Sequence[ReportData], paper: Paper, study: str, findings: Sequence[Finding]) -> str:
    """Return what would settle a study's headline: nothing where a figure is impossible; else what its runs lack."""
    claim = paper.claim(paper.studies[study].headline)
    if any(claim.id in f.accused for f in findings if f.status == "inconsistent"):
        return "nothing that is run: the figure is impossible as printed, so the paper itself has to be corrected"
    verdict = tested_verdict(reports, paper, study)
    if verdict is not None and verdict.verdict != "inconclusive":
        return f"settled: {verdict.verdict}" + (f" ({verdict.reason})" if verdict.reason else "")
    known = _patients_known(reports, paper.key, study)
    patients = "" if known else ", and a list of patient ids, which is not published"
    many = f"as many by {'patient' if known else 'group'}{_so_far(reports, paper, study)}"
    others = _other_readings(reports, paper, study)
    others = f"{others}, and {many}" if others else ""
    if verdict is not None:
        margin = 100 * verdict.smallest_margin
        within = f"the trainings that there are could show agreement within {margin:.1f} points (80 % power)"
        stays = "and the error of the printed figure itself, of one training, stays"
        return f"more trainings, {f'also{others}' if others else f'and {many}'}{patients}; {within}, {stays}"
    if unsettled_though_whole(reports, paper, study):
        return f"another training under its own split, and{others or f' {many}'}{patients}"
    n = "" if counted_on(claim, paper) else "the number of images behind the figure, which is not printed, and "
    lacking = "images and epochs" if _has_its_weights(reports, paper, study) else "images, epochs and starting weights"
    return f"{n}all of the paper's {lacking} under its own split and by patient{patients}"


def _has_its_weights(reports: Sequence[ReportData], paper: Paper, study: str) -> bool:
    """Say whether the headline's network ran, and never without the weights that the paper starts from, if any."""
    arm = paper.claim(paper.studies[study].headline).arm
    ran = [
        data.results[name].receipt.arms[arm].deviations
        for data in real(reports, paper.key, study)
        for name in data.experiments_of(paper.key, study)
        if arm in data.results[name].receipt.arms
    ]
    return bool(ran) and not any("weights_absent" in deviations for deviations in ran)


def _other_readings(reports: Sequence[ReportData], paper: Paper, study: str) -> str:
    """Return the readings of a published split beside the first, and how many of them were run; "" where it has one."""
    claim = paper.claim(paper.studies[study].headline)
    n = len(paper.studies[study].protocols.get("as_published", ())) - 1
    ran = [_experiments(data, paper.key, study, claim, "as_published")[1:] for data in real(reports, paper.key, study)]
    so_far = f" (so far {len(ran[0])} of them)" if ran and ran[0] else ""
    return f" under the other {n} readings of its split{so_far}" if n > 0 else ""


def _so_far(reports: Sequence[ReportData], paper: Paper, study: str) -> str:
    """Return how much of the headline's network was run by patient, in brackets, where that is not all; or ""."""
    claim = paper.claim(paper.studies[study].headline)
    for data in real(reports, paper.key, study)[:1]:
        for name in _experiments(data, paper.key, study, claim, "patient")[:1]:
            return "" if is_whole(data, name, claim.arm) else f" (so far {status(data, name, claim.arm)})"
    return ""


def unsettled_though_whole(reports: Sequence[ReportData], paper: Paper, study: str) -> str:
    """Return why a headline has no verdict although its network ran whole, as published; "" where it did not."""
    claim = paper.claim(paper.studies[study].headline)
    for data in real(reports, paper.key, study):
        verdict = data.verdict(claim.id)
        names = _experiments(data, paper.key, study, claim, "as_published")
        whole = any(is_whole(data, name, claim.arm) for name in names)
        if whole and verdict is not None and verdict.verdict == "not testable":
            return verdict.reason
    return ""


def _patients_known(reports: Sequence[ReportData], paper: str, study: str) -> bool:
    return all(
        data.results[n].certificate.evidence != "absent"
        for data in real(reports, paper, study, networks=False)
        for n in data.experiments_of(paper, study)
    )
