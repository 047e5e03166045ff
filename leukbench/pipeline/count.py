"""The stage ``count``: claimed parameter counts beside ours."""

from __future__ import annotations

from leukbench.parameters.page import count_parameters_of
from leukbench.params import Params
from leukbench.paths import out_folder, write_text
from leukbench.records import json_text


def count_stage(params: Params) -> str:
    """Write ``out/<profile>/parameters.json``: the counts of the profile's papers."""
    rows = count_parameters_of(params.papers)
    write_text(out_folder(params.profile, "parameters.json"), json_text(rows), summed=True)
    explained = sum(row["difference"] == "0" for row in rows)
    return f"{len(rows)} parameter counts, {explained} explained"
