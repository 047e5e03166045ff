"""The figures of printed tables as claims, each with its place, and what was not understood."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from leukbench.papers.slips import NAMED_CELLS
from leukbench.papers.vocabulary import METRICS, SCORES
from leukbench.tools.draft.captions import elsewhere, fold_of, name_others, of_results, part_of
from leukbench.tools.draft.headers import (
    FIGURE,
    METRIC_WORDS,
    NOT_AVERAGED,
    WHOLE,
    Header,
    decimal_points,
    header_rows,
    is_figure,
    joined_headers,
    plain_cell,
    read_header,
    writes_commas,
)
from leukbench.tools.draft.labels import CITED, FOLDS, RUNS, SPREAD, Label, row_labels
from leukbench.tools.draft.layout import by_metric, turned, wide
from leukbench.tools.draft.matrices import TOTAL, axis_of, is_matrix, with_axes, without_scores, without_totals
from leukbench.tools.draft.reports import as_report, report_labels
from leukbench.tools.draft.scales import scales_of, without_spreads
from leukbench.tools.draft.shares import by_diagonal
from leukbench.tools.draft.tables import Printed, Sentence

_RATE = re.compile(r"\bper\b|/ ?s(?:ec)?\b|throughput|fps", re.IGNORECASE)
_COUNTS = frozenset({"n_images", "n_subjects", *NAMED_CELLS, "params_total", "params_trainable", "params_nontrainable"})
_IN_TEXT = re.compile(
    r"(?<![\w.,])(?:\d*\.\d+(?:\s?%)?|\d+\s?%)|[:=]\s*\d+(?![\d.])|\d+(?=\s+(?:true|false)\b)", re.IGNORECASE
)
"""What may be a figure of running text: a decimal, a percentage, a whole number behind ``=``, or of true positives."""
_OTHER_DATA = re.compile(
    r"data ?(?:set|base)s?|cohort|cent(?:re|er)|site|source|(?:test )?sets?|level|(?:no\.?|number) of classes|"
    r"(?:train|test)(?:ing|ed)? (?:data|set|on|domain|source)|"
    r"hospital|(?:patient|subject|case|slide)(?: (?:id|no\.?|number))?|magnification|zoom|(?:left|held)[ -]?out\b.*|"
    r"scanner|stain",
    re.IGNORECASE,
)
_MANY = re.compile(r"\s*(?:[KMBG]|[×x]? ?10\^?\d|thousands?|millions?|billions?)\b", re.IGNORECASE)
_NO_END = re.compile(
    r"[.,·]?\d|\^|\s*‰|\s*(?:[/–—−~→;,-]|-?->|\.\.+|…|to\b|and\b|%\s*[–—−~→-])\s*[≈~]?\.?\d", re.IGNORECASE
)
"""What follows a number that is none by itself: more of it, a fraction's lower half, or the other end of a range."""
_WEIGHTS = re.compile(r"(?:weighted|quadratic|linear|squared|unweighted)(?:[ -]weight(?:s|ed)?)?", re.IGNORECASE)
_OF_LAYERS = frozenset({"output_shape", "params_total", "params_trainable"})
_WHOLE = _COUNTS | {"epochs", "batch_size", "output_shape"}
Fields = dict[str, str]


@dataclass
class Figures:
    """Claims as the rows of a paper file, matrices, one line each for what was not understood, and remarks.

    A claim's key ``guessed``: its class is what a header says beside the metric, "group" where it says so of an
    accuracy too, which a class has none of; ``other_data``: the column in which its table names
    several datasets; ``apart``: it is of other images than those that are given for the classes.

    ``captions``: table -> its caption and first cell.

    ``supports``: table -> class -> the images that its column ``support`` counts, where it counts every class.
    """

    claims: list[Fields] = field(default_factory=list)
    matrices: list[dict[str, Any]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    captions: dict[str, str] = field(default_factory=dict)
    supports: dict[str, dict[str, int]] = field(default_factory=dict)


def read_figures(tables: Sequence[Printed], key: str, classes: Sequence[str] = ()) -> Figures:
    """Return the figures of tables; ``classes``: names of classes, where they are known."""
    found = Figures()
    apart = itertools.chain.from_iterable(by_metric(wide(table)) for table in tables)
    for number, (table, remarks) in enumerate(map(with_axes, apart), start=1):
        found.remarks += remarks
        inner, scores = without_scores(table)
        report, remarks = as_report(turned(by_diagonal(inner)))
        found.remarks += remarks
        n = len(found.claims)
        _read(found, report, f"{key}.t{number}", list(classes))
        if table.alone or report_labels(table):
            found.claims[n:] = [_of_result(claim, table, tables) for claim in found.claims[n:]]
        if scores:
            _read_margins(found, table, scores, f"{key}.t{number}_margins", list(inner.rows[0][1:]))
    beside = {claim["where"] for claim in found.claims if "_margins_" in claim["id"]}
    if len(found.matrices) > 1:  # each is held against the scores beside it, and no others
        for claim in found.claims:
            claim |= {"condition": claim["where"]} if claim["where"] in beside else {}
    found.captions = {table.where: f"{table.caption} {table.rows[0][0] if table.rows else ''}" for table in tables}
    captions = {table.where: table.caption for table in tables}
    _tie_to_matrices(found, captions)
    _tell_apart(found, captions)
    return found


def _of_result(claim: Fields, table: Printed, tables: Sequence[Printed]) -> Fields:
    """Return a claim of a table that need not be of the network and the images of others with its place as a condition,
    and with the part of the matrix that is of the same result.
    """
    if not table.alone:
        results = {other.alone or other.where for other in tables if other.alone or report_labels(other)}
        return claim | ({"condition": f"{table.above} ({table.where})"} if len(results) > 1 else {})
    matrix = any(other.alone == table.alone and other.caption == "confusion matrix" for other in tables)
    of = _part_of_matrix(table) if matrix and claim.get("split") == "unstated" else {}
    several = any(other.alone != table.alone for other in tables if other.rows)
    return claim | of | ({"condition": table.alone} if several else {})


def _read_margins(
    found: Figures, table: Printed, scores: Sequence[Sequence[str]], ident: str, names: list[str]
) -> None:
    """Read the scores beside a matrix as ones of its test; a line that is not of every class is listed.

    Every class has its own, so that they are not all alike, as those of merged cells are.
    """
    size, n = len(names) + 1, len(found.claims)
    good = [m for m in scores if _is_class_score(m[0]) and all(map(is_figure, m[1:size])) and len({*m[1:size]}) > 1]
    if good:
        rows = [("Class", *(m[0] for m in good)), *((names[r - 1], *(m[r] for m in good)) for r in range(1, size))]
        _read(found, replace(table, rows=tuple(rows)), ident, names)
        found.claims[n:] = [claim | _part_of_matrix(table) for claim in found.claims[n:]]
    left = [(m[0], cell) for m in scores for cell in (m[size:] if m in good else m[1:]) if is_figure(cell)]
    found.left += dict.fromkeys(f"{table.where}, beside the matrix, {head}: {cell}" for head, cell in left)


def _tell_apart(found: Figures, captions: Mapping[str, str]) -> None:
    """Give the scores of tables their places as a condition where tables of different captions print different figures
    of what they call alike: they need not be of one thing, such as a network or a dataset that a caption names.
    """
    others = {"id", "value", "unit", "where", "spread", "approximate", "apart"}
    values: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for claim in found.claims:
        if claim["metric"] in SCORES and captions.get(claim["where"]):
            alike = claim | {"split": claim["split"].replace("unstated", "test")}
            named = tuple((k, v) for k, v in sorted(alike.items()) if k not in others)
            values.setdefault(named, {}).setdefault(claim["where"], claim["value"])
    apart = {
        where
        for of_table in values.values()
        if len({*of_table.values()}) > 1 and len({captions[where] for where in of_table}) > 1
        for where in of_table
    }
    for claim in found.claims:
        if claim["where"] in apart and claim["metric"] in SCORES:
            claim["condition"] = " ".join(filter(None, (claim.get("condition"), claim["where"])))


def _tie_to_matrices(found: Figures, captions: Mapping[str, str]) -> None:
    """Give scores that may be of another network, or of other data, than a matrix the one matrix whose caption fits as
    their condition, which its cells get too; else their own place.

    They may where its caption names another one, and where several matrices of one part and fold do not say which of
    them the scores are of.
    """
    matrices = {c["where"]: (c["split"], c.get("fold")) for c in found.claims if c.get("matrix")}
    several = len({*matrices.values()}) < len(matrices)
    for where in {claim["where"]: None for claim in found.claims if claim["metric"] in SCORES}:
        fitting = [m for m in matrices if not name_others(captions[where], captions[m])]
        if where in matrices or (len(fitting) == len(matrices) and not (several and len(fitting) > 1)):
            continue
        condition = fitting[0] if len(fitting) == 1 else where
        for claim in found.claims:
            if claim["where"] in {where, condition} and (claim["metric"] in SCORES or claim["where"] != where):
                said = claim.get("condition", "")
                claim["condition"] = said if said.endswith(condition) else f"{said} {condition}".strip()
        if len(fitting) != 1:
            found.remarks.append(
                f"{where}: its scores are held against no matrix, as captions name other networks or data, or do not "
                "say of which matrix they are."
            )


def _is_class_score(text: str) -> bool:
    """Whether a header names a score that each class has, and nothing else."""
    head = read_header(text)
    return head.metric in SCORES - NOT_AVERAGED and head == Header(metric=head.metric, percent=head.percent)


def _read(found: Figures, table: Printed, ident: str, classes: list[str]) -> None:
    if table.left_out:
        left = f"{table.where}: {table.left_out}."
        found.remarks += [left] if left not in found.remarks else []
        return
    if not table.rows or len(table.rows[0]) < 2:
        found.left.append(f"{table.where}: a table of one column")
        return
    whole, remark = without_totals(table)
    if remark and is_matrix(whole, whole.rows[0], whole.rows[1:]):
        found.remarks.append(remark)
        table = whole
    n = header_rows(table.rows)
    headers = joined_headers(table.rows, n)
    body = table.rows[n:]
    if is_matrix(table, headers, body):
        _matrix(found, table, headers, body, ident)
        return
    if {axis_of(text) for text in headers} >= {"actual", "predicted"}:
        cells = [(headers[c], row[0], row[c]) for row in body for c in range(1, len(headers)) if is_figure(row[c])]
        found.left += [f"{table.where}, {head}, {first}: {cell}" for head, first, cell in cells]
        return  # a row a pair of classes
    heads = _without_curves([read_header(text, classes) for text in headers], headers)
    heads = _of_training(_by_caption(heads, headers, table), headers)
    names = _name_columns(headers, heads, body)
    layers = any(re.search(r"\blayers?\b", text, re.IGNORECASE) for text in headers)
    commas = writes_commas(plain_cell(cell) for row in body for c, cell in enumerate(row) if c not in names)
    if commas:
        found.remarks.append(f"{table.where}: decimal commas are read as points.")
    counting = re.search(r"image|sample|cell|distribution|dataset|split|augment", table.caption, re.IGNORECASE)
    counting = None if of_results(table.caption) else counting
    several = next(
        (h for c, h in enumerate(headers) if _OTHER_DATA.fullmatch(h) and len({row[c] for row in body}) > 1), ""
    )
    groups = {head.rest.casefold() for head in heads if head.metric == "accuracy"}
    titles = [not any(map(is_figure, row)) and len({*filter(None, row)}) == 1 for row in body]
    labels = row_labels([[row[c] for c in names] for row in body], [headers[c] for c in names], classes, titles)
    columns = {c: [_pointed(row[c], head, commas) for row in body] for c, head in enumerate(heads) if c not in names}
    fractions, unsure, said = scales_of(table, headers, heads, without_spreads(columns, heads, labels))
    found.remarks += said
    for r, (row, label) in enumerate(zip(body, labels, strict=True), start=1):
        for c, cell in enumerate(row):
            shape = heads[c].metric == "output_shape" and bool(re.search(r"\d", cell))
            if c in names or not (shape or is_figure(cell)):
                continue
            if layers and heads[c].metric in _OF_LAYERS:
                claim: Fields | None = _of_layer(heads[c].metric, label, cell)
            else:
                claim = _claim(heads[c], label, _pointed(cell, heads[c], commas), table, counting=counting is not None)
            if claim is None or (r, c) in unsure:
                found.left.append(f"{table.where}, {headers[c] or f'column {c + 1}'}, {label.text}: {cell}")
            else:
                more = {"unit": "fraction"} if c in fractions else {}
                more |= {"other_data": several} if several and claim["metric"] in SCORES else {}
                more |= {"apart": "true"} if claim["metric"] in SCORES and elsewhere(table.caption) else {}
                more |= {"guessed": "group"} if claim.get("guessed") and heads[c].rest.casefold() in groups else {}
                found.claims.append({"id": f"{ident}_r{r}_c{c + 1}", **claim, **more, "where": table.where})
    _keep_support(found, table, headers)


def _without_curves(heads: list[Header], headers: Sequence[str]) -> list[Header]:
    """Return headers without the average precision, which is an area under a curve unless it stands beside other means
    of classes, as an average recall.
    """
    alone = sum(head.mean and head.metric in SCORES - NOT_AVERAGED for head in heads) < 2
    curves = [re.search(r"\baverage[ _]precision", text, re.IGNORECASE) is not None for text in headers]
    return [Header(rest=text) if c and alone else h for h, c, text in zip(heads, curves, headers, strict=True)]


def _of_training(heads: list[Header], headers: Sequence[str]) -> list[Header]:
    """Return headers with the scores and losses that stand beside their ``val_`` as those of training, as Keras names
    them.
    """
    validated = {h.metric for h, text in zip(heads, headers, strict=True) if text.lower().startswith("val_")}
    return [replace(h, part="train") if h.metric in validated - {""} and not h.part else h for h in heads]


def _by_caption(heads: list[Header], headers: Sequence[str], table: Printed) -> list[Header]:
    """Return the headers of a table of folds with the score that its caption starts with, if they name none.

    Not where the caption or the name of a row speaks of anything else that could be counted or measured.
    """
    caption = re.sub(r"^\s*(?:table|tab\.?)\s*[\w.-]+\s*[.:]\s*", "", table.caption, flags=re.IGNORECASE)
    said = read_header(" ".join(caption.split()[:3]))
    names = " ".join([caption, *(row[0] for row in table.rows[1:])])
    numbers = [
        float(m[1].replace(",", "")) for row in table.rows[1:] for c in row[1:] if (m := FIGURE.match(plain_cell(c)))
    ]
    if (
        any(n > 100 for n in numbers)
        or any(head.metric for head in heads)
        or sum(bool(head.fold) for head in heads) < 2
        or said.metric not in SCORES
        or len({name for pattern, name in METRIC_WORDS if re.search(rf"\b(?:{pattern})\b", names, re.IGNORECASE)}) > 1
        or re.search(
            r"\b(?:number|images?|cells?|patients?|samples?|n|times?|seconds?|epochs?)\b", names, re.IGNORECASE
        )
    ):
        return heads
    scored = [read_header(f"{said.metric} {text}") for text in headers]
    return [
        replace(new, percent=said.percent) if old.fold or (new.mean and not new.rest) else old
        for old, new in zip(heads, scored, strict=True)
    ]


def _keep_support(found: Figures, table: Printed, headers: Sequence[str]) -> None:
    """Keep the images of each class of a classification report, if every class with a score has a whole number."""
    if "support" not in {text.strip().lower() for text in headers}:
        return
    here = [claim for claim in found.claims if claim["where"] == table.where and claim.get("class")]
    scored = {claim["class"] for claim in here if claim["metric"] in SCORES}
    counts = {
        claim["class"]: int(claim["value"].replace(",", ""))
        for claim in here
        if claim["metric"] == "n_images" and WHOLE.fullmatch(claim["value"])
    }
    if len(scored) > 1 and scored == set(counts) and all(counts.values()):
        found.supports[table.where] = counts


def _name_columns(headers: Sequence[str], heads: Sequence[Header], body: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that say whose a row is: those without figures, and the first where its header names no
    metric.
    """
    texts = [
        c for c in range(len(headers))
        if not heads[c].metric
        and 2 * sum(is_figure(row[c]) and not CITED.match(row[c]) for row in body) <= len(body)
    ]  # fmt: skip
    counter = heads[0].metric == "epochs" and any(head.metric for head in heads[1:])
    first = [0] if counter or (not heads[0].metric and not heads[0].fold) else []
    folds = [c for c, text in enumerate(headers) if FOLDS.fullmatch(text.strip())]
    return sorted({*texts, *first, *folds})


def _pointed(cell: str, head: Header, commas: bool) -> str:
    """Return a plain cell with decimal points, by what its column holds."""
    counts = head.metric not in SCORES and (not commas or not head.metric or head.metric in _WHOLE)
    return decimal_points(plain_cell(cell), counts=counts, commas=commas)


def _claim(head: Header, label: Label, cell: str, table: Printed, *, counting: bool) -> Fields | None:
    """Return a figure as a claim, None where its header names no metric, for a spread, a bound (``>95``), a range, no
    number.
    """
    figure = None if label.spread or SPREAD.fullmatch(head.rest) else _figure(head, cell, counting=counting)
    if figure is None:
        return None
    metric, value = figure
    if metric in _COUNTS and label.aggregation == "mean" and "total" not in label.text.lower():
        return None  # as the mean of the numbers of images that a frame's mean() gives
    if metric in SCORES and label.total:
        return None  # a mean, or of all images together
    claim = ({"kind": "cited"} if label.cited else {}) | _whose(head, label, metric)
    claim["split"] = head.part or label.part or _part_of(metric, table)
    claim |= {"value": value, "unit": _unit(metric, value, cell, head, table)}
    if metric in SCORES and RUNS.search(table.caption) and not claim["fold"]:
        claim["aggregation"] = claim["aggregation"] or "mean"
    spread = re.search(r"±\s*([\d.]+)|\(\s*(\d*\.\d+)\s*%?\s*\)$", cell)
    claim |= {
        "spread": spread[1] or spread[2] if spread else "",
        "approximate": "true" if cell.startswith(("≈", "~")) else "",
    }
    return {k: v for k, v in claim.items() if v}


def _figure(head: Header, cell: str, *, counting: bool) -> tuple[str, str] | None:
    """Return the metric and the number of a cell; None where either is not understood."""
    match = FIGURE.match(cell)
    if match is None or cell[0] in "<>≤≥" or _NO_END.match(cell, match.end()):
        return None
    value = match.group().lstrip("≈~ ").replace("−", "-")
    value = f"0{value}" if value.startswith(".") else value
    metric = "" if head.metric == "n_images" and _RATE.search(head.rest) else head.metric
    if metric in _COUNTS:
        value = re.sub(r"\.0+$", "", value)  # as a data frame writes a count
    if not metric and counting and WHOLE.fullmatch(value):
        metric = "n_images"
    many = metric.startswith("params") and (_MANY.match(cell[match.end() :]) or _MANY.fullmatch(head.rest))
    return (metric, value) if metric in METRICS and not many else None


def _whose(head: Header, label: Label, metric: str) -> Fields:
    """Return the fields of a claim that say of what its figure is, "" where nothing does."""
    score, averaged = metric in SCORES, metric in SCORES - NOT_AVERAGED
    of_row = "" if score and label.of_all else label.class_
    guess = "" if of_row else _class(head, metric)
    conditions = [label.condition]
    if of_row and not re.fullmatch(rf"(?:{TOTAL.pattern})|[\d\s.%()]*", head.rest, re.IGNORECASE):
        conditions.append(head.rest)  # as in "Images (augmented)", "Misclassified"
    of_row = "" if metric in _COUNTS and TOTAL.fullmatch(of_row) else of_row
    if guess and metric == "kappa" and _WEIGHTS.fullmatch(guess):
        conditions, guess = [*conditions, guess], ""
    if score and label.average and not averaged:  # as an accuracy in a row of macro averages, of which kind is not said
        conditions.append(f"{label.average} average")
    aggregation = label.aggregation or ("mean" if head.mean or (score and label.of_all) else "")
    return {
        "model": label.model,
        "condition": " ".join(filter(None, conditions)),
        "metric": metric,
        "class": of_row or guess,
        "guessed": "class" if guess else "",
        "fold": head.fold or label.fold,
        # a mean of the classes' accuracies, each against the rest or not, weighted or not, may be of many kinds
        "aggregation": "" if label.mean_of == "classes" and averaged else aggregation,
        "mean_of": label.mean_of or ("folds" if head.mean and not head.rest and not label.aggregation else ""),
        "average": label.average or head.average if averaged and not (of_row or guess) else "",
    }


def _of_layer(metric: str, label: Label, cell: str) -> Fields:
    """Return a figure of a table of layers: the shape of one's output, as printed, or the number of its parameters."""
    if metric == "output_shape":
        return {"metric": metric, "condition": label.text, "value": cell.strip()}
    match = FIGURE.match(plain_cell(cell))
    assert match is not None
    return {"metric": "params_layer", "condition": label.text, "value": match.group(), "unit": "count"}


def _class(head: Header, metric: str) -> str:
    rest = re.sub(r"^(?:of|for|on) (?=\w)|\bclass (?=\w)", "", head.rest).strip("\"'“”‘’ ")
    return rest if metric in SCORES | _COUNTS and rest and len(rest) <= 24 else ""


def _part_of(metric: str, table: Printed) -> str:
    if metric not in SCORES | {"loss"}:
        return ""
    return ("" if elsewhere(table.caption) else read_header(table.caption).part) or "unstated"


def _unit(metric: str, value: str, cell: str, head: Header, table: Printed) -> str:
    if metric in _COUNTS:
        return "count"
    if metric not in SCORES:
        return ""
    large = float(value.replace(",", "")) > 1
    printed = "%" in cell or head.percent or "percentage" in table.caption.lower()
    return "%" if ((printed or large) and metric not in {"mcc", "kappa"}) or large else "fraction"


def _matrix(found: Figures, table: Printed, headers: Sequence[str], body: Sequence[Sequence[str]], ident: str) -> None:
    names = [plain_cell(row[0]) or f"class {i}" for i, row in enumerate(body)]
    name = ident.rsplit(".", 1)[-1]
    # a corner "Actual / Predicted" or "Predicted" may speak of the rows or of the columns
    found.matrices.append({"id": name, "where": table.where, "rows": table.rows_are, "classes": names})
    for r, row in enumerate(body):
        for c, cell in enumerate(row[1 : len(body) + 1]):
            found.claims.append({
                "id": f"{ident}_{r}_{c}", "metric": "matrix_cell", "matrix": name, "row": names[r], "column": names[c],
                "value": plain_cell(cell), "unit": "count", **_part_of_matrix(table), "where": table.where,
            })  # fmt: skip


def _part_of_matrix(table: Printed) -> Fields:
    """Return the part of the data, and the fold if any, that a matrix is of, by its caption and its corner."""
    said = f"{table.caption} {table.rows[0][0]}"
    fold = fold_of(said)
    return {"split": part_of(said)} | ({"fold": fold} if fold else {})


def sentence_figures(text: str) -> Iterator[tuple[str, str]]:
    """Yield (metric, percentage) for the percentages of a sentence that stand beside the name of a metric.

    >>> list(sentence_figures("The model reached an accuracy of 91.3% and a recall of 88 %."))
    [('accuracy', '91.3'), ('recall', '88')]
    """
    text = decimal_points(text, counts=False, commas=False)
    for match in re.finditer(r"(?<![\d.,])(\d*\.?\d+)\s?%", text):
        before = re.split(r"[.,;]\s|\band\b", text[max(0, match.start() - 60) : match.start()])[-1]
        metric = read_header(before).metric or read_header(text[match.end() : match.end() + 25]).metric
        if metric in SCORES:
            yield metric, match[1]


def unread_scores(sentences: Sequence[Sentence]) -> list[str]:
    """Return the remark on scores of running text, which are no figures of a draft; [] where there are none."""
    found = [(shown, s.where) for s in sentences if (shown := _score_in(s.text))]
    if not found:
        return []
    (shown, where), n = found[0], len(found)
    places = "A sentence of running text names a score" if n == 1 else f"{n} sentences of running text name scores"
    return [
        f"{places} beside a number and {'is' if n == 1 else 'are'} not read, the first: {shown!r} ({where}). "
        "Give such figures in a table to have them checked."
    ]


def _score_in(text: str) -> str:
    """Return the part of a sentence in which a score's name stands near a number, "" where there is none.

    >>> _score_in("We trained for 30 epochs. The val_accuracy was as high as 0.91."), _score_in("A rate of 0.001.")
    ('The val_accuracy was as high as 0.91', '')
    """
    for match in _IN_TEXT.finditer(text):
        before = re.split(r"[.;]\s", text[max(0, match.start() - 40) : match.start()])[-1]
        after = text[match.end() : match.end() + 16]
        for near, shown in ((before, before + match.group()), (after, before + match.group() + after)):
            words = re.sub(r"[\W_]+", " ", near)
            metric = read_header(words).metric if re.search(r"[^\W\d]", words) else ""
            if metric in SCORES or metric in NAMED_CELLS:
                return shown.strip()
    return ""
