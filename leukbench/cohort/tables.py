"""Tables on disk: CSV whose bytes depend on nothing but the values, read back as text and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from leukbench.errors import DataError
from leukbench.paths import write_text
from leukbench.records import GROUP_COLUMNS, SPLIT_COLUMNS


def check_columns(table: pd.DataFrame, columns: Sequence[str], *, where: str) -> None:
    """Raise DataError unless the table has exactly these columns, in any order, and no missing value.

    Parameters
    ----------
    table
        As read.
    columns
        That it must have.
    where
        What the error calls the table.

    Raises
    ------
    DataError
        Naming the columns that are missing or too many, or where a value is missing.
    """
    found = [str(c) for c in table.columns]
    if sorted(found) != sorted(columns):
        missing, extra = set(columns) - set(found), set(found) - set(columns)
        raise DataError(
            "a table does not have the columns that it should",
            where=where,
            expected=", ".join(columns),
            found=f"missing: {', '.join(sorted(missing)) or 'none'}; too many: {', '.join(sorted(extra)) or 'none'}",
            do="make the table again with the stage that writes it",
        )
    empty = [c for c in columns if table[c].isna().any()]
    if empty:
        raise DataError(
            "a table has missing values",
            where=f"{where}, columns {', '.join(empty)}",
            expected="text, '' where unknown",
            found="NaN or None",
            do="write '' for what is not known",
        )


def table_text(table: pd.DataFrame, columns: Sequence[str], *, where: str = "table") -> str:
    """Return the one CSV text of a table: the columns in their order, the rows in theirs, ``\\n`` at line ends."""
    check_columns(table, columns, where=where)
    text: str = table.loc[:, list(columns)].to_csv(index=False, lineterminator="\n")
    return text


def table_sha256(table: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return the sha256 (hex) of a table's CSV text, which is also that of the file that ``write_table`` makes."""
    return hashlib.sha256(table_text(table, columns).encode()).hexdigest()


def write_table(table: pd.DataFrame, path: Path, *, columns: Sequence[str], summed: bool = False) -> None:
    """Write a table as CSV in one step, with ``summed`` its sha256 beside it; the same values give the same bytes.

    Raises DataError, InputError.
    """
    write_text(path, table_text(table, columns, where=str(path)), summed=summed)


def read_table(path: Path, columns: Sequence[str], *, integers: Collection[str] = ()) -> pd.DataFrame:
    """Return the table in a CSV file: every column text with "" where empty, but for ``integers``.

    Raises
    ------
    DataError
        Where the file is missing, no CSV in UTF-8, or has other columns.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(
            "cannot read a table",
            where=str(path),
            expected="a CSV file in UTF-8",
            found=str(error),
            do="make it again with the stage that writes it",
        ) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what rows have beyond the header for their names
        raise DataError(
            "a table's rows have more cells than its header", where=str(path),
            expected=f"{table.shape[1]} cells a row", found=f"{table.shape[1] + table.index.nlevels} and more",
            do="make it again with the stage that writes it",
        )  # fmt: skip
    check_columns(table, columns, where=str(path))
    for column in integers:
        table[column] = _whole_numbers(table[column], path)
    return table.loc[:, list(columns)]


def _whole_numbers(column: pd.Series[str], path: Path) -> pd.Series[int]:
    wrong = column.loc[~column.str.fullmatch(r"\d{1,9}")]
    if len(wrong):
        raise DataError(
            "a column of whole numbers holds something else",
            where=f"{path}, column {column.name}, line {int(wrong.index[0]) + 2}",
            expected="a whole number",
            found=repr(wrong.iloc[0]),
        )
    return column.astype("int64")


def read_groups(path: Path) -> pd.DataFrame:
    """Return the groups table in a CSV file. Raises DataError."""
    return read_table(path, GROUP_COLUMNS)


def write_groups(groups: pd.DataFrame, path: Path, *, summed: bool = False) -> None:
    """Write a groups table. Raises DataError, InputError."""
    write_table(groups, path, columns=GROUP_COLUMNS, summed=summed)


def groups_sha256(groups: pd.DataFrame) -> str:
    """Return the sha256 (hex) of a groups table."""
    return table_sha256(groups, GROUP_COLUMNS)


def read_split(path: Path) -> pd.DataFrame:
    """Return the split table in a CSV file; ``fold`` and ``copy`` are int64, the rest text. Raises DataError."""
    return read_table(path, SPLIT_COLUMNS, integers=("fold", "copy"))


def write_split(split: pd.DataFrame, path: Path, *, summed: bool = False) -> None:
    """Write a split table. Raises DataError, InputError."""
    write_table(split, path, columns=SPLIT_COLUMNS, summed=summed)


def split_sha256(split: pd.DataFrame) -> str:
    """Return the sha256 (hex) of a split table."""
    return table_sha256(split, SPLIT_COLUMNS)
