"""The rows of one fold, and their pixels: batches for training (augmented) and for scoring (as planned)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from leukbench.errors import DataError, SplitError
from leukbench.pixels.augmentation import (
    Draws,
    draw_augmentation,
    draw_copy,
    draws_to_device,
    identity_draws,
    join_draws,
    render,
    render_on_device,
    take_draws,
)
from leukbench.pixels.store import Store
from leukbench.records import IntArray, Recipe, StringArray, digest
from leukbench.seeds import generator_for
from leukbench.training.recipe import normalise


@dataclass(frozen=True)
class Rows:
    """Rows of one role in one fold: arrays of length n_rows; ``label`` indexes the study's classes, ``pixel_row`` the
    store."""

    image_id: StringArray
    origin: StringArray
    copy: IntArray
    label: IntArray
    group: StringArray
    patient: StringArray
    pixel_row: IntArray

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: npt.NDArray[Any]) -> Rows:
        """Return some rows, in the order given."""
        return Rows(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


def rows_of(split: pd.DataFrame, *, fold: int, role: str, classes: tuple[str, ...], store: Store) -> Rows:
    """Return the rows of one fold and role. Raises DataError for an unknown class or an image that the store lacks."""
    part = split[(split["fold"].astype(int) == fold) & (split["role"] == role)]
    unknown = sorted(set(part["label"]) - set(classes))
    if unknown:
        raise DataError(
            "a split holds labels outside the study's classes", expected=", ".join(classes), found=str(unknown)
        )
    copy = part["copy"].to_numpy().astype(np.int64)
    image_id = part["image_id"].to_numpy(dtype=str)
    origin = part["origin"].to_numpy(dtype=str)
    pixels = copied_images(image_id, copy)
    missing = [name for name in pixels if name not in store.row_of]
    if missing:
        raise DataError(
            f"{len(missing)} image(s) of the split are not in the pixel store",
            found=", ".join(missing[:3]),
            do="run the decode stage again, or fetch the missing files",
        )
    return Rows(
        image_id=image_id,
        origin=origin,
        copy=copy,
        label=np.array([classes.index(label) for label in part["label"]], dtype=np.int64),
        group=part["group"].to_numpy(dtype=str),
        patient=part["patient"].to_numpy(dtype=str),
        pixel_row=np.array([store.row_of[name] for name in pixels], dtype=np.int64),
    )


def copied_images(image_id: StringArray, copy: IntArray) -> list[str]:
    """Return the stored image that each row shows: itself, or for ``<image>#k`` with copy k > 0 the image copied."""
    return [str(name).rsplit("#", 1)[0] if k > 0 else str(name) for name, k in zip(image_id, copy, strict=True)]


def rows_digest(*parts: Rows) -> str:
    """Return the digest of which rows stand where, in order."""
    return digest([[list(p.image_id), p.copy.tolist(), p.label.tolist()] for p in parts])


def balanced_order(rows: Rows, n_classes: int, *, seed: int, epoch: int) -> IntArray:
    """Return an epoch's row indices, in which every class stands as often as the largest: smaller ones are drawn again.

    Which rows are repeated is drawn anew for each epoch. Raises SplitError where a class has no training row.
    """
    counts = np.bincount(rows.label, minlength=n_classes)
    if (counts == 0).any():
        raise SplitError(
            "a class has no training image", found=str(counts.tolist()), do="use another split or more images"
        )
    rng = generator_for(seed, "oversample", epoch)
    extra = [rng.choice(np.flatnonzero(rows.label == c), counts.max() - counts[c]) for c in range(n_classes)]
    return np.concatenate([np.arange(len(rows)), *extra]).astype(np.int64)


def rows_in_batches(n_rows: int, recipe: Recipe) -> int:
    """Return how many of an epoch's rows are trained on: all, but for a last batch that is dropped.

    A last batch of one image is always left out, as batch normalisation cannot be trained on it; the only batch never
    is.
    """
    rest = n_rows % recipe.batch_size
    left_out = rest if recipe.last_batch == "dropped" or rest == 1 else 0
    return n_rows - left_out if n_rows > left_out else n_rows


class Pixels:
    """Serves batches of one role.

    A planned copy is a file: rendered once and for all from the augmentation of copies, in training and test alike.
    An epoch's training augmentation is drawn for each row that it shows, and is done to the file.
    """

    def __init__(self, rows: Rows, store: Store, recipe: Recipe, *, device: torch.device) -> None:
        self.rows, self.store, self.recipe, self.device = rows, store, recipe, device
        side = store.side_px
        planned = [
            draw_copy(recipe.copies, image, int(copy), side_px=side) if copy > 0 else identity_draws(1)
            for image, copy in zip(copied_images(rows.image_id, rows.copy), rows.copy, strict=True)
        ]
        self.planned = join_draws(planned) if planned else identity_draws(0)
        self.on_device = self._resident() if device.type == "cuda" else None

    def _resident(self) -> Tensor:
        """Return this role's distinct images as uint8 ``(n, 3, side, side)`` on the device; copies share their
        origin's row."""
        distinct, self._resident_row = np.unique(self.rows.pixel_row, return_inverse=True)
        packed = torch.from_numpy(np.ascontiguousarray(self.store.images[distinct]))
        return packed.to(self.device).permute(0, 3, 1, 2).contiguous()

    def draws_for_epoch(self, n_rows: int, *, seed: int, epoch: int) -> Draws:
        """Return the training augmentation of the ``n_rows`` images that an epoch shows, each its own."""
        rng = generator_for(seed, "augmentation", epoch)
        return draw_augmentation(self.recipe.augmentation, n_rows, side_px=self.store.side_px, rng=rng)

    def uint8_images(self, index: npt.NDArray[Any], *, threads: int = 1) -> npt.NDArray[np.uint8]:
        """Return images ``(n, side, side, 3)`` of some rows as their files show them, on the CPU."""
        stored = np.asarray(self.store.images[self.rows.pixel_row[index]])
        if not self.rows.copy[index].any():
            return stored
        return render(stored, take_draws(self.planned, index), fill=self.recipe.copies.fill, threads=threads)

    def batch(self, index: npt.NDArray[Any], draws: Draws | None = None) -> tuple[Tensor, Tensor]:
        """Return normalised images ``(n, 3, side, side)`` float32 and class indices ``(n,)`` of some rows, made on
        the CPU.

        ``draws`` are the training augmentation of these rows; None leaves the files as they are.
        """
        threads = torch.get_num_threads()
        shown = self.uint8_images(index, threads=threads)
        if draws is not None:
            shown = render(shown, draws, fill=self.recipe.augmentation.fill, threads=threads)
        return self._normalised(torch.from_numpy(shown).permute(0, 3, 1, 2)), torch.from_numpy(self.rows.label[index])

    def _normalised(self, images: Tensor) -> Tensor:
        return normalise(images, self.recipe.normalisation).contiguous(memory_format=torch.channels_last)

    def _batches(self, order: IntArray, draws: Draws | None, *, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches of the rows in ``order``, ``draws`` in the same order.

        On an accelerator nothing crosses the bus between the first and the last.
        """
        parts = [slice(start, start + size) for start in range(0, len(order), size)]
        if self.on_device is None:
            for part in parts:
                index = order[part]
                yield self.batch(index, None if draws is None else take_draws(draws, part))
            return
        labels = torch.from_numpy(self.rows.label[order]).to(self.device)
        rows = torch.from_numpy(self._resident_row[order]).to(self.device)
        files = draws_to_device(take_draws(self.planned, order), self.device) if self.rows.copy[order].any() else None
        there = None if draws is None else draws_to_device(draws, self.device)
        for part in parts:
            images = self.on_device[rows[part]]
            if files is not None:  # a file holds whole grey levels
                images = render_on_device(images, files.take(part), fill=self.recipe.copies.fill).round_()
            if there is not None:
                images = render_on_device(images, there.take(part), fill=self.recipe.augmentation.fill)
            yield self._normalised(images), labels[part]

    def training_batches(self, order: IntArray, *, seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the epoch's batches of the rows in ``order``, which may hold a row several times, in a random order
        of its own."""
        places = generator_for(seed, "shuffle", epoch).permutation(len(order))[
            : rows_in_batches(len(order), self.recipe)
        ]
        draws = None
        if self.recipe.augmentation.operations:
            draws = take_draws(self.draws_for_epoch(len(order), seed=seed, epoch=epoch), places)
        yield from self._batches(order[places], draws, size=self.recipe.batch_size)

    def scoring_batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all rows in order, as their files show them."""
        size = max(64, self.recipe.batch_size)
        yield from self._batches(np.arange(len(self.rows), dtype=np.int64), None, size=size)
