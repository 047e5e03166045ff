"""Networks by name, and a digest of the code that sees code and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from leukbench.errors import InputError
from leukbench.records import NetworkSpec
from leukbench.training.network import _bare, build_network, code_digest, model_file
from tests.support.tiny_world import MODEL


@pytest.fixture
def tiny(tmp_path: Path) -> NetworkSpec:
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    return NetworkSpec(paper="tiny", name="net", folder=str(tmp_path))


def build(network: NetworkSpec, n_classes: int = 3) -> torch.nn.Module:
    return build_network(network, n_classes=n_classes, input_px=32, pretrained=False)


def test_a_users_network_is_built_with_its_options(tiny: NetworkSpec) -> None:
    model = build(NetworkSpec(paper="tiny", name="net", folder=tiny.folder, options={"dropout": 0.7}))
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    assert [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)] == [0.7]


def test_a_network_of_the_suite_is_found_by_paper_and_name() -> None:
    network = NetworkSpec(paper="ddrnet", name="ddrnet", options={"csab": False})
    assert model_file(network).parts[-3:] == ("papers", "ddrnet", "model.py")
    assert build(network, 5)(torch.zeros(1, 3, 32, 32)).shape == (1, 5)


def test_unknown_networks_papers_and_options_are_named(tiny: NetworkSpec) -> None:
    with pytest.raises(InputError, match="did you mean 'net'"):
        build(NetworkSpec(paper="tiny", name="nett", folder=tiny.folder))
    with pytest.raises(InputError, match="unknown network 'nn'"):
        build(NetworkSpec(paper="tiny", name="nn", folder=tiny.folder))
    with pytest.raises(InputError, match="depth"):
        build(NetworkSpec(paper="tiny", name="net", folder=tiny.folder, options={"depth": 9}))
    with pytest.raises(InputError, match="a paper has no networks"):
        build(NetworkSpec(paper="nosuch", name="net"))


def test_a_users_model_may_hold_dataclasses(tiny: NetworkSpec) -> None:
    """dataclasses look their module up by name, so it has to be findable while it runs."""
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    extra = "\n\n@dataclass\nclass Width:\n    first: int = 8\n"
    model_file(tiny).write_text(head + MODEL + extra, encoding="utf-8")
    assert build(tiny)(torch.zeros(1, 3, 32, 32)).shape == (1, 3)


def changed(tiny: NetworkSpec, text: str) -> str:
    model_file(tiny).write_text(text, encoding="utf-8")
    return code_digest(tiny)


def test_comments_docstrings_and_layout_do_not_change_the_digest_but_code_does(tiny: NetworkSpec) -> None:
    plain = code_digest(tiny)
    assert changed(tiny, "# a comment\n" + MODEL.replace("dropout=0.2):", "dropout=0.2):  # why")) == plain
    assert changed(tiny, '"""A docstring."""\n' + MODEL) == plain
    assert (
        changed(
            tiny, MODEL.replace("def net(", "\n\n\ndef net(").replace("        return self", "        return  self")
        )
        == plain
    )
    documented = MODEL.replace("    return Net(", '    """Return it."""\n    return Net(')
    assert documented != MODEL and changed(tiny, documented) == plain
    assert changed(tiny, MODEL.replace("dropout=0.2", "dropout=0.3")) != plain
    assert changed(tiny, MODEL.replace("nn.MaxPool2d(4)", "nn.AvgPool2d(4)")) != plain
    assert changed(tiny, MODEL) == plain


def test_the_digest_tells_apart_what_a_careless_dump_would_not(tmp_path: Path) -> None:
    def text(code: str) -> str:
        (tmp_path / "a.py").write_text(code, encoding="utf-8")
        return _bare(tmp_path / "a.py")

    pairs = [
        ("x = None", "x = 0"),
        ("x = '1'", "x = 1"),
        ("f(a)", "f(*a)"),
        ("x[1:]", "x[:1]"),
        ("x: int", "x: int = 1"),
    ]
    pairs += [("def f(a): pass", "def f(*, a): pass"), ("{**a}", "{a: b}"), ("x = 1", "x = 1.0")]
    for a, b in pairs:
        assert text(a) != text(b)


def test_the_digest_does_not_hold_what_only_some_pythons_print(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def f(a, b=1):\n    return a\n\n\nclass C:\n    x = 1\n", encoding="utf-8")
    assert _bare(tmp_path / "a.py") == (
        "Module(body=[FunctionDef(name='f',args=arguments(args=[arg(arg='a'),arg(arg='b')],defaults=[Constant(value=1)]),"
        "body=[Return(value=Name(id='a',ctx=Load()))]),"
        "ClassDef(name='C',body=[Assign(targets=[Name(id='x',ctx=Store())],value=Constant(value=1))])])"
    )


def test_the_training_path_is_part_of_the_digest(tiny: NetworkSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    from leukbench.training import network

    before = code_digest(tiny)
    monkeypatch.setattr(network, "_TRAINING_PATH", network._TRAINING_PATH[:-1])
    assert code_digest(tiny) != before
    monkeypatch.undo()
    for name in network._TRAINING_PATH:
        assert (network._PACKAGE / name).is_file()


@pytest.mark.long
def test_training_imports_neither_pydantic_nor_the_papers_schema() -> None:
    code = (
        "import sys; from leukbench.records import NetworkSpec; from leukbench.training.network import build_network;"
        "import leukbench.training.experiment;"
        "build_network(NetworkSpec(paper='ddrnet', name='ddrnet'), n_classes=2, input_px=32, pretrained=False);"
        "assert not {'pydantic', 'leukbench.papers.schema', 'yaml'} & set(sys.modules), 'imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
