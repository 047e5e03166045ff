"""Whose the figures of a row of a printed table are, by the cells that hold no figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from leukbench.papers.vocabulary import SCORES
from leukbench.tools.draft.headers import Header, average_of, class_named, plain_cell, read_header

_NAMES = re.compile(
    r"model|method|network|classifier|architecture|approach|algorithm|technique|author|study|work|ensemble|fusion",
    re.IGNORECASE,
)
_CLASSES = frozenset({"class", "classes", "cell type", "category", "label"})
CITED = re.compile(r"\[\s*\d+|et al\.?|\(\d{4}\)", re.IGNORECASE)
_OURS = re.compile(r"propos|ours|this (work|study|paper)|our ", re.IGNORECASE)
_MEAN = re.compile(
    r"(?:[\w-]+ )?(?:averages?|averaged|means?|avg\.?)"
    r"(?: (?:of|over|across|accuracy|scores?|values?|results?|folds?|cv)\b.*)?\s*(?:[(±/+].*)?:?",
    re.IGNORECASE,
)
_NUMBERS = {
    word: n for n, word in enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=2)
}
_MEANS = frozenset(["mean", "means", "average", "averages", "averaged", "avg"])
_PARTS_OF = {"folds": frozenset(["fold", "folds", "cv", "k"]), "classes": frozenset(["class", "classes"])}
_BESIDE_MEAN = frozenset({
    "overall", "over", "all", "of", "the", "across", "total", "grand", "arithmetic", "unweighted", "simple", "accuracy",
    "score", "scores", "value", "values", "result", "results", "sd", "s", "d", "std", "dev", "standard", "deviation",
})  # fmt: skip
"""What may stand beside "mean" where a row is that of the rows above it: other words may say that it is of others."""
RUNS = re.compile(
    r"(?:\d+|k|three|four|five|ten)[ -]?(?:folds?|runs?|seeds?|times|repeats?|repetitions?)\b|cross[ -]?validat|\bCV\b|"
    r"\b(?:mean|averaged?)\b.*\b(?:folds|runs|seeds|splits|repetitions)\b",
    re.IGNORECASE,
)
"""Words of a caption or a name that say that scores are over folds or runs."""
_COUNT_OF = re.compile(r"[(,]?\s*\bn\s*=\s*[\d,]+\s*\)?", re.IGNORECASE)
_SUM = re.compile(r"(?:(?:sub|grand )?totals?|sums?)|Σ|∑", re.IGNORECASE)
_ALL = re.compile(r"[Aa]ll (?:classes|folds|images|cells)")
SPREAD = re.compile(
    r"(st\.?d\.?|s\.?d\.?|st(andard|d?\.?) ?dev(iation)?\.?|variance|var\.?|σ)( ?\(.*\))?", re.IGNORECASE
)
_NO_RESULT = re.compile(
    r"p(?:[ -]?values?)?|(?:improvements?|gains?|diff(?:erence)?s?|delta|Δ)\b.*|"
    r"(?:\d+ ?% ?)?(?:CI|confidence intervals?)|(?:lower|upper)(?: (?:bound|limit))?|"
    r"samples?[ _-](?:avg\.?|averages?)|"
    r"min(?:imum)?\.?|max(?:imum)?\.?|range|best|worst|highest|lowest|median\b.*|relative change|[↑↓]",
    re.IGNORECASE,
)
"""Rows of what is no result: of a test, a difference or a bound; or one over the labels of each image."""
_MARKS = frozenset("✓✔√☑●•+xX×")
_NO_MARKS = frozenset(["", "-", "–", "—", "✗", "✘", "○"])
_COUNTERS = frozenset(["", "#", "no", "no.", "index", "unnamed: 0", "rank", "s.no", "s. no."])
FOLDS = re.compile(r"(k-?|cv[ -]?)?folds?( (no|number|id|#)\.?)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Label:
    """Whose a row is: ``text`` as printed; model, condition, class, fold, part, average and aggregation as a claim
    names them; ``of_all`` for a row of all, whose scores are a mean of some kind, ``total`` where it is a sum, which no
    score has; ``mean_of``: the "folds" or "classes" above it; ``spread`` for what is no result, and ``cited``.
    """

    text: str
    model: str = ""
    condition: str = ""
    class_: str = ""
    fold: str = ""
    part: str = ""
    average: str = ""
    aggregation: str = ""
    of_all: bool = False
    total: bool = False
    mean_of: str = ""
    spread: bool = False
    cited: bool = False


def row_labels(
    rows: Sequence[Sequence[str]], headers: Sequence[str], classes: Sequence[str], titles: Sequence[bool] = ()
) -> list[Label]:
    """Return the label of each row.

    A cell that is empty in all but the last of several such columns stands for that above it, but under check marks. A
    row that is a title names the model of those below, or what more there is to say of them. Rows of one label are told
    apart by their places: they need not be of one thing. "All" in the last row is a total, elsewhere it may be a class.

    Parameters
    ----------
    rows
        The cells that say whose a row is, row by row.
    headers
        Of their columns.
    classes
        Names of classes, where they are known.
    titles
        Which rows hold a name and no figure.

    Returns
    -------
    One label a row.

    Examples
    --------
    >>> rows = [("Net", "ALL"), ("", "HEM"), ("", "Average")]
    >>> [(x.model, x.class_, x.aggregation) for x in row_labels(rows, ["Model", "Class"], ())]
    [('Net', 'ALL', ''), ('Net', 'HEM', ''), ('Net', '', 'mean')]
    """
    found: list[Label] = []
    seen: set[Label] = set()
    title = ""
    plain = [[_COUNT_OF.sub("", plain_cell(cell)).strip() for cell in row] for row in rows]
    headers = ["Fold"] if _are_folds(plain, headers) else headers
    described = any(
        {"count", "mean", "std"} <= {cell.lower() for cell in column} for column in zip(*plain, strict=True)
    )
    for r, cells in enumerate(_filled(plain, headers), start=1):
        label = _label([pair for pair in zip(headers, cells, strict=True) if pair[1]], classes)
        if titles and titles[r - 1]:
            title, label = label.text, Label(text=label.text, spread=True)
        elif described and any(re.fullmatch(r"count|\d+%", cell) for cell in cells):  # of pandas' describe()
            label = replace(label, spread=True)
        elif r == len(rows) and {"All", "all"} & {*cells} - {*classes}:
            label = replace(label, of_all=True, class_="total" if label.class_ else "")
        found.append(_apart(label, title, seen, r) if not label.spread else label)
    found = [_mean_of(label, found[:r], found[r + 1 :]) for r, label in enumerate(found)]
    folded, averaged = {_group(x) for x in found if x.fold}, {_group(x) for x in found if x.mean_of == "folds"}
    # one mean below several sets of folds may be of them all
    return found if folded == averaged else [replace(x, mean_of=x.mean_of.replace("folds", "")) for x in found]


def _are_folds(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> bool:
    """Whether the one column of names counts rows, as a data frame's index does, above a mean."""
    if len(headers) != 1 or headers[0].lower() not in _COUNTERS:
        return False
    cells = [cell for (cell,) in rows]
    n = sum(cell.isdigit() for cell in cells)
    counted = cells[:n] in ([str(i) for i in range(n)], [str(i + 1) for i in range(n)])
    return n > 1 and counted and any(_MEAN.fullmatch(cell) for cell in cells[n:])


def _group(label: Label) -> tuple[str, str, str]:
    return label.model, label.condition, label.part


def _mean_of(label: Label, above: Sequence[Label], below: Sequence[Label]) -> Label:
    """Return a mean with what it is of, if it is the last of its kind and named by nothing else.

    >>> rows = [Label(text=str(i), fold=str(i)) for i in (1, 2)]
    >>> [_mean_of(Label(text=t, aggregation="mean"), rows, []).mean_of for t in ("Mean (2 folds)", "Test mean")]
    ['folds', '']
    """
    if not (label.of_all or label.aggregation):
        return label
    alike, later = ([x for x in some if _group(x) == _group(label)] for some in (above, below))
    kind = "folds" if any(x.fold for x in alike) else "classes"
    n = sum(bool(x.fold if kind == "folds" else x.class_) for x in alike)
    said = re.findall(r"[a-z]+|\d+", label.text.rsplit(", ")[-1].lower())
    numbers = {_NUMBERS.get(word) or int(word) for word in said if word in _NUMBERS or word.isdigit()}
    words = {word for word in said if word not in _NUMBERS and not word.isdigit()}
    mean = bool(words & _MEANS) or (kind == "classes" and label.aggregation != "mean")  # as a total
    plain = mean and words <= _MEANS | _BESIDE_MEAN | _PARTS_OF[kind] and numbers <= {n}
    last = n > 1 and not any(x.fold or x.class_ for x in later)
    return replace(label, mean_of=kind) if plain and last else label


def _apart(label: Label, title: str, seen: set[Label], number: int) -> Label:
    """Return a label under a title, told by its place from those ``seen`` above that are alike but for a condition."""
    if title and not label.model:
        label = replace(label, model=title)
    elif title:
        label = replace(label, condition=f"{label.condition} {title}".strip())
    plain = replace(label, condition="")
    if plain in seen:
        return replace(label, condition=f"{label.condition} row {number}".strip())
    seen.add(plain)
    return label


def _filled(rows: list[list[str]], headers: Sequence[str]) -> list[list[str]]:
    """Return cells with empty ones filled from above, check marks as the names of their columns, "with none" where a
    row has none and nothing else, and no counters.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    marked: list[int] = []
    for c, column in enumerate(columns):
        numbers = [str(i) for i in range(len(column))], [str(i + 1) for i in range(len(column))]
        if {*column} <= _MARKS | _NO_MARKS and {*column} & _MARKS:
            columns[c] = [f"with {headers[c]}" if cell in _MARKS else "" for cell in column]
            marked.append(c)
        elif len(columns) > 1 and headers[c].lower() in _COUNTERS and column in numbers:
            columns[c] = [""] * len(column)
        elif c < len(columns) - 1:
            for r in range(1, len(column)):
                empty_row = not any(rows[r])
                column[r] = column[r] or ("" if empty_row else column[r - 1])
    for r in range(len(rows) if marked else 0):
        if not any(column[r] for column in columns):
            columns[marked[0]][r] = "with none"
    return [list(row) for row in zip(*columns, strict=True)] if columns else rows


def _label(cells: Sequence[tuple[str, str]], classes: Sequence[str]) -> Label:
    """Return the label of (header, cell)s that are not empty."""
    fields: dict[str, str] = {}
    left: list[tuple[str, str]] = []
    for head, cell in cells:
        role = _role(head, cell, classes)
        fields |= role or {}
        left += [(head, cell)] if role is None else []
    model = next((cell for head, cell in left if _NAMES.search(head)), "")
    plain = [cell for head, cell in left if cell not in {f"with {head}", "with none"}]
    model = model or (plain[0] if plain and not fields.get("class_") else "")
    others = " ".join(cell for _, cell in left if cell != model)
    fields["condition"] = " ".join(filter(None, (fields.get("condition", ""), others)))
    text = ", ".join(cell for _, cell in cells)
    cited = bool(CITED.search(text)) and not _OURS.search(text)
    spread, none, of_all, total = (
        any(pattern.fullmatch(cell) and cell not in classes for _, cell in cells)
        for pattern in (SPREAD, _NO_RESULT, _ALL, _SUM)
    )
    metric = any(_is_metric(cell) for _, cell in cells)  # whose figure stands under another one
    if RUNS.search(text) and not fields.get("fold"):
        fields.setdefault("aggregation", "mean")
    spread |= none or metric
    return Label(text=text, model=model, of_all=of_all or total, total=total, spread=spread, cited=cited, **fields)


def _is_metric(cell: str) -> bool:
    head = read_header(cell)
    return head.metric in SCORES and head == Header(metric=head.metric)


def _role(head: str, cell: str, classes: Sequence[str]) -> dict[str, str] | None:
    """Return the fields of a label that a cell under a header gives; None where it may be a model or a condition."""
    said, named = read_header(cell), _NAMES.search(head) is not None
    by_class = head.lower() in _CLASSES
    known = class_named(cell, classes) if by_class or not named else ""
    if SPREAD.fullmatch(cell):
        return {}
    if read_header(head).metric == "epochs":
        return {"condition": f"epoch {cell}"}
    if known:
        return {"class_": known}
    if not named and (average := average_of(cell)):
        return {"average": average}
    if cell.lower() == "overall" or _MEAN.fullmatch(cell):
        return {"aggregation": "pooled" if cell.lower() == "overall" else "mean"}
    if FOLDS.fullmatch(head) and (cell.isdigit() or said.fold):
        return {"fold": cell if cell.isdigit() else said.fold}
    if by_class:
        return {"class_": "" if said.metric else cell}
    if not said.fold and (named or not said.part):
        return None
    return {key: value for key, value in (("fold", said.fold), ("part", said.part)) if value}
