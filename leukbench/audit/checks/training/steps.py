"""Steps of an ablation against the error of a difference on their test images."""

from __future__ import annotations

import itertools
import math

from leukbench.audit.engine.rounding import spread_of_share
from leukbench.audit.readings.claims import score_interval
from leukbench.audit.readings.class_sizes import stated_sizes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim


def check_ablation_steps(ledger: Ledger) -> list[Draft]:
    """Do the accuracies of an ablation differ by more than chance would make them?

    The arms of role ``ablation`` with the proposed one. Where the options of their networks say which blocks each
    has, each is held against those with one block less; else neighbours in the order of their accuracies are. The
    standard error of a difference of two independent figures on n images is √(p(1 − p)/n + q(1 − q)/n). A step of
    less than two of them is named: only a paired comparison, or repeated runs, could show it. n is the smallest
    that the paper states for the part.
    """
    found = []
    for study in ledger.paper.studies:
        arms = {n: a for n, a in ledger.paper.arms.items() if a.study == study and a.role in {"ablation", "proposed"}}
        members = [(c, p) for name in arms if (c := _accuracy(ledger, study, name)) and (p := _value(c)) is not None]
        sizes = {n for c, _ in members for n in stated_sizes(ledger, c)}
        if len(members) < 3 or not any(arms[c.arm].role == "ablation" for c, _ in members) or not sizes:
            continue
        by_block = _block_steps(ledger, members)
        members.sort(key=lambda m: m[1])
        pairs = by_block or list(itertools.pairwise(members))
        found.append(_draft(members, pairs, min(sizes), by_block=bool(by_block)))
    return found


Member = tuple[Claim, float]


def _block_steps(ledger: Ledger, members: list[Member]) -> list[tuple[Member, Member]]:
    """Return the pairs of results whose networks differ by one block, without and with it; none where blocks are not
    told.

    Blocks are the options of the networks that are true or false; a proposed network that names none has all of them.
    """
    arms, networks = ledger.paper.arms, ledger.paper.networks
    options = [networks[arms[c.arm].network].options for c, _ in members]
    names = {name for o in options for name, on in o.items() if isinstance(on, bool)}
    blocks = [
        frozenset(name for name in names if o.get(name, arms[c.arm].role == "proposed"))
        for (c, _), o in zip(members, options, strict=True)
    ]
    return [
        (a, b)
        for (a, x), (b, y) in itertools.permutations(zip(members, blocks, strict=True), 2)
        if x < y and len(y - x) == 1
    ]


def _accuracy(ledger: Ledger, study: str, arm: str) -> Claim | None:
    """Return the one accuracy printed for an arm as a whole, not called a training accuracy, None without or with
    several."""
    claims = {
        c.value: c
        for c in ledger.own
        if (c.study, c.arm, c.metric) == (study, arm, "accuracy") and not c.class_ and not c.fold and c.split != "train"
    }
    return next(iter(claims.values())) if len(claims) == 1 else None


def _value(claim: Claim) -> float | None:
    interval = score_interval(claim)
    return None if interval is None else float(interval.low + interval.high) / 2


def _draft(members: list[Member], pairs: list[tuple[Member, Member]], n: int, *, by_block: bool) -> Draft:
    what = "results that differ by one block" if by_block else "neighbouring results of the ablation"
    steps = []
    for (a, p), (b, q) in pairs:
        error = 100 * math.sqrt((spread_of_share(p) + spread_of_share(q)) / n)
        steps.append(
            (
                100 * (q - p) < 2 * error,
                f"{b.value} ({b.model}) − {a.value} ({a.model}) at a standard error of {error:.2f}",
            )
        )
    small = [words for close, words in steps if close]
    return Draft(
        check="ablation_steps",
        status="implausible" if small else "consistent",
        kind="arithmetic",
        claims=tuple(c for c, _ in members),
        severity=1 if small else 0,
        statement=f"{len(small)} of the {len(steps)} steps between {what} are smaller than two standard errors."
        if small
        else f"All {len(steps)} steps between {what} exceed two standard errors.",
        witness=f"{'; '.join(words for _, words in steps)}; {n} test images, taken as independent.",
        repair="a paired comparison on the same test images, and repeated runs." if small else "",
    )
