"""Steps of an ablation against the error of a difference on their test images."""

from __future__ import annotations

import itertools
import math

from leukbench.audit.readings.claims import own, score_interval
from leukbench.audit.readings.class_sizes import stated_sizes
from leukbench.audit.readings.draft import Draft
from leukbench.papers.schema import Claim, Paper


def check_ablation_steps(paper: Paper) -> list[Draft]:
    """Do the accuracies of an ablation differ by more than chance would make them?

    The arms of role ``ablation`` with the proposed one, in the order of their accuracies; between neighbours the standard error
    of a difference of two independent figures on n images is √(p(1 − p)/n + q(1 − q)/n). A step of less than two of them is named:
    only a paired comparison, or repeated runs, could show it. n is the smallest that the paper states for the part.
    """
    found = []
    for study in paper.studies:
        arms = {n: a for n, a in paper.arms.items() if a.study == study and a.role in {"ablation", "proposed"}}
        members = [(c, p) for name in arms if (c := _accuracy(paper, study, name)) and (p := _value(c)) is not None]
        sizes = {n for c, _ in members for n in stated_sizes(paper, c)}
        if len(members) < 3 or not any(arms[c.arm].role == "ablation" for c, _ in members) or not sizes:
            continue
        members.sort(key=lambda m: m[1])
        found.append(_draft(members, min(sizes)))
    return found


def _accuracy(paper: Paper, study: str, arm: str) -> Claim | None:
    """Return the one accuracy printed for an arm as a whole, not called a training accuracy, None without or with several."""
    claims = {
        c.value: c
        for c in own(paper)
        if (c.study, c.arm, c.metric) == (study, arm, "accuracy") and not c.class_ and not c.fold and c.split != "train"
    }
    return next(iter(claims.values())) if len(claims) == 1 else None


def _value(claim: Claim) -> float | None:
    interval = score_interval(claim)
    return None if interval is None else float(interval.low + interval.high) / 2


def _draft(members: list[tuple[Claim, float]], n: int) -> Draft:
    steps = []
    for (a, p), (b, q) in itertools.pairwise(members):
        error = 100 * math.sqrt((p * (1 - p) + q * (1 - q)) / n)
        steps.append(
            (100 * (q - p) < 2 * error, f"{b.value} − {a.value} ({b.model}) at a standard error of {error:.2f}")
        )
    small = [words for close, words in steps if close]
    return Draft(
        check="ablation_steps",
        status="implausible" if small else "consistent",
        kind="arithmetic",
        claims=tuple(c for c, _ in members),
        severity=1 if small else 0,
        statement=f"{len(small)} of the {len(steps)} steps between neighbouring results of the ablation are smaller than two standard errors."
        if small
        else f"All {len(steps)} steps between neighbouring results of the ablation exceed two standard errors.",
        witness=f"{'; '.join(words for _, words in steps)}; {n} test images, taken as independent.",
        repair="a paired comparison on the same test images, and repeated runs." if small else "",
    )
