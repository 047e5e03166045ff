"""Where the published images lie, for tests marked ``real``: a part of a source is enough, and anything may lie beside.

The first of ``$LEUKBENCH_MIRROR/<source>``, ``../shared/data/<source>`` and ``data/<source>`` that is there.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_MIRROR = os.environ.get("LEUKBENCH_MIRROR", "")
_TOPS = [*([Path(_MIRROR).expanduser()] if _MIRROR else []), _ROOT.parent / "shared" / "data", _ROOT / "data"]


def real_folder(source: str, *needed: str) -> Path:
    """Return the folder of a source's published images; skips the test where none holds the ``needed`` paths."""
    for top in _TOPS:
        if (top / source).is_dir() and all((top / source / path).exists() for path in needed):
            return top / source
    wanted = ", ".join(needed) or "images"
    pytest.skip(f"no {wanted} of {source} in " + ", ".join(str(top) for top in _TOPS))
