"""Where things lie, all relative to one workspace: the folder that leukbench is run in, or ``LEUKBENCH_HOME``."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from leukbench.errors import InputError


def workspace() -> Path:
    """Return the workspace folder."""
    return Path(os.environ.get("LEUKBENCH_HOME", ".")).expanduser()


@contextlib.contextmanager
def workspace_at(folder: Path) -> Iterator[None]:
    """Take ``folder`` for the workspace until the block ends."""
    before = os.environ.get("LEUKBENCH_HOME")
    os.environ["LEUKBENCH_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["LEUKBENCH_HOME"]
        else:
            os.environ["LEUKBENCH_HOME"] = before


def source_folder(source: str) -> Path:
    """Return where a source's files lie in the publisher's layout: ``data/<source>`` (a folder or a link to one)."""
    return workspace() / "data" / source


def runs_folder() -> Path:
    """Return the store of runs, one content-addressed folder each; neither output nor dependency of any stage."""
    return workspace() / "runs"


def out_folder(*parts: str) -> Path:
    """Return a folder below ``out/``, where the pipeline's intermediate files lie."""
    return workspace().joinpath("out", *parts)


def reports_folder(profile: str) -> Path:
    """Return the folder of a profile's pages, which is committed."""
    return workspace() / "reports" / profile


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place only when the block ends without an error.

    A reader never sees half a file, and an error leaves what was there before. Raises InputError if the folder
    cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(
            "cannot write an output",
            where=str(path),
            expected="a folder that can be written",
            found=error.strerror or str(error),
            do="make the folder writable, or set LEUKBENCH_HOME to another one",
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; outputs are as readable as any file the user makes
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text (UTF-8, ``\\n``) to ``path`` in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
