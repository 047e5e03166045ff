"""Protocol: what a paper says about its split, augmentation, selection and comparison, and what follows for its
figures."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.public_counts import public_counts
from leukbench.audit.readings.texts import fact_of
from leukbench.papers.schema import Claim


@dataclass(frozen=True)
class Rule:
    """What one value of one protocol fact means."""

    status: str
    severity: int
    statement: str
    repair: str = ""


@functools.cache
def rules() -> Mapping[str, Mapping[str, Rule]]:
    """Return what each value of each protocol fact means, from ``protocol_rules.yaml``: fact -> value -> rule."""
    text = Path(__file__).with_name("protocol_rules.yaml").read_text(encoding="utf-8")
    raw: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(text)
    return {fact: {value: Rule(**rule) for value, rule in values.items()} for fact, values in raw.items()}


STANDARD = {
    "accuracy": "(TP + TN) / (TP + TN + FP + FN)",
    "precision": "TP / (TP + FP)",
    "recall": "TP / (TP + FN)",
    "sensitivity": "TP / (TP + FN)",
    "specificity": "TN / (TN + FP)",
    "f1": "2 * TP / (2 * TP + FP + FN)",
}
NUMBER_WORDS = ("several", "two", "three", "four", "several")
SAMPLES = ((50, 30, 7, 13), (11, 91, 3, 5), (400, 17, 29, 2))


def check_protocol_facts(ledger: Ledger) -> list[Draft]:
    """Each stated protocol fact that decides what a test score means, with what follows from it.

    ``fact`` speaks of all studies, ``fact.<study>`` of one. What follows the first word is the evidence, its places in
    brackets.
    """
    found = []
    studies = ledger.paper.studies
    for key, value in ledger.paper.protocol_facts.items():
        name, _, study = key.partition(".")
        word, rest = _first_word(value)
        rule = rules().get(name, {}).get(word)
        if rule is None or (study and study not in studies):
            continue
        concerned = [study] if study else [s for s in studies if f"{name}.{s}" not in ledger.paper.protocol_facts]
        of = f" (study {concerned[0]})" if study else ""
        found.append(
            Draft(
                check="protocol_facts",
                topic=name,
                status=rule.status,
                kind="protocol",
                claims=tuple(ledger.by_id[studies[s].headline] for s in concerned),
                study=concerned[0] if len(concerned) == 1 else "",
                severity=rule.severity,
                statement=f"{rule.statement.rstrip('.')}{of}.",
                witness=f"The paper: {rest}." if rest else _recorded(name, word, rule),
                repair=rule.repair,
                where=_places(rest) if "(" in rest else "the text as a whole",
            )
        )
    return found


def _recorded(name: str, word: str, rule: Rule) -> str:
    """Return what is noted of a paper that gives no more evidence; of what is only missing the statement
    says enough.
    """
    return "" if rule.status == "uncheckable" else f"Noted of the text: {name}, {word}.".replace("_", " ")


def _first_word(value: str) -> tuple[str, str]:
    """Return the word that a fact's value begins with, and the evidence after it."""
    head, _, rest = value.strip().partition(" ")
    return head.rstrip(",;.:"), rest.strip(" ,;:.-")


def check_conflicting_words(ledger: Ledger) -> list[Draft]:
    """Statements in words that cannot both be meant, captions against text, classes explained as what they are not."""
    found = []
    for key, value in ledger.paper.protocol_facts.items():
        head, _, subject = key.partition(".")
        kind = _CONFLICTS.get(head)
        if kind is None or (head == "class_name_meaning" and value == "correct"):
            continue
        name = subject.replace("_", " ")
        of_text = head == "text_conflict"
        found.append(
            Draft(
                check="conflicting_words",
                topic=key if of_text else head,
                status=kind.status,
                kind="ambiguity",
                claims=(),
                severity=1,
                where=_places(value) if of_text else kind.where.format(name=name),
                statement=kind.statement.format(name=name, number=NUMBER_WORDS[min(value.count("|"), 4)]),
                witness=value.replace("|", "against") + "." if of_text else value,
                repair=kind.repair,
            )
        )
    return found


@dataclass(frozen=True)
class _Conflict:
    """What is said of a fact that names a conflict of words."""

    status: str
    statement: str
    repair: str
    where: str = ""


_CONFLICTS = {
    "text_conflict": _Conflict(
        status="uncheckable",
        statement="The text says {number} things about {name}.",
        repair="which of these is meant.",
    ),
    "caption_conflict": _Conflict(
        status="implausible",
        statement="The heading or caption of {name} does not fit what is shown or said.",
        repair="a caption that names what is shown.",
        where="{name}",
    ),
    "class_name_meaning": _Conflict(
        status="implausible",
        statement="The class {name} is explained as something else than in the source.",
        repair="the publisher's meaning of the class.",
        where="text",
    ),
}


def _places(text: str) -> str:
    return "; ".join(re.findall(r"\(([^()]*)\)", text)) or "text"


def formula_value(text: str, sample: tuple[int, int, int, int]) -> float | None:
    """Return an arithmetic expression over TP, TN, FP, FN at a sample; None where it is not one.

    >>> formula_value("TP/(TP+FP)", (50, 30, 7, 13)) == 50 / 57
    True
    """
    names = dict(zip(("TP", "TN", "FP", "FN"), sample, strict=True))
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval")
        return _evaluate(tree.body, names)
    except (SyntaxError, ValueError, ZeroDivisionError, KeyError):
        return None


def _evaluate(node: ast.expr, names: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, names)
    if isinstance(node, ast.BinOp):
        a, b = _evaluate(node.left, names), _evaluate(node.right, names)
        if isinstance(node.op, ast.Add):
            return a + b
        if isinstance(node.op, ast.Sub):
            return a - b
        if isinstance(node.op, ast.Mult):
            return a * b
        if isinstance(node.op, ast.Div):
            return a / b
    raise ValueError("not a plain formula")


def check_formulas(ledger: Ledger) -> list[Draft]:
    """A printed formula of a score equals the usual one, compared on three matrices; else which other score it is."""
    found = []
    for key, text in ledger.paper.protocol_facts.items():
        head, _, metric = key.partition(".")
        if head == "formula" and metric in STANDARD:
            values = [v for s in SAMPLES if (v := formula_value(text, s)) is not None]
            if len(values) == len(SAMPLES):
                found.append(_formula_draft(metric, text, values))
    return found


def _formula_draft(metric: str, text: str, values: list[float]) -> Draft:
    """Return the finding on one printed formula, with its values on the samples."""
    usual = {m: [formula_value(formula, s) or 0 for s in SAMPLES] for m, formula in STANDARD.items()}
    same = [m for m, us in usual.items() if all(abs(u - v) < 1e-12 for u, v in zip(us, values, strict=True))]
    in_percent = all(abs(100 * u - v) < 1e-9 for u, v in zip(usual[metric], values, strict=True))
    good = metric in same or in_percent
    other = f"; it is {same[0]}." if same else "."
    return Draft(
        check="formulas",
        status="consistent" if good else "inconsistent",
        kind="arithmetic",
        claims=(),
        severity=0 if good else 1,
        where=f"formula of {metric}",
        statement=f"The printed formula of {metric} is "
        + ("the usual one." if good else f"not that of {metric}{other}"),
        witness=f"Printed: {text}; usual: {STANDARD[metric]}. For TP 50, TN 30, FP 7, FN 13: "
        f"{values[0]:.4f} against {usual[metric][0]:.4f}.",
        repair="" if good else "a slip in the formula; the printed scores tell which was computed.",
    )


def check_split_against_source(ledger: Ledger) -> list[Draft]:
    """What the source offers for an honest split, and whether the paper used it."""
    found = []
    for name, study in ledger.paper.studies.items():
        by_patient = fact_of(ledger.paper, "patient_level_split", name).startswith("yes")
        facts = public_counts().get(study.source)
        if facts is None:
            continue
        if facts.get("patient_ids", "none") == "none":
            found.append(_no_ids(ledger, name, facts))
        elif not by_patient:
            found.append(_ids_published(ledger, name, facts, _stated_pools_apart(ledger, name, facts)))
    return found


def _no_ids(ledger: Ledger, name: str, facts: Mapping[str, Any]) -> Draft:
    known = "subjects" in facts and "images" in facts
    return Draft(
        check="split_against_source",
        status="uncheckable",
        kind="protocol",
        claims=_head(ledger, name),
        severity=1,
        statement=f"Whether patients cross the split of study {name} cannot be known: the source publishes no "
        "patient ids.",
        witness=facts["name"] + (f": {facts['images']} images of {facts['subjects']} patients." if known else "."),
        repair="the patient of each image.",
    )


def _ids_published(ledger: Ledger, name: str, facts: Mapping[str, Any], apart: str) -> Draft:
    """``apart``: the stated reading whose training and test pools share no patient, "" where there is none."""
    draft = Draft(
        check="split_against_source",
        status="implausible",
        kind="protocol",
        claims=_head(ledger, name),
        severity=2,
        statement=f"Patients can cross the split of study {name}, although the source publishes who is who.",
        witness=f"Patient ids: {facts['patient_ids']}{_images_a_subject(facts)}",
        repair="split by the published ids.",
    )
    if not apart:
        return draft
    return replace(
        draft,
        status="uncheckable",
        severity=1,
        statement=f"As stated, study {name} is tested on other patients than it is trained on ({apart}); on any other "
        "cut of the training images patients could cross.",
        witness=f"The publisher's pools share no patient: {_subjects_words(facts)}.",
        repair="which images the figures were measured on.",
    )


def _images_a_subject(facts: Mapping[str, Any]) -> str:
    n = facts.get("subjects")
    if not n or "images" not in facts:
        return "."
    return (
        f"; {facts['images']} images of {n} subjects, about {facts['images'] // n} each: a random split by image puts "
        "nearly every subject on both sides."
    )


def _subjects_words(facts: Mapping[str, Any]) -> str:
    counts = [f"{pool['subjects']} ({name})" for name, pool in facts["pools"].items()]
    return f"{' + '.join(counts)} = {facts['subjects']} patients in all"


def _stated_pools_apart(ledger: Ledger, name: str, facts: Mapping[str, Any]) -> str:
    """Return the name of a stated reading that tests on a publisher's pool of other patients than it trains on, ""
    if none does.

    A number of test images that is no pool's says that something else was tested on, whatever is stated.
    """
    study, pools = ledger.paper.studies[name], facts["pools"].values()
    counts = [pool.get("subjects") for pool in pools]
    if None in counts or sum(counts) != facts.get("subjects"):
        return ""
    tested = {
        count_of(c)
        for c in ledger.own
        if c.metric == "n_images" and c.split == "test" and c.study == name and not c.class_
    }
    tested |= {sum(map(sum, m.counts())) for m in ledger.matrices if m.key[0] == name and m.key[2] == "test"}
    if tested - {None} - {pool["total"] for pool in pools}:
        return ""
    for reading in study.protocols.get("as_published", ()):
        rule = reading.rule
        if reading.basis == "stated" and rule.test_pool and not set(rule.test_pool) & set(rule.pool or ()):
            return reading.name.replace("_", " ")
    return ""


def _head(ledger: Ledger, study: str) -> tuple[Claim, ...]:
    return tuple(c for c in ledger.paper.claims if c.id == ledger.paper.studies[study].headline)
