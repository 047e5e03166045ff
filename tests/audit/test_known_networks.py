"""Every number of ``known_networks.json``, held by the network that torchvision or timm builds, without weights."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import timm
import torch
import torchvision.models as torchvision_models
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from leukbench.audit.readings.known_networks import known_networks

NORMALISATION = 7
"""Values of Keras' normalisation layer before EfficientNet: three means, three variances, a count."""


@functools.cache
def network(name: str) -> nn.Module:
    builders = {
        "googlenet": lambda: torchvision_models.googlenet(aux_logits=False, init_weights=False),
        "inceptionv3": lambda: torchvision_models.inception_v3(aux_logits=False, init_weights=False),
        "xception": lambda: timm.create_model("legacy_xception"),
        "efficientnetb0": torchvision_models.efficientnet_b0,
        "efficientnetb3": torchvision_models.efficientnet_b3,
        "efficientnetv2s": torchvision_models.efficientnet_v2_s,
        "mobilenetv2": torchvision_models.mobilenet_v2,
    }
    with torch.device("meta"):
        return builders.get(name, lambda: getattr(torchvision_models, name)())().eval()


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def of(net: nn.Module, kind: type[Any]) -> list[Any]:
    return [m for m in net.modules() if isinstance(m, kind)]


@pytest.mark.parametrize("name", sorted(known_networks()))
def test_weights_with_and_without_the_head_and_the_features(name: str) -> None:
    entry, net = known_networks()[name], network(name)
    heads = of(net, nn.Linear)
    gone = heads if name.startswith("vgg") else heads[-1:]
    assert count(net) == entry["weights"]
    assert count(net) - sum(map(count, gone)) == entry["headless_weights"]
    pooled = of(net, nn.Conv2d)[-1].out_channels if name.startswith("vgg") else heads[-1].in_features
    assert pooled == entry["features"]


@pytest.mark.parametrize("name", sorted(n for n, v in known_networks().items() if "keras" in v))
def test_all_values_of_the_keras_versions(name: str) -> None:
    """Two statistics a batch-norm channel; ResNet's convolutions have biases, Inception's norms no scale,
    EfficientNet a normalisation layer."""
    entry, net = known_networks()[name], network(name)
    norms = of(net, nn.BatchNorm2d)
    trained = count(net)
    if name.startswith("resnet"):
        trained += sum(c.out_channels for c in of(net, nn.Conv2d))
    if name == "inceptionv3":
        trained -= sum(b.num_features for b in norms)
    extra = NORMALISATION if name.startswith("efficientnet") else 0
    values = trained + sum(2 * b.num_features for b in norms) + extra
    head = entry["weights"] - entry["headless_weights"]
    assert (values, values - head) == (entry["keras"], entry["headless_keras"])
    if "keras_trainable" in entry:
        assert trained == entry["keras_trainable"]
    if "headless_keras_trainable" in entry:
        assert trained - head == entry["headless_keras_trainable"]


def layers_with_biases(*shapes: tuple[int, int, int]) -> int:
    """Weights and biases of layers given as (inputs of a sum, outputs, groups)."""
    return sum((inputs // groups + 1) * outputs for inputs, outputs, groups in shapes)


@pytest.mark.parametrize(("words", "groups"), [("two-column original with grouped", 2), ("original widths without", 1)])
def test_the_alexnets_of_the_original_widths(words: str, groups: int) -> None:
    """Krizhevsky, Sutskever and Hinton (2012): 96, 256, 384, 384, 256 maps; 9,216 values into 4096, 4096, 1000."""
    convolutions = (
        (363, 96, 1),
        (25 * 96, 256, groups),
        (9 * 256, 384, 1),
        (9 * 384, 384, groups),
        (9 * 384, 256, groups),
    )
    total = layers_with_biases(*convolutions, (9216, 4096, 1), (4096, 4096, 1), (4096, 1000, 1))
    assert [v for w, v in known_networks()["alexnet"]["variants"].items() if w.startswith(words)] == [total]


def test_the_variants_of_googlenet() -> None:
    """With auxiliary heads as torchvision has it; in Caffe with biases, without norms, 5 x 5 kernels where torchvision
    has 3 x 3."""
    variants = known_networks()["googlenet"]["variants"]
    with torch.device("meta"):
        whole = torchvision_models.googlenet(aux_logits=True, init_weights=False)
    fives = {id(m.branch3[1].conv) for m in whole.modules() if hasattr(m, "branch3")}
    total = count(whole.fc)
    for c in of(network("googlenet"), nn.Conv2d):
        total += (c.in_channels * c.kernel_size[0] ** 2 + 1) * c.out_channels
    for c in (m for m in of(whole, nn.Conv2d) if id(m) in fives):
        total += (25 - 9) * c.in_channels * c.out_channels
    assert sorted(variants.values()) == sorted([count(whole), total])


PLAIN = ("vgg16", "vgg19", "resnet18", "resnet50", "resnet101", "inceptionv3", "efficientnetb0", "efficientnetb3")


@pytest.mark.parametrize("name", PLAIN)
def test_multiply_adds_of_one_image(name: str) -> None:
    px = {"inceptionv3": 299, "efficientnetb3": 300}.get(name, 224)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(name)(torch.zeros(1, 3, px, px, device="meta"))
    assert counter.get_total_flops() // 2 == known_networks()[name]["multiply_adds"]


@pytest.mark.parametrize("name", sorted(n for n, v in known_networks().items() if "sides" in v and n != "inceptionv3"))
def test_the_side_of_the_last_map_at_224_px(name: str) -> None:
    found: list[int] = []
    net = network(name)
    hooks = [m.register_forward_hook(lambda _m, _i, o: found.append(o.shape[-1])) for m in of(net, nn.Conv2d)]
    with torch.no_grad():
        net(torch.zeros(1, 3, 224, 224, device="meta"))
    for h in hooks:
        h.remove()
    last = min(s for s in found if s > 1)
    assert known_networks()[name]["sides"]["224"] == (last // 2 if name.startswith("vgg") else last)


def test_every_entry_can_be_built() -> None:
    assert all(count(network(name)) for name in known_networks())
