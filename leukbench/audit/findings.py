"""All checks over a paper: findings with stable ids, most serious first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from leukbench.audit.checks import protocol
from leukbench.audit.checks.counts import copies, cuts, parts, pool_shares, public
from leukbench.audit.checks.counts import count_sums as counts
from leukbench.audit.checks.matrices import fold_matrices as folds
from leukbench.audit.checks.matrices import matrix_rows, matrix_scores, matrix_sums, prose_counts
from leukbench.audit.checks.networks import architecture, computing
from leukbench.audit.checks.networks import network_names as naming
from leukbench.audit.checks.networks import network_sizes as networks
from leukbench.audit.checks.scores import (
    balanced,
    binary_reading,
    chance,
    class_averages,
    coincidences,
    fold_scores,
    fold_spreads,
    identities,
    pairs,
    roc,
    spreads,
)
from leukbench.audit.checks.scores import feasible_rows as together
from leukbench.audit.checks.scores import grim as grid
from leukbench.audit.checks.text import ambiguity, prose, provenance, quotations, repeats, units
from leukbench.audit.checks.text import comparisons as orders
from leukbench.audit.checks.training import losses, plausibility, rates, steps
from leukbench.audit.engine.conflicts import accused
from leukbench.audit.folding import one_a_fact
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger, read
from leukbench.papers.schema import Claim, Paper
from leukbench.records import Finding

Check = Callable[[Ledger], list[Draft]]
CHECKS: tuple[Check, ...] = (
    matrix_sums.check_matrix_total,
    matrix_sums.check_matrix_class_sizes,
    matrix_scores.check_matrix_scores,
    prose_counts.check_prose_counts,
    matrix_scores.check_completed_heat_map,
    matrix_rows.check_row_is_one_fold,
    matrix_rows.check_mixed_definitions,
    folds.check_unnamed_fold,
    folds.check_two_positive_classes,
    identities.check_f1_of_precision_recall,
    identities.check_accuracy_between,
    pairs.check_error_rates,
    pairs.check_agreement,
    pairs.check_balanced_accuracy,
    balanced.check_balanced_classes,
    binary_reading.check_binary_reading,
    roc.check_auc_bounds,
    coincidences.check_perfect_scores,
    coincidences.check_coincidences,
    together.check_binary_rows,
    together.check_multiclass_rows,
    class_averages.check_class_averages,
    together.check_fold_means,
    fold_scores.check_fold_scores,
    together.check_dataset_balance,
    grid.check_range,
    grid.check_grid,
    counts.check_stated_sums,
    counts.check_class_sums,
    counts.check_own_totals,
    counts.check_fold_sums,
    counts.check_split_sums,
    counts.check_multipliers,
    counts.check_split_shares,
    public.check_public_counts,
    public.check_public_pool_is_training,
    public.check_derived_release,
    public.check_oversampling,
    public.check_class_shares,
    counts.check_iterations,
    copies.check_few_originals,
    copies.check_copies_by_operations,
    pool_shares.check_pool_shares,
    copies.check_scored_before_augmentation,
    cuts.check_exact_shares,
    cuts.check_described_pools,
    provenance.check_training_as_headline,
    provenance.check_one_figure_two_parts,
    provenance.check_one_figure_two_studies,
    provenance.check_headline_above_test,
    provenance.check_below_majority,
    chance.check_independence,
    chance.check_informedness,
    prose.check_gains,
    prose.check_means,
    repeats.check_two_values,
    repeats.check_contradicting_settings,
    parts.check_parts_against_pool,
    parts.check_common_n,
    parts.check_implied_shares,
    orders.check_stated_orders,
    orders.check_stated_close,
    quotations.check_quoted_figures,
    units.check_units,
    orders.check_rank_on_test,
    orders.check_growing_gap,
    architecture.check_layer_totals,
    architecture.check_total_split,
    architecture.check_layer_parameters,
    architecture.check_pooling_shapes,
    architecture.check_output_units,
    networks.check_known_networks,
    networks.check_network_sizes,
    naming.check_counts_in_millions,
    naming.check_fewest_by_heads,
    naming.check_scaling_factors,
    losses.check_loss_bounds,
    computing.check_computing,
    protocol.check_protocol_facts,
    protocol.check_split_against_source,
    protocol.check_formulas,
    protocol.check_conflicting_words,
    plausibility.check_honest_intervals,
    plausibility.check_smooth_curves,
    plausibility.check_final_epoch,
    plausibility.check_close_race,
    steps.check_ablation_steps,
    rates.check_learning_rates,
    plausibility.check_test_against_validation,
    spreads.check_spreads,
    fold_spreads.check_fold_differences,
    fold_spreads.check_spread_of_parts,
    spreads.check_equivalent_losses,
    spreads.check_cited_rows,
    ambiguity.check_split_readings,
    ambiguity.check_assumed,
)
"""Every check: a function of a paper's ledger whose docstring states the mathematics."""
STATUS_ORDER = {"inconsistent": 0, "implausible": 1, "uncheckable": 2, "consistent": 3}


def audit_paper(paper: Paper) -> tuple[Finding, ...]:
    """Return what is to be said of a paper, one finding a fact, most serious first, with ids ``paper.check.n``.

    Pure: reads nothing but the ledger, this package's public counts and, where a paper quotes one of the suite,
    that one's ledger; the same ledger gives the same findings.
    """
    findings = [_finding(paper, ident, draft, parts) for ident, draft, parts in one_a_fact(_numbered(paper))]
    rank = {f.id: i for i, f in enumerate(findings)}
    return tuple(sorted(findings, key=lambda f: (-f.severity, STATUS_ORDER[f.status], rank[f.id])))


def every_finding(paper: Paper) -> tuple[Finding, ...]:
    """Return what every check says of a paper by itself, in the order of the checks: a fact may stand there several
    times."""
    return tuple(_finding(paper, ident, draft, ()) for ident, draft in _numbered(paper))


def _numbered(paper: Paper) -> list[tuple[str, Draft]]:
    ledger = read(paper)
    drafts = _without_repeats([_if_same_images(draft) for check in CHECKS for draft in check(ledger)])
    guilty = blame(drafts)
    number: Counter[str] = Counter()
    found = []
    for draft in drafts:
        number[draft.check] += 1
        named = dict.fromkeys((*draft.accused, *(c.id for c in draft.claims if c.id in guilty and draft.members)))
        accused = tuple(named) if draft.status == "inconsistent" else ()
        found.append((f"{paper.key}.{draft.check}.{number[draft.check]}", replace(draft, accused=accused)))
    return found


def audit_papers(papers: Iterable[Paper]) -> tuple[Finding, ...]:
    """Return the findings of several papers, paper by paper in the order given."""
    return tuple(finding for paper in papers for finding in audit_paper(paper))


def _if_same_images(draft: Draft) -> Draft:
    """Return what rests on a part that the paper does not name as implausible only, with the condition said.

    It rests on it where such figures are held against others whose part is named, scores against a matrix, or figures
    of different places, none of which has them all.
    """
    loose = [c for c in draft.claims if c.split_assumed]
    if draft.status != "inconsistent" or not loose or not _may_be_of_other_images(draft.claims):
        return draft
    places = list(dict.fromkeys(c.where for c in loose))
    named_places = "; ".join(places[:2]) + ("; and elsewhere" if len(places) > 2 else "")
    condition = f"This holds if all are of the same images; the paper does not say so ({named_places})."
    return replace(
        draft, status="implausible", statement=f"{draft.statement} {condition}", members=(), more=(), accused=()
    )


def _may_be_of_other_images(claims: Sequence[Claim]) -> bool:
    """Say whether figures are of parts one of which is named, of a matrix and not, or in no place all together."""
    if any(c.split not in {"", "unstated"} and not c.split_assumed for c in claims):
        return True
    if len({bool(c.matrix) for c in claims}) > 1:
        return True
    figures: dict[str, set[tuple[str, str, str, Decimal | None]]] = {}
    for c in claims:
        figures.setdefault(c.where, set()).add((c.metric, c.class_, c.average, c.number))
    return set().union(*figures.values()) not in figures.values()


def _without_repeats(drafts: Sequence[Draft]) -> list[Draft]:
    """Drop what an earlier check has already said: the same conflict, or the same sentence about the same claims."""
    kept: list[Draft] = []
    conflicts: set[frozenset[frozenset[str]]] = set()
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for draft in drafts:
        blocks = frozenset(frozenset(b) for b in draft.members)
        key = (draft.statement, tuple(c.id for c in draft.claims))
        if (blocks and draft.status == "inconsistent" and blocks in conflicts) or key in seen:
            continue
        seen.add(key)
        if blocks and draft.status == "inconsistent":
            conflicts.add(blocks)
        kept.append(draft)
    return kept


def blame(drafts: Sequence[Draft]) -> frozenset[str]:
    """Return the claims that stand in every one of the several minimal conflicts that they are connected with.

    Conflicts that share a figure form a component; within it :func:`leukbench.audit.engine.conflicts.accused` decides.
    """
    conflicts = [
        [frozenset(b) for b in conflict]
        for d in drafts
        if d.status == "inconsistent"
        for conflict in (d.members, *d.more)
        if conflict
    ]
    names = _merged(block for conflict in conflicts for block in conflict)
    sets = list(dict.fromkeys(frozenset(names[b] for b in conflict) for conflict in conflicts))
    found: set[str] = set()
    while sets:
        component = [sets.pop(0)]
        grown = True
        while grown:
            touching = [s for s in sets if any(s & c for c in component)]
            grown = bool(touching)
            component += touching
            sets = [s for s in sets if s not in touching]
        for block in accused([tuple(c) for c in component]):
            found |= block
    return frozenset(found)


def _merged(blocks: Iterable[frozenset[str]]) -> dict[frozenset[str], frozenset[str]]:
    """Map each block to the union of all blocks that it overlaps with, directly or through others."""
    every = list(dict.fromkeys(blocks))
    groups: list[set[str]] = []
    for block in every:
        touching = [g for g in groups if g & block]
        groups = [g for g in groups if not g & block] + [set(block).union(*touching)]
    return {block: frozenset(next(g for g in groups if g & block)) for block in every}


def _finding(paper: Paper, ident: str, draft: Draft, parts: tuple[str, ...]) -> Finding:
    wheres = tuple(dict.fromkeys(c.where for c in draft.claims))
    where = draft.where or "; ".join(wheres[:4]) + ("; and elsewhere" if len(wheres) > 4 else "")
    # what the ledger says of an accused figure (a picture that may have been misread, say) belongs beside the
    # accusation
    notes = "".join(f" Noted at {c.value}: {c.note}." for c in draft.claims if c.id in draft.accused and c.note)
    return Finding(
        id=ident,
        paper=paper.key,
        check=draft.check,
        status=draft.status,  # type: ignore[arg-type]
        kind=draft.kind,  # type: ignore[arg-type]
        claims=tuple(dict.fromkeys(c.id for c in draft.claims)),
        where=where,
        statement=" ".join(draft.statement.split()),
        witness=" ".join(draft.witness.split()),
        repair=" ".join((draft.repair + notes).split()),
        severity=draft.severity,
        accused=draft.accused,
        parts=parts,
    )
