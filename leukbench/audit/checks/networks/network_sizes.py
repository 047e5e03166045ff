"""Printed parameter counts against known networks, in either convention and with usual heads."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from leukbench.audit.engine.rounding import shown
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.known_networks import CountReading, explain_count, known_network, known_networks
from leukbench.audit.readings.layers import PARAMS, first_counts, input_sides, parameter_count, proposed_networks
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim


def check_known_networks(ledger: Ledger) -> list[Draft]:
    """Parameter counts printed for named networks against their known counts, in either convention, with usual
    heads."""
    found: list[Draft] = []
    of_thousand: list[Draft] = []
    for c in ledger.own:
        if c.metric not in PARAMS[:2] or (n := parameter_count(c)) is None:
            continue
        network = known_network(c.model) or known_network(
            " ".join(net.printed_name for net in ledger.paper.networks.values() if c.id in net.parameters)
        )
        if network is None:
            continue
        reading = explain_count(network, n)
        if reading is None:
            found.append(_unexplained_draft(c, n, network))
        elif (draft := _other_input(c, network, reading, ledger)) is not None:
            found.append(draft)
        else:
            found.append(_known_draft(c, n, network, reading, ledger))
            of_thousand += [found[-1]] if reading.thousand_classes else []
    return found + _of_other_networks(ledger, of_thousand)


def _of_other_networks(ledger: Ledger, drafts: list[Draft]) -> list[Draft]:
    """Return one finding for the printed counts that are those of 1000-class networks, where the problems have
    fewer classes."""
    classes = sorted({len(s.classes) for s in ledger.paper.studies.values()})
    claims = {d.claims[0].model: d.claims[0] for d in drafts}
    if not claims or not classes or max(classes) >= 1000:
        return []
    return [
        Draft(
            check="known_networks",
            topic="1000 classes",
            status="implausible",
            kind="arithmetic",
            claims=tuple(claims.values()),
            severity=1,
            statement=f"The parameter counts printed for {' and '.join(claims)} are those of networks for 1000 "
            "classes, not of "
            f"networks for {' or '.join(map(str, classes))}.",
            witness="; ".join(d.statement.rstrip(".") for d in drafts if d.claims[0] in claims.values()) + ".",
            repair="the counts of the networks that were trained, and of these the trained part.",
        )
    ]


def _reference(network: dict[str, Any]) -> str:
    full, bare = network.get("keras", network["weights"]), network["headless_weights"]
    words = f"Known: {network['weights']:,} weights with the 1000-class head, {bare:,} without"
    return words + (f" ({full:,} values in the Keras version)." if full != network["weights"] else ".")


def _other_input(c: Claim, network: dict[str, Any], reading: CountReading, ledger: Ledger) -> Draft | None:
    """Return the finding that a count belongs to another input size than is stated; None where it fits or none is
    stated."""
    stated = input_sides(ledger, c.model)
    if not reading.flattened_px or not stated or reading.flattened_px in stated:
        return None
    return Draft(
        check="known_networks",
        topic="input size",
        status="implausible",
        kind="arithmetic",
        claims=(c,),
        severity=1,
        statement=f"{c.value} parameters of {c.model} fit an input of {reading.flattened_px} px; "
        f"{', '.join(sorted(stated))} px is stated.",
        witness=f"{reading.words}. {_reference(network)}",
        repair="the input size of this network, or another head that happens to have as many parameters.",
    )


def _known_draft(c: Claim, n: int, network: dict[str, Any], reading: CountReading, ledger: Ledger) -> Draft:
    classes = " or ".join(str(len(s.classes)) for s in ledger.paper.studies.values())
    keras = network.get("keras")
    frozen = c.metric == "params_trainable" and n == keras and keras != network["weights"]
    return Draft(
        check="known_networks",
        status="consistent",
        kind="arithmetic",
        claims=(c,),
        severity=1 if reading.thousand_classes or frozen else 0,
        statement=f"{c.value} parameters of {c.model} are those of {reading.words}"
        + (f", although the problem has {classes} classes" if reading.thousand_classes else "")
        + (", counting non-trainable statistics as trainable" if frozen else "")
        + ".",
        witness=_reference(network),
    )


def _unexplained_draft(c: Claim, n: int, network: dict[str, Any]) -> Draft:
    """Return the finding on a count that the named network has in no usual form: another network's, or far from it,
    or open."""
    bare = network["headless_weights"]
    odd = n > 3 * network.get("keras", network["weights"]) or n < bare * 9 // 10
    far = f"{shown(Fraction(n, bare), 1)} times those of the named network without a head."
    draft = Draft(
        check="known_networks",
        status="implausible" if odd else "uncheckable",
        kind="arithmetic",
        claims=(c,),
        severity=2 if odd else 1,
        statement=f"{c.value} parameters of {c.model} are "
        + (far if odd else "explained by no usual head on the named network."),
        witness=f"{_reference(network)} Difference to the one without head: {n - bare:+,}; heads tried: pooled or "
        "flattened, one or two dense layers.",
        repair="the head that was put on it, or the layer table.",
    )
    other = next((w for v in known_networks().values() if v is not network and (w := explain_count(v, n))), None)
    if other is None:
        return draft
    return replace(
        draft,
        topic="another network",
        status="implausible",
        severity=2,
        statement=f"{c.value} parameters of {c.model} are to the last digit those of another network: {other.words}.",
        witness=f"{_reference(network)} Difference to the named network without one: {n - bare:+,}, which no "
        "usual head on it gives.",
        repair="the name of the network in this row, or its count.",
    )


def check_network_sizes(ledger: Ledger) -> list[Draft]:
    """A statement of fewest parameters can be held against the printed counts; without a count it cannot."""
    by_model = first_counts(ledger)
    if len(by_model) >= 2:
        least = min(by_model.values(), key=lambda c: parameter_count(c) or 0)
        return [
            Draft(
                check="network_sizes",
                status="consistent",
                kind="arithmetic",
                claims=tuple(by_model.values()),
                statement=f"Of the {len(by_model)} networks whose parameters are printed, {least.model} has the "
                "fewest.",
                witness=", ".join(f"{m}: {c.value}" for m, c in by_model.items()) + ".",
            )
        ]
    unknown = not by_model and proposed_networks(ledger) and len(ledger.paper.arms) > 1
    return [_no_counts()] if unknown else []


def _no_counts() -> Draft:
    return Draft(
        check="network_sizes",
        status="uncheckable",
        kind="arithmetic",
        claims=(),
        where="whole paper",
        severity=1,
        statement="No parameter count is printed for any network, so statements about size or simplicity cannot be "
        "checked.",
        repair="the number of parameters of the proposed network and of each baseline.",
    )
