"""Geometry of the augmentation by hand on small arrays, and the two renderers against each other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from leukbench.pixels.augmentation import (
    Draws,
    affine_matrices,
    colour_matrices,
    draw_augmentation,
    draw_copy,
    draws_to_device,
    identity_draws,
    join_draws,
    render,
    render_on_device,
    take_draws,
)
from leukbench.records import Augmentation

FILLS = ("constant", "nearest", "reflect")
EVERYTHING = Augmentation(
    rotation_deg=25.0,
    shift=0.15,
    shear_deg=10.0,
    zoom=(0.7, 1.4),
    flip_horizontal=True,
    flip_vertical=True,
    hue_deg=15.0,
    saturation=(0.7, 1.3),
    contrast=(0.7, 1.3),
    brightness=(0.8, 1.2),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(n: int, side: int, seed: int = 0) -> np.ndarray:
    return rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def smooth(n: int, side: int) -> np.ndarray:
    """Return images without sharp edges, on which a fraction of a pixel makes no large difference."""
    y, x = np.mgrid[0:side, 0:side] / side
    waves = [np.sin(2 * np.pi * (a * x + b * y)) for a, b in ((1, 0.5), (0.5, 1), (1, 1))]
    one = 127 + 100 * np.stack(waves, -1)
    return np.stack([np.roll(one, k, axis=0) for k in range(n)]).astype(np.uint8)


def only(**fields: object) -> Augmentation:
    return Augmentation(**fields)  # type: ignore[arg-type]


def one_draw(augmentation: Augmentation, side: int, seed: int = 0) -> Draws:
    return draw_augmentation(augmentation, 1, side_px=side, rng=rng(seed))


def on_device(images: np.ndarray, draws: Draws, *, fill: str) -> np.ndarray:
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    return render_on_device(tensor, draws_to_device(draws, tensor.device), fill=fill).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("fill", FILLS)
def test_identity_draws_leave_every_byte_unchanged(fill: str) -> None:
    images = noise(3, 9)
    assert (render(images, identity_draws(3), fill=fill) == images).all()
    assert np.abs(on_device(images, identity_draws(3), fill=fill) - images).max() < 1e-2


def test_an_augmentation_without_ranges_draws_the_identity() -> None:
    draws = draw_augmentation(Augmentation(), 4, side_px=7, rng=rng())
    assert (draws.matrices == identity_draws(4).matrices).all()
    assert (draws.colour == np.eye(3)).all()
    assert (draws.gain == 1).all() and (draws.light == 1).all()


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_fixed_right_angle_turns_counter_clockwise_when_positive(seed: int) -> None:
    images = noise(1, 6, seed)
    draws = one_draw(only(rotation_deg=90.0, rotation="either_side"), 6, seed)
    sine = draws.matrices[0, 1, 0]
    assert abs(sine) == pytest.approx(1.0)
    expected = np.rot90(images[0], k=1 if sine > 0 else -1)
    assert (render(images, draws, fill="constant")[0] == expected).all()


def test_both_signs_of_a_fixed_angle_occur_and_nothing_between() -> None:
    draws = draw_augmentation(only(rotation_deg=15.0, rotation="either_side"), 200, side_px=8, rng=rng())
    angles = np.rad2deg(np.arcsin(draws.matrices[:, 1, 0]))
    assert np.allclose(np.abs(angles), 15.0)
    assert 60 < (angles > 0).sum() < 140


def test_clockwise_is_clockwise_and_always() -> None:
    images = noise(1, 6)
    draws = draw_augmentation(only(rotation_deg=90.0, rotation="clockwise"), 50, side_px=6, rng=rng())
    assert (render(np.repeat(images, 50, axis=0), draws, fill="constant") == np.rot90(images[0], k=-1)).all()


def test_one_operation_an_image_is_each_of_them_equally_often_and_nothing_else() -> None:
    a = only(
        combination="one",
        rotation_deg=10.0,
        rotation="clockwise",
        zoom=(2.0, 2.0),
        flip_horizontal=True,
        contrast=(1.1, 1.5),
    )
    assert a.operations == ("rotation", "zoom", "flip_horizontal", "contrast")
    draws = draw_augmentation(a, 20_000, side_px=9, rng=rng())
    same = identity_draws(1).matrices[0]
    ten = np.deg2rad(10)
    turned = np.isclose(draws.matrices[:, :, :2], [[np.cos(ten), np.sin(ten)], [-np.sin(ten), np.cos(ten)]]).all(
        axis=(1, 2)
    )
    zoomed = np.isclose(draws.matrices[:, :, :2], np.eye(2) / 2).all(axis=(1, 2))
    flipped = np.isclose(draws.matrices, [[-1, 0, 8], [0, 1, 0]]).all(axis=(1, 2))
    toned = (draws.matrices == same).all(axis=(1, 2)) & (draws.gain > 1)
    assert (turned.astype(int) + zoomed + flipped + toned == 1).all()
    assert (draws.gain[~toned] == 1).all()
    for kind in (turned, zoomed, flipped, toned):
        assert kind.mean() == pytest.approx(0.25, abs=0.015)


def test_keras_maps_are_those_of_its_own_formulas() -> None:
    """``apply_affine_transform`` of Keras, written down from its documentation: rotation, shift, shear, zoom about the
    centre.
    """
    n, side = 40, 21
    r = rng(5)
    theta, shear = r.uniform(-30, 30, n), r.uniform(-15, 15, n)
    shift, zoom = r.uniform(-4, 4, (n, 2)), r.uniform(0.7, 1.4, (n, 2))
    ours = affine_matrices(
        angle_deg=theta, shear_deg=shear, shift=-shift, scale=zoom, flip=np.ones((n, 2)), window=np.ones(n),
        window_at=np.zeros((n, 2)), side_px=side, generator="keras",
    )  # fmt: skip
    for i in range(n):
        t, s = np.deg2rad(theta[i]), np.deg2rad(shear[i])
        turn = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
        move = np.array([[1, 0, shift[i, 0]], [0, 1, shift[i, 1]], [0, 0, 1]])
        skew = np.array([[1, -np.sin(s), 0], [0, np.cos(s), 0], [0, 0, 1]])
        scale = np.diag([zoom[i, 0], zoom[i, 1], 1])
        middle = side / 2 - 0.5
        to, fro = np.eye(3), np.eye(3)
        to[:2, 2], fro[:2, 2] = middle, -middle
        assert np.allclose(ours[i], (to @ turn @ move @ skew @ scale @ fro)[:2])


def test_keras_zoom_draws_two_factors_that_coordinates_are_multiplied_by() -> None:
    draws = draw_augmentation(only(generator="keras", zoom=(0.8, 1.2)), 20_000, side_px=50, rng=rng())
    x, y = draws.matrices[:, 0, 0], draws.matrices[:, 1, 1]
    for factors in (x, y):
        assert 0.8 <= factors.min() < 0.801 and 1.199 < factors.max() <= 1.2
        assert factors.mean() == pytest.approx(1.0, abs=0.005) and factors.var() == pytest.approx(0.4**2 / 12, rel=0.03)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.03
    plain = draw_augmentation(only(zoom=(0.8, 1.2)), 100, side_px=50, rng=rng())
    assert (plain.matrices[:, 0, 0] == plain.matrices[:, 1, 1]).all()


def test_a_window_never_shows_what_lies_outside_the_image_and_reaches_every_edge() -> None:
    side = 40
    draws = draw_augmentation(only(window=(0.8, 1.0), flip_horizontal=True), 20_000, side_px=side, rng=rng())
    corners = np.array([[0, 0, 1], [side - 1, 0, 1], [0, side - 1, 1], [side - 1, side - 1, 1]])
    seen = np.einsum("nij,cj->nci", draws.matrices, corners)
    assert seen.min() > -1e-9 and seen.max() < side - 1 + 1e-9
    assert seen.min(axis=(0, 1)) == pytest.approx([0, 0], abs=0.02)
    assert seen.max(axis=(0, 1)) == pytest.approx([side - 1, side - 1], abs=0.02)
    share = np.ptp(seen[:, :, 0], axis=1) / (side - 1)
    assert 0.8 <= share.min() < 0.801 and 0.999 < share.max() <= 1.0 and share.mean() == pytest.approx(0.9, abs=0.002)
    left, room = seen[:, :, 0].min(axis=1), (1 - share) * (side - 1)
    assert (left / room).mean() == pytest.approx(0.5, abs=0.01)  # anywhere, not about the centre


def test_every_range_is_kept_and_filled_over_20_000_draws() -> None:
    draws = draw_augmentation(only(rotation_deg=25.0), 20_000, side_px=8, rng=rng())
    angles = np.rad2deg(np.arctan2(draws.matrices[:, 1, 0], draws.matrices[:, 0, 0]))
    moved = draw_augmentation(only(shift=0.2), 20_000, side_px=100, rng=rng()).matrices[:, :, 2]
    skewed = draw_augmentation(only(shear_deg=10.0), 20_000, side_px=8, rng=rng()).matrices
    shear = np.rad2deg(np.arcsin(-skewed[:, 0, 1]))
    zoom = 1 / draw_augmentation(only(zoom=(0.7, 1.4)), 20_000, side_px=8, rng=rng()).matrices[:, 0, 0]
    toned = draw_augmentation(only(contrast=(1.0, 1.5), brightness=(0.8, 1.2)), 20_000, side_px=8, rng=rng())
    for values, low, high in (
        (angles, -25, 25), (moved[:, 0], -20, 20), (moved[:, 1], -20, 20), (shear, -10, 10), (zoom, 0.7, 1.4),
        (toned.gain, 1.0, 1.5), (toned.light, 0.8, 1.2),
    ):  # fmt: skip
        width = high - low
        assert low - 1e-9 <= values.min() < low + 0.002 * width and high - 0.002 * width < values.max() <= high + 1e-9
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.01 * width)
        assert values.std() == pytest.approx(width / np.sqrt(12), rel=0.02)


def test_flips_mirror_columns_and_rows_and_happen_half_of_the_time() -> None:
    images = np.repeat(noise(1, 5), 64, axis=0)
    for field, axis in (("flip_horizontal", 1), ("flip_vertical", 0)):
        out = render(images, draw_augmentation(only(**{field: True}), 64, side_px=5, rng=rng()), fill="constant")
        flipped = [(image == np.flip(images[0], axis)).all() for image in out]
        same = [(image == images[0]).all() for image in out]
        assert all(f or s for f, s in zip(flipped, same, strict=True))
        assert 16 < sum(flipped) < 48


def test_zoom_above_one_enlarges() -> None:
    image = np.zeros((1, 9, 9, 3), np.uint8)
    image[0, 3:6, 3:6] = 200  # 3 x 3 about the centre
    larger = render(image, one_draw(only(zoom=(2.0, 2.0)), 9), fill="constant")
    assert (larger[0, 2:7, 2:7] == 200).all()  # pixels at distance d show what was at d / 2
    assert (larger > 0).sum() > 2 * (image > 0).sum()
    smaller = render(image, one_draw(only(zoom=(0.5, 0.5)), 9), fill="constant")
    assert smaller[0, 4, 4, 0] == 200 and (smaller > 0).sum() < (image > 0).sum()


def test_shift_moves_by_the_drawn_pixels_and_fills_what_comes_in() -> None:
    image = noise(1, 8)
    draws = identity_draws(1)
    draws.matrices[0, :, 2] = (-2.0, -1.0)  # output (x, y) shows input (x - 2, y - 1): right by 2, down by 1
    out = render(image, draws, fill="constant")[0]
    assert (out[1:, 2:] == image[0, :-1, :-2]).all()
    assert (out[0] == 0).all() and (out[:, :2] == 0).all()
    nearest = render(image, draws, fill="nearest")[0]
    assert (nearest[1:, 0] == image[0, :-1, 0]).all() and (nearest[1:, 1] == image[0, :-1, 0]).all()
    reflected = render(image, draws, fill="reflect")[0]
    assert (reflected[1:, 1] == image[0, :-1, 1]).all() and (reflected[1:, 0] == image[0, :-1, 2]).all()


def test_drawn_shifts_stay_within_the_printed_share_of_the_side() -> None:
    draws = draw_augmentation(only(shift=0.2), 500, side_px=100, rng=rng())
    assert np.abs(draws.matrices[:, :, 2]).max() <= 20.0
    assert np.abs(draws.matrices[:, :, 2]).max(axis=0) == pytest.approx([20, 20], rel=0.05)


def test_draws_are_uniform_in_their_ranges() -> None:
    a = only(zoom=(0.8, 1.2), contrast=(0.5, 1.5), brightness=(0.9, 1.0))
    draws = draw_augmentation(a, 4000, side_px=10, rng=rng())
    zoom = 1 / draws.matrices[:, 0, 0]
    for values, (low, high) in ((zoom, a.zoom), (draws.gain, a.contrast), (draws.light, a.brightness)):
        assert low <= values.min() and values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))


def test_contrast_is_about_the_mean_grey_and_brightness_is_a_factor() -> None:
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[0, 0], image[0, 1] = 50, 150  # mean 100
    draws = dataclasses.replace(identity_draws(1), gain=np.array([1.5]), light=np.array([1.0]))
    assert set(render(image, draws, fill="constant").ravel()) == {25, 175}
    draws = dataclasses.replace(identity_draws(1), gain=np.array([1.0]), light=np.array([1.1]))
    assert set(render(image, draws, fill="constant").ravel()) == {55, 165}
    draws = dataclasses.replace(identity_draws(1), gain=np.array([4.0]), light=np.array([1.0]))
    assert set(render(image, draws, fill="constant").ravel()) == {0, 255}  # clipped, never wrapped


def test_saturation_moves_away_from_grey_and_hue_turns_about_it() -> None:
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[0] = (130, 100, 70)  # mean 100

    def coloured(hue_deg: float, saturation: float) -> list[int]:
        colour = colour_matrices(np.deg2rad([hue_deg]), np.array([saturation]))
        return list(render(image, dataclasses.replace(identity_draws(1), colour=colour), fill="constant")[0, 0, 0])

    assert coloured(0, 0) == [100, 100, 100]
    assert coloured(0, 2) == [160, 100, 40]
    assert coloured(120, 1) == [70, 130, 100]  # each channel's value moves to the next
    assert coloured(90, 1) == [83, 135, 83]  # 100 + (-30, 60, -30) / sqrt(3)
    assert coloured(0, 8) == [255, 100, 0]  # clipped, never wrapped


def test_drawn_colours_keep_the_mean_grey_and_stay_in_range() -> None:
    draws = draw_augmentation(only(hue_deg=20.0, saturation=(0.5, 1.5)), 4000, side_px=8, rng=rng())
    assert np.allclose(draws.colour.sum(axis=2), 1)  # grey stays grey
    assert np.allclose(draws.colour.sum(axis=1), 1)  # the mean of the channels stays
    saturation = np.sqrt((np.square(draws.colour).sum(axis=(1, 2)) - 1) / 2)
    assert 0.5 <= saturation.min() < 0.51 and 1.49 < saturation.max() <= 1.5
    turned = np.rad2deg(np.arccos(np.clip((np.trace(draws.colour, axis1=1, axis2=2) - 1) / 2 / saturation, -1, 1)))
    assert 19.5 < turned.max() <= 20.0


@pytest.mark.parametrize("fill", FILLS)
def test_both_renderers_agree(fill: str) -> None:
    images = smooth(16, 64)
    draws = draw_augmentation(dataclasses.replace(EVERYTHING, fill=fill), 16, side_px=64, rng=rng(1))
    cpu, device = render(images, draws, fill=fill).astype(float), on_device(images, draws, fill=fill)
    y, x = np.mgrid[0:64, 0:64]
    points = np.stack([x, y, np.ones_like(x)], -1).astype(float)
    inner = 0
    for i in range(16):
        source = points @ draws.matrices[i].T
        inside = ((source > 1) & (source < 62)).all(axis=-1)  # the border's blend differs in the last 1/32 of a pixel
        # two roundings to whole levels and a position rounded to 1/32 pixel, times contrast and brightness
        assert np.abs(cpu[i] - device[i])[inside].max() <= 3.0
        assert np.abs(cpu[i] - device[i])[inside].mean() < 0.8
        inner += inside.sum()
        assert np.abs(cpu[i] - device[i]).mean() < 1.5  # borders included: the fill is the same
    assert inner > 16 * 64 * 64 / 2


@pytest.mark.parametrize("fill", FILLS)
def test_both_renderers_agree_within_two_levels_on_geometry_alone(fill: str) -> None:
    images = smooth(8, 64)
    plain = dataclasses.replace(
        EVERYTHING, hue_deg=0.0, saturation=(1.0, 1.0), contrast=(1.0, 1.0), brightness=(1.0, 1.0)
    )
    draws = draw_augmentation(plain, 8, side_px=64, rng=rng(2))
    cpu, device = render(images, draws, fill=fill).astype(float), on_device(images, draws, fill=fill)
    y, x = np.mgrid[0:64, 0:64]
    source = np.stack([x, y, np.ones_like(x)], -1).astype(float) @ draws.matrices.transpose(0, 2, 1)[:, None]
    inside = ((source > 1) & (source < 62)).all(axis=-1)
    assert np.abs(cpu - device)[inside].max() <= 2.0


def test_a_copy_always_renders_the_same_and_unlike_another_copy() -> None:
    image = noise(1, 32)

    def shown(image_id: str, copy: int) -> np.ndarray:
        return render(image, draw_copy(EVERYTHING, image_id, copy, side_px=32), fill="constant")

    assert (shown("a", 1) == shown("a", 1)).all()
    assert (shown("a", 1) != shown("a", 2)).any()
    assert (shown("a", 1) != shown("b", 1)).any()


def test_blocks_of_parameters_join_and_are_taken_by_row() -> None:
    parts = [draw_copy(EVERYTHING, "a", k, side_px=16) for k in (1, 2, 3)]
    joined = join_draws(parts)
    assert len(joined) == 3
    again = take_draws(joined, np.array([2, 0]))
    assert (again.matrices[0] == parts[2].matrices[0]).all() and again.gain[1] == parts[0].gain[0]


def test_rendering_does_not_write_into_its_input() -> None:
    images = noise(2, 8)
    before = images.copy()
    render(images, draw_augmentation(EVERYTHING, 2, side_px=8, rng=rng()), fill="reflect")
    assert (images == before).all()


def test_images_in_another_memory_order_render_alike() -> None:
    images = noise(2, 8)
    other = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    draws = draw_augmentation(EVERYTHING, 2, side_px=8, rng=rng())
    assert (render(other, draws, fill="constant") == render(images, draws, fill="constant")).all()


@pytest.mark.parametrize("fill", FILLS)
def test_the_number_of_threads_does_not_change_a_byte(fill: str) -> None:
    images = noise(23, 32)
    draws = draw_augmentation(EVERYTHING, 23, side_px=32, rng=rng())
    one = render(images, draws, fill=fill)
    assert all((render(images, draws, fill=fill, threads=n) == one).all() for n in (2, 3, 40))
