"""What a paper states of its experiment, fact by fact, each with its place and with what became of it here.

``facts.yaml``, validated. A fact is ``as stated`` (then tests hold it, or checks of the resolved study), ``assumed``
(stated in part or in several ways) or ``differs``. What a paper leaves open altogether is no fact of it:
:func:`left_open` reads that from paper.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import Field, field_validator, model_validator

from leukbench.errors import InputError
from leukbench.papers.files import paper_file
from leukbench.papers.loader import read_validated
from leukbench.papers.resolve import resolve_study
from leukbench.papers.schema import Assumed, Claim, Paper, Strict
from leukbench.records import as_plain

Part = Literal["data", "network", "recipe", "evaluation"]
Status = Literal["as stated", "assumed", "differs"]
PARTS: tuple[Part, ...] = get_args(Part)
STATUSES: tuple[Status, ...] = get_args(Status)

_PART_OF: dict[str, Part] = {"networks": "network", "recipes": "recipe", "ambiguities": "evaluation"}
_TEST = re.compile(r"tests/[\w/]+\.py::test_\w+")
_PATH = re.compile(r"[\w*|]+(\.[\w*|\-]+)+")


class Fact(Strict):
    """One stated fact, in this project's words.

    Attributes
    ----------
    where : its place in the paper, besides the places of its claims.
    claims : ids of the printed figures that it rests on; ``*`` stands for any part of a name.
    checks : dotted paths into the resolved studies (``study.arms.name.recipe.epochs``; ``*`` as above, ``a|b`` for
        either; a name picks the entry of a list that bears it) and the value of every match, as quoted YAML.
    tests : ids of the tests that hold it, ``tests/<file>::<function>``.
    assumed : entries of paper.yaml that say what was chosen, or what else could be where the paper is followed:
        ``networks/<name>/<field>``, ``recipes/<name>/<field>`` or ``ambiguities/<field>``.
    reason, alternatives : why it is assumed or differs, and what else could be, where no entry of paper.yaml says so.
    pictures : it is what the paper says that its pictures of activations show, which stands beside what
        ``leukbench gradcam`` measures.
    """

    fact: str = Field(min_length=1, max_length=240)
    where: str = ""
    status: Status
    claims: tuple[str, ...] = ()
    checks: dict[str, str] = Field(default_factory=dict)
    tests: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    reason: str = ""
    alternatives: tuple[str, ...] = ()
    pictures: bool = False

    @field_validator("checks")
    @classmethod
    def _checks_can_be_read(cls, checks: dict[str, str]) -> dict[str, str]:
        for path, value in checks.items():
            if not _PATH.fullmatch(path):
                raise ValueError(f"{path!r} is no dotted path into a study")
            try:
                yaml.safe_load(value)
            except yaml.YAMLError as error:
                raise ValueError(f"the value {value!r} for {path} is no YAML") from error
        return checks

    @field_validator("tests")
    @classmethod
    def _tests_are_named_in_full(cls, tests: tuple[str, ...]) -> tuple[str, ...]:
        for test in tests:
            if not _TEST.fullmatch(test):
                raise ValueError(f"{test!r} is no test: tests/<file>.py::test_<what>")
        return tests

    @model_validator(mode="after")
    def _status_has_its_ground(self) -> Fact:
        if not (self.where or self.claims):
            raise ValueError("a fact has its place in the paper: where, or the claims that it rests on")
        if self.status == "as stated":
            if not (self.tests or self.checks):
                raise ValueError("a fact 'as stated' names the tests or the checks that hold it")
            if self.reason or self.alternatives:
                raise ValueError("a fact 'as stated' has no reason and no alternatives")
        elif not (self.assumed or self.reason):
            raise ValueError(f"a fact that is {self.status!r} names its reason or an assumed entry of paper.yaml")
        return self


class FactSheet(Strict):
    """The facts of one paper, by what they are of."""

    data: tuple[Fact, ...]
    network: tuple[Fact, ...]
    recipe: tuple[Fact, ...]
    evaluation: tuple[Fact, ...]

    def facts(self) -> Iterator[tuple[Part, Fact]]:
        """Yield every fact with its part, in the order of the file."""
        for part in PARTS:
            for fact in getattr(self, part):
                yield part, fact


@dataclass(frozen=True, kw_only=True)
class Open:
    """What a paper leaves open: an ``assumed`` entry that no fact names, with the networks or recipes that share it."""

    part: Part
    holders: tuple[str, ...]  # names of networks or recipes; empty for what belongs to none
    entry: Assumed


def facts_file(paper: Paper) -> Path:
    """Return where a paper of the suite has its fact sheet, whether it is there or not."""
    return paper_file(paper.key).parent / "facts.yaml"


def load_facts(paper: Paper) -> FactSheet:
    """Return the validated fact sheet of a paper of the suite.

    Raises
    ------
    InputError
        Where it is missing or against the schema, names a claim or an assumed entry that paper.yaml does not have, or
        where a check finds no value or another one.
    """
    return read_facts(facts_file(paper), paper)


def read_facts(file: Path, paper: Paper) -> FactSheet:
    """Return the validated fact sheet in a file. Raises InputError as :func:`load_facts` does."""
    sheet = read_validated(file, FactSheet, do="leukbench/papers/README.md, Facts, explains every key")
    problems = [*_unknown_names(sheet, paper), *_broken_checks(sheet, paper)]
    if problems:
        raise InputError(
            f"{len(problems)} thing(s) of this fact sheet do not agree with the paper file beside it",
            where=str(file),
            found="; ".join(problems[:8]),
            do="correct the sheet, or the paper file where the paper says so",
        )
    return sheet


# ------------------------------------------------------------------------------------------------ paths and checks


def values_at(tree: Any, path: str) -> dict[str, Any]:
    """Return the values that a dotted path with ``*`` finds in plain data, by their full paths.

    >>> values_at({"arms": {"a": {"px": 224}, "b": {"px": 300}}}, "arms.*.px")
    {'arms.a.px': 224, 'arms.b.px': 300}
    >>> values_at([{"name": "first", "k": 3}], "first.k")
    {'first.k': 3}
    """
    found = {"": tree}
    for pattern in path.split("."):
        found = {
            f"{at}.{name}" if at else name: value
            for at, within in found.items()
            for name, value in _named(within)
            if any(fnmatchcase(name, one) for one in pattern.split("|"))
        }
    return found


def _named(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(name), entry) for name, entry in value.items()]
    if isinstance(value, list):
        return [(str(entry["name"]), entry) for entry in value if isinstance(entry, Mapping) and "name" in entry]
    return []


def _broken_checks(sheet: FactSheet, paper: Paper) -> list[str]:
    """Return a sentence for each check of a sheet that finds nothing in the resolved studies or another value."""
    studies = {name: as_plain(resolve_study(paper, name)) for name in paper.studies}
    problems = []
    for part, fact in sheet.facts():
        for path, expected in fact.checks.items():
            found = values_at(studies, path)
            if not found:
                problems.append(f"{part}, {fact.fact!r}: nothing is at {path}")
            problems += [
                f"{part}, {fact.fact!r}: {at} must be {expected}, got {value!r}"
                for at, value in found.items()
                if not _same(value, yaml.safe_load(expected))
            ]
    return problems


def _same(value: Any, expected: Any) -> bool:
    """Compare as data, where true is not 1 and a text is not a number."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    return bool(value == expected)


# ------------------------------------------------------------------------------ names in the paper file beside it


def assumed_entries(paper: Paper) -> dict[str, Assumed]:
    """Return every entry of a paper that says what it leaves open, by the name that facts give it."""
    entries = {f"networks/{name}/{a.field}": a for name, network in paper.networks.items() for a in network.assumed}
    entries |= {f"recipes/{name}/{a.field}": a for name, recipe in paper.recipes.items() for a in recipe.assumed}
    return entries | {f"ambiguities/{a.field}": a for a in paper.ambiguities}


def left_open(paper: Paper, sheet: FactSheet) -> list[Open]:
    """Return what the paper leaves open and no fact names, once where several networks or recipes share it."""
    entries = assumed_entries(paper)
    named = [entries[name] for _, fact in sheet.facts() for name in fact.assumed]
    shared: dict[tuple[Part, str], list[str]] = {}
    for name, entry in entries.items():
        if entry not in named:
            shared.setdefault((_PART_OF[name.split("/", 1)[0]], repr(entry)), []).append(name)
    return [
        Open(
            part=part,
            entry=entries[names[0]],
            holders=tuple(name.split("/")[1] for name in names if name.count("/") > 1),
        )
        for (part, _), names in shared.items()
    ]


def claims_of(fact: Fact, paper: Paper) -> list[Claim]:
    """Return the claims that a fact names, its patterns filled in, in the order of the ledger."""
    return [claim for claim in paper.claims if any(fnmatchcase(claim.id, pattern) for pattern in fact.claims)]


def places(fact: Fact, paper: Paper) -> list[str]:
    """Return where a fact stands in its paper: its own place, then those of its claims, each once."""
    return list(dict.fromkeys([*filter(None, [fact.where]), *(claim.where for claim in claims_of(fact, paper))]))


def _unknown_names(sheet: FactSheet, paper: Paper) -> Iterator[str]:
    entries, ids = assumed_entries(paper), [claim.id for claim in paper.claims]
    for part, fact in sheet.facts():
        for name in fact.assumed:
            if name not in entries:
                yield f"{part}, {fact.fact!r}: paper.yaml has no assumed entry {name!r}"
        for pattern in fact.claims:
            if not any(fnmatchcase(i, pattern) for i in ids):
                yield f"{part}, {fact.fact!r}: {pattern!r} is no claim"
