"""Counts: classes against totals, splits against datasets, folds against sums, and all against what the source publishes."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from leukbench.audit.rounding import printed_interval, shown
from leukbench.audit.selection import Draft, count_of, fold_of, own
from leukbench.papers.schema import Claim, Paper

COUNTED = ("n_images", "n_subjects")
BATCHES = (4, 8, 10, 16, 20, 24, 32, 40, 48, 50, 64, 96, 100, 128, 200, 256, 512)


@functools.cache
def public_counts() -> dict[str, Any]:
    """Return the public facts about sources: pools, classes, subjects."""
    text = Path(__file__).with_name("public_counts.json").read_text(encoding="utf-8")
    facts: dict[str, Any] = json.loads(text)
    return facts


def counted(paper: Paper, *metrics: str) -> list[Claim]:
    """Return the paper's own counts that are exact whole numbers."""
    return [c for c in own(paper) if c.metric in (metrics or COUNTED) and count_of(c) is not None]


def _n(claim: Claim) -> int:
    value = count_of(claim)
    assert value is not None
    return value


def _sum_draft(check: str, total: Claim, parts: list[Claim], what: str, *, severity: int = 1) -> Draft:
    value, stated = sum(_n(p) for p in parts), _n(total)
    good = value == stated
    unit = (
        "subjects"
        if total.metric == "n_subjects"
        else ("parameters" if total.metric.startswith("params") else "images")
    )
    return Draft(
        check=check,
        status="consistent" if good else "inconsistent",
        kind="arithmetic",
        claims=(total, *parts),
        severity=0 if good else severity,
        statement=f"{what}: the parts "
        + (
            f"add up to the {stated} {unit} stated."
            if good
            else f"add up to {value}, not to the {stated} {unit} stated."
        ),
        witness=" + ".join(p.value for p in parts)
        + f" = {value}; stated: {stated}"
        + ("." if good else f", a difference of {stated - value}."),
        repair="" if good else f"one part or the total misprinted by {abs(stated - value)}.",
        members=() if good else ((total.id,), *((p.id,) for p in parts)),
    )


def check_stated_sums(paper: Paper) -> list[Draft]:
    """A total that is said to be made of parts is their sum."""
    by_id = {c.id: c for c in paper.claims}
    found = []
    for total in counted(paper, *COUNTED, "params_total", "params_trainable"):
        parts = [by_id[i] for i in total.derived_from]
        if len(parts) > 1 and all(count_of(p) is not None for p in parts):
            found.append(_sum_draft("stated_sums", total, parts, _place(total)))
    return found


def _place(claim: Claim) -> str:
    words = [
        claim.metric.replace("n_images", "images").replace("n_subjects", "subjects"),
        claim.condition,
        claim.split,
        f"fold {fold_of(claim)}" if fold_of(claim) else "",
        claim.class_,
        claim.model,
    ]
    return ", ".join(w for w in words if w)


Key = tuple[str, ...]


def _groups(claims: Iterable[Claim], *, without: str) -> dict[Key, dict[str, list[Claim]]]:
    """Group counts by all keys but one; the values of that one lead to the claims."""
    found: dict[Key, dict[str, list[Claim]]] = {}
    for c in claims:
        parts = {
            "metric": c.metric,
            "study": c.study,
            "model": c.model,
            "condition": c.condition,
            "split": c.split,
            "fold": fold_of(c),
            "class": c.class_,
        }
        free = parts.pop(without)
        found.setdefault(tuple(parts.values()), {}).setdefault(free, []).append(c)
    return found


def check_class_sums(paper: Paper) -> list[Draft]:
    """The classes of a part add up to its total."""
    found = []
    for key, by_class in _groups(counted(paper), without="class").items():
        totals, classes = by_class.pop("", []), by_class
        study = paper.studies.get(key[1])
        if not totals or len(classes) < 2 or (study and len(classes) < len(study.classes)):
            continue
        for total in _distinct(totals):
            if not total.derived_from:
                found.append(
                    _sum_draft("class_sums", total, [c[0] for c in classes.values()], f"Classes of {_place(total)}")
                )
    return found


def _distinct(claims: list[Claim]) -> list[Claim]:
    return list({_n(c): c for c in reversed(claims)}.values())


def check_fold_sums(paper: Paper) -> list[Draft]:
    """The folds add up to the total over folds."""
    found = []
    for _, by_fold in _groups(counted(paper), without="fold").items():
        totals = by_fold.pop("", [])
        if totals and len(by_fold) >= 2:
            found += [
                _sum_draft("fold_sums", t, [c[0] for c in by_fold.values()], f"Folds of {_place(t)}")
                for t in _distinct(totals)
                if not t.derived_from
            ]
    return found


def check_split_sums(paper: Paper) -> list[Draft]:
    """Training, validation and test parts add up to the whole that they were cut from."""
    found = []
    for _, by_split in _groups(counted(paper), without="split").items():
        wholes = by_split.get("all", []) + by_split.get("", [])
        parts = [by_split[s][0] for s in ("train", "validation", "test", "train+validation") if s in by_split]
        if "train+validation" in by_split and ("train" in by_split or "validation" in by_split):
            continue
        if wholes and len(parts) >= 2:
            found += [
                _sum_draft("split_sums", w, parts, f"Parts of {_place(w)}", severity=1)
                for w in _distinct(wholes)
                if not w.derived_from
            ]
    return found


def check_multipliers(paper: Paper) -> list[Draft]:
    """Augmentation multiplies a count by a whole number, the same one in every fold and part that says so."""
    found = []
    before = {
        (c.study, c.split, fold_of(c), c.class_): c
        for c in counted(paper, "n_images")
        if c.condition in {"", "before augmentation"}
    }
    for c in counted(paper, "n_images"):
        source = before.get((c.study, c.split, fold_of(c), c.class_))
        if c.condition != "after augmentation" or source is None or _n(source) == 0:
            continue
        ratio = Fraction(_n(c), _n(source))
        good = ratio.denominator == 1
        found.append(
            Draft(
                check="multipliers",
                status="consistent" if good else "implausible",
                kind="arithmetic",
                claims=(source, c),
                statement=f"Augmentation multiplies the {c.split} images{' of fold ' + fold_of(c) if fold_of(c) else ''} by "
                f"{shown(ratio, 3)}" + (", a whole number." if good else ", which is no whole number of copies."),
                witness=f"{_n(c)}/{_n(source)} = {shown(ratio, 4)}.",
                repair="" if good else "the number of copies made of each image, or which images were copied.",
            )
        )
    return found


def check_split_shares(paper: Paper) -> list[Draft]:
    """Stated shares of the parts against the stated numbers of images."""
    found = []
    shares: dict[tuple[str, str], Claim] = {}
    for c in own(paper):
        if c.metric == "share" and c.split and printed_interval(c.value) is not None:
            shares.setdefault((c.study, c.split), c)
    sizes = [
        c
        for c in counted(paper, "n_images")
        if not c.class_ and c.split in {"train", "validation", "test"} and c.condition in {"", "before augmentation"}
    ]
    for (study, split), share in shares.items():
        for fold in dict.fromkeys(fold_of(c) for c in sizes):
            parts = {
                c.split: c
                for c in sizes
                if fold_of(c) == fold and c.study in {study, ""} | ({c.study} if not study else set())
            }
            if split not in parts or len(parts) < 2:
                continue
            found.append(_share_draft(share, parts, split, fold))
    return found


def _share_draft(share: Claim, parts: dict[str, Claim], split: str, fold: str) -> Draft:
    total = sum(_n(c) for c in parts.values())
    actual = Fraction(100 * _n(parts[split]), total)
    stated = Fraction(share.number or 0) * (1 if share.unit == "%" or (share.number or 0) > 1 else 100)
    # splitting by whole images, and stating "about 80 %", both allow a point
    good = abs(actual - stated) <= 1
    sum_ = " + ".join(f"{_n(c)} {s}" for s, c in parts.items())
    return Draft(
        check="split_shares",
        status="consistent" if good else "inconsistent",
        kind="arithmetic",
        claims=(share, *parts.values()),
        severity=0 if good else 1,
        statement=f"The {split} part is {shown(actual, 1)} % of the images counted{' in fold ' + fold if fold else ''}; "
        f"{share.value}{'' if '%' in share.value else share.unit} is stated.",
        witness=f"{sum_} = {total}; {_n(parts[split])}/{total} = {shown(actual, 2)} %.",
        repair="" if good else "the shares describe another split than the counts.",
    )


# ---------------------------------------------------------------------------------------------- against public counts


def _facts(paper: Paper, study: str) -> tuple[str, dict[str, Any]] | None:
    if study in paper.studies:
        source = paper.studies[study].source
        return (source, public_counts()[source]) if source in public_counts() else None
    sources = {s.source for s in paper.studies.values()}
    if len(sources) == 1:
        (source,) = sources
        return (source, public_counts()[source]) if source in public_counts() else None
    return None


def public_quantities(facts: dict[str, Any], metric: str, class_: str) -> dict[int, str]:
    """Return the publicly known numbers of images (or subjects) of a class ("" for all) -> what they count."""
    field = "total" if metric == "n_images" else "subjects"
    if class_:
        field = class_ if metric == "n_images" else f"subjects_{class_}"
    found: dict[int, str] = {}
    pools: dict[str, dict[str, Any]] = facts["pools"]
    for name, members in ({n: [n] for n in pools} | facts.get("unions", {})).items():
        if all(field in pools[n] for n in members):
            found.setdefault(sum(pools[n][field] for n in members), name)
    if not class_ and metric == "n_images" and "images" in facts:
        found[facts["images"]] = "the whole release"
    if not class_ and metric == "n_subjects" and "subjects" in facts:
        found[facts["subjects"]] = "the whole release"
    for name, fold in facts.get("folds", {}).items():
        if metric == "n_images" and field in fold:
            found.setdefault(fold[field], f"official fold {name}")
    for name, derived in facts.get("derived", {}).items():
        if metric == "n_images" and field in derived:
            found.setdefault(derived[field], name)
    if not class_ and metric == "n_images":
        found |= {int(n): words for n, words in facts.get("stated_elsewhere", {}).items()}
    return found


def labelled_quantities(facts: dict[str, Any], metric: str, class_: str) -> dict[int, str]:
    """Return the public numbers of images (or subjects) of pools with labels, and of all of them together.

    >>> labelled_quantities(public_counts()["cnmc_2019"], "n_subjects", "")
    {73: 'training', 28: 'preliminary test', 101: 'all pools with labels'}
    """
    whole, prefix = ("total", "") if metric == "n_images" else ("subjects", "subjects_")
    field = prefix + class_ if class_ else whole
    pools = {p: facts["pools"][p][field] for p in facts.get("labelled", ()) if field in facts["pools"][p]}
    return {n: p for p, n in pools.items()} | ({sum(pools.values()): "all pools with labels"} if pools else {})


def _public_class(facts: dict[str, Any], class_: str) -> str | None:
    names = {v.lower(): v for v in facts["classes"].values()} | {"basophil": "basophil"}
    return names.get(class_.lower())


def check_public_counts(paper: Paper) -> list[Draft]:
    """Stated counts of images and subjects against what the source publishes.

    Equality names the pool. What the paper says of the release, or of labelled data, must be publicly there; a class cannot
    have more images than were published, unless copies are counted.
    """
    found = []
    for c in counted(paper):
        known = _facts(paper, c.study)
        if known is None or c.model or c.condition == "after augmentation":
            continue
        facts = known[1]
        class_ = _public_class(facts, c.class_) if c.class_ else ""
        if class_ is None:
            continue
        public = public_quantities(facts, c.metric, class_)
        if c.condition == "labelled" and (labelled := labelled_quantities(facts, c.metric, class_)):
            if _n(c) not in labelled:
                found.append(_not_labelled(c, facts, labelled, public, class_))
                continue
            public = labelled
        what = "subjects" if c.metric == "n_subjects" else "images"
        named = f"{what}{' of ' + c.class_ if c.class_ else ''}"
        if _n(c) in public:
            found.append(
                Draft(
                    check="public_counts",
                    status="consistent",
                    kind="arithmetic",
                    claims=(c,),
                    statement=f"{_n(c)} {named} is the public count of {facts['name'].split(' (')[0]}: {public[_n(c)]}.",
                    witness=f"Public: {public[_n(c)]} = {_n(c)}.",
                )
            )
        elif c.condition in {"public release", "labelled"} or (c.split == "all" and not c.condition and public):
            found.append(_not_public(c, facts, public, named, class_))
        elif fold_of(c) and c.split in {"", "all"} and not c.class_ and "folds" in facts:
            fold = facts["folds"].get(fold_of(c))
            if fold and fold["total"] != _n(c):
                found.append(
                    Draft(
                        check="public_counts",
                        status="inconsistent",
                        kind="arithmetic",
                        claims=(c,),
                        severity=1,
                        statement=f"Fold {fold_of(c)} is said to have {_n(c)} images; the official fold has {fold['total']}.",
                        witness=f"Public: {fold['total']}; stated: {_n(c)}; a difference of {_n(c) - fold['total']}.",
                        repair="the official fold, or another cut of the training pool.",
                    )
                )
    return found


def _not_labelled(
    c: Claim, facts: dict[str, Any], labelled: dict[int, str], public: dict[int, str], class_: str
) -> Draft:
    """Return what a number said to be labelled means: above all labels published it is impossible, below it may be a choice."""
    n, largest = _n(c), max(labelled)
    near = min(labelled, key=lambda k: abs(k - n))
    what = f"{'subjects' if c.metric == 'n_subjects' else 'images'}{' of ' + c.class_ if c.class_ else ''}"
    other = f" {n} is that of {public[n]}, which is not labelled throughout." if n in public else ""
    words = ", ".join(f"{w}: {v}" for v, w in labelled.items())
    above = n > largest and facts.get("counts_complete", True)
    return Draft(
        check="public_counts",
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
    near = min(public, key=lambda k: abs(k - _n(c))) if public else None
    return Draft(
        check="public_counts",
        # a fold may be cut in any way, so that another number than the official fold's is only odd
        status="inconsistent" if facts.get("counts_complete", True) and not fold_of(c) else "implausible",
        kind="arithmetic",
        claims=(c,),
        severity=1,
        statement=f"{_n(c)} {named} is no public count of {facts['name'].split(' (')[0]}.",
        witness=f"Nearest public number: {near} ({public[near]})." if near is not None else "",
        repair=(f"{near} ({public[near]})" if near is not None else "the release that was used")
        + (
            ""
            if facts.get("counts_complete", True)
            else ", or another version of the release, or images with several labels counted."
        ),
    )


def check_derived_release(paper: Paper) -> list[Draft]:
    """A dataset whose classes have exactly the sizes of a public augmented release of fewer originals."""
    found = []
    for key, by_class in _groups(counted(paper, "n_images"), without="class").items():
        known = _facts(paper, key[1])
        counts = {c: cs[0] for c, cs in by_class.items() if c}
        if known is None or len(counts) < 2:
            continue
        for name, derived in known[1].get("derived", {}).items():
            if all((p := _public_class(known[1], c)) and derived.get(p) == _n(cl) for c, cl in counts.items()):
                source = next(iter(known[1]["pools"].values()))
                factors = ", ".join(
                    f"{c}: {_n(cl)}/{source[_public_class(known[1], c) or c]} = "
                    f"{shown(Fraction(_n(cl), source[_public_class(known[1], c) or c]), 1)}"
                    for c, cl in counts.items()
                )
                found.append(
                    Draft(
                        check="derived_release",
                        status="implausible",
                        kind="protocol",
                        claims=tuple(counts.values()),
                        severity=3,
                        statement=f"The {sum(_n(c) for c in counts.values())} images are those of {name}: copies of {source['total']} originals.",
                        witness=f"Images a class against originals: {factors}. {derived.get('note', '')}.".replace(
                            "..", "."
                        ),
                        repair="say which images are copies of one original, and split the originals.",
                    )
                )
    return found


def check_public_pool_is_training(paper: Paper) -> list[Draft]:
    """A training part whose classes are exactly a public pool, or exactly the union of several that include the public test.

    If a test part is stated besides it and the source has no more images, the test images are part of that pool or copies.
    """
    found = []
    for key, by_class in _groups(counted(paper, "n_images"), without="class").items():
        known = _facts(paper, key[1])
        counts = {c: cs[0] for c, cs in by_class.items() if c}
        if known is None or len(counts) < 2 or key[4] not in {"train", "train+validation"}:
            continue
        pools = known[1]["pools"]
        unions = {name: [name] for name in pools} | known[1].get("unions", {})
        for name, members in unions.items():
            if (len(members) > 1 or known[1].get("augmented_release")) and all(
                (p := _public_class(known[1], c)) and _n(cl) == sum(pools[m].get(p, 0) for m in members)
                for c, cl in counts.items()
            ):
                found.append(
                    _pool_draft(paper, key, counts, name, members, pools, bool(known[1].get("augmented_release")))
                )
    return found


def _pool_draft(
    paper: Paper,
    key: Key,
    counts: dict[str, Claim],
    name: str,
    members: list[str],
    pools: dict[str, Any],
    augmented: bool,
) -> Draft:
    total = sum(_n(c) for c in counts.values())
    tests = [
        c
        for c in counted(paper, "n_images")
        if c.split == "test" and not c.class_ and c.study in {key[1], ""} and not fold_of(c)
    ]
    lines = "; ".join(
        f"{c}: " + " + ".join(str(pools[m].get(c.lower(), pools[m].get(c, "?"))) for m in members) + f" = {_n(cl)}"
        for c, cl in counts.items()
    )
    extra = ""
    if tests:
        t = _n(tests[0])
        extra = (
            f" A test part of {t} images is stated besides; the source has no further images of these classes, so it was cut from "
            f"the same {total} (leaving {total - t} to train on) or consists of further copies of them."
        )
    return Draft(
        check="public_pool_is_training",
        status="implausible",
        kind="protocol",
        claims=(*counts.values(), *tests[:1]),
        severity=3,
        statement=f"The training images, class by class, are exactly {name}"
        + (
            ", an already augmented release whose own test part is counted in it."
            if augmented and len(members) > 1
            else "."
        ),
        witness=f"{lines}.{extra}",
        repair="say from which pool training and test images came, and that no original stands on both sides.",
    )


def check_oversampling(paper: Paper) -> list[Draft]:
    """A class with more images, over all parts, than the source published: copies are counted; how many originals follow.

    If training, validation and test parts of one class add up to a public count, the parts are a cut of that pool; where
    another class then exceeds its own public count, the excess is copies, and the originals left for training follow.
    """
    found = []
    groups: dict[tuple[str, str, str], dict[str, Claim]] = {}
    for c in counted(paper, "n_images"):
        if (
            c.class_
            and c.split in {"train", "validation", "test"}
            and not fold_of(c)
            and not c.model
            and c.condition != "after augmentation"
        ):
            groups.setdefault((c.study, c.condition, c.class_), {}).setdefault(c.split, c)
    for (study, _, class_), parts in groups.items():
        known = _facts(paper, study)
        public_name = _public_class(known[1], class_) if known else None
        if known is None or public_name is None or "train" not in parts or len(parts) < 2:
            continue
        pools = {p: v[public_name] for p, v in known[1]["pools"].items() if public_name in v}
        total, largest = sum(_n(c) for c in parts.values()), sum(pools.values())
        sum_ = " + ".join(str(_n(c)) for c in parts.values())
        same = [p for p, v in pools.items() if v == total]
        if same:
            found.append(
                Draft(
                    check="oversampling",
                    status="consistent",
                    kind="arithmetic",
                    claims=tuple(parts.values()),
                    statement=f"The parts of class {class_} are together exactly the public {same[0]} pool, so the split is a "
                    "cut of that pool.",
                    witness=f"{sum_} = {total} = public {same[0]}.",
                )
            )
        elif total > max(pools.values()):
            held = sum(_n(c) for s, c in parts.items() if s != "train")
            pool = max(pools, key=lambda p: pools[p])
            originals = pools[pool] - held
            found.append(
                Draft(
                    check="oversampling",
                    status="implausible",
                    kind="protocol",
                    claims=tuple(parts.values()),
                    severity=2,
                    statement=f"Class {class_} counts {total} images, but the public {pool} pool has {pools[pool]}: training images are repeated "
                    f"or augmented copies, at most {max(originals, 0)} are originals.",
                    witness=f"{sum_} = {total}; public {pool} pool: {pools[pool]}; {pools[pool]} − {held} held out = {originals} originals for "
                    f"{_n(parts['train'])} training images"
                    + (
                        f" (all labelled pools together have {largest}, which would leave {max(largest - held, 0)})."
                        if largest != pools[pool]
                        else "."
                    ),
                    repair="say how the class was enlarged, and that this happened after the split.",
                )
            )
    return found


def check_class_shares(paper: Paper) -> list[Draft]:
    """The class shares of a test matrix against those of the public pool: a random cut keeps them within a few errors.

    More than five standard errors √(π(1 − π)/n) away, the test images are no random cut of the pool.
    """
    from leukbench.audit.selection import matrices, total_is_stated

    found = []
    seen: set[tuple[str, ...]] = set()
    for m in matrices(paper):
        known = _facts(paper, m.key[0])
        if known is None or not m.exact or not m.actual_known or not m.matrix.id or not total_is_stated(paper, m):
            continue
        sizes = {c: sum(line) for c, line in zip(m.matrix.classes, m.counts(), strict=True)}
        names = {c: _public_class(known[1], c) for c in sizes}
        pools = {p: {c: v.get(names[c] or "") for c in sizes} for p, v in known[1]["pools"].items()}
        usable = {p: {c: n for c, n in v.items() if n} for p, v in pools.items() if all(v.values())}
        n, first = sum(sizes.values()), next(iter(sizes))
        if not usable or n == 0 or (key := (m.matrix.where, str(sizes))) in seen:
            continue
        seen.add(key)
        shares = {p: Fraction(v[first], sum(v.values())) for p, v in usable.items()}
        far = {
            p: abs(Fraction(sizes[first], n) - s) > 5 * Fraction((float(s * (1 - s)) / n) ** 0.5)
            for p, s in shares.items()
        }
        odd = all(far.values())
        words = "; ".join(f"{p}: {shown(100 * s, 1)} %" for p, s in shares.items())
        found.append(
            Draft(
                check="class_shares",
                status="implausible" if odd else "consistent",
                kind="protocol",
                claims=m.claims,
                severity=2 if odd else 0,
                statement=f"{shown(Fraction(100 * sizes[first], n), 1)} % of the {n} images of {m.matrix.where} are {first}"
                + (
                    ", far from every public pool: they are no random cut of it." if odd else ", as in the public pool."
                ),
                witness=f"{sizes[first]}/{n}; {words}; one standard error at n = {n} is about "
                f"{100 * (float(next(iter(shares.values())) * (1 - next(iter(shares.values())))) / n) ** 0.5:.1f} points.",
                repair="say which images these are." if odd else "",
            )
        )
    return found


# ----------------------------------------------------------------------------------------------------------- iterations


def check_iterations(paper: Paper) -> list[Draft]:
    """Iterations = epochs × batches: which numbers of training images and batch sizes explain the stated ones.

    With the last incomplete batch dropped, batches = ⌊n/b⌋, else ⌈n/b⌉; every stated count of training images, and every
    stated pool less the stated test images, is tried with the stated batch size or the usual ones.
    """
    iterations = counted(paper, "iterations")
    epochs = {_n(c): c for c in counted(paper, "epochs")}
    if not iterations or not epochs:
        return []
    exact = [i for i in iterations if not i.condition] or iterations
    i = max(exact, key=_n)
    found = []
    for e, claim in epochs.items():
        if e == 0 or (i.model and claim.model and i.model != claim.model):
            continue
        found.append(_iterations_draft(paper, i, claim, e))
    return found[:3]


def _iterations_draft(paper: Paper, i: Claim, claim: Claim, e: int) -> Draft:
    if _n(i) % e:
        return Draft(
            check="iterations",
            status="implausible",
            kind="arithmetic",
            claims=(i, claim),
            severity=1,
            statement=f"{_n(i)} iterations are no whole number per epoch over {e} epochs.",
            witness=f"{_n(i)}/{e} = {shown(Fraction(_n(i), e), 3)}.",
            repair="training was stopped within an epoch.",
        )
    per = _n(i) // e
    sizes: dict[int, str] = {}
    images = [
        c
        for c in counted(paper, "n_images")
        if not c.class_ and c.study in {i.study, ""} | ({c.study} if not i.study else set())
    ]
    for c in images:
        if c.split in {"train", "train+validation"}:
            sizes.setdefault(_n(c), f"the {_n(c)} stated for {c.split}")
            for t in images:
                if t.split == "test" and _n(c) > _n(t):
                    sizes.setdefault(
                        _n(c) - _n(t), f"{_n(c)} − {_n(t)} (the stated training pool less the stated test images)"
                    )
    stated = [_n(c) for c in counted(paper, "batch_size")]
    hits = [
        (b, words, "incomplete batches dropped" if n // b == per else "last batch incomplete")
        for b in (stated or BATCHES)
        for n, words in sizes.items()
        if per in {n // b, -(-n // b)}
    ]
    bands = ", ".join(f"{b}: {per * b}–{per * b + b - 1}" for b in (stated or (32, 64, 128)))
    return Draft(
        check="iterations",
        status="consistent" if hits else "uncheckable",
        kind="arithmetic",
        claims=(i, claim),
        severity=1,
        statement=f"{_n(i)} iterations over {e} epochs are {per} batches an epoch"
        + (
            f", which {hits[0][1]} explain with batches of {hits[0][0]} ({hits[0][2]})."
            if hits
            else "; no stated count explains that."
        ),
        witness=f"{_n(i)}/{e} = {per}. Training images by batch size (incomplete batches dropped): {bands}."
        + (" All that fit: " + "; ".join(f"{w} with batches of {b}" for b, w, _ in hits[:6]) + "." if hits else ""),
        repair="the batch size and the number of training images.",
    )
