"""Where a network looks: what each place of its last maps adds to the class that it calls."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

LEAST_PX = 7
"""Side of the last maps that are looked at: maps of 3 × 3 would only say which third of the image."""


def heat_maps(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the heat of each image ``(n, side, side)``, sum 1, and the class that the network calls ``(n,)``.

    Heat is the part of the called class's logit that a place adds: gradient times activation of the last maps of at
    least ``LEAST_PX``, summed over channels, negative parts left out, enlarged to the image. Where the network averages
    these maps (DDRNet) this is Grad-CAM; where it flattens them (ALNet) Grad-CAM, which averages gradients over places
    first, would show heat where nothing is read. All zero where nothing speaks for the class.

    Parameters
    ----------
    model
        Gives logits ``(n, n_classes)``; it is put into evaluation mode.
    images
        Normalised, ``(n, 3, side, side)``.

    Raises
    ------
    ValueError
        Where no module of the model gives maps of that size.

    References
    ----------
    Selvaraju et al. 2017 (Grad-CAM), ICCV, 618-626; Draelos and Carin 2020 (HiResCAM), arXiv:2011.08891.
    """
    last: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) >= LEAST_PX:
            last[:] = [output]

    handles = [module.register_forward_hook(keep) for module in model.eval().modules()]
    try:
        logits = model(images.detach().requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    if not last:
        raise ValueError(f"no layer of this network gives maps of {LEAST_PX} × {LEAST_PX} or more")
    called = logits.argmax(dim=1)
    (gradient,) = torch.autograd.grad(logits.gather(1, called[:, None]).sum(), last)
    heat = functional.relu((gradient * last[0]).sum(dim=1, keepdim=True)).detach()
    large = functional.interpolate(heat, size=images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return large / large.sum(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(large.dtype).tiny), called
