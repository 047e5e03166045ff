"""What stands beside the code agrees with it: pictures, links, citation, workflow."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest
import yaml

import leukbench
from docs.draw import dot_text, levels, mark_of, pictures, reduced
from docs.reference import PAGE, keys_of, page
from leukbench import records

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *(file for folder in ("docs", "leukbench", "benchmarks") for file in (ROOT / folder).rglob("*.md")),
]


def test_the_pictures_are_those_of_the_import_graph() -> None:
    for file, text in pictures().items():
        assert mark_of(text) in file.read_text(encoding="utf-8"), f"{file.name} is old: run make picture and commit it"


def test_the_reference_is_that_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/reference.md is old: run make reference and commit it"


def test_a_key_stands_in_the_reference_with_type_default_and_comment() -> None:
    keys = {key["key"]: key for key in keys_of(records, "SplitRule")}
    assert keys["unit"]["default"] == "required" and "'origin'" in keys["unit"]["type"]
    assert keys["validation"] == {"key": "validation", "type": "float", "default": "0.0", "what": ""}
    assert "sum to 1" in keys["shares"]["what"]
    assert set(keys) == {field.name for field in dataclasses.fields(records.SplitRule)}


def test_a_picture_has_rows_by_height_and_no_arrow_that_follows_from_others() -> None:
    graph = {"top": frozenset({"middle", "floor"}), "middle": frozenset({"floor"}), "floor": frozenset[str]()}
    assert levels(graph) == {"floor": 0, "middle": 1, "top": 2}
    assert reduced(graph) == {"top": ["middle"], "middle": ["floor"], "floor": []}
    assert mark_of(dot_text(graph)) != mark_of(dot_text({**graph, "floor": frozenset({"ground"})}))


def test_no_function_has_more_than_sixty_lines_beside_its_docstring() -> None:
    files = [file for folder in ("leukbench", "tests", "docs", "simulations") for file in (ROOT / folder).rglob("*.py")]
    functions = [
        (file.relative_to(ROOT), node)
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    long = {f"{file}::{node.name}": lines for file, node in functions if (lines := _lines_of_code(node)) > 60}
    assert len(functions) > 2000 and long == {}


def _lines_of_code(node: ast.FunctionDef) -> int:
    first = node.body[0]
    doc = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node, clean=False) is not None else 0
    return (node.end_lineno or 0) - node.lineno + 1 - doc


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^( {4}|```).*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]
    missing = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []


def test_every_decision_is_listed_and_says_why_what_follows_and_what_was_refused() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(folder.glob("0*.md"))
    listed = re.findall(r"\]\((\S+)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == [record.name for record in records] and records
    for record in records:
        headings = re.findall(r"^## (.+)$", record.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert headings == ["Why", "Decided", "What follows", "Refused"], record.name


def test_every_method_that_the_page_on_statistics_names_has_its_reference() -> None:
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    body, _, references = page.partition("\n## References\n")
    # "Goeman, Solari & Stijnen 2010", "Holm (1979)": the first name of each with its year
    cited = re.findall(
        r"([A-Z][A-Za-zé]+)(?:(?:, [A-Z]\w+)* & [A-Z]\w+| et al\.)?(?:'s test)? \(?((?:19|20)\d\d)\b", body
    )
    assert len(cited) > 25
    entries = references.replace("\n  ", " ").splitlines()
    missing = [f"{n} {y}" for n, y in cited if not any(e.startswith(f"- {n} ") and f"({y})" in e for e in entries)]
    assert missing == []


def test_the_citation_is_of_this_version() -> None:
    plain = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert plain["cff-version"] == "1.2.0" and {"message", "title", "authors"} <= plain.keys()
    assert (plain["version"], plain["license"]) == (leukbench.__version__, "MIT")


def test_the_workflow_runs_the_tests_and_the_regression_check() -> None:
    plain = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    steps = [step for job in plain["jobs"].values() for step in job["steps"]]
    assert {"make test", "make check"} <= {step.get("run") for step in steps}
    assert all(re.fullmatch(r"[\w/-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
