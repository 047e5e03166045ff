"""One finding a fact: rows of one kind together, consequences under their cause, nothing proved under what is not."""

from __future__ import annotations

from leukbench.audit.findings import audit_paper, audit_papers, every_finding
from leukbench.audit.folding import CAUSES, ROWS, one_a_fact
from leukbench.audit.readings.draft import Draft
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Claim, Paper
from tests.support.printed_papers import images, paper, score


def claim(name: str, metric: str = "accuracy", model: str = "m") -> Claim:
    return Claim(id=f"p.{name}", metric=metric, value="90", where="Table 1", study="s", model=model)


def draft(check: str, status: str, *claims: Claim, severity: int = 1, topic: str = "") -> Draft:
    return Draft(
        check=check,
        status=status,
        kind="arithmetic",
        claims=claims,
        statement=f"{check} speaks.",
        witness="1 + 1 = 2.",
        severity=severity,
        topic=topic,
    )


def test_rows_of_one_kind_are_one_finding_with_its_list() -> None:
    rows = [(f"p.grid.{i}", draft("grid", "implausible", claim(f"a{i}"), severity=i)) for i in (1, 2, 3)]
    ((ident, first, parts),) = one_a_fact(rows)
    assert ident == "p.grid.3" and first.statement == "grid speaks; so it is with 2 others."
    assert {c.id for c in first.claims} == {"p.a1", "p.a2", "p.a3"} and len(parts) == 2


def test_what_follows_is_folded_under_its_cause_with_its_claims_and_weight() -> None:
    a, b = claim("a"), claim("b")
    cause = ("p.matrix_scores.1", draft("matrix_scores", "inconsistent", a, severity=2))
    other = ("p.accuracy_between.1", draft("accuracy_between", "inconsistent", a, b, severity=3))
    apart = ("p.accuracy_between.2", draft("accuracy_between", "inconsistent", claim("c")))
    found = {ident: (d, parts) for ident, d, parts in one_a_fact([other, cause, apart])}
    assert set(found) == {"p.matrix_scores.1", "p.accuracy_between.2"}
    merged, parts = found["p.matrix_scores.1"]
    assert merged.severity == 3 and {c.id for c in merged.claims} == {"p.a", "p.b"}
    assert parts == ("accuracy_between speaks (inconsistent). 1 + 1 = 2.",)


def test_what_is_proved_is_not_folded_under_what_is_only_implausible() -> None:
    a = claim("a")
    cause = ("p.training_as_headline.1", draft("training_as_headline", "implausible", a))
    proved = ("p.two_values.1", draft("two_values", "inconsistent", a))
    assert len(one_a_fact([cause, proved])) == 2


def test_protocol_words_give_way_to_the_figures() -> None:
    facts = {"test_set_augmented": "yes"}
    before = [
        images(n, split="test", condition=c) for c, n in (("before augmentation", "50"), ("after augmentation", "100"))
    ]
    cells = [
        {"metric": "matrix_cell", "matrix": "m1", "row": r, "column": c, "value": v, "split": "test", "model": "m"}
        for r, c, v in (("ill", "ill", "20"), ("ill", "well", "5"), ("well", "ill", "5"), ("well", "well", "20"))
    ]
    declared = {"id": "m1", "where": "Figure 1", "rows": "actual", "classes": ["ill", "well"], "positive": "ill"}
    p = paper(score("accuracy", "80"), *before, *cells, matrices=[declared], protocol_facts=facts)
    found = [f for f in audit_paper(p) if f.status == "implausible"]
    (counted,) = [f for f in found if f.check == "scored_before_augmentation"]
    assert not [f for f in found if f.check == "protocol_facts"]
    assert any("test set was augmented too" in part for part in counted.parts)


def test_a_fact_of_one_study_names_it_with_place_and_evidence() -> None:
    facts = {"test_labels_public.s": "no, the labels are kept by the organisers (Section 2)"}
    (finding,) = [
        f for f in audit_paper(paper(score("accuracy", "80"), protocol_facts=facts)) if f.check == "protocol_facts"
    ]
    assert "study s" in finding.statement and finding.where == "Section 2" and "organisers" in finding.witness


def test_the_five_papers_have_one_finding_a_fact() -> None:
    papers: list[Paper] = [load_paper(key) for key in paper_keys()]
    folded = audit_papers(papers)
    every = [f for p in papers for f in every_finding(p)]
    serious = {"inconsistent", "implausible"}
    accusing = [f for f in folded if f.status in serious]
    assert len(accusing) < 100 < sum(f.status in serious for f in every)
    # nothing is lost: every accused claim and every claim of a serious finding is still named
    assert {c for f in accusing for c in f.accused} == {c for f in every for c in f.accused}
    assert {c for f in every if f.status in serious for c in f.claims} <= {c for f in folded for c in f.claims}
    assert sum(len(f.parts) for f in folded) + len(folded) == len(every)


def test_causes_and_rows_name_checks_that_exist() -> None:
    from leukbench.audit.findings import CHECKS

    known = {c.__name__.removeprefix("check_") for c in CHECKS} | {"matrix_orientation", "prose_class_sizes"}
    named = {c.check for c in CAUSES} | {f.split(".")[0] for c in CAUSES for f in c.follows} | set(ROWS)
    assert named <= known, named - known
