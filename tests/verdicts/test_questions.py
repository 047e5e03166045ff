"""Which estimate answers which claim: the join's keys, what stays open, and how many images a claim was counted on."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leukbench.artefacts import from_plain
from leukbench.evaluation.estimates import estimate_predictions, seed_scatter
from leukbench.evaluation.likeness import Likeness
from leukbench.papers.files import paper_keys
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Claim, Paper
from leukbench.records import Estimate, Experiment, Predictions, Reading, SplitRule, json_text
from leukbench.verdicts.differences import Overlap
from leukbench.verdicts.questions import (
    Definition,
    EvaluatedExperiment,
    comparable,
    counted_on,
    definitions,
    find_estimate,
    overlap_of,
    question_of,
    questions_of,
)
from tests.support.made_up_paper import TEXT, write_paper

TWO, THREE = ("A", "B"), ("A", "B", "C")


def claim(metric: str = "accuracy", **keys: str) -> Claim:
    return Claim.model_validate({"id": "p.x", "metric": metric, "value": "90", "unit": "%", "where": "here", **keys})


def estimate(value: float, metric: str = "accuracy", **keys: object) -> Estimate:
    return Estimate(metric=metric, value=value, **keys)  # type: ignore[arg-type]


def paper_with(tmp_path: Path, *rows: str) -> Paper:
    """The planted paper with further claims on its first study."""
    block = "  - where: Table 3\n    common: {study: first, model: Net}\n    rows:\n"
    text = TEXT + block + "".join(f"      - {row}\n" for row in rows) if rows else TEXT
    return load_paper(write_paper(tmp_path, text))


def evaluated(protocol: str, *estimates: Estimate, reading: str = "random", **more: object) -> EvaluatedExperiment:
    kinds: dict[str, object] = {"evidence": "verified", "deviations": {}, **more}
    experiment = Experiment(
        paper="planted", study="first", protocol=protocol, source="known_answer", store="s", arms=("net",)
    )  # type: ignore[arg-type]
    return EvaluatedExperiment(
        name=protocol, experiment=experiment, reading=reading, estimates={"net": estimates}, **kinds
    )  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- definitions


@pytest.mark.parametrize(
    ("found", "classes", "keys"),
    [
        (claim(), TWO, [("", "accuracy", "", "none")]),
        (claim("sensitivity", **{"class": "B"}), TWO, [("", "recall", "B", "none")]),
        (claim("f1", average="positive:A"), TWO, [("", "f1", "A", "none")]),
        (claim("precision", average="macro"), THREE, [("", "precision", "", "macro")]),
        (claim("recall", average="micro"), THREE, [("", "accuracy", "", "none")]),
        (claim("specificity", average="micro"), THREE, []),
        (claim("mcc"), TWO, [("", "mcc", "", "none")]),
        (claim("auc"), TWO, [("", "auc", "", "none")]),
        (claim("auc", **{"class": "B"}), TWO, [("", "auc", "", "none")]),
        (claim("auc", average="macro"), TWO, [("", "auc", "", "none")]),
        (claim("auc"), THREE, [("", "auc", "", "macro")]),
        (claim("auc", **{"class": "C"}), THREE, [("", "auc", "C", "none")]),
    ],
)
def test_a_stated_definition_is_the_only_one(
    found: Claim, classes: tuple[str, ...], keys: list[tuple[str, ...]]
) -> None:
    assert [tuple(d) for d in definitions(found, classes)] == keys


def test_an_unstated_definition_is_every_one_that_fits() -> None:
    assert [d.name for d in definitions(claim("f1"), TWO)] == [
        "macro average", "weighted average", "micro average", "positive: A", "positive: B",
    ]  # fmt: skip
    assert [d.name for d in definitions(claim("precision"), THREE)] == [
        "macro average",
        "weighted average",
        "micro average",
    ]
    assert definitions(claim("f1"), THREE)[2] == Definition("micro average", "accuracy", "", "none")
    assert [d.name for d in definitions(claim("recall"), THREE)] == ["macro average", "weighted average"]
    assert definitions(claim("sensitivity"), TWO) == definitions(claim("recall"), TWO)


def predictions(classes: tuple[str, ...], *, folds: int = 2) -> Predictions:
    """Thirty patients of six images, three quarters right."""
    rng = np.random.default_rng(3)
    n = 180
    label = rng.integers(0, len(classes), n)
    scores = rng.dirichlet(np.ones(len(classes)), n)
    scores[np.arange(n), label] += 0.7
    scores /= scores.sum(axis=1, keepdims=True)
    ids, groups = np.array([f"i{i}" for i in range(n)]), np.array([f"p{i // 6}" for i in range(n)])
    return Predictions(
        classes=classes,
        image_id=ids,
        label=label,
        predicted=scores.argmax(axis=1),
        scores=scores,
        group=groups,
        origin=ids,
        patient=groups,
        fold=(np.arange(n) // 6) % folds,
        seed=np.zeros(n, dtype=np.int64),
    )


@pytest.mark.parametrize("classes", [TWO, THREE])
def test_every_definition_finds_an_estimate_of_the_evaluation(classes: tuple[str, ...]) -> None:
    estimates = estimate_predictions(predictions(classes), patient_level=False)
    metrics = (
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "sensitivity",
        "specificity",
        "f1",
        "auc",
        "mcc",
        "kappa",
    )
    for metric in metrics:
        for d in definitions(claim(metric), classes):
            found = find_estimate(estimates, d)
            assert found is not None, (metric, d)
            assert math.isfinite(found.value)
            if metric != "auc":
                assert find_estimate(estimates, d, fold="1") is not None, (metric, d)


def test_micro_f1_is_accuracy_by_hand() -> None:
    p = predictions(THREE)
    wrong = int((p.label != p.predicted).sum())  # each is one false positive and one false negative
    micro = 2 * (len(p) - wrong) / (2 * (len(p) - wrong) + 2 * wrong)
    found = find_estimate(
        estimate_predictions(p, patient_level=False), definitions(claim("f1", average="micro"), THREE)[0]
    )
    assert found is not None
    assert found.value == pytest.approx(micro)


def test_an_estimate_of_other_keys_is_not_taken() -> None:
    accuracy = Definition("", "accuracy", "", "none")
    of_fold, whole = estimate(0.7, aggregation="fold:1"), estimate(0.8)
    assert find_estimate([of_fold, whole], accuracy) is whole
    assert find_estimate([of_fold, whole], accuracy, fold="1") is of_fold
    assert find_estimate([of_fold, whole], accuracy, fold="2") is None
    assert (
        find_estimate([estimate(0.7, class_="A"), estimate(0.7, average="macro"), estimate(0.7, "mcc")], accuracy)
        is None
    )


# --------------------------------------------------------------------------------------------------------- questions


def test_a_claim_of_a_fold_is_held_against_that_fold_and_by_patient_against_all(tmp_path: Path) -> None:
    row = (
        '{id: planted.fold, arm: net, split: test, fold: "1", aggregation: "fold:1", '
        'metric: accuracy, value: "0.930", n: "50"}'
    )
    paper = paper_with(tmp_path, row)
    estimates = (estimate(0.9), estimate(0.95, aggregation="fold:1"))
    q = question_of(
        paper.claim("planted.fold"),
        paper,
        [evaluated("as_published", *estimates), evaluated("patient", *estimates)],
        accused=False,
    )
    assert [r.estimate.value for r in q.faithful] == [0.95]
    assert [r.estimate.value for r in q.honest] == [0.9]
    assert (q.value, q.half_unit, q.n) == (0.93, pytest.approx(0.0005), 50)
    assert (q.faithful[0].reading, q.honest[0].reading) == ("random", "")


def test_percent_is_made_a_fraction_with_its_printed_precision(tmp_path: Path) -> None:
    paper = paper_with(tmp_path)
    q = question_of(paper.claim("planted.true"), paper, [evaluated("as_published", estimate(0.9))], accused=True)
    assert (q.value, q.half_unit, q.n, q.headline, q.accused) == (0.965, pytest.approx(0.0005), 20000, True, True)
    assert not question_of(paper.claim("planted.false"), paper, [], accused=False).headline


def test_every_reading_and_definition_gives_one_question(tmp_path: Path) -> None:
    paper = paper_with(tmp_path, '{id: planted.f1, arm: net, split: test, metric: f1, value: "0.9", n: "50"}')
    estimates = estimate_predictions(predictions(TWO), patient_level=False)
    experiments = [evaluated("as_published", *estimates, reading=r) for r in ("one", "two")]
    q = question_of(paper.claim("planted.f1"), paper, experiments, accused=False)
    assert len({(r.reading, r.definition) for r in q.faithful}) == len(q.faithful) == 2 * 5
    assert q.untestable == ""


def test_experiments_of_other_studies_arms_and_rungs_have_no_say(tmp_path: Path) -> None:
    paper = paper_with(tmp_path)
    found = question_of(
        paper.claim("planted.baseline"), paper, [evaluated("as_published", estimate(0.9))], accused=False
    )
    assert (found.faithful, found.untestable) == ((), "printed as approximate")
    rungs = [evaluated(p, estimate(0.9)) for p in ("image", "augment_first", "challenge")]
    q = question_of(paper.claim("planted.true"), paper, rungs, accused=False)
    assert (q.faithful, q.honest) == ((), ())


def test_deviations_evidence_and_seeds_travel_with_the_estimate(tmp_path: Path) -> None:
    paper = paper_with(tmp_path)
    experiment = evaluated(
        "as_published", estimate(0.9, seed_variance=0.01, seed_df=4.0),
        deviations={"net": ("limited",), "other": ("surrogate_data",)}, evidence="inferred",
        likeness=Likeness(0.7, 3),
    )  # fmt: skip
    (r,) = question_of(paper.claim("planted.true"), paper, [experiment], accused=False).faithful
    assert (r.deviations, r.evidence, r.likeness) == (("limited",), "inferred", 0.7)
    assert (r.estimate.seed_variance, r.trained_once) == (0.01, False)


@pytest.mark.parametrize(
    ("rule", "evidence", "shared"),
    [
        ({"unit": "image", "k": 3}, "verified", Overlap.IMAGES),
        ({"unit": "image", "test_pool": ("new",)}, "inferred", Overlap.IMAGES),
        ({"unit": "image", "shares": (0.8, 0.2)}, "verified", Overlap.PATIENTS),
        ({"unit": "image", "shares": (0.8, 0.2)}, "inferred", Overlap.NONE),
        ({"unit": "group", "shares": (0.8, 0.2)}, "verified", Overlap.NONE),
    ],
)
def test_what_a_claim_tested_of_ours_comes_from_the_reading(
    tmp_path: Path, rule: dict[str, Any], evidence: str, shared: Overlap
) -> None:
    paper = paper_with(tmp_path)
    study = paper.studies["first"]
    reading = Reading(name="random", basis="stated", evidence="", rule=SplitRule(**rule))
    protocols = {**study.protocols, "as_published": (reading,)}
    changed = paper.model_copy(
        update={"studies": {**paper.studies, "first": study.model_copy(update={"protocols": protocols})}}
    )
    claim = paper.claim("planted.true")
    experiment = evaluated("as_published", estimate(0.9), evidence=evidence)
    same = dataclasses.replace(experiment, experiment=dataclasses.replace(experiment.experiment, source=study.source))
    found, reason = overlap_of(claim, changed, same)
    assert found is shared and reason
    stand_in = dataclasses.replace(same, experiment=dataclasses.replace(same.experiment, source="elsewhere"))
    assert overlap_of(claim, changed, stand_in)[0] is Overlap.NONE
    assert overlap_of(claim, changed, evaluated("patient", estimate(0.9)))[0] is Overlap.NONE


@pytest.mark.parametrize(
    ("protocol", "aggregation", "expected"),
    [
        ("as_published", "fold:1", ()),  # its whole fold was run
        ("as_published", "fold:2", ("limited",)),
        ("as_published", "fold:0", ("limited",)),  # not told apart: what holds of the study
        ("as_published", "mean", ("limited",)),
        ("patient", "mean", ("surrogate_data", "limited")),
    ],
)
def test_a_run_is_limited_for_the_claims_that_were_measured_on_more(
    tmp_path: Path, protocol: str, aggregation: str, expected: tuple[str, ...]
) -> None:
    keys = f'arm: net, split: test, metric: accuracy, aggregation: "{aggregation}", value: "0.9", n: "50"'
    paper = paper_with(tmp_path, f"{{id: planted.x, {keys}}}")
    estimates = [estimate(0.9, aggregation=a) for a in ("pooled", "fold:0", "fold:1", "fold:2")]
    of_fold = {"1": (), "2": ("limited",)} if protocol == "as_published" else {"0": ("surrogate_data", "limited")}
    run = evaluated(protocol, *estimates, deviations={"net": ("limited",)}, fold_deviations={"net": of_fold})
    asked = question_of(paper.claim("planted.x"), paper, [run], accused=False)
    (found,) = asked.faithful or asked.honest
    assert found.deviations == expected


def test_a_claim_that_no_estimate_answers_says_which(tmp_path: Path) -> None:
    paper = paper_with(
        tmp_path,
        '{id: planted.micro, arm: net, split: test, metric: specificity, average: micro, value: "0.9", n: "50"}',
        '{id: planted.nofold, arm: net, split: test, metric: accuracy, fold: "7", value: "0.9", n: "50"}',
        '{id: planted.best, arm: net, split: test, metric: accuracy, aggregation: best, value: "0.9", n: "50"}',
    )
    experiments = [evaluated("as_published", estimate(0.9))]
    reasons = {
        c: question_of(paper.claim(f"planted.{c}"), paper, experiments, accused=False).untestable
        for c in ("micro", "nofold", "best")
    }
    assert reasons["micro"] == "no such estimate is made: specificity, micro"
    assert reasons["nofold"] == "no such estimate is made: accuracy, fold 7"
    assert "best of several" in reasons["best"]


def test_questions_cover_the_comparable_claims_of_studies_that_ran(tmp_path: Path) -> None:
    paper = paper_with(
        tmp_path, '{id: planted.second, study: second, arm: left, split: test, metric: accuracy, value: "0.9"}'
    )
    found = questions_of(
        paper, [evaluated("as_published", estimate(0.9), reading="random")], frozenset({"planted.false"})
    )
    assert [q.claim for q in found] == [
        "planted.true",
        "planted.false",
        "planted.impossible",
        "planted.without_n",
        "planted.baseline",
    ]
    assert [q.claim for q in found if q.accused] == ["planted.false"]
    assert {q.claim: q.not_run for q in found}["planted.true"] == ()
    assert {q.claim: q.not_run for q in found}["planted.baseline"] == ("random",)  # its arm did not run


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "cited"},
        {"study": ""},
        {"arm": ""},
        {"metric": "epochs"},
        {"metric": "error_rate"},
        {"split": "train"},
        {"value": "high"},
    ],
)
def test_what_is_no_score_of_the_papers_own_test_is_not_compared(changed: dict[str, str]) -> None:
    keys = {"study": "s", "arm": "a", "split": "test"}
    assert comparable(claim(**keys))
    assert not comparable(claim(**{"metric": "accuracy", **keys, **changed}))


# ---------------------------------------------------------------------------------------------------------- counted on

SIZE = "metric: n_images, unit: count, split: test"


@pytest.mark.parametrize(
    ("rows", "n"),
    [
        ([], None),
        ([f'{{id: planted.n, {SIZE}, value: "1,234"}}'], 1234),
        ([f'{{id: planted.n, {SIZE}, value: "100"}}', f'{{id: planted.n2, {SIZE}, value: "200"}}'], None),
        (
            [
                f'{{id: planted.n, {SIZE}, value: "100"}}',
                f'{{id: planted.n2, {SIZE}, value: "200", condition: after augmentation}}',
            ],
            100,
        ),
        ([f'{{id: planted.n, {SIZE}, value: "3,734", condition: after augmentation}}'], 3734),  # as ddrnet prints it
        ([f'{{id: planted.n, {SIZE}, value: "2,586", condition: public release}}'], None),
        (  # two figures that differ are no reason to take a third
            [
                f'{{id: planted.n{k}, {SIZE}, value: "{k}00", condition: {c}}}'
                for k, c in enumerate(('""', '""', "after augmentation"), 1)
            ],
            None,
        ),
        ([f'{{id: planted.n, {SIZE}, value: "100", fold: "1"}}'], None),
        ([f'{{id: planted.n, {SIZE}, value: "100", study: second}}'], None),
        ([f'{{id: planted.n, {SIZE}, value: "100", kind: cited}}'], None),
        ([f'{{id: planted.a, {SIZE}, value: "100", class: A}}'], None),
        (
            [f'{{id: planted.a, {SIZE}, value: "100", class: A}}', f'{{id: planted.b, {SIZE}, value: "30", class: B}}'],
            130,
        ),
        ([f'{{id: planted.a, {SIZE}, value: "100", class: A}}', f'{{id: planted.n, {SIZE}, value: "150"}}'], 150),
    ],
)
def test_images_are_counted_from_the_papers_test_sizes(tmp_path: Path, rows: list[str], n: int | None) -> None:
    paper = paper_with(tmp_path, *rows)
    assert counted_on(paper.claim("planted.without_n"), paper) == n
    assert counted_on(paper.claim("planted.true"), paper) == 20000  # its own n goes first


def test_a_fold_has_its_own_test_size(tmp_path: Path) -> None:
    rows = [f'{{id: planted.n{k}, {SIZE}, value: "{k}00", fold: "{k}"}}' for k in (1, 2)]
    of_fold = '{id: planted.f, arm: net, split: test, metric: accuracy, aggregation: "fold:2", value: "0.9"}'
    paper = paper_with(tmp_path, *rows, of_fold)
    assert counted_on(paper.claim("planted.f"), paper) == 200


def test_sizes_of_the_papers_ledgers() -> None:
    paper = load_paper("alnet")
    assert counted_on(paper.claim("alnet.t9.test.mean"), paper) == 706 + 717 + 711
    assert counted_on(load_paper("samhitha").claim("samhitha.abstract.accuracy"), load_paper("samhitha")) == 1091 + 509


@pytest.mark.parametrize("key", paper_keys())
def test_every_comparable_claim_makes_a_question(key: str) -> None:
    paper = load_paper(key)
    for c in filter(comparable, paper.claims):
        q = question_of(c, paper, [], accused=False)
        assert -1 <= q.value <= 1
        assert q.half_unit >= 0
        assert q.n is None or q.n > 0


def test_estimates_survive_their_json() -> None:
    before = estimate(0.123456789012, low=0.1, high=0.2, df=math.inf, note="n")
    after = from_plain(Estimate, json.loads(json_text(before)), where="here")
    assert after.value == pytest.approx(before.value, abs=1e-10)
    assert math.isnan(after.df) and math.isnan(after.standard_error)
    assert (after.note, after.low, after.n_images) == ("n", 0.1, 0)


def test_the_variance_between_seeds_is_pooled_over_arms_by_hand() -> None:
    p = predictions(TWO)
    others = p.take(np.arange(len(p)))
    flipped = 1 - p.predicted[:18]  # the second seed of the first arm differs in 18 of 180 images
    second = Predictions(
        classes=TWO,
        image_id=p.image_id,
        label=p.label,
        predicted=np.concatenate([flipped, p.predicted[18:]]),
        scores=p.scores,
        group=p.group,
        origin=p.origin,
        patient=p.patient,
        fold=p.fold,
        seed=p.seed + 1,
    )

    def both(a: Predictions, b: Predictions) -> Predictions:
        fields = ("image_id", "label", "predicted", "scores", "group", "origin", "patient", "fold", "seed")
        return Predictions(classes=TWO, **{f: np.concatenate([getattr(a, f), getattr(b, f)]) for f in fields})

    same = both(p, Predictions(**{**{f: getattr(others, f) for f in vars(others)}, "seed": others.seed + 1}))
    x, y = (float((q.label == q.predicted).mean()) for q in (p, second))
    assert x != y
    variance, df = seed_scatter([both(p, second), same])["accuracy", "", "none", "pooled"]
    assert (variance, df) == (pytest.approx((x - y) ** 2 / 2 / 2), 2.0)  # Σ(x - mean)² over both arms, by 1 + 1
    assert seed_scatter([p]) == {}
