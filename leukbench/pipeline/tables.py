"""What the tables of a profile are made from, read back from the stages' outputs."""

from __future__ import annotations

from collections.abc import Mapping

from leukbench.params import Params
from leukbench.paths import out_folder
from leukbench.pipeline.layout import read_record
from leukbench.pipeline.results import Result, read_findings
from leukbench.pipeline.views import read_views
from leukbench.report.data import Measured
from leukbench.report.tables import TableData
from leukbench.verdicts.comparison import Comparison


def table_data(params: Params, measured: Mapping[str, Measured]) -> TableData:
    """Return what the tables of a profile are made from; ``measured``: run key -> what was recorded of it."""
    from leukbench.papers.loader import load_paper

    results = {name: Result(params, name) for name in params.experiments}
    compared = read_record(Comparison, out_folder(params.profile, "verdicts.json"), stage="compare")
    commits = {key: str(of.hardware.get("commit", "")) for key, of in measured.items()}
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
