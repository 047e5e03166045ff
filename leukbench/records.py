"""What crosses the boundaries between parts: frozen records and the columns of the tables. No torch, no pydantic.

The dataclasses whose values come from a file (:class:`SplitRule`, :class:`Augmentation`, :class:`Recipe`,
:class:`Limits`) are validated by pydantic where they are read; ``__pydantic_config__`` makes unknown keys an error
there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Evidence = Literal["verified", "inferred", "absent"]
Deviation = Literal["surrogate_data", "weights_absent", "frozen_layers_trained", "limited"]
Protocol = Literal["as_published", "image", "augment_first", "patient", "challenge", "transfer"]
Role = Literal["train", "validation", "test"]

StringArray: TypeAlias = npt.NDArray[np.str_]
IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]

# ---------------------------------------------------------------------------------------------------- tables

MANIFEST_COLUMNS = (
    "image_id",  # unique within the source
    "path",  # below the source's folder, POSIX; never empty
    "sha256",  # of the file; "" where neither the file nor a published hash is at hand
    "pixel_sha256",  # of the decoded RGB pixels and their shape; "" where the file is not at hand
    "label",  # a class of the card; "" where no label is published
    "patient",  # "" where the publisher gives none
    "evidence",  # of the patient id: verified, inferred, absent
    "origin",  # image_id of the original; itself for an original; "" where it is an augmented copy of an unknown one
    "pool",  # the publisher's part, e.g. train, prelim, final
    "official_fold",  # "" where there is none
    "present",  # 1 if the file is at hand, else 0
    "width_px",  # 0 where the file is not at hand
    "height_px",
)
GROUP_COLUMNS = ("image_id", "group", "reason", "evidence")
"""``reason``: what joined the image to others of its group: patient, origin, identical_pixels, near_identical,
same_field (joined by ``+`` where several did), or ``alone``; ``evidence`` is the weakest on which the group rests."""
SPLIT_COLUMNS = ("fold", "role", "image_id", "origin", "copy", "label", "group", "patient")
"""One row per fold and image. ``copy`` 0 is the image itself; copy k > 0 is the k-th augmented copy of ``origin``, with
image_id ``origin#k``, whose pixels render from the seed of (origin, k)."""

# ------------------------------------------------------------------------------------------------ how it is split


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """Who is tested on whom, as data.

    The pool is cut by ``unit`` either into ``k`` folds (each is the test part once) or once by ``shares``;
    ``validation`` is the share of the training side that is then set apart by the same unit. ``within`` cuts each part
    of that manifest column by itself (part p becomes fold p); ``across`` tests each part once, learnt from the others.
    ``test_pool`` gives the test part instead of a cut (a challenge).
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    unit: Literal["image", "origin", "group"]
    pool: tuple[str, ...] = ()  # empty: every labelled image
    test_pool: tuple[str, ...] = ()
    within: Literal["official_fold"] | None = None
    across: Literal["official_fold"] | None = None
    k: int | None = None
    shares: tuple[float, float] | None = None  # training side (validation included), test; must sum to 1
    validation: float = 0.0
    stratified: bool = True
    augment: Literal["none", "before", "after_train", "after_both"] = "none"
    copies: int = 0  # augmented copies planned per image
    class_size: int | None = (
        None  # instead of copies: plan copies until each class of the augmented part has so many rows
    )
    class_size_test: int | None = None
    keep_train: float = (
        1.0  # share of each fold's training rows that is kept: so `before` trains on no more than `none`
    )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to understand what a paper says about its split."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    name: str
    basis: Literal["stated", "inferred"]
    evidence: str
    rule: SplitRule


# ------------------------------------------------------------------------------------------------ how it is trained


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Ranges of one random affine map and of colour, contrast and brightness, as printed.

    ``generator``: ``plain`` enlarges by one zoom factor and shifts last; ``keras`` is Keras' ImageDataGenerator, whose
    zoom draws two factors that coordinates are multiplied by (above 1 things become smaller), and which shifts before
    it rotates.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    generator: Literal["plain", "keras"] = "plain"
    combination: Literal["all", "one"] = "all"  # one: each image gets one of the operations, a flip then always
    rotation_deg: float = 0.0
    rotation: Literal["range", "either_side", "clockwise"] = "range"  # uniform in ± rotation_deg; + or - it; always it
    shift: float = 0.0  # uniform in ± this fraction of the side, each axis
    shear_deg: float = 0.0  # uniform in ±
    zoom: tuple[float, float] = (1.0, 1.0)  # factor by which things become larger (keras: smaller, each axis), uniform
    window: tuple[float, float] = (1.0, 1.0)  # share of the side of a crop anywhere inside the image, uniform
    flip_horizontal: bool = False
    flip_vertical: bool = False
    hue_deg: float = 0.0  # turn about the grey axis, uniform in ± this
    saturation: tuple[float, float] = (1.0, 1.0)  # factor on the distance from grey, uniform
    contrast: tuple[float, float] = (1.0, 1.0)  # factor about the mean grey of the image, uniform
    brightness: tuple[float, float] = (1.0, 1.0)  # factor, uniform
    fill: Literal["constant", "nearest", "reflect"] = "constant"

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations that change an image; hue and saturation are one, colour.

        >>> Augmentation(rotation_deg=10, flip_horizontal=True, saturation=(0.8, 1.2)).operations
        ('rotation', 'flip_horizontal', 'colour')
        """
        unchanged = (1.0, 1.0)
        on = {
            "rotation": self.rotation_deg != 0,
            "shift": self.shift != 0,
            "shear": self.shear_deg != 0,
            "zoom": self.zoom != unchanged,
            "window": self.window != unchanged,
            "flip_horizontal": self.flip_horizontal,
            "flip_vertical": self.flip_vertical,
            "colour": self.hue_deg != 0 or self.saturation != unchanged,
            "contrast": self.contrast != unchanged,
            "brightness": self.brightness != unchanged,
        }
        return tuple(name for name, used in on.items() if used)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained: the closed set of what the five papers vary. One loop runs it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    input_px: int
    epochs: int
    batch_size: int
    learning_rate: float
    optimiser: Literal["sgd", "rmsprop", "adam", "adamax", "adamw"]
    loss: Literal[
        "categorical_cross_entropy",
        "sparse_categorical_cross_entropy",
        "binary_cross_entropy",
        "mean_squared_error",
        "kl_divergence",
    ]
    output: Literal["softmax", "sigmoid"] = "softmax"
    crop: float = 1.0  # share of each side kept around the centre before resizing
    normalisation: Literal["unit", "imagenet", "minmax", "zscore"] = (
        "unit"  # x/255; torchvision's; per image; per image
    )
    augmentation: Augmentation = field(default_factory=Augmentation)  # of training, drawn anew for each row and epoch
    copies: Augmentation = field(default_factory=Augmentation)  # of planned copies: the study's, for all its arms
    last_batch: Literal["kept", "dropped"] = "kept"  # where it is not full: Keras keeps it, MATLAB does not
    momentum: float = 0.0
    epsilon: float = 1e-7  # of rmsprop, adam and adamax: Keras' default; MATLAB's and PyTorch's is 1e-8
    l2: float = 0.0  # λ of λ·Σw² added to the loss
    weight_decay: float = 0.0  # of adamw, apart from the gradient
    label_smoothing: float = 0.0  # s: the target is (1 - s)·label + s/classes (s/2 for each sigmoid unit)
    focal_gamma: float = 0.0  # γ of the factor (1 - p)^γ on cross-entropy
    mixup: float = 0.0  # α of the Beta distribution of a batch's share
    schedule: Literal["constant", "step", "reduce_on_plateau", "cosine", "exponential"] = "constant"
    warmup_epochs: int = 0  # the rate rises in equal steps to the full one in the last of them; then the schedule
    step_epoch: int = 0  # step: from this epoch on (counted from 0) the rate is learning_rate × step_factor
    step_factor: float = 0.1
    plateau_patience: int = 5
    plateau_factor: float = 0.1
    decay: float = 0.95  # exponential: factor on the rate after each epoch
    stop_patience: int = 0  # the run ends after so many epochs without a lower monitored loss; 0: never
    pretrained: bool = False
    trainable: str = "all"  # all; head; last:N (and N last layers with weights); stages: head until 5, then all at 1e-5
    balance: Literal["none", "oversample", "class_weights"] = "none"
    checkpoint: Literal["last", "best_validation_accuracy", "best_validation_loss"] = "last"


MOST_SEEDS = 1000
"""Of an arm in an experiment: each is a run of every fold."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a study to run. Limits shrink data, epochs, folds, seeds; never the architecture or the metric."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    images: int | None = None  # original images, drawn by group and class, before the split
    class_size: int | None = None  # planned rows a class, where the split rule plans more
    training_rows: int | None = None  # of each fold, drawn by class after the split; all of its test part is scored
    epochs: int | None = None
    folds: int | None = None  # the first so many folds are run
    seeds: int = 1

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to run. Raises ValueError."""
        for name, value in vars(self).items():
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value} and must be at least 1")
        if self.seeds > MOST_SEEDS:
            raise ValueError(f"seeds is {self.seeds} and must be at most {MOST_SEEDS}")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One box of the plan: a study under one protocol, at a budget; a row of params.yaml."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    paper: str
    study: str
    protocol: Protocol
    reading: str = ""  # of as_published; "" where the protocol has one reading
    source: str  # the study's own, or a stand-in
    store: str  # the pixel store that serves all its arms
    arms: tuple[str, ...]
    limits: Limits = field(default_factory=Limits)
    pretrained: bool | None = None  # false: random weights even where the recipe wants ImageNet's
    precision: Literal["fp32", "bf16"] = "fp32"
    test_source: str = ""  # of a transfer: trained on all of source, tested on all of this
    test_store: str = ""


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A network by name: ``build(**options)`` in a paper's model.py."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    paper: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    folder: str = ""  # of a paper.yaml outside the suite; "" inside it


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that decides the predictions of one run: arm × protocol × fold × seed. Its digest is the run key."""

    study: str
    arm: str
    protocol: str
    reading: str
    fold: int
    seed: int
    network: NetworkSpec
    recipe: Recipe  # after limits
    classes: tuple[str, ...]
    precision: Literal["fp32", "bf16"]
    rows_sha256: str  # of the ids, copies and roles of the rows
    training_sha256: str  # of those that decide the weights: training and validation
    store_sha256: str
    code_sha256: str

    @cached_property
    def key(self) -> str:
        """The content address: what does not change the predictions (names of study, arm, protocol) is left out."""
        return run_key(self._plain)

    @cached_property
    def training_key(self) -> str:
        """The same for runs that end in the same weights, whatever they are tested on."""
        return _digest_without("rows_sha256", self._plain)

    @cached_property
    def _plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = as_plain(self)
        return plain


def run_key(spec: dict[str, Any]) -> str:
    """Return the key of a run from the JSON form of its spec."""
    return _digest_without("training_sha256", spec)


def _digest_without(part: str, spec: dict[str, Any]) -> str:
    kept = {k: v for k, v in spec.items() if k not in {"study", "arm", "protocol", "reading", part}}
    # where the code lies does not matter: code_sha256 says what it is
    kept["network"] = {k: v for k, v in kept["network"].items() if k != "folder"}
    return hashlib.sha256(_text_of(kept).encode()).hexdigest()


# ---------------------------------------------------------------------------------------------- what comes out of it


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """One row per tested image (and fold, seed), all arrays of length ``n_rows``; ``scores`` is ``(n_rows,
    n_classes)``.

    ``label`` and ``predicted`` index ``classes``. Scores are in [0, 1] and rows sum to 1 (NaN where only a predicted
    class is known).
    """

    classes: tuple[str, ...]
    image_id: StringArray
    label: IntArray
    predicted: IntArray
    scores: FloatArray
    group: StringArray
    origin: StringArray
    patient: StringArray
    fold: IntArray
    seed: IntArray

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def images(self) -> tuple[StringArray, IntArray]:
        """The distinct image ids, sorted, and each row's place among them."""
        names, places = np.unique(self.image_id, return_inverse=True)
        return names, places.astype(np.int64)

    @cached_property
    def has_copies(self) -> bool:
        """Whether an origin (an image without one stands for itself) has several rows in a seed."""
        origin = np.where(self.origin == "", self.image_id, self.origin).tolist()
        return len(set(origin)) < len(self) > len(set(zip(self.seed.tolist(), origin, strict=True)))

    def take(self, rows: npt.NDArray[Any]) -> Predictions:
        """Return the rows selected by an index or a boolean mask."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in dataclasses.fields(self) if f.name != "classes"}
        return Predictions(classes=self.classes, **arrays)


def fold_of(aggregation: str) -> str:
    """Return the fold that an aggregation names, "" where it is over all folds.

    >>> fold_of("fold:2"), fold_of("pooled")
    ('2', '')
    """
    return aggregation.removeprefix("fold:") if aggregation.startswith("fold:") else ""


COPIES_AVERAGED = "copies of one origin averaged"
"""In the note of an estimate that counts originals, while the predictions hold several copies of some."""


class Grade(StrEnum):
    """What is known of an interval's coverage, from the design alone: groups of each class, and the scale's end.

    ``leukbench/evaluation/README.md`` has the measured coverage of each grade.
    """

    ASSURED = "assured"  # about the nominal 95 %
    WIDE = "wide"  # covers more
    OPTIMISTIC = "optimistic"  # covers less; the note says by how much
    UNKNOWN = "unknown"  # not measured, or nothing in the data says how much groups differ
    NONE = "none"  # there is no interval


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A metric of predictions with its intervals. Fractions, not percent; NaN where undefined, with the reason in note.

    ``standard_error`` and ``df`` hold the variance of groups and of seeds together; ``df_groups`` is that of groups
    alone, ``seed_variance`` the variance s² between single runs with its ``seed_df`` degrees of freedom (0: one seed,
    s² unknown).
    """

    metric: str
    value: float
    class_: str = ""  # the class it speaks of, if any
    average: str = "none"  # none, macro, weighted, micro, positive:<class>
    aggregation: str = "pooled"  # pooled, mean, fold:k, single
    low: float = float("nan")  # group-level 95 %
    high: float = float("nan")
    method: str = ""
    df: float = float("nan")
    standard_error: float = float("nan")
    low_images: float = float("nan")  # image-level 95 %, which everybody prints and nobody should
    high_images: float = float("nan")
    method_images: str = ""
    n_images: int = 0
    n_groups: int = 0
    effective_groups: float = float("nan")  # of the poorest class that the metric speaks of
    poorest_class: str = ""  # of those that decide it; "" where no single class does, as for accuracy
    poorest_groups: int = 0  # groups with images of that class
    n_seeds: int = 1
    df_groups: float = float("nan")
    seed_variance: float = 0.0
    seed_df: float = 0.0
    grade: Grade = Grade.NONE
    note: str = ""

    @property
    def fold(self) -> str:
        """The fold that it speaks of; "" for all folds."""
        return fold_of(self.aggregation)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What arithmetic or reading says about claims."""

    id: str  # stable: paper.check.n
    paper: str
    check: str  # name of the function that found it
    status: Literal["consistent", "inconsistent", "implausible", "uncheckable"]
    kind: Literal["arithmetic", "protocol", "ambiguity"]
    claims: tuple[str, ...]  # ids of the claims it speaks of
    where: str  # places in the paper
    statement: str  # one sentence
    witness: str = ""  # the arithmetic, redoable by hand
    repair: str = ""  # the nearest reading that would make it true; for uncheckable: the missing number
    severity: int = 0  # 0 (a note) to 3 (the headline cannot be as printed)
    accused: tuple[str, ...] = ()  # claims that are inconsistent: impossible alone or in every minimal conflict
    parts: tuple[str, ...] = ()  # the same fact in other rows, and what follows from it, a sentence each


# ------------------------------------------------------------------------------------------------------ canonical form


_PLAIN = frozenset({str, int, float, bool, type(None)})


@lru_cache(maxsize=256)
def _keys_of(record: type[Any]) -> tuple[tuple[str, str], ...]:
    """Return each field of a dataclass as its key in JSON and its name."""
    return tuple((f.metadata.get("key", f.name), f.name) for f in dataclasses.fields(record))


def as_plain(value: Any) -> Any:
    """Return nested dicts, lists, strings, numbers: the canonical JSON value of a record."""
    if type(value) in _PLAIN:  # first, as nearly all are: a plan of 10,000 runs asks this ten million times
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: as_plain(getattr(value, name)) for key, name in _keys_of(type(value))}
    if isinstance(value, dict):
        return {str(k): as_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces.

    >>> canonical_json({"b": (1, 2.0), "a": None})
    '{"a":null,"b":[1,2.0]}'
    """
    return _text_of(as_plain(value))


def _text_of(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256 (hex) of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def json_text(value: Any) -> str:
    """Return readable JSON text of records and plain data, with a final newline.

    Numbers keep ten digits, so that a last bit does not change a file; what is not a finite number becomes null.
    """
    return json.dumps(_finite(as_plain(value)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.10g}") if math.isfinite(value) else None
    return value
