"""What a drafted matrix counts: the images that are given for the classes, other ones, or none but percentages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from leukbench.tools.draft.captions import of_others
from leukbench.tools.draft.figures import Figures
from leukbench.tools.draft.headers import class_named


def without_percentages(figures: Figures, classes: Mapping[str, int]) -> None:
    """Leave out matrices whose rows, columns or, where the caption speaks of it, cells all come to about a hundred,
    which may be per cent; not where so many images are given for the classes.

    Each cell of rounded percentages may be off by half a unit, so that four of them may come to 98.
    """
    for matrix in list(figures.matrices):
        cells = _cells(figures, matrix["id"])
        sums = _sums(cells, matrix["classes"])
        names, k = matrix["classes"], len(matrix["classes"])
        hundred = any(_about_a_hundred((sums[name, axis] for name in names), k) for axis in (0, 1))
        if re.search(r"%|percent|normali[sz]ed", figures.captions.get(matrix["where"], ""), re.IGNORECASE):
            hundred |= _about_a_hundred([sum(map(int, cells.values()))], k * k)
        so_many = classes and _about_a_hundred(classes.values(), k)
        if not hundred or so_many or any(_are_images(sums, names, g) for g in figures.supports.values()):
            continue
        figures.matrices.remove(matrix)
        figures.claims = [claim for claim in figures.claims if claim.get("matrix") != matrix["id"]]
        figures.left += [f"{matrix['where']}, {column}, {row}: {n}" for (row, column), n in cells.items()]
        figures.remarks.append(
            f"{matrix['where']}: its rows, columns or all cells come to a hundred, so the matrix is taken for "
            "percentages and left out; give its counts, or the images of the classes if these are a hundred each."
        )


def _about_a_hundred(sums: Iterable[int], n_cells: int) -> bool:
    """Whether all are a hundred but for what rounding so many percentages each can add."""
    return all(abs(n - 100) <= max(2, n_cells) / 2 for n in sums)


def _are_images(sums: Mapping[tuple[str, int], int], names: Sequence[str], given: Mapping[str, int]) -> bool:
    """Whether the sums of a matrix's rows or columns are the numbers of images given for its classes."""
    return any({name: sums[name, axis] for name in names} == dict(given) for axis in (0, 1))


def apart_from_sizes(figures: Figures, classes: Mapping[str, int]) -> None:
    """Mark the figures of matrices that count other images than those given for the classes as ``apart``.

    So where their classes are others; where neither their total comes near that of the classes, nor a row or column has
    its class's number; and where the caption speaks of other images, unless all numbers are those given.
    """
    if not classes or not all(classes.values()):
        return
    for matrix in figures.matrices:
        cells, where = _cells(figures, matrix["id"]), matrix["where"]
        names = {name: class_named(name, classes, counted=True) for name in matrix["classes"]}
        if not any(names.values()):
            why = f"its classes are {', '.join(names)}, none of those that images are given for"
        elif _fits(cells, matrix["classes"], classes, all_=of_others(figures.captions.get(where, ""))):
            continue
        else:
            why = f"it counts {sum(map(int, cells.values())):,} images, not those given for the classes"
        for claim in figures.claims:
            if claim["id"].partition(".")[2].startswith(f"{matrix['id']}_"):  # its cells and margins
                claim |= {"split": "unstated", "apart": "true"}
        figures.remarks.append(f"{where}: the matrix is taken as one of other images: {why}.")


def _cells(figures: Figures, matrix: str) -> dict[tuple[str, str], str]:
    return {(c["row"], c["column"]): c["value"].replace(",", "") for c in figures.claims if c.get("matrix") == matrix}


def _sums(cells: Mapping[tuple[str, str], str], names: Sequence[str]) -> dict[tuple[str, int], int]:
    """Return the sum of each class's row (0) and column (1)."""
    found = dict.fromkeys(((name, axis) for name in names for axis in (0, 1)), 0)
    for at, n in cells.items():
        for axis in (0, 1):
            found[at[axis], axis] += int(n)
    return found


def _fits(
    cells: Mapping[tuple[str, str], str], names: Sequence[str], classes: Mapping[str, int], *, all_: bool
) -> bool:
    """Whether a matrix has the class sizes in its rows or in its columns: ``all_`` of them, else one, or nearly their
    total.
    """
    sizes = {name: classes.get(class_named(name, classes, counted=True), 0) for name in names}
    sums = _sums(cells, names)
    right = [[0 < sizes[name] == sums[name, i] for name in names] for i in (0, 1)]
    total, given = sum(int(n) for n in cells.values()), sum(classes.values())
    return any(map(all, right)) or (not all_ and (any(map(any, right)) or 20 * abs(total - given) < given))
