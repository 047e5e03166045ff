"""Find, read and validate paper.yaml files, those of the suite and a user's own."""

from __future__ import annotations

from pathlib import Path
<<<<<<< HEAD
from typing import Any, TypeVar
=======
>>>>>>> audit/audit

from pydantic import BaseModel, ValidationError

from leukbench.errors import InputError
from leukbench.papers.files import is_file_name, paper_file, paper_keys, read_mapping
from leukbench.papers.schema import Paper
from leukbench.papers.slips import claim_lines, claim_problems, said, slips

SHOWN = 40
"""Things of one file that are named at most."""

__all__ = ["load_paper", "paper_file", "paper_keys", "read_paper", "read_validated"]

Model = TypeVar("Model", bound=BaseModel)


def load_paper(key_or_file: str | Path) -> Paper:
    """Return a validated paper, by key from the suite or by path from any folder.

    Raises InputError with the place in the file for anything that the schema refuses.
    """
    text = str(key_or_file)
    return read_paper(Path(text) if is_file_name(text) else paper_file(text))


def read_paper(file: Path) -> Paper:
<<<<<<< HEAD
    """Return the validated paper in a file. Raises InputError where it is missing, no YAML, or against the schema."""
    return read_validated(file, Paper, do="leukbench/papers/README.md explains every key")


def read_validated(file: Path, model: type[Model], *, do: str) -> Model:
    """Return what a YAML file holds as one of the models; ``do`` says in the error where its keys are explained.

    Raises InputError where the file is missing, no YAML, or against the schema, with the places in it.
=======
    """Return the validated paper in a file.

    Raises InputError where it is missing, no YAML, against the schema, or where something in it would be dropped or
    misread in silence (:mod:`leukbench.papers.slips`): all such places of a file at once.
>>>>>>> audit/audit
    """
    raw = read_mapping(file)
    lines = claim_lines(file.read_text(encoding="utf-8"))
    problems = claim_problems(raw.get("claims"), lines)
    try:
<<<<<<< HEAD
        return model.model_validate(raw)
    except ValidationError as error:
        raise InputError(
            f"{error.error_count()} thing(s) in this paper file are not as the schema demands",
            where=str(file),
            found="; ".join(_place(e) for e in error.errors()[:8]),
            do=do,
        ) from error
=======
        paper = Paper.model_validate(raw)
    except ValidationError as error:
        problems += [said(e) for e in error.errors() if e["loc"][:1] != ("claims",) or not problems]
        raise _refused(file, problems) from error
    found = slips(paper, lines)
    if found:
        raise _refused(file, found)
    return paper
>>>>>>> audit/audit


def _refused(file: Path, problems: list[str]) -> InputError:
    return InputError(
        f"{len(problems)} thing(s) in this paper file are not as they should be",
        where=str(file),
        found="; ".join(problems[:SHOWN]) + (f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""),
        do="leukbench/papers/README.md and leukbench/audit/README.md explain every key",
    )
