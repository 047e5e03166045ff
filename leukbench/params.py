"""params.yaml, validated: how much of the plan to run, and on which stand-ins.
What the papers did stands in paper.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from leukbench.errors import InputError, unknown_name
from leukbench.paths import workspace
from leukbench.records import Experiment
from leukbench.yamls import read_yaml


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


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

    profile: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    seed: int = 0
    papers: tuple[str, ...]
    verdicts: VerdictParams
    sources: dict[str, SourceParams]
    stores: dict[str, StoreParams]
    studies: dict[str, StudyParams]
    experiments: dict[str, Experiment]
    transfers: dict[str, Experiment] = Field(
        default_factory=dict
    )  # trained on one source, tested on another; no claim is held against them

    @model_validator(mode="after")
    def _names_exist(self) -> Params:
        problems = [
            f"store {n}: source {s.source!r} is not under sources"
            for n, s in self.stores.items()
            if s.source not in self.sources
        ]
        problems += [
            f"study {n}: paper {s.paper!r} is not under papers"
            for n, s in self.studies.items()
            if s.paper not in self.papers
        ]
        known = {(s.paper, s.study) for s in self.studies.values()}
        problems += [
            f"{n} is both an experiment and a transfer" for n in sorted(self.experiments.keys() & self.transfers.keys())
        ]
        problems += [
            f"experiment {n}: a transfer stands under transfers"
            for n, c in self.experiments.items()
            if c.protocol == "transfer"
        ]
        for name, experiment in self.transfers.items():
            if experiment.protocol != "transfer" or experiment.test_source == experiment.source:
                problems.append(
                    f"transfer {name}: it needs protocol: transfer, and a test_source that is not its source"
                )
            if (
                experiment.test_store not in self.stores
                or self.stores[experiment.test_store].source != experiment.test_source
            ):
                problems.append(
                    f"transfer {name}: test_store {experiment.test_store!r} is not a store "
                    f"of {experiment.test_source!r}"
                )
        for name, experiment in self.all_experiments.items():
            if experiment.store not in self.stores or self.stores[experiment.store].source != experiment.source:
                problems.append(
                    f"experiment {name}: store {experiment.store!r} is not a store of source {experiment.source!r}"
                )
            if (experiment.paper, experiment.study) not in known:
                problems.append(f"experiment {name}: study {experiment.paper}.{experiment.study} is not under studies")
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
    raw = read_yaml(file, what="params.yaml", do="run leukbench in the project's folder")
    return params_from_plain(raw, where=str(file))


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
            f"{'.'.join(map(str, e['loc']))}: {e['msg']} (found {str(e.get('input'))[:60]!r})"
            for e in error.errors()[:6]
        )
        raise InputError(
            "params.yaml is not as it should be",
            where=where,
            found=wrong,
            do="mend these keys; README.md describes the file",
        ) from error
