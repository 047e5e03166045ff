"""Random affine maps, colour, contrast and brightness: parameters drawn per image, rendered on CPU (OpenCV) or on the
device.

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

    Positive angles turn the picture counter-clockwise, positive shifts move it right and down;
    :func:`affine_matrices` says in which order what is done.
    """
    a = augmentation

    def symmetric(limit: float) -> FloatArray:
        return rng.uniform(-limit, limit, n_images)

    angle = symmetric(a.rotation_deg)
    if a.rotation != "range":
        side = np.where(angle < 0, -1.0, 1.0) if a.rotation == "either_side" else np.full(n_images, -1.0)
        angle = side * a.rotation_deg
    shear = symmetric(a.shear_deg)
    shift_x, shift_y = symmetric(a.shift) * side_px, symmetric(a.shift) * side_px
    zoom_x = rng.uniform(*a.zoom, n_images)
    flip_x, flip_y = (_flips(on, a.combination, n_images, rng) for on in (a.flip_horizontal, a.flip_vertical))
    gain, light = rng.uniform(*a.contrast, n_images), rng.uniform(*a.brightness, n_images)
    hue, saturation = symmetric(a.hue_deg), rng.uniform(*a.saturation, n_images)
    zoom_y = rng.uniform(*a.zoom, n_images) if a.generator == "keras" else zoom_x
    window = rng.uniform(*a.window, n_images)
    window_x, window_y = ((1 - window) * rng.uniform(-1.0, 1.0, n_images) * (side_px - 1) / 2 for _ in range(2))
    drawn = {
        "rotation": [(angle, 0.0)],
        "shift": [(shift_x, 0.0), (shift_y, 0.0)],
        "shear": [(shear, 0.0)],
        "zoom": [(zoom_x, 1.0), (zoom_y, 1.0)],
        "window": [(window, 1.0), (window_x, 0.0), (window_y, 0.0)],
        "flip_horizontal": [(flip_x, 1.0)],
        "flip_vertical": [(flip_y, 1.0)],
        "colour": [(hue, 0.0), (saturation, 1.0)],
        "contrast": [(gain, 1.0)],
        "brightness": [(light, 1.0)],
    }
    if a.combination == "one" and a.operations:
        chosen = rng.integers(len(a.operations), size=n_images)
        for place, name in enumerate(a.operations):
            for values, unchanged in drawn[name]:
                values[chosen != place] = unchanged
    matrices = affine_matrices(
        angle_deg=angle,
        shear_deg=shear,
        shift=np.stack([shift_x, shift_y], -1),
        scale=np.stack([zoom_x, zoom_y], -1) if a.generator == "keras" else 1 / np.stack([zoom_x, zoom_y], -1),
        flip=np.stack([flip_x, flip_y], -1),
        window=window,
        window_at=np.stack([window_x, window_y], -1),
        side_px=side_px,
        generator=a.generator,
    )
    return Draws(matrices, colour_matrices(np.deg2rad(hue), saturation), gain, light)


def _flips(on: bool, combination: str, n_images: int, rng: np.random.Generator) -> FloatArray:
    """Return -1 where an image is mirrored: half of the time, or always where it is the one operation of an image."""
    if not on:
        return np.ones(n_images)
    if combination == "one":
        return np.full(n_images, -1.0)
    return np.where(rng.random(n_images) < 0.5, -1.0, 1.0)


def affine_matrices(
    *,
    angle_deg: FloatArray,
    shear_deg: FloatArray,
    shift: FloatArray,
    scale: FloatArray,
    flip: FloatArray,
    window: FloatArray,
    window_at: FloatArray,
    side_px: int,
    generator: str,
) -> FloatArray:
    """Return maps ``(n, 2, 3)`` from output to input pixels, about the image's centre.

    From output to input: window, flip, scale, shear, rotation, shift; Keras' generator shifts before it rotates.
    The window is cut out of the picture that the other operations made, so that by itself it shows nothing from
    outside the image.

    Parameters
    ----------
    angle_deg, shear_deg, window : arrays ``(n,)``; ``window`` is a share of the side in (0, 1].
    shift, window_at : arrays ``(n, 2)``, x and y in pixels; ``window_at`` is the window's centre from the image's.
    scale, flip : arrays ``(n, 2)``, factors on the coordinates, and -1 where an axis is mirrored.
    side_px, generator : side of the images; ``plain`` or ``keras``.

    References
    ----------
    ``apply_affine_transform`` and ``random_transform`` of Keras' ``ImageDataGenerator``.
    """
    n = len(angle_deg)
    angle, shear = np.deg2rad(angle_deg), np.deg2rad(shear_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    rotate = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    shearing = np.repeat(np.eye(2)[None], n, axis=0)
    shearing[:, 0, 1], shearing[:, 1, 1] = -np.sin(shear), np.cos(shear)
    scaling = np.zeros((n, 2, 2))
    scaling[:, 0, 0], scaling[:, 1, 1] = (flip * scale).T
    linear = rotate @ shearing @ scaling
    moved = -shift if generator == "plain" else -np.einsum("nij,nj->ni", rotate, shift)
    centre = np.full(2, (side_px - 1) / 2)
    offset = centre + moved + np.einsum("nij,nj->ni", linear, window_at - window[:, None] * centre)
    return np.concatenate([linear * window[:, None, None], offset[..., None]], axis=-1)


def colour_matrices(hue_rad: FloatArray, saturation: FloatArray) -> FloatArray:
    """Return RGB-to-RGB matrices ``(n, 3, 3)``: a turn about the grey axis, then a factor on the distance from it.

    The turn is linear and keeps the mean of the channels (Haeberli 1993, *Matrix operations for image processing*),
    so one matrix a pixel does for both; hue in HSV, which is not linear, differs from it by a few degrees.

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
    """Return the parameters of one planned copy, always the same for (image, copy): it stands for a file."""
    return draw_augmentation(augmentation, 1, side_px=side_px, rng=generator_for(0, "copy", image_id, copy))


def join_draws(parts: list[Draws]) -> Draws:
    """Return one block of parameters from several."""
    return Draws(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Draws)))


def take_draws(draws: Draws, rows: npt.NDArray[Any] | slice) -> Draws:
    """Return the parameters of some rows."""
    return Draws(*(getattr(draws, f.name)[rows] for f in fields(Draws)))


def render(images: npt.NDArray[np.uint8], draws: Draws, *, fill: str, threads: int = 1) -> npt.NDArray[np.uint8]:
    """Return augmented images ``(n, side, side, 3)`` uint8, on CPU, by one bilinear resample, colour matrix and
    lookup table each.

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
    """Return augmented images ``(n, 3, side, side)`` float32 in [0, 255] from grey levels of that shape, in one
    batched pass.

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
