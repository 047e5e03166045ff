"""One finding a fact: rows of one kind in one finding with their list, and under each cause what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from leukbench.audit.readings.draft import Draft
from leukbench.papers.vocabulary import SCORES

Relation = Literal["claims", "scores", "result", "study"]
SERIOUS = {"inconsistent": 0, "implausible": 1, "uncheckable": 2}

ROWS = frozenset(
    [
        "balanced_classes",
        "below_majority",
        "binary_rows",
        "class_averages",
        "conflicting_words",
        "f1_of_precision_recall",
        "final_epoch",
        "formulas",
        "fold_scores",
        "gains",
        "grid",
        "informedness",
        "known_networks",
        "layer_totals",
        "learning_rates",
        "loss_bounds",
        "matrix_class_sizes",
        "multiclass_rows",
        "output_units",
        "prose_counts",
        "public_counts",
        "split_shares",
        "stated_orders",
        "test_against_validation",
        "units",
    ]
)
"""Checks whose findings of one topic, status and study are one fact in several rows."""


@dataclass(frozen=True)
class Cause:
    """A finding of ``check`` (and ``topic``) explains those of ``follows`` that are related to it."""

    check: str
    follows: tuple[str, ...]
    relation: Relation
    topic: str = ""


CAUSES: tuple[Cause, ...] = (
    # a misprinted cell: its sum is wrong, and no score follows from it
    Cause("matrix_total", ("matrix_scores", "matrix_class_sizes", "binary_rows", "prose_counts"), "claims"),
    Cause("matrix_orientation", ("matrix_class_sizes", "matrix_scores", "prose_class_sizes"), "claims"),
    Cause("prose_class_sizes", ("class_sums",), "claims"),
    # figures that are not those of the matrix beside them break every other relation too
    Cause("matrix_scores", ("accuracy_between", "grid", "binary_rows", "rank_on_test", "perfect_scores"), "scores"),
    # averages that the classes beside them do not allow: no matrix does either
    Cause("class_averages", ("multiclass_rows", "binary_rows"), "scores"),
    # predictions without a look at the image: below the largest class, far from the validation figure, independent
    Cause(
        "informedness",
        ("below_majority", "test_against_validation", "independence", "rank_on_test"),
        "result",
    ),
    Cause("independence", ("below_majority", "test_against_validation", "rank_on_test"), "result"),
    # columns that are no averages over classes
    Cause("balanced_classes", ("balanced_classes", "binary_reading", "coincidences.f1"), "study"),
    Cause("binary_reading", ("coincidences.f1",), "study"),
    # which images a figure was measured on
    Cause("training_as_headline", ("two_values", "headline_above_test", "grid"), "claims"),
    Cause("unnamed_fold", ("two_positive_classes", "two_values"), "claims"),
    Cause("row_is_one_fold", ("mixed_definitions",), "claims"),
    # copies on both sides, or scored
    Cause("public_pool_is_training", ("protocol_facts.source_is_augmented", "derived_release"), "study"),
    Cause("derived_release", ("protocol_facts.source_is_augmented",), "study"),
    Cause("scored_before_augmentation", ("protocol_facts.test_set_augmented", "few_originals"), "study"),
    Cause("few_originals", ("protocol_facts.test_set_augmented", "protocol_facts.oversampled_part"), "study"),
    Cause("oversampling", ("protocol_facts.oversampled_part",), "study"),
    # patients on both sides
    Cause(
        "exact_shares",
        ("protocol_facts.within_official_folds", "protocol_facts.patient_level_split", "split_against_source"),
        "study",
    ),
    Cause("split_against_source", ("protocol_facts.patient_level_split",), "study"),
    # parts of one total
    Cause("split_shares", ("pool_shares",), "claims"),
    Cause("layer_totals", ("total_split", "two_values"), "claims"),
    Cause("public_counts", ("stated_sums",), "claims"),
    Cause("output_units", ("output_units",), "result"),
)
"""Causes first; each finding is folded under the first cause that explains it."""


Entry = tuple[str, Draft, tuple[str, ...]]
"""A finding's id, the finding, and the sentences of those that are folded into it."""


def one_a_fact(drafts: Sequence[tuple[str, Draft]]) -> list[Entry]:
    """Return the findings, by id, each with the sentences of those that are folded into it.

    Findings that are in order stay as they are. What is proved is never folded under what is only implausible.
    """
    return _rows_joined(_under_causes([(ident, draft, ()) for ident, draft in drafts]))


def _under_causes(entries: list[Entry]) -> list[Entry]:
    places = {ident: i for i, (ident, _, _) in enumerate(entries)}
    home: dict[str, str] = {}
    for cause in CAUSES:
        for ident, draft, _ in entries:
            if _is(draft, cause.check) and ident not in home and draft.status in SERIOUS:
                for other, follower, _ in entries:
                    if other not in home and other != ident and _follows(cause, draft, follower):
                        home[other] = ident
    found = list(entries)
    for other in sorted(home, key=lambda o: places[o]):
        top = home[other]
        while top in home:
            top = home[top]
        ident, draft, parts = found[places[top]]
        follower = entries[places[other]][1]
        found[places[top]] = (ident, _merged(draft, [follower]), (*parts, _sentence(follower)))
    return [entry for entry in found if entry[0] not in home]


def _merged(draft: Draft, others: Sequence[Draft]) -> Draft:
    """Return a finding that speaks of the claims of others as well."""
    every = (draft, *others)
    return replace(
        draft,
        claims=tuple({c.id: c for d in every for c in d.claims}.values()),
        severity=max(d.severity for d in every),
        accused=tuple(dict.fromkeys(a for d in every for a in d.accused)),
    )


def _rows_joined(entries: Sequence[Entry]) -> list[Entry]:
    """Return the findings with those of one check, topic, status and study in one, the most serious first."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for ident, draft, parts in entries:
        alike = draft.check in ROWS and draft.status in SERIOUS
        key = (draft.check, draft.topic, draft.status, draft.kind, *_studies(draft)) if alike else (ident,)
        groups.setdefault(key, []).append((ident, draft, parts))
    found: list[Entry] = []
    for members in groups.values():
        members.sort(key=lambda m: -m[1].severity)
        (ident, first, parts), *others = members
        if others:
            rest = "one other" if len(others) == 1 else f"{len(others)} others"
            sentences = [s for _, d, below in others for s in (_sentence(d), *below)]
            merged = _merged(first, [d for _, d, _ in others])
            first = replace(merged, statement=f"{first.statement.rstrip('.')}; so it is with {rest}.")
            parts = (*parts, *sentences)
        found.append((ident, first, parts))
    return found


def _sentence(draft: Draft) -> str:
    """Return a folded finding in a line: what it says, with its arithmetic where it is proved."""
    if draft.status != "inconsistent":
        return " ".join(draft.statement.split())
    return " ".join(f"{draft.statement.rstrip('.')} (inconsistent). {draft.witness}".split())


def _is(draft: Draft, name: str) -> bool:
    return name in {draft.check, f"{draft.check}.{draft.topic}"}


def _follows(cause: Cause, draft: Draft, follower: Draft) -> bool:
    if follower.status not in SERIOUS or SERIOUS[follower.status] < SERIOUS[draft.status]:
        return False
    if not any(_is(follower, name) for name in cause.follows):
        return False
    if cause.relation == "claims":
        return bool({c.id for c in draft.claims} & {c.id for c in follower.claims})
    if cause.relation == "scores":
        shared = {c.id for c in draft.claims if c.metric in SCORES} & {c.id for c in follower.claims}
        return bool(shared)
    if cause.relation == "result":
        return bool(_results(draft) & _results(follower))
    return not _studies(draft) or not _studies(follower) or bool(set(_studies(draft)) & set(_studies(follower)))


def _results(draft: Draft) -> set[tuple[str, str]]:
    return {(c.study, c.model) for c in draft.claims if c.model}


def _studies(draft: Draft) -> tuple[str, ...]:
    if draft.study:
        return (draft.study,)
    return tuple(sorted({c.study for c in draft.claims if c.study}))
