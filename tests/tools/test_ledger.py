"""``leukbench claims``: the ledger that prints at once is the ledger that the schema validates."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leukbench.cli.app import app
from leukbench.errors import InputError
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper, read_paper
from leukbench.papers.schema import Claim
from leukbench.tools.ledger import COLUMNS, FIRST, claims_text, ledger, validated_ledger
from tests.support.made_up_paper import TEXT, write_paper

HEAD = "paper,kind,model,dataset,task,split,fold,condition,metric,class,value,unit,spread,where"


@pytest.mark.parametrize("key", paper_keys(made_up=True))
def test_claims_without_validation_are_those_of_the_schema(key: str) -> None:
    paper = load_paper(key)
    rows = ledger(key)
    assert rows == validated_ledger(paper)
    assert [row["id"] for row in rows] == [claim.id for claim in paper.claims]


def test_columns_hold_every_key_of_a_claim_once() -> None:
    keys = [field.alias or name for name, field in Claim.model_fields.items()]
    assert sorted(COLUMNS) == sorted([*keys, "paper"])
    assert ",".join(FIRST) == HEAD


def test_csv_reads_back_value_by_value(tmp_path: Path) -> None:
    text = claims_text(["alnet", str(write_paper(tmp_path))], "csv")
    assert text.splitlines()[0].startswith(HEAD + ",id,")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"] for row in rows[:-7]] == [c.id for c in load_paper("alnet").claims]
    params = next(row for row in rows if row["id"] == "alnet.t8.resnet50.params")
    assert (params["paper"], params["value"], params["where"]) == ("alnet", "25,636,712", "Table 8")
    last = rows[-1]
    assert (last["kind"], last["split"], last["approximate"]) == ("own", "test", "true")
    assert last["derived_from"] == "planted.true planted.cited"
    assert (rows[-2]["kind"], rows[-2]["note"], rows[-2]["approximate"]) == ("cited", "a | b", "")


def test_json_keeps_types_and_no_paper_named_means_the_published_ones() -> None:
    rows = json.loads(claims_text([], "json"))
    assert {row["paper"] for row in rows} == set(paper_keys())
    assert {type(row["approximate"]) for row in rows} == {bool}
    assert {type(row["derived_from"]) for row in rows} == {list}


def test_markdown_has_one_line_per_claim_and_no_loose_bar() -> None:
    lines = claims_text(["batool"], "md").splitlines()
    assert len(lines) == 2 + len(load_paper("batool").claims)
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(FIRST) + 2}


def test_own_file_is_validated_and_listed(tmp_path: Path) -> None:
    own = write_paper(tmp_path)
    assert "| a \\| b |" in claims_text([str(own)], "md")
    write_paper(tmp_path, TEXT.replace("metric: mcc", "metric: mmc"))
    with pytest.raises(InputError, match="mmc"):
        claims_text([str(own)], "csv")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('value: "0.93"', "value: 0.93"),
        ('value: "0.93"', "value: null"),
        ('value: "0.93"', 'value: "0.93", vlaue: "1"'),
        ("approximate: true", 'approximate: "perhaps"'),
        ("derived_from: [planted.true, planted.cited]", "derived_from: planted.true"),
        ("where: Table 2", "wher: Table 2"),
    ],
)
def test_what_is_no_claim_is_left_to_the_schema(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("leukbench.papers.files._FOLDER", tmp_path)
    write_paper(tmp_path / "planted")
    assert ledger("planted") == validated_ledger(read_paper(tmp_path / "planted" / "paper.yaml"))
    write_paper(tmp_path / "planted", TEXT.replace(old, new))
    with pytest.raises(InputError, match="not as they should be"):
        ledger("planted")


def test_command_prints_csv_and_names_the_nearest_paper() -> None:
    result = CliRunner().invoke(app, ["claims", "--paper", "dscnet", "--format", "csv"])
    assert (result.exit_code, result.stdout) == (0, claims_text(["dscnet"], "csv"))
    wrong = CliRunner().invoke(app, ["claims", "--paper", "alnett"])
    assert isinstance(wrong.exception, InputError)
    assert "did you mean 'alnet'" in str(wrong.exception)
