"""Parts that are a usual share of a public pool to the image: which pool was cut, and by which share."""

from __future__ import annotations

import math
from fractions import Fraction

from leukbench.audit.engine.rounding import printed_number, shown
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.public_counts import facts_of, public_class
from leukbench.audit.readings.whole_numbers import counted, number_of
from leukbench.papers.schema import Claim
from leukbench.papers.vocabulary import AUGMENTED

USUAL_PERCENT = (5, 10, 15, 20, 25, 30, 40, 50)
SMALLEST_POOL = 500
"""A pool of n images has n/100 numbers a per cent; of fewer than this a usual share is met by accident too often."""


def check_pool_shares(ledger: Ledger) -> list[Draft]:
    """Is a test or validation part a usual share of a public pool, to the image, and is it the share that the paper
    states?

    ⌊sn⌋, ⌈sn⌉ or round(sn) of a pool of n images, over all classes or of one; of the eight usual shares about one
    number in n/24 is such by accident. Where another share is stated, the two are named together.
    """
    found = []
    for c in counted(ledger, "n_images"):
        known = facts_of(ledger, c.study)
        if known is None or c.split not in {"test", "validation"} or c.of_fold or c.condition == AUGMENTED:
            continue
        name = public_class(known[1], c.class_) if c.class_ else "total"
        pools = {
            p: v[name] for p, v in known[1]["pools"].items() if name is not None and v.get(name, 0) >= SMALLEST_POOL
        }
        hits = [(p, n, s) for p, n in pools.items() for s in USUAL_PERCENT if _is_share(number_of(c), n, s)]
        if hits:
            found.append(_share_draft(ledger, c, *hits[0]))
    return list({(d.claims[0].split, d.claims[0].class_, d.claims[0].value): d for d in found}.values())


def _is_share(part: int, pool: int, percent: int) -> bool:
    exact = Fraction(percent * pool, 100)
    return part in {math.floor(exact), math.ceil(exact)}


def _share_draft(ledger: Ledger, c: Claim, pool: str, n: int, percent: int) -> Draft:
    stated = next(
        (
            s
            for s in ledger.own
            if s.metric == "share" and s.split == c.split and s.study in {c.study, ""} and s.unit == "%"
        ),
        None,
    )
    other = stated is not None and printed_number(stated.value) != percent
    what = f"{c.value} {c.split} images{' of ' + c.class_ if c.class_ else ''}"
    return Draft(
        check="pool_shares",
        status="implausible" if other else "consistent",
        kind="protocol",
        claims=(c, *((stated,) if stated is not None else ())),
        severity=1,
        statement=f"{what} are {percent} % of the public {pool} pool, to the image"
        + (f", not the {stated.value.strip('%')} % stated." if other and stated is not None else "."),
        witness=f"{percent} % of {n} is {shown(Fraction(percent * n, 100), 2)}; stated: {c.value}.",
        repair="the share and the pool that the test images were cut from." if other else "",
    )
