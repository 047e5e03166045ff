"""A folder of small made-up pictures with patients, and a table that says what each is."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

HEADER = ("filename", "split", "label", "patient")


def made_up(seed: int, side: int = 96) -> np.ndarray:
    """Return a picture of a dozen discs that no other seed gives."""
    rng = np.random.default_rng(seed)
    image = rng.integers(170, 220, 3).astype(np.uint8) * np.ones((side, side, 3), np.uint8)
    for _ in range(12):
        centre = tuple(int(v) for v in rng.integers(5, side - 5, 2))
        cv2.circle(image, centre, int(rng.integers(4, side // 5)), tuple(int(v) for v in rng.integers(20, 160, 3)), -1)
    return cv2.GaussianBlur(image, (0, 0), 1.0)


def write_images(folder: Path, n: int = 48, *, each: int = 4) -> list[tuple[str, str, str, str]]:
    """Write ``n`` pictures of n / each patients, whole patients in a part, and return their rows (:data:`HEADER`)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(n):
        patient = i // each
        name = f"img_{i:03d}.png"
        cv2.imwrite(str(folder / name), made_up(i))
        rows.append((name, "test" if patient % 3 == 0 else "train", "AB"[patient % 2], f"P{patient:02d}"))
    return rows


def write_table(file: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = HEADER) -> Path:
    """Write rows below a header and return the file."""
    with file.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])
    return file
