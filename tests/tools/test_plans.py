"""Profiles written short stand for whole plans; what is wrong in one is named by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from leukbench.errors import InputError
from leukbench.papers.loader import load_paper, paper_keys
from leukbench.papers.schema import Paper
from leukbench.params import params_from_plain
from leukbench.records import Limits
from leukbench.sources import load_source
from leukbench.tools import plans
from leukbench.tools.plans import params_text, read_profile
from leukbench.tools.profiles import load_profile
from leukbench.verdicts.frozen import frozen_digest

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


EVERY = """\
profile: every
papers: all
verdicts: {margin: 0.05}
sources: {synthetic_cells: {images: 48}}
every: {images: stand_in, protocols: [image], limits: {epochs: 1}}
"""


def test_every_stands_for_all_papers_that_are_found_and_freezes_their_headlines(tmp_path: Path) -> None:
    (tmp_path / "every.yaml").write_text(EVERY, encoding="utf-8")
    params = load_profile(tmp_path / "every.yaml")
    papers = [load_paper(key) for key in paper_keys()]
    assert params.papers == tuple(paper_keys())
    headlines = {k: v for paper in papers for k, v in paper.headlines().items()}
    assert params.verdicts.sha256 == frozen_digest(0.05, 0.05, headlines)
    studies = {(p.key, s) for p in papers for s, study in p.studies.items() if study.stand_in}
    assert {(e.paper, e.study) for e in params.experiments.values()} == studies
    assert {e.protocol for e in params.experiments.values()} == {"image"}
    assert all(load_source(name).card.synthetic for name in params.sources)
    assert params.sources["synthetic_cells"].images == 48
    # batool's VGG19 takes 224 px where its other networks take 300: a store and an experiment of its own
    vgg = params.experiments["batool-cnmc-224-image"]
    assert vgg.store == "synthetic_cells-224" and params.stores[vgg.store].side_px == 224
    assert params.stores["synthetic_cells-224-crop67"].crop == 0.6667


def test_a_study_without_a_stand_in_is_left_out_of_stand_ins_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(key: str) -> Paper:
        paper = load_paper(key)
        study = paper.studies["cnmc"].model_copy(update={"stand_in": ""})
        return paper.model_copy(update={"studies": {"cnmc": study}})

    monkeypatch.setattr("leukbench.papers.loader.load_paper", without)
    monkeypatch.setattr(plans, "paper_keys", lambda: ["ddrnet"])
    for images, n in (("stand_in", 0), ("published", 1)):
        (tmp_path / "every.yaml").write_text(EVERY.replace("stand_in", images), encoding="utf-8")
        params = load_profile(tmp_path / "every.yaml")
        assert [*params.studies] == ["ddrnet-cnmc"][:n] and len(params.experiments) == n


def test_readings_without_published_labels_are_left_out(tmp_path: Path) -> None:
    text = EVERY.replace("stand_in", "published").replace("protocols: [image], ", "")
    (tmp_path / "every.yaml").write_text(text, encoding="utf-8")
    readings = {(e.paper, e.study, e.reading) for e in load_profile(tmp_path / "every.yaml").experiments.values()}
    assert ("ddrnet", "cnmc", "training_data_80_20") in readings
    assert ("ddrnet", "cnmc", "final_test") not in readings  # C-NMC publishes no labels of its final test


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
