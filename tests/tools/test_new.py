"""`leukbench new`: what it lays passes the conformance checks once its marks are gone; what is to be filled is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leukbench.cli.app import app
from leukbench.errors import InputError
from leukbench.papers.facts import PARTS, read_facts
from leukbench.papers.loader import load_paper
from leukbench.tools.new import TODO, new
from tests.support import fact_rules

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing in it but the two guides."""
    for kind in ("papers", "sources"):
        (tmp_path / "leukbench" / kind).mkdir(parents=True)
        shutil.copy(ROOT / "leukbench" / kind / "README.md", tmp_path / "leukbench" / kind)
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    return tmp_path


def test_a_paper_is_laid_and_each_line_to_be_filled_is_named(home: Path) -> None:
    laid = CliRunner().invoke(app, ["new", "paper", "seventh"])
    assert laid.exit_code == 0
    folder = home / "leukbench" / "papers" / "seventh"
    assert {file.name for file in folder.iterdir()} == {
        "paper.yaml", "facts.yaml", "model.py", "README.md", "__init__.py"
    }  # fmt: skip
    marked = sum(file.read_text(encoding="utf-8").count(TODO) for file in folder.iterdir())
    assert marked > 20 and f"{marked} lines are still to be filled" in laid.stdout
    assert "paper.yaml, line 3: as the publisher prints it (now: citation: {authors: A. Author" in laid.stdout
    assert "tests/test_every_paper.py -k seventh" in laid.stdout
    assert "sixth" not in "".join(file.read_text(encoding="utf-8") for file in folder.iterdir())


def test_a_filled_skeleton_keeps_every_rule_of_a_publication(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new("paper", "seventh")
    folder = home / "leukbench" / "papers" / "seventh"
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("made_up: true", "made_up: false").replace(f"{TODO} ", ""), encoding="utf-8")
    assert new("paper", "seventh").splitlines()[0].endswith("is there") and "no TODO is left" in new("paper", "seventh")
    paper = load_paper(folder / "paper.yaml")
    monkeypatch.setattr(fact_rules, "paper_file", lambda key: folder / "paper.yaml")
    sheet = read_facts(folder / "facts.yaml", paper)
    assert all(getattr(sheet, part) for part in PARTS) and not paper.made_up
    assert fact_rules.figures_without_fact(paper, sheet) == fact_rules.settings_without_fact(paper, sheet) == []
    assert fact_rules.missing_tests(sheet) == []


def test_what_is_there_is_never_written_over(home: Path) -> None:
    new("source", "bone_marrow")
    file = home / "leukbench" / "sources" / "bone_marrow.py"
    file.write_text("x = 1  # TODO a value\n", encoding="utf-8")
    assert "bone_marrow.py, line 1: a value (now: x = 1)" in new("source", "bone_marrow")
    assert file.read_text(encoding="utf-8") == "x = 1  # TODO a value\n"


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [("papers", "a", "did you mean 'paper'"), ("paper", "A-b", "no key"), ("source", "7cells", "no key")],
)
def test_what_cannot_be_laid_is_refused(home: Path, kind: str, key: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        new(kind, key)


def test_outside_a_checkout_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="is laid in a checkout") as raised:
        new("paper", "seventh")
    assert "leukbench draft" in raised.value.do and not any(tmp_path.iterdir())
