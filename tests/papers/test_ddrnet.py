"""DDRNet: what is stated of it, its ablation rows and baselines, and its ledger against the text."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from leukbench.papers.ddrnet import model
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Paper
from leukbench.parameters.counting import count_parameters, layer_table
from leukbench.training.data import rows_in_batches
from leukbench.training.recipe import make_optimiser
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


def test_the_copies_are_flipped_or_turned_ten_degrees_clockwise_or_doubled_or_of_more_contrast(paper: Paper) -> None:
    for study in paper.studies.values():
        copies = study.copies
        assert copies is not None and copies.operations == ("rotation", "zoom", "flip_horizontal", "contrast")
        assert (copies.combination, copies.rotation, copies.zoom) == ("one", "clockwise", (2.0, 2.0))
        assert copies.rotation_deg == float(paper.claim("ddrnet.aug.rotation").value)
        assert copies.zoom[0] == float(paper.claim("ddrnet.aug.zoom").value)
    assert all(r.recipe.augmentation.operations == () for r in paper.recipes.values())


def test_the_constants_of_adam_that_are_assumed_reach_the_optimiser(paper: Paper) -> None:
    for name in ("ddrnet", "residual"):
        optimiser = make_optimiser(nn.Linear(2, 2), paper.recipes[name].recipe)
        assert all(group["eps"] == 1e-8 and group["betas"] == (0.9, 0.999) for group in optimiser.param_groups)


def test_every_choice_of_the_residual_networks_training_has_an_entry_of_its_own(paper: Paper) -> None:
    ours, theirs = paper.recipes["ddrnet"].recipe, paper.recipes["residual"]
    fields = " ".join(entry.field for entry in theirs.assumed)
    differing = {f.name for f in dataclasses.fields(ours) if getattr(ours, f.name) != getattr(theirs.recipe, f.name)}
    assert differing == {"loss", "output", "normalisation", "pretrained"}
    assert all(name in fields for name in differing)


def test_the_residual_block_that_the_ablation_may_mean_is_undilated_and_behind_the_dilated_one(paper: Paper) -> None:
    network = _build(paper, "ddrnet_with_residual")
    block = network.get_submodule("backbone.residual")
    assert [m.dilation for m in block.modules() if isinstance(m, nn.Conv2d)] == [(1, 1), (1, 1)]
    extra = count_parameters(network).pytorch_total - count_parameters(_build(paper, "ddrnet")).pytorch_total
    assert extra == 2 * (64 * 9 * 64 + 64 + 128)


def test_attention_is_the_formula_of_cbam_in_numpy() -> None:
    torch.manual_seed(0)
    block, maps = model.ChannelSpatialAttention(16).double(), torch.rand(2, 16, 5, 6, dtype=torch.float64)
    w1, b1, w2, b2 = (p.detach().numpy() for p in block.channel.parameters())
    kernel, bias = (p.detach().numpy() for p in block.place.parameters())
    x = maps.numpy()

    def sigmoid(z: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-z)))

    def perceptron(z: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(z @ w1.T + b1, 0) @ w2.T + b2)

    weighed = x * sigmoid(perceptron(x.mean((2, 3))) + perceptron(x.max((2, 3))))[:, :, None, None]
    seen = np.pad(np.stack([weighed.mean(1), weighed.max(1)], 1), ((0, 0), (0, 0), (3, 3), (3, 3)))
    places = np.array(
        [
            [[(seen[n, :, i : i + 7, j : j + 7] * kernel[0]).sum() + bias[0] for j in range(6)] for i in range(5)]
            for n in range(2)
        ]
    )
    assert np.allclose(block(maps).detach().numpy(), weighed * sigmoid(places)[:, None])


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


@pytest.mark.trains
@pytest.mark.parametrize(
    "arm",
    [
        "ddrnet",
        "ddrnet_with_residual",
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
    assert recipe.last_batch == "dropped"
    released = 9_957 + 2_487  # TRAIN + TEST, without TEST_SIMPLE's 71
    first, second = (reading.rule for reading in paper.studies["blood_cells"].protocols["as_published"][:2])
    for rule, images in ((first, released), (second, pool)):
        assert rule.shares is not None
        assert math.ceil(rule.shares[1] * images) == test  # cohort.cuts tests ceil(share × n) images
        assert recipe.epochs * (rows_in_batches(images - test, recipe) // recipe.batch_size) == 2040
    assert recipe.epochs * math.ceil((released - test) / recipe.batch_size) == 2070  # with the incomplete batch
    assert recipe.epochs * (pool // recipe.batch_size) != 2040


@pytest.mark.real
def test_every_value_stands_in_the_text_where_the_ledger_says(paper: Paper) -> None:
    assert missing(paper, places(paper_text("ddrnet"), _PLACES)) == []
