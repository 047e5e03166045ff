"""The ladder of a study: what each rung gives, and by how much it exceeds the split by patient on the same images."""

from __future__ import annotations

import math
from collections.abc import Iterable

from leukbench.artefacts import COLOUR_HISTOGRAM, COLOUR_TREES, model_name
from leukbench.evaluation.contrasts import Scope
from leukbench.evaluation.grades import DOUBTED
from leukbench.report.data import ReportData
from leukbench.report.format import count, difference, percent, score, too_few_to_differ, with_interval
from leukbench.report.sections import (
    by_patient_or_group,
    counted,
    only_class,
    pick,
    protocol_name,
    training_rows,
)
from leukbench.verdicts.comparison import RungGap

_METRICS = (("accuracy", "accuracy %"), ("mcc", "MCC"), ("auc", "AUC"))


def beats_majority(data: ReportData, experiment: str, arm: str) -> bool:
    """Return whether a model is right more often than always naming the class that is most frequent among
    those tested.
    """
    entry = data.arm(experiment, arm)
    accuracy = pick(entry.estimates, "accuracy")
    return accuracy is not None and accuracy.value > entry.majority_accuracy


def better_than_chance(data: ReportData, experiment: str, arm: str, metric: str) -> bool:
    """Return whether a difference of this metric says anything: the AUC's interval lies above 0.5; else
    :func:`beats_majority`.

    Naming one class always has an AUC of 0.5 whatever the threshold, so ranking is judged by itself.
    """
    if metric != "auc":
        return beats_majority(data, experiment, arm)
    auc = pick(data.arm(experiment, arm).estimates, "auc")
    return auc is not None and auc.low > 0.5


def ladder_rows(data: ReportData, paper: str, study: str) -> list[dict[str, str]]:
    """Return one row a split and model: level, majority, counts, and the difference to the split by patient.

    The difference stands beside the two levels that it is of: those on the images that both splits test. A network that
    calls every image one class has its level and nothing else.

    Parameters
    ----------
    data
        Of one profile.
    paper, study
        Keys of the paper and its study.

    Returns
    -------
    Column title -> text, scores in per cent, differences in percentage points.
    """
    rows, last = [], f"minus {by_patient_or_group(data, paper, study)}, on the same images"
    for experiment in data.experiments_of(paper, study):
        for arm in (*(data.experiments[experiment].arms or (COLOUR_TREES,)), COLOUR_HISTOGRAM):
            entry, unit = data.arm(experiment, arm), data.unit(experiment)
            accuracy = pick(entry.estimates, "accuracy")
            if accuracy is None:
                continue
            one = only_class(data, experiment, arm)
            scores = {title: with_interval(pick(entry.estimates, metric), unit) for metric, title in _METRICS}
            if one:
                scores = {
                    "accuracy %": score(accuracy.value, "accuracy"),
                    "MCC": f"calls all {one}",
                    "AUC": scores["AUC"],
                }
            scores["accuracy %"] += image_by_image(data, experiment, arm)
            rows.append(
                {"split": protocol_name(data, experiment), "model": model_name(arm), **scores}
                | {
                    "majority %": percent(entry.majority_accuracy),
                    "tested": f"{counted(data.results[experiment], accuracy)} of {count(accuracy.n_groups)} {unit}s",
                    last: _excess(data, experiment, arm),
                }
            )
    return rows


def image_by_image(data: ReportData, experiment: str, arm: str) -> str:
    """Return the accuracy of every tested image, as papers count it, where copies of originals were tested; or ""."""
    share = data.by_image.get((experiment, arm))
    return "" if share is None else f"; image by image {percent(share)}"


def _excess(data: ReportData, experiment: str, arm: str) -> str:
    """Return rung - patient of accuracy, or why it is not shown."""
    gap = data.gap(experiment, arm, "accuracy")
    if data.experiments[experiment].protocol == "patient":
        return "the reference"
    if gap is None:
        return "–"
    why = why_silent(data, gap)
    return why or f"{levels(gap)} = {difference(gap, data.unit(gap.patient))}{_on(data, gap)}{_reservations(data, gap)}"


def _on(data: ReportData, gap: RungGap) -> str:
    """Return what a difference was counted on, where that is less than its row was."""
    accuracy = pick(data.arm(gap.rung, gap.arm).estimates, "accuracy")
    if not gap.paired or accuracy is None or gap.n_images >= accuracy.n_images:
        return ""
    return f" on {count(gap.n_images)} {_compared(data, gap)} of {count(gap.n_groups)} {data.unit(gap.patient)}s"


def _compared(data: ReportData, gap: RungGap) -> str:
    """Return what both sides of a difference test: images, or originals whose copies were averaged."""
    copied = any((side, gap.arm) in data.by_image for side in (gap.rung, gap.patient))
    return "originals" if copied else "images"


def levels(gap: RungGap) -> str:
    """Return the two levels of a difference: on the images that both test, or of each where it tests others.

    >>> from leukbench.verdicts.comparison import RungGap
    >>> levels(RungGap(metric="accuracy", first=0.844, second=0.729, difference=0.115, rung="a", patient="b", arm="n",
    ...     protocol="image", equal_size=True, same_as_image=False, paired=True))
    '84.4 − 72.9'
    """
    return f"{score(gap.first, gap.metric)} − {score(gap.second, gap.metric)}"


def _reservations(data: ReportData, gap: RungGap) -> str:
    """Return what else differs between the two sides of a difference, and whether its interval is doubted."""
    return "".join(f"; {words}" for words in (*unequal(data, gap), DOUBTED.get(gap.grade, "")) if words)


def unequal(data: ReportData, gap: RungGap) -> list[str]:
    """Return in what the budgets of the two sides differ: rows trained on, a network's epochs and trainings."""
    found = []
    if not gap.equal_size:
        found.append(f"trained on {training_rows(data, gap.rung)}, not {training_rows(data, gap.patient)} rows")
    if epochs := _unequal_epochs(data, gap):
        found.append(f"trained for {epochs[0]}, not {epochs[1]} epochs")
    if trainings := _unequal_trainings(data, gap):
        found.append(f"the mean of {trainings[0]}, not {trainings[1]} trainings")
    return found


def _unequal_epochs(data: ReportData, gap: RungGap) -> tuple[int, int] | None:
    sides = [data.results[name].receipt.arms.get(gap.arm) for name in (gap.rung, gap.patient)]
    if sides[0] and sides[1] and sides[0].epochs != sides[1].epochs:
        return sides[0].epochs, sides[1].epochs
    return None


def _unequal_trainings(data: ReportData, gap: RungGap) -> tuple[int, int] | None:
    """Return how many seeds each side was trained with, where they differ."""
    first, second = (
        len({run.seed for run in data.results[name].receipt.runs if run.arm == gap.arm})
        for name in (gap.rung, gap.patient)
    )
    return (first, second) if first and second and first != second else None


def why_silent(data: ReportData, gap: RungGap) -> str:
    """Return why a difference is not printed, or "": too few groups, or a model that knows no more than the majority
    of its own test or of the images that the difference is of.
    """
    if few := too_few_to_differ(gap, data.unit(gap.patient)):
        return few
    if not better_than_chance(data, gap.rung, gap.arm, gap.metric):
        return "not shown: no better than chance" if gap.metric == "auc" else "not shown: no better than the majority"
    if gap.metric == "accuracy" and gap.first <= gap.majority:
        images = f"{count(gap.n_images)} {_compared(data, gap)} that both test"
        return f"not shown: no better than the majority ({percent(gap.majority)}) of the {images}"
    return ""


def ladder_notes(data: ReportData, paper: str, study: str) -> list[str]:
    """Return what keeps differences of this study from being the split's alone: each sentence only where it holds.

    Parameters
    ----------
    data
        Of one profile.
    paper, study
        Keys of the paper and its study.

    Returns
    -------
    Sentences; none where nothing keeps them from it.
    """
    mine = set(data.experiments_of(paper, study))
    gaps = shown_gaps(data, paper, study)
    notes = [note] if (note := joined_sentence(data.joined_pairs(mine))) else []
    budgets = ["on unequally many rows"] if any(not g.equal_size for g in gaps) else []
    budgets += ["for unequally many epochs"] if any(_unequal_epochs(data, g) for g in gaps) else []
    budgets += ["unequally many times"] if any(_unequal_trainings(data, g) for g in gaps) else []
    if budgets:
        notes.append(
            f"Where a row says how it was trained, the two splits trained {' or '.join(budgets)}: that difference is"
            " not the split's alone."
        )
    if any((g.rung, g.arm) in data.by_image and (g.patient, g.arm) not in data.by_image for g in gaps):
        notes.append(
            "Where a row counts originals, the scores of several copies of each were averaged, which"
            f" {by_patient_or_group(data, paper, study)} were one image's: that may be part of its difference."
        )
    if any(not g.paired for g in gaps):
        notes.append(
            "A challenge tests other patients, so its difference is between two levels of its own, not paired."
        )
    if any(g.same_as_image for g in gaps):
        notes.append("No group holds two images here: the split by group is the same as one by image.")
    if gaps and all(g.paired and not g.same_as_image and not unequal(data, g) for g in gaps):
        notes.append("The two sides of every difference trained on equally many rows.")
    if any(g.scope is Scope.RUNS and g.arm in data.experiments[g.rung].arms for g in gaps):
        notes.append(
            "One seed does not tell how much another training would differ: differences speak of these runs only."
        )
    return notes


def shown_gaps(data: ReportData, paper: str, study: str) -> list[RungGap]:
    """Return the differences that the ladder of a study prints: of its networks, or of the trees, and the histogram."""
    found = []
    for experiment in data.experiments_of(paper, study):
        for arm in (*(data.experiments[experiment].arms or (COLOUR_TREES,)), COLOUR_HISTOGRAM):
            gap = data.gap(experiment, arm, "accuracy")
            if gap is not None and not math.isnan(gap.difference) and not why_silent(data, gap):
                found.append(gap)
    return found


def joined_sentence(found: Iterable[tuple[bool, int, int]]) -> str:
    """Return how many patients make up how many groups, or "": of several pairs the largest of a split by patient.

    >>> joined_sentence([(True, 67, 52), (False, 76, 62), (True, 28, 24)])
    'The 67 patients at hand are 52 groups: those whose images are identical or nearly so are counted as one.'
    """
    most = max(found, default=None)
    if most is None:
        return ""
    _, patients, groups = most
    return (
        f"The {patients} patients at hand are {groups} groups: those whose images are identical or nearly so are "
        "counted as one."
    )


def inflation_sentence(data: ReportData, paper: str, study: str) -> str:
    """Return by how much the published split exceeds the one by patient for the headline's network, or "".

    Of several readings the one with most images in common with the split by patient speaks.
    """
    arm = data.headline(paper, study).arm
    published = [e for e in data.experiments_of(paper, study) if data.experiments[e].protocol == "as_published"]
    gaps = [g for e in published if (g := data.gap(e, arm, "accuracy")) is not None and not why_silent(data, g)]
    if not gaps:
        return ""
    gap = max(gaps, key=lambda g: g.n_images)
    unit = data.unit(gap.patient)
    doubt = "" if gap.low > 0 or gap.high < 0 else ", which cannot be told from none"
    return (
        f"On the same {count(gap.n_images)} {_compared(data, gap)} of {gap.n_groups} {unit}s,"
        f" {protocol_name(data, gap.rung)} minus {protocol_name(data, gap.patient)}: {levels(gap)} ="
        f" {difference(gap, unit)} points{doubt}{_reservations(data, gap)}."
    )
