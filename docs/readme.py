"""The block of README.md that repeats the first lines of reports/index.md: ``make pages`` writes it.

A test compares the block with the committed index, so that neither is ever edited by hand.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START = "<!-- index: the lines of reports/index.md -->\n"
END = "\n<!-- /index -->"
_COLUMNS = 4


def block(index: str) -> str:
    """Return the lines of an index from its first bold one to the note on brackets, for a page one folder above it.

    Of tables the first columns are kept; links lead into ``reports/``.

    >>> print(block("# T\\n\\n**2** [papers](p.md).\\n\\n| a | b | c | d | e |\\n|---|---|---|---|---|\\n\\nBrackets"))
    **2** [papers](reports/p.md).
    <BLANKLINE>
    | a | b | c | d |
    |---|---|---|---|
    """
    lines = itertools.dropwhile(lambda line: not line.startswith("**"), index.splitlines())
    first = itertools.takewhile(lambda line: not line.startswith(("Brackets", "## ")), lines)
    kept = ["|".join(line.split("|")[: _COLUMNS + 1]) + "|" if line.startswith("|") else line for line in first]
    return "\n".join(re.sub(r"\]\((?!https?:)", "](reports/", line) for line in kept).strip()


def with_block(readme: str, index: str) -> str:
    """Return the text of a README with its block made anew. Raises ValueError where its marks are not there."""
    before, found, rest = readme.partition(START)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError(f"README.md has lost its marks {START.strip()} and {END.strip()}")
    return f"{before}{START}{block(index)}{END}{after}"


def main() -> None:
    """Write the block of this checkout's README from this checkout's index."""
    page, index = ROOT / "README.md", ROOT / "reports" / "index.md"
    made = with_block(page.read_text(encoding="utf-8"), index.read_text(encoding="utf-8"))
    page.write_text(made, encoding="utf-8")
    print(f"{page.name}: {len(made.splitlines())} lines, the block of {index.parent.name}/{index.name} in them")


if __name__ == "__main__":
    main()
