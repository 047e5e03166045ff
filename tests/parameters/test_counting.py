"""Counts against hand arithmetic, printed tables and the known sizes of public networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from leukbench.blocks import Classifier
from leukbench.papers.alnet.model import alnet, alnet_as_printed
from leukbench.parameters.counting import (
    count_backbone_parameters,
    count_head_parameters,
    count_parameters,
    layer_table,
)

_TABLE_2 = [  # of the paper: layer, shape, parameters
    ("Conv2d", "(None, 220, 220, 32)", 2432),
    ("Conv2d", "(None, 216, 216, 32)", 25632),
    ("MaxPool2d", "(None, 108, 108, 32)", 0),
    ("MaxPool2d", "(None, 54, 54, 32)", 0),
    ("BatchNorm2d", "(None, 54, 54, 32)", 128),
    ("Conv2d", "(None, 50, 50, 64)", 51264),
    ("Conv2d", "(None, 46, 46, 64)", 102464),
    ("MaxPool2d", "(None, 23, 23, 64)", 0),
    ("MaxPool2d", "(None, 11, 11, 64)", 0),
    ("BatchNorm2d", "(None, 11, 11, 64)", 256),
    ("Conv2d", "(None, 7, 7, 128)", 204928),
    ("MaxPool2d", "(None, 3, 3, 128)", 0),
    ("BatchNorm2d", "(None, 3, 3, 128)", 512),
    ("Flatten", "(None, 1152)", 0),
    ("Dropout", "(None, 1152)", 0),
    ("Linear", "(None, 128)", 147584),
    ("Linear", "(None, 2)", 258),
]


def test_layer_table_gives_every_row_of_alnets_table_2() -> None:
    table = layer_table(alnet_as_printed(2, input_px=224), 224)
    ours = [(row.type, str(row.output_shape), row.parameters) for row in table if row.type != "ReLU"]
    assert ours == _TABLE_2


def test_layer_table_sums_to_keras_total() -> None:
    network = alnet(2, input_px=224)
    assert sum(row.parameters for row in layer_table(network, 224)) == count_parameters(network).keras_total == 535_458


def test_alnet_has_the_printed_trainable_count_and_448_statistics() -> None:
    count = count_parameters(alnet(2, input_px=224))
    assert (count.pytorch_total, count.keras_trainable, count.keras_nontrainable) == (535_010, 535_010, 448)


def test_counts_by_hand_with_frozen_weights_and_a_normalisation_layer() -> None:
    network = Classifier(
        nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        nn.Linear(8, 5),
    )
    network.backbone.requires_grad_(False)
    count = count_parameters(network, normalisation_values=7)
    assert count.pytorch_total == 216 + 16 + 45
    assert count.pytorch_trainable == 45
    assert count.keras_total == 216 + 32 + 45 + 7
    assert count.keras_nontrainable == 216 + 32 + 7
    assert count.keras_total_with_biases == count.keras_total + 8


def test_head_and_backbone_make_up_the_network() -> None:
    network = alnet(2, input_px=224)
    head, backbone, whole = (
        count_head_parameters(network),
        count_backbone_parameters(network),
        count_parameters(network),
    )
    assert head is not None
    assert head.keras_total == 147_584 + 258
    assert backbone.keras_total + head.keras_total == whole.keras_total


def test_a_network_without_a_head_says_so() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    assert count_head_parameters(plain) is None
    assert count_backbone_parameters(plain) == count_parameters(plain)


def test_shared_weights_count_once() -> None:
    layer = nn.Linear(4, 4)
    assert count_parameters(nn.Sequential(layer, nn.ReLU(), layer)).pytorch_total == 20


def test_group_norm_has_no_statistics() -> None:
    assert count_parameters(nn.GroupNorm(2, 8)).keras_total == 16


@pytest.mark.parametrize(
    ("name", "count", "convention"),
    [
        ("vgg16", 138_357_544, "keras_total"),
        ("resnet50", 25_557_032, "pytorch_total"),
        ("resnet50", 25_636_712, "keras_total_with_biases"),
        ("resnet18", 11_689_512, "pytorch_total"),
        ("alexnet", 61_100_840, "pytorch_total"),
    ],
)
def test_known_networks_with_1000_classes(name: str, count: int, convention: str) -> None:
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):  # no memory is spent on weights
        network = torchvision.models.get_model(name, weights=None)
    assert getattr(count_parameters(network), convention) == count


def test_layer_table_leaves_mode_statistics_and_hooks_as_they_were() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    network[2].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    layer_table(network, 8)
    assert network.training and network[1].training and not network[2].training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_layer_that_runs_twice_is_listed_twice_and_counted_once() -> None:
    layer = nn.Conv2d(3, 3, 3, padding=1)
    table = layer_table(nn.Sequential(layer, nn.ReLU(), layer), 6)
    assert [row.parameters for row in table if row.type == "Conv2d"] == [84, 0]
