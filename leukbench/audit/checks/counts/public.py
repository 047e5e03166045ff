"""Stated counts against the public counts of the dataset that they are said to come from."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from leukbench.audit.engine.rounding import shown
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.audit.readings.public_counts import (
    facts_of,
    labelled_quantities,
    public_class,
    public_quantities,
)
from leukbench.audit.readings.whole_numbers import Key, claim_groups, counted, number_of
from leukbench.papers.schema import Claim
from leukbench.papers.vocabulary import AUGMENTED


def check_public_counts(ledger: Ledger) -> list[Draft]:
    """Stated counts of images and subjects against what the source publishes.

    Equality names the pool. What the paper says of the release, or of labelled data, must be publicly there; a
    class cannot have more images than were published, unless copies are counted.
    """
    drafts = (_count_draft(ledger, c) for c in counted(ledger))
    return [d for d in drafts if d is not None]


def _count_draft(ledger: Ledger, c: Claim) -> Draft | None:
    """Return the finding on one stated count beside the public ones; None where they do not speak of the same thing."""
    known = facts_of(ledger, c.study)
    if known is None or c.model or c.condition == AUGMENTED:
        return None
    facts = known[1]
    class_ = public_class(facts, c.class_) if c.class_ else ""
    if class_ is None:
        return None
    public = public_quantities(facts, c.metric, class_)
    if c.condition == "labelled" and (labelled := labelled_quantities(facts, c.metric, class_)):
        if number_of(c) not in labelled:
            return _not_labelled(c, facts, labelled, public, class_)
        public = labelled
    named = f"{'subjects' if c.metric == 'n_subjects' else 'images'}{' of ' + c.class_ if c.class_ else ''}"
    if number_of(c) in public:
        return _public_draft(c, named, facts["name"].split(" (")[0], public[number_of(c)])
    if c.condition in {"public release", "labelled"} or (c.split == "all" and not c.condition and public):
        return _not_public(c, facts, public, named, class_)
    return _fold_size_draft(c, facts.get("folds", {}))


def _public_draft(c: Claim, named: str, source: str, pool: str) -> Draft:
    return Draft(
        check="public_counts",
        status="consistent",
        kind="arithmetic",
        claims=(c,),
        statement=f"{number_of(c)} {named} is the public count of {source}: {pool}.",
        witness=f"Public: {pool} = {number_of(c)}.",
    )


def _fold_size_draft(c: Claim, folds: Mapping[str, Any]) -> Draft | None:
    """Return the finding on a fold's stated size that is not the official fold's; None for anything else."""
    fold = folds.get(c.of_fold) if c.of_fold and c.split in {"", "all"} and not c.class_ else None
    if not fold or fold["total"] == number_of(c):
        return None
    return Draft(
        check="public_counts",
        status="implausible",
        kind="arithmetic",
        claims=(c,),
        severity=1,
        statement=f"Fold {c.of_fold} is said to have {number_of(c)} images; the official fold has {fold['total']}.",
        witness=f"Public: {fold['total']}; stated: {number_of(c)}; a difference of {number_of(c) - fold['total']}.",
        repair="the official fold, or another cut of the training pool.",
    )


def _not_labelled(
    c: Claim, facts: dict[str, Any], labelled: dict[int, str], public: dict[int, str], class_: str
) -> Draft:
    """Return what a number said to be labelled means: above all labels published it is impossible, below it may be
    a choice."""
    n, largest = number_of(c), max(labelled)
    near = min(labelled, key=lambda k: abs(k - n))
    what = f"{'subjects' if c.metric == 'n_subjects' else 'images'}{' of ' + c.class_ if c.class_ else ''}"
    other = f" {n} is that of {public[n]}, which is not labelled throughout." if n in public else ""
    words = ", ".join(f"{w}: {v}" for v, w in labelled.items())
    above = n > largest and facts.get("counts_complete", True)
    return Draft(
        check="public_counts",
        topic=f"labelled {c.metric}",
        status="inconsistent" if above else "implausible",
        kind="arithmetic",
        claims=(c,),
        severity=2 if above else 1,
        statement=f"{n} labelled {what} are "
        + ("more than were ever published with labels" if n > largest else "no public count of labelled ones")
        + f" in {facts['name'].split(' (')[0]}.",
        witness=f"Published with labels: {words}.{other}",
        repair=f"{near} ({labelled[near]})" + ("." if above else ", or the choice that was made among them."),
    )


def _not_public(c: Claim, facts: dict[str, Any], public: dict[int, str], named: str, class_: str) -> Draft:
    near = min(public, key=lambda k: abs(k - number_of(c))) if public else None
    said = c.condition in {"public release", "labelled"}
    return Draft(
        check="public_counts",
        topic="fold" if c.of_fold else "",
        # what is not said of the release may be a choice from it, and a fold may be cut in any way
        status="inconsistent" if said and facts.get("counts_complete", True) and not c.of_fold else "implausible",
        kind="arithmetic",
        claims=(c,),
        severity=1,
        statement=f"{number_of(c)} {named} is no public count of {facts['name'].split(' (')[0]}.",
        witness=f"Nearest public number: {near} ({public[near]})." if near is not None else "",
        repair=(f"{near} ({public[near]})" if near is not None else "the release that was used")
        + (
            ""
            if facts.get("counts_complete", True)
            else ", or another version of the release, or images with several labels counted."
        ),
    )


def check_derived_release(ledger: Ledger) -> list[Draft]:
    """A dataset whose classes have exactly the sizes of a public augmented release of fewer originals."""
    found = []
    for key, by_class in claim_groups(counted(ledger, "n_images"), without="class").items():
        known = facts_of(ledger, key[1])
        counts = {c: cs[0] for c, cs in by_class.items() if c}
        if known is None or len(counts) < 2:
            continue
        for name, derived in known[1].get("derived", {}).items():
            if all((p := public_class(known[1], c)) and derived.get(p) == number_of(cl) for c, cl in counts.items()):
                found.append(_derived_draft(counts, name, derived.get("note", ""), known[1]))
    return found


def _derived_draft(counts: dict[str, Claim], name: str, note: str, facts: dict[str, Any]) -> Draft:
    """Return the finding on class sizes that are those of the augmented release ``name``."""
    source = next(iter(facts["pools"].values()))
    originals = {c: source[public_class(facts, c) or c] for c in counts}
    factors = ", ".join(
        f"{c}: {number_of(cl)}/{originals[c]} = {shown(Fraction(number_of(cl), originals[c]), 1)}"
        for c, cl in counts.items()
    )
    return Draft(
        check="derived_release",
        status="implausible",
        kind="protocol",
        claims=tuple(counts.values()),
        severity=3,
        statement=f"The {sum(number_of(c) for c in counts.values())} images are those of {name}: copies of "
        f"{source['total']} originals.",
        witness=f"Images a class against originals: {factors}. {note}.".replace("..", "."),
        repair="say which images are copies of one original, and split the originals.",
    )


def check_public_pool_is_training(ledger: Ledger) -> list[Draft]:
    """A training part whose classes are exactly a public pool, or exactly the union of several that include the
    public test.

    If a test part is stated besides it and the source has no more images, the test images are part of that pool or
    copies.
    """
    found = []
    for key, by_class in claim_groups(counted(ledger, "n_images"), without="class").items():
        known = facts_of(ledger, key[1])
        counts = {c: cs[0] for c, cs in by_class.items() if c}
        if known is None or len(counts) < 2 or key[4] not in {"train", "train+validation"}:
            continue
        pools = known[1]["pools"]
        unions = {name: [name] for name in pools} | known[1].get("unions", {})
        for name, members in unions.items():
            if (len(members) > 1 or known[1].get("augmented_release")) and all(
                (p := public_class(known[1], c)) and number_of(cl) == sum(pools[m].get(p, 0) for m in members)
                for c, cl in counts.items()
            ):
                found.append(
                    _pool_draft(ledger, key, counts, name, members, pools, bool(known[1].get("augmented_release")))
                )
    return found


def _pool_draft(
    ledger: Ledger,
    key: Key,
    counts: dict[str, Claim],
    name: str,
    members: list[str],
    pools: dict[str, Any],
    augmented: bool,
) -> Draft:
    tests = [c for c in counted(ledger, "n_images") if c.split == "test" and c.study in {key[1], ""}]
    whole = [c for c in tests if not c.class_ and not c.of_fold]
    sums = {c: " + ".join(str(pools[m].get(c.lower(), pools[m].get(c, "?"))) for m in members) for c in counts}
    lines = "; ".join(f"{c}: {sums[c]} = {number_of(claim)}" for c, claim in counts.items())
    beside = _beside_pool(number_of(whole[0]), sum(number_of(c) for c in counts.values())) if whole else ""
    own_test = augmented and len(members) > 1
    return Draft(
        check="public_pool_is_training",
        status="implausible",
        kind="protocol",
        claims=(*counts.values(), *whole[:1]),
        severity=3,
        statement=f"The training images, class by class, are exactly {name}"
        + (", an already augmented release whose own test part is counted in it." if own_test else "."),
        witness=f"{lines}.{beside}",
        repair="say from which pool training and test images came, and that no original stands on both sides.",
    )


def _beside_pool(n_test: int, total: int) -> str:
    return (
        f" A test part of {n_test} images is stated besides; the source has no further images of these classes, so it "
        f"was cut from the same {total} (leaving {total - n_test} to train on) or consists of further copies of them."
    )


def check_oversampling(ledger: Ledger) -> list[Draft]:
    """A class with more images, over all parts, than the source published: copies are counted; how many originals
    follow.

    If training, validation and test parts of one class add up to a public count, the parts are a cut of that pool;
    where another class then exceeds its own public count, the excess is copies, and the originals left for training
    follow.
    """
    found = []
    groups: dict[tuple[str, str, str], dict[str, Claim]] = {}
    for c in counted(ledger, "n_images"):
        if (
            c.class_
            and c.split in {"train", "validation", "test"}
            and not c.of_fold
            and not c.model
            and c.condition != AUGMENTED
        ):
            groups.setdefault((c.study, c.condition, c.class_), {}).setdefault(c.split, c)
    for (study, _, class_), parts in groups.items():
        known = facts_of(ledger, study)
        public_name = public_class(known[1], class_) if known else None
        if known is None or public_name is None or "train" not in parts or len(parts) < 2:
            continue
        pools = {p: v[public_name] for p, v in known[1]["pools"].items() if public_name in v}
        draft = _class_against_pools(class_, parts, pools)
        found += [draft] if draft is not None else []
    return found


def _class_against_pools(class_: str, parts: dict[str, Claim], pools: dict[str, int]) -> Draft | None:
    """Return what the parts of one class mean beside the public pools; None where they are neither one of them nor
    more."""
    total = sum(number_of(c) for c in parts.values())
    sum_ = " + ".join(str(number_of(c)) for c in parts.values())
    same = [p for p, v in pools.items() if v == total]
    if same:
        return Draft(
            check="oversampling",
            status="consistent",
            kind="arithmetic",
            claims=tuple(parts.values()),
            statement=f"The parts of class {class_} are together exactly the public {same[0]} pool, so the split is a "
            "cut of that pool.",
            witness=f"{sum_} = {total} = public {same[0]}.",
        )
    return _enlarged_draft(class_, parts, pools, f"{sum_} = {total}") if total > max(pools.values()) else None


def _enlarged_draft(class_: str, parts: dict[str, Claim], pools: dict[str, int], sum_: str) -> Draft:
    """Return the finding on a class with more images than any public pool has of it; ``sum_``: its parts added up."""
    largest = sum(pools.values())
    pool, n_pool = max(pools.items(), key=lambda item: item[1])
    n_held_out = sum(number_of(c) for s, c in parts.items() if s != "train")
    originals = n_pool - n_held_out
    rest = (
        f" (all labelled pools together have {largest}, which would leave {max(largest - n_held_out, 0)})."
        if largest != n_pool
        else "."
    )
    return Draft(
        check="oversampling",
        status="implausible",
        kind="protocol",
        claims=tuple(parts.values()),
        severity=2,
        statement=f"Class {class_} counts {sum(number_of(c) for c in parts.values())} images, but the public {pool} "
        f"pool has {n_pool}: training images are repeated or augmented copies, at most {max(originals, 0)} are "
        "originals.",
        witness=f"{sum_}; public {pool} pool: {n_pool}; {n_pool} − {n_held_out} held out = {originals} originals "
        f"for {number_of(parts['train'])} training images{rest}",
        repair="say how the class was enlarged, and that this happened after the split.",
    )


def check_class_shares(ledger: Ledger) -> list[Draft]:
    """The class shares of a test matrix against those of the public pool: a random cut keeps them within a few errors.

    More than five standard errors √(π(1 − π)/n) away, the test images are no random cut of the pool.
    """
    from leukbench.audit.readings.class_sizes import total_is_stated

    found = []
    seen: set[tuple[str, ...]] = set()
    for m in ledger.matrices:
        known = facts_of(ledger, m.key[0])
        if known is None or not m.exact or not m.actual_known or not m.matrix.id or not total_is_stated(ledger, m):
            continue
        sizes = {c: sum(line) for c, line in zip(m.matrix.classes, m.counts(), strict=True)}
        shares = _shares_of_first(known[1], sizes)
        if not shares or not any(sizes.values()) or (key := (m.matrix.where, str(sizes))) in seen:
            continue
        seen.add(key)
        found.append(_shares_draft(m, sizes, shares))
    return found


def _shares_of_first(facts: dict[str, Any], sizes: Mapping[str, int]) -> dict[str, Fraction]:
    """Return the share of the first of these classes in each public pool that has all of them."""
    names = {c: public_class(facts, c) for c in sizes}
    pools = {p: [v.get(names[c] or "") for c in sizes] for p, v in facts["pools"].items()}
    return {p: Fraction(v[0], sum(v)) for p, v in pools.items() if all(v)}


def _shares_draft(m: Printed, sizes: Mapping[str, int], shares: Mapping[str, Fraction]) -> Draft:
    n, (first, size) = sum(sizes.values()), next(iter(sizes.items()))
    errors = {p: (float(s * (1 - s)) / n) ** 0.5 for p, s in shares.items()}
    odd = all(abs(Fraction(size, n) - s) > 5 * Fraction(errors[p]) for p, s in shares.items())
    words = "; ".join(f"{p}: {shown(100 * s, 1)} %" for p, s in shares.items())
    return Draft(
        check="class_shares",
        status="implausible" if odd else "consistent",
        kind="protocol",
        claims=m.claims,
        severity=2 if odd else 0,
        statement=f"{shown(Fraction(100 * size, n), 1)} % of the {n} images of {m.matrix.where} are {first}"
        + (", far from every public pool: they are no random cut of it." if odd else ", as in the public pool."),
        witness=f"{size}/{n}; {words}; one standard error at n = {n} is about "
        f"{100 * next(iter(errors.values())):.1f} points.",
        repair="say which images these are." if odd else "",
    )
