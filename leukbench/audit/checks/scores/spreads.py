"""Figures after ±, and figures of arms that differ in nothing that matters: what repeated runs allow."""

from __future__ import annotations

from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_interval, shown
from leukbench.audit.readings.claims import scale_of, score_interval
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.row_scores import implied_share
from leukbench.audit.readings.rows import Row
from leukbench.papers.schema import Claim

ONE_HOT_TWINS = frozenset({"categorical_cross_entropy", "sparse_categorical_cross_entropy", "kl_divergence"})
"""Losses that are one function of the weights on one-hot labels: Σ y log(y/q) = −log q of the true class in all
three."""


def _spread(claim: Claim) -> Interval | None:
    found = printed_interval(claim.spread.replace("±", "").strip()) if claim.spread else None
    return None if found is None else found.times(Fraction(1, scale_of(claim))).clipped(0, 1)


def check_spreads(ledger: Ledger) -> list[Draft]:
    """Do the spreads of accuracy, sensitivity and specificity fit each other over runs on one test set.

    Run by run a = π·r + (1 − π)·s with one share of positives π, so by the triangle inequality for standard
    deviations (and what is proportional to them) |π·SD(r) − (1 − π)·SD(s)| ≤ SD(a) ≤ π·SD(r) + (1 − π)·SD(s), with
    π from the means. Folds with other class shares, and medians, need not obey. Of more classes than two, or of unknown
    ones, nothing is doubted: their averages obey nothing of the kind.
    """
    found = []
    for row in ledger.rows:
        by_metric = {m: c[0] for (m, class_, _), c in row.scores.items() if not class_ for c in [_with_spread(c)] if c}
        if {"accuracy", "recall", "specificity"} <= set(by_metric):
            found.append(_binary_spreads(row, by_metric))
    studies = ledger.paper.studies
    two = {key for key, study in studies.items() if len(study.classes) == 2}
    return [draft for draft in found if draft.status == "consistent" or draft.claims[0].study in two]


def _with_spread(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    return tuple(c for c in claims if _spread(c) is not None)


def _binary_spreads(row: Row, by_metric: dict[str, Claim]) -> Draft:
    claims = tuple(by_metric[m] for m in ("accuracy", "recall", "specificity"))
    means = [score_interval(c) for c in claims]
    widths = [_spread(c) for c in claims]
    a, r, s = (w for w in widths if w is not None)
    share = implied_share(*(m for m in means if m is not None))
    low, high = (share.low, share.high) if share else (Fraction(0), Fraction(1))
    most = max(p * r.high + (1 - p) * s.high for p in (low, high))
    ends = [low, high, *((s.low / (r.low + s.low),) if r.low + s.low > 0 else ())]
    inside = [p for p in ends if low <= p <= high]
    least = min(max(p * r.low - (1 - p) * s.high, (1 - p) * s.low - p * r.high, Fraction(0)) for p in inside)
    fits = least <= a.high and a.low <= most
    name = ", ".join(p for p in (row.key[1], row.key[4]) if p)
    return Draft(
        check="spreads",
        status="consistent" if fits else "implausible",
        kind="arithmetic",
        claims=claims,
        severity=0 if fits else 1,
        statement=f"The spread of the accuracy of {name} "
        + ("fits those of" if fits else "is not what runs on one test set give with those of")
        + " sensitivity and specificity.",
        witness=f"± {claims[0].spread} beside ± {claims[1].spread} and ± {claims[2].spread}. In every run accuracy "
        "= π·sensitivity + "
        f"(1 − π)·specificity, with π from {shown(100 * low, 1)} to {shown(100 * high, 1)} % by the means, so its "
        "spread lies between "
        f"{shown(100 * least, 3)} and {shown(100 * most, 3)} points.",
        repair="" if fits else "what ± is and over what, and the figures of each run.",
    )


def check_equivalent_losses(ledger: Ledger) -> list[Draft]:
    """Arms whose recipes differ only in the name of one loss: their figures can differ by chance alone.

    On one-hot labels cross-entropy, sparse cross-entropy and KL divergence have equal values and gradients.
    """
    found = []
    for study in ledger.paper.studies:
        groups: dict[tuple[str, str], dict[str, str]] = {}
        for name, arm in ledger.paper.arms.items():
            recipe = ledger.paper.recipes[arm.recipe].recipe
            if arm.study == study and recipe.loss in ONE_HOT_TWINS:
                rest = repr({k: v for k, v in vars(recipe).items() if k != "loss"})
                groups.setdefault((arm.network, rest), {})[name] = recipe.loss
        lines = [
            line for arms in groups.values() if len(set(arms.values())) > 1 and (line := _line(ledger, list(arms)))
        ]
        if lines:
            found.append(_losses_draft(ledger, lines))
    return found


def _line(ledger: Ledger, arms: list[str]) -> tuple[Claim, ...]:
    """Return one overall accuracy an arm, where at least two arms have one."""
    every = [c for c in ledger.own if c.metric == "accuracy" and not c.class_ and c.split in {"test", "unstated"}]
    firsts = [next((c for c in every if c.arm == arm and score_interval(c)), None) for arm in arms]
    found = tuple(c for c in firsts if c is not None)
    return found if len(found) > 1 else ()


def _losses_draft(ledger: Ledger, lines: list[tuple[Claim, ...]]) -> Draft:
    values = [[i.low for c in line if (i := score_interval(c)) is not None] for line in lines]
    widest = max(range(len(lines)), key=lambda i: max(values[i]) - min(values[i]))
    far = 100 * (max(values[widest]) - min(values[widest]))
    listed = "; ".join(
        f"{line[0].model}: {', '.join(f'{c.value} ({c.condition or c.arm})' for c in line)}" for line in lines
    )
    return Draft(
        check="equivalent_losses",
        status="implausible",
        kind="protocol",
        claims=tuple(c for line in lines for c in line),
        severity=2,
        statement=f"In {len(lines)} groups of rows nothing but the loss is said to differ, and these losses are "
        "one function on one-hot labels; the "
        f"accuracies differ by up to {shown(far, 2)} points.",
        witness="Cross-entropy, sparse cross-entropy and KL divergence all give −log of the true class' "
        f"probability. Accuracies: {listed}.",
        repair="soft labels, another setting that differs, or the spread over runs, which these differences then show.",
    )


def check_cited_rows(ledger: Ledger) -> list[Draft]:
    """In a quoted row of a binary problem the accuracy lies between sensitivity and specificity; else it was
    averaged or misquoted."""
    groups: dict[tuple[str, str, str], dict[str, Claim]] = {}
    for c in ledger.paper.claims:
        if c.kind == "cited" and not c.class_ and score_interval(c) is not None:
            metric = "recall" if c.metric == "sensitivity" else c.metric
            groups.setdefault((c.model, c.dataset, c.where), {}).setdefault(metric, c)
    found = []
    for (model, _, _), row in groups.items():
        claims = [row[m] for m in ("accuracy", "recall", "specificity") if m in row]
        values = [i for c in claims if (i := score_interval(c)) is not None]
        if len(values) == 3:
            a, r, s = values
            if a.high < min(r.low, s.low) or a.low > max(r.high, s.high):
                found.append(_cited_draft(model, *claims))
    return found


def _cited_draft(model: str, accuracy: Claim, recall: Claim, specificity: Claim) -> Draft:
    return Draft(
        check="cited_rows",
        status="uncheckable",
        kind="arithmetic",
        claims=(accuracy, recall, specificity),
        severity=1,
        statement=f"The accuracy quoted for {model} does not lie between the sensitivity and specificity quoted with "
        "it, as it must in a binary problem.",
        witness=f"accuracy {accuracy.value}, sensitivity {recall.value}, specificity {specificity.value}.",
        repair="the number of classes and the averaging of the quoted row, or the row as its source prints it.",
    )
