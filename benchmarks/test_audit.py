"""How long the audit of every paper of the ledger takes."""

from __future__ import annotations

from benchmarks.conftest import Compare, Way
from leukbench.audit.findings import audit_papers
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper


def test_an_audit_of_every_paper(compare: Compare) -> None:
    papers = [load_paper(key) for key in paper_keys()]
    compare("audit of every paper", Way(lambda: audit_papers(papers), len(papers)), {}, unit="papers", limit_s=10.0)
