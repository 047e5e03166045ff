"""What needs no training runs without torch and DVC, from any folder; what needs them says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.pictures_folder import write_images, write_table

ROOT = Path(__file__).resolve().parents[1]
_RUN = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "timm", "safetensors", "dvc", "ruamel", "submitit"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
sys.argv = ["leukbench", *sys.argv[1:]]
from leukbench.cli import main
main()
"""


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k != "LEUKBENCH_HOME"}
    command = [sys.executable, "-c", _RUN, *arguments]
    environment = {**kept, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anywhere")
    write_table(folder / "t.csv", write_images(folder / "images", 48))
    (folder / "p.csv").write_text(
        "image,label,patient,pred\n" + "".join(f"i{k},{'AB'[k % 2]},{k},A\n" for k in range(12))
    )
    (folder / "m.csv").write_text("Model,Precision (%),Recall (%),F1 (%)\nNet,90.0,80.0,84.7\n")
    return folder


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "p.csv"),
        ("check-split", "t.csv", "--images", "images"),
        ("make-split", "t.csv", "--images", "images", "--k", "3"),
        ("duplicates", "./images"),
        ("draft", "m.csv", "--key", "mine"),
        ("audit", "m.csv", "--classes", "A=50,B=50"),
        ("audit", "--paper", "samhitha"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_works_without_torch_and_without_a_checkout(folder: Path, arguments: tuple[str, ...]) -> None:
    result = _run(folder, *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() and "Traceback" not in result.stderr


def test_a_command_that_builds_networks_says_which_extra_it_needs(folder: Path) -> None:
    result = _run(folder, "params", "--paper", "alnet")
    assert result.returncode == 2
    assert "this command needs torch" in result.stderr and "pip install 'leukbench[train]'" in result.stderr


def test_every_data_file_is_in_the_package() -> None:
    import tomllib

    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]
    packed = {file for pattern in patterns["leukbench"] for file in (ROOT / "leukbench").glob(pattern)}
    tracked = subprocess.run(
        ["git", "ls-files", "leukbench"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    if not tracked:
        pytest.skip("this is no git checkout")
    data = {ROOT / name for name in tracked.splitlines() if not name.endswith((".py", ".md"))}
    assert data <= packed, sorted(str(file.relative_to(ROOT)) for file in data - packed)


def test_hook_and_action_call_a_command_that_is_there() -> None:
    from leukbench.cli.app import app

    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    steps = " ".join(step.get("run", "") for step in action["runs"]["steps"])
    assert hook["entry"].split()[1] in names and "leukbench check-split" in steps
    assert set(action["inputs"]) == {"table", "images", "python-version"}
