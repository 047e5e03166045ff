"""How numbers look in tables: percent with interval, counts with thin groups, a dash with its reason
where undefined.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from leukbench.errors import visible
from leukbench.records import COPIES_AVERAGED

if TYPE_CHECKING:
    from leukbench.evaluation.contrasts import Contrast
    from leukbench.records import Estimate

FRACTIONS = frozenset(
    {"accuracy", "balanced_accuracy", "precision", "recall", "sensitivity", "specificity", "f1", "ppv", "npv"}
)
SIGNED = frozenset({"mcc", "kappa"})
"""Metrics on [-1, 1]; all others lie on [0, 1], but for those without a bound."""
UNBOUNDED = frozenset({"log_loss"})


def number(value: float | None, *, digits: int = 3) -> str:
    """Return a plain number, or a dash.

    >>> number(0.98765), number(None)
    ('0.988', '–')
    """
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float | None, *, digits: int = 1) -> str:
    """Return a fraction in percent, without the sign.

    >>> percent(0.9113)
    '91.1'
    """
    return "–" if value is None else number(100 * value, digits=digits)


def score(value: float | None, metric: str, *, more: int = 0) -> str:
    """Return a score as the field prints it: percent for shares, three decimals for coefficients and losses; and
    ``more`` decimals than that.
    """
    if metric in FRACTIONS:
        return percent(value, digits=1 + more)
    return number(value, digits=3 + more).replace("-", "−")


def interval(low: float | None, high: float | None, metric: str) -> str:
    """Return ``low to high``, or why there is none.

    Ends that differ are told apart, by as many decimals as it takes.

    >>> interval(0.5, 0.75, "accuracy"), interval(0.99992, 1.0, "auc")
    ('50.0 to 75.0', '0.9999 to 1.0000')
    """
    if low is None or high is None or not math.isfinite(low + high):
        return "no interval"
    shown = [[score(end, metric, more=more) for end in (low, high)] for more in range(4)]
    return " to ".join(next((ends for ends in shown if ends[0] != ends[1]), shown[0]))


FEWEST_GROUPS = 5
"""With fewer patients (or groups) no interval and no difference is printed, of any metric: it would bound nothing. What
single classes decide counts those of its poorest class.
"""
WIDEST = 0.8
"""Share of a metric's scale above which an interval is said to be too wide, and not printed."""


def too_few(n_groups: int, unit: str) -> str:
    """Return why nothing can be said, or "".

    >>> too_few(4, "patient"), too_few(1, "group"), too_few(14, "patient")
    ('too few: 4 patients', 'too few: 1 group', '')
    """
    return "" if n_groups >= FEWEST_GROUPS else f"too few: {n_groups} {unit}{'' if n_groups == 1 else 's'}"


def few_of_a_class(e: Estimate, unit: str) -> str:
    """Return that too few groups hold a class that decides an estimate, or "".

    >>> from leukbench.records import Estimate
    >>> few_of_a_class(Estimate(metric="auc", value=0.9, n_groups=14, poorest_class="HEM", poorest_groups=3), "patient")
    'too few: 3 patients of HEM'
    """
    few = too_few(e.poorest_groups, unit) if e.poorest_groups else ""
    return few and f"{few} of {e.poorest_class}"


def why_no_interval(e: Estimate, unit: str = "group") -> str:
    """Return why an estimate has no interval that is worth printing, or "": one rule, on pages and in figures."""
    if few := too_few(e.n_groups, unit):
        return few
    if few := few_of_a_class(e, unit):
        return few
    if not math.isfinite(e.low + e.high):
        return "no interval"
    scale = 2.0 if e.metric in SIGNED else 1.0
    if e.metric in UNBOUNDED or e.high - e.low <= WIDEST * scale:
        return ""
    return f"too wide to help: {f'{e.n_seeds} training' if _by_trainings(e) else f'{e.n_groups:,} {unit}'}s"


def _by_trainings(e: Estimate) -> bool:
    """Whether the trainings widen an interval more than the groups do, as two of them with one degree of freedom may
    where the groups' standard error is the larger one.
    """
    from scipy.stats import norm, t

    if e.n_seeds < 2:
        return False
    of_mean = e.seed_variance / e.n_seeds
    of_groups = max(e.standard_error**2 - of_mean, 0)
    return bool(t.ppf(0.975, e.n_seeds - 1) ** 2 * of_mean > norm.ppf(0.975) ** 2 * of_groups)


def with_interval(e: Estimate | None, unit: str = "group") -> str:
    """Return an estimate with its group-level interval in brackets, or with the reason why none is worth printing.

    Parameters
    ----------
    e
        An estimate; shares are fractions.
    unit
        What its groups are: "patient" or "group".
    """
    if e is None or not math.isfinite(e.value):
        return "–"
    value, why = score(e.value, e.metric), why_no_interval(e, unit)
    return f"{value} ({why})" if why else f"{value} [{interval(e.low, e.high, e.metric)}]"


def difference(d: Contrast, unit: str = "group") -> str:
    """Return a difference with its interval, in points for shares; never beyond what a difference can be."""
    shown = points if d.metric in FRACTIONS else signed
    if not math.isfinite(d.difference):
        return "–"
    if few := too_few_to_differ(d, unit):
        return few
    if not math.isfinite(d.low + d.high):
        return f"{shown(d.difference)} (no interval)"
    low, high = (possible_difference(end, d.metric) for end in (d.low, d.high))
    return f"{shown(d.difference)} [{shown(low)} to {shown(high)}]"


def too_few_to_differ(d: Contrast, unit: str) -> str:
    """Return why a difference is not worth printing, as fewer than five groups or too wide an interval, or ""."""
    widest = 2 * WIDEST * most_apart(d.metric)
    if (few := too_few(d.n_groups, unit)) or not d.high - d.low > widest:
        return few
    by_trainings = d.high_percentile - d.low_percentile < widest / 2  # these limits are of the groups alone
    return f"too few: {'the trainings' if by_trainings else f'{d.n_groups} {unit}s'} differ too much"


def most_apart(metric: str) -> float:
    """Return by how much two values of a metric can differ; infinitely where it has no bound.

    >>> most_apart("accuracy"), most_apart("mcc"), most_apart("log_loss")
    (1.0, 2.0, inf)
    """
    return math.inf if metric in UNBOUNDED else 2.0 if metric in SIGNED else 1.0


def possible_difference(end: float, metric: str) -> float:
    """Return the end of a difference's interval, no farther from 0 than a difference can be; NaN stays.

    >>> possible_difference(-1.3, "auc"), possible_difference(1.3, "mcc")
    (-1.0, 1.3)
    """
    most = most_apart(metric)
    return end if math.isnan(end) else min(max(end, -most), most)


def signed(value: float | None) -> str:
    """Return a difference of coefficients with its sign.

    >>> signed(-0.1234), signed(0.5)
    ('−0.123', '+0.500')
    """
    return "–" if value is None or not math.isfinite(value) else f"{value:+.3f}".replace("-", "−")


def points(value: float | None) -> str:
    """Return a difference of fractions in percentage points with its sign.

    >>> points(-0.123), points(0.0)
    ('−12.3', '0.0')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{100 * value:+.1f}".replace("-", "−")
    return text[1:] if text[1:] == "0.0" else text


def count(value: int | None) -> str:
    """Return an integer with commas.

    >>> count(535458)
    '535,458'
    """
    return "–" if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    """Return a duration that a person can read.

    >>> seconds(0.034), seconds(75.0), seconds(9679.0)
    ('0.034 s', '75 s', '2 h 41 min')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value < 10:
        return f"{value:.2g} s"
    if value < 600:
        return f"{value:.0f} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table with one column per key of the first row, padded: for a terminal. Cells
    keep their text.
    """
    if not rows:
        return ""
    safe = [{_cell(k): _cell(v) for k, v in row.items()} for row in rows]
    return str(tabulate(safe, headers="keys", tablefmt="github", disable_numparse=True))


def page_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the same table without padding, which would be a third of a page.

    >>> print(page_table([{"split": "by image", "accuracy %": 80.5}]))
    | split | accuracy % |
    |---|---|
    | by image | 80.5 |
    """
    if not rows:
        return ""
    heads = list(rows[0])
    lines = [_line(heads), "|" + "---|" * len(heads)]
    return "\n".join(lines + [_line([row[head] for head in heads]) for row in rows])


def anchor(heading: str) -> str:
    """Return the id that hosts of repositories give a heading.

    >>> anchor("The cells of Table 6 add up to 153, but 645 are stated.")
    'the-cells-of-table-6-add-up-to-153-but-645-are-stated'
    """
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def unpadded(text: str) -> str:
    """Return Markdown with its tables as a page has them, from tables that were padded for a terminal.

    >>> print(unpadded("| kind    | pairs   |\\n|---------|---------|\\n| a  file | 40      |"))
    | kind | pairs |
    |---|---|
    | a file | 40 |
    """
    lines = (
        re.sub(r"-{3,}", "---", re.sub(r" {2,}", " ", line)) if line.startswith("|") else line
        for line in text.splitlines()
    )
    return "\n".join(lines)


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def on_one_line(value: Any) -> Any:
    """Return plain data whose texts, keys included, hold no line breaks: no name in it begins a heading or a list.

    >>> on_one_line({"a\\nb": ["c", 1, "d\\r\\n# e"]})
    {'a b': ['c', 1, 'd # e']}
    """
    if isinstance(value, str):
        return " ".join(value.splitlines())
    if isinstance(value, Mapping):
        return {on_one_line(k): on_one_line(v) for k, v in value.items()}
    return [on_one_line(v) for v in value] if isinstance(value, list | tuple) else value


_TAG = re.compile(r"`[^`]*`|<(?=[A-Za-z/!?])(?!br>)")


def _cell(value: Any) -> str:
    """Return a cell's text: no name in it begins another cell or row, or is taken for HTML; our own ``<br>`` stays."""
    text = visible(" ".join(str(value).splitlines())).replace("|", "\\|")
    return _TAG.sub(lambda found: found[0] if found[0].startswith("`") else r"\<", text)


def one_answer(e: Estimate | None, class_: str) -> str:
    """Return what is said of a network that names one class for all that it was tested on: originals, where an estimate
    averaged the copies of each, single ones of which may be called otherwise.
    """
    return f"calls every {'original' if e is not None and COPIES_AVERAGED in e.note else 'image'} {class_}"


def extents(found: Iterable[tuple[str, str]]) -> str:
    """Return how much of the published experiment was run under each split, (split, extent), those of one extent
    together; without names where all are alike.

    >>> extents([("as published", "full"), ("by patient", "full")])
    'full'
    >>> extents([("as published", "full"), ("by image", "1 of 5 folds"), ("by patient", "1 of 5 folds")])
    'as published: full; by image, by patient: 1 of 5 folds'
    """
    splits: dict[str, list[str]] = {}
    for split, extent in dict.fromkeys(found):
        if extent:
            splits.setdefault(extent, []).append(split)
    if len(splits) < 2:
        return "".join(splits)
    return "; ".join(f"{', '.join(names)}: {extent}" for extent, names in splits.items())
