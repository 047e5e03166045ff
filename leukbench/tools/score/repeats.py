"""Tables that name no image and may hold the same images several times: a block of rows for each seed, model or
epoch.
"""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from leukbench.errors import InputError
from leukbench.tools.tables.columns import IS, MAY_BE, option, plain_name
from leukbench.tools.tables.rows import Table

_RUNS = IS["seed"] | MAY_BE["seed"] | frozenset({
    "epoch", "epochs", "run", "run_id", "trial", "iteration", "checkpoint", "model", "models", "model_name",
    "network", "architecture", "arch", "backbone", "classifier", "method", "algorithm",
})  # fmt: skip
"""Names of columns that tell trainings apart, each of which may have called the same images."""


def within_runs(table: Table, columns: Mapping[str, str]) -> list[str]:
    """Return for each row an id that the rows of one image share, [] where no column tells trainings apart.

    The rows of every seed that are alike in label and owner, row by row, are taken as the same images.

    Parameters
    ----------
    table, columns
        A table without a column of images, and the column of each role.

    Returns
    -------
    Ids in the order of the rows.

    Raises
    ------
    InputError
        Where several trainings, or folds of the same images, may stand below one another, with the options that decide.
    """
    facts = [columns[role] for role in ("label", "group", "patient") if role in columns]
    for column in table.header:
        free = column not in columns.values() and plain_name(column) in _RUNS
        blocks = _blocks(table, column, facts) if free else {}
        if len(blocks) > 1 and _same_rows(blocks):
            raise _unnamed(table, column, blocks, f"score one: --where {column}={next(iter(blocks))}")
    fold, seed = columns.get("fold", ""), columns.get("seed", "")
    if fold and len(facts) > 1:
        blocks = _blocks(table, fold, facts + [seed] * bool(seed))
        if len(blocks) > 1 and _same_order(blocks):
            raise _unnamed(table, fold, blocks, f"score one: --where {fold}={next(iter(blocks))}")
    blocks = _blocks(table, seed, facts + [fold] * bool(fold)) if seed else {}
    if len(blocks) < 2:
        return []
    if not _same_order(blocks) or (len(facts) == 1 and _sorted(next(iter(blocks.values())))):
        raise _unnamed(table, seed, blocks, f"score one: --where {seed}={next(iter(blocks))}")
    counted: Counter[str] = Counter()
    ids = []
    for value in table.values(seed):
        counted[value] += 1
        ids.append(f"row {counted[value]} of its {columns['seed']}")
    return ids


def one_training(table: Table, columns: Mapping[str, str]) -> str:
    """Return the option that scores one training alone, "" where no column tells apart the rows of each image."""
    places = [columns[role] for role in ("image_id", "fold", "seed") if role in columns]
    for column in (c for c in table.header if c not in columns.values() and plain_name(c) in _RUNS):
        values = table.values(column)
        if len(set(zip(values, *(table.values(c) for c in places), strict=True))) == len(table.lines):
            return f"--where {shlex.quote(f'{column}={values[0]}')}"
    return ""


def _blocks(table: Table, column: str, facts: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """Return value of a column -> what the rows that have it say of their images, in their order."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for value, *row in zip(table.values(column), *(table.values(c) for c in facts), strict=True):
        found.setdefault(value, []).append(tuple(row))
    return found


def _same_rows(blocks: Mapping[str, Sequence[tuple[str, ...]]]) -> bool:
    """Say whether blocks of several rows hold the same ones, in whatever order."""
    first, *others = (Counter(rows) for rows in blocks.values())
    return first.total() > 1 and all(other == first for other in others)


def _same_order(blocks: Mapping[str, Sequence[tuple[str, ...]]]) -> bool:
    first, *others = blocks.values()
    return len(first) > 1 and all(other == first for other in others)


def _sorted(rows: Sequence[tuple[str, ...]]) -> bool:
    """Say whether rows stand class by class, as those of other images would too."""
    return sum(a != b for a, b in itertools.pairwise(rows)) < len(set(rows))


def _unnamed(table: Table, column: str, blocks: Mapping[str, Sequence[object]], one: str) -> InputError:
    shown = ", ".join(f"{value} ({len(rows)} rows)" for value, rows in list(blocks.items())[:5])
    return InputError(
        "no column names the images, and these may be the same ones several times",
        where=f"{table.file}, column {column}", expected="a column of images, which tells which rows are of one",
        found=shown + (", …" if len(blocks) > 5 else ""),
        do=f"{one}; or say which column names the image: --map image_id=COLUMN; or, if every row is an image of its "
        f"own: {option({'image_id': 'none'})}",
    )  # fmt: skip
