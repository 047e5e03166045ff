"""The stage ``resolve``: studies of papers without their claims."""

from __future__ import annotations

from leukbench.errors import unknown_name
from leukbench.params import Params
from leukbench.paths import write_text
from leukbench.pipeline.layout import study_file
from leukbench.records import json_text


def resolve(params: Params, name: str) -> str:
    """Write a study without its claims."""
    from leukbench.papers.loader import load_paper
    from leukbench.papers.resolve import resolve_study

    if name not in params.studies:
        raise unknown_name("study", name, params.studies, where="params.yaml")
    wanted = params.studies[name]
    study = resolve_study(load_paper(wanted.paper), wanted.study)
    write_text(study_file(params, wanted.paper, wanted.study), json_text(study), summed=True)
    return f"{name}: {len(study.arms)} arms, protocols {', '.join(study.protocols)}"
