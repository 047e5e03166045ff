"""Every printed figure as data: the tables behind a profile's pages, each column with its type and meaning."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from leukbench.evaluation.contrasts import Contrast
from leukbench.report.data import ReportData
from leukbench.report.format import possible_difference
from leukbench.verdicts.differences import Difference

Kind = Literal["string", "number", "integer", "boolean"]
Cell = str | int | float | bool | None
KEY_DIGITS = 12
"""Digits of a run's key that tables print; runs.csv has it whole."""


@dataclass(frozen=True)
class Field:
    """One column."""

    name: str
    type: Kind
    description: str


@dataclass(frozen=True)
class Table:
    """Rows under fields; ``key``: the fields that name a row; ``refers``: field -> (table, field) that it names."""

    name: str
    title: str
    fields: tuple[Field, ...]
    rows: tuple[dict[str, Cell], ...]
    key: tuple[str, ...]
    refers: Mapping[str, tuple[str, str]]


def tables_of(data: ReportData) -> list[Table]:
    """Return the tables of a profile, in reading order."""
    made = (
        _claims,
        _findings,
        _verdicts,
        _experiments,
        _runs,
        _curves,
        _estimates,
        _contrasts,
        _controls,
        _probes,
        _leaks,
    )
    return [make(data) for make in made]


def _fields(text: str) -> tuple[Field, ...]:
    """Return the fields that lines ``name type what it is`` describe."""
    kinds: dict[str, Kind] = {"string": "string", "number": "number", "integer": "integer", "boolean": "boolean"}
    parts = (line.split(maxsplit=2) for line in text.strip().splitlines())
    return tuple(Field(name, kinds[kind], description) for name, kind, description in parts)


def _table(
    name: str, title: str, fields: str, rows: Iterable[dict[str, Any]], *, key: str, **refers: tuple[str, str]
) -> Table:
    described = _fields(fields)
    names = [field.name for field in described]
    cells = tuple({name: _cell(row[name]) for name in names} for row in rows)
    return Table(name, title, described, cells, tuple(key.split()), refers)


def _cell(value: Any) -> Cell:
    """Return a value as a cell: numbers to six digits, which do not differ between processors, None where there is
    none.
    """
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    return str(value) if isinstance(value, str) else value


# ---------------------------------------------------------------------------------------------------------- the papers

_CLAIM = """
id string of the claim, never used twice
paper string key of the paper
study string of the paper; empty where the figure belongs to none
arm string network and recipe; empty where the figure belongs to none
kind string own or cited
metric string what was measured
class string class that it speaks of
average string none, macro, weighted, micro or positive:<class>; empty where unstated
split string part of the data: train, validation, test
split_assumed boolean whether the paper does not name the part, which is then our reading
fold string of the paper's folds
condition string under which it holds
value string as printed
unit string as printed
n string images it was counted on, where printed
spread string as printed
place string in the paper
headline boolean whether its study's verdict hangs on it
"""


def _claims(data: ReportData) -> Table:
    rows = (
        claim.model_dump(by_alias=True)
        | {"paper": key, "place": claim.where}
        | {"headline": claim.id in {study.headline for study in paper.studies.values()}}
        for key, paper in data.papers.items()
        for claim in paper.claims
    )
    return _table("claims", "Every figure that the papers print", _CLAIM, rows, key="id")


_FINDING = """
id string paper.check.number
paper string key of the paper
check string that found it
status string consistent, inconsistent, implausible or uncheckable
kind string arithmetic, protocol or ambiguity
severity integer 0 (a note) to 3 (the headline cannot be as printed)
claims string ids that it speaks of, parted by blanks
accused string ids that cannot be as printed, parted by blanks
place string in the paper
statement string in one sentence
witness string the arithmetic
repair string the nearest reading that would make it true
"""


def _findings(data: ReportData) -> Table:
    names = (
        "id",
        "paper",
        "check",
        "status",
        "kind",
        "severity",
        "claims",
        "accused",
        "statement",
        "witness",
        "repair",
    )
    rows = ({name: getattr(f, name) for name in names} | {"place": f.where} for f in data.findings)
    return _table("findings", "What arithmetic and reading say of the claims", _FINDING, rows, key="id")


_VERDICT = """
claim string id of the claim
headline boolean whether the study's verdict hangs on it
verdict string what it comes to
reason string in words
margin number of equivalence, a fraction
p number corrected p-value of the conclusion under the paper's split
correction string method
level number what the correction left to each comparison of the claim
faithful_by string split and reading
faithful number reproduced minus printed under the paper's split, a fraction
faithful_low number end of its 95 % interval
faithful_high number end of its 95 % interval
by_patient number reproduced minus printed with no patient on both sides, a fraction
by_patient_low number end of its 95 % interval
by_patient_high number end of its 95 % interval
by_patient_p number corrected p-value of the conclusion with no patient on both sides
smallest_margin number within which a true difference of 0 would be shown with power 0.8, a fraction
"""


def _verdicts(data: ReportData) -> Table:
    names = ("claim", "headline", "verdict", "reason", "margin", "p", "correction", "level", "faithful_by")
    rows = (
        {name: getattr(v, name) for name in names}
        | {"smallest_margin": v.smallest_margin, "by_patient_p": v.honest_p}
        | _difference("faithful", v.faithful)
        | _difference("by_patient", v.honest)
        for v in data.comparison.verdicts
    )
    title = "What the claims come to"
    return _table("verdicts", title, _VERDICT, rows, key="claim", claim=("claims", "id"))


def _difference(side: str, d: Difference | None) -> dict[str, Any]:
    values = (d.value, d.low, d.high) if d else (None, None, None)
    return dict(zip((side, f"{side}_low", f"{side}_high"), values, strict=True))


# ------------------------------------------------------------------------------------------------------- what was run

_EXPERIMENT = """
experiment string name in params.yaml
paper string key of the paper
study string of the paper
protocol string as_published, image, augment_first, patient or challenge
reading string of the paper's split
source string the study's own data, or a stand-in
evidence string of patients: verified, inferred or absent
images integer originals that take part
images_published integer originals of the publisher in these parts
patients integer patients tested; groups where no ids are published
certificate string digest of the split's certificate
"""


def _experiments(data: ReportData) -> Table:
    rows = (
        {
            "experiment": name,
            "paper": spec.paper,
            "study": spec.study,
            "protocol": spec.protocol,
            "reading": result.plan.reading.name,
            "source": spec.source,
            "evidence": result.certificate.evidence,
            "images": result.plan.sizes.n_images,
            "images_published": result.plan.sizes.n_images_published,
            "patients": data.views[name].n_patients,
            "certificate": result.certificate.self_sha256,
        }
        for name, result in data.results.items()
        for spec in [result.experiment]
    )
    return _table("experiments", "Which study was run under which split", _EXPERIMENT, rows, key="experiment")


_RUN = """
run string key: the digest of everything that decides its predictions
experiment string that it belongs to
arm string network and recipe
fold integer of the split
seed integer of the run
training_rows integer images and planned copies trained on
test_rows integer images and copies tested on
epochs integer trained for at most
epochs_published integer of the paper
steps integer updates of the weights; empty where they were not counted
parameters integer of the network
deviations string from what the paper did, parted by blanks
commit string that it was trained at, + where files differed from it; empty where unknown
"""


def _runs(data: ReportData) -> Table:
    rows = (
        {
            "run": run.key,
            "experiment": name,
            "arm": run.arm,
            "fold": run.fold,
            "seed": run.seed,
            "training_rows": run.n_train_rows,
            "test_rows": run.n_test_rows,
            "epochs": receipt.arms[run.arm].epochs,
            "epochs_published": receipt.arms[run.arm].epochs_published,
            "steps": run.n_steps,
            "parameters": receipt.arms[run.arm].n_parameters,
            "deviations": receipt.arms[run.arm].deviations,
            "commit": _commit(data, run.key),
        }
        for name, result in data.results.items()
        for receipt in [result.receipt]
        for run in receipt.runs
    )
    title, refers = "Every run", {"experiment": ("experiments", "experiment")}
    return _table("runs", title, _RUN, rows, key="experiment arm fold seed", **refers)


def _commit(data: ReportData, run: str) -> str:
    return str(data.measured[run].hardware.get("commit") or "") if run in data.measured else ""


_CURVE = """
experiment string that it belongs to
arm string network and recipe
fold integer of the split
seed integer of the run
epoch integer counted from 1
train number share of training rows called right in that epoch
validation number share of validation rows called right after it; empty where nothing is set apart
test number share of test rows called right after it
"""


def _curves(data: ReportData) -> Table:
    rows = (
        {"experiment": name, "arm": arm, "fold": run.fold, "seed": run.seed, "epoch": epoch + 1}
        | {part: _at(getattr(run, part), epoch) for part in ("train", "validation", "test")}
        for name, view in data.views.items()
        for arm, model in view.models.items()
        for run in (model.network.runs if model.network else ())
        for epoch in range(len(run.train))
    )
    title, refers = "Accuracy of every run by epoch", {"experiment": ("experiments", "experiment")}
    return _table("curves", title, _CURVE, rows, key="experiment arm fold seed epoch", **refers)


def _at(series: Sequence[float], epoch: int) -> float | None:
    return series[epoch] if epoch < len(series) else None


_ESTIMATE = """
experiment string that it belongs to
arm string network and recipe, or a model without a network
metric string what was measured
class string class that it speaks of
average string none, macro, weighted, micro or positive:<class>
aggregation string pooled, mean or fold:k
value number a fraction; empty where undefined, note says why
low number end of the 95 % interval with the group as the sampling unit
high number end of the 95 % interval with the group as the sampling unit
method string of that interval
standard_error number over groups
df number its degrees of freedom
low_images number end of the 95 % interval as if images were independent
high_images number end of the 95 % interval as if images were independent
images integer originals counted
groups integer that they fall into, of all classes
effective_groups number as if all groups were equally large, of the poorest class that decides the metric
poorest_class string the one of fewest groups of the classes that decide the metric; empty where none does
poorest_groups integer groups with images of that class
patients integer patients tested in the experiment; groups where no ids are published
seeds integer that it is the mean over
seed_variance number variance between single runs, of the value as a fraction; 0 where one seed was run
grade string how far the interval is known to cover
runs string first digits of the keys of its runs, parted by blanks
commit string that they were trained at
note string reservations
"""


def _estimates(data: ReportData) -> Table:
    rows = (
        row
        for name, result in data.results.items()
        for arm in result.evaluation.arms
        for row in _estimates_of(data, name, arm)
    )
    title, refers = "Every metric with its intervals", {"experiment": ("experiments", "experiment")}
    return _table("estimates", title, _ESTIMATE, rows, key="experiment arm metric class average aggregation", **refers)


def _estimates_of(data: ReportData, name: str, arm: str) -> Iterator[dict[str, Any]]:
    for e in data.arm(name, arm).estimates:
        runs = [r for r in data.results[name].receipt.runs if r.arm == arm and e.fold in {"", str(r.fold)}]
        yield {
            "experiment": name,
            "arm": arm,
            "metric": e.metric,
            "class": e.class_,
            "average": e.average,
            "aggregation": e.aggregation,
            "value": e.value,
            "low": e.low,
            "high": e.high,
            "method": e.method,
            "standard_error": e.standard_error,
            "df": e.df,
            "low_images": e.low_images,
            "high_images": e.high_images,
            "images": e.n_images,
            "groups": e.n_groups,
            "effective_groups": e.effective_groups,
            "poorest_class": e.poorest_class,
            "poorest_groups": e.poorest_groups,
            "patients": data.views[name].n_patients,
            "seeds": e.n_seeds,
            "seed_variance": e.seed_variance,
            "grade": e.grade,
            "runs": [r.key[:KEY_DIGITS] for r in runs],
            "commit": sorted({_commit(data, r.key) for r in runs} - {""}),
            "note": e.note,
        }


# -------------------------------------------------------------------------------------------------- what it is held to

_CONTRAST = """
kind string split (one model under two splits) or model (two models on the same images)
experiment string the first one
against string the experiment by patient; empty where kind is model
first_arm string model whose figure stands first
second_arm string model whose figure is taken from it; trivial:majority names the class most frequent in training
metric string what was measured
first number a fraction
second number a fraction
difference number first minus second
low number end of its 95 % interval with the group as the sampling unit
high number end of its 95 % interval with the group as the sampling unit
p_value number that there is no difference
p_corrected number over its family; empty where none is
method string of the interval
images integer compared
groups integer that they fall into
paired boolean whether both speak of the same images
equal_size boolean whether both trained on equally many rows
note string reservations
"""


def _contrasts(data: ReportData) -> Table:
    rows = [_contrast_row(c, "split") for c in data.comparison.gaps] + [
        _contrast_row(c, "model") for c in data.comparison.contrasts
    ]
    key = "kind experiment against first_arm second_arm metric"
    refers = {"experiment": ("experiments", "experiment")}
    return _table("contrasts", "Differences between splits and between models", _CONTRAST, rows, key=key, **refers)


def _contrast_row(c: Contrast, kind: str) -> dict[str, Any]:
    of_split = kind == "split"
    experiment, first, second = ("rung", "arm", "arm") if of_split else ("experiment", "first_arm", "second_arm")
    names = ("metric", "first", "second", "difference", "low", "high", "p_value", "method", "note")
    return {name: getattr(c, name) for name in names} | {
        "low": possible_difference(c.low, c.metric),
        "high": possible_difference(c.high, c.metric),
        "kind": kind,
        "experiment": getattr(c, experiment),
        "against": getattr(c, "patient", ""),
        "first_arm": getattr(c, first),
        "second_arm": getattr(c, second),
        "p_corrected": getattr(c, "p_corrected", math.nan),
        "images": c.n_images,
        "groups": c.n_groups,
        "paired": getattr(c, "paired", True),
        "equal_size": getattr(c, "equal_size", True),
    }


_CONTROL = """
experiment string that both were tested in
arm string the network
model string the model without a network
network number accuracy of the network, a fraction
trivial number accuracy of the model without a network
majority number share of the most frequent class among the tested images
difference number network minus the other
low number end of its 95 % interval with the group as the sampling unit
high number end of its 95 % interval with the group as the sampling unit
margin number below which a network is not ahead
standing string of the difference against the margin, by one-sided tests at 5 %
tells boolean whether the model without a network beats the majority class
flagged boolean whether it tells and the network is shown to be within the margin of it
scope string what the difference speaks of
note string reservations
"""


def _controls(data: ReportData) -> Table:
    names = [field.name for field in _fields(_CONTROL)]
    rows = ({name: getattr(s, name) for name in names} for s in data.comparison.shortcuts)
    title, refers = "Networks beside models without one", {"experiment": ("experiments", "experiment")}
    return _table("controls", title, _CONTROL, rows, key="experiment arm model", **refers)


_PROBE = """
experiment string whose images were looked at
model string that told patients from them
unit string what was told: patient or group
units integer of them
images integer looked at
accuracy number share of images whose patient was told
low number end of its 95 % interval with the group as the sampling unit
high number end of its 95 % interval with the group as the sampling unit
majority number what naming the largest patient would reach
by_class number what knowing the class alone would reach
above_chance boolean whether patients can be told from an image
"""


def _probes(data: ReportData) -> Table:
    rows = (
        {
            "experiment": name,
            "model": model,
            "unit": probe.unit,
            "units": probe.n_units,
            "images": probe.n_images,
            "accuracy": probe.accuracy.value,
            "low": probe.accuracy.low,
            "high": probe.accuracy.high,
            "majority": probe.majority,
            "by_class": probe.by_class,
            "above_chance": probe.above_chance,
        }
        for name, result in data.results.items()
        for model, probe in result.evaluation.probes.items()
    )
    title, refers = "Can the patient be told from an image?", {"experiment": ("experiments", "experiment")}
    return _table("probes", title, _PROBE, rows, key="experiment model", **refers)


_LEAK = """
experiment string whose split it is
fold integer of the split
run boolean whether a network was trained on that fold
what string images, origins, patients, groups or other units
shared integer of them in the test part that also train or validate
tested integer of them in the test part; empty where they are not counted
"""


def _leaks(data: ReportData) -> Table:
    rows = [
        {
            "experiment": name,
            "fold": fold.fold,
            "run": fold.fold in {run.fold for run in result.receipt.runs},
            "what": what,
            "shared": shared,
            "tested": getattr(fold.roles["test"], what, None),
        }
        for name, result in data.results.items()
        for fold in result.certificate.folds
        for what, shared in fold.shared.items()
    ]
    title, refers = "What stands on both sides of each split", {"experiment": ("experiments", "experiment")}
    return _table("leaks", title, _LEAK, rows, key="experiment fold what", **refers)
