"""What a drafted matrix counts: the images that are given for the classes, other ones, or none but percentages."""

from __future__ import annotations

from collections.abc import Mapping

from leukbench.tools.draft.figures import Figures
from leukbench.tools.draft.headers import class_named
from leukbench.tools.draft.matrices import of_percent


def without_percentages(figures: Figures, classes: Mapping[str, int]) -> None:
    """Leave out matrices whose rows or columns all come to about a hundred, which may be per cent; not where so many
    images are given for the classes.
    """
    for matrix in list(figures.matrices):
        cells = _cells(figures, matrix["id"])
        rows = [[name, *(cells[name, other] for other in matrix["classes"])] for name in matrix["classes"]]
        if not of_percent([["", *matrix["classes"]], *rows]) or _fits(cells, matrix["classes"], classes):
            continue
        figures.matrices.remove(matrix)
        figures.claims = [claim for claim in figures.claims if claim.get("matrix") != matrix["id"]]
        figures.left += [f"{matrix['where']}, {column}, {row}: {n}" for (row, column), n in cells.items()]
        figures.remarks.append(
            f"{matrix['where']}: rows or columns come to a hundred each, so the matrix is taken for percentages and "
            "left out; give its counts, or as many images for the classes."
        )


def apart_from_sizes(figures: Figures, classes: Mapping[str, int]) -> None:
    """Mark the figures of matrices that count other images than those given for the classes as ``apart``: neither their
    total is that of the classes, nor that of any row or column its class's.
    """
    if not classes or not all(classes.values()):
        return
    for matrix in figures.matrices:
        cells = _cells(figures, matrix["id"])
        if _fits(cells, matrix["classes"], classes):
            continue
        for claim in figures.claims:
            if claim.get("matrix") == matrix["id"] or claim["id"].startswith(
                f"{claim['id'].split('.')[0]}.{matrix['id']}_"
            ):
                claim |= {"split": "unstated", "apart": "true"}
        figures.remarks.append(
            f"{matrix['where']}: the matrix counts {sum(map(int, cells.values())):,} images, and in no row or column "
            "as many as are given for its class; it is taken as one of other images, and not held against these."
        )


def _cells(figures: Figures, matrix: str) -> dict[tuple[str, str], str]:
    return {(c["row"], c["column"]): c["value"].replace(",", "") for c in figures.claims if c.get("matrix") == matrix}


def _fits(cells: Mapping[tuple[str, str], str], names: list[str], classes: Mapping[str, int]) -> bool:
    """Whether a matrix has the total of the classes, or a class's number of images in its row or column."""
    sizes = {name: classes.get(class_named(name, classes, counted=True), 0) for name in names}
    sums = {(name, i): sum(int(n) for at, n in cells.items() if at[i] == name) for name in names for i in (0, 1)}
    total = sum(int(n) for n in cells.values())
    return total == sum(classes.values()) > 0 or any(0 < sizes[name] == sums[name, i] for name, i in sums)
