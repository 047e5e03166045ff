"""The stage ``split``: each experiment's folds and roles, with the certificate of what they keep apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import experiment_file
from leukbench.pipeline.plan import RUNGS, PlannedSplits, one_ladder
from leukbench.records import json_text


def split(params: Params, names: Sequence[str]) -> list[str]:
    """Write the splits of experiments and their certificates; only images at hand take part. Return a line an
    experiment.

    Rungs of one ladder (experiments of one study, source and store) are cut down to the training rows of the smallest
    fold among them, so that none of them is better for having more to learn from; ``as_published`` keeps its own size.
    """
    planned = PlannedSplits(params)
    return [_write_split(params, name, planned) for name in names]


def _write_split(params: Params, name: str, planned: PlannedSplits) -> str:
    from leukbench.cohort.certificate import check_certificate, make_certificate
    from leukbench.cohort.splits import subsample_training, training_sizes
    from leukbench.cohort.tables import write_split
    from leukbench.errors import SplitError

    experiment = params.experiment(name)
    mine = planned.of(experiment)
    table = mine.table
    if experiment.protocol in RUNGS:
        rungs = [planned.of(other).table for other in params.experiments.values() if one_ladder(experiment, other)]
        equal = min(size for rung in rungs for size in training_sizes(rung).values())
        table = subsample_training(table, equal, seed=params.seed)
    certificate = make_certificate(mine.effective, mine.groups, table, rule=mine.rule, protocol=experiment.protocol)
    violations = check_certificate(certificate)
    if violations:
        raise SplitError(
            "this split breaks what its protocol promises", where=f"experiment {name}", found="; ".join(violations)
        )
    write_split(table, experiment_file(params, "splits", name, ".csv"), summed=True)
    write_text(experiment_file(params, "splits", name, ".certificate.json"), json_text(certificate), summed=True)
    plan = dataclasses.replace(mine.plan, experiment=experiment)  # experiments that differ in arms or epochs share one
    write_text(experiment_file(params, "splits", name, ".plan.json"), json_text(plan), summed=True)
    return f"{name}: {table['fold'].nunique()} fold(s), {table['image_id'].nunique()} rows"
