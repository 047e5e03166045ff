"""Where the truth and the calls of a user's table are if their names alone do not say, and what the table itself says
of them.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from leukbench.errors import InputError
from leukbench.tools.tables.columns import option, plain_name
from leukbench.tools.tables.rows import Table

_TRUE, _CALLED = (
    re.compile(rf"(?:{words})_(?P<before>.+)|(?P<after>.+?)_(?:{words})(?:_label|_class)?")
    for words in (
        "true|actual|real|gt|ground_truth|truth|target|y_true",
        "predicted|prediction|pred|predict|y_pred",
    )
)
_YES, _NO = frozenset({"true", "1", "1.0", "yes", "t"}), frozenset({"false", "0", "0.0", "no", "f"})
_FEW = 200
_TRIED = 8
_ROWS_EACH = 10


def find_pair(table: Table, columns: Mapping[str, str]) -> dict[str, str]:
    """Return label and predicted where two columns are named as one thing, once true and once predicted.

    ``true_genre`` and ``predicted_genre`` are such, if half of what is called is a name that the truth has as well (of
    numbers that were estimated few are). {} where there is none, and where one of both parts has its column already.

    Raises
    ------
    InputError
        Where there are several such pairs, with the options that decide.
    """
    if "label" in columns or "predicted" in columns:
        return {}
    free = [c for c in table.header if c not in columns.values()]
    truth, called = _stems(free, _TRUE), _stems(free, _CALLED)
    pairs = [(truth[stem], called[stem]) for stem in truth if stem in called]
    pairs = [(a, b) for a, b in pairs if _share_names(table.values(a), table.values(b))]
    if len(pairs) > 1:
        raise InputError(
            "several pairs of columns may be the true and the predicted class", where=f"{table.file}, line 1",
            expected="one pair", found="; ".join(f"{a} and {b}" for a, b in pairs),
            do="say which: " + option({"label": pairs[0][0], "predicted": pairs[0][1]}),
        )  # fmt: skip
    return dict(zip(("label", "predicted"), pairs[0], strict=True)) if pairs else {}


def find_calls(table: Table, columns: Mapping[str, str], labels: Sequence[str]) -> dict[str, str]:
    """Return predicted where one column is named as the calls of something and holds none but the classes.

    Raises
    ------
    InputError
        Where several do, as the calls of several models, with the options that decide.
    """
    fitting = calls_there(table, columns, labels)
    if len(fitting) > 1:
        raise InputError(
            "several columns may be 'predicted'", where=f"{table.file}, line 1", expected="one",
            found=", ".join(fitting),
            do="say which: " + option({"predicted": fitting[0]}) + f"   (or {', '.join(fitting[1:])})",
        )  # fmt: skip
    return {"predicted": fitting[0]} if fitting else {}


def calls_there(table: Table, columns: Mapping[str, str], labels: Sequence[str]) -> list[str]:
    """Return the free columns that are named as calls and hold none but the classes."""
    free = [(c, _CALLED.fullmatch(plain_name(c))) for c in table.header if c not in columns.values()]
    return [c for c, match in free if match and match["after"] and set(table.values(c)) <= set(labels)]


def labels_there(table: Table, columns: Mapping[str, str]) -> list[str]:
    """Return the free columns that hold the names of the calls, in any case: one may be the truth."""
    if "predicted" not in columns:
        return []
    called = {name.casefold() for name in table.values(columns["predicted"])}
    free = [c for c in table.header if c not in columns.values()]
    found = {c: {name.casefold() for name in table.values(c)} for c in free}
    return [c for c, names in found.items() if len(names) > 1 and (names <= called or called <= names)]


def scores_there(table: Table, columns: Mapping[str, str]) -> list[str]:
    """Return the free columns that are named as scores and hold fractions."""
    named = re.compile(r"(^|.*_)(p|prob|proba|probs|probability|score|scores|confidence)(_.*|$)")
    free = [c for c in table.header if c not in columns.values() and named.fullmatch(plain_name(c))]
    return [c for c in free if _fractions(table.values(c))]


def own_verdicts(table: Table, labels: Sequence[str], called: Sequence[str]) -> tuple[str, ...]:
    """Return in how many rows the table itself says otherwise whether a call is right, () where it nowhere does."""
    right = [a == b for a, b in zip(labels, called, strict=True)]
    texts = []
    for column in (c for c in table.header if "correct" in plain_name(c).split("_")):
        said = [value.lower() for value in table.values(column)]
        if not set(said) <= _YES | _NO:
            continue
        n = sum((value in _YES) != is_right for value, is_right in zip(said, right, strict=True))
        if n:
            texts.append(
                f"In {n} of {len(said)} rows column {column!r} says otherwise than label and predicted whether "
                "the call is right: they may not be the columns that were meant."
            )
    return tuple(texts)


def several_questions(table: Table, columns: Mapping[str, str], unit: str) -> tuple[str, ...]:
    """Return a doubt about a table without images in which a patient has several rows and labels.

    Said where one or two columns of names tell the rows of each patient apart: it may hold several questions below one
    another.
    """
    if unit == "image" or "image_id" in columns:
        return ()
    owners, labels = table.values(columns[unit]), table.values(columns["label"])
    if len(set(owners)) in (1, len(owners)) or len(set(zip(owners, labels, strict=True))) == len(set(owners)):
        return ()
    free = [c for c in table.header if c not in columns.values() and _names_parts(table.values(c))][:_TRIED]
    for chosen in itertools.chain(itertools.combinations(free, 1), itertools.combinations(free, 2)):
        parts = list(zip(owners, *(table.values(c) for c in chosen), strict=True))
        if len(set(parts)) == len(parts):
            first = " ".join(f"--where {c}={table.values(c)[0]}" for c in chosen)
            return (
                f"A {unit} has several rows and several labels, one for each {' and '.join(chosen)}: where these are "
                f"several questions, scores of all together mean nothing; score one, as with {first}.",
            )
    return ()


def _stems(columns: Sequence[str], words: re.Pattern[str]) -> dict[str, str]:
    """Return what a column is called beside one of these words -> the column.

    >>> _stems(["true_genre", "Ground Truth Group", "true"], _TRUE)
    {'genre': 'true_genre', 'group': 'Ground Truth Group'}
    """
    found: dict[str, str] = {}
    for column in columns:
        match = words.fullmatch(plain_name(column))
        if match:
            found.setdefault(match["before"] or match["after"], column)
    return found


def _share_names(truth: Sequence[str], called: Sequence[str]) -> bool:
    names = set(called)
    return len(set(truth)) > 1 and 2 * len(names & set(truth)) >= len(names)


def _fractions(cells: Sequence[str]) -> bool:
    try:
        values = [float(cell.replace(",", ".", 1)) for cell in cells]
    except ValueError:
        return False
    return all(0 <= value <= 1 for value in values) and not all(value in (0, 1) for value in values)


def _names_parts(cells: Sequence[str]) -> bool:
    """Say whether cells are few names, none of them a number."""
    names = set(cells)
    few = 1 < len(names) <= min(_FEW, len(cells) // _ROWS_EACH)
    return few and not any(re.fullmatch(r"[-+]?[\d.,]+(e[-+]?\d+)?", name, re.IGNORECASE) for name in names)
