"""Whose the figures of a row of a printed table are, by the cells that hold no figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from leukbench.tools.draft.headers import average_of, class_named, plain_cell, read_header

_NAMES = re.compile(
    r"model|method|network|classifier|architecture|approach|algorithm|technique|author|study|work", re.IGNORECASE
)
_CLASSES = frozenset({"class", "classes", "cell type", "category", "label"})
CITED = re.compile(r"\[\s*\d+|et al\.?|\(\d{4}\)", re.IGNORECASE)
_OURS = re.compile(r"propos|ours|this (work|study|paper)|our ", re.IGNORECASE)
_MEAN = re.compile(
    r"(?:[\w-]+ )?(?:averaged?|mean|avg\.?)(?: (?:of|over|across|scores?|values?|folds?|cv)\b.*)?\s*(?:[(±/+].*)?:?",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"(?i:(?:sub|grand )?totals?|sums?)|[Aa]ll (?:classes|folds|images|cells)|Σ|∑")
SPREAD = re.compile(
    r"(st\.?d\.?|s\.?d\.?|st(andard|d?\.?) ?dev(iation)?\.?|variance|var\.?|σ)( ?\(.*\))?", re.IGNORECASE
)
_FOLDS = re.compile(r"(k-?|cv[ -]?)?folds?( (no|number|id|#)\.?)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Label:
    """Whose a row is: ``text`` as printed; model, condition, class, fold, part, average and aggregation as a claim
    names them; ``of_all`` for a total, whose scores are a mean of some kind; ``spread`` and ``cited``.
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
    spread: bool = False
    cited: bool = False


def row_labels(rows: Sequence[Sequence[str]], headers: Sequence[str], classes: Sequence[str]) -> list[Label]:
    """Return the label of each row.

    A cell that is empty in all but the last of several such columns stands for that above it. Rows of one label are
    told apart by their places: they need not be of one thing. "All" in the last row is a total, elsewhere it may be a
    class.

    Parameters
    ----------
    rows
        The cells that say whose a row is, row by row.
    headers
        Of their columns.
    classes
        Names of classes, where they are known.

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
    above = [""] * len(headers)
    for r, row in enumerate(rows, start=1):
        cells = [plain_cell(cell) for cell in row]
        if any(cells):
            cells = [cell or above[c] if c < len(headers) - 1 else cell for c, cell in enumerate(cells)]
        above = cells
        label = _label([pair for pair in zip(headers, cells, strict=True) if pair[1]], classes)
        if r == len(rows) and {"All", "all"} & {*cells} - {*classes}:
            label = replace(label, of_all=True)
        if (
            label.text
            and not label.spread
            and any(label == replace(other, condition=label.condition) for other in found)
        ):
            label = replace(label, condition=f"{label.condition} row {r}".strip())
        found.append(label)
    return found


def _label(cells: Sequence[tuple[str, str]], classes: Sequence[str]) -> Label:
    """Return the label of (header, cell)s that are not empty."""
    fields: dict[str, str] = {}
    left: list[tuple[str, str]] = []
    for head, cell in cells:
        role = _role(head, cell, classes)
        fields |= role or {}
        left += [(head, cell)] if role is None else []
    model = next((cell for head, cell in left if _NAMES.search(head)), "")
    model = model or (left[0][1] if left and not fields.get("class_") else "")
    others = " ".join(cell for _, cell in left if cell != model)
    fields["condition"] = " ".join(filter(None, (fields.get("condition", ""), others)))
    text = ", ".join(cell for _, cell in cells)
    cited = bool(CITED.search(text)) and not _OURS.search(text)
    spread, of_all = (
        any(pattern.fullmatch(cell) and cell not in classes for _, cell in cells) for pattern in (SPREAD, _TOTAL)
    )
    return Label(text=text, model=model, of_all=of_all, spread=spread, cited=cited, **fields)


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
    if average := average_of(cell):
        return {"average": average}
    if cell.lower() == "overall" or _MEAN.fullmatch(cell):
        return {"aggregation": "pooled" if cell.lower() == "overall" else "mean"}
    if _FOLDS.fullmatch(head) and (cell.isdigit() or said.fold):
        return {"fold": cell if cell.isdigit() else said.fold}
    if by_class:
        return {"class_": "" if said.metric else cell}
    return {"fold": said.fold, "part": said.part} if said.fold or (said.part and not named) else None
