"""Checklists: each answer follows from the record, silence is said to be silence, and judgement is left to people."""

from __future__ import annotations

import pytest

from leukbench.papers.facts import FactSheet, load_facts
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Paper
from leukbench.report.checklists import CLAIM, GUIDELINES, REFORMS, TRIPOD, Answer, answers, checklist


def record(key: str) -> tuple[Paper, FactSheet]:
    paper = load_paper(key)
    return paper, load_facts(paper)


def by_number(key: str, guideline: str) -> dict[str, Answer]:
    return {answer.item.number: answer for answer in answers(*record(key), GUIDELINES[guideline])}


@pytest.mark.parametrize(("items", "n"), [(REFORMS, 32), (CLAIM, 44), (TRIPOD, 52)])
def test_every_item_of_a_guideline_stands_once(items: tuple[object, ...], n: int) -> None:
    numbers = [item.number for item in items]  # type: ignore[attr-defined]
    assert len(numbers) == len(set(numbers)) == n


def test_what_the_papers_say_and_do_not_say() -> None:
    """By hand, from the ledgers: one stated and one silent answer a paper."""
    alnet, batool, dscnet = (by_number(key, "CLAIM 2024") for key in ("alnet", "batool", "dscnet"))
    assert alnet["20"].status == "not reported", "a split by patient is not spoken of"
    assert batool["20"].status == "reported", "a split by image is stated"
    assert (alnet["19"].status, dscnet["19"].status) == ("reported", "not reported")
    assert "Section 4.2" in alnet["19"].where
    assert alnet["33"].status == alnet["43"].status == "not reported"
    assert alnet["25"].status == "in part", "no batch size is printed"
    assert alnet["26"].status == "not reported" and batool["26"].status == "reported"
    assert alnet["16"].status == "not assessed"
    assert by_number("dscnet", "TRIPOD+AI")["23a"].status == "in part", "scores without an interval"


@pytest.mark.parametrize("key", paper_keys())
def test_a_page_names_every_item_once_and_places_where_something_is_stated(key: str) -> None:
    page = checklist(*record(key))
    for name, items in GUIDELINES.items():
        found = answers(*record(key), items)
        assert {answer.item for answer in found} == set(items)
        shown = [answer for answer in found if answer.status != "not assessed"]
        assert page.count(f"| {name} ") == len(shown) + 1, "one row an item, one of counts"
        assert all(answer.where for answer in shown if answer.status == "reported"), [a for a in shown if not a.where]
        assert not any(answer.where for answer in found if answer.status == "not reported")


def test_a_silent_record_reports_nothing() -> None:
    paper, sheet = record("alnet")
    silent = paper.model_copy(update={"claims": (), "protocol_facts": {}, "arms": {}})
    nothing = sheet.model_copy(update={"data": (), "network": (), "recipe": (), "evaluation": ()})
    for items in GUIDELINES.values():
        assert {a.status for a in answers(silent, nothing, items)} == {"not reported", "not assessed"}
