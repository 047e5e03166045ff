"""Findings as pages: Markdown for readers, JSON for programs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from leukbench.audit.power.conventions import Tally
from leukbench.audit.power.rates import PowerRow, check_rates
from leukbench.audit.readings.public_counts import public_counts
from leukbench.papers.schema import Claim, Paper
from leukbench.records import Finding, canonical_json

INTRODUCTION = """\
Every finding below follows from figures and words that the papers print, and from public counts of their datasets; no
image and no training was needed. Each gives its arithmetic, to be redone by hand, and what would make it true or settle
it. A finding speaks of printed figures, not of intentions. What rests on one cause, and other rows of the same kind,
stand together in one finding.

- **Inconsistent**: proved. What the finding says cannot be, cannot be, whether the figures were rounded or truncated.
  Where a definition is not stated, all usual ones were tried, with every usual convention for 0/0, or the finding names
  the one it speaks of. A figure is *accused* only if it is impossible alone or is the one figure that stands in every
  minimal conflict; the others of a conflict are only named.
- **Implausible**: possible, but in need of an explanation, or not what a reader would take it for.
- **Uncheckable**: the number or word that is missing is named; or a search ended at its bound.
- *Arithmetic* speaks of numbers, *protocol* of how they were obtained, *ambiguity* of what a re-implementer decides.
- Severity 3 concerns a headline or what all figures of a paper rest on; 2 a result or a comparison; 1 a detail; 0 is a
  note.
- A study is one of a paper's experiments on one dataset. Names in `code type` are those of the ledger,
  `leukbench/papers/<paper>/paper.yaml`."""
PROPER = {"f1": "F1", "auc": "AUC", "mcc": "MCC"}
ASKED = {
    ("inconsistent", "arithmetic"): "What would make it true",
    ("implausible", "arithmetic"): "What would explain it",
}
EVERYWHERE = {"the text as a whole", "whole paper", "throughout"}
WHICH = "which of these is meant."


def to_json(findings: Iterable[Finding]) -> str:
    """Return the findings as canonical JSON: a list of objects with the fields of ``records.Finding``."""
    return canonical_json(list(findings)) + "\n"


def render_markdown(findings: Sequence[Finding], papers: Sequence[Paper], *, facts: str = "") -> str:
    """Return one page: a summary table, then one section a paper, most serious first, consistent ones and
    ambiguities in lists.

    ``facts``: where a page of a paper's facts lies, with ``{key}`` for the paper, if it has one; then what the paper
    leaves open is told there, and only counted here.
    """
    parts = ["# Could the printed figures be true together?", "", INTRODUCTION, "", _summary(findings, papers)]
    for paper in papers:
        own = [f for f in findings if f.paper == paper.key]
        lines = _section(paper, own, facts.format(key=paper.key))
        parts += ["", *(named_studies(line, paper) for line in lines)]
    return "\n".join(parts).rstrip() + "\n"


def named_studies(line: str, paper: Paper) -> str:
    """Return a line with studies called by their data, not by their names in the ledger."""
    for name, study in paper.studies.items():
        data = str(public_counts().get(study.source, {}).get("name", study.title)).split(" (")[0]
        line = re.sub(rf"(?<!- )\b([Ss])tudy {re.escape(name)}\b", rf"\1tudy on {data}", line)
        line = re.sub(rf"\(study on {re.escape(data)}\)", f"(on {data})", line)
    return re.sub(r"(?<!the )\bstudy on ", "the study on ", line)


def _summary(findings: Sequence[Finding], papers: Sequence[Paper]) -> str:
    lines = [
        "| paper | printed figures | inconsistent | implausible | of these two, severity 3 | uncheckable | to be "
        "decided | in order | figures accused |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for paper in papers:
        own = [f for f in findings if f.paper == paper.key]
        status = Counter(f.status for f in own)
        unclear = sum(_unclear(f) for f in own)
        grave = sum(f.severity == 3 for f in own if f.status in {"inconsistent", "implausible"})
        accused = len({c for f in own for c in f.accused})
        lines.append(
            f"| [{paper.key}](#{paper.key}) | {len(paper.claims)} | {status['inconsistent']} | "
            f"{status['implausible']} | {grave} | "
            f"{status['uncheckable'] - unclear} | {unclear} | {status['consistent']} | {accused} |"
        )
    return "\n".join(lines)


def _unclear(finding: Finding) -> bool:
    return finding.kind == "ambiguity" and finding.status == "uncheckable"


def _section(paper: Paper, findings: Sequence[Finding], facts: str) -> list[str]:
    cite = paper.citation
    published = ", ".join(p for p in (cite.venue, cite.year, f"doi {cite.doi}" if cite.doi else "") if p)
    lines = [f"## {paper.key}", ""]
    if cite.venue:  # a table of someone's own has none
        lines += [f"{cite.authors}: *{cite.title}*. {published}.", ""]
    lines += _studies(paper)
    if paper.author_response:
        lines += ["", f"**The authors' response:** {paper.author_response}"]
    claims = {c.id: c for c in paper.claims}
    for finding in findings:
        if finding.status in {"inconsistent", "implausible"}:
            lines += ["", *_entry(finding, claims)]
    lines += _open_section([f for f in findings if f.status == "uncheckable" and not _unclear(f)])
    lines += _decisions([f for f in findings if _unclear(f)], facts)
    return lines + _in_order([f for f in findings if f.status == "consistent"])


def _open_section(findings: Sequence[Finding]) -> list[str]:
    """Return what could not be checked; what is merely not said of the protocol goes into one line."""
    silent = [f for f in findings if f.check == "protocol_facts" and not f.witness]
    lines = _list("What could not be checked", [f for f in findings if f not in silent], _open)
    if silent:
        lines += [] if len(silent) < len(findings) else ["", "### What could not be checked", ""]
        words = " ".join(_sentence(f.statement) for f in silent)
        lines += [f"- Of how the figures came about: {words} `{silent[0].id}` and {len(silent) - 1} more"]
    return lines


def _decisions(findings: Sequence[Finding], facts: str) -> list[str]:
    """Return what a re-implementer has to decide; what was assumed stands in the sheet ``facts``, if there is one."""
    assumed = [f for f in findings if f.check == "assumed" and facts]
    lines = _list("What a re-implementer has to decide", [f for f in findings if f not in assumed], _decision)
    if assumed:
        lines += [
            f"- {len(assumed)} more that the paper leaves open, with what was taken here and why: [{facts}]({facts})"
        ]
    return lines


def _in_order(findings: Sequence[Finding]) -> list[str]:
    """Return what was checked and is in order: a bullet a check; the arithmetic is in the findings as JSON."""
    by_check: dict[str, list[Finding]] = {}
    for f in findings:
        by_check.setdefault(f.check, []).append(f)
    if not by_check:
        return []
    lines = ["", f"### Checked and in order: {len(findings)}", ""]
    for first, *more in by_check.values():
        others = "" if not more else f" (and {len(more)} more)"
        lines.append(f"- {_sentence(first.statement).rstrip('.')}{others}.")
    return lines


def _studies(paper: Paper) -> list[str]:
    """Return a line a study: its name, dataset, classes and headline figure."""
    claims = {c.id: c for c in paper.claims}
    lines = []
    for name, study in paper.studies.items():
        head = claims.get(study.headline)
        unit = "" if head is None or head.unit != "%" or "%" in head.value else " %"
        printed = f"; headline: {head.metric} {head.value}{unit} ({head.where})" if head is not None else ""
        lines.append(f"- Study `{name}`: {study.title}; classes {', '.join(study.classes)}{printed}.")
    return lines


def _entry(f: Finding, claims: Mapping[str, Claim]) -> list[str]:
    lines = [
        f"### {_sentence(f.statement)}",
        "",
        f"*{f.status.capitalize()}* ({f.kind}), severity {f.severity}. Place: {f.where}. `{f.id}`",
        "",
        f"{_sentence(f.witness)}",
    ]
    if f.parts:
        lines += ["", "With it go:", "", *(f"- {_sentence(part)}" for part in f.parts)]
    if f.repair:
        lines += ["", f"{ASKED.get((f.status, f.kind), 'What would settle it')}: {_proper(f.repair)}"]
    if f.accused:
        named = (
            f"{_proper(claims[i].metric.replace('_', ' '))} {claims[i].value} ({claims[i].where}), `{i}`"
            for i in f.accused
        )
        lines += ["", "Accused: " + "; ".join(named) + "."]
    return lines


def _open(f: Finding) -> tuple[str, ...]:
    return f.statement, f.witness, f"Missing: {f.repair}"


def _decision(f: Finding) -> tuple[str, ...]:
    said = re.fullmatch(r"The text says \w+ things about (.*)\.", f.statement)
    return f"Of {said[1]}:" if said else f.statement, f.witness, "" if f.repair == WHICH else f.repair


def _list(title: str, findings: Sequence[Finding], words: Callable[[Finding], tuple[str, ...]]) -> list[str]:
    """Return a heading and a bullet a finding; its place is left out where the words name it already."""
    if not findings:
        return []
    lines = ["", f"### {title}", ""]
    for f in findings:
        text = " ".join(_sentence(part) for part in words(f) if part)
        names_place = f.where in EVERYWHERE or all(place.strip() in text for place in f.where.split(";"))
        lines.append(f"- {text}{'' if names_place else f' ({f.where})'} `{f.id}`")
    return lines


def _sentence(text: str) -> str:
    """Return words with a capital at their beginning."""
    text = _proper(text)
    return text[:1].upper() + text[1:]


def _proper(text: str) -> str:
    """Return words with names of scores as they are written: F1, AUC, MCC."""
    return re.sub(r"(?<![\w.`])(f1|auc|mcc)(?![\w.`]*\w)", lambda m: PROPER[m.group(1)], text)


POWER = """\
# How often the audit is wrong, and how often it sees an error

Made-up papers with known truth. In an honest one every figure follows from drawn confusion matrices: two or several
classes, 40 to 900 test images, matrices, scores, per-class scores, folds, repeated runs, curves, counts, copies, layer
tables, a recipe, quotations and repetitions in the text, each present or not, printed in percent or as fractions with
one to three decimals, rounded or truncated. Into each corrupted one a single error is planted. An alarm is a finding
*inconsistent*; where a check may not say that (of a row that may be a mean over trainings, for one), its milder finding
about what was planted counts. Nothing but the planted figure may be accused.

Brackets are 95 % intervals of Clopper and Pearson. The same numbers give the same page:

    leukbench audit --power --experiments {n} --honest {honest}{sets} --seed {seed} > \\
        leukbench/audit/power/POWER.md
"""


def _sets_lines(sets: Tally | None) -> list[str]:
    """Return the section on sets of figures as libraries print them, nothing without any."""
    if sets is None:
        return []
    libraries: Counter[str] = Counter()
    for kind, n in sets.kinds.items():
        libraries[kind.split(",")[0]] += n
    lines = [
        "",
        "## Figures as libraries print them",
        "",
        f"{sets.sets:,} sets of true figures under the conventions of {', '.join(sorted(libraries))}: every average,",
        "0/0 as 0, as 1 or left out of the mean, classes absent from the test images or never predicted, 2 to 14",
        "classes, 5 to 2,000 images, per cent or fraction, rounded or truncated at 0 to 17 digits, with any "
        "part of the figures",
        f"printed, with or without the matrix and the class sizes. Called inconsistent: {len(sets.inconsistent_sets)}.",
        "Called implausible, by check and by kind:",
        "",
        "| check | findings |",
        "|---|---:|",
        *(f"| {check} | {n} |" for check, n in sorted(sets.implausible.items())),
        "",
        "| kind | sets | with an implausible finding |",
        "|---|---:|---:|",
    ]
    return lines + [f"| {kind} | {n} | {sets.implausible_kinds[kind]} |" for kind, n in sorted(sets.kinds.items())]


def render_power(rows: Sequence[PowerRow], *, seed: int = 0, sets: Tally | None = None) -> str:
    """Return the power table, the rates of each check and how they were made, as a page in Markdown.

    Parameters
    ----------
    rows
        One a planted error, and one of honest experiments.
    seed
        Of the simulation.
    sets
        What came of figures as libraries print them, None where none were made.

    Returns
    -------
    The page.
    """
    n = max((r.experiments for r in rows if r.corruption != "honest"), default=0)
    honest = next((r.experiments for r in rows if r.corruption == "honest"), n)
    head = POWER.format(n=n, honest=honest, seed=seed, sets=f" --sets {sets.sets}" if sets else "")
    lines = [head, *_planted_table(rows), *_checks_table(rows), *_sets_lines(sets)]
    return "\n".join(lines) + "\n"


def _planted_table(rows: Sequence[PowerRow]) -> list[str]:
    lines = [
        "| planted | experiments | seen | rate | 95 % | by | untouched figures accused |",
        "|---|---:|---:|---:|---|---|---:|",
    ]
    for r in rows:
        name = "nothing (false alarms)" if r.corruption == "honest" else r.corruption
        low, high = r.limits
        lines.append(
            f"| {name} | {r.experiments} | {r.found} | {_rate(r.rate)} | [{_rate(low)}, {_rate(high)}] | "
            f"{', '.join(r.checks)} | {r.wrongly_accused} |"
        )
    return lines


def _checks_table(rows: Sequence[PowerRow]) -> list[str]:
    rates = check_rates(tuple(rows))
    return [
        "",
        "One error is often seen by several checks; and one that a check is aimed at need not contradict anything "
        "that this paper prints. So the rate of a single check is lower:",
        "",
        "| check | aimed at it | seen by it | rate |",
        "|---|---:|---:|---:|",
        *(f"| {r.check} | {r.experiments} | {r.found} | {_rate(r.rate)} |" for r in rates if r.experiments),
        "",
        f"Nothing is planted for {', '.join(r.check for r in rates if not r.experiments)}: these look up what a "
        "ledger states, or public counts and networks, and are held by unit tests.",
    ]


def _rate(value: float) -> str:
    return f"{value:.4f}" if 0 < value < 0.01 else f"{value:.2f}"


__all__ = ["render_markdown", "render_power", "to_json"]
