"""Folds, copies, cuts, computing: planted errors that these checks must see, honest figures that they must leave
alone."""

from __future__ import annotations

from typing import Any

import pytest

from leukbench.audit.checks.counts import copies, cuts
from leukbench.audit.checks.matrices import fold_matrices as folds
from leukbench.audit.checks.matrices import matrix_rows
from leukbench.audit.checks.networks import computing
from leukbench.audit.checks.networks import network_sizes as networks
from leukbench.audit.checks.scores import fold_spreads
from leukbench.audit.checks.text import provenance
from leukbench.audit.checks.training import plausibility, steps
from leukbench.audit.readings.ledger import read
from leukbench.papers.loader import load_paper
from tests.support.printed_papers import images, matrix, paper, score

Row = dict[str, Any]
ONE = [["200", "33"], ["10", "474"]]
TWO = [["170", "45"], ["46", "450"]]


def of_folds(*rows: Row) -> Any:
    one, cells = matrix("f1", ONE, fold="1")
    two, more = matrix("f2", TWO, fold="2")
    by_fold = [score("accuracy", v, fold=f) for f, v in (("1", "94.00"), ("2", "87.20"))]
    return paper(*rows, *by_fold, *cells, *more, matrices=[one, two])


# fold 1, ill positive: recall 200/233 = 0.858, specificity 474/484 = 0.979, accuracy 674/717 = 0.940
FOLD_ONE = [score("accuracy", "94"), score("sensitivity", "86"), score("specificity", "98")]


def test_scores_of_the_best_fold_given_without_its_name() -> None:
    (draft,) = folds.check_unnamed_fold(read(of_folds(*FOLD_ONE)))
    assert draft.status == "implausible" and "fold 1, the best of 2" in draft.statement and draft.severity == 2


def test_scores_over_all_folds_or_of_a_named_fold_are_left_alone() -> None:
    # pooled: accuracy 1294/1428 = 0.906, recall 370/448 = 0.826, specificity 924/980 = 0.943
    pooled = [score("accuracy", "90.6"), score("sensitivity", "82.6"), score("specificity", "94.3")]
    assert folds.check_unnamed_fold(read(of_folds(*pooled))) == []
    named = [{**r, "fold": "1", "where": "Section 2"} for r in FOLD_ONE]
    assert folds.check_unnamed_fold(read(of_folds(score("auc", "97"), *named))) == []
    # one score of another run spoils it
    assert folds.check_unnamed_fold(read(of_folds(*FOLD_ONE[:2], score("specificity", "91")))) == []


def test_recall_of_one_class_here_and_of_the_other_there() -> None:
    text = [{**r, "split": "unstated", "where": "Section 3"} for r in FOLD_ONE[1:]]
    # well positive: recall 474/484 = 0.979, precision 474/507 = 0.935
    table = [score("recall", "98"), score("precision", "93.5")]
    (draft,) = folds.check_two_positive_classes(read(of_folds(*text, *table)))
    assert draft.status == "implausible" and "86" in draft.statement and "98" in draft.statement
    same = [score("recall", "85.8"), score("precision", "95.2")]  # ill positive: 200/233, 200/210
    assert folds.check_two_positive_classes(read(of_folds(*text, *same))) == []


def test_rows_by_one_class_and_rows_by_averages_are_told_apart_even_with_harmonic_means() -> None:
    one, cells = matrix("m1", [["474", "10"], ["33", "200"]])
    two, others = matrix("m2", [["548", "1"], ["74", "22"]])
    others = [{**c, "model": "base"} for c in others]
    base = [score(m, v, model="base") for m, v in (("recall", "61"), ("precision", "92"), ("f1", "74"))]
    mixed = paper(score("recall", "98"), score("precision", "93.5"), *base, *cells, *others, matrices=[one, two])
    (draft,) = matrix_rows.check_mixed_definitions(read(mixed))
    assert "base: macro" in draft.witness and "positive:ill" in draft.witness
    # macro of the first: recall 0.919, precision 0.944
    alike = paper(score("recall", "91.9"), score("precision", "94.4"), *base, *cells, *others, matrices=[one, two])
    assert matrix_rows.check_mixed_definitions(read(alike)) == []


def test_augmented_test_images_of_few_originals() -> None:
    def found(test: str, condition: str) -> list[str]:
        rows = [
            images("25", split="all", condition="public release", **{"class": "ill"}),
            images("220", split="all", condition="public release", **{"class": "well"}),
            images("3102", split="train", condition="after augmentation", **{"class": "ill"}),
            images(test, split="test", condition=condition, **{"class": "ill"}),
        ]
        return [d.statement for d in copies.check_few_originals(read(paper(score("accuracy", "92"), *rows)))]

    assert len(found("927", "after augmentation")) == 1 and "at most 25" in found("927", "after augmentation")[0]
    assert found("6", "") == []  # only the training images are augmented
    assert found("20", "after augmentation") == []  # less than one test image an original


def test_a_matrix_that_counts_the_test_images_before_they_were_augmented() -> None:
    def found(before: str, after: str) -> int:
        declared, cells = matrix("m1", [["1.8e+02", "49"], ["6", "4.7e+02"]])
        sizes = [images(before, split="test"), images(after, split="test", condition="after augmentation")]
        p = paper(score("accuracy", "92.20"), *cells, *sizes, matrices=[declared])
        return len(copies.check_scored_before_augmentation(read(p)))

    assert found("706", "1412") == 1
    assert found("353", "706") == 0  # the augmented images were scored
    assert found("706", "706") == 0  # nothing was added


def cut(*parts: tuple[str, str]) -> list[Row]:
    return [
        row
        for i, (train, test) in enumerate(parts)
        for row in (images(train, split="train", fold=str(i)), images(test, split="test", fold=str(i)))
    ]


@pytest.mark.parametrize(
    ("parts", "source", "severity"),
    [
        (
            [("2821", "706"), ("2864", "717"), ("2843", "711")],
            "cnmc_2019",
            2,
        ),  # a fifth, rounded up, of 3527, 3581, 3554
        ([("2798", "729"), ("2864", "717"), ("2911", "643")], "cnmc_2019", None),  # what whole patients may add up to
        ([("2821", "706")], "cnmc_2019", None),  # one part may be an accident
        ([("2821", "706"), ("2864", "717")], "none", None),  # nothing is known of the patients
    ],
)
def test_parts_that_are_a_share_to_the_image_were_cut_by_image(
    parts: list[tuple[str, str]], source: str, severity: int | None
) -> None:
    p = paper(score("accuracy", "91"), *cut(*parts), classes=("ALL", "HEM"), source=source)
    assert [d.severity for d in cuts.check_exact_shares(read(p))] == ([severity] if severity else [])


def test_a_split_said_to_be_by_patient_whose_parts_are_exact_shares_is_serious() -> None:
    rows = cut(("2821", "706"), ("2864", "717"))
    facts = {"patient_level_split": "yes"}
    p = paper(score("accuracy", "91"), *rows, classes=("ALL", "HEM"), source="cnmc_2019", protocol_facts=facts)
    (draft,) = cuts.check_exact_shares(read(p))
    assert draft.severity == 3 and "said to be by patient" in draft.statement


def test_a_publishers_test_set_that_is_described_and_not_used() -> None:
    pool = images("1867", split="test", condition="public release, preliminary test")
    assert (
        len(
            cuts.check_described_pools(
                read(paper(score("accuracy", "91"), pool, images("706", split="test", fold="0")))
            )
        )
        == 1
    )
    assert cuts.check_described_pools(read(paper(score("accuracy", "91"), pool, images("1867", split="test")))) == []
    assert (
        cuts.check_described_pools(read(paper(score("accuracy", "91"), pool))) == []
    )  # nothing says what else was tested on


def table(side: int) -> list[Row]:
    shapes = [f"(None, {side - 4}, {side - 4}, 32)", f"(None, {side - 8}, {side - 8}, 32)"]
    layers = [
        {"metric": "output_shape", "model": "net", "condition": f"0{i} Conv2D", "value": s}
        for i, s in enumerate(shapes, 1)
    ]
    size = {"metric": "image_size", "model": "net", "condition": "input", "value": str(side)}
    counts = [
        {"metric": "params_total", "model": m, "value": v} for m, v in (("net", "28,064"), ("AlexNet", "62,378,344"))
    ]
    return [size, *layers, *counts]


def test_less_computing_is_held_against_the_layer_table() -> None:
    facts = {"complexity_claim": "less computing (Abstract)"}

    def found(side: int) -> list[str]:
        p = paper(score("accuracy", "91"), *table(side), protocol_facts=facts)
        return [d.status for d in computing.check_computing(read(p))]

    # 220²·32·75 + 216²·32·800 = 1.31 thousand million against AlexNet's 1.14; at 112 px 0.29
    assert found(224) == ["uncheckable", "implausible"] and found(112) == ["uncheckable", "consistent"]
    assert computing.check_computing(read(paper(score("accuracy", "91"), *table(224)))) == []  # nothing is claimed


def test_times_of_two_networks_make_a_claim_of_less_time_checkable() -> None:
    times = [{"metric": "time_s", "model": m, "value": v} for m, v in (("net", "10"), ("AlexNet", "20"))]
    p = paper(score("accuracy", "91"), *times, protocol_facts={"complexity_claim": "less time"})
    assert computing.check_computing(read(p)) == []


def test_counts_of_1000_class_networks_in_a_problem_of_two_classes() -> None:
    def found(count: str) -> list[str]:
        p = paper(score("accuracy", "90"), {"metric": "params_trainable", "model": "VGG16", "value": count})
        return [d.status for d in networks.check_known_networks(read(p))]

    assert found("138,357,544") == ["consistent", "implausible"]
    assert found("14,715,714") == ["consistent"]  # without its head, pooled, dense 2: 14,714,688 + 513·2


def test_a_training_accuracy_beside_the_accuracies_of_others() -> None:
    quoted = {
        "kind": "cited",
        "metric": "accuracy",
        "value": "96.72",
        "model": "others",
        "where": "Table 7",
        "unit": "%",
    }
    training = score("accuracy", "99.86", split="train", where="Table 7")
    test = score("accuracy", "91.98", where="Table 7")
    (draft,) = provenance.check_training_as_headline(read(paper(training, quoted)))
    assert draft.severity == 3 and "called a training accuracy" in draft.statement
    assert (
        provenance.check_training_as_headline(read(paper(training, test, quoted))) == []
    )  # its test accuracy stands there too
    assert provenance.check_training_as_headline(read(paper(training))) == []


@pytest.mark.parametrize(("third", "words"), [("87.20", "too far apart"), ("92.60", "as far apart as independent")])
def test_folds_further_apart_than_independent_images_allow(third: str, words: str) -> None:
    values = (("0", "92.20", "706"), ("1", "94.00", "717"), ("2", third, "711"))
    rows = [score("accuracy", v, fold=f) for f, v, _ in values] + [
        images(n, split="test", fold=f) for f, _, n in values
    ]
    head = score("accuracy", "92", aggregation="mean")
    (draft,) = fold_spreads.check_fold_differences(read(paper(head, *rows, images("2134", split="test"))))
    assert words in draft.statement


@pytest.mark.parametrize(("second", "status"), [("90.00", "implausible"), ("85.00", "consistent")])
def test_a_lead_over_a_baseline_that_was_tested_on_fewer_images(second: str, status: str) -> None:
    declared, cells = matrix("m1", [["530", "19"], ["45", "51"]])
    cells = [{**c, "model": "base"} for c in cells]
    rows = [
        score("accuracy", "91.13"),
        score("accuracy", "91.3", where="Section 5"),  # another print of the headline is no competitor
        score("accuracy", second, model="base"),
        images("2134", split="test", model="m"),
    ]
    (draft,) = plausibility.check_close_race(read(paper(*rows, *cells, matrices=[declared])))
    assert draft.status == status and "2134 and 645" in draft.witness and "over base" in draft.statement


def test_steps_of_an_ablation_are_held_against_the_error_of_a_difference() -> None:
    ledger = load_paper("ddrnet")

    def steps_of(values: tuple[str, ...]) -> Any:
        wanted = dict(zip(("84.30", "85.23", "86.14", "87.56", "87.98", "91.98"), values, strict=True))
        claims = [c.model_copy(update={"value": wanted.get(c.value, c.value)}) for c in ledger.claims]
        return steps.check_ablation_steps(read(ledger.model_copy(update={"claims": claims})))

    # two standard errors at 3,734 images and 80 to 99 % are 0.5 to 1.9 points; six pairs differ by one block
    (clear,) = steps_of(("80.00", "84.00", "88.00", "92.00", "95.00", "98.00"))
    (close,) = steps_of(("80.00", "84.00", "88.00", "92.00", "92.50", "98.00"))
    assert clear.status == "consistent" and close.status == "implausible" and close.statement.startswith("1 of the 6")
    assert (
        "92.50 (Convolution + GLFEB + CSAB) − 92.00 (Convolution + GLFEB) at a standard error of 0.62" in close.witness
    )
