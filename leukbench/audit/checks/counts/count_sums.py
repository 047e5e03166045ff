"""Counts: classes against totals, splits against datasets, folds against sums, shares and iterations."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from leukbench.audit.engine.rounding import Interval, printed_interval, shown
from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.class_sizes import class_sizes, own_totals, sizes_of_part
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.texts import fact_of
from leukbench.audit.readings.whole_numbers import COUNTED, claim_groups, counted, number_of
from leukbench.papers.schema import Claim
from leukbench.papers.vocabulary import AUGMENTED

BATCHES = (4, 8, 10, 16, 20, 24, 32, 40, 48, 50, 64, 96, 100, 128, 200, 256, 512)


def _sum_draft(check: str, total: Claim, parts: list[Claim], what: str, *, severity: int = 1) -> Draft:
    value, stated = sum(number_of(p) for p in parts), number_of(total)
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


def _apart_draft(ledger: Ledger, check: str, total: Claim, parts: list[Claim], what: str) -> Draft:
    """Return the finding on parts that hold each image once; a subject may be in several of them, unless the split is
    said to be by patient, so that subjects are fewer than their parts' sum and no fewer than the largest.
    """
    draft = _sum_draft(check, total, parts, what)
    several = total.metric == "n_subjects" and not (
        check != "class_sums" and fact_of(ledger.paper, "patient_level_split", total.study).startswith("yes")
    )
    if not several or draft.status == "consistent":
        return draft
    numbers = [number_of(p) for p in parts]
    if not max(numbers) <= number_of(total) <= sum(numbers):
        return draft
    return replace(
        draft,
        status="consistent",
        severity=0,
        statement=f"{what}: {sum(numbers)} subjects in {len(parts)} parts can be {number_of(total)}, some in several.",
        repair="",
        members=(),
    )


def check_stated_sums(ledger: Ledger) -> list[Draft]:
    """A total that is said to be made of parts is their sum."""
    by_id = {c.id: c for c in ledger.paper.claims}
    found = []
    for total in counted(ledger, *COUNTED, "params_total", "params_trainable"):
        parts = [by_id[i] for i in total.derived_from]
        if len(parts) > 1 and all(count_of(p) is not None for p in parts):
            found.append(_sum_draft("stated_sums", total, parts, _place(total)))
    return found


def _place(claim: Claim) -> str:
    words = [
        claim.metric.replace("n_images", "images").replace("n_subjects", "subjects"),
        claim.condition,
        claim.split,
        f"fold {claim.of_fold}" if claim.of_fold else "",
        claim.class_,
        claim.model,
    ]
    return ", ".join(w for w in words if w)


def check_class_sums(ledger: Ledger) -> list[Draft]:
    """The classes of a part add up to its total; a subject may be of several."""
    found = []
    for key, by_class in claim_groups(counted(ledger), without="class").items():
        totals, classes = by_class.pop("", []), by_class
        study = ledger.paper.studies.get(key[1])
        if not totals or len(classes) < 2 or (study and len(classes) < len(study.classes)):
            continue
        for total in _distinct(totals):
            if not total.derived_from:
                found.append(
                    _apart_draft(
                        ledger, "class_sums", total, [c[0] for c in classes.values()], f"Classes of {_place(total)}"
                    )
                )
    return found


def check_own_totals(ledger: Ledger) -> list[Draft]:
    """A network's own number of images against the class counts of its part, which name no network."""
    found: dict[Claim, Draft] = {}
    for row in ledger.rows:
        sizes, totals = sizes_of_part(ledger, row.key), own_totals(ledger, row.key)
        if sizes is None or not totals or sizes.total in totals or class_sizes(ledger, row.key) is not None:
            continue
        n, claim = next(iter(totals.items()))
        counts = " + ".join(f"{count} {name}" for name, count in sizes.counts.items())
        found[claim] = Draft(
            check="own_totals",
            status="uncheckable",
            kind="arithmetic",
            claims=(claim, *sizes.claims),
            severity=1,
            statement=f"{row.label} is counted on {n} images, the class counts stated for that part add up to "
            f"{sizes.total}; what needs its class counts was not checked.",
            witness=f"{counts} = {sizes.total}, not {n}.",
            repair="the class counts of its own images, or one of the numbers corrected.",
        )
    return list(found.values())


def _distinct(claims: list[Claim]) -> list[Claim]:
    return list({number_of(c): c for c in reversed(claims)}.values())


def check_fold_sums(ledger: Ledger) -> list[Draft]:
    """The folds add up to the total over folds.

    Training parts of a cross-validation overlap, and a total far from the folds' sum is that of another part (one kept
    out of all folds, say), so that only totals within a quarter of it are held against it.
    """
    found = []
    for _, by_fold in claim_groups(counted(ledger), without="fold").items():
        totals = by_fold.pop("", [])
        value = sum(number_of(c[0]) for c in by_fold.values())
        if len(by_fold) >= 2:
            found += [
                _apart_draft(ledger, "fold_sums", t, [c[0] for c in by_fold.values()], f"Folds of {_place(t)}")
                for t in _distinct(totals)
                if not t.derived_from and 4 * abs(number_of(t) - value) <= value
            ]
    return found


def check_split_sums(ledger: Ledger) -> list[Draft]:
    """Training, validation and test parts add up to the whole that they were cut from.

    A validation part may be taken from the training part, or be the test part under another name; with no validation
    part printed, what is missing may be one.
    """
    found = []
    for _, by_split in claim_groups(counted(ledger), without="split").items():
        wholes = by_split.get("all", []) + by_split.get("", [])
        parts = [by_split[s][0] for s in ("train", "validation", "test", "train+validation") if s in by_split]
        if "train+validation" in by_split and ("train" in by_split or "validation" in by_split):
            continue
        if wholes and len(parts) >= 2:
            found += [_split_draft(ledger, w, parts) for w in _distinct(wholes) if not w.derived_from]
    return found


def _split_draft(ledger: Ledger, whole: Claim, parts: list[Claim]) -> Draft:
    """Return the finding on parts of a whole: their sum, without a validation part that lies within another one."""
    apart = [p for p in parts if p.split != "validation"]
    if len(apart) > 1 and sum(number_of(p) for p in apart) == number_of(whole):
        parts = apart
    draft = _apart_draft(ledger, "split_sums", whole, parts, f"Parts of {_place(whole)}")
    rest = number_of(whole) - sum(number_of(p) for p in parts)
    if rest <= 0 or {p.split for p in parts} & {"validation", "train+validation"}:
        return draft
    repair = f"a validation part of {rest} images that is not printed; else {draft.repair}"
    return replace(draft, status="implausible", members=(), repair=repair)


def check_multipliers(ledger: Ledger) -> list[Draft]:
    """Augmentation multiplies a count by a whole number, the same one in every fold and part that says so.

    Classes that are all brought to one number are balanced, and of a whole only a part may be augmented: neither needs
    whole copies.
    """
    found = []
    before: dict[tuple[str, ...], Claim] = {
        (c.study, c.split, c.of_fold, c.class_): c
        for c in counted(ledger, "n_images")
        if c.condition in {"", "before augmentation"}
    }
    for c in counted(ledger, "n_images"):
        source = before.get((c.study, c.split, c.of_fold, c.class_))
        if c.condition != AUGMENTED or source is None or number_of(source) == 0:
            continue
        ratio = Fraction(number_of(c), number_of(source))
        if ratio.denominator > 1 and (_balanced(ledger, c) or _of_a_part(ledger, source, c, before)):
            continue
        found.append(_multiplier_draft(source, c, ratio))
    return found


def _multiplier_draft(source: Claim, made: Claim, ratio: Fraction) -> Draft:
    good = ratio.denominator == 1
    of_fold = f" of fold {made.of_fold}" if made.of_fold else ""
    return Draft(
        check="multipliers",
        status="consistent" if good else "implausible",
        kind="arithmetic",
        claims=(source, made),
        statement=f"Augmentation multiplies the {made.split} images{of_fold} by {shown(ratio, 3)}"
        + (", a whole number." if good else ", which is no whole number of copies."),
        witness=f"{number_of(made)}/{number_of(source)} = {shown(ratio, 4)}.",
        repair="" if good else "the number of copies made of each image, or which images were copied.",
    )


def _balanced(ledger: Ledger, made: Claim) -> bool:
    """Whether another class of the same part has as many images after augmentation."""
    return bool(made.class_) and any(
        c.condition == AUGMENTED and c.class_ not in {"", made.class_} and number_of(c) == number_of(made)
        for c in counted(ledger, "n_images")
        if (c.study, c.split, c.of_fold) == (made.study, made.split, made.of_fold)
    )


def _of_a_part(ledger: Ledger, whole: Claim, made: Claim, before: dict[tuple[str, ...], Claim]) -> bool:
    """Whether a whole grew by what its augmented parts grew by."""
    grown = [
        number_of(c) - number_of(source)
        for c in counted(ledger, "n_images")
        if c.condition == AUGMENTED
        and (c.study, c.of_fold, c.class_) == (made.study, made.of_fold, made.class_)
        and c.split not in {"", "all"}
        and (source := before.get((c.study, c.split, c.of_fold, c.class_))) is not None
    ]
    return made.split in {"", "all"} and bool(grown) and sum(grown) == number_of(made) - number_of(whole)


def check_split_shares(ledger: Ledger) -> list[Draft]:
    """Stated shares of the parts against the stated numbers of images.

    Where a part has a share but no number, or a part may be missing altogether, its images are not known.
    """
    found = []
    shares: dict[tuple[str, str], Claim] = {}
    for c in ledger.own:
        if c.metric == "share" and c.split and printed_interval(c.value) is not None:
            shares.setdefault((c.study, c.split), c)
    sizes = [
        c
        for c in counted(ledger, "n_images")
        if not c.class_ and c.split in {"train", "validation", "test"} and c.condition in {"", "before augmentation"}
    ]
    for (study, split), share in shares.items():
        stated = {s: c for (of, s), c in shares.items() if of == study}
        for name, fold in dict.fromkeys((study or c.study, c.of_fold) for c in sizes):
            parts = {c.split: c for c in sizes if c.of_fold == fold and c.study in {name, ""}}
            if split not in parts or len(parts) < 2 or not set(stated) <= set(parts):
                continue
            found.append(_share_draft(ledger, share, parts, fold, _whole_is_printed(parts, stated)))
    return found


def _whole_is_printed(parts: dict[str, Claim], stated: dict[str, Claim]) -> bool:
    """Whether the parts are all there are: a validation part is printed, or the shares of the others add up to all."""
    values = [(Fraction(c.number or 0), c.unit == "%") for c in stated.values()]
    total = sum((v * (1 if percent or v > 1 else 100) for v, percent in values), Fraction(0))
    return "validation" in parts or abs(total - 100) <= 1


def _share_draft(ledger: Ledger, share: Claim, parts: dict[str, Claim], fold: str, whole: bool) -> Draft:
    """``whole``: no part is missing."""
    split = share.split
    total = sum(number_of(c) for c in parts.values())
    actual = Fraction(100 * number_of(parts[split]), total)
    interval = printed_interval(share.value)
    assert interval is not None
    stated = interval.times(1 if share.unit == "%" or (share.number or 0) > 1 else 100)
    good = any(_near(s, stated, total) for s in _possible_shares({s: number_of(c) for s, c in parts.items()}, split))
    by_patient = fact_of(ledger.paper, "patient_level_split", parts[split].study).startswith("yes")
    open_ = by_patient or share.condition or (not whole and stated.low < actual)
    status = "consistent" if good else "implausible" if open_ else "inconsistent"
    sum_ = " + ".join(f"{number_of(c)} {s}" for s, c in parts.items())
    return Draft(
        check="split_shares",
        status=status,
        kind="arithmetic",
        claims=(share, *parts.values()),
        severity=0 if good else 1,
        statement=f"The {split} part is {shown(actual, 1)} % of the images "
        f"counted{' in fold ' + fold if fold else ''}; "
        f"{share.value}{'' if '%' in share.value else share.unit} is stated.",
        witness=f"{sum_} = {total}; {number_of(parts[split])}/{total} = {shown(actual, 2)} %.",
        repair=""
        if good
        else "the shares describe another split than the counts"
        + (", or are shares of patients." if by_patient else ", or a part is not printed." if open_ else "."),
    )


def _possible_shares(counts: dict[str, int], split: str) -> list[Fraction]:
    """Return the shares in per cent that a part's images can be said to be.

    Of all; a validation part may be cut from the training images (and counted among them or not), or lie within them.
    """
    total, v, t = sum(counts.values()), counts.get("validation", 0), counts.get("train", 0)
    n = counts[split]
    pairs = [(n, total), (n, total - v)]
    if split == "validation":
        pairs += [(n, t), (n, t + v)]
    if split == "train":
        pairs.append((t + v, total))
    return [Fraction(100 * part, whole) for part, whole in pairs if whole]


def _near(share: Fraction, stated: Interval, n: int) -> bool:
    """Whether a share of n images in per cent can be the stated one: "about 80 %" allows a point, and cutting up to ten
    classes by whole images ten images."""
    play = 1 + Fraction(100 * min(10, n // 20), n)
    return stated.low - play <= share <= stated.high + play


def check_iterations(ledger: Ledger) -> list[Draft]:
    """Iterations = epochs × batches: which numbers of training images and batch sizes explain the stated ones.

    With the last incomplete batch dropped, batches = ⌊n/b⌋, else ⌈n/b⌉; every stated count of training images, and
    every stated pool less the stated test images, is tried with the stated batch size or the usual ones.
    """
    iterations = [c for c in counted(ledger, "iterations") if "epoch" not in c.condition]  # not those of one epoch
    epochs = {number_of(c): c for c in counted(ledger, "epochs")}
    if not iterations or not epochs:
        return []
    exact = [i for i in iterations if not i.condition] or iterations
    i = max(exact, key=number_of)
    found = []
    for e, claim in epochs.items():
        if e == 0 or (i.model and claim.model and i.model != claim.model):
            continue
        found.append(_batches_draft(ledger, i, claim) if number_of(i) % e == 0 else _broken_epoch_draft(i, claim))
    return found[:3]


def _broken_epoch_draft(iterations: Claim, epochs: Claim) -> Draft:
    i, e = number_of(iterations), number_of(epochs)
    return Draft(
        check="iterations",
        status="implausible",
        kind="arithmetic",
        claims=(iterations, epochs),
        severity=1,
        statement=f"{i} iterations are no whole number per epoch over {e} epochs.",
        witness=f"{i}/{e} = {shown(Fraction(i, e), 3)}.",
        repair="training was stopped within an epoch.",
    )


def _training_sizes(ledger: Ledger, study: str) -> dict[int, str]:
    """Return the numbers of training images that the paper's counts can mean -> what they are."""
    sizes: dict[int, str] = {}
    images = [c for c in counted(ledger, "n_images") if not c.class_ and (not study or c.study in {study, ""})]
    tests = [number_of(c) for c in images if c.split == "test"]
    for c in images:
        if c.split in {"train", "train+validation"}:
            n = number_of(c)
            sizes.setdefault(n, f"the {n} stated for {c.split}")
            for t in tests:
                if n > t:
                    sizes.setdefault(n - t, f"{n} − {t} (the stated training pool less the stated test images)")
    return sizes


def _explaining(ledger: Ledger, study: str, batches: int) -> list[tuple[int, str, str]]:
    """Return (batch size, training images in words, what of the last batch) for all that make so many batches."""
    stated = [number_of(c) for c in counted(ledger, "batch_size")]
    return [
        (b, words, "incomplete batches dropped" if n // b == batches else "last batch incomplete")
        for b in (stated or BATCHES)
        for n, words in _training_sizes(ledger, study).items()
        if batches in {n // b, -(-n // b)}
    ]


def _batches_draft(ledger: Ledger, iterations: Claim, epochs: Claim) -> Draft:
    """Return the finding on a whole number of batches an epoch: which counts and batch sizes explain it."""
    i, e = number_of(iterations), number_of(epochs)
    per = i // e
    hits = _explaining(ledger, iterations.study, per)
    explained = "; no stated count explains that."
    if hits:
        b, words, last = hits[0]
        explained = f", which {words} explain with batches of {b} ({last})."
    stated = [number_of(c) for c in counted(ledger, "batch_size")]
    bands = ", ".join(f"{b}: {per * b}–{per * b + b - 1}" for b in (stated or (32, 64, 128)))
    return Draft(
        check="iterations",
        status="consistent" if hits else "uncheckable",
        kind="arithmetic",
        claims=(iterations, epochs),
        severity=1,
        statement=f"{i} iterations over {e} epochs are {per} batches an epoch{explained}",
        witness=f"{i}/{e} = {per}. Training images by batch size (incomplete batches dropped): {bands}."
        + (" All that fit: " + "; ".join(f"{w} with batches of {b}" for b, w, _ in hits[:6]) + "." if hits else ""),
        repair="the batch size and the number of training images.",
    )
