"""What the tables of a profile are made from, read back from the stages' outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from leukbench.artefacts import from_plain
from leukbench.params import Params
from leukbench.paths import out_folder
from leukbench.pipeline.contrasts import ArmContrast, ArmShortcut, RungGap
from leukbench.pipeline.layout import read_json
from leukbench.pipeline.results import Result, read_findings
from leukbench.pipeline.views import read_views
from leukbench.report.tables import TableData
from leukbench.verdicts.rule import Verdict


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """The parts of ``verdicts.json`` that are tables."""

    verdicts: tuple[Verdict, ...]
    gaps: tuple[RungGap, ...]
    contrasts: tuple[ArmContrast, ...]
    shortcuts: tuple[ArmShortcut, ...]


def table_data(params: Params, measured: Mapping[str, Mapping[str, Any]]) -> TableData:
    """Return what the tables of a profile are made from; ``measured``: run key -> what was recorded of it."""
    from leukbench.papers.loader import load_paper

    results = {name: Result(params, name) for name in params.experiments}
    file = out_folder(params.profile, "verdicts.json")
    plain = read_json(file, stage="compare")
    parts = {field.name: plain[field.name] for field in fields(_Compared)}
    compared = from_plain(_Compared, parts, where=str(file), do="run the compare stage again")
    commits = {key: of["hardware"].get("commit", "") for key, of in measured.items()}
    return TableData(
        papers={key: load_paper(key) for key in params.papers},
        findings=read_findings(params),
        verdicts=compared.verdicts,
        gaps=compared.gaps,
        contrasts=compared.contrasts,
        shortcuts=compared.shortcuts,
        experiments=dict(params.experiments),
        plans={name: result.plan for name, result in results.items()},
        certificates={name: result.certificate for name, result in results.items()},
        receipts={name: result.receipt for name, result in results.items()},
        evaluations={name: result.evaluation for name, result in results.items()},
        views=read_views(params),
        commits={key: commit for key, commit in commits.items() if commit},
    )
