"""What operating systems leave in folders of images, which belongs to nobody's data."""

from __future__ import annotations

import os
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


def walk(folder: Path, *, lost: list[Path] | None = None) -> Iterator[Path]:
    """Yield the files below a folder, behind links to folders too; ``lost`` gets the links that lead nowhere, or back
    to a folder above them, which are not followed.
    """
    lost = [] if lost is None else lost
    for top, folders, files in os.walk(folder, followlinks=True):
        back = [name for name in folders if _leads_back(folder, Path(top, name))]
        lost += [Path(top, name) for name in back]
        folders[:] = [name for name in folders if name not in back]
        for file in (Path(top, name) for name in files):
            if file.is_file():
                yield file
            elif file.is_symlink():
                lost.append(file)


def _leads_back(top: Path, folder: Path) -> bool:
    """Say whether a link leads to one of the folders that were walked to reach it, or to one above these."""
    if not folder.is_symlink():
        return False
    walked = [path.resolve() for path in folder.parents if path == top or top in path.parents]
    target = folder.resolve()
    return any(target == path or target in path.parents for path in walked)


def count_dirt(folder: Path) -> int:
    """Return how many files below a folder :func:`is_dirt`."""
    return sum(is_dirt(file.relative_to(folder)) for file in walk(folder))


def clean_files(folder: Path, *, below: Iterable[Path] | None = None) -> Iterator[Path]:
    """Yield the files below a folder, sorted, without :func:`is_dirt`; ``below``: of these paths alone."""
    for file in sorted(walk(folder) if below is None else below):
        if not is_dirt(file.relative_to(folder)) and file.is_file():
            yield file
