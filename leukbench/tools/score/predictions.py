"""A user's file of predictions: read as it is, checked cell by cell, and made into Predictions."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from leukbench.errors import InputError, unknown_name
from leukbench.records import FloatArray, IntArray, Predictions, StringArray
from leukbench.tools.score.calls import (
    calls_there,
    find_calls,
    find_pair,
    labels_there,
    own_verdicts,
    scores_there,
    several_questions,
)
from leukbench.tools.score.classes import check_same_names
from leukbench.tools.score.numbers import SCORE, ScoreColumns, find_scores, read_numbers
from leukbench.tools.score.repeats import one_training, within_runs
from leukbench.tools.tables.columns import (
    IS,
    MAY_BE,
    NO_CLASS,
    PARTS,
    ColumnMapping,
    find_columns,
    how_read,
    names_nobody,
    option,
    plain_id,
    plain_name,
    read_mapping,
    whole_number,
)
from leukbench.tools.tables.rows import Table, keep_rows, read_table, without_columns

ROLES = ("image_id", "label", "patient", "group", "predicted", "score", "fold", "seed", "origin")
LAYOUT = (
    "columns for the image, its true class (label), its patient or group, and a score of every class or "
    "the predicted one"
)
_CHOSEN = frozenset({"arm", "selection"})
"""Columns that choose rows and are nothing else."""
_SPLITS = (IS["split"] | MAY_BE["split"] | {"split"}) - IS["fold"]


@dataclass(frozen=True, kw_only=True)
class LoadedPredictions:
    """A file of predictions: what it says, what its groups are, what it gives, and the columns that were not read.

    ``unit``: patient, group, or image where the file names neither. ``notes``: one sentence each for what was done to
    the file.
    """

    predictions: Predictions
    unit: str
    with_scores: bool
    with_predicted: bool = False
    unread: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def by_patient(self) -> bool:
        """Whether its groups are patients."""
        return self.unit == "patient"


def load_predictions(
    file: Path | Table,
    *,
    mapping: Sequence[str] = (),
    logits: bool = False,
    arm: str = "",
    selection: str = "",
    where: Sequence[str] = (),
) -> LoadedPredictions:
    """Return the predictions in a CSV or parquet file, or in a table that was read.

    Columns are known by their names in any case and the usual synonyms; ``mapping`` (``--map``) decides the rest.
    Classes are those of the columns of scores in their order; without these, the labels and predicted classes in
    alphabetical order. Without ``predicted`` the class with the highest score is predicted (the first of equals).

    Parameters
    ----------
    file
        CSV or parquet, or a table that was read.
    mapping
        ``--map`` options, which decide where names do not.
    logits
        Scores are logits.
    arm, selection
        Choose the rows, where the file has columns of these names.
    where
        COLUMN=VALUE: choose the rows with a value in a column.

    Returns
    -------
    The predictions, what their groups are, and notes on what was done.

    Raises
    ------
    InputError
        With line, column and value, for whatever cannot be used.
    """
    mapped = read_mapping(mapping, ROLES)
    read = file if isinstance(file, Table) else read_table(file)
    of_parts, pooled = _where(read, where)
    table, chosen = _choose(of_parts, arm=arm, selection=selection)
    asked = frozenset(_condition(text)[0] for text in where)
    if not table.lines:
        raise InputError(
            "this file holds no predictions", where=str(read.file), expected="a row per image", found="a header"
        )
    columns = _of_one_value(table, find_columns(table, ROLES, mapped), asked)
    table = without_columns(table, asked - set(columns.values()))
    columns, no_image = _without_repeated_names(table, columns, mapped)
    columns |= find_pair(table, columns)
    if "label" not in columns:
        raise _no_labels(table, columns)
    labels = _names(table, columns["label"], mapped)
    columns, called = _calls(table, columns, labels)
    scores, left = find_scores(table, columns, _distinct(labels), mapped, logits=logits)
    if scores is None and "predicted" not in columns:
        columns |= find_calls(table, columns, sorted(set(table.values(columns["label"]))))
    if scores is None and "predicted" not in columns:
        raise _no_calls(table, columns)
    if columns.get("score") not in (scores.of.values() if scores else ()):
        columns.pop("score", None)  # beside the scores of all classes, or beside calls that it does not follow
    return _loaded(table, columns, mapped, labels, scores, (*pooled, *chosen, *no_image, *called, *left))


def _loaded(
    table: Table,
    columns: Mapping[str, str],
    mapped: ColumnMapping,
    labels: list[str],
    scores: ScoreColumns | None,
    notes: tuple[str, ...],
) -> LoadedPredictions:
    """Return the predictions of a table whose columns are known."""
    images, from_rows = _images(table, columns, mapped)
    unit = next((role for role in ("group", "patient") if role in columns), "image")
    predicted = _names(table, columns["predicted"], mapped) if "predicted" in columns else None
    classes, values, done = _classes(table, columns, mapped, labels, predicted, scores)
    done += (*_merged(table, columns, mapped), *_idle(table, columns, mapped, classes, scores))
    predictions = Predictions(
        classes=classes,
        image_id=images,
        label=_codes(table, labels, columns, "label", classes),
        predicted=values.argmax(axis=1).astype(np.int64)
        if predicted is None
        else _codes(table, predicted, columns, "predicted", classes),
        scores=values,
        group=images if unit == "image" else _owners(table, columns, unit),
        origin=_texts(table, columns.get("origin", "")),
        patient=_patients(table, columns, unit),
        fold=_whole(table, columns, "fold"),
        seed=_whole(table, columns, "seed"),
    )
    _check_repeats(table, columns, predictions, unit)
    used = {*columns.values(), *(scores.of.values() if scores else ())}
    doubts = (
        *several_questions(table, columns, unit),
        *own_verdicts(table, labels, predicted or [classes[c] for c in predictions.predicted]),
    )
    return LoadedPredictions(
        predictions=predictions, unit=unit, with_scores=scores is not None, with_predicted=predicted is not None,
        unread=tuple(c for c in table.header if c not in used),
        notes=tuple(text for text in (how_read(columns), *notes, *table.notes, *from_rows, *done, *doubts) if text),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ which rows


def _condition(text: str) -> tuple[str, str, str]:
    """Return column, equals sign and value of a ``--where``."""
    column, equals, value = (part.strip() for part in text.partition("="))
    return unicodedata.normalize("NFC", column), equals, value


def _of_one_value(table: Table, columns: Mapping[str, str], asked: Collection[str]) -> dict[str, str]:
    """Return the columns without those that ``--where`` gave one value and that say nothing more of a row: a fold
    that is a part of the split, a group beside which patients are named.
    """
    idle = {
        role
        for role, column in columns.items()
        if column in asked
        and (
            (role in {"fold", "seed"} and not all(map(_is_whole, set(table.values(column)))))
            or (role == "group" and "patient" in columns)
        )
    }
    return {role: column for role, column in columns.items() if role not in idle}


def _where(table: Table, conditions: Sequence[str]) -> tuple[Table, tuple[str, ...]]:
    """Return the rows that ``--where`` asks for, and what parts are scored together. Raises InputError where a file
    holds training and test rows and nobody chose.
    """
    pooled = []
    for text in conditions:
        column, equals, value = _condition(text)
        if not equals or column not in table.header:
            raise unknown_name("column", column, table.header, where=f"--where {text}, {table.file}")
        table = _of(table, column, value, known=list(dict.fromkeys(table.values(column))))
        table = without_columns(table, {column} & _CHOSEN)
    for column in table.header:
        there = list(dict.fromkeys(table.values(column)))
        if plain_name(column) not in _SPLITS and not {value.lower() for value in there} <= PARTS:
            continue
        if len(there) > 1 and any(value.lower().startswith("train") for value in there):
            tested = next((v for v in there if v.lower().startswith("test")), there[-1])
            raise InputError(
                "this file holds what was trained on beside what was tested", where=f"{table.file}, column {column}",
                expected="one part", found=", ".join(there), do=f"add --where {column}={tested}",
            )  # fmt: skip
        if len({value.lower() for value in there} & PARTS) > 1:
            pooled.append(
                f"Rows of several parts ({', '.join(there)}) are scored together; of one: --where {column}={there[0]}."
            )
    return table, tuple(pooled)


def _choose(table: Table, *, arm: str, selection: str) -> tuple[Table, tuple[str, ...]]:
    """Return the rows of one arm and selection where the file holds several, and what was chosen without
    being asked.
    """
    notes = []
    for option_, value in (("arm", arm), ("selection", selection)):
        if value and option_ not in table.header:
            raise unknown_name("column", option_, table.header, where=f"--{option_} {value}, {table.file}")
    if "arm" in table.header:
        arms = [a for a in dict.fromkeys(table.values("arm")) if not a.startswith("trivial:")]
        table = _of(
            table, "arm", arm or (arms[0] if len(arms) == 1 else ""), known=list(dict.fromkeys(table.values("arm")))
        )
    if "selection" in table.header:
        there = list(dict.fromkeys(table.values("selection")))
        default = "recipe" if "recipe" in there else (there[0] if len(there) == 1 else "")
        table = _of(table, "selection", selection or default, known=there)
        notes.append(
            f"Selection {selection or default!r} is scored" + (f" (of {', '.join(there)})." if len(there) > 1 else ".")
        )
    return without_columns(table, _CHOSEN), tuple(notes)


def _of(table: Table, column: str, wanted: str, *, known: list[str]) -> Table:
    if not wanted:
        raise InputError(
            f"this file holds several {column}s",
            where=f"{table.file}, column {column}",
            expected=f"--{column} with one name",
            found=", ".join(known),
            do=f"add --{column} {known[0]}, for example",
        )
    if wanted not in known:
        raise unknown_name(column, wanted, known, where=f"--{column}, {table.file}")
    return keep_rows(table, column, wanted)


# ------------------------------------------------------------------------------------------------- which columns


def _without_repeated_names(
    table: Table, columns: dict[str, str], mapped: ColumnMapping
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the columns without one of images that only may be it by its name, and whose names mostly repeat: a
    ``key`` of music, a ``sample`` of several cells.
    """
    column = columns.get("image_id", "")
    if not column or "image_id" in mapped.columns or plain_name(column) not in MAY_BE["image_id"]:
        return columns, ()
    where = [columns[role] for role in ("image_id", "fold", "seed") if role in columns]
    different = len(set(zip(*(table.values(c) for c in where), strict=True)))
    if 2 * different >= len(table.lines):
        return columns, ()
    rest = {role: c for role, c in columns.items() if role != "image_id"}
    return rest, (f"Column {column!r} is not read as the image: its {different} names repeat over the rows.",)


def _no_labels(table: Table, columns: Mapping[str, str]) -> InputError:
    near = difflib.get_close_matches("label", [*table.header, *table.index], n=1, cutoff=0.6)
    return _missing(
        table, "label", "label", labels_there(table, columns) or near,
        "a submission holds calls alone: add a column with the true classes",
    )  # fmt: skip


def _no_calls(table: Table, columns: Mapping[str, str]) -> InputError:
    scores = scores_there(table, columns)
    what, named = f"{SCORE}<class> of every class (or predicted)", sorted(set(table.values(columns["label"])))
    if scores and len(named) == 2:
        return _missing(table, "score", what, scores, "add the calls or scores")
    return _missing(table, "predicted", what, calls_there(table, columns, named), "add the calls or scores")


def _missing(table: Table, role: str, what: str, near: Sequence[str], alone: str) -> InputError:
    """Return the error about a part that no column plays, with the columns that may."""
    others = f"   (or {', '.join(near[1:])})" if len(near) > 1 else ""
    offered = f"add {option({role: near[0]})} if it is that{others}; " if near else ""
    return InputError(
        f"columns are missing: {what}", where=f"{table.file}, line 1", expected=LAYOUT, found=", ".join(table.header),
        do=f"{offered}{alone}; or, if it has another name, say which column it is: --map {role}=COLUMN",
    )  # fmt: skip


def _calls(table: Table, columns: dict[str, str], labels: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the columns with one of calls that holds fractions taken for the score that it is."""
    column = columns.get("predicted", "")
    if not column or "score" in columns or len(_distinct(labels)) != 2:
        return columns, ()
    try:
        values = [float(cell.replace(",", ".", 1)) for cell in table.values(column)]
    except ValueError:
        return columns, ()
    if not all(0 <= value <= 1 for value in values) or all(value in (0, 1) for value in values):
        return columns, ()
    moved = {role: c for role, c in columns.items() if role != "predicted"} | {"score": column}
    return moved, (f"Column {column!r} holds fractions, so it is a score and no class.",)


def _classes(
    table: Table,
    columns: Mapping[str, str],
    mapped: ColumnMapping,
    labels: list[str],
    predicted: list[str] | None,
    scores: ScoreColumns | None,
) -> tuple[tuple[str, ...], FloatArray, tuple[str, ...]]:
    """Return the classes, their scores (NaN where there are none) and what was done. Raises InputError for names that
    do not fit.
    """
    truth, called = _distinct(labels), _distinct(predicted or [])
    if scores is None:
        known = _at_their_word(table, columns, mapped, truth, called)
        check_same_names(table.file, truth, called, what="predicted", known=known)
        names = tuple(sorted({*truth, *called}))
        return names, np.full((len(labels), len(names)), np.nan), ()
    named = tuple(mapped.classes.get(name, name) for name in scores.of)
    if len(set(named)) < len(named):
        raise _scores_of_one(table, scores, named)
    if len(scores.of) == 1:
        named = (next(name for name in truth if name != named[0]), named[0])
    known = _at_their_word(table, columns, mapped, truth, named)
    check_same_names(table.file, truth, named, what="the columns of scores", known=known)
    if called:
        check_same_names(table.file, named, called, what="predicted", known=known)
    values, done = read_numbers(table, scores, columns.get("image_id", ""))
    return named, values, done


def _scores_of_one(table: Table, scores: ScoreColumns, named: Sequence[str]) -> InputError:
    return InputError(
        "two columns of scores are mapped to one class", where=f"{table.file}, --map class:…",
        expected="a class for each", do="name another class for one of them",
        found=", ".join(f"{column}: {name}" for column, name in zip(scores.of.values(), named, strict=True)),
    )  # fmt: skip


def _at_their_word(
    table: Table, columns: Mapping[str, str], mapped: ColumnMapping, truth: Sequence[str], others: Sequence[str]
) -> list[str]:
    """Return the classes that ``--map class:X=X`` takes as they are.

    Raises InputError where ``--map`` names what stands nowhere, and labels and the other side do not fit without it.
    """
    cells = {name for role in ("label", "predicted") if role in columns for name in _plain(table, columns[role])}
    absent = [name for name in mapped.classes if name not in {*cells, *others, *mapped.classes.values()}]
    meant = {*mapped.classes, *mapped.classes.values()}
    unseen, missed = set(others) - set(truth), set(truth) - set(others)
    unnamed = (unseen | missed) - meant
    if absent and unseen and missed and unnamed:
        where = f"--map class:{absent[0]}={mapped.classes[absent[0]]}, {table.file}"
        raise unknown_name("class", absent[0], unnamed, where=where)
    return [name for name, class_ in mapped.classes.items() if name == class_]


def _merged(table: Table, columns: Mapping[str, str], mapped: ColumnMapping) -> list[str]:
    """Return a sentence for each column in which ``--map`` makes one class of several that stand there."""
    texts = []
    for column in (columns[role] for role in ("label", "predicted") if role in columns):
        names: dict[str, list[str]] = {}
        for name in _distinct(_plain(table, column)):
            names.setdefault(mapped.classes.get(name, name), []).append(name)
        texts += [
            f"--map makes one class of {' and '.join(of)} in column {column!r}: {class_}."
            for class_, of in names.items()
            if len(of) > 1
        ]
    return texts


def _idle(
    table: Table, columns: Mapping[str, str], mapped: ColumnMapping, classes: Sequence[str], scores: ScoreColumns | None
) -> list[str]:
    """Return that ``positive`` changes nothing where it does not. Raises InputError where it names no class."""
    if not mapped.positive or (scores is not None and scores.positive):
        return []
    if mapped.positive not in classes:
        raise unknown_name("class", mapped.positive, classes, where=f"--map positive={mapped.positive}, {table.file}")
    why = "the scores of all classes are read" if scores else f"column {columns['predicted']!r} is scored"
    return [f"--map positive={mapped.positive} changes nothing: {why}."]


# ----------------------------------------------------------------------------------------------------------- cells


def _distinct(names: Sequence[str]) -> list[str]:
    """Return the classes that are named, sorted."""
    return sorted({name for name in names if name.lower() not in NO_CLASS})


def _names(table: Table, column: str, mapped: ColumnMapping) -> list[str]:
    return [mapped.classes.get(name, name) for name in _plain(table, column)]


def _plain(table: Table, column: str) -> list[str]:
    """Return the cells of a column with their letters in one form of Unicode."""
    return [unicodedata.normalize("NFC", name) for name in table.values(column)]


def _codes(table: Table, names: list[str], columns: Mapping[str, str], role: str, classes: Sequence[str]) -> IntArray:
    """Return the place of each name among the classes. Raises InputError, naming the line, for one that is none."""
    code, column = {name: i for i, name in enumerate(classes)}, columns[role]
    if not code.keys() >= set(names):
        row, name = next((row, name) for row, name in enumerate(names) if name not in code)
        line = table.lines[row]
        image = line.cells.get(columns.get("image_id", ""), "")
        if name.lower() in NO_CLASS:
            raise line.wrong(f"a row has no {role}", column, expected="one of: " + ", ".join(classes), image=image)
        near = difflib.get_close_matches(name, classes, n=1, cutoff=0.5)
        raise line.wrong(
            f"an unknown class in column {column}", column, expected="one of: " + ", ".join(classes), image=image,
            do=f"did you mean {near[0]!r}?" if near else "the classes are those of the columns of scores",
        )  # fmt: skip
    return np.array([code[name] for name in names], dtype=np.int64)


def _images(
    table: Table, columns: Mapping[str, str], mapped: ColumnMapping
) -> tuple[StringArray, tuple[str, ...]]:  # fmt: skip
    """Return an id for each row, and what stands for it where the file has no column of images."""
    if "image_id" in columns:
        return np.array(_filled(table, columns, "image_id"), dtype=np.str_), ()
    ids = within_runs(table, columns) if "image_id" not in mapped.columns else []
    if ids:
        n, alike = len(set(ids)), f"the rows of each {columns['seed']} are alike in their order"
        return np.array(ids, dtype=np.str_), (f"No column names the images: {alike} and taken as the same {n} images.",)
    for column in table.index:
        values = table.values(column)
        if len(set(values)) == len(values) and "" not in values:
            return np.array(values, dtype=np.str_), ("The nameless column stands for the image.",)
    ids = [f"row {line.number}" for line in table.lines]
    return np.array(ids, dtype=np.str_), ("No column names the images: each row is taken as one image.",)


def _filled(table: Table, columns: Mapping[str, str], role: str) -> Sequence[str]:
    """Return the cells of a column. Raises InputError, naming the line, for the first that names nothing."""
    column = columns[role]
    cells = table.values(column)
    empty = {name for name in set(cells) if (names_nobody(name) if role != "image_id" else not name)}
    if empty:
        line = next(line for line in table.lines if line.cells[column] in empty)
        raise line.wrong(
            f"a row has no {role}",
            column,
            expected="a name, which '', unknown, - or -1 is not" if role != "image_id" else "a name",
            image=line.cells.get(columns.get("image_id", ""), ""),
            do=""
            if role == "image_id"
            else "every image needs one; an image that belongs to nobody else is its own group",
        )
    return cells


def _owners(table: Table, columns: Mapping[str, str], unit: str) -> StringArray:
    cells = _filled(table, columns, unit)
    plain = {name: plain_id(name) for name in set(cells)}
    return np.array([plain[name] for name in cells], dtype=np.str_)


def _patients(table: Table, columns: Mapping[str, str], unit: str) -> StringArray:
    """Return the patient of each row; beside a column of groups it may be missing."""
    if unit != "group" or "patient" not in columns:
        return _owners(table, columns, unit) if unit == "patient" else np.full(len(table.lines), "")
    cells = table.values(columns["patient"])
    plain = {name: "" if names_nobody(name) else plain_id(name) for name in set(cells)}
    return np.array([plain[name] for name in cells], dtype=np.str_)


def _texts(table: Table, column: str) -> StringArray:
    return np.array(_plain(table, column) if column else [""] * len(table.lines), dtype=np.str_)


def _whole(table: Table, columns: Mapping[str, str], role: str) -> IntArray:
    column = columns.get(role)
    if column is None:
        return np.zeros(len(table.lines), dtype=np.int64)
    cells = table.values(column)
    number = {cell: whole_number(cell) for cell in set(cells)}
    wrong = {cell for cell in number if not _is_whole(cell)}
    if wrong:
        line = next(line for line in table.lines if line.cells[column] in wrong)
        raise line.wrong(f"a {role} is no whole number", column, expected="a whole number such as 0")
    return np.array([int(number[cell]) for cell in cells], dtype=np.int64)


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", whole_number(cell)) is not None


def _check_repeats(table: Table, columns: Mapping[str, str], p: Predictions, unit: str) -> None:
    """Refuse an image that stands twice in a fold and seed, or whose label or group differs between rows."""
    if len(p.images[0]) == len(p):
        return  # each stands once
    seen: dict[tuple[str, int, int], int] = {}
    first: dict[str, int] = {}
    for row, (image, fold, seed) in enumerate(zip(p.image_id.tolist(), p.fold.tolist(), p.seed.tolist(), strict=True)):
        before = seen.setdefault((image, fold, seed), row)
        if before != row:
            raise InputError(
                "an image stands twice within a fold and seed",
                where=f"{table.file}, lines {table.lines[before].number} and {table.lines[row].number}",
                expected="one row per image, fold and seed", found=f"image {image!r}", do=_unique_by(table, columns),
            )  # fmt: skip
        other = first.setdefault(image, row)
        for what, values in (("label", p.label), (unit, p.group)):
            if values[other] != values[row]:
                raise InputError(
                    f"an image has another {what} than in line {table.lines[other].number}",
                    where=f"{table.file}, line {table.lines[row].number}, column {columns.get(what, what)}, "
                    f"image {image!r}",
                    expected=_shown(p, what, other),
                    found=_shown(p, what, row),
                    do=f"give an image the same {what} in every fold and seed",
                )


def _unique_by(table: Table, columns: Mapping[str, str]) -> str:
    """Return what to do about an image that stands twice: a column may tell models apart, another one may name it, or
    two share a name.
    """
    one = one_training(table, columns)
    if one:
        return f"score one of several trainings: {one}; or number the seeds of one network in a column seed"
    free = [c for c in table.header if c not in columns.values() and plain_name(c) in {*IS["image_id"], "path"}]
    unique = [c for c in free if len(set(table.values(c))) == len(table.lines)]
    other = option({"image_id": unique[0] if unique else "none"})
    apart = f"{other}, which tells them apart" if unique else f"{other} if two images share a name"
    return f"remove one; or add {apart}; copies of an image get ids of their own and its id as origin"


def _shown(p: Predictions, what: str, row: int) -> str:
    return repr(p.classes[p.label[row]] if what == "label" else str(p.group[row]))
