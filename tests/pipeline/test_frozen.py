"""Margin, alpha and headline claims cannot be changed once they are frozen: the compare stage refuses, whatever exists."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from leukbench.errors import DataError, InputError
from leukbench.papers.loader import load_paper
from leukbench.params import load_params
from leukbench.paths import out_folder
from leukbench.pipeline.compare import compare
from leukbench.verdicts.rule import frozen_digest

PLAN = """\
profile: frozen
papers: [known_answer]
verdicts: {margin: MARGIN, alpha: ALPHA, sha256: SHA}
sources: {known_answer: {images: 16}}
stores: {s: {source: known_answer, side_px: 32}}
studies: {cohort: {paper: known_answer, study: cohort}}
experiments:
  by-patient: {paper: known_answer, study: cohort, protocol: patient, source: known_answer, store: s, arms: [cohort_cnn]}
"""


def _compare(home: Path, *, margin: float = 0.05, alpha: float = 0.05, headlines: dict[str, str] | None = None) -> str:
    """Run the stage with a hash that was made for a margin of 0.05, an alpha of 0.05 and the ledger's headlines."""
    kept = headlines or load_paper("known_answer").headlines()
    sha = frozen_digest(0.05, 0.05, kept)
    text = PLAN.replace("MARGIN", str(margin)).replace("ALPHA", str(alpha)).replace("SHA", sha)
    assert yaml.safe_load(text)["verdicts"]["sha256"] == sha
    (home / "params.yaml").write_text(text, encoding="utf-8")
    return compare(load_params(home / "params.yaml"))


@pytest.mark.parametrize(
    "edit",
    [
        {"margin": 0.06},
        {"alpha": 0.1},
        {"headlines": {"known_answer.other": "accuracy 93.0 %"}},
        {"headlines": dict.fromkeys(load_paper("known_answer").headlines(), "accuracy 1 %")},
    ],
)
def test_an_edit_after_freezing_is_refused_before_anything_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: dict[str, object]
) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="differ from those that were frozen") as raised:
        _compare(tmp_path, **edit)  # type: ignore[arg-type]
    assert "verdicts.sha256" in raised.value.where and "restore them" in raised.value.do
    assert not out_folder("frozen", "verdicts.json").exists()


def test_what_was_frozen_goes_on_to_the_estimates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    with pytest.raises(DataError, match="evaluate"):
        _compare(tmp_path)
