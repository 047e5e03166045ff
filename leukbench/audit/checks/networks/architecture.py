"""Architecture arithmetic: totals against layer tables, shapes against kernels, output units."""

from __future__ import annotations

import itertools
import re

from leukbench.audit.engine.layer_counts import (
    Count,
    batch_norm_counts,
    convolution_counts,
    dense_counts,
    pooled_sides,
)
from leukbench.audit.engine.rounding import printed_number
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.known_networks import known_network
from leukbench.audit.readings.layers import (
    PARAMS,
    distinct_counts,
    layer_kind,
    layer_steps,
    layers,
    models_of,
    parameter_count,
    shape_of,
)
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim


def check_layer_totals(ledger: Ledger) -> list[Draft]:
    """The parameters of the layers add up to the total, and without half of each batch norm's to the trainable ones."""
    found = []
    for model in models_of(ledger):
        table = [(name, c) for name, c, _ in layers(ledger, model) if c is not None and parameter_count(c) is not None]
        if len(table) < 2:
            continue
        total = sum(parameter_count(c) or 0 for _, c in table)
        frozen = sum((parameter_count(c) or 0) // 2 for name, c in table if layer_kind(name) == "batchnorm")
        inner = _network_in(table)
        for c in distinct_counts(ledger.own, model, "params_total"):
            if frozen and parameter_count(c) == total - frozen:
                found.append(
                    Draft(
                        check="layer_totals",
                        status="consistent",
                        kind="arithmetic",
                        claims=(c, *(x for _, x in table)),
                        severity=1,
                        statement=f"{c.value}, given as the number of parameters of {model}, is that of the "
                        f"trainable ones; all are {total:,}.",
                        witness=f"{' + '.join(x.value for _, x in table if parameter_count(x))} = {total}, less "
                        f"{frozen} statistics of batch "
                        f"norms = {total - frozen}.",
                    )
                )
                continue
            found.append(_total_draft(c, [x for _, x in table], total, "parameters in all"))
        for c in distinct_counts(ledger.own, model, "params_trainable"):
            if inner is None:
                found.append(
                    _total_draft(
                        c,
                        [x for _, x in table],
                        total - frozen,
                        "trainable parameters",
                        f" less {frozen} statistics of batch norms (half of their parameters)" if frozen else "",
                    )
                )
            else:
                found.append(
                    _total_draft(
                        c,
                        [x for _, x in table],
                        total - inner[1],
                        "trainable parameters",
                        f" less the {inner[1]} non-trainable values of {inner[0]}",
                    )
                )
    return found


def _network_in(table: list[tuple[str, Claim]]) -> tuple[str, int] | None:
    """Return (name, non-trainable values) of a whole known network that is one line of the layer table."""
    for name, claim in table:
        network = known_network(name)
        if network is not None and "headless_keras" in network and parameter_count(claim) == network["headless_keras"]:
            return name, network["headless_keras"] - network["headless_weights"]
    return None


def _total_draft(c: Claim, parts: list[Claim], value: int, what: str, note: str = "") -> Draft:
    stated = parameter_count(c) or 0
    good = value == stated
    sums = " + ".join(str(parameter_count(p)) for p in parts if parameter_count(p))
    return Draft(
        check="layer_totals",
        status="consistent" if good else "inconsistent",
        kind="arithmetic",
        claims=(c, *parts),
        severity=0 if good else 1,
        statement=f"The layers of {c.model} have {value:,} {what}; {stated:,} are stated"
        + ("." if good else f", {stated - value:+,} different."),
        witness=f"{sums}{note} = {value}.",
        repair="" if good else "the count belongs to another version of the network (another head).",
        members=() if good else ((c.id,), *((p.id,) for p in parts)),
    )


def check_total_split(ledger: Ledger) -> list[Draft]:
    """Total = trainable + non-trainable parameters."""
    found = []
    for model in models_of(ledger):
        values = {m: distinct_counts(ledger.own, model, m) for m in PARAMS}
        if any(not v for v in values.values()):
            continue
        options = [
            (t, a, b)
            for t in values["params_total"]
            for a in values["params_trainable"]
            for b in values["params_nontrainable"]
        ]
        by_place = [o for o in options if o[0].where == o[1].where == o[2].where] or options
        total, trainable, rest = by_place[0]
        value = (parameter_count(trainable) or 0) + (parameter_count(rest) or 0)
        stated = parameter_count(total) or 0
        good = value == stated
        found.append(
            Draft(
                check="total_split",
                status="consistent" if good else "inconsistent",
                kind="arithmetic",
                claims=(total, trainable, rest),
                severity=0 if good else 1,
                statement=f"Trainable and non-trainable parameters of {model} add up to {value:,}; {stated:,} are "
                "stated.",
                witness=f"{trainable.value} + {rest.value} = {value}; total {total.value}"
                + ("." if good else f", {stated - value:+}."),
                repair="" if good else "two of the three belong to different versions of the network.",
                members=() if good else ((total.id,), (trainable.id,), (rest.id,)),
            )
        )
    return found


def check_layer_parameters(ledger: Ledger) -> list[Draft]:
    """Is each layer's number of parameters one that a usual layer of its printed shapes has?

    Convolutions with any usual kernel, stride, padding and dilation that make the one shape of the other, plain,
    grouped, depth-wise or separable as their name says, dense layers, with a bias or without; batch norm in any
    convention; 0 for layers without weights (:mod:`leukbench.audit.engine.layer_counts`). A printed kernel is named
    where another explains the count.
    """
    found = []
    for model in models_of(ledger):
        table = layers(ledger, model)
        if sum(s is not None for _, _, s in table) < 3:
            continue
        lines, bad, used = [], [], []
        conflicts: list[tuple[tuple[str, ...], ...]] = []
        for before, (name, params, shape) in layer_steps(ledger, model, table):
            stated = parameter_count(params) if params is not None else None
            options = _options(name, before, shape_of(shape.value) if shape else None)
            if params is None or stated is None or not options:
                continue
            used.append(params)
            fitting = next((o for o in options if o.value == stated), None)
            usual = options[0]
            lines.append(
                f"{name}: {fitting.words} = {stated}"
                if fitting is not None
                else f"{name}: {usual.words} = {usual.value}, printed {params.value}"
            )
            if fitting is None:
                bad.append(params)
                conflicts.append(((params.id,), (shape.id,)) if shape is not None else ((params.id,),))
        if used:
            found.append(_layers_draft(model, used, bad, lines, conflicts))
    return found


def _layers_draft(
    model: str,
    used: list[Claim],
    bad: list[Claim],
    lines: list[str],
    conflicts: list[tuple[tuple[str, ...], ...]],
) -> Draft:
    return Draft(
        check="layer_parameters",
        status="inconsistent" if bad else "consistent",
        kind="arithmetic",
        claims=tuple(bad or used),
        severity=1 if bad else 0,
        statement=f"The parameters of {len(used)} layers of {model} follow from their shapes"
        + (f" but for {len(bad)}, which no usual layer of these shapes has." if bad else "."),
        witness="; ".join(lines) + ".",
        repair="another shape or count, or a kind of layer that is not named." if bad else "",
        more=tuple(conflicts),
    )


def _options(name: str, before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> list[Count]:
    """Return the counts that a layer of this name can have between two shapes, most usual first; none where that is
    open."""
    kind, text = layer_kind(name), name.lower()
    if kind in {"pool", "globalpool", "flatten", "dropout"}:
        return [Count(0, "no weights")]
    if after is None or before is None:
        return []
    if kind == "batchnorm":
        return list(batch_norm_counts(after[-1]))
    if kind == "dense" and len(before) == 1:
        return list(dense_counts(before[0], after[-1]))
    if kind == "conv" and len(before) == len(after) == 3:
        return list(
            convolution_counts(
                before,
                after,
                separable="separable" in text,
                depthwise="depthwise" in text.replace("-", ""),
                transposed="transpose" in text or "deconv" in text,
            )
        )
    return []


def check_pooling_shapes(ledger: Ledger) -> list[Draft]:
    """Which pooling kernels, strides and paddings give the printed sides, and whether the stated kernels are among
    them."""
    found = []
    for model in models_of(ledger):
        steps = []
        for before, (name, _, shape) in layer_steps(ledger, model, layers(ledger, model)):
            after = shape_of(shape.value) if shape else None
            if layer_kind(name) == "pool" and before and after and len(before) == len(after) == 3 and shape is not None:
                steps.append((before[0], after[0], shape, name))
        if not steps:
            continue
        settings = list(itertools.product((2, 3, 4, 5), (1, 2, 3), ("no padding", "same padding")))
        fitting = [x for x in settings if all(_pooled(a, *x) == b for a, b, _, _ in steps)]
        stated = [
            c
            for c in ledger.own
            if c.metric == "kernel_size" and "pool" in c.condition.lower() and c.model in {model, ""}
        ]
        kernels = {int(re.findall(r"\d+", c.value)[0]): c for c in stated if re.findall(r"\d+", c.value)}
        words = ", ".join(f"{a} to {b}" for a, b, _, _ in steps)
        for kernel, claim in sorted(kernels.items()):
            good = any(k == kernel for k, _, _ in fitting)
            single = {(a, b): [x for x in settings if x[0] == kernel and _pooled(a, *x) == b] for a, b, _, _ in steps}
            never = ", ".join(f"{a} to {b}" for a, b in single if b not in pooled_sides(a, kernel))
            options = (
                "; ".join(f"{k}×{k} with stride {s}, {p}" for k, s, p in fitting) or "none with one setting for all"
            )
            found.append(
                Draft(
                    check="pooling_shapes",
                    status="consistent" if good else "inconsistent" if never else "implausible",
                    kind="arithmetic",
                    claims=(claim, *(c for _, _, c, _ in steps)),
                    severity=0 if good else 1,
                    statement=f"{kernel}×{kernel} pooling, stated for {model}, "
                    + (
                        "gives the sides of the layer table."
                        if good
                        else "does not give the sides of the layer table."
                        if never
                        else "gives the sides of the layer table with no one stride and padding."
                    ),
                    witness=f"Sides: {words}. Kernels, strides and paddings that give all of them: {options}."
                    + ("" if good else f" {kernel}×{kernel} gives {_ways(single, never)}."),
                    repair="" if good else f"{options}.",
                )
            )
    return found


def _ways(single: dict[tuple[int, int], list[tuple[int, int, str]]], never: str) -> str:
    """Return in words how one kernel gives each step by itself, or the steps that it never gives."""
    if never:
        return f"{never} in no way"
    return "; ".join(
        f"{a} to {b} with stride {ways[0][1]}, {ways[0][2]}" if ways else f"{a} to {b} with a padding of its own"
        for (a, b), ways in single.items()
    )


def _pooled(side: int, kernel: int, stride: int, padding: str) -> int:
    return (side - kernel) // stride + 1 if padding == "no padding" else -(-side // stride)


def check_output_units(ledger: Ledger) -> list[Draft]:
    """The output layer has one unit per class (or one for a binary problem)."""
    found = []
    sizes = sorted({len(s.classes) for s in ledger.paper.studies.values()})
    for c in ledger.own:
        last = c.metric == "output_shape" and c.condition and c.model and layers(ledger, c.model)[-1][0] == c.condition
        if not (last or (c.metric == "n_units" and "output" in c.condition)):
            continue
        if last and layer_kind(c.condition) != "dense" and not re.search("softmax|output|classif", c.condition.lower()):
            continue  # a table may end before the layer that classifies
        shape = shape_of(c.value) if last else ((int(n),) if (n := printed_number(c.value)) is not None else None)
        if not shape or len(shape) != 1:
            continue
        good = shape[-1] in sizes or (shape[-1] == 1 and 2 in sizes)
        found.append(
            Draft(
                check="output_units",
                status="consistent" if good else "inconsistent",
                kind="arithmetic",
                claims=(c,),
                severity=0 if good else 1,
                statement=f"The output layer of {c.model} has {shape[-1]} units; the paper's problems have "
                f"{' and '.join(map(str, sizes))} classes.",
                witness=f"{c.value} at {c.where}.",
                repair="" if good else f"{' or '.join(map(str, sizes))} units; or a class that is not named.",
            )
        )
    return list({(d.claims[0].model, d.claims[0].metric, d.claims[0].value): d for d in found}.values())
