"""Computing: multiply-adds that a printed layer table means, beside those of the named networks, where less
computing is claimed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.known_networks import known_network
from leukbench.audit.readings.layers import layer_kind, layer_steps, layers, shape_of
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim


def layer_multiply_adds(ledger: Ledger, model: str) -> tuple[dict[str, int], tuple[Claim, ...]]:
    """Return the multiply-adds of one image for each convolution and dense layer of a printed table, and its shape
    claims.

    A convolution of stride 1 without padding makes h·w·c_out sums of k²·c_in products, k the loss of side plus 1; a
    dense layer in·out. Layers whose shapes do not follow so are left out, so that the sum is a lower bound.
    """
    found: dict[str, int] = {}
    claims = []
    for before, (name, _, shape) in layer_steps(ledger, model, layers(ledger, model)):
        after = shape_of(shape.value) if shape else None
        if before is None or after is None or shape is None:
            continue
        if layer_kind(name) == "conv" and len(before) == len(after) == 3 and before[0] >= after[0] > before[0] // 2:
            side = before[0] - after[0] + 1
            found[name] = math.prod(after) * side * side * before[2]
        elif layer_kind(name) == "dense" and len(before) == len(after) == 1:
            found[name] = before[0] * after[0]
        else:
            continue
        claims.append(shape)
    return found, tuple(claims)


def check_computing(ledger: Ledger) -> list[Draft]:
    """Fewer parameters are not less computing: where the paper claims less of it, the layer table is counted and
    times are looked for.

    The table's multiply-adds (a lower bound) are held against those of the named networks that the paper prints
    parameters for, each in its most expensive usual version.
    """
    claim = ledger.paper.protocol_facts.get("complexity_claim", "")
    if not claim:
        return []
    timed = {c.model for c in ledger.own if c.metric == "time_s" and c.model}
    found = [] if len(timed) > 1 else [_untimed(claim)]
    models = dict.fromkeys(c.model for c in ledger.own if c.metric in {"params_total", "params_trainable"} and c.model)
    others = {m: int(n["multiply_adds"]) for m in models if (n := known_network(m)) and "multiply_adds" in n}
    for model in models:
        table, claims = layer_multiply_adds(ledger, model)
        if len(table) >= 2 and others and model not in others:
            found.append(_counted_draft(model, table, claims, others, claim))
    return found


def _counted_draft(
    model: str, table: Mapping[str, int], claims: tuple[Claim, ...], others: Mapping[str, int], claimed: str
) -> Draft:
    """Return the finding on a layer table's multiply-adds beside those of named networks, against what is claimed."""
    total = sum(table.values())
    less = [m for m, n in others.items() if n < total]
    words = ", ".join(f"{m} {n / 1e9:.2f}" for m, n in sorted(others.items(), key=lambda x: x[1]))
    return Draft(
        check="computing",
        status="implausible" if less else "consistent",
        kind="arithmetic",
        claims=claims,
        severity=1 if less else 0,
        statement=f"By its layer table {model} needs {total / 1e9:.2f} thousand million multiply-adds an image, "
        + (
            f"more than {' and '.join(less)}, although less computing is claimed."
            if less
            else "fewer than every network beside it."
        ),
        witness=f"{'; '.join(f'{name}: {n:,}' for name, n in table.items())}; sum {total:,}. Named "
        f"networks, in thousand millions: {words}. Claimed: {claimed}.",
        repair="measured times on one machine; fewest parameters is another statement." if less else "",
    )


def _untimed(claim: str) -> Draft:
    return Draft(
        check="computing",
        status="uncheckable",
        kind="arithmetic",
        claims=(),
        severity=1,
        where="whole paper",
        statement="Less computing or time is claimed, but no times of several networks are printed.",
        witness=f"Claimed: {claim}.",
        repair="the times of training and of one image for each network, on one machine.",
    )
