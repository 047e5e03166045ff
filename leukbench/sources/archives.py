"""Unpack an archive that nobody vouches for."""

from __future__ import annotations

import lzma
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from leukbench.errors import DataError, InputError

_BLOCK = 1 << 18


def unpack(archive: Path, folder: Path, *, wanted: Callable[[str], bool] | None = None, max_bytes: int) -> int:
    """Unpack the regular files of a tar or zip archive into ``folder`` and return how many.

    The archive's single top folder, if it has one, is dropped; ``wanted`` chooses by the path that is left. Nothing is
    written unless all is: the files are first put beside ``folder``. Raises DataError for links, devices, absolute
    paths, ``..``, a path that stands twice, more than ``max_bytes``, or an archive that is cut or damaged.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        top = Path(temporary) / "files"
        top.mkdir()
        try:
            n_files = _write_members(archive, top, wanted=wanted, max_bytes=max_bytes)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError,
                ValueError, OverflowError, RuntimeError) as error:  # fmt: skip
            raise DataError("an archive cannot be unpacked", where=str(archive), expected="a whole tar or zip archive",
                            found=str(error), do="remove it and fetch again") from error  # fmt: skip
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        if folder.exists():
            raise InputError("a folder is in the way", where=str(folder), expected="nothing there", found="a folder",
                             do="move it away and fetch again")  # fmt: skip
        top.rename(folder)
    return n_files


def _write_members(archive: Path, top: Path, *, wanted: Callable[[str], bool] | None, max_bytes: int) -> int:
    n_files = n_bytes = 0
    names = _safe_names(archive)
    prefix = _common_top(names)
    with _members(archive) as members:
        for name, stream in members:
            path = name.removeprefix(prefix)
            if wanted is not None and not wanted(path):
                continue
            file = top / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as out:
                while block := stream.read(_BLOCK):
                    n_bytes += len(block)
                    if n_bytes > max_bytes:
                        raise DataError("an archive holds more than it should", where=str(archive),
                                        expected=f"at most {max_bytes} bytes", found="more")  # fmt: skip
                    out.write(block)
            n_files += 1
    return n_files


def _common_top(names: list[str]) -> str:
    tops = {name.split("/", 1)[0] for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""


def _safe_names(archive: Path) -> list[str]:
    """Return the paths of the regular files in an archive. Raises DataError for anything that is not safe to write."""
    names: list[str] = []
    for name, kind in _entries(archive):
        path = PurePosixPath(name.replace("\\", "/"))
        unsafe = path.is_absolute() or ".." in path.parts or ":" in name or "\x00" in name or not path.parts
        if unsafe or kind == "other":
            raise DataError(
                "an archive holds something that is not safe to unpack",
                where=f"{archive}, member {name!r}",
                expected="regular files and folders below the archive's own folder",
                found="a path that leads elsewhere" if unsafe else "a link or a device",
                do="do not use this archive; report where it came from",
            )
        if kind == "file":
            names.append(path.as_posix())
    if len(set(names)) != len(names):
        raise DataError("a path stands twice in an archive", where=str(archive), expected="each path once",
                        found=next(n for n in names if names.count(n) > 1))  # fmt: skip
    return names


def _entries(archive: Path) -> Iterator[tuple[str, str]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                mode = info.external_attr >> 16 & 0o170000
                plain = mode in (0, 0o100000, 0o040000)
                yield info.filename, "folder" if info.is_dir() else "file" if plain else "other"
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            yield member.name, "folder" if member.isdir() else "file" if member.isreg() else "other"


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """Yield (path, stream) of the regular files, whose names :func:`_safe_names` has passed."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            yield ((i.filename, opened.open(i)) for i in opened.infolist() if not i.is_dir())
        return
    with tarfile.open(archive) as tar:
        found = ((m.name, tar.extractfile(m)) for m in tar if m.isreg())
        yield ((str(PurePosixPath(name)), stream) for name, stream in found if stream is not None)
