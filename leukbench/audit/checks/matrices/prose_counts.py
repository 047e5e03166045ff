"""Right and wrong counts in words against the printed matrix and the stated test images."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from leukbench.audit.readings.claims import count_of
from leukbench.audit.readings.class_sizes import stated_total
from leukbench.audit.readings.draft import Draft
from leukbench.audit.readings.ledger import Ledger
from leukbench.audit.readings.matrix_search import drawn
from leukbench.audit.readings.printed_matrices import Printed
from leukbench.papers.schema import Claim


def check_prose_counts(ledger: Ledger) -> list[Draft]:
    """Counts of true and false positives and negatives in the text name the cells of the printed matrix rightly.

    Against actual classes in rows: with either class as positive, tp and tn are the diagonal, fn is what the positive
    class lost, fp what it gained. Values that are all in the matrix, but exchanged, are recognised as mislabelled.
    """
    found = []
    for key, named in _named_counts(ledger).items():
        found += _against_totals(key[1] or "the result", named, ledger, key)
        for printed in ledger.matrices:
            if printed.matrix.id and printed.key == key and len(printed.cells) == 2:
                own_words = ledger.paper.protocol_facts.get("false_positive_meaning", "").startswith("exchanged")
                found.append(_prose_against_matrix(printed, named, own_words))
                found += _prose_total(printed, named, ledger)
    return found


def _prose_total(printed: Printed, named: dict[str, Claim], ledger: Ledger) -> list[Draft]:
    """The counts in the text add up to the images stated for their part; multiples of ten may be rounded to tens."""
    stated = stated_total(ledger, printed)
    values = [count_of(c) or 0 for c in named.values()]
    if stated is None or sum(values) == stated[0]:
        return []  # a matrix that adds up wrongly is told of where its cells are added
    n, claim = stated
    where = printed.matrix.where
    fold = f", fold {printed.key[3]}" if printed.key[3] else ""
    play = sum(5 for v in values if v and v % 10 == 0)
    possible = abs(sum(values) - n) <= play
    rounded = any(cell.low != cell.high for line in printed.cells for cell in line)
    return [
        Draft(
            check="prose_counts",
            topic="total",
            status="implausible" if possible else "inconsistent",
            kind="arithmetic",
            claims=(*named.values(), claim),
            severity=1,
            statement=f"The four counts in the text on {where}{fold} add up to {sum(values)}, not to the {n} images "
            "stated.",
            witness=f"{' + '.join(str(v) for v in values)} = {sum(values)}; stated: {n}, {sum(values) - n:+d}."
            + (f" The cells of {where} carry two digits; the text gives these as counts." if rounded else ""),
            repair=f"the exact counts; those that end in 0 may be rounded, by up to {play} in all."
            if possible
            else "the exact counts, or the number of images.",
            members=() if possible else ((claim.id,), *((c.id,) for c in named.values())),
        )
    ]


def _named_counts(ledger: Ledger) -> dict[tuple[str, str, str, str, str, str], dict[str, Claim]]:
    from leukbench.audit.readings.claims import row_key

    found: dict[tuple[str, str, str, str, str, str], dict[str, Claim]] = {}
    for claim in ledger.own:
        if claim.metric in ("tp", "fp", "fn", "tn") and not claim.matrix and count_of(claim) is not None:
            found.setdefault(row_key(claim), {}).setdefault(claim.metric, claim)
    return {key: named for key, named in found.items() if len(named) == 4}


def _prose_against_matrix(printed: Printed, named: dict[str, Claim], own_words: bool) -> Draft:
    """``own_words``: the paper says of a false positive what is usually said of a false negative."""
    words = ", ".join(f"{m} {named[m].value}" for m in ("tp", "tn", "fp", "fn"))
    cells = drawn(printed.counts(), printed.matrix.classes)
    where = printed.matrix.where
    draft = Draft(
        check="prose_counts",
        status="inconsistent",
        kind="arithmetic",
        claims=(*named.values(), *printed.claims),
        severity=1,
        statement=f"The counts in the text are not the cells of {where} under any naming.",
        witness=f"The text: {words}. The matrix: {cells}.",
        repair="a misprinted count.",
    )
    if positive := _positive_if(printed, named, ("tp", "fn", "fp", "tn")):
        return replace(
            draft,
            status="consistent",
            severity=0,
            statement=f"The counts in the text are the cells of {where} with {positive} as the positive class.",
            witness=f"{words}; {cells}.",
            repair="",
        )
    exchanged = _positive_if(printed, named, ("tp", "fp", "fn", "tn"))
    return _exchanged_draft(draft, printed, exchanged, own_words) if exchanged else draft


def _exchanged_draft(draft: Draft, printed: Printed, positive: str, own_words: bool) -> Draft:
    return replace(
        draft,
        topic="exchanged",
        status="inconsistent" if printed.actual_known else "implausible",
        statement=f"The text exchanges false positives and false negatives of {printed.matrix.where}.",
        witness=f"{draft.witness} With {positive} as positive, an actual {positive} called otherwise is a false "
        "negative; no choice of the positive class gives the text's names."
        + (" The paper's own definition in words exchanges them likewise." if own_words else ""),
        repair="exchange the words false positive and false negative, or read the matrix with predicted classes in "
        "its rows.",
    )


def _positive_if(printed: Printed, named: dict[str, Claim], order: tuple[str, ...]) -> str | None:
    """Return the class whose being positive makes the named counts, in this order, the matrix row by row; else None."""
    first, second = printed.matrix.classes
    places = {first: ((0, 0), (0, 1), (1, 0), (1, 1)), second: ((1, 1), (1, 0), (0, 1), (0, 0))}
    for positive, cells in places.items():
        named_cells = zip(order, cells, strict=True)
        if all(printed.cells[i][j].contains(count_of(named[m]) or 0) for m, (i, j) in named_cells):
            return positive
    return None


def _against_totals(name: str, named: dict[str, Claim], ledger: Ledger, key: tuple[str, ...]) -> list[Draft]:
    """Hold the class sizes that the text states for a result against its tp + fn, tn + fp and its column sums."""
    if any(m.matrix.id and m.key == key for m in ledger.matrices):
        return []  # the printed matrix is held against the class sizes instead
    sizes = _stated_sizes(ledger, key)
    return [_size_draft(name, named, class_, n, tuple(claims)) for (class_, n), claims in sizes.items()]


def _size_draft(name: str, named: dict[str, Claim], class_: str, n: int, claims: tuple[Claim, ...]) -> Draft:
    """Return the finding on one stated class size beside the four counts of a result."""
    tp, fp, fn, tn = (count_of(named[m]) or 0 for m in ("tp", "fp", "fn", "tn"))
    sums = f"TP + FN = {tp} + {fn} = {tp + fn}; TN + FP = {tn} + {fp} = {tn + fp}; TP + FP = {tp + fp}; "
    sums += f"TN + FN = {tn + fn}; all = {tp + fp + fn + tn}"
    rows = {tp + fn: "TP + FN", tn + fp: "TN + FP"}
    draft = Draft(
        check="prose_class_sizes",
        status="consistent",
        kind="arithmetic",
        claims=(*claims, *named.values()),
        statement=f"{n} images of {class_} is {rows.get(n)} of {name}.",
        witness=f"{sums}.",
    )
    if n in rows:
        return draft
    column = {tp + fp: "TP + FP, the images called positive", tn + fn: "TN + FN, the images called negative"}.get(n)
    errors = tuple(named[m].id for m in (("fp", "fn") if column else ("tp", "fn", "fp", "tn")))
    return replace(
        draft,
        status="inconsistent",
        severity=1,
        statement=f"The {n} images stated for {class_} are not the size of a class in the counts of {name}"
        + (f"; they are {column}." if column else "."),
        witness=f"{sums}; a class of {n} is none of the first two.",
        repair=_size_repair(rows) if column else "a misprinted count.",
        members=(tuple(c.id for c in claims), *((e,) for e in errors)),
    )


def _size_repair(sizes: Collection[int]) -> str:
    return (
        f"the number is a column sum taken for a class size; the class has {' or '.join(map(str, sizes))} images, or "
        "the two error counts are exchanged."
    )


def _stated_sizes(ledger: Ledger, key: tuple[str, ...]) -> dict[tuple[str, int], list[Claim]]:
    """Return the numbers of images stated for the classes of a result: (class, number) -> the claims that say so."""
    found: dict[tuple[str, int], list[Claim]] = {}
    for c in ledger.own:
        if (
            c.metric == "n_images"
            and c.class_
            and (n := count_of(c)) is not None
            and c.split == key[2]
            and c.of_fold == key[3]
            and c.study in {key[0], ""}
            and c.model in {key[1], ""}
            and c.condition in {key[4], ""}
        ):
            found.setdefault((c.class_, n), []).append(c)
    return found
