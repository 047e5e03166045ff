"""Cohorts made on the spot from a seed: the known-answer cohort, and look-alikes of the papers' datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from leukbench.records import FloatArray
from leukbench.seeds import generator_for
from leukbench.sources.base import Portal, Source, SourceCard
from leukbench.sources.planting import Cohort, Part, Row, index_cohort, list_cohort, make_cohort
from leukbench.sources.rendering import NUISANCES, Image, Look, Shape, look_of, paint_cell, photograph, smooth_noise

# ------------------------------------------------------------------------------------------------------------- drawing


def _nuisance(row: Row, *, seed: int, per_image: bool, spread: float) -> FloatArray:
    """Return six coordinates in [-1, 1]: the patient's, with a little play per image, or drawn anew for each image."""
    place = row.image_id if per_image else row.patient
    own = generator_for(seed, "nuisance", place).uniform(-1.0, 1.0, len(NUISANCES))
    play = generator_for(seed, "play", row.image_id).normal(0.0, spread, len(NUISANCES))
    return np.clip(own if per_image else own + play, -1.0, 1.0)


def _shot(row: Row, *, seed: int, spread: float) -> FloatArray:
    """Return how far the stage moved for this shot (fractions of the side): only a repeated shot is off by a little."""
    if not row.repeat_of:
        return np.zeros(2)
    return generator_for(seed, "shot", row.image_id).normal(0.0, spread, 2)


KNOWN_ANSWER_PX = 32


def draw_known_answer(row: Row, *, seed: int, per_image: bool) -> tuple[Image, float]:
    """Return a cell of 32 px and its signal: nucleus-to-cell ratio in units of its standard deviation within a class.

    The signal is normal with mean -1/2 (``normal``) or +1/2 (``malignant``) and standard deviation 1, so that no
    classifier that does not know the patient is right more often than Φ(1/2) = 0.691.
    """
    side = KNOWN_ANSWER_PX
    cell = generator_for(seed, "cell", row.cell)
    signal = float(cell.normal(0.5 if row.part.label == "malignant" else -0.5, 1.0))
    look = look_of(_nuisance(row, seed=seed, per_image=per_image, spread=0.03))
    moved = _shot(row, seed=seed, spread=0.02)
    x, y = cell.uniform(0.47, 0.53, 2) + moved
    shape = Shape(
        ratio=float(np.clip(0.46 + 0.125 * signal, 0.05, 0.9)),
        radius=float(cell.uniform(0.36, 0.40)),
        centre=(float(x), float(y)),
        elongation=float(cell.uniform(1.0, 1.15)),
        angle=float(cell.uniform(0.0, np.pi)),
        offset=(float(cell.uniform(-1, 1)), float(cell.uniform(-1, 1))),
    )
    texture = smooth_noise(cell, width_px=side, height_px=side, period_px=look.grain * side)
    canvas = np.empty((side, side, 3))
    canvas[:] = look.background
    paint_cell(canvas, shape, look, texture=texture)
    noise = generator_for(seed, "noise", row.image_id).standard_normal(canvas.shape)
    return photograph(canvas, look, noise=noise), signal


def draw_black(row: Row, *, seed: int, side_px: int = 450) -> tuple[Image, float]:
    """Return one segmented cell on black, as C-NMC shows them, and its signal (leukaemic cells have larger nuclei)."""
    import cv2

    half = side_px // 2
    cell = generator_for(seed, "cell", row.cell)
    signal = float(cell.normal(0.75 if row.part.label == "ALL" else -0.75, 1.0))
    look = look_of(_nuisance(row, seed=seed, per_image=False, spread=0.08), black=True)
    moved = _shot(row, seed=seed, spread=0.004)
    shape = Shape(
        ratio=float(np.clip(0.62 + 0.09 * signal, 0.2, 0.95)),
        radius=float(np.clip(0.28 + 0.03 * cell.standard_normal() + 0.01 * signal, 0.18, 0.38)),
        centre=(0.5 + float(moved[0]), 0.5 + float(moved[1])),
        elongation=float(cell.uniform(1.0, 1.4)),
        angle=float(cell.uniform(0.0, np.pi)),
        offset=(float(cell.uniform(-1, 1)), float(cell.uniform(-1, 1))),
        outline=tuple((float(cell.normal(0.0, 0.05)), float(cell.uniform(0, 2 * np.pi))) for _ in range(4)),
    )
    texture = smooth_noise(cell, width_px=half, height_px=half, period_px=0.5 * look.grain * half)
    canvas = np.zeros((half, half, 3))
    paint_cell(canvas, shape, replace(look, texture=10.0 + look.texture), texture=texture)
    visible = canvas.max(axis=2, keepdims=True) > 1.0
    grain = generator_for(seed, "noise", row.image_id).standard_normal(canvas.shape)
    seen = photograph(canvas, look, noise=grain) * visible
    return np.asarray(cv2.resize(seen.astype(np.uint8), (side_px, side_px), interpolation=cv2.INTER_LINEAR)), signal


_SMEAR_CELLS: Mapping[str, Mapping[str, Any]] = {
    "EOSINOPHIL": {"ratio": 0.45, "radius": 0.16, "lobes": 2, "granules": 1.0},
    "LYMPHOCYTE": {"ratio": 0.80, "radius": 0.11, "lobes": 1, "granules": 0.0},
    "MONOCYTE": {"ratio": 0.55, "radius": 0.19, "lobes": 1, "granules": 0.1},
    "NEUTROPHIL": {"ratio": 0.45, "radius": 0.15, "lobes": 4, "granules": 0.3},
}
_BLAST_CELLS: Mapping[str, Mapping[str, Any]] = {
    "Benign": {"ratio": 0.62, "radius": 0.055, "cells": 3},
    "Early": {"ratio": 0.72, "radius": 0.065, "cells": 5},
    "Pre": {"ratio": 0.78, "radius": 0.075, "cells": 8},
    "Pro": {"ratio": 0.84, "radius": 0.085, "cells": 11},
}


def _field(
    row: Row, *, seed: int, size_px: tuple[int, int], red_cells: int
) -> tuple[Look, FloatArray, np.random.Generator, FloatArray]:
    """Return (look, canvas, generator of the cells, texture) of a smear field with its red cells painted."""
    width, height = size_px
    cells = generator_for(seed, "cell", row.cell)
    look = look_of(_nuisance(row, seed=seed, per_image=False, spread=0.08))
    canvas = np.empty((height, width, 3))
    canvas[:] = look.background
    moved = _shot(row, seed=seed, spread=0.006)
    texture = smooth_noise(cells, width_px=width, height_px=height, period_px=0.05 * height)
    red = replace(look, nucleus=tuple(np.clip(np.asarray(look.background) - [18, 60, 50], 0, 255)),
                  cytoplasm=tuple(np.clip(np.asarray(look.background) - [25, 85, 75], 0, 255)))  # fmt: skip
    for _ in range(red_cells):
        x, y = cells.uniform(0, width / height), cells.uniform(0, 1)
        shape = Shape(ratio=0.2, radius=float(cells.uniform(0.055, 0.07)), centre=(x + moved[0], y + moved[1]),
                      elongation=float(cells.uniform(1, 1.2)), angle=float(cells.uniform(0, np.pi)))  # fmt: skip
        paint_cell(canvas, shape, red, texture=0.2 * texture)
    return look, canvas, cells, texture


def draw_smear(row: Row, *, seed: int) -> tuple[Image, float]:
    """Return a smear field of 320×240 px with one white cell of the row's class among red cells;
    signal is its area ratio."""
    look, canvas, cells, texture = _field(row, seed=seed, size_px=(320, 240), red_cells=28)
    kind = _SMEAR_CELLS[row.part.label]
    moved = _shot(row, seed=seed, spread=0.006)
    ratio = float(np.clip(kind["ratio"] + 0.08 * cells.standard_normal(), 0.2, 0.9))
    shape = Shape(
        ratio=ratio,
        radius=float(kind["radius"] * cells.uniform(0.85, 1.2)),
        centre=(float(cells.uniform(0.35, 1.0) + moved[0]), float(cells.uniform(0.3, 0.7) + moved[1])),
        elongation=float(cells.uniform(1.0, 1.25)),
        angle=float(cells.uniform(0.0, np.pi)),
        lobes=int(kind["lobes"]),
        granules=float(kind["granules"]),
    )
    paint_cell(canvas, shape, look, texture=texture)
    noise = generator_for(seed, "noise", row.image_id).standard_normal(canvas.shape)
    return photograph(canvas, replace(look, blur=look.blur * 0.2), noise=noise), ratio


def draw_blasts(row: Row, *, seed: int) -> tuple[Image, float]:
    """Return a smear field of 224×224 px with several white cells of the row's class; signal is their number."""
    look, canvas, cells, texture = _field(row, seed=seed, size_px=(224, 224), red_cells=18)
    kind = _BLAST_CELLS[row.part.label]
    moved = _shot(row, seed=seed, spread=0.006)
    number = max(1, int(cells.poisson(kind["cells"])))
    for _ in range(number):
        x, y = cells.uniform(0.05, 0.95, 2) + moved
        shape = Shape(ratio=float(np.clip(kind["ratio"] + 0.07 * cells.standard_normal(), 0.3, 0.95)),
                      radius=float(kind["radius"] * cells.uniform(0.8, 1.2)), centre=(float(x), float(y)),
                      elongation=float(cells.uniform(1, 1.2)), angle=float(cells.uniform(0, np.pi)))  # fmt: skip
        paint_cell(canvas, shape, look, texture=texture)
    noise = generator_for(seed, "noise", row.image_id).standard_normal(canvas.shape)
    return photograph(canvas, replace(look, blur=look.blur * 0.2), noise=noise), float(number)


# ------------------------------------------------------------------------------------------------------------ the five


def _source(name: str, title: str, cohort: Cohort, *, image_px: tuple[int, int], maps: Mapping[str, str],
            notes: tuple[str, ...]) -> Source:  # fmt: skip
    counts, patients = _sizes(cohort)
    card = SourceCard(
        name=name,
        title=title,
        url="",
        doi="",
        licence="MIT (made by leukbench)",
        citation="leukbench, synthetic cohort",
        classes=tuple(dict.fromkeys(part.label for part in cohort.parts)),
        counts=counts,
        n_patients=patients,
        evidence=dict.fromkeys(counts, "verified"),
        image_px=image_px,
        portals=(Portal(name="made here", command=f"leukbench fetch {name}"),),
        maps=maps,
        notes=(*notes, _rates(cohort)),
        synthetic=True,
        needs=("rows.csv",),
    )
    return Source(
        card=card,
        index=partial(index_cohort, card),
        listing=partial(list_cohort, card),
        make=partial(make_cohort, name, cohort),
        optional=("made.json", "truth.csv", "rows.csv"),
    )


def _sizes(cohort: Cohort) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Return a cohort's images by pool and class, and its patients by pool."""
    counts: dict[str, dict[str, int]] = {}
    patients: dict[str, int] = {}
    for part in cohort.parts:
        counts.setdefault(part.pool, {}).setdefault(part.label, 0)
        counts[part.pool][part.label] += part.n_images
        patients[part.pool] = patients.get(part.pool, 0) + part.n_patients
    return counts, patients


def _rates(cohort: Cohort) -> str:
    return (
        f"rates per image: repeats {cohort.repeats:g}, duplicates {cohort.duplicates:g}, "
        f"files of the first patient among the second's, where a class and fold has five, {cohort.strangers:g}; "
        "a repeat shows the same cell or field moved a little, with other noise; truth.csv names each"
    )


def _known_parts() -> tuple[Part, ...]:
    """Return the patients to train and test on and, after them, as many new ones for a challenge."""
    return tuple(
        Part(pool=pool, fold="", label=label, n_patients=12, n_images=384)
        for pool in ("cells", "new")
        for label in ("normal", "malignant")
    )


def _cells_parts() -> tuple[Part, ...]:
    """Patients and images of C-NMC 2019, fold by fold."""
    sizes = {
        ("train", "fold_0"): ((19, 2397), (9, 1130)),
        ("train", "fold_1"): ((11, 2418), (3, 1163)),
        ("train", "fold_2"): ((17, 2457), (14, 1096)),
        ("prelim", ""): ((13, 1219), (15, 648)),
    }
    return tuple(
        Part(pool=pool, fold=fold, label=label, n_patients=n_patients, n_images=n_images)
        for (pool, fold), of_class in sizes.items()
        for label, (n_patients, n_images) in zip(("ALL", "HEM"), of_class, strict=True)
    )


def _plain_parts(pool: str, sizes: Mapping[str, tuple[int, int]]) -> tuple[Part, ...]:
    return tuple(Part(pool=pool, fold="", label=c, n_patients=p, n_images=n) for c, (p, n) in sizes.items())


_KNOWN = Cohort(parts=_known_parts(), draw=partial(draw_known_answer, per_image=False), repeats=0.25)
_KNOWN_NOTES = (
    "24 patients with one label each, 32 images each, and as many again in the pool `new`; the signal is drawn per "
    "image: Bayes accuracy Φ(1/2) = 0.691.",
)
_HEALTH = {"normal": "healthy", "malignant": "leukaemia"}

SOURCES = (
    _source(
        "known_answer",
        "Known-answer cohort: patients look alike, the class hardly shows",
        _KNOWN,
        image_px=(KNOWN_ANSWER_PX, KNOWN_ANSWER_PX),
        maps=_HEALTH,
        notes=(
            *_KNOWN_NOTES,
            "Stain, tint, blur and texture are the patient's: an image-level split can be memorised.",
        ),
    ),
    _source(
        "known_answer_null",
        "Known-answer cohort without the effect: nuisance redrawn per image, no repeats",
        replace(_KNOWN, draw=partial(draw_known_answer, per_image=True), repeats=0.0),
        image_px=(KNOWN_ANSWER_PX, KNOWN_ANSWER_PX),
        maps=_HEALTH,
        notes=(
            *_KNOWN_NOTES,
            "Nuisance has the same marginals but is drawn per image: a patient cannot be recognised.",
        ),
    ),
    _source(
        "synthetic_cells",
        "Single stained cells on black, sized as C-NMC 2019",
        Cohort(parts=_cells_parts(), draw=draw_black, repeats=0.05, duplicates=0.01, strangers=0.2),
        image_px=(450, 450),
        maps={"ALL": "leukaemia", "HEM": "healthy"},
        notes=("Subjects, folds and counts are those of C-NMC 2019; the pixels are drawn.",),
    ),
    _source(
        "synthetic_smears",
        "Smear fields with one white cell, sized as the originals of blood_cells",
        Cohort(
            parts=_plain_parts(
                "original",
                {"EOSINOPHIL": (22, 88), "LYMPHOCYTE": (9, 33), "MONOCYTE": (6, 21), "NEUTROPHIL": (52, 209)},
            ),
            draw=draw_smear,
            repeats=0.05,
            duplicates=0.01,
            images_per_patient=4,
        ),
        image_px=(320, 240),
        maps={c: c.lower() for c in _SMEAR_CELLS},
        notes=(
            "351 fields; about four a patient, each patient with one kind of cell (our choice: none is published).",
        ),
    ),
    _source(
        "synthetic_aria",
        "Smear fields with several white cells, sized as the ALL set of Aria et al.",
        Cohort(
            parts=_plain_parts(
                "original", {"Benign": (25, 504), "Early": (20, 985), "Pre": (21, 963), "Pro": (23, 804)}
            ),
            draw=draw_blasts,
            repeats=0.3,
            duplicates=0.01,
        ),
        image_px=(224, 224),
        maps={"Benign": "healthy", "Early": "leukaemia", "Pre": "leukaemia", "Pro": "leukaemia"},
        notes=("3,256 fields of 89 patients; many fields stand there more than once, as in the real set.",),
    ),
)
