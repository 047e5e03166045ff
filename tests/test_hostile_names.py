"""Names that mean harm, in class names, file names, patients and claims: through pages, HTML, CSV and the terminal."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from leukbench import cli
from leukbench.report.format import page_table, table
from leukbench.report.site import html_site
from tests.support.pictures_folder import made_up

HOSTILE = {
    "bar": "a|b",
    "backtick": "a`b",
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "link": "[a](javascript:alert(1))",
    "break": "a\n# b",
    "direction": "a\u202eb\u200fc",
    "escape": "a\x1b[31mb\x1b]0;c\x07",
    "comment": "<!-- a",
}
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["leukbench", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


class Tags(HTMLParser):
    """The tags of a page, with their attributes, and where links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))


def harmless(page: str, *, scripts: int = 0) -> bool:
    """Say whether a page of HTML runs nothing but the scripts of its own."""
    tags = Tags(page).found
    handlers = [name for _, attrs in tags for name in attrs if name.startswith("on")]
    links = [link for _, attrs in tags for link in (attrs.get("href"), attrs.get("src")) if link]
    leads_out = [link for link in links if link.strip().lower().startswith("javascript:")]
    return [t for t, _ in tags].count("script") == scripts and "img" not in dict(tags) and not handlers + leads_out


def one_grid(markdown: str) -> bool:
    """Say whether every table of a page has as many cells in each row as in its first."""
    rows = [len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0 for line in markdown.splitlines()]
    return all(not (a and b) or a == b for a, b in itertools.pairwise(rows))


def site_of(markdown: str, tmp_path: Path) -> str:
    return html_site({"index.md": markdown}, tmp_path, tmp_path)["index.html"]


OWN_SCRIPTS = 1
"""Scripts of the site's own template."""


def test_a_site_keeps_the_tags_of_its_own_and_turns_all_others_into_text(tmp_path: Path) -> None:
    rows = [{"name": name, "states": "one<br>two", "code": "`<class>`"} for name in HOSTILE.values()]
    text = f"# A page\n\n{page_table(rows)}\n\n<details><summary>more</summary>\n\n{table(rows)}\n\n</details>\n\n"
    assert one_grid(text) and not ODD.search(text)
    text += "\n\n".join(name.replace("\n", " ") for name in HOSTILE.values())
    page = site_of(text, tmp_path)
    assert harmless(page, scripts=OWN_SCRIPTS)
    kept, template = ([tag for tag, _ in Tags(p).found] for p in (page, site_of("# A page\n", tmp_path)))
    assert [kept.count(tag) - template.count(tag) for tag in ("details", "summary", "br")] == [1, 1, 2 * len(rows)]
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2 and "<code>&lt;class&gt;</code>" in page


def test_scores_of_hostile_classes_patients_and_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [*HOSTILE.values()]
    file = tmp_path / "predictions <b>\x1b[31m.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = [(f"{name}{n}", name, names[(k + n // 5) % len(names)], f"{name}p{n % 4}")
                for k, name in enumerate(names) for n in range(6)]  # fmt: skip
        csv.writer(out).writerows([("image_id", "label", "predicted", "patient"), *rows])
    assert run(monkeypatch, "score", file) == 0
    said = capsys.readouterr().out
    assert not ODD.search(said) and one_grid(said) and "\\u001b[31m" in said
    assert harmless(site_of(said, tmp_path), scripts=OWN_SCRIPTS)
    assert run(monkeypatch, "score", file, "--format", "json") == 0
    plain = capsys.readouterr().out
    assert not ODD.search(plain)
    assert set(json.loads(plain)["classes"]) == set(names)  # escaped for the terminal, and the same names


def test_a_split_of_hostile_files_patients_and_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    names = [name.replace("/", "") for name in HOSTILE.values()]
    rows = []
    for n, name in enumerate(names * 2):
        (folder / f"{n}{name}.png").write_bytes(bytes(cv2.imencode(".png", made_up(n))[1]))
        rows.append((f"{n}{name}.png", "train" if n < len(names) else "test", name, f"{name}p"))
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([("filename", "split", "label", "patient"), *rows])
    given = ("check-split", tmp_path / "t.csv", "--images", folder, "--out", tmp_path / "out")
    assert run(monkeypatch, *given) == 1  # every patient is on both sides
    said = capsys.readouterr()
    assert not ODD.search(said.out + said.err) and one_grid(said.out)
    assert harmless(site_of(said.out, tmp_path), scripts=OWN_SCRIPTS)
    assert run(monkeypatch, *given, "--format", "html") == 1
    assert harmless(capsys.readouterr().out)
    with (tmp_path / "out" / "shared.csv").open(newline="", encoding="utf-8") as shared:
        written = [*csv.reader(shared)]
    assert {len(row) for row in written} == {len(written[0])}
    assert {f"{name}p" for name in names} <= {cell for row in written for cell in row}


def test_a_paper_whose_names_mean_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (HOSTILE["bar"], HOSTILE["backtick"], HOSTILE["script"], HOSTILE["image"], HOSTILE["link"]):
        cells = [name.replace("|", "\\|"), "91.2", "0.95"]
        text = f"Table 1: {name}\n\n| Model | Accuracy (%) | Recall |\n|---|---|---|\n| {' | '.join(cells)} |\n"
        (tmp_path / "a.md").write_text(text + "| B | 191.2 | 0.9 |\n", encoding="utf-8")
        assert run(monkeypatch, "draft", tmp_path / "a.md", "--key", "mine") == 0
        (tmp_path / "paper.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
        assert run(monkeypatch, "audit", tmp_path / "paper.yaml") == 0
        said = capsys.readouterr().out
        assert "191.2" in said and one_grid(said) and not ODD.search(said)
        assert harmless(site_of(said, tmp_path), scripts=OWN_SCRIPTS)


@pytest.mark.parametrize("command", ["audit", "score", "check-split"])
def test_an_error_about_a_hostile_name_steers_no_terminal(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"{HOSTILE['escape']}{HOSTILE['direction']}.csv"
    assert run(monkeypatch, command, file) == 2
    file.write_text(f"image_id,label\n{HOSTILE['escape']},{HOSTILE['direction']}\n", encoding="utf-8")
    assert run(monkeypatch, command, file) == 2
    said = capsys.readouterr().err
    assert "\\u001b[31m" in said and not ODD.search(said)


def test_a_file_name_that_is_no_text_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "test"):
        (tmp_path / "images" / part / "A").mkdir(parents=True)
        image = np.full((20, 20, 3), 9, np.uint8)
        (tmp_path / "images" / part / "A" / "1.png").write_bytes(bytes(cv2.imencode(".png", image)[1]))
    bad = bytes(tmp_path / "images" / "test" / "A") + b"/\xff.png"
    with open(bad, "wb") as out:  # noqa: PTH123 - a name of bytes
        out.write(b"")
    assert run(monkeypatch, "check-split", tmp_path / "images", "--out", tmp_path / "out") == 2
    assert "\\udcff.png" in capsys.readouterr().err


def test_what_multiplies_in_an_article_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
    )
    (tmp_path / "a.xml").write_text(f"<!DOCTYPE a [{entities}]><a>&k;</a>", encoding="utf-8")
    assert run(monkeypatch, "audit", tmp_path / "a.xml") == 2
    assert "a.xml" in capsys.readouterr().err
    (tmp_path / "b.xml").write_text('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')
    assert run(monkeypatch, "audit", tmp_path / "b.xml") == 2
    assert "root:" not in io.StringIO(capsys.readouterr().err).read()
