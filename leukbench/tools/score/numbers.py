"""The scores in a user's table: which columns hold them and of which class, and what the numbers come to as
probabilities.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leukbench.errors import InputError
from leukbench.records import FloatArray
from leukbench.tools.tables.columns import ColumnMapping, option, spelled_alike, whole_number
from leukbench.tools.tables.rows import Line, Table

SCORE = "score_"
SUM_TOLERANCE = 1e-3
_BEFORE = re.compile(
    r"(?P<family>(y_)?(score|prob|proba|probs|probability|softmax|p|pred|logit|logits))[ _.:\-(\[]+(?P<of>.+?)[)\]]?",
    re.IGNORECASE,
)
_AFTER = re.compile(r"(?P<of>.+?)[ _.:\-]+(?P<family>score|prob|proba|probability|softmax|logit|logits)", re.IGNORECASE)
_NUMBERED = re.compile(r"(?P<family>score|prob|proba|p)(?P<of>\d+)", re.IGNORECASE)
_KIND = re.compile(r"(class|group|label|category|cls)[ _.\-]*", re.IGNORECASE)
_LOGITS = frozenset({"logit", "logits"})


@dataclass(frozen=True, kw_only=True)
class ScoreColumns:
    """Class (as the columns name it) -> its column; ``positive`` where a single column speaks of one of two classes."""

    of: Mapping[str, str]
    positive: str = ""
    logits: bool = False


def find_scores(
    table: Table, columns: Mapping[str, str], labels: Sequence[str], mapped: ColumnMapping, *, logits: bool
) -> tuple[ScoreColumns | None, tuple[str, ...]]:
    """Return where the scores are (None where the table has none) and what was left; ``labels`` are the classes of its
    labels.

    Parameters
    ----------
    table, columns
        What was read, and the column of each role.
    labels
        The classes of its labels.
    mapped
        What ``--map`` says.
    logits
        Whether the user says that they are logits.

    Returns
    -------
    The columns of scores, or None; and the columns that were left.

    Raises
    ------
    InputError
        Where logits are not said to be such, and, unless there is a column of calls to score instead, where two
        sets of columns fit and where a single column does not say of which class it is.
    """
    if mapped.columns.get("score") == "none" and "score" not in columns:
        return None, ("No scores are read, as --map score=none says.",)
    free = [c for c in table.header if c not in columns.values()]
    families = _families(free, {mapped.classes.get(name, name) for name in labels}, mapped)
    if _may_be_classes(table, free, labels, families, columns, mapped):
        families = {"": {c: c for c in _like_classes(table, free, labels)}}
    kept = {name: of for name, of in families.items() if (name in _LOGITS) == logits} or families
    if set(kept) == _LOGITS & set(kept) and kept and not logits:
        raise _called_logits(table, next(iter(kept.values())).values())
    best = _best(table, kept, labels, optional="predicted" in columns)
    if len(best) > 1:
        return ScoreColumns(of=best, logits=logits), ()
    single = next(iter(best.values()), columns.get("score", ""))
    if single and "predicted" in columns and (len(labels) != 2 or not _follows(table, single, columns["predicted"])):
        return None, (f"Column {single!r} is not read: it is no score of one class, and predicted is scored.",)
    if not single:
        return None, ()
    found = _single(table, single, next(iter(best), ""), labels, mapped, logits=logits)
    if "predicted" in columns:
        _refuse_opposite(table, found, columns["predicted"], labels, mapped)
    return found, ()


def _called_logits(table: Table, columns: Iterable[str]) -> InputError:
    return InputError(
        "these scores are called logits", where=str(table.file), expected="--logits, which takes their softmax",
        found=", ".join(columns), do="add --logits",
    )  # fmt: skip


def _refuse_opposite(
    table: Table, scores: ScoreColumns, predicted: str, labels: Sequence[str], mapped: ColumnMapping
) -> None:
    """Raise InputError where the calls say in every row that a score is that of the other class."""
    calls = [mapped.classes.get(name, name) for name in table.values(predicted)]
    column = scores.of[scores.positive]
    values = np.array([float(cell.replace(",", ".", 1)) for cell in table.values(column)])
    called = np.array([call == scores.positive for call in calls])
    cut = 0.0 if scores.logits else 0.5
    if called.all() or not called.any():
        meant = scores.logits or bool(((values >= 0) & (values <= 1)).all())
        against = meant and bool(((values < cut) if called.all() else (values > cut)).all())
    else:
        against = bool(values[called].max() <= values[~called].min() and values.min() < values.max())
    if not against or not set(calls) <= set(labels):
        return
    other = next(name for name in labels if name != scores.positive)
    raise InputError(
        "the calls contradict a score in every row", where=f"{table.file}, columns {column} and {predicted}",
        expected=f"high scores where {scores.positive} is called", found=f"low ones there, high ones for {other}",
        do=f"if it is the score of {other}, add {option({'positive': other})}; to leave it out "
        f"{option({'score': 'none'})}; to leave the calls out {option({'predicted': 'none'})}",
    )  # fmt: skip


def _follows(table: Table, column: str, predicted: str) -> bool:
    """Say whether a threshold on a column of numbers tells the calls apart, as it does for the score of one class of
    two.
    """
    calls = table.values(predicted)
    names = sorted(set(calls))
    try:
        values = np.array([float(cell.replace(",", ".", 1)) for cell in table.values(column)])
    except ValueError:
        return False
    if len(names) != 2:
        return True
    first, second = (values[[call == name for call in calls]] for name in names)
    return bool(first.max() <= second.min() or second.max() <= first.min())


def _families(free: Sequence[str], labels: Collection[str], mapped: ColumnMapping) -> dict[str, dict[str, str]]:
    """Return sets of columns named alike, such as ``prob_A, prob_B``: family -> class -> column.

    The class is written as the labels are, where it differs in case, blanks or dashes alone.
    """
    spelled = {spelled_alike(whole_number(name)): name for name in labels}
    spelled |= {spelled_alike(name): name for name in labels}
    found: dict[str, dict[str, str]] = {}
    for column in free:
        if column.startswith(SCORE) and column != SCORE:
            found.setdefault("score", {})[column.removeprefix(SCORE)] = column
            continue
        for pattern in (_BEFORE, _AFTER, _NUMBERED):
            match = pattern.fullmatch(column)
            if match is None:
                continue
            written = match["of"] if spelled_alike(match["of"]) in spelled else _KIND.sub("", match["of"], count=1)
            name = spelled.get(spelled_alike(written), match["of"])
            family = match["family"].lower().removeprefix("y_")
            known = name in labels or match["of"] in mapped.classes
            if not known and (pattern is not _BEFORE or (family in {"p", "pred"} and "(" not in column)):
                continue  # p_value, risk_score: not meant
            found.setdefault(family, {})[name] = column
            break
    return found


def _may_be_classes(
    table: Table,
    free: Sequence[str],
    labels: Sequence[str],
    families: Mapping[str, Mapping[str, str]],
    columns: Mapping[str, str],
    mapped: ColumnMapping,
) -> bool:
    """Say whether columns that are named as the classes may be their scores: nothing else is, and they are no marks.

    Beside calls or a score, columns of 0 and 1 alone mark a class, the true one most often.
    """
    if len(labels) < 2 or not set(labels) <= set(free) or "score" in mapped.columns:
        return False
    if any(set(labels) <= set(of) for of in families.values()):
        return False
    if not {"score", "predicted"} & set(columns):
        return not families
    marks = all(set(table.values(c)) <= {"0", "1", "0.0", "1.0"} for c in labels)
    return not marks and all(_shares(table, c) is not None for c in labels)


def _like_classes(table: Table, free: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return the columns that are named like the labels, and where these alone do not sum to 1 the others that hold
    shares.
    """
    shares = {c: _shares(table, c) for c in free}
    alone = [c for c in free if c in labels]
    found = [values for c in alone if (values := shares[c]) is not None]
    if len(found) < len(alone):
        return alone
    sums = np.sum(found, axis=0)
    return alone if np.abs(sums - 1).max() < 0.1 else [c for c in free if shares[c] is not None]


def _shares(table: Table, column: str) -> FloatArray | None:
    """Return a column's numbers where all lie in [0, 1], else None."""
    try:
        values = np.array([float(cell.replace(",", ".", 1)) for cell in table.values(column)])
    except ValueError:
        return None
    return values if ((values >= 0) & (values <= 1)).all() else None


def _best(
    table: Table, families: Mapping[str, Mapping[str, str]], labels: Sequence[str], *, optional: bool
) -> Mapping[str, str]:
    """Return the set of columns that speaks of the labels, else the only one there is."""
    whole = {name: of for name, of in families.items() if set(labels) <= set(of)} or families
    if "score" in whole and len(whole["score"]) > 1:
        return whole["score"]
    fitting = list(whole.values())
    if len(fitting) > 1 and not optional:
        raise InputError(
            "several sets of columns may be the scores",
            where=f"{table.file}, line 1",
            expected="one set",
            found="; ".join(", ".join(of.values()) for of in fitting),
            do=f"rename those that count to {SCORE}<class>, or leave the others out",
        )
    return fitting[0] if len(fitting) == 1 else {}


def _single(
    table: Table, column: str, named: str, labels: Sequence[str], mapped: ColumnMapping, *, logits: bool
) -> ScoreColumns:
    """Return the column of one class of two. Raises InputError where there are not two, or where it may be either."""
    if len(labels) != 2:
        raise InputError(
            "there is one column of scores, and not two classes", where=f"{table.file}, column {column}",
            expected=f"a column {SCORE}<class> for every class", found=f"classes {', '.join(labels) or '(none)'}",
            do="give the scores of all classes, or leave this column out and give predicted",
        )  # fmt: skip
    positive = mapped.positive or (named if named in labels else "")
    if not positive and set(labels) <= {"0", "1", "0.0", "1.0"}:
        positive = max(labels)
    if positive not in labels:
        raise InputError(
            "a single score does not say of which class it is", where=f"{table.file}, column {column}",
            expected="one of: " + ", ".join(labels), found=positive or "nothing that says so",
            do=f"add {option({'positive': labels[-1]})}   (or {option({'positive': labels[0]})})",
        )  # fmt: skip
    return ScoreColumns(of={positive: column}, positive=positive, logits=logits)


def read_numbers(table: Table, scores: ScoreColumns, image: str) -> tuple[FloatArray, tuple[str, ...]]:
    """Return probabilities ``(n_rows, n_classes)`` in the order of ``scores.of`` and what was done to them.

    Of a single column both: ``(n_rows, 2)``, the other class first. ``image``: the column of image ids, for messages.

    Parameters
    ----------
    table, scores
        What was read, and where its scores are.
    image
        The column of image ids, for messages.

    Returns
    -------
    ``(n_rows, n_classes)`` probabilities, and sentences on what was done to them.

    Raises
    ------
    InputError
        For a cell that is no number, or no probability, and for a row that does not sum to 1.
    """
    used = list(scores.of.values())
    comma = _decimal_comma(table, used)
    values = _numbers(table, used, image, comma=comma)
    notes = ["Decimal commas are read as points."] if comma else []
    if scores.logits:
        notes.append(_of_logits(table, used, values))
        with_other = values if len(used) > 1 else np.concatenate([np.zeros_like(values), values], axis=1)
        powers = np.exp(with_other - with_other.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True), tuple(notes)
    _check_range(table, used, values, image)
    if len(used) == 1:
        notes.append(f"Column {used[0]!r} is taken as the probability of {scores.positive}; above 0.5 it is called.")
        return np.concatenate([1 - values, values], axis=1), tuple(notes)
    values, rounded = _normalised(table, used, values, image)
    return values, (*notes, *rounded)


def _of_logits(table: Table, used: Sequence[str], values: FloatArray) -> str:
    """Return what is done to logits. Raises InputError where rows of several are probabilities already."""
    shares = bool(((values >= 0) & (values <= 1)).all())
    if len(used) == 1:
        doubt = f" All {len(values)} lie in [0, 1], as probabilities do: if they are, leave out --logits."
        return "Scores are logits: their sigmoid is scored." + (doubt if shares else "")
    if shares and (np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE).all():
        raise InputError(
            "these scores are probabilities and no logits", where=f"{table.file}, columns {', '.join(used)}",
            expected="logits, which do not sum to 1 in every row", found="rows in [0, 1] that sum to 1",
            do=f"leave out --logits; rename columns called logits to {SCORE}<class>",
        )  # fmt: skip
    return "Scores are logits: their softmax is scored."


def _decimal_comma(table: Table, used: Sequence[str]) -> bool:
    """Say whether the numbers of a file are written with a decimal comma throughout."""
    return any("," in cell for c in used for cell in table.values(c)) and not any(
        "." in cell for c in used for cell in table.values(c)
    )


def _numbers(table: Table, used: Sequence[str], image: str, *, comma: bool) -> FloatArray:
    """Return the cells of columns as numbers ``(n_rows, n_columns)``; row by row only where one of them is none."""
    if not comma and not any("_" in cell for c in used for cell in table.values(c)):
        with contextlib.suppress(ValueError):
            values = np.array([list(map(float, table.values(c))) for c in used], dtype=np.float64).T
            if np.isfinite(values).all():
                return np.ascontiguousarray(values)
    return np.array([[_number(line, c, image, comma=comma) for c in used] for line in table.lines], dtype=np.float64)


def _number(line: Line, column: str, image: str, *, comma: bool) -> float:
    cell = line.cells[column]
    named = line.cells.get(image, "")
    try:
        value = float((cell.replace(",", ".") if comma else cell).replace("_", "x"))  # float() would read 1_0 as 10
    except ValueError:
        hint = "write decimals with a point, or with a comma, in the whole file" if "," in cell else ""
        hint = hint if cell else "give one for every image: those left out count nowhere"
        raise line.wrong("a score is no number", column, expected="a number in [0, 1]", do=hint, image=named) from None
    if not math.isfinite(value):
        raise line.wrong("a score is not finite", column, expected="a number in [0, 1]", image=named,
                         do="give one for every image: those left out count nowhere")  # fmt: skip
    return value


def _check_range(table: Table, used: Sequence[str], values: FloatArray, image: str) -> None:
    outside = np.argwhere((values < 0) | (values > 1))
    if len(outside):
        row, place = outside[0]
        line = table.lines[row]
        raise line.wrong(
            "a score is outside [0, 1]", used[place], expected="a number in [0, 1]", image=line.cells.get(image, ""),
            do="give probabilities as fractions and not percent; of logits add --logits",
        )  # fmt: skip


def _normalised(
    table: Table, used: Sequence[str], values: FloatArray, image: str
) -> tuple[FloatArray, tuple[str, ...]]:  # fmt: skip
    """Return rows that sum to 1, made so where the printed decimals explain that they did not."""
    sums = values.sum(axis=1)
    off = np.abs(sums - 1)
    if (off > SUM_TOLERANCE + 1e-9).any():
        _check_sums(table, used, values, off, image)
    n = int((off > 1e-6).sum())
    if not n:
        return values, ()
    notes = (
        f"{n} of {len(values)} rows of scores are rounded and do not sum to 1 (by up to {off.max():.2g}): "
        "divided by their sum."
    )
    return values / sums[:, None], (notes,)


def _check_sums(table: Table, used: Sequence[str], values: FloatArray, off: FloatArray, image: str) -> None:
    """Raise InputError, naming the line, for the first row whose sum its printed decimals do not explain."""
    decimals = max(_decimals(cell) for c in used for cell in table.values(c))
    tolerance = max(SUM_TOLERANCE, len(used) * 0.5 * 10.0**-decimals if decimals > 1 else 0.0)
    wrong = np.flatnonzero(off > tolerance + 1e-9)
    if not len(wrong):
        return
    line, row = table.lines[wrong[0]], values[wrong[0]]
    raise InputError(
        "the scores of a row do not sum to 1",
        where=f"{table.file}, line {line.number}, columns {', '.join(used)}, image {line.cells.get(image, '')!r}",
        expected=f"1, to within {tolerance:.3g} for {decimals} decimals",
        found=f"{' + '.join(map(str, row.tolist()))} = {row.sum():.6g}",
        do="give the softmax over all classes (of logits add --logits); of a sigmoid per class give predicted instead; "
        f"where it is there, leave the scores out: {option({'score': 'none'})}",
    )


def _decimals(cell: str) -> int:
    """Return how many decimals a number is printed with.

    >>> _decimals("0.25"), _decimals("0,2"), _decimals("1"), _decimals("2.5e-05")
    (2, 1, 0, 6)
    """
    mantissa, _, exponent = cell.lower().replace(",", ".").partition("e")
    return max(0, len(mantissa.partition(".")[2]) - int(exponent or 0))
