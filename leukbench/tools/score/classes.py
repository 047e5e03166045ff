"""The classes of a user's predictions: labels, calls and scores must speak of the same ones, or the mapping is asked
for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from leukbench.errors import InputError
from leukbench.tools.tables.columns import BLANKS, option


def check_same_names(
    file: Path, labels: Sequence[str], others: Sequence[str], *, what: str, known: Sequence[str]
) -> None:
    """Raise InputError unless labels and the names in ``what`` (predicted classes, columns of scores) are of one kind.

    Each side may lack classes of the other; both at once, or two that differ only in how they are written, would be
    scored as wrong without being so. Whole numbers of one numbering may lack some on both sides.

    Parameters
    ----------
    file
        For the error.
    labels, others
        Distinct names of labels, and of the other side.
    what
        What the other side is: predicted classes, columns of scores.
    known
        Classes that ``--map`` says are right as they are.
    """
    unseen = [name for name in others if name not in labels and name not in known]
    missed = [name for name in labels if name not in others and name not in known]
    pairs = [(name, twin) for name in unseen for twin in labels] + [(twin, name) for name in missed for twin in others]
    alike = {_longer(a, b): _shorter(a, b) for a, b in pairs if a != b and _folded(a) == _folded(b)}
    if not alike and (not unseen or not missed or _one_numbering(labels, others)):
        return
    mapping = alike or _in_order(unseen, missed)
    shared = [name for name in labels if name in others]
    raise InputError(
        f"label and {what} do not name the same classes",
        where=str(file),
        expected=f"the classes of label: {', '.join(labels)}",
        found=f"{', '.join(others)} ({len(shared)} shared)",
        do=(
            "label counts the classes from another number: write the names of one side anew, so that both count alike"
            if _shifted(labels, others)
            else f"say which is which, as in {option({f'class:{a}': b for a, b in mapping.items()})}"
            + (
                ""
                if alike
                else "; turned round if it is so; a class that is right as it is: "
                + option({f"class:{unseen[0]}": unseen[0]})
            )
        ),
    )


def _shifted(labels: Sequence[str], others: Sequence[str]) -> bool:
    """Say whether both sides are as many numbers in a row, from different ones: no name then means the same class.

    >>> _shifted(["1", "2", "3"], ["class0", "1", "2"]), _shifted(["0", "1", "2"], ["0", "1", "class3"])
    (True, False)
    """
    found = [[int(n[0]) for name in side if (n := re.findall(r"\d+$", name))] for side in (labels, others)]
    runs = [list(range(min(side), max(side) + 1)) for side in found if side]
    return [sorted(side) for side in found] == runs and len(labels) == len(others) and runs[0] != runs[1]


def _one_numbering(labels: Sequence[str], others: Sequence[str]) -> bool:
    """Say whether both sides number the same classes, and some are just not tested or not called.

    All are whole numbers, at least ten and four fifths of either side are shared, and what is not lies between the
    first and the last of the labels: with a numbering that begins one later the last would lie beyond.

    >>> classes = [str(i) for i in range(20)]
    >>> _one_numbering([c for c in classes if c != "7"], [c for c in classes if c != "3"])
    True
    >>> _one_numbering(classes[:19], classes[1:])
    False
    """
    if not all(re.fullmatch(r"\d+", name) for name in (*labels, *others)):
        return False
    shared = set(labels) & set(others)
    numbers = [int(name) for name in labels]
    within = all(min(numbers) < int(name) < max(numbers) for name in others if name not in shared)
    return within and len(shared) >= max(10, 0.8 * len(labels), 0.8 * len(others))


def _folded(name: str) -> str:
    """Return a name as it is whatever its case, blanks, dashes, and zeros after the point.

    >>> _folded("1.0") == _folded("1"), _folded("Pre-B") == _folded("pre b"), _folded("10") == _folded("1")
    (True, True, False)
    """
    if re.fullmatch(r"\d+\.0+", name):
        name = name.split(".")[0]
    return re.sub(BLANKS, "", unicodedata.normalize("NFC", name.casefold()))


def _shorter(name: str, label: str) -> str:
    """Return how two spellings of one class are best written: as the label is, without zeros after the point."""
    return name if len(name) < len(label) else label


def _longer(name: str, label: str) -> str:
    return label if len(name) < len(label) else name


def _in_order(unseen: Sequence[str], missed: Sequence[str]) -> dict[str, str]:
    """Return the mapping of numbers to names in their order, as most code numbers its classes."""
    numbers, names = (unseen, missed) if unseen and _natural(unseen[0])[0] is False else (missed, unseen)
    return dict(zip(sorted(numbers, key=_natural), names, strict=False)) or {unseen[0]: unseen[0]}


def _natural(name: str) -> tuple[bool, float, str]:
    number = re.fullmatch(r"\d+(\.\d+)?", name) is not None
    return (not number, float(name) if number else 0.0, name)
