"""Claimed parameter counts beside ours, in both conventions, and the reading that explains each claim."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leukbench.cli.layout import json_text
from leukbench.papers.files import is_file_name, paper_keys
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Claim, Paper
from leukbench.params import Params
from leukbench.paths import out_folder, write_text
from leukbench.records import NetworkSpec

if TYPE_CHECKING:
    from torch import nn

    from leukbench.training.parameters import ParameterCount

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
        """Return the network of that name; with ``as_printed`` the builder that keeps the table's layers, where one exists."""
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
        from leukbench.training.parameters import count_backbone_parameters, count_parameters

        network = self.built(name, shape.input_px, shape.n_classes)
        count = count_parameters if shape.head else count_backbone_parameters
        return count(network, normalisation_values=normalisation_values(network))


def normalisation_values(network: nn.Module) -> int:
    """Return how many values Keras' version of a network holds in normalisation layers: 7 for an EfficientNet, else 0."""
    has_efficientnet = any(type(module).__name__ == "EfficientNet" for module in network.modules())
    return KERAS_EFFICIENTNET_NORMALISATION if has_efficientnet else 0


# ------------------------------------------------------------------------------------------------------ the rows


def count_parameters_of(papers: Sequence[str]) -> list[Row]:
    """Return one row per parameter count that the papers (keys or files; none: all published) print, and network meant.

    Keys: ``paper, claim, metric, model, network, claimed, where, layer, n_classes, input_px``; ours for the study's number
    of classes as ``pytorch_total, pytorch_trainable, keras_total, keras_trainable, keras_nontrainable``, and the same under
    ``without_head`` and ``imagenet_head`` (1,000 classes; null for layers); ``difference`` (text, ours - claimed of the
    quantity that fits best at the study's number of classes, ``"0"`` where a reading explains the claim) and ``reading``.
    Ours are null where no network of the paper is meant. Raises InputError for an unknown paper.
    """
    from leukbench.cli.layers import layer_rows

    rows: list[Row] = []
    for key in papers or paper_keys():
        folder = str(Path(key).parent) if is_file_name(key) else ""
        networks = PaperNetworks(load_paper(key), folder=folder)
        rows += _total_rows(networks)
        rows += layer_rows(networks)
    return rows


def _total_rows(networks: PaperNetworks) -> Iterator[Row]:
    listed = {i for network in networks.paper.networks.values() for i in network.parameters}
    for claim in printed_counts(networks.paper):
        if claim.metric in TOTALS and (claim.kind == "own" or claim.id in listed):
            meant = networks_of(networks.paper, claim)
            yield from [_total_row(networks, claim, name) for name in meant] or [unmatched_row(networks.paper, claim)]


def networks_of(paper: Paper, claim: Claim) -> list[str]:
    """Return the networks that a claim speaks of: those that list it, else its arm's, else those of its model's name."""
    listed = [name for name, network in paper.networks.items() if claim.id in network.parameters]
    if listed or not (claim.arm or claim.model):
        return listed
    if claim.arm:
        return [paper.arms[claim.arm].network]
    return [n for n, network in paper.networks.items() if _bare(network.printed_name) == _bare(claim.model)]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def shapes_of(paper: Paper, claim: Claim, name: str) -> list[Shape]:
    """Return the shapes in which a network is trained, those of the claim's study first, then other stated class counts.

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
    from leukbench.audit.networks import explain_count, known_networks

    if printed.value != int(printed.value) or claim.metric == "params_nontrainable":
        return ""
    names = {_bare(claim.model), _bare(printed_name)}
    for network in known_networks().values():
        if names & set(network["names"]):
            explained = explain_count(network, int(printed.value))
            return f"not ours, but exact: {explained}" if explained else ""
    return ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


# ----------------------------------------------------------------------------------------------------- as text


def parameters_text(papers: Sequence[str], format: str) -> str:
    """Return the counts as ``json``, or as ``md`` tables: one of whole networks and one of layers a paper."""
    rows = count_parameters_of(papers)
    if format == "json":
        return json_text(rows).rstrip("\n")
    from leukbench.report.format import table

    parts = []
    for paper in dict.fromkeys(row["paper"] for row in rows):
        of_paper = [row for row in rows if row["paper"] == paper]
        whole, layers = ([r for r in of_paper if bool(r["layer"]) == of_layer] for of_layer in (False, True))
        parts.append(f"## {paper}")
        parts += [table([_shown(r) for r in whole])] if whole else []
        parts += ["Layer by layer:", table([_shown_layer(r) for r in layers])] if layers else []
    return "\n\n".join(parts) if parts else "No paper named prints a number of parameters."


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _shown(row: Row) -> dict[str, str]:
    bare, imagenet = row["without_head"] or {}, row["imagenet_head"] or {}
    return {
        "claimed": f"{row['claimed']} {row['metric'].removeprefix('params_')} ({row['where']})",
        "network": row["network"] or row["model"] or "–",
        "classes": _number(row["n_classes"]),
        "PyTorch": _number(row["pytorch_total"]),
        "Keras": _number(row["keras_total"]),
        "trainable": _number(row["keras_trainable"]),
        "Keras, no head": _number(bare.get("keras_total")),
        "Keras, 1,000 classes": _number(imagenet.get("keras_total")),
        "ours - claimed": row["difference"],
        "reading": row["reading"],
    }


def _shown_layer(row: Row) -> dict[str, str]:
    return {
        "claimed": f"{row['claimed']} ({row['where']})",
        "network": row["network"] or row["model"] or "–",
        "PyTorch": _number(row["pytorch_total"]),
        "Keras": _number(row["keras_total"]),
        "ours - claimed": row["difference"],
        "reading": row["reading"],
    }


def printed_counts(paper: Paper) -> list[Claim]:
    """Return the claims of a paper that :func:`count_parameters_of` reads: of all claims only these decide its rows."""
    return [claim for claim in paper.claims if claim.metric in (*TOTALS, "params_layer")]


def count_stage(params: Params) -> str:
    """Write ``out/<profile>/parameters.json``: the counts of the profile's papers."""
    rows = count_parameters_of(params.papers)
    write_text(out_folder(params.profile, "parameters.json"), json_text(rows))
    explained = sum(row["difference"] == "0" for row in rows)
    return f"{len(rows)} parameter counts, {explained} explained"
