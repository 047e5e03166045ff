"""The stage ``audit``, and the audit of any paper: could the printed figures be true together?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.params import Params
from leukbench.paths import out_folder, write_text
from leukbench.pipeline.frozen import check_frozen
from leukbench.records import json_text

if TYPE_CHECKING:
    from leukbench.papers.schema import Paper


def audit_power(experiments: int, *, honest: int | None, seed: int, sets: int = 0) -> str:
    """Return the page of false alarms and detection rates of the audit's checks.

    ``sets``: how many sets of figures are made as libraries print them.
    """
    from leukbench.audit.power.conventions import tally
    from leukbench.audit.power.rates import power_table
    from leukbench.audit.render import render_power

    rows = power_table(experiments, seed, honest=honest)
    return render_power(rows, seed=seed, sets=tally(sets, seed) if sets else None)


def audit(files: Sequence[Path], papers: Sequence[str], format: str) -> tuple[str, bool]:
    """Return the audit's text and whether anything is inconsistent."""
    from leukbench.audit.findings import audit_papers
    from leukbench.audit.render import render_markdown, to_json
    from leukbench.papers.files import paper_keys
    from leukbench.papers.loader import load_paper

    chosen = [*papers, *map(str, files)] or paper_keys()
    loaded = [load_paper(key) for key in chosen]
    findings = audit_papers(loaded)
    text = render_markdown(findings, loaded) if format == "md" else to_json(findings)
    return text, any(f.status == "inconsistent" for f in findings)


def audit_stage(params: Params) -> str:
    """Write the findings on the profile's papers, ``reports/audit.md`` over the papers that are publications, and each
    paper without its claims, on which the stages depend that a claim does not concern.

    Raises InputError, before anything is trained, where margin, alpha or headlines are not those that were frozen.
    """
    from leukbench.audit.findings import audit_papers
    from leukbench.audit.render import render_markdown, to_json
    from leukbench.papers.files import paper_keys
    from leukbench.papers.loader import load_paper
    from leukbench.paths import workspace

    papers = {key: load_paper(key) for key in dict.fromkeys([*params.papers, *paper_keys()])}
    check_frozen(params.verdicts, [papers[key] for key in params.papers])
    found = {key: audit_papers([paper]) for key, paper in papers.items()}
    findings = [finding for key in params.papers for finding in found[key]]
    write_text(out_folder(params.profile, "findings.json"), to_json(findings) + "\n", summed=True)
    for key in params.papers:
        write_text(
            out_folder(params.profile, "papers", f"{key}.json"), json_text(without_claims(papers[key])), summed=True
        )
    published = [finding for key in paper_keys() for finding in found[key]]  # the page is one for all profiles
    page = render_markdown(published, [papers[key] for key in paper_keys()], facts="papers/{key}-facts.md")
    write_text(workspace() / "reports" / "audit.md", page)
    return f"{len(findings)} findings on {len(params.papers)} papers"


def without_claims(paper: Paper) -> dict[str, Any]:
    """Return what of a paper decides its runs and its parameter counts: of the claims only the printed counts."""
    from hashlib import sha256

    from leukbench.papers.files import paper_file
    from leukbench.parameters.printed import printed_counts

    networks = paper_file(paper.key).with_name("model.py")
    return {
        **paper.model_dump(mode="json", include={"studies", "networks", "recipes", "arms"}),
        "printed_counts": [claim.model_dump(mode="json") for claim in printed_counts(paper)],
        "model_sha256": sha256(networks.read_bytes()).hexdigest(),
    }
