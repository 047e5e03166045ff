"""Heat maps: a network that reads only a corner is seen doing so, whatever else the image shows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from leukbench.papers.alnet.model import alnet
from leukbench.papers.ddrnet.model import ddrnet
from leukbench.tools.heat import heat_maps

SIDE, CORNER = 32, 8


class ReadsACorner(nn.Module):
    """Sees bright places everywhere, and reads only those of the upper left corner."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 4, 1)
        self.head = nn.Linear(4 * SIDE * SIDE, 2)
        with torch.no_grad():
            self.maps.weight.fill_(1.0)
            self.maps.bias.zero_()
            corner = torch.zeros(2, 4, SIDE, SIDE)
            corner[1, :, :CORNER, :CORNER] = 1.0
            self.head.weight.copy_(corner.flatten(1))
            self.head.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.relu(self.maps(images)).flatten(1))
        return logits


class Averages(nn.Module):
    """Maps, their mean, a dense layer: the case that Grad-CAM was made for."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU())
        self.head = nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.maps(images).mean(dim=(2, 3)))
        return logits


def test_a_network_that_reads_only_a_corner_is_seen_doing_so() -> None:
    images = torch.rand(5, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) + 0.1
    heat, called = heat_maps(ReadsACorner(), images)
    assert called.tolist() == [1] * 5 and torch.allclose(heat.sum(dim=(1, 2)), torch.ones(5))
    assert torch.allclose(heat[:, :CORNER, :CORNER].sum(dim=(1, 2)), torch.ones(5))


def test_a_mark_in_a_corner_that_is_the_only_thing_read_takes_all_heat() -> None:
    images = torch.zeros(1, 3, SIDE, SIDE)
    images[:, :, 20:24, 4:8] = 1.0
    network = Averages()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.maps[0].weight[:, :, 1, 1] = 1.0
        network.head.weight[2] = 1.0
    heat, called = heat_maps(network, images)
    assert called.tolist() == [2] and heat[0, 20:24, 4:8].sum() == pytest.approx(1.0)


def test_where_maps_are_averaged_it_is_grad_cam() -> None:
    torch.manual_seed(3)
    network, images = Averages().eval(), torch.rand(4, 3, SIDE, SIDE)
    heat, called = heat_maps(network, images)
    maps = network.maps(images)  # the gradient of a logit by the mean of map k is the weight of k: no autograd needed
    cam = torch.relu(torch.einsum("nk,nkhw->nhw", network.head.weight[called], maps)).detach()
    assert torch.allclose(heat, cam / cam.sum(dim=(1, 2), keepdim=True), atol=1e-6)


@pytest.mark.parametrize("build", [alnet, ddrnet])
def test_the_papers_networks_have_maps_to_look_at(build: object) -> None:
    torch.manual_seed(0)
    network = build(2, input_px=144, pretrained=False)  # type: ignore[operator]
    heat, called = heat_maps(network, torch.rand(2, 3, 144, 144))
    assert heat.shape == (2, 144, 144) and (heat >= 0).all() and called.shape == (2,)


def test_a_network_without_maps_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer"):
        heat_maps(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 2)), torch.rand(1, 3, SIDE, SIDE))
