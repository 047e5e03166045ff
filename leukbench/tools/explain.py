"""The whole chain behind one claim: where it stands, how its split is read, which runs answer it, what it comes to."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leukbench.artefacts import Certificate, Receipt, SplitPlan, from_plain
from leukbench.errors import InputError, unknown_name
from leukbench.papers.schema import Claim, Paper
from leukbench.paths import reports_folder
from leukbench.pipeline.record import RECORD, Record, read_record
from leukbench.records import Finding, json_text
from leukbench.report.format import table
from leukbench.verdicts.differences import Question, Reproduced
from leukbench.verdicts.rule import DEVIATIONS, Verdict

_WOULD = {
    "surrogate_data": "a run on the publisher's images instead of made ones",
    "weights_absent": "a run from the pretrained weights that the paper starts from",
    "frozen_layers_trained": "a run that freezes the layers that the recipe freezes",
    "limited": "a run of all images and epochs of the paper",
}


@dataclass(frozen=True, kw_only=True)
class RunLink:
    """One run behind an estimate."""

    run: str
    fold: int
    seed: int
    commit: str
    hardware: str


@dataclass(frozen=True, kw_only=True)
class EstimateLink:
    """An estimate that the claim is held against, with the split and the runs that it comes from."""

    experiment: str
    protocol: str
    reading: str
    reading_basis: str
    reading_evidence: str
    certificate: str
    split: str
    definition: str
    value: float
    low: float
    high: float
    n_images: int
    n_groups: int
    deviations: tuple[str, ...]
    runs: tuple[RunLink, ...]


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Everything that is known of a claim; ``would_change``: what would give another verdict, or one at all."""

    claim: Claim
    headline: bool
    estimates: tuple[EstimateLink, ...] = ()
    not_run: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    verdict: Verdict | None = None
    why_none: str = ""
    would_change: tuple[str, ...] = field(default=())


def explain(claim_id: str, folder: Path | None, format: str) -> str:
    """Return the chain behind a claim as Markdown or JSON; of a paper, where its claims stand and how many.

    Parameters
    ----------
    claim_id
        As in the ledger, or a paper's key.
    folder
        A profile's folder of reports/, whose record is read; None: that of params.yaml's profile. Without a record
        the chain ends with the findings.

    Raises
    ------
    InputError
        Where no paper of the suite has such a claim.
    """
    from leukbench.params import load_params

    if "." not in claim_id:
        return claims_of_paper(claim_id, format)
    paper, claim = _find(claim_id)
    place = folder or reports_folder(load_params().profile)
    record = read_record(place) if folder or (place / RECORD).is_file() else None
    chain = chain_of(paper, claim, record, _measured(place))
    return _as_json(chain) if format == "json" else _as_markdown(chain, paper)


def claims_of_paper(key: str, format: str = "md") -> str:
    """Return a paper's claims by table or section: how many, the ids' common beginnings, the first of them."""
    paper = _load(key)
    groups: dict[str, list[Claim]] = {}
    for claim in paper.claims:
        groups.setdefault(_place(claim), []).append(claim)
    rows = [
        {
            "place": place,
            "claims": str(len(claims)),
            "ids": ", ".join(dict.fromkeys(f"{'.'.join(claim.id.split('.')[:2])}.*" for claim in claims)),
            "metrics": ", ".join(dict.fromkeys(claim.metric.replace("_", " ") for claim in claims)),
        }
        for place, claims in groups.items()
    ]
    if format == "json":
        return json_text([{**row, "claims": int(row["claims"])} for row in rows])
    heads = ", ".join(f"`{study.headline}`" for study in paper.studies.values())
    every = f"`leukbench claims --paper {key} --format csv` lists every one"
    return f"# {key}: {len(paper.claims)} claims\n\nHeadlines: {heads}; {every}.\n\n{table(rows)}\n"


def _place(claim: Claim) -> str:
    """Return the table, figure or section of a claim, without what follows it."""
    return re.split(r"[,;(]", claim.where)[0].strip()


def _load(key: str) -> Paper:
    from leukbench.papers.files import paper_keys
    from leukbench.papers.loader import load_paper

    keys = paper_keys(made_up=True)
    if key not in keys:
        raise unknown_name("paper", key, keys, where="leukbench explain")
    return load_paper(key)


def _find(claim_id: str) -> tuple[Paper, Claim]:
    key = claim_id.split(".")[0]
    paper = _load(key)
    known = {claim.id: claim for claim in paper.claims}
    if claim_id not in known:
        near = difflib.get_close_matches(claim_id, known, n=3, cutoff=0.5)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise InputError(
            "no such claim", where=claim_id, expected=f"one of the {len(known)} claims of {key}",
            found=claim_id, do=f"{meant}leukbench explain {key} says where they stand",
        )  # fmt: skip
    return paper, known[claim_id]


def _measured(place: Path) -> dict[str, Any]:
    file = place / "measured.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def chain_of(paper: Paper, claim: Claim, record: Record | None, measured: Mapping[str, Any]) -> Chain:
    """Return the chain behind a claim from a record of results, or from the ledger alone."""
    headline = claim.id in {study.headline for study in paper.studies.values()}
    if record is None:
        why = "no record of results is here; --from reports/PROFILE names one"
        return Chain(claim=claim, headline=headline, findings=_audited(paper, claim), why_none=why)
    results = _Recorded(record, measured)
    question, verdict = results.question(claim.id), results.verdict(claim.id)
    sides = (*question.faithful, *question.honest) if question else ()
    links = tuple(link for r in sides for link in results.links(claim, r))
    findings = tuple(f for f in results.findings() if claim.id in f.claims and f.status != "consistent")
    return Chain(
        claim=claim,
        headline=headline,
        estimates=links,
        not_run=question.not_run if question else (),
        findings=findings,
        verdict=verdict,
        why_none="" if verdict else "no run of this profile can be held against it",
        would_change=tuple(dict.fromkeys(_would_change(question, verdict, findings))),
    )


def _audited(paper: Paper, claim: Claim) -> tuple[Finding, ...]:
    from leukbench.audit.findings import audit_paper

    return tuple(f for f in audit_paper(paper) if claim.id in f.claims and f.status != "consistent")


def _would_change(question: Question | None, verdict: Verdict | None, findings: Sequence[Finding]) -> Iterator[str]:
    if question is None or verdict is None:
        yield "a run of its study and arm"
        return
    for finding in findings:
        if question.claim in finding.accused:
            yield f"another reading of {finding.id}{': ' + finding.repair if finding.repair else ''}"
    if question.untestable:
        yield f"an estimate of its kind ({question.untestable})"
    for reading in question.not_run:
        yield f"a run of the reading {reading.replace('_', ' ')}"
    if any(r.trained_once for r in (*question.faithful, *question.honest)):
        yield "another training, of another seed"
    for reproduced in (*question.faithful, *question.honest):
        for deviation in reproduced.deviations:
            yield _WOULD.get(deviation, deviation)
    if verdict.verdict == "inconclusive" and not math.isnan(verdict.smallest_margin):
        yield f"more patients: as it is, only a margin of {100 * verdict.smallest_margin:.1f} points could be settled"


# --------------------------------------------------------------------------------------------------------- the record


@dataclass(frozen=True)
class _Recorded:
    """A record with what was measured, read piece by piece."""

    record: Record
    measured: Mapping[str, Any]

    def _read(self, path: str) -> Any:
        return self.record.files[path]

    def question(self, claim: str) -> Question | None:
        plain = self._read("verdicts.json")["questions"].get(claim)
        return None if plain is None else from_plain(Question, plain, where="verdicts.json")

    def verdict(self, claim: str) -> Verdict | None:
        for plain in self._read("verdicts.json")["verdicts"]:
            if plain["claim"] == claim:
                return from_plain(Verdict, plain, where="verdicts.json")
        return None

    def findings(self) -> tuple[Finding, ...]:
        return tuple(from_plain(Finding, plain, where="findings.json") for plain in self._read("findings.json"))

    def links(self, claim: Claim, r: Reproduced) -> Iterator[EstimateLink]:
        """Yield the experiments that an estimate comes from: those of its study, protocol, reading and arm."""
        for path, plain in self.record.files.items():
            if not path.endswith(".plan.json"):
                continue
            plan = from_plain(SplitPlan, plain, where=path)
            spec, name = plan.experiment, path.removeprefix("splits/").removesuffix(".plan.json")
            same = (spec.paper, spec.study, spec.protocol) == (claim.id.split(".")[0], claim.study, r.protocol)
            if same and claim.arm in spec.arms and r.reading in {"", plan.reading.name}:
                yield self._link(claim, r, name, plan)

    def _link(self, claim: Claim, r: Reproduced, name: str, plan: SplitPlan) -> EstimateLink:
        certificate = from_plain(Certificate, self._read(f"splits/{name}.certificate.json"), where=name)
        receipt = from_plain(Receipt, self._read(f"predictions/{name}.receipt.json"), where=name)
        runs = [x for x in receipt.runs if x.arm == claim.arm and r.estimate.fold in {"", str(x.fold)}]
        return EstimateLink(
            experiment=name,
            protocol=r.protocol,
            reading=plan.reading.name,
            reading_basis=plan.reading.basis,
            reading_evidence=plan.reading.evidence,
            certificate=certificate.self_sha256,
            split=certificate.sentence,
            definition=r.definition,
            value=r.estimate.value,
            low=r.estimate.low,
            high=r.estimate.high,
            n_images=r.estimate.n_images,
            n_groups=r.estimate.n_groups,
            deviations=r.deviations,
            runs=tuple(self._run(x.key, x.fold, x.seed) for x in runs),
        )

    def _run(self, key: str, fold: int, seed: int) -> RunLink:
        card = self.measured.get(key, {}).get("hardware", {})
        begun = [
            f"until epoch {old['until_epoch']} {_device(old)}, commit {old['commit'] or 'unknown'}"
            for old in card.get("earlier", ())
        ]
        where = "; ".join([_device(card), *begun])
        return RunLink(run=key, fold=fold, seed=seed, commit=card.get("commit", ""), hardware=where)


def _device(card: Mapping[str, str]) -> str:
    device = card.get("accelerator", "none")
    return device if device != "none" else card.get("processor", "")


# -------------------------------------------------------------------------------------------------------- as it prints


def _as_json(chain: Chain) -> str:
    plain = {name: getattr(chain, name) for name in Chain.__dataclass_fields__}
    return json_text(plain | {"claim": chain.claim.model_dump(by_alias=True)})


def _as_markdown(chain: Chain, paper: Paper) -> str:
    return "\n".join(_lines(chain, paper)) + "\n"


def _lines(chain: Chain, paper: Paper) -> Iterator[str]:
    c = chain.claim
    unit = " %" if c.unit == "%" else ""
    part = f"{c.split}, as we read it: the paper does not name the part" if c.split_assumed else c.split
    which = ", ".join(x for x in (c.class_, c.average, part, c.fold and f"fold {c.fold}", c.condition) if x)
    yield f"# {c.id}{' (headline)' if chain.headline else ''}\n"
    yield f"- **printed**: {c.metric.replace('_', ' ')} {c.value}{unit}{f' ({which})' if which else ''}"
    yield f"- **where**: {c.where}; {paper.citation.authors}, {paper.citation.venue} ({paper.citation.year})"
    if c.study:
        yield f"- **study**: {paper.studies[c.study].title}; arm: {c.arm or 'none'}"
    yield "\n## What it is held against\n"
    for link in chain.estimates:
        yield from _estimate_lines(link)
    if not chain.estimates:
        yield chain.why_none.capitalize() + "." if chain.why_none else "Nothing."
    if chain.not_run:
        yield f"\nReadings of the split that were not run: {', '.join(chain.not_run)}."
    yield "\n## What arithmetic and reading say\n"
    for f in chain.findings:
        yield f"- `{f.id}` ({f.status}, {f.kind}): {f.statement} {f.witness}".rstrip()
    if not chain.findings:
        yield "Nothing against it."
    yield "\n## What it comes to\n"
    yield f"**{chain.verdict.verdict}**: {chain.verdict.reason}." if chain.verdict else f"No verdict: {chain.why_none}."
    if chain.would_change:
        yield "\nWhat would change that:\n"
        yield from (f"- {change}" for change in chain.would_change)


def _estimate_lines(link: EstimateLink) -> Iterator[str]:
    limits = "no interval" if math.isnan(link.low) else f"{link.low:.3f} to {link.high:.3f}"
    definition = f" ({link.definition})" if link.definition else ""
    deviations = ", ".join(DEVIATIONS.get(d, d) for d in link.deviations) or "none"
    yield f"- **{link.value:.3f}** [{limits}]{definition}: {link.n_images:,} images in {link.n_groups:,} groups"
    yield f"  - split: {link.protocol.replace('_', ' ')}, {link.experiment}; reading {link.reading.replace('_', ' ')}"
    yield f"    ({link.reading_basis}: {link.reading_evidence.rstrip('.')})"
    yield f"  - keeps apart: {link.split}; certificate {link.certificate[:12]}"
    yield f"  - deviations: {deviations}"
    for run in link.runs:
        at = f", commit {run.commit}" if run.commit else ""
        on = f", on {run.hardware}" if run.hardware else ""
        yield f"  - run {run.run[:12]}: fold {run.fold}, seed {run.seed}{at}{on}"
