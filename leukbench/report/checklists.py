"""What a paper's record answers of three reporting guidelines, item by item, with its place in the paper.

REFORMS: Kapoor et al. 2024, Sci. Adv. 10:eadk3452. CLAIM 2024: Tejani et al. 2024, Radiol. Artif. Intell. 6:e240300.
TRIPOD+AI: Collins et al. 2024, BMJ 385:e078378. Items bear their numbers, which were compared with the guidelines'
tables or copies of them; what they ask stands in our own words and short: the guidelines say what counts. An item that
the record cannot answer without judgement is ``not assessed``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from leukbench.papers.facts import FactSheet, Part, places
from leukbench.papers.schema import Paper
from leukbench.report.format import page_table

Status = Literal["reported", "in part", "not reported", "not assessed"]
STATUSES: tuple[Status, ...] = ("reported", "in part", "not reported", "not assessed")
_SILENT = re.compile(r"(unstated|untested|none|no)\b")
_PLACE = re.compile(r"\(([^()]*(?:Section|Table|Figure|Abstract|Algorithm|Equation)[^()]*)\)")
_MOST = 3  # places that a row names


@dataclass(frozen=True)
class Recorded:
    """A fact about the protocol that the ledger records. ``no`` is an answer where the fact is what was done; where it
    is whether something is stated or done at all, it is silence. ``beside``: facts of the sheet that say where.
    """

    fact: str
    no_is_answer: bool = False
    beside: str = ""

    def found(self, paper: Paper, sheet: FactSheet) -> list[str] | None:
        """Return where the paper says it, or None where it does not."""
        text = paper.protocol_facts.get(self.fact, "unstated")
        if _SILENT.match(text) and not (self.no_is_answer and re.match(r"no\b", text)):
            return None
        beside = Stated(("data", "recipe", "evaluation"), self.beside).found(paper, sheet) if self.beside else None
        return [*_PLACE.findall(text), *(beside or [])]


@dataclass(frozen=True)
class Settled:
    """Nothing that the proposed networks or their recipes need is left open: the ledger assumes no setting."""

    of: Literal["network", "recipe"]

    def found(self, paper: Paper, sheet: FactSheet) -> list[str] | None:
        """Return no place where everything is stated, None where a setting had to be assumed."""
        arms = [arm for arm in paper.arms.values() if arm.role == "proposed"]
        if self.of == "network":
            left = [entry for arm in arms for entry in paper.networks[arm.network].assumed]
        else:
            left = [entry for arm in arms for entry in paper.recipes[arm.recipe].assumed]
        return None if left else []


@dataclass(frozen=True)
class Printed:
    """Figures of the paper's own with one of these metrics, on these parts of the data (empty: any)."""

    metrics: tuple[str, ...]
    splits: tuple[str, ...] = ()

    def found(self, paper: Paper, sheet: FactSheet) -> list[str] | None:
        """Return where they stand, or None where there are none."""
        fits = [
            claim.where
            for claim in paper.claims
            if claim.kind == "own" and claim.metric in self.metrics and (not self.splits or claim.split in self.splits)
        ]
        return list(dict.fromkeys(fits)) or None


@dataclass(frozen=True)
class Stated:
    """Facts of the fact sheet whose words match; every stated fact of an experiment stands there."""

    parts: tuple[Part, ...]
    pattern: str = "."

    def found(self, paper: Paper, sheet: FactSheet) -> list[str] | None:
        """Return where they stand, or None where there are none."""
        words = re.compile(self.pattern, re.IGNORECASE)
        fits = [fact for part, fact in sheet.facts() if part in self.parts and words.search(fact.fact)]
        return list(dict.fromkeys(place for fact in fits for place in places(fact, paper))) if fits else None


Evidence = Recorded | Settled | Printed | Stated
_SOURCE = Stated(("data",), r"kaggle|challenge|collection|data ?set|C-NMC|BCCD|images of")
_SCORES = Printed(("accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "auc", "mcc"))
_TEST_SCORES = Printed(_SCORES.metrics, ("test", "unstated"))
_SIZES = Printed(("n_images",))
_PREPARED = Stated(("data", "recipe"), r"crop|resiz|augment|rotat|flip|normalis|scal|input of")
_NETWORK = Stated(("network",))
_SOFTWARE = Stated(("network", "recipe", "evaluation"), r"python|matlab|keras|tensorflow|pytorch|opencv")
_MACHINE = Stated(("network", "recipe", "evaluation"), r"\bgpu\b|\bcpu\b|processor|\bram\b|colab|workstation")
_OPTIMISER = Stated(("recipe",), r"adam|rmsprop|gradient descent|sgd|optimis")
_START = Stated(("network", "recipe"), r"pretrained|pre-trained|imagenet|start at random|initialis")
_RATE, _BATCH, _EPOCHS = Printed(("learning_rate",)), Printed(("batch_size",)), Printed(("epochs",))
_TUNED: tuple[Evidence, ...] = (_OPTIMISER, _RATE, _BATCH, _EPOCHS, Settled("recipe"))
_MODEL: tuple[Evidence, ...] = (_NETWORK, Settled("network"))
_SPLIT = Recorded("split_stated", beside=r"split|fold|training part|test part|held out")
_PATIENTS = Recorded("patient_level_split", no_is_answer=True, beside=r"by patient|by image|at random|subjects? apart")
_ORDER = Recorded("augmentation_order", beside=r"augment\w* .*(split|part|set)")
_CHOSEN = Recorded("selection_on", beside=r"highest|best|early stop|checkpoint|is kept")
_CODE, _SPREAD = Recorded("code_available"), Recorded("spread_meaning")
_OUTSIDE, _TESTED = Recorded("external_validation"), Recorded("significance")
_AVERAGED, _POSITIVE = Recorded("averaging_stated"), Recorded("positive_class_stated")


@dataclass(frozen=True)
class Item:
    """One item: its number, what it asks in a few words, and what of a record answers it (empty: nothing can)."""

    number: str
    asks: str
    evidence: tuple[Evidence, ...] = ()


def _open(lines: str) -> tuple[Item, ...]:
    """Return items that a record does not answer, from lines ``number words``."""
    parted = (line.split(maxsplit=1) for line in lines.strip().splitlines())
    return tuple(Item(number, words) for number, words in parted)


REFORMS = (
    Item("2a", "which data, identified", (_SOURCE,)),
    Item("2b", "code, identified", (_CODE,)),
    Item("2c", "computers used", (_MACHINE,)),
    Item("2d", "instructions to run the code", (_CODE,)),
    Item("2e", "a script that makes every result", (_CODE,)),
    Item("3a", "where training and test data come from", (_SOURCE,)),
    Item("3d", "what is predicted, counted by class", (Printed(("n_classes",)), Printed(("n_images",)))),
    Item("3e", "sample size", (_SIZES,)),
    Item("4c", "changes made to the data", (_PREPARED,)),
    Item("5a", "models trained", _MODEL),
    Item("5c", "how models were evaluated, and on which split", (_SPLIT,)),
    Item("5d", "how the final model was selected", (_CHOSEN,)),
    Item("5e", "hyperparameters", _TUNED),
    Item("5f", "baselines, on equal terms", (Recorded("baselines_same_data"), Recorded("baselines_same_recipe"))),
    Item("6a", "training and test kept apart in every step", (_ORDER, _CHOSEN)),
    Item("6b", "dependent or duplicate samples across the split", (_PATIENTS,)),
    Item("7a", "metrics, defined", (_SCORES, _AVERAGED)),
    Item("7b", "uncertainty of the results", (_SPREAD,)),
    Item("7c", "statistical tests", (_TESTED,)),
    Item("8a", "evidence outside the data", (_OUTSIDE,)),
    *_open("""
1a population that is spoken of
1b why that population
1c why machine learning
3b sampling frame
3c why the data fit the task
3f missing data
3g whether the sample represents the population
4a samples left out
4b impossible or damaged samples
5b why these models
6c whether inputs are legitimate
8b where the finding will not hold
"""),
)
CLAIM = (
    Item("7", "data sources", (_SOURCE,)),
    Item("9", "preprocessing", (_PREPARED,)),
    Item("19", "how data were divided", (_SPLIT,)),
    Item("20", "at which level the parts are disjoint", (_PATIENTS,)),
    Item("22", "the model", _MODEL),
    Item("23", "software", (_SOFTWARE,)),
    Item("24", "initial weights", (_START,)),
    Item("25", "training, augmentation and hyperparameters", (_PREPARED, *_TUNED)),
    Item("26", "how the final model was selected", (_CHOSEN,)),
    Item("28", "metrics", (_SCORES, _AVERAGED)),
    Item("29", "significance and uncertainty", (_SPREAD, _TESTED)),
    Item("32", "results on internal data", (_TEST_SCORES,)),
    Item("33", "results on external data", (_OUTSIDE,)),
    Item("35", "patients and images included", (Printed(("n_subjects",)), Printed(("n_images",)))),
    Item("37", "performance with its uncertainty", (_TEST_SCORES, _SPREAD)),
    Item("43", "where software, model and data can be had", (_CODE,)),
    *_open("""
1 title
2 abstract
3 background and intended use
4 aims
5 prospective or retrospective
6 goal of the study
8 inclusion and exclusion
10 subsets of the data
11 de-identification
12 missing data
13 how images were acquired
14 reference standard
15 why that reference standard
16 who annotated
17 annotation of the test part
18 agreement of annotators
21 intended sample size
27 ensembles
30 robustness
31 explanations
34 registration of a trial
36 characteristics of patients in each part
38 diagnostic performance and its precision
39 analysis of failures
40 limitations
41 implications for practice
42 study protocol
44 funding
"""),
)
TRIPOD = (
    Item("5a", "sources of data", (_SOURCE,)),
    Item("7", "preparation of the data", (_PREPARED,)),
    Item("8a", "outcome, defined", (Printed(("n_classes",)),)),
    Item("12a", "how data were divided and used", (_SPLIT, _PATIENTS)),
    Item("12c", "model, hyperparameters and internal validation", (*_MODEL, *_TUNED, _CHOSEN)),
    Item("12e", "measures of performance", (_SCORES, _AVERAGED, _POSITIVE)),
    Item("18f", "code", (_CODE,)),
    Item("20a", "participants in the study", (Printed(("n_subjects",)),)),
    Item("21", "numbers in development and evaluation", (Printed(("n_images",), ("train",)),
                                                        Printed(("n_images",), ("test",)))),
    Item("23a", "performance with confidence intervals", (_TEST_SCORES, _SPREAD)),
    *_open("""
1 title
2 abstract
3a context of care
3b population and users
3c inequalities in health
4 objectives
5b dates
6a setting
6b eligibility
6c treatments
8b who assessed the outcome
8c blinding
9a choice of predictors
9b predictors, defined
9c who assessed predictors
10 study size
11 missing data
12b handling of predictors
12d differences between clusters
12f model updating
12g how predictions were made in evaluation
13 class imbalance
14 fairness
15 output of the model
16 training against evaluation data
17 ethics
18a funding
18b interests
18c protocol
18d registration
18e data
19 patients and public
20b characteristics of participants
20c development against evaluation data
22 the model for others to use
23b performance in clusters
24 results of updating
25 interpretation
26 limitations
27a handling of poor input
27b what users must do
27c next steps
"""),
)  # fmt: skip
GUIDELINES: dict[str, tuple[Item, ...]] = {"REFORMS": REFORMS, "CLAIM 2024": CLAIM, "TRIPOD+AI": TRIPOD}


@dataclass(frozen=True)
class Answer:
    """What a record says to an item, and where the paper does."""

    item: Item
    status: Status
    where: tuple[str, ...]


def answers(paper: Paper, sheet: FactSheet, items: tuple[Item, ...]) -> list[Answer]:
    """Return the answer to every item, in the order of their numbers.

    ``reported``: all that the item's evidence asks for stands in the paper; ``in part``: some, or a setting had to be
    assumed; ``not reported``: none. Whether what is reported is right or enough is not judged.
    """
    return sorted((_answer(paper, sheet, item) for item in items), key=lambda answer: _order(answer.item.number))


def _order(number: str) -> tuple[int, str]:
    digits = re.match(r"\d+", number)
    assert digits is not None
    return int(digits[0]), number[digits.end() :]


def _answer(paper: Paper, sheet: FactSheet, item: Item) -> Answer:
    if not item.evidence:
        return Answer(item, "not assessed", ())
    found = [evidence.found(paper, sheet) for evidence in item.evidence]
    here = [where for where in found if where is not None]
    stated = any(
        where is not None and not isinstance(evidence, Settled)
        for evidence, where in zip(item.evidence, found, strict=True)
    )
    status: Status = "not reported" if not stated else "reported" if len(here) == len(found) else "in part"
    return Answer(item, status, tuple(dict.fromkeys(place for where in here for place in where)))


def checklist(paper: Paper, sheet: FactSheet) -> str:
    """Return the page of a paper: how many items are answered, then every item that its record can answer."""
    by_guideline = {name: answers(paper, sheet, items) for name, items in GUIDELINES.items()}
    rows = [
        {"guideline": name, "item": a.item.number, "asks": a.item.asks, "answer": a.status, "where": _where(a)}
        for name, answered in by_guideline.items()
        for a in answered
        if a.status != "not assessed"
    ]
    left = "\n".join(f"- {name}: {_left(answered)}" for name, answered in by_guideline.items())
    return (
        f"# Reporting guidelines: {paper.key}\n\nRead off the paper's record ({paper.citation.title}). It says whether"
        " something is stated, not whether it is right or enough; items in a few words of ours, by the guidelines'"
        f" numbers.\n\n{page_table(_counts(by_guideline))}\n\n{page_table(rows)}\n\n## Not assessed\n\nThe record "
        "cannot answer these"
        f" without judgement.\n\n{left}\n"
    )


def _counts(by_guideline: dict[str, list[Answer]]) -> list[dict[str, str]]:
    rows = []
    for name, answered in by_guideline.items():
        counted = Counter(answer.status for answer in answered)
        rows.append({"guideline": name} | {status: str(counted[status]) for status in STATUSES})
    return rows


def _where(answer: Answer) -> str:
    shown = "; ".join(answer.where[:_MOST])
    return f"{shown}; and {len(answer.where) - _MOST} more" if len(answer.where) > _MOST else shown or "–"


def _left(answered: list[Answer]) -> str:
    return ", ".join(f"{a.item.number} ({a.item.asks})" for a in answered if a.status == "not assessed")
