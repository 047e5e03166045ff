"""Figures quoted from a paper of the suite, against what that paper prints."""

from __future__ import annotations

import functools
import re
from fractions import Fraction

from leukbench.audit.readings.claims import canonical, score_interval
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Claim, Paper
from leukbench.papers.vocabulary import SCORES

FINE = Fraction(2, 100)


@functools.cache
def _suite() -> tuple[Paper, ...]:
    return tuple(load_paper(key) for key in paper_keys())


def proposed_names(paper: Paper) -> frozenset[str]:
    """Return the printed names of the networks that a paper proposes, and its key, in lower-case letters and digits."""
    names = {paper.networks[a.network].printed_name for a in paper.arms.values() if a.role == "proposed"} | {paper.key}
    return frozenset(_plain(n) for n in names)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def quoted_from(claim: Claim, papers: tuple[Paper, ...]) -> Paper | None:
    """Return the paper that a quoted figure names: by a proposed network's name together with its first author or
    its year."""
    text, plain = claim.model.lower(), _plain(claim.model)
    for paper in papers:
        surname = re.split(r"[, ]", paper.citation.authors.strip())[0].lower()
        named = any(len(n) > 4 and n in plain for n in proposed_names(paper))
        if named and (surname in text or paper.citation.year in text):
            return paper
    return None


def check_quoted_figures(ledger: Ledger) -> list[Draft]:
    """A figure quoted from a paper of the suite is one that the paper prints for its own network, under that metric.

    Only papers whose proposed network and first author (or year) the quotation names are looked up, in this suite's
    ledgers.
    """
    quoted = [
        c for c in ledger.paper.claims if c.kind == "cited" and c.metric in SCORES and score_interval(c) and c.model
    ]
    if not quoted:
        return []
    papers = tuple(p for p in _suite() if p.key != ledger.paper.key)
    found = []
    for claim in quoted:
        source = quoted_from(claim, papers)
        if source is not None:
            found.append(_quotation_draft(claim, source))
    return found


def _one_figure(printed: Claim, quoted: Claim) -> bool:
    """Whether two prints can be one score; a print without decimals, such as 1, agrees with too much to tell."""
    a, b = score_interval(printed), score_interval(quoted)
    return a is not None and b is not None and a.meets(b) and a.high - a.low <= FINE


def _quotation_draft(claim: Claim, source: Paper) -> Draft:
    printed = [c for c in source.claims if c.kind == "own" and _one_figure(c, claim)]
    same = [c for c in printed if canonical(c.metric) == canonical(claim.metric)]
    trained = bool(same) and {c.split for c in same} <= {"train"}
    wrong = not same or trained
    if same:
        there = f"printed there ({same[0].where})" + (", as a training figure." if trained else ".")
    else:
        there = f"not printed in that paper under {claim.metric}."
    return Draft(
        check="quoted_figures",
        status="implausible" if wrong else "consistent",
        kind="arithmetic",
        claims=(claim,),
        severity=1 if wrong else 0,
        statement=f"{claim.metric} {claim.value}, quoted for {claim.model}, is {there}",
        witness=_prints_words(claim, source, [c for c in printed if c not in same] if not same else [])
        if wrong
        else f"{source.key}: {same[0].value} at {same[0].where}.",
        repair="the figure as its source prints it, measured on unseen images." if wrong else "",
    )


def _prints_words(claim: Claim, source: Paper, other: list[Claim]) -> str:
    """Return what a quoted paper prints of the quoted metric; ``other``: the same figure under another metric."""
    metric = canonical(claim.metric)
    own = [c for c in source.claims if c.kind == "own" and canonical(c.metric) == metric and not c.class_]
    values = ", ".join(dict.fromkeys(f"{c.value} ({c.model or 'no network named'})" for c in own)) or "none"
    hint = f" {claim.value} stands there as {other[0].metric.replace('_', ' ')}." if other else ""
    return f"{source.key} prints: {values[:400]}.{hint}"
