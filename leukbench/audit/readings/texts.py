"""What the wording of a claim's place and condition tells: epochs, seconds, plain text."""

from __future__ import annotations

import re
from fractions import Fraction

from leukbench.audit.engine.rounding import printed_number
from leukbench.papers.schema import Claim, Paper


def epoch_of(claim: Claim) -> int | None:
    """Return the epoch that a claim's condition names, None where it names none."""
    match = re.fullmatch(r"(?:.*\b)?epoch\s+(\d+)", claim.condition.strip())
    return int(match.group(1)) if match else None


def fact_of(paper: Paper, fact: str, study: str) -> str:
    """Return what a paper says of a protocol fact for a study (``fact.<study>``), else for all; "" without a word."""
    return paper.protocol_facts.get(f"{fact}.{study}", paper.protocol_facts.get(fact, ""))


TIMES = ("time_s",)


def seconds(claim: Claim) -> Fraction | None:
    """Return a printed time in seconds: plain with its unit, or like 161m19s, 161 min 20 s, 2:41:19.

    >>> seconds(Claim(id="p.a", metric="time_s", value="161m19s", where="T"))
    Fraction(9679, 1)
    """
    text = claim.value.lower().replace(",", "").strip()
    factor = {"min": 60, "h": 3600}.get(claim.unit, 1)
    number = printed_number(text)
    if number is not None:
        return Fraction(number) * factor
    parts = {unit: Fraction(value) for value, unit in re.findall(r"(\d+(?:\.\d+)?)\s*(h|m|s)", text)}
    if parts:
        return sum((parts.get(u, Fraction(0)) * f for u, f in (("h", 3600), ("m", 60), ("s", 1))), Fraction(0))
    pieces = text.split(":")
    if len(pieces) in {2, 3} and all(p.isdigit() for p in pieces):
        return Fraction(sum(int(p) * 60**i for i, p in enumerate(reversed(pieces))))
    return None


def plain_text(c: Claim) -> str:
    return re.sub(r"[\s,]", "", c.value.lower().replace("×", "x").replace("%", ""))
