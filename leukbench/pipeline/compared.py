"""Verdicts and what they were made from; the room of the compare stage and of those that show what it wrote."""

from __future__ import annotations

from leukbench.errors import DataError
from leukbench.papers.files import paper_file
from leukbench.params import Params
from leukbench.paths import out_folder, sha256_of
from leukbench.pipeline.layout import experiment_file, read_json, read_record
from leukbench.pipeline.results import results_of
from leukbench.records import digest
from leukbench.verdicts.comparison import Comparison


def compared_from(params: Params) -> str:
    """Return the digest of what verdicts are made from: receipts, estimates, findings, margin and alpha."""
    made = {name: result.receipt_digest for name, result in results_of(params).items()}
    estimates = {name: experiment_file(params, "estimates", name, ".json") for name in params.experiments}
    read = {"findings": (out_folder(params.profile, "findings.json"), "audit")}
    read |= {f"estimates of {name}": (file, "evaluate") for name, file in estimates.items()}
    made |= {what: digest(read_json(file, stage=stage)) for what, (file, stage) in read.items()}
    made |= {f"paper {key}": sha256_of(paper_file(key)) for key in params.papers}
    return digest({**made, "verdicts": params.verdicts.model_dump()})


def read_comparison(params: Params) -> Comparison:
    """Return the verdicts of the compare stage.

    Raises
    ------
    DataError
        Where they were made from other results, findings or papers, or with another margin.
    """
    file = out_folder(params.profile, "verdicts.json")
    found = read_record(Comparison, file, stage="compare")
    if found.made_from and found.made_from != (now := compared_from(params)):
        raise DataError(
            "verdicts are of other estimates, findings, papers or margins than there are now", where=str(file),
            expected=f"what has the digest {now}", found=f"made from what had {found.made_from}",
            do="run the compare stage (leukbench compare), and what follows it; or put params.yaml back",
        )  # fmt: skip
    return found
