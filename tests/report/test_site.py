"""The HTML site: self-contained, with working links, labelled tables; and what a real browser makes of it."""

from __future__ import annotations

import json
import os
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from leukbench.report.site import html_site
from tests.support.browser import CHROMIUM, chromium

UNBROKEN = "a_long_word_" + "x" * 120
PAGES = {
    "index.md": (
        "# First\n\n[A paper](papers/one.md#what-it-says), [the file](papers/README.txt), [out](https://doi.org/10.1/x)."
        "\n\n| study | accuracy % | what |\n|---|---|---|\n"
        + "".join(f"| s{k} | {k}.5 | {'long text ' * 8} |\n" for k in range(9))
    ),
    "papers/one.md": (
        "# One\n\n## What it says\n\n![A dot at 5](../made/figures/dot.svg)\n\n## What it says\n\n<details>"
        f"<summary>more</summary>\n\n| `key` |\n|---|\n| {UNBROKEN} |\n\n</details>\n\n[back](../index.md)\n"
    ),
    "papers/one-facts.md": "# Facts\n\n[its page](one.md)\n",
}
AXE = os.environ.get("LEUKBENCH_AXE", "")
"""A copy of axe.min.js, for those who have one."""
PROBE = """
document.querySelectorAll("details").forEach((d) => { d.open = true; });
const seen = {
  wide: document.documentElement.scrollWidth,
  screen: innerWidth,
  buttons: document.querySelectorAll("th button").length,
  filters: document.querySelectorAll(".filter").length,
};
const told = (serious) => parent.postMessage(JSON.stringify({ ...seen, serious }), "*");
const grave = (v) => ["serious", "critical"].includes(v.impact);
if (window.axe) axe.run().then((r) => told(r.violations.filter(grave).map((v) => v.id)));
else told([]);
"""
LISTEN = """
addEventListener("message", (e) => {
  const p = document.createElement("pre");
  p.id = "seen";
  p.textContent = e.data;
  document.body.append(p);
});
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of three pages with a figure, a long table and a word that does not break."""
    folder = tmp_path_factory.mktemp("site")
    figure = folder / "reports" / "made" / "figures" / "dot.svg"
    figure.parent.mkdir(parents=True)
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="30"><circle cx="5" cy="5" r="4"/></svg>'
    figure.write_text(svg, encoding="utf-8")
    for path, text in html_site(PAGES, folder / "reports", folder / "site").items():
        file = folder / "site" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder / "site"


class Reader(HTMLParser):
    """What a page asks for, links to, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.asked: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.tags.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values.get("href", ""))
        self.asked += [values[key] for key in ("src", "srcset", "data") if key in values]
        if tag == "link":
            self.asked.append(values["href"])


def pages_of(site: Path) -> dict[Path, Reader]:
    return {file.resolve(): Reader(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}


def test_a_page_asks_nothing_of_anybody_and_forbids_itself_to(site: Path) -> None:
    for reader in pages_of(site).values():
        assert all(url.startswith("data:") for url in reader.asked), reader.asked
        policy = next(values["content"] for tag, values in reader.tags if tag == "meta" and "http-equiv" in values)
        assert policy.startswith("default-src 'none'")


def test_style_and_script_stand_in_a_page_as_they_were_written(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    for part in ("style", "script"):
        (inside,) = re.findall(f"<{part}>(.*?)</{part}>", text, re.DOTALL)
        assert len(inside) > 500 and not re.search(r"&(gt|lt|amp|#3\d|quot);", inside)


def test_every_internal_link_answers(site: Path) -> None:
    pages = pages_of(site)
    for file, reader in pages.items():
        inside = [link for link in reader.links if "://" not in link]
        assert inside
        for link in inside:
            path, _, anchor = link.partition("#")
            target = (file.parent / path).resolve() if path else file
            if target.suffix == ".html":
                assert target in pages and (not anchor or anchor in pages[target].ids), link
    outside = [link for link in pages[(site / "index.html").resolve()].links if "README" in link]
    assert outside == ["../reports/papers/README.txt"]


@pytest.mark.parametrize("to", ["site", "elsewhere/deep/site", "reports/html"])
def test_a_link_to_a_file_that_is_no_page_leads_to_it_from_wherever_the_site_lies(tmp_path: Path, to: str) -> None:
    pages = dict.fromkeys(("index.md", "papers/one.md"), "# A\n\n[table](../made/estimates.csv)\n")
    pages["index.md"] = "# A\n\n[table](made/estimates.csv), [cited](../CITATION.cff)\n"
    for name in ("reports/made/estimates.csv", "CITATION.cff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for path, text in html_site(pages, tmp_path / "reports", tmp_path / to).items():
        lead = [link for link in Reader(text).links if link.endswith((".csv", ".cff"))]
        assert lead and all(Path(os.path.normpath(tmp_path / to / path / ".." / link)).is_file() for link in lead), lead


def test_equal_headings_have_ids_of_their_own_and_contents_name_each(site: Path) -> None:
    text = (site / "papers" / "one.html").read_text(encoding="utf-8")
    reader = Reader(text)
    assert len(reader.ids) == len(set(reader.ids)) and {"what-it-says", "what-it-says-1"} <= set(reader.ids)
    assert 'href="#what-it-says-1"' in text and 'aria-current="page">one<' in text
    assert 'href="one-facts.html"' in text and 'one-facts.html"' not in (site / "index.html").read_text(
        encoding="utf-8"
    )


def test_figures_and_tables_can_be_read_without_seeing_them(site: Path) -> None:
    reader = Reader((site / "papers" / "one.html").read_text(encoding="utf-8"))
    (image,) = [values for tag, values in reader.tags if tag == "img"]
    assert image["alt"] == "A dot at 5" and image["src"].startswith("data:image/svg+xml;base64,")
    regions = [values for _, values in reader.tags if values.get("role") == "region"]
    assert regions and all(values["tabindex"] == "0" and values["aria-label"] for values in regions)
    assert [values["data-label"] for tag, values in reader.tags if tag == "td"] == ["key"]
    assert all(values.get("scope") == "col" for tag, values in reader.tags if tag == "th")


def in_browser(page: Path, width: int, folder: Path) -> dict[str, object]:
    """Return what a headless browser measures of a page in a frame, all parts open; and what axe says, if here."""
    text = page.read_text(encoding="utf-8")
    axe = f"<script>{Path(AXE).read_text(encoding='utf-8')}</script>" if AXE else ""
    probe = f"{axe}<script>{PROBE}</script>"
    frame = text.replace("</body>", f"{probe}</body>").replace("&", "&amp;").replace('"', "&quot;")
    outer = f'<body><script>{LISTEN}</script><iframe width={width} height=900 srcdoc="{frame}"></iframe>'
    file = folder / f"{page.stem}-{width}.html"
    file.write_text(outer, encoding="utf-8")
    made = chromium("--dump-dom", "--window-size=1600,1200", file.as_uri(), folder=folder)
    found = re.search(r'<pre id="seen">(.*?)</pre>', made, re.DOTALL)
    assert found, made[-500:]
    seen: dict[str, object] = json.loads(unescape(found[1]))
    return seen


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["index.html", "papers/one.html"])
def test_no_page_scrolls_sideways_in_a_browser(site: Path, tmp_path: Path, name: str, width: int) -> None:
    seen = in_browser(site / name, width, tmp_path)
    assert seen["screen"] == width and int(str(seen["wide"])) <= width
    assert seen["serious"] == []
    if name == "index.html":
        assert seen["buttons"] == 3 and seen["filters"] == 1
