"""Better than chance? Independence tests for printed matrices, MCC with an interval, informedness from recalls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from leukbench.audit.engine.definitions import Definition, definitions
from leukbench.audit.engine.rounding import shown, spread_of_share
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import class_sizes, n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.matrix_search import drawn
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.papers.schema import Claim
from leukbench.seeds import generator_for

_SMALL = 0.2
"""An MCC below which a classifier is hardly better than chance."""


def independence_p(counts: Sequence[Sequence[int]]) -> float:
    """Return the p-value of Pearson's χ² test that predicted and actual classes are independent.

    Classes that never occur, and those that are never called, have no expected counts and are left out. Where only
    one class occurs or only one is called, nothing can depend on anything: p is 1.

    >>> round(independence_p([[50, 50], [50, 50]]), 3), independence_p([[90, 10], [10, 90]]) < 1e-20
    (1.0, True)
    >>> independence_p([[0, 10], [0, 90]])
    1.0
    """
    from scipy.stats import chi2

    table = np.asarray(counts, dtype=float)
    table = table[table.sum(1) > 0][:, table.sum(0) > 0]
    if min(table.shape) < 2:
        return 1.0
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(chi2.sf(statistic, (table.shape[0] - 1) * (table.shape[1] - 1)))


def mcc_interval(counts: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Return an image-level 95 % interval of a matrix' MCC (Gorodkin 2004): equal tails of its posterior under a
    Dirichlet prior.

    The cells are one multinomial draw. Prior weights are 1/2 a cell for two classes (Jeffreys) and 1/K a cell for
    K, so that a matrix without errors in many cells is not given many. Fisher's z with 1/(n − 3) belongs to the
    correlation of normal variables and is far too narrow for counts near 1. Coverage is simulated in
    ``tests/audit/checks/test_chance.py``. Images of one patient are taken as independent.

    Parameters
    ----------
    counts : (n_classes, n_classes) whole numbers, rows actual

    >>> low, high = mcc_interval([[672, 6], [0, 1455]])
    >>> 0.984 < low < 0.990 and 0.996 < high < 0.999
    True
    """
    table = np.asarray(counts, dtype=float)
    k = len(table)
    rng = generator_for(0, "audit.mcc", *(int(x) for x in table.ravel()))
    drawn_ = rng.dirichlet((table + 1 / k).ravel(), size=min(4000, 4_000_000 // k**2)).reshape(-1, k, k)
    low, high = np.quantile(_mcc_of_shares(drawn_), [0.025, 0.975])
    return float(low), float(high)


def _mcc_of_shares(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the MCC of each matrix of shares that sum to 1, ``(n, k, k)`` to ``(n,)``; 0 where one class has all."""
    actual, called = shares.sum(2), shares.sum(1)
    top = np.trace(shares, axis1=1, axis2=2) - (actual * called).sum(1)
    bottom = (1 - (actual**2).sum(1)) * (1 - (called**2).sum(1))
    found: npt.NDArray[np.float64] = np.divide(
        top, np.sqrt(np.maximum(bottom, 0)), out=np.zeros_like(top), where=bottom > 0
    )
    return found


def check_independence(ledger: Ledger) -> list[Draft]:
    """For each printed matrix: are predicted and actual class independent (χ²), MCC with interval."""
    return [_matrix_draft(m) for m in ledger.matrices if sum(map(sum, m.counts()))]


def _matrix_draft(printed: Printed) -> Draft:
    counts, classes = printed.counts(), printed.matrix.classes
    row, column = [sum(r) for r in counts], [sum(c) for c in zip(*counts, strict=True)]
    if sum(x > 0 for x in row) < 2:
        return _one_class_only(printed, classes[row.index(max(row))])
    n = sum(row)
    p = independence_p(counts)
    values = definitions(counts, classes)
    mcc = float(values.get(Definition("mcc", "overall"), 0.0))  # 0/0 where only one class is called
    low, high = mcc_interval(counts)
    chance = p >= 0.05 or mcc <= 0
    called = [c for c, x in zip(classes, column, strict=True) if x]
    known = len(called) == 1 or p < 0.05 or high < _SMALL
    expected = [[f"{row[i] * column[j] / n:.0f}" for j in range(len(column))] for i in range(len(row))]
    rounded = "" if printed.exact else " (cells printed with two digits, taken at their printed value)"
    return Draft(
        check="independence",
        status="implausible" if chance else "consistent",
        kind="arithmetic",
        claims=printed.claims,
        severity=0 if not chance else 3 if known else 2,
        statement=f"The predictions in {printed.matrix.where} are "
        + (_chance_words(called, p, mcc) if chance else "better than chance."),
        witness=f"{drawn(counts, classes)}{rounded}. Expected if independent (row total × column total / {n}): "
        f"{'; '.join(', '.join(e) for e in expected)}. χ² test p = {p:.2g}; MCC = {shown(mcc, 3)} "
        f"({shown(low, 3)} to {shown(high, 3)}, images taken as independent).",
        repair="such a matrix arises when predictions and labels are compared in different orders (for example a "
        "shuffled test set); recompute it from paired rows."
        if chance
        else "",
    )


def _chance_words(called: Sequence[str], p: float, mcc: float) -> str:
    """Return what a matrix shows: skill that is absent, or only not told."""
    if len(called) == 1:
        return f"no better than chance: every image is called {called[0]}."
    if mcc <= 0:
        return f"no better than chance: their MCC is {shown(mcc, 3)}."
    return f"not told from chance: {100 * p:.0f} % of matrices of independent classes depart from independence as far."


def _one_class_only(printed: Printed, name: str) -> Draft:
    return Draft(
        check="independence",
        status="uncheckable",
        kind="arithmetic",
        claims=printed.claims,
        severity=1,
        statement=f"All images of {printed.matrix.where} are {name}, so it cannot tell skill from calling "
        f"everything {name}.",
        witness=f"{drawn(printed.counts(), printed.matrix.classes)}.",
        repair="images of the other classes.",
    )


def check_informedness(ledger: Ledger) -> list[Draft]:
    """In a binary problem the two recalls add up to 1 for a classifier that does not look; J = sum − 1 with its error.

    J's standard error is √(r₁(1−r₁)/n₁ + r₂(1−r₂)/n₂), images taken as independent, so that a J within 1.96 of it
    is chance.
    """
    found = []
    for row in ledger.rows:
        if n_classes(ledger, row.key) != 2 or row.key[2] != "test":
            continue
        pairs = [(c, claims) for (m, c, _), claims in row.scores.items() if m == "recall" and c]
        sizes = class_sizes(ledger, row.key)
        if len(pairs) == 2 and sizes is not None and all(sizes.counts.get(c) for c, _ in pairs):
            found.append(_informedness(row.label, pairs, sizes.counts, sizes.claims))
    return found


def _informedness(
    label: str, pairs: list[tuple[str, tuple[Claim, ...]]], sizes: dict[str, int], basis: tuple[Claim, ...]
) -> Draft:
    from leukbench.audit.engine.rounding import printed_number
    from leukbench.audit.readings.claims import scale_of

    values = [(float(printed_number(c[0].value) or 0) / scale_of(c[0]), sizes[name]) for name, c in pairs]
    j = sum(v for v, _ in values) - 1
    error = math.sqrt(sum(spread_of_share(v) / n for v, n in values))
    highs = [i.high for _, c in pairs if (i := score_interval(c[0])) is not None]
    chance = float(sum(highs, Fraction(0))) - 1 <= 1.96 * error
    terms = " + ".join(f"{c[0].value} ({name})" for name, c in pairs)
    return Draft(
        check="informedness",
        status="implausible" if chance else "consistent",
        kind="arithmetic",
        claims=(*(c[0] for _, c in pairs), *basis),
        severity=2 if chance else 0,
        statement=f"The recalls of {label} are "
        + ("those of a classifier that does not look at the image." if chance else "better than chance together."),
        witness=f"{terms} − 1 = {shown(j, 3)}, standard error {shown(error, 3)}; a classifier that ignores the "
        "image has 0.",
        repair="recompute from paired predictions and labels." if chance else "",
    )
