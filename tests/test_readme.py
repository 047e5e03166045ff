"""README.md: its first lines are those of the committed index, written by a command, and it is two screens at most."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from docs import readme
from tests.support.browser import CHROMIUM, measured

WIDTH, SCREEN = 1012, 900
"""The column of a host of repositories, and the height of a screen of 1,280 pixels."""
STYLE = f"""
body {{ margin: 0; width: {WIDTH}px; font: 16px/1.5 Helvetica, Arial, sans-serif; overflow-wrap: break-word }}
h1, h2 {{ margin: 24px 0 16px; padding-bottom: .3em; border-bottom: 1px solid; line-height: 1.25 }}
h1 {{ font-size: 2em; margin-top: 0 }}
p, ul, table, pre, details {{ margin: 0 0 16px }}
table {{ border-collapse: collapse }}
td, th {{ padding: 6px 13px; border: 1px solid }}
pre {{ padding: 16px; font-size: 85%; line-height: 1.45; overflow: auto }}
pre code {{ font-size: 100% }}
code {{ font-size: 85% }}
img {{ max-width: 100% }}
"""
INDEX = """# Title

**2 papers** ([all](audit.md), [out](https://a.org)).

| a | b | c | d | e |
|---|---|---|---|---|
| [1](p.md) | 2 | 3 | 4 | 5 |

Brackets are intervals.
"""
BLOCK = """**2 papers** ([all](reports/audit.md), [out](https://a.org)).

| a | b | c | d |
|---|---|---|---|
| [1](reports/p.md) | 2 | 3 | 4 |"""


def test_the_readme_opens_with_the_lines_of_the_committed_index() -> None:
    text = (readme.ROOT / "README.md").read_text(encoding="utf-8")
    index = (readme.ROOT / "reports" / "index.md").read_text(encoding="utf-8")
    assert text == readme.with_block(text, index), "run make pages and commit README.md"
    assert '<img src="reports/' in text.split("## ")[0]


def test_the_lines_of_an_index_are_written_between_the_marks_and_nowhere_else() -> None:
    page = f"# R\n\n[x](y.md)\n{readme.START}old\n\n| o |{readme.END}\n\nrest\n"
    made = readme.with_block(page, INDEX)
    assert made == page.replace("old\n\n| o |", BLOCK)
    assert readme.with_block(made, INDEX) == made
    with pytest.raises(ValueError, match="lost its marks"):
        readme.with_block("# R\n", INDEX)


def test_the_command_writes_the_readme_of_its_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "index.md").write_text(INDEX, encoding="utf-8")
    (tmp_path / "README.md").write_text(f"# R\n{readme.START}{readme.END}\n", encoding="utf-8")
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    readme.main()
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == f"# R\n{readme.START}{BLOCK}{readme.END}\n"
    rules = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "docs.readme" in rules.split("\npages:")[1].split("\n\n")[0]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_readme_is_two_screens_at_most(tmp_path: Path) -> None:
    text = (readme.ROOT / "README.md").read_text(encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    body = re.sub(r'src="([^"]+)"', lambda m: f'src="{(readme.ROOT / m[1]).as_uri()}"', body)
    page = tmp_path / "readme.html"
    page.write_text(f"<!DOCTYPE html><meta charset=utf-8><style>{STYLE}</style><body>{body}</body>", encoding="utf-8")
    seen = measured(page, 1280, "({ tall: document.body.getBoundingClientRect().height })", tmp_path)
    assert SCREEN < float(str(seen["tall"])) <= 2 * SCREEN
