"""Checks of folds, spreads, quotations, pool shares, copies, rates, ablation blocks, closeness: a planted truth and an
honest one.
"""

from __future__ import annotations

from typing import Any

import pytest

from leukbench.audit.checks.counts import copies, pool_shares
from leukbench.audit.checks.scores import fold_spreads
from leukbench.audit.checks.text import comparisons, quotations, repeats, units
from leukbench.audit.checks.training import plausibility, rates, steps
from leukbench.audit.readings.ledger import read
from leukbench.papers.loader import load_paper
from leukbench.papers.schema import Paper
from tests.support.printed_papers import Row, images, paper, score


def folds(*values: str) -> list[Row]:
    found = []
    for i, v in enumerate(values):
        found += [score("accuracy", v, fold=str(i)), images("400", split="test", fold=str(i))]
    return found


def test_folds_too_far_apart_to_be_one_process_are_named() -> None:
    """97 and 85 % of 400: χ² = 36; 91 and 90 %: 0.2."""
    (far,) = fold_spreads.check_fold_differences(read(paper(*folds("97.0", "85.0"))))
    (near,) = fold_spreads.check_fold_differences(read(paper(*folds("91.0", "90.0"))))
    assert (far.status, near.status) == ("implausible", "consistent") and "χ² = 35" in far.witness


@pytest.mark.parametrize(
    ("spread", "status"), [("2.00", "consistent"), ("1.63", "consistent"), ("6.00", "implausible")]
)
def test_a_spread_is_one_of_its_parts(spread: str, status: str) -> None:
    """90, 92, 94: standard deviation 1.63 (n), 2.00 (n − 1)."""
    parts = [score("accuracy", v, fold=str(i), id=f"p.f{i}") for i, v in enumerate(("90.00", "92.00", "94.00"))]
    mean = score(
        "accuracy", "92.00", aggregation="mean", spread=spread, derived_from=["p.f0", "p.f1", "p.f2"], id="p.mean"
    )
    (draft,) = fold_spreads.check_spread_of_parts(read(paper(*parts, mean)))
    assert draft.status == status


def test_a_score_printed_twice_beside_a_missing_one_is_a_slip_of_words() -> None:
    def row(model: str, *scores: tuple[str, str]) -> list[Row]:
        return [score(m, v, model=model, condition="c", id=f"p.{model}{i}") for i, (m, v) in enumerate(scores)]

    others = [r for i in range(4) for r in row(f"n{i}", ("sensitivity", "95.1"), ("specificity", "93.2"))]
    doubled = paper(*others, *row("x", ("specificity", "98.7"), ("specificity", "96.6")))
    (draft,) = [d for d in repeats.check_two_values(read(doubled)) if d.status != "consistent"]
    assert draft.status == "implausible" and "probably the sensitivity" in draft.statement
    whole = paper(*others, *row("x", ("specificity", "98.7"), ("specificity", "96.6"), ("sensitivity", "95.0")))
    (draft,) = [d for d in repeats.check_two_values(read(whole)) if d.status != "consistent"]
    assert draft.status == "implausible" and "how each was averaged" in draft.repair


def test_a_part_that_is_a_usual_share_of_a_public_pool_is_held_against_the_stated_one() -> None:
    """C-NMC's training pool has 10,661 images: 20 % is 2,132.2."""

    def drafts(n: str, share: str) -> list[str]:
        stated = {"metric": "share", "value": share, "unit": "%", "split": "test"}
        p = paper(score("accuracy", "90"), images(n, split="test"), stated, source="cnmc_2019")
        return [d.status for d in pool_shares.check_pool_shares(read(p))]

    assert (
        drafts("2132", "20") == ["consistent"]
        and drafts("2132", "30") == ["implausible"]
        and drafts("2200", "20") == []
    )


def test_figures_that_the_text_calls_close_are_close() -> None:
    def status(value: str) -> str:
        facts = {"stated_close.gap": "p.a ~ p.b (Section 4)"}
        rows = (
            score("accuracy", "97.9", id="p.a", split="train"),
            score("accuracy", value, id="p.b", split="validation"),
        )
        (draft,) = comparisons.check_stated_close(read(paper(*rows, protocol_facts=facts)))
        return draft.status

    assert status("93.5") == "implausible" and status("97.0") == "consistent"


def test_a_lead_is_held_against_the_best_other_network() -> None:
    """A variant of the proposed network stands between it and the best other one."""
    rows = [
        score("accuracy", v, model=m, condition=c, id=f"p.{i}", n="400")
        for i, (m, c, v) in enumerate((("Ours", "", "97.0"), ("Ours", "other loss", "96.9"), ("ResNet", "", "91.0")))
    ]
    (draft,) = plausibility.check_close_race(read(paper(*rows)))
    assert draft.status == "consistent" and "ResNet" in draft.statement


def test_a_figure_quoted_from_the_suite_is_held_against_its_ledger() -> None:
    def status(metric: str, value: str) -> list[str]:
        quoted = score(metric, value, kind="cited", model="DDRNet (Jawahar et al. 2024)", study="")
        p = paper(score("accuracy", "90"), quoted)
        return [d.status for d in quotations.check_quoted_figures(read(p))]

    assert status("accuracy", "91.98") == ["consistent"] and status("accuracy", "95.55") == ["implausible"]
    unknown = score("accuracy", "95.55", kind="cited", model="Net (N. N. 2020)", study="")
    assert quotations.check_quoted_figures(read(paper(score("accuracy", "90"), unknown))) == []


def test_fixed_operations_make_so_many_copies_and_no_more() -> None:
    def statuses(after: str, operations: str) -> list[str]:
        counts = [
            images(n, split="train", condition=c)
            for c, n in (("before augmentation", "100"), ("after augmentation", after))
        ]
        facts = {"augmentation_operations": operations}
        p = paper(score("accuracy", "90"), *counts, protocol_facts=facts)
        return [d.status for d in copies.check_copies_by_operations(read(p))]

    assert statuses("400", "flip_horizontal, flip_vertical") == ["consistent"]
    assert statuses("900", "flip_horizontal, flip_vertical") == ["implausible"]
    assert statuses("900", "flip_horizontal, range:rotation") == []


def test_learning_rates_far_from_usual_are_named() -> None:
    rows = [{"metric": "learning_rate", "value": v, "id": f"p.r{i}"} for i, v in enumerate(("0.001", "100", "1e-9"))]
    drafts = rates.check_learning_rates(read(paper(score("accuracy", "90"), *rows)))
    assert [d.claims[0].value for d in drafts] == ["100", "1e-9"]


def test_scores_in_the_wrong_unit_are_remarked() -> None:
    rows = [score("accuracy", "0.9931"), score("f1", "93.1", unit="fraction"), score("recall", "93.1")]
    drafts = units.check_units(read(paper(*rows)))
    assert [d.claims[0].metric for d in drafts] == ["accuracy", "f1"]


def test_ablation_steps_are_those_of_one_block() -> None:
    """ddrnet's six results differ by one block in six pairs; sorted by accuracy they would be five."""
    ddrnet: Paper = load_paper("ddrnet")
    (draft,) = steps.check_ablation_steps(read(ddrnet))
    assert "of the 6 steps between results that differ by one block" in draft.statement
    assert (
        "87.56 (Convolution + GLFEB) − 84.30" in draft.witness
        and "87.56 (Convolution + GLFEB) − 86.14" not in draft.witness
    )


def test_no_added_check_accuses_where_nothing_is_printed() -> None:
    empty: Any = read(paper(score("accuracy", "90")))
    every = (
        fold_spreads.check_fold_differences,
        fold_spreads.check_spread_of_parts,
        pool_shares.check_pool_shares,
        comparisons.check_stated_close,
        quotations.check_quoted_figures,
        copies.check_copies_by_operations,
        rates.check_learning_rates,
        units.check_units,
        steps.check_ablation_steps,
    )
    assert all(check(empty) == [] for check in every)
