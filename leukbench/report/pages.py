"""Write a profile's report: one Markdown page, its figures, the predictions behind it and what was measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from leukbench.paths import replacing, write_text
from leukbench.report import chosen, controls, ladder, sections
from leukbench.report.data import ReportData
from leukbench.report.figures import figures_of, write_figures
from leukbench.report.format import count, number, percent, table
from leukbench.report.transfer import transfer_sections


def write_report(data: ReportData, folder: Path) -> None:
    """Write ``report.md``, ``figures/``, ``predictions/``, ``estimates.csv``, ``metrics.json`` and ``measured.json`` below ``folder``.

    The page has the same bytes for the same data; what it labels as measured is kept in ``measured.json``.
    """
    for paper, study in data.studies():
        write_figures(figures_of(data, paper, study), folder / "figures")
    for file in data.predictions:
        with replacing(folder / "predictions" / file.name) as temporary:
            shutil.copyfile(file, temporary)
    write_text(folder / "metrics.json", json.dumps(_metrics(data), indent=1) + "\n")
    write_text(folder / "measured.json", json.dumps(data.measured, indent=1, sort_keys=True) + "\n")
    write_text(
        folder / "estimates.csv", pd.DataFrame(sections.metric_rows(data)).to_csv(index=False, lineterminator="\n")
    )
    write_text(folder / "report.md", render_report(data))


def render_report(data: ReportData) -> str:
    """Return the page as Markdown."""
    loader = PackageLoader("leukbench.report", "templates")
    environment = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    template = environment.get_template("report.md.j2")
    studies = [_study(data, paper, study) for paper, study in data.studies()]
    hardware = sorted({json.dumps(m["hardware"], sort_keys=True) for m in data.measured.values()})
    text: str = template.render(
        data=data,
        studies=studies,
        headline=table(_headline_rows(data)),
        gaps=table(ladder.summary_rows(data)),
        transfers=transfer_sections(data),
        parameters=table(sections.parameter_rows(data)),
        times=table(sections.time_rows(data)),
        margin=percent(data.verdicts["margin"]),
        alpha=data.verdicts["alpha"],
        hardware=[_card(json.loads(card)) for card in hardware],
    )
    return text.rstrip() + "\n"


def _headline_rows(data: ReportData) -> list[dict[str, str]]:
    """Return one row a study, its flags last."""
    rows = zip(sections.headline_rows(data), data.studies(), strict=True)
    return [{**row, "flags": controls.flag_words(data, *study)} for row, study in rows]


def _metrics(data: ReportData) -> dict[str, Any]:
    """Return accuracy, MCC and AUC by experiment and arm, for ``dvc metrics show`` and ``diff``."""
    metrics: dict[str, Any] = {}
    for experiment, spec in data.experiments.items():
        for arm in spec.arms:
            found = {
                m: sections.pick(data.arm(experiment, arm)["selections"]["recipe"], m)
                for m in ("accuracy", "mcc", "auc")
            }
            metrics.setdefault(experiment, {})[arm] = {
                m: round(e["value"], 6) for m, e in found.items() if e and e["value"] is not None
            }
    return metrics


def _study(data: ReportData, paper: str, study: str) -> dict[str, Any]:
    ledger = data.papers[paper]
    facts = ledger.studies[study]
    return {
        "paper": paper,
        "study": study,
        "title": facts.title,
        "citation": ledger.citation,
        "made_up": ledger.made_up,
        "notes": facts.notes,
        "author_response": ledger.author_response,
        "headline": sections.printed(ledger.claim(facts.headline)),
        "verdict": sections.verdict_of(data, facts.headline),
        "gaps": ladder.gap_lines(data, paper, study),
        "flags": controls.flags(data, paper, study),
        "protocols": table(sections.protocol_rows(data, paper, study)),
        "ladder": table(ladder.ladder_rows(data, paper, study)),
        "trivial": table(controls.trivial_rows(data, paper, study)),
        "probes": table(controls.probe_rows(data, paper, study)),
        "probe_note": controls.probe_note(data, paper, study),
        "networks": table(chosen.contrast_rows(data, paper, study, family="network")),
        "contrasts": table(chosen.contrast_rows(data, paper, study, family="descriptive")),
        "sizes": table(sections.size_rows(data, paper, study)),
        "readings": _readings(data, paper, study),
        "claims": table(sections.claim_rows(data, paper, study)),
        "selection": table(sections.selection_rows(data, paper, study)),
        "patients": table(sections.patient_rows(data, paper, study)),
        "unknown_patients": table(controls.unknown_rows(data, paper, study)),
        "operating": table(chosen.operating_rows(data, paper, study)),
        "without_validation": chosen.without_validation(data, paper, study),
        "calibration": table(chosen.calibration_rows(data, paper, study)),
        "figures": figures_of(data, paper, study),
        "reliability": table(chosen.reliability_rows(data, paper, study)),
        "assumed": table(sections.assumed_rows(data, paper, study)),
        "findings": table(sections.finding_rows(data, paper)),
        "curve": _curve(data, facts.headline),
        "curves": table(chosen.curve_rows(data, paper, study)),
    }


def _readings(data: ReportData, paper: str, study: str) -> list[str]:
    lines = []
    for experiment in data.experiments_of(paper, study):
        split = data.splits[experiment]
        reading, certificate = split["reading"], split["certificate"]
        line = f"{sections.protocol_name(data, experiment)} ({reading['basis']}): {reading['evidence'].rstrip('.')}. Groups: {certificate['sentence']}"
        lines.append(f"{line}; certificate {certificate['self_sha256'][:12]}.")
    return lines


def _curve(data: ReportData, claim: str) -> str:
    verdict = sections.verdict_of(data, claim)
    if verdict is None or not verdict["curve"]:
        return ""
    return table([{"margin in points": number(100 * m, digits=1), "verdict": v} for m, v in verdict["curve"]])


def _card(card: dict[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in sorted(card["versions"].items()))
    accelerator = card["accelerator"] if card["accelerator"] != "none" else "no accelerator"
    where = f"{card['processor']}, {count(card['cores'])} cores ({card['threads']} threads used), {accelerator}"
    return f"{where}; {card['system']}, Python {card['python']}, {versions}; commit {card['commit'] or 'unknown'}"
