"""What a printed decimal can stand for, under rounding and under truncation, in exact rational arithmetic."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

WORDS = {
    w: i
    for i, w in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}


LARGEST_EXPONENT = 30
"""Figures beyond 10^30 or finer than 10^-30 are no figures of a paper, and exact arithmetic on them never ends."""


@dataclass(frozen=True)
class Interval:
    """A closed interval of rationals; ``low <= high``."""

    low: Fraction
    high: Fraction

    def contains(self, value: Fraction | int) -> bool:
        """Return whether the value lies in the closed interval."""
        return self.low <= value <= self.high

    def meets(self, other: Interval) -> bool:
        """Return whether the two closed intervals have a point in common."""
        return self.low <= other.high and other.low <= self.high

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.low - other.high, self.high - other.low)

    def times(self, factor: Fraction | int) -> Interval:
        """Return the interval multiplied by a non-negative factor."""
        return Interval(self.low * factor, self.high * factor)

    def clipped(self, low: Fraction | int, high: Fraction | int) -> Interval:
        """Return the part within [low, high]; the interval itself where nothing is left."""
        if self.high < low or self.low > high:
            return self
        return Interval(max(self.low, Fraction(low)), min(self.high, Fraction(high)))

    def text(self, digits: int = 4) -> str:
        """Return ``low to high`` in decimals."""
        return f"{shown(self.low, digits)} to {shown(self.high, digits)}"


def shown(value: Fraction | float | int, digits: int = 4) -> str:
    """Return a number in decimals without trailing zeros.

    >>> shown(Fraction(1, 3)), shown(12.5), shown(Fraction(7))
    ('0.3333', '12.5', '7')
    """
    text = f"{float(value):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


@functools.lru_cache(maxsize=16_384)
def printed_number(text: str) -> Decimal | None:
    """Return a printed figure as an exact decimal (thousands commas and % ignored, small number words known); None
    where it is not one number.

    Parameters
    ----------
    text
        As printed.

    Returns
    -------
    The exact decimal, or None.

    Examples
    --------
    >>> printed_number("10,661"), printed_number("1.8e+02"), printed_number("3x3")
    (Decimal('10661'), Decimal('1.8E+2'), None)
    """
    cleaned = text.replace(",", "").replace("%", "").replace("−", "-").strip()
    if cleaned.lower() in WORDS:
        return Decimal(WORDS[cleaned.lower()])
    try:
        number = Decimal(cleaned)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= LARGEST_EXPONENT else None


def unit_in_last_place(number: Decimal) -> Fraction:
    """Return one unit of the last printed digit."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return Fraction(10) ** exponent


@functools.lru_cache(maxsize=16_384)
def printed_interval(text: str, *, places: int | None = None) -> Interval | None:
    """Return all true values that print as ``text``: rounded (± half a unit) or truncated (up to one unit towards
    zero).

    Both ends are taken as closed, so that no rounding convention for ties is refused. None where the text is not one
    number.

    Parameters
    ----------
    text
        As printed.
    places
        The exponent of the last digit where the print hides it (heat maps strip trailing zeros).

    Returns
    -------
    A closed interval in the printed unit, or None where the text is not one number.

    Examples
    --------
    >>> i = printed_interval("92.20"); float(i.low), float(i.high)
    (92.195, 92.21)
    """
    number = printed_number(text)
    if number is None:
        return None
    unit = unit_in_last_place(number) if places is None else Fraction(10) ** places
    value = Fraction(number)
    if value == 0:  # truncated towards zero, a small negative value prints so too
        return Interval(-unit, unit)
    if value < 0:
        return Interval(value - unit, value + unit / 2)
    return Interval(value - unit / 2, value + unit)


def computed(interval: Interval) -> Interval:
    """Return the interval widened by what floating point can have added to a score before it was printed.

    Keras and torchmetrics compute in single precision: 0.7 is 0.69999999 there and is cut to 0.69, and a fraction
    that is printed with 17 digits is wrong from the eighth on. Four units in the last place of 24 bits cover a mean
    over classes.

    Parameters
    ----------
    interval
        Of exact values.

    Returns
    -------
    The same with single precision's error on both sides.

    Examples
    --------
    >>> float(computed(Interval(Fraction(7, 10), Fraction(7, 10))).low) < 0.69999999
    True
    """
    return Interval(interval.low - abs(interval.low) / 2**22, interval.high + abs(interval.high) / 2**22)


def rounded_interval(text: str) -> Interval | None:
    """Return the true values that print as ``text`` by rounding alone."""
    number = printed_number(text)
    if number is None:
        return None
    half = unit_in_last_place(number) / 2
    return Interval(Fraction(number) - half, Fraction(number) + half)


def heat_map_interval(text: str, *, digits: int = 2) -> Interval | None:
    """Return the counts that a heat-map cell can stand for: exact without an exponent, else ``digits`` significant
    digits.

    Plotting libraries print annotations with ``%.2g`` by default: 180 becomes ``1.8e+02`` and 200 becomes ``2e+02``.

    Parameters
    ----------
    text
        As a heat map prints a count.
    digits
        Significant digits of an exponent form.

    Returns
    -------
    An interval of counts, or None.

    Examples
    --------
    >>> i = heat_map_interval("2e+02"); float(i.low), float(i.high)
    (195.0, 205.0)
    """
    number = printed_number(text)
    if number is None:
        return None
    if "e" not in text.lower():
        return Interval(Fraction(number), Fraction(number))
    half = Fraction(10) ** (number.adjusted() - digits + 1) / 2
    return Interval(Fraction(number) - half, Fraction(number) + half)


def spread_of_share(p: float) -> float:
    """Return p(1 − p), the variance of one image's rightness; 0 for a figure that is no share, which is told elsewhere.

    >>> spread_of_share(0.5), spread_of_share(1.7)
    (0.25, 0.0)
    """
    return max(0.0, p * (1 - p))


def integers_in(interval: Interval) -> range:
    """Return the integers within the closed interval."""
    return range(math.ceil(interval.low), math.floor(interval.high) + 1)


def counts_printing_as(interval: Interval, n: int) -> range:
    """Return the numbers k of n with k/n in the interval.

    >>> from leukbench.audit.engine.rounding import printed_interval
    >>> [list(counts_printing_as(printed_interval(text), n)) for text, n in (("0.9220", 705), ("0.9198", 3734))]
    [[650], []]
    """
    return integers_in(interval.times(n))
