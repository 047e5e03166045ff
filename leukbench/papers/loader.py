"""Find, read and validate paper.yaml files, those of the suite and a user's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from leukbench.errors import InputError
from leukbench.papers.files import PAPER_FILE, is_file_name, mapping_of, paper_file, paper_keys, read_mapping
from leukbench.papers.schema import Paper
from leukbench.papers.slips import claim_lines, claim_problems, problem_text, run_slips, slips, with_lines
from leukbench.yamls import text_of

SHOWN = 40
"""Things of one file that are named at most."""
_EXPLAINED = "leukbench/papers/README.md and leukbench/audit/README.md explain every key"

__all__ = ["load_paper", "paper_file", "paper_keys", "read_paper", "read_validated"]

Model = TypeVar("Model", bound=BaseModel)


def load_paper(key_or_file: str | Path) -> Paper:
    """Return a validated paper, by key from the suite or by path from any folder.

    Raises InputError with the place in the file for anything that the schema refuses, and for what a paper of the
    suite lacks to be run.
    """
    text = str(key_or_file)
    return read_paper(Path(text)) if is_file_name(text) else read_paper(paper_file(text), run=True)


def read_paper(file: Path, *, run: bool = False) -> Paper:
    """Return the validated paper in a file; with ``run`` one that can be trained as well as audited.

    Raises InputError where it is missing, no YAML, against the schema, or where something in it would be dropped or
    misread in silence (:mod:`leukbench.papers.slips`): all such places of a file at once. The same text under the same
    name is validated once in a process.
    """
    paper = _read(file, text_of(file, what=PAPER_FILE), run)
    mappings = {name: dict(value) for name, value in paper if isinstance(value, dict)}  # whose change stays with whom
    return paper.model_copy(update=mappings)


@lru_cache(maxsize=32)
def _read(file: Path, text: str, run: bool) -> Paper:
    raw = mapping_of(text, file)
    lines = claim_lines(text)
    problems = claim_problems(raw.get("claims"), lines)
    try:
        paper = Paper.model_validate(raw)
    except ValidationError as error:
        others = [e for e in error.errors() if e["loc"][:1] != ("claims",) or not problems]
        problems += [with_lines(problem_text(e), lines) for e in others]
        raise _refused(file, problems, do=_EXPLAINED) from error
    found = [*slips(paper, lines), *(run_slips(paper, lines) if run else ())]
    if found:
        raise _refused(file, found, do=_EXPLAINED)
    return paper


def read_validated(file: Path, model: type[Model], *, do: str) -> Model:
    """Return what a YAML file holds as one of the models; ``do`` says in the error where its keys are explained.

    Raises InputError where the file is missing, no YAML, or against the schema, with the places in it.
    """
    raw = read_mapping(file)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _refused(file, [problem_text(e) for e in error.errors()], do=do) from error


def _refused(file: Path, problems: list[str], *, do: str) -> InputError:
    return InputError(
        f"{len(problems)} thing(s) in this paper file are not as they should be",
        where=str(file),
        found="; ".join(problems[:SHOWN]) + (f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""),
        do=do,
    )
