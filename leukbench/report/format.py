"""How numbers look in tables: percent with interval, counts with thin groups, a dash with its reason where undefined."""

from __future__ import annotations

import math
import re
from typing import Any

from tabulate import tabulate

FRACTIONS = frozenset({"accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1"})


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


def score(value: float | None, metric: str) -> str:
    """Return a score as the field prints it: percent for shares, three decimals for coefficients and losses."""
    return percent(value) if metric in FRACTIONS else number(value)


def interval(low: float | None, high: float | None, metric: str) -> str:
    """Return ``low to high``, or why there is none."""
    return "no interval" if low is None or high is None else f"{score(low, metric)} to {score(high, metric)}"


def with_interval(estimate: dict[str, Any] | None) -> str:
    """Return an estimate (plain data) with its group-level interval in brackets."""
    if estimate is None or estimate["value"] is None:
        return "–"
    metric = estimate["metric"]
    return f"{score(estimate['value'], metric)} [{interval(estimate['low'], estimate['high'], metric)}]"


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


_WIDE = 20_000


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table with one column per key of the first row; experiments keep their text.

    A table of over 20,000 characters is not padded: most of it would be spaces, and hosts show no page of several megabytes.
    """
    if not rows:
        return ""
    safe = [{k: str(v).replace("|", "\\|").replace("\n", " ") for k, v in row.items()} for row in rows]
    padded = str(tabulate(safe, headers="keys", tablefmt="github", disable_numparse=True))
    if len(padded) <= _WIDE:
        return padded
    head, rule, *body = padded.splitlines()
    return "\n".join([_squeezed(head), re.sub("-+", "---", rule), *map(_squeezed, body)])


def _squeezed(line: str) -> str:
    return re.sub(" {2,}", " ", line)
