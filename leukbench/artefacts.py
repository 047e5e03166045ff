"""What the stages of the pipeline hand each other, as frozen records, and how they are read from JSON. No torch, no
pydantic.

A record is written with :func:`leukbench.records.json_text` and read with :func:`from_plain`, which refuses what is not
exactly that record: an unknown or missing key, a value of another kind.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from leukbench.errors import DataError
from leukbench.records import (
    Deviation,
    Evidence,
    Experiment,
    NetworkSpec,
    Protocol,
    Reading,
    Recipe,
    Role,
    SplitRule,
)

T = TypeVar("T")

TRIVIAL = "trivial:"
"""What the name of a model without a network begins with, in predictions and estimates."""
MAJORITY = f"{TRIVIAL}majority"
COLOUR_HISTOGRAM = f"{TRIVIAL}colour_histogram"
COLOUR_TREES = f"{TRIVIAL}colour_histogram_trees"


def is_trivial(arm: str) -> bool:
    """Say whether an arm of predictions is a model without a network."""
    return arm.startswith(TRIVIAL)


def model_name(arm: str) -> str:
    """Return the name of a model as people read it.

    >>> model_name("trivial:colour_histogram"), model_name("dscnet_kl_aug")
    ('colour histogram', 'dscnet kl aug')
    """
    return arm.removeprefix(TRIVIAL).replace("_", " ")


# ---------------------------------------------------------------------------------------------------------- the study


@dataclass(frozen=True, kw_only=True)
class ResolvedArm:
    """A network and a recipe of a study, as published."""

    role: str
    printed_name: str
    network: NetworkSpec
    recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class ResolvedStudy:
    """A study without its claims: ``<paper>-<study>.json``."""

    paper: str
    study: str
    source: str
    classes: dict[str, tuple[str, ...]]  # class in output order -> labels of the source
    positive: str | None
    protocols: dict[str, tuple[Reading, ...]]
    arms: dict[str, ResolvedArm]


# ---------------------------------------------------------------------------------------------------------- the split


@dataclass(frozen=True, kw_only=True)
class ReadingName:
    """Which way of understanding a paper's split was taken, and on what evidence."""

    name: str
    basis: Literal["stated", "inferred"]
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Images that take part beside those that are published; ``complete``: none of them is missing."""

    n_images: int
    n_images_published: int
    complete: bool
    whole_folds: tuple[
        int, ...
    ] = ()  # folds of which none is missing, where official folds are cut or tested by themselves
    parts: tuple[str, ...]  # official folds or pools
    n_training_rows: int = 0  # a fold would have, where a limit, its own or that of another rung, left fewer of them


@dataclass(frozen=True, kw_only=True)
class TransferPlan:
    """How two sources were joined for a transfer."""

    source: str
    target: str
    common_of: dict[str, str]  # class of the study -> class in common
    tested_as: dict[str, str]  # label of the target -> class in common
    n_left_out: int
    test_store_sha256: str


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """What a split was planned from: ``<experiment>.plan.json``. ``made_from``: the sha256 of each file of its sources,
    and of each pixel store that these make, by name; none in a plan from before they were kept.
    """

    reading: ReadingName
    sizes: Sizes
    experiment: Experiment
    transfer: TransferPlan | None = None
    seed: int | None = None  # of params.yaml; none in a plan from before it was kept
    made_from: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RoleCounts:
    """Counts of one role of one fold."""

    rows: int
    images: int
    copies: int
    origins: int
    patients: int
    groups: int
    class_: dict[str, int] = field(metadata={"key": "class"})  # rows a class


@dataclass(frozen=True, kw_only=True)
class FoldCounts:
    """Counts of one fold; ``shared``: how many images, origins, … of the test part also train or validate."""

    fold: int
    roles: dict[Role, RoleCounts]
    shared: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What a split does and does not keep apart: ``<experiment>.certificate.json``; see
    :mod:`leukbench.cohort.certificate`.
    """

    format: str
    protocol: Protocol
    rule: SplitRule
    sha256: dict[str, str]  # of manifest, groups, split
    evidence: Evidence
    sentence: str
    unknown_origins: int
    folds: tuple[FoldCounts, ...]
    shared: dict[str, int]  # summed over folds
    declares: str
    verdicts: dict[str, bool | None]
    self_sha256: str = ""


# ----------------------------------------------------------------------------------------------------------- the runs


@dataclass(frozen=True, kw_only=True)
class ArmReceipt:
    """How an arm was trained beside how it was published.

    ``deviations`` are those of its runs together, from what a claim over all folds was measured on; ``fold_deviations``
    those of each fold from the same fold of the paper's experiment.
    """

    deviations: tuple[Deviation, ...]
    fold_deviations: dict[str, tuple[Deviation, ...]]
    precision: Literal["fp32", "bf16"]
    epochs: int
    epochs_published: int
    n_parameters: int
    n_parameters_trainable: int


@dataclass(frozen=True, kw_only=True)
class RunReceipt:
    """One run: its key, where it stands in the grid, and what it trained on."""

    key: str
    arm: str
    fold: int
    seed: int
    epochs_selected: dict[str, int]  # selection -> epoch, from 0
    train_accuracy: float
    n_train_rows: int
    n_validation_rows: int
    n_test_rows: int
    n_steps: int | None = None  # updates of the weights; None in a receipt from before they were counted


@dataclass(frozen=True, kw_only=True)
class FoldSizes:
    """How many rows each role of a fold has."""

    fold: int
    n_train_rows: int
    n_validation_rows: int
    n_test_rows: int


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An experiment's runs, without times: ``<experiment>.receipt.json``. Without a network it has folds alone.
    ``made_from`` is the digest of its entry in params.yaml and of its split; "" in a receipt from before it was kept.
    ``predictions``: suffix -> sha256 of each file of predictions; none in a receipt from before they were kept.
    """

    arms: dict[str, ArmReceipt]
    runs: tuple[RunReceipt, ...]
    folds: tuple[FoldSizes, ...]
    sizes: Sizes
    made_from: str = ""
    predictions: dict[str, str] = field(default_factory=dict)

    def of_earlier_recipe(self, arm: str) -> bool:
        """Say whether an arm was trained by a version from before runs said which epoch they chose.

        The papers' recipes were corrected since; such runs were kept when their record was made again.
        """
        return any(run.arm == arm and not run.epochs_selected for run in self.runs)

    def training_sizes(self) -> set[int]:
        """Return the numbers of training rows of the folds."""
        return {fold.n_train_rows for fold in self.folds}


# -------------------------------------------------------------------------------------------------------- reading them


def from_plain(kind: type[T], plain: Any, *, where: str, do: str = "run the stage that makes it again") -> T:
    """Return a record of a dataclass from JSON data; null stands for NaN where a number is wanted.

    Parameters
    ----------
    kind
        A dataclass, whose fields are of plain types, Literals, tuples, dicts or other dataclasses.
    where
        The file, for the error.
    do
        What a reader can do about it.

    Raises
    ------
    DataError
        Where a key is unknown or missing, or a value of another kind; it names the key by its path.
    """
    made: T = _decode(kind, plain, _Place(where, do, ""))
    return made


@dataclass(frozen=True)
class _Place:
    where: str
    do: str
    path: str

    def at(self, key: object) -> _Place:
        return dataclasses.replace(self, path=f"{self.path}.{key}" if self.path else str(key))

    def error(self, expected: str, found: object) -> DataError:
        text = repr(found)
        return DataError(
            "a stage's output is not as it was written", where=f"{self.where}, {self.path or 'top'}", expected=expected,
            found=text if len(text) <= 80 else f"{text[:77]}…", do=self.do,
        )  # fmt: skip


@cache
def _fields(kind: Any) -> tuple[dict[str, tuple[str, Any]], frozenset[str]]:
    """Return JSON key -> (field name, type) of a dataclass, and the keys that must be there."""
    hints = typing.get_type_hints(kind)
    known = {f.metadata.get("key", f.name): (f.name, hints[f.name]) for f in dataclasses.fields(kind) if f.init}
    optional = {
        f.metadata.get("key", f.name)
        for f in dataclasses.fields(kind)
        if f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
    }
    return known, frozenset(known) - optional


def _decode(kind: Any, value: Any, place: _Place) -> Any:
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, place)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in list(kind):
            raise place.error(f"one of {', '.join(repr(member.value) for member in kind)}", value)
        return kind(value)
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _one_of(get_args(kind), value, place)
    if origin is Literal:
        if value not in get_args(kind):
            raise place.error(f"one of {', '.join(map(repr, get_args(kind)))}", value)
        return value
    if origin is tuple:
        return _tuple(get_args(kind), value, place)
    if origin in {dict, Mapping}:
        if not isinstance(value, dict):
            raise place.error("an object", value)
        keys, values = get_args(kind)
        return {_decode(keys, k, place.at(k)): _decode(values, v, place.at(k)) for k, v in value.items()}
    return _scalar(kind, value, place)


def _record(kind: Any, value: Any, place: _Place) -> Any:
    if not isinstance(value, dict):
        raise place.error("an object", value)
    known, needed = _fields(kind)
    if unknown := sorted(value.keys() - known.keys()):
        raise place.at(unknown[0]).error(f"no other keys than {', '.join(known)}", value[unknown[0]])
    if missing := sorted(needed - value.keys()):
        raise place.error(f"the keys {', '.join(missing)}", "none of them")
    values = {name: _decode(kind_, value[key], place.at(key)) for key, (name, kind_) in known.items() if key in value}
    return kind(**values)


def _one_of(kinds: tuple[Any, ...], value: Any, place: _Place) -> Any:
    if value is None and type(None) in kinds:
        return None
    return _decode(next(kind for kind in kinds if kind is not type(None)), value, place)


def _tuple(kinds: tuple[Any, ...], value: Any, place: _Place) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise place.error("a list", value)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_decode(kinds[0], v, place.at(i)) for i, v in enumerate(value))
    if len(kinds) != len(value):
        raise place.error(f"a list of {len(kinds)}", value)
    return tuple(_decode(kind, v, place.at(i)) for i, (kind, v) in enumerate(zip(kinds, value, strict=True)))


def _scalar(kind: Any, value: Any, place: _Place) -> Any:
    if kind is float:
        if value is None:
            return math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise place.error({float: "a number", int: "a whole number", str: "a text", bool: "true or false"}[kind], value)
