"""Augmented copies: from how few originals the counted images come, and whether augmented test images were scored."""

from __future__ import annotations

from fractions import Fraction

from leukbench.audit.engine.rounding import shown
from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.texts import fact_of
from leukbench.audit.readings.whole_numbers import counted
from leukbench.papers.schema import Claim
from leukbench.papers.vocabulary import AUGMENTED

BEFORE = ("public release", "before augmentation", "")
MANY = 3
"""Test images an original from which on the images of a class are called copies of few."""


def check_few_originals(ledger: Ledger) -> list[Draft]:
    """Augmented test images of a class against the originals of that class: b originals cannot give more than b
    independent images.

    With a test images and b originals in all parts, each original stands a/b times in the test part on average,
    more if some originals are kept for training.
    """
    found = []
    for study in dict.fromkeys(c.study for c in counted(ledger, "n_images") if c.condition == AUGMENTED):
        originals = _by_class(ledger, study, BEFORE, {"all", ""})
        tests = _by_class(ledger, study, (AUGMENTED,), {"test"})
        shared = {name: (originals[name], test) for name, test in tests.items() if name in originals}
        if any(_ratio(test, original) >= MANY for original, test in shared.values()):
            found.append(_few_originals_draft(ledger, study, shared))
    return found


def _few_originals_draft(ledger: Ledger, study: str, shared: dict[str, tuple[Claim, Claim]]) -> Draft:
    """Return the finding on classes with few originals; ``shared``: class -> (originals, augmented test images)."""
    copies = [c for c in counted(ledger, "n_images") if c.condition == AUGMENTED]
    every = {name: sum(count_of(c) or 0 for c in copies if _is(c, study, name)) for name in shared}
    words = "; ".join(
        f"{name}: {test.value} test images ({every[name]} in all) of {original.value} originals, "
        f"{shown(Fraction(every[name], count_of(original) or 1), 1)} images each"
        for name, (original, test) in shared.items()
    )
    total = sum(count_of(original) or 0 for original, _ in shared.values())
    tested = sum(count_of(test) or 0 for _, test in shared.values())
    worst, (original, test) = max(shared.items(), key=lambda item: _ratio(item[1][1], item[1][0]))
    return Draft(
        check="few_originals",
        status="implausible",
        kind="protocol",
        claims=tuple(c for pair in shared.values() for c in pair),
        severity=2,
        statement=f"The {tested} test images are made from at most {total} originals; those of {worst}, "
        f"{test.value}, from at most {original.value}.",
        witness=f"{words}. Copies of one image are right or wrong together, so an error rate has at most "
        f"{total} independent observations, fewer if originals are kept apart for training.",
        repair="scores on original test images, or one score an original.",
    )


def _is(c: Claim, study: str, class_: str) -> bool:
    return c.study == study and c.class_ == class_ and not c.of_fold and not c.model


def _by_class(ledger: Ledger, study: str, conditions: tuple[str, ...], splits: set[str]) -> dict[str, Claim]:
    found: dict[str, Claim] = {}
    for condition in conditions:
        for c in counted(ledger, "n_images"):
            if c.condition == condition and c.split in splits and c.class_ and _is(c, study, c.class_) and count_of(c):
                found.setdefault(c.class_, c)
    return found


def _ratio(a: Claim, b: Claim) -> Fraction:
    return Fraction(count_of(a) or 0, count_of(b) or 1)


def check_scored_before_augmentation(ledger: Ledger) -> list[Draft]:
    """Matrices whose cells add up to the test images before augmentation, where the test images are said to be
    augmented."""
    sizes = _before_and_after(ledger)
    lines, claims = [], []
    for m in ledger.matrices:
        pair = sizes.get((m.key[0], m.key[3]), {})
        if m.key[2] != "test" or len(pair) < 2 or count_of(pair["before"]) == count_of(pair["after"]):
            continue
        low, high = (sum((getattr(c, end) for line in m.cells for c in line), Fraction(0)) for end in ("low", "high"))
        if not low <= (count_of(pair["before"]) or 0) <= high or low <= (count_of(pair["after"]) or 0) <= high:
            return []
        sums = shown(low, 0) if low == high else f"{shown(low, 0)} to {shown(high, 0)}"
        where = f"{m.matrix.where}{', fold ' + m.key[3] if m.key[3] else ''}"
        lines.append(f"{where}: {sums}; before {pair['before'].value}, after {pair['after'].value}")
        claims += [pair["before"], pair["after"], *m.claims]
    return [_scored_draft(lines, claims)] if lines else []


def _before_and_after(ledger: Ledger) -> dict[tuple[str, str], dict[str, Claim]]:
    """Return the test images stated "before" and "after" augmentation, by study and fold."""
    sizes: dict[tuple[str, str], dict[str, Claim]] = {}
    for c in counted(ledger, "n_images"):
        if c.split == "test" and not c.class_ and not c.model and c.condition in {"", "before augmentation", AUGMENTED}:
            sizes.setdefault((c.study, c.of_fold), {}).setdefault("after" if c.condition == AUGMENTED else "before", c)
    return sizes


def _scored_draft(lines: list[str], claims: list[Claim]) -> Draft:
    return Draft(
        check="scored_before_augmentation",
        status="implausible",
        kind="protocol",
        claims=tuple(claims),
        severity=1,
        statement="Test images are said to be augmented, but the matrices count as many as there were before.",
        witness="; ".join(lines) + ".",
        repair="either the augmented test images were not scored, or the matrices are of another evaluation; "
        "say which.",
    )


FIXED = {"flip_horizontal": 2, "flip_vertical": 2, "half_turn": 2, "quarter_turns": 4}
"""Fixed operations with the number of different images that each can make of one, itself included."""


def most_copies(operations: str) -> int | None:
    """Return how many different images fixed operations can make of one; None where one is drawn from a range or
    unknown.

    Flips and quarter turns together make the eight symmetries of the square and no more; any other ``fixed:<name>``
    is done or not.

    >>> most_copies("flip_horizontal, flip_vertical"), most_copies("flip_horizontal, quarter_turns, fixed:blur")
    (4, 16)
    >>> most_copies("flip_horizontal, range:rotation") is None
    True
    """
    names = [o.strip() for o in operations.split("(")[0].split(",") if o.strip()]
    if not names or any(n not in FIXED and not n.startswith("fixed:") for n in names):
        return None
    square: int = 1
    for name in dict.fromkeys(names):
        square *= FIXED.get(name, 1)
    turns = {"flip_horizontal", "flip_vertical", "half_turn"} <= set(names)
    return min(8, square // 2 if turns else square) << sum(n.startswith("fixed:") for n in set(names))


def check_copies_by_operations(ledger: Ledger) -> list[Draft]:
    """Copies an original, by the counts before and after augmentation, against what the stated operations can make
    of one image.

    Read from ``augmentation_operations``: ``flip_horizontal``, ``flip_vertical``, ``half_turn``, ``quarter_turns``,
    ``fixed:<name>``, ``range:<name>``, by commas. More copies than different images means identical files.
    """
    found = []
    before = {
        (c.study, c.split, c.of_fold, c.class_): c for c in counted(ledger, "n_images") if c.condition in BEFORE[1:]
    }
    for c in counted(ledger, "n_images"):
        operations = fact_of(ledger.paper, "augmentation_operations", c.study)
        most = most_copies(operations) if c.condition == AUGMENTED else None
        source = before.get((c.study, c.split, c.of_fold, c.class_))
        if most is not None and source is not None and count_of(source):
            found.append(_copies_draft(c, source, most))
    return found


def _copies_draft(copies: Claim, source: Claim, most: int) -> Draft:
    """Return the finding on one part's images after and before augmentation, with ``most`` different ones an image."""
    each = _ratio(copies, source)
    over = each > most
    of_class = f" of {copies.class_}" if copies.class_ else ""
    return Draft(
        check="copies_by_operations",
        status="implausible" if over else "consistent",
        kind="arithmetic",
        claims=(source, copies),
        severity=1 if over else 0,
        statement=f"Each {copies.split or 'original'} image{of_class} became {shown(each, 1)}; the operations stated "
        f"make at most {most} different ones" + (", so some files are identical." if over else "."),
        witness=f"{copies.value}/{source.value} = {shown(each, 2)}.",
        repair="the operations that were used, with their ranges." if over else "",
    )
