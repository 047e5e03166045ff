"""The shape of the house: no import circle, and stages of the pipeline that depend on every module they run."""

from __future__ import annotations

import graphlib
from pathlib import Path

import grimp
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FLOOR = {
    "leukbench",
    "leukbench.artefacts",
    "leukbench.errors",
    "leukbench.records",
    "leukbench.paths",
    "leukbench.seeds",
    "leukbench.yamls",
}
"""What everything stands on; that an edit of it reruns the pipeline is left to whoever edits it."""
STAGES: dict[str, dict[str, object]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Module -> the modules that it imports, inside functions as well, but for those of type checking alone."""
    graph = grimp.build_graph("leukbench", exclude_type_checking_imports=True, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def test_no_circle_of_imports_even_inside_functions() -> None:
    graph = grimp.build_graph("leukbench", cache_dir=None)
    edges = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(edges).prepare()  # raises CycleError, which names the circle


def reached(module: str, imports: dict[str, set[str]]) -> set[str]:
    """Return a module and everything that it imports, directly or not, without the floor."""
    seen: set[str] = set()
    todo = [module]
    while todo:
        if (here := todo.pop()) not in seen:
            seen.add(here)
            todo += imports[here]
    return seen - FLOOR


def dependencies(stage: str) -> list[str]:
    """Return the code that a stage of dvc.yaml names: files and folders below the project."""
    plain = STAGES[stage]
    body = plain.get("do", plain)
    assert isinstance(body, dict)
    return [path for path in body["deps"] if path.startswith("leukbench/")]


def file_of(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    return f"{module.replace('.', '/')}/__init__.py" if path.is_dir() else f"{module.replace('.', '/')}.py"


def covered(file: str, named: list[str]) -> bool:
    return any(file == path or file.startswith(f"{path}/") for path in named)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_module_that_its_room_reaches(stage: str, imports: dict[str, set[str]]) -> None:
    named = dependencies(stage)
    files = {file_of(module) for module in reached(f"leukbench.pipeline.{stage}", imports)}
    empty = {file for file in files if not (ROOT / file).read_text(encoding="utf-8").strip()}
    missed = sorted(file for file in files - empty if not covered(file, named))
    assert not missed, f"dvc.yaml, stage {stage}: an edit of {missed} would leave a stale result; add them to its deps"


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_depends_on_is_there(stage: str) -> None:
    assert [path for path in dependencies(stage) if not (ROOT / path).exists()] == []


def test_a_missing_dependency_is_seen(imports: dict[str, set[str]]) -> None:
    """The check can fail: without its plan the split stage misses what decides who is tested."""
    named = [path for path in dependencies("split") if path != "leukbench/pipeline/plan.py"]
    files = {file_of(module) for module in reached("leukbench.pipeline.split", imports)}
    assert "leukbench/pipeline/plan.py" in {file for file in files if not covered(file, named)}


def test_the_metrics_of_every_profile_that_may_be_committed_are_named_in_dvc_yaml() -> None:
    named = set(yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["metrics"])
    ignored = {
        Path(line).name for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split() if "/reports/" in line
    }
    profiles = {file.stem for file in (ROOT / "profiles").glob("*.yaml")}
    there = {file.parent.name for file in (ROOT / "reports").glob("*/metrics.json")}
    assert ignored < profiles and {"first-verdicts", "real-cpu"} <= profiles - ignored
    assert named == {f"reports/{name}/metrics.json" for name in (profiles | there) - ignored}
