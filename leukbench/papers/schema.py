"""paper.yaml, validated: everything that a paper says about its own experiments, as data.

Unknown keys are errors. Values of claims are strings as printed. ``leukbench/papers/README.md`` explains the file to
somebody who adds a paper.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from leukbench.papers.vocabulary import METRICS, SPLITS, UNITS
from leukbench.records import Augmentation, NetworkSpec, Protocol, Reading, Recipe, SplitRule, fold_of


class Strict(BaseModel):
    """Frozen; unknown keys raise; strings are not guessed from numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Citation(Strict):
    authors: str
    title: str
    venue: str
    year: str
    doi: str = ""


class Assumed(Strict):
    """What the paper leaves open, what was chosen, what else it could be, and why."""

    field: str
    value: Any
    alternatives: tuple[Any, ...] = ()
    reason: str


def _once_each(entries: tuple[Assumed, ...]) -> tuple[Assumed, ...]:
    """Return the entries; facts name them by their field, so a second one of a field could not be named."""
    fields = [entry.field for entry in entries]
    if twice := sorted({field for field in fields if fields.count(field) > 1}):
        raise ValueError(f"entries of one field stand once each, which {', '.join(twice)} does not")
    return entries


AssumedEntries = Annotated[tuple[Assumed, ...], AfterValidator(_once_each)]


class Network(Strict):
    """A network that an arm trains: the name of a builder in this paper's model.py and its options."""

    builder: str
    options: dict[str, Any] = {}
    where: str
    printed_name: str
    parameters: tuple[str, ...] = ()  # ids of the claims that print its parameter counts
    assumed: AssumedEntries = ()


class NamedRecipe(Strict):
    recipe: Recipe
    where: str
    assumed: AssumedEntries = ()

    @field_validator("recipe")
    @classmethod
    def _no_copies(cls, value: Recipe) -> Recipe:
        if value.copies != Augmentation():
            raise ValueError("planned copies are the same for all arms: say how they look in the study's copies")
        return value


class Study(Strict):
    """One of the paper's experiments on one source."""

    title: str
    source: str
    classes: dict[str, tuple[str, ...]]  # class of the study -> labels of the source that it holds, in output order
    positive: str | None = None  # the positive class of a binary study, as far as the paper says or implies
    protocols: dict[Protocol, tuple[Reading, ...]]
    copies: Augmentation | None = None  # how a planned copy differs from its original, for all arms alike
    headline: str  # the one claim that the family-wise error is held over
    stand_in: str = ""  # synthetic source for runs without the data
    where: str
    notes: str = ""


class Arm(Strict):
    study: str
    network: str
    recipe: str
    role: Literal["proposed", "baseline", "ablation", "variant"]
    where: str = ""


class Matrix(Strict):
    """A printed confusion matrix, whose cells are claims that name it in ``matrix``."""

    id: str
    where: str
    rows: Literal["actual", "predicted", "unstated"]
    classes: tuple[str, ...]  # order in which rows and columns are printed
    positive: str | None = None
    note: str = ""


class Claim(Strict):
    """One printed figure, with everything needed to compare it mechanically."""

    id: str = Field(pattern=r"^[a-z0-9_]+(\.[A-Za-z0-9_\-]+)+$")
    kind: Literal["own", "cited"] = "own"
    model: str = ""
    study: str = ""
    arm: str = ""
    dataset: str = ""
    task: str = ""
    split: str = ""
    split_assumed: bool = False  # the paper does not name the part: split is our reading, an ambiguity of the paper
    fold: str = ""
    condition: str = ""
    metric: str
    class_: str = Field(default="", alias="class")
    average: str = ""  # none, macro, weighted, micro, positive:<class>; "" where unstated
    aggregation: str = ""  # fold:k, mean, pooled, best, single; "" where unstated
    n: str = ""  # images the figure was counted on, if printed
    value: str
    unit: str = ""
    spread: str = ""
    where: str
    matrix: str = ""
    row: str = ""
    column: str = ""
    approximate: bool = False  # the paper says "about", "almost", "close to"
    derived_from: tuple[str, ...] = ()  # claims from which a stated gain, ratio or mean is said to come
    note: str = ""

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        if value not in METRICS:
            from leukbench.errors import unknown_name

            raise ValueError(str(unknown_name("metric", value, METRICS)))
        return value

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        if value not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, got {value!r}")
        return value

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, value: str) -> str:
        if value not in UNITS:
            raise ValueError(f"unit must be one of {UNITS}, got {value!r}")
        return value

    @model_validator(mode="after")
    def _note_where_needed(self) -> Claim:
        if self.metric in {"other", "detection_rate"} and not self.note:
            raise ValueError(f"claim {self.id}: metric {self.metric!r} needs a note that says what it is")
        return self

    @property
    def number(self) -> Decimal | None:
        """The printed value as an exact decimal in the printed unit; None where it is not one number.

        >>> Claim(id="p.a", metric="accuracy", value="1.8e+02", where="Table 1").number
        Decimal('1.8E+2')
        """
        text = self.value.replace(",", "").replace("%", "").replace("−", "-").strip()
        try:
            return Decimal(text)
        except InvalidOperation:
            return None

    @property
    def of_fold(self) -> str:
        """The fold that it speaks of, by ``fold`` or ``aggregation: fold:k``; "" for all folds."""
        return self.fold or fold_of(self.aggregation)

    @property
    def half_unit(self) -> Decimal | None:
        """Half a unit of the last printed digit: the true value lies within ± this, if it was rounded."""
        number = self.number
        if number is None:
            return None
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        return Decimal(5).scaleb(exponent - 1)

    @property
    def scale(self) -> Decimal:
        """What a fraction is multiplied by to be in the printed unit: 100 for %, 1 otherwise."""
        return Decimal(100) if self.unit == "%" else Decimal(1)

    @property
    def fraction(self) -> float | None:
        """The value as a fraction (percent divided by 100)."""
        return None if self.number is None else float(self.number / self.scale)


class ClaimBlock(Strict):
    """Claims that share a place and other keys; ``common`` holds these, each row the rest (and may override)."""

    where: str
    common: dict[str, Any] = {}
    rows: tuple[dict[str, Any], ...]

    def claims(self) -> list[Claim]:
        return [Claim.model_validate({"where": self.where, **self.common, **row}) for row in self.rows]


class Paper(Strict):
    """All that a paper says. ``claims`` are expanded from the blocks of the file."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    made_up: bool = False  # a demonstration, not a publication
    citation: Citation
    author_response: str = ""
    studies: dict[str, Study]
    networks: dict[str, Network] = {}
    recipes: dict[str, NamedRecipe] = {}
    arms: dict[str, Arm] = {}
    matrices: tuple[Matrix, ...] = ()
    protocol_facts: dict[str, str] = {}  # stated facts about the protocol that audits read; see papers/README.md
    ambiguities: AssumedEntries = ()  # what belongs to no single network or recipe
    claims: tuple[Claim, ...]

    @field_validator("claims", mode="before")
    @classmethod
    def _expand(cls, blocks: Any) -> Any:
        if isinstance(blocks, list | tuple) and blocks and isinstance(blocks[0], dict) and "rows" in blocks[0]:
            return [claim for block in blocks for claim in ClaimBlock.model_validate(block).claims()]
        return blocks

    @model_validator(mode="after")
    def _names_exist(self) -> Paper:
        problems = list(_dangling(self))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def claim(self, claim_id: str) -> Claim:
        """Return the claim with this id; KeyError where there is none."""
        return {claim.id: claim for claim in self.claims}[claim_id]

    def headlines(self) -> dict[str, str]:
        """Return what is printed of each study's headline claim, by the claim's id: metric, figure and what it was
        counted on."""
        claims = [self.claim(study.headline) for study in self.studies.values()]
        return {c.id: " ".join(f for f in (c.metric, c.class_, c.value, c.unit, c.n) if f) for c in claims}


def _dangling(paper: Paper) -> list[str]:
    """Return what is wrong with the names by which parts of a paper refer to each other."""
    ids = [claim.id for claim in paper.claims]
    known = set(ids)
    twice = sorted({i for i in ids if ids.count(i) > 1}) if len(known) < len(ids) else []
    problems = [f"claim id {i} stands twice" for i in twice]
    problems += [
        f"claim id {i} must start with {paper.key!r} and a dot" for i in ids if not i.startswith(paper.key + ".")
    ]
    for name, study in paper.studies.items():
        problems += _dangling_of_study(name, study, known)
    for name, arm in paper.arms.items():
        for kind, value, names in (
            ("study", arm.study, paper.studies),
            ("network", arm.network, paper.networks),
            ("recipe", arm.recipe, paper.recipes),
        ):
            if value not in names:
                problems.append(f"arm {name}: {kind} {value!r} does not exist")
    for name, network in paper.networks.items():
        problems += [f"network {name}: {i!r} is no claim" for i in network.parameters if i not in known]
    problems += _dangling_in_orders(paper, known)
    for claim in paper.claims:
        problems += [f"claim {claim.id}: {problem}" for problem in _dangling_of_claim(claim, paper, known)]
    return problems


def _dangling_of_study(name: str, study: Study, known: Collection[str]) -> Iterator[str]:
    if study.headline not in known:
        yield f"study {name}: headline {study.headline!r} is no claim"
    planned = [r.name for of in study.protocols.values() for r in of if r.rule.augment != "none"]
    if planned and study.copies is None:
        yield f"study {name}: readings plan copies ({', '.join(planned)}), but copies does not say how these look"
    if study.positive is not None and study.positive not in study.classes:
        yield f"study {name}: positive {study.positive!r} is no class"


def _dangling_in_orders(paper: Paper, known: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the claims that the facts on stated and implied orders name."""
    for fact, text in paper.protocol_facts.items():
        if fact.split(".")[0] in {"stated_order", "implied_order"}:
            named = re.findall(rf"\b{paper.key}\.[A-Za-z0-9_.\-]*[A-Za-z0-9]", text.split("(")[0])
            yield from (f"protocol_facts {fact}: {i!r} is no claim" for i in named if i not in known)
            if len(named) < 2 or ">" not in text:
                yield f"protocol_facts {fact}: must be 'claim > claim (place)'"


def _dangling_of_claim(claim: Claim, paper: Paper, known: Collection[str]) -> Iterator[str]:
    if claim.study and claim.study not in paper.studies:
        yield f"study {claim.study!r} does not exist"
    if claim.arm and claim.arm not in paper.arms:
        yield f"arm {claim.arm!r} does not exist"
    if claim.matrix and claim.matrix not in {matrix.id for matrix in paper.matrices}:
        yield f"matrix {claim.matrix!r} does not exist"
    yield from (f"derived_from {i!r} is no claim" for i in claim.derived_from if i not in known)
    if claim.split_assumed and not any(a.field.startswith("split of ") for a in paper.ambiguities):
        yield "split_assumed needs an entry 'split of ...' among the ambiguities"
    if re.search(r"\s$|^\s", claim.value):
        yield f"value {claim.value!r} has outer blanks"


__all__ = [
    "Arm",
    "Assumed",
    "Citation",
    "Claim",
    "ClaimBlock",
    "Matrix",
    "NamedRecipe",
    "Network",
    "NetworkSpec",
    "Paper",
    "Reading",
    "Recipe",
    "SplitRule",
    "Study",
]
