"""What is one result and what is not: datasets, tasks, arms; other senses of a score's name; scores that bound each
other."""

from __future__ import annotations

from typing import Any

import pytest

from leukbench.audit.checks.scores import identities, pairs, roc
from leukbench.audit.engine.definitions import Definition, usual_values
from leukbench.audit.findings import every_finding
from leukbench.audit.readings.ledger import read
from leukbench.papers.schema import Paper
from tests.support.printed_papers import Row, images, matrix, paper, score

THREE = ("a", "b", "c")
COUNTS = [[9, 1, 0], [4, 6, 0], [0, 0, 30]]


def inconsistent(p: Paper) -> list[str]:
    return [f.check for f in every_finding(p) if f.status == "inconsistent"]


@pytest.mark.parametrize("key", ["dataset", "task", "arm"])
def test_results_on_two_datasets_of_two_tasks_or_by_two_arms_are_not_one(key: str) -> None:
    def of(*names: str) -> Paper:
        """Return two accuracies that differ; arms are put in by hand, as they need not be declared for what is read."""
        plain = paper(score("accuracy", "95.00"), score("accuracy", "90.00"))
        claims = (c.model_copy(update={key: name}) for c, name in zip(plain.claims, names, strict=True))
        return plain.model_copy(update={"claims": tuple(claims)})

    assert inconsistent(of("x", "y")) == []
    assert inconsistent(of("x", "x")) == inconsistent(of("x", "")) == ["two_values"]


def test_scores_counts_and_matrix_of_one_dataset_are_not_held_against_those_of_another() -> None:
    declared, cells = matrix("cm", [["90", "10"], ["5", "95"]], dataset="A")
    made = paper(
        score("precision", "90.00", dataset="A"), score("recall", "92.00", dataset="A"),
        score("f1", "97.00", dataset="B"), score("accuracy", "80.00", dataset="B"), *cells,
        images("200", split="test", dataset="A"), images("400", split="test", dataset="B"), matrices=[declared],
    )  # fmt: skip
    assert [c for c in inconsistent(made) if c in {"two_values", "f1_of_precision_recall"}] == []
    assert not any(f.check == "matrix_scores" and "80.00" in f.statement for f in every_finding(made))
    of_one = paper(score("accuracy", "80.00", dataset="A"), *cells, matrices=[declared])
    assert inconsistent(of_one) == ["matrix_scores"]


def test_a_figure_that_names_no_dataset_is_of_the_one_that_its_study_names() -> None:
    declared, cells = matrix("cm", [["90", "10"], ["5", "95"]])
    assert inconsistent(paper(score("accuracy", "80.00", dataset="A"), *cells, matrices=[declared])) == [
        "matrix_scores"
    ]


def test_mcc_of_classes_and_weighted_kappas_by_hand() -> None:
    values = {d: float(v) for d, v in usual_values(COUNTS, THREE).items()}
    of_a = (9 * 36 - 4 * 1) / (13 * 10 * 40 * 37) ** 0.5
    assert (
        values[Definition("mcc", "positive:a, against the rest")]
        == pytest.approx(of_a)
        == pytest.approx(0.7295, abs=5e-5)
    )
    assert values[Definition("mcc", "macro")] == pytest.approx(0.7975, abs=5e-5)
    sklearn = pytest.importorskip("sklearn.metrics")
    truth = [i for i, line in enumerate(COUNTS) for j, n in enumerate(line) for _ in range(n)]
    called = [j for i, line in enumerate(COUNTS) for j, n in enumerate(line) for _ in range(n)]
    for weights in ("linear", "quadratic"):
        expected = sklearn.cohen_kappa_score(truth, called, weights=weights)
        assert values[Definition("kappa", f"{weights} weights")] == pytest.approx(expected)


FRACTION: dict[str, Any] = {"unit": "fraction"}


@pytest.mark.parametrize(
    "one",
    [
        score("mcc", "0.7975", average="macro", **FRACTION),
        score("mcc", "0.7975", **FRACTION),
        score("mcc", "0.7295", **FRACTION, **{"class": "a"}),
    ],
    ids=["macro", "unstated", "of a class"],
)
def test_an_mcc_of_classes_is_not_accused_beside_a_matrix_nor_beside_class_sizes(one: Row) -> None:
    declared, cells = matrix("cm", [[str(n) for n in line] for line in COUNTS], classes=THREE)
    rows = (score("accuracy", "90.00"), one)
    assert inconsistent(paper(*rows, *cells, matrices=[declared], classes=THREE)) == []
    sizes = [images(n, split="test", **{"class": c}) for c, n in zip(THREE, ("10", "10", "30"), strict=True)]
    assert inconsistent(paper(*rows, *sizes, classes=THREE)) == []


def test_a_quadratic_kappa_is_not_accused_and_an_impossible_one_is_still_pointed_at() -> None:
    sizes = [images(n, split="test", **{"class": c}) for c, n in zip(THREE, ("138", "80", "82"), strict=True)]
    found = every_finding(
        paper(score("accuracy", "85.00"), score("kappa", "0.8618", **FRACTION), *sizes, classes=THREE)
    )
    assert {f.status for f in found if f.check == "multiclass_rows"} == {"implausible"}


def test_f1_as_the_harmonic_mean_of_weighted_precision_and_recall_is_usual() -> None:
    """70 9 / 5 36: weighted precision 88.78, recall 88.33, their harmonic mean 88.55, weighted F1 88.45."""
    once = {"aggregation": "single"}
    rows = [score(m, v, **once) for m, v in (("accuracy", "88.33"), ("precision", "88.78"), ("recall", "88.33"))]
    sizes = [images("79", split="test", **{"class": "ill"}), images("41", split="test", **{"class": "well"})]
    declared, cells = matrix("cm", [["70", "9"], ["5", "36"]])
    for f1, wrong in (("88.55", False), ("88.45", False), ("91.55", True)):
        assert bool(inconsistent(paper(*rows, score("f1", f1, **once), *sizes))) == wrong
        assert bool(inconsistent(paper(*rows, score("f1", f1, **once), *cells, matrices=[declared]))) == wrong


def test_patients_may_stand_in_several_classes_and_parts() -> None:
    def subjects(value: str, **keys: Any) -> Row:
        return {"metric": "n_subjects", "value": value, "unit": "count", **keys}

    def of(total: str, **facts: Any) -> list[str]:
        classes = [subjects(n, **{"class": c}) for c, n in (("ill", "60"), ("well", "70"))]
        parts = [subjects(n, split=s) for s, n in (("train", "80"), ("test", "60"))]
        return inconsistent(paper(subjects(total), *classes, subjects(total, split="all"), *parts, **facts))

    assert of("100") == [] and of("100", protocol_facts={"patient_level_split": "no"}) == []
    assert set(of("131")) == {"class_sums"} and of("65") != []
    assert of("100", protocol_facts={"patient_level_split": "yes"}) == ["split_sums"]


def test_a_matrix_beside_means_or_with_folds_stated_proves_nothing() -> None:
    declared, cells = matrix("cm", [["280", "20"], ["30", "170"]])
    plain = score("accuracy", "93.51")
    assert inconsistent(paper(plain, *cells, matrices=[declared])) == ["matrix_scores"]
    folds: Row = {"metric": "n_folds", "value": "5", "unit": "count"}
    for rows in ([score("accuracy", "93.51", spread="2.1")], [plain, folds]):
        found = every_finding(paper(*rows, *cells, matrices=[declared]))
        assert {f.status for f in found if f.check == "matrix_scores"} == {"implausible"}


def test_scores_said_to_be_of_one_class_bind_the_accuracy_and_the_auc() -> None:
    of: Row = {"average": "positive:ill"}
    outside = paper(score("accuracy", "97.0"), score("recall", "90.0", **of), score("specificity", "93.0", **of))
    assert [d.status for d in identities.check_accuracy_between(read(outside))] == ["inconsistent"]
    area = paper(
        score("accuracy", "98.90"), score("auc", "0.70", **FRACTION), score("recall", "99.2", **of),
        score("specificity", "98.4", **of),
    )  # fmt: skip
    assert [d.status for d in roc.check_auc_bounds(read(area))] == ["inconsistent"]


BOTH = [score(m, v, average="positive:ill") for m, v in (("recall", "93.0"), ("specificity", "95.5"))]
"""Sensitivity and specificity inside of 0 and 1: both classes have images."""


@pytest.mark.parametrize(
    ("accuracy", "metric", "value", "good"),
    [("95.11", "kappa", "0.97", False), ("90.00", "mcc", "0.999", False), ("95.11", "kappa", "0.95", True),
     ("99.0", "mcc", "0.98", True)],
)  # fmt: skip
def test_mcc_and_kappa_of_two_classes_are_at_most_the_accuracy(
    accuracy: str, metric: str, value: str, good: bool
) -> None:
    """Of a class without images MCC may be printed as 1: then nothing is proved."""
    row = (score("accuracy", accuracy), score(metric, value, **FRACTION))
    assert [d.status for d in pairs.check_agreement(read(paper(*row)))] == ["consistent" if good else "implausible"]
    proved = pairs.check_agreement(read(paper(*row, *BOTH)))
    assert [d.status for d in proved] == ["consistent" if good else "inconsistent"]
    assert pairs.check_agreement(read(paper(*row, classes=THREE))) == []


def test_the_bound_of_mcc_and_kappa_holds_of_every_small_matrix() -> None:
    for cells in ((a, b, c, d) for a in range(6) for b in range(6) for c in range(6) for d in range(6)):
        values = usual_values([[cells[0], cells[1]], [cells[2], cells[3]]], ("x", "y"))
        accuracy = values.get(Definition("accuracy", "overall"))
        balanced = values.get(Definition("balanced_accuracy", "overall"))
        for metric in ("mcc", "kappa"):
            agreement = values.get(Definition(metric, "overall"))
            for bound in (accuracy, balanced):
                assert agreement is None or bound is None or float(agreement) <= float(bound) + 1e-12


def test_error_rate_and_balanced_accuracy_follow_from_their_neighbours() -> None:
    def of(*rows: Row) -> list[str]:
        ledger = read(paper(*rows))
        return [d.status for d in (*pairs.check_error_rates(ledger), *pairs.check_balanced_accuracy(ledger))]

    assert of(score("accuracy", "95.11"), score("error_rate", "6.89")) == ["implausible"]
    assert of(score("accuracy", "95.11"), score("error_rate", "4.89")) == ["consistent"]
    assert of(*BOTH, score("balanced_accuracy", "97.0")) == ["inconsistent"]
    assert of(*BOTH, score("balanced_accuracy", "94.2")) == ["consistent"]
    none = [score("recall", "90.0", average="positive:ill"), score("specificity", "0.0", average="positive:ill")]
    assert of(*none, score("balanced_accuracy", "90.0")) == ["implausible"], "no image of well: 0/0 as 0"
    unstated = [score("recall", "93.0"), score("specificity", "95.5")]
    assert of(*unstated, score("balanced_accuracy", "97.0")) == ["implausible"]


def test_balancing_a_partly_augmented_whole_and_steps_of_an_epoch_need_no_whole_numbers() -> None:
    def counted(value: str, **keys: Any) -> Row:
        return images(value, split="train", **keys)

    classes = [
        counted(n, condition=when, **{"class": c})
        for c, before in (("ill", "364"), ("well", "98"))
        for when, n in (("before augmentation", before), ("after augmentation", "1000"))
    ]
    of_all = [
        counted("700"), counted("3500", condition="after augmentation"), images("1001", split="all"),
        images("3801", split="all", condition="after augmentation"),
    ]  # fmt: skip
    steps: list[Row] = [
        {"metric": "iterations", "value": "22", "unit": "count", "condition": "per epoch"},
        {"metric": "epochs", "value": "20", "unit": "count"},
    ]
    for rows in (classes, of_all, steps):
        assert not [f for f in every_finding(paper(*rows)) if f.status == "implausible"]
    odd = [counted("700"), counted("3501", condition="after augmentation")]
    assert [f.check for f in every_finding(paper(*odd)) if f.status == "implausible"] == ["multipliers"]
