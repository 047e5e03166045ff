"""Architecture arithmetic: totals against layer tables, shapes against kernels, output units."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace

from leukbench.audit.engine.layer_counts import (
    Count,
    batch_norm_counts,
    convolution_counts,
    dense_counts,
    pooled_sides,
    separable_of_some_input,
)
from leukbench.audit.engine.rounding import printed_number
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.known_networks import known_network
from leukbench.audit.readings.layers import (
    PARAMS,
    Layer,
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
    """The parameters of the layers add up to the total, and without half of each batch norm's to the trainable ones.

    Batch norms printed with their trained values alone (PyTorch) have nothing to leave out. A table that lists layers
    without weights lists all layers; of another one some may be left out, so that a larger total proves nothing. Fewer
    trainable parameters may be those of layers that were not frozen.
    """
    found = []
    for model in models_of(ledger):
        table = _counted_layers(layers(ledger, model))
        if len(table) < 2:
            continue
        for c in distinct_counts(ledger.own, model, "params_total"):
            found.append(_total_draft(c, table, distinct_counts(ledger.own, model, "params_trainable")))
        for c in distinct_counts(ledger.own, model, "params_trainable"):
            found.append(_trainable_draft(c, table))
    return found


@dataclass(frozen=True)
class _Counted:
    """One line of a layer table: its name, its count's claim, the count, and what of it is not trained."""

    name: str
    claim: Claim
    count: int
    statistics: int


def _counted_layers(table: list[Layer]) -> list[_Counted]:
    found = []
    for name, params, shape in table:
        count = parameter_count(params) if params is not None else None
        if params is None or count is None:
            continue
        channels = (shape_of(shape.value) or (0,))[-1] if shape is not None else 0
        with_statistics = layer_kind(name) == "batchnorm" and count != 2 * channels
        network = known_network(name)
        if network is not None and network.get("headless_keras") == count:
            statistics = count - network["headless_weights"]
        else:
            statistics = count // 2 if with_statistics else 0
        found.append(_Counted(name, params, count, statistics))
    return found


def _sum_words(table: list[_Counted]) -> str:
    return " + ".join(str(x.count) for x in table if x.count)


def _total_draft(c: Claim, table: list[_Counted], trainable: list[Claim]) -> Draft:
    stated, total = parameter_count(c) or 0, sum(x.count for x in table)
    frozen = sum(x.statistics for x in table)
    if frozen and stated == total - frozen:
        return Draft(
            check="layer_totals",
            status="consistent",
            kind="arithmetic",
            claims=(c, *(x.claim for x in table)),
            severity=1,
            statement=f"{c.value}, given as the number of parameters of {c.model}, is that of the trainable ones; all "
            f"are {total:,}.",
            witness=f"{_sum_words(table)} = {total}, less {frozen} statistics of batch norms = {total - frozen}.",
        )
    trained = {total - frozen, *(parameter_count(t) or 0 for t in trainable)}
    kept = next((w for n in trained if (w := optimiser_values(n).get(stated - total))), "")
    # without a printed number of trained ones an optimiser may keep values of any part of them
    complete = any(x.count == 0 for x in table) and (bool(trainable) or stated - total > 3 * (total - frozen) + 2)
    draft = _layers_sum_draft(c, table, total, "parameters in all", note=f" (+ {kept})" if kept else "")
    if stated == total or kept:
        return replace(draft, status="consistent", severity=0, repair="", members=())
    if stated > total and not complete:
        return replace(
            draft, status="implausible", members=(), repair=f"layers or values that are not listed; else {draft.repair}"
        )
    return draft


def _trainable_draft(c: Claim, table: list[_Counted]) -> Draft:
    stated, total = parameter_count(c) or 0, sum(x.count for x in table)
    frozen = sum(x.statistics for x in table)
    note = f" less {frozen} statistics of batch norms" if frozen else ""
    draft = _layers_sum_draft(c, table, total - frozen, "trainable parameters", note)
    complete = any(x.count == 0 for x in table)
    if stated == total - frozen:
        return replace(draft, status="consistent", severity=0, repair="", members=())
    if stated < total - frozen:
        return replace(draft, status="implausible", members=(), repair="which layers were frozen; else another count.")
    return draft if complete else replace(draft, status="implausible", members=(), repair="the layers not listed.")


def _layers_sum_draft(c: Claim, table: list[_Counted], value: int, what: str, note: str = "") -> Draft:
    stated, parts = parameter_count(c) or 0, [x.claim for x in table]
    return Draft(
        check="layer_totals",
        status="inconsistent",
        kind="arithmetic",
        claims=(c, *parts),
        severity=1,
        statement=f"The layers of {c.model} have {value:,} {what}; {stated:,} are stated"
        + ("." if value == stated else f", {stated - value:+,} different."),
        witness=f"{_sum_words(table)}{note} = {value}.",
        repair="the count belongs to another version of the network (another head).",
        members=((c.id,), *((p.id,) for p in parts)),
    )


def optimiser_values(trainable: int) -> dict[int, str]:
    """Return the values that an optimiser keeps for so many trainable parameters: Keras 3 counts them in its total.

    A step counter and the learning rate, with a velocity (momentum, RMSprop), two moments (Adam) or three (AMSGrad).
    """
    return {extra * trainable + 2: f"{extra}·{trainable} + 2 values of the optimiser" for extra in (0, 1, 2, 3)}


def check_total_split(ledger: Ledger) -> list[Draft]:
    """Total = trainable + non-trainable parameters, in Keras 3 with the values of the optimiser as well; and where the
    non-trainable ones are not printed, no more are trainable than there are.
    """
    found = []
    for model in models_of(ledger):
        totals, trainable, rest = (distinct_counts(ledger.own, model, metric) for metric in PARAMS)
        options = list(itertools.product(totals, trainable, rest))
        of_one_place = [o for o in options if o[0].where == o[1].where == o[2].where]
        if options:
            found.append(_split_draft(model, *(of_one_place or options)[0]))
        elif totals and trainable and not rest:
            found += [_excess_draft(model, *pair) for pair in itertools.product(totals, trainable) if _exceeds(*pair)]
    return found


def _exceeds(total: Claim, trainable: Claim) -> bool:
    """Whether more parameters are trainable than there are, even if the total is rounded to its last digit but 0."""
    most = str(parameter_count(total) or 0)
    last = int("1" + "0" * (len(most) - len(most.rstrip("0"))))
    return (parameter_count(trainable) or 0) >= int(most) + last


def _excess_draft(model: str, total: Claim, trainable: Claim) -> Draft:
    one_place = total.where == trainable.where
    return Draft(
        check="total_split",
        status="inconsistent" if one_place else "implausible",
        kind="arithmetic",
        claims=(total, trainable),
        severity=1,
        statement=f"More parameters of {model} are trainable than it has in all.",
        witness=f"total {total.value}; trainable {trainable.value}.",
        repair="the two belong to different versions of the network.",
        members=((total.id,), (trainable.id,)) if one_place else (),
    )


def _split_draft(model: str, total: Claim, trainable: Claim, rest: Claim) -> Draft:
    trained = parameter_count(trainable) or 0
    value = trained + (parameter_count(rest) or 0)
    stated = parameter_count(total) or 0
    kept = optimiser_values(trained).get(stated - value, "")
    good = value == stated or bool(kept)
    return Draft(
        check="total_split",
        status="consistent" if good else "inconsistent",
        kind="arithmetic",
        claims=(total, trainable, rest),
        severity=0 if good else 1,
        statement=f"Trainable and non-trainable parameters of {model} add up to {value:,}; {stated:,} are stated.",
        witness=f"{trainable.value} + {rest.value} = {value}; total {total.value}"
        + (f", with {kept}." if kept else "." if good else f", {stated - value:+}."),
        repair="" if good else "two of the three belong to different versions of the network.",
        members=() if good else ((total.id,), (trainable.id,), (rest.id,)),
    )


def check_layer_parameters(ledger: Ledger) -> list[Draft]:
    """Is each layer's number of parameters one that a usual layer of its printed shapes has?

    Convolutions with any usual kernel, stride, padding and dilation that make the one shape of the other, plain,
    grouped, depth-wise or separable as their name says, dense layers, with a bias or without; batch norm in any
    convention; 0 for layers without weights (:mod:`leukbench.audit.engine.layer_counts`). The layer above in the table
    need not be the one that feeds a layer (branches, unlisted layers), so that a count is impossible only where it is
    no multiple of the layer's outputs; another one is only odd.
    """
    found = []
    for model in models_of(ledger):
        table = layers(ledger, model)
        if sum(s is not None for _, _, s in table) < 3:
            continue
        fits = [f for before, layer in layer_steps(ledger, model, table) if (f := _fit(before, layer)) is not None]
        if fits:
            found.append(_layers_draft(model, fits))
    return found


@dataclass(frozen=True)
class _Fit:
    """How a layer's count follows from its shapes: in words; ``impossible`` or only ``odd`` where it does not."""

    params: Claim
    shape: Claim | None
    words: str
    odd: bool = False
    impossible: bool = False


def _fit(before: tuple[int, ...] | None, layer: Layer) -> _Fit | None:
    """Return how a layer's count follows from its shapes, None where nothing is to be said."""
    name, params, shape = layer
    stated = parameter_count(params) if params is not None else None
    after = shape_of(shape.value) if shape else None
    options = _options(name, before, after)
    if params is None or stated is None or not options:
        return None
    fitting = next((o for o in options if o.value == stated), None)
    if fitting is not None:
        return _Fit(params, shape, f"{name}: {fitting.words} = {stated}")
    words = f"{name}: {options[0].words} = {options[0].value}, printed {params.value}"
    of_other_input = after is not None and _of_some_input(name, stated, after[-1])
    return _Fit(params, shape, words, odd=of_other_input, impossible=not of_other_input)


def _of_some_input(name: str, stated: int, outputs: int) -> bool:
    """Whether a convolution or dense layer of so many outputs has this count for some number of inputs."""
    kind = layer_kind(name)
    if "separable" in name.lower():
        return separable_of_some_input(stated, outputs)
    return kind in {"conv", "dense"} and outputs > 0 and stated % outputs == 0


def _layers_draft(model: str, fits: list[_Fit]) -> Draft:
    bad, odd = [f for f in fits if f.impossible], [f for f in fits if f.odd]
    chosen = bad or odd or fits
    return Draft(
        check="layer_parameters",
        status="inconsistent" if bad else "implausible" if odd else "consistent",
        kind="arithmetic",
        claims=tuple(f.params for f in chosen),
        severity=1 if bad or odd else 0,
        statement=f"The parameters of {len(fits)} layers of {model} follow from their shapes"
        + (
            f" but for {len(bad)}, which no usual layer of these shapes has."
            if bad
            else f" but for {len(odd)}, which the layer above in the table does not feed."
            if odd
            else "."
        ),
        witness="; ".join(f.words for f in fits) + ".",
        repair="another shape or count, or a kind of layer that is not named."
        if bad
        else "which layer feeds which, or the layers that are not listed."
        if odd
        else "",
        more=tuple(((f.params.id,), (f.shape.id,)) if f.shape is not None else ((f.params.id,),) for f in bad),
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
        steps = _pooling_steps(ledger, model)
        if not steps:
            continue
        numbers = [
            (re.findall(r"\d+", c.value), c)
            for c in ledger.own
            if c.metric == "kernel_size" and "pool" in c.condition.lower() and c.model in {model, ""}
        ]
        kernels = {int(n[0]): c for n, c in numbers if n}
        found += [_kernel_draft(model, steps, kernel, claim) for kernel, claim in sorted(kernels.items())]
    return found


def _pooling_steps(ledger: Ledger, model: str) -> list[tuple[int, int, Claim]]:
    """Return the sides before and after each pooling layer of a network's layer table, and the claim of the latter."""
    steps = []
    for before, (name, _, shape) in layer_steps(ledger, model, layers(ledger, model)):
        after = shape_of(shape.value) if shape else None
        if layer_kind(name) == "pool" and before and after and len(before) == len(after) == 3 and shape is not None:
            steps.append((before[0], after[0], shape))
    return steps


def _kernel_draft(model: str, steps: list[tuple[int, int, Claim]], kernel: int, claim: Claim) -> Draft:
    """Return the finding on one stated pooling kernel beside the sides of the layer table."""
    sides = [(a, b) for a, b, _ in steps]
    settings = list(itertools.product((2, 3, 4, 5), (1, 2, 3), ("no padding", "same padding")))
    fitting = [x for x in settings if all(_pooled(a, *x) == b for a, b in sides)]
    good = any(k == kernel for k, _, _ in fitting)
    single = {(a, b): [x for x in settings if x[0] == kernel and _pooled(a, *x) == b] for a, b in sides}
    never = ", ".join(f"{a} to {b}" for a, b in single if b not in pooled_sides(a, kernel))
    options = "; ".join(f"{k}×{k} with stride {s}, {p}" for k, s, p in fitting) or "none with one setting for all"
    status = "consistent" if good else "inconsistent" if never else "implausible"
    return Draft(
        check="pooling_shapes",
        status=status,
        kind="arithmetic",
        claims=(claim, *(c for _, _, c in steps)),
        severity=0 if good else 1,
        statement=f"{kernel}×{kernel} pooling, stated for {model}, {_POOLING_GIVES[status]}",
        witness=f"Sides: {', '.join(f'{a} to {b}' for a, b in sides)}. Kernels, strides and paddings that give all of "
        f"them: {options}." + ("" if good else f" {kernel}×{kernel} gives {_ways(single, never)}."),
        repair="" if good else f"{options}.",
    )


_POOLING_GIVES = {
    "consistent": "gives the sides of the layer table.",
    "inconsistent": "does not give the sides of the layer table.",
    "implausible": "gives the sides of the layer table with no one stride and padding.",
}


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
        classifies = bool(re.search("softmax|output|classif", c.condition.lower()))
        if last and layer_kind(c.condition) != "dense" and not classifies:
            continue  # a table may end before the layer that classifies
        shape = shape_of(c.value) if last else ((int(n),) if (n := printed_number(c.value)) is not None else None)
        if shape and len(shape) == 1:
            # the last layer of a table need not be the one that classifies
            found.append(_units_draft(c, shape[0], sizes, named=not last or classifies))
    return list({(d.claims[0].model, d.claims[0].metric, d.claims[0].value): d for d in found}.values())


def _units_draft(c: Claim, units: int, sizes: list[int], *, named: bool) -> Draft:
    """Return the finding on one layer's units beside the numbers of classes; ``named``: it is said to classify."""
    good = units in sizes or (units == 1 and 2 in sizes)
    return Draft(
        check="output_units",
        status="consistent" if good else "inconsistent" if named else "implausible",
        kind="arithmetic",
        claims=(c,),
        severity=0 if good else 1,
        statement=f"The {'output' if named else 'last'} layer of {c.model} has {units} units; the paper's problems "
        f"have {' and '.join(map(str, sizes))} classes.",
        witness=f"{c.value} at {c.where}.",
        repair="" if good else f"{' or '.join(map(str, sizes))} units; or a class that is not named.",
    )
