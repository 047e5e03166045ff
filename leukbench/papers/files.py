"""Which papers the suite holds and what stands in their files, unvalidated. No pydantic: the ledger
must print at once.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from leukbench.errors import InputError, unknown_name
from leukbench.yamls import text_of, yaml_of

_FOLDER = Path(__file__).parent
PAPER_FILE = "a paper file"


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


def is_file_name(key_or_file: str) -> bool:
    """Say whether a paper is named by its file and not by a key of the suite."""
    return key_or_file.endswith((".yaml", ".yml"))


def read_mapping(file: Path) -> dict[str, Any]:
    """Return what a paper file holds, unvalidated. Raises InputError where it is missing, no YAML, or no mapping."""
    return mapping_of(text_of(file, what=PAPER_FILE), file)


def mapping_of(text: str, file: Path) -> dict[str, Any]:
    """Return what the text of a paper file holds. Raises InputError as :func:`read_mapping`."""
    raw = yaml_of(text, where=str(file), what=PAPER_FILE)
    if not isinstance(raw, dict):
        raise InputError("a paper file holds a mapping", where=str(file), found=type(raw).__name__)
    return raw
