"""leukbench: does the number hold when no patient, and no copy of an image, stands on both sides of the split?

``leukbench.score``, ``leukbench.check_split`` and ``leukbench.audit`` do from Python what the commands of these names
do (:mod:`leukbench.api`).
"""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"
# OpenCV reads this when it is loaded: an image whose header names more pixels is refused before any of them is decoded
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 27))
_OFFERED = frozenset({"score", "check_split"})


def __getattr__(name: str) -> Any:
    if name in _OFFERED:  # imported when first asked for: the command line must answer at once
        return getattr(importlib.import_module("leukbench.api"), name)
    if name == "audit":
        return importlib.import_module("leukbench.audit")  # the package, which can be called
    raise AttributeError(f"module 'leukbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_OFFERED, "audit"])
