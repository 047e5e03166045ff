"""What DVC itself says after an edit of a stage's code: that stage runs again, on a copy with made-up outputs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.plans import known_experiment, known_plan, write_plan

ROOT = Path(__file__).parents[2]
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def readers(file: str) -> set[str]:
    """Return the stages that name a file, or a folder above it, as a dependency."""
    bodies = {stage: body.get("do", body) for stage, body in STAGES.items()}
    return {s for s, body in bodies.items() if any(file == d or file.startswith(f"{d}/") for d in body["deps"])}


class Copy:
    """The project's code and stages, with a plan of one source, in a folder where every stage counts as just run."""

    def __init__(self, folder: Path) -> None:
        from dvc.repo import Repo

        shutil.copytree(ROOT / "leukbench", folder / "leukbench", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("dvc.yaml", ".dvcignore"):
            shutil.copy(ROOT / name, folder / name)
        write_plan(folder, known_plan("copy", {"image": known_experiment("image")}, seed=0, transfers={}))
        self.folder = folder
        self.repo = Repo.init(str(folder), no_scm=True)
        for stage in self.repo.index.stages:
            for out in stage.outs:
                made = Path(out.fs_path)
                made.parent.mkdir(parents=True, exist_ok=True)
                made.write_text(f"made by {stage.addressing}\n", encoding="utf-8")
        self.repo.commit(force=True)

    def stale(self) -> set[str]:
        """Return the stages of dvc.yaml whose code or inputs DVC finds changed."""
        return {name.partition("@")[0] for name in self.repo.status()}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    folder = tmp_path_factory.mktemp("copy")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # DVC looks for stages below the working directory
        made = Copy(folder)
        yield made
        made.repo.close()


def test_nothing_is_stale_where_nothing_was_edited(copy: Copy) -> None:
    assert copy.stale() == set()


ROOMS = [f"leukbench/pipeline/{stage}.py" for stage in STAGES]


@pytest.mark.long
@pytest.mark.parametrize("file", [*ROOMS, "leukbench/evaluation/intervals.py", "leukbench/cli/app.py"])
def test_dvc_runs_the_stages_whose_code_was_edited_and_no_other(copy: Copy, file: str) -> None:
    before = (copy.folder / file).read_bytes()
    (copy.folder / file).write_bytes(before + b"\n")
    stale = copy.stale()
    (copy.folder / file).write_bytes(before)
    assert stale == readers(file)
    assert file not in ROOMS or Path(file).stem in stale
