"""What a paper prints of a network's parameters, and the shapes and conventions that could be meant."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from leukbench.papers.schema import Claim, Paper
from leukbench.records import NetworkSpec

if TYPE_CHECKING:
    from torch import nn

    from leukbench.parameters.counting import ParameterCount


TOTALS = ("params_total", "params_trainable", "params_nontrainable")


IMAGENET_CLASSES = 1000


KERAS_EFFICIENTNET_NORMALISATION = 7  # mean 3, variance 3, count 1, inside Keras' networks and not in PyTorch's


NO_READING = "no reading found"


Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What decides a network's size: input and number of classes; ``head`` false leaves the head out."""

    input_px: int
    n_classes: int
    head: bool = True


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A printed count: its value, how far rounding may have moved it, and how it was read where that is a choice."""

    value: Decimal
    within: Decimal
    note: str = ""


class PaperNetworks:
    """The networks of one paper, built on torch's meta device: shapes without values, so a large one costs nothing."""

    def __init__(self, paper: Paper, *, folder: str = "") -> None:
        self.paper, self.folder = paper, folder
        self.counts = functools.cache(self._counts)
        self.built = functools.cache(self._built)

    def spec(self, name: str, *, as_printed: bool = False) -> NetworkSpec:
        """Return the network of that name; with ``as_printed`` the builder that keeps the table's layers,
        where one exists."""
        from leukbench.training.network import model_file

        network = self.paper.networks[name]
        spec = NetworkSpec(
            paper=self.paper.key, name=network.builder, options=dict(network.options), folder=self.folder
        )
        literal = f"{network.builder}_as_printed"
        if as_printed and f"def {literal}(" in model_file(spec).read_text(encoding="utf-8"):
            return NetworkSpec(paper=spec.paper, name=literal, options=spec.options, folder=spec.folder)
        return spec

    def _built(self, name: str, input_px: int, n_classes: int, as_printed: bool = False) -> nn.Module:
        import torch

        from leukbench.training.network import build_network

        with torch.device("meta"):
            return build_network(
                self.spec(name, as_printed=as_printed), n_classes=n_classes, input_px=input_px, pretrained=False
            )

    def _counts(self, name: str, shape: Shape) -> ParameterCount:
        from leukbench.parameters.counting import count_backbone_parameters, count_parameters

        network = self.built(name, shape.input_px, shape.n_classes)
        count = count_parameters if shape.head else count_backbone_parameters
        return count(network, normalisation_values=normalisation_values(network))


def normalisation_values(network: nn.Module) -> int:
    """Return how many values Keras' version of a network holds in normalisation layers:
    7 for an EfficientNet, else 0."""
    has_efficientnet = any(type(module).__name__ == "EfficientNet" for module in network.modules())
    return KERAS_EFFICIENTNET_NORMALISATION if has_efficientnet else 0


def networks_of(paper: Paper, claim: Claim) -> list[str]:
    """Return the networks that a claim speaks of: those that list it, else its arm's,
    else those of its model's name."""
    listed = [name for name, network in paper.networks.items() if claim.id in network.parameters]
    if listed or not (claim.arm or claim.model):
        return listed
    if claim.arm:
        return [paper.arms[claim.arm].network]
    return [n for n, network in paper.networks.items() if bare_name(network.printed_name) == bare_name(claim.model)]


def bare_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def shapes_of(paper: Paper, claim: Claim, name: str) -> list[Shape]:
    """Return the shapes in which a network is trained, those of the claim's study first,
    then other stated class counts.

    The latter are the alternatives that the network's ``assumed`` gives for ``n_classes``.
    """
    arms = [arm for arm in paper.arms.values() if arm.network == name] or list(paper.arms.values())
    arms = [arm for arm in arms if not claim.study or arm.study == claim.study] or arms
    shapes = [
        Shape(input_px=paper.recipes[arm.recipe].recipe.input_px, n_classes=len(paper.studies[arm.study].classes))
        for arm in arms
    ]
    others = [
        Shape(input_px=shapes[0].input_px, n_classes=n)
        for assumed in paper.networks[name].assumed
        if assumed.field == "n_classes"
        for n in assumed.alternatives
        if isinstance(n, int)
    ]
    return list(dict.fromkeys([*shapes, *others]))


def printed_count(claim: Claim) -> Printed | None:
    """Return a printed number of parameters, "million" resolved; None where it is not one number.

    A comma that does not part thousands is read as a decimal sign in millions (10,3646 million), and the note says so.
    """
    number, within, note = claim.number, claim.half_unit, ""
    if claim.unit == "million" and re.fullmatch(r"\d{1,3},(\d{1,2}|\d{4,})", claim.value):
        number, note = Decimal(claim.value.replace(",", ".")), "comma read as a decimal sign"
        within = Decimal(5).scaleb(-len(claim.value.split(",")[1]) - 1)
    if number is None or within is None:
        return None
    factor = Decimal(10**6) if claim.unit == "million" else Decimal(1)
    return Printed(value=number * factor, within=within * factor, note=note)


def fits(printed: Printed, ours: int) -> bool:
    """Say whether our count, rounded as the claim was, is the claimed one; whole numbers must be equal."""
    return abs(ours - printed.value) <= printed.within


def conventions(count: ParameterCount) -> dict[str, int]:
    """Return a count as JSON data in both conventions."""
    names = ("pytorch_total", "pytorch_trainable", "keras_total", "keras_trainable", "keras_nontrainable")
    return {name: getattr(count, name) for name in names}


def base_row(paper: Paper, claim: Claim, network: str) -> Row:
    """Return the part of a row that the ledger gives."""
    claimed = f"{claim.value} million" if claim.unit == "million" else claim.value
    return {
        "paper": paper.key, "claim": claim.id, "metric": claim.metric, "model": claim.model, "network": network,
        "claimed": claimed, "where": claim.where, "layer": "",
    }  # fmt: skip


def unmatched_row(paper: Paper, claim: Claim, *, reading: str = "no network of ours is meant") -> Row:
    """Return the row of a claim that we cannot count, with nulls."""
    names = ("n_classes", "input_px", "pytorch_total", "pytorch_trainable", "keras_total", "keras_trainable",
             "keras_nontrainable", "without_head", "imagenet_head")  # fmt: skip
    return {**base_row(paper, claim, ""), **dict.fromkeys(names), "difference": "–", "reading": reading}


def printed_counts(paper: Paper) -> list[Claim]:
    """Return the claims of a paper that :func:`count_parameters_of` reads: of all claims only these decide its rows."""
    return [claim for claim in paper.claims if claim.metric in (*TOTALS, "params_layer")]
