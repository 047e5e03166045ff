"""Small manifests and images that the tests of cohort share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukbench.records import MANIFEST_COLUMNS

CLASSES = {"ALL": ("all",), "HEM": ("hem",)}


def manifest_of(
    patients: Sequence[tuple[str, str, int]],
    *,
    fold: Sequence[str] = (),
    pool: str = "train",
    evidence: str = "verified",
) -> pd.DataFrame:
    """Return a manifest from (patient, label, number of images); ``fold`` gives each patient's official fold."""
    rows = []
    for place, (patient, label, n) in enumerate(patients):
        for number in range(n):
            image = f"{pool}_{patient or 'x'}_{place}_{number}.bmp"
            row = dict.fromkeys(MANIFEST_COLUMNS, "")
            row |= {"image_id": image, "path": image, "label": label, "patient": patient, "origin": image, "pool": pool}
            row |= {
                "sha256": f"f-{image}",
                "pixel_sha256": f"p-{image}",
                "present": "0",
                "width_px": "0",
                "height_px": "0",
            }
            row |= {"evidence": evidence if patient else "absent", "official_fold": fold[place] if fold else ""}
            rows.append(row)
    return pd.DataFrame(rows, columns=list(MANIFEST_COLUMNS))


def smear(rng: np.random.Generator, side: int = 224) -> npt.NDArray[np.uint8]:
    """Return a made-up smear ``(side, side, 3)``:
    discs of different sizes and colours on a light ground, with noise."""
    import cv2

    image = np.full((side, side, 3), 225, dtype=np.uint8)
    for _ in range(int(rng.integers(18, 30))):
        centre = tuple(int(v) for v in rng.integers(0, side, 2))
        colour = tuple(int(v) for v in rng.integers(60, 200, 3))
        cv2.circle(image, centre, int(rng.integers(6, 26)), colour, -1, cv2.LINE_AA)
    noisy = cv2.GaussianBlur(image, (0, 0), 1.0) + rng.normal(0, 4, image.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def cell(rng: np.random.Generator, side: int = 224) -> npt.NDArray[np.uint8]:
    """Return a made-up cell on black ``(side, side, 3)``: all have nearly the same outline, the texture differs."""
    import cv2

    texture = cv2.resize(rng.normal(0, 1, (14, 14)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((side, side), np.uint8)
    axes = (int(side * rng.uniform(0.3, 0.34)), int(side * rng.uniform(0.3, 0.34)))
    cv2.ellipse(mask, (side // 2, side // 2), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    grey = (120 + 25 * texture).clip(1, 255) * (mask > 0)
    return np.stack([grey * 0.8, grey * 0.5, grey], axis=-1).clip(0, 255).astype(np.uint8)


def augmented(rgb: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return an image augmented as the blood-cell release: turned by up to 20°, shifted by 0.1, sheared by 0.2,
    flipped, constant fill, and encoded as JPEG again."""
    import cv2

    height, width = rgb.shape[:2]
    angle, shear = np.radians(rng.uniform(-20, 20)), rng.uniform(-0.2, 0.2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[1, -np.sin(shear)], [0, np.cos(shear)]]) @ np.diag(rng.choice([-1.0, 1.0], 2))
    centre = np.array([width, height]) / 2
    shift = rng.uniform(-0.1, 0.1, 2) * (width, height)
    matrix = np.column_stack([linear, centre - linear @ centre + shift])
    turned = cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR)
    coded = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
