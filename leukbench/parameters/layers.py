"""Printed layer tables beside the layers of our networks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from leukbench.papers.schema import Claim
from leukbench.parameters.printed import (
    NO_READING,
    PaperNetworks,
    Printed,
    Row,
    base_row,
    conventions,
    fits,
    networks_of,
    normalisation_values,
    printed_count,
    printed_counts,
    shapes_of,
    unmatched_row,
)

if TYPE_CHECKING:
    from torch import nn

    from leukbench.parameters.counting import ParameterCount

_KINDS = (
    ("backbone", r"functional"),
    ("pool", r"pool"),
    ("norm", r"norm"),
    ("convolution", r"conv"),
    ("dense", r"dense|linear|fully.connected"),
    ("flatten", r"flatten"),
    ("dropout", r"dropout"),
)
_WITHOUT_PARAMETERS = frozenset({"pool", "flatten", "dropout"})


def layer_rows(networks: PaperNetworks) -> Iterator[Row]:
    """Yield one row per own ``params_layer`` claim, table by table, each table beside the network that it fits best.

    The i-th printed layer of a kind (convolution, norm, dense, pool ...) is held against our i-th of that kind.
    """
    tables: dict[tuple[str, str, str], list[Claim]] = {}
    for claim in printed_counts(networks.paper):
        if claim.metric == "params_layer" and claim.kind == "own":
            tables.setdefault((claim.where, claim.model, claim.arm), []).append(claim)
    for claims in tables.values():
        yield from _table_rows(networks, sorted(claims, key=lambda c: c.condition))


def _table_rows(networks: PaperNetworks, claims: Sequence[Claim]) -> list[Row]:
    readings = [
        [_row(networks, claim, name, count, shape.n_classes, shape.input_px) for claim, count in matched]
        for name in networks_of(networks.paper, claims[0])
        for shape in shapes_of(networks.paper, claims[0], name)
        for matched in [_matched(networks, claims, name, shape.n_classes, shape.input_px)]
    ]
    if not readings:
        return [unmatched_row(networks.paper, claim) for claim in claims]
    return max(readings, key=lambda rows: sum(row["difference"] == "0" for row in rows))


def _matched(
    networks: PaperNetworks, claims: Sequence[Claim], name: str, n_classes: int, input_px: int
) -> list[tuple[Claim, ParameterCount | None]]:
    """Return our count for each printed layer; None where we have no such layer."""
    network = networks.built(name, input_px, n_classes, True)
    whole_backbone = any(kind_of(claim.condition) == "backbone" for claim in claims)
    ours = _by_kind(network, input_px, whole_backbone=whole_backbone)
    return [(claim, next(ours.get(kind_of(claim.condition), iter(())), None)) for claim in claims]


def kind_of(layer: str) -> str:
    """Return the kind of a layer from its printed name or its class, "" where it is none of ours.

    >>> kind_of("03 MaxPooling2D"), kind_of("BatchNorm2d"), kind_of("17 Dense_1"), kind_of("ReLU")
    ('pool', 'norm', 'dense', '')
    """
    return next((kind for kind, pattern in _KINDS if re.search(pattern, layer, flags=re.IGNORECASE)), "")


def _by_kind(network: nn.Module, input_px: int, *, whole_backbone: bool) -> dict[str, Iterator[ParameterCount]]:
    """Return our layers' counts by kind in the order in which they run;
    the backbone as one layer where it is printed so."""
    from leukbench.parameters.counting import count_backbone_parameters, count_parameters, layer_table

    found: dict[str, list[ParameterCount]] = {}
    if whole_backbone:
        values = normalisation_values(network)
        found["backbone"] = [count_backbone_parameters(network, normalisation_values=values)]
    for layer in layer_table(network, input_px):
        if not (whole_backbone and layer.name.startswith("backbone")):
            found.setdefault(kind_of(layer.type), []).append(count_parameters(network.get_submodule(layer.name)))
    return {kind: iter(counts) for kind, counts in found.items()}


def _row(
    networks: PaperNetworks, claim: Claim, name: str, count: ParameterCount | None, n_classes: int, input_px: int
) -> Row:
    """Return the row of one printed layer."""
    printed, place = printed_count(claim), {"where": _place(claim), "layer": claim.condition}
    inside = count is None and kind_of(claim.condition) in _WITHOUT_PARAMETERS
    if inside:  # ours pools or flattens within another layer; such layers hold no parameters anywhere
        count = _nothing()
    if count is None or printed is None:
        why = "the claim is not one number" if printed is None else "no such layer in ours"
        return {**unmatched_row(networks.paper, claim, reading=why), "network": name, **place}
    reading = _reading(printed, count, inside=inside)
    gap = Decimal(0) if reading != NO_READING else count.keras_total - printed.value
    return {
        **base_row(networks.paper, claim, name), **place, "n_classes": n_classes, "input_px": input_px,
        **conventions(count), "without_head": None, "imagenet_head": None,
        "difference": f"{gap:+,.0f}" if gap else "0", "reading": reading,
    }  # fmt: skip


def _place(claim: Claim) -> str:
    return f"{claim.where}, {claim.condition}" if claim.condition else claim.where


def _nothing() -> ParameterCount:
    from torch import nn

    from leukbench.parameters.counting import count_parameters

    return count_parameters(nn.Identity())


def _reading(printed: Printed, count: ParameterCount, *, inside: bool) -> str:
    same = "part of another layer in ours" if inside else "both conventions"
    options = [
        (same if count.keras_total == count.pytorch_total else "Keras", count.keras_total),
        ("PyTorch", count.pytorch_total),
        ("Keras with a bias", count.keras_total_with_biases),
    ]
    words = next((words for words, value in options if fits(printed, value)), "")
    return f"exact: {words}" if words else NO_READING
