"""params.yaml, validated: how much of the plan to run, and on which stand-ins.
What the papers did stands in paper.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from leukbench.errors import InputError, unknown_name
from leukbench.paths import workspace
from leukbench.records import Experiment
from leukbench.yamls import read_yaml


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)  # true and "10" are no numbers


class SourceParams(_Strict):
    """``images``: how many a synthetic source makes; null for the papers' size. Real sources are taken as they are."""

    images: int | None = Field(default=None, ge=4)
    seed: int = 0


class StoreParams(_Strict):
    source: str
    side_px: int = Field(ge=8, le=1024)
    crop: float = Field(default=1.0, gt=0, le=1)


class StudyParams(_Strict):
    paper: str
    study: str


class VerdictParams(_Strict):
    """``sha256`` locks margin, alpha and headline claims;
    the compare stage refuses others and prints the hash found."""

    margin: float = Field(gt=0, lt=1)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    sha256: str = ""


class Params(_Strict):
    """One profile of the plan."""

    model_config = ConfigDict(strict=False)  # YAML's lists are taken for tuples

    profile: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    seed: int = Field(default=0, strict=True)
    papers: tuple[str, ...]
    verdicts: VerdictParams
    sources: dict[str, SourceParams]
    stores: dict[str, StoreParams]
    studies: dict[str, StudyParams]
    experiments: dict[str, Experiment]
    transfers: dict[str, Experiment] = Field(
        default_factory=dict
    )  # trained on one source, tested on another; no claim is held against them

    @field_validator("experiments", "transfers", mode="before")
    @classmethod
    def _nothing_is_converted(cls, raw: Any) -> Any:
        """Refuse what pydantic would take for whole numbers, true for 1, "10" and 10.0 for 10, and 0 for false."""
        rows = {k: row for k, row in raw.items() if isinstance(row, dict)} if isinstance(raw, dict) else {}
        for name, row in rows.items():
            if not isinstance(row.get("pretrained"), bool | None):
                raise ValueError(f"{name}.pretrained is {row['pretrained']!r} and must be true or false")
            limits = row.get("limits")
            for key, value in limits.items() if isinstance(limits, dict) else ():
                if isinstance(value, bool | str | float):
                    raise ValueError(f"{name}.limits.{key} is {value!r} and must be a whole number")
        return raw

    @model_validator(mode="after")
    def _names_exist(self) -> Params:
        problems = [*_of_tables(self), *_of_transfers(self), *_of_experiments(self)]
        problems += _mixed_precisions(self.all_experiments)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def all_experiments(self) -> dict[str, Experiment]:
        """The experiments and, after them, the transfers: everything that is split, trained and evaluated."""
        return {**self.experiments, **self.transfers}

    def experiment(self, name: str) -> Experiment:
        """Return an experiment or transfer; InputError, naming the nearest, where there is none."""
        if name not in self.all_experiments:
            raise unknown_name("experiment", name, self.all_experiments, where="params.yaml")
        return self.all_experiments[name]

    def planned(self) -> Params:
        """Return these params. Raises InputError where they plan no experiment, so that nothing could be done."""
        if not self.all_experiments:
            raise InputError(
                "params.yaml has no experiments", where=str(workspace() / "params.yaml"),
                expected="a row under experiments", found="experiments: {}",
                do="add one, or put a profile in place: leukbench profile",
            )  # fmt: skip
        return self


def _twice(names: Sequence[str]) -> list[str]:
    """Return the names that stand more than once, each once."""
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def _of_tables(params: Params) -> Iterator[str]:
    yield from (f"papers: {key!r} stands twice" for key in _twice(params.papers))
    for name, store in params.stores.items():
        if store.source not in params.sources:
            yield f"store {name}: source {store.source!r} is not under sources"
    for name, study in params.studies.items():
        if study.paper not in params.papers:
            yield f"study {name}: paper {study.paper!r} is not under papers"
    for name in sorted(params.experiments.keys() & params.transfers.keys()):
        yield f"{name} is both an experiment and a transfer"
    for name, experiment in params.experiments.items():
        if experiment.protocol == "transfer":
            yield f"experiment {name}: a transfer stands under transfers"


def _of_transfers(params: Params) -> Iterator[str]:
    for name, experiment in params.transfers.items():
        target = experiment.test_source
        if experiment.protocol != "transfer" or target == experiment.source:
            yield f"transfer {name}: it needs protocol: transfer, and a test_source that is not its source"
        if experiment.test_store not in params.stores or params.stores[experiment.test_store].source != target:
            yield f"transfer {name}: test_store {experiment.test_store!r} is not a store of {target!r}"


def _of_experiments(params: Params) -> Iterator[str]:
    known = {(s.paper, s.study) for s in params.studies.values()}
    for name, experiment in params.all_experiments.items():
        source = experiment.source
        yield from (f"experiment {name}: arm {arm!r} stands twice" for arm in _twice(experiment.arms))
        if experiment.store not in params.stores or params.stores[experiment.store].source != source:
            yield f"experiment {name}: store {experiment.store!r} is not a store of source {source!r}"
        if (experiment.paper, experiment.study) not in known:
            yield f"experiment {name}: study {experiment.paper}.{experiment.study} is not under studies"


def _mixed_precisions(experiments: dict[str, Experiment]) -> list[str]:
    """Return which studies would compare networks that were trained in different precisions."""
    found: dict[tuple[str, str], set[str]] = {}
    for experiment in experiments.values():
        found.setdefault((experiment.paper, experiment.study), set()).add(experiment.precision)
    return [
        f"study {paper}.{study}: its experiments have precisions {' and '.join(sorted(kinds))}; give all of them one"
        for (paper, study), kinds in found.items()
        if len(kinds) > 1
    ]


def load_params(file: Path | None = None) -> Params:
    """Return the validated params.yaml of the workspace (or of ``file``).

    Raises
    ------
    InputError
        Naming key and value.
    """
    file = file or workspace() / "params.yaml"
    raw = read_yaml(file, what="params.yaml", do="run leukbench in the project's folder, or set LEUKBENCH_HOME to it")
    return params_from_plain(raw, where=str(file))


def _plain(error: Any) -> str:
    """Return what pydantic says of a key, in our words where it is one of ours or an unknown one."""
    return "unknown key" if error["type"] == "extra_forbidden" else str(error["msg"]).removeprefix("Value error, ")


def params_from_plain(raw: Any, *, where: str) -> Params:
    """Return validated params from plain data.

    Raises
    ------
    InputError
        Naming key and value.
    """
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'the file'}: {_plain(e)}"
            + ("" if isinstance(e.get("input"), dict) else f" (found {str(e.get('input'))[:60]!r})")
            for e in error.errors()[:6]
        )
        raise InputError(
            "params.yaml is not as it should be",
            where=where,
            found=wrong,
            do="mend these keys; docs/reference.md has every one",
        ) from error
