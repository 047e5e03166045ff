"""Could the printed figures be true together? ``leukbench.audit(path)`` answers from Python."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Audit(ModuleType):
    """This package, which can be called: the function and the package bear the same name."""

    def __call__(self, path: Any, **options: Any) -> Any:
        """Return the findings on a file (:func:`leukbench.api.audit`)."""
        return importlib.import_module("leukbench.api").audit(path, **options)


sys.modules[__name__].__class__ = _Audit
