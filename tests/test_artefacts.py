"""Records of the stages survive their JSON, and what is not exactly a record is refused by its path."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest

from leukbench.artefacts import ReadingName, ResolvedStudy, Sizes, SplitPlan, from_plain
from leukbench.errors import DataError
from leukbench.papers.loader import load_paper, paper_keys
from leukbench.papers.resolve import resolve_study
from leukbench.records import Estimate, Experiment, Grade, Limits, Recipe, json_text

PLAN = SplitPlan(
    reading=ReadingName(name="random_images", basis="stated", evidence="Section 3"),
    sizes=Sizes(n_images=40, n_images_published=100, complete=False, parts=("1",)),
    experiment=Experiment(
        paper="alnet", study="cnmc", protocol="image", source="cnmc_2019", store="s", arms=("alnet",),
        limits=Limits(images=40),
    ),
)  # fmt: skip


def plain_plan(**changes: Any) -> Any:
    return json.loads(json_text(PLAN)) | changes


def test_a_record_is_the_same_after_its_json() -> None:
    assert from_plain(SplitPlan, plain_plan(), where="x.json") == PLAN


def test_null_stands_for_no_number_and_a_whole_one_for_a_fraction() -> None:
    read = from_plain(Estimate, {"metric": "mcc", "value": 1, "low": None}, where="x.json")
    assert read.value == 1.0 and isinstance(read.value, float) and math.isnan(read.low)


def test_a_word_of_a_list_is_read_back_as_itself_and_another_is_refused() -> None:
    plain = json.loads(json_text(Estimate(metric="mcc", value=0.5, grade=Grade.ASSURED)))
    assert from_plain(Estimate, plain, where="x.json").grade is Grade.ASSURED
    with pytest.raises(DataError, match=r"x\.json, grade"):
        from_plain(Estimate, {**plain, "grade": "splendid"}, where="x.json")


@pytest.mark.parametrize("key", paper_keys())
def test_every_study_is_read_back_with_the_recipes_of_its_paper(key: str) -> None:
    paper = load_paper(key)
    for name in paper.studies:
        written = resolve_study(paper, name)
        study = from_plain(ResolvedStudy, json.loads(json_text(written)), where=name)
        assert json_text(study) == json_text(written)
        for arm, resolved in study.arms.items():
            published: Recipe = paper.recipes[paper.arms[arm].recipe].recipe
            assert dataclasses.replace(resolved.recipe, copies=published.copies) == published


@pytest.mark.parametrize(
    ("changes", "place", "expected"),
    [
        ({"hizes": 1}, "hizes", "no other keys"),
        ({"sizes": None}, "sizes", "an object"),
        ({"sizes": {"n_images": 40}}, "sizes", "the keys complete, n_images_published, parts"),
        ({"reading": {"name": "a", "basis": "no", "evidence": ""}}, "reading.basis", "one of 'stated', 'inferred'"),
        ({"transfer": 3}, "transfer", "an object"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused_by_its_path(changes: dict[str, Any], place: str, expected: str) -> None:
    with pytest.raises(DataError) as raised:
        from_plain(SplitPlan, plain_plan(**changes), where="x.json", do="run the split stage again")
    problem = raised.value
    assert problem.where == f"x.json, {place}" and expected in problem.expected and "split stage" in problem.do


@pytest.mark.parametrize("value", [True, "40", 4.5, None, [40]])
def test_a_value_of_another_kind_is_refused(value: object) -> None:
    sizes = {"n_images": value, "n_images_published": 100, "complete": False, "parts": ["1"]}
    with pytest.raises(DataError, match=r"sizes\.n_images"):
        from_plain(SplitPlan, plain_plan(sizes=sizes), where="x.json")


@pytest.mark.parametrize("text", ["[]", "3", '"plan"', "null"])
def test_a_file_of_another_shape_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="an object"):
        from_plain(SplitPlan, json.loads(text), where="x.json")
