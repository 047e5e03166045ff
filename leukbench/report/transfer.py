"""The page's part on transfers: trained on one source, tested on another. No claim is held against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from leukbench.artefacts import TransferPlan
from leukbench.evaluation.transfer import Gap
from leukbench.records import Estimate
from leukbench.report.data import ReportData
from leukbench.report.format import (
    FEWEST_GROUPS,
    FRACTIONS,
    count,
    page_table,
    percent,
    points,
    possible_difference,
    score,
    signed,
    with_interval,
)
from leukbench.report.sections import by_patient_or_group
from leukbench.verdicts.comparison import TransferResult

_NAMES = {
    "accuracy": "accuracy %",
    "balanced_accuracy": "balanced accuracy %",
    "mcc": "MCC",
    "auc": "AUC",
    "ece": "calibration error (ECE)",
}


@dataclass(frozen=True, kw_only=True)
class TransferSection:
    """One arm of a transfer as Markdown."""

    title: str
    facts: tuple[str, ...]
    results: str
    prevalence: str
    remarks: tuple[str, ...]


def transfer_sections(data: ReportData, paper: str, study: str) -> list[TransferSection]:
    """Return title, facts and tables of each transfer and arm of a study, in the order of params.yaml."""
    mine = [row for row in data.comparison.transfers if (row.paper, row.study) == (paper, study)]
    return [_section(data, row) for row in mine]


def _section(data: ReportData, row: TransferResult) -> TransferSection:
    why = why_no_gap(data, row)
    left_out = row.plan.n_left_out
    kept_apart = row.certificate.declares or "nothing is shared between training side and test"
    apart = (
        f"; {count(left_out)} training images left out that share a file or pixels with a tested one"
        if left_out
        else ""
    )
    deviations = ", ".join(d.replace("_", " ") for d in row.receipt.deviations) or "none"
    facts = (
        _classes(row.plan),
        _run(row),
        f"{row.certificate.sentence}; {kept_apart}{apart}; certificate {row.certificate.self_sha256[:12]}.",
        f"Deviations: {deviations}.",
    )
    return TransferSection(
        title=f"{row.paper} {row.arm}: {row.plan.source} → {row.plan.target}",
        facts=(*facts, f"No gap is printed: {why}.") if why else facts,
        results=page_table(_result_rows(data, row, gaps=not why)),
        prevalence=page_table(_prevalence_rows(row)),
        remarks=tuple(_remarks(row)),
    )


def why_no_gap(data: ReportData, row: TransferResult) -> str:
    """Return why the two sides cannot be compared: nothing within the source, an unequal budget, or too few groups."""
    if not row.within:
        return "nothing was tested by patient within the source"
    there, here = row.receipt.epochs, data.results[row.within].receipt.arms[row.arm].epochs
    if there != here:
        return f"trained for {there} epoch{'s' if there != 1 else ''} here and {here} within the source"
    sides = [e for e in (row.metrics["accuracy"].transferred, row.metrics["accuracy"].within) if e is not None]
    fewest = min(e.n_groups for e in sides)
    return f"too few: {fewest} groups on one side" if fewest < FEWEST_GROUPS else ""


def _classes(plan: TransferPlan) -> str:
    sides = []
    for common in dict.fromkeys(plan.common_of.values()):
        ours = [name for name, c in plan.common_of.items() if c == common]
        theirs = [label for label, as_ in plan.tested_as.items() if plan.common_of[as_] == common]
        sides.append(f"{common} ({', '.join(ours)} → {', '.join(theirs) or 'not tested'})")
    added = len(plan.common_of) > len(sides)  # elsewhere on the page the highest of all classes is called
    return f"Classes mapped: {'; '.join(sides)}{', called by the sum of their scores' if added else ''}."


def _run(row: TransferResult) -> str:
    trained = " to ".join(count(n) for n in dict.fromkeys((row.n_train_rows[0], row.n_train_rows[-1])))
    tested = row.metrics["accuracy"].transferred
    return (
        f"Trained on {trained} rows from {count(row.sizes.n_images)} of {count(row.sizes.n_images_published)} images, "
        f"{row.receipt.epochs} of {row.receipt.epochs_published} epochs; tested on {count(tested.n_images)} images in "
        f"{count(tested.n_groups)} groups."
    )


def _result_rows(data: ReportData, row: TransferResult, *, gaps: bool) -> list[dict[str, str]]:
    rows, within = [], f"within the source, {by_patient_or_group(data, row.paper, row.study)}"
    source = data.unit(row.within) if row.within else "group"
    target = "patient" if row.certificate.evidence == "verified" else "group"
    here, there = ({m: getattr(of, side) for m, of in row.metrics.items()} for side in ("within", "transferred"))
    for metric, name in _NAMES.items():
        found = row.metrics[metric]
        shown = {
            "metric": name,
            within: _shown(found.within, source, one=calls_one_class(here)) if found.within else "not run",
            "on the other source": _shown(found.transferred, target, one=calls_one_class(there)),
        }
        rows.append(shown | ({"gap": gap_text(row, metric, found.gap)} if gaps else {}))
    return rows


def _shown(e: Estimate, unit: str, *, one: bool) -> str:
    """Return a result; of a model that calls every image one class (``one``) no interval, and that it does."""
    if not one or e.metric in {"auc", "ece"}:
        return with_interval(e, unit)
    return f"{score(e.value, e.metric)} (calls every image one class)" if e.metric == "accuracy" else "–"


def calls_one_class(side: Mapping[str, Estimate | None]) -> bool:
    """Say whether a model calls every tested image one class: its mean recall of two is then a half and MCC undefined.

    MCC alone would not tell: it is undefined too where one class only was tested, and then no recall is of the other.
    """
    mcc, balanced = side.get("mcc"), side.get("balanced_accuracy")
    return mcc is not None and balanced is not None and math.isnan(mcc.value) and math.isfinite(balanced.value)


def gap_text(row: TransferResult, metric: str, gap: Gap | None) -> str:
    """Return a gap with its limits; none between accuracies of which one is not above its majority class."""
    if gap is None or not math.isfinite(gap.difference):
        return "–"
    if metric == "accuracy" and not row.metrics["accuracy"].transferred.value > row.majority_accuracy:
        return "not shown: not above the majority class on the other source"
    within, shares = row.metrics["accuracy"].within, row.prevalence.within
    if metric == "accuracy" and within is not None and shares and not within.value > max(shares):
        return "not shown: not above the majority class within the source"
    shown = points if metric in FRACTIONS else signed
    unit = " points" if metric in FRACTIONS else ""
    if not math.isfinite(gap.low + gap.high):
        return f"{shown(gap.difference)}{unit} (no interval)"
    low, high = (possible_difference(end, metric) for end in (gap.low, gap.high))
    return f"{shown(gap.difference)}{unit} [{shown(low)} to {shown(high)}]"


def _prevalence_rows(row: TransferResult) -> list[dict[str, str]]:
    within = row.prevalence.within
    return [
        {
            "class": name,
            "% of the source's tested images": percent(within[i]) if within else "not run",
            "% of the other source's": percent(row.prevalence.transferred[i]),
        }
        for i, name in enumerate(row.classes)
    ]


def _remarks(row: TransferResult) -> list[str]:
    accuracy = row.metrics["accuracy"].transferred
    remarks = [
        f"On the other source the majority class alone is right on {percent(row.majority_accuracy)} %, a "
        "colour histogram "
        f"trained on the source on {with_interval(row.histogram)} %."
    ]
    at_source = row.accuracy_at_source_prevalence
    if at_source is not None and math.isfinite(at_source) and accuracy.value > row.majority_accuracy:
        remarks.append(
            f"At the source's prevalence the same recalls would give {score(at_source, 'accuracy')} % "
            f"accuracy instead of {score(accuracy.value, 'accuracy')} %."
        )
    return remarks
