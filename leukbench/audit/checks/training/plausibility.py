"""Plausibility: what a figure allows at its n, its honest interval at the number of patients, curves without noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence
from fractions import Fraction

from leukbench.audit.engine.rounding import (
    Interval,
    counts_printing_as,
    printed_interval,
    printed_number,
    shown,
    spread_of_share,
)
from leukbench.audit.readings.claims import canonical, count_of, scale_of, score_interval
from leukbench.audit.readings.class_sizes import class_sizes, images_behind, n_classes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger, Sizes
from leukbench.audit.readings.public_counts import public_counts
from leukbench.audit.readings.rows import Row
from leukbench.audit.readings.texts import epoch_of
from leukbench.papers.schema import Claim

PARTS = {"train": "training", "unstated": "printed"}
CORRELATION = 0.1  # of errors within a patient, in the middle of the range in docs/statistics.md


def _wilson(p: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval (1927) of a proportion p of n (n may be an effective number).

    >>> [round(x, 3) for x in _wilson(0.9, 100)]
    [0.826, 0.945]
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(min(max(p, 0.0), 1.0) * n, n, method="wilson")
    return float(low), float(high)


def check_honest_intervals(ledger: Ledger) -> list[Draft]:
    """The interval that a headline deserves: Wilson on its images, and on the images that patients leave effective.

    Images of one patient share its peculiarities: with m images a patient and an intra-patient correlation ρ the n
    images count as n/(1 + (m − 1)ρ); ρ = 0.1 is taken as an example. m is the source's images a patient where whole
    patients are tested, and no less than n over all its patients. A figure whose part is unstated is taken as one of
    the only test part that is printed, if it can be a share of it, and the finding says so. Without an n, the missing
    number is named.
    """
    found = []
    for name, study in ledger.paper.studies.items():
        claim = ledger.by_id[study.headline]
        accuracy = score_interval(claim)
        if accuracy is None or accuracy.low > 1:
            continue
        n = images_behind(ledger, claim)
        printed = _test_sizes(ledger, claim) if n is None and claim.split == "unstated" else []
        fitting = [size for size in printed if counts_printing_as(accuracy, count_of(size) or 0)]
        assumed = len(printed) == len(fitting) == 1
        if assumed:
            n = count_of(printed[0]) or 0, (printed[0],)
        if canonical(claim.metric) not in {"accuracy", "error_rate"} or claim.class_ or claim.average == "macro":
            found.append(_no_share(name, claim))
        elif n is None:
            found.append(_no_size(name, claim, printed if not fitting else []))
        else:
            p = float(printed_number(claim.value) or 0) / scale_of(claim)
            p = 1 - p if canonical(claim.metric) == "error_rate" else p
            facts = public_counts().get(study.source, {})
            found.append(_interval_draft(name, claim, p, n, facts, assumed=assumed))
    return found


def _test_sizes(ledger: Ledger, claim: Claim) -> list[Claim]:
    """Return the numbers of test images that a paper prints for a figure's study and network, a claim for each."""
    same = {
        count_of(c): c
        for c in ledger.own
        if (c.metric, c.class_, c.split, c.of_fold) == ("n_images", "", "test", claim.of_fold)
        and c.study in {claim.study, ""} and c.model in {claim.model, ""} and c.dataset in {claim.dataset, ""}
        and not c.condition.startswith("public release")  # what the publisher offers
    }  # fmt: skip
    return [c for n, c in same.items() if n]


def _no_size(study: str, claim: Claim, others: Sequence[Claim]) -> Draft:
    """Return the finding on a headline without an n; ``others``: test images that are printed, of which it is no
    share."""
    words = f"The headline {claim.value} of study {study} has no number of images, so no error can be attached."
    sizes = " or ".join(str(count_of(c)) for c in others)
    return Draft(
        check="honest_intervals",
        status="uncheckable",
        kind="arithmetic",
        claims=(claim, *others),
        severity=1,
        statement=f"{words} It is no share of the {sizes} test images that are printed." if others else words,
        repair="the number of test images (and of patients) behind it.",
    )


def _no_share(study: str, claim: Claim) -> Draft:
    """Return the finding on a headline that is no share of images: an AUC, an F1, a kappa say nothing of how many
    are wrong."""
    name = {"auc": "AUC", "f1": "F1", "mcc": "MCC"}.get(canonical(claim.metric), claim.metric)
    return Draft(
        check="honest_intervals",
        status="uncheckable",
        kind="arithmetic",
        claims=(claim,),
        severity=1,
        statement=f"The headline of study {study}, {name} {claim.value}, is no share of right images, so it has no "
        "error by itself.",
        witness="Its error depends on the matrix or the scores behind it.",
        repair="the confusion matrix or the score of every test image, with its patient.",
    )


def _interval_draft(
    study: str, claim: Claim, p: float, n: tuple[int, tuple[Claim, ...]], facts: dict[str, object], *, assumed: bool
) -> Draft:
    size, basis = n
    low, high = _wilson(p, size)
    wrong = _wrong(claim, p, size)
    words = f"{wrong.capitalize()} of {size} images wrong; as independent images 95 %: "
    words += f"{100 * low:.2f} to {100 * high:.2f} %."
    images, subjects = facts.get("images"), facts.get("subjects")
    if isinstance(images, int) and isinstance(subjects, int):
        words += _patients_words(p, size, images, subjects)
    part = f"the {size} test images that are printed, if it is of these" if assumed else f"{size} images"
    return Draft(
        check="honest_intervals",
        status="uncheckable",
        kind="arithmetic",
        claims=(claim, *basis),
        severity=0,
        statement=f"The headline {claim.value} of study {study} allows {wrong} error{'' if wrong == '1' else 's'} "
        f"on {part}; its interval depends on patients.",
        witness=words,
        repair=("the part that it was counted on, and " if assumed else "") + "the patient of each test image.",
    )


def _wrong(claim: Claim, p: float, size: int) -> str:
    """Return how many of ``size`` images a headline calls wrong: all numbers that print so, rounded or cut off, or
    about how many, where none does.
    """
    exact = score_interval(claim)
    right = counts_printing_as(exact, size) if exact is not None else range(0)
    if len(right) > 1:
        return f"{size - right[-1]} to {size - right[0]}"
    return f"{'' if right else 'about '}{round((1 - p) * size)}"


def _patients_words(p: float, size: int, images: int, subjects: int) -> str:
    """Return the intervals of a proportion p of ``size`` images as the source's patients leave effective."""
    whole = images / subjects
    few, many = (size / (1 + (m - 1) * CORRELATION) for m in (whole, max(1.0, size / subjects)))
    (l2, h2), (l3, h3) = _wilson(p, few), _wilson(p, many)
    return (
        f" The source has about {whole:.0f} images a patient; at an intra-patient correlation of {CORRELATION} they "
        f"count as {few:.0f} independent ones if whole patients were tested: {100 * l2:.1f} to {100 * h2:.1f} %; as at "
        f"most {many:.0f} if they come from all {subjects} patients: {100 * l3:.1f} to {100 * h3:.1f} %."
    )


def check_smooth_curves(ledger: Ledger) -> list[Draft]:
    """A validation curve that never falls, in steps smaller than one standard error of its n.

    Each score is a count of n images with error √(p(1 − p)/n). Evaluations of one network share their images, so
    that this is only a yardstick; the number of strict rises without one fall is stated, with the number of images
    that the smallest step is.
    """
    found = []
    curves: dict[tuple[str, ...], dict[int, Claim]] = {}
    for c in ledger.own:
        epoch = epoch_of(c)
        if epoch is not None and score_interval(c) is not None and c.metric == "accuracy":
            curves.setdefault((c.study, c.model, c.split), {}).setdefault(epoch, c)
    for (_, model, split), points in curves.items():
        if len(points) < 8:
            continue
        ordered = [points[e] for e in sorted(points)]
        values = [Fraction(printed_number(c.value) or 0) / scale_of(c) for c in ordered]
        steps = [b - a for a, b in itertools.pairwise(values)]
        if all(s > 0 for s in steps):
            found.append(_curve_draft(ledger, model, split, ordered, values, steps))
    return found


def _curve_draft(
    ledger: Ledger, model: str, split: str, claims: list[Claim], values: list[Fraction], steps: list[Fraction]
) -> Draft:
    n = next(
        (total[0] for c in claims[:1] if (total := images_behind(ledger, c.model_copy(update={"condition": ""})))), None
    )
    p = float(values[len(values) // 2])
    noise = (
        f" At n = {n} one standard error is {100 * math.sqrt(spread_of_share(p) / n):.2f} points and the smallest step "
        f"{shown(min(steps) * n, 1)} images."
        if n
        else ""
    )
    small = n is not None and min(steps) < math.sqrt(spread_of_share(p) / n)
    return Draft(
        check="smooth_curves",
        status="implausible" if small and split != "train" else "consistent",
        kind="arithmetic",
        claims=tuple(claims),
        severity=1,
        statement=f"The {PARTS.get(split, split)} accuracy of {model} rises at every one of {len(steps)} printed "
        "steps and never falls.",
        witness=f"From {claims[0].value} to {claims[-1].value}; smallest step {shown(100 * min(steps), 2)} "
        f"points.{noise}",
        repair="raw values of every epoch; a smoothed curve would look like this.",
    )


def check_final_epoch(ledger: Ledger) -> list[Draft]:
    """The last row of an epoch table against the final accuracy printed elsewhere for the same network and part."""
    last: dict[tuple[str, str, str], tuple[int, Claim]] = {}
    for c in ledger.own:
        e = epoch_of(c)
        key = (c.study, c.model, c.split)
        if e is not None and c.metric == "accuracy" and (key not in last or e > last[key][0]):
            last[key] = (e, c)
    drafts = []
    for key, (epoch, c) in last.items():
        finals = {d.value: d for d in ledger.own if (d.study, d.model, d.split) == key and _is_final_accuracy(d)}
        drafts += [_last_epoch_draft(c, d, epoch) for d in finals.values()]
    return [d for d in drafts if d is not None]


def _is_final_accuracy(c: Claim) -> bool:
    return c.metric == "accuracy" and not c.condition and not c.fold and not c.class_


def _last_epoch_draft(c: Claim, final: Claim, epoch: int) -> Draft | None:
    a, b = score_interval(c), score_interval(final)
    if a is None or b is None:
        return None
    same = a.meets(b)
    return Draft(
        check="final_epoch",
        status="consistent" if same else "implausible",
        kind="arithmetic",
        claims=(c, final),
        severity=0 if same else 1,
        statement=f"The {PARTS.get(c.split, c.split)} accuracy of {c.model} at its last printed epoch "
        f"({epoch}) is {c.value}; the final figure is {final.value}.",
        witness=f"{c.where}: {c.value}; {final.where}: {final.value}.",
        repair="" if same else "another epoch (the best one?) or another run; say which was kept.",
    )


def check_close_race(ledger: Ledger) -> list[Draft]:
    """The lead of the headline over the best other network, against the spread printed with it or the error at its
    n."""
    groups: dict[tuple[str, str, str, str], dict[str, tuple[Fraction, Claim]]] = {}
    for row in ledger.rows:
        claims = row.scores.get(("accuracy", "", "")) or next(
            (c for (m, k, _), c in row.scores.items() if m == "accuracy" and not k), None
        )
        if claims and row.key[2] in {"test", "unstated"} and not claims[0].condition.startswith("epoch"):
            value = Fraction(printed_number(claims[0].value) or 0) / scale_of(claims[0])
            group = groups.setdefault((row.key[0], row.key[2], row.key[3], claims[0].metric), {})
            group[claims[0].id] = (value, claims[0])
    drafts = (_race_draft(ledger, list(members.values())) for members in groups.values())
    return [d for d in drafts if d is not None]


def _race_draft(ledger: Ledger, members: list[tuple[Fraction, Claim]]) -> Draft | None:
    """Return the finding on the headline's lead among accuracies of one part; None where it does not lead."""
    heads = ledger.headlines
    pair = _headline_and_next(members, heads)
    if pair is None:
        return None
    (a, first), (b, second) = pair
    spread = next((c.spread for c in ledger.paper.claims if c.id in heads and c.spread), first.spread)
    error = _error(
        spread, (first, float(a), images_behind(ledger, first)), (second, float(b), images_behind(ledger, second))
    )
    if error is None:
        return None
    lead = float(a - b)
    close = lead < error[0]
    variant = f" ({second.condition})" if second.condition else ""
    return Draft(
        check="close_race",
        status="implausible" if close else "consistent",
        kind="arithmetic",
        claims=(first, second),
        severity=1 if close else 0,
        statement=f"The lead of {first.model} over {second.model}{variant} is {100 * lead:.2f} points"
        + (", smaller than the error beside it." if close else "."),
        witness=f"{first.value} against {second.value}; {error[1]}.",
        repair="a paired comparison on the same test images, over runs." if close else "",
    )


_Figure = tuple[Fraction, Claim]


def _headline_and_next(members: list[_Figure], heads: Collection[str]) -> tuple[_Figure, _Figure] | None:
    """Return the headline and the best other network's figure below it; None where there is none, or one above."""
    members = sorted(members, key=lambda member: member[0], reverse=True)
    chosen = next((member for member in members if member[1].id in heads), None)
    if chosen is None:
        return None
    # neither another value of the same network nor its variants are competitors
    best = next((member for member in members if member[1].model != chosen[1].model), None)
    return (chosen, best) if best is not None and best[0] < chosen[0] else None


Measured = tuple[Claim, float, tuple[int, tuple[Claim, ...]] | None]


def _error(spread: str, first: Measured, second: Measured) -> tuple[float, str] | None:
    """Return the printed spread, else √(p(1 − p)/n + q(1 − q)/m) of two independent figures (m = n where it is not
    known), and its words."""
    claim, p, size = first
    interval = printed_interval(spread.replace("±", "").strip()) if spread else None
    if interval is not None:
        value = float(interval.low + interval.high) / 2 / scale_of(claim)
        return value, f"± {spread.replace('±', '').strip()} is printed"
    if size is None:
        return None
    q, n = second[1], size[0]
    m = second[2][0] if second[2] else n
    value = math.sqrt(spread_of_share(p) / n + spread_of_share(q) / m)
    on = f"{n} independent images" if m == n else f"{n} and {m} independent images"
    return value, f"the standard error of a difference of two such figures on {on} is {100 * value:.2f} points"


def check_test_against_validation(ledger: Ledger) -> list[Draft]:
    """Test and validation images drawn alike should score alike: a gap beyond 5 standard errors needs another
    explanation.

    The test accuracy is printed, from the matrix, or implied by per-class recalls and class sizes.
    """
    from leukbench.audit.readings.row_scores import implied_accuracy

    found = []
    validation = {
        (c.study, c.model): c
        for c in ledger.own
        if c.metric == "accuracy" and c.split == "validation" and not c.condition and not c.fold
    }
    for row in ledger.rows:
        c = validation.get((row.key[0], row.key[1]))
        sizes = class_sizes(ledger, row.key)
        if c is None or row.key[2] != "test" or sizes is None or n_classes(ledger, row.key) is None:
            continue
        implied = implied_accuracy(row, sizes.counts)
        if implied is not None and (draft := _validation_draft(row, sizes, implied, c)):
            found.append(draft)
    return found


def _validation_draft(row: Row, sizes: Sizes, implied: Interval, c: Claim) -> Draft | None:
    """Return the finding on a row's implied test accuracy beside a validation accuracy; None without an error at
    all."""
    v = score_interval(c)
    if v is None:
        return None
    error = math.sqrt(spread_of_share(float(v.low)) / sizes.total + spread_of_share(float(implied.low)) / sizes.total)
    if not error:
        return None
    gap = float(v.low - implied.high)
    far = gap > 5 * error
    return Draft(
        check="test_against_validation",
        status="implausible" if far else "consistent",
        kind="arithmetic",
        claims=(c, *row.claims(), *sizes.claims),
        severity=3 if far else 0,
        statement=f"The recalls of {row.key[1]} mean a test accuracy of {100 * float(implied.low):.1f} to "
        f"{100 * float(implied.high):.1f} %; "
        f"its validation accuracy is {c.value}" + ("." if "%" in c.value else f"{c.unit}."),
        witness=f"Σ (class size × recall)/{sizes.total}; the gap of {100 * gap:.1f} points is "
        f"{gap / error:.0f} standard errors, although both parts come from one dataset.",
        repair="validation and test scores from one set of predictions; a comparison of predictions and labels in "
        "different orders would give test scores at chance."
        if far
        else "",
    )
