"""Scores recomputed from confusion matrices under every usual definition and every usual convention for 0/0."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

Value = Fraction | float
Parts = Sequence[Fraction | None]
FILLS = ("0", "1", "left out")
"""What libraries make of 0/0: scikit-learn's ``zero_division`` is 0, 1 or NaN, which leaves the class out of the
mean."""


@dataclass(frozen=True)
class Definition:
    """One way to compute a score: ``reading`` is positive:<class>, macro, weighted, micro, overall or a named
    variant."""

    metric: str
    reading: str


@dataclass(frozen=True)
class _Margins:
    """Right answers, images and calls of each class."""

    hit: list[int]
    row: list[int]
    column: list[int]

    @property
    def n(self) -> int:
        return sum(self.row)

    def per_class(self) -> dict[str, list[Fraction | None]]:
        """Return recall, precision, F1 and specificity of every class, None for 0/0."""
        n, found = self.n, {}
        lines = list(zip(self.hit, self.row, self.column, strict=True))
        found["recall"] = [_ratio(h, r) for h, r, _ in lines]
        found["precision"] = [_ratio(h, c) for h, _, c in lines]
        found["f1"] = [_ratio(2 * h, r + c) for h, r, c in lines]
        found["specificity"] = [_ratio(n - r - c + h, n - r) for h, r, c in lines]
        return found


def _margins(counts: Sequence[Sequence[int]]) -> _Margins:
    size = range(len(counts))
    return _Margins(
        [counts[i][i] for i in size], [sum(line) for line in counts], [sum(line[j] for line in counts) for j in size]
    )


def definitions(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[Definition, Value]:
    """Return every usual score of a confusion matrix as fractions.

    With n_ij images of class i called j: recall_i = n_ii/Σ_j n_ij, precision_i = n_ii/Σ_j n_ji,
    F1_i = 2 n_ii/(Σ_j n_ij + Σ_j n_ji), specificity_i = (n − row_i − column_i + n_ii)/(n − row_i); macro is their
    plain mean, weighted their mean by row size, micro the ratio of sums; ``macro, harmonic`` is the harmonic mean
    of macro precision and macro recall, ``weighted, harmonic`` that of the weighted ones. Scores with denominator 0 are
    left out here; :func:`usual_values` has them.

    Parameters
    ----------
    counts : (n_classes, n_classes) whole numbers, rows actual, columns predicted
    classes : names in that order

    References
    ----------
    MCC of several classes: Gorodkin (2004), Computational Biology and Chemistry 28, 367-374. Kappa: Cohen (1960), with
    weights Cohen (1968).

    >>> d = definitions([[3, 1], [2, 4]], ["a", "b"])
    >>> d[Definition("accuracy", "overall")], d[Definition("precision", "positive:a")]
    (Fraction(7, 10), Fraction(3, 5))
    """
    m = _margins(counts)
    found: dict[Definition, Value] = {}
    if m.n == 0:
        return found
    size, accuracy = len(classes), Fraction(sum(m.hit), m.n)
    wrong = m.n - sum(m.hit)
    found[Definition("accuracy", "overall")] = accuracy
    for metric, values in m.per_class().items():
        found |= {Definition(metric, f"positive:{c}"): v for c, v in zip(classes, values, strict=True) if v is not None}
        if None not in values:
            found[Definition(metric, "macro")] = _mean(values, [1] * size) or Fraction(0)
            found[Definition(metric, "weighted")] = _mean(values, m.row) or Fraction(0)
    for average in ("macro", "weighted"):
        p, r = (found.get(Definition(metric, average)) for metric in ("precision", "recall"))
        if p and r:
            found[Definition("f1", f"{average}, harmonic")] = 2 * p * r / (p + r)
    macro_r = found.get(Definition("recall", "macro"))
    if macro_r is not None:
        found[Definition("balanced_accuracy", "overall")] = macro_r
    for metric in ("precision", "recall", "f1"):
        found[Definition(metric, "micro")] = accuracy
    found[Definition("specificity", "micro")] = 1 - Fraction(wrong, (size - 1) * m.n)
    if size > 2:
        found[Definition("accuracy", "mean of one class against the rest")] = 1 - Fraction(2 * wrong, size * m.n)
    found.update(_agreement(m))
    return found


def usual_values(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[Definition, Value]:
    """Return :func:`definitions` with what libraries print where a class never occurs or is never predicted.

    Then some ratio is 0/0. It is printed as 0 or as 1, or left out of the mean, for classes that occur in neither
    way perhaps otherwise than for the others (torchmetrics), and an F1 of a class without a right answer may be
    left out with its precision. Such readings carry their convention after a comma. Of several classes all but one may
    be taken together. Accuracy may be the mean of the
    class recalls (torchmetrics' default for several classes), and of one class its recall or its accuracy against
    the rest. MCC and kappa of several classes may be those of each class against the rest, or their mean, and kappa may
    be weighted by how far apart the classes stand in their order.

    Parameters
    ----------
    counts
        ``(n_classes, n_classes)``, rows actual.
    classes
        Their names, in the same order.

    Returns
    -------
    Definition -> exact value, or None where it is undefined.
    """
    m = _margins(counts)
    found = definitions(counts, classes)
    if m.n == 0:
        return found
    for metric, values in m.per_class().items():
        if None in values:
            for c, v in zip(classes, values, strict=True):
                if v is None:
                    found[Definition(metric, f"positive:{c}, 0/0 as 0")] = Fraction(0)
                    found[Definition(metric, f"positive:{c}, 0/0 as 1")] = Fraction(1)
        for words, filled in _filled(metric, values, m):
            for average, weights in (("macro", [1] * len(classes)), ("weighted", m.row)):
                if (mean := _mean(filled, weights)) is not None:
                    found[Definition(metric, f"{average}, {words}")] = mean
    for average in ("macro", "weighted"):
        found |= _harmonic_conventions(found, average)
    for definition, value in list(found.items()):
        if definition.metric == "recall" and definition.reading.startswith("macro"):
            found.setdefault(Definition("balanced_accuracy", definition.reading), value)
            found[Definition("accuracy", definition.reading)] = value
        elif definition.metric == "recall" and definition.reading.startswith("positive:"):
            found[Definition("accuracy", definition.reading)] = value
    for i, c in enumerate(classes):
        right = m.n - m.row[i] - m.column[i] + 2 * m.hit[i]
        found[Definition("accuracy", f"positive:{c}, against the rest")] = Fraction(right, m.n)
        if len(classes) > 2:
            found |= _pooled(m, i, c)
    if len(classes) > 2:
        found |= _agreement_of_classes(m, classes) | _weighted_kappas(counts, m)
    return found | _undefined_agreement(m, found)


def _pooled(m: _Margins, i: int, name: str) -> dict[Definition, Value]:
    """Return the scores of all classes but one taken together as the positive one, such as all kinds of leukaemia
    against healthy cells, and the accuracy of that problem."""
    miss, into = m.row[i] - m.hit[i], m.column[i] - m.hit[i]  # called another class; of another class
    found = m.n - m.row[i] - into
    values = {
        "recall": _ratio(found, found + into),
        "precision": _ratio(found, found + miss),
        "f1": _ratio(2 * found, 2 * found + into + miss),
        "specificity": _ratio(m.hit[i], m.row[i]),
        "accuracy": Fraction(m.n - miss - into, m.n),
    }
    return {Definition(metric, f"all but {name}"): v for metric, v in values.items() if v is not None}


def _filled(metric: str, values: Parts, m: _Margins) -> Iterator[tuple[str, list[Fraction | None]]]:
    """Yield each convention in words with the class scores under it; None is left out of the mean."""
    absent = [r == 0 and c == 0 for r, c in zip(m.row, m.column, strict=True)]
    undefined = [v is None for v in values]
    one_sided = any(u and not a for u, a in zip(undefined, absent, strict=True))
    if any(undefined):
        for for_absent, other in itertools.product(FILLS if any(absent) else ("0",), FILLS if one_sided else ("0",)):
            words = {"" if not any(absent) else for_absent, "" if not one_sided else other} - {""}
            name = f"0/0 as {words.pop()}" if len(words) == 1 else f"0/0 as {other}, of absent classes {for_absent}"
            fill = {"0": Fraction(0), "1": Fraction(1), "left out": None}
            yield (
                name,
                [v if v is not None else fill[for_absent if a else other] for v, a in zip(values, absent, strict=True)],
            )
    if metric == "specificity" and any(absent):  # it is defined, and 1, for them
        for how in FILLS if any(undefined) else ("0",):
            instead = {"0": Fraction(0), "1": Fraction(1), "left out": None}[how]
            rest = [v if v is not None else instead for v in values]
            kept = [None if a else v for v, a in zip(rest, absent, strict=True)]
            yield "absent classes left out" + (f", 0/0 as {how}" if any(undefined) else ""), kept
    if metric == "f1" and 0 in m.hit:
        yield "classes without a right answer left out", [v if h else None for v, h in zip(values, m.hit, strict=True)]
        halves = [v if r and c else None for v, r, c in zip(values, m.row, m.column, strict=True)]
        yield "classes without precision or recall left out", halves


def _harmonic_conventions(found: dict[Definition, Value], average: str) -> dict[Definition, Value]:
    """Return F1 as the harmonic mean of averaged precision and recall under each convention, 0 where both are 0."""
    precisions, recalls = (
        {d.reading: v for d, v in found.items() if d.metric == m and d.reading.startswith(average)}
        for m in ("precision", "recall")
    )
    plain = Definition("f1", f"{average}, harmonic")
    pairs = itertools.product(precisions.items(), recalls.values())
    return {
        Definition("f1", plain.reading + p.removeprefix(average)): 2 * x * y / (x + y) if x + y else Fraction(0)
        for (p, x), y in pairs
        if p != average or not x or not y or plain not in found
    }


def _ratio(top: int, bottom: int) -> Fraction | None:
    return Fraction(top, bottom) if bottom else None


def _mean(values: Parts, weights: Sequence[int]) -> Fraction | None:
    """Return the weighted mean of the known values, None without weight."""
    known = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None]
    total = sum(w for _, w in known)
    return sum((v * w for v, w in known), Fraction(0)) / total if total else None


def _agreement(m: _Margins) -> dict[Definition, Value]:
    n, right = m.n, sum(m.hit)
    chance = sum(r * c for r, c in zip(m.row, m.column, strict=True))
    found: dict[Definition, Value] = {}
    spread = (n * n - sum(r * r for r in m.row)) * (n * n - sum(c * c for c in m.column))
    if spread:
        found[Definition("mcc", "overall")] = (n * right - chance) / math.sqrt(spread)
    if n * n != chance:
        found[Definition("kappa", "overall")] = Fraction(n * right - chance, n * n - chance)
    return found


def _agreement_of_classes(m: _Margins, classes: Sequence[str]) -> dict[Definition, Value]:
    """Return MCC and kappa of each class against the rest, and their means; 0/0 as 0, as scikit-learn's MCC has it."""
    found: dict[Definition, Value] = {}
    each: dict[str, list[Value]] = {"mcc": [], "kappa": []}
    for i, name in enumerate(classes):
        rest = m.n - m.row[i] - m.column[i] + m.hit[i]
        binary = _agreement(_Margins([m.hit[i], rest], [m.row[i], m.n - m.row[i]], [m.column[i], m.n - m.column[i]]))
        for metric, values in each.items():
            values.append(binary.get(Definition(metric, "overall"), Fraction(0)))
            found[Definition(metric, f"positive:{name}, against the rest")] = values[-1]
    for metric, values in each.items():
        found[Definition(metric, "macro")] = sum(values) / len(values)
        found[Definition(metric, "weighted")] = sum(v * r for v, r in zip(values, m.row, strict=True)) / m.n
    return found


def _weighted_kappas(counts: Sequence[Sequence[int]], m: _Margins) -> dict[Definition, Value]:
    """Return Cohen's weighted kappas (1968) of classes in their order: 1 − Σ w_ij n_ij / Σ w_ij r_i c_j / n."""
    found: dict[Definition, Value] = {}
    for name, power in (("linear weights", 1), ("quadratic weights", 2)):
        cells = [(i, j, abs(i - j) ** power) for i in range(len(m.row)) for j in range(len(m.row))]
        by_chance = sum(w * m.row[i] * m.column[j] for i, j, w in cells)
        if by_chance:
            found[Definition("kappa", name)] = 1 - Fraction(m.n * sum(w * counts[i][j] for i, j, w in cells), by_chance)
    return found


def degenerate_mcc(a: float, b: float) -> float:
    """Return torchmetrics' MCC of a binary matrix with one empty row or column, whose other two cells are a (right)
    and b.

    It takes the limit of a vanishing ε in the empty cells: (a − b)/√((a + b)·a·b).

    Parameters
    ----------
    a, b
        Counts of the two cells that are not empty, ``a`` the right one.

    Returns
    -------
    The limit, in [-1, 1].
    """
    return (a - b) / math.sqrt((a + b) * a * b) if a and b else 0.0


def _undefined_agreement(m: _Margins, found: dict[Definition, Value]) -> dict[Definition, Value]:
    """Return what libraries print for an MCC or kappa that is 0/0: 0, or ±1 where all answers are right or wrong."""
    extra: dict[Definition, Value] = {}
    for metric in ("mcc", "kappa"):
        if Definition(metric, "overall") not in found:
            extra |= {Definition(metric, f"overall, 0/0 as {v}"): Fraction(v) for v in (0, 1, -1)}
            if metric == "mcc" and len(m.hit) == 2:
                value = degenerate_mcc(sum(m.hit), m.n - sum(m.hit))
                extra[Definition(metric, "overall, limit of 0/0")] = value
    return extra
