"""A Python that has only what a GPU machine has: nothing else is found, in any process that is started from it.

Allowed are the standard library, this project, and the packages that the training path may use,
with what they need themselves.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

PACKAGES = ("torch", "torchvision", "timm", "numpy", "pandas", "pyarrow", "opencv-python-headless", "scikit-learn")
NEVER = {"pydantic", "typer", "rich", "click", "dvc", "submitit", "pytest", "matplotlib", "statsmodels", "mlscorecheck"}
ROOT = Path(__file__).parents[2]
_SITE = """
import sys

from importlib.machinery import PathFinder

class Finder:
    # finds what is allowed in the folders of sys.path, and nothing else

    allowed = set(sys.stdlib_module_names) | set({allowed!r})

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in cls.allowed or top.startswith(("leukbench", "_sysconfigdata")):
            return PathFinder.find_spec(name, path, target)
        return None

    invalidate_caches = PathFinder.invalidate_caches

sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
"""


def allowed_modules() -> list[str]:
    """Return the top-level modules of :data:`PACKAGES` and of whatever they require, without :data:`NEVER`."""
    wanted, seen = list(PACKAGES), set[str]()
    while wanted:
        name = wanted.pop().lower().replace("_", "-")
        if name in seen:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        seen.add(name)
        parsed = [Requirement(text) for text in required]
        wanted += [r.name for r in parsed if r.marker is None or r.marker.evaluate({"extra": ""})]
    modules = metadata.packages_distributions().items()
    mine = {m for m, packages in modules if {p.lower().replace("_", "-") for p in packages} & seen}
    return sorted((mine | {"benchmarks", "tests", "sitecustomize"}) - NEVER)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Write the blocker into ``folder`` and return the environment of a process that starts with it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SITE.format(allowed=allowed_modules()), encoding="utf-8")
    paths = os.pathsep.join([str(folder), str(ROOT)])
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "LEUKBENCH_HOME"}}
    return {**kept, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **more}


if __name__ == "__main__":
    print("\n".join(allowed_modules()), file=sys.stdout)
