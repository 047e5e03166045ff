"""Set aside a lock file of DVC's that a kill left half written: ``python -m leukbench.tools.rwlock``, before ``dvc
repro``.

DVC writes ``.dvc/tmp/rwlock`` in place, under a kernel lock on ``rwlock.lock``. Killed in between it leaves a file that
it cannot read, and then refuses every command until a person deletes it.
"""

from __future__ import annotations

import fcntl
import json
import sys
from pathlib import Path


def set_aside(folder: Path) -> str:
    """Rename an unreadable ``rwlock`` in a ``.dvc/tmp`` folder that nobody writes; return what was done,
    "" if nothing.
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
            readable = isinstance(json.loads(file.read_text(encoding="utf-8")), dict)
        except ValueError:
            readable = False
        if readable:
            return ""
        aside = file.with_name("rwlock.unreadable")
        file.replace(aside)
        return f"{file}: left half written by a process that was ended; set aside as {aside.name}"


if __name__ == "__main__" and (message := set_aside(Path(".dvc/tmp"))):
    print(message, file=sys.stderr)
