"""Printed parameter counts against known networks, in either convention and with usual heads."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from leukbench.audit.engine.rounding import shown
from leukbench.audit.readings.claims import own
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.known_networks import explain_count, known_network, known_networks
from leukbench.audit.readings.layers import PARAMS, input_sides, parameter_count
from leukbench.papers.schema import Claim, Paper


def check_known_networks(paper: Paper) -> list[Draft]:
    """Parameter counts printed for named networks against their known counts, in either convention, with usual heads."""
    found = []
    for c in own(paper):
        if c.metric not in PARAMS[:2] or (n := parameter_count(c)) is None:
            continue
        network = known_network(c.model) or known_network(
            " ".join(net.printed_name for net in paper.networks.values() if c.id in net.parameters)
        )
        if network is not None:
            found.append(_known_draft(c, n, network, paper))
    return found + _of_other_networks(paper, found)


def _of_other_networks(paper: Paper, drafts: list[Draft]) -> list[Draft]:
    """Return one finding for the printed counts that are those of 1000-class networks, where the problems have fewer classes."""
    classes = sorted({len(s.classes) for s in paper.studies.values()})
    claims = {
        d.claims[0].model: d.claims[0]
        for d in drafts
        if d.status == "consistent" and "although the problem" in d.statement
    }
    if not claims or max(classes) >= 1000:
        return []
    return [
        Draft(
            check="known_networks",
            status="implausible",
            kind="arithmetic",
            claims=tuple(claims.values()),
            severity=1,
            statement=f"The parameter counts printed for {' and '.join(claims)} are those of networks for 1000 classes, not of networks for "
            f"{' or '.join(map(str, classes))}.",
            witness="; ".join(d.statement.rstrip(".") for d in drafts if d.claims[0] in claims.values()) + ".",
            repair="the counts of the networks that were trained, and of these the trained part.",
        )
    ]


def _known_draft(c: Claim, n: int, network: dict[str, Any], paper: Paper) -> Draft:
    reading = explain_count(network, n)
    full = network.get("keras", network["weights"])
    bare = network["headless_weights"]
    reference = f"Known: {network['weights']:,} weights with the 1000-class head, {bare:,} without"
    reference += f" ({full:,} values in the Keras version)." if full != network["weights"] else "."
    classes = " or ".join(str(len(s.classes)) for s in paper.studies.values())
    if reading:
        side = re.search(r"flattened at (\d+) px", reading)
        stated = input_sides(paper, c.model)
        if side and stated and side.group(1) not in stated:
            return Draft(
                check="known_networks",
                status="implausible",
                kind="arithmetic",
                claims=(c,),
                severity=1,
                statement=f"{c.value} parameters of {c.model} fit an input of {side.group(1)} px; {', '.join(sorted(stated))} px is stated.",
                witness=f"{reading}. {reference}",
                repair="the input size of this network, or another head that happens to have as many parameters.",
            )
        thousand = "1000-class" in reading or ("variants" in network and n in network.get("variants", {}).values())
        frozen = (
            c.metric == "params_trainable"
            and n in {network.get("keras")}
            and network.get("keras") != network["weights"]
        )
        return Draft(
            check="known_networks",
            status="consistent",
            kind="arithmetic",
            claims=(c,),
            severity=1 if thousand or frozen else 0,
            statement=f"{c.value} parameters of {c.model} are those of {reading}"
            + (f", although the problem has {classes} classes" if thousand else "")
            + (", counting non-trainable statistics as trainable" if frozen else "")
            + ".",
            witness=reference,
        )
    odd = n > 3 * full or n < bare * 9 // 10
    other = next((w for v in known_networks().values() if v is not network and (w := explain_count(v, n))), "")
    if other:
        return Draft(
            check="known_networks",
            status="implausible",
            kind="arithmetic",
            claims=(c,),
            severity=2,
            statement=f"{c.value} parameters of {c.model} are to the last digit those of another network: {other}.",
            witness=f"{reference} Difference to the named network without one: {n - bare:+,}, which no usual head on it gives.",
            repair="the name of the network in this row, or its count.",
        )
    return Draft(
        check="known_networks",
        status="implausible" if odd else "uncheckable",
        kind="arithmetic",
        claims=(c,),
        severity=2 if odd else 1,
        statement=f"{c.value} parameters of {c.model} are "
        + (
            f"{shown(Fraction(n, bare), 1)} times those of the named network without a head."
            if odd
            else "explained by no usual head on the named network."
        ),
        witness=f"{reference} Difference to the one without head: {n - bare:+,}; heads tried: pooled or flattened, one or two dense layers.",
        repair="the head that was put on it, or the layer table.",
    )


def check_network_sizes(paper: Paper) -> list[Draft]:
    """A statement of fewest parameters can be held against the printed counts; without a count it cannot."""
    found = []
    by_model: dict[str, Claim] = {}
    for c in own(paper):
        if c.metric in PARAMS[:2] and c.model and parameter_count(c) is not None:
            by_model.setdefault(c.model, c)
    proposed = {paper.networks[a.network].printed_name for a in paper.arms.values() if a.role == "proposed"}
    if len(by_model) >= 2:
        least = min(by_model.values(), key=lambda c: parameter_count(c) or 0)
        found.append(
            Draft(
                check="network_sizes",
                status="consistent",
                kind="arithmetic",
                claims=tuple(by_model.values()),
                statement=f"Of the {len(by_model)} networks whose parameters are printed, {least.model} has the fewest.",
                witness=", ".join(f"{m}: {c.value}" for m, c in by_model.items()) + ".",
            )
        )
    elif not by_model and proposed and len(paper.arms) > 1:
        found.append(
            Draft(
                check="network_sizes",
                status="uncheckable",
                kind="arithmetic",
                claims=(),
                where="whole paper",
                severity=1,
                statement="No parameter count is printed for any network, so statements about size or simplicity cannot be checked.",
                repair="the number of parameters of the proposed network and of each baseline.",
            )
        )
    return found
