"""Findings as pages: Markdown for readers, JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from leukbench.audit.power import PowerRow, check_rates
from leukbench.papers.schema import Paper
from leukbench.records import Finding, canonical_json

STATUS_WORDS = {
    "inconsistent": "cannot be as printed",
    "implausible": "possible, but not easily, or not what it seems",
    "uncheckable": "cannot be checked; the missing number is named",
    "consistent": "checked and found in order",
}
INTRODUCTION = """\
Every finding below follows from figures that the papers print, and from public counts of their datasets; no image and no
training was needed. **Inconsistent** means proved: the named figures cannot hold together under any usual definition,
whether they were rounded or truncated. A figure is *accused* only if it is impossible alone or is the one figure that stands in every
minimal conflict; the other members of a conflict are only named. **Implausible** means possible, but needing an explanation;
**uncheckable** names the number that would make it checkable. Each has its arithmetic, to be redone by hand, and the nearest reading
that would make it true. A finding speaks of printed figures, not of intentions."""


def to_json(findings: Iterable[Finding]) -> str:
    """Return the findings as canonical JSON: a list of objects with the fields of ``records.Finding``."""
    return canonical_json(list(findings)) + "\n"


def render_markdown(findings: Sequence[Finding], papers: Sequence[Paper]) -> str:
    """Return one page: a summary table, then one section a paper, most serious first, consistent ones and ambiguities in lists."""
    parts = ["# Could the printed figures be true together?", "", INTRODUCTION, "", _summary(findings, papers)]
    for paper in papers:
        parts += ["", *_section(paper, [f for f in findings if f.paper == paper.key])]
    return "\n".join(parts).rstrip() + "\n"


def _summary(findings: Sequence[Finding], papers: Sequence[Paper]) -> str:
    lines = [
        "| paper | claims | inconsistent | implausible | uncheckable | of these ambiguities | consistent | figures accused |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for paper in papers:
        own = [f for f in findings if f.paper == paper.key]
        status = Counter(f.status for f in own)
        unclear = sum(f.kind == "ambiguity" and f.status == "uncheckable" for f in own)
        accused = len({c for f in own for c in f.accused})
        lines.append(
            f"| {paper.key} | {len(paper.claims)} | {status['inconsistent']} | {status['implausible']} | {status['uncheckable']} | "
            f"{unclear} | {status['consistent']} | {accused} |"
        )
    return "\n".join(lines)


def _section(paper: Paper, findings: Sequence[Finding]) -> list[str]:
    cite = paper.citation
    lines = [
        f"## {paper.key}",
        "",
        f"{cite.authors}: *{cite.title}*. {cite.venue} {cite.year}".strip()
        + (f", doi {cite.doi}" if cite.doi else "")
        + ".",
    ]
    if paper.author_response:
        lines += ["", f"**The authors' response:** {paper.author_response}"]
    serious = [f for f in findings if f.status in {"inconsistent", "implausible"}]
    open_ = [f for f in findings if f.status == "uncheckable" and f.kind != "ambiguity"]
    unclear = [f for f in findings if f.status == "uncheckable" and f.kind == "ambiguity"]
    fine = [f for f in findings if f.status == "consistent"]
    for finding in serious:
        lines += ["", *_entry(finding)]
    lines += _list(
        "What could not be checked, and the number that is missing",
        open_,
        lambda f: f"{f.statement} Missing: {f.repair}",
    )
    lines += _list("What a re-implementer has to decide", unclear, lambda f: f"{f.statement} {f.witness} {f.repair}")
    lines += _list("Checked and in order", fine, lambda f: f"{f.statement} {f.witness}")
    return lines


def _entry(f: Finding) -> list[str]:
    lines = [
        f"### {f.statement}",
        "",
        f"*{f.status}* ({f.kind}), severity {f.severity}. Place: {f.where}. `{f.id}`",
        "",
        f"{f.witness}",
    ]
    if f.repair:
        lines += ["", f"What would make it true: {f.repair}"]
    if f.accused:
        lines += ["", "Accused: " + ", ".join(f"`{c}`" for c in f.accused)]
    return lines


def _list(title: str, findings: Sequence[Finding], words: object) -> list[str]:
    if not findings:
        return []
    assert callable(words)
    return ["", f"### {title}", "", *(f"- {words(f)} ({f.where}) `{f.id}`".replace("  ", " ") for f in findings)]


def render_power(rows: Sequence[PowerRow]) -> str:
    """Return the power table as Markdown."""
    lines = [
        "| planted | experiments | found | rate | by | untouched figures accused |",
        "|---|---:|---:|---:|---|---:|",
    ]
    for r in rows:
        name = "nothing (false alarms)" if r.corruption == "honest" else r.corruption
        lines.append(
            f"| {name} | {r.experiments} | {r.found} | {r.rate:.2f} | {', '.join(r.checks)} | {r.wrongly_accused} |"
        )
    lines += ["", "| check | aimed at it | found by it | rate |", "|---|---:|---:|---:|"]
    rates = check_rates(tuple(rows))
    lines += [f"| {r.check} | {r.experiments} | {r.found} | {r.rate:.2f} |" for r in rates if r.experiments]
    lines += [
        "",
        "Nothing is planted for "
        + ", ".join(r.check for r in rates if not r.experiments)
        + ": they look up what a ledger states, ",
    ]
    lines[-1] += "or public counts and networks, and are held by unit tests."
    return "\n".join(lines) + "\n"


__all__ = ["render_markdown", "render_power", "to_json"]
