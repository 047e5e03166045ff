"""The same conformance checks on every paper that is found, and a sixth one outside the suite,
tried as a new user would."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from leukbench.artefacts import ResolvedStudy, from_plain
from leukbench.cli.app import app
from leukbench.cohort.splits import check_rule
from leukbench.errors import InputError
from leukbench.papers.facts import PARTS, load_facts, places
from leukbench.papers.files import paper_file, paper_keys
from leukbench.papers.loader import load_paper, read_paper
from leukbench.papers.resolve import resolve_study
from leukbench.papers.schema import Assumed, Paper, Study
from leukbench.papers.vocabulary import METRICS
from leukbench.pixels.augmentation import draw_augmentation
from leukbench.records import Augmentation, NetworkSpec, Reading, json_text
from leukbench.sources import load_source
from leukbench.tools.ledger import claims_text
from leukbench.tools.new import new
from tests.support.fact_rules import figures_without_fact, missing_tests, settings_without_fact

EVERY = paper_keys(made_up=True)
PUBLISHED = paper_keys()
FIVE = {"alnet", "batool", "ddrnet", "dscnet", "samhitha"}


@pytest.fixture(scope="module")
def papers() -> dict[str, Paper]:
    return {key: load_paper(key) for key in EVERY}


@pytest.fixture(params=EVERY)
def paper(request: pytest.FixtureRequest, papers: dict[str, Paper]) -> Paper:
    return papers[request.param]


def readings(study: Study) -> Iterator[Reading]:
    for of_protocol in study.protocols.values():
        yield from of_protocol


def model_module(key: str) -> object:
    import importlib

    return importlib.import_module(f"leukbench.papers.{key}.model")


# ------------------------------------------------------------------------------------------------ every paper found


def test_the_five_papers_are_found_and_made_up_ones_are_not_among_them() -> None:
    assert set(PUBLISHED) >= FIVE
    assert set(EVERY) > set(PUBLISHED)


def test_a_folder_bears_its_papers_key_and_holds_its_three_files(paper: Paper) -> None:
    folder = paper_file(paper.key).parent
    assert folder.name == paper.key
    assert all((folder / name).is_file() for name in ("paper.yaml", "model.py", "README.md", "__init__.py"))


def test_nothing_of_a_paper_is_still_to_be_filled(paper: Paper) -> None:
    left = new("paper", paper.key) if "TODO" in _everything(paper.key) else ""
    assert not left, left


def _everything(key: str) -> str:
    files = (f for f in paper_file(key).parent.iterdir() if f.suffix in {".py", ".yaml", ".md"})
    return "".join(file.read_text(encoding="utf-8") for file in files)


def test_each_study_has_a_headline_of_its_own_that_is_a_claim(paper: Paper) -> None:
    headlines = [study.headline for study in paper.studies.values()]
    assert len(set(headlines)) == len(headlines) > 0
    for name, study in paper.studies.items():
        claim = paper.claim(study.headline)
        assert (claim.kind, claim.study) == ("own", name)
        assert claim.number is not None and claim.arm in paper.arms


def test_each_study_can_be_split_by_image_and_by_patient_and_as_published(paper: Paper) -> None:
    for study in paper.studies.values():
        assert set(study.protocols) >= {"as_published", "image", "augment_first", "patient"}
        assert all(r.rule.unit == "group" for p in ("patient", "challenge") for r in study.protocols.get(p, ()))  # type: ignore[call-overload]
        assert all(r.rule.augment == "before" for r in study.protocols["augment_first"])


def test_every_readings_rule_agrees_with_itself(paper: Paper) -> None:
    for study in paper.studies.values():
        for reading in readings(study):
            check_rule(reading.rule)
            assert reading.evidence.strip()
        for of_protocol in study.protocols.values():
            names = [reading.name for reading in of_protocol]
            assert len(set(names)) == len(names) > 0


def test_labels_and_pools_are_those_of_the_sources_card(paper: Paper) -> None:
    for study in paper.studies.values():
        card = load_source(study.source).card
        labels = [label for of_class in study.classes.values() for label in of_class]
        assert set(labels) <= set(card.classes) and len(set(labels)) == len(labels)
        for reading in readings(study):
            assert {*reading.rule.pool, *reading.rule.test_pool} <= set(card.counts)


def test_a_stand_in_exists_and_takes_the_sources_place(paper: Paper) -> None:
    for study in paper.studies.values():
        if not study.stand_in:
            continue  # such a study is left out of profiles of stand-ins
        card, stand_in = load_source(study.source).card, load_source(study.stand_in).card
        assert stand_in.synthetic and set(stand_in.classes) >= {k for of in study.classes.values() for k in of}
        by_patient = [study.protocols[p][0].rule for p in ("image", "patient")]  # type: ignore[index]
        assert all(set(rule.pool) <= set(stand_in.counts) for rule in by_patient), (card.name, stand_in.name)


def test_every_arms_network_is_a_builder_that_takes_its_options(paper: Paper) -> None:
    module = model_module(paper.key)
    for name, arm in paper.arms.items():
        network = paper.networks[arm.network]
        builder = getattr(module, network.builder, None)
        assert callable(builder), f"{name}: model.py has no {network.builder}"
        inspect.signature(builder).bind(2, input_px=32, pretrained=False, **network.options)


def test_a_resolved_study_holds_the_recipes_of_its_arms_and_reads_back_from_json(paper: Paper) -> None:
    for key in paper.studies:
        resolved = resolve_study(paper, key)
        assert set(resolved.arms) == {name for name, arm in paper.arms.items() if arm.study == key} != set()
        for name, arm in resolved.arms.items():
            recipe, copies = paper.recipes[paper.arms[name].recipe].recipe, paper.studies[key].copies
            assert arm.recipe == dataclasses.replace(recipe, copies=copies or Augmentation())
        plain = json.loads(json_text(resolved))
        assert from_plain(ResolvedStudy, plain, where=key).arms == resolved.arms and "claims" not in plain


def test_planned_copies_look_alike_in_every_arm_of_a_study(paper: Paper) -> None:
    for key, study in paper.studies.items():
        copies = {arm.recipe.copies for arm in resolve_study(paper, key).arms.values()}
        assert len(copies) == 1
        assert study.copies is not None or all(r.rule.augment == "none" for r in readings(study))


def test_20_000_draws_of_every_augmentation_fill_its_ranges_and_leave_them_never(paper: Paper) -> None:
    drawn = {study.copies or Augmentation() for study in paper.studies.values()}
    drawn |= {named.recipe.augmentation for named in paper.recipes.values()}
    for a in drawn:
        draws = draw_augmentation(a, 20_000, side_px=224, rng=np.random.default_rng(0))
        unchanged = a.combination == "one"  # then each range but one is left alone
        for values, (low, high) in ((draws.gain, a.contrast), (draws.light, a.brightness)):
            low, high = (min(low, 1.0), max(high, 1.0)) if unchanged else (low, high)
            assert low <= values.min() <= low + 0.002 and high - 0.002 <= values.max() <= high
        # area that an output pixel covers: zoom squared (in Keras' sense on both axes), times the window's, times shear
        area = np.abs(np.linalg.det(draws.matrices[:, :, :2]))
        factors = a.zoom if a.generator == "keras" else (1 / a.zoom[1], 1 / a.zoom[0])
        low = factors[0] ** 2 * a.window[0] ** 2 * np.cos(np.deg2rad(a.shear_deg))
        high = (max(factors[1], 1.0) if unchanged else factors[1]) ** 2 * a.window[1] ** 2
        assert low - 1e-9 <= area.min() < low + 0.03 and high - 0.03 < area.max() <= high + 1e-9


def test_what_stays_open_of_a_split_is_listed(paper: Paper) -> None:
    named = " ".join(a.field for a in paper.ambiguities) + " ".join(
        r.evidence for study in paper.studies.values() for r in readings(study)
    )
    assert paper.made_up or "stratif" in named


def test_every_value_of_a_claim_is_text_as_printed(paper: Paper) -> None:
    blocks = yaml.safe_load(paper_file(paper.key).read_text(encoding="utf-8"))["claims"]
    rows = [{**block.get("common", {}), **row} for block in blocks for row in block["rows"]]
    assert rows and all(isinstance(row["value"], str) and row["value"] for row in rows)
    assert all(claim.where.strip() and claim.metric in METRICS for claim in paper.claims)


def test_what_is_assumed_has_alternatives_or_a_reason(paper: Paper) -> None:
    assumed: list[Assumed] = [*paper.ambiguities]
    for part in (*paper.networks.values(), *paper.recipes.values()):
        assumed += part.assumed
    assert all(a.field.strip() and a.reason.strip() for a in assumed)
    assert assumed or paper.made_up


@pytest.mark.parametrize("key", PUBLISHED)
def test_every_stated_fact_has_its_place_its_status_and_what_holds_it(key: str, papers: dict[str, Paper]) -> None:
    paper = papers[key]
    assert any(claim.kind == "own" for claim in paper.claims)
    sheet = load_facts(paper)  # raises where a name does not exist or a check does not hold
    assert all(places(fact, paper) for _, fact in sheet.facts()) and all(getattr(sheet, part) for part in PARTS)
    assert figures_without_fact(paper, sheet) == [], "printed figures of data, network or recipe without a fact"
    assert settings_without_fact(paper, sheet) == [], "settings that are neither a fact's nor said to be assumed"
    assert missing_tests(sheet) == [], "tests that facts name and nobody wrote"


def test_only_publications_stand_in_the_ledger(paper: Paper) -> None:
    listed = {row.split(",", 1)[0] for row in claims_text([], "csv").splitlines()[1:]}
    assert (paper.key in listed) == (not paper.made_up)


# --------------------------------------------------------------------------------------------- the example of the guide

GUIDE = Path(__file__).parents[1] / "leukbench" / "papers" / "README.md"


def blocks_of_guide(language: str) -> list[str]:
    """Return the fenced blocks of one language in the guide."""
    parts = GUIDE.read_text(encoding="utf-8").split("```")
    return [part.removeprefix(language + "\n") for part in parts[1::2] if part.startswith(language + "\n")]


@pytest.fixture(scope="module")
def sixth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's own example, copied out of it into a folder outside the suite."""
    folder = tmp_path_factory.mktemp("sixth")
    (folder / "paper.yaml").write_text(blocks_of_guide("yaml")[0], encoding="utf-8")
    (folder / "model.py").write_text(blocks_of_guide("python")[0], encoding="utf-8")
    return folder / "paper.yaml"


def test_the_guides_example_loads_and_passes_the_same_checks(sixth: Path) -> None:
    paper = load_paper(sixth)
    assert paper.key not in EVERY
    test_each_study_has_a_headline_of_its_own_that_is_a_claim(paper)
    test_each_study_can_be_split_by_image_and_by_patient_and_as_published(paper)
    test_every_readings_rule_agrees_with_itself(paper)
    test_labels_and_pools_are_those_of_the_sources_card(paper)
    test_a_stand_in_exists_and_takes_the_sources_place(paper)


@pytest.mark.trains
def test_its_network_trains_from_beside_its_paper_file(sixth: Path) -> None:
    import torch

    from leukbench.training.network import build_network

    paper = load_paper(sixth)
    resolved = resolve_study(paper, next(iter(paper.studies)), folder=str(sixth.parent))
    for arm in resolved.arms.values():
        recipe = arm.recipe
        model = build_network(
            arm.network, n_classes=len(resolved.classes), input_px=recipe.input_px, pretrained=recipe.pretrained
        )
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        images, before = torch.rand(4, 3, recipe.input_px, recipe.input_px), [p.clone() for p in model.parameters()]
        logits = model(images)
        assert logits.shape == (4, len(resolved.classes)) and bool(logits.isfinite().all())
        torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 0, 1])).backward()
        optimiser.step()
        assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    printed = paper.claim(f"{paper.key}.t1.params").number
    assert printed is not None and sum(p.numel() for p in model.parameters()) == int(printed)


def test_the_command_line_audits_it_and_prints_its_ledger(sixth: Path) -> None:
    paper = load_paper(sixth)
    audited = CliRunner().invoke(app, ["audit", str(sixth), "--format", "json"])
    assert audited.exit_code == 0
    findings = json.loads(audited.stdout)
    assert {f["paper"] for f in findings} == {paper.key}
    # its F1 is larger than both its precision and its recall, which the guide says
    wrong = [f for f in findings if f["status"] == "inconsistent"]
    assert any(f"{paper.key}.t1.f1" in f["claims"] for f in wrong)
    assert CliRunner().invoke(app, ["audit", str(sixth), "--strict"]).exit_code == 1
    rows = json.loads(CliRunner().invoke(app, ["claims", "--paper", str(sixth), "--format", "json"]).stdout)
    assert [row["id"] for row in rows] == [claim.id for claim in paper.claims]


def test_a_builder_that_does_not_exist_is_named_with_the_nearest(sixth: Path) -> None:
    from leukbench.training.network import build_network

    network = NetworkSpec(paper="sixth", name="tiny_nett", folder=str(sixth.parent))
    with pytest.raises(InputError, match="did you mean 'tiny_net'"):
        build_network(network, n_classes=2, input_px=32, pretrained=False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    headline: ", "    headlin: ", "headlin"),
        ('value: "91.50"', "value: 91.50", r"91\.5"),
        ("metric: accuracy", "metric: acuracy", "did you mean 'accuracy'"),
        ("network: tiny_net,", "network: tinynet,", "tinynet"),
        ("unit: group", "unit: patient", "unit"),
        ("    copies: ", "    notes_on_copies: ", "notes_on_copies"),
        ("    copies: {rotation_deg: 20, flip_horizontal: true}", "", "copies does not say how these look"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_its_place(
    sixth: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = sixth.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "paper.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_paper(file)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("      patient:\n", "      challenge:\n", r"study blasts: protocols lacks patient; .* needs all four"),
        ("arm: tiny, model", "model", r"claim sixth\.t1\.accuracy.*headline of study blasts.*needs arm: NAME, of tiny"),
        ("study: blasts, arm: tiny, ", "", r"needs study: blasts; arm: NAME, of tiny"),
    ],
)
def test_what_a_paper_of_the_suite_lacks_to_be_run_is_said_in_words(
    sixth: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = sixth.read_text(encoding="utf-8")
    file = tmp_path / "paper.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert old in text and load_paper(file).key == "sixth"  # one that is only audited may lack it
    with pytest.raises(InputError, match=message):
        read_paper(file, run=True)
