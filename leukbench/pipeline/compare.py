"""The stage ``compare``: claims held against estimates and findings; verdicts, contrasts, shortcuts, transfers."""

from __future__ import annotations

from leukbench.params import Params
from leukbench.paths import out_folder, write_text
from leukbench.pipeline.compared import compared_from
from leukbench.pipeline.contrasts import arm_contrasts, protocol_gaps, shortcuts
from leukbench.pipeline.frozen import check_frozen
from leukbench.pipeline.results import checked_results, read_findings
from leukbench.pipeline.transfers import transfer_results
from leukbench.records import json_text
from leukbench.verdicts.comparison import Comparison
from leukbench.verdicts.questions import questions_of


def compare(params: Params) -> str:
    """Write verdicts on all comparable claims and the contrasts between protocols and between arms."""
    from leukbench.papers.loader import load_paper
    from leukbench.verdicts.rule import decide

    papers = [load_paper(key) for key in params.papers]
    check_frozen(params.verdicts, papers)
    accused = frozenset(c for f in read_findings(params) if f.status == "inconsistent" for c in f.accused)
    results = checked_results(params)
    experiments = {name: results[name] for name in params.experiments}
    transfers = {name: results[name] for name in params.transfers}
    evaluated = [result.evaluated for result in experiments.values()]
    questions = [q for paper in papers for q in questions_of(paper, evaluated, accused)]
    comparison = Comparison(
        margin=params.verdicts.margin,
        alpha=params.verdicts.alpha,
        questions={q.claim: q for q in questions},
        verdicts=tuple(decide(questions, margin=params.verdicts.margin, alpha=params.verdicts.alpha)),
        gaps=tuple(protocol_gaps(experiments)),
        contrasts=tuple(arm_contrasts(experiments)),
        shortcuts=tuple(shortcuts(experiments, margin=params.verdicts.margin)),
        transfers=tuple(transfer_results(transfers, experiments)),
        made_from=compared_from(params),
    )
    write_text(out_folder(params.profile, "verdicts.json"), json_text(comparison), summed=True)
    return f"{len(comparison.verdicts)} claims compared"
