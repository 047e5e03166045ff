"""Mend a lock file of DVC's that a kill left: ``python -m leukbench.tools.rwlock``, before ``dvc repro``.

DVC writes ``.dvc/tmp/rwlock`` in place, under a kernel lock on ``rwlock.lock``. Killed in between it leaves a file that
it cannot read, and then refuses every command until a person deletes it. Killed while it holds something it leaves its
process id there, which another program may have by then, as after a restart: that too would be refused.
"""

from __future__ import annotations

import fcntl
import json
import sys
from pathlib import Path
from typing import Any


def set_aside(folder: Path) -> str:
    """Rename an unreadable ``rwlock`` in a ``.dvc/tmp`` folder that nobody writes, or one that other programs than DVC
    are said to hold; return what was done, "" if nothing.
    """
    file = folder / "rwlock"
    if not file.is_file():
        return ""
    with (folder / "rwlock.lock").open("a", encoding="utf-8") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return ""  # somebody writes it
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            found = None
        running = {_is_dvc(pid) for pid in _holders(found)} if isinstance(found, dict) else {False}
        if True in running or False not in running:
            return ""
        aside = file.with_name("rwlock.unreadable" if not isinstance(found, dict) else "rwlock.left")
        file.replace(aside)
        left = "half written" if not isinstance(found, dict) else "with the number of what is another program now,"
        return f"{file}: left {left} by a process that was ended; set aside as {aside.name}"


def _holders(lock: dict[str, Any]) -> list[int]:
    """Return the processes that are said to hold something."""
    parts = [part for part in lock.values() if isinstance(part, dict)]
    infos = [i for part in parts for info in part.values() for i in (info if isinstance(info, list) else [info])]
    return [info["pid"] for info in infos if isinstance(info, dict) and isinstance(info.get("pid"), int)]


def _is_dvc(pid: int) -> bool | None:
    """Say whether a process is DVC; None where it has ended, which DVC finds out for itself."""
    try:
        return b"dvc" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None


if __name__ == "__main__" and (message := set_aside(Path(".dvc/tmp"))):
    print(message, file=sys.stderr)
