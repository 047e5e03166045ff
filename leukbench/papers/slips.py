"""Slips in a paper file that a schema does not see: figures that no check would find, or would read as others.

All of a file are named at once, each with the id of its claim, its line, and how to write it.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from leukbench.papers.schema import Claim, Paper
from leukbench.papers.vocabulary import SCORES
from leukbench.records import Protocol

AGGREGATIONS = ("", "mean", "pooled", "best", "single")
NAMED_CELLS = ("tp", "fp", "fn", "tn")
COUNTS = frozenset(["n_images", "n_subjects", *NAMED_CELLS, "matrix_cell"])
ALL_FOUR: tuple[Protocol, ...] = ("as_published", "image", "augment_first", "patient")
"""The protocols that every study that is run has."""
FACT_VALUES: Mapping[str, tuple[str, ...]] = {
    "augmentation_order": ("after_split", "before_split", "unstated"),
    "test_set_augmented": ("yes", "no", "unstated"),
    "patient_level_split": ("yes", "no", "unstated"),
    "patient_ids_published": ("yes", "no"),
    "within_official_folds": ("yes", "no"),
    "selection_on": ("validation", "test", "unstated"),
    "test_labels_public": ("yes", "no"),
    "baselines_same_data": ("yes", "no", "unstated"),
    "baselines_same_recipe": ("yes", "no", "unstated"),
    "averaging_stated": ("yes", "no"),
    "positive_class_stated": ("yes", "no"),
    "runs_stated": ("yes", "no"),
    "spread_meaning": ("sd", "se", "ci", "unstated", "none"),
    "significance": ("untested", "tested"),
    "centre_meaning": ("mean", "median", "both", "unstated"),
    "split_stated": ("yes", "no"),
    "oversampled_part": ("train", "all", "none", "unstated"),
    "source_is_augmented": ("yes", "no"),
    "comparison_same_data": ("yes", "no", "unstated"),
    "external_validation": ("yes", "no"),
    "code_available": ("yes", "no", "unstated"),
    "times_printed": ("yes", "no"),
    "overfitting_denied": ("yes", "no"),
    "seeds_stated": ("yes", "no"),
    "false_positive_meaning": ("usual", "exchanged"),
}
"""Facts that take one of a few words, perhaps with more after it; ``leukbench/audit/README.md`` explains them."""


def claim_lines(text: str) -> dict[str, int]:
    """Return the line, counted from 1, on which each claim's id stands in a file."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        for ident in re.findall(r"\bid:\s*[\"']?([A-Za-z0-9_.\-]+)", line):
            found.setdefault(ident, number)
    return found


def claim_problems(blocks: Any, lines: Mapping[str, int]) -> list[str]:
    """Return what the schema refuses in each claim of a file, one sentence each; nothing where the blocks
    themselves are wrong."""
    found = []
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, dict) or not isinstance(block.get("rows"), list):
            continue
        common = block.get("common") or {}
        for row in block["rows"]:
            if not isinstance(row, dict) or not isinstance(common, dict):
                continue
            merged = {"where": block.get("where"), **common, **row}
            try:
                Claim.model_validate(merged)
            except ValidationError as error:
                found += [f"{_place(str(merged.get('id')), lines)}: {problem_text(e)}" for e in error.errors()]
    return found


def problem_text(error: Any) -> str:
    """Return one complaint of the schema in words, with how to write the commonest slips: a number, or yes and no,
    unquoted."""
    place, value = ".".join(str(p) for p in error["loc"]), error.get("input")
    if error["type"] == "string_type" and isinstance(value, bool):
        return f'{place or "value"} is read as {value}; put quotes around it: "{"yes" if value else "no"}"'
    if error["type"] == "string_type" and isinstance(value, int | float):
        return f'{place or "value"} {value} is a number; put quotes around it, with every zero as printed: "{value}"'
    if error["type"] == "value_error" and not place:
        return str(error["ctx"]["error"])
    return f"{place or 'here'}: {error['msg']} (found {str(value)[:60]!r})"


def with_lines(text: str, lines: Mapping[str, int]) -> str:
    """Return a complaint with the line of each claim that it names, where that is not said.

    >>> with_lines("claim p.a: study 't' does not exist", {"p.a": 7})
    "claim p.a (line 7): study 't' does not exist"
    """

    def placed(match: re.Match[str]) -> str:
        ident = match[1].rstrip(".")
        return f"{match[0]} (line {lines[ident]})" if ident in lines else match[0]

    return re.sub(r"\bclaim (?:id )?([A-Za-z0-9_]+(?:\.[A-Za-z0-9_\-]+)+)(?! \(line)", placed, text)


def slips(paper: Paper, lines: Mapping[str, int]) -> list[str]:
    """Return what in a valid paper would be dropped or misread in silence."""
    found = [f"{_place(c.id, lines)}: {words}" for c in paper.claims for words in _claim_slips(paper, c)]
    return [*found, *_matrix_slips(paper, lines), *_fact_slips(paper)]


def _place(ident: str, lines: Mapping[str, int]) -> str:
    return f"claim {ident} (line {lines[ident]})" if ident in lines else f"claim {ident}"


def _nearest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    names = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), list(names), n=1, cutoff=cutoff)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def _claim_slips(paper: Paper, claim: Claim) -> Iterator[str]:
    if claim.metric in SCORES:
        yield from _score_slips(claim)
    elif claim.metric in COUNTS:
        yield from _count_slips(claim)
    if claim.kind == "own":
        yield from _class_slips(paper, claim)
    spread = claim.spread.replace("±", "").strip().rstrip("%").strip()
    if spread and not re.fullmatch(r"\d+(\.\d+)?|\.\d+", spread):
        yield f"spread {claim.spread!r} is no number, so no check can read it; write the figure after ±"
    if claim.aggregation not in AGGREGATIONS and not claim.aggregation.startswith("fold:"):
        near = _nearest(claim.aggregation, AGGREGATIONS)
        yield f"aggregation {claim.aggregation!r} is none of {', '.join(AGGREGATIONS[1:])}, fold:<name>{near}"
    if claim.n and not re.fullmatch(r"[1-9][0-9]{0,8}|[1-9][0-9]{0,2}(,[0-9]{3})+", claim.n):
        yield f"n {claim.n!r} is no number of images; write it in digits, or leave it out"


def _score_slips(claim: Claim) -> Iterator[str]:
    value = claim.value.strip()
    if re.search(r"±|\+/-|\+-", value):
        first, *rest = re.split(r"±|\+/-|\+-", value)
        yield f'value {value!r} holds two figures; write value: "{first.strip()}", spread: "{"".join(rest).strip()}"'
    elif value.count("%") > 1:
        yield f"value {value!r} has several per cent signs; write one, or the unit"
    elif re.fullmatch(r"[-−]?\d{1,3}(\.\d{3})+,\d+\s*%?", value):
        yield f"value {value!r} has points of thousands and a decimal comma; write {_anglicised(value)!r}"
    elif re.fullmatch(r"[-−]?\d{1,3},\d{1,2}\s*%?|[-−]?0,\d+\s*%?|[-−]?\d{1,3},\d{4,}\s*%?", value):
        point = value.replace(",", ".")
        yield f"value {value!r} has a decimal comma, which is read as one of thousands; write {point!r}"
    elif claim.number is None:
        yield f"value {value!r} is no number, so no check can read it; write the figure, or metric: other with a note"


def _anglicised(value: str) -> str:
    return value.replace(".", " ").replace(",", ".").replace(" ", ",")


def _count_slips(claim: Claim) -> Iterator[str]:
    number = claim.number
    words = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
    if claim.approximate or claim.value.strip().lower() in words:
        return
    if "%" in claim.value:
        yield f"value {claim.value!r} is a share; a count has no per cent sign"
    elif re.fullmatch(r"\d{1,3}(\.\d{3})+", claim.value.strip()):
        yield f"value {claim.value!r} has a point of thousands, which is read as a decimal one; write " + repr(
            claim.value.replace(".", ",")
        )
    elif number is None or not number.is_finite() or number < 0:
        yield f"value {claim.value!r} is no count; write it in digits"
    elif "e" not in claim.value.lower() and number != number.to_integral_value():
        yield f"value {claim.value!r} is no whole number of images"
    elif number.adjusted() > 12:
        yield f"value {claim.value!r} is larger than any number of images"


def _class_slips(paper: Paper, claim: Claim) -> Iterator[str]:
    study = paper.studies.get(claim.study)
    if study is None:
        return
    known = {*study.classes, *(c for m in paper.matrices for c in m.classes)}
    names = {claim.class_, claim.average.removeprefix("positive:") if claim.average.startswith("positive:") else ""}
    for name in sorted(names - known - {""}):
        near = _nearest(name, known, 0.75)
        if claim.metric in SCORES or near:  # a count may speak of a class that the study leaves out
            yield f"class {name!r} is none of study {claim.study}: {', '.join(study.classes)}{near}"
    usual = ("", "none", "macro", "weighted", "micro")
    if claim.average not in usual and not claim.average.startswith("positive:"):
        allowed = f"{', '.join(usual[1:])}, positive:<class>"
        yield f"average {claim.average!r} is none of {allowed}{_nearest(claim.average, usual)}"


def run_slips(paper: Paper, lines: Mapping[str, int]) -> Iterator[str]:
    """Yield what the studies of a paper lack to be run, which a paper that is only audited may."""
    for name, study in paper.studies.items():
        arms = [arm for arm, of in paper.arms.items() if of.study == name]
        if lacking := [p for p in ALL_FOUR if p not in study.protocols]:
            yield (
                f"study {name}: protocols lacks {', '.join(lacking)}; a study of the suite needs all four of "
                f"{', '.join(ALL_FOUR)}, and challenge where there is one"
            )
        claim = paper.claim(study.headline)
        words = {
            "kind: own": claim.kind == "own",
            f"study: {name}": claim.study == name,
            f"arm: NAME, of {', '.join(arms)}": claim.arm in arms,
            "a value that is a number": claim.number is not None,
        }
        if wrong := [key for key, right in words.items() if not right]:
            yield f"{_place(claim.id, lines)}: it is the headline of study {name}, so it needs {'; '.join(wrong)}"


def _matrix_slips(paper: Paper, lines: Mapping[str, int]) -> Iterator[str]:
    for matrix in paper.matrices:
        cells = [c for c in paper.claims if c.matrix == matrix.id]
        if len(matrix.classes) < 2 or len(set(matrix.classes)) < len(matrix.classes):
            yield f"matrix {matrix.id}: classes must be two or more different names, got {list(matrix.classes)}"
            continue
        if matrix.positive is not None and matrix.positive not in matrix.classes:
            near = _nearest(matrix.positive, matrix.classes)
            yield f"matrix {matrix.id}: positive {matrix.positive!r} is none of its classes{near}"
        named = [c for c in cells if c.metric in NAMED_CELLS]
        yield from _cell_slips(
            matrix.id, matrix.classes, [c for c in cells if c.metric not in NAMED_CELLS], bool(named), lines
        )
        for name, n in Counter(c.metric for c in named).items():
            if n > 1:
                yield f"matrix {matrix.id}: {n} claims are its {name}"
        if named and (len(matrix.classes) != 2 or {c.metric for c in named} != set(NAMED_CELLS)):
            yield f"matrix {matrix.id}: counts tp, fp, fn, tn must be all four, of two classes"


def _cell_slips(
    matrix: str, classes: Sequence[str], cells: Sequence[Claim], named: bool, lines: Mapping[str, int]
) -> Iterator[str]:
    places: dict[tuple[str, str], list[Claim]] = {}
    for c in cells:
        if c.metric != "matrix_cell":
            yield f"{_place(c.id, lines)}: names matrix {matrix}, but its metric is {c.metric}, not matrix_cell"
            continue
        for key, name in (("row", c.row), ("column", c.column)):
            if name not in classes:
                known = f"{', '.join(classes)}{_nearest(name, classes)}"
                yield f"{_place(c.id, lines)}: {key} {name!r} is no class of matrix {matrix}: {known}"
        places.setdefault((c.row, c.column), []).append(c)
    for (row, column), same in places.items():
        if len(same) > 1:
            yield f"matrix {matrix}: the cell {row}, {column} stands {len(same)} times: {', '.join(c.id for c in same)}"
    missing = [(a, b) for a in classes for b in classes if (a, b) not in places]
    if missing and not named:
        words = "; ".join(f"row {a}, column {b}" for a, b in missing[:6])
        yield f"matrix {matrix}: {len(missing)} of its {len(classes) ** 2} cells are missing: {words}"
    if places and named:
        yield f"matrix {matrix}: give either matrix_cell claims or tp, fp, fn, tn, not both"


def _fact_slips(paper: Paper) -> Iterator[str]:
    for key, text in paper.protocol_facts.items():
        name, _, study = key.partition(".")
        allowed = FACT_VALUES.get(name)
        if allowed is not None and study and study not in paper.studies:
            yield f"protocol_facts {key}: {study!r} is no study{_nearest(study, paper.studies)}"
        first = re.split(r"[\s,;.:]", text.strip(), maxsplit=1)[0]
        if allowed is not None and first not in allowed:
            yield f"protocol_facts {key}: {first!r} is none of {', '.join(allowed)}{_nearest(first, allowed)}"
        if name == "stated_close":
            yield from _close_slips(paper, key, text)
        if allowed is None and "." not in key and (near := _nearest(key, FACT_VALUES, 0.85)):
            yield f"protocol_facts {key}: unknown fact{near}"


def _close_slips(paper: Paper, key: str, text: str) -> Iterator[str]:
    named = re.findall(rf"\b{paper.key}\.[A-Za-z0-9_.\-]*[A-Za-z0-9]", text.split("(")[0])
    known = {c.id for c in paper.claims}
    if len(named) != 2 or "~" not in text:
        yield f"protocol_facts {key}: must be 'claim ~ claim (place)'"
    for name in named:
        if name not in known:
            yield f"protocol_facts {key}: {name!r} is no claim{_nearest(name, known)}"
