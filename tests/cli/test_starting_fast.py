"""What answers at once: the import of torch, pydantic,
pandas or scikit-learn would take longer than the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from leukbench.cli.quick import QuickTyper

HEAVY = ("torch", "pydantic", "pandas", "numpy", "sklearn", "scipy", "matplotlib")
_RUN = """
import sys
sys.argv = ["leukbench", *sys.argv[1:]]
from leukbench.cli import main
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
print("loaded:", *sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)
"""


def _run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _RUN.format(heavy=HEAVY), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["score", "--help"],
        ["claims", "--help"],
        ["claims", "--format", "csv"],
        ["claims", "--paper", "alnet"],
    ],
)
def test_no_heavy_module_is_loaded(arguments: list[str]) -> None:
    result = _run(arguments)
    assert result.stdout
    assert result.stderr.split() == ["loaded:"]


def test_torch_stays_out_of_scoring() -> None:
    modules = ", ".join(f"leukbench.tools.score.{name}" for name in ("score", "claims", "page"))
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == "False"


def test_every_plain_kind_of_parameter_arrives_with_its_type() -> None:
    got: dict[str, Any] = {}
    app = QuickTyper()

    @app.command()
    def take(
        files: Annotated[list[Path] | None, typer.Argument()] = None,
        name: Annotated[list[str] | None, typer.Option()] = None,
        file: Annotated[Path | None, typer.Option()] = None,
        word: str = "here",
        strict: Annotated[bool, typer.Option("--strict")] = False,
        number: int = 3,
    ) -> None:
        got.update(files=files, name=name, file=file, word=word, strict=strict, number=number)

    assert CliRunner().invoke(app, []).exit_code == 0
    assert not got["files"] and not got["name"]
    assert (got["file"], got["word"], got["strict"], got["number"]) == (None, "here", False, 3)
    options = ["a", "b", "--name", "x", "--name", "y", "--file", "c", "--word", "w", "--strict", "--number", "7"]
    assert CliRunner().invoke(app, options).exit_code == 0
    assert got == {
        "files": [Path("a"), Path("b")],
        "name": ["x", "y"],
        "file": Path("c"),
        "word": "w",
        "strict": True,
        "number": 7,
    }
    assert CliRunner().invoke(app, ["--number", "seven"]).exit_code == 2
    assert CliRunner().invoke(app, ["--wrod", "w"]).exit_code == 2


@pytest.mark.parametrize(
    ("words", "at", "completed"), [("check-", 1, "check-split"), ("check-split --for", 2, "--format")]
)
def test_the_shell_completes_commands_and_options(words: str, at: int, completed: str) -> None:
    asked = {"COMP_WORDS": f"leukbench {words}", "COMP_CWORD": str(at), "_LEUKBENCH_COMPLETE": "complete_bash"}
    code = "import sys; sys.argv = ['leukbench']; from leukbench.cli import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.stdout.split() == [completed]


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
     {"PYTHONIOENCODING": "latin-1"}],
    ids=["ascii", "C", "latin-1"],
)  # fmt: skip
@pytest.mark.parametrize("arguments", [["claims", "--format", "csv"], ["claims"], ["audit", "--help"]])
def test_a_terminal_of_few_characters_gets_the_codes_of_the_others(
    environment: dict[str, str], arguments: list[str]
) -> None:
    def run(**more: str) -> bytes:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "PYTHONIO", "PYTHONUTF8"))}
        command = [sys.executable, "-m", "leukbench", *arguments]
        return subprocess.run(command, env={**kept, **more}, capture_output=True, check=True, timeout=60).stdout

    whole = run(PYTHONIOENCODING="utf-8").decode()
    encoding = "latin-1" if environment.get("PYTHONIOENCODING") == "latin-1" else "ascii"
    assert run(**environment) == whole.encode(encoding, errors="backslashreplace")


def test_an_error_is_told_to_such_a_terminal_too(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "leukbench", "score", str(tmp_path / "\u2265.csv")]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 2 and "\\u2265.csv" in found.stderr and "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("LEUKBENCH_HOME", ["resolve"]), ("LEUKBENCH_HOME", ["fetch", "cnmc_2019"]), ("", ["fetch", "--from"])],
)
def test_a_home_folder_of_nobody_is_refused(tmp_path: Path, name: str, arguments: list[str]) -> None:
    nobody = "~nosuch/x"
    (tmp_path / "params.yaml").write_text((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))
    words = [*arguments, *([] if name else [nobody, "cnmc_2019"])]
    command = [sys.executable, "-m", "leukbench", *words]
    environment = {**os.environ, "LEUKBENCH_HOME": str(tmp_path)} | ({name: nobody} if name else {})
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 2 and "Traceback" not in found.stderr
    assert "a path begins with the home folder of nobody" in found.stderr and nobody in found.stderr
    assert f"where: {name or '--from'}" in found.stderr
