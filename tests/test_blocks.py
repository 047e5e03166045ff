"""Backbones, where their ImageNet weights come from, and the defaults of Keras."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from leukbench import blocks
from leukbench.blocks import (
    KERAS_BN,
    Classifier,
    backbone_names,
    keras_backbone,
    keras_batch_norm_,
    keras_init_,
    make_backbone,
)
from leukbench.errors import InputError, WeightsUnavailable


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEUKBENCH_WEIGHTS", str(tmp_path))
    return tmp_path


def save(state: dict[str, torch.Tensor], file: Path) -> None:
    if file.suffix == ".safetensors":
        save_file({k: v.contiguous() for k, v in state.items()}, file)
    else:
        torch.save(state, file)


def same(a: nn.Module, b: dict[str, torch.Tensor]) -> bool:
    """Every tensor of a module stands under the same name in a state."""
    state = a.state_dict()
    return bool(state) and all(torch.equal(value, b[name]) for name, value in state.items())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_a_timm_network_come_from_the_folder(weights: Path, suffix: str) -> None:
    import timm

    torch.manual_seed(1)
    original = timm.create_model("resnet18", pretrained=False).state_dict()  # with its classifier, as published files
    save(original, weights / f"resnet18{suffix}")
    backbone, width = make_backbone("resnet18", pretrained=True)
    assert width == 512 and same(backbone, original)
    mapped, _ = make_backbone("resnet18", pretrained=True, features="map")
    assert same(mapped, original)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_a_torchvision_network_come_from_the_folder(weights: Path, suffix: str) -> None:
    torch.manual_seed(1)
    original = torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True).state_dict()
    save(original, weights / f"googlenet{suffix}")
    backbone, width = make_backbone("googlenet", pretrained=True)
    assert width == 1024 and same(backbone, original)
    assert not any(name.startswith(("aux", "fc")) for name in backbone.state_dict())
    backbone.eval()
    assert backbone(torch.zeros(1, 3, 64, 64)).shape == (1, 1024)


def test_without_pretrained_the_folder_is_not_read(weights: Path) -> None:
    backbone, _ = make_backbone("resnet18", pretrained=False)
    assert not same(backbone, make_backbone("resnet18", pretrained=False)[0].state_dict())


@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_absent_weights_say_which_file_and_where(weights: Path, name: str) -> None:
    with pytest.raises(WeightsUnavailable, match=rf"{name}\.safetensors or {name}\.pth") as caught:
        make_backbone(name, pretrained=True)
    assert str(weights) in str(caught.value)


@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
@pytest.mark.parametrize("kind", ["cut.safetensors", "cut.pth", "empty.pth", "other.safetensors"])
def test_damaged_or_foreign_weights_are_refused(weights: Path, name: str, kind: str) -> None:
    what, suffix = kind.split(".")
    file = weights / f"{name}.{suffix}"
    save({"some.weight": torch.zeros(3)}, file)
    if what == "cut":
        file.write_bytes(file.read_bytes()[:40])
    elif what == "empty":
        file.write_bytes(b"")
    with pytest.raises(WeightsUnavailable, match=name):
        make_backbone(name, pretrained=True)


def test_a_pickle_that_would_run_code_is_refused_and_not_run(weights: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (weights / "it-ran",)

    torch.save({"some.weight": Payload()}, weights / "googlenet.pth")
    torch.save({"some.weight": Payload()}, weights / "resnet18.pth")
    for name in ("googlenet", "resnet18"):
        with pytest.raises(WeightsUnavailable):
            make_backbone(name, pretrained=True)
    assert not (weights / "it-ran").exists()


@pytest.mark.parametrize("name", ["resnet18", "googlenet"])
def test_weights_that_cannot_be_downloaded_say_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import timm

    def offline(*args: Any, **options: Any) -> Any:
        raise OSError("no route to host")

    monkeypatch.delenv("LEUKBENCH_WEIGHTS", raising=False)
    monkeypatch.setattr(timm, "create_model", offline)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", offline)
    with pytest.raises(WeightsUnavailable, match=r"no route to host(.|\n)*pretrained: false"):
        make_backbone(name, pretrained=True)


def test_a_wrong_name_gives_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'resnet50'"):
        make_backbone("resnet5O", pretrained=False)
    with pytest.raises(InputError):
        make_backbone("googlenet", pretrained=False, features="map")
    assert len(backbone_names()) == len(set(backbone_names())) == 11


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "alexnet", "googlenet"])
def test_backbones_yield_as_many_features_as_they_say(name: str) -> None:
    images = torch.zeros(2, 3, 64, 64)
    backbone, width = make_backbone(name, pretrained=False)
    assert backbone.eval()(images).shape == (2, width)
    if name != "googlenet":
        mapped, channels = make_backbone(name, pretrained=False, features="map")
        maps = mapped.eval()(images)
        assert maps.ndim == 4 and maps.shape[:2] == (2, channels)


def test_penultimate_features_of_alexnet_are_its_own_dense_layers() -> None:
    backbone, width = make_backbone("alexnet", pretrained=False, features="penultimate")
    assert width == 4096 and backbone.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 4096)


def test_a_classifier_is_its_head_after_its_backbone() -> None:
    backbone, head = nn.Flatten(), nn.Linear(12, 2)
    images = torch.randn(5, 3, 2, 2)
    assert torch.equal(Classifier(backbone, head)(images), head(images.flatten(1)))


def test_keras_initialisation_is_glorot_uniform_with_zero_biases() -> None:
    torch.manual_seed(0)
    module = keras_init_(nn.Sequential(nn.Conv2d(16, 32, 5), nn.Linear(300, 200), nn.BatchNorm1d(200)))
    for layer, fans in ((module[0], 16 * 25 + 32 * 25), (module[1], 500)):
        limit = math.sqrt(6 / fans)
        assert layer.weight.abs().max() <= limit and layer.bias.abs().max() == 0
        assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.03)
    assert (module[2].weight == 1).all()


def test_keras_batch_norm_defaults_are_momentum_099_and_epsilon_1e3() -> None:
    module = keras_batch_norm_(nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm1d(3)))
    layer = module[0]
    images = 5 + torch.randn(64, 3, 4, 4)
    module[0].train()(images)
    # Keras: moving = 0.99 * moving + 0.01 * batch
    assert torch.allclose(layer.running_mean, 0.01 * images.mean(dim=(0, 2, 3)), atol=1e-6)
    assert all(m.eps == 1e-3 and m.momentum == KERAS_BN["momentum"] for m in module)


def test_importing_blocks_does_not_load_timm_or_torchvision_models() -> None:
    """They take a second and only some networks need them."""
    import ast

    tree = ast.parse(Path(blocks.__file__).read_text(encoding="utf-8"))
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert not top & {"timm", "torchvision"}


@pytest.mark.slow
def test_torchvisions_names_of_vggs_dense_layers_are_understood(weights: Path) -> None:
    original = torchvision.models.vgg16(weights=None, init_weights=False).state_dict()
    save(original, weights / "vgg16.pth")
    backbone, _ = make_backbone("vgg16", pretrained=True, features="penultimate")
    assert torch.equal(
        backbone.state_dict()["pre_logits.fc1.weight"].flatten(), original["classifier.0.weight"].flatten()
    )


@pytest.mark.parametrize(("name", "n_blocks"), [("efficientnet_b0", 16), ("efficientnet_b3", 26)])
def test_an_efficientnet_as_keras_has_it_drops_blocks_at_rates_that_rise_to_a_fifth(name: str, n_blocks: int) -> None:
    """keras.applications: block b of B has rate 0.2 * b / B, where it has a shortcut; batch norms keep 0.99, epsilon
    0.001.
    """
    from timm.layers import DropPath

    backbone, _ = keras_backbone(name, pretrained=False)
    blocks = [block for stage in backbone.blocks for block in stage]
    assert len(blocks) == n_blocks
    with_shortcut = [(number, block) for number, block in enumerate(blocks) if block.has_skip]
    assert len(with_shortcut) > n_blocks / 2  # timm calls the drop path of these blocks alone
    for number, block in with_shortcut:
        rate = block.drop_path.drop_prob if isinstance(block.drop_path, DropPath) else 0.0
        assert rate == pytest.approx(0.2 * number / n_blocks)
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and all((m.momentum, m.eps) == (KERAS_BN["momentum"], KERAS_BN["eps"]) for m in norms)


def test_other_backbones_as_keras_trains_them_keep_the_epsilon_of_their_weights() -> None:
    ours, plain = keras_backbone("resnet50", pretrained=False)[0], make_backbone("resnet50", pretrained=False)[0]
    for a, b in zip(ours.modules(), plain.modules(), strict=True):
        if isinstance(a, nn.BatchNorm2d):
            assert a.momentum == KERAS_BN["momentum"] and a.eps == b.eps
    assert not any(isinstance(m, nn.BatchNorm2d) and m.momentum == KERAS_BN["momentum"] for m in plain.modules())


def test_batch_norm_with_keras_constants_is_keras_formula() -> None:
    """Keras: moving = 0.99 moving + 0.01 batch; (x - mean) / sqrt(variance + 0.001), the variance over n in
    normalising.
    """
    layer = keras_batch_norm_(nn.BatchNorm2d(3)).double()
    x = torch.rand(8, 3, 4, 4, dtype=torch.float64) * 5
    mean, variance = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
    shown = (x - mean[:, None, None]) / torch.sqrt(variance + 1e-3)[:, None, None]
    assert torch.allclose(layer(x), shown)
    assert torch.allclose(layer.running_mean, 0.01 * mean)
    n = 8 * 4 * 4  # PyTorch keeps the variance over n - 1, as Keras' fused kernel does
    assert torch.allclose(layer.running_var, 0.99 + 0.01 * variance * n / (n - 1))
    layer.eval()
    expected = (x - layer.running_mean[:, None, None]) / torch.sqrt(layer.running_var + 1e-3)[:, None, None]
    assert torch.allclose(layer(x), expected)
