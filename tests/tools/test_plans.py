"""Profiles written short stand for whole plans; what is wrong in one is named by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from leukbench.errors import InputError
from leukbench.papers.loader import load_paper, paper_keys
from leukbench.params import params_from_plain
from leukbench.records import Limits
from leukbench.tools.plans import params_text, read_profile
from leukbench.tools.profiles import load_profile

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
BASE = """\
profile: base
papers: [alnet]
verdicts: {margin: 0.05}
sources: {cnmc_2019: {}}
stores:
  cut: {source: cnmc_2019, side_px: 224, crop: 0.6667}
  whole: {source: cnmc_2019, side_px: 224}
studies: {alnet-cnmc: {paper: alnet, study: cnmc}}
experiments:
  left: {paper: alnet, study: cnmc, protocol: image, source: cnmc_2019, store: cut, arms: [alnet]}
"""
SHORT = """\
# A short profile: nothing runs.
extends: base
profile: short
stores: {more: {source: cnmc_2019, side_px: 64}}
plan:
  - {name: a, study: alnet-cnmc, store: cut, limits: {epochs: 2}}
  - {name: b, study: alnet-cnmc, store: cut, protocols: [patient], arms: [vgg16]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "short.yaml").write_text(SHORT, encoding="utf-8")
    return tmp_path


def test_a_line_of_the_plan_stands_for_every_protocol_reading_and_arm(folder: Path) -> None:
    params = load_profile(folder / "short.yaml")
    study = load_paper("alnet").studies["cnmc"]
    readings = [f"a-as_published-{r.name}" for r in study.protocols["as_published"]]
    others = [f"a-{p}" for p in ("image", "augment_first", "patient", "challenge") if p in study.protocols]
    assert list(params.experiments) == [*readings, *others, "b-patient"]
    of_study = {name for name, arm in load_paper("alnet").arms.items() if arm.study == "cnmc"}
    assert set(params.experiments["a-image"].arms) == of_study and params.experiments["b-patient"].arms == ("vgg16",)
    assert params.experiments["a-image"].limits == Limits(epochs=2)
    assert params.experiments[readings[0]].reading == study.protocols["as_published"][0].name


def test_a_profile_takes_over_what_it_builds_on_but_for_its_experiments(folder: Path) -> None:
    params = load_profile(folder / "short.yaml")
    assert params.profile == "short" and params.papers == ("alnet",) and params.verdicts.margin == 0.05
    assert list(params.stores) == ["cut", "whole", "more"] and "left" not in params.experiments


def test_the_params_of_a_short_profile_say_everything(folder: Path) -> None:
    text = params_text(folder / "short.yaml")
    assert text.startswith("# A short profile: nothing runs.\n# Made from profiles/short.yaml")
    assert params_from_plain(yaml.safe_load(text), where="params.yaml") == load_profile(folder / "short.yaml")
    assert params_text(folder / "base.yaml") == BASE


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("study: alnet-cnmc, store: cut, limits", "study: alnet-cmnc, store: cut, limits", r"plan\.0.*\n.*alnet-cnmc"),
        ("store: cut, protocols", "store: cutt, protocols", "did you mean 'cut'"),
        ("protocols: [patient]", "protocols: [patients]", r"plan\.1"),
        ("limits: {epochs: 2}", "without: [offical]", "unknown reading 'offical'"),
        ("name: b", "name: a", "two lines of the plan make one experiment"),
        ("name: b,", "nme: b,", "nme"),
        ("extends: base", "extends: bass", "did you mean 'base'"),
        ("extends: base", "extends: short", "extends itself"),
        ("plan:\n", "experiments: {a-image: {}}\nplan:\n", "under experiments as well"),
        ("plan:\n", "plan: {}\nrest:\n", "a plan is no list"),
    ],
)
def test_what_is_wrong_in_a_profile_is_named(folder: Path, old: str, new: str, words: str) -> None:
    assert old in SHORT
    (folder / "short.yaml").write_text(SHORT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=f"(?s){words}"):
        read_profile(folder / "short.yaml")


def test_the_full_profile_plans_every_arm_of_every_paper_under_every_protocol() -> None:
    params = load_profile(PROFILES / "full.yaml")
    planned = {(e.paper, e.study, e.protocol, arm) for e in params.experiments.values() for arm in e.arms}
    for key in paper_keys():
        paper = load_paper(key)
        wanted = {
            (key, arm.study, p, name) for name, arm in paper.arms.items() for p in paper.studies[arm.study].protocols
        }
        assert wanted <= planned
