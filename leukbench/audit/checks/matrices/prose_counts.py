"""Right and wrong counts in words against the printed matrix and the stated test images."""

from __future__ import annotations

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
            statement=f"The four counts in the text on {printed.matrix.where}{fold} add up to {sum(values)}, not "
            f"to the {n} images stated.",
            witness=f"{' + '.join(str(v) for v in values)} = {sum(values)}; stated: {n}, {sum(values) - n:+d}."
            + (
                f" The cells of {printed.matrix.where} carry two digits; the text gives these as counts."
                if rounded
                else ""
            ),
            repair="the exact counts"
            + (
                f"; those that end in 0 may be rounded, by up to {play} in all."
                if possible
                else ", or the number of images."
            ),
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
    classes = printed.matrix.classes
    value = {m: count_of(c) or 0 for m, c in named.items()}
    counts = printed.counts()
    options = {classes[0]: ((0, 0), (0, 1), (1, 0), (1, 1)), classes[1]: ((1, 1), (1, 0), (0, 1), (0, 0))}

    def fits(order: tuple[str, ...], places: tuple[tuple[int, int], ...]) -> bool:
        return all(printed.cells[i][j].contains(value[m]) for m, (i, j) in zip(order, places, strict=True))

    claims = (*named.values(), *printed.claims)
    words = ", ".join(f"{m} {named[m].value}" for m in ("tp", "tn", "fp", "fn"))
    for positive, places in options.items():
        if fits(("tp", "fn", "fp", "tn"), places):
            return Draft(
                check="prose_counts",
                status="consistent",
                kind="arithmetic",
                claims=claims,
                statement=f"The counts in the text are the cells of {printed.matrix.where} with {positive} as the "
                "positive class.",
                witness=f"{words}; {drawn(counts, classes)}.",
            )
    for positive, places in options.items():
        if fits(("tp", "fp", "fn", "tn"), places):
            known = printed.actual_known
            return Draft(
                check="prose_counts",
                topic="exchanged",
                status="inconsistent" if known else "implausible",
                kind="arithmetic",
                claims=claims,
                severity=1,
                statement=f"The text exchanges false positives and false negatives of {printed.matrix.where}.",
                witness=f"The text: {words}. The matrix: {drawn(counts, classes)}. With {positive} as positive, an "
                f"actual {positive} "
                "called otherwise is a false negative; no choice of the positive class gives the text's names."
                + (" The paper's own definition in words exchanges them likewise." if own_words else ""),
                repair="exchange the words false positive and false negative, or read the matrix with predicted "
                "classes in its rows.",
            )
    return Draft(
        check="prose_counts",
        status="inconsistent",
        kind="arithmetic",
        claims=claims,
        severity=1,
        statement=f"The counts in the text are not the cells of {printed.matrix.where} under any naming.",
        witness=f"The text: {words}. The matrix: {drawn(counts, classes)}.",
        repair="a misprinted count.",
    )


def _against_totals(name: str, named: dict[str, Claim], ledger: Ledger, key: tuple[str, ...]) -> list[Draft]:
    """Hold the class sizes that the text states for a result against its tp + fn, tn + fp and its column sums."""
    value = {m: count_of(c) or 0 for m, c in named.items()}
    rows_ = {value["tp"] + value["fn"]: "TP + FN", value["tn"] + value["fp"]: "TN + FP"}
    columns = {
        value["tp"] + value["fp"]: "TP + FP, the images called positive",
        value["tn"] + value["fn"]: "TN + FN, the images called negative",
    }
    if any(m.matrix.id and m.key == key for m in ledger.matrices):
        return []  # the printed matrix is held against the class sizes instead
    found = []
    for (class_, n), claims in _stated_sizes(ledger, key).items():
        every = (*claims, *named.values())
        if n in rows_:
            found.append(
                Draft(
                    check="prose_class_sizes",
                    status="consistent",
                    kind="arithmetic",
                    claims=every,
                    statement=f"{n} images of {class_} is {rows_[n]} of {name}.",
                    witness=f"{_sum_words(value)}.",
                )
            )
            continue
        column = columns.get(n)
        errors = tuple(named[m].id for m in (("fp", "fn") if column else ("tp", "fn", "fp", "tn")))
        found.append(
            Draft(
                check="prose_class_sizes",
                status="inconsistent",
                kind="arithmetic",
                claims=every,
                severity=1,
                statement=f"The {n} images stated for {class_} are not the size of a class in the counts of {name}"
                + (f"; they are {column}." if column else "."),
                witness=f"{_sum_words(value)}; a class of {n} is none of the first two.",
                repair=(
                    "the number is a column sum taken for a class size; the class has "
                    f"{' or '.join(str(k) for k in rows_)} images, or "
                    "the two error counts are exchanged."
                    if column
                    else "a misprinted count."
                ),
                members=(tuple(c.id for c in claims), *((e,) for e in errors)),
            )
        )
    return found


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


def _sum_words(value: dict[str, int]) -> str:
    tp, fp, fn, tn = (value[m] for m in ("tp", "fp", "fn", "tn"))
    return (
        f"TP + FN = {tp} + {fn} = {tp + fn}; TN + FP = {tn} + {fp} = {tn + fp}; TP + FP = {tp + fp}; "
        f"TN + FN = {tn + fn}; all = {tp + fp + fn + tn}"
    )
