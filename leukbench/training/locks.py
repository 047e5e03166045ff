"""One owner a run: a lock in its folder that two processes cannot hold at once and that goes with whoever held it.

The lock is the kernel's (``flock`` on ``runs/<key>/lock``, also over NFS), so that it is free again as soon as its
owner has ended, however it ended; a file left behind by a kill holds nothing. Its text says who holds it, for people to
read.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import math
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from leukbench.errors import InputError, LeukbenchError

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2


class RunHeld(LeukbenchError):
    """Another process trains this run; ``owner`` says which."""

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(f"run {folder.name} is being trained by {owner or 'another process'}")
        self.folder, self.owner = folder, owner

    def __reduce__(self) -> tuple[type[RunHeld], tuple[Path, str]]:
        """Come out of another process as it went in."""
        return RunHeld, (self.folder, self.owner)


@contextlib.contextmanager
def holding(folder: Path, *, patience_s: float = math.inf) -> Iterator[None]:
    """Hold the lock of a run's folder. Waits ``patience_s`` for another owner to end, then raises RunHeld.

    Raises
    ------
    InputError
        Where the file system keeps no locks.
    """
    _make(folder)
    file, until, warned = folder / "lock", time.monotonic() + patience_s, False
    while (handle := _try(file)) is None:
        if time.monotonic() >= until:
            raise RunHeld(folder, _text(file))
        if not warned:
            warned = True
            if patience_s == math.inf:
                _LOG.warning("waiting for run %s, which is being trained by %s", folder.name, _text(file))
        time.sleep(_POLL_S)
    try:
        with contextlib.suppress(OSError):  # a full disk: the lock holds, its text is only for people
            os.ftruncate(handle, 0)
            os.write(handle, _own_name().encode())
        yield
    finally:
        file.unlink(missing_ok=True)  # while it is still held: whoever waits sees that the file is another one
        os.close(handle)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "cannot make a run's folder", where=str(folder), expected="a folder that can be written",
            found=error.strerror or str(error), do="make it writable, or set LEUKBENCH_HOME to another one",
        ) from error  # fmt: skip


def owner_of(folder: Path) -> str | None:
    """Return who holds a run's lock, or None where nobody does."""
    file = folder / "lock"
    if not file.is_file():
        return None
    handle = _try(file)
    if handle is None:
        return _text(file)
    os.close(handle)
    return None


def _try(file: Path) -> int | None:
    """Return an open, locked handle of the file, or None where another process has it."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(
            "cannot lock a run", where=str(file), expected="a folder that can be written", found=error.strerror or "",
            do="make it writable, or set LEUKBENCH_HOME to another one",
        ) from error  # fmt: skip
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if file.exists() and os.path.samestat(os.fstat(handle), file.stat()):
            return handle
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES, errno.ENOENT}:
            os.close(handle)
            raise InputError(
                "cannot lock a run", where=str(file), expected="a file system with locks", found=error.strerror or "",
                do="set LEUKBENCH_HOME to a folder on another file system",
            ) from error  # fmt: skip
    os.close(handle)
    return None


def _own_name() -> str:
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {socket.gethostname()}" + (f", Slurm job {job}" if job else "")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
