"""A user's file of predictions: read, checked cell by cell, and made into Predictions."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leukbench.errors import InputError
from leukbench.records import Predictions
from leukbench.tools.score.rows import KNOWN, SCORE, Line, read_rows

SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Given:
    """A file of predictions: what it says, whether its groups are patients, what it gives, and the columns that were not read."""

    predictions: Predictions
    by_patient: bool
    with_scores: bool
    with_predicted: bool = False
    unread: tuple[str, ...]


def read_given(file: Path) -> Given:
    """Return the predictions in a CSV file.

    Classes are those of the ``score_<class>`` columns in their order; without these, the labels and predicted classes in
    alphabetical order. Without ``predicted`` the class with the highest score is predicted (the first of equals). Raises
    InputError, with line, column and value, for whatever cannot be used.
    """
    header, lines = read_rows(file)
    if not lines:
        raise InputError(
            "this file holds no predictions", where=str(file), expected="a row per image", found="a header"
        )
    classes = tuple(c.removeprefix(SCORE) for c in header if c.startswith(SCORE))
    scores = np.array([_scores(line, classes) for line in lines]).reshape(len(lines), len(classes))
    with_scores = bool(classes)
    classes = classes or tuple(sorted({line.cells[c] for line in lines for c in ("label", "predicted")} - {""}))
    predictions = _predictions(lines, header, classes, scores if with_scores else None)
    _check_repeats(lines, header)
    unread = tuple(c for c in header if c not in KNOWN and not c.startswith(SCORE))
    return Given(
        predictions=predictions,
        by_patient="group" not in header,
        with_scores=with_scores,
        with_predicted="predicted" in header,
        unread=unread,
    )


# --------------------------------------------------------------------------------------------------------- checking


def _scores(line: Line, classes: Sequence[str]) -> list[float]:
    """Return the scores of one row. Raises InputError unless they are numbers in [0, 1] that sum to 1."""
    values = []
    for name in classes:
        column = f"{SCORE}{name}"
        try:
            value = float(line.cells[column].replace("_", "x"))  # float() would read 1_0 as 10
        except ValueError:
            hint = "write decimals with a point" if "," in line.cells[column] else ""
            hint = hint if line.cells[column] else "leave out images without a prediction"
            raise line.wrong("a score is no number", column, expected="a number in [0, 1]", do=hint) from None
        if not math.isfinite(value):
            raise line.wrong(
                "a score is not finite",
                column,
                expected="a number in [0, 1]",
                do="leave out images without a prediction",
            )
        if not 0 <= value <= 1:
            hint = "give probabilities after the softmax or sigmoid, as fractions and not percent"
            raise line.wrong("a score is outside [0, 1]", column, expected="a number in [0, 1]", do=hint)
        values.append(value)
    if values and abs(sum(values) - 1) > SUM_TOLERANCE:
        raise InputError(
            "the scores of a row do not sum to 1",
            where=f"{line.file}, line {line.number}, columns {', '.join(SCORE + c for c in classes)}, "
            f"image {line.cells['image_id']!r}",
            expected=f"1, to within {SUM_TOLERANCE}", found=f"{' + '.join(map(str, values))} = {sum(values):.6g}",
            do="give the softmax over all classes; of a sigmoid per class, give predicted instead",
        )  # fmt: skip
    return values


def _class(line: Line, column: str, classes: Sequence[str]) -> int:
    value = line.cells[column]
    if not value:
        raise line.wrong(f"a row has no {column}", column, expected="one of: " + ", ".join(classes))
    if value not in classes:
        near = difflib.get_close_matches(value, classes, n=1, cutoff=0.5)
        raise line.wrong(
            f"an unknown class in column {column}", column, expected="one of: " + ", ".join(classes),
            do=f"did you mean {near[0]!r}?" if near else f"the classes are those of the {SCORE}<class> columns",
        )  # fmt: skip
    return list(classes).index(value)


def _whole(line: Line, column: str) -> int:
    if not line.cells[column].isdecimal() or len(line.cells[column]) > 9:
        raise line.wrong(f"a {column} is no whole number", column, expected="a whole number such as 0")
    return int(line.cells[column])


def _filled(line: Line, column: str) -> str:
    if not line.cells[column]:
        raise line.wrong(
            f"a row has no {column}", column, expected="a name",
            do="" if column == "image_id" else "every image needs one; an image that belongs to nobody else is its own group",
        )  # fmt: skip
    return line.cells[column]


def _predictions(
    lines: list[Line], header: list[str], classes: tuple[str, ...], scores: np.ndarray | None
) -> Predictions:  # fmt: skip
    group_column = "group" if "group" in header else "patient"
    n = len(lines)
    label = np.array([_class(line, "label", classes) for line in lines], dtype=np.int64)
    if "predicted" in header:
        predicted = np.array([_class(line, "predicted", classes) for line in lines], dtype=np.int64)
    else:
        assert scores is not None
        predicted = scores.argmax(axis=1).astype(np.int64)

    def text(column: str) -> np.ndarray:
        return np.array([line.cells.get(column, "") for line in lines], dtype=np.str_)

    def whole(column: str) -> np.ndarray:
        return np.array([_whole(line, column) if column in header else 0 for line in lines], dtype=np.int64)

    return Predictions(
        classes=classes, image_id=np.array([_filled(line, "image_id") for line in lines], dtype=np.str_), label=label,
        predicted=predicted, scores=np.full((n, len(classes)), np.nan) if scores is None else scores,
        group=np.array([_filled(line, group_column) for line in lines], dtype=np.str_), origin=text("origin"),
        patient=text("patient"), fold=whole("fold"), seed=whole("seed"),
    )  # fmt: skip


def _check_repeats(lines: list[Line], header: list[str]) -> None:
    """Refuse an image that stands twice in a fold and seed, or whose label or group differs between rows."""
    group_column = "group" if "group" in header else "patient"
    seen: dict[tuple[str, str, str], Line] = {}
    first: dict[str, Line] = {}
    for line in lines:
        image = line.cells["image_id"]
        before = seen.setdefault((image, line.cells.get("fold", ""), line.cells.get("seed", "")), line)
        if before is not line:
            raise InputError(
                "an image stands twice within a fold and seed", where=f"{line.file}, lines {before.number} and {line.number}",
                expected="one row per image, fold and seed", found=f"image {image!r}",
                do="remove one; augmented copies of an image get ids of their own and its id as origin",
            )  # fmt: skip
        other = first.setdefault(image, line)
        for column in ("label", group_column):
            if other.cells[column] != line.cells[column]:
                raise line.wrong(
                    f"an image has another {column} than in line {other.number}", column,
                    expected=repr(other.cells[column]), do=f"give an image the same {column} in every fold and seed",
                )  # fmt: skip
