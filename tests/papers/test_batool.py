"""Batool & Byun: the ledger against the text, the printed parameter counts, and every network of an arm."""

from __future__ import annotations

import collections
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from leukbench.papers.batool import model as networks
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Claim, Paper

TEXT = Path(__file__).resolve().parents[3] / "shared" / "papers" / "batool.txt"
KERAS_NORMALISATION_VALUES = 7  # 3 means, 3 variances and a counter in each of Keras' EfficientNets


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("batool")


def build(name: str, n_classes: int, *, input_px: int, **options: object) -> nn.Module:
    module: nn.Module = getattr(networks, name)(n_classes, input_px=input_px, pretrained=False, **options)
    return module


def on_meta(name: str, n_classes: int, *, input_px: int) -> nn.Module:
    with torch.device("meta"):  # counting needs no memory
        return build(name, n_classes, input_px=input_px)


def weights(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def batch_norm_statistics(module: nn.Module) -> int:
    return sum(b.numel() for name, b in module.named_buffers() if not name.endswith("num_batches_tracked"))


def keras_total(module: nn.Module) -> int:
    return weights(module) + batch_norm_statistics(module) + KERAS_NORMALISATION_VALUES


# ------------------------------------------------------------------------------------------------ parameter counts


def printed(paper: Paper, claim_id: str) -> int:
    number = paper.claim(claim_id).number
    assert number is not None
    return int(number)


@pytest.mark.parametrize(("n_classes", "total"), [(2, 10_786_609), (5, 10_791_220)])
def test_table2_reading_counts_as_keras_does(n_classes: int, total: int) -> None:
    assert keras_total(on_meta("efficientnet_b3_table2", n_classes, input_px=300)) == total


def test_table2_layers_have_the_printed_parameters(paper: Paper) -> None:
    network = on_meta("efficientnet_b3_table2", 5, input_px=300)
    assert keras_total(network.get_submodule("backbone")) == printed(paper, "batool.t2.backbone.params")
    assert weights(network.get_submodule("head")) == printed(paper, "batool.t2.dense.params")


def test_table7_reading_has_the_printed_trainable_count(paper: Paper) -> None:
    network = on_meta("efficientnet_b3_table7", 2, input_px=300)
    assert weights(network) == printed(paper, "batool.t7.proposed.params_trainable") == 11_093_290
    assert keras_total(network) == 11_183_665


def test_printed_untrained_count_is_the_backbones(paper: Paper) -> None:
    backbone = on_meta("efficientnet_b3_table2", 2, input_px=300).get_submodule("backbone")
    found = batch_norm_statistics(backbone) + KERAS_NORMALISATION_VALUES
    assert found == printed(paper, "batool.s3e.params_nontrainable")


def test_vgg19_row_is_a_flattened_head_at_224_px_with_one_unit(paper: Paper) -> None:
    assert weights(on_meta("vgg19", 2, input_px=224)) == printed(paper, "batool.t7.vgg19.params_trainable")
    assert weights(on_meta("vgg19", 2, input_px=300)) != printed(paper, "batool.t7.vgg19.params_trainable")


def test_b0_row_is_b3_with_a_flattened_head_at_300_px(paper: Paper) -> None:
    claimed = printed(paper, "batool.t7.efficientnet_b0.params_trainable")
    assert weights(on_meta("efficientnet_b3_flatten", 2, input_px=300)) == claimed


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # backbone + (width + 1) * 2; ResNet-50 without the 26,560 biases that Keras gives its convolutions
        ("xception", 20_806_952 + 2049 * 2),
        ("resnet50", 23_534_592 - 26_560 + 2049 * 2),
        ("efficientnet_b0", 4_007_548 + 1281 * 2),
    ],
)
def test_other_baselines_have_a_pooled_head(name: str, expected: int) -> None:
    assert weights(on_meta(name, 2, input_px=300)) == expected


# --------------------------------------------------------------------------------------------------------- networks


def test_one_sigmoid_unit_is_a_softmax_over_two_logits() -> None:
    z = torch.tensor([[-3.0], [0.0], [1.5]])
    two = networks.SigmoidAsTwoLogits()(z)
    assert two.shape == (3, 2)
    torch.testing.assert_close(two.softmax(dim=1)[:, 1:], z.sigmoid())


def test_backbone_yields_the_shapes_of_table_2() -> None:
    pooled = on_meta("efficientnet_b3_table2", 5, input_px=300)
    mapped = on_meta("efficientnet_b3_flatten", 2, input_px=300)
    images = torch.empty(1, 3, 300, 300, device="meta")
    assert pooled.get_submodule("backbone")(images).shape == (1, 1536)
    assert mapped.get_submodule("backbone")(images).shape == (1, 1536, 10, 10)
    assert pooled(images).shape == (1, 5)


def test_table7_head_has_the_printed_dropout_and_keras_batch_norm() -> None:
    head = on_meta("efficientnet_b3_table7", 2, input_px=300).get_submodule("head")
    norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [m.p for m in head.modules() if isinstance(m, nn.Dropout)] == [0.45]
    assert [(m.momentum, m.eps) for m in norms] == [(0.01, 1e-3)]


def test_every_arm_builds_at_its_own_size_with_an_output_a_class(paper: Paper) -> None:
    for arm in paper.arms.values():
        network, recipe = paper.networks[arm.network], paper.recipes[arm.recipe].recipe
        n_classes = len(paper.studies[arm.study].classes)
        with torch.device("meta"):
            module = build(network.builder, n_classes, input_px=recipe.input_px, **network.options)
            logits = module(torch.empty(2, 3, recipe.input_px, recipe.input_px))
        assert logits.shape == (2, n_classes)


def takes_one_step(name: str, *, input_px: int) -> None:
    torch.manual_seed(0)
    network = build(name, 2, input_px=input_px).train()
    before = {key: value.detach().clone() for key, value in network.named_parameters()}
    optimiser = torch.optim.Adamax(network.parameters(), lr=1e-3)
    logits = network(torch.rand(2, 3, input_px, input_px))
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()
    nn.functional.mse_loss(logits.softmax(dim=1), torch.eye(2)).backward()
    optimiser.step()
    for part in ("backbone", "head"):
        assert any(not torch.equal(before[k], v) for k, v in network.named_parameters() if k.startswith(part))


@pytest.mark.trains
@pytest.mark.parametrize(
    ("name", "input_px"),
    [("efficientnet_b3_table7", 300), ("efficientnet_b3_table2", 300), ("efficientnet_b0", 300), ("resnet50", 300)],
)
def test_network_trains_one_step_at_its_input_size(name: str, input_px: int) -> None:
    takes_one_step(name, input_px=input_px)


@pytest.mark.trains
@pytest.mark.slow
@pytest.mark.parametrize(("name", "input_px"), [("xception", 300), ("vgg19", 224), ("efficientnet_b3_flatten", 300)])
def test_heavy_network_trains_one_step_at_its_input_size(name: str, input_px: int) -> None:
    takes_one_step(name, input_px=input_px)


# ----------------------------------------------------------------------------------------------------------- ledger


def test_inferred_shares_give_the_printed_counts(paper: Paper) -> None:
    reading = paper.studies["cnmc"].protocols["as_published"][0]
    assert reading.rule.shares is not None
    test = reading.rule.shares[1] * 10_661
    training_side = 10_661 - round(test)
    validation = reading.rule.validation * training_side
    for rounding in (round, lambda x: int(-(-x // 1))):  # to nearest and upwards, as scikit-learn does
        assert rounding(test) == printed(paper, "batool.f7.n_images") == 534
        assert training_side - rounding(validation) == printed(paper, "batool.s4b.train.n_images") == 9_594


def test_every_score_of_tables_5_and_6_belongs_to_an_arm(paper: Paper) -> None:
    for table, study in (("Table 5", "cnmc"), ("Table 6", "aria")):
        rows = [c for c in paper.claims if c.where == table]
        assert len(rows) == 20
        assert {(c.study, paper.arms[c.arm].study, c.split) for c in rows} == {(study, study, "test")}


def test_stated_gains_are_the_differences_of_the_scores_that_they_name(paper: Paper) -> None:
    wrong = []
    for claim in paper.claims:
        if claim.metric == "improvement":
            better, worse = (paper.claim(i).number for i in claim.derived_from)
            assert better is not None and worse is not None and claim.number is not None
            if better - worse != claim.number:
                wrong.append(claim.id)
    assert wrong == []


PLACES: dict[str, tuple[str, str]] = {  # place -> regular expressions of its first line and of the line after it
    "Abstract": (r"^ABSTRACT", r"^INDEX TERMS"),
    "Section I,": (r"^I\. INTRODUCTION", r"^II\. RELATED"),
    "Section II,": (r"^II\. RELATED", r"^III\. METHOD"),
    "Section III-A, paragraph 1": (r"^In this study, we used publicly", r"^There are three parts"),
    "Section I": (r"^I\. INTRODUCTION", r"^II\. RELATED"),
    "Section III-A, paragraph 2": (r"^There are three parts", r"^These images were split"),
    "Section III-A, paragraph 3": (r"^These images were split", r"^FIGURE 2"),
    "Section III-B": (r"^B\. DATASET PREP", r"^C\. DATA AUG"),
    "Section III-C": (r"^C\. DATA AUG", r"^D\. Eff"),
    "Equation 4": (r"tag\{4\}", r"^The coefficient"),
    "Figure 4": (r"^FIGURE 4", r"^can identify"),
    "Section III-E, paragraph 1": (r"^E\. PROPOSED", r"^In this research work, we propose"),
    "Section III-E, paragraph 2": (r"^In this research work, we propose", r"^The input layer"),
    "Section III-E, paragraph 3": (r"^The input layer", r"^- EfficientNet-B3"),
    "Section III-E, list": (r"^- EfficientNet-B3", r"^For extending"),
    "Table 2": (r"^TABLE 2\.", r"^TABLE 3\."),
    "Table 3": (r"^TABLE 3\.", r"^rate \.45"),
    "Section III-E, paragraph before last": (r"^rate \.45", r"^The given model"),
    "Section III-E, last paragraph": (r"^The given model", r"^IV\. EXP"),
    "Section IV-A, paragraph 1": (r"^A\. EXPERIMENTAL", r"^- The learning rate"),
    "Section IV-A, list": (r"^- The learning rate", r"^B\. PERFORMANCE"),
    "Section IV-B, paragraph 1": (r"^B\. PERFORMANCE", r"^Fig\. 5 shows"),
    "Section IV-B, text on Figure 5": (r"^Fig\. 5 shows", r"^Similarly, Fig\. 6"),
    "Section IV-B, text on Figure 6": (r"^Similarly, Fig\. 6", r"^Furthermore, various"),
    "Section IV-B, text on Figure 7": (r"^Based on evaluation metrics", r"^Furthermore, different"),
    "Section IV-B, text on Table 5": (r"^In addition, Table 6", r"^Additionally, according"),
    "Section IV-B, text on Equation": (r"^Additionally, according", r"tag\{5\}"),
    "Table 5": (r"^TABLE 5\.", r"^Similarly, the detection"),
    "Table 6": (r"^TABLE 6\.", r"^Moreover, our"),
    "Section IV-B, last paragraph": (r"^Moreover, our", r"^C\. DISCUSSION"),
    "Section IV-C, text on Figure 8": (r"^C\. DISCUSSION", r"^Furthermore, Fig\. 9"),
    "Section IV-C, text on Figure 9": (r"^Furthermore, Fig\. 9", r"^In addition, Fig\. 10"),
    "Table 7": (r"^TABLE 7\.", r"^analysis also"),
    "Section IV-C, text on Table 8": (r"^The algorithm suggested", r"^V\. CONCLUSION"),
    "Table 8": (r"^TABLE 8\.", r"^88\.20% on"),
    "Section V, paragraph 1": (r"^V\. CONCLUSION", r"^Future work"),
}


def lines_of(place: str) -> str:
    """Return the part of the text that the longest matching place names, without the tables that break into prose."""
    key = max((k for k in PLACES if place.startswith(k)), key=len)
    first, after = PLACES[key]
    lines = TEXT.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if re.search(first, line))
    stop = next(i for i, line in enumerate(lines) if i > start and re.search(after, line))
    return "\n".join(line for line in lines[start:stop] if key.startswith("Table") or "\t" not in line)


def occurrences(claim: Claim, text: str) -> int:
    edge = r"(?<![\w.,])" if claim.value[0].isalpha() else r"(?<![\d.,])"
    return len(re.findall(edge + re.escape(claim.value) + r"(?![\d]|[.,×]\d)", text))


needs_text = pytest.mark.skipif(not TEXT.is_file(), reason="the paper's text is not beside the checkout")


@pytest.mark.real
@needs_text
def test_every_value_occurs_at_the_place_named(paper: Paper) -> None:
    missing = [(c.id, c.value, c.where) for c in paper.claims if occurrences(c, lines_of(c.where)) == 0]
    assert missing == []


@pytest.mark.real
@needs_text
def test_no_value_is_claimed_more_often_than_it_stands_there(paper: Paper) -> None:
    """But for a figure under two names (the detection rate is the precision)."""
    counted = collections.Counter((c.where, c.value) for c in paper.claims if c.metric != "detection_rate")
    samples = {(c.where, c.value): c for c in paper.claims}
    surplus = {k: n for k, n in counted.items() if n > occurrences(samples[k], lines_of(k[0]))}
    assert surplus == {}


@pytest.mark.real
@needs_text
@pytest.mark.parametrize("place", sorted(set(PLACES) - {"Section II,", "Section I,", "Abstract", "Equation 4"}))
def test_every_percentage_of_an_own_experiment_is_claimed(paper: Paper, place: str) -> None:
    here = [c.value for c in paper.claims if c.where.startswith(place)]
    printed_here = re.findall(r"(?<![\d.,])(\d+(?:\.\d+)?)\s?%", lines_of(place))
    assert set(printed_here) <= set(here)


@pytest.mark.real
@needs_text
@pytest.mark.parametrize("place", ["Table 5", "Table 6", "Table 8"])
def test_every_score_of_a_table_is_claimed_as_often_as_printed(paper: Paper, place: str) -> None:
    claimed = collections.Counter(c.value for c in paper.claims if c.where == place)
    text = "\n".join(line for line in lines_of(place).splitlines() if "\t" in line)
    assert claimed == collections.Counter(re.findall(r"\d+\.\d+", text))
