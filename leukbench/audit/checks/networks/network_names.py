"""Named networks: scaling factors, counts in millions, and sizes that rest on the heads put on them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from leukbench.audit.engine.rounding import Interval, printed_interval, shown
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.known_networks import known_network, known_networks
from leukbench.audit.readings.layers import PARAMS, first_counts, parameter_count, proposed_networks
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim

SCALING = {
    "efficientnetb0": {"width": Fraction(1), "depth": Fraction(1), "resolution": Fraction(1)},
    "efficientnetb3": {"width": Fraction(12, 10), "depth": Fraction(14, 10), "resolution": Fraction(300, 224)},
}
"""Width, depth and resolution against the smallest of the family (Tan & Le 2019; 300 px against 224)."""


LARGE = Fraction(5, 4)
"""How many times its count with the 1000-class head a network may have before its head has to be explained."""


def check_scaling_factors(ledger: Ledger) -> list[Draft]:
    """Width, depth and resolution of a scaled network against its family's smallest, as its authors define them.

    EfficientNet-B3 (Tan & Le 2019): width 1.2, depth 1.4, resolution 300/224 = 1.34. Printed decimals may be
    rounded or truncated.
    """
    found = []
    for model in dict.fromkeys(c.model for c in ledger.own if c.metric == "scaling_factor"):
        network = known_network(model)
        known = SCALING.get(str(network["names"][0]), {}) if network else {}
        stated = {c.condition: c for c in ledger.own if c.metric == "scaling_factor" and c.model == model}
        if known and set(stated) <= set(known):
            found.append(_scaling_draft(model, stated, known))
    return found


def _scaling_draft(model: str, stated: dict[str, Claim], known: dict[str, Fraction]) -> Draft:
    bad = tuple(c for q, c in stated.items() if not _prints_as(c, known[q]))
    exchanged = zip(bad, reversed(bad), strict=True)
    swapped = len(bad) == 2 and all(_prints_as(c, known[o.condition]) for c, o in exchanged)
    words = "that of the named network." if not bad else "not that of the named network"
    return Draft(
        check="scaling_factors",
        status="inconsistent" if bad else "consistent",
        kind="arithmetic",
        claims=bad or tuple(stated.values()),
        severity=1 if bad else 0,
        statement=f"The scaling stated for {model} is {words}"
        + ("; two factors are exchanged." if swapped else "." if bad else ""),
        witness=f"Stated: {', '.join(f'{q} {c.value}' for q, c in stated.items())}; known: "
        + ", ".join(f"{q} {shown(v, 2)}" for q, v in known.items())
        + ".",
        repair="the factors of the named network, or another network." if bad else "",
    )


def _prints_as(claim: Claim, value: Fraction) -> bool:
    interval = printed_interval(claim.value)
    return interval is not None and interval.contains(value)


def check_counts_in_millions(ledger: Ledger) -> list[Draft]:
    """A count in millions is one of the named network's known counts, and no less than the network has without any
    head."""
    found = []
    for c in ledger.own:
        network = known_network(c.model) if c.metric in PARAMS[:2] and c.unit == "million" else None
        # a comma before four digits cannot part thousands
        interval = printed_interval(re.sub(r",(?=\d{4,}$|\d{1,2}$)", ".", c.value))
        if network is None or interval is None:
            continue
        fields = ("weights", "keras", "headless_weights", "headless_keras")
        hits = [f for f in fields if f in network and interval.times(10**6).contains(network[f])]
        bare = network["headless_weights"]
        printed = interval.times(10**6)
        if hits or printed.high < bare:
            found.append(_millions_draft(c, network, hits, interval.high))
        elif (other := _other_network(network, printed)) or printed.low > LARGE * network["weights"]:
            found.append(_too_many_draft(c, network, other, interval))
    return found


def _other_network(network: dict[str, Any], printed: Interval) -> str:
    """Return the name of another known network whose count with its 1000-class head prints so, "" without one."""
    known = (n for n in known_networks().values() if n is not network)
    return next((str(n["title"]) for n in known if printed.contains(n["weights"])), "")


def _too_many_draft(c: Claim, network: dict[str, Any], other: str, interval: Interval) -> Draft:
    times = shown(interval.low * 10**6 / network["weights"], 2)
    return Draft(
        check="known_networks",
        topic="millions",
        status="implausible",
        kind="arithmetic",
        claims=(c,),
        severity=1,
        statement=f"{c.value} million parameters of {c.model} are "
        + (f"those of {other}." if other else f"{times} times those that it has with its 1000-class head."),
        witness=f"Known: {network['headless_weights']:,} weights without a head, {network['weights']:,} with the "
        "1000-class head.",
        repair="the name of the network in this row, or its count."
        if other
        else "the head that was put on it, or the count.",
    )


def _millions_draft(c: Claim, network: dict[str, Any], hits: list[str], high: Fraction) -> Draft:
    bare = network["headless_weights"]
    return Draft(
        check="known_networks",
        topic="millions",
        status="consistent" if hits else "implausible",
        kind="arithmetic",
        claims=(c,),
        severity=0 if hits else 1,
        statement=f"{c.value} million parameters of {c.model} are "
        + (
            f"those known of it ({hits[0].replace('_', ' ')})."
            if hits
            else "fewer than the named network has without any head."
        ),
        witness=f"Known: {bare:,} weights without a head, {network['weights']:,} with the 1000-class head; "
        "printed: at most "
        f"{shown(high, 4)} million.",
        repair=""
        if hits
        else f"{shown(Fraction(bare, 10**6), 4)} million, or a network that differs from the named one.",
    )


def check_fewest_by_heads(ledger: Ledger) -> list[Draft]:
    """Where the proposed network has the fewest printed parameters: is a named rival smaller in its known
    1000-class version?

    A rival's printed count that exceeds its known one holds a larger head (or is another network's), which the
    comparison then measures.
    """
    by_model = first_counts(ledger)
    least = min(by_model.values(), key=lambda c: parameter_count(c) or 0, default=None)
    if least is None or least.model not in proposed_networks(ledger):
        return []
    limit = parameter_count(least) or 0
    rivals = {m: v for m in by_model if m != least.model and (v := known_network(m)) is not None}
    smaller = {m: v for m, v in rivals.items() if v["weights"] < limit}
    if not smaller:
        return []
    words = "; ".join(
        f"{m}: {by_model[m].value} printed, {v['weights']:,} known with its 1000-class head, "
        f"{v['headless_weights']:,} without"
        for m, v in smaller.items()
    )
    return [
        Draft(
            check="network_sizes",
            status="implausible",
            kind="arithmetic",
            claims=(least, *(by_model[m] for m in smaller)),
            severity=1,
            statement=f"{least.model} has the fewest parameters only beside the count printed for "
            f"{', '.join(smaller)}; as published {'that is' if len(smaller) == 1 else 'these are'} smaller.",
            witness=f"{least.model}: {least.value}. {words}.",
            repair="all networks with the same kind of head.",
        )
    ]
