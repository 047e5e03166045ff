"""What the published files hold more than once, in a sentence a dataset: read from the page that
``duplicates`` makes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(
    r"^(?P<source>\w+): (?P<listed>[\d,]+) images listed, (?P<present>[\d,]+) at hand with pixels", re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class SourceLeaks:
    """A dataset's title and what leaks between its images, one sentence each."""

    source: str
    title: str
    sentences: tuple[str, ...]


def leaks_of(page: str) -> dict[str, SourceLeaks]:
    """Return what a page of ``leukbench duplicates`` says of each dataset, by the source's name."""
    found: dict[str, SourceLeaks] = {}
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        if head := _HEAD.search(section):
            source = head["source"]
            listed, present = head["listed"], head["present"]
            among = "" if listed == present else f", among the {present} of {listed} images at hand"
            sentences = (*_copies(section, among), *_fields(section), *_release(section))
            found[source] = SourceLeaks(source=source, title=section.splitlines()[0], sentences=sentences)
    return found


def _rows(section: str, first: str) -> list[dict[str, str]]:
    """Return the rows of the table whose first column is called so."""
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    heads = next((line for line in lines if line[0] == first), None)
    if heads is None:
        return []
    body = lines[lines.index(heads) + 2 :]
    return [dict(zip(heads, line, strict=True)) for line in body if len(line) == len(heads)]


_COPIES = {"identical file": "identical images carry", "near identical": "nearly identical images carry"}


def _copies(section: str, among: str) -> list[str]:
    """Return how many pairs of equal and of nearly equal images have two patients' ids; the latter are sought among the
    images at hand, the former by the published hashes of all.
    """
    found = []
    for row in _rows(section, "kind"):
        across, _, of = row["across patients"].partition(" of ")
        if row["kind"] in _COPIES and across not in {"0", "–"}:
            where = among if row["kind"] == "near identical" else ""
            found.append(f"{across} of {of or row['pairs']} pairs of {_COPIES[row['kind']]} two patients' ids{where}.")
    return found


def _fields(section: str) -> list[str]:
    found = re.search(r"^Fields: .*?(Cut 80/20 by image, .*?\.)$", section, re.MULTILINE)
    words = "are joined to a training image, as copies or by fields that overlap"
    return [found[1].replace("are in a group of a training image", words)] if found else []


def _release(section: str) -> list[str]:
    column = "original is also in training"
    return [
        f"Split as {row['split']}, the original of {row[column]} of {row['test images']} test images is in "
        "training too."
        for row in _rows(section, "split")
        if not row[column].startswith("0 ")
    ]
