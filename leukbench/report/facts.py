"""The fact sheet of a paper as Markdown: what it states of its experiment, and what became of each fact."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from leukbench.papers.facts import PARTS, STATUSES, Fact, FactSheet, Open, Part, assumed_entries, left_open, places
from leukbench.papers.schema import Assumed, NamedRecipe, Network, Paper
from leukbench.report.format import page_table

TITLES: dict[Part, str] = {"data": "Data", "network": "Network", "recipe": "Recipe", "evaluation": "Evaluation"}


def fact_sheet(paper: Paper, sheet: FactSheet) -> str:
    """Return the counts of each status, then one table a part: stated facts first, then what the paper leaves open."""
    rest = left_open(paper, sheet)
    parts = [_counts(sheet, rest)]
    for part in PARTS:
        rows = [_row(fact, paper) for of, fact in sheet.facts() if of == part]
        rows += [_open_row(item, paper) for item in rest if item.part == part]
        parts.append(f"**{TITLES[part]}**\n\n{page_table(rows)}")
    return "\n\n".join(parts)


def _counts(sheet: FactSheet, rest: list[Open]) -> str:
    counted = Counter((part, fact.status) for part, fact in sheet.facts())
    rows: list[dict[str, Any]] = [
        {"of": TITLES[part]}
        | {status: counted[part, status] for status in STATUSES}
        | {"left open": sum(item.part == part for item in rest)}
        for part in PARTS
    ]
    names = [*STATUSES, "left open"]
    rows.append({"of": "all"} | {name: sum(row[name] for row in rows) for name in names})
    return page_table(rows)


def _row(fact: Fact, paper: Paper) -> dict[str, str]:
    return {
        "fact": fact.fact,
        "where": "; ".join(places(fact, paper)),
        "status": fact.status,
        "why, and what else it could be": _why(fact, paper),
        "held by": "<br>".join(
            [f"`{path}` = {value}" for path, value in fact.checks.items()] + [f"`{test}`" for test in fact.tests]
        ),
    }


def _why(fact: Fact, paper: Paper) -> str:
    entries = assumed_entries(paper)
    parts = [f"{fact.reason}{_instead(fact.alternatives)}"] if fact.reason else []
    return "<br>".join(parts + [_chosen(entries[name]) for name in fact.assumed])


def _open_row(item: Open, paper: Paper) -> dict[str, str]:
    named: dict[str, Network] | dict[str, NamedRecipe] = paper.networks if item.part == "network" else paper.recipes
    where = list(dict.fromkeys(named[name].where for name in item.holders))
    whose = f" ({_some(item.holders)})" if item.holders else ""
    return {
        "fact": f"{item.entry.field}{whose}",
        "where": where[0] if len(where) == 1 else "",
        "status": "left open",
        "why, and what else it could be": _chosen(item.entry, named=False),
        "held by": "",
    }


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _chosen(entry: Assumed, *, named: bool = True) -> str:
    """Return what was chosen where the paper leaves something open, what else it could be, and why.

    >>> _chosen(Assumed(field="crop", value=1.0, alternatives=(0.5,), reason="unstated"))
    'crop: 1.0; or 0.5 (unstated)'
    """
    field = f"{entry.field}: " if named else ""
    return f"{field}{_text(entry.value)}{_instead(entry.alternatives)} ({entry.reason})"


def _instead(alternatives: tuple[Any, ...]) -> str:
    return "; or " + ", or ".join(map(_text, alternatives)) if alternatives else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
