"""Several classes and folds: witnesses are real, proofs hold, honest scores are never refused."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from leukbench.audit.checks.scores import feasible_rows as together
from leukbench.audit.checks.scores import fold_scores
from leukbench.audit.engine import multiclass
from leukbench.audit.engine.definitions import Definition, definitions, usual_values
from leukbench.audit.engine.feasibility import Score
from leukbench.audit.engine.rounding import Interval, printed_interval
from leukbench.audit.power.simulated import print_score, random_matrix
from leukbench.audit.readings.ledger import read
from tests.support.printed_papers import images, paper, score

METRICS = ("accuracy", "precision", "recall", "f1", "specificity", "mcc")


def printed(values: dict[Definition, float], reading: str, rng: np.random.Generator, metrics: list[str]) -> list[Score]:
    """Return scores as a paper would print them: 2 to 4 decimals, rounded or truncated."""
    style = {"digits": int(rng.integers(2, 5)), "percent": False, "truncate": bool(rng.random() < 0.4)}
    found = []
    for metric in metrics:
        value = values.get(Definition(metric, "overall" if metric in {"mcc", "accuracy"} else reading))
        interval = None if value is None else printed_interval(print_score(value, rng, **style))  # type: ignore[arg-type]
        found += [Score(metric, interval)] if interval is not None else []
    return found


def prints_as(matrix: list[list[int]], scores: list[Score], reading: str) -> bool:
    values = definitions(matrix, [str(i) for i in range(len(matrix))])
    for s in scores:
        value = values[Definition(s.metric, "overall" if s.metric in {"mcc", "accuracy"} else reading)]
        if not float(s.interval.low) - 1e-9 <= float(value) <= float(s.interval.high) + 1e-9:
            return False
    return True


def test_a_matrix_found_for_honest_scores_prints_as_them() -> None:
    rng = np.random.default_rng(4)
    shown = 0
    for _ in range(12):
        truth = random_matrix(rng, int(rng.choice([3, 4])), int(rng.integers(60, 400)))
        reading = str(rng.choice(["macro", "weighted"]))
        scores = printed(definitions(truth, [str(i) for i in range(len(truth))]), reading, rng, list(METRICS[:4]))
        answer = multiclass.decide([sum(r) for r in truth], scores)
        assert answer.status != "impossible", (truth, reading)
        if answer.reading in {"macro", "weighted"}:
            shown += 1
            found = [list(line) for line in answer.matrix]
            assert [sum(r) for r in found] == [sum(r) for r in truth] and min(map(min, found)) >= 0
            assert prints_as(found, scores, answer.reading)
    assert shown >= 8


def test_the_search_agrees_with_trying_every_matrix_of_a_tiny_test_set() -> None:
    """An oracle: 3 classes of 3 images have 10³ matrices. Macro scores of random points, possible and impossible."""
    lines = [[list(c) for c in itertools.product(range(4), repeat=3) if sum(c) == 3] for _ in range(3)]
    every = [[*m] for m in itertools.product(*lines)]
    table = []
    for m in every:
        by_metric: dict[str, set[float]] = {"precision": set(), "f1": set()}
        values = usual_values(m, ["0", "1", "2"])
        for definition, value in values.items():
            if definition.metric in by_metric and definition.reading.startswith("macro"):
                by_metric[definition.metric].add(float(value))
        accuracy = float(values[Definition("accuracy", "overall")])
        table += [[accuracy, x, y] for x in by_metric["precision"] for y in by_metric["f1"]]
    known = np.unique(np.round(table, 12), axis=0)
    rng = np.random.default_rng(1)
    seen = {True: 0, False: 0}
    for _ in range(60):
        wanted = known[rng.integers(len(known))] + rng.normal(0, 0.05, 3)
        scores = [
            Score(
                m,
                Interval(Fraction(float(v - 0.01)), Fraction(float(v + 0.01))),
                "",
                "micro" if m == "accuracy" else "macro",
            )
            for m, v in zip(("accuracy", "precision", "f1"), wanted, strict=True)
        ]
        possible = bool((np.abs(known - wanted) <= 0.01).all(1).any())
        status = multiclass.decide([3, 3, 3], scores).status
        assert (status == "feasible") or not possible
        if not possible and status == "feasible":  # only through a class that is never called, or F1 of the averages
            continue
        seen[possible] += status == ("feasible" if possible else "impossible")
    assert seen[True] >= 3 and seen[False] >= 30


def test_planted_errors_of_several_classes_are_proved() -> None:
    rng = np.random.default_rng(8)
    proved = tried = 0
    for _ in range(10):
        truth = random_matrix(rng, 3, 300)
        scores = printed(definitions(truth, ["0", "1", "2"]), "macro", rng, ["accuracy", "precision", "recall", "f1"])
        stated = [Score(s.metric, s.interval, "", "" if s.metric == "accuracy" else "macro") for s in scores]
        high = stated[0].interval
        stated[0] = Score("accuracy", Interval(high.low - Fraction(3, 20), high.high - Fraction(3, 20)))
        tried += 1
        proved += multiclass.decide([sum(r) for r in truth], stated).status == "impossible"
    assert proved >= 0.8 * tried


def test_margins_become_a_matrix() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        truth = random_matrix(rng, int(rng.choice([3, 4, 5])), 80)
        sizes, called = [sum(r) for r in truth], [sum(c) for c in zip(*truth, strict=True)]
        right = [truth[i][i] for i in range(len(truth))]
        found = multiclass.matrix_with_margins(sizes, right, called)
        assert [sum(r) for r in found] == sizes and [sum(c) for c in zip(*found, strict=True)] == called
        assert [found[i][i] for i in range(len(found))] == right and min(map(min, found)) >= 0


def test_a_row_of_several_classes_names_its_smallest_conflict() -> None:
    once = {"aggregation": "single"}
    rows = (
        score("accuracy", "91.33", **once), score("f1", "97.10", average="macro", **once),
        score("mcc", "0.870", unit="fraction", **once),
    )  # fmt: skip
    sizes = [images("100", split="test", **{"class": c}) for c in "abc"]
    (draft,) = together.check_multiclass_rows(read(paper(*rows, *sizes, classes=tuple("abc"))))
    assert draft.status == "inconsistent" and not draft.accused
    assert draft.members[:2] == (("p.q0",), ("p.q1",)) and "97.10" in draft.witness


def fold_case(rng: np.random.Generator) -> tuple[list[dict[str, int]], list[Score], str]:
    """Return class sizes and printed scores of an honest cross-validation: the mean of scores, or the score of all
    counts."""
    k, reading = int(rng.integers(2, 6)), str(rng.choice(["positive:c0", "positive:c1", "macro", "weighted"]))
    sizes = [{"c0": int(rng.integers(8, 60)), "c1": int(rng.integers(8, 60))} for _ in range(k)]
    counts = []
    for s in sizes:
        a, b = (int(rng.binomial(n, rng.uniform(0.6, 0.99))) for n in s.values())
        counts.append([[a, s["c0"] - a], [s["c1"] - b, b]])
    values = [definitions(c, ["c0", "c1"]) for c in counts]
    if rng.random() < 0.5:
        overall = definitions(np.sum(counts, 0).tolist(), ["c0", "c1"])
    else:
        shared = set.intersection(*(set(v) for v in values))
        overall = {d: sum((Fraction(v[d]) for v in values), Fraction(0)) / k for d in shared}  # type: ignore[misc]
    chosen = ["accuracy", *rng.choice(METRICS[1:5], 3, replace=False)]
    return sizes, printed(overall, reading, rng, chosen), reading


def test_honest_folds_are_never_refused_and_mostly_get_their_matrices() -> None:
    rng = np.random.default_rng(6)
    shown = 0
    for _ in range(12):
        sizes, scores, _ = fold_case(rng)
        answer = fold_scores.decide_folds(sizes, scores, rounds=150)
        assert answer.status != "impossible" and answer.how != "mixed"
        shown += answer.status == "feasible"
    assert shown >= 7


@pytest.mark.slow
def test_hundreds_of_honest_folds_and_rows_are_never_refused() -> None:
    rng = np.random.default_rng(66)
    for _ in range(300):
        sizes, scores, _ = fold_case(rng)
        answer = fold_scores.decide_folds(sizes, scores, rounds=40)
        assert answer.status != "impossible" and answer.how != "mixed"
        truth = random_matrix(rng, int(rng.choice([3, 4, 5])), int(rng.integers(30, 900)))
        reading = str(rng.choice(["macro", "weighted", "micro"]))
        rows = printed(definitions(truth, [str(i) for i in range(len(truth))]), reading, rng, list(METRICS))
        found = multiclass.decide([sum(r) for r in truth], rows, budget=2000, tries=60)
        assert found.status != "impossible" and not found.mixed


def test_a_mean_f1_that_no_folds_can_have_is_proved() -> None:
    rows = (
        score("accuracy", "90.0", aggregation="mean"),
        score("f1", "97.0", aggregation="mean", average="macro"),
    )
    sizes = [
        images("20", split="test", fold=f, id=f"p.n{f}{c}", **{"class": c})
        for f in ("1", "2", "3")
        for c in ("ill", "well")
    ]
    (bad,) = fold_scores.check_fold_scores(read(paper(*rows, *sizes)))
    assert bad.status == "inconsistent" and len(bad.members) == 8
    (good,) = fold_scores.check_fold_scores(
        read(paper(rows[0], score("f1", "90.0", aggregation="mean", average="macro"), *sizes))
    )
    assert good.status == "consistent"
    (unsaid,) = fold_scores.check_fold_scores(
        read(paper(*rows, images("40", split="test", fold="1"), images("40", split="test", fold="2")))
    )
    assert unsaid.status == "uncheckable" and "each class in each fold" in unsaid.repair


def test_the_mean_of_f1_is_not_the_f1_of_the_counts_and_both_are_allowed() -> None:
    """Folds [[10, 0], [0, 10]] and [[2, 8], [0, 10]]: mean of F1 (1 + 1/3)/2 = 0.667, F1 of the sum 2·12/(24 + 8) =
    0.75."""
    sizes = [{"ill": 10, "well": 10}, {"ill": 10, "well": 10}]

    def row(f1: str) -> list[Score]:
        wanted = (("accuracy", "0.800"), ("recall", "0.600"), ("precision", "1.000"), ("f1", f1))
        found = []
        for m, v in wanted:
            value = Fraction(v)
            slack = Fraction(1, 2000)
            found.append(
                Score(m, Interval(value - slack, value + slack), "", "" if m == "accuracy" else "positive:ill")
            )
        return found

    assert fold_scores.decide_folds(sizes, row("0.667")).how.startswith("mean over the folds")
    assert fold_scores.decide_folds(sizes, row("0.750")).how.startswith("all folds counted together")
    assert fold_scores.decide_folds(sizes, row("0.750"), pooled_only=True).status == "feasible"
    assert fold_scores.decide_folds(sizes, row("0.667"), pooled_only=True).status == "impossible"
    assert fold_scores.decide_folds(sizes, row("0.850")).status == "impossible"
