"""Where things lie, and how they are written and read whole.

All lies in one workspace: the folder that leukbench is run in, or ``LEUKBENCH_HOME``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from leukbench.errors import DataError, InputError

SUM = ".sha256"
_LARGE_BYTES = 1 << 24
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENOTDIR})


def workspace() -> Path:
    """Return the workspace folder."""
    return expanded(Path(os.environ.get("LEUKBENCH_HOME", ".")), where="LEUKBENCH_HOME")


def expanded(path: Path, *, where: str) -> Path:
    """Return a path with a home folder for ``~``. Raises InputError, naming ``where`` it was given, for nobody's."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InputError(
            "a path begins with the home folder of nobody", where=where, expected="a path, or ~ and a user that exists",
            found=f"{path}: {error}", do="write the folder out",
        ) from error  # fmt: skip


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
def replacing(path: Path, *, summed: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place only when the block ends without an error.

    A reader never sees half a file, and an error leaves what was there before. With ``summed`` the sha256 of its bytes
    lies beside it (:func:`write_sum`).

    Raises
    ------
    InputError
        If the folder cannot be written or the disk is full.
    """
    with _writable(path, opening=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_half_written(path)
        handle, temporary = _half_written(path)
    try:
        with _writable(path):
            yield temporary
            # mkstemp makes files private; outputs are as readable as any file the user makes
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            _sync(temporary)
            digest, written = sha256_of(temporary) if summed else "", temporary.stat().st_ino
            temporary.replace(path)
        if summed and path.stat().st_ino == written:  # else another process has put its own there meanwhile
            _write_sum(path, digest)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def _half_written(path: Path) -> tuple[int, Path]:
    """Make a temporary file beside ``path`` and hold it by a lock of the kernel's, which goes with this process."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
        with contextlib.suppress(OSError):  # a file system without locks: nobody can remove it meanwhile
            fcntl.flock(handle, fcntl.LOCK_EX)
        if Path(name).exists():  # not taken for a dead process's before it was held
            return handle, Path(name)
        os.close(handle)


def is_half_written(file: Path, path: Path) -> bool:
    """Say whether ``file`` is called as what :func:`replacing` writes before it becomes ``path``."""
    return re.fullmatch(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}{re.escape(path.suffix)}", file.name) is not None


def remove_half_written(path: Path) -> None:
    """Remove what processes that were killed left half written of ``path``; what another still writes stays."""
    for file in filter(lambda file: is_half_written(file, path), path.parent.iterdir()):
        with contextlib.suppress(OSError):  # held, or gone meanwhile
            handle = os.open(file, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.unlink()
            finally:
                os.close(handle)


@contextlib.contextmanager
def _writable(path: Path, *, opening: bool = False) -> Iterator[None]:
    """Turn the errors of a disk that takes nothing more into InputError; others pass, but for those of ``opening``."""
    try:
        yield
    except OSError as error:
        # NumPy says how many items it wrote, without an errno; an input that cannot be read is another matter
        about = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else path
        ours = about.parent == path.parent or about in path.parents
        if not opening and (not ours or (error.errno not in _NO_ROOM and "requested and" not in str(error))):
            raise
        raise InputError(
            "cannot write an output",
            where=str(path),
            expected="a folder that can be written, on a disk with room",
            found=error.strerror or str(error),
            do="make room or the folder writable, or set LEUKBENCH_HOME to another one; then run it again",
        ) from error


def _sync(file: Path) -> None:
    """Bring a file's bytes to the disk, so that a name never stands before its content."""
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str, *, summed: bool = False) -> None:
    """Write text (UTF-8, ``\\n``) to ``path`` in one step; ``summed`` as in :func:`replacing`."""
    with replacing(path, summed=summed) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


# ----------------------------------------------------------------------------------------------------- whole or refused


def sum_file(path: Path) -> Path:
    """Return where the sha256 of a file stands: ``<name>.sha256`` beside it, as ``sha256sum --check`` reads it."""
    return path.with_name(path.name + SUM)


def sha256_of(file: Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_sum(path: Path) -> None:
    """Write the sha256 of a file's bytes beside it.

    Raises
    ------
    InputError
        Where that cannot be written.
    """
    _write_sum(path, sha256_of(path))


def _write_sum(path: Path, digest: str) -> None:
    write_text(sum_file(path), f"{digest}  {path.name}\n")


def check_whole(path: Path, *, do: str, needed: bool = True) -> None:
    """Hold a file against the sha256 beside it; with ``needed`` false a file without one passes.

    Raises
    ------
    DataError
        Where the file cannot be read, has other bytes, or lacks its sha256 although that is ``needed``.
    """
    beside = sum_file(path)
    if not needed and not beside.exists():
        return
    try:
        expected, found = beside.read_bytes(), _found_sha256(path)
        if expected != f"{found}  {path.name}\n".encode():
            _wait_for_writer(path)
            expected, found = beside.read_bytes(), _found_sha256(path)
    except OSError as error:
        missing = path if not path.exists() else beside
        raise DataError(
            "a stage's output cannot be read whole" if path.exists() else "a stage has not run",
            where=str(missing), expected="the file, and its sha256 beside it", found=error.strerror or str(error),
            do=do,
        ) from error  # fmt: skip
    if expected != f"{found}  {path.name}\n".encode():
        raise DataError(
            "a file is not as it was written", where=str(path), expected=f"the sha256 in {beside.name}",
            found=f"sha256 {found}", do=do,
        )  # fmt: skip


def _wait_for_writer(path: Path) -> None:
    """Wait until a process that has just replaced a file has written its sum too: it holds the file until then."""
    with path.open("rb") as opened, contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(opened, fcntl.LOCK_SH)


def _found_sha256(path: Path) -> str:
    state = path.stat()
    large = state.st_size > _LARGE_BYTES
    return _known_sha256(path, state.st_ino, state.st_size, state.st_mtime_ns) if large else sha256_of(path)


@lru_cache(maxsize=1024)
def _known_sha256(path: Path, inode: int, size: int, mtime_ns: int) -> str:
    """Return a file's sha256, computed again only where the file has changed: several stages read a large store."""
    return sha256_of(path)
