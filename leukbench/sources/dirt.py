"""What operating systems leave in folders of images, which belongs to nobody's data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

_NAMES = frozenset(
    {".ds_store", "thumbs.db", "desktop.ini", ".localized", "ehthumbs.db", ".spotlight-v100", ".trashes"}
)
_FOLDERS = frozenset({"__MACOSX", ".ipynb_checkpoints", "@eaDir", "$RECYCLE.BIN"})


def is_dirt(path: PurePath) -> bool:
    """Say whether a file was left by an operating system or an archiver:
    by its own name or by a folder that it lies in.

    >>> is_dirt(PurePath("train/._a.jpg")), is_dirt(PurePath("__MACOSX/a.jpg")), is_dirt(PurePath("train/a.jpg"))
    (True, True, False)
    """
    return path.name.lower() in _NAMES or path.name.startswith("._") or bool(_FOLDERS & set(path.parts))


def count_dirt(folder: Path) -> int:
    """Return how many files below a folder :func:`is_dirt`."""
    return sum(is_dirt(file.relative_to(folder)) and file.is_file() for file in folder.rglob("*"))


def clean_files(folder: Path, *, below: Iterable[Path] | None = None) -> Iterator[Path]:
    """Yield the files below a folder, sorted, without :func:`is_dirt`; ``below``: of these paths alone."""
    for file in sorted(folder.rglob("*") if below is None else below):
        if not is_dirt(file.relative_to(folder)) and file.is_file():
            yield file
