"""Printed rows: the claims that one row of a table prints of one model."""

from __future__ import annotations

from dataclasses import dataclass, field

from leukbench.audit.engine.rounding import printed_number
from leukbench.audit.readings.claims import (
    SCORE_METRICS,
    RowKey,
    ScoreName,
    canonical,
    count_of,
    own,
    row_key,
    scale_of,
    score_interval,
)
from leukbench.papers.schema import Claim, Paper

MEANS = {"mean": "mean of its runs or folds", "pooled": "all folds together"}


@dataclass(frozen=True)
class Row:
    """The scores of one result: (metric, class, average) -> its claims, the most precise first.

    ``unstated_folds``: the paper has several folds and does not say whether this is one, all, or their mean.
    """

    key: RowKey
    scores: dict[tuple[str, str, str], tuple[Claim, ...]] = field(default_factory=dict)
    unstated_folds: bool = False

    @property
    def label(self) -> str:
        """A name for sentences."""
        _, model, split, fold, condition, aggregation = self.key
        part = {"test": "test", "validation": "validation", "train": "training"}.get(split, "")
        part += " (assumed)" if part and any(c.split_assumed for c in self.claims()) else ""
        of = MEANS.get(aggregation, aggregation)
        parts = [model or "the result", f"fold {fold}" if fold else "", condition, part, of]
        return ", ".join(p for p in parts if p)

    def claims(self) -> tuple[Claim, ...]:
        """Return one claim a score."""
        return tuple(claims[0] for claims in self.scores.values())


def rows(paper: Paper) -> list[Row]:
    """Return the results of a paper in ledger order, each with its printed scores.

    Where one key has a score with several values, it holds several results, which are told apart by their places.
    """
    found: dict[RowKey, dict[ScoreName, list[Claim]]] = {}
    for claim in own(paper):
        if canonical(claim.metric) in SCORE_METRICS and score_interval(claim) is not None:
            name = (canonical(claim.metric), claim.class_, claim.average)
            found.setdefault(row_key(claim), {}).setdefault(name, []).append(claim)
    folded = {c.study for c in own(paper) if c.metric == "n_folds" and (count_of(c) or 0) > 1}
    return [
        Row(key, scores, not key[3] and not key[5] and bool(folded & {key[0], ""}))
        for key, lists in found.items()
        for scores in _by_place({n: _sets(c) for n, c in lists.items()})
    ]


def _by_place(sets: dict[ScoreName, list[tuple[Claim, ...]]]) -> list[dict[ScoreName, tuple[Claim, ...]]]:
    """Return the scores of each result under one key: one where every score has one value, else one a value of the
    most divided score.

    Another score belongs to the values beside which it stands; if it stands beside none, to the value with most
    company (the first such).
    """
    divided = max(sets, key=lambda name: len(sets[name]))
    if len(sets[divided]) == 1:
        return [{name: options[0] for name, options in sets.items()}]
    company = [
        sum(_together(value, o) for n, os in sets.items() if n != divided for o in os) for value in sets[divided]
    ]
    main = company.index(max(company))
    found: list[dict[ScoreName, tuple[Claim, ...]]] = [{divided: value} for value in sets[divided]]
    for name, options in sets.items():
        for option in options if name != divided else []:
            beside = [i for i, value in enumerate(sets[divided]) if _together(value, option)] or [main]
            for i in beside:
                found[i].setdefault(name, option)
    return [found[main], *(scores for i, scores in enumerate(found) if i != main)]


def _together(a: tuple[Claim, ...], b: tuple[Claim, ...]) -> bool:
    return bool({c.where for c in a} & {c.where for c in b})


def _sets(claims: list[Claim]) -> list[tuple[Claim, ...]]:
    """Return the claims in sets that can each be one value, the largest (else first printed) set first, in it the
    most precise first."""
    sets: list[list[Claim]] = []
    for claim in sorted(claims, key=_coarseness):
        interval = score_interval(claim)
        home = next((g for g in sets if interval and (i := score_interval(g[0])) and i.meets(interval)), None)
        if home is None:
            sets.append([claim])
        else:
            home.append(claim)
    order = {c.id: i for i, c in enumerate(claims)}
    return [tuple(g) for g in sorted(sets, key=lambda g: (-len(g), min(order[c.id] for c in g)))]


def _coarseness(claim: Claim) -> tuple[bool, int]:
    number = printed_number(claim.value)
    exponent = number.as_tuple().exponent if number is not None else 0
    return (claim.approximate, (exponent if isinstance(exponent, int) else 0) + (-2 if scale_of(claim) == 100 else 0))


def headlines(paper: Paper) -> frozenset[str]:
    """Return the ids of the headline claims and of those that print the same figure of the same result."""
    chosen = {study.headline for study in paper.studies.values()}
    heads = [c for c in paper.claims if c.id in chosen]
    same = {
        c.id
        for c in paper.claims
        for h in heads
        if c.metric == h.metric
        and printed_number(c.value) == printed_number(h.value)
        and c.model == h.model
        and c.kind == "own"
    }
    return frozenset(chosen | same)
