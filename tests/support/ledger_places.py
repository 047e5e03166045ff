"""Whether the printed values of a ledger stand in the paper's text at the places that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from leukbench.papers.schema import Claim, Paper

_TEXTS = Path(__file__).resolve().parents[3] / "shared" / "papers"


def paper_text(key: str) -> str:
    """Return a paper's text, with formulas' marks taken out; skips the test where it is not at hand."""
    file = _TEXTS / f"{key}.txt"
    if not file.is_file():
        pytest.skip(f"the paper's text is not at hand: ../shared/papers/{key}.txt")
    return file.read_text(encoding="utf-8").replace("\\times", "×").replace("$", "")


def places(text: str, marks: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return the part of the text that each place names,
    from the line that starts with one mark to the next with the other."""
    found = {}
    for name, (start, end) in marks.items():
        begin = re.search(rf"^{re.escape(start)}", text, flags=re.MULTILINE)
        assert begin, f"{name}: no line starts with {start!r}"
        stop = re.compile(rf"^{re.escape(end)}", flags=re.MULTILINE).search(text, begin.end()) if end else None
        assert stop or not end, f"{name}: no later line starts with {end!r}"
        found[name] = text[begin.start() : stop.start() if stop else len(text)]
    return found


def printed_as(claim: Claim) -> str:
    """Return what the text has for a claim: its value, or the word that its note gives."""
    word = re.search(r'printed as "([^"]+)"', claim.note)
    return word.group(1) if word else claim.value


def is_printed(token: str, part: str) -> bool:
    """Return whether a token stands in the text by itself, not within a longer number or word."""
    return (
        re.search(
            rf"(?<![\w.,]){re.escape(token)}(?![\w]|[.,]\d)|(?<![\w.,]){re.escape(token)}(?=×|-|sec)",
            part,
            flags=re.IGNORECASE,
        )
        is not None
    )


def missing(paper: Paper, parts: Mapping[str, str]) -> list[str]:
    """Return the claims whose value does not stand at their place, or whose place is unknown."""
    problems = []
    for claim in paper.claims:
        if claim.where not in parts:
            problems.append(f"{claim.id}: unknown place {claim.where!r}")
        elif not is_printed(printed_as(claim), parts[claim.where]):
            problems.append(f"{claim.id}: {printed_as(claim)!r} not in {claim.where}")
    return problems


def numbers_without_claim(paper: Paper, where: str, rows: list[str]) -> list[str]:
    """Return the numeric cells of a table's rows (tab-separated) that no claim of this place has,
    each as often as it lacks."""
    values = [claim.value for claim in paper.claims if claim.where == where]
    lacking = []
    for row in rows:
        for cell in row.split("\t")[1:]:
            cell = cell.strip()
            if not re.search(r"\d", cell):
                continue
            if cell in values:
                values.remove(cell)
            else:
                lacking.append(cell)
    return lacking
