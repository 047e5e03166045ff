"""Architecture arithmetic: totals against layer tables, shapes against kernels, known networks, outputs, loss bounds."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from leukbench.audit.rounding import printed_interval, printed_number, shown
from leukbench.audit.selection import Draft, count_of, own, score_interval
from leukbench.papers.schema import Claim, Paper

PARAMS = ("params_total", "params_trainable", "params_nontrainable")
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


def parameter_count(claim: Claim) -> int | None:
    """Return a printed parameter count; None where it is in millions or no whole number."""
    if claim.unit == "million" or re.search(r",\d{1,2}(\D|$)|,\d{4,}", claim.value):
        return None
    return count_of(claim)


def layers(paper: Paper, model: str) -> list[tuple[str, Claim | None, Claim | None]]:
    """Return (condition, params claim, shape claim) of a model's layer table, in its order, each layer once."""
    found: dict[str, list[Claim | None]] = {}
    for c in own(paper):
        if c.model == model and c.metric in {"params_layer", "output_shape"} and c.condition:
            slot = found.setdefault(c.condition, [None, None])
            i = 0 if c.metric == "params_layer" else 1
            slot[i] = slot[i] or c
    return [(name, p, s) for name, (p, s) in sorted(found.items(), key=lambda kv: _position(kv[0]))]


def _position(condition: str) -> tuple[int, str]:
    match = re.match(r"\s*(\d+)", condition)
    return (int(match.group(1)) if match else 10**6, condition)


def _models(paper: Paper) -> list[str]:
    return list(dict.fromkeys(c.model for c in own(paper) if c.model))


def shape_of(text: str) -> tuple[int, ...] | None:
    """Return the sizes of a printed output shape without the batch.

    >>> shape_of("(None, 220, 220, 32)"), shape_of("(None) (10,10,1536)"), shape_of("11 × 11 × 64")
    ((220, 220, 32), (10, 10, 1536), (11, 11, 64))
    """
    sizes = tuple(int(x) for x in re.findall(r"\d+", text))
    return sizes or None


# ------------------------------------------------------------------------------------------------------- totals


def check_layer_totals(paper: Paper) -> list[Draft]:
    """The parameters of the layers add up to the total, and without half of each batch norm's to the trainable ones."""
    found = []
    for model in _models(paper):
        table = [(name, c) for name, c, _ in layers(paper, model) if c is not None and parameter_count(c) is not None]
        if len(table) < 2:
            continue
        total = sum(parameter_count(c) or 0 for _, c in table)
        frozen = sum((parameter_count(c) or 0) // 2 for name, c in table if layer_kind(name) == "batchnorm")
        inner = _network_in(table)
        for c in _distinct(own(paper), model, "params_total"):
            if frozen and parameter_count(c) == total - frozen:
                found.append(
                    Draft(
                        check="layer_totals",
                        status="consistent",
                        kind="arithmetic",
                        claims=(c, *(x for _, x in table)),
                        severity=1,
                        statement=f"{c.value}, given as the number of parameters of {model}, is that of the trainable ones; all are {total:,}.",
                        witness=f"{' + '.join(x.value for _, x in table if parameter_count(x))} = {total}, less {frozen} statistics of batch "
                        f"norms = {total - frozen}.",
                    )
                )
                continue
            found.append(_total_draft(c, [x for _, x in table], total, "parameters in all"))
        for c in _distinct(own(paper), model, "params_trainable"):
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


def _distinct(claims: list[Claim], model: str, metric: str) -> list[Claim]:
    return list(
        {
            parameter_count(c): c
            for c in reversed(claims)
            if c.model == model and c.metric == metric and parameter_count(c) is not None and not c.derived_from
        }.values()
    )


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


def check_total_split(paper: Paper) -> list[Draft]:
    """Total = trainable + non-trainable parameters."""
    found = []
    for model in _models(paper):
        values = {m: _distinct(own(paper), model, m) for m in PARAMS}
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
                statement=f"Trainable and non-trainable parameters of {model} add up to {value:,}; {stated:,} are stated.",
                witness=f"{trainable.value} + {rest.value} = {value}; total {total.value}"
                + ("." if good else f", {stated - value:+}."),
                repair="" if good else "two of the three belong to different versions of the network.",
                members=() if good else ((total.id,), (trainable.id,), (rest.id,)),
            )
        )
    return found


# ------------------------------------------------------------------------------------------------------- shapes


def layer_kind(name: str) -> str:
    """Return what a layer of this name is: batchnorm, globalpool, pool, conv, flatten, dropout, dense or other."""
    text = re.sub(r"[^a-z]", "", name.lower())
    for kind, words in {
        "batchnorm": ("batchnorm",),
        "globalpool": ("globalaverage", "globalmax", "gap"),
        "pool": ("pool",),
        "conv": ("conv",),
        "flatten": ("flatten",),
        "dropout": ("dropout",),
        "dense": ("dense", "fullyconnected", "linear"),
    }.items():
        if any(w in text for w in words):
            return kind
    return "other"


def check_layer_parameters(paper: Paper) -> list[Draft]:
    """Each layer's parameters follow from its shapes: (k²·c_in + 1)·c_out, (in + 1)·out, 4·c for batch norm, 0 otherwise.

    The kernel side k of a convolution with stride 1 and no padding is the loss of side plus 1.
    """
    found = []
    for model in _models(paper):
        table = layers(paper, model)
        if sum(s is not None for _, _, s in table) < 3:
            continue
        lines, bad, used = [], [], []
        conflicts: list[tuple[tuple[str, ...], ...]] = []
        for before, (name, params, shape) in layer_steps(paper, model, table):
            value = _expected(layer_kind(name), before, shape_of(shape.value) if shape else None)
            if params is None or value is None:
                continue
            used.append(params)
            stated = parameter_count(params)
            lines.append(
                f"{name}: {value[1]} = {value[0]}" + ("" if value[0] == stated else f", printed {params.value}")
            )
            if value[0] != stated:
                bad.append(params)
                conflicts.append(((params.id,), (shape.id,)) if shape is not None else ((params.id,),))
        if used:
            found.append(
                Draft(
                    check="layer_parameters",
                    status="inconsistent" if bad else "consistent",
                    kind="arithmetic",
                    claims=tuple(bad or used),
                    severity=1 if bad else 0,
                    statement=f"The parameters of {len(used)} layers of {model} "
                    + ("follow from their shapes." if not bad else f"follow from their shapes but for {len(bad)}."),
                    witness="; ".join(lines) + ".",
                    repair="another kernel, width or bias setting." if bad else "",
                    more=tuple(conflicts),
                )
            )
    return found


Layer = tuple[str, Claim | None, Claim | None]


def layer_steps(paper: Paper, model: str, table: list[Layer]) -> Iterator[tuple[tuple[int, ...] | None, Layer]]:
    """Yield each layer of a table with the shape that comes into it, None where that is not printed."""
    before: tuple[int, ...] | None = _input_shape(paper, model)
    for layer in table:
        yield before, layer
        if layer[2] is not None:
            before = shape_of(layer[2].value)


def _input_shape(paper: Paper, model: str) -> tuple[int, ...] | None:
    for c in own(paper):
        if (
            c.metric == "image_size"
            and c.model in {model, ""}
            and ("input" in c.condition or ("resiz" in c.condition and "before" not in c.condition))
        ):
            sizes = shape_of(c.value)
            if sizes:
                return (sizes[0], sizes[1] if len(sizes) > 1 else sizes[0], 3)
    return None


def _input_sides(paper: Paper, model: str) -> set[str]:
    """Return the input sides in pixels that the paper states for a network, or for all."""
    sizes = [c for c in own(paper) if c.metric == "image_size" and "input" in c.condition and c.model in {model, ""}]
    return {str(s[0]) for c in sizes if (s := shape_of(c.value))}


def _expected(kind: str, before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> tuple[int, str] | None:
    if kind in {"pool", "globalpool", "flatten", "dropout"}:
        return 0, "no weights"
    if after is None or before is None:
        return None
    if kind == "batchnorm":
        return 4 * after[-1], f"4·{after[-1]}"
    if kind == "dense" and len(before) == 1:
        return (before[0] + 1) * after[-1], f"({before[0]} + 1)·{after[-1]}"
    if kind == "conv" and len(before) == len(after) == 3 and before[0] >= after[0]:
        k = before[0] - after[0] + 1
        return (k * k * before[2] + 1) * after[2], f"({k}²·{before[2]} + 1)·{after[2]}"
    return None


def check_pooling_shapes(paper: Paper) -> list[Draft]:
    """Which pooling kernels, strides and paddings give the printed sides, and whether the stated kernels are among them."""
    found = []
    for model in _models(paper):
        steps = []
        for before, (name, _, shape) in layer_steps(paper, model, layers(paper, model)):
            after = shape_of(shape.value) if shape else None
            if layer_kind(name) == "pool" and before and after and len(before) == len(after) == 3 and shape is not None:
                steps.append((before[0], after[0], shape, name))
        if not steps:
            continue
        settings = list(itertools.product((2, 3, 4, 5), (1, 2, 3), ("no padding", "same padding")))
        fitting = [x for x in settings if all(_pooled(a, *x) == b for a, b, _, _ in steps)]
        stated = [
            c
            for c in own(paper)
            if c.metric == "kernel_size" and "pool" in c.condition.lower() and c.model in {model, ""}
        ]
        kernels = {int(re.findall(r"\d+", c.value)[0]): c for c in stated if re.findall(r"\d+", c.value)}
        words = ", ".join(f"{a} to {b}" for a, b, _, _ in steps)
        for kernel, claim in sorted(kernels.items()):
            good = any(k == kernel for k, _, _ in fitting)
            single = {(a, b): [x for x in settings if x[0] == kernel and _pooled(a, *x) == b] for a, b, _, _ in steps}
            never = ", ".join(f"{a} to {b}" for (a, b), ways in single.items() if not ways)
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
    return "; ".join(f"{a} to {b} with stride {ways[0][1]}, {ways[0][2]}" for (a, b), ways in single.items())


def _pooled(side: int, kernel: int, stride: int, padding: str) -> int:
    return (side - kernel) // stride + 1 if padding == "no padding" else -(-side // stride)


def check_output_units(paper: Paper) -> list[Draft]:
    """The output layer has one unit per class (or one for a binary problem)."""
    found = []
    sizes = sorted({len(s.classes) for s in paper.studies.values()})
    for c in own(paper):
        last = c.metric == "output_shape" and c.condition and c.model and layers(paper, c.model)[-1][0] == c.condition
        if not (last or (c.metric == "n_units" and "output" in c.condition)):
            continue
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
                statement=f"The output layer of {c.model} has {shape[-1]} units; the paper's problems have {' and '.join(map(str, sizes))} classes.",
                witness=f"{c.value} at {c.where}.",
                repair="" if good else f"{' or '.join(map(str, sizes))} units; or a class that is not named.",
            )
        )
    return list({(d.claims[0].model, d.claims[0].metric, d.claims[0].value): d for d in found}.values())


# ------------------------------------------------------------------------------------------------- known networks


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
        stated = _input_sides(paper, c.model)
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
            statement=f"{c.value} parameters of {c.model}: {reading}"
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


# ------------------------------------------------------------------------------------------------------------ losses


def check_loss_bounds(paper: Paper) -> list[Draft]:
    """A mean squared error on softmax outputs is bounded by the accuracy beside it.

    Summed over K outputs a wrongly classified image costs at most 2, a rightly classified one at most 1 − 1/K (its largest
    probability p ≥ 1/K, and (1 − p)² + Σ q² ≤ 1 − p); the mean over outputs divides by K. No loss is negative.
    """
    losses = {r.recipe.loss for r in paper.recipes.values() if r.recipe.output == "softmax"}
    found = []
    accuracies = {
        (c.study, c.model, c.split, c.condition): c for c in own(paper) if c.metric == "accuracy" and not c.class_
    }
    for c in own(paper):
        interval = printed_interval(c.value)
        if c.metric != "loss" or interval is None:
            continue
        scale = Fraction(1, 100) if c.unit == "%" else Fraction(1)
        accuracy = accuracies.get((c.study, c.model, c.split, c.condition))
        share = score_interval(accuracy) if accuracy is not None else None
        if interval.high < 0:
            found.append(
                Draft(
                    check="loss_bounds",
                    status="inconsistent",
                    kind="arithmetic",
                    claims=(c,),
                    severity=1,
                    statement=f"A loss of {c.value} is negative.",
                    witness="None of the usual losses can be.",
                    accused=(c.id,),
                )
            )
        if losses != {"mean_squared_error"} or c.study not in paper.studies or accuracy is None or share is None:
            continue
        k = len(paper.studies[c.study].classes)
        low = share.low if not accuracy.approximate else max(Fraction(0), share.low - Fraction(2, 100))
        bound = (low * (1 - Fraction(1, k)) + (1 - low) * 2) / k
        fits = interval.low * scale <= bound
        found.append(
            Draft(
                check="loss_bounds",
                status="consistent" if fits else "implausible",
                kind="arithmetic",
                claims=(c, accuracy),
                severity=0 if fits else 1,
                statement=f"A loss of {c.value}{c.unit} at an accuracy of {accuracy.value}{accuracy.unit} is "
                + ("possible for" if fits else "larger than")
                + f" a mean squared error on {k} softmax outputs"
                + (" can be." if not fits else "."),
                witness=f"Right images cost at most (1 − 1/{k})/{k}, wrong ones 2/{k}: {shown(low)}·{shown(Fraction(k - 1, k * k))} + "
                f"{shown(1 - low)}·{shown(Fraction(2, k))} = {shown(bound)}; printed {shown(interval.low * scale)} or more.",
                repair=""
                if fits
                else "the loss contains a penalty on the weights, is a sum over outputs, or is a cross-entropy.",
            )
        )
    return found
