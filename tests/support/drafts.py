"""Files whose tables are drafted and audited."""

from __future__ import annotations

from pathlib import Path

from leukbench.audit.findings import audit_papers
from leukbench.tools.draft.audit import drafts_of


def text_file(folder: Path, name: str, text: str) -> Path:
    """Return a file of this name with this text."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def doubts(file: Path, classes: str = "") -> list[str]:
    """Return the checks that call a figure of a file inconsistent or implausible, one entry a finding."""
    papers = [draft.paper() for draft in drafts_of(file, classes)]
    return [f.check for f in audit_papers(papers) if f.status in {"inconsistent", "implausible"}]
