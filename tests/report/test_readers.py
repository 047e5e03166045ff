"""Four readers of the real site at 1,280 pixels: each has its answer within one click and two screens."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.audit.render import render_markdown
from leukbench.papers.files import paper_keys
from leukbench.pipeline.site import AS_THEY_ARE, gather_site
from leukbench.report.pages import site_pages
from leukbench.report.site import html_site
from tests.support.browser import CHROMIUM, measured

REPORTS = Path(__file__).parents[2] / "reports"
WIDTH, SCREEN = 1280, 900
PLACES = """(() => {
  const top = (part) => part.getBoundingClientRect().top / SCREEN;
  const links = (word) => [...document.querySelectorAll("main a")].filter((a) => a.getAttribute("href").includes(word));
  const said = (word) => [...document.querySelectorAll("main p, main li, main td")].filter((p) =>
    p.textContent.includes(word) && !p.closest("details:not([open])")).map(top);
  return {
    findings: links("audit.html#").map(top), data: links("datapackage.json").map(top),
    hospital: said("For a hospital: "), moved: said("leukbench diff"),
    true: said("Could it be true?"), each: said("Of each class called right"), settle: said("What would settle it"),
    anchors: links("audit.html#").map((a) => decodeURIComponent(a.hash.slice(1))),
    ids: [...document.querySelectorAll("[id]")].map((part) => part.id),
  };
})()""".replace("SCREEN", str(SCREEN))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the committed results, as the code of now writes it."""
    known = gather_site(REPORTS)
    pages = site_pages(known)
    kept = {name: (REPORTS / name).read_text(encoding="utf-8") for name in AS_THEY_ARE}
    kept["audit.md"] = render_markdown(known.findings, list(known.papers.values()))
    folder = tmp_path_factory.mktemp("site")
    for path, text in html_site({**pages, **kept}, REPORTS, folder).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_each_reader_has_an_answer_within_one_click_and_two_screens(site: Path, tmp_path: Path) -> None:
    first = measured(site / "index.html", WIDTH, PLACES, tmp_path)
    rows = first["findings"]
    assert len(rows) >= 7 and max(rows) <= 1.2, "a reviewer: what is found of each headline, on the first screen"
    audit = measured(site / "audit.html", WIDTH, PLACES, tmp_path)
    assert set(first["anchors"]) <= set(audit["ids"]), "one click further: its arithmetic"
    assert first["data"] and max(first["data"]) <= 2, "a meta-researcher: every figure as data, with a dictionary"
    assert max(first["hospital"]) <= 0.5, "a hospital: whether there is any evidence"
    assert first["moved"] and max(first["moved"]) <= 2, "a maintainer: how to see what moved"
    for key in paper_keys():
        page = measured(site / "papers" / f"{key}.html", WIDTH, PLACES, tmp_path)
        assert page["true"] and page["settle"] and max(*page["true"], *page["settle"], *page["each"]) <= 2, key
