"""The stage ``compare``: claims held against estimates and findings; verdicts, contrasts, shortcuts, transfers."""

from __future__ import annotations

from collections.abc import Sequence

from leukbench.params import Params
from leukbench.paths import out_folder, write_text
from leukbench.pipeline.layout import experiment_file
from leukbench.pipeline.results import evaluated_experiments, read_findings, read_predictions
from leukbench.records import Estimate, json_text
from leukbench.verdicts.questions import questions_of

# --------------------------------------------------------------------------------------------------------- audit


# ------------------------------------------------------------------------------------------------------- compare


def compare(params: Params) -> str:
    """Write verdicts on all comparable claims and the contrasts between protocols and between arms."""
    from leukbench.papers.loader import load_paper
    from leukbench.pipeline.contrasts import arm_contrasts, protocol_gaps, shortcuts
    from leukbench.pipeline.transfers import transfer_results
    from leukbench.verdicts.rule import decide

    papers = [load_paper(key) for key in params.papers]
    _check_frozen(params, {claim: printed for paper in papers for claim, printed in paper.headlines().items()})
    experiments = evaluated_experiments(params)
    accused = frozenset(c for f in read_findings(params) if f.status == "inconsistent" for c in f.accused)
    questions = [q for paper in papers for q in questions_of(paper, experiments, accused)]
    verdicts = decide(questions, margin=params.verdicts.margin, alpha=params.verdicts.alpha)
    tables = {
        name: read_predictions(experiment_file(params, "predictions", name, ".parquet")) for name in params.experiments
    }
    result = {
        "margin": params.verdicts.margin,
        "alpha": params.verdicts.alpha,
        "questions": {q.claim: q for q in questions},
        "verdicts": verdicts,
        "gaps": protocol_gaps(params, tables),
        "contrasts": arm_contrasts(params, tables),
        "shortcuts": shortcuts(params, tables),
        "transfers": transfer_results(params),
    }
    write_text(out_folder(params.profile, "verdicts.json"), json_text(result))
    return f"{len(verdicts)} claims compared"


def _check_frozen(params: Params, headlines: dict[str, str]) -> None:
    """Raise InputError where margin, alpha or headline claims are not those that were frozen before results existed."""
    from leukbench.errors import InputError
    from leukbench.verdicts.rule import frozen_digest

    now = frozen_digest(params.verdicts.margin, params.verdicts.alpha, headlines)
    if params.verdicts.sha256 != now:
        raise InputError(
            "margin, alpha or headline claims differ from those that were frozen",
            where="params.yaml, verdicts.sha256",
            expected=params.verdicts.sha256 or "a hash",
            found=now,
            do="restore them; or, where no result exists yet or a figure was transcribed wrongly, put the found hash there",
        )


# -------------------------------------------------------------------------------------------------------- report


def main_estimates(estimates: Sequence[Estimate]) -> dict[str, Estimate]:
    """Return the overall accuracy, balanced accuracy, MCC, macro F1 and AUC of an arm by metric name."""
    wanted: dict[str, Estimate] = {}
    for e in estimates:
        if e.class_ == "" and e.aggregation in {"pooled", "mean"} and e.average in {"none", "macro"}:
            wanted.setdefault(e.metric, e)
    return wanted
