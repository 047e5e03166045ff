"""Published datasets, one module each: found by looking at the modules of this package, never registered by import."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from leukbench.errors import unknown_name

if TYPE_CHECKING:
    from leukbench.sources.base import Source

_SERVICES = frozenset(
    {
        "archives",
        "base",
        "bitmaps",
        "dirt",
        "fetching",
        "hashing",
        "mirrors",
        "pictures",
        "placing",
        "planting",
        "portals",
        "rendering",
        "verify",
    }
)


@cache
def _sources() -> dict[str, Source]:
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _SERVICES)
    found = [s for name in modules for s in importlib.import_module(f"{__name__}.{name}").SOURCES]
    return {source.card.name: source for source in found}


def source_names() -> list[str]:
    """Return the names of all sources in alphabetical order."""
    return sorted(_sources())


def load_source(name: str) -> Source:
    """Return a source by name. Raises InputError, naming the nearest, where there is none."""
    sources = _sources()
    if name not in sources:
        raise unknown_name("source", name, sources)
    return sources[name]
