"""Tables of simulations in the pages that speak of them: between two marks, so that a run rewrites them and nothing
else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from leukbench.errors import InputError

PAGES = ("leukbench/evaluation/README.md", "leukbench/verdicts/README.md", "docs/statistics.md")
"""Pages that may hold tables; each has those for which it has a pair of marks."""
_BLOCK = re.compile(r"(<!-- simulate:(?P<name>[a-z_]+) -->\n).*?(<!-- /simulate:(?P=name) -->)", re.DOTALL)


def fill(text: str, tables: Mapping[str, Sequence[str]]) -> tuple[str, set[str]]:
    """Return a page with the tables that it asks for put in, and their names; other blocks stay as they are.

    >>> fill("<!-- simulate:a -->\\nold\\n<!-- /simulate:a -->", {"a": ["new"]})
    ('<!-- simulate:a -->\\n\\nnew\\n\\n<!-- /simulate:a -->', {'a'})
    """
    found: set[str] = set()

    def put(block: re.Match[str]) -> str:
        name = block["name"]
        if name not in tables:
            return block[0]
        found.add(name)
        return block[1] + "\n" + "\n".join(tables[name]) + "\n\n" + block[3]

    return _BLOCK.sub(put, text), found


def write(tables: Mapping[str, Sequence[str]], root: Path) -> None:
    """Put tables into the pages below ``root``. Raises InputError where a table has no page that asks for it."""
    placed: set[str] = set()
    for page in PAGES:
        file = root / page
        if not file.is_file():
            continue
        text, found = fill(file.read_text(encoding="utf-8"), tables)
        file.write_text(text, encoding="utf-8")
        placed |= found
    if missing := sorted(set(tables) - placed):
        raise InputError(
            "no page has a place for a table", where=", ".join(PAGES),
            expected="<!-- simulate:NAME --> … <!-- /simulate:NAME -->",
            found="none for " + ", ".join(missing), do="put the two marks where the table should stand",
        )  # fmt: skip
