"""Better than chance? Independence tests for printed matrices, MCC with an interval, informedness from recalls."""

from __future__ import annotations

import math
from fractions import Fraction

from leukbench.audit.engine.definitions import definitions
from leukbench.audit.engine.rounding import shown
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import class_sizes, n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.matrix_search import drawn
from leukbench.audit.readings.printed_matrices import Printed, matrices
from leukbench.audit.readings.rows import headlines, rows
from leukbench.papers.schema import Claim, Paper


def independence_p(counts: list[list[int]]) -> float:
    """Return the p-value of Pearson's χ² test that predicted and actual classes are independent (NaN if undefined).

    >>> round(independence_p([[50, 50], [50, 50]]), 3), independence_p([[90, 10], [10, 90]]) < 1e-20
    (1.0, True)
    """
    from scipy.stats import chi2

    n = sum(map(sum, counts))
    row = [sum(r) for r in counts]
    column = [sum(c) for c in zip(*counts, strict=True)]
    if not n or 0 in row or 0 in column:
        return float("nan")
    statistic = sum(
        (counts[i][j] - row[i] * column[j] / n) ** 2 / (row[i] * column[j] / n)
        for i in range(len(row))
        for j in range(len(column))
    )
    return float(chi2.sf(statistic, (len(row) - 1) * (len(column) - 1)))


def mcc_interval(mcc: float, n: int) -> tuple[float, float]:
    """Return an image-level 95 % interval of an MCC by Fisher's z, tanh(atanh r ± 1.96/√(n − 3)); too narrow for few patients."""
    if n <= 3 or abs(mcc) >= 1:
        return (mcc, mcc)
    z, half = math.atanh(mcc), 1.959964 / math.sqrt(n - 3)
    return (math.tanh(z - half), math.tanh(z + half))


def check_independence(paper: Paper) -> list[Draft]:
    """For each printed matrix: are predicted and actual class independent (χ²), MCC with interval."""
    heads = headlines(paper)
    return [_matrix_draft(m, bool(heads)) for m in matrices(paper)]


def _matrix_draft(printed: Printed, heads: bool) -> Draft:
    counts, classes = printed.counts(), printed.matrix.classes
    n = sum(map(sum, counts))
    p = independence_p(counts)
    mcc = next((float(v) for d, v in definitions(counts, classes).items() if d.metric == "mcc"), float("nan"))
    low, high = mcc_interval(mcc, n)
    chance = not p < 0.05 or mcc <= 0
    row, column = [sum(r) for r in counts], [sum(c) for c in zip(*counts, strict=True)]
    expected = [[f"{row[i] * column[j] / n:.0f}" for j in range(len(column))] for i in range(len(row))]
    rounded = "" if printed.exact else " (cells printed with two digits, taken at their printed value)"
    return Draft(
        check="independence",
        status="implausible" if chance else "consistent",
        kind="arithmetic",
        claims=printed.claims,
        severity=3 if chance else 0,
        statement=f"The predictions in {printed.matrix.where} are "
        + ("no better than chance: predicted and actual class are independent." if chance else "better than chance."),
        witness=f"{drawn(counts, classes)}{rounded}. Expected if independent (row total × column total / {n}): "
        f"{'; '.join(', '.join(e) for e in expected)}. χ² test p = {p:.2g}; MCC = {shown(mcc, 3)} "
        f"({shown(low, 3)} to {shown(high, 3)}, images taken as independent).",
        repair="such a matrix arises when predictions and labels are compared in different orders (for example a shuffled test "
        "set); recompute it from paired rows."
        if chance
        else "",
    )


def check_informedness(paper: Paper) -> list[Draft]:
    """In a binary problem the two recalls add up to 1 for a classifier that does not look; J = sum − 1 with its error.

    J's standard error is √(r₁(1−r₁)/n₁ + r₂(1−r₂)/n₂), images taken as independent, so that a J within 1.96 of it is chance.
    """
    found = []
    printed = matrices(paper)
    for row in rows(paper):
        if n_classes(paper, row.key) != 2 or row.key[2] != "test":
            continue
        pairs = [(c, claims) for (m, c, _), claims in row.scores.items() if m == "recall" and c]
        sizes = class_sizes(paper, row.key, printed)
        if len(pairs) == 2 and sizes is not None and all(c in sizes.counts for c, _ in pairs):
            found.append(_informedness(row.label, pairs, sizes.counts, sizes.claims))
    return found


def _informedness(
    label: str, pairs: list[tuple[str, tuple[Claim, ...]]], sizes: dict[str, int], basis: tuple[Claim, ...]
) -> Draft:
    from leukbench.audit.engine.rounding import printed_number
    from leukbench.audit.readings.claims import scale_of

    values = [(float(printed_number(c[0].value) or 0) / scale_of(c[0]), sizes[name]) for name, c in pairs]
    j = sum(v for v, _ in values) - 1
    error = math.sqrt(sum(v * (1 - v) / n for v, n in values))
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
        witness=f"{terms} − 1 = {shown(j, 3)}, standard error {shown(error, 3)}; a classifier that ignores the image has 0.",
        repair="recompute from paired predictions and labels." if chance else "",
    )
