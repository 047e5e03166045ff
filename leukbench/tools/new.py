"""``leukbench new``: the files of a paper or of a source, laid from the complete example of its guide.

Each comment of the example says what stands there, so it becomes what is to be done.
"""

from __future__ import annotations

import re
from pathlib import Path

from leukbench.errors import InputError, unknown_name
from leukbench.paths import workspace, write_text

TODO = "TODO"
_KINDS = {"paper": "sixth", "source": "my_cells"}
_SUFFIXES = frozenset({".py", ".yaml", ".md"})
_PAPERS_README = "# {key}\n\nTODO what is ambiguous in the paper, which readings exist, what was chosen and why.\n"


def new(kind: str, key: str) -> str:
    """Lay the files of a paper or a source that is not there yet, and return what of it is still to be filled.

    Raises InputError for another kind, a key that is no name, and outside a checkout.
    """
    if kind not in _KINDS:
        raise unknown_name("kind", kind, _KINDS)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
        raise InputError("this is no key", expected="small letters, figures and _, a letter first", found=key)
    top = workspace() / "leukbench" / f"{kind}s"
    if not (top / "README.md").is_file():
        raise InputError(
            "a paper or source is laid in a checkout", where=str(top), expected="its guide, README.md", found="nothing",
            do="run leukbench in the project's folder, or set LEUKBENCH_HOME to it; a paper.yaml of your own may lie "
            "anywhere: leukbench draft writes one",
        )  # fmt: skip
    place = top / key if kind == "paper" else top / f"{key}.py"
    laid = not place.exists()
    if laid:
        for file, text in _files(kind, key, top).items():
            write_text(file, text)
    return "\n".join([_laid(place, laid), *_to_do(place), *_next(kind, key)])


def _files(kind: str, key: str, top: Path) -> dict[Path, str]:
    """Return what is laid: path -> text."""
    blocks = [_renamed(text, kind, key) for text in _blocks((top / "README.md").read_text(encoding="utf-8"))]
    if kind == "source":
        return {top / f"{key}.py": blocks[0]}
    names = ("paper.yaml", "model.py", "facts.yaml")
    return {
        **{top / key / name: text for name, text in zip(names, blocks, strict=False)},
        top / key / "README.md": _PAPERS_README.format(key=key),
        top / key / "__init__.py": "",
    }


def _blocks(guide: str) -> list[str]:
    """Return the fenced blocks of code of a guide, in their order."""
    return re.findall(r"^```(?:yaml|python)\n(.*?)^```$", guide, flags=re.MULTILINE | re.DOTALL)


def _renamed(text: str, kind: str, key: str) -> str:
    """Return an example under another key, its comments marked as what is to be done."""
    named = re.sub(rf"\b{_KINDS[kind]}\b", key, text)
    return re.sub(r"(?<=\S) +# (?!fmt: )", f"  # {TODO} ", named)


def _laid(place: Path, laid: bool) -> str:
    return f"{place}: {'laid' if laid else 'is there'}"


def _to_do(place: Path) -> list[str]:
    """Return the lines that are still to be filled, with their places."""
    files = sorted(f for f in place.iterdir() if f.suffix in _SUFFIXES) if place.is_dir() else [place]
    found = [
        f"  {file.name}, line {number}: {_task(line)}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if TODO in line
    ]
    if not found:
        return [f"no {TODO} is left"]
    return [f"{len(found)} lines are still to be filled; take {TODO} away where one is:", *found]


def _task(line: str) -> str:
    """Return what is to be done in a line, and what stands there now.

    >>> _task("title: A title  # TODO as printed")
    'as printed (now: title: A title)'
    """
    now, _, task = line.partition(TODO)
    now = now.strip().removesuffix("#").strip()
    return task.strip() + (f" (now: {now[:60]}{'…' if len(now) > 60 else ''})" if now else "")


def _next(kind: str, key: str) -> list[str]:
    guide = f"leukbench/{kind}s/README.md"
    return [f"{guide} explains every key; then: python -m pytest tests/test_every_{kind}.py -k {key}"]
