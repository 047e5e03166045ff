"""How often verdicts err, with a known truth: patients with beta-binomial errors on both sides,
through intervals and decide().

``python -m tests.support.verdict_rates 4000`` prints the tables of leukbench/verdicts/README.md.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np

from leukbench.evaluation.intervals import korn_graubard
from leukbench.records import Estimate
from leukbench.verdicts.differences import Question, Reproduced
from leukbench.verdicts.rule import decide

GROUPS = (8, 15, 28, 73)
RATES = (0.85, 0.95)
ICC = 0.1
SIZE, CV = 70.0, 0.3  # images of a patient
SEED = 20260102


@dataclass(frozen=True)
class Truth:
    """A claim whose model is right at rate ``claimed``; ours is, under the paper's protocol and by patient."""

    groups: int
    claimed: float
    faithful: float
    honest: float | None = None


def patients(groups: int, p: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Right images and images of each patient; rates are beta with mean p and intra-class correlation ICC."""
    n = np.maximum(np.rint(rng.gamma(1 / CV**2, SIZE * CV**2, groups)), 1)
    spread = 1 / ICC - 1
    return rng.binomial(n.astype(int), rng.beta(p * spread, (1 - p) * spread, groups)), n


def reproduced(groups: int, p: float, protocol: str, rng: np.random.Generator) -> Reproduced:
    """An estimate as the evaluation makes it."""
    right, n = patients(groups, p, rng)
    made = korn_graubard(right, n)
    e = Estimate(
        metric="accuracy", value=float(right.sum() / n.sum()), low=made.low, high=made.high, df=made.df,
        standard_error=made.standard_error, n_images=int(n.sum()), n_groups=groups,
        effective_groups=made.effective_groups, seed_df=math.inf,  # trainings that are known not to differ
    )  # fmt: skip
    return Reproduced(estimate=e, protocol=protocol)


def question(truth: Truth, rng: np.random.Generator, *, claim: str = "x", headline: bool = True) -> Question:
    """One study: the claim counted on patients of its own and printed as a percentage with two decimals."""
    right, n = patients(truth.groups, truth.claimed, rng)
    honest = () if truth.honest is None else (reproduced(truth.groups, truth.honest, "patient", rng),)
    return Question(
        claim=claim, metric="accuracy", value=round(float(right.sum() / n.sum()), 4), half_unit=0.00005, n=int(n.sum()),
        headline=headline, faithful=(reproduced(truth.groups, truth.faithful, "as_published", rng),), honest=honest,
    )  # fmt: skip


def shares(truth: Truth, *, margin: float, replicates: int) -> dict[str, float]:
    """How often each kind of verdict was reached: reproduced (in any form), lower, higher, inconclusive."""
    found: Counter[str] = Counter()
    for replicate in range(replicates):
        rng = np.random.default_rng([SEED, truth.groups, replicate])
        found[decide([question(truth, rng)], margin=margin)[0].verdict] += 1
    total = {name: count / replicates for name, count in found.items()}
    return {
        "lower": total.get("not reproduced (lower)", 0.0),
        "higher": total.get("not reproduced (higher)", 0.0),
        "reproduced": sum(v for k, v in total.items() if k.startswith("reproduced")),
        "plainly reproduced": total.get("reproduced", 0.0),
        "only under": sum(v for k, v in total.items() if k.startswith("reproduced only")),
        "inconclusive": total.get("inconclusive", 0.0),
    }


def main(replicates: int) -> None:
    """Print the rows of the tables."""
    for margin in (0.05, 0.10):
        for groups in GROUPS:
            for p in RATES:
                row = [
                    shares(Truth(groups, p, p - shift * margin), margin=margin, replicates=replicates)
                    for shift in (0, 1, -1, 2)
                    if p - shift * margin < 1
                ]
                texts = [f"{100 * s['reproduced']:.1f} / {100 * (s['lower'] + s['higher']):.1f}" for s in row]
                texts[2:2] = ["–"] if len(row) == 3 else []
                print(f"| {margin} | {groups} | {p} | " + " | ".join(texts) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
