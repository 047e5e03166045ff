"""The stage ``site``: all profiles' results, the audit and what is known of the data, as pages that people read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from leukbench.artefacts import from_plain
from leukbench.params import load_params
from leukbench.paths import workspace, workspace_at, write_text
from leukbench.pipeline.record import RECORD, read_record, unpack
from leukbench.pipeline.report import gather
from leukbench.report.data import ReportData
from leukbench.report.leaks import leaks_of
from leukbench.report.pages import Site, site_pages
from leukbench.report.pictures import Shown, pictures_text, shown_files
from leukbench.report.site import html_site

ORDER = ("first-verdicts", "next-verdicts", "real-cpu", "controls", "embedded", "baselines")
"""Profiles in the order of reading; others stand between the real ones and those of made images."""
AS_THEY_ARE = ("audit.md", "data.md")
"""Pages that other commands write into ``reports/``; the site shows them too."""


def gather_site(reports: Path) -> Site:
    """Return everything that the pages show, from a folder of reports alone: no run and no image is needed."""
    from leukbench.audit.findings import audit_papers
    from leukbench.papers.facts import load_facts
    from leukbench.papers.files import paper_keys
    from leukbench.papers.loader import load_paper
    from leukbench.report.checklists import checklist
    from leukbench.report.facts import fact_sheet

    papers = {key: load_paper(key) for key in paper_keys()}
    sheets = {key: load_facts(paper) for key, paper in papers.items()}
    data_page = reports / "data.md"
    return Site(
        profiles=tuple(_profiles(reports)),
        papers=papers,
        findings=tuple(audit_papers(list(papers.values()))),
        leaks=leaks_of(data_page.read_text(encoding="utf-8")) if data_page.is_file() else {},
        facts={key: fact_sheet(papers[key], sheet) for key, sheet in sheets.items()},
        checklists={key: checklist(papers[key], sheet) for key, sheet in sheets.items()},
        pictures={key: pictures_text(papers[key], sheet, _shown(reports, key)) for key, sheet in sheets.items()},
    )


def _shown(reports: Path, paper: str) -> list[Shown]:
    """Return where the networks of a paper's runs were measured to look, of all profiles."""
    found = [
        from_plain(Shown, json.loads(file.read_text(encoding="utf-8")), where=str(file))
        for file in shown_files(reports)
    ]
    return [shown for shown in found if shown.paper == paper]


def _profiles(reports: Path) -> Iterator[ReportData]:
    folders = sorted((file.parent for file in reports.glob(f"*/{RECORD}")), key=lambda folder: _place(folder.name))
    for folder in folders:
        with tempfile.TemporaryDirectory() as temporary:
            unpack(read_record(folder), folder, Path(temporary))
            with workspace_at(Path(temporary)):
                yield gather(load_params())


def _place(profile: str) -> tuple[float, str]:
    return (float(ORDER.index(profile)) if profile in ORDER else ORDER.index("embedded") - 0.5, profile)


def write_site(to: Path, *, html: bool) -> str:
    """Write the pages below ``to``: as Markdown, or as a site of HTML pages that ask nothing of any other host."""
    reports = workspace() / "reports"
    pages = site_pages(gather_site(reports), inline=html)
    if html:
        kept = {
            name: (reports / name).read_text(encoding="utf-8") for name in AS_THEY_ARE if (reports / name).is_file()
        }
        files = html_site({**pages, **kept}, reports, to)
    else:
        files = pages
    for path, text in files.items():
        write_text(to / path, text)
    return f"{to}: {len(files)} pages"
