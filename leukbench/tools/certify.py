"""Check that the splits of a profile keep what their protocols promise, against the tables and not only against
themselves.
"""

from __future__ import annotations

from typing import Any

from leukbench.params import Params
from leukbench.pipeline.layout import as_read, experiment_file, read_study, source_file
from leukbench.pipeline.plan import effective_rows, rule_of
from leukbench.records import Experiment, SplitRule, as_plain

_KEYS = frozenset({"protocol", "rule", "sha256", "verdicts", "shared", "declares", "folds", "evidence", "sentence"})


def certify(params: Params, experiment: str) -> tuple[str, bool]:
    """Return what the certificates of an experiment (empty: of all experiments) come to, one line an experiment, and
    whether any is broken.

    Raises InputError for an unknown experiment, DataError where a stage's output is missing.
    """
    if experiment:
        params.experiment(experiment)
    lines, broken = [], False
    for name in [experiment] if experiment else params.all_experiments:
        certificate, problems = _checked(params, name)
        broken = broken or bool(problems)
        lines.append(_line(name, certificate, problems))
        lines += [f"  - {problem}" for problem in problems]
    return "\n".join(lines), broken


def _line(name: str, certificate: Any, problems: list[str]) -> str:
    if problems:
        return f"{name}: BROKEN"
    shares = certificate["declares"] or "nothing is shared between training side and test"
    n_folds = len(certificate["folds"])
    return (
        f"{name}: kept; protocol {certificate['protocol']}, {n_folds} fold{'s' if n_folds != 1 else ''}, "
        f"{certificate['sentence']}; {shares}"
    )


def _checked(params: Params, name: str) -> tuple[Any, list[str]]:
    """Return an experiment's certificate and what is wrong with it when all it rests on is made again from manifest and
    groups.
    """
    from leukbench.cohort.certificate import check_certificate
    from leukbench.cohort.tables import read_split

    experiment = params.experiment(name)
    # what a stage wrote is held against its rule here, not against its sha256: this says what is wrong with it
    certificate = as_read(experiment_file(params, "splits", name, ".certificate.json"), stage="split")
    if not isinstance(certificate, dict) or not set(certificate) >= _KEYS:
        lost = sorted(_KEYS - set(certificate)) if isinstance(certificate, dict) else sorted(_KEYS)
        return certificate, [f"this is not a certificate: it lacks {', '.join(lost)}"]
    split = read_split(experiment_file(params, "splits", name, ".csv"))
    effective, groups, rule = _rests_on(params, experiment)
    problems = []
    if certificate["protocol"] != experiment.protocol:
        problems.append(f"it certifies protocol {certificate['protocol']}, the experiment is {experiment.protocol}")
    elif certificate["rule"] != as_plain(rule):
        problems.append("it certifies another split rule than that of the experiment's study")
    return certificate, problems + check_certificate(certificate, manifest=effective, groups=groups, split=split)


def _rests_on(params: Params, experiment: Experiment) -> tuple[Any, Any, SplitRule]:
    """Return the manifest, groups and rule of an experiment's split, made again; of both sources where it is a
    transfer.
    """
    from leukbench.cohort.manifest import read_manifest
    from leukbench.cohort.tables import read_groups
    from leukbench.pipeline.plan import plan_transfer

    if experiment.protocol == "transfer":
        joined = plan_transfer(params, experiment).joined
        return joined.manifest, joined.groups, joined.rule
    study = read_study(params, experiment)
    manifest = read_manifest(source_file(params, experiment.source, "manifest.csv"))
    groups = read_groups(source_file(params, experiment.source, "groups.csv"))
    effective, rule = effective_rows(
        manifest, groups, study, rule_of(study, experiment)[1], experiment, seed=params.seed
    )
    return effective, groups, rule
