"""Scores recomputed from confusion matrices under every usual definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Definition:
    """One way to compute a score: ``reading`` is positive:<class>, macro, weighted, micro, overall or a named variant."""

    metric: str
    reading: str


def definitions(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[Definition, Fraction | float]:
    """Return every usual score of a confusion matrix (rows actual, columns predicted) as fractions.

    With n_ij images of class i called j: recall_i = n_ii/Σ_j n_ij, precision_i = n_ii/Σ_j n_ji,
    F1_i = 2 n_ii/(Σ_j n_ij + Σ_j n_ji), specificity_i = (n − row_i − column_i + n_ii)/(n − row_i); macro is their plain mean,
    weighted their mean by row size, micro the ratio of sums; ``macro, harmonic`` is the harmonic mean of macro precision and
    macro recall. Scores with denominator 0 are left out. MCC (Gorodkin 2004) and Cohen's kappa are overall.

    >>> d = definitions([[3, 1], [2, 4]], ["a", "b"])
    >>> d[Definition("accuracy", "overall")], d[Definition("precision", "positive:a")], d[Definition("f1", "positive:b")]
    (Fraction(7, 10), Fraction(3, 5), Fraction(8, 11))
    """
    size = len(classes)
    n = sum(map(sum, counts))
    row = [sum(line) for line in counts]
    column = [sum(line[j] for line in counts) for j in range(size)]
    hit = [counts[i][i] for i in range(size)]
    found: dict[Definition, Fraction | float] = {}
    if n == 0:
        return found
    accuracy = Fraction(sum(hit), n)
    found[Definition("accuracy", "overall")] = accuracy
    per_class = {
        "recall": [_ratio(hit[i], row[i]) for i in range(size)],
        "precision": [_ratio(hit[i], column[i]) for i in range(size)],
        "f1": [_ratio(2 * hit[i], row[i] + column[i]) for i in range(size)],
        "specificity": [_ratio(n - row[i] - column[i] + hit[i], n - row[i]) for i in range(size)],
    }
    for metric, values in per_class.items():
        _averages(found, metric, values, row, classes)
    macro_p, macro_r = (found.get(Definition(m, "macro")) for m in ("precision", "recall"))
    if macro_p and macro_r:
        found[Definition("f1", "macro, harmonic")] = 2 * macro_p * macro_r / (macro_p + macro_r)
    if Definition("recall", "macro") in found:
        found[Definition("balanced_accuracy", "overall")] = found[Definition("recall", "macro")]
    for metric in ("precision", "recall", "f1"):
        found[Definition(metric, "micro")] = accuracy
    wrong = n - sum(hit)
    found[Definition("specificity", "micro")] = 1 - Fraction(wrong, (size - 1) * n)
    if size > 2:
        found[Definition("accuracy", "mean of one class against the rest")] = 1 - Fraction(2 * wrong, size * n)
    found.update(_agreement(hit, row, column, n))
    return found


def _ratio(top: int, bottom: int) -> Fraction | None:
    return Fraction(top, bottom) if bottom else None


def _averages(
    found: dict[Definition, Fraction | float],
    metric: str,
    values: Sequence[Fraction | None],
    row: Sequence[int],
    classes: Sequence[str],
) -> None:
    for name, value in zip(classes, values, strict=True):
        if value is not None:
            found[Definition(metric, f"positive:{name}")] = value
    known = [v for v in values if v is not None]
    if len(known) == len(values):
        found[Definition(metric, "macro")] = sum(known, Fraction(0)) / len(known)
        found[Definition(metric, "weighted")] = sum(
            (v * w for v, w in zip(known, row, strict=True)), Fraction(0)
        ) / sum(row)


def _agreement(
    hit: Sequence[int], row: Sequence[int], column: Sequence[int], n: int
) -> dict[Definition, Fraction | float]:
    chance = sum(r * c for r, c in zip(row, column, strict=True))
    found: dict[Definition, Fraction | float] = {}
    spread = (n * n - sum(r * r for r in row)) * (n * n - sum(c * c for c in column))
    if spread:
        found[Definition("mcc", "overall")] = (n * sum(hit) - chance) / math.sqrt(spread)
    if n * n != chance:
        found[Definition("kappa", "overall")] = Fraction(n * sum(hit) - chance, n * n - chance)
    return found
