"""Scores recomputed from confusion matrices under every usual definition, and checks of printed matrices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from leukbench.audit.rounding import Interval, integers_in, shown
from leukbench.audit.selection import (
    Draft,
    Printed,
    Row,
    count_of,
    fold_of,
    headlines,
    matrices,
    own,
    rows,
    score_interval,
    stated_total,
)
from leukbench.papers.schema import Claim, Paper

MAX_COMPLETIONS = 4096


@dataclass(frozen=True)
class Definition:
    """One way to compute a score: ``reading`` is positive:<class>, macro, weighted, micro, overall or a named variant."""

    metric: str
    reading: str


def definitions(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[Definition, Fraction | float]:
    """Return every usual score of a confusion matrix (rows actual, columns predicted) as fractions.

    With n_ij images of class i called j: recall_i = n_ii/Σ_j n_ij, precision_i = n_ii/Σ_j n_ji,
    F1_i = 2 n_ii/(Σ_j n_ij + Σ_j n_ji), specificity_i = (n − row_i − column_i + n_ii)/(n − row_i); macro is their plain mean,
    weighted their mean by row size, micro the ratio of sums; ``macro, harmonic`` is the harmonic mean of macro precision and
    macro recall. Scores with denominator 0 are left out. MCC (Gorodkin 2004) and Cohen's kappa are overall.

    >>> d = definitions([[3, 1], [2, 4]], ["a", "b"])
    >>> d[Definition("accuracy", "overall")], d[Definition("precision", "positive:a")], d[Definition("f1", "positive:b")]
    (Fraction(7, 10), Fraction(3, 5), Fraction(8, 11))
    """
    size = len(classes)
    n = sum(map(sum, counts))
    row = [sum(line) for line in counts]
    column = [sum(line[j] for line in counts) for j in range(size)]
    hit = [counts[i][i] for i in range(size)]
    found: dict[Definition, Fraction | float] = {}
    if n == 0:
        return found
    accuracy = Fraction(sum(hit), n)
    found[Definition("accuracy", "overall")] = accuracy
    per_class = {
        "recall": [_ratio(hit[i], row[i]) for i in range(size)],
        "precision": [_ratio(hit[i], column[i]) for i in range(size)],
        "f1": [_ratio(2 * hit[i], row[i] + column[i]) for i in range(size)],
        "specificity": [_ratio(n - row[i] - column[i] + hit[i], n - row[i]) for i in range(size)],
    }
    for metric, values in per_class.items():
        _averages(found, metric, values, row, classes)
    macro_p, macro_r = (found.get(Definition(m, "macro")) for m in ("precision", "recall"))
    if macro_p and macro_r:
        found[Definition("f1", "macro, harmonic")] = 2 * macro_p * macro_r / (macro_p + macro_r)
    if Definition("recall", "macro") in found:
        found[Definition("balanced_accuracy", "overall")] = found[Definition("recall", "macro")]
    for metric in ("precision", "recall", "f1"):
        found[Definition(metric, "micro")] = accuracy
    wrong = n - sum(hit)
    found[Definition("specificity", "micro")] = 1 - Fraction(wrong, (size - 1) * n)
    if size > 2:
        found[Definition("accuracy", "mean of one class against the rest")] = 1 - Fraction(2 * wrong, size * n)
    found.update(_agreement(hit, row, column, n))
    return found


def _ratio(top: int, bottom: int) -> Fraction | None:
    return Fraction(top, bottom) if bottom else None


def _averages(
    found: dict[Definition, Fraction | float],
    metric: str,
    values: Sequence[Fraction | None],
    row: Sequence[int],
    classes: Sequence[str],
) -> None:
    for name, value in zip(classes, values, strict=True):
        if value is not None:
            found[Definition(metric, f"positive:{name}")] = value
    known = [v for v in values if v is not None]
    if len(known) == len(values):
        found[Definition(metric, "macro")] = sum(known, Fraction(0)) / len(known)
        found[Definition(metric, "weighted")] = sum(
            (v * w for v, w in zip(known, row, strict=True)), Fraction(0)
        ) / sum(row)


def _agreement(
    hit: Sequence[int], row: Sequence[int], column: Sequence[int], n: int
) -> dict[Definition, Fraction | float]:
    chance = sum(r * c for r, c in zip(row, column, strict=True))
    found: dict[Definition, Fraction | float] = {}
    spread = (n * n - sum(r * r for r in row)) * (n * n - sum(c * c for c in column))
    if spread:
        found[Definition("mcc", "overall")] = (n * sum(hit) - chance) / math.sqrt(spread)
    if n * n != chance:
        found[Definition("kappa", "overall")] = Fraction(n * sum(hit) - chance, n * n - chance)
    return found


def completions(
    printed: Printed, *, total: int | None = None, limit: int = MAX_COMPLETIONS
) -> list[list[list[int]]] | None:
    """Return every integer matrix that the printed cells can stand for, with the given total if there is one.

    None where there are more than ``limit``. An exact matrix has itself as the only completion.
    """
    size = len(printed.cells)
    flat = [integers_in(cell) for line in printed.cells for cell in line]
    if math.prod(len(r) for r in flat) > limit * 16:
        return None
    found = [
        [list(cells[i * size : (i + 1) * size]) for i in range(size)]
        for cells in itertools.product(*flat)
        if total is None or sum(cells) == total
    ]
    return None if len(found) > limit else found


def search_definition(claim: Claim, candidates: Sequence[Sequence[Sequence[int]]], classes: Sequence[str]) -> list[str]:
    """Return the readings under which some candidate matrix gives the printed score, most usual first."""
    interval = score_interval(claim)
    metric = {"sensitivity": "recall"}.get(claim.metric, claim.metric)
    if interval is None:
        return []
    slack = Fraction(1, 10**12)
    found: dict[str, None] = {}
    for counts in candidates:
        for definition, value in definitions(counts, classes).items():
            if definition.metric == metric and interval.low - slack <= value <= interval.high + slack:
                found[definition.reading] = None
    wanted = f"positive:{claim.class_}" if claim.class_ else claim.average
    if wanted.startswith("positive:") and wanted.removeprefix("positive:") not in classes:
        return [r for r in found if r.startswith("positive:")]  # counts in prose do not name their classes
    return [r for r in found if r == wanted] if wanted and wanted != "none" else list(found)


def nearest_value(claim: Claim, counts: Sequence[Sequence[int]], classes: Sequence[str]) -> tuple[str, float] | None:
    """Return the reading whose value is nearest to the printed score, and that value."""
    interval = score_interval(claim)
    metric = {"sensitivity": "recall"}.get(claim.metric, claim.metric)
    values = {d.reading: float(v) for d, v in definitions(counts, classes).items() if d.metric == metric}
    wanted = f"positive:{claim.class_}" if claim.class_ else claim.average
    if wanted and wanted in values:
        values = {wanted: values[wanted]}
    if interval is None or not values:
        return None
    middle = float(interval.low + interval.high) / 2
    reading = min(values, key=lambda r: abs(values[r] - middle))
    return reading, values[reading]


def drawn(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """Return a matrix in words: each actual class with where its images went."""
    return "; ".join(
        f"actual {name}: " + ", ".join(f"{v} called {other}" for v, other in zip(line, classes, strict=True))
        for name, line in zip(classes, counts, strict=True)
    )


# ------------------------------------------------------------------------------------------------------------ checks


def check_matrix_total(paper: Paper) -> list[Draft]:
    """The cells of a matrix add up to the stated number of images of that part (and a heat-map can be completed to it)."""
    found = []
    for printed in matrices(paper):
        stated = stated_total(paper, printed)
        if stated is None:
            continue
        n, claim = stated
        low = sum((c.low for line in printed.cells for c in line), Fraction(0))
        high = sum((c.high for line in printed.cells for c in line), Fraction(0))
        fits = low <= n <= high
        cells = " + ".join(c.value for c in printed.claims)
        sums = shown(low, 0) if low == high else f"between {shown(low, 0)} and {shown(high, 0)}"
        found.append(
            Draft(
                check="matrix_total",
                status="consistent" if fits else "inconsistent",
                kind="arithmetic",
                claims=(*printed.claims, claim),
                severity=0 if fits else 2,
                members=() if fits else (*suspects(paper, printed), (claim.id,)),
                statement=f"The cells of {printed.matrix.where} "
                + (
                    f"can add up to the {n} images stated." if fits else f"add up to {sums}, but {n} images are stated."
                ),
                witness=f"{cells} = {sums}; stated: {n}.",
                repair="" if fits else _cell_repair(printed, n, paper),
            )
        )
    return found


def _suspect(paper: Paper, printed: Printed) -> tuple[int, int, int] | None:
    """Return (row, column, value) of the one cell whose change alone gives the stated total and class sizes, or None.

    Class sizes are those stated for the part, else the row sums of another matrix with that total. Of several cells of one
    row the one that also gives the printed scores is taken, if it is the only one; else the largest of the twin's row.
    """
    stated = stated_total(paper, printed)
    if stated is None or not printed.exact:
        return None
    counts = printed.counts()
    missing = stated[0] - sum(map(sum, counts))
    sums = _row_sums(paper, printed, stated[0])
    if missing == 0 or sums is None:
        return None
    wrong = [i for i, line in enumerate(counts) if sum(line) != sums[i]]
    if len(wrong) != 1 or sum(counts[wrong[0]]) + missing != sums[wrong[0]]:
        return None
    i = wrong[0]
    options = [(i, j, v + missing) for j, v in enumerate(counts[i]) if v + missing >= 0]
    row = next((r for r in rows(paper) if r.key == printed.key), None)
    scores = [c[0] for name, c in row.scores.items() if name[0] != "auc"] if row else []
    explaining = [o for o in options if scores and _explains(counts, o, scores, printed.matrix.classes)]
    if len(explaining) == 1:
        return explaining[0]
    twin = _twin(paper, printed, stated[0])
    if twin is None:
        return options[0] if len(options) == 1 else None
    largest = max(range(len(counts)), key=lambda j: twin[i][j])
    return next((o for o in options if o[1] == largest), None)


def _explains(counts: Counts, option: tuple[int, int, int], scores: list[Claim], classes: Sequence[str]) -> bool:
    i, j, value = option
    changed = [list(line) for line in counts]
    changed[i][j] = value
    return all(search_definition(c, [changed], classes) for c in scores)


def _twin(paper: Paper, printed: Printed, total: int) -> Counts | None:
    for m in matrices(paper):
        if (
            m.exact
            and m.matrix.id != printed.matrix.id
            and m.matrix.classes == printed.matrix.classes
            and m.key[2:4] == printed.key[2:4]
        ):
            counts = m.counts()
            if sum(map(sum, counts)) == total:
                return counts
    return None


def _row_sums(paper: Paper, printed: Printed, total: int) -> list[int] | None:
    """Return the class sizes that a matrix of this total should have, in its order."""
    for model in (printed.key[1], ""):
        sizes = {
            c.class_: count_of(c) or 0
            for c in own(paper)
            if c.metric == "n_images"
            and c.class_
            and c.split == printed.key[2]
            and fold_of(c) == printed.key[3]
            and c.model == model
            and c.condition == printed.key[4]
        }
        if set(sizes) == set(printed.matrix.classes) and sum(sizes.values()) == total:
            return [sizes[c] for c in printed.matrix.classes]
    twin = _twin(paper, printed, total)
    return [sum(line) for line in twin] if twin else None


def suspects(paper: Paper, printed: Printed) -> tuple[tuple[str, ...], ...]:
    """Return the one cell that is misprinted, where totals and class sizes show it, else every cell, each as a block."""
    suspect = _suspect(paper, printed)
    if suspect is not None:
        i, j, _ = suspect
        names = printed.matrix.classes
        wanted = (names[j], names[i]) if printed.matrix.rows == "predicted" else (names[i], names[j])
        cell = tuple((c.id,) for c in printed.claims if (c.row, c.column) == wanted)
        if cell:
            return cell
    return tuple((c.id,) for c in printed.claims)


def _cell_repair(printed: Printed, n: int, paper: Paper) -> str:
    suspect = _suspect(paper, printed)
    counts = printed.counts()
    missing = n - sum(map(sum, counts))
    if suspect is not None:
        i, j, value = suspect
        names = printed.matrix.classes
        return (
            f"one cell misprinted: about {value} instead of {counts[i][j]} (actual {names[i]}, called {names[j]}) gives the total "
            f"{n} and the same row sum {sum(counts[i]) + missing} as the paper's other matrices."
            + _still_open(paper, printed, i, j, value)
        )
    return f"a cell that is off by {missing}, or another test set of {n - missing} images."


def _still_open(paper: Paper, printed: Printed, i: int, j: int, value: int) -> str:
    """Return which printed scores do not follow from the matrix with cell (i, j) set to ``value``, as a sentence, "" if all do.

    Of two classes, every other division of that row is tried too.
    """
    scores = [
        c[0] for r in rows(paper) if r.key == printed.key for (m, k, _), c in r.scores.items() if m != "auc" and not k
    ]
    counts, classes = printed.counts(), printed.matrix.classes
    counts[i][j] = value
    bad = [c for c in scores if not search_definition(c, [counts], classes)]
    if not bad:
        return ""
    words = f" With it {', '.join(f'{c.metric} {c.value}' for c in bad)} would still not follow"
    size, other = sum(counts[i]), 1 - j
    fitting = []
    for k in range(size + 1) if len(counts) == 2 else ():
        counts[i][j], counts[i][other] = k, size - k
        if all(search_definition(c, [counts], classes) for c in scores):
            fitting.append((k, size - k))
    if not fitting:
        return words + ", nor from any other division of that row."
    nearest = min(fitting, key=lambda f: abs(f[0] - value))
    return words + f"; {nearest[0]} and {nearest[1]} in that row would give all scores."


def check_matrix_scores(paper: Paper) -> list[Draft]:
    """Each score printed for the result of a matrix equals the matrix' value under some definition; which one is named.

    A score that no definition gives, for no completion of rounded cells, cannot stand beside that matrix. Where it is not
    said whether rows are actual or predicted, the orientation that explains more of the scores is taken and named.
    """
    found = []
    heads = headlines(paper)
    for printed, row in itertools.product(matrices(paper), rows(paper)):
        candidates = _candidates(paper, printed) if row.key == printed.key else None
        if candidates is None:
            continue
        printed, candidates, turned = _oriented(printed, candidates, row)
        if turned is not None:
            found.append(turned)
        block = suspects(paper, printed)
        drafts = [
            _score_draft(printed, candidates, claims, block, bool({c.id for c in claims} & heads))
            for name, claims in row.scores.items()
            if name[0] != "auc"
        ]
        failing = [d for d in drafts if d.status == "inconsistent"]
        found += [d for d in drafts if d.status != "inconsistent"] if len(failing) > 1 else drafts
        if len(failing) > 1:
            found.append(
                _several(printed, candidates[0], failing, [c for d in drafts if d not in failing for c in d.claims[:1]])
            )
    return found


def _several(printed: Printed, counts: Counts, failing: list[Draft], fitting: list[Claim]) -> Draft:
    """Return one finding for several scores that do not follow from one matrix."""
    names = ", ".join(f"{d.claims[0].metric} {d.claims[0].value}" for d in failing)
    classes = printed.matrix.classes
    nearest = []
    for d in failing:
        near = nearest_value(d.claims[0], counts, classes)
        nearest += [f"{d.claims[0].metric} {shown(near[1])} ({near[0]})"] if near else []
    good = ", ".join(f"{c.metric} {c.value}" for c in fitting)
    return Draft(
        check="matrix_scores",
        status="inconsistent",
        kind="arithmetic",
        claims=tuple({c.id: c for d in failing for c in d.claims}.values()),
        severity=max(d.severity for d in failing),
        statement=f"{names} do not follow from {printed.matrix.where} under any usual definition.",
        witness=f"{drawn(counts, classes)}. Tried: each class as positive, macro, weighted, micro. Nearest values: "
        f"{', '.join(nearest)}." + (f" {good} do follow." if good else ""),
        repair=_common_repair(printed, failing),
        members=failing[0].members,
        more=tuple(d.members for d in failing[1:]),
    )


def _common_repair(printed: Printed, failing: list[Draft]) -> str:
    own_words = [d.repair for d in failing if not d.repair.startswith("another matrix")]
    return own_words[0] if own_words else "a misprinted cell, or another part of the data behind the printed scores."


Counts = list[list[int]]


def _oriented(printed: Printed, candidates: list[Counts], row: Row) -> tuple[Printed, list[Counts], Draft | None]:
    """Return the matrix turned, with a finding, where its rows are not known to be actual and turning explains more scores."""
    if printed.actual_known:
        return printed, candidates, None
    classes = printed.matrix.classes
    claims = [c[0] for name, c in row.scores.items() if name[0] != "auc"]
    turned = [[list(line) for line in zip(*counts, strict=True)] for counts in candidates]
    plain = sum(bool(search_definition(c, candidates, classes)) for c in claims)
    other = sum(bool(search_definition(c, turned, classes)) for c in claims)
    if other <= plain:
        return printed, candidates, None
    named = all(c.metric in ("tp", "fp", "fn", "tn") for c in printed.claims)
    what = (
        "the counts named false positives and false negatives are exchanged"
        if named
        else "its rows are the predicted classes"
    )
    draft = Draft(
        check="matrix_orientation",
        status="inconsistent" if named else "consistent",
        kind="arithmetic",
        claims=(*printed.claims, *claims),
        severity=2 if named else 1,
        statement=f"{printed.matrix.where} explains the printed scores only if {what}.",
        witness=f"As printed {plain} of {len(claims)} scores follow, turned {other}. Turned: {drawn(turned[0], classes)}.",
        repair="exchange the two counts." if named else "say what rows and columns are.",
        members=(*((c.id,) for c in printed.claims if c.metric in ("fp", "fn")), *((c.id,) for c in claims))
        if named
        else (),
    )
    cells = tuple(zip(*printed.cells, strict=True))
    return Printed(printed.matrix, printed.key, cells, printed.claims, False), turned, draft


def _candidates(paper: Paper, printed: Printed) -> list[list[list[int]]] | None:
    stated = stated_total(paper, printed)
    every = completions(printed)
    if every is None or stated is None or printed.exact:
        return every
    fitting = completions(printed, total=stated[0])
    # the total may be the wrong one: only if nothing fits it, all completions stand
    return [printed.counts(), *(fitting or every)]


def _score_draft(
    printed: Printed,
    candidates: list[list[list[int]]],
    claims: tuple[Claim, ...],
    block: tuple[tuple[str, ...], ...],
    head: bool,
) -> Draft:
    classes, claim = printed.matrix.classes, claims[0]
    readings = search_definition(claim, candidates, classes)
    if readings:
        counts = next(c for c in candidates if search_definition(claim, [c], classes))
        return Draft(
            check="matrix_scores",
            status="consistent",
            kind="arithmetic",
            claims=(*claims, *printed.claims),
            statement=f"{claim.metric} {claim.value} follows from {printed.matrix.where}, read as: {', '.join(readings)}.",
            witness=f"{drawn(counts, classes)}. {_value_words(claim, counts, classes, readings[0])}",
        )
    counts = candidates[0]
    near = nearest_value(claim, counts, classes)
    nearest = f"The nearest is {shown(near[1])} ({near[0]})." if near else ""
    return Draft(
        check="matrix_scores",
        status="implausible" if claim.approximate else "inconsistent",
        kind="arithmetic",
        claims=(*claims, *printed.claims),
        severity=3 if head else 2,
        members=() if claim.approximate else (tuple(c.id for c in claims), *block),
        statement=f"No usual definition gives {claim.metric} {claim.value} from {printed.matrix.where}.",
        witness=f"{drawn(counts, classes)}. Tried: each class as positive, macro, weighted, micro; both orientations are covered "
        f"because turning the matrix exchanges precision and recall, which are both tried by name. {nearest}",
        repair=_score_repair(claim, counts, classes),
    )


def _value_words(claim: Claim, counts: list[list[int]], classes: Sequence[str], reading: str) -> str:
    metric = {"sensitivity": "recall"}.get(claim.metric, claim.metric)
    value = definitions(counts, classes).get(Definition(metric, reading))
    if value is None:
        return ""
    ratio = f"{value.numerator}/{value.denominator} = " if isinstance(value, Fraction) and "positive" in reading else ""
    if metric == "accuracy" and reading == "overall":
        right, n = sum(counts[i][i] for i in range(len(classes))), sum(map(sum, counts))
        ratio = f"{right}/{n} = "
    return f"{claim.metric} ({reading}) = {ratio}{shown(value)}."


def _score_repair(claim: Claim, counts: list[list[int]], classes: Sequence[str]) -> str:
    turned = [list(line) for line in zip(*counts, strict=True)]
    if readings := search_definition(claim, [turned], classes):
        return f"rows and columns exchanged: then it is {claim.metric} ({readings[0]})."
    if len(classes) == 2:
        for words, swapped in _swaps(counts):
            if readings := search_definition(claim, [swapped], classes):
                return f"{words}: then it is {claim.metric} ({readings[0]})."
    return "another matrix or another part of the data behind the printed score."


def _swaps(counts: list[list[int]]) -> list[tuple[str, list[list[int]]]]:
    (a, b), (c, d) = counts
    return [
        ("the two error cells exchanged", [[a, c], [b, d]]),
        ("the two correct cells exchanged", [[d, b], [c, a]]),
        ("both exchanged (the other class positive)", [[d, c], [b, a]]),
    ]


def check_completed_heat_map(paper: Paper) -> list[Draft]:
    """Cells printed with two significant digits are completed from the stated total and the printed accuracy.

    Where exactly one sum of correct cells fits both, the exact accuracy follows; the number of matrices left is stated.
    """
    found = []
    by_key = {row.key: row for row in rows(paper)}
    for printed in matrices(paper):
        stated = stated_total(paper, printed)
        if printed.exact or stated is None:
            continue
        n, claim = stated
        row = by_key.get(printed.key, Row(printed.key))
        fitting = completions(printed, total=n)
        if not fitting:
            continue
        scores = [c[0] for name, c in row.scores.items() if name[0] != "auc"]
        left = [m for m in fitting if all(search_definition(c, [m], printed.matrix.classes) for c in scores)]
        right = sorted({sum(m[i][i] for i in range(len(m))) for m in fitting})
        values = ", ".join(f"{r}/{n} = {shown(100 * Fraction(r, n), 2)} %" for r in right[:4])
        found.append(
            Draft(
                check="completed_heat_map",
                status="consistent",
                kind="arithmetic",
                claims=(*printed.claims, claim, *scores),
                statement=f"The rounded cells of {printed.matrix.where} and the total {n} leave "
                + (f"the accuracy {values}" if len(right) <= 4 else f"{len(right)} values of the accuracy")
                + f"; {len(fitting)} exact matrices fit, {len(left)} of them with the other printed scores too.",
                witness="Cells without an exponent are exact; those with one carry two digits. "
                + drawn((left or fitting)[0], printed.matrix.classes)
                + " is one of them.",
            )
        )
    return found


def check_row_is_one_fold(paper: Paper) -> list[Draft]:
    """A summary row whose precision, recall and F1 are those of one fold's matrix while its accuracy is another's.

    Compared with every fold's matrix of the same network, for each class as positive and macro; at least two of
    the three must follow from that one matrix, and the accuracy must not.
    """
    found = []
    printed = [m for m in matrices(paper) if m.key[3]]
    for row in rows(paper):
        if row.key[3]:
            continue
        scores = {
            m: c for (m, k, _), c in row.scores.items() if m in {"precision", "recall", "f1", "accuracy"} and not k
        }
        if "accuracy" not in scores or len(scores) < 3:
            continue
        for m in printed:
            if (
                m.key[:2] == row.key[:2]
                and m.key[2] == row.key[2]
                and (draft := _one_fold(paper, row, scores, m, len(printed)))
            ):
                found.append(draft)
    return found


def _one_fold(
    paper: Paper, row: Row, scores: dict[str, tuple[Claim, ...]], printed: Printed, folds: int
) -> Draft | None:
    stated = stated_total(paper, printed)
    candidates = completions(printed, total=stated[0] if stated else None) or completions(printed)
    if not candidates or folds < 2:
        return None
    classes = printed.matrix.classes
    readings = [set(search_definition(c[0], candidates, classes)) for m, c in scores.items() if m != "accuracy"]
    shared = set.intersection(*readings)
    if not shared or search_definition(scores["accuracy"][0], candidates, classes):
        return None
    names = ", ".join(f"{m} {c[0].value}" for m, c in scores.items() if m != "accuracy")
    return Draft(
        check="row_is_one_fold",
        status="implausible",
        kind="arithmetic",
        claims=(*(c[0] for c in scores.values()), *printed.claims),
        severity=2,
        statement=f"In the row of {row.label}, {names} are those of fold {printed.key[3]} alone, while the accuracy "
        f"{scores['accuracy'][0].value} is not.",
        witness=f"Fold {printed.key[3]}: {drawn(candidates[0], classes)}; read as {sorted(shared)[0]}: "
        + " ".join(
            _value_words(c[0], candidates[0], classes, sorted(shared)[0]) for m, c in scores.items() if m != "accuracy"
        ),
        repair="all figures of a row over the same folds, by the same rule.",
    )


def check_mixed_definitions(paper: Paper) -> list[Draft]:
    """Rows of one table whose precision, recall and F1 follow from their matrices only under different definitions.

    For each network the readings shared by its scores are found from its own matrix, or from that of one of its folds.
    """
    tables: dict[str, dict[str, tuple[set[str], str, tuple[Claim, ...]]]] = {}
    printed = matrices(paper)
    for row in rows(paper):
        scores = [
            c for (m, k, _), c in row.scores.items() if m in {"precision", "recall", "f1", "specificity"} and not k
        ]
        for m in printed:
            if len(scores) < 2 or m.key[:3] != row.key[:3] or row.key[3] not in {"", m.key[3]} or not m.actual_known:
                continue
            candidates = completions(m, total=(stated_total(paper, m) or (None, None))[0]) or completions(m) or []
            # a harmonic mean of macro precision and macro recall is a macro average too
            shared = set.intersection(
                *(
                    {r.removesuffix(", harmonic") for r in search_definition(c[0], candidates, m.matrix.classes)}
                    for c in scores
                )
            )
            if shared:
                name = f"{row.key[1]}{' (fold ' + m.key[3] + ')' if m.key[3] else ''}"
                where = next((c.where for cs in scores for c in cs if c.where.startswith("Table")), scores[0][0].where)
                tables.setdefault(where, {})[name] = (shared, row.key[1], tuple(c[0] for c in scores))
    found = []
    for where, members in tables.items():
        if len(members) > 1 and not set.intersection(*(s for s, _, _ in members.values())):
            words = "; ".join(f"{name}: {', '.join(sorted(s))}" for name, (s, _, _) in members.items())
            found.append(
                Draft(
                    check="mixed_definitions",
                    status="implausible",
                    kind="arithmetic",
                    severity=2,
                    claims=tuple(c for _, _, cs in members.values() for c in cs),
                    statement=f"Precision, recall and F1 in {where} follow from the matrices only under different definitions for different networks.",
                    witness=f"Definitions that give the scores: {words}.",
                    repair="one definition for all rows; scores of one class and averages over classes are not comparable.",
                )
            )
    return found


def check_prose_counts(paper: Paper) -> list[Draft]:
    """Counts of true and false positives and negatives in the text name the cells of the printed matrix rightly.

    Against actual classes in rows: with either class as positive, tp and tn are the diagonal, fn is what the positive
    class lost, fp what it gained. Values that are all in the matrix, but exchanged, are recognised as mislabelled.
    """
    found = []
    for key, named in _named_counts(paper).items():
        found += _against_totals(key[1] or "the result", named, paper, key)
        for printed in matrices(paper):
            if printed.matrix.id and printed.key == key and len(printed.cells) == 2:
                own_words = paper.protocol_facts.get("false_positive_meaning", "").startswith("exchanged")
                found.append(_prose_against_matrix(printed, named, own_words))
    return found


def _named_counts(paper: Paper) -> dict[tuple[str, str, str, str, str, str], dict[str, Claim]]:
    from leukbench.audit.selection import row_key

    found: dict[tuple[str, str, str, str, str, str], dict[str, Claim]] = {}
    for claim in own(paper):
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
                status="inconsistent" if known else "implausible",
                kind="arithmetic",
                claims=claims,
                severity=1,
                statement=f"The text exchanges false positives and false negatives of {printed.matrix.where}.",
                witness=f"The text: {words}. The matrix: {drawn(counts, classes)}. With {positive} as positive, an actual {positive} "
                "called otherwise is a false negative; no choice of the positive class gives the text's names."
                + (" The paper's own definition in words exchanges them likewise." if own_words else ""),
                repair="exchange the words false positive and false negative, or read the matrix with predicted classes in its rows.",
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


def _against_totals(name: str, named: dict[str, Claim], paper: Paper, key: tuple[str, ...]) -> list[Draft]:
    """Hold the class sizes that the text states for a result against its tp + fn, tn + fp and its column sums."""
    value = {m: count_of(c) or 0 for m, c in named.items()}
    rows_ = {value["tp"] + value["fn"]: "TP + FN", value["tn"] + value["fp"]: "TN + FP"}
    columns = {
        value["tp"] + value["fp"]: "TP + FP, the images called positive",
        value["tn"] + value["fn"]: "TN + FN, the images called negative",
    }
    if any(m.matrix.id and m.key == key for m in matrices(paper)):
        return []  # the printed matrix is held against the class sizes instead
    sizes: dict[tuple[str, int], list[Claim]] = {}
    for c in own(paper):
        if (
            c.metric == "n_images"
            and c.class_
            and (n := count_of(c)) is not None
            and c.split == key[2]
            and fold_of(c) == key[3]
            and c.study in {key[0], ""}
            and c.model in {key[1], ""}
            and c.condition in {key[4], ""}
        ):
            sizes.setdefault((c.class_, n), []).append(c)
    found = []
    for (class_, n), claims in sizes.items():
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
                    f"the number is a column sum taken for a class size; the class has {' or '.join(str(k) for k in rows_)} images, or "
                    "the two error counts are exchanged."
                    if column
                    else "a misprinted count."
                ),
                members=(tuple(c.id for c in claims), *((e,) for e in errors)),
            )
        )
    return found


def _sum_words(value: dict[str, int]) -> str:
    tp, fp, fn, tn = (value[m] for m in ("tp", "fp", "fn", "tn"))
    return (
        f"TP + FN = {tp} + {fn} = {tp + fn}; TN + FP = {tn} + {fp} = {tn + fp}; TP + FP = {tp + fp}; "
        f"TN + FN = {tn + fn}; all = {tp + fp + fn + tn}"
    )


def check_matrix_class_sizes(paper: Paper) -> list[Draft]:
    """The row sums of a printed matrix are the stated class sizes of that part; column sums are recognised."""
    found = []
    for printed in matrices(paper):
        if not printed.exact or not printed.matrix.id:
            continue
        counts, classes = printed.counts(), printed.matrix.classes
        line = {name: sum(counts[i]) for i, name in enumerate(classes)}
        column = {name: sum(c[i] for c in counts) for i, name in enumerate(classes)}
        for claim in own(paper):
            if claim.metric != "n_images" or claim.class_ not in line or (n := count_of(claim)) is None:
                continue
            if (claim.split, fold_of(claim)) != (printed.key[2], printed.key[3]) or claim.study not in {
                printed.key[0],
                "",
            }:
                continue
            if claim.model not in {printed.key[1], ""} or claim.condition not in {printed.key[4], ""}:
                continue
            found.append(_class_size_draft(printed, claim, n, line, column))
    return found


def _class_size_draft(printed: Printed, claim: Claim, n: int, line: dict[str, int], column: dict[str, int]) -> Draft:
    name = claim.class_
    good = line[name] == n
    turned = not good and column[name] == n
    named = all(c.metric in ("tp", "fp", "fn", "tn") for c in printed.claims)
    proved = not good and (named or printed.actual_known)
    counts = printed.counts()
    block = tuple((c.id,) for c in printed.claims if not (named and turned) or c.metric in ("fp", "fn"))
    what = "the counts named false positives and false negatives" if named else "rows and columns"
    return Draft(
        check="matrix_class_sizes",
        status="consistent" if good else ("inconsistent" if proved else "implausible"),
        kind="arithmetic",
        claims=(claim, *printed.claims),
        severity=0 if good else 1,
        statement=f"{printed.matrix.where} has {line[name]} images of actual {name}; {n} are stated."
        + (f" That is its column sum: {what} are exchanged." if turned else ""),
        witness=f"{drawn(counts, printed.matrix.classes)}. Row of {name}: {line[name]}; column of {name}: {column[name]}.",
        repair="" if good else (f"exchange {what}." if turned else "a misprinted cell or count."),
        members=((claim.id,), *block) if proved else (),
    )


__all__ = [
    "Definition",
    "Interval",
    "check_completed_heat_map",
    "check_matrix_class_sizes",
    "check_matrix_scores",
    "check_matrix_total",
    "check_prose_counts",
    "completions",
    "definitions",
    "drawn",
    "search_definition",
    "stated_total",
]
