"""Reading a paper file: once a text, never another's, and nobody's change is another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.errors import InputError
from leukbench.papers.loader import load_paper, paper_file


def test_a_paper_is_read_anew_where_its_text_changed_and_only_there(tmp_path: Path) -> None:
    text = paper_file("ddrnet").read_text(encoding="utf-8")
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    first = load_paper(file)
    assert load_paper(file).claims is first.claims
    file.write_text(text.replace('"91.98"', '"91.97"'), encoding="utf-8")
    assert load_paper(file).claim("ddrnet.ablation.all").value == "91.97"
    file.write_text("claims: [", encoding="utf-8")
    with pytest.raises(InputError, match="no YAML"):
        load_paper(file)
    file.write_text(text, encoding="utf-8")
    assert load_paper(file).claim("ddrnet.ablation.all").value == "91.98"
    file.unlink()
    with pytest.raises(InputError, match="No such file"):
        load_paper(file)


def test_who_changes_a_mapping_of_a_paper_changes_his_own() -> None:
    mine = load_paper("ddrnet")
    mine.studies["another"] = mine.studies["cnmc"]
    assert "another" not in load_paper("ddrnet").studies


@pytest.mark.parametrize("name", ["x" * 5000 + ".yaml", "a\0.yaml", "folder.yaml"])
def test_a_name_that_no_file_has_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(InputError, match="cannot read a paper file"):
        load_paper(tmp_path / name)
