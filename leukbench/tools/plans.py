"""Profiles written short: what they build on, and a plan that stands for many experiments, made into a whole
params.yaml.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leukbench.errors import InputError, unknown_name
from leukbench.papers.files import paper_keys
from leukbench.papers.schema import Paper, Study
from leukbench.params import StoreParams, VerdictParams
from leukbench.records import Experiment, Limits, Protocol, Recipe, as_plain
from leukbench.yamls import read_yaml

PROTOCOLS: tuple[Protocol, ...] = ("as_published", "image", "augment_first", "patient", "challenge")
"""In the order in which experiments are named."""
Line = TypeVar("Line", bound=BaseModel)
_KEPT = ("experiments", "transfers")


class PlanEntry(BaseModel):
    """One line of a plan: a study under several protocols, at one budget.

    It stands for experiments called ``<name>-<protocol>``, and ``<name>-as_published-<reading>`` for each reading.
    ``all`` arms are those of the study whose input size and crop the store serves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    study: str  # a name under studies
    store: str
    protocols: tuple[Protocol, ...] | Literal["all"] = "all"
    readings: tuple[str, ...] | Literal["all"] = "all"  # of as_published
    without: tuple[str, ...] = ()  # readings that cannot be run
    arms: tuple[str, ...] | Literal["all"] = "all"
    limits: Limits = Field(default_factory=Limits)
    pretrained: bool | None = None
    precision: Literal["fp32", "bf16"] = "fp32"


class Every(BaseModel):
    """``every`` of a profile: each study of its papers, every arm, on the study's source or its stand-in.

    It names sources, stores (``<source>-<side>``) and studies, and stands for a line of the plan for each study and
    store. A study without a stand-in is left out of stand-ins, a reading whose test pool has no labels everywhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: Literal["published", "stand_in"]
    protocols: tuple[Protocol, ...] | Literal["all"] = "all"
    limits: Limits = Field(default_factory=Limits)
    pretrained: bool | None = None


def read_profile(file: Path) -> dict[str, Any]:
    """Return a profile as the whole content of a params.yaml: what it ``extends`` taken over, its ``plan`` and
    ``every`` made experiments, ``papers: all`` spelt out and their headlines frozen as they stand.

    A profile's own keys replace those of the one that it extends; within sources, stores and studies, name by name.
    Raises InputError, naming file and key.
    """
    plain = _read(file, seen=())
    if plain.get("papers") == "all":
        plain["papers"] = paper_keys()
        plain["verdicts"] = _frozen(plain.get("verdicts"), plain["papers"], where=str(file))
    entries = plain.pop("plan", None)
    if "every" in plain:
        entries = [*_of_every(plain.pop("every"), plain, where=f"{file}, every"), *(entries or [])]
    if entries is not None:
        planned = _experiments(entries, plain, where=str(file))
        if doubled := planned.keys() & plain.get("experiments", {}).keys():
            raise InputError(
                "an experiment of the plan stands under experiments as well", where=str(file), found=sorted(doubled)[0]
            )
        plain["experiments"] = {**planned, **plain.get("experiments", {})}
        plain.setdefault("transfers", {})  # a stage of dvc.yaml asks for the key
    return plain


def _read(file: Path, *, seen: tuple[Path, ...]) -> dict[str, Any]:
    plain = read_yaml(file, what="a profile")
    if not isinstance(plain, dict):
        raise InputError(
            "a profile is no mapping", where=str(file), expected="profile, papers, …", found=str(plain)[:60]
        )
    base = plain.pop("extends", None)
    if base is None:
        return plain
    below = file.with_name(f"{base}.yaml")
    if not below.is_file():
        names = [f.stem for f in file.parent.glob("*.yaml")]
        raise unknown_name("profile", str(base), names, where=f"{file}, extends")
    if below in (*seen, file):
        raise InputError("a profile extends itself", where=f"{file}, extends", found=str(base))
    merged = {k: v for k, v in _read(below, seen=(*seen, file)).items() if k not in {*_KEPT, "plan", "every"}}
    for key, value in plain.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    return merged


def _experiments(entries: Any, plain: dict[str, Any], *, where: str) -> dict[str, Any]:
    if not isinstance(entries, list):
        raise InputError("a plan is no list", where=f"{where}, plan", expected="- {name: …, study: …, store: …}")
    found: dict[str, Any] = {}
    for i, entry in enumerate(entries):
        place = f"{where}, plan.{i}"
        for name, experiment in _expanded(_parsed(PlanEntry, entry, where=place), plain, where=place).items():
            if name in found:
                raise InputError("two lines of the plan make one experiment", where=place, found=name)
            found[name] = experiment
    return found


def _parsed(kind: type[Line], entry: Any, *, where: str) -> Line:
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:6])
        raise InputError("a line of the plan is not as it should be", where=where, found=wrong) from error


def _frozen(verdicts: Any, papers: list[str], *, where: str) -> dict[str, Any]:
    """Return margin and alpha with the hash that freezes them and the papers' headlines."""
    from leukbench.papers.loader import load_paper
    from leukbench.pipeline.frozen import frozen_now

    parsed = _parsed(VerdictParams, verdicts, where=f"{where}, verdicts")
    return {"margin": parsed.margin, "alpha": parsed.alpha, "sha256": frozen_now(parsed, map(load_paper, papers))}


def _of_every(raw: Any, plain: dict[str, Any], *, where: str) -> Iterator[dict[str, Any]]:
    """Yield a line of the plan for each study and store, and name what these need in ``plain``."""
    from leukbench.papers.loader import load_paper

    every = _parsed(Every, raw, where=where)
    budget = {key: value for key, value in raw.items() if key not in {"images", "protocols"}}
    sources, stores, studies = (plain.setdefault(key, {}) for key in ("sources", "stores", "studies"))
    for paper in map(load_paper, plain.get("papers", ())):
        for name, study in paper.studies.items():
            source = study.source if every.images == "published" else study.stand_in
            labelled = _labelled(study, PROTOCOLS if every.protocols == "all" else every.protocols)
            cuts = {(r.input_px, r.crop) for _, r in _recipes(paper, name)} if source else ()
            for px, crop in sorted(cuts):
                size = f"{px}" if crop == 1 else f"{px}-crop{round(100 * crop)}"
                store, of_study = f"{source}-{size}", f"{paper.key}-{name}"
                sources.setdefault(source, {})
                stores.setdefault(store, {"source": source, "side_px": px, **({} if crop == 1 else {"crop": crop})})
                studies.setdefault(of_study, {"paper": paper.key, "study": name})
                entry = of_study if len(cuts) == 1 else f"{of_study}-{size}"
                yield {**budget, "name": entry, "study": of_study, "store": store, **labelled}


def _labelled(study: Study, protocols: Sequence[Protocol]) -> dict[str, Any]:
    """Return which protocols of a study, and without which readings, have published labels to be scored against."""
    from leukbench.sources import load_source

    counts = load_source(study.source).card.counts
    lost = {
        (protocol, reading.name)
        for protocol, readings in study.protocols.items()
        for reading in readings
        if any(set(counts[pool]) == {""} for pool in reading.rule.test_pool)
    }
    kept = [p for p in protocols if p in study.protocols and (p, study.protocols[p][0].name) not in lost]
    also = ["as_published"] if "as_published" in protocols else []  # whose readings are chosen one by one
    return {
        "protocols": list(dict.fromkeys([*also, *kept])),
        "without": sorted(name for protocol, name in lost if protocol == "as_published"),
    }


def _expanded(entry: PlanEntry, plain: dict[str, Any], *, where: str) -> dict[str, Any]:
    from leukbench.papers.loader import load_paper

    studies, stores = plain.get("studies", {}), plain.get("stores", {})
    if entry.study not in studies:
        raise unknown_name("study", entry.study, studies, where=where)
    if entry.store not in stores:
        raise unknown_name("store", entry.store, stores, where=where)
    store = StoreParams.model_validate(stores[entry.store])
    paper, key = load_paper(studies[entry.study]["paper"]), studies[entry.study]["study"]
    if key not in paper.studies:
        raise unknown_name("study", key, paper.studies, where=where)
    made = {}
    for suffix, protocol, reading in _cuts(entry, paper.studies[key], where=where):
        experiment = Experiment(
            paper=paper.key,
            study=key,
            protocol=protocol,
            reading=reading,
            source=store.source,
            store=entry.store,
            arms=_arms(entry, paper, key, store),
            limits=entry.limits,
            pretrained=entry.pretrained,
            precision=entry.precision,
        )
        made[f"{entry.name}-{suffix}"] = _short(experiment)
    return made


def _cuts(entry: PlanEntry, study: Study, *, where: str) -> list[tuple[str, Protocol, str]]:
    """Return (end of the name, protocol, reading) of each experiment of a line."""
    wanted = [p for p in PROTOCOLS if p in study.protocols] if entry.protocols == "all" else list(entry.protocols)
    cuts: list[tuple[str, Protocol, str]] = []
    for protocol in wanted:
        if protocol not in study.protocols:
            raise unknown_name("protocol", protocol, study.protocols, where=where)
        if protocol != "as_published":
            cuts.append((protocol, protocol, ""))
            continue
        known = [reading.name for reading in study.protocols[protocol]]
        named = known if entry.readings == "all" else list(entry.readings)
        for reading in (*named, *entry.without):
            if reading not in known:
                raise unknown_name("reading", reading, known, where=where)
        cuts += [(f"{protocol}-{reading}", protocol, reading) for reading in named if reading not in entry.without]
    return cuts


def _arms(entry: PlanEntry, paper: Paper, study: str, store: StoreParams) -> tuple[str, ...]:
    if entry.arms != "all":
        return entry.arms
    return tuple(n for n, r in _recipes(paper, study) if (r.input_px, r.crop) == (store.side_px, store.crop))


def _recipes(paper: Paper, study: str) -> list[tuple[str, Recipe]]:
    """Return the arms of a study, each with its recipe."""
    return [(name, paper.recipes[arm.recipe].recipe) for name, arm in paper.arms.items() if arm.study == study]


def _short(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment as plain data without what it leaves at its default."""
    plain = as_plain(experiment)
    default = as_plain(Experiment(paper="", study="", protocol="image", source="", store="", arms=()))
    limits = {k: v for k, v in plain.pop("limits").items() if v != default["limits"][k]}
    needed = {"paper", "study", "protocol", "source", "store", "arms"}
    kept = {k: v for k, v in plain.items() if k in needed or v != default[k]}
    return {**kept, "limits": limits} if limits else kept


def params_text(file: Path) -> str:
    """Return the text of the params.yaml that a profile stands for; its own text where it is written out in full."""
    text = file.read_text(encoding="utf-8")
    raw = read_yaml(file, what="a profile")
    if not isinstance(raw, dict) or not {"plan", "every", "extends"} & raw.keys():
        return text
    opening = [line for line in text.split("\n") if line.startswith("#")]
    opening_lines = [f"# Made from profiles/{file.name}, which says it shorter."]
    lines: list[str] = []
    for key, value in read_profile(file).items():
        if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
            lines += ["", f"{key}:", *(f"  {name}: {_flow(entry)}" for name, entry in value.items())]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join([*opening[: _opening(text)], *opening_lines, *lines]) + "\n"


def _opening(text: str) -> int:
    """Return how many lines of comment a profile begins with."""
    lines = text.split("\n")
    return next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1_000_000, allow_unicode=True)
    return str(text).removesuffix("\n").removesuffix("\n...")
