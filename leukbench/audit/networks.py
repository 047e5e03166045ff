"""Printed parameter counts against known networks, in either convention and with usual heads."""

from __future__ import annotations

import functools
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from leukbench.audit.layers import PARAMS, input_sides, parameter_count
from leukbench.audit.rounding import shown
from leukbench.audit.selection import Draft, own
from leukbench.papers.schema import Claim, Paper

HEAD_WIDTHS = (
    32,
    64,
    100,
    128,
    200,
    256,
    300,
    400,
    500,
    512,
    600,
    700,
    750,
    800,
    1000,
    1024,
    1280,
    1536,
    2048,
    2560,
    4096,
)


OUTPUTS = (1, 2, 3, 4, 5)


@functools.cache
def known_networks() -> dict[str, dict[str, Any]]:
    """Return the parameter counts of named networks in both conventions."""
    text = Path(__file__).with_name("known_networks.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return {k: v for k, v in facts.items() if not k.startswith("_")}


def known_network(name: str) -> dict[str, Any] | None:
    """Return the facts about the known network that a printed name means, None if it means none."""
    text = re.sub(r"[^a-z0-9]", "", name.lower())
    if "proposed" in text:
        return None
    hits = [v for v in known_networks().values() if any(n in text for n in v["names"])]
    return hits[-1] if hits else None


def explain_count(network: dict[str, Any], count: int) -> str:
    """Return the reading under which a known network has this many parameters, "" if none of the usual heads does.

    >>> explain_count(known_networks()["vgg19"], 45716545)
    'VGG19 without its head, flattened at 224 px (25088), dense 1024, dense 1'
    """
    label = str(network["names"][0]).upper() if len(network["names"][0]) < 6 else str(network["names"][0])
    plain = {
        "weights": "weights with the 1000-class head",
        "keras": "all values of the Keras version with the 1000-class head",
        "keras_trainable": "trainable values with the 1000-class head",
        "headless_weights": "weights without the head",
        "headless_keras": "all values of the Keras version without the head",
    }
    for field, words in plain.items():
        if network.get(field) == count:
            return f"{label}: {words}"
    for words, value in network.get("variants", {}).items():
        if value == count:
            return f"{label}: {words}"
    for field in ("headless_weights", "headless_keras"):
        if field in network and (head := _usual_head(network, count - network[field])):
            extra = (
                "" if field == "headless_weights" or network[field] == network["headless_weights"] else " (all values)"
            )
            return f"{label} without its head{extra}, {head}"
    return ""


def _usual_head(network: dict[str, Any], rest: int) -> str:
    inputs = {f"pooled ({network['features']})": network["features"]}
    inputs |= {
        f"flattened at {px} px ({network['features'] * side**2})": network["features"] * side**2
        for px, side in network.get("sides", {}).items()
    }
    for words, size in inputs.items():
        for norm, cost in (("", 0), ("batch norm, ", 2 * size), ("batch norm (with statistics), ", 4 * size)):
            for outputs in OUTPUTS:
                if cost + (size + 1) * outputs == rest:
                    return f"{words}, {norm}dense {outputs}"
                for width in HEAD_WIDTHS:
                    if cost + (size + 1) * width + (width + 1) * outputs == rest:
                        return f"{words}, {norm}dense {width}, dense {outputs}"
    return ""


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
