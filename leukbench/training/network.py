"""A paper's network by name, and the digest of the code that decides a run's predictions."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from torch import nn

from leukbench.errors import InputError, unknown_name
from leukbench.records import NetworkSpec

_PACKAGE = Path(__file__).resolve().parents[1]
_TRAINING_PATH = (
    "blocks.py",
    "seeds.py",
    "pixels/augmentation.py",
    "pixels/store.py",
    "training/data.py",
    "training/engine.py",
    "training/network.py",
    "training/recipe.py",
)


def build_network(network: NetworkSpec, *, n_classes: int, input_px: int, pretrained: bool) -> nn.Module:
    """Return the module that a paper's model.py builds, giving logits ``(n, n_classes)``.

    Raises InputError for an unknown builder or options that it does not take, WeightsUnavailable where ImageNet weights
    are asked for and cannot be had.
    """
    module = _model_module(network)
    builder = getattr(module, network.name, None)
    if not callable(builder) or network.name.startswith("_"):
        known = [n for n, f in vars(module).items() if callable(f) and getattr(f, "__module__", "") == module.__name__]
        raise unknown_name(
            "network", network.name, [n for n in known if n[0].islower()], where=str(model_file(network))
        )
    try:
        model: nn.Module = builder(n_classes, input_px=input_px, pretrained=pretrained, **network.options)
    except TypeError as error:
        raise InputError(
            f"network {network.name!r} cannot be built with these options",
            where=str(model_file(network).name),
            found=f"{network.options}: {error}",
        ) from error
    return model


def model_file(network: NetworkSpec) -> Path:
    """Return the model.py of a network's paper: in the suite, or beside a user's own paper.yaml."""
    folder = Path(network.folder) if network.folder else _PACKAGE / "papers" / network.paper
    return folder / "model.py"


def _model_module(network: NetworkSpec) -> ModuleType:
    file = model_file(network)
    if not file.is_file():
        raise InputError("a paper has no networks", where=str(file), expected="a model.py with builder functions")
    if not network.folder:
        return importlib.import_module(f"leukbench.papers.{network.paper}.model")
    spec = importlib.util.spec_from_file_location(f"leukbench_user_{network.paper}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and type hints of the module look themselves up
    spec.loader.exec_module(module)
    return module


def code_digest(network: NetworkSpec) -> str:
    """Return the sha256 of the network's code and the training path, without comments, docstrings and layout."""
    files = [model_file(network), *(_PACKAGE / name for name in _TRAINING_PATH)]
    text = "\x1f".join(_bare(file) for file in files)
    return hashlib.sha256(text.encode()).hexdigest()


def _bare(file: Path) -> str:
    """Return a file's syntax tree as text, the same in every Python that we support (``ast.dump`` is not)."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            del body[0]
    return _tree_text(tree)


def _tree_text(node: object) -> str:
    """Return a node as text without its empty fields: Python 3.12 added ``type_params=[]`` to every function."""
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value is not None and value != [])
        return f"{type(node).__name__}({','.join(f'{name}={_tree_text(value)}' for name, value in fields)})"
    if isinstance(node, list):
        return f"[{','.join(map(_tree_text, node))}]"
    return repr(node)
