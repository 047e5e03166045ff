"""What a process may take of its machine, settled before NumPy and torch are loaded: threads, and enough memory."""

from __future__ import annotations

import os
from pathlib import Path

LEAST_MIB, LEAST_ROOM_MIB = 384, 96
"""The address space that a command of arrays takes, without torch, and what of it must be left when it begins."""


def limit_threads() -> None:
    """Let pools have two threads at most, BLAS one, unless the user says otherwise; before NumPy and torch are loaded.

    Nested pools fight: with two threads the patient probe takes 8.5 s, not 0.5 s, and hashing 10,661 images 4, not 0.1.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(min(2, os.cpu_count() or 1)))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def check_room() -> None:
    """Raise InputError where ``ulimit -v`` leaves less memory than any command needs.

    With less, OpenBLAS asks for ever as it is loaded, a thread that cannot begin is waited for without end, and the C
    library aborts where it has no room for a thread's data: none of which a program can catch.
    """
    import resource

    from leukbench.errors import InputError

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = Path("/proc/self/statm")
    if limit == resource.RLIM_INFINITY or not pages.is_file():
        return
    used = int(pages.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    if limit < LEAST_MIB << 20 or limit - used < LEAST_ROOM_MIB << 20:
        raise InputError(
            "there is not enough memory", where="the limit of address space (ulimit -v)",
            expected=f"{LEAST_MIB} MiB, {LEAST_ROOM_MIB} MiB of them free; 4 GiB and more where networks are trained",
            found=f"{limit >> 20:,} MiB, {max(limit - used, 0) >> 20} MiB of them free",
            do="raise it, or run without it",
        )  # fmt: skip
