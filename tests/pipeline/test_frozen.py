"""Margin, alpha and headline claims cannot be changed once they are frozen: the compare stage refuses,
whatever exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from leukbench.errors import DataError, InputError
from leukbench.papers.loader import load_paper
from leukbench.params import load_params
from leukbench.paths import out_folder
from leukbench.pipeline.audit import audit_stage
from leukbench.pipeline.compare import compare
from leukbench.tools.profiles import use_profile
from leukbench.verdicts.frozen import frozen_digest
from tests.support.plans import known_experiment, known_plan, write_plan


def _compare(home: Path, *, margin: float = 0.05, alpha: float = 0.05, headlines: dict[str, str] | None = None) -> str:
    """Run the stage with a hash that was made for a margin of 0.05, an alpha of 0.05 and the ledger's headlines."""
    kept = headlines or load_paper("known_answer").headlines()
    sha = frozen_digest(0.05, 0.05, kept)
    verdicts = {"margin": margin, "alpha": alpha, "sha256": sha}
    plan = known_plan("frozen", {"by-patient": known_experiment("patient")}, images=16, verdicts=verdicts)
    return compare(load_params(write_plan(home, plan)))


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


def test_what_was_frozen_goes_on_to_what_the_stages_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    with pytest.raises(DataError, match="audit"):
        _compare(tmp_path)


@pytest.mark.parametrize("verdicts", [{"margin": 0.05}, {"margin": 0.05, "sha256": "0" * 64}])
def test_the_first_stage_refuses_before_anything_could_be_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdicts: dict[str, object]
) -> None:
    """Every stage that trains depends on what the audit stage sets apart of the papers."""
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    plan = known_plan("frozen", {"by-patient": known_experiment("patient")}, images=16, verdicts=verdicts)
    now = frozen_digest(0.05, 0.05, load_paper("known_answer").headlines())
    with pytest.raises(InputError, match="differ from those that were frozen") as raised:
        audit_stage(load_params(write_plan(tmp_path, plan)))
    assert raised.value.found == now and not out_folder("frozen").exists()


def test_the_list_of_profiles_prints_the_hash_to_freeze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEUKBENCH_HOME", str(tmp_path))
    (tmp_path / "profiles").mkdir()
    plan = known_plan("frozen", {"by-patient": known_experiment("patient")}, images=16)
    write_plan(tmp_path / "profiles", plan).rename(tmp_path / "profiles" / "frozen.yaml")
    now = frozen_digest(0.05, 0.05, load_paper("known_answer").headlines())
    for verdicts, said in (({"margin": 0.05}, "it says none"), ({"margin": 0.05, "sha256": now}, "as it says")):
        write_plan(tmp_path, {**plan, "verdicts": verdicts})
        assert use_profile("").splitlines()[-1].endswith(f"as they stand: {now} ({said})")
