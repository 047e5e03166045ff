"""Find, read and validate paper.yaml files, those of the suite and a user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from leukbench.errors import InputError
from leukbench.papers.files import is_file_name, paper_file, paper_keys, read_mapping
from leukbench.papers.schema import Paper

__all__ = ["load_paper", "paper_file", "paper_keys", "read_paper", "read_validated"]

Model = TypeVar("Model", bound=BaseModel)


def load_paper(key_or_file: str | Path) -> Paper:
    """Return a validated paper, by key from the suite or by path from any folder.

    Raises InputError with the place in the file for anything that the schema refuses.
    """
    text = str(key_or_file)
    return read_paper(Path(text) if is_file_name(text) else paper_file(text))


def read_paper(file: Path) -> Paper:
    """Return the validated paper in a file. Raises InputError where it is missing, no YAML, or against the schema."""
    return read_validated(file, Paper, do="leukbench/papers/README.md explains every key")


def read_validated(file: Path, model: type[Model], *, do: str) -> Model:
    """Return what a YAML file holds as one of the models; ``do`` says in the error where its keys are explained.

    Raises InputError where the file is missing, no YAML, or against the schema, with the places in it.
    """
    raw = read_mapping(file)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise InputError(
            f"{error.error_count()} thing(s) in this paper file are not as the schema demands",
            where=str(file),
            found="; ".join(_place(e) for e in error.errors()[:8]),
            do=do,
        ) from error


def _place(error: Any) -> str:
    place = ".".join(str(p) for p in error["loc"])
    return f"at {place or 'top level'}: {error['msg']} (found {str(error.get('input'))[:60]!r})"
