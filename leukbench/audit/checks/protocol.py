"""Protocol: what a paper says about its split, augmentation, selection and comparison, and what follows for its figures."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leukbench.audit.readings.claims import count_of, own
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.printed_matrices import matrices
from leukbench.audit.readings.public_counts import public_counts
from leukbench.audit.readings.rows import headlines
from leukbench.papers.schema import Claim, Paper


@dataclass(frozen=True)
class Rule:
    """What one value of one protocol fact means."""

    status: str
    severity: int
    statement: str
    repair: str = ""


RULES: Mapping[str, Mapping[str, Rule]] = {
    "augmentation_order": {
        "before_split": Rule(
            "implausible",
            3,
            "Images were augmented before the split, so copies of one original can be trained and tested on.",
            "split the originals first, augment the training part afterwards.",
        ),
        "unstated": Rule(
            "uncheckable",
            2,
            "It is not said whether augmentation came before or after the split; if before, copies of one "
            "original stand on both sides.",
            "the order of augmentation and split.",
        ),
        "after_split": Rule("consistent", 0, "Images are said to be augmented after the split.", ""),
    },
    "test_set_augmented": {
        "yes": Rule(
            "implausible",
            2,
            "The test set was augmented too: its images are not independent, and scores on them count copies.",
            "scores on the original test images.",
        ),
        "unstated": Rule(
            "uncheckable",
            1,
            "It is not said whether the test images were augmented or original.",
            "which test images were scored.",
        ),
    },
    "patient_level_split": {
        "no": Rule(
            "implausible",
            2,
            "The split is by image, not by patient: images of one patient can stand on both sides.",
            "a split by patient.",
        ),
        "unstated": Rule(
            "uncheckable",
            2,
            "It is not said whether the images of one patient stay on one side of the split.",
            "the unit of the split.",
        ),
        "yes": Rule("consistent", 0, "The split is said to be by patient.", ""),
    },
    "within_official_folds": {
        "yes": Rule(
            "implausible",
            2,
            "Each official fold, which holds whole subjects, is cut again into training and test images: unless that cut "
            "is by subject, its subjects stand on both sides.",
            "train on two official folds and test on the third.",
        ),
    },
    "selection_on": {
        "test": Rule(
            "implausible",
            2,
            "The epoch or setting was chosen on the test images, whose score is then too good.",
            "a validation part apart from the test part.",
        ),
        "unstated": Rule(
            "uncheckable",
            1,
            "It is not said on which images the epoch and the settings were chosen.",
            "what chose them.",
        ),
        "validation": Rule("consistent", 0, "The epoch or setting is said to be chosen on validation images.", ""),
    },
    "test_labels_public": {
        "no": Rule(
            "implausible",
            2,
            "The test set named has no public labels, so the test accuracy on it cannot have been computed by the "
            "authors alone.",
            "the organisers' evaluation, or the images really tested on.",
        ),
    },
    "baselines_same_data": {
        "no": Rule(
            "implausible",
            2,
            "Baselines and the proposed network were tested on different images, so their scores are not comparable.",
            "all networks on the same images.",
        ),
        "unstated": Rule(
            "uncheckable",
            1,
            "It is not said that baselines were tested on the same images.",
            "the test images of each network.",
        ),
    },
    "baselines_same_recipe": {
        "no": Rule(
            "implausible",
            1,
            "Baselines were trained with other settings than the proposed network.",
            "one recipe, or each tuned alike.",
        ),
        "unstated": Rule("uncheckable", 1, "The training settings of the baselines are not given.", "their recipe."),
    },
    "averaging_stated": {
        "no": Rule(
            "uncheckable",
            1,
            "It is not said how precision, recall and F1 are averaged over classes.",
            "positive class, macro, weighted or micro.",
        )
    },
    "positive_class_stated": {
        "no": Rule("uncheckable", 1, "It is not said which class is positive.", "the positive class.")
    },
    "runs_stated": {
        "no": Rule(
            "uncheckable", 1, "The number of runs behind the figures is not stated.", "the number of runs and seeds."
        )
    },
    "spread_meaning": {
        "unstated": Rule(
            "uncheckable",
            1,
            "The figures after ± are not explained (standard deviation, error or interval, over what).",
            "what ± means and over how many runs.",
        ),
        "none": Rule(
            "uncheckable",
            1,
            "No interval and no spread over runs stands beside any figure, so differences cannot be told from chance.",
            "intervals, or the spread over several runs.",
        ),
    },
    "significance": {
        "untested": Rule(
            "uncheckable",
            1,
            "Differences are called significant, but no test is named and no p value printed.",
            "the test, its p value, and what was resampled or repeated.",
        )
    },
    "centre_meaning": {
        "both": Rule(
            "implausible",
            1,
            "Repeated runs are summarised as averages in one place and as medians in another.",
            "one of the two.",
        ),
        "unstated": Rule("uncheckable", 0, "It is not said how repeated runs are summarised.", "mean or median."),
    },
    "split_stated": {
        "no": Rule(
            "uncheckable",
            2,
            "Sizes and shares of training and test parts are not stated, so no figure has an n.",
            "the number of test images of each class.",
        )
    },
    "oversampled_part": {
        "all": Rule(
            "implausible",
            2,
            "Classes were enlarged before the split or in all parts: copies are scored.",
            "enlarge the training part only.",
        ),
        "unstated": Rule(
            "uncheckable", 1, "It is not said which parts were oversampled.", "the parts and the originals behind them."
        ),
        "train": Rule("consistent", 0, "Only the training part was oversampled.", ""),
    },
    "source_is_augmented": {
        "yes": Rule(
            "implausible",
            3,
            "The source is itself an augmented release whose copies are not marked, so any split of it by image puts "
            "copies of one original on both sides.",
            "the originals behind the release, split first.",
        ),
    },
    "comparison_same_data": {
        "no": Rule(
            "implausible",
            1,
            "The figures quoted from other works were measured on other data, splits or parts.",
            "figures on the same test images.",
        ),
        "unstated": Rule(
            "uncheckable",
            1,
            "It is not said whether the quoted figures of other works were measured on the same images.",
            "their data and split.",
        ),
    },
    "external_validation": {
        "no": Rule("uncheckable", 0, "No images from another source were tested on.", "an external test set.")
    },
    "times_printed": {
        "no": Rule(
            "uncheckable",
            1,
            "Speed or a lower cost is claimed, but no time, memory or number of operations is printed.",
            "times of training and of one image for each network, on one machine.",
        )
    },
    "code_available": {
        "no": Rule("uncheckable", 0, "No code is published.", "the code."),
        "unstated": Rule("uncheckable", 0, "No code is pointed to.", "the code."),
    },
    "seeds_stated": {"no": Rule("uncheckable", 0, "No random seed is stated.", "seeds.")},
}
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


def check_protocol_facts(paper: Paper) -> list[Draft]:
    """Each stated protocol fact that decides what a test score means, with what follows from it."""
    found = []
    heads = [c for c in own(paper) if c.id in headlines(paper)][:1]
    for key, value in paper.protocol_facts.items():
        rule = RULES.get(key, {}).get(value.strip().split(" ")[0].rstrip(",;.:"))
        if rule is None:
            continue
        rest = value.strip()[len(value.strip().split(" ")[0]) :].strip(" ,;:.-")
        found.append(
            Draft(
                check="protocol_facts",
                status=rule.status,
                kind="protocol",
                claims=tuple(heads),
                severity=rule.severity,
                statement=rule.statement,
                witness=f"Recorded as `{key}: {value.split(' ')[0].rstrip(',;.:')}`" + (f" ({rest})." if rest else "."),
                repair=rule.repair,
                where="the text as a whole",
            )
        )
    return found


def check_conflicting_words(paper: Paper) -> list[Draft]:
    """Statements in words that cannot both be meant, captions against text, classes explained as what they are not."""
    found = []
    for key, value in paper.protocol_facts.items():
        head, _, subject = key.partition(".")
        name = subject.replace("_", " ")
        if head == "text_conflict":
            found.append(
                Draft(
                    check="conflicting_words",
                    status="uncheckable",
                    kind="ambiguity",
                    claims=(),
                    severity=1,
                    where=_places(value),
                    statement=f"The text says {NUMBER_WORDS[min(value.count('|'), 4)]} things about {name}.",
                    witness=value.replace("|", "against") + ".",
                    repair="which of these is meant.",
                )
            )
        elif head == "caption_conflict":
            found.append(
                Draft(
                    check="conflicting_words",
                    status="implausible",
                    kind="ambiguity",
                    claims=(),
                    severity=1,
                    where=name,
                    statement=f"The heading or caption of {name} does not fit what is shown or said.",
                    witness=value,
                    repair="a caption that names what is shown.",
                )
            )
        elif head == "class_name_meaning" and value != "correct":
            found.append(
                Draft(
                    check="conflicting_words",
                    status="implausible",
                    kind="ambiguity",
                    claims=(),
                    severity=1,
                    where="text",
                    statement=f"The class {name} is explained as something else than in the source.",
                    witness=value,
                    repair="the publisher's meaning of the class.",
                )
            )
    return found


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


def check_formulas(paper: Paper) -> list[Draft]:
    """A printed formula of a score equals the usual one, compared on three matrices; else which other score it is."""
    found = []
    for key, text in paper.protocol_facts.items():
        head, _, metric = key.partition(".")
        if head != "formula" or metric not in STANDARD:
            continue
        values = [formula_value(text, s) for s in SAMPLES]
        if any(v is None for v in values):
            continue
        same = [
            m
            for m, usual in STANDARD.items()
            if all(abs((formula_value(usual, s) or 0) - (v or 0)) < 1e-12 for s, v in zip(SAMPLES, values, strict=True))
        ]
        good = metric in same
        found.append(
            Draft(
                check="formulas",
                status="consistent" if good else "inconsistent",
                kind="arithmetic",
                claims=(),
                severity=0 if good else 1,
                where=f"formula of {metric}",
                statement=f"The printed formula of {metric} is "
                + ("the usual one." if good else "not that of " + metric + (f"; it is {same[0]}." if same else ".")),
                witness=f"Printed: {text}; usual: {STANDARD[metric]}. For TP 50, TN 30, FP 7, FN 13: {values[0]:.4f} against "
                f"{formula_value(STANDARD[metric], SAMPLES[0]):.4f}.",
                repair="" if good else "a slip in the formula; the printed scores tell which was computed.",
            )
        )
    return found


def check_split_against_source(paper: Paper) -> list[Draft]:
    """What the source offers for an honest split, and whether the paper used it."""
    found = []
    for name, study in paper.studies.items():
        facts = public_counts().get(study.source)
        if facts is None:
            continue
        by_patient = paper.protocol_facts.get("patient_level_split", "unstated").startswith("yes")
        published = facts.get("patient_ids", "none") != "none"
        apart = _stated_pools_apart(paper, name, facts)
        if published and not by_patient and apart:
            found.append(
                Draft(
                    check="split_against_source",
                    status="uncheckable",
                    kind="protocol",
                    claims=_head(paper, name),
                    severity=1,
                    statement=f"As stated, study {name} is tested on other patients than it is trained on ({apart}); on any other cut of the "
                    "training images patients could cross.",
                    witness=f"The publisher's pools share no patient: {_subjects_words(facts)}.",
                    repair="which images the figures were measured on.",
                )
            )
        elif published and not by_patient:
            n = facts.get("subjects")
            found.append(
                Draft(
                    check="split_against_source",
                    status="implausible",
                    kind="protocol",
                    claims=_head(paper, name),
                    severity=2,
                    statement=f"Patients can cross the split of study {name}, although the source publishes who is who.",
                    witness=f"Patient ids: {facts['patient_ids']}"
                    + (
                        f"; {facts.get('images')} images of {n} subjects, about "
                        f"{facts['images'] // n} each: a random split by image puts nearly every subject on both sides."
                        if n and "images" in facts
                        else "."
                    ),
                    repair="split by the published ids.",
                )
            )
        elif not published:
            found.append(
                Draft(
                    check="split_against_source",
                    status="uncheckable",
                    kind="protocol",
                    claims=_head(paper, name),
                    severity=1,
                    statement=f"Whether patients cross the split of study {name} cannot be known: the source publishes no patient ids.",
                    witness=f"{facts['name']}"
                    + (
                        f": {facts['images']} images of {facts['subjects']} patients"
                        if "subjects" in facts and "images" in facts
                        else ""
                    )
                    + ".",
                    repair="the patient of each image.",
                )
            )
    return found


def _subjects_words(facts: Mapping[str, Any]) -> str:
    counts = [f"{pool['subjects']} ({name})" for name, pool in facts["pools"].items()]
    return f"{' + '.join(counts)} = {facts['subjects']} patients in all"


def _stated_pools_apart(paper: Paper, name: str, facts: Mapping[str, Any]) -> str:
    """Return the name of a stated reading that tests on a publisher's pool of other patients than it trains on, "" if none does.

    A number of test images that is no pool's says that something else was tested on, whatever is stated.
    """
    study, pools = paper.studies[name], facts["pools"].values()
    counts = [pool.get("subjects") for pool in pools]
    if None in counts or sum(counts) != facts.get("subjects"):
        return ""
    tested = {
        count_of(c)
        for c in own(paper)
        if c.metric == "n_images" and c.split == "test" and c.study == name and not c.class_
    }
    tested |= {sum(map(sum, m.counts())) for m in matrices(paper) if m.key[0] == name and m.key[2] == "test"}
    if tested - {None} - {pool["total"] for pool in pools}:
        return ""
    for reading in study.protocols.get("as_published", ()):
        rule = reading.rule
        if reading.basis == "stated" and rule.test_pool and not set(rule.test_pool) & set(rule.pool or ()):
            return reading.name.replace("_", " ")
    return ""


def _head(paper: Paper, study: str) -> tuple[Claim, ...]:
    return tuple(c for c in paper.claims if c.id == paper.studies[study].headline)
