"""DDRNet: what is stated of it, its ablation rows and baselines, and its ledger against the text."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from leukbench.papers.ddrnet import model
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Paper
from leukbench.parameters.counting import count_parameters, layer_table
from tests.support.ledger_places import missing, paper_text, places

_PLACES = {
    "Dataset": ("Dataset", "Data augmentation"),
    "Data augmentation": ("Data augmentation", "Hyperparameter tuning"),
    "Hyperparameter tuning": ("Hyperparameter tuning", "DDRNet model feature"),
    "DDRNet model feature analysis": ("DDRNet model feature", "Evaluation metrics"),
    "Evaluation metrics": ("Evaluation metrics", "Model training"),
    "Model training and validation": ("Model training", "Analysis of DDRNet"),
    "Analysis of DDRNet performance": ("Analysis of DDRNet", "Ablation study"),
    "Ablation study": ("Ablation study", "The proposed DDRNet has been"),
    "Ablation study, last paragraph": ("The proposed DDRNet has been", "Performance comparison"),
    "Performance comparison": ("Performance comparison", ""),
}


@pytest.fixture(scope="module")
def paper() -> Paper:
    return load_paper("ddrnet")


def _build(paper: Paper, arm: str) -> nn.Module:
    network, recipe = paper.networks[paper.arms[arm].network], paper.recipes[paper.arms[arm].recipe].recipe
    torch.manual_seed(0)
    n_classes = len(paper.studies[paper.arms[arm].study].classes)
    built = getattr(model, network.builder)(n_classes, input_px=recipe.input_px, pretrained=False, **network.options)
    assert isinstance(built, nn.Module)
    return built


def test_parameters_of_the_full_network_by_hand(paper: Paper) -> None:
    base = (27 * 32 + 32) + 64 + (32 * 9 * 64 + 64) + 128  # two convolutions, two group norms
    drdb = 2 * (64 * 9 * 64 + 64 + 128)
    glfeb = (64 * 9 * 64 + 64) + (32 * 64 + 64) + 128
    csab = (64 * 8 + 8) + (8 * 64 + 64) + (2 * 49 + 1)
    head = 64 * 4 + 4
    assert count_parameters(_build(paper, "ddrnet")).pytorch_total == base + drdb + glfeb + csab + head


def test_first_layer_has_32_filters_of_3_by_3_and_the_head_sees_64_maps(paper: Paper) -> None:
    table = [row for row in layer_table(_build(paper, "ddrnet"), 224) if row.type in ("Conv2d", "Linear")]
    assert table[0].output_shape == (None, 224, 224, 32)
    assert table[0].parameters == 3 * 3 * 3 * 32 + 32
    assert table[1].output_shape == (None, 112, 112, 64)
    assert table[-1].output_shape == (None, 4)
    assert table[-1].parameters == 64 * 4 + 4


def test_ablation_rows_are_six_different_networks(paper: Paper) -> None:
    arms = [name for name, arm in paper.arms.items() if arm.role == "ablation"] + ["ddrnet"]
    sizes = {arm: count_parameters(_build(paper, arm)).pytorch_total for arm in arms}
    assert len(set(sizes.values())) == 6
    assert min(sizes, key=sizes.__getitem__) == "conv"
    assert max(sizes, key=sizes.__getitem__) == "ddrnet"
    assert sizes["ddrnet"] - sizes["conv"] == (sizes["conv_drdb_csab"] - sizes["conv"]) + (
        sizes["conv_glfeb"] - sizes["conv"]
    )


def test_residual_blocks_convolutions_are_dilated_and_keep_the_shape() -> None:
    block = model.DilatedResidual(64, (2, 4))
    assert [m.dilation for m in block.modules() if isinstance(m, nn.Conv2d)] == [(2, 2), (4, 4)]
    assert block(torch.rand(1, 64, 28, 28)).shape == (1, 64, 28, 28)


def test_residual_block_passes_the_input_on_when_its_convolutions_are_silent() -> None:
    block = model.DilatedResidual(64, (2, 4))
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    maps = torch.rand(1, 64, 8, 8)
    assert torch.equal(block(maps), maps)


def test_attention_only_weakens_what_it_weighs() -> None:
    maps = torch.rand(2, 64, 16, 16) + 0.1
    weighed = model.ChannelSpatialAttention(64)(maps)
    assert (weighed > 0).all()
    assert (weighed < maps).all()


def test_global_features_come_from_the_first_convolution() -> None:
    block = model.GlobalLocal(32, 64)
    maps, first = torch.rand(1, 64, 8, 8), torch.rand(1, 32, 32, 32, requires_grad=True)
    block(maps, first)[0, 0].sum().backward()
    assert first.grad is not None
    assert (first.grad != 0).any()


def test_dropout_is_a_fifth(paper: Paper) -> None:
    rates = [m.p for m in _build(paper, "ddrnet").modules() if isinstance(m, nn.Dropout)]
    assert rates == [0.2]
    assert float(paper.claim("ddrnet.hyper.dropout").value) / 100 == 0.2


@pytest.mark.parametrize(
    "arm",
    [
        "ddrnet",
        "conv",
        "conv_drdb",
        "conv_drdb_csab",
        "conv_glfeb",
        "conv_glfeb_csab",
        "resnet18",
        "resnet50",
        "resnet101",
        "ddrnet_cnmc",
    ],
)
def test_each_arm_builds_at_its_size_and_learns_a_step(paper: Paper, arm: str) -> None:
    network, recipe = _build(paper, arm), paper.recipes[paper.arms[arm].recipe].recipe
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    logits = network(torch.rand(2, 3, recipe.input_px, recipe.input_px))
    assert logits.shape == (2, len(paper.studies[paper.arms[arm].study].classes))
    assert torch.isfinite(logits).all()
    nn.functional.cross_entropy(logits, torch.tensor([0, 1])).backward()
    optimiser.step()
    changed = [not torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True)]
    assert changed[0] and changed[-1]  # the first convolution and the head
    if arm.startswith(
        "resnet"
    ):  # timm sets each block's last batch norm to 0, so that most blocks wait for the 2nd step
        assert sum(changed) > 0.25 * len(changed)
    else:
        assert all(changed)


@pytest.mark.parametrize(
    ("builder", "with_1000_classes"),
    [(model.resnet18, 11_689_512), (model.resnet50, 25_557_032), (model.resnet101, 44_549_160)],
)
def test_baselines_are_the_known_networks(builder: Callable[..., nn.Module], with_1000_classes: int) -> None:
    assert count_parameters(builder(1000, input_px=224, pretrained=False)).pytorch_total == with_1000_classes


def test_images_for_training_are_class_by_class_the_public_release(paper: Paper) -> None:
    release = {  # TRAIN, TEST, TEST_SIMPLE
        "eosinophil": 2497 + 623 + 13,
        "lymphocyte": 2483 + 620 + 6,
        "monocyte": 2478 + 620 + 4,
        "neutrophil": 2499 + 624 + 48,
    }
    printed = {name: paper.claim(f"ddrnet.aug.train.{name}").number for name in release}
    assert printed == release


def test_iterations_fit_the_pool_less_its_test_part_at_the_assumed_batch(paper: Paper) -> None:
    pool, test = (int(paper.claim(f"ddrnet.aug.{part}").value.replace(",", "")) for part in ("train", "test"))
    recipe = paper.recipes["ddrnet"].recipe
    assert recipe.epochs * ((pool - test) // recipe.batch_size) == 2040
    assert recipe.epochs * (pool // recipe.batch_size) != 2040
    rule = paper.studies["blood_cells"].protocols["as_published"][0].rule
    assert rule.shares is not None
    assert math.ceil(rule.shares[1] * pool) == test  # cohort.cuts tests ceil(share × n) images


@pytest.mark.real
def test_every_value_stands_in_the_text_where_the_ledger_says(paper: Paper) -> None:
    assert missing(paper, places(paper_text("ddrnet"), _PLACES)) == []
