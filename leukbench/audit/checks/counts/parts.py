"""Parts and wholes beyond one table: parts against the pool they were cut from, the n and the class shares that
scores imply."""

from __future__ import annotations

import itertools
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, counts_printing_as, printed_number, shown
from leukbench.audit.readings.claims import count_of, row_key, score_interval
from leukbench.audit.readings.class_sizes import class_sizes
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.public_counts import public_counts
from leukbench.audit.readings.texts import fact_of
from leukbench.audit.readings.whole_numbers import counted
from leukbench.papers.schema import Claim

PARTS = ("train", "validation", "test")
POOLS = ("labelled", "public release")


def _total(claims: list[Claim], n_classes: int) -> tuple[int, tuple[Claim, ...]] | None:
    """Return the images of one part: its stated total, else the sum over all classes."""
    for c in claims:
        if not c.class_:
            return count_of(c) or 0, (c,)
    by_class = {c.class_: c for c in reversed(claims)}
    return (
        (sum(count_of(c) or 0 for c in by_class.values()), tuple(by_class.values()))
        if len(by_class) == n_classes
        else None
    )


def check_parts_against_pool(ledger: Ledger) -> list[Draft]:
    """Training, validation and test images against the labelled images, or the release, that they are said to be
    cut from.

    Parts may leave images out or hold copies, so a difference is implausible, not impossible; a public pool within
    1 % of the parts' sum is named, with the misprint that would make them equal.
    """
    found = []
    for name, study in ledger.paper.studies.items():
        claims = [
            c
            for c in counted(ledger, "n_images")
            if c.study in {name, ""} and not c.of_fold and (not c.model or c.split == "test")
        ]
        k = len(study.classes)
        parts = [_total([c for c in claims if c.split == s and not c.condition], k) for s in PARTS]
        pools = [_total([c for c in claims if c.condition == p and c.split in {"all", ""}], k) for p in POOLS]
        pool = next((p for p in zip(pools, POOLS, strict=True) if p[0] is not None), None)
        known = [p for p in parts if p is not None]
        if len(known) < 3 or pool is None or pool[0] is None:
            continue
        found.append(_pool_draft(known, pool[0], pool[1], public_counts().get(study.source, {})))
    return found


def _pool_draft(
    parts: list[tuple[int, tuple[Claim, ...]]],
    pool: tuple[int, tuple[Claim, ...]],
    words: str,
    facts: dict[str, object],
) -> Draft:
    total, stated = sum(n for n, _ in parts), pool[0]
    good = total == stated
    public = {n: w for n, w in _public_totals(facts).items() if n != total and abs(n - total) <= total // 100}
    near = min(public, key=lambda n: abs(n - total)) if public else None
    sum_ = " + ".join(str(n) for n, _ in parts)
    hint = f"; the {public[near]} has {near}, a difference of {near - total}" if near is not None else ""
    return Draft(
        check="parts_against_pool",
        status="consistent" if good else "implausible",
        kind="arithmetic",
        claims=(*(c for _, cs in parts for c in cs), *pool[1]),
        severity=0 if good else 1,
        statement=f"Training, validation and test images are {total} in all; {stated} "
        + ("labelled images are stated." if words == "labelled" else "images are stated for the dataset."),
        witness=f"{sum_} = {total}; {' + '.join(c.value for c in pool[1])} = {stated}; a difference of "
        f"{stated - total}{hint}.",
        repair=""
        if good
        else (
            f"one part misprinted by {abs(near - total)} if the {public[near]} was cut; else the images that stand "
            "in no part, or in two."
            if near is not None
            else "the images that stand in no part, or the copies that were counted."
        ),
    )


def _public_totals(facts: dict[str, object]) -> dict[int, str]:
    pools, unions = facts.get("pools", {}), facts.get("unions", {})
    assert isinstance(pools, dict) and isinstance(unions, dict)
    found = {p["total"]: f"public {name} pool" for name, p in pools.items()}
    found |= {sum(pools[m]["total"] for m in members): f"public set of {name}" for name, members in unions.items()}
    return found


def check_common_n(ledger: Ledger) -> list[Draft]:
    """Is there one number of test images on which all accuracies of a table are whole counts, and can the source
    have it?

    For accuracies of three or more networks on one part without stated size: each n such that every accuracy is
    some k/n. No test part of originals is larger than the source; where a test share is stated, n lies within 5 %
    of share × source (images that were left out). Segmented twins count as a size of the source too, and so do
    derived releases where the paper says that it used one.
    """
    found = []
    groups: dict[tuple[str, str], dict[str, Claim]] = {}
    for c in ledger.own:
        plain = (
            c.metric == "accuracy"
            and c.split == "test"
            and not (c.class_ or c.condition or c.spread or c.of_fold or c.n)
        )
        if plain and not c.approximate and c.aggregation != "mean" and score_interval(c) is not None:
            groups.setdefault((c.study, c.split), {}).setdefault(c.model, c)
    for (study, split), by_model in groups.items():
        claims = list(by_model.values())
        stated = [c for c in counted(ledger, "n_images") if c.study in {study, ""} and c.split == split]
        if len(claims) < 3 or stated or any(class_sizes(ledger, row_key(c)) for c in claims):
            continue
        draft = _common_n_draft(ledger, study, claims)
        found += [draft] if draft is not None else []
    return found


def _common_n_draft(ledger: Ledger, study: str, claims: list[Claim]) -> Draft | None:
    facts = public_counts().get(ledger.paper.studies[study].source, {}) if study in ledger.paper.studies else {}
    sizes = _source_sizes(facts, with_copies=fact_of(ledger.paper, "source_is_augmented", study).startswith("yes"))
    share = next((c for c in ledger.own if c.metric == "share" and c.split == "test" and c.study in {study, ""}), None)
    part = Fraction(printed_number(share.value) or 0) / 100 if share is not None and share.unit == "%" else None
    if not sizes:
        return None
    intervals = [i for c in claims if (i := score_interval(c)) is not None]
    fitting = [n for n in range(2, max(sizes) + 1) if all(len(counts_printing_as(i, n)) for i in intervals)]
    if fitting and fitting[0] < 10:
        return None
    windows = {int(s * (part or 1)): words for s, words in sizes.items()}
    of_share = part is not None and not any(abs(n - w) <= w // 20 for n in fitting for w in windows)
    odd = not fitting or of_share
    parts = "; ".join(f"{share.value + ' % of ' if share and part else ''}{words}: {w}" for w, words in windows.items())
    return Draft(
        check="common_n",
        status="implausible" if odd else "uncheckable",
        kind="arithmetic",
        claims=(*claims, *((share,) if share is not None else ())),
        severity=2 if odd else 0,
        statement=_common_n_words(len(claims), fitting, odd=odd),
        witness=f"{', '.join(c.value for c in claims)} %, rounded or truncated; numbers of images that give all of "
        f"them: {_fitting_words(fitting, intervals)}. {parts}.",
        repair="averages over runs, another share, or another number of images for each network."
        if odd
        else "the number of test images.",
    )


def _common_n_words(n_networks: int, fitting: list[int], *, odd: bool) -> str:
    whole = f"makes the accuracies of all {n_networks} networks whole counts."
    if odd and fitting:
        return f"No test part of the stated share of the source (5 % more or less) {whole}"
    if odd:
        return f"No test part of the source {whole}"
    return (
        f"The accuracies of {n_networks} networks are whole counts on {len(fitting)} numbers of images up to the size "
        "of the source."
    )


def _fitting_words(fitting: list[int], intervals: list[Interval]) -> str:
    """Return the first numbers of images that fit, and the counts at the first of them."""
    if not fitting:
        return "none"
    first = fitting[0]
    counts = ", ".join(f"{counts_printing_as(i, first)[0]}/{first}" for i in intervals)
    return f"{', '.join(map(str, fitting[:8]))}{', …' if len(fitting) > 8 else ''} (at {first}: {counts})"


def _source_sizes(facts: dict[str, object], *, with_copies: bool) -> dict[int, str]:
    """Return the numbers of images that a source can be taken to have -> what they count."""
    source, derived = facts.get("images"), facts.get("derived", {})
    if not isinstance(source, int):
        return {}
    found = {source: "the source"}
    if "twins" in facts:
        found[2 * source] = f"the source with {facts['twins']}"
    assert isinstance(derived, dict)
    return found | ({d["total"]: name for name, d in derived.items()} if with_copies else {})


def check_implied_shares(ledger: Ledger) -> list[Draft]:
    """The share of the positive class that accuracy, precision and recall of one class imply, alike in all rows of
    a table.

    With n = 1, P positives, recall r and precision p: FN = P(1 − r), FP = P·r(1 − p)/p, so 1 − accuracy = P(1 − r +
    r(1 − p)/p). Holds for scores of one class, so only where the paper says which class is positive; macro and
    weighted rows are left out.
    """
    if not ledger.paper.protocol_facts.get("positive_class_stated", "no").startswith("yes"):
        return []
    found = []
    groups: dict[tuple[str, ...], list[tuple[str, Interval, tuple[Claim, ...]]]] = {}
    for row in ledger.rows:
        study = ledger.paper.studies.get(row.key[0])
        if study is None or len(study.classes) != 2 or row.key[2] != "test" or row.key[5] == "mean":
            continue
        scores = [row.scores.get((m, "", "")) for m in ("accuracy", "precision", "recall")]
        claims = tuple(s[0] for s in scores if s is not None)
        intervals = [i for c in claims if (i := score_interval(c)) is not None]
        if len(intervals) == 3 and not any(c.spread or c.approximate for c in claims):
            share = _implied_share(*intervals)
            if share is not None:
                groups.setdefault((row.key[0], *row.key[2:5]), []).append((row.key[1], share, claims))
    for key, members in groups.items():
        if len(members) >= 3:
            sizes = class_sizes(ledger, (key[0], members[0][0], *key[1:], ""))  # type: ignore[arg-type]
            found.append(_shares_draft(members, sizes.counts if sizes else {}))
    return found


def _implied_share(accuracy: Interval, precision: Interval, recall: Interval) -> Interval | None:
    values = []
    for a, p, r in itertools.product(*((i.low, i.high) for i in (accuracy, precision, recall))):
        below = 1 - r + r * (1 - p) / p if p else Fraction(0)
        if below <= 0:
            return None
        values.append((1 - a) / below)
    return Interval(min(values), max(values))


def _shares_draft(members: list[tuple[str, Interval, tuple[Claim, ...]]], sizes: dict[str, int]) -> Draft:
    low, high = max(i.low for _, i, _ in members), min(i.high for _, i, _ in members)
    alike = low <= high
    n = sum(sizes.values())
    words = ", ".join(f"{m}: {shown(100 * i.low, 1)} to {shown(100 * i.high, 1)} %" for m, i, _ in members)
    classes = "; ".join(
        f"{c} is {shown(Fraction(100 * s, n), 1)} % of the {n} images stated, which fits "
        + (
            ", ".join(
                m for m, i, _ in members if i.low - Fraction(1, 100) <= Fraction(s, n) <= i.high + Fraction(1, 100)
            )
            or "none"
        )
        for c, s in sizes.items()
    )
    return Draft(
        check="implied_shares",
        status="consistent" if alike else "implausible",
        kind="arithmetic",
        claims=tuple(c for _, _, cs in members for c in cs),
        severity=0 if alike else 2,
        statement="Accuracy, precision and recall of one class imply its share of the test images; the "
        f"{len(members)} networks "
        + ("agree on it." if alike else "disagree, as if each had been tested on other images."),
        witness=f"Share = (1 − accuracy)/(1 − recall + recall·(1 − precision)/precision). {words}."
        + (f" {classes} (1 point of play)." if classes else ""),
        repair="" if alike else "the averaging of each score, or the images that each network was tested on.",
    )
