"""The audit of the suite's five papers, and of a user's own file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from leukbench.audit.findings import audit_paper, audit_papers, every_finding
from leukbench.audit.render import render_markdown, to_json
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Paper
from leukbench.records import Finding


@pytest.fixture(scope="module")
def papers() -> list[Paper]:
    return [load_paper(key) for key in paper_keys()]


@pytest.fixture(scope="module")
def findings(papers: list[Paper]) -> tuple[Finding, ...]:
    """What every check says; the page folds them, see test_folding."""
    return tuple(f for paper in papers for f in every_finding(paper))


def of(findings: tuple[Finding, ...], paper: str, check: str, status: str) -> list[Finding]:
    return [f for f in findings if (f.paper, f.check, f.status) == (paper, check, status)]


@pytest.mark.parametrize(
    ("paper", "check", "status", "words"),
    [
        ("alnet", "training_as_headline", "implausible", "99.73"),
        ("alnet", "matrix_total", "implausible", "does not say so (Table 6)"),
        ("alnet", "prose_counts", "inconsistent", "exchanges"),
        ("alnet", "row_is_one_fold", "implausible", "fold 1"),
        ("alnet", "two_values", "inconsistent", "91.3"),
        ("alnet", "unnamed_fold", "implausible", "fold 1, the best of 3"),
        ("alnet", "two_positive_classes", "implausible", "sensitivity 0.86"),
        ("alnet", "exact_shares", "implausible", "20 %"),
        ("alnet", "described_pools", "implausible", "1867 and 2586"),
        ("alnet", "scored_before_augmentation", "implausible", "before"),
        ("alnet", "computing", "implausible", "more than AlexNet and GoogleNet"),
        ("alnet", "known_networks", "implausible", "1000 classes"),
        ("alnet", "pooling_shapes", "implausible", "3×3"),
        ("alnet", "public_counts", "implausible", "10662"),
        ("alnet", "prose_counts", "implausible", "add up to 713, not to the 717"),
        ("alnet", "stated_orders", "implausible", "highest testing accuracy"),
        ("alnet", "auc_bounds", "consistent", "0.972"),
        ("ddrnet", "public_pool_is_training", "implausible", "augmented release"),
        ("ddrnet", "perfect_scores", "implausible", "91.98"),
        ("ddrnet", "few_originals", "implausible", "at most 25"),
        ("ddrnet", "training_as_headline", "implausible", "called a training accuracy"),
        ("ddrnet", "ablation_steps", "implausible", "3 of the 6"),
        ("ddrnet", "iterations", "consistent", "12515 − 3734"),
        ("dscnet", "balanced_classes", "inconsistent", "sensitivity"),
        ("dscnet", "coincidences", "implausible", "harmonic mean of sensitivity and specificity"),
        ("dscnet", "derived_release", "implausible", "3256 originals"),
        ("batool", "f1_of_precision_recall", "inconsistent", "above both"),
        ("batool", "matrix_scores", "implausible", "does not say so (Table 5"),
        ("batool", "training_as_headline", "implausible", "99.31"),
        ("batool", "known_networks", "implausible", "167,984,681"),
        ("batool", "known_networks", "consistent", "dense 256, dense 2"),
        ("batool", "total_split", "inconsistent", "11,307,748"),
        ("samhitha", "independence", "implausible", "chance"),
        ("samhitha", "matrix_orientation", "implausible", "exchanged"),
        ("samhitha", "protocol_facts", "uncheckable", "significant"),
        ("samhitha", "oversampling", "implausible", "2372"),
        ("samhitha", "below_majority", "implausible", "Proposed"),
    ],
)
def test_what_a_careful_reader_finds(
    findings: tuple[Finding, ...], paper: str, check: str, status: str, words: str
) -> None:
    assert any(words in f.statement for f in of(findings, paper, check, status))


def test_honest_figures_of_the_papers_are_not_alleged(findings: tuple[Finding, ...]) -> None:
    alleged = {c for f in findings for c in f.accused}
    for innocent in (
        "alnet.t9.train.mean",
        "alnet.t9.test.mean",
        "batool.f7.tp",
        "batool.f7.n_images",
        "dscnet.s41.n_images",
    ):
        assert innocent not in alleged
    # Table 6 of batool: every F1 is the harmonic mean of its precision and recall
    assert not any(
        "aria" in c or ".t6." in c
        for f in findings
        if f.status == "inconsistent" and f.paper == "batool"
        for c in f.claims
    )
    # ResNet-50's row of alnet's Table 8 holds together with the accuracy beside it, 0.89; the text's 87 % is
    # another figure
    assert any("ResNet-50" in f.statement for f in of(findings, "alnet", "binary_rows", "consistent"))
    assert not any("ResNet-50" in f.statement for f in of(findings, "alnet", "binary_rows", "implausible"))
    # ddrnet's 2000 may be 2040 in round numbers, its two times one second apart one time; its C-NMC test is stated
    # to be the final one
    assert not of(findings, "ddrnet", "two_values", "inconsistent")
    assert not any("cnmc" in f.statement for f in of(findings, "ddrnet", "split_against_source", "implausible"))
    # alnet's headline was counted on the test parts of Table 3, not on the challenge's preliminary test
    assert any("2134 images" in f.statement for f in of(findings, "alnet", "honest_intervals", "uncheckable"))
    # the means of Table 9 of alnet are right
    assert not of(findings, "alnet", "means", "inconsistent") and not of(findings, "alnet", "fold_sums", "inconsistent")


def test_every_finding_points_at_claims_that_exist_and_explains_itself(
    papers: list[Paper], findings: tuple[Finding, ...]
) -> None:
    known = {c.id for p in papers for c in p.claims}
    assert len(findings) > 100 and len({f.id for f in findings}) == len(findings)
    for f in findings:
        assert set(f.claims) <= known and set(f.accused) <= set(f.claims)
        assert f.statement.endswith(".") and f.where
        assert f.witness or f.status == "uncheckable", f.id
        assert f.repair or f.status == "consistent", f.id
        assert not f.accused or f.status == "inconsistent"


def test_pages_are_the_same_for_the_same_findings(papers: list[Paper]) -> None:
    findings = audit_papers(papers)
    page = render_markdown(findings, papers)
    assert page == render_markdown(audit_papers(papers), papers)
    assert all(f"## {p.key}" in page for p in papers)
    assert len(json.loads(to_json(findings))) == len(findings)


def test_the_page_reads_without_the_ledger_at_hand(papers: list[Paper]) -> None:
    findings = audit_papers(papers)
    page = render_markdown(findings, papers)
    assert "Accused: F1 99.35 (Table 5), `batool.t5.proposed.f1`" in page  # the figure, not only its id
    assert "- Study `cnmc`: " in page and "headline: accuracy 91.13 % (Table 9)." in page
    starts = [line.lstrip("#- ")[:1] for line in page.splitlines() if line.startswith(("### ", "- "))]
    assert len(starts) > 350 and not any(s.islower() for s in starts)
    text = "\n".join(line for line in page.splitlines() if "`formula." not in line)
    assert not re.search(r"\b(auc|mcc)\b(?!`)", re.sub(r"`[^`]*`", "", text))
    assert all(f"`{f.id}`" in page for f in findings if f.status in {"inconsistent", "implausible"})


def test_the_page_of_the_suite_fits_on_a_screen_of_github_and_leads_to_the_facts(papers: list[Paper]) -> None:
    """What the papers leave open is told once, on the pages of their facts."""
    findings = audit_papers(papers)
    page = render_markdown(findings, papers, facts="papers/{key}-facts.md")
    assert len(page.encode()) < 100_000 and "[papers/alnet-facts.md](papers/alnet-facts.md)" in page
    assert all(f.statement not in page for f in findings if f.check == "assumed")
    assert not [line for line in page.splitlines() if line.startswith("### ") and re.search(r"[a-z]_[a-z]|cnmc", line)]


def test_a_users_own_file_is_audited(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        """
key: mine
citation: {authors: A, title: T, venue: V, year: "2020"}
studies:
  s: {title: s, source: elsewhere, classes: {a: [a], b: [b]}, positive: a, protocols: {}, headline: mine.acc,
      where: Table 1}
claims:
  - where: Table 1
    common: {study: s, model: net, split: test, unit: "%"}
    rows:
      - {id: mine.acc, metric: accuracy, value: "99.31"}
      - {id: mine.p, metric: precision, average: "positive:a", value: "95.62"}
      - {id: mine.r, metric: recall, average: "positive:a", value: "98.00"}
      - {id: mine.f1, metric: f1, average: "positive:a", value: "99.35"}
""",
        encoding="utf-8",
    )
    found = audit_paper(load_paper(file))
    assert any(f.status == "inconsistent" and f.accused == ("mine.f1",) for f in found)
