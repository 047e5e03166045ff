"""Random affine maps, colour, contrast and brightness: parameters drawn per image,
rendered on CPU (OpenCV) or on the device.

One affine resample of uint8 pixels replaces a chain of them; both renderers take the same parameters.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from leukbench.records import Augmentation, FloatArray
from leukbench.seeds import generator_for

if TYPE_CHECKING:
    import torch

_BORDERS = {"constant": cv2.BORDER_CONSTANT, "nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}
_PADDING = {"constant": "zeros", "nearest": "border", "reflect": "reflection"}
_IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_GREY_KEPT = np.eye(3)


@dataclass(frozen=True)
class Draws:
    """Parameters of ``n`` images.

    ``matrices`` (n, 2, 3) map output to input pixels; ``colour`` (n, 3, 3) maps RGB to RGB; ``gain`` (n,) is contrast,
    ``light`` (n,) brightness.
    """

    matrices: FloatArray
    colour: FloatArray
    gain: FloatArray
    light: FloatArray

    def __len__(self) -> int:
        return len(self.gain)


@dataclass(frozen=True)
class DeviceDraws:
    """The same parameters as float32 tensors on a device; ``colour`` is None where no image changes its colour."""

    matrices: torch.Tensor
    colour: torch.Tensor | None
    gain: torch.Tensor
    light: torch.Tensor

    def take(self, rows: slice) -> DeviceDraws:
        """Return the parameters of some rows; nothing is copied."""
        colour = None if self.colour is None else self.colour[rows]
        return DeviceDraws(self.matrices[rows], colour, self.gain[rows], self.light[rows])


def draws_to_device(draws: Draws, device: torch.device) -> DeviceDraws:
    """Return parameters on a device, in one transfer each."""
    import torch

    def there(values: FloatArray) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=device)

    colour = there(draws.colour) if (draws.colour != _GREY_KEPT).any() else None
    return DeviceDraws(there(draws.matrices), colour, there(draws.gain), there(draws.light))


def identity_draws(n_images: int) -> Draws:
    """Return parameters that change nothing."""
    same = np.repeat(_IDENTITY[None], n_images, axis=0), np.repeat(_GREY_KEPT[None], n_images, axis=0)
    return Draws(*same, np.ones(n_images), np.ones(n_images))


def draw_augmentation(augmentation: Augmentation, n_images: int, *, side_px: int, rng: np.random.Generator) -> Draws:
    """Return independent parameters for ``n_images`` square images, uniform in the printed ranges.

    Order of the map from output to input, about the image's centre: flip, zoom, shear, rotation, shift (Keras'
    generator shifts before it rotates). Positive angles turn the picture counter-clockwise,
    positive shifts move it right and down.
    """
    a = augmentation

    def symmetric(limit: float) -> FloatArray:
        return rng.uniform(-limit, limit, n_images)

    angle = np.deg2rad(symmetric(a.rotation_deg))
    if a.rotation_fixed:
        angle = np.where(angle < 0, -1.0, 1.0) * np.deg2rad(a.rotation_deg)
    shear = np.deg2rad(symmetric(a.shear_deg))
    shift_x, shift_y = symmetric(a.shift) * side_px, symmetric(a.shift) * side_px
    zoom = rng.uniform(*a.zoom, n_images)
    flip_x = np.where(rng.random(n_images) < 0.5, -1.0, 1.0) if a.flip_horizontal else np.ones(n_images)
    flip_y = np.where(rng.random(n_images) < 0.5, -1.0, 1.0) if a.flip_vertical else np.ones(n_images)
    gain, light = rng.uniform(*a.contrast, n_images), rng.uniform(*a.brightness, n_images)
    cos, sin = np.cos(angle), np.sin(angle)
    rotate = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shearing = np.repeat(np.eye(2)[None], n_images, axis=0)
    shearing[:, 0, 1], shearing[:, 1, 1] = -np.sin(shear), np.cos(shear)
    scale = np.zeros((n_images, 2, 2))
    scale[:, 0, 0], scale[:, 1, 1] = flip_x / zoom, flip_y / zoom
    linear = rotate @ shearing @ scale
    centre = np.full(2, (side_px - 1) / 2)
    offset = centre - linear @ centre - np.stack([shift_x, shift_y], -1)
    colour = colour_matrices(np.deg2rad(symmetric(a.hue_deg)), rng.uniform(*a.saturation, n_images))
    return Draws(np.concatenate([linear, offset[..., None]], axis=-1), colour, gain, light)


def colour_matrices(hue_rad: FloatArray, saturation: FloatArray) -> FloatArray:
    """Return RGB-to-RGB matrices ``(n, 3, 3)``: a turn about the grey axis, then a factor on the distance from it.

    The turn is linear and keeps the mean of the channels (Haeberli 1993, *Matrix operations for image processing*), so
    one matrix a pixel does for both; hue in HSV, which is not linear, differs from it by a few degrees.

    >>> abs(colour_matrices(np.deg2rad([120.0]), np.array([1.0]))[0].round(6)).tolist()  # red becomes green, green blue
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    grey = np.full((3, 3), 1 / 3)  # projects on the grey axis
    across = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3)  # a quarter turn about it
    cos, sin = np.cos(hue_rad)[:, None, None], np.sin(hue_rad)[:, None, None]
    turned = cos * (np.eye(3) - grey) + sin * across
    matrices: FloatArray = grey + saturation[:, None, None] * turned
    unchanged = (hue_rad == 0) & (saturation == 1)
    matrices[unchanged] = np.eye(3)  # exactly, so that no pixel is touched
    return matrices


def draw_copy(augmentation: Augmentation, image_id: str, copy: int, *, side_px: int) -> Draws:
    """Return the parameters of one planned copy, always the same for (image, copy)."""
    return draw_augmentation(augmentation, 1, side_px=side_px, rng=generator_for(0, "copy", image_id, copy))


def join_draws(parts: list[Draws]) -> Draws:
    """Return one block of parameters from several."""
    return Draws(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Draws)))


def take_draws(draws: Draws, rows: npt.NDArray[Any]) -> Draws:
    """Return the parameters of some rows."""
    return Draws(*(getattr(draws, f.name)[rows] for f in fields(Draws)))


def render(images: npt.NDArray[np.uint8], draws: Draws, *, fill: str, threads: int = 1) -> npt.NDArray[np.uint8]:
    """Return augmented images ``(n, side, side, 3)`` uint8, on CPU, by one bilinear resample,
    colour matrix and lookup table each.

    OpenCV lets go of the interpreter, so ``threads`` of them share the images; the bytes do not depend on how many.
    """
    out = np.empty(images.shape, dtype=np.uint8)
    size = (images.shape[2], images.shape[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = (draws.matrices != _IDENTITY).any(axis=(1, 2))
    coloured = (draws.colour != _GREY_KEPT).any(axis=(1, 2))
    toned = (draws.gain != 1.0) | (draws.light != 1.0)
    levels = np.arange(256, dtype=np.float64)

    def one(i: int) -> None:
        image = np.ascontiguousarray(images[i])
        if moved[i]:
            cv2.warpAffine(image, draws.matrices[i], size, dst=out[i], flags=flags, borderMode=_BORDERS[fill])
        else:
            out[i] = image
        if coloured[i]:
            cv2.transform(out[i], draws.colour[i], dst=out[i])
        if toned[i]:
            grey = sum(cv2.mean(image)[:3]) / 3
            table = ((levels - grey) * draws.gain[i] + grey) * draws.light[i]
            cv2.LUT(out[i], np.clip(np.rint(table), 0, 255).astype(np.uint8), dst=out[i])

    def share(start: int) -> None:
        for i in range(start, len(images), threads):
            one(i)

    if threads == 1:
        share(0)
        return out
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))  # waits, and raises what a thread raised
    return out


def render_on_device(images: torch.Tensor, draws: DeviceDraws, *, fill: str) -> torch.Tensor:
    """Return augmented images ``(n, 3, side, side)`` float32 in [0, 255] from uint8 of that shape, in one batched pass.

    The same map as :func:`render`; values agree up to OpenCV's fixed-point interpolation (about one grey level).
    """
    import torch

    m, side = draws.matrices, images.shape[-1]
    half = (side - 1) / 2
    # pixel coordinates p = half * (u + 1); theta maps output u to input u with align_corners=True
    theta = m.clone()
    theta[:, :, 2] = (m[:, :, 2] + (m[:, :, :2] * half).sum(-1)) / half - 1
    grid = torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=True)
    moved = torch.nn.functional.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode=_PADDING[fill], align_corners=True
    )
    if draws.colour is not None:
        moved = torch.einsum("nij,njhw->nihw", draws.colour, moved).clamp_(0, 255)
    gain, light = draws.gain.view(-1, 1, 1, 1), draws.light.view(-1, 1, 1, 1)
    grey = images.float().mean(dim=(1, 2, 3), keepdim=True)
    return (((moved - grey) * gain + grey) * light).clamp_(0, 255)
