"""The layer table of a paper: its rows, shapes, kinds, and the networks that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.ledger import Ledger
from leukbench.papers.schema import Claim

PARAMS = ("params_total", "params_trainable", "params_nontrainable")


def parameter_count(claim: Claim) -> int | None:
    """Return a printed parameter count; None where it is in millions or no whole number."""
    if claim.unit == "million" or re.search(r",\d{1,2}(\D|$)|,\d{4,}", claim.value):
        return None
    return count_of(claim)


def first_counts(ledger: Ledger) -> dict[str, Claim]:
    """Return the first whole parameter count printed for each network, in all or trainable."""
    found: dict[str, Claim] = {}
    for c in ledger.own:
        if c.metric in PARAMS[:2] and c.model and parameter_count(c) is not None:
            found.setdefault(c.model, c)
    return found


def proposed_networks(ledger: Ledger) -> set[str]:
    """Return the printed names of the networks that the paper proposes."""
    arms = ledger.paper.arms.values()
    return {ledger.paper.networks[arm.network].printed_name for arm in arms if arm.role == "proposed"}


def layers(ledger: Ledger, model: str) -> list[tuple[str, Claim | None, Claim | None]]:
    """Return (condition, params claim, shape claim) of a model's layer table, in its order, each layer once."""
    found: dict[str, list[Claim | None]] = {}
    for c in ledger.own:
        if c.model == model and c.metric in {"params_layer", "output_shape"} and c.condition:
            slot = found.setdefault(c.condition, [None, None])
            i = 0 if c.metric == "params_layer" else 1
            slot[i] = slot[i] or c
    return [(name, p, s) for name, (p, s) in sorted(found.items(), key=lambda kv: _position(kv[0]))]


def _position(condition: str) -> tuple[int, str]:
    match = re.match(r"\s*(\d+)", condition)
    return (int(match.group(1)) if match else 10**6, condition)


def models_of(ledger: Ledger) -> list[str]:
    return list(dict.fromkeys(c.model for c in ledger.own if c.model))


def shape_of(text: str) -> tuple[int, ...] | None:
    """Return the sizes of a printed output shape without the batch.

    >>> shape_of("(None, 220, 220, 32)"), shape_of("(None) (10,10,1536)"), shape_of("11 × 11 × 64")
    ((220, 220, 32), (10, 10, 1536), (11, 11, 64))
    """
    sizes = tuple(int(x) for x in re.findall(r"\d+", text))
    return sizes or None


def distinct_counts(claims: Iterable[Claim], model: str, metric: str) -> list[Claim]:
    return list(
        {
            parameter_count(c): c
            for c in reversed(tuple(claims))
            if c.model == model and c.metric == metric and parameter_count(c) is not None and not c.derived_from
        }.values()
    )


KINDS = {
    "batchnorm": ("batchnorm",),
    "globalpool": ("globalaverage", "globalmax", "gap"),
    "pool": ("pool",),
    "conv": ("conv",),
    "flatten": ("flatten",),
    "dropout": ("dropout",),
    "dense": ("dense", "fullyconnected", "linear"),
}
BLOCKS = ("block", "module", "bottleneck", "residual", "inception", "mbconv", "densenet", "attention", "lstm", "gem")


def layer_kind(name: str) -> str:
    """Return what a layer of this name is: batchnorm, globalpool, pool, conv, flatten, dropout, dense or other.

    A row that names several layers, or a block of them, is other: its count is theirs together.

    >>> layer_kind("Conv2D_1"), layer_kind("Global average pooling"), layer_kind("Dense + dropout")
    ('conv', 'globalpool', 'other')
    """
    text = re.sub(r"[^a-z]", "", name.lower())
    if any(w in text for w in BLOCKS):
        return "other"
    kinds = [k for k, words in KINDS.items() if any(w in text for w in words)]
    if "globalpool" in kinds and "pool" in kinds:
        kinds.remove("pool")
    return kinds[0] if len(kinds) == 1 else "other"


Layer = tuple[str, Claim | None, Claim | None]


def layer_steps(ledger: Ledger, model: str, table: list[Layer]) -> Iterator[tuple[tuple[int, ...] | None, Layer]]:
    """Yield each layer of a table with the shape that comes into it, None where that is not printed."""
    before: tuple[int, ...] | None = _input_shape(ledger, model)
    for layer in table:
        yield before, layer
        if layer[2] is not None:
            before = shape_of(layer[2].value)


def _input_shape(ledger: Ledger, model: str) -> tuple[int, ...] | None:
    for c in ledger.own:
        if (
            c.metric == "image_size"
            and c.model in {model, ""}
            and ("input" in c.condition or ("resiz" in c.condition and "before" not in c.condition))
        ):
            sizes = shape_of(c.value)
            if sizes:
                return (sizes[0], sizes[1] if len(sizes) > 1 else sizes[0], 3)
    return None


def input_sides(ledger: Ledger, model: str) -> set[str]:
    """Return the input sides in pixels that the paper states for a network, or for all."""
    sizes = [c for c in ledger.own if c.metric == "image_size" and "input" in c.condition and c.model in {model, ""}]
    return {str(s[0]) for c in sizes if (s := shape_of(c.value))}
