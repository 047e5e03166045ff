"""The stage ``split``: each experiment's folds and roles, with the certificate of what they keep apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import experiment_file, read_study
from leukbench.pipeline.plan import RUNGS, PlannedSplits, one_ladder
from leukbench.records import Experiment, Limits, json_text


def split(params: Params, names: Sequence[str]) -> list[str]:
    """Write the splits of experiments and their certificates; only images at hand take part. Return a line an
    experiment.

    Rungs of one ladder (experiments of one study, source and store) are cut down to the training rows of the smallest
    fold among them, so that none of them is better for having more to learn from; ``as_published`` keeps its own size.
    """
    for name in names:
        read_study(params, params.experiment(name))
    planned = PlannedSplits(params)
    return [_write_split(params, name, planned) for name in names]


def _write_split(params: Params, name: str, planned: PlannedSplits) -> str:
    from leukbench.cohort.certificate import check_certificate, make_certificate
    from leukbench.cohort.splits import subsample_training
    from leukbench.cohort.tables import write_split
    from leukbench.errors import SplitError

    experiment = params.experiment(name)
    mine = planned.of(experiment)
    table = mine.table
    if experiment.protocol in RUNGS:
        table = subsample_training(table, _training_rows(params, experiment, planned), seed=params.seed)
    certificate = make_certificate(mine.effective, mine.groups, table, rule=mine.rule, protocol=experiment.protocol)
    violations = check_certificate(certificate)
    if violations:
        raise SplitError(
            "this split breaks what its protocol promises", where=f"experiment {name}", found="; ".join(violations)
        )
    write_split(table, experiment_file(params, "splits", name, ".csv"), summed=True)
    write_text(experiment_file(params, "splits", name, ".certificate.json"), json_text(certificate), summed=True)
    cut = _write_plan(params, name, planned)
    return f"{name}: {table['fold'].nunique()} fold(s), {table['image_id'].nunique()} rows{cut}"


def _write_plan(params: Params, name: str, planned: PlannedSplits) -> str:
    """Write what a split was planned from, and return how many training rows limits left of how many, if they did."""
    experiment = params.experiment(name)
    rows, left = _training_rows(params, experiment, planned), _rows_without_limits(params, experiment, planned)
    plan = planned.of(experiment).plan  # experiments that differ in arms or epochs share one
    sizes = dataclasses.replace(plan.sizes, n_training_rows=left if rows < left else 0)
    made_from = planned.made_from(experiment)
    plan = dataclasses.replace(plan, experiment=experiment, sizes=sizes, seed=params.seed, made_from=made_from)
    write_text(experiment_file(params, "splits", name, ".plan.json"), json_text(plan), summed=True)
    return f", {rows:,} of {left:,} training rows" if sizes.n_training_rows else ""


def _training_rows(params: Params, experiment: Experiment, planned: PlannedSplits, *, limited: bool = True) -> int:
    """Return the training rows of an experiment's largest fold; of a rung those of the smallest fold of its ladder.

    ``limited``: within the limits of the experiments, else as if they had none.
    """
    from leukbench.cohort.splits import training_sizes

    def sizes(of: Experiment) -> list[int]:
        whole = of if limited else dataclasses.replace(of, limits=Limits())
        return list(training_sizes(planned.of(whole).table).values())

    if experiment.protocol not in RUNGS:
        return max(sizes(experiment))
    return min(n for other in params.experiments.values() if one_ladder(experiment, other) for n in sizes(other))


def _rows_without_limits(params: Params, experiment: Experiment, planned: PlannedSplits) -> int:
    """Return the training rows that it would have without limits; 0 where a limit of images or copies is told instead.

    So a rung that another one's limit cuts down says so too.
    """
    if (experiment.limits.images, experiment.limits.class_size) != (None, None):
        return 0
    return _training_rows(params, experiment, planned, limited=False)
