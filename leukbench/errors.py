"""Every error that leukbench raises on purpose: what failed, where, what was expected, what was found, what to do."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable


class LeukbenchError(Exception):
    """Base of all deliberate errors; the command line prints its message without a traceback and exits with 2."""


class LeukbenchWarning(UserWarning):
    """Something a reader of a report should know; tests turn it into an error."""


class InputError(LeukbenchError):
    """A file, value or argument that cannot be used as given."""

    def __init__(self, what: str, *, where: str = "", expected: str = "", found: str = "", do: str = "") -> None:
        parts = [what]
        for label, text in (("where", where), ("expected", expected), ("found", found), ("what to do", do)):
            if text:
                parts.append(f"  {label}: {text}")
        super().__init__("\n".join(parts))
        self.what, self.where, self.expected, self.found, self.do = what, where, expected, found, do


class DataError(InputError):
    """An image, manifest, store or archive that is not what its card or its hash says."""


class SplitError(InputError):
    """A split that cannot be made as its rule demands, or that breaks what its protocol promises."""


class WeightsUnavailable(InputError):
    """Pretrained weights that a recipe asks for and that cannot be had here."""


_EXTRAS = dict.fromkeys(("torch", "torchvision", "timm", "safetensors"), "train") | {"dvc": "pipeline"}


def explained(error: Exception) -> str:
    """Return what to tell a user of a deliberate error, or of a library that an extra installs. Raises any other again.

    >>> print(explained(ModuleNotFoundError("No module named 'torch'", name="torch")))
    this command needs torch, which is not installed
      what to do: pip install 'leukbench[train]'
    """
    if isinstance(error, ModuleNotFoundError):
        library = (error.name or "").partition(".")[0]
        if library not in _EXTRAS:
            raise error
        do = f"pip install 'leukbench[{_EXTRAS[library]}]'"
        return str(InputError(f"this command needs {library}, which is not installed", do=do))
    return str(error)


DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
"""Characters that turn the direction of the text around them."""
_ODD = [*range(9), *range(11, 32), *range(127, 160), *map(ord, DIRECTIONS), *range(0xD800, 0xE000)]
_SHOWN = {code: f"\\u{code:04x}" for code in _ODD}


def visible(text: str) -> str:
    r"""Return a text that steers no terminal: control characters, marks of direction and bytes of file names that are
    no UTF-8 stand as JSON writes them.

    >>> print(visible("a\x1b[31mb, \u202ec"))
    a\u001b[31mb, \u202ec
    """
    return text.translate(_SHOWN)


def unknown_name(kind: str, name: str, known: Iterable[str], *, where: str = "") -> InputError:
    """Return the error for a wrong name, listing the right ones and the nearest.

    >>> print(unknown_name("paper", "alnett", ["alnet", "ddrnet"]))
    unknown paper 'alnett'
      expected: one of: alnet, ddrnet
      found: alnett
      what to do: did you mean 'alnet'?
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return InputError(
        f"unknown {kind} {name!r}",
        where=where,
        expected="one of: " + (", ".join(names) or "(none is defined)"),
        found=name,
        do=f"did you mean {near[0]!r}?" if near else "use one of the names above",
    )


def refused_by_the_system(error: OSError) -> str:
    """Return what the system refused, as deliberate errors say it."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return str(
        InputError(
            "the disk takes nothing more" if full else "the system refused a file",
            where=str(error.filename or ""),
            found=error.strerror or str(error),
            do="make room, then run the same command again: what is finished is kept" if full
            else "make it readable or writable, or name another one",
        )
    )  # fmt: skip


_NO_MEMORY = (
    "out of memory", "can't allocate memory", "not enough memory", "could not create a primitive",
    "can't start new thread", "cannot allocate memory", "failed to map segment",
)  # fmt: skip


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error is for want of memory: Python's and Arrow's own, what torch says on a processor or an
    accelerator, a thread that cannot begin, or a library that cannot be loaded.

    >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to …")), is_out_of_memory(RuntimeError("another"))
    (True, False)
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or bool(_of_memory(error))


def _of_memory(error: Exception) -> str:
    """Return the line of a message that tells of want of memory, "" where none does."""
    if not isinstance(error, RuntimeError | ImportError):
        return ""
    lines = [line for line in str(error).splitlines() if any(words in line.lower() for words in _NO_MEMORY)]
    return next((line for line in lines if "not permitted" not in line), "")  # a file system without execution


def refused_for_memory(error: Exception) -> str:
    """Return what to tell a user whose memory did not suffice."""
    return str(
        InputError(
            "there is not enough memory",
            found=(_of_memory(error) or str(error).partition("\n")[0])[:200] or type(error).__name__,
            do="run it where more is free, or with fewer runs at once (grid --jobs 1); what is finished is kept. "
            "A smaller batch would be another training",
        )
    )
