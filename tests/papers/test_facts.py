"""Fact sheets: what they must cover, what is refused, how they are printed, and facts that no other test holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from leukbench.errors import InputError
from leukbench.papers.alnet import model as alnet
from leukbench.papers.batool import model as batool
from leukbench.papers.ddrnet import model as ddrnet
from leukbench.papers.facts import PARTS, FactSheet, claims_of, facts_file, left_open, load_facts, read_facts
from leukbench.papers.loader import load_paper, paper_keys
from leukbench.papers.schema import Paper
from leukbench.report.facts import fact_sheet
from tests.support.fact_rules import STATED, figures_without_fact, missing_tests, settings_without_fact

# ------------------------------------------------------------------------------------------------------- the sheets


@pytest.fixture(params=paper_keys())
def paper(request: pytest.FixtureRequest) -> Paper:
    return load_paper(request.param)


def without(sheet: FactSheet, leave: Callable[[Any], bool]) -> FactSheet:
    return FactSheet(**{part: tuple(f for f in getattr(sheet, part) if not leave(f)) for part in PARTS})


def test_a_printed_figure_without_its_fact_is_named(paper: Paper) -> None:
    sheet = load_facts(paper)
    stated = {c.id for c in paper.claims if c.kind == "own" and c.metric in STATED}
    assert stated and figures_without_fact(paper, sheet) == []
    for claim in (min(stated), max(stated)):
        bearing = [fact for _, fact in sheet.facts() if claim in {c.id for c in claims_of(fact, paper)}]
        bare = without(sheet, bearing.__contains__)
        assert claim in figures_without_fact(paper, bare)


def test_a_setting_without_its_fact_is_named(paper: Paper) -> None:
    sheet = load_facts(paper)
    arm = next(name for name, arm in paper.arms.items() if arm.role == "proposed")
    at = f"{paper.arms[arm].study}.arms.{arm}.recipe.optimiser"
    assert settings_without_fact(paper, sheet) == []
    bare = without(sheet, lambda fact: any(path.endswith(".optimiser") for path in fact.checks))
    assumed = {a.field for a in paper.recipes[paper.arms[arm].recipe].assumed}
    assert (at in settings_without_fact(paper, bare)) == ("optimiser" not in assumed)
    no_data = settings_without_fact(paper, without(sheet, lambda fact: fact in sheet.data))
    study = next(iter(paper.studies))
    assert f"{study}.source" in no_data and any(at.startswith(f"{study}.protocols.as_published.") for at in no_data)


def test_what_a_paper_leaves_open_is_listed_once_and_not_where_a_fact_tells_it(paper: Paper) -> None:
    sheet = load_facts(paper)
    named = {name for _, fact in sheet.facts() for name in fact.assumed}
    rest = left_open(paper, sheet)
    assert len({(item.part, repr(item.entry)) for item in rest}) == len(rest)
    names = {f"{kind}/{h}/{i.entry.field}" for i in rest for h in i.holders for kind in ("networks", "recipes")}
    names |= {f"ambiguities/{i.entry.field}" for i in rest if not i.holders}
    assert not names & named
    everything = left_open(paper, without(sheet, lambda fact: True))
    assert len(everything) > len(rest) and {repr(i.entry) for i in rest} < {repr(i.entry) for i in everything}


def test_the_page_shows_every_fact_with_its_place_its_status_and_what_holds_it(paper: Paper) -> None:
    sheet = load_facts(paper)
    page = fact_sheet(paper, sheet)
    lines = page.splitlines()
    for _, fact in sheet.facts():
        line = next(line for line in lines if line.startswith(f"| {fact.fact} "))
        assert fact.where in line and f"| {fact.status} " in line
        assert all(f"`{test}`" in line for test in fact.tests) and all(
            path in line.replace("\\|", "|") for path in fact.checks
        )
        assert all(text in line for text in (fact.reason, *fact.alternatives))
    numbers = [cell.strip() for cell in next(line for line in lines if line.startswith("| all ")).split("|")[2:-1]]
    statuses = [fact.status for _, fact in sheet.facts()]
    assert numbers == [
        str(n) for n in (*map(statuses.count, ("as stated", "assumed", "differs")), len(left_open(paper, sheet)))
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"checks": {"cnmc.arms.alnet.recipe.epochs": "141"}},
            r"cnmc\.arms\.alnet\.recipe\.epochs must be 141, got 140",
        ),
        ({"checks": {"cnmc.arms.alnet.recipe.epoch": "140"}}, "nothing is at cnmc.arms.alnet.recipe.epoch"),
        ({"checks": {"cnmc.arms.alnet.recipe.pretrained": "0"}}, "must be 0, got False"),
        ({"checks": {"epochs": "140"}}, "no dotted path"),
        ({"checks": {"cnmc.arms.alnet.recipe.epochs": "[140"}}, r"value '\[140' for .* is no YAML"),
        ({"tests": ["test_alnet.py::test_of_nothing"]}, "is no test: tests/<file>"),
        ({"checks": {"cnmc.arms.alnet.recipe.epochs": 140}}, "is a number; put quotes"),
        ({"claims": ["alnet.s43b.epoch"]}, "'alnet.s43b.epoch' is no claim"),
        ({"status": "assumed", "assumed": ["recipes/alnet/epochs"]}, "no assumed entry 'recipes/alnet/epochs'"),
        ({"status": "assumed"}, "names its reason or an assumed entry"),
        ({"status": "differs"}, "names its reason or an assumed entry"),
        ({"status": "open"}, "'as stated', 'assumed' or 'differs'"),
        ({"reason": "none"}, "has no reason and no alternatives"),
        ({"checks": {}, "tests": []}, "names the tests or the checks that hold it"),
        ({"where": ""}, "has its place in the paper"),
        ({"fcat": "a slip"}, "fcat"),
    ],
)
def test_a_wrong_fact_is_refused_with_its_place(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    fact = {
        "fact": "140 epochs",
        "where": "Section 4.7",
        "status": "as stated",
        "checks": {"cnmc.arms.alnet.recipe.epochs": "140"},
    }
    file = tmp_path / "facts.yaml"
    for changed in ({}, change):
        sheet = {part: [] for part in PARTS} | {"recipe": [fact | changed]}
        file.write_text(yaml.safe_dump(sheet), encoding="utf-8")
        if not changed:
            assert read_facts(file, load_paper("alnet")).recipe[0].checks == fact["checks"]
            continue
        with pytest.raises(InputError, match=message) as error:
            read_facts(file, load_paper("alnet"))
        assert error.value.where == str(file)


def test_a_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_facts(tmp_path / "facts.yaml", load_paper("alnet"))


def test_a_test_that_does_not_exist_is_named() -> None:
    sheet = load_facts(load_paper("alnet"))
    fact = next(fact for fact in sheet.network if fact.tests)
    ids = [
        "tests/papers/test_alnet.py::test_of_nothing",
        "tests/papers/none.py::test_of_nothing",
        "leukbench/seeds.py::seed_for",
    ]
    wrong = fact.model_copy(update={"tests": tuple(ids)})
    assert missing_tests(FactSheet(data=(), network=(wrong,), recipe=(), evaluation=())) == sorted(ids)


def test_no_made_up_paper_has_a_sheet() -> None:
    for key in set(paper_keys(made_up=True)) - set(paper_keys()):
        assert not facts_file(load_paper(key)).exists()


# ----------------------------------------------------------------------------------- layers that no other test looks at


def leaves(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, kinds)]


def test_alnets_first_dense_layer_is_rectified() -> None:
    head = alnet.alnet_as_printed(2, input_px=224).get_submodule("head")
    assert [type(layer) for layer in head.children()] == [nn.Dropout, nn.Linear, nn.ReLU, nn.Linear]
    hidden, last = leaves(head, nn.Linear)
    assert (hidden.out_features, last.out_features) == (128, 2)


@pytest.mark.parametrize(("name", "convolutions", "dense"), [("alexnet", 5, 3), ("vgg16", 13, 3), ("resnet50", 49, 1)])
def test_alnets_baselines_have_the_layers_that_are_counted(name: str, convolutions: int, dense: int) -> None:
    with torch.device("meta"):
        network = getattr(alnet, name)(2, input_px=224, pretrained=False)
    of = {
        path: type(m) for path, m in network.named_modules() if "downsample" not in path
    }  # shortcuts count in no depth
    as_convolution = sum(
        kind is nn.Conv2d and "pre_logits" in path for path, kind in of.items()
    )  # timm's dense layers of VGG
    assert sum(kind is nn.Conv2d for kind in of.values()) - as_convolution == convolutions
    assert sum(kind is nn.Linear for kind in of.values()) + as_convolution == dense
    printed = {
        "alexnet": "alnet.s22.alexnet.layers",
        "vgg16": "alnet.s22.vgg16.layers",
        "resnet50": "alnet.s22.resnet50.layers",
    }
    assert convolutions + dense == int(load_paper("alnet").claim(printed[name]).value)


def test_ddrnets_convolution_block_is_convolution_pool_and_group_norm() -> None:
    network = ddrnet.ddrnet(4, input_px=224, drdb=False, glfeb=False, csab=False)
    kinds = [
        type(m)
        for m in leaves(network.get_submodule("backbone"), nn.Conv2d, nn.MaxPool2d, nn.GroupNorm, nn.BatchNorm2d)
    ]
    assert kinds == [nn.Conv2d, nn.MaxPool2d, nn.GroupNorm] * 2


def test_batools_b3_has_26_inverted_residual_blocks() -> None:
    with torch.device("meta"):
        backbone = batool.efficientnet_b3_table7(2, input_px=300, pretrained=False).get_submodule("backbone")
    blocks = [m for m in backbone.modules() if type(m).__name__ in {"InvertedResidual", "DepthwiseSeparableConv"}]
    assert len(blocks) == int(load_paper("batool").claim("batool.s3e.n_blocks").value) == 26
    widths = [(m.in_channels, m.groups) for block in blocks for m in leaves(block, nn.Conv2d)]  # type: ignore[misc]
    depthwise = [channels for channels, groups in widths if groups == channels]
    assert len(depthwise) == 26
    expansions = [
        wide / next(iter(leaves(block, nn.Conv2d))).in_channels for wide, block in zip(depthwise, blocks, strict=True)
    ]  # type: ignore[operator]
    assert [expansions.count(factor) for factor in (1, 6)] == [2, 24]
    assert leaves(backbone, nn.SiLU) and not leaves(backbone, nn.ReLU)
