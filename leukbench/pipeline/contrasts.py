"""Differences worth a row: between the protocols of one arm, between the arms of one experiment, between networks and
trivial models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from leukbench.artefacts import COLOUR_HISTOGRAM, COLOUR_TREES, MAJORITY, is_trivial
from leukbench.evaluation.contrasts import Compared, Contrast, Scope, compare, inflation
from leukbench.evaluation.controls import Shortcut
from leukbench.evaluation.corrections import benjamini_hochberg, holm
from leukbench.evaluation.evaluated import overall, pooled_seeds
from leukbench.evaluation.grades import worst_grade
from leukbench.records import Predictions
from leukbench.verdicts.comparison import ArmContrast, ArmShortcut, RungGap

if TYPE_CHECKING:
    from leukbench.pipeline.results import Result

METRICS: tuple[Compared, ...] = ("accuracy", "mcc", "auc")
RESAMPLES = 10_000
FEW_RESAMPLES = 2_000
"""For standard errors that nothing is tested with; there are five of them for every network."""
AGAINST_PATIENT = frozenset({"as_published", "image", "augment_first", "challenge"})
"""The protocols that are held against ``patient``."""
_BESIDE = (COLOUR_HISTOGRAM, MAJORITY)


def protocol_gaps(experiments: Mapping[str, Result]) -> list[RungGap]:
    """Return rung - patient for every arm that has both and for a colour histogram, per metric.

    Where neither has a network, of the histogram's trees as well: there these speak alone.
    """
    return [
        gap
        for honest in experiments.values()
        if honest.experiment.protocol == "patient"
        for rung in experiments.values()
        if _same_study(rung, honest) and rung.experiment.protocol in AGAINST_PATIENT
        for arm in _models_of_both(rung.experiment.arms, honest.experiment.arms)
        for gap in _gaps(rung, honest, arm)
    ]


def _models_of_both(rung: Sequence[str], honest: Sequence[str]) -> list[str]:
    trees = [] if rung or honest else [COLOUR_TREES]
    return [*sorted(set(honest) & set(rung)), COLOUR_HISTOGRAM, *trees]


def _same_study(one: Result, other: Result) -> bool:
    keys = ("paper", "study", "source")
    return all(getattr(one.experiment, key) == getattr(other.experiment, key) for key in keys)


def _gaps(rung: Result, honest: Result, arm: str) -> list[RungGap]:
    paired = rung.experiment.protocol != "challenge"
    made = _paired_gap(rung, honest, arm) if paired else _unpaired_gap(rung, honest, arm)
    equal = rung.receipt.training_sizes() == honest.receipt.training_sizes()
    return [
        RungGap(
            rung=rung.name, patient=honest.name, arm=arm, protocol=rung.experiment.protocol, equal_size=equal,
            same_as_image=honest.all_single, paired=paired, **_fields(contrast),
        )
        for contrast in made
    ]  # fmt: skip


def _fields(contrast: Contrast | Shortcut) -> dict[str, Any]:
    return {f.name: getattr(contrast, f.name) for f in dataclasses.fields(contrast)}


def _unpaired_gap(rung: Result, honest: Result, arm: str) -> list[Contrast]:
    """Return rung - patient of two splits that test other patients: their own intervals are combined."""
    from leukbench.evaluation.transfer import transfer_gap

    made = []
    for metric in METRICS:
        there, here = (overall(result.evaluation.arms[arm].estimates, metric) for result in (rung, honest))
        gap = transfer_gap(here, there)
        made.append(
            Contrast(
                metric=metric,
                first=there.value,
                second=here.value,
                difference=gap.difference,
                low=gap.low,
                high=gap.high,
                method="MOVER of two independent intervals",
                n_images=there.n_images,
                n_groups=there.n_groups + here.n_groups,
                effective_groups=min(there.effective_groups, here.effective_groups),
                scope=Scope.TRAININGS if min(there.seed_df, here.seed_df) > 0 else Scope.RUNS,
                grade=worst_grade(there.grade, here.grade),
                note=gap.note,
            )
        )
    return made


def _paired_gap(rung: Result, honest: Result, arm: str) -> list[Contrast]:
    first, second = rung.predictions[arm], honest.predictions[arm]
    if not set(_origins(first)) & set(_origins(second)):
        return []
    evaluations = [rung.evaluation, honest.evaluation]
    return [
        inflation(
            first, second, metric=metric, n_resamples=RESAMPLES, pooled=pooled_seeds(evaluations, metric),
            trained=not is_trivial(arm),
        )
        for metric in METRICS
    ]  # fmt: skip


def _origins(predictions: Predictions) -> list[str]:
    return [o or i for o, i in zip(predictions.origin.tolist(), predictions.image_id.tolist(), strict=True)]


def arm_contrasts(experiments: Mapping[str, Result]) -> list[ArmContrast]:
    """Return the first arm of each experiment minus every other model tested on the same images, per metric, p-values
    corrected.

    Does the proposed network beat the baselines? Families are corrected over all experiments of a study. ``p_mcnemar``
    stays as it is: a cross-check that ignores groups.
    """
    rows = [row for result in experiments.values() for row in _of_experiment(result)]
    study_of = {name: (result.experiment.paper, result.experiment.study) for name, result in experiments.items()}
    families = [(study_of[row.experiment], row.family) for row in rows]
    corrected = list(rows)
    for family in dict.fromkeys(families):
        places = [i for i, of_row in enumerate(families) if of_row == family]
        p_values = [rows[i].p_value for i in places]
        correct = holm if family[1] == "network" else benjamini_hochberg
        size = sum(p == p for p in p_values)  # what has no p-value is not tested
        for i, p in zip(places, correct(p_values), strict=True):
            corrected[i] = dataclasses.replace(rows[i], p_corrected=float(p), family_size=size)
    return corrected


def _of_experiment(result: Result) -> list[ArmContrast]:
    if not result.experiment.arms:
        return []
    first, *others = result.experiment.arms
    return [
        _arm_contrast(result, first, second, metric)
        for second in (*others, *_BESIDE)
        for metric in (METRICS if second != MAJORITY else METRICS[:1])  # one class alone has no MCC and no ranking
    ]


def _arm_contrast(result: Result, first: str, second: str, metric: Compared) -> ArmContrast:
    made = compare(
        result.predictions[first], result.predictions[second], metric=metric, n_resamples=RESAMPLES,
        pooled=pooled_seeds([result.evaluation], metric), second_trained=not is_trivial(second),
    )  # fmt: skip
    family: Literal["network", "descriptive"] = "descriptive"
    if metric == "accuracy" and second not in _BESIDE:
        family = "network"
    return ArmContrast(experiment=result.name, first_arm=first, second_arm=second, family=family, **_fields(made))


def shortcuts(experiments: Mapping[str, Result], *, margin: float) -> list[ArmShortcut]:
    """Return every network of every experiment beside every model without one but ``majority``."""
    return [
        _shortcut(result, arm, model, margin=margin)
        for result in experiments.values()
        for model in _controls(result.predictions)
        for arm in result.experiment.arms
    ]


def _controls(arms: Sequence[str] | Mapping[str, Predictions]) -> list[str]:
    return [arm for arm in arms if is_trivial(arm) and arm != MAJORITY]


def _shortcut(result: Result, arm: str, model: str, *, margin: float) -> ArmShortcut:
    from leukbench.evaluation.controls import find_shortcut

    entry = result.evaluation.arms[model]
    accuracy = overall(entry.estimates, "accuracy")
    limits = (accuracy.low, accuracy.high) if accuracy.low == accuracy.low else (0.0, 1.0)
    made = find_shortcut(
        result.predictions[arm],
        result.predictions[model],
        limits=limits,
        majority=entry.majority_accuracy,
        margin=margin,
        n_resamples=FEW_RESAMPLES,
        pooled=pooled_seeds([result.evaluation], "accuracy"),
    )
    return ArmShortcut(experiment=result.name, arm=arm, model=model, **_fields(made))
