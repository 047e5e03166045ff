"""Cuts: parts that are an exact share of the images, and publisher's test pools that are described but not tested
on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from leukbench.audit.engine.rounding import shown
from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.public_counts import public_counts
from leukbench.audit.readings.texts import fact_of
from leukbench.audit.readings.whole_numbers import counted
from leukbench.papers.schema import Claim

USUAL_SHARES = tuple(Fraction(p, 100) for p in (5, 10, 15, 20, 25, 30, 40, 50))


def check_exact_shares(ledger: Ledger) -> list[Draft]:
    """Parts that are a usual share of their whole to the very image were cut by image.

    A cut by patient gives what whole patients add up to: with m images a patient it meets ⌊sn⌋ or ⌈sn⌉ about twice
    in m times, so two parts or more that all do are no accident. Only where the source has at least 20 images a
    patient.
    """
    found = []
    for name, study in ledger.paper.studies.items():
        facts = public_counts().get(study.source, {})
        images, subjects = facts.get("images"), facts.get("subjects")
        if not images or not subjects or images < 20 * subjects:
            continue
        parts = list(_parts(ledger, name))
        for split in ("test", "validation"):
            cut = [(c, n) for c, n in parts if c.split == split]
            share = _common_share(cut) if len(cut) >= 2 else None
            if share is not None:
                by_patient = fact_of(ledger.paper, "patient_level_split", name).startswith("yes")
                part = f"Every {split} part of study {name}"
                found.append(_cut_draft(part, cut, share, images // subjects, by_patient=by_patient))
    return found


def _common_share(cut: list[tuple[Claim, int]]) -> Fraction | None:
    """Return the usual share that each of these parts is of its whole, None where they have none in common."""
    return next((s for s in USUAL_SHARES if all(_is_share(count_of(c) or 0, n, s) for c, n in cut)), None)


def _cut_draft(
    part: str, cut: list[tuple[Claim, int]], share: Fraction, images_a_patient: int, *, by_patient: bool
) -> Draft:
    percent = f"{shown(100 * share, 0)} %"
    lines = "; ".join(f"{c.value} of {n} ({_name(c)}): {percent} is {shown(share * n, 1)}" for c, n in cut)
    return Draft(
        check="exact_shares",
        status="implausible",
        kind="protocol",
        claims=tuple(c for c, _ in cut),
        severity=3 if by_patient else 2,
        statement=f"{part} is {percent} of its images to the image, as a cut by image gives"
        + (
            ", although the split is said to be by patient."
            if by_patient
            else " and a cut by patient would only by accident."
        ),
        witness=f"{lines}. The source has about {images_a_patient} images a patient, so whole patients would add up "
        "to other numbers.",
        repair="the list of training and test images.",
    )


def _name(c: Claim) -> str:
    return ", ".join(x for x in (f"fold {c.of_fold}" if c.of_fold else "", c.class_) if x) or c.split


def _is_share(part: int, whole: int, share: Fraction) -> bool:
    return part in {math.floor(share * whole), math.ceil(share * whole)}


def _parts(ledger: Ledger, study: str) -> Iterator[tuple[Claim, int]]:
    """Return each test and validation count with the sum of the parts of the same fold and class; class counts
    before totals."""
    groups: dict[tuple[str, str, str], dict[str, Claim]] = {}
    for c in counted(ledger, "n_images"):
        if (
            c.study == study
            and not c.model
            and c.condition in {"", "before augmentation"}
            and c.split in {"train", "validation", "test"}
        ):
            groups.setdefault((c.condition, c.of_fold, c.class_), {}).setdefault(c.split, c)
    folds = {(condition, fold) for condition, fold, _ in groups}
    for (condition, fold, class_), by_split in groups.items():
        total_of_parts = (not fold and any(f for c, f in folds if c == condition)) or (
            not class_ and any(k for c, f, k in groups if (c, f) == (condition, fold) and k)
        )
        if "train" in by_split and not total_of_parts:
            whole = sum(count_of(c) or 0 for c in by_split.values())
            yield from ((c, whole) for s, c in by_split.items() if s != "train")


def check_described_pools(ledger: Ledger) -> list[Draft]:
    """Test pools of the publisher that the paper describes, while every score is counted on other numbers of images."""
    found = []
    for name in ledger.paper.studies:
        tests = [c for c in counted(ledger, "n_images") if c.study == name and c.split == "test" and not c.class_]
        pools = [c for c in tests if c.condition.startswith("public release")]
        used = {count_of(c): c for c in tests if not c.condition.startswith("public release")}
        totals = {sum(map(sum, m.counts())) for m in ledger.matrices if m.key[0] == name and m.key[2] == "test"}
        if not pools or not used or any(count_of(p) in set(used) | totals for p in pools):
            continue
        found.append(
            Draft(
                check="described_pools",
                status="implausible",
                kind="protocol",
                claims=(*pools, *used.values()),
                severity=1,
                statement=f"The publisher's test images ({' and '.join(p.value for p in pools)}) are described, "
                "but no figure is counted on them.",
                witness=f"Numbers of test images that figures are given for: {', '.join(str(n) for n in used)}.",
                repair="a score on the publisher's test images, or the words that they were not used.",
            )
        )
    return found
