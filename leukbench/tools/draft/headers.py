"""What a column of a printed table speaks of, by its header: metric, part of the data, class, fold, unit."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from leukbench.papers.slips import NAMED_CELLS
from leukbench.papers.vocabulary import SCORES

METRIC_WORDS: tuple[tuple[str, str], ...] = (
    (r"balanced[\s_-]*acc(uracy)?|bacc", "balanced_accuracy"),
    (r"error[\s_-]*rate", "error_rate"),
    (r"(top[\s-]?1[\s-]*)?acc(uracy)?(uracies)?\.?", "accuracy"),
    (r"precision|prec\.?|ppv|positive predictive value", "precision"),
    (r"recall|rec\.?|tpr|(true positive|tp)[\s_-]*rate", "recall"),
    (r"sensitivity|sens\.?|sen|sn", "sensitivity"),
    (r"specificity|spec\.?|spe|tnr|(true negative|tn)[\s_-]*rate", "specificity"),
    (r"f[\s_-]?1?[\s_-]?(score|measure)s?|f[_-]?1", "f1"),
    (r"roc[\s_-]*auc|auc[\s_-]*roc|auroc|auc|area under (the )?(roc )?curve|az", "auc"),
    (r"mcc|mathews? correlation( coefficient)?|matthews?( correlation)?( coefficient)?", "mcc"),
    (r"cohen'?s?\s*kappa|kappa|κ", "kappa"),
    (r"loss", "loss"),
    (r"(non[\s-]*trainable) param(eter)?s?", "params_nontrainable"),
    (r"(trainable|training) param(eter)?s?", "params_trainable"),
    (r"(total |number of |no\.? of |# ?)?param(eter)?s?", "params_total"),
    (r"image counts?|(number|no\.?) of (images|samples|cells)|images|samples|support", "n_images"),
    (r"(number|no\.?) of (subjects|patients)|subjects|patients", "n_subjects"),
    (r"(number of |max(imum)? )?epochs?", "epochs"),
    (r"(mini[\s-]*)?batch[\s_-]*size", "batch_size"),
    (r"(initial )?learning[\s_-]*rate|lr", "learning_rate"),
    (r"drop[\s-]*out( rate)?", "dropout"),
    (r"momentum", "momentum"),
    (r"(output )?shape|output size", "output_shape"),
    (r"true positives?|tp", "tp"), (r"false positives?|fp", "fp"),
    (r"false negatives?|fn", "fn"), (r"true negatives?|tn", "tn"),
)  # fmt: skip
_PARTS = (
    (r"train(ing)?( set| data)?", "train"),
    (r"valid(ation)?|val\.?( set| data)?", "validation"),
    (r"test(ing)?( set| data)?", "test"),
)
_AVERAGES = ((r"mac(?:ro)?", "macro"), (r"w(?:eighted|td|gt|t)?", "weighted"), (r"mic(?:ro)?", "micro"))
_AVERAGED = re.compile(
    rf"(?<![A-Za-z])(?:{'|'.join(f'({words})' for words, _ in _AVERAGES)})"
    r"(?:[\s_.-]*(?:averaged?|avg|mean))?(?![A-Za-z\d/])",
    re.IGNORECASE,
)
_MEAN = re.compile(r"(?<![A-Za-z])(?:averaged?|avg|mean)(?![A-Za-z])", re.IGNORECASE)
_OF_ALL = re.compile(r"(?<![A-Za-z])(?:overall|total)(?![A-Za-z])", re.IGNORECASE)
_ENDS = " -:,.()[]_"
NOT_AVERAGED = frozenset({"accuracy", "balanced_accuracy", "mcc", "kappa", "error_rate"})
_SYNONYMS = ({"recall", "sensitivity"}, {"precision"}, {"specificity"}, {"auc"}, {"f1"}, {"mcc"}, {"kappa"})
"""Sets of metrics of which a header may say one under two names, as Recall (Sensitivity)."""
_OF_ANOTHER_KIND = re.compile(
    r"(?:abs(?:olute|\.)?|rel(?:ative|\.)?)?\W*(?:gains?|improvements?|increases?|decreases?|drops?|reductions?|loss|"
    r"diff(?:erence)?s?|delta|changes?|rank(?:ing)?|ratio)(?:\W+(?:in|of|vs|over|against)\b.*)?\W*|"
    r"(?:ci )?(?:lower|upper)(?: (?:bound|limit|ci))?|(?:adj\w*\W*)?[pq]\W?values?|median|relative|expected|chance|"
    r"pr|log|partial|.*(?:[‰βΔ∆]|\bper mille\b|\btop[ -]?(?:[2-9]|1\d)|@ ?[1-9]\d?(?![\dx×.])).*",
    re.IGNORECASE,
)
"""What makes of a score's name that of another figure: a difference, a bound, a place in an order, a thousandth."""
_TYPESET = re.compile(r"\\(?:up|down)arrow|[↑↓$]|\\[ ,;!]")
"""Arrows that say which way is better, and marks of LaTeX."""
_UNIT = re.compile(r"\(?\s*(in\s*)?(%|percent(age)?|/100)\s*\)?|\(\s*(s|sec|min)\s*\)", re.IGNORECASE)
_INTERVAL = re.compile(r"[(\[,]?\s*\d+\s*%\s*(?:CI|confidence intervals?)\s*[)\]]?", re.IGNORECASE)
_BESIDE = re.compile(r"\(?\s*\bn\s*=\s*[\d,]+\s*\)?|±\s*(?:SD|std\.?|standard deviation)?", re.IGNORECASE)
"""A number of images and the mark of a spread, which a header may have beside its name."""
_FOLDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![A-Za-z])(?:fold|k)\s*[-_=#]?\s*(\d+)",
        r"(?<![A-Za-z\d])(\d+)(?:st|nd|rd|th)?\s*fold(?!\s*\d)",
    )
)


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header understood: ``metric`` "" where it names none; ``rest`` is what it says besides. ``average`` is that of
    a score over classes, ``mean`` says of one that it is a mean, not of what.
    """

    metric: str = ""
    part: str = ""
    fold: str = ""
    percent: bool = False
    average: str = ""
    mean: bool = False
    rest: str = ""


def class_named(text: str, classes: Iterable[str], *, counted: bool = False) -> str:
    """Return the class that a text names, written as it is or in other case; "all" in other case may be all classes,
    but where classes are ``counted``.

    >>> [class_named(text, ["ALL", "HEM"]) for text in ("hem", "Class: ALL", "All")]
    ['HEM', 'ALL', '']
    """
    same = {name.casefold(): name for name in classes}
    if text.casefold() not in same:
        text = re.sub(r"class:?\s+", "", text, count=1, flags=re.IGNORECASE)  # as caret prints it
    name = same.get(text.casefold(), "")
    return name if counted or text in same.values() or text.casefold() != "all" else ""


def read_header(text: str, classes: Iterable[str] = ()) -> Header:
    """Return what a header says; what is called like one of ``classes`` is no average.

    >>> read_header("Testing Accuracy (%)")
    Header(metric='accuracy', part='test', fold='', percent=True, average='', mean=False, rest='')
    >>> read_header("F1 Score (%) ALL").metric, read_header("F1 Score (%) ALL").rest, read_header("Fold 2").fold
    ('f1', 'ALL', '2')
    >>> [read_header(text).average for text in ("Macro-F1", "recall_weighted (%)", "F1 (micro avg.)", "F1 ALL")]
    ['macro', 'weighted', 'micro', '']
    """
    return _read_header(text, tuple(classes))


@functools.lru_cache(maxsize=4096)
def _read_header(text: str, classes: tuple[str, ...]) -> Header:
    text = _BESIDE.sub(" ", _INTERVAL.sub(" ", _TYPESET.sub(" ", text).replace(r"\%", "%")))
    percent = "%" in text or re.search(r"percent", text, re.IGNORECASE) is not None
    left = " ".join(_UNIT.sub(" ", text).replace("*", " ").split())
    fold = ""
    if (match := next(filter(None, (pattern.search(left) for pattern in _FOLDS)), None)) is not None:
        fold, left = match[1], (left[: match.start()] + left[match.end() :]).strip()
    metric, left = _metric_in(left)
    average, mean = "", False
    named = class_named(left.strip(_ENDS), classes)
    if not named and metric in SCORES - NOT_AVERAGED and (match := _AVERAGED.search(left)) is not None:
        average = _AVERAGES[(match.lastindex or 1) - 1][1]
        left = left[: match.start()] + left[match.end() :]
    if not named and metric in SCORES:
        left, n = _MEAN.subn(" ", _OF_ALL.sub(" ", left))
        mean = n > 0
    part, left = _taken(left, _PARTS)
    rest = left.strip(_ENDS)
    if not class_named(rest, classes):
        if _is_synonym(metric, rest):
            metric, rest = _taken(re.split(r"[(/=]", text)[0], METRIC_WORDS)[0] or metric, ""
        if _is_another(metric, rest, percent):
            return Header(part=part, fold=fold, percent=percent, rest=text.strip(_ENDS))
    return Header(metric=metric, part=part, fold=fold, percent=percent, average=average, mean=mean, rest=rest)


def _is_another(metric: str, rest: str, percent: bool) -> bool:
    """Whether a header that names a metric is that of another figure by what it says besides.

    >>> [_is_another("accuracy", rest, False) for rest in ("gain", "Top-5", "noise reduction", "Spec=0.95")]
    [True, True, False, True]
    >>> _is_another("fp", "rate", False), _is_another("fp", "", True)
    (True, True)
    """
    if metric in NAMED_CELLS:
        return percent or re.search(r"\b(?:rate|ratio|share|fraction)", rest, re.IGNORECASE) is not None
    return metric in SCORES and bool(_OF_ANOTHER_KIND.fullmatch(rest) or _taken(rest, METRIC_WORDS)[0] in SCORES)


def _is_synonym(metric: str, rest: str) -> bool:
    """Whether what a header says besides is its metric under another name, as Sensitivity (Recall) does.

    >>> _is_synonym("recall", "Sensitivity"), _is_synonym("precision", "PPV"), _is_synonym("recall", "/Specificity")
    (True, True, False)
    """
    other, left = _taken(rest.strip("/= "), METRIC_WORDS)
    return any({metric, other} <= same for same in _SYNONYMS) and not left.strip(_ENDS)


def _metric_in(text: str) -> tuple[str, str]:
    """Return the metric that a header names, and what is left of it."""
    metric, left = _taken(text, METRIC_WORDS)
    if not metric and (word := _AVERAGED.search(text)) is not None:  # as in Macro-F1, which is one word
        metric, other = _taken(_AVERAGED.sub(" ", text).replace("_", " ").replace("-", " "), METRIC_WORDS)
        left = f"{word[0]} {other}" if metric else text
    if not metric and "_" in text:  # as in test_accuracy
        metric, other = _taken(text.replace("_", " "), METRIC_WORDS)
        left = other if metric else text
    return metric, left


def average_of(label: str) -> str:
    """Return the averaging over classes that a row is named by.

    >>> average_of("Macro-average"), average_of("weighted avg."), average_of("W"), average_of("Macrophage")
    ('macro', 'weighted', '', '')
    """
    match = _AVERAGED.fullmatch(label.strip().rstrip("."))
    return _AVERAGES[(match.lastindex or 1) - 1][1] if match is not None and len(label) > 2 else ""


def _taken(text: str, names: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """Return the first name whose pattern stands in a text as a word, and the text without it."""
    for pattern, name in names:
        match = re.search(rf"(?<![\w-])(?:{pattern})(?![\w])", text, re.IGNORECASE)
        if match is not None:
            return name, " ".join((text[: match.start()] + " " + text[match.end() :]).split())
    return "", text


def header_rows(rows: tuple[tuple[str, ...], ...]) -> int:
    """Return how many rows at the top are header: those without a figure beyond the first column, and no title."""
    n = 1
    while n < len(rows) - 1 and n < 4 and not any(map(is_figure, rows[n][1:])) and len({*filter(None, rows[n])}) > 1:
        n += 1
    return n


def joined_headers(rows: tuple[tuple[str, ...], ...], n: int) -> list[str]:
    """Return one header a column; an upper one stands over the columns to its right that have none of their own."""
    headers = []
    for c in range(len(rows[0]) if rows else 0):
        words: list[str] = []
        for r in range(n):
            cell = rows[r][c]
            if not cell and any(rows[below][c] for below in range(r + 1, n)):
                cell = next((rows[r][left] for left in range(c - 1, 0, -1) if rows[r][left]), "")
            if cell and cell not in words:
                words.append(cell)
        headers.append(" ".join(words))
    return headers


FIGURE = re.compile(r"[<>≤≥≈~]?\s*[-+−]?((\d{1,3}(,\d{3})+|\d+)(\.\d+)?|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
WHOLE = re.compile(r"[1-9]\d{0,2}(,\d{3})+|\d+")
_NUMBER = re.compile(r"(?<!\d)\d*(?:[.,]\d+)+")
_MIDDLE_DOT = re.compile(r"(?<=\d)[·∙⋅٫](?=\d)(?!10\s*[-−^])")


def decimal_points(text: str, *, counts: bool, commas: bool) -> str:
    """Return a plain cell with its decimal marks as points and its thousands as ``1,234``.

    A middle dot is a decimal point. No score reaches 1,000, so that a single comma in one is decimal. ``counts``:
    the cell holds a count, where ``1,234`` keeps its thousands; ``commas``: its table writes decimal commas, so that
    the point of ``1.234`` marks thousands there.

    >>> decimal_points("94,6 ± 0,4", counts=False, commas=True), decimal_points("93·5", counts=False, commas=False)
    ('94.6 ± 0.4', '93.5')
    >>> decimal_points("10,661", counts=True, commas=True), decimal_points("10.661", counts=True, commas=True)
    ('10,661', '10,661')
    """

    def pointed(match: re.Match[str]) -> str:
        number = match.group()
        if counts and commas and re.fullmatch(r"[1-9]\d{0,2}(\.\d{3})+", number):
            return number.replace(".", ",")
        if "." in number or number.count(",") > 1 or (counts and WHOLE.fullmatch(number)):
            return number
        return number.replace(",", ".")

    return _NUMBER.sub(pointed, _MIDDLE_DOT.sub(".", text))


def writes_commas(cells: Iterable[str]) -> bool:
    """Say whether a table writes decimal commas: some comma can be nothing else, and no point is a decimal one.

    >>> writes_commas(["0,946", "10.661"]), writes_commas(["10,661", "0.5"]), writes_commas(["0,95", "0.5"])
    (True, False, False)
    """
    numbers = [n for cell in cells for n in _NUMBER.findall(cell)]
    points = [n for n in numbers if "." in n and not re.fullmatch(r"[1-9]\d{0,2}(\.\d{3})+(,\d+)?", n)]
    return not points and any(n.count(",") == 1 and not WHOLE.fullmatch(n) for n in numbers)


def plain_cell(text: str) -> str:
    """Return a cell without marks of emphasis and mathematics.

    >>> plain_cell(r"$\\textbf{99.37} \\pm \\textbf{0.40}$"), plain_cell("**91.2** %")
    ('99.37 ± 0.40', '91.2 %')
    """
    text = re.sub(r"\\(?:textbf|mathbf|text|mathrm|underline|emph|bf)\s*\{([^{}]*)\}", r"\1", text)
    text = text.replace(r"\pm", "±").replace("+/-", "±").replace(r"\%", "%")
    return " ".join(re.sub(r"[$*_`†‡]|<[^>]+>", "", text).split())


def is_figure(text: str) -> bool:
    """Say whether a cell holds a figure, perhaps with a unit, a spread or an interval."""
    return FIGURE.match(plain_cell(text)) is not None
