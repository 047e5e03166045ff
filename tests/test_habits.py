"""What stands beside the code agrees with it: pictures, links, citation, workflow."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import subprocess
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
FUNCTIONS_OVER_25_LINES = 106
SECTION = re.compile(r"^(Parameters|Returns|Yields|Raises)\n-{6,}$", re.MULTILINE)


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


@functools.cache
def _functions(folder: str) -> list[tuple[str, ast.FunctionDef]]:
    return [
        (str(file.relative_to(ROOT)), node)
        for file in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]


def test_no_function_has_more_than_sixty_lines_beside_its_docstring() -> None:
    functions = [f for folder in ("leukbench", "tests", "docs", "simulations") for f in _functions(folder)]
    long = {f"{file}::{node.name}": lines for file, node in functions if (lines := _lines_of_code(node)) > 60}
    assert len(functions) > 2000 and long == {}


def test_few_functions_have_more_than_25_lines_beside_their_docstring() -> None:
    """A ceiling to be lowered, never raised: whoever lengthens a function splits one."""
    long = sorted(f"{file}::{node.name}" for file, node in _functions("leukbench") if _lines_of_code(node) > 25)
    assert len(long) <= FUNCTIONS_OVER_25_LINES, "\n".join(long)


def test_a_public_function_of_25_lines_with_parameters_or_errors_to_explain_has_sections_in_its_docstring() -> None:
    """With two parameters, or an error that it raises; but for networks and the files whose code is in run keys."""
    lacking, frozen_files = [], _training_path()
    for file, node in _functions("leukbench"):
        frozen = file.removeprefix("leukbench/") in frozen_files or file.endswith("/model.py")
        if node.name.startswith("_") or frozen or file.startswith("leukbench/cli/") or _lines_of_code(node) < 25:
            continue
        parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        n = len([name for name in parameters if name not in {"self", "cls"}])
        raises = any(isinstance(inner, ast.Raise) and inner.exc is not None for inner in ast.walk(node))
        if (n >= 2 or raises) and not SECTION.search(ast.get_docstring(node) or ""):
            lacking.append(f"{file}::{node.name}")
    assert lacking == []


@pytest.mark.parametrize("heading", ["Parameters", "Returns", "Yields", "Raises"])
def test_a_section_is_known_by_its_heading_with_a_line_below(heading: str) -> None:
    assert SECTION.search(f"Do it.\n\n{heading}\n{'-' * len(heading)}\nx\n    What.")
    assert not SECTION.search(f"Do it. {heading} of it follow below.")


def _training_path() -> tuple[str, ...]:
    """Return the files whose code is in run keys, read without importing torch."""
    tree = ast.parse((ROOT / "leukbench" / "training" / "network.py").read_text(encoding="utf-8"))
    stated = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_TRAINING_PATH"]
    return tuple(ast.literal_eval(stated[0]))


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


def test_git_holds_the_hashes_of_no_machine_and_sees_none_after_make_repro(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "show", ":dvc.lock"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("no checkout")
    assert yaml.safe_load(tracked.stdout) == {"schema": "2.0"}

    [line] = [x for x in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "skip-worktree" in x]
    (tmp_path / "dvc.lock").write_text(tracked.stdout, encoding="utf-8")
    for command in ("git init --quiet", "git add dvc.lock", line.strip().removeprefix("@")):
        subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n", encoding="utf-8")
    changed = subprocess.run(["git", "diff", "--name-only"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert changed.stdout == ""
