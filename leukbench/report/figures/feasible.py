"""Could the printed scores be true together? The plane of precision and recall, with what the others allow in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.row_scores import overall_of
from leukbench.audit.readings.rows import Row as Printed
from leukbench.audit.readings.rows import rows as printed_rows
from leukbench.papers.schema import Claim, Paper
from leukbench.records import Finding
from leukbench.report.figures.style import BLACK, BLUE, VERMILION, Figure, axes

_CHECK = "f1_of_precision_recall"


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 of one printed result, as printed."""

    precision: Claim
    recall: Claim
    f1: Claim


def feasible_figure(file: str, paper: Paper, study: str, findings: Sequence[Finding]) -> Figure | None:
    """Return the printed point (precision, recall) beside the curve on which the printed F1 lies, for the headline's
    row of scores; None where it has not all three.

    Whether they exclude each other is the audit's finding, not this figure's.
    """
    scores = _scores(paper, study)
    if scores is None or scores.precision.fraction == scores.recall.fraction == scores.f1.fraction:
        return None
    ids = {claim.id for claim in (scores.precision, scores.recall, scores.f1)}
    against = [f for f in findings if f.check == _CHECK and f.status == "inconsistent" and ids <= set(f.claims)]
    p, r = _percent(scores.precision), _percent(scores.recall)
    harmonic = 2 * p * r / (p + r) if p + r else 0.0
    caption = (
        f"Printed: precision {scores.precision.value}, recall {scores.recall.value}, F1 {scores.f1.value} "
        f"({scores.f1.where}). Their harmonic mean is {harmonic:.2f}"
        + (
            f", and one averaging of all three gives at most {(p + r) / 2:.2f}: the audit calls them inconsistent "
            f"({against[0].id})."
            if against
            else ": the audit finds nothing against them."
        )
    )
    key = " Blue: the printed pair, in %, with its rounding; orange: every pair whose F1 is the printed one, with its"
    key += " rounding; dashed: every pair whose mean is."
    return Figure(file, caption + key, f"Printed precision, recall and F1. {caption}", lambda: _draw(scores))


def _percent(claim: Claim) -> float:
    assert claim.fraction is not None
    return 100 * claim.fraction


def _scores(paper: Paper, study: str) -> Scores | None:
    headline = paper.claim(paper.studies[study].headline)
    for row in printed_rows(paper):
        found = [overall_of(row, metric) for metric in ("precision", "recall", "f1")]
        if _of_headline(row, headline) and all(found):
            firsts = [claims[0] for claims in found if claims]
            if all(claim.fraction is not None and score_interval(claim) is not None for claim in firsts):
                return Scores(*firsts)
    return None


def _of_headline(row: Printed, headline: Claim) -> bool:
    return any(
        claim.id == headline.id
        or (claim.study, claim.arm, claim.value) == (headline.study, headline.arm, headline.value)
        for claims in row.scores.values()
        for claim in claims
    )


def _slack(claim: Claim) -> float:
    """Return half a unit of the last printed digit, in percent."""
    assert claim.half_unit is not None
    return 100 * float(claim.half_unit / claim.scale)


def _draw(scores: Scores) -> Any:
    p, r, f = (_percent(c) for c in (scores.precision, scores.recall, scores.f1))
    dp, dr, df = (_slack(c) for c in (scores.precision, scores.recall, scores.f1))
    low = max(0.0, min(p, r, f) - 3.0)
    with axes(4.6) as (fig, ax):
        x = np.linspace(max(low, (f + df) / 2 + 1e-6), 100, 400)
        below, y, above = (g * x / (2 * x - g) for g in (f - df, f, f + df))
        ax.fill_between(x, below, above, color=VERMILION, alpha=0.25, lw=0)
        ax.plot(x[y <= 100], y[y <= 100], color=VERMILION, lw=2, label=f"F1 = {f:g}")
        ax.fill_between([p - dp, p + dp], r - dr, r + dr, color=BLUE, alpha=0.25, lw=0)
        ax.plot(x, 2 * f - x, color=VERMILION, lw=1.2, ls=(0, (4, 3)), label=f"mean = {f:g}")
        ax.plot(p, r, "o", color=BLUE, ms=8, label="printed pair")
        ax.annotate(f"{p:g}, {r:g}", (p, r), textcoords="offset points", xytext=(8, -12), fontsize=9, color=BLACK)
        ax.set_xlim(low, 100.2)
        ax.set_ylim(low, 100.2)
        ax.set_xlabel("precision in %")
        ax.set_ylabel("recall in %")
        fig.legend(loc="outside upper left", ncols=3, columnspacing=1.0)
    return fig
