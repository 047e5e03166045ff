"""Claimed parameter counts beside ours, in both conventions, and the reading that explains each claim."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from leukbench.papers.schema import Claim
from leukbench.parameters.printed import (
    IMAGENET_CLASSES,
    NO_READING,
    TOTALS,
    PaperNetworks,
    Printed,
    Row,
    Shape,
    bare_name,
    base_row,
    conventions,
    fits,
    networks_of,
    printed_count,
    printed_counts,
    shapes_of,
    unmatched_row,
)

if TYPE_CHECKING:
    from leukbench.parameters.counting import ParameterCount


# ------------------------------------------------------------------------------------------------------ the rows


def total_rows(networks: PaperNetworks) -> Iterator[Row]:
    listed = {i for network in networks.paper.networks.values() for i in network.parameters}
    for claim in printed_counts(networks.paper):
        if claim.metric in TOTALS and (claim.kind == "own" or claim.id in listed):
            meant = networks_of(networks.paper, claim)
            yield from [_total_row(networks, claim, name) for name in meant] or [unmatched_row(networks.paper, claim)]


def _total_row(networks: PaperNetworks, claim: Claim, name: str) -> Row:
    shapes = shapes_of(networks.paper, claim, name)
    first = shapes[0]
    bare = Shape(input_px=first.input_px, n_classes=first.n_classes, head=False)
    imagenet = Shape(input_px=first.input_px, n_classes=IMAGENET_CLASSES)
    ours = {shape: networks.counts(name, shape) for shape in (*shapes, imagenet, bare)}
    row = {
        **base_row(networks.paper, claim, name), "n_classes": first.n_classes, "input_px": first.input_px,
        **conventions(ours[first]), "without_head": conventions(ours[bare]),
        "imagenet_head": {"n_classes": IMAGENET_CLASSES, **conventions(ours[imagenet])},
    }  # fmt: skip
    printed = printed_count(claim)
    if printed is None:
        return {**row, "difference": "–", "reading": "the claim is not one number"}
    reading = _reading(printed, claim, ours)
    if reading:
        return {**row, "difference": "0", "reading": reading}
    gap = min((v - printed.value for _, v in _quantities(claim.metric, ours[first])[:2]), key=abs)
    public = _public_reading(printed, claim, networks.paper.networks[name].printed_name)
    return {**row, "difference": f"{gap:+,.0f}", "reading": public or _joined(NO_READING, printed.note)}


# -------------------------------------------------------------------------------------------------- the readings


def _quantities(metric: str, count: ParameterCount) -> list[tuple[str, int]]:
    """Return what a claim of this metric may count, the most natural first."""
    whole = [
        ("Keras total", count.keras_total),
        ("PyTorch total", count.pytorch_total),
        ("Keras total with a bias in every convolution", count.keras_total_with_biases),
    ]
    trainable = [("Keras trainable", count.keras_trainable)]  # PyTorch's are the same
    frozen = [("Keras non-trainable", count.keras_nontrainable), ("batch-norm statistics", count.batch_norm_statistics)]
    return {
        "params_total": [*whole, *trainable],
        "params_trainable": [*trainable, *whole],
        "params_nontrainable": frozen,
    }[metric]


def _reading(printed: Printed, claim: Claim, ours: dict[Shape, ParameterCount]) -> str:
    """Return the first quantity and shape whose count is the claimed one, "" where none is."""
    studied = next(iter(ours)).n_classes
    for shape, count in ours.items():
        for words, value in _quantities(claim.metric, count):
            if fits(printed, value):
                how = "exact" if printed.within <= Decimal("0.5") else f"{value:,} rounds to it"
                return _joined(f"{how}: {words}{_shape_words(shape, studied=studied)}", printed.note)
    return ""


def _shape_words(shape: Shape, *, studied: int) -> str:
    if not shape.head:
        return ", without the head"
    if shape.n_classes == studied:
        return ""
    return f", with {shape.n_classes:,} classes" + (" (ImageNet's head)" if shape.n_classes == IMAGENET_CLASSES else "")


def _public_reading(printed: Printed, claim: Claim, printed_name: str) -> str:
    """Return how a well-known other version of the network has this count, "" where none does."""
    from leukbench.audit.readings.known_networks import explain_count, known_networks

    if printed.value != int(printed.value) or claim.metric == "params_nontrainable":
        return ""
    names = {bare_name(claim.model), bare_name(printed_name)}
    for network in known_networks().values():
        if names & set(network["names"]):
            explained = explain_count(network, int(printed.value))
            return f"not ours, but exact: {explained.words}" if explained else ""
    return ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


# ----------------------------------------------------------------------------------------------------- as text
