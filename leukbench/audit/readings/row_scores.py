"""The scores that one printed row gives of one model, and what they imply for each other."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from leukbench.audit.engine.feasibility import Score
from leukbench.audit.engine.rounding import Interval
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

Claims = tuple[Claim, ...]


TIE = Fraction(1, 10**9)


def as_percent(interval: Interval) -> str:
    return f"{100 * float(interval.low):.3f} to {100 * float(interval.high):.3f} %"


def harmonic(precision: Interval, recall: Interval) -> Interval:
    """Return the harmonic mean of two positive intervals; it grows with both."""

    def mean(p: Fraction, r: Fraction) -> Fraction:
        return 2 * p * r / (p + r) if p + r else Fraction(0)

    return Interval(mean(precision.low, recall.low), mean(precision.high, recall.high))


def overall_of(row: Row, metric: str) -> Claims | None:
    found = [claims for (m, class_, _), claims in row.scores.items() if m == metric and not class_]
    return found[0] if found else None


def same_positive(a: Claim, b: Claim) -> bool:
    """Whether two scores are said to be of one and the same class, so that neither is an average."""
    return a.average.startswith("positive:") and a.average == b.average


def implied_share(accuracy: Interval, recall: Interval, specificity: Interval) -> Interval | None:
    """Return the shares of positives π for which accuracy = π·recall + (1 − π)·specificity is possible; None where
    it is open.

    >>> I = lambda a: Interval(Fraction(a), Fraction(a))
    >>> float(implied_share(I("0.95"), I("0.98"), I("0.94")).low)
    0.25
    """
    corners = []
    for r in (recall.low, recall.high):
        for s in (specificity.low, specificity.high):
            if (r - s) * (recall.low - specificity.high) <= 0:
                return None  # the order of the two is not certain
            corners += [(a - s) / (r - s) for a in (accuracy.low, accuracy.high)]
    low, high = max(min(corners), Fraction(0)), min(max(corners), Fraction(1))
    return Interval(low, high) if low <= high else None


def row_scores(row: Row) -> list[tuple[Score, tuple[Claim, ...]]]:
    """Return the printed scores of a row that an enumeration can use (no AUC)."""

    found = []
    for (metric, class_, average), claims in row.scores.items():
        interval = score_interval(claims[0])
        if interval is not None and metric != "auc":
            found.append(
                (
                    Score(
                        metric,
                        interval,
                        class_,
                        average,
                        f"{claims[0].metric} {claims[0].value}" + (f" ({class_})" if class_ else ""),
                    ),
                    claims,
                )
            )
    return found


def is_mean(row: Row) -> bool:
    """Whether the row's figures are averages over folds or runs (then ratios need not satisfy one matrix'
    identities)."""
    return row.key[5] == "mean" or any(c.spread for claims in row.scores.values() for c in claims)


def may_be_mean(row: Row) -> bool:
    """Whether the row's figures are averages over folds or runs, or nothing says that they are not."""
    return is_mean(row) or row.unstated_folds


def implied_accuracy(row: Row, sizes: dict[str, int]) -> Interval | None:
    """Return the accuracy that per-class recalls and class sizes imply: Σ n_c·recall_c / n."""
    n = sum(sizes.values())
    low = high = Fraction(0)
    for name, size in sizes.items():
        claims = next((cs for (m, c, _), cs in row.scores.items() if m == "recall" and c == name), None)
        interval = score_interval(claims[0]) if claims else None
        if interval is None:
            return None
        low += interval.low * size
        high += interval.high * size
    return Interval(low / n, high / n)


def held_out_accuracy(
    row: Row, sizes: dict[str, int], printed: Sequence[Printed]
) -> tuple[Interval | None, str, tuple[Claim, ...]]:
    """Return a row's accuracy with where it comes from: printed, its exact matrix, or its recalls with the class
    sizes."""
    for (metric, class_, _), claims in row.scores.items():
        if metric == "accuracy" and not class_:
            return score_interval(claims[0]), "printed", claims
    for matrix in printed:
        if matrix.exact:
            counts = matrix.counts()
            a = Fraction(sum(counts[i][i] for i in range(len(counts))), sum(map(sum, counts)))
            return Interval(a, a), "from its matrix", matrix.claims
    interval = implied_accuracy(row, sizes)
    return interval, "implied by its recalls and the class sizes", row.claims()
