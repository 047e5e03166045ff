"""Find, read and validate paper.yaml files, those of the suite and a user's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from leukbench.errors import InputError, unknown_name
from leukbench.papers.schema import Paper

_FOLDER = Path(__file__).parent
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def paper_keys(*, made_up: bool = False) -> list[str]:
    """Return the keys of the suite's papers in alphabetical order; with ``made_up`` the demonstrations too."""
    keys = sorted(file.parent.name for file in _FOLDER.glob("*/paper.yaml"))
    return [key for key in keys if made_up or not _is_made_up(_FOLDER / key / "paper.yaml")]


def _is_made_up(file: Path) -> bool:
    return re.search(r"^made_up: *true\b", file.read_text(encoding="utf-8"), flags=re.MULTILINE) is not None


def paper_file(key: str) -> Path:
    """Return the suite's paper.yaml of a key. Raises InputError, naming the nearest key, where there is none."""
    file = _FOLDER / key / "paper.yaml"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or not file.is_file():
        raise unknown_name("paper", key, paper_keys(made_up=True))
    return file


def load_paper(key_or_file: str | Path) -> Paper:
    """Return a validated paper, by key from the suite or by path from any folder.

    Raises InputError with the place in the file for anything that the schema refuses.
    """
    text = str(key_or_file)
    file = Path(text) if text.endswith((".yaml", ".yml")) else paper_file(text)
    return read_paper(file)


def read_paper(file: Path) -> Paper:
    """Return the validated paper in a file. Raises InputError where it is missing, no YAML, or against the schema."""
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # a safe loader, chosen above
    except OSError as error:
        raise InputError(
            "cannot read a paper file", where=str(file), found=str(error), do="give a readable file"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError("this is not a YAML file in UTF-8", where=str(file), found=str(error)) from error
    if not isinstance(raw, dict):
        raise InputError("a paper file holds a mapping", where=str(file), found=type(raw).__name__)
    try:
        return Paper.model_validate(raw)
    except ValidationError as error:
        raise InputError(
            f"{error.error_count()} thing(s) in this paper file are not as the schema demands",
            where=str(file),
            found="; ".join(_place(e) for e in error.errors()[:8]),
            do="leukbench/papers/README.md explains every key",
        ) from error


def _place(error: Any) -> str:
    place = ".".join(str(p) for p in error["loc"])
    return f"at {place or 'top level'}: {error['msg']} (found {str(error.get('input'))[:60]!r})"
