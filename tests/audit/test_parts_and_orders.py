"""Parts against pools, the n and the shares that scores imply, stated orders, ranks on the test images: planted
errors and honest figures."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from leukbench.audit.checks import protocol
from leukbench.audit.checks.counts import parts, public
from leukbench.audit.checks.matrices import matrix_scores, prose_counts
from leukbench.audit.checks.networks import network_names as naming
from leukbench.audit.checks.networks import network_sizes as networks
from leukbench.audit.checks.text import comparisons as orders
from leukbench.audit.checks.text import prose, provenance, repeats
from leukbench.audit.findings import every_finding
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import read
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Paper
from tests.support.printed_papers import Row, images, matrix, paper, score

ARIA = ("Benign", "Early", "Pre", "Pro")


def statuses(drafts: list[Draft]) -> list[str]:
    return [d.status for d in drafts]


def network(**arms: str) -> Row:
    """Return networks and arms of study s: each named network as proposed or baseline."""
    recipe = {"input_px": 32, "epochs": 1, "batch_size": 8, "learning_rate": 0.1, "optimiser": "adam"}
    return {
        "networks": {n: {"builder": "b", "where": "", "printed_name": n} for n in arms},
        "recipes": {"r": {"where": "", "recipe": {**recipe, "loss": "categorical_cross_entropy"}}},
        "arms": {n: {"study": "s", "network": n, "recipe": "r", "role": role} for n, role in arms.items()},
    }


def cut(validation: str) -> Paper:
    return paper(
        score("accuracy", "97"),
        images("7272", split="all", condition="labelled", **{"class": "ALL"}),
        images("3389", split="all", condition="labelled", **{"class": "HEM"}),
        images("9594", split="train"),
        images(validation, split="validation"),
        images("534", split="test"),
        classes=("ALL", "HEM"),
        source="cnmc_2019",
    )


def test_parts_that_leave_out_labelled_images_are_seen_with_the_nearest_pool() -> None:
    (draft,) = parts.check_parts_against_pool(read(cut("526")))
    assert draft.status == "implausible" and "difference of 7" in draft.witness and "misprinted by 7" in draft.repair
    assert statuses(parts.check_parts_against_pool(read(cut("533")))) == ["consistent"]


@pytest.mark.parametrize(
    ("class_", "value", "status"),
    [("HEM", "4039", "inconsistent"), ("HEM", "4037", "consistent"), ("HEM", "2000", "implausible")],
)
def test_labelled_images_are_held_against_pools_with_labels(class_: str, value: str, status: str) -> None:
    p = paper(
        score("accuracy", "97"),
        images(value, split="all", condition="labelled", **{"class": class_}),
        classes=("ALL", "HEM"),
        source="cnmc_2019",
    )
    assert statuses(public.check_public_counts(read(p))) == [status]


def test_subjects_of_a_pool_without_labels_are_not_labelled_subjects() -> None:
    def subjects(condition: str, n: str) -> Draft:
        claim = {"metric": "n_subjects", "value": n, "unit": "count", "split": "all", "condition": condition}
        (draft,) = public.check_public_counts(
            read(paper(score("accuracy", "97"), claim, classes=("ALL", "HEM"), source="cnmc_2019"))
        )
        return draft

    assert subjects("labelled", "45").status == "implausible" and "two test pools" in subjects("labelled", "45").witness
    assert (
        subjects("labelled", "101").status == "consistent" and subjects("public release", "45").status == "consistent"
    )


def test_the_number_that_a_mirror_prints_is_not_called_a_slip() -> None:
    release = images("15,135", split="all", condition="public release")
    p = paper(score("accuracy", "97"), release, classes=("ALL", "HEM"), source="cnmc_2019")
    (draft,) = public.check_public_counts(read(p))
    assert draft.status == "consistent" and "Kaggle" in draft.statement


def table(values: tuple[str, ...], *, share: bool = True) -> Paper:
    rows = [score("accuracy", v, model=f"net{i}") for i, v in enumerate(values)]
    stated = [{"metric": "share", "value": "30", "unit": "%", "split": "test"}] if share else []
    return paper(*rows, *stated, classes=ARIA, source="aria_all_2021")


def test_accuracies_that_share_no_possible_n_are_seen() -> None:
    (draft,) = parts.check_common_n(read(table(("89.84", "92.03", "93.63", "93.90", "96.81"))))
    assert draft.status == "implausible" and "1507" in draft.witness and "976" in draft.witness


def test_accuracies_of_one_test_part_are_left_alone() -> None:
    honest = tuple(f"{100 * k / 977:.2f}" for k in (879, 900, 915, 921, 946))
    assert statuses(parts.check_common_n(read(table(honest)))) == ["uncheckable"]
    assert statuses(parts.check_common_n(read(table(("89.84", "92.03", "93.63"), share=False)))) == ["uncheckable"]


def rows_of(*matrices_: tuple[int, int, int, int], stated: str = "yes") -> Paper:
    """Return a table of accuracy, precision and recall computed from (tp, fn, fp, tn) a network."""
    rows = []
    for i, (tp, fn, fp, tn) in enumerate(matrices_):
        for metric, value in (
            ("accuracy", (tp + tn) / (tp + fn + fp + tn)),
            ("precision", tp / (tp + fp)),
            ("recall", tp / (tp + fn)),
        ):
            rows.append(score(metric, f"{100 * value:.2f}", model=f"net{i}"))
    return paper(*rows, protocol_facts={"positive_class_stated": stated})


def test_rows_that_imply_different_shares_of_one_class_are_seen() -> None:
    planted = rows_of((90, 10, 20, 180), (85, 15, 10, 190), (270, 30, 20, 180))
    (draft,) = parts.check_implied_shares(read(planted))
    assert draft.status == "implausible" and "net2: 59.9" in draft.witness


def test_rows_of_one_test_set_agree_on_the_share_of_a_class() -> None:
    honest = ((90, 10, 20, 180), (85, 15, 10, 190), (99, 1, 3, 197))
    assert statuses(parts.check_implied_shares(read(rows_of(*honest)))) == ["consistent"]
    assert parts.check_implied_shares(read(rows_of(*honest, stated="no"))) == []  # averages need not imply a share


def ordered(fact: str, text: str) -> list[Draft]:
    p = paper(
        score("accuracy", "85.95", split="train", id="p.train"),
        score("accuracy", "86.49", split="validation", id="p.validation"),
        score("precision", "68", model="a", id="p.a1", **{"class": "ill"}),
        score("precision", "33", model="a", id="p.a2", **{"class": "well"}),
        score("precision", "68", model="b", id="p.b1", **{"class": "ill"}),
        score("precision", "30", model="b", id="p.b2", **{"class": "well"}),
        protocol_facts={fact: text},
    )
    return orders.check_stated_orders(read(p))


@pytest.mark.parametrize(
    ("fact", "text", "status"),
    [
        ("stated_order.training", "p.train > p.validation (Section 1)", "inconsistent"),
        ("implied_order.overfitting", "p.train > p.validation (Section 1)", "implausible"),
        ("stated_order.validation", "p.validation > p.train (Section 1)", "consistent"),
        ("stated_order.gap", "p.a1 - p.a2 > p.b1 - p.b2 (Section 1)", "implausible"),  # 35 to 38, in whole percent
        ("stated_order.gap", "p.b1 - p.b2 > p.a1 - p.a2", "consistent"),
    ],
)
def test_what_the_text_calls_larger_is_held_against_the_figures(fact: str, text: str, status: str) -> None:
    assert statuses(ordered(fact, text)) == [status]


def test_an_order_of_unknown_claims_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"'p\.missing' is no claim"):
        ordered("stated_order.x", "p.train > p.missing")
    with pytest.raises(ValidationError, match="must be 'claim > claim"):
        ordered("stated_order.x", "p.train")


def race(rival: str, *, quoted: str = "") -> list[Draft]:
    declared, cells = matrix("m1", [["90", "10"], ["10", "90"]])
    rows = [
        score("accuracy", "99.00", where="Table 2"),
        *cells,
        score("accuracy", rival, model="n"),
        *([score("accuracy", quoted, model="[1]", kind="cited", where="Table 2")] if quoted else []),
    ]
    return orders.check_rank_on_test(read(paper(*rows, matrices=[declared], **network(m="proposed", n="baseline"))))


def test_a_proposed_network_that_its_matrix_puts_behind_is_seen() -> None:
    (draft,) = race("92.50")
    assert draft.status == "implausible" and "90 %" in draft.statement and "1 of the 1" in draft.statement
    (draft,) = race("85.00", quoted="95.00")
    assert "1 of the 2" in draft.statement and "[1]: 95.00" in draft.witness


def test_a_proposed_network_ahead_by_its_matrix_is_left_alone() -> None:
    assert race("85.00", quoted="88.00") == [] and race("90.00") == []


def curves(*, denied: str) -> list[Draft]:
    rows = [
        score("accuracy", value, split=split, condition=f"epoch {epoch}")
        for epoch, train, validation in ((2, "87.2", "85.3"), (60, "97.9", "93.5"))
        for split, value in (("train", train), ("validation", validation))
    ]
    p = paper(*rows, images("1599", split="validation"), protocol_facts={"overfitting_denied": denied})
    return orders.check_growing_gap(read(p))


def test_a_growing_gap_is_odd_only_where_overfitting_is_denied() -> None:
    (draft,) = curves(denied="yes")
    assert draft.status == "implausible" and "1.9 to 4.4" in draft.statement and "n = 1599" in draft.witness
    assert statuses(curves(denied="no")) == ["consistent"]


def count(model: str, value: str, **keys: str) -> Row:
    return {"metric": "params_trainable", "value": value, "unit": "count", "model": model, **keys}


def sized(*rows: Row, px: str = "300×300") -> Paper:
    size = {"metric": "image_size", "value": px, "unit": "px", "condition": "network input"}
    return paper(score("accuracy", "97"), size, *rows, **network(EfficientNetB3="proposed", EfficientNetB0="baseline"))


def test_a_count_of_another_known_network_is_named() -> None:
    (draft,) = networks.check_known_networks(read(sized(count("EfficientNet-B0", "167,984,681"))))
    assert draft.status == "implausible" and "EfficientNet-B3 without its head, flattened at 300 px" in draft.statement
    own = 4_007_548 + 1281 * 2
    assert statuses(networks.check_known_networks(read(sized(count("EfficientNet-B0", str(own)))))) == ["consistent"]


def test_a_flattened_head_tells_the_input_side() -> None:
    row = count("VGG19", "45,716,545")
    (draft,) = networks.check_known_networks(read(sized(row)))
    assert draft.status == "implausible" and "fit an input of 224 px; 300 px is stated" in draft.statement
    assert statuses(networks.check_known_networks(read(sized(row, px="224×224")))) == ["consistent"]


@pytest.mark.parametrize(("value", "status"), [("10,3646", ["implausible"]), ("10.7", ["consistent"]), ("11.4", [])])
def test_a_count_in_millions_cannot_be_below_the_bare_network(value: str, status: list[str]) -> None:
    row = count("EfficientNet-B3", value, unit="million")
    assert statuses(naming.check_counts_in_millions(read(sized(row)))) == status


def test_fewest_parameters_beside_an_inflated_count_is_seen() -> None:
    ours = count("EfficientNetB3", "11,093,290")
    (draft,) = naming.check_fewest_by_heads(read(sized(ours, count("EfficientNetB0", "167,984,681"))))
    assert draft.status == "implausible" and "4,007,548 without" in draft.witness
    assert naming.check_fewest_by_heads(read(sized(ours, count("VGG19", "45,716,545")))) == []


@pytest.mark.parametrize(
    ("width", "resolution", "status", "words"),
    [
        ("1.3", "1.2", "inconsistent", "exchanged"),
        ("1.2", "1.3", "consistent", ""),
        ("1.4", "1.3", "inconsistent", "not that"),
    ],
)
def test_scaling_factors_are_those_of_the_named_network(width: str, resolution: str, status: str, words: str) -> None:
    rows = [
        {"metric": "scaling_factor", "value": v, "unit": "ratio", "condition": c, "model": "EfficientNet-B3"}
        for c, v in (("width", width), ("resolution", resolution))
    ]
    (draft,) = naming.check_scaling_factors(read(paper(score("accuracy", "97"), *rows)))
    assert draft.status == status and words in draft.statement


def test_a_parameter_count_without_a_study_is_compared_with_that_of_the_only_study() -> None:
    def counts_(*values: tuple[str, str]) -> list[str]:
        rows = [count("m", v, study=s) for s, v in values]
        return statuses([d for d in repeats.check_two_values(read(paper(score("accuracy", "97"), *rows))) if d.claims])

    assert counts_(("", "11220445"), ("s", "11,093,290")) == ["inconsistent"]
    assert counts_(("", "11093290"), ("s", "11,093,290")) == ["consistent"]


def test_a_score_of_one_class_is_found_among_counts_that_name_no_classes() -> None:
    named = [score(m, v, unit="count") for m, v in (("tp", "358"), ("fn", "6"), ("fp", "5"), ("tn", "165"))]

    def found(value: str) -> list[str]:
        one = score("precision", value, unit="fraction", average="positive:ill")
        return statuses(matrix_scores.check_matrix_scores(read(paper(one, *named))))

    assert found("0.986") == ["consistent"] and found("0.956") == ["inconsistent"]


def test_three_statements_are_not_called_two() -> None:
    p = paper(score("accuracy", "97"), protocol_facts={"text_conflict.parts": "a (1) | b (2) | c (3)"})
    (draft,) = protocol.check_conflicting_words(read(p))
    assert "three things" in draft.statement


def test_a_claim_of_speed_without_a_time_is_uncheckable() -> None:
    p = paper(score("accuracy", "97"), protocol_facts={"times_printed": "no"})
    assert statuses(protocol.check_protocol_facts(read(p))) == ["uncheckable"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "batool",
            {
                ("rank_on_test", "implausible", "97.94 %"),
                ("parts_against_pool", "implausible", "10654"),
                ("common_n", "implausible", "all 5 networks"),
                ("public_counts", "implausible", "45 labelled subjects"),
                ("known_networks", "implausible", "EfficientNet-B3"),
                ("two_values", "inconsistent", "11,093,290"),
                ("matrix_scores", "consistent", "precision 0.986"),
            },
        ),
        (
            "samhitha",
            {
                ("rank_on_test", "implausible", "56.25 %"),
                ("public_counts", "consistent", "15135"),  # as Kaggle prints it
                ("stated_orders", "implausible", "overlearns"),
                ("growing_gap", "implausible", "1.9 to 4.4"),
            },
        ),
    ],
)
def test_what_a_second_reading_found(key: str, expected: set[tuple[str, str, str]]) -> None:
    found = every_finding(load_paper(key))
    missing = {e for e in expected if not any((f.check, f.status) == e[:2] and e[2] in f.statement for f in found)}
    assert missing == set()


def test_counts_in_the_text_that_are_the_rounded_cells_of_a_heat_map_are_seen() -> None:
    declared, cells = matrix("m1", [["1.8e+02", "49"], ["6", "4.7e+02"]])

    def total(tp: str, tn: str, n: str) -> list[str]:
        named = [score(m, v, unit="count") for m, v in (("tp", tp), ("tn", tn), ("fn", "49"), ("fp", "6"))]
        p = paper(score("auc", "97"), *named, *cells, images(n, split="test"), matrices=[declared])
        return [d.status for d in prose_counts.check_prose_counts(read(p)) if "add up to" in d.statement]

    assert total("180", "470", "706") == ["implausible"]  # 705, and both multiples of ten may be off by five
    assert total("176", "475", "706") == [] and total("179", "471", "708") == ["inconsistent"]


def test_a_repeated_gain_is_one_finding_with_two_places() -> None:
    pair = [score("accuracy", "97.18", id="p.a"), score("accuracy", "95.91", id="p.b", model="n")]
    gain = {"metric": "improvement", "value": "3.3", "unit": "%", "derived_from": ["p.a", "p.b"]}
    (draft,) = prose.check_gains(read(paper(*pair, {**gain, "where": "Abstract"}, {**gain, "where": "Section 5"})))
    assert draft.status == "inconsistent" and [c.where for c in draft.claims[:2]] == ["Abstract", "Section 5"]
    assert draft.members[0] == ("p.q2", "p.q3")


def test_of_two_values_the_score_that_only_this_row_lacks_is_named() -> None:
    others = [score(m, v, model=n) for n in "bcd" for m, v in (("sensitivity", "98"), ("specificity", "96"))]
    two = [score("specificity", v) for v in ("98.71", "96.69")]
    (draft,) = [d for d in repeats.check_two_values(read(paper(*two, *others))) if d.status == "implausible"]
    assert "one of the two is probably the sensitivity" in draft.statement
    (draft,) = [
        d
        for d in repeats.check_two_values(read(paper(*two, score("recall", "98"), *others)))
        if d.status == "implausible"
    ]
    assert "probably" not in draft.statement


def test_a_training_accuracy_beside_others_is_followed_by_what_unseen_images_gave() -> None:
    quoted = [
        {"kind": "cited", "model": f"[{i}]", "metric": "accuracy", "value": v, "unit": "%", "where": "Table 7"}
        for i, v in enumerate(("90", "96.72", "97.78"))
    ]
    ours = [score("accuracy", "99.86", split="train", where="Table 7"), score("accuracy", "91.98", split="unstated")]
    (draft,) = provenance.check_training_as_headline(read(paper(*ours, *quoted)))
    assert "91.98 (without a word on which images); 2 of the 3 quoted figures are larger" in draft.witness
