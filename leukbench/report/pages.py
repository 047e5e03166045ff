"""The pages as Markdown: one short page a profile beside its results, and the pages that all profiles make together."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from leukbench.artefacts import COLOUR_TREES
from leukbench.papers.schema import Paper
from leukbench.paths import replacing, write_text
from leukbench.records import Finding
from leukbench.report import chosen, controls, established, ladder, sections
from leukbench.report.data import ReportData
from leukbench.report.figures import Figure, figures_of, write_figures
from leukbench.report.format import FEWEST_GROUPS, WIDEST, count, extents, page_table, percent
from leukbench.report.leaks import SourceLeaks
from leukbench.report.transfer import transfer_sections


@dataclass(frozen=True, kw_only=True)
class Site:
    """What all pages are made from: profiles in reading order, the published papers, and what is known without runs."""

    profiles: tuple[ReportData, ...]
    papers: Mapping[str, Paper]  # publications
    findings: tuple[Finding, ...]
    leaks: Mapping[str, SourceLeaks] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)  # paper -> its fact sheet as Markdown
    checklists: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(
        default_factory=dict
    )  # paper -> what its pictures of activations are said to show

    def studies(self) -> list[tuple[str, str]]:
        """Return (paper, study) of every publication, in the order of its file."""
        return [(key, study) for key, paper in self.papers.items() for study in paper.studies]


def write_report(data: ReportData, folder: Path) -> None:
    """Write a profile's folder: its page, figures, predictions, estimates, metrics and what was measured.

    The page has the same bytes for the same data; what was measured is kept apart, in ``measured.json``.
    """
    write_figures([f for study in data.studies() for f in _figures(data, *study)], folder / "figures")
    for file in data.predictions:
        with replacing(folder / "predictions" / file.name) as temporary:
            shutil.copyfile(file, temporary)
    left = {file.name for file in (folder / "predictions").glob("*.parquet")} - {file.name for file in data.predictions}
    for name in left:  # of experiments that the profile no longer has
        (folder / "predictions" / name).unlink()
    measured = {key: dataclasses.asdict(of) for key, of in data.measured.items()}
    write_text(folder / "metrics.json", json.dumps(metrics(data), indent=1) + "\n")
    write_text(folder / "measured.json", json.dumps(measured, indent=1, sort_keys=True) + "\n", summed=True)
    write_text(folder / "report.md", profile_page(data))


def _figures(data: ReportData, paper: str, study: str) -> list[Figure]:
    """Return a study's figures; none where an experiment ran without a network, or nothing to draw from is at hand."""
    drawn = all(data.experiments[name].arms and name in data.views for name in data.experiments_of(paper, study))
    return figures_of(data, paper, study) if drawn else []


def metrics(data: ReportData) -> dict[str, Any]:
    """Return accuracy, MCC and AUC by experiment and network, for ``dvc metrics show`` and ``diff``; where no network
    ran, of the trees on colours.
    """
    found: dict[str, Any] = {}
    for experiment, spec in data.experiments.items():
        for arm in spec.arms or (COLOUR_TREES,):
            estimates = {m: sections.pick(data.arm(experiment, arm).estimates, m) for m in ("accuracy", "mcc", "auc")}
            found.setdefault(experiment, {})[arm] = {
                m: round(e.value, 6) for m, e in estimates.items() if e is not None and e.value == e.value
            }
    return found


def profile_page(data: ReportData) -> str:
    """Return the page of a profile's folder: what it ran and what lies in it; no accuracy of a made image."""
    made = all(result.stand_in for result in data.results.values())
    about = (
        "Everything here ran on images that leukbench makes; nothing here speaks of a publication's accuracy."
        if made
        else "Runs on the publishers' images, with how much of each paper's experiment was run."
    )
    sizes = [row for study in data.studies() for row in sections.size_rows(data, *study)]
    return _render("profile.md.j2", data=data, about=about, table=page_table(sizes), index="../index.md")


def site_pages(site: Site, *, inline: bool = False) -> dict[str, str]:
    """Return every page that all profiles make together, path -> Markdown.

    Real results lead; made images have a page that shows no accuracy, and the made-up study one of its own. Figures of
    made images are not committed: they stand on a page only where figures are put into it (``inline``).
    """
    pages = {
        "index.md": index_page(site),
        "datasets.md": _datasets(site),
        "selftest.md": _selftest(site, figures=inline),
        "smoke.md": _smoke(site),
        "runs.md": _runs(site),
        "method.md": _render("method.md.j2", fewest=FEWEST_GROUPS, widest=percent(WIDEST, digits=0)),
    }
    for key, paper in site.papers.items():
        pages[f"papers/{key}.md"] = paper_page(site, paper)
        if key in site.facts:
            head = f"# {key}: what it states, fact by fact\n\n[Its page]({key}.md)\n\n"
            pages[f"papers/{key}-facts.md"] = head + site.facts[key].rstrip() + "\n"
        if key in site.checklists:
            pages[f"papers/{key}-checklist.md"] = site.checklists[key]
    return pages


def _render(template: str, **values: Any) -> str:
    loader = PackageLoader("leukbench.report", "templates")
    environment = Environment(  # nosec B701 # Markdown; what becomes HTML keeps our own tags alone (report.site)
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    return _single_gaps(environment.get_template(template).render(**values))


def _single_gaps(text: str) -> str:
    """Return text with at most one empty line at a time.

    >>> _single_gaps("a\\n\\n\\n\\nb\\n\\n")
    'a\\n\\nb\\n'
    """
    kept: list[str] = []
    for line in text.rstrip().splitlines():
        if line.strip() or (kept and kept[-1]):
            kept.append(line.rstrip())
    return "\n".join(kept) + "\n"


def index_page(site: Site) -> str:
    """Return the first page: what is established, claimed beside reproduced with its status, what would settle the
    rest.
    """
    published = [f for f in site.findings if f.paper in site.papers]
    statuses = Counter(f.status for f in published)
    headlines = [established.headline(site.profiles, site.papers[p], s, published) for p, s in site.studies()]
    return _render(
        "index.md.j2",
        n_papers=len(site.papers),
        n_claims=count(sum(len(p.claims) for p in site.papers.values())),
        n_cited=count(sum(c.kind == "cited" for p in site.papers.values() for c in p.claims)),
        n_inconsistent=statuses["inconsistent"],
        n_implausible=statuses["implausible"],
        verdicts=verdict_sentence(site),
        headlines=headlines,
        names={(p, s): f"{s.replace('_', ' ')}" for p, s in site.studies()},
        any_run=any(h.status != "not run" for h in headlines),
        leaks=[leak for leak in _leaks(site).values() if leak.sentences],
        papers=list(site.papers),
        hospital=hospital_sentence(site),
        real=[data.profile for data in _on_real_images(site)],
        settle=_settle(site),
    )


def _leaks(site: Site) -> dict[str, SourceLeaks]:
    """Return what each dataset holds more than once, and how many of its patients are one group."""
    made = {}
    for source, leak in site.leaks.items():
        found = [
            pair
            for data in site.profiles
            for pair in data.joined_pairs(n for n, spec in data.experiments.items() if spec.source == source)
        ]
        sentences = filter(None, (*leak.sentences, ladder.joined_sentence(found)))
        made[source] = dataclasses.replace(leak, sentences=tuple(sentences))
    return made


def _on_real_images(site: Site) -> list[ReportData]:
    return [data for data in site.profiles if not all(result.stand_in for result in data.results.values())]


def _settle(site: Site) -> list[tuple[str, str]]:
    """Return what would settle headlines, each once, with links to the studies that it concerns."""
    found: dict[str, list[str]] = {}
    for paper, study in site.studies():
        text = established.to_settle(site.profiles, site.papers[paper], study, site.findings)
        found.setdefault(text, []).append(f"[{paper}](papers/{paper}.md) {study.replace('_', ' ')}")
    return [(", ".join(links), text) for text, links in found.items()]


def _headline_verdicts(site: Site) -> dict[tuple[str, str], str]:
    """Return the verdict on each study's headline from runs on a publisher's images, where there is one."""
    tested = {
        (paper, study): established.tested_verdict(site.profiles, site.papers[paper], study)
        for paper, study in site.studies()
    }
    return {key: verdict.verdict for key, verdict in tested.items() if verdict is not None}


def verdict_sentence(site: Site) -> str:
    """Return how many headline accuracies have a verdict from runs, and why the others have none."""
    settled, studies = _headline_verdicts(site), site.studies()
    ran = [study for study in studies if established.real(site.profiles, *study)]
    if not ran:
        return "No headline accuracy has a verdict from a run: no network was run on the publishers' images."
    counted = ", ".join(f"{n} {verdict}" for verdict, n in Counter(settled.values()).most_common())
    limited = (
        f"of the other {len(studies) - len(settled)}, every run is limited or missing"
        if settled
        else "every run is limited"
    )
    if whole := _whole_without_verdict(site, settled):
        limited = f"{whole}; every other run is limited or missing"
    if len(settled) == len(studies):
        return f"Verdicts on headline accuracies from runs: {counted}."
    return (
        f"Verdicts on headline accuracies from runs: {counted}; {limited}."
        if counted
        else f"No accuracy verdict from runs yet: {limited}."
    )


def _whole_without_verdict(site: Site, settled: Collection[tuple[str, str]]) -> str:
    """Return which networks ran whole and have no verdict, and why; "" where there is none."""
    found = []
    for paper, study in site.studies():
        why = established.unsettled_though_whole(site.profiles, site.papers[paper], study)
        if why and (paper, study) not in settled:
            found.append(
                f"{paper} on {study.replace('_', ' ')} ran as published, whole, under one reading of its split, but"
                f" {why.split(':')[0]}"
            )
    return "; ".join(found)


def hospital_sentence(site: Site) -> str:
    """Return what a hospital must know first: whether any run says how a published model does on new patients."""
    settled = _headline_verdicts(site)
    good = [
        f"{paper} ({study})"
        for (paper, study), verdict in settled.items()
        if verdict.startswith("reproduced") and not verdict.endswith("unresolved by patient")
    ]
    if good:
        return f"the pages of {', '.join(good)}: their figures have a verdict by patient"
    return (
        "no evidence either way: none of these figures has been shown to hold, or not to hold, on patients "
        "unseen in training"
    )


def paper_page(site: Site, paper: Paper) -> str:
    """Return one paper's case: in short first, then findings, then each study with every profile that ran it."""
    findings = [f for f in site.findings if f.paper == paper.key]
    statuses = Counter(f.status for f in findings)
    ran = [(data, study) for study in paper.studies for data in established.real(site.profiles, paper.key, study)]
    arms = [arm for data, study in ran for _, arm in data.networks_of(paper.key, study)]
    assumed = sections.assumed_rows(paper, arms)
    return _render(
        "paper.md.j2",
        paper=paper,
        studies=[_study(site, paper, study, findings) for study in paper.studies],
        n_inconsistent=statuses["inconsistent"],
        n_implausible=statuses["implausible"],
        findings=page_table(sections.finding_rows(findings, paper)),
        assumed=page_table(assumed),
        n_assumed=len(assumed),
        has_facts=paper.key in site.facts,
        has_checklist=paper.key in site.checklists,
        pictures=site.pictures.get(paper.key, ""),
    )


def _study(site: Site, paper: Paper, study: str, findings: list[Finding]) -> dict[str, Any]:
    facts = paper.studies[study]
    ran = established.real(site.profiles, paper.key, study, networks=False)
    leaks = _leaks(site).get(facts.source)
    sentences = (ladder.inflation_sentence(data, paper.key, study) for data in ran)
    return {
        "title": facts.title,
        "notes": facts.notes,
        "printed": sections.printed(paper.claim(facts.headline)),
        "headline": established.headline(site.profiles, paper, study, findings),
        "leaks": " ".join(leaks.sentences) if leaks else "",
        "inflation": next(filter(None, sentences), ""),
        "settle": established.to_settle(site.profiles, paper, study, findings),
        "runs": [study_run(data, paper.key, study) for data in ran],
    }


def study_run(data: ReportData, paper: str, study: str) -> dict[str, Any]:
    """Return the tables and sentences of one study in one profile, as Markdown.

    Parameters
    ----------
    data
        Of the profile.
    paper, study
        Keys of the paper and its study.

    Returns
    -------
    What the template of a study's page asks for, by name; "" or empty where there is nothing to say.
    """
    ran = [(sections.protocol_name(data, e), sections.status(data, e, a)) for e, a in data.networks_of(paper, study)]
    return {
        "profile": data.profile,
        "status": extents(ran) or "models without a network only",
        "figures": _figures(data, paper, study),
        "ladder": page_table(ladder.ladder_rows(data, paper, study)),
        "ladder_notes": ladder.ladder_notes(data, paper, study),
        "flags": controls.flags(data, paper, study),
        "no_flag": controls.no_flag(data, paper, study),
        "margin": percent(data.comparison.margin, digits=0),
        "trivial": page_table(controls.trivial_rows(data, paper, study)),
        "probes": page_table(controls.probe_rows(data, paper, study)),
        "probe_note": controls.probe_note(data, paper, study),
        "contrasts": page_table(chosen.contrast_rows(data, paper, study)),
        "sizes": page_table(sections.size_rows(data, paper, study)),
        "readings": sections.reading_lines(data, paper, study),
        "claims": page_table(sections.claim_rows(data, paper, study)),
        "not_run": sections.not_run(data, paper, study),
        "one_answer": len(sections.of_one_answer(data, paper, study)),
        "curves": page_table(chosen.curve_rows(data, paper, study)),
        "selection": page_table(sections.selection_rows(data, paper, study)),
        "patients": page_table(sections.patient_rows(data, paper, study)),
        "unknown": page_table(controls.unknown_rows(data, paper, study)),
        "operating": page_table(chosen.operating_rows(data, paper, study)),
        "without_validation": chosen.without_validation(data, paper, study),
        "calibration": page_table(chosen.calibration_rows(data, paper, study)),
        "transfers": transfer_sections(data, paper, study),
    }


def _datasets(site: Site) -> str:
    """Return the page on the datasets: what each holds more than once, and which studies rest on it."""
    datasets = []
    for leak in _leaks(site).values():
        rests = [
            f"[{p}](papers/{p}.md), {s.replace('_', ' ')}: "
            f"{sections.printed(site.papers[p].claim(site.papers[p].studies[s].headline))}"
            for p, s in site.studies()
            if site.papers[p].studies[s].source == leak.source
        ]
        datasets.append({"title": leak.title, "sentences": leak.sentences, "rests": rests})
    return _render("datasets.md.j2", datasets=datasets)


def _selftest(site: Site, *, figures: bool) -> str:
    """Return the page of the made-up study, whose right verdicts are known."""
    studies = [
        {"title": paper.studies[study].title, **study_run(data, key, study), **({} if figures else {"figures": []})}
        for data in site.profiles
        for key, study in data.studies()
        if (paper := data.papers[key]).made_up
    ]
    return _render("selftest.md.j2", studies=studies)


def _smoke(site: Site) -> str:
    """Return the page of publications' networks on made images: what ran, and nothing else."""
    rows = [
        {
            "paper": result.experiment.paper,
            "network": arm,
            "split": sections.PROTOCOLS[result.experiment.protocol],
            "profile": data.profile,
            "runs": str(sum(run.arm == arm for run in result.receipt.runs)),
            "epochs": f"{result.receipt.arms[arm].epochs} of {result.receipt.arms[arm].epochs_published}",
            "outcome": "ran" if any(run.arm == arm for run in result.receipt.runs) else "failed",
        }
        for data in site.profiles
        for result in data.results.values()
        if result.stand_in and not data.papers[result.experiment.paper].made_up
        for arm in result.experiment.arms
    ]
    return _render("smoke.md.j2", rows=page_table(rows))


def _runs(site: Site) -> str:
    """Return the page on budgets, times, hardware and parameter counts of the runs on publishers' images."""
    ran = _on_real_images(site)
    counts = {tuple(row.values()): row for data in ran for row in sections.parameter_rows(data)}
    profiles = [_profile_runs(data) for data in ran]
    return _render("runs.md.j2", profiles=profiles, parameters=page_table(list(counts.values())))


def _profile_runs(data: ReportData) -> dict[str, Any]:
    cards = sorted({json.dumps(m.hardware, sort_keys=True) for m in data.measured.values()})
    sizes = [{"study": f"{p} {s}", **row} for p, s in data.studies() for row in sections.size_rows(data, p, s)]
    return {
        "profile": data.profile,
        "sizes": page_table(sizes),
        "times": page_table(sections.time_rows(data)),
        "hardware": [_card(json.loads(card)) for card in cards],
    }


def _card(card: dict[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in sorted(card["versions"].items()))
    accelerator = card["accelerator"] if card["accelerator"] != "none" else "no accelerator"
    where = f"{card['processor']}, {count(card['cores'])} cores ({card['threads']} threads used), {accelerator}"
    earlier = [f"until epoch {old['until_epoch']} on {_card(old)}" for old in card.get("earlier", ())]
    made = f"{where}; {card['system']}, Python {card['python']}, {versions}; commit {card['commit'] or 'unknown'}"
    return "; ".join([made, *earlier])
