"""The pages as HTML: a folder that opens from a disk, asks no other host for anything, and holds its figures itself."""

from __future__ import annotations

import base64
import html
import itertools
import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token

from leukbench.report.format import anchor

_KINDS = {".svg": "image/svg+xml", ".png": "image/png"}
_NAMES = {
    "index.md": "First page",
    "datasets.md": "Datasets",
    "data.md": "Data, in full",
    "audit.md": "Audit",
    "method.md": "Method and glossary",
    "selftest.md": "Self-test",
    "smoke.md": "Made images",
    "runs.md": "Runs",
}
"""What the contents call a page; others go by the paper's key."""
_SHORT = 26
"""Characters of a cell that fit beside its column's name on a telephone."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading of a page, as its contents show it."""

    level: int
    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Link:
    """An entry of the contents; ``here``: it is the page that is open."""

    href: str
    name: str
    here: bool


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where a page's links and figures lie; ``beside``: the way from the site to the folder of reports."""

    pages: frozenset[str]
    reports: Path
    beside: str


def html_site(pages: Mapping[str, str], reports: Path, to: Path) -> dict[str, str]:
    """Return each page as a self-contained HTML file, path -> text.

    Parameters
    ----------
    pages
        Path below the site -> Markdown; links between them are relative and end in ``.md``.
    reports
        The folder that figures are relative to, where a page of the same path would lie.
    to
        Where the site will lie: links to files that are no pages lead from there to ``reports``.
    """
    loader = PackageLoader("leukbench.report", "templates")
    environment = Environment(loader=loader, undefined=StrictUndefined, autoescape=True, trim_blocks=True)
    assert environment.loader is not None
    style, script = (environment.loader.get_source(environment, f"page.{kind}")[0] for kind in ("css", "js"))
    template = environment.get_template("page.html.j2")
    made, files = {}, Files(pages=frozenset(pages), reports=reports, beside=_between(to, reports))
    for path, text in pages.items():
        body, sections = _body(text, path, files)
        made[_html_path(path)] = template.render(
            title=_title(text), style=style, script=script, body=body, sections=sections, links=_links(path, pages)
        )
    return made


def _between(to: Path, reports: Path) -> str:
    """Return the way from the site to the folder of reports, as a link has it."""
    return Path(os.path.relpath(reports.resolve(), to.resolve())).as_posix()


def _html_path(path: str) -> str:
    return f"{path.removesuffix('.md')}.html"


def _title(text: str) -> str:
    return next((line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")), "leukbench")


def _links(here: str, pages: Iterable[str]) -> list[Link]:
    """Return the contents: the first page, the papers, then the rest; sub-pages of a paper only while it is open."""
    papers = sorted((p for p in pages if p.startswith("papers/")), key=lambda p: p.removesuffix(".md"))
    order = ["index.md", *papers, *(n for n in _NAMES if n != "index.md")]
    paper = here.removesuffix(".md").split("-")[0]
    shown = [
        path
        for path in order
        if path in set(pages) and ("-" not in path or path.removesuffix(".md").split("-")[0] == paper)
    ]
    start = posixpath.dirname(here) or "."
    return [
        Link(
            href=posixpath.relpath(_html_path(path), start),
            name=_NAMES.get(path, posixpath.basename(path).removesuffix(".md").replace("-", ": ")),
            here=path == here,
        )
        for path in shown
    ]


_FOREIGN = re.compile(r"<(?!/?(?:details|summary)>|br>)")


def _body(text: str, path: str, files: Files) -> tuple[str, list[Section]]:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(text)
    _only_our_html(tokens)
    sections = _number_headings(tokens)
    _mark_tables(tokens)
    for token in tokens:
        for child in token.children or ():
            _mend(child, path, files)
    return str(parser.renderer.render(tokens, parser.options, {})), [s for s in sections if s.level in {2, 3}]


def _only_our_html(tokens: Iterable[Token]) -> None:
    """Turn into text whatever HTML is none of the tags that our pages use: a name is nobody's markup."""
    for token in tokens:
        if token.type in {"html_block", "html_inline"}:
            token.content = _FOREIGN.sub("&lt;", token.content)
        _only_our_html(token.children or ())


def _number_headings(tokens: list[Token]) -> list[Section]:
    """Give each heading the id that GitHub gives it, and return them in order."""
    found: list[Section] = []
    taken: dict[str, int] = {}
    for opening, inline in itertools.pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = "".join(child.content for child in inline.children or () if child.type in {"text", "code_inline"})
        slug = anchor(text)
        count = taken.get(slug, 0)
        taken[slug] = count + 1
        opening.attrSet("id", f"{slug}-{count}" if count else slug)
        found.append(Section(level=int(opening.tag[1]), id=str(opening.attrGet("id")), text=text))
    return found


def _mark_tables(tokens: list[Token]) -> None:
    """Wrap each table in a region that scrolls by itself, and label cells by their column for narrow screens."""
    heads: list[str] = []
    column, last_heading = 0, "the page"
    for place, token in enumerate(tokens):
        inside = tokens[place + 1].content if place + 1 < len(tokens) else ""
        if token.type == "heading_open":
            last_heading = inside
        elif token.type == "table_open":
            heads = []
            token.meta["label"] = _plain(last_heading)
            token.attrSet("role", "table")
        elif token.type == "tr_open":
            column = 0
            token.attrSet("role", "row")
        elif token.type in {"thead_open", "tbody_open"}:
            token.attrSet("role", "rowgroup")
        elif token.type == "th_open":
            heads.append(_plain(inside))
            token.attrSet("scope", "col")
            token.attrSet("role", "columnheader")
        elif token.type == "td_open":
            token.attrSet("data-label", heads[column] if column < len(heads) else "")
            if len(re.sub(r"\]\([^)]*\)", "", inside)) <= _SHORT:
                token.attrSet("class", "short")
            token.attrSet("role", "cell")
            column += 1
    _wrap(tokens)


def _wrap(tokens: list[Token]) -> None:
    number = 0
    for place in range(len(tokens) - 1, -1, -1):
        token = tokens[place]
        if token.type == "table_close":
            tokens.insert(place + 1, Token("html_block", "", 0, content="</div>\n"))
        elif token.type == "table_open":
            number += 1
            label = html.escape(f"Table {number} from the end, under: {token.meta['label']}", quote=True)
            opening = f'<div class="table" role="region" tabindex="0" aria-label="{label}">\n'
            tokens.insert(place, Token("html_block", "", 0, content=opening))


def _plain(markdown: str) -> str:
    return re.sub(r"[*`]|<[^>]*>", " ", markdown).strip()


def _mend(child: Token, path: str, files: Files) -> None:
    """Point links to pages of the site, and put figures into the page."""
    folder = posixpath.dirname(path)
    if child.type == "link_open":
        target, _, anchor = str(child.attrGet("href")).partition("#")
        if posixpath.normpath(posixpath.join(folder, target)) in files.pages:
            child.attrSet("href", _html_path(target) + (f"#{anchor}" if anchor else ""))
        elif target and "://" not in target:
            up = posixpath.relpath(".", folder or ".")
            child.attrSet("href", posixpath.normpath(posixpath.join(up, files.beside, folder, target)))
    elif child.type == "code_inline":
        parts = re.split(r"(?<=[._/:])", child.content)
        child.type, child.content = "html_inline", f"<code>{'<wbr>'.join(map(html.escape, parts))}</code>"
    elif child.type == "image":
        file = files.reports / posixpath.normpath(posixpath.join(folder, str(child.attrGet("src"))))
        kind = _KINDS[file.suffix]
        child.attrSet("src", f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}")
