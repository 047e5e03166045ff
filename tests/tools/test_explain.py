"""``leukbench explain``: a paper's claims by their places, and names that are none."""

from __future__ import annotations

import json

import pytest

from leukbench.errors import InputError
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.tools.explain import explain


@pytest.mark.parametrize("key", paper_keys())
def test_a_paper_has_a_short_table_of_where_its_claims_stand_that_counts_each_once(key: str) -> None:
    paper = load_paper(key)
    rows = json.loads(explain(key, None, "json"))
    assert sum(row["claims"] for row in rows) == len(paper.claims) > 3 * len(rows)
    starts = {start.removesuffix("*") for row in rows for start in row["ids"].split(", ")}
    assert all(any(claim.id.startswith(start) for start in starts) for claim in paper.claims)
    text = explain(key, None, "md")
    assert len(text.splitlines()) == len(rows) + 6 and f"leukbench claims --paper {key} --format csv" in text
    assert all(f"`{study.headline}`" in text for study in paper.studies.values())


def test_claims_of_one_table_are_one_row() -> None:
    rows = {row["place"]: row for row in json.loads(explain("alnet", None, "json"))}
    nine = [claim for claim in load_paper("alnet").claims if claim.where.startswith("Table 9")]
    assert rows["Table 9"] == {"place": "Table 9", "claims": len(nine), "ids": "alnet.t9.*", "metrics": "accuracy"}


def test_a_claim_that_is_none_is_answered_with_the_nearest_and_not_with_all() -> None:
    with pytest.raises(InputError, match=r"did you mean alnet\.t9\.test\.mean") as error:
        explain("alnet.t9.tst.mean", None, "md")
    assert len(str(error.value)) < 400 and "leukbench explain alnet" in str(error.value)
    with pytest.raises(InputError, match="did you mean 'alnet'"):
        explain("alnett", None, "md")
