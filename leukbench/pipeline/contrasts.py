"""Differences worth a row: between the protocols of one arm, between the arms of one experiment, between networks and trivial models."""

from __future__ import annotations

from typing import Any

from leukbench.evaluation.contrasts import Compared, Contrast, Scope, benjamini_hochberg, compare, holm, inflation
from leukbench.evaluation.grades import worst_grade
from leukbench.params import Params
from leukbench.pipeline.results import (
    all_single,
    estimate_from_plain,
    estimates_of,
    overall,
    seed_variance_of,
    training_sizes,
)
from leukbench.records import Experiment, as_plain

METRICS: tuple[Compared, ...] = ("accuracy", "mcc", "auc")
RESAMPLES = 10_000
FEW_RESAMPLES = 2_000
"""For standard errors that nothing is tested with; there are five of them for every network."""
AGAINST_PATIENT = frozenset({"as_published", "image", "augment_first", "challenge"})
"""The protocols that are held against ``patient``."""
MAJORITY = "trivial:majority"
_WITHOUT_NETWORK = "trivial:colour_histogram"
_BESIDE = (_WITHOUT_NETWORK, MAJORITY)


def protocol_gaps(params: Params, tables: dict[str, Any]) -> list[dict[str, Any]]:
    """Return rung - patient for every arm that has both and for a colour histogram, per metric.

    They are paired by test origin, but for a challenge, which tests other patients: ``paired`` tells.
    ``equal_size`` says that both trained on equally many rows: only then is the difference the inflation of the
    rung; ``scope``, whether it speaks of trainings or of these runs only. ``same_as_image``: no group of the ``patient`` split holds two images, so that both are cuts by image.
    """
    rows: list[dict[str, Any]] = []
    for honest, experiment in params.experiments.items():
        if experiment.protocol != "patient":
            continue
        single = all_single(params, honest)
        for rung, other in params.experiments.items():
            same = (other.paper, other.study, other.source) == (experiment.paper, experiment.study, experiment.source)
            if not same or other.protocol not in AGAINST_PATIENT:
                continue
            for arm in [*sorted(set(experiment.arms) & set(other.arms)), _WITHOUT_NETWORK]:
                keys: dict[str, Any] = {"rung": rung, "patient": honest, "arm": arm, "protocol": other.protocol}
                keys |= {
                    "equal_size": training_sizes(params, rung) == training_sizes(params, honest),
                    "same_as_image": single,
                }
                paired = other.protocol != "challenge"
                made = _gap(params, (rung, honest), tables, arm) if paired else _unpaired_gap(params, rung, honest, arm)
                rows += [{**keys, "paired": paired, **as_plain(c)} for c in made]
    return rows


def _unpaired_gap(params: Params, rung: str, honest: str, arm: str) -> list[Contrast]:
    """Return rung - patient of two splits that test other patients: their own intervals are combined."""
    from leukbench.evaluation.transfer import transfer_gap

    of_experiments = [estimates_of(params, experiment)[arm]["recipe"]["estimates"] for experiment in (rung, honest)]
    made = []
    for metric in METRICS:
        there, here = (estimate_from_plain(overall(estimates, metric)) for estimates in of_experiments)
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


def _gap(params: Params, names: tuple[str, str], tables: dict[str, Any], arm: str) -> list[Contrast]:
    from leukbench.pipeline.results import as_predictions, classes_of

    chosen = [tables[name] for name in names]
    pair = [as_predictions(t[(t["arm"] == arm) & (t["selection"] == "recipe")], classes_of(t)) for t in chosen]
    shared = set(_origins(pair[0])) & set(_origins(pair[1]))
    if not shared:
        return []
    trained = arm != _WITHOUT_NETWORK
    return [
        inflation(
            pair[0], pair[1], metric=metric, n_resamples=RESAMPLES, pooled=seed_variance_of(params, names, metric), trained=trained
        )
        for metric in METRICS
    ]  # fmt: skip


def _origins(predictions: Any) -> list[str]:
    return [o or i for o, i in zip(predictions.origin.tolist(), predictions.image_id.tolist(), strict=True)]


def arm_contrasts(params: Params, tables: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the first arm of each experiment minus every other model tested on the same images, per metric, p-values corrected.

    ``family`` is ``network`` for differences in accuracy between networks: does the proposed one beat the baselines? These are
    corrected by Holm over all experiments of the study. Everything else (MCC, AUC, models without a network) is ``descriptive`` and
    corrected by Benjamini and Hochberg, over the study as well. ``p_mcnemar`` stays as it is: a cross-check that ignores groups.
    """
    rows = [
        row
        for name, experiment in params.experiments.items()
        for row in _of_experiment(params, name, experiment, tables[name])
    ]
    of_study = {name: (experiment.paper, experiment.study) for name, experiment in params.experiments.items()}
    for study in dict.fromkeys(of_study.values()):
        for family, correct in (("network", holm), ("descriptive", benjamini_hochberg)):
            chosen = [row for row in rows if row["family"] == family and of_study[row["experiment"]] == study]
            size = sum(row["p_value"] == row["p_value"] for row in chosen)  # what has no p-value is not tested
            for row, p in zip(chosen, correct([row["p_value"] for row in chosen]), strict=True):
                row["p_corrected"], row["family_size"] = float(p), size
    return rows


def _of_experiment(params: Params, name: str, experiment: Experiment, table: Any) -> list[dict[str, Any]]:
    arms = _by_arm(table)
    rows = []
    for second in (*experiment.arms[1:], *_BESIDE):
        for metric in METRICS if second != MAJORITY else METRICS[:1]:  # one class alone has no MCC and no ranking
            made = compare(
                arms[experiment.arms[0]], arms[second], metric=metric, n_resamples=RESAMPLES,
                pooled=seed_variance_of(params, [name], metric), second_trained=second not in _BESIDE,
            )  # fmt: skip
            family = "network" if metric == "accuracy" and second not in _BESIDE else "descriptive"
            keys = {"experiment": name, "first_arm": experiment.arms[0], "second_arm": second, "family": family}
            rows.append({**keys, **as_plain(made)})
    return rows


def _by_arm(table: Any) -> dict[str, Any]:
    """Return an experiment's predictions by arm, at the epoch that the recipe chooses."""
    from leukbench.pipeline.results import as_predictions, classes_of

    classes, chosen = classes_of(table), table[table["selection"] == "recipe"]
    return {str(arm): as_predictions(rows, classes) for arm, rows in chosen.groupby("arm", sort=False)}


def shortcuts(params: Params, tables: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how every network of every experiment stands to every model without one but ``majority``."""
    from leukbench.evaluation.controls import find_shortcut

    rows: list[dict[str, Any]] = []
    for name, experiment in params.experiments.items():
        arms = _by_arm(tables[name])
        evaluated = estimates_of(params, name)
        for model in (m for m in arms if m.startswith("trivial:") and m != MAJORITY):
            limits, majority = _limits(evaluated[model]["recipe"]["estimates"]), evaluated[model]["majority_accuracy"]
            for arm in experiment.arms:
                made = find_shortcut(
                    arms[arm], arms[model], limits=limits, majority=majority, margin=params.verdicts.margin,
                    n_resamples=FEW_RESAMPLES, pooled=seed_variance_of(params, [name], "accuracy"),
                )  # fmt: skip
                rows.append({"experiment": name, "arm": arm, "model": model, **as_plain(made)})
    return rows


def _limits(estimates: list[dict[str, Any]]) -> tuple[float, float]:
    """Return the group-level limits of the accuracy over all folds; 0 and 1 where there is no interval."""
    e = overall(estimates, "accuracy")
    return (0.0, 1.0) if e["low"] is None else (float(e["low"]), float(e["high"]))
